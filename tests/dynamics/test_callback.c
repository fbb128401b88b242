/* Models that call a function of the user: a pair potential written with ath_model_view_neighbors
 * gives the trajectories of the built-in one, with every integrator, in any batch and on any number
 * of threads; whole batches and single systems; failures inside a step.
 */
#include "dynamics/structures.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>

#include <athanor/dynamics.h>

#define EPSILON 0.0104
#define SIGMA 3.4
#define CUTOFF 7.0

enum { SYSTEMS = 7, MAX_NEAR = 400 };

/* What a callback keeps. */
typedef struct user {
    atomic_int calls, systems, most; /* most systems in a call */
    int fail_at;                     /* call that fails; 0: none */
    atomic_int company;              /* results depend on the number of systems in the call */
} user;

static double pair_energy(double r2)
{
    const double s = SIGMA * SIGMA / r2, s3 = s * s * s;
    return 4.0 * EPSILON * (s3 * s3 - s3);
}

static void pair_system(const ath_model_view *view, int32_t slot, double factor)
{
    ath_neighbor_of near[MAX_NEAR];
    const int64_t first = view->first[slot];
    double energy = 0.0, virial[9] = {0.0};
    for (int32_t i = 0; i < view->n_atoms[slot]; i++) {
        double *f = view->forces + 3 * (first + i);
        const int32_t n = ath_model_view_neighbors(view, slot, i, near, MAX_NEAR);
        f[0] = f[1] = f[2] = 0.0;
        for (int32_t m = 0; m < n && m < MAX_NEAR; m++) {
            const double s = SIGMA * SIGMA / near[m].r2, s3 = s * s * s;
            const double g = factor * 24.0 * EPSILON * (2.0 * s3 * s3 - s3) / near[m].r2;
            for (int k = 0; k < 3; k++) {
                f[k] -= g * near[m].d[k];
                for (int c = 0; c < 3; c++) {
                    virial[3 * k + c] += 0.5 * g * near[m].d[k] * near[m].d[c];
                }
            }
            energy += 0.5 * factor * pair_energy(near[m].r2);
        }
    }
    if (view->want_energy) {
        view->energy[slot] = energy;
    }
    const double *h = view->cell + 9 * (int64_t)slot;
    const int32_t *pbc = view->pbc + 3 * (int64_t)slot;
    for (int k = 0; view->want_stress && k < 9; k++) {
        const double volume = h[0] * h[4] * h[8]; /* the cells of this test are boxes */
        view->stress[9 * (int64_t)slot + k] =
            pbc[0] && pbc[1] && pbc[2] ? -virial[k] / volume : 0.0;
    }
}

static ath_status compute(void *arg, const ath_model_view *view)
{
    user *u = arg;
    const int call = atomic_fetch_add(&u->calls, 1) + 1;
    int most = atomic_load(&u->most);
    atomic_fetch_add(&u->systems, view->n_systems);
    while (view->n_systems > most &&
           !atomic_compare_exchange_weak(&u->most, &most, view->n_systems)) {
    }
    if (call == u->fail_at) {
        return ATH_E_IO;
    }
    for (int32_t k = 0; k < view->n_systems; k++) {
        pair_system(view, view->slots[k],
                    atomic_load(&u->company) ? 1.0 + 1e-3 * view->n_systems : 1.0);
    }
    return ATH_OK;
}

static ath_status no_iron(void *arg, const ath_system *system)
{
    void *numbers = NULL;
    (void)arg;
    if (ath_system_field((ath_system *)system, ATH_FIELD_NUMBERS, &numbers) != ATH_OK) {
        return ATH_E_INTERNAL;
    }
    return ((const int32_t *)numbers)[0] == 26 ? ATH_E_UNSUPPORTED : ATH_OK;
}

static ath_model *make_model(ath_context *ctx, user *u, bool whole)
{
    ath_model *model = NULL;
    const ath_callback_config config = {.size = sizeof config,
                                        .name = "pairs",
                                        .text = "argon",
                                        .cutoff = CUTOFF,
                                        .whole_batch = whole,
                                        .batch_invariant = !u->company,
                                        .user = u,
                                        .compute = compute,
                                        .accepts = no_iron};
    OK(ctx, ath_model_callback(ctx, &config, &model));
    return model;
}

/* How to run. */
typedef struct how {
    const char *integrator;
    int32_t threads, first, n, steps; /* systems first ... first + n - 1 */
    double skin;
    bool one_by_one;
    int interruptions; /* runs that may fail and are then gone on with */
    int hook;          /* a hook that reads energies is due every so many steps; 0: none */
} how;

