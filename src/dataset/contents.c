#include "dataset/contents.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <xxhash.h>

#include "base/arena.h"

const char *lks_split_name(lks_split split)
{
  return split == LKS_SPLIT_TRAIN ? "train" : "test";
}

size_t lks_layout_width(const lks_layout *layout)
{
  return layout->shape.height * layout->shape.width * layout->shape.channels;
}

size_t lks_layout_value_bytes(const lks_layout *layout)
{
  return layout->features ? sizeof(float) : sizeof(uint8_t);
}

size_t lks_layout_statistics(const lks_layout *layout)
{
  return layout->shape.channels;
}

lks_status lks_layout_check(const lks_layout *layout)
{
  enum { CLASSES_MAX = 1000000 };
  const lks_shape shape = layout->shape;
  for (int split = 0; split < LKS_SPLITS; split++) {
    if (!layout->count[split]) return lks_fail(LKS_ERR_DATA, "it has no %s samples", lks_split_name(split));
    if (layout->count[split] > UINT32_MAX)
      return lks_fail(LKS_ERR_DATA, "%zu %s samples are more than 2^32-1", layout->count[split],
                      lks_split_name(split));
  }
  if (layout->classes < 1 || layout->classes > CLASSES_MAX)
    return lks_fail(LKS_ERR_DATA, "classes is %zu and must be 1 to %d", layout->classes, CLASSES_MAX);
  if (!shape.height || !shape.width || !shape.channels)
    return lks_fail(LKS_ERR_DATA, "a sample is %zu x %zu x %zu: it holds nothing", shape.height, shape.width,
                    shape.channels);
  if (layout->features && (shape.height != 1 || shape.width != 1))
    return lks_fail(LKS_ERR_DATA, "features are 1 x 1 x D, not %zu x %zu x %zu", shape.height, shape.width,
                    shape.channels);
  size_t bytes = sizeof(float) * 4; /* of value and label, with room for alignment and sums */
  if (__builtin_mul_overflow(bytes, shape.height, &bytes) ||
      __builtin_mul_overflow(bytes, shape.width, &bytes) ||
      __builtin_mul_overflow(bytes, shape.channels, &bytes) ||
      __builtin_mul_overflow(bytes, layout->count[LKS_SPLIT_TRAIN] + layout->count[LKS_SPLIT_TEST], &bytes))
    return lks_fail(LKS_ERR_DATA, "its shape holds more bytes than there can be");
  return LKS_OK;
}

size_t lks_layout_sections(lks_section section[LKS_SECTIONS], const lks_layout *layout)
{
  size_t end = 0;
  for (int i = 0; i < LKS_SECTIONS; i++) {
    size_t count = layout->count[i / 2];
    section[i].offset = end;
    section[i].bytes =
        i % 2 ? count * sizeof(int32_t) : count * lks_layout_width(layout) * lks_layout_value_bytes(layout);
    end += (section[i].bytes + 63) / 64 * 64;
  }
  return end;
}

lks_contents lks_contents_in(const lks_layout *layout, const void *block)
{
  lks_section section[LKS_SECTIONS];
  lks_layout_sections(section, layout);
  lks_contents contents = {.layout = *layout};
  for (int split = 0; split < LKS_SPLITS; split++) {
    const void *values = (const char *)block + section[2 * split].offset;
    contents.split[split] = (lks_samples){
        .count = layout->count[split],
        .pixels = layout->features ? NULL : values,
        .features = layout->features ? values : NULL,
        .label = (const int32_t *)((const char *)block + section[2 * split + 1].offset),
    };
  }
  return contents;
}

lks_status lks_labels_check(const lks_layout *layout, lks_split split, const int32_t *label)
{
  for (size_t i = 0; i < layout->count[split]; i++)
    if (label[i] < 0 || (size_t)label[i] >= layout->classes)
      return lks_fail(LKS_ERR_DATA, "/%s/labels[%zu] is %" PRId32 " and must be 0 to %zu (%zu classes)",
                      lks_split_name(split), i, label[i], layout->classes - 1, layout->classes);
  return LKS_OK;
}

lks_status lks_features_check(const lks_layout *layout, lks_split split, const float *features, size_t first,
                              size_t count)
{
  const size_t width = lks_layout_width(layout);
  for (size_t i = 0; i < count * width; i++)
    if (!isfinite(features[i]))
      return lks_fail(LKS_ERR_DATA, "/%s/features[%zu][%zu] is %f and must be finite", lks_split_name(split),
                      first + i / width, i % width, (double)features[i]);
  return LKS_OK;
}

lks_status lks_contents_check(const lks_contents *contents)
{
  const lks_layout *layout = &contents->layout;
  for (int split = 0; split < LKS_SPLITS; split++) {
    const lks_samples *samples = &contents->split[split];
    lks_status status = lks_labels_check(layout, (lks_split)split, samples->label);
    if (!status && layout->features)
      status = lks_features_check(layout, (lks_split)split, samples->features, 0, samples->count);
    if (status) return status;
  }
  return LKS_OK;
}

