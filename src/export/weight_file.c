#include "export/weight_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/plain_text.h"
#include "export/weight_source.h"
#include "kernels/type.h"

enum { PART = 1 << 20 };

lks_status lks_weight_entries_make(lks_weight_file *file, size_t count)
{
  file->entry = lks_new(count + 1, sizeof *file->entry);
  return file->entry ? LKS_OK : LKS_ERR_RANK;
}

lks_status lks_weight_entry_name(lks_weight_entry *entry, const char *name, size_t length)
{
  entry->name = lks_new(length + 1, 1);
  if (!entry->name) return LKS_ERR_RANK;
  memcpy(entry->name, name, length);
  lks_text_make_plain(entry->name);
  return LKS_OK;
}

bool lks_weight_entry_measure(lks_weight_entry *entry, size_t bytes_each)
{
  entry->elements = 1;
  for (int d = 0; d < entry->dimensions; d++)
    if (__builtin_mul_overflow(entry->elements, entry->extent[d], &entry->elements)) return false;
  return !__builtin_mul_overflow(entry->elements, bytes_each, &entry->bytes) &&
         entry->elements <= SIZE_MAX / sizeof(float);
}

bool lks_weight_type(lks_number_type *type, bool *bfloat, const char *name)
{
  static const struct {
    const char *name;
    lks_number_type type;
  } known[] = {{"F32", {'f', 4, false}},  {"F64", {'f', 8, false}}, {"F16", {'f', 2, false}},
               {"BF16", {'u', 2, false}}, {"I64", {'i', 8, false}}, {"I32", {'i', 4, false}},
               {"I16", {'i', 2, false}},  {"I8", {'i', 1, false}},  {"U64", {'u', 8, false}},
               {"U32", {'u', 4, false}},  {"U16", {'u', 2, false}}, {"U8", {'u', 1, false}},
               {"BOOL", {'b', 1, false}}};
  static const char swapped[] = "swapped ";
  const size_t prefix = strncmp(name, swapped, sizeof swapped - 1) == 0 ? sizeof swapped - 1 : 0;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    if (strcmp(known[i].name, name + prefix) != 0) continue;
    *type = known[i].type;
    type->swapped = prefix > 0;
    *bfloat = strcmp(name, "BF16") == 0;
    return true;
  }
  return false;
}

/* By how it begins: HDF5, ZIP, or the length and the brace of safetensors. */
static lks_status open_by_content(lks_weight_file *file)
{
  unsigned char start[9] = {0};
  int stream;
  size_t bytes;
  lks_status status = lks_file_open(&stream, &bytes, file->path);
  if (status) return status;
  const ssize_t got = pread(stream, start, sizeof start, 0);
  const int cause = errno;
  close(stream);
  if (got < 0) return lks_fail(LKS_ERR_IO, "%s: cannot be read: %s", file->path, strerror(cause));
  if (got >= 8 && memcmp(start, "\x89HDF\r\n\x1a\n", 8) == 0) return lks_weights_open_checkpoint(file);
  if (got >= 4 && memcmp(start, "PK\3\4", 4) == 0) return lks_weights_open_npz(file);
  if (got >= 9 && start[8] == '{') return lks_weights_open_safetensors(file);
  return lks_fail(LKS_ERR_DATA, "%s: is no file of weights: neither a checkpoint, nor safetensors, nor .npz",
                  file->path);
}

static int by_name(const void *left, const void *right)
{
  return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* Two arrays of one name: nobody could tell which is meant. */
static lks_status check_names(const lks_weight_file *file)
{
  const char **name = lks_new(file->count + 1, sizeof *name);
  if (!name) return LKS_ERR_RANK;
  lks_status status = LKS_OK;
  for (size_t i = 0; i < file->count; i++) name[i] = file->entry[i].name;
  qsort(name, file->count, sizeof *name, by_name);
  for (size_t i = 1; i < file->count && !status; i++)
    if (strcmp(name[i - 1], name[i]) == 0)
      status = lks_fail(LKS_ERR_DATA, "%s: has two arrays with the name %.200s", file->path, name[i]);
  lks_free(name);
  return status;
}

lks_status lks_weight_file_open(lks_weight_file **file, const char *path)
{
  lks_weight_file *made = *file = lks_new(1, sizeof *made);
  if (!made) return LKS_ERR_RANK;
  made->path = lks_new(strlen(path) + 1, 1);
  lks_status status = LKS_ERR_RANK;
  if (made->path) {
    memcpy(made->path, path, strlen(path));
    status = open_by_content(made);
  }
  if (!status) status = check_names(made);
  if (status) lks_weight_file_close(file);
  return status;
}

void lks_weight_file_close(lks_weight_file **file)
{
  if (!*file) return;
  if ((*file)->methods && (*file)->self) (*file)->methods->close((*file)->self);
  for (lks_weight_entry *e = (*file)->entry; e && e->name; e++) lks_free(e->name);
  lks_free((*file)->entry);
  lks_free((*file)->path);
  lks_free(*file);
  *file = NULL;
}

size_t lks_weight_file_count(const lks_weight_file *file)
{
  return file->count;
}

const lks_weight_entry *lks_weight_file_entry(const lks_weight_file *file, size_t number)
{
  return &file->entry[number];
}

const char *lks_weight_file_path(const lks_weight_file *file)
{
  return file->path;
}

static lks_status check_readable(const lks_weight_file *file, const lks_weight_entry *entry)
{
  if (entry->readable) return LKS_OK;
  return lks_fail(LKS_ERR_DATA,
                  "%s: %.200s has the type %s, which cannot be read; store it as F32, F64, F16 or BF16",
                  file->path, entry->name, entry->type);
}

static bool convert(float *out, const void *part, size_t count, lks_number_type type, bool bfloat)
{
  if (!bfloat) return lks_numbers_to_float(out, part, count, type);
  for (size_t i = 0; i < count; i++) {
    uint16_t upper;
    memcpy(&upper, (const char *)part + i * sizeof upper, sizeof upper);
    out[i] = lks_bf16_to_float(upper);
  }
  return true;
}

lks_status lks_weight_file_read(float *out, bool *exact, lks_weight_file *file, size_t number)
{
  const lks_weight_entry *entry = &file->entry[number];
  lks_number_type type = {0};
  bool bfloat = false;
  *exact = true;
  lks_status status = check_readable(file, entry);
  if (status || !lks_weight_type(&type, &bfloat, entry->type)) return status;
  char *part = lks_new(PART, 1);
  if (!part) return LKS_ERR_RANK;
  for (size_t done = 0; done < entry->bytes && !status;) {
    const size_t now = entry->bytes - done < PART ? entry->bytes - done : PART;
    status = file->methods->read(file, entry, done, part, now);
    if (!status) *exact = convert(out + done / type.bytes, part, now / type.bytes, type, bfloat) && *exact;
    done += now;
  }
  lks_free(part);
  return status;
}

lks_status lks_weight_file_number(double *out, lks_weight_file *file, size_t number)
{
  const lks_weight_entry *entry = &file->entry[number];
  char first[8];
  lks_number_type type = {0};
  bool bfloat = false;
  lks_status status = check_readable(file, entry);
  if (!status && (entry->elements < 1 || !lks_weight_type(&type, &bfloat, entry->type)))
    status = lks_fail(LKS_ERR_DATA, "%s: %.200s is empty", file->path, entry->name);
  if (!status) status = file->methods->read(file, entry, 0, first, type.bytes);
  if (!status) *out = lks_number_at(first, 0, type);
  return status;
}
