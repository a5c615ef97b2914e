#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "study/five_layers.h"
#include "study/network_drawing.h"
#include "study/picture.h"
#include "study/study_list.h"
#include "study/unit_picture.h"
#include "train/probe_tables.h"

/* How far the inputs of the third layer move from step to step, at several rates: without batch norm, with it, and
 * with a batch norm whose outputs are shaken in every step. The answer is read off at the largest rate at which the
 * network without batch norm still learns, for there batch norm is said to matter; derive calls the arms of that
 * rate none, bn and noisy. */

static const double rates[] = {0.03, 0.1, 0.3, 0.5, 1};
enum { RATES = sizeof rates / sizeof *rates, UNIT_PART = LKS_UNIT_PICTURE_PART };

typedef enum kind { NONE, NORM, NOISY, KINDS } kind;
static const struct {
  const char *name, *label, *settings;
} kinds[KINDS] = {
    [NONE] = {"none", "none", "bn=none"},
    [NORM] = {"bn", "batch norm", "bn=sync"},
    [NOISY] = {"noisy", "batch norm, shaken", "bn=sync,bn-disturb=0.3"},
};

static void name_arm(char name[LKS_ARM_NAME], size_t of_kind, size_t rate)
{
  snprintf(name, LKS_ARM_NAME, "%s %g", kinds[of_kind].name, rates[rate]);
}

static lks_status add_rates(lks_comparison *c, const lks_study_plan *p)
{
  lks_status status = LKS_OK;
  for (size_t i = 0; i < RATES * KINDS && !status; i++) {
    char name[LKS_ARM_NAME], settings[96];
    name_arm(name, i % KINDS, i / KINDS);
    snprintf(settings, sizeof settings, "lr=%g,%s", rates[i / KINDS], kinds[i % KINDS].settings);
    const lks_study_arm arm = {name, settings};
    status = lks_study_arms_add(c, p, &arm, 1);
  }
  return status;
}

/* Percentiles are for the eye: one seed is enough. */
static lks_status plan(lks_study_plan *p)
{
  static const lks_study_arm unit[] = {{"unit none", "lr=0.3,bn=none"}, {"unit bn", "lr=0.3"}};
  lks_comparison *c;
  lks_status status = lks_five_layers_part_add(&c, p, "", LKS_PROBE_DRIFT | LKS_PROBE_GRADIENTS);
  if (!status) status = add_rates(c, p);
  if (!status) status = lks_five_layers_part_add(&c, p, "unit", LKS_PROBE_ACTIVATIONS);
  if (status) return status;
  c->seeds = 1;
  return lks_study_arms_add(c, p, unit, 2);
}

/* Of a run that diverged there is no drift: its numbers left all bounds. */
static lks_status read_run(lks_readings *readings, const lks_study_run *run)
{
  lks_drift_row *drift = NULL;
  lks_gradient_row *gradient = NULL;
  size_t drifts = 0, gradients = 0;
  bool whole;
  lks_status status = lks_five_layers_loss(&whole, readings, run);
  if (status || !whole || run->part == UNIT_PART) return status;
  status = lks_drift_read(&drift, &drifts, run->config.output);
  if (!status) status = lks_gradients_read(&gradient, &gradients, run->config.output);
  if (!status && drifts > 0)
    status = lks_five_layers_column(readings, run, "drift", "drift_mean", &drift->drift,
                                    sizeof *drift / sizeof(double), drifts);
  if (!status && gradients > 0)
    status = lks_five_layers_column(readings, run, "shift", "shift_mean", &gradient->shift,
                                    sizeof *gradient / sizeof(double), gradients);
  lks_free(drift);
  lks_free(gradient);
  return status;
}

static double value(const lks_study_outcome *o, const char *arm, size_t seed, const char *quantity)
{
  return lks_readings_value(&o->readings, arm, o->plan->options.first_seed + seed, quantity);
}

/* Whether every seed of an arm came to its end and left the level of guesses. */
static bool all_learned(const lks_study_outcome *o, size_t of_kind, size_t rate)
{
  char name[LKS_ARM_NAME];
  name_arm(name, of_kind, rate);
  for (size_t seed = 0; seed < o->seeds; seed++)
    if (!isfinite(value(o, name, seed, "final_loss")) || value(o, name, seed, "failed") == 1) return false;
  return o->seeds > 0;
}

