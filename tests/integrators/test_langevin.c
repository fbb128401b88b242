/* Langevin dynamics: its coefficients, the stationary distribution in harmonic wells (where the
 * sampling of BAOAB is known exactly), its limits, the quality of the noise and what keys it.
 */
#include "integrators/rig.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <athanor/units.h>

#include "integrators/langevin.h"
#include "integrators/noise_lanes.h"

/* Mean and standard error of what is independent. */
typedef struct tally {
    double n, sum, sum2;
} tally;

static void tally_add(tally *t, double x)
{
    t->n += 1;
    t->sum += x;
    t->sum2 += x * x;
}

/* The mean is `expected` within four standard errors, and these are at most `resolution`. */
static void tally_check(const tally *t, double expected, double resolution, const char *what)
{
    const double mean = t->sum / t->n, variance = t->sum2 / t->n - mean * mean;
    const double error = sqrt(variance / (t->n - 1));
    if (!(fabs(mean - expected) < 4 * error) || !(error < resolution)) {
        print_error("%s: %.6f +- %.6f, expected %.6f\n", what, mean, error, expected);
    }
    assert_true(fabs(mean - expected) < 4 * error);
    assert_true(error < resolution);
}

/* F = -k r for each component; arg: k. */
static void spring(int32_t n, const double *r, double *f, const void *arg)
{
    for (int32_t i = 0; i < 3 * n; i++) {
        f[i] = -*(const double *)arg * r[i];
    }
}

static void no_force(int32_t n, const double *r, double *f, const void *arg)
{
    (void)r;
    (void)arg;
    memset(f, 0, 3 * (size_t)n * sizeof *f);
}

static void test_coefficients(void **state)
{
    (void)state;
    const double fs = ATH_FS_PER_TIME;
    ath__langevin_coefficients c = ath__langevin_prepare(1.0 / fs, 0.025851999786, 0.01 * fs);
    assert_true(fabs(c.c1 - 0.9900498337491681) < 1e-15);
    const double c2 = ath__langevin_c2(c.variance, ath__inverse_mass(39.948));
    assert_true(fabs(c2 - 0.0035797005277726805) < 1e-17);
    for (double x = 1e-18; x < 50.0; x *= 1.7) { /* 1 - c1^2 keeps its digits */
        c = ath__langevin_prepare(1.0, 1.0, x);
        const double exact = (double)-expm1l(-2.0L * (long double)x);
        assert_true(fabs(c.variance - exact) <= 1e-15 * exact);
    }
    c = ath__langevin_prepare(0.3, 0.025, 0.0);
    assert_true(c.c1 == 1.0 && c.variance == 0.0);
    c = ath__langevin_prepare(1e4, 0.025, 1e4);
    assert_true(c.c1 == 0.0 && c.variance == 0.025);
    assert_true(ath__langevin_c2(0.5, ath__inverse_mass(0.0)) == 0.0);
}

/* ---- harmonic wells ---- */

enum { WELLS = 600 };

/* In a well of frequency w, BAOAB samples <k x^2> = kT exactly, and after the second half step
 * <m v^2> = kT (1 - (w dt)^2 / 4). Each of the components is one independent sample. */
static void wells(const char *device, double friction, int64_t begin, int64_t steps)
{
    const double k = 2.5, dt = 5.0 / ATH_FS_PER_TIME, kt = 300.0 * ATH_BOLTZMANN;
    static double r[3 * WELLS], v[3 * WELLS], m[WELLS], x2[3 * WELLS], x4[3 * WELLS], v2[3 * WELLS];
    memset(r, 0, sizeof r);
    memset(x2, 0, sizeof x2);
    memset(x4, 0, sizeof x4);
    memset(v2, 0, sizeof v2);
    for (int i = 0; i < WELLS; i++) {
        m[i] = (double[]){1.008, 12.011, 39.948}[i % 3]; /* w dt: 0.77, 0.22, 0.12 */
    }
    char text[128];
    snprintf(text, sizeof text, "langevin:timestep=5,temperature=300,friction=%g", friction);
    test_rig rig;
    rig_open(&rig, device, text);
    rig_add_atoms(&rig, WELLS, r, NULL, m);
    rig_enter(&rig);
    rig_forces(&rig, spring, &k);
    rig_steps(&rig, begin, spring, &k);
    for (int64_t step = 0; step < steps; step++) {
        rig_steps(&rig, 1, spring, &k);
        rig_read(&rig, ATH_FIELD_POSITIONS, 0, r);
        rig_read(&rig, ATH_FIELD_VELOCITIES, 0, v);
        for (int i = 0; i < 3 * WELLS; i++) {
            const double w2 = k / m[i / 3], u = r[i] * r[i] * k / kt;
            x2[i] += u / (double)steps;
            x4[i] += u * u / (double)steps;
            v2[i] += v[i] * v[i] * m[i / 3] / kt / (1 - w2 * dt * dt / 4) / (double)steps;
        }
    }
    rig_close(&rig);
    tally configurational = {0}, kinetic = {0}, fourth = {0};
    for (int i = 0; i < 3 * WELLS; i++) {
        tally_add(&configurational, x2[i]);
        tally_add(&kinetic, v2[i]);
        tally_add(&fourth, x4[i]);
    }
    tally_check(&configurational, 1.0, 0.01, "configurational temperature");
    tally_check(&kinetic, 1.0, 0.01, "kinetic temperature");
    tally_check(&fourth, 3.0, 0.06, "fourth moment of the positions");
}

