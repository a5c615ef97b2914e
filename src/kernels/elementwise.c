#include "kernels/elementwise.h"

#include "kernels/vector/table.h"

void lks_relu_forward(void *y, const void *x, size_t count, lks_type type)
{
  lks_vector()->elementwise->relu_forward(y, x, count, type);
}

void lks_relu_backward(void *dx, const void *dy, const void *y, size_t count, lks_type type)
{
  lks_vector()->elementwise->relu_backward(dx, dy, y, count, type);
}

void lks_leaky_relu_forward(void *y, const void *x, float slope, size_t count, lks_type type)
{
  lks_vector()->elementwise->leaky_relu(y, x, x, slope, count, type);
}

void lks_leaky_relu_backward(void *dx, const void *dy, const void *y, float slope, size_t count,
                             lks_type type)
{
  lks_vector()->elementwise->leaky_relu(dx, dy, y, slope, count, type);
}

void lks_sigmoid_forward(void *y, const void *x, size_t count, lks_type type)
{
  lks_vector()->exp->sigmoid_forward(y, x, count, type);
}

void lks_sigmoid_backward(void *dx, const void *dy, const void *y, size_t count, lks_type type)
{
  lks_vector()->elementwise->sigmoid_backward(dx, dy, y, count, type);
}

void lks_gelu_forward(void *y, const void *x, size_t count, lks_type type)
{
  lks_vector()->activation->gelu_forward(y, x, count, type);
}

void lks_gelu_backward(void *dx, const void *dy, const void *x, size_t count, lks_type type)
{
  lks_vector()->activation->gelu_backward(dx, dy, x, count, type);
}

void lks_silu_forward(void *y, const void *x, size_t count, lks_type type)
{
  lks_vector()->activation->silu_forward(y, x, count, type);
}

void lks_silu_backward(void *dx, const void *dy, const void *x, size_t count, lks_type type)
{
  lks_vector()->activation->silu_backward(dx, dy, x, count, type);
}

void lks_tanh_forward(void *y, const void *x, size_t count, lks_type type)
{
  lks_vector()->activation->tanh_forward(y, x, count, type);
}

void lks_tanh_backward(void *dx, const void *dy, const void *y, size_t count, lks_type type)
{
  lks_vector()->elementwise->tanh_backward(dx, dy, y, count, type);
}

void lks_add_forward(void *y, const void *a, const void *b, size_t count, lks_type type)
{
  lks_vector()->elementwise->add_forward(y, a, b, count, type);
}

void lks_dropout(void *y, const void *x, double rate, const lks_random_key *key, size_t count, lks_type type)
{
  const uint32_t threshold = (uint32_t)(rate * 0x1p32 + 0.5);
  lks_vector()->elementwise->dropout(y, x, threshold, (float)(1.0 / (1.0 - rate)), key, count, type);
}

enum { FULL = 16, FEW = 16, PIECE = 1024 }; /* FULL: the most lanes of a vector */

/* Mean and scale of as many elements as make whole vectors, when a pixel has few channels. */
typedef struct pattern {
  const double *mean, *scale;
  size_t channels, period; /* elements */
  bool floats;             /* what pixels are; else bytes */
  lks_type type;           /* what they become */
  double few[2][FULL * FEW];
} pattern;

static void repeat(pattern *p, const double *mean, const double *scale, size_t channels)
{
  p->channels = p->period = channels;
  p->mean = mean;
  p->scale = scale;
  if (channels > FEW) return;
  p->period *= FULL;
  for (size_t i = 0; i < p->period; i += channels)
    for (size_t c = 0; c < channels; c++) {
      p->few[0][i + c] = mean[c];
      p->few[1][i + c] = scale[c];
    }
  p->mean = p->few[0];
  p->scale = p->few[1];
}

static const void *pixel(const void *x, size_t at, const pattern *p)
{
  return p->floats ? (const void *)((const float *)x + at * p->channels)
                   : (const void *)((const uint8_t *)x + at * p->channels);
}

/* From element `at` of y: count pixels of x, one after the other. Returns the element after them. */
static size_t input_pixels(void *y, size_t at, const void *x, const pattern *p, size_t count)
{
  const lks_elementwise_kernels *k = lks_vector()->elementwise;
  (p->floats ? k->input_floats : k->input_bytes)(y, at, x, p->mean, p->scale, p->period, count * p->channels,
                                                 p->type);
  return at + count * p->channels;
}

