#include "study/network_drawing.h"

/* Two drawings above each other, on a grid of columns (layers) and of rows (units). */

enum { COLUMNS = 7, UNITS = 4, LOOKED_AT = 3 };
static const double apart = 1, middle[2] = {6.6, 0}; /* of the units; of the two drawings */

static double place(size_t unit)
{
  return apart * ((double)unit - (UNITS - 1) / 2.0);
}

/* Where a line may begin: at the edge of what covers the layers before the third one. */
static const double edge = LOOKED_AT - 0.5;

static void print_lines(FILE *data, int drawing, size_t column)
{
  const bool covered = drawing == 0 && column < LOOKED_AT;
  for (size_t i = 0; i < UNITS && !covered; i++)
    for (size_t j = 0; j < UNITS; j++) {
      const bool cut = drawing == 0 && column == LOOKED_AT;
      if (cut && i != j) continue;
      const double x = cut ? edge : (double)column - 1, y = middle[drawing] + place(i);
      fprintf(data, "%g %g %g %g\n", x, y, (double)column - x, middle[drawing] + place(j) - y);
    }
}

static void print_units(FILE *data, int drawing, size_t from, size_t to)
{
  for (size_t column = from; column < to; column++)
    for (size_t i = 0; i < UNITS; i++)
      if (drawing == 1 || column >= LOOKED_AT) fprintf(data, "%zu %g\n", column, middle[drawing] + place(i));
}

static void print_data(FILE *data)
{
  fputs("# lines that are there in both: x, y, and how far they reach\n", data);
  for (int drawing = 0; drawing < 2; drawing++)
    for (size_t column = 1; column < COLUMNS; column++)
      if (column != LOOKED_AT) print_lines(data, drawing, column);
  fputs("\n\n# lines into the third layer\n", data);
  for (int drawing = 0; drawing < 2; drawing++) print_lines(data, drawing, LOOKED_AT);
  fputs("\n\n# units: x, y\n", data);
  for (int drawing = 0; drawing < 2; drawing++) {
    print_units(data, drawing, 0, LOOKED_AT);
    print_units(data, drawing, LOOKED_AT + 1, COLUMNS);
  }
  fputs("\n\n# those of the third layer\n", data);
  for (int drawing = 0; drawing < 2; drawing++) print_units(data, drawing, LOOKED_AT, LOOKED_AT + 1);
}

static void print_words(FILE *script)
{
  static const char *const name[COLUMNS] = {"input", "1", "2", "3", "4", "5", "output"};
  const double below = 2.3;
  for (int drawing = 0; drawing < 2; drawing++)
    for (size_t i = drawing == 0 ? LOOKED_AT : 0; i < COLUMNS; i++)
      fprintf(script, "set label '%s' at %zu, %g center font ',14'\n", name[i], i, middle[drawing] - below);
  fprintf(
      script,
      "set object 1 rectangle from -0.4, %g to %g, %g fc rgb '#b8b8b8' fs solid noborder\n"
      "set label 'covered' at 1.05, %g center\n"
      "set label 'the layers before it are covered' at -0.4, %g left font ',14' tc rgb '#505050'\n"
      "set label 'uncovered: while they learn, what the third layer gets moves' at -0.4, %g left font ',14' tc rgb '#505050'\n",
      middle[0] - 2, edge, middle[0] + 2, middle[0], middle[0] + 2.5, middle[1] + 2.5);
}

bool lks_network_drawing(FILE *data, FILE *script, const void *context)
{
  static const lks_canvas canvas = {.title = "From the perspective of the third hidden layer",
                                    .note = "a drawing; the networks of this study have 100 units a layer",
                                    .height = 330,
                                    .left = 18,
                                    .top = 4,
                                    .keys = 1,
                                    .key_letters = 30};
  (void)context;
  print_data(data);
  lks_plot_begin(script, "network", 0, &canvas);
  fputs("unset border\nunset tics\nunset grid\n", script);
  fprintf(script, "set bmargin at screen %.4f\n",
          lks_plot_place(&canvas, (double)(canvas.top + canvas.height + 56)));
  lks_range_print(script, "x", (lks_range){-0.5, 6.5});
  lks_range_print(script, "y", (lks_range){-2.9, 9.5});
  print_words(script);
  lks_plot_draw(script, "network");
  fputs("plot data index 0 using 1:2:3:4 with vectors nohead lw 0.7 lc rgb '#a0a0a0' notitle, \\\n"
        "  data index 1 using 1:2:3:4 with vectors nohead lw 2 lc rgb '#d55e00' title 'what D looks at', \\\n"
        "  data index 2 using 1:2 with points pt 7 ps 2 lc rgb '#707070' notitle, \\\n"
        "  data index 3 using 1:2 with points pt 7 ps 2.4 lc rgb '#0072b2' notitle\n",
        script);
  lks_plot_end(script);
  return true;
}
