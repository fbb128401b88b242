/* Velocity Verlet conserves an energy that differs from E by terms of dt^2 and higher, so E swings
 * with an amplitude that falls by 4 when the step is halved. Replicas of a system start together
 * for each of four steps, run for the same time, and are recorded at the same times: the ratio of
 * the standard deviations of E (about the mean of each run, pooled) is 4.
 */
#include <math.h>
#include <stdio.h>

#include "physics/systems.h"

enum { STEPS = 4, MAX_REPLICAS = 32 };

typedef struct order_case {
    const char *name, *model;
    physics_crystal crystal;
    double kelvin; /* of the velocities on entry; twice that of the motion, from a crystal */
    double step;   /* the longest, fs; the others are 1/2, 1/4, 1/8 of it */
    int32_t records;
    int32_t small, full; /* replicas */
    bool control;        /* made so that the ratio is not 4 */
} order_case;

/* The control is a potential with a step at its cutoff: no smaller time step makes up for that. */
static const order_case order_cases[] = {
    {.name = "lj",
     .model = PHYSICS_LJ,
     .crystal = {"fcc", {3, 3, 3}, 5.4, physics_argon, 1, false, 0.1},
     .kelvin = 80,
     .step = 4,
     .records = 300,
     .small = 12,
     .full = 32},
    {.name = "emt",
     .model = "emt",
     .crystal = {"fcc", {2, 2, 2}, 3.9, physics_copper_gold, 2, true, 0.05},
     .kelvin = 600,
     .step = 2,
     .records = 150,
     .small = 8,
     .full = 32},
    {.name = "sw",
     .model = "sw",
     .crystal = {"diamond", {2, 2, 2}, 5.431, physics_silicon, 1, false, 0.05},
     .kelvin = 600,
     .step = 1,
     .records = 200,
     .small = 4,
     .full = 32},
    {.name = "nep",
     .model = PHYSICS_NEP,
     .crystal = {"fcc", {2, 2, 2}, 3.65, physics_copper, 1, false, 0.05},
     .kelvin = 600,
     .step = 2,
     .records = 100,
     .small = 4,
     .full = 32},
    {.name = "lj cut off",
     .model = "lj:epsilon=0.0104,sigma=3.4,cutoff=8.5",
     .crystal = {"fcc", {3, 3, 3}, 5.4, physics_argon, 1, false, 0.1},
     .kelvin = 80,
     .step = 4,
     .records = 300,
     .small = 8,
     .full = 32,
     .control = true},
};

/* Variances of the total energy about the mean of each run. */
static void order_variances(const order_case *c, int32_t n, double step, int32_t interval,
                            double *variance)
{
    char text[96];
    physics_batch b;
    physics_table t;
    snprintf(text, sizeof text, "nve:timestep=%.17g", step);
    physics_open(&b, c->model);
    physics_add_crystals(&b, &c->crystal, n, 1);
    const physics_run run = {.integrator = text,
                             .seed = 3,
                             .temperature = c->kelvin,
                             .steps = (int64_t)c->records * interval,
                             .interval = interval,
                             .n_columns = 2};
    physics_go(&b, &run, &t);
    physics_add_column(&t, 0, 1, 1.0);
    for (int32_t k = 0; k < n; k++) {
        const stat_series one = {t.x + k * t.length, 1, t.length};
        const double mean = stat_mean(&one);
        variance[k] = 0.0;
        for (int64_t i = 0; i < t.length; i++) {
            variance[k] += (one.x[i] - mean) * (one.x[i] - mean) / (double)t.length;
        }
    }
    physics_table_free(&t);
    physics_close(&b);
}

/* Ratio of pooled standard deviations, leaving out replica `skip` (-1: none). */
static double order_ratio(const double *coarse, const double *fine, int32_t n, int32_t skip)
{
    double a = 0.0, b = 0.0;
    for (int32_t k = 0; k < n; k++) {
        a += k != skip ? coarse[k] : 0.0;
        b += k != skip ? fine[k] : 0.0;
    }
    return sqrt(a / b);
}

static void order_run(const order_case *c)
{
    const int32_t n = (int32_t)physics_size(c->small, c->full);
    double variance[STEPS][MAX_REPLICAS];
    for (int k = 0; k < STEPS; k++) {
        order_variances(c, n, ldexp(c->step, -k), 1 << k, variance[k]);
    }
    for (int k = 0; k + 1 < STEPS; k++) {
        const double ratio = order_ratio(variance[k], variance[k + 1], n, -1);
        double se = 0.0; /* jackknife over replicas */
        for (int32_t j = 0; j < n; j++) {
            const double d = order_ratio(variance[k], variance[k + 1], n, j) - ratio;
            se += d * d * (n - 1) / n;
        }
        se = sqrt(se);
        const double bound = 0.08;
        const bool is_four = fabs(ratio - 4.0) <= bound;
        char goal[96];
        snprintf(goal, sizeof goal, "%s4 within %.2f (standard error %.4f)",
                 c->control ? "control: not " : "", bound, se);
        physics_row(is_four != c->control && (se < 0.02 || c->control), goal, ratio,
                    "energy deviation, %s, %d replicas, %g fs / %g fs", c->name, (int)n,
                    ldexp(c->step, -k), ldexp(c->step, -k - 1));
    }
}

int main(void)
{
    for (size_t k = 0; k < sizeof order_cases / sizeof *order_cases; k++) {
        if (physics_has_model(order_cases[k].model)) {
            order_run(&order_cases[k]);
        }
    }
    return physics_end();
}
