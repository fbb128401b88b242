/* The engine: run, step, compute, fused stages, freezing, quarantine, refill; on host and mock. */
#include "base/failing.h"
#include "dynamics/structures.h"

#include <math.h>
#include <stdio.h>

#include <athanor/dynamics.h>

static failing memory; /* of every context here */

typedef struct fixture {
    ath_context *ctx;
    ath_device *device;
    ath_model *lj, *emt;
    ath_integrator *fire, *nve, *langevin;
} fixture;

static void fixture_open(fixture *f, const char *device)
{
    const ath_context_config config = failing_config(&memory);
    assert_int_equal(ath_context_create(&config, &f->ctx), ATH_OK);
    OK(f->ctx, ath_device_open(f->ctx, device, &f->device));
    OK(f->ctx, ath_model_create(f->ctx, "lj:epsilon=0.0104,sigma=3.4,cutoff=8.5", &f->lj));
    OK(f->ctx, ath_model_create(f->ctx, "emt", &f->emt));
    OK(f->ctx, ath_integrator_create(f->ctx, "fire", &f->fire));
    OK(f->ctx, ath_integrator_create(f->ctx, "nve:timestep=4", &f->nve));
    OK(f->ctx, ath_integrator_create(f->ctx, "langevin:timestep=4,temperature=60,friction=0.01",
                                     &f->langevin));
}

static void fixture_close(fixture *f)
{
    ath_integrator_destroy(&f->fire);
    ath_integrator_destroy(&f->nve);
    ath_integrator_destroy(&f->langevin);
    ath_model_destroy(&f->lj);
    ath_model_destroy(&f->emt);
    ath_device_close(&f->device);
    ath_context_destroy(&f->ctx);
    assert_int_equal(memory.n_wrong, 0);
}

enum { N = 9 };

static void fixture_systems(const fixture *f, ath_system **systems)
{
    for (int32_t i = 0; i < N; i++) {
        systems[i] = i % 3 == 2 ? structures_crystal(f->ctx, 2 + i % 4, 18, 3.8, (uint32_t)i)
                                : structures_cluster(f->ctx, 2 + 5 * i, 18, 3.9, (uint32_t)i);
    }
}

static ath_batch *fixture_batch(const fixture *f)
{
    ath_system *systems[N];
    ath_batch *batch = NULL;
    fixture_systems(f, systems);
    OK(f->ctx, ath_batch_from_systems(f->ctx, f->device, systems, N, &batch));
    for (int32_t i = 0; i < N; i++) {
        ath_system_destroy(&systems[i]);
    }
    return batch;
}

static int32_t read_int(const fixture *f, const ath_batch *b, ath_field_id field, int32_t i)
{
    int32_t value = -1;
    OK(f->ctx, ath_batch_read(b, field, i, &value));
    return value;
}

static int64_t read_long(const fixture *f, const ath_batch *b, ath_field_id field, int32_t i)
{
    int64_t value = -1;
    OK(f->ctx, ath_batch_read(b, field, i, &value));
    return value;
}

static double read_real(const fixture *f, const ath_batch *b, ath_field_id field, int32_t i)
{
    double value = NAN;
    OK(f->ctx, ath_batch_read(b, field, i, &value));
    return value;
}

static ath_dynamics *make(const fixture *f, ath_integrator *integrator, double fmax,
                          int64_t n_steps, ath_velocities velocities)
{
    const ath_convergence convergence = {.size = sizeof convergence, .fmax = fmax};
    ath_dynamics_config config = ath_dynamics_defaults();
    ath_dynamics *dyn = NULL;
    config.model = f->lj;
    config.integrator = integrator;
    config.convergence_hook = fmax > 0 ? &convergence : NULL;
    config.n_steps = n_steps;
    config.velocities = velocities;
    config.temperature = 60;
    config.seed = 5;
    config.n_threads = 2;
    OK(f->ctx, ath_dynamics_create(f->ctx, &config, &dyn));
    return dyn;
}

