/* What finished runs left in their directories comes back bit for bit; what is damaged or foreign is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "support/made_up_runs.h"

static char folder[64];
static lks_comparison comparison;
static const made_up_run usual = {
    .test_accuracy = 0.75, .fingerprint = 1, .images_per_second = 1000, .ranks = 2};

/* Two arms of three seeds, all finished but the last one. */
static int set_up(void **state)
{
  (void)state;
  made_up_folder(folder);
  comparison = made_up_comparison(folder, "sync,none", 3);
  lks_status status = lks_comparison_open(&comparison);
  for (size_t i = 0; i < 5 && !status; i++) status = made_up_run_write(&comparison, i / 3, i % 3, &usual);
  return status != LKS_OK;
}

static int tear_down(void **state)
{
  (void)state;
  made_up_folder_remove(folder);
  return lks_allocations_open() != 0;
}

static void assert_message(const char *part)
{
  if (strstr(lks_message(), part) == NULL) fail_msg("'%s' is not in: %s", part, lks_message());
}

static void path_of(char path[LKS_TEXT_MAX], const char *file)
{
  snprintf(path, LKS_TEXT_MAX, "%s/runs/sync/seed-2/%s", folder, file);
}

static void test_result_comes_back(void **state)
{
  (void)state;
  const lks_run_result wanted = {.fingerprint = "0123456789abcdef0123456789abcdef",
                                 .lr = 0.1 + 0.2,
                                 .precise_loss = 1. / 3,
                                 .precise_accuracy = NAN,
                                 .images_per_second = 12345.678,
                                 .bn_share = 1e-9,
                                 .ranks = 7,
                                 .threads = 2,
                                 .hosts = 3};
  lks_run_result result;
  bool done;
  assert_int_equal(lks_run_result_write(folder, &wanted), LKS_OK);
  assert_int_equal(lks_run_result_read(&result, &done, folder), LKS_OK);
  assert_true(done);
  assert_string_equal(result.fingerprint, wanted.fingerprint);
  assert_true(result.lr == wanted.lr && result.precise_loss == wanted.precise_loss);
  assert_true(isnan(result.precise_accuracy));
  assert_true(result.images_per_second == wanted.images_per_second && result.bn_share == wanted.bn_share);
  assert_true(result.ranks == 7 && result.threads == 2 && result.hosts == 3);
  assert_false(result.diverged || result.has_epochs);
  assert_int_equal(lks_run_result_read(&result, &done, "/nonexistent"), LKS_OK);
  assert_false(done);
}

static void test_diverged_result_comes_back(void **state)
{
  (void)state;
  const lks_run_result wanted = {.diverged = true,
                                 .diverged_at = 37,
                                 .has_epochs = true,
                                 .epochs = 3,
                                 .lr = 0.1,
                                 .precise_loss = NAN,
                                 .precise_accuracy = NAN,
                                 .images_per_second = NAN,
                                 .bn_share = NAN,
                                 .ranks = 7,
                                 .threads = 2,
                                 .hosts = 3};
  lks_run_result result;
  bool done;
  assert_int_equal(lks_run_result_write(folder, &wanted), LKS_OK);
  assert_int_equal(lks_run_result_read(&result, &done, folder), LKS_OK);
  assert_true(done && result.diverged && result.has_epochs);
  assert_string_equal(result.fingerprint, "");
  assert_int_equal(result.diverged_at, 37);
  assert_int_equal(result.epochs, 3);
  assert_true(result.lr == 0.1 && isnan(result.precise_loss) && isnan(result.images_per_second));
}

static void test_all_runs(void **state)
{
  (void)state;
  lks_results *results;
  assert_int_equal(made_up_run_write_part(&comparison, 1, 2, &usual), LKS_OK);
  assert_int_equal(lks_results_read(&results, folder), LKS_OK);
  assert_int_equal(results->comparison.arms, 2);
  for (size_t i = 0; i < 5; i++) {
    const lks_run *run = lks_results_run(results, i / 3, i % 3);
    assert_true(run->done);
    assert_int_equal(run->epochs, MADE_UP_EPOCHS);
    assert_true(run->row[2].test_accuracy == 0.75 && run->row[2].train_accuracy == 0.78125);
    assert_int_equal(run->row[6].step, 70);
    assert_int_equal(run->noises, i < 3);
  }
  assert_false(lks_results_run(results, 1, 2)->done);
  lks_results_destroy(&results);
  assert_null(results);
  lks_results_destroy(&results);
}

