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

/* v or 0, without a branch: nobody can predict the words */
static inline float keep_if(float v, bool keep)
{
  uint32_t bits;
  memcpy(&bits, &v, sizeof bits);
  bits &= -(uint32_t)keep;
  memcpy(&v, &bits, sizeof bits);
  return v;
}

/* one block of words: the same as lks_random_words gives, drawn here so that several blocks are under way at
 * once */
static inline void dropout_block(float *y, const float *x, uint32_t threshold, float scale,
                                 const lks_random_key *key, size_t block, size_t count)
{
  const philox4x32_key_t seed = {{(uint32_t)key->seed, (uint32_t)(key->seed >> 32)}};
  const philox4x32_ctr_t counter = {{(uint32_t)block, key->sample, key->step, key->purpose}};
  const philox4x32_ctr_t words = philox4x32(counter, seed);
  for (size_t i = 0; i < count; ++i)
    y[4 * block + i] = keep_if(x[4 * block + i] * scale, words.v[i] >= threshold);
}

static void dropout(float *y, const float *x, uint32_t threshold, float scale, const lks_random_key *key,
                    size_t count)
{
  for (size_t block = 0; block < count / 4; ++block) dropout_block(y, x, threshold, scale, key, block, 4);
  if (count % 4) dropout_block(y, x, threshold, scale, key, count / 4, count % 4);
}

static void input_features(float *y, const float *x, const float *scale, const float *offset, size_t count)
{
#pragma omp simd
  for (size_t i = 0; i < count; ++i) y[i] = x[i] * scale[i] + offset[i];
}

const lks_elementwise_kernels LKS_OF_ISA(elementwise) = {
    relu_forward, relu_backward, sigmoid_backward, add_forward, dropout, input_features,
};