static lks_status hash_split(XXH3_state_t *state, const lks_layout *layout, lks_split split,
                             const int32_t *label, lks_values_function values, void *context)
{
  char line[128];
  const lks_shape shape = layout->shape;
  const size_t count = layout->count[split];
  int length = layout->features ? snprintf(line, sizeof line, "f32 %zu %zu\n", count, shape.channels)
                                : snprintf(line, sizeof line, "u8 %zu %zu %zu %zu\n", count, shape.height,
                                           shape.width, shape.channels);
  XXH3_128bits_update(state, line, (size_t)length);
  for (size_t first = 0, part = 0; first < count; first += part) {
    const void *data = NULL;
    lks_status status = values(context, &data, &part, split, first);
    if (status) return status;
    XXH3_128bits_update(state, data, part * lks_layout_width(layout) * lks_layout_value_bytes(layout));
  }
  XXH3_128bits_update(state, label, count * sizeof *label);
  return LKS_OK;
}

lks_status lks_contents_hash_of(char hash[LKS_HASH_TEXT], const lks_layout *layout,
                                const int32_t *const label[LKS_SPLITS], lks_values_function values,
                                void *context, const double *mean, const double *std)
{
  const size_t bytes = lks_layout_statistics(layout) * sizeof(double);
  char line[64];
  XXH3_state_t *state = XXH3_createState();
  if (!state) return lks_fail(LKS_ERR_RANK, "no memory is left to hash a dataset");
  XXH3_128bits_reset(state);
  lks_status status = LKS_OK;
  for (int split = 0; split < LKS_SPLITS && !status; split++)
    status = hash_split(state, layout, (lks_split)split, label[split], values, context);
  XXH3_128bits_update(state, line, (size_t)snprintf(line, sizeof line, "classes %zu\n", layout->classes));
  XXH3_128bits_update(state, mean, bytes);
  XXH3_128bits_update(state, std, bytes);
  XXH128_hash_t digest = XXH3_128bits_digest(state);
  snprintf(hash, LKS_HASH_TEXT, "%016" PRIx64 "%016" PRIx64, digest.high64, digest.low64);
  XXH3_freeState(state);
  return status;
}

/* All of a split at once. */
static lks_status values_in_memory(void *context, const void **values, size_t *count, lks_split split,
                                   size_t first)
{
  const lks_samples *samples = &((const lks_contents *)context)->split[split];
  *values = samples->features ? (const void *)samples->features : samples->pixels;
  *count = samples->count - first;
  return LKS_OK;
}

lks_status lks_contents_hash(char hash[LKS_HASH_TEXT], const lks_contents *contents, const double *mean,
                             const double *std)
{
  const int32_t *const label[LKS_SPLITS] = {contents->split[0].label, contents->split[1].label};
  return lks_contents_hash_of(hash, &contents->layout, label, values_in_memory, (void *)contents, mean, std);
}

/* A histogram of each channel is an exact account of its sums. */
static lks_status pixel_moments(double *mean, double *std, const lks_samples *samples,
                                const lks_layout *layout)
{
  const size_t channels = layout->shape.channels,
               n = samples->count * layout->shape.height * layout->shape.width;
  uint64_t *histogram = lks_new(channels * 256, sizeof *histogram);
  if (!histogram) return LKS_ERR_RANK;
  const uint8_t *pixel = samples->pixels;
  for (size_t i = 0; i < n; i++)
    for (size_t c = 0; c < channels; c++) histogram[c * 256 + *pixel++]++;
  for (size_t c = 0; c < channels; c++) {
    uint64_t sum = 0;
    unsigned __int128 square_sum = 0;
    for (uint64_t value = 0; value < 256; value++) {
      sum += histogram[c * 256 + value] * value;
      square_sum += (unsigned __int128)histogram[c * 256 + value] * (value * value);
    }
    mean[c] = (double)sum / (255.0 * (double)n);
    std[c] = sqrt((double)(square_sum * n - (unsigned __int128)sum * sum)) / (255.0 * (double)n);
  }
  lks_free(histogram);
  return LKS_OK;
}

static void feature_moments(double *mean, double *std, const lks_samples *samples, size_t width)
{
  const double n = (double)samples->count;
  for (size_t d = 0; d < width; d++) mean[d] = std[d] = 0;
  for (size_t i = 0; i < samples->count; i++)
    for (size_t d = 0; d < width; d++) mean[d] += (double)samples->features[i * width + d];
  for (size_t d = 0; d < width; d++) mean[d] /= n;
  for (size_t i = 0; i < samples->count; i++)
    for (size_t d = 0; d < width; d++) {
      double off = (double)samples->features[i * width + d] - mean[d];
      std[d] += off * off;
    }
  for (size_t d = 0; d < width; d++) std[d] = sqrt(std[d] / n);
}

lks_status lks_contents_moments(double *mean, double *std, const lks_contents *contents)
{
  const lks_samples *train = &contents->split[LKS_SPLIT_TRAIN];
  if (!contents->layout.features) return pixel_moments(mean, std, train, &contents->layout);
  feature_moments(mean, std, train, lks_layout_width(&contents->layout));
  return LKS_OK;
}
