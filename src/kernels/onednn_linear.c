#include <string.h>

#include "base/arena.h"
#include "base/integers.h"
#include "kernels/onednn_engine.h"

struct lks_linear {
  lks_onednn_host host;
  lks_onednn_op forward, backward_data, backward_weights, unpack;
  lks_onednn_pack pack, pack_data; /* pack_data: none if the layout is the forward pass's */
  size_t outputs;
  size_t data_offset, words_offset; /* bytes of `packed` before the weights of backward_data, and the words */
  size_t packed_bytes;
  size_t dw, dw_rounded; /* floats of dw in its layout; and up to where db starts */
  bool bias;
};

/* What the three passes are described by; dx is as x. w_any and dw_any let each primitive choose its layout;
 * w is that of the parameters. */
typedef struct linear_layouts {
  lks_layout x, y, dy, b, w, w_any, dw_any;
  lks_type type;
} linear_layouts;

static void destroy_layouts(linear_layouts *l)
{
  lks_layout *all[] = {&l->x, &l->y, &l->dy, &l->b, &l->w, &l->w_any, &l->dw_any};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) lks_layout_destroy(all[i]);
}

/* A dense layer is a 1 x 1 convolution of one image whose pixels are the samples. Against oneDNN's inner
 * product this is up to twice as fast at 8 or 16 samples, and a row's bits do not depend on its place (in
 * gemm:jit, the inner product of AVX2, they do). On processors other than x86 a convolution is gemm:ref, a
 * product of matrices an image, in which the bits of a pixel do depend on its place: there each sample is an
 * image of one pixel. */
static lks_window as_convolution(lks_linear_kind kind, const lks_window *w)
{
  if (kind == LKS_LINEAR_CONV) return *w;
  size_t inputs = w->in_height * w->in_width * w->in_channels;
#if defined(__x86_64__)
  return (lks_window){1, 1, w->samples, inputs, 1, w->samples, w->out_channels, 1, 1, 1, 1, 0,
                      0, 0, 0,          1,      0, 0};
#else
  return (lks_window){w->samples, 1, 1, inputs, 1, 1, w->out_channels, 1, 1, 1, 1, 0, 0, 0, 0, 1, 0, 0};
#endif
}

static lks_status describe_layouts(linear_layouts *l, lks_linear_kind kind, const lks_window *w, bool bias,
                                   lks_type type, lks_type y_type)
{
  const dnnl_dim_t samples = (dnnl_dim_t)w->samples, in = (dnnl_dim_t)w->in_channels,
                   out = (dnnl_dim_t)w->out_channels;
  const dnnl_dims_t x = {samples, in, (dnnl_dim_t)w->in_height, (dnnl_dim_t)w->in_width};
  const dnnl_dims_t y = {samples, out, (dnnl_dim_t)w->out_height, (dnnl_dim_t)w->out_width};
  const dnnl_dim_t groups = w->groups > 1 ? (dnnl_dim_t)w->groups : 1;
  const dnnl_dim_t height = (dnnl_dim_t)w->kernel_height, width = (dnnl_dim_t)w->kernel_width;
  const dnnl_dims_t whole = {out, in, height, width},
                    grouped = {groups, out / groups, in / groups, height, width};
  const dnnl_dim_t *weights = groups > 1 ? grouped : whole;
  const int dimensions = groups > 1 ? 5 : 4;
  l->type = type;
  lks_status status = lks_onednn_layout(&l->x, 4, x, type, dnnl_nhwc);
  if (!status) status = lks_onednn_layout(&l->y, 4, y, y_type, dnnl_nhwc);
  if (!status) status = lks_onednn_layout(&l->dy, 4, y, type, dnnl_nhwc);
  const dnnl_format_tag_t parameters = groups > 1                ? dnnl_goihw
                                       : kind == LKS_LINEAR_CONV ? dnnl_oihw
                                                                 : dnnl_iohw;
  if (!status) status = lks_onednn_layout(&l->w, dimensions, weights, LKS_FP32, parameters);
  if (!status) status = lks_onednn_layout(&l->w_any, dimensions, weights, type, dnnl_format_tag_any);
  if (!status) status = lks_onednn_layout(&l->dw_any, dimensions, weights, LKS_FP32, dnnl_format_tag_any);
  if (!status && bias) status = lks_onednn_layout(&l->b, 1, (const dnnl_dims_t){out}, LKS_FP32, dnnl_x);
  return status;
}

