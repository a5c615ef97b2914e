#ifndef LKS_REPORT_PLOT_H
#define LKS_REPORT_PLOT_H

#include <stdbool.h>
#include <stdio.h>

#include "report/table.h"

/** Prints NAME.dat and NAME.gp as text. Local. False: there is nothing to show, and nothing was printed. */
typedef bool lks_plot_print(FILE *data, FILE *script, const lks_table *table, const lks_results *results);

lks_plot_print lks_plot_error, lks_plot_curves, lks_plot_differences, lks_plot_gap, lks_plot_noise;

typedef struct lks_plot {
  const char *name, *title;
  const char *reading; /* how to read it */
  lks_plot_print *print;
} lks_plot;

/** Local. The plots, in the order of the report; static. */
const lks_plot *lks_plot_list(size_t *count);

/** Where a drawing's parts are, in pixels of the SVG; the PNG has twice as many. The key stands below. */
enum { LKS_PLOT_WIDTH = 520 };
typedef struct lks_canvas {
  const char *up, *across;  /* labels of the axes: above the upright one, below the other; NULL: none */
  size_t height;            /* of the axes' box alone */
  size_t left, top;         /* room beside the box */
  size_t keys, key_letters; /* entries of the key, letters of the longest one */
} lks_canvas;

/** An axis range. */
typedef struct lks_range {
  double low, high;
} lks_range;

/** Local. */
lks_range lks_range_none(void);
/** Local. Widens it to hold a value; one that is not finite is passed over. */
void lks_range_take(lks_range *range, double value);
/** Local. Some room at both ends, and never a width of 0, which gnuplot refuses. */
lks_range lks_range_pad(lks_range range);
/** Local. Prints `set AXISrange [LOW:HIGH]`. */
void lks_range_print(FILE *script, const char *axis, lks_range range);

/** Local. Opens a script: formats, fonts, places, and the colour, dashes and points of `styles` line styles
 * from 1 on. What is printed next is set once. */
void lks_plot_begin(FILE *script, const char *name, size_t styles, const lks_canvas *canvas);
/** Local. Height of the whole drawing. */
size_t lks_plot_height(const lks_canvas *canvas);
/** Local. What is printed next is drawn twice, as SVG and as PNG. */
void lks_plot_draw(FILE *script, const char *name);
void lks_plot_end(FILE *script);
/** Local. The logarithmic axis of normalization batches: powers of two, at most nine of them, and above how
 * many ranks of this size share a mini-batch. */
void lks_plot_group_axis(FILE *script, const lks_canvas *canvas, lks_range x, size_t batch);

/** Local. The same, and at most eight tics at round numbers: labels do not touch. */
void lks_range_print_round(FILE *script, const char *axis, lks_range range);

/** Local. The same for a logarithmic axis, with tics at 1, 2 and 5 where a few of powers of ten would be. */
void lks_range_print_decades(FILE *script, const char *axis, lks_range range);

/** A figure of one run: the median of its last five epochs, in percent or points; NaN: not measured. */
typedef double lks_figure(const lks_run *run);
lks_figure lks_figure_test_accuracy, lks_figure_test_error, lks_figure_gap;

/** Mean over the finished seeds of an arm and its 95% t interval, of width 0 when there is one seed. */
typedef struct lks_summary {
  size_t count;
  double mean, low, high;
} lks_summary;
/** Local. The figure of a run, NaN when it is not finished. */
double lks_seed_figure(const lks_results *results, size_t arm, size_t seed, lks_figure *figure);
lks_summary lks_summarize(const lks_results *results, size_t arm, lks_figure *figure);

/** Local. The arms with batch norm and a finished seed, by the size of the normalization batch. */
size_t lks_arms_by_group(size_t order[LKS_ARMS_MAX], const lks_results *results);

#endif
