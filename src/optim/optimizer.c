#include "lockstep/optimizer.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/integers.h"
#include "kernels/optimizer.h"
#include "model/layer_patterns.h"

enum { CHUNK = 4096, MOMENTS_MAX = 2 };

/** A run of elements of one tensor: what one thread updates at a time. */
typedef struct chunk {
  size_t offset, count;
  float decay;
} chunk;

struct lks_optimizer {
  lks_arena *arena;
  lks_network *network; /* borrowed */
  lks_optimizer_kind kind;
  float momentum, epsilon;
  double beta1, beta2;
  bool nesterov;
  int threads;
  int64_t steps;
  size_t moments;
  float *moment[MOMENTS_MAX];
  size_t chunks;
  chunk *chunk;
};

static const char *const moment_names[][MOMENTS_MAX] = {[LKS_OPTIMIZER_SGD] = {"momentum"},
                                                        [LKS_OPTIMIZER_ADAM] = {"exp_avg", "exp_avg_sq"},
                                                        [LKS_OPTIMIZER_ADAMW] = {"exp_avg", "exp_avg_sq"}};

static bool is_parameter(const lks_tensor *tensor)
{
  return tensor->kind <= LKS_TENSOR_BETA;
}

/* A batch norm has running statistics beside its gamma and beta. */
static bool is_of_batch_norm(const lks_tensor *tensor, const lks_network *network)
{
  char name[LKS_NAME_MAX + 16];
  const int length = (int)(strrchr(tensor->name, '.') - tensor->name);
  if (tensor->kind != LKS_TENSOR_GAMMA && tensor->kind != LKS_TENSOR_BETA) return false;
  snprintf(name, sizeof name, "%.*s.running_mean", length, tensor->name);
  return lks_network_find(network, name) != NULL;
}

/* Whether steps change it. */
static bool is_trained(const lks_tensor *tensor, const lks_network *network, const lks_config *config)
{
  if (!is_parameter(tensor) || lks_layer_patterns_take_tensor(config->freeze, tensor->name)) return false;
  return !config->freeze_bn || !is_of_batch_norm(tensor, network);
}

size_t lks_optimizer_trained(const lks_network *network, const lks_config *config)
{
  size_t elements = 0;
  for (size_t t = 0; t < lks_network_tensors(network); t++) {
    const lks_tensor *tensor = lks_network_tensor(network, t);
    if (is_trained(tensor, network, config)) elements += tensor->elements;
  }
  return elements;
}

static size_t count_chunks(const lks_network *network, const lks_config *config)
{
  size_t chunks = 0;
  for (size_t t = 0; t < lks_network_tensors(network); t++) {
    const lks_tensor *tensor = lks_network_tensor(network, t);
    if (is_trained(tensor, network, config)) chunks += lks_divide_up(tensor->elements, CHUNK);
  }
  return chunks;
}

static void fill_chunks(chunk *out, const lks_network *network, const lks_config *config)
{
  for (size_t t = 0; t < lks_network_tensors(network); t++) {
    const lks_tensor *tensor = lks_network_tensor(network, t);
    if (!is_trained(tensor, network, config)) continue;
    const bool decays = config->decay_all || tensor->kind == LKS_TENSOR_WEIGHT;
    for (size_t begin = 0; begin < tensor->elements; begin += CHUNK) {
      const size_t left = tensor->elements - begin;
      *out++ = (chunk){.offset = tensor->offset + begin,
                       .count = left < CHUNK ? left : CHUNK,
                       .decay = decays ? (float)config->weight_decay : 0.0f};
    }
  }
}

size_t lks_optimizer_moments_needed(const lks_config *config)
{
  if (config->optimizer == LKS_OPTIMIZER_SGD) return config->momentum != 0.0 ? 1 : 0;
  return 2;
}

