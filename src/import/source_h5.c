#include "import/source_h5.h"

#include <string.h>

#include "base/arena.h"
#include "dataset/content_hash.h"
#include "dataset/dataset_file.h"

typedef struct h5 {
  lks_dataset_file *file;
  const char *path;
  lks_content_hash *hash; /* of what has been given, where the file says what it must be; else NULL */
} h5;

static lks_status begin_hash(h5 *self)
{
  lks_content_hash_destroy(&self->hash);
  if (!lks_dataset_file_is_complete(self->file)) return LKS_OK;
  return lks_content_hash_create(&self->hash, &lks_dataset_file_header(self->file)->layout);
}

static lks_status compare_hash(h5 *self)
{
  char text[LKS_HASH_TEXT];
  const char *right = lks_dataset_file_header(self->file)->hash;
  lks_content_hash_finish(text, self->hash, lks_dataset_file_mean(self->file),
                          lks_dataset_file_std(self->file));
  if (strcmp(text, right) == 0) return LKS_OK;
  return lks_fail(LKS_ERR_DATA,
                  "%s: damaged: its contents have the hash %s and content_hash is %s; copy or make it again",
                  self->path, text, right);
}

static lks_status pass(h5 *self, lks_split split, size_t first, const void *values, size_t samples)
{
  const size_t *count = lks_dataset_file_header(self->file)->layout.count;
  if (!self->hash) return LKS_OK;
  if (first == 0) lks_content_hash_begin_split(self->hash, split);
  lks_content_hash_values(self->hash, values, samples);
  if (first + samples < count[split]) return LKS_OK;
  lks_content_hash_labels(self->hash, lks_dataset_file_labels(self->file, split), count[split]);
  if (split == LKS_SPLIT_TRAIN && count[LKS_SPLIT_TEST]) return LKS_OK;
  if (split == LKS_SPLIT_TRAIN) lks_content_hash_begin_split(self->hash, LKS_SPLIT_TEST);
  return compare_hash(self);
}

static lks_status next(void *context, lks_split split, size_t first, void *values, size_t samples)
{
  h5 *self = context;
  lks_status status = lks_dataset_file_next(self->file, values, samples);
  return status ? status : pass(self, split, first, values, samples);
}

static lks_status rewind_file(void *context)
{
  h5 *self = context;
  lks_status status = lks_dataset_file_rewind(self->file);
  return status ? status : begin_hash(self);
}

static void destroy(void *context)
{
  h5 *self = context;
  lks_dataset_file_close(&self->file);
  lks_content_hash_destroy(&self->hash);
  lks_free(self);
}

static lks_status copy_labels(lks_source *source, const lks_dataset_file *file)
{
  for (int split = 0; split < LKS_SPLITS; split++) {
    const size_t count = source->layout.count[split];
    source->label[split] = lks_new(count + 1, sizeof(int32_t));
    if (!source->label[split]) return LKS_ERR_RANK;
    if (count)
      memcpy(source->label[split], lks_dataset_file_labels(file, (lks_split)split), count * sizeof(int32_t));
  }
  return LKS_OK;
}

static lks_status copy_names(lks_source *source, const lks_dataset_file *file)
{
  const lks_class_names *names = lks_dataset_file_class_names(file);
  size_t bytes = 0;
  const char *text = names ? lks_class_names_text(names, &bytes) : NULL;
  return text ? lks_class_names_create(&source->names, text, bytes, lks_class_names_count(names)) : LKS_OK;
}

/* A hash without the mean and std that it covers is looked at by itself. */
static lks_status open_all(lks_source *source, h5 *self, const lks_dataset_names *names)
{
  lks_status status = lks_dataset_file_open(&self->file, self->path, names);
  if (status) return status;
  source->layout = lks_dataset_file_header(self->file)->layout;
  status = copy_labels(source, self->file);
  if (!status) status = copy_names(source, self->file);
  if (!status && lks_dataset_file_header(self->file)->hash[0]) status = lks_dataset_file_complete(self->file);
  return status ? status : begin_hash(self);
}

lks_status lks_source_h5_open(lks_source **source, const char *path, const lks_dataset_names *names)
{
  static const lks_source_methods methods = {next, rewind_file, destroy};
  *source = NULL;
  h5 *self = lks_new(1, sizeof *self);
  lks_status status = self ? lks_source_create(source, &methods, self) : LKS_ERR_RANK;
  if (status) return status;
  (*source)->path = path;
  self->path = path;
  status = open_all(*source, self, names);
  if (status) lks_source_destroy(source);
  return status;
}
