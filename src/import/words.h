#ifndef LKS_IMPORT_WORDS_H
#define LKS_IMPORT_WORDS_H

#include <stdint.h>

#include "dataset/class_names.h"

enum { LKS_WORDS_MAX = 1 << 16 };

/** The different labels of a file, as it writes them. */
typedef struct lks_words lks_words;

/** Local. */
lks_status lks_words_create(lks_words **words);
void lks_words_destroy(lks_words **words); /* takes NULL, sets NULL */

/** Local. The number of a word: in the order in which they came. LKS_ERR_DATA when there are more than LKS_WORDS_MAX,
 * or it is empty. */
lks_status lks_words_add(lks_words *words, const char *text, int32_t *number);

/** Local. class [words] out: the class of each number. If all words are whole numbers from 0 on they are the classes
 * themselves, *classes is the largest one + 1 and *names NULL; else the classes are the words in the order of their
 * bytes, and *names has them. */
lks_status lks_words_classes(const lks_words *words, int32_t *class, size_t *classes,
                             lks_class_names **names);
size_t lks_words_count(const lks_words *words);

#endif
