/* oneDNN's layers against naive twins in double; and that their bits depend on neither the place of a sample
 * in its microbatch, nor the thread, nor what a buffer held before. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "kernels/onednn.h"
#include "support/naive_conv.h"

#define CHECK(call)                                                                                          \
  do {                                                                                                       \
    if ((call) != LKS_OK) fail_msg("%s", lks_message());                                                     \
  } while (0)

static lks_window window_make(size_t samples, size_t height, size_t width, size_t in, size_t out,
                              size_t kernel, size_t stride, size_t pad)
{
  return (lks_window){samples,
                      height,
                      width,
                      in,
                      (height + 2 * pad - kernel) / stride + 1,
                      (width + 2 * pad - kernel) / stride + 1,
                      out,
                      kernel,
                      kernel,
                      stride,
                      stride,
                      pad,
                      pad,
                      pad,
                      pad,
                      1,
                      0,
                      0};
}

static size_t in_elements(const lks_window *w)
{
  return w->samples * w->in_height * w->in_width * w->in_channels;
}
static size_t out_elements(const lks_window *w)
{
  return w->samples * w->out_height * w->out_width * w->out_channels;
}

static float *floats(size_t count)
{
  float *p = aligned_alloc(64, (count * sizeof(float) / 64 + 1) * 64);
  assert_non_null(p);
  for (size_t i = 0; i < count; i++) p[i] = NAN;
  return p;
}

/* Uniform in (-1, 1), the same every time. */
static void fill(float *p, size_t count, uint64_t seed)
{
  uint64_t state = seed * 2862933555777941757u + 3037000493u;
  for (size_t i = 0; i < count; i++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    p[i] = (float)((double)(state >> 40) / (1 << 23) - 1);
  }
}

static float *random_floats(size_t count, uint64_t seed)
{
  float *p = floats(count);
  fill(p, count, seed);
  return p;
}

/* The same numbers as `type`, rounded. */
static void narrow(void *to, const float *from, size_t count, lks_type type)
{
  for (size_t i = 0; i < count; i++) lks_type_store(to, i, from[i], type);
}

/* Values of `type` as floats, freed with free. */
static float *widened(const void *from, size_t count, lks_type type)
{
  float *to = floats(count);
  for (size_t i = 0; i < count; i++) to[i] = lks_type_load(from, i, type);
  return to;
}

static void *random_values(size_t count, uint64_t seed, lks_type type)
{
  float *wide = random_floats(count, seed);
  void *p = floats(count);
  narrow(p, wide, count, type);
  free(wide);
  return p;
}

static naive_sum *sums(size_t count)
{
  naive_sum *p = calloc(count, sizeof *p);
  assert_non_null(p);
  return p;
}

/* A layer with all its arrays. */
typedef struct layer {
  lks_window window;
  lks_linear *linear;
  lks_type type;
  size_t in, out, weights, gradients;
  char *x, *y, *dx, *dy; /* of `type` */
  float *w, *b, *dw, *db, *packed, *gradient, *scratch[2];
} layer;

static layer layer_make(lks_linear_kind kind, lks_window window, bool bias, lks_type type)
{
  layer l = {.window = window, .type = type, .in = in_elements(&window), .out = out_elements(&window)};
  CHECK(lks_linear_create(&l.linear, kind, &window, bias, true, type, type, 2));
  l.weights = window.in_channels * window.out_channels;
  if (kind == LKS_LINEAR_CONV) l.weights *= window.kernel_height * window.kernel_width;
  l.gradients = lks_linear_gradient_elements(l.linear);
  l.x = random_values(l.in, 1, type);
  l.dy = random_values(l.out, 2, type);
  l.w = random_floats(l.weights, 3);
  l.b = bias ? random_floats(window.out_channels, 4) : NULL;
  l.db = bias ? floats(window.out_channels) : NULL;
  l.y = (char *)floats(l.out);
  l.dx = (char *)floats(l.in);
  l.dw = floats(l.weights);
  l.packed = floats(lks_linear_packed_bytes(l.linear) / sizeof(float));
  l.gradient = floats(l.gradients);
  for (int t = 0; t < 2; t++) l.scratch[t] = floats(lks_linear_scratch_bytes(l.linear) / sizeof(float) + 1);
  CHECK(lks_linear_pack(l.packed, l.w, l.linear));
  return l;
}