static lks_task task_of(lks_task_kind kind, const lks_window *w, const linear_layouts *l)
{
  return (lks_task){.kind = kind,
                    .algorithm = dnnl_convolution_direct,
                    .x = l->x,
                    .w = kind == LKS_TASK_CONV_BACKWARD_WEIGHTS ? l->dw_any : l->w_any,
                    .b = l->b,
                    .y = kind == LKS_TASK_CONV_FORWARD ? l->y : l->dy,
                    .window = w,
                    .type = l->type};
}

static lks_status create_forward(lks_linear *linear, const lks_window *w, const linear_layouts *l)
{
  const lks_task task = task_of(LKS_TASK_CONV_FORWARD, w, l);
  static const int list[] = {DNNL_ARG_DST, DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS,
                             DNNL_ARG_SCRATCHPAD};
  return lks_onednn_op_create(&linear->forward, &linear->host, &task, NULL, list, 5);
}

static lks_status create_backward_data(lks_linear *linear, const lks_window *w, const linear_layouts *l)
{
  const lks_task task = task_of(LKS_TASK_CONV_BACKWARD_DATA, w, l);
  static const int list[] = {DNNL_ARG_DIFF_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_WEIGHTS, DNNL_ARG_SCRATCHPAD};
  return lks_onednn_op_create(&linear->backward_data, &linear->host, &task, &linear->forward, list, 4);
}

static lks_status create_backward_weights(lks_linear *linear, const lks_window *w, const linear_layouts *l)
{
  const lks_task task = task_of(LKS_TASK_CONV_BACKWARD_WEIGHTS, w, l);
  static const int list[] = {DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_BIAS, DNNL_ARG_SRC, DNNL_ARG_DIFF_DST,
                             DNNL_ARG_SCRATCHPAD};
  return lks_onednn_op_create(&linear->backward_weights, &linear->host, &task, &linear->forward, list, 5);
}

/* Where everything lies in `packed` and in a gradient, and the reorders that lead there and back. */
static lks_status create_packing(lks_linear *linear, const lks_window *window, const linear_layouts *l,
                                 bool dense)
{
  lks_layout_view w = lks_onednn_layout_of(&linear->forward, DNNL_ARG_WEIGHTS);
  lks_status status = lks_onednn_pack_create(&linear->pack, &linear->host, dense, window, l->w, w);
  linear->packed_bytes = lks_round_up(dnnl_memory_desc_get_size(w), 64);
  if (!status && linear->backward_data.desc) {
    lks_layout_view w_data = lks_onednn_layout_of(&linear->backward_data, DNNL_ARG_WEIGHTS);
    if (!dnnl_memory_desc_equal(w, w_data)) {
      linear->data_offset = linear->packed_bytes;
      linear->packed_bytes += lks_round_up(dnnl_memory_desc_get_size(w_data), 64);
      status = lks_onednn_pack_create(&linear->pack_data, &linear->host, dense, window, l->w, w_data);
    }
  }
  if (status) return status;
  const size_t words = linear->pack.words, words_data = linear->pack_data.words;
  linear->words_offset = linear->packed_bytes;
  linear->packed_bytes += lks_round_up(lks_max(words, words_data) * sizeof(uint32_t), 64);
  lks_layout_view dw = lks_onednn_layout_of(&linear->backward_weights, DNNL_ARG_DIFF_WEIGHTS);
  linear->dw = dnnl_memory_desc_get_size(dw) / sizeof(float);
  linear->dw_rounded = lks_round_up(linear->dw, 16);
  return lks_onednn_reorder_create(&linear->unpack, &linear->host, dw, l->w);
}

static lks_status create_operations(lks_linear *linear, const lks_window *window, const linear_layouts *l,
                                    bool dense, bool need_dx)
{
  lks_status status = create_forward(linear, window, l);
  if (!status && need_dx) status = create_backward_data(linear, window, l);
  if (!status) status = create_backward_weights(linear, window, l);
  if (!status) status = create_packing(linear, window, l, dense);
  return status;
}

