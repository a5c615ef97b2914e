#include "format_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zip.h>

#include "picture_file.h"

enum { PATH_ROOM = 512, PATHS = 8 };

char lks_format_folder[] = "/tmp/lockstep-test-XXXXXX";

int lks_format_folder_make(void **state)
{
  (void)state;
  return mkdtemp(lks_format_folder) ? 0 : -1;
}

int lks_format_folder_remove(void **state)
{
  char command[96];
  (void)state;
  snprintf(command, sizeof command, "rm -rf %s", lks_format_folder);
  return system(command);
}

char *lks_format_path(const char *name)
{
  static char path[PATHS][128];
  static int next;
  char *to = path[next++ % PATHS];
  snprintf(to, sizeof path[0], "%s/%s", lks_format_folder, name);
  return to;
}

bool lks_put_file(const char *folder, const char *name, const void *bytes, size_t count)
{
  char path[PATH_ROOM];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *out = fopen(path, "wb");
  if (!out) return false;
  const bool ok = fwrite(bytes, 1, count, out) == count;
  return fclose(out) == 0 && ok;
}

static bool make_folder(const char *folder, const char *name)
{
  char path[PATH_ROOM];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return mkdir(path, 0777) == 0 || errno == EEXIST;
}

static size_t width_of(const lks_contents *contents)
{
  const lks_shape shape = contents->layout.shape;
  return shape.height * shape.width * shape.channels;
}

static bool put_idx(const char *folder, const char *name, int type, size_t rank, const size_t *size,
                    const void *bytes, size_t count)
{
  unsigned char *file = calloc(1, 4 + 4 * rank + count);
  if (!file) return false;
  file[2] = (unsigned char)type;
  file[3] = (unsigned char)rank;
  for (size_t i = 0; i < rank; i++)
    for (size_t b = 0; b < 4; b++) file[4 + 4 * i + b] = (unsigned char)(size[i] >> (24 - 8 * b));
  memcpy(file + 4 + 4 * rank, bytes, count);
  const bool ok = lks_put_file(folder, name, file, 4 + 4 * rank + count);
  free(file);
  return ok;
}

/* Training labels in a byte, those for testing in four. */
static bool put_idx_split(const char *folder, const lks_contents *contents, int split)
{
  const lks_samples *samples = &contents->split[split];
  const lks_shape shape = contents->layout.shape;
  const size_t size[] = {samples->count, shape.height, shape.width, shape.channels}, bytes = split ? 4 : 1;
  unsigned char *labels = calloc(samples->count, bytes);
  char images[32], name[32];
  snprintf(images, sizeof images, "%s-images", split ? "test" : "train");
  snprintf(name, sizeof name, "%s-labels", split ? "test" : "train");
  if (!labels) return false;
  for (size_t i = 0; i < samples->count; i++)
    labels[i * bytes + bytes - 1] = (unsigned char)samples->label[i];
  const bool ok = put_idx(folder, images, 8, shape.channels == 1 ? 3 : 4, size, samples->pixels,
                          samples->count * width_of(contents)) &&
                  put_idx(folder, name, split ? 0x0c : 8, 1, size, labels, samples->count * bytes);
  free(labels);
  return ok;
}

static bool put_csv(const char *folder, const lks_contents *contents, int split)
{
  char path[PATH_ROOM];
  const lks_samples *samples = &contents->split[split];
  const size_t width = width_of(contents);
  snprintf(path, sizeof path, "%s/%s.csv", folder, split ? "test" : "train");
  FILE *out = fopen(path, "w");
  if (!out) return false;
  fputs("label", out);
  for (size_t d = 0; d < width; d++) fprintf(out, ",\"pixel %zu\"", d);
  for (size_t i = 0; i < samples->count; i++) {
    fprintf(out, "\n%d", samples->label[i]);
    for (size_t d = 0; d < width; d++) fprintf(out, ",%u", samples->pixels[i * width + d]);
  }
  fputs("\n", out);
  return fclose(out) == 0;
}

