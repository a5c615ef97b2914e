/* The option table: every setting by default, printed, read back and refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "lockstep/config.h"

static lks_config defaults(void)
{
  lks_config config;
  memset(&config, 0xa5, sizeof config);
  lks_config_default(&config);
  return config;
}

/* The setting is refused with USAGE, the message holds `part`, and nothing changes. */
static void assert_refused(const char *key, const char *value, const char *part)
{
  lks_config config = defaults(), before = defaults();
  assert_int_equal(lks_config_set(&config, key, value), LKS_ERR_USAGE);
  if (strstr(lks_message(), part) == NULL) fail_msg("'%s' lacks '%s'", lks_message(), part);
  assert_memory_equal(&config, &before, sizeof config);
}

static void assert_round_trip(const lks_config *config)
{
  char *text;
  assert_int_equal(lks_config_print(&text, config), LKS_OK);
  lks_config again = defaults();
  if (lks_config_parse(&again, text, "printed") != LKS_OK) fail_msg("%s", lks_message());
  assert_memory_equal(config, &again, sizeof again);
  lks_free(text);
}

/* Also that the first line is a heading. */
static void each_group_has_one_heading(void **state)
{
  (void)state;
  char *text = NULL;
  lks_config config = defaults();
  assert_int_equal(lks_config_print(&text, &config), LKS_OK);
  assert_int_equal(text[0], '[');
  size_t count;
  const lks_option *option = lks_config_options(&count);
  for (size_t i = 0; i < count; i++) {
    char heading[100];
    snprintf(heading, sizeof heading, "[%s]\n#", option[i].group);
    const char *first = strstr(text, heading);
    assert_true(first == text || (first && first[-1] == '\n'));
    assert_null(strstr(first + 1, heading));
  }
  lks_free(text);
}

static void defaults_are_those_documented(void **state)
{
  (void)state;
  lks_config config = defaults();
  size_t count;
  const lks_option *option = lks_config_options(&count);
  for (size_t i = 0; i < count; i++) { /* a default that does not parse would stay unseen */
    if (lks_config_set(&config, option[i].name, option[i].standard) != LKS_OK) fail_msg("%s", lks_message());
    assert_true(strlen(option[i].help) > 0 && strlen(option[i].group) > 0);
    assert_true((option[i].value == NULL) == (option[i].type == LKS_OPTION_SWITCH));
    assert_true((option[i].choices != NULL) ==
                (option[i].type == LKS_OPTION_CHOICE || option[i].type == LKS_OPTION_SET));
  }
  assert_string_equal(config.model, "cnn");
  assert_int_equal(config.bn.kind, LKS_NORM_SYNC);
  assert_true(config.bn_epsilon == 1e-5 && config.lr == 0.1 && config.weight_decay == 5e-4);
  assert_true(config.beta2 == 0.999 && config.adam_epsilon == 1e-8);
  assert_int_equal(config.batch_size, 128);
  assert_int_equal(config.seed, 1);
  assert_true(config.normalize_input && !config.resume && !config.flip);
  assert_true(config.stall_limit == 300);
}

