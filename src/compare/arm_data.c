#include "compare/arm_data.h"

#include <string.h>

#include "base/arena.h"
#include "base/integers.h"
#include "lockstep/model.h"

static bool same_names(const lks_dataset_names *a, const lks_dataset_names *b)
{
  return strcmp(a->samples, b->samples) == 0 && strcmp(a->labels, b->labels) == 0 &&
         strcmp(a->test_samples, b->test_samples) == 0 && strcmp(a->test_labels, b->test_labels) == 0 &&
         a->layout == b->layout;
}

static size_t find(const lks_arm_data *data, const lks_config *config)
{
  size_t i = 0;
  while (i < data->count && (strcmp(data->opened[i].path, config->data) != 0 ||
                             !same_names(data->opened[i].names, &config->names)))
    i++;
  return i;
}

static lks_status open_all(lks_arm_data *data, lks_comm *comm, const lks_comparison *comparison, size_t arm)
{
  const lks_config *config = &comparison->arm[arm].config;
  const size_t i = data->of_arm[arm] = find(data, config);
  if (i < data->count) return LKS_OK;
  strcpy(data->opened[i].path, config->data);
  data->opened[i].names = &config->names;
  const lks_dataset_options how = lks_dataset_options_of(config);
  lks_status status = lks_dataset_open_all(&data->opened[i].dataset, comm, config->data, &how);
  if (!status) data->count++;
  if (!status || strcmp(config->data, comparison->base.data) == 0) return status;
  return lks_fail_in(status, "arm %s: ", comparison->arm[arm].name);
}

/* Rank 0's file is the one that counts. */
static lks_status check_model(const lks_arm *arm, const lks_dataset *dataset)
{
  char *text;
  lks_model *model;
  lks_status status = lks_model_text(&text, arm->config.model);
  if (!status) {
    status = lks_model_parse_as(&model, text, arm->config.model, lks_dataset_shape(dataset),
                                lks_dataset_classes(dataset), lks_config_norm_layers(&arm->config));
    if (!status) lks_model_destroy(&model);
    lks_free(text);
  }
  return status ? lks_fail_in(status, "arm %s: ", arm->name) : LKS_OK;
}

static lks_status check_all(lks_comm *comm, const lks_arm *arm, const lks_dataset *dataset)
{
  lks_status status = lks_comm_agree_all(comm, lks_selection_check(dataset, arm->config.holdout));
  if (status) return lks_fail_in(status, "arm %s: ", arm->name);
  return lks_comm_agree_all(comm, lks_comm_rank(comm) == 0 ? check_model(arm, dataset) : LKS_OK);
}

lks_status lks_arm_data_open_all(lks_arm_data *data, lks_comm *comm, const lks_comparison *comparison,
                                 const bool *wanted)
{
  lks_status status = LKS_OK;
  for (size_t arm = 0; arm < LKS_ARMS_MAX; arm++) data->of_arm[arm] = LKS_ARMS_MAX;
  for (size_t arm = 0; arm < comparison->arms && !status; arm++) {
    if (!wanted[arm]) continue;
    status = open_all(data, comm, comparison, arm);
    if (!status) status = check_all(comm, &comparison->arm[arm], lks_arm_data_of(data, arm));
  }
  return status;
}

void lks_arm_data_close_all(lks_arm_data *data)
{
  for (size_t i = 0; i < data->count; i++) lks_dataset_close_all(&data->opened[i].dataset);
  data->count = 0;
}

const lks_dataset *lks_arm_data_of(const lks_arm_data *data, size_t arm)
{
  return data->of_arm[arm] < data->count ? data->opened[data->of_arm[arm]].dataset : NULL;
}

lks_status lks_arm_data_steps(size_t *steps, const lks_arm_data *data, size_t arm, const lks_config *config)
{
  lks_selection *selection;
  *steps = 0;
  lks_status status =
      lks_selection_create(&selection, lks_arm_data_of(data, arm), config->train_samples, config->holdout);
  if (status) return status;
  *steps = lks_divide_up(selection->train_count, config->batch_size);
  lks_selection_destroy(&selection);
  return LKS_OK;
}
