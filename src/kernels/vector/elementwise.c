#include <Random123/philox.h>

#include "kernels/vector/lanes.h"
#include "kernels/vector/table.h"

/* In place means the very same element, which is loaded before it is stored. */

typedef enum operation { RELU_FORWARD, RELU_BACKWARD, SIGMOID_BACKWARD, TANH_BACKWARD, ADD } operation;

LKS_INLINE lks_full result(operation of, lks_full a, lks_full b)
{
  switch (of) {
  case RELU_FORWARD: return lks_relu(a);
  case RELU_BACKWARD: return (lks_full)((lks_full_mask)a & (b > 0));
  case SIGMOID_BACKWARD: return a * (b * (1.0f - b));
  case TANH_BACKWARD: return a * ((1.0f - b) * (1.0f + b));
  default: return a + b;
  }
}

LKS_INLINE void each_of_type(operation of, void *y, const void *a, const void *b, size_t count, lks_type type)
{
  size_t i = 0;
  for (; i + LKS_FULL <= count; i += LKS_FULL)
    lks_store(y, i, result(of, lks_load(a, i, LKS_FULL, type), lks_load(b, i, LKS_FULL, type)), LKS_FULL,
              type);
  const size_t rest = count - i;
  if (rest) lks_store(y, i, result(of, lks_load(a, i, rest, type), lks_load(b, i, rest, type)), rest, type);
}

LKS_INLINE void each(operation of, void *y, const void *a, const void *b, size_t count, lks_type type)
{
  if (type == LKS_BF16)
    each_of_type(of, y, a, b, count, LKS_BF16);
  else
    each_of_type(of, y, a, b, count, LKS_FP32);
}

static void relu_forward(void *y, const void *x, size_t count, lks_type type)
{
  each(RELU_FORWARD, y, x, x, count, type);
}

static void relu_backward(void *dx, const void *dy, const void *y, size_t count, lks_type type)
{
  each(RELU_BACKWARD, dx, dy, y, count, type);
}

LKS_INLINE void bend(void *y, size_t at, const void *x, const void *sign, float slope, size_t lanes,
                     lks_type type)
{
  const lks_full v = lks_load(x, at, lanes, type);
  const lks_full_mask up = lks_load(sign, at, lanes, type) > 0;
  const lks_full bent = v * slope;
  lks_store(y, at, (lks_full)(((lks_full_mask)v & up) | ((lks_full_mask)bent & ~up)), lanes, type);
}

LKS_INLINE void bend_each(void *y, const void *x, const void *sign, float slope, size_t count, lks_type type)
{
  size_t i = 0;
  for (; i + LKS_FULL <= count; i += LKS_FULL) bend(y, i, x, sign, slope, LKS_FULL, type);
  if (i < count) bend(y, i, x, sign, slope, count - i, type);
}

static void leaky_relu(void *y, const void *x, const void *sign, float slope, size_t count, lks_type type)
{
  if (type == LKS_BF16)
    bend_each(y, x, sign, slope, count, LKS_BF16);
  else
    bend_each(y, x, sign, slope, count, LKS_FP32);
}

static void sigmoid_backward(void *dx, const void *dy, const void *y, size_t count, lks_type type)
{
  each(SIGMOID_BACKWARD, dx, dy, y, count, type);
}

static void tanh_backward(void *dx, const void *dy, const void *y, size_t count, lks_type type)
{
  each(TANH_BACKWARD, dx, dy, y, count, type);
}

static void add_forward(void *y, const void *a, const void *b, size_t count, lks_type type)
{
  each(ADD, y, a, b, count, type);
}

LKS_INLINE void keep(void *y, const void *x, size_t at, const uint32_t *words, uint32_t threshold,
                     float scale, size_t lanes, lks_type type)
{
  lks_full_bits drawn = {0};
  memcpy(&drawn, words, lanes * sizeof *words);
  const lks_full kept = lks_load(x, at, lanes, type) * scale;
  lks_store(y, at, (lks_full)((lks_full_mask)kept & (lks_full_mask)(drawn >= threshold)), lanes, type);
}

LKS_INLINE void keep_each(void *y, const void *x, size_t begin, const uint32_t *words, uint32_t threshold,
                          float scale, size_t count, lks_type type)
{
  size_t i = 0;
  for (; i + LKS_FULL <= count; i += LKS_FULL)
    keep(y, x, begin + i, words + i, threshold, scale, LKS_FULL, type);
  if (i < count) keep(y, x, begin + i, words + i, threshold, scale, count - i, type);
}

/* Words are drawn some blocks ahead, so that several are under way at once, and then compared by lanes: a
 * branch would be mispredicted as often as elements are dropped. */
