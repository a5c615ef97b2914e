#include "study/unit_picture.h"

#include <stddef.h>

#include "base/arena.h"
#include "study/pages.h"
#include "study/picture.h"
#include "train/probe_tables.h"

enum { NONE, NORM }; /* arms of the part */
static const char *const label[] = {"none", "batch norm"};

enum { BOX = 190, FIRST_BOX = 28, SECOND_BOX = FIRST_BOX + BOX + 62 };

/* The one of the units described whose values are the highest in the middle of the samples: relu hides less of it. */
static double choose_unit(const lks_activation_row *row, size_t count)
{
  double best = -1, unit = 0;
  for (size_t i = 0; i < count; i++) {
    double sum = 0;
    if (row[i].step > 0) break; /* the rows of the first measurement */
    for (size_t j = i; j < count; j++)
      if (row[j].unit == row[i].unit) sum += row[j].p50;
    if (row[i].unit < 0 || sum <= best) continue;
    best = sum;
    unit = row[i].unit;
  }
  return unit;
}

static lks_status read_unit(lks_activation_row **row, size_t *count, const lks_study_plan *plan, size_t arm)
{
  lks_study_run run;
  lks_status status = lks_study_run_make(&run, plan, LKS_UNIT_PICTURE_PART, arm, 0);
  return status ? status : lks_activations_read(row, count, run.config.output);
}

static lks_range print_unit_rows(FILE *data, const char *of, const lks_activation_row *row, size_t count,
                                 double unit)
{
  lks_range y = lks_range_none();
  fprintf(data, "# %s: step, 15, 50 and 85 percentile of unit %g\n", of, unit + 1);
  for (size_t i = 0; i < count; i++) {
    if (row[i].unit != unit) continue;
    fprintf(data, "%g %.8g %.8g %.8g\n", row[i].step, row[i].p15, row[i].p50, row[i].p85);
    lks_range_take(&y, row[i].p15);
    lks_range_take(&y, row[i].p85);
  }
  fputs("\n\n", data);
  return y;
}

static void print_box(FILE *script, const lks_canvas *canvas, size_t arm, lks_range y)
{
  const size_t top = arm == NONE ? FIRST_BOX : SECOND_BOX;
  fprintf(script, "set tmargin at screen %.4f\nset bmargin at screen %.4f\n",
          lks_plot_place(canvas, (double)top), lks_plot_place(canvas, (double)(top + BOX)));
  fprintf(script, "set label 1 '%s' at screen 0.02, screen %.4f left\n", label[arm],
          lks_plot_place(canvas, (double)top - 14));
  lks_range_print_round(script, "y", lks_range_pad(y));
  fprintf(
      script,
      "plot data index %zu using 1:2:4 with filledcurves lc rgb '#b4d3e6' title '15 to 85 of 100 samples', \\\n"
      "  data index %zu using 1:3 with lines lw 2.5 lc rgb '#0072b2' title 'the middle one'\n",
      arm, arm);
}

static void print_unit_script(FILE *script, const lks_study_outcome *o, const lks_range *y)
{
  char note[LKS_TEXT_MAX + 320];
  lks_picture_note(note, sizeof note, o, "shown: the first, at rate 0.3");
  const lks_canvas canvas = {.title = "One input of the third layer, step by step",
                             .note = note,
                             .across = "step",
                             .height = SECOND_BOX - FIRST_BOX + BOX,
                             .left = 60,
                             .top = FIRST_BOX,
                             .keys = 2,
                             .key_letters = 24};
  lks_plot_begin(script, "unit", 0, &canvas);
  fputs("set rmargin at screen 0.95\n", script);
  lks_plot_draw(script, "unit");
  fputs("set multiplot\nset key off\nunset label 3\n", script);
  print_box(script, &canvas, NONE, y[NONE]);
  fprintf(script, "set key on\nset label 3 'step' at screen 0.54, screen %.4f center\n",
          lks_plot_place(&canvas, SECOND_BOX + BOX + 48));
  lks_plot_head_end(script, &canvas);
  print_box(script, &canvas, NORM, y[NORM]);
  fputs("unset multiplot\n", script);
  lks_plot_end(script);
}

bool lks_unit_picture(FILE *data, FILE *script, const void *context)
{
  const lks_study_outcome *o = context;
  lks_activation_row *row[2] = {NULL, NULL};
  size_t count[2] = {0, 0};
  lks_range y[2] = {lks_range_none(), lks_range_none()};
  bool shown = true;
  for (size_t i = 0; i < 2; i++)
    shown = shown && read_unit(&row[i], &count[i], o->plan, i) == LKS_OK && count[i] > 0;
  const double unit = shown ? choose_unit(row[NONE], count[NONE]) : 0;
  for (size_t i = 0; i < 2 && shown; i++) y[i] = print_unit_rows(data, label[i], row[i], count[i], unit);
  shown = shown && y[NONE].low <= y[NONE].high && y[NORM].low <= y[NORM].high;
  if (shown) print_unit_script(script, o, y);
  for (size_t i = 0; i < 2; i++) lks_free(row[i]);
  return shown;
}
