#ifndef LKS_DATASET_DATASET_FILE_H
#define LKS_DATASET_DATASET_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "dataset/class_names.h"
#include "dataset/contents.h"

enum {
  LKS_DATASET_VERSION = 1,
  LKS_DEFLATE_LIMIT = 1040,        /* gzip shrinks a thousandfold at best */
  LKS_SCALEOFFSET_LIMIT = 1 << 24, /* a chunk of equal values is but its head */
  LKS_ARRAY_PATH = 128
};

/** An array of the file that a section comes from; texts are plain. */
typedef struct lks_dataset_array {
  char path[LKS_ARRAY_PATH]; /* "/X_train"; "": there is none */
  char what[64];             /* "int64 (300,1)" */
  char storage[96];          /* "chunks of 64 x 28 x 28 x 1, deflate, fletcher32, 1234 bytes" */
  size_t chunk;              /* samples of a chunk; 0: there are no chunks */
  size_t pieces;             /* chunks, along all axes */
  bool shrinks;              /* more than LKS_DEFLATE_LIMIT, by one of its filters */
  size_t unwritten;          /* chunks that were never written: zeros */
} lks_dataset_array;

/** What a dataset file says of itself. */
typedef struct lks_dataset_header {
  lks_layout layout;
  char hash[LKS_HASH_TEXT]; /* "": the file does not say, and it is computed */
  char creator[64];         /* or "" */
  lks_dataset_array array[LKS_SECTIONS];
  size_t file_bytes;
  size_t class_names_bytes; /* 0: there are none */
  bool has_format, has_classes, has_mean, has_std;
  lks_data_layout layout_taken; /* of images; AUTO: NHWC, though it looks like NCHW */
  char note[256];               /* what else there is to say, or "" */
} lks_dataset_header;

/** A file that is being read, by a child process: header, class names, labels and statistics first, then the samples.
 * Messages begin with its path. */
typedef struct lks_dataset_file lks_dataset_file;

/** Local. Opens it and checks all that stands before the samples. path is borrowed; names: which of its arrays,
 * copied; NULL: all are recognized. LKS_ERR_IO, LKS_ERR_DATA. */
lks_status lks_dataset_file_open(lks_dataset_file **file, const char *path, const lks_dataset_names *names);
const char *lks_dataset_file_path(const lks_dataset_file *file);                       /* borrowed */
const lks_dataset_header *lks_dataset_file_header(const lks_dataset_file *file);       /* borrowed */
const int32_t *lks_dataset_file_labels(const lks_dataset_file *file, lks_split split); /* borrowed */
const lks_class_names *lks_dataset_file_class_names(const lks_dataset_file *file);     /* borrowed; or NULL */

/** Local. Whether mean, std and hash are known: the file says them, or its samples have been read. */
bool lks_dataset_file_is_complete(const lks_dataset_file *file);
const double *lks_dataset_file_mean(const lks_dataset_file *file); /* borrowed */
const double *lks_dataset_file_std(const lks_dataset_file *file);
/** Local. How many values were rounded to f32; 0 until all samples have been read. */
size_t lks_dataset_file_rounded(const lks_dataset_file *file);

/** Local. Reads the samples into block[lks_layout_sections bytes], and checks values and hash; what the file does not
 * say is complete then. */
lks_status lks_dataset_file_read(lks_dataset_file *file, void *block);

/** Local. Makes mean, std and hash complete without keeping the samples, which pass by once or twice in bounded
 * memory, and are checked; reading begins anew then. Does nothing when they are complete. */
lks_status lks_dataset_file_complete(lks_dataset_file *file);

typedef lks_status (*lks_pass_function)(void *context, lks_split split, const void *values, size_t first,
                                        size_t samples);
/** Local. The same in any case, before a sample has been taken: all samples pass by once or twice and are checked. The first time,
 * `take` gets them, part by part, before they are checked as a whole. After it nothing is read but by lks_dataset_file_rewind. */
lks_status lks_dataset_file_pass(lks_dataset_file *file, lks_pass_function take, void *context);

/** Local. The next samples, one behind the other, those of train and then those of test, unchecked. A call takes as
 * many as it says, which are of one split. */
lks_status lks_dataset_file_next(lks_dataset_file *file, void *values, size_t samples);
/** Local. The next sample is the first one again. LKS_ERR_DATA when the file has changed meanwhile. */
lks_status lks_dataset_file_rewind(lks_dataset_file *file);

typedef lks_status (*lks_take_function)(void *context, const void *data, size_t bytes);
/** Local. Instead of lks_dataset_file_read, hands the bytes of such a block to `take`, part by part and unchecked;
 * stops at its first failure. */
lks_status lks_dataset_file_copy(lks_dataset_file *file, lks_take_function take, void *context);

/** Local. Checks the labels' range and the hash of contents from elsewhere; `values` checks its own. The file is
 * complete. */
lks_status lks_dataset_file_check(const lks_dataset_file *file, const int32_t *const label[LKS_SPLITS],
                                  lks_values_function values, void *context);

/** Local. Takes NULL, sets NULL. */
void lks_dataset_file_close(lks_dataset_file **file);

/** Local. The root attribute `format` of an HDF5 file: "lockstep-dataset", "lockstep-checkpoint", or "" when it has
 * none. LKS_ERR_DATA when it is not HDF5. */
lks_status lks_file_kind(char kind[64], const char *path);

#endif
