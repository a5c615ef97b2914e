#include "train/probe_tables.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/csv.h"
#include "base/printed.h"

enum { FILE_SIZE = 64, PATH_SIZE = 1024 };

static void name_file(char file[FILE_SIZE], const char *name)
{
  snprintf(file, FILE_SIZE, "probe-%s.csv", name);
}

static void path_of(char path[PATH_SIZE], const char *run, const char *name)
{
  char file[FILE_SIZE];
  name_file(file, name);
  snprintf(path, PATH_SIZE, "%s/%s", run, file);
}

static void print_numbers(FILE *out, const double *value, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    char number[LKS_NUMBER_MAX];
    lks_number_print(number, value[i], "");
    fprintf(out, "%s%s", i ? "," : "", number);
  }
  fputc('\n', out);
}

lks_status lks_probe_table_append(lks_run_tables *tables, const char *name, const char *heading,
                                  const double *value, size_t rows, size_t columns)
{
  char file[FILE_SIZE], *text = NULL;
  lks_printed printed;
  lks_status status = lks_printed_begin(&printed);
  if (status) return status;
  name_file(file, name);
  for (size_t r = 0; r < rows; r++) {
    const double *row = value + r * columns;
    if (strcmp(heading, LKS_ACTIVATIONS_HEADING) != 0 || row[1] >= 0) {
      print_numbers(printed.stream, row, columns);
      continue;
    }
    fprintf(printed.stream, "%.0f,all,", row[0]);
    print_numbers(printed.stream, row + 2, columns - 2);
  }
  status = lks_printed_text(&text, &printed);
  if (!status) status = lks_run_tables_append(tables, file, heading, text);
  lks_free(text);
  return status;
}

lks_status lks_probe_noise_write(const char *run, const lks_probe_noise_row *row, size_t count)
{
  char path[PATH_SIZE];
  lks_printed printed;
  lks_status status = lks_printed_begin(&printed);
  if (status) return status;
  fputs(LKS_PROBE_NOISE_HEADING, printed.stream);
  for (size_t i = 0; i < count; i++) {
    const double reals[] = {row[i].m,      row[i].draws,   row[i].isolated,     row[i].end_to_end,
                            row[i].theory, row[i].dropout, row[i].dropout_noise};
    fprintf(printed.stream, "%s,", row[i].layer);
    print_numbers(printed.stream, reals, sizeof reals / sizeof *reals);
  }
  path_of(path, run, "noise");
  return lks_printed_file(path, &printed);
}

static lks_status remove_table(const char *run, const char *name)
{
  char path[PATH_SIZE];
  path_of(path, run, name);
  if (unlink(path) == 0 || errno == ENOENT) return LKS_OK;
  return lks_fail(LKS_ERR_IO, "cannot remove %s: %s", path, strerror(errno));
}

lks_status lks_probe_tables_truncate(const char *run, size_t step)
{
  static const char *const names[] = {"activations", "drift", "gradients", "landscape"};
  lks_status status = LKS_OK;
  for (size_t i = 0; i < sizeof names / sizeof *names && !status; i++) {
    char file[FILE_SIZE];
    name_file(file, names[i]);
    status = lks_run_tables_truncate(run, file, step);
    if (!status && step == 0) status = remove_table(run, names[i]);
  }
  return status;
}

/* Rows that are `columns` doubles, in the noise's behind a name. */
typedef struct reading {
  void *row;
  size_t count, columns, row_size;
} reading;

static lks_status take_row(void *user, char *const *field)
{
  reading *r = user;
  lks_status status = lks_csv_grow(&r->row, r->count, r->row_size);
  for (size_t c = 0; c < r->columns && !status; c++) {
    double value = -1;
    if (strcmp(field[c], "all") != 0) status = lks_number_read(&value, field[c]);
    memcpy((char *)r->row + r->count * r->row_size + c * sizeof value, &value, sizeof value);
  }
  r->count += !status;
  return status;
}

static lks_status take_noise(void *user, char *const *field)
{
  reading *r = user;
  lks_probe_noise_row row = {.m = 0};
  double *const real[] = {&row.m,      &row.draws,   &row.isolated,     &row.end_to_end,
                          &row.theory, &row.dropout, &row.dropout_noise};
  lks_status status = lks_csv_grow(&r->row, r->count, sizeof row);
  if (!status && (!field[0][0] || strlen(field[0]) >= sizeof row.layer))
    status = lks_fail(LKS_ERR_DATA, "'%.100s' is no name of a layer", field[0]);
  for (size_t c = 0; c < sizeof real / sizeof *real && !status; c++)
    status = lks_number_read(real[c], field[1 + c]);
  if (status) return status;
  strcpy(row.layer, field[0]);
  ((lks_probe_noise_row *)r->row)[r->count++] = row;
  return LKS_OK;
}

static lks_status read_table(void *row_address, size_t *count, const char *run, const char *name,
                             const char *heading, lks_csv_take take, size_t row_size)
{
  char path[PATH_SIZE];
  reading r = {.columns = row_size / sizeof(double), .row_size = row_size};
  path_of(path, run, name);
  lks_status status = lks_csv_read(path, heading, take, &r);
  if (status) {
    lks_free(r.row);
    r.row = NULL;
    r.count = 0;
  }
  memcpy(row_address, &r.row, sizeof r.row);
  *count = r.count;
  return status;
}

lks_status lks_activations_read(lks_activation_row **row, size_t *count, const char *run)
{
  return read_table(row, count, run, "activations", LKS_ACTIVATIONS_HEADING, take_row, sizeof **row);
}

lks_status lks_drift_read(lks_drift_row **row, size_t *count, const char *run)
{
  return read_table(row, count, run, "drift", LKS_DRIFT_HEADING, take_row, sizeof **row);
}

lks_status lks_gradients_read(lks_gradient_row **row, size_t *count, const char *run)
{
  return read_table(row, count, run, "gradients", LKS_GRADIENTS_HEADING, take_row, sizeof **row);
}

lks_status lks_landscape_read(lks_landscape_row **row, size_t *count, const char *run)
{
  return read_table(row, count, run, "landscape", LKS_LANDSCAPE_HEADING, take_row, sizeof **row);
}

lks_status lks_probe_noise_read(lks_probe_noise_row **row, size_t *count, const char *run)
{
  return read_table(row, count, run, "noise", LKS_PROBE_NOISE_HEADING, take_noise, sizeof **row);
}