static void every_setting_survives_printing(void **state)
{
  (void)state;
  lks_config config = defaults();
  assert_round_trip(&config);
  static const char *const settings[][2] = {
      {"data", "runs; old/a = b # c.h5"},
      {"samples", "/X_train"},
      {"labels", "/y_train"},
      {"test-samples", "/X_test"},
      {"test-labels", "/y_test"},
      {"layout", "nchw"},
      {"window", "50000"},
      {"model", "my models/net.model"},
      {"train-samples", "1000"},
      {"holdout", "100"},
      {"normalize-input", "no"},
      {"init", "weights.safetensors"},
      {"init-except", "dense2"},
      {"freeze", "conv1,layer1.*"},
      {"freeze-bn", "on"},
      {"bn", "rank:4"},
      {"norm", "group:8"},
      {"bn-epsilon", "0.001"},
      {"bn-momentum", "0.30000000000000004"},
      {"bn-disturb", "0.3"},
      {"batch-size", "2147483647"},
      {"microbatch", "16"},
      {"epochs", "0"},
      {"seed", "18446744073709551615"},
      {"label-smoothing", "0.1"},
      {"crop", "4"},
      {"flip", "1"},
      {"optimizer", "adam"},
      {"lr", "3e-4"},
      {"momentum", "0"},
      {"nesterov", "true"},
      {"beta1", ".95"},
      {"beta2", "0.98"},
      {"adam-epsilon", "1e-300"},
      {"weight-decay", "0.1234567890123456789"},
      {"decay-all", "yes"},
      {"schedule", "step"},
      {"step-epochs", "7"},
      {"step-factor", "0.333"},
      {"warmup", "0.5"},
      {"threads", "3"},
      {"cache", "/scratch/a b"},
      {"precision", "bf16"},
      {"isa", "avx512_bf16"},
      {"reduce", "mpi"},
      {"stall-limit", "0"},
      {"output", "runs/\xc3\xa4"},
      {"resume", "on"},
      {"max-time", "1.5h"},
      {"stop-margin", "90s"},
      {"checkpoint-every", "9"},
      {"checkpoint-interval", "45s"},
      {"verify-every", "7"},
      {"on-nan", "rollback"},
      {"keep", "2"},
      {"keep-best", "train-loss"},
      {"early-stopping", "4"},
      {"tensorboard", "on"},
      {"noise", "on"},
      {"progress", "plain"},
      {"quiet", "on"},
      {"log-every", "5"},
      {"log-test", "on"},
      {"stop-at", "0.85"},
      {"probe", "drift,noise"},
      {"probe-layer", "fc3"},
      {"probe-samples", "500"},
      {"probe-every", "10"},
      {"probe-draws", "2000"},
  };
  size_t count;
  const lks_option *option = lks_config_options(&count);
  assert_int_equal(count, sizeof settings / sizeof *settings); /* a new option is tested here too */
  for (size_t i = 0; i < count; i++) {
    assert_string_equal(settings[i][0], option[i].name);
    if (lks_config_set(&config, settings[i][0], settings[i][1]) != LKS_OK) fail_msg("%s", lks_message());
    assert_round_trip(&config);
  }
  assert_true(config.max_time == 5400);
  assert_true(config.seed == UINT64_MAX);
}

static void a_shorter_text_leaves_equal_bytes(void **state)
{
  (void)state;
  lks_config config = defaults(), straight = defaults();
  lks_config_set(&config, "model", "a-very-long-name");
  lks_config_set(&config, "model", "mlp");
  lks_config_set(&straight, "model", "mlp");
  assert_memory_equal(&config, &straight, sizeof config);
}

static void times_are_read(void **state)
{
  (void)state;
  static const struct {
    const char *text;
    double seconds;
  } good[] = {{"90", 90},     {"90s", 90},        {"30m", 1800},         {"2h", 7200},
              {"0.5h", 1800}, {"01:30:00", 5400}, {"100:00:59", 360059}, {"0", 0}};
  lks_config config = defaults();
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    assert_int_equal(lks_config_set(&config, "max-time", good[i].text), LKS_OK);
    assert_true(config.max_time == good[i].seconds);
  }
  static const char *const bad[] = {"",         "h",  "-1",    "1:2", "1:60:00", "1:00:60",
                                    "1:00:00s", "5d", "1h30m", "nan", "1:-1:00"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_refused("max-time", bad[i], "max-time: ");
}

