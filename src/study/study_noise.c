#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "study/picture.h"
#include "study/study_list.h"
#include "train/probe_tables.h"

/* Trained networks, frozen: how much the normalized value of a fixed sample varies with the mini-batch that it is normalized
 * with (--probe noise). A layer alone, or the whole network in which every layer takes the mini-batch's statistics. */

static const lks_study_arm arms[] = {{"trained", ""}, {"one epoch", "epochs=1"}};

static const size_t sizes[] = {8, 16, 32, 64, 128, 256, 512};
enum { SIZES = sizeof sizes / sizeof *sizes, LAYERS = 3 };
/* First order holds from this size on, and theory is drawn dashed below; the slope is taken over these sizes. */
enum { FIRST_ORDER = 32, SLOPE_FROM = 64 };
/* Where the slope of the law is looked for, and where it is refuted: in truth it is a little below -1. */
static const double slope_low = -1.06, slope_high = -0.97, refuted_low = -1.1, refuted_high = -0.9;

static lks_status plan(lks_study_plan *p)
{
  lks_comparison *c;
  lks_status status = lks_study_part_add(
      &c, p, "",
      p->options.full ? "model=mlp3,epochs=60,checkpoint-every=100000,probe=noise,probe-draws=2000000"
                      : "model=mlp3,epochs=20,checkpoint-every=100000,probe=noise,probe-draws=200000");
  return status ? status : lks_study_arms_add(c, p, arms, sizeof arms / sizeof *arms);
}

/* "end_2_32": end to end, the second layer, mini-batches of 32. */
static lks_status read_off(lks_readings *readings, const lks_study_run *run, const char *what, size_t layer,
                           size_t m, double value)
{
  char name[LKS_QUANTITY_MAX];
  snprintf(name, sizeof name, "%s_%zu_%zu", what, layer, m);
  return lks_study_read_off(readings, run, name, value);
}

static lks_status read_row(lks_readings *readings, const lks_study_run *run, size_t layer,
                           const lks_probe_noise_row *row)
{
  const size_t m = (size_t)row->m;
  lks_status status = read_off(readings, run, "isolated", layer, m, row->isolated);
  if (!status) status = read_off(readings, run, "end", layer, m, row->end_to_end);
  if (!status) status = read_off(readings, run, "theory", layer, m, row->theory);
  return status ? status : read_off(readings, run, "dropout", layer, m, row->dropout);
}

/* Average over the layers of what they are alone, and of theory. */
static lks_status read_mean(lks_readings *readings, const lks_study_run *run, size_t m, double isolated,
                            double theory)
{
  char name[LKS_QUANTITY_MAX];
  snprintf(name, sizeof name, "isolated_%zu", m);
  lks_status status = lks_study_read_off(readings, run, name, isolated);
  snprintf(name, sizeof name, "theory_%zu", m);
  return status ? status : lks_study_read_off(readings, run, name, theory);
}

typedef struct fit {
  double n, x, y, xx, xy;
} fit;

static void fit_add(fit *f, double x, double y)
{
  f->n++;
  f->x += x;
  f->y += y;
  f->xx += x * x;
  f->xy += x * y;
}

static double fit_slope(const fit *f)
{
  return f->n < 2 ? NAN : (f->n * f->xy - f->x * f->y) / (f->n * f->xx - f->x * f->x);
}

/* The table has the layers in order, each with its sizes. */
static lks_status read_table(lks_readings *readings, const lks_study_run *run, const lks_probe_noise_row *row,
                             size_t count)
{
  fit slope = {0};
  lks_status status = LKS_OK;
  for (size_t s = 0; s < SIZES && !status; s++) {
    double isolated = 0, theory = 0;
    size_t layers = 0;
    for (size_t i = 0; i < count && !status; i++) {
      if (row[i].m != (double)sizes[s] || layers == LAYERS) continue;
      isolated += row[i].isolated / LAYERS;
      theory += row[i].theory / LAYERS;
      status = read_row(readings, run, ++layers, &row[i]);
    }
    if (layers < LAYERS || status) continue;
    status = read_mean(readings, run, sizes[s], isolated, theory);
    if (sizes[s] >= SLOPE_FROM) fit_add(&slope, log((double)sizes[s]), log(isolated));
  }
  return status ? status : lks_study_read_off(readings, run, "slope", fit_slope(&slope));
}

