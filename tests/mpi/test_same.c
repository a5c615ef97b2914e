/* What must be the same on all ranks: nothing is said when it is, and otherwise all learn what differs and where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "comm/same.h"
#include "support/mpi_test.h"

static const char advice[] = "do as told";

/* Three facts; of the second one, each rank has the text that is given. */
static lks_facts facts_with(const char *text)
{
  lks_facts facts = {.count = 0};
  lks_facts_add(&facts, "the first", "1");
  lks_facts_add(&facts, "the second", text);
  lks_facts_add_bytes(&facts, "the third", "\0x", 2, "bytes");
  return facts;
}

/* Every rank's message is rank 0's. */
static bool is_one_message(lks_comm *comm)
{
  char text[1024] = "";
  snprintf(text, sizeof text, "%s", lks_message());
  MPI_Bcast(text, sizeof text, MPI_CHAR, 0, lks_comm_handle(comm));
  return strcmp(text, lks_message()) == 0;
}

static bool says(const char *format, ...) __attribute__((format(printf, 1, 2)));
static bool says(const char *format, ...)
{
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return strstr(lks_message(), text) != NULL;
}

static void test_one_small_reduction_when_all_is_well(lks_comm *comm)
{
  const lks_facts facts = facts_with("same");
  const lks_traffic_count before = lks_comm_traffic(comm, LKS_TRAFFIC_OTHER);
  lks_assert_ok_all(comm, lks_comm_same_all(comm, &facts, advice));
  const lks_traffic_count after = lks_comm_traffic(comm, LKS_TRAFFIC_OTHER);
  const int64_t own = 16; /* and the assertion's own agreement, if it is counted at all */
  lks_assert_all(comm, after.calls - before.calls <= 2 && after.bytes - before.bytes <= 2 * own);
}

static void test_one_rank_differs(lks_comm *comm)
{
  const int rank = lks_comm_rank(comm), size = lks_comm_size(comm);
  const char *host = lks_comm_host(comm); /* all ranks of the test have one */
  for (int odd = 0; odd < size && size > 1; odd++) {
    const lks_facts facts = facts_with(rank == odd ? "other" : "usual");
    const lks_status status = lks_comm_same_all(comm, &facts, advice);
    lks_assert_all(comm, status == LKS_ERR_USAGE && is_one_message(comm));
    lks_assert_all(comm, says("the second must be the same on all ranks: ") && says("; do as told"));
    lks_assert_all(comm, says("rank %d on %s has other", odd, host));
    lks_assert_all(comm, size == 2 ? says("rank %d on %s has usual", 1 - odd, host)
                                   : says(", all others have usual;"));
  }
}

/* No more than half of the ranks have the same: nobody is blamed. */
static void test_halves(lks_comm *comm)
{
  const int rank = lks_comm_rank(comm), size = lks_comm_size(comm), half = size / 2;
  if (size < 4) return;
  const bool last = size % 2 && rank == size - 1;
  const lks_facts facts = facts_with(last ? "third" : rank < half ? "low" : "high");
  lks_assert_all(comm, lks_comm_same_all(comm, &facts, advice) == LKS_ERR_USAGE && !says("all others"));
  lks_assert_all(comm, says("ranks 0-%d on %s have low, ranks %d-%d on", half - 1, lks_comm_host(comm), half,
                            2 * half - 1));
  lks_assert_all(comm, says("have high") && (size % 2 == 0 || says("rank %d on", size - 1)));
}

static void test_all_differ(lks_comm *comm)
{
  char text[32];
  snprintf(text, sizeof text, "value %d", lks_comm_rank(comm));
  const int size = lks_comm_size(comm);
  const lks_facts facts = facts_with(text);
  const lks_status status = lks_comm_same_all(comm, &facts, advice);
  lks_assert_all(comm, status == (size > 1 ? LKS_ERR_USAGE : LKS_OK));
  lks_assert_all(comm, size < 4 || (says("has value 0") && says("has value 2") && !says("has value 3")));
  lks_assert_all(comm, size < 4 || says(", and so on;"));
}

