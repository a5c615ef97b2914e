#ifndef LKS_CLI_DATASET_ROWS_H
#define LKS_CLI_DATASET_ROWS_H

#include "lockstep/config.h"

/** Rows of a command's options that say which arrays of a file are the dataset: settings.names is an lks_dataset_names.
 * The settings of a run have the same in config_table.c. */
#define LKS_DATASET_ROWS(settings, names)                                                                    \
  {"samples",                                                                                                \
   "PATH",                                                                                                   \
   LKS_OPTION_TEXT,                                                                                          \
   offsetof(settings, names.samples),                                                                        \
   "",                                                                                                       \
   NULL,                                                                                                     \
   0,                                                                                                        \
   0,                                                                                                        \
   NULL,                                                                                                     \
   "array of training samples in the file; default: recognized by its name"},                                \
      LKS_DATASET_OTHER_ROWS(settings, names)

/** All but --samples, which is a number in some command. */
#define LKS_DATASET_OTHER_ROWS(settings, names)                                                              \
  {"labels",                                                                                                 \
   "PATH",                                                                                                   \
   LKS_OPTION_TEXT,                                                                                          \
   offsetof(settings, names.labels),                                                                         \
   "",                                                                                                       \
   NULL,                                                                                                     \
   0,                                                                                                        \
   0,                                                                                                        \
   NULL,                                                                                                     \
   "array of training labels in the file; default: recognized by its name"},                                 \
      {"test-samples",                                                                                       \
       "PATH",                                                                                               \
       LKS_OPTION_TEXT,                                                                                      \
       offsetof(settings, names.test_samples),                                                               \
       "",                                                                                                   \
       NULL,                                                                                                 \
       0,                                                                                                    \
       0,                                                                                                    \
       NULL,                                                                                                 \
       "array of test samples in the file, or none; default: recognized by its name"},                       \
      {"test-labels",                                                                                        \
       "PATH",                                                                                               \
       LKS_OPTION_TEXT,                                                                                      \
       offsetof(settings, names.test_labels),                                                                \
       "",                                                                                                   \
       NULL,                                                                                                 \
       0,                                                                                                    \
       0,                                                                                                    \
       NULL,                                                                                                 \
       "array of test labels in the file; default: recognized by its name"},                                 \
  {                                                                                                          \
    "layout", LKS_DATA_LAYOUTS, LKS_OPTION_CHOICE, offsetof(settings, names.layout), "auto",                 \
        LKS_DATA_LAYOUTS, 0, 0, NULL, "order of the axes of images in the file; auto: nhwc"                  \
  }
enum { LKS_DATASET_ROW_COUNT = 5 };

#endif
