#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/integers.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/predict_input.h"
#include "kernels/loss.h"
#include "lockstep/checkpoint.h"
#include "train/setup.h"

enum { BATCH = 64, MICROBATCH = 8, TOP = 3 };

typedef enum print_format { PRINT_TEXT, PRINT_CSV, PRINT_JSON } print_format;

typedef struct settings {
  lks_precision_choice precision;
  lks_isa_choice isa;
  bool csv, json;
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
  };
  static const lks_syntax syntax = {
      "predict",
      "CHECKPOINT.h5 INPUT...",
      "Classifies samples, one or many, with a trained network; `bench --predict` foretells speed instead.",
      "INPUT is a dataset file (DATA.h5 for its whole test split, DATA.h5:17 or DATA.h5:17-20 for single samples of it, from 0), an image as PNG of the size that the model takes, or a text file of numbers, one sample a line. "
      "Pixels and features are normalized as in training.",
      option,
      sizeof option / sizeof *option,
      2,
      INT_MAX};
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

/* top[TOP]: the most probable classes in falling order, -1 where there are no more. */
static void find_top(int top[TOP], const float *probability, size_t classes)
{
  for (int place = 0; place < TOP; place++) {
    top[place] = -1;
    for (size_t c = 0; c < classes; c++) {
      bool taken = false;
      for (int i = 0; i < place; i++) taken = taken || top[i] == (int)c;
      if (!taken && (top[place] < 0 || probability[c] > probability[top[place]])) top[place] = (int)c;
    }
  }
}

static void print_text(const char *path, size_t number, const int32_t *label, const int top[TOP],
                       const float *probability)
{
  printf("%s:%zu  class %d with probability %.4f", path, number, top[0], (double)probability[top[0]]);
  for (int i = 1; i < TOP && top[i] >= 0; i++)
    printf("%s %d %.4f", i == 1 ? "; then" : ",", top[i], (double)probability[top[i]]);
  if (label != NULL) printf("; its label is %" PRId32, *label);
  putchar('\n');
}

static void print_csv(const char *path, size_t number, const int32_t *label, const int top[TOP],
                      const float *probability)
{
  putchar('"');
  for (const char *c = path; *c != '\0'; c++) {
    if (*c == '"') putchar('"'); /* a quote is doubled */
    putchar(*c);
  }
  printf("\",%zu,", number);
  if (label != NULL) printf("%" PRId32, *label);
  for (int i = 0; i < TOP; i++) {
    if (top[i] < 0)
      printf(",,");
    else
      printf(",%d,%.9g", top[i], (double)probability[top[i]]);
  }
  putchar('\n');
}

static void print_json(const char *path, size_t number, const int32_t *label, const int top[TOP],
                       const float *probability)
{
  lks_json json = {.out = stdout, .one_line = true};
  lks_json_open(&json, NULL, '{');
  lks_json_text(&json, "input", path);
  lks_json_print(&json, "sample", "%zu", number);
  lks_json_print(&json, "class", "%d", top[0]);
  lks_json_open(&json, "top", '[');
  for (int i = 0; i < TOP && top[i] >= 0; i++) {
    lks_json_open(&json, NULL, '{');
    lks_json_print(&json, "class", "%d", top[i]);
    lks_json_print(&json, "probability", "%.9g", (double)probability[top[i]]);
    lks_json_close(&json);
  }
  lks_json_close(&json);
  if (label != NULL) lks_json_print(&json, "label", "%" PRId32, *label);
  lks_json_close(&json);
}

static void print_samples(const predictor *p, const lks_predict_input *input, size_t begin, size_t count,
                          print_format how)
{
  static void (*const print[])(const char *, size_t, const int32_t *, const int *, const float *) = {
      [PRINT_TEXT] = print_text, [PRINT_CSV] = print_csv, [PRINT_JSON] = print_json};
  for (size_t i = 0; i < count; i++) {
    const float *probability = p->probability + i * p->header->classes;
    const int32_t *label = input->samples.label == NULL ? NULL : input->samples.label + begin + i;
    int top[TOP];
    find_top(top, probability, p->header->classes);
    print[how](input->path, input->first + begin + i, label, top, probability);
  }
}

static lks_status predict_all(predictor *p, const lks_predict_input *input, print_format how)
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
    print_samples(p, input, begin, count, how);
  }
  return LKS_OK;
}

lks_status lks_predict_run_all(lks_comm *comm, int argc, char **argv)
{
  settings s;
  lks_arguments arguments;
  lks_status status = lks_settings_read_all(&s, &arguments, comm, lks_predict_syntax(), argc, argv);
  if (status || arguments.help) return status;
  if (s.csv && s.json) return lks_fail(LKS_ERR_USAGE, "--csv and --json exclude each other");
  print_format how = s.csv ? PRINT_CSV : s.json ? PRINT_JSON : PRINT_TEXT;
  predictor p = {0};
  status = lks_checkpoint_open_all(&p.source, comm, arguments.argument[0]);
  if (status) return status;
  p.header = lks_checkpoint_about(p.source);
  if (how == PRINT_CSV)
    printf("input,sample,label,class,probability,class2,probability2,class3,probability3\n");
  for (int i = 1; i < arguments.count && !status; i++) {
    lks_predict_input input;
    status = lks_predict_input_open_all(&input, comm, arguments.argument[i], p.header->input);
    bool features = input.samples.features != NULL;
    if (!status && p.setup == NULL) status = create_all(&p, comm, arguments.argument[0], &s, features);
    if (!status && features != p.features)
      status = lks_fail(LKS_ERR_USAGE, "%s: pixels and features don't go together", input.path);
    if (!status) status = predict_all(&p, &input, how);
    lks_predict_input_close_all(&input);
  }
  destroy_all(&p);
  return status;
}
