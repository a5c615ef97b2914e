#include "study/picture.h"

#include <math.h>
#include <string.h>

enum { NOTE_MAX = LKS_TEXT_MAX + 320 };

void lks_picture_note(char *text, size_t size, const lks_study_outcome *outcome, const char *more)
{
  const lks_study_options *options = &outcome->plan->options;
  const char *slash = strrchr(options->data, '/');
  const char *data = options->data[0] == '\0' ? outcome->plan->study->data
                     : slash != NULL          ? slash + 1
                                              : options->data;
  snprintf(text, size, "%s; %zu seed%s%s%s", data, outcome->seeds, outcome->seeds == 1 ? "" : "s",
           more != NULL ? "; " : "", more != NULL ? more : "");
}

static lks_spread spread_of(const lks_picture *p, const char *arm, const char *quantity)
{
  const double scale = p->scale != 0 ? p->scale : 1;
  lks_spread s = (p->of_logs ? lks_readings_spread_of_logs : lks_readings_spread)(
      &p->outcome->readings, arm, quantity, p->outcome->plan->options.first_seed, p->outcome->seeds);
  s.mean *= scale;
  s.low *= scale;
  s.high *= scale;
  if (p->log_values && s.low <= 0) s.low = s.mean; /* an interval's end below 0 has no place there */
  return s;
}

static double reading_of(const lks_picture *p, const char *arm, const char *quantity, size_t seed)
{
  const double scale = p->scale != 0 ? p->scale : 1;
  return scale * lks_readings_value(&p->outcome->readings, arm, p->outcome->plan->options.first_seed + seed,
                                    quantity);
}

static void print_value_axis(FILE *script, const lks_picture *p, const char *axis, lks_range range)
{
  if (p->mark_label != NULL) lks_range_take(&range, p->mark);
  if (!p->log_values) {
    lks_range_print_round(script, axis, lks_range_pad(range));
    return;
  }
  fprintf(script, "set logscale %s\n", axis);
  lks_range_print_decades(script, axis, (lks_range){range.low / 1.2, range.high * 1.2});
}

/* Blanks end a gnuplot column, quotes hold it together. */
static void print_label(FILE *data, const char *label)
{
  fprintf(data, "\"%s\"", label);
}

static lks_range print_row_data(FILE *data, const lks_picture *p, const lks_picture_row *row, size_t rows)
{
  lks_range x = lks_range_none();
  fprintf(data, "# what, row, seeds, mean, low and high end of its 95%% interval\n");
  for (size_t i = 0; i < rows; i++) {
    const lks_spread s = spread_of(p, row[i].arm, row[i].quantity);
    if (s.count == 0) continue;
    print_label(data, row[i].label);
    fprintf(data, " %zu %zu %.8g %.8g %.8g\n", rows - i, s.count, s.mean, s.low, s.high);
    lks_range_take(&x, s.low);
    lks_range_take(&x, s.high);
  }
  fprintf(data, "\n\n# what, row, seed, value\n");
  for (size_t i = 0; i < rows; i++)
    for (size_t seed = 0; seed < p->outcome->seeds; seed++) {
      const double value = reading_of(p, row[i].arm, row[i].quantity, seed);
      if (!isfinite(value) || (p->log_values && value <= 0)) continue;
      print_label(data, row[i].label);
      fprintf(data, " %.2f %zu %.8g\n", (double)(rows - i) - 0.2 - 0.07 * (double)(seed % 3), seed + 1,
              value);
      lks_range_take(&x, value);
    }
  return x;
}

/* About nine pixels a letter, and never more than half of the picture. */
static size_t label_width(const lks_picture_row *row, size_t rows)
{
  size_t longest = 4;
  for (size_t i = 0; i < rows; i++)
    if (strlen(row[i].label) > longest) longest = strlen(row[i].label);
  const size_t width = 20 + 9 * longest;
  return width > LKS_PLOT_WIDTH / 2 ? LKS_PLOT_WIDTH / 2 : width;
}

static void print_mark(FILE *script, const lks_picture *p, bool upright)
{
  if (p->mark_label == NULL) return;
  if (upright)
    fprintf(script, "set arrow 1 from %.8g, graph 0 to %.8g, graph 1 nohead front lw 1.5 dt (6,4)\n", p->mark,
            p->mark);
  else
    fprintf(script,
            "set arrow 1 from graph 0, first %.8g to graph 1, first %.8g nohead front lw 1.5 dt (6,4)\n",
            p->mark, p->mark);
}

bool lks_picture_rows(FILE *data, FILE *script, const lks_picture *p, const lks_picture_row *row, size_t rows)
{
  char note[NOTE_MAX];
  const lks_range x = print_row_data(data, p, row, rows);
  if (!isfinite(x.low) || !isfinite(x.high) || x.low > x.high) return false;
  lks_picture_note(note, sizeof note, p->outcome, p->note);
  const lks_canvas canvas = {.title = p->title,
                             .note = note,
                             .across = p->across,
                             .height = 10 + (rows < 10 ? 44 : 32) * rows,
                             .left = label_width(row, rows),
                             .top = 14,
                             .keys = p->mark_label != NULL ? 3 : 2,
                             .key_letters = 18};
  lks_plot_begin(script, p->name, 0, &canvas);
  lks_range_print(script, "y", (lks_range){0.4, (double)rows + 0.5});
  fprintf(script, "set ytics scale 0 (");
  for (size_t i = 0; i < rows; i++) {
    fputs(i == 0 ? "" : ", ", script);
    lks_plot_text(script, row[i].label);
    fprintf(script, " %zu", rows - i);
  }
  fprintf(script, ")\nset grid noytics\n");
  print_value_axis(script, p, "x", x);
  print_mark(script, p, true);
  lks_plot_draw(script, p->name);
  fprintf(
      script,
      "plot data index 1 using 4:2 with points pt 7 ps 0.4 lc rgb '#707070' title 'one seed', \\\n"
      "  data index 0 using 4:2:5:6 with xerrorbars pt 7 ps 0.9 lw 2.5 lc rgb '#0072b2' title 'mean, 95%% interval'");
  if (p->mark_label != NULL) {
    fputs(", \\\n  NaN with lines lc rgb '#000000' lw 1.5 dt (6,4) title ", script);
    lks_plot_text(script, p->mark_label);
  }
  fputc('\n', script);
  lks_plot_end(script);
  return true;
}

