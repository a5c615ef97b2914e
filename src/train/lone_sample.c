#include "train/lone_sample.h"

#include "base/log.h"
#include "sums/batch_plan.h"

size_t lks_samples_learned_from(const lks_dataset *dataset, const lks_config *config)
{
  const size_t all = lks_dataset_split(dataset, LKS_SPLIT_TRAIN).count;
  const size_t used = config->train_samples ? config->train_samples : all;
  return used > config->holdout ? used - config->holdout : 0;
}

/* Samples of the last group of a mini-batch of `samples`, if one joined it; else 0. */
static size_t joined(const lks_config *config, size_t samples, int ranks)
{
  lks_batch_plan *plan = NULL;
  if (!samples || lks_batch_plan_create(&plan, samples, config->microbatch, config->bn, ranks, 0)) return 0;
  const size_t last =
      plan->joined ? plan->group_begin[plan->groups] - plan->group_begin[plan->groups - 1] : 0;
  lks_batch_plan_destroy(&plan);
  return last;
}

void lks_lone_groups_say(const char *arm, const lks_config *config, size_t samples, int ranks)
{
  const size_t whole = samples >= config->batch_size ? config->batch_size : 0;
  const size_t size[] = {whole, samples % config->batch_size};
  for (int i = 0; i < 2; i++) {
    const size_t group = joined(config, size[i], ranks);
    if (group)
      lks_say(
          "%s%snorm     --bn %s leaves one sample over of %s mini-batch of %zu: it joins the normalization batch before it, of %zu then",
          arm ? arm : "", arm ? ": " : "", lks_norm_text(config->bn).text, i ? "the last" : "each", size[i],
          group);
  }
}

lks_status lks_lone_sample_refuse(size_t samples, size_t batch_size)
{
  if (samples == 1)
    return lks_fail(LKS_ERR_USAGE,
                    "there is one training sample, and batch norm takes at least 2; give more, or --bn none");
  return lks_fail(
      LKS_ERR_USAGE,
      "the last mini-batch of an epoch would have one sample, which batch norm makes 0: %zu training samples are %zu mini-batch%s of %zu and one sample; give --train-samples %zu, another --batch-size, or --bn none",
      samples, samples / batch_size, samples / batch_size == 1 ? "" : "es", batch_size, samples - 1);
}
