/* Statistics of simulations: averages, widths, slopes and distributions of correlated series, each
 * with a standard error that counts independent samples instead of samples.
 *
 * A set of series is n_series rows of `length` numbers taken at equal intervals, each row from a
 * system of its own: rows are independent of one another, the numbers in a row are correlated. All
 * functions are pure and single-threaded; those that need memory abort without it, for they serve
 * tests alone.
 */
#ifndef ATHANOR_TESTS_PHYSICS_SERIES_H
#define ATHANOR_TESTS_PHYSICS_SERIES_H

#include <stdint.h>

typedef struct stat_series {
    const double *x;  /* [n_series][length] */
    int32_t n_series; /* >= 1 */
    int64_t length;   /* >= 2 */
} stat_series;

/* An estimate of a number from a set of series. */
typedef struct stat_estimate {
    double value;
    double se;          /* standard error: of one sigma */
    double independent; /* samples / g */
    double g;           /* statistical inefficiency, >= 1: samples per independent one */
} stat_estimate;

double stat_mean(const stat_series *s);

/* g = 1 + 2 sum_t (1 - t / length) rho(t), rho the autocorrelation about the mean of the set. The
 * sum ends at the first t >= 6 tau, tau = g / 2 as summed so far (Sokal), or half way through the
 * rows. g is never given as less than 1, so that series which swing about their mean get errors
 * that are too large, not too small. */
double stat_inefficiency(const stat_series *s);

/* Mean, with the error sqrt(variance g / samples). */
stat_estimate stat_average(const stat_series *s);

/* Variance about the mean; its error is that of the mean of squared deviations, whose own g is
 * taken. */
stat_estimate stat_variance(const stat_series *s);

/* The same for a mean that is known. */
stat_estimate stat_variance_about(const stat_series *s, double mean);

/* Slope of x against time, with `interval` between the numbers: least squares with a slope in
 * common and an intercept for each row. The error is sqrt(variance of residuals x g / sum (t -
 * <t>)^2), the variance being that of residuals from which two numbers for each row have been
 * fitted. */
stat_estimate stat_slope(const stat_series *s, double interval);

/* Writes every `stride`-th number of each row to out (room for all), from the first on, and returns
 * how many. */
int64_t stat_thin(const stat_series *s, int64_t stride, double *out);

/* Kolmogorov and Smirnov: largest distance *d between the distribution of the n independent numbers
 * in x (sorted in place) and cdf; returns the probability that it is as large or larger. n >= 5;
 * Stephens' correction for finite n, good to 1e-3 or so. */
double stat_ks(double *x, int64_t n, double (*cdf)(void *user, double x), void *user, double *d);

/* Regularised incomplete gamma function P(a, x) = gamma(a, x) / Gamma(a), a > 0, x >= 0, to 1e-12;
 * and x for a given P in [0, 1). */
double stat_gamma_p(double a, double x);
double stat_gamma_p_inverse(double a, double p);
/* P of a normal number being below z standard deviations. */
double stat_normal_cdf(double z);

/* The ratio of two distributions p0 and p1 of the same quantity that are known to be related by
 *
 *     ln(p1(x) / p0(x)) = constant + slope x
 *
 * as those of the energy of a system at two temperatures are (slope = 1/kT0 - 1/kT1), or of the
 * volume at two pressures (slope = (P0 - P1) / kT): the slope of largest likelihood, which is
 * logistic regression of the question which set a sample is from (Shirts, J. Chem. Theory Comput. 9
 * (2013) 909). All samples count, with the weight 1 / g of their set; the error is that of the
 * likelihood, for as many independent samples. g of the result is that of the set with the larger
 * one. */
stat_estimate stat_ratio_slope(const stat_series *s0, const stat_series *s1);

/* Random numbers for tests of these functions: uniform in (0, 1) and normal. */
double stat_uniform(uint64_t *state);
double stat_normal(uint64_t *state);

#endif
