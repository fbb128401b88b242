/* Statistics of correlated series and distributions (statistics.h).
 *
 * The slope of a ratio of densities: for a value x of the two samples together, the odds that it is
 * of the second are exp(a + slope x), which is logistic regression. Its likelihood is concave; the
 * maximum is found by Newton's method, whose steps are halved where they overshoot.
 *
 * P(a, x): the series x^a e^-x / Gamma(a) sum x^n / (a (a+1) ... (a+n)) for x < a + 1, else one
 * less the continued fraction of Q(a, x), evaluated by Lentz's method.
 */
#include <float.h>
#include <math.h>
#include <stdbool.h>
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

double cli_line_error(const cli_line *line, const double *times, size_t n, double t)
{
    const double middle = cli_mean(times, n);
    const double spread = cli_variance(times, n) * (double)(n - 1) / (double)n;
    return n > 1 ? line->slope_error * sqrt(spread + (t - middle) * (t - middle)) : 0.0;
}

/* ---- the ratio of two densities ---- */

enum { STATISTICS_NEWTON = 100 };

/* What the fit works with: x is measured from the mean in units of the standard deviation. */
typedef struct statistics_ratio {
    const cli_sample *sample[2];
    double mean, deviation;
    /* at a, b: logarithm of the likelihood, its slopes, and its curvatures aa, ab, bb with the
     * sign changed */
    double likelihood, slopes[2], curvatures[3];
} statistics_ratio;

static void statistics_at(statistics_ratio *r, double a, double b)
{
    double sums[6] = {0.0};
    for (int k = 0; k < 2; k++) {
        const cli_sample *s = r->sample[k];
        const double weight = 1.0 / s->inefficiency;
        for (size_t i = 0; i < s->n; i++) {
            const double x = (s->x[i] - r->mean) / r->deviation, u = a + b * x;
            const double p = 1.0 / (1.0 + exp(-u)), v = k ? -u : u; /* of being where it is not */
            sums[0] -= weight * (fmax(v, 0.0) + log1p(exp(-fabs(v))));
            sums[1] += weight * (k - p);
            sums[2] += weight * (k - p) * x;
            sums[3] += weight * p * (1.0 - p);
            sums[4] += weight * p * (1.0 - p) * x;
            sums[5] += weight * p * (1.0 - p) * x * x;
        }
    }
    r->likelihood = sums[0];
    for (int k = 0; k < 2; k++) {
        r->slopes[k] = sums[1 + k];
    }
    for (int k = 0; k < 3; k++) {
        r->curvatures[k] = sums[3 + k];
    }
}

/* Goes to the maximum in a and, if it is `free`, in b. */
static void statistics_climb(statistics_ratio *r, double *a, double *b, bool free)
{
    statistics_at(r, *a, *b);
    for (int n = 0; n < STATISTICS_NEWTON; n++) {
        const double *c = r->curvatures, *s = r->slopes;
        const double det = c[0] * c[2] - c[1] * c[1], before = r->likelihood;
        double da = s[0] / c[0], db = 0.0, part = 1.0;
        if (free) {
            da = (c[2] * s[0] - c[1] * s[1]) / det;
            db = (c[0] * s[1] - c[1] * s[0]) / det;
        }
        if (!isfinite(da) || !isfinite(db)) {
            return; /* the samples are apart: there is no maximum, and it is far enough */
        }
        statistics_at(r, *a + da, *b + db);
        while (!(r->likelihood >= before - 1e-13 * fabs(before)) && part > 1e-6) {
            part *= 0.5;
            statistics_at(r, *a + part * da, *b + part * db);
        }
        *a += part * da;
        *b += part * db;
        if (fabs(da) + fabs(db) < 1e-9 * (1.0 + fabs(*a) + fabs(*b))) {
            return;
        }
    }
}

cli_ratio cli_ratio_fit(const cli_sample *zero, const cli_sample *one, double exact)
{
    const double nan = (double)NAN, n = (double)(zero->n + one->n);
    statistics_ratio r = {.sample = {zero, one}};
    double square = 0.0, a = 0.0, b = 0.0;
    for (int k = 0; k < 2; k++) {
        r.mean += (double)r.sample[k]->n / n * cli_mean(r.sample[k]->x, r.sample[k]->n);
    }
    for (int k = 0; k < 2; k++) {
        for (size_t i = 0; i < r.sample[k]->n; i++) {
            square += (r.sample[k]->x[i] - r.mean) * (r.sample[k]->x[i] - r.mean);
        }
    }
    if (zero->n == 0 || one->n == 0 || !(square > 0.0) || !isfinite(square)) {
        return (cli_ratio){nan, nan, nan, nan};
    }
    r.deviation = sqrt(square / n);
    statistics_climb(&r, &a, &b, true);
    const double best = r.likelihood, slope = b / r.deviation;
    const double det = r.curvatures[0] * r.curvatures[2] - r.curvatures[1] * r.curvatures[1];
    const double error = sqrt(r.curvatures[0] / det) / r.deviation;
    b = exact * r.deviation;
    statistics_climb(&r, &a, &b, false);
    const double z = sqrt(2.0 * fmax(best - r.likelihood, 0.0));
    /* the odds count how many values the samples have */
    const double odds =
        log((double)one->n / one->inefficiency) - log((double)zero->n / zero->inefficiency);
    return (cli_ratio){slope, error, slope < exact ? -z : z, a - exact * r.mean - odds};
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
