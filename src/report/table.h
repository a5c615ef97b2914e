#ifndef LKS_REPORT_TABLE_H
#define LKS_REPORT_TABLE_H

#include "compare/results.h"
#include "statistics/statistics.h"

/** The five figures of a finished run, each from the medians of the last five epochs: accuracies in percent,
 * the gap (training minus test accuracy) in points. */
typedef struct lks_run_figures {
  double train_loss, train_accuracy, test_loss, test_accuracy, gap;
} lks_run_figures;

/** Local. */
lks_run_figures lks_run_figures_make(const lks_run *run);

/** One arm of the table. Figures are means over its finished seeds of the median of the last five epochs;
 * accuracies in percent. */
typedef struct lks_table_row {
  const lks_arm *arm;   /* borrowed from the results */
  double ranks;         /* that the arm stands for: batch size / group; 0: none */
  size_t seeds, paired; /* finished; finished together with the reference's */
  double lr;
  double train_loss, train_accuracy, test_loss, test_accuracy,
      gap;                        /* gap: training minus test accuracy, points */
  double test_accuracy_deviation; /* over seeds, points */
  double precise_loss, precise_accuracy;
  double images_per_second, bn_share;
  /* test accuracy minus the reference's, in points; of the reference itself: count = 0 and NaN */
  lks_paired paired_test;
  double sign_flip, holm; /* p of the sign flips; p of the t test adjusted over the arms */
  lks_equivalence equivalence;
  char sentence[256]; /* in plain words */
} lks_table_row;

typedef struct lks_table {
  size_t rows;
  lks_table_row row[LKS_ARMS_MAX];
} lks_table;

/** Local. From the runs that are finished; what cannot be computed is NaN. Fails when memory runs out. */
lks_status lks_table_make(lks_table *table, const lks_results *results);

/** Local. table.csv (an arm a line), runs.csv (a run a line: arm, seed, the five figures, fingerprint),
 * noise.csv (arm, layer, measured and theoretical noise) and report.md in the comparison's directory, each
 * written atomically. Numbers depend on the arms, seeds and settings alone; times stand in the last columns.
 */
lks_status lks_table_write(const lks_table *table, const lks_results *results);

/** Local. The table and the sentences as plain text, for a terminal of 80 columns or more. Freed with
 * lks_free. */
lks_status lks_table_text(char **text, const lks_table *table, const lks_results *results);

#endif
