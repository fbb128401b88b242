/* Cell geometry: triclinic, left-handed, partly periodic, dummy and singular cells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data/cell.h"

static uint64_t seed = 1;

static double uniform(double lo, double hi)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return lo + (hi - lo) * (double)(seed >> 11) * 0x1p-53;
}

static void random_cell(double h[9])
{
    do {
        for (int k = 0; k < 9; k++) {
            h[k] = uniform(-5.0, 5.0);
        }
    } while (fabs(ath__cell_det(h)) < 20.0);
}

static void test_volume(void **state)
{
    (void)state;
    const double cube[9] = {2, 0, 0, 0, 3, 0, 0, 0, 4}, left[9] = {0, 3, 0, 2, 0, 0, 0, 0, 4};
    const double tri[9] = {4, 0, 0, 1, 3, 0, 0.5, 0.25, 5}, none[9] = {0};
    assert_true(ath__cell_volume(cube) == 24.0);
    assert_true(ath__cell_det(left) == -24.0);
    assert_true(ath__cell_volume(left) == 24.0);
    assert_true(ath__cell_volume(tri) == 60.0);
    assert_true(ath__cell_volume(none) == 0.0);
}

/* Rows of g times rows of h is the identity, for either hand; |g| against the heights: the volume
 * is the area of a face times its height. */
static void test_reciprocal(void **state)
{
    (void)state;
    for (int trial = 0; trial < 1000; trial++) {
        double h[9], g[9], heights[3];
        random_cell(h);
        assert_true(ath__cell_reciprocal(h, g));
        ath__cell_heights(g, heights);
        for (int i = 0; i < 3; i++) {
            for (int j = 0; j < 3; j++) {
                double dot = 0.0;
                for (int k = 0; k < 3; k++) {
                    dot += h[3 * i + k] * g[3 * j + k];
                }
                assert_true(fabs(dot - (i == j)) < 1e-13);
            }
            const double *a = h + 3 * ((i + 1) % 3), *b = h + 3 * ((i + 2) % 3);
            const double x = a[1] * b[2] - a[2] * b[1], y = a[2] * b[0] - a[0] * b[2];
            const double z = a[0] * b[1] - a[1] * b[0], area = sqrt(x * x + y * y + z * z);
            assert_true(fabs(area * heights[i] - ath__cell_volume(h)) <
                        1e-12 * ath__cell_volume(h));
        }
    }
    double g[9] = {-1.0};
    const double flat[9] = {1, 0, 0, 2, 0, 0, 0, 0, 1}, nan[9] = {NAN, 0, 0, 0, 1, 0, 0, 0, 1};
    assert_false(ath__cell_reciprocal(flat, g));
    assert_false(ath__cell_reciprocal(nan, g));
    assert_true(g[0] == -1.0);
}

/* Periodic vectors stay to the bit; the others become unit normals; the cell is never singular. */
static void check_complete(const double cell[9], const int32_t pbc[3])
{
    double h[9], g[9], heights[3];
    assert_true(ath__cell_complete(cell, pbc, h));
    assert_true(ath__cell_reciprocal(h, g));
    ath__cell_heights(g, heights);
    for (int i = 0; i < 3; i++) {
        const double *v = h + 3 * i;
        if (pbc[i]) {
            for (int k = 0; k < 3; k++) {
                assert_true(v[k] == cell[3 * i + k]);
            }
            continue;
        }
        assert_true(fabs(v[0] * v[0] + v[1] * v[1] + v[2] * v[2] - 1.0) < 1e-14);
        assert_true(fabs(heights[i] - 1.0) < 1e-12);
        for (int j = 0; j < 3; j++) {
            const double *w = h + 3 * j;
            const double norm = sqrt(w[0] * w[0] + w[1] * w[1] + w[2] * w[2]);
            const double dot = (v[0] * w[0] + v[1] * w[1] + v[2] * w[2]) / norm;
            assert_true(i == j || fabs(dot) < 1e-14);
        }
    }
}

