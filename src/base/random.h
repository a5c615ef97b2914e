#ifndef LKS_BASE_RANDOM_H
#define LKS_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/** What random bits are for. A purpose never shares bits with another one. */
typedef enum lks_random_purpose {
  LKS_RANDOM_SHUFFLE = 1,
  LKS_RANDOM_AUGMENT,
  LKS_RANDOM_DROPOUT,
  LKS_RANDOM_WEIGHTS,
  LKS_RANDOM_GENERATE,
  LKS_RANDOM_DISTURB,
  LKS_RANDOM_PROBE,
  LKS_RANDOM_WINDOW,
  LKS_RANDOM_SPLIT
} lks_random_purpose;

/** Where in a run random bits are drawn: never the rank, never the thread. */
typedef struct lks_random_key {
  uint64_t seed;
  uint32_t purpose; /* lks_random_purpose + 256 * layer */
  uint32_t step;    /* step since the start of training, or epoch for a shuffle */
  uint32_t sample;  /* position of the sample in the dataset */
} lks_random_key;

/** Local. Four 32-bit words, the `block`-th of a key: Philox4x32-10 with key (seed) and counter (block,
 * sample, step, purpose). Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3". */
void lks_random_words(uint32_t words[4], const lks_random_key *key, uint32_t block);

/** Local. A key whose purpose carries a layer's number. */
lks_random_key lks_random_key_make(uint64_t seed, lks_random_purpose purpose, uint32_t layer, uint32_t step,
                                   uint32_t sample);

/** Local. A number below `bound` (> 0), from the block-th words; multiply-shift on 64 bits. */
uint64_t lks_random_below(const lks_random_key *key, uint32_t block, uint64_t bound);

/** Local. out[count]: independent normal deviates, mean 0, variance 1 (Box-Muller). Uses libm: call it on one
 * rank and broadcast when hosts may differ. */
void lks_random_normal(float *out, size_t count, const lks_random_key *key);

/** Local. order[count]: a uniform permutation of 0..count-1 (Fisher-Yates). */
void lks_random_permutation(uint32_t *order, size_t count, const lks_random_key *key);

#endif
