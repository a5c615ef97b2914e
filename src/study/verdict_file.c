#include <inttypes.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/printed.h"
#include "base/shell_word.h"
#include "study/pages.h"

lks_status lks_study_command(char **text, const lks_study_outcome *outcome)
{
  const lks_study_options *options = &outcome->plan->options;
  lks_printed printed;
  *text = NULL;
  lks_status status = lks_printed_begin(&printed);
  if (status) return status;
  fprintf(printed.stream, "lockstep study %s", outcome->plan->study->name);
  if (options->full) fputs(" --full", printed.stream);
  fprintf(printed.stream, " --seeds %zu", outcome->seeds);
  if (options->first_seed != 1) fprintf(printed.stream, " --seed %" PRIu64, options->first_seed);
  if (options->epochs > 0) fprintf(printed.stream, " --epochs %zu", options->epochs);
  if (options->train_samples > 0) fprintf(printed.stream, " --train-samples %zu", options->train_samples);
  if (options->data[0] != '\0') {
    fputs(" --data ", printed.stream);
    lks_shell_word_print(printed.stream, options->data);
  }
  return lks_printed_text(text, &printed);
}

static const char *verdict_word(lks_verdict verdict)
{
  switch (verdict) {
  case LKS_VERDICT_SAME: return "same";
  case LKS_VERDICT_BETTER: return "more";
  case LKS_VERDICT_WORSE: return "less";
  case LKS_VERDICT_EQUIVALENT: return "no difference";
  case LKS_VERDICT_UNDECIDED: return "undecided";
  default: return "none";
  }
}

static const char *kind_word(lks_effect_kind kind)
{
  return kind == LKS_EFFECT_RATIO ? "ratio" : kind == LKS_EFFECT_VALUE ? "value" : "difference";
}

static void print_effect(lks_json *json, const lks_effect *effect, const lks_finding *finding)
{
  lks_json_open(json, NULL, '{');
  lks_json_text(json, "effect", effect->name);
  lks_json_text(json, "kind", kind_word(effect->kind));
  lks_json_text(json, "unit", effect->unit != NULL ? effect->unit : "");
  lks_json_number(json, "mean", finding->mean);
  lks_json_number(json, "low", finding->low);
  lks_json_number(json, "high", finding->high);
  lks_json_number(json, "p", finding->pair.p);
  lks_json_number(json, "p_holm", finding->p);
  lks_json_print(json, "seeds", "%zu", finding->pair.count);
  lks_json_text(json, "verdict", verdict_word(finding->verdict));
  lks_json_text(json, "sentence", finding->sentence);
  lks_json_close(json);
}

static void print_verdict(FILE *out, const lks_study_outcome *outcome, const char *command)
{
  const lks_study *study = outcome->plan->study;
  lks_json json = {.out = out};
  lks_json_open(&json, NULL, '{');
  lks_json_text(&json, "study", study->name);
  lks_json_text(&json, "claim", study->claim);
  lks_json_text(&json, "outcome", lks_claim_word((lks_claim)outcome->claim));
  lks_json_text(&json, "verdict", outcome->verdict);
  lks_json_print(&json, "seeds", "%zu", outcome->seeds);
  lks_json_print(&json, "runs", "%zu", outcome->runs);
  lks_json_print(&json, "failed", "%zu", outcome->failed);
  lks_json_text(&json, "command", command);
  lks_json_open(&json, "effects", '[');
  for (size_t i = 0; i < lks_study_effects(outcome->plan); i++)
    print_effect(&json, &study->effect[i], &outcome->finding[i]);
  lks_json_close(&json);
  lks_json_close(&json);
}

lks_status lks_study_verdict_write(const lks_study_outcome *outcome)
{
  char path[LKS_TEXT_MAX], *command;
  lks_printed printed;
  lks_status status = lks_study_command(&command, outcome);
  if (status) return status;
  status = lks_printed_begin(&printed);
  if (!status) {
    print_verdict(printed.stream, outcome, command);
    snprintf(path, sizeof path, "%s/verdict.json", outcome->plan->folder);
    status = lks_printed_file(path, &printed);
  }
  lks_free(command);
  return status;
}
