#ifndef LKS_COMPARE_ARM_SECTIONS_H
#define LKS_COMPARE_ARM_SECTIONS_H

#include "compare/comparison.h"

/** The sections [Arm NAME] of an INI file, in their order, before the settings for all arms are known. */
typedef struct lks_arm_sections {
  size_t count;
  struct {
    char name[LKS_TEXT_MAX / 8];
    char settings[2 * LKS_TEXT_MAX]; /* key=value,key=value */
  } arm[LKS_ARMS_MAX];
} lks_arm_sections;

/** Local. Takes the heading of an arm's section (key NULL), or a pair of it. LKS_ERR_USAGE: a second section of
 * that name, or too much. */
lks_status lks_arm_sections_take(lks_arm_sections *sections, const char *name, const char *key,
                                 const char *value);

/** Local. Takes those of a file and nothing else. LKS_ERR_USAGE, LKS_ERR_IO. */
lks_status lks_arm_sections_read(lks_arm_sections *sections, const char *path);

/** Local. Adds an arm for each section (lks_comparison_arm_add). */
lks_status lks_arm_sections_add(lks_comparison *comparison, const lks_arm_sections *sections, int size);

#endif
