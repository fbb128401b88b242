/* The statistics that the physical tests rest on, against closed forms and series whose correlation
 * is known. Errors are tested by their use: over many sets the deviations, divided by the errors
 * that are given for them, must have a mean square of 1; errors that are wrong by a quarter are
 * found.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "physics/series.h"

/* Rows of x_i = phi x_(i-1) + sqrt(1 - phi^2) xi: variance 1, g = (1 + phi) / (1 - phi). */
static void autoregressive(double *x, int32_t rows, int64_t length, double phi, uint64_t *random)
{
    for (int32_t k = 0; k < rows; k++) {
        double y = stat_normal(random);
        for (int64_t i = 0; i < length; i++) {
            x[k * length + i] = y;
            y = phi * y + sqrt(1.0 - phi * phi) * stat_normal(random);
        }
    }
}

/* What z values of n sets should do: a mean of 0, a mean square of 1, within 4 standard errors. */
typedef struct scores {
    double sum, squares;
    int32_t n;
} scores;

static void scores_add(scores *s, double z)
{
    s->sum += z;
    s->squares += z * z;
    s->n++;
}

/* Relative to errors that are `scale` times what they should be. */
static int scores_pass(const scores *s, double scale)
{
    const double n = s->n, square = s->squares / n / (scale * scale);
    return fabs(s->sum / scale / n) < 4.0 / sqrt(n) &&
           fabs(square - 1.0) < 4.0 * sqrt(2.0 / n) + 0.05;
}

static void scores_check(const scores *s, const char *what)
{
    if (!scores_pass(s, 1.0)) {
        fail_msg("%s: mean z %g, mean z^2 %g", what, s->sum / s->n, s->squares / s->n);
    }
    assert_false(scores_pass(s, 1.25)); /* errors too large */
    assert_false(scores_pass(s, 0.8));  /* and too small */
}

static void test_gamma(void **state)
{
    (void)state;
    for (double x = 0.01; x < 40.0; x *= 1.3) {
        assert_true(fabs(stat_gamma_p(1.0, x) - (1.0 - exp(-x))) < 1e-13);
        assert_true(fabs(stat_gamma_p(0.5, x) - erf(sqrt(x))) < 1e-13);
        double poisson = 0.0, term = exp(-x); /* P(7, x) = 1 - sum_(k < 7) e^-x x^k / k! */
        for (int k = 0; k < 7; k++) {
            poisson += term;
            term *= x / (k + 1);
        }
        assert_true(fabs(stat_gamma_p(7.0, x) - (1.0 - poisson)) < 1e-13);
    }
    const double shapes[] = {0.5, 1.0, 3.5, 160.5, 2000.0};
    for (int i = 0; i < 5; i++) {
        const double a = shapes[i];
        for (double p = 0.001; p < 1.0; p += 0.037) {
            const double x = stat_gamma_p_inverse(a, p);
            assert_true(fabs(stat_gamma_p(a, x) - p) < 1e-11);
        }
        for (double x = 0.3 * a; x < 2.0 * a; x += 0.1 * a) { /* P(a,x) - P(a+1,x) = x^a e^-x/a! */
            const double step = exp(a * log(x) - x - lgamma(a + 1.0));
            assert_true(fabs(stat_gamma_p(a, x) - stat_gamma_p(a + 1.0, x) - step) < 1e-11);
        }
    }
    assert_true(fabs(stat_normal_cdf(1.0) - 0.8413447460685429) < 1e-14);
    assert_true(stat_gamma_p(3.0, 0.0) == 0.0);
}

