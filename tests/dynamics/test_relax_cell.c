/* Relaxation with a moving cell, in the engine: default criteria, targets, masks, what is held, and
 * decisions on entry.
 */
#include "dynamics/structures.h"

#include <math.h>
#include <stdio.h>

#include <athanor/units.h>

#include "dynamics/dynamics_private.h"

static const char *const optimizers[] = {"fire", "fire2", "lbfgs"};

/* Copper, fcc, eight cells: strained by `strain` and rattled. */
static ath_system *crystal(ath_context *ctx, double strain, double rattle, bool periodic)
{
    static const double basis[4][3] = {{0, 0, 0}, {0, .5, .5}, {.5, 0, .5}, {.5, .5, 0}};
    const double a = 3.6;
    const double f[9] = {1 + strain, 0.5 * strain, 0, 0.5 * strain, 1, 0, 0, 0, 1 - 0.5 * strain};
    ath_system *s = NULL;
    void *r = NULL, *number = NULL, *cell = NULL, *pbc = NULL;
    uint64_t random = 5;
    OK(ctx, ath_system_create(ctx, 32, &s));
    OK(ctx, ath_system_field(s, ATH_FIELD_POSITIONS, &r));
    OK(ctx, ath_system_field(s, ATH_FIELD_NUMBERS, &number));
    OK(ctx, ath_system_field(s, ATH_FIELD_CELL, &cell));
    OK(ctx, ath_system_field(s, ATH_FIELD_PBC, &pbc));
    for (int i = 0; i < 32; i++) {
        const int image[3] = {i / 4 & 1, i / 8 & 1, i / 16};
        double y[3];
        for (int k = 0; k < 3; k++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            y[k] = a * (basis[i % 4][k] + image[k]) +
                   rattle * ((double)(random >> 33) * 0x1p-31 - 0.5);
        }
        ath__deform_row(y, f, (double *)r + 3 * i);
        ((int32_t *)number)[i] = 29;
    }
    for (int k = 0; k < 9; k++) {
        ((double *)cell)[k] = 2.0 * a * f[k];
    }
    for (int k = 0; k < 3; k++) {
        ((int32_t *)pbc)[k] = periodic;
    }
    return s;
}

typedef struct outcome {
    int64_t steps;
    int32_t reason;
    double energy, smax, stress[9], cell[9], start[9]; /* GPa where they are stresses */
    int32_t n_criteria;
    unsigned want;
} outcome;

/* Relaxes a crystal; one that is assessed on entry is not rattled. */
static outcome relax_crystal(const char *optimizer, const char *options, double strain,
                             const ath_convergence *given, bool on_entry, bool periodic)
{
    char text[200];
    ath_context *ctx = NULL;
    ath_device *device = NULL;
    ath_model *model = NULL;
    ath_integrator *it = NULL;
    ath_batch *batch = NULL;
    ath_dynamics *dyn = NULL;
    outcome out = {0};
    OK(ctx, ath_context_create(NULL, &ctx));
    ath_system *system = crystal(ctx, strain, on_entry ? 0.0 : 0.2, periodic);
    snprintf(text, sizeof text, "%s%s%s", optimizer, options[0] ? ":" : "", options);
    const ath_convergence defaults = {.size = sizeof defaults};
    OK(ctx, ath_device_open(ctx, "host", &device));
    OK(ctx, ath_model_create(ctx, "emt", &model));
    OK(ctx, ath_integrator_create(ctx, text, &it));
    OK(ctx, ath_batch_from_systems(ctx, device, &system, 1, &batch));
    OK(ctx, ath_batch_read(batch, ATH_FIELD_CELL, 0, out.start));
    ath_dynamics_config config = ath_dynamics_defaults();
    config.model = model;
    config.integrator = it;
    config.convergence_hook = given ? given : &defaults;
    config.velocities = ATH_VELOCITIES_ZERO;
    config.assess_on_entry = on_entry;
    config.n_threads = 1;
    OK(ctx, ath_dynamics_create(ctx, &config, &dyn));
    OK(ctx, ath_dynamics_run(dyn, batch, 3000));
    out.n_criteria = ath_dynamics_convergence_hook(dyn, 0)->n_criteria;
    out.want = dyn->want;
    OK(ctx, ath_batch_read(batch, ATH_FIELD_STAGE_STEPS, 0, &out.steps));
    OK(ctx, ath_batch_read(batch, ATH_FIELD_REASON, 0, &out.reason));
    OK(ctx, ath_batch_read(batch, ATH_FIELD_ENERGY, 0, &out.energy));
    OK(ctx, ath_batch_read(batch, ATH_FIELD_SMAX, 0, &out.smax));
    OK(ctx, ath_batch_read(batch, ATH_FIELD_STRESS, 0, out.stress));
    OK(ctx, ath_batch_read(batch, ATH_FIELD_CELL, 0, out.cell));
    out.smax *= ATH_GPA_PER_EV_A3;
    for (int k = 0; k < 9; k++) {
        out.stress[k] *= ATH_GPA_PER_EV_A3;
    }
    ath_dynamics_destroy(&dyn);
    ath_batch_destroy(&batch);
    ath_system_destroy(&system);
    ath_integrator_destroy(&it);
    ath_model_destroy(&model);
    ath_device_close(&device);
    ath_context_destroy(&ctx);
    return out;
}

