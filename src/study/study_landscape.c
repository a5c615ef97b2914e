#include <math.h>

#include "base/arena.h"
#include "base/integers.h"
#include "study/five_layers.h"
#include "study/pages.h"
#include "study/picture.h"
#include "study/study_list.h"
#include "train/probe_tables.h"

/* What lies ahead of a step: the loss and its gradient half, once, twice and four times the learning rate along the
 * gradient, with and without batch norm (Santurkar et al. 2018, section 3). The answer is read off at the rate of
 * 0.1. */

static const lks_study_arm arms[] = {
    {"none 0.1", "lr=0.1,bn=none"}, {"bn 0.1", "lr=0.1"},           {"none 0.03", "lr=0.03,bn=none"},
    {"bn 0.03", "lr=0.03"},         {"none 0.3", "lr=0.3,bn=none"}, {"bn 0.3", "lr=0.3"},
};

static lks_status plan(lks_study_plan *p)
{
  lks_comparison *c;
  const lks_status status = lks_five_layers_part_add(&c, p, "", LKS_PROBE_LANDSCAPE);
  return status ? status : lks_study_arms_add(c, p, arms, sizeof arms / sizeof *arms);
}

static lks_status read_columns(lks_readings *readings, const lks_study_run *run, const lks_landscape_row *row,
                               size_t count)
{
  const size_t stride = sizeof *row / sizeof(double);
  double *range = lks_new(count, sizeof *range);
  if (range == NULL) return LKS_ERR_RANK;
  for (size_t i = 0; i < count; i++) range[i] = row[i].high - row[i].low;
  lks_status status = lks_five_layers_column(readings, run, "range", "range_mean", range, 1, count);
  lks_free(range);
  if (!status)
    status = lks_five_layers_column(readings, run, "smoothness", "smoothness_mean", &row->smoothness, stride,
                                    count);
  return status ? status
                : lks_five_layers_column(readings, run, "change", "change_mean", &row->gradient_change,
                                         stride, count);
}

static lks_status read_run(lks_readings *readings, const lks_study_run *run)
{
  lks_landscape_row *row = NULL;
  size_t count = 0;
  bool whole;
  lks_status status = lks_five_layers_loss(&whole, readings, run);
  if (status || !whole) return status;
  status = lks_landscape_read(&row, &count, run->config.output);
  if (!status && count > 0) status = read_columns(readings, run, row, count);
  lks_free(row);
  return status;
}

enum {
  RANGE,
  SMOOTHNESS,
  CHANGE,
  RANGE_MEAN,
  SLOW_RANGE,
  FAST_RANGE,
  SLOW_SMOOTHNESS,
  FAST_SMOOTHNESS,
  LOSS
};

static const lks_effect effects[] = {
    [RANGE] = {.name = "Range of the losses along a step, without batch norm against with it",
               .kind = LKS_EFFECT_RATIO,
               .arm = "none 0.1",
               .quantity = "range",
               .reference = "bn 0.1",
               .more = "as wide",
               .less = "narrower",
               .margin = 1.1},
    [SMOOTHNESS] = {.name = "Effective smoothness (change of the gradient on the way), the same",
                    .kind = LKS_EFFECT_RATIO,
                    .arm = "none 0.1",
                    .quantity = "smoothness",
                    .reference = "bn 0.1",
                    .margin = 1.1},
    [CHANGE] = {.name = "Change of the gradient along a step, the same",
                .kind = LKS_EFFECT_RATIO,
                .arm = "none 0.1",
                .quantity = "change",
                .reference = "bn 0.1",
                .margin = 1.1},
    [RANGE_MEAN] = {.name = "Range of the losses, mean over the steps instead of the middle of them",
                    .kind = LKS_EFFECT_RATIO,
                    .arm = "none 0.1",
                    .quantity = "range_mean",
                    .reference = "bn 0.1",
                    .more = "as wide",
                    .less = "narrower",
                    .margin = 1.1},
    [SLOW_RANGE] = {.name = "Range of the losses at rate 0.03",
                    .kind = LKS_EFFECT_RATIO,
                    .arm = "none 0.03",
                    .quantity = "range",
                    .reference = "bn 0.03",
                    .more = "as wide",
                    .less = "narrower",
                    .margin = 1.1},
    [FAST_RANGE] = {.name = "Range of the losses at rate 0.3",
                    .kind = LKS_EFFECT_RATIO,
                    .arm = "none 0.3",
                    .quantity = "range",
                    .reference = "bn 0.3",
                    .more = "as wide",
                    .less = "narrower",
                    .margin = 1.1},
    [SLOW_SMOOTHNESS] = {.name = "Effective smoothness at rate 0.03",
                         .kind = LKS_EFFECT_RATIO,
                         .arm = "none 0.03",
                         .quantity = "smoothness",
                         .reference = "bn 0.03",
                         .margin = 1.1},
    [FAST_SMOOTHNESS] = {.name = "Effective smoothness at rate 0.3",
                         .kind = LKS_EFFECT_RATIO,
                         .arm = "none 0.3",
                         .quantity = "smoothness",
                         .reference = "bn 0.3",
                         .margin = 1.1},
    [LOSS] = {.name = "Final training loss at rate 0.1, without batch norm against with it",
              .kind = LKS_EFFECT_RATIO,
              .arm = "none 0.1",
              .quantity = "final_loss",
              .reference = "bn 0.1",
              .margin = 1.1},
};

