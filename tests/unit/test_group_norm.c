/* Group norm and layer norm against a twin in long double that takes every value by itself, at every instruction set. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "kernels/group_norm.h"
#include "support/kernel_test.h"

enum { SAMPLES = 3, MAX_PIXELS = 35, MAX_CHANNELS = 48, MAX = SAMPLES * MAX_PIXELS * MAX_CHANNELS };

static float x[MAX], dy[MAX], gamma_[MAX_CHANNELS], beta[MAX_CHANNELS], of_form[5][MAX_CHANNELS],
    coefficient[2 * MAX_CHANNELS];
static uint16_t x16[MAX], dy16[MAX];
static double moments[SAMPLES * 2 * MAX_CHANNELS], work_sums[4 * MAX_CHANNELS];

static int fill(void **state)
{
  (void)state;
  kernel_test_fill(x, MAX, 1, 0.75, 2);
  kernel_test_fill(dy, MAX, 2, 0.1, 1);
  kernel_test_fill(gamma_, MAX_CHANNELS, 3, 1, 0.5);
  kernel_test_fill(beta, MAX_CHANNELS, 4, 0, 0.5);
  for (size_t i = 0; i < MAX; i++) {
    x16[i] = lks_bf16_from_float(x[i]);
    dy16[i] = lks_bf16_from_float(dy[i]);
  }
  return 0;
}

static lks_group_norm_work work_space(void)
{
  return (lks_group_norm_work){.form = {.mean = of_form[0],
                                        .scale = of_form[1],
                                        .shift = of_form[2],
                                        .rstd = of_form[3],
                                        .offset = of_form[4]},
                               .coefficient = coefficient,
                               .sums = work_sums};
}

static const void *typed(const float *wide, const uint16_t *narrow, lks_type type)
{
  return type == LKS_FP32 ? (const void *)wide : narrow;
}

static size_t at(const lks_group_norm_shape *s, size_t sample, size_t pixel, size_t channel)
{
  return (sample * s->pixels + pixel) * s->channels + channel;
}

/* Of the group of a channel in a sample. */
typedef struct group {
  long double mean, variance, rstd, m1, m2,
      size; /* m1, m2: means of gamma dy and of gamma dy x_hat; size: the largest |x| */
} group;

static group group_of(const lks_group_norm_shape *s, const void *in, const void *g, size_t sample,
                      size_t channel)
{
  const size_t share = s->channels / s->groups, first = channel / share * share;
  const long double n = (long double)(share * s->pixels);
  group of = {0};
  for (int round = 0; round < 3; round++) {
    for (size_t p = 0; p < s->pixels; p++)
      for (size_t c = first; c < first + share; c++) {
        const long double v = lks_type_load(in, at(s, sample, p, c), s->type);
        const long double d = lks_type_load(g, at(s, sample, p, c), s->type) * gamma_[c];
        if (round == 0) of.mean += v / n, of.size = fmaxl(of.size, fabsl(v));
        if (round == 1) of.variance += (v - of.mean) * (v - of.mean) / n;
        if (round == 2) of.m1 += d / n, of.m2 += d * (v - of.mean) * of.rstd / n;
      }
    of.rstd = 1 / sqrtl(of.variance + (long double)s->epsilon);
  }
  return of;
}

/* Roundings of sums over pixels: of bf16 they are in fp32 within chunks of rows. */
static long double of_sums(lks_type type)
{
  return type == LKS_FP32 ? 1e-12L : 64 * 0x1p-24L;
}

/* In roundings of fp32, of sums and of the output's type, of the parts that a value is the sum of. */
static bool is_near(const void *got, size_t i, long double want, long double parts, lks_type type)
{
  const long double off = fabsl(lks_type_load(got, i, type) - want);
  return off <= (16 * 0x1p-24L + of_sums(type)) * parts + (type == LKS_BF16 ? 0x1p-8L * fabsl(want) : 0);
}

