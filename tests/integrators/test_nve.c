/* Velocity Verlet against what is known of it exactly: its closed form for the harmonic oscillator,
 * the order of its energy error, and that it runs backwards: on the grid, to the bit.
 */
#include "integrators/rig.h"

#include <math.h>
#include <stdio.h>

#include <athanor/units.h>

#include "integrators/nve.h"

static const char *const devices[] = {"host", "mock"};

/* F = -k r for each component; arg: k. */
static void spring(int32_t n, const double *r, double *f, const void *arg)
{
    for (int32_t i = 0; i < 3 * n; i++) {
        f[i] = -*(const double *)arg * r[i];
    }
}

/* With cos(theta) = 1 - (w dt)^2 / 2 and u = w sqrt(1 - (w dt)^2 / 4), step n of velocity Verlet is
 * x_n = x_0 cos(n theta) + (v_0 / u) sin(n theta), v_n = v_0 cos(n theta) - x_0 u sin(n theta). */
static void closed_form(const char *device, double dt_fs)
{
    enum { N = 5, TURNS = 1000 };
    const double k = 2.5, dt = dt_fs / ATH_FS_PER_TIME;
    const double mass[N] = {1.008, 12.011, 15.999, 39.948, 196.97};
    double r0[3 * N], v0[3 * N], r[3 * N], v[3 * N];
    uint64_t random = 9;
    for (int i = 0; i < 3 * N; i++) {
        r0[i] = rig_random(&random) - 0.5;
        v0[i] = 0.3 * (rig_random(&random) - 0.5);
    }
    char text[64];
    snprintf(text, sizeof text, "nve:timestep=%.17g", dt_fs);
    test_rig rig;
    rig_open(&rig, device, text);
    rig_add_atoms(&rig, N, r0, v0, mass);
    rig_enter(&rig);
    rig_forces(&rig, spring, &k);
    for (int turn = 1; turn <= 10; turn++) {
        rig_steps(&rig, TURNS / 10, spring, &k);
        rig_read(&rig, ATH_FIELD_POSITIONS, 0, r);
        rig_read(&rig, ATH_FIELD_VELOCITIES, 0, v);
        for (int i = 0; i < 3 * N; i++) {
            const double w = sqrt(k / mass[i / 3]), u = w * sqrt(1.0 - w * w * dt * dt / 4);
            const double theta = 2.0 * asin(0.5 * w * dt), n = turn * (TURNS / 10);
            const double x = r0[i] * cos(n * theta) + v0[i] / u * sin(n * theta);
            const double s = v0[i] * cos(n * theta) - r0[i] * u * sin(n * theta);
            assert_true(fabs(r[i] - x) < 1e-12);
            assert_true(fabs(v[i] - s) < 1e-12);
        }
    }
    rig_close(&rig);
}

static void test_closed_form(void **state)
{
    (void)state;
    for (int d = 0; d < 2; d++) {
        closed_form(devices[d], 0.5);
        closed_form(devices[d], 4.0); /* w dt up to 0.62 */
    }
}

/* A chain of Lennard-Jones atoms, epsilon 0.0104 eV, sigma 3.4: energy, and forces in f. */
static double chain(int32_t n, const double *r, double *f)
{
    double energy = 0.0;
    for (int32_t k = 0; k < 3 * n; k++) {
        f[k] = 0.0;
    }
    for (int32_t i = 0; i < n; i++) {
        for (int32_t j = 0; j < i; j++) {
            double d[3], d2 = 0.0;
            for (int k = 0; k < 3; k++) {
                d[k] = r[3 * i + k] - r[3 * j + k];
                d2 += d[k] * d[k];
            }
            const double s2 = 3.4 * 3.4 / d2, s6 = s2 * s2 * s2;
            energy += 4 * 0.0104 * (s6 * s6 - s6);
            for (int k = 0; k < 3; k++) {
                const double g = 24 * 0.0104 * (2 * s6 * s6 - s6) / d2 * d[k];
                f[3 * i + k] += g;
                f[3 * j + k] -= g;
            }
        }
    }
    return energy;
}

static void chain_force(int32_t n, const double *r, double *f, const void *arg)
{
    (void)arg;
    chain(n, r, f);
}

enum { CHAIN = 6 };

static void chain_start(test_rig *rig, const char *text)
{
    double r[3 * CHAIN], v[3 * CHAIN], m[CHAIN];
    uint64_t random = 21;
    for (int i = 0; i < CHAIN; i++) {
        m[i] = 39.948;
        for (int k = 0; k < 3; k++) {
            r[3 * i + k] = (k == i % 2 ? 3.7 * i : 0.4 * rig_random(&random));
            v[3 * i + k] = 0.02 * (rig_random(&random) - 0.5);
        }
    }
    rig_open(rig, "host", text);
    rig_add_atoms(rig, CHAIN, r, v, m);
    rig_enter(rig);
    rig_forces(rig, chain_force, NULL);
}

