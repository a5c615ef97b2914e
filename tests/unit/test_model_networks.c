/* Model texts of real networks: known numbers of parameters, repeats, blocks in blocks, settings of layers. */
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
#include "base/file.h"
#include "base/random.h"
#include "lockstep/model.h"
#include "model/presets.h"

static const lks_shape digit = {8, 8, 1}, picture = {224, 224, 3};

static lks_model *parse(const char *text, lks_shape input, bool without_batch_norm)
{
  lks_model *model;
  if (lks_model_parse(&model, text, "T", input, 10, without_batch_norm)) fail_msg("%s", lks_message());
  return model;
}

static lks_model *preset(const char *name, lks_shape input, size_t classes, bool without_batch_norm)
{
  char *text;
  assert_int_equal(lks_model_text(&text, name), LKS_OK);
  lks_model *model;
  const lks_status status = lks_model_parse(&model, text, name, input, classes, without_batch_norm);
  lks_free(text);
  if (status) fail_msg("%s", lks_message());
  return model;
}

static const lks_layer *find(const lks_model *model, const char *name)
{
  for (size_t i = 1; i < lks_model_layers(model); i++) {
    if (strcmp(lks_model_layer(model, i)->name, name) == 0) return lks_model_layer(model, i);
  }
  fail_msg("no layer %s", name);
  return NULL;
}

static void assert_shape(lks_shape shape, size_t height, size_t width, size_t channels)
{
  assert_int_equal(shape.height, height);
  assert_int_equal(shape.width, width);
  assert_int_equal(shape.channels, channels);
}

/* As many parameters as torchvision's of 1,000 classes; vgg11_bn's convolutions have 2,752 biases in front of their
 * batch norms besides. */
static void test_parameters_of_known_networks(void **state)
{
  (void)state;
  static const struct {
    const char *name;
    size_t parameters;
  } known[] = {
      {"resnet18", 11689512}, {"resnet50", 25557032}, {"vgg11", 132868840 - 2752}, {"mobilenet", 3504872}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    lks_model *model = preset(known[i].name, picture, 1000, false);
    assert_int_equal(lks_model_parameters(model), known[i].parameters);
    lks_model_destroy(&model);
  }
  lks_model *model = preset("resnet50", picture, 1000, false);
  assert_shape(find(model, "maxpool1")->out, 56, 56, 64);
  assert_int_equal(find(model, "layer2.0.conv2")->stride[0], 2);
  assert_shape(find(model, "layer4.2.bn3")->out, 7, 7, 2048);
  assert_shape(find(model, "layer3.5.conv1")->in, 14, 14, 1024);
  assert_int_equal(find(model, "layer3.0.downsample.0")->stride[1], 2);
  assert_int_equal(find(model, "layer1.0.downsample.0")->stride[1], 1);
  lks_model_destroy(&model);
}

static void test_repeats(void **state)
{
  (void)state;
  lks_model *model = parse(
      "repeat 2\n residual a.3\n  repeat 2\n   conv 4 3\n   relu name=r5\n  end\n  conv 1 1 name=last\n end\n"
      " relu\nend\nrepeat 2\nrepeat 3\nrelu name=s1\nend\nend\ndense classes",
      digit, false);
  static const char *const names[] = {
      "a.3.conv1", "a.3.r5", "a.3.conv2", "a.3.r6", "a.3.last", "a.3", "relu1", "a.4.conv1", "a.4.r5",
      "a.4.conv2", "a.4.r6", "a.4.last",  "a.4",    "relu2",    "s1",  "s2",    "s6",        "dense1"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) find(model, names[i]);
  assert_int_equal(lks_model_layers(model), 1 + 2 * 7 + 6 + 1);
  lks_model_destroy(&model);
}

/* Two lines twice are as many as there were with `repeat` and `end`; so is one line three times. */
static void test_repeats_as_long_as_their_text(void **state)
{
  (void)state;
  lks_model *model =
      parse("repeat 2\nconv 4 3\nbatchnorm\nend\nrepeat 3\nrelu\nend\ndense classes", digit, false);
  assert_int_equal(lks_model_layers(model), 1 + 4 + 3 + 1);
  assert_int_equal(find(model, "bn2")->kind, LKS_LAYER_BATCH_NORM);
  assert_int_equal(find(model, "relu3")->kind, LKS_LAYER_RELU);
  lks_model_destroy(&model);
}

