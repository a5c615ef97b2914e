#include "import/source_npz.h"

#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "dataset/channels.h"
#include "import/array_shape.h"
#include "import/npy_labels.h"
#include "import/npz_names.h"

enum { PART_BYTES = 1 << 20 };

/* One of the four arrays. */
typedef struct array {
  lks_packed_file *file;
  lks_npy about;
  bool channels_first;
} array;

typedef struct npz {
  array array[LKS_SECTIONS];
  lks_shape shape;
  bool features;
  bool rounded; /* said already */
  char *part;   /* numbers as they are in the file: [part_samples,width] */
  char *sample; /* one, to be turned */
  size_t part_samples, width;
} npz;

static const char *name_of(const array *from)
{
  return lks_packed_path(from->file);
}

/* Rows of one array, a part of them at a time. */
static size_t rows_at_once(const array *from, size_t width)
{
  const size_t row = width * from->about.type.bytes;
  return row < PART_BYTES ? PART_BYTES / row : 1;
}

static lks_status read_all_labels(lks_source *source, npz *self)
{
  lks_status status = LKS_OK;
  for (int split = 0; split < LKS_SPLITS && self->array[2 * split].file && !status; split++) {
    array *labels = &self->array[2 * split + 1];
    status = lks_npy_labels_check(labels->file, &labels->about, self->array[2 * split].about.size[0]);
    if (status) break;
    source->layout.count[split] = labels->about.size[0];
    source->label[split] = lks_new(labels->about.size[0], sizeof(int32_t));
    status = source->label[split]
                 ? lks_npy_labels(source->label[split], &source->layout.classes, labels->file, &labels->about)
                 : LKS_ERR_RANK;
    lks_packed_close(&labels->file);
  }
  return status;
}

/* Bytes of images are pixels, and so are those that --shape makes an image of. */
static bool are_pixels(const array *from, lks_shape shape)
{
  const bool image = from->about.rank > 2 || shape.height > 1 || shape.width > 1;
  return image && from->about.type.kind == 'u' && from->about.type.bytes == 1;
}

static lks_status shape_samples(npz *self, const lks_npz_options *options)
{
  for (int i = 0; i < LKS_SECTIONS && self->array[i].file; i += 2) {
    array *samples = &self->array[i];
    const lks_npy *about = &samples->about;
    lks_array_shape found;
    lks_status status = lks_array_shape_of(&found, about->size, about->rank, options->names->layout,
                                           options->shape, name_of(samples), about->what);
    if (status) return status;
    const bool features = !are_pixels(samples, found.shape);
    samples->channels_first = found.channels_first;
    if (i > 0 && (memcmp(&found.shape, &self->shape, sizeof found.shape) != 0 || features != self->features))
      return lks_fail(LKS_ERR_DATA,
                      "%s is %s and %s is %s: samples for training and for testing must be alike",
                      name_of(&self->array[0]), self->array[0].about.what, name_of(samples), about->what);
    self->shape = found.shape;
    self->features = features;
  }
  return LKS_OK;
}

static lks_status make_room(npz *self)
{
  size_t most = 0;
  self->width = self->shape.height * self->shape.width * self->shape.channels;
  if (!self->width) return LKS_OK; /* lks_layout_check tells */
  self->part_samples = SIZE_MAX;
  for (int i = 0; i < LKS_SECTIONS && self->array[i].file; i += 2) {
    const size_t rows = rows_at_once(&self->array[i], self->width), bytes = self->array[i].about.type.bytes;
    if (rows < self->part_samples) self->part_samples = rows;
    if (bytes > most) most = bytes;
  }
  self->part = lks_new(self->part_samples, self->width * most);
  self->sample = lks_new(self->width, sizeof(float));
  return self->part && self->sample ? LKS_OK : LKS_ERR_RANK;
}

/* From channels first, a sample at a time. */
static void turn(npz *self, char *to, size_t samples, size_t value_bytes)
{
  const size_t bytes = self->width * value_bytes;
  for (size_t i = 0; i < samples; i++, to += bytes) {
    memcpy(self->sample, to, bytes);
    lks_channels_last(to, self->sample, self->shape, value_bytes);
  }
}

