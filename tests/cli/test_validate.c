/* `athanor validate` on models that are wrong on purpose: each must fail in the tests that look at
 * what is wrong with it, and in no other.
 *
 * The right one is a Morse potential, switched off between 4 and 5 angstrom with two continuous
 * derivatives: u(r) = D (e^2 - 2 e) S(r), e = exp(-a (r - r0)), as a callback. Structures: a
 * periodic crystal of 32 atoms, a cluster of 13, one atom alone.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <athanor/units.h>

#include "host.h"
#include "statistics.h"
#include "validate.h"

enum wrong {
    WRONG_NOTHING,
    WRONG_FORCES,   /* 1 % too large */
    WRONG_STRESS,   /* sign */
    WRONG_JUMP,     /* the energy jumps where two atoms are 2.65 angstrom apart */
    WRONG_COMPANY,  /* forces depend on the number of systems in the call */
    WRONG_FIELD,    /* wells in z, which have no stress */
    WRONG_FRICTION, /* forces depend on velocities */
    WRONG_FIRST,    /* the first atom is not as the others */
    WRONG_TORQUE,   /* the stress has an antisymmetric part */
    WRONG_HISTORY,  /* a cell that has just grown pushes more than one that has shrunk */
    WRONG_NOISE,    /* the energy is rounded to 1e-3 eV */
    WRONG_NOT_A_NUMBER
};

typedef struct wrong_model {
    enum wrong wrong;
    double edge; /* of the last time */
} wrong_model;

static const double wrong_depth = 0.3, wrong_alpha = 1.4, wrong_r0 = 2.7;
static const double wrong_inner = 4.0, wrong_cutoff = 5.0;

/* u(r) and du/dr. */
static double wrong_pair(const wrong_model *m, double r, double *slope)
{
    const double e = exp(-wrong_alpha * (r - wrong_r0));
    const double u = wrong_depth * (e * e - 2.0 * e);
    const double t = (r - wrong_inner) / (wrong_cutoff - wrong_inner);
    double s = 1.0, ds = 0.0;
    if (t > 0.0) {
        s = 1.0 - t * t * t * (10.0 + t * (6.0 * t - 15.0));
        ds = -30.0 * t * t * (1.0 + t * (t - 2.0)) / (wrong_cutoff - wrong_inner);
    }
    *slope = 2.0 * wrong_alpha * wrong_depth * (e - e * e) * s + u * ds;
    return u * s + (m->wrong == WRONG_JUMP && r < 2.65 ? 2e-3 : 0.0);
}

/* Adds the pairs of atom i: half of their energy, its force, half of their virial. */
static void wrong_atom(const wrong_model *m, const ath_model_view *view, int32_t slot, int32_t i,
                       double *energy, double virial[9])
{
    enum { MOST = 512 };
    ath_neighbor_of near[MOST];
    const int32_t n = ath_model_view_neighbors(view, slot, i, near, MOST);
    double *f = view->forces + 3 * (view->first[slot] + i);
    f[0] = f[1] = f[2] = 0.0;
    for (int32_t k = 0; k < n && k < MOST; k++) {
        const double r = sqrt(near[k].r2);
        const bool first = m->wrong == WRONG_FIRST && (i == 0 || near[k].atom == 0);
        const double weight = first ? 1.05 : 1.0;
        double slope = 0.0;
        *energy += 0.5 * weight * wrong_pair(m, r, &slope);
        for (int a = 0; a < 3; a++) {
            f[a] += weight * slope * near[k].d[a] / r;
            for (int b = 0; b < 3; b++) {
                virial[3 * a + b] += 0.5 * weight * slope * near[k].d[a] * near[k].d[b] / r;
            }
        }
    }
}

