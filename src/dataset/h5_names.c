#include "dataset/h5_names.h"

#include <stdio.h>
#include <string.h>

#include "base/append.h"
#include "base/arena.h"
#include "dataset/h5_list.h"
#include "dataset/h5_words.h"

enum { TEXT_BYTES = 900 };

typedef struct finding {
  lks_dataset_array *array; /* [LKS_SECTIONS] */
  hid_t file;
  const lks_dataset_names *names;
  lks_h5_list *list;
  lks_h5_part train; /* how the training arrays call themselves: TRAIN, or NO_PART */
} finding;

static bool is_there(hid_t file, const char *path)
{
  char group[LKS_ARRAY_PATH];
  snprintf(group, sizeof group, "%.*s", (int)(strchr(path + 1, '/') - path), path);
  return H5Lexists(file, group, H5P_DEFAULT) > 0 && H5Lexists(file, path, H5P_DEFAULT) > 0;
}

static void put(lks_dataset_array *array, const char *path)
{
  array->path[0] = '\0';
  lks_append(array->path, sizeof array->path, "%s%s", path[0] == '/' ? "" : "/", path);
}

/* As lockstep writes it. A part that lacks something is found as well, and what is missing will be said. */
static void find_native(lks_dataset_array array[2], hid_t file, lks_split split)
{
  char path[3][32];
  static const char *const name[] = {"images", "features", "labels"};
  for (int i = 0; i < 3; i++) snprintf(path[i], sizeof path[i], "/%s/%s", lks_split_name(split), name[i]);
  const bool flat = !is_there(file, path[0]) && is_there(file, path[1]);
  if (!array[0].path[0]) put(&array[0], path[flat]);
  if (!array[1].path[0]) put(&array[1], path[2]);
}

/* How well an entry is the array that is looked for; 0 is best, SIZE_MAX not at all. */
static size_t distance(const lks_h5_entry *entry, lks_h5_role role, lks_h5_part part)
{
  const lks_h5_meaning meaning = lks_h5_words_read(entry->path);
  if (meaning.role != role || meaning.part != part) return SIZE_MAX;
  return (entry->texts ? 1000 : 0) + meaning.strange;
}

/* NULL when none is, or several are, in the same way; then *several. */
static const lks_h5_entry *find_best(bool *several, const lks_h5_list *list, lks_h5_role role,
                                     lks_h5_part part)
{
  const lks_h5_entry *best = NULL;
  size_t least = SIZE_MAX;
  *several = false;
  for (size_t i = 0; i < list->count; i++) {
    const size_t is = distance(&list->entry[i], role, part);
    if (is > least || is == SIZE_MAX) continue;
    *several = is == least;
    if (!*several) best = &list->entry[i];
    least = is;
  }
  return best;
}

static lks_status refuse(const finding *f, const char *what, const char *option, bool several)
{
  char text[TEXT_BYTES];
  lks_h5_list_text(text, sizeof text, f->list);
  return lks_fail(LKS_ERR_DATA, "%s array in it is recognized as %s: give %s PATH. It holds %s",
                  several ? "more than one" : "no", what, option, text);
}

static lks_status find_one(const finding *f, int section, lks_h5_role role, lks_h5_part part,
                           const char *what, const char *option)
{
  bool several = false;
  if (f->array[section].path[0]) return LKS_OK;
  const lks_h5_entry *best = find_best(&several, f->list, role, part);
  if (!best || several) return refuse(f, what, option, several);
  put(&f->array[section], best->path);
  return LKS_OK;
}

static bool is_anywhere(const lks_h5_list *list, lks_h5_role role, lks_h5_part part)
{
  bool several;
  return find_best(&several, list, role, part) != NULL;
}

static lks_status find_train(finding *f)
{
  const lks_h5_list *list = f->list;
  f->train = is_anywhere(list, LKS_H5_SAMPLES, LKS_H5_TRAIN) || is_anywhere(list, LKS_H5_LABELS, LKS_H5_TRAIN)
                 ? LKS_H5_TRAIN
                 : LKS_H5_NO_PART;
  if (!f->array[0].path[0] && !is_anywhere(list, LKS_H5_SAMPLES, f->train) &&
      is_anywhere(list, LKS_H5_SAMPLES, LKS_H5_TEST)) {
    char text[TEXT_BYTES];
    lks_h5_list_text(text, sizeof text, list);
    return lks_fail(
        LKS_ERR_DATA,
        "it has test samples alone: give --samples PATH and --labels PATH of training samples, or write both parts into one file; to evaluate on it, name its arrays as --samples and --labels too. It holds %s",
        text);
  }
  lks_status status = find_one(f, 0, LKS_H5_SAMPLES, f->train, "training samples", "--samples");
  return status ? status : find_one(f, 1, LKS_H5_LABELS, f->train, "training labels", "--labels");
}

