#ifndef LKS_DATASET_H5_ARRAY_H
#define LKS_DATASET_H5_ARRAY_H

#include "dataset/dataset_file.h"
#include "dataset/h5_type.h"

/** An array of numbers in an HDF5 file, open until the process ends. */
typedef struct lks_h5_array {
  lks_dataset_array *about; /* borrowed: path, what, storage */
  hid_t data;
  lks_h5_type type;
  int rank;
  hsize_t size[H5S_MAX_RANK];
  size_t chunk;       /* bytes; 0 where there are none */
  hsize_t chunk_rows; /* samples of one, or 1 */
  size_t row_values;  /* of a sample */
} lks_h5_array;

/** Local. Opens the array at about->path and fills in what it is. What could lead the library elsewhere, or make it use
 * more memory than the file can fill, is refused. LKS_ERR_DATA. */
lks_status lks_h5_array_open(lks_h5_array *array, lks_dataset_array *about, hid_t file);

/** Local. What the array could not have been: a text, a record ... LKS_ERR_DATA; use says what it is wanted for. */
lks_status lks_h5_array_check_numbers(const lks_h5_array *array, const char *use);

/** Local. Rows (samples) that are read at once: whole chunks, of about 4 MB. */
hsize_t lks_h5_array_step(const lks_h5_array *array, size_t value_bytes);

/** Local. Lets the library use as much memory as reading the array takes, with so many bytes of the caller's. */
void lks_h5_array_allow(const lks_h5_array *array, size_t bytes);

/** Local. Rows first..first+count-1 into memory, as that type. */
lks_status lks_h5_array_read(const lks_h5_array *array, void *values, hid_t type, hsize_t first,
                             hsize_t count);

#endif
