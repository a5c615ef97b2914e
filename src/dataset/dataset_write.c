#include "dataset/dataset_write.h"

static lks_status put(lks_dataset_writer *writer, lks_split split, const lks_samples *samples)
{
  const void *values = samples->features ? (const void *)samples->features : samples->pixels;
  return lks_dataset_writer_put(writer, split, values, samples->label, samples->count);
}

lks_status lks_dataset_write(const char *path, const lks_contents *contents, bool force)
{
  lks_dataset_writer *writer = NULL;
  lks_status status =
      lks_dataset_writer_create(&writer, path, &contents->layout, contents->class_names, force);
  if (!status) status = put(writer, LKS_SPLIT_TRAIN, &contents->split[LKS_SPLIT_TRAIN]);
  if (!status) status = put(writer, LKS_SPLIT_TEST, &contents->split[LKS_SPLIT_TEST]);
  if (!status) status = lks_dataset_writer_finish(writer);
  lks_dataset_writer_destroy(&writer);
  return status;
}
