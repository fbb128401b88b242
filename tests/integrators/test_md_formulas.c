/* The formulas of thermostats and barostats, call by call, against numbers that md_reference.py
 * computes in 40 digits, and against what must hold exactly: weights that add up, chains that run
 * backwards, gamma numbers with the right moments.
 */
#include "integrators/rig.h"

#include <math.h>
#include <string.h>

#include <athanor/units.h>

#include "integrators/crescale.h"
#include "integrators/mtk.h"
#include "integrators/nose_hoover.h"

/* As md_reference.py prints them: factor, twice the kinetic energy, eta, rates. */
static const double chain_once[] = {
    0.99950512548003523,   0.19980209917217218,  0.00049499701077345033, -0.00099332405778198999,
    0.0014613866391987747, 0.010156993844503229, -0.020449534473364239,  0.029511066630409599};
static const double chain_fine[] = {
    0.99950513136199848,   0.19980210152379319,  0.0004949911258978558, -0.00099331314041048468,
    0.0014613939132441663, 0.010156994773306428, -0.020449536424583591, 0.029511065160941517};
static const double langevin_coefficients[] = {0.99004983374916811, 0.0035797005278028404};
/* Inertia, strain rate after half a kick, velocity after half a kick. */
static const double barostat_9[] = {997.73551452318497, 0.00054466531770709734,
                                    0.10060735007245906};
static const double barostat_12[] = {1247.1693931539812, 0.00045540408787954719,
                                     0.10060776058171017};

static const double kt = 300 * ATH_BOLTZMANN, fs = 1.0 / ATH_FS_PER_TIME;

static void near(double x, double expected)
{
    if (!(fabs(x - expected) <= 4e-15 * fabs(expected))) {
        fail_msg("%.17g, not %.17g", x, expected);
    }
}

static void check_chain(const ath__chain *chain, const double expected[8])
{
    double eta[3] = {0.0}, rate[3] = {0.01, -0.02, 0.03};
    const double scale = ath__chain_advance(chain, eta, rate, 0.2, 0.5 * fs);
    near(scale, expected[0]);
    near(0.2 * (scale * scale), expected[1]);
    for (int k = 0; k < 3; k++) {
        near(eta[k], expected[2 + k]);
        near(rate[k], expected[5 + k]);
    }
}

static void test_chain(void **state)
{
    (void)state;
    const double tau = 100 * fs;
    ath__chain chain = {6.0, kt, kt * (tau * tau), 3, 1, 1, tau};
    check_chain(&chain, chain_once);
    chain.weights = 5;
    chain.substeps = 2;
    check_chain(&chain, chain_fine);
    for (int n = 1; n <= 7; n += 2) {
        double sum = 0.0, cubes = 0.0;
        for (int i = 0; i < n; i++) {
            const double w = ath__chain_weight(i, n);
            assert_true(w == ath__chain_weight(n - 1 - i, n));
            sum += w;
            cubes += w * w * w;
        }
        assert_true(fabs(sum - 1.0) < 1e-15);
        assert_true(n == 1 || fabs(cubes) < 1e-13); /* fourth order and above */
    }
}

/* Backwards in time the chain comes back, whatever its length and weights. */
static void test_chain_reverses(void **state)
{
    (void)state;
    const double tau = 50 * fs;
    for (int32_t length = 1; length <= ATH__CHAIN_MAX; length++) {
        for (int32_t weights = 1; weights <= 7; weights += 2) {
            const ath__chain chain = {9.0, kt, kt * (tau * tau), length, weights, 2, tau};
            double eta[ATH__CHAIN_MAX] = {0.0}, rate[ATH__CHAIN_MAX], twice = 0.3;
            for (int k = 0; k < length; k++) {
                rate[k] = 0.02 * (k % 2 ? -1 : 1) * (1 + 0.1 * k);
            }
            const double first = rate[0], energy = ath__chain_energy(&chain, eta, rate);
            double scale = ath__chain_advance(&chain, eta, rate, twice, 2 * fs);
            twice *= scale * scale;
            const double drift =
                0.5 * (twice - 0.3) + ath__chain_energy(&chain, eta, rate) - energy;
            assert_true(fabs(drift) < 1e-5);
            assert_true(fabs(scale - 1.0) > 1e-4);
            for (int k = 0; k < length; k++) {
                rate[k] = -rate[k];
            }
            scale = ath__chain_advance(&chain, eta, rate, twice, 2 * fs);
            assert_true(fabs(twice * (scale * scale) - 0.3) < 1e-14);
            assert_true(fabs(rate[0] + first) < 1e-14 && fabs(eta[0]) < 1e-14);
        }
    }
    const ath__chain none = {0.0, kt, 1.0, 3, 1, 1, 1.0};
    double eta[3] = {0.0}, rate[3] = {0.0};
    assert_true(ath__chain_advance(&none, eta, rate, 0.0, 1.0) == 1.0);
}