static double chain_energy(const test_rig *rig)
{
    double r[3 * CHAIN], v[3 * CHAIN], f[3 * CHAIN], kinetic = 0.0;
    rig_read(rig, ATH_FIELD_POSITIONS, 0, r);
    rig_read(rig, ATH_FIELD_VELOCITIES, 0, v);
    for (int k = 0; k < 3 * CHAIN; k++) {
        kinetic += 0.5 * 39.948 * v[k] * v[k];
    }
    return kinetic + chain(CHAIN, r, f);
}

/* Largest deviation of the energy over 2 ps. */
static double chain_deviation(double dt_fs)
{
    char text[64];
    snprintf(text, sizeof text, "nve:timestep=%.17g", dt_fs);
    test_rig rig;
    chain_start(&rig, text);
    const double start = chain_energy(&rig);
    double worst = 0.0;
    for (double t = 0.0; t < 2000.0; t += dt_fs) {
        rig_steps(&rig, 1, chain_force, NULL);
        worst = fmax(worst, fabs(chain_energy(&rig) - start));
    }
    rig_close(&rig);
    return worst;
}

static void test_order(void **state)
{
    (void)state;
    const double coarse = chain_deviation(8.0), fine = chain_deviation(4.0);
    const double finer = chain_deviation(2.0);
    assert_true(finer > 1e-9); /* something to scale */
    assert_true(coarse / fine > 3.7 && coarse / fine < 4.3);
    assert_true(fine / finer > 3.9 && fine / finer < 4.1);
}

static void test_reversal(void **state)
{
    (void)state;
    double r0[3 * CHAIN], v0[3 * CHAIN], r[3 * CHAIN], v[3 * CHAIN];
    test_rig rig;
    chain_start(&rig, "nve:timestep=5");
    rig_read(&rig, ATH_FIELD_POSITIONS, 0, r0);
    rig_read(&rig, ATH_FIELD_VELOCITIES, 0, v0);
    rig_steps(&rig, 300, chain_force, NULL);
    rig_read(&rig, ATH_FIELD_POSITIONS, 0, r);
    rig_read(&rig, ATH_FIELD_VELOCITIES, 0, v);
    double moved = 0.0;
    for (int k = 0; k < 3 * CHAIN; k++) {
        moved = fmax(moved, fabs(r[k] - r0[k]));
        v[k] = -v[k];
    }
    assert_true(moved > 0.5);
    rig_write(&rig, ATH_FIELD_VELOCITIES, 0, v);
    rig_steps(&rig, 300, chain_force, NULL);
    rig_read(&rig, ATH_FIELD_POSITIONS, 0, r);
    rig_read(&rig, ATH_FIELD_VELOCITIES, 0, v);
    for (int k = 0; k < 3 * CHAIN; k++) {
        assert_true(fabs(r[k] - r0[k]) < 1e-10);
        assert_true(fabs(v[k] + v0[k]) < 1e-11);
    }
    rig_close(&rig);
}

/* On the grid the way back is the way there; from step 1 on, because the forces before it belong to
 * positions that were not on the grid. */
static void grid_reversal(const char *device)
{
    enum { N = 5, STEPS = 1000 };
    const double k = 2.5, mass[N] = {1.008, 12.011, 0.0, 39.948, 196.97};
    double r0[3 * N], v0[3 * N], r[3 * N], v[3 * N];
    uint64_t random = 10;
    for (int i = 0; i < 3 * N; i++) {
        r0[i] = 10 * (rig_random(&random) - 0.5);
        v0[i] = 0.3 * (rig_random(&random) - 0.5);
    }
    test_rig rig;
    rig_open(&rig, device, "nve:timestep=3,grid=true");
    rig_add_atoms(&rig, N, r0, v0, mass);
    rig_enter(&rig);
    rig_forces(&rig, spring, &k);
    rig_steps(&rig, 1, spring, &k);
    rig_read(&rig, ATH_FIELD_POSITIONS, 0, r0);
    rig_read(&rig, ATH_FIELD_VELOCITIES, 0, v0);
    for (int i = 0; i < 3 * N; i++) { /* multiples of the steps */
        assert_true(ldexp(r0[i], 39) == nearbyint(ldexp(r0[i], 39)));
        assert_true(ldexp(v0[i], 43) == nearbyint(ldexp(v0[i], 43)));
    }
    rig_steps(&rig, STEPS, spring, &k);
    rig_read(&rig, ATH_FIELD_VELOCITIES, 0, v);
    for (int i = 0; i < 3 * N; i++) {
        v[i] = -v[i];
    }
    rig_write(&rig, ATH_FIELD_VELOCITIES, 0, v);
    rig_steps(&rig, STEPS, spring, &k);
    rig_read(&rig, ATH_FIELD_POSITIONS, 0, r);
    rig_read(&rig, ATH_FIELD_VELOCITIES, 0, v);
    for (int i = 0; i < 3 * N; i++) {
        assert_true(r[i] == r0[i]);
        assert_true(v[i] == -v0[i]);
    }
    rig_close(&rig);
}

