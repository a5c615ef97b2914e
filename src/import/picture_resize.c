#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "import/picture.h"

/* Weights are whole numbers of 2^22 in all, so that 2^22 * 255 fits into 32 bits with room for rounding. */
enum { WEIGHT_BITS = 22 };

/* Which old pixels of a line make up a new one. */
typedef struct reach {
  size_t first, count;
  const int32_t *weight; /* [count] */
} reach;

/* One axis: the reach of each new pixel. */
typedef struct axis {
  size_t count, most; /* new pixels, and old ones that one of them reaches */
  reach *reach;
  int32_t *weight; /* [count,most] */
} axis;

static double triangle(double x)
{
  x = fabs(x);
  return x < 1 ? 1 - x : 0;
}

static void weigh(reach *to, int32_t *weight, double *share, double centre, double width, size_t old)
{
  const double low = centre - width + 0.5, high = centre + width + 0.5;
  double sum = 0;
  to->first = low < 0 ? 0 : (size_t)low;
  to->count = (high > (double)old ? old : (size_t)high) - to->first;
  to->weight = weight;
  for (size_t i = 0; i < to->count; i++)
    sum += share[i] = triangle(((double)(to->first + i) - centre + 0.5) / width);
  for (size_t i = 0; i < to->count; i++) weight[i] = (int32_t)(share[i] / sum * (1 << WEIGHT_BITS) + 0.5);
}

static lks_status axis_create(axis *made, size_t old, size_t count)
{
  const double step = (double)old / (double)count, width = step > 1 ? step : 1;
  const size_t most = (size_t)(2 * width) + 3;
  *made = (axis){.count = count, .most = most};
  double *share = lks_new(most, sizeof *share);
  made->reach = lks_new(count, sizeof *made->reach);
  made->weight = lks_new(count * most, sizeof *made->weight);
  const bool ok = share && made->reach && made->weight;
  for (size_t i = 0; i < count && ok; i++)
    weigh(&made->reach[i], made->weight + i * most, share, ((double)i + 0.5) * step, width, old);
  lks_free(share);
  return ok ? LKS_OK : LKS_ERR_RANK;
}

static void axis_clear(axis *made)
{
  lks_free(made->reach);
  lks_free(made->weight);
}

/* A new pixel of old ones that lie `stride` bytes apart. */
static uint8_t weighted(const uint8_t *old, size_t stride, const reach *from)
{
  int32_t sum = 1 << (WEIGHT_BITS - 1);
  for (size_t i = 0; i < from->count; i++) sum += from->weight[i] * (int32_t)old[(from->first + i) * stride];
  sum >>= WEIGHT_BITS;
  return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

/* old [lines,length,stride] -> new [lines,count,stride], along the middle one. */
static void scale_lines(uint8_t *new, const uint8_t *old, const axis *along, size_t lines, size_t length,
                        size_t stride)
{
  for (size_t line = 0; line < lines; line++, old += length * stride)
    for (size_t i = 0; i < along->count; i++)
      for (size_t s = 0; s < stride; s++) *new ++ = weighted(old + s, stride, &along->reach[i]);
}

static lks_status scale(lks_picture *picture, const axis *rows, const axis *columns)
{
  const size_t channels = picture->channels;
  uint8_t *narrow = lks_new(picture->height * columns->count, channels),
          *small = lks_new(rows->count * columns->count, channels);
  const bool ok = narrow && small;
  if (ok) {
    scale_lines(narrow, picture->pixels, columns, picture->height, picture->width, channels);
    scale_lines(small, narrow, rows, 1, picture->height, columns->count * channels);
    lks_free(picture->pixels);
    picture->pixels = small;
    picture->height = rows->count;
    picture->width = columns->count;
  } else {
    lks_free(small);
  }
  lks_free(narrow);
  return ok ? LKS_OK : LKS_ERR_RANK;
}

lks_status lks_picture_resize(lks_picture *picture, size_t height, size_t width)
{
  axis rows = {0}, columns = {0};
  if (picture->height == height && picture->width == width) return LKS_OK;
  lks_status status = axis_create(&rows, picture->height, height);
  if (!status) status = axis_create(&columns, picture->width, width);
  if (!status) status = scale(picture, &rows, &columns);
  axis_clear(&rows);
  axis_clear(&columns);
  return status;
}
