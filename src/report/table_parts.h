#ifndef LKS_REPORT_TABLE_PARTS_H
#define LKS_REPORT_TABLE_PARTS_H

#include <stdio.h>

#include "report/table.h"

/* The table for people, rounded: the same cells for a terminal, Markdown and HTML. */

enum {
  LKS_CELL_ARM, /* the only one that is text: the others are set flush right */
  LKS_CELL_GROUP,
  LKS_CELL_RANKS,
  LKS_CELL_SEEDS,
  LKS_CELL_TRAIN_LOSS,
  LKS_CELL_TEST_LOSS,
  LKS_CELL_PRECISE_LOSS,
  LKS_CELL_TEST_ACCURACY,
  LKS_CELL_PRECISE_ACCURACY,
  LKS_CELL_GAP,
  LKS_CELL_SPEED, /* from here on times, which depend on the machine */
  LKS_CELL_BN_SHARE,
  LKS_CELLS
};
enum { LKS_CELL_MAX = 32 };

typedef struct lks_column {
  const char *name, *unit; /* for two narrow lines */
  const char *heading;     /* for one line */
} lks_column;

extern const lks_column lks_table_columns[LKS_CELLS];

typedef char lks_cell[LKS_CELL_MAX];

/** Local. Which columns there are, in order, from `first` up to `end`: those of the normalization batch where
 * the arms differ in that alone. Returns their number. */
size_t lks_table_shown(size_t shown[LKS_CELLS], const lks_comparison *comparison, size_t first, size_t end);

/** Local. The cells of a row of a comparison of so many seeds; "-" for what is not there. Of an arm with failed
 * runs the figures are those of the others. */
void lks_table_cells(lks_cell cell[LKS_CELLS], const lks_table_row *row, size_t seeds);

/** Local. p as "0.012", "< 0.001" or "-". */
void lks_cell_print_p(lks_cell cell, double p);
/** Local. A number with its sign and so many digits behind the point, "-" for NaN. */
void lks_cell_print_signed(lks_cell cell, double value, int digits);

/** Local. The learning rate of each arm, in one line. */
void lks_table_print_rates(FILE *stream, const lks_table *table);

/** Local. The sentences and verdicts of all rows, when everything else is there (part of lks_table_make). */
void lks_table_say(lks_table *table, const lks_results *results);

/** Local. Finished runs of a comparison. */
size_t lks_table_runs(const lks_table *table);

/** Local. Writes report.md. */
lks_status lks_table_markdown(const lks_table *table, const lks_results *results);

#endif
