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

static const lks_shape digit = {8, 8, 1}, clothes = {28, 28, 1}, photo = {32, 32, 3}, features = {1, 1, 30};

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

/* What holds for every model, whatever its text: NULL, or what does not. */
static const char *broken(const lks_model *model, size_t classes, bool without_batch_norm)
{
  const size_t count = lks_model_layers(model);
  if (count < 2 || lks_model_parameters(model) == 0 || lks_model_classes(model) != classes) return "size";
  const lks_shape logits = lks_model_layer(model, count - 1)->out;
  if (logits.height != 1 || logits.width != 1 || logits.channels != classes) return "logits";
  for (size_t i = 0; i < count; i++) {
    const lks_layer *layer = lks_model_layer(model, i);
    if ((layer->kind == LKS_LAYER_INPUT) != (i == 0)) return "input";
    if (layer->out.height * layer->out.width * layer->out.channels == 0) return "empty";
    if (i > 0 && (layer->input[0] < 0 || layer->input[0] >= (int)i)) return "order";
    if ((layer->kind == LKS_LAYER_ADD) != (layer->input[1] >= 0)) return "second input";
    if (layer->input[1] >= (int)i || (i > 0 && layer->input[0] == layer->input[1])) return "shortcut";
    if (without_batch_norm && layer->kind == LKS_LAYER_BATCH_NORM) return "batch norm";
    for (int k = 0; i > 0 && k < 2 && layer->input[k] >= 0; k++) {
      const lks_shape in = lks_model_layer(model, (size_t)layer->input[k])->out;
      if (memcmp(&in, &layer->in, sizeof in) != 0) return "shapes";
    }
    for (size_t j = 1; j < i; j++) {
      if (strcmp(layer->name, lks_model_layer(model, j)->name) == 0) return "names";
    }
  }
  return NULL;
}

static void test_mlp(void **state)
{
  (void)state;
  lks_model *model = preset("mlp", clothes, 10, false);
  assert_int_equal(lks_model_layers(model), 11);
  assert_int_equal(lks_model_parameters(model),
                   784 * 256 + 256 * 128 + 128 * 100 + 100 * 10 + 10 + 2 * (256 + 128 + 100));
  assert_string_equal(lks_model_layer(model, 1)->name, "dense1");
  assert_string_equal(lks_model_layer(model, 10)->name, "dense4");
  assert_string_equal(lks_model_layer(model, 8)->name, "bn3");
  assert_false(lks_model_layer(model, 1)->bias);
  assert_true(lks_model_layer(model, 10)->bias);
  assert_shape(lks_model_layer(model, 1)->in, 28, 28, 1);
  assert_int_equal(lks_model_layer(model, 1)->line, 2);
  lks_model_destroy(&model);
  assert_null(model);
  lks_model_destroy(&model);
}

static void test_resnet20(void **state)
{
  (void)state;
  lks_model *model = preset("resnet20", photo, 10, false);
  size_t weights = 3 * 3 * 3 * 16 + 2 * 16;
  const size_t width[] = {16, 16, 32, 64};
  for (int stage = 1; stage <= 3; stage++) {
    const size_t in = width[stage - 1], out = width[stage];
    weights += 9 * in * out + 5 * 9 * out * out + 6 * 2 * out;
    if (stage > 1) weights += in * out + 2 * out;
  }
  assert_int_equal(lks_model_parameters(model), weights + 64 * 10 + 10);
  assert_shape(find(model, "conv1")->out, 32, 32, 16);
  assert_shape(find(model, "layer2.0.conv1")->out, 16, 16, 32);
  assert_shape(find(model, "layer3.2.bn2")->out, 8, 8, 64);
  const lks_layer *down = find(model, "layer3.0.downsample.0");
  assert_int_equal(down->kind, LKS_LAYER_CONV);
  assert_int_equal(down->stride[0], 2);
  assert_int_equal(down->pad[0], 0);
  assert_false(down->bias);
  const lks_layer *add = find(model, "layer3.0");
  assert_string_equal(lks_model_layer(model, (size_t)add->input[0])->name, "layer3.0.bn2");
  assert_string_equal(lks_model_layer(model, (size_t)add->input[1])->name, "layer3.0.downsample.1");
  const lks_layer *same = find(model, "layer1.1");
  assert_int_equal(lks_model_layer(model, (size_t)same->input[1])->kind, LKS_LAYER_RELU);
  assert_int_equal(lks_model_layer(model, lks_model_layers(model) - 2)->kind, LKS_LAYER_GLOBAL_AVERAGE_POOL);
  assert_int_equal(lks_model_layer(model, lks_model_layers(model) - 2)->kernel[1], 8);
  assert_string_equal(lks_model_layer(model, lks_model_layers(model) - 1)->name, "fc");
  lks_model_destroy(&model);
}

