#include "report/trained_runs.h"

#include <stdio.h>
#include <string.h>

#include "base/append.h"
#include "base/arena.h"
#include "base/file.h"
#include "config/config_value.h"

enum { PATH_SIZE = LKS_TEXT_MAX + 64 };

static bool has_file(const char *folder, const char *name)
{
  char path[PATH_SIZE];
  return snprintf(path, sizeof path, "%s/%s", folder, name) < PATH_SIZE && lks_file_exists(path);
}

bool lks_is_trained_run(const char *folder)
{
  return has_file(folder, "config.ini") && !has_file(folder, "comparison.ini");
}

static lks_status read_run(lks_trained_run *run, const char *folder)
{
  char path[PATH_SIZE];
  run->folder = folder;
  if (has_file(folder, "comparison.ini"))
    return lks_fail(
        LKS_ERR_USAGE,
        "%s is a comparison: `lockstep report %s` draws it, and its runs are in %s/runs/ARM/seed-N", folder,
        folder, folder);
  if (!has_file(folder, "config.ini"))
    return lks_fail(LKS_ERR_IO,
                    "%s holds no training run: there is no config.ini; name the folder of `train --output`",
                    folder);
  if (!has_file(folder, "metrics.csv"))
    return lks_fail(LKS_ERR_DATA, "%s: no epoch is finished yet, so that there is nothing to show", folder);
  snprintf(path, sizeof path, "%s/config.ini", folder);
  lks_config_default(&run->config);
  lks_status status = lks_config_read(&run->config, path);
  if (!status) status = lks_metrics_read(&run->row, &run->epochs, folder);
  if (!status && run->epochs == 0)
    status = lks_fail(LKS_ERR_DATA, "%s: no epoch is finished yet, so that there is nothing to show", folder);
  return status;
}

/* A setting that all runs have in common tells nothing. */
static bool differs(const lks_trained_runs *runs, const lks_option *option)
{
  char a[LKS_VALUE_MAX], b[LKS_VALUE_MAX];
  if (lks_config_is_execution(option->name)) return false;
  for (size_t i = 1; i < runs->count; i++)
    if (lks_config_value_differs(a, b, &runs->run[0].config, &runs->run[i].config, option, 1, NULL))
      return true;
  return false;
}

/* What does not fit is cut off. */
static void append(char label[LKS_RUN_LABEL], const char *between, const char *name, const char *value)
{
  lks_append(label, LKS_RUN_LABEL, "%s%s%s%s", label[0] ? between : "", name, name[0] ? " " : "", value);
}

static bool is_taken(const lks_trained_runs *runs, size_t run)
{
  for (size_t i = 0; i < runs->count; i++)
    if (i != run && strcmp(runs->run[i].label, runs->run[run].label) == 0) return true;
  return false;
}

/* Runs of the same settings are told apart by their folders. */
static void label_runs(lks_trained_runs *runs)
{
  size_t count;
  char value[LKS_VALUE_MAX];
  bool alike[LKS_RUNS_MAX];
  const lks_option *option = lks_config_options(&count);
  for (size_t o = 0; o < count; o++) {
    if (!differs(runs, &option[o])) continue;
    for (size_t i = 0; i < runs->count; i++) {
      lks_config_value_print(value, &runs->run[i].config, &option[o]);
      append(runs->run[i].label, ", ", option[o].name, value[0] ? value : "none");
    }
  }
  for (size_t i = 0; i < runs->count; i++) alike[i] = !runs->run[i].label[0] || is_taken(runs, i);
  for (size_t i = 0; i < runs->count; i++)
    if (alike[i]) append(runs->run[i].label, ": ", "", runs->run[i].folder);
}

lks_status lks_trained_runs_read(lks_trained_runs **runs, char *const *folder, size_t count)
{
  if (count > LKS_RUNS_MAX)
    return lks_fail(LKS_ERR_USAGE, "%zu runs are more than the %d that one picture can hold; name fewer",
                    count, LKS_RUNS_MAX);
  lks_trained_runs *r = *runs = lks_new(1, sizeof *r);
  if (r) r->run = lks_new(count, sizeof *r->run);
  lks_status status = r && r->run ? LKS_OK : LKS_ERR_RANK;
  if (!status) r->count = count;
  for (size_t i = 0; i < count && !status; i++) status = read_run(&r->run[i], folder[i]);
  if (!status) label_runs(r);
  if (status) lks_trained_runs_destroy(runs);
  return status;
}

void lks_trained_runs_destroy(lks_trained_runs **runs)
{
  if (!runs || !*runs) return;
  for (size_t i = 0; i < (*runs)->count; i++) lks_free((*runs)->run[i].row);
  lks_free((*runs)->run);
  lks_free(*runs);
  *runs = NULL;
}

const lks_metrics_row *lks_trained_run_best(const lks_trained_run *run)
{
  const lks_metrics_row *best = &run->row[0];
  for (size_t e = 1; e < run->epochs; e++) {
    const lks_metrics_row *row = &run->row[e];
    if (row->test_accuracy > best->test_accuracy ||
        (row->test_accuracy == best->test_accuracy && row->test_loss < best->test_loss))
      best = row;
  }
  return best;
}
