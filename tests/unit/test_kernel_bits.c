/* The kernels' bits are those of every instruction set and architecture: what x86-64 computed at its lowest
 * level is written down here as a hash. Sums that are contracted, maxima that treat -0 or a NaN in their own
 * way and conversions that round otherwise are found by it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "base/arena.h"
#include "kernels/batch_norm.h"
#include "kernels/elementwise.h"
#include "kernels/group_norm.h"
#include "kernels/optimizer.h"
#include "support/kernel_test.h"

enum { SAMPLES = 3, HEIGHT = 5, WIDTH = 7, CHANNELS = 19 };
enum { ROWS = SAMPLES * HEIGHT * WIDTH, COUNT = ROWS * CHANNELS, PIXELS = ROWS };

static float a[COUNT], b[COUNT], c[COUNT], of_channel[7][CHANNELS];
static double means[2][CHANNELS], wide[2][COUNT];
static uint8_t bytes[COUNT];

static int fill(void **state)
{
  (void)state;
  kernel_test_fill(a, COUNT, 1, 0.25, 2);
  kernel_test_fill(b, COUNT, 2, 0, 2);
  kernel_test_fill(c, COUNT, 3, 1, 0.5);
  for (size_t i = 0; i < COUNT; i++) bytes[i] = (uint8_t)(i * 37 % 251);
  for (uint32_t i = 0; i < 7; i++) kernel_test_fill(of_channel[i], CHANNELS, 10 + i, 1, 0.25);
  for (size_t i = 0; i < CHANNELS; i++)
    means[0][i] = (double)of_channel[5][i] / 3, means[1][i] = (double)of_channel[6][i] / 7;
  for (size_t i = 0; i < COUNT; i++) wide[0][i] = (double)b[i] / 3, wide[1][i] = (double)c[i] / 7;
  return 0;
}

/* x in that type, in one of three places */
static const void *typed(const float *x, lks_type type)
{
  static uint16_t bf16s[3][COUNT];
  static int place;
  if (type == LKS_FP32) return x;
  place = (place + 1) % 3;
  for (size_t i = 0; i < COUNT; i++) bf16s[place][i] = lks_bf16_from_float(x[i]);
  return bf16s[place];
}

static lks_batch_norm_form form(void)
{
  return (lks_batch_norm_form){.mean = of_channel[0],
                               .scale = of_channel[1],
                               .shift = of_channel[2],
                               .rstd = of_channel[3],
                               .offset = of_channel[4]};
}

/* Each fills out, whose size is ROOM; what it leaves stays 0. Half of ROOM is aligned to 4 bytes only. */
enum { ROOM = 8 * COUNT };

static void elementwise(unsigned char *out, lks_type type)
{
  const void *x = typed(a, type), *y = typed(b, type);
  const lks_random_key key = lks_random_key_make(7, LKS_RANDOM_DROPOUT, 3, 11, 13);
  const size_t part = COUNT / 4 * lks_type_bytes(type);
  lks_relu_forward(out, x, COUNT / 4, type);
  lks_relu_backward(out + part, x, y, COUNT / 4, type);
  lks_sigmoid_forward(out + 2 * part, x, COUNT / 4, type);
  lks_sigmoid_backward(out + 3 * part, x, y, COUNT / 4, type);
  lks_add_forward(out + 4 * part, x, y, COUNT / 4, type);
  lks_dropout(out + 5 * part, x, 0.3, &key, COUNT / 4, type);
  lks_input_features(out + 6 * part, a, wide[0], wide[1], COUNT / 4, type);
}

static void activations(unsigned char *out, lks_type type)
{
  const void *x = typed(a, type), *y = typed(b, type);
  const size_t part = COUNT / 4 * lks_type_bytes(type);
  lks_gelu_forward(out, x, COUNT / 4, type);
  lks_gelu_backward(out + part, y, x, COUNT / 4, type);
  lks_silu_forward(out + 2 * part, x, COUNT / 4, type);
  lks_silu_backward(out + 3 * part, y, x, COUNT / 4, type);
  lks_tanh_forward(out + 4 * part, x, COUNT / 4, type);
  lks_tanh_backward(out + 5 * part, y, out + 4 * part, COUNT / 4, type);
}

static void group_norm(unsigned char *out, lks_type type)
{
  const lks_group_norm_shape shape = {PIXELS / SAMPLES, CHANNELS - 1, 6, 1e-5, type};
  float coefficient[2 * CHANNELS];
  double moments[(SAMPLES - 1) * 2 * 6], sums[2 * CHANNELS] = {0}, room[4 * CHANNELS];
  static float of_form[5][CHANNELS];
  lks_group_norm_work work = {
      {of_form[0], of_form[1], of_form[2], of_form[3], of_form[4]}, coefficient, room};
  const void *x = typed(a, type), *dy = typed(b, type);
  lks_group_norm_forward(out, moments, x, of_channel[5], of_channel[6], &shape, SAMPLES - 1, &work);
  lks_group_norm_backward(out + ROOM / 2, sums, dy, x, moments, of_channel[5], &shape, SAMPLES - 1, &work);
  memcpy(out + ROOM - sizeof sums - sizeof moments, sums, sizeof sums);
  memcpy(out + ROOM - sizeof moments, moments, sizeof moments);
}

static void bytes_and_bf16(unsigned char *out, lks_type type)
{
  lks_input_image(out, bytes, means[0], means[1], 1, -1, 1, HEIGHT, WIDTH, CHANNELS, type);
  lks_bf16_of((uint16_t *)(void *)(out + ROOM / 4), a, COUNT / 2 - 3);
  lks_bf16_pairs((uint32_t *)(void *)(out + ROOM / 2), a, b, COUNT / 2 - 1);
}

