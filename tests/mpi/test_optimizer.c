/* SGD and Adam over a whole network against a twin in double: which tensors decay, and that threads change no
 * bit. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those above and setjmp.h */
#include <setjmp.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "lockstep/optimizer.h"
#include "support/mpi_test.h"

/* The dense layer has several chunks, the last one ragged. */
static const char model_text[] = "dense 211\nbatchnorm\nrelu\ndense classes\n";
static const lks_shape shape = {1, 1, 53};

enum { CLASSES = 3, STEPS = 5 };

static const double lr = 0.01;

typedef struct subject {
  lks_config config;
  lks_model *model;
  lks_network *network;
  lks_optimizer *optimizer;
} subject;

static void create(subject *s, lks_comm *comm, const char *const settings[][2])
{
  lks_config_default(&s->config);
  bool ok = true;
  for (; (*settings)[0]; settings++)
    ok = ok && lks_config_set(&s->config, (*settings)[0], (*settings)[1]) == LKS_OK;
  lks_assert_all(comm, ok);
  lks_assert_ok_all(comm, lks_model_parse(&s->model, model_text, "test", shape, CLASSES, false));
  const lks_network_options options = {
      .batch_size = 16, .microbatch = 2, .epsilon = 1e-5, .momentum = 0.1, .seed = 1, .threads = 1};
  lks_assert_ok_all(comm, lks_network_create_all(&s->network, s->model, comm, &options));
  lks_assert_ok_all(comm, lks_optimizer_create(&s->optimizer, &s->config, s->network));
}

static void destroy(subject *s)
{
  lks_optimizer_destroy(&s->optimizer);
  lks_network_destroy_all(&s->network);
  lks_model_destroy(&s->model);
}

static float gradient_of(size_t i, int step)
{
  return (float)((int)((i * 7919 + (size_t)step * 104729) % 2001) - 1000) / 1000.0f;
}

static void advance_from(subject *s, int first, int end)
{
  float *gradient = (float *)lks_network_gradients(s->network);
  for (int step = first; step < end; step++) {
    for (size_t i = 0; i < lks_network_parameter_count(s->network); i++) gradient[i] = gradient_of(i, step);
    lks_optimizer_step(s->optimizer, lr);
  }
}

static void advance(subject *s)
{
  advance_from(s, 0, STEPS);
}

/** The twins: one element after STEPS steps. Source: the documentation of torch.optim.SGD and
 * torch.optim.Adam and AdamW. */
static double twin_sgd(double w, size_t i, const lks_config *c, bool decays)
{
  double v = 0.0;
  for (int step = 0; step < STEPS; step++) {
    const double g = (double)gradient_of(i, step) + (decays ? c->weight_decay * w : 0.0);
    v = c->momentum * v + g;
    w -= lr * (c->nesterov ? g + c->momentum * v : v);
  }
  return w;
}

static double twin_adam(double w, size_t i, const lks_config *c, bool decays)
{
  const bool decoupled = c->optimizer == LKS_OPTIMIZER_ADAMW;
  double m = 0.0, v = 0.0;
  for (int step = 0; step < STEPS; step++) {
    const double g = (double)gradient_of(i, step) + (decays && !decoupled ? c->weight_decay * w : 0.0);
    if (decays && decoupled) w -= lr * c->weight_decay * w;
    m = c->beta1 * m + (1.0 - c->beta1) * g;
    v = c->beta2 * v + (1.0 - c->beta2) * g * g;
    const double m_hat = m / (1.0 - pow(c->beta1, step + 1)), v_hat = v / (1.0 - pow(c->beta2, step + 1));
    w -= lr * m_hat / (sqrt(v_hat) + c->adam_epsilon);
  }
  return w;
}

/** Largest distance from the twin. Each step rounds a dozen times at values near 1. */
static double distance(const subject *s, const float *initial, bool all_decay)
{
  const float *w = lks_network_parameters(s->network);
  double largest = 0.0;
  for (size_t t = 0; t < lks_network_tensors(s->network); t++) {
    const lks_tensor *tensor = lks_network_tensor(s->network, t);
    if (tensor->kind > LKS_TENSOR_BETA) continue;
    const bool decays = all_decay || tensor->kind == LKS_TENSOR_WEIGHT;
    for (size_t i = tensor->offset; i < tensor->offset + tensor->elements; i++) {
      const double twin = s->config.optimizer == LKS_OPTIMIZER_SGD
                              ? twin_sgd(initial[i], i, &s->config, decays)
                              : twin_adam(initial[i], i, &s->config, decays);
      largest = fmax(largest, fabs(twin - (double)w[i]));
    }
  }
  return largest;
}

static const char *const variants[][5][2] = {
    {{"optimizer", "sgd"}, {"momentum", "0"}, {"weight-decay", "0.1"}},
    {{"optimizer", "sgd"}, {"momentum", "0.9"}, {"weight-decay", "0.1"}},
    {{"optimizer", "sgd"}, {"momentum", "0.9"}, {"weight-decay", "0.1"}, {"nesterov", "on"}},
    {{"optimizer", "sgd"}, {"momentum", "0.9"}, {"weight-decay", "0.1"}, {"decay-all", "on"}},
    {{"optimizer", "adam"}, {"weight-decay", "0.1"}},
    {{"optimizer", "adam"}, {"weight-decay", "0.1"}, {"decay-all", "on"}},
    {{"optimizer", "adamw"}, {"weight-decay", "0.1"}},
    {{"optimizer", "adamw"}, {"weight-decay", "0.1"}, {"decay-all", "on"}},
};

enum { VARIANTS = sizeof variants / sizeof *variants };

