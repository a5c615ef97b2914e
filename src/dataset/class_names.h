#ifndef LKS_DATASET_CLASS_NAMES_H
#define LKS_DATASET_CLASS_NAMES_H

#include <stddef.h>

#include "lockstep/status.h"

enum { LKS_CLASS_NAMES_BYTES = 1 << 20 }; /* of all names of a dataset at most */

/** The names of a dataset's classes, as they stand in its file. */
typedef struct lks_class_names lks_class_names;

/** Local. text [bytes]: names one behind the other, each with its zero; copied. LKS_ERR_DATA when these are not
 * `count` names, or LKS_ERR_RANK. */
lks_status lks_class_names_create(lks_class_names **names, const char *text, size_t bytes, size_t count);

/** Local. names may be NULL: there are none. */
size_t lks_class_names_count(const lks_class_names *names);
const char *lks_class_names_get(const lks_class_names *names, size_t k);               /* NULL: it has none */
const char *lks_class_names_text(const lks_class_names *names, size_t *bytes_or_null); /* as given above */

/** Local. Takes NULL, sets NULL. */
void lks_class_names_destroy(lks_class_names **names);

#endif
