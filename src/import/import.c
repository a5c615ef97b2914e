#include "import/import.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/long_work.h"
#include "dataset/dataset_writer.h"
#include "import/test_split.h"

enum { BATCH_BYTES = 1 << 20 };

/* An import on its way. */
typedef struct importing {
  lks_source *source;
  lks_dataset_writer *writer;
  uint8_t *is_test;  /* [training samples of the source], or NULL: they stay what they are */
  size_t row, batch; /* bytes of a sample; samples that are read at once */
  char *values;      /* [batch,row] */
  lks_long_work work;
} importing;

static lks_split split_of(const importing *self, lks_split split, size_t i)
{
  return self->is_test && self->is_test[i] ? LKS_SPLIT_TEST : split;
}

/* Samples first..first+count of a split of the source, in runs that go into one split of the file. */
static lks_status put(importing *self, lks_split split, size_t first, size_t count)
{
  const int32_t *label = self->source->label[split] + first;
  lks_status status = LKS_OK;
  for (size_t i = 0, end = 0; i < count && !status; i = end) {
    const lks_split to = split_of(self, split, first + i);
    for (end = i + 1; end < count && split_of(self, split, first + end) == to;) end++;
    status = lks_dataset_writer_put(self->writer, to, self->values + i * self->row, label + i, end - i);
  }
  return status == LKS_ERR_DATA ? lks_fail_in(status, "%s: ", self->source->path) : status;
}

static lks_status copy(importing *self)
{
  const size_t *count = self->source->layout.count, all = count[LKS_SPLIT_TRAIN] + count[LKS_SPLIT_TEST];
  lks_status status = LKS_OK;
  for (int split = 0; split < LKS_SPLITS; split++)
    for (size_t first = 0, now = 0; first < count[split] && !status; first += now) {
      const size_t left = count[split] - first;
      now = left < self->batch ? left : self->batch;
      status = lks_source_next(self->source, self->values, now);
      if (!status) status = put(self, (lks_split)split, first, now);
      lks_long_work_tell(&self->work, (double)self->source->taken / (double)all);
    }
  return status;
}

static lks_status split_off(importing *self, lks_layout *layout, const lks_import_options *options)
{
  const size_t count = layout->count[LKS_SPLIT_TRAIN];
  if (options->test_share == 0) return LKS_OK;
  if (layout->count[LKS_SPLIT_TEST])
    return lks_fail(LKS_ERR_USAGE,
                    "there are %zu test samples already: leave --test-fraction away, or give no test part",
                    layout->count[LKS_SPLIT_TEST]);
  self->is_test = lks_new(count, 1);
  if (!self->is_test) return LKS_ERR_RANK;
  lks_status status = lks_test_split(self->is_test, self->source->label[LKS_SPLIT_TRAIN], count,
                                     layout->classes, options->test_share, options->seed);
  for (size_t i = 0; i < count && !status; i++) layout->count[LKS_SPLIT_TEST] += self->is_test[i];
  layout->count[LKS_SPLIT_TRAIN] -= layout->count[LKS_SPLIT_TEST];
  return status;
}

static lks_status prepare(importing *self, const lks_layout *layout)
{
  self->row = lks_layout_sample_bytes(layout);
  self->batch = self->row < BATCH_BYTES ? BATCH_BYTES / self->row : 1;
  self->values = lks_new(self->batch, self->row);
  return self->values ? LKS_OK : LKS_ERR_RANK;
}

lks_status lks_import(lks_layout *layout_or_null, lks_source *source, const lks_import_options *options)
{
  importing self = {.source = source};
  lks_layout layout = source->layout;
  char what[300];
  snprintf(what, sizeof what, "writing %s", options->output);
  lks_long_work_begin(&self.work, what);
  lks_status status = lks_layout_check(&layout);
  if (!status) status = split_off(&self, &layout, options);
  if (!status) status = prepare(&self, &layout);
  if (!status)
    status = lks_dataset_writer_create(&self.writer, options->output, &layout, source->names, options->force);
  if (!status) status = copy(&self);
  if (!status) status = lks_dataset_writer_finish(self.writer);
  lks_dataset_writer_destroy(&self.writer);
  lks_free(self.values);
  lks_free(self.is_test);
  if (layout_or_null) *layout_or_null = layout;
  return status;
}