static void test_blocks_in_blocks(void **state)
{
  (void)state;
  lks_model *model = parse(
      "residual a\n residual\n  conv 4 3 stride=2\n  batchnorm\n end\n residual in\n  conv 4 3 stride=2\n end\n"
      "end\nresidual b\n residual c\n  residual d\n   relu\n  end\n end\nend\ndense classes",
      digit, false);
  const lks_layer *outer = find(model, "a"), *down = find(model, "a.downsample.0");
  assert_int_equal(down->stride[0], 4);
  assert_int_equal(find(model, "a.in.downsample.0")->stride[0], 2);
  assert_string_equal(lks_model_layer(model, (size_t)outer->input[0])->name, "a.in");
  find(model, "a.residual1.conv1");
  const int whole = find(model, "b.c.d")->input[1];
  assert_int_equal(find(model, "b")->input[1], whole);
  assert_int_equal(find(model, "b.c")->input[1], whole);
  lks_model_destroy(&model);
}

/* A batch norm over nothing is not there, as with --bn none: what feeds it has a bias. */
static void test_normalization_batches_of_layers(void **state)
{
  (void)state;
  lks_model *model = parse(
      "repeat 2\nconv 6 3\nbatchnorm group=48\nend\nconv 6 3\nbatchnorm group=none\nrelu\nconv 6 3\nbatchnorm\n"
      "dense 5\nbatchnorm group=rank:4\ndense classes",
      digit, false);
  const lks_layer *second = find(model, "bn2"), *standard = find(model, "bn4"), *ranks = find(model, "bn5");
  assert_true(second->own_group && second->group.kind == LKS_NORM_SIZE && second->group.size == 48);
  assert_true(ranks->own_group && ranks->group.kind == LKS_NORM_RANKS && ranks->group.size == 4);
  assert_false(standard->own_group);
  assert_true(find(model, "conv3")->bias && !find(model, "conv2")->bias && !find(model, "conv4")->bias);
  for (size_t l = 0; l < lks_model_layers(model); l++)
    assert_string_not_equal(lks_model_layer(model, l)->name, "bn3");
  lks_model_destroy(&model);
}

static void test_settings_of_layers(void **state)
{
  (void)state;
  lks_model *model =
      parse("conv 6 3 dilation=2x1\nbatchnorm momentum=.25 eps=1e-3 gamma=0\nconv 4 3 groups=2 bias=no\n"
            "batchnorm\ndense classes",
            digit, false);
  const lks_layer *conv = find(model, "conv1"), *norm = find(model, "bn1");
  assert_int_equal(conv->dilation[0], 2);
  assert_int_equal(conv->pad[0], 2);
  assert_int_equal(conv->pad[1], 1);
  assert_int_equal(conv->groups, 1);
  assert_true(norm->momentum == 0.25 && norm->epsilon == 1e-3 && norm->gamma_zero);
  norm = find(model, "bn2");
  assert_true(norm->momentum == 0 && norm->epsilon == 0 && !norm->gamma_zero);
  assert_int_equal(find(model, "conv2")->groups, 2);
  assert_int_equal(lks_model_parameters(model), 6 * 9 + 12 + 4 * 3 * 9 + 8 + 8 * 8 * 4 * 10 + 10);
  lks_model_destroy(&model);
}

/* Whoever asks for help on models finds the name of every preset, in lines that a terminal of 80 columns has room for. */
static void test_help(void **state)
{
  (void)state;
  for (const lks_preset *preset = lks_presets; preset->name; preset++)
    if (!strstr(lks_model_help, preset->name)) fail_msg("the help does not name %s", preset->name);
  for (const char *line = lks_model_help; *line; line += strcspn(line, "\n") + 1)
    if (strcspn(line, "\n") > 79) fail_msg("a line of the help is too wide: %.40s", line);
}

static int check_allocations(void **state)
{
  (void)state;
  return lks_allocations_open() != 0;
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(test_parameters_of_known_networks, check_allocations),
      cmocka_unit_test_teardown(test_repeats, check_allocations),
      cmocka_unit_test_teardown(test_repeats_as_long_as_their_text, check_allocations),
      cmocka_unit_test_teardown(test_blocks_in_blocks, check_allocations),
      cmocka_unit_test_teardown(test_settings_of_layers, check_allocations),
      cmocka_unit_test_teardown(test_normalization_batches_of_layers, check_allocations),
      cmocka_unit_test(test_help),
  };
  return cmocka_run_group_tests_name("model networks", tests, NULL, NULL);
}
