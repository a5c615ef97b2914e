#ifndef LKS_BASE_FILE_H
#define LKS_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/status.h"

/** Local. Writes a whole file so that a reader sees the old content or the new, whatever happens: temporary
 * file beside it, write, fsync, rename, fsync of the folder. LKS_ERR_IO names the file and the cause; the
 * old file stays, and so does what is no regular file, such as a device. */
lks_status lks_file_write(const char *path, const void *data, size_t bytes);
/** Local. The same; without `replace` only if there is no file of that name, else LKS_ERR_USAGE. */
lks_status lks_file_write_as(const char *path, bool replace, const void *data, size_t bytes);

/** The same in parts. */
typedef struct lks_file_writer lks_file_writer;

/** Local. Begins the temporary file, with a name of this host and process. Errors here and below as
 * lks_file_write. */
lks_status lks_file_writer_open(lks_file_writer **writer, const char *path);
/** Local. The temporary file's name, for libraries that open files by themselves; borrowed. */
const char *lks_file_writer_temporary(const lks_file_writer *writer);
lks_status lks_file_writer_append(lks_file_writer *writer, const void *data, size_t bytes);
/** Local. Gives the file its name; nothing may be appended afterwards. */
lks_status lks_file_writer_commit(lks_file_writer *writer);
/** Local. The same; without `replace` only if there is no file of that name, which another process may have made
 * since: LKS_ERR_USAGE. */
lks_status lks_file_writer_commit_as(lks_file_writer *writer, bool replace);
/** Local. Removes the temporary file unless it was committed. Takes NULL, sets NULL. */
void lks_file_writer_close(lks_file_writer **writer);

/** Local. Makes PATH a symbolic link to TARGET: a reader sees the old entry or the new, whatever happens, as with
 * lks_file_write. */
lks_status lks_file_link(const char *path, const char *target);

/** Local. All of it to an open file, however many calls that takes. 0 or the error number. */
int lks_file_write_fully(int file, const char *data, size_t bytes);

/** Local. Opens a file for reading, to be closed with close; *bytes out: its size. Only a regular file: a pipe
 * would be waited for, and a device never ends. LKS_ERR_IO. */
lks_status lks_file_open(int *file, size_t *bytes, const char *path);

/** Local. The whole file, and a zero byte behind it that is not counted. *data is freed with lks_free. */
lks_status lks_file_read(char **data, size_t *bytes, const char *path);

/** Local. Makes a folder and those above it, to outlast a power failure; no error if it is there. */
lks_status lks_folder_make(const char *path);

/** Local. The same, for a folder whose files are replaced and removed: it must be one itself. LKS_ERR_IO for a link, which
 * may lead anywhere. */
lks_status lks_folder_make_own(const char *path);

/** Local. Makes this one folder; *made false, and no error, if something of that name is there. */
lks_status lks_folder_claim(bool *made, const char *path);

/** Local. */
bool lks_file_exists(const char *path);

#endif