static double largest_change(const outcome *o)
{
    double most = 0.0;
    for (int k = 0; k < 9; k++) {
        most = fmax(most, fabs(o->cell[k] - o->start[k]));
    }
    return most;
}

/* By default forces and stress, where the cell moves; else forces alone, and no stress is made. */
static void test_defaults(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        const outcome o = relax_crystal(optimizers[i], "cell=full", 0.06, NULL, false, true);
        assert_int_equal(o.reason, ATH_REASON_CONVERGED);
        assert_int_equal(o.n_criteria, 2);
        assert_true(o.want & ATH__WANT_STRESS);
        assert_true(o.smax > 0.0 && o.smax <= 0.1);
        for (int k = 0; k < 9; k++) {
            assert_true(fabs(o.stress[k]) <= o.smax + 1e-12);
        }
        const outcome held = relax_crystal(optimizers[i], "", 0.06, NULL, false, true);
        assert_int_equal(held.n_criteria, 1);
        assert_false(held.want & ATH__WANT_STRESS);
        assert_true(held.smax == 0.0 && largest_change(&held) == 0.0);
        assert_true(fabs(held.stress[0]) > 1.0 && held.energy > o.energy);
    }
}

/* Targets: the stress that is left is minus the target, over what may relax. */
static void test_targets(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        outcome o = relax_crystal(optimizers[i], "cell=full,pressure=5", 0.04, NULL, false, true);
        for (int k = 0; k < 9; k++) {
            assert_true(fabs(o.stress[k] + (k % 4 == 0 ? 5.0 : 0.0)) <= 0.1);
        }
        o = relax_crystal(optimizers[i], "cell=full,pressure=1,pressure_zz=2,pressure_xy=-0.5", 0.0,
                          NULL, false, true);
        const double target[9] = {-1, 0.5, 0, 0.5, -1, 0, 0, 0, -3};
        for (int k = 0; k < 9; k++) {
            assert_true(fabs(o.stress[k] - target[k]) <= 0.1);
        }
        o = relax_crystal(optimizers[i], "cell=iso,pressure=3", 0.04, NULL, false, true);
        assert_int_equal(o.reason, ATH_REASON_CONVERGED);
        assert_true(fabs((o.stress[0] + o.stress[4] + o.stress[8]) / 3 + 3.0) <= 0.1);
        assert_true(fabs(o.stress[0] - o.stress[8]) > 1.0);
        assert_true(fabs(o.cell[0] / o.cell[8] - o.start[0] / o.start[8]) < 1e-13);
        o = relax_crystal(optimizers[i], "cell=shape", 0.08, NULL, false, true);
        assert_int_equal(o.reason, ATH_REASON_CONVERGED);
        assert_true(fabs(o.stress[0] - o.stress[8]) <= 0.3 && fabs(o.stress[1]) <= 0.1);
        assert_true(fabs(ath__m3_det(o.cell) / ath__m3_det(o.start) - 1.0) < 1e-12);
        o = relax_crystal(optimizers[i], "cell=full,mask=001000", 0.06, NULL, false, true);
        assert_int_equal(o.reason, ATH_REASON_CONVERGED);
        assert_true(fabs(o.stress[8]) <= 0.1 && fabs(o.stress[0]) > 1.0);
        for (int k = 0; k < 8; k++) {
            assert_true(fabs(o.cell[k] - o.start[k]) < 1e-13);
        }
    }
}