static void layer_free(layer *l)
{
  void *all[] = {l->x,  l->y,  l->w,      l->b,        l->dx,         l->dy,
                 l->dw, l->db, l->packed, l->gradient, l->scratch[0], l->scratch[1]};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) free(all[i]);
  lks_linear_destroy(&l->linear);
}

static lks_status layer_run(layer *l, int thread)
{
  void *scratch = l->scratch[thread];
  lks_status status = lks_linear_forward(l->y, l->x, l->packed, l->b, l->linear, thread, scratch);
  if (!status) status = lks_linear_backward_data(l->dx, l->dy, l->packed, l->linear, thread, scratch);
  if (!status) status = lks_linear_backward_weights(l->gradient, l->x, l->dy, l->linear, thread, scratch);
  return status;
}

static void check_layer(lks_linear_kind kind, lks_window window, bool bias, lks_type type)
{
  layer l = layer_make(kind, window, bias, type);
  float *x = widened(l.x, l.in, type), *dy = widened(l.dy, l.out, type),
        *w = random_values(l.weights, 3, type);
  float *rounded = widened(w, l.weights, type);
  CHECK(layer_run(&l, 0));
  CHECK(lks_linear_unpack_gradient(l.dw, l.db, l.gradient, l.linear));
  float *y_got = widened(l.y, l.out, type), *dx_got = widened(l.dx, l.in, type);
  float *dw_got = floats(l.weights), *w_naive = floats(l.weights);
  const size_t columns = kind == LKS_LINEAR_DENSE ? window.out_channels : 1, rows = l.weights / columns;
  naive_transpose(w_naive, rounded, rows, columns); /* dense: (in,out), and the naive twin's are (out,in) */
  naive_transpose(dw_got, l.dw, rows, columns);
  naive_sum *y = sums(l.out), *dx = sums(l.in), *dw = sums(l.weights), *db = sums(window.out_channels);
  naive_conv_forward(y, x, w_naive, l.b, &window);
  naive_conv_backward(dx, dw, db, dy, x, w_naive, &window);
  bool good[] = {naive_close(y_got, y, l.out, type), naive_close(dx_got, dx, l.in, type),
                 naive_close(dw_got, dw, l.weights, LKS_FP32),
                 !bias || naive_close(l.db, db, window.out_channels, LKS_FP32)};
  for (int i = 0; i < 4; i++)
    if (!good[i])
      fail_msg("%s %s of %zux%zux%zu -> %zu, kernel %zu, stride %zu, pad %zu: wrong", lks_type_name(type),
               (const char *[]){"y", "dx", "dw", "db"}[i], window.in_height, window.in_width,
               window.in_channels, window.out_channels, window.kernel_height, window.stride_height,
               window.pad_top);
  /* The comparison can fail: one part in 2^12, and in bf16 in 2^7, is seen. */
  y_got[0] += (type == LKS_BF16 ? 0x1p-7f : 0x1p-12f) * (float)y[0].magnitude;
  assert_false(naive_close(y_got, y, l.out, type) && y[0].terms < 2048);
  free(x), free(dy), free(w), free(rounded), free(y_got), free(dx_got), free(dw_got), free(w_naive);
  free(y), free(dx), free(dw), free(db);
  layer_free(&l);
}

/* The type that a test is about; the test is skipped where the processor has no arithmetic for it. */
static lks_type type_of(void **state)
{
  const lks_type type = *(const lks_type *)*state;
  if (type == LKS_BF16 && lks_isa_used() < LKS_ISA_AVX512_BF16) skip();
  return type;
}

