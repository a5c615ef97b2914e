/* The table of a comparison: a planted effect is found, the same computation differs by exactly 0, and its
 * files are the same whatever executed the runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "report/table.h"
#include "support/made_up_runs.h"

enum { SEEDS = 8, SYNC = 0, PLANTED, SAME, FEW };

static char folder[64];

static int set_up(void **state)
{
  (void)state;
  made_up_folder(folder);
  return folder[0] == '\0';
}

static int tear_down(void **state)
{
  (void)state;
  made_up_folder_remove(folder);
  return lks_allocations_open() != 0;
}

/* Seeds differ by points, the planted arm is better by one point on average, give or take 1/8 point. */
static double accuracy(size_t arm, size_t seed)
{
  const double of_seed = 0.7 + 0.01 * (double)(seed % 3);
  if (arm == PLANTED) return of_seed + 0.01 + (seed % 2 ? 1 : -1) * 0.00125;
  return arm == FEW ? of_seed - 0.25 : of_seed;
}

static lks_status write_runs(const lks_comparison *comparison, double images_per_second, int ranks)
{
  lks_status status = lks_comparison_open(comparison);
  for (size_t arm = 0; arm < comparison->arms; arm++) {
    for (size_t seed = 0; seed < comparison->seeds && !status; seed++) {
      const bool bits_of_sync = arm == SYNC || arm == SAME;
      const made_up_run run = {accuracy(arm, seed), (int)(bits_of_sync ? seed : 100 * arm + seed),
                               images_per_second, ranks};
      if (arm == FEW && seed >= 3)
        status = made_up_run_write_part(comparison, arm, seed, &run);
      else
        status = made_up_run_write(comparison, arm, seed, &run);
    }
  }
  return status;
}

static lks_results *read_and_make(lks_table *table, const char *directory)
{
  lks_results *results = NULL;
  if (lks_results_read(&results, directory) != LKS_OK) fail_msg("%s", lks_message());
  assert_int_equal(lks_table_make(table, results), LKS_OK);
  return results;
}

static void test_figures(void **state)
{
  (void)state;
  const lks_comparison comparison = made_up_comparison(folder, "sync,rank:4,128,none", SEEDS);
  assert_int_equal(write_runs(&comparison, 1000, 2), LKS_OK);
  lks_table table;
  lks_results *results = read_and_make(&table, folder);
  assert_int_equal(table.rows, 4);
  const lks_table_row *sync = &table.row[SYNC], *few = &table.row[FEW];
  double mean = 0;
  for (size_t seed = 0; seed < SEEDS; seed++) mean += 100 * accuracy(SYNC, seed) / SEEDS;
  assert_true(fabs(sync->all.test_accuracy - mean) < 1e-9 && fabs(sync->all.precise_accuracy - mean) < 1e-9);
  assert_true(fabs(sync->all.test_loss - (1 - mean / 100)) < 1e-9);
  assert_true(fabs(sync->all.gap - 3.125) < 1e-9 && fabs(sync->all.train_accuracy - mean - 3.125) < 1e-9);
  assert_true(sync->all.test_accuracy_deviation > 0.8 && sync->all.test_accuracy_deviation < 0.9);
  assert_true(sync->images_per_second == 1000 && sync->bn_share == 0.125 && sync->lr == 0.1);
  assert_true(sync->seeds == SEEDS && sync->ranks == 1 && table.row[PLANTED].ranks == 4);
  assert_int_equal(few->seeds, 3);
  assert_int_equal(few->paired, 3);
  assert_true(few->ranks == 0 && isnan(few->all.precise_accuracy) && isnan(few->all.precise_loss));
  assert_true(fabs(few->all.test_accuracy - 46) < 1e-9);
  lks_results_destroy(&results);
}

