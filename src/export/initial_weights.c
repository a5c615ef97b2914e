#include "export/initial_weights.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/append.h"
#include "base/arena.h"
#include "base/ending.h"
#include "base/log.h"
#include "checkpoint/snapshot.h"
#include "checkpoint/state_broadcast.h"
#include "export/initial_match.h"
#include "model/layer_patterns.h"
#include "model/op_times.h"

enum { LISTED = 5 };

static void add(lks_initial_trouble *to, const char *name)
{
  if (to->count < LISTED)
    lks_append(to->names, sizeof to->names, "%s%.120s", to->count ? ", " : "", name);
  else if (to->count == LISTED)
    lks_append(to->names, sizeof to->names, ", ...");
  to->count++;
}

static const char *without_prefix(const lks_initial_match *m, const char *name)
{
  const size_t length = strlen(m->rules->prefix);
  return strncmp(name, m->rules->prefix, length) == 0 ? name + length : NULL;
}

static bool is_count(const char *name)
{
  static const char ending[] = "num_batches_tracked";
  return strcmp(name, ending) == 0 || lks_before_ending(name, ending) > 0;
}

static long find_entry(const lks_initial_match *m, const char *tensor)
{
  char name[LKS_MAPPED_NAME_MAX];
  lks_layer_map_name(name, m->map, tensor);
  for (size_t i = 0; i < lks_weight_file_count(m->file); i++) {
    const char *rest = without_prefix(m, lks_weight_file_entry(m->file, i)->name);
    if (rest && strcmp(rest, name) == 0) return (long)i;
  }
  return LKS_INITIAL_NONE;
}

/* Whether an array of the file belongs to a layer that begins anew, whatever the shapes are. */
static bool is_excepted(const lks_initial_match *m, const char *rest)
{
  char name[LKS_MAPPED_NAME_MAX];
  if (!rest) return false;
  if (lks_layer_patterns_take_tensor(m->rules->except, rest)) return true;
  for (size_t a = 0; a < m->state.arrays; a++) {
    lks_layer_map_name(name, m->map, m->state.array[a].name);
    if (strcmp(name, rest) == 0)
      return lks_layer_patterns_take_tensor(m->rules->except, m->state.array[a].name);
  }
  return false;
}

static void print_shape(char text[128], const size_t *extent, int dimensions)
{
  text[0] = '\0';
  for (int d = 0; d < dimensions; d++) lks_append(text, 128, d ? "x%zu" : "%zu", extent[d]);
  if (!dimensions) lks_append(text, 128, "a single number");
}

static void add_shape(lks_initial_trouble *to, const lks_snapshot_array *array, const lks_weight_entry *entry)
{
  char here[128], there[128], text[400];
  print_shape(here, array->extent, array->dimensions);
  print_shape(there, entry->extent, entry->dimensions);
  snprintf(text, sizeof text, "%s (%s, and %s in the model)", array->name, there, here);
  add(to, text);
}

static void pair_up(lks_initial_match *m, lks_initial_trouble *missing, lks_initial_trouble *other_shape)
{
  for (size_t a = 0; a < m->state.arrays; a++) {
    const lks_snapshot_array *array = &m->state.array[a];
    m->entry[a] = LKS_INITIAL_NONE;
    if (lks_layer_patterns_take_tensor(m->rules->except, array->name)) continue;
    const long found = find_entry(m, array->name);
    if (found == LKS_INITIAL_NONE) {
      if (!m->rules->ignore_missing) add(missing, array->name);
      continue;
    }
    m->used[found] = true;
    m->entry[a] = found;
    const lks_weight_entry *entry = lks_weight_file_entry(m->file, (size_t)found);
    if (!lks_initial_same_shape(array, entry)) add_shape(other_shape, array, entry);
  }
}

