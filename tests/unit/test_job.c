/* Times as Slurm prints them, lists of processors, memory nodes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "train/binding.h"
#include "train/job.h"

static void times_of_squeue(void **state)
{
  (void)state;
  static const struct {
    const char *text;
    double seconds;
  } good[] = {{"0:00\n", 0},       {"1:30", 90},           {"59:59\n", 3599},
              {"1:00:00\n", 3600}, {"2-03:04:05", 183845}, {"10-00:00:00\n", 864000}};
  static const char *const bad[] = {
      "", "UNLIMITED\n", "INVALID", "NOT_SET", "1:", "1-", "-1:00", "1:2:3:4", "x-1:00"};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    assert_true(lks_job_time_read(good[i].text) == good[i].seconds);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    if (!isinf(lks_job_time_read(bad[i]))) fail_msg("'%s' is no time", bad[i]);
}

static void lists_are_read_and_written(void **state)
{
  (void)state;
  static const char *const lists[] = {"", "0", "0-1", "3,5", "0-3,8,10-11", "0,2,4,6-1023"};
  static const char *const bad[] = {"a", "1-", "3-1", "1024", "-1", "1,,2", "0-99999999999"};
  cpu_set_t set;
  char text[64];
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
    assert_true(lks_cpu_list_read(&set, lists[i]));
    lks_cpu_list_print(text, sizeof text, &set);
    assert_string_equal(text, lists[i]);
  }
  assert_true(lks_cpu_list_read(&set, "0-1,4\n"));
  assert_int_equal(CPU_COUNT(&set), 3);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    if (lks_cpu_list_read(&set, bad[i])) fail_msg("'%s' is no list", bad[i]);
}

static void long_lists_are_cut(void **state)
{
  (void)state;
  cpu_set_t set;
  char text[12];
  assert_true(lks_cpu_list_read(&set, "0,2,4,6,8,10,12"));
  lks_cpu_list_print(text, sizeof text, &set);
  assert_string_equal(text, "0,2,4,6...");
}

static void write_line(const char *folder, const char *name, const char *text)
{
  char path[128];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

static void memory_nodes_are_counted(void **state)
{
  (void)state;
  char folder[] = "/tmp/lockstep-nodes-XXXXXX", path[64], command[64];
  cpu_set_t set;
  assert_non_null(mkdtemp(folder));
  assert_true(lks_cpu_list_read(&set, "2-5"));
  assert_int_equal(lks_numa_nodes(&set, folder), 0); /* nobody knows */
  write_line(folder, "online", "0,2\n");
  snprintf(path, sizeof path, "%s/node0", folder);
  assert_int_equal(mkdir(path, 0700), 0);
  snprintf(path, sizeof path, "%s/node2", folder);
  assert_int_equal(mkdir(path, 0700), 0);
  write_line(folder, "node0/cpulist", "0-3\n");
  write_line(folder, "node2/cpulist", "4-7\n");
  assert_int_equal(lks_numa_nodes(&set, folder), 2);
  assert_true(lks_cpu_list_read(&set, "4-7"));
  assert_int_equal(lks_numa_nodes(&set, folder), 1);
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  assert_int_equal(system(command), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(times_of_squeue),
      cmocka_unit_test(lists_are_read_and_written),
      cmocka_unit_test(long_lists_are_cut),
      cmocka_unit_test(memory_nodes_are_counted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
