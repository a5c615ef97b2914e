#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "dataset/contact_sheet.h"
#include "lockstep/trainer.h"
#include "study/picture.h"
#include "study/shift_data.h"
#include "study/study_list.h"

/* Networks that learned from one distribution, tested on another one: cats of other colours than those in training, and
 * the test set of the digits, corrupted. Statistics come from training, or from pictures of the other distribution, whose
 * labels are not used. */

static const lks_study_arm digits_arms[] = {{"digits bn", ""}, {"digits none", "bn=none"}};
enum { DIGITS, CATS }; /* the designs follow in their order */

static lks_status add_cats(lks_study_plan *p, const char *name, const lks_study_arm *arms)
{
  lks_comparison *c;
  lks_status status = lks_study_part_add(
      &c, p, name,
      p->options.full
          ? "model=cats,batch-size=32,epochs=20,lr=0.05,schedule=constant,checkpoint-every=100000"
          : "model=cats,batch-size=32,epochs=8,lr=0.05,schedule=constant,checkpoint-every=100000");
  if (status) return status;
  lks_shift_path(c->base.data, p, name);
  c->base.train_samples = 0;
  return lks_study_arms_add(c, p, arms, 2);
}

static lks_status plan(lks_study_plan *p)
{
  lks_comparison *c;
  lks_status status = lks_study_part_add(&c, p, "digits", "model=mlp3,epochs=20,checkpoint-every=100000");
  if (!status) status = lks_study_arms_add(c, p, digits_arms, 2);
  for (const lks_shift_design *d = lks_shift_designs; d < lks_shift_designs + LKS_SHIFT_DESIGNS && !status;
       d++)
    if (lks_shift_is_trained(p, d)) status = add_cats(p, d->name, d->arms);
  return status;
}

/* What the measurements of a run share. */
typedef struct bench {
  lks_readings *readings;
  lks_comm *comm;
  const lks_study_run *run;
  lks_evaluator *evaluator;
  bool norm;
} bench;

static lks_status read_all(const bench *b, const char *name, const lks_dataset *data,
                           const lks_evaluate_options *options)
{
  char quantity[LKS_QUANTITY_MAX + 8];
  lks_evaluation e;
  lks_status status = lks_evaluator_run_all(&e, b->evaluator, data, options);
  if (!status) status = lks_study_read_off(b->readings, b->run, name, 100 * e.accuracy);
  snprintf(quantity, sizeof quantity, "%s_loss", name);
  return status ? status : lks_study_read_off(b->readings, b->run, quantity, e.loss);
}

/* On another dataset: as it is, with inputs scaled by its own mean and deviation, and, with batch norm, with statistics
 * of its training pictures, of the first `count` of them or of all. */
static lks_status shifted_all(const bench *b, const char *name, const lks_dataset *data)
{
  static const size_t counts[] = {2, 8, 32, 128, 512, 0};
  char quantity[LKS_QUANTITY_MAX];
  lks_evaluate_options options = {0};
  lks_status status = read_all(b, name, data, &options);
  options.input_data = data;
  snprintf(quantity, sizeof quantity, "%s_inputs", name);
  if (!status) status = read_all(b, quantity, data, &options);
  options = (lks_evaluate_options){.statistics = LKS_STATISTICS_PRECISE, .statistics_data = data};
  for (size_t i = 0; i < sizeof counts / sizeof *counts && b->norm && !status; i++) {
    options.statistics_samples = counts[i];
    if (counts[i] > 0 && b->run->part == DIGITS) continue;
    if (counts[i] > 0)
      snprintf(quantity, sizeof quantity, "%s_again_%zu", name, counts[i]);
    else
      snprintf(quantity, sizeof quantity, "%s_again", name);
    status = read_all(b, quantity, data, &options);
  }
  return status;
}

enum { WAYS = 3, FRAMED = 16 };

