#include "base/random.h"

#include <math.h>

#include <Random123/philox.h>

void lks_random_words(uint32_t words[4], const lks_random_key *key, uint32_t block)
{
  philox4x32_ctr_t counter = {{block, key->sample, key->step, key->purpose}};
  philox4x32_key_t philox_key = {{(uint32_t)key->seed, (uint32_t)(key->seed >> 32)}};
  philox4x32_ctr_t result = philox4x32(counter, philox_key);
  for (int i = 0; i < 4; i++) words[i] = result.v[i];
}

lks_random_key lks_random_key_make(uint64_t seed, lks_random_purpose purpose, uint32_t layer, uint32_t step,
                                   uint32_t sample)
{
  return (lks_random_key){seed, (uint32_t)purpose + 256 * layer, step, sample};
}

uint64_t lks_random_below(const lks_random_key *key, uint32_t block, uint64_t bound)
{
  uint32_t words[4];
  lks_random_words(words, key, block);
  uint64_t uniform = (uint64_t)words[1] << 32 | words[0];
  return (uint64_t)(((unsigned __int128)uniform * bound) >> 64);
}

/* In (0, 1): half a step away from both ends, so that its logarithm is finite. */
static double open_uniform(uint32_t word)
{
  return (word + 0.5) * 0x1p-32;
}

void lks_random_normal(float *out, size_t count, const lks_random_key *key)
{
  const double two_pi = 6.283185307179586;
  for (size_t i = 0; i < count; i += 4) {
    uint32_t words[4];
    float deviate[4];
    lks_random_words(words, key, (uint32_t)(i / 4));
    for (int pair = 0; pair < 4; pair += 2) {
      double radius = sqrt(-2 * log(open_uniform(words[pair])));
      double angle = two_pi * open_uniform(words[pair + 1]);
      deviate[pair] = (float)(radius * cos(angle));
      deviate[pair + 1] = (float)(radius * sin(angle));
    }
    for (size_t k = 0; k < 4 && i + k < count; k++) out[i + k] = deviate[k];
  }
}

void lks_random_permutation(uint32_t *order, size_t count, const lks_random_key *key)
{
  for (size_t i = 0; i < count; i++) {
    size_t j = (size_t)lks_random_below(key, (uint32_t)i, i + 1);
    order[i] = order[j];
    order[j] = (uint32_t)i;
  }
}
