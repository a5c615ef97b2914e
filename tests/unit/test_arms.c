/* Arms of any settings: their text, their file, and the command that makes them again. */
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
#include "base/ini_file.h"
#include "compare/arm_sections.h"
#include "compare/arm_settings.h"
#include "config/config_sections.h"
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

/* Mini-batches of 128, 7 epochs, lr 0.1; no arm yet. */
static lks_comparison without_arms(void)
{
  lks_comparison c = made_up_comparison(folder, "sync", 5);
  c.arms = 0;
  memset(c.arm, 0, sizeof c.arm);
  return c;
}

static void add(lks_comparison *c, const char *name, const char *settings)
{
  if (lks_comparison_arm_add(c, name, settings, 4) != LKS_OK) fail_msg("%s: %s", name, lks_message());
}

static void assert_value(const lks_config *config, const char *key, const char *expected)
{
  char value[LKS_VALUE_MAX];
  lks_config_value_print(value, config, lks_config_option(key));
  assert_string_equal(value, expected);
}

static void test_settings(void **state)
{
  (void)state;
  lks_comparison c = without_arms();
  add(&c, "as it is", "");
  add(&c, "fast", " lr = 0.5 ,model=mlp, nesterov=yes");
  add(&c, "same", "batch-size=128,lr=0.1"); /* lr stays: such an arm is not tuned */
  add(&c, "odd", "model=\"a, \"\"b\"\".model\",data=x y.h5");
  add(&c, "here", "bn=rank");
  add(&c, "none", "bn=none");
  assert_string_equal(c.arm[0].settings, "");
  assert_string_equal(c.arm[0].folder, "as-it-is");
  assert_string_equal(c.arm[1].settings, "model=mlp,lr=0.5,nesterov=on");
  assert_string_equal(c.arm[2].settings, "lr=0.1");
  assert_string_equal(c.arm[3].settings, "data=x y.h5,model=\"a, \"\"b\"\".model\"");
  assert_string_equal(c.arm[4].settings, "bn=rank:4");
  assert_value(&c.arm[1].config, "lr", "0.5");
  assert_value(&c.arm[1].config, "epochs", "7");
  assert_value(&c.arm[3].config, "model", "a, \"b\".model");
  assert_value(&c.arm[3].config, "data", "x y.h5");
  assert_true(c.arm[1].own_rate && c.arm[2].own_rate && !c.arm[0].own_rate);
  assert_int_equal(c.arm[0].group, 128);
  assert_int_equal(c.arm[4].group, 32);
  assert_int_equal(c.arm[5].group, 0);
}

/* An arm is what `lockstep train` would make of its settings: its microbatch follows from its batch size. */
static void test_microbatch(void **state)
{
  (void)state;
  lks_comparison c = without_arms();
  assert_int_equal(c.base.microbatch, 8);
  add(&c, "large", "batch-size=512");
  add(&c, "small", "batch-size=4");
  add(&c, "own", "batch-size=512,microbatch=16");
  assert_int_equal(c.arm[0].config.microbatch, 32);
  assert_string_equal(c.arm[0].settings, "batch-size=512");
  assert_int_equal(c.arm[0].group, 512);
  assert_int_equal(c.arm[1].config.microbatch, 4);
  assert_int_equal(c.arm[2].config.microbatch, 16);
  assert_string_equal(c.arm[2].settings, "batch-size=512,microbatch=16");
  c.base.microbatch = 16; /* as given */
  add(&c, "given", "batch-size=512");
  assert_int_equal(c.arm[3].config.microbatch, 16);
}