static void test_differences(void **state)
{
  (void)state;
  const lks_comparison comparison = made_up_comparison(folder, "sync,32,128,none", SEEDS);
  assert_int_equal(write_runs(&comparison, 1000, 2), LKS_OK);
  lks_table table;
  lks_results *results = read_and_make(&table, folder);
  const lks_table_row *sync = &table.row[SYNC], *planted = &table.row[PLANTED], *same = &table.row[SAME];
  assert_int_equal(planted->accuracy.all.pair.count, SEEDS);
  assert_true(fabs(planted->accuracy.all.pair.mean - 1) < 1e-9);
  /* deviations of 1/8 point: their standard deviation is 1/8 sqrt(8/7), half of the interval t(0.975, 7) of
   * that over sqrt(8) */
  const double half = 2.364624251592785 * 0.125 / sqrt(7);
  assert_true(fabs(planted->accuracy.all.pair.high - (1 + half)) < 1e-8);
  assert_true(fabs(planted->accuracy.all.pair.low - (1 - half)) < 1e-8);
  assert_true(planted->accuracy.all.sign_flip == 2. / 256 &&
              planted->accuracy.all.holm >= planted->accuracy.all.pair.p);
  assert_true(planted->accuracy.all.equivalence.low > planted->accuracy.all.pair.low &&
              !planted->accuracy.all.equivalence.equivalent);
  assert_non_null(strstr(planted->accuracy.sentence, "better by 1.00 points [0.89, 1.11]"));
  assert_true(same->accuracy.all.pair.mean == 0 && same->accuracy.all.pair.low == 0 &&
              same->accuracy.all.pair.high == 0);
  assert_non_null(strstr(same->accuracy.sentence, "same computation"));
  assert_int_equal(sync->accuracy.all.pair.count, 0);
  assert_true(isnan(sync->accuracy.all.pair.mean) && isnan(sync->accuracy.all.holm) &&
              isnan(sync->accuracy.all.sign_flip));
  assert_non_null(strstr(sync->accuracy.sentence, "reference"));
  lks_results_destroy(&results);
}

/* Equal accuracies of different bits are no proof of the same computation. */
static void test_equal_accuracies_of_other_bits(void **state)
{
  (void)state;
  const lks_comparison comparison = made_up_comparison(folder, "sync,32", 2);
  assert_int_equal(lks_comparison_open(&comparison), LKS_OK);
  for (size_t i = 0; i < 4; i++) {
    const made_up_run run = {0.75, (int)i, 1, 1};
    assert_int_equal(made_up_run_write(&comparison, i / 2, i % 2, &run), LKS_OK);
  }
  lks_table table;
  lks_results *results = read_and_make(&table, folder);
  assert_true(table.row[1].accuracy.all.pair.mean == 0);
  assert_null(strstr(table.row[1].accuracy.sentence, "same computation"));
  lks_results_destroy(&results);
}

static void test_nothing_in_common(void **state)
{
  (void)state;
  const lks_comparison comparison = made_up_comparison(folder, "sync,32,none", 2);
  const made_up_run run = {0.75, 1, 1, 1};
  assert_int_equal(lks_comparison_open(&comparison), LKS_OK);
  assert_int_equal(made_up_run_write(&comparison, 0, 0, &run), LKS_OK);
  assert_int_equal(made_up_run_write(&comparison, 1, 1, &run), LKS_OK);
  lks_table table;
  lks_results *results = read_and_make(&table, folder);
  assert_non_null(strstr(table.row[1].accuracy.sentence, "no seed is finished here and for sync"));
  assert_string_equal(table.row[2].accuracy.sentence, "no run is finished");
  assert_true(isnan(table.row[2].all.test_accuracy) && isnan(table.row[2].lr));
  char *text;
  assert_int_equal(lks_table_write(&table, results), LKS_OK);
  assert_int_equal(lks_table_text(&text, &table, results), LKS_OK);
  assert_non_null(strstr(text, "2 of 6 runs are finished"));
  assert_null(strstr(text, "nan"));
  lks_free(text);
  lks_results_destroy(&results);
}

static void test_text(void **state)
{
  (void)state;
  lks_comparison comparison = made_up_comparison(folder, "sync,rank:32,128,none", SEEDS);
  assert_int_equal(write_runs(&comparison, 12345, 2), LKS_OK);
  lks_table table;
  lks_results *results = read_and_make(&table, folder);
  char *text, *rest = NULL;
  assert_int_equal(lks_table_text(&text, &table, results), LKS_OK);
  size_t widest = 0, table_width[5], lines = 0;
  char copy[8192];
  snprintf(copy, sizeof copy, "%s", text);
  for (char *line = strtok_r(copy, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest), lines++) {
    if (strlen(line) > widest) widest = strlen(line);
    if (lines < 5) table_width[lines] = strlen(line);
  }
  const bool complete = strstr(text, "better by 1.00 points") && strstr(text, "3/8") && strstr(text, "12345");
  lks_free(text);
  lks_results_destroy(&results);
  assert_true(complete);
  assert_in_range(widest, 60, 100);
  for (size_t i = 1; i < 5; i++) assert_int_equal(table_width[i], table_width[0]); /* aligned */
}

