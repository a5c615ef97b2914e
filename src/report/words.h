#ifndef LKS_REPORT_WORDS_H
#define LKS_REPORT_WORDS_H

#include "report/table.h"

/* What the page, the tables and the pictures of a comparison say in the same words, which follow what its arms
 * are. */

enum { LKS_WORDS_MAX = 2 * LKS_TEXT_MAX + 256 };

/** Local. The file's name without its folders. */
const char *lks_words_file(const char *path);
/** Local. "Normalization batches compared: mlp on digits.h5"; "sync, none and deep compared on digits.h5". */
void lks_words_title(char text[LKS_WORDS_MAX], const lks_comparison *comparison);
/** Local. How many arms, seeds and epochs, and in what the arms differ; in whole sentences. */
void lks_words_summary(char text[LKS_WORDS_MAX], const lks_comparison *comparison);
/** Local. For under a picture's title: "mlp on digits.h5, 10 epochs, 5 seeds; 1 run failed to learn: not drawn". */
void lks_words_note(char text[LKS_WORDS_MAX], const lks_table *table, const lks_results *results);
/** Local. "none (bn=none)": the arm with its settings, where the name is not one of them. */
void lks_words_arm(char text[LKS_WORDS_MAX], const lks_comparison *comparison, size_t arm);
/** Local. Which runs failed to learn, of all arms; "" when none did. */
void lks_words_failures(char text[LKS_WORDS_MAX], const lks_table *table, const lks_results *results);
/** Local. What is meant by that, in figures. */
void lks_words_chance(char text[LKS_WORDS_MAX], const lks_chance *chance);

#endif
