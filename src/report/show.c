#include "report/show.h"

#include "base/arena.h"
#include "bench/bench_cost.h"
#include "kernels/isa.h"
#include "lockstep/optimizer.h"
#include "train/setup.h"

/* The operator that carries a layer out: its own, or the one that its input belongs to. */
static int op_of(const lks_show *s, size_t number)
{
  const lks_layer *layer = lks_model_layer(s->model, number);
  for (int o = 0; o < s->stages->ops; o++)
    if (s->stages->op[o].layer == layer) return o;
  return layer->input[0] >= 0 ? op_of(s, (size_t)layer->input[0]) : 0;
}

static double multiply_adds(const lks_show *s, int op, lks_work work)
{
  const size_t element = lks_type_bytes(s->config.precision);
  return lks_op_cost_of(s->stages, op, work, element, 1).flops / 2;
}

static lks_show_layer look(const lks_show *s, size_t number, int op)
{
  const lks_layer *layer = lks_model_layer(s->model, number);
  lks_show_layer row = {.layer = layer, .number = number, .op = op};
  row.stage = s->stages->op[op].stage;
  row.parameters = lks_layer_parameters(layer);
  if (s->stages->op[op].layer != layer) return row;
  row.forward = multiply_adds(s, op, LKS_WORK_FORWARD);
  row.backward = multiply_adds(s, op, LKS_WORK_BACKWARD) + multiply_adds(s, op, LKS_WORK_WEIGHTS);
  return row;
}

/* The values of an operator are those of the last of its layers. */
static size_t kept(const lks_op *op)
{
  return op->in_place ? 0 : op->elements * lks_type_bytes(op->type);
}

static void add(lks_show_layer *sum, const lks_show_layer *row)
{
  sum->parameters += row->parameters;
  sum->bytes += row->bytes;
  sum->forward += row->forward;
  sum->backward += row->backward;
}

static lks_status list_layers(lks_show *s)
{
  const size_t count = lks_model_layers(s->model);
  int *op = lks_new(count, sizeof *op);
  s->layer = lks_new(count, sizeof *s->layer);
  if (!s->layer || !op) {
    lks_free(op);
    return LKS_ERR_RANK;
  }
  for (size_t i = 0; i < count; i++) op[i] = op_of(s, i);
  for (int o = 0; o < s->stages->ops; o++) {
    const size_t before = s->layers;
    for (size_t i = 0; i < count; i++)
      if (op[i] == o) s->layer[s->layers++] = look(s, i, o);
    if (s->layers > before) s->layer[s->layers - 1].bytes = kept(&s->stages->op[o]);
    for (size_t i = before; i < s->layers; i++) add(&s->sum, &s->layer[i]);
  }
  lks_free(op);
  return LKS_OK;
}

static lks_status build(lks_show *s, const char *text, lks_shape shape, size_t classes)
{
  const lks_config *c = &s->config;
  lks_status status = lks_model_parse_as(&s->model, text, s->name, shape, classes, lks_config_norm_layers(c));
  if (!status)
    status = lks_stages_create(&s->stages, s->model, c->microbatch, c->precision, (lks_frozen){NULL, false});
  if (!status) status = list_layers(s);
  if (!status) status = lks_isa_set(lks_isa_used());
  if (status) return status;
  const lks_network_options options = lks_setup_options(c, 1);
  s->optimizer = lks_optimizer_moments_needed(c) * lks_model_parameters(s->model) * sizeof(float);
  return lks_network_footprint(&s->memory, s->model, &options, 1);
}

lks_status lks_show_create(lks_show **show, const lks_config *config, const char *name, const char *text,
                           lks_shape shape, size_t classes)
{
  lks_show *s = *show = lks_new(1, sizeof *s);
  if (!s) return LKS_ERR_RANK;
  s->config = *config;
  s->name = name;
  const lks_status status = build(s, text, shape, classes);
  if (status) lks_show_destroy(show);
  return status;
}

void lks_show_destroy(lks_show **show)
{
  if (!show || !*show) return;
  lks_stages_destroy(&(*show)->stages);
  lks_model_destroy(&(*show)->model);
  lks_free((*show)->layer);
  lks_free(*show);
  *show = NULL;
}
