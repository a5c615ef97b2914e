#ifndef LKS_TESTS_OWN_FILE_H
#define LKS_TESTS_OWN_FILE_H

#include <hdf5.h>
#include <stdbool.h>

#include "dataset/contents.h"

/* HDF5 files as users write them, in all types, shapes, layouts, filters and names, and what has to come of them. */

enum {
  OWN_TRAIN = 23,
  OWN_TEST = 9,
  OWN_WIDTH = 6,
  OWN_HEIGHT = 5,
  OWN_COLUMNS = 4,
  OWN_CHANNELS = 3,
  OWN_CLASSES = 4
};

typedef enum own_axes { OWN_FEATURES, OWN_ONE_FEATURE, OWN_IMAGES, OWN_GREY, OWN_NCHW } own_axes;
typedef enum own_labels { OWN_PLAIN, OWN_COLUMN, OWN_ROW, OWN_ONE_HOT } own_labels;
typedef enum own_filter {
  OWN_CONTIGUOUS,
  OWN_COMPACT,
  OWN_CHUNKED, /* 7 samples each, the last one ragged */
  OWN_ACROSS,  /* chunks cut along the other axes as well */
  OWN_GZIP,
  OWN_SHUFFLE,
  OWN_FLETCHER,
  OWN_SZIP,
  OWN_SCALEOFFSET,
  OWN_NBIT
} own_filter;

/** All zero: float32 features and int32 labels, contiguous, under /train and /test. */
typedef struct own_file {
  const char *name;
  own_axes axes;
  own_labels labels;
  own_filter filter;
  hid_t type, label_type; /* 0: float32 or, of images, uint8; int32 */
  const char
      *path[4]; /* of the four arrays; path[0] NULL: as lockstep has them; path[2] NULL: no test part */
  bool user_block, latest;
  void (*more)(hid_t file); /* what else is done to the file, or NULL */
  lks_dataset_names names;  /* that it is opened with */
} own_file;

/** The path of a file in a folder that own_set_up makes; own_tear_down fails when anything else is left in it. */
extern char own[64];
int own_set_up(void **state);
int own_tear_down(void **state);
/** Fails when memory of lks_new is. */
int own_nothing_is_left(void **state);

/** A number that the types of NumPy all have: values of features are 0 to 12, those of images 0 to 120. */
double own_value(const own_file *file, lks_split split, size_t sample, size_t place);

/** Local. Whether such a file could be written at `path`. */
bool own_file_write(const char *path, const own_file *file);

/** The same samples in memory, as they should come in. Static: until the next call. */
const lks_contents *own_file_contents(const own_file *file);

/** float16, as NumPy has it; big: most significant byte first. Lives as long as the process. */
hid_t own_float16(bool big);
/** bool, as h5py writes it. */
hid_t own_bool(void);

#endif