static void check_steps(const char *device)
{
    fixture f;
    fixture_open(&f, device);
    ath_batch *batch = fixture_batch(&f);
    ath_dynamics *dyn = make(&f, f.nve, 0, ATH_UNSET, ATH_VELOCITIES_THERMAL);
    assert_int_equal(ath_dynamics_run(dyn, batch, ATH_UNSET), ATH_E_ARGUMENT);
    assert_non_null(strstr(ath_context_message(f.ctx), "step count"));
    uint64_t before[N];
    for (int32_t i = 0; i < N; i++) {
        before[i] = structures_digest(f.ctx, batch, i);
        assert_int_equal(read_long(&f, batch, ATH_FIELD_AGE, i), 0);
    }
    OK(f.ctx, ath_dynamics_run(dyn, batch, 0));
    assert_int_equal(ath_dynamics_step_count(dyn), 0);
    OK(f.ctx, ath_dynamics_run(dyn, batch, 7));
    int32_t n_converged = -1;
    OK(f.ctx, ath_dynamics_step(dyn, batch, &n_converged));
    assert_int_equal(n_converged, 0);
    assert_int_equal(ath_dynamics_step_count(dyn), 8);
    for (int32_t i = 0; i < N; i++) {
        assert_int_equal(read_long(&f, batch, ATH_FIELD_AGE, i), 8);
        assert_int_equal(read_int(&f, batch, ATH_FIELD_STATUS, i), 0);
        assert_int_not_equal((int)(before[i] == structures_digest(f.ctx, batch, i)), 1);
    }
    /* run(7) + step = run(8) from the start */
    ath_batch *twin = fixture_batch(&f);
    ath_dynamics *other = make(&f, f.nve, 0, 8, ATH_VELOCITIES_THERMAL);
    OK(f.ctx, ath_dynamics_run(other, twin, ATH_UNSET));
    for (int32_t i = 0; i < N; i++) {
        assert_true(structures_digest(f.ctx, batch, i) == structures_digest(f.ctx, twin, i));
    }
    ath_dynamics_destroy(&other);
    ath_dynamics_destroy(&dyn);
    ath_batch_destroy(&twin);
    ath_batch_destroy(&batch);
    fixture_close(&f);
}

static void check_relax(const char *device)
{
    fixture f;
    fixture_open(&f, device);
    ath_batch *batch = fixture_batch(&f);
    ath_dynamics *dyn = make(&f, f.fire, 0.002, 3000, ATH_VELOCITIES_ZERO);
    OK(f.ctx, ath_dynamics_run(dyn, batch, ATH_UNSET));
    assert_true(ath_dynamics_step_count(dyn) < 3000); /* stops when all are done */
    for (int32_t i = 0; i < N; i++) {
        assert_int_equal(read_int(&f, batch, ATH_FIELD_STATUS, i), 1);
        assert_int_equal(read_int(&f, batch, ATH_FIELD_REASON, i), ATH_REASON_CONVERGED);
        assert_int_equal(read_int(&f, batch, ATH_FIELD_CONVERGED, i), 1);
        assert_true(read_real(&f, batch, ATH_FIELD_FMAX, i) <= 0.002);
    }
    /* energies belong to the stored positions; finished systems stay as they are */
    uint64_t digest[N];
    for (int32_t i = 0; i < N; i++) {
        digest[i] = structures_digest(f.ctx, batch, i);
    }
    OK(f.ctx, ath_dynamics_compute(dyn, batch));
    OK(f.ctx, ath_dynamics_run(dyn, batch, 5));
    for (int32_t i = 0; i < N; i++) {
        assert_true(digest[i] == structures_digest(f.ctx, batch, i));
    }
    ath_dynamics_destroy(&dyn);
    ath_batch_destroy(&batch);
    fixture_close(&f);
}