static void test_wells_low(void **state)
{
    (void)state;
    wells("host", 0.002, 1000, 2500);
}

static void test_wells_high(void **state)
{
    (void)state;
    wells("host", 0.2, 300, 2500);
    wells("mock", 0.2, 300, 2500);
}

/* ---- limits ---- */

enum { ATOMS = 37 };

static void start(test_rig *rig, const char *text, const double *k)
{
    const rig_spec spec = {ATOMS, 8, 9, 0};
    rig_open(rig, "host", text);
    rig_add(rig, &spec, 1);
    rig_enter(rig);
    rig_forces(rig, k ? spring : no_force, k);
}

/* Without friction: velocity Verlet to rounding, and no noise at all. */
static void test_no_friction(void **state)
{
    (void)state;
    const double k = 1.5;
    double r[2][3 * ATOMS], v[2][3 * ATOMS];
    test_rig rig;
    for (int i = 0; i < 2; i++) {
        start(&rig, i ? "nve:timestep=2" : "langevin:timestep=2,friction=0", &k);
        rig_steps(&rig, 200, spring, &k);
        rig_read(&rig, ATH_FIELD_POSITIONS, 0, r[i]);
        rig_read(&rig, ATH_FIELD_VELOCITIES, 0, v[i]);
        rig_close(&rig);
    }
    for (int i = 0; i < 3 * ATOMS; i++) {
        assert_true(fabs(r[0][i] - r[1][i]) < 1e-12);
        assert_true(fabs(v[0][i] - v[1][i]) < 1e-12);
    }
    uint64_t bits[2];
    for (int i = 0; i < 2; i++) {
        start(&rig, "langevin:timestep=2,friction=0", &k);
        rig.seed += i;
        rig_steps(&rig, 20, spring, &k);
        bits[i] = rig_hash_motion(&rig, 0);
        rig_close(&rig);
    }
    assert_int_equal(bits[0], bits[1]);
}

/* At 0 K only friction is left; a massless atom has no noise at any temperature. */
static void test_cold(void **state)
{
    (void)state;
    double before[3 * ATOMS], after[3 * ATOMS];
    for (int hot = 0; hot < 2; hot++) {
        test_rig rig;
        start(&rig, hot ? "langevin:temperature=900" : "langevin:temperature=0", NULL);
        rig_read(&rig, ATH_FIELD_VELOCITIES, 0, before);
        rig_steps(&rig, 10, no_force, NULL);
        rig_read(&rig, ATH_FIELD_VELOCITIES, 0, after);
        for (int i = 0; i < 3 * ATOMS; i++) {
            const double expected = before[i] * exp(-0.01 * 10);
            const bool damped = fabs(after[i] - expected) < 1e-14;
            assert_true(damped == (!hot || i / 3 == 5)); /* atom 5 has no mass */
        }
        rig_close(&rig);
    }
}

/* ---- noise ---- */

enum { MANY = 4001 };

/* Velocities after one step with overwhelming friction and no force: c2 times the noise of the
 * step. */
static void noise(double *xi, int64_t seed, uint64_t uid, int64_t step, int32_t stranger)
{
    static double r[3 * MANY], m[MANY];
    test_rig rig;
    rig_open(&rig, "host", "langevin:temperature=300,friction=1000,timestep=1000");
    rig.seed = seed;
    const rig_spec other = {stranger, 1000, 1, 0}, spec = {MANY, uid, 2, 0};
    rig_add(&rig, &other, 1);
    rig_add(&rig, &spec, 1);
    for (int i = 0; i < MANY; i++) {
        m[i] = 2.0;
    }
    rig_write(&rig, ATH_FIELD_MASSES, 1, m);
    rig_write(&rig, ATH_FIELD_VELOCITIES, 1, r);
    rig_write(&rig, ATH_FIELD_STAGE_STEPS, 1, &step);
    rig_enter(&rig);
    rig_half(&rig, false, (int32_t[]){1, 0}, 2);
    rig_read(&rig, ATH_FIELD_VELOCITIES, 1, xi);
    for (int k = 0; k < 3 * MANY; k++) {
        xi[k] *= sqrt(2.0 / (300.0 * ATH_BOLTZMANN));
    }
    rig_close(&rig);
}

