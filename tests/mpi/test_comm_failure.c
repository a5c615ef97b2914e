#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "comm/communicator.h"
#include "comm/gradient_sum.h"
#include "lockstep/exact_sum.h"
#include "support/mpi_test.h"

/* What the room makes of an MPI that fails: each call of a collective function fails in its turn, on all
 * ranks alike. The function must say so with MPI's own words, leave no communicator behind, and work the next
 * time. */

static int countdown;     /* to the call that fails; 0: none does */
static int communicators; /* made and not freed */

static bool strikes(void)
{
  return countdown > 0 && --countdown == 0;
}

/* These take the place of MPI's functions, which are still there under their other names. */
#define FAILING(name, parameters, arguments)                                                                 \
  int MPI_##name parameters                                                                                  \
  {                                                                                                          \
    return strikes() ? MPI_ERR_OTHER : PMPI_##name arguments;                                                \
  }

FAILING(Comm_rank, (MPI_Comm comm, int *rank), (comm, rank))
FAILING(Comm_size, (MPI_Comm comm, int *size), (comm, size))
FAILING(Comm_set_errhandler, (MPI_Comm comm, MPI_Errhandler handler), (comm, handler))
FAILING(Get_processor_name, (char *name, int *length), (name, length))
FAILING(Allreduce, (const void *from, void *to, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm),
        (from, to, count, type, op, comm))
FAILING(Iallreduce,
        (const void *from, void *to, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm,
         MPI_Request *request),
        (from, to, count, type, op, comm, request))
FAILING(Ialltoallv,
        (const void *from, const int *from_counts, const int *from_at, MPI_Datatype from_type, void *to,
         const int *to_counts, const int *to_at, MPI_Datatype to_type, MPI_Comm comm, MPI_Request *request),
        (from, from_counts, from_at, from_type, to, to_counts, to_at, to_type, comm, request))
FAILING(Iallgatherv,
        (const void *from, int count, MPI_Datatype from_type, void *to, const int *to_counts,
         const int *to_at, MPI_Datatype to_type, MPI_Comm comm, MPI_Request *request),
        (from, count, from_type, to, to_counts, to_at, to_type, comm, request))
FAILING(Win_allocate_shared,
        (MPI_Aint bytes, int unit, MPI_Info info, MPI_Comm comm, void *base, MPI_Win *window),
        (bytes, unit, info, comm, base, window))

/* The parts of a broadcast that is only written down, for it is too large to be made. */
enum { PARTS = 8 };
static struct {
  bool on;
  int parts, count[PARTS];
  const void *data[PARTS];
} record;

int MPI_Bcast(void *data, int count, MPI_Datatype type, int root, MPI_Comm comm)
{
  if (strikes()) return MPI_ERR_OTHER;
  if (!record.on) return PMPI_Bcast(data, count, type, root, comm);
  if (record.parts < PARTS) {
    record.data[record.parts] = data;
    record.count[record.parts] = count;
  }
  record.parts++;
  return MPI_SUCCESS;
}

/* The operation comes to its end all the same, for nobody would ever wait for it again. */
int MPI_Wait(MPI_Request *request, MPI_Status *status)
{
  int code = PMPI_Wait(request, status);
  return strikes() ? MPI_ERR_OTHER : code;
}

static int counted(int code)
{
  communicators += code == MPI_SUCCESS;
  return code;
}

int MPI_Comm_dup(MPI_Comm comm, MPI_Comm *made)
{
  return strikes() ? MPI_ERR_OTHER : counted(PMPI_Comm_dup(comm, made));
}

int MPI_Comm_split(MPI_Comm comm, int color, int key, MPI_Comm *made)
{
  return strikes() ? MPI_ERR_OTHER : counted(PMPI_Comm_split(comm, color, key, made));
}

int MPI_Comm_split_type(MPI_Comm comm, int type, int key, MPI_Info info, MPI_Comm *made)
{
  return strikes() ? MPI_ERR_OTHER : counted(PMPI_Comm_split_type(comm, type, key, info, made));
}

int MPI_Comm_free(MPI_Comm *comm)
{
  communicators--;
  return PMPI_Comm_free(comm);
}

