/* What `lockstep show` tells of a network, against numbers worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/arena.h"
#include "base/printed.h"
#include "lockstep/model.h"
#include "report/show.h"

static lks_show *shown(const char *preset, lks_shape shape, size_t classes)
{
  lks_config config;
  lks_show *show = NULL;
  char *text = NULL;
  lks_config_default(&config);
  lks_config_set(&config, "data", "none");
  assert_int_equal(lks_config_check(&config), LKS_OK);
  assert_int_equal(lks_model_text(&text, preset), LKS_OK);
  assert_int_equal(lks_show_create(&show, &config, preset, text, shape, classes), LKS_OK);
  lks_free(text);
  return show;
}

static const lks_show_layer *row_of(const lks_show *show, const char *name)
{
  for (size_t i = 0; i < show->layers; i++)
    if (strcmp(show->layer[i].layer->name, name) == 0) return &show->layer[i];
  fail_msg("no layer %s", name);
  return NULL;
}

static void layers_take_what_the_formulas_say(void **state)
{
  (void)state;
  static const struct {
    const char *name;
    size_t parameters, bytes;
    double forward, backward; /* the first layer hands no gradient down */
    int stage;
  } rows[] = {
      {"conv1", 3 * 3 * 32, 4 * 8 * 8 * 32, 9. * 32 * 64, 9. * 32 * 64, 0},
      {"bn1", 2 * 32, 0, 0, 0, 1},
      {"maxpool1", 0, 4 * 4 * 4 * 32, 0, 0, 1},
      {"conv2", 3 * 3 * 32 * 64, 4 * 4 * 4 * 64, 9. * 32 * 64 * 16, 2 * 9. * 32 * 64 * 16, 1},
      {"bn2", 2 * 64, 0, 0, 0, 2},
      {"dense1", 2 * 2 * 64 * 128, 4 * 128, 256. * 128, 2 * 256. * 128, 2},
      {"bn3", 2 * 128, 0, 0, 0, 3},
      {"dense2", 128 * 10 + 10, 4 * 10, 1280, 2 * 1280, 3},
  };
  lks_show *show = shown("cnn", (lks_shape){8, 8, 1}, 10);
  size_t parameters = 0;
  double forward = 0, backward = 0;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const lks_show_layer *row = row_of(show, rows[i].name);
    assert_int_equal(row->parameters, rows[i].parameters);
    assert_int_equal(row->bytes, rows[i].bytes);
    assert_true(row->forward == rows[i].forward && row->backward == rows[i].backward);
    assert_int_equal(row->stage, rows[i].stage);
    parameters += rows[i].parameters;
    forward += rows[i].forward;
    backward += rows[i].backward;
  }
  assert_int_equal(show->layers, lks_model_layers(show->model));
  assert_int_equal(show->sum.parameters, parameters);
  assert_int_equal(lks_model_parameters(show->model), parameters);
  assert_true(show->sum.forward == forward && show->sum.backward == backward);
  assert_int_equal(show->optimizer, 4 * parameters); /* one moment */
  assert_true(show->memory.parameters >= 2 * 4 * parameters);
  assert_true(show->memory.values >= 128 * show->sum.bytes);
  lks_show_destroy(&show);
  assert_null(show);
}

/* Printed or drawn. */
static char *text_of(const lks_show *show, void (*print)(FILE *, const lks_show *))
{
  lks_printed printed;
  char *text = NULL;
  assert_int_equal(lks_printed_begin(&printed), LKS_OK);
  print(printed.stream, show);
  assert_int_equal(lks_printed_text(&text, &printed), LKS_OK);
  return text;
}

static size_t count(const char *text, const char *what)
{
  size_t found = 0;
  for (const char *at = text; (at = strstr(at, what)) != NULL; at++) found++;
  return found;
}

static void a_text_fits_80_columns(void **state)
{
  (void)state;
  static const char *const presets[] = {"cnn", "mlp", "resnet8", "resnet20"};
  for (size_t i = 0; i < sizeof presets / sizeof *presets; i++) {
    lks_show *show = shown(presets[i], (lks_shape){32, 32, 3}, 1000);
    char *text = text_of(show, lks_show_print);
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
      if (strcspn(line, "\n") > 80) fail_msg("%s: %.*s", presets[i], (int)strcspn(line, "\n"), line);
    assert_int_equal(count(text, "-- stage "), show->stages->stages);
    lks_free(text);
    lks_show_destroy(&show);
  }
}

/* An edge for each input of each layer; a reduction for each batch norm. */
static void a_drawing_has_all_layers(void **state)
{
  (void)state;
  lks_show *show = shown("resnet8", (lks_shape){32, 32, 3}, 10);
  char *text = text_of(show, lks_show_dot);
  size_t edges = 0, norms = 0;
  for (size_t i = 0; i < show->layers; i++) {
    edges += (show->layer[i].layer->input[0] >= 0) + (show->layer[i].layer->input[1] >= 0);
    norms += show->layer[i].layer->kind == LKS_LAYER_BATCH_NORM;
  }
  assert_int_equal(norms, 9);
  assert_int_equal(count(text, " -> "), edges);
  assert_int_equal(count(text, "reduction"), norms);
  assert_int_equal(count(text, "fillcolor"), show->layers);
  assert_int_equal(count(text, "subgraph"), show->stages->stages);
  assert_int_equal(count(text, "{"), count(text, "}"));
  lks_free(text);
  lks_show_destroy(&show);
}

static void numbers_have_three_digits(void **state)
{
  (void)state;
  static const struct {
    double value;
    const char *text;
  } good[] = {{1, "1"},        {640, "640"},     {999.4, "999"},     {999.6, "1.00k"},      {12288, "12.3k"},
              {99950, "100k"}, {442368, "442k"}, {2359296, "2.36M"}, {4089284608., "4.09G"}};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    char text[16];
    lks_show_number(text, good[i].value);
    assert_string_equal(text, good[i].text);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(layers_take_what_the_formulas_say),
      cmocka_unit_test(a_text_fits_80_columns),
      cmocka_unit_test(a_drawing_has_all_layers),
      cmocka_unit_test(numbers_have_three_digits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