/* Those for large pictures, and VGG, whose pools need 32 pixels. */
static bool needs_more_pixels(const char *name, lks_shape input)
{
  return input.height < 32 && (strncmp(name, "vgg11", 5) == 0);
}

static void test_presets_adapt(void **state)
{
  (void)state;
  const lks_shape shapes[] = {digit, clothes, photo, features};
  for (const lks_preset *p = lks_presets; p->name; p++) {
    for (int s = 0; s < 4; s++) {
      if (s == 3 && strcmp(p->name, "mlp") != 0) continue;
      if (needs_more_pixels(p->name, shapes[s])) continue;
      for (int without = 0; without < 2; without++) {
        lks_model *model = preset(p->name, shapes[s], s == 2 ? 100 : 10, without);
        assert_null(broken(model, s == 2 ? 100 : 10, without));
        lks_model_destroy(&model);
      }
    }
  }
  char *text;
  lks_model *model;
  assert_int_equal(lks_model_text(&text, "cnn"), LKS_OK);
  assert_int_equal(lks_model_parse(&model, text, "cnn", features, 10, false), LKS_ERR_DATA);
  assert_non_null(strstr(lks_message(), "cnn:2:1: conv needs an image, but gets 30 features"));
  lks_free(text);
}

static void test_without_batch_norm(void **state)
{
  (void)state;
  const char text[] =
      "conv 4 3 stride=2\nbatchnorm\nrelu\nresidual b shortcut=conv\nconv 4 3\nbatchnorm\nend\n"
      "conv 3 1 bias=no\nrelu\nbatchnorm\ndense classes\n";
  lks_model *with = parse(text, digit, false), *without = parse(text, digit, true);
  assert_false(find(with, "b.downsample.0")->bias);
  assert_true(find(without, "b.downsample.0")->bias);
  assert_true(find(without, "conv1")->bias);
  assert_true(find(without, "b.conv1")->bias);
  assert_false(find(without, "conv2")
                   ->bias); /* batch norm stood behind the activation: bias=no is what was asked for */
  const lks_layer *add = find(without, "b");
  assert_string_equal(lks_model_layer(without, (size_t)add->input[0])->name, "b.conv1");
  assert_string_equal(lks_model_layer(without, (size_t)add->input[1])->name, "b.downsample.0");
  assert_null(broken(without, 10, true));
  assert_string_equal(lks_model_source(without), text);
  const size_t gammas = 2 * (4 + 4 + 4 + 3), biases = 4 + 4 + 4;
  assert_int_equal(lks_model_parameters(with) + biases, lks_model_parameters(without) + gammas);
  lks_model_destroy(&with);
  lks_model_destroy(&without);
}

/* A convolution whose output also goes around the batch norm keeps its bias. */
static void test_bias_of_shared_output(void **state)
{
  (void)state;
  lks_model *model = parse("conv 4 3\nresidual\nbatchnorm\nrelu\nend\ndense classes", digit, false);
  assert_true(find(model, "conv1")->bias);
  assert_string_equal(find(model, "residual1.bn1")->name, "residual1.bn1");
  lks_model_destroy(&model);
}

