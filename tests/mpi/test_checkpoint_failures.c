/* Checkpoints over all ranks when something is wrong: a file that no run wrote, or memory that one rank does
 * not get. One message, on every rank the same, and nobody waits for ever. The linker leads the calls of
 * lks_new here (--wrap, see tests/CMakeLists.txt). */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those above and setjmp.h */
#include <setjmp.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "lockstep/optimizer.h"
#include "support/made_up_checkpoint.h"
#include "support/mpi_test.h"

static const char model_text[] =
    "conv 3 2x2 name=z\nbatchnorm name=a\nrelu\nglobalavgpool\ndense 4\nbatchnorm\nrelu\n"
    "dense classes\n";

typedef struct subject {
  lks_config config;
  lks_model *model;
  lks_network *network;
  lks_optimizer *optimizer;
} subject;

static const lks_shape shape = {4, 5, 2};
enum { CLASSES = 10 };

/** Which call of lks_new fails on this rank, from 0; -1: none. */
static int fail_at = -1, calls;

void *real_lks_new(size_t count, size_t size) __asm__("__real_lks_new");
void *wrap_lks_new(size_t count, size_t size) __asm__("__wrap_lks_new");
void *wrap_lks_new(size_t count, size_t size)
{
  if (fail_at < 0 || calls++ != fail_at) return real_lks_new(count, size);
  lks_fail(LKS_ERR_RANK, "out of memory on purpose: %zu times %zu bytes", count, size);
  return NULL;
}

static void create(subject *s, lks_comm *comm, const char *optimizer, uint64_t seed)
{
  lks_config_default(&s->config);
  lks_assert_ok_all(comm, lks_config_set(&s->config, "optimizer", optimizer));
  const lks_network_options options = {
      .batch_size = 32, .microbatch = 4, .epsilon = 1e-5, .momentum = 0.1, .seed = seed, .threads = 1};
  lks_assert_ok_all(comm, lks_model_parse(&s->model, model_text, "test", shape, CLASSES, false));
  lks_assert_ok_all(comm, lks_network_create_all(&s->network, s->model, comm, &options));
  lks_assert_ok_all(comm, lks_optimizer_create(&s->optimizer, &s->config, s->network));
}

static void destroy(subject *s)
{
  lks_optimizer_destroy(&s->optimizer);
  lks_network_destroy_all(&s->network);
  lks_model_destroy(&s->model);
}

static char folder[64], path[128];

static void enter(lks_comm *comm)
{
  lks_test_folder_all(comm, folder);
  snprintf(path, sizeof path, "%s/checkpoint.h5", folder);
}

/* Nothing but the checkpoint is left there. */
static void leave(lks_comm *comm)
{
  bool ok = true;
  if (lks_comm_rank(comm) == 0) ok = unlink(path) == 0 && rmdir(folder) == 0;
  lks_assert_all(comm, ok);
}

typedef void change(lks_checkpoint_header *header, lks_snapshot *snapshot);

/** Rank 0 writes what the subject holds, with something changed, and the fingerprint that belongs to it. */
static void save_all(lks_comm *comm, subject *s, change *what)
{
  lks_status status = LKS_OK;
  if (lks_comm_rank(comm) == 0) {
    lks_checkpoint_header header = made_up_header();
    lks_snapshot snapshot;
    header.config = s->config;
    header.model_text = (char *)model_text;
    header.parameters = (int64_t)lks_network_parameter_count(s->network);
    status = lks_snapshot_take(&snapshot, s->network, s->optimizer);
    if (!status) {
      what(&header, &snapshot);
      status = made_up_save_as(path, &header, &snapshot);
      lks_snapshot_clear(&snapshot);
    }
  }
  lks_assert_ok_all(comm, lks_comm_agree_all(comm, status));
}

static void nothing(lks_checkpoint_header *header, lks_snapshot *snapshot)
{
  (void)header;
  (void)snapshot;
}

