#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/integers.h"
#include "dataset/generate.h"
#include "lockstep/checkpoint.h"
#include "lockstep/trainer.h"
#include "support/mpi_test.h"
#include "support/naive_network.h"
#include "support/naive_random.h"
#include "train/setup.h"

/* Evaluations of a checkpoint with other statistics, mini-batches, orders and inputs, against a network in
 * double that knows neither ranks nor microbatches; and the same bits however they are executed. */

enum {
  BATCH = 16,
  GROUP = 5,
  TRAIN = 53,
  TEST = 41,
  SIDE = 6,
  CHANNELS = 2,
  CLASSES = 3,
  WIDTH = SIDE * SIDE * CHANNELS
};

static const char text[] =
    "conv 5 1x1\nbatchnorm\nrelu\ndropout 0.5\ndense 12\nbatchnorm\nrelu\ndense classes\n";

/* As in test_network_values.c. */
static const double tolerance = 5e-5;

typedef struct bench {
  char folder[64], checkpoint[128], file[2][128], features[128], wider[128];
  lks_dataset *data, *other;
  lks_setup *setup; /* that the checkpoint was written from, which the naive network reads */
  lks_evaluator *evaluator;
  naive_network *naive;
} bench;

/* What is expected, or was found. */
typedef struct answer {
  lks_evaluation evaluation;
  int32_t predictions[TEST];
} answer;

static lks_status make_files(bench *b)
{
  lks_generate_options o = {.shape = {SIDE, SIDE, CHANNELS},
                            .classes = CLASSES,
                            .train = TRAIN,
                            .test = TEST,
                            .noise = 200,
                            .seed = 5};
  lks_status status = lks_generate(b->file[0], &o, false);
  o.seed = 6;
  o.noise = 120;
  if (!status) status = lks_generate(b->file[1], &o, false);
  o.shape.width++;
  if (!status) status = lks_generate(b->wider, &o, false);
  o.shape = (lks_shape){1, 1, 7};
  o.features = true;
  return status ? status : lks_generate(b->features, &o, false);
}

/* Settings that training alone must feel, and statistics that no training has made. */
static void write_checkpoint(bench *b, lks_comm *comm)
{
  lks_config config;
  lks_config_default(&config);
  lks_assert_ok_all(comm, lks_config_set(&config, "data", b->file[0]));
  config.bn = (lks_norm){LKS_NORM_SIZE, GROUP};
  config.batch_size = BATCH;
  config.microbatch = 3;
  config.threads = 1;
  config.label_smoothing = 0.3;
  config.crop = 2;
  config.flip = true;
  const lks_setup_input input = {text,
                                 "test",
                                 {SIDE, SIDE, CHANNELS},
                                 CLASSES,
                                 false,
                                 lks_dataset_mean(b->data),
                                 lks_dataset_std(b->data)};
  lks_assert_ok_all(comm, lks_setup_create_all(&b->setup, comm, &config, &input));
  float *running = lks_network_running(b->setup->network);
  for (size_t i = 0; i < lks_network_running_count(b->setup->network); i++)
    running[i] += 0.2F + 0.1F * (float)sin((double)i);
  const lks_run_state state = {.epoch = 1, .step = 4};
  lks_assert_ok_all(comm, lks_checkpoint_write_all(comm, b->checkpoint, &config, b->setup->model, b->data,
                                                   b->setup->network, NULL, &state));
}