static void test_conv_agrees_with_naive(void **state)
{
  const lks_type type = type_of(state);
  static const size_t channels[][2] = {{1, 16}, {3, 10}, {10, 17}, {16, 16}, {17, 3}, {16, 1}};
  for (size_t c = 0; c < sizeof channels / sizeof channels[0]; c++)
    for (size_t kernel = 1; kernel <= 5; kernel += 2)
      for (size_t stride = 1; stride <= 2; stride++)
        for (size_t pad = 0; pad <= (kernel > 1); pad++)
          check_layer(LKS_LINEAR_CONV,
                      window_make(3, 9, 8, channels[c][0], channels[c][1], kernel, stride, pad),
                      (c + pad) % 2 == 0, type);
  check_layer(LKS_LINEAR_CONV, window_make(8, 28, 28, 1, 32, 3, 1, 1), true, type);
  check_layer(LKS_LINEAR_CONV, window_make(8, 8, 8, 64, 64, 3, 1, 1), false, type);
  check_layer(LKS_LINEAR_CONV, window_make(1, 5, 7, 16, 32, 1, 2, 0), false, type);
}

static void test_dense_agrees_with_naive(void **state)
{
  const lks_type type = type_of(state);
  static const size_t shapes[][3] = {{1, 1, 1},     {3, 17, 10},   {8, 64, 10},
                                     {8, 784, 256}, {16, 100, 10}, {7, 129, 33}};
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
    check_layer(LKS_LINEAR_DENSE, window_make(shapes[i][0], 1, 1, shapes[i][1], shapes[i][2], 1, 1, 0),
                i % 3 != 2, type);
}