/* What is wrong with the forces and the energy of one system. */
static void wrong_forces(const wrong_model *m, const ath_model_view *view, int32_t slot,
                         double *energy)
{
    const int64_t first = view->first[slot];
    for (int64_t i = first; i < first + view->n_atoms[slot]; i++) {
        double *f = view->forces + 3 * i;
        const double *x = view->positions + 3 * i, *v = view->velocities + 3 * i;
        for (int a = 0; a < 3; a++) {
            f[a] *= m->wrong == WRONG_FORCES    ? 1.01
                    : m->wrong == WRONG_COMPANY ? 1.0 + 1e-10 * view->n_systems
                                                : 1.0;
            f[a] -= m->wrong == WRONG_FRICTION ? 0.1 * view->masses[i] * v[a] : 0.0;
            f[a] += m->wrong == WRONG_NOT_A_NUMBER ? (double)NAN : 0.0;
        }
        if (m->wrong == WRONG_FIELD) {
            *energy += 0.5 * 0.02 * x[2] * x[2];
            f[2] -= 0.02 * x[2];
        }
    }
    if (m->wrong == WRONG_NOISE) {
        *energy = 1e-3 * floor(1e3 * *energy);
    }
}

/* Only for small steps, as those of dynamics. */
static void wrong_history(wrong_model *m, double edge, double stress[9])
{
    const double change = edge / m->edge - 1.0;
    for (int a = 0; a < 9 && fabs(change) < 3e-3; a += 4) {
        stress[a] -= change > 0.0 ? 0.05 : change < 0.0 ? -0.05 : 0.0;
    }
    m->edge = edge;
}

static ath_status wrong_compute(void *user, const ath_model_view *view)
{
    wrong_model *m = user;
    for (int32_t k = 0; k < view->n_systems; k++) {
        const int32_t slot = view->slots[k];
        const double *h = view->cell + 9 * (int64_t)slot;
        const int32_t *pbc = view->pbc + 3 * (int64_t)slot;
        double energy = 0.0, virial[9] = {0.0};
        for (int32_t i = 0; i < view->n_atoms[slot]; i++) {
            wrong_atom(m, view, slot, i, &energy, virial);
        }
        wrong_forces(m, view, slot, &energy);
        if (view->want_energy) {
            view->energy[slot] = energy;
        }
        for (int a = 0; view->want_stress && a < 9; a++) { /* cells here are cubes */
            const double volume = h[0] * h[4] * h[8];
            double s = pbc[0] ? virial[a] / volume : 0.0;
            s = m->wrong == WRONG_STRESS ? -s : s;
            s += m->wrong == WRONG_TORQUE && pbc[0] ? (a == 1 ? 1e-6 : a == 3 ? -1e-6 : 0.0) : 0.0;
            view->stress[9 * slot + a] = s;
        }
        if (m->wrong == WRONG_HISTORY && view->want_stress && pbc[0]) {
            wrong_history(m, h[0], view->stress + 9 * (int64_t)slot);
        }
    }
    return ATH_OK;
}

/* ---- structures ---- */

/* A lattice of 2 x 2 x 2 cubes: all faces of a period, or the first n places of an open one. */
static ath_system *wrong_structure(ath_context *ctx, int32_t n, double a)
{
    static const double base[4][3] = {{0, 0, 0}, {0.5, 0.5, 0}, {0.5, 0, 0.5}, {0, 0.5, 0.5}};
    ath_system *system = NULL;
    void *numbers = NULL, *positions = NULL, *cell = NULL, *pbc = NULL;
    assert_int_equal(ath_system_create(ctx, n, &system), ATH_OK);
    assert_int_equal(ath_system_field(system, ATH_FIELD_NUMBERS, &numbers), ATH_OK);
    assert_int_equal(ath_system_field(system, ATH_FIELD_POSITIONS, &positions), ATH_OK);
    for (int32_t i = 0; i < n; i++) {
        double *x = (double *)positions + 3 * (int64_t)i;
        const int32_t cube = i / 4, places[3] = {cube % 2, cube / 2 % 2, cube / 4};
        ((int32_t *)numbers)[i] = i % 3 ? 29 : 47;
        for (int k = 0; k < 3; k++) {
            x[k] = a * (places[k] + base[i % 4][k]);
        }
    }
    if (n == 32) {
        assert_int_equal(ath_system_field(system, ATH_FIELD_CELL, &cell), ATH_OK);
        assert_int_equal(ath_system_field(system, ATH_FIELD_PBC, &pbc), ATH_OK);
        for (int k = 0; k < 3; k++) {
            ((double *)cell)[4 * k] = 2.0 * a;
            ((int32_t *)pbc)[k] = 1;
        }
    }
    return system;
}

