#include "dataset/contact_sheet.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/integers.h"
#include "base/png_write.h"
#include "dataset/dataset_load.h"

enum { TILE = 64 /* pixels that a picture is enlarged to at most */, FRAME = 3, GAP = 3 };
enum { COLUMNS = 16, CLASSES_MAX = 20, ROWS = 8 /* of all classes together, at least */ };

typedef struct canvas {
  uint8_t *rgb; /* [height,width,3] */
  size_t height, width, scale, step_y, step_x;
} canvas;

static void fill(canvas *c, size_t top, size_t left, size_t height, size_t width, uint32_t rgb)
{
  for (size_t y = top; y < top + height; y++)
    for (size_t x = left; x < left + width; x++)
      for (size_t k = 0; k < 3; k++) c->rgb[(y * c->width + x) * 3 + k] = (uint8_t)(rgb >> (16 - 8 * k));
}

static void put_tile(canvas *c, const lks_contact_sheet *sheet, size_t i)
{
  const lks_shape s = sheet->shape;
  const size_t top = GAP + i / sheet->columns * c->step_y, left = GAP + i % sheet->columns * c->step_x;
  const uint8_t *from = sheet->pixels + (size_t)sheet->sample[i] * s.height * s.width * s.channels;
  fill(c, top, left, c->step_y - GAP, c->step_x - GAP, sheet->frame ? sheet->frame[i] : 0xffffff);
  for (size_t p = 0; p < s.height * s.width; p++, from += s.channels) {
    const uint32_t red = from[0], green = from[s.channels == 3], blue = from[s.channels == 3 ? 2 : 0];
    fill(c, top + FRAME + p / s.width * c->scale, left + FRAME + p % s.width * c->scale, c->scale, c->scale,
         red << 16 | green << 8 | blue);
  }
}

lks_status lks_contact_sheet_write(const char *path, const lks_contact_sheet *sheet)
{
  const lks_shape s = sheet->shape;
  if (s.channels != 1 && s.channels != 3)
    return lks_fail(LKS_ERR_USAGE, "%s: pictures of %zu channels cannot be shown; 1 and 3 can", path,
                    s.channels);
  canvas c = {.scale = lks_max(1, TILE / lks_max(s.height, s.width))};
  c.step_y = s.height * c.scale + 2 * FRAME + GAP;
  c.step_x = s.width * c.scale + 2 * FRAME + GAP;
  c.height = lks_divide_up(sheet->count, sheet->columns) * c.step_y + GAP;
  c.width = sheet->columns * c.step_x + GAP;
  c.rgb = lks_new(c.height * c.width, 3);
  if (!c.rgb) return LKS_ERR_RANK;
  memset(c.rgb, 0xff, c.height * c.width * 3);
  for (size_t i = 0; i < sheet->count; i++)
    if (sheet->sample[i] != UINT32_MAX) put_tile(&c, sheet, i);
  lks_status status = lks_png_write(path, c.rgb, c.height, c.width);
  lks_free(c.rgb);
  return status;
}

/* What is shown as black and as white. */
static void find_range(double range[2], const float *value, size_t count)
{
  double least = INFINITY, most = -INFINITY;
  for (size_t i = 0; i < count; i++) {
    const double v = (double)value[i]; /* gcc 12 for aarch64 crashes on fmin and fmax here */
    if (v < least) least = v;
    if (v > most) most = v;
  }
  const bool natural = least >= 0 && most <= 255;
  range[0] = natural ? 0 : least;
  range[1] = natural ? (most <= 1 ? 1 : 255) : most;
}

static uint8_t *bytes_of(const float *value, size_t count)
{
  double range[2];
  uint8_t *bytes = lks_new(count, 1);
  find_range(range, value, count);
  const double scale = range[1] > range[0] ? 255 / (range[1] - range[0]) : 0;
  for (size_t i = 0; bytes && i < count; i++)
    bytes[i] = (uint8_t)(scale * ((double)value[i] - range[0]) + 0.5);
  return bytes;
}

static lks_status write_classes(const char *path, const uint8_t *pixels, const lks_contents *contents,
                                lks_split split)
{
  const lks_samples *samples = &contents->split[split];
  const size_t classes = lks_min(contents->layout.classes, CLASSES_MAX);
  const size_t places = lks_divide_up(ROWS, classes) * COLUMNS; /* of a class */
  size_t taken[CLASSES_MAX] = {0};
  uint32_t *sample = lks_new(classes * places, sizeof *sample);
  if (!sample) return LKS_ERR_RANK;
  for (size_t i = 0; i < classes * places; i++) sample[i] = UINT32_MAX;
  for (size_t i = 0; i < samples->count; i++) {
    const size_t label = (size_t)samples->label[i];
    if (label < classes && taken[label] < places) sample[label * places + taken[label]++] = (uint32_t)i;
  }
  const lks_contact_sheet sheet = {pixels, contents->layout.shape, sample, classes * places, COLUMNS, NULL};
  lks_status status = lks_contact_sheet_write(path, &sheet);
  lks_free(sample);
  return status;
}

lks_status lks_contact_sheet_of_classes(const char *path, const lks_contents *contents, lks_split split)
{
  const lks_samples *samples = &contents->split[split];
  const lks_shape shape = contents->layout.shape;
  if (contents->layout.features && shape.height * shape.width == 1)
    return lks_fail(LKS_ERR_USAGE, "%s: features cannot be shown as pictures", path);
  if (samples->count == 0)
    return lks_fail(LKS_ERR_USAGE, "%s: there are no %s samples to be shown; give --split train", path,
                    lks_split_name(split));
  if (samples->pixels) return write_classes(path, samples->pixels, contents, split);
  uint8_t *bytes = bytes_of(samples->features, samples->count * lks_layout_width(&contents->layout));
  if (!bytes) return LKS_ERR_RANK;
  lks_status status = write_classes(path, bytes, contents, split);
  lks_free(bytes);
  return status;
}

lks_status lks_contact_sheet_of_file(const char *path, const char *data, const lks_dataset_names *names,
                                     lks_split split)
{
  lks_contents contents;
  void *block = NULL;
  lks_status status = lks_dataset_load(&block, &contents, data, names);
  if (!status) status = lks_contact_sheet_of_classes(path, &contents, split);
  lks_free(block);
  return status;
}
