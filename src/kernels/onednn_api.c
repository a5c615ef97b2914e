#include "kernels/onednn_api.h"

#include <stddef.h>
#include <string.h>

#include "base/arena.h"

/* A window in oneDNN's words: height, width. */
typedef struct spans {
  dnnl_dims_t kernel, stride, gap, pad_begin, pad_end;
} spans;

static spans spans_of(const lks_window *w)
{
  return (spans){.kernel = {(dnnl_dim_t)w->kernel_height, (dnnl_dim_t)w->kernel_width},
                 .stride = {(dnnl_dim_t)w->stride_height, (dnnl_dim_t)w->stride_width},
                 .gap = {(dnnl_dim_t)w->gap_height, (dnnl_dim_t)w->gap_width},
                 .pad_begin = {(dnnl_dim_t)w->pad_top, (dnnl_dim_t)w->pad_left},
                 .pad_end = {(dnnl_dim_t)w->pad_bottom, (dnnl_dim_t)w->pad_right}};
}

#if DNNL_VERSION_MAJOR == 2

static lks_layout allocated(void)
{
  return lks_new(1, sizeof(dnnl_memory_desc_t));
}

dnnl_status_t lks_layout_create(lks_layout *layout, int dimensions, const dnnl_dims_t extent,
                                dnnl_data_type_t type, dnnl_format_tag_t tag)
{
  *layout = allocated();
  if (!*layout) return dnnl_out_of_memory;
  dnnl_status_t status = dnnl_memory_desc_init_by_tag(*layout, dimensions, extent, type, tag);
  if (status != dnnl_success) lks_layout_destroy(layout);
  return status;
}

dnnl_status_t lks_layout_create_strided(lks_layout *layout, int dimensions, const dnnl_dims_t extent,
                                        dnnl_data_type_t type, const dnnl_dims_t stride)
{
  *layout = allocated();
  if (!*layout) return dnnl_out_of_memory;
  dnnl_status_t status = dnnl_memory_desc_init_by_strides(*layout, dimensions, extent, type, stride);
  if (status != dnnl_success) lks_layout_destroy(layout);
  return status;
}

void lks_layout_destroy(lks_layout *layout)
{
  lks_free(*layout);
  *layout = NULL;
}

bool lks_layout_describe(lks_layout_blocks *blocks, lks_layout_view layout)
{
  if (layout->format_kind != dnnl_blocked) return false;
  const dnnl_blocking_desc_t *from = &layout->format_desc.blocking;
  *blocks =
      (lks_layout_blocks){.type = layout->data_type, .dimensions = layout->ndims, .inner = from->inner_nblks};
  memcpy(blocks->extent, layout->dims, sizeof blocks->extent);
  memcpy(blocks->padded, layout->padded_dims, sizeof blocks->padded);
  memcpy(blocks->stride, from->strides, sizeof blocks->stride);
  memcpy(blocks->size, from->inner_blks, sizeof blocks->size);
  memcpy(blocks->axis, from->inner_idxs, sizeof blocks->axis);
  return true;
}

/* The operation descriptor of either kind; oneDNN tells them by their first member. */
typedef union description {
  dnnl_convolution_desc_t convolution;
  dnnl_pooling_desc_t pooling;
} description;

static dnnl_status_t describe(description *d, const lks_task *t)
{
  const spans s = spans_of(t->window);
  switch (t->kind) {
  case LKS_TASK_CONV_FORWARD:
    return dnnl_dilated_convolution_forward_desc_init(&d->convolution, dnnl_forward_training, t->algorithm,
                                                      t->x, t->w, t->b, t->y, s.stride, s.gap, s.pad_begin,
                                                      s.pad_end);
  case LKS_TASK_CONV_BACKWARD_DATA:
    return dnnl_dilated_convolution_backward_data_desc_init(&d->convolution, t->algorithm, t->x, t->w, t->y,
                                                            s.stride, s.gap, s.pad_begin, s.pad_end);
  case LKS_TASK_CONV_BACKWARD_WEIGHTS:
    return dnnl_dilated_convolution_backward_weights_desc_init(
        &d->convolution, t->algorithm, t->x, t->w, t->b, t->y, s.stride, s.gap, s.pad_begin, s.pad_end);
  case LKS_TASK_POOL_FORWARD:
    return dnnl_pooling_forward_desc_init(&d->pooling, dnnl_forward_training, t->algorithm, t->x, t->y,
                                          s.stride, s.kernel, s.pad_begin, s.pad_end);
  case LKS_TASK_POOL_BACKWARD:
    return dnnl_pooling_backward_desc_init(&d->pooling, t->algorithm, t->x, t->y, s.stride, s.kernel,
                                           s.pad_begin, s.pad_end);
  }
  return dnnl_invalid_arguments;
}

dnnl_status_t lks_task_choose(dnnl_primitive_desc_t *choice, const lks_task *task, int nth,
                              dnnl_engine_t engine, const_dnnl_primitive_attr_t attributes,
                              const_dnnl_primitive_desc_t hint)
{
  description d;
  dnnl_primitive_desc_iterator_t iterator = NULL;
  *choice = NULL;
  dnnl_status_t status = describe(&d, task);
  if (status == dnnl_success)
    status = dnnl_primitive_desc_iterator_create(&iterator, &d, attributes, engine, hint);
  while (status == dnnl_success && nth-- > 0) status = dnnl_primitive_desc_iterator_next(iterator);
  if (status == dnnl_success) {
    *choice = dnnl_primitive_desc_iterator_fetch(iterator);
    if (!*choice) status = dnnl_out_of_memory;
  }
  if (iterator) dnnl_primitive_desc_iterator_destroy(iterator);
  return status == dnnl_iterator_ends ? dnnl_unimplemented : status;
}

