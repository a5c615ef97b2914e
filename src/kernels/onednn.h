#ifndef LKS_KERNELS_ONEDNN_H
#define LKS_KERNELS_ONEDNN_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/status.h"

/** Convolution, dense layers and pooling of one fixed shape, from oneDNN. Everything else of oneDNN stays behind this file.
 *  Primitives are created once, for one thread each call and with a scratchpad of the caller; `thread` says which of the
 *  `threads` sets of memory handles a call may use, so calls with different threads may run side by side.
 *  Activations are NHWC (rows x channels), fp32. Nothing is allocated by this code after creation. */
typedef struct lks_window {
  size_t samples;                    /* of a microbatch */
  size_t in_height, in_width, in_channels;
  size_t out_height, out_width, out_channels;
  size_t kernel_height, kernel_width; /* in_height, in_width for a dense layer: 1 x 1 with in_channels = all inputs */
  size_t stride_height, stride_width;
  size_t pad_top, pad_left, pad_bottom, pad_right;
} lks_window;

/** A layer with weights: y = conv(x, w) + b, or y = x w^T + b. */
typedef struct lks_linear lks_linear;

typedef enum lks_linear_kind { LKS_LINEAR_CONV, LKS_LINEAR_DENSE } lks_linear_kind;

/** Local. need_dx: whether the gradient of the input is wanted (the first layer does without). */
lks_status lks_linear_create(lks_linear **linear, lks_linear_kind kind, const lks_window *window, bool bias, bool need_dx,
                             int threads);
void lks_linear_destroy(lks_linear **linear);

size_t lks_linear_weights(const lks_linear *linear);         /* elements of w: OIHW, or (out,in) */
size_t lks_linear_packed_bytes(const lks_linear *linear);    /* of w in the layouts that the primitives like best */
size_t lks_linear_gradient_elements(const lks_linear *linear); /* floats of dw in its packed layout, then db if there is a bias */
size_t lks_linear_scratch_bytes(const lks_linear *linear);   /* of one thread */

/** Local. packed [lks_linear_packed_bytes] out; w OIHW or (out,in) in, fp32. Once a step. */
lks_status lks_linear_pack(void *packed, const float *w, lks_linear *linear);
/** Local. dw OIHW or (out,in), db [out] (NULL without bias) out; gradient packed in. Once a step. */
lks_status lks_linear_unpack_gradient(float *dw, float *db, const float *gradient, lks_linear *linear);

/** Local. y [samples,out_h,out_w,out_c] out; x in; b [out_c] or NULL. */
lks_status lks_linear_forward(float *y, const float *x, const void *packed, const float *b, lks_linear *linear, int thread,
                              void *scratch);
/** Local. dx out (overwritten); dy in. */
lks_status lks_linear_backward_data(float *dx, const float *dy, const void *packed, lks_linear *linear, int thread,
                                    void *scratch);
/** Local. gradient [lks_linear_gradient_elements] out (overwritten): dw packed, then db. */
lks_status lks_linear_backward_weights(float *gradient, const float *x, const float *dy, lks_linear *linear, int thread,
                                       void *scratch);

typedef enum lks_pool_kind { LKS_POOL_MAX, LKS_POOL_AVERAGE } lks_pool_kind; /* average: padding is not counted */
typedef struct lks_pool lks_pool;
lks_status lks_pool_create(lks_pool **pool, lks_pool_kind kind, const lks_window *window, int threads);
void lks_pool_destroy(lks_pool **pool);
size_t lks_pool_workspace_bytes(const lks_pool *pool); /* of one microbatch, kept from forward to backward; may be 0 */
size_t lks_pool_scratch_bytes(const lks_pool *pool);
lks_status lks_pool_forward(float *y, void *workspace, const float *x, lks_pool *pool, int thread, void *scratch);
lks_status lks_pool_backward(float *dx, const float *dy, const void *workspace, lks_pool *pool, int thread, void *scratch);

/** "2.6.3" and the instruction set in use. Local. */
const char *lks_onednn_version(void);
const char *lks_onednn_isa(void);

#endif
