#include "dataset/import_idx.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/arena.h"
#include "base/file.h"
#include "dataset/dataset_file.h"
#include "dataset/dataset_write.h"

enum { DIMENSIONS_MAX = 4, READ_AT_ONCE = 1 << 28 };

/* gzopen reads plain files as well. */
typedef struct idx {
  const char *path;
  gzFile file;
  size_t file_bytes, dimensions, size[DIMENSIONS_MAX];
} idx;

static lks_status explain(const idx *source)
{
  int code = Z_OK;
  const char *why = gzerror(source->file, &code);
  if (code == Z_ERRNO) return lks_fail(LKS_ERR_IO, "%s: cannot be read: %s", source->path, strerror(errno));
  if (code == Z_OK || code == Z_BUF_ERROR)
    return lks_fail(LKS_ERR_DATA, "%s: is truncated; copy or download it again", source->path);
  return lks_fail(LKS_ERR_DATA, "%s: is damaged (%s); copy or download it again", source->path, why);
}

static lks_status read_bytes(idx *source, void *data, size_t bytes)
{
  for (size_t done = 0; done < bytes;) {
    size_t left = bytes - done;
    int got =
        gzread(source->file, (char *)data + done, (unsigned)(left < READ_AT_ONCE ? left : READ_AT_ONCE));
    if (got <= 0) return explain(source);
    done += (size_t)got;
  }
  return LKS_OK;
}

/* gzip's check sum lies behind the last byte, so this looks for damage too. */
static lks_status expect_end(idx *source)
{
  char byte;
  int got = gzread(source->file, &byte, 1), code = Z_OK;
  gzerror(source->file, &code);
  if (got < 0 || code != Z_OK) return explain(source);
  if (got == 0) return LKS_OK;
  return lks_fail(LKS_ERR_DATA, "%s: has more bytes than its header says; is it the right file?",
                  source->path);
}

/* A header of a small file may not ask for all the memory there is. */
static lks_status check_size(const idx *source)
{
  size_t bytes = 1;
  bool too_many = false;
  for (size_t i = 0; i < source->dimensions; i++)
    too_many |= __builtin_mul_overflow(bytes, source->size[i], &bytes);
  if (!too_many && bytes / LKS_DEFLATE_LIMIT <= source->file_bytes) return LKS_OK;
  return lks_fail(LKS_ERR_DATA, "%s: is truncated: its header says more than it can hold", source->path);
}

static lks_status read_header(idx *source, bool images)
{
  unsigned char word[4];
  lks_status status = read_bytes(source, word, sizeof word);
  if (status) return status;
  source->dimensions = word[3];
  const bool known = !word[0] && !word[1] && word[2] == 8;
  if (!known || (images ? word[3] != 3 && word[3] != 4 : word[3] != 1))
    return lks_fail(LKS_ERR_DATA,
                    "%s: has the magic number 0x%02x%02x%02x%02x and must have %s; is it the right file?",
                    source->path, word[0], word[1], word[2], word[3],
                    images ? "0x00000803 or 0x00000804 (images of bytes)" : "0x00000801 (labels of bytes)");
  for (size_t i = 0; i < source->dimensions; i++) {
    status = read_bytes(source, word, sizeof word);
    if (status) return status;
    source->size[i] = (size_t)word[0] << 24 | (size_t)word[1] << 16 | (size_t)word[2] << 8 | word[3];
  }
  return check_size(source);
}

static lks_status open_idx(idx *source, const char *path, bool images)
{
  int file;
  *source = (idx){.path = path, .size = {1, 1, 1, 1}};
  lks_status status = lks_file_open(&file, &source->file_bytes, path);
  if (status) return status;
  source->file = gzdopen(file, "rb");
  if (!source->file) {
    close(file);
    return lks_fail(LKS_ERR_RANK, "%s: not enough memory to read it", path);
  }
  gzbuffer(source->file, 1 << 18);
  return read_header(source, images);
}

/* sources: train images, train labels, test images, test labels; as the sections of a dataset. */
static lks_status agree(lks_layout *layout, const idx sources[LKS_SECTIONS])
{
  for (int i = 0; i < LKS_SECTIONS; i += 2) {
    if (sources[i].size[0] != sources[i + 1].size[0])
      return lks_fail(LKS_ERR_DATA, "%s has %zu images and %s has %zu labels", sources[i].path,
                      sources[i].size[0], sources[i + 1].path, sources[i + 1].size[0]);
    layout->count[i / 2] = sources[i].size[0];
  }
  const size_t *train = sources[0].size, *test = sources[2].size;
  if (memcmp(train + 1, test + 1, 3 * sizeof *train) != 0)
    return lks_fail(LKS_ERR_DATA, "%s has images of %zu x %zu x %zu and %s of %zu x %zu x %zu",
                    sources[0].path, train[1], train[2], train[3], sources[2].path, test[1], test[2],
                    test[3]);
  layout->shape = (lks_shape){train[1], train[2], train[3]};
  layout->classes = 1; /* until the labels are read */
  return lks_layout_check(layout);
}

static lks_status read_labels(idx *source, int32_t *label, size_t count, size_t *classes)
{
  uint8_t *bytes = lks_new(count, 1);
  if (!bytes) return LKS_ERR_RANK;
  lks_status status = read_bytes(source, bytes, count);
  for (size_t i = 0; i < count && !status; i++) {
    label[i] = bytes[i];
    if (bytes[i] >= *classes) *classes = (size_t)bytes[i] + 1;
  }
  lks_free(bytes);
  return status;
}

static lks_status read_block(char *block, lks_layout *layout, idx sources[LKS_SECTIONS])
{
  lks_section section[LKS_SECTIONS];
  lks_layout_sections(section, layout);
  lks_status status = LKS_OK;
  for (int i = 0; i < LKS_SECTIONS && !status; i++) {
    void *place = block + section[i].offset;
    status = i % 2 ? read_labels(&sources[i], place, layout->count[i / 2], &layout->classes)
                   : read_bytes(&sources[i], place, section[i].bytes);
    if (!status) status = expect_end(&sources[i]);
  }
  return status;
}

static lks_status convert(idx sources[LKS_SECTIONS], const char *output, bool force)
{
  lks_layout layout = {.features = false};
  lks_section section[LKS_SECTIONS];
  lks_status status = agree(&layout, sources);
  if (status) return status;
  char *block = lks_new(lks_layout_sections(section, &layout), 1);
  if (!block) return LKS_ERR_RANK;
  status = read_block(block, &layout, sources);
  const lks_contents contents = lks_contents_in(&layout, block);
  if (!status) status = lks_dataset_write(output, &contents, force);
  lks_free(block);
  return status;
}

lks_status lks_import_idx(const lks_idx_paths *paths, const char *output, bool force)
{
  const char *path[LKS_SECTIONS] = {paths->train_images, paths->train_labels, paths->test_images,
                                    paths->test_labels};
  idx sources[LKS_SECTIONS] = {0};
  lks_status status = lks_dataset_may_write(output, force);
  for (int i = 0; i < LKS_SECTIONS && !status; i++) status = open_idx(&sources[i], path[i], i % 2 == 0);
  if (!status) status = convert(sources, output, force);
  for (int i = 0; i < LKS_SECTIONS; i++)
    if (sources[i].file) gzclose(sources[i].file);
  return status;
}
