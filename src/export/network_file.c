#include "export/network_file.h"

#include <stdio.h>
#include <string.h>

#include "export/fold.h"

/* The tensors as the network holds them, which has checked that they are its own. */
static lks_status take_state_all(lks_network_file *file, lks_comm *comm)
{
  const lks_config *config = &file->header->config;
  const lks_network_options options = {
      .batch_size = 1,
      .microbatch = 1,
      .norm = config->bn.kind == LKS_NORM_NONE ? config->bn : (lks_norm){LKS_NORM_SYNC, 0},
      .epsilon = config->bn_epsilon,
      .momentum = config->bn_momentum,
      .threads = 1};
  lks_network *network = NULL;
  lks_status status = lks_network_create_all(&network, file->model, comm, &options);
  if (!status) status = lks_checkpoint_put_all(file->checkpoint, comm, network, NULL);
  if (!status) status = lks_snapshot_take(&file->state, network, NULL);
  lks_network_destroy_all(&network);
  return status;
}

lks_status lks_network_file_open_all(lks_network_file *file, lks_comm *comm, const char *path, bool fold)
{
  *file = (lks_network_file){.folded = fold};
  lks_status status = lks_checkpoint_open_all(&file->checkpoint, comm, path);
  if (status) return status;
  const lks_checkpoint_header *header = file->header = lks_checkpoint_about(file->checkpoint);
  status = lks_model_parse_as(&file->model, header->model_text, path, header->input, header->classes,
                              lks_config_norm_layers(&header->config));
  if (!status) status = take_state_all(file, comm);
  if (!status && fold) status = lks_fold_batch_norm(file);
  if (status) lks_network_file_close(file);
  return status;
}

void lks_network_file_close(lks_network_file *file)
{
  lks_model_destroy(&file->model);
  lks_snapshot_clear(&file->state);
  lks_checkpoint_close(&file->checkpoint);
}

const lks_snapshot_array *lks_network_file_array(const lks_network_file *file, const lks_layer *layer,
                                                 const char *what)
{
  char name[LKS_ARRAY_NAME_MAX];
  snprintf(name, sizeof name, "%s.%s", layer->name, what);
  for (size_t a = 0; a < file->state.arrays; a++)
    if (strcmp(file->state.array[a].name, name) == 0) return &file->state.array[a];
  return NULL;
}

void lks_network_file_scaling(double *mean, double *std, const lks_network_file *file)
{
  const lks_checkpoint_header *header = file->header;
  const bool normalized = header->config.normalize_input;
  for (size_t c = 0; c < header->statistics; c++) {
    mean[c] = normalized ? header->mean[c] : 0;
    std[c] = normalized && header->std[c] > 0 ? header->std[c] : 1;
  }
}

double lks_network_file_epsilon(const lks_network_file *file, const lks_layer *norm)
{
  return norm->epsilon > 0 ? norm->epsilon : file->header->config.bn_epsilon;
}
