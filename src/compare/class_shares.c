#include "compare/class_shares.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/csv.h"
#include "base/file.h"
#include "base/ini_file.h"
#include "base/printed.h"
#include "dataset/dataset_file.h"

enum { PATH_SIZE = LKS_TEXT_MAX + 64 };

static void path_of(char path[PATH_SIZE], const lks_comparison *comparison)
{
  snprintf(path, PATH_SIZE, "%.*s/classes.ini", LKS_TEXT_MAX, comparison->directory);
}

static lks_status take(void *user, const char *key, const char *value)
{
  lks_chance *chance = user;
  if (strcmp(key, "test-samples") == 0) return lks_count_read(&chance->test_samples, value);
  if (strcmp(key, "largest-test-share") == 0) return lks_number_read(&chance->share, value);
  if (strcmp(key, "training-entropy") == 0) return lks_number_read(&chance->entropy, value);
  return lks_fail(LKS_ERR_DATA, "unknown key '%.100s'", key);
}

/* False when there is none, or a damaged one, which is made anew. */
static bool read_note(lks_chance *chance, const lks_comparison *comparison)
{
  char path[PATH_SIZE];
  path_of(path, comparison);
  if (!lks_file_exists(path) || lks_ini_read(path, take, chance, LKS_ERR_DATA) != LKS_OK) return false;
  return chance->test_samples > 0 && chance->share > 0 && chance->share <= 1 && chance->entropy >= 0;
}

static void write_note(const lks_chance *chance, const lks_comparison *comparison)
{
  char path[PATH_SIZE], share[LKS_NUMBER_MAX], entropy[LKS_NUMBER_MAX];
  lks_printed printed;
  if (!lks_file_exists(comparison->directory) || lks_printed_begin(&printed) != LKS_OK) return;
  path_of(path, comparison);
  lks_number_print(share, chance->share, "");
  lks_number_print(entropy, chance->entropy, "");
  fprintf(printed.stream, "test-samples = %zu\nlargest-test-share = %s\ntraining-entropy = %s\n",
          chance->test_samples, share, entropy);
  lks_printed_file(path, &printed); /* what cannot be noted is counted again */
}

static void count_labels(size_t *count, const lks_dataset_file *file, lks_split split)
{
  const int32_t *label = lks_dataset_file_labels(file, split);
  for (size_t i = 0; i < lks_dataset_file_header(file)->layout.count[split]; i++) count[label[i]]++;
}

static void count_file(lks_chance *chance, const lks_dataset_file *file, size_t holdout)
{
  const lks_layout *layout = &lks_dataset_file_header(file)->layout;
  /* held-out samples have the classes of the training split, in proportion */
  const lks_split judged = holdout > 0 ? LKS_SPLIT_TRAIN : LKS_SPLIT_TEST;
  size_t *count = layout->count[judged] > 0 ? lks_new(LKS_SPLITS * layout->classes, sizeof *count) : NULL;
  if (count == NULL) return;
  for (int split = 0; split < LKS_SPLITS; split++)
    count_labels(count + (size_t)split * layout->classes, file, (lks_split)split);
  chance->test_samples = holdout > 0 ? holdout : layout->count[LKS_SPLIT_TEST];
  chance->share = lks_largest_share(count + (size_t)judged * layout->classes, layout->classes);
  chance->entropy = lks_entropy(count + (size_t)LKS_SPLIT_TRAIN * layout->classes, layout->classes);
  lks_free(count);
}

lks_chance lks_class_shares_find(const lks_comparison *comparison)
{
  lks_chance chance = {0};
  lks_dataset_file *file = NULL;
  if (read_note(&chance, comparison)) return chance;
  chance = (lks_chance){0};
  if (!lks_file_exists(comparison->base.data) ||
      lks_dataset_file_open(&file, comparison->base.data, &comparison->base.names) != LKS_OK)
    return chance;
  count_file(&chance, file, comparison->base.holdout);
  lks_dataset_file_close(&file);
  if (chance.test_samples > 0) write_note(&chance, comparison);
  return chance;
}
