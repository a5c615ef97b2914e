#include "model/input.h"

#include <string.h>

#include "base/integers.h"
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
  int shift[2], flip;
  draw_move(shift, &flip, context, batch->sample[number]);
  lks_input_image(y, batch->pixels + number * op->elements, context->scaling->scale, context->scaling->offset,
                  shift[0], shift[1], flip, op->out.height, op->out.width, op->out.channels, op->type);
}

/* One pixel of f32 values, or all of a sample that has no pixels. */
static void values(const lks_pass_context *context, const lks_op *op, char *y, const float *x)
{
  lks_input_features(y, x, context->scaling->scale, context->scaling->offset, op->out.channels, op->type);
}

static void black(const lks_pass_context *context, const lks_op *op, char *y)
{
  static const float zeros[64];
  const size_t most = sizeof zeros / sizeof *zeros, bytes = lks_type_bytes(op->type);
  for (size_t c = 0; c < op->out.channels; c += most)
    lks_input_features(y + c * bytes, zeros, context->scaling->scale + c, context->scaling->offset + c,
                       lks_min(most, op->out.channels - c), op->type);
}

/* Column or row `at` of the moved picture comes from there; `limit` or more: from outside. */
static size_t source_of(size_t at, int shift, size_t limit)
{
  const long long from = (long long)at - shift;
  return from < 0 || from >= (long long)limit ? limit : (size_t)from;
}

/* As lks_input_image does it: what comes from outside is 0 before it is scaled. */
static void moved(const lks_pass_context *context, const lks_op *op, char *y, const float *x,
                  const int shift[2], int flip)
{
  const lks_shape shape = op->out;
  const size_t channels = shape.channels, bytes = channels * lks_type_bytes(op->type);
  for (size_t row = 0; row < shape.height; row++) {
    const size_t from = source_of(row, shift[0], shape.height);
    for (size_t column = 0; column < shape.width; column++, y += bytes) {
      const size_t place = source_of(flip ? shape.width - 1 - column : column, shift[1], shape.width);
      if (from < shape.height && place < shape.width)
        values(context, op, y, x + (from * shape.width + place) * channels);
      else
        black(context, op, y);
    }
  }
}

static void features(const lks_pass_context *context, const lks_op *op, char *y, size_t number)
{
  const lks_batch *batch = context->batch;
  const float *x = batch->features + number * op->elements;
  int shift[2] = {0, 0}, flip = 0;
  if (op->out.height * op->out.width == 1) {
    values(context, op, y, x);
    return;
  }
  draw_move(shift, &flip, context, batch->sample[number]);
  moved(context, op, y, x, shift, flip);
}

void lks_input_microbatch(const lks_pass_context *context, const lks_op *op, char *y, size_t microbatch)
{
  const lks_batch_plan *plan = context->plan;
  size_t samples = lks_batch_plan_samples(plan, microbatch), first = microbatch * plan->microbatch;
  size_t bytes = op->elements * lks_type_bytes(op->type);
  for (size_t i = 0; i < samples; i++)
    (context->batch->features ? features : image)(context, op, y + i * bytes, first + i);
  memset(y + samples * bytes, 0, (plan->microbatch - samples) * bytes);
}
