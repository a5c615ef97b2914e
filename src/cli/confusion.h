#ifndef LKS_CLI_CONFUSION_H
#define LKS_CLI_CONFUSION_H

#include <stdint.h>
#include <stdio.h>

#include "lockstep/dataset.h"

/** How often a network took which class for which, over the samples of a split that were classified. */
typedef struct lks_confusion lks_confusion;

/** Local. predictions: of each sample of that split of `dataset`, -1 for one left out. dataset is borrowed. LKS_ERR_RANK. */
lks_status lks_confusion_create(lks_confusion **confusion, const lks_dataset *dataset, lks_split split,
                                const int32_t *predictions);
void lks_confusion_destroy(lks_confusion **confusion);

/** Local. In words, for so many columns, or for 80 if there are more: the matrix, a row a true class, when it has few classes
 * and room, else the mistakes that were made most often; and samples, precision and recall of each class. Precision: the part of what was taken for the class that is of
 * it; recall: the part of the class that was found. */
void lks_confusion_print(FILE *stream, const lks_confusion *confusion, size_t columns);

/** Local. The same as CSV, with all classes: label, name, a column for each predicted class, samples, predicted, precision,
 * recall (empty where they are not defined). */
lks_status lks_confusion_write(const char *path, const lks_confusion *confusion);

#endif