static void test_bad_settings(void **state)
{
  (void)state;
  static const char *const bad[][3] = {
      {"x", "lrr=0.5", "arm x: unknown key 'lrr'; did you mean 'lr'"},
      {"x", "lr=fast", "arm x: lr: 'fast' is not a number"},
      {"x", "bn=nnoe", "did you mean none"},
      {"x", "bn=129", "arm x: bn = 129"},
      {"x", "batch-size=64,bn=128", "64 samples"},
      {"x", "lr", "'lr' is not key=value"},
      {"x", "lr=0.1,,epochs=2", "'' is not key=value"},
      {"x", "lr=0.1,", "behind the last comma"},
      {"x", "=0.1", "no key stands before"},
      {"x", "lr=0.1,epochs=2,lr=0.2", "lr stands there twice"},
      {"x", "model=\"a", "quotation mark"},
      {"x", "model=\"a\"b", "behind the closing quotation mark"},
      {"x", "seed=2", "seed cannot be set in an arm: the arms are paired by seed"},
      {"x", "output=a", "output cannot be set"},
      {"x", "resume=on", "resume cannot be set"},
      {"x", "threads=2", "threads change no result"},
      {"x", "isa=sse41", "isa cannot be set in an arm: a process computes with one"},
      {"x", "nesterov=on,momentum=0", "arm x: nesterov needs"},
      {"first", "", "the arm first stands there twice"},
      {"a-b", "", "the same folder a-b; rename one"},
      {"", "", "no name"},
      {"a/b", "", "holds '/'"},
      {"a\tb", "", "holds '?'"},
      {"-a", "", "begin with a letter or digit"},
      {"a ", "", "not end with a blank"},
      {"123456789 123456789 123456789 12", "", "longer than 31 bytes"},
  };
  lks_comparison c = without_arms();
  add(&c, "first", "");
  add(&c, "a b", "");
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_int_equal(lks_comparison_arm_add(&c, bad[i][0], bad[i][1], 4), LKS_ERR_USAGE);
    assert_message(bad[i][2]);
    assert_int_equal(c.arms, 2);
  }
  while (c.arms < LKS_ARMS_MAX) {
    char name[LKS_ARM_NAME];
    snprintf(name, sizeof name, "arm %zu", c.arms);
    add(&c, name, "lr=0.2");
  }
  assert_int_equal(lks_comparison_arm_add(&c, "one more", "", 4), LKS_ERR_USAGE);
  assert_message("more than 32 arms");
}

static void test_reference(void **state)
{
  (void)state;
  lks_comparison c = without_arms();
  add(&c, "plain", "bn=none");
  assert_int_equal(c.reference, 0);
  add(&c, "whole", ""); /* the arms differ in bn alone, and this one is bn = sync */
  assert_true(lks_comparison_of_norms(&c));
  assert_false(lks_comparison_is_short(&c));
  assert_int_equal(c.reference, 1);
  add(&c, "fast", "lr=0.5");
  assert_false(lks_comparison_of_norms(&c));
  assert_int_equal(c.reference, 0);
  add(&c, "sync", "lr=0.3");
  assert_int_equal(c.reference, 3);
  assert_int_equal(lks_comparison_reference_set(&c, "fast"), LKS_OK);
  assert_int_equal(c.reference, 2);
  assert_int_equal(lks_comparison_reference_set(&c, "fst"), LKS_ERR_USAGE);
  assert_message("did you mean fast");
  c = without_arms();
  assert_int_equal(lks_comparison_arms(&c, "32,sync", 1), LKS_OK);
  assert_true(lks_comparison_is_short(&c) && lks_comparison_of_norms(&c));
  add(&c, "8", "bn=8,lr=0.2");
  assert_false(lks_comparison_is_short(&c) || lks_comparison_of_norms(&c));
}

static void test_tuned(void **state)
{
  (void)state;
  lks_comparison c = without_arms();
  add(&c, "a", "");
  add(&c, "b", "lr=0.1");
  assert_false(lks_comparison_is_tuned(&c, 0));
  assert_true(lks_comparison_of_norms(&c));
  assert_int_equal(lks_comparison_rates(&c, "0.1,0.3"), LKS_OK);
  assert_true(lks_comparison_is_tuned(&c, 0));
  assert_false(lks_comparison_is_tuned(&c, 1));
  assert_false(lks_comparison_of_norms(&c));
}

