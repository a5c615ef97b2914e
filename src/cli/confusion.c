#include "cli/confusion.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/csv.h"
#include "base/file.h"
#include "base/integers.h"
#include "base/plain_text.h"

enum { FEW = 12, MISTAKES = 10, NAME = 20, COUNT = 4 };

struct lks_confusion {
  const lks_dataset *dataset;
  size_t classes;
  size_t *count; /* [classes,classes]: true, predicted */
};

/* The network may know more classes than the labels of this file need. */
static size_t classes_of(const lks_dataset *dataset, const lks_samples *samples, const int32_t *predictions)
{
  size_t classes = lks_dataset_classes(dataset);
  for (size_t i = 0; i < samples->count; i++)
    if (predictions[i] >= 0 && (size_t)predictions[i] >= classes) classes = (size_t)predictions[i] + 1;
  return classes;
}

lks_status lks_confusion_create(lks_confusion **confusion, const lks_dataset *dataset, lks_split split,
                                const int32_t *predictions)
{
  lks_confusion *c = *confusion = lks_new(1, sizeof *c);
  if (!c) return LKS_ERR_RANK;
  const lks_samples samples = lks_dataset_split(dataset, split);
  c->dataset = dataset;
  c->classes = classes_of(dataset, &samples, predictions);
  c->count = lks_new(c->classes * c->classes, sizeof *c->count);
  if (!c->count) {
    lks_confusion_destroy(confusion);
    return LKS_ERR_RANK;
  }
  for (size_t i = 0; i < samples.count; i++)
    if (predictions[i] >= 0) c->count[(size_t)samples.label[i] * c->classes + (size_t)predictions[i]]++;
  return LKS_OK;
}

void lks_confusion_destroy(lks_confusion **confusion)
{
  if (!*confusion) return;
  lks_free((*confusion)->count);
  lks_free(*confusion);
  *confusion = NULL;
}

static size_t count_of(const lks_confusion *c, size_t label, size_t predicted)
{
  return c->count[label * c->classes + predicted];
}

static size_t samples_of(const lks_confusion *c, size_t label)
{
  size_t sum = 0;
  for (size_t k = 0; k < c->classes; k++) sum += count_of(c, label, k);
  return sum;
}

static size_t predicted_of(const lks_confusion *c, size_t predicted)
{
  size_t sum = 0;
  for (size_t k = 0; k < c->classes; k++) sum += count_of(c, k, predicted);
  return sum;
}

/* "3" or "3 cat": plain, and cut where it is longer than a column; name [size]. */
static void print_name(char *name, size_t size, const lks_confusion *c, size_t k)
{
  const char *of_file = lks_dataset_class_name(c->dataset, k);
  char whole[256];
  snprintf(whole, sizeof whole, "%zu%s%.200s", k, of_file ? " " : "", of_file ? of_file : "");
  lks_text_make_plain(whole);
  size_t length = strlen(whole);
  if (length >= size) length = size - 1;
  while (((unsigned char)whole[length] & 0xc0) == 0x80) length--; /* not inside of a character */
  memcpy(name, whole, length);
  name[length] = '\0';
}

/* Columns of the names, where there is no room for NAME of them. */
static int widest_name(const lks_confusion *c)
{
  size_t widest = strlen("class");
  for (size_t k = 0; k < c->classes; k++) {
    char name[NAME];
    print_name(name, sizeof name, c, k);
    widest = lks_max(widest, strlen(name));
  }
  return (int)widest;
}

static int widest_count(const lks_confusion *c)
{
  size_t most = c->classes - 1;
  for (size_t i = 0; i < c->classes * c->classes; i++) most = lks_max(most, c->count[i]);
  return snprintf(NULL, 0, "%zu", most);
}

static bool has_room(const lks_confusion *c, int name, int count, size_t columns)
{
  return (size_t)name + c->classes * (size_t)(count + 1) <= columns;
}

static void print_matrix(FILE *stream, const lks_confusion *c, int name_columns, int count_columns)
{
  char name[NAME];
  if (name_columns < NAME) fprintf(stream, "in rows: classes; in columns: taken for\n");
  fprintf(stream, "%-*s", name_columns, name_columns < NAME ? "class" : "class \\ taken for");
  for (size_t k = 0; k < c->classes; k++) fprintf(stream, " %*zu", count_columns, k);
  fprintf(stream, "\n");
  for (size_t label = 0; label < c->classes; label++) {
    print_name(name, sizeof name, c, label);
    fprintf(stream, "%-*s", name_columns, name);
    for (size_t k = 0; k < c->classes; k++) fprintf(stream, " %*zu", count_columns, count_of(c, label, k));
    fprintf(stream, "\n");
  }
}

