#include "report/report.h"

#include "base/arena.h"
#include "base/log.h"
#include "base/temporary.h"

static bool any_finished(const lks_results *results)
{
  const size_t runs = results->comparison.arms * results->comparison.seeds;
  for (size_t i = 0; i < runs; i++)
    if (results->run[i].done) return true;
  return false;
}

static lks_status say(const lks_table *table, const lks_results *results)
{
  char *text = NULL;
  const lks_status status = lks_table_text(&text, table, results);
  if (status) return status;
  lks_result("%s", text);
  lks_result("report: %s/report.html", results->comparison.directory);
  lks_free(text);
  return LKS_OK;
}

static lks_status make(lks_table *table, const lks_results *results)
{
  bool drawn = false;
  if (!any_finished(results))
    return lks_fail(LKS_ERR_DATA,
                    "%s: no run is finished yet; run `lockstep compare` with -o %s to its end first",
                    results->comparison.directory, results->comparison.directory);
  lks_status status = lks_table_make(table, results);
  if (!status) status = lks_table_write(table, results);
  if (!status) status = lks_plots_write(&drawn, table, results);
  if (!status) status = lks_html_write(table, results, drawn);
  return status ? status : say(table, results);
}

lks_status lks_report(const char *directory)
{
  lks_results *results = NULL;
  lks_status status = lks_results_read(&results, directory);
  if (status) return status;
  lks_temporary_tidy(directory);
  lks_table *table = lks_new(1, sizeof *table);
  status = table != NULL ? make(table, results) : LKS_ERR_RANK;
  lks_free(table);
  lks_results_destroy(&results);
  return status;
}
