/* Statistics and plots of the program (cli/statistics.c, cli/plot.c): against closed forms, tables
 * and series of known correlation.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plot.h"
#include "statistics.h"

static uint64_t numbers_state = 1;

static double numbers_uniform(void)
{
    uint64_t z = numbers_state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static double numbers_normal(void)
{
    return sqrt(-2.0 * log(1.0 - numbers_uniform())) * cos(6.283185307179586 * numbers_uniform());
}

enum { NUMBERS = 40000 };
static double numbers[NUMBERS], times[NUMBERS], work[NUMBERS];

/* x_k+1 = c x_k + sqrt(1 - c^2) xi has correlations c^t: g = (1 + c) / (1 - c). */
static void numbers_fill(double c)
{
    double x = numbers_normal();
    for (int k = 0; k < NUMBERS; k++) {
        numbers[k] = x;
        times[k] = k;
        x = c * x + sqrt(1.0 - c * c) * numbers_normal();
    }
}

static void test_moments(void **state)
{
    const double x[4] = {1.0, 2.0, 3.0, 6.0};
    (void)state;
    assert_true(fabs(cli_mean(x, 4) - 3.0) < 1e-15);
    assert_true(fabs(cli_variance(x, 4) - 14.0 / 3.0) < 1e-15);
    assert_true(cli_mean(x, 0) == 0.0 && cli_variance(x, 1) == 0.0);
}

static void test_inefficiency(void **state)
{
    (void)state;
    static const double correlations[] = {0.0, 0.5, 0.9, 0.95};
    for (int k = 0; k < 4; k++) {
        const double c = correlations[k], g = (1.0 + c) / (1.0 - c);
        numbers_fill(c);
        assert_true(fabs(cli_inefficiency(numbers, NUMBERS) / g - 1.0) < 0.15);
    }
    numbers_fill(-0.8); /* better than independent, and not taken for it */
    assert_true(cli_inefficiency(numbers, NUMBERS) == 1.0);
    memset(numbers, 0, sizeof numbers);
    assert_true(cli_inefficiency(numbers, NUMBERS) == 1.0);
}

/* The standard error of the slope is the spread of slopes over many series. */
static void test_line(void **state)
{
    enum { N = 400, RUNS = NUMBERS / N };
    double squares = 0.0, expected = 0.0;
    (void)state;
    for (int k = 0; k < N; k++) {
        times[k] = 0.5 * k;
        numbers[k] = 3.0 - 0.25 * times[k];
    }
    cli_line line = cli_line_fit(times, numbers, N, work);
    assert_true(fabs(line.slope + 0.25) < 1e-14 && fabs(line.intercept - 3.0) < 1e-12);
    assert_true(line.slope_error < 1e-14);
    line.slope_error = 2.0; /* times (0.5 k - 99.75): in the middle the error of the mean is left */
    assert_true(fabs(cli_line_error(&line, times, N, 99.75) / 2.0 - 0.5 * sqrt(13333.25)) < 1e-9);
    assert_true(fabs(cli_line_error(&line, times, N, 99.75 + 1e6) / 2e6 - 1.0) < 1e-6);
    numbers_fill(0.8);
    for (int r = 0; r < RUNS; r++) {
        line = cli_line_fit(times, numbers + (size_t)r * N, N, work);
        squares += line.slope * line.slope;
        expected += line.slope_error * line.slope_error;
    }
    assert_true(fabs(sqrt(squares / expected) - 1.0) < 0.25);
    line = cli_line_fit(times, numbers, 2, work);
    assert_true(line.slope == 0.0 && line.slope_error == 0.0);
}

/* P(1, x) = 1 - exp(-x), P(1/2, x) = erf(sqrt(x)), P(a + 1, x) = P(a, x) - x^a e^-x / Gamma(a + 1).
 */
