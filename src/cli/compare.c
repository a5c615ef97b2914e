#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/life.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/same_start.h"
#include "compare/arm_sections.h"
#include "compare/arm_settings.h"
#include "compare/comparison_runs.h"
#include "compare/ranks_per_run.h"
#include "report/report.h"

typedef struct settings {
  lks_run_settings run;
  char norms[LKS_TEXT_MAX], reference[LKS_TEXT_MAX], rates[LKS_TEXT_MAX], only[LKS_TEXT_MAX],
      ranks_per_run[LKS_TEXT_MAX];
  size_t seeds, holdout;
  double margin;
} settings;

#define AT(field) offsetof(settings, field)

static const lks_option own_options[] = {
    {"arm", "NAME:KEY=VALUE,...", LKS_OPTION_LIST, 0, "", NULL, 0, 0, NULL,
     "an arm: the settings of all runs with these set otherwise; may stand several times"},
    {"bn", "ARM,ARM,...", LKS_OPTION_TEXT, AT(norms), "", NULL, 0, 0, NULL,
     "arms that differ in the normalization batch: sync, K, rank:R, rank (the shards of as many ranks as run now), none; they come before those of --arm"},
    {"reference", "NAME", LKS_OPTION_TEXT, AT(reference), "", NULL, 0, 0, NULL,
     "the arm that the others are compared with; if not given, sync, or else the first one"},
    {"seeds", "N", LKS_OPTION_SIZE, AT(seeds), "5", NULL, 1, 10000, NULL,
     "runs of each arm, with --seed, --seed + 1, ...; about 20 resolve 0.2 points"},
    {"margin", "POINTS", LKS_OPTION_REAL, AT(margin), "0.15", NULL, 1e-6, 100, NULL,
     "differences of accuracy within this many points count as none"},
    {"tune-lr", "LR,LR,...", LKS_OPTION_TEXT, AT(rates), "", NULL, 0, 0, NULL,
     "choose the learning rate of each arm from these, on held-out training samples"},
    {"tune-holdout", "N", LKS_OPTION_SIZE, AT(holdout), "0", NULL, 0, 1e9, NULL,
     "training samples to hold out for --tune-lr; 0: a tenth of them"},
    {"ranks-per-run", "auto|R", LKS_OPTION_TEXT, AT(ranks_per_run), "auto", NULL, 0, 0, NULL,
     "ranks that make a run; those of the job make several side by side, and the results are the same to the bit; auto: what a short measurement finds fastest"},
    {"only", "ARM:SEED|ARM:tune", LKS_OPTION_TEXT, AT(only), "", NULL, 0, 0, NULL,
     "make only this run of the comparison, for job arrays; `lockstep report` puts the runs together"},
};
enum { OWN = sizeof own_options / sizeof *own_options };
_Static_assert(1 + OWN <= LKS_OPTIONS_OWN_MAX, "the array below has LKS_OPTIONS_MAX rows");

/* Settings of a run that a comparison decides itself. */
static bool is_decided(const char *name)
{
  static const char *const decided[] = {"bn", "resume", "keep", "noise"};
  for (size_t i = 0; i < sizeof decided / sizeof *decided; i++)
    if (strcmp(name, decided[i]) == 0) return true;
  return false;
}

const lks_syntax *lks_compare_syntax(void)
{
  static lks_option option[LKS_OPTIONS_MAX];
  static lks_syntax syntax = {
      "compare",
      "DATA.h5",
      "Trains every arm with every seed, paired, and reports the differences.",
      "All runs go to the directory --output. "
      "The same command goes on where it was interrupted; more --seeds, and more arms behind the others, may be added later.\n\n"
      "An arm has a name, and then the settings in which it differs from those of all runs: any but the seed and what belongs to the whole job. For example\n\n"
      "  lockstep compare d.h5 -o DIR --arm plain:bn=none --arm bn: --arm fast:lr=0.5\n\n"
      "where 'bn:' has the settings of all runs. "
      "A value with a comma stands in quotation marks, as in 'a:model=\"x, y.model\"'. "
      "In the file of --config an arm is a section [Arm NAME] of lines `key = value`. "
      "--bn sync,32 is short for --arm sync:bn=sync --arm 32:bn=32.",
      option,
      0,
      0,
      1,
      {{"mpirun -np 2 lockstep compare DATA.h5 --bn sync,32,8,none -o DIR",
        "which normalization batch serves best, with five seeds each"},
       {"lockstep compare DATA.h5 --arm slow:lr=0.01 --arm fast:lr=0.1 -o DIR",
        "compares two learning rates, with five seeds each"}}};
  if (syntax.options > 0) return &syntax;
  size_t count, used = 1 + OWN;
  const lks_option *table = lks_config_options(&count);
  option[0] = lks_run_settings_file;
  memcpy(option + 1, own_options, sizeof own_options);
  for (size_t i = 0; i < count; i++)
    if (!is_decided(table[i].name)) option[used++] = table[i];
  syntax.options = used;
  return &syntax;
}