static void test_complete(void **state)
{
    (void)state;
    for (int trial = 0; trial < 500; trial++) {
        double cell[9];
        random_cell(cell);
        for (int mask = 0; mask < 8; mask++) {
            const int32_t pbc[3] = {mask & 1, mask >> 1 & 1, mask >> 2 & 1};
            double dummy[9];
            for (int k = 0; k < 9; k++) { /* what stands along free axes does not matter */
                dummy[k] = pbc[k / 3] ? cell[k] : (trial % 2 ? 0.0 : 1.0);
            }
            check_complete(cell, pbc);
            check_complete(dummy, pbc);
            double a[9], b[9];
            assert_true(ath__cell_complete(cell, pbc, a) && ath__cell_complete(dummy, pbc, b));
            for (int k = 0; k < 9; k++) {
                assert_true(a[k] == b[k]);
            }
        }
    }
    const int32_t x[3] = {1, 0, 0}, xy[3] = {1, 1, 0}, all[3] = {1, 1, 1}, free[3] = {0, 0, 0};
    const double zero[9] = {0}, flat[9] = {1, 2, 3, 2, 4, 6, 0, 0, 1};
    double h[9];
    assert_false(ath__cell_complete(zero, x, h));
    assert_false(ath__cell_complete(zero, xy, h));
    assert_false(ath__cell_complete(zero, all, h));
    assert_true(ath__cell_complete(zero, free, h));
    assert_false(ath__cell_complete(flat, xy, h));
    assert_false(ath__cell_complete(flat, all, h));
    assert_true(ath__cell_complete(flat, x, h));
    const double axes[3][9] = {{7, 0, 0}, {0, 7, 0}, {0, 0, 7}};
    for (int i = 0; i < 3; i++) { /* a vector along an axis, in any row */
        for (int k = 0; k < 3; k++) {
            double cell[9] = {0};
            int32_t pbc[3] = {0, 0, 0};
            pbc[k] = 1;
            for (int c = 0; c < 3; c++) {
                cell[3 * k + c] = axes[i][c];
            }
            check_complete(cell, pbc);
        }
    }
}

/* If the function says yes, no second image of a pair, and no image of an atom itself, is within
 * the cutoff; if it says no for a periodic cell, there are places where one is. */
static void test_all_pairs(void **state)
{
    (void)state;
    const int32_t all[3] = {1, 1, 1}, none[3] = {0, 0, 0}, z[3] = {0, 0, 1};
    const double cube[9] = {10, 0, 0, 0, 10, 0, 0, 0, 10}, zero[9] = {0};
    assert_true(ath__all_pairs_enough(8, cube, all, 5.0, 8));
    assert_false(ath__all_pairs_enough(9, cube, all, 5.0, 8));
    assert_false(ath__all_pairs_enough(8, cube, all, 5.000001, 8));
    assert_true(ath__all_pairs_enough(8, zero, none, 1e9, 8));
    assert_false(ath__all_pairs_enough(8, zero, all, 1.0, 8));
    assert_true(ath__all_pairs_enough(8, cube, z, 5.0, 8));
    assert_false(ath__all_pairs_enough(8, cube, z, 5.1, 8));
    int yes = 0;
    for (int trial = 0; trial < 300; trial++) {
        double h[9];
        const double cutoff = uniform(0.3, 2.5);
        random_cell(h);
        if (!ath__all_pairs_enough(2, h, all, cutoff, 2)) {
            continue;
        }
        yes++;
        for (int point = 0; point < 20; point++) {
            const double f[3] = {uniform(-0.5, 0.5), uniform(-0.5, 0.5), uniform(-0.5, 0.5)};
            for (int s = 0; s < 27; s++) {
                const double t[3] = {f[0] + s % 3 - 1, f[1] + s / 3 % 3 - 1, f[2] + s / 9 - 1};
                double r[3];
                for (int k = 0; k < 3; k++) {
                    r[k] = t[0] * h[k] + t[1] * h[3 + k] + t[2] * h[6 + k];
                }
                const double d = sqrt(r[0] * r[0] + r[1] * r[1] + r[2] * r[2]);
                assert_true(s == 13 || d > cutoff * (1 - 1e-12)); /* 13: the nearest by rounding */
            }
        }
    }
    assert_true(yes > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_volume),
        cmocka_unit_test(test_reciprocal),
        cmocka_unit_test(test_complete),
        cmocka_unit_test(test_all_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
