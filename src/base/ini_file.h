#ifndef LKS_BASE_INI_FILE_H
#define LKS_BASE_INI_FILE_H

#include "lockstep/status.h"

/** Takes one `key = value`. Its failure ends the reading. */
typedef lks_status (*lks_ini_take)(void *user, const char *key, const char *value);

/** Local. Gives every pair of an INI file to take(); sections have no meaning. LKS_ERR_DATA, with FILE:LINE,
 * when take() refuses one (unless memory ran out) or the file is no INI file; LKS_ERR_IO when it cannot be
 * read. */
lks_status lks_ini_read(const char *path, lks_ini_take take, void *user);

#endif
