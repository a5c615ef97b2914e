#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "dataset/window_filler.h"

/* Threads are the ranks of a node, and a list of numbers is the file. */
enum { SAMPLES = 500, CHUNK = 16, WINDOW = 50, RANKS = 3, SEEKS = 40 };

typedef struct numbers {
  const uint32_t *chunk;
  size_t count, at, read, bad; /* bad: the chunk that cannot be read; 0: all can */
} numbers;

static lks_status begin(void *context, const uint32_t *chunk, size_t count)
{
  numbers *n = context;
  n->chunk = chunk;
  n->count = count;
  n->at = 0;
  return LKS_OK;
}

static lks_status next(void *context, void *values)
{
  numbers *n = context;
  if (n->at == n->count) return lks_fail(LKS_ERR_DATA, "more chunks are read than were told");
  const uint32_t chunk = n->chunk[n->at++];
  if (n->bad && chunk == n->bad) return lks_fail(LKS_ERR_IO, "chunk %u cannot be read", chunk);
  for (uint32_t i = chunk * CHUNK; i < (chunk + 1) * CHUNK && i < SAMPLES; i++)
    ((uint32_t *)values)[i - chunk * CHUNK] = i * 2654435761u;
  n->read++;
  return LKS_OK;
}

static void end(void *context)
{
  (void)context;
}

static const lks_window_options options = {
    .count = SAMPLES, .chunk = CHUNK, .window = WINDOW, .shuffled = true, .seed = 7};

typedef struct scene {
  lks_window_share *share;
  numbers file;
  lks_window_options options;
  pthread_barrier_t all_joined;
  bool together; /* ranks seek together; else each goes on as it likes */
} scene;

typedef struct one_rank {
  scene *scene;
  size_t rank, failures;
  bool ok;
} one_rank;

static bool never(const void *context)
{
  (void)context;
  return false;
}

/* Windows of an epoch from one of them on; a rank takes every third sample of a window. False: a value is wrong. */
static bool take_windows(one_rank *me, lks_window_stream *stream, lks_window_planner *planner, uint64_t seek,
                         size_t epoch, size_t first)
{
  const lks_window_order order = lks_window_planner_order(planner, epoch);
  const size_t step = seek % 4 == 3 ? 5 : 1; /* more: nobody of this node needs some windows */
  lks_window_stream_need(stream, me->rank, LKS_WINDOW_AT(seek, first), epoch);
  for (size_t w = first; w < order.windows; w += step) {
    const void *values;
    const size_t from = w ? order.end[w - 1] : 0;
    const lks_status status = lks_window_stream_await(&values, stream, LKS_WINDOW_AT(seek, w), never, NULL);
    if (status) {
      me->failures++;
      return status == LKS_ERR_IO && strstr(lks_message(), "cannot be read") != NULL;
    }
    for (size_t i = from + me->rank; i < order.end[w]; i += RANKS)
      if (((const uint32_t *)values)[i - from] != order.sample[i] * 2654435761u) return false;
    if (w % 4 == 3 && seek % 3 == 1 && epoch % 2 == 0) return true; /* leaves the epoch early */
    lks_window_stream_need(stream, me->rank, LKS_WINDOW_AT(seek, w + step), epoch);
  }
  return true;
}

static void *play(void *argument)
{
  one_rank *me = argument;
  scene *s = me->scene;
  lks_window_stream *stream = NULL;
  lks_window_planner *planner = NULL;
  lks_window_filler *filler = NULL;
  const lks_chunk_source source = {&s->file, CHUNK, sizeof(uint32_t), begin, next, end};
  me->ok = !lks_window_stream_join(&stream, s->share, me->rank, (uint64_t[]){1, 2}, WINDOW * 4) &&
           !lks_window_planner_create(&planner, &s->options);
  if (me->rank == 0) me->ok = me->ok && !lks_window_filler_create(&filler, stream, &s->options, &source);
  pthread_barrier_wait(&s->all_joined);
  for (uint64_t seek = 1; seek <= SEEKS; seek++) {
    if (me->ok) me->ok = take_windows(me, stream, planner, seek, seek % 7, seek % 5);
    if (!me->ok) lks_window_stream_leave(&stream, s->share, me->rank); /* or the others would wait */
    if (s->together) pthread_barrier_wait(&s->all_joined);
  }
  pthread_barrier_wait(&s->all_joined);
  lks_window_filler_destroy(&filler);
  lks_window_stream_leave(&stream, s->share, me->rank);
  lks_window_planner_destroy(&planner);
  return NULL;
}

static lks_window_share *share_create(size_t ranks)
{
  const size_t large = lks_whole_lines((WINDOW + CHUNK) * sizeof(uint32_t)), small = 64;
  lks_window_share *share = aligned_alloc(64, lks_whole_lines(lks_window_share_bytes(ranks, large, small)));
  assert_non_null(share);
  lks_window_share_begin(share, ranks, large, small);
  return share;
}

static size_t play_all(scene *s)
{
  pthread_t thread[RANKS];
  one_rank rank[RANKS];
  size_t failures = 0;
  s->share = share_create(RANKS);
  pthread_barrier_init(&s->all_joined, NULL, RANKS);
  for (size_t r = 0; r < RANKS; r++) {
    rank[r] = (one_rank){.scene = s, .rank = r};
    assert_int_equal(pthread_create(&thread[r], NULL, play, &rank[r]), 0);
  }
  for (size_t r = 0; r < RANKS; r++) pthread_join(thread[r], NULL);
  for (size_t r = 0; r < RANKS; r++) {
    assert_true(rank[r].ok);
    failures += rank[r].failures;
  }
  pthread_barrier_destroy(&s->all_joined);
  free(s->share);
  return failures;
}

