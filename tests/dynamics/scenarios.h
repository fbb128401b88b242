/* What users do with an engine, as functions that may fail at any call: one number comes out that
 * depends on every bit of every result. For tests of many engines at once and of failing memory.
 */
#ifndef ATHANOR_TESTS_SCENARIOS_H
#define ATHANOR_TESTS_SCENARIOS_H

#include <stdio.h>
#include <string.h>

#include <athanor/container.h>
#include <athanor/dynamics.h>
#include <athanor/hooks.h>
#include <athanor/pipeline.h>

enum { SCENARIO_SYSTEMS = 5 };

/* Everything that a scenario may have made; freed in one place, whatever has failed. */
typedef struct scenario {
    ath_context *ctx;
    ath_device *device;
    ath_model *model;
    ath_integrator *fire, *langevin;
    ath_dynamics *parts[3], *dyn;
    ath_system *systems[SCENARIO_SYSTEMS];
    ath_sampler *source, *sampler;
    ath_sink *sink;
    ath_batch *batch, *other;
    ath_pipeline *pipeline;
    ath_hook hooks[2];
    const char *path; /* a file that may be written */
    uint64_t sum;
} scenario;

#define SCENARIO_TRY(expression)                                                                   \
    do {                                                                                           \
        const ath_status scenario_status = (expression);                                           \
        if (scenario_status < 0) {                                                                 \
            return scenario_status;                                                                \
        }                                                                                          \
    } while (0)

static inline void scenario_free(scenario *s)
{
    ath_pipeline_destroy(&s->pipeline);
    ath_batch_destroy(&s->batch);
    ath_batch_destroy(&s->other);
    ath_dynamics_destroy(&s->dyn);
    for (int k = 0; k < 3; k++) {
        ath_dynamics_destroy(&s->parts[k]);
    }
    for (int k = 0; k < 2; k++) {
        ath_hook_free(&s->hooks[k]);
    }
    ath_sampler_destroy(&s->sampler);
    ath_sampler_destroy(&s->source);
    ath_sink_destroy(&s->sink);
    for (int i = 0; i < SCENARIO_SYSTEMS; i++) {
        ath_system_destroy(&s->systems[i]);
    }
    ath_integrator_destroy(&s->fire);
    ath_integrator_destroy(&s->langevin);
    ath_model_destroy(&s->model);
    ath_device_close(&s->device);
    ath_context_destroy(&s->ctx);
}

static inline ath_status scenario_system(ath_context *ctx, int32_t n, uint64_t seed,
                                         ath_system **out)
{
    void *p = NULL;
    uint64_t x = seed * 2654435761u + 1;
    SCENARIO_TRY(ath_system_create(ctx, n, out));
    SCENARIO_TRY(ath_system_field(*out, ATH_FIELD_NUMBERS, &p));
    for (int32_t i = 0; i < n; i++) {
        ((int32_t *)p)[i] = 18;
    }
    SCENARIO_TRY(ath_system_field(*out, ATH_FIELD_POSITIONS, &p));
    for (int32_t i = 0; i < 3 * n; i++) {
        const int32_t side[3] = {i / 3 % 3, i / 9 % 3, i / 27};
        x = x * 6364136223846793005u + 1442695040888963407u;
        ((double *)p)[i] = 3.9 * side[i % 3] + 0.3 * (double)(x >> 11) / 9007199254740992.0;
    }
    return ATH_OK;
}

static inline ath_status scenario_begin(scenario *s, const char *device)
{
    SCENARIO_TRY(ath_device_open(s->ctx, device, &s->device));
    SCENARIO_TRY(ath_model_create(s->ctx, "lj:epsilon=0.0104,sigma=3.4,cutoff=8.5", &s->model));
    SCENARIO_TRY(ath_integrator_create(s->ctx, "fire", &s->fire));
    SCENARIO_TRY(ath_integrator_create(s->ctx, "langevin:timestep=4,temperature=60,friction=0.01",
                                       &s->langevin));
    for (int32_t i = 0; i < SCENARIO_SYSTEMS; i++) {
        SCENARIO_TRY(scenario_system(s->ctx, 4 + 5 * i, (uint64_t)i, &s->systems[i]));
    }
    return ATH_OK;
}

static inline ath_dynamics_config scenario_config(const scenario *s, int32_t threads)
{
    ath_dynamics_config config = ath_dynamics_defaults();
    config.model = s->model;
    config.integrator = s->langevin;
    config.velocities = ATH_VELOCITIES_THERMAL;
    config.temperature = 50;
    config.n_threads = threads;
    return config;
}

