#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "kernels/optimizer.h"
#include "support/kernel_test.h"
#include "support/naive_optimizer.h"

enum { MAX = 1001, STEPS = 10 };
static const double ulp = 0x1p-24;

/* which optimizer, and the state that a run leaves: w, then its moments */
typedef struct choice {
  bool adam, nesterov, decoupled;
  float momentum, decay;
  size_t count;
} choice;
typedef struct result {
  float w[MAX], m[MAX], v[MAX];
} result;

static const float lr = 0.05f, beta1 = 0.9f, beta2 = 0.999f, epsilon = 1e-8f;

static void gradient(float *g, int step, size_t count)
{
  kernel_test_fill(g, count, 100 + (uint32_t)step, 0.1, 1);
}

static void run(void *out, void *context)
{
  static float g[MAX];
  const choice *how = context;
  result *r = out;
  const size_t n = how->count;
  kernel_test_fill(r->w, n, 1, 0, 1);
  memset(r->m, 0, n * sizeof(float));
  memset(r->v, 0, n * sizeof(float));
  for (int step = 1; step <= STEPS; step++) {
    gradient(g, step, n);
    if (how->adam)
      lks_adam_update(r->w, r->m, r->v, g, lr, beta1, beta2, epsilon, how->decay, how->decoupled,
                      1 - pow(beta1, step), 1 - pow(beta2, step), n);
    else
      lks_sgd_update(r->w, how->momentum == 0 ? NULL : r->v, g, lr, how->momentum, how->decay, how->nesterov,
                     step == 1, n);
  }
}

static const choice choices[] = {
    {.momentum = 0},
    {.momentum = 0, .decay = 0.01f},
    {.momentum = 0.9f, .decay = 0.01f},
    {.momentum = 0.9f, .nesterov = true},
    {.momentum = 0.9f, .nesterov = true, .decay = 0.01f},
    {.adam = true},
    {.adam = true, .decay = 0.01f},
    {.adam = true, .decay = 0.01f, .decoupled = true},
};
enum { CHOICES = sizeof choices / sizeof *choices };

static void test_every_level_gives_the_same_bits(void **state)
{
  (void)state;
  static const size_t counts[] = {0, 1, 3, 10, 16, 17, 64, 100, MAX};
  for (size_t i = 0; i < CHOICES * sizeof counts / sizeof *counts; i++) {
    choice how = choices[i % CHOICES];
    how.count = counts[i / CHOICES];
    assert_true(kernel_test_same_bits(run, &how, sizeof(result)));
  }
}

static void naive_step(naive_parameter *p, float g, const choice *how)
{
  if (how->adam)
    naive_adam(p, g, lr, beta1, beta2, epsilon, how->decay, how->decoupled);
  else
    naive_sgd(p, g, lr, how->momentum, how->decay, how->nesterov);
}

/* A step rounds w once, to at most ulp * |w|, and its update a few times: |w| < 4 and updates below 1 here.
 */
static void test_ten_steps_are_the_twin(void **state)
{
  (void)state;
  static result r;
  static float start[MAX], g[STEPS + 1][MAX];
  kernel_test_fill(start, MAX, 1, 0, 1);
  for (int step = 1; step <= STEPS; step++) gradient(g[step], step, MAX);
  for (size_t k = 0; k < CHOICES; k++) {
    choice how = choices[k];
    how.count = MAX;
    run(&r, &how);
    for (size_t i = 0; i < MAX; i++) {
      naive_parameter p = {.w = start[i]};
      for (int step = 1; step <= STEPS; step++) naive_step(&p, g[step][i], &how);
      assert_true(fabs(r.w[i] - p.w) <= STEPS * 8 * ulp);
    }
  }
}

/* The first step takes the velocity from the gradient alone, whatever it held. */
static void test_first_step_ignores_the_velocity(void **state)
{
  (void)state;
  float w[3] = {1, 1, 1}, v[3] = {NAN, 5, 5};
  const float g[3] = {2, 2, 2};
  lks_sgd_update(w, v, g, 0.5f, 0.9f, 0, false, true, 3);
  assert_true(v[0] == 2 && w[0] == 0 && w[1] == 0);
}

/* Any split of the range gives the same bits: threads may share it. */
static void test_range_may_be_split(void **state)
{
  (void)state;
  static result whole, parts;
  static float g[MAX];
  gradient(g, 1, MAX);
  kernel_test_fill(whole.w, MAX, 1, 0, 1);
  parts = whole;
  lks_adam_update(whole.w, whole.m, whole.v, g, lr, beta1, beta2, epsilon, 0, false, 0.1, 0.001, MAX);
  for (size_t begin = 0, end; begin < MAX; begin = end) {
    end = begin + 7 < MAX ? begin + 7 : MAX;
    lks_adam_update(parts.w + begin, parts.m + begin, parts.v + begin, g + begin, lr, beta1, beta2, epsilon,
                    0, false, 0.1, 0.001, end - begin);
  }
  assert_memory_equal(&whole, &parts, sizeof whole);
  assert_int_equal(lks_allocations_open(), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_level_gives_the_same_bits),
      cmocka_unit_test(test_ten_steps_are_the_twin),
      cmocka_unit_test(test_first_step_ignores_the_velocity),
      cmocka_unit_test(test_range_may_be_split),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
