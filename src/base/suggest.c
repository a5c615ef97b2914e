#include "base/suggest.h"

#include <string.h>

#include "base/integers.h"

enum { LONGEST = 64 };

/* Optimal string alignment: insertions, deletions, replacements and transpositions of neighbours.
 * Source: Damerau 1964; Wagner & Lowrance 1975. Both words have at most LONGEST bytes. */
static size_t distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
  size_t row[3][LONGEST + 1]; /* of prefixes of a: row[i % 3][j] is the distance of a[0..i) and b[0..j) */
  for (size_t j = 0; j <= b_length; j++) row[0][j] = j;
  for (size_t i = 1; i <= a_length; i++) {
    size_t *now = row[i % 3];
    const size_t *last = row[(i + 2) % 3], *before_last = row[(i + 1) % 3];
    now[0] = i;
    for (size_t j = 1; j <= b_length; j++) {
      now[j] = lks_min(last[j - 1] + (a[i - 1] != b[j - 1]), 1 + lks_min(last[j], now[j - 1]));
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        now[j] = lks_min(now[j], before_last[j - 2] + 1);
      }
    }
  }
  return row[a_length % 3][b_length];
}

/* What other programs call the settings of this one, in small letters, with hyphens. */
static const char *const others[][2] = {
    {"learning-rate", "lr"},
    {"learningrate", "lr"},
    {"base-lr", "lr"},
    {"lr0", "lr"},
    {"eta", "lr"},
    {"batch", "batch-size"},
    {"bs", "batch-size"},
    {"batchsize", "batch-size"},
    {"global-batch-size", "batch-size"},
    {"train-batch-size", "batch-size"},
    {"micro-batch-size", "microbatch"},
    {"wd", "weight-decay"},
    {"l2", "weight-decay"},
    {"weightdecay", "weight-decay"},
    {"decay", "weight-decay"},
    {"num-epochs", "epochs"},
    {"n-epochs", "epochs"},
    {"nepochs", "epochs"},
    {"max-epochs", "epochs"},
    {"opt", "optimizer"},
    {"optim", "optimizer"},
    {"solver", "optimizer"},
    {"scheduler", "schedule"},
    {"lr-scheduler", "schedule"},
    {"lr-schedule", "schedule"},
    {"step-size", "step-epochs"},
    {"gamma", "step-factor"},
    {"lr-decay", "step-factor"},
    {"warmup-epochs", "warmup"},
    {"random-seed", "seed"},
    {"random-state", "seed"},
    {"rng-seed", "seed"},
    {"num-threads", "threads"},
    {"num-workers", "threads"},
    {"workers", "threads"},
    {"nthreads", "threads"},
    {"network", "model"},
    {"net", "model"},
    {"arch", "model"},
    {"architecture", "model"},
    {"dataset", "data"},
    {"data-path", "data"},
    {"output-dir", "output"},
    {"out", "output"},
    {"save-dir", "output"},
    {"normalization", "bn"},
    {"norm", "bn"},
    {"batch-norm", "bn"},
    {"batchnorm", "bn"},
    {"sync-bn", "bn"},
    {"eps", "bn-epsilon"},
    {"dtype", "precision"},
    {"amp", "precision"},
    {"val-split", "holdout"},
    {"validation-split", "holdout"},
    {"n-samples", "train-samples"},
};

/* word as in the table; "" when it is too long for it */
static void simplify(char simple[LONGEST + 1], const char *word)
{
  size_t length = strlen(word);
  if (length > LONGEST) length = 0;
  for (size_t i = 0; i < length; i++)
    simple[i] = word[i] == '_'                     ? '-'
                : word[i] >= 'A' && word[i] <= 'Z' ? (char)(word[i] - 'A' + 'a')
                                                   : word[i];
  simple[length] = '\0';
}

/* The candidate that another program's word stands for, or NULL. */
static const char *known_elsewhere(const char *word, const char *const *candidates, size_t count)
{
  char simple[LONGEST + 1];
  simplify(simple, word);
  for (size_t k = 0; k < sizeof others / sizeof *others; k++)
    for (size_t i = 0; i < count && strcmp(others[k][0], simple) == 0; i++)
      if (strcmp(candidates[i], others[k][1]) == 0) return candidates[i];
  return NULL;
}

const char *lks_suggest(const char *word, const char *const *candidates, size_t count)
{
  size_t length = strlen(word);
  if (length > LONGEST) return NULL;
  const char *nearest = NULL;
  const char *meant = known_elsewhere(word, candidates, count);
  if (meant) return meant;
  size_t best = (length < 3 ? 1 : length / 3) + 1;
  for (size_t i = 0; i < count; i++) {
    size_t candidate_length = strlen(candidates[i]);
    if (candidate_length > LONGEST) continue;
    size_t edits = distance(word, length, candidates[i], candidate_length);
    if (edits < best) {
      best = edits;
      nearest = candidates[i];
    }
  }
  return nearest;
}
