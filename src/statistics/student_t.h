#ifndef LKS_STATISTICS_STUDENT_T_H
#define LKS_STATISTICS_STUDENT_T_H

/** Local. P(T <= t) of Student's t with df > 0 degrees of freedom; NaN for other df or a NaN. The relative
 * error is below 1e-10 in both tails: take the upper one as the value at -t. */
double lks_student_t_cdf(double t, double df);

/** Local. The t for which P(T <= t) = p, infinite for p = 0 and 1; NaN for p outside of 0..1 or df <= 0. */
double lks_student_t_quantile(double p, double df);

#endif
