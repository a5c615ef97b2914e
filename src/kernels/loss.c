#include "kernels/loss.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "kernels/vector/table.h"

double lks_exp(double x)
{
  lks_vector()->exp->exp(&x, &x, 1);
  return x;
}

/* x = 2^exponent * (1 + f), 1 + f in [sqrt(1/2), sqrt(2)); log(1+f) = 2 atanh(s), s = f/(2+f), as f - s*(f -
 * series). Source: Cody & Waite 1980, chapter 5; the series is the Taylor one, its remainder below 2^-58. */
double lks_log(double x)
{
  if (!(x > 0) || x == INFINITY) return x == 0 ? -INFINITY : x < 0 ? NAN : x; /* infinity and NaN stay */
  const bool subnormal = x < 0x1p-1022;
  uint64_t bits;
  x = subnormal ? x * 0x1p54 : x;
  memcpy(&bits, &x, sizeof bits);
  /* counted from sqrt(1/2), so that the exponent changes there */
  const uint64_t above = bits - 0x3fe6a09e667f3bcd;
  const int64_t exponent = (int64_t)(above & 0xfff0000000000000) / (1LL << 52);
  bits -= above & 0xfff0000000000000;
  memcpy(&x, &bits, sizeof bits);
  const double e = (double)(exponent - (subnormal ? 54 : 0));
  const double f = x - 1.0;
  const double s = f / (2.0 + f);
  const double s2 = s * s;
  double series = 0;
  for (int k = 10; k >= 1; --k) series = s2 * (2.0 / (2 * k + 1) + series);
  const double half_square = 0.5 * f * f;
  const double low = s * (half_square + series) + e * 0x1.a39ef35793c76p-33; /* ln 2 in two parts */
  return e * 0x1.62e42feep-1 + (f - (half_square - low));
}

enum { BLOCK = 64 };

/* e[count] = exp(logits - top) */
static void shifted_exp(double e[BLOCK], const float *logits, double top, size_t count)
{
  for (size_t i = 0; i < count; ++i) e[i] = (double)logits[i] - top;
  lks_vector()->exp->exp(e, e, count);
}

static size_t block_size(size_t begin, size_t classes)
{
  return classes - begin < BLOCK ? classes - begin : BLOCK;
}

/* lowest class with the largest logit; *finite tells whether all logits are */
static size_t best_class(bool *finite, double *total, const float *logits, size_t classes)
{
  size_t best = 0;
  *finite = true;
  *total = 0;
  for (size_t c = 0; c < classes; ++c) {
    *finite &= isfinite(logits[c]) != 0;
    *total += logits[c];
    if (logits[c] > logits[best]) best = c;
  }
  return best;
}

static double exp_sum(const float *logits, double top, size_t classes)
{
  double e[BLOCK], sum = 0;
  for (size_t begin = 0; begin < classes; begin += BLOCK) {
    const size_t count = block_size(begin, classes);
    shifted_exp(e, logits + begin, top, count);
    for (size_t i = 0; i < count; ++i) sum += e[i];
  }
  return sum;
}

void lks_softmax_cross_entropy(double *loss, uint8_t *correct, float *dlogits, float *probability,
                               const float *logits, const int32_t *label, double smoothing, double weight,
                               size_t samples, size_t classes)
{
  const double floor = smoothing / (double)classes; /* target of a wrong class */
  for (size_t n = 0; n < samples; ++n, logits += classes) {
    const size_t truth = (size_t)label[n];
    bool finite;
    double total;
    const size_t best = best_class(&finite, &total, logits, classes);
    const double top = logits[best], sum = exp_sum(logits, top, classes);
    /* -sum target * log p = log sum - sum target * (logit - top) */
    const double expected =
        (1.0 - smoothing) * (logits[truth] - top) + floor * (total - (double)classes * top);
    loss[n] = finite ? lks_log(sum) - expected : NAN;
    correct[n] = best == truth;
    double e[BLOCK];
    for (size_t begin = 0; (dlogits || probability) && begin < classes; begin += BLOCK) {
      const size_t count = block_size(begin, classes);
      shifted_exp(e, logits + begin, top, count);
      for (size_t i = 0; i < count; ++i) {
        const double p = e[i] / sum, target = floor + (begin + i == truth ? 1.0 - smoothing : 0.0);
        const size_t at = n * classes + begin + i;
        if (probability) probability[at] = (float)p;
        if (dlogits) dlogits[at] = (float)(weight * (p - target));
      }
    }
  }
}
