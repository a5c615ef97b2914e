#ifndef LKS_CONFIG_CONFIG_SECTIONS_H
#define LKS_CONFIG_CONFIG_SECTIONS_H

#include "lockstep/config.h"

/** Local. Whether a section of an INI file holds the settings of a comparison's arm, [Arm NAME]; *name is NAME
 * then. */
bool lks_section_is_arm(const char **name, const char *section);

/** Local. lks_config_read, which passes over the sections of arms instead of refusing them. */
lks_status lks_config_read_common(lks_config *config, const char *path);

#endif