static void batch_norm_forward(unsigned char *out, lks_type type)
{
  const lks_batch_norm_form f = form();
  double sums[2 * CHANNELS] = {0};
  const void *x = typed(a, type), *residual = typed(b, type);
  lks_batch_norm_forward(out, x, residual, &f, true, ROWS, CHANNELS, type);
  lks_batch_norm_sums(sums, sums + CHANNELS, x, ROWS, CHANNELS, type);
  memcpy(out + ROOM / 2, sums, sizeof sums);
}

static void batch_norm_backward(unsigned char *out, lks_type type)
{
  const lks_batch_norm_form f = form();
  float coefficient[2 * CHANNELS];
  double sums[2 * CHANNELS] = {0};
  const void *x = typed(a, type), *dy = typed(b, type), *y = typed(c, type);
  lks_batch_norm_backward_sums(sums, sums + CHANNELS, out, dy, x, y, x, &f, ROWS, CHANNELS, type);
  memcpy(out + ROOM / 2, sums, sizeof sums);
  lks_batch_norm_backward(out, out, x, &f, means[0], means[1], coefficient, ROWS, CHANNELS, type);
}

static void batch_norm_pool(unsigned char *out, lks_type type)
{
  const lks_batch_norm_form f = form();
  const lks_pool_grid grid = {HEIGHT, WIDTH, 2, 2};
  float coefficient[2 * CHANNELS];
  const void *x = typed(a, type);
  static uint8_t argmax[COUNT];
  static float y[COUNT];
  lks_batch_norm_pool_forward(y, out + ROOM / 2, argmax, x, &f, true, &grid, SAMPLES, CHANNELS, type);
  lks_batch_norm_pool_backward(out, y, argmax, x, &f, means[0], means[1], coefficient, &grid, SAMPLES,
                               CHANNELS, type);
}

static void optimizers(unsigned char *out, lks_type type)
{
  (void)type;
  float *w = (float *)(void *)out, *v = w + COUNT / 2;
  memcpy(w, a, COUNT / 2 * sizeof *w), memcpy(v, c, COUNT / 2 * sizeof *v);
  lks_sgd_update(w, v, b, 0.1f, 0.9f, 0.01f, true, false, COUNT / 4);
  w += COUNT / 4, v += COUNT / 4; /* where c makes all of v positive */
  lks_adam_update(w, v + COUNT / 4, v, b, 0.01f, 0.9f, 0.99f, 1e-8f, 0.01f, true, 0.19, 0.0199, COUNT / 4);
}

static const struct {
  const char *name;
  void (*run)(unsigned char *out, lks_type type);
  uint64_t hash[2]; /* fp32, bf16 */
} cases[] = {
    {"elementwise", elementwise, {0x4060b9a2563edb56, 0xb09c67979d52dd7c}},
    {"bytes and bf16", bytes_and_bf16, {0xee1419982596fc0e, 0x8312ce7504d9ed0d}},
    {"batch norm, forward", batch_norm_forward, {0x829535a0a8639df4, 0x94492e1300ed00b2}},
    {"batch norm, backward", batch_norm_backward, {0x1ec4244d4bb42de9, 0x4a4ebd64aa87775d}},
    {"batch norm and pool", batch_norm_pool, {0xca17532120fbe6de, 0x6e9f6a485b865bdf}},
    {"activations", activations, {0xfa668b47d90f93f3, 0x6f0243b651faaa27}},
    {"group norm", group_norm, {0x200d3dafa3b3cdcb, 0x9062fbc903d6b9b6}},
    {"optimizers", optimizers, {0x434f44f8b0bcea9c, 0x434f44f8b0bcea9c}},
};

static void test_bits_are_those_written_down(void **state)
{
  (void)state;
  unsigned char *out = lks_new(ROOM, 1);
  int different = 0;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    for (int type = LKS_FP32; type <= LKS_BF16; type++) {
      memset(out, 0, ROOM);
      cases[i].run(out, (lks_type)type);
      const uint64_t hash = XXH3_64bits(out, ROOM);
      if (hash == cases[i].hash[type]) continue;
      print_error("%s, %s: 0x%016llx\n", cases[i].name, lks_type_name((lks_type)type),
                  (unsigned long long)hash);
      different++;
    }
  }
  lks_free(out);
  assert_int_equal(different, 0);
}

/* Signs of zeros, and NaNs, also those that an operation of floats would make quiet, pass. */
static void test_relu_keeps_zeros_and_nans(void **state)
{
  (void)state;
  static const uint32_t given[] = {0x80000000, 0,          0x7fa00001, 0xffa00001, 0x7fc00001, 0xffc00001,
                                   0xff800000, 0x7f800000, 0x80000001, 0x00000001, 0xbf800000, 0x3f800000};
  static const uint32_t wanted[] = {0x80000000, 0,          0x7fa00001, 0xffa00001, 0x7fc00001, 0xffc00001,
                                    0,          0x7f800000, 0,          0x00000001, 0,          0x3f800000};
  uint32_t got[sizeof given / sizeof *given];
  lks_relu_forward(got, given, sizeof given / sizeof *given, LKS_FP32);
  assert_memory_equal(got, wanted, sizeof got);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(test_bits_are_those_written_down, fill),
      cmocka_unit_test(test_relu_keeps_zeros_and_nans),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
