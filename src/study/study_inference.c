#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "lockstep/trainer.h"
#include "study/picture.h"
#include "study/study_list.h"

/* One trained network, judged with several sources of statistics; and networks whose averages had little time. */

static const lks_study_arm arms[] = {
    {"trained", ""},
    {"one epoch", "epochs=1"},
    {"nine epochs", "epochs=9"},
    {"nine epochs slow averages", "epochs=9,bn-momentum=0.01"},
};
enum { TRAINED };

static const size_t sizes[] = {256, 128, 64, 32, 16, 8, 4, 2, 1};
enum { SIZES = sizeof sizes / sizeof *sizes, SORTED = 32, COPIES = 256, COPIED = 100 };

static lks_status plan(lks_study_plan *p)
{
  lks_comparison *c;
  lks_status status = lks_study_part_add(&c, p, "",
                                         p->options.full ? "model=mlp3,epochs=100,checkpoint-every=100000"
                                                         : "model=mlp3,epochs=20,checkpoint-every=100000");
  return status ? status : lks_study_arms_add(c, p, arms, sizeof arms / sizeof *arms);
}

/* What the measurements of a run share. */
typedef struct bench {
  lks_readings *readings;
  const lks_study_run *run;
  lks_evaluator *evaluator;
  int32_t *first, *second; /* [test samples] predictions */
  size_t samples;
} bench;

static lks_status evaluate_all(lks_evaluation *e, const bench *b, const lks_evaluate_options *options)
{
  return lks_evaluator_run_all(e, b->evaluator, b->run->data, options);
}

/* The accuracy in percent, and the loss, under names that end alike. */
static lks_status read_evaluation_all(const bench *b, const char *name, const lks_evaluate_options *options)
{
  char quantity[LKS_QUANTITY_MAX];
  lks_evaluation e;
  lks_status status = evaluate_all(&e, b, options);
  if (status) return status;
  snprintf(quantity, sizeof quantity, "accuracy_%s", name);
  status = lks_study_read_off(b->readings, b->run, quantity, 100 * e.accuracy);
  snprintf(quantity, sizeof quantity, "loss_%s", name);
  return status ? status : lks_study_read_off(b->readings, b->run, quantity, e.loss);
}

static double share_changed(const bench *b)
{
  size_t changed = 0;
  for (size_t i = 0; i < b->samples; i++) changed += b->first[i] != b->second[i];
  return 100 * (double)changed / (double)b->samples;
}

/* The test samples' own statistics, in two companies. */
static lks_status own_statistics_all(const bench *b, size_t size)
{
  char name[LKS_QUANTITY_MAX];
  lks_evaluate_options options = {.statistics = LKS_STATISTICS_BATCH,
                                  .batch_size = size,
                                  .order = LKS_ORDER_SHUFFLED,
                                  .order_seed = 2 * b->run->config.seed,
                                  .predictions = b->first};
  snprintf(name, sizeof name, "own_%zu", size);
  lks_status status = read_evaluation_all(b, name, &options);
  lks_evaluation e;
  options.order_seed++;
  options.predictions = b->second;
  if (!status) status = evaluate_all(&e, b, &options);
  snprintf(name, sizeof name, "changed_%zu", size);
  return status ? status : lks_study_read_off(b->readings, b->run, name, share_changed(b));
}

/* With running statistics, each sample alone and in mini-batches. */
static lks_status alone_all(const bench *b)
{
  lks_evaluation alone, together = {0};
  lks_evaluate_options options = {.batch_size = 1, .predictions = b->first};
  lks_status status = evaluate_all(&alone, b, &options);
  options = (lks_evaluate_options){.batch_size = 128, .predictions = b->second};
  if (!status) status = evaluate_all(&together, b, &options);
  if (!status) status = lks_study_read_off(b->readings, b->run, "alone_changed", share_changed(b));
  return status ? status : lks_study_read_off(b->readings, b->run, "alone_loss", alone.loss - together.loss);
}

