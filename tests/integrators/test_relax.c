/* The optimizers with and without a moving cell against trajectories of an independent script
 * (relax_reference.py) over 200 steps, and what must be true of L-BFGS whatever the numbers.
 */
#include "integrators/deform.h"
#include "integrators/lbfgs.h"
#include "integrators/rig.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ATOMS = 8, MAX_SPRINGS = 200, SYSTEMS = 18, BLOCKS = 13 };

typedef struct spring {
    int i, j, image[3];
    double k, length;
} spring;

typedef struct reference {
    FILE *file;
    char text[400];
    int n, n_springs;
    double h[9], m[MAX_ATOMS], r[3 * MAX_ATOMS];
    uint8_t fixed[3 * MAX_ATOMS];
    spring springs[MAX_SPRINGS];
} reference;

static void numbers(FILE *file, double *out, int n)
{
    for (int k = 0; k < n; k++) {
        assert_int_equal(fscanf(file, "%lf", &out[k]), 1);
    }
}

/* Reads the head of the next system; false at the end. */
static bool next_system(reference *ref)
{
    char name[16], options[300];
    const int got =
        fscanf(ref->file, " system %15s %d %d %299s", name, &ref->n, &ref->n_springs, options);
    if (got != 4) {
        return false;
    }
    assert_true(ref->n <= MAX_ATOMS && ref->n_springs <= MAX_SPRINGS);
    snprintf(ref->text, sizeof ref->text, "%s:%s", name, options);
    numbers(ref->file, ref->h, 9);
    for (int i = 0; i < ref->n; i++) {
        numbers(ref->file, &ref->m[i], 1);
        numbers(ref->file, &ref->r[3 * i], 3);
        for (int k = 0; k < 3; k++) {
            int fixed = 0;
            assert_int_equal(fscanf(ref->file, "%d", &fixed), 1);
            ref->fixed[3 * i + k] = fixed != 0;
        }
    }
    for (int s = 0; s < ref->n_springs; s++) {
        spring *it = &ref->springs[s];
        assert_int_equal(fscanf(ref->file, "%d %d %d %d %d", &it->i, &it->j, &it->image[0],
                                &it->image[1], &it->image[2]),
                         5);
        numbers(ref->file, &it->k, 1);
        numbers(ref->file, &it->length, 1);
    }
    return true;
}

/* Forces and stress of the springs, written into the rig. */
static void evaluate(const reference *ref, test_rig *rig)
{
    double h[9], r[3 * MAX_ATOMS], f[3 * MAX_ATOMS] = {0.0}, stress[9] = {0.0};
    rig_read(rig, ATH_FIELD_CELL, 0, h);
    rig_read(rig, ATH_FIELD_POSITIONS, 0, r);
    for (int s = 0; s < ref->n_springs; s++) {
        const spring *it = &ref->springs[s];
        double d[3], norm = 0.0;
        for (int k = 0; k < 3; k++) {
            d[k] = r[3 * it->j + k] - r[3 * it->i + k] + it->image[0] * h[k] +
                   it->image[1] * h[3 + k] + it->image[2] * h[6 + k];
            norm += d[k] * d[k];
        }
        norm = sqrt(norm);
        const double pull = it->k * (norm - it->length) / norm;
        for (int k = 0; k < 3; k++) {
            f[3 * it->i + k] += pull * d[k];
            f[3 * it->j + k] -= pull * d[k];
            for (int l = 0; l < 3; l++) {
                stress[3 * k + l] += pull * d[k] * d[l] / fabs(ath__m3_det(h));
            }
        }
    }
    rig_write(rig, ATH_FIELD_FORCES, 0, f);
    rig_write(rig, ATH_FIELD_STRESS, 0, stress);
}

