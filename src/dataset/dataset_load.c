#include "dataset/dataset_load.h"

#include "base/arena.h"
#include "dataset/announce.h"
#include "dataset/dataset_file.h"

lks_status lks_dataset_load(void **block, lks_contents *contents, const char *path,
                            const lks_dataset_names *names)
{
  lks_section section[LKS_SECTIONS];
  lks_dataset_file *file = NULL;
  *block = NULL;
  lks_status status = lks_dataset_file_open(&file, path, names);
  if (status) return status;
  const lks_layout *layout = &lks_dataset_file_header(file)->layout;
  *block = lks_new(lks_layout_sections(section, layout), 1);
  status = *block ? lks_dataset_file_read(file, *block) : LKS_ERR_RANK;
  *contents = lks_contents_in(layout, *block);
  if (!status) lks_dataset_announce(file);
  lks_dataset_file_close(&file);
  if (!status) return LKS_OK;
  lks_free(*block);
  *block = NULL;
  return status;
}
