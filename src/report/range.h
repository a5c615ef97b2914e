#ifndef LKS_REPORT_RANGE_H
#define LKS_REPORT_RANGE_H

#include <stdio.h>

/** What an axis of a picture reaches over. */
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

/** Local. The same, and at most eight tics at round numbers: labels do not touch. */
void lks_range_print_round(FILE *script, const char *axis, lks_range range);

/** Local. The same for a logarithmic axis, with tics at 1, 2 and 5 where a few of powers of ten would be. */
void lks_range_print_decades(FILE *script, const char *axis, lks_range range);

/** Local. A logarithmic axis of powers of two, at most nine of them: batch sizes. */
void lks_range_print_octaves(FILE *script, const char *axis, lks_range range);

#endif
