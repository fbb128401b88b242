/* series.c - see series.h. Plain sums in double precision: the series of the tests have at
 * most some millions of numbers. Deviations are taken from the mean before anything is squared.
 * Inefficiencies are those of sets of series, with the weights 1 - t / length, which short series
 * need; those of the program (cli/statistics.h) are of one series that is much longer.
 */
#include "physics/series.h"
#include "cli/statistics.h"

#include <math.h>
#include <stdlib.h>

static double *stat_room(int64_t n)
{
    double *p = malloc((size_t)n * sizeof *p);
    if (!p) {
        abort();
    }
    return p;
}

double stat_mean(const stat_series *s)
{
    double sum = 0.0;
    const int64_t n = s->n_series * s->length;
    for (int64_t i = 0; i < n; i++) {
        sum += s->x[i] - s->x[0];
    }
    return s->x[0] + sum / (double)n;
}

/* Mean product of numbers t apart, averaged over the rows, of numbers whose mean is 0. */
static double stat_product(const stat_series *s, int64_t t)
{
    double sum = 0.0;
    for (int32_t k = 0; k < s->n_series; k++) {
        const double *x = s->x + k * s->length;
        double row = 0.0;
        for (int64_t i = 0; i + t < s->length; i++) {
            row += x[i] * x[i + t];
        }
        sum += row;
    }
    return sum / ((double)s->n_series * (double)(s->length - t));
}

/* g of numbers whose mean is 0. */
static double stat_inefficiency_centred(const stat_series *s)
{
    const double c0 = stat_product(s, 0);
    double g = 1.0;
    if (!(c0 > 0.0)) {
        return 1.0;
    }
    for (int64_t t = 1; t <= s->length / 2; t++) {
        g += 2.0 * (1.0 - (double)t / (double)s->length) * stat_product(s, t) / c0;
        if ((double)t >= 3.0 * (g > 1.0 ? g : 1.0)) {
            break;
        }
    }
    return g > 1.0 ? g : 1.0;
}

/* The numbers less `mean`; to be freed. */
static double *stat_centre(const stat_series *s, double mean)
{
    const int64_t n = s->n_series * s->length;
    double *x = stat_room(n);
    for (int64_t i = 0; i < n; i++) {
        x[i] = s->x[i] - mean;
    }
    return x;
}

double stat_inefficiency(const stat_series *s)
{
    double *x = stat_centre(s, stat_mean(s));
    const stat_series centred = {x, s->n_series, s->length};
    const double g = stat_inefficiency_centred(&centred);
    free(x);
    return g;
}

stat_estimate stat_average(const stat_series *s)
{
    const double mean = stat_mean(s), n = (double)s->n_series * (double)s->length;
    double *x = stat_centre(s, mean);
    const stat_series centred = {x, s->n_series, s->length};
    stat_estimate e = {.value = mean, .g = stat_inefficiency_centred(&centred)};
    e.independent = n / e.g;
    /* of n numbers about their own mean */
    const double freedom = e.independent > 2.0 ? 1.0 - 1.0 / e.independent : 0.5;
    e.se = sqrt(stat_product(&centred, 0) / freedom / e.independent);
    free(x);
    return e;
}

stat_estimate stat_variance_about(const stat_series *s, double mean)
{
    double *x = stat_centre(s, mean);
    for (int64_t i = 0; i < s->n_series * s->length; i++) {
        x[i] *= x[i];
    }
    const stat_series squares = {x, s->n_series, s->length};
    const stat_estimate e = stat_average(&squares);
    free(x);
    return e;
}

stat_estimate stat_variance(const stat_series *s)
{
    const stat_estimate mean = stat_average(s);
    stat_estimate e = stat_variance_about(s, mean.value);
    const double lost = mean.independent > 2.0 ? 1.0 - 1.0 / mean.independent : 0.5;
    e.value /= lost;
    e.se /= lost;
    return e;
}

/* Standard error of a mean slope from the slopes of the series, one by one: also where a series
 * walks at random about its line, and what is left of it knows no correlation time. */
enum { STAT_ENOUGH = 8 };

static double stat_slope_between(const stat_series *s, double mean)
{
    const int64_t n = s->length;
    const double sxx = (double)n * ((double)n * (double)n - 1.0) / 12.0, rows = s->n_series;
    double sum = 0.0;
    for (int32_t k = 0; k < s->n_series; k++) {
        double sxy = 0.0;
        for (int64_t i = 0; i < n; i++) {
            sxy += s->x[k * n + i] * ((double)i - 0.5 * (double)(n - 1));
        }
        sum += (sxy / sxx - mean) * (sxy / sxx - mean);
    }
    return sqrt(sum / (rows * (rows - 1.0)));
}

