#include <stdio.h>
#include <string.h>

#include "model/layer_patterns.h"
#include "model/network_parts.h"
#include "support/mpi_test.h"
#include "support/small_network.h"

/* Networks of which some layers are frozen, over all ranks: what trains has the bits that it has in one process that reckons all gradients,
 * and those of frozen layers are not reckoned. */

typedef struct frozen_case {
  const char *text, *layers, *norm;
  bool resting; /* batch norm stays as it is */
} frozen_case;

static const char grouped_text[] =
    "conv 6 3x3\nbatchnorm group=5\nrelu\nconv 7 3x3\nbatchnorm\nrelu\n"
    "residual r\n conv 7 3x3\n batchnorm group=8\nend\nrelu\nglobalavgpool\ndense classes\n";

static const frozen_case cases[] = {
    {residual_text, "conv1", "sync", false},
    {residual_text, "conv1,bn1,layer1", "5", false},
    {residual_text, "layer1.0.conv2,layer2.0.conv1,dense1", "sync", false},
    {residual_text, "conv*,layer?,dense1", "8", true},
    {residual_text, "conv1,layer1,layer2.0.conv*,layer2.0.bn*", "sync", true},
    {before_text, "conv1,a.conv1,a.bn1", "sync", false},
    {before_text, "a.conv*,a.bn*,b.conv1", "5", false},
    {pooled_text, "conv1,bn1,conv2", "sync", false},
    {kinds_text, "conv1,conv2,conv3", "sync", false},
    {kinds_text, "conv*,bn*,a", "5", false},
    {kinds_text, "a,c0", "sync", false},
    {grouped_text, "conv1,bn1", "sync", false},
    {grouped_text, "conv1,bn1,conv2,bn2", "6", false},
};
enum { CASES = sizeof cases / sizeof *cases };

static bool trains(const frozen_case *c, const lks_network *network, const lks_tensor *tensor)
{
  char sibling[LKS_NAME_MAX + 16];
  const char *dot = strrchr(tensor->name, '.');
  if (tensor->kind == LKS_TENSOR_RUNNING_MEAN || tensor->kind == LKS_TENSOR_RUNNING_VAR) return false;
  snprintf(sibling, sizeof sibling, "%.*s.running_var", (int)(dot - tensor->name), tensor->name);
  if (c->resting && lks_network_find(network, sibling)) return false;
  return !lks_layer_patterns_take_tensor(c->layers, tensor->name);
}

/* Whether gradients of what trains are the same, those of `frozen` are 0 elsewhere, and those of `whole` not all of them. */
static bool gradients_agree(const frozen_case *c, const subject *frozen, const subject *whole)
{
  const float *a = lks_network_gradients(frozen->network), *b = lks_network_gradients(whole->network);
  bool ok = true, moves = false;
  for (size_t t = 0; t < lks_network_tensors(whole->network); t++) {
    const lks_tensor *tensor = lks_network_tensor(whole->network, t);
    if (tensor->kind > LKS_TENSOR_BETA) continue;
    const bool trained = trains(c, whole->network, tensor);
    if (trained) ok = ok && !memcmp(a + tensor->offset, b + tensor->offset, tensor->elements * sizeof *a);
    for (size_t i = tensor->offset; i < tensor->offset + tensor->elements && !trained; i++) {
      moves = moves || b[i] != 0;
      ok = ok && (tensor->kind != LKS_TENSOR_WEIGHT || a[i] == 0);
    }
  }
  return ok && moves;
}

static bool values_agree(const subject *a, const subject *b)
{
  return !memcmp(lks_network_parameters(a->network), lks_network_parameters(b->network),
                 lks_network_parameter_count(a->network) * sizeof(float)) &&
         !memcmp(lks_network_running(a->network), lks_network_running(b->network),
                 lks_network_running_count(a->network) * sizeof(float));
}

static void descend(const frozen_case *c, subject *s)
{
  float *w = lks_network_parameters(s->network);
  const float *g = lks_network_gradients(s->network);
  for (size_t t = 0; t < lks_network_tensors(s->network); t++) {
    const lks_tensor *tensor = lks_network_tensor(s->network, t);
    for (size_t i = 0; i < tensor->elements && trains(c, s->network, tensor); i++)
      w[tensor->offset + i] -= 0.1f * g[tensor->offset + i];
  }
  lks_network_parameters_changed(s->network);
}

static void test_same_bits(lks_comm *comm)
{
  static const size_t total[] = {BATCH, 22, BATCH};
  for (size_t i = 0; i < CASES; i++) {
    const frozen_case *c = &cases[i];
    subject frozen, whole;
    lks_pass_result result[2];
    lks_network_options o = options(c->norm, 1 + (int)(i % 3));
    o.freeze_norm = c->resting;
    lks_status status = subject_create(&whole, NULL, c->text, &o);
    o.freeze = c->layers;
    status = lks_status_worse(status, subject_create(&frozen, comm, c->text, &o));
    lks_assert_ok_all(comm, status);
    bool ok = true;
    for (uint32_t step = 0; step < 3; step++) {
      status = lks_status_worse(status, pass(&frozen, result, LKS_PASS_TRAIN, 5 * step, total[step], step));
      status =
          lks_status_worse(status, pass(&whole, result + 1, LKS_PASS_TRAIN, 5 * step, total[step], step));
      ok = ok && result[0].loss == result[1].loss && gradients_agree(c, &frozen, &whole);
      descend(c, &frozen);
      descend(c, &whole);
      ok = ok && values_agree(&frozen, &whole);
    }
    subject_destroy(&frozen);
    subject_destroy(&whole);
    lks_assert_ok_all(comm, status);
    lks_assert_all(comm, ok);
  }
}

/* With all but the head frozen, nothing below it has a backward pass, and no memory for one. */
static void test_nothing_is_reckoned_below(lks_comm *comm)
{
  subject head, whole;
  lks_network_options o = options("sync", 1);
  lks_status status = subject_create(&whole, comm, residual_text, &o);
  o.freeze = "conv*,bn*,layer*,dense1";
  status = lks_status_worse(status, subject_create(&head, comm, residual_text, &o));
  lks_assert_ok_all(comm, status);
  const lks_stages *s = lks_network_stages(head.network), *all = lks_network_stages(whole.network);
  bool ok = s->lowest == s->stages - 1 && all->lowest == 0;
  for (int op = 0; op < s->ops; op++)
    ok = ok && s->op[op].wanted == (op == s->ops - 1) && s->op[op].dx < 0 && s->op[op].dresidual < 0;
  const bool less =
      s->buffers == 1 && head.network->memory.value_gradients < whole.network->memory.value_gradients;
  subject_destroy(&head);
  subject_destroy(&whole);
  lks_assert_all(comm, ok && less);
}

int main(int argc, char **argv)
{
  static const lks_mpi_test tests[] = {LKS_MPI_TEST(test_same_bits),
                                       LKS_MPI_TEST(test_nothing_is_reckoned_below)};
  make_data();
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
