#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/type.h"
#include "lockstep/batch_norm.h"
#include "lockstep/memory.h"
#include "support/mpi_test.h"
#include "support/naive_batch_norm.h"

/* lks_batch_norm against a naive twin in double over the whole mini-batch, which every rank works out, and against
 * itself on one rank, to the bit; with shards of any size, also empty ones. */

enum { SAMPLES = 22, PIXELS = 6, CHANNELS = 19, ROWS = SAMPLES * PIXELS, ELEMENTS = ROWS * CHANNELS };

/* The whole mini-batch; values of the type, as floats. */
typedef struct mini_batch {
  size_t pixels, rows;
  float x[ELEMENTS], residual[ELEMENTS], dy[ELEMENTS], gamma[CHANNELS], beta[CHANNELS];
} mini_batch;

/* What comes out, of the whole mini-batch. */
typedef struct outcome {
  double y[ELEMENTS], dx[ELEMENTS], dresidual[ELEMENTS], dgamma[CHANNELS], dbeta[CHANNELS];
  double running_mean[CHANNELS], running_variance[CHANNELS];
} outcome;

/* In the library's types, of one rank; bytes are compared. */
typedef struct result {
  float y[ELEMENTS], dx[ELEMENTS], dresidual[ELEMENTS]; /* or bf16 */
  float dgamma[CHANNELS], dbeta[CHANNELS], running_mean[CHANNELS], running_variance[CHANNELS];
} result;

static mini_batch batch; /* too large for a stack of some systems */
static outcome twin;
static result own, alone;

static float noise(size_t i, unsigned seed)
{
  const uint32_t mixed = (uint32_t)(i * 2654435761u + seed * 40503u) * 2246822519u;
  return (float)(mixed >> 8) / (1 << 23) - 1;
}

static float rounded(float value, int type)
{
  return type == LKS_BF16 ? lks_bf16_to_float(lks_bf16_from_float(value)) : value;
}

/* Samples differ in their means, and channels in theirs and in their spread. */
static void draw(size_t pixels, int type)
{
  batch.pixels = pixels;
  batch.rows = SAMPLES * pixels;
  for (size_t i = 0; i < batch.rows * CHANNELS; i++) {
    const size_t c = i % CHANNELS, sample = i / CHANNELS / pixels;
    batch.x[i] =
        rounded(noise(i, 1) * (0.5f + (float)c / 5) + (float)c - 3 + 0.25f * (float)(sample % 5), type);
    batch.residual[i] = rounded(noise(i, 2), type);
    batch.dy[i] = rounded(noise(i, 3) + 0.1f * (float)(c % 3), type);
  }
  for (size_t c = 0; c < CHANNELS; c++) {
    batch.gamma[c] = 1 + 0.5f * noise(c, 4);
    batch.beta[c] = noise(c, 5);
  }
}

/* Samples of the ranks before this one: 0 evenly; 1 unevenly, with empty ones; 2 all on the last; 3 in pairs. */
static size_t shard_begin(int way, int rank, int size)
{
  if (rank == size) return SAMPLES;
  const size_t r = (size_t)rank, n = (size_t)size;
  if (way == 0) return SAMPLES * r / n;
  if (way == 1) return SAMPLES * r * r / (n * n);
  if (way == 2) return 0;
  return SAMPLES / 2 * r * r / (n * n) * 2;
}

static size_t group_end(const lks_batch_norm_options *o, int way, int size, size_t begin)
{
  if (o->group == LKS_BATCH_NORM_SAMPLES) {
    const size_t end = begin + o->group_size;
    return end + 1 >= SAMPLES && batch.pixels == 1 ? SAMPLES : end < SAMPLES ? end : SAMPLES;
  }
  for (int r = 0; o->group == LKS_BATCH_NORM_RANKS && r < size; r += (int)o->group_size)
    if (shard_begin(way, r, size) > begin) return shard_begin(way, r, size);
  return SAMPLES;
}

