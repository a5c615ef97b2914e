/* steps.csv: numbers come back bit for bit, a resumed run drops what it will write again, damage has a place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "train/step_log.h"

static char folder[64], path[96];
static lks_run_tables *tables;

static int make_folder(void **state)
{
  (void)state;
  strcpy(folder, "/tmp/lockstep-steps-XXXXXX");
  if (!mkdtemp(folder)) return -1;
  snprintf(path, sizeof path, "%s/steps.csv", folder);
  return lks_run_tables_create(&tables, folder) == LKS_OK ? 0 : -1;
}

static int remove_folder(void **state)
{
  (void)state;
  lks_run_tables_destroy(&tables);
  unlink(path);
  return rmdir(folder) + (lks_allocations_open() != 0);
}

static void append(size_t step, double accuracy)
{
  const lks_step_row row = {
      step, 1, 0.1, 1.0 / 3, 0.25, accuracy < 0 ? NAN : 0.5, accuracy < 0 ? NAN : accuracy};
  assert_int_equal(lks_step_log_append(tables, &row), LKS_OK);
}

static void rows_come_back(void **state)
{
  (void)state;
  lks_step_row *row;
  size_t count, step = 0;
  append(5, -1);
  append(10, 0.75);
  append(15, 0.9);
  append(20, 0.7);
  assert_int_equal(lks_step_log_read(&row, &count, folder), LKS_OK);
  assert_int_equal(count, 4);
  assert_true(row[0].train_loss == 1.0 / 3 && isnan(row[0].test_loss) && row[2].test_accuracy == 0.9);
  assert_true(lks_step_log_reached(&step, row, count, 0.75) && step == 10);
  assert_true(lks_step_log_reached(&step, row, count, 0.8) && step == 15);
  assert_false(lks_step_log_reached(&step, row, count, 0.91));
  lks_free(row);
}

static void a_resumed_run_drops_rows(void **state)
{
  (void)state;
  lks_step_row *row;
  size_t count;
  for (size_t step = 3; step < 13; step += 3) append(step, 0.5);
  assert_int_equal(lks_step_log_truncate(folder, 9), LKS_OK);
  assert_int_equal(lks_step_log_read(&row, &count, folder), LKS_OK);
  assert_int_equal(count, 3);
  assert_int_equal(row[2].step, 9);
  lks_free(row);
}

static void damage_has_a_place(void **state)
{
  (void)state;
  lks_step_row *row;
  size_t count;
  append(5, 0.5);
  append(5, 0.5);
  assert_int_equal(lks_step_log_read(&row, &count, folder), LKS_ERR_DATA);
  assert_non_null(strstr(lks_message(), "steps.csv:3: "));
  assert_null(row);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(rows_come_back, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(a_resumed_run_drops_rows, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(damage_has_a_place, make_folder, remove_folder),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