static bool is_right(const lks_group_norm_shape *s, const void *y, const void *dx, const double *sums)
{
  const void *in = typed(x, x16, s->type), *g = typed(dy, dy16, s->type);
  bool ok = true;
  for (size_t c = 0; c < s->channels; c++) {
    long double sum = 0, dot = 0, absolute = 0, products = 0;
    for (size_t i = 0; i < SAMPLES; i++) {
      const group of = group_of(s, in, g, i, c);
      const double *m = moments + i * 2 * s->groups + 2 * (c / (s->channels / s->groups));
      ok = ok && fabsl(m[0] - of.mean) <= of_sums(s->type) * of.size &&
           fabsl(m[1] - of.variance) <= of_sums(s->type) * of.size * of.size;
      for (size_t p = 0; p < s->pixels; p++) {
        const size_t here = at(s, i, p, c);
        const long double d = lks_type_load(g, here, s->type), v = lks_type_load(in, here, s->type);
        const long double x_hat = (v - of.mean) * of.rstd, reach = 2 * of.size * of.rstd;
        const long double want = of.rstd * (gamma_[c] * d - of.m1 - x_hat * of.m2);
        ok = ok && is_near(y, here, gamma_[c] * x_hat + beta[c], fabsl(gamma_[c]) * reach + fabsl(beta[c]),
                           s->type);
        ok = ok && is_near(dx, here, want,
                           of.rstd * (fabsl(gamma_[c] * d) + fabsl(of.m1) + reach * fabsl(of.m2)), s->type);
        sum += d, dot += d * x_hat, absolute += fabsl(d), products += fabsl(d) * reach;
      }
    }
    ok = ok && fabsl(sums[c] - (1 + sum)) <= of_sums(s->type) * (1 + absolute);
    ok =
        ok && fabsl(sums[s->channels + c] - (2 + dot)) <= (16 * 0x1p-24L + of_sums(s->type)) * (1 + products);
  }
  return ok;
}

/* Into arrays of their own, or over the inputs; sums are added to what is there. */
static bool passes(const lks_group_norm_shape *s, const lks_group_norm_shape *claimed, bool in_place)
{
  static float y[MAX], dx[MAX];
  double sums[2 * MAX_CHANNELS];
  const size_t bytes = SAMPLES * s->pixels * s->channels * lks_type_bytes(s->type);
  const void *in = typed(x, x16, s->type), *g = typed(dy, dy16, s->type);
  lks_group_norm_work work = work_space();
  for (size_t c = 0; c < s->channels; c++) sums[c] = 1, sums[s->channels + c] = 2;
  memcpy(y, in, bytes);
  memcpy(dx, g, bytes);
  lks_group_norm_forward(y, moments, in_place ? y : in, gamma_, beta, s, SAMPLES, &work);
  lks_group_norm_backward(dx, sums, in_place ? dx : g, in, moments, gamma_, s, SAMPLES, &work);
  if (!is_right(claimed, y, dx, sums)) return false;
  double alone[2 * MAX_CHANNELS];
  for (size_t c = 0; c < s->channels; c++) alone[c] = 1, alone[s->channels + c] = 2;
  lks_group_norm_backward(NULL, alone, g, in, moments, gamma_, s, SAMPLES, &work);
  return memcmp(alone, sums, 2 * s->channels * sizeof *sums) == 0;
}

static const struct {
  size_t pixels, channels, groups;
} shapes[] = {{1, 2, 1},  {1, 48, 3},  {35, 6, 3},   {35, 6, 6},
              {7, 40, 5}, {12, 19, 1}, {30, 48, 16}, {2, 34, 17}};

static void test_twin(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
    for (int k = 0; k < 4; k++) {
      const lks_group_norm_shape s = {shapes[i].pixels, shapes[i].channels, shapes[i].groups,
                                      k % 2 ? 0.01 : 1e-5, k < 2 ? LKS_FP32 : LKS_BF16};
      if (!passes(&s, &s, k % 2))
        fail_msg("%zu pixels, %zu channels in %zu groups, %s", s.pixels, s.channels, s.groups,
                 lks_type_name(s.type));
    }
}

/* The comparison can fail: with other groups, and with another epsilon. */
static void test_others_differ(void **state)
{
  (void)state;
  const lks_group_norm_shape s = {35, 6, 3, 1e-5, LKS_FP32}, groups = {35, 6, 2, 1e-5, LKS_FP32},
                             epsilon = {35, 6, 3, 1e-3, LKS_FP32};
  assert_false(passes(&s, &groups, false));
  assert_false(passes(&s, &epsilon, false));
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_twin), cmocka_unit_test(test_others_differ)};
  return cmocka_run_group_tests_name("group norm", tests, fill, NULL);
}
