#include "bench/bench.h"

#include <string.h>
#include <unistd.h>

#include "base/terminal.h"
#include "base/wrapped.h"

#include "kernels/onednn.h"
#include "statistics/statistics.h"

/* A time below this is not worth a line, in seconds a step. */
#define NOTHING 5e-7

enum { WITH_KINDS = 95 }; /* columns of the table of layers, if it tells the kind of each */

static const lks_traffic traffic_of_part[LKS_PARTS] = {
    [LKS_PART_DATA] = LKS_TRAFFICS,          [LKS_PART_FORWARD] = LKS_TRAFFICS,
    [LKS_PART_BACKWARD] = LKS_TRAFFICS,      [LKS_PART_OPTIMIZER] = LKS_TRAFFICS,
    [LKS_PART_BN_COMM] = LKS_TRAFFIC_NORM,   [LKS_PART_GRADIENT_COMM] = LKS_TRAFFIC_GRADIENT,
    [LKS_PART_STEP_COMM] = LKS_TRAFFIC_STEP, [LKS_PART_EVALUATION] = LKS_TRAFFICS,
    [LKS_PART_CHECKPOINT] = LKS_TRAFFICS,    [LKS_PART_OTHER] = LKS_TRAFFICS};

static const char *plural(long count)
{
  return count == 1 ? "" : "s";
}

static void print_heading(FILE *out, const lks_bench *b)
{
  const lks_config *c = &b->arm[0].config;
  char text[2 * LKS_TEXT_MAX + 1024];
  const int length = snprintf(
      text, sizeof text, "%s on %s: %zux%zux%zu, %zu classes; mini-batches of %zu in microbatches of %zu\n",
      c->model, c->data[0] ? c->data : "made-up samples", b->shape.height, b->shape.width, b->shape.channels,
      b->classes, b->batch, b->microbatch);
  snprintf(text + length, sizeof text - (size_t)length,
           "%d rank%s x %d thread%s on %d host%s; oneDNN %s, isa %s; %zu repeat%s of %g s, arms in turn\n\n",
           b->ranks, plural(b->ranks), b->threads, plural(b->threads), b->hosts, plural(b->hosts),
           lks_onednn_version(), lks_isa_name(lks_isa_used()), b->options.repeats,
           plural((long)b->options.repeats), b->options.seconds);
  lks_fitted_print(out, text, lks_terminal_columns(STDOUT_FILENO));
}

static void print_rates(FILE *out, const lks_bench *b)
{
  size_t n = b->options.repeats;
  double first = 0;
  fprintf(out, "%-12s %-6s %-6s %10s %10s %10s %8s %9s\n", "batch norm", "reduce", "prec.", "min", "images/s",
          "max", "quartile", "against 1");
  for (size_t a = 0; a < b->arms; a++) {
    const lks_bench_arm *arm = &b->arm[a];
    double median = lks_quantile(arm->rate, n, 0.5);
    double quartiles = lks_quantile(arm->rate, n, 0.75) - lks_quantile(arm->rate, n, 0.25);
    if (a == 0) first = median;
    fprintf(out, "%-12s %-6s %-6s %10.0f %10.0f %10.0f %7.1f%% %9.3f\n", lks_norm_text(arm->config.bn).text,
            lks_reduce_name(arm->config.reduce), lks_type_name(arm->config.precision), arm->rate[0], median,
            arm->rate[n - 1], 100 * quartiles / 2 / median, median / first);
  }
}

/* An empty cell of so many columns where there is nothing to say. */
static void print_cell(FILE *out, int width, int digits, const char *unit, double value)
{
  if (value > 0)
    fprintf(out, " %*.*f%s", width - (int)strlen(unit), digits, value, unit);
  else
    fprintf(out, " %*s", width, "");
}