/* What pictures and effects compare: figures of arms that learned. */
static const char *const figures_of[][2] = {{"drift", "D"},
                                            {"drift_mean", "D_mean"},
                                            {"shift", "gradient"},
                                            {"final_loss", "loss"},
                                            {"test_loss", "loss_on_test"}};
enum { FIGURES = sizeof figures_of / sizeof *figures_of };

static lks_status copy(lks_study_outcome *o, const char *to, size_t of_kind, size_t rate)
{
  char from[LKS_ARM_NAME];
  lks_status status = LKS_OK;
  name_arm(from, of_kind, rate);
  for (size_t i = 0; i < FIGURES * o->seeds && !status; i++) {
    const size_t seed = i / FIGURES;
    const char *const *figure = figures_of[i % FIGURES];
    status = lks_readings_add(&o->readings, to, o->plan->options.first_seed + seed, figure[1],
                              value(o, from, seed, figure[0]));
  }
  return status;
}

/* Each kind at the rate at which its own loss is the lowest, in the geometric mean of the seeds. */
static lks_status derive_best(lks_study_outcome *o)
{
  lks_status status = LKS_OK;
  for (size_t i = 0; i < KINDS && !status; i++) {
    double least = INFINITY;
    char name[LKS_ARM_NAME], best[LKS_ARM_NAME] = "";
    for (size_t r = 0; r < RATES; r++) {
      name_arm(name, i, r);
      const lks_spread s =
          lks_readings_spread_of_logs(&o->readings, name, "loss", o->plan->options.first_seed, o->seeds);
      if (s.count < o->seeds || !(s.mean < least)) continue;
      least = s.mean;
      strcpy(best, name);
    }
    for (size_t seed = 0; seed < o->seeds && best[0] != '\0' && !status; seed++)
      status = lks_readings_add(&o->readings, kinds[i].name, o->plan->options.first_seed + seed, "best_loss",
                                value(o, best, seed, "loss"));
  }
  return status;
}

static lks_status derive(lks_study_outcome *o)
{
  lks_status status = LKS_OK;
  size_t decides = 0;
  for (size_t i = 0; i < RATES * KINDS && !status; i++) {
    char name[LKS_ARM_NAME];
    if (!all_learned(o, i % KINDS, i / KINDS)) continue;
    if (i % KINDS == NONE) decides = i / KINDS;
    name_arm(name, i % KINDS, i / KINDS);
    status = copy(o, name, i % KINDS, i / KINDS);
  }
  for (size_t i = 0; i < KINDS && !status; i++) {
    if (all_learned(o, i, decides)) status = copy(o, kinds[i].name, i, decides);
    for (size_t seed = 0; seed < o->seeds && !status; seed++)
      status = lks_readings_add(&o->readings, kinds[i].name, o->plan->options.first_seed + seed, "rate",
                                rates[decides]);
  }
  return status ? status : derive_best(o);
}

static double rate_of(const lks_study_outcome *o)
{
  return value(o, kinds[NONE].name, 0, "rate");
}

enum {
  MOVES,
  MOVES_MEAN,
  SHAKEN,
  LOSS,
  SHAKEN_LOSS,
  SHAKEN_TEST,
  GRADIENT,
  SLOW_MOVES,
  SLOW_LOSS,
  SLOW_SHAKEN,
  BEST_LOSS,
  BEST_SHAKEN
};