static void bench_create(bench *b, lks_comm *comm)
{
  *b = (bench){0};
  lks_test_folder_all(comm, b->folder);
  snprintf(b->checkpoint, sizeof b->checkpoint, "%s/checkpoint.h5", b->folder);
  snprintf(b->file[0], sizeof b->file[0], "%s/data.h5", b->folder);
  snprintf(b->file[1], sizeof b->file[1], "%s/other.h5", b->folder);
  snprintf(b->features, sizeof b->features, "%s/features.h5", b->folder);
  snprintf(b->wider, sizeof b->wider, "%s/wider.h5", b->folder);
  lks_assert_ok_all(comm, lks_comm_rank(comm) == 0 ? make_files(b) : LKS_OK);
  lks_assert_ok_all(comm, lks_dataset_open_all(&b->data, comm, b->file[0], NULL));
  lks_assert_ok_all(comm, lks_dataset_open_all(&b->other, comm, b->file[1], NULL));
  write_checkpoint(b, comm);
  lks_assert_ok_all(comm, lks_evaluator_create_all(&b->evaluator, comm, b->checkpoint, NULL));
  b->naive = naive_network_create(b->setup->model, b->setup->network, TRAIN);
  lks_assert_all(comm, b->naive != NULL);
}

static void bench_destroy(bench *b, lks_comm *comm)
{
  naive_network_destroy(&b->naive);
  lks_evaluator_destroy_all(&b->evaluator);
  lks_setup_destroy_all(&b->setup);
  lks_dataset_close_all(&b->data);
  lks_dataset_close_all(&b->other);
  lks_test_folder_remove_all(comm, b->folder);
}

/* One mini-batch of the samples list[count] of a split, in groups of `group`; 0: with running statistics. */
static void naive_batch(bench *b, const lks_dataset *from, lks_split split, const uint32_t *list,
                        size_t count, size_t group, const lks_dataset *moments)
{
  static uint8_t pixels[TRAIN * WIDTH];
  static int32_t label[TRAIN];
  double mean[CHANNELS], scale[CHANNELS];
  size_t bound[TRAIN + 1], groups = 0;
  const lks_samples s = lks_dataset_split(from, split);
  for (size_t i = 0; i < count; i++) {
    memcpy(pixels + i * WIDTH, s.pixels + list[i] * (size_t)WIDTH, WIDTH);
    label[i] = s.label[list[i]];
  }
  for (size_t c = 0; c < CHANNELS; c++) {
    mean[c] = 255 * lks_dataset_mean(moments)[c];
    scale[c] = 1 / (255 * lks_dataset_std(moments)[c]);
  }
  for (size_t begin = 0; group && begin < count; begin += group)
    if (group == 1 || begin == 0 || count - begin > 1) bound[groups++] = begin;
  bound[groups] = count;
  const lks_batch batch = {count, count, pixels, NULL, label, list, LKS_OK, NULL};
  const lks_input_scaling scaling = {mean, scale};
  const naive_settings set = {.running = !group, .bound = bound, .groups = groups, .epsilon = 1e-5};
  naive_network_pass(b->naive, &batch, &scaling, &set);
}

static int32_t best_of(const double *logits)
{
  int32_t best = 0;
  for (int32_t c = 1; c < CLASSES; c++)
    if (logits[c] > logits[best]) best = c;
  return best;
}

/* Of the test samples list[count], in mini-batches of `batch`, each one group; 0: running statistics. */
static answer expected(bench *b, const uint32_t *list, size_t count, size_t batch, const lks_dataset *moments)
{
  answer want = {.evaluation = {.samples = count}};
  const size_t step = batch ? batch : TEST;
  memset(want.predictions, 0xff, sizeof want.predictions);
  for (size_t begin = 0, size; begin < count; begin += size) {
    const bool lone = batch > 1 && count - begin == step + 1;
    size = lks_min(step + lone, count - begin);
    naive_batch(b, b->data, LKS_SPLIT_TEST, list + begin, size, batch ? size : 0, moments);
    want.evaluation.loss += b->naive->loss / (double)count;
    want.evaluation.accuracy += (double)b->naive->correct / (double)count;
    want.evaluation.batches++;
    want.evaluation.last_batch = size;
    for (size_t i = 0; i < size; i++)
      want.predictions[list[begin + i]] = best_of(b->naive->logits + i * CLASSES);
  }
  return want;
}

static lks_status found(answer *got, bench *b, lks_evaluate_options options)
{
  *got = (answer){0};
  options.predictions = got->predictions;
  return lks_evaluator_run_all(&got->evaluation, b->evaluator, b->data, &options);
}

