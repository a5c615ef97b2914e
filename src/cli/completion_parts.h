#ifndef LKS_CLI_COMPLETION_PARTS_H
#define LKS_CLI_COMPLETION_PARTS_H

#include "cli/command_line.h"

/* What the completions of all shells say, each in its own words. */

enum { LKS_COMPLETED_MAX = 1024 };

/** What may follow --NAME. */
typedef struct lks_completed {
  char words[LKS_COMPLETED_MAX]; /* with a blank behind each; "": nothing is known */
  bool files;                    /* the name of a file too */
} lks_completed;

/** Local. Of an option that is no switch. */
lks_completed lks_completed_value(const lks_option *option);

/** Local. The first part of an explanation, up to a semicolon, colon, full stop or parenthesis, for a list. */
void lks_completed_brief(char brief[LKS_COMPLETED_MAX], const char *text);

/** Local. One shell each, to standard output. */
void lks_completion_bash(const lks_syntax *const *syntax, size_t count);
void lks_completion_fish(const lks_syntax *const *syntax, size_t count);
void lks_completion_zsh(const lks_syntax *const *syntax, size_t count);

#endif
