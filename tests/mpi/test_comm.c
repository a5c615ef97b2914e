#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/random.h"
#include "lockstep/exact_sum.h"
#include "support/mpi_test.h"

/* Whether all ranks agree on `expected` with `message` when each brings `own`. */
static bool agrees(lks_comm *comm, lks_status own, lks_status expected, const char *message)
{
  if (own != LKS_OK) lks_fail(own, "cause %d of rank %d", (int)own, lks_comm_rank(comm));
  lks_status status = lks_comm_agree_all(comm, own);
  return status == expected && (expected == LKS_OK || strcmp(lks_message(), message) == 0);
}

/* host[]: the host of rank `rank`, on every rank. */
static void host_of(char host[MPI_MAX_PROCESSOR_NAME], lks_comm *comm, int rank)
{
  snprintf(host, MPI_MAX_PROCESSOR_NAME, "%s", lks_comm_host(comm));
  MPI_Bcast(host, MPI_MAX_PROCESSOR_NAME, MPI_CHAR, rank, lks_comm_handle(comm));
}

static void test_ranks_and_nodes(lks_comm *comm)
{
  int rank, size;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  bool ok = lks_comm_rank(comm) == rank && lks_comm_size(comm) == size && *lks_comm_host(comm) != '\0';
  ok = ok && lks_comm_node_rank(comm) >= 0 && lks_comm_node_rank(comm) < lks_comm_node_size(comm);
  ok = ok && lks_comm_node_count(comm) >= 1 && lks_comm_node_count(comm) <= size;
  lks_assert_all(comm, ok);
  int leaders = lks_comm_node_rank(comm) == 0;
  MPI_Allreduce(MPI_IN_PLACE, &leaders, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
  lks_assert_all(comm, leaders == lks_comm_node_count(comm));
}

static void test_all_well(lks_comm *comm)
{
  lks_assert_all(comm, agrees(comm, LKS_OK, LKS_OK, ""));
}

static void test_each_rank_alone_fails(lks_comm *comm)
{
  for (int bad = 0; bad < lks_comm_size(comm); bad++) {
    char host[MPI_MAX_PROCESSOR_NAME], message[512];
    host_of(host, comm, bad);
    snprintf(message, sizeof message, "rank %d on %s: cause 4 of rank %d", bad, host, bad);
    if (lks_comm_size(comm) == 1) snprintf(message, sizeof message, "cause 4 of rank 0");
    lks_status own = lks_comm_rank(comm) == bad ? LKS_ERR_IO : LKS_OK;
    lks_assert_all(comm, agrees(comm, own, LKS_ERR_IO, message));
  }
}

static void test_all_fail_alike(lks_comm *comm)
{
  lks_assert_all(comm, agrees(comm, LKS_ERR_DATA, LKS_ERR_DATA, "cause 3 of rank 0"));
}

/* Rank 0 stops on request, the last rank fails, the one before it fails less badly: the worst one counts. */
static void test_the_worst_of_several(lks_comm *comm)
{
  int rank = lks_comm_rank(comm), last = lks_comm_size(comm) - 1;
  char host[MPI_MAX_PROCESSOR_NAME], message[512];
  host_of(host, comm, last);
  lks_status own = rank == last ? LKS_ERR_DIVERGED : rank == last - 1 ? LKS_ERR_USAGE : LKS_STOPPED;
  snprintf(message, sizeof message, "rank %d on %s: cause 5 of rank %d", last, host, last);
  if (last == 0) snprintf(message, sizeof message, "cause 5 of rank 0");
  lks_assert_all(comm, agrees(comm, own, LKS_ERR_DIVERGED, message));
}

static void test_long_message(lks_comm *comm)
{
  char text[2000];
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  lks_status own = lks_comm_rank(comm) == 0 ? lks_fail(LKS_ERR_IO, "%s", text) : LKS_OK;
  lks_status status = lks_comm_agree_all(comm, own);
  lks_assert_all(comm, status == LKS_ERR_IO && strlen(lks_message()) == 1023);
}

static void test_broadcast(lks_comm *comm)
{
  for (int root = 0; root < lks_comm_size(comm); root++) {
    unsigned char data[1000];
    for (size_t i = 0; i < sizeof data; i++)
      data[i] = lks_comm_rank(comm) == root ? (unsigned char)(i * 7 + 1) : 0;
    lks_assert_ok_all(comm, lks_comm_broadcast_all(comm, data, sizeof data, root));
    bool ok = true;
    for (size_t i = 0; i < sizeof data; i++) ok = ok && data[i] == (unsigned char)(i * 7 + 1);
    lks_assert_all(comm, ok);
  }
  lks_assert_ok_all(comm, lks_comm_broadcast_all(comm, NULL, 0, 0));
}

enum { ACCUMULATORS = 33, VALUES = 500 };

/* The i-th value of accumulator c: of any sign, from 2^-90 to 2^60. */
static double value_of(int c, int i)
{
  lks_random_key key = {
      .seed = 5, .purpose = LKS_RANDOM_GENERATE, .step = (uint32_t)c, .sample = (uint32_t)i};
  uint32_t words[4];
  lks_random_words(words, &key, 0);
  double magnitude = (double)(words[0] | 1) * (words[1] % 2 ? 1 : -1);
  int exponent = (int)(words[2] % 150) - 122;
  for (; exponent > 0; exponent--) magnitude *= 2;
  for (; exponent < 0; exponent++) magnitude /= 2;
  return magnitude;
}

/* limbs: the sums over the values that rank `part` of `parts` gets. */
static void add_part(int64_t *limbs, int part, int parts)
{
  memset(limbs, 0, sizeof *limbs * LKS_EXACT_LIMBS * ACCUMULATORS);
  for (int c = 0; c < ACCUMULATORS; c++)
    for (int i = part; i < VALUES; i += parts) lks_exact_sum_add(limbs + c * LKS_EXACT_LIMBS, value_of(c, i));
}

static void test_exact_sum(lks_comm *comm)
{
  int64_t sum[ACCUMULATORS * LKS_EXACT_LIMBS], whole[ACCUMULATORS * LKS_EXACT_LIMBS];
  add_part(whole, 0, 1);
  add_part(sum, lks_comm_rank(comm), lks_comm_size(comm));
  lks_traffic_count before = lks_comm_traffic(comm, LKS_TRAFFIC_NORM);
  lks_assert_ok_all(comm, lks_comm_exact_sum_all(comm, sum, ACCUMULATORS, LKS_TRAFFIC_NORM));
  lks_assert_all(comm, memcmp(sum, whole, sizeof sum) == 0);
  lks_traffic_count after = lks_comm_traffic(comm, LKS_TRAFFIC_NORM);
  lks_assert_all(comm, after.calls == before.calls + 1 && after.bytes == before.bytes + (int64_t)sizeof sum);
}

static void test_exact_sums_without_waiting(lks_comm *comm)
{
  int64_t sum[LKS_TRAFFICS][ACCUMULATORS * LKS_EXACT_LIMBS], whole[ACCUMULATORS * LKS_EXACT_LIMBS];
  add_part(whole, 0, 1);
  bool ok = true;
  for (int t = 0; t < LKS_TRAFFICS; t++) {
    add_part(sum[t], lks_comm_rank(comm), lks_comm_size(comm));
    ok = ok && lks_comm_exact_sum_start_all(comm, sum[t], ACCUMULATORS, (lks_traffic)t) == LKS_OK;
  }
  lks_status second = lks_comm_exact_sum_start_all(comm, sum[0], ACCUMULATORS, LKS_TRAFFIC_NORM);
  for (int t = LKS_TRAFFICS - 1; t >= 0; t--) {
    ok = ok && lks_comm_wait_all(comm, (lks_traffic)t) == LKS_OK;
    ok = ok && memcmp(sum[t], whole, sizeof whole) == 0;
  }
  lks_assert_all(comm, ok && second == LKS_ERR_RANK);
}

static void test_too_many_for_one_call(lks_comm *comm)
{
  int64_t limbs[LKS_EXACT_LIMBS] = {0};
  lks_status status = lks_comm_exact_sum_all(comm, limbs, (size_t)1 << 29, LKS_TRAFFIC_STEP);
  lks_assert_all(comm, status == LKS_ERR_RANK);
}

static void test_equal(lks_comm *comm)
{
  int rank = lks_comm_rank(comm), size = lks_comm_size(comm);
  lks_assert_all(comm, lks_comm_equal_all(comm, 0) && lks_comm_equal_all(comm, UINT64_MAX));
  lks_assert_all(comm, lks_comm_equal_all(comm, UINT64_C(0x8000000000000001)));
  for (int odd = 0; odd < size; odd++) {
    bool equal = lks_comm_equal_all(comm, UINT64_C(0x8000000000000000) ^ (rank == odd));
    lks_assert_all(comm, equal == (size == 1));
  }
}

static void test_spread(lks_comm *comm)
{
  int rank = lks_comm_rank(comm), size = lks_comm_size(comm);
  double values[2] = {rank + 1, -2.0 * rank}, out[6];
  lks_assert_ok_all(comm, lks_comm_spread_all(comm, out, values, 2));
  double average = (size - 1) / 2.0;
  bool ok = out[0] == 1 && out[1] == average + 1 && out[2] == size;
  ok = ok && out[3] == -2.0 * (size - 1) && out[4] == -2 * average && out[5] == 0;
  lks_assert_all(comm, ok);
}

/* Each rank has the largest value of another place, and all of them below zero but one. */
static void test_max(lks_comm *comm)
{
  enum { COUNT = 23 };
  const int rank = lks_comm_rank(comm), size = lks_comm_size(comm);
  int32_t values[COUNT];
  for (int i = 0; i < COUNT; i++) values[i] = i % size == rank ? i - 1 : -1000 - rank;
  const lks_traffic_count before = lks_comm_traffic(comm, LKS_TRAFFIC_OTHER);
  lks_assert_ok_all(comm, lks_comm_max_all(comm, values, COUNT, MPI_INT32_T));
  const lks_traffic_count after = lks_comm_traffic(comm, LKS_TRAFFIC_OTHER);
  bool ok = after.calls == before.calls + 1 && after.bytes == before.bytes + (int64_t)sizeof values;
  for (int i = 0; i < COUNT; i++) ok = ok && values[i] == i - 1;
  lks_assert_all(comm, ok);
  uint64_t large = UINT64_MAX - (uint64_t)rank;
  lks_assert_ok_all(comm, lks_comm_max_all(comm, &large, 1, MPI_UINT64_T));
  lks_assert_all(comm, large == UINT64_MAX);
  lks_assert_all(comm, lks_comm_max_all(comm, values, (size_t)1 << 31, MPI_INT32_T) == LKS_ERR_RANK);
}

typedef struct triple {
  char byte[3];
} triple;

/* Rank r has (r + 2) % 3 elements, so some have none. */
static void test_gatherv(lks_comm *comm)
{
  enum { MOST = 3 * 64 };
  const int rank = lks_comm_rank(comm), size = lks_comm_size(comm);
  triple mine[2], all[MOST + 1];
  const size_t count = (size_t)(rank + 2) % 3;
  for (size_t i = 0; i < count; i++) mine[i] = (triple){{(char)rank, (char)i, 'x'}};
  memset(all, '?', sizeof all);
  const lks_traffic_count before = lks_comm_traffic(comm, LKS_TRAFFIC_OTHER);
  lks_assert_ok_all(comm, lks_comm_gatherv_all(comm, rank == 0 ? all : NULL, mine, count, sizeof *mine));
  const lks_traffic_count after = lks_comm_traffic(comm, LKS_TRAFFIC_OTHER);
  bool ok = after.calls > before.calls && after.bytes == before.bytes + (int64_t)(count * sizeof *mine);
  size_t at = 0;
  for (int r = 0; r < size && rank == 0; r++)
    for (size_t i = 0; i < (size_t)(r + 2) % 3; i++, at++)
      ok = ok && all[at].byte[0] == r && all[at].byte[1] == (char)i && all[at].byte[2] == 'x';
  lks_assert_all(comm, ok && all[at].byte[0] == '?');
}

/* One rank alone has too many: all of them are told. */
static void test_too_many_to_gather(lks_comm *comm)
{
  char none = 0;
  for (int bad = 0; bad < lks_comm_size(comm); bad++) {
    const size_t count = lks_comm_rank(comm) == bad ? (size_t)1 << 31 : 0;
    lks_assert_all(comm, lks_comm_gatherv_all(comm, &none, &none, count, 1) == LKS_ERR_RANK);
  }
}

static void test_node_memory(lks_comm *comm)
{
  enum { COUNT = 100000 };
  lks_node_memory *memory, *empty;
  void *block, *none;
  lks_assert_ok_all(comm, lks_node_memory_create_all(&memory, &block, comm, COUNT * sizeof(int)));
  lks_assert_ok_all(comm, lks_node_memory_create_all(&empty, &none, comm, 0));
  int *numbers = block;
  if (lks_comm_node_rank(comm) == 0)
    for (int i = 0; i < COUNT; i++) numbers[i] = 3 * i;
  lks_comm_node_barrier_all(comm);
  bool ok = true;
  for (int i = 0; i < COUNT; i++) ok = ok && numbers[i] == 3 * i;
  lks_assert_all(comm, ok);
  /* One memory and not a copy each: what node rank 0 changes now is seen by all. */
  lks_comm_node_barrier_all(comm);
  if (lks_comm_node_rank(comm) == 0) numbers[COUNT - 1] = -1;
  lks_comm_node_barrier_all(comm);
  lks_assert_all(comm, numbers[COUNT - 1] == -1);
  lks_node_memory_destroy_all(&empty);
  lks_node_memory_destroy_all(&memory);
  lks_node_memory_destroy_all(&memory);
  lks_assert_all(comm, memory == NULL);
}

/* 9 GiB of address space: only the pages that are written take memory. A machine without room for it says so.
 */
static void test_node_memory_of_many_gigabytes(lks_comm *comm)
{
  size_t bytes = (size_t)9 << 30;
  lks_node_memory *memory;
  void *block;
  lks_status status = lks_node_memory_create_all(&memory, &block, comm, bytes);
  bool refused = lks_comm_agree_all(comm, status) != LKS_OK;
  bool ok = refused;
  if (!refused) {
    char *last = (char *)block + bytes - 1;
    if (lks_comm_node_rank(comm) == 0) *last = 42;
    lks_comm_node_barrier_all(comm);
    ok = *last == 42;
  }
  lks_node_memory_destroy_all(&memory);
  lks_assert_all(comm, ok);
}

static void test_node_memory_beyond_all_room(lks_comm *comm)
{
  if (lks_comm_node_size(comm) == 1) return;
  lks_node_memory *memory;
  void *block;
  lks_status status = lks_node_memory_create_all(&memory, &block, comm, (size_t)1 << 50);
  lks_assert_all(comm, status == LKS_ERR_RANK && memory == NULL && block == NULL);
}

static void test_communicator_of_one(lks_comm *comm)
{
  lks_comm *alone;
  lks_assert_ok_all(comm, lks_comm_create_all(&alone, MPI_COMM_SELF));
  lks_status status = lks_comm_agree_all(alone, lks_fail(LKS_ERR_IO, "lonely"));
  bool ok = lks_comm_size(alone) == 1 && lks_comm_node_count(alone) == 1;
  ok = ok && status == LKS_ERR_IO && strcmp(lks_message(), "lonely") == 0;
  lks_comm_destroy_all(&alone);
  lks_assert_all(comm, ok && alone == NULL);
}

static const lks_mpi_test tests[] = {
    LKS_MPI_TEST(test_ranks_and_nodes),
    LKS_MPI_TEST(test_all_well),
    LKS_MPI_TEST(test_each_rank_alone_fails),
    LKS_MPI_TEST(test_all_fail_alike),
    LKS_MPI_TEST(test_the_worst_of_several),
    LKS_MPI_TEST(test_long_message),
    LKS_MPI_TEST(test_broadcast),
    LKS_MPI_TEST(test_exact_sum),
    LKS_MPI_TEST(test_exact_sums_without_waiting),
    LKS_MPI_TEST(test_too_many_for_one_call),
    LKS_MPI_TEST(test_equal),
    LKS_MPI_TEST(test_spread),
    LKS_MPI_TEST(test_max),
    LKS_MPI_TEST(test_gatherv),
    LKS_MPI_TEST(test_too_many_to_gather),
    LKS_MPI_TEST(test_node_memory),
    LKS_MPI_TEST(test_node_memory_of_many_gigabytes),
    LKS_MPI_TEST(test_node_memory_beyond_all_room),
    LKS_MPI_TEST(test_communicator_of_one),
};

int main(int argc, char **argv)
{
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
