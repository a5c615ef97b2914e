#ifndef LKS_BASE_WRAPPED_H
#define LKS_BASE_WRAPPED_H

#include <stddef.h>
#include <stdio.h>

/** Local. Words and a line end, in lines as long as sentences on standard output may be (base/terminal.h); the
 * lines that follow are indented. `at`: letters that stand there already. */
void lks_wrapped_print(FILE *stream, const char *text, size_t at, size_t indent);

/** Local. Lines of text, of which those that are longer than so many columns are broken at blanks: they go on
 * below where the words began that stand behind a label, or two columns further in than the line begins. With 0
 * columns, as in a file, all lines are as they are. */
void lks_fitted_print(FILE *stream, const char *text, size_t columns);

/** A text that is laid out once it is whole. */
typedef struct lks_fitted {
  FILE *stream;
  char *text;
  size_t bytes;
} lks_fitted;

/** Local. The stream to print the text to; standard output itself where that is a file, or without memory. */
FILE *lks_fitted_open(lks_fitted *fitted);

/** Local. Prints the text as lks_fitted_print does, for the terminal on standard output. */
void lks_fitted_close(lks_fitted *fitted);

#endif
