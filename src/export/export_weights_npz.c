#include <string.h>

#include "base/arena.h"
#include "export/export_weights.h"
#include "export/weight_list.h"
#include "import/npz_write.h"

static lks_status give(void *context, const char **piece, size_t *bytes, size_t member, size_t offset)
{
  const lks_weight *weight = &((const lks_weight_list *)context)->weight[member];
  *piece = (const char *)weight->data + offset;
  *bytes = weight->bytes - offset;
  return LKS_OK;
}

lks_status lks_export_weights_npz(const lks_network_file *file, const char *path, bool replace)
{
  lks_weight_list list;
  lks_status status = lks_weight_list_make(&list, file);
  if (status) return status;
  lks_npz_member *member = lks_new(list.count + 1, sizeof *member);
  for (size_t i = 0; i < list.count && member; i++) {
    const lks_weight *weight = &list.weight[i];
    member[i] = (lks_npz_member){.name = weight->name,
                                 .type = weight->whole ? "<i8" : "<f4",
                                 .dimensions = weight->dimensions,
                                 .bytes = weight->bytes};
    memcpy(member[i].extent, weight->extent, sizeof member[i].extent);
  }
  status = member ? lks_npz_write(path, replace, member, list.count, give, &list) : LKS_ERR_RANK;
  lks_free(member);
  lks_weight_list_clear(&list);
  return status;
}