/* Counts its calls and looks at the energies. */
static ath_status watch(void *arg, const ath_hook_context *at)
{
    double energy = NAN;
    ++*(int *)arg;
    const ath_status status = ath_batch_read(at->batch, ATH_FIELD_ENERGY, 0, &energy);
    return status < 0 ? status : isfinite(energy) ? ATH_OK : ATH_E_INTERNAL;
}

/* A run of the same dynamics over another batch, which must not make it forget the first one. */
static void run_another(ath_context *ctx, ath_dynamics *dyn, ath_device *device)
{
    ath_batch *batch = NULL;
    ath_system *system = structures_cluster(ctx, 9, 18, 3.9, 77);
    OK(ctx, ath_batch_from_systems(ctx, device, &system, 1, &batch));
    OK(ctx, ath_dynamics_run(dyn, batch, 2));
    ath_batch_destroy(&batch);
    ath_system_destroy(&system);
}

static void run(ath_context *ctx, ath_model *model, const how *h, uint64_t digest[SYSTEMS],
                double energy[SYSTEMS])
{
    ath_device *device = NULL;
    ath_integrator *integrator = NULL;
    ath_batch *batch = NULL;
    ath_dynamics *dyn = NULL;
    ath_system *systems[SYSTEMS];
    ath_dynamics_config config = ath_dynamics_defaults();
    int watched = 0;
    const ath_hook hook = {.size = sizeof hook,
                           .name = "watch",
                           .stage = ATH_STAGE_AFTER_STEP,
                           .frequency = h->hook,
                           .access = ATH_HOOK_READS_ENERGY,
                           .user = &watched,
                           .call = watch};
    config.hooks = &hook;
    config.n_hooks = h->hook > 0;
    for (int32_t i = 0; i < SYSTEMS; i++) {
        const uint32_t seed = (uint32_t)i;
        systems[i] = i % 2 ? structures_crystal(ctx, 4 + i % 3, 18, 3.9, seed)
                           : structures_cluster(ctx, 5 + 9 * i, 18, 3.9, seed);
    }
    OK(ctx, ath_device_open(ctx, "host", &device));
    OK(ctx, ath_integrator_create(ctx, h->integrator, &integrator));
    OK(ctx, ath_batch_from_systems(ctx, device, systems + h->first, h->n, &batch));
    config.model = model;
    config.integrator = integrator;
    config.n_threads = h->threads;
    config.skin = h->skin;
    config.one_by_one = h->one_by_one;
    config.velocities = ATH_VELOCITIES_THERMAL;
    config.temperature = 200;
    config.tile_bytes = 20000;
    OK(ctx, ath_dynamics_create(ctx, &config, &dyn));
    ath_status status = ath_dynamics_run(dyn, batch, h->steps);
    for (int k = 0; k < h->interruptions && status == ATH_E_IO; k++) {
        run_another(ctx, dyn, device);
        /* the steps that are missing, of the systems that are behind */
        int64_t age = 0, least = INT64_MAX;
        for (int32_t i = 0; i < h->n; i++) {
            OK(ctx, ath_batch_read(batch, ATH_FIELD_AGE, i, &age));
            least = age < least ? age : least;
        }
        assert_true(least < h->steps);
        status =
            ath_dynamics_run(dyn, batch, h->threads == 1 && h->n == 1 ? h->steps - least - 1 : 0);
    }
    assert_int_equal(status, ATH_OK);
    assert_true(h->hook == 0 || watched >= h->steps / h->hook);
    for (int32_t i = 0; i < h->n; i++) {
        digest[h->first + i] = structures_digest(ctx, batch, i);
        OK(ctx, ath_batch_read(batch, ATH_FIELD_ENERGY, i, &energy[h->first + i]));
    }
    ath_dynamics_destroy(&dyn);
    ath_batch_destroy(&batch);
    ath_integrator_destroy(&integrator);
    ath_device_close(&device);
    for (int32_t i = 0; i < SYSTEMS; i++) {
        ath_system_destroy(&systems[i]);
    }
}

static const char *const integrators[] = {
    "nve:timestep=4", "langevin:timestep=4,temperature=200,friction=0.01", "fire"};

