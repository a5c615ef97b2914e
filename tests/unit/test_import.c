#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "dataset/dataset_write.h"
#include "import/import.h"
#include "import/source_cifar.h"
#include "import/source_csv.h"
#include "import/source_folder.h"
#include "import/source_h5.h"
#include "import/source_idx.h"
#include "import/source_npz.h"
#include "import/test_split.h"
#include "lockstep/memory.h"
#include "support/dataset_copy.h"
#include "support/format_files.h"

enum { TRAIN = 83, TEST = 17, HEIGHT = 5, WIDTH = 4, MOST = 3 * HEIGHT * WIDTH, CLASSES = 3 };

static char output[64];
static uint8_t pixels[TRAIN + TEST][MOST];
static int32_t labels[TRAIN + TEST];

static lks_contents made_up(size_t channels)
{
  uint32_t state = 1;
  for (size_t i = 0; i < TRAIN + TEST; i++) {
    labels[i] = (int32_t)(i < TRAIN ? i * CLASSES / TRAIN : (i - TRAIN) * CLASSES / TEST);
    for (size_t d = 0; d < MOST; d++)
      ((uint8_t *)pixels)[i * HEIGHT * WIDTH * channels + d % (HEIGHT * WIDTH * channels)] =
          (uint8_t)((state = state * 1664525u + 1013904223u) >> 24);
  }
  const uint8_t *test = (const uint8_t *)pixels + TRAIN * HEIGHT * WIDTH * channels;
  return (lks_contents){
      .layout = {.shape = {HEIGHT, WIDTH, channels}, .classes = CLASSES, .count = {TRAIN, TEST}},
      .split = {{.count = TRAIN, .pixels = (const uint8_t *)pixels, .label = labels},
                {.count = TEST, .pixels = test, .label = labels + TRAIN}}};
}

static lks_status open_format(lks_source **source, int format, lks_shape shape)
{
  static const lks_dataset_names none;
  const char *cifar = lks_format_path("cifar");
  const lks_idx_paths idx = {lks_format_path("train-images"), lks_format_path("train-labels"),
                             lks_format_path("test-images"), lks_format_path("test-labels")};
  const lks_csv_options csv = {.train = lks_format_path("train.csv"),
                               .test = lks_format_path("test.csv"),
                               .label = "",
                               .shape = shape};
  switch (format) {
  case 0: return lks_source_idx_open(source, &idx);
  case 1: return lks_source_csv_open(source, &csv);
  case 2:
    return lks_source_npz_open(source,
                               &(lks_npz_options){.archive = lks_format_path("data.npz"), .names = &none});
  case 3:
    return lks_source_npz_open(
        source, &(lks_npz_options){.file = {lks_format_path("x_train.npy"), lks_format_path("y_train.npy"),
                                            lks_format_path("x_test.npy"), lks_format_path("y_test.npy")},
                                   .names = &none});
  case 4:
    return lks_source_cifar_open(source, &(lks_cifar_options){.train = &cifar, .trains = 1, .shape = shape});
  case 5: return lks_source_folder_open(source, &(lks_folder_options){.folder = lks_format_path("pictures")});
  case 6: return lks_source_h5_open(source, lks_format_path("native.h5"), &none);
  default: return LKS_ERR_USAGE;
  }
}

static void expect_same(const lks_contents *contents)
{
  lks_dataset_copy copy;
  char hash[LKS_HASH_TEXT];
  double statistics[6];
  assert_int_equal(lks_contents_moments(statistics, statistics + 3, contents), LKS_OK);
  assert_int_equal(lks_contents_hash(hash, contents, statistics, statistics + 3), LKS_OK);
  assert_int_equal(lks_dataset_copy_read(&copy, output), LKS_OK);
  assert_string_equal(copy.header.hash, hash);
  assert_true(copy.header.has_mean && copy.header.has_std && copy.header.has_format &&
              copy.header.has_classes);
  for (int split = 0; split < 2; split++) {
    const size_t count = contents->split[split].count, width = lks_layout_width(&contents->layout);
    assert_int_equal(copy.contents.split[split].count, count);
    assert_memory_equal(copy.contents.split[split].pixels, contents->split[split].pixels, count * width);
    assert_memory_equal(copy.contents.split[split].label, contents->split[split].label,
                        count * sizeof(int32_t));
  }
  lks_dataset_copy_clear(&copy);
}

/* One dataset, grey and then coloured, in seven formats: one and the same file. */
static void test_formats_agree(void **state)
{
  (void)state;
  for (size_t channels = 1; channels <= 3; channels += 2) {
    const lks_contents contents = made_up(channels);
    assert_true(lks_make_format_files(lks_format_folder, &contents));
    assert_int_equal(lks_dataset_write(lks_format_path("native.h5"), &contents, true), LKS_OK);
    for (int format = 0; format < 7; format++) {
      lks_source *source = NULL;
      const lks_import_options options = {.output = output, .force = format > 0};
      lks_status status = open_format(&source, format, contents.layout.shape);
      if (!status) status = lks_import(NULL, source, &options);
      if (status) fail_msg("format %d, %zu channels: %s", format, channels, lks_message());
      if (format == 5) assert_string_equal(lks_class_names_get(source->names, 2), "2");
      lks_source_destroy(&source);
      expect_same(&contents);
    }
    unlink(output);
  }
}

