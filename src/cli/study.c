#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "cli/commands.h"
#include "config/config_value.h"
#include "study/study.h"

#define AT(field) offsetof(lks_study_options, field)

const lks_syntax *lks_study_syntax(void)
{
  static const lks_option option[] = {
      {"output", "DIR", LKS_OPTION_TEXT, AT(directory), "studies", NULL, 0, 0, NULL,
       "folder of all studies: each writes DIR/NAME, and `all` the page DIR/index.html"},
      {"full", NULL, LKS_OPTION_SWITCH, AT(full), "off", NULL, 0, 0, NULL,
       "the long version; else each takes at most two minutes on two cores"},
      {"seeds", "N", LKS_OPTION_SIZE, AT(seeds), "5", NULL, 1, 10000, NULL,
       "runs of each arm, with --seed, --seed + 1, ...; more may be added later"},
      {"seed", "N", LKS_OPTION_SEED, AT(first_seed), "1", NULL, 0, 0, NULL, "the first seed"},
      {"epochs", "N", LKS_OPTION_SIZE, AT(epochs), "0", NULL, 0, 1e6, NULL,
       "train for so many epochs, fewer or more than the study would; 0: its own number"},
      {"data", "FILE|DIR|fashion-mnist", LKS_OPTION_TEXT, AT(data), "", NULL, 0, 0, NULL,
       "learn from this dataset; DIR: a folder with the four files of MNIST or one of its successors; fashion-mnist: those of Debian's package dataset-fashion-mnist; empty: digits, or what the study generates"},
      {"train-samples", "N", LKS_OPTION_SIZE, AT(train_samples), "0", NULL, 0, 2147483647.0, NULL,
       "train on N samples only, the first ones of each class in proportion; 0: as many as the study takes"},
      {"threads", "N", LKS_OPTION_SIZE, AT(threads), "0", NULL, 0, 1024, NULL,
       "threads of each rank; 0: the node's cores divided by its ranks"},
      {"ranks-per-run", "auto|R", LKS_OPTION_TEXT, AT(ranks_per_run), "auto", NULL, 0, 0, NULL,
       "ranks that make a run; those of the job make several side by side, and the results are the same to the bit; auto: what a short measurement finds fastest"},
      {"isa", LKS_ISA_CHOICES, LKS_OPTION_CHOICE, AT(isa), "auto", LKS_ISA_CHOICES, 0, 0, NULL,
       "instruction set of all kernels: each has bits of its own"},
      {"max-time", "TIME", LKS_OPTION_TIME, AT(max_time), "0", NULL, 0, 0, NULL,
       "stop after this time: 90, 90s, 30m, 2h or HH:MM:SS; the same command goes on; 0: no limit"},
      {"stall-limit", "TIME", LKS_OPTION_TIME, AT(stall_limit), "300", NULL, 0, 0, NULL,
       "end the job with code 6 when a rank that others wait for gives no sign of life for longer than this; 0: never"},
      {"progress", "auto|bar|plain|none", LKS_OPTION_CHOICE, AT(progress), "auto", "auto|bar|plain|none", 0,
       0, NULL, "how progress is shown; auto: a bar on a terminal, plain lines elsewhere"},
      {"quiet", NULL, LKS_OPTION_SWITCH, AT(quiet), "off", NULL, 0, 0, NULL, LKS_QUIET_HELP},
  };
  static const lks_syntax syntax = {
      "study",
      "NAME|all|list",
      "Tests a sentence of the lecture on batch norm, and makes a page of it.",
      "`lockstep study list` says which studies there are. "
      "A study trains its arms with every seed, paired, and writes DIR/NAME/report.html with the verdict, pictures and numbers. "
      "The same command goes on where it was interrupted.",
      option,
      sizeof option / sizeof *option,
      1,
      1,
      {{"lockstep study list", "tells the studies and what each takes"},
       {"mpirun -np 2 lockstep study speed -o studies",
        "tests whether batch norm speeds up learning; its page is studies/speed"}}};
  return &syntax;
}

static lks_status list(void)
{
  char *text;
  const lks_status status = lks_studies_print(&text);
  if (status) return status;
  lks_result("%.*s", (int)strlen(text) - 1, text);
  lks_free(text);
  return LKS_OK;
}

lks_status lks_study_run_all(lks_comm *comm, int argc, char **argv)
{
  lks_study_options options;
  lks_arguments arguments;
  const lks_study *study = NULL;
  memset(&options, 0, sizeof options);
  lks_status status = lks_settings_read_all(&options, &arguments, comm, lks_study_syntax(), argc, argv);
  if (status || arguments.help) return status;
  const char *name = arguments.argument[0];
  lks_log_quiet(options.quiet);
  if (strcmp(name, "list") == 0) return list();
  if (strcmp(name, "all") == 0) return lks_studies_all(comm, &options);
  status = lks_study_find(&study, name);
  return status ? lks_comm_agree_all(comm, status) : lks_study_all(comm, study, &options);
}
