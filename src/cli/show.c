#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/shape.h"
#include "config/config_value.h"
#include "dataset/dataset_file.h"
#include "lockstep/checkpoint.h"
#include "report/show.h"

typedef struct settings {
  lks_config config; /* comes first: rows of the configuration's table are rows of this struct */
  char shape[LKS_TEXT_MAX], drawing[LKS_TEXT_MAX];
  size_t classes;
} settings;

/* What is shown. */
typedef struct subject {
  lks_checkpoint *checkpoint;
  char *text; /* of the model; owned */
  lks_shape shape;
  size_t classes;
} subject;

static const lks_option own_options[] = {
    {"shape", "HxWxC|D", LKS_OPTION_TEXT, offsetof(settings, shape), "", NULL, 0, 0, NULL,
     "shape of a sample; not given: that of DATA.h5, or of the checkpoint, else 32x32x3"},
    {"classes", "N", LKS_OPTION_SIZE, offsetof(settings, classes), "0", NULL, 0, 1e6, NULL,
     "classes; 0: those of DATA.h5, or of the checkpoint, else 10"},
    {"output", "FILE", LKS_OPTION_TEXT, offsetof(settings, drawing), "", NULL, 0, 0, NULL,
     "drawing to be written, a frame a stage, replaced if it is there: .svg, .png or .pdf, which `dot` of graphviz draws, or its text, .dot"},
};
static const char *const run_options[] = {"bn",           "batch-size",  "microbatch", "precision",
                                          "optimizer",    "momentum",    "samples",    "labels",
                                          "test-samples", "test-labels", "layout"};
enum { OWN = sizeof own_options / sizeof *own_options, OF_RUN = sizeof run_options / sizeof *run_options };

const lks_syntax *lks_show_syntax(void)
{
  static lks_option option[OWN + OF_RUN];
  static lks_syntax syntax = {
      "show",
      "MODEL [DATA.h5]",
      "Shows the layers of a network, their shapes, and what they take: parameters, memory, operations.",
      "MODEL is a preset, a file of model text, or a checkpoint, whose settings count where none are given. A multiply-add is one multiplication with its addition, of convolutions and dense layers; bytes are those of the values that the backward pass needs. "
      "A layer without any is carried out with the one before it. Between two stages lies a reduction: there a batch norm needs sums over samples that other threads or ranks have.",
      option,
      OWN + OF_RUN,
      1,
      2,
      {{"lockstep show resnet20 --shape 32x32x3 -o resnet20.svg",
        "a table, and a drawing of the network by stage"},
       {"lockstep show run/last.h5", "what the network of that run takes"}}};
  memcpy(option, own_options, sizeof own_options);
  for (size_t i = 0; i < OF_RUN; i++) option[OWN + i] = *lks_config_option(run_options[i]);
  return &syntax;
}

static bool is_hdf5(const char *path)
{
  static const unsigned char signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
  unsigned char begin[8];
  int file = -1;
  size_t bytes;
  if (!lks_file_exists(path) || lks_file_open(&file, &bytes, path) != LKS_OK) return false;
  const bool is =
      read(file, begin, sizeof begin) == (ssize_t)sizeof begin && memcmp(begin, signature, sizeof begin) == 0;
  close(file);
  return is;
}

/* The settings of the checkpoint, where others were not given. */
static lks_status open_checkpoint_all(subject *s, settings *set, lks_comm *comm, const char *path,
                                      const lks_arguments *arguments)
{
  lks_status status = lks_checkpoint_open_all(&s->checkpoint, comm, path);
  if (status) return status;
  const lks_checkpoint_header *header = lks_checkpoint_about(s->checkpoint);
  for (size_t i = OWN; i < OWN + OF_RUN && !status; i++) {
    char value[LKS_VALUE_MAX];
    const lks_option *option = &lks_show_syntax()->option[i];
    lks_config_value_print(value, &header->config, option);
    if (!arguments->value[i]) status = lks_config_value_read(&set->config, option, value);
  }
  s->shape = header->input;
  s->classes = header->classes;
  s->text = lks_new(strlen(header->model_text) + 1, 1);
  if (s->text) strcpy(s->text, header->model_text);
  return status ? status : s->text ? LKS_OK : LKS_ERR_RANK;
}

static lks_status read_dataset(subject *s, const char *path, const lks_dataset_names *names)
{
  lks_dataset_file *file = NULL;
  const lks_status status = lks_dataset_file_open(&file, path, names);
  if (!status) {
    s->shape = lks_dataset_file_header(file)->layout.shape;
    s->classes = lks_dataset_file_header(file)->layout.classes;
  }
  lks_dataset_file_close(&file);
  return status;
}

static lks_status find_all(subject *s, settings *set, lks_comm *comm, const lks_arguments *arguments)
{
  const char *model = arguments->argument[0], *data = arguments->count > 1 ? arguments->argument[1] : NULL;
  if (data && set->shape[0])
    return lks_fail(LKS_ERR_USAGE, "--shape %s, or the shape of the samples of %s? Give one of them",
                    set->shape, data);
  *s = (subject){.shape = {32, 32, 3}, .classes = 10};
  lks_status status =
      is_hdf5(model) ? open_checkpoint_all(s, set, comm, model, arguments) : lks_model_text(&s->text, model);
  if (!status && data) status = read_dataset(s, data, &set->config.names);
  if (!status && set->shape[0]) status = lks_shape_read(&s->shape, set->shape);
  if (set->classes) s->classes = set->classes;
  return status;
}

static lks_status show(const subject *s, settings *set, const char *name)
{
  lks_show *shown = NULL;
  lks_config_set(&set->config, "data", "none is needed");
  lks_config_set(&set->config, "model", name);
  lks_status status = lks_config_check(&set->config);
  if (!status) status = lks_show_create(&shown, &set->config, name, s->text, s->shape, s->classes);
  if (status) return status;
  lks_show_print(stdout, shown);
  if (set->drawing[0]) status = lks_show_draw(set->drawing, shown);
  lks_show_destroy(&shown);
  return status;
}

lks_status lks_show_run_all(lks_comm *comm, int argc, char **argv)
{
  settings set;
  subject s = {.checkpoint = NULL};
  lks_arguments arguments;
  lks_config_default(&set.config);
  lks_status status = lks_settings_read_all(&set, &arguments, comm, lks_show_syntax(), argc, argv);
  if (status || arguments.help) return status;
  status = find_all(&s, &set, comm, &arguments);
  if (!status) status = show(&s, &set, arguments.argument[0]);
  lks_checkpoint_close(&s.checkpoint);
  lks_free(s.text);
  return status;
}
