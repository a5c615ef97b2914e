#include "import/csv_rows.h"

#include <csv.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "import/packed_file.h"

enum { PART = 1 << 16, GROWTH = 4096 };

struct lks_csv_rows {
  lks_packed_file *file;
  struct csv_parser parser;
  char separator;
  char part[PART]; /* of the file, what has been read ahead */
  size_t at, end;  /* in it */
  bool ended, after_return;
  size_t line, row_line; /* that is being read; where the row begins */
  char *text;            /* of the row's fields, one behind the other */
  size_t text_bytes, text_room;
  size_t *field; /* [field_room] where each begins */
  size_t fields, field_room;
  bool complete;
  lks_status status;
};

lks_status lks_csv_rows_fail(const lks_csv_rows *rows, const char *format, ...)
{
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return lks_fail(LKS_ERR_DATA, "%s:%zu: %s", lks_packed_path(rows->file), rows->row_line, text);
}

/* For libcsv, which takes no more for a field then. */
static void *bounded(void *memory, size_t bytes)
{
  return bytes > LKS_CSV_FIELD_MAX ? NULL : realloc(memory, bytes);
}

static lks_status make_field(lks_csv_rows *rows)
{
  if (rows->fields < rows->field_room) return LKS_OK;
  const size_t room = rows->fields ? 2 * rows->fields : 64;
  size_t *field = lks_new(room, sizeof *field);
  if (!field) return LKS_ERR_RANK;
  if (rows->fields) memcpy(field, rows->field, rows->fields * sizeof *field);
  lks_free(rows->field);
  rows->field = field;
  rows->field_room = room;
  return LKS_OK;
}

static lks_status make_room(lks_csv_rows *rows, size_t bytes)
{
  if (rows->text_bytes + bytes > LKS_CSV_ROW_MAX)
    return lks_csv_rows_fail(rows, "the row is longer than %d bytes; is this a table?", LKS_CSV_ROW_MAX);
  if (rows->text_bytes + bytes <= rows->text_room) return LKS_OK;
  const size_t room = 2 * (rows->text_bytes + bytes);
  char *text = lks_new(room, 1);
  if (!text) return LKS_ERR_RANK;
  if (rows->text_bytes) memcpy(text, rows->text, rows->text_bytes);
  lks_free(rows->text);
  rows->text = text;
  rows->text_room = room;
  return LKS_OK;
}

static lks_status add_field(lks_csv_rows *rows, const char *text, size_t length)
{
  if (length && memchr(text, '\0', length))
    return lks_csv_rows_fail(rows, "field %zu has a zero byte; is this a table of text?", rows->fields + 1);
  lks_status status = make_room(rows, length + 1);
  if (!status) status = make_field(rows);
  if (status) return status;
  rows->field[rows->fields++] = rows->text_bytes;
  if (length) memcpy(rows->text + rows->text_bytes, text, length);
  rows->text[rows->text_bytes + length] = '\0';
  rows->text_bytes += length + 1;
  return LKS_OK;
}

static void take_field(void *text, size_t length, void *self)
{
  lks_csv_rows *rows = self;
  if (!rows->status) rows->status = add_field(rows, text, length);
}

static void take_end(int terminator, void *self)
{
  (void)terminator;
  ((lks_csv_rows *)self)->complete = true;
}

static void begin(lks_csv_rows *rows)
{
  if (rows->parser.free_func) csv_free(&rows->parser);
  csv_init(&rows->parser, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL);
  csv_set_realloc_func(&rows->parser, bounded);
  csv_set_blk_size(&rows->parser, GROWTH);
  csv_set_delim(&rows->parser, (unsigned char)rows->separator);
  rows->at = rows->end = 0;
  rows->ended = rows->after_return = false;
  rows->line = rows->row_line = 1;
}

static lks_status read_part(lks_csv_rows *rows)
{
  rows->at = rows->end = 0;
  return lks_packed_read(rows->file, rows->part, PART, &rows->end);
}

/* The separator that stands most often in the first line, outside of quotes. */
static char guess_separator(const lks_csv_rows *rows)
{
  static const char candidate[] = ",;\t|";
  size_t count[sizeof candidate] = {0}, best = 0;
  bool quoted = false;
  for (size_t i = 0; i < rows->end && (quoted || (rows->part[i] != '\n' && rows->part[i] != '\r')); i++) {
    const char *found = rows->part[i] ? strchr(candidate, rows->part[i]) : NULL;
    if (rows->part[i] == '"') quoted = !quoted;
    if (found && !quoted) count[found - candidate]++;
  }
  for (size_t i = 1; i < sizeof candidate - 1; i++)
    if (count[i] > count[best]) best = i;
  return candidate[best];
}