static lks_status trained_all(const bench *b)
{
  const lks_evaluate_options sorted = {
      .statistics = LKS_STATISTICS_BATCH, .batch_size = SORTED, .order = LKS_ORDER_CLASS};
  const lks_evaluate_options copies = {
      .statistics = LKS_STATISTICS_BATCH, .samples = COPIED, .repeat = COPIES};
  lks_status status = LKS_OK;
  for (size_t i = 0; i < SIZES && !status; i++) status = own_statistics_all(b, sizes[i]);
  if (!status) status = read_evaluation_all(b, "own_sorted", &sorted);
  if (!status) status = read_evaluation_all(b, "own_copies", &copies);
  return status ? status : alone_all(b);
}

static lks_status measure_all(lks_readings *readings, lks_comm *comm, const lks_study_run *run)
{
  const lks_evaluate_options usual = {.threads = run->config.threads, .isa = run->config.isa};
  const lks_evaluate_options precise = {.statistics = LKS_STATISTICS_PRECISE};
  bench b = {.readings = readings, .run = run, .samples = lks_dataset_split(run->data, LKS_SPLIT_TEST).count};
  b.first = lks_new(2 * b.samples, sizeof *b.first);
  lks_status status = lks_comm_agree_all(comm, b.first != NULL ? LKS_OK : LKS_ERR_RANK);
  b.second = b.first + b.samples;
  if (!status) status = lks_evaluator_create_all(&b.evaluator, comm, run->checkpoint, &usual);
  if (!status) status = read_evaluation_all(&b, "running", &usual);
  if (!status) status = read_evaluation_all(&b, "precise", &precise);
  if (!status && run->arm == TRAINED) status = trained_all(&b);
  lks_evaluator_destroy_all(&b.evaluator);
  lks_free(b.first);
  return status;
}

enum { ALONE, BITS, EIGHT, MANY, SORTING, COPYING, AVERAGES, EARLY, SLOW };

static const lks_effect effects[] = {
    [ALONE] = {.name = "Accuracy of one example alone, averages instead of its own statistics",
               .arm = "trained",
               .quantity = "accuracy_running",
               .reference_quantity = "accuracy_own_1",
               .unit = "points",
               .margin = 0.5},
    [BITS] = {.name = "Loss with averages, each example alone less the same in mini-batches of 128",
              .kind = LKS_EFFECT_VALUE,
              .arm = "trained",
              .quantity = "alone_loss"},
    [EIGHT] = {.name = "Accuracy, averages instead of the statistics of 8 test samples",
               .arm = "trained",
               .quantity = "accuracy_running",
               .reference_quantity = "accuracy_own_8",
               .unit = "points",
               .margin = 0.5},
    [MANY] = {.name = "Accuracy, averages instead of the statistics of 256 test samples",
              .arm = "trained",
              .quantity = "accuracy_running",
              .reference_quantity = "accuracy_own_256",
              .unit = "points",
              .margin = 0.5},
    [SORTING] = {.name = "Accuracy with the statistics of 32 test samples, sorted by class instead of mixed",
                 .arm = "trained",
                 .quantity = "accuracy_own_sorted",
                 .reference_quantity = "accuracy_own_32",
                 .unit = "points",
                 .margin = 0.5},
    [COPYING] = {.name = "Accuracy, one example repeated 256 times instead of averages",
                 .arm = "trained",
                 .quantity = "accuracy_own_copies",
                 .reference_quantity = "accuracy_running",
                 .unit = "points",
                 .margin = 0.5},
    [AVERAGES] = {.name = "Accuracy, averages instead of recomputed statistics, trained network",
                  .arm = "trained",
                  .quantity = "accuracy_running",
                  .reference_quantity = "accuracy_precise",
                  .unit = "points",
                  .margin = 0.5},
    [EARLY] = {.name = "Test loss, averages instead of recomputed statistics, after one epoch",
               .arm = "one epoch",
               .quantity = "loss_running",
               .reference_quantity = "loss_precise",
               .margin = 0.01},
    [SLOW] = {.name = "Test loss, averages instead of recomputed statistics, slow averages after nine epochs",
              .arm = "nine epochs slow averages",
              .quantity = "loss_running",
              .reference_quantity = "loss_precise",
              .margin = 0.01},
};

