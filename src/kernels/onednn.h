#ifndef LKS_KERNELS_ONEDNN_H
#define LKS_KERNELS_ONEDNN_H

#include <stdbool.h>
#include <stddef.h>

#include "kernels/isa.h"
#include "kernels/type.h"
#include "lockstep/status.h"

/** Convolution, dense layers and pooling of one fixed shape, from oneDNN, which is known to onednn*.c alone.
 *  Primitives are created once, for one thread each call and with a scratchpad of the caller; `thread` says
 *  which of the `threads` sets of memory handles a call may use, so calls with different threads may run side
 *  by side. Activations are NHWC (rows x channels) of `type`; buffers are aligned to 64 bytes. Sums are in
 *  fp32, of products of `type`; weights, biases and their gradients are fp32, and packed weights are rounded
 *  to `type`. Nothing is allocated by this code after creation. A result's bits depend on neither the thread,
 *  nor the number of threads, nor (y and dx) the place of a sample in its microbatch; on the instruction set
 *  they do. */
typedef struct lks_window {
  size_t samples; /* of a microbatch */
  size_t in_height, in_width, in_channels;
  size_t out_height, out_width, out_channels;
  size_t kernel_height, kernel_width; /* of no meaning for a dense layer, as are strides and padding */
  size_t stride_height, stride_width;
  size_t pad_top, pad_left, pad_bottom, pad_right;
  size_t groups;                /* of a convolution: parts that channels fall into; 0 is 1 */
  size_t gap_height, gap_width; /* of a convolution: pixels left out between two that meet the kernel */
} lks_window;

/** A layer with weights: y = conv(x, w) + b, or y = x w + b. Weights of a convolution are OIHW, I being the
 * inputs of one group, those of a
 * dense layer (in,out): the primitives keep runs of outputs together, so in fp32 they come into their layouts
 * and back three times as fast as (out,in) would. */
typedef struct lks_linear lks_linear;

typedef enum lks_linear_kind { LKS_LINEAR_CONV, LKS_LINEAR_DENSE } lks_linear_kind;

/** Local. need_dx: whether the gradient of the input is wanted (the first layer does without). type: of x,
 * dx, dy and the arithmetic; y_type: of y, LKS_FP32 or `type`. */
lks_status lks_linear_create(lks_linear **linear, lks_linear_kind kind, const lks_window *window, bool bias,
                             bool need_dx, lks_type type, lks_type y_type, int threads);
void lks_linear_destroy(lks_linear **linear);

/** Local. oneDNN's name of the primitive that a pass is computed with, "" if it has none. Borrowed. */
typedef enum lks_linear_pass { LKS_LINEAR_FORWARD, LKS_LINEAR_DATA, LKS_LINEAR_WEIGHTS } lks_linear_pass;
/** Local. */
const char *lks_linear_implementation(const lks_linear *linear, lks_linear_pass pass);

/** Local. Bytes of w in the layouts that the primitives like best, and of room to bring it there. */
size_t lks_linear_packed_bytes(const lks_linear *linear);
/** Local. Floats of dw in its packed layout, padding included, then db if there is a bias. */
size_t lks_linear_gradient_elements(const lks_linear *linear);
/** Local. Bytes of one thread. */
size_t lks_linear_scratch_bytes(const lks_linear *linear);

/** Local. packed [lks_linear_packed_bytes] out; w in, fp32. Once a step. */
lks_status lks_linear_pack(void *packed, const float *w, lks_linear *linear);
/** Local. dw as w, db [out] (NULL without bias) out; gradient packed in. Once a step. */
lks_status lks_linear_unpack_gradient(float *dw, float *db, const float *gradient, lks_linear *linear);

/** Local. y [samples,out_h,out_w,out_c] out; x in; b [out_c] or NULL. */
lks_status lks_linear_forward(void *y, const void *x, const void *packed, const float *b, lks_linear *linear,
                              int thread, void *scratch);
/** Local. dx out (overwritten); dy in. */
lks_status lks_linear_backward_data(void *dx, const void *dy, const void *packed, lks_linear *linear,
                                    int thread, void *scratch);
/** Local. gradient [lks_linear_gradient_elements] out (overwritten, padding with 0): dw packed, then db. */
lks_status lks_linear_backward_weights(float *gradient, const void *x, const void *dy, lks_linear *linear,
                                       int thread, void *scratch);

/** The average is over the pixels of the image alone: padding is not counted. */
typedef enum lks_pool_kind { LKS_POOL_MAX, LKS_POOL_AVERAGE } lks_pool_kind;
typedef struct lks_pool lks_pool;

/** Local. window: out_channels is in_channels. A global average has the image as its kernel. */
lks_status lks_pool_create(lks_pool **pool, lks_pool_kind kind, const lks_window *window, lks_type type,
                           int threads);
void lks_pool_destroy(lks_pool **pool);
/** Local. As lks_linear_implementation. */
const char *lks_pool_implementation(const lks_pool *pool, bool backward);
/** Local. Bytes of one microbatch, kept from forward to backward; may be 0. */
size_t lks_pool_workspace_bytes(const lks_pool *pool);
/** Local. Bytes of one thread; may be 0. */
size_t lks_pool_scratch_bytes(const lks_pool *pool);
/** Local. y, workspace out; x in. */
lks_status lks_pool_forward(void *y, void *workspace, const void *x, lks_pool *pool, int thread,
                            void *scratch);
/** Local. dx out (overwritten); dy, workspace in. The first of equal values takes a maximum's gradient. */
lks_status lks_pool_backward(void *dx, const void *dy, const void *workspace, lks_pool *pool, int thread,
                             void *scratch);

/** Local. The newest instructions that oneDNN may use; before the first primitive. LKS_ERR_RANK when the
 * processor lacks them, or when oneDNN already works with others. */
lks_status lks_onednn_isa_set(lks_isa isa);

/** Local. LKS_ERR_RANK unless the oneDNN that was loaded is of the major version that this was compiled for,
 * and computes with OpenMP or one thread: only there is a primitive for one thread to be had. */
lks_status lks_onednn_library(void);

/** Local. "2.6.3" and the instruction set in use. */
const char *lks_onednn_version(void);
const char *lks_onednn_isa(void);

#endif
