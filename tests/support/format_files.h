#ifndef LKS_TESTS_FORMAT_FILES_H
#define LKS_TESTS_FORMAT_FILES_H

#include <stdbool.h>

#include "dataset/contents.h"

/** A folder that lks_format_folder_make makes, and lks_format_folder_remove removes with all that is in it. */
extern char lks_format_folder[];
int lks_format_folder_make(void **state);
int lks_format_folder_remove(void **state);
/** Local. The path of a file in it; lasts for seven more calls. */
char *lks_format_path(const char *name);

/** Local. Writes a dataset of pixels in every format that can be imported, without Lockstep's own code, into a folder:
 * train-images, train-labels, test-images, test-labels (IDX); train.csv, test.csv; data.npz, and its members *.npy;
 * cifar/data_batch_1.bin, cifar/data_batch_2.bin and cifar/test_batch.bin; pictures/train/CLASS/NUMBER.png and
 * pictures/test/... Samples are in the order of their classes, as folders give them; every class has some, one digit
 * names it. Whether that worked. */
bool lks_make_format_files(const char *folder, const lks_contents *contents);

/** Local. One file of bytes. */
bool lks_put_file(const char *folder, const char *name, const void *bytes, size_t count);

/** Local. An .npy file in memory: header and numbers; freed with free. */
void *lks_make_npy(size_t *bytes, const char *type, size_t rank, const size_t *size, const void *numbers,
                   size_t number_bytes);

#endif