/* The running mean, among the arrays, of the batch norm that takes what this layer gives; LKS_INITIAL_NONE: there is none. */
static long mean_behind(const lks_initial_match *m, const lks_stages *stages, int op)
{
  char name[LKS_ARRAY_NAME_MAX];
  for (int o = op + 1; o < stages->ops; o++) {
    if (stages->op[o].kind != LKS_OP_NORM || stages->op[o].input != op) continue;
    snprintf(name, sizeof name, "%s.running_mean", stages->op[o].layer->name);
    for (size_t a = 0; a < m->state.arrays; a++)
      if (strcmp(m->state.array[a].name, name) == 0) return (long)a;
  }
  return LKS_INITIAL_NONE;
}

/* Layers before a batch norm have no bias here, and may have one elsewhere: what it subtracts again. */
static void find_biases(lks_initial_match *m)
{
  char name[LKS_ARRAY_NAME_MAX];
  const lks_stages *stages = lks_network_stages(m->network);
  for (int o = 0; o < stages->ops; o++) {
    const lks_layer *layer = stages->op[o].layer;
    if (stages->op[o].kind != LKS_OP_LINEAR || layer->bias) continue;
    snprintf(name, sizeof name, "%s.bias", layer->name);
    const long found = find_entry(m, name), mean = mean_behind(m, stages, o);
    if (found == LKS_INITIAL_NONE || mean == LKS_INITIAL_NONE || m->entry[mean] == LKS_INITIAL_NONE) continue;
    if (!lks_initial_same_shape(&m->state.array[mean], lks_weight_file_entry(m->file, (size_t)found)))
      continue;
    m->bias[mean] = found;
    m->used[found] = true;
    m->biases++;
  }
}

static lks_status check_values(const lks_initial_match *m, const lks_snapshot_array *array)
{
  const bool low = lks_before_ending(array->name, ".running_var") > 0; /* a variance */
  for (size_t i = 0; i < array->elements; i++)
    if (!isfinite(array->data[i]) || (low && array->data[i] < 0))
      return lks_fail(LKS_ERR_DATA, "%s: element %zu of %s is %g and must be finite%s", m->rules->path, i,
                      array->name, (double)array->data[i], low ? " and not negative" : "");
  return LKS_OK;
}

static lks_status subtract_biases(lks_initial_match *m)
{
  bool exact;
  lks_status status = LKS_OK;
  for (size_t a = 0; a < m->state.arrays && !status; a++) {
    const lks_snapshot_array *mean = &m->state.array[a];
    if (m->bias[a] == LKS_INITIAL_NONE) continue;
    float *bias = lks_new(mean->elements, sizeof *bias);
    if (!bias) return LKS_ERR_RANK;
    status = lks_weight_file_read(bias, &exact, m->file, (size_t)m->bias[a]);
    for (size_t i = 0; i < mean->elements && !status; i++) mean->data[i] -= bias[i];
    if (!status) status = check_values(m, mean);
    lks_free(bias);
  }
  return status;
}

static void find_unused(const lks_initial_match *m, lks_initial_trouble *unused)
{
  for (size_t i = 0; i < lks_weight_file_count(m->file); i++) {
    const char *name = lks_weight_file_entry(m->file, i)->name;
    const bool excepted = is_excepted(m, without_prefix(m, name));
    if (!m->used[i] && !is_count(name) && !excepted && !m->rules->ignore_unused) add(unused, name);
  }
}

static lks_status read_values(lks_initial_match *m)
{
  lks_status status = LKS_OK;
  for (size_t a = 0; a < m->state.arrays && !status; a++) {
    bool exact;
    if (m->entry[a] == LKS_INITIAL_NONE) continue;
    const size_t number = (size_t)m->entry[a];
    const char *type = lks_weight_file_entry(m->file, number)->type;
    status = lks_weight_file_read(m->state.array[a].data, &exact, m->file, number);
    if (!status) status = check_values(m, &m->state.array[a]);
    if (status || strcmp(type, "F32") == 0) continue;
    m->rounded |= !exact;
    if (!m->converted++) snprintf(m->converted_type, sizeof m->converted_type, "%s", type);
  }
  return status;
}