static void test_text_forms(void **state)
{
  (void)state;
  lks_model *model = parse(
      "\xEF\xBB\xBF# comment\r\n\r\n\tconv   classes\t3x5  pad=1x2 stride=2x1 name=a-b_1.x# comment\r\n"
      "maxpool 3x3 stride=1 pad=1\r\navgpool 2\r\nleakyrelu 0.25\r\nsigmoid\r\ngelu name=g\r\nsilu\r\ntanh\r\ndropout .5 \r\nglobalavgpool",
      digit, false);
  const lks_layer *conv = find(model, "a-b_1.x");
  assert_shape(conv->out, 4, 8, 10);
  assert_int_equal(conv->line, 3);
  assert_int_equal(conv->kernel[1], 5);
  assert_int_equal(conv->pad[1], 2);
  assert_shape(find(model, "maxpool1")->out, 4, 8, 10);
  assert_shape(find(model, "avgpool1")->out, 2, 4, 10);
  assert_true(find(model, "dropout1")->rate == 0.5);
  assert_true(find(model, "leakyrelu1")->slope == 0.25);
  assert_int_equal(find(model, "g")->kind, LKS_LAYER_GELU);
  assert_int_equal(find(model, "silu1")->kind, LKS_LAYER_SILU);
  assert_int_equal(find(model, "tanh1")->kind, LKS_LAYER_TANH);
  assert_true(conv->bias);
  lks_model_destroy(&model);
}

#define LONG_NAME "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij"

