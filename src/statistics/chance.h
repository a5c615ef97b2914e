#ifndef LKS_STATISTICS_CHANCE_H
#define LKS_STATISTICS_CHANCE_H

#include <stdbool.h>
#include <stddef.h>

/** What somebody comes to who knows the classes and looks at no sample. */
typedef struct lks_chance {
  size_t test_samples; /* 0: not known, and then nothing can be said */
  double share;        /* of the largest class among them: the accuracy of always naming it */
  double entropy;      /* of the classes in training, nats: the loss of always giving their shares */
} lks_chance;

/** Local. Entropy in nats, and the share of the largest class, of so many samples a class. 0 of no samples. */
double lks_entropy(const size_t *count, size_t classes);
double lks_largest_share(const size_t *count, size_t classes);

/** How rarely a guess goes beyond lks_chance_most. */
#define LKS_CHANCE_RARE 0.001

/** Local. The accuracy that is exceeded by guesses, each right with the probability `share`, with a probability
 * of LKS_CHANCE_RARE at most: the quantile of the binomial distribution, divided by its samples. */
double lks_chance_most(size_t samples, double share);

/** A run is held to have learned nothing when its training loss is not below this part of the entropy, either. */
#define LKS_CHANCE_LOSS 0.95

/** Local. The test accuracy up to which a run may have learned nothing: what guesses come to (lks_chance_most), or a
 * sixth of the way from there to all right, if that is more. For an untrained network is no guesser: its errors
 * depend on each other, and one of Lockstep's own reached 19.9% of ten classes, where of 360 guesses 15.6% is rare. */
double lks_chance_bound(const lks_chance *chance);

/** Local. Whether a run failed to learn: none of its last five test accuracies [count of all epochs] is above that
 * bound, and neither is its training loss below the entropy of the classes by 5%. Both are asked: a network of
 * few classes, or few test samples, may be right by luck, one whose loss fell learned something though the test
 * set does not show it, and one that is wrong rarely but sure of it has a large loss. False when chance is not
 * known, and of no epoch. */
bool lks_chance_explains(const lks_chance *chance, const double *accuracy, size_t count, double train_loss);

#endif
