#include "dataset/value_summary.h"

#include <math.h>

#include "base/arena.h"
#include "base/integers.h"

enum { PART_BYTES = 4 << 20 };

lks_status lks_value_summary_begin(lks_value_summary *summary, const lks_layout *layout)
{
  const size_t channels = layout->shape.channels;
  *summary = (lks_value_summary){.layout = layout, .least = INFINITY, .most = -INFINITY};
  summary->low = lks_new(2 * channels, sizeof *summary->low);
  if (!summary->low) return LKS_ERR_RANK;
  summary->high = summary->low + channels;
  for (size_t c = 0; c < channels; c++) {
    summary->low[c] = INFINITY;
    summary->high[c] = -INFINITY;
  }
  return LKS_OK;
}

static void take_odd(lks_value_summary *s, float value, lks_split split, size_t sample, size_t place)
{
  if (s->nan + s->infinite == 0) {
    s->first_split = split;
    s->first_sample = sample;
    s->first_value = place;
  }
  if (isnan(value))
    s->nan++;
  else
    s->infinite++;
}

static void take(lks_value_summary *s, float value, size_t channel)
{
  s->count++;
  s->zeros += value == 0;
  s->sum += (long double)value;
  s->square += (long double)value * (long double)value;
  if (value < s->low[channel]) s->low[channel] = value;
  if (value > s->high[channel]) s->high[channel] = value;
}

void lks_value_summary_add(lks_value_summary *summary, lks_split split, const void *values, size_t first,
                           size_t samples)
{
  const size_t width = lks_layout_width(summary->layout), channels = summary->layout->shape.channels;
  const float *f32 = values;
  const uint8_t *pixel = values;
  for (size_t i = 0; i < samples * width; i++) {
    const float value = summary->layout->features ? f32[i] : (float)pixel[i];
    if (isfinite(value))
      take(summary, value, i % channels);
    else
      take_odd(summary, value, split, first + i / width, i % width);
  }
  for (size_t c = 0; c < channels; c++) {
    const double low = summary->low[c], high = summary->high[c];
    if (low < summary->least) summary->least = low; /* gcc 12 for aarch64 crashes on fmin and fmax here */
    if (high > summary->most) summary->most = high;
  }
}

lks_status lks_value_summary_add_all(lks_value_summary *summary, lks_next_function next, void *context)
{
  const lks_layout *layout = summary->layout;
  const size_t bytes = lks_layout_sample_bytes(layout), most = lks_max(1, PART_BYTES / bytes);
  void *values = lks_new(most, bytes);
  lks_status status = values ? LKS_OK : LKS_ERR_RANK;
  for (int split = 0; split < LKS_SPLITS; split++)
    for (size_t first = 0; first < layout->count[split] && !status; first += most) {
      const size_t samples = lks_min(most, layout->count[split] - first);
      status = next(context, values, samples);
      if (!status) lks_value_summary_add(summary, (lks_split)split, values, first, samples);
    }
  lks_free(values);
  return status;
}

double lks_value_summary_mean(const lks_value_summary *summary)
{
  return (double)(summary->sum / (long double)summary->count);
}

double lks_value_summary_std(const lks_value_summary *summary)
{
  const long double mean = summary->sum / (long double)summary->count;
  return sqrt(fmax(0, (double)(summary->square / (long double)summary->count - mean * mean)));
}

size_t lks_value_summary_constant(const lks_value_summary *summary, size_t *channel, size_t most)
{
  size_t found = 0;
  for (size_t c = 0; c < summary->layout->shape.channels; c++) {
    if (summary->low[c] != summary->high[c]) continue;
    if (found < most) channel[found] = c;
    found++;
  }
  return found;
}

void lks_value_summary_end(lks_value_summary *summary)
{
  lks_free(summary->low);
  summary->low = summary->high = NULL;
}
