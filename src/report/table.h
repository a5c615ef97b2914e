#ifndef LKS_REPORT_TABLE_H
#define LKS_REPORT_TABLE_H

#include "compare/results.h"
#include "statistics/statistics.h"
#include "statistics/verdict.h"

/** The five figures of a finished run, each from the medians of the last five epochs: accuracies in percent,
 * the gap (training minus test accuracy) in points. All NaN of a run that diverged. */
typedef struct lks_run_figures {
  double train_loss, train_accuracy, test_loss, test_accuracy, gap;
} lks_run_figures;

/** Local. */
lks_run_figures lks_run_figures_make(const lks_run *run);

/** What became of a finished run. */
typedef enum lks_learning {
  LKS_LEARNING_DONE,
  LKS_LEARNING_CHANCE, /* it stayed where guesses are (lks_chance_explains) */
  LKS_LEARNING_DIVERGED
} lks_learning;
/** Local. */
lks_learning lks_run_learning(const lks_run *run, const lks_chance *chance);
/** Local. Finished, and no failure. */
bool lks_run_learned(const lks_run *run, const lks_chance *chance);

/** Means over runs of an arm of the median of the last five epochs; accuracies in percent. */
typedef struct lks_arm_figures {
  size_t seeds;
  double train_loss, train_accuracy, test_loss, test_accuracy, gap;
  double test_accuracy_deviation; /* over seeds, points */
  double precise_loss, precise_accuracy;
} lks_arm_figures;

/** An arm minus the reference, paired by seed; of the reference itself count = 0 and NaN. */
typedef struct lks_difference {
  lks_paired pair;
  double sign_flip, holm; /* p of the sign flips; p of the t test adjusted over the arms */
  lks_equivalence equivalence;
  bool same; /* equal fingerprints */
} lks_difference;

/** What is said of an arm against the reference: of all pairs, and of those in which no run failed to learn. The
 * verdict is of the latter. */
typedef struct lks_comparing {
  lks_difference all, learned;
  lks_verdict verdict;
  char sentence[768]; /* in plain words */
} lks_comparing;

/** One arm of the table. */
typedef struct lks_table_row {
  const lks_arm *arm;   /* borrowed from the results */
  double ranks;         /* that the arm stands for: batch size / group; 0: none */
  size_t seeds, paired; /* finished; finished together with the reference's */
  size_t failed;        /* of these seeds: runs that failed to learn, diverged ones too */
  double lr;
  lks_arm_figures all, learned; /* of all runs that have figures; of those that did not fail */
  double images_per_second, bn_share;
  lks_comparing accuracy, loss; /* test accuracy in points; test loss */
} lks_table_row;

typedef struct lks_table {
  size_t rows;
  size_t failed; /* runs of all arms */
  lks_table_row row[LKS_ARMS_MAX];
} lks_table;

/** Local. From the runs that are finished; what cannot be computed is NaN. Fails when memory runs out. */
lks_status lks_table_make(lks_table *table, const lks_results *results);

/** Local. The figures to show of an arm: those of the runs that learned, or of all when none did. */
const lks_arm_figures *lks_row_figures(const lks_table_row *row);

/** Local. In a sentence, which of test accuracy and test loss answered; "" of the reference. */
const char *lks_row_answer(const lks_table_row *row);

/** Local. "seed 3: 9.80%, seed 4: diverged" of an arm's runs that failed, at most `most` of them. Returns their
 * number. */
size_t lks_failures_write(char *text, size_t size, const lks_results *results, size_t arm, size_t most);

/** Local. table.csv (an arm a line), runs.csv (a run a line: arm, seed, the five figures, fingerprint),
 * noise.csv (arm, layer, measured and theoretical noise) and report.md in the comparison's directory, each
 * written atomically. Numbers depend on the arms, seeds and settings alone; times stand in the last columns.
 */
lks_status lks_table_write(const lks_table *table, const lks_results *results);

/** Local. The table and the sentences as plain text, for a terminal of 80 columns or more. Freed with
 * lks_free. */
lks_status lks_table_text(char **text, const lks_table *table, const lks_results *results);

#endif
