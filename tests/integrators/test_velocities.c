/* Thermal velocities of a system: exact temperature and degrees of freedom, what stays at rest, the
 * distribution, and what keys the noise. Also the mix that makes keys.
 */
#include "integrators/rig.h"

#include <math.h>
#include <string.h>

#include "dynamics/velocities.h"

enum { N = 1000 };

typedef struct draw {
    double v[3 * N], m[N];
    uint8_t fixed[3 * N];
    uint64_t uid[2];
    ath__thermal thermal;
} draw;

static void draw_begin(draw *d, int64_t n)
{
    uint64_t random = 77;
    memset(d, 0, sizeof *d);
    for (int i = 0; i < N; i++) {
        d->m[i] = 1.0 + 200.0 * rig_random(&random);
    }
    d->uid[0] = 3;
    d->uid[1] = 4;
    d->thermal = (ath__thermal){.velocities = d->v,
                                .masses = d->m,
                                .n = n,
                                .uid = d->uid,
                                .seed = 5,
                                .temperature = 300.0,
                                .remove_momentum = 1,
                                .exact = 1};
    for (int k = 0; k < 3 * N; k++) {
        d->v[k] = 1e6; /* everything must be written */
    }
}

static double twice_kinetic(const draw *d)
{
    double sum = 0.0;
    for (int64_t k = 0; k < 3 * d->thermal.n; k++) {
        sum += d->m[k / 3] * d->v[k] * d->v[k];
    }
    return sum;
}

static void exact(const draw *d, double dof)
{
    const double target = dof * 8.617333262145179e-5 * d->thermal.temperature;
    assert_true(fabs(twice_kinetic(d) - target) <= 1e-13 * target);
}

static void test_exact(void **state)
{
    (void)state;
    static draw d;
    for (int64_t n = 2; n <= N; n = 3 * n + 1) {
        double p[3] = {0, 0, 0};
        draw_begin(&d, n);
        assert_true(ath__thermal_velocities(&d.thermal) == (double)(3 * n - 3));
        exact(&d, (double)(3 * n - 3));
        for (int64_t k = 0; k < 3 * n; k++) {
            p[k % 3] += d.m[k / 3] * d.v[k];
        }
        assert_true(fabs(p[0]) + fabs(p[1]) + fabs(p[2]) < 1e-11 * (double)n);
        assert_true(d.v[3 * n - 1] != 1e6 && (n == N || d.v[3 * n] == 1e6));
    }
    draw_begin(&d, 10);
    d.thermal.remove_momentum = 0;
    assert_true(ath__thermal_velocities(&d.thermal) == 30.0);
    exact(&d, 30.0);
    draw_begin(&d, 1); /* one atom keeps its momentum */
    assert_true(ath__thermal_velocities(&d.thermal) == 3.0);
    exact(&d, 3.0);
    draw_begin(&d, 0);
    assert_true(ath__thermal_velocities(&d.thermal) == 0.0);
    draw_begin(&d, 10);
    d.thermal.temperature = 0.0;
    assert_true(ath__thermal_velocities(&d.thermal) == 27.0);
    assert_true(twice_kinetic(&d) == 0.0);
}

static void test_at_rest(void **state)
{
    (void)state;
    static draw d;
    draw_begin(&d, 10);
    d.thermal.fixed = d.fixed;
    d.fixed[4] = d.fixed[29] = 1;
    d.m[5] = 0.0;
    assert_true(ath__thermal_velocities(&d.thermal) == 30.0 - 2.0 - 3.0); /* anchored */
    exact(&d, 25.0);
    for (int k = 0; k < 30; k++) {
        assert_true((d.v[k] == 0.0) == (k == 4 || k == 29 || k / 3 == 5));
    }
    draw_begin(&d, 10); /* massless, not anchored */
    d.m[5] = 0.0;
    assert_true(ath__thermal_velocities(&d.thermal) == 24.0);
    exact(&d, 24.0);
    assert_true(d.v[15] == 0.0 && d.v[16] == 0.0 && d.v[17] == 0.0);
    draw_begin(&d, 2); /* one of two atoms has mass: its momentum is all there is */
    d.m[0] = 0.0;
    assert_true(ath__thermal_velocities(&d.thermal) == 3.0);
    exact(&d, 3.0);
    draw_begin(&d, 3); /* nothing can move */
    d.thermal.fixed = d.fixed;
    memset(d.fixed, 1, 9);
    assert_true(ath__thermal_velocities(&d.thermal) == 0.0);
    assert_true(twice_kinetic(&d) == 0.0);
}