static bool near(double got, double want)
{
  return fabs(got - want) <= tolerance * fabs(want);
}

static bool agrees(const answer *got, const answer *want)
{
  return near(got->evaluation.loss, want->evaluation.loss) &&
         near(got->evaluation.accuracy, want->evaluation.accuracy) &&
         memcmp(got->predictions, want->predictions, sizeof want->predictions) == 0;
}

static bool same_answer(const answer *a, const answer *b)
{
  return a->evaluation.loss == b->evaluation.loss && a->evaluation.accuracy == b->evaluation.accuracy &&
         a->evaluation.samples == b->evaluation.samples &&
         memcmp(a->predictions, b->predictions, sizeof a->predictions) == 0;
}

static void stored(uint32_t *list, size_t count)
{
  for (size_t i = 0; i < count; i++) list[i] = (uint32_t)i;
}

/* Alone or in any company, whatever the order: to the bit. */
static void test_company_is_no_matter(lks_comm *comm)
{
  static const lks_evaluate_options others[] = {
      {.batch_size = 1},
      {.batch_size = 7, .order = LKS_ORDER_SHUFFLED, .order_seed = 3},
      {.batch_size = 1000, .order = LKS_ORDER_CLASS},
      {.repeat = 3},
      {.order = LKS_ORDER_CLASS}};
  enum { OTHERS = sizeof others / sizeof *others };
  bench b;
  uint32_t list[TEST];
  answer got, again, half;
  bench_create(&b, comm);
  stored(list, TEST);
  const answer want = expected(&b, list, TEST, 0, b.data);
  lks_status status = found(&got, &b, (lks_evaluate_options){0});
  bool ok = agrees(&got, &want) && got.evaluation.samples == TEST && got.evaluation.batches == 3 &&
            got.evaluation.last_batch == TEST - 2 * BATCH;
  for (int i = 0; i < OTHERS && !status; i++) {
    status = found(&again, &b, others[i]);
    ok = ok && same_answer(&got, &again);
  }
  if (!status) status = found(&half, &b, (lks_evaluate_options){.samples = 20});
  for (size_t i = 0; i < TEST; i++) ok = ok && half.predictions[i] == (i < 20 ? got.predictions[i] : -1);
  bench_destroy(&b, comm);
  lks_assert_ok_all(comm, status);
  lks_assert_all(comm, ok);
}

/* By class: naively; by chance: as the published shuffle has it. */
static void arrange(uint32_t *list, const bench *b, const lks_evaluate_options *o)
{
  const lks_samples s = lks_dataset_split(b->data, LKS_SPLIT_TEST);
  size_t at = 0;
  stored(list, TEST);
  if (o->order == LKS_ORDER_SHUFFLED)
    naive_random_order(list, TEST, (naive_key){o->order_seed, NAIVE_SHUFFLE, 1, 0, 0});
  for (int32_t c = 0; c < CLASSES && o->order == LKS_ORDER_CLASS; c++)
    for (uint32_t i = 0; i < TEST; i++)
      if (s.label[i] == c) list[at++] = i;
}

static void test_statistics_of_any_mini_batch(lks_comm *comm)
{
  static const lks_evaluate_options sets[] = {{.batch_size = TEST},
                                              {.batch_size = 7, .order = LKS_ORDER_CLASS},
                                              {.batch_size = 7, .order = LKS_ORDER_SHUFFLED, .order_seed = 3},
                                              {.batch_size = 2},
                                              {.batch_size = 1}};
  enum { SETS = sizeof sets / sizeof *sets };
  bench b;
  uint32_t list[TEST];
  answer got;
  double loss[SETS];
  bool ok = true;
  lks_status status = LKS_OK;
  bench_create(&b, comm);
  for (int i = 0; i < SETS && !status; i++) {
    lks_evaluate_options o = sets[i];
    o.statistics = LKS_STATISTICS_BATCH;
    status = found(&got, &b, o);
    arrange(list, &b, &o);
    const answer want = expected(&b, list, TEST, o.batch_size, b.data);
    ok = ok && agrees(&got, &want) && got.evaluation.batches == want.evaluation.batches &&
         got.evaluation.last_batch == want.evaluation.last_batch;
    loss[i] = got.evaluation.loss;
    for (int k = 0; k < i; k++) ok = ok && !near(loss[k], loss[i]);
  }
  bench_destroy(&b, comm);
  lks_assert_ok_all(comm, status);
  lks_assert_all(comm, ok);
}

