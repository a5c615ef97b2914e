#include "report/words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/append.h"

const char *lks_words_file(const char *path)
{
  const char *slash = strrchr(path, '/');
  return slash != NULL ? slash + 1 : path;
}

static const char *plural(size_t count)
{
  return count == 1 ? "" : "s";
}

static bool same_model(const lks_comparison *comparison)
{
  for (size_t arm = 1; arm < comparison->arms; arm++)
    if (strcmp(comparison->arm[arm].config.model, comparison->arm[0].config.model) != 0) return false;
  return true;
}

/* The model that all arms have; NULL when there are several. */
static const char *model_of(const lks_comparison *comparison)
{
  if (comparison->arms == 0) return lks_words_file(comparison->base.model);
  return same_model(comparison) ? lks_words_file(comparison->arm[0].config.model) : NULL;
}

static bool same_epochs(const lks_comparison *comparison)
{
  for (size_t arm = 1; arm < comparison->arms; arm++)
    if (comparison->arm[arm].config.epochs != comparison->arm[0].config.epochs) return false;
  return true;
}

static bool same_batches(const lks_comparison *comparison)
{
  for (size_t arm = 1; arm < comparison->arms; arm++)
    if (comparison->arm[arm].config.batch_size != comparison->arm[0].config.batch_size) return false;
  return true;
}

static void add_setting(char text[LKS_WORDS_MAX], const lks_comparison *comparison)
{
  const char *model = model_of(comparison);
  if (model != NULL) lks_append(text, LKS_WORDS_MAX, "%s ", model);
  lks_append(text, LKS_WORDS_MAX, "on %s", lks_words_file(comparison->base.data));
}

void lks_words_title(char text[LKS_WORDS_MAX], const lks_comparison *comparison)
{
  enum { NAMED = 4 };
  text[0] = '\0';
  if (lks_comparison_of_norms(comparison)) {
    lks_append(text, LKS_WORDS_MAX,
               comparison->arms == 1 ? "One normalization batch: " : "Normalization batches compared: ");
  } else if (comparison->arms > NAMED) {
    lks_append(text, LKS_WORDS_MAX, "%zu arms compared: ", comparison->arms);
  } else {
    for (size_t i = 0; i < comparison->arms; i++)
      lks_append(text, LKS_WORDS_MAX, "%s%s",
                 i == 0                     ? ""
                 : i + 1 < comparison->arms ? ", "
                                            : " and ",
                 comparison->arm[i].name);
    lks_append(text, LKS_WORDS_MAX, comparison->arms == 1 ? ": " : " compared: ");
  }
  add_setting(text, comparison);
}

void lks_words_arm(char text[LKS_WORDS_MAX], const lks_comparison *comparison, size_t arm)
{
  const lks_arm *a = &comparison->arm[arm];
  text[0] = '\0';
  lks_append(text, LKS_WORDS_MAX, "%s", a->name);
  if (lks_comparison_is_short(comparison)) return;
  lks_append(text, LKS_WORDS_MAX, " (%s)", a->settings[0] != '\0' ? a->settings : "the common settings");
}

static void add_counts(char text[LKS_WORDS_MAX], const lks_comparison *comparison)
{
  lks_append(text, LKS_WORDS_MAX, "%zu arm%s, %zu seed%s", comparison->arms, plural(comparison->arms),
             comparison->seeds, plural(comparison->seeds));
  if (same_epochs(comparison) && comparison->arms > 0)
    lks_append(text, LKS_WORDS_MAX, ", %zu epoch%s", comparison->arm[0].config.epochs,
               plural(comparison->arm[0].config.epochs));
  if (same_batches(comparison) && comparison->arms > 0)
    lks_append(text, LKS_WORDS_MAX, ", mini-batches of %zu samples", comparison->arm[0].config.batch_size);
  lks_append(text, LKS_WORDS_MAX, ".");
}

void lks_words_summary(char text[LKS_WORDS_MAX], const lks_comparison *comparison)
{
  text[0] = '\0';
  add_counts(text, comparison);
  if (comparison->arms < 2) return;
  if (!lks_comparison_of_norms(comparison)) {
    lks_append(
        text, LKS_WORDS_MAX,
        " Each arm is the common settings with some of them set otherwise; what its runs share with those of %s, seed by seed, stands beside it.",
        comparison->arm[comparison->reference].name);
    return;
  }
  lks_append(
      text, LKS_WORDS_MAX,
      " The arms differ in the normalization batch alone, the samples that share one mean and variance; runs with the same seed had the same initial weights, mini-batches and augmentation%s.",
      comparison->rates > 0 ? "; the learning rate was tuned for each arm on held-out training samples" : "");
}

void lks_words_note(char text[LKS_WORDS_MAX], const lks_table *table, const lks_results *results)
{
  const lks_comparison *comparison = &results->comparison;
  text[0] = '\0';
  add_setting(text, comparison);
  if (same_epochs(comparison) && comparison->arms > 0)
    lks_append(text, LKS_WORDS_MAX, ", %zu epoch%s", comparison->arm[0].config.epochs,
               plural(comparison->arm[0].config.epochs));
  lks_append(text, LKS_WORDS_MAX, ", %zu seed%s", comparison->seeds, plural(comparison->seeds));
  if (table->failed > 0)
    lks_append(text, LKS_WORDS_MAX, ". Outside of the picture: %zu run%s that failed to learn", table->failed,
               plural(table->failed));
}

void lks_words_failures(char text[LKS_WORDS_MAX], const lks_table *table, const lks_results *results)
{
  enum { NAMED = 10 };
  size_t runs = 0;
  text[0] = '\0';
  if (table->failed == 0) return;
  for (size_t i = 0; i < table->rows; i++) runs += table->row[i].seeds;
  lks_append(text, LKS_WORDS_MAX, "%zu of %zu runs failed to learn: ", table->failed, runs);
  const char *between = "";
  for (size_t i = 0; i < table->rows; i++) {
    char names[256];
    if (lks_failures_write(names, sizeof names, results, i, NAMED) == 0) continue;
    lks_append(text, LKS_WORDS_MAX, "%s%s (%s)", between, table->row[i].arm->name, names);
    between = "; ";
  }
  lks_append(text, LKS_WORDS_MAX,
             ". Figures of an arm and pictures leave them out, except where an arm has no others.");
}

void lks_words_chance(char text[LKS_WORDS_MAX], const lks_chance *chance)
{
  text[0] = '\0';
  lks_append(text, LKS_WORDS_MAX, "A run failed to learn when it diverged");
  if (chance->test_samples == 0) {
    lks_append(text, LKS_WORDS_MAX,
               "; whether others stayed at chance is not known, for the dataset could not be read.");
    return;
  }
  lks_append(
      text, LKS_WORDS_MAX,
      ", or when it stayed at chance: in none of its last five epochs a test accuracy above %.1f%%, and a training loss not below %.3f, 95%% of the entropy of the classes. The former is a sixth of the way from the share of the largest class, %.1f%%, to all right, or what guessing exceeds once in a thousand tests of %zu samples, if that is more: untrained networks are right more often than guesses.",
      100 * lks_chance_bound(chance), LKS_CHANCE_LOSS * chance->entropy, 100 * chance->share,
      chance->test_samples);
}