static lks_claim judge(FILE *out, const lks_study_outcome *o)
{
  const lks_finding *f = o->finding;
  size_t more = 0, less = 0, equal = 0;
  for (int i = RANGE; i <= CHANGE; i++) {
    more += lks_finding_more(&f[i]);
    less += lks_finding_less(&f[i]);
    equal += f[i].verdict == LKS_VERDICT_EQUIVALENT;
  }
  fprintf(
      out,
      "%s. Without batch norm, against with it: the losses along a step range %s, the gradient changes on the way %s (effective smoothness), and from end to end %s.",
      more == 3             ? "The way ahead is smoother with batch norm"
      : more > 0 && !less   ? "The way ahead is smoother with batch norm in part"
      : less > 0 && !more   ? "The way ahead is rougher with batch norm"
      : more + less > 0     ? "The way ahead is smoother in one respect and rougher in another"
      : equal == CHANGE + 1 ? "The way ahead is as rough with batch norm as without"
                            : "These seeds do not tell whether the way ahead is smoother with batch norm",
      f[RANGE].sentence, f[SMOOTHNESS].sentence, f[CHANGE].sentence);
  return more == 3             ? LKS_CLAIM_SHOWN
         : more > 0            ? LKS_CLAIM_PARTLY
         : less > 0            ? LKS_CLAIM_CONTRADICTED
         : equal == CHANGE + 1 ? LKS_CLAIM_NOT_SHOWN
                               : LKS_CLAIM_UNDECIDED;
}

/* The landscapes of an arm, a seed each, and how many steps all of them have. */
typedef struct views {
  lks_landscape_row **row; /* [seeds] */
  size_t seeds, steps;
} views;

static void clear_views(views *v)
{
  for (size_t i = 0; i < v->seeds && v->row != NULL; i++) lks_free(v->row[i]);
  lks_free(v->row);
}

/* A seed that is missing makes no picture of the others wrong: it is left out. */
static void read_views(views *v, const lks_study_outcome *o, size_t arm)
{
  *v = (views){.row = lks_new(o->seeds, sizeof *v->row)};
  for (size_t seed = 0; seed < o->seeds && v->row != NULL; seed++) {
    lks_study_run run;
    size_t count = 0;
    lks_landscape_row *row = NULL;
    if (lks_study_run_make(&run, o->plan, 0, arm, seed) != LKS_OK) continue;
    if (lks_landscape_read(&row, &count, run.config.output) != LKS_OK || count == 0) continue;
    v->steps = v->seeds == 0 ? count : lks_min(v->steps, count);
    v->row[v->seeds++] = row;
  }
}

/* In the middle of the seeds; offset: of one of the row's numbers. */
static double middle(const views *v, size_t step, size_t offset, double *room)
{
  size_t count = 0;
  for (size_t i = 0; i < v->seeds; i++) {
    const double value = ((const double *)&v->row[i][step])[offset];
    if (isfinite(value)) room[count++] = value;
  }
  return lks_quantile(room, count, 0.5);
}

