/* Statistics of correlated series and distributions. Depends on nothing but the C library, and
 * neither allocates nor prints: test programs compile it, too.
 */
#ifndef ATHANOR_CLI_STATISTICS_H
#define ATHANOR_CLI_STATISTICS_H

#include <stddef.h>

double cli_mean(const double *x, size_t n);
/* With n - 1 in the denominator; 0 for n < 2. */
double cli_variance(const double *x, size_t n);

/* Statistical inefficiency g = 1 + 2 sum of rho(t), the number of values that are worth one
 * independent value. The sum ends at the first t >= 5 g / 2 (A. D. Sokal, in Functional
 * Integration, Plenum 1997, section 3), t <= n / 2. Never below 1: a series that swings back and
 * forth is not taken for better than independent. */
double cli_inefficiency(const double *x, size_t n);

/* Least squares y = intercept + slope t. The standard error of the slope is that of residuals with
 * their inefficiency. */
typedef struct cli_line {
    double intercept, slope, slope_error, inefficiency;
} cli_line;
/* n >= 3 and values of t that are not all the same; else all zero. work: [n]. */
cli_line cli_line_fit(const double *t, const double *y, size_t n, double *work);

/* The error of the fitted line itself at time t, of the same residuals. t, n: as for the fit. */
double cli_line_error(const cli_line *line, const double *times, size_t n, double t);

/* Two samples of a quantity whose densities have the ratio p1(x) / p0(x) = exp(a + slope x) (M. R.
 * Shirts, J. Chem. Theory Comput. 9, 909 (2013)): the most likely slope, a being free, which needs
 * no histograms. The values of a sample are worth n / inefficiency independent ones. z is the
 * signed root of twice the logarithm of how much likelier that slope is than the slope `exact`:
 * for samples that do have the ratio exp(a + exact x) it is a normal number already where they are
 * too small for (slope - exact) / slope_error to be one. With the inefficiency of x itself both are
 * up to a sixth too careful: what the slope depends on forgets sooner. */
typedef struct cli_sample {
    const double *x; /* [n] */
    size_t n;
    double inefficiency;
} cli_sample;
typedef struct cli_ratio {
    double slope, slope_error, z;
    double constant; /* a, with the slope `exact` */
} cli_ratio;
/* NaN if all values are the same, or a sample is empty. */
cli_ratio cli_ratio_fit(const cli_sample *zero, const cli_sample *one, double exact);

/* Regularised lower incomplete gamma function P(a, x), a > 0, to about 1e-14; x <= 0 gives 0. */
double cli_gamma_p(double a, double x);
/* Gamma distribution with this shape and scale: density and cumulative probability. A sum of k
 * squares of normal numbers with variance s has shape k / 2 and scale 2 s. */
double cli_gamma_density(double shape, double scale, double x);
double cli_gamma_cdf(double shape, double scale, double x);

/* Kolmogorov-Smirnov: how probable a distance as large as that of the n independent values of x
 * from the distribution is. Sorts x. Asymptotic with Stephens' correction, good for n >= 8. 1 for
 * n = 0. */
double cli_ks_p(double *x, size_t n, double (*cdf)(const void *user, double x), const void *user,
                double *distance);

#endif
