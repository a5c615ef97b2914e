#ifndef LKS_DATASET_DEVIATES_H
#define LKS_DATASET_DEVIATES_H

#include <stddef.h>
#include <stdint.h>

#include "base/random.h"

/* Numbers by chance for data that must be the same bits on any machine: of additions, multiplications,
 * divisions and square roots alone, which IEEE 754 rounds in one way; no function of libm. */

/** Local. Sine and cosine of an angle counted in turns, 0 to 1; the error is below 1e-15. */
void lks_turn(double *sine, double *cosine, double turns);

/** Local. In (0, 1), from a random word: half a step away from both ends. */
double lks_uniform(uint32_t word);

/** Local. out[count]: independent normal deviates, mean 0, variance 1 (Box-Muller). */
void lks_deviates(double *out, size_t count, const lks_random_key *key);

#endif
