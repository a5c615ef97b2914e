#ifndef LKS_TRAIN_LONE_SAMPLE_H
#define LKS_TRAIN_LONE_SAMPLE_H

#include "lockstep/config.h"
#include "lockstep/dataset.h"

/* A sample that is left over alone has no mean and variance worth the name: batch norm of one value a channel is 0. */

/** Local. Training samples that a run with these settings learns from. */
size_t lks_samples_learned_from(const lks_dataset *dataset, const lks_config *config);

/** Local. Says in which mini-batches of a run that learns from `samples` a last normalization batch of one sample joins
 * the one before it, if in any; arm: in front of it, or NULL. */
void lks_lone_groups_say(const char *arm, const lks_config *config, size_t samples, int ranks);

/** Local. LKS_ERR_USAGE: the last mini-batch of an epoch of `samples`, which has one sample, cannot be trained on; what
 * avoids it. */
lks_status lks_lone_sample_refuse(size_t samples, size_t batch_size);

#endif