static void assert_same_config(const lks_config *a, const lks_config *b)
{
  char *x, *y;
  assert_int_equal(lks_config_print(&x, a), LKS_OK);
  assert_int_equal(lks_config_print(&y, b), LKS_OK);
  const bool same = strcmp(x, y) == 0;
  if (!same) print_error("%s\n---\n%s\n", x, y);
  lks_free(x);
  lks_free(y);
  assert_true(same);
}

static void assert_comes_back(lks_comparison *c)
{
  lks_comparison back;
  snprintf(c->directory, sizeof c->directory, "%s/c", folder);
  made_up_folder_remove(c->directory);
  c->first_seed = c->base.seed;
  if (lks_comparison_open(c) != LKS_OK) fail_msg("%s", lks_message());
  if (lks_comparison_read(&back, c->directory) != LKS_OK) fail_msg("%s", lks_message());
  assert_int_equal(back.arms, c->arms);
  assert_int_equal(back.reference, c->reference);
  for (size_t i = 0; i < c->arms; i++) {
    assert_string_equal(back.arm[i].name, c->arm[i].name);
    assert_string_equal(back.arm[i].folder, c->arm[i].folder);
    assert_string_equal(back.arm[i].settings, c->arm[i].settings);
    assert_int_equal(back.arm[i].group, c->arm[i].group);
    assert_int_equal(back.arm[i].own_rate, c->arm[i].own_rate);
    assert_same_config(&back.arm[i].config, &c->arm[i].config);
  }
  if (lks_comparison_open(c) != LKS_OK) fail_msg("%s", lks_message());
}

static void test_comes_back(void **state)
{
  (void)state;
  lks_comparison c = without_arms();
  add(&c, "as it is", "");
  add(&c, "odd = (a:b)", "model=\"a, \"\"b\"\"; c\",data=x # y.h5");
  add(&c, "rank:4", "bn=rank:4");
  add(&c, "same rate", "lr=0.1");
  c.reference = 3;
  assert_comes_back(&c);
  lks_comparison one = without_arms();
  add(&one, "alone", "");
  assert_comes_back(&one);
  lks_comparison many = without_arms();
  for (size_t i = 0; i < 20; i++) {
    char name[16], settings[32];
    snprintf(name, sizeof name, "%zu%%", i);
    name[strlen(name) - 1] = '\0';
    snprintf(settings, sizeof settings, "batch-size=%zu", i + 1);
    add(&many, name, settings);
  }
  assert_comes_back(&many);
}

/* A linear congruential generator's upper bits: the same on every machine. Source: Knuth, MMIX. */
static uint64_t draw(uint64_t bound)
{
  static uint64_t number = 1;
  number = number * 6364136223846793005u + 1442695040888963407u;
  return (number >> 33) % bound;
}

static double draw_real(double low, double high)
{
  const double width = (isinf(high) ? low + 10 : high) - low;
  return low + width * ((double)draw(1u << 30) / (1u << 30) + (double)draw(1u << 30) * 0x1p-60);
}

static void draw_value(char value[LKS_VALUE_MAX], const lks_option *option)
{
  static const char letters[] = "ab,\"' =:;#[]%\\x";
  size_t length = 1 + draw(8), at = 0;
  switch (option->type) {
  case LKS_OPTION_SWITCH: snprintf(value, LKS_VALUE_MAX, "%s", draw(2) ? "on" : "off"); break;
  case LKS_OPTION_REAL: snprintf(value, LKS_VALUE_MAX, "%.17g", draw_real(option->low, option->high)); break;
  case LKS_OPTION_SIZE: snprintf(value, LKS_VALUE_MAX, "%zu", (size_t)option->low + (size_t)draw(200)); break;
  case LKS_OPTION_NORM: snprintf(value, LKS_VALUE_MAX, "%s", draw(2) ? "none" : "8"); break;
  case LKS_OPTION_CHOICE:
    for (const char *c = option->choices; draw(3) > 0 && strchr(c, '|') != NULL;)
      at = (size_t)((c = strchr(c, '|') + 1) - option->choices);
    snprintf(value, LKS_VALUE_MAX, "%.*s", (int)strcspn(option->choices + at, "|"), option->choices + at);
    break;
  default:
    for (; at < length; at++) value[at] = letters[draw(sizeof letters - 1)];
    value[at++] = 'z';
    value[at] = '\0';
    if (value[0] == ' ') value[0] = 'y';
  }
}

