/* Dynamics: making one, fusing several, running, and the getters. What a step does is in loop.c.
 */
#include <string.h>
#include <time.h>

#include "dynamics/dynamics_private.h"

static const double DYNAMICS_FMAX = 0.05; /* eV/angstrom, criterion without a threshold */
static const double DYNAMICS_SKIN = 0.5;  /* angstrom */
enum { DYNAMICS_TILE_BYTES = 1 << 20 };

ath_dynamics_config ath_dynamics_defaults(void)
{
    return (ath_dynamics_config){
        .size = sizeof(ath_dynamics_config),
        .n_steps = ATH_UNSET,
        .exit_status = 1,
        .skin = -1.0,
    };
}

static ath_status dynamics_check(ath_context *ctx, const ath_dynamics_config *c)
{
    if (!c || c->size != sizeof *c) {
        return ath__fail(ctx, ATH_E_ABI, "dynamics: configuration of another version");
    }
    if (!c->model || !c->model->ops || c->model->ops->abi != ATH_ABI || !c->model->ops->compute) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "dynamics: needs a model with a valid ops table%s%s",
                         c->model && c->model->ops ? ", got " : "",
                         c->model && c->model->ops ? c->model->ops->name : "");
    }
    if (c->n_steps < ATH_UNSET || c->exit_status < 0 || c->n_threads < 0 || c->n_hooks < 0) {
        return ath__fail(
            ctx, ATH_E_ARGUMENT,
            "dynamics: n_steps, exit_status, n_threads and n_hooks must not be negative");
    }
    if (c->convergence && c->convergence->size != sizeof *c->convergence) {
        return ath__fail(ctx, ATH_E_ABI, "dynamics: convergence criterion of another version");
    }
    if (c->convergence && !(c->convergence->fmax >= 0.0)) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "dynamics: fmax must not be negative");
    }
    if (c->velocities == ATH_VELOCITIES_THERMAL || c->velocities == ATH_VELOCITIES_MISSING) {
        if (!(c->temperature >= 0.0)) {
            return ath__fail(ctx, ATH_E_ARGUMENT, "dynamics: temperature must not be negative");
        }
    }
    return ATH_OK;
}

/* A part from a configuration; hooks are added by the caller. */
static ath_status dynamics_part(ath_dynamics *dyn, ath__part *part, const ath_dynamics_config *c)
{
    *part = (ath__part){.integrator = c->integrator, .config = *c};
    if (c->convergence) {
        part->assessed = true;
        part->convergence = *c->convergence;
        if (part->convergence.fmax == 0.0) {
            part->convergence.fmax = DYNAMICS_FMAX;
        }
    }
    const char *name = c->name ? c->name : c->integrator ? c->integrator->ops->name : "none";
    part->config.convergence = NULL;
    part->config.hooks = NULL;
    part->config.name = NULL;
    return ath__strdup(dyn->ctx, name, &part->name);
}

/* Everything but the parts: settings of the engine come from one configuration. */
static ath_status dynamics_engine(ath_dynamics *dyn, const ath_dynamics_config *c)
{
    dyn->id = ++dyn->ctx->n_ids;
    dyn->model = c->model;
    dyn->exit_status = c->exit_status ? c->exit_status : 1;
    dyn->n_steps = c->n_steps;
    dyn->skin = c->skin < 0.0 ? DYNAMICS_SKIN : c->skin;
    dyn->rebuild_always = c->rebuild_always;
    dyn->timing = c->timing;
    dyn->one_by_one = c->one_by_one;
    dyn->tile_bytes = c->tile_bytes > 0 ? c->tile_bytes : DYNAMICS_TILE_BYTES;
    dyn->n_threads = c->n_threads;
    ATH__TRY(ath__team_create(dyn->ctx, c->n_threads, &dyn->team));
    dyn->n_members = ath__team_size(dyn->team);
    dyn->stats.size = sizeof dyn->stats;
    return ath__alloc(dyn->ctx, (size_t)dyn->n_members, sizeof *dyn->members, &dyn->members);
}

void ath_dynamics_destroy(ath_dynamics **dynamics)
{
    ath_dynamics *dyn = dynamics ? *dynamics : NULL;
    if (!dyn) {
        return;
    }
    ath_context *ctx = dyn->ctx;
    ath__plan_drop(dyn);
    ath__team_destroy(&dyn->team);
    ath__free(ctx, &dyn->members, (size_t)dyn->n_members, sizeof *dyn->members);
    for (int32_t p = 0; p < dyn->n_parts; p++) {
        ath__part *part = &dyn->parts[p];
        ath__strfree(ctx, &part->name);
        ath__free(ctx, &part->hooks, (size_t)part->n_hooks, sizeof *part->hooks);
    }
    ath__free(ctx, &dyn->parts, (size_t)dyn->n_parts, sizeof *dyn->parts);
    ath__free(ctx, dynamics, 1, sizeof **dynamics);
}

