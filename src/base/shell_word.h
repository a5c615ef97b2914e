#ifndef LKS_BASE_SHELL_WORD_H
#define LKS_BASE_SHELL_WORD_H

#include <stdio.h>

/** Local. A word of a command line that a reader may copy: in quotes when the shell would not take it as it
 * stands. */
void lks_shell_word_print(FILE *stream, const char *word);

#endif
