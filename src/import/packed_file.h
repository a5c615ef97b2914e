#ifndef LKS_IMPORT_PACKED_FILE_H
#define LKS_IMPORT_PACKED_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/status.h"

/** A file that is read from its beginning on: compressed by gzip or plain, whatever its name is, or a member of a ZIP
 * archive. Messages begin with its path, of a member ARCHIVE:NAME. */
typedef struct lks_packed_file lks_packed_file;

/** Local. path is copied. LKS_ERR_IO. */
lks_status lks_packed_open(lks_packed_file **file, const char *path);
/** Local. A member of an archive, by its number. LKS_ERR_IO, LKS_ERR_DATA. */
lks_status lks_packed_open_member(lks_packed_file **file, const char *archive, size_t number);
void lks_packed_close(lks_packed_file **file); /* takes NULL, sets NULL */

/** The names of an archive's members, in their order. */
typedef struct lks_member_names {
  size_t count;
  char **name; /* one block of memory with the texts, freed with lks_free; control characters are replaced */
} lks_member_names;

/** Local. LKS_ERR_DATA when it is no ZIP archive, or has more than 100,000 members. */
lks_status lks_packed_members(lks_member_names *names, const char *archive);

/** Local. */
const char *lks_packed_path(const lks_packed_file *file); /* borrowed */
double lks_packed_share(const lks_packed_file *file);     /* how much has been read: 0 to 1 */

/** Local. Up to `bytes`; *got: less only at the end. LKS_ERR_IO, LKS_ERR_DATA for a damaged or cut-off gzip file. */
lks_status lks_packed_read(lks_packed_file *file, void *data, size_t bytes, size_t *got);

/** Local. Exactly so many; LKS_ERR_DATA, with the place, when the file ends before. */
lks_status lks_packed_read_fully(lks_packed_file *file, void *data, size_t bytes);

/** Local. LKS_ERR_DATA when anything follows, or the check sum of gzip, which lies behind the last byte, is wrong. */
lks_status lks_packed_expect_end(lks_packed_file *file);

/** Local. Goes on at a byte of the unpacked contents; backwards, a compressed file is unpacked once more. */
lks_status lks_packed_seek(lks_packed_file *file, size_t offset);

/** Local. LKS_ERR_DATA when so many bytes from here on cannot be in the file, even compressed: a header of a small file
 * may not ask for all the memory there is. */
lks_status lks_packed_check_size(const lks_packed_file *file, size_t bytes);

#endif