stat_estimate stat_slope(const stat_series *s, double interval)
{
    const int64_t n = s->length;
    const double middle = 0.5 * (double)(n - 1), rows = (double)s->n_series;
    const double sxx = rows * (double)n * ((double)n * (double)n - 1.0) / 12.0;
    double *x = stat_centre(s, 0.0), sxy = 0.0;
    for (int32_t k = 0; k < s->n_series; k++) {
        const stat_series row = {s->x + k * n, 1, n};
        const double mean = stat_mean(&row);
        for (int64_t i = 0; i < n; i++) {
            x[k * n + i] -= mean;
            sxy += x[k * n + i] * ((double)i - middle);
        }
    }
    stat_estimate e = {.value = sxy / sxx};
    for (int32_t k = 0; k < s->n_series; k++) {
        for (int64_t i = 0; i < n; i++) {
            x[k * n + i] -= e.value * ((double)i - middle);
        }
    }
    const stat_series residuals = {x, s->n_series, n};
    e.g = stat_inefficiency_centred(&residuals);
    e.independent = rows * (double)n / e.g;
    const double used = (rows + 1.0) / e.independent; /* part of the numbers that the fit took */
    e.se = sqrt(stat_product(&residuals, 0) / (used < 0.5 ? 1.0 - used : 0.5) * e.g / sxx);
    e.se = s->n_series >= STAT_ENOUGH ? stat_slope_between(s, e.value) : e.se;
    e.value /= interval;
    e.se /= interval;
    free(x);
    return e;
}

int64_t stat_thin(const stat_series *s, int64_t stride, double *out)
{
    int64_t n = 0;
    for (int32_t k = 0; k < s->n_series; k++) {
        for (int64_t i = 0; i < s->length; i += stride) {
            out[n++] = s->x[k * s->length + i];
        }
    }
    return n;
}

/* The program's own statistics have these two, and are none of what is judged with them here. */

typedef struct stat_distribution {
    double (*cdf)(void *user, double x);
    void *user;
} stat_distribution;

static double stat_cdf(const void *user, double x)
{
    const stat_distribution *it = user;
    return it->cdf(it->user, x);
}

double stat_ks(double *x, int64_t n, double (*cdf)(void *user, double x), void *user, double *d)
{
    const stat_distribution it = {cdf, user};
    return cli_ks_p(x, (size_t)n, stat_cdf, &it, d);
}

double stat_gamma_p(double a, double x)
{
    return cli_gamma_p(a, x);
}

double stat_gamma_p_inverse(double a, double p)
{
    double low = 0.0, high = a + 1.0;
    while (stat_gamma_p(a, high) < p) {
        low = high;
        high *= 2.0;
    }
    for (int k = 0; k < 200 && high - low > 1e-15 * high; k++) {
        const double middle = 0.5 * (low + high);
        if (stat_gamma_p(a, middle) < p) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return 0.5 * (low + high);
}

double stat_normal_cdf(double z)
{
    return 0.5 * erfc(-z / sqrt(2.0));
}

/* Gradient and information (negative second derivatives) of the log-likelihood of ln odds = a + b u
 * with u = (x - centre) / scale; `from` is 1 for samples of the second set. */
typedef struct stat_logistic {
    double a, b, centre, scale;
    double ga, gb, haa, hab, hbb;
} stat_logistic;

static void stat_logistic_add(stat_logistic *l, const stat_series *s, double weight, double from)
{
    for (int64_t i = 0; i < s->n_series * s->length; i++) {
        const double u = (s->x[i] - l->centre) / l->scale;
        const double p = 1.0 / (1.0 + exp(-(l->a + l->b * u))), w = weight * p * (1.0 - p);
        l->ga += weight * (from - p);
        l->gb += weight * (from - p) * u;
        l->haa += w;
        l->hab += w * u;
        l->hbb += w * u * u;
    }
}

stat_estimate stat_ratio_slope(const stat_series *s0, const stat_series *s1)
{
    const stat_estimate m0 = stat_average(s0), m1 = stat_average(s1);
    const double v0 = stat_variance(s0).value, v1 = stat_variance(s1).value;
    /* two normal distributions of one width would have this slope */
    stat_logistic l = {.centre = 0.5 * (m0.value + m1.value), .scale = sqrt(0.5 * (v0 + v1))};
    l.b = (m1.value - m0.value) / l.scale;
    double determinant = 1.0;
    for (int k = 0; k < 50; k++) {
        l.ga = l.gb = l.haa = l.hab = l.hbb = 0.0;
        stat_logistic_add(&l, s0, 1.0 / m0.g, 0.0);
        stat_logistic_add(&l, s1, 1.0 / m1.g, 1.0);
        determinant = l.haa * l.hbb - l.hab * l.hab;
        const double da = (l.hbb * l.ga - l.hab * l.gb) / determinant;
        const double db = (l.haa * l.gb - l.hab * l.ga) / determinant;
        l.a += da;
        l.b += db;
        if (fabs(da) + fabs(db) < 1e-12) {
            break;
        }
    }
    return (stat_estimate){.value = l.b / l.scale,
                           .se = sqrt(l.haa / determinant) / l.scale,
                           .independent = m0.independent + m1.independent,
                           .g = fmax(m0.g, m1.g)};
}

double stat_uniform(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15); /* Weyl sequence, mixed */
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return ((double)(z >> 11) + 0.5) * 0x1p-53;
}

double stat_normal(uint64_t *state)
{
    const double u = stat_uniform(state), v = stat_uniform(state);
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}