/* What a source gives does not depend on how it is asked, nor on whether it was asked before. */
static void test_parts_and_rewind(void **state)
{
  (void)state;
  const lks_contents contents = made_up(3);
  assert_true(lks_make_format_files(lks_format_folder, &contents));
  for (int format = 0; format < 7; format++) {
    static uint8_t got[TRAIN + TEST][MOST];
    lks_source *source = NULL;
    assert_int_equal(open_format(&source, format, contents.layout.shape), LKS_OK);
    for (size_t part = 1; part <= TRAIN; part += 41) {
      memset(got, 0, sizeof got);
      for (size_t first = 0; first < TRAIN; first += part)
        assert_int_equal(lks_source_next(source, got[first], part < TRAIN - first ? part : TRAIN - first),
                         LKS_OK);
      if (part > 1) assert_int_equal(lks_source_next(source, got[TRAIN], TEST), LKS_OK);
      assert_memory_equal(got, pixels, (size_t)(part > 1 ? TRAIN + TEST : TRAIN) * MOST);
      assert_int_equal(lks_source_rewind(source), LKS_OK);
    }
    lks_source_destroy(&source);
  }
}

static void test_split_is_stratified(void **state)
{
  (void)state;
  enum { COUNT = 1000, KINDS = 7 };
  int32_t label[COUNT];
  uint8_t one[COUNT], same[COUNT], other[COUNT];
  size_t of_class[KINDS] = {0}, chosen[KINDS] = {0}, all = 0;
  for (size_t i = 0; i < COUNT; i++) of_class[label[i] = (int32_t)(i * i % 11 % KINDS)]++;
  label[0] = 5, label[1] = 5; /* two classes that may not lose their only sample */
  for (size_t k = 0; k < KINDS; k++) of_class[k] = 0;
  for (size_t i = 0; i < COUNT; i++) of_class[label[i]]++;
  assert_int_equal(lks_test_split(one, label, COUNT, KINDS, 0.137, 9), LKS_OK);
  assert_int_equal(lks_test_split(same, label, COUNT, KINDS, 0.137, 9), LKS_OK);
  assert_int_equal(lks_test_split(other, label, COUNT, KINDS, 0.137, 10), LKS_OK);
  for (size_t i = 0; i < COUNT; i++) chosen[label[i]] += one[i], all += one[i];
  assert_int_equal(all, 137);
  for (size_t k = 0; k < KINDS; k++) {
    const double exact = 0.137 * (double)of_class[k];
    assert_true((double)chosen[k] > exact - 1 && (double)chosen[k] < exact + 1);
    assert_true(of_class[k] == 0 || chosen[k] < of_class[k]);
  }
  assert_memory_equal(one, same, COUNT);
  assert_memory_not_equal(one, other, COUNT);
  assert_int_equal(lks_test_split(one, label, 2, 6, 0.9, 1), LKS_OK); /* of two samples one can go */
  assert_int_equal(one[0] + one[1], 1);
  label[1] = 4;
  assert_int_equal(lks_test_split(one, label, 2, 6, 0.9, 1), LKS_ERR_DATA);
}

/* Nothing is lost, doubled or changed when a test part is split off. */
static void test_fraction(void **state)
{
  (void)state;
  const lks_contents contents = made_up(1);
  lks_source *source = NULL;
  lks_dataset_copy copy;
  lks_layout layout;
  assert_true(lks_make_format_files(lks_format_folder, &contents));
  const lks_idx_paths paths = {lks_format_path("train-images"), lks_format_path("train-labels"), NULL, NULL};
  lks_import_options options = {.output = output, .test_share = 0.25, .seed = 3};
  assert_int_equal(lks_source_idx_open(&source, &paths), LKS_OK);
  assert_int_equal(lks_import(&layout, source, &options), LKS_OK);
  assert_int_equal(layout.count[LKS_SPLIT_TEST], 21);
  assert_int_equal(lks_dataset_copy_read(&copy, output), LKS_OK);
  const uint8_t *next[2] = {copy.contents.split[0].pixels, copy.contents.split[1].pixels};
  const int32_t *label[2] = {copy.contents.split[0].label, copy.contents.split[1].label};
  for (size_t i = 0; i < TRAIN; i++) { /* each is the next one of either part */
    const uint8_t *is = (const uint8_t *)pixels + i * HEIGHT * WIDTH;
    const int split = memcmp(next[0], is, HEIGHT * WIDTH) != 0;
    assert_memory_equal(next[split], is, HEIGHT * WIDTH);
    assert_int_equal(*label[split]++, labels[i]);
    next[split] += HEIGHT * WIDTH;
  }
  lks_dataset_copy_clear(&copy);
  lks_source_destroy(&source);
  assert_int_equal(open_format(&source, 0, contents.layout.shape), LKS_OK);
  options.force = true;
  assert_int_equal(lks_import(NULL, source, &options), LKS_ERR_USAGE); /* it has a test part */
  lks_source_destroy(&source);
}

static int set_up(void **state)
{
  if (lks_format_folder_make(state)) return -1;
  snprintf(output, sizeof output, "%s", lks_format_path("out.h5"));
  return 0;
}

static int clean(void **state)
{
  (void)state;
  unlink(output);
  return lks_allocations_open() != 0;
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(test_formats_agree, clean),
      cmocka_unit_test_teardown(test_parts_and_rewind, clean),
      cmocka_unit_test_teardown(test_split_is_stratified, clean),
      cmocka_unit_test_teardown(test_fraction, clean),
  };
  return cmocka_run_group_tests(tests, set_up, lks_format_folder_remove);
}