/* The pair of classes that was mistaken most often below `most` times, or as often and later than `last`. */
static size_t next_mistake(const lks_confusion *c, size_t most, size_t last)
{
  const size_t all = c->classes * c->classes;
  size_t best = all;
  for (size_t i = 0; i < all; i++) {
    const size_t n = c->count[i];
    if (i / c->classes == i % c->classes || n == 0) continue;
    if (n > most || (n == most && i <= last)) continue;
    if (best == all || n > c->count[best]) best = i;
  }
  return best;
}

static void print_mistakes(FILE *stream, const lks_confusion *c)
{
  const size_t all = c->classes * c->classes;
  size_t most = SIZE_MAX, last = 0;
  for (int i = 0; i < MISTAKES; i++) {
    char label[NAME], predicted[NAME];
    const size_t at = next_mistake(c, most, last);
    if (at == all) return;
    print_name(label, sizeof label, c, at / c->classes);
    print_name(predicted, sizeof predicted, c, at % c->classes);
    fprintf(stream, "%4zu of %s taken for %s\n", c->count[at], label, predicted);
    most = c->count[at];
    last = at;
  }
}

enum { SHARE = 16 };

/* text [SHARE] out: a share, or `none` where there is nothing to share. Returns text. */
static const char *share(char *text, size_t part, size_t whole, const char *none)
{
  if (whole)
    snprintf(text, SHARE, "%.4f", (double)part / (double)whole);
  else
    snprintf(text, SHARE, "%s", none);
  return text;
}

static void print_classes(FILE *stream, const lks_confusion *c, size_t columns)
{
  static const char *const heading[] = {"samples", "taken for", "precision", "recall"};
  const bool wide = NAME + 4 * (size_t)10 <= columns;
  const int first = wide ? NAME : widest_name(c);
  int w[4];
  fprintf(stream, "%-*s", first, "class");
  for (int i = 0; i < 4; i++) fprintf(stream, " %*s", w[i] = wide ? 9 : (int)strlen(heading[i]), heading[i]);
  fputc('\n', stream);
  for (size_t k = 0; k < c->classes; k++) {
    char name[NAME], precision[SHARE], recall[SHARE];
    const size_t right = count_of(c, k, k), samples = samples_of(c, k), predicted = predicted_of(c, k);
    print_name(name, sizeof name, c, k);
    fprintf(stream, "%-*s %*zu %*zu %*s %*s\n", first, name, w[0], samples, w[1], predicted, w[2],
            share(precision, right, predicted, "-"), w[3], share(recall, right, samples, "-"));
  }
}

void lks_confusion_print(FILE *stream, const lks_confusion *c, size_t columns)
{
  const int name = widest_name(c), count = widest_count(c);
  if (c->classes <= FEW && has_room(c, NAME, COUNT, columns))
    print_matrix(stream, c, NAME, COUNT);
  else if (c->classes <= FEW && has_room(c, name, count, columns))
    print_matrix(stream, c, name, count);
  else
    print_mistakes(stream, c);
  print_classes(stream, c, columns);
}

static void write_all(FILE *stream, const lks_confusion *c)
{
  fprintf(stream, "label,name");
  for (size_t k = 0; k < c->classes; k++) fprintf(stream, ",predicted_%zu", k);
  fprintf(stream, ",samples,predicted,precision,recall\n");
  for (size_t label = 0; label < c->classes; label++) {
    const size_t right = count_of(c, label, label), samples = samples_of(c, label),
                 predicted = predicted_of(c, label);
    char precision[SHARE], recall[SHARE];
    const char *name = lks_dataset_class_name(c->dataset, label);
    fprintf(stream, "%zu,", label);
    lks_csv_print_quoted(stream, name ? name : "");
    for (size_t k = 0; k < c->classes; k++) fprintf(stream, ",%zu", count_of(c, label, k));
    fprintf(stream, ",%zu,%zu,%s,%s\n", samples, predicted, share(precision, right, predicted, ""),
            share(recall, right, samples, ""));
  }
}

lks_status lks_confusion_write(const char *path, const lks_confusion *c)
{
  char *text = NULL;
  size_t bytes = 0;
  FILE *stream = open_memstream(&text, &bytes);
  if (!stream) return lks_fail(LKS_ERR_RANK, "not enough memory to print the confusion matrix");
  write_all(stream, c);
  lks_status status = fclose(stream) == 0
                          ? lks_file_write(path, text, bytes)
                          : lks_fail(LKS_ERR_RANK, "not enough memory to print the confusion matrix");
  free(text);
  return status;
}