/** LKS_OK if every rank has the same message with that part in it, of one line, that names the file. */
static lks_status same_message_all(lks_comm *comm, const char *part)
{
  char message[1024] = "";
  snprintf(message, sizeof message, "%s", lks_message());
  const bool has = strstr(message, part) && strstr(message, path) && !strchr(message, '\n');
  lks_comm_broadcast_all(comm, message, sizeof message, 0);
  return has && strcmp(message, lks_message()) == 0 ? LKS_OK : LKS_ERR_DATA;
}

/** The header is refused on all ranks alike. */
static void refuse_header(lks_comm *comm, const char *part)
{
  lks_checkpoint_header header;
  const long before = lks_allocations_open();
  lks_assert_all(comm, lks_checkpoint_header_all(&header, comm, path) == LKS_ERR_DATA);
  lks_assert_ok_all(comm, same_message_all(comm, part));
  lks_assert_all(comm, lks_allocations_open() == before && !header.model_text && !header.mean);
}

/** The tensors are refused on all ranks alike, and nothing is changed. */
static void refuse_tensors(lks_comm *comm, subject *s, const char *part)
{
  char before[33], after[33];
  lks_assert_ok_all(comm, lks_fingerprint_all(before, comm, s->network, s->optimizer));
  lks_assert_all(comm, lks_checkpoint_load_all(comm, path, s->network, s->optimizer) == LKS_ERR_DATA);
  lks_assert_ok_all(comm, same_message_all(comm, part));
  lks_assert_ok_all(comm, lks_fingerprint_all(after, comm, s->network, s->optimizer));
  lks_assert_all(comm, strcmp(before, after) == 0);
}

static void no_model(lks_checkpoint_header *header, lks_snapshot *snapshot)
{
  (void)snapshot;
  header->model_text = "conv 3 2x2 name=z\nbatchnrom\n";
}
static void empty_model(lks_checkpoint_header *header, lks_snapshot *snapshot)
{
  (void)snapshot;
  header->model_text = "";
}
static void model_for_larger_images(lks_checkpoint_header *header, lks_snapshot *snapshot)
{
  (void)snapshot;
  header->model_text = "conv 3 9x9 pad=0\ndense classes\n";
}
static void large_microbatch(lks_checkpoint_header *header, lks_snapshot *snapshot)
{
  (void)snapshot;
  header->config.batch_size = 40;
  header->config.microbatch = 41;
}
static void other_place(lks_checkpoint_header *header, lks_snapshot *snapshot)
{
  (void)snapshot;
  header->state.step = 38;
}

static void test_bad_headers(lks_comm *comm)
{
  static const struct {
    change *what;
    const char *part;
  } list[] = {{no_model, ": its attribute model:2:1: unknown layer"},
              {empty_model, ": its attribute model:1:1: no layers"},
              {model_for_larger_images, ": its attribute model:1:"},
              {large_microbatch, ": its attribute config: microbatch = 41: larger than"},
              {other_place, ": it says to be at epoch 3 and step 7 of the next, after 38 steps in all"}};
  subject s;
  enter(comm);
  create(&s, comm, "adam", 1);
  for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
    save_all(comm, &s, list[i].what);
    refuse_header(comm, list[i].part);
  }
  destroy(&s);
  leave(comm);
}

/** Every rank gets all of the header, to the bit. */
static void test_header_on_all_ranks(lks_comm *comm)
{
  subject s;
  lks_checkpoint_header header, expected = made_up_header();
  enter(comm);
  create(&s, comm, "adam", 1);
  save_all(comm, &s, nothing);
  lks_assert_ok_all(comm, lks_fingerprint_all(expected.fingerprint, comm, s.network, s.optimizer));
  expected.config = s.config;
  expected.model_text = (char *)model_text;
  expected.parameters = (int64_t)lks_network_parameter_count(s.network);
  lks_assert_ok_all(comm, lks_checkpoint_header_all(&header, comm, path));
  lks_assert_all(comm, same_header(&expected, &header));
  header.mean[1] += 1;
  lks_assert_all(comm, !same_header(&expected, &header));
  lks_checkpoint_header_clear(&header);
  lks_assert_all(comm, !header.model_text && !header.mean && !header.std && header.classes == 0);
  destroy(&s);
  leave(comm);
}

