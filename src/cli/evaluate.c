#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/csv.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/terminal.h"
#include "cli/commands.h"
#include "cli/confusion.h"
#include "cli/dataset_rows.h"
#include "cli/statistics_source.h"
#include "config/config_value.h"
#include "lockstep/trainer.h"

typedef struct settings {
  lks_statistics statistics;
  char statistics_from[LKS_TEXT_MAX];
  lks_split statistics_split;
  lks_evaluated split;
  size_t statistics_samples;
  size_t batch_size, samples, repeat;
  lks_sample_order order;
  uint64_t order_seed;
  char input_from[LKS_TEXT_MAX], predictions[LKS_TEXT_MAX], confusion[LKS_TEXT_MAX];
  lks_precision_choice precision;
  lks_isa_choice isa;
  char cache[LKS_TEXT_MAX];
  size_t window;
  lks_dataset_names names;
  size_t threads;
  double stall_limit; /* heeded before MPI starts: cli/main.c */
  bool json, quiet;
} settings;

#define AT(field) offsetof(settings, field)

const lks_syntax *lks_evaluate_syntax(void)
{
  static const lks_option option[] = {
      {"statistics", "running|precise|batch", LKS_OPTION_CHOICE, AT(statistics), "running",
       "running|precise|batch", 0, 0, NULL,
       "statistics that batch norm uses: the weighted averages of training (running), statistics recomputed with the weights as they are over the samples that --statistics-from names (precise), or those of each test mini-batch (batch)"},
      {"statistics-from", "FILE[:PART[:N]]", LKS_OPTION_TEXT, AT(statistics_from), "", NULL, 0, 0, NULL,
       "samples that precise statistics are recomputed over, without their labels: the first N (all) of PART (train, the default, or test) of a dataset; not given: of the training samples of DATA.h5, those that the run's train-samples and holdout left it to learn from"},
      {"statistics-split", "train|test", LKS_OPTION_CHOICE, AT(statistics_split), "train", "train|test", 0, 0,
       NULL, "split of that dataset, or of DATA.h5, which precise statistics are recomputed over"},
      {"statistics-samples", "N", LKS_OPTION_SIZE, AT(statistics_samples), "0", NULL, 0, UINT32_MAX, NULL,
       "recompute precise statistics over the first N of these samples as they are stored; 0: all"},
      {"split", "test|train|holdout", LKS_OPTION_CHOICE, AT(split), "test", "test|train|holdout", 0, 0, NULL,
       "samples that are evaluated: the test samples of DATA.h5; the training samples that the run's train-samples and holdout left it to learn from, without augmentation (train); or those that its holdout kept back"},
      {"batch-size", "N", LKS_OPTION_SIZE, AT(batch_size), "0", NULL, 0, UINT32_MAX, NULL,
       "samples of a mini-batch, which with --statistics batch share one mean and variance whatever --bn was; 1 is allowed; 0: mini-batches and their groups as in training"},
      {"order", "stored|class|shuffled", LKS_OPTION_CHOICE, AT(order), "stored", "stored|class|shuffled", 0,
       0, NULL, "order in which samples are cut into mini-batches: as stored, sorted by class, or by chance"},
      {"order-seed", "N", LKS_OPTION_SEED, AT(order_seed), "1", NULL, 0, 0, NULL, "seed of --order shuffled"},
      {"samples", "N|PATH", LKS_OPTION_TEXT, AT(names.samples), "0", NULL, 0, 0, NULL,
       "classify the first N samples of that order; 0: all. Or the array of training samples in the file, which is recognized by its name else"},
      {"repeat", "N", LKS_OPTION_SIZE, AT(repeat), "0", NULL, 0, 65536, NULL,
       "give each sample a mini-batch of its own, of N copies of it; 0: no"},
      {"input-from", "FILE", LKS_OPTION_TEXT, AT(input_from), "", NULL, 0, 0, NULL,
       "dataset whose mean and standard deviation scale the inputs instead of those of training"},
      {"predictions", "FILE.csv", LKS_OPTION_TEXT, AT(predictions), "", NULL, 0, 0, NULL,
       "file to be written: index, label and predicted class of every sample; replaced if it is there"},
      {"confusion", "FILE.csv", LKS_OPTION_TEXT, AT(confusion), "", NULL, 0, 0, NULL,
       "print how often which class was taken for which, with precision and recall of each, and write it to a file, which is replaced if it is there; -: print it only"},
      {"threads", "N", LKS_OPTION_SIZE, AT(threads), "0", NULL, 0, 1024, NULL,
       "threads of each rank; 0: as in the checkpoint"},
      {"precision", "checkpoint|fp32|bf16", LKS_OPTION_CHOICE, AT(precision), "checkpoint",
       "checkpoint|fp32|bf16", 0, 0, NULL, "precision of the arithmetic; checkpoint: as in training"},
      {"isa", LKS_ISA_CHOICES, LKS_OPTION_CHOICE, AT(isa), "auto", LKS_ISA_CHOICES, 0, 0, NULL,
       "instruction set of all kernels, whatever training used; auto: the best that all ranks have"},
      {"cache", "DIR", LKS_OPTION_TEXT, AT(cache), "", NULL, 0, 0, NULL,
       "folder of each node's own disk that holds the samples instead of memory, as train has it"},
      {"window", "SAMPLES", LKS_OPTION_SIZE, AT(window), "0", NULL, 0, INT_MAX, NULL,
       "leave the samples in the file and read up to SAMPLES of them at a time, which changes no result; 0: all samples are in memory"},
      {"stall-limit", "TIME", LKS_OPTION_TIME, AT(stall_limit), "300", NULL, 0, 0, NULL,
       "end the job with code 6 when a rank that others wait for gives no sign of life for longer than this; 0: never"},
      LKS_DATASET_OTHER_ROWS(offsetof(settings, names)),
      {"quiet", NULL, LKS_OPTION_SWITCH, AT(quiet), "off", NULL, 0, 0, NULL, LKS_QUIET_HELP},
      {"json", NULL, LKS_OPTION_SWITCH, AT(json), "off", NULL, 0, 0, NULL, "print one JSON object"},
  };
  static const lks_syntax syntax = {
      "evaluate",
      "CHECKPOINT.h5 DATA.h5",
      "Measures loss and accuracy of a checkpoint on the test or training samples of a dataset.",
      "The last mini-batch may be smaller than the others; with --statistics batch it has statistics of its own, and its samples count as much as all others. A last one of one sample, which has no variance, is then added to the one before, and said.",
      option,
      sizeof option / sizeof *option,
      2,
      2,
      {{"lockstep evaluate run/last.h5 DATA.h5 --statistics precise",
        "loss and accuracy, with the statistics of batch norm recomputed"},
       {"lockstep evaluate run/last.h5 DATA.h5 --confusion -", "shows which classes are taken for which"}}};
  return &syntax;
}

