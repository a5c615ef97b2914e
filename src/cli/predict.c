#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/ending.h"
#include "base/file.h"
#include "base/integers.h"
#include "base/life.h"
#include "cli/commands.h"
#include "cli/dataset_rows.h"
#include "cli/predict_files.h"
#include "cli/predict_input.h"
#include "cli/predict_output.h"
#include "kernels/loss.h"
#include "lockstep/checkpoint.h"
#include "train/setup.h"

enum { BATCH = 64, MICROBATCH = 8, NAME = 256 };

typedef struct settings {
  lks_precision_choice precision;
  lks_isa_choice isa;
  bool csv, json, resize;
  char output[LKS_TEXT_MAX];
  lks_dataset_names names;
} settings;

/* A trained network at rest: fixed running statistics, no augmentation, no dropout. */
typedef struct predictor {
  lks_checkpoint *source;
  const lks_checkpoint_header *header; /* what it says */
  lks_setup *setup;
  bool features; /* the inputs are features, not pixels */
  lks_arena *arena;
  float *probability; /* [BATCH,classes] */
  double *loss;       /* [BATCH], as are those below: what the softmax kernel also wants */
  uint8_t *correct;
  int32_t *label;
  uint32_t *sample;
  unsigned said; /* what pictures were changed */
  FILE *out;
  lks_predict_format format;
} predictor;

const lks_syntax *lks_predict_syntax(void)
{
  static const lks_option option[] = {
      {"precision", "checkpoint|fp32|bf16", LKS_OPTION_CHOICE, offsetof(settings, precision), "checkpoint",
       "checkpoint|fp32|bf16", 0, 0, NULL, "precision of the arithmetic; checkpoint: as in training"},
      {"isa", LKS_ISA_CHOICES, LKS_OPTION_CHOICE, offsetof(settings, isa), "auto", LKS_ISA_CHOICES, 0, 0,
       NULL, "instruction set of all kernels, whatever training used; auto: the best of this processor"},
      {"json", NULL, LKS_OPTION_SWITCH, offsetof(settings, json), "off", NULL, 0, 0, NULL,
       "print one JSON object a sample"},
      {"csv", NULL, LKS_OPTION_SWITCH, offsetof(settings, csv), "off", NULL, 0, 0, NULL,
       "print one line of comma-separated values a sample, below a heading"},
      {"output", "FILE", LKS_OPTION_TEXT, offsetof(settings, output), "", NULL, 0, 0, NULL,
       "write into a file instead, which is replaced if it is there: FILE.csv as --csv, FILE.json as --json"},
      {"resize", NULL, LKS_OPTION_SWITCH, offsetof(settings, resize), "off", NULL, 0, 0, NULL,
       "scale pictures to the size that the model takes, without regard to their proportions"},
      LKS_DATASET_ROWS(offsetof(settings, names)),
  };
  static const lks_syntax syntax = {
      "predict",
      "CHECKPOINT.h5 INPUT...",
      "Classifies samples, one or many, with a trained network; `bench --predict` foretells speed instead.",
      "INPUT is a dataset file (DATA.h5 for its whole test split, DATA.h5:17 or DATA.h5:17-20 for single samples of it, from 0), a PNG or JPEG picture, a folder of them, an .npy file with one sample or many, or a table of numbers, one sample a line, with the names of the columns above it or not; a column named label or class is left out. "
      "Where the model takes images, whole numbers from 0 to 255 are pixels. Pixels and features are normalized as in training.",
      option,
      sizeof option / sizeof *option,
      2,
      INT_MAX,
      {{"lockstep predict run/last.h5 DATA.h5:17 picture.png",
        "classifies the test sample number 17, and a picture"},
       {"lockstep predict run/last.h5 table.csv --csv >classes.csv",
        "classifies every line of a table, into another table"}}};
  return &syntax;
}