/* relax -> langevin -> nve in one fused run and in three separate ones. */
static void check_fused(const char *device)
{
    fixture f;
    fixture_open(&f, device);
    ath_dynamics *parts[3] = {make(&f, f.fire, 0.01, 400, ATH_VELOCITIES_ZERO),
                              make(&f, f.langevin, 0, 37, ATH_VELOCITIES_THERMAL),
                              make(&f, f.nve, 0, 25, ATH_VELOCITIES_KEEP)};
    ath_dynamics *fused = NULL;
    OK(f.ctx, ath_fuse(f.ctx, parts, 3, &fused));
    assert_int_equal(ath_dynamics_n_parts(fused), 3);
    assert_int_equal(ath_dynamics_exit_status(fused), 3);
    ath_batch *batch = fixture_batch(&f), *twin = fixture_batch(&f);
    OK(f.ctx, ath_dynamics_run(fused, batch, ATH_UNSET));
    for (int32_t k = 0; k < 3; k++) {
        ath_dynamics *one = NULL;
        const int32_t zero = 0;
        for (int32_t i = 0; i < N; i++) {
            OK(f.ctx, ath_batch_write(twin, ATH_FIELD_STATUS, i, &zero));
        }
        OK(f.ctx, ath_fuse(f.ctx, &parts[k], 1, &one));
        OK(f.ctx, ath_dynamics_run(one, twin, ATH_UNSET));
        ath_dynamics_destroy(&one);
    }
    for (int32_t i = 0; i < N; i++) {
        assert_int_equal(read_int(&f, batch, ATH_FIELD_STATUS, i), 3);
        assert_int_equal(read_int(&f, batch, ATH_FIELD_REASON, i), ATH_REASON_BUDGET);
        assert_int_equal(read_long(&f, batch, ATH_FIELD_STAGE_STEPS, i), 25);
        assert_true(structures_digest(f.ctx, batch, i) == structures_digest(f.ctx, twin, i));
    }
    ath_dynamics_destroy(&fused);
    for (int32_t k = 0; k < 3; k++) {
        ath_dynamics_destroy(&parts[k]);
    }
    ath_batch_destroy(&twin);
    ath_batch_destroy(&batch);
    fixture_close(&f);
}

static void check_limits(const char *device)
{
    fixture f;
    fixture_open(&f, device);
    ath_dynamics *part = make(&f, f.fire, 1e-9, 3, ATH_VELOCITIES_ZERO), *dyn = NULL;
    OK(f.ctx, ath_fuse(f.ctx, &part, 1, &dyn));
    ath_batch *batch = fixture_batch(&f);
    OK(f.ctx, ath_dynamics_run(dyn, batch, ATH_UNSET));
    for (int32_t i = 0; i < N; i++) { /* at its limit a system is never called converged */
        assert_int_equal(read_int(&f, batch, ATH_FIELD_REASON, i), ATH_REASON_STEP_LIMIT);
        assert_int_equal(read_int(&f, batch, ATH_FIELD_CONVERGED, i), 0);
        assert_int_equal(read_long(&f, batch, ATH_FIELD_AGE, i), 3);
    }
    ath_dynamics_destroy(&dyn);
    ath_dynamics_destroy(&part);
    ath_batch_destroy(&batch);
    fixture_close(&f);
}