/* The naive backward pass lacks the activation. */
static void twin_group(const lks_batch_norm_options *o, bool add, size_t begin, size_t end)
{
  static float g[ELEMENTS];
  double mean[CHANNELS], variance[CHANNELS], dgamma[CHANNELS], dbeta[CHANNELS];
  const size_t at = begin * batch.pixels * CHANNELS, rows = (end - begin) * batch.pixels;
  naive_batch_norm_moments(mean, variance, batch.x + at, rows, CHANNELS);
  naive_batch_norm_forward(twin.y + at, batch.x + at, add ? batch.residual + at : NULL, mean, variance,
                           batch.gamma, batch.beta, o->epsilon, o->relu, rows, CHANNELS);
  for (size_t i = at; i < at + rows * CHANNELS; i++)
    twin.dresidual[i] = g[i] = o->relu && !(twin.y[i] > 0) ? 0 : batch.dy[i];
  naive_batch_norm_backward(twin.dx + at, dgamma, dbeta, g + at, batch.x + at, mean, variance, batch.gamma,
                            o->epsilon, rows, CHANNELS);
  for (size_t c = 0; c < CHANNELS; c++) {
    twin.dgamma[c] += dgamma[c];
    twin.dbeta[c] += dbeta[c];
  }
}

static void work_out(const lks_batch_norm_options *o, bool add, int way, int size)
{
  double mean[CHANNELS], variance[CHANNELS];
  const double n = (double)batch.rows, a = o->momentum;
  memset(&twin, 0, sizeof twin);
  naive_batch_norm_moments(mean, variance, batch.x, batch.rows, CHANNELS);
  for (size_t c = 0; c < CHANNELS; c++) {
    twin.running_mean[c] = a * mean[c];
    twin.running_variance[c] = 1 - a + a * variance[c] * n / (n - 1);
  }
  for (size_t begin = 0, end; begin < SAMPLES; begin = end) {
    end = group_end(o, way, size, begin);
    twin_group(o, add, begin, end);
  }
}

static void store(void *out, const float *values, size_t count, int type)
{
  for (size_t i = 0; i < count; i++) lks_type_store(out, i, values[i], (lks_type)type);
}

/* One forward and backward pass of this rank's shard. */
static lks_status pass_all(lks_comm *comm, result *out, const lks_batch_norm_options *o, bool add, int way)
{
  static float x[ELEMENTS], residual[ELEMENTS], dy[ELEMENTS];
  const int rank = lks_comm_rank(comm), size = lks_comm_size(comm);
  const size_t begin = shard_begin(way, rank, size), samples = shard_begin(way, rank + 1, size) - begin;
  const size_t at = begin * batch.pixels * CHANNELS, count = samples * batch.pixels * CHANNELS;
  lks_batch_norm *norm = NULL;
  memset(out, 0, sizeof *out);
  store(x, batch.x + at, count, o->type);
  store(residual, batch.residual + at, count, o->type);
  store(dy, batch.dy + at, count, o->type);
  lks_status status = lks_batch_norm_create_all(&norm, comm, CHANNELS, o);
  if (!status)
    status = lks_batch_norm_forward_all(norm, out->y, x, add ? residual : NULL, batch.gamma, batch.beta,
                                        samples, batch.pixels);
  if (!status)
    status = lks_batch_norm_backward_all(norm, out->dx, add ? out->dresidual : NULL, out->dgamma, out->dbeta,
                                         dy, x, out->y);
  if (!status) lks_batch_norm_get_running(norm, out->running_mean, out->running_variance, NULL);
  lks_batch_norm_destroy_all(&norm);
  return status;
}

static bool near(double value, double expected, double tolerance)
{
  const bool ok = fabs(value - expected) <= tolerance * (1 + fabs(expected));
  if (!ok) fprintf(stderr, "%.9g instead of %.9g\n", value, expected);
  return ok;
}

