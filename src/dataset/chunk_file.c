#include "dataset/chunk_file.h"

#include <stddef.h>
#include <string.h>
#include <xxhash.h>

#include "base/arena.h"
#include "base/integers.h"
#include "dataset/dataset_hdf5.h"
#include "hdf5/child.h"

typedef struct reading {
  lks_chunk_file file;
  size_t sample_bytes;
  lks_child *child;
  const uint32_t *chunk; /* [count] those that it sends */
  size_t count, at;
} reading;

uint64_t lks_chunk_checksum(const void *values, size_t bytes)
{
  return XXH3_64bits(values, bytes);
}

static void stop(reading *r)
{
  lks_child_destroy(&r->child);
  r->count = r->at = 0;
}

/* One that reads the file several times over may take as many times as long. */
static lks_child_limits limits_for(const reading *r, size_t count)
{
  const size_t chunks = lks_divide_up(r->file.layout->count[r->file.split], r->file.chunk);
  lks_child_limits limits = lks_child_limits_for(r->file.file_bytes);
  limits.cpu_seconds *= (unsigned)lks_min(lks_divide_up(count, chunks), 1000);
  return limits;
}

static lks_status start(reading *r, const uint32_t *chunk, size_t count)
{
  const lks_chunk_file *f = &r->file;
  const size_t list = offsetof(lks_chunks_request, number) + count * sizeof *chunk;
  const size_t bytes = list + sizeof(lks_dataset_request) + strlen(f->path) + 1;
  lks_chunks_request *request = lks_new(bytes, 1);
  if (!request) return LKS_ERR_RANK;
  *request = (lks_chunks_request){.split = f->split, .chunk = f->chunk, .chunks = count, .dataset_at = list};
  memcpy(request->number, chunk, count * sizeof *chunk);
  lks_dataset_request *of = (void *)((char *)request + list);
  of->names = *f->names;
  strcpy(of->path, f->path);
  const lks_child_limits limits = limits_for(r, count);
  const lks_status status = lks_child_start(&r->child, lks_chunks_hdf5_send, request, bytes, &limits);
  lks_free(request);
  return status;
}

static lks_status begin(void *context, const uint32_t *chunk, size_t count)
{
  reading *r = context;
  stop(r);
  lks_status status = start(r, chunk, count);
  r->chunk = chunk;
  r->count = status ? 0 : count;
  return status ? lks_fail_in(status, "%s: ", r->file.path) : LKS_OK;
}

static lks_status next(void *context, void *values)
{
  reading *r = context;
  if (r->at == r->count) return lks_fail(LKS_ERR_DATA, "%s: it has no more chunks", r->file.path);
  const size_t number = r->chunk[r->at++], first = number * r->file.chunk;
  const size_t samples = lks_min(r->file.layout->count[r->file.split] - first, r->file.chunk);
  lks_status status = lks_child_receive(r->child, values, samples * r->sample_bytes);
  if (!status && lks_chunk_checksum(values, samples * r->sample_bytes) != r->file.sum[number])
    status = lks_fail(
        LKS_ERR_DATA,
        "%s samples %zu to %zu are not what they were when the file was opened: the disk or another program did that; start again",
        r->file.split == LKS_SPLIT_TRAIN ? "training" : "test", first, first + samples - 1);
  return status ? lks_fail_in(status, "%s: ", r->file.path) : LKS_OK;
}

static void end(void *context)
{
  stop(context);
  lks_free(context);
}

lks_status lks_chunk_file_open(lks_chunk_source *source, const lks_chunk_file *file)
{
  reading *r = lks_new(1, sizeof *r);
  if (!r) return LKS_ERR_RANK;
  r->file = *file;
  r->sample_bytes = lks_layout_sample_bytes(file->layout);
  *source = (lks_chunk_source){r, file->chunk, r->sample_bytes, begin, next, end};
  return LKS_OK;
}
