/* Reports of comparisons that went badly, or whose arms are anything: runs that learned nothing are named and left
 * out, and every word fits the arms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/log.h"
#include "report/html_comparison.h"
#include "report/plot.h"
#include "report/report.h"
#include "support/made_up_results.h"
#include "support/made_up_runs.h"

static char folder[64];
static lks_table table;

static int set_up(void **state)
{
  (void)state;
  made_up_folder(folder);
  lks_log_enable(false);
  return folder[0] == '\0';
}

static int tear_down(void **state)
{
  (void)state;
  made_up_folder_remove(folder);
  return lks_allocations_open() != 0;
}

static lks_results *make(const char *arms, size_t seeds)
{
  const made_up_plan plan = {folder, arms, seeds, 8, 1, 0.2};
  lks_results *results = made_up_results(&plan);
  assert_non_null(results);
  return results;
}

static void plant(lks_results *results, size_t arm, size_t seed, double percent)
{
  lks_run *run = &results->run[arm * results->comparison.seeds + seed];
  for (size_t e = 0; e < run->epochs; e++) run->row[e].test_accuracy = percent / 100;
}

/* Five seeds, and one of the second arm failed: without it 0.45 points better, and no doubt of it. */
static lks_results *make_planted(void)
{
  static const double sync[] = {89.6, 90.4, 89.3, 90.1, 89.9}, other[] = {90, 91, 89.5, 10, 90.5};
  lks_results *results = make("sync,32", 5);
  made_up_failure(results, 1, 3, false);
  for (size_t seed = 0; seed < 5; seed++) {
    plant(results, 0, seed, sync[seed]);
    plant(results, 1, seed, other[seed]);
  }
  return results;
}

static bool near(double a, double b)
{
  return fabs(a - b) < 1e-9;
}

/* t(0.975, 3) and t(0.975, 4) from a table of 15 digits; means and deviations by hand. */
static void test_one_failed_seed_of_five(void **state)
{
  (void)state;
  lks_results *results = make_planted();
  assert_int_equal(lks_table_make(&table, results), LKS_OK);
  const lks_table_row *row = &table.row[1];
  const lks_paired *without = &row->accuracy.learned.pair, *with = &row->accuracy.all.pair;
  assert_true(table.failed == 1 && row->failed == 1 && row->seeds == 5 && row->learned.seeds == 4);
  assert_true(without->count == 4 && with->count == 5);
  assert_true(near(without->mean, 0.45) && near(without->low, 0.14530396383419114) &&
              near(without->high, 0.7546960361658075));
  assert_true(near(with->mean, -15.66) && near(with->low, -60.38900458536895) &&
              near(with->high, 29.069004585368955));
  assert_true(near(row->learned.test_accuracy, 90.25) && near(row->all.test_accuracy, 74.2));
  assert_int_equal(row->accuracy.verdict, LKS_VERDICT_BETTER);
  assert_string_equal(
      row->accuracy.sentence,
      "1 of 5 seeds failed to learn (seed 4: 10.00%). Without failed runs, 4 pairs: better by 0.45 points [0.15, 0.75]. With it, 5 pairs: -15.66 points [-60.39, +29.07]");
  assert_non_null(strstr(row->loss.sentence, "without failed runs, 4 pairs: "));
  assert_null(strstr(row->loss.sentence, "seed 4"));
  results->chance.test_samples = 0; /* who does not know what guesses come to cannot tell */
  assert_int_equal(lks_table_make(&table, results), LKS_OK);
  assert_true(table.failed == 0 && row->accuracy.learned.pair.count == 5);
  assert_int_equal(row->accuracy.verdict, LKS_VERDICT_UNDECIDED);
  lks_results_destroy(&results);
}

static char *content(const char *name)
{
  char path[256], *text = NULL;
  size_t bytes;
  snprintf(path, sizeof path, "%s/%s", folder, name);
  if (lks_file_read(&text, &bytes, path) != LKS_OK) fail_msg("%s", lks_message());
  return text;
}

static bool says(const char *name, const char *part)
{
  char *text = content(name);
  const bool found = strstr(text, part) != NULL;
  lks_free(text);
  return found;
}

