#include "export/weight_list.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/ending.h"

static void append_counts(lks_weight_list *list, const lks_network_file *file)
{
  for (size_t a = 0; a < file->state.arrays; a++) {
    const size_t length =
        lks_before_ending(file->state.array[a].name, ".running_var"); /* a batch norm's last array */
    if (!length) continue;
    lks_weight *weight = &list->weight[list->count++];
    *weight = (lks_weight){
        .whole = true, .bytes = sizeof file->state.batches_tracked, .data = &file->state.batches_tracked};
    snprintf(weight->name, sizeof weight->name, "%.*s.num_batches_tracked", (int)length,
             file->state.array[a].name);
  }
}

lks_status lks_weight_list_make(lks_weight_list *list, const lks_network_file *file)
{
  *list = (lks_weight_list){.weight = lks_new(2 * file->state.arrays + 1, sizeof *list->weight)};
  if (!list->weight) return LKS_ERR_RANK;
  append_counts(list, file);
  for (size_t a = 0; a < file->state.arrays; a++) {
    const lks_snapshot_array *array = &file->state.array[a];
    lks_weight *weight = &list->weight[list->count++];
    *weight = (lks_weight){
        .dimensions = array->dimensions, .bytes = array->elements * sizeof *array->data, .data = array->data};
    snprintf(weight->name, sizeof weight->name, "%s", array->name);
    memcpy(weight->extent, array->extent, sizeof weight->extent);
  }
  return LKS_OK;
}

void lks_weight_list_clear(lks_weight_list *list)
{
  lks_free(list->weight);
  *list = (lks_weight_list){0};
}
