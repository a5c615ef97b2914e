/* Where a run lies: names, what is refused, what a resumed run may change. Each test works in a folder of its
 * own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "support/mpi_test.h"
#include "train/run_directory.h"

static char folder[64];

/** All ranks move into one fresh folder; relative names then lie in it. */
static void enter(lks_comm *comm)
{
  lks_test_folder_all(comm, folder);
  lks_assert_all(comm, chdir(folder) == 0);
}

static void leave(lks_comm *comm)
{
  lks_assert_all(comm, chdir("/") == 0);
  lks_test_folder_remove_all(comm, folder);
}

static lks_config settings(const char *output, bool resume)
{
  lks_config config;
  lks_config_default(&config);
  lks_config_set(&config, "data", "digits.h5");
  lks_config_set(&config, "output", output);
  lks_config_check(&config);
  config.resume = resume;
  return config;
}

/** Opens, and tells whether the status and the output are the expected ones (on this rank). */
static bool opens(lks_comm *comm, lks_config *config, lks_status expected, const char *output)
{
  lks_status status = LKS_OK;
  lks_lock *lock = NULL;
  if (config->resume) status = lks_run_directory_find_all(comm, config, false, &lock);
  if (!status) status = lks_run_directory_open_all(comm, config, &lock);
  lks_lock_release(&lock);
  return status == expected && (expected != LKS_OK || strcmp(config->output, output) == 0);
}

static void test_names(lks_comm *comm)
{
  enter(comm);
  lks_config config = settings("", false);
  lks_assert_all(comm, opens(comm, &config, LKS_OK, "runs/cnn-bnsync-seed1"));
  config = settings("", false);
  lks_assert_all(comm, opens(comm, &config, LKS_OK, "runs/cnn-bnsync-seed1-2"));
  config = settings("", false);
  lks_assert_all(comm, opens(comm, &config, LKS_OK, "runs/cnn-bnsync-seed1-3"));
  config = settings("", false);
  lks_config_set(&config, "model", "some/where/my net.model");
  lks_config_set(&config, "bn", "rank:4");
  lks_config_set(&config, "seed", "18446744073709551615");
  lks_assert_all(comm, opens(comm, &config, LKS_OK, "runs/my-net-bnrank-4-seed18446744073709551615"));
  lks_assert_all(comm, lks_file_exists("runs/cnn-bnsync-seed1-3/config.ini"));
  leave(comm);
}

static void test_never_overwritten(lks_comm *comm)
{
  enter(comm);
  lks_config config = settings("deep/er/run", false);
  lks_assert_all(comm, opens(comm, &config, LKS_OK, "deep/er/run"));
  config = settings("deep/er/run", false);
  lks_assert_all(comm, opens(comm, &config, LKS_ERR_USAGE, ""));
  lks_assert_all(comm, strstr(lks_message(), "--resume") && strstr(lks_message(), "deep/er/run"));
  bool ok = true;
  if (lks_comm_rank(comm) == 0) {
    ok = mkdir("empty", 0777) == 0 && mkdir("log", 0777) == 0 && mkdir("rows", 0777) == 0 &&
         lks_file_write("log/slurm-1.out", "x", 1) == LKS_OK &&
         lks_file_write("rows/metrics.csv", "x", 1) == LKS_OK && lks_file_write("file", "x", 1) == LKS_OK;
  }
  lks_assert_all(comm, ok);
  config = settings("empty", false);
  lks_assert_all(comm, opens(comm, &config, LKS_OK, "empty"));
  config = settings("log", false);
  lks_assert_all(comm, opens(comm, &config, LKS_OK, "log"));
  config = settings("rows", false);
  lks_assert_all(comm, opens(comm, &config, LKS_ERR_USAGE, ""));
  config = settings("file", false);
  lks_assert_all(comm, opens(comm, &config, LKS_ERR_IO, ""));
  leave(comm);
}

static void test_resume(lks_comm *comm)
{
  enter(comm);
  lks_config config = settings("", true);
  lks_assert_all(comm, opens(comm, &config, LKS_ERR_USAGE, ""));
  lks_assert_all(comm, strstr(lks_message(), "--output"));
  lks_log_enable(false); /* "holds no run to resume" */
  config = settings("run", true);
  lks_assert_all(comm, opens(comm, &config, LKS_OK, "run"));
  lks_log_enable(lks_comm_rank(comm) == 0);
  config = settings("run", true);
  lks_assert_all(comm, opens(comm, &config, LKS_OK, "run"));
  leave(comm);
}

