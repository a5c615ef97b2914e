#include "dataset/corrupt.h"

#include "base/arena.h"
#include "base/random.h"
#include "dataset/announce.h"
#include "dataset/dataset_file.h"
#include "dataset/dataset_write.h"
#include "dataset/deviates.h"

enum { NOISE = 6 }; /* "layer" of the purpose, behind those of generate.c and cats.c */

static uint8_t byte_of(double value)
{
  const double raised = value + 0.5;
  return raised < 0 ? 0 : raised >= 256 ? 255 : (uint8_t)raised;
}

static void contrast(uint8_t *pixel, const lks_layout *layout, double scale)
{
  const size_t channels = layout->shape.channels, pixels = lks_layout_width(layout) / channels;
  for (size_t c = 0; c < channels; c++) {
    uint64_t sum = 0;
    for (size_t i = 0; i < pixels; i++) sum += pixel[i * channels + c];
    const double mean = (double)sum / (double)pixels;
    for (size_t i = 0; i < pixels; i++) {
      uint8_t *x = &pixel[i * channels + c];
      *x = byte_of(mean + scale * (*x - mean));
    }
  }
}

static void change_pixels(uint8_t *pixel, const lks_layout *layout, const lks_corruption *how,
                          const double *deviate)
{
  const size_t width = lks_layout_width(layout);
  if (how->kind == LKS_CORRUPTION_CONTRAST) contrast(pixel, layout, how->scale);
  for (size_t i = 0; i < width; i++) {
    if (how->kind == LKS_CORRUPTION_AFFINE) pixel[i] = byte_of(how->scale * pixel[i] + how->shift);
    if (how->kind == LKS_CORRUPTION_NOISE) pixel[i] = byte_of(pixel[i] + 255 * how->scale * deviate[i]);
    if (how->kind == LKS_CORRUPTION_INVERT) pixel[i] = (uint8_t)(255 - pixel[i]);
  }
}

static void change_features(float *feature, const lks_layout *layout, const lks_corruption *how,
                            const double *deviate)
{
  const size_t width = lks_layout_width(layout);
  for (size_t i = 0; i < width; i++) {
    if (how->kind == LKS_CORRUPTION_AFFINE)
      feature[i] = (float)(how->scale * (double)feature[i] + how->shift);
    if (how->kind == LKS_CORRUPTION_NOISE) feature[i] = (float)((double)feature[i] + how->scale * deviate[i]);
  }
}

static void change_split(void *values, int32_t *label, const lks_layout *layout, const lks_corruption *how,
                         lks_split split, double *deviate)
{
  const size_t width = lks_layout_width(layout), bytes = width * lks_layout_value_bytes(layout);
  for (size_t i = 0; i < layout->count[split]; i++) {
    void *sample = (char *)values + i * bytes;
    const lks_random_key key =
        lks_random_key_make(how->seed, LKS_RANDOM_GENERATE, NOISE, (uint32_t)split, (uint32_t)i);
    if (how->kind == LKS_CORRUPTION_NOISE) lks_deviates(deviate, width, &key);
    if (layout->features)
      change_features(sample, layout, how, deviate);
    else
      change_pixels(sample, layout, how, deviate);
    if (how->label) label[i] = how->label[label[i]];
  }
}

static lks_status check_labels(const lks_corruption *how, size_t classes, const char *input)
{
  if (!how->label) return LKS_OK;
  if (how->labels != classes)
    return lks_fail(LKS_ERR_USAGE, "%s has %zu classes, and %zu are to be relabelled", input, classes,
                    how->labels);
  bool *taken = lks_new(classes, sizeof *taken);
  if (!taken) return LKS_ERR_RANK;
  lks_status status = LKS_OK;
  for (size_t c = 0; c < classes && !status; c++) {
    const int32_t to = how->label[c];
    if (to < 0 || (size_t)to >= classes)
      status = lks_fail(LKS_ERR_USAGE, "label %d is to become %d; %s has the labels 0 to %zu", (int)c,
                        (int)to, input, classes - 1);
    else if (taken[to])
      status = lks_fail(LKS_ERR_USAGE, "two labels are to become %d; write A:B,B:A to exchange two", (int)to);
    else
      taken[to] = true;
  }
  lks_free(taken);
  return status;
}

static lks_status check(const lks_corruption *how, const lks_layout *layout, const char *input)
{
  const bool pictures = how->kind == LKS_CORRUPTION_CONTRAST || how->kind == LKS_CORRUPTION_INVERT;
  if (layout->features && pictures)
    return lks_fail(
        LKS_ERR_USAGE,
        "%s holds 32-bit floating point: contrast and invert are for pixels of bytes; affine and noise are for both",
        input);
  if (!how->split[LKS_SPLIT_TRAIN] && layout->count[LKS_SPLIT_TEST] == 0)
    return lks_fail(LKS_ERR_USAGE, "%s has no test samples to be changed; give --split train", input);
  return check_labels(how, layout->classes, input);
}

static lks_status change(const char *output, lks_dataset_file *file, const lks_corruption *how, bool force)
{
  lks_section section[LKS_SECTIONS];
  const lks_layout *layout = &lks_dataset_file_header(file)->layout;
  char *block = lks_new(lks_layout_sections(section, layout), 1);
  double *deviate = lks_new(lks_layout_width(layout), sizeof *deviate);
  lks_status status = block && deviate ? lks_dataset_file_read(file, block) : LKS_ERR_RANK;
  if (!status) {
    lks_contents contents = lks_contents_in(layout, block);
    contents.class_names = lks_dataset_file_class_names(file);
    for (int split = 0; split < LKS_SPLITS; split++)
      if (how->split[split])
        change_split(block + section[2 * split].offset,
                     (int32_t *)(void *)(block + section[2 * split + 1].offset), layout, how,
                     (lks_split)split, deviate);
    lks_dataset_announce(file);
    status = lks_dataset_write(output, &contents, force);
  }
  lks_free(deviate);
  lks_free(block);
  return status;
}

lks_status lks_corrupt(const char *output, const char *input, const lks_corruption *corruption, bool force)
{
  lks_dataset_file *file = NULL;
  lks_status status = lks_dataset_may_write(output, force);
  if (!status) status = lks_dataset_file_open(&file, input, corruption->names);
  if (!status) status = check(corruption, &lks_dataset_file_header(file)->layout, input);
  if (!status) status = change(output, file, corruption, force);
  lks_dataset_file_close(&file);
  return status;
}