static void test_errors(void **state)
{
  (void)state;
  static const struct {
    const char *text, *message;
    lks_status status;
  } cases[] = {
      {"", "T:1:1: no layers", LKS_ERR_USAGE},
      {"# nothing\n \t\r\n", "T:1:1: no layers", LKS_ERR_USAGE},
      {"dense 4\n  rellu\n", "T:2:3: unknown layer 'rellu'; did you mean 'relu'?", LKS_ERR_USAGE},
      {"lstm 4", "T:1:1: unknown layer 'lstm'; there are conv, ", LKS_ERR_USAGE},
      {"\x1b[31m\xff", "T:1:1: unknown layer '?[31m?'", LKS_ERR_USAGE},
      {"dense", "T:1:6: outputs is missing; write: dense OUTPUTS", LKS_ERR_USAGE},
      {"conv 8  # 3x3", "T:1:9: kernel is missing", LKS_ERR_USAGE},
      {"conv 8 3 3", "T:1:10: '3' is one value too many", LKS_ERR_USAGE},
      {"conv 8 stride=2 3", "T:1:17: '3' stands behind a key", LKS_ERR_USAGE},
      {"dense 0", "T:1:7: bad outputs '0'", LKS_ERR_USAGE},
      {"dense -4", "T:1:7: bad outputs '-4'", LKS_ERR_USAGE},
      {"dense +4", "T:1:7: bad outputs '+4'", LKS_ERR_USAGE},
      {"dense 4.0", "T:1:7: bad outputs '4.0'", LKS_ERR_USAGE},
      {"dense 65537", "T:1:7: bad outputs '65537'", LKS_ERR_USAGE},
      {"dense 18446744073709551617", "T:1:7: bad outputs", LKS_ERR_USAGE},
      {"dense class", "T:1:7: bad outputs 'class'; give a number", LKS_ERR_USAGE},
      {"conv 8 3x", "T:1:8: bad kernel '3x'", LKS_ERR_USAGE},
      {"conv 8 x3", "T:1:8: bad kernel 'x3'", LKS_ERR_USAGE},
      {"conv 8 3x3x3", "T:1:8: bad kernel '3x3x3'", LKS_ERR_USAGE},
      {"conv 8 0x3", "T:1:8: bad kernel '0x3'", LKS_ERR_USAGE},
      {"conv 8 256", "T:1:8: bad kernel '256'", LKS_ERR_USAGE},
      {"conv 8 3 stride=0", "T:1:10: bad stride '0'", LKS_ERR_USAGE},
      {"conv 8 3 stride=", "T:1:10: bad stride ''", LKS_ERR_USAGE},
      {"conv 8 3 =", "T:1:10: unknown key ''", LKS_ERR_USAGE},
      {"conv 8 3 stride=2 stride=2", "T:1:19: stride is given twice", LKS_ERR_USAGE},
      {"conv 8 3 strid=2", "T:1:10: unknown key 'strid'; did you mean 'stride'?", LKS_ERR_USAGE},
      {"gelu 1", "T:1:6: '1' is one value too many; write: gelu [name=NAME]", LKS_ERR_USAGE},
      {"relu rate=2", "T:1:6: unknown key 'rate'; write: relu [name=NAME]", LKS_ERR_USAGE},
      {"conv 8 3 bias=maybe", "T:1:10: bad bias 'maybe'; give yes or no", LKS_ERR_USAGE},
      {"dropout 1", "T:1:9: bad rate '1'", LKS_ERR_USAGE},
      {"leakyrelu", "T:1:10: slope is missing", LKS_ERR_USAGE},
      {"leakyrelu 1", "T:1:11: bad slope '1'", LKS_ERR_USAGE},
      {"dropout nan", "T:1:9: bad rate 'nan'", LKS_ERR_USAGE},
      {"dropout 0x.8", "T:1:9: bad rate '0x.8'", LKS_ERR_USAGE},
      {"dropout 0.2.5", "T:1:9: bad rate '0.2.5'", LKS_ERR_USAGE},
      {"dropout .", "T:1:9: bad rate '.'", LKS_ERR_USAGE},
      {"relu name=a..b", "T:1:6: bad name 'a..b'", LKS_ERR_USAGE},
      {"relu name=a/b", "T:1:6: bad name 'a/b'", LKS_ERR_USAGE},
      {"relu name=" LONG_NAME "abcd", "T:1:6: bad name", LKS_ERR_USAGE},
      {"residual a\nrelu name=" LONG_NAME "ab\nend\ndense classes", "T:2:6: the name 'a.abc", LKS_ERR_USAGE},
      {"relu name=x\nrelu name=x\ndense classes", "T:2:6: the name 'x' is taken by line 1", LKS_ERR_USAGE},
      {"relu name=relu2\nrelu\ndense classes", "T:2:1: the name 'relu2' is taken by line 1", LKS_ERR_USAGE},
      {"residual\nrelu", "T:1:1: this residual block has no end", LKS_ERR_USAGE},
      {"relu\nend", "T:2:1: there is no residual block or repeat to end", LKS_ERR_USAGE},
      {"residual\nrelu\n residual\nrelu\nend", "T:1:1: this residual block has no end", LKS_ERR_USAGE},
      {"repeat 2\nrelu", "T:1:1: this repeat has no end", LKS_ERR_USAGE},
      {"repeat 2\nresidual\nrelu\nend", "T:1:1: this repeat has no end", LKS_ERR_USAGE},
      {"repeat\nrelu\nend", "T:1:7: count is missing; write: repeat N", LKS_ERR_USAGE},
      {"repeat 0\nrelu\nend", "T:1:8: bad count '0'; give a number from 1 to 1000", LKS_ERR_USAGE},
      {"repeat 9\nend", "T:1:1: there is nothing to repeat", LKS_ERR_USAGE},
      {"repeat 1000\nrepeat 1000\nrepeat 1000\nrelu\nend\nend\nend",
       "T:4:1: more than 4096 layers with those repeated", LKS_ERR_USAGE},
      {"repeat 2\nrelu name=a\nend",
       "T:2:6: 'a' would name several layers; in a repeat a name ends in a number", LKS_ERR_USAGE},
      {"repeat 2\nrelu name=a1\nend\nrelu name=a2\ndense classes", "T:4:6: the name 'a2' is taken by line 2",
       LKS_ERR_USAGE},
      {"conv 8 3 groups=0", "T:1:10: bad groups '0'", LKS_ERR_USAGE},
      {"conv 8 3 groups=3\ndense classes", "T:1:10: 1 channels in and 8 out cannot be cut into 3 groups",
       LKS_ERR_DATA},
      {"conv 9 3\nconv 8 3 groups=3\ndense classes", "T:2:10: 9 channels in and 8 out", LKS_ERR_DATA},
      {"conv 8 3 dilation=0", "T:1:10: bad dilation '0'", LKS_ERR_USAGE},
      {"conv 8 3 dilation=5 pad=1\ndense classes",
       "T:1:8: a kernel of 3x3 with its dilation does not fit into 8x8 pixels", LKS_ERR_DATA},
      {"maxpool 2 dilation=2", "T:1:11: unknown key 'dilation'", LKS_ERR_USAGE},
      {"batchnorm momentum=0", "T:1:11: bad momentum '0'", LKS_ERR_USAGE},
      {"batchnorm momentum=1.5", "T:1:11: bad momentum '1.5'", LKS_ERR_USAGE},
      {"batchnorm eps=0", "T:1:11: bad eps '0'", LKS_ERR_USAGE},
      {"batchnorm eps=1e-5x", "T:1:11: bad eps '1e-5x'", LKS_ERR_USAGE},
      {"batchnorm eps=-1e-5", "T:1:11: bad eps '-1e-5'", LKS_ERR_USAGE},
      {"batchnorm group=", "T:1:11: bad group ''; give sync, a number of samples, rank:R or none",
       LKS_ERR_USAGE},
      {"batchnorm group=0", "T:1:11: bad group '0'", LKS_ERR_USAGE},
      {"batchnorm group=8x", "T:1:11: bad group '8x'", LKS_ERR_USAGE},
      {"batchnorm group=rank", "T:1:11: bad group 'rank'", LKS_ERR_USAGE},
      {"batchnorm groups=8", "T:1:11: unknown key 'groups'; did you mean 'group'?", LKS_ERR_USAGE},
      {"residual\nbatchnorm group=none\nend\ndense classes",
       "T:1:1: nothing is left of this block without batch norm", LKS_ERR_USAGE},
      {"batchnorm gamma=2", "T:1:11: bad gamma '2'; give 0 or 1", LKS_ERR_USAGE},
      {"residual\nend\ndense classes", "T:2:1: the residual block is empty", LKS_ERR_USAGE},
      {"residual a shortcut=no\nrelu\nend", "T:1:12: bad shortcut 'no'; give auto, identity or conv",
       LKS_ERR_USAGE},
      {"residual a shortcut=identity\nconv 4 3\nend\ndense classes",
       "T:1:12: the block takes 8x8x1 and gives 8x8x4, which an identity cannot add", LKS_ERR_USAGE},
      {"residual\nconv 4 2\nend\ndense classes", "T:1:1: the block gives 7x7x4 and its shortcut 8x8x4",
       LKS_ERR_USAGE},
      {"conv 8 3 bias=yes\nbatchnorm\ndense classes", "T:1:10: batch norm takes this layer's output",
       LKS_ERR_USAGE},
      {"maxpool 2 pad=2\ndense classes", "T:1:11: the padding of a pool", LKS_ERR_USAGE},
      {"dense 12",
       "T:1:1: the last layer gives 12 features, but there are 10 classes; end with 'dense classes'",
       LKS_ERR_USAGE},
      {"conv 10 3\nrelu", "T:2:1: the last layer gives 8x8x10, but", LKS_ERR_USAGE},
      {"maxpool 9\ndense classes", "T:1:9: a kernel of 9x9 does not fit into 8x8 pixels", LKS_ERR_DATA},
      {"conv 4 5 pad=0\nconv 4 5 pad=0\ndense classes", "T:2:8: a kernel of 5x5 does not fit into 4x4 pixels",
       LKS_ERR_DATA},
      {"dense 12\nmaxpool 2\ndense classes", "T:2:1: maxpool needs an image, but gets 12 features",
       LKS_ERR_DATA},
      {"conv 65536 1 pad=255\ndense classes", "T:1:1: conv gives 518x518x65536 values a sample",
       LKS_ERR_DATA},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    lks_model *model;
    const lks_status status = lks_model_parse(&model, cases[i].text, "T", digit, 10, false);
    if (status != cases[i].status ||
        strncmp(lks_message(), cases[i].message, strlen(cases[i].message)) != 0) {
      fail_msg("'%s' gave %d: %s, not %d: %s", cases[i].text, (int)status, lks_message(),
               (int)cases[i].status, cases[i].message);
    }
    assert_null(model);
  }
}