/* 33 samples, as trained: mini-batches of 16 and 17, in groups of 5 of which the last one of 16 has 6. */
static void test_a_lone_last_sample(lks_comm *comm)
{
  bench b;
  uint32_t list[TEST];
  answer got, two, running;
  bench_create(&b, comm);
  stored(list, TEST);
  lks_status status =
      found(&got, &b, (lks_evaluate_options){.statistics = LKS_STATISTICS_BATCH, .samples = 33});
  double loss = 0;
  for (size_t i = 0; i < 2; i++) {
    const size_t size = 16 + i;
    naive_batch(&b, b.data, LKS_SPLIT_TEST, list + 16 * i, size, GROUP, b.data);
    loss += b.naive->loss / 33; /* a sum */
  }
  const lks_evaluation *e = &got.evaluation;
  bool ok = near(e->loss, loss) && e->joined && e->batches == 2 && e->last_batch == 17 && e->samples == 33;
  if (!status)
    status = found(&two, &b, (lks_evaluate_options){.statistics = LKS_STATISTICS_BATCH, .samples = 32});
  ok = ok && !two.evaluation.joined && two.evaluation.last_batch == 16 && !near(two.evaluation.loss, e->loss);
  if (!status) status = found(&running, &b, (lks_evaluate_options){.samples = 33});
  ok = ok && !running.evaluation.joined && running.evaluation.last_batch == 1;
  lks_evaluate_options alone = {.statistics = LKS_STATISTICS_BATCH, .samples = 1};
  const bool refused = found(&two, &b, alone) == LKS_ERR_USAGE && strstr(lks_message(), "one sample");
  alone.batch_size = 1;
  if (!status) status = found(&two, &b, alone);
  bench_destroy(&b, comm);
  lks_assert_ok_all(comm, status);
  lks_assert_all(comm, ok);
  lks_assert_all(comm, refused || lks_comm_rank(comm) > 0);
}

/* A sample in company of its own copies: as alone, but for the order of sums; not as with running statistics.
 * */
static void test_copies_of_one_sample(lks_comm *comm)
{
  bench b;
  answer copies, alone;
  bench_create(&b, comm);
  lks_status status =
      found(&copies, &b, (lks_evaluate_options){.statistics = LKS_STATISTICS_BATCH, .repeat = 5});
  if (!status)
    status = found(&alone, &b, (lks_evaluate_options){.statistics = LKS_STATISTICS_BATCH, .batch_size = 1});
  const bool ok = agrees(&copies, &alone) && copies.evaluation.samples == TEST &&
                  copies.evaluation.batches == TEST && copies.evaluation.last_batch == 5;
  bench_destroy(&b, comm);
  lks_assert_ok_all(comm, status);
  lks_assert_all(comm, ok);
}

/* Recomputed over the first `count` samples of a split, in mini-batches and groups as trained. */
static answer expected_precise(bench *b, const lks_dataset *from, lks_split split, size_t count,
                               const lks_dataset *moments)
{
  enum { RUNNING = 2 * (5 + 12) };
  double gathered[RUNNING];
  float kept[RUNNING], *running = lks_network_running(b->setup->network);
  uint32_t list[TRAIN];
  stored(list, TRAIN);
  naive_network_forget(b->naive);
  for (size_t begin = 0; begin < count; begin += BATCH)
    naive_batch(b, from, split, list + begin, lks_min(BATCH, count - begin), GROUP, moments);
  naive_network_gathered(gathered, b->naive);
  memcpy(kept, running, sizeof kept);
  for (size_t i = 0; i < RUNNING; i++) running[i] = (float)gathered[i];
  const answer want = expected(b, list, TEST, 0, moments);
  memcpy(running, kept, sizeof kept);
  return want;
}

