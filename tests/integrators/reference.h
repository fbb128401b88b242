/* Reference trajectories of optimizers, from files that scripts beside them have made: reading them
 * and following them.
 */
#ifndef ATHANOR_TESTS_REFERENCE_H
#define ATHANOR_TESTS_REFERENCE_H

#include "integrators/rig.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline void lennard_jones(int32_t n, const double *r, double *f, const void *arg)
{
    const double epsilon = 0.0104, sigma = 3.4;
    (void)arg;
    memset(f, 0, 3 * (size_t)n * sizeof *f);
    for (int32_t i = 0; i < n; i++) {
        for (int32_t j = 0; j < i; j++) {
            double d[3], d2 = 0.0;
            for (int k = 0; k < 3; k++) {
                d[k] = r[3 * i + k] - r[3 * j + k];
                d2 += d[k] * d[k];
            }
            const double s2 = sigma * sigma / d2, s6 = s2 * s2 * s2;
            for (int k = 0; k < 3; k++) {
                const double g = 24 * epsilon * (2 * s6 * s6 - s6) / d2 * d[k];
                f[3 * i + k] += g;
                f[3 * j + k] -= g;
            }
        }
    }
}

/* ---- the reference file ---- */

enum { MAX_ATOMS = 16 };

typedef struct reference {
    FILE *file;
    char name[32], options[256];
    int n;
    double m[MAX_ATOMS], r[3 * MAX_ATOMS];
    uint8_t fixed[3 * MAX_ATOMS];
} reference;

/* Reads the head of the next system; false at the end. */
static inline bool reference_next(reference *ref)
{
    if (fscanf(ref->file, " system %31s %d %255s", ref->name, &ref->n, ref->options) != 3) {
        return false;
    }
    assert_true(ref->n > 0 && ref->n <= MAX_ATOMS);
    for (int i = 0; i < ref->n; i++) {
        int c[3];
        double *r = ref->r + 3 * i;
        assert_int_equal(fscanf(ref->file, "%lf %lf %lf %lf %d %d %d", &ref->m[i], &r[0], &r[1],
                                &r[2], &c[0], &c[1], &c[2]),
                         7);
        for (int k = 0; k < 3; k++) {
            ref->fixed[3 * i + k] = c[k] != 0;
        }
    }
    return true;
}

/* Compares the rig with the block "after K ..." that was just begun. */
static inline void reference_compare(const reference *ref, const test_rig *rig, double tolerance)
{
    double r[3 * MAX_ATOMS], v[3 * MAX_ATOMS], cells[RIG_MAX_CELLS], dt, alpha, n;
    assert_int_equal(fscanf(ref->file, "%lf %lf %lf", &dt, &alpha, &n), 3);
    rig_read(rig, ATH_FIELD_POSITIONS, 0, r);
    rig_read(rig, ATH_FIELD_VELOCITIES, 0, v);
    rig_cells(rig, 0, cells);
    assert_true(fabs(cells[0] - dt) < tolerance * dt);
    assert_true(fabs(cells[1] - alpha) < tolerance);
    assert_true(cells[2] == n);
    for (int k = 0; k < 3 * ref->n; k += 3) {
        double x[3], s[3];
        assert_int_equal(
            fscanf(ref->file, "%lf %lf %lf %lf %lf %lf", &x[0], &x[1], &x[2], &s[0], &s[1], &s[2]),
            6);
        for (int c = 0; c < 3; c++) {
            assert_true(fabs(r[k + c] - x[c]) < tolerance);
            assert_true(fabs(v[k + c] - s[c]) < tolerance);
        }
    }
}