/* Adds all that the systems of a batch are to the sum. */
static inline ath_status scenario_add(scenario *s, const ath_batch *batch)
{
    static const ath_field_id fields[] = {ATH_FIELD_POSITIONS, ATH_FIELD_VELOCITIES,
                                          ATH_FIELD_FORCES,    ATH_FIELD_ENERGY,
                                          ATH_FIELD_REASON,    ATH_FIELD_AGE};
    for (int32_t i = 0; i < ath_batch_n_systems(batch); i++) {
        for (size_t k = 0; k < sizeof fields / sizeof *fields; k++) {
            const ath_field_info *info = ath_field_describe(s->ctx, fields[k]);
            const size_t rows =
                info->level == ATH_LEVEL_ATOM ? (size_t)ath_batch_n_atoms_of(batch, i) : 1;
            unsigned char data[3 * 8 * 32];
            const size_t bytes = rows * (size_t)info->width * (size_t)ath_dtype_bytes(info->dtype);
            SCENARIO_TRY(ath_batch_read(batch, fields[k], i, data));
            for (size_t b = 0; b < bytes; b++) {
                s->sum = (s->sum ^ data[b]) * 1099511628211u;
            }
        }
    }
    return ATH_OK;
}

static inline ath_status scenario_hook(void *user, const ath_hook_context *c)
{
    *(uint64_t *)user += (uint64_t)c->n_masked + (uint64_t)c->stage;
    return ATH_OK;
}

/* A plain run with a hook, halves by hand, a checkpoint, and on from there. */
static inline ath_status scenario_plain(scenario *s, int32_t threads)
{
    ath_dynamics_config config = scenario_config(s, threads);
    const ath_hook hook = {.size = sizeof hook,
                           .name = "count",
                           .stage = ATH_STAGE_AFTER_STEP,
                           .frequency = 3,
                           .access = ATH_HOOK_READS_ENERGY | ATH_HOOK_OWN_STEPS,
                           .user = &s->sum,
                           .call = scenario_hook};
    const uint8_t mask[SCENARIO_SYSTEMS] = {1, 0, 1};
    SCENARIO_TRY(
        ath_batch_from_systems(s->ctx, s->device, s->systems, SCENARIO_SYSTEMS, &s->batch));
    SCENARIO_TRY(ath_dynamics_create(s->ctx, &config, &s->parts[0]));
    SCENARIO_TRY(ath_dynamics_register_hook(s->parts[0], &hook));
    SCENARIO_TRY(ath_dynamics_run(s->parts[0], s->batch, 7));
    SCENARIO_TRY(ath_dynamics_masked_update(s->parts[0], s->batch, mask));
    SCENARIO_TRY(ath_dynamics_compute(s->parts[0], s->batch));
    SCENARIO_TRY(ath_dynamics_save(s->parts[0], s->batch, s->path));
    SCENARIO_TRY(ath_dynamics_create(s->ctx, &config, &s->parts[1]));
    SCENARIO_TRY(ath_dynamics_register_hook(s->parts[1], &hook));
    SCENARIO_TRY(ath_dynamics_load(s->parts[1], s->device, s->path, &s->other));
    SCENARIO_TRY(ath_dynamics_run(s->parts[1], s->other, 5));
    return scenario_add(s, s->other);
}

/* Relaxation, then molecular dynamics, from a sampler to a sink. */
static inline ath_status scenario_inflight(scenario *s, int32_t threads)
{
    ath_dynamics_config config = scenario_config(s, threads);
    ath_criterion criteria[ATH_MAX_CRITERIA];
    int32_t n = 0;
    ath_device *host = NULL;
    SCENARIO_TRY(ath_criteria_parse(s->ctx, "fmax=0.05,energy_change=1e-3", criteria, &n));
    const ath_convergence convergence = {
        .size = sizeof convergence, .criteria = criteria, .n_criteria = n};
    SCENARIO_TRY(ath_sampler_from_systems(s->ctx, s->systems, SCENARIO_SYSTEMS, &s->source));
    const ath_sampler_size_config limits = {.size = sizeof limits,
                                            .source = s->source,
                                            .max_atoms = 40,
                                            .max_edges = 2000,
                                            .edge_cutoff = 8.5,
                                            .max_systems = 3};
    SCENARIO_TRY(ath_sampler_by_size(s->ctx, &limits, &s->sampler));
    SCENARIO_TRY(ath_sink_memory(s->ctx, SCENARIO_SYSTEMS, &s->sink));
    config.sampler = s->sampler;
    config.sinks = &s->sink;
    config.n_sinks = 1;
    config.device = s->device;
    config.integrator = s->fire;
    config.convergence_hook = &convergence;
    config.velocities = ATH_VELOCITIES_ZERO;
    config.n_steps = 15;
    SCENARIO_TRY(ath_dynamics_create(s->ctx, &config, &s->parts[0]));
    config = scenario_config(s, threads);
    config.n_steps = 6;
    SCENARIO_TRY(ath_dynamics_create(s->ctx, &config, &s->parts[1]));
    SCENARIO_TRY(ath_fuse(s->ctx, s->parts, 2, &s->dyn));
    SCENARIO_TRY(ath_dynamics_run(s->dyn, NULL, ATH_UNSET));
    host = s->device;
    SCENARIO_TRY(ath_sink_read_all(s->sink, host, &s->other));
    return scenario_add(s, s->other);
}

