#ifndef LKS_REPORT_HTML_COMPARISON_H
#define LKS_REPORT_HTML_COMPARISON_H

#include "report/html_parts.h"
#include "report/table.h"

/* The parts of a comparison's page that stand in files of their own. */

/** Local. The table of the arms. */
void lks_html_table(FILE *out, const lks_table *table, const lks_results *results);
/** Local. What each arm sets otherwise, and what its pairs with the reference share. */
void lks_html_arms(FILE *out, const lks_comparison *comparison);
/** Local. The table of the differences to the reference, in test accuracy or test loss. */
void lks_html_differences(FILE *out, const lks_table *table, const lks_results *results, bool loss);
/** Local. The noise of each arm and layer, as a table; nothing when none was measured. */
void lks_html_noise(FILE *out, const lks_results *results);
/** Local. Command, configuration, versions, machine. */
lks_status lks_html_setup(FILE *out, const lks_results *results);

#endif