static void test_trajectories(void **state)
{
    (void)state;
    ath_context *ctx = NULL;
    uint64_t digest[SYSTEMS], other[SYSTEMS];
    double energy[SYSTEMS], expected[SYSTEMS];
    assert_int_equal(ath_context_create(NULL, &ctx), ATH_OK);
    for (size_t k = 0; k < sizeof integrators / sizeof *integrators; k++) {
        const how usual = {integrators[k], 1, 0, SYSTEMS, 60, 0.5, false, 0, 0};
        user u = {0};
        ath_model *lj = NULL, *model = make_model(ctx, &u, false);
        OK(ctx, ath_model_create(ctx, "lj:epsilon=0.0104,sigma=3.4,cutoff=7", &lj));
        run(ctx, lj, &usual, digest, expected);
        run(ctx, model, &usual, digest, energy);
        for (int i = 0; i < SYSTEMS; i++) {
            assert_true(fabs(energy[i] - expected[i]) <= 1e-9 * fabs(expected[i]));
        }
        const how settings[] = {{integrators[k], 3, 0, SYSTEMS, 60, 0.5, false, 0, 0},
                                {integrators[k], 2, 0, SYSTEMS, 60, 1.1, false, 0, 0},
                                {integrators[k], 1, 0, SYSTEMS, 60, 0.0, true, 0, 0},
                                {integrators[k], 1, 2, 1, 60, 0.5, false, 0, 0},
                                {integrators[k], 3, 0, SYSTEMS, 60, 0.5, false, 0, 4}};
        for (size_t s = 0; s < sizeof settings / sizeof *settings; s++) {
            run(ctx, model, &settings[s], other, energy);
            for (int i = settings[s].first; i < settings[s].first + settings[s].n; i++) {
                assert_true(other[i] == digest[i]);
            }
        }
        ath_model_destroy(&model);
        ath_model_destroy(&lj);
    }
    ath_context_destroy(&ctx);
}

static void test_whole_batch(void **state)
{
    (void)state;
    ath_context *ctx = NULL;
    uint64_t digest[SYSTEMS], other[SYSTEMS];
    double energy[SYSTEMS];
    assert_int_equal(ath_context_create(NULL, &ctx), ATH_OK);
    const how h = {"nve:timestep=4", 2, 0, SYSTEMS, 20, 0.5, false, 0, 0};
    user parts = {0}, whole = {0};
    ath_model *model = make_model(ctx, &parts, false);
    run(ctx, model, &h, digest, energy);
    assert_true(parts.most < SYSTEMS && parts.most > 0);
    ath_model_destroy(&model);
    model = make_model(ctx, &whole, true);
    run(ctx, model, &h, other, energy);
    assert_memory_equal(digest, other, sizeof digest);
    assert_int_equal(whole.most, SYSTEMS);
    assert_int_equal(whole.calls, 1 + 20 + 1); /* first forces, steps, energies at the end */
    assert_int_equal(whole.systems, SYSTEMS * whole.calls);
    ath_model_destroy(&model);
    ath_context_destroy(&ctx);
}

/* A model whose results depend on the others in a call says so, and one by one it does not matter.
 */
static void test_one_by_one(void **state)
{
    (void)state;
    ath_context *ctx = NULL;
    uint64_t digest[SYSTEMS], other[SYSTEMS];
    double energy[SYSTEMS];
    assert_int_equal(ath_context_create(NULL, &ctx), ATH_OK);
    user u = {.company = 1};
    ath_model *model = make_model(ctx, &u, true);
    assert_false(ath_model_batch_invariant(model));
    const how together = {"nve:timestep=4", 2, 0, SYSTEMS, 10, 0.5, false, 0, 0};
    const how fewer = {"nve:timestep=4", 2, 0, 3, 10, 0.5, false, 0, 0};
    const how alone = {"nve:timestep=4", 2, 0, SYSTEMS, 10, 0.5, true, 0, 0};
    const how fewer_alone = {"nve:timestep=4", 1, 0, 3, 10, 0.5, true, 0, 0};
    run(ctx, model, &together, digest, energy);
    run(ctx, model, &fewer, other, energy);
    assert_true(digest[0] != other[0]);
    run(ctx, model, &alone, digest, energy);
    run(ctx, model, &fewer_alone, other, energy);
    for (int i = 0; i < 3; i++) {
        assert_true(digest[i] == other[i]);
    }
    ath_model_destroy(&model);
    ath_context_destroy(&ctx);
}

/* Whenever a call fails, going on gives the bits of a run without failures. */
static void test_interruption(void **state)
{
    (void)state;
    ath_context *ctx = NULL;
    uint64_t digest[SYSTEMS], other[SYSTEMS];
    double energy[SYSTEMS];
    assert_int_equal(ath_context_create(NULL, &ctx), ATH_OK);
    const how smooth = {"nve:timestep=4", 1, 1, 1, 12, 0.5, false, 0, 0};
    const how rough[2] = {{"nve:timestep=4", 1, 1, 1, 12, 0.5, false, 1, 0},
                          {"nve:timestep=4", 1, 1, 1, 12, 0.5, false, 1, 3}};
    user u = {0};
    ath_model *model = make_model(ctx, &u, true);
    run(ctx, model, &smooth, digest, energy);
    const int calls = u.calls;
    ath_model_destroy(&model);
    for (int n = 4; n < 2 * calls; n++) { /* the first call is before, the last after the steps */
        const int k = n / 2;
        user v = {.fail_at = k};
        model = make_model(ctx, &v, true);
        run(ctx, model, &rough[n % 2], other, energy);
        assert_true(v.calls > calls);
        if (other[1] != digest[1]) {
            fail_msg("call %d failed and the trajectory is another one", k);
        }
        ath_model_destroy(&model);
    }
    ath_context_destroy(&ctx);
}