static void bad_values_are_refused(void **state)
{
  (void)state;
  static const char *const no_size[] = {"",   "x",   "12x", "-1",   "+1",         " 1",
                                        "1 ", "1.0", "1e3", "0x10", "2147483648", "99999999999999999999999"};
  for (size_t i = 0; i < sizeof no_size / sizeof *no_size; i++)
    assert_refused("batch-size", no_size[i], "is not a whole number from 1 to 2147483647");
  static const char *const no_real[] = {"",      "x",      "0.1x", "-0.1", "nan", "+inf",
                                        "1e999", "0x1p-3", " 1",   "1,5",  "."};
  for (size_t i = 0; i < sizeof no_real / sizeof *no_real; i++)
    assert_refused("lr", no_real[i], "is not a number of at least 0");
  assert_refused("bn-momentum", "1.5", "bn-momentum: '1.5' is not a number from 0 to 1");
  assert_refused("seed", "18446744073709551616", "seed");
  assert_refused("seed", "-1", "seed");
  assert_refused("flip", "maybe", "is not on or off");
  assert_refused("flip", "", "is not on or off");
  assert_refused("optimizer", "rmsprop", "is not one of sgd|adam|adamw");
  assert_refused("optimizer", "sg", "is not one of");
  assert_refused("optimizer", "sgd|adam", "is not one of");
  assert_refused("optimizer", "", "is not one of");
  assert_refused("bn", "snyc", "bn: batch norm 'snyc' is not known: did you mean sync");
  assert_refused("bn", "0", "from 1 on");
  assert_refused("precision", "fp64", "is not one of");
  assert_refused("isa", "avx", "is not one of auto|sse41|avx2|avx512|avx512_bf16|amx|neon");
  assert_refused("model", " cnn", "blanks");
  assert_refused("output", "a\nlr = 7", "one line");
  char longest[LKS_TEXT_MAX + 1];
  memset(longest, 'x', LKS_TEXT_MAX);
  longest[LKS_TEXT_MAX] = '\0';
  assert_refused("data", longest, "longer than 511 bytes");
  lks_config config = defaults();
  assert_int_equal(lks_config_set(&config, "data", longest + 1), LKS_OK);
  assert_round_trip(&config);
}

static void unknown_keys_get_a_suggestion(void **state)
{
  (void)state;
  assert_refused("batchsize", "1", "did you mean 'batch-size'?");
  assert_refused("epoch", "1", "did you mean 'epochs'?");
  assert_refused("zzzzzz", "1", "lockstep help train");
  assert_refused("", "1", "unknown key");
}

static void assert_ini(const char *text, const char *message)
{
  lks_config config = defaults();
  assert_int_equal(lks_config_parse(&config, text, "f.ini"), LKS_ERR_USAGE);
  if (strncmp(lks_message(), message, strlen(message)) != 0)
    fail_msg("'%s', not '%s'", lks_message(), message);
}

static void ini_errors_name_file_and_line(void **state)
{
  (void)state;
  assert_ini("lr = 1\n\n[x]\nlrr = 2\n", "f.ini:4: unknown key 'lrr'; did you mean 'lr'?");
  assert_ini("lr = 1\nepochs = many\nbad\n", "f.ini:2: epochs: 'many' is not");
  assert_ini("lr = 1\nwhat is this\nepochs = many\n", "f.ini:2: neither");
  assert_ini("[open\n", "f.ini:1: neither");
  assert_ini("lr = 1 ; fast\n", "f.ini:1: lr: '1 ; fast' is not a number");
  assert_ini("lr = 1\n[x]\nlr = 1\n", "f.ini:3: the key lr stands there twice");
}

static void ini_forms_are_read(void **state)
{
  (void)state;
  lks_config config = defaults();
  assert_int_equal(
      lks_config_parse(&config, "\xef\xbb\xbf# c\r\n[a]\r\nlr=3\r\n  epochs : 4\n; c\nflip = on", "f"),
      LKS_OK);
  assert_true(config.lr == 3 && config.epochs == 4 && config.flip);
  char text[5000] = "#"; /* a line longer than libinih's usual buffer */
  memset(text + 1, 'x', 4000);
  strcpy(text + 4001, "\nlr = 5\n");
  assert_int_equal(lks_config_parse(&config, text, "f"), LKS_OK);
  assert_true(config.lr == 5);
}

