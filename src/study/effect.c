#include "study/effect.h"

#include <math.h>

#include "base/arena.h"

enum { FEWEST_DIGITS = 0, MOST_DIGITS = 6 };

/* Digits behind the point that show two digits of half an interval. */
static int digits_for(double width)
{
  if (!isfinite(width) || width <= 0) return 3;
  const double digits = 1 - floor(log10(width / 2));
  return digits < FEWEST_DIGITS ? FEWEST_DIGITS : digits > MOST_DIGITS ? MOST_DIGITS : (int)digits;
}

void lks_effect_number(char *text, size_t size, double value, double width)
{
  snprintf(text, size, "%.*f", digits_for(width), value);
}

/* The bound nearest to 0 must not look like 0. */
static int digits_of(const lks_finding *f)
{
  const double near = fmin(fabs(f->low), fabs(f->high));
  int digits = isfinite(f->low) ? digits_for(f->high - f->low) : 3;
  while (digits < MOST_DIGITS && near > 0 && near < 0.5 * pow(10, -digits)) digits++;
  return digits;
}

/* A readings pair of one seed, in the unit that the test is made in; NaN when one is missing. */
static void pair_of(double *first, double *second, const lks_effect *e, const lks_readings *readings,
                    uint64_t seed)
{
  const double scale = e->scale != 0 ? e->scale : 1;
  const char *arm = e->reference != NULL ? e->reference : e->arm;
  const char *quantity = e->reference_quantity != NULL ? e->reference_quantity : e->quantity;
  *first = scale * lks_readings_value(readings, e->arm, seed, e->quantity);
  *second = e->kind == LKS_EFFECT_VALUE || e->against != 0
                ? e->against
                : scale * lks_readings_value(readings, arm, seed, quantity);
  if (e->kind != LKS_EFFECT_RATIO) return;
  *first = log(*first);
  *second = log(*second);
}

static lks_status compare(lks_finding *f, const lks_effect *e, const lks_readings *readings,
                          uint64_t first_seed, size_t seeds)
{
  double *values = lks_new(2 * seeds, sizeof *values);
  size_t count = 0;
  if (values == NULL) return LKS_ERR_RANK;
  double *others = values + seeds;
  for (size_t i = 0; i < seeds; i++) {
    pair_of(&values[count], &others[count], e, readings, first_seed + i);
    if (isfinite(values[count]) && isfinite(others[count])) count++;
  }
  f->missing = seeds - count;
  f->pair = lks_paired_compare(values, others, count);
  lks_free(values);
  return LKS_OK;
}

/* Back from logarithms, or to the value itself. */
static void settle_numbers(lks_finding *f, const lks_effect *e)
{
  const lks_paired *pair = &f->pair;
  f->mean = pair->mean;
  f->low = pair->low;
  f->high = pair->high;
  if (e->kind == LKS_EFFECT_RATIO) {
    f->mean = exp(f->mean);
    f->low = exp(f->low);
    f->high = exp(f->high);
  } else if (e->kind == LKS_EFFECT_VALUE) {
    f->mean += e->against;
    f->low += e->against;
    f->high += e->against;
  }
}

static bool is_equivalent(const lks_finding *f, const lks_effect *e)
{
  const double margin = e->kind == LKS_EFFECT_RATIO && e->margin > 0 ? log(e->margin) : e->margin;
  return margin > 0 && lks_equivalence_test(&f->pair, margin).equivalent;
}

static lks_verdict decide(const lks_finding *f, const lks_effect *e)
{
  if (f->pair.evidence == LKS_EVIDENCE_IDENTICAL) return LKS_VERDICT_SAME;
  if (f->pair.evidence != LKS_EVIDENCE_INTERVAL) return LKS_VERDICT_NONE;
  if (f->p < LKS_SIGNIFICANCE) return f->pair.mean > 0 ? LKS_VERDICT_BETTER : LKS_VERDICT_WORSE;
  return is_equivalent(f, e) ? LKS_VERDICT_EQUIVALENT : LKS_VERDICT_UNDECIDED;
}