/* From files and from open datasets; what one evaluation recomputes, the next one does not know. */
static void test_statistics_of_other_samples(lks_comm *comm)
{
  bench b;
  answer got, before, after;
  bench_create(&b, comm);
  const lks_evaluate_options sets[] = {
      {.statistics_samples = 0},
      {.statistics_samples = 20},
      {.statistics_split = LKS_SPLIT_TEST},
      {.statistics_from = b.file[1], .statistics_samples = 37},
      {.statistics_data = b.other, .statistics_split = LKS_SPLIT_TEST, .statistics_samples = 2},
      {.statistics_data = b.other, .input_from = b.file[1]}};
  const answer want[] = {expected_precise(&b, b.data, LKS_SPLIT_TRAIN, TRAIN, b.data),
                         expected_precise(&b, b.data, LKS_SPLIT_TRAIN, 20, b.data),
                         expected_precise(&b, b.data, LKS_SPLIT_TEST, TEST, b.data),
                         expected_precise(&b, b.other, LKS_SPLIT_TRAIN, 37, b.data),
                         expected_precise(&b, b.other, LKS_SPLIT_TEST, 2, b.data),
                         expected_precise(&b, b.other, LKS_SPLIT_TRAIN, TRAIN, b.other)};
  enum { SETS = sizeof sets / sizeof *sets };
  lks_status status = found(&before, &b, (lks_evaluate_options){0});
  bool ok = true;
  for (int i = 0; i < SETS && !status; i++) {
    lks_evaluate_options o = sets[i];
    o.statistics = LKS_STATISTICS_PRECISE;
    if (i % 2) o.batch_size = 9; /* which precise statistics don't feel */
    status = found(&got, &b, o);
    ok = ok && agrees(&got, &want[i]) && !near(got.evaluation.loss, before.evaluation.loss);
    for (int k = 0; k < i; k++) ok = ok && !near(want[k].evaluation.loss, want[i].evaluation.loss);
  }
  if (!status) status = found(&after, &b, (lks_evaluate_options){0});
  ok = ok && same_answer(&before, &after);
  bench_destroy(&b, comm);
  lks_assert_ok_all(comm, status);
  lks_assert_all(comm, ok);
}

static void test_inputs_scaled_by_others(lks_comm *comm)
{
  bench b;
  uint32_t list[TEST];
  answer got, own;
  bench_create(&b, comm);
  stored(list, TEST);
  const answer want = expected(&b, list, TEST, 0, b.other), usual = expected(&b, list, TEST, 0, b.data);
  lks_status status = found(&got, &b, (lks_evaluate_options){.input_data = b.other});
  if (!status) status = found(&own, &b, (lks_evaluate_options){.input_data = b.data, .batch_size = 5});
  const bool ok =
      agrees(&got, &want) && agrees(&own, &usual) && !near(want.evaluation.loss, usual.evaluation.loss);
  bench_destroy(&b, comm);
  lks_assert_ok_all(comm, status);
  lks_assert_all(comm, ok);
}