typedef struct wrong_rig {
    cli c;
    wrong_model about;
    ath_device *device;
    ath_model *model;
    cli_validation v;
    FILE *null;
} wrong_rig;

static void wrong_open(wrong_rig *rig, enum wrong wrong, ath_callback_config config)
{
    *rig = (wrong_rig){.about = {.wrong = wrong}};
    rig->null = fopen("/dev/null", "w");
    assert_non_null(rig->null);
    rig->c.host.size = sizeof rig->c.host;
    rig->c.out = rig->c.err = rig->null;
    cli_host_complete(&rig->c.host);
    assert_int_equal(ath_context_create(NULL, &rig->c.ctx), ATH_OK);
    assert_int_equal(ath_device_open(rig->c.ctx, "host", &rig->device), ATH_OK);
    config.size = sizeof config;
    config.name = "morse";
    config.cutoff = wrong_cutoff;
    config.user = &rig->about;
    config.compute = wrong_compute;
    assert_int_equal(ath_model_callback(rig->c.ctx, &config, &rig->model), ATH_OK);
    rig->v = (cli_validation){.c = &rig->c,
                              .device = rig->device,
                              .model = rig->model,
                              .temperature = 300.0,
                              .steps = 600,
                              .n_threads = 1};
    static const int32_t sizes[3] = {32, 13, 1};
    for (int k = 0; k < 3; k++) {
        ath_system *system = wrong_structure(rig->c.ctx, sizes[k], 3.75);
        assert_int_equal(cli_validation_add(&rig->v, system), CLI_OK);
    }
}

static void wrong_close(wrong_rig *rig)
{
    cli_validation_close(&rig->v);
    ath_model_destroy(&rig->model);
    ath_device_close(&rig->device);
    ath_context_destroy(&rig->c.ctx);
    fclose(rig->null);
}

/* Tests in which some structure has failed. */
static unsigned wrong_failed(const cli_validation *v)
{
    unsigned failed = 0;
    for (size_t s = 0; s < v->n; s++) {
        for (int test = 0; test < CLI_N_TESTS; test++) {
            assert_int_not_equal(v->outcomes[s][test].verdict, CLI_VERDICT_OPEN);
            failed |= v->outcomes[s][test].verdict == CLI_VERDICT_FAIL ? 1u << test : 0u;
        }
    }
    return failed;
}

#define FAILS(test) (1u << CLI_TEST_##test)

static void wrong_expect(enum wrong wrong, unsigned expected)
{
    wrong_rig rig;
    wrong_open(&rig, wrong, (ath_callback_config){0});
    assert_int_equal(cli_validate(&rig.v), CLI_OK);
    const unsigned failed = wrong_failed(&rig.v);
    if (failed != expected) {
        (void)cli_verdict_print(&rig.v, stderr);
    }
    assert_int_equal(failed, expected);
    assert_int_equal(cli_validation_verdict(&rig.v), expected ? CLI_INVALID : CLI_OK);
    wrong_close(&rig);
}

