#include "kernels/vector/lanes.h"
#include "kernels/vector/table.h"

/* Smooth activations, element by element: in double, by our own exp, rounded once to fp32 and then to the type.
 * A block is small enough to stay in the first cache between its loops. */

typedef enum curve { GELU, SILU, TANH } curve;

enum { BLOCK = 64 };

/* exp(z^2) erfc(z) for z >= 0, within 5e-12 of its size up to z = 11; beyond, it stays between 0 and 0.1. In the
 * variable t = 1/(1 + 0.4 z) it is t times a polynomial: interpolated at 14 Chebyshev points in 40 digits. Horner's
 * scheme in u, which runs from -1 to 1 as t does from 1/5.4 to 1. */
static inline double scaled_erfc(double z)
{
  static const double c[] = {0.48789065750591531,     0.32300940796139727,    0.14719817254338187,
                             0.040853466850579024,    0.0032203369279060579,  -0.0018957310916989789,
                             -0.00042507779835072981, 0.0001270975602338224,  3.5871000891570471e-5,
                             -1.3306286968029997e-5,  -2.4382985520026669e-6, 1.5987309735394962e-6,
                             8.3964143429260869e-8,   -1.395729319188165e-7};
  const double t = 1.0 / (1.0 + 0.4 * z), u = t * (27.0 / 11.0) - 16.0 / 11.0;
  double p = c[13];
  for (int k = 12; k >= 0; k--) p = p * u + c[k];
  return t * p;
}

#define ROOT_HALF 0x1.6a09e667f3bcdp-1   /* sqrt(1/2) */
#define NORMAL_PEAK 0x1.9884533d43651p-2 /* 1/sqrt(2 pi) */
#define FAR 40.0                         /* where exp(-x^2/2) has long been 0 */
#define SMALL 0.125                      /* below it tanh is a series, of which 1e-13 is left */

/* What exp is taken of. */
LKS_INLINE double exponent(curve of, double x)
{
  if (of == GELU) return -0.5 * x * x; /* exact but for x that are far out */
  if (of == SILU) return -x;
  return x < 0 ? 2.0 * x : -2.0 * x;
}

/* Half of the normal distribution's weight beyond |x|: of x < 0 its Phi(x). e = exp(-x^2/2) */
static inline double normal_tail(double x, double e)
{
  double z = x < 0 ? -x : x;
  z = z < FAR ? z : FAR;
  return 0.5 * e * scaled_erfc(z * ROOT_HALF);
}

static inline double gelu(double x, double e)
{
  const double tail = normal_tail(x, e);
  return x * (x < 0 ? tail : 1.0 - tail);
}

/* Phi(x) + x phi(x) */
static inline double gelu_slope(double x, double e)
{
  const double tail = normal_tail(x, e);
  return (x < 0 ? tail : 1.0 - tail) + x * (e * NORMAL_PEAK);
}

/* s (1 + x (1 - s)) with s = 1/(1 + e), e = exp(-x), which may be infinite */
static inline double silu_slope(double x, double e)
{
  const double s = 1.0 / (1.0 + e);
  return s * (1.0 + x * (1.0 - s));
}

/* e = exp(-2|x|). Near 0, where 1 - e has few digits left, the Taylor series. */
static inline double tangent(double x, double e)
{
  const double x2 = x * x, size = (1.0 - e) / (1.0 + e);
  const double q = -17.0 / 315 + x2 * (62.0 / 2835 + x2 * (-1382.0 / 155925));
  const double series = x * (1.0 + x2 * (-1.0 / 3 + x2 * (2.0 / 15 + x2 * q)));
  const double far = x < 0 ? -size : size;
  return x2 < SMALL * SMALL ? series : far;
}

LKS_INLINE double value(curve of, double x, double e)
{
  if (of == GELU) return gelu(x, e);
  if (of == SILU) return x / (1.0 + e);
  return tangent(x, e);
}

LKS_INLINE double slope(curve of, double x, double e)
{
  return of == GELU ? gelu_slope(x, e) : silu_slope(x, e);
}

LKS_INLINE void load_block(float *block, const void *x, size_t at, size_t count, lks_type type)
{
  for (size_t i = 0; i < count; i += LKS_FULL) {
    const lks_full v = lks_load(x, at + i, count - i < LKS_FULL ? count - i : LKS_FULL, type);
    memcpy(block + i, &v, sizeof v);
  }
}

LKS_INLINE void store_block(void *y, const float *block, size_t at, size_t count, lks_type type)
{
  for (size_t i = 0; i < count; i += LKS_FULL) {
    lks_full v;
    memcpy(&v, block + i, sizeof v);
    lks_store(y, at + i, v, count - i < LKS_FULL ? count - i : LKS_FULL, type);
  }
}

/* e = exp of what the curve takes it of */
LKS_INLINE void exponentials(double *e, const float *x, curve of)
{
#pragma omp simd
  for (size_t i = 0; i < BLOCK; i++) e[i] = exponent(of, (double)x[i]);
  LKS_OF_ISA(exp).exp(e, e, BLOCK);
}

LKS_INLINE void forward(void *y, const void *x, curve of, size_t count, lks_type type)
{
  float v[BLOCK] = {0};
  double e[BLOCK];
  for (size_t begin = 0; begin < count; begin += BLOCK) {
    const size_t n = count - begin < BLOCK ? count - begin : BLOCK;
    load_block(v, x, begin, n, type);
    exponentials(e, v, of);
#pragma omp simd
    for (size_t i = 0; i < BLOCK; i++) v[i] = (float)value(of, (double)v[i], e[i]);
    store_block(y, v, begin, n, type);
  }
}

LKS_INLINE void backward(void *dx, const void *dy, const void *x, curve of, size_t count, lks_type type)
{
  float v[BLOCK] = {0}, g[BLOCK] = {0};
  double e[BLOCK];
  for (size_t begin = 0; begin < count; begin += BLOCK) {
    const size_t n = count - begin < BLOCK ? count - begin : BLOCK;
    load_block(v, x, begin, n, type);
    load_block(g, dy, begin, n, type);
    exponentials(e, v, of);
#pragma omp simd
    for (size_t i = 0; i < BLOCK; i++) g[i] = (float)((double)g[i] * slope(of, (double)v[i], e[i]));
    store_block(dx, g, begin, n, type);
  }
}

#define FORWARD(name, of)                                                                                    \
  static void name(void *y, const void *x, size_t count, lks_type type)                                      \
  {                                                                                                          \
    if (type == LKS_BF16)                                                                                    \
      forward(y, x, of, count, LKS_BF16);                                                                    \
    else                                                                                                     \
      forward(y, x, of, count, LKS_FP32);                                                                    \
  }

#define BACKWARD(name, of)                                                                                   \
  static void name(void *dx, const void *dy, const void *x, size_t count, lks_type type)                     \
  {                                                                                                          \
    if (type == LKS_BF16)                                                                                    \
      backward(dx, dy, x, of, count, LKS_BF16);                                                              \
    else                                                                                                     \
      backward(dx, dy, x, of, count, LKS_FP32);                                                              \
  }

FORWARD(gelu_forward, GELU)
BACKWARD(gelu_backward, GELU)
FORWARD(silu_forward, SILU)
BACKWARD(silu_backward, SILU)
FORWARD(tanh_forward, TANH)

const lks_activation_kernels LKS_OF_ISA(activation) = {gelu_forward, gelu_backward, silu_forward,
                                                       silu_backward, tanh_forward};
