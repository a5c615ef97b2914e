#include "train/metrics.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/csv.h"
#include "base/json.h"
#include "base/printed.h"
#include "lockstep/network.h"

enum { PATH_SIZE = 1024, LINE_SIZE = 1024, REALS = 7 };

static const char csv_heading[] =
    "epoch,step,lr,train_loss,train_accuracy,test_loss,test_accuracy,images_per_second,seconds\n";
static const char *const real_names[REALS] = {
    "lr", "train_loss", "train_accuracy", "test_loss", "test_accuracy", "images_per_second", "seconds"};

static void row_reals(double out[REALS], const lks_metrics_row *row)
{
  const double reals[REALS] = {row->lr,        row->train_loss,    row->train_accuracy,
                               row->test_loss, row->test_accuracy, row->images_per_second,
                               row->seconds};
  memcpy(out, reals, sizeof reals);
}

static void print_csv(char out[LINE_SIZE], const lks_metrics_row *row)
{
  double reals[REALS];
  row_reals(reals, row);
  int length = snprintf(out, LINE_SIZE, "%zu,%zu", row->epoch, row->step);
  for (int i = 0; i < REALS; i++) {
    char number[LKS_NUMBER_MAX];
    lks_number_print(number, reals[i], "");
    length += snprintf(out + length, LINE_SIZE - (size_t)length, ",%s", number);
  }
  snprintf(out + length, LINE_SIZE - (size_t)length, "\n");
}

static void print_json(FILE *out, const lks_metrics_row *row)
{
  lks_json json = {.out = out, .one_line = true};
  double reals[REALS];
  row_reals(reals, row);
  lks_json_open(&json, NULL, '{');
  lks_json_print(&json, "epoch", "%zu", row->epoch);
  lks_json_print(&json, "step", "%zu", row->step);
  for (int i = 0; i < REALS; i++) lks_json_number(&json, real_names[i], reals[i]);
  lks_json_close(&json);
}

lks_status lks_metrics_append(lks_run_tables *tables, const lks_metrics_row *row)
{
  char line[LINE_SIZE];
  print_csv(line, row);
  lks_status status = lks_run_tables_append(tables, "metrics.csv", csv_heading, line);
  if (status) return status;
  lks_printed printed;
  char *text = NULL;
  status = lks_printed_begin(&printed);
  if (status != LKS_OK) return status;
  print_json(printed.stream, row);
  status = lks_printed_text(&text, &printed);
  if (status == LKS_OK) status = lks_run_tables_append(tables, "metrics.jsonl", "", text);
  lks_free(text);
  return status;
}

lks_status lks_metrics_append_noise(lks_run_tables *tables, size_t epoch, const lks_noise *noise)
{
  char line[LINE_SIZE], number[4][LKS_NUMBER_MAX];
  const double reals[4] = {noise->variance_of_mean, noise->variance_of_variance, noise->theory,
                           noise->effective_samples};
  for (int i = 0; i < 4; i++) lks_number_print(number[i], reals[i], "");
  snprintf(line, sizeof line, "%zu,%s,%zu,%zu,%zu,%s,%s,%s,%s\n", epoch, noise->layer, noise->channels,
           noise->values, noise->steps, number[0], number[1], number[2], number[3]);
  return lks_run_tables_append(tables, "noise.csv", LKS_NOISE_HEADING, line);
}

lks_status lks_metrics_truncate(const char *directory, size_t epoch)
{
  static const char *const files[] = {"metrics.csv", "metrics.jsonl", "noise.csv"};
  lks_status status = LKS_OK;
  for (size_t i = 0; i < sizeof files / sizeof *files && !status; i++)
    status = lks_run_tables_truncate(directory, files[i], epoch);
  return status;
}

typedef struct reading {
  lks_metrics_row *row;
  size_t count;
} reading;

static lks_status take_row(void *user, char *const *field)
{
  reading *r = user;
  lks_metrics_row row = {0};
  double *const real[REALS] = {&row.lr,        &row.train_loss,    &row.train_accuracy,
                               &row.test_loss, &row.test_accuracy, &row.images_per_second,
                               &row.seconds};
  lks_status status = lks_csv_grow(&r->row, r->count, sizeof row);
  if (!status) status = lks_count_read(&row.epoch, field[0]);
  if (!status) status = lks_count_read(&row.step, field[1]);
  for (int i = 0; i < REALS && !status; i++) status = lks_number_read(real[i], field[2 + i]);
  if (status) return status;
  if (row.epoch != r->count + 1)
    return lks_fail(LKS_ERR_DATA, "epoch %zu stands where %zu should", row.epoch, r->count + 1);
  r->row[r->count++] = row;
  return LKS_OK;
}

lks_status lks_metrics_read(lks_metrics_row **row, size_t *epochs, const char *directory)
{
  char path[PATH_SIZE];
  reading r = {NULL, 0};
  snprintf(path, sizeof path, "%s/metrics.csv", directory);
  lks_status status = lks_csv_read(path, csv_heading, take_row, &r);
  if (status) {
    lks_free(r.row);
    r = (reading){NULL, 0};
  }
  *row = r.row;
  *epochs = r.count;
  return status;
}
