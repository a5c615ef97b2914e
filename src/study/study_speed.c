#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/integers.h"
#include "study/picture.h"
#include "study/study_list.h"
#include "train/step_log.h"

/* Steps to a test accuracy of 85%, at each of several rates, with and without batch norm and normalized inputs. A run
 * ends when it is there. */

enum { EARLY_STEP = 20, RATES_MAX = 12 };
static const double target = 0.85;

typedef struct net {
  const char *name, *model;
} net;
static const net nets[] = {{"sigmoid", "sigmoid3"}, {"deep relu", "relu8"}, {"shallow", "relu1"}};
enum { NETS = sizeof nets / sizeof *nets };

static const double quick_rates[] = {0.03, 0.1, 0.3, 1, 3, 10};
static const double full_rates[] = {0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10};

static size_t rates_of(const double **rate, const lks_study_plan *plan)
{
  *rate = plan->options.full ? full_rates : quick_rates;
  return plan->options.full ? sizeof full_rates / sizeof *full_rates
                            : sizeof quick_rates / sizeof *quick_rates;
}

/* "sigmoid raw none 0.3"; a rate of 0 names the four of a network: "sigmoid raw none". */
static void name_arm(char name[LKS_ARM_NAME], size_t which, bool raw, bool norm, double rate)
{
  const int length =
      snprintf(name, LKS_ARM_NAME, "%s%s %s", nets[which].name, raw ? " raw" : "", norm ? "bn" : "none");
  if (rate > 0) snprintf(name + length, LKS_ARM_NAME - (size_t)length, " %g", rate);
}

static lks_status add_arms(lks_comparison *c, const lks_study_plan *p, size_t which, bool raw)
{
  const double *rate;
  const size_t rates = rates_of(&rate, p);
  lks_status status = LKS_OK;
  for (size_t i = 0; i < 2 * rates && !status; i++) {
    char name[LKS_ARM_NAME], settings[96];
    name_arm(name, which, raw, i < rates, rate[i % rates]);
    snprintf(settings, sizeof settings, "lr=%g,bn=%s", rate[i % rates], i < rates ? "sync" : "none");
    const lks_study_arm arm = {name, settings};
    status = lks_study_arms_add(c, p, &arm, 1);
  }
  return status;
}

static lks_status plan(lks_study_plan *p)
{
  lks_status status = LKS_OK;
  for (size_t part = 0; part < 2 * NETS && !status; part++) {
    lks_comparison *c;
    char name[LKS_ARM_NAME], settings[256];
    const bool raw = part % 2 == 1;
    snprintf(name, sizeof name, "%s%s", nets[part / 2].model, raw ? "-raw" : "");
    snprintf(
        settings, sizeof settings,
        "model=%s,normalize-input=%s,train-samples=320,batch-size=32,epochs=60,momentum=0,weight-decay=0,schedule=constant,log-every=5,log-test=on,stop-at=%g,checkpoint-every=100000",
        nets[part / 2].model, raw ? "off" : "on", target);
    status = lks_study_part_add(&c, p, name, settings);
    if (!status) status = add_arms(c, p, part / 2, raw);
  }
  return status;
}

/* Steps that a run may take. */
static double budget_of(const lks_config *config)
{
  const size_t steps = lks_divide_up(config->train_samples, config->batch_size);
  return (double)(config->epochs * steps);
}

/* A run that diverged before the first row has none. */
static bool has_log(const lks_study_run *run)
{
  char path[LKS_TEXT_MAX + 16];
  snprintf(path, sizeof path, "%s/steps.csv", run->config.output);
  return lks_file_exists(path);
}

static lks_status read_steps(lks_readings *readings, const lks_study_run *run)
{
  lks_step_row *row = NULL;
  size_t count = 0, step = 0;
  lks_status status = LKS_OK;
  if (has_log(run)) status = lks_step_log_read(&row, &count, run->config.output);
  if (status) return status;
  const bool reached = lks_step_log_reached(&step, row, count, target);
  for (size_t i = 0; i < count && !status; i++)
    if (row[i].step == EARLY_STEP)
      status = lks_study_read_off(readings, run, "early_loss", row[i].train_loss);
  lks_free(row);
  if (!status) status = lks_study_read_off(readings, run, "reached", reached);
  return status
             ? status
             : lks_study_read_off(readings, run, "steps", reached ? (double)step : budget_of(&run->config));
}

