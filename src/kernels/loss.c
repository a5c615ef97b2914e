#include "kernels/loss.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "kernels/vector/table.h"

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
  for (int k = 10; k >= 1; k--) series = s2 * (2.0 / (2 * k + 1) + series);
  const double half_square = 0.5 * f * f;
  const double low = s * (half_square + series) + e * 0x1.a39ef35793c76p-33; /* ln 2 in two parts */
  return e * 0x1.62e42feep-1 + (f - (half_square - low));
}

enum { BLOCK = 64 };

/* one sample and what softmax has to know about it */
typedef struct sample {
  const float *logits;
  size_t classes, truth, best; /* best: the lowest class with the largest logit */
  double total, exp_sum;       /* sums over the classes of logit and of exp(logit - top) */
  double top;
  bool finite;
} sample;

static double logit(const sample *s, size_t class)
{
  return s->logits[class];
}

/* e = exp(logit - top) of the classes from `begin` on; returns how many, at most BLOCK */
static size_t shifted_exp(double e[BLOCK], const sample *s, size_t begin)
{
  const size_t count = s->classes - begin < BLOCK ? s->classes - begin : BLOCK;
  for (size_t i = 0; i < count; i++) e[i] = logit(s, begin + i) - s->top;
  lks_vector()->exp->exp(e, e, count);
  return count;
}

static sample sample_of(const float *logits, int32_t label, size_t classes)
{
  sample s = {.logits = logits, .classes = classes, .truth = (size_t)label, .finite = true};
  for (size_t c = 0; c < classes; c++) {
    const double value = logit(&s, c);
    s.finite &= isfinite(value) != 0;
    s.total += value;
    if (value > logit(&s, s.best)) s.best = c;
  }
  s.top = logit(&s, s.best);
  double e[BLOCK];
  for (size_t begin = 0; begin < classes; begin += BLOCK) {
    const size_t count = shifted_exp(e, &s, begin);
    for (size_t i = 0; i < count; i++) s.exp_sum += e[i];
  }
  return s;
}

/* -sum target * log softmax = log exp_sum - sum target * (logit - top) */
static double cross_entropy(const sample *s, double smoothing)
{
  const double classes = (double)s->classes, mean = s->total / classes;
  const double expected = (1.0 - smoothing) * (logit(s, s->truth) - s->top) + smoothing * (mean - s->top);
  return s->finite ? lks_log(s->exp_sum) - expected : NAN;
}

static void softmax(void *dlogits, lks_type type, float *probability, const sample *s, double smoothing,
                    double weight)
{
  double e[BLOCK];
  for (size_t begin = 0; begin < s->classes; begin += BLOCK) {
    const size_t count = shifted_exp(e, s, begin);
    for (size_t i = 0; i < count; i++) {
      const double p = e[i] / s->exp_sum;
      const double target = smoothing / (double)s->classes + (begin + i == s->truth ? 1.0 - smoothing : 0.0);
      if (probability) probability[begin + i] = (float)p;
      if (dlogits) lks_type_store(dlogits, begin + i, (float)(weight * (p - target)), type);
    }
  }
}

void lks_softmax_cross_entropy(double *loss, uint8_t *correct, void *dlogits, float *probability,
                               const float *logits, const int32_t *label, double smoothing, double weight,
                               size_t samples, size_t classes, lks_type type)
{
  const size_t stride = classes * lks_type_bytes(type);
  for (size_t n = 0; n < samples; n++) {
    const sample s = sample_of(logits + n * classes, label[n], classes);
    loss[n] = cross_entropy(&s, smoothing);
    correct[n] = s.best == s.truth;
    if (dlogits || probability)
      softmax(dlogits ? (char *)dlogits + n * stride : NULL, type,
              probability ? probability + n * classes : NULL, &s, smoothing, weight);
  }
}
