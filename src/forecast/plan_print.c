#include <string.h>

#include "forecast/plan.h"

static const char *plural(size_t count)
{
  return count == 1 ? "" : "s";
}

static void print_heading(FILE *out, const lks_plan *p)
{
  const lks_plan_options *o = &p->options;
  const lks_config *c = &o->config;
  fprintf(out, "%s on %s: %zux%zux%zu, %zu classes, %zu training and %zu test samples\n", c->model,
          c->data[0] ? c->data : "samples of a shape", o->shape.height, o->shape.width, o->shape.channels,
          o->classes, p->train, p->test);
  fprintf(out, "mini-batches of %zu in microbatches of %zu, %s, %s, reduce %s\n", c->batch_size,
          c->microbatch, lks_norm_layers_say(c->norm, c->bn).text, lks_type_name(c->precision),
          lks_reduce_name(c->reduce));
  fprintf(out, "%zu rank%s x %d thread%s on %zu host%s\n\n", o->ranks, plural(o->ranks), p->threads,
          plural((size_t)p->threads), o->hosts, plural(o->hosts));
}

static void print_bytes(FILE *out, const char *what, size_t bytes, const char *remark)
{
  fprintf(out, "  %-48s %10.1f%s\n", what, 1e-6 * (double)bytes, remark);
}

static void print_memory(FILE *out, const lks_plan *p)
{
  const lks_plan_memory *m = &p->memory;
  fprintf(out, "  %-48s %10s\n", "memory", "MB");
  print_bytes(out, "values kept for the backward pass", m->network.values, "");
  print_bytes(out, "gradients of values", m->network.value_gradients, "");
  print_bytes(out, "parameters, their gradients, optimizer", m->network.parameters + m->optimizer, "");
  print_bytes(out, "packed weights and workspaces", m->network.workspaces, "");
  print_bytes(out, "sums and messages", m->network.sums, "");
  print_bytes(out, "mini-batches read ahead, order of samples", m->loader, "");
  print_bytes(out, "MPI, oneDNN, threads", m->own, "  measured");
  print_bytes(out, "program and libraries", m->program, "  measured; once a host");
  print_bytes(out, "dataset", m->dataset,
              m->dataset ? "  once a host" : "  in a file, of which memory holds what fits");
  print_bytes(out, "a checkpoint, while it is made", m->snapshot, "");
  print_bytes(out, "on rank 0, which writes it", m->writing, "  measured; instead");
  fprintf(out, "\n");
  print_bytes(out, "peak of a rank", m->rank, "");
  print_bytes(out, "peak of rank 0", m->rank_0, "");
  print_bytes(out, "peak of a host, shared memory once", m->host, "");
  if (!m->available) return;
  print_bytes(out, "available on this host", m->available,
              m->host <= m->available ? "" : "  it does not fit");
  fprintf(out, "  %-48s %10zu\n", "largest mini-batch that fits, about", m->largest_batch);
}

static void print_seconds(FILE *out, const char *what, double seconds)
{
  fprintf(out, "  %-48s %10.3f\n", what, 1e3 * seconds);
}

static void print_time(FILE *out, const lks_plan *p)
{
  const lks_cost *step = &p->time.step;
  const double epoch = p->time.training + p->time.evaluation;
  fprintf(out, "\n  %-48s %10s\n", "time of a step", "ms");
  print_seconds(out, "own work of a rank", step->compute);
  print_seconds(out, "batch-norm communication", step->norm);
  print_seconds(out, "gradient communication", step->gradient);
  print_seconds(out, "end of step", step->end);
  print_seconds(out, "waiting for the slowest rank", step->waiting);
  print_seconds(out, "together", step->total);
  if (p->options.ranks > 1 && !p->near_measured)
    fprintf(out,
            "  communication inside a host is taken as free: plan with mpirun -np 2 or more to measure it\n");
  if (p->options.hosts > 1 && !p->between_measured)
    fprintf(out, "  between hosts as --latency and --bandwidth say\n");
  fprintf(out, "\n%zu step%s an epoch: %.4g s of training (%.0f images/s) and %.4g s of evaluation\n",
          p->steps, plural(p->steps), p->time.training, p->time.images_per_second, p->time.evaluation);
  fprintf(out, "%zu epoch%s: %.4g s\n", p->options.config.epochs, plural(p->options.config.epochs),
          epoch * (double)p->options.config.epochs);
}

void lks_plan_print(FILE *out, const lks_plan *plan)
{
  print_heading(out, plan);
  print_memory(out, plan);
  print_time(out, plan);
}

static void print_json_setting(lks_json *json, const lks_plan *p)
{
  const lks_plan_options *o = &p->options;
  const lks_config *c = &o->config;
  lks_json_text(json, "model", c->model);
  lks_json_text(json, "data", c->data);
  const double shape[] = {(double)o->shape.height, (double)o->shape.width, (double)o->shape.channels};
  lks_json_numbers(json, "shape", shape, 3);
  lks_json_number(json, "classes", (double)o->classes);
  lks_json_number(json, "train", (double)p->train);
  lks_json_number(json, "test", (double)p->test);
  lks_json_text(json, "bn", lks_norm_text(c->bn).text);
  lks_json_text(json, "norm", lks_norm_layers_text(c->norm).text);
  lks_json_text(json, "precision", lks_type_name(c->precision));
  lks_json_text(json, "reduce", lks_reduce_name(c->reduce));
  lks_json_number(json, "batch_size", (double)c->batch_size);
  lks_json_number(json, "microbatch", (double)c->microbatch);
  lks_json_number(json, "ranks", (double)o->ranks);
  lks_json_number(json, "hosts", (double)o->hosts);
  lks_json_number(json, "threads", p->threads);
}

static void print_json_memory(lks_json *json, const lks_plan_memory *m)
{
  const struct {
    const char *name;
    size_t bytes;
  } row[] = {{"values", m->network.values},
             {"value_gradients", m->network.value_gradients},
             {"parameters", m->network.parameters},
             {"optimizer", m->optimizer},
             {"workspaces", m->network.workspaces},
             {"sums", m->network.sums},
             {"loader", m->loader},
             {"own", m->own},
             {"program", m->program},
             {"dataset", m->dataset},
             {"checkpoint", m->snapshot},
             {"checkpoint_rank_0", m->writing},
             {"rank", m->rank},
             {"rank_0", m->rank_0},
             {"host", m->host},
             {"host_available", m->available}};
  lks_json_open(json, "memory", '{');
  for (size_t r = 0; r < sizeof row / sizeof *row; r++)
    lks_json_number(json, row[r].name, (double)row[r].bytes);
  lks_json_close(json);
  lks_json_number(json, "largest_batch_size", (double)m->largest_batch);
}

void lks_plan_print_json(lks_json *json, const lks_plan *p)
{
  const lks_cost *step = &p->time.step;
  print_json_setting(json, p);
  print_json_memory(json, &p->memory);
  lks_json_number(json, "steps_per_epoch", (double)p->steps);
  lks_json_open(json, "seconds", '{');
  lks_json_number(json, "step", step->total);
  lks_json_number(json, "compute", step->compute);
  lks_json_number(json, "batch_norm", step->norm);
  lks_json_number(json, "gradients", step->gradient);
  lks_json_number(json, "end_of_step", step->end);
  lks_json_number(json, "waiting", step->waiting);
  lks_json_number(json, "training", p->time.training);
  lks_json_number(json, "evaluation", p->time.evaluation);
  lks_json_number(json, "epoch", p->time.training + p->time.evaluation);
  lks_json_close(json);
  lks_json_number(json, "images_per_second", p->time.images_per_second);
}
