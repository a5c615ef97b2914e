#ifndef LKS_BASE_WRAPPED_H
#define LKS_BASE_WRAPPED_H

#include <stddef.h>
#include <stdio.h>

/** Local. Words and a line end, in lines of a terminal of 80 columns; the lines that follow are indented. `at`: letters
 * that stand there already. */
void lks_wrapped_print(FILE *stream, const char *text, size_t at, size_t indent);

#endif
