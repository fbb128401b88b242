/* The cell as degrees of freedom (deform.h): forces against finite differences of energy and work
 * for random cells, forms, masks, targets and strains, and what must stay the same.
 */
#include "integrators/deform.h"
#include "integrators/rig.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N = 5, IMAGES = 2 };

/* Gaussians between all images within reach, of a system of N atoms: energy, forces and stress. */
static double gaussians(const double h[9], const double *r, double *f, double *stress)
{
    double energy = 0.0, virial[9] = {0.0};
    memset(f, 0, 3 * N * sizeof *f);
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            for (int image = 0; image < 125; image++) {
                const int a = image / 25 - IMAGES, b = image / 5 % 5 - IMAGES,
                          c = image % 5 - IMAGES;
                double d[3], d2 = 0.0;
                if (i == j && !a && !b && !c) {
                    continue;
                }
                for (int k = 0; k < 3; k++) {
                    d[k] = r[3 * j + k] + a * h[k] + b * h[3 + k] + c * h[6 + k] - r[3 * i + k];
                    d2 += d[k] * d[k];
                }
                const double u = exp(-d2 / 4.0); /* half of a pair: the other half comes later */
                energy += 0.5 * u;
                for (int k = 0; k < 3; k++) {
                    f[3 * i + k] -= u * d[k] / 2.0; /* of both halves */
                    for (int l = 0; l < 3; l++) {
                        virial[3 * k + l] -= 0.5 * u * d[k] * d[l] / 2.0;
                    }
                }
            }
        }
    }
    for (int k = 0; k < 9; k++) {
        stress[k] = virial[k] / fabs(ath__m3_det(h));
    }
    return energy;
}

typedef struct sample {
    ath__deform_parameters p;
    double h0[9], y[3 * N], cells[ATH__DEFORM_CELLS];
} sample;

static double uniform(uint64_t *random, double width)
{
    return width * (rig_random(random) - 0.5);
}

static void make(sample *s, uint64_t *random, int32_t cell, int32_t form, double strain)
{
    s->p = (ath__deform_parameters){.max_strain = 1.0, .cell = cell, .form = form, .free = 0x1ff};
    s->p.factor = 1.0 + 5.0 * rig_random(random);
    if (cell != ATH__DEFORM_ISO) { /* a random mask that leaves something */
        s->p.free = rig_random(random) < 0.3 ? 0x1ff : 1;
        for (int k = 0; k < 9; k++) {
            const int bit = 1 << k | 1 << (3 * (k % 3) + k / 3);
            s->p.free |= rig_random(random) < 0.5 ? bit : 0;
        }
    }
    for (int k = 0; k < 9; k++) {
        s->h0[k] = (k % 4 == 0 ? 3.5 : 0.0) + uniform(random, 1.5);
    }
    if (rig_random(random) < 0.5) { /* left-handed */
        for (int k = 0; k < 3; k++) {
            s->h0[k] = -s->h0[k];
        }
    }
    for (int k = 0; k < 3 * N; k++) {
        s->y[k] = uniform(random, 6.0);
    }
    for (int k = 0; k < ATH__DEFORM_CELLS; k++) {
        s->cells[k] = uniform(random, k < ATH__DEFORM_X ? 0.1 : 2.0 * strain);
    }
    double *x = s->cells + ATH__DEFORM_X, symmetric[9];
    ath__m3_symmetric(x, symmetric);
    ath__deform_project(&s->p, symmetric);
    ath__m3_copy(symmetric, x);
}

/* r = y F and h = h0 F of some X. */
static void place(const sample *s, const double x[9], double h[9], double r[3 * N])
{
    double f[9];
    ath__deform_of(&s->p, x, f);
    ath__m3_mul(s->h0, f, h);
    for (int i = 0; i < N; i++) {
        ath__deform_row(s->y + 3 * i, f, r + 3 * i);
    }
}

static void view_of(const sample *s, double h[9], double stress[9], ath__deform *out)
{
    static int32_t pbc[3] = {1, 1, 1}, n[1] = {N};
    const ath__view view = {.cell = h, .stress = stress, .pbc = pbc, .n_atoms = n};
    ath__deform_begin(&s->p, &view, 0, s->cells, out);
    assert_true(out->moves);
}

