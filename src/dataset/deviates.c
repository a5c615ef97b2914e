#include "dataset/deviates.h"

#include <math.h>

#include "kernels/loss.h"

/* Taylor series on [-pi/4, pi/4], to the terms below 2^-53. */
static double series(double square, int first)
{
  double sum = 1;
  for (int k = first + 14; k >= first; k -= 2) sum = 1 - square / (k * (k + 1)) * sum;
  return sum;
}

void lks_turn(double *sine, double *cosine, double turns)
{
  const double two_pi = 6.283185307179586;
  const int quarter = (int)(turns * 4 + 0.5); /* the nearest one: 0 to 4 */
  const double x = (turns - quarter * 0.25) * two_pi, s = x * series(x * x, 2), c = series(x * x, 1);
  const double sines[] = {s, c, -s, -c};
  *sine = sines[quarter % 4];
  *cosine = sines[(quarter + 1) % 4];
}

double lks_uniform(uint32_t word)
{
  return (word + 0.5) * 0x1p-32;
}

void lks_deviates(double *out, size_t count, const lks_random_key *key)
{
  for (size_t i = 0; i < count; i += 4) {
    uint32_t words[4];
    double deviate[4];
    lks_random_words(words, key, (uint32_t)(i / 4));
    for (int pair = 0; pair < 4; pair += 2) {
      double sine, cosine, radius = sqrt(-2 * lks_log(lks_uniform(words[pair])));
      lks_turn(&sine, &cosine, lks_uniform(words[pair + 1]));
      deviate[pair] = radius * cosine;
      deviate[pair + 1] = radius * sine;
    }
    for (size_t k = 0; k < 4 && i + k < count; k++) out[i + k] = deviate[k];
  }
}
