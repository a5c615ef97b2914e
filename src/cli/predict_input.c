#include "cli/predict_input.h"

#include <ctype.h>
#include <math.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"

/* "FILE:17" or "FILE:17-20", unless a file has the whole name. Without a range last is SIZE_MAX. */
static lks_status split_range(lks_predict_input *input, size_t *last, const char *text)
{
  input->first = 0;
  *last = SIZE_MAX;
  if (strlen(text) >= sizeof input->path)
    return lks_fail(LKS_ERR_USAGE, "%.100s...: the name is too long", text);
  strcpy(input->path, text);
  char *colon = strrchr(input->path, ':');
  if (colon == NULL || !isdigit((unsigned char)colon[1]) || lks_file_exists(text)) return LKS_OK;
  char *end;
  unsigned long long first = strtoull(colon + 1, &end, 10), until = first;
  if (*end == '-' && isdigit((unsigned char)end[1])) until = strtoull(end + 1, &end, 10);
  if (*end != '\0' || until < first || until >= SIZE_MAX)
    return lks_fail(LKS_ERR_USAGE, "%s: no range of samples; write FILE:17 or FILE:17-20", text);
  *colon = '\0';
  input->first = first;
  *last = until;
  return LKS_OK;
}

static bool shapes_equal(lks_shape a, lks_shape b)
{
  return a.height == b.height && a.width == b.width && a.channels == b.channels;
}

static lks_status open_dataset_all(lks_predict_input *input, lks_comm *comm, size_t last, lks_shape shape)
{
  lks_status status = lks_dataset_open_all(&input->dataset, comm, input->path, NULL);
  if (status) return status;
  lks_shape its = lks_dataset_shape(input->dataset);
  if (!shapes_equal(its, shape))
    return lks_fail(LKS_ERR_DATA, "%s: samples are %zu x %zu x %zu, but the model takes %zu x %zu x %zu",
                    input->path, its.height, its.width, its.channels, shape.height, shape.width,
                    shape.channels);
  lks_samples test = lks_dataset_split(input->dataset, LKS_SPLIT_TEST);
  if (last == SIZE_MAX) last = test.count - 1;
  if (last >= test.count)
    return lks_fail(LKS_ERR_USAGE, "%s: there is no test sample %zu; the last one is %zu", input->path, last,
                    test.count - 1);
  size_t width = shape.height * shape.width * shape.channels, skip = input->first * width;
  input->samples =
      (lks_samples){last - input->first + 1, test.pixels == NULL ? NULL : test.pixels + skip,
                    test.features == NULL ? NULL : test.features + skip, test.label + input->first};
  return LKS_OK;
}

static lks_status decode_png(lks_predict_input *input, png_image *image, lks_shape shape)
{
  if (shape.channels != 1 && shape.channels != 3)
    return lks_fail(LKS_ERR_DATA, "%s: an image has 1 or 3 channels, but the model takes %zu", input->path,
                    shape.channels);
  if (image->height != shape.height || image->width != shape.width)
    return lks_fail(LKS_ERR_DATA,
                    "%s: %u x %u pixels (height x width), but the model takes %zu x %zu; scale the image",
                    input->path, image->height, image->width, shape.height, shape.width);
  image->format = shape.channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  input->memory = lks_new(PNG_IMAGE_SIZE(*image), 1);
  if (input->memory == NULL) return LKS_ERR_RANK;
  const png_color behind_transparency = {0};
  if (png_image_finish_read(image, &behind_transparency, input->memory, 0, NULL) == 0)
    return lks_fail(LKS_ERR_DATA, "%s: %s", input->path, image->message);
  input->samples = (lks_samples){.count = 1, .pixels = input->memory};
  return LKS_OK;
}

static lks_status read_png(lks_predict_input *input, const char *bytes, size_t size, lks_shape shape)
{
  png_image image = {.version = PNG_IMAGE_VERSION};
  lks_status status = LKS_OK;
  if (png_image_begin_read_from_memory(&image, bytes, size) == 0)
    status = lks_fail(LKS_ERR_DATA, "%s: %s", input->path, image.message);
  else
    status = decode_png(input, &image, shape);
  png_image_free(&image);
  return status;
}

/* One line into row[width]; numbers are separated by commas, semicolons or blanks. */
static lks_status read_line(float *row, size_t width, const char *line)
{
  size_t found = 0;
  for (;;) {
    line += strspn(line, " \t\r,;");
    if (*line == '\0') break;
    char *end;
    float value = strtof(line, &end);
    if (end == line || !isfinite(value)) return lks_fail(LKS_ERR_DATA, "'%.30s' is not a number", line);
    if (found < width) row[found] = value;
    found++;
    line = end;
  }
  if (found == width) return LKS_OK;
  return lks_fail(LKS_ERR_DATA, "%zu numbers, but the model takes %zu features", found, width);
}

static lks_status read_numbers(lks_predict_input *input, char *text, lks_shape shape)
{
  if (shape.height != 1 || shape.width != 1)
    return lks_fail(LKS_ERR_DATA, "%s: neither HDF5 nor PNG; the model takes images of %zu x %zu x %zu",
                    input->path, shape.height, shape.width, shape.channels);
  size_t lines = 1;
  for (const char *c = text; *c != '\0'; c++) lines += *c == '\n';
  float *row = input->memory = lks_new(lines * shape.channels, sizeof *row);
  if (row == NULL) return LKS_ERR_RANK;
  size_t number = 0, samples = 0;
  char *rest = text;
  for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
    number++;
    if (line[strspn(line, " \t\r")] == '\0' || line[0] == '#') continue;
    lks_status status = read_line(row + samples++ * shape.channels, shape.channels, line);
    if (status) return lks_fail_in(status, "%s:%zu: ", input->path, number);
  }
  if (samples == 0) return lks_fail(LKS_ERR_DATA, "%s: holds no numbers", input->path);
  input->samples = (lks_samples){.count = samples, .features = row};
  return LKS_OK;
}

static lks_status is_hdf5(bool *yes, const char *path)
{
  static const char signature[8] = "\211HDF\r\n\032\n";
  char start[8];
  int file;
  size_t bytes;
  lks_status status = lks_file_open(&file, &bytes, path);
  if (status) return status;
  *yes = read(file, start, sizeof start) == sizeof start && memcmp(start, signature, sizeof start) == 0;
  close(file);
  return LKS_OK;
}

lks_status lks_predict_input_open_all(lks_predict_input *input, lks_comm *comm, const char *text,
                                      lks_shape shape)
{
  memset(input, 0, sizeof *input);
  size_t last;
  lks_status status = split_range(input, &last, text);
  bool dataset = false;
  if (!status) status = is_hdf5(&dataset, input->path);
  if (status) return status;
  if (dataset) return open_dataset_all(input, comm, last, shape);
  if (last != SIZE_MAX) return lks_fail(LKS_ERR_USAGE, "%s: only a dataset takes a range of samples", text);
  char *bytes;
  size_t size;
  status = lks_file_read(&bytes, &size, input->path);
  if (status) return status;
  bool png = size >= 8 && png_sig_cmp((png_const_bytep)bytes, 0, 8) == 0;
  status = png ? read_png(input, bytes, size, shape) : read_numbers(input, bytes, shape);
  lks_free(bytes);
  return status;
}

void lks_predict_input_close_all(lks_predict_input *input)
{
  lks_dataset_close_all(&input->dataset);
  lks_free(input->memory);
  input->memory = NULL;
}
