#include "import/source_folder.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/log.h"
#include "import/picture.h"
#include "import/picture_list.h"

/* The pictures of a class in a part. */
typedef struct class_files {
  char *folder; /* path; NULL: it has none there */
  lks_name_list files;
} class_files;

typedef struct folder {
  lks_folder_options options;
  lks_name_list classes;
  class_files *part[LKS_SPLITS]; /* [classes], or NULL */
  size_t next_class[LKS_SPLITS], next_file[LKS_SPLITS];
  size_t height, width, channels;
  size_t others; /* files that are no pictures */
  unsigned said; /* of changes to pictures */
} folder;

/* PATH/NAME; freed with lks_free. */
static char *join(const char *path, const char *name)
{
  const size_t room = strlen(path) + strlen(name) + 2;
  char *joined = lks_new(room, 1);
  if (joined) snprintf(joined, room, "%s/%s", path, name);
  return joined;
}

static bool is_folder(const char *path)
{
  struct stat about;
  return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

static lks_status list_class(folder *self, class_files *class, const char *part, const char *name)
{
  class->folder = join(part, name);
  if (!class->folder) return LKS_ERR_RANK;
  if (!is_folder(class->folder)) return LKS_OK; /* only the other part has this class */
  lks_status status = lks_name_list_read(&class->files, class->folder, false);
  self->others += lks_name_list_keep_pictures(&class->files);
  return status;
}

static lks_status list_part(lks_source *source, folder *self, lks_split split, const char *path)
{
  size_t count = 0, at = 0;
  class_files *classes = self->part[split] = lks_new(self->classes.count, sizeof *classes);
  lks_status status = classes ? LKS_OK : LKS_ERR_RANK;
  for (size_t k = 0; k < self->classes.count && !status; k++) {
    status = list_class(self, &classes[k], path, self->classes.name[k]);
    count += classes[k].files.count;
  }
  if (status) return status;
  if (!count) return lks_fail(LKS_ERR_DATA, "%s: the folders in it hold no PNG or JPEG file", path);
  int32_t *label = source->label[split] = lks_new(count, sizeof *label);
  if (!label) return LKS_ERR_RANK;
  for (size_t k = 0; k < self->classes.count; k++)
    for (size_t i = 0; i < classes[k].files.count; i++) label[at++] = (int32_t)k;
  source->layout.count[split] = count;
  return LKS_OK;
}

/* The folders for training and testing, if these are what is in it; else NULL for both. */
static lks_status find_parts(char *path[LKS_SPLITS], const char *top)
{
  static const char *const tests[] = {"test", "val", "valid", "validation"};
  path[LKS_SPLIT_TRAIN] = join(top, "train");
  if (!path[LKS_SPLIT_TRAIN]) return LKS_ERR_RANK;
  for (size_t i = 0; i < sizeof tests / sizeof *tests && is_folder(path[LKS_SPLIT_TRAIN]); i++) {
    path[LKS_SPLIT_TEST] = join(top, tests[i]);
    if (!path[LKS_SPLIT_TEST]) return LKS_ERR_RANK;
    if (is_folder(path[LKS_SPLIT_TEST])) return LKS_OK;
    lks_free(path[LKS_SPLIT_TEST]);
    path[LKS_SPLIT_TEST] = NULL;
  }
  lks_free(path[LKS_SPLIT_TRAIN]);
  path[LKS_SPLIT_TRAIN] = NULL;
  return LKS_OK;
}

static lks_status name_classes(lks_source *source, const lks_name_list *classes)
{
  size_t bytes = 0, at = 0;
  for (size_t k = 0; k < classes->count; k++) bytes += strlen(classes->name[k]) + 1;
  char *text = lks_new(bytes, 1);
  if (!text) return LKS_ERR_RANK;
  for (size_t k = 0; k < classes->count; k++) {
    strcpy(text + at, classes->name[k]);
    at += strlen(classes->name[k]) + 1;
  }
  lks_status status = lks_class_names_create(&source->names, text, bytes, classes->count);
  source->layout.classes = classes->count;
  lks_free(text);
  return status;
}

/* What is only for testing would have no class. */
static lks_status check_test_classes(const folder *self, const char *test)
{
  lks_name_list found;
  lks_status status = lks_name_list_read(&found, test, true);
  for (size_t i = 0; i < found.count && !status; i++)
    if (!lks_name_list_has(&self->classes, found.name[i]))
      status =
          lks_fail(LKS_ERR_DATA, "%s/%s: there is no folder of that name for training", test, found.name[i]);
  lks_name_list_clear(&found);
  return status;
}

static lks_status list_all(lks_source *source, folder *self)
{
  char *path[LKS_SPLITS] = {NULL, NULL};
  const char *top = self->options.folder;
  lks_status status = find_parts(path, top);
  const char *train = path[LKS_SPLIT_TRAIN] ? path[LKS_SPLIT_TRAIN] : top;
  if (!status) status = lks_name_list_read(&self->classes, train, true);
  if (!status && !self->classes.count)
    status = lks_fail(LKS_ERR_DATA, "%s: has no folders; pictures are FOLDER/CLASS/PICTURE.png", train);
  if (!status) status = name_classes(source, &self->classes);
  if (!status) status = list_part(source, self, LKS_SPLIT_TRAIN, train);
  if (!status && path[LKS_SPLIT_TEST]) status = check_test_classes(self, path[LKS_SPLIT_TEST]);
  if (!status && path[LKS_SPLIT_TEST]) status = list_part(source, self, LKS_SPLIT_TEST, path[LKS_SPLIT_TEST]);
  lks_free(path[LKS_SPLIT_TRAIN]);
  lks_free(path[LKS_SPLIT_TEST]);
  if (!status && self->others)
    lks_note("%s: %zu files that are no PNG or JPEG by their names are left out", top, self->others);
  return status;
}

/* As the first picture is, where nothing else was said. */
static lks_status fit(folder *self, lks_picture *picture, const char *path)
{
  if (!self->channels) self->channels = picture->channels;
  if (!self->height) {
    self->height = self->options.height ? self->options.height : picture->height;
    self->width = self->options.height ? self->options.width : picture->width;
  }
  if (self->options.height) return lks_picture_resize(picture, self->height, self->width);
  if (picture->height == self->height && picture->width == self->width) return LKS_OK;
  return lks_fail(
      LKS_ERR_DATA,
      "%s: %zu x %zu pixels (height x width), and those before have %zu x %zu; --size HxW scales all", path,
      picture->height, picture->width, self->height, self->width);
}

static lks_status read_picture(folder *self, const char *path, uint8_t *pixels)
{
  lks_picture picture;
  lks_status status =
      lks_picture_read(&picture, path, self->channels ? self->channels : self->options.channels);
  if (!status) lks_picture_say_changes(&self->said, &picture, path);
  if (!status) status = fit(self, &picture, path);
  if (!status && pixels) memcpy(pixels, picture.pixels, self->height * self->width * self->channels);
  lks_picture_clear(&picture);
  return status;
}

/* The next file of a part, and on to the one behind it; freed with lks_free. */
static char *next_path(folder *self, lks_split split)
{
  size_t *class = &self->next_class[split], *file = &self->next_file[split];
  while (*file == self->part[split][*class].files.count) {
    ++*class;
    *file = 0;
  }
  const class_files *from = &self->part[split][*class];
  return join(from->folder, from->files.name[(*file)++]);
}

static lks_status next_picture(folder *self, lks_split split, uint8_t *pixels)
{
  char *path = next_path(self, split);
  lks_status status = path ? read_picture(self, path, pixels) : LKS_ERR_RANK;
  lks_free(path);
  return status;
}

static lks_status next(void *context, lks_split split, size_t first, void *values, size_t samples)
{
  folder *self = context;
  const size_t width = self->height * self->width * self->channels;
  lks_status status = LKS_OK;
  (void)first;
  for (size_t i = 0; i < samples && !status; i++)
    status = next_picture(self, split, (uint8_t *)values + i * width);
  return status;
}

static lks_status rewind_folder(void *context)
{
  folder *self = context;
  memset(self->next_class, 0, sizeof self->next_class);
  memset(self->next_file, 0, sizeof self->next_file);
  return LKS_OK;
}

static void destroy(void *context)
{
  folder *self = context;
  for (int split = 0; split < LKS_SPLITS; split++) {
    for (size_t k = 0; k < self->classes.count && self->part[split]; k++) {
      lks_free(self->part[split][k].folder);
      lks_name_list_clear(&self->part[split][k].files);
    }
    lks_free(self->part[split]);
  }
  lks_name_list_clear(&self->classes);
  lks_free(self);
}

lks_status lks_source_folder_open(lks_source **source, const lks_folder_options *options)
{
  static const lks_source_methods methods = {next, rewind_folder, destroy};
  *source = NULL;
  folder *self = lks_new(1, sizeof *self);
  lks_status status = self ? lks_source_create(source, &methods, self) : LKS_ERR_RANK;
  if (status) return status;
  (*source)->path = options->folder;
  self->options = *options;
  status = list_all(*source, self);
  if (!status) status = next_picture(self, LKS_SPLIT_TRAIN, NULL);
  if (!status) status = rewind_folder(self);
  (*source)->layout.shape = (lks_shape){self->height, self->width, self->channels};
  if (status) lks_source_destroy(source);
  return status;
}