static lks_status configure(settings *s, const lks_arguments *arguments)
{
  lks_status status = lks_run_settings_read(&s->run, sizeof *s, lks_compare_syntax(), arguments);
  if (status) return status;
  if (s->run.config.output[0] == '\0')
    return lks_fail(LKS_ERR_USAGE, "a comparison needs a directory of its own: name it with --output DIR");
  return lks_config_check(&s->run.config);
}

/* NAME:key=value,key=value; a name with a colon stands in quotation marks. */
static lks_status add_arm(lks_comparison *c, const char *text, int size)
{
  char name[LKS_VALUE_MAX];
  const char *rest = text;
  lks_status status = lks_arm_word(name, &rest, ":");
  if (status) return lks_fail_in(status, "--arm: ");
  if (*rest != ':')
    return lks_fail(
        LKS_ERR_USAGE,
        "--arm %.100s: no colon stands behind a name; write NAME:key=value, as in --arm fast:lr=0.5, or NAME: for the settings of all runs",
        text);
  return lks_comparison_arm_add(c, name, rest + 1, size);
}

/* Those of --bn, of the file, of --arm. */
static lks_status add_arms(lks_comparison *c, const settings *s, const lks_arguments *arguments, int size)
{
  lks_arm_sections sections = {.count = 0};
  size_t next = 0;
  lks_status status = LKS_OK;
  if (s->run.file[0] != '\0') status = lks_arm_sections_read(&sections, s->run.file);
  const bool named = sections.count + arguments->listed > 0;
  if (!named) c->base.bn = (lks_norm){LKS_NORM_SYNC, 0}; /* every arm has its own */
  if (!status && (!named || s->norms[0] != '\0')) status = lks_comparison_arms_add(c, s->norms, size);
  if (!status) status = lks_arm_sections_add(c, &sections, size);
  if (status) return status;
  const char *text;
  while (!status && (text = lks_arguments_next(arguments, lks_compare_syntax(), "arm", &next)) != NULL)
    status = add_arm(c, text, size);
  return status;
}

static lks_status make_comparison(lks_comparison *c, const settings *s, const lks_arguments *arguments,
                                  int size)
{
  *c = (lks_comparison){
      .base = s->run.config, .first_seed = s->run.config.seed, .seeds = s->seeds, .margin = s->margin};
  c->tune_holdout = s->holdout;
  snprintf(c->directory, sizeof c->directory, "%s", s->run.config.output);
  memset(c->base.output, 0, sizeof c->base.output);
  lks_status status = lks_ranks_per_run_parse(&c->ranks_per_run, s->ranks_per_run, size);
  if (!status && s->rates[0] != '\0') status = lks_comparison_rates(c, s->rates);
  if (!status) status = add_arms(c, s, arguments, size);
  if (!status && s->reference[0] != '\0') status = lks_comparison_reference_set(c, s->reference);
  return status;
}

/* Runs that diverged belong into the report, and it does not make one forget them. */
static lks_status report_all(lks_comm *comm, const lks_comparison *comparison, lks_status trained)
{
  char cause[LKS_TEXT_MAX];
  if (trained != LKS_OK && trained != LKS_ERR_DIVERGED) return trained;
  snprintf(cause, sizeof cause, "%s", lks_message());
  lks_life_enter(LKS_PHASE_REPORT);
  lks_status status =
      lks_comm_agree_all(comm, lks_comm_rank(comm) == 0 ? lks_report(comparison->directory) : LKS_OK);
  if (status || !trained) return status;
  return lks_fail(trained, "%s", cause);
}

/* The file of --config may have arms too, which no option shows. */
static lks_status same_all(lks_comm *comm, const lks_comparison *comparison, const settings *s,
                           const lks_arguments *arguments)
{
  char *text;
  lks_facts facts = {.count = 0};
  lks_status status = lks_comm_agree_all(comm, lks_comparison_print(&text, comparison));
  if (status) return status;
  lks_settings_facts(&facts, lks_compare_syntax(), s, arguments);
  lks_facts_add_bytes(&facts, "the arms", text, strlen(text), "those of hash");
  lks_free(text);
  return lks_settings_same_all(comm, &facts);
}

lks_status lks_compare_run_all(lks_comm *comm, int argc, char **argv)
{
  settings s;
  lks_arguments arguments;
  lks_comparison comparison;
  lks_comparison_part part;
  lks_status status = lks_command_line_all(&arguments, comm, lks_compare_syntax(), argc, argv);
  if (status || arguments.help) return status;
  status = configure(&s, &arguments);
  lks_log_quiet(!status && s.run.config.quiet);
  if (!status) status = make_comparison(&comparison, &s, &arguments, lks_comm_size(comm));
  if (!status) status = lks_comparison_part_parse(&part, &comparison, s.only);
  status = lks_comm_agree_all(comm, status);
  if (!status) status = same_all(comm, &comparison, &s, &arguments);
  if (!status) status = lks_comparison_train_all(comm, &comparison, &part);
  bool whole = s.only[0] == '\0';
  return whole ? report_all(comm, &comparison, status) : status;
}