static inline int reference_run(const char *device, const char *integrator, reference *ref)
{
    char text[300];
    int steps = 0, blocks = 0, next;
    const rig_force force = strcmp(ref->name, "cluster") ? rig_wells : lennard_jones;
    test_rig rig;
    snprintf(text, sizeof text, "%s:%s", integrator, ref->options);
    rig_open(&rig, device, text);
    rig_add_atoms(&rig, ref->n, ref->r, NULL, ref->m);
    rig_write(&rig, ATH_FIELD_FIXED, 0, ref->fixed);
    rig_enter(&rig);
    rig_forces(&rig, force, NULL);
    while (fscanf(ref->file, " after %d", &next) == 1) {
        rig_steps(&rig, next - steps, force, NULL);
        steps = next;
        reference_compare(ref, &rig, 1e-12);
        blocks++;
    }
    assert_int_equal(steps, 200);
    rig_close(&rig);
    return blocks;
}

/* All systems of a file, on host and mock. */
static inline void reference_check(const char *path, const char *integrator)
{
    for (int d = 0; d < 2; d++) {
        reference ref = {.file = fopen(path, "r")};
        int systems = 0;
        assert_non_null(ref.file);
        while (reference_next(&ref)) {
            assert_true(reference_run(d ? "mock" : "host", integrator, &ref) >= 13);
            systems++;
        }
        assert_int_equal(systems, 2);
        fclose(ref.file);
    }
}

static inline void unit_spring(int32_t n, const double *r, double *f, const void *arg)
{
    (void)arg;
    for (int32_t k = 0; k < 3 * n; k++) {
        f[k] = -r[k];
    }
}

/* State of one atom in F = -r from (1, 0.5, 0) after so many steps. */
typedef struct reference_row {
    int step;
    double x, v, dt, alpha, n;
} reference_row;

/* Follows an optimizer over rows of worked numbers. */
static inline void reference_worked(const char *integrator, const reference_row *rows, int n_rows)
{
    const double start[] = {1.0, 0.5, 0.0}, mass = 2.0;
    int steps = 0;
    test_rig rig;
    rig_open(&rig, "host", integrator);
    rig_add_atoms(&rig, 1, start, NULL, &mass);
    rig_enter(&rig);
    rig_forces(&rig, unit_spring, NULL);
    for (int i = 0; i < n_rows; i++) {
        double r[3], v[3], cells[RIG_MAX_CELLS];
        rig_steps(&rig, rows[i].step - steps, unit_spring, NULL);
        steps = rows[i].step;
        rig_read(&rig, ATH_FIELD_POSITIONS, 0, r);
        rig_read(&rig, ATH_FIELD_VELOCITIES, 0, v);
        rig_cells(&rig, 0, cells);
        assert_true(fabs(r[0] - rows[i].x) < 1e-14);
        assert_true(fabs(r[1] - 0.5 * rows[i].x) < 1e-14);
        assert_true(r[2] == 0.0);
        assert_true(fabs(v[0] - rows[i].v) < 1e-14);
        assert_true(fabs(cells[0] - rows[i].dt) < 1e-14);
        assert_true(fabs(cells[1] - rows[i].alpha) < 1e-14);
        assert_true(cells[2] == rows[i].n);
    }
    rig_close(&rig);
}

/* Three steps of an atom at rest without a force: it stays, and these are the time steps, fs. */
static inline void reference_rest(const char *integrator, const double fs[3])
{
    const double r0[] = {1, 2, 3}, f[3] = {0}, m = 1.0;
    double r[3], cells[RIG_MAX_CELLS];
    test_rig rig;
    rig_open(&rig, "host", integrator);
    rig_add_atoms(&rig, 1, r0, NULL, &m);
    rig_enter(&rig);
    rig_write(&rig, ATH_FIELD_FORCES, 0, f);
    for (int i = 0; i < 3; i++) {
        rig_half(&rig, false, (int32_t[]){0}, 1);
        rig_read(&rig, ATH_FIELD_POSITIONS, 0, r);
        rig_cells(&rig, 0, cells);
        assert_memory_equal(r, r0, sizeof r);
        assert_true(fabs(cells[0] * 10.180505710759414 - fs[i]) < 1e-14);
        assert_true(cells[2] == 0.0);
    }
    rig_close(&rig);
}

#endif