/* Near equilibrium a chain makes the substeps asked for, to the last bit. */
static void test_chain_near(void **state)
{
    (void)state;
    const double tau = 50 * fs, time = 5 * fs;
    uint64_t random = 5;
    for (int n = 0; n < 2000; n++) {
        const int32_t length = 1 + n % ATH__CHAIN_MAX, weights = 1 + 2 * (n / 10 % 4);
        const ath__chain chain = {60000.0, kt, kt * (tau * tau), length, weights, 1 + n % 3, tau};
        double eta[2][ATH__CHAIN_MAX] = {{0.0}}, rate[2][ATH__CHAIN_MAX], scale = 1.0;
        const double twice = 60000 * kt * (0.98 + 0.04 * rig_random(&random));
        for (int k = 0; k < length; k++) {
            rate[0][k] = (k == 0 ? 0.02 : 4.0) * (2 * rig_random(&random) - 1) / tau;
        }
        memcpy(rate[1], rate[0], sizeof rate[0]);
        for (int i = 0; i < chain.substeps * weights; i++) {
            const double t = ath__chain_weight(i % weights, weights) * (time / chain.substeps);
            scale *= ath__chain_sweep(&chain, eta[0], rate[0], twice * (scale * scale), t);
        }
        assert_true(ath__chain_advance(&chain, eta[1], rate[1], twice, time) == scale);
        assert_memory_equal(eta[0], eta[1], (size_t)length * sizeof(double));
        assert_memory_equal(rate[0], rate[1], (size_t)length * sizeof(double));
    }
}

/* Twice the kinetic energy of an ideal gas, as it is coupled to a chain. */
typedef struct gas {
    ath__chain chain;
    double eta[ATH__CHAIN_MAX], rate[ATH__CHAIN_MAX];
    double twice;
    double error; /* largest |change of what is conserved| per degree of freedom, in kT */
    double mean;  /* of the temperature over the second half of the time, in targets */
} gas;

/* Steps of `part` tau, as nose_hoover makes them, over n tau. */
static void gas_run(gas *g, double part, double n)
{
    const ath__chain *c = &g->chain;
    const double start = 0.5 * g->twice + ath__chain_energy(c, g->eta, g->rate);
    const int steps = (int)(n / part + 0.5);
    g->error = g->mean = 0.0;
    for (int i = 0; i < 2 * steps; i++) {
        const double scale = ath__chain_advance(c, g->eta, g->rate, g->twice, 0.5 * part * c->tau);
        g->twice *= scale * scale;
        const double now = 0.5 * g->twice + ath__chain_energy(c, g->eta, g->rate);
        const double error = fabs(now - start) / (c->dof * c->kt);
        g->error = error <= g->error ? g->error : error; /* NaN stays */
        g->mean += i < steps ? 0.0 : g->twice / (c->dof * c->kt) / steps;
    }
}

static gas gas_of(double dof, double temperature, int32_t length, int32_t weights)
{
    const double tau = 40 * fs;
    return (gas){.chain = {dof, kt, kt * (tau * tau), length, weights, 1, tau},
                 .twice = temperature * dof * kt};
}

