/* FIRE against trajectories of an independent script (fire_reference.py) over 200 steps, against
 * worked numbers, and at the edges of its rules.
 */
#include "integrators/reference.h"

static void test_reference(void **state)
{
    (void)state;
    reference_check(ATH_SOURCE_DIR "/tests/integrators/fire_reference.txt", "fire");
}

/* ---- worked numbers: one atom of mass 2 in F = -r from (1, 0.5, 0), dt 0.1 of the internal unit
 * ---- */

static void test_worked(void **state)
{
    (void)state;
    static const reference_row rows[] = {
        {1, 0.995, -0.05, 0.05, 0.1, 0},
        {2, 0.99125625, -0.074875, 0.05, 0.1, 1},
        {6, 0.963960527678104, -0.173130112013855, 0.055, 0.099, 5},
        {10, 0.900391225339992, -0.2934600623526, 0.0805255, 0.09509900499, 9},
        {30, -0.0771358210386990, 0.0635365458099591, 0.168187498733140, 0.0970299, 7},
    };
    reference_worked("fire:dt=1.0180505710759414", rows, (int)(sizeof rows / sizeof *rows));
}

/* ---- edges ---- */

/* No step is longer than max_step, in any direction, and those that are shorter are not touched. */
static void test_clamp(void **state)
{
    (void)state;
    enum { N = 20 };
    double r0[3 * N], r[3 * N], v[3 * N], m[N];
    uint64_t random = 31;
    for (int k = 0; k < 3 * N; k++) {
        r0[k] = (k / 3 % 2 ? 30.0 : 0.01) * (rig_random(&random) - 0.5);
        m[k / 3] = 1.0;
    }
    test_rig rig;
    rig_open(&rig, "host", "fire:dt=1.0180505710759414,max_step=0.05");
    rig_add_atoms(&rig, N, r0, NULL, m);
    rig_enter(&rig);
    rig_forces(&rig, unit_spring, NULL);
    rig_half(&rig, false, (int32_t[]){0}, 1);
    rig_read(&rig, ATH_FIELD_POSITIONS, 0, r);
    rig_read(&rig, ATH_FIELD_VELOCITIES, 0, v);
    int clamped = 0, untouched = 0;
    for (int i = 0; i < N; i++) {
        double d2 = 0.0, free2 = 0.0, along = 0.0;
        for (int k = 3 * i; k < 3 * i + 3; k++) {
            const double d = r[k] - r0[k], free = 0.1 * 0.1 * -r0[k];
            d2 += d * d;
            free2 += free * free;
            along += d * free;
            assert_true(fabs(v[k] - 0.1 * -r0[k]) < 1e-14); /* velocities are not clamped */
        }
        if (free2 > 0.05 * 0.05) {
            assert_true(fabs(sqrt(d2) - 0.05) < 1e-14);
            assert_true(fabs(along - sqrt(d2 * free2)) < 1e-14);
            clamped++;
        } else {
            assert_true(fabs(along - free2) < 1e-14 && fabs(d2 - free2) < 1e-14);
            untouched++;
        }
    }
    assert_true(clamped >= 5 && untouched >= 10);
    rig_close(&rig);
}

/* Rest without forces: only the time step shrinks, to its least value. */
static void test_rest(void **state)
{
    (void)state;
    reference_rest("fire:dt=2,dt_min=0.5", (double[]){1.0, 0.5, 0.5});
}

/* A large system relaxes: blocks of the sums add up. */
static void test_relaxes(void **state)
{
    (void)state;
    const rig_spec large = {1000, 5, 6, 1};
    static double f[3000];
    static uint8_t fixed[3000];
    test_rig rig;
    rig_open(&rig, "host", "fire:dt=5");
    rig_add(&rig, &large, 1);
    rig_enter(&rig);
    rig_forces(&rig, rig_wells, NULL);
    rig_steps(&rig, 1500, rig_wells, NULL);
    rig_read(&rig, ATH_FIELD_FORCES, 0, f);
    rig_read(&rig, ATH_FIELD_FIXED, 0, fixed);
    int n = 0;
    for (int k = 0; k < 3000; k++) {
        const bool massless = k / 3 == 5;
        if (!fixed[k] && !massless) {
            assert_true(fabs(f[k]) < 1e-3);
            n++;
        }
    }
    assert_true(n > 1900);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference), cmocka_unit_test(test_worked),
        cmocka_unit_test(test_clamp),     cmocka_unit_test(test_rest),
        cmocka_unit_test(test_relaxes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
