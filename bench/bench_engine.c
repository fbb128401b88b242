/* What the engine itself costs: a step of one system of 2 atoms with a model and an integrator that
 * do nothing, a stage without hooks, a step with one empty hook; and whether the cost of a step
 * follows the number of active systems when part of a batch has finished.
 *
 *     bench_engine
 *
 * Times are the least of several runs, on one thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dynamics/dynamics_private.h"

static ath_context *ctx;
static ath_device *device;

static void must(ath_status status, const char *what)
{
    if (status < 0) {
        fprintf(stderr, "bench_engine: %s: %s\n", what, ath_context_message(ctx));
        exit(1);
    }
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- a model that does nothing ---- */

static void nothing_needs(const void *state, int32_t max_atoms, ath__model_needs *out)
{
    (void)state;
    (void)max_atoms;
    *out = (ath__model_needs){0};
}

static ath_status nothing_params(const void *state, void *out, size_t *bytes)
{
    (void)state;
    (void)out;
    *bytes = 0;
    return ATH_OK;
}

static ath_status nothing_compute(const void *state, const ath__compute *c)
{
    (void)state;
    (void)c;
    return ATH_OK;
}

static const ath_option nothing_options[] = {{0}};
static const ath__model_ops nothing = {
    .abi = ATH_ABI,
    .name = "nothing",
    .state_size = 1,
    .options = nothing_options,
    .help = "",
    .batch_invariant = true,
    .needs = nothing_needs,
    .params = nothing_params,
    .compute = nothing_compute,
};

/* ---- systems ---- */

static ath_batch *make_batch(int32_t n, int32_t n_atoms)
{
    ath_batch *batch = NULL;
    const ath_batch_config config = {.size = sizeof config, .device = device};
    must(ath_batch_create(ctx, &config, &batch), "batch");
    for (int32_t s = 0; s < n; s++) {
        ath_system *system = NULL;
        void *p = NULL;
        uint64_t x = (uint64_t)s * 2654435761u + 1;
        must(ath_system_create(ctx, n_atoms, &system), "system");
        must(ath_system_field(system, ATH_FIELD_NUMBERS, &p), "numbers");
        for (int32_t i = 0; i < n_atoms; i++) {
            ((int32_t *)p)[i] = 18;
        }
        must(ath_system_field(system, ATH_FIELD_POSITIONS, &p), "positions");
        for (int32_t i = 0; i < 3 * n_atoms; i++) {
            const int32_t at[3] = {i / 3 % 4, i / 12 % 4, i / 48};
            x = x * 6364136223846793005u + 1442695040888963407u;
            ((double *)p)[i] = 3.9 * at[i % 3] + 0.2 * (double)(x >> 11) / 9007199254740992.0;
        }
        must(ath_batch_add(batch, system), "add");
        ath_system_destroy(&system);
    }
    return batch;
}

static ath_dynamics *make_dynamics(ath_model *model, ath_integrator *integrator,
                                   const ath_hook *hooks, int32_t n_hooks)
{
    ath_dynamics_config config = ath_dynamics_defaults();
    ath_dynamics *dyn = NULL;
    config.model = model;
    config.integrator = integrator;
    config.n_threads = 1;
    config.hooks = hooks;
    config.n_hooks = n_hooks;
    config.velocities = integrator ? ATH_VELOCITIES_THERMAL : ATH_VELOCITIES_KEEP;
    config.temperature = 30;
    must(ath_dynamics_create(ctx, &config, &dyn), "dynamics");
    return dyn;
}

static double seconds_of(ath_dynamics *dyn, ath_batch *batch, int64_t steps, int repeats)
{
    double best = 1e300;
    must(ath_dynamics_run(dyn, batch, steps / 10 + 1), "warm");
    for (int k = 0; k < repeats; k++) {
        const double start = now();
        must(ath_dynamics_run(dyn, batch, steps), "run");
        const double t = now() - start;
        best = t < best ? t : best;
    }
    return best;
}

/* ---- what is measured ---- */

static ath_status empty_call(void *user, const ath_hook_context *context)
{
    (void)context;
    ++*(int64_t *)user;
    return ATH_OK;
}

static void engine_time(void)
{
    enum { STEPS = 1000000, HOOKED = 200000, CALLS = 20000000 };
    int64_t n_calls = 0;
    ath_model *model = NULL;
    const ath_hook hook = {.size = sizeof hook,
                           .name = "empty",
                           .stage = ATH_STAGE_AFTER_STEP,
                           .frequency = 1,
                           .user = &n_calls,
                           .call = empty_call};
    must(ath__model_create_from(ctx, &nothing, NULL, &model), "model");
    ath_batch *batch = make_batch(1, 2);
    ath_dynamics *dyn = make_dynamics(model, NULL, NULL, 0);
    printf("step of one system of 2 atoms, no-op model and integrator: %.3f us\n",
           1e6 * seconds_of(dyn, batch, STEPS, 5) / STEPS);
    const double start = now();
    for (int64_t k = 0; k < CALLS; k++) {
        must(ath__hooks_call(dyn, batch, (ath_stage)(k % ATH_N_STAGES), ATH_OK), "hooks");
    }
    printf("stage without hooks: %.2f ns\n", 1e9 * (now() - start) / CALLS);
    ath_dynamics_destroy(&dyn);
    dyn = make_dynamics(model, NULL, &hook, 1);
    printf("the same step with one empty hook: %.3f us\n",
           1e6 * seconds_of(dyn, batch, HOOKED, 5) / HOOKED);
    ath_dynamics_destroy(&dyn);
    ath_batch_destroy(&batch);
    ath_model_destroy(&model);
}

static void finished_cost(void)
{
    enum { SYSTEMS = 400, ATOMS = 64, STEPS = 60 };
    ath_model *model = NULL;
    ath_integrator *nve = NULL;
    must(ath_model_create(ctx, "lj:epsilon=0.0104,sigma=3.4,cutoff=8.5", &model), "model");
    must(ath_integrator_create(ctx, "nve:timestep=1", &nve), "integrator");
    double whole = 0.0;
    for (int quarter = 0; quarter < 4; quarter++) {
        ath_batch *batch = make_batch(SYSTEMS, ATOMS);
        ath_dynamics *dyn = make_dynamics(model, nve, NULL, 0);
        const int32_t done = 1;
        must(ath_dynamics_run(dyn, batch, 1), "first");
        for (int32_t i = 0; i < SYSTEMS; i++) {
            if (i % 4 < quarter) {
                must(ath_batch_write(batch, ATH_FIELD_STATUS, i, &done), "status");
            }
        }
        const double t = seconds_of(dyn, batch, STEPS, 7);
        whole = quarter == 0 ? t : whole;
        printf(
            "%2d %% of %d systems finished: %.1f us per step, %.3f of the share that is active\n",
            25 * quarter, (int)SYSTEMS, 1e6 * t / STEPS, t / (whole * (double)(4 - quarter) / 4.0));
        ath_dynamics_destroy(&dyn);
        ath_batch_destroy(&batch);
    }
    ath_integrator_destroy(&nve);
    ath_model_destroy(&model);
}

int main(void)
{
    if (ath_context_create(NULL, &ctx) < 0) {
        return 1;
    }
    must(ath_device_open(ctx, "host", &device), "device");
    engine_time();
    finished_cost();
    ath_device_close(&device);
    ath_context_destroy(&ctx);
    return 0;
}