/* Change of energy and of the work of the target (to second order) along a change of X. */
static double enthalpy_change(const sample *s, const double dx[9], double step)
{
    double values[2], h[2][9], r[3 * N], f[3 * N], stress[9], inverse[9], strain[9], mean[9];
    for (int side = 0; side < 2; side++) {
        double x[9];
        for (int k = 0; k < 9; k++) {
            x[k] = s->cells[ATH__DEFORM_X + k] + (side ? step : -step) * dx[k];
        }
        place(s, x, h[side], r);
        values[side] = gaussians(h[side], r, f, stress);
    }
    /* V tr(P de): P on the cell in between, de = ((h- + h+)/2)^-1 (h+ - h-) */
    for (int k = 0; k < 9; k++) {
        mean[k] = 0.5 * (h[0][k] + h[1][k]);
        h[1][k] -= h[0][k];
    }
    ath__m3_inverse(mean, inverse);
    ath__m3_mul(inverse, h[1], strain);
    const double zero[9] = {0.0};
    double target[9];
    ath__deform_excess(s->cells, zero, target);
    return values[1] - values[0] + fabs(ath__m3_det(mean)) * ath__m3_dot(target, strain);
}

static void check_forces(sample *s, uint64_t *random)
{
    double h[9], r[3 * N], f[3 * N], stress[9], dx[9], symmetric[9];
    ath__deform it;
    place(s, s->cells + ATH__DEFORM_X, h, r);
    gaussians(h, r, f, stress);
    view_of(s, h, stress, &it);
    double scale = 0.0;
    for (int k = 0; k < 9; k++) {
        scale = fmax(scale, s->p.factor * fabs(it.force[k]));
    }
    for (int trial = 0; trial < 6; trial++) { /* random directions that are allowed */
        const double step = 1e-4;
        for (int k = 0; k < 9; k++) {
            dx[k] = uniform(random, 2.0);
        }
        ath__m3_symmetric(dx, symmetric);
        ath__deform_project(&s->p, symmetric);
        const double expected = enthalpy_change(s, symmetric, step) / (2.0 * step);
        const double got = -s->p.factor * ath__m3_dot(it.force, symmetric);
        if (!(fabs(got - expected) < 2e-6 * (1.0 + scale))) {
            fail_msg("cell %d, form %d, free %x: %.12g, but differences give %.12g", (int)s->p.cell,
                     (int)s->p.form, (unsigned)s->p.free, got, expected);
        }
    }
    for (int k = 0; k < 3 * N; k++) { /* atoms: f F^T against differences over y */
        const double step = 1e-5, keep = s->y[k];
        double e[2], g[3], stress2[9], f2[3 * N];
        for (int side = 0; side < 2; side++) {
            s->y[k] = keep + (side ? step : -step);
            place(s, s->cells + ATH__DEFORM_X, h, r);
            e[side] = gaussians(h, r, f2, stress2);
        }
        s->y[k] = keep;
        ath__deform_row(f + k / 3 * 3, it.f, g);
        assert_true(fabs(g[k % 3] + (e[1] - e[0]) / (2.0 * step)) < 1e-7);
    }
}

static void test_forces(void **state)
{
    (void)state;
    uint64_t random = 11;
    int n = 0;
    for (int32_t cell = ATH__DEFORM_FULL; cell <= ATH__DEFORM_SHAPE; cell++) {
        for (int32_t form = ATH__DEFORM_FRECHET; form <= ATH__DEFORM_UNIT; form++) {
            for (int trial = 0; trial < 40; trial++, n++) {
                sample s;
                make(&s, &random, cell, form, trial % 4 * 0.1);
                check_forces(&s, &random);
            }
        }
    }
    assert_int_equal(n, 240);
}

/* ---- what stays ---- */