static void test_errors_of_the_frame(void **state)
{
  (void)state;
  lks_model *model;
  assert_int_equal(lks_model_parse(&model, "dense classes", "T", (lks_shape){0, 8, 1}, 10, false),
                   LKS_ERR_DATA);
  assert_int_equal(lks_model_parse(&model, "dense classes", "T", digit, 0, false), LKS_ERR_DATA);
  assert_int_equal(lks_model_parse(&model, "batchnorm", "T", (lks_shape){1, 1, 10}, 10, false), LKS_OK);
  lks_model_destroy(&model);
  assert_int_equal(lks_model_parse(&model, "batchnorm", "T", (lks_shape){1, 1, 10}, 10, true), LKS_ERR_USAGE);
  assert_non_null(strstr(lks_message(), "no layer has weights"));
  const char *block = "conv 4 3\nresidual\nbatchnorm\nend\ndense classes";
  assert_int_equal(lks_model_parse(&model, block, "T", digit, 10, true), LKS_ERR_USAGE);
  assert_non_null(strstr(lks_message(), "T:2:1: nothing is left of this block"));

  const size_t lines = 5000;
  char *many = lks_new(5 * lines + 1, 1);
  for (size_t i = 0; i < lines; i++) memcpy(many + 5 * i, "relu\n", 5);
  assert_int_equal(lks_model_parse(&model, many, "T", digit, 10, false), LKS_ERR_USAGE);
  assert_string_equal(lks_message(), "T:4097:1: more than 4096 layers; make the model smaller");
  lks_free(many);
}

