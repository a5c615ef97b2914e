#include "export/initial_weights.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/append.h"
#include "base/arena.h"
#include "base/ending.h"
#include "base/log.h"
#include "base/suggest.h"
#include "checkpoint/snapshot.h"
#include "checkpoint/state_broadcast.h"
#include "export/weight_file.h"
#include "model/layer_patterns.h"

enum { LISTED = 5, LIST_ROOM = 1200, NONE = -1 };

/* A file and the state of a network that it is to fill. */
typedef struct match {
  const lks_initial_rules *rules;
  lks_weight_file *file;
  lks_snapshot state;
  long *entry; /* [state.arrays] where each comes from, or NONE */
  bool *used;  /* [entries] */
  size_t converted;
  char converted_type[16];
  bool rounded;
} match;

/* Names of one kind of trouble: the first ones, and how many there are. */
typedef struct trouble {
  char names[LIST_ROOM];
  size_t count;
} trouble;

static void add(trouble *to, const char *name)
{
  if (to->count < LISTED)
    lks_append(to->names, sizeof to->names, "%s%.120s", to->count ? ", " : "", name);
  else if (to->count == LISTED)
    lks_append(to->names, sizeof to->names, ", ...");
  to->count++;
}

static const char *without_prefix(const match *m, const char *name)
{
  const size_t length = strlen(m->rules->prefix);
  return strncmp(name, m->rules->prefix, length) == 0 ? name + length : NULL;
}

static bool is_count(const char *name)
{
  static const char ending[] = "num_batches_tracked";
  return strcmp(name, ending) == 0 || lks_before_ending(name, ending) > 0;
}

static long find_entry(const match *m, const char *name)
{
  for (size_t i = 0; i < lks_weight_file_count(m->file); i++) {
    const char *rest = without_prefix(m, lks_weight_file_entry(m->file, i)->name);
    if (rest && strcmp(rest, name) == 0) return (long)i;
  }
  return NONE;
}

static bool same_shape(const lks_snapshot_array *array, const lks_weight_entry *entry)
{
  bool same = array->dimensions == entry->dimensions;
  for (int d = 0; same && d < array->dimensions; d++) same = array->extent[d] == entry->extent[d];
  return same;
}

static void print_shape(char text[128], const size_t *extent, int dimensions)
{
  text[0] = '\0';
  for (int d = 0; d < dimensions; d++) lks_append(text, 128, d ? "x%zu" : "%zu", extent[d]);
  if (!dimensions) lks_append(text, 128, "a single number");
}

static void add_shape(trouble *to, const lks_snapshot_array *array, const lks_weight_entry *entry)
{
  char here[128], there[128], text[400];
  print_shape(here, array->extent, array->dimensions);
  print_shape(there, entry->extent, entry->dimensions);
  snprintf(text, sizeof text, "%s (%s, and %s in the model)", array->name, there, here);
  add(to, text);
}

static void pair_up(match *m, trouble *missing, trouble *other_shape)
{
  for (size_t a = 0; a < m->state.arrays; a++) {
    const lks_snapshot_array *array = &m->state.array[a];
    m->entry[a] = NONE;
    if (lks_layer_patterns_take_tensor(m->rules->except, array->name)) continue;
    const long found = find_entry(m, array->name);
    if (found == NONE) {
      if (!m->rules->ignore_missing) add(missing, array->name);
      continue;
    }
    m->used[found] = true;
    m->entry[a] = found;
    const lks_weight_entry *entry = lks_weight_file_entry(m->file, (size_t)found);
    if (!same_shape(array, entry)) add_shape(other_shape, array, entry);
  }
}

static void find_unused(const match *m, trouble *unused)
{
  for (size_t i = 0; i < lks_weight_file_count(m->file); i++) {
    const char *name = lks_weight_file_entry(m->file, i)->name, *rest = without_prefix(m, name);
    const bool excepted = rest && lks_layer_patterns_take_tensor(m->rules->except, rest);
    if (!m->used[i] && !is_count(name) && !excepted && !m->rules->ignore_unused) add(unused, name);
  }
}

/* The layer of the first tensor of another shape, which is likely to be the head. */
static void advise_shape(char *advice, size_t size, const trouble *other_shape)
{
  char layer[LKS_ARRAY_NAME_MAX];
  snprintf(layer, sizeof layer, "%.*s", (int)strcspn(other_shape->names, " "), other_shape->names);
  char *dot = strrchr(layer, '.');
  if (dot) *dot = '\0';
  lks_append(advice, size, "; --init-except %s begins with new values there", layer);
}

