#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/ending.h"
#include "export/weight_source.h"
#include "import/npy.h"

enum { MEMBERS_MAX = 10000 }; /* each is looked up in the archive anew */

/* The archive's member that is read at present. */
typedef struct opened {
  lks_packed_file *member;
  size_t number, at; /* which, and how much of it has been read */
} opened;

static lks_status open_member(opened *self, lks_npy *about, const char *archive, size_t number)
{
  lks_packed_close(&self->member);
  lks_status status = lks_packed_open_member(&self->member, archive, number);
  if (!status) status = lks_npy_open(about, self->member);
  self->number = number;
  self->at = 0;
  return status;
}

static lks_status read_part(lks_weight_file *file, const lks_weight_entry *entry, size_t offset, void *part,
                            size_t bytes)
{
  lks_npy about;
  opened *self = file->self;
  lks_status status = LKS_OK;
  if (!self->member || self->number != entry->place || self->at != offset)
    status =
        open_member(self, &about, file->path, entry->place); /* arrays are read from their beginning on */
  if (!status) status = lks_packed_read_fully(self->member, part, bytes);
  self->at += bytes;
  if (!status && offset + bytes == entry->bytes && bytes) status = lks_packed_expect_end(self->member);
  return status;
}

static void close_archive(void *self)
{
  lks_packed_close(&((opened *)self)->member);
  lks_free(self);
}

/* "F32" for what NumPy calls float32, in any order of bytes: how those are read is found again by the name. */
static void take_type(lks_weight_entry *entry, lks_number_type type)
{
  if (type.kind == 'b')
    snprintf(entry->type, sizeof entry->type, "BOOL");
  else
    snprintf(entry->type, sizeof entry->type, "%s%c%zu", type.swapped ? "swapped " : "",
             type.kind - 'a' + 'A', 8 * type.bytes);
  entry->readable = true;
}

static lks_status take_entry(lks_weight_entry *entry, opened *self, const char *archive, const char *name,
                             size_t number)
{
  lks_npy about;
  const size_t before = lks_before_ending(name, ".npy"), length = before ? before : strlen(name);
  lks_status status = open_member(self, &about, archive, number);
  if (status) return status;
  entry->place = number;
  entry->dimensions = (int)about.rank;
  memcpy(entry->extent, about.size, sizeof entry->extent);
  take_type(entry, about.type);
  if (!lks_weight_entry_measure(entry, about.type.bytes))
    return lks_fail(LKS_ERR_DATA, "%s: %.200s is larger than can be", archive, name);
  return lks_weight_entry_name(entry, name, length);
}

static lks_status check_members(const lks_member_names *names, const char *archive)
{
  for (size_t i = 0; i < names->count; i++)
    if (strstr(names->name[i], "data.pkl"))
      return lks_fail(
          LKS_ERR_DATA,
          "%s: is a file of torch.save, which only Python can read; write safetensors.torch.save_file(model.state_dict(), \"FILE.safetensors\")",
          archive);
  if (names->count <= MEMBERS_MAX) return LKS_OK;
  return lks_fail(LKS_ERR_DATA, "%s: has %zu arrays; %d are taken at most", archive, names->count,
                  MEMBERS_MAX);
}

lks_status lks_weights_open_npz(lks_weight_file *file)
{
  static const lks_weight_methods methods = {read_part, close_archive};
  lks_member_names names;
  opened *self = lks_new(1, sizeof *self);
  if (!self) return LKS_ERR_RANK;
  file->self = self;
  file->methods = &methods;
  lks_status status = lks_packed_members(&names, file->path);
  if (status) return status;
  status = check_members(&names, file->path);
  if (!status) status = lks_weight_entries_make(file, names.count);
  for (size_t i = 0; i < names.count && !status; i++)
    status = take_entry(&file->entry[file->count++], self, file->path, names.name[i], i);
  lks_free(names.name);
  return status;
}
