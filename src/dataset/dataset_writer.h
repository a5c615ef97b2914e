#ifndef LKS_DATASET_DATASET_WRITER_H
#define LKS_DATASET_DATASET_WRITER_H

#include "dataset/class_names.h"
#include "dataset/contents.h"

/** A dataset file that is being made of samples that pass by, in bounded memory: a chunk of each array. It appears
 * under its name when it is complete, and replaces a whole file or none. */
typedef struct lks_dataset_writer lks_dataset_writer;

/** Local. LKS_ERR_USAGE when `path` is there and not to be replaced: asked before long work as well. */
lks_status lks_dataset_may_write(const char *path, bool force);

/** Local. Begins a temporary file beside `path`. layout is copied; names is borrowed until the writer is destroyed,
 * and may be NULL. LKS_ERR_DATA when no dataset is like that, LKS_ERR_USAGE as above, LKS_ERR_IO. */
lks_status lks_dataset_writer_create(lks_dataset_writer **writer, const char *path, const lks_layout *layout,
                                     const lks_class_names *names, bool force);

/** Local. The next `count` samples of a split: values [count,h,w,c] of u8 or f32, label [count]. Calls for the
 * splits may alternate. LKS_ERR_DATA for a label outside 0..classes-1, a value that is not finite, or more samples
 * than the layout has; LKS_ERR_IO. */
lks_status lks_dataset_writer_put(lks_dataset_writer *writer, lks_split split, const void *values,
                                  const int32_t *label, size_t count);

/** Local. When all samples were put: reads them back, which gives mean, std and hash and shows that they lie there
 * as they should, and gives the file its name for good. Nothing may be put afterwards. LKS_ERR_DATA when samples are
 * missing, LKS_ERR_USAGE when another process has made a file of that name meanwhile, unless `force` was given, LKS_ERR_IO. */
lks_status lks_dataset_writer_finish(lks_dataset_writer *writer);

/** Local. Removes the temporary file of one that was not finished. Takes NULL, sets NULL. */
void lks_dataset_writer_destroy(lks_dataset_writer **writer);

#endif