/* 20,000 atoms far from the target: what is conserved is, the better the smaller the step. */
static void test_chain_far(void **state)
{
    (void)state;
    static const double temperatures[] = {0.1, 2, 5}, most[] = {5e-3, 4e-4, 1e-4, 1e-5};
    for (int32_t length = 1; length <= ATH__CHAIN_MAX; length++) {
        for (int32_t weights = 1; weights <= 7; weights += 2) {
            for (int t = 0; t < 3; t++) {
                gas coarse = gas_of(60000, temperatures[t], length, weights), fine = coarse;
                gas_run(&coarse, 0.1, 3);
                gas_run(&fine, 0.02, 3);
                if (!(coarse.error < most[weights / 2]) ||
                    !(fine.error < 0.5 * coarse.error + 1e-7)) {
                    fail_msg("%d thermostats, %d weights, from %g: errors %g, %g", length, weights,
                             temperatures[t], coarse.error, fine.error);
                }
                assert_true(fabs(fine.twice / coarse.twice - 1) < 0.02);
            }
        }
    }
}

/* It comes to the target; chains of two and four only slowly, as the equations have it. */
static void test_chain_arrives(void **state)
{
    (void)state;
    for (int32_t length = 3; length <= 9; length += 2) {
        for (double temperature = 0.1; temperature < 6; temperature *= 7) {
            gas g = gas_of(60000, temperature, length, 3);
            gas_run(&g, 0.1, 60);
            assert_true(fabs(g.mean - 1) < 0.02);
        }
    }
    /* a million atoms, and steps that are long for such a chain */
    gas large = gas_of(3e6, 5, 3, 3), wild = gas_of(60000, 1e4, 5, 3),
        lost = gas_of(60000, 5, 9, 7);
    gas_run(&large, 0.1, 20);
    assert_true(large.error < 1e-3 && fabs(large.mean - 1) < 0.02);
    gas_run(&wild, 1.0, 3);
    assert_true(wild.error < 1e4 && wild.twice > 0.0);
    lost.twice = NAN;
    assert_true(isnan(ath__chain_advance(&lost.chain, lost.eta, lost.rate, lost.twice, fs)));
}

/* Far from equilibrium, too, time can be turned around; not for long, for the second thermostat
 * damps the first one by many orders of magnitude, and errors grow by as many on the way back. */
static void test_chain_far_reverses(void **state)
{
    (void)state;
    for (int32_t length = 1; length <= ATH__CHAIN_MAX; length++) {
        gas g = gas_of(60000, 5, length, 5);
        const double first = g.twice;
        gas_run(&g, 0.1, 0.2);
        const double there = g.twice;
        double top = 0.0;
        for (int k = 0; k < length; k++) {
            top = fmax(top, fabs(g.rate[k]));
            g.rate[k] = -g.rate[k];
        }
        assert_true(length == 1 || top * g.chain.tau > 3 * ATH__CHAIN_FASTEST);
        gas_run(&g, 0.1, 0.2);
        assert_true(there < 0.98 * first && fabs(g.twice / first - 1) < 1e-9);
    }
}

static void check_barostat(double dof, const double expected[3])
{
    const ath__mtk_args args = {.coupling = ATH__COUPLING_ISO};
    double cells[ATH__MTK_CELLS] = {0.0}, rate[9] = {1e-4, 0, 0, 0, 1e-4, 0, 0, 0, 1e-4};
    const double kinetic[6] = {0.1, 0.1, 0.1, 0.0, 0.0, 0.0}, volume = 1000;
    const double stress[9] = {0.1 / volume - 0.01, 0, 0, 0, 0.1 / volume - 0.012, 0, 0, 0,
                              0.1 / volume - 0.008};
    cells[ATH__MTK_DT] = fs;
    cells[ATH__MTK_KT] = kt;
    cells[ATH__MTK_PRESSURE] = 0.001;
    cells[ATH__MTK_TAU_P] = 1000 * fs;
    const ath__mtk m = ath__mtk_prepare(&args, cells, dof, 0);
    near(m.inertia, expected[0]);
    ath__mtk_kick_frame(&args, &m, rate, kinetic, stress, volume);
    near(rate[0], expected[1]);
    assert_true(rate[4] == rate[0] && rate[8] == rate[0] && rate[1] == 0.0);
    double strain[9] = {1e-3, 0, 0, 0, 1e-3, 0, 0, 0, 1e-3}, e[9], f[9];
    ath__mtk_kick(&m, strain, 1.0, e, f);
    near(e[0] * 0.1 + f[0] * (0.5 / 40), expected[2]);
}

