#include "dataset_copy.h"

#include <string.h>

#include "base/arena.h"

void lks_dataset_copy_clear(lks_dataset_copy *copy)
{
  lks_free(copy->block);
  lks_free(copy->mean);
  memset(copy, 0, sizeof *copy);
}

lks_status lks_dataset_copy_read(lks_dataset_copy *copy, const char *path)
{
  lks_section section[LKS_SECTIONS];
  lks_dataset_file *file = NULL;
  memset(copy, 0, sizeof *copy);
  lks_status status = lks_dataset_file_open(&file, path, NULL);
  if (status) return status;
  copy->header = *lks_dataset_file_header(file);
  size_t count = lks_layout_statistics(&copy->header.layout);
  copy->block = lks_new(lks_layout_sections(section, &copy->header.layout), 1);
  status = lks_dataset_file_read(file, copy->block);
  copy->header = *lks_dataset_file_header(file); /* with what the file does not say */
  copy->mean = lks_new(2 * count, sizeof(double));
  copy->std = copy->mean + count;
  memcpy(copy->mean, lks_dataset_file_mean(file), count * sizeof(double));
  memcpy(copy->std, lks_dataset_file_std(file), count * sizeof(double));
  copy->contents = lks_contents_in(&copy->header.layout, copy->block);
  lks_dataset_file_close(&file);
  if (status) lks_dataset_copy_clear(copy);
  return status;
}

bool lks_dataset_copy_equal(const lks_dataset_copy *a, const lks_dataset_copy *b)
{
  lks_section section[2][LKS_SECTIONS];
  const size_t bytes = lks_layout_sections(section[0], &a->header.layout);
  const void *statistics[2] = {a->mean, b->mean}; /* and std behind it */
  if (lks_layout_sections(section[1], &b->header.layout) != bytes ||
      memcmp(section[0], section[1], sizeof section[0]) != 0 ||
      a->header.layout.classes != b->header.layout.classes)
    return false;
  return memcmp(a->block, b->block, bytes) == 0 &&
         memcmp(statistics[0], statistics[1],
                2 * lks_layout_statistics(&a->header.layout) * sizeof(double)) == 0;
}
