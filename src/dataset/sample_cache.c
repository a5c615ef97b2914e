#include "dataset/sample_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/log.h"

struct lks_sample_cache {
  void *block;
  size_t bytes;
};

enum { NAME_BYTES = LKS_HASH_TEXT + 16 };

static lks_status path_of(char **path, const char *folder, const lks_dataset_header *header)
{
  const size_t room = strlen(folder) + 1 + NAME_BYTES;
  *path = lks_new(room, 1);
  if (!*path) return LKS_ERR_RANK;
  snprintf(*path, room, "%s/%s.samples", folder, header->hash);
  return LKS_OK;
}

static lks_status unusable(const char *path, const char *verb, int cause)
{
  return lks_fail(LKS_ERR_IO, "the samples in %s cannot be %s: %s", path, verb, strerror(cause));
}

static lks_status map(lks_sample_cache *cache, const char *path, int file)
{
  struct stat about;
  if (fstat(file, &about) != 0) return unusable(path, "read", errno);
  if (!S_ISREG(about.st_mode) || (size_t)about.st_size != cache->bytes)
    return lks_fail(LKS_ERR_DATA, "%s has %lld bytes and must have %zu; remove it, it is made again", path,
                    (long long)about.st_size, cache->bytes);
  void *block = mmap(NULL, cache->bytes, PROT_READ, MAP_SHARED, file, 0);
  if (block == MAP_FAILED) return unusable(path, "mapped", errno);
  cache->block = block;
  return LKS_OK;
}

static lks_status open_path(lks_sample_cache **cache, const char *path, const lks_dataset_header *header)
{
  lks_section section[LKS_SECTIONS];
  lks_sample_cache *made = *cache = lks_new(1, sizeof *made);
  if (!made) return LKS_ERR_RANK;
  made->bytes = lks_layout_sections(section, &header->layout);
  int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  lks_status status = file < 0 ? unusable(path, "opened", errno) : map(made, path, file);
  if (file >= 0) close(file);
  if (status) lks_sample_cache_close(cache);
  return status;
}

/* The system is told that the file is read from end to end, and later that it is read anywhere. */
static lks_status check(const char *path, const lks_dataset_file *file)
{
  const lks_dataset_header *header = lks_dataset_file_header(file);
  lks_sample_cache *cache = NULL;
  lks_status status = open_path(&cache, path, header);
  if (status) return status;
  madvise(cache->block, cache->bytes, MADV_SEQUENTIAL);
  const lks_contents contents = lks_contents_in(&header->layout, cache->block);
  status = lks_dataset_file_check(file, &contents);
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
static lks_status make(const char *path, lks_dataset_file *file)
{
  if (lks_file_exists(path)) {
    if (check(path, file) == LKS_OK) return LKS_OK;
    lks_warn("%s is not what the dataset holds; it is made again", path);
  }
  lks_section section[LKS_SECTIONS];
  lks_note("unpacking %.0f MB of samples into %s, once",
           1e-6 * (double)lks_layout_sections(section, &lks_dataset_file_header(file)->layout), path);
  lks_status status = write_samples(path, file);
  if (status) return status;
  status = check(path, file);
  if (status) unlink(path);
  return status;
}

lks_status lks_sample_cache_make(const char *folder, lks_dataset_file *file)
{
  char *path = NULL;
  lks_status status = path_of(&path, folder, lks_dataset_file_header(file));
  if (!status) status = lks_folder_make(folder);
  if (!status) status = make(path, file);
  lks_free(path);
  return status;
}

lks_status lks_sample_cache_open(lks_sample_cache **cache, const void **block, const char *folder,
                                 const lks_dataset_header *header)
{
  char *path = NULL;
  *cache = NULL;
  *block = NULL;
  lks_status status = path_of(&path, folder, header);
  if (!status) status = open_path(cache, path, header);
  if (!status) {
    madvise((*cache)->block, (*cache)->bytes, MADV_RANDOM);
    *block = (*cache)->block;
  }
  lks_free(path);
  return status;
}

void lks_sample_cache_close(lks_sample_cache **cache)
{
  if (!*cache) return;
  if ((*cache)->block) munmap((*cache)->block, (*cache)->bytes);
  lks_free(*cache);
  *cache = NULL;
}