/* The ratio of energies is measured far better than its window is wide. */
static void test_right(void **state)
{
    wrong_rig rig;
    (void)state;
    wrong_expect(WRONG_NOTHING, 0);
    wrong_open(&rig, WRONG_NOTHING, (ath_callback_config){0});
    rig.v.skip = ~FAILS(ORDER);
    assert_int_equal(cli_validate(&rig.v), CLI_OK);
    for (size_t s = 0; s < 2; s++) {
        const cli_outcome *o = &rig.v.outcomes[s][CLI_TEST_ORDER];
        assert_true(fabs(o->value - 4.0) < 0.02 && o->more < 0.02);
        assert_true(o->limit >= 0.2 && o->limit < 0.21);
    }
    wrong_close(&rig);
}

static void test_forces(void **state)
{
    (void)state;
    wrong_expect(WRONG_FORCES, FAILS(FORCES) | FAILS(ORDER));
}

static void test_stress(void **state)
{
    (void)state;
    wrong_expect(WRONG_STRESS, FAILS(STRESS));
}

static void test_jump(void **state)
{
    (void)state;
    wrong_expect(WRONG_JUMP, FAILS(FORCES) | FAILS(STRESS) | FAILS(ORDER));
}

static void test_company(void **state)
{
    (void)state;
    wrong_expect(WRONG_COMPANY, FAILS(BATCH));
}

static void test_field(void **state)
{
    (void)state;
    wrong_expect(WRONG_FIELD, FAILS(STRESS) | FAILS(TRANSLATION) | FAILS(ROTATION) | FAILS(IMAGES) |
                                  FAILS(NET_FORCE));
}

static void test_friction(void **state)
{
    (void)state;
    wrong_expect(WRONG_FRICTION, FAILS(ORDER) | FAILS(DRIFT) | FAILS(REVERSAL) |
                                     FAILS(EQUIPARTITION) | FAILS(TEMPERATURE));
}

static void test_first(void **state)
{
    (void)state;
    wrong_expect(WRONG_FIRST, FAILS(PERMUTATION));
}

static void test_torque(void **state)
{
    (void)state;
    wrong_expect(WRONG_TORQUE, FAILS(SYMMETRY));
}

static void test_noise(void **state)
{
    (void)state;
    wrong_expect(WRONG_NOISE, FAILS(FORCES) | FAILS(STRESS) | FAILS(ORDER));
}

/* Forces that are not numbers pass nothing but what does not look at them. */
static void test_not_a_number(void **state)
{
    wrong_rig rig;
    (void)state;
    wrong_open(&rig, WRONG_NOT_A_NUMBER, (ath_callback_config){0});
    assert_int_equal(cli_validate(&rig.v), CLI_OK);
    const unsigned blind = FAILS(STRESS) | FAILS(SYMMETRY) | FAILS(VOLUME);
    assert_int_equal(wrong_failed(&rig.v) | blind, (1u << CLI_N_TESTS) - 1u);
    assert_string_equal(rig.v.outcomes[0][CLI_TEST_DRIFT].why, "non_finite");
    wrong_close(&rig);
}

static void wrong_applies(const wrong_rig *rig, size_t s, cli_test test, bool applies)
{
    const cli_outcome *o = &rig->v.outcomes[s][test];
    assert_int_equal(o->verdict, applies ? CLI_VERDICT_PASS : CLI_VERDICT_NOT_APPLICABLE);
    assert_true(applies || o->why);
}

