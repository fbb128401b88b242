/* Conserved quantities: the energy of the system and of what is coupled to it (the core field
 * `bath`, where the library has one). Over a long run it has no drift, and its swing falls with
 * dt^2. What a stochastic scheme conserves does drift, by an amount that falls at least as dt^2;
 * for that to be seen the larger step is close to the largest possible one, and the thermostat is
 * strong.
 *
 * Argon, 32 atoms, about 150 K.
 */
#include <math.h>
#include <stdio.h>

#include "physics/schemes.h"
#include "physics/systems.h"

static void conserved_record(void *user, const physics_view *view, double *columns)
{
    (void)user;
    columns[0] = view->potential + view->kinetic + view->bath;
}

/* Variance within windows, for a scheme that is not a Hamiltonian flow also walks at random, with
 * steps of a higher order of dt. */
static double conserved_swing(const stat_series *s)
{
    enum { WINDOW = 20 };
    double sum = 0.0;
    int64_t n = 0;
    for (int32_t k = 0; k < s->n_series; k++) {
        for (int64_t i = 0; i + WINDOW <= s->length; i += WINDOW) {
            const double *x = s->x + k * s->length + i;
            double mean = 0.0;
            for (int64_t w = 0; w < WINDOW; w++) {
                mean += x[w] / WINDOW;
            }
            for (int64_t w = 0; w < WINDOW; w++) {
                sum += (x[w] - mean) * (x[w] - mean);
            }
            n += WINDOW - 1;
        }
    }
    return sum / (double)n;
}

/* Slope in eV/ns and swing in eV of runs of the same number of steps. */
static void conserved_measure(const physics_conserved *c, double step, stat_estimate *slope,
                              double *swing)
{
    char text[200];
    physics_batch b;
    physics_table t;
    snprintf(text, sizeof text, c->text, step, physics_drop_kelvin);
    physics_open(&b, PHYSICS_LJ_SHORT);
    physics_add_crystals(&b, &physics_drop, (int32_t)physics_size(16, 32), 61);
    physics_melt(&b, physics_drop_kelvin);
    /* to the same place in time, and long enough for a box to find its size */
    physics_run run = {.integrator = text, .seed = 62, .steps = (int64_t)(8000.0 / step)};
    physics_go(&b, &run, NULL);
    run.seed = 63;
    /* the same records, and the same time */
    run.interval = (int64_t)(fmax(40.0, 2.0 * c->step) / step);
    run.steps = (int64_t)((double)physics_size(20000, 100000) * c->step / step);
    run.n_columns = 1;
    run.record = conserved_record;
    physics_go(&b, &run, &t);
    const stat_series s = physics_column(&t, 0);
    *slope = stat_slope(&s, (double)run.interval * step * 1e-6);
    *swing = sqrt(conserved_swing(&s));
    physics_table_free(&t);
    physics_close(&b);
}

/* Slopes at a step and at half of it, of a stochastic scheme. */
static void conserved_drift(const physics_conserved *c, const stat_estimate slope[2])
{
    const double error = hypot(slope[0].se, 4.0 * slope[1].se);
    char goal[160];
    for (int k = 0; k < 2; k++) {
        physics_note("%s, %g fs: drift %.4g eV/ns, error %.2g", c->name, c->step / (k + 1),
                     slope[k].value, slope[k].se);
    }
    snprintf(goal, sizeof goal, "|slope| at %g fs >= 4 |slope| at %g fs - 4 errors (%.2g)", c->step,
             0.5 * c->step, error);
    physics_row(fabs(slope[0].value) >= 4.0 * fabs(slope[1].value) - 4.0 * error, goal,
                slope[0].value / slope[1].value, "conserved, %s, ratio of drifts", c->name);
    if (physics_full()) { /* else the row above says nothing */
        snprintf(goal, sizeof goal, "more than 4 standard errors (%.2g)", slope[0].se);
        physics_row(fabs(slope[0].value) > 4.0 * slope[0].se, goal, slope[0].value,
                    "conserved, %s, %g fs, slope, eV/ns", c->name, c->step);
    }
}

static void conserved_run(const physics_conserved *c)
{
    const double step = c->step;
    stat_estimate slope[2];
    double swing[2];
    char goal[120];
    for (int k = 0; k < 2; k++) {
        conserved_measure(c, k ? 0.5 * step : step, &slope[k], &swing[k]);
    }
    if (c->stochastic) {
        conserved_drift(c, slope);
        return;
    }
    for (int k = 0; k < 2; k++) {
        snprintf(goal, sizeof goal, "0 within 4 standard errors (%.2g)", slope[k].se);
        physics_row(fabs(slope[k].value) <= 4.0 * slope[k].se, goal, slope[k].value,
                    "conserved, %s, %g fs, slope, eV/ns", c->name, k ? 0.5 * step : step);
    }
    physics_row(fabs(swing[0] / swing[1] - 4.0) < 0.2, "4 within 0.2", swing[0] / swing[1],
                "conserved, %s, swing at %g fs / %g fs", c->name, step, 0.5 * step);
}

int main(void)
{
    for (const physics_conserved *c = schemes_conserved; c->name; c++) {
        conserved_run(c);
    }
    return physics_end();
}