/* One process with two threads gives the bits that all ranks give with one each. */
static void test_same_bits(lks_comm *comm)
{
  bench b;
  lks_comm *self = NULL;
  lks_evaluator *lonely = NULL;
  lks_dataset *data = NULL;
  bool ok = true;
  bench_create(&b, comm);
  const lks_evaluate_options sets[] = {
      {.statistics = LKS_STATISTICS_RUNNING},
      {.statistics = LKS_STATISTICS_BATCH},
      {.statistics = LKS_STATISTICS_BATCH, .batch_size = 13, .order = LKS_ORDER_SHUFFLED, .order_seed = 9},
      {.statistics = LKS_STATISTICS_BATCH, .repeat = 4, .samples = 6},
      {.statistics = LKS_STATISTICS_PRECISE, .statistics_from = b.file[1], .input_from = b.file[1]}};
  enum { SETS = sizeof sets / sizeof *sets };
  lks_status status = lks_comm_create_all(&self, MPI_COMM_SELF);
  if (!status) status = lks_dataset_open_all(&data, self, b.file[0], NULL);
  if (!status)
    status = lks_evaluator_create_all(&lonely, self, b.checkpoint, &(lks_evaluate_options){.threads = 2});
  lks_assert_ok_all(comm, status);
  for (int i = 0; i < SETS && !status; i++) {
    answer here, there;
    lks_evaluate_options o = sets[i];
    o.predictions = there.predictions;
    status = found(&here, &b, sets[i]);
    if (!status) status = lks_evaluator_run_all(&there.evaluation, lonely, data, &o);
    ok = ok && !status && same_answer(&here, &there);
  }
  lks_evaluator_destroy_all(&lonely);
  lks_dataset_close_all(&data);
  lks_comm_destroy_all(&self);
  bench_destroy(&b, comm);
  lks_assert_ok_all(comm, status);
  lks_assert_all(comm, ok);
}

/* The same on all ranks; and the evaluator is none the worse for it. */
static void test_refusals(lks_comm *comm)
{
  bench b;
  answer got, again;
  bench_create(&b, comm);
  const struct {
    lks_evaluate_options options;
    lks_status status;
  } wrong[] = {{{.repeat = 2, .batch_size = 2}, LKS_ERR_USAGE},
               {{.statistics = LKS_STATISTICS_PRECISE, .statistics_samples = 1}, LKS_ERR_USAGE},
               {{.statistics = LKS_STATISTICS_PRECISE, .statistics_samples = TRAIN + 1}, LKS_ERR_USAGE},
               {{.statistics_from = b.file[1]}, LKS_ERR_USAGE},
               {{.samples = TEST + 1}, LKS_ERR_USAGE},
               {{.input_from = b.wider}, LKS_ERR_DATA},
               {{.statistics = LKS_STATISTICS_PRECISE, .statistics_from = b.features}, LKS_ERR_DATA},
               {{.statistics = LKS_STATISTICS_PRECISE, .statistics_from = "/tmp/lockstep-there-is-none.h5"},
                LKS_ERR_IO}};
  enum { WRONG = sizeof wrong / sizeof *wrong };
  lks_status status = found(&got, &b, (lks_evaluate_options){0});
  bool ok = true;
  for (int i = 0; i < WRONG; i++) ok = found(&again, &b, wrong[i].options) == wrong[i].status && ok;
  if (!status) status = found(&again, &b, (lks_evaluate_options){0});
  ok = ok && same_answer(&got, &again);
  lks_evaluation ignored;
  ok = ok && lks_evaluate_all(&ignored, comm, b.checkpoint, b.wider, NULL) == LKS_ERR_DATA;
  ok = ok && lks_evaluate_all(&ignored, comm, b.file[0], b.file[0], NULL) == LKS_ERR_DATA;
  bench_destroy(&b, comm);
  lks_assert_ok_all(comm, status);
  lks_assert_all(comm, ok);
}

int main(int argc, char **argv)
{
  static const lks_mpi_test tests[] = {
      LKS_MPI_TEST(test_company_is_no_matter),
      LKS_MPI_TEST(test_statistics_of_any_mini_batch),
      LKS_MPI_TEST(test_a_lone_last_sample),
      LKS_MPI_TEST(test_copies_of_one_sample),
      LKS_MPI_TEST(test_statistics_of_other_samples),
      LKS_MPI_TEST(test_inputs_scaled_by_others),
      LKS_MPI_TEST(test_same_bits),
      LKS_MPI_TEST(test_refusals),
  };
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