/* A system with a NaN, and one with two atoms in one place, among healthy ones. */
static void check_quarantine(const char *device)
{
    fixture f;
    fixture_open(&f, device);
    ath_batch *healthy = fixture_batch(&f), *batch = fixture_batch(&f);
    ath_system *bad = structures_cluster(f.ctx, 6, 18, 3.9, 77);
    void *p = NULL;
    OK(f.ctx, ath_system_field(bad, ATH_FIELD_POSITIONS, &p));
    ((double *)p)[4] = NAN;
    OK(f.ctx, ath_batch_add(batch, bad));
    ath_system_destroy(&bad);
    bad = structures_cluster(f.ctx, 6, 18, 3.9, 78);
    OK(f.ctx, ath_system_field(bad, ATH_FIELD_POSITIONS, &p));
    memcpy((double *)p + 3, p, 3 * sizeof(double));
    OK(f.ctx, ath_batch_add(batch, bad));
    ath_system_destroy(&bad);
    ath_dynamics *dyn = make(&f, f.langevin, 0, 30, ATH_VELOCITIES_THERMAL);
    OK(f.ctx, ath_dynamics_run(dyn, healthy, ATH_UNSET));
    OK(f.ctx, ath_dynamics_run(dyn, batch, ATH_UNSET));
    for (int32_t i = 0; i < N; i++) {
        assert_true(structures_digest(f.ctx, batch, i) == structures_digest(f.ctx, healthy, i));
    }
    for (int32_t i = N; i < N + 2; i++) {
        assert_int_equal(read_int(&f, batch, ATH_FIELD_REASON, i),
                         i == N ? ATH_REASON_NON_FINITE : ATH_REASON_TOO_CLOSE);
        assert_int_equal(ath_reason_state(ATH_REASON_NON_FINITE), ATH_STATE_QUARANTINED);
        assert_int_equal(read_int(&f, batch, ATH_FIELD_STATUS, i), 1);
    }
    ath_dynamics_destroy(&dyn);
    ath_batch_destroy(&batch);
    ath_batch_destroy(&healthy);
    fixture_close(&f);
}

static ath_status idle_call(void *user, const ath_hook_context *context)
{
    *(int64_t *)user += context->n_masked;
    return ATH_OK;
}

static void check_allocations(const char *device, int n_hooks)
{
    fixture f;
    int64_t n_seen = 0;
    fixture_open(&f, device);
    ath_batch *batch = fixture_batch(&f);
    ath_dynamics *dyn = make(&f, f.nve, 0, ATH_UNSET, ATH_VELOCITIES_THERMAL);
    for (int k = 0; k < n_hooks; k++) { /* of the engine's steps and of own ones, some that write */
        const ath_hook hook = {.size = sizeof hook,
                               .name = "idle",
                               .stage = (ath_stage)(3 * k),
                               .frequency = k == 1 ? 1 : 1 + k,
                               .access = k == 1   ? ATH_HOOK_WRITES
                                         : k == 2 ? ATH_HOOK_OWN_STEPS
                                                  : 0,
                               .user = &n_seen,
                               .call = idle_call};
        OK(f.ctx, ath_dynamics_register_hook(dyn, &hook));
    }
    OK(f.ctx, ath_dynamics_run(dyn, batch, 400)); /* lists and queues reach their size */
    int64_t before = memory.n_calls;
    OK(f.ctx, ath_dynamics_run(dyn, batch, 100));
    const int64_t once = memory.n_calls - before;
    before = memory.n_calls;
    OK(f.ctx, ath_dynamics_run(dyn, batch, 400));
    assert_int_equal(memory.n_calls - before, once); /* of the call, not of the steps */
    assert_true(n_hooks == 0 || n_seen > 900);
    ath_dynamics_destroy(&dyn);
    ath_batch_destroy(&batch);
    fixture_close(&f);
}

typedef struct drained {
    int32_t n, n_done, n_rejected, n_refused;
    uint64_t lo[64];
} drained;

static ath_status drained_done(void *user, const ath_system *system)
{
    drained *d = user;
    if (++d->n % 3 == 0) {
        d->n_refused++;
        return ATH_AGAIN; /* full: offer it again */
    }
    const uint64_t lo = ath_system_uid(system).lo;
    for (int32_t i = 0; i < d->n_done; i++) {
        assert_true(d->lo[i] != lo); /* stored once */
    }
    const int64_t *age = ath_system_peek(system, ATH_FIELD_AGE);
    const int32_t *reason = ath_system_peek(system, ATH_FIELD_REASON);
    assert_int_equal(*age, 12);
    assert_int_equal(*reason, ATH_REASON_BUDGET);
    d->lo[d->n_done++] = lo;
    return ATH_OK;
}

static ath_status drained_rejected(void *user, const char *file, int64_t frame, ath_reason reason,
                                   const char *message)
{
    drained *d = user;
    (void)file, (void)frame;
    assert_int_equal(reason, ATH_REASON_TOO_LARGE);
    assert_non_null(message);
    d->n_rejected++;
    return ATH_OK;
}

