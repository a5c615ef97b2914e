#include "statistics/chance.h"

#include <math.h>

static size_t total_of(const size_t *count, size_t classes)
{
  size_t total = 0;
  for (size_t i = 0; i < classes; i++) total += count[i];
  return total;
}

double lks_entropy(const size_t *count, size_t classes)
{
  const double total = (double)total_of(count, classes);
  double entropy = 0;
  for (size_t i = 0; i < classes; i++)
    if (count[i] > 0) entropy -= (double)count[i] / total * log((double)count[i] / total);
  return entropy;
}

double lks_largest_share(const size_t *count, size_t classes)
{
  size_t largest = 0;
  for (size_t i = 0; i < classes; i++)
    if (count[i] > largest) largest = count[i];
  return largest > 0 ? (double)largest / (double)total_of(count, classes) : 0;
}

/* Of `right` of so many guesses; the logarithm keeps binomial coefficients of any size apart from overflow. */
static double probability(size_t right, size_t samples, double share)
{
  const double n = (double)samples, k = (double)right;
  return exp(lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * log(share) + (n - k) * log1p(-share));
}

double lks_chance_most(size_t samples, double share)
{
  double above = 0; /* P(more than `right` are right) */
  size_t right = samples;
  if (samples == 0 || !(share > 0 && share < 1)) return share;
  while (right > 0) {
    const double here = probability(right, samples, share);
    if (above + here > LKS_CHANCE_RARE) break;
    above += here;
    right--;
  }
  return (double)right / (double)samples;
}

double lks_chance_bound(const lks_chance *chance)
{
  return fmax(lks_chance_most(chance->test_samples, chance->share), chance->share + (1 - chance->share) / 6);
}

bool lks_chance_explains(const lks_chance *chance, const double *accuracy, size_t count, double train_loss)
{
  enum { LAST = 5 };
  if (chance->test_samples == 0 || count == 0) return false;
  if (train_loss < LKS_CHANCE_LOSS * chance->entropy) return false;
  const double most = lks_chance_bound(chance);
  for (size_t i = count > LAST ? count - LAST : 0; i < count; i++)
    if (accuracy[i] > most * (1 + 1e-12)) return false;
  return true;
}
