#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/printed.h"
#include "base/terminal.h"
#include "base/wrapped.h"
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
    if (study->figure[i].print == NULL) continue;
    status = lks_figure_write(&found, folder, study->figure[i].name, study->figure[i].print, outcome);
    *drawn = *drawn && found;
  }
  if (!status && !*drawn)
    lks_warn(
        "there is no gnuplot: the page has no pictures; install it (Debian: apt-get install gnuplot-nox) and run `lockstep report %s`",
        outcome->plan->folder);
  return status;
}

static lks_ink ink_of(lks_claim claim)
{
  switch (claim) {
  case LKS_CLAIM_SHOWN: return LKS_INK_GREEN;
  case LKS_CLAIM_CONTRADICTED: return LKS_INK_RED;
  case LKS_CLAIM_PARTLY: return LKS_INK_BOLD;
  default: return LKS_INK_YELLOW;
  }
}

/* For standard output alone. */
static void print_summary(FILE *out, const lks_study_outcome *outcome)
{
  const lks_study *study = outcome->plan->study;
  const char *word = lks_claim_word((lks_claim)outcome->claim);
  fprintf(out, "\n%s%s%s: ", lks_terminal_ink(STDOUT_FILENO, ink_of((lks_claim)outcome->claim)), word,
          lks_terminal_ink(STDOUT_FILENO, LKS_INK_PLAIN));
  lks_wrapped_print(out, outcome->verdict, strlen(word) + 2, 2);
  fputc('\n', out);
  for (size_t i = 0; i < lks_study_effects(outcome->plan); i++) {
    fputs("  ", out);
    lks_wrapped_print(out, study->effect[i].name, 2, 2);
    fputs("      ", out);
    lks_wrapped_print(out, outcome->finding[i].sentence, 6, 6);
  }
  fprintf(out, "\npage: %s/report.html", outcome->plan->folder);
}

static lks_status say(const lks_study_outcome *outcome)
{
  char *text;
  lks_printed printed;
  lks_status status = lks_printed_begin(&printed);
  if (status) return status;
  print_summary(printed.stream, outcome);
  status = lks_printed_text(&text, &printed);
  if (!status) lks_result("%s", text);
  lks_free(text);
  return status;
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
  return status ? status : say(outcome);
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
