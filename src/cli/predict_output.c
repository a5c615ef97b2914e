#include "cli/predict_output.h"

#include <inttypes.h>

#include "base/csv.h"
#include "base/json.h"
#include "base/plain_text.h"
#include "base/wrapped.h"

enum { NAME = 256 };

/* name [NAME] out: plain, and not endless */
static void copy_name(char *name, const char *given)
{
  snprintf(name, NAME, "%.255s", given ? given : "");
  lks_text_make_plain(name);
}

static void print_text(FILE *out, const lks_prediction *p, const char *name)
{
  fprintf(out, "%s:%zu  class %d%s%s%s with probability %.4f", p->path, p->number, p->top[0],
          *name ? " (" : "", name, *name ? ")" : "", (double)p->probability[p->top[0]]);
  for (int i = 1; i < LKS_PREDICT_TOP && p->top[i] >= 0; i++)
    fprintf(out, "%s %d %.4f", i == 1 ? "; then" : ",", p->top[i], (double)p->probability[p->top[i]]);
  if (p->label != NULL) fprintf(out, "; its label is %" PRId32, *p->label);
  fputc('\n', out);
}

/* On a terminal, the lines that are too long for it are broken. */
static void print_fitted(FILE *out, const lks_prediction *p, const char *name)
{
  lks_fitted fitted;
  if (out != stdout) {
    print_text(out, p, name);
    return;
  }
  print_text(lks_fitted_open(&fitted), p, name);
  lks_fitted_close(&fitted);
}

static void print_csv(FILE *out, const lks_prediction *p, const char *name)
{
  lks_csv_print_quoted(out, p->path);
  fprintf(out, ",%zu,", p->number);
  if (p->label != NULL) fprintf(out, "%" PRId32, *p->label);
  for (int i = 0; i < LKS_PREDICT_TOP; i++) {
    if (p->top[i] < 0)
      fprintf(out, ",,");
    else
      fprintf(out, ",%d,%.9g", p->top[i], (double)p->probability[p->top[i]]);
  }
  fputc(',', out);
  if (*name) lks_csv_print_quoted(out, name);
  fputc('\n', out);
}

static void print_json(FILE *out, const lks_prediction *p, const char *name)
{
  lks_json json = {.out = out, .one_line = true};
  lks_json_open(&json, NULL, '{');
  lks_json_text(&json, "input", p->path);
  lks_json_print(&json, "sample", "%zu", p->number);
  lks_json_print(&json, "class", "%d", p->top[0]);
  if (*name) lks_json_text(&json, "name", name);
  lks_json_open(&json, "top", '[');
  for (int i = 0; i < LKS_PREDICT_TOP && p->top[i] >= 0; i++) {
    lks_json_open(&json, NULL, '{');
    lks_json_print(&json, "class", "%d", p->top[i]);
    lks_json_print(&json, "probability", "%.9g", (double)p->probability[p->top[i]]);
    lks_json_close(&json);
  }
  lks_json_close(&json);
  if (p->label != NULL) lks_json_print(&json, "label", "%" PRId32, *p->label);
  lks_json_close(&json);
}

void lks_predict_heading(FILE *out, lks_predict_format format)
{
  if (format == LKS_PREDICT_CSV)
    fprintf(out, "input,sample,label,class,probability,class2,probability2,class3,probability3,name\n");
}

void lks_prediction_print(FILE *out, const lks_prediction *prediction, lks_predict_format format)
{
  static void (*const print[])(FILE *, const lks_prediction *, const char *) = {
      [LKS_PREDICT_TEXT] = print_fitted, [LKS_PREDICT_CSV] = print_csv, [LKS_PREDICT_JSON] = print_json};
  char name[NAME];
  copy_name(name, prediction->name);
  print[format](out, prediction, name);
}
