#ifndef LKS_BASE_SUGGEST_H
#define LKS_BASE_SUGGEST_H

#include <stddef.h>

/** Local. The candidate that `word` stands for in other programs ("learning_rate" for lr), or the nearest one (edit distance with transpositions, at most a third of its length,
 * at least 1), or NULL. */
const char *lks_suggest(const char *word, const char *const *candidates, size_t count);

#endif