static void test_gamma(void **state)
{
    (void)state;
    for (double x = 0.01; x < 60.0; x *= 1.3) {
        assert_true(fabs(cli_gamma_p(1.0, x) + expm1(-x)) < 1e-14);
        assert_true(fabs(cli_gamma_p(0.5, x) - erf(sqrt(x))) < 1e-14);
        for (double a = 0.5; a < 300.0; a = 3.0 * a + 0.3) {
            const double step = exp(a * log(x) - x - lgamma(a + 1.0));
            assert_true(fabs(cli_gamma_p(a, x) - cli_gamma_p(a + 1.0, x) - step) < 1e-12);
        }
    }
    assert_true(cli_gamma_p(2.0, 0.0) == 0.0 && cli_gamma_p(2.0, -1.0) == 0.0);
    assert_true(isnan(cli_gamma_p(2.0, (double)NAN)));
    assert_true(fabs(cli_gamma_p(1e5, 1e5) - 0.5004205221) < 1e-9);
    const double h = 1e-5; /* the density is the derivative */
    const double slope = (cli_gamma_cdf(3.5, 2.0, 5.0 + h) - cli_gamma_cdf(3.5, 2.0, 5.0 - h)) / h;
    assert_true(fabs(0.5 * slope - cli_gamma_density(3.5, 2.0, 5.0)) < 1e-9);
}

static double numbers_cdf(const void *user, double x)
{
    const double *power = user;
    return x < 0.0 ? 0.0 : x > 1.0 ? 1.0 : pow(x, *power);
}

/* p is uniform for the right distribution, and small for a wrong one. */
static void test_kolmogorov_smirnov(void **state)
{
    enum { N = 50, RUNS = 2000 };
    const double right = 1.0, wrong = 2.0;
    double x[N], distance = 0.0;
    int below[3] = {0};
    (void)state;
    for (int r = 0; r < RUNS; r++) {
        for (int k = 0; k < N; k++) {
            x[k] = numbers_uniform();
        }
        const double p = cli_ks_p(x, N, numbers_cdf, &right, &distance);
        assert_true(distance > 0.0 && distance < 1.0);
        below[0] += p < 0.05;
        below[1] += p < 0.5;
        below[2] += cli_ks_p(x, N, numbers_cdf, &wrong, NULL) < 0.05;
    }
    assert_in_range(below[0], 60, 140);
    assert_in_range(below[1], 900, 1100);
    assert_true(below[2] > 1800);
    assert_true(cli_ks_p(x, 0, numbers_cdf, &right, NULL) == 1.0);
    /* critical value of the limit: sqrt(n) d = 1.3581 for p = 0.05 */
    static double even[10000];
    for (int k = 0; k < 10000; k++) {
        even[k] = (k + 0.5) / 10000.0 + 0.013581 - 0.5 / 10000.0;
    }
    const double p = cli_ks_p(even, 10000, numbers_cdf, &right, &distance);
    assert_true(fabs(distance - 0.013581) < 1e-9);
    assert_true(fabs(p - 0.05) < 1e-3);
}

/* n values of a normal number with mean `shift` and variance 1 that remembers `memory` of itself.
 */
static void numbers_walk(double *x, size_t n, double memory, double shift)
{
    double y = numbers_normal();
    for (size_t i = 0; i < n; i++) {
        y = memory * y + sqrt(1.0 - memory * memory) * numbers_normal();
        x[i] = shift + y;
    }
}

/* Normal numbers that are apart by d have a ratio of slope d. Over many pairs of correlated samples
 * z is as large as a normal number for the right slope, and large for a wrong one; and the error is
 * the spread. Both are a little too careful: what the slope depends on forgets sooner than x. */
static void test_ratio(void **state)
{
    enum { N = 4000, RUNS = 300 };
    static const double memory = 0.9, d = 1.5;
    static double x[2][N];
    double z1 = 0.0, z2 = 0.0, error = 0.0, slope = 0.0, square = 0.0, wrong = 0.0;
    double constant = 0.0;
    int beyond = 0;
    (void)state;
    for (int r = 0; r < RUNS; r++) {
        cli_sample s[2];
        for (int k = 0; k < 2; k++) {
            numbers_walk(x[k], N, memory, 10.0 + k * d);
            s[k] = (cli_sample){x[k], N, cli_inefficiency(x[k], N)};
        }
        const cli_ratio ratio = cli_ratio_fit(&s[0], &s[1], d);
        z1 += ratio.z / RUNS;
        z2 += ratio.z * ratio.z / RUNS;
        error += ratio.slope_error / RUNS;
        constant += ratio.constant / RUNS;
        slope += ratio.slope / RUNS;
        square += (ratio.slope - d) * (ratio.slope - d) / RUNS;
        wrong += cli_ratio_fit(&s[0], &s[1], 2.0 * d).z / RUNS;
        beyond += fabs(ratio.z) > 3.5;
    }
    assert_true(fabs(z1) < 0.25);
    assert_true(z2 > 0.55 && z2 < 1.1);
    assert_true(fabs(slope / d - 1.0) < 0.03);
    assert_true(error > 0.95 * sqrt(square) && error < 1.4 * sqrt(square));
    assert_true(wrong < -5.0);
    assert_true(fabs(constant + 10.0 * d + 0.5 * d * d) < 0.03); /* ln of two normal densities */
    assert_in_range(beyond, 0, 2);
    /* samples that are apart, one value, none at all */
    const double low[3] = {1.0, 2.0, 3.0}, high[3] = {11.0, 12.0, 13.0};
    const cli_sample a = {low, 3, 1.0}, b = {high, 3, 1.0}, c = {low, 1, 1.0}, none = {low, 0, 1.0};
    assert_true(cli_ratio_fit(&a, &b, 0.1).z > 0.5 && isfinite(cli_ratio_fit(&a, &b, 0.1).z));
    assert_true(isnan(cli_ratio_fit(&c, &c, 1.0).z));
    assert_true(isnan(cli_ratio_fit(&none, &a, 1.0).slope));
}