typedef struct search {
  const lks_study_outcome *outcome;
  const double *rate;
  size_t rates, which;
  bool raw, norm;
} search;

static double find(const search *s, size_t rate, size_t seed, const char *quantity)
{
  char name[LKS_ARM_NAME];
  name_arm(name, s->which, s->raw, s->norm, s->rate[rate]);
  return lks_readings_value(&s->outcome->readings, name, s->outcome->plan->options.first_seed + seed,
                            quantity);
}

/* The rate with the fewest steps in the middle of the seeds. */
static lks_status best_rate(size_t *best, const search *s)
{
  double least = INFINITY, *steps = lks_new(s->outcome->seeds, sizeof *steps);
  if (steps == NULL) return LKS_ERR_RANK;
  *best = 0;
  for (size_t rate = 0; rate < s->rates; rate++) {
    for (size_t seed = 0; seed < s->outcome->seeds; seed++) steps[seed] = find(s, rate, seed, "steps");
    const double middle = lks_quantile(steps, s->outcome->seeds, 0.5);
    if (middle >= least || isnan(middle)) continue;
    least = middle;
    *best = rate;
  }
  lks_free(steps);
  return LKS_OK;
}

static lks_status derive_four(lks_study_outcome *o, const search *s)
{
  char name[LKS_ARM_NAME];
  size_t best = 0;
  lks_status status = best_rate(&best, s);
  name_arm(name, s->which, s->raw, s->norm, 0);
  for (size_t i = 0; i < o->seeds && !status; i++) {
    const uint64_t seed = o->plan->options.first_seed + i;
    double largest = NAN;
    for (size_t rate = 0; rate < s->rates; rate++)
      if (find(s, rate, i, "reached") == 1) largest = s->rate[rate];
    status = lks_readings_add(&o->readings, name, seed, "best_steps", find(s, best, i, "steps"));
    if (!status)
      status = lks_readings_add(&o->readings, name, seed, "best_reached", find(s, best, i, "reached"));
    if (!status) status = lks_readings_add(&o->readings, name, seed, "best_rate", s->rate[best]);
    if (!status) status = lks_readings_add(&o->readings, name, seed, "largest_rate", largest);
  }
  return status;
}

static lks_status derive(lks_study_outcome *o)
{
  lks_status status = LKS_OK;
  search s = {.outcome = o};
  s.rates = rates_of(&s.rate, o->plan);
  for (size_t i = 0; i < 2 * o->plan->parts && !status; i++) {
    s.which = i / 4;
    s.raw = i / 2 % 2 == 1;
    s.norm = i % 2 == 0;
    status = derive_four(o, &s);
  }
  return status;
}

enum { SPEED, RATE, RAW, RAW_NORM, INPUT, EARLY, DEEP, DEEP_RATE, SHALLOW, SHALLOW_RATE };

