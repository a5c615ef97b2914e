#include "checkpoint/snapshot.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/ending.h"

lks_status lks_snapshot_allocate(lks_snapshot *snapshot, size_t arrays)
{
  snapshot->arrays = arrays;
  snapshot->array = lks_new(arrays + 1, sizeof *snapshot->array);
  return snapshot->array ? LKS_OK : LKS_ERR_RANK;
}

lks_status lks_snapshot_place(lks_snapshot *snapshot)
{
  snapshot->elements = 0;
  for (size_t a = 0; a < snapshot->arrays; a++) snapshot->elements += snapshot->array[a].elements;
  snapshot->block = lks_new(snapshot->elements + 1, sizeof *snapshot->block);
  if (!snapshot->block) return LKS_ERR_RANK;
  float *next = snapshot->block;
  for (size_t a = 0; a < snapshot->arrays; a++) {
    snapshot->array[a].data = next;
    next += snapshot->array[a].elements;
  }
  return LKS_OK;
}

void lks_snapshot_clear(lks_snapshot *snapshot)
{
  lks_free(snapshot->array);
  lks_free(snapshot->block);
  *snapshot = (lks_snapshot){0};
}

static bool is_parameter(const lks_tensor *tensor)
{
  return tensor->kind <= LKS_TENSOR_BETA;
}

/** Where a tensor, or a moment of it, lies. */
static float *live_data(lks_network *network, lks_optimizer *optimizer, const lks_tensor *tensor, int moment)
{
  if (moment != LKS_NO_MOMENT) return lks_optimizer_moment(optimizer, (size_t)moment) + tensor->offset;
  return (is_parameter(tensor) ? lks_network_parameters(network) : lks_network_running(network)) +
         tensor->offset;
}

static void describe_tensor(lks_snapshot_array *array, const lks_tensor *tensor, int moment)
{
  snprintf(array->name, sizeof array->name, "%s", tensor->name);
  array->moment = moment;
  array->dimensions = tensor->dimensions;
  memcpy(array->extent, tensor->extent, sizeof array->extent);
  array->elements = tensor->elements;
}

/** The arrays that a network and an optimizer have, still without data. */
static lks_status describe(lks_snapshot *snapshot, const lks_network *network, const lks_optimizer *optimizer)
{
  const size_t tensors = lks_network_tensors(network);
  snapshot->optimizer = optimizer != NULL;
  snapshot->moments = optimizer ? lks_optimizer_moments(optimizer) : 0;
  for (size_t m = 0; m < snapshot->moments; m++)
    snprintf(snapshot->moment_name[m], LKS_MOMENT_NAME_MAX, "%s", lks_optimizer_moment_name(optimizer, m));
  size_t trained = 0;
  for (size_t t = 0; t < tensors; t++) trained += is_parameter(lks_network_tensor(network, t));
  lks_status status = lks_snapshot_allocate(snapshot, tensors + snapshot->moments * trained);
  if (status) return status;
  lks_snapshot_array *array = snapshot->array;
  for (int moment = LKS_NO_MOMENT; moment < (int)snapshot->moments; moment++)
    for (size_t t = 0; t < tensors; t++) {
      const lks_tensor *tensor = lks_network_tensor(network, t);
      if (moment == LKS_NO_MOMENT || is_parameter(tensor)) describe_tensor(array++, tensor, moment);
    }
  return LKS_OK;
}

lks_status lks_snapshot_take(lks_snapshot *snapshot, lks_network *network, lks_optimizer *optimizer)
{
  *snapshot = (lks_snapshot){.batches_tracked = lks_network_batches_tracked(network),
                             .steps = optimizer ? lks_optimizer_steps(optimizer) : 0};
  lks_status status = describe(snapshot, network, optimizer);
  if (!status) status = lks_snapshot_place(snapshot);
  for (size_t a = 0; !status && a < snapshot->arrays; a++) {
    lks_snapshot_array *array = &snapshot->array[a];
    const lks_tensor *tensor = lks_network_find(network, array->name);
    lks_tensor_export(array->data, live_data(network, optimizer, tensor, array->moment), tensor);
  }
  if (status) lks_snapshot_clear(snapshot);
  return status;
}

void lks_snapshot_put(const lks_snapshot *snapshot, lks_network *network, lks_optimizer *optimizer)
{
  for (size_t a = 0; a < snapshot->arrays; a++) {
    const lks_snapshot_array *array = &snapshot->array[a];
    if (array->moment != LKS_NO_MOMENT && !optimizer) continue;
    const lks_tensor *tensor = lks_network_find(network, array->name);
    lks_tensor_import(live_data(network, optimizer, tensor, array->moment), array->data, tensor);
  }
  lks_network_batches_tracked_set(network, snapshot->batches_tracked);
  if (optimizer) lks_optimizer_steps_set(optimizer, snapshot->steps);
}

/** "16x3x3x3" */
static const char *print_shape(char text[96], const lks_snapshot_array *array)
{
  int length = 0;
  for (int d = 0; d < array->dimensions; d++)
    length += snprintf(text + length, 96 - (size_t)length, d ? "x%zu" : "%zu", array->extent[d]);
  return text;
}

