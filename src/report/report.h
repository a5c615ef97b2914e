#ifndef LKS_REPORT_REPORT_H
#define LKS_REPORT_REPORT_H

#include "report/table.h"

/** Local. DIR/plots/NAME.{dat,gp,svg,png}, drawn by gnuplot: error, curves, differences, gap, noise. *drawn
 * false and a warning that says what to install when there is no gnuplot; the data and scripts are written
 * all the same. */
lks_status lks_plots_write(bool *drawn, const lks_table *table, const lks_results *results);

/** Local. DIR/report.html: one file that opens offline, with the plots (SVG) inside when they were drawn. */
lks_status lks_html_write(const lks_table *table, const lks_results *results, bool plots);

/** Local. Everything that is made of a comparison's directory; prints the table and where the report is. */
lks_status lks_report(const char *directory);

#endif