typedef struct extent {
  lks_range x, y;
  size_t letters;
} extent;

static bool print_line_data(FILE *data, const lks_picture *p, const lks_picture_line *line, extent *e)
{
  bool any = false;
  fprintf(data, "# %s: x, mean, low and high end of its 95%% interval, seeds\n", line->label);
  for (size_t i = 0; i < line->points; i++) {
    const lks_picture_point *point = &line->point[i];
    const lks_spread s = spread_of(p, point->arm, point->quantity);
    if (s.count == 0) continue;
    any = true;
    fprintf(data, "%.8g %.8g %.8g %.8g %zu\n", point->x, s.mean, s.low, s.high, s.count);
    lks_range_take(&e->x, point->x);
    lks_range_take(&e->y, s.low);
    lks_range_take(&e->y, s.high);
  }
  if (!any) fprintf(data, "NaN NaN NaN NaN 0\n"); /* keeps its place among the blocks */
  fprintf(data, "\n\n");
  if (strlen(line->label) > e->letters) e->letters = strlen(line->label);
  return any;
}

static void print_x_axis(FILE *script, const lks_picture *p, lks_range x)
{
  const lks_range wide = {x.low / 1.3, x.high * 1.3};
  fprintf(script, "set logscale x%s\n", p->octaves ? " 2" : "");
  if (p->octaves)
    lks_range_print_octaves(script, "x", wide);
  else
    lks_range_print_decades(script, "x", wide);
}

/* Straight on logarithmic axes: two blocks of two points, below the size from which it holds and above. */
static void print_inverse_data(FILE *data, const lks_picture *p, extent *e)
{
  if (p->inverse == 0) return;
  const double from = fmin(fmax(p->inverse_from, e->x.low), e->x.high);
  const double end[] = {e->x.low, from, from, e->x.high};
  fprintf(data, "# %s: x, value; where it does not hold, and where it does\n", p->inverse_label);
  for (size_t i = 0; i < 4; i++)
    fprintf(data, "%.8g %.8g\n%s", end[i], p->inverse / end[i], i % 2 == 1 ? "\n\n" : "");
  lks_range_take(&e->y, p->inverse / e->x.low);
  lks_range_take(&e->y, p->inverse / e->x.high);
  if (strlen(p->inverse_label) > e->letters) e->letters = strlen(p->inverse_label);
}

static void print_inverse(FILE *script, const lks_picture *p, size_t lines)
{
  if (p->inverse == 0) return;
  fprintf(script, ", \\\n  data index %zu with lines lc rgb '#000000' lw 1.5 dt (6,4) notitle", lines);
  fprintf(script, ", \\\n  data index %zu with lines lc rgb '#000000' lw 1.5 dt solid title ", lines + 1);
  lks_plot_text(script, p->inverse_label);
}

bool lks_picture_lines(FILE *data, FILE *script, const lks_picture *p, const lks_picture_line *line,
                       size_t lines)
{
  char note[NOTE_MAX];
  bool any = false;
  extent e = {lks_range_none(), lks_range_none(), p->mark_label != NULL ? strlen(p->mark_label) : 0};
  for (size_t i = 0; i < lines; i++) any = print_line_data(data, p, &line[i], &e) || any;
  if (!any) return false;
  print_inverse_data(data, p, &e);
  lks_picture_note(note, sizeof note, p->outcome, p->note);
  const lks_canvas canvas = {.title = p->title,
                             .note = note,
                             .up = p->up,
                             .across = p->across,
                             .height = 300,
                             .left = 76,
                             .top = 30,
                             .keys = lines + (p->mark_label != NULL) + (p->inverse != 0),
                             .key_letters = e.letters};
  lks_plot_begin(script, p->name, lines, &canvas);
  print_x_axis(script, p, e.x);
  print_value_axis(script, p, "y", e.y);
  print_mark(script, p, false);
  lks_plot_draw(script, p->name);
  for (size_t i = 0; i < lines; i++) {
    const double aside =
        pow(1.03, (double)i - ((double)lines - 1) / 2); /* bars of two lines do not hide each other */
    fprintf(script, "%sdata index %zu using ($1*%.4f):2:3:4 with yerrorlines ls %zu title ",
            i == 0 ? "plot " : ", \\\n  ", i, aside, i + 1);
    lks_plot_text(script, line[i].label);
  }
  if (p->mark_label != NULL) {
    fputs(", \\\n  NaN with lines lc rgb '#000000' lw 1.5 dt (6,4) title ", script);
    lks_plot_text(script, p->mark_label);
  }
  print_inverse(script, p, lines);
  fputc('\n', script);
  lks_plot_end(script);
  return true;
}