/* A number that is none; on-nan is a setting. */
static bool says_nan(const char *name)
{
  char *text = content(name);
  bool found = false;
  for (const char *at = text; !found && (at = strstr(at, "nan")) != NULL; at++)
    found = at < text + 3 || strncmp(at - 3, "on-", 3) != 0;
  lks_free(text);
  return found;
}

static size_t widest_line(const char *text)
{
  size_t widest = 0;
  for (const char *line = text; *line != '\0';) {
    const size_t length = strcspn(line, "\n");
    if (length > widest) widest = length;
    line += length + (line[length] != '\0');
  }
  return widest;
}

/* All files; the pictures are drawn where a test looks at them, for it takes its time. */
static bool write_all(const lks_results *results, bool draw)
{
  bool drawn = false;
  char *text = NULL, path[4096];
  snprintf(path, sizeof path, "%s", getenv("PATH"));
  if (!draw) setenv("PATH", "/nowhere", 1);
  lks_status status = lks_table_make(&table, results);
  if (!status) status = lks_table_write(&table, results);
  if (!status) status = lks_plots_write(&drawn, &table, results);
  setenv("PATH", path, 1);
  if (!status) status = lks_html_write(&table, results, drawn);
  if (!status) status = lks_table_text(&text, &table, results);
  if (status) fail_msg("%s", lks_message());
  const size_t widest = widest_line(text);
  if (widest > 80) fail_msg("a line of %zu letters:\n%s", widest, text);
  assert_null(strstr(text, "nan"));
  lks_free(text);
  return drawn;
}

static void test_files_name_the_failed_run(void **state)
{
  (void)state;
  lks_results *results = make_planted();
  write_all(results, false);
  lks_results_destroy(&results);
  static const char name[] = "1 of 10 runs failed to learn: 32 (seed 4: 10.00%)";
  assert_true(says("report.html", name) && says("report.md", name));
  assert_true(says("report.md", "| 32, with failed runs | 5 | -15.66 | [-60.39, +29.07] |"));
  assert_true(says("runs.csv", ",chance,") && says("table.csv", ",1,\"seed 4: 10.00%\",4,4,"));
  assert_true(says("plots/differences.gp", "'1 of 5 failed to learn'"));
  assert_true(says("plots/curves.gp", "Outside of the"));
  double low = 0, high = 0; /* the axis is that of the others */
  char *script = content("plots/differences.gp");
  const char *range = strstr(script, "set xrange [");
  const int read = range == NULL ? 0 : sscanf(range, "set xrange [%lf:%lf]", &low, &high);
  lks_free(script);
  assert_true(read == 2 && low > -1 && high < 2);
  assert_false(says("plots/differences.dat", " 4 -80"));
}

static void test_runs_that_diverged(void **state)
{
  (void)state;
  lks_results *results = make("sync,32,8", 3);
  made_up_failure(results, 0, 1, true); /* the reference's */
  for (size_t seed = 0; seed < 3; seed++) made_up_failure(results, 2, seed, seed == 1);
  write_all(results, false);
  assert_int_equal(table.failed, 4);
  assert_non_null(strstr(table.row[1].accuracy.sentence,
                         "sync, the reference, failed to learn with 1 (seed 2: diverged). Without failed"));
  assert_non_null(strstr(
      table.row[2].accuracy.sentence,
      "3 of 3 seeds failed to learn (seed 1: 10.00%, seed 2: diverged, seed 3: 10.00%); sync, the reference, failed to learn with 1 (seed 2: diverged). No pair without a failed run is left. With them, 2 pairs: -7"));
  assert_true(table.row[1].accuracy.learned.pair.count == 2 && isfinite(table.row[0].all.test_accuracy));
  assert_true(says("runs.csv", ",diverged,") && !says_nan("table.csv") && !says_nan("report.html"));
  assert_true(says("plots/gap.gp", "'3 of 3 failed to learn'"));
  lks_results_destroy(&results);
}

