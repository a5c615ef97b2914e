#include "base/arena.h"
#include "base/integers.h"
#include "kernels/onednn_engine.h"

struct lks_pool {
  lks_onednn_host host;
  lks_onednn_op forward, backward;
};

static lks_status create_forward(lks_pool *pool, const lks_task *task)
{
  static const int list[] = {DNNL_ARG_DST, DNNL_ARG_WORKSPACE, DNNL_ARG_SRC, DNNL_ARG_SCRATCHPAD};
  return lks_onednn_op_create(&pool->forward, &pool->host, task, NULL, list, 4);
}

static lks_status create_backward(lks_pool *pool, const lks_task *task)
{
  static const int list[] = {DNNL_ARG_DIFF_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_WORKSPACE, DNNL_ARG_SCRATCHPAD};
  return lks_onednn_op_create(&pool->backward, &pool->host, task, &pool->forward, list, 4);
}

static lks_status create_operations(lks_pool *pool, lks_pool_kind kind, const lks_window *w, lks_type type)
{
  const dnnl_dim_t samples = (dnnl_dim_t)w->samples, channels = (dnnl_dim_t)w->in_channels;
  const dnnl_dims_t in = {samples, channels, (dnnl_dim_t)w->in_height, (dnnl_dim_t)w->in_width};
  const dnnl_dims_t out = {samples, channels, (dnnl_dim_t)w->out_height, (dnnl_dim_t)w->out_width};
  lks_layout x = NULL, y = NULL;
  lks_status status = lks_onednn_layout(&x, 4, in, type, dnnl_nhwc);
  if (!status) status = lks_onednn_layout(&y, 4, out, type, dnnl_nhwc);
  lks_task task = {.kind = LKS_TASK_POOL_FORWARD,
                   .algorithm = kind == LKS_POOL_MAX ? dnnl_pooling_max : dnnl_pooling_avg_exclude_padding,
                   .x = x,
                   .y = y,
                   .window = w,
                   .type = type};
  if (!status) status = create_forward(pool, &task);
  task.kind = LKS_TASK_POOL_BACKWARD;
  if (!status) status = create_backward(pool, &task);
  lks_layout_destroy(&x);
  lks_layout_destroy(&y);
  return status;
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
  return lks_max(forward, backward);
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

const char *lks_pool_implementation(const lks_pool *pool, bool backward)
{
  return lks_onednn_implementation(backward ? pool->backward.desc : pool->forward.desc);
}