/* The same coloured pictures, a row for each source of statistics; wrong answers have a black frame. */
static lks_status show_answers_all(const bench *b, const lks_dataset *data)
{
  const lks_evaluate_options ways[WAYS] = {
      {.samples = 0}, {.input_data = data}, {.statistics = LKS_STATISTICS_PRECISE, .statistics_data = data}};
  const lks_samples test = lks_dataset_split(data, LKS_SPLIT_TEST);
  uint32_t sample[WAYS * FRAMED], frame[WAYS * FRAMED];
  int32_t *answer = lks_new(test.count, sizeof *answer);
  lks_status status = lks_comm_agree_all(b->comm, answer != NULL ? LKS_OK : LKS_ERR_RANK);
  for (size_t way = 0; way < WAYS && answer && !status; way++) {
    lks_evaluation e;
    lks_evaluate_options options = ways[way];
    options.predictions = answer;
    status = lks_evaluator_run_all(&e, b->evaluator, data, &options);
    for (size_t i = 0; i < FRAMED && !status; i++) {
      sample[way * FRAMED + i] = i < test.count ? (uint32_t)i : UINT32_MAX;
      frame[way * FRAMED + i] = i < test.count && answer[i] != test.label[i] ? 0x000000 : 0xffffff;
    }
  }
  if (!status && lks_comm_rank(b->comm) == 0) {
    char path[LKS_SHIFT_PATH];
    const lks_contact_sheet sheet = {test.pixels, lks_dataset_shape(data), sample, WAYS * FRAMED, FRAMED,
                                     frame};
    snprintf(path, sizeof path, "%.*s/plots/answers.png", LKS_STUDY_FOLDER_MAX, b->run->plan->folder);
    status = lks_contact_sheet_write(path, &sheet);
  }
  lks_free(answer);
  return lks_comm_agree_all(b->comm, status);
}

/* Coloured cats have one name, whatever their backgrounds. */
static lks_status shifted_file_all(const bench *b, const char *name)
{
  char path[LKS_SHIFT_PATH];
  lks_dataset *data = NULL;
  lks_shift_path(path, b->run->plan, name);
  lks_status status = lks_dataset_open_all(&data, b->comm, path, NULL);
  if (!status) status = shifted_all(b, b->run->part == DIGITS ? name : "coloured", data);
  if (!status && b->run->part == CATS && b->run->seed == 0 && b->norm) status = show_answers_all(b, data);
  lks_dataset_close_all(&data);
  return status;
}

static lks_status measure_all(lks_readings *readings, lks_comm *comm, const lks_study_run *run)
{
  const lks_evaluate_options usual = {.threads = run->config.threads, .isa = run->config.isa};
  const lks_evaluate_options again = {.statistics = LKS_STATISTICS_PRECISE};
  bench b = {.readings = readings, .comm = comm, .run = run, .norm = run->config.bn.kind != LKS_NORM_NONE};
  lks_status status = lks_evaluator_create_all(&b.evaluator, comm, run->checkpoint, &usual);
  if (!status) status = read_all(&b, "own", run->data, &usual);
  if (!status && b.norm) status = read_all(&b, "own_again", run->data, &again);
  if (run->part != DIGITS) {
    if (!status) status = shifted_file_all(&b, lks_shift_designs[run->part - CATS].target);
  } else {
    for (size_t i = 0; i < LKS_SHIFT_CORRUPTIONS && !status; i++)
      status = shifted_file_all(&b, lks_shift_corruptions[i]);
  }
  lks_evaluator_destroy_all(&b.evaluator);
  return status;
}

enum { SHIFT, RECOVERY, INPUTS, BEYOND, NORM, CONTROLLED, AFFINE, FRAGILE, INVERTED };

static const lks_effect effects[] = {
    [SHIFT] = {.name = "Accuracy on coloured cats instead of such as in training, batch norm",
               .arm = "cats bn",
               .quantity = "coloured",
               .reference_quantity = "own",
               .unit = "points",
               .margin = 2},
    [RECOVERY] =
        {.name =
             "Accuracy on coloured cats, statistics of unlabelled coloured pictures instead of those of training",
         .arm = "cats bn",
         .quantity = "coloured_again",
         .reference_quantity = "coloured",
         .unit = "points",
         .margin = 2},
    [INPUTS] = {.name = "Accuracy on coloured cats, only the inputs scaled anew, without batch norm",
                .arm = "cats none",
                .quantity = "coloured_inputs",
                .reference_quantity = "coloured",
                .unit = "points",
                .margin = 2},
    [BEYOND] = {.name =
                    "Accuracy on coloured cats, all statistics anew instead of the inputs' alone, batch norm",
                .arm = "cats bn",
                .quantity = "coloured_again",
                .reference_quantity = "coloured_inputs",
                .unit = "points",
                .margin = 2},
    [NORM] = {.name = "Accuracy on coloured cats, batch norm as trained instead of none",
              .arm = "cats bn",
              .quantity = "coloured",
              .reference = "cats none",
              .unit = "points",
              .margin = 2},
    [CONTROLLED] = {.name =
                        "Accuracy on coloured cats instead of such as in training, trained on all colours",
                    .arm = "control bn",
                    .quantity = "coloured",
                    .reference_quantity = "own",
                    .unit = "points",
                    .margin = 2},
    [AFFINE] = {.name =
                    "Loss on pixels of 0.5 x + 64, statistics of such pictures, less that on the clean ones",
                .arm = "digits bn",
                .quantity = "affine_again_loss",
                .reference_quantity = "own_again_loss",
                .margin = 0.005},
    [FRAGILE] = {.name = "Accuracy on pixels of 0.5 x + 64, batch norm as trained instead of none",
                 .arm = "digits bn",
                 .quantity = "affine",
                 .reference = "digits none",
                 .unit = "points",
                 .margin = 1},
    [INVERTED] = {.name =
                      "Accuracy on inverted pixels, statistics of such pictures, less that on the clean ones",
                  .arm = "digits bn",
                  .quantity = "inverted_again",
                  .reference_quantity = "own_again",
                  .unit = "points",
                  .margin = 1},
};

