#ifndef LKS_STUDY_PICTURE_H
#define LKS_STUDY_PICTURE_H

#include <stdbool.h>

#include "study/study.h"

/* The two pictures that most studies need: rows of means with intervals, and lines of them over an axis. */

typedef struct lks_picture {
  const lks_study_outcome *outcome;
  const char *name, *title; /* of the figure's file; in the picture */
  const char *note;         /* under the title, behind data and seeds; NULL: none */
  const char *up, *across;  /* labels of the axes; rows have `across` alone */
  double scale;             /* of the readings; 0: 1 */
  bool log_values;          /* a logarithmic axis for the readings */
  bool of_logs; /* mean and interval are those of the logarithms: the readings differ by factors */
  double mark;  /* a line at this reading (times scale), with this label; NULL: none */
  const char *mark_label;
  /* lines alone */
  bool octaves;   /* x: powers of two; else decades */
  double inverse; /* a line inverse/x, of theory, dashed below inverse_from; 0: none */
  double inverse_from;
  const char *inverse_label;
} lks_picture;

/** A row: the mean of a reading over the seeds, its interval, and the seeds as small dots. */
typedef struct lks_picture_row {
  const char *label, *arm, *quantity;
} lks_picture_row;

typedef struct lks_picture_point {
  double x;
  const char *arm, *quantity;
} lks_picture_point;

typedef struct lks_picture_line {
  const char *label;
  const lks_picture_point *point;
  size_t points;
} lks_picture_line;

/** Local. For lks_figure_print; false when no run has any of them. */
bool lks_picture_rows(FILE *data, FILE *script, const lks_picture *picture, const lks_picture_row *row,
                      size_t rows);
bool lks_picture_lines(FILE *data, FILE *script, const lks_picture *picture, const lks_picture_line *line,
                       size_t lines);

/** Local. What stands under the title: the data, the seeds, and `more` unless it is NULL. */
void lks_picture_note(char *text, size_t size, const lks_study_outcome *outcome, const char *more);

#endif