/* A perfect crystal has no forces: with cell=none it is done on entry; strained, with cell=full, it
 * is not; and at the target it is. */
static void test_on_entry(void **state)
{
    (void)state;
    const ath_convergence loose = {.size = sizeof loose, .fmax = 0.05, .smax = 500.0};
    for (int i = 0; i < 3; i++) {
        outcome o = relax_crystal(optimizers[i], "", 0.03, NULL, true, true);
        assert_true(o.steps == 0 && o.reason == ATH_REASON_CONVERGED);
        o = relax_crystal(optimizers[i], "cell=full", 0.03, NULL, true, true);
        assert_true(o.steps > 0 && o.reason == ATH_REASON_CONVERGED);
        o = relax_crystal(optimizers[i], "cell=full", 0.03, &loose, true, true);
        assert_true(o.steps == 0 && o.smax > 1.0);
        o = relax_crystal(optimizers[i], "cell=full,mask=000100", 0.03, NULL, true, true);
        assert_true(o.steps == 0 && o.smax < 1e-9); /* by symmetry no stress yz */
        o = relax_crystal(optimizers[i], "cell=full,mask=000100,pressure_yz=1", 0.03, NULL, true,
                          true);
        assert_true(o.steps > 0 && fabs(o.stress[5] + 1.0) <= 0.15);
    }
}

/* A system that is not periodic keeps its cell, and only its forces count. */
static void test_held(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        const outcome o =
            relax_crystal(optimizers[i], "cell=full,pressure=50", 0.0, NULL, false, false);
        assert_int_equal(o.reason, ATH_REASON_CONVERGED);
        assert_true(o.steps > 0 && o.smax == 0.0 && largest_change(&o) == 0.0);
    }
}

/* All optimizers, forms and cell factors end in the same minimum. */
static void test_same_minimum(void **state)
{
    (void)state;
    static const char *const options[] = {"cell=full", "cell=full,form=unit",
                                          "cell=full,cell_factor=32"};
    const ath_convergence tight = {.size = sizeof tight, .fmax = 1e-5, .smax = 1e-4};
    double first = 0.0, volume = 0.0;
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < 3; k++) {
            const outcome o = relax_crystal(optimizers[i], options[k], 0.06, &tight, false, true);
            assert_int_equal(o.reason, ATH_REASON_CONVERGED);
            first = i + k ? first : o.energy;
            volume = i + k ? volume : ath__m3_det(o.cell);
            assert_true(fabs(o.energy - first) < 1e-9 * 32);
            assert_true(fabs(ath__m3_det(o.cell) / volume - 1.0) < 1e-6);
        }
    }
}

static void test_text(void **state)
{
    (void)state;
    ath_context *ctx = NULL;
    ath_criterion c[ATH_MAX_CRITERIA];
    int32_t n = 0;
    OK(ctx, ath_context_create(NULL, &ctx));
    OK(ctx, ath_criteria_parse(ctx, "fmax=0.01,smax=0.5", c, &n));
    assert_int_equal(n, 2);
    assert_int_equal(c[1].field, ATH_FIELD_SMAX);
    assert_true(c[1].threshold == 0.5 / ATH_GPA_PER_EV_A3);
    static const char *const wrong[] = {
        "fire:mask=111",      "fire2:mask=11111x",
        "lbfgs:mask=1111112", "lbfgs:cell=iso,mask=111000",
        "fire:cell=some",     "fire:cell=shape,form=unit,mask=000111",
        "lbfgs:memory=0",     "lbfgs:memory=51"};
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        ath_integrator *it = NULL;
        assert_int_equal(ath_integrator_create(ctx, wrong[k], &it), ATH_E_OPTION);
        assert_null(it);
    }
    ath_context_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),     cmocka_unit_test(test_targets),
        cmocka_unit_test(test_on_entry),     cmocka_unit_test(test_held),
        cmocka_unit_test(test_same_minimum), cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