static void test_inefficiency(void **state)
{
    (void)state;
    enum { ROWS = 4, LENGTH = 100000 };
    double *x = malloc(sizeof *x * ROWS * LENGTH);
    const stat_series s = {x, ROWS, LENGTH};
    const double phi[] = {0.0, 0.5, 0.9, 0.98};
    uint64_t random = 1;
    assert_non_null(x);
    for (int i = 0; i < 4; i++) {
        const double exact = (1.0 + phi[i]) / (1.0 - phi[i]);
        autoregressive(x, ROWS, LENGTH, phi[i], &random);
        const stat_estimate mean = stat_average(&s), variance = stat_variance(&s);
        const double square = (1.0 + phi[i] * phi[i]) / (1.0 - phi[i] * phi[i]); /* g of squares */
        assert_true(fabs(mean.g / exact - 1.0) < 0.08);
        assert_true(fabs(mean.independent - ROWS * LENGTH / mean.g) < 1e-6);
        assert_true(fabs(mean.value) < 4.0 * mean.se);
        assert_true(fabs(variance.g / square - 1.0) < 0.08);
        assert_true(fabs(variance.value - 1.0) < 4.0 * variance.se);
        assert_true(fabs(variance.se / sqrt(2.0 * square / (ROWS * LENGTH)) - 1.0) < 0.1);
    }
    autoregressive(x, ROWS, LENGTH, -0.5, &random); /* swings: never less than 1 */
    assert_true(stat_inefficiency(&s) == 1.0);
    memset(x, 0, sizeof *x * ROWS * LENGTH);
    assert_true(stat_inefficiency(&s) == 1.0);
    free(x);
}

/* Mean, variance and slope over many sets. */
static void test_errors(void **state)
{
    (void)state;
    enum { SETS = 2000, ROWS = 3, LENGTH = 1000 };
    static double x[ROWS * LENGTH];
    const stat_series s = {x, ROWS, LENGTH};
    scores mean = {0}, naive = {0}, variance = {0}, about = {0}, slope = {0};
    uint64_t random = 2;
    for (int k = 0; k < SETS; k++) {
        autoregressive(x, ROWS, LENGTH, 0.8, &random);
        for (int i = 0; i < ROWS * LENGTH; i++) {
            x[i] = 5.0 + 3.0 * x[i];
        }
        const stat_estimate m = stat_average(&s), v = stat_variance(&s);
        const stat_estimate w = stat_variance_about(&s, 5.0);
        scores_add(&mean, (m.value - 5.0) / m.se);
        scores_add(&naive, (m.value - 5.0) / (m.se / sqrt(m.g)));
        scores_add(&variance, (v.value - 9.0) / v.se);
        scores_add(&about, (w.value - 9.0) / w.se);
        for (int i = 0; i < ROWS * LENGTH; i++) { /* rows with offsets of their own */
            x[i] += 0.002 * (i % LENGTH) + 7.0 * (double)(i / LENGTH);
        }
        const stat_estimate b = stat_slope(&s, 0.5);
        scores_add(&slope, (b.value - 0.004) / b.se);
    }
    scores_check(&mean, "mean");
    assert_false(scores_pass(&naive, 1.0)); /* errors that count samples are wrong */
    scores_check(&slope, "slope");
    /* squares are skewed: a small value comes with a small error, so that z has a mean of its own
     */
    assert_true(fabs(variance.sum / SETS) < 0.2 && fabs(variance.squares / SETS - 1.0) < 0.2);
    assert_true(fabs(about.sum / SETS) < 0.2 && fabs(about.squares / SETS - 1.0) < 0.2);
}

static void test_thin(void **state)
{
    (void)state;
    const double x[] = {0, 1, 2, 3, 4, 10, 11, 12, 13, 14};
    const stat_series s = {x, 2, 5};
    double out[10];
    assert_int_equal(stat_thin(&s, 2, out), 6);
    assert_memory_equal(out, ((double[]){0, 2, 4, 10, 12, 14}), 6 * sizeof *out);
    assert_int_equal(stat_thin(&s, 1, out), 10);
    assert_int_equal(stat_thin(&s, 9, out), 2);
}

/* Gamma distribution of this shape. */
static double gamma_cdf(void *user, double x)
{
    return stat_gamma_p(*(double *)user, x);
}