/* Some programs put the mark of UTF-8 before the first field. */
static lks_status begin_file(lks_csv_rows *rows)
{
  static const char mark[] = "\xef\xbb\xbf";
  begin(rows);
  lks_status status = read_part(rows);
  if (status) return status;
  if (rows->end >= 3 && memcmp(rows->part, mark, 3) == 0) rows->at = 3;
  if (!rows->separator) rows->separator = guess_separator(rows);
  csv_set_delim(&rows->parser, (unsigned char)rows->separator);
  return LKS_OK;
}

lks_status lks_csv_rows_open(lks_csv_rows **rows, const char *path, char separator)
{
  lks_csv_rows *made = *rows = lks_new(1, sizeof *made);
  if (!made) return LKS_ERR_RANK;
  made->separator = separator;
  lks_status status = lks_packed_open(&made->file, path);
  if (!status) status = begin_file(made);
  if (status) lks_csv_rows_close(rows);
  return status;
}

lks_status lks_csv_rows_rewind(lks_csv_rows *rows)
{
  lks_status status = lks_packed_seek(rows->file, 0);
  return status ? status : begin_file(rows);
}

/* Bytes up to the next end of a line, with it: so no more than one row is complete. */
static size_t piece(lks_csv_rows *rows)
{
  size_t end = rows->at;
  while (end < rows->end && rows->part[end] != '\n' && rows->part[end] != '\r') end++;
  return end < rows->end ? end + 1 - rows->at : end - rows->at;
}

static void count_line(lks_csv_rows *rows, char last)
{
  if (last == '\r' || (last == '\n' && !rows->after_return)) rows->line++;
  rows->after_return = last == '\r';
}

static lks_status explain(lks_csv_rows *rows)
{
  if (csv_error(&rows->parser) == CSV_EPARSE)
    return lks_csv_rows_fail(
        rows, "field %zu has a quote where none can be; a quote within quotes is written twice",
        rows->fields + 1);
  return lks_csv_rows_fail(rows, "field %zu is longer than %d bytes; is a quote not closed?",
                           rows->fields + 1, LKS_CSV_FIELD_MAX);
}

static lks_status parse_end(lks_csv_rows *rows)
{
  rows->ended = true;
  if (csv_fini(&rows->parser, take_field, take_end, rows) == 0) return rows->status;
  return lks_csv_rows_fail(rows, "the quote of field %zu is not closed", rows->fields + 1);
}

static lks_status parse_piece(lks_csv_rows *rows)
{
  const size_t bytes = piece(rows);
  if (!rows->fields && !rows->parser.entry_pos && !rows->parser.quoted) rows->row_line = rows->line;
  const size_t taken = csv_parse(&rows->parser, rows->part + rows->at, bytes, take_field, take_end, rows);
  if (rows->status) return rows->status;
  if (taken != bytes) return explain(rows);
  count_line(rows, rows->part[rows->at + bytes - 1]);
  rows->at += bytes;
  return LKS_OK;
}

lks_status lks_csv_rows_next(lks_csv_rows *rows, bool *there)
{
  lks_status status = LKS_OK;
  rows->fields = rows->text_bytes = 0;
  rows->complete = false;
  while (!rows->complete && !rows->ended && !status) {
    if (rows->at == rows->end) status = read_part(rows);
    if (!status) status = rows->end ? parse_piece(rows) : parse_end(rows);
  }
  *there = rows->complete;
  return status;
}

size_t lks_csv_rows_fields(const lks_csv_rows *rows)
{
  return rows->fields;
}

const char *lks_csv_rows_field(const lks_csv_rows *rows, size_t i)
{
  return rows->text + rows->field[i];
}

double lks_csv_rows_share(const lks_csv_rows *rows)
{
  return lks_packed_share(rows->file);
}

void lks_csv_rows_close(lks_csv_rows **rows)
{
  if (!*rows) return;
  if ((*rows)->parser.free_func) csv_free(&(*rows)->parser);
  lks_packed_close(&(*rows)->file);
  lks_free((*rows)->text);
  lks_free((*rows)->field);
  lks_free(*rows);
  *rows = NULL;
}