#define NUMBER(field) (offsetof(lks_landscape_row, field) / sizeof(double))

static lks_range print_view(FILE *data, const char *name, const views *v)
{
  lks_range y = lks_range_none();
  double *room = lks_new(v->seeds, sizeof *room);
  fprintf(data, "# %s: step, loss, least and greatest loss along the step; in the middle of %zu seeds\n",
          name, v->seeds);
  for (size_t i = 0; i < v->steps && room != NULL; i++) {
    const double low = middle(v, i, NUMBER(low), room), high = middle(v, i, NUMBER(high), room);
    fprintf(data, "%g %.8g %.8g %.8g\n", v->row[0][i].step, middle(v, i, NUMBER(loss), room), low, high);
    lks_range_take(&y, low);
    lks_range_take(&y, high);
  }
  fputs("\n\n", data);
  lks_free(room);
  return y;
}

static void print_range_script(FILE *script, const lks_study_outcome *o, lks_range y, double last)
{
  static const char *const label[] = {"none", "batch norm"};
  static const char *const colour[] = {"0072b2", "d55e00"};
  char note[LKS_TEXT_MAX + 320];
  lks_picture_note(note, sizeof note, o, "the middle one at each step");
  const lks_canvas canvas = {.title = "The losses that a step of 0.1 has ahead of it",
                             .note = note,
                             .up = "loss, half to four times the rate along the gradient",
                             .across = "step",
                             .height = 300,
                             .left = 76,
                             .top = 30,
                             .keys = 4,
                             .key_letters = 18};
  lks_plot_begin(script, "range", 0, &canvas);
  lks_range_print_decades(script, "y", (lks_range){y.low / 1.2, y.high * 1.2});
  fprintf(script, "set xrange [0:%g]\nset rmargin at screen 0.95\n", last);
  lks_plot_draw(script, "range");
  for (int i = 0; i < 2; i++)
    fprintf(script,
            "%sdata index %d using 1:3:4 with filledcurves fs transparent solid 0.3 noborder lc rgb '#%s' "
            "title '%s, range', \\\n"
            "  data index %d using 1:2 with lines lw 2 dt %s lc rgb '#%s' title '%s, loss'",
            i == 0 ? "plot " : ", \\\n  ", i, colour[i], label[i], i, i == 0 ? "solid" : "(8,4)", colour[i],
            label[i]);
  fputc('\n', script);
  lks_plot_end(script);
}

static bool print_range(FILE *data, FILE *script, const void *context)
{
  const lks_study_outcome *o = context;
  views view[2];
  lks_range both = lks_range_none();
  bool shown = true;
  for (size_t i = 0; i < 2; i++) {
    read_views(&view[i], o, i);
    shown = shown && view[i].seeds > 0;
  }
  for (size_t i = 0; i < 2 && shown; i++) {
    const lks_range y = print_view(data, arms[i].name, &view[i]);
    lks_range_take(&both, y.low);
    lks_range_take(&both, y.high);
  }
  shown = shown && both.low > 0 && both.high < INFINITY;
  if (shown)
    print_range_script(script, o, both, view[0].row[0][lks_min(view[0].steps, view[1].steps) - 1].step);
  for (size_t i = 0; i < 2; i++) clear_views(&view[i]);
  return shown;
}

static bool print_rates(FILE *data, FILE *script, const void *context, const char *name, const char *quantity,
                        const char *title, const char *up)
{
  const lks_picture_point none[] = {
      {0.03, "none 0.03", quantity}, {0.1, "none 0.1", quantity}, {0.3, "none 0.3", quantity}};
  const lks_picture_point norm[] = {
      {0.03, "bn 0.03", quantity}, {0.1, "bn 0.1", quantity}, {0.3, "bn 0.3", quantity}};
  const lks_picture_line line[] = {{"none", none, 3}, {"batch norm", norm, 3}};
  const lks_picture picture = {.outcome = context,
                               .name = name,
                               .title = title,
                               .note = "geometric mean and 95% interval",
                               .up = up,
                               .across = "learning rate",
                               .log_values = true,
                               .of_logs = true};
  return lks_picture_lines(data, script, &picture, line, 2);
}

