/* The arms of a comparison and its file: what one job writes the next one reads, and a different one is
 * refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/leave.h"
#include "support/made_up_runs.h"

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

static void assert_message(const char *part)
{
  if (strstr(lks_message(), part) == NULL) fail_msg("'%s' is not in: %s", part, lks_message());
}

static void test_arms(void **state)
{
  (void)state;
  static const struct {
    const char *bn, *arm_folder;
    size_t group;
  } expected[] = {{"none", "none", 0},       {"sync", "sync", 128},    {"rank:4", "rank-4", 32},
                  {"rank:64", "rank-64", 8}, {"rank:3", "rank-3", 48}, {"32", "32", 32},
                  {"128", "128", 128},       {"rank:1", "rank-1", 128}};
  lks_comparison c = made_up_comparison(folder, "none, sync ,rank,rank:64,rank:3,032,128,rank:1", 1);
  assert_int_equal(c.arms, sizeof expected / sizeof *expected);
  assert_int_equal(c.reference, 1);
  for (size_t i = 0; i < c.arms; i++) {
    assert_string_equal(c.arm[i].name, expected[i].bn);
    assert_string_equal(c.arm[i].folder, expected[i].arm_folder);
    assert_int_equal(c.arm[i].group, expected[i].group);
  }
  assert_int_equal(lks_comparison_arms(&c, "64,32", 1), LKS_OK);
  assert_int_equal(c.reference, 0);
}

static void test_ragged_shards(void **state)
{
  (void)state;
  lks_comparison c = made_up_comparison(folder, "sync", 1);
  c.base.batch_size = 10; /* microbatches of 8 and 2 */
  assert_int_equal(lks_comparison_arms(&c, "rank:1,rank:2,rank:10", 1), LKS_OK);
  assert_int_equal(c.arm[0].group, 10);
  assert_int_equal(c.arm[1].group, 8);
  assert_int_equal(c.arm[2].group, 8);
}

static void test_bad_arms(void **state)
{
  (void)state;
  static const char *const bad[][2] = {
      {"", "no arms"},         {"  ", "no arms"},
      {"sync,,32", "missing"}, {"sync,nnoe", "did you mean none"},
      {"129", "128 samples"},  {"rank:129", "128"},
      {"sync,sync", "twice"},  {"rank,rank:4", "twice"},
      {"32,032", "twice"},     {"0", "from 1 on"},
      {"rank:", "from 1 on"},  {"32x", "from 1 on"},
  };
  lks_comparison c = made_up_comparison(folder, "sync", 1);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_int_equal(lks_comparison_arms(&c, bad[i][0], 4), LKS_ERR_USAGE);
    assert_message(bad[i][1]);
  }
}

