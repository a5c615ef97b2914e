#ifndef LKS_REPORT_GNUPLOT_H
#define LKS_REPORT_GNUPLOT_H

#include <stdbool.h>

#include "lockstep/status.h"

/** Local. Runs `gnuplot -d script` inside a folder and waits for its end. *found false: there is no gnuplot.
 * LKS_ERR_IO with the first line that it complained in, or that it took longer than the limit. */
lks_status lks_gnuplot_run(bool *found, const char *folder, const char *script);

#endif