static void test_barostat(void **state)
{
    (void)state;
    check_barostat(9, barostat_9);
    check_barostat(12, barostat_12);
}

/* What each coupling moves, with shear in stress and motion. */
static void test_couplings(void **state)
{
    (void)state;
    const double kinetic[6] = {0.1, 0.2, 0.4, 0.03, 0.05, 0.07};
    const double stress[9] = {1e-3, 2e-4, 3e-4, 2e-4, 2e-3, 4e-4, 3e-4, 4e-4, 3e-3};
    double rates[3][9] = {{0.0}};
    for (int32_t c = 0; c < 3; c++) {
        const ath__mtk_args args = {.coupling = c};
        double cells[ATH__MTK_CELLS] = {0.0};
        cells[ATH__MTK_DT] = fs;
        cells[ATH__MTK_KT] = kt;
        cells[ATH__MTK_TAU_P] = 100 * fs;
        const ath__mtk m = ath__mtk_prepare(&args, cells, 30, 0);
        ath__mtk_kick_frame(&args, &m, rates[c], kinetic, stress, 500);
        assert_true(m.frame.dof == (c == 0 ? 1 : c == 1 ? 3 : 6));
    }
    const double mean = (rates[2][0] + rates[2][4] + rates[2][8]) / 3.0;
    for (int k = 0; k < 9; k++) {
        assert_true(fabs(rates[0][k] - (k % 4 == 0 ? mean : 0.0)) < 1e-15);
        assert_true(rates[1][k] == (k % 4 == 0 ? rates[2][k] : 0.0));
        assert_true(rates[2][k] == rates[2][3 * (k % 3) + k / 3] && rates[2][k] != 0.0);
    }
}

static void test_langevin(void **state)
{
    (void)state;
    const ath__langevin_coefficients c = ath__langevin_prepare(fs, kt, 0.01 * ATH_FS_PER_TIME);
    near(c.c1, langevin_coefficients[0]);
    near(ath__langevin_c2(c.variance, 1.0 / 39.948), langevin_coefficients[1]);
}

/* Mean, variance and third moment of gamma numbers: a, a, 2 a. */
static void test_gamma(void **state)
{
    (void)state;
    static const double shapes[] = {0.5, 1.0, 1.5, 7.0, 160.0};
    enum { N = 200000 };
    for (int s = 0; s < 5; s++) {
        const double a = shapes[s];
        const uint32_t key[2] = {17, (uint32_t)s};
        double m1 = 0.0, m2 = 0.0, m3 = 0.0;
        for (uint64_t i = 0; i < N; i++) {
            const double d = ath__csvr_gamma(a, key, i) - a;
            m1 += d / N;
            m2 += d * d / N;
            m3 += d * d * d / N;
        }
        assert_true(fabs(m1) < 4.5 * sqrt(a / N));
        assert_true(fabs(m2 / a - 1) < 4.5 * sqrt((2 + 6 / a) / N));
        assert_true(fabs(m3 - 2 * a) < 4.5 * sqrt((15 * a * a * a + 300 * a * a + 720 * a) / N));
    }
    assert_true(ath__csvr_gamma(0.0, (const uint32_t[]){1, 2}, 3) == 0.0);
}

