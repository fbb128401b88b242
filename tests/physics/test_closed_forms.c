/* Thermostats in harmonic wells, where everything is known: single oscillators and an Einstein
 * crystal. With n atoms the potential and the kinetic energy are each gamma distributed with shape
 * 3 n / 2: mean 3 n kT / 2 and variance 3 n (kT)^2 / 2, which are <x^2> = kT / k, <v^2> = kT / m
 * and their variances.
 *
 * With a finite step dt the splitting of langevin.h gives <x^2> as it is and <v^2> too small by
 * (w dt)^2 / 4, 1e-4 here; others are off by as much.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "physics/schemes.h"
#include "physics/systems.h"

static const double forms_kelvin = 300.0;

typedef struct forms_case {
    const char *name;
    int32_t atoms, replicas;
} forms_case;

static const forms_case forms_cases[] = {{"oscillator", 1, 256}, {"Einstein crystal", 16, 64}};

/* Mean within 0.5 % and variance within 2 %, and both within 4 standard errors. */
static void forms_rows(const char *name, const stat_series *s, double shape)
{
    const stat_estimate mean = stat_average(s), width = stat_variance(s);
    char goal[120];
    const double errors[2] = {mean.se / shape, width.se / shape};
    const double off[2] = {mean.value / shape - 1.0, width.value / shape - 1.0};
    for (int k = 0; k < 2; k++) {
        const double bound = physics_full() ? (k ? 0.02 : 0.005) : 1.0;
        snprintf(goal, sizeof goal, "1, |z| <= 4%s (z %.2f, error %.3f %%, %.0f independent)",
                 physics_full() ? (k ? ", 2 %" : ", 0.5 %") : "", off[k] / errors[k],
                 100.0 * errors[k], k ? width.independent : mean.independent);
        physics_row(fabs(off[k]) <= fmin(bound, 4.0 * errors[k]) &&
                        errors[k] < (physics_full() ? 0.25 * bound : 0.02),
                    goal, 1.0 + off[k], "%s, %s", name, k ? "variance" : "mean");
    }
}

static void forms_run(const physics_scheme *scheme, const forms_case *c)
{
    char text[160], name[96];
    physics_batch b;
    physics_table t;
    const physics_crystal crystal = {"sc", {c->atoms, 1, 1}, 5.0, physics_argon, 1, false, 0.1};
    physics_open(&b, "harmonic:k=0.1,spacing=5");
    physics_add_crystals(&b, &crystal, c->replicas, 1);
    snprintf(text, sizeof text, scheme->text, forms_kelvin);
    physics_run run = {.integrator = text, .seed = 11, .steps = 1000};
    physics_go(&b, &run, NULL);
    run.seed = 12;
    run.interval = 25;
    run.n_columns = 2;
    run.steps = run.interval * physics_size(1000, 8000);
    physics_go(&b, &run, &t);
    const double kt = ATH_BOLTZMANN * forms_kelvin;
    for (int k = 0; k < 2; k++) {
        const stat_series s = physics_column(&t, k);
        for (int64_t i = 0; i < s.n_series * s.length; i++) {
            t.x[k * s.n_series * s.length + i] /= kt;
        }
        snprintf(name, sizeof name, "%s, %s, %s", scheme->name, c->name, k ? "m v^2" : "k x^2");
        forms_rows(name, &s, 1.5 * c->atoms);
    }
    physics_table_free(&t);
    physics_close(&b);
}

/* The total energy of an Einstein crystal, for schemes that know no more: gamma of shape 3 n. */
static void forms_total(const physics_scheme *scheme)
{
    char text[160], name[96];
    physics_batch b;
    physics_table t;
    const forms_case *c = &forms_cases[1];
    const physics_crystal crystal = {"sc", {c->atoms, 1, 1}, 5.0, physics_argon, 1, false, 0.1};
    physics_open(&b, "harmonic:k=0.1,spacing=5");
    physics_add_crystals(&b, &crystal, c->replicas, 1);
    snprintf(text, sizeof text, scheme->text, forms_kelvin);
    physics_run run = {.integrator = text, .seed = 11, .steps = 1000, .temperature = forms_kelvin};
    physics_go(&b, &run, NULL);
    run.seed = 12;
    run.temperature = 0.0;
    run.interval = 25;
    run.n_columns = 2;
    run.steps = run.interval * physics_size(1000, 8000);
    physics_go(&b, &run, &t);
    physics_add_column(&t, 0, 1, 1.0);
    const stat_series s = physics_column(&t, 0);
    for (int64_t i = 0; i < s.n_series * s.length; i++) {
        t.x[i] /= ATH_BOLTZMANN * forms_kelvin;
    }
    snprintf(name, sizeof name, "%s, %s, total energy", scheme->name, c->name);
    forms_rows(name, &s, 3.0 * c->atoms);
    physics_table_free(&t);
    physics_close(&b);
}

static void forms_record_volume(void *user, const physics_view *view, double *columns)
{
    const double *c = view->cell;
    (void)user;
    columns[0] = c[0] * (c[4] * c[8] - c[5] * c[7]) - c[1] * (c[3] * c[8] - c[5] * c[6]) +
                 c[2] * (c[3] * c[7] - c[4] * c[6]);
}

/* An ideal gas of n atoms at constant pressure: P V / kT has the gamma distribution of shape n + 1
 * where the centre of mass is free. The model's atoms do not feel one another. */
static void forms_gas(void)
{
    enum { ATOMS = 27 };
    static const double gpa = 0.02;
    char text[300];
    physics_batch b;
    physics_table t;
    const physics_crystal crystal = {"sc", {3, 3, 3}, 6.0, physics_argon, 1, false, 0.1};
    physics_open(&b, "lj:epsilon=1e-12,sigma=0.001,cutoff=0.5");
    physics_add_crystals(&b, &crystal, 64, 1);
    snprintf(text, sizeof text,
             "crescale:timestep=10,temperature=%.17g,pressure=%.17g,tau_p=2000,compressibility=50,"
             "thermostat=langevin,friction=0.01",
             forms_kelvin, gpa);
    physics_run run = {.integrator = text, .seed = 11, .steps = 5000, .temperature = forms_kelvin};
    physics_go(&b, &run, NULL);
    run.seed = 12;
    run.temperature = 0.0;
    run.interval = 50;
    run.n_columns = 1;
    run.record = forms_record_volume;
    run.steps = run.interval * physics_size(1500, 40000);
    physics_go(&b, &run, &t);
    const stat_series s = physics_column(&t, 0);
    for (int64_t i = 0; i < s.n_series * s.length; i++) {
        t.x[i] *= gpa / ATH_GPA_PER_EV_A3 / (ATH_BOLTZMANN * forms_kelvin);
    }
    forms_rows("crescale with langevin, ideal gas, P V / kT", &s, ATOMS + 1.0);
    physics_table_free(&t);
    physics_close(&b);
}

int main(void)
{
    for (const physics_scheme *s = schemes_nvt; s->name; s++) {
        for (size_t k = 0; k < 2; k++) {
            if (!s->control && !s->totals) {
                forms_run(s, &forms_cases[k]);
            }
        }
        if (!s->control && s->totals && !s->chaos) {
            forms_total(s);
        }
    }
    forms_gas();
    return physics_end();
}