/* Allocates a dynamics with room for n parts. */
static ath_status dynamics_alloc(ath_context *ctx, int32_t n, ath_dynamics **out)
{
    *out = NULL;
    ATH__TRY(ath__alloc(ctx, 1, sizeof **out, out));
    (*out)->ctx = ctx;
    const ath_status status = ath__alloc(ctx, (size_t)n, sizeof *(*out)->parts, &(*out)->parts);
    if (status < 0) {
        ath__free(ctx, out, 1, sizeof **out);
        return status;
    }
    (*out)->n_parts = n;
    return ATH_OK;
}

ath_status ath_dynamics_create(ath_context *ctx, const ath_dynamics_config *config,
                               ath_dynamics **out)
{
    ATH__TRY(dynamics_check(ctx, config));
    ATH__TRY(dynamics_alloc(ctx, 1, out));
    ath_dynamics *dyn = *out;
    ath_status status = dynamics_engine(dyn, config);
    status = status < 0 ? status : dynamics_part(dyn, &dyn->parts[0], config);
    for (int32_t i = 0; i < config->n_hooks && status >= 0; i++) {
        status = ath__hooks_add(dyn, &dyn->parts[0], &config->hooks[i]);
    }
    if (status < 0) {
        ath_dynamics_destroy(out);
    }
    return status < 0 ? status : ATH_OK;
}

static ath_status dynamics_fuse_part(ath_dynamics *dyn, int32_t *p, const ath_dynamics *from)
{
    for (int32_t k = 0; k < from->n_parts; k++, (*p)++) {
        const ath__part *source = &from->parts[k];
        ath__part *part = &dyn->parts[*p];
        ath_dynamics_config config = source->config;
        config.name = source->name;
        config.convergence = source->assessed ? &source->convergence : NULL;
        ATH__TRY(dynamics_part(dyn, part, &config));
        for (int32_t i = 0; i < source->n_hooks; i++) {
            ATH__TRY(ath__hooks_add(dyn, part, &source->hooks[i]));
        }
    }
    return ATH_OK;
}

ath_status ath_fuse(ath_context *ctx, ath_dynamics *const *parts, int32_t n, ath_dynamics **out)
{
    int32_t total = 0;
    if (n < 1) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "fuse: needs at least one dynamics");
    }
    for (int32_t i = 0; i < n; i++) {
        if (!parts[i]) {
            return ath__fail(ctx, ATH_E_ARGUMENT, "fuse: part %d is not a dynamics", (int)i);
        }
        if (parts[i]->model != parts[0]->model) {
            return ath__fail(ctx, ATH_E_ARGUMENT, "fuse: part %d has another model than part 0",
                             (int)i);
        }
        total += parts[i]->n_parts;
    }
    ATH__TRY(dynamics_alloc(ctx, total, out));
    ath_dynamics *dyn = *out;
    dyn->fused = true;
    ath_dynamics_config engine = parts[0]->parts[0].config;
    engine.n_steps = ATH_UNSET;
    ath_status status = dynamics_engine(dyn, &engine);
    int32_t p = 0;
    for (int32_t i = 0; i < n && status >= 0; i++) {
        status = dynamics_fuse_part(dyn, &p, parts[i]);
    }
    dyn->exit_status = total;
    if (status < 0) {
        ath_dynamics_destroy(out);
    }
    return status;
}

ath_status ath_dynamics_register_hook(ath_dynamics *dynamics, const ath_hook *hook)
{
    return ath__hooks_add(dynamics, &dynamics->parts[0], hook);
}

void ath__dynamics_cells(const ath_dynamics *dyn, int32_t *n_system, int32_t *n_atom)
{
    *n_system = *n_atom = 0;
    for (int32_t p = 0; p < dyn->n_parts; p++) {
        int32_t s = 0, a = 0;
        if (dyn->parts[p].integrator) {
            ath__integrator_cells(dyn->parts[p].integrator, &s, &a);
        }
        *n_system = s > *n_system ? s : *n_system;
        *n_atom = a > *n_atom ? a : *n_atom;
    }
}

ath_status ath__dynamics_take(ath_dynamics *dyn, ath_batch *batch)
{
    ATH__TRY(ath__plan_fit(dyn, batch));
    if (ath__batch_owner(batch) != dyn->id) {
        ATH__TRY(ath__loop_adopt(dyn, batch));
        ath__batch_set_owner(batch, dyn->id);
    }
    return ATH_OK;
}

double ath__dynamics_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Steps with hooks open; energies are brought up to date at the end, also after a failure of a
 * hook. */