/* Whether `call` makes `calls` calls of MPI, fails with each of them, and works when none fails. */
static bool fails_with_each(lks_status (*call)(lks_comm *), lks_comm *comm, int calls)
{
  char text[MPI_MAX_ERROR_STRING];
  int length, before = communicators;
  bool ok = MPI_Error_string(MPI_ERR_OTHER, text, &length) == MPI_SUCCESS;
  for (int n = 1; n <= calls; n++) {
    countdown = n;
    lks_fail(LKS_ERR_IO, "nothing has happened");
    lks_status status = call(comm);
    ok = ok && status == LKS_ERR_RANK && countdown == 0 && strstr(lks_message(), text) &&
         communicators == before;
    countdown = 0;
  }
  countdown = calls + 1;
  ok = call(comm) == LKS_OK && countdown == 1 && communicators == before && ok;
  countdown = 0;
  return ok;
}

static lks_status create(lks_comm *comm)
{
  lks_comm *made = comm; /* anything but NULL */
  lks_status status = lks_comm_create_all(&made, lks_comm_handle(comm));
  if (status && made) return LKS_OK;
  if (!status) lks_comm_destroy_all(&made);
  return status;
}

static lks_status maximum(lks_comm *comm)
{
  int number = lks_comm_rank(comm);
  return lks_comm_max_all(comm, &number, 1, MPI_INT);
}

static lks_status broadcast(lks_comm *comm)
{
  int number = lks_comm_rank(comm);
  return lks_comm_broadcast_all(comm, &number, sizeof number, 0);
}

static lks_status exact_sum(lks_comm *comm)
{
  int64_t limbs[LKS_EXACT_LIMBS] = {0};
  return lks_comm_exact_sum_all(comm, limbs, 1, LKS_TRAFFIC_STEP);
}

static lks_status exact_sum_in_two(lks_comm *comm)
{
  static int64_t limbs[LKS_EXACT_LIMBS];
  lks_status status = lks_comm_exact_sum_start_all(comm, limbs, 1, LKS_TRAFFIC_STEP);
  return status ? status : lks_comm_wait_all(comm, LKS_TRAFFIC_STEP);
}

static lks_status agree_on_success(lks_comm *comm)
{
  return lks_comm_agree_all(comm, LKS_OK);
}

static lks_status agree_on_failure(lks_comm *comm)
{
  lks_status status = lks_comm_agree_all(comm, lks_fail(LKS_ERR_IO, "a cause"));
  return status == LKS_ERR_IO ? LKS_OK : status;
}

static lks_status spread(lks_comm *comm)
{
  double value = 1, out[3];
  return lks_comm_spread_all(comm, out, &value, 1);
}

static lks_status node_memory(lks_comm *comm)
{
  lks_node_memory *memory;
  void *block = comm;
  lks_status status = lks_node_memory_create_all(&memory, &block, comm, 100);
  if (status && (memory || block)) return LKS_OK;
  if (!status) lks_node_memory_destroy_all(&memory);
  return status;
}

static void test_each_call_fails(lks_comm *comm)
{
  lks_assert_all(comm, fails_with_each(create, comm, 13));
  lks_assert_all(comm, fails_with_each(maximum, comm, 1));
  lks_assert_all(comm, fails_with_each(broadcast, comm, 1));
  lks_assert_all(comm, fails_with_each(exact_sum, comm, 1));
  lks_assert_all(comm, fails_with_each(exact_sum_in_two, comm, 2));
  lks_assert_all(comm, fails_with_each(agree_on_success, comm, 1));
  lks_assert_all(comm, fails_with_each(agree_on_failure, comm, 2));
  lks_assert_all(comm, fails_with_each(spread, comm, 3));
  lks_assert_all(comm, fails_with_each(node_memory, comm, 2));
}

/* MPI counts in int. */
static void test_largest_count(lks_comm *comm)
{
  int count = 0;
  bool ok = lks_mpi_count(&count, INT_MAX) == LKS_OK && count == INT_MAX;
  lks_assert_all(comm, ok && lks_mpi_count(&count, (size_t)INT_MAX + 1) == LKS_ERR_RANK);
}