static bool same_shape(const lks_snapshot_array *a, const lks_snapshot_array *b)
{
  bool same = a->dimensions == b->dimensions;
  for (int d = 0; same && d < a->dimensions; d++) same = a->extent[d] == b->extent[d];
  return same;
}

static const lks_snapshot_array *find(const lks_snapshot *snapshot, const char *name, int moment)
{
  for (size_t a = 0; a < snapshot->arrays; a++)
    if (snapshot->array[a].moment == moment && strcmp(snapshot->array[a].name, name) == 0)
      return &snapshot->array[a];
  return NULL;
}

static lks_status compare_arrays(const lks_snapshot *snapshot, const lks_snapshot *expected)
{
  for (size_t a = 0; a < expected->arrays; a++) {
    const lks_snapshot_array *mine = &expected->array[a];
    const lks_snapshot_array *other = find(snapshot, mine->name, mine->moment);
    char here[96], there[96];
    if (!other) return lks_fail(LKS_ERR_DATA, "of another model: it has no %s", mine->name);
    if (!same_shape(mine, other))
      return lks_fail(LKS_ERR_DATA, "of another model: its %s is %s and this model's is %s", mine->name,
                      print_shape(there, other), print_shape(here, mine));
  }
  for (size_t a = 0; a < snapshot->arrays; a++) {
    const lks_snapshot_array *other = &snapshot->array[a];
    if (other->moment < (int)expected->moments && !find(expected, other->name, other->moment))
      return lks_fail(LKS_ERR_DATA, "of another model: it has %s, which this model has not", other->name);
  }
  return LKS_OK;
}

static const char *print_moments(char text[LKS_MOMENTS_MAX * LKS_MOMENT_NAME_MAX],
                                 const lks_snapshot *snapshot)
{
  int length =
      snprintf(text, LKS_MOMENT_NAME_MAX, "%s", snapshot->moments ? snapshot->moment_name[0] : "none");
  for (size_t m = 1; m < snapshot->moments; m++)
    length += snprintf(text + length, LKS_MOMENT_NAME_MAX, " %.29s", snapshot->moment_name[m]);
  return text;
}

static lks_status compare_moments(const lks_snapshot *snapshot, const lks_snapshot *expected)
{
  char here[LKS_MOMENTS_MAX * LKS_MOMENT_NAME_MAX], there[sizeof here];
  if (!snapshot->optimizer)
    return lks_fail(LKS_ERR_DATA, "it holds no optimizer state: it cannot be continued from");
  if (strcmp(print_moments(here, expected), print_moments(there, snapshot)) != 0)
    return lks_fail(LKS_ERR_DATA, "of another optimizer: its moments are %s and this run's are %s", there,
                    here);
  return LKS_OK;
}

lks_status lks_snapshot_compare(const lks_snapshot *snapshot, const lks_network *network,
                                lks_optimizer *optimizer)
{
  lks_snapshot expected = {0};
  lks_status status = describe(&expected, network, optimizer);
  if (!status && optimizer) status = compare_moments(snapshot, &expected);
  if (!status) status = compare_arrays(snapshot, &expected);
  lks_snapshot_clear(&expected);
  return status;
}

int64_t lks_snapshot_parameters(const lks_snapshot *snapshot)
{
  int64_t elements = 0;
  for (size_t a = 0; a < snapshot->arrays; a++) {
    const lks_snapshot_array *array = &snapshot->array[a];
    const bool running =
        lks_before_ending(array->name, ".running_mean") || lks_before_ending(array->name, ".running_var");
    if (array->moment == LKS_NO_MOMENT && !running) elements += (int64_t)array->elements;
  }
  return elements;
}

static bool never_negative(const lks_snapshot *snapshot, const lks_snapshot_array *array)
{
  if (array->moment == LKS_NO_MOMENT) return lks_before_ending(array->name, ".running_var") > 0;
  return strcmp(snapshot->moment_name[array->moment], "exp_avg_sq") == 0;
}

static lks_status check_array(const lks_snapshot *snapshot, const lks_snapshot_array *array)
{
  const bool moment = array->moment != LKS_NO_MOMENT, low = never_negative(snapshot, array);
  for (size_t i = 0; i < array->elements; i++) {
    const float value = array->data[i];
    if (isfinite(value) && !(low && value < 0)) continue;
    return lks_fail(LKS_ERR_DATA, "element %zu of %s%s%s is %g and must be finite%s: %s", i,
                    moment ? snapshot->moment_name[array->moment] : "", moment ? "/" : "", array->name,
                    (double)value, low ? " and not negative" : "",
                    isfinite(value) ? "damaged or edited; take another checkpoint"
                                    : "the run had diverged; take an earlier checkpoint");
  }
  return LKS_OK;
}

lks_status lks_snapshot_check(const lks_snapshot *snapshot)
{
  lks_status status = LKS_OK;
  for (size_t a = 0; !status && a < snapshot->arrays; a++)
    status = check_array(snapshot, &snapshot->array[a]);
  return status;
}