/* Test samples without labels are left out, with a word. */
static lks_status find_test(finding *f, char *note, size_t size)
{
  bool several = false;
  const bool named = f->array[2].path[0] || f->array[3].path[0];
  if (!named && !is_anywhere(f->list, LKS_H5_SAMPLES, LKS_H5_TEST)) return LKS_OK;
  if (!named && !is_anywhere(f->list, LKS_H5_LABELS, LKS_H5_TEST)) {
    const lks_h5_entry *samples = find_best(&several, f->list, LKS_H5_SAMPLES, LKS_H5_TEST);
    lks_append(note, size, "%s is left out: it has no labels", samples->path);
    return LKS_OK;
  }
  lks_status status = find_one(f, 2, LKS_H5_SAMPLES, LKS_H5_TEST, "test samples", "--test-samples");
  return status ? status : find_one(f, 3, LKS_H5_LABELS, LKS_H5_TEST, "test labels", "--test-labels");
}

static void find_class_names(char path[LKS_ARRAY_PATH], const lks_h5_list *list)
{
  static const char *const known[] = {"class_names", "list_classes", "classes", "label_names",
                                      "target_names"};
  for (size_t i = 0; i < list->count; i++)
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
      const char *last = strrchr(list->entry[i].path, '/') + 1;
      if (list->entry[i].texts && strcmp(last, known[k]) == 0 && !path[0])
        snprintf(path, LKS_ARRAY_PATH, "%s", list->entry[i].path);
    }
}

static bool is_native(hid_t file)
{
  return is_there(file, "/train/images") || is_there(file, "/train/features");
}

static lks_status find_others(finding *f, char class_names[LKS_ARRAY_PATH], char *note, size_t size,
                              bool no_test)
{
  f->list = lks_new(1, sizeof *f->list);
  if (!f->list) return LKS_ERR_RANK;
  lks_h5_list_make(f->list, f->file);
  find_class_names(class_names, f->list);
  lks_status status = find_train(f);
  if (!status && !no_test) status = find_test(f, note, size);
  lks_free(f->list);
  return status;
}

static bool wants_no_test(const lks_dataset_names *names)
{
  return strcmp(names->test_samples, "none") == 0;
}

static lks_status put_named(lks_dataset_array array[LKS_SECTIONS], const lks_dataset_names *names)
{
  const char *named[] = {names->samples, names->labels, names->test_samples, names->test_labels};
  for (int i = 0; i < LKS_SECTIONS; i++) {
    if (strlen(named[i]) + 2 > LKS_ARRAY_PATH)
      return lks_fail(LKS_ERR_USAGE, "'%.40s...' is longer than a path of an array may be, %d bytes",
                      named[i], LKS_ARRAY_PATH - 2);
    if (named[i][0] != '\0' && !(i >= 2 && wants_no_test(names))) put(&array[i], named[i]);
  }
  return LKS_OK;
}

lks_status lks_h5_names_find(lks_dataset_array array[LKS_SECTIONS], char class_names[LKS_ARRAY_PATH],
                             char *note, size_t size, hid_t file, const lks_dataset_names *names, bool native)
{
  finding f = {array, file, names, NULL, LKS_H5_NO_PART};
  const bool named = names->samples[0] || names->labels[0], no_test = wants_no_test(names);
  lks_status status = put_named(array, names);
  if (status) return status;
  if (!native && (named || !is_native(file))) return find_others(&f, class_names, note, size, no_test);
  find_native(array, file, LKS_SPLIT_TRAIN);
  if (!no_test && (names->test_samples[0] || H5Lexists(file, "/test", H5P_DEFAULT) != 0))
    find_native(array + 2, file, LKS_SPLIT_TEST);
  return LKS_OK;
}
