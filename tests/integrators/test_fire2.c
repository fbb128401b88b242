/* FIRE 2 against trajectories of an independent script (fire2_reference.py) over 200 steps, against
 * worked numbers, and at the edges of its rules.
 */
#include "integrators/reference.h"

static void test_reference(void **state)
{
    (void)state;
    reference_check(ATH_SOURCE_DIR "/tests/integrators/fire2_reference.txt", "fire2");
}

/* ---- worked numbers: one atom in F = -r from (1, 0.5, 0), dt 0.05 of the internal unit ---- */

static void test_worked(void **state)
{
    (void)state;
    static const reference_row rows[] = {
        {1, 0.9975, -0.05, 0.05, 0.09, 1},
        {4, 0.974596760978516, -0.19875187421875, 0.0525, 0.08865, 4},
        {10, 0.82646121804004, -0.52848342893249, 0.0703550211328125, 0.0809647767906919, 10},
        {30, -0.0249069028335605, 0.009786746850592, 0.0694575, 0.08601044625, 6},
        {60, -7.31439205059988e-05, 0.000118761334503489, 0.08, 0.076215103706273, 14},
    };
    reference_worked(
        "fire2:dt=0.5090252855379707,t_min=0.05090252855379707,t_max=0.8144404568607531,"
        "delay_step=3",
        rows, (int)(sizeof rows / sizeof *rows));
}

/* ---- edges ---- */

/* The longest displacement is max_step, all others are shortened alike, and so is the time step,
 * but never below t_min. */
static void test_clamp(void **state)
{
    (void)state;
    enum { N = 20 };
    double r0[3 * N], r[3 * N], m[N], cells[RIG_MAX_CELLS], longest = 0.0, free2 = 0.0;
    uint64_t random = 31;
    for (int k = 0; k < 3 * N; k++) {
        r0[k] = 200.0 * (rig_random(&random) - 0.5);
        m[k / 3] = 1.0;
    }
    test_rig rig;
    rig_open(&rig, "host", "fire2:dt=0.509,t_min=0.4,max_step=0.05");
    rig_add_atoms(&rig, N, r0, NULL, m);
    rig_enter(&rig);
    rig_forces(&rig, unit_spring, NULL);
    rig_half(&rig, false, (int32_t[]){0}, 1);
    rig_read(&rig, ATH_FIELD_POSITIONS, 0, r);
    rig_cells(&rig, 0, cells);
    for (int i = 0; i < 3 * N; i += 3) {
        double d2 = 0.0, w2 = 0.0;
        for (int k = i; k < i + 3; k++) {
            d2 += (r[k] - r0[k]) * (r[k] - r0[k]);
            w2 += r0[k] * r0[k];
        }
        longest = d2 > longest ? d2 : longest;
        free2 = w2 > free2 ? w2 : free2;
    }
    assert_true(fabs(sqrt(longest) - 0.05) < 1e-13);
    for (int k = 0; k < 3 * N; k++) { /* along the force, in proportion to it */
        assert_true(fabs((r[k] - r0[k]) + 0.05 * r0[k] / sqrt(free2)) < 1e-13);
    }
    assert_true(fabs(cells[0] * 10.180505710759414 - 0.4) < 1e-14);
    rig_close(&rig);
}

/* Rest without forces: nothing moves, and the time step shrinks to its least value. */
static void test_rest(void **state)
{
    (void)state;
    reference_rest("fire2:dt=0.5,t_min=0.3", (double[]){0.375, 0.3, 0.3});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_worked),
        cmocka_unit_test(test_clamp),
        cmocka_unit_test(test_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