static const char *const statistics_names[] = {[LKS_STATISTICS_RUNNING] = "running",
                                               [LKS_STATISTICS_PRECISE] = "precise",
                                               [LKS_STATISTICS_BATCH] = "batch"};
static const char *const split_names[] = {
    [LKS_EVALUATED_TEST] = "test", [LKS_EVALUATED_TRAIN] = "train", [LKS_EVALUATED_HOLDOUT] = "holdout"};

static void print_json(const lks_evaluation *result, const settings *s, const char *data)
{
  (void)data;
  lks_json json = {.out = stdout, .one_line = true};
  lks_json_open(&json, NULL, '{');
  lks_json_print(&json, "loss", "%.17g", result->loss);
  lks_json_print(&json, "accuracy", "%.17g", result->accuracy);
  lks_json_print(&json, "samples", "%zu", result->samples);
  lks_json_text(&json, "split", split_names[s->split]);
  lks_json_text(&json, "statistics", statistics_names[s->statistics]);
  if (s->statistics == LKS_STATISTICS_PRECISE)
    lks_json_print(&json, "statistics_samples", "%zu", result->statistics_samples);
  lks_json_print(&json, "batches", "%zu", result->batches);
  lks_json_print(&json, "last_batch", "%zu", result->last_batch);
  lks_json_close(&json);
}