static ath_status dynamics_advance(ath_dynamics *dyn, ath_batch *batch, int64_t n_steps,
                                   int64_t *n_converged)
{
    const double start = ath__dynamics_clock();
    int64_t n_active = 0;
    int32_t n_opened = 0;
    *n_converged = 0;
    ATH__TRY(ath__dynamics_take(dyn, batch));
    ath_status status = ath__hooks_open(dyn, &n_opened);
    if (status >= 0) {
        status = ath__loop_steps(dyn, batch, n_steps, &n_active, n_converged);
    }
    ath__hooks_close(dyn, n_opened);
    const ath_status refreshed = ath__loop_refresh(dyn, batch, ATH__SCHEDULE_STALE);
    dyn->stats.seconds_run += ath__dynamics_clock() - start;
    return status < 0 ? status : refreshed;
}

ath_status ath_dynamics_run(ath_dynamics *dyn, ath_batch *batch, int64_t n_steps)
{
    int64_t n_converged = 0;
    const int64_t steps = n_steps != ATH_UNSET ? n_steps : dyn->n_steps;
    if (!batch || n_steps < ATH_UNSET) {
        return ath__fail(dyn->ctx, ATH_E_ARGUMENT, "run: needs a batch and steps >= 0");
    }
    if (steps == ATH_UNSET && !dyn->fused) {
        return ath__fail(dyn->ctx, ATH_E_ARGUMENT,
                         "run: no step count provided, neither to run nor in the configuration");
    }
    return dynamics_advance(dyn, batch, steps == ATH_UNSET ? INT64_MAX : steps, &n_converged);
}

ath_status ath_dynamics_step(ath_dynamics *dyn, ath_batch *batch, int32_t *n_converged)
{
    int64_t converged = 0;
    if (!batch) {
        return ath__fail(dyn->ctx, ATH_E_ARGUMENT, "step: needs a batch");
    }
    const ath_status status = dynamics_advance(dyn, batch, 1, &converged);
    if (n_converged) {
        *n_converged = (int32_t)converged;
    }
    return status;
}

ath_status ath_dynamics_compute(ath_dynamics *dyn, ath_batch *batch)
{
    if (!batch) {
        return ath__fail(dyn->ctx, ATH_E_ARGUMENT, "compute: needs a batch");
    }
    ATH__TRY(ath__plan_fit(dyn, batch));
    return ath__loop_refresh(dyn, batch, ATH__SCHEDULE_ALL);
}

ath_model *ath_dynamics_model(const ath_dynamics *dynamics)
{
    return dynamics->model;
}

int64_t ath_dynamics_step_count(const ath_dynamics *dynamics)
{
    return dynamics->step_count;
}

int64_t ath_dynamics_n_steps(const ath_dynamics *dynamics)
{
    return dynamics->n_steps;
}

int32_t ath_dynamics_exit_status(const ath_dynamics *dynamics)
{
    return dynamics->exit_status;
}

int32_t ath_dynamics_n_parts(const ath_dynamics *dynamics)
{
    return dynamics->n_parts;
}

const char *ath_dynamics_part_name(const ath_dynamics *dynamics, int32_t part)
{
    return part >= 0 && part < dynamics->n_parts ? dynamics->parts[part].name : NULL;
}

int32_t ath_dynamics_n_threads(const ath_dynamics *dynamics)
{
    return dynamics->n_members;
}

ath_status ath_dynamics_hooks(const ath_dynamics *dynamics, ath_stage stage, const ath_hook **hooks,
                              int32_t max, int32_t *n)
{
    *n = 0;
    for (int32_t p = 0; p < dynamics->n_parts; p++) {
        for (int32_t i = 0; i < dynamics->parts[p].n_hooks; i++) {
            const ath_hook *hook = &dynamics->parts[p].hooks[i];
            if (stage == ATH_STAGE_ANY || hook->stage == stage) {
                if (*n < max) {
                    hooks[*n] = hook;
                }
                (*n)++;
            }
        }
    }
    return ATH_OK;
}

static void dynamics_add(ath_dynamics_stats *stats, const ath__member *member)
{
    double *seconds[ATH__N_PHASES] = {&stats->seconds_pre, &stats->seconds_neighbors,
                                      &stats->seconds_compute, &stats->seconds_post,
                                      &stats->seconds_assess};
    stats->system_steps += member->system_steps;
    stats->atom_steps += member->atom_steps;
    for (int32_t k = 0; k < ATH__N_PHASES; k++) {
        *seconds[k] += 1e-9 * (double)member->ticks[k];
    }
}

void ath__dynamics_count(ath_dynamics *dyn, const ath__member *member)
{
    dynamics_add(&dyn->stats, member);
}

ath_status ath_dynamics_get_stats(const ath_dynamics *dynamics, ath_dynamics_stats *out)
{
    int64_t builds = 0;
    *out = dynamics->stats;
    for (int32_t m = 0; m < dynamics->n_members; m++) {
        dynamics_add(out, &dynamics->members[m]);
    }
    if (dynamics->plan.neighbors) {
        ATH__TRY(ath__neighbors_builds(dynamics->plan.neighbors, &builds));
    }
    out->list_builds += builds;
    return ATH_OK;
}
