#ifndef LKS_CLI_INFO_SOURCE_H
#define LKS_CLI_INFO_SOURCE_H

#include <stdbool.h>

#include "lockstep/settings.h"
#include "lockstep/status.h"

/** Local. Whether a file or folder is something that `import` takes, by what it begins with, or by its name. */
bool lks_info_is_source(const char *path);

/** Local. Describes it on standard output, and how to import it. `label` as lks_csv_options has it, size "" or "HxW".
 * LKS_ERR_USAGE for what is only a part of a dataset, as an array without labels; it says how to import the whole. */
lks_status lks_info_source(const char *path, const char *label, const char *size,
                           const lks_dataset_names *names);

#endif
