#ifndef LKS_CLI_INFO_SOURCE_H
#define LKS_CLI_INFO_SOURCE_H

#include "lockstep/settings.h"
#include "lockstep/status.h"

/** What `import` takes. */
typedef enum lks_source_kind {
  LKS_SOURCE_NONE,
  LKS_SOURCE_CSV,
  LKS_SOURCE_NPZ,
  LKS_SOURCE_NPY,
  LKS_SOURCE_IDX,
  LKS_SOURCE_CIFAR10,
  LKS_SOURCE_CIFAR100,
  LKS_SOURCE_FOLDER,
  LKS_SOURCE_PICTURE
} lks_source_kind;

/** Local. What a file or folder is, by what it begins with, or by its name. */
lks_source_kind lks_source_kind_of(const char *path);

/** Local. Describes it on standard output, and how to import it. `label` as lks_csv_options has it, size "" or "HxW".
 * LKS_ERR_USAGE for what is only a part of a dataset, as an array without labels; it says how to import the whole. */
lks_status lks_info_source(lks_source_kind kind, const char *path, const char *label, const char *size,
                           const lks_dataset_names *names);

#endif
