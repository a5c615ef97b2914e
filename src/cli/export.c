#include <stdio.h>
#include <string.h>

#include "base/ending.h"
#include "base/log.h"
#include "cli/commands.h"
#include "dataset/dataset_writer.h"
#include "export/export_onnx.h"
#include "export/export_weights.h"

typedef enum kind { BY_NAME, SAFETENSORS, NPZ, ONNX, KINDS } kind;
typedef enum inputs { AUTO, PIXELS, FEATURES } inputs;
typedef enum layout { NHWC, NCHW } layout;

typedef struct settings {
  kind to;
  char output[LKS_TEXT_MAX];
  inputs inputs;
  layout layout;
  bool fold, force;
} settings;

#define AT(field) offsetof(settings, field)
#define WORDS "auto|safetensors|npz|onnx"

static const char for_onnx[] = "ONNX";

static const lks_option option[] = {
    {"to", WORDS, LKS_OPTION_CHOICE, AT(to), "auto", WORDS, 0, 0, NULL,
     "what is written: weights for PyTorch and others (safetensors), arrays of NumPy (npz), or the whole network (onnx); auto: what the ending of FILE says, else safetensors"},
    {"output", "FILE", LKS_OPTION_TEXT, AT(output), "", NULL, 0, 0, NULL,
     "file to be written; empty: named like the checkpoint, with the format's ending"},
    {"fold-batch-norm", NULL, LKS_OPTION_SWITCH, AT(fold), "off", NULL, 0, 0, NULL,
     "make each batch norm behind a convolution or dense layer part of that layer's weight and bias"},
    {"inputs", "auto|pixels|features", LKS_OPTION_CHOICE, AT(inputs), "auto", "auto|pixels|features", 0, 0,
     for_onnx,
     "what goes in: bytes from 0 to 255 (pixels), or float32 values (features), as the dataset has them; auto: pixels where the model takes images"},
    {"layout", "nhwc|nchw", LKS_OPTION_CHOICE, AT(layout), "nhwc", "nhwc|nchw", 0, 0, for_onnx,
     "order of the axes of images that go in: channels last, as pictures are decoded, or before height and width"},
    {"force", NULL, LKS_OPTION_SWITCH, AT(force), "off", NULL, 0, 0, NULL, "replace a file that is there"},
};
enum { OPTIONS = sizeof option / sizeof *option };

const lks_syntax *lks_export_syntax(void)
{
  static const lks_syntax syntax = {
      "export",
      "CHECKPOINT.h5 [--to FORMAT] [-o FILE]",
      "Writes a trained network for other programs.",
      "Parameters and running statistics have the names, shapes and order of axes of PyTorch's state_dict, as in the checkpoint. "
      "A file of safetensors also says in its header what the model is (its text, the shape of its inputs, its classes) and how inputs are scaled: (x - mean)/std, of pixels divided by 255. "
      "A model of ONNX takes `input`, any number of samples as they are, and gives `logits` and `probabilities`; scaling is part of it. "
      "With --fold-batch-norm what is left is the network for use: it gives the same outputs, and can't be trained on with batch norm.",
      option,
      OPTIONS,
      1,
      1,
      {{"lockstep export run/last.h5 --to safetensors", "writes run/last.safetensors, with PyTorch's names"},
       {"lockstep export run/best.h5 --fold-batch-norm -o weights.npz",
        "arrays for NumPy of a network without batch norm"}}};
  return &syntax;
}

static const char *const ending[KINDS] = {"", ".safetensors", ".npz", ".onnx"};

static kind choose_kind(const settings *s)
{
  for (kind to = SAFETENSORS; to < KINDS && s->to == BY_NAME; to++)
    if (lks_before_ending(s->output, ending[to])) return to;
  return s->to == BY_NAME ? SAFETENSORS : s->to;
}

/* The checkpoint's name, which ends with .h5 or not, with the ending of the format. */
static lks_status choose_output(settings *s, const char *checkpoint)
{
  if (s->output[0]) return LKS_OK;
  const size_t before = lks_before_ending(checkpoint, ".h5"), length = before ? before : strlen(checkpoint);
  const int written = snprintf(s->output, sizeof s->output, "%.*s%s", (int)length, checkpoint, ending[s->to]);
  if (written < (int)sizeof s->output) return LKS_OK;
  return lks_fail(LKS_ERR_USAGE,
                  "the name of the checkpoint is too long to name its export by it: give -o FILE");
}

static lks_status write_onnx(const settings *s, lks_network_file *file)
{
  const lks_shape shape = file->header->input;
  const bool image = shape.height > 1 || shape.width > 1;
  const lks_onnx_options options = {s->inputs == PIXELS || (s->inputs == AUTO && image), s->layout == NCHW,
                                    s->force};
  return lks_export_onnx(file, s->output, &options);
}

static lks_status check(const settings *s, const lks_arguments *arguments)
{
  for (size_t i = 0; i < OPTIONS && s->to != ONNX; i++)
    if (arguments->value[i] && option[i].group == for_onnx)
      return lks_fail(LKS_ERR_USAGE, "--%s is for ONNX alone: give --to onnx, or a FILE.onnx",
                      option[i].name);
  return lks_dataset_may_write(s->output, s->force);
}

static lks_status write_file(const settings *s, lks_network_file *file)
{
  switch (s->to) {
  case ONNX: return write_onnx(s, file);
  case NPZ: return lks_export_weights_npz(file, s->output, s->force);
  default: break;
  }
  return lks_export_safetensors(file, s->output, s->force);
}

lks_status lks_export_run_all(lks_comm *comm, int argc, char **argv)
{
  settings s;
  lks_arguments arguments;
  lks_network_file file;
  lks_status status = lks_settings_read_all(&s, &arguments, comm, lks_export_syntax(), argc, argv);
  if (status || arguments.help) return status;
  s.to = choose_kind(&s);
  status = choose_output(&s, arguments.argument[0]);
  if (!status) status = check(&s, &arguments);
  if (!status) status = lks_network_file_open_all(&file, comm, arguments.argument[0], s.fold);
  if (status) return status;
  status = write_file(&s, &file);
  lks_network_file_close(&file);
  if (!status) lks_say("%s: written", s.output);
  return status;
}
