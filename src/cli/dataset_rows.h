#ifndef LKS_CLI_DATASET_ROWS_H
#define LKS_CLI_DATASET_ROWS_H

#include "lockstep/config.h"

#define LKS_DATASET_TEXT_ROW(name, field, at, help)                                                          \
  {                                                                                                          \
    (name), "PATH", LKS_OPTION_TEXT, (at) + offsetof(lks_dataset_names, field), "", NULL, 0, 0, NULL, (help) \
  }

/** Rows of a command's options that say which arrays of a file are the dataset: an lks_dataset_names lies at that offset of
 * its settings. The settings of a run have the same in config_table.c. */
#define LKS_DATASET_ROWS(at)                                                                                 \
  LKS_DATASET_TEXT_ROW("samples", samples, at,                                                               \
                       "array of training samples in the file; default: recognized by its name"),            \
      LKS_DATASET_OTHER_ROWS(at)

/** All but --samples, which is a number in some command. */
#define LKS_DATASET_OTHER_ROWS(at)                                                                           \
  LKS_DATASET_TEXT_ROW("labels", labels, at,                                                                 \
                       "array of training labels in the file; default: recognized by its name"),             \
      LKS_DATASET_TEXT_ROW("test-samples", test_samples, at,                                                 \
                           "array of test samples in the file, or none; default: recognized by its name"),   \
      LKS_DATASET_TEXT_ROW("test-labels", test_labels, at,                                                   \
                           "array of test labels in the file; default: recognized by its name"),             \
  {                                                                                                          \
    "layout", LKS_DATA_LAYOUTS, LKS_OPTION_CHOICE, (at) + offsetof(lks_dataset_names, layout), "auto",       \
        LKS_DATA_LAYOUTS, 0, 0, NULL, "order of the axes of images in the file; auto: nhwc"                  \
  }
enum { LKS_DATASET_ROW_COUNT = 5 };

#endif
