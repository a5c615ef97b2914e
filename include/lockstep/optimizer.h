#ifndef LOCKSTEP_OPTIMIZER_H
#define LOCKSTEP_OPTIMIZER_H

#include "lockstep/config.h"
#include "lockstep/network.h"
#include "lockstep/public.h"

LKS_PUBLIC_BEGIN

/** The optimizer of a network: moments as flat arrays as long as the parameters. Every rank holds the same.
 *  "sgd" is torch.optim.SGD, "adam" is torch.optim.Adam: weight decay is added to the gradient in both.
 * "adamw" is torch.optim.AdamW: weights shrink by lr*decay of themselves. Decay acts on weights alone (not on
 * gamma, beta and biases) unless config->decay_all. */
typedef struct lks_optimizer lks_optimizer;

/** Local. network is borrowed and must outlive the optimizer. config->freeze and config->freeze_bn: those parameters, and
 *  their moments, stay as they are. config->threads 0 means one: the caller knows
 *  how many a rank may use.
 *  LKS_ERR_RANK when memory runs out. */
lks_status lks_optimizer_create(lks_optimizer **optimizer, const lks_config *config, lks_network *network);
/** Local. Parameters (elements) that steps change: all but those that config->freeze and config->freeze_bn keep. */
size_t lks_optimizer_trained(const lks_network *network, const lks_config *config);
void lks_optimizer_destroy(lks_optimizer **optimizer);

/** Local. One update of all parameters from the network's gradients at learning rate lr; tells the network, also when
 * a parameter or a moment is not finite any more. Threads split elements. */
void lks_optimizer_step(lks_optimizer *optimizer, double lr);

/** Local. Bytes that it holds. */
size_t lks_optimizer_bytes(const lks_optimizer *optimizer);

/** Local. How many moments an optimizer of these settings has. */
size_t lks_optimizer_moments_needed(const lks_config *config);
/** Local. Moments: "momentum" for sgd with momentum; "exp_avg", "exp_avg_sq" for adam and adamw. Borrowed;
 * [parameter_count]. */
size_t lks_optimizer_moments(const lks_optimizer *optimizer);
const char *lks_optimizer_moment_name(const lks_optimizer *optimizer, size_t moment);
float *lks_optimizer_moment(lks_optimizer *optimizer, size_t moment);
/** Local. Updates so far. */
int64_t lks_optimizer_steps(const lks_optimizer *optimizer);
void lks_optimizer_steps_set(lks_optimizer *optimizer, int64_t steps);

LKS_PUBLIC_END

#endif