/* The shard's arrays: within the type's rounding; of a relu's gradient, where y is not as good as 0. */
static bool near_shard(const lks_batch_norm_options *o, bool add, size_t at, size_t count)
{
  const double tolerance = o->type == LKS_BF16 ? 2e-2 : 3e-6;
  bool ok = true;
  for (size_t i = 0; i < count && ok; i++) {
    ok = near(lks_type_load(own.y, i, (lks_type)o->type), twin.y[at + i], tolerance);
    if (o->relu && fabs(twin.y[at + i]) < tolerance) continue;
    ok =
        ok && near(lks_type_load(own.dx, i, (lks_type)o->type), twin.dx[at + i], tolerance) &&
        (!add || near(lks_type_load(own.dresidual, i, (lks_type)o->type), twin.dresidual[at + i], tolerance));
  }
  return ok;
}

static bool near_channels(const lks_batch_norm_options *o)
{
  const double tolerance = o->type == LKS_BF16 ? 2e-2 : 3e-6;
  bool ok = true;
  for (size_t c = 0; c < CHANNELS && ok; c++)
    ok = near(own.dgamma[c], twin.dgamma[c], tolerance * 20) &&
         near(own.dbeta[c], twin.dbeta[c], tolerance * 20) &&
         near(own.running_mean[c], twin.running_mean[c], tolerance) &&
         near(own.running_variance[c], twin.running_variance[c], tolerance);
  return ok;
}

static lks_batch_norm_options options(int group, size_t size)
{
  lks_batch_norm_options o;
  lks_batch_norm_options_default(&o);
  o.group = group;
  o.group_size = size;
  return o;
}

static void check_values(lks_comm *comm, lks_batch_norm_options o, bool add, size_t pixels)
{
  const int rank = lks_comm_rank(comm), size = lks_comm_size(comm);
  draw(pixels, o.type);
  for (int way = 0; way < 4; way++) {
    work_out(&o, add, way, size);
    lks_assert_ok_all(comm, pass_all(comm, &own, &o, add, way));
    const size_t begin = shard_begin(way, rank, size) * pixels * CHANNELS,
                 end = shard_begin(way, rank + 1, size) * pixels * CHANNELS;
    lks_assert_all(comm, near_shard(&o, add, begin, end - begin) && near_channels(&o));
  }
}

static void test_values_over_all_ranks(lks_comm *comm)
{
  lks_batch_norm_options o = options(LKS_BATCH_NORM_SYNC, 0);
  check_values(comm, o, false, 1);
  check_values(comm, o, false, PIXELS);
  o.relu = 1;
  check_values(comm, o, false, PIXELS);
  check_values(comm, o, true, PIXELS);
  o.type = LKS_BF16;
  check_values(comm, o, true, PIXELS);
  o.relu = 0;
  check_values(comm, o, false, 1);
}

static void test_values_in_groups(lks_comm *comm)
{
  for (size_t size = 2; size <= SAMPLES + 1; size += size < 8 ? 1 : 7) {
    check_values(comm, options(LKS_BATCH_NORM_SAMPLES, size), false, 1);
    check_values(comm, options(LKS_BATCH_NORM_SAMPLES, size), true, PIXELS);
  }
  for (size_t ranks = 1; ranks <= 4; ranks++)
    check_values(comm, options(LKS_BATCH_NORM_RANKS, ranks), true, PIXELS);
}

/* Whether this rank's shard has the bits of a single rank's whole mini-batch. */
static bool same_as_alone(lks_comm *comm, const lks_batch_norm_options *o, int way)
{
  const int rank = lks_comm_rank(comm), size = lks_comm_size(comm);
  const size_t bytes = CHANNELS * batch.pixels * lks_type_bytes((lks_type)o->type);
  const size_t at = shard_begin(way, rank, size) * bytes,
               count = shard_begin(way, rank + 1, size) * bytes - at;
  return memcmp(own.y, (char *)alone.y + at, count) == 0 &&
         memcmp(own.dx, (char *)alone.dx + at, count) == 0 &&
         memcmp(own.dresidual, (char *)alone.dresidual + at, count) == 0 &&
         memcmp(own.dgamma, alone.dgamma, sizeof own.dgamma) == 0 &&
         memcmp(own.dbeta, alone.dbeta, sizeof own.dbeta) == 0 &&
         memcmp(own.running_mean, alone.running_mean, sizeof own.running_mean) == 0 &&
         memcmp(own.running_variance, alone.running_variance, sizeof own.running_variance) == 0;
}

