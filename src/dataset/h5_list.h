#ifndef LKS_DATASET_H5_LIST_H
#define LKS_DATASET_H5_LIST_H

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>

#include "dataset/dataset_file.h"

enum { LKS_H5_LIST_MOST = 512 };

/** An array of a file, by one of the paths that lead to it. */
typedef struct lks_h5_entry {
  char path[LKS_ARRAY_PATH]; /* free of control characters */
  char what[64];             /* "int64 (300,1)" */
  bool texts;                /* else numbers or what is no number */
} lks_h5_entry;

typedef struct lks_h5_list {
  size_t count;
  bool cut; /* there are more */
  lks_h5_entry entry[LKS_H5_LIST_MOST];
} lks_h5_list;

/** Local. The arrays of a file, in the order of their paths, with those that soft links lead to; links out of the file are not
 * followed. list begins zeroed. */
void lks_h5_list_make(lks_h5_list *list, hid_t file);

/** Local. "/a float32 (100,10), /b int64 (100)", as many as there is room for. */
void lks_h5_list_text(char *text, size_t size, const lks_h5_list *list);

#endif
