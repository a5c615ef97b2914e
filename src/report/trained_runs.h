#ifndef LKS_REPORT_TRAINED_RUNS_H
#define LKS_REPORT_TRAINED_RUNS_H

#include "lockstep/config.h"
#include "report/figure.h"
#include "train/metrics.h"

/* Training runs beside each other, as their folders tell: config.ini and metrics.csv. Nothing is said of which is better: that
 * takes seeds, and `lockstep compare`. */

enum { LKS_RUN_LABEL = 160, LKS_RUNS_MAX = 32 };

typedef struct lks_trained_run {
  const char *folder;        /* borrowed */
  char label[LKS_RUN_LABEL]; /* the settings in which it differs from others, or its folder */
  lks_config config;
  lks_metrics_row *row; /* [epochs], owned */
  size_t epochs;
} lks_trained_run;

typedef struct lks_trained_runs {
  size_t count;
  lks_trained_run *run; /* [count], owned */
} lks_trained_runs;

/** Local. Reads them; folders are borrowed. LKS_ERR_DATA, LKS_ERR_IO when one is no run, or has not finished an epoch. */
lks_status lks_trained_runs_read(lks_trained_runs **runs, char *const *folder, size_t count);
/** Local. Takes NULL, sets NULL. */
void lks_trained_runs_destroy(lks_trained_runs **runs);
/** Local. Whether a folder holds a training run, and no comparison. */
bool lks_is_trained_run(const char *folder);

/** Local. The best epoch of a run in test accuracy and, of equal ones, test loss; it has epochs. */
const lks_metrics_row *lks_trained_run_best(const lks_trained_run *run);

/* Pictures of an lks_trained_runs, their context. "curves": loss and accuracy over the epochs, of training and test; "rate":
 * learning rate and speed. */
lks_figure_print lks_run_curves, lks_run_rates;

/** Local. Curves in a file, by the end of its name: .png, .svg, or .html, a page with a table as well. It is replaced if it is
 * there. LKS_ERR_USAGE for another end; LKS_ERR_IO, also when there is no gnuplot. */
lks_status lks_runs_plot(const char *path, const lks_trained_runs *runs);

/** Local. Makes FOLDER/report.html and FOLDER/plots of one run. Without gnuplot there are no pictures, which is a warning. Errors
 * as lks_trained_runs_read. */
lks_status lks_run_report(const char *folder);

#endif