static void test_not_applicable(void **state)
{
    wrong_rig rig;
    (void)state;
    wrong_open(&rig, WRONG_NOTHING, (ath_callback_config){0});
    assert_int_equal(cli_validate(&rig.v), CLI_OK);
    for (size_t s = 0; s < 3; s++) {
        wrong_applies(&rig, s, CLI_TEST_FORCES, true);
        wrong_applies(&rig, s, CLI_TEST_STRESS, s == 0);
        wrong_applies(&rig, s, CLI_TEST_SYMMETRY, s == 0);
        wrong_applies(&rig, s, CLI_TEST_IMAGES, s == 0);
        wrong_applies(&rig, s, CLI_TEST_PERMUTATION, s != 2);
        wrong_applies(&rig, s, CLI_TEST_ORDER, s != 2);
        wrong_applies(&rig, s, CLI_TEST_BATCH, true);
    }
    wrong_close(&rig);
    wrong_open(&rig, WRONG_FRICTION,
               (ath_callback_config){.not_conservative = true, .no_stress = true});
    rig.v.skip = FAILS(REVERSAL) | FAILS(EQUIPARTITION) | FAILS(TEMPERATURE);
    assert_int_equal(cli_validate(&rig.v), CLI_OK);
    assert_int_equal(wrong_failed(&rig.v), 0);
    wrong_applies(&rig, 0, CLI_TEST_FORCES, false);
    wrong_applies(&rig, 0, CLI_TEST_STRESS, false);
    wrong_applies(&rig, 0, CLI_TEST_SYMMETRY, false);
    wrong_applies(&rig, 0, CLI_TEST_ORDER, false);
    wrong_applies(&rig, 0, CLI_TEST_DRIFT, false);
    assert_int_equal(rig.v.outcomes[1][CLI_TEST_REVERSAL].verdict, CLI_VERDICT_SKIPPED);
    wrong_close(&rig);
}

/* What a structure gets does not depend on the others, and is the same every time. */
static void test_repeatable(void **state)
{
    wrong_rig a, b;
    (void)state;
    wrong_open(&a, WRONG_NOTHING, (ath_callback_config){0});
    wrong_open(&b, WRONG_NOTHING, (ath_callback_config){0});
    ath_system_destroy(&b.v.systems[0]);
    b.v.systems[0] = b.v.systems[1];
    b.v.systems[1] = b.v.systems[2];
    b.v.n = 2;
    b.v.n_threads = 2;
    for (size_t s = 0; s < 3; s++) {
        char name[8];
        snprintf(name, sizeof name, "%zu", s);
        ath_system_set_uid(a.v.systems[s], ath_uid_of_text(name));
        if (s > 0) {
            ath_system_set_uid(b.v.systems[s - 1], ath_uid_of_text(name));
        }
    }
    assert_int_equal(cli_validate(&a.v), CLI_OK);
    assert_int_equal(cli_validate(&b.v), CLI_OK);
    for (int test = 0; test < CLI_N_TESTS; test++) {
        const cli_outcome *x = &a.v.outcomes[1][test], *y = &b.v.outcomes[0][test];
        assert_int_equal(x->verdict, y->verdict);
        assert_memory_equal(&x->value, &y->value, sizeof x->value);
        assert_memory_equal(&x->limit, &y->limit, sizeof x->limit);
    }
    wrong_close(&a);
    wrong_close(&b);
}

/* ---- plots ---- */

typedef struct figure_memory {
    ath_allocator from;
    int64_t n_calls, at; /* the at-th allocation and all behind it fail; 0: none */
    int64_t n_blocks;
} figure_memory;

static void *figure_resize(void *user, void *block, size_t old_bytes, size_t new_bytes)
{
    figure_memory *m = user;
    if (new_bytes > 0 && m->at > 0 && ++m->n_calls >= m->at) {
        return NULL;
    }
    void *out = m->from.resize(m->from.user, block, old_bytes, new_bytes);
    m->n_blocks += (out && !block) - (block && new_bytes == 0);
    return out;
}

/* Each plot without the memory that it takes, call by call: it says so, and gives all back. */
static void figure_check(wrong_rig *rig, int (*figure)(const cli_validation *v, cli_text *t),
                         const char *has)
{
    cli *c = &rig->c;
    figure_memory memory = {.from = c->host.allocator};
    const ath_allocator own = c->host.allocator;
    bool whole = false;
    c->host.allocator = (ath_allocator){figure_resize, &memory};
    for (memory.at = 1; !whole; memory.at++) {
        cli_text t = {0};
        memory.n_calls = 0;
        const int code = figure(&rig->v, &t);
        whole = memory.n_calls < memory.at;
        assert_true(whole ? !code && !t.failed : code == CLI_INTERNAL || t.failed);
        if (whole) {
            assert_non_null(strstr(t.data, has));
            assert_non_null(strstr(t.data, "</svg>"));
            assert_null(strstr(t.data, "nan"));
        }
        cli_text_free(c, &t);
        assert_int_equal(memory.n_blocks, 0);
    }
    assert_true(memory.at > 3);
    c->host.allocator = own;
}

