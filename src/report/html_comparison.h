#ifndef LKS_REPORT_HTML_COMPARISON_H
#define LKS_REPORT_HTML_COMPARISON_H

#include "report/html_parts.h"
#include "report/table.h"

/* The parts of a comparison's page that stand in files of their own. */

/** Local. The table of the arms. */
void lks_html_table(FILE *out, const lks_table *table, const lks_results *results);
/** Local. The table of the differences to the reference. */
void lks_html_differences(FILE *out, const lks_table *table, const lks_results *results);
/** Local. The noise of each arm and layer, as a table; nothing when none was measured. */
void lks_html_noise(FILE *out, const lks_results *results);
/** Local. Command, configuration, versions, machine. */
lks_status lks_html_setup(FILE *out, const lks_results *results);

#endif
