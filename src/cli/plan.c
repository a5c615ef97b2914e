#include "forecast/plan.h"

#include <string.h>

#include "base/wrapped.h"
#include "bench/bench_runner.h"
#include "cli/commands.h"
#include "cli/same_start.h"
#include "cli/shape.h"

typedef struct settings {
  lks_run_settings run;
  char shape[LKS_TEXT_MAX];
  size_t classes, train, test, ranks, hosts;
  double latency, bandwidth, seconds;
  bool json;
} settings;

#define AT(field) offsetof(settings, field)

static const lks_option own_options[] = {
    {"ranks", "N", LKS_OPTION_SIZE, AT(ranks), "0", NULL, 0, 1e6, NULL,
     "ranks of the run that is planned; 0: as many as run this command"},
    {"hosts", "N", LKS_OPTION_SIZE, AT(hosts), "0", NULL, 0, 1e6, NULL,
     "hosts of the run that is planned; 0: as few as have a core for every thread, with this host's cores"},
    {"shape", "HxWxC|D", LKS_OPTION_TEXT, AT(shape), "32x32x3", NULL, 0, 0, NULL,
     "shape of a sample, when no dataset is given"},
    {"classes", "N", LKS_OPTION_SIZE, AT(classes), "10", NULL, 2, 1e6, NULL,
     "classes, when no dataset is given"},
    {"train", "N", LKS_OPTION_SIZE, AT(train), "50000", NULL, 2, 1e9, NULL,
     "training samples, when no dataset is given"},
    {"test", "N", LKS_OPTION_SIZE, AT(test), "10000", NULL, 1, 1e9, NULL,
     "test samples, when no dataset is given"},
    {"latency", "MICROSECONDS", LKS_OPTION_REAL, AT(latency), "2", NULL, 0, 1e6, NULL,
     "latency between two hosts, when this run has but one"},
    {"bandwidth", "GB/S", LKS_OPTION_REAL, AT(bandwidth), "10", NULL, 1e-6, 1e6, NULL,
     "bandwidth between two hosts, when this run has but one"},
    {"seconds", "TIME", LKS_OPTION_TIME, AT(seconds), "0.5", NULL, 0, 0, NULL,
     "time that a measurement lasts"},
    {"json", NULL, LKS_OPTION_SWITCH, AT(json), "off", NULL, 0, 0, NULL, "print one JSON object"},
};
enum { OWN = sizeof own_options / sizeof *own_options };
_Static_assert(1 + OWN <= LKS_OPTIONS_OWN_MAX, "the array below has LKS_OPTIONS_MAX rows");

const lks_syntax *lks_plan_syntax(void)
{
  static lks_option option[LKS_OPTIONS_MAX];
  static lks_syntax syntax = {
      "plan",
      "[DATA.h5]",
      "Tells what memory and time a training run will need, before it is run.",
      "Takes the options of `lockstep train`. What our own code will hold is counted; what MPI and oneDNN take, and how long a chain of microbatches lasts, is measured here. "
      "Start it with as many ranks as a host will have: then it sees what they cost each other.",
      option,
      0,
      0,
      1,
      {{"mpirun -np 2 lockstep plan DATA.h5 --model resnet20 --batch-size 256",
        "what training on two ranks of this host would take"},
       {"lockstep plan --shape 224x224x3 --model resnet20 --batch-size 64",
        "what images that size would take, without any dataset"}}};
  if (syntax.options > 0) return &syntax;
  size_t count;
  const lks_option *table = lks_config_options(&count);
  option[0] = lks_run_settings_file;
  memcpy(option + 1, own_options, sizeof own_options);
  memcpy(option + 1 + OWN, table, count * sizeof *table);
  syntax.options = 1 + OWN + count;
  return &syntax;
}

static lks_status configure(settings *s, const lks_arguments *arguments)
{
  lks_config *config = &s->run.config;
  lks_status status = lks_run_settings_read(&s->run, sizeof *s, lks_plan_syntax(), arguments);
  return status ? status : lks_bench_config_check(config);
}

static lks_status make_options(lks_plan_options *options, const settings *s)
{
  *options = (lks_plan_options){.config = s->run.config,
                                .classes = s->classes,
                                .train = s->train,
                                .test = s->test,
                                .ranks = s->ranks,
                                .hosts = s->hosts,
                                .between = lks_cost_link_assumed(1e-6 * s->latency, 1e9 * s->bandwidth),
                                .seconds = s->seconds};
  return lks_shape_read(&options->shape, s->shape);
}

lks_status lks_plan_run_all(lks_comm *comm, int argc, char **argv)
{
  settings s;
  lks_arguments arguments;
  lks_plan_options options;
  lks_plan plan;
  lks_status status = lks_command_line_all(&arguments, comm, lks_plan_syntax(), argc, argv);
  if (status || arguments.help) return status;
  status = lks_comm_agree_all(comm, configure(&s, &arguments));
  if (!status) status = lks_run_settings_same_all(comm, lks_plan_syntax(), &s.run, &arguments);
  if (!status) status = make_options(&options, &s);
  status = lks_comm_agree_all(comm, status);
  if (!status) status = lks_plan_make_all(&plan, comm, &options);
  if (status || lks_comm_rank(comm) != 0) return status;
  lks_json json = {.out = stdout};
  if (!s.json) {
    lks_fitted fitted;
    lks_plan_print(lks_fitted_open(&fitted), &plan);
    lks_fitted_close(&fitted);
    return LKS_OK;
  }
  lks_json_open(&json, NULL, '{');
  lks_plan_print_json(&json, &plan);
  lks_json_close(&json);
  return LKS_OK;
}
