/* The plots and the page of a comparison that nobody ran: what is in them, and that no shape of a comparison
 * breaks them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/log.h"
#include "report/gnuplot.h"
#include "report/html_parts.h"
#include "report/report.h"
#include "support/made_up_results.h"
#include "support/made_up_runs.h"

static char folder[64];
static char path_before[4096];

static int make_folder(void **state)
{
  (void)state;
  strcpy(folder, "/tmp/lockstep-report-XXXXXX");
  snprintf(path_before, sizeof path_before, "%s", getenv("PATH"));
  lks_log_enable(false);
  return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *place)
{
  (void)about;
  (void)kind;
  (void)place;
  return remove(path);
}

static int remove_folder(void **state)
{
  (void)state;
  setenv("PATH", path_before, 1);
  return nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS) + (lks_allocations_open() != 0);
}

static char *content(const char *name)
{
  char path[256], *text = NULL;
  size_t bytes = 0;
  snprintf(path, sizeof path, "%s/%s", folder, name);
  assert_int_equal(lks_file_read(&text, &bytes, path), LKS_OK);
  assert_int_equal(strlen(text), bytes);
  return text;
}

static bool there(const char *name)
{
  char path[256];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return lks_file_exists(path);
}

/* Makes everything of a comparison but the CSV files; says whether the plots were drawn. */
static bool make_report(const char *arms, size_t seeds, size_t epochs, size_t layers, double spread,
                        void (*change)(lks_results *))
{
  static lks_table table;
  bool drawn = false;
  const made_up_plan plan = {folder, arms, seeds, epochs, layers, spread};
  lks_results *results = made_up_results(&plan);
  assert_non_null(results);
  if (change != NULL) change(results);
  lks_status status = lks_table_make(&table, results);
  if (!status) status = lks_plots_write(&drawn, &table, results);
  if (!status) status = lks_html_write(&table, results, drawn);
  if (status) fail_msg("%s: %s", arms, lks_message());
  lks_results_destroy(&results);
  return drawn;
}

static size_t occurrences(const char *text, const char *part)
{
  size_t count = 0;
  for (const char *at = text; (at = strstr(at, part)) != NULL; at++) count++;
  return count;
}

/* The number of ids that stand there more than once: SVGs that were drawn apart share a page. */
static size_t repeated_ids(const char *page)
{
  size_t repeated = 0;
  for (const char *at = page; (at = strstr(at, " id=")) != NULL; at++) {
    char id[128];
    const size_t length = strcspn(at + 5, "'\"") + 6; /* with both quotes */
    assert_true(length < sizeof id);
    memcpy(id, at, length);
    id[length] = '\0';
    repeated += occurrences(page, id) > 1;
  }
  return repeated;
}

/* References that lead to no id of the page. */
static size_t dangling_references(const char *page)
{
  size_t dangling = 0;
  for (const char *at = page; (at = strstr(at, "href='#")) != NULL; at++) {
    char id[128];
    snprintf(id, sizeof id, " id='%.*s'", (int)strcspn(at + 7, "'"), at + 7);
    dangling += occurrences(page, id) != 1;
  }
  return dangling;
}

static void the_page_needs_nothing_else(void **state)
{
  (void)state;
  const bool drawn = make_report("sync,128,32,8,4,none", 3, 12, 3, 0.2, NULL);
  char *page = content("report.html");
  assert_int_equal(occurrences(page, "<html lang=\"en\">"), 1);
  assert_int_equal(occurrences(page, "<script"), 0);
  assert_int_equal(occurrences(page, "src="), 0);
  assert_int_equal(occurrences(page, "<link"), 0);
  assert_int_equal(occurrences(page, "@import"), 0);
  assert_int_equal(occurrences(page, "<svg"), drawn ? 6 : 0);
  assert_int_equal(occurrences(page, "<?xml"), 0);
  assert_int_equal(occurrences(page, "nan"), occurrences(page, "on-nan")); /* which is a setting */
  assert_int_equal(repeated_ids(page), 0);
  assert_int_equal(dangling_references(page), 0);
  lks_free(page);
}

