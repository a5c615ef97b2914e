#include <string.h>

#include "base/append.h"
#include "base/integers.h"
#include "base/wrapped.h"
#include "report/show.h"

/* The columns of the table: as wide as they have to be, 80 together where names are not long. */
typedef struct widths {
  int name, kind, shape;
} widths;

void lks_show_number(char out[16], double value)
{
  static const char units[] = " kMGTP";
  int unit = 0;
  while (value >= 999.5 && units[unit + 1]) {
    value /= 1000;
    unit++;
  }
  const int places = unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  snprintf(out, 16, "%.*f%.*s", places, value, unit > 0, units + unit);
}

void lks_show_shape(char out[64], lks_shape shape)
{
  if (shape.height * shape.width == 1)
    snprintf(out, 64, "%zu", shape.channels);
  else
    snprintf(out, 64, "%zux%zux%zu", shape.height, shape.width, shape.channels);
}

/* A window that is the whole image is not worth a word. */
/* A number for the height and one for the width, "2x1", or one for both; none where both are 1. */
static void append_pair(char out[64], const char *before, const size_t *pair)
{
  if (pair[0] != pair[1])
    lks_append(out, 64, "%s%zux%zu", before, pair[0], pair[1]);
  else if (pair[0] > 1)
    lks_append(out, 64, "%s%zu", before, pair[0]);
}

void lks_show_kind(char out[64], const lks_layer *layer)
{
  const size_t *kernel = layer->kernel;
  const bool whole = kernel[0] == layer->in.height && kernel[1] == layer->in.width && layer->out.height == 1;
  snprintf(out, 64, "%s", lks_layer_kind_name(layer->kind));
  if (layer->own_group) lks_append(out, 64, " group=%s", lks_norm_text(layer->group).text);
  if (!kernel[0] || whole) return;
  lks_append(out, 64, " %zux%zu", kernel[0], kernel[1]);
  append_pair(out, "/", layer->stride);
  if (layer->kind != LKS_LAYER_CONV) return;
  if (layer->groups > 1) lks_append(out, 64, " groups=%zu", layer->groups);
  append_pair(out, " dilation=", layer->dilation);
}

static int wider(int width, const char *text)
{
  return (int)lks_max((size_t)width, strlen(text));
}

static widths measure(const lks_show *s)
{
  widths w = {5, 4, 6};
  for (size_t i = 0; i < s->layers; i++) {
    char kind[64], shape[64];
    lks_show_kind(kind, s->layer[i].layer);
    lks_show_shape(shape, s->layer[i].layer->out);
    w.name = wider(w.name, s->layer[i].layer->name);
    w.kind = wider(w.kind, kind);
    w.shape = wider(w.shape, shape);
  }
  return w;
}

/* An empty cell says that there is nothing. */
static void print_cell(FILE *out, int width, double value)
{
  char text[16] = "";
  if (value > 0) lks_show_number(text, value);
  fprintf(out, " %*s", width, text);
}

static void print_row(FILE *out, const widths *w, const char *name, const char *kind, const char *shape,
                      const lks_show_layer *row)
{
  char parameters[32] = "";
  if (row->parameters) snprintf(parameters, sizeof parameters, "%zu", row->parameters);
  fprintf(out, "%-*s %-*s %*s %8s", w->name, name, w->kind, kind, w->shape, shape, parameters);
  print_cell(out, 6, (double)row->bytes);
  print_cell(out, 7, row->forward);
  print_cell(out, 8, row->backward);
  fputc('\n', out);
}

/* Which batch norms wait for their sums there. */
static void print_stage(FILE *out, const lks_show *s, int stage)
{
  char text[1024];
  int at = snprintf(text, sizeof text, "-- stage %d", stage + 1);
  const char *between = ": needs the sums of ";
  for (int o = s->stages->begin[stage]; o < s->stages->begin[stage + 1]; o++) {
    if (s->stages->op[o].kind != LKS_OP_NORM || at >= (int)sizeof text - LKS_NAME_MAX - 32) continue;
    at += snprintf(text + at, sizeof text - (size_t)at, "%s%s", between, s->stages->op[o].layer->name);
    between = ", ";
  }
  lks_wrapped_print(out, text, 0, 3);
}

static void print_table(FILE *out, const lks_show *s)
{
  const widths w = measure(s);
  fprintf(out, "%-*s %-*s %*s %8s %6s %16s\n", w.name, "", w.kind, "", w.shape, "", "", "", "multiply-adds");
  fprintf(out, "%-*s %-*s %*s %8s %6s %7s %8s\n", w.name, "layer", w.kind, "kind", w.shape, "output",
          "params", "bytes", "forward", "backward");
  for (size_t i = 0; i < s->layers; i++) {
    char kind[64], shape[64];
    const lks_show_layer *row = &s->layer[i];
    if (i == 0 || row->stage != s->layer[i - 1].stage) print_stage(out, s, row->stage);
    lks_show_kind(kind, row->layer);
    lks_show_shape(shape, row->layer->out);
    print_row(out, &w, row->layer->name, kind, shape, row);
  }
  print_row(out, &w, "", "sum, a sample", "", &s->sum);
}

static void print_bytes(FILE *out, const char *what, size_t bytes)
{
  fprintf(out, "  %-48s %10.1f MB\n", what, 1e-6 * (double)bytes);
}

static void print_memory(FILE *out, const lks_show *s)
{
  const lks_network_memory *m = &s->memory;
  fprintf(out, "\nmemory of one rank, with all %zu samples of a mini-batch\n", s->config.batch_size);
  print_bytes(out, "values kept for the backward pass", m->values);
  print_bytes(out, "gradients of values", m->value_gradients);
  print_bytes(out, "parameters, their gradients, running statistics", m->parameters);
  print_bytes(out, "moments of the optimizer", s->optimizer);
  print_bytes(out, "packed weights and workspaces", m->workspaces);
  print_bytes(out, "sums and messages", m->sums);
  print_bytes(out, "together", lks_network_memory_sum(m) + s->optimizer);
}

static void print_stages(FILE *out, const lks_show *s)
{
  char text[512];
  bool own = false;
  for (size_t i = 0; i < s->layers; i++) own = own || s->layer[i].layer->own_group;
  const int reductions = s->stages->stages - 1;
  if (reductions == 0)
    snprintf(text, sizeof text, "one stage: no batch norm waits for sums; the ranks add gradients alone");
  else
    snprintf(
        text, sizeof text,
        "%d stages: a step has %d reduction%s of batch norm forward and as many backward, with which ranks wait for each other where a normalization batch (%s%s) spans ranks",
        reductions + 1, reductions, reductions == 1 ? "" : "s", lks_norm_text(s->config.bn).text,
        own ? ", or a layer's own group" : "");
  fputc('\n', out);
  lks_wrapped_print(out, text, 0, 2);
}

void lks_show_print(FILE *out, const lks_show *s)
{
  char shape[64];
  const lks_config *c = &s->config;
  lks_show_shape(shape, lks_model_layer(s->model, 0)->out);
  fprintf(out, "%s: %zu parameters, samples of %s, %zu classes\n", s->name, lks_model_parameters(s->model),
          shape, lks_model_classes(s->model));
  fprintf(out, "%s, mini-batches of %zu in microbatches of %zu, %s\n\n",
          lks_norm_layers_say(c->norm, c->bn).text, c->batch_size, c->microbatch,
          lks_type_name(c->precision));
  print_table(out, s);
  print_stages(out, s);
  print_memory(out, s);
}
