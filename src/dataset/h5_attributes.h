#ifndef LKS_DATASET_H5_ATTRIBUTES_H
#define LKS_DATASET_H5_ATTRIBUTES_H

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>

#include "lockstep/status.h"

/** Local. Whether there is such a root attribute, or whether that cannot be known. */
bool lks_h5_attribute_is_there(hid_t file, const char *name);

/** Local. A text of fixed or variable length, as h5py writes it; plain. LKS_ERR_DATA. */
lks_status lks_h5_attribute_text(char *text, size_t size, hid_t file, const char *name);

/** Local. One whole number of any numeric type, also in an array of one. LKS_ERR_DATA. */
lks_status lks_h5_attribute_whole(long long *value, hid_t file, const char *name);

/** Local. `count` numbers of any numeric type. LKS_ERR_DATA. */
lks_status lks_h5_attribute_numbers(double *values, size_t count, hid_t file, const char *name);

/** Local. The texts of an array or attribute, one behind the other with their zeros, *bytes in all; *count of them.
 * *text is freed with lks_free. `what` names it in messages: LKS_ERR_DATA when these are no texts, or too long. */
lks_status lks_h5_texts(char **text, size_t *bytes, size_t *count, hid_t object, bool is_attribute,
                        const char *what);

#endif
