#ifndef LKS_BASE_INI_FILE_H
#define LKS_BASE_INI_FILE_H

#include "lockstep/status.h"

/** Takes one `key = value`. Its failure ends the reading. */
typedef lks_status (*lks_ini_take)(void *user, const char *key, const char *value);

/** Takes one `key = value` of a section, "" before the first one; and, before all pairs, each line that begins a
 * section, with key and value NULL, so that sections without a pair are known too. */
typedef lks_status (*lks_ini_take_in)(void *user, const char *section, const char *key, const char *value);

/** Local. Gives every section and pair of an INI text to take(). `wrong`, with WHERE:LINE, when take() refuses one
 * (unless memory ran out) or a line is none of an INI file. */
lks_status lks_ini_parse_sections(const char *text, const char *where, lks_ini_take_in take, void *user,
                                  lks_status wrong);

/** Local. The same from a file. LKS_ERR_IO when it cannot be read. */
lks_status lks_ini_read_sections(const char *path, lks_ini_take_in take, void *user, lks_status wrong);
/** Local. The same for those to whom sections mean nothing. */
lks_status lks_ini_read(const char *path, lks_ini_take take, void *user, lks_status wrong);

#endif