static void test_rates(void **state)
{
  (void)state;
  lks_comparison c = made_up_comparison(folder, "sync", 1);
  assert_int_equal(lks_comparison_rates(&c, "0.1, 0.05"), LKS_OK);
  assert_int_equal(c.rates, 2);
  assert_true(c.rate[0] == 0.1 && c.rate[1] == 0.05);
  assert_int_equal(lks_comparison_rates(&c, ""), LKS_OK);
  assert_int_equal(c.rates, 0);
  static const char *const bad[][2] = {
      {"0.1,x", "'x' is not a number"}, {"0.1,,1", "missing"}, {"-1", "at least 0"}, {"0.1,0.10", "twice"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_int_equal(lks_comparison_rates(&c, bad[i][0]), LKS_ERR_USAGE);
    assert_message(bad[i][1]);
    assert_message("tune-lr");
  }
}

static void test_run_config(void **state)
{
  (void)state;
  lks_comparison c = made_up_comparison("d", "sync,rank:64", 3);
  c.first_seed = 11;
  lks_config config;
  lks_comparison_run_config(&config, &c, 1, 2);
  assert_string_equal(lks_norm_text(config.bn).text, "rank:64");
  assert_string_equal(config.output, "d/runs/rank-64/seed-13");
  assert_int_equal(config.seed, 13);
}

static void assert_printed(const lks_comparison *c, const char *line)
{
  char *text;
  assert_int_equal(lks_comparison_print(&text, c), LKS_OK);
  const bool there = strstr(text, line) != NULL;
  lks_free(text);
  if (!there) fail_msg("'%s' is not printed", line);
}

/* But for how they are executed. */
static void assert_same_arms(const lks_comparison *a, const lks_comparison *b)
{
  assert_int_equal(a->arms, b->arms);
  for (size_t i = 0; i < a->arms; i++) {
    assert_string_equal(a->arm[i].name, b->arm[i].name);
    assert_string_equal(a->arm[i].folder, b->arm[i].folder);
    assert_string_equal(a->arm[i].settings, b->arm[i].settings);
    assert_int_equal(a->arm[i].group, b->arm[i].group);
    assert_int_equal(lks_comparison_same_settings(&a->arm[i].config, &b->arm[i].config, ""), LKS_OK);
  }
}

static void test_print_and_read(void **state)
{
  (void)state;
  lks_comparison c = made_up_comparison(folder, "none,sync,rank:3,32", 5), back;
  c.first_seed = 7;
  c.margin = 0.3;
  c.tune_holdout = 1000;
  c.base.weight_decay = 0.1 + 0.2;
  c.base.seed = 7;
  assert_int_equal(lks_comparison_arms(&c, "none,sync,rank:3,32", 4), LKS_OK);
  assert_int_equal(lks_comparison_rates(&c, "0.1,0.3"), LKS_OK);
  assert_printed(&c, "arms = none,sync,rank:3,32\n");
  assert_printed(&c, "seeds = 5\n");
  assert_printed(&c, "first-seed = 7\n");
  assert_printed(&c, "margin = 0.3\n");
  assert_printed(&c, "tune-lr = 0.1,0.3\n");
  assert_printed(&c, "tune-holdout = 1000\n");
  assert_printed(&c, "data = digits.h5\n");
  assert_int_equal(lks_comparison_open(&c), LKS_OK);
  assert_int_equal(lks_comparison_read(&back, folder), LKS_OK);
  assert_int_equal(back.arms, 4);
  assert_same_arms(&back, &c);
  assert_int_equal(back.reference, 1);
  assert_true(back.first_seed == 7 && back.seeds == 5 && back.margin == 0.3 && back.tune_holdout == 1000);
  assert_true(back.rates == 2 && back.rate[0] == 0.1 && back.rate[1] == 0.3);
  assert_string_equal(back.directory, folder);
  assert_true(back.base.weight_decay == c.base.weight_decay);
  assert_int_equal(lks_comparison_same_settings(&back.base, &c.base, ""), LKS_OK);
  back.base.seed = 1;
  assert_int_equal(lks_comparison_same_settings(&back.base, &c.base, ""), LKS_ERR_USAGE);
}

static void test_open_again(void **state)
{
  (void)state;
  lks_comparison c = made_up_comparison(folder, "sync,32", 5), more = c, back;
  assert_int_equal(lks_comparison_open(&c), LKS_OK);
  assert_int_equal(lks_comparison_open(&c), LKS_OK);
  more.base.threads = 2; /* how it is executed is nobody's concern */
  more.base.keep = 1;
  more.seeds = 8;
  assert_int_equal(lks_comparison_arms(&more, "sync,32,8", 1), LKS_OK);
  assert_int_equal(lks_comparison_open(&more), LKS_OK);
  assert_int_equal(lks_comparison_open(&c), LKS_OK); /* takes nothing back */
  assert_int_equal(lks_comparison_read(&back, folder), LKS_OK);
  assert_int_equal(back.arms, 3);
  assert_int_equal(back.seeds, 8);
  assert_same_arms(&back, &more);
}

static void refuse(const lks_comparison *other, const char *key)
{
  assert_int_equal(lks_comparison_open(other), LKS_ERR_USAGE);
  assert_message(key);
  assert_message("another directory");
}

static void test_open_another(void **state)
{
  (void)state;
  lks_comparison c = made_up_comparison(folder, "sync,32", 5), other = c;
  assert_int_equal(lks_comparison_open(&c), LKS_OK);
  assert_int_equal(lks_comparison_arms(&other, "sync,64,32", 1), LKS_OK);
  refuse(&other, "has 32 as number 2 of its arms, not 64");
  other = c;
  other.first_seed = 2;
  refuse(&other, "first-seed = 1, not 2");
  other = c;
  other.margin = 0.2;
  refuse(&other, "margin = 0.15, not 0.2");
  other = c;
  other.base.lr = 0.2;
  refuse(&other, "lr = 0.1, not 0.2");
  other = c;
  other.base.epochs = 2;
  refuse(&other, "epochs = 7, not 2");
  other = c;
  strcpy(other.base.data, "fashion.h5");
  refuse(&other, "data = digits.h5, not fashion.h5");
  other = c;
  assert_int_equal(lks_comparison_rates(&other, "1"), LKS_OK);
  refuse(&other, "tune-lr");
  other = c;
  other.arms = 0;
  assert_int_equal(lks_comparison_open(&other), LKS_ERR_USAGE);
  other = c;
  other.seeds = 0;
  assert_int_equal(lks_comparison_open(&other), LKS_ERR_USAGE);
  memset(other.directory, 'x', sizeof other.directory - 1);
  other.seeds = 1;
  assert_int_equal(lks_comparison_open(&other), LKS_ERR_USAGE);
  assert_message("shorter path");
}

static void write_file(const char *text)
{
  char path[128];
  snprintf(path, sizeof path, "%s/comparison.ini", folder);
  assert_int_equal(lks_file_write(path, text, strlen(text)), LKS_OK);
}

static void test_damaged_file(void **state)
{
  (void)state;
  static const char *const bad[][2] = {
      {"data = d\narms = sync\nseeds = 0\n", "comparison.ini:3: seeds"},
      {"data = d\narms = sync\nsedes = 1\n", "comparison.ini:3: unknown key 'sedes'"},
      {"data = d\nseeds = 1\n", "no arms"},
      {"data = d\narms = sync,999\nseeds = 1\n", "999"},
      {"data = d\narms = sync\n", "seeds"},
      {"arms = sync\nseeds = 1\n", "no dataset"},
      {"data = d\narms = sync\nseeds = 1\nsee", "comparison.ini:4"},
      {"data = d\narms = sync\nfirst-seed = 18446744073709551615\nseeds = 2\n", "first-seed"},
  };
  lks_comparison c;
  assert_int_equal(lks_comparison_read(&c, folder), LKS_ERR_USAGE);
  assert_message("holds no comparison");
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    write_file(bad[i][0]);
    assert_int_equal(lks_comparison_read(&c, folder), LKS_ERR_DATA);
    assert_message(bad[i][1]);
    assert_message("comparison.ini");
    assert_message("run compare");
  }
  write_file("data = d\narms = sync\nseeds = 1\n");
  assert_int_equal(lks_comparison_read(&c, folder), LKS_OK);
  assert_true(c.margin == LKS_MARGIN && c.first_seed == 1);
}

