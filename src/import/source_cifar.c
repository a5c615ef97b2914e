#include "import/source_cifar.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/csv.h"
#include "base/file.h"
#include "dataset/channels.h"
#include "import/packed_file.h"

enum { FILES_MAX = 64, PATH_ROOM = 1100, BATCHES = 5 };

typedef struct cifar {
  lks_shape shape;
  size_t labels, which;     /* bytes before the pixels; the one that counts */
  char *path[FILES_MAX];    /* of train, and then of test; owned */
  size_t files[LKS_SPLITS]; /* how many of each */
  lks_packed_file *file;    /* the one that is being read */
  size_t current;           /* its number */
  unsigned char *record;    /* [labels + pixels] */
} cifar;

static size_t pixels_of(const cifar *self)
{
  return self->shape.height * self->shape.width * self->shape.channels;
}

static lks_status add_path(cifar *self, lks_split split, const char *folder, const char *name)
{
  const size_t number = self->files[LKS_SPLIT_TRAIN] + self->files[LKS_SPLIT_TEST];
  if (number == FILES_MAX) return lks_fail(LKS_ERR_USAGE, "more than %d files; join some", FILES_MAX);
  const size_t room = strlen(folder) + strlen(name) + 2;
  char *path = self->path[number] = lks_new(room, 1);
  if (!path) return LKS_ERR_RANK;
  snprintf(path, room, "%s%s%s", folder, folder[0] ? "/" : "", name);
  self->files[split]++;
  return LKS_OK;
}

/* Adds a file of the folder, if it is there. */
static lks_status add_found(cifar *self, lks_split split, const char *folder, const char *name)
{
  char path[PATH_ROOM];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return lks_file_exists(path) ? add_path(self, split, folder, name) : LKS_OK;
}

static lks_status find_files(cifar *self, const char *folder, bool hundred)
{
  lks_status status = hundred ? add_found(self, LKS_SPLIT_TRAIN, folder, "train.bin") : LKS_OK;
  for (int i = 1; i <= BATCHES && !hundred && !status; i++) {
    char name[32];
    snprintf(name, sizeof name, "data_batch_%d.bin", i);
    status = add_found(self, LKS_SPLIT_TRAIN, folder, name);
  }
  if (!status && !self->files[LKS_SPLIT_TRAIN])
    status = lks_fail(
        LKS_ERR_USAGE,
        "the folder %.500s has no %s: name the folder with the unpacked binary version, or its files", folder,
        hundred ? "train.bin" : "data_batch_1.bin");
  if (status) return status;
  return add_found(self, LKS_SPLIT_TEST, folder, hundred ? "test.bin" : "test_batch.bin");
}

static bool is_folder(const char *path)
{
  struct stat about;
  return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

static lks_status list_files(cifar *self, const lks_cifar_options *options)
{
  lks_status status = LKS_OK;
  if (options->trains == 1 && is_folder(options->train[0]))
    status = find_files(self, options->train[0], options->hundred);
  else
    for (size_t i = 0; i < options->trains && !status; i++)
      status = add_path(self, LKS_SPLIT_TRAIN, "", options->train[i]);
  if (status || !options->test) return status;
  if (self->files[LKS_SPLIT_TEST])
    return lks_fail(LKS_ERR_USAGE,
                    "the folder has a test part already: leave --test away, or name the files");
  return add_path(self, LKS_SPLIT_TEST, "", options->test);
}

static lks_status open_file(cifar *self, size_t number)
{
  lks_packed_close(&self->file);
  self->current = number;
  return lks_packed_open(&self->file, self->path[number]);
}

/* The next record of the file; *there false at its end. */
static lks_status read_record(cifar *self, bool *there)
{
  size_t got;
  const size_t bytes = self->labels + pixels_of(self);
  lks_status status = lks_packed_read(self->file, self->record, bytes, &got);
  *there = got == bytes;
  if (status || *there || got == 0) return status;
  return lks_fail(
      LKS_ERR_DATA,
      "%s: its last record has %zu of %zu bytes: it is truncated, or its samples are not %zu x %zu x %zu with %zu label%s",
      lks_packed_path(self->file), got, bytes, self->shape.height, self->shape.width, self->shape.channels,
      self->labels, self->labels == 1 ? "" : "s");
}

static lks_status read_labels(lks_source *source, cifar *self, lks_split split, size_t number)
{
  bool there = true;
  size_t *count = &source->layout.count[split], before = *count;
  lks_status status = open_file(self, number);
  while (!status) {
    status = read_record(self, &there);
    if (status || !there) break;
    status = lks_csv_grow(&source->label[split], *count, sizeof(int32_t));
    if (status) break;
    const int32_t label = self->record[self->which];
    source->label[split][(*count)++] = label;
    if ((size_t)label >= source->layout.classes) source->layout.classes = (size_t)label + 1;
  }
  if (!status && *count == before)
    status = lks_fail(LKS_ERR_DATA, "%s: is empty", lks_packed_path(self->file));
  return status;
}

static lks_status read_all_labels(lks_source *source, cifar *self)
{
  lks_status status = LKS_OK;
  for (size_t i = 0; i < self->files[LKS_SPLIT_TRAIN] + self->files[LKS_SPLIT_TEST] && !status; i++)
    status =
        read_labels(source, self, i < self->files[LKS_SPLIT_TRAIN] ? LKS_SPLIT_TRAIN : LKS_SPLIT_TEST, i);
  return status;
}

/* One behind the other with their zeros, of lines that are not empty; *count out. */
static size_t join_lines(char *text, size_t *count)
{
  char *to = text, *rest = text;
  *count = 0;
  for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
    line[strcspn(line, "\r")] = '\0';
    const size_t length = strlen(line);
    if (!length) continue;
    memmove(to, line, length + 1);
    to += length + 1;
    ++*count;
  }
  return (size_t)(to - text);
}

