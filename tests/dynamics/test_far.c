/* Crystals of 21,952 atoms far from the temperature of their thermostat: chains drive the first of
 * their thermostats by sqrt(degrees of freedom) too fast for the substeps asked for. What is
 * conserved is, the better the smaller the step, and the crystal comes to its temperature.
 */
#include "dynamics/structures.h"

#include <math.h>
#include <stdio.h>

#include <athanor/dynamics.h>
#include <athanor/hooks.h>
#include <athanor/units.h>

enum { SIDE = 28, ATOMS = SIDE * SIDE * SIDE };

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { SLOWER = 10 };
#else
enum { SLOWER = 1 };
#endif

static const double target = 60.0; /* K; tau is 40 fs */

/* What the log says. */
typedef struct course {
    int64_t rows, late;
    double conserved, error; /* eV, the first one; largest difference from it */
    double mean;             /* K, over the rows from `late` on */
} course;

static ath_status course_row(void *user, const ath_log_row *row)
{
    course *c = user;
    if (c->rows++ == 0) {
        c->conserved = row->thermo.conserved;
    }
    const double error = fabs(row->thermo.conserved - c->conserved);
    c->error = error <= c->error ? c->error : error; /* NaN stays */
    if (row->step >= c->late) {
        c->mean += row->temperature;
    }
    return ATH_OK;
}

/* Steps of `timestep` fs from velocities of `kelvin`. */
static course run(const char *integrator, double kelvin, double timestep, int64_t steps)
{
    ath_context *ctx = NULL;
    ath_device *device = NULL;
    ath_model *model = NULL;
    ath_integrator *scheme = NULL;
    ath_batch *batch = NULL;
    ath_dynamics *dyn = NULL;
    ath_hook hook;
    course c = {.late = steps - steps / 4};
    char text[160];
    int32_t reason = -1;
    assert_int_equal(ath_context_create(NULL, &ctx), ATH_OK);
    ath_system *system = structures_crystal(ctx, SIDE, 18, 3.45, 3);
    OK(ctx, ath_device_open(ctx, "host", &device));
    OK(ctx,
       ath_model_create(ctx, "lj:epsilon=0.0104,sigma=3.4,cutoff=5.9,scheme=switch,switch_width=1",
                        &model));
    snprintf(text, sizeof text, "%s,timestep=%g,temperature=%g,tau_t=40", integrator, timestep,
             target);
    OK(ctx, ath_integrator_create(ctx, text, &scheme));
    OK(ctx, ath_batch_from_systems(ctx, device, &system, 1, &batch));
    ath_hook_log_config log = {.size = sizeof log, .row = course_row, .user = &c, .thermo = true};
    OK(ctx, ath_hook_log(ctx, &log, &hook));
    ath_dynamics_config config = ath_dynamics_defaults();
    config.model = model;
    config.integrator = scheme;
    config.n_threads = 2;
    config.seed = 4;
    config.velocities = ATH_VELOCITIES_THERMAL;
    config.temperature = kelvin;
    config.hooks = &hook;
    config.n_hooks = 1;
    OK(ctx, ath_dynamics_create(ctx, &config, &dyn));

    OK(ctx, ath_dynamics_run(dyn, batch, steps));
    OK(ctx, ath_batch_read(batch, ATH_FIELD_REASON, 0, &reason));
    if (reason != ATH_REASON_NONE) {
        fail_msg("%s from %g K: %s", text, kelvin, ath_reason_name(reason));
    }
    c.mean /= (double)(steps - c.late);
    ath_dynamics_destroy(&dyn);
    ath_hook_free(&hook);
    ath_batch_destroy(&batch);
    ath_system_destroy(&system);
    ath_integrator_destroy(&scheme);
    ath_model_destroy(&model);
    ath_device_close(&device);
    ath_context_destroy(&ctx);
    return c;
}

/* The same time with steps of tau / 10 and tau / 50. */
static void check_error(const char *integrator, double times)
{
    const int64_t steps = 30 / SLOWER;
    const course coarse = run(integrator, times * target, 4.0, steps),
                 fine = run(integrator, times * target, 0.8, 5 * steps);
    const double kt = target * ATH_BOLTZMANN * ATOMS;
    assert_int_equal(coarse.rows, steps);
    if (!(coarse.error < 0.08 * kt) || !(fine.error < 0.1 * coarse.error)) {
        fail_msg("%s, %g times the target: errors of %g and %g kT per atom", integrator, times,
                 coarse.error / kt, fine.error / kt);
    }
}

static void test_conserved(void **state)
{
    (void)state;
    check_error("nose_hoover:chain=3", 5);
    check_error("nose_hoover:chain=5,yoshida=7,substeps=2", 0.1);
    check_error("npt:tau_p=400,chain=3", 0.1);
    check_error("npt:tau_p=400,chain=10,coupling=triclinic", 2);
}

/* After 40 relaxation times. */
static void check_arrival(const char *integrator, double times)
{
    const course c = run(integrator, times * target, 4.0, 400 / SLOWER);
    if (SLOWER == 1 && !(fabs(c.mean / target - 1) < 0.08)) {
        fail_msg("%s, %g times the target: %g K", integrator, times, c.mean);
    }
}

static void test_arrival(void **state)
{
    (void)state;
    check_arrival("nose_hoover:chain=3", 5);
    check_arrival("nose_hoover:chain=5", 0.1);
    if (getenv("ATH_TEST_FULL")) {
        check_arrival("npt:tau_p=400,chain=3", 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_conserved),
                                       cmocka_unit_test(test_arrival)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
