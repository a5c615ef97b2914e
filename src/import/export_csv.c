#include <csv.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/long_work.h"
#include "base/temporary.h"
#include "import/export.h"

enum { BUFFER = 1 << 16, BATCH_BYTES = 1 << 20, NUMBER_ROOM = 24 };

/* A table on its way. */
typedef struct table {
  lks_source *source;
  const lks_export_csv_options *options;
  lks_file_writer *file;
  size_t width, batch, used; /* used: bytes of the buffer */
  void *values;              /* [batch,width] */
  char buffer[BUFFER];
} table;

static lks_status flush(table *self)
{
  lks_status status = lks_file_writer_append(self->file, self->buffer, self->used);
  self->used = 0;
  return status;
}

static lks_status put(table *self, const char *text, size_t length)
{
  lks_status status = self->used + length > BUFFER ? flush(self) : LKS_OK;
  if (status) return status;
  if (length > BUFFER) return lks_file_writer_append(self->file, text, length);
  memcpy(self->buffer + self->used, text, length);
  self->used += length;
  return LKS_OK;
}

static lks_status put_heading(table *self)
{
  lks_status status = put(self, "label", 5);
  for (size_t d = 0; d < self->width && !status; d++) {
    char name[NUMBER_ROOM];
    status = put(self, name, (size_t)snprintf(name, sizeof name, ",x%zu", d));
  }
  return status ? status : put(self, "\n", 1);
}

/* In quotes; a quote in it is doubled. */
static lks_status put_word(table *self, const char *word)
{
  const size_t length = strlen(word), room = 2 * length + 3;
  char *quoted = lks_new(room, 1);
  if (!quoted) return LKS_ERR_RANK;
  lks_status status = put(self, quoted, csv_write(quoted, room, word, length));
  lks_free(quoted);
  return status;
}

static lks_status put_label(table *self, int32_t label)
{
  char number[NUMBER_ROOM];
  if (self->options->words) return put_word(self, lks_class_names_get(self->source->names, (size_t)label));
  return put(self, number, (size_t)snprintf(number, sizeof number, "%" PRId32, label));
}

/* As few digits as read back as the same number. */
static size_t print_value(char text[NUMBER_ROOM], float value)
{
  int length = 0;
  for (int digits = 6; digits <= 9; digits++) {
    length = snprintf(text, NUMBER_ROOM, ",%.*g", digits, (double)value);
    if (strtof(text + 1, NULL) == value) break;
  }
  return (size_t)length;
}

static lks_status put_row(table *self, size_t i, int32_t label)
{
  lks_status status = put_label(self, label);
  for (size_t d = i * self->width; d < (i + 1) * self->width && !status; d++) {
    char text[NUMBER_ROOM];
    const size_t length =
        self->source->layout.features
            ? print_value(text, ((const float *)self->values)[d])
            : (size_t)snprintf(text, sizeof text, ",%u", ((const uint8_t *)self->values)[d]);
    status = put(self, text, length);
  }
  return status ? status : put(self, "\n", 1);
}

/* All samples pass by, and those of one part are written. */
static lks_status put_samples(table *self, lks_long_work *work)
{
  const size_t *count = self->source->layout.count, all = count[LKS_SPLIT_TRAIN] + count[LKS_SPLIT_TEST];
  lks_status status = LKS_OK;
  for (int split = 0; split < LKS_SPLITS; split++)
    for (size_t first = 0, now = 0; first < count[split] && !status; first += now) {
      now = count[split] - first < self->batch ? count[split] - first : self->batch;
      status = lks_source_next(self->source, self->values, now);
      for (size_t i = 0; i < now && !status && split == (int)self->options->part; i++)
        status = put_row(self, i, self->source->label[split][first + i]);
      lks_long_work_tell(work, (double)self->source->taken / (double)all);
    }
  return status ? status : flush(self);
}

static lks_status check(const lks_source *source, const lks_export_csv_options *options)
{
  if (!source->layout.count[options->part])
    return lks_fail(LKS_ERR_USAGE, "%s: there is no %s part", source->path, lks_split_name(options->part));
  if (options->words && lks_class_names_count(source->names) < source->layout.classes)
    return lks_fail(LKS_ERR_USAGE, "%s: its classes have no names; leave --words away", source->path);
  return LKS_OK;
}

static lks_status write_table(table *self, const char *path)
{
  char what[300];
  lks_long_work work = {0};
  snprintf(what, sizeof what, "writing %s", path);
  lks_long_work_begin(&work, what);
  lks_temporary_tidy_file(path);
  lks_status status = lks_file_writer_open(&self->file, path);
  if (!status) status = put_heading(self);
  if (!status) status = put_samples(self, &work);
  if (!status) status = lks_file_writer_commit_as(self->file, self->options->replace);
  lks_file_writer_close(&self->file);
  return status;
}

lks_status lks_export_csv(lks_source *source, const char *path, const lks_export_csv_options *options)
{
  lks_status status = check(source, options);
  table *self = status ? NULL : lks_new(1, sizeof *self);
  if (!self) return status ? status : LKS_ERR_RANK;
  const size_t row = lks_layout_sample_bytes(&source->layout);
  *self = (table){.source = source, .options = options, .width = lks_layout_width(&source->layout)};
  self->batch = row < BATCH_BYTES ? BATCH_BYTES / row : 1;
  self->values = lks_new(self->batch, row);
  status = self->values ? write_table(self, path) : LKS_ERR_RANK;
  lks_free(self->values);
  lks_free(self);
  return status;
}