static lks_snapshot_array *find(lks_snapshot *snapshot, const char *name, int moment)
{
  for (size_t a = 0; a < snapshot->arrays; a++)
    if (strcmp(snapshot->array[a].name, name) == 0 && snapshot->array[a].moment == moment)
      return &snapshot->array[a];
  return NULL;
}

static void nan_in_a_moment(lks_checkpoint_header *header, lks_snapshot *snapshot)
{
  (void)header;
  find(snapshot, "dense1.weight", 1)->data[11] = NAN;
}
static void negative_variance(lks_checkpoint_header *header, lks_snapshot *snapshot)
{
  (void)header;
  find(snapshot, "bn2.running_var", LKS_NO_MOMENT)->data[3] = -1;
}
/* The same elements in another form have the same fingerprint. */
static void turned(lks_checkpoint_header *header, lks_snapshot *snapshot)
{
  (void)header;
  lks_snapshot_array *array = find(snapshot, "dense1.weight", LKS_NO_MOMENT);
  const size_t rows = array->extent[0];
  array->extent[0] = array->extent[1];
  array->extent[1] = rows;
}
static void flat(lks_checkpoint_header *header, lks_snapshot *snapshot)
{
  (void)header;
  lks_snapshot_array *array = find(snapshot, "dense1.weight", LKS_NO_MOMENT);
  array->dimensions = 1;
  array->extent[0] = array->elements;
}
static void turned_in_a_moment(lks_checkpoint_header *header, lks_snapshot *snapshot)
{
  (void)header;
  lks_snapshot_array *array = find(snapshot, "z.weight", 1);
  array->extent[0] = 2;
  array->extent[1] = 3;
}
static void one_row_less(lks_checkpoint_header *header, lks_snapshot *snapshot)
{
  lks_snapshot_array *array = find(snapshot, "dense2.weight", LKS_NO_MOMENT);
  array->extent[0]--;
  array->elements -= array->extent[1];
  header->parameters -= (int64_t)array->extent[1];
}
static void renamed(lks_checkpoint_header *header, lks_snapshot *snapshot)
{
  (void)header;
  strcpy(find(snapshot, "a.bias", LKS_NO_MOMENT)->name, "b.bias");
}
static void renamed_in_a_moment(lks_checkpoint_header *header, lks_snapshot *snapshot)
{
  (void)header;
  strcpy(find(snapshot, "a.bias", 1)->name, "b.bias");
}
/* All that the model has is there, and one more. */
static void one_more(lks_checkpoint_header *header, lks_snapshot *snapshot)
{
  lks_snapshot_array *last = &snapshot->array[snapshot->arrays++],
                     *like = find(snapshot, "a.bias", LKS_NO_MOMENT);
  *last = *like; /* there is room for one, and its data may be another's */
  strcpy(last->name, "c.bias");
  header->parameters += (int64_t)like->elements;
  snapshot->elements += like->elements;
}
static void one_more_in_a_moment(lks_checkpoint_header *header, lks_snapshot *snapshot)
{
  one_more(header, snapshot);
  header->parameters -= (int64_t)snapshot->array[snapshot->arrays - 1].elements;
  snapshot->array[snapshot->arrays - 1].moment = 1;
}
static void other_moment(lks_checkpoint_header *header, lks_snapshot *snapshot)
{
  (void)header;
  strcpy(snapshot->moment_name[1], "max_exp_avg_sq");
}
static void two_more_moments(lks_checkpoint_header *header, lks_snapshot *snapshot)
{
  (void)header;
  strcpy(snapshot->moment_name[snapshot->moments++], "max_exp_avg_sq");
  strcpy(snapshot->moment_name[snapshot->moments++], "center");
}
static void no_optimizer(lks_checkpoint_header *header, lks_snapshot *snapshot)
{
  (void)header;
  snapshot->optimizer = false;
  snapshot->moments = 0;
}
static void no_moments(lks_checkpoint_header *header, lks_snapshot *snapshot)
{
  (void)header;
  snapshot->moments = 0;
}

