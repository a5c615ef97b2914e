#ifndef LKS_CLI_PREDICT_FILES_H
#define LKS_CLI_PREDICT_FILES_H

#include "import/picture_list.h"

/** Local. The inputs of a command line in their order, a folder being the pictures in it, or else those in its folders, in
 * the order of their names. LKS_ERR_DATA for a folder without pictures, LKS_ERR_IO. Cleared by the caller in any case. */
lks_status lks_predict_files(lks_name_list *files, char *const *argument, int arguments);

#endif
