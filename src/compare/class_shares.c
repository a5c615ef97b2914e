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

/* Counts labels as the bytes of a dataset go by. */
typedef struct counting {
  lks_section section[LKS_SECTIONS];
  size_t at, classes, *count[LKS_SPLITS];
  unsigned char part[sizeof(int32_t)]; /* of a label that two pieces share */
} counting;

static void take_byte(counting *c, lks_split split, unsigned char byte)
{
  const lks_section *labels = &c->section[2 * split + 1];
  const size_t place = (c->at - labels->offset) % sizeof c->part;
  int32_t label;
  c->part[place] = byte;
  if (place + 1 < sizeof c->part) return;
  memcpy(&label, c->part, sizeof label);
  if (label >= 0 && (size_t)label < c->classes) c->count[split][label]++;
}

static lks_status count_labels(void *context, const void *data, size_t bytes)
{
  counting *c = context;
  const unsigned char *byte = data;
  for (size_t i = 0; i < bytes;) {
    size_t next = SIZE_MAX; /* where the labels that come next begin */
    bool inside = false;
    for (int split = 0; split < LKS_SPLITS && !inside; split++) {
      const lks_section *labels = &c->section[2 * split + 1];
      inside = c->at >= labels->offset && c->at < labels->offset + labels->bytes;
      if (inside) take_byte(c, (lks_split)split, byte[i]);
      if (labels->offset > c->at && labels->offset < next) next = labels->offset;
    }
    const size_t step = inside ? 1 : next - c->at < bytes - i ? next - c->at : bytes - i;
    c->at += step;
    i += step;
  }
  return LKS_OK;
}

static void count_file(lks_chance *chance, lks_dataset_file *file, size_t holdout)
{
  const lks_layout *layout = &lks_dataset_file_header(file)->layout;
  counting c = {.classes = layout->classes};
  size_t *count = lks_new(LKS_SPLITS * layout->classes, sizeof *count);
  if (count == NULL) return;
  lks_layout_sections(c.section, layout);
  for (int split = 0; split < LKS_SPLITS; split++) c.count[split] = count + (size_t)split * layout->classes;
  if (lks_dataset_file_copy(file, count_labels, &c) == LKS_OK) {
    /* held-out samples have the classes of the training split, in proportion */
    const lks_split judged = holdout > 0 ? LKS_SPLIT_TRAIN : LKS_SPLIT_TEST;
    chance->test_samples = holdout > 0 ? holdout : layout->count[LKS_SPLIT_TEST];
    chance->share = lks_largest_share(c.count[judged], layout->classes);
    chance->entropy = lks_entropy(c.count[LKS_SPLIT_TRAIN], layout->classes);
  }
  lks_free(count);
}

lks_chance lks_class_shares_find(const lks_comparison *comparison)
{
  lks_chance chance = {0};
  lks_dataset_file *file = NULL;
  if (read_note(&chance, comparison)) return chance;
  chance = (lks_chance){0};
  if (!lks_file_exists(comparison->base.data) ||
      lks_dataset_file_open(&file, comparison->base.data) != LKS_OK)
    return chance;
  count_file(&chance, file, comparison->base.holdout);
  lks_dataset_file_close(&file);
  if (chance.test_samples > 0) write_note(&chance, comparison);
  return chance;
}
