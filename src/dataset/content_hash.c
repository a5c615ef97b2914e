#include "dataset/content_hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <xxhash.h>

#include "base/arena.h"

struct lks_content_hash {
  const lks_layout *layout;
  XXH3_state_t *state;
};

lks_status lks_content_hash_create(lks_content_hash **hash, const lks_layout *layout)
{
  lks_content_hash *made = *hash = lks_new(1, sizeof *made);
  if (!made) return LKS_ERR_RANK;
  made->layout = layout;
  made->state = XXH3_createState();
  if (!made->state) {
    lks_content_hash_destroy(hash);
    return lks_fail(LKS_ERR_RANK, "no memory is left to hash a dataset");
  }
  XXH3_128bits_reset(made->state);
  return LKS_OK;
}

void lks_content_hash_begin_split(lks_content_hash *hash, lks_split split)
{
  char line[128];
  const lks_shape shape = hash->layout->shape;
  const size_t count = hash->layout->count[split];
  const bool flat = shape.height == 1 && shape.width == 1;
  const int length =
      hash->layout->features && flat
          ? snprintf(line, sizeof line, "f32 %zu %zu\n", count, shape.channels)
          : snprintf(line, sizeof line, "%s %zu %zu %zu %zu\n", hash->layout->features ? "f32" : "u8", count,
                     shape.height, shape.width, shape.channels);
  XXH3_128bits_update(hash->state, line, (size_t)length);
}

void lks_content_hash_values(lks_content_hash *hash, const void *values, size_t samples)
{
  const size_t bytes = lks_layout_sample_bytes(hash->layout);
  XXH3_128bits_update(hash->state, values, samples * bytes);
}

void lks_content_hash_labels(lks_content_hash *hash, const int32_t *label, size_t count)
{
  XXH3_128bits_update(hash->state, label, count * sizeof *label);
}

void lks_content_hash_finish(char text[LKS_HASH_TEXT], lks_content_hash *hash, const double *mean,
                             const double *std)
{
  const size_t bytes = lks_layout_statistics(hash->layout) * sizeof(double);
  char line[64];
  XXH3_128bits_update(hash->state, line,
                      (size_t)snprintf(line, sizeof line, "classes %zu\n", hash->layout->classes));
  XXH3_128bits_update(hash->state, mean, bytes);
  XXH3_128bits_update(hash->state, std, bytes);
  const XXH128_hash_t digest = XXH3_128bits_digest(hash->state);
  snprintf(text, LKS_HASH_TEXT, "%016" PRIx64 "%016" PRIx64, digest.high64, digest.low64);
}

void lks_content_hash_destroy(lks_content_hash **hash)
{
  if (!*hash) return;
  XXH3_freeState((*hash)->state);
  lks_free(*hash);
  *hash = NULL;
}