static double xi[5][3 * MANY];

static void correlate(const double *a, const double *b, int n, const char *what)
{
    tally t = {0};
    for (int k = 0; k < n; k++) {
        tally_add(&t, a[k] * b[k]);
    }
    tally_check(&t, 0.0, 0.05, what);
}

static void test_noise(void **state)
{
    (void)state;
    const int n = 3 * MANY;
    noise(xi[0], 1, 1, 0, 3);
    noise(xi[1], 1, 1, 1, 3);
    noise(xi[2], 1, 2, 0, 3);
    noise(xi[3], 2, 1, 0, 3);
    noise(xi[4], 1, 1, (int64_t)1 << 32, 3);
    tally moment[5] = {{0}};
    for (int k = 0; k < n; k++) {
        for (int p = 1; p <= 4; p++) {
            tally_add(&moment[p], pow(xi[0][k], p));
        }
    }
    tally_check(&moment[1], 0.0, 0.05, "mean");
    tally_check(&moment[2], 1.0, 0.05, "variance");
    tally_check(&moment[3], 0.0, 0.2, "third moment");
    tally_check(&moment[4], 3.0, 0.2, "fourth moment");
    correlate(xi[0], xi[1], n, "successive steps");
    correlate(xi[0], xi[2], n, "two systems");
    correlate(xi[0], xi[3], n, "two seeds");
    correlate(xi[0], xi[4], n, "steps 2^32 apart");
    const int lags[] = {1, 2, 3, 6, 12, 22, 23, 24, 25, 48};
    for (size_t i = 0; i < sizeof lags / sizeof *lags; i++) { /* x, y, z and pairs of atoms */
        correlate(xi[0], xi[0] + lags[i], n - lags[i], "components");
    }
}

static void test_noise_keys(void **state)
{
    (void)state;
    noise(xi[0], 1, 1, 5, 3);
    noise(xi[1], 1, 1, 5, 100); /* other rows, other company */
    assert_memory_equal(xi[0], xi[1], sizeof xi[0]);
    const int64_t seed[] = {2, 1, 1, -1};
    const uint64_t uid[] = {1, 2, 1, 1};
    const int64_t step[] = {5, 5, 6, 5};
    for (int i = 0; i < 4; i++) {
        noise(xi[1], seed[i], uid[i], step[i], 3);
        for (int k = 0; k < 3 * MANY; k++) {
            assert_true(xi[0][k] != xi[1][k]);
        }
    }
}

/* The noise of the kernel is what langevin.h says, in terms of the scalar generator. */
static void test_noise_definition(void **state)
{
    (void)state;
    const uint64_t uid[2] = {1, 1};
    uint32_t key[2];
    noise(xi[0], 7, 1, 3, 3);
    ath__noise_key(7, uid, key);
    for (uint32_t i = 0; i < MANY; i++) {
        double xy[2], z[2];
        ath__philox_normal2(key, 3, i, ATH__NOISE_LANGEVIN_XY, xy);
        ath__philox_normal2(key, 3, i & ~8u, ATH__NOISE_LANGEVIN_Z, z);
        assert_true(fabs(xi[0][3 * i] - xy[0]) < 1e-14 * 10);
        assert_true(fabs(xi[0][3 * i + 1] - xy[1]) < 1e-14 * 10);
        assert_true(fabs(xi[0][3 * i + 2] - (i & 8 ? z[1] : z[0])) < 1e-14 * 10);
    }
}

/* Eight lanes have the bits of one. */
static void test_lanes(void **state)
{
    (void)state;
    uint64_t random = 3;
    for (int i = 0; i < 2000; i++) {
        const uint32_t key[2] = {(uint32_t)(4e9 * rig_random(&random)),
                                 (uint32_t)(4e9 * rig_random(&random))};
        const uint64_t step = (uint64_t)(1e19 * rig_random(&random));
        const uint32_t first = i ? (uint32_t)(4e9 * rig_random(&random)) : UINT32_MAX - 3;
        double z0[ATH__ROWS], z1[ATH__ROWS], z[2];
        ath__noise_normal2(key, step, first, (uint32_t)i, z0, z1);
        for (uint32_t lane = 0; lane < ATH__ROWS; lane++) {
            ath__philox_normal2(key, step, first + lane, (uint32_t)i, z);
            assert_memory_equal(&z0[lane], &z[0], sizeof z[0]);
            assert_memory_equal(&z1[lane], &z[1], sizeof z[1]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_coefficients), cmocka_unit_test(test_wells_low),
        cmocka_unit_test(test_wells_high),   cmocka_unit_test(test_no_friction),
        cmocka_unit_test(test_cold),         cmocka_unit_test(test_noise),
        cmocka_unit_test(test_noise_keys),   cmocka_unit_test(test_noise_definition),
        cmocka_unit_test(test_lanes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
