#ifndef LKS_BASE_PLAIN_TEXT_H
#define LKS_BASE_PLAIN_TEXT_H

#include <stdbool.h>

/* Texts of files end up on terminals, which take orders hidden in them: escape sequences begin with control
 * characters. */

/** Local. Whether a text has no control characters, of ASCII or of Unicode's second block; of those, `lines`
 * admits line ends and tabulators. */
bool lks_text_is_plain(const char *text, bool lines);

/** Local. Puts a question mark in the place of each control character. */
void lks_text_make_plain(char *text);

#endif
