/* The constraint hold_centre: the centre stays, along which axes, with every integrator; what the
 * motion about it is; temperature, devices, company, large systems, moving cells, checkpoints.
 */
#include "dynamics/structures.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include <athanor/dynamics.h>
#include <athanor/hooks.h>
#include <athanor/units.h>

enum { N = 6, MAX_ATOMS = 64 };

static const char *const LJ = "lj:epsilon=0.0104,sigma=3.4,cutoff=8.5";
static const char *const LANGEVIN = "langevin:timestep=4,temperature=60,friction=0.05";

typedef struct fixture {
    ath_context *ctx;
    ath_device *device;
    ath_model *model;
    ath_integrator *integrator;
    ath_system *systems[N];
    ath_batch *batch;
    ath_dynamics *dyn;
} fixture;

static ath_dynamics_config fixture_open(fixture *f, const char *device, const char *model,
                                        const char *integrator)
{
    memset(f, 0, sizeof *f);
    assert_int_equal(ath_context_create(NULL, &f->ctx), ATH_OK);
    OK(f->ctx, ath_device_open(f->ctx, device, &f->device));
    OK(f->ctx, ath_model_create(f->ctx, model, &f->model));
    if (integrator) {
        OK(f->ctx, ath_integrator_create(f->ctx, integrator, &f->integrator));
    }
    for (int32_t i = 0; i < N; i++) {
        void *p = NULL;
        f->systems[i] = i % 2 ? structures_crystal(f->ctx, 3, 18, 3.9, (uint32_t)i)
                              : structures_cluster(f->ctx, 3 + 9 * i, 18, 3.9, (uint32_t)i);
        OK(f->ctx, ath_system_field(f->systems[i], ATH_FIELD_MASSES, &p));
        for (int32_t k = 0; k < ath_system_n_atoms(f->systems[i]); k++) {
            ((double *)p)[k] = 20.0 + 10.0 * (k % 4);
        }
        if (i == 3) { /* y moves as it likes */
            OK(f->ctx, ath_system_field(f->systems[i], ATH_FIELD_FIXED, &p));
            ((uint8_t *)p)[3 * 4 + 1] = 1;
        }
    }
    OK(f->ctx, ath_batch_from_systems(f->ctx, f->device, f->systems, N, &f->batch));
    ath_dynamics_config config = ath_dynamics_defaults();
    config.model = f->model;
    config.integrator = f->integrator;
    config.velocities = ATH_VELOCITIES_THERMAL;
    config.temperature = 60.0;
    config.hold_centre = true;
    config.n_threads = 1;
    return config;
}

static void fixture_close(fixture *f)
{
    ath_dynamics_destroy(&f->dyn);
    ath_batch_destroy(&f->batch);
    for (int32_t i = 0; i < N; i++) {
        ath_system_destroy(&f->systems[i]);
    }
    ath_integrator_destroy(&f->integrator);
    ath_model_destroy(&f->model);
    ath_device_close(&f->device);
    ath_context_destroy(&f->ctx);
}

/* Centre of mass (c[0..2]) and its velocity (c[3..5]). */
static void centre(const fixture *f, const ath_batch *batch, int32_t index, double c[6])
{
    double r[3 * MAX_ATOMS], v[3 * MAX_ATOMS], m[MAX_ATOMS], mass = 0.0;
    OK(f->ctx, ath_batch_read(batch, ATH_FIELD_POSITIONS, index, r));
    OK(f->ctx, ath_batch_read(batch, ATH_FIELD_VELOCITIES, index, v));
    OK(f->ctx, ath_batch_read(batch, ATH_FIELD_MASSES, index, m));
    memset(c, 0, 6 * sizeof *c);
    for (int32_t i = 0; i < ath_batch_n_atoms_of(batch, index); i++) {
        mass += m[i];
        for (int k = 0; k < 3; k++) {
            c[k] += m[i] * r[3 * i + k];
            c[3 + k] += m[i] * v[3 * i + k];
        }
    }
    for (int k = 0; k < 6; k++) {
        c[k] /= mass;
    }
}

static double dof_of(const fixture *f, int32_t index)
{
    double dof = 0.0;
    OK(f->ctx, ath_batch_read(f->batch, ATH_FIELD_DOF, index, &dof));
    return dof;
}

