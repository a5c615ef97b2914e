#include "lockstep/dataset.h"

#include <string.h>

#include "base/arena.h"
#include "base/life.h"
#include "dataset/announce.h"
#include "dataset/dataset_file.h"
#include "dataset/sample_cache.h"
#include "dataset/sample_reader.h"
#include "dataset/windowed.h"

struct lks_dataset {
  char *path;
  lks_dataset_header header;
  lks_class_names *class_names; /* or NULL */
  lks_contents contents;
  lks_node_memory *memory; /* that holds the samples, or what is known of them where they are elsewhere: */
  lks_sample_cache *cache;
  lks_windowed *windowed;
  lks_arena *arena; /* of what follows: [statistics] each */
  double *mean, *std;
};

static lks_status allocate(lks_dataset *dataset)
{
  const size_t count = lks_layout_statistics(&dataset->header.layout);
  lks_status status = lks_arena_create(&dataset->arena);
  if (status) return status;
  lks_arena_reserve(dataset->arena, &dataset->mean, count, sizeof(double));
  lks_arena_reserve(dataset->arena, &dataset->std, count, sizeof(double));
  return lks_arena_commit(dataset->arena);
}

/* A file that does not say its hash has one when its samples have been read. */
static lks_status compare(const lks_dataset_header *own, const lks_dataset_header *of_rank_0,
                          const char *path)
{
  if (strcmp(own->hash, of_rank_0->hash) != 0)
    return lks_fail(
        LKS_ERR_DATA, "%s: is another file here (content_hash %s) than on rank 0 (%s); copy it to all hosts",
        path, own->hash[0] ? own->hash : "missing", of_rank_0->hash[0] ? of_rank_0->hash : "missing");
  if (lks_layout_same(&own->layout, &of_rank_0->layout) &&
      own->class_names_bytes == of_rank_0->class_names_bytes)
    return LKS_OK;
  return lks_fail(LKS_ERR_DATA, "%s: is another file here than on rank 0; copy it to all hosts", path);
}

/* All ranks get rank 0's header; each reader holds it against its own, for the file may be another one on
 * another node. */
static lks_status share_header_all(lks_dataset *dataset, lks_comm *comm, const lks_dataset_file *file)
{
  if (file) dataset->header = *lks_dataset_file_header(file);
  lks_status status = lks_comm_broadcast_all(comm, &dataset->header, sizeof dataset->header, 0);
  if (!status && file) status = compare(lks_dataset_file_header(file), &dataset->header, dataset->path);
  return lks_comm_agree_all(comm, status);
}

static lks_status share_class_names_all(lks_dataset *dataset, lks_comm *comm, const lks_dataset_file *file)
{
  const size_t bytes = dataset->header.class_names_bytes;
  if (!bytes) return LKS_OK;
  char *text = lks_new(bytes, 1);
  if (text && file) memcpy(text, lks_class_names_text(lks_dataset_file_class_names(file), NULL), bytes);
  lks_status status = lks_comm_agree_all(comm, text ? LKS_OK : LKS_ERR_RANK);
  if (!status) status = lks_comm_broadcast_all(comm, text, bytes, 0);
  if (!status && text)
    status = lks_comm_agree_all(
        comm, lks_class_names_create(&dataset->class_names, text, bytes, dataset->header.layout.classes));
  lks_free(text);
  return status;
}

static lks_status share_statistics_all(lks_dataset *dataset, lks_comm *comm, const lks_dataset_file *file)
{
  const size_t bytes = lks_layout_statistics(&dataset->header.layout) * sizeof(double);
  if (file) {
    memcpy(dataset->mean, lks_dataset_file_mean(file), bytes);
    memcpy(dataset->std, lks_dataset_file_std(file), bytes);
  }
  lks_status status = lks_comm_broadcast_all(comm, dataset->mean, bytes, 0);
  if (!status) status = lks_comm_broadcast_all(comm, dataset->std, bytes, 0);
  return status;
}

static lks_status share_in_memory_all(lks_dataset *dataset, lks_comm *comm, lks_dataset_file *file)
{
  lks_section section[LKS_SECTIONS];
  void *block = NULL;
  size_t bytes = lks_layout_sections(section, &dataset->header.layout);
  lks_status status =
      lks_comm_agree_all(comm, lks_node_memory_create_all(&dataset->memory, &block, comm, bytes));
  if (status) return status;
  if (file) status = lks_dataset_file_read(file, block);
  lks_comm_node_barrier_all(comm);
  status = lks_comm_agree_all(comm, status);
  if (!status) dataset->contents = lks_contents_in(&dataset->header.layout, block);
  return status;
}

static lks_status share_in_cache_all(lks_dataset *dataset, lks_comm *comm, lks_dataset_file *file,
                                     const char *folder)
{
  void *index = NULL;
  const size_t bytes = lks_sample_cache_index_bytes(&dataset->header.layout);
  lks_status status =
      lks_comm_agree_all(comm, lks_node_memory_create_all(&dataset->memory, &index, comm, bytes));
  if (status) return status;
  if (file) status = lks_sample_cache_make(folder, file, index);
  lks_comm_node_barrier_all(comm);
  status = lks_comm_agree_all(comm, status);
  if (!status)
    status =
        lks_comm_agree_all(comm, lks_sample_cache_open(&dataset->cache, folder, &dataset->header, index));
  if (!status) dataset->contents = lks_sample_cache_contents(dataset->cache);
  return status;
}