/* What each run has of its own is no setting of the comparison, even where its file says so. */
static void test_settings_of_runs(void **state)
{
  (void)state;
  lks_comparison c;
  char *printed, *again;
  write_file("data = d\nseeds = 1\nfirst-seed = 3\nseed = 5\noutput = elsewhere\nresume = on\n"
             "[Arm sync]\n[Arm plain]\nbn = none\n");
  assert_int_equal(lks_comparison_read(&c, folder), LKS_OK);
  assert_string_equal(c.base.output, "");
  assert_true(!c.base.resume && c.base.seed == 3);
  assert_int_equal(lks_comparison_print(&printed, &c), LKS_OK);
  write_file(printed);
  assert_int_equal(lks_comparison_read(&c, folder), LKS_OK);
  assert_int_equal(lks_comparison_print(&again, &c), LKS_OK);
  assert_string_equal(printed, again);
  lks_free(printed);
  lks_free(again);
}

/* A status as an exit code, from several processes at once. */
static void open_together(const lks_comparison *comparison, int count, int *agreed, int *refused)
{
  int gate[2];
  pid_t child[8];
  assert_int_equal(pipe(gate), 0);
  for (int i = 0; i < count; i++) {
    child[i] = fork();
    assert_true(child[i] >= 0);
    if (child[i] > 0) continue;
    char byte;
    close(gate[1]);
    while (read(gate[0], &byte, 1) > 0) continue; /* until the parent closes it */
    lks_leave(lks_comparison_open(&comparison[i]));
  }
  close(gate[0]);
  close(gate[1]);
  *agreed = *refused = 0;
  for (int i = 0; i < count; i++) {
    int how;
    assert_int_equal(waitpid(child[i], &how, 0), child[i]);
    *agreed += WIFEXITED(how) && WEXITSTATUS(how) == LKS_OK;
    *refused += WIFEXITED(how) && WEXITSTATUS(how) == LKS_ERR_USAGE;
  }
}