static void print_interval(FILE *out, const lks_finding *f, const lks_effect *e)
{
  const int digits = digits_of(f);
  const char *blank = e->unit != NULL && e->unit[0] != '\0' ? " " : "";
  const char *unit = e->unit != NULL ? e->unit : "", *sign = e->kind == LKS_EFFECT_DIFFERENCE ? "+" : "";
  if (e->kind == LKS_EFFECT_RATIO) {
    fprintf(out, "%.*f times [%.*f, %.*f]", digits, f->mean, digits, f->low, digits, f->high);
  } else if (*sign == '+') {
    fprintf(out, "%+.*f%s%s [%+.*f, %+.*f]", digits, f->mean, blank, unit, digits, f->low, digits, f->high);
  } else {
    fprintf(out, "%.*f%s%s [%.*f, %.*f]", digits, f->mean, blank, unit, digits, f->low, digits, f->high);
  }
}

/* "lower by 0.085 [0.060, 0.110]"; "3.1 times as large [2.5, 3.8]". */
static void print_decided(FILE *out, const lks_finding *f, const lks_effect *e)
{
  const bool more = lks_finding_more(f), ratio = e->kind == LKS_EFFECT_RATIO;
  lks_finding size = *f; /* as a number above 0, or above 1 */
  if (!more) {
    size.mean = ratio ? 1 / f->mean : -f->mean;
    size.low = ratio ? 1 / f->high : -f->high;
    size.high = ratio ? 1 / f->low : -f->low;
  }
  const int digits = digits_of(&size);
  const char *word = more ? (e->more != NULL ? e->more : "as large") : e->less != NULL ? e->less : "smaller";
  if (ratio)
    fprintf(out, "%.*f times %s [%.*f, %.*f]", digits, size.mean, word, digits, size.low, digits, size.high);
  else
    fprintf(out, "%s by %.*f%s%s [%.*f, %.*f]", more ? "higher" : "lower", digits, size.mean,
            e->unit != NULL && e->unit[0] != '\0' ? " " : "", e->unit != NULL ? e->unit : "", digits,
            size.low, digits, size.high);
}

static void print_value(FILE *out, const lks_finding *f, const lks_effect *e)
{
  print_interval(out, f, e);
  if (f->verdict == LKS_VERDICT_BETTER || f->verdict == LKS_VERDICT_WORSE)
    fprintf(out, ", %s %g", lks_finding_more(f) ? "above" : "below", e->against);
}

static void print_undecided(FILE *out, const lks_finding *f, const lks_effect *e)
{
  fputs("undecided: ", out);
  print_interval(out, f, e);
  if (f->pair.p < LKS_SIGNIFICANCE) fprintf(out, " may be chance among so many effects (p = %.2f)", f->p);
}

static void print_no_verdict(FILE *out, const lks_finding *f, const lks_effect *e)
{
  char number[32];
  lks_effect_number(number, sizeof number, f->mean, fabs(f->mean));
  const char *unit = e->kind == LKS_EFFECT_RATIO ? "times" : e->unit != NULL ? e->unit : "";
  const char *blank = unit[0] != '\0' ? " " : "";
  if (f->pair.evidence == LKS_EVIDENCE_ONE_SEED)
    fprintf(out, "%s%s%s for the one seed, which says nothing about chance", number, blank, unit);
  else if (f->pair.evidence == LKS_EVIDENCE_NO_SPREAD)
    fprintf(out, "%s%s%s for each of %zu seeds: without spread they say nothing about chance", number, blank,
            unit, f->pair.count);
  else
    fputs("no verdict: no seed has both results", out);
}

