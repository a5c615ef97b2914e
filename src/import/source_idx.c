#include "import/source_idx.h"

#include <inttypes.h>
#include <string.h>

#include "base/arena.h"
#include "import/packed_file.h"

enum { DIMENSIONS_MAX = 4, LABELS_AT_ONCE = 4096, LABEL_MOST = 1000000 - 1 };

/* One of the four files. */
typedef struct idx {
  lks_packed_file *file;
  unsigned char type;
  size_t dimensions, size[DIMENSIONS_MAX], header_bytes;
} idx;

/* In the order of the sections of a dataset. */
typedef struct idx_files {
  idx file[LKS_SECTIONS];
} idx_files;

enum { UNSIGNED_BYTE = 0x08, SIGNED_BYTE = 0x09, SHORT = 0x0b, INT = 0x0c };

static size_t bytes_of(unsigned char type)
{
  return type == SHORT ? 2 : type == INT ? 4 : 1;
}

static bool is_for(const unsigned char magic[4], bool images)
{
  const unsigned char type = magic[2];
  if (magic[0] || magic[1]) return false;
  if (images) return type == UNSIGNED_BYTE && (magic[3] == 3 || magic[3] == 4);
  return (type == UNSIGNED_BYTE || type == SIGNED_BYTE || type == SHORT || type == INT) && magic[3] == 1;
}

static lks_status check_size(const idx *source)
{
  size_t bytes = bytes_of(source->type);
  bool too_many = false;
  for (size_t i = 0; i < source->dimensions; i++)
    too_many |= __builtin_mul_overflow(bytes, source->size[i], &bytes);
  return lks_packed_check_size(source->file, too_many ? SIZE_MAX : bytes);
}

static lks_status read_header(idx *source, bool images)
{
  unsigned char word[4];
  lks_status status = lks_packed_read_fully(source->file, word, sizeof word);
  if (status) return status;
  source->type = word[2];
  source->dimensions = word[3];
  if (!is_for(word, images))
    return lks_fail(LKS_ERR_DATA,
                    "%s: has the magic number 0x%02x%02x%02x%02x and must have %s; is it the right file?",
                    lks_packed_path(source->file), word[0], word[1], word[2], word[3],
                    images ? "0x00000803 or 0x00000804 (images of bytes)"
                           : "0x00000801 (labels of bytes), or 0x00000b01 or 0x00000c01 (of 2 or 4 bytes)");
  source->header_bytes = 4 + 4 * source->dimensions;
  for (size_t i = 0; i < source->dimensions; i++) {
    status = lks_packed_read_fully(source->file, word, sizeof word);
    if (status) return status;
    source->size[i] = (size_t)word[0] << 24 | (size_t)word[1] << 16 | (size_t)word[2] << 8 | word[3];
  }
  return check_size(source);
}

static lks_status open_file(idx *source, const char *path, bool images)
{
  for (size_t i = 0; i < DIMENSIONS_MAX; i++) source->size[i] = 1;
  lks_status status = lks_packed_open(&source->file, path);
  return status ? status : read_header(source, images);
}

/* Big-endian, of 1, 2 or 4 bytes. */
static int32_t label_at(const unsigned char *at, unsigned char type)
{
  switch (type) {
  case SIGNED_BYTE: return (int8_t)at[0];
  case SHORT: return (int16_t)(at[0] << 8 | at[1]);
  case INT: return (int32_t)((uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]);
  default: return at[0];
  }
}

static lks_status check_label(const idx *source, int32_t label, size_t number)
{
  if (label >= 0 && label <= LABEL_MOST) return LKS_OK;
  return lks_fail(LKS_ERR_DATA, "%s: label %zu is %" PRId32 " and must be 0 to %d",
                  lks_packed_path(source->file), number, label, LABEL_MOST);
}