static void test_open_at_once(void **state)
{
  (void)state;
  for (int round = 0; round < 10; round++) {
    char directory[128];
    int agreed, refused;
    snprintf(directory, sizeof directory, "%s/%d", folder, round);
    const lks_comparison same = made_up_comparison(directory, "sync,32", 2);
    lks_comparison each[4] = {same, same, same, same};
    open_together(each, 4, &agreed, &refused);
    assert_int_equal(agreed, 4);
    for (int i = 1; i < 4; i += 2) { /* two and two want different ones: the faster two stay */
      each[i].base.lr = 0.3;
      assert_int_equal(lks_comparison_arms(&each[i], "sync,32", 4), LKS_OK);
    }
    strcat(directory, "-different");
    for (int i = 0; i < 4; i++) strcpy(each[i].directory, directory);
    open_together(each, 4, &agreed, &refused);
    assert_int_equal(agreed, 2);
    assert_int_equal(refused, 2);
  }
}

static void assert_command(const lks_comparison *c, const char *expected)
{
  char *text;
  assert_int_equal(lks_comparison_command(&text, c), LKS_OK);
  const bool equal = strcmp(text, expected) == 0;
  if (!equal) print_error("%s\n%s\n", text, expected);
  lks_free(text);
  assert_true(equal);
}

static void test_command(void **state)
{
  (void)state;
  lks_comparison c = made_up_comparison(folder, "sync,32", 5);
  assert_command(&c, "lockstep compare digits.h5 --bn sync,32 --seeds 5 --epochs 7 -o DIR");
  strcpy(c.base.data, "it's.h5");
  c.base.flip = true;
  c.base.normalize_input = false;
  c.base.microbatch = 4;
  c.base.threads = 2;
  c.base.lr = 0.7;
  c.margin = 0.2;
  assert_int_equal(lks_comparison_rates(&c, "0.1,1"), LKS_OK);
  assert_command(
      &c,
      "lockstep compare 'it'\\''s.h5' --bn sync,32 --seeds 5 --margin 0.2 --tune-lr 0.1,1 --tune-holdout 0 --no-normalize-input --microbatch 4 --epochs 7 --flip -o DIR");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(test_arms),         TEST(test_ragged_shards),  TEST(test_bad_arms),   TEST(test_rates),
      TEST(test_run_config),   TEST(test_print_and_read), TEST(test_open_again), TEST(test_open_another),
      TEST(test_damaged_file), TEST(test_open_at_once),   TEST(test_command),    TEST(test_settings_of_runs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
