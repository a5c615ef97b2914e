#ifndef LKS_TRAIN_EVALUATION_H
#define LKS_TRAIN_EVALUATION_H

#include "lockstep/dataset.h"
#include "lockstep/trainer.h"
#include "train/setup.h"

/** Collective. Mean loss and accuracy over one pass of the loader (from its start); NaN when it has no
 * samples. */
lks_status lks_evaluate_loader_all(lks_evaluation *evaluation, lks_setup *setup, lks_loader *loader,
                                   lks_pass pass);

/** Collective. The same; predictions [samples of the split] in/out, or NULL: this rank's shards write the
 * class with the largest logit at each of their samples' places. */
lks_status lks_evaluate_predicting_all(lks_evaluation *evaluation, int32_t *predictions, lks_setup *setup,
                                       lks_loader *loader, lks_pass pass);

/** Collective. Recomputes the running statistics with frozen weights over the loader's samples (exact,
 * pooled). */
lks_status lks_precise_statistics_all(lks_setup *setup, lks_loader *loader);

/** Local. lks_loader_create's callback for the shards of a network. */
void lks_network_shard_function(const void *network, size_t total, size_t *first, size_t *count);

/** Local. Gets the network ready for both sizes of mini-batches that a loader hands out. */
lks_status lks_prepare_for_loader(lks_network *network, const lks_loader *loader, size_t batch_size,
                                  bool training);

#endif
