#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "lockstep/status.h"
#include "study/pages.h"
#include "study/plan.h"

static lks_status draw(bool *drawn, const lks_study_outcome *outcome)
{
  const lks_study *study = outcome->plan->study;
  char folder[LKS_TEXT_MAX];
  lks_status status = LKS_OK;
  snprintf(folder, sizeof folder, "%s/plots", outcome->plan->folder);
  *drawn = true;
  for (size_t i = 0; i < study->figures && !status; i++) {
    bool found = true;
    status = lks_figure_write(&found, folder, study->figure[i].name, study->figure[i].print, outcome);
    *drawn = *drawn && found;
  }
  if (!status && !*drawn)
    lks_warn(
        "there is no gnuplot: the page has no pictures; install it (Debian: apt-get install gnuplot-nox) and run `lockstep report %s`",
        outcome->plan->folder);
  return status;
}

static void say(const lks_study_outcome *outcome)
{
  const lks_study *study = outcome->plan->study;
  lks_say("%s: %s", lks_claim_word((lks_claim)outcome->claim), outcome->verdict);
  for (size_t i = 0; i < lks_study_effects(outcome->plan); i++)
    lks_say("  %s: %s", study->effect[i].name, outcome->finding[i].sentence);
  lks_say("page: %s/report.html", outcome->plan->folder);
}

static lks_status write_all(const lks_study_outcome *outcome)
{
  char path[LKS_TEXT_MAX];
  bool drawn = false;
  snprintf(path, sizeof path, "%s/readings.csv", outcome->plan->folder);
  lks_status status = lks_readings_write(path, &outcome->readings);
  if (!status) status = draw(&drawn, outcome);
  if (!status) status = lks_study_html_write(outcome, drawn);
  if (!status) status = lks_study_verdict_write(outcome);
  if (!status) say(outcome);
  return status;
}

lks_status lks_study_page(lks_study_plan *plan)
{
  lks_study_outcome *outcome = lks_new(1, sizeof *outcome);
  if (outcome == NULL) return LKS_ERR_RANK;
  lks_status status = lks_study_outcome_make(outcome, plan);
  if (!status) status = write_all(outcome);
  lks_study_outcome_free(outcome);
  lks_free(outcome);
  return status;
}

lks_status lks_study_plan_of_folder(lks_study_plan **plan, const char *folder)
{
  const lks_study *study;
  lks_study_options options;
  *plan = NULL;
  lks_status status = lks_study_file_read(&study, &options, folder);
  const char *data = options.data[0] != '\0' ? options.data : "digits"; /* comparison.ini has the path */
  return status ? status : lks_study_plan_create(plan, study, &options, folder, data, 1);
}

lks_status lks_study_report(const char *folder)
{
  lks_study_plan *plan;
  lks_status status = lks_study_plan_of_folder(&plan, folder);
  if (!status) status = lks_study_page(plan);
  lks_study_plan_destroy(&plan);
  return status;
}