lks_status lks_optimizer_create(lks_optimizer **optimizer, const lks_config *config, lks_network *network)
{
  *optimizer = NULL;
  lks_optimizer *o = lks_new(1, sizeof *o);
  if (!o) return LKS_ERR_RANK;
  *o = (lks_optimizer){.network = network,
                       .kind = config->optimizer,
                       .moments = lks_optimizer_moments_needed(config),
                       .momentum = (float)config->momentum,
                       .epsilon = (float)config->adam_epsilon,
                       .beta1 = config->beta1,
                       .beta2 = config->beta2,
                       .nesterov = config->nesterov,
                       .threads = config->threads > 0 ? (int)config->threads : 1};
  lks_status status = lks_arena_create(&o->arena);
  if (!status) {
    o->chunks = count_chunks(network, config);
    lks_arena_reserve(o->arena, &o->chunk, o->chunks, sizeof *o->chunk);
    for (size_t m = 0; m < o->moments; m++)
      lks_arena_reserve(o->arena, &o->moment[m], lks_network_parameter_count(network), sizeof(float));
    status = lks_arena_commit(o->arena);
  }
  if (status) {
    lks_optimizer_destroy(&o);
    return status;
  }
  fill_chunks(o->chunk, network, config);
  *optimizer = o;
  return LKS_OK;
}

void lks_optimizer_destroy(lks_optimizer **optimizer)
{
  if (!*optimizer) return;
  lks_arena_destroy(&(*optimizer)->arena);
  lks_free(*optimizer);
  *optimizer = NULL;
}

/** base^exponent by squaring: plain multiplications in a fixed order, which libm's pow does not promise. */
static double power(double base, int64_t exponent)
{
  double result = 1.0;
  for (; exponent > 0; exponent >>= 1, base *= base)
    if (exponent & 1) result *= base;
  return result;
}

static bool step_sgd(lks_optimizer *o, double lr)
{
  float *w = lks_network_parameters(o->network);
  const float *g = lks_network_gradients(o->network);
  const bool first = o->steps == 0;
  bool finite = true;
#pragma omp parallel for schedule(static) num_threads(o->threads) reduction(&& : finite)
  for (size_t i = 0; i < o->chunks; i++) {
    const chunk *c = &o->chunk[i];
    float *v = o->moments ? o->moment[0] + c->offset : NULL;
    const bool well = lks_sgd_update(w + c->offset, v, g + c->offset, (float)lr, o->momentum, c->decay,
                                     o->nesterov, first, c->count);
    finite = finite && well;
  }
  return finite;
}

static bool step_adam(lks_optimizer *o, double lr)
{
  float *w = lks_network_parameters(o->network);
  const float *g = lks_network_gradients(o->network);
  const bool decoupled = o->kind == LKS_OPTIMIZER_ADAMW;
  const double correction1 = 1.0 - power(o->beta1, o->steps + 1);
  const double correction2 = 1.0 - power(o->beta2, o->steps + 1);
  bool finite = true;
#pragma omp parallel for schedule(static) num_threads(o->threads) reduction(&& : finite)
  for (size_t i = 0; i < o->chunks; i++) {
    const chunk *c = &o->chunk[i];
    const bool well = lks_adam_update(w + c->offset, o->moment[0] + c->offset, o->moment[1] + c->offset,
                                      g + c->offset, (float)lr, (float)o->beta1, (float)o->beta2, o->epsilon,
                                      c->decay, decoupled, correction1, correction2, c->count);
    finite = finite && well;
  }
  return finite;
}

void lks_optimizer_step(lks_optimizer *optimizer, double lr)
{
  const bool finite =
      optimizer->kind == LKS_OPTIMIZER_SGD ? step_sgd(optimizer, lr) : step_adam(optimizer, lr);
  optimizer->steps++;
  lks_network_parameters_changed(optimizer->network);
  lks_network_damaged_set(optimizer->network, !finite);
}

size_t lks_optimizer_bytes(const lks_optimizer *optimizer)
{
  return lks_arena_bytes(optimizer->arena);
}

size_t lks_optimizer_moments(const lks_optimizer *optimizer)
{
  return optimizer->moments;
}

const char *lks_optimizer_moment_name(const lks_optimizer *optimizer, size_t moment)
{
  return moment_names[optimizer->kind][moment];
}

float *lks_optimizer_moment(lks_optimizer *optimizer, size_t moment)
{
  return optimizer->moment[moment];
}

int64_t lks_optimizer_steps(const lks_optimizer *optimizer)
{
  return optimizer->steps;
}

void lks_optimizer_steps_set(lks_optimizer *optimizer, int64_t steps)
{
  optimizer->steps = steps;
}