static void test_sources(void **state)
{
  (void)state;
  char *text;
  assert_int_equal(lks_model_text(&text, "resnt8"), LKS_ERR_USAGE);
  assert_non_null(strstr(lks_message(), "did you mean 'resnet8'?"));
  char before[] = "as it was";
  text = before;
  assert_int_equal(lks_model_text(&text, LKS_TEST_SOURCE_DIR), LKS_ERR_IO); /* a folder */
  assert_null(text);
  assert_int_equal(lks_model_text(&text, "no/such.model"), LKS_ERR_USAGE);
  assert_non_null(strstr(lks_message(), "neither a preset ("));
  assert_non_null(strstr(lks_message(), " cnn, mlp, "));
  assert_null(text);

  assert_int_equal(lks_model_text(&text, LKS_TEST_SOURCE_DIR "/data/models/mlp.model"), LKS_OK);
  char *built_in;
  assert_int_equal(lks_model_text(&built_in, "mlp"), LKS_OK);
  assert_string_equal(text, built_in);
  lks_free(text);
  lks_free(built_in);

  char path[] = "/tmp/lockstep-model-XXXXXX";
  const int file = mkstemp(path);
  assert_true(file >= 0);
  assert_int_equal(write(file, "dense\0classes", 13), 13);
  close(file);
  const lks_status status = lks_model_text(&text, path);
  unlink(path);
  assert_int_equal(status, LKS_ERR_USAGE);
  assert_non_null(strstr(lks_message(), "byte 5 is zero"));
}

