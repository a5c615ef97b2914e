#include "kernels/elementwise.h"

#include "kernels/vector/table.h"

void lks_relu_forward(float *y, const float *x, size_t count)
{
  lks_vector()->elementwise->relu_forward(y, x, count);
}

void lks_relu_backward(float *dx, const float *dy, const float *y, size_t count)
{
  lks_vector()->elementwise->relu_backward(dx, dy, y, count);
}

void lks_sigmoid_forward(float *y, const float *x, size_t count)
{
  lks_vector()->exp->sigmoid_forward(y, x, count);
}

void lks_sigmoid_backward(float *dx, const float *dy, const float *y, size_t count)
{
  lks_vector()->elementwise->sigmoid_backward(dx, dy, y, count);
}

void lks_add_forward(float *y, const float *a, const float *b, size_t count)
{
  lks_vector()->elementwise->add_forward(y, a, b, count);
}

void lks_dropout(float *y, const float *x, double rate, const lks_random_key *key, size_t count)
{
  const uint32_t threshold = (uint32_t)(rate * 0x1p32 + 0.5);
  lks_vector()->elementwise->dropout(y, x, threshold, (float)(1.0 / (1.0 - rate)), key, count);
}

/* count pixels, one after the other in y; in x they are `step` elements apart, channels or -channels */
static void input_pixels(float *y, const uint8_t *x, ptrdiff_t step, const float *scale, const float *offset,
                         size_t count, size_t channels)
{
  for (size_t i = 0; i < count; ++i, y += channels, x += step)
    for (size_t c = 0; c < channels; ++c) y[c] = (float)x[c] * scale[c] + offset[c];
}

static void black_pixels(float *y, const float *offset, size_t count, size_t channels)
{
  for (size_t i = 0; i < count; ++i, y += channels)
    for (size_t c = 0; c < channels; ++c) y[c] = offset[c];
}

/* a column or row of the moved picture, held within 0..limit */
static size_t held(long long position, size_t limit)
{
  if (position < 0) return 0;
  return (size_t)position < limit ? (size_t)position : limit;
}

void lks_input_image(float *y, const uint8_t *x, const float *scale, const float *offset, int shift_y,
                     int shift_x, int flip, size_t height, size_t width, size_t channels)
{
  /* columns begin..end-1 of the moved picture come from inside; mirrored they are width-end..width-begin-1 */
  const size_t begin = held(shift_x, width);
  const size_t end = held((long long)width + shift_x, width);
  const size_t left = flip ? width - end : begin;
  for (size_t row = 0; row < height; ++row, y += width * channels) {
    const long long from = (long long)row - shift_y;
    if (from < 0 || from >= (long long)height || begin == end) {
      black_pixels(y, offset, width, channels);
      continue;
    }
    const size_t first = (flip ? end - 1 : begin) - (size_t)(long long)shift_x;
    const uint8_t *source = x + ((size_t)from * width + first) * channels;
    const ptrdiff_t step = flip ? -(ptrdiff_t)channels : (ptrdiff_t)channels;
    black_pixels(y, offset, left, channels);
    input_pixels(y + left * channels, source, step, scale, offset, end - begin, channels);
    black_pixels(y + (left + end - begin) * channels, offset, width - left - (end - begin), channels);
  }
}

void lks_input_features(float *y, const float *x, const float *scale, const float *offset, size_t count)
{
  lks_vector()->elementwise->input_features(y, x, scale, offset, count);
}