static const lks_effect effects[] = {
    [MOVES] = {.name = "Movement D of the third layer's inputs in a step, without batch norm against with it",
               .kind = LKS_EFFECT_RATIO,
               .arm = "none",
               .quantity = "D",
               .reference = "bn",
               .more = "as much",
               .less = "less",
               .margin = 1.25},
    [MOVES_MEAN] = {.name = "The same, mean over the steps instead of the middle of them",
                    .kind = LKS_EFFECT_RATIO,
                    .arm = "none",
                    .quantity = "D_mean",
                    .reference = "bn",
                    .more = "as much",
                    .less = "less",
                    .margin = 1.25},
    [SHAKEN] = {.name = "Movement D, batch norm shaken against none",
                .kind = LKS_EFFECT_RATIO,
                .arm = "noisy",
                .quantity = "D",
                .reference = "none",
                .more = "as much",
                .less = "less",
                .margin = 1.25},
    [LOSS] = {.name = "Final training loss, without batch norm against with it",
              .kind = LKS_EFFECT_RATIO,
              .arm = "none",
              .quantity = "loss",
              .reference = "bn",
              .margin = 1.1},
    [SHAKEN_LOSS] = {.name = "Final training loss, batch norm shaken against none",
                     .kind = LKS_EFFECT_RATIO,
                     .arm = "noisy",
                     .quantity = "loss",
                     .reference = "none",
                     .margin = 1.1},
    [SHAKEN_TEST] = {.name = "Test loss, with nothing shaken, the same two",
                     .kind = LKS_EFFECT_RATIO,
                     .arm = "noisy",
                     .quantity = "loss_on_test",
                     .reference = "none",
                     .margin = 1.1},
    [GRADIENT] =
        {.name =
             "Change of the layer's gradient when the layers below are updated, without batch norm against with it",
         .kind = LKS_EFFECT_RATIO,
         .arm = "none",
         .quantity = "gradient",
         .reference = "bn",
         .more = "as large",
         .margin = 1.1},
    [SLOW_MOVES] = {.name = "Movement D at rate 0.03, without batch norm against with it",
                    .kind = LKS_EFFECT_RATIO,
                    .arm = "none 0.03",
                    .quantity = "D",
                    .reference = "bn 0.03",
                    .more = "as much",
                    .less = "less",
                    .margin = 1.25},
    [SLOW_LOSS] = {.name = "Final training loss at rate 0.03, batch norm against none",
                   .kind = LKS_EFFECT_RATIO,
                   .arm = "bn 0.03",
                   .quantity = "loss",
                   .reference = "none 0.03",
                   .margin = 1.1},
    [SLOW_SHAKEN] = {.name = "Final training loss at rate 0.03, batch norm shaken against none",
                     .kind = LKS_EFFECT_RATIO,
                     .arm = "noisy 0.03",
                     .quantity = "loss",
                     .reference = "none 0.03",
                     .margin = 1.1},
    [BEST_LOSS] = {.name = "Final training loss, each at its best rate, batch norm against none",
                   .kind = LKS_EFFECT_RATIO,
                   .arm = "bn",
                   .quantity = "best_loss",
                   .reference = "none",
                   .margin = 1.1},
    [BEST_SHAKEN] = {.name = "Final training loss, each at its best rate, batch norm shaken against none",
                     .kind = LKS_EFFECT_RATIO,
                     .arm = "noisy",
                     .quantity = "best_loss",
                     .reference = "none",
                     .margin = 1.1},
};

/* A network that moves more than the one without batch norm: does it learn? */
static lks_claim judge_shaken(FILE *out, const lks_study_outcome *o)
{
  const lks_finding *moves = &o->finding[SHAKEN], *loss = &o->finding[SHAKEN_LOSS];
  if (loss->pair.count == 0) {
    fputs(" A batch norm whose outputs are shaken does not learn: movement matters.", out);
    return LKS_CLAIM_SHOWN;
  }
  if (!lks_finding_more(moves)) {
    fprintf(out, " The shaken batch norm did not move more than none, so it tells nothing: D, %s.",
            moves->sentence);
    return LKS_CLAIM_SHOWN;
  }
  fprintf(out, " A batch norm that is shaken moves %s as none", moves->sentence);
  if (lks_finding_less(loss)) {
    fprintf(
        out,
        ", and still learns better than it at this rate, with a training loss that is %s: movement is not the whole reason why batch norm works (at rate 0.03 the loss is %s).",
        loss->sentence, o->finding[SLOW_SHAKEN].sentence);
    return LKS_CLAIM_PARTLY;
  }
  if (lks_finding_more(loss)) {
    fprintf(
        out,
        " and learns worse than it, with a training loss that is %s: movement, or what makes it, matters.",
        loss->sentence);
    return LKS_CLAIM_SHOWN;
  }
  fprintf(out, " and still learns: movement is not the whole reason (training loss against none, %s).",
          loss->sentence);
  return LKS_CLAIM_PARTLY;
}