static void check_refill(const char *device)
{
    fixture f;
    fixture_open(&f, device);
    ath_system *systems[40];
    for (int32_t i = 0; i < 40; i++) {
        systems[i] = structures_cluster(f.ctx, i == 17 ? 500 : 2 + i, 18, 3.9, (uint32_t)i);
    }
    ath_sampler *source = NULL, *sampler = NULL;
    OK(f.ctx, ath_sampler_from_systems(f.ctx, systems, 40, &source));
    const ath_sampler_size_config limits = {
        .size = sizeof limits, .source = source, .max_atoms = 150};
    OK(f.ctx, ath_sampler_by_size(f.ctx, &limits, &sampler));
    drained d = {0};
    ath_sink *sink = NULL;
    ath_dynamics *part = NULL, *dyn = NULL;
    ath_dynamics_config config = ath_dynamics_defaults();
    OK(f.ctx, ath_sink_callback(f.ctx, drained_done, &d, &sink));
    config.model = f.lj;
    config.integrator = f.langevin;
    config.n_steps = 12;
    config.velocities = ATH_VELOCITIES_THERMAL;
    config.temperature = 60;
    config.n_threads = 2;
    config.sampler = sampler;
    config.sinks = &sink;
    config.n_sinks = 1;
    config.device = f.device;
    config.max_batch_size = 7;
    config.refill_frequency = 5;
    config.rejected = drained_rejected;
    config.user = &d;
    OK(f.ctx, ath_dynamics_create(f.ctx, &config, &part));
    OK(f.ctx, ath_fuse(f.ctx, &part, 1, &dyn));
    OK(f.ctx, ath_dynamics_run(dyn, NULL, ATH_UNSET));
    assert_true(ath_dynamics_done(dyn));
    ath_sink_destroy(&sink);
    assert_int_equal(d.n_done, 39);
    assert_int_equal(d.n_rejected, 1);
    assert_true(d.n_refused > 3);
    ath_sampler_destroy(&sampler);
    ath_sampler_destroy(&source);
    ath_dynamics_destroy(&dyn);
    ath_dynamics_destroy(&part);
    for (int32_t i = 0; i < 40; i++) {
        ath_system_destroy(&systems[i]);
    }
    fixture_close(&f);
}

/* A structure that meets the criterion when it comes makes no step. */
static void check_entry(const char *device)
{
    fixture f;
    fixture_open(&f, device);
    const ath_convergence convergence = {.size = sizeof convergence, .fmax = 100};
    ath_dynamics_config config = ath_dynamics_defaults();
    ath_dynamics *dyn = NULL;
    config.model = f.lj;
    config.integrator = f.fire;
    config.convergence_hook = &convergence;
    config.assess_on_entry = true;
    config.n_steps = 10;
    OK(f.ctx, ath_dynamics_create(f.ctx, &config, &dyn));
    ath_batch *batch = fixture_batch(&f);
    OK(f.ctx, ath_dynamics_run(dyn, batch, ATH_UNSET));
    for (int32_t i = 0; i < N; i++) {
        assert_int_equal(read_long(&f, batch, ATH_FIELD_AGE, i), 0);
        assert_int_equal(read_int(&f, batch, ATH_FIELD_REASON, i), ATH_REASON_CONVERGED);
        assert_true(read_real(&f, batch, ATH_FIELD_ENERGY, i) < 0);
    }
    ath_dynamics_destroy(&dyn);
    ath_batch_destroy(&batch);
    fixture_close(&f);
}

