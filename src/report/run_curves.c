#include <math.h>
#include <string.h>

#include "report/trained_runs.h"

/* Columns of the data behind the epoch. */
enum { TRAIN_LOSS = 2, TEST_LOSS, TRAIN_ACCURACY, TEST_ACCURACY, RATE, SPEED };

typedef struct reach {
  size_t epochs, longest;                      /* letters of the longest label */
  lks_range loss, accuracy, late, rate, speed; /* late: accuracies of the second half of the epochs */
} reach;

static void take_row(reach *r, const lks_metrics_row *row, bool late)
{
  lks_range_take(&r->loss, row->train_loss);
  lks_range_take(&r->loss, row->test_loss);
  lks_range_take(&r->accuracy, 100 * row->train_accuracy);
  lks_range_take(&r->accuracy, 100 * row->test_accuracy);
  lks_range_take(&r->rate, row->lr);
  lks_range_take(&r->speed, row->images_per_second);
  if (!late) return;
  lks_range_take(&r->late, 100 * row->train_accuracy);
  lks_range_take(&r->late, 100 * row->test_accuracy);
}

static reach print_data(FILE *data, const lks_trained_runs *runs)
{
  reach r = {0, 0, lks_range_none(), lks_range_none(), lks_range_none(), lks_range_none(), lks_range_none()};
  for (size_t i = 0; i < runs->count; i++) {
    const lks_trained_run *run = &runs->run[i];
    fprintf(
        data,
        "%s# run %zu: epoch, training loss, test loss, training and test accuracy (%%), learning rate, images/s\n",
        i ? "\n\n" : "", i + 1);
    for (size_t e = 0; e < run->epochs; e++) {
      const lks_metrics_row *row = &run->row[e];
      fprintf(data, "%zu %.8g %.8g %.8g %.8g %.8g %.8g\n", row->epoch, row->train_loss, row->test_loss,
              100 * row->train_accuracy, 100 * row->test_accuracy, row->lr, row->images_per_second);
      take_row(&r, row, e >= run->epochs / 2);
    }
    if (run->epochs > r.epochs) r.epochs = run->epochs;
    if (strlen(run->label) > r.longest) r.longest = strlen(run->label);
  }
  return r;
}

/* One run has a colour for training and one for test; of many each has its own. */
static void print_panel(FILE *script, const lks_trained_runs *runs, int train, int test)
{
  const bool one = runs->count == 1;
  fputs("plot ", script);
  for (size_t i = 0; i < runs->count; i++) {
    if (i) fputs(", \\\n  ", script);
    fprintf(script, "data index %zu using 1:%d with lines ls %zu dt solid title ", i, test, i + 1);
    lks_plot_text(script, one ? "test" : runs->run[i].label);
    fprintf(script, ", \\\n  data index %zu using 1:%d with lines ls %zu dt (6,5) ", i, train,
            one ? 2 : i + 1);
    fputs(one ? "title 'training'" : "notitle", script);
  }
  fputc('\n', script);
}

static void begin(FILE *script, const char *name, const lks_canvas *canvas, const lks_trained_runs *runs,
                  size_t epochs)
{
  const bool one = epochs == 1;
  lks_plot_begin(script, name, runs->count + 1, canvas);
  lks_range_print(script, "x", (lks_range){one ? 0.5 : 1, one ? 1.5 : (double)epochs});
  fprintf(script, "set xtics %zu\n", 1 + (epochs - 1) / 8);
  if (one) fputs("set style data points\n", script);
  lks_plot_draw(script, name);
  fprintf(script, "set multiplot\nset key off\nset format x ''\nunset label 3\n");
}

/* What the second of two boxes has, and the first has not. */
static void go_on(FILE *script, const lks_canvas *canvas)
{
  fprintf(script,
          "unset logscale y\nset key on\nset format x '%%g'\n"
          "set label 3 'epoch' at screen 0.54, screen %.4f center\n",
          lks_plot_place(canvas, 576));
  lks_plot_head_end(script, canvas);
}

static void print_axis(FILE *script, lks_range range)
{
  if (range.low > 0 && range.high > 20 * range.low)
    lks_range_print_decades(script, "y", (lks_range){range.low / 1.2, range.high * 1.2});
  else
    lks_range_print_round(script, "y", lks_range_pad(range));
}

static lks_canvas canvas_of(const lks_trained_runs *runs, const reach *r, const char *title, const char *note,
                            size_t keys)
{
  const bool one = runs->count == 1;
  return (lks_canvas){.title = title,
                      .note = note,
                      .height = 500,
                      .left = 62,
                      .top = 28,
                      .keys = one ? keys : runs->count,
                      .key_letters = one ? 8 : r->longest};
}

bool lks_run_curves(FILE *data, FILE *script, const void *context)
{
  const lks_trained_runs *runs = context;
  reach r = print_data(data, runs);
  const char *note = runs->count == 1 ? runs->run[0].label : "solid: test; dashed: training";
  const lks_canvas canvas = canvas_of(runs, &r, "Loss and accuracy", note, 2);
  r.accuracy.low = fmax(r.accuracy.low, r.late.low - 2 * (r.late.high - r.late.low));
  begin(script, "curves", &canvas, runs, r.epochs);
  lks_plot_box(script, &canvas, "loss (nats)", 28, 258);
  print_axis(script, r.loss);
  print_panel(script, runs, TRAIN_LOSS, TEST_LOSS);
  go_on(script, &canvas);
  lks_plot_box(script, &canvas, "accuracy (%)", 298, 528);
  lks_range_print_round(script, "y", lks_range_pad(r.accuracy));
  print_panel(script, runs, TRAIN_ACCURACY, TEST_ACCURACY);
  fputs("unset multiplot\n", script);
  lks_plot_end(script);
  return true;
}

static void print_lines(FILE *script, const lks_trained_runs *runs, int column)
{
  fputs("plot ", script);
  for (size_t i = 0; i < runs->count; i++) {
    fprintf(script, "%sdata index %zu using 1:%d with lines ls %zu title ", i ? ", \\\n  " : "", i, column,
            i + 1);
    lks_plot_text(script, runs->run[i].label);
  }
  fputc('\n', script);
}

bool lks_run_rates(FILE *data, FILE *script, const void *context)
{
  const lks_trained_runs *runs = context;
  const reach r = print_data(data, runs);
  lks_canvas canvas = canvas_of(runs, &r, "Learning rate and speed",
                                "the learning rate is that of the last step of each epoch", 1);
  canvas.left = 78;
  canvas.key_letters = r.longest;
  begin(script, "rate", &canvas, runs, r.epochs);
  lks_plot_box(script, &canvas, "learning rate", 28, 258);
  lks_range_print_round(script, "y", lks_range_pad((lks_range){0, r.rate.high}));
  print_lines(script, runs, RATE);
  go_on(script, &canvas);
  lks_plot_box(script, &canvas, "images/s", 298, 528);
  lks_range_print_round(script, "y", lks_range_pad((lks_range){0, r.speed.high}));
  print_lines(script, runs, SPEED);
  fputs("unset multiplot\n", script);
  lks_plot_end(script);
  return true;
}
