#include "report/figure.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/log.h"
#include "base/printed.h"
#include "base/temporary.h"
#include "lockstep/config.h"
#include "report/gnuplot.h"

enum { PATH_SIZE = LKS_TEXT_MAX + 64 };
enum { TITLE_LETTERS = 50, TITLE_LINE = 23, NOTE_LETTERS = 72, NOTE_LINE = 19 };
enum { TITLE_LABEL = 101, NOTE_LABEL = 201 };

void lks_plot_text(FILE *script, const char *text)
{
  fputc('\'', script);
  for (const char *c = text; *c != '\0'; c++) fputs(*c == '\'' ? "''" : (char[]){*c, '\0'}, script);
  fputc('\'', script);
}

void lks_plot_word(FILE *data, const char *text)
{
  const char *mark = strpbrk(text, " \t") != NULL ? "\"" : "";
  fprintf(data, "%s%s%s", mark, text, mark);
}

/* Bytes of UTF-8 that hold at most so many letters; what is no UTF-8 counts a letter a byte. */
static size_t bytes_of(const char *text, size_t letters)
{
  size_t bytes = 0;
  for (size_t i = 0; i < letters && text[bytes] != '\0'; i++) do
      bytes++;
    while (((unsigned char)text[bytes] & 0xc0) == 0x80);
  return bytes;
}

/* Length of the first line: up to the last blank that fits, or cut when a word is longer than a line. */
static size_t line_length(const char *text, size_t letters)
{
  const size_t most = bytes_of(text, letters);
  if (text[most] == '\0') return most;
  for (size_t i = most; i > 0; i--)
    if (text[i] == ' ') return i;
  return most;
}

static size_t count_lines(const char *text, size_t letters)
{
  size_t lines = 0;
  for (; text != NULL && *text != '\0'; lines++) {
    text += line_length(text, letters);
    text += strspn(text, " ");
  }
  return lines;
}

size_t lks_plot_head(const lks_canvas *canvas)
{
  const size_t titles = count_lines(canvas->title, TITLE_LETTERS),
               notes = count_lines(canvas->note, NOTE_LETTERS);
  return TITLE_LINE * titles + NOTE_LINE * notes + (titles + notes > 0 ? 12 : 0);
}

/* In gnuplot's "quoted text" that is evaluated later, where a text stands in single quotes. */
static void print_letter(FILE *script, char c)
{
  if (c == '"' || c == '\\') fputc('\\', script);
  fputs(c == '\'' ? "''" : (char[]){c, '\0'}, script);
}

/* Labels from a number on, a line each; *from is the middle of the first one, pixels below the edge. */
static void print_lines(FILE *script, int label, const char *text, size_t letters, const char *look,
                        double *from, double apart, double height)
{
  for (; text != NULL && *text != '\0'; label++, *from += apart) {
    const size_t length = line_length(text, letters);
    fprintf(script, "set label %d '", label);
    for (size_t i = 0; i < length; i++) print_letter(script, text[i]);
    fprintf(script, "' at screen 0.02, screen %.4f left %s; ", 1 - *from / height, look);
    text += length;
    text += strspn(text, " ");
  }
}

/* Title and note. In an SVG a bold font would be one of a name that nobody has: there the title is larger. */
static void print_head(FILE *script, const lks_canvas *canvas)
{
  const double height = (double)lks_plot_height(canvas);
  double from = 16;
  fputs("head = \"", script);
  print_lines(script, TITLE_LABEL, canvas->title, TITLE_LETTERS, "font (format eq 'svg' ? ',18' : ':Bold')",
              &from, TITLE_LINE, height);
  print_lines(script, NOTE_LABEL, canvas->note, NOTE_LETTERS, "font ',13' tc rgb '#505050'", &from, NOTE_LINE,
              height);
  fputs("\"\n", script);
}

void lks_plot_head_end(FILE *script, const lks_canvas *canvas)
{
  for (size_t i = 0; i < count_lines(canvas->title, TITLE_LETTERS); i++)
    fprintf(script, "unset label %zu\n", TITLE_LABEL + i);
  for (size_t i = 0; i < count_lines(canvas->note, NOTE_LETTERS); i++)
    fprintf(script, "unset label %zu\n", NOTE_LABEL + i);
}