/* Decides on the host: everything that has made three steps. */
static inline ath_status scenario_custom(void *user, const ath_batch *batch, const uint8_t *mask,
                                         uint8_t *met)
{
    (void)user;
    for (int32_t i = 0; i < ath_batch_n_systems(batch); i++) {
        int64_t steps = 0;
        SCENARIO_TRY(ath_batch_read(batch, ATH_FIELD_STAGE_STEPS, i, &steps));
        met[i] = mask[i] && steps >= 3;
    }
    return ATH_OK;
}

/* Two stages in a pipeline, with built-in hooks and a criterion of the user's. */
static inline ath_status scenario_pipeline(scenario *s, int32_t threads)
{
    const ath_buffer_config buffer = {2, 40, 0};
    const ath_criterion own = {.custom = scenario_custom};
    const ath_convergence convergence = {
        .size = sizeof convergence, .criteria = &own, .n_criteria = 1};
    ath_dynamics_config config = scenario_config(s, threads);
    SCENARIO_TRY(ath_sampler_from_systems(s->ctx, s->systems, SCENARIO_SYSTEMS, &s->sampler));
    SCENARIO_TRY(ath_sink_memory(s->ctx, SCENARIO_SYSTEMS, &s->sink));
    SCENARIO_TRY(ath_hook_clamp_forces(s->ctx, 0.05, &s->hooks[0]));
    SCENARIO_TRY(ath_hook_wrap(s->ctx, true, &s->hooks[1]));
    config.device = s->device;
    config.buffer_config = &buffer;
    config.max_batch_size = 3;
    config.sampler = s->sampler;
    config.convergence_hook = &convergence;
    config.hooks = &s->hooks[0];
    config.n_hooks = 1;
    SCENARIO_TRY(ath_dynamics_create(s->ctx, &config, &s->parts[0]));
    config.sampler = NULL;
    config.convergence_hook = NULL;
    config.hooks = &s->hooks[1];
    config.n_steps = 4;
    config.sinks = &s->sink;
    config.n_sinks = 1;
    SCENARIO_TRY(ath_dynamics_create(s->ctx, &config, &s->parts[1]));
    const ath_pipe_part parts[2] = {{.dynamics = s->parts[0]}, {.dynamics = s->parts[1]}};
    SCENARIO_TRY(ath_pipe(s->ctx, parts, 2, &s->pipeline));
    SCENARIO_TRY(ath_pipeline_run(s->pipeline, NULL, ATH_UNSET));
    SCENARIO_TRY(ath_sink_read_all(s->sink, s->device, &s->other));
    return scenario_add(s, s->other);
}

/* All of them, one after the other, in a context with this allocator (NULL: the default). */
static inline ath_status scenario_all(const ath_context_config *config, const char *device,
                                      int32_t threads, const char *path, uint64_t *sum)
{
    ath_status status = ATH_OK;
    *sum = 0;
    for (int which = 0; which < 3 && status >= 0; which++) {
        scenario s = {.path = path};
        status = ath_context_create(config, &s.ctx);
        status = status < 0 ? status : scenario_begin(&s, device);
        if (status >= 0) {
            status = which == 0   ? scenario_plain(&s, threads)
                     : which == 1 ? scenario_inflight(&s, threads)
                                  : scenario_pipeline(&s, threads);
        }
        *sum += s.sum;
        scenario_free(&s);
    }
    return status;
}

#endif
