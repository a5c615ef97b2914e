#include "import/words.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

enum { CLASSES_MAX = 1000000 };

typedef struct word {
  char *text;
  int32_t number;
} word;

struct lks_words {
  word word[LKS_WORDS_MAX]; /* in the order of their bytes */
  size_t count;
};

lks_status lks_words_create(lks_words **words)
{
  *words = lks_new(1, sizeof **words);
  return *words ? LKS_OK : LKS_ERR_RANK;
}

void lks_words_destroy(lks_words **words)
{
  if (!*words) return;
  for (size_t i = 0; i < (*words)->count; i++) lks_free((*words)->word[i].text);
  lks_free(*words);
  *words = NULL;
}

/* The first word that does not come before the text. */
static size_t place_of(const lks_words *words, const char *text)
{
  size_t low = 0, high = words->count;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (strcmp(words->word[middle].text, text) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

lks_status lks_words_add(lks_words *words, const char *text, int32_t *number)
{
  const size_t place = place_of(words, text);
  word *at = &words->word[place];
  if (text[0] == '\0') return lks_fail(LKS_ERR_DATA, "the label is empty");
  if (place == words->count || strcmp(at->text, text) != 0) {
    if (words->count == LKS_WORDS_MAX)
      return lks_fail(LKS_ERR_DATA, "more than %d different labels: classes are meant, not measurements",
                      LKS_WORDS_MAX);
    char *copy = lks_new(strlen(text) + 1, 1);
    if (!copy) return LKS_ERR_RANK;
    strcpy(copy, text);
    memmove(at + 1, at, (words->count - place) * sizeof *at);
    *at = (word){copy, (int32_t)words->count++};
  }
  *number = at->number;
  return LKS_OK;
}

size_t lks_words_count(const lks_words *words)
{
  return words->count;
}

/* "7" is, and "7.0", as programs write whole numbers of a floating type. */
static bool is_class(const char *text, int32_t *class)
{
  char *end;
  const double value = strtod(text, &end);
  if (*end != '\0' || !(value >= 0 && value < CLASSES_MAX) || value != floor(value)) return false;
  *class = (int32_t)value;
  return true;
}

static bool are_numbers(const lks_words *words, int32_t *class, size_t *classes)
{
  *classes = 0;
  for (size_t i = 0; i < words->count; i++) {
    int32_t value;
    if (!is_class(words->word[i].text, &value)) return false;
    class[words->word[i].number] = value;
    if ((size_t)value >= *classes) *classes = (size_t)value + 1;
  }
  return true;
}

static lks_status name_classes(lks_class_names **names, const lks_words *words)
{
  size_t bytes = 0, at = 0;
  for (size_t i = 0; i < words->count; i++) bytes += strlen(words->word[i].text) + 1;
  char *text = lks_new(bytes, 1);
  if (!text) return LKS_ERR_RANK;
  for (size_t i = 0; i < words->count; i++) {
    strcpy(text + at, words->word[i].text);
    at += strlen(words->word[i].text) + 1;
  }
  lks_status status = lks_class_names_create(names, text, bytes, words->count);
  lks_free(text);
  return status;
}

lks_status lks_words_classes(const lks_words *words, int32_t *class, size_t *classes, lks_class_names **names)
{
  *names = NULL;
  if (are_numbers(words, class, classes)) return LKS_OK;
  for (size_t i = 0; i < words->count; i++) class[words->word[i].number] = (int32_t)i;
  *classes = words->count;
  return name_classes(names, words);
}
