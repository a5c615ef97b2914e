#include "dataset/sample_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/integers.h"
#include "base/life.h"
#include "base/log.h"

/* Where things of a layout are: in the file, in blocks of whole samples that are no smaller than what a disk reads;
 * in the index, labels and then checksums of both splits. */
typedef struct places {
  size_t sample_bytes, block_samples;
  size_t blocks[LKS_SPLITS], values_at[LKS_SPLITS], labels_at[LKS_SPLITS]; /* in the file */
  size_t label[LKS_SPLITS], sum[LKS_SPLITS];                               /* in the index */
  size_t file_bytes, index_bytes;
} places;

struct lks_sample_cache {
  int file;
  char *path;
  lks_layout layout;
  places at;
  char *index;
};

enum { NAME_BYTES = LKS_HASH_TEXT + 16, BLOCK_BYTES = 4096, PART_BYTES = 4 << 20, ALIGNMENT = 64 };

static size_t reserve(size_t *end, size_t bytes)
{
  const size_t at = *end;
  *end += (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  return at;
}

static places places_of(const lks_layout *layout)
{
  places p = {.sample_bytes = lks_layout_sample_bytes(layout)};
  lks_section section[LKS_SECTIONS];
  p.file_bytes = lks_layout_sections(section, layout);
  p.block_samples = lks_divide_up(BLOCK_BYTES, p.sample_bytes);
  for (int split = 0; split < LKS_SPLITS; split++) {
    p.blocks[split] = lks_divide_up(layout->count[split], p.block_samples);
    p.values_at[split] = section[2 * split].offset;
    p.labels_at[split] = section[2 * split + 1].offset;
    p.label[split] = reserve(&p.index_bytes, layout->count[split] * sizeof(int32_t));
  }
  for (int split = 0; split < LKS_SPLITS; split++)
    p.sum[split] = reserve(&p.index_bytes, p.blocks[split] * sizeof(uint64_t));
  return p;
}

size_t lks_sample_cache_index_bytes(const lks_layout *layout)
{
  return places_of(layout).index_bytes;
}

static int32_t *labels_of(const lks_sample_cache *cache, int split)
{
  return (int32_t *)(void *)(cache->index + cache->at.label[split]);
}

static uint64_t *sums_of(const lks_sample_cache *cache, int split)
{
  return (uint64_t *)(void *)(cache->index + cache->at.sum[split]);
}

static lks_status path_of(char **path, const char *folder, const lks_dataset_header *header)
{
  const size_t room = strlen(folder) + 1 + NAME_BYTES;
  *path = lks_new(room, 1);
  if (!*path) return LKS_ERR_RANK;
  snprintf(*path, room, "%s/%s.samples", folder, header->hash);
  return LKS_OK;
}

static lks_status read_at(const lks_sample_cache *cache, void *data, size_t bytes, size_t offset)
{
  for (size_t done = 0; done < bytes;) {
    lks_life_beat();
    const ssize_t got = pread(cache->file, (char *)data + done, bytes - done, (off_t)(offset + done));
    if (got == 0)
      return lks_fail(LKS_ERR_DATA, "%s was cut short while it was used; start again, which makes it again",
                      cache->path);
    if (got < 0 && errno != EINTR)
      return lks_fail(LKS_ERR_IO, "the samples in %s cannot be read: %s", cache->path, strerror(errno));
    if (got > 0) done += (size_t)got;
  }
  return LKS_OK;
}

static lks_status open_path(lks_sample_cache *cache, const char *path)
{
  size_t bytes = 0;
  lks_status status = lks_file_open(&cache->file, &bytes, path);
  if (status) cache->file = -1;
  if (!status && bytes != cache->at.file_bytes)
    status = lks_fail(LKS_ERR_DATA, "%s has %zu bytes and must have %zu; remove it, it is made again", path,
                      bytes, cache->at.file_bytes);
  return status;
}

/* Takes path, whatever comes of it. */
static lks_status create(lks_sample_cache **cache, char *path, const lks_layout *layout, const void *index)
{
  lks_sample_cache *made = *cache = lks_new(1, sizeof *made);
  if (!made) {
    lks_free(path);
    return LKS_ERR_RANK;
  }
  *made = (lks_sample_cache){-1, path, *layout, places_of(layout), (char *)(uintptr_t)index};
  const lks_status status = open_path(made, path);
  if (status) lks_sample_cache_close(cache);
  return status;
}

static size_t samples_in(const lks_sample_cache *cache, int split, size_t first, size_t most)
{
  return lks_min(cache->layout.count[split] - first, most);
}

/* The values as they are hashed, from end to end; their checksums are taken on the way. */
typedef struct passage {
  const lks_sample_cache *cache;
  char *part;
  size_t samples; /* whole blocks that it has room for */
} passage;

static lks_status take_part(void *context, const void **values, size_t *count, lks_split split, size_t first)
{
  const passage *p = context;
  const lks_sample_cache *cache = p->cache;
  const size_t bytes = cache->at.sample_bytes, block = cache->at.block_samples;
  *values = p->part;
  *count = samples_in(cache, split, first, p->samples);
  lks_status status = read_at(cache, p->part, *count * bytes, cache->at.values_at[split] + first * bytes);
  if (!status && cache->layout.features)
    status = lks_features_check(&cache->layout, (const float *)(const void *)p->part, first, *count,
                                split == LKS_SPLIT_TRAIN ? "/train/features" : "/test/features");
  for (size_t i = 0; i < *count && !status; i += block)
    sums_of(cache, split)[(first + i) / block] =
        XXH3_64bits(p->part + i * bytes, lks_min(block, *count - i) * bytes);
  return status;
}

/* Makes the index as well. */
static lks_status check_open(const lks_sample_cache *cache, const lks_dataset_file *file)
{
  const int32_t *label[LKS_SPLITS];
  lks_status status = LKS_OK;
  for (int split = 0; split < LKS_SPLITS && !status; split++) {
    label[split] = labels_of(cache, split);
    status = read_at(cache, labels_of(cache, split), cache->layout.count[split] * sizeof(int32_t),
                     cache->at.labels_at[split]);
  }
  if (status) return status;
  const size_t block_bytes = cache->at.block_samples * cache->at.sample_bytes;
  const size_t blocks = lks_max(PART_BYTES / block_bytes, 1);
  passage p = {cache, lks_new(blocks, block_bytes), blocks * cache->at.block_samples};
  if (!p.part) return LKS_ERR_RANK;
  status = lks_dataset_file_check(file, label, take_part, &p);
  lks_free(p.part);
  return status;
}

static lks_status check(const char *path, const lks_dataset_file *file, void *index)
{
  lks_sample_cache *cache = NULL;
  char *copy = lks_new(strlen(path) + 1, 1);
  if (!copy) return LKS_ERR_RANK;
  strcpy(copy, path);
  lks_status status = create(&cache, copy, &lks_dataset_file_header(file)->layout, index);
  if (!status) status = check_open(cache, file);
  lks_sample_cache_close(&cache);
  return status;
}

static lks_status append(void *writer, const void *data, size_t bytes)
{
  return lks_file_writer_append(writer, data, bytes);
}

static lks_status write_samples(const char *path, lks_dataset_file *file)
{
  lks_file_writer *writer = NULL;
  lks_status status = lks_file_writer_open(&writer, path);
  if (!status) status = lks_dataset_file_copy(file, append, writer);
  if (!status) status = lks_file_writer_commit(writer);
  lks_file_writer_close(&writer);
  return status;
}

/* A new file that is wrong is the dataset's fault, and is not kept. */
static lks_status make(const char *path, lks_dataset_file *file, void *index)
{
  if (lks_file_exists(path)) {
    if (check(path, file, index) == LKS_OK) return LKS_OK;
    lks_warn("%s is not what the dataset holds; it is made again", path);
  }
  lks_section section[LKS_SECTIONS];
  lks_note("unpacking %.0f MB of samples into %s, once",
           1e-6 * (double)lks_layout_sections(section, &lks_dataset_file_header(file)->layout), path);
  lks_status status = write_samples(path, file);
  if (status) return status;
  status = check(path, file, index);
  if (status) unlink(path);
  return status;
}

lks_status lks_sample_cache_make(const char *folder, lks_dataset_file *file, void *index)
{
  char *path = NULL;
  lks_status status = path_of(&path, folder, lks_dataset_file_header(file));
  if (!status) status = lks_folder_make(folder);
  if (!status) status = make(path, file, index);
  lks_free(path);
  return status;
}

lks_status lks_sample_cache_open(lks_sample_cache **cache, const char *folder,
                                 const lks_dataset_header *header, const void *index)
{
  char *path = NULL;
  *cache = NULL;
  lks_status status = path_of(&path, folder, header);
  if (!status) status = create(cache, path, &header->layout, index);
  if (!status) posix_fadvise((*cache)->file, 0, 0, POSIX_FADV_RANDOM);
  return status;
}

lks_contents lks_sample_cache_contents(const lks_sample_cache *cache)
{
  lks_contents contents = {.layout = cache->layout};
  for (int split = 0; split < LKS_SPLITS; split++)
    contents.split[split] =
        (lks_samples){.count = cache->layout.count[split], .label = labels_of(cache, split)};
  return contents;
}

size_t lks_sample_cache_block_samples(const lks_sample_cache *cache)
{
  return cache->at.block_samples;
}

/* Where a block begins in the file, and its bytes. */
static size_t block_at(size_t *bytes, const lks_sample_cache *cache, lks_split split, size_t block)
{
  const size_t first = block * cache->at.block_samples;
  *bytes = samples_in(cache, split, first, cache->at.block_samples) * cache->at.sample_bytes;
  return cache->at.values_at[split] + first * cache->at.sample_bytes;
}

void lks_sample_cache_announce(const lks_sample_cache *cache, lks_split split, size_t block)
{
  size_t bytes;
  const size_t offset = block_at(&bytes, cache, split, block);
  posix_fadvise(cache->file, (off_t)offset, (off_t)bytes, POSIX_FADV_WILLNEED);
}

lks_status lks_sample_cache_read(const lks_sample_cache *cache, void *values, lks_split split, size_t block)
{
  size_t bytes;
  const size_t offset = block_at(&bytes, cache, split, block);
  lks_status status = read_at(cache, values, bytes, offset);
  if (status || XXH3_64bits(values, bytes) == sums_of(cache, split)[block]) return status;
  return lks_fail(
      LKS_ERR_DATA,
      "%s was changed while it was used, at byte %zu: the disk or another program did that; start again, which makes it again",
      cache->path, offset);
}

void lks_sample_cache_close(lks_sample_cache **cache)
{
  if (!*cache) return;
  if ((*cache)->file >= 0) close((*cache)->file);
  lks_free((*cache)->path);
  lks_free(*cache);
  *cache = NULL;
}