static lks_claim judge(FILE *out, const lks_study_outcome *o)
{
  const lks_finding *f = o->finding;
  const bool shifts = lks_finding_less(&f[SHIFT]), helps = lks_finding_more(&f[NORM]),
             recovers = lks_finding_more(&f[RECOVERY]);
  if (!shifts) {
    fprintf(out, "These seeds do not show the shift itself: accuracy on coloured cats, %s.",
            f[SHIFT].sentence);
    return LKS_CLAIM_UNDECIDED;
  }
  fprintf(
      out,
      "A network that saw black cats alone fails on coloured ones: accuracy is %s. Batch norm as it was trained, compared with none, is %s.",
      f[SHIFT].sentence, f[NORM].sentence);
  if (recovers)
    fprintf(out, " What helps is to take mean and variance anew from unlabelled coloured pictures: %s.",
            f[RECOVERY].sentence);
  else
    fprintf(out, " Mean and variance taken anew from unlabelled coloured pictures: %s.",
            f[RECOVERY].sentence);
  return helps ? LKS_CLAIM_SHOWN : recovers ? LKS_CLAIM_PARTLY : LKS_CLAIM_NOT_SHOWN;
}

static bool print_cats(FILE *data, FILE *script, const void *context)
{
  static const lks_picture_row row[] = {
      {"none, as in training", "cats none", "own"},
      {"none, coloured", "cats none", "coloured"},
      {"... inputs scaled anew", "cats none", "coloured_inputs"},
      {"batch norm, as in training", "cats bn", "own"},
      {"batch norm, coloured", "cats bn", "coloured"},
      {"... inputs scaled anew", "cats bn", "coloured_inputs"},
      {"... statistics anew", "cats bn", "coloured_again"},
      {"saw all colours, coloured", "control bn", "coloured"},
  };
  const lks_picture picture = {.outcome = context,
                               .name = "cats",
                               .title = "Trained on black cats, tested on coloured ones",
                               .across = "test accuracy (%)",
                               .mark = 50,
                               .mark_label = "guessing"};
  return lks_picture_rows(data, script, &picture, row, sizeof row / sizeof *row);
}

static bool print_counts(FILE *data, FILE *script, const void *context)
{
  static const lks_picture_point again[] = {
      {2, "cats bn", "coloured_again_2"},     {8, "cats bn", "coloured_again_8"},
      {32, "cats bn", "coloured_again_32"},   {128, "cats bn", "coloured_again_128"},
      {512, "cats bn", "coloured_again_512"}, {4000, "cats bn", "coloured_again"}};
  static const lks_picture_point before[] = {{2, "cats bn", "coloured"}, {4000, "cats bn", "coloured"}};
  static const lks_picture_line line[] = {{"statistics anew", again, 6},
                                          {"statistics of training", before, 2}};
  const lks_picture picture = {.outcome = context,
                               .name = "counts",
                               .title = "How many unlabelled coloured pictures does it take?",
                               .note = "mean and 95% interval",
                               .up = "accuracy on coloured cats (%)",
                               .across = "unlabelled pictures for mean and variance",
                               .octaves = true};
  return lks_picture_lines(data, script, &picture, line, 2);
}

static bool print_corruptions(FILE *data, FILE *script, const void *context)
{
  static const lks_picture_row row[] = {
      {"0.5 x + 64, none", "digits none", "affine"},
      {"... batch norm", "digits bn", "affine"},
      {"... statistics anew", "digits bn", "affine_again"},
      {"contrast 0.3, none", "digits none", "contrast"},
      {"... batch norm", "digits bn", "contrast"},
      {"... statistics anew", "digits bn", "contrast_again"},
      {"noise 0.3, none", "digits none", "noise"},
      {"... batch norm", "digits bn", "noise"},
      {"... statistics anew", "digits bn", "noise_again"},
      {"inverted, none", "digits none", "inverted"},
      {"... batch norm", "digits bn", "inverted"},
      {"... statistics anew", "digits bn", "inverted_again"},
  };
  const lks_picture picture = {.outcome = context,
                               .name = "corruptions",
                               .title = "Digits whose pixels were changed after training",
                               .across = "test accuracy (%)"};
  return lks_picture_rows(data, script, &picture, row, sizeof row / sizeof *row);
}

