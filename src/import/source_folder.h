#ifndef LKS_IMPORT_SOURCE_FOLDER_H
#define LKS_IMPORT_SOURCE_FOLDER_H

#include "import/source.h"

/** Pictures in folders. All borrowed while they are opened. */
typedef struct lks_folder_options {
  const char *folder; /* FOLDER/CLASS/PICTURE, or FOLDER/train/CLASS/PICTURE and FOLDER/test/CLASS/PICTURE */
  size_t channels;    /* 1 grey, 3 colour, 0: those of the first picture */
  size_t height, width; /* all pictures are scaled to it; 0: all must have the size of the first one */
} lks_folder_options;

/** Local. A class is a folder, in the order of the bytes of their names, and its pictures come in the order of theirs.
 * Files are read when their samples are. Other files than PNG and JPEG, and hidden ones, are left out, which is said.
 * LKS_ERR_DATA for a file that is no picture or of another size, and for folders without pictures, LKS_ERR_IO. */
lks_status lks_source_folder_open(lks_source **source, const lks_folder_options *options);

#endif
