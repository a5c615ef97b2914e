#ifndef LKS_IMPORT_SOURCE_H5_H
#define LKS_IMPORT_SOURCE_H5_H

#include "import/source.h"
#include "lockstep/settings.h"

/** Local. Any dataset that the program can open, to be written anew in the native layout or as another format. path is borrowed. A
 * content_hash that the file has is verified, at the last sample. Errors as lks_dataset_file_open. */
lks_status lks_source_h5_open(lks_source **source, const char *path, const lks_dataset_names *names);

#endif
