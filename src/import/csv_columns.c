#include "import/csv_columns.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"

enum { PLACE_TEXT = 96 };

/* Small whole numbers, of which many tables consist, without the long way. */
static bool read_number(float *value, const char *text)
{
  unsigned number = 0;
  size_t digits = 0;
  for (; digits < 8 && isdigit((unsigned char)text[digits]); digits++)
    number = 10 * number + (unsigned)(text[digits] - '0');
  if (digits > 0 && digits < 8 && text[digits] == '\0') {
    *value = (float)number;
    return true;
  }
  char *end;
  *value = strtof(text, &end);
  return end != text && *end == '\0' && isfinite(*value);
}

/* "column 3 (petal width)" */
static void place_of(char place[PLACE_TEXT], const lks_csv_columns *self, size_t column)
{
  const char *name = self->heading;
  for (size_t i = 0; i < column && name; i++) name += strlen(name) + 1;
  snprintf(place, PLACE_TEXT, name ? "column %zu (%.60s)" : "column %zu", column + 1, name);
}

static lks_status fail_number(const lks_csv_columns *self, const lks_csv_rows *rows, size_t column)
{
  char place[PLACE_TEXT];
  const char *text = lks_csv_rows_field(rows, column);
  place_of(place, self, column);
  if (text[0] == '\0')
    return lks_csv_rows_fail(
        rows, "%s is empty; every feature needs a number: fill it in, or leave the row away", place);
  return lks_csv_rows_fail(rows, "%s is '%.60s' and must be a finite number", place, text);
}

/* Values of a row, without the label, into out [columns-1]. */
lks_status lks_csv_columns_values(const lks_csv_columns *self, const lks_csv_rows *rows, float *out)
{
  for (size_t column = 0; column < self->count; column++) {
    if (column == self->label) continue;
    if (!read_number(out, lks_csv_rows_field(rows, column))) return fail_number(self, rows, column);
    out++;
  }
  return LKS_OK;
}

static bool is_number(const char *text)
{
  float value;
  return read_number(&value, text);
}

static bool is_heading(const lks_csv_options *options, const lks_csv_rows *rows)
{
  size_t numbers = 0;
  if (options->heading != LKS_CSV_HEADING_AUTO) return options->heading == LKS_CSV_HEADING_YES;
  for (size_t i = 0; i < lks_csv_rows_fields(rows); i++) {
    const char *text = lks_csv_rows_field(rows, i);
    const bool number = is_number(text);
    numbers += number;
    if (!number && options->label[0] && strcmp(text, options->label) == 0) return true;
  }
  return numbers == 0;
}

bool lks_csv_says_label(const char *name)
{
  static const char *const known[] = {"label", "labels", "class", "target", "y", "category", "species"};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strcasecmp(name, known[i]) == 0) return true;
  return false;
}

static bool by_name(size_t *column, const lks_csv_options *options, const lks_csv_rows *rows)
{
  const char *wanted = options->label;
  for (size_t i = 0; i < lks_csv_rows_fields(rows); i++) {
    const char *name = lks_csv_rows_field(rows, i);
    if (wanted[0] ? strcmp(name, wanted) != 0 : !lks_csv_says_label(name)) continue;
    *column = i;
    return true;
  }
  return false;
}

static bool by_number(size_t *column, const char *wanted, size_t columns)
{
  char *end;
  const unsigned long number = strtoul(wanted, &end, 10);
  if (strcmp(wanted, "last") == 0) {
    *column = columns - 1;
    return true;
  }
  if (!isdigit((unsigned char)wanted[0]) || *end != '\0' || number < 1 || number > columns) return false;
  *column = number - 1;
  return true;
}

/* The beginning of a list of names, for a message. */
static void list_names(char *out, size_t size, const lks_csv_rows *rows)
{
  size_t at = 0;
  for (size_t i = 0; i < lks_csv_rows_fields(rows) && at + 60 < size; i++)
    at += (size_t)snprintf(out + at, size - at, "%s%.40s", i ? ", " : "", lks_csv_rows_field(rows, i));
}

static lks_status find_label(lks_csv_columns *self, const lks_csv_rows *rows, bool heading,
                             const lks_csv_options *options)
{
  char names[300] = "";
  const char *wanted = options->label;
  const size_t columns = self->count;
  if (heading && by_name(&self->label, options, rows)) return LKS_OK;
  if (by_number(&self->label, wanted, columns)) return LKS_OK;
  if (heading) list_names(names, sizeof names, rows);
  lks_csv_rows_fail(rows, wanted[0] ? "no column is '%.60s'" : "no column is named as the label%.0s", wanted);
  char found[600];
  snprintf(found, sizeof found, "%.590s", lks_message());
  return lks_fail(LKS_ERR_USAGE, "%s; give --label NAME, --label NUMBER (1 to %zu) or --label last%s%s",
                  found, columns, names[0] ? "; the columns are " : "", names);
}

static lks_status keep_heading(lks_csv_columns *self, const lks_csv_rows *rows)
{
  size_t bytes = 0, at = 0;
  for (size_t i = 0; i < self->count; i++) bytes += strlen(lks_csv_rows_field(rows, i)) + 1;
  self->heading = lks_new(bytes, 1);
  if (!self->heading) return LKS_ERR_RANK;
  for (size_t i = 0; i < self->count; i++) {
    strcpy(self->heading + at, lks_csv_rows_field(rows, i));
    at += strlen(lks_csv_rows_field(rows, i)) + 1;
  }
  return LKS_OK;
}

/* The test table's heading must be that of the other. */
static lks_status compare_heading(const lks_csv_columns *self, const lks_csv_rows *rows,
                                  const lks_csv_options *options)
{
  const char *name = self->heading;
  for (size_t i = 0; i < self->count && name; i++, name += strlen(name) + 1)
    if (strcmp(name, lks_csv_rows_field(rows, i)) != 0)
      return lks_csv_rows_fail(rows, "column %zu is named '%.60s' here and '%.60s' in %.200s", i + 1,
                               lks_csv_rows_field(rows, i), name, options->train);
  return LKS_OK;
}

lks_status lks_csv_columns_check(const lks_csv_columns *self, const lks_csv_rows *rows)
{
  const size_t fields = lks_csv_rows_fields(rows);
  if (fields == self->count) return LKS_OK;
  return lks_csv_rows_fail(rows, "has %zu fields, and the first row has %zu", fields, self->count);
}

static lks_status learn_columns(lks_csv_columns *self, const lks_csv_rows *rows, bool heading,
                                const lks_csv_options *options)
{
  self->count = lks_csv_rows_fields(rows);
  if (self->count < 2)
    return lks_csv_rows_fail(rows,
                             "has one field: a label and a feature are two; is it another --separator?");
  lks_status status = find_label(self, rows, heading, options);
  return status || !heading ? status : keep_heading(self, rows);
}

lks_status lks_csv_columns_take(lks_csv_columns *self, bool *heading, lks_csv_rows *rows,
                                const lks_csv_options *options)
{
  bool there;
  lks_status status = lks_csv_rows_next(rows, &there);
  if (status) return status;
  if (!there) return lks_csv_rows_fail(rows, "there is no row");
  *heading = is_heading(options, rows);
  if (!self->count) return learn_columns(self, rows, *heading, options);
  status = lks_csv_columns_check(self, rows);
  return status || !*heading ? status : compare_heading(self, rows, options);
}

void lks_csv_columns_clear(lks_csv_columns *self)
{
  lks_free(self->heading);
  self->heading = NULL;
}
