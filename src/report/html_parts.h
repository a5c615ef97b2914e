#ifndef LKS_REPORT_HTML_PARTS_H
#define LKS_REPORT_HTML_PARTS_H

#include <stdio.h>

#include "report/table.h"

/* What report.html is put together from: text for one FILE. */

/** Local. Text between tags, or in a quoted attribute. */
void lks_html_escape(FILE *out, const char *text);

/** Local. gnuplot's SVG as an element of a page: no prolog, its own title, and ids that begin with `name`,
 * since those of two drawings would else be the same. False, with nothing printed, if it is no SVG. */
bool lks_html_svg(FILE *out, const char *svg, const char *name, const char *title);

/** The page's style sheet. */
extern const char *const lks_html_style;

/** Local. The table of the arms. */
void lks_html_table(FILE *out, const lks_table *table, const lks_results *results);
/** Local. The table of the differences to the reference. */
void lks_html_differences(FILE *out, const lks_table *table, const lks_results *results);
/** Local. The noise of each arm and layer, as a table; nothing when none was measured. */
void lks_html_noise(FILE *out, const lks_results *results);
/** Local. Command, configuration, versions, machine. */
lks_status lks_html_setup(FILE *out, const lks_results *results);

#endif