/* n pixels from the last to the first one. */
static void mirror(float *piece, const void *x, size_t n, const pattern *p)
{
  const size_t channels = p->channels;
  const uint8_t *byte = x;
  const float *number = x;
  for (size_t i = 0; i < n; i++)
    for (size_t c = 0; c < channels; c++) {
      const size_t to = i * channels + c, from = (n - 1 - i) * channels + c;
      if (p->floats)
        piece[to] = number[from];
      else
        ((uint8_t *)piece)[to] = byte[from];
    }
}

static size_t input_mirrored(void *y, size_t at, const void *x, const pattern *p, size_t count)
{
  float piece[PIECE];
  const size_t most = PIECE / p->channels;
  for (size_t done = 0, n; most && done < count; done += n) {
    n = count - done < most ? count - done : most;
    mirror(piece, pixel(x, count - done - n, p), n, p);
    at = input_pixels(y, at, piece, p, n);
  }
  for (size_t i = 0; !most && i < count; i++) /* more channels than a piece has room for */
    at = input_pixels(y, at, pixel(x, count - 1 - i, p), p, 1);
  return at;
}

static size_t black_pixels(void *y, size_t at, const pattern *p, size_t count)
{
  for (size_t i = 0; i < count; i++, at += p->channels)
    for (size_t c = 0; c < p->channels; c++)
      lks_type_store(y, at + c, (float)((0 - p->mean[c]) * p->scale[c]), p->type);
  return at;
}

/* a column or row of the moved picture, held within 0..limit */
static size_t held(long long position, size_t limit)
{
  if (position < 0) return 0;
  return (size_t)position < limit ? (size_t)position : limit;
}

static void input_picture(void *y, const void *x, const pattern *p, int shift_y, int shift_x, int flip,
                          size_t height, size_t width)
{
  if (!shift_y && !shift_x && !flip) {
    input_pixels(y, 0, x, p, height * width);
    return;
  }
  /* columns begin..end-1 of the moved picture come from inside; mirrored they are width-end..width-begin-1 */
  const size_t begin = held(shift_x, width);
  const size_t end = held((long long)width + shift_x, width);
  const size_t left = flip ? width - end : begin;
  for (size_t row = 0, at = 0; row < height; row++) {
    const long long from = (long long)row - shift_y;
    if (from < 0 || from >= (long long)height || begin == end) {
      at = black_pixels(y, at, p, width);
      continue;
    }
    const size_t first = begin - (size_t)(long long)shift_x;
    const void *source = pixel(x, (size_t)from * width + first, p);
    at = black_pixels(y, at, p, left);
    at = (flip ? input_mirrored : input_pixels)(y, at, source, p, end - begin);
    at = black_pixels(y, at, p, width - left - (end - begin));
  }
}

void lks_input_image(void *y, const uint8_t *x, const double *mean, const double *scale, int shift_y,
                     int shift_x, int flip, size_t height, size_t width, size_t channels, lks_type type)
{
  pattern p = {.floats = false, .type = type};
  repeat(&p, mean, scale, channels);
  input_picture(y, x, &p, shift_y, shift_x, flip, height, width);
}

void lks_input_float_image(void *y, const float *x, const double *mean, const double *scale, int shift_y,
                           int shift_x, int flip, size_t height, size_t width, size_t channels, lks_type type)
{
  pattern p = {.floats = true, .type = type};
  repeat(&p, mean, scale, channels);
  input_picture(y, x, &p, shift_y, shift_x, flip, height, width);
}

void lks_input_features(void *y, const float *x, const double *mean, const double *scale, size_t count,
                        lks_type type)
{
  lks_vector()->elementwise->input_floats(y, 0, x, mean, scale, count, count, type);
}

void lks_bf16_of(uint16_t *y, const float *x, size_t count)
{
  lks_vector()->elementwise->bf16_of(y, x, count);
}

void lks_bf16_pairs(uint32_t *y, const float *a, const float *b, size_t count)
{
  lks_vector()->elementwise->bf16_pairs(y, a, b, count);
}