static void print_text(const lks_evaluation *result, const settings *s, const char *data)
{
  lks_result("%s loss %.4f, accuracy %.4f (%zu samples, %s statistics)", split_names[s->split], result->loss,
             result->accuracy, result->samples, statistics_names[s->statistics]);
  if (s->statistics == LKS_STATISTICS_PRECISE)
    lks_say("statistics recomputed over %zu %s samples of %s", result->statistics_samples,
            s->statistics_split == LKS_SPLIT_TRAIN ? "training" : "test",
            s->statistics_from[0] ? s->statistics_from : data);
  if (result->joined)
    lks_say("the last mini-batch would have one sample: it is in the one before, of %zu then",
            result->last_batch);
  if (s->repeat)
    lks_say("%zu mini-batches of one sample repeated %zu times", result->batches, s->repeat);
  else if (s->batch_size && s->statistics == LKS_STATISTICS_BATCH && result->last_batch == s->batch_size)
    lks_say("%zu mini-batches of %zu, each with statistics of its own", result->batches, s->batch_size);
  else if (s->batch_size && s->statistics == LKS_STATISTICS_BATCH)
    lks_say("%zu mini-batches of %zu, the last one of %zu, each with statistics of its own", result->batches,
            s->batch_size, result->last_batch);
}

static bool print_predictions(FILE *stream, const int32_t *predictions, const lks_samples *samples)
{
  fprintf(stream, "index,label,predicted\n");
  for (size_t i = 0; i < samples->count; i++)
    if (predictions[i] >= 0)
      fprintf(stream, "%zu,%" PRId32 ",%" PRId32 "\n", i, samples->label[i], predictions[i]);
  return fclose(stream) == 0;
}

static lks_status write_predictions(const char *path, const int32_t *predictions, const lks_samples *samples)
{
  char *text = NULL;
  size_t bytes = 0;
  FILE *stream = open_memstream(&text, &bytes);
  lks_status status = stream && print_predictions(stream, predictions, samples)
                          ? lks_file_write(path, text, bytes)
                          : lks_fail(LKS_ERR_RANK, "not enough memory to print the predictions");
  free(text);
  return status;
}

static const char *given(const char *path)
{
  return path[0] == '\0' ? NULL : path;
}

static lks_split split_of(const settings *s)
{
  return s->split == LKS_EVALUATED_TEST ? LKS_SPLIT_TEST : LKS_SPLIT_TRAIN;
}

static lks_status tell_confusion(const lks_dataset *data, const int32_t *predictions, const settings *s)
{
  lks_confusion *confusion = NULL;
  lks_status status = lks_confusion_create(&confusion, data, split_of(s), predictions);
  if (!status && !s->json) lks_confusion_print(stdout, confusion, lks_terminal_table_width());
  if (!status && strcmp(s->confusion, "-") != 0) status = lks_confusion_write(s->confusion, confusion);
  lks_confusion_destroy(&confusion);
  return status;
}

/* On rank 0. */
static lks_status tell(const lks_evaluation *result, const lks_dataset *data, const int32_t *predictions,
                       const settings *s)
{
  const lks_samples samples = lks_dataset_split(data, split_of(s));
  lks_status status = LKS_OK;
  if (predictions && s->predictions[0] != '\0')
    status = write_predictions(s->predictions, predictions, &samples);
  if (status) return status;
  (s->json ? print_json : print_text)(result, s, lks_dataset_path(data));
  return predictions && s->confusion[0] != '\0' ? tell_confusion(data, predictions, s) : LKS_OK;
}

