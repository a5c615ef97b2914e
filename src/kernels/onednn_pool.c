#include "base/arena.h"
#include "kernels/onednn_engine.h"

struct lks_pool {
  lks_onednn_host host;
  lks_onednn_op forward, backward;
};

static lks_status create_operations(lks_pool *pool, lks_pool_kind kind, const lks_window *w, lks_type type)
{
  const dnnl_alg_kind_t algorithm =
      kind == LKS_POOL_MAX ? dnnl_pooling_max : dnnl_pooling_avg_exclude_padding;
  const dnnl_dim_t samples = (dnnl_dim_t)w->samples, channels = (dnnl_dim_t)w->in_channels;
  const dnnl_dims_t in = {samples, channels, (dnnl_dim_t)w->in_height, (dnnl_dim_t)w->in_width};
  const dnnl_dims_t out = {samples, channels, (dnnl_dim_t)w->out_height, (dnnl_dim_t)w->out_width};
  const dnnl_dims_t kernel = {(dnnl_dim_t)w->kernel_height, (dnnl_dim_t)w->kernel_width};
  const dnnl_dims_t stride = {(dnnl_dim_t)w->stride_height, (dnnl_dim_t)w->stride_width};
  const dnnl_dims_t begin = {(dnnl_dim_t)w->pad_top, (dnnl_dim_t)w->pad_left};
  const dnnl_dims_t end = {(dnnl_dim_t)w->pad_bottom, (dnnl_dim_t)w->pad_right};
  dnnl_memory_desc_t x, y;
  lks_status status = lks_onednn_layout(&x, 4, in, type, dnnl_nhwc);
  if (!status) status = lks_onednn_layout(&y, 4, out, type, dnnl_nhwc);
  if (status) return status;

  dnnl_pooling_desc_t forward, backward;
  dnnl_status_t made = dnnl_pooling_forward_desc_init(&forward, dnnl_forward_training, algorithm, &x, &y,
                                                      stride, kernel, begin, end);
  if (made == dnnl_success)
    made = dnnl_pooling_backward_desc_init(&backward, algorithm, &x, &y, stride, kernel, begin, end);
  if (made != dnnl_success) return lks_onednn_check(made, "describing a pooling");
  static const int forward_list[] = {DNNL_ARG_DST, DNNL_ARG_WORKSPACE, DNNL_ARG_SRC, DNNL_ARG_SCRATCHPAD};
  static const int backward_list[] = {DNNL_ARG_DIFF_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_WORKSPACE,
                                      DNNL_ARG_SCRATCHPAD};
  status = lks_onednn_op_create(&pool->forward, &pool->host, &forward, NULL, forward_list, 4);
  if (status) return status;
  return lks_onednn_op_create(&pool->backward, &pool->host, &backward, &pool->forward, backward_list, 4);
}

lks_status lks_pool_create(lks_pool **pool, lks_pool_kind kind, const lks_window *window, lks_type type,
                           int threads)
{
  *pool = NULL;
  lks_pool *made = lks_new(1, sizeof *made);
  if (!made) return LKS_ERR_RANK;
  int before = lks_onednn_threads_swap(1);
  lks_status status = lks_onednn_host_open(&made->host, threads);
  if (!status) status = create_operations(made, kind, window, type);
  lks_onednn_threads_swap(before);
  if (status) lks_pool_destroy(&made);
  *pool = made;
  return status;
}

void lks_pool_destroy(lks_pool **pool)
{
  if (!*pool) return;
  lks_onednn_op_destroy(&(*pool)->forward);
  lks_onednn_op_destroy(&(*pool)->backward);
  lks_onednn_host_close(&(*pool)->host);
  lks_free(*pool);
  *pool = NULL;
}

size_t lks_pool_workspace_bytes(const lks_pool *pool)
{
  return lks_onednn_bytes(&pool->forward, DNNL_ARG_WORKSPACE);
}

size_t lks_pool_scratch_bytes(const lks_pool *pool)
{
  size_t forward = lks_onednn_bytes(&pool->forward, DNNL_ARG_SCRATCHPAD);
  size_t backward = lks_onednn_bytes(&pool->backward, DNNL_ARG_SCRATCHPAD);
  return forward > backward ? forward : backward;
}

lks_status lks_pool_forward(void *y, void *workspace, const void *x, lks_pool *pool, int thread,
                            void *scratch)
{
  return lks_onednn_run(&pool->forward, thread, (const void *[]){y, workspace, x, scratch});
}

lks_status lks_pool_backward(void *dx, const void *dy, const void *workspace, lks_pool *pool, int thread,
                             void *scratch)
{
  return lks_onednn_run(&pool->backward, thread, (const void *[]){dx, dy, workspace, scratch});
}
