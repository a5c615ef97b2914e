#ifndef LKS_COMPARE_ARM_SETTINGS_H
#define LKS_COMPARE_ARM_SETTINGS_H

#include <stdbool.h>
#include <stdio.h>

#include "compare/comparison.h"
#include "config/config_value.h"

/** The settings of an arm as text: key=value,key=value. Blanks around a key and a value do not count. A value
 * with a comma, or with a quotation mark at its begin, stands in quotation marks: model="a, b.txt"; a quotation
 * mark inside is written twice. */

enum { LKS_KEY_MAX = 32 };

/** Local. Takes the next pair from *text, which moves behind it; *more false: there is none left.
 * LKS_ERR_USAGE: no `key=value`, or a quotation mark that is not closed. */
lks_status lks_arm_setting_next(bool *more, char key[LKS_KEY_MAX], char value[LKS_VALUE_MAX],
                                const char **text);

/** Local. Takes a word that may stand in quotation marks, up to one of the bytes `ends`; *text stands at that
 * byte then. LKS_ERR_USAGE. */
lks_status lks_arm_word(char word[LKS_VALUE_MAX], const char **text, const char *ends);
/** Local. As lks_arm_word reads it back. */
void lks_arm_word_print(FILE *stream, const char *word, const char *ends);

/** Local. Puts settings into config, one after the other: LKS_ERR_USAGE for a bad value, for a key that stands
 * there twice, is unknown (with a suggestion) or cannot be an arm's own. */
lks_status lks_arm_settings_apply(lks_config *config, bool *own_rate, const char *settings);

/** Local. In what config differs from base. LKS_ERR_USAGE: longer than LKS_TEXT_MAX. */
lks_status lks_arm_settings_print(char settings[LKS_TEXT_MAX], const lks_config *config,
                                  const lks_config *base, bool own_rate);

/** Local. Whether a key is the seed, or says only how the whole job is executed. */
bool lks_setting_is_of_job(const char *key);

/** Local. 0 again if that is what the microbatch of checked settings comes from. */
size_t lks_given_microbatch(const lks_config *config);

#endif