static void test_grid_reversal(void **state)
{
    (void)state;
    grid_reversal("host");
    grid_reversal("mock");
}

/* Nearest multiple of the step, oddly, and nothing beyond the range. */
static void test_grid_round(void **state)
{
    (void)state;
    const double step = ATH__GRID_POSITION * 0x1p-51;
    uint64_t random = 3;
    assert_true(step == 0x1p-39 && ATH__GRID_VELOCITY * 0x1p-51 == 0x1p-43);
    for (int i = 0; i < 100000; i++) {
        const double size = ldexp(1.0, (int)(60 * rig_random(&random)) - 48); /* to 2^11 */
        const double x = size * (2 * rig_random(&random) - 1);
        const double y = ath__grid_round(x, ATH__GRID_POSITION);
        assert_true(y == step * nearbyint(x / step)); /* powers of two: exact */
        assert_true(ath__grid_round(-x, ATH__GRID_POSITION) == -y);
        assert_true(ath__grid_round(y, ATH__GRID_POSITION) == y);
    }
    for (int i = -3; i <= 3; i += 2) { /* ties go to even */
        assert_true(ath__grid_round(0.5 * i * step, ATH__GRID_POSITION) ==
                    step * nearbyint(0.5 * i));
    }
    const double inside[] = {4096.0, -4096.0, 4096.0 - 0x1p-39, -4096.0 + 0x1p-39};
    for (int i = 0; i < 4; i++) {
        assert_true(ath__grid_round(inside[i], ATH__GRID_POSITION) == inside[i]);
    }
    const double outside[] = {4096.0 + 0x1p-40, -4096.0 - 0x1p-40, INFINITY, -INFINITY, NAN, 1e300};
    for (int i = 0; i < 6; i++) {
        assert_true(isnan(ath__grid_round(outside[i], ATH__GRID_POSITION)));
    }
}

/* What leaves the range becomes NaN at once where it is a position, and so does one that was. */
static void test_grid_range(void **state)
{
    (void)state;
    const double m[] = {1, 1, 1, 1}, k = 0.0;
    const double r0[] = {4095.99, 0, 0, 5000, 0, 0, 0, 0, 0, 0, 0, 0};
    const double v0[] = {0.02, 0, 0, 0, 0, 0, 0, 257, 0, 0, 0, -256};
    double r[12];
    test_rig rig;
    rig_open(&rig, "host", "nve:timestep=10.180505710759414,grid=true"); /* one unit of time */
    rig_add_atoms(&rig, 4, r0, v0, m);
    rig_enter(&rig);
    rig_forces(&rig, spring, &k);
    rig_steps(&rig, 1, spring, &k);
    rig_read(&rig, ATH_FIELD_POSITIONS, 0, r);
    assert_true(r[0] > 4096.0 && isnan(r[3]) && isnan(r[7]) && r[11] == -256.0);
    rig_steps(&rig, 1, spring, &k);
    rig_read(&rig, ATH_FIELD_POSITIONS, 0, r);
    assert_true(isnan(r[0]) && r[1] == 0.0 && r[11] == -512.0);
    rig_close(&rig);
}

/* Momentum is kept; a massless atom drifts and feels no force. */
static void test_masses(void **state)
{
    (void)state;
    const double r0[] = {0, 0, 0, 1, 2, 3}, v0[] = {0.1, 0, 0, 0.01, -0.02, 0.03}, m[] = {2.0, 0.0};
    const double k = 1.0;
    double r[6], v[6];
    test_rig rig;
    rig_open(&rig, "host", "nve:timestep=10.180505710759414"); /* one unit of time */
    rig_add_atoms(&rig, 2, r0, v0, m);
    rig_enter(&rig);
    rig_forces(&rig, spring, &k);
    rig_steps(&rig, 4, spring, &k);
    rig_read(&rig, ATH_FIELD_POSITIONS, 0, r);
    rig_read(&rig, ATH_FIELD_VELOCITIES, 0, v);
    for (int i = 3; i < 6; i++) {
        assert_true(fabs(r[i] - (r0[i] + 4 * v0[i])) < 1e-14);
        assert_true(v[i] == v0[i]);
    }
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_closed_form), cmocka_unit_test(test_order),
        cmocka_unit_test(test_reversal),    cmocka_unit_test(test_grid_reversal),
        cmocka_unit_test(test_grid_round),  cmocka_unit_test(test_grid_range),
        cmocka_unit_test(test_masses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