static const lks_effect effects[] = {
    [SPEED] = {.name = "Steps without batch norm against steps with it, sigmoid, each at its best rate",
               .kind = LKS_EFFECT_RATIO,
               .arm = "sigmoid none",
               .quantity = "best_steps",
               .more = "as many",
               .less = "fewer",
               .reference = "sigmoid bn",
               .margin = 1.25},
    [RATE] = {.name = "Largest rate that arrives, with batch norm against without, sigmoid",
              .kind = LKS_EFFECT_RATIO,
              .arm = "sigmoid bn",
              .quantity = "largest_rate",
              .reference = "sigmoid none",
              .margin = 1.25},
    [RAW] = {.name = "Steps without batch norm against steps with it, inputs not normalized",
             .kind = LKS_EFFECT_RATIO,
             .arm = "sigmoid raw none",
             .quantity = "best_steps",
             .more = "as many",
             .less = "fewer",
             .reference = "sigmoid raw bn",
             .margin = 1.25},
    [RAW_NORM] = {.name = "Steps with batch norm, inputs not normalized against normalized",
                  .kind = LKS_EFFECT_RATIO,
                  .arm = "sigmoid raw bn",
                  .quantity = "best_steps",
                  .more = "as many",
                  .less = "fewer",
                  .reference = "sigmoid bn",
                  .margin = 1.25},
    [INPUT] = {.name = "Steps without batch norm, inputs not normalized against normalized",
               .kind = LKS_EFFECT_RATIO,
               .arm = "sigmoid raw none",
               .quantity = "best_steps",
               .more = "as many",
               .less = "fewer",
               .reference = "sigmoid none",
               .margin = 1.25},
    [EARLY] =
        {.name = "Training loss at step 20 with batch norm, rate 0.1, inputs not normalized less normalized",
         .arm = "sigmoid raw bn 0.1",
         .quantity = "early_loss",
         .reference = "sigmoid bn 0.1",
         .margin = 0.001},
    [DEEP] = {.name = "Steps without batch norm against steps with it, eight layers of relu",
              .kind = LKS_EFFECT_RATIO,
              .arm = "deep relu none",
              .quantity = "best_steps",
              .more = "as many",
              .less = "fewer",
              .reference = "deep relu bn",
              .margin = 1.25},
    [DEEP_RATE] = {.name = "Largest rate that arrives, with batch norm against without, eight layers of relu",
                   .kind = LKS_EFFECT_RATIO,
                   .arm = "deep relu bn",
                   .quantity = "largest_rate",
                   .reference = "deep relu none",
                   .margin = 1.25},
    [SHALLOW] = {.name = "Steps without batch norm against steps with it, one layer of relu",
                 .kind = LKS_EFFECT_RATIO,
                 .arm = "shallow none",
                 .quantity = "best_steps",
                 .more = "as many",
                 .less = "fewer",
                 .reference = "shallow bn",
                 .margin = 1.25},
    [SHALLOW_RATE] = {.name = "Largest rate that arrives, with batch norm against without, one layer of relu",
                      .kind = LKS_EFFECT_RATIO,
                      .arm = "shallow bn",
                      .quantity = "largest_rate",
                      .reference = "shallow none",
                      .margin = 1.25},
};

/* Seeds of a group of arms that arrived at its best rate. */
static size_t arrived(const lks_study_outcome *o, const char *arm)
{
  size_t count = 0;
  for (size_t i = 0; i < o->seeds; i++)
    count += lks_readings_value(&o->readings, arm, o->plan->options.first_seed + i, "best_reached") == 1;
  return count;
}

static lks_claim judge(FILE *out, const lks_study_outcome *o)
{
  const lks_finding *speed = &o->finding[SPEED];
  lks_claim claim = LKS_CLAIM_UNDECIDED;
  if (lks_finding_more(speed)) {
    claim = LKS_CLAIM_SHOWN;
    fprintf(out, "Without batch norm the sigmoid network takes %s steps to 85%%.", speed->sentence);
  } else if (lks_finding_less(speed)) {
    claim = LKS_CLAIM_CONTRADICTED;
    fprintf(out, "Batch norm slowed learning down: steps without it are %s.", speed->sentence);
  } else if (speed->verdict == LKS_VERDICT_EQUIVALENT) {
    claim = LKS_CLAIM_NOT_SHOWN;
    fprintf(out, "Batch norm did not speed learning up: steps without it against steps with it, %s.",
            speed->sentence);
  } else {
    fprintf(out, "These seeds do not tell; steps without batch norm against steps with it: %s.",
            speed->sentence);
  }
  const size_t raw = arrived(o, "sigmoid raw none"), raw_norm = arrived(o, "sigmoid raw bn");
  fprintf(out,
          " With inputs that are not normalized, %zu of %zu seeds arrive without batch norm and %zu with it.",
          raw, o->seeds, raw_norm);
  if (o->finding[DEEP].pair.count > 0)
    fprintf(out, " Steps without it against steps with it in eight layers of relu: %s; in one layer: %s.",
            o->finding[DEEP].sentence, o->finding[SHALLOW].sentence);
  return claim;
}

typedef struct curves {
  char name[4][RATES_MAX][LKS_ARM_NAME];
  lks_picture_point point[4][RATES_MAX];
  lks_picture_line line[4];
} curves;

