#ifndef LKS_OPTIM_SCHEDULE_H
#define LKS_OPTIM_SCHEDULE_H

#include <stddef.h>

#include "lockstep/config.h"

/** Local. The learning rate of mini-batch `step` (from 0, over all epochs) of a run of config->epochs epochs
 * of steps_per_epoch: linear warm-up from lr/(warm-up steps) to lr, then constant, or times step_factor each
 * step_epochs, or half a cosine from the end of the warm-up down to 0 one step behind the last, so that the
 * last step still learns (as in PyTorch). Uses libm: ask one rank and broadcast when hosts may differ. */
double lks_schedule_lr(const lks_config *config, size_t steps_per_epoch, size_t step);

#endif