static bool is_text_or_number(const lks_option *option)
{
  return option->type <= LKS_OPTION_REAL || option->type == LKS_OPTION_SWITCH;
}

/* An arm of random settings, twice: as one text, and key by key as `lockstep train` takes them. */
static bool try_arm(lks_comparison *c, const char *name)
{
  size_t count;
  const lks_option *option = lks_config_options(&count);
  lks_config expected = c->base;
  char *settings;
  bool good = true;
  FILE *stream = tmpfile();
  assert_non_null(stream);
  expected.microbatch = lks_given_microbatch(&c->base);
  for (size_t i = 0, given = 0; i < count; i++) {
    char value[LKS_VALUE_MAX];
    if (draw(6) > 0 || strcmp(option[i].name, "isa") == 0 || strcmp(option[i].name, "window") == 0 ||
        lks_setting_is_of_job(option[i].name) || !is_text_or_number(&option[i]))
      continue;
    draw_value(value, &option[i]);
    good = lks_config_set(&expected, option[i].name, value) == LKS_OK && good;
    fprintf(stream, "%s%s = ", given++ > 0 ? " , " : "", option[i].name);
    lks_arm_word_print(stream, value, ",");
  }
  const size_t bytes = (size_t)ftell(stream);
  settings = lks_new(bytes + 1, 1);
  assert_non_null(settings);
  rewind(stream);
  assert_int_equal(fread(settings, 1, bytes, stream), bytes);
  fclose(stream);
  good = lks_config_check(&expected) == LKS_OK && good;
  const bool added = lks_comparison_arm_add(c, name, settings, 4) == LKS_OK;
  if (added != good && !strstr(lks_message(), "longer than")) fail_msg("%s: %s", settings, lks_message());
  lks_free(settings);
  if (added) assert_same_config(&c->arm[c->arms - 1].config, &expected);
  return added;
}

static void test_random_settings(void **state)
{
  (void)state;
  size_t tried = 0, added = 0;
  for (size_t round = 0; round < 40; round++) {
    lks_comparison c = without_arms();
    if (round % 2 > 0) c.base.microbatch = 5;
    add(&c, "base", "");
    for (size_t i = 0; i < 6; i++) {
      char name[16];
      snprintf(name, sizeof name, "arm %zu", i);
      added += try_arm(&c, name);
      tried++;
    }
    if (draw(2) > 0) c.reference = draw(c.arms);
    assert_comes_back(&c);
  }
  assert_true(added > tried / 4 && added < tried);
}

static void take_all(lks_arm_sections *sections, const char *text)
{
  char path[128];
  snprintf(path, sizeof path, "%s/arms.ini", folder);
  assert_int_equal(lks_file_write(path, text, strlen(text)), LKS_OK);
  if (lks_arm_sections_read(sections, path) != LKS_OK) fail_msg("%s", lks_message());
}

