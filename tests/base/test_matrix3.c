/* 3x3 matrices: products and inverse, and the exponential against closed forms and identities. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/matrix3.h"

static double random_number(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(int64_t)(*seed >> 11) * 0x1p-52 - 1.0;
}

static void random_matrix(uint64_t *seed, double size, double out[9])
{
    for (int k = 0; k < 9; k++) {
        out[k] = size * random_number(seed);
    }
}

static double norm(const double a[9])
{
    return sqrt(ath__m3_dot(a, a));
}

static double distance(const double a[9], const double b[9])
{
    double d[9];
    for (int k = 0; k < 9; k++) {
        d[k] = a[k] - b[k];
    }
    return norm(d);
}

static const double sizes[] = {1e-12, 1e-6, 1e-3, 0.1, 0.3, 1.0, 3.0};
enum { SIZES = sizeof sizes / sizeof *sizes };

static void test_products(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int i = 0; i < 100; i++) {
        double a[9], b[9], p[9], q[9], t[9], one[9];
        random_matrix(&seed, 1.0, a);
        random_matrix(&seed, 1.0, b);
        ath__m3_transpose(b, t);
        ath__m3_mul(a, t, p);
        ath__m3_mul_t(a, b, q);
        assert_true(distance(p, q) == 0.0);
        ath__m3_inverse(a, q);
        ath__m3_mul(a, q, p);
        ath__m3_diagonal(1.0, one);
        assert_true(distance(p, one) < 1e-15 * norm(a) * norm(q) * 20);
        ath__m3_mul(a, b, p);
        assert_true(fabs(ath__m3_det(p) - ath__m3_det(a) * ath__m3_det(b)) < 1e-13);
        ath__m3_symmetric(a, p);
        ath__m3_transpose(p, q);
        assert_true(distance(p, q) == 0.0);
        assert_true(fabs(ath__m3_trace(p) - ath__m3_trace(a)) < 1e-15);
    }
}

/* Rotations and diagonal matrices have exponentials that are known. */
static void test_closed_forms(void **state)
{
    (void)state;
    for (int s = 0; s < SIZES; s++) {
        const double w = sizes[s];
        const double turn[9] = {0, -w, 0, w, 0, 0, 0, 0, w};
        const double expected[9] = {cos(w), -sin(w), 0, sin(w), cos(w), 0, 0, 0, exp(w)};
        const double diagonal[9] = {w, 0, 0, 0, -w, 0, 0, 0, 0.5 * w};
        const double scales[9] = {exp(w), 0, 0, 0, exp(-w), 0, 0, 0, exp(0.5 * w)};
        double e[9], phi[9];
        ath__m3_exp(turn, e);
        assert_true(distance(e, expected) < 4e-15 * norm(expected));
        ath__m3_exp_phi(diagonal, e, phi);
        assert_true(distance(e, scales) < 4e-15 * norm(scales));
        for (int k = 0; k < 9; k += 4) {
            assert_true(fabs(phi[k] - expm1(diagonal[k]) / diagonal[k]) < 4e-15 * phi[k]);
        }
    }
}

static void test_identities(void **state)
{
    (void)state;
    uint64_t seed = 2;
    for (int i = 0; i < 50 * SIZES; i++) {
        double a[9], minus[9], e[9], f[9], phi[9], p[9], one[9];
        random_matrix(&seed, sizes[i % SIZES], a);
        ath__m3_scale(-1.0, a, minus);
        ath__m3_exp_phi(a, e, phi);
        ath__m3_exp(minus, f);
        ath__m3_mul(e, f, p);
        ath__m3_diagonal(1.0, one);
        assert_true(distance(p, one) < 1e-14 * norm(e) * norm(f));
        ath__m3_mul(a, phi, p);
        for (int k = 0; k < 9; k += 4) {
            p[k] += 1.0;
        }
        assert_true(distance(p, e) < 1e-14 * norm(e));
        assert_true(fabs(ath__m3_det(e) - exp(ath__m3_trace(a))) < 1e-14 * pow(norm(e), 3));
    }
}

/* The derivative against a difference of four points, and for commuting directions. */
static void test_derivative(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int i = 0; i < 50 * SIZES; i++) {
        double a[9], b[9], e[9], d[9], difference[9], p[9];
        const double h = 1e-3;
        random_matrix(&seed, sizes[i % SIZES], a);
        random_matrix(&seed, 1.0, b);
        ath__m3_exp_derivative(a, b, e, d);
        ath__m3_exp(a, p);
        assert_true(distance(e, p) < 1e-14 * norm(e));
        for (int k = 0; k < 9; k++) {
            difference[k] = 0.0;
        }
        for (int s = -2; s <= 2; s++) {
            static const double weights[5] = {1.0, -8.0, 0.0, 8.0, -1.0};
            double x[9];
            for (int k = 0; k < 9; k++) {
                x[k] = a[k] + s * h * b[k];
            }
            ath__m3_exp(x, p);
            for (int k = 0; k < 9; k++) {
                difference[k] += weights[s + 2] * p[k] / (12.0 * h);
            }
        }
        assert_true(distance(difference, d) < 1e-9 * norm(d));
        ath__m3_exp_derivative(a, a, e, d);
        ath__m3_mul(a, e, p);
        assert_true(distance(p, d) < 1e-14 * norm(e) * (norm(a) + 1e-300));
    }
}

/* What is not finite, or absurdly large, ends. */
static void test_wild(void **state)
{
    (void)state;
    const double values[] = {(double)NAN, (double)INFINITY, 1e300, -1e300};
    for (int i = 0; i < 4; i++) {
        double a[9] = {0}, e[9], d[9];
        a[1] = values[i];
        a[3] = 1.0;
        ath__m3_exp(a, e);
        ath__m3_exp_derivative(a, a, e, d);
        assert_false(isfinite(e[0]) && i < 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products),   cmocka_unit_test(test_closed_forms),
        cmocka_unit_test(test_identities), cmocka_unit_test(test_derivative),
        cmocka_unit_test(test_wild),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