/* The largest difference from the block that was just begun. */
static double compare(const reference *ref, const test_rig *rig)
{
    double h[9], r[3 * MAX_ATOMS], v[3 * MAX_ATOMS], expected[9], worst = 0.0;
    rig_read(rig, ATH_FIELD_CELL, 0, h);
    rig_read(rig, ATH_FIELD_POSITIONS, 0, r);
    rig_read(rig, ATH_FIELD_VELOCITIES, 0, v);
    numbers(ref->file, expected, 9);
    for (int k = 0; k < 9; k++) {
        worst = fmax(worst, fabs(h[k] - expected[k]));
    }
    for (int i = 0; i < ref->n; i++) {
        numbers(ref->file, expected, 6);
        for (int k = 0; k < 3; k++) {
            worst = fmax(worst, fabs(r[3 * i + k] - expected[k]));
            worst = fmax(worst, fabs(v[3 * i + k] - expected[3 + k]));
        }
    }
    return worst;
}

static void follow(const reference *ref, const char *device)
{
    const int32_t pbc[3] = {1, 1, 1};
    int steps = 0, blocks = 0, next;
    test_rig rig;
    rig_open(&rig, device, ref->text);
    rig_add_atoms(&rig, ref->n, ref->r, NULL, ref->m);
    rig_write(&rig, ATH_FIELD_FIXED, 0, ref->fixed);
    rig_write(&rig, ATH_FIELD_CELL, 0, ref->h);
    rig_write(&rig, ATH_FIELD_PBC, 0, pbc);
    rig_enter(&rig);
    for (; fscanf(ref->file, " after %d", &next) == 1; blocks++) {
        for (; steps < next; steps++) {
            evaluate(ref, &rig);
            rig_half(&rig, false, (int32_t[]){0}, 1);
        }
        const double worst = compare(ref, &rig);
        if (!(worst < 1e-12)) {
            fail_msg("%s on %s, step %d: %g", ref->text, device, next, worst);
        }
    }
    assert_int_equal(steps, 200);
    assert_int_equal(blocks, BLOCKS);
    rig_close(&rig);
}

static void test_reference(void **state)
{
    (void)state;
    for (int d = 0; d < 2; d++) {
        reference ref = {.file =
                             fopen(ATH_SOURCE_DIR "/tests/integrators/relax_reference.txt", "r")};
        int n = 0;
        assert_non_null(ref.file);
        for (; next_system(&ref); n++) {
            follow(&ref, d ? "mock" : "host");
        }
        assert_int_equal(n, SYSTEMS);
        fclose(ref.file);
    }
}

/* ---- L-BFGS ---- */

/* F = -k x with its own k for each component, from 1 to 9. */
static void bowl(int32_t n, const double *r, double *f, const void *arg)
{
    (void)arg;
    for (int32_t k = 0; k < 3 * n; k++) {
        f[k] = -(1.0 + k) * r[k];
    }
}

static double force_of(const test_rig *rig, int n)
{
    double f[30], worst = 0.0;
    rig_read(rig, ATH_FIELD_FORCES, 0, f);
    for (int k = 0; k < 3 * n; k++) {
        worst = fmax(worst, fabs(f[k]));
    }
    return worst;
}

/* A quadratic form of nine stiffnesses: near its minimum in few more steps than those. */
static void test_quadratic(void **state)
{
    (void)state;
    const double r[9] = {0.05, -0.04, 0.03, 0.06, -0.02, 0.01, 0.04, 0.02, -0.03};
    const double m[3] = {1.0, 1.0, 1.0};
    test_rig rig;
    rig_open(&rig, "host", "lbfgs:memory=12,curvature=5");
    rig_add_atoms(&rig, 3, r, NULL, m);
    rig_enter(&rig);
    rig_forces(&rig, bowl, NULL);
    rig_steps(&rig, 25, bowl, NULL);
    assert_true(force_of(&rig, 3) < 1e-9);
    rig_steps(&rig, 300, bowl, NULL); /* where all differences are noise, nothing goes wrong */
    assert_true(force_of(&rig, 3) < 1e-9);
    rig_close(&rig);
}