/* Mean, variance and fourth moment of the components in units of sqrt(kT/m), each within 4 sigma.
 */
static void test_distribution(void **state)
{
    (void)state;
    static draw d;
    draw_begin(&d, N);
    d.thermal.exact = d.thermal.remove_momentum = 0;
    assert_true(ath__thermal_velocities(&d.thermal) == 3.0 * N);
    double sum[5] = {0, 0, 0, 0, 0};
    for (int k = 0; k < 3 * N; k++) {
        const double x = d.v[k] * sqrt(d.m[k / 3] / (8.617333262145179e-5 * 300.0));
        for (int p = 1; p <= 4; p++) {
            sum[p] += pow(x, p);
        }
    }
    const double n = 3.0 * N;
    assert_true(fabs(sum[1] / n) < 4 * sqrt(1 / n));
    assert_true(fabs(sum[2] / n - 1) < 4 * sqrt(2 / n));
    assert_true(fabs(sum[3] / n) < 4 * sqrt(15 / n));
    assert_true(fabs(sum[4] / n - 3) < 4 * sqrt(96 / n));
}

static void test_keys(void **state)
{
    (void)state;
    static draw a, b;
    draw_begin(&a, 50);
    ath__thermal_velocities(&a.thermal);
    draw_begin(&b, 50);
    ath__thermal_velocities(&b.thermal);
    assert_memory_equal(a.v, b.v, 150 * sizeof *a.v);
    for (int change = 0; change < 3; change++) {
        draw_begin(&b, 50);
        b.thermal.seed += change == 0;
        b.uid[0] += change == 1;
        b.uid[1] += change == 2;
        ath__thermal_velocities(&b.thermal);
        for (int k = 0; k < 150; k++) {
            assert_true(a.v[k] != b.v[k]);
        }
    }
    draw_begin(&a, 50); /* the number of atoms is no key: raw numbers of the first are the same */
    draw_begin(&b, 20);
    a.thermal.exact = a.thermal.remove_momentum = 0;
    b.thermal.exact = b.thermal.remove_momentum = 0;
    ath__thermal_velocities(&a.thermal);
    ath__thermal_velocities(&b.thermal);
    assert_memory_equal(a.v, b.v, 60 * sizeof *a.v);
}

/* One bit of seed or uid turns about half of the bits of the key. */
static void test_mix(void **state)
{
    (void)state;
    double flips = 0.0;
    int n = 0;
    for (int bit = 0; bit < 192; bit++) {
        for (uint64_t base = 0; base < 20; base++) {
            uint64_t w[3] = {base, base * 7, ~base};
            const uint64_t one = ath__noise_hash((int64_t)w[0], w[1], w[2]);
            w[bit / 64] ^= UINT64_C(1) << bit % 64;
            const uint64_t two = ath__noise_hash((int64_t)w[0], w[1], w[2]);
            const int changed = __builtin_popcountll(one ^ two);
            assert_true(changed >= 10 && changed <= 54);
            flips += changed;
            n++;
        }
    }
    assert_true(fabs(flips / n - 32.0) < 4 * 4 / sqrt(n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact),        cmocka_unit_test(test_at_rest),
        cmocka_unit_test(test_distribution), cmocka_unit_test(test_keys),
        cmocka_unit_test(test_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