/* ---- plots ---- */

typedef struct text {
    char *data;
    size_t size;
} text;

static void text_add(void *user, const char *data, size_t bytes)
{
    text *t = user;
    char *more = realloc(t->data, t->size + bytes + 1);
    assert_non_null(more);
    memcpy(more + t->size, data, bytes);
    t->data = more;
    t->size += bytes;
    t->data[t->size] = '\0';
}

static int text_count(const char *in, const char *what)
{
    int n = 0;
    for (; (in = strstr(in, what)) != NULL; in++) {
        n++;
    }
    return n;
}

/* Every tag is closed, and no number is missing. */
static void text_check(const text *t)
{
    assert_true(strncmp(t->data, "<svg ", 5) == 0);
    assert_string_equal(t->data + t->size - 7, "</svg>\n");
    assert_int_equal(text_count(t->data, "<text"), text_count(t->data, "</text>"));
    assert_int_equal(text_count(t->data, "<g "), text_count(t->data, "</g>"));
    assert_int_equal(text_count(t->data, "nan"), 0);
    assert_int_equal(text_count(t->data, "inf"), 0);
    assert_int_equal(text_count(t->data, "<"), text_count(t->data, ">"));
}

static void test_plot(void **state)
{
    const double x[5] = {0.0, 1.0, 2.0, 3.0, 4.0};
    const double y[5] = {0.0, 2e-7, (double)NAN, 4e-7, 8e-7};
    const cli_plot_series series[3] = {
        {"a < b & \"c\"", CLI_PLOT_LINE, x, y, 5, 0.0, NULL, false},
        {"points", CLI_PLOT_POINTS, x, y, 5, 0.0, NULL, false},
        {NULL, CLI_PLOT_BARS, x, y, 5, 0.5, NULL, false},
    };
    const cli_plot plot = {.title = "one\ntwo>",
                           .x_label = "t, ps",
                           .y_label = "E, eV",
                           .series = series,
                           .n_series = 3};
    text t = {0};
    (void)state;
    cli_plot_svg(&plot, text_add, &t);
    text_check(&t);
    assert_non_null(strstr(t.data, "one two&gt;"));
    assert_non_null(strstr(t.data, "a &lt; b &amp; &quot;c&quot;"));
    assert_non_null(strstr(t.data, "width=\"640\" height=\"400\""));
    assert_non_null(strstr(t.data, "&#215; 10&#8315;&#8311;")); /* 10^-7 */
    assert_int_equal(text_count(t.data, "<circle"), 4);
    free(t.data);
    const cli_plot one = {.series = series, .n_series = 1};
    t = (text){0};
    cli_plot_svg(&one, text_add, &t);
    text_check(&t);
    assert_int_equal(text_count(t.data, "d=\"M74.0 348.0L"), 1); /* from the origin */
    free(t.data);
}

