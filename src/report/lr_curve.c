#include "report/lr_curve.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/csv.h"
#include "base/file.h"
#include "base/log.h"
#include "base/printed.h"
#include "base/wrapped.h"
#include "report/figure.h"

enum { ROWS = 20, TEXT = 512 };

static const char *note_of(const lks_lr_range *range, const lks_lr_reading *r, size_t i)
{
  if (!r->falls) return "";
  if (i == r->fastest) return "  falls fastest";
  if (i == r->lowest && i + 1 < range->count) return "  lowest";
  return "";
}

/* Every so many steps, and those that the answer is about. */
static void print_rows(FILE *out, const lks_lr_range *range, const lks_lr_reading *r)
{
  const size_t apart = (range->count + ROWS - 1) / ROWS;
  fprintf(out, "%6s %12s %12s %12s\n", "step", "lr", "loss", "smoothed");
  for (size_t i = 0; i < range->count; i++) {
    const lks_lr_point *p = &range->point[i];
    const char *note = note_of(range, r, i);
    if (i % apart && i + 1 < range->count && !note[0]) continue;
    fprintf(out, "%6zu %12.3g %12.5g %12.5g%s\n", i + 1, p->lr, p->loss, p->smoothed, note);
  }
}

static void print_answer(FILE *out, const lks_lr_range *range, const lks_lr_reading *r)
{
  char text[TEXT];
  const lks_lr_point *p = range->point;
  const bool open = r->lowest + 1 >= range->count && !range->diverged;
  if (!r->falls) {
    snprintf(
        text, sizeof text,
        "no suggestion: the smoothed loss does not fall by a tenth between %.3g and %.3g. If it rises at once, begin with a lower --from; if it is flat, go on to a higher --to, or take more --steps",
        range->sweep.from, range->count ? p[range->count - 1].lr : range->sweep.to);
    lks_wrapped_print(out, text, 0, 0);
    return;
  }
  snprintf(
      text, sizeof text,
      "suggestion: --lr %.2g, a tenth of %.2g, where the smoothed loss is lowest%s. It falls fastest at %.2g; learning rates from there up to the lowest point are worth a try",
      r->suggestion, p[r->lowest].lr,
      open ? " (the highest one tried: it may go on falling with a higher --to)" : "", p[r->fastest].lr);
  lks_wrapped_print(out, text, 0, 0);
}

void lks_lr_print(FILE *out, const lks_lr_range *range)
{
  char text[TEXT];
  const lks_lr_reading reading = lks_lr_read(range);
  print_rows(out, range, &reading);
  if (range->diverged)
    snprintf(text, sizeof text, "it broke down after %zu of %zu steps, with a learning rate of %.3g",
             range->count, range->sweep.steps,
             range->count ? range->point[range->count - 1].lr : range->sweep.from);
  else
    snprintf(text, sizeof text, "it did not break down in %zu steps", range->count);
  lks_wrapped_print(out, text, 0, 0);
  print_answer(out, range, &reading);
}

static void print_csv(FILE *out, const lks_lr_range *range)
{
  fputs("step,lr,loss,smoothed\n", out);
  for (size_t i = 0; i < range->count; i++) {
    const double value[] = {range->point[i].lr, range->point[i].loss, range->point[i].smoothed};
    fprintf(out, "%zu", i + 1);
    for (int v = 0; v < 3; v++) {
      char number[LKS_NUMBER_MAX];
      lks_number_print(number, value[v], "");
      fprintf(out, ",%s", number);
    }
    fputc('\n', out);
  }
}

/* What breaks down would flatten all else. */
static lks_range heights(const lks_lr_range *range, const lks_lr_reading *r)
{
  const lks_lr_point *p = range->point;
  lks_range y = lks_range_none();
  for (size_t i = 0; i <= r->lowest; i++) lks_range_take(&y, p[i].smoothed);
  lks_range_take(&y, p[r->lowest].smoothed + 1.1 * (y.high - p[r->lowest].smoothed));
  return lks_range_pad(y);
}

static void print_mark(FILE *script, int tag, double lr, const char *colour)
{
  fprintf(script, "set arrow %d from %.10g, graph 0 to %.10g, graph 1 nohead lw 2 dt (6,4) lc rgb '%s'\n",
          tag, lr, lr, colour);
}

static bool print_figure(FILE *data, FILE *script, const void *context)
{
  const lks_lr_range *range = context;
  const lks_lr_reading r = lks_lr_read(range);
  char note[TEXT];
  if (range->count < 2) return false;
  if (r.falls)
    snprintf(note, sizeof note,
             "suggestion (orange): %.2g, a tenth of %.2g, where the smoothed loss is lowest (grey)",
             r.suggestion, range->point[r.lowest].lr);
  else
    snprintf(note, sizeof note, "the smoothed loss does not fall by a tenth");
  const lks_canvas canvas = {.title = "Learning rate range test",
                             .note = note,
                             .up = "training loss (nats)",
                             .across = "learning rate",
                             .height = 320,
                             .left = 62,
                             .top = 30,
                             .keys = 2,
                             .key_letters = 22};
  fputs("# learning rate, loss, smoothed loss\n", data);
  for (size_t i = 0; i < range->count; i++)
    fprintf(data, "%.8g %.8g %.8g\n", range->point[i].lr, range->point[i].loss, range->point[i].smoothed);
  lks_plot_begin(script, "find-lr", 2, &canvas);
  lks_range_print_decades(script, "x", (lks_range){range->point[0].lr, range->point[range->count - 1].lr});
  fputs("set format x '%g'\n", script);
  lks_range_print_round(script, "y", heights(range, &r));
  if (r.falls) print_mark(script, 1, r.suggestion, "#d55e00");
  if (r.falls) print_mark(script, 2, range->point[r.lowest].lr, "#909090");
  lks_plot_draw(script, "find-lr");
  fputs("plot data using 1:2 with lines lw 1 lc rgb '#a0a0a0' title 'loss of a step', \\\n"
        "  data using 1:3 with lines ls 1 title 'smoothed'\n",
        script);
  lks_plot_end(script);
  return true;
}

static lks_status write_csv(const char *folder, const lks_lr_range *range)
{
  char path[LKS_TEXT_MAX + 64];
  lks_printed printed;
  snprintf(path, sizeof path, "%s/find-lr.csv", folder);
  const lks_status status = lks_printed_begin(&printed);
  if (status) return status;
  print_csv(printed.stream, range);
  return lks_printed_file(path, &printed);
}

lks_status lks_lr_write(const char *folder, const lks_lr_range *range)
{
  bool drawn = true;
  lks_status status = lks_folder_make_own(folder);
  if (!status) status = write_csv(folder, range);
  if (!status) status = lks_figure_write(&drawn, folder, "find-lr", print_figure, range);
  if (!status && !drawn)
    lks_warn(
        "there is no gnuplot, and so no picture: install it (Debian: apt-get install gnuplot-nox), and draw it with: cd %s && gnuplot find-lr.gp",
        folder);
  return status;
}
