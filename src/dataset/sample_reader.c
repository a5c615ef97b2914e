#include "dataset/sample_reader.h"

#include <stdint.h>
#include <string.h>

#include "base/arena.h"

lks_status lks_sample_reader_begin(lks_sample_reader *reader, const lks_dataset *dataset, lks_split split)
{
  const lks_shape shape = lks_dataset_shape(dataset);
  *reader = (lks_sample_reader){.cache = lks_dataset_cache(dataset),
                                .split = split,
                                .samples = lks_dataset_split(dataset, split),
                                .sample_bytes = shape.height * shape.width * shape.channels *
                                                (lks_dataset_has_features(dataset) ? sizeof(float) : 1)};
  const size_t block = reader->cache ? lks_sample_cache_block_samples(reader->cache) : 0;
  if (block > 1) reader->block = lks_new(block, reader->sample_bytes);
  return block > 1 && !reader->block ? LKS_ERR_RANK : LKS_OK;
}

void lks_sample_reader_end(lks_sample_reader *reader)
{
  lks_free(reader->block);
  *reader = (lks_sample_reader){0};
}

static void copy(const lks_sample_reader *reader, char *values, const uint32_t *sample, size_t count)
{
  const size_t bytes = reader->sample_bytes;
  const char *from =
      reader->samples.pixels ? (const char *)reader->samples.pixels : (const char *)reader->samples.features;
  for (size_t i = 0; i < count; i++) memcpy(values + i * bytes, from + sample[i] * bytes, bytes);
}

/* The disk is asked for all blocks at once; read one by one, each would be waited for. */
static lks_status read_blocks(const lks_sample_reader *reader, char *values, const uint32_t *sample,
                              size_t count)
{
  const size_t bytes = reader->sample_bytes, each = lks_sample_cache_block_samples(reader->cache);
  lks_status status = LKS_OK;
  for (size_t i = 0; i < count; i++)
    lks_sample_cache_announce(reader->cache, reader->split, sample[i] / each);
  size_t here = SIZE_MAX;
  for (size_t i = 0; i < count && !status; i++) {
    const size_t block = sample[i] / each;
    char *place = reader->block ? reader->block : values + i * bytes;
    if (block != here || !reader->block)
      status = lks_sample_cache_read(reader->cache, place, reader->split, block);
    here = block;
    if (reader->block) memcpy(values + i * bytes, reader->block + sample[i] % each * bytes, bytes);
  }
  if (status) memset(values, 0, count * bytes);
  return status;
}

lks_status lks_sample_reader_get(const lks_sample_reader *reader, void *values, int32_t *label,
                                 const uint32_t *sample, size_t count)
{
  for (size_t i = 0; i < count; i++) label[i] = reader->samples.label[sample[i]];
  if (reader->cache) return read_blocks(reader, values, sample, count);
  if (!reader->samples.pixels && !reader->samples.features) {
    memset(values, 0, count * reader->sample_bytes);
    return lks_fail(LKS_ERR_USAGE,
                    "single samples cannot be had while a window is read: give --cache instead of --window");
  }
  copy(reader, values, sample, count);
  return LKS_OK;
}
