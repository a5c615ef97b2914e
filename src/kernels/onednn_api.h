#ifndef LKS_KERNELS_ONEDNN_API_H
#define LKS_KERNELS_ONEDNN_API_H

#include <oneapi/dnnl/dnnl.h>
#include <stdbool.h>

#include "kernels/onednn.h"

/** What versions 2 and 3 of oneDNN say differently, said once: the other files are written against this. */

#if DNNL_VERSION_MAJOR == 2
typedef dnnl_memory_desc_t *lks_layout;
typedef const dnnl_memory_desc_t *lks_layout_view;
#elif DNNL_VERSION_MAJOR == 3
typedef dnnl_memory_desc_t lks_layout;
typedef const_dnnl_memory_desc_t lks_layout_view;
#else
#error "Lockstep works with versions 2.6 to 3.x of oneDNN"
#endif

/* lks_layout is a layout that its holder owns, or NULL; lks_layout_view is borrowed. */

/** Local. layout out, to be destroyed; NULL after a failure. */
dnnl_status_t lks_layout_create(lks_layout *layout, int dimensions, const dnnl_dims_t extent,
                                dnnl_data_type_t type, dnnl_format_tag_t tag);
/** Local. The same, with the distance in elements from one index to the next of each dimension. */
dnnl_status_t lks_layout_create_strided(lks_layout *layout, int dimensions, const dnnl_dims_t extent,
                                        dnnl_data_type_t type, const dnnl_dims_t stride);
/** Local. Takes NULL and sets NULL. */
void lks_layout_destroy(lks_layout *layout);

/** A layout in blocks: an index is split into that of a block, which has a stride, and those inside of it.
 * Elements inside a block lie as the inner blocks say, the last of them next to each other. */
typedef struct lks_layout_blocks {
  dnnl_data_type_t type;
  int dimensions, inner;
  dnnl_dims_t extent, padded, stride; /* [dimensions] */
  dnnl_dims_t size, axis;             /* [inner] */
} lks_layout_blocks;

/** Local. False, and nothing written, if the layout is of another kind. */
bool lks_layout_describe(lks_layout_blocks *blocks, lks_layout_view layout);

/** What a primitive shall do. The arrays of a backward pass are the gradients that stand in their places. */
typedef enum lks_task_kind {
  LKS_TASK_CONV_FORWARD,
  LKS_TASK_CONV_BACKWARD_DATA,
  LKS_TASK_CONV_BACKWARD_WEIGHTS,
  LKS_TASK_POOL_FORWARD,
  LKS_TASK_POOL_BACKWARD
} lks_task_kind;

typedef struct lks_task {
  lks_task_kind kind;
  dnnl_alg_kind_t algorithm;
  lks_layout_view x, w, b, y; /* b: NULL without bias; a pool has neither w nor b */
  const lks_window *window;
  lks_type type; /* of x, and of the arithmetic */
} lks_task;

/** Local. choice out: the `nth` of oneDNN's implementations of the task, from 0 in its order of preference.
 * hint: the choice of the forward pass, for a backward one; else NULL. dnnl_unimplemented past the last. */
dnnl_status_t lks_task_choose(dnnl_primitive_desc_t *choice, const lks_task *task, int nth,
                              dnnl_engine_t engine, const_dnnl_primitive_attr_t attributes,
                              const_dnnl_primitive_desc_t hint);

#endif
