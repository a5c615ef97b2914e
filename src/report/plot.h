#ifndef LKS_REPORT_PLOT_H
#define LKS_REPORT_PLOT_H

#include <stdbool.h>
#include <stdio.h>

#include "report/figure.h"
#include "report/table.h"

/* The pictures of a comparison. */

/** What they are drawn from: the context of their lks_figure_print. */
typedef struct lks_pictured {
  const lks_table *table;
  const lks_results *results;
} lks_pictured;

/* error: over the normalization batch where the arms differ in that alone, else an arm a row; noise: only there. */
lks_figure_print lks_plot_error, lks_plot_curves, lks_plot_differences, lks_plot_loss, lks_plot_gap,
    lks_plot_noise, lks_plot_error_rows;

typedef struct lks_plot {
  const char *name, *title;
  const char *reading; /* how to read it */
  const char
      *reading_rows; /* the same where the arms are more than normalization batches; NULL: the same words */
  lks_figure_print *print;
} lks_plot;

/** Local. The plots, in the order of the report; static. */
const lks_plot *lks_plot_list(size_t *count);

/** Local. The logarithmic axis of normalization batches, and above how many ranks of this size share a
 * mini-batch. */
void lks_plot_group_axis(FILE *script, const lks_canvas *canvas, lks_range x, size_t batch);

/** A figure of one run: the median of its last five epochs, in percent or points; NaN: not measured. */
typedef double lks_measure(const lks_run *run);
lks_measure lks_measure_test_accuracy, lks_measure_test_error, lks_measure_test_loss, lks_measure_gap;

/** Mean over the finished seeds of an arm that learned and its 95% t interval, of width 0 when there is one seed. */
typedef struct lks_summary {
  size_t count;
  double mean, low, high;
} lks_summary;
/** Local. The figure of a run, NaN when it is not finished or failed to learn. */
double lks_seed_measure(const lks_results *results, size_t arm, size_t seed, lks_measure *measure);
lks_summary lks_summarize(const lks_results *results, size_t arm, lks_measure *measure);

/** Local. The arms with batch norm and a finished seed, by the size of the normalization batch. */
size_t lks_arms_by_group(size_t order[LKS_ARMS_MAX], const lks_results *results);

#endif