/* ---- volumes at two pressures ---- */

static const unsigned volume_only = ~(1u << CLI_TEST_VOLUME);

/* Of a crystal with this lattice constant: 3.75 is so far from rest that no pressure holds it. */
static void volume_run(wrong_rig *rig, enum wrong wrong, double a, int64_t steps)
{
    wrong_open(rig, wrong, (ath_callback_config){0});
    ath_system_destroy(&rig->v.systems[0]);
    rig->v.systems[0] = wrong_structure(rig->c.ctx, 32, a);
    rig->v.skip = volume_only;
    rig->v.volume_steps = steps;
    assert_int_equal(cli_validate(&rig->v), CLI_OK);
    assert_int_equal(rig->v.outcomes[1][CLI_TEST_VOLUME].verdict, CLI_VERDICT_NOT_APPLICABLE);
}

/* The right model has the ratio that it must have, within an error of at most a sixth. */
static void test_volume(void **state)
{
    wrong_rig rig;
    (void)state;
    volume_run(&rig, WRONG_NOTHING, 3.45, 30000);
    const cli_outcome *o = &rig.v.outcomes[0][CLI_TEST_VOLUME];
    assert_int_equal(o->verdict, CLI_VERDICT_PASS);
    assert_true(o->more > 0.0 && o->more < 0.16 && fabs(o->value - 1.0) < 4.5 * o->more);
    assert_true(o->limit > 3.0 * o->more && o->limit < 6.0 * o->more);
    const cli_volumes *volumes = &rig.v.volumes[0];
    assert_true(volumes->pressures[1] > volumes->pressures[0]);
    assert_false(volumes->ideal);
    /* the higher pressure has the smaller volumes, by 1.5 of their standard deviations or so */
    const double *low = volumes->samples[0], *high = volumes->samples[1];
    const size_t n = (size_t)rig.v.n_volumes;
    const double apart = (cli_mean(low, n) - cli_mean(high, n)) /
                         sqrt(0.5 * (cli_variance(low, n) + cli_variance(high, n)));
    assert_true(apart > 0.9 && apart < 2.5);
    figure_check(&rig, cli_figure_volume, "by the exact ratio");
    wrong_close(&rig);
}

/* A stress that depends on what was before does not hold the volume as it should. One with the
 * wrong sign has no volume where it rests: that is said, and is for another test to fail. */
static void test_volume_wrong(void **state)
{
    wrong_rig rig;
    (void)state;
    volume_run(&rig, WRONG_HISTORY, 3.45, 15000);
    const cli_outcome *o = &rig.v.outcomes[0][CLI_TEST_VOLUME];
    assert_int_equal(o->verdict, CLI_VERDICT_FAIL);
    assert_true(o->value < 0.75);
    wrong_close(&rig);
    volume_run(&rig, WRONG_STRESS, 3.45, 2000);
    o = &rig.v.outcomes[0][CLI_TEST_VOLUME];
    assert_int_equal(o->verdict, CLI_VERDICT_NOT_APPLICABLE);
    assert_string_equal(o->why, "no stable volume at these pressures");
    wrong_close(&rig);
    volume_run(&rig, WRONG_NOT_A_NUMBER, 3.45, 2000);
    o = &rig.v.outcomes[0][CLI_TEST_VOLUME];
    assert_int_equal(o->verdict, CLI_VERDICT_FAIL);
    assert_string_equal(o->why, "non_finite");
    wrong_close(&rig);
    volume_run(&rig, WRONG_NOTHING, 3.45, 1000);
    o = &rig.v.outcomes[0][CLI_TEST_VOLUME];
    assert_int_equal(o->verdict, CLI_VERDICT_NOT_APPLICABLE);
    assert_string_equal(o->why, "too few independent volumes");
    cli_text none = {0};
    assert_int_equal(cli_figure_volume(&rig.v, &none), CLI_OK);
    assert_int_equal(cli_figure_ratio(&rig.v, &none), CLI_OK);
    assert_int_equal(none.size, 0);
    wrong_close(&rig);
}