static void check_held(const char *device, const char *model, const char *integrator, bool moves)
{
    fixture f;
    ath_dynamics_config config = fixture_open(&f, device, model, integrator);
    double before[N][6], after[6];
    for (int32_t i = 0; i < N; i++) {
        centre(&f, f.batch, i, before[i]);
    }
    OK(f.ctx, ath_dynamics_create(f.ctx, &config, &f.dyn));
    for (int round = 0; round < 3; round++) {
        OK(f.ctx, ath_dynamics_run(f.dyn, f.batch, 20));
        for (int32_t i = 0; i < N; i++) {
            centre(&f, f.batch, i, after);
            for (int k = 0; k < 3; k++) {
                const bool held = !(i == 3 && k == 1);
                const double moved = fabs(after[k] - before[i][k]);
                assert_true(held ? moved < 1e-12 && fabs(after[3 + k]) < 1e-15 : moved > 1e-6);
            }
            const int32_t n = ath_batch_n_atoms_of(f.batch, i);
            assert_true(dof_of(&f, i) == (double)(3 * n - 3));
        }
    }
    fixture_close(&f);
    config = fixture_open(&f, device, model, integrator); /* and it would move otherwise */
    config.hold_centre = false;
    OK(f.ctx, ath_dynamics_create(f.ctx, &config, &f.dyn));
    OK(f.ctx, ath_dynamics_run(f.dyn, f.batch, 60));
    centre(&f, f.batch, 2, after);
    assert_true((fabs(after[0] - before[2][0]) > 1e-6) == moves);
    fixture_close(&f);
}

static void test_held(void **state)
{
    static const char *const wells =
        "sum:1*lj:epsilon=0.0104,sigma=3.4,cutoff=8.5+1*harmonic:k=0.01,spacing=0.3";
    (void)state;
    check_held("host", LJ, LANGEVIN, true);
    check_held("mock", LJ, LANGEVIN, true);
    check_held("host", LJ, "nve:timestep=4", false);
    check_held("host", wells, "nve:timestep=4", true);
    check_held("host", wells, "fire", true);
    check_held("mock", wells, "fire2", true);
}

/* The temperature of the motion about the centre is that of the bath, also where the centre is much
 * of it: four atoms have nine degrees of freedom. In wells, each keeps kT / 2 to the end. */
static void test_temperature(void **state)
{
    fixture f;
    double sum = 0.0;
    int64_t n = 0;
    ath_dynamics_config config = fixture_open(&f, "host", "harmonic:k=0.5,spacing=2",
                                              "langevin:timestep=2,temperature=60,friction=0.5");
    (void)state;
    OK(f.ctx, ath_dynamics_create(f.ctx, &config, &f.dyn));
    for (int round = 0; round < 400; round++) {
        OK(f.ctx, ath_dynamics_run(f.dyn, f.batch, 25));
        double v[9], m[3];
        OK(f.ctx, ath_batch_read(f.batch, ATH_FIELD_VELOCITIES, 0, v));
        OK(f.ctx, ath_batch_read(f.batch, ATH_FIELD_MASSES, 0, m));
        for (int k = 0; k < 9; k++) {
            sum += m[k / 3] * v[k] * v[k];
        }
        n++;
    }
    const double kelvin = sum / (double)n / (6.0 * ATH_BOLTZMANN);
    assert_true(dof_of(&f, 0) == 6.0);
    assert_true(fabs(kelvin / 60.0 - 1.0) < 4.0 * sqrt(2.0 / 6.0 / (double)n));
    fixture_close(&f);
}

/* Rounding apart, velocity Verlet does not feel the constraint. */
static void test_exact(void **state)
{
    double r[2][3 * MAX_ATOMS];
    (void)state;
    for (int hold = 0; hold < 2; hold++) {
        fixture f;
        ath_dynamics_config config = fixture_open(&f, "host", LJ, "nve:timestep=4");
        config.hold_centre = hold;
        OK(f.ctx, ath_dynamics_create(f.ctx, &config, &f.dyn));
        OK(f.ctx, ath_dynamics_run(f.dyn, f.batch, 100));
        OK(f.ctx, ath_batch_read(f.batch, ATH_FIELD_POSITIONS, 4, r[hold]));
        fixture_close(&f);
    }
    for (int k = 0; k < 3 * 39; k++) {
        assert_true(fabs(r[0][k] - r[1][k]) < 1e-9);
    }
}

/* ---- bits ---- */

