#include "forecast/fastest.h"
#include "forecast/scaling.h"

#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/shape.h"
#include "config/config_value.h"

/* The options stand first, so that rows of the configuration's table are rows of this struct. */
typedef struct settings {
  lks_config config;
  char bn[LKS_TEXT_MAX], reduce[LKS_TEXT_MAX], precision[LKS_TEXT_MAX], shape[LKS_TEXT_MAX];
  size_t classes, repeats;
  double seconds;
  bool layers, json, predict, quiet, fastest;
  size_t rank_samples, host_ranks;
  double latency, bandwidth;
} settings;

#define AT(field) offsetof(settings, field)

static const lks_option own_options[] = {
    {"bn", "LIST", LKS_OPTION_TEXT, AT(bn), "sync,rank", NULL, 0, 0, "What is measured",
     "normalization batches as train has them, with commas: each is an arm"},
    {"reduce", "LIST", LKS_OPTION_TEXT, AT(reduce), "tree", NULL, 0, 0, "What is measured",
     "ways to sum the gradients, with commas: tree,mpi measures both"},
    {"precision", "LIST", LKS_OPTION_TEXT, AT(precision), "fp32", NULL, 0, 0, "What is measured",
     "precisions as train has them, with commas"},
    {"shape", "HxWxC|D", LKS_OPTION_TEXT, AT(shape), "32x32x3", NULL, 0, 0, "What is measured",
     "shape of made-up samples, when no dataset is given"},
    {"classes", "N", LKS_OPTION_SIZE, AT(classes), "10", NULL, 2, 1e6, "What is measured",
     "classes of made-up samples, when no dataset is given"},
    {"repeats", "N", LKS_OPTION_SIZE, AT(repeats), "7", NULL, 1, LKS_BENCH_REPEATS_MAX, "How it is measured",
     "measurements of each arm; the arms take turns"},
    {"seconds", "TIME", LKS_OPTION_TIME, AT(seconds), "0.5", NULL, 0, 0, "How it is measured",
     "time that a measurement lasts"},
    {"predict", NULL, LKS_OPTION_SWITCH, AT(predict), "off", NULL, 0, 0, "Foretold speed",
     "foretell the speed of training on 2 to 4096 ranks, from latency, bandwidth and one rank's speed as measured here, and check that on the first 1, 2, 4 ... ranks (the command `lockstep predict` classifies samples)"},
    {"fastest", NULL, LKS_OPTION_SWITCH, AT(fastest), "off", NULL, 0, 0, "Fastest settings",
     "find the microbatch, the precision, and the ranks and threads with which this network is trained fastest here, with the first of --bn, and print the command line to use"},
    {"rank-samples", "N", LKS_OPTION_SIZE, AT(rank_samples), "0", NULL, 0, 1e6, "Foretold speed",
     "samples of each rank in a mini-batch, for --predict; 0: as measured"},
    {"ranks-per-host", "N", LKS_OPTION_SIZE, AT(host_ranks), "0", NULL, 0, 1e6, "Foretold speed",
     "ranks of each foretold host, which has a core like this one's for every thread; 0: as many as this host has cores for"},
    {"latency", "MICROSECONDS", LKS_OPTION_REAL, AT(latency), "2", NULL, 0, 1e6, "Foretold speed",
     "latency between two hosts, when this run has but one"},
    {"bandwidth", "GB/S", LKS_OPTION_REAL, AT(bandwidth), "10", NULL, 1e-6, 1e6, "Foretold speed",
     "bandwidth between two hosts, when this run has but one"},
    {"layers", NULL, LKS_OPTION_SWITCH, AT(layers), "off", NULL, 0, 0, "Output",
     "print a table of all layers too; a sum, relu or max pool right behind a batch norm is a part of it"},
    {"quiet", NULL, LKS_OPTION_SWITCH, AT(quiet), "off", NULL, 0, 0, "Output", LKS_QUIET_HELP},
    {"json", NULL, LKS_OPTION_SWITCH, AT(json), "off", NULL, 0, 0, "Output",
     "print one JSON object, layers included"},
};
static const char *const train_options[] = {
    "model", "batch-size",  "microbatch", "optimizer", "crop",         "flip",        "threads", "cache",
    "isa",   "stall-limit", "samples",    "labels",    "test-samples", "test-labels", "layout"};
enum { OWN = sizeof own_options / sizeof *own_options, TRAIN = sizeof train_options / sizeof *train_options };

