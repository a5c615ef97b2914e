#ifndef LKS_TRAIN_UNSEEN_CLASSES_H
#define LKS_TRAIN_UNSEEN_CLASSES_H

#include "lockstep/dataset.h"

/** Local. Warns of classes that have no sample among those of selection->train, by number, and of test samples (held: of
 * selection->held) of such classes, which nothing can teach a network. */
void lks_unseen_classes_warn(const lks_dataset *dataset, const lks_selection *selection, bool held);

#endif
