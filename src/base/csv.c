#include "base/csv.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"

void lks_number_print(char out[LKS_NUMBER_MAX], double value, const char *missing)
{
  if (!isfinite(value)) {
    snprintf(out, LKS_NUMBER_MAX, "%s", missing);
    return;
  }
  for (int digits = 6; digits <= 17; digits++) {
    snprintf(out, LKS_NUMBER_MAX, "%.*g", digits, value);
    if (strtod(out, NULL) == value) return;
  }
}

/* strtod alone would also take blanks in front, hexadecimal numbers, inf and nan. */
void lks_csv_print_quoted(FILE *stream, const char *text)
{
  fputc('"', stream);
  for (const char *c = text; *c != '\0'; c++) {
    if (*c == '"') fputc('"', stream);
    fputc(*c, stream);
  }
  fputc('"', stream);
}

lks_status lks_number_read(double *value, const char *field)
{
  char *end;
  *value = NAN;
  if (field[0] == '\0') return LKS_OK;
  const double number = strtod(field, &end);
  if (*end != '\0' || strspn(field, "+-.eE0123456789") != strlen(field) || !isfinite(number))
    return lks_fail(LKS_ERR_DATA, "'%.40s' is not a number", field);
  *value = number;
  return LKS_OK;
}

lks_status lks_count_read(size_t *value, const char *field)
{
  errno = 0;
  const unsigned long long number = strtoull(field, NULL, 10);
  if (field[0] == '\0' || field[strspn(field, "0123456789")] != '\0' || errno != 0 || number > SIZE_MAX / 2)
    return lks_fail(LKS_ERR_DATA, "'%.40s' is not a whole number", field);
  *value = (size_t)number;
  return LKS_OK;
}

static size_t count_columns(const char *heading)
{
  size_t columns = 1;
  for (; *heading; heading++) columns += *heading == ',';
  return columns;
}

/** Cuts a line into its fields, in place. */
static lks_status split(char *field[LKS_CSV_COLUMNS_MAX], size_t columns, char *line)
{
  size_t found = 0;
  for (char *at = line; at != NULL; found++) {
    if (found < columns) field[found] = at;
    at = strchr(at, ',');
    if (at != NULL) *at++ = '\0';
  }
  if (found == columns) return LKS_OK;
  return lks_fail(LKS_ERR_DATA, "%zu fields instead of %zu", found, columns);
}

static lks_status take_lines(char *text, const char *heading, lks_csv_take take, void *user, size_t *number)
{
  char *field[LKS_CSV_COLUMNS_MAX];
  const size_t columns = count_columns(heading), length = strlen(heading);
  *number = 1;
  if (strncmp(text, heading, length) != 0)
    return lks_fail(LKS_ERR_DATA, "the heading is not %.*s", (int)length - 1, heading);
  for (char *line = text + length, *end; *line != '\0'; line = end + 1) {
    ++*number;
    end = strchr(line, '\n');
    if (end == NULL) return lks_fail(LKS_ERR_DATA, "the line is cut off");
    *end = '\0';
    lks_status status = split(field, columns, line);
    if (!status) status = take(user, field);
    if (status) return status;
  }
  return LKS_OK;
}

lks_status lks_csv_read(const char *path, const char *heading, lks_csv_take take, void *user)
{
  char *text;
  size_t bytes, line;
  lks_status status = lks_file_read(&text, &bytes, path);
  if (status) return status;
  if (strlen(text) == bytes) {
    status = take_lines(text, heading, take, user, &line);
    if (status) lks_fail_in(status, "%s:%zu: ", path, line);
  } else {
    status = lks_fail(LKS_ERR_DATA, "%s: holds a zero byte: this is not a CSV file", path);
  }
  lks_free(text);
  return status;
}

lks_status lks_csv_grow(void *rows_address, size_t count, size_t size)
{
  if (count > 0 && (count & (count - 1)) != 0) return LKS_OK; /* the room is a power of two */
  void *old, *rows = lks_new(count > 0 ? 2 * count : 1, size);
  if (rows == NULL) return LKS_ERR_RANK;
  memcpy(&old, rows_address, sizeof old);
  if (count > 0) memcpy(rows, old, count * size);
  lks_free(old);
  memcpy(rows_address, &rows, sizeof rows);
  return LKS_OK;
}