static void test_against_the_twin(lks_comm *comm)
{
  const double tolerance = STEPS * 12 * 0x1p-24 * 4.0;
  for (int i = 0; i < VARIANTS; i++) {
    subject s;
    create(&s, comm, variants[i]);
    const size_t bytes = lks_network_parameter_count(s.network) * sizeof(float);
    float *initial = lks_new(bytes, 1);
    memcpy(initial, lks_network_parameters(s.network), bytes);
    advance(&s);
    const bool all = s.config.decay_all;
    const bool ok = distance(&s, initial, all) < tolerance;
    const bool control = distance(&s, initial, !all) > 10 * tolerance;
    lks_free(initial);
    lks_assert_all(comm, ok && control && lks_optimizer_steps(s.optimizer) == STEPS);
    destroy(&s);
  }
}

static void test_threads_change_no_bit(lks_comm *comm)
{
  for (int i = 0; i < VARIANTS; i++) {
    subject one, three;
    create(&one, comm, variants[i]);
    create(&three, comm, variants[i]);
    lks_optimizer_destroy(&three.optimizer);
    const bool forgotten = !three.optimizer;
    three.config.threads = 3;
    lks_assert_ok_all(comm, lks_optimizer_create(&three.optimizer, &three.config, three.network));
    advance(&one);
    advance(&three);
    lks_assert_all(comm, forgotten && memcmp(lks_network_parameters(one.network),
                                             lks_network_parameters(three.network),
                                             lks_network_parameter_count(one.network) * sizeof(float)) == 0);
    destroy(&one);
    destroy(&three);
  }
}

/** A new optimizer with the moments of an old one. */
static lks_status replace(subject *s, int64_t steps)
{
  const size_t count = lks_network_parameter_count(s->network);
  lks_optimizer *old = s->optimizer;
  lks_status status = lks_optimizer_create(&s->optimizer, &s->config, s->network);
  for (size_t m = 0; !status && m < lks_optimizer_moments(old); m++)
    memcpy(lks_optimizer_moment(s->optimizer, m), lks_optimizer_moment(old, m), count * sizeof(float));
  if (!status) lks_optimizer_steps_set(s->optimizer, steps);
  lks_optimizer_destroy(&old);
  return status;
}

/** Moments and the number of steps are all that goes on from one optimizer to the next; with another number
 * they go on otherwise, where there are moments: from 0 a velocity is forgotten, and Adam corrects anew. */
static void test_resumed_steps(lks_comm *comm)
{
  for (int i = 0; i < VARIANTS; i++) {
    subject straight, resumed, anew;
    create(&straight, comm, variants[i]);
    create(&resumed, comm, variants[i]);
    create(&anew, comm, variants[i]);
    advance(&straight);
    advance_from(&resumed, 0, 2);
    advance_from(&anew, 0, 2);
    lks_assert_ok_all(comm, replace(&resumed, 2));
    lks_assert_ok_all(comm, replace(&anew, 0));
    advance_from(&resumed, 2, STEPS);
    advance_from(&anew, 2, STEPS);
    const size_t bytes = lks_network_parameter_count(straight.network) * sizeof(float);
    const float *w = lks_network_parameters(straight.network);
    const bool same = !memcmp(w, lks_network_parameters(resumed.network), bytes),
               control = !memcmp(w, lks_network_parameters(anew.network), bytes),
               plain = lks_optimizer_moments(straight.optimizer) == 0;
    lks_assert_all(comm, same && control == plain && lks_optimizer_steps(resumed.optimizer) == STEPS);
    destroy(&anew);
    destroy(&resumed);
    destroy(&straight);
  }
}

/** Adam's bias corrections are 1 after so many steps, and computing them takes no time: from moments of 0, m
 * is 0.1 g and v 0.001 g^2. */
static void test_late_steps(lks_comm *comm)
{
  subject s;
  create(&s, comm, variants[4]);
  lks_optimizer_steps_set(s.optimizer, INT64_C(1) << 40);
  const size_t count = lks_network_parameter_count(s.network);
  const lks_config *c = &s.config;
  float *initial = lks_new(count, sizeof *initial), *w = lks_network_parameters(s.network);
  memcpy(initial, w, count * sizeof *initial);
  advance_from(&s, 0, 1);
  bool ok = true;
  for (size_t t = 0; t < lks_network_tensors(s.network); t++) {
    const lks_tensor *tensor = lks_network_tensor(s.network, t);
    const double decay = tensor->kind == LKS_TENSOR_WEIGHT ? c->weight_decay : 0;
    for (size_t i = tensor->offset; tensor->kind <= LKS_TENSOR_BETA && i < tensor->offset + tensor->elements;
         i++) {
      const double g = (double)gradient_of(i, 0) + decay * initial[i];
      const double m = (1 - c->beta1) * g, v = (1 - c->beta2) * g * g;
      /* a small g is the difference of two larger numbers, and rounds as they do */
      ok = ok && (fabs(g) < 1e-4 || fabs(w[i] - (initial[i] - lr * m / (sqrt(v) + c->adam_epsilon))) < 1e-5);
    }
  }
  advance_from(&s, 1, STEPS);
  lks_free(initial);
  lks_assert_all(comm, ok && lks_optimizer_steps(s.optimizer) == (INT64_C(1) << 40) + STEPS);
  destroy(&s);
}

static const lks_mpi_test tests[] = {
    LKS_MPI_TEST(test_against_the_twin),
    LKS_MPI_TEST(test_threads_change_no_bit),
    LKS_MPI_TEST(test_resumed_steps),
    LKS_MPI_TEST(test_late_steps),
};

int main(int argc, char **argv)
{
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
