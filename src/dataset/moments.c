#include "dataset/moments.h"

#include <math.h>

#include "base/arena.h"

enum { LEVELS = 256 };

struct lks_moments {
  const lks_layout *layout;
  double count;         /* values of a channel */
  int pass;             /* of the values that came last */
  uint64_t *histogram;  /* [channels,256] of pixels: an exact account of their sums */
  double *sum, *square; /* [channels] of f32 values; sum becomes the mean between the passes */
};

lks_status lks_moments_create(lks_moments **moments, const lks_layout *layout)
{
  const size_t channels = layout->shape.channels;
  lks_moments *made = *moments = lks_new(1, sizeof *made);
  if (!made) return LKS_ERR_RANK;
  made->layout = layout;
  made->count = (double)layout->count[LKS_SPLIT_TRAIN] * (double)(layout->shape.height * layout->shape.width);
  if (layout->features) {
    made->sum = lks_new(2 * channels, sizeof *made->sum);
    made->square = made->sum ? made->sum + channels : NULL;
  } else {
    made->histogram = lks_new(channels * LEVELS, sizeof *made->histogram);
  }
  if (made->sum || made->histogram) return LKS_OK;
  lks_moments_destroy(moments);
  return LKS_ERR_RANK;
}

int lks_moments_passes(const lks_layout *layout)
{
  return layout->features ? 2 : 1;
}

static void count_pixels(uint64_t *histogram, const uint8_t *pixel, size_t pixels, size_t channels)
{
  for (size_t i = 0; i < pixels; i++)
    for (size_t c = 0; c < channels; c++) histogram[c * LEVELS + *pixel++]++;
}

static void add_values(lks_moments *moments, int pass, const float *value, size_t pixels, size_t channels)
{
  double *sum = moments->sum, *square = moments->square;
  for (size_t i = 0; i < pixels && pass == 0; i++)
    for (size_t c = 0; c < channels; c++) sum[c] += (double)*value++;
  for (size_t i = 0; i < pixels && pass == 1; i++)
    for (size_t c = 0; c < channels; c++) {
      const double off = (double)*value++ - sum[c];
      square[c] += off * off;
    }
}

void lks_moments_add(lks_moments *moments, int pass, const void *values, size_t samples)
{
  const lks_shape shape = moments->layout->shape;
  const size_t pixels = samples * shape.height * shape.width, channels = shape.channels;
  if (pass != moments->pass)
    for (size_t c = 0; c < channels; c++) moments->sum[c] /= moments->count;
  moments->pass = pass;
  if (moments->histogram)
    count_pixels(moments->histogram, values, pixels, channels);
  else
    add_values(moments, pass, values, pixels, channels);
}

static void finish_pixels(double *mean, double *std, const uint64_t *histogram, double count)
{
  uint64_t sum = 0;
  unsigned __int128 square_sum = 0;
  for (uint64_t value = 0; value < LEVELS; value++) {
    sum += histogram[value] * value;
    square_sum += (unsigned __int128)histogram[value] * (value * value);
  }
  *mean = (double)sum / (255.0 * count);
  *std = sqrt((double)(square_sum * (uint64_t)count - (unsigned __int128)sum * sum)) / (255.0 * count);
}

void lks_moments_finish(double *mean, double *std, const lks_moments *moments)
{
  for (size_t c = 0; c < moments->layout->shape.channels; c++) {
    if (moments->histogram)
      finish_pixels(&mean[c], &std[c], moments->histogram + c * LEVELS, moments->count);
    else {
      mean[c] = moments->sum[c];
      std[c] = sqrt(moments->square[c] / moments->count);
    }
  }
}

void lks_moments_destroy(lks_moments **moments)
{
  if (!*moments) return;
  lks_free((*moments)->histogram);
  lks_free((*moments)->sum);
  lks_free(*moments);
  *moments = NULL;
}
