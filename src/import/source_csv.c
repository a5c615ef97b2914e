#include "import/source_csv.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/csv.h"
#include "base/long_work.h"
#include "import/csv_columns.h"
#include "import/words.h"

/* One file. */
typedef struct table {
  lks_csv_rows *rows;
  bool has_heading;
} table;

typedef struct csv_source {
  lks_csv_options options;
  table table[LKS_SPLITS];
  lks_csv_columns columns;
  bool whole; /* all values are whole numbers from 0 to 255 */
  float *row; /* [columns-1] */
  bool pixels;
} csv_source;

/* To the first row that is a sample. */
static lks_status go_to_samples(table *from)
{
  bool there;
  lks_status status = lks_csv_rows_rewind(from->rows);
  return status || !from->has_heading ? status : lks_csv_rows_next(from->rows, &there);
}

static bool are_pixels(const float *value, size_t count)
{
  for (size_t i = 0; i < count; i++)
    if (!(value[i] >= 0 && value[i] <= 255) || value[i] != (float)(int)value[i]) return false;
  return true;
}

static lks_status survey_row(csv_source *self, const lks_csv_rows *rows, lks_words *words, int32_t *number)
{
  lks_status status = lks_csv_columns_check(&self->columns, rows);
  if (!status) status = lks_csv_columns_values(&self->columns, rows, self->row);
  if (status) return status;
  self->whole = self->whole && are_pixels(self->row, self->columns.count - 1);
  status = lks_words_add(words, lks_csv_rows_field(rows, self->columns.label), number);
  return status ? lks_csv_rows_fail(rows, "%s", lks_message()) : LKS_OK;
}

/* Looks at all of a table: labels as numbers of words, and whether the values are pixels. */
static lks_status survey(lks_source *source, csv_source *self, lks_split split, lks_words *words)
{
  char what[300];
  lks_long_work work = {0};
  table *from = &self->table[split];
  snprintf(what, sizeof what, "looking through %s", split ? self->options.test : self->options.train);
  lks_long_work_begin(&work, what);
  lks_status status = lks_csv_columns_take(&self->columns, &from->has_heading, from->rows, &self->options);
  if (!status && !self->row) {
    self->row = lks_new(self->columns.count - 1, sizeof *self->row);
    if (!self->row) status = LKS_ERR_RANK;
  }
  if (!status) status = go_to_samples(from);
  size_t *count = &source->layout.count[split];
  for (bool there = true; !status;) {
    status = lks_csv_rows_next(from->rows, &there);
    if (status || !there) break;
    status = lks_csv_grow(&source->label[split], *count, sizeof(int32_t));
    if (!status) status = survey_row(self, from->rows, words, &source->label[split][*count]);
    *count += 1;
    if (*count % 1024 == 0) lks_long_work_tell(&work, lks_csv_rows_share(from->rows));
  }
  if (!status && !*count) status = lks_csv_rows_fail(from->rows, "there is a heading and no sample");
  return status ? status : go_to_samples(from);
}

static lks_status name_labels(lks_source *source, const lks_words *words)
{
  int32_t *class = lks_new(lks_words_count(words), sizeof *class);
  if (!class) return LKS_ERR_RANK;
  lks_status status = lks_words_classes(words, class, &source->layout.classes, &source->names);
  for (int split = 0; split < LKS_SPLITS && !status; split++)
    for (size_t i = 0; i < source->layout.count[split]; i++)
      source->label[split][i] = class[source->label[split][i]];
  lks_free(class);
  return status;
}

static lks_status choose_shape(lks_source *source, csv_source *self)
{
  const size_t values = self->columns.count - 1;
  lks_shape shape = self->options.shape;
  const bool image = shape.channels && (shape.height > 1 || shape.width > 1);
  if (!shape.channels) shape = (lks_shape){1, 1, values};
  if (shape.height * shape.width * shape.channels != values)
    return lks_fail(LKS_ERR_USAGE,
                    "--shape: %zu x %zu x %zu are %zu values, and %s has %zu columns beside the label",
                    shape.height, shape.width, shape.channels, shape.height * shape.width * shape.channels,
                    self->options.train, values);
  self->pixels = image && self->whole;
  source->layout.shape = shape;
  source->layout.features = !self->pixels;
  return LKS_OK;
}

static lks_status next_row(csv_source *self, lks_csv_rows *rows, void *values, size_t number)
{
  const size_t width = self->columns.count - 1;
  bool there;
  lks_status status = lks_csv_rows_next(rows, &there);
  if (!status && !there) status = lks_csv_rows_fail(rows, "the file has become shorter while it is read");
  if (!status) status = lks_csv_columns_check(&self->columns, rows);
  if (status) return status;
  if (!self->pixels) return lks_csv_columns_values(&self->columns, rows, (float *)values + number * width);
  status = lks_csv_columns_values(&self->columns, rows, self->row);
  if (!status && !are_pixels(self->row, width))
    status = lks_csv_rows_fail(rows, "the file has changed while it is read");
  for (size_t i = 0; i < width && !status; i++)
    ((uint8_t *)values)[number * width + i] = (uint8_t)self->row[i];
  return status;
}

static lks_status next(void *self, lks_split split, size_t first, void *values, size_t samples)
{
  lks_status status = LKS_OK;
  (void)first;
  for (size_t i = 0; i < samples && !status; i++)
    status = next_row(self, ((csv_source *)self)->table[split].rows, values, i);
  return status;
}

static lks_status rewind_tables(void *self)
{
  lks_status status = LKS_OK;
  for (int split = 0; split < LKS_SPLITS && !status; split++) {
    table *from = &((csv_source *)self)->table[split];
    if (from->rows) status = go_to_samples(from);
  }
  return status;
}

static void destroy(void *self)
{
  csv_source *csv = self;
  for (int split = 0; split < LKS_SPLITS; split++) lks_csv_rows_close(&csv->table[split].rows);
  lks_csv_columns_clear(&csv->columns);
  lks_free(csv->row);
  lks_free(csv);
}

static lks_status open_tables(lks_source *source, csv_source *self)
{
  const char *path[LKS_SPLITS] = {self->options.train, self->options.test};
  lks_words *words = NULL;
  lks_status status = lks_words_create(&words);
  for (int split = 0; split < LKS_SPLITS && path[split] && !status; split++) {
    status = lks_csv_rows_open(&self->table[split].rows, path[split], self->options.separator);
    if (!status) status = survey(source, self, (lks_split)split, words);
  }
  if (!status) status = name_labels(source, words);
  if (!status) status = choose_shape(source, self);
  lks_words_destroy(&words);
  return status;
}

lks_status lks_source_csv_open(lks_source **source, const lks_csv_options *options)
{
  static const lks_source_methods methods = {next, rewind_tables, destroy};
  *source = NULL;
  csv_source *self = lks_new(1, sizeof *self);
  lks_status status = self ? lks_source_create(source, &methods, self) : LKS_ERR_RANK;
  if (status) return status;
  (*source)->path = options->train;
  self->options = *options;
  self->whole = true;
  status = open_tables(*source, self);
  if (status) lks_source_destroy(source);
  return status;
}