/* The layers that the presets are made of, and awkward ones. */
static const struct {
  lks_linear_kind kind;
  size_t samples, size, in, out, kernel, stride, pad;
} shapes[] = {
    {LKS_LINEAR_CONV, 8, 28, 1, 32, 3, 1, 1},    {LKS_LINEAR_CONV, 8, 14, 32, 64, 3, 1, 1},
    {LKS_LINEAR_CONV, 8, 16, 3, 16, 3, 1, 1},    {LKS_LINEAR_CONV, 8, 9, 17, 10, 3, 2, 1},
    {LKS_LINEAR_CONV, 8, 16, 16, 32, 1, 2, 0},   {LKS_LINEAR_CONV, 16, 7, 10, 3, 5, 1, 2},
    {LKS_LINEAR_CONV, 8, 5, 64, 64, 1, 1, 0},    {LKS_LINEAR_CONV, 11, 3, 48, 33, 1, 1, 0},
    {LKS_LINEAR_DENSE, 8, 1, 784, 256, 1, 1, 0}, {LKS_LINEAR_DENSE, 16, 1, 100, 10, 1, 1, 0},
    {LKS_LINEAR_DENSE, 13, 1, 129, 33, 1, 1, 0}, {LKS_LINEAR_DENSE, 31, 1, 3136, 128, 1, 1, 0},
    {LKS_LINEAR_DENSE, 7, 1, 17, 1, 1, 1, 0},
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static layer shape_layer(int i, lks_type type)
{
  return layer_make(shapes[i].kind,
                    window_make(shapes[i].samples, shapes[i].size, shapes[i].size, shapes[i].in,
                                shapes[i].out, shapes[i].kernel, shapes[i].stride, shapes[i].pad),
                    i % 2 == 0, type);
}

static void test_bits_do_not_depend_on_the_place_in_the_microbatch(void **state)
{
  const lks_type type = type_of(state);
  for (int i = 0; i < SHAPES; i++) {
    layer l = shape_layer(i, type);
    size_t in = l.in / l.window.samples * lks_type_bytes(type);
    size_t out = l.out / l.window.samples * lks_type_bytes(type);
    CHECK(layer_run(&l, 0));
    void *y = floats(out), *dx = floats(in), *x = floats(in), *dy = floats(out);
    memcpy(y, l.y, out), memcpy(dx, l.dx, in);
    memcpy(x, l.x, in), memcpy(dy, l.dy, out);
    for (size_t place = 1; place < l.window.samples; place++) {
      free(l.x), free(l.dy);
      l.x = random_values(l.in, 10 + place, type), l.dy = random_values(l.out, 20 + place, type);
      memcpy(l.x + place * in, x, in), memcpy(l.dy + place * out, dy, out);
      CHECK(layer_run(&l, 0));
      assert_memory_equal(l.y + place * out, y, out);
      assert_memory_equal(l.dx + place * in, dx, in);
      assert_memory_not_equal(l.y, y, out);
    }
    free(y), free(dx), free(x), free(dy);
    layer_free(&l);
  }
}

/* A mini-batch that does not fill its last microbatch leaves rows whose dy is zero. */
static void test_zero_rows_contribute_nothing(void **state)
{
  const lks_type type = type_of(state);
  for (int i = 0; i < SHAPES; i++) {
    layer l = shape_layer(i, type);
    size_t in = l.in / l.window.samples * lks_type_bytes(type);
    size_t out = l.out / l.window.samples * lks_type_bytes(type);
    memset(l.dy + 4 * out, 0, (l.window.samples - 4) * out);
    CHECK(layer_run(&l, 0));
    float *gradient = floats(l.gradients);
    memcpy(gradient, l.gradient, l.gradients * sizeof(float));
    memset(l.x + 4 * in, 0, (l.window.samples - 4) * in);
    CHECK(layer_run(&l, 0));
    for (size_t e = 0; e < l.gradients; e++) assert_true(gradient[e] == l.gradient[e]); /* -0 is 0 */
    for (size_t e = 4 * l.in / l.window.samples; e < l.in; e++)
      assert_true(lks_type_load(l.dx, e, type) == 0);
    memset(l.dy, 0, l.out * lks_type_bytes(type));
    CHECK(layer_run(&l, 0));
    for (size_t e = 0; e < l.gradients; e++) assert_true(l.gradient[e] == 0);
    free(gradient);
    layer_free(&l);
  }
}

/* Padding of blocked layouts is summed and sent along with the rest: it must be zero, whatever was there. */
static void test_every_element_of_a_gradient_is_written(void **state)
{
  const lks_type type = type_of(state);
  for (int i = 0; i < SHAPES; i++) {
    layer l = shape_layer(i, type);
    double sum = 0, unpacked = 0;
    for (int again = 0; again < 2; again++) {
      for (size_t e = 0; e < l.gradients; e++) l.gradient[e] = NAN;
      CHECK(layer_run(&l, 0));
    }
    for (size_t e = 0; e < l.gradients; e++) assert_true(isfinite(l.gradient[e]));
    for (size_t e = 0; e < l.gradients; e++) sum += fabs((double)l.gradient[e]);
    CHECK(lks_linear_unpack_gradient(l.dw, l.db, l.gradient, l.linear));
    for (size_t e = 0; e < l.weights; e++) unpacked += fabs((double)l.dw[e]);
    for (size_t e = 0; l.db && e < l.window.out_channels; e++) unpacked += fabs((double)l.db[e]);
    assert_true(fabs(sum - unpacked) < 1e-9 * sum);
    layer_free(&l);
  }
}

static void test_bits_do_not_depend_on_the_thread(void **state)
{
  const lks_type type = type_of(state);
  for (int i = 0; i < SHAPES; i++) {
    layer l = shape_layer(i, type), m = l;
    omp_set_num_threads(1);
    CHECK(layer_run(&l, 0));
    m.y = (char *)floats(l.out), m.dx = (char *)floats(l.in), m.gradient = floats(l.gradients);
    for (int parallel = 0; parallel < 2; parallel++) {
      /* Thread 1 and thread 0 at once, each with its own outputs; then the same outside of a parallel region.
       */
      lks_status status[2] = {LKS_OK, LKS_OK};
      omp_set_num_threads(2);
#pragma omp parallel for schedule(static, 1) if (parallel)
      for (int t = 0; t < 2; t++) status[t] = layer_run(t ? &m : &l, t);
      assert_true(status[0] == LKS_OK && status[1] == LKS_OK);
      assert_memory_equal(l.y, m.y, l.out * lks_type_bytes(type));
      assert_memory_equal(l.dx, m.dx, l.in * lks_type_bytes(type));
      assert_memory_equal(l.gradient, m.gradient, l.gradients * sizeof(float));
      assert_int_equal(omp_get_max_threads(), 2);
    }
    omp_set_num_threads(1);
    free(m.y), free(m.dx), free(m.gradient);
    layer_free(&l);
  }
}

/* Where windows overlap, oneDNN adds in bf16: every step rounds. */
static bool close_step_by_step(const float *got, const naive_sum *want, size_t count)
{
  bool close = true;
  for (size_t i = 0; i < count; i++)
    close &= fabs((double)got[i] - want[i].value) <= (double)want[i].terms * 0x1p-8 * want[i].magnitude;
  return close;
}

static void check_pool(lks_pool_kind kind, lks_window w, bool ties, lks_type type)
{
  lks_pool *pool = NULL;
  CHECK(lks_pool_create(&pool, kind, &w, type, 2));
  size_t in = in_elements(&w), out = out_elements(&w);
  void *x = random_values(in, 5, type), *dy = random_values(out, 6, type), *y = floats(out), *dx = floats(in);
  for (size_t i = 0; ties && i < in; i++)
    lks_type_store(x, i, lks_type_load(x, i, type) < 0.5F ? 0 : 1, type);
  float *x_wide = widened(x, in, type), *dy_wide = widened(dy, out, type);
  float *workspace = floats(lks_pool_workspace_bytes(pool) / sizeof(float) + 1);
  float *scratch = floats(lks_pool_scratch_bytes(pool) / sizeof(float) + 1);
  naive_sum *y_want = sums(out), *dx_want = sums(in);
  (kind == LKS_POOL_MAX ? naive_max_pool : naive_average_pool)(y_want, dx_want, x_wide, dy_wide, &w);
  for (int thread = 0; thread < 2; thread++) {
    CHECK(lks_pool_forward(y, workspace, x, pool, thread, scratch));
    CHECK(lks_pool_backward(dx, dy, workspace, pool, thread, scratch));
    float *y_got = widened(y, out, type), *dx_got = widened(dx, in, type);
    assert_true(naive_close(y_got, y_want, out, type));
    assert_true(type == LKS_BF16 ? close_step_by_step(dx_got, dx_want, in)
                                 : naive_close(dx_got, dx_want, in, type));
    free(y_got), free(dx_got);
  }
  free(x_wide), free(dy_wide), free(x), free(dy), free(y), free(dx), free(workspace), free(scratch),
      free(y_want), free(dx_want);
  lks_pool_destroy(&pool);
}

static void test_pool_agrees_with_naive(void **state)
{
  const lks_type type = type_of(state);
  static const size_t channels[] = {1, 3, 10, 16, 17, 64};
  for (size_t c = 0; c < sizeof channels / sizeof channels[0]; c++)
    for (int kind = LKS_POOL_MAX; kind <= LKS_POOL_AVERAGE; kind++) {
      size_t n = channels[c];
      check_pool((lks_pool_kind)kind, window_make(3, 8, 8, n, n, 2, 2, 0), false, type);
      check_pool((lks_pool_kind)kind, window_make(3, 9, 7, n, n, 2, 2, 0), true, type);
      check_pool((lks_pool_kind)kind, window_make(2, 9, 7, n, n, 3, 2, 1), true, type);
      check_pool((lks_pool_kind)kind, window_make(2, 6, 6, n, n, 3, 1, 1), false, type);
      check_pool((lks_pool_kind)kind, window_make(8, 7, 7, n, n, 7, 1, 0), false, type);
    }
}

/* The layer that gives the logits: bf16 in, fp32 out. */
static void test_y_in_fp32_of_bf16(void **state)
{
  type_of(state);
  lks_window w = window_make(8, 1, 1, 100, 10, 1, 1, 0);
  layer l = layer_make(LKS_LINEAR_DENSE, w, true, LKS_BF16);
  lks_linear *wide = NULL;
  CHECK(lks_linear_create(&wide, LKS_LINEAR_DENSE, &w, true, true, LKS_BF16, LKS_FP32, 1));
  float *y = floats(l.out), *scratch = floats(lks_linear_scratch_bytes(wide) / sizeof(float) + 1);
  CHECK(layer_run(&l, 0));
  CHECK(lks_linear_forward(y, l.x, l.packed, l.b, wide, 0, scratch));
  float *rounded = floats(l.out);
  narrow(rounded, y, l.out, LKS_BF16);
  assert_memory_equal(rounded, l.y, l.out * lks_type_bytes(LKS_BF16));
  free(y), free(scratch), free(rounded);
  lks_linear_destroy(&wide);
  layer_free(&l);
}

static void test_bad_shape_is_told(void **state)
{
  (void)state;
  lks_window w = window_make(2, 8, 8, 3, 4, 3, 1, 1);
  w.out_height++;
  lks_linear *linear = NULL;
  assert_int_equal(lks_linear_create(&linear, LKS_LINEAR_CONV, &w, true, true, LKS_FP32, LKS_FP32, 1),
                   LKS_ERR_RANK);
  assert_null(linear);
  assert_non_null(strstr(lks_message(), "invalid arguments"));
  layer l = layer_make(LKS_LINEAR_DENSE, window_make(2, 1, 1, 3, 4, 1, 1, 0), true, LKS_FP32);
  assert_int_equal(lks_linear_forward(l.y, l.x, l.packed, NULL, l.linear, 0, l.scratch[0]), LKS_ERR_RANK);
  layer_free(&l);
}

static int all_is_freed(void **state)
{
  (void)state;
  return lks_allocations_open() == 0 ? 0 : -1;
}

int main(void)
{
  static lks_type fp32 = LKS_FP32, bf16 = LKS_BF16;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_prestate(test_conv_agrees_with_naive, &fp32),
      cmocka_unit_test_prestate(test_conv_agrees_with_naive, &bf16),
      cmocka_unit_test_prestate(test_dense_agrees_with_naive, &fp32),
      cmocka_unit_test_prestate(test_dense_agrees_with_naive, &bf16),
      cmocka_unit_test_prestate(test_bits_do_not_depend_on_the_place_in_the_microbatch, &fp32),
      cmocka_unit_test_prestate(test_bits_do_not_depend_on_the_place_in_the_microbatch, &bf16),
      cmocka_unit_test_prestate(test_zero_rows_contribute_nothing, &fp32),
      cmocka_unit_test_prestate(test_zero_rows_contribute_nothing, &bf16),
      cmocka_unit_test_prestate(test_every_element_of_a_gradient_is_written, &fp32),
      cmocka_unit_test_prestate(test_every_element_of_a_gradient_is_written, &bf16),
      cmocka_unit_test_prestate(test_bits_do_not_depend_on_the_thread, &fp32),
      cmocka_unit_test_prestate(test_bits_do_not_depend_on_the_thread, &bf16),
      cmocka_unit_test_prestate(test_pool_agrees_with_naive, &fp32),
      cmocka_unit_test_prestate(test_pool_agrees_with_naive, &bf16),
      cmocka_unit_test_prestate(test_y_in_fp32_of_bf16, &bf16),
      cmocka_unit_test(test_bad_shape_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, all_is_freed);
}