static void take_train_options(lks_option *option)
{
  size_t count;
  const lks_option *table = lks_config_options(&count);
  for (size_t i = 0; i < TRAIN; i++)
    for (size_t row = 0; row < count; row++)
      if (strcmp(table[row].name, train_options[i]) == 0) {
        option[i] = table[row];
        option[i].group = "Training, as in `lockstep train`";
      }
}

const lks_syntax *lks_bench_syntax(void)
{
  static lks_option option[TRAIN + OWN];
  static const lks_syntax syntax = {
      "bench",
      "[DATA.h5]",
      "Measures images/s, and where the time of a step goes, against the ceilings of this machine.",
      "Ceilings are measured on the spot, with all threads of all ranks at work: for convolutions and dense layers the same oneDNN primitives by themselves, for all else a copy of as many bytes.",
      option,
      TRAIN + OWN,
      0,
      1,
      {{"mpirun -np 2 lockstep bench --model resnet20 --layers", "speed, and the time that each layer takes"},
       {"mpirun -np 2 lockstep bench DATA.h5 --predict", "what more ranks would bring"}}};
  take_train_options(option);
  memcpy(option + TRAIN, own_options, sizeof own_options);
  return &syntax;
}

static lks_status make_options(lks_bench_options *options, const settings *s, const lks_arguments *arguments)
{
  *options = (lks_bench_options){
      .classes = s->classes, .repeats = s->repeats, .seconds = s->seconds, .config = s->config};
  memcpy(options->bn, s->bn, sizeof s->bn);
  memcpy(options->reduce, s->reduce, sizeof s->reduce);
  memcpy(options->precision, s->precision, sizeof s->precision);
  if (arguments->count == 1) return lks_config_set(&options->config, "data", arguments->argument[0]);
  return lks_shape_read(&options->shape, s->shape);
}

static void print(const settings *s, const lks_bench *bench, const lks_scaling *scaling)
{
  lks_json json = {.out = stdout};
  if (!s->json) {
    lks_bench_print(stdout, bench, s->layers);
    if (scaling) lks_scaling_print(stdout, scaling, bench);
    return;
  }
  lks_json_open(&json, NULL, '{');
  lks_bench_print_json(&json, bench);
  if (scaling) lks_scaling_print_json(&json, scaling, bench);
  lks_json_close(&json);
}

/* With the first normalization batch of the list. */
static lks_status find_fastest_all(lks_comm *comm, const settings *s, const lks_bench_options *options)
{
  lks_fastest fastest;
  lks_config config = options->config;
  char bn[LKS_TEXT_MAX];
  snprintf(bn, sizeof bn, "%.*s", (int)strcspn(options->bn, ","), options->bn);
  lks_status status = lks_config_set(&config, "bn", bn);
  if (!status && s->predict)
    status = lks_fail(LKS_ERR_USAGE,
                      "--fastest and --predict answer different questions; ask one after the other");
  status = lks_comm_agree_all(comm, status);
  if (!status)
    status =
        lks_fastest_find_all(&fastest, comm, &config, options->shape, options->classes, options->seconds);
  if (status || lks_comm_rank(comm) != 0) return status;
  lks_json json = {.out = stdout};
  if (!s->json) {
    lks_fastest_print(stdout, &fastest);
    return LKS_OK;
  }
  lks_json_open(&json, NULL, '{');
  lks_fastest_print_json(&json, &fastest);
  lks_json_close(&json);
  return LKS_OK;
}

static lks_status measure_all(lks_comm *comm, const settings *s, const lks_bench_options *options)
{
  const lks_scaling_options ask = {s->rank_samples, s->host_ranks, 1e-6 * s->latency, 1e9 * s->bandwidth};
  lks_bench *bench;
  lks_scaling *scaling = NULL;
  lks_status status = lks_bench_measure_all(&bench, comm, options);
  if (status) return status;
  if (s->predict) status = lks_scaling_forecast_all(&scaling, comm, bench, &ask);
  if (!status && lks_comm_rank(comm) == 0) print(s, bench, scaling);
  lks_free(scaling);
  lks_bench_destroy(&bench);
  return status;
}

lks_status lks_bench_run_all(lks_comm *comm, int argc, char **argv)
{
  settings s;
  lks_arguments arguments;
  lks_bench_options options;
  lks_config_default(&s.config);
  lks_status status = lks_settings_read_all(&s, &arguments, comm, lks_bench_syntax(), argc, argv);
  if (status || arguments.help) return status;
  lks_log_quiet(s.quiet);
  status = lks_comm_agree_all(comm, make_options(&options, &s, &arguments));
  if (status) return status;
  return s.fastest ? find_fastest_all(comm, &s, &options) : measure_all(comm, &s, &options);
}
