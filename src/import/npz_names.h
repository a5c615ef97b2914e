#ifndef LKS_IMPORT_NPZ_NAMES_H
#define LKS_IMPORT_NPZ_NAMES_H

#include "dataset/contents.h"
#include "import/packed_file.h"
#include "lockstep/settings.h"

enum { LKS_NPZ_NONE = -1 };

/** Local. Which members of an archive are the arrays of the four sections, LKS_NPZ_NONE for those of test if there are
 * none: by the names given, else by well-known pairs of names, which it says. LKS_ERR_USAGE lists the members. */
lks_status lks_npz_find(long member[LKS_SECTIONS], const lks_member_names *members, const char *archive,
                        const lks_dataset_names *names);

#endif