static lks_claim judge(FILE *out, const lks_study_outcome *o)
{
  const lks_finding *moves = &o->finding[MOVES];
  if (lks_finding_more(moves)) {
    fprintf(
        out,
        "At rate %g, the largest at which the network learns without batch norm, the inputs of its third layer move %s as with batch norm.",
        rate_of(o), moves->sentence);
    return judge_shaken(out, o);
  }
  if (lks_finding_less(moves)) {
    fprintf(out, "Without batch norm the inputs of the third layer move %s than with it.", moves->sentence);
    return LKS_CLAIM_CONTRADICTED;
  }
  fprintf(out, "Movement of the third layer's inputs, without batch norm against with it: %s.",
          moves->sentence);
  return moves->verdict == LKS_VERDICT_EQUIVALENT ? LKS_CLAIM_NOT_SHOWN : LKS_CLAIM_UNDECIDED;
}

typedef struct curves {
  char name[KINDS][RATES][LKS_ARM_NAME];
  lks_picture_point point[KINDS][RATES];
  lks_picture_line line[KINDS];
} curves;

static bool print_rates(FILE *data, FILE *script, const char *quantity, const lks_picture *picture)
{
  curves *c = lks_new(1, sizeof *c);
  if (c == NULL) return false;
  for (size_t i = 0; i < KINDS; i++) {
    for (size_t r = 0; r < RATES; r++) {
      name_arm(c->name[i][r], i, r);
      c->point[i][r] = (lks_picture_point){rates[r], c->name[i][r], quantity};
    }
    c->line[i] = (lks_picture_line){kinds[i].label, c->point[i], RATES};
  }
  const bool shown = lks_picture_lines(data, script, picture, c->line, KINDS);
  lks_free(c);
  return shown;
}

static bool print_drift(FILE *data, FILE *script, const void *context)
{
  const lks_picture picture = {.outcome = context,
                               .name = "drift",
                               .title = "How far the third layer's inputs move in a step",
                               .note = "geometric mean and 95% interval",
                               .up = "movement D (lower moves less)",
                               .across = "learning rate",
                               .log_values = true,
                               .of_logs = true};
  return print_rates(data, script, "D", &picture);
}

static bool print_loss(FILE *data, FILE *script, const void *context)
{
  const lks_picture picture = {.outcome = context,
                               .name = "loss",
                               .title = "How well the same networks learned",
                               .note = "geometric mean and 95% interval",
                               .up = "final training loss (lower is better)",
                               .across = "learning rate",
                               .log_values = true,
                               .of_logs = true};
  return print_rates(data, script, "loss", &picture);
}

static bool print_gradient(FILE *data, FILE *script, const void *context)
{
  const lks_picture picture = {.outcome = context,
                               .name = "gradient",
                               .title = "What lower layers do to the third one's gradient",
                               .note = "mean and 95% interval",
                               .up = "change of the gradient, relative",
                               .across = "learning rate"};
  return print_rates(data, script, "gradient", &picture);
}

static const lks_study_figure figures[] = {
    {"drift", "Movement of the third layer's inputs at each learning rate",
     "D: how far mean and spread of each input move from one step to the next, squared, in units of its spread. The shaken batch norm gets fresh noise of 0.3 behind each normalization in every step. Where a seed did not learn there is no point.",
     print_drift},
    {"network", "The network with its first layers covered, then uncovered",
     "Covered, the third layer has inputs like any data. Uncovered, these inputs are made by layers that learn, so their distribution moves.",
     lks_network_drawing},
    {"gradient", "Change of the third layer's gradient when the layers below are updated",
     "0: an update of the layers below does not touch the gradient; 1: it changes it by as much as its length.",
     print_gradient},
    {"loss", "Final training loss at each learning rate",
     "The same networks: if movement were what hinders learning, the one that moves most would learn worst.",
     print_loss},
    {"unit", "Percentiles of one input of the third layer over the steps",
     "Of 1,000 samples, 15% are below the shade and 15% above it. The same unit in both; in the network without batch norm it is the one whose middle is highest.",
     lks_unit_picture},
};