/* No atom moves farther than max_step, also far away where forces are huge. */
static void test_limits(void **state)
{
    (void)state;
    double r[9] = {50, -40, 30, 60, -20, 10, 40, 20, -30}, s[9];
    const double m[3] = {1.0, 1.0, 1.0};
    test_rig rig;
    rig_open(&rig, "host", "lbfgs:max_step=0.3");
    rig_add_atoms(&rig, 3, r, NULL, m);
    rig_enter(&rig);
    rig_forces(&rig, bowl, NULL);
    for (int step = 0; step < 50; step++) {
        double longest = 0.0;
        rig_steps(&rig, 1, bowl, NULL);
        rig_read(&rig, ATH_FIELD_POSITIONS, 0, s);
        for (int i = 0; i < 9; i += 3) {
            const double x = s[i] - r[i], y = s[i + 1] - r[i + 1], z = s[i + 2] - r[i + 2];
            longest = fmax(longest, sqrt(x * x + y * y + z * z));
        }
        memcpy(r, s, sizeof r);
        assert_true(fabs(longest - 0.3) < 1e-12);
    }
    rig_close(&rig);
}

/* F = x (1 - x^2) on every component: the surface is not convex at the start. */
static void hills(int32_t n, const double *r, double *f, const void *arg)
{
    (void)arg;
    for (int32_t k = 0; k < 3 * n; k++) {
        f[k] = r[k] * (1.0 - r[k] * r[k]);
    }
}

static void test_not_convex(void **state)
{
    (void)state;
    const double r[6] = {0.1, -0.2, 0.3, 0.05, 1.3, -0.02}, m[2] = {1.0, 1.0};
    double s[6], cells[RIG_MAX_CELLS];
    int forgotten = 0;
    test_rig rig;
    rig_open(&rig, "host", "lbfgs");
    rig_add_atoms(&rig, 2, r, NULL, m);
    rig_enter(&rig);
    rig_forces(&rig, hills, NULL);
    for (int step = 0; step < 200; step++) {
        rig_steps(&rig, 1, hills, NULL);
        rig_cells(&rig, 0, cells);
        forgotten += step > 0 && cells[ATH__LBFGS_STORED] == 0.0;
    }
    rig_read(&rig, ATH_FIELD_POSITIONS, 0, s);
    for (int k = 0; k < 6; k++) { /* the minimum on its own side */
        assert_true(fabs(s[k] - (r[k] > 0.0 ? 1.0 : -1.0)) < 1e-6);
    }
    assert_true(forgotten > 0);
    rig_close(&rig);
}

/* A system that is not periodic, or has no volume, is relaxed as with cell=none, to the bit. */
static void test_held(void **state)
{
    (void)state;
    static const char *const texts[] = {"fire", "fire2", "lbfgs"};
    const double m[3] = {4.0, 5.0, 6.0};
    const double r[9] = {0.5, -0.4, 0.3, 0.6, -0.2, 0.1, 0.4, 0.2, -0.3};
    for (size_t t = 0; t < sizeof texts / sizeof *texts; t++) {
        double out[3][9];
        for (int pass = 0; pass < 3; pass++) {
            const double cell[9] = {9, 0, 0, 0, 9, 0, 0, 0, pass == 1 ? 9 : 0};
            const int32_t pbc[3] = {1, 1, pass == 2};
            double now[9];
            char text[64];
            test_rig rig;
            snprintf(text, sizeof text, "%s%s", texts[t], pass ? ":cell=full" : "");
            rig_open(&rig, "host", text);
            rig_add_atoms(&rig, 3, r, NULL, m);
            rig_write(&rig, ATH_FIELD_CELL, 0, cell);
            rig_write(&rig, ATH_FIELD_PBC, 0, pbc);
            rig_enter(&rig);
            rig_forces(&rig, bowl, NULL);
            rig_steps(&rig, 20, bowl, NULL);
            rig_read(&rig, ATH_FIELD_POSITIONS, 0, out[pass]);
            rig_read(&rig, ATH_FIELD_CELL, 0, now);
            assert_memory_equal(now, cell, sizeof cell);
            assert_memory_equal(out[pass], out[0], sizeof out[0]);
            rig_close(&rig);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference), cmocka_unit_test(test_quadratic),
        cmocka_unit_test(test_limits),    cmocka_unit_test(test_not_convex),
        cmocka_unit_test(test_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