static void test_refusals(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, "host");
    ath_dynamics_config config = ath_dynamics_defaults();
    ath_dynamics *dyn = NULL;
    assert_int_equal(ath_dynamics_create(f.ctx, &config, &dyn), ATH_E_ARGUMENT);
    assert_non_null(strstr(ath_context_message(f.ctx), "model"));
    config.model = f.lj;
    config.n_steps = -7;
    assert_int_equal(ath_dynamics_create(f.ctx, &config, &dyn), ATH_E_ARGUMENT);
    config.n_steps = 3;
    config.size = 1;
    assert_int_equal(ath_dynamics_create(f.ctx, &config, &dyn), ATH_E_ABI);
    assert_null(dyn);
    config.size = sizeof config;
    OK(f.ctx, ath_dynamics_create(f.ctx, &config, &dyn)); /* no integrator: nothing moves */
    ath_batch *batch = fixture_batch(&f);
    OK(f.ctx, ath_dynamics_run(dyn, batch, ATH_UNSET));
    assert_int_equal(read_long(&f, batch, ATH_FIELD_AGE, 0), 3);
    assert_ptr_equal(ath_dynamics_model(dyn), f.lj);
    assert_int_equal(ath_dynamics_n_steps(dyn), 3);
    config.model = f.emt;
    ath_dynamics *second = NULL, *fused = NULL;
    OK(f.ctx, ath_dynamics_create(f.ctx, &config, &second));
    ath_dynamics *parts[2] = {dyn, second};
    assert_int_equal(ath_fuse(f.ctx, parts, 2, &fused), ATH_E_ARGUMENT);
    assert_null(fused);
    ath_dynamics_destroy(&second);
    ath_dynamics_destroy(&dyn);
    ath_batch_destroy(&batch);
    fixture_close(&f);
}

/* Nor where a sampler is asked at every step, as long as nobody comes or goes. */
static void check_inflight_allocations(const char *device)
{
    fixture f;
    ath_system *systems[N];
    ath_sampler *sampler = NULL;
    ath_dynamics *dyn = NULL;
    int64_t n[3];
    fixture_open(&f, device);
    fixture_systems(&f, systems);
    OK(f.ctx, ath_sampler_from_systems(f.ctx, systems, N, &sampler));
    ath_dynamics_config config = ath_dynamics_defaults();
    config.model = f.lj;
    config.integrator = f.nve;
    config.sampler = sampler;
    config.device = f.device;
    config.n_threads = 2;
    OK(f.ctx, ath_dynamics_create(f.ctx, &config, &dyn));
    OK(f.ctx, ath_dynamics_run(dyn, NULL, 400));
    for (int k = 0; k < 3; k++) { /* the first time something may still grow */
        n[k] = memory.n_calls;
        OK(f.ctx, ath_dynamics_run(dyn, NULL, k == 2 ? 300 : 50));
        n[k] = memory.n_calls - n[k];
    }
    assert_int_equal(n[1], n[2]);
    ath_dynamics_destroy(&dyn);
    ath_sampler_destroy(&sampler);
    for (int32_t i = 0; i < N; i++) {
        ath_system_destroy(&systems[i]);
    }
    fixture_close(&f);
}

static void check_no_allocation(const char *device)
{
    check_allocations(device, 0);
    check_allocations(device, 3);
    check_inflight_allocations(device);
}

#define ON_BOTH(name)                                                                              \
    static void test_##name##_host(void **state)                                                   \
    {                                                                                              \
        (void)state;                                                                               \
        check_##name("host");                                                                      \
    }                                                                                              \
    static void test_##name##_mock(void **state)                                                   \
    {                                                                                              \
        (void)state;                                                                               \
        check_##name("mock");                                                                      \
    }
ON_BOTH(steps)
ON_BOTH(relax)
ON_BOTH(fused)
ON_BOTH(limits)
ON_BOTH(quarantine)
ON_BOTH(no_allocation)
ON_BOTH(refill)
ON_BOTH(entry)

int main(void)
{
#define BOTH(name) cmocka_unit_test(test_##name##_host), cmocka_unit_test(test_##name##_mock)
    const struct CMUnitTest tests[] = {
        BOTH(steps),  BOTH(relax),      BOTH(fused),
        BOTH(limits), BOTH(quarantine), BOTH(no_allocation),
        BOTH(refill), BOTH(entry),      cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
