#ifndef LKS_CONFIG_CONFIG_VALUE_H
#define LKS_CONFIG_CONFIG_VALUE_H

#include "lockstep/config.h"

/** What --quiet does, the same for every command that has it. */
#define LKS_QUIET_HELP                                                                                       \
  "print results, warnings and errors alone, and no progress whatever --progress says; --progress none still tells what is run"

enum { LKS_VALUE_MAX = LKS_TEXT_MAX + 16 };

/** Local. Reads text as a value of the option's type into its field of settings, an lks_config or whatever
 * struct the option belongs to. LKS_ERR_USAGE, the field untouched, when it is not one, has something behind
 * it, or is out of range. */
lks_status lks_config_value_read(void *settings, const lks_option *option, const char *text);

/** Local. The option's field as text that reads back to the same bits; numbers as short as that allows. */
void lks_config_value_print(char text[LKS_VALUE_MAX], const void *settings, const lks_option *option);

/** Local. The row of a key in the table of the configuration, or NULL. */
const lks_option *lks_config_option(const char *key);

/** Local. The first of `count` options in which x and y differ, with their values as text in a and b; NULL when
 * there is none. Options that `ignored` names do not count; it may be NULL. */
const lks_option *lks_config_value_differs(char a[LKS_VALUE_MAX], char b[LKS_VALUE_MAX], const void *x,
                                           const void *y, const lks_option *option, size_t count,
                                           bool (*ignored)(const char *name));

#endif