static void print_sentence(FILE *out, const lks_finding *f, const lks_effect *e)
{
  switch (f->verdict) {
  case LKS_VERDICT_SAME:
    if (e->kind == LKS_EFFECT_VALUE)
      fprintf(out, "exactly %g for each of %zu seeds", e->against, f->pair.count);
    else
      fprintf(out, "exactly the same for each of %zu seeds", f->pair.count);
    break;
  case LKS_VERDICT_BETTER:
  case LKS_VERDICT_WORSE:
    e->kind == LKS_EFFECT_VALUE ? print_value(out, f, e) : print_decided(out, f, e);
    break;
  case LKS_VERDICT_EQUIVALENT:
    fprintf(out, "no difference larger than %s%g%s%s: ", e->kind == LKS_EFFECT_RATIO ? "a factor of " : "",
            e->margin, e->unit != NULL && e->unit[0] != '\0' ? " " : "", e->unit != NULL ? e->unit : "");
    print_interval(out, f, e);
    break;
  case LKS_VERDICT_UNDECIDED:
    e->kind == LKS_EFFECT_VALUE ? print_value(out, f, e) : print_undecided(out, f, e);
    break;
  case LKS_VERDICT_NONE: print_no_verdict(out, f, e); break;
  }
  if (f->missing > 0 && f->pair.count > 0)
    fprintf(out, "; %zu of %zu seeds lack it", f->missing, f->missing + f->pair.count);
}

static lks_status write_sentence(lks_finding *f, const lks_effect *e)
{
  FILE *out = fmemopen(f->sentence, sizeof f->sentence, "w");
  if (out == NULL) return lks_fail(LKS_ERR_RANK, "no memory for a sentence");
  print_sentence(out, f, e);
  fclose(out);
  f->sentence[sizeof f->sentence - 1] = '\0';
  return LKS_OK;
}

static lks_status adjust(lks_finding *finding, size_t count)
{
  double *p = lks_new(2 * count, sizeof *p);
  if (p == NULL) return LKS_ERR_RANK;
  for (size_t i = 0; i < count; i++) p[i] = finding[i].pair.p;
  lks_holm_adjust(p + count, p, count);
  for (size_t i = 0; i < count; i++) finding[i].p = p[count + i];
  lks_free(p);
  return LKS_OK;
}

lks_status lks_findings_make(lks_finding *finding, const lks_effect *effect, size_t count,
                             const lks_readings *readings, uint64_t first_seed, size_t seeds)
{
  lks_status status = LKS_OK;
  for (size_t i = 0; i < count && !status; i++) {
    finding[i] = (lks_finding){0};
    status = compare(&finding[i], &effect[i], readings, first_seed, seeds);
    settle_numbers(&finding[i], &effect[i]);
  }
  if (!status && count > 0) status = adjust(finding, count);
  for (size_t i = 0; i < count && !status; i++) {
    finding[i].verdict = decide(&finding[i], &effect[i]);
    status = write_sentence(&finding[i], &effect[i]);
  }
  return status;
}

static lks_spread spread_of(const lks_effect *value, const lks_readings *readings, uint64_t first_seed,
                            size_t seeds)
{
  lks_spread spread = {0, NAN, NAN, NAN};
  lks_finding finding = {0};
  if (compare(&finding, value, readings, first_seed, seeds) != LKS_OK || finding.pair.count == 0)
    return spread;
  const lks_paired *pair = &finding.pair;
  const bool interval = isfinite(pair->low) && isfinite(pair->high);
  return (lks_spread){pair->count, pair->mean, interval ? pair->low : pair->mean,
                      interval ? pair->high : pair->mean};
}

lks_spread lks_readings_spread(const lks_readings *readings, const char *arm, const char *quantity,
                               uint64_t first_seed, size_t seeds)
{
  const lks_effect value = {.kind = LKS_EFFECT_VALUE, .arm = arm, .quantity = quantity};
  return spread_of(&value, readings, first_seed, seeds);
}

lks_spread lks_readings_spread_of_logs(const lks_readings *readings, const char *arm, const char *quantity,
                                       uint64_t first_seed, size_t seeds)
{
  const lks_effect ratio = {.kind = LKS_EFFECT_RATIO, .arm = arm, .quantity = quantity, .against = 1};
  const lks_spread s = spread_of(&ratio, readings, first_seed, seeds);
  return (lks_spread){s.count, exp(s.mean), exp(s.low), exp(s.high)};
}
