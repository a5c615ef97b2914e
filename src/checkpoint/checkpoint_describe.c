#include <inttypes.h>
#include <stdio.h>

#include "checkpoint/checkpoint_read.h"

static void describe_classes(FILE *out, const lks_checkpoint_header *header)
{
  enum { LISTED_MAX = 16 };
  for (size_t k = 0; k < header->classes && k < LISTED_MAX; k++) {
    size_t length;
    const char *name = lks_checkpoint_class_name(header, k, &length);
    if (!name) return;
    fprintf(out, "%s%.*s", k ? ", " : "  classes        ", (int)(length < 64 ? length : 64), name);
  }
  fprintf(out, "%s\n", header->classes > LISTED_MAX ? " ..." : "");
}

static void describe_run(FILE *out, const lks_checkpoint_header *header)
{
  const lks_config *config = &header->config;
  const lks_run_state *state = &header->state;
  fprintf(out, "  model          %s, %" PRId64 " parameters\n", config->model, header->parameters);
  if (header->input.height * header->input.width > 1)
    fprintf(out, "  input          images of %zu x %zu pixels, %zu channels", header->input.height,
            header->input.width, header->input.channels);
  else
    fprintf(out, "  input          %zu features", header->input.channels);
  fprintf(out, "; %zu classes\n", header->classes);
  describe_classes(out, header);
  fprintf(out, "  trained        %zu epochs and %zu steps of the next, %zu steps in all, %.1f s\n",
          state->epoch, state->epoch_step, state->step, state->seconds);
  fprintf(
      out,
      "  settings       bn %s, batch size %zu, microbatch %zu, %s, lr %g, %s schedule, %zu epochs, seed %" PRIu64
      "\n",
      lks_norm_text(config->bn).text, config->batch_size, config->microbatch,
      lks_optimizer_name(config->optimizer), config->lr, lks_schedule_name(config->schedule), config->epochs,
      config->seed);
  fprintf(out, "  dataset        %s, content hash %s\n", config->data, header->data_hash);
  if (state->job[0]) fprintf(out, "  written by     %s\n", state->job);
  if (state->isa[0]) fprintf(out, "  with           instruction set %s (--isa)\n", state->isa);
  fprintf(out, "  fingerprint    %s, which its content has\n", header->fingerprint);
}

static void describe_tensors(FILE *out, const lks_snapshot *snapshot)
{
  fprintf(out, "  batches        %" PRId64 " tracked by the running statistics\n", snapshot->batches_tracked);
  if (snapshot->optimizer) {
    fprintf(out, "  optimizer      %" PRId64 " steps; moments:", snapshot->steps);
    for (size_t m = 0; m < snapshot->moments; m++) fprintf(out, " %s", snapshot->moment_name[m]);
    fprintf(out, "%s\n", snapshot->moments ? "" : " none");
  }
  fprintf(out, "  tensors\n");
  for (size_t a = 0; a < snapshot->arrays; a++) {
    const lks_snapshot_array *array = &snapshot->array[a];
    if (array->moment != LKS_NO_MOMENT) continue;
    fprintf(out, "    %-32s", array->name);
    for (int d = 0; d < array->dimensions; d++) fprintf(out, "%s%zu", d ? " x " : " ", array->extent[d]);
    fprintf(out, "\n");
  }
}

lks_status lks_checkpoint_describe(FILE *out, const char *path)
{
  lks_checkpoint_header header;
  lks_snapshot snapshot;
  lks_status status = lks_checkpoint_read(&header, &snapshot, path);
  if (status) return status;
  fprintf(out, "%s: a checkpoint\n", path);
  describe_run(out, &header);
  describe_tensors(out, &snapshot);
  lks_checkpoint_header_clear(&header);
  lks_snapshot_clear(&snapshot);
  return LKS_OK;
}