static void test_bits(void **state)
{
    static const struct {
        const char *device;
        int32_t threads, tile;
        bool alone, stalls;
    } settings[] = {{"host", 1, 0, false, false},    {"host", 3, 256, false, false},
                    {"host", 1, 0, true, false},     {"mock", 1, 0, false, false},
                    {"host:isa=v3", 1, 0, 0, false}, {"host:isa=base", 2, 0, 0, true}};
    uint64_t digest[N] = {0};
    (void)state;
    for (size_t s = 0; s < sizeof settings / sizeof *settings; s++) {
        fixture f;
        ath_device *probe = NULL;
        ath_context *ctx = NULL;
        assert_int_equal(ath_context_create(NULL, &ctx), ATH_OK);
        const bool there = ath_device_open(ctx, settings[s].device, &probe) == ATH_OK;
        ath_device_close(&probe);
        ath_context_destroy(&ctx);
        if (!there) {
            print_message("not here: %s\n", settings[s].device);
            continue;
        }
        ath_dynamics_config config = fixture_open(&f, settings[s].device, LJ, LANGEVIN);
        config.n_threads = settings[s].threads;
        config.tile_bytes = settings[s].tile;
        config.rebuild_always = settings[s].stalls;
        OK(f.ctx, ath_dynamics_create(f.ctx, &config, &f.dyn));
        for (int32_t i = 0; i < (settings[s].alone ? N : 1); i++) {
            ath_batch *batch = NULL;
            const int32_t n = settings[s].alone ? 1 : N;
            OK(f.ctx, ath_batch_from_systems(f.ctx, f.device, f.systems + i, n, &batch));
            OK(f.ctx, ath_dynamics_run(f.dyn, batch, 30));
            for (int32_t k = 0; k < n; k++) {
                const uint64_t d = structures_digest(f.ctx, batch, k);
                digest[i + k] = s == 0 ? d : digest[i + k];
                assert_true(d == digest[i + k]);
            }
            ath_batch_destroy(&batch);
        }
        fixture_close(&f);
    }
}

/* A system that the whole team computes. */
static void test_together(void **state)
{
    uint64_t digest[2];
    (void)state;
    for (int t = 0; t < 2; t++) {
        fixture f;
        ath_batch *batch = NULL;
        ath_dynamics_config config = fixture_open(&f, "host", LJ, LANGEVIN);
        ath_system *large = structures_crystal(f.ctx, 28, 18, 3.9, 3); /* 21,952 atoms */
        OK(f.ctx, ath_batch_from_systems(f.ctx, f.device, &large, 1, &batch));
        config.n_threads = t ? 3 : 1;
        OK(f.ctx, ath_dynamics_create(f.ctx, &config, &f.dyn));
        OK(f.ctx, ath_dynamics_run(f.dyn, batch, 2));
        digest[t] = structures_digest(f.ctx, batch, 0);
        ath_batch_destroy(&batch);
        ath_system_destroy(&large);
        fixture_close(&f);
    }
    assert_true(digest[0] == digest[1]);
}

/* Saved in the middle and gone on; halves by hand. */
static void test_checkpoint(void **state)
{
    fixture f;
    char path[64];
    ath_batch *other = NULL;
    ath_dynamics *again = NULL;
    ath_dynamics_config config = fixture_open(&f, "host", LJ, LANGEVIN);
    (void)state;
    snprintf(path, sizeof path, "centre_%d.ath", (int)getpid());
    OK(f.ctx, ath_dynamics_create(f.ctx, &config, &f.dyn));
    OK(f.ctx, ath_dynamics_run(f.dyn, f.batch, 10));
    OK(f.ctx, ath_dynamics_save(f.dyn, f.batch, path));
    OK(f.ctx, ath_dynamics_run(f.dyn, f.batch, 10));
    OK(f.ctx, ath_dynamics_create(f.ctx, &config, &again));
    OK(f.ctx, ath_dynamics_load(again, f.device, path, &other));
    OK(f.ctx, ath_dynamics_run(again, other, 10));
    for (int32_t i = 0; i < N; i++) {
        assert_true(structures_digest(f.ctx, f.batch, i) == structures_digest(f.ctx, other, i));
    }
    ath_batch_destroy(&other);
    ath_dynamics_destroy(&again);
    config.hold_centre = false; /* another dynamics */
    OK(f.ctx, ath_dynamics_create(f.ctx, &config, &again));
    assert_int_equal(ath_dynamics_load(again, f.device, path, &other), ATH_E_STATE);
    ath_dynamics_destroy(&again);
    remove(path);
    fixture_close(&f);
}

/* ---- stages, hooks and cells ---- */