static lks_claim judge(FILE *out, const lks_study_outcome *o)
{
  const lks_finding *alone = &o->finding[ALONE], *averages = &o->finding[AVERAGES];
  const bool equal = o->finding[BITS].mean == 0;
  lks_claim claim = LKS_CLAIM_UNDECIDED;
  if (lks_finding_more(alone)) {
    claim = equal ? LKS_CLAIM_SHOWN : LKS_CLAIM_PARTLY;
    fprintf(
        out,
        "One example alone cannot be normalized by itself: with the averages of training, accuracy is %s.",
        alone->sentence);
  } else if (lks_finding_less(alone)) {
    claim = LKS_CLAIM_CONTRADICTED;
    fprintf(out, "The averages did worse than an example's own statistics: accuracy with them is %s.",
            alone->sentence);
  } else {
    fprintf(out, "These seeds do not tell whether averages are needed: %s.", alone->sentence);
  }
  fprintf(out, " With the averages an example's answer %s.",
          equal ? "is the same to the bit, alone and in any company" : "depends on its company");
  fprintf(
      out,
      " Averages instead of statistics recomputed over all training samples: accuracy, %s; after one epoch, test loss, %s.",
      averages->sentence, o->finding[EARLY].sentence);
  return claim;
}

static bool print_sizes(FILE *data, FILE *script, const void *context)
{
  char name[SIZES][LKS_QUANTITY_MAX];
  lks_picture_point own[SIZES], running[SIZES];
  for (size_t i = 0; i < SIZES; i++) {
    snprintf(name[i], sizeof name[i], "accuracy_own_%zu", sizes[i]);
    own[i] = (lks_picture_point){(double)sizes[i], "trained", name[i]};
    running[i] = (lks_picture_point){(double)sizes[i], "trained", "accuracy_running"};
  }
  const lks_picture_point sorted[] = {{SORTED, "trained", "accuracy_own_sorted"}};
  const lks_picture_line line[] = {{"its own mean and variance", own, SIZES},
                                   {"averages of training", running, SIZES},
                                   {"its own, sorted by class", sorted, 1}};
  const lks_picture picture = {.outcome = context,
                               .name = "sizes",
                               .title = "Test accuracy by the size of the test mini-batch",
                               .note = "mean and 95% interval",
                               .up = "test accuracy (%)",
                               .across = "samples in the test mini-batch",
                               .octaves = true};
  return lks_picture_lines(data, script, &picture, line, 3);
}

static bool print_changes(FILE *data, FILE *script, const void *context)
{
  char name[SIZES][LKS_QUANTITY_MAX];
  lks_picture_point own[SIZES], running[SIZES];
  for (size_t i = 0; i < SIZES; i++) {
    snprintf(name[i], sizeof name[i], "changed_%zu", sizes[i]);
    own[i] = (lks_picture_point){(double)sizes[i], "trained", name[i]};
    running[i] = (lks_picture_point){(double)sizes[i], "trained", "alone_changed"};
  }
  const lks_picture_line line[] = {{"its own mean and variance", own, SIZES},
                                   {"averages of training", running, SIZES}};
  const lks_picture picture = {.outcome = context,
                               .name = "company",
                               .title = "Answers that change with the company in the test mini-batch",
                               .note = "mean and 95% interval",
                               .up = "predictions that change (%)",
                               .across = "samples in the test mini-batch",
                               .octaves = true};
  return lks_picture_lines(data, script, &picture, line, 2);
}

static bool print_early(FILE *data, FILE *script, const void *context)
{
  static const lks_picture_row row[] = {
      {"1 epoch: averages", "one epoch", "loss_running"},
      {"1 epoch: recomputed", "one epoch", "loss_precise"},
      {"9 epochs, slow: averages", "nine epochs slow averages", "loss_running"},
      {"9 epochs, slow: recomputed", "nine epochs slow averages", "loss_precise"},
      {"9 epochs: averages", "nine epochs", "loss_running"},
      {"9 epochs: recomputed", "nine epochs", "loss_precise"},
      {"trained: averages", "trained", "loss_running"},
      {"trained: recomputed", "trained", "loss_precise"},
  };
  const lks_picture picture = {.outcome = context,
                               .name = "early",
                               .title = "Averages that had little time, and recomputed statistics",
                               .note = "slow: each mini-batch counts 0.01 instead of 0.1",
                               .across = "test loss (lower is better)",
                               .log_values = true};
  return lks_picture_rows(data, script, &picture, row, sizeof row / sizeof *row);
}