/* The rescaled kinetic energy: stationary mean and variance, and the limits of tau. */
static void test_rescaling(void **state)
{
    (void)state;
    enum { N = 400000 };
    double cells[ATH__CSVR_CELLS] = {0.0}, twice = 5 * kt, bath = 0.0, m1 = 0.0, m2 = 0.0;
    const uint32_t key[2] = {3, 4};
    cells[ATH__LANGEVIN_DT] = fs;
    cells[ATH__LANGEVIN_KT] = kt;
    cells[ATH__CSVR_TAU] = 1.5 * fs;
    for (int64_t i = 0; i < N; i++) {
        const double alpha = ath__csvr_update(cells, key, i, 5, twice, &bath);
        twice *= alpha * alpha;
        m1 += twice / kt / N;
        m2 += (twice / kt - 5) * (twice / kt - 5) / N;
    }
    assert_true(fabs(bath + 0.5 * (twice - 5 * kt)) < 1e-9);
    assert_true(fabs(m1 / 5 - 1) < 0.01); /* correlated over 1.5 steps: 4 standard errors or so */
    assert_true(fabs(m2 / 10 - 1) < 0.03);
    cells[ATH__CSVR_TAU] = 1e12 * fs;
    assert_true(fabs(ath__csvr_update(cells, key, 1, 5, kt, &bath) - 1.0) < 1e-4);
    assert_true(ath__csvr_update(cells, key, 1, 0, kt, &bath) == 1.0);
    assert_true(ath__csvr_update(cells, key, 1, 5, 0.0, &bath) == 1.0);
}

static void test_targets(void **state)
{
    (void)state;
    const ath__target ramp = {300, 300, 10}, still = {300, 300, 0}, down = {300, -200, 4};
    double sum = ath__target_at(ramp, 0);
    assert_true(ath__target_at(ramp, 0) == 315 && ath__target_at(ramp, 9) == 585);
    assert_true(ath__target_at(ramp, 10) == 600 && ath__target_at(ramp, 1000000) == 600);
    assert_true(ath__target_at(still, 5) == 300 && ath__target_largest(still) == 300);
    assert_true(ath__target_largest(ramp) == 600 && ath__target_largest(down) == 300);
    assert_true(ath__target_rise(ramp, 0) == 0.0);
    for (int64_t n = 0; n < 20; n++) {
        sum += ath__target_rise(ramp, n);
    }
    assert_true(fabs(sum - 600) < 1e-10);
}

/* Moments of the strains of a cell at its target pressure: nothing but noise. */
static void test_strains(void **state)
{
    (void)state;
    enum { N = 100000 };
    const double volume = 800, kinetic[6] = {0.8, 0.8, 0.8, 0, 0, 0};
    const double stress[9] = {0};
    for (int32_t c = 0; c < 3; c++) {
        const ath__crescale_args args = {.coupling = c};
        double cells[ATH__CRESCALE_CELLS] = {0.0}, mean[9] = {0.0}, square[9] = {0.0};
        const uint32_t key[2] = {5, 6};
        cells[ATH__LANGEVIN_DT] = fs;
        cells[ATH__LANGEVIN_KT] = kt;
        cells[ATH__CRESCALE_PRESSURE] = 0.001;
        cells[ATH__CRESCALE_COMPRESSIBILITY] = 2.0;
        cells[ATH__CRESCALE_TAU] = 100 * fs;
        for (int64_t i = 0; i < N; i++) {
            ath__crescale_strain(&args, cells, key, i, kinetic, stress, volume);
            for (int k = 0; k < 9; k++) {
                mean[k] += cells[ATH__CRESCALE_STRAIN + k] / N;
                square[k] += cells[ATH__CRESCALE_STRAIN + k] * cells[ATH__CRESCALE_STRAIN + k] / N;
            }
        }
        const double variance = 2 * kt * 2.0 * fs / (3 * volume * 100 * fs);
        for (int k = 0; k < 9; k++) {
            const double expected =
                k % 4 == 0 ? (c == 0 ? variance / 3 : variance) : (c == 2 ? 0.5 * variance : 0.0);
            assert_true(fabs(square[k] - expected) <= 4.5 * expected * sqrt(2.0 / N));
            assert_true(fabs(mean[k]) <= 4.5 * sqrt(expected / N));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_chain_reverses),
        cmocka_unit_test(test_barostat),
        cmocka_unit_test(test_couplings),
        cmocka_unit_test(test_langevin),
        cmocka_unit_test(test_gamma),
        cmocka_unit_test(test_rescaling),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_strains),
        cmocka_unit_test(test_chain_near),
        cmocka_unit_test(test_chain_far),
        cmocka_unit_test(test_chain_arrives),
        cmocka_unit_test(test_chain_far_reverses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
