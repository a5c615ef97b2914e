#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "checkpoint/checkpoint_read.h"
#include "export/weight_source.h"

/* The steps that batch norm has seen stand beside the arrays. */
static const char name_of_count[] = "num_batches_tracked";
#define COUNT SIZE_MAX

typedef struct opened {
  lks_checkpoint_header header;
  lks_snapshot snapshot;
} opened;

static lks_status read_part(lks_weight_file *file, const lks_weight_entry *entry, size_t offset, void *part,
                            size_t bytes)
{
  const opened *self = file->self;
  if (entry->place == COUNT)
    memcpy(part, (const char *)&self->snapshot.batches_tracked + offset, bytes);
  else
    memcpy(part, (const char *)self->snapshot.array[entry->place].data + offset, bytes);
  return LKS_OK;
}

static void close_checkpoint(void *self)
{
  opened *of = self;
  lks_checkpoint_header_clear(&of->header);
  lks_snapshot_clear(&of->snapshot);
  lks_free(self);
}

static lks_status take_arrays(lks_weight_file *file, const lks_snapshot *snapshot)
{
  lks_status status = lks_weight_entries_make(file, snapshot->arrays + 1);
  for (size_t a = 0; a < snapshot->arrays && !status; a++) {
    const lks_snapshot_array *array = &snapshot->array[a];
    if (array->moment != LKS_NO_MOMENT) continue;
    lks_weight_entry *entry = &file->entry[file->count++];
    *entry = (lks_weight_entry){.type = "F32", .readable = true, .place = a, .dimensions = array->dimensions};
    memcpy(entry->extent, array->extent, sizeof array->extent);
    lks_weight_entry_measure(entry, sizeof(float));
    status = lks_weight_entry_name(entry, array->name, strlen(array->name));
  }
  lks_weight_entry *count = &file->entry[file->count++];
  *count = (lks_weight_entry){.type = "I64",
                              .readable = true,
                              .place = COUNT,
                              .elements = 1,
                              .bytes = sizeof snapshot->batches_tracked};
  return status ? status : lks_weight_entry_name(count, name_of_count, strlen(name_of_count));
}

lks_status lks_weights_open_checkpoint(lks_weight_file *file)
{
  static const lks_weight_methods methods = {read_part, close_checkpoint};
  opened *self = lks_new(1, sizeof *self);
  if (!self) return LKS_ERR_RANK;
  file->self = self;
  file->methods = &methods;
  lks_status status = lks_checkpoint_read(&self->header, &self->snapshot, file->path);
  return status ? status : take_arrays(file, &self->snapshot);
}
