/* Time reversal: a run with reversed velocities comes back to where it began, to the last bit, when
 * velocity Verlet runs on a grid (nve:grid=true). That needs forces that are a function of the
 * positions and of nothing else: lists, images, threads and all. Without the grid rounding errors
 * grow with the chaos of the system, so that it does not come back (control).
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "physics/systems.h"

enum { COORDINATES = 3 * 108 };

typedef struct reversal_case {
    const char *name, *model;
    physics_crystal crystal;
    double kelvin, step;
    int64_t steps;
} reversal_case;

static const reversal_case reversal_cases[] = {
    {"lj", PHYSICS_LJ, {"fcc", {3, 3, 3}, 5.6, physics_argon, 1, false, 0.1}, 240, 2, 10000},
    {"emt", "emt", {"fcc", {2, 2, 2}, 3.9, physics_copper_gold, 2, true, 0.05}, 1200, 2, 10000},
    {"sw", "sw", {"diamond", {2, 2, 2}, 5.431, physics_silicon, 1, false, 0.05}, 2000, 1, 10000},
    {"nep", PHYSICS_NEP, {"fcc", {2, 2, 2}, 3.65, physics_copper, 1, false, 0.05}, 1200, 2, 1000},
};

typedef struct reversal_state {
    double r[COORDINATES], v[COORDINATES];
} reversal_state;

static void reversal_keep(const physics_batch *b, int32_t n, reversal_state *s)
{
    physics_view view;
    physics_look(b, 0, &view);
    memcpy(s->r, view.positions, 3 * (size_t)n * sizeof(double));
    memcpy(s->v, view.velocities, 3 * (size_t)n * sizeof(double));
}

/* Steps by one dynamics, reversal, the same number of steps; largest differences from the state
 * after the first step, in steps of the grids, and how far it went. */
static void reversal_go(const reversal_case *c, bool grid, double *dr, double *dv, double *far)
{
    static reversal_state start, there, back;
    const int32_t n = physics_crystal_atoms(&c->crystal);
    char text[64];
    physics_batch b;
    snprintf(text, sizeof text, "nve:timestep=%g,grid=%s", c->step, grid ? "true" : "false");
    physics_open(&b, c->model);
    physics_add_crystals(&b, &c->crystal, 1, 7);
    physics_run run = {.integrator = text, .seed = 5, .temperature = c->kelvin, .steps = 1};
    physics_go(&b, &run, NULL);
    reversal_keep(&b, n, &start);
    run.temperature = 0.0;
    run.steps = c->steps;
    physics_go(&b, &run, NULL);
    reversal_keep(&b, n, &there);
    *dr = *dv = *far = 0.0;
    for (int32_t k = 0; k < 3 * n; k++) {
        *far = fmax(*far, fabs(there.r[k] - start.r[k]));
        there.v[k] = -there.v[k];
    }
    physics_write(&b, ATH_FIELD_VELOCITIES, 0, there.v);
    physics_go(&b, &run, NULL);
    reversal_keep(&b, n, &back);
    for (int32_t k = 0; k < 3 * n; k++) {
        *dr = fmax(*dr, fabs(back.r[k] - start.r[k]) * 0x1p39);
        *dv = fmax(*dv, fabs(back.v[k] + start.v[k]) * 0x1p43);
    }
    physics_close(&b);
}