static const lks_study_figure figures[] = {
    {"cats", "Black cats, coloured cats",
     "Cat or not, by the shape of the ears alone. The network saw black cats, and other animals half of which were black. Statistics anew: mean and variance of 4,000 coloured pictures without labels.",
     print_cats},
    {"pictures", "What is a cat?",
     "First and second row: cats and others as in training. Third and fourth row: coloured ones, with the same shapes. A cat has pointed ears, upright.",
     NULL},
    {"answers", "The same coloured pictures under three statistics",
     "Wrong answers have a black frame. First row: statistics of training; second row: inputs scaled anew; third row: all mean and variance from coloured pictures.",
     NULL},
    {"counts", "May the averages be re-estimated on coloured cats?",
     "Mean and variance of the first so many unlabelled coloured pictures instead of those of training; the weights stay as they are.",
     print_counts},
    {"corruptions", "Corrupted pixels",
     "The network never saw such pictures. What only moves and stretches all pixels alike is undone by statistics taken anew; inversion is not.",
     print_corruptions},
};

static const lks_study_column columns[] = {
    {"own", "As in training, %", 0},
    {"coloured", "Coloured, %", 0},
    {"coloured_inputs", "Coloured, inputs anew, %", 0},
    {"coloured_again", "Coloured, statistics anew, %", 0},
    {"affine", "0.5 x + 64, %", 0},
    {"affine_again", "0.5 x + 64, statistics anew, %", 0},
    {"inverted_again", "Inverted, statistics anew, %", 0},
};

static const lks_study_published published[] = {
    {"ImageNet-C, low contrast, statistics of 1,000 corrupted pictures", "error from 40.8% to 33.1%",
     "Wu & Johnson 2021, table 4", -1, "digits bn", "contrast_again", 0, "% accuracy"},
    {"ImageNet-C, Gaussian noise, the same", "error from 64.4% to 52.5%", "Wu & Johnson 2021, table 4", -1,
     "digits bn", "noise_again", 0, "% accuracy"},
    {"Stable distributions as the reason why batch norm works", "have little to do with its success",
     "Santurkar et al. 2018", NORM, NULL, NULL, 0, NULL},
};

static const lks_study_change changes[] = {
    {"Draw other cats.",
     "With no black among the other animals, colour alone tells them apart: nothing is left to recover.",
     "lockstep generate cats -o black.h5 --black-cats 1 --black-others 0; lockstep train black.h5 --model cats --batch-size 32 --epochs 8 --lr 0.05 --schedule constant -o runs/black; lockstep evaluate runs/black/last.h5 studies/shift/data/coloured.h5"},
    {"Take statistics from the pictures to be tested.", "Accuracy rises without a single label.",
     "lockstep evaluate studies/shift/cats/runs/cats-bn/seed-1/last.h5 studies/shift/data/coloured.h5 --statistics precise --statistics-from studies/shift/data/coloured.h5"},
};

static void limits(FILE *lines, const lks_study_outcome *o)
{
  const lks_finding *f = o->finding;
  fprintf(
      lines,
      "With the averages of training, batch norm is no protection: on pixels of 0.5 x + 64 its accuracy, compared with none, is %s.\n",
      f[FRAGILE].sentence);
  fprintf(lines, "Scaling the inputs anew, which needs no batch norm, has its part: %s without batch norm.\n",
          f[INPUTS].sentence);
  fprintf(
      lines,
      "An affine change of all pixels is undone by statistics taken anew: the loss differs by %s. Inversion is not: %s.\n",
      f[AFFINE].sentence, f[INVERTED].sentence);
  fputs(
      "Nothing here helps when the true function shifts too: were every label exchanged, each accuracy would be 100% less itself.\n",
      lines);
  fputs(
      "The lecture speaks of the shift that a layer sees while the layers before it learn; the study drift measures that.\n",
      lines);
}

const lks_study lks_study_shift = {
    .name = "shift",
    .claim =
        "A network trained on black cats does badly on coloured cats, though the function to be learned is the same; batch norm makes layers robust when their inputs shift.",
    .question =
        "Small networks learn cats from pictures in which all cats are black, and are tested on coloured ones: as trained, with inputs scaled anew, and with mean and variance of unlabelled coloured pictures. Then the same with digits whose pixels were changed.",
    .time = "half a minute",
    .data = "4,000 drawn pictures of cats and others, and 1,437 digits",
    .prepare = lks_shift_prepare,
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
