/* Thermal velocities of a system: exact temperature and degrees of freedom, what stays at rest,
 * what is removed, the distribution, and what keys the noise. Also the eigenvalues behind the
 * tensor of inertia, and the mix that makes keys.
 */
#include "integrators/rig.h"

#include <math.h>
#include <string.h>

#include "dynamics/velocities.h"

enum { N = 1000, USUAL = ATH__MOTION_CONSERVES | ATH__MOTION_NO_MOMENTUM | ATH__MOTION_EXACT };

typedef struct draw {
    double v[3 * N], r[3 * N], m[N];
    uint8_t fixed[3 * N];
    uint64_t uid[2];
    ath__motion motion;
    ath__thermal thermal;
} draw;

/* Atoms in a box far from the origin, periodic unless a test says otherwise. */
static void draw_begin(draw *d, int64_t n)
{
    uint64_t random = 77;
    memset(d, 0, sizeof *d);
    for (int i = 0; i < N; i++) {
        d->m[i] = 1.0 + 200.0 * rig_random(&random);
    }
    for (int k = 0; k < 3 * N; k++) {
        d->r[k] = 40.0 + 10.0 * rig_random(&random);
        d->v[k] = 1e6; /* everything must be written */
    }
    d->uid[0] = 3;
    d->uid[1] = 4;
    d->motion = (ath__motion){.velocities = d->v,
                              .positions = d->r,
                              .masses = d->m,
                              .n = n,
                              .periodic = 1,
                              .rules = USUAL};
    d->thermal = (ath__thermal){.uid = d->uid, .seed = 5, .temperature = 300.0};
}

static double draw_velocities(draw *d)
{
    return ath__thermal_velocities(&d->motion, &d->thermal);
}

static double twice_kinetic(const draw *d)
{
    double sum = 0.0;
    for (int64_t k = 0; k < 3 * d->motion.n; k++) {
        sum += d->m[k / 3] * d->v[k] * d->v[k];
    }
    return sum;
}

/* |P| of an axis, and |L| about the centre of mass, by themselves. */
static double momentum(const draw *d, int axis)
{
    double p = 0.0;
    for (int64_t i = 0; i < d->motion.n; i++) {
        p += d->m[i] * d->v[3 * i + axis];
    }
    return fabs(p);
}

static double angular(const draw *d)
{
    double c[3] = {0, 0, 0}, l[3] = {0, 0, 0}, mass = 0.0;
    for (int64_t i = 0; i < d->motion.n; i++) {
        mass += d->m[i];
        for (int k = 0; k < 3; k++) {
            c[k] += d->m[i] * d->r[3 * i + k];
        }
    }
    for (int64_t i = 0; i < d->motion.n; i++) {
        for (int k = 0; k < 3; k++) {
            const int a = (k + 1) % 3, b = (k + 2) % 3;
            l[k] += d->m[i] * ((d->r[3 * i + a] - c[a] / mass) * d->v[3 * i + b] -
                               (d->r[3 * i + b] - c[b] / mass) * d->v[3 * i + a]);
        }
    }
    return fabs(l[0]) + fabs(l[1]) + fabs(l[2]);
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
        draw_begin(&d, n);
        assert_true(draw_velocities(&d) == (double)(3 * n - 3));
        exact(&d, (double)(3 * n - 3));
        for (int k = 0; k < 3; k++) {
            assert_true(momentum(&d, k) < 1e-11 * (double)n);
        }
        assert_true(d.v[3 * n - 1] != 1e6 && (n == N || d.v[3 * n] == 1e6));
    }
    draw_begin(&d, 10);
    d.motion.rules &= ~ATH__MOTION_NO_MOMENTUM;
    assert_true(draw_velocities(&d) == 30.0);
    exact(&d, 30.0);
    draw_begin(&d, 10); /* as with langevin: the momentum is thermal, and stays */
    d.motion.rules &= ~ATH__MOTION_CONSERVES;
    assert_true(draw_velocities(&d) == 30.0);
    exact(&d, 30.0);
    assert_true(momentum(&d, 0) > 1e-3);
    draw_begin(&d, 10); /* but not if the centre is held */
    d.motion.rules = ATH__MOTION_HOLDS | ATH__MOTION_EXACT;
    assert_true(draw_velocities(&d) == 27.0);
    exact(&d, 27.0);
    assert_true(momentum(&d, 0) < 1e-12);
    draw_begin(&d, 10);
    d.thermal.temperature = 0.0;
    assert_true(draw_velocities(&d) == 27.0);
    assert_true(twice_kinetic(&d) == 0.0);
}

