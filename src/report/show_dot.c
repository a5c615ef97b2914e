#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/printed.h"
#include "report/show.h"
#include "report/tool.h"

/* Okabe and Ito's colours, light: what learns, what normalizes, and what else there is. */
static const char *colour_of(const lks_show *s, const lks_show_layer *row)
{
  if (s->stages->op[row->op].layer != row->layer) return "#ffffff";
  switch (s->stages->op[row->op].kind) {
  case LKS_OP_LINEAR: return "#cfe3f3";
  case LKS_OP_NORM: return "#fbdcc4";
  default: return "#ffffff";
  }
}

static void print_node(FILE *out, const lks_show *s, const lks_show_layer *row)
{
  char kind[64], shape[64], number[16];
  lks_show_kind(kind, row->layer);
  lks_show_shape(shape, row->layer->out);
  fprintf(out, "    n%zu [label=\"", row->number);
  if (row->layer->name[0] && strcmp(row->layer->name, kind) != 0) fprintf(out, "%s\\n", row->layer->name);
  fprintf(out, "%s\\n%s", kind, shape);
  if (row->parameters) fprintf(out, "\\n%zu parameters", row->parameters);
  if (row->forward > 0) {
    lks_show_number(number, row->forward);
    fprintf(out, "\\n%s multiply-adds", number);
  }
  fprintf(out, "\", fillcolor=\"%s\"];\n", colour_of(s, row));
}

/* The second input of a residual block's end is its shortcut. */
static void print_edges(FILE *out, const lks_show *s, const lks_show_layer *row)
{
  static const char reduction[] =
      " [label=\" reduction\", color=\"#d55e00\", fontcolor=\"#d55e00\", penwidth=2]";
  const lks_layer *layer = row->layer;
  const lks_op *op = &s->stages->op[row->op];
  const bool waits = op->kind == LKS_OP_NORM && op->layer == layer;
  if (layer->input[0] >= 0)
    fprintf(out, "  n%d -> n%zu%s;\n", layer->input[0], row->number, waits ? reduction : "");
  if (layer->input[1] >= 0) fprintf(out, "  n%d -> n%zu [style=dashed];\n", layer->input[1], row->number);
}

void lks_show_dot(FILE *out, const lks_show *s)
{
  fputs(
      "digraph model {\n  graph [fontname=\"sans-serif\", fontsize=13, style=rounded, color=\"#808080\", labeljust=l, ranksep=0.3];\n"
      "  node [fontname=\"sans-serif\", fontsize=12, shape=box, style=\"rounded,filled\"];\n"
      "  edge [fontname=\"sans-serif\", fontsize=11];\n",
      out);
  for (size_t i = 0; i < s->layers; i++) {
    const lks_show_layer *row = &s->layer[i];
    const bool first = i == 0 || row->stage != s->layer[i - 1].stage;
    if (first)
      fprintf(out, "%s  subgraph cluster_%d {\n    label=\"stage %d\";\n", i ? "  }\n" : "", row->stage,
              row->stage + 1);
    print_node(out, s, row);
  }
  fputs("  }\n", out);
  for (size_t i = 0; i < s->layers; i++) print_edges(out, s, &s->layer[i]);
  fputs("}\n", out);
}

static lks_status write_drawn(const char *path, int file)
{
  const off_t bytes = lseek(file, 0, SEEK_END);
  void *drawn = bytes > 0 ? mmap(NULL, (size_t)bytes, PROT_READ, MAP_SHARED, file, 0) : MAP_FAILED;
  if (drawn == MAP_FAILED) return lks_fail(LKS_ERR_IO, "dot has drawn nothing for %s", path);
  const lks_status status = lks_file_write(path, drawn, (size_t)bytes);
  munmap(drawn, (size_t)bytes);
  return status;
}

static lks_status draw(const char *path, char *format, const char *text)
{
  bool found = false;
  char *const arguments[] = {"dot", format, NULL};
  lks_tool dot = {arguments, NULL, path, memfd_create("model", MFD_CLOEXEC),
                  memfd_create("drawing", MFD_CLOEXEC)};
  lks_status status = LKS_OK;
  const int error =
      dot.input < 0 || dot.output < 0 ? errno : lks_file_write_fully(dot.input, text, strlen(text));
  if (error != 0) status = lks_fail(LKS_ERR_IO, "%s cannot be drawn: %s", path, strerror(error));
  if (!status && lseek(dot.input, 0, SEEK_SET) == 0) status = lks_tool_run(&found, &dot);
  if (!status && !found)
    status = lks_fail(
        LKS_ERR_IO,
        "%s: there is no program `dot` to draw it: install graphviz, or take a name that ends in .dot", path);
  if (!status) status = write_drawn(path, dot.output);
  if (dot.input >= 0) close(dot.input);
  if (dot.output >= 0) close(dot.output);
  return status;
}

lks_status lks_show_draw(const char *path, const lks_show *show)
{
  static char formats[][8] = {"-Tsvg", "-Tpng", "-Tpdf", "-Tdot"};
  enum { FORMATS = sizeof formats / sizeof *formats };
  const char *end = strrchr(path, '.');
  int f = 0;
  while (f < FORMATS && !(end && strcmp(end + 1, formats[f] + 2) == 0)) f++;
  if (f == FORMATS)
    return lks_fail(LKS_ERR_USAGE, "%s: a drawing's name ends in .svg, .png, .pdf or .dot", path);
  lks_printed printed;
  char *text = NULL;
  lks_status status = lks_printed_begin(&printed);
  if (status) return status;
  lks_show_dot(printed.stream, show);
  status = lks_printed_text(&text, &printed);
  if (!status)
    status = strcmp(formats[f], "-Tdot") == 0 ? lks_file_write(path, text, strlen(text))
                                              : draw(path, formats[f], text);
  lks_free(text);
  return status;
}
