#include <string.h>

#include <Random123/philox.h>

#include "kernels/vector/table.h"

/* In place means the very same element, so lanes never meet each other's: that is what the simd pragmas
 * assert. */

static void relu_forward(float *y, const float *x, size_t count)
{
#pragma omp simd
  for (size_t i = 0; i < count; ++i) y[i] = x[i] < 0 ? 0 : x[i]; /* a NaN stays one */
}

static void relu_backward(float *dx, const float *dy, const float *y, size_t count)
{
#pragma omp simd
  for (size_t i = 0; i < count; ++i) {
    const float g = dy[i];
    dx[i] = y[i] > 0 ? g : 0;
  }
}

static void sigmoid_backward(float *dx, const float *dy, const float *y, size_t count)
{
#pragma omp simd
  for (size_t i = 0; i < count; ++i) dx[i] = dy[i] * (y[i] * (1.0f - y[i]));
}

static void add_forward(float *y, const float *a, const float *b, size_t count)
{
#pragma omp simd
  for (size_t i = 0; i < count; ++i) y[i] = a[i] + b[i];
}

/* Words are drawn some blocks ahead, so that several are under way at once, and then compared by lanes: a
 * branch would be mispredicted as often as elements are dropped. */
static void dropout(float *y, const float *x, uint32_t threshold, float scale, const lks_random_key *key,
                    size_t count)
{
  enum { BLOCKS = 16 };
  const philox4x32_key_t seed = {{(uint32_t)key->seed, (uint32_t)(key->seed >> 32)}};
  uint32_t words[4 * BLOCKS];
  for (size_t begin = 0; begin < count; begin += 4 * BLOCKS) {
    const size_t n = count - begin < 4 * BLOCKS ? count - begin : 4 * BLOCKS;
    for (uint32_t i = 0; 4 * i < n; ++i) { /* as lks_random_words does */
      const philox4x32_ctr_t counter = {{(uint32_t)(begin / 4) + i, key->sample, key->step, key->purpose}};
      const philox4x32_ctr_t block = philox4x32(counter, seed);
      memcpy(words + 4 * i, block.v, sizeof block.v);
    }
#pragma omp simd
    for (size_t i = 0; i < n; ++i) {
      const float kept = x[begin + i] * scale;
      y[begin + i] = words[i] >= threshold ? kept : 0;
    }
  }
}

static void input_features(float *y, const float *x, const float *scale, const float *offset, size_t count)
{
#pragma omp simd
  for (size_t i = 0; i < count; ++i) y[i] = x[i] * scale[i] + offset[i];
}

const lks_elementwise_kernels LKS_OF_ISA(elementwise) = {
    relu_forward, relu_backward, sigmoid_backward, add_forward, dropout, input_features,
};
