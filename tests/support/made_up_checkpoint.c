#include "made_up_checkpoint.h"

#include <string.h>

#include "base/arena.h"
#include "checkpoint/checkpoint_read.h"
#include "checkpoint/checkpoint_write.h"
#include "checkpoint/fingerprint.h"

static const char model_text[] = "conv 3 2x2 name=z\nbatchnorm name=a\ndense classes\n";
static char class_names[] = "cat\ndog\n\nthe 4th\n5\n6\n7\n8\n9\nlast\n";
static double input_mean[] = {0.25, 1.0 / 3.0}, input_std[] = {0.5, 5e-324};

lks_checkpoint_header made_up_header(void)
{
  lks_checkpoint_header header = {
      .model_text = (char *)model_text,
      .state = {.epoch = 3,
                .epoch_step = 7,
                .step = 37,
                .loss_limbs = {1, -2, 3, -4, INT64_C(200) << 32, -(INT64_C(200) << 32), 0},
                .correct = 100,
                .samples = 200,
                .seconds = 12.5,
                .noises = 3,
                .noise = {0.5, -1e300, 1.0 / 7.0},
                .job = "job 17 on two hosts",
                .isa = "sse41"},
      .input = {4, 5, 2},
      .classes = 10,
      .parameters = 30,
      .mean = input_mean,
      .std = input_std,
      .statistics = 2,
      .class_names = class_names};
  lks_config_default(&header.config);
  lks_config_set(&header.config, "lr", "0.0123");
  lks_config_set(&header.config, "seed", "18446744073709551615");
  strcpy(header.data_hash, "0123456789abcdef0123456789abcdef");
  return header;
}

static void add_array(lks_snapshot *snapshot, const char *name, int moment, int dimensions,
                      const size_t *extent)
{
  lks_snapshot_array *array = &snapshot->array[snapshot->arrays++];
  strcpy(array->name, name);
  array->moment = moment;
  array->dimensions = dimensions;
  array->elements = 1;
  for (int d = 0; d < dimensions; d++) array->elements *= array->extent[d] = extent[d];
}

lks_status made_up_snapshot(lks_snapshot *snapshot, float tag)
{
  *snapshot = (lks_snapshot){.batches_tracked = 37, .optimizer = true, .steps = 41, .moments = 2};
  strcpy(snapshot->moment_name[0], "exp_avg");
  strcpy(snapshot->moment_name[1], "exp_avg_sq");
  lks_status status = lks_snapshot_allocate(snapshot, 11);
  if (status) return status;
  snapshot->arrays = 0;
  for (int moment = LKS_NO_MOMENT; moment < 2; moment++) {
    add_array(snapshot, "z.weight", moment, 4, (size_t[]){3, 2, 2, 2});
    add_array(snapshot, "a.weight", moment, 1, (size_t[]){3});
    add_array(snapshot, "a.bias", moment, 1, (size_t[]){3});
    if (moment != LKS_NO_MOMENT) continue;
    add_array(snapshot, "a.running_mean", moment, 1, (size_t[]){3});
    add_array(snapshot, "a.running_var", moment, 1, (size_t[]){3});
  }
  status = lks_snapshot_place(snapshot);
  for (size_t i = 0; !status && i < snapshot->elements; i++) snapshot->block[i] = tag + 1.0f / (float)(i + 1);
  if (status) lks_snapshot_clear(snapshot);
  return status;
}

lks_status made_up_save_as(const char *path, lks_checkpoint_header *header, const lks_snapshot *snapshot)
{
  const lks_status status = lks_snapshot_fingerprint(header->fingerprint, snapshot);
  return status ? status : lks_checkpoint_save(path, true, header, snapshot);
}

lks_status made_up_save(const char *path, float tag)
{
  lks_checkpoint_header header = made_up_header();
  lks_snapshot snapshot;
  lks_status status = made_up_snapshot(&snapshot, tag);
  if (status) return status;
  status = made_up_save_as(path, &header, &snapshot);
  lks_snapshot_clear(&snapshot);
  return status;
}

bool same_snapshot(const lks_snapshot *a, const lks_snapshot *b)
{
  if (a->arrays != b->arrays || a->elements != b->elements || a->batches_tracked != b->batches_tracked ||
      a->optimizer != b->optimizer || a->steps != b->steps || a->moments != b->moments ||
      memcmp(a->moment_name, b->moment_name, sizeof a->moment_name) != 0)
    return false;
  for (size_t i = 0; i < a->arrays; i++) {
    const lks_snapshot_array *x = &a->array[i], *y = &b->array[i];
    if (strcmp(x->name, y->name) != 0 || x->moment != y->moment || x->dimensions != y->dimensions ||
        x->elements != y->elements ||
        memcmp(x->extent, y->extent, (size_t)x->dimensions * sizeof *x->extent) != 0)
      return false;
  }
  return memcmp(a->block, b->block, a->elements * sizeof *a->block) == 0;
}

static bool same_config(const lks_config *a, const lks_config *b)
{
  char *a_text = NULL, *b_text = NULL;
  const bool same = lks_config_print(&a_text, a) == LKS_OK && lks_config_print(&b_text, b) == LKS_OK &&
                    strcmp(a_text, b_text) == 0;
  lks_free(a_text);
  lks_free(b_text);
  return same;
}

static bool same_state(const lks_run_state *a, const lks_run_state *b)
{
  return a->epoch == b->epoch && a->epoch_step == b->epoch_step && a->step == b->step &&
         a->correct == b->correct && a->samples == b->samples && a->seconds == b->seconds &&
         memcmp(a->loss_limbs, b->loss_limbs, sizeof a->loss_limbs) == 0 && a->noises == b->noises &&
         memcmp(a->noise, b->noise, a->noises * sizeof *a->noise) == 0 && strcmp(a->job, b->job) == 0 &&
         strcmp(a->isa, b->isa) == 0;
}

bool same_header(const lks_checkpoint_header *a, const lks_checkpoint_header *b)
{
  return same_config(&a->config, &b->config) && same_state(&a->state, &b->state) &&
         strcmp(a->model_text, b->model_text) == 0 && strcmp(a->fingerprint, b->fingerprint) == 0 &&
         strcmp(a->data_hash, b->data_hash) == 0 && memcmp(&a->input, &b->input, sizeof a->input) == 0 &&
         a->classes == b->classes && a->parameters == b->parameters && a->statistics == b->statistics &&
         memcmp(a->mean, b->mean, a->statistics * sizeof *a->mean) == 0 &&
         memcmp(a->std, b->std, a->statistics * sizeof *a->std) == 0 &&
         strcmp(a->class_names, b->class_names) == 0;
}

bool made_up_reads_back(const char *path, float tag)
{
  lks_checkpoint_header expected = made_up_header(), header;
  lks_snapshot written, snapshot;
  if (made_up_snapshot(&written, tag) != LKS_OK) return false;
  const bool known = lks_snapshot_fingerprint(expected.fingerprint, &written) == LKS_OK,
             read = lks_checkpoint_read(&header, &snapshot, path) == LKS_OK;
  const bool same = known && read && same_snapshot(&written, &snapshot) && same_header(&expected, &header);
  lks_snapshot_clear(&written);
  if (read) {
    lks_snapshot_clear(&snapshot);
    lks_checkpoint_header_clear(&header);
  }
  return same;
}