#else

dnnl_status_t lks_layout_create(lks_layout *layout, int dimensions, const dnnl_dims_t extent,
                                dnnl_data_type_t type, dnnl_format_tag_t tag)
{
  *layout = NULL;
  return dnnl_memory_desc_create_with_tag(layout, dimensions, extent, type, tag);
}

dnnl_status_t lks_layout_create_strided(lks_layout *layout, int dimensions, const dnnl_dims_t extent,
                                        dnnl_data_type_t type, const dnnl_dims_t stride)
{
  *layout = NULL;
  return dnnl_memory_desc_create_with_strides(layout, dimensions, extent, type, stride);
}

void lks_layout_destroy(lks_layout *layout)
{
  if (*layout) dnnl_memory_desc_destroy(*layout);
  *layout = NULL;
}

static void copy_list(dnnl_dims_t to, int count, dnnl_query_t what, lks_layout_view layout)
{
  const dnnl_dims_t *from = NULL;
  if (dnnl_memory_desc_query(layout, what, &from) == dnnl_success && from)
    memcpy(to, *from, (size_t)count * sizeof(dnnl_dim_t));
}

bool lks_layout_describe(lks_layout_blocks *blocks, lks_layout_view layout)
{
  dnnl_format_kind_t kind = dnnl_format_kind_undef;
  lks_layout_blocks b = {0};
  dnnl_memory_desc_query(layout, dnnl_query_format_kind, &kind);
  dnnl_memory_desc_query(layout, dnnl_query_data_type, &b.type);
  dnnl_memory_desc_query(layout, dnnl_query_ndims_s32, &b.dimensions);
  if (kind != dnnl_blocked || b.dimensions == 0) return false;
  dnnl_memory_desc_query(layout, dnnl_query_inner_nblks_s32, &b.inner);
  copy_list(b.extent, b.dimensions, dnnl_query_dims, layout);
  copy_list(b.padded, b.dimensions, dnnl_query_padded_dims, layout);
  copy_list(b.stride, b.dimensions, dnnl_query_strides, layout);
  copy_list(b.size, b.inner, dnnl_query_inner_blks, layout);
  copy_list(b.axis, b.inner, dnnl_query_inner_idxs, layout);
  *blocks = b;
  return true;
}

static dnnl_status_t choose_first(dnnl_primitive_desc_t *choice, const lks_task *t, dnnl_engine_t engine,
                                  const_dnnl_primitive_attr_t attributes, const_dnnl_primitive_desc_t hint)
{
  static const dnnl_dims_t dense = {0};
  const spans s = spans_of(t->window);
  switch (t->kind) {
  case LKS_TASK_CONV_FORWARD:
    return dnnl_convolution_forward_primitive_desc_create(choice, engine, dnnl_forward_training, t->algorithm,
                                                          t->x, t->w, t->b, t->y, s.stride, s.gap,
                                                          s.pad_begin, s.pad_end, attributes);
  case LKS_TASK_CONV_BACKWARD_DATA:
    return dnnl_convolution_backward_data_primitive_desc_create(choice, engine, t->algorithm, t->x, t->w,
                                                                t->y, s.stride, s.gap, s.pad_begin, s.pad_end,
                                                                hint, attributes);
  case LKS_TASK_CONV_BACKWARD_WEIGHTS:
    return dnnl_convolution_backward_weights_primitive_desc_create(choice, engine, t->algorithm, t->x, t->w,
                                                                   t->b, t->y, s.stride, s.gap, s.pad_begin,
                                                                   s.pad_end, hint, attributes);
  case LKS_TASK_POOL_FORWARD:
    return dnnl_pooling_forward_primitive_desc_create(choice, engine, dnnl_forward_training, t->algorithm,
                                                      t->x, t->y, s.stride, s.kernel, dense, s.pad_begin,
                                                      s.pad_end, attributes);
  case LKS_TASK_POOL_BACKWARD:
    return dnnl_pooling_backward_primitive_desc_create(choice, engine, t->algorithm, t->x, t->y, s.stride,
                                                       s.kernel, dense, s.pad_begin, s.pad_end, hint,
                                                       attributes);
  }
  return dnnl_invalid_arguments;
}

dnnl_status_t lks_task_choose(dnnl_primitive_desc_t *choice, const lks_task *task, int nth,
                              dnnl_engine_t engine, const_dnnl_primitive_attr_t attributes,
                              const_dnnl_primitive_desc_t hint)
{
  *choice = NULL;
  dnnl_status_t status = choose_first(choice, task, engine, attributes, hint);
  while (status == dnnl_success && nth-- > 0) status = dnnl_primitive_desc_next_impl(*choice);
  if (status == dnnl_success) return status;
  if (*choice) dnnl_primitive_desc_destroy(*choice);
  *choice = NULL;
  return status == dnnl_last_impl_reached ? dnnl_unimplemented : status;
}

#endif