static void check_move(sample *s, uint64_t *random)
{
    double h[9], r[3 * N], stress[9] = {0.0}, change[9], symmetric[9], before[9];
    ath__deform it;
    place(s, s->cells + ATH__DEFORM_X, h, r);
    ath__m3_copy(h, before);
    view_of(s, h, stress, &it);
    for (int k = 0; k < 9; k++) {
        change[k] = uniform(random, 0.2);
    }
    ath__m3_symmetric(change, symmetric);
    ath__deform_project(&s->p, symmetric);
    ath__deform_move(&s->p, symmetric, &it);
    const ath__view view = {.cell = h};
    ath__deform_end(&s->p, &view, 0, s->cells, &it);
    for (int k = 0; k < 9; k++) {
        const double *x = s->cells + ATH__DEFORM_X;
        assert_true(s->p.free >> k & 1 || x[k] == 0.0);
        assert_true(x[k] == x[3 * (k % 3) + k / 3]);
        assert_true(it.next_f[k] == it.next_f[3 * (k % 3) + k / 3]);
    }
    double again[9], expected[9], riding[3], fresh[3];
    place(s, s->cells + ATH__DEFORM_X, expected, r); /* h0 F' is h F^-1 F' */
    for (int k = 0; k < 9; k++) {
        assert_true(fabs(expected[k] - h[k]) < 1e-13);
    }
    ath__deform_row(s->y, it.f, again); /* and so it is for atoms */
    ath__deform_row(again, it.ride, riding);
    ath__deform_row(s->y, it.next_f, fresh);
    for (int k = 0; k < 3; k++) {
        assert_true(fabs(riding[k] - fresh[k]) < 1e-13);
    }
    const double ratio = ath__m3_det(h) / ath__m3_det(before);
    if (s->p.cell == ATH__DEFORM_SHAPE) {
        assert_true(fabs(ratio - 1.0) < 1e-14);
    }
    if (s->p.cell == ATH__DEFORM_ISO) {
        for (int k = 0; k < 9; k++) {
            assert_true(fabs(h[k] - cbrt(ratio) * before[k]) < 1e-14);
        }
    }
}

static void test_moves(void **state)
{
    (void)state;
    uint64_t random = 12;
    for (int32_t cell = ATH__DEFORM_FULL; cell <= ATH__DEFORM_SHAPE; cell++) {
        for (int32_t form = ATH__DEFORM_FRECHET; form <= ATH__DEFORM_UNIT; form++) {
            for (int trial = 0; trial < 40; trial++) {
                sample s;
                make(&s, &random, cell, form, trial % 4 * 0.1);
                check_move(&s, &random);
            }
        }
    }
}

/* ---- how far from the target ---- */

static double residual(int32_t cell, int32_t bits, const double cells[ATH__DEFORM_CELLS],
                       const double stress[9], const int32_t pbc[3], int32_t n)
{
    static const double h[9] = {4, 0, 0, 1, 5, 0, 0, 1, 6};
    const ath__deform_parameters p = {.cell = cell, .free = bits};
    return ath__deform_residual(&p, cells, stress, h, pbc, n);
}

static void test_residual(void **state)
{
    (void)state;
    const int32_t all[3] = {1, 1, 1}, slab[3] = {1, 1, 0};
    const double stress[9] = {-0.5, 0.1, -0.7, 0.1, -0.1, 0.2, -0.7, 0.2, 0.0};
    double cells[ATH__DEFORM_CELLS] = {0.0};
    assert_true(residual(ATH__DEFORM_FULL, 0x1ff, cells, stress, all, 1) == 0.7);
    assert_true(fabs(residual(ATH__DEFORM_ISO, 0x1ff, cells, stress, all, 1) - 0.2) < 1e-15);
    assert_true(residual(ATH__DEFORM_SHAPE, 0x1ff, cells, stress, all, 1) == 0.7);
    assert_true(residual(ATH__DEFORM_FULL, 0x111, cells, stress, all, 1) == 0.5);
    assert_true(fabs(residual(ATH__DEFORM_SHAPE, 0x111, cells, stress, all, 1) - 0.3) < 1e-15);
    assert_true(residual(ATH__DEFORM_FULL, 0x1ff, cells, stress, slab, 1) == 0.0);
    assert_true(residual(ATH__DEFORM_FULL, 0x1ff, cells, stress, all, 0) == 0.0);
    assert_true(residual(ATH__DEFORM_NONE, 0x1ff, cells, stress, all, 1) == 0.0);
    const double exact[7] = {0.2, 0.3, -0.1, -0.2, -0.2, 0.7, -0.1}; /* pressure, xx ... xy */
    memcpy(cells, exact, sizeof exact);
    assert_true(residual(ATH__DEFORM_FULL, 0x1ff, cells, stress, all, 1) < 1e-15);
    cells[ATH__DEFORM_PRESSURE] += 0.25;
    assert_true(fabs(residual(ATH__DEFORM_FULL, 0x1ff, cells, stress, all, 1) - 0.25) < 1e-15);
    assert_true(residual(ATH__DEFORM_SHAPE, 0x1ff, cells, stress, all, 1) < 1e-15);
    const double wild[9] = {(double)NAN, 0, 0, 0, 1, 0, 0, 0, 1};
    assert_true(isnan(residual(ATH__DEFORM_FULL, 0x1ff, cells, wild, all, 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forces),
        cmocka_unit_test(test_moves),
        cmocka_unit_test(test_residual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