static void dropout(void *y, const void *x, uint32_t threshold, float scale, const lks_random_key *key,
                    size_t count, lks_type type)
{
  enum { BLOCKS = 16 };
  const philox4x32_key_t seed = {{(uint32_t)key->seed, (uint32_t)(key->seed >> 32)}};
  uint32_t words[4 * BLOCKS];
  for (size_t begin = 0; begin < count; begin += 4 * BLOCKS) {
    const size_t n = count - begin < 4 * BLOCKS ? count - begin : 4 * BLOCKS;
    for (uint32_t i = 0; 4 * i < n; i++) { /* as lks_random_words does */
      const philox4x32_ctr_t counter = {{(uint32_t)(begin / 4) + i, key->sample, key->step, key->purpose}};
      const philox4x32_ctr_t block = philox4x32(counter, seed);
      memcpy(words + 4 * i, block.v, sizeof block.v);
    }
    if (type == LKS_BF16)
      keep_each(y, x, begin, words, threshold, scale, n, LKS_BF16);
    else
      keep_each(y, x, begin, words, threshold, scale, n, LKS_FP32);
  }
}

/* (x - mean) * scale in double, which rounds a difference of two nearly equal numbers not at all, and its product once more
 * before fp32 does: with a mean of a million standard deviations as with none. */
LKS_INLINE lks_narrow normalized(lks_narrow x, const double *mean, const double *scale, size_t lanes)
{
  return lks_round((lks_widen(x) - lks_load_wide(mean, lanes)) * lks_load_wide(scale, lanes));
}

LKS_INLINE void input_lanes(void *y, size_t at, lks_full x, const double *mean, const double *scale,
                            size_t lanes, lks_type type)
{
  lks_narrow half[2];
  memcpy(half, &x, sizeof x);
  const size_t low = lanes < LKS_NARROW ? lanes : LKS_NARROW, high = lanes - low;
  half[0] = normalized(half[0], mean, scale, low);
  half[1] = high ? normalized(half[1], mean + LKS_NARROW, scale + LKS_NARROW, high) : half[1];
  lks_store(y, at, lks_join(half[0], half[1]), lanes, type);
}

LKS_INLINE lks_full input_load(const void *x, size_t at, size_t lanes, bool floats)
{
  return floats ? lks_load(x, at, lanes, LKS_FP32) : lks_load_bytes((const uint8_t *)x + at, lanes);
}

LKS_INLINE void input_of_type(void *y, size_t at, const void *x, const double *mean, const double *scale,
                              size_t period, size_t count, bool floats, lks_type type)
{
  for (size_t begin = 0; begin < count; begin += period) {
    const size_t end = count - begin < period ? count - begin : period;
    size_t i = 0;
    for (; i + LKS_FULL <= end; i += LKS_FULL)
      input_lanes(y, at + begin + i, input_load(x, begin + i, LKS_FULL, floats), mean + i, scale + i,
                  LKS_FULL, type);
    if (i < end)
      input_lanes(y, at + begin + i, input_load(x, begin + i, end - i, floats), mean + i, scale + i, end - i,
                  type);
  }
}

static void input_bytes(void *y, size_t at, const void *x, const double *mean, const double *scale,
                        size_t period, size_t count, lks_type type)
{
  if (type == LKS_BF16)
    input_of_type(y, at, x, mean, scale, period, count, false, LKS_BF16);
  else
    input_of_type(y, at, x, mean, scale, period, count, false, LKS_FP32);
}

static void input_floats(void *y, size_t at, const void *x, const double *mean, const double *scale,
                         size_t period, size_t count, lks_type type)
{
  if (type == LKS_BF16)
    input_of_type(y, at, x, mean, scale, period, count, true, LKS_BF16);
  else
    input_of_type(y, at, x, mean, scale, period, count, true, LKS_FP32);
}

static void bf16_of(uint16_t *y, const float *x, size_t count)
{
  size_t i = 0;
  for (; i + LKS_FULL <= count; i += LKS_FULL)
    lks_store(y, i, lks_load(x, i, LKS_FULL, LKS_FP32), LKS_FULL, LKS_BF16);
  if (i < count) lks_store(y, i, lks_load(x, i, count - i, LKS_FP32), count - i, LKS_BF16);
}

LKS_INLINE void pair(uint32_t *y, const float *a, const float *b, size_t at, size_t lanes)
{
  const lks_full lower = lks_from_bf16(lks_to_bf16(lks_load(a, at, lanes, LKS_FP32)));
  lks_full upper = {0};
  if (b) upper = lks_from_bf16(lks_to_bf16(lks_load(b, at, lanes, LKS_FP32)));
  const lks_full_bits both = (lks_full_bits)lower >> 16 | (lks_full_bits)upper;
  memcpy(y + at, &both, lanes * sizeof *y);
}

static void bf16_pairs(uint32_t *y, const float *a, const float *b, size_t count)
{
  size_t i = 0;
  for (; i + LKS_FULL <= count; i += LKS_FULL) pair(y, a, b, i, LKS_FULL);
  if (i < count) pair(y, a, b, i, count - i);
}

const lks_elementwise_kernels LKS_OF_ISA(elementwise) = {
    relu_forward, relu_backward, leaky_relu,   sigmoid_backward, tanh_backward, add_forward,
    dropout,      input_bytes,   input_floats, bf16_of,          bf16_pairs,
};