/* One atom can only drift, and none can do nothing. */
static void test_lone(void **state)
{
    (void)state;
    static draw d;
    for (int rules = 0; rules < 2; rules++) {
        draw_begin(&d, 1);
        d.motion.periodic = 0;
        d.motion.rules |= rules ? ATH__MOTION_NO_ROTATION : 0;
        d.motion.rules &= rules ? ~ATH__MOTION_EXACT : ~0;
        assert_true(draw_velocities(&d) == 0.0);
        assert_true(d.v[0] == 0.0 && d.v[1] == 0.0 && d.v[2] == 0.0);
    }
    draw_begin(&d, 1); /* in a field, or with langevin */
    d.motion.rules &= ~ATH__MOTION_CONSERVES;
    assert_true(draw_velocities(&d) == 3.0);
    exact(&d, 3.0);
    draw_begin(&d, 1); /* as it drifts */
    d.motion.rules &= ~ATH__MOTION_NO_MOMENTUM;
    assert_true(draw_velocities(&d) == 3.0);
    draw_begin(&d, 0);
    d.motion.periodic = 0;
    assert_true(draw_velocities(&d) == 0.0);
    draw_begin(&d, 3); /* atoms, but no mass */
    memset(d.m, 0, sizeof d.m);
    d.motion.periodic = 0;
    d.motion.rules |= ATH__MOTION_NO_ROTATION;
    assert_true(draw_velocities(&d) == 0.0);
    assert_true(d.v[0] == 0.0 && d.v[8] == 0.0);
}

static void test_at_rest(void **state)
{
    (void)state;
    static draw d;
    draw_begin(&d, 10);
    d.motion.fixed = d.fixed;
    d.fixed[4] = d.fixed[29] = 1; /* y and z are anchored, x is not */
    d.m[5] = 0.0;
    assert_true(draw_velocities(&d) == 30.0 - 2.0 - 3.0 - 1.0);
    exact(&d, 24.0);
    assert_true(momentum(&d, 0) < 1e-12 && momentum(&d, 1) > 1e-3 && momentum(&d, 2) > 1e-3);
    for (int k = 0; k < 30; k++) {
        assert_true((d.v[k] == 0.0) == (k == 4 || k == 29 || k / 3 == 5));
    }
    draw_begin(&d, 10); /* a slab whose lowest atoms move in their plane only */
    d.motion.fixed = d.fixed;
    d.fixed[2] = d.fixed[5] = d.fixed[8] = 1;
    assert_true(draw_velocities(&d) == 30.0 - 3.0 - 2.0);
    exact(&d, 25.0);
    draw_begin(&d, 10); /* massless, not anchored */
    d.m[5] = 0.0;
    d.motion.fixed = d.fixed;
    d.fixed[15] = 1; /* its own */
    assert_true(draw_velocities(&d) == 24.0);
    exact(&d, 24.0);
    assert_true(d.v[15] == 0.0 && d.v[16] == 0.0 && d.v[17] == 0.0);
    draw_begin(&d, 3); /* nothing can move */
    d.motion.fixed = d.fixed;
    memset(d.fixed, 1, 9);
    assert_true(draw_velocities(&d) == 0.0);
    assert_true(twice_kinetic(&d) == 0.0);
}

/* ---- rotation ---- */

static void draw_free(draw *d, int64_t n)
{
    draw_begin(d, n);
    d->motion.periodic = 0;
    d->motion.rules |= ATH__MOTION_NO_ROTATION;
}

static void test_rotation(void **state)
{
    (void)state;
    static draw d;
    draw_free(&d, 1);
    for (int64_t n = 3; n <= N; n = 3 * n + 1) {
        draw_free(&d, n);
        assert_true(draw_velocities(&d) == (double)(3 * n - 6));
        exact(&d, (double)(3 * n - 6));
        assert_true(momentum(&d, 0) + momentum(&d, 1) + momentum(&d, 2) < 1e-11 * (double)n);
        assert_true(angular(&d) < 1e-10 * (double)n);
    }
    draw_free(&d, 10); /* only if it is to be removed */
    d.motion.rules &= ~ATH__MOTION_NO_ROTATION;
    assert_true(draw_velocities(&d) == 27.0);
    assert_true(angular(&d) > 0.1);
    for (int which = 0; which < 3; which++) { /* and only where it is a constant */
        draw_free(&d, 10);
        d.motion.periodic = which == 0;
        d.motion.fixed = d.fixed;
        d.fixed[4] = which == 1;
        if (which == 2) {
            d.motion.rules ^= ATH__MOTION_CONSERVES | ATH__MOTION_HOLDS;
        }
        assert_true(draw_velocities(&d) == 27.0);
        assert_true(angular(&d) > 0.1);
    }
}