static void print_part(FILE *out, const lks_bench_arm *arm, lks_part number, double whole)
{
  static const lks_bench_traffic none = {0};
  const lks_bench_part *part = &arm->part[number];
  const lks_traffic traffic = traffic_of_part[number];
  const lks_bench_traffic *sent = traffic == LKS_TRAFFICS ? &none : &arm->traffic[traffic];
  const double mean = part->seconds.mean, bytes = part->bytes > 0 ? part->bytes : sent->bytes;
  if (part->seconds.high < NOTHING) return;
  fprintf(out, "  %-22s %7.3f %5.1f%% %5.1f%%",
          number == LKS_PART_OTHER ? "end of step" : lks_part_name(number), 1e3 * mean, 100 * mean / whole,
          100 * (part->seconds.high / mean - 1));
  print_cell(out, 5, 1, "", sent->calls);
  print_cell(out, 7, 3, "", 1e-6 * bytes);
  print_cell(out, 7, 1, "", 1e-9 * part->flops / mean);
  print_cell(out, 5, 2, "", 1e-9 * bytes / mean);
  print_cell(out, 5, 0, "%", 100 * part->alone / mean);
  fprintf(out, "\n");
}

static void print_parts(FILE *out, const lks_bench_arm *arm)
{
  double whole = 0;
  for (int p = 0; p < LKS_PARTS; p++) whole += arm->part[p].seconds.mean;
  fprintf(out, "  %-22s %7s %6s %6s %5s %7s %7s %5s %5s\n", "part, of a rank", "ms", "share", "imbal.",
          "calls", "MB", "GFLOP/s", "GB/s", "ceil.");
  for (int p = 0; p < LKS_PARTS; p++) print_part(out, arm, (lks_part)p, whole);
}

/* All kinds of work of a layer together, against the time that they would take at their ceilings. */
static void print_layer(FILE *out, const lks_bench_layer *layer, double step, bool narrow)
{
  double seconds = 0, at_ceiling = 0, flops = 0, bytes = 0;
  for (int w = 0; w < LKS_WORKS; w++) {
    const lks_bench_work *work = &layer->work[w];
    seconds += work->seconds;
    flops += work->flops;
    bytes += work->bytes;
    if (work->ceiling > 0) at_ceiling += (work->flops > 0 ? work->flops : work->bytes) / work->ceiling;
  }
  if (seconds < NOTHING) return;
  const lks_bench_work *w = layer->work;
  if (narrow)
    fprintf(out, "  %-21s", layer->name[0] ? layer->name : layer->kind);
  else
    fprintf(out, "  %-22s %-13s", layer->name[0] ? layer->name : "-", layer->kind);
  fprintf(out, " %8.3f %8.3f %8.3f %5.1f%%", 1e3 * (w[LKS_WORK_FORWARD].seconds + w[LKS_WORK_SUMS].seconds),
          1e3 * (w[LKS_WORK_BACKWARD].seconds + w[LKS_WORK_DX].seconds), 1e3 * w[LKS_WORK_WEIGHTS].seconds,
          100 * seconds / step);
  if (layer->arithmetic)
    fprintf(out, " %7.1f", 1e-9 * flops / seconds);
  else
    fprintf(out, " %7s", "");
  fprintf(out, " %6.1f %6.0f%%\n", 1e-9 * bytes / seconds, 100 * at_ceiling / seconds);
}

static void print_layers(FILE *out, const lks_bench_arm *arm)
{
  const bool narrow = lks_terminal_table_width() < WITH_KINDS;
  fprintf(out, "  %-*s", narrow ? 21 : 36, "layer, of one thread");
  fprintf(out, " %8s %8s %8s %6s %7s %6s %7s\n", "forward", "backward", "weights", "share", "GFLOP/s", "GB/s",
          "ceiling");
  for (size_t l = 0; l < arm->layers; l++) print_layer(out, &arm->layer[l], arm->seconds, narrow);
}

void lks_bench_print(FILE *out, const lks_bench *b, bool layers)
{
  print_heading(out, b);
  print_rates(out, b);
  for (size_t a = 0; a < b->arms; a++) {
    const lks_bench_arm *arm = &b->arm[a];
    fprintf(out,
            "\n%s, %s, %s: %.3f ms a step; convolutions and dense layers by themselves\n"
            "  %.3f ms; not arithmetic: %.1f%% of the step\n",
            lks_norm_text(arm->config.bn).text, lks_reduce_name(arm->config.reduce),
            lks_type_name(arm->config.precision), 1e3 * arm->seconds, 1e3 * arm->arithmetic,
            100 * lks_bench_not_arithmetic(arm));
    print_parts(out, arm);
    if (layers) print_layers(out, arm);
  }
}