/* A system that leaves the range of the grid, beside one that does not. */
static void reversal_range(void)
{
    double alone[COORDINATES], beside[COORDINATES];
    int32_t reasons[2] = {0};
    for (int both = 0; both < 2; both++) {
        physics_batch b;
        physics_view view;
        physics_open(&b, PHYSICS_LJ);
        physics_add_crystals(&b, &reversal_cases[0].crystal, 1, 7);
        if (both) {
            ath_system *s = physics_make_crystal(b.ctx, &reversal_cases[0].crystal, 8);
            void *r = NULL;
            if (ath_system_field(s, ATH_FIELD_POSITIONS, &r) < 0) {
                exit(1);
            }
            for (int k = 0; k < COORDINATES; k += 3) { /* whole boxes away: the same forces */
                ((double *)r)[k] += 16.8 * 250.0;
            }
            physics_add(&b, s);
        }
        const physics_run run = {.integrator = "nve:timestep=2,grid=true",
                                 .seed = 5,
                                 .temperature = 100.0,
                                 .steps = 50,
                                 .may_fail = true};
        physics_go(&b, &run, NULL);
        for (int k = 0; k <= both; k++) {
            reasons[k] = physics_reason(&b, k);
        }
        physics_look(&b, 0, &view);
        memcpy(both ? beside : alone, view.positions, sizeof alone);
        physics_close(&b);
    }
    physics_row(reasons[1] == ATH_REASON_NON_FINITE, "1", reasons[1] == ATH_REASON_NON_FINITE,
                "grid: beyond 4096 angstrom: non_finite");
    physics_row(reasons[0] == ATH_REASON_NONE && !memcmp(alone, beside, sizeof alone), "1",
                !memcmp(alone, beside, sizeof alone),
                "grid: the system beside it has the same bits");
}

/* A run that is saved and loaded half way has the bits of one that is not. */
static void reversal_resume(void)
{
    static reversal_state whole, resumed;
    const char *path = "reversal.ath";
    physics_batch b;
    ath_integrator *integrator = NULL;
    ath_status status;
    physics_open(&b, PHYSICS_LJ);
    physics_add_crystals(&b, &reversal_cases[0].crystal, 1, 7);
    ath_dynamics_config config = ath_dynamics_defaults();
    status = ath_integrator_create(b.ctx, "nve:timestep=2,grid=true", &integrator);
    config.model = b.model;
    config.integrator = integrator;
    config.velocities = ATH_VELOCITIES_THERMAL;
    config.temperature = 200.0;
    config.n_threads = 1;
    for (int part = 0; part < 2 && status >= 0; part++) {
        ath_dynamics *dynamics = NULL;
        ath_batch *loaded = NULL;
        status = ath_dynamics_create(b.ctx, &config, &dynamics);
        if (part == 0 && status >= 0) {
            status = ath_dynamics_run(dynamics, b.batch, 300);
            status = status < 0 ? status : ath_dynamics_save(dynamics, b.batch, path);
            status = status < 0 ? status : ath_dynamics_run(dynamics, b.batch, 300);
            reversal_keep(&b, 108, &whole);
        } else if (status >= 0) {
            status = ath_dynamics_load(dynamics, b.device, path, &loaded);
            status = status < 0 ? status : ath_dynamics_run(dynamics, loaded, 300);
            ath_batch_destroy(&b.batch);
            b.batch = loaded;
            reversal_keep(&b, 108, &resumed);
        }
        ath_dynamics_destroy(&dynamics);
    }
    if (status < 0) {
        printf("FAIL  resume: %s\n", ath_context_message(b.ctx));
        exit(1);
    }
    remove(path);
    const bool same = !memcmp(&whole, &resumed, sizeof whole);
    physics_row(same, "1", same, "grid: saved and loaded half way, the same bits");
    ath_integrator_destroy(&integrator);
    physics_close(&b);
}

int main(void)
{
    for (size_t k = 0; k < sizeof reversal_cases / sizeof *reversal_cases; k++) {
        reversal_case one = reversal_cases[k];
        const reversal_case *c = &one;
        double dr, dv, far;
        one.steps = physics_full() ? 10000 : one.steps;
        if (!physics_has_model(c->model)) {
            continue;
        }
        reversal_go(c, true, &dr, &dv, &far);
        physics_row(dr == 0.0 && dv == 0.0 && far > 0.2, "exactly 0 steps of the grid", dr + dv,
                    "reversal, %s, 2 x %d steps (%.2g angstrom away)", c->name, (int)c->steps, far);
        reversal_go(c, false, &dr, &dv, &far);
        physics_row(dr > 0.0 && dv > 0.0, "control: not 0 without the grid", dr,
                    "reversal, %s, 2 x %d steps, free", c->name, (int)c->steps);
    }
    reversal_range();
    reversal_resume();
    return physics_end();
}
