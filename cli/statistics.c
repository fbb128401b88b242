/* Statistics of correlated series and distributions (statistics.h).
 *
 * P(a, x): the series x^a e^-x / Gamma(a) sum x^n / (a (a+1) ... (a+n)) for x < a + 1, else one
 * less the continued fraction of Q(a, x), evaluated by Lentz's method.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "statistics.h"

double cli_mean(const double *x, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += x[i];
    }
    return n ? sum / (double)n : 0.0;
}

double cli_variance(const double *x, size_t n)
{
    const double mean = cli_mean(x, n);
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += (x[i] - mean) * (x[i] - mean);
    }
    return n > 1 ? sum / (double)(n - 1) : 0.0;
}

double cli_inefficiency(const double *x, size_t n)
{
    const double mean = cli_mean(x, n);
    double zero = 0.0, g = 1.0;
    for (size_t i = 0; i < n; i++) {
        zero += (x[i] - mean) * (x[i] - mean);
    }
    if (!(zero > 0.0)) {
        return 1.0;
    }
    zero /= (double)n;
    for (size_t t = 1; t <= n / 2; t++) {
        double sum = 0.0;
        for (size_t i = 0; i + t < n; i++) {
            sum += (x[i] - mean) * (x[i + t] - mean);
        }
        g += 2.0 * sum / ((double)(n - t) * zero);
        if ((double)t >= 2.5 * g) {
            break;
        }
    }
    return g > 1.0 ? g : 1.0;
}

cli_line cli_line_fit(const double *t, const double *y, size_t n, double *work)
{
    cli_line line = {0};
    const double middle = cli_mean(t, n), mean = cli_mean(y, n);
    double tt = 0.0, ty = 0.0, rest = 0.0;
    for (size_t i = 0; i < n; i++) {
        tt += (t[i] - middle) * (t[i] - middle);
        ty += (t[i] - middle) * (y[i] - mean);
    }
    if (n < 3 || !(tt > 0.0)) {
        return line;
    }
    line.slope = ty / tt;
    line.intercept = mean - line.slope * middle;
    for (size_t i = 0; i < n; i++) {
        work[i] = y[i] - mean - line.slope * (t[i] - middle);
        rest += work[i] * work[i];
    }
    line.inefficiency = cli_inefficiency(work, n);
    line.slope_error = sqrt(rest / (double)(n - 2) * line.inefficiency / tt);
    return line;
}

enum { STATISTICS_TERMS = 100000 }; /* about 8 sqrt(a) are needed near x = a */

double cli_gamma_p(double a, double x)
{
    if (!(x > 0.0)) {
        return x <= 0.0 ? 0.0 : x;
    }
    const double front = exp(a * log(x) - x - lgamma(a));
    if (x < a + 1.0) {
        double term = 1.0 / a, sum = term;
        for (int n = 1; n < STATISTICS_TERMS && term > sum * DBL_EPSILON; n++) {
            term *= x / (a + n);
            sum += term;
        }
        return front * sum;
    }
    double b = x + 1.0 - a, c = 1.0 / DBL_MIN, d = 1.0 / b, h = d;
    for (int n = 1; n < STATISTICS_TERMS; n++) {
        const double numerator = -n * (n - a);
        b += 2.0;
        d = numerator * d + b;
        d = 1.0 / (fabs(d) < DBL_MIN ? DBL_MIN : d);
        c = b + numerator / c;
        c = fabs(c) < DBL_MIN ? DBL_MIN : c;
        h *= d * c;
        if (fabs(d * c - 1.0) < DBL_EPSILON) {
            break;
        }
    }
    return 1.0 - front * h;
}

double cli_gamma_density(double shape, double scale, double x)
{
    if (!(x > 0.0)) {
        return 0.0;
    }
    return exp((shape - 1.0) * log(x / scale) - x / scale - lgamma(shape)) / scale;
}

double cli_gamma_cdf(double shape, double scale, double x)
{
    return cli_gamma_p(shape, x / scale);
}

static int statistics_compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Q(z) = 2 sum (-1)^(k-1) exp(-2 k^2 z^2), or its dual series where that one is slow. */
static double statistics_kolmogorov(double z)
{
    const double pi = 3.14159265358979323846;
    double sum = 0.0;
    if (z < 0.2) {
        return 1.0;
    }
    if (z < 1.0) {
        for (int k = 1; k <= 21; k += 2) {
            sum += exp(-(double)(k * k) * pi * pi / (8.0 * z * z));
        }
        return 1.0 - sqrt(2.0 * pi) / z * sum;
    }
    for (int k = 1; k <= 10; k++) {
        sum += (k % 2 ? 2.0 : -2.0) * exp(-2.0 * (double)(k * k) * z * z);
    }
    return sum;
}

double cli_ks_p(double *x, size_t n, double (*cdf)(const void *user, double x), const void *user,
                double *distance)
{
    double d = 0.0;
    qsort(x, n, sizeof *x, statistics_compare);
    for (size_t i = 0; i < n; i++) {
        const double p = cdf(user, x[i]);
        d = fmax(d, fmax(p - (double)i / (double)n, (double)(i + 1) / (double)n - p));
    }
    if (distance) {
        *distance = d;
    }
    const double root = sqrt((double)n);
    return n ? statistics_kolmogorov((root + 0.12 + 0.11 / root) * d) : 1.0;
}
