#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lockstep/batch_norm.h"
#include "support/mpi_test.h"

/* What a batch norm refuses: on all ranks alike, with a sentence, and without waiting for ever. */

enum { PIXELS = 6, CHANNELS = 5, MOST = 4 };

/* A layer, and this rank's shard: none on the first of several ranks, and up to MOST samples on the others. */
typedef struct layer {
  lks_batch_norm *norm;
  size_t samples;
  float x[MOST * PIXELS * CHANNELS], dy[MOST * PIXELS * CHANNELS], y[MOST * PIXELS * CHANNELS],
      dx[MOST * PIXELS * CHANNELS];
  float dgamma[CHANNELS], running_mean[CHANNELS];
} layer;

static lks_batch_norm_options options(int group, size_t size)
{
  lks_batch_norm_options o;
  lks_batch_norm_options_default(&o);
  o.group = group;
  o.group_size = size;
  return o;
}

static void open_layer(layer *l, lks_comm *comm, const lks_batch_norm_options *o)
{
  const int rank = lks_comm_rank(comm), size = lks_comm_size(comm);
  memset(l, 0, sizeof *l);
  l->samples = rank == size - 1 ? MOST : rank % MOST;
  for (size_t i = 0; i < sizeof l->x / sizeof *l->x; i++) {
    l->x[i] = (float)((i * 37 + (size_t)rank) % 11);
    l->dy[i] = (float)((i * 17 + (size_t)rank) % 7);
  }
  lks_assert_ok_all(comm, lks_batch_norm_create_all(&l->norm, comm, CHANNELS, o));
}

static lks_status forward_all(layer *l)
{
  return lks_batch_norm_forward_all(l->norm, l->y, l->x, NULL, NULL, NULL, l->samples, PIXELS);
}

static lks_status backward_all(layer *l)
{
  return lks_batch_norm_backward_all(l->norm, l->dx, NULL, l->dgamma, NULL, l->dy, l->x, l->y);
}

static bool fails(lks_status status, lks_status expected, const char *words)
{
  const bool ok = status == expected && strstr(lks_message(), words) != NULL;
  if (!ok)
    fprintf(stderr, "status %d instead of %d: '%s' lacks '%s'\n", status, expected, lks_message(), words);
  return ok;
}

static bool refused_all(lks_comm *comm, size_t channels, lks_batch_norm_options o, const char *words)
{
  lks_batch_norm *norm = NULL;
  const bool ok = fails(lks_batch_norm_create_all(&norm, comm, channels, &o), LKS_ERR_USAGE, words);
  return ok && norm == NULL;
}

static void test_wrong_options(lks_comm *comm)
{
  const int rank = lks_comm_rank(comm), size = lks_comm_size(comm);
  lks_batch_norm_options o = options(LKS_BATCH_NORM_SYNC, 0);
  if (size > 1) {
    lks_assert_all(comm, refused_all(comm, rank == size - 1 ? 4 : 3, o, "channels"));
    o.epsilon = rank == 0 ? 1e-5 : 1e-3;
    lks_assert_all(comm, refused_all(comm, 3, o, "epsilon"));
    lks_assert_all(comm, refused_all(comm, 3, options(LKS_BATCH_NORM_SAMPLES, rank == 0 ? 2 : 3), "groups"));
  }
  lks_assert_all(comm, refused_all(comm, 0, options(LKS_BATCH_NORM_SYNC, 0), "0 channels"));
  lks_assert_all(comm, refused_all(comm, 3, options(LKS_BATCH_NORM_SYNC, 2), "group_size is 2"));
  lks_assert_all(comm, refused_all(comm, 3, options(LKS_BATCH_NORM_SAMPLES, 0), "group_size is 0"));
  lks_assert_all(comm, refused_all(comm, 3, options(9, 0), "group is 9"));
  o = options(LKS_BATCH_NORM_SYNC, 0);
  o.momentum = 1.5;
  lks_assert_all(comm, refused_all(comm, 3, o, "momentum"));
  o = options(LKS_BATCH_NORM_SYNC, 0);
  o.epsilon = NAN;
  lks_assert_all(comm, refused_all(comm, 3, o, "epsilon"));
  o = options(LKS_BATCH_NORM_SYNC, 0);
  o.microbatch = 0;
  lks_assert_all(comm, refused_all(comm, 3, o, "microbatches of 0"));
}