/* On a line, however it lies; two atoms; all in one place. */
static void test_linear(void **state)
{
    static const double axes[4][3] = {{1, 0, 0}, {0, 0, 1}, {1, 1, 1}, {-0.3, 0.8, 0.1}};
    (void)state;
    static draw d;
    for (int a = 0; a < 4; a++) {
        for (int64_t n = 2; n <= 5; n++) {
            draw_free(&d, n);
            for (int64_t k = 0; k < 3 * n; k++) {
                const double off = 1e-7 * sin((double)k); /* as in a file */
                d.r[k] = 30.0 + axes[a][k % 3] * (double)(k / 3) * 1.2 + off;
            }
            assert_true(draw_velocities(&d) == (double)(3 * n - 5));
            exact(&d, (double)(3 * n - 5));
            assert_true(angular(&d) < 1e-4);
            for (int64_t k = 0; k < 3 * n; k++) {
                assert_true(fabs(d.v[k]) < 1.0); /* nothing is blown up about the axis */
            }
        }
    }
    draw_free(&d, 3);
    for (int k = 0; k < 9; k++) {
        d.r[k] = 17.3;
    }
    assert_true(draw_velocities(&d) == 6.0); /* cannot turn */
}

/* Kept velocities: what is 0 does not count, whoever has removed it; what is not 0 does. */
static void test_kept(void **state)
{
    (void)state;
    static draw d;
    draw_free(&d, 10);
    assert_true(draw_velocities(&d) == 24.0);
    assert_true(ath__motion_settle(&d.motion, 0, 0) == 24.0);
    d.motion.periodic = 1;
    assert_true(ath__motion_settle(&d.motion, 0, 0) == 27.0);
    for (int64_t i = 0; i < 10; i++) {
        d.v[3 * i + 1] += 1e-3;
    }
    assert_true(ath__motion_settle(&d.motion, 0, 0) == 28.0);
    const double before = d.v[4];
    d.motion.rules |= ATH__MOTION_RESTS; /* not with a thermostat that scales */
    assert_true(ath__motion_settle(&d.motion, 0, 0) == 27.0);
    assert_true(fabs(d.v[4] - (before - 1e-3)) < 1e-15 && momentum(&d, 1) < 1e-12);
    d.motion.rules = 0;
    assert_true(ath__motion_settle(&d.motion, 0, 0) == 30.0);
    draw_free(&d, 10); /* at rest altogether */
    memset(d.v, 0, sizeof d.v);
    assert_true(ath__motion_settle(&d.motion, 0, 0) == 24.0);
    draw_free(&d, 4); /* numbers that are none are counted as motion, and do no harm */
    d.v[5] = NAN;
    assert_true(ath__motion_settle(&d.motion, 0, 0) >= 6.0);
}

static void test_eigen(void **state)
{
    (void)state;
    uint64_t random = 5;
    for (int round = 0; round < 400; round++) {
        double a[9], w[3], v[9], scale = 0.0;
        const double small = round % 4 == 0 ? 1e-9 : 1.0;
        for (int i = 0; i < 3; i++) {
            for (int j = i; j < 3; j++) {
                const double x = rig_random(&random) - 0.5;
                a[3 * i + j] = a[3 * j + i] = round % 5 == 1 && i != j ? 0.0 : x * small;
            }
        }
        a[0] *= round % 3 == 0 ? 1e12 : 1.0;
        ath__eigen3(a, w, v);
        for (int k = 0; k < 9; k++) {
            scale = fabs(a[k]) > scale ? fabs(a[k]) : scale;
        }
        for (int i = 0; i < 3; i++) {
            for (int j = 0; j < 3; j++) {
                double sum = 0.0, dot = 0.0;
                for (int k = 0; k < 3; k++) {
                    sum += w[k] * v[3 * k + i] * v[3 * k + j];
                    dot += v[3 * i + k] * v[3 * j + k];
                }
                assert_true(fabs(sum - a[3 * i + j]) <= 1e-15 * 20 * scale);
                assert_true(fabs(dot - (i == j)) < 1e-14);
            }
        }
    }
}

/* Mean, variance and fourth moment of the components in units of sqrt(kT/m), each within 4 sigma.
 */
static void test_distribution(void **state)
{
    (void)state;
    static draw d;
    draw_begin(&d, N);
    d.motion.rules = 0;
    assert_true(draw_velocities(&d) == 3.0 * N);
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
    draw_velocities(&a);
    draw_begin(&b, 50);
    draw_velocities(&b);
    assert_memory_equal(a.v, b.v, 150 * sizeof *a.v);
    for (int change = 0; change < 3; change++) {
        draw_begin(&b, 50);
        b.thermal.seed += change == 0;
        b.uid[0] += change == 1;
        b.uid[1] += change == 2;
        draw_velocities(&b);
        for (int k = 0; k < 150; k++) {
            assert_true(a.v[k] != b.v[k]);
        }
    }
    draw_begin(&a, 50); /* the number of atoms is no key: raw numbers of the first are the same */
    draw_begin(&b, 20);
    a.motion.rules = b.motion.rules = 0;
    draw_velocities(&a);
    draw_velocities(&b);
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
        cmocka_unit_test(test_exact),   cmocka_unit_test(test_lone),
        cmocka_unit_test(test_at_rest), cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_linear),  cmocka_unit_test(test_kept),
        cmocka_unit_test(test_eigen),   cmocka_unit_test(test_distribution),
        cmocka_unit_test(test_keys),    cmocka_unit_test(test_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