enum { TEXT_SIZE = 4096 };

/* One random change of a text that is not empty. */
static void mutate(char text[TEXT_SIZE], const lks_random_key *key, uint32_t *draw)
{
  static const char *const pieces[] = {"\n",
                                       " ",
                                       "\r",
                                       "#",
                                       "=",
                                       "0",
                                       "x",
                                       "99999",
                                       "classes",
                                       "conv 1",
                                       "dense 7\n",
                                       "batchnorm\n",
                                       "residual\n",
                                       "end\n",
                                       "name=conv1 ",
                                       "stride=3 ",
                                       "pad=255 ",
                                       "bias=yes ",
                                       "shortcut=conv "};
  const size_t length = strlen(text), at = (size_t)lks_random_below(key, (*draw)++, length);
  const size_t skip = (length - at) / 8;
  char rest[TEXT_SIZE];
  snprintf(rest, sizeof rest, "%s", text + at);
  switch (lks_random_below(key, (*draw)++, 3)) {
  case 0: text[at] = (char)(1 + lks_random_below(key, (*draw)++, 255)); break;
  case 1: snprintf(text + at, TEXT_SIZE - at, "%s", rest + skip); break;
  default: {
    const char *piece = pieces[lks_random_below(key, (*draw)++, sizeof pieces / sizeof *pieces)];
    snprintf(text + at, TEXT_SIZE - at, "%s%s", piece, rest);
  }
  }
}

/* Whatever comes out of random changes to real texts is a sound model or an error that names its place. */
static void test_mutations(void **state)
{
  (void)state;
  enum { TRIALS = 20000 };
  int sound = 0;
  for (uint32_t trial = 0; trial < TRIALS; trial++) {
    const lks_random_key key = lks_random_key_make(7, LKS_RANDOM_GENERATE, 0, 0, trial);
    uint32_t draw = 0;
    char text[TEXT_SIZE];
    snprintf(text, sizeof text, "%s", lks_presets[trial % 5].text);
    for (uint64_t changes = 1 + lks_random_below(&key, draw++, 6); changes > 0; changes--)
      mutate(text, &key, &draw);
    const bool without = trial % 3 == 0;
    lks_model *model;
    const lks_status status = lks_model_parse(&model, text, "T", trial % 2 ? digit : photo, 10, without);
    if (!status) {
      sound++;
      const char *problem = broken(model, 10, without);
      if (problem) fail_msg("trial %u: %s:\n%s", trial, problem, text);
      lks_model_destroy(&model);
    } else {
      int line = 0, column = 0;
      assert_true(status == LKS_ERR_USAGE || status == LKS_ERR_DATA);
      assert_int_equal(sscanf(lks_message(), "T:%d:%d: ", &line, &column), 2);
      assert_true(line > 0 && column > 0);
    }
  }
  assert_in_range(sound, TRIALS / 20, TRIALS - TRIALS / 20);
}

static int check_allocations(void **state)
{
  (void)state;
  return lks_allocations_open() != 0;
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(test_mlp, check_allocations),
      cmocka_unit_test_teardown(test_resnet20, check_allocations),
      cmocka_unit_test_teardown(test_presets_adapt, check_allocations),
      cmocka_unit_test_teardown(test_without_batch_norm, check_allocations),
      cmocka_unit_test_teardown(test_bias_of_shared_output, check_allocations),
      cmocka_unit_test_teardown(test_text_forms, check_allocations),
      cmocka_unit_test_teardown(test_errors, check_allocations),
      cmocka_unit_test_teardown(test_errors_of_the_frame, check_allocations),
      cmocka_unit_test_teardown(test_sources, check_allocations),
      cmocka_unit_test_teardown(test_mutations, check_allocations),
  };
  return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