static lks_status read_noise(lks_readings *readings, const lks_study_run *run)
{
  lks_probe_noise_row *row = NULL;
  size_t count = 0;
  lks_status status = lks_probe_noise_read(&row, &count, run->config.output);
  if (!status) status = read_table(readings, run, row, count);
  lks_free(row);
  return status;
}

enum { DROPOUT, LESS, SLOPE, LEVEL_128, LEVEL_64, LEVEL_32, LEVEL_8, FALL, SECOND, THIRD, LEARNED };

#define NOISE_RATIO(of, what, below)                                                                         \
  .kind = LKS_EFFECT_RATIO, .arm = "trained", .quantity = (what), .reference_quantity = (below), .name = (of)

static const lks_effect effects[] = {
    [DROPOUT] = {.name = "Dropout that is as noisy as mini-batches of 32, end to end, second layer: its rate",
                 .kind = LKS_EFFECT_VALUE,
                 .arm = "trained",
                 .quantity = "dropout_2_32",
                 .scale = 100,
                 .unit = "%"},
    [LESS] = {NOISE_RATIO("Noise end to end, second layer, mini-batches of 32 against 512", "end_2_32",
                          "end_2_512"),
              .margin = 1.25},
    [SLOPE] = {.name =
                   "Layers alone: slope of noise over mini-batch, 64 to 512, both logarithmic; theory: -1",
               .kind = LKS_EFFECT_VALUE,
               .arm = "trained",
               .quantity = "slope",
               .against = -1},
    [LEVEL_128] = {NOISE_RATIO("Layers alone: noise against first-order theory, mini-batches of 128",
                               "isolated_128", "theory_128"),
                   .margin = 1.06},
    [LEVEL_64] = {NOISE_RATIO("The same, mini-batches of 64", "isolated_64", "theory_64"), .margin = 1.06},
    [LEVEL_32] = {NOISE_RATIO("The same, mini-batches of 32", "isolated_32", "theory_32"), .margin = 1.06},
    [LEVEL_8] = {NOISE_RATIO("The same, mini-batches of 8", "isolated_8", "theory_8"), .margin = 1.06},
    [FALL] = {NOISE_RATIO("Layers alone: noise with mini-batches of 32 against 512; theory: 16",
                          "isolated_32", "isolated_512"),
              .margin = 1.25},
    [SECOND] = {NOISE_RATIO("Noise end to end, mini-batches of 512, second layer against first", "end_2_512",
                            "end_1_512"),
                .margin = 1.25},
    [THIRD] = {NOISE_RATIO("Noise end to end, mini-batches of 512, third layer against first", "end_3_512",
                           "end_1_512"),
               .margin = 1.25},
    [LEARNED] = {.name = "Noise end to end, second layer, mini-batches of 32, trained against one epoch",
                 .kind = LKS_EFFECT_RATIO,
                 .arm = "trained",
                 .quantity = "end_2_32",
                 .reference = "one epoch",
                 .margin = 1.25},
};

/* "43% [42, 44] with 8" */
static void print_rate(FILE *out, const lks_spread *s, size_t m)
{
  char mean[32], low[32], high[32];
  const double width = s->high > s->low ? 100 * (s->high - s->low) : 100 * s->mean;
  lks_effect_number(mean, sizeof mean, 100 * s->mean, width);
  lks_effect_number(low, sizeof low, 100 * s->low, width);
  lks_effect_number(high, sizeof high, 100 * s->high, width);
  fprintf(out, "%s%%", mean);
  if (s->high > s->low) fprintf(out, " [%s, %s]", low, high);
  fprintf(out, " with %zu", m);
}

/* Of the sizes that were measured: a small dataset lacks the large ones. */
static void print_rates(FILE *out, const lks_study_outcome *o)
{
  static const size_t told[] = {8, 16, 32, 128, 512};
  size_t printed = 0;
  for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
    char name[LKS_QUANTITY_MAX];
    snprintf(name, sizeof name, "dropout_2_%zu", told[i]);
    const lks_spread s =
        lks_readings_spread(&o->readings, "trained", name, o->plan->options.first_seed, o->seeds);
    if (s.count == 0) continue;
    fputs(printed++ == 0 ? " In the second layer it is as noisy as a dropout of " : ", ", out);
    print_rate(out, &s, told[i]);
  }
  if (printed > 0) fputs(" samples.", out);
}

