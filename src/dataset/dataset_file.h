#ifndef LKS_DATASET_DATASET_FILE_H
#define LKS_DATASET_DATASET_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "dataset/contents.h"

enum {
  LKS_DATASET_VERSION = 1,
  LKS_DEFLATE_LIMIT = 1040 /* gzip shrinks a thousandfold at best */
};

/** What a dataset file says of itself. */
typedef struct lks_dataset_header {
  lks_layout layout;
  char hash[LKS_HASH_TEXT];
  char creator[64];
  char storage[LKS_SECTIONS][96]; /* "chunks of 64 x 28 x 28 x 1, deflate, fletcher32, 1234 bytes" */
  size_t file_bytes;
} lks_dataset_header;

/** A file that is being read, by a child process: header first, then the samples. Messages begin with its
 * path. */
typedef struct lks_dataset_file lks_dataset_file;

/** Local. Opens it and checks all that stands in the header. path is borrowed. LKS_ERR_IO, LKS_ERR_DATA. */
lks_status lks_dataset_file_open(lks_dataset_file **file, const char *path);
const lks_dataset_header *lks_dataset_file_header(const lks_dataset_file *file); /* borrowed */
const double *lks_dataset_file_mean(const lks_dataset_file *file);               /* borrowed */
const double *lks_dataset_file_std(const lks_dataset_file *file);

/** Local. Reads the samples into block[lks_layout_sections bytes], once, and checks them against labels'
 * range and hash. */
lks_status lks_dataset_file_read(lks_dataset_file *file, void *block);

typedef lks_status (*lks_take_function)(void *context, const void *data, size_t bytes);
/** Local. Instead hands the bytes of such a block to `take`, part by part and unchecked; stops at its first
 * failure. */
lks_status lks_dataset_file_copy(lks_dataset_file *file, lks_take_function take, void *context);

/** Local. Checks the labels' range and the hash of contents from elsewhere; `values` checks its own. */
lks_status lks_dataset_file_check(const lks_dataset_file *file, const int32_t *const label[LKS_SPLITS],
                                  lks_values_function values, void *context);

/** Local. Takes NULL, sets NULL. */
void lks_dataset_file_close(lks_dataset_file **file);

/** Local. The root attribute `format` of an HDF5 file: "lockstep-dataset", "lockstep-checkpoint".
 * LKS_ERR_DATA when it is not HDF5 or has none. */
lks_status lks_file_kind(char kind[64], const char *path);

#endif
