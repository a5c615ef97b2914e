#include "base/json.h"
#include "base/log.h"
#include "cli/commands.h"
#include "lockstep/trainer.h"

typedef struct settings {
  lks_statistics statistics;
  lks_precision_choice precision;
  lks_isa_choice isa;
  char cache[LKS_TEXT_MAX];
  size_t threads;
  bool json;
} settings;

const lks_syntax *lks_evaluate_syntax(void)
{
  static const lks_option option[] = {
      {"statistics", "running|precise|batch", LKS_OPTION_CHOICE, offsetof(settings, statistics), "running",
       "running|precise|batch", 0, 0, NULL,
       "statistics that batch norm uses: the weighted averages of training (running), statistics recomputed over the training data with the weights as they are (precise), or those of each test mini-batch (batch)"},
      {"threads", "N", LKS_OPTION_SIZE, offsetof(settings, threads), "0", NULL, 0, 1024, NULL,
       "threads of each rank; 0: as in the checkpoint"},
      {"precision", "checkpoint|fp32|bf16", LKS_OPTION_CHOICE, offsetof(settings, precision), "checkpoint",
       "checkpoint|fp32|bf16", 0, 0, NULL, "precision of the arithmetic; checkpoint: as in training"},
      {"isa", LKS_ISA_CHOICES, LKS_OPTION_CHOICE, offsetof(settings, isa), "auto", LKS_ISA_CHOICES, 0, 0,
       NULL, "instruction set of all kernels, whatever training used; auto: the best that all ranks have"},
      {"cache", "DIR", LKS_OPTION_TEXT, offsetof(settings, cache), "", NULL, 0, 0, NULL,
       "folder of each node's own disk that holds the samples instead of memory, as train has it"},
      {"json", NULL, LKS_OPTION_SWITCH, offsetof(settings, json), "off", NULL, 0, 0, NULL,
       "print one JSON object"},
  };
  static const lks_syntax syntax = {
      "evaluate",
      "CHECKPOINT.h5 DATA.h5",
      "Measures loss and accuracy of a checkpoint on the test split of a dataset.",
      NULL,
      option,
      sizeof option / sizeof *option,
      2,
      2};
  return &syntax;
}

static void print_json(const lks_evaluation *result, const char *statistics)
{
  lks_json json = {.out = stdout, .one_line = true};
  lks_json_open(&json, NULL, '{');
  lks_json_print(&json, "loss", "%.17g", result->loss);
  lks_json_print(&json, "accuracy", "%.17g", result->accuracy);
  lks_json_print(&json, "samples", "%zu", result->samples);
  lks_json_text(&json, "statistics", statistics);
  lks_json_close(&json);
}

lks_status lks_evaluate_run_all(lks_comm *comm, int argc, char **argv)
{
  settings s;
  lks_arguments arguments;
  lks_status status = lks_settings_read_all(&s, &arguments, comm, lks_evaluate_syntax(), argc, argv);
  if (status || arguments.help) return status;
  static const char *const names[] = {[LKS_STATISTICS_RUNNING] = "running",
                                      [LKS_STATISTICS_PRECISE] = "precise",
                                      [LKS_STATISTICS_BATCH] = "batch"};
  const char *statistics = names[s.statistics];
  lks_evaluation result;
  const lks_evaluate_options options = {.statistics = s.statistics,
                                        .precision = s.precision,
                                        .isa = s.isa,
                                        .threads = s.threads,
                                        .cache = s.cache};
  status = lks_evaluate_all(&result, comm, arguments.argument[0], arguments.argument[1], &options);
  if (status) return status;
  if (s.json && lks_comm_rank(comm) == 0) print_json(&result, statistics);
  if (!s.json)
    lks_say("test loss %.4f, accuracy %.4f (%zu samples, %s statistics)", result.loss, result.accuracy,
            result.samples, statistics);
  return LKS_OK;
}