static bool print_net(FILE *data, FILE *script, const lks_study_outcome *o, size_t which, const char *file,
                      const char *title)
{
  static const char *const labels[] = {"batch norm", "none", "batch norm, raw inputs", "none, raw inputs"};
  curves *c = lks_new(1, sizeof *c);
  const double *rate;
  const size_t rates = rates_of(&rate, o->plan);
  if (c == NULL) return false;
  for (size_t i = 0; i < 4; i++) {
    for (size_t r = 0; r < rates; r++) {
      name_arm(c->name[i][r], which, i / 2 == 1, i % 2 == 0, rate[r]);
      c->point[i][r] = (lks_picture_point){rate[r], c->name[i][r], "steps"};
    }
    c->line[i] = (lks_picture_line){labels[i], c->point[i], rates};
  }
  const lks_picture picture = {.outcome = o,
                               .name = file,
                               .title = title,
                               .note = "mean and 95% interval",
                               .up = "steps to 85% test accuracy",
                               .across = "learning rate",
                               .log_values = true,
                               .mark = budget_of(&o->plan->part[0]->base),
                               .mark_label = "not reached"};
  const bool shown = lks_picture_lines(data, script, &picture, c->line, 4);
  lks_free(c);
  return shown;
}

static bool print_sigmoid(FILE *data, FILE *script, const void *context)
{
  return print_net(data, script, context, 0, "sigmoid",
                   "Three layers of sigmoid: steps to 85% at each learning rate");
}

static bool print_deep(FILE *data, FILE *script, const void *context)
{
  return print_net(data, script, context, 1, "deep",
                   "Eight layers of relu: steps to 85% at each learning rate");
}

static bool print_shallow(FILE *data, FILE *script, const void *context)
{
  return print_net(data, script, context, 2, "shallow",
                   "One layer of relu: steps to 85% at each learning rate");
}

static const lks_study_figure figures[] = {
    {"sigmoid", "Steps to the target against the learning rate, sigmoid",
     "Lower is faster; a point on the dashed line did not arrive in the steps that it had. Raw inputs are not normalized.",
     print_sigmoid},
    {"deep", "Steps to the target against the learning rate, eight layers of relu",
     "The same for a deep, narrow network.", print_deep},
    {"shallow", "Steps to the target against the learning rate, one layer", "The same for a shallow network.",
     print_shallow},
};

static const lks_study_published published[] = {
    {"Steps of Inception to 72.2% on ImageNet",
     "31.0M without, 13.3M with batch norm, 2.1M at five times the rate", "Ioffe & Szegedy 2015, section 4.2",
     SPEED, NULL, NULL, 0, NULL},
};

static const lks_study_change changes[] = {
    {"Try rates in between.", "The curves become smoother, and the largest rates are known more closely.",
     "lockstep study speed --full -o full"},
    {"Follow one run.",
     "The loss of a sigmoid network stays where it is for a hundred steps and more before it moves.",
     "lockstep train data/digits.h5 --model sigmoid3 --bn none --train-samples 320 --batch-size 32 --momentum 0 --weight-decay 0 --schedule constant --lr 3 --epochs 60 --log-every 5 --log-test -o runs/slow; cut -d, -f1,4,7 runs/slow/steps.csv"},
};

static void limits(FILE *lines, const lks_study_outcome *o)
{
  fprintf(
      lines,
      "Normalizing the inputs alone counts as well: without batch norm, steps with raw inputs against normalized ones are %s.\n",
      o->finding[INPUT].sentence);
  fprintf(
      lines,
      "Behind batch norm the inputs' scale does not matter: the loss at step 20 with raw inputs differs by %s.\n",
      o->finding[EARLY].sentence);
  fputs("A run that does not arrive counts as arriving in its last step, so the ratios are lower bounds.\n",
        lines);
  fputs(
      "The best rate is the one with the fewest steps in the middle of these seeds, chosen on the same runs for both.\n",
      lines);
  fputs("Steps are not seconds: a step with batch norm costs more.\n", lines);
  fprintf(
      lines,
      "Not every network gains as much: one layer of relu, steps without batch norm against steps with it, %s.\n",
      o->finding[SHALLOW].sentence);
}

const lks_study lks_study_speed = {
    .name = "speed",
    .claim = "Normalizing the inputs speeds up learning; batch norm does the same for the hidden units.",
    .question =
        "How many steps does a network take to a test accuracy of 85%, at rates from 0.03 to 10, with and without batch norm, with inputs normalized or not?",
    .time = "half a minute",
    .data = "320 handwritten digits (8x8)",
    .failures_count = true,
    .plan = plan,
    .read = read_steps,
    .derive = derive,
    .effect = effects,
    .effects = sizeof effects / sizeof *effects,
    .judge = judge,
    .figure = figures,
    .figures = sizeof figures / sizeof *figures,
    .published = published,
    .publisheds = sizeof published / sizeof *published,
    .change = changes,
    .changes = sizeof changes / sizeof *changes,
    .limits = limits,
};
