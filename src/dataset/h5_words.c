#include "dataset/h5_words.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

enum { WORD_BYTES = 32 };

static bool is_one_of(const char *word, const char *const *words)
{
  for (; *words; words++)
    if (strcmp(word, *words) == 0) return true;
  return false;
}

static lks_h5_role role_of(const char *word)
{
  static const char *const samples[] = {"x",        "image",  "images",  "img",      "imgs",  "feature",
                                        "features", "data",   "sample",  "samples",  "input", "inputs",
                                        "pixel",    "pixels", "picture", "pictures", NULL};
  static const char *const labels[] = {"y",     "label",   "labels",   "target",     "targets", "lbl",
                                       "class", "classes", "category", "categories", NULL};
  if (is_one_of(word, samples)) return LKS_H5_SAMPLES;
  return is_one_of(word, labels) ? LKS_H5_LABELS : LKS_H5_NO_ROLE;
}

static lks_h5_part part_of(const char *word)
{
  static const char *const train[] = {"train", "training", NULL};
  static const char *const test[] = {"test", "testing", NULL};
  static const char *const validation[] = {"val", "valid", "validation", "dev", NULL};
  if (is_one_of(word, train)) return LKS_H5_TRAIN;
  if (is_one_of(word, test)) return LKS_H5_TEST;
  return is_one_of(word, validation) ? LKS_H5_VALIDATION : LKS_H5_NO_PART;
}

static bool says_nothing(const char *word)
{
  static const char *const words[] = {"set", "dataset", "all", "the", "array", "full", NULL};
  return is_one_of(word, words);
}

/* "xtrain", "testlabels": a part and a role without a gap. */
static bool split_word(lks_h5_role *role, lks_h5_part *part, const char *word)
{
  static const char *const parts[] = {"train", "test", "val", NULL};
  const size_t length = strlen(word);
  char rest[WORD_BYTES];
  for (const char *const *name = parts; *name; name++) {
    const size_t of = strlen(*name);
    if (length <= of) continue;
    const bool first = strncmp(word, *name, of) == 0, last = strcmp(word + length - of, *name) == 0;
    if (!first && !last) continue;
    strcpy(rest, first ? word + of : word);
    if (!first) rest[length - of] = '\0';
    *role = role_of(rest);
    *part = part_of(*name);
    if (*role != LKS_H5_NO_ROLE) return true;
  }
  return false;
}

static void take_word(lks_h5_meaning *meaning, const char *word, bool last)
{
  lks_h5_role role = role_of(word);
  lks_h5_part part = part_of(word);
  const bool known = role != LKS_H5_NO_ROLE || part != LKS_H5_NO_PART || split_word(&role, &part, word);
  if (known) {
    if (role != LKS_H5_NO_ROLE) meaning->role = role;
    if (part != LKS_H5_NO_PART) meaning->part = part;
  } else if (last && !says_nothing(word)) {
    meaning->strange++;
  }
}

/* The next word of a path in small letters; where it ends, or NULL. */
static const char *next_word(char word[WORD_BYTES], const char *text)
{
  size_t length = 0;
  while (*text && *text != '/' && !isalpha((unsigned char)*text)) text++;
  if (!*text || *text == '/') return NULL;
  const char *first = text;
  for (; isalpha((unsigned char)*text); text++) {
    if (text > first && isupper((unsigned char)*text) && islower((unsigned char)text[-1])) break;
    if (length + 1 < WORD_BYTES) word[length++] = (char)tolower((unsigned char)*text);
  }
  word[length] = '\0';
  return text;
}

lks_h5_meaning lks_h5_words_read(const char *path)
{
  lks_h5_meaning meaning = {LKS_H5_NO_ROLE, LKS_H5_NO_PART, 0, 0};
  char word[WORD_BYTES];
  for (const char *name = path; name;) {
    const char *slash = strchr(name + 1, '/');
    const char *text = name + 1;
    while ((text = next_word(word, text))) take_word(&meaning, word, slash == NULL);
    meaning.depth += slash != NULL;
    name = slash;
  }
  return meaning;
}