/* Okabe and Ito's colours without the yellow, which white paper swallows. Three cycles of different lengths:
 * no two arms look the same, with colours or without. */
static void print_styles(FILE *script, size_t arms)
{
  static const char *const colour[] = {"0072b2", "d55e00", "009e73", "cc79a7", "000000", "e69f00", "56b4e9"};
  static const char *const dashes[] = {"solid", "(12,5)", "(3,4)", "(14,4,3,4)", "(24,6)"};
  static const int point[] = {7, 4, 8, 13, 5, 6, 10, 12, 9};
  for (size_t i = 0; i < arms; i++)
    fprintf(script, "set style line %zu lc rgb '#%s' dt %s lw 2 pt %d ps 0.8\n", i + 1, colour[i % 7],
            dashes[i % 5], point[i % 9]);
}

/* As many, up to three, as gnuplot will put side by side below the box. */
static size_t key_columns(const lks_canvas *canvas)
{
  const double width = 0.965 * LKS_PLOT_WIDTH - (double)canvas->left;
  const double columns = floor(width / (80 + 7.6 * (double)canvas->key_letters));
  return columns < 1 ? 1 : columns > 3 ? 3 : (size_t)columns;
}

static size_t key_rows(const lks_canvas *canvas)
{
  return (canvas->keys + key_columns(canvas) - 1) / key_columns(canvas);
}

size_t lks_plot_height(const lks_canvas *canvas)
{
  return lks_plot_head(canvas) + canvas->top + canvas->height + 68 + 24 * key_rows(canvas);
}

double lks_plot_place(const lks_canvas *canvas, double pixels)
{
  return 1 - ((double)lks_plot_head(canvas) + pixels) / (double)lks_plot_height(canvas);
}

static void print_formats(FILE *script, const char *name, size_t height)
{
  fprintf(
      script,
      "# Draws %s.svg and %s.png from %s.dat; run it in this folder: gnuplot %s.gp\n"
      "# It is written anew with the report: restyle a copy.\n"
      "reset\n"
      "svg = \"svg noenhanced size %d,%zu dynamic font 'sans-serif,16' background '#ffffff'\"\n"
      "png = strstrt(GPVAL_TERMINALS, ' pngcairo ') ? 'pngcairo pointscale 2' : 'png'\n"
      "png = png . \" noenhanced size %d,%zu font 'sans,16' fontscale 1.5 linewidth 2 background '#ffffff'\"\n"
      "data = '%s.dat'\n"
      "set datafile missing 'NaN'\n",
      name, name, name, name, LKS_PLOT_WIDTH, height, 2 * LKS_PLOT_WIDTH, 2 * height, name);
}

/* The middle of the label below: that of the box, or as near to it as a long one stays inside. */
static double across_place(const lks_canvas *canvas)
{
  const double half = 3.9 * (double)strlen(canvas->across) / LKS_PLOT_WIDTH,
               middle = ((double)canvas->left / LKS_PLOT_WIDTH + 0.965) / 2;
  return half > 0.49 ? 0.5 : fmin(middle, 0.99 - half);
}