static void test_sections(void **state)
{
  (void)state;
  lks_arm_sections sections;
  lks_comparison c = without_arms();
  take_all(&sections,
           "lr = 0.3\n[Arm base]\n  [Arm fast one]\n# why\nlr = 0.5\nmodel = a, b\n[Training]\nepochs = 3\n"
           "[arm last]\n");
  assert_int_equal(sections.count, 3);
  assert_string_equal(sections.arm[0].name, "base");
  assert_string_equal(sections.arm[1].name, "fast one");
  assert_string_equal(sections.arm[1].settings, "lr=0.5,model=\"a, b\"");
  assert_int_equal(lks_arm_sections_add(&c, &sections, 1), LKS_OK);
  assert_int_equal(c.arms, 3);
  assert_string_equal(c.arm[1].settings, "model=\"a, b\",lr=0.5");
  assert_string_equal(c.arm[2].name, "last");
  char path[128];
  lks_config config;
  snprintf(path, sizeof path, "%s/arms.ini", folder);
  lks_config_default(&config);
  assert_int_equal(lks_config_read_common(&config, path), LKS_OK);
  assert_true(config.lr == 0.3 && config.epochs == 3);
  assert_int_equal(lks_config_read(&config, path), LKS_ERR_USAGE);
  assert_message("arms.ini:2: [Arm base] is an arm of a comparison");
  assert_int_equal(lks_config_parse(&config, "[Armour]\nepochs = 2\n", "text"), LKS_OK);
  assert_int_equal(config.epochs, 2);
  static const char twice[] = "[Arm a]\nlr = 1\n[Arm b]\n[Arm a]\n";
  assert_int_equal(lks_file_write(path, twice, strlen(twice)), LKS_OK);
  assert_int_equal(lks_arm_sections_read(&sections, path), LKS_ERR_USAGE);
  assert_message("arms.ini:4: a second section [Arm a]");
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
  lks_comparison c = without_arms();
  c.first_seed = 7;
  c.base.isa = LKS_ISA_CHOICE_AVX2;
  add(&c, "base", "");
  add(&c, "it is", "model=\"it's, here\",lr=0.1");
  add(&c, "rank:4", "bn=rank:4");
  assert_command(
      &c,
      "lockstep compare digits.h5 --arm base: --arm 'it is:model=\"it'\\''s, here\",lr=0.1' --arm '\"rank:4\":bn=rank:4' --seeds 5 --seed 7 --epochs 7 --isa avx2 -o DIR");
  c.reference = 1;
  c.base.bn = (lks_norm){LKS_NORM_SIZE, 32}; /* out of a file: no option of the command says it */
  c.arms = 0;
  add(&c, "base", "");
  add(&c, "whole", "bn=sync");
  c.reference = 0;
  assert_command(
      &c,
      "lockstep compare digits.h5 --arm base:bn=32 --arm whole: --reference base --seeds 5 --seed 7 --epochs 7 --isa avx2 -o DIR");
}

static void refuse(const lks_comparison *other, const char *part)
{
  assert_int_equal(lks_comparison_open(other), LKS_ERR_USAGE);
  assert_message(part);
  assert_message("another directory");
}

static void test_open_another(void **state)
{
  (void)state;
  lks_comparison c = without_arms(), other;
  add(&c, "base", "");
  add(&c, "fast", "lr=0.5");
  assert_int_equal(lks_comparison_open(&c), LKS_OK);
  other = without_arms();
  add(&other, "base", "");
  add(&other, "fast", "lr=0.6");
  refuse(&other, "arm fast of");
  assert_message("has lr = 0.5, not 0.6");
  other = without_arms();
  add(&other, "base", "");
  add(&other, "slow", "lr=0.5");
  refuse(&other, "has fast as number 2 of its arms, not slow");
  other = c;
  other.reference = 1;
  refuse(&other, "has reference = base, not fast");
  other = without_arms();
  assert_int_equal(lks_comparison_arms(&other, "sync,32", 1), LKS_OK);
  refuse(&other, "has base as number 1");
  other = c;
  add(&other, "more", "bn=none");
  assert_int_equal(lks_comparison_open(&other), LKS_OK);
  lks_comparison back;
  assert_int_equal(lks_comparison_read(&back, folder), LKS_OK);
  assert_int_equal(back.arms, 3);
  assert_string_equal(back.arm[2].settings, "bn=none");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(test_settings), TEST(test_microbatch),   TEST(test_bad_settings),    TEST(test_reference),
      TEST(test_tuned),    TEST(test_comes_back),   TEST(test_random_settings), TEST(test_sections),
      TEST(test_command),  TEST(test_open_another),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
