#ifndef LKS_IMPORT_PICTURE_LIST_H
#define LKS_IMPORT_PICTURE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/status.h"

/** Names of files or folders, in the order of their bytes; made of an empty one (all zero). */
typedef struct lks_name_list {
  char **name; /* [count], each owned */
  size_t count;
} lks_name_list;

/** Local. What is in a folder: folders, or regular files. Hidden ones are left out. LKS_ERR_IO. */
lks_status lks_name_list_read(lks_name_list *list, const char *folder, bool folders);
/** Local. Adds a copy at the end. LKS_ERR_RANK. */
lks_status lks_name_list_add(lks_name_list *list, const char *name);
bool lks_name_list_has(const lks_name_list *list, const char *name);
void lks_name_list_clear(lks_name_list *list);

/** Local. Keeps the names of PNG and JPEG files; returns how many others there were. */
size_t lks_name_list_keep_pictures(lks_name_list *list);

#endif