static const lks_study_figure figures[] = {
    {"sizes", "Why not the test batch's own statistics?",
     "The flat line classifies with the averages of training, whatever the mini-batch. With its own mean and variance a mini-batch must be large, and mixed: the single point is sorted by class.",
     print_sizes},
    {"company", "Does the answer depend on who else is there?",
     "The same test samples were cut into mini-batches twice, mixed in two ways: how many got another answer. At a size of one there is no company, but no information either.",
     print_changes},
    {"early", "Do early mini-batches count less?",
     "Averages forget the early mini-batches slowly: after few steps, or when each mini-batch counts little, they still hold what they started from, and recomputed statistics are better.",
     print_early},
};

static const lks_study_column columns[] = {
    {"accuracy_running", "Accuracy, averages, %", 0},
    {"accuracy_precise", "Accuracy, recomputed, %", 0},
    {"loss_running", "Test loss, averages", 0},
    {"loss_precise", "Test loss, recomputed", 0},
};

static const lks_study_published published[] = {
    {"Averages against recomputed statistics, ResNet-50, batches of 32 an update",
     "error of averages far above that of recomputed ones early in training, equal at its end",
     "Wu & Johnson 2021, section 3", AVERAGES, NULL, NULL, 0, NULL},
    {"Statistics of the test mini-batch",
     "fixed statistics at inference make the output depend on its input alone",
     "Ioffe & Szegedy 2015, section 3.1", BITS, NULL, NULL, 0, NULL},
};

static const lks_study_change changes[] = {
    {"Classify with the test mini-batch's own statistics.",
     "With 8 samples many answers are wrong, with one nearly all: it is normalized to nothing.",
     "lockstep evaluate studies/inference/runs/trained/seed-1/last.h5 data/digits.h5 --statistics batch --batch-size 8"},
    {"Sort the test samples by class.",
     "All samples of a mini-batch look alike, and what they have in common is subtracted.",
     "lockstep evaluate studies/inference/runs/trained/seed-1/last.h5 data/digits.h5 --statistics batch --batch-size 32 --order class"},
    {"Repeat one example 256 times.",
     "A mini-batch of copies has no variance: the quiz's wrong answer gives as much as one example alone.",
     "lockstep evaluate studies/inference/runs/trained/seed-1/last.h5 data/digits.h5 --statistics batch --repeat 256"},
};

static void limits(FILE *lines, const lks_study_outcome *o)
{
  fprintf(lines, "A large mixed test mini-batch would do as well as the averages: %s.\n",
          o->finding[MANY].sentence);
  fprintf(lines, "Copies of one example are no mini-batch: accuracy is %s.\n", o->finding[COPYING].sentence);
  fprintf(
      lines,
      "Averages are late, not wrong: with each mini-batch counting 0.01 and nine epochs, the test loss is %s than with recomputed statistics.\n",
      o->finding[SLOW].sentence);
  fputs(
      "Test samples came from the same source as the training samples; the study shift asks what happens when they do not.\n",
      lines);
}

const lks_study lks_study_inference = {
    .name = "inference",
    .claim =
        "At test time there may be one example alone: exponentially weighted averages of mean and variance, taken over the mini-batches of training, stand in.",
    .question =
        "One trained network is tested with the averages of training, and with each test mini-batch's own mean and variance, from 256 samples down to one.",
    .time = "ten seconds",
    .data = "1,437 handwritten digits (8x8)",
    .plan = plan,
    .measure_all = measure_all,
    .effect = effects,
    .effects = sizeof effects / sizeof *effects,
    .judge = judge,
    .figure = figures,
    .figures = sizeof figures / sizeof *figures,
    .column = columns,
    .columns = sizeof columns / sizeof *columns,
    .published = published,
    .publisheds = sizeof published / sizeof *published,
    .change = changes,
    .changes = sizeof changes / sizeof *changes,
    .limits = limits,
};