static void test_what_may_change(lks_comm *comm)
{
  static const char *const free_to[][2] = {{"threads", "2"},
                                           {"progress", "none"},
                                           {"data", "copy.h5"},
                                           {"max-time", "60"},
                                           {"checkpoint-every", "100"},
                                           {"stall-limit", "30"},
                                           {"stop-margin", "5"},
                                           {"lr", "0.05"},
                                           {"weight-decay", "0"},
                                           {"schedule", "constant"},
                                           {"epochs", "20"}};
  static const char *const fixed[][2] = {{"momentum", "0.8"}, {"batch-size", "64"},  {"seed", "2"},
                                         {"bn", "32"},        {"reduce", "mpi"},     {"model", "mlp"},
                                         {"flip", "on"},      {"optimizer", "adam"}, {"microbatch", "4"}};
  enter(comm);
  lks_config config = settings("run", false);
  lks_assert_all(comm, opens(comm, &config, LKS_OK, "run"));
  for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
    config = settings("run", true);
    lks_config_set(&config, fixed[i][0], fixed[i][1]);
    lks_assert_all(comm, opens(comm, &config, LKS_ERR_USAGE, ""));
    lks_assert_all(comm, strstr(lks_message(), fixed[i][0]) && strstr(lks_message(), fixed[i][1]));
  }
  for (size_t i = 0; i < sizeof free_to / sizeof *free_to; i++) {
    config = settings("run", true);
    lks_config_set(&config, free_to[i][0], free_to[i][1]);
    lks_assert_all(comm, opens(comm, &config, LKS_OK, "run"));
  }
  leave(comm);
}

/** Who writes into a run keeps others out, those that start and those that go on. */
static void test_one_writer(lks_comm *comm)
{
  lks_lock *lock = NULL, *other = NULL;
  enter(comm);
  lks_config config = settings("run", false), second = settings("run", true);
  lks_assert_ok_all(comm, lks_run_directory_open_all(comm, &config, &lock));
  lks_assert_all(comm, (lock != NULL) == (lks_comm_rank(comm) == 0));
  lks_status status = lks_run_directory_find_all(comm, &second, false, &other);
  lks_assert_all(comm, status == LKS_ERR_USAGE && other == NULL && strstr(lks_message(), "writes into run"));
  lks_assert_all(comm, opens(comm, &second, LKS_ERR_USAGE, ""));
  if (lks_comm_rank(comm) == 0) unlink("run/config.ini"); /* as if it were not written yet */
  second.resume = false;
  lks_assert_all(comm, opens(comm, &second, LKS_ERR_USAGE, ""));
  lks_assert_all(comm, strstr(lks_message(), "writes into run"));
  lks_lock_release(&lock);
  lks_assert_all(comm, opens(comm, &second, LKS_OK, "run"));
  lks_assert_all(comm, !lks_file_exists("run/run.lock"));
  leave(comm);
}

/** A run of a comparison keeps all that its results depend on. */
static void test_unchanging(lks_comm *comm)
{
  lks_lock *lock = NULL;
  enter(comm);
  lks_config config = settings("run", false);
  lks_assert_all(comm, opens(comm, &config, LKS_OK, "run"));
  config = settings("run", true);
  lks_assert_ok_all(comm, lks_run_directory_find_all(comm, &config, true, &lock));
  lks_lock_release(&lock);
  lks_config_set(&config, "lr", "0.05");
  const lks_status status = lks_run_directory_find_all(comm, &config, true, &lock);
  lks_lock_release(&lock);
  lks_assert_all(comm, status == LKS_ERR_USAGE && strstr(lks_message(), "has lr = 0.1"));
  lks_assert_all(comm, opens(comm, &config, LKS_OK, "run"));
  leave(comm);
}

/** Running config.ini again makes a run of its own with the same settings. */
static void test_config_is_complete(lks_comm *comm)
{
  enter(comm);
  lks_config config = settings("run", false), again;
  lks_config_set(&config, "lr", "0.012345678901234567");
  lks_assert_all(comm, opens(comm, &config, LKS_OK, "run"));
  lks_config_default(&again);
  lks_assert_ok_all(comm, lks_config_read(&again, "run/config.ini"));
  lks_assert_all(comm, again.output[0] == '\0' && !again.resume && again.lr == config.lr);
  lks_assert_all(comm, opens(comm, &again, LKS_OK, "runs/cnn-bnsync-seed1"));
  leave(comm);
}

static const lks_mpi_test tests[] = {
    LKS_MPI_TEST(test_names),           LKS_MPI_TEST(test_never_overwritten),  LKS_MPI_TEST(test_resume),
    LKS_MPI_TEST(test_what_may_change), LKS_MPI_TEST(test_config_is_complete), LKS_MPI_TEST(test_one_writer),
    LKS_MPI_TEST(test_unchanging),
};

int main(int argc, char **argv)
{
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