static lks_status allocate(predictor *p)
{
  lks_status status = lks_arena_create(&p->arena);
  if (status) return status;
  lks_arena_reserve(p->arena, &p->probability, BATCH * p->header->classes, sizeof *p->probability);
  lks_arena_reserve(p->arena, &p->loss, BATCH, sizeof *p->loss);
  lks_arena_reserve(p->arena, &p->correct, BATCH, sizeof *p->correct);
  lks_arena_reserve(p->arena, &p->label, BATCH, sizeof *p->label);
  lks_arena_reserve(p->arena, &p->sample, BATCH, sizeof *p->sample);
  return lks_arena_commit(p->arena);
}

/* The settings of the training run, but for those that say how its mini-batches were executed. */
static lks_status create_all(predictor *p, lks_comm *comm, const char *path, const settings *s, bool features)
{
  lks_config config = p->header->config;
  config.batch_size = BATCH;
  config.microbatch = MICROBATCH;
  config.threads = 0;
  config.precision = lks_precision_chosen(s->precision, config.precision);
  config.isa = s->isa;
  if (config.bn.kind != LKS_NORM_NONE) config.bn = (lks_norm){LKS_NORM_SYNC, 0};
  const lks_setup_input input = {p->header->model_text, path,     p->header->input,
                                 p->header->classes,    features, p->header->mean,
                                 p->header->std};
  p->features = features;
  lks_status status = allocate(p);
  if (!status) status = lks_setup_create_all(&p->setup, comm, &config, &input);
  return status ? status : lks_checkpoint_put_all(p->source, comm, p->setup->network, NULL);
}

static void destroy_all(predictor *p)
{
  lks_arena_destroy(&p->arena);
  lks_setup_destroy_all(&p->setup);
  lks_checkpoint_close(&p->source);
}

static void find_top(int top[LKS_PREDICT_TOP], const float *probability, size_t classes)
{
  for (int place = 0; place < LKS_PREDICT_TOP; place++) {
    top[place] = -1;
    for (size_t c = 0; c < classes; c++) {
      bool taken = false;
      for (int i = 0; i < place; i++) taken = taken || top[i] == (int)c;
      if (!taken && (top[place] < 0 || probability[c] > probability[top[place]])) top[place] = (int)c;
    }
  }
}

/* name [NAME] out: what the network learned to call a class, or the dataset calls it; "" where neither does. */
static void find_name(char *name, const predictor *p, const lks_predict_input *input, int class)
{
  size_t length;
  const char *learned = lks_checkpoint_class_name(p->header, (size_t) class, &length);
  const char *of_data = input->dataset ? lks_dataset_class_name(input->dataset, (size_t) class) : NULL;
  if (learned)
    snprintf(name, NAME, "%.*s", (int)lks_min(length, NAME - 1), learned);
  else
    snprintf(name, NAME, "%.255s", of_data ? of_data : "");
}

static void print_samples(const predictor *p, const lks_predict_input *input, size_t begin, size_t count)
{
  char name[NAME];
  for (size_t i = 0; i < count; i++) {
    lks_prediction found = {.path = input->path,
                            .number = input->first + begin + i,
                            .label = input->samples.label == NULL ? NULL : input->samples.label + begin + i,
                            .probability = p->probability + i * p->header->classes,
                            .name = name};
    find_top(found.top, found.probability, p->header->classes);
    find_name(name, p, input, found.top[0]);
    lks_prediction_print(p->out, &found, p->format);
  }
}

static lks_status predict_all(predictor *p, const lks_predict_input *input)
{
  const lks_samples *s = &input->samples;
  size_t width = p->header->input.height * p->header->input.width * p->header->input.channels;
  for (size_t begin = 0; begin < s->count; begin += BATCH) {
    size_t count = lks_min(s->count - begin, BATCH);
    const lks_batch batch = {.samples = count,
                             .total = count,
                             .pixels = s->pixels == NULL ? NULL : s->pixels + begin * width,
                             .features = s->features == NULL ? NULL : s->features + begin * width,
                             .sample = p->sample};
    lks_pass_result result;
    lks_status status =
        lks_network_pass_all(p->setup->network, &result, LKS_PASS_RUNNING, &batch, &p->setup->scaling, 0, 0);
    if (status) return lks_fail_in(status, "%s: ", input->path);
    lks_softmax_cross_entropy(p->loss, p->correct, NULL, p->probability,
                              lks_network_logits(p->setup->network), p->label, 0, 1, count,
                              p->header->classes, LKS_FP32);
    print_samples(p, input, begin, count);
    lks_life_beat();
  }
  return LKS_OK;
}