static void test_bad_tensors(lks_comm *comm)
{
  static const struct {
    change *what;
    const char *part;
  } list[] = {
      {nan_in_a_moment, "element 11 of exp_avg_sq/dense1.weight is"},
      {negative_variance, "element 3 of bn2.running_var is -1 and must be finite and not negative"},
      {turned, "of another model: its dense1.weight is 3x4 and this model's is 4x3"},
      {flat, "of another model: its dense1.weight is 12 and this model's is 4x3"},
      {turned_in_a_moment, "of another model: its z.weight is 2x3x2x2 and this model's is 3x2x2x2"},
      {one_row_less, "of another model: its dense2.weight is 9x4 and this model's is 10x4"},
      {renamed, "of another model: it has no a.bias"},
      {renamed_in_a_moment, "of another model: it has no a.bias"},
      {one_more, "of another model: it has c.bias, which this model has not"},
      {one_more_in_a_moment, "of another model: it has c.bias, which this model has not"},
      {other_moment, "its moments are exp_avg max_exp_avg_sq and this run's are exp_avg exp_avg_sq"},
      {two_more_moments, "its moments are exp_avg exp_avg_sq max_exp_avg_sq center and this run's are"},
      {no_optimizer, "it holds no optimizer state: it cannot be continued from"},
      {no_moments, "its moments are none and this run's are exp_avg exp_avg_sq"},
  };
  subject s;
  enter(comm);
  create(&s, comm, "adam", 1);
  for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
    save_all(comm, &s, list[i].what);
    refuse_tensors(comm, &s, list[i].part);
  }
  save_all(comm, &s, one_more_in_a_moment); /* what is not wanted does no harm */
  lks_assert_ok_all(comm, lks_checkpoint_load_all(comm, path, s.network, NULL));
  save_all(comm, &s, no_optimizer);
  lks_assert_ok_all(comm, lks_checkpoint_load_all(comm, path, s.network, NULL));
  destroy(&s);
  leave(comm);
}

typedef lks_status action(lks_comm *comm, subject *s);

static lks_status read_header(lks_comm *comm, subject *s)
{
  (void)s;
  lks_checkpoint_header header;
  const lks_status status = lks_checkpoint_header_all(&header, comm, path);
  if (!status) lks_checkpoint_header_clear(&header);
  return status;
}
static lks_status load(lks_comm *comm, subject *s)
{
  return lks_checkpoint_load_all(comm, path, s->network, s->optimizer);
}
static lks_status fingerprint(lks_comm *comm, subject *s)
{
  char text[33];
  return lks_fingerprint_all(text, comm, s->network, s->optimizer);
}

/** Each allocation in turn fails on one rank, the last or the first. */
static void fail_on(lks_comm *comm, int rank, action *act, subject *s)
{
  const long before = lks_allocations_open();
  for (int number = 0;; number++) {
    calls = 0;
    fail_at = lks_comm_rank(comm) == rank ? number : -1;
    const lks_status status = act(comm, s);
    int reached = fail_at >= 0 && calls > number;
    fail_at = -1;
    lks_assert_ok_all(comm, lks_comm_broadcast_all(comm, &reached, sizeof reached, rank));
    lks_assert_all(comm, status == (reached ? LKS_ERR_RANK : LKS_OK));
    lks_assert_all(comm, !reached || strstr(lks_message(), "out of memory on purpose"));
    lks_assert_all(comm, lks_allocations_open() == before);
    if (!reached) return;
  }
}

static void test_memory_that_one_rank_does_not_get(lks_comm *comm)
{
  static action *const actions[] = {read_header, load, fingerprint};
  subject s;
  enter(comm);
  create(&s, comm, "adam", 1);
  save_all(comm, &s, nothing);
  for (int a = 0; a < 3; a++) {
    fail_on(comm, 0, actions[a], &s);
    fail_on(comm, lks_comm_size(comm) - 1, actions[a], &s);
  }
  destroy(&s);
  leave(comm);
}

static const lks_mpi_test tests[] = {
    LKS_MPI_TEST(test_header_on_all_ranks),
    LKS_MPI_TEST(test_bad_headers),
    LKS_MPI_TEST(test_bad_tensors),
    LKS_MPI_TEST(test_memory_that_one_rank_does_not_get),
};

int main(int argc, char **argv)
{
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
