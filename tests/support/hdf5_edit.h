#ifndef LKS_TESTS_HDF5_EDIT_H
#define LKS_TESTS_HDF5_EDIT_H

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>

/* Takes good HDF5 files apart and makes them bad ones: what is there under a name gives way to something
 * else. Each returns whether it succeeded. */

/** A text of `size` bytes: size > strlen(text) leaves zero bytes behind it, size == strlen(text) none. */
bool edit_text(hid_t at, const char *name, const char *text, size_t size);
/** A text of no fixed length. */
bool edit_free_text(hid_t at, const char *name, const char *text);
/** rank 0: a scalar; -1: nothing at all. Values are of that type. */
bool edit_numbers(hid_t at, const char *name, hid_t type, int rank, const hsize_t *extent,
                  const void *values);
bool edit_whole(hid_t at, const char *name, long long value);
bool edit_real(hid_t at, const char *name, double value);

/** A data set of that type; values are NULL (none are written) or of it. rank as above. */
bool edit_array(hid_t at, const char *name, hid_t type, int rank, const hsize_t *extent, hid_t plan,
                const void *values);

/** How many identifiers of files, groups, data sets, attributes, types, spaces and property lists are open.
 */
hsize_t hdf5_identifiers(void);

#endif