static double volume_cdf(const void *user, double x)
{
    return cli_gamma_cdf(33.0, *(const double *)user, x);
}

/* Where no atom feels anything volumes have a gamma distribution of shape N + 1. */
static void test_volume_ideal(void **state)
{
    wrong_rig rig;
    (void)state;
    wrong_open(&rig, WRONG_NOTHING, (ath_callback_config){0});
    ath_model_destroy(&rig.model);
    assert_int_equal(ath_model_create(rig.c.ctx, "lj:epsilon=0", &rig.model), ATH_OK);
    rig.v.model = rig.model;
    rig.v.skip = volume_only;
    rig.v.volume_steps = 100000;
    assert_int_equal(cli_validate(&rig.v), CLI_OK);
    const cli_volumes *volumes = &rig.v.volumes[0];
    assert_true(volumes->ideal);
    assert_int_equal(rig.v.outcomes[0][CLI_TEST_VOLUME].verdict, CLI_VERDICT_PASS);
    figure_check(&rig, cli_figure_volume, "gamma distribution");
    figure_check(&rig, cli_figure_ratio, "of the exact");
    figure_check(&rig, cli_figure_drift, "constant energy");
    figure_check(&rig, cli_figure_temperature, "gamma distribution");
    for (int side = 0; side < 2; side++) {
        double *x = volumes->samples[side];
        const double scale = ATH_BOLTZMANN * rig.v.temperature / volumes->pressures[side];
        const size_t stride = (size_t)(2.0 * cli_inefficiency(x, (size_t)rig.v.n_volumes)) + 1;
        const double mean = cli_mean(x, (size_t)rig.v.n_volumes);
        size_t kept = 0;
        for (size_t k = 0; k < (size_t)rig.v.n_volumes; k += stride) {
            x[kept++] = x[k];
        }
        assert_true(kept > 100);
        assert_true(fabs(mean / (33.0 * scale) - 1.0) < 0.03);
        assert_true(cli_ks_p(x, kept, volume_cdf, &scale, NULL) > 1e-3);
    }
    wrong_close(&rig);
}

static void test_interrupted(void **state)
{
    static volatile sig_atomic_t now = 1;
    wrong_rig rig;
    (void)state;
    wrong_open(&rig, WRONG_NOTHING, (ath_callback_config){0});
    rig.c.interrupted = &now;
    assert_int_equal(cli_validate(&rig.v), CLI_INTERRUPTED);
    wrong_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right),        cmocka_unit_test(test_forces),
        cmocka_unit_test(test_stress),       cmocka_unit_test(test_jump),
        cmocka_unit_test(test_company),      cmocka_unit_test(test_field),
        cmocka_unit_test(test_friction),     cmocka_unit_test(test_first),
        cmocka_unit_test(test_torque),       cmocka_unit_test(test_noise),
        cmocka_unit_test(test_not_a_number), cmocka_unit_test(test_not_applicable),
        cmocka_unit_test(test_repeatable),   cmocka_unit_test(test_volume),
        cmocka_unit_test(test_volume_wrong), cmocka_unit_test(test_volume_ideal),
        cmocka_unit_test(test_interrupted),
    };
    return cmocka_run_group_tests_name("validate", tests, NULL, NULL);
}
