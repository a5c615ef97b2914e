#include <stdio.h>
#include <string.h>

#include "base/append.h"
#include "base/arena.h"
#include "base/ending.h"
#include "base/integers.h"
#include "base/suggest.h"
#include "export/initial_match.h"

bool lks_initial_same_shape(const lks_snapshot_array *array, const lks_weight_entry *entry)
{
  bool same = array->dimensions == entry->dimensions;
  for (int d = 0; same && d < array->dimensions; d++) same = array->extent[d] == entry->extent[d];
  return same;
}

/* The layer of the first tensor of another shape, which is likely to be the head. */
static void advise_shape(char *advice, size_t size, const lks_initial_trouble *other_shape)
{
  char layer[LKS_ARRAY_NAME_MAX];
  snprintf(layer, sizeof layer, "%.*s", (int)strcspn(other_shape->names, " "), other_shape->names);
  char *dot = strrchr(layer, '.');
  if (dot) *dot = '\0';
  lks_append(advice, size, "; --init-except %s begins with new values there", layer);
}

/* Of the names that are over, the first one of the shape of the tensor that is missing shows how they go together. */
static void advise_map(char *advice, size_t size, const lks_initial_match *m, const char *missing)
{
  size_t a = 0;
  while (a + 1 < m->state.arrays && strcmp(m->state.array[a].name, missing) != 0) a++;
  for (size_t i = 0; i < lks_weight_file_count(m->file); i++) {
    const lks_weight_entry *entry = lks_weight_file_entry(m->file, i);
    const char *dot = strrchr(entry->name, '.'), *ours = strrchr(missing, '.');
    if (m->used[i] || !dot || !ours || strcmp(dot, ours) != 0 ||
        !lks_initial_same_shape(&m->state.array[a], entry))
      continue;
    lks_append(
        advice, size,
        "; where layers have other names, `import-weights --map FILE` takes lines such as `%.*s = %.*s`; `lockstep info` lists the file's arrays and `lockstep show` the layers",
        (int)(ours - missing), missing, (int)lks_min((size_t)(dot - entry->name), 60), entry->name);
    return;
  }
}

/* Whether the file has biases and no running statistics. */
static bool is_folded(const lks_initial_match *m)
{
  bool biases = false;
  for (size_t i = 0; i < lks_weight_file_count(m->file); i++) {
    const char *name = lks_weight_file_entry(m->file, i)->name;
    if (strstr(name, "running")) return false;
    biases = biases || lks_before_ending(name, ".bias");
  }
  return biases;
}

/* What stands before the name of a tensor that is missing, if the file has it so; or a name like it. */
static void advise_missing(char *advice, size_t size, const lks_initial_match *m,
                           const lks_initial_trouble *missing)
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
  if (is_folded(m) && strstr(missing->names, "running")) {
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
  if (!near) advise_map(advice, size, m, name);
}

lks_status lks_initial_complain(const lks_initial_match *m, const lks_initial_trouble *missing,
                                const lks_initial_trouble *other_shape, const lks_initial_trouble *unused)
{
  char text[4 * LKS_INITIAL_LIST_ROOM] = "", advice[600] = "";
  if (!missing->count && !other_shape->count && !unused->count) return LKS_OK;
  if (missing->count)
    lks_append(text, sizeof text, "; it lacks %zu tensors: %s", missing->count, missing->names);
  if (other_shape->count)
    lks_append(text, sizeof text, "; of another shape are %zu: %s", other_shape->count, other_shape->names);
  if (unused->count)
    lks_append(text, sizeof text, "; the model has no place for %zu: %s", unused->count, unused->names);
  if (other_shape->count && !missing->count) advise_shape(advice, sizeof advice, other_shape);
  if (missing->count) advise_missing(advice, sizeof advice, m, missing);
  return lks_fail(LKS_ERR_DATA, "%s: does not fit this model%s%s", m->rules->path, text, advice);
}
