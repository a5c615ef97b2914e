#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "cli/predict_input.h"
#include "import/csv_columns.h"

/* A table that people write: numbers with commas, semicolons or blanks between them, remarks behind #, and in the first line
 * the names of the columns perhaps, of which one may be the label's. */

enum { NO_LABEL = -1 };

/* Cuts the next field off a line, without its quotes; NULL at the end. */
static char *next_field(char **line)
{
  char *begin = *line + strspn(*line, " \t\r,;");
  if (*begin == '\0') return NULL;
  const bool quoted = *begin == '"';
  begin += quoted;
  char *end = begin + strcspn(begin, quoted ? "\"" : " \t\r,;");
  *line = *end ? end + 1 : end;
  *end = '\0';
  return begin;
}

static bool is_number(const char *field, float *value)
{
  char *end;
  *value = strtof(field, &end);
  return end != field && *end == '\0';
}

/* A line without any number: *label out, which column is the label's. */
static bool is_heading(int *label, const char *line)
{
  char *copy = lks_new(strlen(line) + 1, 1), *rest = copy;
  bool numbers = !copy;
  int column = 0;
  *label = NO_LABEL;
  if (copy) strcpy(copy, line);
  for (char *field = copy ? next_field(&rest) : NULL; field; field = next_field(&rest), column++) {
    float value;
    numbers = numbers || is_number(field, &value);
    if (lks_csv_says_label(field)) *label = column;
  }
  lks_free(copy);
  if (numbers || column < 2) *label = NO_LABEL;
  return !numbers && column > 0;
}

/* One line into row[width], but for the label's column. */
static lks_status read_row(float *row, size_t width, int label, char *line)
{
  size_t found = 0;
  int column = 0;
  for (char *field = next_field(&line); field; field = next_field(&line), column++) {
    float value;
    if (column == label) continue;
    if (!is_number(field, &value) || !isfinite(value))
      return lks_fail(LKS_ERR_DATA, "'%.30s' is not a finite number", field);
    if (found < width) row[found] = value;
    found++;
  }
  if (found == width) return LKS_OK;
  return lks_fail(LKS_ERR_DATA, "%zu numbers, but the model takes %zu %s", found, width,
                  label == NO_LABEL ? "features" : "features besides the label");
}

static bool is_empty(const char *line)
{
  return line[strspn(line, " \t\r")] == '\0' || line[0] == '#';
}

/* A row has at least a digit and a separator for each value: so many at most are in a text, whatever its lines hold. */
static size_t most_rows(const char *text, size_t width)
{
  return strlen(text) / (2 * width - 1) + 1;
}

lks_status lks_predict_table(lks_predict_input *input, const lks_predict_need *need, char *text)
{
  const size_t width = need->shape.height * need->shape.width * need->shape.channels;
  float *row = input->memory = lks_new(most_rows(text, width) * width, sizeof *row);
  size_t number = 0, samples = 0;
  int label = NO_LABEL;
  bool begun = false;
  if (row == NULL) return LKS_ERR_RANK;
  for (char *line = strsep(&text, "\n"); line != NULL; line = strsep(&text, "\n")) {
    number++;
    if (is_empty(line)) continue;
    const bool heading = !begun && is_heading(&label, line);
    begun = true;
    if (heading) continue;
    lks_status status = read_row(row + samples++ * width, width, label, line);
    if (status) return lks_fail_in(status, "%s:%zu: ", input->path, number);
  }
  if (samples == 0) return lks_fail(LKS_ERR_DATA, "%s: holds no numbers", input->path);
  lks_predict_take(input, row, samples, need);
  return LKS_OK;
}