void lks_plot_begin(FILE *script, const char *name, size_t styles, const lks_canvas *canvas)
{
  const double height = (double)lks_plot_height(canvas);
  print_formats(script, name, lks_plot_height(canvas));
  fprintf(script,
          "set lmargin at screen %.4f\nset rmargin at screen 0.965\n"
          "set tmargin at screen %.4f\nset bmargin at screen %.4f\n"
          "set key at screen 0.5, screen %.4f bottom center horizontal Left reverse maxcols %zu samplen 3\n"
          "svg_key_width = %.1f # gnuplot takes the letters of an SVG for wider than they are\n"
          "set tics nomirror\nset grid lc rgb '#d0d0d0' lw 1 dt solid\nset clip two\n",
          (double)canvas->left / LKS_PLOT_WIDTH, lks_plot_place(canvas, (double)canvas->top),
          lks_plot_place(canvas, (double)(canvas->top + canvas->height)), 6 / height, key_columns(canvas),
          1 - 0.33 * (double)canvas->key_letters);
  print_head(script, canvas);
  if (canvas->up != NULL) {
    fputs("set label 1 ", script);
    lks_plot_text(script, canvas->up);
    fprintf(script, " at screen 0.02, screen %.4f left\n", lks_plot_place(canvas, 14));
  }
  if (canvas->across != NULL) {
    fputs("set label 3 ", script);
    lks_plot_text(script, canvas->across);
    fprintf(script, " at screen %.4f, screen %.4f center\n", across_place(canvas),
            lks_plot_place(canvas, (double)(canvas->top + canvas->height + 48)));
  }
  print_styles(script, styles);
}

void lks_plot_box(FILE *script, const lks_canvas *canvas, const char *label, double top, double bottom)
{
  fprintf(script,
          "set tmargin at screen %.4f\nset bmargin at screen %.4f\n"
          "set label 1 '%s' at screen 0.02, screen %.4f left\n",
          lks_plot_place(canvas, top), lks_plot_place(canvas, bottom), label,
          lks_plot_place(canvas, top - 18));
}

void lks_plot_draw(FILE *script, const char *name)
{
  fprintf(script,
          "do for [format in 'svg png'] {\n"
          "eval('set terminal ' . value(format))\n"
          "set output '%s.' . format\n"
          "eval(head)\n"
          "set key width (format eq 'svg' ? svg_key_width : 0.5 * svg_key_width)\n",
          name);
}

void lks_plot_end(FILE *script)
{
  fprintf(script, "set output\n}\n");
}

typedef char lks_path[PATH_SIZE];

static void path_of(lks_path path, const char *folder, const char *name, const char *ending)
{
  snprintf(path, PATH_SIZE, "%s/%s.%s", folder, name, ending);
}

/* Pictures of an earlier report are no pictures of this one. */
static void remove_old(const char *folder, const char *name)
{
  static const char *const endings[] = {"dat", "gp", "svg", "png"};
  lks_path path;
  for (int i = 0; i < 4; i++) {
    path_of(path, folder, name, endings[i]);
    unlink(path);
  }
}

static lks_status write_text(const char *folder, const char *name, const char *ending, const char *text)
{
  lks_path path;
  path_of(path, folder, name, ending);
  return lks_file_write(path, text, strlen(text));
}

static lks_status write_files(bool *shown, const char *folder, const char *name, lks_figure_print *print,
                              const void *context)
{
  lks_printed data, script;
  char *data_text = NULL, *script_text = NULL;
  lks_status status = lks_printed_begin(&data);
  if (status) return status;
  status = lks_printed_begin(&script);
  if (!status) {
    *shown = print(data.stream, script.stream, context);
    status = lks_printed_text(&script_text, &script);
  }
  status = lks_status_worse(status, lks_printed_text(&data_text, &data));
  if (!status && *shown) status = write_text(folder, name, "dat", data_text);
  if (!status && *shown) status = write_text(folder, name, "gp", script_text);
  lks_free(data_text);
  lks_free(script_text);
  return status;
}

/* A picture that fails is no reason to keep the others, or the tables, from the user. */
static void draw(bool *found, const char *folder, const char *name)
{
  char script[80];
  snprintf(script, sizeof script, "%s.gp", name);
  if (lks_gnuplot_run(found, folder, script) != LKS_OK) lks_warn("%s", lks_message());
}

lks_status lks_figure_write(bool *drawn, const char *folder, const char *name, lks_figure_print *print,
                            const void *context)
{
  bool shown = false;
  *drawn = true;
  lks_status status = lks_folder_make_own(folder);
  if (status) return status;
  lks_temporary_tidy(folder);
  remove_old(folder, name);
  status = write_files(&shown, folder, name, print, context);
  if (!status && shown) draw(drawn, folder, name);
  return status;
}
