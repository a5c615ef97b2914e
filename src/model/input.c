#include "model/input.h"

#include <string.h>

#include "base/random.h"
#include "kernels/elementwise.h"

/* From the loader's raw samples to inputs: scaling and augmentation. They are the network's first operator,
 * so that a microbatch is written once, where its thread works on it; what a sample gets depends on the seed,
 * the step and the sample alone. */

static void draw_move(int shift[2], int *flip, const lks_pass_context *context, uint32_t sample)
{
  const lks_network_options *options = &context->network->options;
  shift[0] = shift[1] = *flip = 0;
  if (context->pass != LKS_PASS_TRAIN || (!options->crop && !options->flip)) return;
  lks_random_key key = lks_random_key_make(options->seed, LKS_RANDOM_AUGMENT, 0, context->step, sample);
  uint64_t shifts = 2 * (uint64_t)options->crop + 1;
  shift[0] = (int)lks_random_below(&key, 0, shifts) - options->crop;
  shift[1] = (int)lks_random_below(&key, 1, shifts) - options->crop;
  *flip = options->flip && lks_random_below(&key, 2, 2);
}

/* number: of the sample in this rank's shard */
static void image(const lks_pass_context *context, const lks_op *op, char *y, size_t number)
{
  const lks_batch *batch = context->batch;
  const lks_input_scaling *scaling = context->scaling;
  int shift[2], flip;
  draw_move(shift, &flip, context, batch->sample[number]);
  if (batch->features)
    lks_input_float_image(y, batch->features + number * op->elements, scaling->mean, scaling->scale, shift[0],
                          shift[1], flip, op->out.height, op->out.width, op->out.channels, op->type);
  else
    lks_input_image(y, batch->pixels + number * op->elements, scaling->mean, scaling->scale, shift[0],
                    shift[1], flip, op->out.height, op->out.width, op->out.channels, op->type);
}

static void features(const lks_pass_context *context, const lks_op *op, char *y, size_t number)
{
  lks_input_features(y, context->batch->features + number * op->elements, context->scaling->mean,
                     context->scaling->scale, op->elements, op->type);
}

void lks_input_microbatch(const lks_pass_context *context, const lks_op *op, char *y, size_t microbatch)
{
  const lks_batch_plan *plan = context->plan;
  size_t samples = lks_batch_plan_samples(plan, microbatch), first = microbatch * plan->microbatch;
  size_t bytes = op->elements * lks_type_bytes(op->type);
  const bool flat = context->batch->features && op->out.height * op->out.width == 1;
  for (size_t i = 0; i < samples; i++) (flat ? features : image)(context, op, y + i * bytes, first + i);
  memset(y + samples * bytes, 0, (plan->microbatch - samples) * bytes);
}