lks_status lks_linear_create(lks_linear **linear, lks_linear_kind kind, const lks_window *window, bool bias,
                             bool need_dx, lks_type type, lks_type y_type, int threads)
{
  *linear = NULL;
  lks_linear *made = lks_new(1, sizeof *made);
  if (!made) return LKS_ERR_RANK;
  made->bias = bias;
  lks_window w = as_convolution(kind, window);
  made->outputs = w.out_channels;
  linear_layouts layouts = {0};
  int before = lks_onednn_threads_swap(1);
  lks_status status = lks_onednn_host_open(&made->host, threads);
  if (!status) status = describe_layouts(&layouts, kind, &w, bias, type, y_type);
  if (!status) status = create_operations(made, &w, &layouts, kind == LKS_LINEAR_DENSE, need_dx);
  lks_onednn_threads_swap(before);
  destroy_layouts(&layouts);
  if (status) lks_linear_destroy(&made);
  *linear = made;
  return status;
}

void lks_linear_destroy(lks_linear **linear)
{
  if (!*linear) return;
  lks_linear *l = *linear;
  lks_onednn_op *ops[] = {&l->forward,      &l->backward_data,     &l->backward_weights,
                          &l->pack.reorder, &l->pack_data.reorder, &l->unpack};
  for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) lks_onednn_op_destroy(ops[i]);
  lks_onednn_host_close(&l->host);
  lks_free(l);
  *linear = NULL;
}

const char *lks_linear_implementation(const lks_linear *linear, lks_linear_pass pass)
{
  const lks_onednn_op *ops[] = {&linear->forward, &linear->backward_data, &linear->backward_weights};
  return lks_onednn_implementation(ops[pass]->desc);
}

size_t lks_linear_packed_bytes(const lks_linear *linear)
{
  return linear->packed_bytes;
}

size_t lks_linear_gradient_elements(const lks_linear *linear)
{
  return linear->dw_rounded + (linear->bias ? linear->outputs : 0);
}

size_t lks_linear_scratch_bytes(const lks_linear *linear)
{
  size_t a = lks_onednn_bytes(&linear->forward, DNNL_ARG_SCRATCHPAD);
  size_t b = lks_onednn_bytes(&linear->backward_data, DNNL_ARG_SCRATCHPAD);
  size_t c = lks_onednn_bytes(&linear->backward_weights, DNNL_ARG_SCRATCHPAD);
  return lks_max(a, lks_max(b, c));
}

lks_status lks_linear_pack(void *packed, const float *w, lks_linear *linear)
{
  uint32_t *words = (uint32_t *)((char *)packed + linear->words_offset);
  lks_status status = lks_onednn_pack_run(&linear->pack, packed, w, words);
  if (status || linear->data_offset == 0) return status;
  return lks_onednn_pack_run(&linear->pack_data, (char *)packed + linear->data_offset, w, words);
}

lks_status lks_linear_unpack_gradient(float *dw, float *db, const float *gradient, lks_linear *linear)
{
  if (linear->bias) memcpy(db, gradient + linear->dw_rounded, linear->outputs * sizeof(float));
  return lks_onednn_run(&linear->unpack, 0, (const void *[]){gradient, dw});
}

lks_status lks_linear_forward(void *y, const void *x, const void *packed, const float *b, lks_linear *linear,
                              int thread, void *scratch)
{
  return lks_onednn_run(&linear->forward, thread, (const void *[]){y, x, packed, b, scratch});
}

lks_status lks_linear_backward_data(void *dx, const void *dy, const void *packed, lks_linear *linear,
                                    int thread, void *scratch)
{
  const void *w = (const char *)packed + linear->data_offset;
  return lks_onednn_run(&linear->backward_data, thread, (const void *[]){dx, dy, w, scratch});
}

lks_status lks_linear_backward_weights(float *gradient, const void *x, const void *dy, lks_linear *linear,
                                       int thread, void *scratch)
{
  float *db = gradient + linear->dw_rounded;
  for (float *gap = gradient + linear->dw; gap < db; gap++) *gap = 0;
  return lks_onednn_run(&linear->backward_weights, thread, (const void *[]){gradient, db, x, dy, scratch});
}
