#include <stdio.h>
#include <string.h>

#include "compare/comparison.h"
#include "config/config_value.h"

/* What the runs of two arms with the same seed have in common. Random numbers are keyed by seed, purpose and
 * place: weights by the number of the convolution or dense layer, the order of samples by the epoch and by how
 * many samples there are, augmentation by step and sample. So the settings tell what is the same. */

enum { KEYS_MAX = 12 };

typedef struct difference {
  const char *key; /* NULL: there is none */
  char here[LKS_VALUE_MAX], there[LKS_VALUE_MAX];
} difference;

/** The first of the keys whose values differ. */
static difference find_difference(const char *const keys[KEYS_MAX], const lks_config *here,
                                  const lks_config *there)
{
  difference d = {.key = NULL};
  for (size_t i = 0; i < KEYS_MAX && keys[i] != NULL; i++) {
    const lks_option *option = lks_config_option(keys[i]);
    if (lks_config_value_differs(d.here, d.there, here, there, option, 1, NULL) == NULL) continue;
    d.key = keys[i];
    if (!d.here[0]) strcpy(d.here, "unset");
    if (!d.there[0]) strcpy(d.there, "unset");
    break;
  }
  return d;
}

static const char *const of_weights[KEYS_MAX] = {"model", "data", "samples", "layout", "init", "init-except"};
static const char *const of_batches[KEYS_MAX] = {"data",          "samples", "labels",    "layout",
                                                 "train-samples", "holdout", "batch-size"};
static const char *const of_augmentation[KEYS_MAX] = {
    "crop", "flip", "data", "samples", "labels", "layout", "train-samples", "holdout", "batch-size"};
static const char *const of_rate[KEYS_MAX] = {"lr", "schedule", "warmup"};
static const char *const of_its_steps[KEYS_MAX] = {"data", "samples", "train-samples", "holdout",
                                                   "batch-size"};
static const char *const of_step_schedule[KEYS_MAX] = {"step-epochs", "step-factor"};
static const char *const of_cosine[KEYS_MAX] = {"epochs"};

static bool is_augmented(const lks_config *config)
{
  return config->crop > 0 || config->flip;
}

/** A learning rate that changes counts in epochs, so that its course over the steps depends on their number. */
static difference rate_difference(const lks_config *here, const lks_config *there)
{
  difference d = find_difference(of_rate, here, there);
  if (d.key == NULL && here->schedule == LKS_SCHEDULE_STEP)
    d = find_difference(of_step_schedule, here, there);
  if (d.key == NULL && here->schedule == LKS_SCHEDULE_COSINE) d = find_difference(of_cosine, here, there);
  if (d.key == NULL && (here->schedule != LKS_SCHEDULE_CONSTANT || here->warmup > 0))
    d = find_difference(of_its_steps, here, there);
  return d;
}

static void say_shared(FILE *stream, const char *const *part, size_t count)
{
  if (count == 0) {
    fputs("Runs with the same seed share nothing but the seed.", stream);
    return;
  }
  fputs("Runs with the same seed share ", stream);
  for (size_t i = 0; i < count; i++)
    fprintf(stream, "%s%s", i == 0 ? "" : i + 1 < count ? ", " : " and ", part[i]);
  fputc('.', stream);
}

static void say_weights(FILE *stream, const difference *d)
{
  if (d->key == NULL) return;
  fprintf(
      stream,
      " Initial weights are the same in the n-th dense layer or convolution of both where its shape and the activation behind it are (%s = %.24s, not %.24s).",
      d->key, d->here, d->there);
}

static void say_batches(FILE *stream, const difference *d)
{
  if (d->key == NULL) return;
  fprintf(stream, " %s (%s = %.24s, not %.24s).",
          strcmp(d->key, "batch-size") == 0 ? "Samples come in the same order, cut into other mini-batches"
                                            : "Mini-batches differ",
          d->key, d->here, d->there);
}

static void say_rate(FILE *stream, const difference *d, bool tuned)
{
  if (tuned)
    fputs(" The learning rate was chosen for each arm.", stream);
  else if (d->key != NULL)
    fprintf(stream, " %s differs (%s = %.24s, not %.24s).",
            strcmp(d->key, "lr") == 0         ? "The learning rate"
            : strcmp(d->key, "schedule") == 0 ? "The learning rate's schedule"
                                              : "The course of the learning rate",
            d->key, d->here, d->there);
}

static void say_all(FILE *stream, const lks_comparison *comparison, size_t arm)
{
  const lks_config *here = &comparison->arm[arm].config,
                   *there = &comparison->arm[comparison->reference].config;
  const difference weights = find_difference(of_weights, here, there),
                   batches = find_difference(of_batches, here, there),
                   augmentation = find_difference(of_augmentation, here, there),
                   rate = rate_difference(here, there);
  const bool augmented = is_augmented(here) || is_augmented(there),
             tuned = lks_comparison_is_tuned(comparison, arm) ||
                     lks_comparison_is_tuned(comparison, comparison->reference);
  const char *part[4];
  size_t parts = 0;
  if (weights.key == NULL) part[parts++] = "initial weights";
  if (batches.key == NULL) part[parts++] = "mini-batches";
  if (augmented && augmentation.key == NULL) part[parts++] = "augmentation";
  if (rate.key == NULL && !tuned) part[parts++] = "learning rate";
  say_shared(stream, part, parts);
  say_weights(stream, &weights);
  say_batches(stream, &batches);
  if (augmented && augmentation.key != NULL)
    fprintf(stream, " Augmentation differs (%s = %.24s, not %.24s).", augmentation.key, augmentation.here,
            augmentation.there);
  say_rate(stream, &rate, tuned);
}

void lks_comparison_pairing(char text[LKS_TEXT_MAX], const lks_comparison *comparison, size_t arm)
{
  memset(text, 0, LKS_TEXT_MAX);
  FILE *stream = fmemopen(text, LKS_TEXT_MAX - 1, "w");
  if (stream == NULL) return;
  say_all(stream, comparison, arm);
  fclose(stream);
}