/* Every second rank is in the minority, or even fewer. */
static void test_scattered_ranks(lks_comm *comm)
{
  const int rank = lks_comm_rank(comm);
  const lks_facts facts = facts_with(rank == 1 || rank == 3 || rank == 4 ? "odd" : "even");
  if (lks_comm_size(comm) != 7) return;
  lks_assert_all(comm, lks_comm_same_all(comm, &facts, advice) == LKS_ERR_USAGE);
  const char *host = lks_comm_host(comm);
  lks_assert_all(comm, says("rank 1 on %s, ranks 3-4 on %s have odd, all others have even;", host, host));
}

/* What is compared goes on where what is shown ends. */
static void test_what_is_not_shown_counts(lks_comm *comm)
{
  const int last = lks_comm_size(comm) - 1;
  char text[301] = "";
  memset(text, 'x', sizeof text - 1);
  if (lks_comm_rank(comm) == last) text[299] = 'y';
  const lks_facts facts = facts_with(text);
  lks_assert_all(comm, lks_comm_same_all(comm, &facts, advice) == (last > 0 ? LKS_ERR_USAGE : LKS_OK));
}

/* The first of two differences is told: another program explains other options. */
static void test_the_first_of_two(lks_comm *comm)
{
  lks_facts facts = {.count = 0};
  const bool odd = lks_comm_rank(comm) == lks_comm_size(comm) - 1;
  lks_facts_add(&facts, "one", odd ? "a" : "b");
  lks_facts_add(&facts, "two", odd ? "c" : "d");
  const lks_status status = lks_comm_same_all(comm, &facts, advice);
  lks_assert_all(comm,
                 lks_comm_size(comm) == 1 ? status == LKS_OK : status == LKS_ERR_USAGE && says("one must"));
}

/* Another program may know of fewer facts, or of more than there is room for. */
static void test_other_numbers_of_facts(lks_comm *comm)
{
  const bool odd = lks_comm_rank(comm) == lks_comm_size(comm) - 1, alone = lks_comm_size(comm) == 1;
  lks_facts facts = facts_with("same");
  if (odd) facts.count--;
  lks_assert_all(comm, lks_comm_same_all(comm, &facts, advice) == (alone ? LKS_OK : LKS_ERR_USAGE));
  facts.count = 0;
  for (int i = 0; i < 2 * LKS_FACTS_MAX; i++) lks_facts_add(&facts, "many", "same");
  lks_assert_ok_all(comm, lks_comm_same_all(comm, &facts, advice));
  facts.count = 0;
  lks_assert_ok_all(comm, lks_comm_same_all(comm, &facts, advice));
}

/* Bytes are compared behind a zero too. */
static void test_bytes(lks_comm *comm)
{
  lks_facts facts = {.count = 0};
  const bool odd = lks_comm_rank(comm) == 0, alone = lks_comm_size(comm) == 1;
  lks_facts_add_bytes(&facts, "the bytes", odd ? "\0x" : "\0y", 2, "some of hash");
  lks_assert_all(comm, lks_comm_same_all(comm, &facts, advice) == (alone ? LKS_OK : LKS_ERR_USAGE));
  lks_assert_all(comm, alone || says("has some of hash "));
}

static const lks_mpi_test tests[] = {
    LKS_MPI_TEST(test_one_small_reduction_when_all_is_well),
    LKS_MPI_TEST(test_one_rank_differs),
    LKS_MPI_TEST(test_halves),
    LKS_MPI_TEST(test_all_differ),
    LKS_MPI_TEST(test_scattered_ranks),
    LKS_MPI_TEST(test_what_is_not_shown_counts),
    LKS_MPI_TEST(test_the_first_of_two),
    LKS_MPI_TEST(test_bytes),
    LKS_MPI_TEST(test_other_numbers_of_facts),
};

int main(int argc, char **argv)
{
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
