#ifndef LKS_KERNELS_VECTOR_TABLE_H
#define LKS_KERNELS_VECTOR_TABLE_H

#include "kernels/batch_norm.h"
#include "kernels/elementwise.h"
#include "kernels/isa.h"

/** The kernels of one instruction set. The sources of this directory are compiled once for each level,
 * LKS_ISA_NAME being its name; each source defines the struct of its own kernels, and table.c gathers them.
 * The public functions one floor up call the table in use. The levels give the same bits: operations and
 * their order are the same, only the number of lanes differs. Signatures are those of the public functions
 * unless said otherwise. */
typedef struct lks_batch_norm_kernels {
  void (*forward)(void *y, const void *x, const void *residual, const lks_batch_norm_form *form, bool relu,
                  size_t rows, size_t channels, lks_type type);
  /* dx = scale*g + (slope*(x - mean) + intercept) */
  void (*backward)(void *dx, const void *g, const void *x, const lks_batch_norm_form *form,
                   const float *slope, const float *intercept, size_t rows, size_t channels, lks_type type);
} lks_batch_norm_kernels;

typedef struct lks_batch_norm_sum_kernels {
  void (*sums)(double *restrict sum, double *restrict square_sum, const void *restrict x, size_t rows,
               size_t channels, lks_type type);
  void (*backward_sums)(double *restrict dy_sum, double *restrict dy_xhat_sum, void *g, const void *dy,
                        const void *dy2, const void *y, const void *x, const lks_batch_norm_form *form,
                        size_t rows, size_t channels, lks_type type);
} lks_batch_norm_sum_kernels;

/* argmax NULL: neither it nor chosen is wanted */
typedef struct lks_batch_norm_pool_kernels {
  void (*forward)(void *y, void *chosen, uint8_t *argmax, const void *x, const lks_batch_norm_form *form,
                  bool relu, const lks_pool_grid *grid, size_t samples, size_t channels, lks_type type);
  /* dx as that of batch_norm, g being that of the window at the place that `argmax` names, else 0 */
  void (*backward)(void *dx, const void *g, const uint8_t *argmax, const void *x,
                   const lks_batch_norm_form *form, const float *slope, const float *intercept,
                   const lks_pool_grid *grid, size_t samples, size_t channels, lks_type type);
} lks_batch_norm_pool_kernels;

typedef struct lks_elementwise_kernels {
  void (*relu_forward)(void *y, const void *x, size_t count, lks_type type);
  void (*relu_backward)(void *dx, const void *dy, const void *y, size_t count, lks_type type);
  /* y = x where sign > 0, else slope*x */
  void (*leaky_relu)(void *y, const void *x, const void *sign, float slope, size_t count, lks_type type);
  void (*sigmoid_backward)(void *dx, const void *dy, const void *y, size_t count, lks_type type);
  void (*tanh_backward)(void *dx, const void *dy, const void *y, size_t count, lks_type type);
  void (*add_forward)(void *y, const void *a, const void *b, size_t count, lks_type type);
  /* an element whose word is below threshold becomes 0, the others are multiplied by scale */
  void (*dropout)(void *y, const void *x, uint32_t threshold, float scale, const lks_random_key *key,
                  size_t count, lks_type type);
  /* y[at + i] = (x[i] - mean[i % period]) * scale[i % period], in double; x u8, or f32. y may be x, at being 0. */
  void (*input_bytes)(void *y, size_t at, const void *x, const double *mean, const double *scale,
                      size_t period, size_t count, lks_type type);
  void (*input_floats)(void *y, size_t at, const void *x, const double *mean, const double *scale,
                       size_t period, size_t count, lks_type type);
  void (*bf16_of)(uint16_t *y, const float *x, size_t count);
  void (*bf16_pairs)(uint32_t *y, const float *a, const float *b, size_t count);
} lks_elementwise_kernels;

typedef struct lks_exp_kernels {
  void (*exp)(double *y, const double *x, size_t count); /* y may be x; within 2 ulp, not fused */
  void (*sigmoid_forward)(void *y, const void *x, size_t count, lks_type type);
} lks_exp_kernels;

typedef struct lks_activation_kernels {
  void (*gelu_forward)(void *y, const void *x, size_t count, lks_type type);
  void (*gelu_backward)(void *dx, const void *dy, const void *x, size_t count, lks_type type);
  void (*silu_forward)(void *y, const void *x, size_t count, lks_type type);
  void (*silu_backward)(void *dx, const void *dy, const void *x, size_t count, lks_type type);
  void (*tanh_forward)(void *y, const void *x, size_t count, lks_type type);
} lks_activation_kernels;

typedef struct lks_optimizer_kernels {
  /* each returns whether all that it wrote is finite */
  bool (*sgd_update)(float *w, float *v, const float *g, float lr, float momentum, float decay, bool nesterov,
                     bool first, size_t count);
  /* g += decay*w; moments; w = shrink*w - step * m / (sqrt(v)/root + epsilon) */
  bool (*adam_update)(float *w, float *m, float *v, const float *g, float step, float root, float beta1,
                      float beta2, float epsilon, float decay, float shrink, size_t count);
} lks_optimizer_kernels;

typedef struct lks_vector_kernels {
  const lks_batch_norm_kernels *batch_norm;
  const lks_batch_norm_sum_kernels *batch_norm_sums;
  const lks_batch_norm_pool_kernels *batch_norm_pool;
  const lks_elementwise_kernels *elementwise;
  const lks_exp_kernels *exp;
  const lks_activation_kernels *activation;
  const lks_optimizer_kernels *optimizer;
} lks_vector_kernels;

extern const lks_vector_kernels lks_vector_kernels_baseline, lks_vector_kernels_avx2,
    lks_vector_kernels_avx512, lks_vector_kernels_avx512_bf16;

/** Local. The table in use: that of lks_isa_used(). */
const lks_vector_kernels *lks_vector(void);
/** Local. What lks_isa_set does here, without asking oneDNN, which may be told only once: for tests and
 * benchmarks. */
void lks_vector_use(lks_isa isa);

#ifdef LKS_ISA_NAME
#define LKS_PASTE(a, b) a##_##b
#define LKS_PASTE_EXPANDED(a, b) LKS_PASTE(a, b)
#define LKS_OF_ISA(name) LKS_PASTE_EXPANDED(lks_##name##_kernels, LKS_ISA_NAME)

extern const lks_batch_norm_kernels LKS_OF_ISA(batch_norm);
extern const lks_batch_norm_sum_kernels LKS_OF_ISA(batch_norm_sums);
extern const lks_batch_norm_pool_kernels LKS_OF_ISA(batch_norm_pool);
extern const lks_elementwise_kernels LKS_OF_ISA(elementwise);
extern const lks_exp_kernels LKS_OF_ISA(exp);
extern const lks_activation_kernels LKS_OF_ISA(activation);
extern const lks_optimizer_kernels LKS_OF_ISA(optimizer);
#endif

#endif
