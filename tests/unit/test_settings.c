/* Settings that are words: what they mean, and that the option table has the same words in the order of the
 * enums. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "config/config_value.h"

static void test_norm(void **state)
{
  (void)state;
  static const struct {
    const char *text;
    lks_norm norm;
  } good[] = {{"sync", {LKS_NORM_SYNC, 0}}, {"rank", {LKS_NORM_RANK, 0}},      {"none", {LKS_NORM_NONE, 0}},
              {"16", {LKS_NORM_SIZE, 16}},  {"rank:64", {LKS_NORM_RANKS, 64}}, {"1", {LKS_NORM_SIZE, 1}}};
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    lks_norm norm;
    assert_int_equal(lks_norm_parse(&norm, good[i].text), LKS_OK);
    assert_int_equal(norm.kind, good[i].norm.kind);
    assert_int_equal(norm.size, good[i].norm.size);
    assert_string_equal(lks_norm_text(norm).text, good[i].text);
  }
  static const struct {
    const char *text, *hint;
  } bad[] = {{"snyc", "did you mean sync"},
             {"ranks", "did you mean rank"},
             {"ghost", "group size K"},
             {"", "group size K"},
             {"0", "from 1 on"},
             {"-3", "from 1 on"},
             {"16x", "from 1 on"},
             {"rank:", "from 1 on"},
             {"rank:0", "from 1 on"},
             {"rank: 4", "from 1 on"},
             {"9223372036854775808", "from 1 on"},
             {"99999999999999999999", "from 1 on"},
             {"1.5", "from 1 on"}};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    lks_norm norm = {LKS_NORM_SIZE, 42};
    assert_int_equal(lks_norm_parse(&norm, bad[i].text), LKS_ERR_USAGE);
    assert_non_null(strstr(lks_message(), bad[i].hint));
    assert_int_equal(norm.size, 42);
  }
}

static void test_norm_layers(void **state)
{
  (void)state;
  static const struct {
    const char *text, *said;
  } good[] = {{"batch", "batch norm rank:4"},
              {"layer", "layer norm"},
              {"group:1", "group norm of 1 group"},
              {"group:65536", "group norm of 65536 groups"}};
  static const char *const bad[] = {"Batch",    "group",       "group:",   "group:0",
                                    "group:-1", "group:65537", "group: 8", ""};
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    lks_norm_layers layers;
    assert_int_equal(lks_norm_layers_parse(&layers, good[i].text), LKS_OK);
    assert_string_equal(lks_norm_layers_text(layers).text, good[i].text);
    assert_string_equal(lks_norm_layers_say(layers, (lks_norm){LKS_NORM_RANKS, 4}).text, good[i].said);
  }
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    lks_norm_layers layers;
    assert_int_equal(lks_norm_layers_parse(&layers, bad[i]), LKS_ERR_USAGE);
  }
}

/* The largest number that is read fits the words too. */
static void test_long_norm(void **state)
{
  (void)state;
  lks_norm norm, back;
  char text[32];
  snprintf(text, sizeof text, "rank:%zu", SIZE_MAX / 2);
  assert_int_equal(lks_norm_parse(&norm, text), LKS_OK);
  assert_string_equal(lks_norm_text(norm).text, text);
  assert_int_equal(lks_norm_parse(&back, "032"), LKS_OK);
  assert_string_equal(lks_norm_text(back).text, "32");
}

static const char *type_name(int i)
{
  return lks_type_name((lks_type)i);
}

static const char *isa_name(int i)
{
  return lks_isa_choice_name((lks_isa_choice)i);
}

static const char *reduce_name(int i)
{
  return lks_reduce_name((lks_reduce)i);
}

static const char *optimizer_name(int i)
{
  return lks_optimizer_name((lks_optimizer_kind)i);
}

static const char *schedule_name(int i)
{
  return lks_schedule_name((lks_schedule_kind)i);
}

static const lks_option *option_of(const char *name)
{
  size_t count;
  const lks_option *option = lks_config_options(&count);
  for (size_t i = 0; i < count; i++)
    if (strcmp(option[i].name, name) == 0) return &option[i];
  fail_msg("no option %s", name);
  return NULL;
}

/* A word read from a file means the enum of that name, and is printed as itself. */
static void test_words_are_the_enums(void **state)
{
  (void)state;
  static const struct {
    const char *option;
    const char *(*name)(int);
    int count;
  } enums[] = {{"precision", type_name, LKS_BF16 + 1},
               {"isa", isa_name, LKS_ISA_CHOICE_NEON + 1},
               {"reduce", reduce_name, LKS_REDUCE_MPI + 1},
               {"optimizer", optimizer_name, LKS_OPTIMIZER_ADAMW + 1},
               {"schedule", schedule_name, LKS_SCHEDULE_COSINE + 1}};
  lks_config config;
  lks_config_default(&config);
  for (size_t e = 0; e < sizeof enums / sizeof *enums; e++) {
    const lks_option *option = option_of(enums[e].option);
    int words = 1;
    for (const char *c = option->choices; *c != '\0'; c++) words += *c == '|';
    assert_int_equal(words, enums[e].count);
    for (int i = 0; i < words; i++) {
      char value[LKS_VALUE_MAX];
      assert_int_equal(lks_config_set(&config, option->name, enums[e].name(i)), LKS_OK);
      assert_int_equal(*(const int *)((const char *)&config + option->offset), i);
      lks_config_value_print(value, &config, option);
      assert_string_equal(value, enums[e].name(i));
    }
  }
  assert_int_equal(lks_config_set(&config, "progress", "none"), LKS_OK);
  assert_int_equal(config.progress, LKS_DISPLAY_NONE);
  assert_int_equal(lks_config_set(&config, "progress", "bar"), LKS_OK);
  assert_int_equal(config.progress, LKS_DISPLAY_BAR);
  assert_int_equal(lks_config_set(&config, "progress", "plain"), LKS_OK);
  assert_int_equal(config.progress, LKS_DISPLAY_PLAIN);
}

static void test_precision_of_a_trained_network(void **state)
{
  (void)state;
  for (lks_type trained = LKS_FP32; trained <= LKS_BF16; trained++) {
    assert_int_equal(lks_precision_chosen(LKS_PRECISION_TRAINED, trained), trained);
    assert_int_equal(lks_precision_chosen(LKS_PRECISION_FP32, trained), LKS_FP32);
    assert_int_equal(lks_precision_chosen(LKS_PRECISION_BF16, trained), LKS_BF16);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_norm),
      cmocka_unit_test(test_norm_layers),
      cmocka_unit_test(test_long_norm),
      cmocka_unit_test(test_words_are_the_enums),
      cmocka_unit_test(test_precision_of_a_trained_network),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