/* What stands before the name of a tensor that is missing, if the file has it so; or a name like it. */
static void advise_missing(char *advice, size_t size, const match *m, const trouble *missing,
                           const trouble *unused)
{
  char name[LKS_ARRAY_NAME_MAX];
  snprintf(name, sizeof name, "%.*s", (int)strcspn(missing->names, ","), missing->names);
  const size_t length = strlen(name), entries = lks_weight_file_count(m->file);
  for (size_t i = 0; i < entries; i++) {
    const char *is = lks_weight_file_entry(m->file, i)->name;
    const size_t whole = strlen(is);
    if (whole > length && is[whole - length - 1] == '.' && strcmp(is + whole - length, name) == 0) {
      lks_append(advice, size, "; the file has %.100s: give `import-weights --prefix %.*s`", is,
                 (int)(whole - length < 100 ? whole - length : 100), is);
      return;
    }
  }
  const bool folded = strstr(unused->names, ".bias") && !strstr(unused->names, "running");
  if (folded && strstr(missing->names, "running")) {
    lks_append(advice, size, "; weights with folded batch norm go with --bn none");
    return;
  }
  const char **unused_name = lks_new(entries + 1, sizeof *unused_name);
  size_t count = 0;
  for (size_t i = 0; i < entries && unused_name; i++)
    if (!m->used[i]) unused_name[count++] = lks_weight_file_entry(m->file, i)->name;
  const char *near = unused_name ? lks_suggest(name, unused_name, count) : NULL;
  if (near)
    lks_append(advice, size,
               "; is %.100s meant to be %s? name layers as the file does (name=NAME in the model text)", near,
               name);
  lks_free(unused_name);
}

static lks_status complain(const match *m, const trouble *missing, const trouble *other_shape,
                           const trouble *unused)
{
  char text[4 * LIST_ROOM] = "", advice[400] = "";
  if (!missing->count && !other_shape->count && !unused->count) return LKS_OK;
  if (missing->count)
    lks_append(text, sizeof text, "; it lacks %zu tensors: %s", missing->count, missing->names);
  if (other_shape->count)
    lks_append(text, sizeof text, "; of another shape are %zu: %s", other_shape->count, other_shape->names);
  if (unused->count)
    lks_append(text, sizeof text, "; the model has no place for %zu: %s", unused->count, unused->names);
  if (other_shape->count && !missing->count) advise_shape(advice, sizeof advice, other_shape);
  if (missing->count) advise_missing(advice, sizeof advice, m, missing, unused);
  return lks_fail(LKS_ERR_DATA, "%s: does not fit this model%s%s", m->rules->path, text, advice);
}

static lks_status check_values(const match *m, const lks_snapshot_array *array)
{
  const bool low = lks_before_ending(array->name, ".running_var") > 0; /* a variance */
  for (size_t i = 0; i < array->elements; i++)
    if (!isfinite(array->data[i]) || (low && array->data[i] < 0))
      return lks_fail(LKS_ERR_DATA, "%s: element %zu of %s is %g and must be finite%s", m->rules->path, i,
                      array->name, (double)array->data[i], low ? " and not negative" : "");
  return LKS_OK;
}

static lks_status read_values(match *m)
{
  lks_status status = LKS_OK;
  for (size_t a = 0; a < m->state.arrays && !status; a++) {
    bool exact;
    if (m->entry[a] == NONE) continue;
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
static lks_status read_count(match *m)
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

static void say(const match *m)
{
  size_t taken = 0;
  for (size_t a = 0; a < m->state.arrays; a++) taken += m->entry[a] != NONE;
  lks_say("weights  %s: %zu of the model's %zu tensors begin with its values", m->rules->path, taken,
          m->state.arrays);
  if (m->converted)
    lks_note("%s: %zu arrays of type %s%s", m->rules->path, m->converted, m->converted_type,
             m->rounded ? " were rounded to 32 bits of floating point"
                        : " became 32 bits of floating point, the same numbers");
}

static lks_status fill(match *m)
{
  trouble missing = {.count = 0}, other_shape = {.count = 0}, unused = {.count = 0};
  const size_t entries = lks_weight_file_count(m->file);
  m->entry = lks_new(m->state.arrays + 1, sizeof *m->entry);
  m->used = lks_new(entries + 1, sizeof *m->used);
  if (!m->entry || !m->used) return LKS_ERR_RANK;
  pair_up(m, &missing, &other_shape);
  find_unused(m, &unused);
  lks_status status = complain(m, &missing, &other_shape, &unused);
  if (!status) status = read_values(m);
  if (!status) status = read_count(m);
  if (!status && !m->rules->quiet) say(m);
  return status;
}

/* On rank 0. */
static lks_status put(lks_network *network, const lks_initial_rules *rules)
{
  match m = {.rules = rules};
  lks_status status = lks_weight_file_open(&m.file, rules->path);
  if (!status) status = lks_snapshot_take(&m.state, network, NULL);
  if (!status) status = fill(&m);
  if (!status) lks_snapshot_put(&m.state, network, NULL);
  lks_free(m.entry);
  lks_free(m.used);
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
