#ifndef LKS_TESTS_NAIVE_RANDOM_H
#define LKS_TESTS_NAIVE_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Random draws from the published algorithms alone: what seed, step and sample have to give. All are local.
 */

enum {
  NAIVE_SHUFFLE = 1,
  NAIVE_AUGMENT = 2,
  NAIVE_DROPOUT = 3,
  NAIVE_DISTURB = 6,
  NAIVE_PROBE = 7,
  NAIVE_WINDOW = 8
};

typedef struct naive_key {
  uint64_t seed;
  uint32_t purpose, layer, step, sample;
} naive_key;

/** Philox4x32-10 with key (seed) and counter (block, sample, step, purpose + 256 * layer). Source: Salmon et
 * al. 2011, section 4.3. */
void naive_random_words(uint32_t words[4], naive_key key, uint32_t block);

/** floor(u * bound), u in [0,1) of 64 bits: the block-th draw of a key. */
uint64_t naive_random_below(naive_key key, uint32_t block, uint64_t bound);

/** order[count]: Fisher and Yates's shuffle, from the inside out. */
void naive_random_order(uint32_t *order, size_t count, naive_key key);

/** Whether dropout keeps an element of a sample. */
bool naive_random_keeps(naive_key key, size_t element, double rate);

/** The element-th normal deviate of a key: Box and Muller's, of the words in pairs. */
double naive_random_normal(naive_key key, size_t element);

/** How a picture is moved and mirrored (0 or 1) in training. */
typedef struct naive_move {
  int down, right, mirrored;
} naive_move;
naive_move naive_random_move(uint64_t seed, uint32_t step, uint32_t sample, int crop, bool flip);

#endif
