/* The engine of a command: model, device, one integrator and one dynamics per stage, fused.
 */
#include <math.h>
#include <string.h>

#include "run.h"

int cli_job_code(const cli_run_plan *plan, int code)
{
    return plan->job && code == CLI_USAGE ? CLI_DATA : code;
}

/* Registers the fields in which structures have options of an integrator of their own. */
static ath_status engine_own(cli *c, const char *integrator)
{
    const size_t n = integrator ? strcspn(integrator, ":") : 0;
    const char *name = NULL;
    const ath_option *options = NULL;
    for (int32_t i = 0; n > 0 && ath_integrator_list(i, &name, NULL, &options) >= 0; i++) {
        if (strlen(name) != n || strncmp(name, integrator, n) != 0) {
            continue;
        }
        for (; options->type != ATH_OPTION_END; options++) {
            ath_field_id field = -1;
            const ath_field_info info = {.name = options->name,
                                         .level = ATH_LEVEL_SYSTEM,
                                         .dtype = ATH_F64,
                                         .width = 1,
                                         .unit = options->unit,
                                         .fallback = NAN};
            const ath_status status = options->flags & ATH_OPTION_PER_SYSTEM
                                          ? ath_field_register(c->ctx, &info, &field)
                                          : ATH_OK;
            if (status < 0) {
                return status;
            }
        }
        return ATH_OK;
    }
    return ATH_OK;
}

/* The same for all stages; velocities are drawn at a temperature too. */
static ath_status engine_per_system(cli *c, const cli_run_plan *plan)
{
    const ath_field_info temperature = {.name = "temperature",
                                        .level = ATH_LEVEL_SYSTEM,
                                        .dtype = ATH_F64,
                                        .width = 1,
                                        .unit = "K",
                                        .fallback = NAN};
    ath_status status = ATH_OK;
    for (size_t i = 0; i < plan->n_stages && plan->per_system && status >= 0; i++) {
        const ath_velocities how = plan->stages[i].config.velocities;
        ath_field_id field = -1;
        if (how == ATH_VELOCITIES_THERMAL || how == ATH_VELOCITIES_MISSING) {
            status = ath_field_register(c->ctx, &temperature, &field);
        }
        status = status < 0 ? status : engine_own(c, plan->stages[i].integrator);
    }
    return status;
}

int cli_engine_open(cli *c, const cli_settings *s, const cli_run_plan *plan, cli_engine *out)
{
    *out = (cli_engine){0};
    ath_status status = engine_per_system(c, plan);
    if (status < 0) {
        return cli_fail_status(c, status);
    }
    status = ath_model_create(c->ctx, s->model, &out->model);
    if (status < 0) {
        const int code = cli_fail_status(c, status);
        return code == CLI_USAGE || code == CLI_NO_INPUT ? CLI_DATA : code;
    }
    if (!cli_resize(c, &out->integrators, 0, plan->n_stages * sizeof(ath_integrator *))) {
        return cli_fail(c, CLI_INTERNAL, "out of memory");
    }
    out->n_stages = plan->n_stages;
    for (size_t i = 0; i < plan->n_stages; i++) {
        out->integrators[i] = NULL;
    }
    status = ath_device_open(c->ctx, s->device, &out->device);
    for (size_t i = 0; i < plan->n_stages && status >= 0; i++) {
        if (plan->stages[i].integrator) {
            status =
                ath_integrator_create(c->ctx, plan->stages[i].integrator, &out->integrators[i]);
        }
    }
    return status < 0 ? cli_fail_status(c, status) : CLI_OK;
}

/* The configuration of a stage; settings of the engine are those of the first one. */
static ath_dynamics_config engine_config(const cli_settings *s, const cli_run_plan *plan,
                                         const cli_engine_flow *flow, const cli_engine *engine,
                                         size_t i)
{
    const cli_run_stage *stage = &plan->stages[i];
    ath_dynamics_config config = stage->config;
    config.name = stage->name;
    config.model = engine->model;
    config.integrator = engine->integrators[i];
    config.convergence_hook = stage->convergence.size ? &stage->convergence : NULL;
    config.n_threads = (int32_t)s->threads;
    config.timing = true;
    config.sampler = flow->sampler;
    config.sinks = &flow->sink;
    config.n_sinks = flow->sink ? 1 : 0;
    config.device = engine->device;
    config.max_batch_size = (int32_t)s->max_systems;
    config.refill_frequency = (int32_t)plan->refill;
    config.rejected = flow->rejected;
    config.known = flow->known;
    config.stop = flow->stop;
    config.progress = flow->progress;
    config.user = flow->user;
    return config;
}

/* The hooks of the i-th stage: behind those of the job and of the stages before it. */
static void engine_hooks(const cli_job_parts *parts, size_t i, ath_dynamics_config *config)
{
    size_t first = parts->n_own;
    if (!parts->job || !parts->hooks) {
        return;
    }
    for (size_t k = 0; k < i; k++) {
        first += parts->job->stages[k].n_hooks;
    }
    config->hooks = parts->hooks + first;
    config->n_hooks = (int32_t)parts->job->stages[i].n_hooks;
}

int cli_engine_build(cli *c, const cli_settings *s, const cli_run_plan *plan,
                     const cli_engine_flow *flow, cli_engine *engine)
{
    const size_t n = plan->n_stages;
    ath_dynamics **stages = NULL;
    ath_status status = ATH_OK;
    ath_dynamics_destroy(&engine->dynamics);
    if (!cli_resize(c, &stages, 0, n * sizeof *stages)) {
        return cli_fail(c, CLI_INTERNAL, "out of memory");
    }
    for (size_t i = 0; i < n; i++) {
        stages[i] = NULL;
    }
    for (size_t i = 0; i < n && status >= 0; i++) {
        ath_dynamics_config config = engine_config(s, plan, flow, engine, i);
        engine_hooks(&engine->parts, i, &config);
        status = ath_dynamics_create(c->ctx, &config, &stages[i]);
        for (int k = 0; k < 2 && i == 0 && status >= 0; k++) {
            status =
                flow->hooks[k] ? ath_dynamics_register_hook(stages[i], flow->hooks[k]) : status;
        }
    }
    status = status < 0 ? status : ath_fuse(c->ctx, stages, (int32_t)n, &engine->dynamics);
    for (size_t i = 0; i < engine->parts.n_own && status >= 0; i++) {
        status = ath_dynamics_register_hook(engine->dynamics, &engine->parts.hooks[i]);
    }
    for (size_t i = 0; i < n; i++) {
        ath_dynamics_destroy(&stages[i]);
    }
    (void)cli_resize(c, &stages, n * sizeof *stages, 0);
    return status < 0 ? cli_job_code(plan, cli_fail_status(c, status)) : CLI_OK;
}

void cli_engine_close(cli *c, cli_engine *engine)
{
    ath_dynamics_destroy(&engine->dynamics);
    cli_job_parts_close(c, &engine->parts);
    for (size_t i = 0; i < engine->n_stages; i++) {
        ath_integrator_destroy(&engine->integrators[i]);
    }
    (void)cli_resize(c, &engine->integrators, engine->n_stages * sizeof(ath_integrator *), 0);
    engine->n_stages = 0;
    ath_model_destroy(&engine->model);
    ath_device_close(&engine->device);
}
