#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "compare/results.h"
#include "report/table.h"
#include "study/pages.h"

size_t lks_study_effects(const lks_study_plan *plan)
{
  size_t count = plan->study->effects;
  while (count > 0 && plan->study->effect[count - 1].full && !plan->options.full) count--;
  return count;
}

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

/* Behind the name of a reading: it has this one too when its run failed to learn. */
static const char failed[] = "failed";

static lks_status note_failure(lks_study_outcome *outcome, const lks_study_run *run)
{
  const size_t length = strlen(outcome->failures);
  outcome->failed++;
  snprintf(outcome->failures + length, sizeof outcome->failures - length, "%s%s seed %llu",
           length > 0 ? ", " : "", run->arm_name, (unsigned long long)run->config.seed);
  return lks_study_read_off(&outcome->readings, run, failed, 1);
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

static lks_status read_run(lks_study_outcome *outcome, const lks_study_run *run, const lks_run *from,
                           const lks_chance *chance)
{
  const lks_study *study = outcome->plan->study;
  char path[LKS_TEXT_MAX + 16];
  lks_status status = LKS_OK;
  outcome->runs++;
  if (!from->done) return LKS_OK;
  outcome->finished++;
  if (!lks_run_learned(from, chance)) status = note_failure(outcome, run);
  if (!status && !from->diverged) status = read_figures(&outcome->readings, run, from);
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
      if (!status) status = read_run(outcome, &run, lks_results_run(results, arm, seed), &results->chance);
    }
  lks_results_destroy(&results);
  return status;
}

static lks_status judge(lks_study_outcome *outcome)
{
  const lks_study *study = outcome->plan->study;
  FILE *sentence = fmemopen(outcome->verdict, sizeof outcome->verdict, "w");
  if (sentence == NULL) return lks_fail(LKS_ERR_RANK, "no memory for a verdict");
  if (outcome->failed > 0 && !study->failures_count)
    fprintf(sentence, "%zu of %zu runs failed to learn (%.160s); what follows is without them. ",
            outcome->failed, outcome->runs, outcome->failures);
  outcome->claim = study->judge(sentence, outcome);
  fclose(sentence);
  outcome->verdict[sizeof outcome->verdict - 1] = '\0';
  return LKS_OK;
}

/* The readings of the runs that did not fail; of all, where failures count. */
static lks_status keep_learned(lks_readings *kept, const lks_readings *all, bool failures_count)
{
  lks_status status = LKS_OK;
  for (size_t i = 0; i < all->count && !status; i++) {
    const lks_reading *row = &all->row[i];
    if (failures_count || lks_readings_value(all, row->arm, row->seed, failed) != 1)
      status = lks_readings_add(kept, row->arm, row->seed, row->quantity, row->value);
  }
  return status;
}

lks_status lks_study_conclude(lks_study_outcome *outcome)
{
  const lks_study_plan *plan = outcome->plan;
  const lks_study *study = plan->study;
  const size_t effects = lks_study_effects(plan);
  lks_readings learned = {0};
  lks_status status = study->derive != NULL ? study->derive(outcome) : LKS_OK;
  if (!status) status = keep_learned(&learned, &outcome->readings, study->failures_count);
  if (!status)
    status = lks_findings_make(outcome->finding, study->effect, effects, &learned, plan->options.first_seed,
                               outcome->seeds);
  if (!status)
    status = lks_findings_make(outcome->with_all, study->effect, effects, &outcome->readings,
                               plan->options.first_seed, outcome->seeds);
  lks_readings_free(&learned);
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
