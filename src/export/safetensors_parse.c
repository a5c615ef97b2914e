#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/plain_text.h"
#include "export/weight_source.h"

static const char metadata[] = "__metadata__";

static lks_status fail_at(const lks_weight_entry *entry, const char *why)
{
  return lks_fail(LKS_ERR_DATA,
                  "its header says of %.200s %s; the file is damaged, or was not written as safetensors",
                  entry->name, why);
}

static bool take_size(size_t *size, const json_t *from)
{
  if (!json_is_integer(from) || json_integer_value(from) < 0) return false;
  *size = (size_t)json_integer_value(from);
  return true;
}

static lks_status take_shape(lks_weight_entry *entry, const json_t *shape)
{
  if (!json_is_array(shape) || json_array_size(shape) > LKS_WEIGHT_DIMENSIONS_MAX)
    return fail_at(entry, "no shape of at most 8 dimensions");
  entry->dimensions = (int)json_array_size(shape);
  for (int d = 0; d < entry->dimensions; d++)
    if (!take_size(&entry->extent[d], json_array_get(shape, (size_t)d)))
      return fail_at(entry, "a shape that is not of whole numbers from 0 on");
  return LKS_OK;
}

static lks_status take_offsets(size_t *begin, size_t *end, const lks_weight_entry *entry,
                               const json_t *offsets, size_t data_bytes)
{
  if (!json_is_array(offsets) || json_array_size(offsets) != 2 ||
      !take_size(begin, json_array_get(offsets, 0)) || !take_size(end, json_array_get(offsets, 1)) ||
      *begin > *end)
    return fail_at(entry, "no data_offsets of a begin and an end");
  return *end <= data_bytes ? LKS_OK : fail_at(entry, "that it ends behind the end of the file");
}

/* A type that is not known is told of when the array is wanted. */
static lks_status take_type(lks_weight_entry *entry, const json_t *type, size_t bytes)
{
  lks_number_type numbers;
  bool bfloat;
  if (!json_is_string(type)) return fail_at(entry, "no dtype");
  snprintf(entry->type, sizeof entry->type, "%s", json_string_value(type));
  lks_text_make_plain(entry->type);
  entry->readable = lks_weight_type(&numbers, &bfloat, json_string_value(type));
  const bool measured = lks_weight_entry_measure(entry, entry->readable ? numbers.bytes : 0);
  if (measured && (!entry->readable || entry->bytes == bytes)) {
    entry->bytes = bytes;
    return LKS_OK;
  }
  return fail_at(entry, "another number of bytes than its shape and type have");
}

static lks_status take_entry(lks_weight_entry *entry, const char *name, const json_t *about,
                             size_t data_bytes)
{
  size_t begin = 0, end = 0;
  lks_status status = lks_weight_entry_name(entry, name, strlen(name));
  if (!status && !json_is_object(about)) status = fail_at(entry, "nothing that describes an array");
  if (!status) status = take_shape(entry, json_object_get(about, "shape"));
  if (!status) status = take_offsets(&begin, &end, entry, json_object_get(about, "data_offsets"), data_bytes);
  if (!status) status = take_type(entry, json_object_get(about, "dtype"), end - begin);
  entry->place = begin;
  return status;
}

static int by_place(const void *left, const void *right)
{
  const lks_weight_entry *a = left, *b = right;
  if (a->place != b->place) return a->place < b->place ? -1 : 1;
  return a->bytes < b->bytes ? -1 : a->bytes > b->bytes;
}

static lks_status check_places(lks_weight_file *file, size_t data_bytes)
{
  size_t end = 0;
  qsort(file->entry, file->count, sizeof *file->entry, by_place);
  for (size_t i = 0; i < file->count; i++) {
    const lks_weight_entry *entry = &file->entry[i];
    if (entry->place < end) return fail_at(entry, "that it lies on top of another array");
    if (entry->place > end) return fail_at(entry, "that it begins behind a gap");
    end += entry->bytes;
  }
  if (end == data_bytes) return LKS_OK;
  return lks_fail(LKS_ERR_DATA, "its header describes %zu bytes of numbers, and %zu follow", end, data_bytes);
}

static lks_status take_all(lks_weight_file *file, json_t *root, size_t data_bytes)
{
  const char *name;
  json_t *about;
  size_t count = 0;
  if (!json_is_object(root)) return lks_fail(LKS_ERR_DATA, "its header is JSON, but no object of arrays");
  lks_status status = lks_weight_entries_make(file, json_object_size(root));
  json_object_foreach(root, name, about)
  {
    if (status) break;
    if (strcmp(name, metadata) != 0) status = take_entry(&file->entry[count++], name, about, data_bytes);
  }
  if (status) return status;
  file->count = count;
  return check_places(file, data_bytes);
}

lks_status lks_safetensors_parse(lks_weight_file *file, const char *json, size_t bytes, size_t data_bytes)
{
  json_error_t error;
  json_t *root = json_loadb(json, bytes, JSON_REJECT_DUPLICATES, &error);
  if (!root) {
    lks_text_make_plain(error.text);
    return lks_fail(LKS_ERR_DATA, "its header is no JSON that can be read: byte %d: %.150s", error.position,
                    error.text);
  }
  lks_status status = take_all(file, root, data_bytes);
  json_decref(root);
  return status;
}
