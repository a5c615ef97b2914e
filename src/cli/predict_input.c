#include "cli/predict_input.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/log.h"
#include "import/picture.h"
#include "model/shape.h"

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

static lks_status open_dataset_all(lks_predict_input *input, lks_comm *comm, size_t last,
                                   const lks_predict_need *need)
{
  const lks_shape shape = need->shape;
  const lks_dataset_options options = {.names = *need->names};
  lks_status status = lks_dataset_open_all(&input->dataset, comm, input->path, &options);
  if (status) return status;
  lks_shape its = lks_dataset_shape(input->dataset);
  if (!lks_shape_same(its, shape))
    return lks_fail(LKS_ERR_DATA, "%s: samples are %zu x %zu x %zu, but the model takes %zu x %zu x %zu",
                    input->path, its.height, its.width, its.channels, shape.height, shape.width,
                    shape.channels);
  lks_samples test = lks_dataset_split(input->dataset, LKS_SPLIT_TEST);
  if (test.count == 0) return lks_fail(LKS_ERR_DATA, "%s has no test samples", input->path);
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

void lks_predict_take(lks_predict_input *input, float *values, size_t count, const lks_predict_need *need)
{
  const lks_shape shape = need->shape;
  const size_t all = count * shape.height * shape.width * shape.channels;
  bool bytes = shape.height * shape.width > 1;
  for (size_t i = 0; i < all && bytes; i++)
    bytes = values[i] >= 0 && values[i] <= 255 && values[i] == (float)(int)values[i];
  input->samples = (lks_samples){.count = count, .features = values};
  if (!bytes && shape.height * shape.width > 1)
    lks_warn(
        "%s: not whole numbers from 0 to 255, so these are no pixels: right for a network that was trained on f32 images",
        input->path);
  if (!bytes) return;
  uint8_t *pixels = (uint8_t *)values; /* each is behind its float */
  for (size_t i = 0; i < all; i++) pixels[i] = (uint8_t)values[i];
  input->samples = (lks_samples){.count = count, .pixels = pixels};
}

static lks_status read_text(lks_predict_input *input, const lks_predict_need *need)
{
  char *text;
  size_t bytes;
  lks_status status = lks_file_read(&text, &bytes, input->path);
  if (status) return status;
  status =
      strlen(text) == bytes
          ? lks_predict_table(input, need, text)
          : lks_fail(
                LKS_ERR_DATA,
                "%s: neither HDF5, PNG, JPEG, an .npy file nor text with a sample a line; `lockstep import` takes more formats",
                input->path);
  lks_free(text);
  return status;
}

/* HDF5 looks for its signature at the beginning, and at 512 bytes and each double of it: before it is what a user likes. */
static bool has_hdf5(int file, size_t bytes)
{
  char found[8];
  for (size_t at = 0; at < bytes; at = at ? 2 * at : 512)
    if (pread(file, found, sizeof found, (off_t)at) == (ssize_t)sizeof found &&
        memcmp(found, "\211HDF\r\n\032\n", sizeof found) == 0)
      return true;
  return false;
}

/* start [8] out: how a file begins; zeros where it is shorter */
static lks_status read_start(char start[8], bool *hdf5, const char *path)
{
  int file;
  size_t bytes;
  memset(start, 0, 8);
  lks_status status = lks_file_open(&file, &bytes, path);
  if (status) return status;
  const bool read_ok = pread(file, start, 8, 0) >= 0;
  *hdf5 = has_hdf5(file, bytes);
  close(file);
  return read_ok ? LKS_OK : lks_fail(LKS_ERR_IO, "%s: %m", path);
}

lks_status lks_predict_input_open_all(lks_predict_input *input, lks_comm *comm, const char *text,
                                      const lks_predict_need *need)
{
  memset(input, 0, sizeof *input);
  size_t last;
  char start[8];
  bool hdf5 = false;
  lks_status status = split_range(input, &last, text);
  if (!status) status = read_start(start, &hdf5, input->path);
  if (status) return status;
  if (hdf5) return open_dataset_all(input, comm, last, need);
  if (last != SIZE_MAX) return lks_fail(LKS_ERR_USAGE, "%s: only a dataset takes a range of samples", text);
  if (lks_picture_begins(start, sizeof start)) return lks_predict_picture(input, need);
  if (memcmp(start, "\223NUMPY", 6) == 0) return lks_predict_array(input, need);
  return read_text(input, need);
}

void lks_predict_input_close_all(lks_predict_input *input)
{
  lks_dataset_close_all(&input->dataset);
  lks_free(input->memory);
  input->memory = NULL;
}