static void test_refusals(void **state)
{
    (void)state;
    ath_context *ctx = NULL;
    ath_model *model = NULL;
    ath_device *mock = NULL;
    ath_batch *batch = NULL;
    ath_dynamics *dyn = NULL;
    user u = {0};
    assert_int_equal(ath_context_create(NULL, &ctx), ATH_OK);
    ath_callback_config config = {.size = sizeof config, .user = &u, .cutoff = -1.0};
    assert_int_equal(ath_model_callback(ctx, &config, &model), ATH_E_ARGUMENT);
    config.compute = compute;
    assert_int_equal(ath_model_callback(ctx, &config, &model), ATH_E_RANGE);
    config.cutoff = 0.0;
    char name[65];
    memset(name, 'x', 64);
    name[64] = '\0';
    config.name = name;
    assert_int_equal(ath_model_callback(ctx, &config, &model), ATH_E_RANGE);
    name[63] = '\0';
    OK(ctx, ath_model_callback(ctx, &config, &model));
    assert_string_equal(ath_model_text(model), name);
    ath_model_destroy(&model);
    model = make_model(ctx, &u, false);
    assert_string_equal(ath_model_text(model), "pairs:argon");
    ath_system *iron = structures_cluster(ctx, 3, 26, 3, 1),
               *argon = structures_cluster(ctx, 3, 18, 3.9, 1);
    assert_int_equal(ath_model_accepts(model, iron), ATH_E_UNSUPPORTED);
    assert_int_equal(ath_model_accepts(model, argon), ATH_OK);
    OK(ctx, ath_device_open(ctx, "mock", &mock));
    OK(ctx, ath_batch_from_systems(ctx, mock, &argon, 1, &batch));
    ath_dynamics_config d = ath_dynamics_defaults();
    d.model = model;
    OK(ctx, ath_dynamics_create(ctx, &d, &dyn));
    assert_int_equal(ath_dynamics_run(dyn, batch, 1), ATH_E_UNSUPPORTED);
    assert_non_null(strstr(ath_context_message(ctx), "pairs: a callback computes on the host"));
    ath_dynamics_destroy(&dyn);
    ath_batch_destroy(&batch);
    ath_device_close(&mock);
    ath_system_destroy(&iron);
    ath_system_destroy(&argon);
    ath_model_destroy(&model);
    ath_context_destroy(&ctx);
}

/* A callback in a sum with a built-in model. */
static void test_sum(void **state)
{
    (void)state;
    ath_context *ctx = NULL;
    uint64_t digest[SYSTEMS];
    double energy[SYSTEMS], expected[SYSTEMS];
    assert_int_equal(ath_context_create(NULL, &ctx), ATH_OK);
    user u = {0};
    ath_model *lj = NULL, *sum = NULL, *model = make_model(ctx, &u, false);
    const double weights[2] = {0.25, 0.75};
    const how h = {
        "langevin:timestep=4,temperature=200,friction=0.01", 2, 0, SYSTEMS, 30, 0.5, false, 0, 0};
    OK(ctx, ath_model_create(ctx, "lj:epsilon=0.0104,sigma=3.4,cutoff=7", &lj));
    ath_model *terms[2] = {lj, model};
    OK(ctx, ath_model_sum(ctx, terms, weights, 2, &sum));
    run(ctx, lj, &h, digest, expected);
    run(ctx, sum, &h, digest, energy);
    for (int i = 0; i < SYSTEMS; i++) {
        assert_true(fabs(energy[i] - expected[i]) <= 1e-9 * fabs(expected[i]));
    }
    assert_true(u.calls > 30);
    ath_model_destroy(&sum);
    ath_model_destroy(&model);
    ath_model_destroy(&lj);
    ath_context_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trajectories), cmocka_unit_test(test_whole_batch),
        cmocka_unit_test(test_one_by_one),   cmocka_unit_test(test_interruption),
        cmocka_unit_test(test_refusals),     cmocka_unit_test(test_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