static char *content(const char *directory, const char *name)
{
  char path[256], *text = NULL;
  size_t bytes;
  snprintf(path, sizeof path, "%s/%s", directory, name);
  if (lks_file_read(&text, &bytes, path) != LKS_OK) fail_msg("%s", lks_message());
  return text;
}

/* Cuts the last `times` columns off every line. */
static void cut_times(char *text, size_t times)
{
  char *out = text;
  for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
    char *stop = end;
    for (size_t cut = 0; cut < times; cut++) do
        stop--;
      while (*stop != ',');
    memmove(out, line, (size_t)(stop - line));
    out += stop - line;
    *out++ = '\n';
  }
  *out = '\0';
}

static bool equal_but_times(const char *name, size_t times, const char *a, const char *b)
{
  char *text[2] = {content(a, name), content(b, name)};
  for (int i = 0; i < 2; i++) {
    char *heading = strstr(text[i], "\n## Times");
    if (heading != NULL) heading[1] = '\0';
    if (heading == NULL && times > 0) cut_times(text[i], times);
  }
  const bool equal = strcmp(text[0], text[1]) == 0;
  lks_free(text[0]);
  lks_free(text[1]);
  return equal;
}

static void write_files(const char *directory, double images_per_second, int ranks, size_t threads)
{
  lks_comparison comparison = made_up_comparison(directory, "sync,32,128,none", SEEDS);
  comparison.base.threads = threads;
  assert_int_equal(write_runs(&comparison, images_per_second, ranks), LKS_OK);
  lks_table table;
  lks_results *results = read_and_make(&table, directory);
  const lks_status status = lks_table_write(&table, results);
  lks_results_destroy(&results);
  assert_int_equal(status, LKS_OK);
}

static void test_same_files_whatever_executed(void **state)
{
  (void)state;
  char a[128], b[128];
  snprintf(a, sizeof a, "%s/a", folder);
  snprintf(b, sizeof b, "%s/b", folder);
  write_files(a, 1000, 1, 1);
  write_files(b, 2345.67, 7, 2);
  assert_true(equal_but_times("table.csv", 2, a, b));
  assert_true(equal_but_times("runs.csv", 6, a, b));
  assert_true(equal_but_times("noise.csv", 0, a, b));
  assert_true(equal_but_times("report.md", 0, a, b));
  assert_false(equal_but_times("table.csv", 1, a, b));
  assert_false(equal_but_times("runs.csv", 5, a, b));
}

/* The noise is three times its theory in the first of seven epochs and twice in the others: see made_up_runs.
 */
static void test_csv_contents(void **state)
{
  (void)state;
  write_files(folder, 1000, 1, 1);
  char *noise = content(folder, "noise.csv"), *table = content(folder, "table.csv"),
       *runs = content(folder, "runs.csv");
  double mean = 0, theory = 0;
  const char *row = strstr(noise, "\n32,32,bn1,16,64,8,");
  const int read = row == NULL ? 0 : sscanf(row, "\n32,32,bn1,16,64,8,%lf,%lf,", &mean, &theory);
  const bool whole = strstr(table, "\n32,32,4,8,8,0.1,") && strstr(table, ",\"better by 1.00 points") &&
                     strstr(table, "\nnone,0,0,3,3,0.1,") && strstr(runs, "\nsync,1,0.1,") &&
                     strstr(runs, ",00000000000000000000000000000000,,1000,0.125,1,1,1,7\n") &&
                     !strstr(runs, "\nnone,4,");
  lks_free(noise);
  lks_free(table);
  lks_free(runs);
  assert_int_equal(read, 2);
  assert_true(fabs(theory - 3. / 127) < 1e-12 && fabs(mean - theory * 15 / 7) < 1e-12);
  assert_true(whole);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(test_figures),           TEST(test_differences), TEST(test_equal_accuracies_of_other_bits),
      TEST(test_nothing_in_common), TEST(test_text),        TEST(test_same_files_whatever_executed),
      TEST(test_csv_contents),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