static lks_status read_names(lks_source *source, const char *folder, const char *name)
{
  char path[PATH_ROOM], *text;
  size_t bytes, count;
  snprintf(path, sizeof path, "%s/%s", folder, name);
  if (!lks_file_exists(path)) return LKS_OK;
  lks_status status = lks_file_read(&text, &bytes, path);
  if (status) return status;
  bytes = join_lines(text, &count);
  if (count < source->layout.classes)
    status = lks_fail(LKS_ERR_DATA, "%s: has %zu names, and there are %zu classes", path, count,
                      source->layout.classes);
  if (!status) status = lks_class_names_create(&source->names, text, bytes, count);
  if (!status) source->layout.classes = count;
  lks_free(text);
  return status;
}

static lks_status next(void *context, lks_split split, size_t first, void *values, size_t samples)
{
  cifar *self = context;
  lks_status status = LKS_OK;
  (void)split;
  (void)first;
  for (size_t i = 0; i < samples && !status;) {
    bool there = false;
    if (self->file) status = read_record(self, &there);
    if (there)
      lks_channels_last((uint8_t *)values + i++ * pixels_of(self), self->record + self->labels, self->shape,
                        1);
    if (status || there) continue;
    if (self->current + 1 == self->files[LKS_SPLIT_TRAIN] + self->files[LKS_SPLIT_TEST])
      return lks_fail(LKS_ERR_DATA, "%s: has become shorter while it is read", lks_packed_path(self->file));
    status = open_file(self, self->current + 1);
  }
  return status;
}

static lks_status rewind_files(void *self)
{
  return open_file(self, 0);
}

static void destroy(void *context)
{
  cifar *self = context;
  for (size_t i = 0; i < FILES_MAX; i++) lks_free(self->path[i]);
  lks_packed_close(&self->file);
  lks_free(self->record);
  lks_free(self);
}

static lks_status open_all(lks_source *source, cifar *self, const lks_cifar_options *options)
{
  const char *names = !options->hundred ? "batches.meta.txt"
                      : options->coarse ? "coarse_label_names.txt"
                                        : "fine_label_names.txt";
  self->shape = options->shape.channels ? options->shape : (lks_shape){32, 32, 3};
  self->labels = options->hundred ? 2 : 1;
  self->which = options->hundred && !options->coarse;
  source->layout.shape = self->shape;
  self->record = lks_new(self->labels + pixels_of(self), 1);
  lks_status status = self->record ? list_files(self, options) : LKS_ERR_RANK;
  if (!status) status = read_all_labels(source, self);
  if (!status && options->trains == 1 && is_folder(options->train[0]))
    status = read_names(source, options->train[0], names);
  return status ? status : rewind_files(self);
}

lks_status lks_source_cifar_open(lks_source **source, const lks_cifar_options *options)
{
  static const lks_source_methods methods = {next, rewind_files, destroy};
  *source = NULL;
  cifar *self = lks_new(1, sizeof *self);
  lks_status status = self ? lks_source_create(source, &methods, self) : LKS_ERR_RANK;
  if (status) return status;
  (*source)->path = options->train[0];
  status = open_all(*source, self, options);
  if (status) lks_source_destroy(source);
  return status;
}