/* Samples of the part, as the source gives them. */
static void convert(npz *self, const array *from, void *to, size_t samples)
{
  const size_t values = samples * self->width;
  bool exact = true;
  if (self->features)
    exact = lks_numbers_to_float(to, self->part, values, from->about.type);
  else
    memcpy(to, self->part, values);
  if (!exact && !self->rounded)
    lks_note("%s: %s is rounded to 32 bits of floating point; said once", name_of(from), from->about.what);
  self->rounded |= !exact;
  if (from->channels_first) turn(self, to, samples, self->features ? sizeof(float) : 1);
}

static lks_status next(void *context, lks_split split, size_t first, void *values, size_t samples)
{
  npz *self = context;
  array *from = &self->array[2 * split];
  const size_t row = self->width * from->about.type.bytes,
               value_bytes = self->features ? sizeof(float) : sizeof(uint8_t);
  lks_status status = LKS_OK;
  for (size_t done = 0, now = 0; done < samples && !status; done += now) {
    now = samples - done < self->part_samples ? samples - done : self->part_samples;
    status = lks_packed_read_fully(from->file, self->part, now * row);
    if (!status) convert(self, from, (char *)values + done * self->width * value_bytes, now);
  }
  return status || first + samples < from->about.size[0] ? status : lks_packed_expect_end(from->file);
}

static lks_status rewind_arrays(void *context)
{
  npz *self = context;
  lks_status status = LKS_OK;
  for (int i = 0; i < LKS_SECTIONS && !status; i += 2)
    if (self->array[i].file) status = lks_packed_seek(self->array[i].file, self->array[i].about.start);
  return status;
}

static void destroy(void *context)
{
  npz *self = context;
  for (int i = 0; i < LKS_SECTIONS; i++) lks_packed_close(&self->array[i].file);
  lks_free(self->part);
  lks_free(self->sample);
  lks_free(self);
}

static lks_status open_members(npz *self, const lks_npz_options *options)
{
  long member[LKS_SECTIONS];
  lks_member_names members;
  lks_status status = lks_packed_members(&members, options->archive);
  if (!status) status = lks_npz_find(member, &members, options->archive, options->names);
  lks_free(members.name);
  for (int i = 0; i < LKS_SECTIONS && !status; i++)
    if (member[i] != LKS_NPZ_NONE)
      status = lks_packed_open_member(&self->array[i].file, options->archive, (size_t)member[i]);
  return status;
}

static lks_status open_files(npz *self, const lks_npz_options *options)
{
  lks_status status = LKS_OK;
  for (int i = 0; i < LKS_SECTIONS && options->file[i] && !status; i++)
    status = lks_packed_open(&self->array[i].file, options->file[i]);
  return status;
}

static lks_status open_all(lks_source *source, npz *self, const lks_npz_options *options)
{
  lks_status status = options->archive ? open_members(self, options) : open_files(self, options);
  for (int i = 0; i < LKS_SECTIONS && !status; i++)
    if (self->array[i].file) status = lks_npy_open(&self->array[i].about, self->array[i].file);
  if (!status) status = shape_samples(self, options);
  if (!status) status = read_all_labels(source, self);
  if (!status) status = make_room(self);
  source->layout.shape = self->shape;
  source->layout.features = self->features;
  return status;
}

lks_status lks_source_npz_open(lks_source **source, const lks_npz_options *options)
{
  static const lks_source_methods methods = {next, rewind_arrays, destroy};
  *source = NULL;
  npz *self = lks_new(1, sizeof *self);
  lks_status status = self ? lks_source_create(source, &methods, self) : LKS_ERR_RANK;
  if (status) return status;
  (*source)->path = options->archive ? options->archive : options->file[0];
  status = open_all(*source, self, options);
  if (status) lks_source_destroy(source);
  return status;
}
