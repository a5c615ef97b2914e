#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "compare/results.h"
#include "report/table.h"
#include "study/pages.h"

const char *lks_claim_word(lks_claim claim)
{
  switch (claim) {
  case LKS_CLAIM_SHOWN: return "shown";
  case LKS_CLAIM_PARTLY: return "shown in part";
  case LKS_CLAIM_NOT_SHOWN: return "not shown";
  case LKS_CLAIM_CONTRADICTED: return "contradicted";
  default: return "undecided";
  }
}

static void note_failure(lks_study_outcome *outcome, const lks_study_run *run)
{
  const size_t length = strlen(outcome->failures);
  outcome->failed++;
  snprintf(outcome->failures + length, sizeof outcome->failures - length, "%s%s seed %llu",
           length > 0 ? ", " : "", run->arm_name, (unsigned long long)run->config.seed);
}

/* The figures of every run, the same for all studies. */
static lks_status read_figures(lks_readings *readings, const lks_study_run *run, const lks_run *from)
{
  const lks_run_figures figures = lks_run_figures_make(from);
  lks_status status = lks_study_read_off(readings, run, "train_loss", figures.train_loss);
  if (!status) status = lks_study_read_off(readings, run, "test_loss", figures.test_loss);
  if (!status) status = lks_study_read_off(readings, run, "train_accuracy", figures.train_accuracy);
  if (!status) status = lks_study_read_off(readings, run, "test_accuracy", figures.test_accuracy);
  return status;
}

static lks_status read_run(lks_study_outcome *outcome, const lks_study_run *run, const lks_run *from)
{
  const lks_study *study = outcome->plan->study;
  char path[LKS_TEXT_MAX + 16];
  outcome->runs++;
  if (!from->done) return LKS_OK;
  if (from->diverged) {
    note_failure(outcome, run);
    return study->read != NULL ? study->read(&outcome->readings, run) : LKS_OK;
  }
  outcome->finished++;
  lks_status status = read_figures(&outcome->readings, run, from);
  if (!status && study->read != NULL) status = study->read(&outcome->readings, run);
  lks_study_run_readings(path, run);
  if (!status && study->measure_all != NULL && lks_file_exists(path))
    status = lks_readings_read(&outcome->readings, path);
  return status;
}

static lks_status read_part(lks_study_outcome *outcome, lks_study_plan *plan, size_t part)
{
  lks_results *results = NULL;
  lks_status status = lks_results_read(&results, plan->part[part]->directory);
  if (status) return status;
  *plan->part[part] = results->comparison;
  const lks_comparison *comparison = plan->part[part];
  if (part == 0) outcome->seeds = comparison->seeds;
  for (size_t arm = 0; arm < comparison->arms && !status; arm++)
    for (size_t seed = 0; seed < comparison->seeds && !status; seed++) {
      lks_study_run run;
      status = lks_study_run_make(&run, plan, part, arm, seed);
      if (!status) status = read_run(outcome, &run, lks_results_run(results, arm, seed));
    }
  lks_results_destroy(&results);
  return status;
}

static lks_status judge(lks_study_outcome *outcome)
{
  const lks_study *study = outcome->plan->study;
  FILE *sentence = fmemopen(outcome->verdict, sizeof outcome->verdict, "w");
  if (sentence == NULL) return lks_fail(LKS_ERR_RANK, "no memory for a verdict");
  outcome->claim = study->judge(sentence, outcome);
  fclose(sentence);
  outcome->verdict[sizeof outcome->verdict - 1] = '\0';
  return LKS_OK;
}

lks_status lks_study_conclude(lks_study_outcome *outcome)
{
  const lks_study_plan *plan = outcome->plan;
  const lks_study *study = plan->study;
  lks_status status = study->derive != NULL ? study->derive(outcome) : LKS_OK;
  if (!status)
    status = lks_findings_make(outcome->finding, study->effect, study->effects, &outcome->readings,
                               plan->options.first_seed, outcome->seeds);
  return status ? status : judge(outcome);
}

lks_status lks_study_outcome_make(lks_study_outcome *outcome, lks_study_plan *plan)
{
  lks_status status = LKS_OK;
  *outcome = (lks_study_outcome){.plan = plan};
  for (size_t i = 0; i < plan->parts && !status; i++) status = read_part(outcome, plan, i);
  if (!status && outcome->finished == 0)
    status =
        lks_fail(LKS_ERR_DATA, "%s: no run is finished yet; run the study to its end first", plan->folder);
  return status ? status : lks_study_conclude(outcome);
}

void lks_study_outcome_free(lks_study_outcome *outcome)
{
  lks_readings_free(&outcome->readings);
}
