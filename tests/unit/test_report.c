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
#include "study/gnuplot.h"
#include "study/html_parts.h"
#include "study/plot.h"
#include "study/report.h"
#include "support/made_up_results.h"

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
  if (status == LKS_OK) status = lks_plots_write(&drawn, &table, results);
  if (status == LKS_OK) status = lks_html_write(&table, results, drawn);
  if (status != LKS_OK) fail_msg("%s: %s", arms, lks_message());
  lks_results_destroy(&results);
  return drawn;
}

static size_t occurrences(const char *text, const char *part)
{
  size_t count = 0;
  for (const char *at = text; (at = strstr(at, part)) != NULL; at++) count++;
  return count;
}

/* Every id="..." is there once: SVGs that were drawn apart stand in one page. */
static void assert_ids_are_unique(const char *page)
{
  for (const char *at = page; (at = strstr(at, " id=\"")) != NULL; at++) {
    char id[128];
    const size_t length = strcspn(at + 5, "\"");
    assert_true(length + 8 < sizeof id);
    snprintf(id, sizeof id, " id=\"%.*s\"", (int)length, at + 5);
    assert_int_equal(occurrences(page, id), 1);
  }
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
  assert_int_equal(occurrences(page, "<svg"), drawn ? 5 : 0);
  assert_int_equal(occurrences(page, "<?xml"), 0);
  assert_int_equal(occurrences(page, "nan"), 0);
  assert_ids_are_unique(page);
  lks_free(page);
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

/* gnuplot must accept every script: a complaint of its is a failure of lks_plots_write. */
static void any_shape_can_be_drawn(void **state)
{
  (void)state;
  static const struct {
    const char *arms;
    size_t seeds, epochs, layers;
    double spread;
    void (*change)(lks_results *);
  } shapes[] = {
      {"sync", 1, 1, 1, 0, NULL},
      {"none", 1, 2, 0, 0, NULL},
      {"sync,512", 3, 4, 2, 0, NULL},
      {"sync,2,none", 2, 60, 21, 1, NULL},
      {"8,4,2", 1, 5, 0, 0.3, NULL},
      {"sync,256,128,64,32,16,8,4,2,rank:3,rank:7,none", 2, 5, 2, 0.2, NULL},
      {"sync,32,8", 4, 6, 1, 0.2, leave_half_undone},
  };
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
    make_report(shapes[i].arms, shapes[i].seeds, shapes[i].epochs, shapes[i].layers, shapes[i].spread,
                shapes[i].change);
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

static void a_directory_without_a_comparison_is_refused(void **state)
{
  (void)state;
  assert_int_not_equal(lks_report("/nowhere/at-all"), LKS_OK);
  assert_true(lks_message()[0] != 0);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
  const struct CMUnitTest tests[] = {
      TEST(the_page_needs_nothing_else),
      TEST(the_page_says_what_the_table_says),
      TEST(text_is_escaped),
      TEST(without_gnuplot_all_but_the_pictures_is_made),
      TEST(any_shape_can_be_drawn),
      TEST(scripts_stand_alone),
      TEST(a_directory_without_a_comparison_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