static void test_noise_is_averaged_over_steps(void **state)
{
  (void)state;
  char path[LKS_TEXT_MAX];
  path_of(path, "noise.csv");
  static const char text[] = LKS_NOISE_HEADING "1,bn1,16,64,30,1,10,0.5,8\n"
                                               "1,layer1.0.bn2,8,1,30,2,20,0.5,4\n"
                                               "2,bn1,16,64,10,5,30,0.5,16\n"
                                               "2,layer1.0.bn2,8,1,0,,,,\n";
  assert_int_equal(lks_file_write(path, text, strlen(text)), LKS_OK);
  lks_results *results;
  assert_int_equal(lks_results_read(&results, folder), LKS_OK);
  const lks_run *run = lks_results_run(results, 0, 1);
  assert_int_equal(run->noises, 2);
  const lks_noise_row *first = &run->noise[0], *second = &run->noise[1];
  assert_string_equal(first->layer, "bn1");
  assert_true(first->channels == 16 && first->values == 64);
  assert_true(first->variance_of_mean == 2 && first->variance_of_variance == 15 && first->theory == 0.5 &&
              first->effective_samples == 10);
  assert_string_equal(second->layer, "layer1.0.bn2");
  assert_true(second->variance_of_mean == 2 && second->effective_samples == 4);
  lks_results_destroy(&results);
}

static void refuse(const char *part, const char *file)
{
  lks_results *results;
  assert_int_equal(lks_results_read(&results, folder), LKS_ERR_DATA);
  assert_null(results);
  assert_message(part);
  assert_message(file);
  assert_message("/runs/sync/seed-2 and run compare again");
}

/* Puts `new` where `old` stands, once. */
static void damage(const char *file, const char *old, const char *new)
{
  char path[LKS_TEXT_MAX], *text, changed[16384];
  size_t bytes;
  path_of(path, file);
  assert_int_equal(lks_file_read(&text, &bytes, path), LKS_OK);
  char *at = strstr(text, old);
  if (at != NULL)
    snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, new, at + strlen(old));
  lks_free(text);
  assert_non_null(at);
  assert_int_equal(lks_file_write(path, changed, strlen(changed)), LKS_OK);
}

static void write_anew(void)
{
  char path[LKS_TEXT_MAX];
  path_of(path, "");
  made_up_folder_remove(path);
  assert_int_equal(made_up_run_write(&comparison, 0, 1, &usual), LKS_OK);
}