static void check_bits(lks_comm *comm, lks_comm *self, lks_batch_norm_options o, int first_way, size_t pixels)
{
  draw(pixels, o.type);
  o.threads = 1;
  lks_assert_ok_all(comm, pass_all(self, &alone, &o, true, 0));
  for (int way = first_way; way < 4; way++) {
    o.threads = 1 + way % 2;
    lks_assert_ok_all(comm, pass_all(comm, &own, &o, true, way));
    lks_assert_all(comm, same_as_alone(comm, &o, way));
  }
}

static void test_bits(lks_comm *comm)
{
  lks_comm *self = NULL;
  lks_assert_ok_all(comm, lks_comm_create_all(&self, MPI_COMM_SELF));
  for (int type = LKS_FP32; type <= LKS_BF16; type++) {
    lks_batch_norm_options o = options(LKS_BATCH_NORM_SYNC, 0);
    o.type = type;
    o.relu = type == LKS_FP32;
    check_bits(comm, self, o, 0, PIXELS);
    check_bits(comm, self, o, 0, 1);
    o.group = LKS_BATCH_NORM_SAMPLES;
    o.group_size = 5;
    check_bits(comm, self, o, 0, PIXELS);
    o.microbatch = 2;
    check_bits(comm, self, o, 3, PIXELS); /* in pairs */
    check_bits(comm, self, o, 3, 1);
  }
  lks_comm_destroy_all(&self);
}

/* The control: on each rank alone it is another normalization. */
static void test_each_rank_alone_differs(lks_comm *comm)
{
  lks_comm *self = NULL;
  const lks_batch_norm_options sync = options(LKS_BATCH_NORM_SYNC, 0), o = options(LKS_BATCH_NORM_RANKS, 1);
  draw(PIXELS, LKS_FP32);
  lks_assert_ok_all(comm, lks_comm_create_all(&self, MPI_COMM_SELF));
  lks_assert_ok_all(comm, pass_all(self, &alone, &sync, false, 0));
  lks_assert_ok_all(comm, pass_all(comm, &own, &o, false, 0));
  const size_t bytes = sizeof own.running_mean;
  lks_assert_all(comm, same_as_alone(comm, &o, 0) == (lks_comm_size(comm) == 1));
  lks_assert_all(comm,
                 memcmp(own.running_mean, alone.running_mean, bytes) == 0); /* that of the whole mini-batch */
  lks_comm_destroy_all(&self);
}

/* own_gradients: the shares add up to the whole. */
static void test_own_gradients(lks_comm *comm)
{
  lks_batch_norm_options o = options(LKS_BATCH_NORM_SYNC, 0);
  draw(PIXELS, LKS_FP32);
  work_out(&o, false, 1, lks_comm_size(comm));
  for (int group = LKS_BATCH_NORM_SYNC; group <= LKS_BATCH_NORM_SAMPLES; group++) {
    o.group = group;
    o.group_size = group == LKS_BATCH_NORM_SAMPLES ? SAMPLES : 0;
    o.own_gradients = 1;
    lks_assert_ok_all(comm, pass_all(comm, &own, &o, false, 1));
    float sums[2 * CHANNELS];
    memcpy(sums, own.dgamma, sizeof own.dgamma);
    memcpy(sums + CHANNELS, own.dbeta, sizeof own.dbeta);
    MPI_Allreduce(MPI_IN_PLACE, sums, 2 * CHANNELS, MPI_FLOAT, MPI_SUM, lks_comm_handle(comm));
    bool ok = true;
    for (size_t c = 0; c < CHANNELS; c++)
      ok = ok && near(sums[c], twin.dgamma[c], 1e-4) && near(sums[CHANNELS + c], twin.dbeta[c], 1e-4);
    lks_assert_all(comm, ok);
  }
}

/* A layer that is used several times. */
typedef struct layer {
  lks_comm *comm;
  lks_batch_norm *norm;
  size_t begin, samples;
} layer;

