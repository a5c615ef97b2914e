#ifndef LKS_DATASET_DATASET_FILE_PARTS_H
#define LKS_DATASET_DATASET_FILE_PARTS_H

#include "dataset/dataset_file.h"
#include "hdf5/child.h"

/* Shared by dataset_file.c, which opens, and dataset_file_read.c, which reads the samples. */

struct lks_dataset_file {
  const char *path;
  lks_dataset_names names;
  lks_child *child;
  lks_dataset_header header;
  lks_class_names *class_names;
  int32_t *label[LKS_SPLITS]; /* one block of memory */
  double *mean, *std;         /* the same */
  bool complete;              /* what the file does not say was computed */
  uint64_t rounded;           /* values that lost digits as f32; known when all were read */
  size_t next;                /* samples that were taken from the child, of both splits */
};

/** Local. Starts a child and receives its header. What follows is received in the order of these functions, with the
 * class names behind the header; messages do not name the path. */
lks_status lks_dataset_file_receive_header(lks_dataset_header *header, lks_dataset_file *file);
lks_status lks_dataset_file_receive_labels(lks_dataset_file *file);
/** Local. mean, std [lks_layout_statistics] out, if the file has them. */
lks_status lks_dataset_file_receive_statistics(double *mean, double *std, lks_dataset_file *file);

/** Local. LKS_ERR_DATA names the first label outside of the classes. */
lks_status lks_dataset_file_check_labels(const lks_dataset_file *file,
                                         const int32_t *const label[LKS_SPLITS]);

#endif