static lks_status evaluate_all(lks_evaluation *result, lks_comm *comm, lks_evaluator *evaluator,
                               const lks_dataset *data, const settings *s, lks_evaluate_options *options)
{
  const size_t count = lks_dataset_split(data, split_of(s)).count;
  lks_status status = LKS_OK;
  if (s->predictions[0] != '\0' || s->confusion[0] != '\0') {
    options->predictions = lks_new(count, sizeof *options->predictions);
    status = lks_comm_agree_all(comm, options->predictions ? LKS_OK : LKS_ERR_RANK);
  }
  if (!status) status = lks_evaluator_run_all(result, evaluator, data, options);
  if (!status && lks_comm_rank(comm) == 0) status = tell(result, data, options->predictions, s);
  lks_free(options->predictions);
  return lks_comm_agree_all(comm, status);
}

/* What stands behind the name of --statistics-from. */
static lks_status take_source(settings *s)
{
  lks_statistics_source source;
  if (s->statistics_from[0] == '\0') return LKS_OK;
  lks_status status = lks_statistics_source_read(&source, s->statistics_from);
  if (status) return status;
  if ((source.part_given && s->statistics_split != LKS_SPLIT_TRAIN) ||
      (source.samples && s->statistics_samples))
    return lks_fail(
        LKS_ERR_USAGE,
        "statistics-from = %s names part or count of the samples, and statistics-split or statistics-samples does too: give one",
        s->statistics_from);
  memcpy(s->statistics_from, source.file, sizeof s->statistics_from);
  if (source.part_given) s->statistics_split = source.part;
  if (source.samples) s->statistics_samples = source.samples;
  return LKS_OK;
}

/* --samples is a number, or else the path of an array. */
static lks_status take_samples(settings *s)
{
  char *text = s->names.samples;
  s->samples = 0;
  if (text[0] == '\0' || strspn(text, "0123456789") != strlen(text)) return LKS_OK;
  if (lks_count_read(&s->samples, text) != LKS_OK || s->samples > UINT32_MAX)
    return lks_fail(LKS_ERR_USAGE, "--samples: '%.100s' is not a whole number from 0 to %" PRIu32, text,
                    UINT32_MAX);
  text[0] = '\0';
  return LKS_OK;
}

lks_status lks_evaluate_run_all(lks_comm *comm, int argc, char **argv)
{
  settings s;
  lks_arguments arguments;
  lks_status status = lks_settings_read_all(&s, &arguments, comm, lks_evaluate_syntax(), argc, argv);
  if (status || arguments.help) return status;
  lks_log_quiet(s.quiet);
  status = take_source(&s);
  if (!status) status = take_samples(&s);
  status = lks_comm_agree_all(comm, status);
  if (status) return status;
  lks_evaluate_options options = {.statistics = s.statistics,
                                  .precision = s.precision,
                                  .isa = s.isa,
                                  .threads = s.threads,
                                  .cache = s.cache,
                                  .window = s.window,
                                  .names = &s.names,
                                  .statistics_from = given(s.statistics_from),
                                  .statistics_split = s.statistics_split,
                                  .statistics_samples = s.statistics_samples,
                                  .split = s.split,
                                  .batch_size = s.batch_size,
                                  .order = s.order,
                                  .order_seed = s.order_seed,
                                  .samples = s.samples,
                                  .repeat = s.repeat,
                                  .input_from = given(s.input_from)};
  lks_evaluation result = {0};
  lks_evaluator *evaluator = NULL;
  lks_dataset *data = NULL;
  status = lks_evaluator_create_all(&evaluator, comm, arguments.argument[0], &options);
  if (!status)
    status =
        lks_dataset_open_all(&data, comm, arguments.argument[1],
                             &(lks_dataset_options){.cache = s.cache, .window = s.window, .names = s.names});
  if (!status) status = evaluate_all(&result, comm, evaluator, data, &s, &options);
  lks_dataset_close_all(&data);
  lks_evaluator_destroy_all(&evaluator);
  return status;
}
