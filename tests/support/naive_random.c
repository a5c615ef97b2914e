#include "naive_random.h"

#include <math.h>

void naive_random_words(uint32_t words[4], naive_key key, uint32_t block)
{
  uint32_t counter[4] = {block, key.sample, key.step, key.purpose + 256 * key.layer};
  uint32_t low = (uint32_t)key.seed, high = (uint32_t)(key.seed >> 32);
  for (int round = 0; round < 10; round++) {
    uint64_t a = UINT64_C(0xD2511F53) * counter[0], b = UINT64_C(0xCD9E8D57) * counter[2];
    counter[0] = (uint32_t)(b >> 32) ^ counter[1] ^ low;
    counter[1] = (uint32_t)b;
    counter[2] = (uint32_t)(a >> 32) ^ counter[3] ^ high;
    counter[3] = (uint32_t)a;
    low += 0x9E3779B9;
    high += 0xBB67AE85;
  }
  for (int i = 0; i < 4; i++) words[i] = counter[i];
}

uint64_t naive_random_below(naive_key key, uint32_t block, uint64_t bound)
{
  uint32_t words[4];
  naive_random_words(words, key, block);
  /* bound < 2^32: the product of both halves, the lower one first */
  uint64_t low = words[0] * bound;
  return (words[1] * bound + (low >> 32)) >> 32;
}

void naive_random_order(uint32_t *order, size_t count, naive_key key)
{
  for (uint32_t i = 0; i < count; i++) {
    uint32_t j = (uint32_t)naive_random_below(key, i, i + UINT64_C(1));
    order[i] = order[j];
    order[j] = i;
  }
}

bool naive_random_keeps(naive_key key, size_t element, double rate)
{
  uint32_t words[4];
  naive_random_words(words, key, (uint32_t)(element / 4));
  return words[element % 4] * 0x1p-32 >= rate;
}

double naive_random_normal(naive_key key, size_t element)
{
  uint32_t words[4];
  naive_random_words(words, key, (uint32_t)(element / 4));
  const size_t pair = element % 4 / 2 * 2;
  const double u = (words[pair] + 0.5) / 4294967296, v = (words[pair + 1] + 0.5) / 4294967296;
  return sqrt(-2 * log(u)) * (element % 2 ? sin(2 * acos(-1) * v) : cos(2 * acos(-1) * v));
}

naive_move naive_random_move(uint64_t seed, uint32_t step, uint32_t sample, int crop, bool flip)
{
  const naive_key key = {.seed = seed, .purpose = NAIVE_AUGMENT, .step = step, .sample = sample};
  const uint64_t places = 2 * (uint64_t)crop + 1;
  return (naive_move){(int)naive_random_below(key, 0, places) - crop,
                      (int)naive_random_below(key, 1, places) - crop,
                      flip && naive_random_below(key, 2, 2) == 1};
}