static const lks_study_column columns[] = {
    {"D", "Movement D", 0},
    {"loss", "Final training loss", 0},
    {"gradient", "Change of the gradient", 0},
    {"test_accuracy", "Test accuracy, %", 0},
};

static const lks_study_published published[] = {
    {"Percentiles of an input of the last layer, MNIST",
     "with batch norm much more stable over 50,000 steps (a picture)", "Ioffe & Szegedy 2015, figure 1",
     MOVES, NULL, NULL, 0, NULL},
    {"A VGG network with noise behind each batch norm",
     "less stable than the standard one, and trains almost as well as with batch norm",
     "Santurkar et al. 2018, section 2.1", SHAKEN_LOSS, NULL, NULL, 0, NULL},
    {"Change of the gradient when the layers below are updated",
     "with batch norm often as large or larger than without", "Santurkar et al. 2018, section 2.2", GRADIENT,
     NULL, NULL, 0, NULL},
};

static const lks_study_change changes[] = {
    {"Shake harder.", "Movement grows with the square of the noise; at some point the loss follows.",
     "lockstep train data/digits.h5 --model relu5 --lr 0.3 --momentum 0 --weight-decay 0 --schedule constant --epochs 10 --bn-disturb 1 --log-every 1 --probe drift -o runs/shaken; tail -n 3 runs/shaken/steps.csv runs/shaken/probe-drift.csv"},
    {"Look at the first layer.",
     "Its inputs are the data, which do not move: drift is 0 with and without batch norm.",
     "lockstep train data/digits.h5 --model relu5 --epochs 2 --probe drift --probe-layer dense1 -o runs/first; tail -n 3 runs/first/probe-drift.csv"},
    {"Take clothes instead of digits.",
     "5,000 pictures of Fashion-MNIST (Debian: apt-get install dataset-fashion-mnist), three epochs: other numbers, the same order.",
     "lockstep study drift --data fashion-mnist -o fashion"},
};

static void limits(FILE *lines, const lks_study_outcome *o)
{
  const lks_finding *f = o->finding;
  fputs(
      "Partly the fall is by construction: D looks at mean and spread, and these two are what batch norm sets in front of each relu, to beta and gamma, which move slowly.\n",
      lines);
  fprintf(
      lines,
      "To move less is not to learn better: at rate 0.03 movement without batch norm is %s, and the training loss with batch norm, %s.\n",
      f[SLOW_MOVES].sentence, f[SLOW_LOSS].sentence);
  fprintf(
      lines,
      "At that rate the training loss of the shaken batch norm, against none, is %s; with each at its own best rate, %s.\n",
      f[SLOW_SHAKEN].sentence, f[BEST_SHAKEN].sentence);
  fprintf(
      lines,
      "The layers below still change the gradient: without batch norm against with it, the change is %s.\n",
      f[GRADIENT].sentence);
  fputs(
      "The shaken network moves by fresh noise, not because layers below learn; and its training loss has that noise in it, its test loss not.\n",
      lines);
  fputs(
      "The rate was chosen as the largest one at which all seeds without batch norm learn, in these runs.\n",
      lines);
}

const lks_study lks_study_drift = {
    .name = "drift",
    .claim =
        "Batch norm makes later layers robust to changes in earlier ones: from the perspective of the third hidden layer, the distribution of its inputs moves less.",
    .question =
        "How far do mean and spread of the third layer's inputs move from step to step, in a network of five layers, and does a network learn whose inputs are made to move more?",
    .time = "half a minute",
    .data = "1,437 handwritten digits (8x8)",
    .failures_count = true,
    .plan = plan,
    .read = read_run,
    .derive = derive,
    .effect = effects,
    .effects = sizeof effects / sizeof *effects,
    .judge = judge,
    .figure = figures,
    .figures = sizeof figures / sizeof *figures,
    .column = columns,
    .columns = sizeof columns / sizeof *columns,
    .published = published,
    .publisheds = sizeof published / sizeof *published,
    .change = changes,
    .changes = sizeof changes / sizeof *changes,
    .limits = limits,
};