/* A band has two edges and the colour of its line, points have bars; a legend covers nothing. */
static void test_plot_band(void **state)
{
    const double x[3] = {0.0, 1.0, 2.0}, y[3] = {0.0, 1.0, 2.0}, error[3] = {0.5, 0.0, 0.5};
    const cli_plot_series series[3] = {
        {.kind = CLI_PLOT_BAND, .x = x, .y = y, .n = 3, .error = error},
        {.label = "line", .kind = CLI_PLOT_LINE, .x = x, .y = y, .n = 3, .same = true},
        {.label = "points", .kind = CLI_PLOT_POINTS, .x = x, .y = y, .n = 3, .error = error},
    };
    cli_plot plot = {.series = series, .n_series = 1};
    double top = 0.0, first = 0.0;
    text t = {0};
    (void)state;
    cli_plot_svg(&plot, text_add, &t);
    text_check(&t);
    const char *path = strstr(t.data, "fill-opacity=\"0.25\" d=\"");
    assert_non_null(path);
    const char *end = strchr(path + 24, '"');
    char edge[256] = "";
    memcpy(edge, path, (size_t)(end - path));
    assert_int_equal(text_count(edge, "L"), 5); /* six corners */
    assert_int_equal(sscanf(strstr(edge, "M") + 1, "%lf %lf", &first, &top), 2);
    const double upper = top; /* of the left end: y = 0.5 */
    free(t.data);
    plot.n_series = 3;
    t = (text){0};
    cli_plot_svg(&plot, text_add, &t);
    text_check(&t);
    assert_int_equal(text_count(t.data, "stroke=\"#0072b2\""), 2); /* the line, and its key */
    assert_int_equal(text_count(t.data, "<path stroke=\"#d55e00\" d=\"M"), 3);
    assert_int_equal(
        sscanf(strstr(t.data, "fill-opacity=\"0.25\" d=\"M") + 24, "%lf %lf", &first, &top), 2);
    assert_true(top > upper + 10.0); /* everything lies lower: the legend is above it */
    free(t.data);
}

/* Nothing, one point, equal values, huge and tiny ones: always a plot with ticks. */
static void test_plot_extremes(void **state)
{
    static const double values[][2] = {{0.0, 0.0},       {5.0, 5.0},       {-1e300, 1e300},
                                       {1e-300, 2e-300}, {1e9, 1e9 + 1.0}, {-3.0, -2.0}};
    (void)state;
    for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
        for (size_t n = 0; n <= 2; n++) {
            const cli_plot_series series = {"s", CLI_PLOT_LINE, values[k], values[k],
                                            n,   0.0,           NULL,      false};
            const cli_plot plot = {.series = &series, .n_series = 1};
            text t = {0};
            cli_plot_svg(&plot, text_add, &t);
            text_check(&t);
            assert_in_range(text_count(t.data, "class=\"grid\""), 4, 40);
            free(t.data);
        }
    }
}

/* Logarithmic axes: whole decades, with the numbers at them, and points where they belong. */
static void test_plot_log(void **state)
{
    const double x[3] = {-2.5, 0.0, 1.2}, y[3] = {3.0, 6.5, 7.0};
    const cli_plot_series series = {NULL, CLI_PLOT_POINTS, x, y, 3, 0.0, NULL, false};
    const cli_plot plot = {.series = &series, .n_series = 1, .log_x = true, .log_y = true};
    text t = {0};
    (void)state;
    cli_plot_svg(&plot, text_add, &t);
    text_check(&t);
    assert_non_null(strstr(t.data, ">0.001</text>"));
    assert_non_null(strstr(t.data, ">1</text>"));
    assert_non_null(strstr(t.data, ">100</text>"));
    assert_non_null(strstr(t.data, ">1000</text>"));
    assert_non_null(strstr(t.data, ">10&#8309;</text>"));
    assert_int_equal(text_count(t.data, "class=\"grid\""), 6 + 5);
    /* x from -3 to 2 over 548 pixels from 74 on, y from 3 to 7 over 332 from 348 up */
    assert_non_null(strstr(t.data, "<circle cx=\"128.8\" cy=\"348.0\""));
    assert_non_null(strstr(t.data, "<circle cx=\"402.8\" cy=\"57.5\""));
    free(t.data);
    const cli_plot_series none = {NULL, CLI_PLOT_POINTS, x, y, 0, 0.0, NULL, false};
    const cli_plot empty = {.series = &none, .n_series = 1, .log_x = true};
    t = (text){0};
    cli_plot_svg(&empty, text_add, &t);
    text_check(&t);
    free(t.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moments),
        cmocka_unit_test(test_inefficiency),
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_gamma),
        cmocka_unit_test(test_kolmogorov_smirnov),
        cmocka_unit_test(test_ratio),
        cmocka_unit_test(test_plot),
        cmocka_unit_test(test_plot_band),
        cmocka_unit_test(test_plot_extremes),
        cmocka_unit_test(test_plot_log),
    };
    return cmocka_run_group_tests_name("statistics and plots", tests, NULL, NULL);
}
