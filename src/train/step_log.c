#include "train/step_log.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/csv.h"

enum { PATH_SIZE = 1024, LINE_SIZE = 256, REALS = 5 };

static const char file_name[] = "steps.csv";

lks_status lks_step_log_append(lks_run_tables *tables, const lks_step_row *row)
{
  char line[LINE_SIZE], number[REALS][LKS_NUMBER_MAX];
  const double reals[REALS] = {row->lr, row->train_loss, row->train_accuracy, row->test_loss,
                               row->test_accuracy};
  for (int i = 0; i < REALS; i++) lks_number_print(number[i], reals[i], "");
  snprintf(line, sizeof line, "%zu,%zu,%s,%s,%s,%s,%s\n", row->step, row->epoch, number[0], number[1],
           number[2], number[3], number[4]);
  return lks_run_tables_append(tables, file_name, LKS_STEPS_HEADING, line);
}

lks_status lks_step_log_truncate(const char *directory, size_t step)
{
  return lks_run_tables_truncate(directory, file_name, step);
}

typedef struct reading {
  lks_step_row *row;
  size_t count;
} reading;

static lks_status take_row(void *user, char *const *field)
{
  reading *r = user;
  lks_step_row row = {0};
  double *const real[REALS] = {&row.lr, &row.train_loss, &row.train_accuracy, &row.test_loss,
                               &row.test_accuracy};
  lks_status status = lks_csv_grow(&r->row, r->count, sizeof row);
  if (!status) status = lks_count_read(&row.step, field[0]);
  if (!status) status = lks_count_read(&row.epoch, field[1]);
  for (int i = 0; i < REALS && !status; i++) status = lks_number_read(real[i], field[2 + i]);
  if (status) return status;
  if (r->count && row.step <= r->row[r->count - 1].step)
    return lks_fail(LKS_ERR_DATA, "step %zu stands behind step %zu", row.step, r->row[r->count - 1].step);
  r->row[r->count++] = row;
  return LKS_OK;
}

lks_status lks_step_log_read(lks_step_row **row, size_t *count, const char *directory)
{
  char path[PATH_SIZE];
  reading r = {NULL, 0};
  snprintf(path, sizeof path, "%s/%s", directory, file_name);
  lks_status status = lks_csv_read(path, LKS_STEPS_HEADING, take_row, &r);
  if (status) {
    lks_free(r.row);
    r = (reading){NULL, 0};
  }
  *row = r.row;
  *count = r.count;
  return status;
}

bool lks_step_log_reached(size_t *step, const lks_step_row *row, size_t count, double accuracy)
{
  for (size_t i = 0; i < count; i++) {
    if (!(row[i].test_accuracy >= accuracy)) continue;
    *step = row[i].step;
    return true;
  }
  return false;
}