static lks_status read_labels(idx *source, int32_t *label, size_t *classes)
{
  unsigned char part[LABELS_AT_ONCE * 4];
  const size_t count = source->size[0], bytes = bytes_of(source->type);
  lks_status status = LKS_OK;
  for (size_t first = 0, now = 0; first < count && !status; first += now) {
    now = count - first < LABELS_AT_ONCE ? count - first : LABELS_AT_ONCE;
    status = lks_packed_read_fully(source->file, part, now * bytes);
    for (size_t i = 0; i < now && !status; i++) {
      const int32_t read = label[first + i] = label_at(part + i * bytes, source->type);
      status = check_label(source, read, first + i);
      if (!status && (size_t)read >= *classes) *classes = (size_t)read + 1;
    }
  }
  return status ? status : lks_packed_expect_end(source->file);
}

/* Of each split that there is: as many labels as images, and images like those of train. */
static lks_status agree(lks_layout *layout, const idx_files *files)
{
  const idx *train = &files->file[0];
  for (int i = 0; i < LKS_SECTIONS && files->file[i].file; i += 2) {
    const idx *images = &files->file[i], *labels = images + 1;
    if (images->size[0] != labels->size[0])
      return lks_fail(LKS_ERR_DATA, "%s has %zu images and %s has %zu labels", lks_packed_path(images->file),
                      images->size[0], lks_packed_path(labels->file), labels->size[0]);
    if (memcmp(train->size + 1, images->size + 1, 3 * sizeof *train->size) != 0)
      return lks_fail(LKS_ERR_DATA, "%s has images of %zu x %zu x %zu and %s of %zu x %zu x %zu",
                      lks_packed_path(train->file), train->size[1], train->size[2], train->size[3],
                      lks_packed_path(images->file), images->size[1], images->size[2], images->size[3]);
    layout->count[i / 2] = images->size[0];
  }
  layout->shape = (lks_shape){train->size[1], train->size[2], train->size[3]};
  layout->classes = 1; /* until the labels are read */
  return lks_layout_check(layout);
}

static lks_status next(void *self, lks_split split, size_t first, void *values, size_t samples)
{
  idx *images = &((idx_files *)self)->file[2 * split];
  const size_t row = images->size[1] * images->size[2] * images->size[3];
  lks_status status = lks_packed_read_fully(images->file, values, samples * row);
  return status || first + samples < images->size[0] ? status : lks_packed_expect_end(images->file);
}

static lks_status rewind_images(void *self)
{
  lks_status status = LKS_OK;
  for (int i = 0; i < LKS_SECTIONS && !status; i += 2) {
    idx *images = &((idx_files *)self)->file[i];
    if (images->file) status = lks_packed_seek(images->file, images->header_bytes);
  }
  return status;
}

static void destroy(void *self)
{
  for (int i = 0; i < LKS_SECTIONS; i++) lks_packed_close(&((idx_files *)self)->file[i].file);
  lks_free(self);
}

static lks_status read_all_labels(lks_source *source, idx_files *files)
{
  lks_status status = LKS_OK;
  for (int split = 0; split < LKS_SPLITS && !status; split++) {
    idx *labels = &files->file[2 * split + 1];
    if (!labels->file) continue;
    source->label[split] = lks_new(labels->size[0], sizeof(int32_t));
    status = source->label[split] ? read_labels(labels, source->label[split], &source->layout.classes)
                                  : LKS_ERR_RANK;
    lks_packed_close(&labels->file);
  }
  return status;
}

lks_status lks_source_idx_open(lks_source **source, const lks_idx_paths *paths)
{
  static const lks_source_methods methods = {next, rewind_images, destroy};
  const char *path[LKS_SECTIONS] = {paths->train_images, paths->train_labels, paths->test_images,
                                    paths->test_labels};
  *source = NULL;
  idx_files *files = lks_new(1, sizeof *files);
  lks_status status = files ? lks_source_create(source, &methods, files) : LKS_ERR_RANK;
  if (status) return status;
  (*source)->path = paths->train_images;
  for (int i = 0; i < LKS_SECTIONS && path[i] && !status; i++)
    status = open_file(&files->file[i], path[i], i % 2 == 0);
  if (!status) status = agree(&(*source)->layout, files);
  if (!status) status = read_all_labels(*source, files);
  if (status) lks_source_destroy(source);
  return status;
}