/* Bits are the same whether anything was learned or not. */
static void test_the_same_computation_fails_alike(void **state)
{
  (void)state;
  lks_results *results = make("sync,512", 2);
  for (size_t i = 0; i < 4; i++) made_up_failure(results, i / 2, i % 2, false);
  for (size_t i = 0; i < 4; i++) strcpy(results->run[i].result.fingerprint, i % 2 ? "b" : "a");
  assert_int_equal(lks_table_make(&table, results), LKS_OK);
  assert_int_equal(table.row[1].accuracy.verdict, LKS_VERDICT_SAME);
  assert_non_null(
      strstr(table.row[1].accuracy.sentence, "the same computation: the difference is exactly 0"));
  lks_results_destroy(&results);
}

static void test_nothing_learned_at_all(void **state)
{
  (void)state;
  lks_results *results = make("sync,32", 2);
  for (size_t i = 0; i < 4; i++) made_up_failure(results, i / 2, i % 2, false);
  write_all(results, false);
  assert_true(says("report.html", "4 of 4 runs failed to learn"));
  assert_true(says("plots/curves.gp", "plot ")); /* that they stayed there is all there is to see */
  lks_results_destroy(&results);
}

/* No word of normalization batches where the arms are something else; and what a pair shares. */
static void test_arms_of_anything(void **state)
{
  (void)state;
  lks_results *results = make("base:|no-bn:bn=none|large steps:lr=0.4,batch-size=256|", 3);
  write_all(results, false);
  lks_results_destroy(&results);
  static const char *const files[] = {"report.html", "report.md", "plots/error.gp", "plots/curves.gp"};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    if (says(files[i], "stands for")) fail_msg("%s: stands for", files[i]);
    if (says(files[i], "ormalization batch (samples)")) fail_msg("%s: normalization batch", files[i]);
  }
  assert_false(says("report.html", "differ in the normalization batch alone"));
  assert_true(says("report.html", "<title>base, no-bn and large steps compared: "));
  assert_true(says("report.html", "<td class=\"text\">bn=none</td>"));
  assert_true(says("report.md", "| no-bn | bn=none | Runs with the same seed share initial weights"));
  assert_true(says("plots/error.gp", "test error (%)") && says("plots/error.dat", "\"large steps\" 1 3 "));
}

/* As long as names may be, and as many as one looks at. */
static void test_many_arms_of_long_names(void **state)
{
  (void)state;
  char arms[2048] = "";
  for (int i = 0; i < 20; i++)
    snprintf(arms + strlen(arms), sizeof arms - strlen(arms), "an-arm-whose-name-is-long-no-%02d:lr=%g|", i,
             0.01 * (i + 1));
  lks_results *results = make(arms, 3);
  assert_int_equal(results->comparison.arms, 20);
  made_up_failure(results, 7, 0, false);
  write_all(results, false);
  assert_true(says("report.html", "<title>20 arms compared: "));
  lks_results_destroy(&results);
}

static void test_one_arm(void **state)
{
  (void)state;
  static const char *const one[] = {"sync", "alone:|"};
  for (size_t i = 0; i < 2; i++) {
    lks_results *results = make(one[i], 2);
    write_all(results, false);
    lks_results_destroy(&results);
    assert_false(says("report.html", "What the seeds say") || says("report.html", "Differences to"));
    assert_false(says("report.md", "What the seeds say") || says("report.md", "Differences to"));
    assert_true(says("report.html", "1 arm, 2 seeds"));
  }
}

/* Every picture has its title in it, and whose numbers it shows. */
static void test_pictures_explain_themselves(void **state)
{
  (void)state;
  size_t count;
  lks_results *results = make("sync,32,8,none", 3);
  const bool drawn = write_all(results, true);
  lks_results_destroy(&results);
  const lks_plot *plot = lks_plot_list(&count);
  for (size_t i = 0; i < count; i++) {
    char name[64];
    snprintf(name, sizeof name, "plots/%s.%s", plot[i].name, drawn ? "svg" : "gp");
    if (!says(name, plot[i].title) || !says(name, "3 seeds")) fail_msg("%s", name);
  }
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(test_one_failed_seed_of_five),
      TEST(test_files_name_the_failed_run),
      TEST(test_runs_that_diverged),
      TEST(test_nothing_learned_at_all),
      TEST(test_the_same_computation_fails_alike),
      TEST(test_arms_of_anything),
      TEST(test_many_arms_of_long_names),
      TEST(test_one_arm),
      TEST(test_pictures_explain_themselves),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
