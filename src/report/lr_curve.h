#ifndef LKS_REPORT_LR_CURVE_H
#define LKS_REPORT_LR_CURVE_H

#include <stdio.h>

#include "train/lr_range.h"

/** Local. The table of a range test, in words what it says, and what to take; for 80 columns. */
void lks_lr_print(FILE *out, const lks_lr_range *range);

/** Local (rank 0). Writes find-lr.csv (step, lr, loss, smoothed) and the picture find-lr.svg and .png, with .dat and .gp, into a
 * folder, which is made; what an earlier test left there is replaced. Without gnuplot there is no picture, which is a warning.
 * LKS_ERR_IO. */
lks_status lks_lr_write(const char *folder, const lks_lr_range *range);

#endif