/* One rank's mistake is every rank's failure, nothing hangs, and the next call works. */
static void check_mistakes(lks_comm *comm, lks_batch_norm_options o)
{
  const bool mine = lks_comm_rank(comm) == lks_comm_size(comm) - 1; /* which has samples */
  layer l;
  open_layer(&l, comm, &o);
  lks_assert_all(comm, fails(backward_all(&l), LKS_ERR_USAGE, "without a forward pass"));
  lks_assert_all(comm, fails(lks_batch_norm_forward_all(l.norm, l.y, mine ? NULL : l.x, NULL, NULL, NULL,
                                                        l.samples, PIXELS),
                             LKS_ERR_USAGE, "x is NULL"));
  lks_assert_all(comm, fails(lks_batch_norm_forward_all(l.norm, l.y, l.x, NULL, NULL, NULL, l.samples,
                                                        mine ? 0 : PIXELS),
                             LKS_ERR_USAGE, "0 pixels"));
  lks_assert_ok_all(comm, forward_all(&l));
  lks_assert_all(
      comm, fails(lks_batch_norm_backward_all(l.norm, mine ? NULL : l.dx, NULL, NULL, NULL, l.dy, l.x, l.y),
                  LKS_ERR_USAGE, "dx is NULL"));
  lks_assert_ok_all(comm, backward_all(&l));
  lks_batch_norm_destroy_all(&l.norm);
}

static void check_values(lks_comm *comm, lks_batch_norm_options o)
{
  const bool mine = lks_comm_rank(comm) == lks_comm_size(comm) - 1;
  float before[CHANNELS];
  layer l;
  open_layer(&l, comm, &o);
  lks_assert_ok_all(comm, forward_all(&l));
  lks_batch_norm_get_running(l.norm, before, NULL, NULL);
  const float value = l.x[4];
  if (mine) l.x[4] = INFINITY;
  lks_assert_all(comm, fails(forward_all(&l), LKS_ERR_DIVERGED, "channel 4"));
  l.x[4] = value;
  lks_batch_norm_get_running(l.norm, l.running_mean, NULL, NULL);
  lks_assert_all(comm, memcmp(before, l.running_mean, sizeof before) == 0);
  if (o.group != LKS_BATCH_NORM_SAMPLES || o.group_size == 1)
    lks_assert_all(comm, fails(lks_batch_norm_forward_all(l.norm, l.y, l.x, NULL, NULL, NULL, mine, 1),
                               LKS_ERR_USAGE, "no variance"));
  lks_assert_ok_all(comm, lks_batch_norm_forward_all(l.norm, NULL, NULL, NULL, NULL, NULL, 0, 0));
  l.dgamma[0] = 1;
  lks_assert_ok_all(comm, lks_batch_norm_backward_all(l.norm, NULL, NULL, l.dgamma, NULL, NULL, NULL, NULL));
  lks_assert_all(comm, l.dgamma[0] == 0);
  lks_assert_ok_all(comm, forward_all(&l));
  lks_batch_norm_destroy_all(&l.norm);
}

static void test_mistakes(lks_comm *comm)
{
  const lks_batch_norm_options all[] = {options(LKS_BATCH_NORM_SYNC, 0), options(LKS_BATCH_NORM_SAMPLES, 5),
                                        options(LKS_BATCH_NORM_SAMPLES, 1), options(LKS_BATCH_NORM_RANKS, 1),
                                        options(LKS_BATCH_NORM_RANKS, 2)};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    check_mistakes(comm, all[i]);
    check_values(comm, all[i]);
  }
  lks_batch_norm_options o = options(LKS_BATCH_NORM_SYNC, 0);
  layer l;
  o.relu = 1;
  open_layer(&l, comm, &o);
  lks_assert_ok_all(comm, forward_all(&l));
  lks_assert_all(comm, fails(lks_batch_norm_backward_all(l.norm, l.dx, NULL, NULL, NULL, l.dy, l.x, NULL),
                             LKS_ERR_USAGE, "y is NULL"));
  lks_batch_norm_destroy_all(&l.norm);
}

/* Groups of samples need one number of pixels. */
static void test_other_pixels(lks_comm *comm)
{
  const lks_batch_norm_options o = options(LKS_BATCH_NORM_SAMPLES, 2);
  const int size = lks_comm_size(comm);
  const size_t pixels = lks_comm_rank(comm) == size - 1 ? 2 : 3;
  layer l;
  open_layer(&l, comm, &o);
  const lks_status status = lks_batch_norm_forward_all(l.norm, l.y, l.x, NULL, NULL, NULL, l.samples, pixels);
  lks_assert_all(comm, size < 3 ? status == LKS_OK : fails(status, LKS_ERR_USAGE, "pixels a sample"));
  lks_batch_norm_destroy_all(&l.norm);
}

static const lks_mpi_test tests[] = {LKS_MPI_TEST(test_wrong_options), LKS_MPI_TEST(test_mistakes),
                                     LKS_MPI_TEST(test_other_pixels)};

int main(int argc, char **argv)
{
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
