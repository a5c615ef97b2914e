#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lockstep/exact_sum.h"
#include "support/mpi_test.h"
#include "train/time_table.h"

/* What is printed at the end of a run, against texts that follow from the seconds of each rank. */

enum { TEXT = 4096 };

/* What the table prints on this rank. */
static lks_status printed_all(char text[TEXT], lks_comm *comm, const lks_profile *profile)
{
  FILE *file = tmpfile();
  const int terminal = dup(STDOUT_FILENO);
  bool ok = file && terminal >= 0 && fflush(stdout) == 0 && dup2(fileno(file), STDOUT_FILENO) >= 0;
  lks_status status = lks_time_table_print_all(comm, profile);
  ok = fflush(stdout) == 0 && dup2(terminal, STDOUT_FILENO) >= 0 && ok;
  if (file) {
    rewind(file);
    text[fread(text, 1, TEXT - 1, file)] = '\0';
    fclose(file);
  }
  close(terminal);
  return ok ? status : LKS_ERR_IO;
}

/* Every rank takes 20 seconds, of which the data take 1 on the first rank and one more on each other. */
static void test_seconds(lks_comm *comm)
{
  const double rank = lks_comm_rank(comm), size = lks_comm_size(comm), mean = (size + 1) / 2;
  const lks_profile profile = {.seconds = {[LKS_PART_DATA] = 1 + rank, [LKS_PART_OTHER] = 19 - rank}};
  char text[TEXT] = "", want[TEXT];
  lks_assert_ok_all(comm, printed_all(text, comm, &profile));
  snprintf(want, sizeof want,
           "seconds                          min       avg       max   share\n"
           "data                           1.000 %9.3f %9.3f %6.1f%%\n"
           "other                      %9.3f %9.3f    19.000 %6.1f%%\n",
           mean, size, 5 * mean, 20 - size, 20 - mean, 100 - 5 * mean);
  lks_assert_all(comm, rank > 0 || strncmp(text, want, strlen(want)) == 0);
}

/* One rank alone sums nothing up with others, and what nobody asked for has no line. */
static void test_reductions(lks_comm *comm)
{
  const lks_profile profile = {.seconds = {[LKS_PART_FORWARD] = 1}};
  const lks_traffic_count before = lks_comm_traffic(comm, LKS_TRAFFIC_GRADIENT);
  int64_t limbs[2 * LKS_EXACT_LIMBS] = {0};
  char text[TEXT] = "", want[128];
  for (int i = 0; i < 3; i++)
    lks_assert_ok_all(comm, lks_comm_exact_sum_all(comm, limbs, 2, LKS_TRAFFIC_GRADIENT));
  const lks_traffic_count count = lks_comm_traffic(comm, LKS_TRAFFIC_GRADIENT);
  lks_assert_ok_all(comm, printed_all(text, comm, &profile));
  snprintf(want, sizeof want, "\ngradients             3 reductions, %12.3f MB from rank 0\n",
           3 * (double)sizeof limbs / 1000000);
  bool ok = before.calls == 0 && count.calls == 3 && strstr(text, want) && !strstr(text, "batch norm");
  if (lks_comm_size(comm) == 1) ok = !strstr(text, "reductions");
  lks_assert_all(comm, lks_comm_rank(comm) > 0 || ok);
}

int main(int argc, char **argv)
{
  static const lks_mpi_test tests[] = {LKS_MPI_TEST(test_seconds), LKS_MPI_TEST(test_reductions)};
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
