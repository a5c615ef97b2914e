#include "train/setup.h"

#include "base/arena.h"
#include "comm/same.h"
#include "comm/split.h"

#include <sched.h>
#include <string.h>
#include <unistd.h>

int lks_threads_default(const lks_comm *comm)
{
  cpu_set_t set;
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  long mine = sched_getaffinity(0, sizeof set, &set) ? online : CPU_COUNT(&set);
  long threads = mine < online ? mine : online / lks_comm_node_ranks(comm);
  return threads > 1 ? (int)threads : 1;
}

int lks_setup_threads(const lks_comm *comm, const lks_config *config)
{
  return config->threads ? (int)config->threads : lks_threads_default(comm);
}

/* Another host may have another file of that name; it may have none at all. */
static lks_status same_text_all(lks_comm *comm, const char *text, const char *name_or_path)
{
  char *own = NULL;
  lks_facts facts = {.count = 0};
  if (lks_model_text(&own, name_or_path) == LKS_OK) text = own;
  lks_facts_add_bytes(&facts, "the text of the model", text, strlen(text), "one of hash");
  lks_free(own);
  return lks_comm_same_all(comm, &facts, "copy the file to all hosts, or name a preset");
}

lks_status lks_model_text_all(char **text, lks_comm *comm, const char *name_or_path)
{
  bool root = lks_comm_rank(comm) == 0;
  *text = NULL;
  lks_status status = lks_comm_agree_all(comm, root ? lks_model_text(text, name_or_path) : LKS_OK);
  size_t length = status ? 0 : root ? strlen(*text) : 0;
  if (!status) status = lks_comm_broadcast_all(comm, &length, sizeof length, 0);
  if (!status && !root) *text = lks_new(length + 1, 1);
  if (!status) status = lks_comm_agree_all(comm, *text ? LKS_OK : LKS_ERR_RANK);
  if (!status) status = lks_comm_broadcast_all(comm, *text, length, 0);
  if (!status && *text && lks_comm_size(comm) > 1) status = same_text_all(comm, *text, name_or_path);
  if (status) {
    lks_free(*text);
    *text = NULL;
  }
  return status;
}

lks_setup_input lks_setup_input_of(const char *model_text, const char *model_name, const lks_dataset *dataset)
{
  return (lks_setup_input){model_text,
                           model_name,
                           lks_dataset_shape(dataset),
                           lks_dataset_classes(dataset),
                           lks_dataset_has_features(dataset),
                           lks_dataset_mean(dataset),
                           lks_dataset_std(dataset)};
}

/* A dataset's mean and std are of pixels divided by 255. A channel that never varies has std 0 and is left unscaled. */
void lks_setup_scale(double *mean, double *scale, const lks_setup_input *input, bool normalize)
{
  const double unit = input->features ? 1 : 255;
  for (size_t c = 0; c < input->shape.channels; c++) {
    const double std = normalize && input->std[c] > 0 ? input->std[c] : 1;
    mean[c] = normalize ? unit * input->mean[c] : 0;
    scale[c] = 1 / (unit * std);
  }
}

static lks_status make_scaling(lks_setup *setup, const lks_setup_input *input, bool normalize)
{
  size_t count = input->shape.channels;
  setup->mean = lks_new(count, sizeof *setup->mean);
  setup->scale = lks_new(count, sizeof *setup->scale);
  if (!setup->mean || !setup->scale) return LKS_ERR_RANK;
  lks_setup_scale(setup->mean, setup->scale, input, normalize);
  setup->scaling = (lks_input_scaling){setup->mean, setup->scale};
  return LKS_OK;
}

/* What measures how the loss goes down by a gradient takes it of frozen layers too. */
static bool needs_all_gradients(const lks_config *config)
{
  return config->probes & (LKS_PROBE_GRADIENTS | LKS_PROBE_LANDSCAPE);
}

lks_network_options lks_setup_options(const lks_config *config, int threads)
{
  return (lks_network_options){.batch_size = config->batch_size,
                               .microbatch = config->microbatch,
                               .norm = config->bn,
                               .reduce = config->reduce,
                               .precision = config->precision,
                               .isa = config->isa,
                               .epsilon = config->bn_epsilon,
                               .momentum = config->bn_momentum,
                               .smoothing = config->label_smoothing,
                               .crop = (int)config->crop,
                               .flip = config->flip,
                               .measure_noise = config->noise,
                               .freeze_norm = config->freeze_bn,
                               .freeze = needs_all_gradients(config) ? NULL : config->freeze,
                               .disturb = config->bn_disturb,
                               .seed = config->seed,
                               .threads = threads};
}

static lks_status create_all(lks_setup **setup, lks_comm *comm, const lks_config *config,
                             const lks_setup_input *input, bool norms_alike)
{
  lks_setup *s = *setup = lks_new(1, sizeof *s);
  lks_status status = s ? make_scaling(s, input, config->normalize_input) : LKS_ERR_RANK;
  if (!status)
    status = lks_model_parse_as(&s->model, input->model_text, input->model_name, input->shape, input->classes,
                                lks_config_norm_layers(config));
  status = lks_comm_agree_all(comm, status);
  if (!status && s) {
    lks_network_options options = lks_setup_options(config, lks_setup_threads(comm, config));
    options.norms_alike = norms_alike;
    status = lks_network_create_all(&s->network, s->model, comm, &options);
  }
  if (status) lks_setup_destroy_all(setup);
  return status;
}

lks_status lks_setup_create_all(lks_setup **setup, lks_comm *comm, const lks_config *config,
                                const lks_setup_input *input)
{
  return create_all(setup, comm, config, input, false);
}

lks_status lks_setup_create_alike_all(lks_setup **setup, lks_comm *comm, const lks_config *config,
                                      const lks_setup_input *input)
{
  return create_all(setup, comm, config, input, true);
}

void lks_setup_destroy_all(lks_setup **setup)
{
  if (!setup || !*setup) return;
  lks_network_destroy_all(&(*setup)->network);
  lks_model_destroy(&(*setup)->model);
  lks_free((*setup)->mean);
  lks_free((*setup)->scale);
  lks_free(*setup);
  *setup = NULL;
}
