#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/temporary.h"
#include "checkpoint/checkpoint_write.h"
#include "cli/commands.h"
#include "cli/same_start.h"
#include "dataset/dataset_writer.h"
#include "export/initial_weights.h"
#include "lockstep/checkpoint.h"
#include "train/setup.h"

typedef struct settings {
  lks_run_settings run;
  char output[LKS_TEXT_MAX], prefix[LKS_TEXT_MAX], map[LKS_TEXT_MAX];
  bool ignore_missing, ignore_unused, force;
} settings;

#define AT(field) offsetof(settings, field)

static const lks_option own_options[] = {
    {"output", "CHECKPOINT.h5", LKS_OPTION_TEXT, AT(output), "", NULL, 0, 0, NULL,
     "checkpoint to be written"},
    {"prefix", "TEXT", LKS_OPTION_TEXT, AT(prefix), "", NULL, 0, 0, NULL,
     "what stands before every name in the file, such as module. or backbone."},
    {"map", "MAP", LKS_OPTION_TEXT, AT(map), "", NULL, 0, 0, NULL,
     "file of lines LAYER = NAME, such as conv1 = features.0, for layers that FILE has under other names"},
    {"ignore-missing", NULL, LKS_OPTION_SWITCH, AT(ignore_missing), "off", NULL, 0, 0, NULL,
     "let tensors that the file has not begin with values drawn from the seed"},
    {"ignore-unused", NULL, LKS_OPTION_SWITCH, AT(ignore_unused), "off", NULL, 0, 0, NULL,
     "leave out arrays of the file that the model has no place for"},
    {"force", NULL, LKS_OPTION_SWITCH, AT(force), "off", NULL, 0, 0, NULL, "replace a file that is there"},
};
enum { OWN = sizeof own_options / sizeof *own_options };
_Static_assert(1 + OWN <= LKS_OPTIONS_OWN_MAX, "the array below has LKS_OPTIONS_MAX rows");

/* What a run has, and a checkpoint before its first step has not. */
static bool is_left_out(const char *name)
{
  return strcmp(name, "output") == 0 || strcmp(name, "resume") == 0 || strcmp(name, "init") == 0;
}

const lks_syntax *lks_import_weights_syntax(void)
{
  static lks_option option[LKS_OPTIONS_MAX];
  static lks_syntax syntax = {
      "import-weights",
      "FILE DATA.h5 --model MODEL -o CHECKPOINT.h5",
      "Makes a checkpoint of weights that another program trained.",
      "FILE is safetensors, as safetensors.torch.save_file(model.state_dict(), FILE) writes it, an .npz archive or a checkpoint. Names and shapes of its arrays are those that the model's layers have in PyTorch, such as conv1.weight, bn1.running_mean and layer1.0.conv1.weight, the weight of a dense layer being (out,in) with inputs in the order C,H,W. "
      "float16, bfloat16 and float64 become float32. A bias of a layer that has none here, because batch norm follows, goes into that one's running mean. "
      "Inputs will be scaled with mean and std of DATA.h5. The other options are those of `lockstep train`, and are the checkpoint's settings; `lockstep train --init FILE` trains such weights at once.",
      option,
      0,
      2,
      2,
      {{"lockstep import-weights net.safetensors DATA.h5 --model resnet8 -o net.h5",
        "weights that PyTorch trained, for evaluate and predict"},
       {"lockstep import-weights net.npz DATA.h5 --init-except dense2 -o net.h5",
        "all but the head, which begins anew"}}};
  if (syntax.options > 0) return &syntax;
  size_t count;
  const lks_option *table = lks_config_options(&count);
  option[0] = lks_run_settings_file;
  memcpy(option + 1, own_options, sizeof own_options);
  syntax.options = 1 + OWN;
  for (size_t i = 0; i < count; i++)
    if (!is_left_out(table[i].name)) option[syntax.options++] = table[i];
  return &syntax;
}

static lks_status configure(settings *s, const lks_arguments *arguments)
{
  lks_arguments data = *arguments;
  data.argument++;
  data.count--;
  lks_status status = lks_run_settings_read(&s->run, sizeof *s, lks_import_weights_syntax(), &data);
  lks_config *config = &s->run.config;
  if (!status) status = lks_config_set(config, "init", arguments->argument[0]);
  if (!status) status = lks_config_check(config);
  if (!status && !s->output[0])
    status = lks_fail(LKS_ERR_USAGE, "no output given; name the checkpoint to be written: -o CHECKPOINT.h5");
  return status ? status : lks_dataset_may_write(s->output, s->force);
}

static lks_status write_all(lks_comm *comm, const settings *s, const lks_setup *setup,
                            const lks_dataset *dataset)
{
  const lks_config *config = &s->run.config;
  const lks_run_state state = {0};
  const lks_initial_rules rules = {.path = config->init,
                                   .prefix = s->prefix,
                                   .map = s->map,
                                   .except = config->init_except,
                                   .ignore_missing = s->ignore_missing,
                                   .ignore_unused = s->ignore_unused};
  lks_optimizer *optimizer = NULL;
  if (lks_comm_rank(comm) == 0) lks_temporary_tidy_file(s->output);
  lks_status status = lks_initial_weights_put_all(comm, setup->network, &rules);
  if (!status) status = lks_comm_agree_all(comm, lks_optimizer_create(&optimizer, config, setup->network));
  if (!status)
    status = lks_checkpoint_write_as_all(comm, s->output, s->force, config, setup->model, dataset,
                                         setup->network, optimizer, &state);
  lks_optimizer_destroy(&optimizer);
  return status;
}

static lks_status import_all(lks_comm *comm, const settings *s)
{
  const lks_config *config = &s->run.config;
  const lks_dataset_options how = lks_dataset_options_of(config);
  lks_dataset *dataset = NULL;
  lks_setup *setup = NULL;
  char *text = NULL;
  lks_status status = lks_dataset_open_all(&dataset, comm, config->data, &how);
  if (!status) status = lks_model_text_all(&text, comm, config->model);
  if (!status) {
    const lks_setup_input input = lks_setup_input_of(text, config->model, dataset);
    status = lks_setup_create_all(&setup, comm, config, &input);
  }
  if (!status) status = write_all(comm, s, setup, dataset);
  lks_setup_destroy_all(&setup);
  lks_dataset_close_all(&dataset);
  lks_free(text);
  return status;
}

lks_status lks_import_weights_run_all(lks_comm *comm, int argc, char **argv)
{
  settings s;
  lks_arguments arguments;
  lks_status status = lks_command_line_all(&arguments, comm, lks_import_weights_syntax(), argc, argv);
  if (status || arguments.help) return status;
  status = configure(&s, &arguments);
  if (!status) status = import_all(comm, &s);
  if (!status) lks_say("%s: written", s.output);
  return status;
}
