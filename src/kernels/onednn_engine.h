#ifndef LKS_KERNELS_ONEDNN_ENGINE_H
#define LKS_KERNELS_ONEDNN_ENGINE_H

#include "kernels/onednn.h"
#include "kernels/onednn_api.h"

/** Local. LKS_OK, or LKS_ERR_RANK with what was being done and oneDNN's word for the failure. */
lks_status lks_onednn_check(dnnl_status_t status, const char *what);

/** Local. What lks_onednn_library says of a library. */
lks_status lks_onednn_accept(const dnnl_version_t *library);

/** The processor as oneDNN's engine, with a stream for each thread. */
typedef struct lks_onednn_host {
  dnnl_engine_t engine;
  dnnl_stream_t *stream; /* [threads] */
  int threads;
} lks_onednn_host;

/** Local. */
lks_status lks_onednn_host_open(lks_onednn_host *host, int threads);
void lks_onednn_host_close(lks_onednn_host *host);

enum { LKS_ONEDNN_ARGUMENTS = 6 };

/** A primitive and, for each thread, the memory objects of its arguments. */
typedef struct lks_onednn_op {
  const lks_onednn_host *host; /* borrowed */
  dnnl_primitive_desc_t desc;
  dnnl_primitive_t primitive;
  int arguments;                   /* of the caller's list, those that the primitive has */
  int place[LKS_ONEDNN_ARGUMENTS]; /* in the caller's list */
  dnnl_exec_arg_t *argument;       /* [threads,arguments] */
  const void **pointer;            /* [threads,arguments]: what the memory objects point at */
} lks_onednn_op;

/** Local. Creates the primitive for a task, for one thread, with a scratchpad of the caller. hint: the
 * forward operation of a backward one, or NULL. list [count]: its arguments (DNNL_ARG_...), in the order of
 * lks_onednn_run's pointers; those that it does not have are passed over. */
lks_status lks_onednn_op_create(lks_onednn_op *op, const lks_onednn_host *host, const lks_task *task,
                                const lks_onednn_op *hint, const int *list, int count);
/** Local. oneDNN's name of an implementation; "" for none. Borrowed. */
const char *lks_onednn_implementation(const_dnnl_primitive_desc_t choice);
/** Local. The reorder from one layout to another; its pointers are (from, to). */
lks_status lks_onednn_reorder_create(lks_onednn_op *op, const lks_onednn_host *host, lks_layout_view from,
                                     lks_layout_view to);
void lks_onednn_op_destroy(lks_onednn_op *op);

/** Local. Borrowed; NULL or a layout of no dimensions if the operation has no such argument. */
lks_layout_view lks_onednn_layout_of(const lks_onednn_op *op, int argument);
/** Local. Bytes that an argument takes; 0 if the operation has no such argument. */
size_t lks_onednn_bytes(const lks_onednn_op *op, int argument);

/** Local. Executes the operation on this thread alone. pointers: as the list given at creation. */
lks_status lks_onednn_run(lks_onednn_op *op, int thread, const void *const *pointers);

/** How the parameters of a layer come into a primitive's layout of its weights. */
typedef struct lks_onednn_pack {
  lks_onednn_op reorder; /* of the parameters, or of pairs of them */
  size_t words;          /* pairs, with padding; 0 if there are none */
  size_t out, in;
  size_t row; /* words of a row */
  int axis;   /* that pairs are along */
} lks_onednn_pack;

/** Local. from: OIHW of fp32; or (in,out) if dense, the layout IOHW; to: of either type. */
lks_status lks_onednn_pack_create(lks_onednn_pack *pack, const lks_onednn_host *host, bool dense,
                                  const lks_window *window, lks_layout_view from, lks_layout_view to);
/** Local, on thread 0. packed out; w in; words [pack->words] is room to work in. */
lks_status lks_onednn_pack_run(lks_onednn_pack *pack, void *packed, const float *w, uint32_t *words);

/** Local. Sets the number of OpenMP threads that this thread's next parallel region would have; returns the
 * one before. oneDNN splits sums by that number both when it creates and when it executes. */
int lks_onednn_threads_swap(int threads);

/** Local. layout out: one of values of `type`, to be destroyed. */
lks_status lks_onednn_layout(lks_layout *layout, int dimensions, const dnnl_dims_t extent, lks_type type,
                             dnnl_format_tag_t tag);

#endif