static lks_status predict_file_all(predictor *p, lks_comm *comm, const char *checkpoint, const settings *s,
                                   const char *file)
{
  lks_predict_input input;
  const lks_predict_need need = {p->header->input, s->resize, &p->said, &s->names};
  lks_status status = lks_predict_input_open_all(&input, comm, file, &need);
  const bool features = input.samples.features != NULL;
  if (!status && p->setup == NULL) status = create_all(p, comm, checkpoint, s, features);
  if (!status && features != p->features)
    status = lks_fail(LKS_ERR_USAGE, "%s: pixels and features don't go together", input.path);
  if (!status) status = predict_all(p, &input);
  lks_predict_input_close_all(&input);
  return status;
}

static lks_status predict_files_all(predictor *p, lks_comm *comm, const settings *s, const lks_arguments *a)
{
  lks_name_list files;
  lks_status status = lks_checkpoint_open_all(&p->source, comm, a->argument[0]);
  if (status) return status;
  p->header = lks_checkpoint_about(p->source);
  status = lks_predict_files(&files, a->argument + 1, a->count - 1);
  if (!status) lks_predict_heading(p->out, p->format);
  for (size_t i = 0; i < files.count && !status; i++)
    status = predict_file_all(p, comm, a->argument[0], s, files.name[i]);
  lks_name_list_clear(&files);
  return status;
}

/* By --csv and --json, or by the end of the output's name. */
static lks_status choose_format(lks_predict_format *format, const settings *s)
{
  const bool csv = lks_before_ending(s->output, ".csv"), json = lks_before_ending(s->output, ".json");
  if (s->csv && s->json) return lks_fail(LKS_ERR_USAGE, "--csv and --json exclude each other");
  if (s->output[0] && !csv && !json && !s->csv && !s->json)
    return lks_fail(LKS_ERR_USAGE, "--output %s: name it FILE.csv or FILE.json, or give --csv or --json",
                    s->output);
  const bool by_name = !s->csv && !s->json;
  *format = s->csv || (by_name && csv)     ? LKS_PREDICT_CSV
            : s->json || (by_name && json) ? LKS_PREDICT_JSON
                                           : LKS_PREDICT_TEXT;
  return LKS_OK;
}

/* On rank 0 alone, with a communicator of its own. */
static lks_status predict_alone(const settings *s, const lks_arguments *arguments)
{
  char *text = NULL;
  size_t bytes = 0;
  predictor p = {.out = stdout};
  lks_comm *self = NULL;
  lks_status status = choose_format(&p.format, s);
  if (!status) status = lks_comm_create_all(&self, MPI_COMM_SELF);
  if (!status && s->output[0] && !(p.out = open_memstream(&text, &bytes)))
    status = lks_fail(LKS_ERR_RANK, "not enough memory to print the predictions");
  if (!status) status = predict_files_all(&p, self, s, arguments);
  destroy_all(&p);
  if (p.out && p.out != stdout && fclose(p.out) != 0 && !status)
    status = lks_fail(LKS_ERR_RANK, "not enough memory to print the predictions");
  if (!status && s->output[0]) status = lks_file_write(s->output, text, bytes);
  free(text);
  lks_comm_destroy_all(&self);
  return status;
}

lks_status lks_predict_run_all(lks_comm *comm, int argc, char **argv)
{
  settings s;
  lks_arguments arguments;
  lks_status status = lks_settings_read_all(&s, &arguments, comm, lks_predict_syntax(), argc, argv);
  if (status || arguments.help) return status;
  return lks_comm_agree_all(comm, lks_comm_rank(comm) == 0 ? predict_alone(&s, &arguments) : LKS_OK);
}
