#include "dataset/contents.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "dataset/content_hash.h"
#include "dataset/moments.h"
#include "model/shape.h"

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

size_t lks_layout_sample_bytes(const lks_layout *layout)
{
  return lks_layout_width(layout) * lks_layout_value_bytes(layout);
}

size_t lks_layout_statistics(const lks_layout *layout)
{
  return layout->shape.channels;
}

bool lks_layout_same(const lks_layout *a, const lks_layout *b)
{
  return lks_shape_same(a->shape, b->shape) && a->features == b->features && a->classes == b->classes &&
         a->count[LKS_SPLIT_TRAIN] == b->count[LKS_SPLIT_TRAIN] &&
         a->count[LKS_SPLIT_TEST] == b->count[LKS_SPLIT_TEST];
}

lks_status lks_layout_check(const lks_layout *layout)
{
  enum { CLASSES_MAX = 1000000 };
  const lks_shape shape = layout->shape;
  if (!layout->count[LKS_SPLIT_TRAIN]) return lks_fail(LKS_ERR_DATA, "it has no training samples");
  for (int split = 0; split < LKS_SPLITS; split++)
    if (layout->count[split] > UINT32_MAX)
      return lks_fail(LKS_ERR_DATA, "%zu %s samples are more than 2^32-1", layout->count[split],
                      lks_split_name((lks_split)split));
  if (layout->classes < 1 || layout->classes > CLASSES_MAX)
    return lks_fail(LKS_ERR_DATA, "classes is %zu and must be 1 to %d", layout->classes, CLASSES_MAX);
  if (!shape.height || !shape.width || !shape.channels)
    return lks_fail(LKS_ERR_DATA, "a sample is %zu x %zu x %zu: it holds nothing", shape.height, shape.width,
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
    section[i].bytes = i % 2 ? count * sizeof(int32_t) : count * lks_layout_sample_bytes(layout);
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

lks_status lks_labels_check(const lks_layout *layout, lks_split split, const int32_t *label, const char *name)
{
  for (size_t i = 0; i < layout->count[split]; i++)
    if (label[i] < 0 || (size_t)label[i] >= layout->classes)
      return lks_fail(LKS_ERR_DATA, "%s[%zu] is %" PRId32 " and must be 0 to %zu (%zu classes)", name, i,
                      label[i], layout->classes - 1, layout->classes);
  return LKS_OK;
}

lks_status lks_features_check(const lks_layout *layout, const float *features, size_t first, size_t count,
                              const char *name)
{
  const size_t width = lks_layout_width(layout);
  for (size_t i = 0; i < count * width; i++)
    if (!isfinite(features[i]))
      return lks_fail(LKS_ERR_DATA, "%s[%zu][%zu] is %f and must be finite", name, first + i / width,
                      i % width, (double)features[i]);
  return LKS_OK;
}

lks_status lks_contents_check(const lks_contents *contents)
{
  static const char *const label_name[] = {"/train/labels", "/test/labels"}, *const feature_name[] = {
                                                                                 "/train/features",
                                                                                 "/test/features"};
  const lks_layout *layout = &contents->layout;
  for (int split = 0; split < LKS_SPLITS; split++) {
    const lks_samples *samples = &contents->split[split];
    lks_status status = lks_labels_check(layout, (lks_split)split, samples->label, label_name[split]);
    if (!status && layout->features)
      status = lks_features_check(layout, samples->features, 0, samples->count, feature_name[split]);
    if (status) return status;
  }
  return LKS_OK;
}

static lks_status hash_split(lks_content_hash *hash, const lks_layout *layout, lks_split split,
                             const int32_t *label, lks_values_function values, void *context)
{
  const size_t count = layout->count[split];
  lks_content_hash_begin_split(hash, split);
  for (size_t first = 0, part = 0; first < count; first += part) {
    const void *data = NULL;
    lks_status status = values(context, &data, &part, split, first);
    if (status) return status;
    lks_content_hash_values(hash, data, part);
  }
  lks_content_hash_labels(hash, label, count);
  return LKS_OK;
}

lks_status lks_contents_hash_of(char text[LKS_HASH_TEXT], const lks_layout *layout,
                                const int32_t *const label[LKS_SPLITS], lks_values_function values,
                                void *context, const double *mean, const double *std)
{
  lks_content_hash *hash = NULL;
  lks_status status = lks_content_hash_create(&hash, layout);
  for (int split = 0; split < LKS_SPLITS && !status; split++)
    status = hash_split(hash, layout, (lks_split)split, label[split], values, context);
  if (!status) lks_content_hash_finish(text, hash, mean, std);
  lks_content_hash_destroy(&hash);
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

lks_status lks_contents_moments(double *mean, double *std, const lks_contents *contents)
{
  const lks_samples *train = &contents->split[LKS_SPLIT_TRAIN];
  lks_moments *moments = NULL;
  lks_status status = lks_moments_create(&moments, &contents->layout);
  if (status) return status;
  const void *values = train->features ? (const void *)train->features : train->pixels;
  for (int pass = 0; pass < lks_moments_passes(&contents->layout); pass++)
    lks_moments_add(moments, pass, values, train->count);
  lks_moments_finish(mean, std, moments);
  lks_moments_destroy(&moments);
  return LKS_OK;
}
