#include "forecast/scaling.h"

#include <math.h>
#include <string.h>

static double images(const lks_scaling *p, const lks_scaling_point *point, double seconds)
{
  return (double)(point->ranks * p->samples) / seconds;
}

static void print_link(FILE *out, const char *name, const lks_cost_link *link, const char *remark)
{
  fprintf(out, "  %-28s %8.2f us a round, %6.2f GB/s, %6.2f us for one more message%s\n", name,
          1e6 * link->latency, link->second_byte > 0 ? 1e-9 / link->second_byte : 0, 1e6 * link->overhead,
          remark);
}

static bool first_of_precision(const lks_bench *b, size_t arm)
{
  size_t same = 0;
  while (b->arm[same].config.precision != b->arm[arm].config.precision) same++;
  return same == arm;
}

static void print_machine(FILE *out, const lks_scaling *p, const lks_bench *b)
{
  const lks_cost_machine *m = &p->machine;
  fprintf(out, "\nModel: %zu samples a rank, %zu rank%s a host\n", p->samples, p->host_ranks,
          p->host_ranks > 1 ? "s" : "");
  for (size_t a = 0; a < b->arms; a++)
    if (first_of_precision(b, a))
      fprintf(out, "  a rank's own work in %s      %8.3f ms a step and %.3f +- %.3f ms a microbatch\n",
              lks_type_name(b->arm[a].config.precision), 1e3 * p->work[a].fixed, 1e3 * p->work[a].microbatch,
              1e3 * p->work[a].scatter);
  if (m->inside.latency > 0)
    print_link(out, "ranks of one host", &m->inside, "");
  else
    fprintf(out, "  ranks of one host: not measured, taken as free; start at least two\n");
  print_link(out, "hosts", &m->between,
             p->between_measured ? "" : "\n    (assumed: this run is on one host; --latency, --bandwidth)");
  if (p->host_ranks > 1)
    fprintf(out,
            "    a host's ranks share that; how well its network serves many at once is not known here, and\n"
            "    sums of gradients over many hosts may last several times longer or shorter\n");
  if (m->oversubscribed_latency > 0)
    fprintf(out, "  more ranks than cores        %8.2f us a reduction for each rank of a host\n",
            1e6 * m->oversubscribed_latency);
}

static void print_checks(FILE *out, const lks_scaling *p, const lks_bench *b)
{
  fprintf(out, "\nChecked here: images/s\n%7s %5s  %-12s %-6s %-6s %10s %10s %7s\n", "ranks", "hosts",
          "batch norm", "reduce", "prec.", "predicted", "measured", "error");
  for (size_t c = 0; c < p->checks; c++)
    for (size_t a = 0; a < b->arms; a++) {
      const lks_scaling_point *point = &p->check[c];
      const lks_config *config = &b->arm[a].config;
      if (point->measured[a] <= 0) continue;
      double predicted = images(p, point, point->cost[a].total),
             measured = images(p, point, point->measured[a]);
      fprintf(out, "%7zu %5zu  %-12s %-6s %-6s %10.0f %10.0f %+6.1f%%%s\n", point->ranks, point->hosts,
              lks_norm_text(config->bn).text, lks_reduce_name(config->reduce),
              lks_type_name(config->precision), predicted, measured, 100 * (predicted / measured - 1),
              (double)point->ranks > p->machine.host_ranks * (double)point->hosts ? "  taking turns" : "");
    }
}

static void print_forecast(FILE *out, const lks_scaling *p, const lks_bench *b)
{
  fprintf(out, "\nPredicted: images/s, and the share of ranks x one rank\n%7s %6s %10s", "ranks", "hosts",
          "mini-batch");
  for (size_t a = 0; a < b->arms; a++)
    fprintf(out, " %15.10s %.4s", lks_norm_text(b->arm[a].config.bn).text,
            lks_reduce_name(b->arm[a].config.reduce));
  fprintf(out, "\n");
  double microbatches = ceil((double)p->samples / (double)b->microbatch);
  for (size_t i = 0; i < LKS_FORECASTS; i++) {
    const lks_scaling_point *point = &p->forecast[i];
    fprintf(out, "%7zu %6zu %10zu", point->ranks, point->hosts, point->ranks * p->samples);
    for (size_t a = 0; a < b->arms; a++) {
      double alone = p->work[a].fixed + p->work[a].microbatch * microbatches, total = point->cost[a].total;
      if (total > 0)
        fprintf(out, " %13.0f %5.1f%%", images(p, point, total), 100 * alone / total);
      else
        fprintf(out, " %13s %6s", "-", "");
    }
    fprintf(out, "\n");
  }
}

void lks_scaling_print(FILE *out, const lks_scaling *scaling, const lks_bench *bench)
{
  print_machine(out, scaling, bench);
  print_checks(out, scaling, bench);
  print_forecast(out, scaling, bench);
}

static void print_json_point(lks_json *json, const lks_scaling *p, const lks_scaling_point *point,
                             const lks_bench *b)
{
  for (size_t a = 0; a < b->arms; a++) {
    const lks_cost *cost = &point->cost[a];
    if (cost->total <= 0) continue;
    lks_json_open(json, NULL, '{');
    lks_json_number(json, "ranks", (double)point->ranks);
    lks_json_number(json, "hosts", (double)point->hosts);
    lks_json_text(json, "bn", lks_norm_text(b->arm[a].config.bn).text);
    lks_json_text(json, "reduce", lks_reduce_name(b->arm[a].config.reduce));
    lks_json_text(json, "precision", lks_type_name(b->arm[a].config.precision));
    lks_json_number(json, "predicted", images(p, point, cost->total));
    if (point->measured[a] > 0) lks_json_number(json, "measured", images(p, point, point->measured[a]));
    lks_json_number(json, "compute", cost->compute);
    lks_json_number(json, "batch_norm", cost->norm);
    lks_json_number(json, "gradients", cost->gradient);
    lks_json_number(json, "end_of_step", cost->end);
    lks_json_number(json, "waiting", cost->waiting);
    lks_json_number(json, "compute_fixed", p->work[a].fixed);
    lks_json_number(json, "compute_microbatch", p->work[a].microbatch);
    lks_json_close(json);
  }
}

static void print_json_link(lks_json *json, const char *name, const lks_cost_link *link)
{
  lks_json_open(json, name, '{');
  lks_json_number(json, "latency", link->latency);
  lks_json_number(json, "seconds_a_byte", link->second_byte);
  lks_json_number(json, "message", link->overhead);
  lks_json_number(json, "gradient_byte", link->exchange);
  lks_json_close(json);
}

void lks_scaling_print_json(lks_json *json, const lks_scaling *p, const lks_bench *b)
{
  lks_json_open(json, "prediction", '{');
  lks_json_number(json, "samples_a_rank", (double)p->samples);
  lks_json_number(json, "ranks_a_host", (double)p->host_ranks);
  print_json_link(json, "inside_host", &p->machine.inside);
  print_json_link(json, p->between_measured ? "between_hosts" : "between_hosts_assumed", &p->machine.between);
  lks_json_open(json, "checks", '[');
  for (size_t c = 0; c < p->checks; c++) print_json_point(json, p, &p->check[c], b);
  lks_json_close(json);
  lks_json_open(json, "forecast", '[');
  for (size_t i = 0; i < LKS_FORECASTS; i++) print_json_point(json, p, &p->forecast[i], b);
  lks_json_close(json);
  lks_json_close(json);
}