/* Held in one stage of two, with cells behind those of the integrator. */
static void test_fused(void **state)
{
    fixture f;
    ath_dynamics *parts[2] = {NULL};
    ath_integrator *nve = NULL;
    double before[6], after[6];
    ath_dynamics_config config = fixture_open(&f, "host", LJ, LANGEVIN);
    (void)state;
    OK(f.ctx, ath_integrator_create(f.ctx, "nve:timestep=4", &nve));
    config.n_steps = 20;
    config.hold_centre = true;
    OK(f.ctx, ath_dynamics_create(f.ctx, &config, &parts[0]));
    config.velocities = ATH_VELOCITIES_KEEP;
    config.integrator = nve;
    config.hold_centre = false;
    OK(f.ctx, ath_dynamics_create(f.ctx, &config, &parts[1]));
    OK(f.ctx, ath_fuse(f.ctx, parts, 2, &f.dyn));
    centre(&f, f.batch, 2, before);
    OK(f.ctx, ath_dynamics_run(f.dyn, f.batch, ATH_UNSET));
    centre(&f, f.batch, 2, after);
    assert_true(fabs(after[0] - before[0]) < 1e-12); /* nve has nothing to go on with */
    assert_true(dof_of(&f, 2) == 3 * 21 - 3);
    ath_dynamics_destroy(&parts[0]);
    ath_dynamics_destroy(&parts[1]);
    ath_dynamics_destroy(&f.dyn);
    ath_integrator_destroy(&nve);
    fixture_close(&f);
}

/* What hooks do to the centre between steps is left to them. */
static ath_status push(void *user, const ath_hook_context *c)
{
    ath_context *ctx = user;
    double r[3 * MAX_ATOMS];
    for (int32_t i = 0; i < ath_batch_n_systems(c->batch); i++) {
        OK(ctx, ath_batch_read(c->batch, ATH_FIELD_POSITIONS, i, r));
        for (int32_t k = 0; k < ath_batch_n_atoms_of(c->batch, i); k++) {
            r[3 * k + 2] += 0.5;
        }
        OK(ctx, ath_batch_write(c->batch, ATH_FIELD_POSITIONS, i, r));
    }
    return ATH_OK;
}

static void test_pushed(void **state)
{
    fixture f;
    double before[6], after[6];
    ath_dynamics_config config = fixture_open(&f, "host", LJ, LANGEVIN);
    const ath_hook hook = {.size = sizeof hook,
                           .name = "push",
                           .stage = ATH_STAGE_BEFORE_STEP,
                           .frequency = 5,
                           .access = ATH_HOOK_WRITES,
                           .user = f.ctx,
                           .call = push};
    (void)state;
    config.hooks = &hook;
    config.n_hooks = 1;
    OK(f.ctx, ath_dynamics_create(f.ctx, &config, &f.dyn));
    centre(&f, f.batch, 2, before);
    OK(f.ctx, ath_dynamics_run(f.dyn, f.batch, 10));
    centre(&f, f.batch, 2, after);
    assert_true(fabs(after[2] - before[2] - 1.0) < 1e-12 && fabs(after[0] - before[0]) < 1e-12);
    fixture_close(&f);
}

/* An integrator that strains the cell and the atoms in it, and pushes them all besides. */
static void strain(void *user, const ath_integrator_view *view)
{
    (void)user;
    for (int32_t s = 0; s < view->n_systems; s++) {
        const int32_t slot = view->slots[s];
        for (int k = 0; k < 9; k += 3) {
            view->cell[9 * slot + k] *= 1.01;
        }
        for (int32_t i = 0; i < view->n_atoms[slot]; i++) {
            double *r = view->positions + 3 * (view->first[slot] + i);
            const uint8_t *fixed = ath_integrator_view_fixed(view, slot);
            r[0] = r[0] * 1.01;
            r[1] += fixed && fixed[3 * i + 1] ? 0.0 : 0.01;
            r[0] += 0.03;
        }
    }
}

static void test_cell(void **state)
{
    const ath_integrator_callback_config callback = {
        .size = sizeof callback, .moves_cell = true, .pre_update = strain};
    fixture f;
    double before[6], after[6];
    ath_dynamics_config config = fixture_open(&f, "host", LJ, NULL);
    (void)state;
    OK(f.ctx, ath_integrator_callback(f.ctx, &callback, &f.integrator));
    config.integrator = f.integrator;
    OK(f.ctx, ath_dynamics_create(f.ctx, &config, &f.dyn));
    centre(&f, f.batch, 1, before);
    OK(f.ctx, ath_dynamics_run(f.dyn, f.batch, 5));
    centre(&f, f.batch, 1, after); /* goes with the strain, not with the push */
    assert_true(fabs(after[0] - before[0] * pow(1.01, 5)) < 1e-12);
    assert_true(fabs(after[1] - before[1]) < 1e-12);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_held),     cmocka_unit_test(test_temperature),
        cmocka_unit_test(test_exact),    cmocka_unit_test(test_bits),
        cmocka_unit_test(test_together), cmocka_unit_test(test_checkpoint),
        cmocka_unit_test(test_fused),    cmocka_unit_test(test_pushed),
        cmocka_unit_test(test_cell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