static void test_ks(void **state)
{
    (void)state;
    enum { SETS = 400, N = 500, MANY = 20000 };
    double x[N], shape = 40.0, d, low = 0.0, sum = 0.0;
    uint64_t random = 3;
    for (int k = 0; k < SETS; k++) {
        for (int i = 0; i < N; i++) {
            x[i] = stat_gamma_p_inverse(shape, stat_uniform(&random));
        }
        const double p = stat_ks(x, N, gamma_cdf, &shape, &d);
        assert_true(p >= 0.0 && p <= 1.0 && d > 0.0 && d < 0.2);
        low += p < 0.1;
        sum += p;
    }
    assert_true(fabs(sum / SETS - 0.5) < 4.0 * sqrt(1.0 / 12.0 / SETS)); /* uniform */
    assert_true(fabs(low / SETS - 0.1) < 4.0 * sqrt(0.09 / SETS));
    /* 1 % too warm is seen with enough numbers, and the same numbers in place are not */
    double *many = malloc(MANY * sizeof *many);
    assert_non_null(many);
    for (int warm = 0; warm < 2; warm++) {
        for (int i = 0; i < MANY; i++) {
            many[i] = stat_gamma_p_inverse(shape, stat_uniform(&random)) * (warm ? 1.01 : 1.0);
        }
        const double p = stat_ks(many, MANY, gamma_cdf, &shape, &d);
        assert_true(warm ? p < 1e-4 : p > 1e-3);
    }
    free(many);
    /* the largest distance of five numbers from an exponential distribution, by hand */
    double few[] = {0.9, 0.5, 0.7, 0.95, 0.6}, one = 1.0;
    double (*const exponential)(void *, double) = gamma_cdf;
    stat_ks(few, 5, exponential, &one, &d);
    assert_true(fabs(d - (1.0 - exp(-0.5))) < 1e-12); /* at the first number */
    assert_true(few[0] == 0.5 && few[4] == 0.95);     /* sorted */
}

/* Two normal distributions of one width s and means m0, m1: slope (m1 - m0) / s^2. */
static void test_ratio(void **state)
{
    (void)state;
    enum { SETS = 1000, LENGTH = 1000 };
    static double x[2][LENGTH];
    const stat_series s0 = {x[0], 1, LENGTH}, s1 = {x[1], 1, LENGTH};
    scores plain = {0}, wrong = {0};
    const double width = 0.3, exact = 1.5 / width; /* 1.5 widths apart */
    uint64_t random = 4;
    for (int k = 0; k < SETS; k++) {
        for (int i = 0; i < LENGTH; i++) {
            x[0][i] = -700.0 + width * stat_normal(&random);
            x[1][i] = -700.0 + 1.5 * width + width * stat_normal(&random);
        }
        const stat_estimate e = stat_ratio_slope(&s0, &s1);
        scores_add(&plain, (e.value - exact) / e.se);
        scores_add(&wrong, (e.value - 1.1 * exact) / e.se);
    }
    scores_check(&plain, "ratio");
    assert_false(scores_pass(&wrong, 1.0));
}

/* Gamma distributions, as of energies: p ~ x^(a - 1) e^(-x / t), slope 1 / t0 - 1 / t1, from
 * samples that are each there eight times in a row; that the error knows of it is the point. */
static void test_ratio_correlated(void **state)
{
    (void)state;
    enum { SETS = 200, LENGTH = 4000, REPEATS = 8 };
    static double x[2][LENGTH];
    const stat_series s0 = {x[0], 2, LENGTH / 2}, s1 = {x[1], 2, LENGTH / 2};
    const double a = 30.0, t[2] = {1.0, 1.3};
    const double exact = 1.0 / t[0] - 1.0 / t[1];
    double sum = 0.0, squares = 0.0, g = 0.0;
    uint64_t random = 5;
    for (int k = 0; k < SETS; k++) {
        for (int j = 0; j < 2; j++) {
            for (int i = 0; i < LENGTH; i += REPEATS) {
                const double y = t[j] * stat_gamma_p_inverse(a, stat_uniform(&random));
                for (int r = 0; r < REPEATS; r++) {
                    x[j][i + r] = y;
                }
            }
        }
        const stat_estimate e = stat_ratio_slope(&s0, &s1);
        const double z = (e.value - exact) / e.se;
        g += e.g / SETS;
        sum += z;
        squares += z * z;
    }
    assert_true(g > 7.0 && g < 10.0); /* the larger of two estimates of 8 */
    assert_true(fabs(sum / SETS) < 0.35);
    assert_true(squares / SETS > 0.6 && squares / SETS < 1.4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gamma),
        cmocka_unit_test(test_inefficiency),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_thin),
        cmocka_unit_test(test_ks),
        cmocka_unit_test(test_ratio),
        cmocka_unit_test(test_ratio_correlated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