/* In parts of 2^30 bytes, as MPI's counts want it. */
static void test_large_broadcast(lks_comm *comm)
{
  const size_t part = (size_t)1 << 30;
  char *base = (char *)&record; /* nothing is read or written there */
  record.on = true;
  record.parts = 0;
  lks_status status = lks_comm_broadcast_all(comm, base, 2 * part + 5, 0);
  record.on = false;
  bool ok = status == LKS_OK && record.parts == 3;
  for (int i = 0; i < 3; i++)
    ok = ok && (uintptr_t)record.data[i] - (uintptr_t)base == (size_t)i * part &&
         record.count[i] == (i < 2 ? 1 << 30 : 5);
  lks_assert_all(comm, ok);
}

/* Ranks that could not compare are not equal. */
static void test_no_comparison(lks_comm *comm)
{
  countdown = 1;
  bool equal = lks_comm_equal_all(comm, 1);
  countdown = 0;
  lks_assert_all(comm, !equal && lks_comm_equal_all(comm, 1));
}

enum { ELEMENTS = 50, BUCKETS = 2 };
static const size_t bucket_elements[BUCKETS] = {ELEMENTS, ELEMENTS};
static lks_reduce reduce;
static lks_gradient_sum *sum;

static lks_status create_sum(lks_comm *comm)
{
  lks_gradient_sum *made;
  lks_status status =
      lks_gradient_sum_create_all(&made, comm, reduce, BUCKETS, bucket_elements, (size_t)lks_comm_size(comm));
  lks_gradient_sum_destroy_all(&made);
  return status;
}

/* One leaf a rank: 2^rank. The sums are 2^size - 1, and whoever does not say that it failed must have them.
 */
static lks_status step(lks_comm *comm)
{
  float out[BUCKETS][ELEMENTS], workspace[2 * ELEMENTS + 100];
  lks_gradient_sum_begin(sum, (size_t)lks_comm_size(comm));
  lks_status status = LKS_OK;
  for (int b = 0; b < BUCKETS; b++) {
    lks_tree_stack stack;
    lks_tree_stack_begin(&stack, workspace, ELEMENTS);
    for (int e = 0; e < ELEMENTS; e++) lks_tree_stack_top(&stack)[e] = (float)(1 << lks_comm_rank(comm));
    lks_tree_stack_push(&stack, 0, (size_t)lks_comm_rank(comm));
    status = lks_status_worse(status, lks_gradient_sum_start_all(sum, out[b], &stack));
  }
  lks_status finished = lks_gradient_sum_finish_all(sum);
  if (status && !finished) return lks_fail(LKS_ERR_IO, "forgotten until the end");
  for (int b = 0; b < BUCKETS && !finished; b++)
    for (int e = 0; e < ELEMENTS; e++)
      if (out[b][e] != (float)((1 << lks_comm_size(comm)) - 1)) return lks_fail(LKS_ERR_DATA, "wrong sums");
  return finished;
}

static void test_gradient_sum(lks_comm *comm)
{
  for (int tree = 0; tree < 2; tree++) {
    reduce = tree ? LKS_REDUCE_TREE : LKS_REDUCE_MPI;
    lks_assert_ok_all(comm, lks_gradient_sum_create_all(&sum, comm, reduce, BUCKETS, bucket_elements,
                                                        (size_t)lks_comm_size(comm)));
    const int tiers = lks_gradient_sum_tiers(sum), alone = lks_comm_size(comm) == 1;
    lks_assert_all(comm, fails_with_each(create_sum, comm, 2 + 3 * tiers));
    const int starts = alone ? 0 : tree ? 2 * tiers : 1, waits = 2 * tiers;
    lks_assert_all(comm, fails_with_each(step, comm, BUCKETS * (starts + waits)));
    lks_gradient_sum_destroy_all(&sum);
  }
}

/* The sum inside of nodes of two ranks, and then between them. */
static void test_gradient_sum_by_nodes(lks_comm *comm)
{
  setenv("LOCKSTEP_NODE_RANKS", "2", 1);
  test_gradient_sum(comm);
  unsetenv("LOCKSTEP_NODE_RANKS");
}

static const lks_mpi_test tests[] = {
    LKS_MPI_TEST(test_each_call_fails), LKS_MPI_TEST(test_largest_count),
    LKS_MPI_TEST(test_large_broadcast), LKS_MPI_TEST(test_no_comparison),
    LKS_MPI_TEST(test_gradient_sum),    LKS_MPI_TEST(test_gradient_sum_by_nodes),
};

int main(int argc, char **argv)
{
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