static void files_are_read(void **state)
{
  (void)state;
  char path[] = "/tmp/lks-config-XXXXXX";
  int file = mkstemp(path);
  assert_true(file >= 0);
  lks_config config = defaults();
  assert_int_equal(write(file, "lr = 2\nx=1\n", 11), 11);
  assert_int_equal(lks_config_read(&config, path), LKS_ERR_USAGE);
  assert_non_null(strstr(lks_message(), ":2: unknown key 'x'"));
  assert_true(config.lr == 2);
  assert_int_equal(write(file, "\0", 1), 1);
  assert_int_equal(lks_config_read(&config, path), LKS_ERR_USAGE);
  assert_non_null(strstr(lks_message(), "zero byte"));
  close(file);
  unlink(path);
  assert_int_equal(lks_config_read(&config, path), LKS_ERR_IO);
  assert_non_null(strstr(lks_message(), path));
}

/* Settings one by one, then the check: LKS_OK, or USAGE with `part` in the message. */
static void assert_check(const char *settings, const char *part)
{
  lks_config config = defaults();
  assert_int_equal(lks_config_set(&config, "data", "d.h5"), LKS_OK);
  assert_int_equal(lks_config_parse(&config, settings, "s"), LKS_OK);
  lks_status status = lks_config_check(&config);
  if (part == NULL) {
    if (status) fail_msg("%s: %s", settings, lks_message());
    return;
  }
  assert_int_equal(status, LKS_ERR_USAGE);
  if (strstr(lks_message(), part) == NULL) fail_msg("%s: '%s' lacks '%s'", settings, lks_message(), part);
}

static void settings_are_checked_together(void **state)
{
  (void)state;
  assert_check("", NULL);
  assert_check("data =", "no dataset");
  assert_check("model =", "no model");
  assert_check("microbatch = 129", "larger than the mini-batch of 128");
  assert_check("microbatch = 128", NULL);
  assert_check("bn = 129", "larger than the mini-batch");
  assert_check("bn = 128", NULL);
  assert_check("bn = 37", NULL);
  assert_check("bn = rank:129", "more ranks than");
  assert_check("bn = rank:128", NULL);
  assert_check("train-samples = 1", "at least 2");
  assert_check("train-samples = 2", NULL);
  assert_check("label-smoothing = 1", "below 1");
  assert_check("nesterov = on", NULL);
  assert_check("nesterov = on\nmomentum = 0", "nesterov needs");
  assert_check("nesterov = on\noptimizer = adam", "nesterov needs");
  assert_check("momentum = 1", "below 1");
  assert_check("momentum = 1\noptimizer = adam", NULL);
  assert_check("beta2 = 1\noptimizer = adam", "below 1");
  assert_check("warmup = 11", "longer than the run of 10 epochs");
  assert_check("warmup = 1\nepochs = 0", NULL);
}

static void microbatch_is_resolved(void **state)
{
  (void)state;
  static const size_t expected[][2] = {{1, 1}, {5, 5}, {8, 8}, {128, 8}, {250, 15}, {256, 16}, {4096, 256}};
  for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
    lks_config config = defaults();
    lks_config_set(&config, "data", "d.h5");
    config.batch_size = expected[i][0];
    assert_int_equal(lks_config_check(&config), LKS_OK);
    assert_int_equal(config.microbatch, expected[i][1]);
  }
}

static int nothing_is_left(void **state)
{
  (void)state;
  return lks_allocations_open() == 0 ? 0 : -1;
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_group_has_one_heading),
      cmocka_unit_test(defaults_are_those_documented),
      cmocka_unit_test(every_setting_survives_printing),
      cmocka_unit_test(a_shorter_text_leaves_equal_bytes),
      cmocka_unit_test(times_are_read),
      cmocka_unit_test(bad_values_are_refused),
      cmocka_unit_test(unknown_keys_get_a_suggestion),
      cmocka_unit_test(ini_errors_name_file_and_line),
      cmocka_unit_test(ini_forms_are_read),
      cmocka_unit_test(files_are_read),
      cmocka_unit_test(settings_are_checked_together),
      cmocka_unit_test(microbatch_is_resolved),
  };
  return cmocka_run_group_tests(tests, NULL, nothing_is_left);
}