static lks_status share_in_windows_all(lks_dataset *dataset, lks_comm *comm, lks_dataset_file *file,
                                       const lks_dataset_options *o)
{
  void *block = NULL;
  const lks_windowed_options options = {dataset->path,
                                        &o->names,
                                        &dataset->header,
                                        o->window,
                                        (size_t)lks_comm_node_rank(comm),
                                        (size_t)lks_comm_node_size(comm)};
  lks_status status = lks_comm_agree_all(comm, lks_windowed_create(&dataset->windowed, &options));
  if (status) return status;
  const size_t bytes = lks_windowed_bytes(dataset->windowed);
  status = lks_comm_agree_all(comm, lks_node_memory_create_all(&dataset->memory, &block, comm, bytes));
  if (status) return status;
  lks_windowed_place(dataset->windowed, block);
  if (file) status = lks_windowed_fill(dataset->windowed, file);
  lks_comm_node_barrier_all(comm);
  status = lks_comm_agree_all(comm, status);
  if (!status) dataset->contents = lks_windowed_contents(dataset->windowed);
  return status;
}

static lks_status share_samples_all(lks_dataset *dataset, lks_comm *comm, lks_dataset_file *file,
                                    const lks_dataset_options *o)
{
  if (o->window) return share_in_windows_all(dataset, comm, file, o);
  if (o->cache && o->cache[0]) return share_in_cache_all(dataset, comm, file, o->cache);
  return share_in_memory_all(dataset, comm, file);
}

/* A cache has the name of the hash: the file is read once more for that, if it does not say it. */
static lks_status share_all(lks_dataset *dataset, lks_comm *comm, lks_dataset_file *file,
                            const lks_dataset_options *o)
{
  lks_status status = LKS_OK;
  if (file && o->cache && o->cache[0]) status = lks_dataset_file_complete(file);
  status = lks_comm_agree_all(comm, status);
  if (!status) status = share_header_all(dataset, comm, file);
  if (!status) status = lks_comm_agree_all(comm, allocate(dataset));
  if (!status) status = share_class_names_all(dataset, comm, file);
  if (!status) status = share_samples_all(dataset, comm, file, o);
  if (!status) status = share_header_all(dataset, comm, file);
  return status ? status : share_statistics_all(dataset, comm, file);
}

lks_dataset_options lks_dataset_options_of(const lks_config *config)
{
  return (lks_dataset_options){.cache = config->cache, .window = config->window, .names = config->names};
}

lks_status lks_dataset_open_all(lks_dataset **dataset, lks_comm *comm, const char *path,
                                const lks_dataset_options *options)
{
  static const lks_dataset_options standard;
  const lks_phase before = lks_life_enter(LKS_PHASE_DATA);
  const lks_dataset_options *o = options ? options : &standard;
  lks_dataset_file *file = NULL;
  *dataset = lks_new(1, sizeof **dataset);
  if (*dataset) (*dataset)->path = lks_new(strlen(path) + 1, 1);
  lks_status status = *dataset && (*dataset)->path ? LKS_OK : LKS_ERR_RANK;
  if (!status && o->window && o->cache && o->cache[0])
    status = lks_fail(LKS_ERR_USAGE,
                      "give either a cache or a window: samples of a cache are not read in windows");
  if (!status) memcpy((*dataset)->path, path, strlen(path));
  if (!status && lks_comm_node_rank(comm) == 0) status = lks_dataset_file_open(&file, path, &o->names);
  status = lks_comm_agree_all(comm, status);
  if (!status && *dataset) status = share_all(*dataset, comm, file, o);
  if (!status && lks_comm_rank(comm) == 0) lks_dataset_announce(file);
  lks_dataset_file_close(&file);
  if (status) lks_dataset_close_all(dataset);
  lks_life_enter(before);
  return status;
}

void lks_dataset_close_all(lks_dataset **dataset)
{
  if (!*dataset) return;
  lks_sample_cache_close(&(*dataset)->cache);
  lks_windowed_destroy(&(*dataset)->windowed);
  lks_node_memory_destroy_all(&(*dataset)->memory);
  lks_class_names_destroy(&(*dataset)->class_names);
  lks_arena_destroy(&(*dataset)->arena);
  lks_free((*dataset)->path);
  lks_free(*dataset);
  *dataset = NULL;
}

bool lks_dataset_is_cached(const lks_dataset *dataset)
{
  return dataset->cache != NULL;
}

bool lks_dataset_has_features(const lks_dataset *dataset)
{
  return dataset->header.layout.features;
}

const lks_sample_cache *lks_dataset_cache(const lks_dataset *dataset)
{
  return dataset->cache;
}

const lks_window *lks_dataset_window(const lks_dataset *dataset)
{
  return dataset->windowed ? lks_windowed_window(dataset->windowed) : NULL;
}

const char *lks_dataset_path(const lks_dataset *dataset)
{
  return dataset->path;
}

lks_samples lks_dataset_split(const lks_dataset *dataset, lks_split split)
{
  return dataset->contents.split[split];
}

lks_shape lks_dataset_shape(const lks_dataset *dataset)
{
  return dataset->header.layout.shape;
}

size_t lks_dataset_classes(const lks_dataset *dataset)
{
  return dataset->header.layout.classes;
}

bool lks_dataset_says_classes(const lks_dataset *dataset)
{
  return dataset->header.has_classes || dataset->header.class_names_bytes > 0;
}

const char *lks_dataset_class_name(const lks_dataset *dataset, size_t k)
{
  return lks_class_names_get(dataset->class_names, k);
}

const char *lks_dataset_hash(const lks_dataset *dataset)
{
  return dataset->header.hash;
}

const double *lks_dataset_mean(const lks_dataset *dataset)
{
  return dataset->mean;
}

const double *lks_dataset_std(const lks_dataset *dataset)
{
  return dataset->std;
}