static void open_layer(layer *l, lks_comm *comm, const lks_batch_norm_options *o)
{
  const int rank = lks_comm_rank(comm), size = lks_comm_size(comm);
  draw(PIXELS, LKS_FP32);
  l->comm = comm;
  l->begin = shard_begin(1, rank, size);
  l->samples = shard_begin(1, rank + 1, size) - l->begin;
  lks_assert_ok_all(comm, lks_batch_norm_create_all(&l->norm, comm, CHANNELS, o));
}

static lks_status forward_all(layer *l)
{
  return lks_batch_norm_forward_all(l->norm, own.y, batch.x + l->begin * PIXELS * CHANNELS, NULL, batch.gamma,
                                    batch.beta, l->samples, PIXELS);
}

static lks_status backward_all(layer *l)
{
  return lks_batch_norm_backward_all(l->norm, own.dx, NULL, own.dgamma, own.dbeta,
                                     batch.dy + l->begin * PIXELS * CHANNELS,
                                     batch.x + l->begin * PIXELS * CHANNELS, own.y);
}

/* With statistics that are constants: y and the gradients by the formula. */
static void test_running(lks_comm *comm)
{
  const lks_batch_norm_options o = options(LKS_BATCH_NORM_SYNC, 0);
  layer l;
  float mean[CHANNELS], variance[CHANNELS];
  double dgamma[CHANNELS] = {0};
  bool ok = true;
  open_layer(&l, comm, &o);
  for (size_t c = 0; c < CHANNELS; c++) {
    mean[c] = noise(c, 6);
    variance[c] = 1.5f + noise(c, 7);
  }
  lks_batch_norm_set_running(l.norm, mean, variance, 7);
  const size_t at = l.begin * PIXELS * CHANNELS, count = l.samples * PIXELS * CHANNELS;
  lks_status status = lks_batch_norm_forward_running(l.norm, own.y, batch.x + at, NULL, batch.gamma,
                                                     batch.beta, l.samples, PIXELS);
  lks_assert_ok_all(comm, status);
  lks_assert_ok_all(comm, backward_all(&l));
  for (size_t i = 0; i < batch.rows * CHANNELS; i++) {
    const size_t c = i % CHANNELS;
    const double rstd = 1 / sqrt(variance[c] + o.epsilon), x_hat = (batch.x[i] - mean[c]) * rstd;
    dgamma[c] += batch.dy[i] * x_hat;
    if (i < at || i >= at + count) continue;
    ok = ok && near(own.y[i - at], batch.gamma[c] * x_hat + batch.beta[c], 3e-6) &&
         near(own.dx[i - at], batch.gamma[c] * rstd * batch.dy[i], 3e-6);
  }
  for (size_t c = 0; c < CHANNELS; c++) ok = ok && near(own.dgamma[c], dgamma[c], 1e-4);
  uint64_t updates;
  lks_batch_norm_get_running(l.norm, own.running_mean, NULL, &updates);
  lks_assert_all(comm, ok && updates == 7 && memcmp(own.running_mean, mean, sizeof mean) == 0);
  lks_batch_norm_destroy_all(&l.norm);
}