static void ids_of_two_drawings_differ(void **state)
{
  (void)state;
  static const char svg[] = "<?xml version=\"1.0\"?>\n<svg viewBox=\"0 0 5 4\">\n<title>Gnuplot</title>\n"
                            "<desc>by</desc><g id=\"g\"><path id='p'/><use xlink:href='#p'/></g></svg>\n";
  char text[1024] = "";
  FILE *out = fmemopen(text, sizeof text, "w");
  assert_non_null(out);
  const bool first = lks_html_svg(out, svg, "a", "one & two"), second = lks_html_svg(out, svg, "b", "");
  const bool neither = lks_html_svg(out, "<svg viewBox=\"0 0 5 4\">", "c", "");
  fclose(out);
  assert_true(first && second && !neither);
  assert_int_equal(occurrences(text, "<?xml") + occurrences(text, "Gnuplot"), 0);
  assert_int_equal(occurrences(text, "aria-label=\"one &amp; two\""), 1);
  assert_int_equal(occurrences(text, "<g id=\"a-g\"><path id='a-p'/><use xlink:href='#a-p'/>"), 1);
  assert_int_equal(repeated_ids(text) + dangling_references(text), 0);
  assert_int_equal(repeated_ids("<g id='p'/><g id='p'/>"), 2); /* the count can fail */
}

/* A reader finds every arm, and the sentence that was made for it. */
static void the_page_says_what_the_table_says(void **state)
{
  (void)state;
  make_report("sync,512,8", 4, 8, 1, 0.2, NULL);
  char *page = content("report.html");
  assert_non_null(strstr(page, "the same computation"));
  assert_true(occurrences(page, "512") > 0 && occurrences(page, "sync") > 0);
  assert_non_null(strstr(page, "lockstep compare"));
  lks_free(page);
}

static void name_strangely(lks_results *results)
{
  strcpy(results->comparison.base.model, "a<b>&\"c\".model");
}

static void text_is_escaped(void **state)
{
  (void)state;
  make_report("sync,8", 2, 3, 1, 0.2, name_strangely);
  char *page = content("report.html");
  assert_null(strstr(page, "a<b>"));
  assert_non_null(strstr(page, "a&lt;b&gt;&amp;"));
  lks_free(page);
}

static void without_gnuplot_all_but_the_pictures_is_made(void **state)
{
  (void)state;
  setenv("PATH", "/nowhere", 1);
  const bool drawn = make_report("sync,32", 2, 5, 1, 0.2, NULL);
  setenv("PATH", path_before, 1);
  assert_false(drawn);
  char *page = content("report.html");
  assert_non_null(strstr(page, "gnuplot-nox"));
  lks_free(page);
  assert_true(there("plots/error.dat") && there("plots/error.gp") && there("plots/curves.gp"));
  assert_false(there("plots/error.svg"));
}

static void leave_half_undone(lks_results *results)
{
  for (size_t i = 1; i < results->comparison.arms * results->comparison.seeds; i += 2)
    results->run[i].done = false;
}

static void measure_nothing(lks_results *results)
{
  for (size_t i = 0; i < results->comparison.arms * results->comparison.seeds; i++)
    for (size_t epoch = 0; epoch < results->run[i].epochs; epoch++)
      results->run[i].row[epoch].test_accuracy = results->run[i].row[epoch].test_loss = NAN;
}

static void fail_some(lks_results *results)
{
  made_up_failure(results, 0, 1, false);
  for (size_t seed = 0; seed < results->comparison.seeds; seed++) made_up_failure(results, 2, seed, seed > 0);
}

/* Scripts in the folder; each must have drawn both pictures, and gnuplot must have nothing to say about it.
 */
static size_t assert_drawn_well(const char *shape)
{
  static const char *const names[] = {"error", "differences", "loss", "curves", "gap", "noise"};
  size_t scripts = 0;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char name[64], command[256], said[128] = "";
    snprintf(name, sizeof name, "plots/%s.gp", names[i]);
    if (!there(name)) continue;
    scripts++;
    snprintf(name, sizeof name, "plots/%s.svg", names[i]);
    if (!there(name)) fail_msg("%s: no %s", shape, name);
    snprintf(command, sizeof command, "cd %s/plots && gnuplot -d %s.gp 2>&1", folder, names[i]);
    FILE *gnuplot = popen(command, "r");
    assert_non_null(gnuplot);
    const size_t bytes = fread(said, 1, sizeof said - 1, gnuplot);
    if (pclose(gnuplot) != 0 || bytes > 0) fail_msg("%s: gnuplot of %s says: %s", shape, names[i], said);
  }
  return scripts;
}

