#include <stdio.h>

#include "base/arena.h"
#include "base/long_work.h"
#include "import/export.h"
#include "import/npz_write.h"

enum { BATCH_BYTES = 1 << 20 };

/* Samples are read a part at a time. */
typedef struct samples {
  lks_source *source;
  char *part;                       /* [part_samples,row] */
  size_t row, part_samples, filled; /* bytes of a sample; bytes of the part */
  size_t begin;                     /* byte of the array that the part begins with */
  lks_long_work work;
} samples;

/* Members are the source's sections: samples, labels, samples for testing, their labels. */
static void describe(lks_npz_member *of, const samples *self, int section)
{
  static const char *const name[] = {"x_train", "y_train", "x_test", "y_test"};
  const lks_layout *layout = &self->source->layout;
  const lks_shape shape = layout->shape;
  const size_t count = layout->count[section / 2];
  const bool labels = section % 2, flat = layout->features && shape.height == 1 && shape.width == 1;
  *of = (lks_npz_member){
      .name = name[section],
      .type = labels             ? "<i4"
              : layout->features ? "<f4"
                                 : "|u1",
      .dimensions = labels ? 1
                    : flat ? 2
                           : 4,
      .extent = {count, flat ? shape.channels : shape.height, shape.width, shape.channels},
      .bytes = count * (labels ? sizeof(int32_t) : self->row),
  };
}

/* The next samples of the source, into the part. */
static lks_status fill(samples *self, lks_split split, size_t offset)
{
  const size_t *count = self->source->layout.count, all = count[LKS_SPLIT_TRAIN] + count[LKS_SPLIT_TEST];
  const size_t left = count[split] - offset / self->row;
  const size_t now = left < self->part_samples ? left : self->part_samples;
  lks_status status = lks_source_next(self->source, self->part, now);
  self->begin = offset;
  self->filled = now * self->row;
  lks_long_work_tell(&self->work, (double)self->source->taken / (double)all);
  return status;
}

static lks_status give(void *context, const char **piece, size_t *bytes, size_t member, size_t offset)
{
  samples *self = context;
  const lks_split split = (lks_split)(member / 2);
  if (member % 2) {
    *piece = (const char *)self->source->label[split] + offset;
    *bytes = self->source->layout.count[split] * sizeof(int32_t) - offset;
    return LKS_OK;
  }
  const bool at_hand = offset > self->begin && offset < self->begin + self->filled;
  lks_status status = at_hand ? LKS_OK : fill(self, split, offset);
  *piece = self->part + (offset - self->begin);
  *bytes = self->begin + self->filled - offset;
  return status;
}

lks_status lks_export_npz(lks_source *source, const char *path, bool replace)
{
  lks_npz_member member[LKS_SECTIONS];
  char what[300];
  samples self = {.source = source, .row = lks_layout_sample_bytes(&source->layout)};
  self.part_samples = self.row < BATCH_BYTES ? BATCH_BYTES / self.row : 1;
  self.part = lks_new(self.part_samples, self.row);
  if (!self.part) return LKS_ERR_RANK;
  snprintf(what, sizeof what, "writing %s", path);
  lks_long_work_begin(&self.work, what);
  const size_t members = source->layout.count[LKS_SPLIT_TEST] ? LKS_SECTIONS : LKS_SECTIONS / 2;
  for (size_t i = 0; i < members; i++) describe(&member[i], &self, (int)i);
  lks_status status = lks_npz_write(path, replace, member, members, give, &self);
  lks_free(self.part);
  return status;
}
