#ifndef LKS_DATASET_ANNOUNCE_H
#define LKS_DATASET_ANNOUNCE_H

#include "dataset/dataset_file.h"

/** Local. Says what was recognized in a file that names its arrays otherwise than lockstep does, and warns of what may
 * be wrong with it: axes in another order, chunks that were never written, values that were rounded. Says nothing of a
 * file that lockstep wrote. Its samples have been read. */
void lks_dataset_announce(const lks_dataset_file *file);

/** Local. "/X_train float64 (300,64) as samples, /y_train int64 (300) as labels" */
void lks_dataset_arrays_text(char *text, size_t size, const lks_dataset_header *header);

#endif