static bool print_smoothness(FILE *data, FILE *script, const void *context)
{
  return print_rates(data, script, context, "smoothness", "smoothness",
                     "How fast the gradient turns on the way", "effective smoothness (lower is smoother)");
}

static bool print_change(FILE *data, FILE *script, const void *context)
{
  return print_rates(data, script, context, "change", "change", "How much the gradient changes along a step",
                     "greatest change of the gradient");
}

static const lks_study_figure figures[] = {
    {"range", "Range of the losses along each step",
     "At each step the loss was looked at half, once, twice and four times the learning rate along the gradient: the shade goes from the least to the greatest. A wide shade means that the length of the step matters much.",
     print_range},
    {"smoothness", "Effective smoothness at each learning rate",
     "The greatest change of the gradient over the way that was gone, divided by the gradient's length: what one gradient still says about the next.",
     print_smoothness},
    {"change", "Change of the gradient along a step at each learning rate",
     "The same change without a divisor: it also grows with the gradient itself.", print_change},
};

static const lks_study_column columns[] = {
    {"range", "Range of losses", 0},
    {"smoothness", "Effective smoothness", 0},
    {"change", "Change of the gradient", 0},
    {"final_loss", "Final training loss", 0},
};

static const lks_study_published published[] = {
    {"Range of the losses along the gradient, VGG on CIFAR-10",
     "much narrower with batch norm in all of training (a picture)", "Santurkar et al. 2018, figure 4a",
     RANGE, NULL, NULL, 0, NULL},
    {"Effective smoothness, the same network", "lower with batch norm (a picture)",
     "Santurkar et al. 2018, figure 4c", SMOOTHNESS, NULL, NULL, 0, NULL},
    {"Change of the gradient, the same network", "much smaller with batch norm (a picture)",
     "Santurkar et al. 2018, figure 4b", CHANGE, NULL, NULL, 0, NULL},
};

static const lks_study_change changes[] = {
    {"Look at every number.", "A step of four times the rate often raises the loss without batch norm.",
     "cut -d, -f1,2,7- studies/landscape/runs/none-0.1/seed-1/probe-landscape.csv"},
    {"Take one hidden layer.",
     "The losses along a step range no wider without batch norm than with it; the gradient still changes more.",
     "lockstep compare data/digits.h5 --model relu1 --bn sync,none --momentum 0 --weight-decay 0 --schedule constant --lr 0.1 --epochs 10 --probe landscape --seeds 5 -o runs/shallow; tail -n 2 runs/shallow/runs/*/seed-1/probe-landscape.csv"},
    {"Take clothes instead of digits.",
     "5,000 pictures of Fashion-MNIST (Debian: apt-get install dataset-fashion-mnist), three epochs: ratios above 5, 1.4 and 2.5 are expected.",
     "lockstep study landscape --data fashion-mnist -o fashion"},
};

static void limits(FILE *lines, const lks_study_outcome *o)
{
  const lks_finding *f = o->finding;
  fprintf(
      lines,
      "A smoother way is not yet a lower loss: after these steps the training loss without batch norm is, against with it, %s.\n",
      f[LOSS].sentence);
  fputs(
      "A step is the rate times the gradient, and gradients are longer without batch norm: a part of the range is that longer way. Effective smoothness is free of this.\n",
      lines);
  fputs(
      "With batch norm the length of weights in front of it does not matter, so that a step of the same length is not the same step.\n",
      lines);
  fprintf(lines, "The ratio depends on the rate: the range is %s at 0.03 and %s at 0.3.\n",
          f[SLOW_RANGE].sentence, f[FAST_RANGE].sentence);
  fputs(
      "The losses are those of the step's own mini-batch, and of four places on one line: not of the whole landscape.\n",
      lines);
}

const lks_study lks_study_landscape = {
    .name = "landscape",
    .claim = "Batch norm makes the landscape of the loss easier to navigate.",
    .question =
        "How much do loss and gradient change along each step, in a network of five layers, with and without batch norm?",
    .time = "ten seconds",
    .data = "1,437 handwritten digits (8x8)",
    .plan = plan,
    .read = read_run,
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
