#ifndef LKS_REPORT_FIGURE_H
#define LKS_REPORT_FIGURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "lockstep/status.h"
#include "report/range.h"

/* A picture that gnuplot draws from a file of numbers: what all pictures of Lockstep have in common, of a
 * comparison or of anything else. */

/** Where a drawing's parts are, in pixels of the SVG; the PNG has twice as many. From above: title, note, the
 * axes' box, the key. */
enum { LKS_PLOT_WIDTH = 520 };
typedef struct lks_canvas {
  const char *title;       /* inside of the picture: a PNG alone explains itself; NULL: none; it is wrapped */
  const char *note;        /* under it, small: data, seeds, what a dot is; NULL: none; it is wrapped */
  const char *up, *across; /* labels of the axes: above the upright one, below the other; NULL: none */
  size_t height;           /* of the axes' box alone */
  size_t left, top;        /* room beside the box; above it, below title and note: at least 28 with `up` */
  size_t keys, key_letters; /* entries of the key, letters of the longest one */
} lks_canvas;

/** Local. Opens a script: formats, fonts, places, title, and the colour, dashes and points of `styles` line styles
 * from 1 on. What is printed next is set once. `data` is the name of the file of numbers in the script. */
void lks_plot_begin(FILE *script, const char *name, size_t styles, const lks_canvas *canvas);
/** Local. Height of the whole drawing; of title and note. */
size_t lks_plot_height(const lks_canvas *canvas);
size_t lks_plot_head(const lks_canvas *canvas);
/** Local. What gnuplot calls `screen Y`, of a place so many pixels below title and note. */
double lks_plot_place(const lks_canvas *canvas, double pixels);
/** Local. What is printed next is drawn twice, as SVG and as PNG. */
void lks_plot_draw(FILE *script, const char *name);
/** Local. Ends what lks_plot_draw began, and the script. */
void lks_plot_end(FILE *script);
/** Local. Prints a text as gnuplot's 'quoted text', whatever letters it has. */
void lks_plot_text(FILE *script, const char *text);
/** Local. Prints a text as one column of the data, in quotation marks when it has blanks. */
void lks_plot_word(FILE *data, const char *text);
/** Local. One of several boxes in a drawing, from `top` to `bottom`, pixels below title and note; its label is above it. */
void lks_plot_box(FILE *script, const lks_canvas *canvas, const char *label, double top, double bottom);
/** Local. Ends title, note and axes' labels: a multiplot would draw them again with its next box. */
void lks_plot_head_end(FILE *script, const lks_canvas *canvas);

/** Prints NAME.dat and NAME.gp as text: lks_plot_begin, ranges and tics, lks_plot_draw, `plot ...`, lks_plot_end.
 * Local. False: there is nothing to show, and nothing was printed. */
typedef bool lks_figure_print(FILE *data, FILE *script, const void *context);

/** Local. Writes FOLDER/NAME.dat and NAME.gp, and has gnuplot draw NAME.svg and NAME.png of them; those of an
 * earlier call are removed, and none is there when there is nothing to show. The folder is made. *drawn
 * false: there is no gnuplot. A picture that gnuplot refuses is warned of and no failure. Fails when the disk does. */
lks_status lks_figure_write(bool *drawn, const char *folder, const char *name, lks_figure_print *print,
                            const void *context);

#endif
