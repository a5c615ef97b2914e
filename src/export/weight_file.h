#ifndef LKS_EXPORT_WEIGHT_FILE_H
#define LKS_EXPORT_WEIGHT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/status.h"

enum { LKS_WEIGHT_DIMENSIONS_MAX = 8 };

/** An array of a file of weights, as the file describes it. */
typedef struct lks_weight_entry {
  char *name;    /* owned by the file; control characters were replaced */
  char type[16]; /* "F32", "BF16", "I64"; as the file has it when it is none that can be read */
  bool readable; /* as numbers */
  int dimensions;
  size_t extent[LKS_WEIGHT_DIMENSIONS_MAX], elements, bytes;
  size_t place; /* where it lies, to the format */
} lks_weight_entry;

/** Weights that another program wrote, or a checkpoint: arrays with names, of which some are read. What is small is in memory, the numbers
 * stay in the file, but for those of a checkpoint. */
typedef struct lks_weight_file lks_weight_file;

/** Local. A checkpoint, safetensors or .npz, whatever its name is. The file is not trusted: LKS_ERR_DATA, with the path, for one that is damaged or of
 * another kind; LKS_ERR_IO. */
lks_status lks_weight_file_open(lks_weight_file **file, const char *path);
void lks_weight_file_close(lks_weight_file **file); /* takes NULL, sets NULL */

/** Local; borrowed. */
size_t lks_weight_file_count(const lks_weight_file *file);
const lks_weight_entry *lks_weight_file_entry(const lks_weight_file *file, size_t number);
const char *lks_weight_file_path(const lks_weight_file *file);

/** Local. out [elements]: the numbers of an array, to the nearest float; *exact false if any changed by that. LKS_ERR_DATA when they cannot be
 * read as numbers; LKS_ERR_IO. */
lks_status lks_weight_file_read(float *out, bool *exact, lks_weight_file *file, size_t number);

/** Local. The first number of an array. */
lks_status lks_weight_file_number(double *out, lks_weight_file *file, size_t number);

#endif
