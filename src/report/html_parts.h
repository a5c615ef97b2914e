#ifndef LKS_REPORT_HTML_PARTS_H
#define LKS_REPORT_HTML_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "lockstep/status.h"

/* What a page is put together from, report.html or another one: text for one FILE. */

/** Local. Text between tags, or in a quoted attribute. */
void lks_html_escape(FILE *out, const char *text);

/** Local. A page from its beginning to its heading, with the style sheet; and from there to its end. The title is
 * text, not HTML. */
void lks_html_begin(FILE *out, const char *title);
void lks_html_end(FILE *out);

/** Local. gnuplot's SVG as an element of a page: no prolog, its own title, and ids that begin with `name`,
 * since those of two drawings would else be the same. False, with nothing printed, if it is no SVG. */
bool lks_html_svg(FILE *out, const char *svg, const char *name, const char *title);

/** Local. Pictures between these stand side by side where the page is wide enough. */
void lks_html_figures_begin(FILE *out);
void lks_html_figures_end(FILE *out);
/** Local. The picture FOLDER/NAME.svg of lks_figure_write, with how to read it as its caption. The title is for
 * those who hear it: the picture has its own. Both are text; *shown counts it. Nothing is printed when there is no
 * such file. */
lks_status lks_html_figure(FILE *out, size_t *shown, const char *folder, const char *name, const char *title,
                           const char *reading);

/** Local. A table that scrolls inside of its box when it is wide, also with the keys. `name` says to a screen
 * reader what it is. The first cell of a row is its heading; all is text. */
void lks_html_table_begin(FILE *out, const char *name, const char *const *headings, size_t count);
void lks_html_table_row(FILE *out, const char *heading);
void lks_html_table_cell(FILE *out, const char *text);
void lks_html_table_text(FILE *out, const char *text); /* a cell of words, which are wrapped */
void lks_html_table_row_end(FILE *out);
void lks_html_table_end(FILE *out);

#endif