static void test_damaged_result(void **state)
{
  (void)state;
  static const char *const bad[][3] = {
      {"ranks = 2", "ranks = two", "result.ini:7: 'two'"},
      {"ranks = 2\n", "", "no ranks"},
      {"ranks = 2", "rank = 2", "result.ini:7: unknown key 'rank'"},
      {"ranks = 2", "ranks = 2\nranks = 2", "result.ini:8: a second ranks"},
      {"fingerprint = 0", "fingerprint = x", "result.ini:1: 'x"},
      {"lr = 0.1", "lr = 0.2", "lr = 0.2"},
      {"hosts = 1", "hosts", "result.ini:9"},
      {"lr = 0.1", "lr = inf", "'inf' is not a number"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    damage("result.ini", bad[i][0], bad[i][1]);
    refuse(bad[i][2], "result.ini");
    write_anew();
  }
}

/* A run that diverged keeps the epochs before that, and has no figures; nor has one that did not get through its
 * first epoch. Files of before, without an outcome, are those of finished runs. */
static void test_diverged_run(void **state)
{
  (void)state;
  lks_run_result result = {.diverged = true,
                           .diverged_at = 37,
                           .has_epochs = true,
                           .epochs = 3,
                           .lr = 0.1,
                           .precise_loss = NAN,
                           .precise_accuracy = NAN,
                           .images_per_second = NAN,
                           .bn_share = NAN,
                           .ranks = 1,
                           .threads = 1,
                           .hosts = 1};
  lks_results *results;
  char path[LKS_TEXT_MAX];
  path_of(path, "");
  assert_int_equal(lks_metrics_truncate(path, 3), LKS_OK);
  refuse("holds 3 of 7 epochs in a finished run", "metrics.csv");
  assert_int_equal(lks_run_result_write(path, &result), LKS_OK);
  assert_int_equal(lks_results_read(&results, folder), LKS_OK);
  const lks_run *run = lks_results_run(results, 0, 1);
  assert_true(run->done && run->diverged);
  assert_int_equal(run->epochs, 3);
  assert_int_equal(run->result.diverged_at, 37);
  assert_true(isnan(run->result.precise_accuracy));
  assert_false(lks_results_run(results, 0, 0)->diverged);
  lks_results_destroy(&results);
  assert_int_equal(lks_metrics_truncate(path, 2), LKS_OK);
  refuse("holds 2 of 3 epochs in a diverged run", "metrics.csv");
  result.epochs = 0;
  assert_int_equal(lks_metrics_truncate(path, 0), LKS_OK);
  assert_int_equal(lks_run_result_write(path, &result), LKS_OK);
  path_of(path, "metrics.csv");
  assert_int_equal(unlink(path), 0);
  assert_int_equal(lks_results_read(&results, folder), LKS_OK);
  assert_int_equal(lks_results_run(results, 0, 1)->epochs, 0);
  lks_results_destroy(&results);
}

static void test_damaged_outcome(void **state)
{
  (void)state;
  static const char *const bad[][2] = {
      {"hosts = 1\noutcome = fine\n", "result.ini:10: outcome = fine is neither"},
      {"hosts = 1\noutcome = diverged\n", "a fingerprint of a run that diverged"},
      {"hosts = 1\noutcome = finished\ndiverged-at-step = 3\n", "go together"},
      {"hosts = 1\noutcome = finished\noutcome = finished\n", "result.ini:11: a second outcome"},
      {"hosts = 1\nepochs = 7\nepochs = 7\n", "result.ini:11: a second epochs"},
      {"hosts = 1\nepochs = many\n", "result.ini:10: 'many'"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    damage("result.ini", "hosts = 1\noutcome = finished\n", bad[i][0]);
    refuse(bad[i][1], "result.ini");
    write_anew();
  }
  damage("result.ini", "outcome = finished\n", "");
  lks_results *results;
  assert_int_equal(lks_results_read(&results, folder), LKS_OK);
  assert_true(lks_results_run(results, 0, 1)->done && !lks_results_run(results, 0, 1)->diverged);
  lks_results_destroy(&results);
}

static void test_damaged_metrics(void **state)
{
  (void)state;
  static const char *const bad[][3] = {
      {"epoch,step", "epoch,steps", "metrics.csv:1: the heading"},
      {"\n3,30,", "\n3,", "metrics.csv:4: 8 fields instead of 9"},
      {"\n3,30,", "\n3,30,0,", "metrics.csv:4: 10 fields"},
      {"\n3,30,", "\n4,30,", "metrics.csv:4: epoch 4"},
      {"\n3,30,0.1", "\n3,30,0x1", "metrics.csv:4: '0x1'"},
      {"\n3,30,", "\n3,-30,", "metrics.csv:4: '-30'"},
      {",1000,7\n", ",1000,7", "metrics.csv:8: the line is cut off"},
      {",1000,7\n", ",1000,7\n8,80,0.1,,,,,,\n", "8 of 7 epochs"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    damage("metrics.csv", bad[i][0], bad[i][1]);
    refuse(bad[i][2], "metrics.csv");
    damage("metrics.csv", bad[i][1], bad[i][0]);
  }
  lks_results *results;
  assert_int_equal(lks_results_read(&results, folder), LKS_OK);
  lks_results_destroy(&results);
}

static void test_damaged_noise(void **state)
{
  (void)state;
  static const char *const bad[][3] = {
      {"\n3,bn1,", "\n2,bn1,", "noise.csv:4: layer bn1 of epoch 2"},
      {"\n3,bn1,", "\n9,bn1,", "noise.csv:4: layer bn1 of epoch 9"},
      {"\n3,bn1,", "\n3,,", "noise.csv:4: '' is not the name"},
      {"\n3,bn1,16", "\n3,bn1,many", "noise.csv:4: 'many'"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    damage("noise.csv", bad[i][0], bad[i][1]);
    refuse(bad[i][2], "noise.csv");
    write_anew();
  }
}

static void test_missing_files(void **state)
{
  (void)state;
  char path[LKS_TEXT_MAX];
  path_of(path, "metrics.csv");
  assert_int_equal(unlink(path), 0);
  refuse("is missing", "metrics.csv");
  path_of(path, "config.ini");
  assert_int_equal(unlink(path), 0);
  refuse("is missing", "config.ini");
  path_of(path, "result.ini");
  assert_int_equal(unlink(path), 0);
  lks_results *results;
  assert_int_equal(lks_results_read(&results, folder), LKS_OK); /* not finished, or not begun */
  assert_false(lks_results_run(results, 0, 1)->done);
  lks_results_destroy(&results);
}

static void test_run_of_another_configuration(void **state)
{
  (void)state;
  static const char *const bad[][3] = {
      {"batch-size = 128", "batch-size = 64", "batch-size = 64, not 128"},
      {"seed = 2", "seed = 3", "seed = 3, not 2"},
      {"bn = sync", "bn = 32", "bn = 32, not sync"},
      {"epochs = 7", "epochs = 8", "epochs = 8, not 7"},
      {"data = digits.h5", "data = other.h5", "data = other.h5"},
      {"lr = 0.1", "lr = 0.2", "lr = 0.2, not 0.1"},
      {"momentum = 0.9", "momentum = 9", "momentum"},
      {"momentum = 0.9", "momentun = 0.9", "momentun"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    damage("config.ini", bad[i][0], bad[i][1]);
    refuse(bad[i][2], "config.ini");
    damage("config.ini", bad[i][1], bad[i][0]);
  }
  damage("config.ini", "\nthreads = 0", "\nthreads = 2");
  lks_results *results;
  assert_int_equal(lks_results_read(&results, folder), LKS_OK);
  lks_results_destroy(&results);
}

/* Tuned arms have learning rates of their own, out of the list. */
static void test_tuned_rates(void **state)
{
  (void)state;
  char path[LKS_TEXT_MAX];
  snprintf(path, sizeof path, "%s/comparison.ini", folder);
  assert_int_equal(unlink(path), 0);
  assert_int_equal(lks_comparison_rates(&comparison, "0.1,0.3"), LKS_OK);
  assert_int_equal(lks_comparison_open(&comparison), LKS_OK);
  damage("config.ini", "\nlr = 0.1", "\nlr = 0.2");
  refuse("lr = 0.2, not 0.1", "config.ini");
  damage("config.ini", "\nlr = 0.2", "\nlr = 0.3");
  damage("result.ini", "lr = 0.1", "lr = 0.3");
  refuse("has lr = 0.3, another seed of this arm 0.1", "result.ini");
  comparison.arm[0].config.lr = 0.3;
  snprintf(path, sizeof path, "%s/runs", folder);
  made_up_folder_remove(path);
  assert_int_equal(made_up_run_write(&comparison, 0, 1, &usual), LKS_OK);
  lks_results *results;
  assert_int_equal(lks_results_read(&results, folder), LKS_OK);
  assert_true(lks_results_run(results, 0, 1)->result.lr == 0.3);
  lks_results_destroy(&results);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(test_result_comes_back),
      TEST(test_all_runs),
      TEST(test_noise_is_averaged_over_steps),
      TEST(test_diverged_result_comes_back),
      TEST(test_diverged_run),
      TEST(test_damaged_result),
      TEST(test_damaged_outcome),
      TEST(test_damaged_metrics),
      TEST(test_damaged_noise),
      TEST(test_missing_files),
      TEST(test_run_of_another_configuration),
      TEST(test_tuned_rates),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