static void any_shape_can_be_drawn(void **state)
{
  (void)state;
  static const struct {
    const char *arms;
    size_t seeds, epochs, layers;
    double spread;
    void (*change)(lks_results *);
    size_t plots;
  } shapes[] = {
      {"sync", 1, 1, 1, 0, NULL, 3}, /* one arm: no difference, and no noise in the whole mini-batch */
      {"none", 1, 2, 0, 0, NULL, 2}, /* no normalization batch */
      {"sync,512", 3, 4, 2, 0, NULL, 5},
      {"sync,2,none", 2, 60, 21, 1, NULL, 6},
      {"8,4,2", 1, 5, 0, 0.3, NULL, 5},
      {"sync,256,128,64,32,16,8,4,2,rank:3,rank:7,none", 2, 5, 2, 0.2, NULL, 6},
      {"sync,32,8", 4, 6, 1, 0.2, leave_half_undone, 6},
      {"base:|two words:lr=0.2|none:bn=none|", 3, 4, 1, 0.2, fail_some, 5},
      {"sync,32", 2, 3, 1, 0.2, measure_nothing, 0},
      {"sync,32", 2, 0, 0, 0.2, NULL, 0},
  };
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    if (!make_report(shapes[i].arms, shapes[i].seeds, shapes[i].epochs, shapes[i].layers, shapes[i].spread,
                     shapes[i].change))
      skip();
    const size_t plots = assert_drawn_well(shapes[i].arms);
    if (plots != shapes[i].plots)
      fail_msg("%s: %zu plots instead of %zu", shapes[i].arms, plots, shapes[i].plots);
  }
}

/* The scripts that stay beside the pictures draw them again, as a user would who restyles them. */
static void scripts_stand_alone(void **state)
{
  (void)state;
  char plots[96], svg[128];
  bool found = false;
  if (!make_report("sync,32,8", 3, 6, 2, 0.2, NULL)) skip();
  snprintf(plots, sizeof plots, "%s/plots", folder);
  snprintf(svg, sizeof svg, "%s/error.svg", plots);
  assert_int_equal(remove(svg), 0);
  assert_int_equal(lks_gnuplot_run(&found, plots, "error.gp"), LKS_OK);
  assert_true(found && lks_file_exists(svg));
}

static void a_bad_script_is_told(void **state)
{
  (void)state;
  char path[128];
  bool found = false;
  static const char script[] = "set xrange [1:2]\nplot nothing_of_this_name\n";
  snprintf(path, sizeof path, "%s/bad.gp", folder);
  assert_int_equal(lks_file_write(path, script, strlen(script)), LKS_OK);
  const lks_status status = lks_gnuplot_run(&found, folder, "bad.gp");
  if (!found) skip();
  assert_int_equal(status, LKS_ERR_IO);
  assert_non_null(strstr(lks_message(), "line 2: undefined variable"));
}

/* From the files of a comparison to the page, as `lockstep report` does it. */
static void a_directory_becomes_a_report(void **state)
{
  (void)state;
  const lks_comparison comparison = made_up_comparison(folder, "sync,32", 2);
  assert_int_equal(lks_comparison_open(&comparison), LKS_OK);
  assert_int_equal(lks_report(folder), LKS_ERR_DATA);
  assert_non_null(strstr(lks_message(), "no run is finished"));
  assert_false(there("report.html"));
  for (size_t i = 0; i < 4; i++) {
    const made_up_run run = {.test_accuracy = 0.75 + (double)i / 64, .fingerprint = (int)i, .ranks = 2};
    assert_int_equal(made_up_run_write(&comparison, i / 2, i % 2, &run), LKS_OK);
  }
  if (lks_report(folder) != LKS_OK) fail_msg("%s", lks_message());
  assert_true(there("report.html") && there("report.md") && there("table.csv") && there("plots/error.gp"));
}

static void a_directory_without_a_comparison_is_refused(void **state)
{
  (void)state;
  assert_int_equal(lks_report(folder), LKS_ERR_USAGE);
  assert_non_null(strstr(lks_message(), folder));
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
  const struct CMUnitTest tests[] = {
      TEST(the_page_needs_nothing_else),
      TEST(the_page_says_what_the_table_says),
      TEST(text_is_escaped),
      TEST(without_gnuplot_all_but_the_pictures_is_made),
      TEST(ids_of_two_drawings_differ),
      TEST(any_shape_can_be_drawn),
      TEST(scripts_stand_alone),
      TEST(a_bad_script_is_told),
      TEST(a_directory_becomes_a_report),
      TEST(a_directory_without_a_comparison_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