static lks_claim judge_law(FILE *out, const lks_finding *slope)
{
  if (slope->low >= slope_low && slope->high <= slope_high) {
    fprintf(out, " Alone, a layer's noise falls about as 1/m: its slope is %s.", slope->sentence);
    return LKS_CLAIM_SHOWN;
  }
  if (slope->high < refuted_low || slope->low > refuted_high) {
    fprintf(out, " But alone, a layer's noise does not fall as 1/m: its slope is %s.", slope->sentence);
    return LKS_CLAIM_PARTLY;
  }
  fprintf(out, " Whether a layer's noise, alone, falls as 1/m these seeds do not tell: its slope is %s.",
          slope->sentence);
  return LKS_CLAIM_SHOWN;
}

static lks_claim judge(FILE *out, const lks_study_outcome *o)
{
  const lks_finding *less = &o->finding[LESS];
  lks_claim claim = LKS_CLAIM_UNDECIDED;
  if (lks_finding_more(less)) {
    fprintf(
        out,
        "Mini-batches put noise on the normalized value of a fixed sample, and small ones more: with 32 samples it is %s as with 512.",
        less->sentence);
    claim = judge_law(out, &o->finding[SLOPE]);
  } else if (lks_finding_less(less)) {
    claim = LKS_CLAIM_CONTRADICTED;
    fprintf(out, "Small mini-batches put less noise on a fixed sample: with 32 samples against 512, %s.",
            less->sentence);
  } else if (less->verdict == LKS_VERDICT_EQUIVALENT) {
    claim = LKS_CLAIM_NOT_SHOWN;
    fprintf(
        out,
        "The size of the mini-batch made no difference to the noise on a fixed sample: 32 samples against 512, %s.",
        less->sentence);
  } else {
    fprintf(
        out,
        "These seeds do not tell whether small mini-batches put more noise on a fixed sample: 32 samples against 512, %s.",
        less->sentence);
  }
  print_rates(out, o);
  return claim;
}

typedef struct curves {
  char name[LAYERS][SIZES][LKS_QUANTITY_MAX];
  lks_picture_point point[LAYERS][SIZES];
  lks_picture_line line[LAYERS];
} curves;

static void make_curves(curves *c, const char *what)
{
  static const char *const labels[LAYERS] = {"first layer", "second layer", "third layer"};
  for (size_t l = 0; l < LAYERS; l++) {
    for (size_t s = 0; s < SIZES; s++) {
      snprintf(c->name[l][s], sizeof c->name[l][s], "%s_%zu_%zu", what, l + 1, sizes[s]);
      c->point[l][s] = (lks_picture_point){(double)sizes[s], "trained", c->name[l][s]};
    }
    c->line[l] = (lks_picture_line){labels[l], c->point[l], SIZES};
  }
}

static const char across[] = "samples in the mini-batch";

static bool print_dropout(FILE *data, FILE *script, const void *context)
{
  curves c;
  make_curves(&c, "dropout");
  const lks_picture picture = {.outcome = context,
                               .name = "dropout",
                               .title = "The dropout that is as noisy as a mini-batch",
                               .note = "mean and 95% interval",
                               .up = "rate of the dropout (%)",
                               .across = across,
                               .scale = 100,
                               .log_values = true,
                               .octaves = true};
  return lks_picture_lines(data, script, &picture, c.line, LAYERS);
}

/* Noise of the layers and the theory of a layer alone, which is a number over m. */
static bool print_law(FILE *data, FILE *script, const lks_study_outcome *o, const char *what,
                      const char *file, const char *title)
{
  curves c;
  const lks_spread theory =
      lks_readings_spread(&o->readings, "trained", "theory_8", o->plan->options.first_seed, o->seeds);
  make_curves(&c, what);
  const lks_picture picture = {.outcome = o,
                               .name = file,
                               .title = title,
                               .note = "mean and 95% interval; theory is dashed where it is too low",
                               .up = "variance of a normalized value",
                               .across = across,
                               .log_values = true,
                               .octaves = true,
                               .inverse = theory.count > 0 ? 8 * theory.mean : 0,
                               .inverse_from = FIRST_ORDER,
                               .inverse_label = "theory, one layer"};
  return lks_picture_lines(data, script, &picture, c.line, LAYERS);
}

static bool print_end(FILE *data, FILE *script, const void *context)
{
  return print_law(data, script, context, "end", "noise", "Noise on a fixed sample, all layers together");
}

static bool print_isolated(FILE *data, FILE *script, const void *context)
{
  return print_law(data, script, context, "isolated", "isolated",
                   "Noise on a fixed sample, each layer alone");
}

