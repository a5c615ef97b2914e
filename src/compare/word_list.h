#ifndef LKS_COMPARE_WORD_LIST_H
#define LKS_COMPARE_WORD_LIST_H

#include "lockstep/status.h"

enum { LKS_WORD_MAX = 64 };

/** Local. The next word of a list with commas, without blanks around it; *text moves behind it. `what` names
 * such a word in messages. LKS_ERR_USAGE: none stands there, or too long a one. */
lks_status lks_next_word(char word[LKS_WORD_MAX], const char **text, const char *what);

#endif
