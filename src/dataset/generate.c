#include "dataset/generate.h"

#include "base/arena.h"
#include "base/random.h"
#include "dataset/dataset_write.h"

enum { PATTERN = 0, NOISE = 1 }; /* "layers" of the purpose: they share no random bits */

/* Byte i of a random string. */
static unsigned byte_at(uint32_t words[4], const lks_random_key *key, size_t i)
{
  if (i % 16 == 0) lks_random_words(words, key, (uint32_t)(i / 16));
  return words[i / 4 % 4] >> (8 * (i % 4)) & 255;
}

/* value in 0..255*256: the pattern of the class mixed with the sample's noise, in whole numbers. */
static void fill_sample(void *values, const lks_generate_options *options, size_t width, size_t label,
                        uint32_t number)
{
  const lks_random_key pattern =
      lks_random_key_make(options->seed, LKS_RANDOM_GENERATE, PATTERN, 0, (uint32_t)label);
  const lks_random_key noise = lks_random_key_make(options->seed, LKS_RANDOM_GENERATE, NOISE, 0, number);
  uint32_t pattern_words[4], noise_words[4];
  for (size_t i = 0; i < width; i++) {
    unsigned mixed = byte_at(pattern_words, &pattern, i) * (256 - options->noise) +
                     byte_at(noise_words, &noise, i) * options->noise;
    if (options->features)
      ((float *)values)[i] = ((float)mixed - 32640.0f) / 16384.0f;
    else
      ((uint8_t *)values)[i] = (uint8_t)(mixed >> 8);
  }
}

static void fill(char *block, const lks_layout *layout, const lks_generate_options *options)
{
  lks_section section[LKS_SECTIONS];
  lks_layout_sections(section, layout);
  const size_t width = lks_layout_width(layout), bytes = width * lks_layout_value_bytes(layout);
  for (int split = 0; split < LKS_SPLITS; split++) {
    int32_t *label = (int32_t *)(block + section[2 * split + 1].offset);
    for (size_t i = 0; i < layout->count[split]; i++) {
      label[i] = (int32_t)(i % layout->classes);
      fill_sample(block + section[2 * split].offset + i * bytes, options, width, i % layout->classes,
                  (uint32_t)(split ? layout->count[0] + i : i));
    }
  }
}

lks_status lks_generate(const char *path, const lks_generate_options *options, bool force)
{
  const lks_layout layout = {
      options->shape, options->features, options->classes, {options->train, options->test}};
  lks_status status = lks_dataset_may_write(path, force);
  if (!status) status = lks_layout_check(&layout);
  if (!status && options->noise > 256)
    status = lks_fail(LKS_ERR_USAGE, "noise is %u and must be 0 to 256", options->noise);
  if (status) return status;
  lks_section section[LKS_SECTIONS];
  char *block = lks_new(lks_layout_sections(section, &layout), 1);
  if (!block) return LKS_ERR_RANK;
  fill(block, &layout, options);
  const lks_contents contents = lks_contents_in(&layout, block);
  status = lks_dataset_write(path, &contents, force);
  lks_free(block);
  return status;
}