static const lks_study_figure figures[] = {
    {"dropout", "As much noise as which dropout?",
     "The rate of a dropout in front of a layer's weights that would add as much variance to its normalized values. Every layer takes the mini-batch's own mean and variance.",
     print_dropout},
    {"noise", "Noise end to end",
     "How much the normalized value of a fixed sample varies from mini-batch to mini-batch: 1 is as much as samples differ among themselves. The line without points is the theory for a layer alone; a later layer also gets the noise of those before it. Below 32 samples the theory, which is of first order, is too low, and dashed.",
     print_end},
    {"isolated", "Noise of each layer alone",
     "The same where only this layer's mean and variance come from the mini-batch, and those before it have the population's.",
     print_isolated},
};

static const lks_study_column columns[] = {
    {"dropout_2_8", "As dropout, 8 samples, %", 100},
    {"dropout_2_16", "16, %", 100},
    {"dropout_2_32", "32, %", 100},
    {"dropout_2_128", "128, %", 100},
    {"dropout_2_512", "512, %", 100},
    {"end_1_512", "Noise x 512, layer 1", 512},
    {"end_2_512", "Layer 2", 512},
    {"end_3_512", "Layer 3", 512},
};

static const lks_study_published published[] = {
    {"Noise of a normal value in a mini-batch of m, times m (here 512, a layer alone)",
     "1.5: 1 of the mean, 0.5 of the deviation, averaged over the samples",
     "Luo et al. 2019 (Towards understanding regularization in batch normalization), section 2", -1,
     "trained", "isolated_512", 512, NULL},
    {"Dropout of networks for ImageNet with batch norm, mini-batches of 32",
     "5% or 10% instead of 40% without (here the rate that batch norm's noise stands for)",
     "Ioffe & Szegedy 2015, section 4.2.3", DROPOUT, NULL, NULL, 0, NULL},
};

static const lks_study_change changes[] = {
    {"Read off one run, layer by layer.",
     "In each layer, noise (third column) halves when the mini-batch (second column) doubles; end to end (fourth column) it grows with depth.",
     "cut -d, -f1,2,4,5,7 studies/noise/runs/trained/seed-1/probe-noise.csv"},
    {"Put convolutions in the place of dense layers.",
     "A channel of bn1 and bn2 has many pixels in each sample, so a mini-batch knows its mean and variance better: far less noise. bn3, behind a dense layer, is as noisy as before.",
     "lockstep train data/digits.h5 --model cnn --epochs 3 --probe noise --probe-draws 20000 -o runs/conv; cut -d, -f1,2,4,5,7 runs/conv/probe-noise.csv"},
    {"Take more seeds.", "The intervals shrink, and what they lie around stays.",
     "lockstep study noise --seeds 10"},
    {"Ask whether the noise helps.", "Noise is one thing, and a better test loss is another.",
     "lockstep study regularization"},
};

static void limits(FILE *lines, const lks_study_outcome *o)
{
  fputs(
      "It is no dropout: all samples of a mini-batch get the same noise, a channel's shift and scale, where dropout draws for every value anew. The rate compares variances alone.\n",
      lines);
  fputs("That there is noise does not say that it helps: the study regularization asks that.\n", lines);
  fprintf(
      lines,
      "The theory is of first order: against it a layer's noise, alone, is %s with mini-batches of 32, and %s with 8.\n",
      o->finding[LEVEL_32].sentence, o->finding[LEVEL_8].sentence);
  fprintf(
      lines,
      "The theory is of one layer: a later one also gets the noise of those before it. End to end, with mini-batches of 512, the third layer's noise against the first one's is %s.\n",
      o->finding[THIRD].sentence);
  fprintf(
      lines,
      "The same mini-batches meet other weights after learning: the second layer's noise end to end, with mini-batches of 32, trained against one epoch, is %s.\n",
      o->finding[LEARNED].sentence);
  fputs(
      "Mini-batches are drawn with replacement. Training draws without, so that a mini-batch of m of N samples has less noise, by about 1 - m/N.\n",
      lines);
}

const lks_study lks_study_noise = {
    .name = "noise",
    .claim =
        "Mean and variance of just this mini-batch add noise to the activations, a bit like dropout; a larger mini-batch has less noise.",
    .question =
        "The weights are frozen. How much does the normalized value of a fixed sample vary with the mini-batch that it is normalized with, from 8 to 512 samples, and which dropout is as noisy?",
    .time = "half a minute",
    .data = "1,437 handwritten digits (8x8)",
    .plan = plan,
    .read = read_noise,
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
