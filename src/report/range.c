#include "report/range.h"

#include <math.h>

lks_range lks_range_none(void)
{
  return (lks_range){INFINITY, -INFINITY};
}

void lks_range_take(lks_range *range, double value)
{
  if (!isfinite(value)) return;
  range->low = fmin(range->low, value);
  range->high = fmax(range->high, value);
}

lks_range lks_range_pad(lks_range range)
{
  if (range.low > range.high) return (lks_range){0, 1};
  const double size = fmax(fabs(range.low), fabs(range.high));
  const double least = size > 0 ? fmin(0.02 * size, 0.3) : 1; /* what is flat up to rounding is drawn flat */
  const double room = fmax(0.06 * (range.high - range.low), (least - (range.high - range.low)) / 2);
  return (lks_range){range.low - room, range.high + room};
}

void lks_range_print(FILE *script, const char *axis, lks_range range)
{
  fprintf(script, "set %srange [%.10g:%.10g]\n", axis, range.low, range.high);
}

void lks_range_print_round(FILE *script, const char *axis, lks_range range)
{
  const double least = (range.high - range.low) / 8, ten = pow(10, floor(log10(least)));
  const double step = least <= ten ? ten : least <= 2 * ten ? 2 * ten : least <= 5 * ten ? 5 * ten : 10 * ten;
  lks_range_print(script, axis, range);
  fprintf(script, "set %stics %.10g\n", axis, step);
}

void lks_range_print_decades(FILE *script, const char *axis, lks_range range)
{
  static const double digit[] = {1, 2, 5};
  fprintf(script, "set logscale %s\nset %stics autofreq\n", axis, axis);
  lks_range_print(script, axis, range);
  if (range.low < 1e-4) fprintf(script, "set format %s '%%g'\n", axis); /* 1e-06 instead of 0.0000010 */
  if (range.high > 1000 * range.low) return; /* three labels a decade would touch */
  fprintf(script, "set %stics (", axis);
  const char *comma = "";
  for (int power = (int)floor(log10(range.low)); power <= (int)floor(log10(range.high)); power++)
    for (int i = 0; i < 3; i++) {
      const double tic = digit[i] * pow(10, power);
      if (tic < range.low || tic > range.high) continue;
      fprintf(script, "%s%.3g", comma, tic);
      comma = ", ";
    }
  fprintf(script, ")\n");
}

void lks_range_print_octaves(FILE *script, const char *axis, lks_range range)
{
  const int first = (int)ceil(log2(range.low)), last = (int)floor(log2(range.high));
  const int step = (last - first) / 8 + 1;
  lks_range_print(script, axis, range);
  fprintf(script, "set logscale %s 2\nset %stics (", axis, axis);
  for (int i = first; i <= last; i += step) fprintf(script, "%s%.10g", i == first ? "" : ", ", exp2(i));
  fprintf(script, ")\n");
}