/* Of the first batch norm that tells: they all count the same steps. */
static lks_status read_count(lks_initial_match *m)
{
  double count = 0;
  for (size_t i = 0; i < lks_weight_file_count(m->file); i++) {
    const lks_weight_entry *entry = lks_weight_file_entry(m->file, i);
    if (!is_count(entry->name) || entry->elements != 1) continue;
    lks_status status = lks_weight_file_number(&count, m->file, i);
    if (status) return status;
    if (!(count >= 0 && count < 9e15))
      return lks_fail(LKS_ERR_DATA, "%s: %.200s is %g and must be a number of steps", m->rules->path,
                      entry->name, count);
    break;
  }
  m->state.batches_tracked = (int64_t)count;
  return LKS_OK;
}

static void say(const lks_initial_match *m)
{
  size_t taken = 0;
  for (size_t a = 0; a < m->state.arrays; a++) taken += m->entry[a] != LKS_INITIAL_NONE;
  lks_say("weights  %s: %zu of the model's %zu tensors begin with its values", m->rules->path, taken,
          m->state.arrays);
  if (m->biases)
    lks_note(
        "%s: the biases of %zu layers, which have none here, went into the running means of the batch norm behind them",
        m->rules->path, m->biases);
  if (m->converted)
    lks_note("%s: %zu arrays of type %s%s", m->rules->path, m->converted, m->converted_type,
             m->rounded ? " were rounded to 32 bits of floating point"
                        : " became 32 bits of floating point, the same numbers");
}

static lks_status fill(lks_initial_match *m)
{
  lks_initial_trouble missing = {.count = 0}, other_shape = {.count = 0}, unused = {.count = 0};
  const size_t entries = lks_weight_file_count(m->file);
  m->entry = lks_new(m->state.arrays + 1, sizeof *m->entry);
  m->used = lks_new(entries + 1, sizeof *m->used);
  m->bias = lks_new(m->state.arrays + 1, sizeof *m->bias);
  if (!m->entry || !m->used || !m->bias) return LKS_ERR_RANK;
  for (size_t a = 0; a < m->state.arrays; a++) m->bias[a] = LKS_INITIAL_NONE;
  lks_status status = lks_layer_map_read(&m->map, m->rules->map, m->network);
  if (status) return status;
  pair_up(m, &missing, &other_shape);
  find_biases(m);
  find_unused(m, &unused);
  status = lks_initial_complain(m, &missing, &other_shape, &unused);
  if (!status) status = read_values(m);
  if (!status) status = subtract_biases(m);
  if (!status) status = read_count(m);
  if (!status && !m->rules->quiet) say(m);
  return status;
}

/* On rank 0. */
static lks_status put(lks_network *network, const lks_initial_rules *rules)
{
  lks_initial_match m = {.rules = rules, .network = network};
  lks_status status = lks_weight_file_open(&m.file, rules->path);
  if (!status) status = lks_snapshot_take(&m.state, network, NULL);
  if (!status) status = fill(&m);
  if (!status) lks_snapshot_put(&m.state, network, NULL);
  lks_free(m.entry);
  lks_free(m.used);
  lks_free(m.bias);
  lks_layer_map_destroy(&m.map);
  lks_snapshot_clear(&m.state);
  lks_weight_file_close(&m.file);
  return status;
}

lks_status lks_initial_weights_put_all(lks_comm *comm, lks_network *network, const lks_initial_rules *rules)
{
  lks_status status = lks_layer_patterns_check(rules->except, network, "init-except");
  if (!status && lks_comm_rank(comm) == 0) status = put(network, rules);
  status = lks_comm_agree_all(comm, status);
  return status ? status : lks_state_broadcast_all(comm, network, NULL);
}