void *lks_make_npy(size_t *bytes, const char *type, size_t rank, const size_t *size, const void *numbers,
                   size_t number_bytes)
{
  char header[256];
  size_t count = number_bytes;
  int at = snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (", type);
  for (size_t i = 0; i < rank; i++) {
    at += snprintf(header + at, sizeof header - (size_t)at, "%zu, ", size[i]);
    count *= size[i];
  }
  at += snprintf(header + at, sizeof header - (size_t)at, "), }");
  while ((10 + at + 1) % 64) header[at++] = ' ';
  header[at++] = '\n';
  char *file = malloc(10 + (size_t)at + count);
  if (!file) return NULL;
  memcpy(file, "\x93NUMPY\1\0", 8);
  file[8] = (char)at;
  file[9] = (char)(at >> 8);
  memcpy(file + 10, header, (size_t)at);
  memcpy(file + 10 + at, numbers, count);
  *bytes = 10 + (size_t)at + count;
  return file;
}

/* A member of the archive, and the same as a file; bytes is freed by the archive. */
static bool put_npy(zip_t *archive, const char *folder, const char *name, void *bytes, size_t count)
{
  if (!bytes || !lks_put_file(folder, name, bytes, count)) return false;
  zip_source_t *source = zip_source_buffer(archive, bytes, count, 1);
  return source && zip_file_add(archive, name, source, 0) >= 0;
}

static bool put_npz(const char *folder, const lks_contents *contents)
{
  static const char *const name[] = {"x_train.npy", "y_train.npy", "x_test.npy", "y_test.npy"};
  char path[PATH_ROOM];
  const lks_shape shape = contents->layout.shape;
  snprintf(path, sizeof path, "%s/data.npz", folder);
  zip_t *archive = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, NULL);
  bool ok = archive != NULL;
  for (int split = 0; split < 2 && ok; split++) {
    const lks_samples *samples = &contents->split[split];
    const size_t size[] = {samples->count, shape.height, shape.width, shape.channels};
    size_t images = 0, labels = 0;
    void *x = lks_make_npy(&images, "|u1", 4, size, samples->pixels, 1),
         *y = lks_make_npy(&labels, "<i4", 1, size, samples->label, 4);
    ok = put_npy(archive, folder, name[2 * split], x, images) &&
         put_npy(archive, folder, name[2 * split + 1], y, labels);
  }
  return archive && zip_close(archive) == 0 && ok;
}

static bool put_records(const char *folder, const char *name, const lks_contents *contents, int split,
                        size_t first, size_t count)
{
  const lks_samples *samples = &contents->split[split];
  const size_t width = width_of(contents), channels = contents->layout.shape.channels,
               pixels = width / channels;
  unsigned char *file = malloc(count * (1 + width));
  if (!file) return false;
  for (size_t i = 0; i < count; i++) {
    unsigned char *record = file + i * (1 + width);
    record[0] = (unsigned char)samples->label[first + i];
    for (size_t d = 0; d < width; d++)
      record[1 + d % channels * pixels + d / channels] = samples->pixels[(first + i) * width + d];
  }
  const bool ok = lks_put_file(folder, name, file, count * (1 + width));
  free(file);
  return ok;
}

static bool put_picture(const char *folder, const lks_contents *contents, int split, size_t i)
{
  char path[PATH_ROOM];
  uint16_t values[4096];
  const lks_shape shape = contents->layout.shape;
  const lks_samples *samples = &contents->split[split];
  const size_t width = width_of(contents);
  snprintf(path, sizeof path, "%s/pictures/%s/%d", folder, split ? "test" : "train", samples->label[i]);
  mkdir(path, 0777);
  snprintf(path, sizeof path, "%s/pictures/%s/%d/%05zu.png", folder, split ? "test" : "train",
           samples->label[i], i);
  if (width > sizeof values / sizeof *values) return false;
  for (size_t d = 0; d < width; d++) values[d] = samples->pixels[i * width + d];
  lks_picture_file file = lks_make_png(shape.height, shape.width, (int)shape.channels, 8, false, values);
  const bool ok = lks_picture_file_put(path, &file);
  free(file.bytes);
  return ok;
}

bool lks_make_format_files(const char *folder, const lks_contents *contents)
{
  const size_t train = contents->split[0].count, half = train / 2;
  bool ok = make_folder(folder, "cifar") && make_folder(folder, "pictures") &&
            make_folder(folder, "pictures/train") && make_folder(folder, "pictures/test") &&
            put_npz(folder, contents) &&
            put_records(folder, "cifar/data_batch_1.bin", contents, 0, 0, half) &&
            put_records(folder, "cifar/data_batch_2.bin", contents, 0, half, train - half) &&
            put_records(folder, "cifar/test_batch.bin", contents, 1, 0, contents->split[1].count);
  for (int split = 0; split < 2 && ok; split++) {
    ok = put_idx_split(folder, contents, split) && put_csv(folder, contents, split);
    for (size_t i = 0; i < contents->split[split].count && ok; i++)
      ok = put_picture(folder, contents, split, i);
  }
  return ok;
}