/* Whether ranks wait for each other or not, each gets the samples of each of its windows. */
static void test_every_rank_gets_every_window(void **state)
{
  (void)state;
  for (int together = 0; together < 2; together++) {
    scene s = {.options = options, .together = together};
    assert_int_equal(play_all(&s), 0);
    assert_in_range(s.file.read, SEEKS * SAMPLES / CHUNK / 5, SEEKS * (SAMPLES / CHUNK + 1));
  }
}

/* Chunks without a chosen sample are left alone. */
static void test_reads_what_is_chosen_alone(void **state)
{
  (void)state;
  uint32_t subset[40];
  for (uint32_t i = 0; i < 40; i++) subset[i] = i / 8 * 100 + i % 8;
  scene s = {.options = options};
  s.options.subset = subset;
  s.options.count = 40;
  assert_int_equal(play_all(&s), 0);
  assert_true(s.file.read <= SEEKS * 10);
}

/* A chunk that cannot be read fails its epoch on all ranks, and no other. */
static void test_a_failure_reaches_all(void **state)
{
  (void)state;
  scene s = {.options = options, .file = {.bad = 11}};
  assert_in_range(play_all(&s), RANKS * SEEKS / 4, RANKS * SEEKS);
}

static bool at_once(const void *context)
{
  (void)context;
  return true;
}

static void test_joining_and_leaving(void **state)
{
  (void)state;
  enum { LARGE = WINDOW * 4 };
  const void *values;
  const uint64_t one[] = {1, 1}, other[] = {1, 2};
  lks_window_share *share = share_create(2);
  lks_window_stream *a[2] = {NULL}, *b[2] = {NULL}, *c = NULL, *small[4] = {NULL};
  for (size_t r = 0; r < 2; r++) {
    assert_int_equal(lks_window_stream_join(&a[r], share, r, one, LARGE), LKS_OK);
    assert_int_equal(lks_window_stream_join(&b[r], share, r, one, LARGE), LKS_OK);
  }
  assert_true(a[0] == a[1] && b[0] == b[1] && a[0] != b[0]);
  assert_int_equal(lks_window_stream_join(&c, share, 0, other, LARGE), LKS_ERR_USAGE);
  for (size_t i = 0; i < 3; i++)
    assert_int_equal(lks_window_stream_join(&small[i], share, 0, (uint64_t[]){2, i}, 4), LKS_OK);
  assert_int_equal(lks_window_stream_join(&small[3], share, 0, other, 4), LKS_ERR_USAGE);
  lks_window_stream_need(a[1], 1, LKS_WINDOW_AT(1, 0), 0);
  size_t epoch;
  assert_int_equal(lks_window_stream_needed(&epoch, a[0]), 0); /* rank 0 has not said */
  assert_int_equal(lks_window_stream_await(&values, a[1], LKS_WINDOW_AT(1, 0), at_once, NULL), LKS_STOPPED);
  lks_window_stream_leave(&a[0], share, 0);
  assert_int_equal(lks_window_stream_await(&values, a[1], LKS_WINDOW_AT(1, 0), never, NULL), LKS_ERR_RANK);
  assert_int_equal(lks_window_stream_join(&c, share, 0, other, LARGE), LKS_ERR_USAGE);
  lks_window_stream_leave(&a[1], share, 1);
  assert_int_equal(lks_window_stream_join(&c, share, 0, other, LARGE), LKS_OK);
  lks_window_stream_leave(&c, share, 0);
  lks_window_stream_leave(&c, share, 0);
  free(share);
}

/* Who has left a stream gets another one, and nothing of what it held for others before. */
static void test_a_stream_begins_anew(void **state)
{
  (void)state;
  const void *values;
  const uint64_t key[] = {3, 3};
  lks_window_share *share = share_create(2);
  lks_window_stream *first = NULL, *again = NULL, *of_other = NULL;
  assert_int_equal(lks_window_stream_join(&first, share, 0, key, 4), LKS_OK);
  assert_int_equal(lks_window_stream_join(&of_other, share, 1, key, 4), LKS_OK);
  lks_window_stream *const was = first;
  lks_window_stream_buffer(first, LKS_WINDOW_AT(1, 1));
  lks_window_stream_filled(first, LKS_WINDOW_AT(1, 1));
  lks_fail(LKS_ERR_IO, "on purpose");
  lks_window_stream_failed(first, LKS_WINDOW_AT(1, 0), LKS_ERR_IO);
  assert_int_equal(lks_window_stream_await(&values, first, LKS_WINDOW_AT(1, 1), never, NULL), LKS_OK);
  assert_int_equal(lks_window_stream_await(&values, first, LKS_WINDOW_AT(1, 0), never, NULL), LKS_ERR_IO);
  assert_string_equal(lks_message(), "on purpose");
  lks_window_stream_leave(&first, share, 0);
  assert_int_equal(lks_window_stream_join(&again, share, 0, key, 4), LKS_OK);
  assert_ptr_not_equal(again, of_other);
  lks_window_stream_leave(&again, share, 0);
  lks_window_stream_leave(&of_other, share, 1);
  assert_int_equal(lks_window_stream_join(&again, share, 0, key, 4), LKS_OK);
  assert_ptr_equal(again, was);
  for (size_t w = 0; w < 2; w++)
    assert_int_equal(lks_window_stream_await(&values, again, LKS_WINDOW_AT(1, w), at_once, NULL),
                     LKS_STOPPED);
  free(share);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_rank_gets_every_window), cmocka_unit_test(test_reads_what_is_chosen_alone),
      cmocka_unit_test(test_a_failure_reaches_all),        cmocka_unit_test(test_joining_and_leaving),
      cmocka_unit_test(test_a_stream_begins_anew),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
