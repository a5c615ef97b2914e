/* metrics.csv and metrics.jsonl: numbers come back bit for bit, resumed runs drop what they will write again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "lockstep/lockstep.h"
#include "train/metrics.h"

static char folder[64];
static lks_run_tables *tables;

static int make_folder(void **state)
{
  (void)state;
  strcpy(folder, "/tmp/lockstep-metrics-XXXXXX");
  return mkdtemp(folder) && lks_run_tables_create(&tables, folder) == LKS_OK ? 0 : -1;
}

static void path_of(char path[128], const char *name)
{
  snprintf(path, 128, "%s/%s", folder, name);
}

static int remove_folder(void **state)
{
  (void)state;
  char path[128];
  lks_run_tables_destroy(&tables);
  path_of(path, "metrics.csv");
  unlink(path);
  path_of(path, "metrics.jsonl");
  unlink(path);
  path_of(path, "noise.csv");
  unlink(path);
  return rmdir(folder) + (lks_allocations_open() != 0);
}

static char *content(const char *name)
{
  char path[128], *text = NULL;
  size_t bytes = 0;
  path_of(path, name);
  assert_int_equal(lks_file_read(&text, &bytes, path), LKS_OK);
  return text;
}

static void assert_content(const char *name, const char *expected)
{
  char *text = content(name);
  assert_string_equal(text, expected);
  lks_free(text);
}

static void append(size_t epoch)
{
  const lks_metrics_row row = {epoch, 10 * epoch, 0.1, 0.5, 0.25, NAN, NAN, 100.0, (double)epoch};
  assert_int_equal(lks_metrics_append(tables, &row), LKS_OK);
}

#define HEADING "epoch,step,lr,train_loss,train_accuracy,test_loss,test_accuracy,images_per_second,seconds\n"

static void test_form(void **state)
{
  (void)state;
  append(1);
  append(2);
  assert_content("metrics.csv", HEADING "1,10,0.1,0.5,0.25,,,100,1\n2,20,0.1,0.5,0.25,,,100,2\n");
  char *text = content("metrics.jsonl");
  const char *first =
      "{\"epoch\": 1, \"step\": 10, \"lr\": 0.1, \"train_loss\": 0.5, \"train_accuracy\": 0.25, \"test_loss\": null, \"test_accuracy\": null, \"images_per_second\": 100, \"seconds\": 1}\n";
  assert_memory_equal(text, first, strlen(first));
  lks_free(text);
}

static void test_same_bits_when_read_back(void **state)
{
  (void)state;
  const double values[] = {1.0 / 3.0,           0.1,      5e-324, 1.7976931348623157e308, -0.0,
                           123456789.123456789, 2.0 / 7e9};
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    const lks_metrics_row row = {.epoch = i + 1, .lr = values[i]};
    assert_int_equal(lks_metrics_append(tables, &row), LKS_OK);
  }
  char *text = content("metrics.csv"), *line = text;
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    line = strchr(line, '\n') + 1;
    const double back = strtod(strchr(strchr(line, ',') + 1, ',') + 1, NULL);
    assert_memory_equal(&back, &values[i], sizeof back);
  }
  lks_free(text);
}

static void test_read(void **state)
{
  (void)state;
  lks_metrics_row *row;
  size_t epochs;
  assert_int_equal(lks_metrics_read(&row, &epochs, folder), LKS_ERR_IO);
  assert_null(row);
  for (size_t epoch = 1; epoch <= 100; epoch++) append(epoch);
  assert_int_equal(lks_metrics_read(&row, &epochs, folder), LKS_OK);
  assert_int_equal(epochs, 100);
  for (size_t i = 0; i < epochs; i++) {
    assert_int_equal(row[i].epoch, i + 1);
    assert_int_equal(row[i].step, 10 * (i + 1));
    assert_true(row[i].lr == 0.1 && row[i].train_loss == 0.5 && row[i].train_accuracy == 0.25);
    assert_true(isnan(row[i].test_loss) && isnan(row[i].test_accuracy));
    assert_true(row[i].images_per_second == 100 && row[i].seconds == (double)(i + 1));
  }
  lks_free(row);
}

static void test_truncate(void **state)
{
  (void)state;
  assert_int_equal(lks_metrics_truncate(folder, 3), LKS_OK); /* nothing there yet */
  for (size_t epoch = 1; epoch <= 12; epoch++) append(epoch);
  assert_int_equal(lks_metrics_truncate(folder, 2), LKS_OK);
  assert_content("metrics.csv", HEADING "1,10,0.1,0.5,0.25,,,100,1\n2,20,0.1,0.5,0.25,,,100,2\n");
  char *text = content("metrics.jsonl");
  assert_non_null(strstr(text, "\"epoch\": 2,"));
  assert_null(strstr(text, "\"epoch\": 3,"));
  assert_null(strstr(text, "\"epoch\": 12,"));
  lks_free(text);
  assert_int_equal(lks_metrics_truncate(folder, 0), LKS_OK);
  assert_content("metrics.csv", HEADING);
  assert_content("metrics.jsonl", "");
}

#define NOISE_HEADING "epoch,layer,channels,values,steps,mean,variance,theory,effective_samples\n"

/* A line for each batch norm of an epoch; what was not measured stays empty. */
static void test_noise(void **state)
{
  (void)state;
  for (size_t epoch = 1; epoch <= 2; epoch++) {
    const lks_noise first = {.layer = "batchnorm1",
                             .channels = 16,
                             .values = 64,
                             .steps = 12,
                             .variance_of_mean = 0.25,
                             .variance_of_variance = 0.5,
                             .theory = 0.125,
                             .effective_samples = 8 * (double)epoch},
                    second = {.layer = "batchnorm2",
                              .channels = 10,
                              .values = 1,
                              .steps = 12,
                              .variance_of_mean = NAN,
                              .variance_of_variance = 0.75,
                              .theory = 0.0625,
                              .effective_samples = NAN};
    assert_int_equal(lks_metrics_append_noise(tables, epoch, &first), LKS_OK);
    assert_int_equal(lks_metrics_append_noise(tables, epoch, &second), LKS_OK);
  }
  static const char one[] = NOISE_HEADING "1,batchnorm1,16,64,12,0.25,0.5,0.125,8\n"
                                          "1,batchnorm2,10,1,12,,0.75,0.0625,\n",
                    other[] = "2,batchnorm1,16,64,12,0.25,0.5,0.125,16\n"
                              "2,batchnorm2,10,1,12,,0.75,0.0625,\n";
  char both[sizeof one + sizeof other];
  snprintf(both, sizeof both, "%s%s", one, other);
  assert_content("noise.csv", both);
  assert_int_equal(lks_metrics_truncate(folder, 1), LKS_OK);
  assert_content("noise.csv", one);
}

static void test_truncate_repairs_half_a_line(void **state)
{
  (void)state;
  append(1);
  char path[128];
  path_of(path, "metrics.csv");
  FILE *file = fopen(path, "a");
  assert_non_null(file);
  fputs("2,20,0.", file);
  fclose(file);
  assert_int_equal(lks_metrics_truncate(folder, 5), LKS_OK);
  append(2);
  assert_content("metrics.csv", HEADING "1,10,0.1,0.5,0.25,,,100,1\n2,20,0.1,0.5,0.25,,,100,2\n");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, make_folder, remove_folder)
  const struct CMUnitTest tests[] = {
      TEST(test_form),  TEST(test_same_bits_when_read_back),     TEST(test_read), TEST(test_truncate),
      TEST(test_noise), TEST(test_truncate_repairs_half_a_line),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
