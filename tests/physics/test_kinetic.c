/* The kinetic energy of liquid argon under each thermostat: with f degrees of freedom 2 K / kT is
 * chi-squared with f of them, so K / kT is gamma distributed with shape f / 2, whatever the forces.
 * Mean, width, and the whole distribution (Kolmogorov and Smirnov), of samples whose correlation is
 * counted. Schemes that are wrong by 1 % fail.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "physics/schemes.h"
#include "physics/systems.h"

static double kinetic_cdf(void *user, double x)
{
    return stat_gamma_p(*(double *)user, x);
}

/* Prints a row, or counts whether it would fail. */
typedef struct kinetic_rows {
    const physics_scheme *scheme;
    int n_failed;
} kinetic_rows;

static void kinetic_row(kinetic_rows *rows, bool pass, const char *goal, double value,
                        const char *what)
{
    if (rows->scheme->control) {
        physics_note("%s: %s %g: %s", rows->scheme->name, what, value, pass ? "passes" : "fails");
        rows->n_failed += !pass;
    } else {
        physics_row(pass, goal, value, "kinetic energy, %s, %s", rows->scheme->name, what);
    }
}

static void kinetic_check(const physics_scheme *scheme, const stat_series *s, double shape)
{
    kinetic_rows rows = {scheme, 0};
    const stat_estimate mean = stat_average(s), width = stat_variance(s);
    const double error = 100.0 * mean.se / shape, off = 100.0 * (mean.value / shape - 1.0);
    const double limit = physics_full() ? 0.075 : 0.2;
    const int64_t stride = (int64_t)ceil(2.0 * mean.g);
    double *x = malloc((size_t)(s->n_series * s->length) * sizeof *x), d = 0.0, cdf_shape = shape;
    char goal[120];
    if (!x) {
        abort();
    }
    snprintf(goal, sizeof goal, "1, |z| <= 4 (z %.2f, error %.3f %% <= %.3f, %.0f independent)",
             off / error, error, limit, mean.independent);
    kinetic_row(&rows, fabs(off / error) <= 4.0 && error <= limit, goal, 1.0 + 0.01 * off,
                "mean / exact");
    const double z = (width.value - shape) / width.se;
    snprintf(goal, sizeof goal, "1, |z| <= 4 (z %.2f, error %.2f %%)", z, 100.0 * width.se / shape);
    kinetic_row(&rows, fabs(z) <= 4.0, goal, width.value / shape, "variance / exact");
    const int64_t n = stat_thin(s, stride, x);
    const double p = stat_ks(x, n, kinetic_cdf, &cdf_shape, &d);
    snprintf(goal, sizeof goal, "p > 1e-4 (%lld samples, D %.4f)", (long long)n, d);
    kinetic_row(&rows, p > 1e-4, goal, p, "Kolmogorov-Smirnov p");
    if (scheme->control) {
        physics_row(rows.n_failed > 0, "control: at least one fails", rows.n_failed,
                    "kinetic energy, %s, failures", scheme->name);
    }
    free(x);
}

static void kinetic_run(const physics_scheme *scheme)
{
    const int32_t replicas = (int32_t)physics_size(64, 256);
    const double kt = ATH_BOLTZMANN * physics_drop_kelvin;
    char text[160];
    physics_batch b;
    physics_table t;
    snprintf(text, sizeof text, scheme->text,
             physics_drop_kelvin * (scheme->warmer > 0.0 ? scheme->warmer : 1.0));
    physics_open(&b, PHYSICS_LJ_SHORT);
    physics_add_crystals(&b, &physics_drop, replicas, 1);
    physics_melt(&b, physics_drop_kelvin);
    /* schemes that keep the centre of mass at rest begin with it at rest */
    physics_run run = {.integrator = text,
                       .seed = 21,
                       .steps = 400,
                       .temperature = scheme->removed ? physics_drop_kelvin : 0.0};
    physics_go(&b, &run, NULL);
    run.seed = 22;
    run.temperature = 0.0;
    run.interval = 25;
    run.steps = run.interval * physics_size(200, 450);
    run.n_columns = 2;
    physics_go(&b, &run, &t);
    const stat_series s = physics_column(&t, 1);
    for (int64_t i = 0; i < s.n_series * s.length; i++) {
        t.x[s.n_series * s.length + i] /= kt;
    }
    kinetic_check(scheme, &s, 0.5 * (3.0 * physics_crystal_atoms(&physics_drop) - scheme->removed));
    physics_table_free(&t);
    physics_close(&b);
}

int main(void)
{
    for (const physics_scheme *s = schemes_nvt; s->name; s++) {
        kinetic_run(s);
    }
    return physics_end();
}