/* Two halves, added up, are the whole; and training's statistics stay as they were meanwhile. */
static void test_precise(lks_comm *comm)
{
  const lks_batch_norm_options o = options(LKS_BATCH_NORM_SYNC, 0);
  layer l;
  double mean[CHANNELS], variance[CHANNELS], n;
  bool ok = true;
  open_layer(&l, comm, &o);
  naive_batch_norm_moments(mean, variance, batch.x, batch.rows, CHANNELS);
  lks_assert_all(comm, lks_batch_norm_precise_end(l.norm) == LKS_ERR_USAGE);
  lks_batch_norm_precise_begin(l.norm);
  for (int half = 0; half < 2; half++) {
    const size_t first = half ? l.samples / 3 : 0, end = half ? l.samples : l.samples / 3;
    lks_assert_ok_all(comm, lks_batch_norm_forward_all(l.norm, own.y,
                                                       batch.x + (l.begin + first) * PIXELS * CHANNELS, NULL,
                                                       NULL, NULL, end - first, PIXELS));
  }
  lks_batch_norm_get_running(l.norm, own.running_mean, own.running_variance, NULL);
  for (size_t c = 0; c < CHANNELS; c++) ok = ok && own.running_mean[c] == 0 && own.running_variance[c] == 1;
  lks_assert_all(comm, ok);
  lks_assert_ok_all(comm, lks_batch_norm_precise_end(l.norm));
  lks_batch_norm_get_running(l.norm, own.running_mean, own.running_variance, NULL);
  for (size_t c = 0; c < CHANNELS; c++)
    ok = ok && near(own.running_mean[c], mean[c], 1e-6) &&
         near(own.running_variance[c], variance[c] * ROWS / (ROWS - 1), 1e-6);
  lks_assert_ok_all(comm, forward_all(&l));
  lks_batch_norm_get_moments(l.norm, twin.running_mean, twin.running_variance, &n);
  for (size_t c = 0; c < CHANNELS; c++)
    ok = ok && near(twin.running_mean[c], mean[c], 1e-12) &&
         near(twin.running_variance[c], variance[c], 1e-12);
  lks_assert_all(comm, ok && n == ROWS);
  lks_batch_norm_destroy_all(&l.norm);
}

/* Nothing is allocated after the first call of a shape, whichever came between. */
static void test_allocations(lks_comm *comm)
{
  for (int group = LKS_BATCH_NORM_SYNC; group <= LKS_BATCH_NORM_NONE; group++) {
    const lks_batch_norm_options o = options(group, group == LKS_BATCH_NORM_SAMPLES ? 5
                                                    : group == LKS_BATCH_NORM_RANKS ? 2
                                                                                    : 0);
    layer l;
    long made = 0;
    open_layer(&l, comm, &o);
    const size_t samples = l.samples;
    for (int round = 0; round < 3; round++) {
      for (size_t less = 0; less < 3; less++) {
        l.samples = samples > less ? samples - less : samples;
        lks_assert_ok_all(comm, forward_all(&l));
        lks_assert_ok_all(comm, backward_all(&l));
      }
      if (round == 0) made = lks_allocations_made();
    }
    lks_assert_all(comm, made > 0 && lks_allocations_made() == made);
    lks_batch_norm_destroy_all(&l.norm);
  }
}

/* Without batch norm: the activation and the residual alone. */
static void test_none(lks_comm *comm)
{
  lks_batch_norm_options o = options(LKS_BATCH_NORM_NONE, 0);
  o.relu = 1;
  draw(PIXELS, LKS_FP32);
  lks_assert_ok_all(comm, pass_all(comm, &own, &o, true, 0));
  const int rank = lks_comm_rank(comm), size = lks_comm_size(comm);
  const size_t at = shard_begin(0, rank, size) * PIXELS * CHANNELS,
               count = shard_begin(0, rank + 1, size) * PIXELS * CHANNELS - at;
  bool ok = own.dgamma[1] == 0 && own.running_variance[1] == 1;
  for (size_t i = 0; i < count; i++) {
    const float sum = batch.x[at + i] + batch.residual[at + i];
    ok = ok && own.y[i] == (sum > 0 ? sum : 0) && own.dx[i] == (sum > 0 ? batch.dy[at + i] : 0);
  }
  lks_assert_all(comm, ok);
}

static const lks_mpi_test tests[] = {
    LKS_MPI_TEST(test_values_over_all_ranks),
    LKS_MPI_TEST(test_values_in_groups),
    LKS_MPI_TEST(test_bits),
    LKS_MPI_TEST(test_each_rank_alone_differs),
    LKS_MPI_TEST(test_own_gradients),
    LKS_MPI_TEST(test_running),
    LKS_MPI_TEST(test_precise),
    LKS_MPI_TEST(test_allocations),
    LKS_MPI_TEST(test_none),
};

int main(int argc, char **argv)
{
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
