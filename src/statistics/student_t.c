#include "statistics/student_t.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>

/* The continued fraction of the incomplete beta function I_x(a,b), 1 / (1 + d_1 / (1 + d_2 / (1 + ...))), for
 * x < (a+1) / (a+b+2). Stops at the first factor that is 1 but for rounding; NaN if none is.
 * Source: DLMF 8.17.22; evaluated forwards as Thompson & Barnett 1986 do (modified Lentz). */
static double beta_fraction(double a, double b, double x)
{
  enum { TERMS = 20000 }; /* a hundred at df = 1000; they grow like sqrt(df) */
  double value = 1, c = 1, d = 0;
  for (int k = 1; k <= TERMS; k++) {
    int m = k / 2;
    double numerator = k % 2 ? -(a + m) * (a + b + m) : m * (b - m);
    double term = numerator * x / ((a + k - 1) * (a + k));
    d = 1 / (1 + term * d);
    c = 1 + term / c;
    value *= c * d;
    if (fabs(c * d - 1) <= 4 * DBL_EPSILON) return 1 / value;
  }
  return NAN;
}

/* What |t| divides the distribution into; each part is right to its last digits where it is the small one. */
typedef struct parts {
  double outer;   /* P(|T| > |t|) */
  double inner;   /* P(|T| <= |t|) */
  double density; /* |t| times the density at t */
} parts;

/* With r^2 = t^2 / df, x = 1 / (1 + r^2), y = 1 - x: outer = I_x(df/2, 1/2), inner = I_y(1/2, df/2), and the
 * factor x^a y^b / B(a,b) in front of both fractions is |t| times the density. Source: Abramowitz & Stegun
 * 26.5.27, 26.7.1. */
static parts parts_at(double t, double df)
{
  const double b = 0.5, a = df / 2, r = fabs(t) / sqrt(df);
  bool squares = r < 1e100; /* r * r is finite, and y differs from 1 */
  double x = squares ? 1 / (1 + r * r) : 0, y = squares ? r * r * x : 1;
  double log_x = squares ? -log1p(r * r) : -2 * log(r), log_y = squares ? log_x + 2 * log(r) : 0;
  double front = exp(a * log_x + b * log_y + lgamma(a + b) - lgamma(a) - lgamma(b));
  if (x < (a + 1) / (a + b + 2)) {
    double outer = front * beta_fraction(a, b, x) / a;
    return (parts){outer, 1 - outer, front};
  }
  double inner = front * beta_fraction(b, a, y) / b;
  return (parts){1 - inner, inner, front};
}

double lks_student_t_cdf(double t, double df)
{
  if (isnan(t) || !(df > 0)) return NAN;
  parts at = parts_at(t, df);
  return t < 0 ? at.outer / 2 : 0.5 + at.inner / 2;
}

/* Newton's method for log t on the logarithm of the outer part, or of the inner one where that is smaller:
 * both are nearly straight lines at their far end. Steps that leave what is still possible are replaced by
 * bisection. */
static double positive_quantile(double outer, double inner, double df)
{
  enum { STEPS = 200 };
  double low = -709, high = 709, u = 0; /* exp is finite and not subnormal */
  for (int i = 0; i < STEPS; i++) {
    parts at = parts_at(exp(u), df);
    bool tail = outer < inner;
    double excess = tail ? log(at.outer / outer) : log(inner / at.inner);
    double slope = -2 * at.density / (tail ? at.outer : at.inner);
    if (excess > 0)
      low = u;
    else
      high = u;
    double next = u - excess / slope;
    if (!(next >= low && next <= high)) next = (low + high) / 2;
    bool done = fabs(next - u) <= 1e-13;
    u = next;
    if (done) break;
  }
  return exp(u);
}

double lks_student_t_quantile(double p, double df)
{
  if (!(p >= 0 && p <= 1 && df > 0)) return NAN;
  if (p == 0.5) return 0;
  double outer = 2 * fmin(p, 1 - p), sign = p < 0.5 ? -1 : 1;
  return sign * (outer > 0 ? positive_quantile(outer, 2 * fabs(p - 0.5), df) : INFINITY);
}
