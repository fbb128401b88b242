/* Dynamics: making one, fusing several, and running. What a step does is in loop.c, in-flight
 * batching in refill.c, the getters in getters.c.
 */
#include <string.h>
#include <time.h>

#include "dynamics/centre.h"
#include "dynamics/phases.h"

static const double DYNAMICS_SKIN = 0.5; /* angstrom */
enum { DYNAMICS_TILE_BYTES = 1 << 20, DYNAMICS_BATCH_SIZE = 100 };

ath_dynamics_config ath_dynamics_defaults(void)
{
    return (ath_dynamics_config){
        .size = sizeof(ath_dynamics_config),
        .n_steps = ATH_UNSET,
        .exit_status = 1,
        .remove_momentum = true,
        .exact_temperature = true,
        .skin = -1.0,
        .prior_rank = ATH_RANK_UNSET,
        .next_rank = ATH_RANK_UNSET,
    };
}

/* ---- checks ---- */

static ath_status dynamics_check_ranks(ath_context *ctx, const ath_dynamics_config *c)
{
    const ath_buffer_config *b = c->buffer_config;
    if (c->prior_rank < ATH_RANK_NONE || c->next_rank < ATH_RANK_NONE) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "dynamics: no such rank: %d",
                         (int)(c->prior_rank < ATH_RANK_NONE ? c->prior_rank : c->next_rank));
    }
    if ((int)c->comm_mode < 0 || c->comm_mode > ATH_COMM_FULLY_ASYNC) {
        return ath__fail(ctx, ATH_E_ARGUMENT,
                         "dynamics: comm_mode must be async_recv, sync or fully_async");
    }
    if (b && (b->n_systems < 0 || b->n_atoms < 0 || b->n_edges < 0)) {
        return ath__fail(ctx, ATH_E_ARGUMENT,
                         "dynamics: the sizes of buffer_config must not be negative");
    }
    if (!b && (c->prior_rank >= 0 || c->next_rank >= 0)) {
        return ath__fail(ctx, ATH_E_ARGUMENT,
                         "dynamics: buffer_config is required when prior_rank or next_rank is set");
    }
    return ATH_OK;
}

static ath_status dynamics_check_flow(ath_context *ctx, const ath_dynamics_config *c)
{
    if (c->n_sinks < 0 || (c->n_sinks > 0 && !c->sinks)) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "dynamics: %d sinks, but no array", (int)c->n_sinks);
    }
    for (int32_t i = 0; i < c->n_sinks; i++) {
        if (!c->sinks[i]) {
            return ath__fail(ctx, ATH_E_ARGUMENT, "dynamics: sink %d is NULL", (int)i);
        }
    }
    if (c->max_batch_size < 0 || c->refill_frequency < 0) {
        return ath__fail(ctx, ATH_E_ARGUMENT,
                         "dynamics: max_batch_size and refill_frequency must not be negative");
    }
    return ATH_OK;
}

/* What the integrator reads must be among what the model computes. */
static ath_status dynamics_check_needs(ath_context *ctx, const ath_dynamics_config *c)
{
    const ath_field_id *needs = c->integrator ? c->integrator->ops->needs : NULL;
    for (int32_t i = 0; needs && needs[i] >= 0; i++) {
        if (!ath__model_computes(c->model, needs[i])) {
            const ath_field_info *info = ath_field_describe(ctx, needs[i]);
            return ath__fail(ctx, ATH_E_ARGUMENT,
                             "dynamics: integrator '%s' needs '%s', which model '%s' does not "
                             "compute",
                             c->integrator->ops->name, info ? info->name : "?",
                             c->model->ops->name);
        }
    }
    return ATH_OK;
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
    if ((c->velocities == ATH_VELOCITIES_THERMAL || c->velocities == ATH_VELOCITIES_MISSING) &&
        !(c->temperature >= 0.0)) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "dynamics: temperature must not be negative");
    }
    ATH__TRY(ath__guards_check(ctx, c));
    ATH__TRY(dynamics_check_flow(ctx, c));
    ATH__TRY(dynamics_check_ranks(ctx, c));
    return dynamics_check_needs(ctx, c);
}

/* ---- making one ---- */

/* A part from a configuration; hooks are added by the caller. */
static ath_status dynamics_part(ath_dynamics *dyn, ath__part *part, const ath_dynamics_config *c)
{
    *part = (ath__part){.integrator = c->integrator, .config = *c};
    part->config.convergence_hook = NULL;
    part->config.hooks = NULL;
    part->config.n_hooks = 0;
    part->config.name = NULL;
    part->config.sinks = NULL;
    part->config.buffer_config = NULL;
    if (c->convergence_hook) {
        ATH__TRY(ath__convergence_set(dyn, part, c->convergence_hook));
    }
    const char *name = c->name ? c->name : c->integrator ? c->integrator->ops->name : "none";
    return ath__strdup(dyn->ctx, name, &part->name);
}

/* Where systems come from and go to, and ranks. */
static ath_status dynamics_flow(ath_dynamics *dyn, const ath_dynamics_config *c)
{
    ath__inflight *f = &dyn->inflight;
    f->sampler = c->sampler;
    f->batch = c->active_batch;
    dyn->device = c->device         ? c->device
                  : c->active_batch ? ath_batch_device(c->active_batch)
                                    : NULL;
    dyn->max_batch_size = c->max_batch_size ? c->max_batch_size : DYNAMICS_BATCH_SIZE;
    dyn->refill_frequency = c->refill_frequency ? c->refill_frequency : 1;
    dyn->rejected = c->rejected;
    dyn->known = c->known;
    dyn->progress = c->progress;
    dyn->user = c->user;
    dyn->prior_rank = c->prior_rank;
    dyn->next_rank = c->next_rank;
    dyn->comm_mode = c->comm_mode;
    dyn->has_buffer = c->buffer_config != NULL;
    dyn->buffer = c->buffer_config ? *c->buffer_config : (ath_buffer_config){0};
    ATH__TRY(ath__alloc(dyn->ctx, (size_t)c->n_sinks, sizeof *f->sinks, &f->sinks));
    f->n_sinks = c->n_sinks;
    for (int32_t i = 0; i < c->n_sinks; i++) {
        f->sinks[i] = c->sinks[i];
    }
    return ATH_OK;
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
    dyn->debug_mode = c->debug_mode;
    dyn->stop = c->stop;
    dyn->span = 1;
    dyn->tile_bytes = c->tile_bytes > 0 ? c->tile_bytes : DYNAMICS_TILE_BYTES;
    dyn->stats.size = sizeof dyn->stats;
    ATH__TRY(dynamics_flow(dyn, c));
    dyn->n_members = ath__team_count(c->n_threads);
    return ath__alloc(dyn->ctx, (size_t)dyn->n_members, sizeof *dyn->members, &dyn->members);
}

void ath_dynamics_destroy(ath_dynamics **dynamics)
{
    ath_dynamics *dyn = dynamics ? *dynamics : NULL;
    if (!dyn) {
        return;
    }
    ath_context *ctx = dyn->ctx;
    ath_dynamics_close(dyn);
    ath__plan_drop(dyn);
    ath__refill_free(dyn);
    ath__team_destroy(&dyn->team);
    ath__hooks_free(dyn);
    ath__free(ctx, &dyn->members, (size_t)dyn->n_members, sizeof *dyn->members);
    ath__free(ctx, &dyn->keys, (size_t)dyn->n_keys, sizeof *dyn->keys);
    for (int32_t p = 0; p < dyn->n_parts; p++) {
        ath__strfree(ctx, &dyn->parts[p].name);
    }
    ath__free(ctx, &dyn->parts, (size_t)dyn->n_parts, sizeof *dyn->parts);
    ath__free(ctx, &dyn->own, (size_t)dyn->n_own, sizeof *dyn->own);
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
    status = status < 0 ? status : ath__convergence_sources(dyn);
    status = status < 0 ? status : ath__own_set(dyn);
    ath__guards_set(dyn);
    for (int32_t i = 0; i < config->n_hooks && status >= 0; i++) {
        status = ath__hooks_add(dyn, 0, &config->hooks[i]);
    }
    if (status < 0) {
        ath_dynamics_destroy(out);
    }
    return status < 0 ? status : ATH_OK;
}

/* ---- fusing ---- */

/* The parts of `from`, with their hooks, as the parts *p ... of dyn. */
static ath_status dynamics_fuse_part(ath_dynamics *dyn, int32_t *p, const ath_dynamics *from)
{
    const int32_t first = *p;
    for (int32_t k = 0; k < from->n_parts; k++, (*p)++) {
        const ath__part *source = &from->parts[k];
        ath_dynamics_config config = source->config;
        config.name = source->name;
        config.convergence_hook = source->assessed ? &source->convergence : NULL;
        ATH__TRY(dynamics_part(dyn, &dyn->parts[*p], &config));
    }
    for (int32_t i = 0; i < from->hooks.n; i++) {
        const ath__entry *e = &from->hooks.entries[i];
        ATH__TRY(ath__hooks_add(dyn, e->part < 0 ? -1 : first + e->part, &e->hook));
    }
    return ATH_OK;
}

static ath_status dynamics_fuse_keys(ath_dynamics *dyn, const ath_dynamics *from)
{
    for (int32_t i = 0; i < from->n_keys; i++) {
        ATH__TRY(ath_dynamics_register_bookkeeping_key(dyn, from->keys[i].field, from->keys[i].init,
                                                       from->keys[i].user));
    }
    return ATH_OK;
}

/* Whether something may move systems on from a part: hooks that write, or its own convergence. */
static bool dynamics_leads_on(const ath_dynamics *dyn, int32_t p)
{
    const ath__part *part = &dyn->parts[p];
    bool leads = part->assessed || part->config.n_steps >= 0;
    for (int32_t i = 0; i < dyn->hooks.n; i++) {
        const ath__entry *e = &dyn->hooks.entries[i];
        leads = leads || ((e->part < 0 || e->part == p) && (e->hook.access & ATH_HOOK_WRITES));
    }
    return leads;
}

static ath_status dynamics_fuse_check(const ath_dynamics *dyn)
{
    for (int32_t p = 0; p + 1 < dyn->n_parts; p++) {
        if (!dynamics_leads_on(dyn, p)) {
            return ath__fail(dyn->ctx, ATH_E_ARGUMENT,
                             "fuse: part %d (%s) has neither criteria nor n_steps, so no system "
                             "would ever reach part %d",
                             (int)p, dyn->parts[p].name, (int)p + 1);
        }
    }
    return ATH_OK;
}

/* The configuration that the engine of a fused dynamics is made from: that of the first part. */
static ath_dynamics_config dynamics_fuse_engine(const ath_dynamics *first)
{
    ath_dynamics_config c = first->parts[0].config;
    c.n_steps = ATH_UNSET;
    c.sinks = first->inflight.sinks;
    c.n_sinks = first->inflight.n_sinks;
    c.buffer_config = first->has_buffer ? &first->buffer : NULL;
    return c;
}

static ath_status dynamics_fuse_count(ath_context *ctx, ath_dynamics *const *parts, int32_t n,
                                      int32_t *total)
{
    *total = 0;
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
        if (parts[i]->device && parts[0]->device && parts[i]->device != parts[0]->device) {
            return ath__fail(ctx, ATH_E_ARGUMENT, "fuse: part %d is on %s, part 0 on %s", (int)i,
                             ath_device_name(parts[i]->device), ath_device_name(parts[0]->device));
        }
        *total += parts[i]->n_parts;
    }
    return ATH_OK;
}

ath_status ath_fuse(ath_context *ctx, ath_dynamics *const *parts, int32_t n, ath_dynamics **out)
{
    int32_t total = 0, p = 0;
    ATH__TRY(dynamics_fuse_count(ctx, parts, n, &total));
    ATH__TRY(dynamics_alloc(ctx, total, out));
    ath_dynamics *dyn = *out;
    const ath_dynamics_config engine = dynamics_fuse_engine(parts[0]);
    dyn->fused = dyn->budgeted = true;
    ath_status status = dynamics_engine(dyn, &engine);
    dyn->exit_status = total;
    for (int32_t i = 0; i < n && status >= 0; i++) {
        status = dynamics_fuse_part(dyn, &p, parts[i]);
        status = status < 0 ? status : dynamics_fuse_keys(dyn, parts[i]);
    }
    status = status < 0 ? status : dynamics_fuse_check(dyn);
    status = status < 0 ? status : ath__convergence_sources(dyn);
    status = status < 0 ? status : ath__own_set(dyn);
    if (status < 0) {
        ath_dynamics_destroy(out);
        return status;
    }
    ath__guards_set(dyn);
    return ATH_OK;
}

/* ---- registering ---- */

ath_status ath_dynamics_register_hook(ath_dynamics *dynamics, const ath_hook *hook)
{
    if (dynamics->is_open) {
        return ath__fail(dynamics->ctx, ATH_E_STATE,
                         "register_hook: not while the dynamics is open");
    }
    const bool pushed = ath__hooks_push(dynamics, 0);
    ATH__TRY(ath__hooks_add(dynamics, dynamics->fused ? -1 : 0, hook));
    if (!pushed && ath__hooks_push(dynamics, 0)) {
        ath__plan_drop(dynamics); /* stages now count other degrees of freedom */
    }
    return ATH_OK;
}

ath_status ath_dynamics_register_bookkeeping_key(ath_dynamics *dynamics, ath_field_id field,
                                                 void (*init)(void *user, const ath_system *system,
                                                              void *row),
                                                 void *user)
{
    const ath_field_info *info = ath_field_describe(dynamics->ctx, field);
    if (!info || field < ATH_N_CORE_FIELDS || info->level != ATH_LEVEL_SYSTEM) {
        return ath__fail(dynamics->ctx, ATH_E_ARGUMENT,
                         "register_bookkeeping_key: needs a user field of systems, not '%s'",
                         info ? info->name : "?");
    }
    for (int32_t i = 0; i < dynamics->n_keys; i++) {
        if (dynamics->keys[i].field == field) {
            dynamics->keys[i].init = init;
            dynamics->keys[i].user = user;
            return ATH_OK;
        }
    }
    ATH__TRY(ath__resize(dynamics->ctx, &dynamics->keys, (size_t)dynamics->n_keys,
                         (size_t)dynamics->n_keys + 1, sizeof *dynamics->keys));
    dynamics->keys[dynamics->n_keys++] = (ath__key){.field = field, .init = init, .user = user};
    return ATH_OK;
}

void ath__dynamics_cells(const ath_dynamics *dyn, int32_t *n_system, int32_t *n_atom)
{
    *n_system = *n_atom = 0;
    for (int32_t p = 0; p < dyn->n_parts; p++) {
        int32_t s = 0, a = 0;
        if (dyn->parts[p].integrator) {
            ath__integrator_cells(dyn->parts[p].integrator, &s, &a);
            s += dyn->parts[p].config.hold_centre ? ATH__CENTRE_CELLS : 0;
        }
        *n_system = s > *n_system ? s : *n_system;
        *n_atom = a > *n_atom ? a : *n_atom;
    }
}

/* Fields that this engine keeps on every batch: bookkeeping, and what integrators write. A system
 * that is in a batch already has the default. */
static ath_status dynamics_add_fields(ath_dynamics *dyn, ath_batch *batch)
{
    for (int32_t i = 0; i < dyn->n_keys; i++) {
        if (ath_batch_has_field(batch, dyn->keys[i].field)) {
            continue;
        }
        ATH__TRY(ath_batch_add_field(batch, dyn->keys[i].field));
        for (int32_t k = 0; dyn->keys[i].init && k < ath_batch_n_systems(batch); k++) {
            ATH__TRY(ath__refill_key(&dyn->keys[i], batch, k));
        }
    }
    for (int32_t p = 0; p < dyn->n_parts; p++) {
        const ath_integrator *integrator = dyn->parts[p].integrator;
        const ath_field_id *f = integrator ? integrator->ops->provides : NULL;
        for (; f && *f >= 0; f++) {
            ATH__TRY(ath_batch_has_field(batch, *f) ? ATH_OK : ath_batch_add_field(batch, *f));
        }
    }
    return ATH_OK;
}

ath_status ath__dynamics_take(ath_dynamics *dyn, ath_batch *batch)
{
    ATH__TRY(ath__team_ready(dyn));
    ATH__TRY(dynamics_add_fields(dyn, batch));
    ATH__TRY(ath__plan_fit(dyn, batch));
    if (ath__batch_owner(batch) != dyn->id) {
        ath__job job = ath__job_begin(dyn, batch);
        ATH__TRY(ath__job_rewrite(&job, ATH__SCHEDULE_ADOPT));
        ath__batch_set_owner(batch, dyn->id);
    }
    return ATH_OK;
}

/* ---- running ---- */

double ath__dynamics_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

ath_status ath__team_ready(ath_dynamics *dyn)
{
    return dyn->team ? ATH_OK : ath__team_create(dyn->ctx, dyn->n_members, &dyn->team);
}

ath_status ath_dynamics_open(ath_dynamics *dyn)
{
    if (dyn->is_open) {
        return ath__fail(dyn->ctx, ATH_E_STATE, "open: the dynamics is open already");
    }
    ATH__TRY(ath__team_ready(dyn));
    if (dyn->device) {
        ATH__TRY(ath__stream_open(dyn->device, &dyn->stream));
        dyn->has_stream = true;
    }
    const ath_status status = ath__hooks_open(dyn);
    dyn->is_open = status >= 0;
    if (status < 0 && dyn->has_stream) {
        ath__stream_close(&dyn->stream);
        dyn->has_stream = false;
    }
    return status;
}

void ath_dynamics_close(ath_dynamics *dyn)
{
    if (dyn && dyn->is_open) {
        ath__hooks_close(dyn);
        if (dyn->has_stream) {
            ath__stream_close(&dyn->stream);
            dyn->has_stream = false;
        }
        dyn->is_open = false;
    }
}

/* Steps on a batch that is given; energies are brought up to date at the end, also after a failure
 * of a hook. */
static ath_status dynamics_advance(ath_dynamics *dyn, ath_batch *batch, int64_t n_steps,
                                   int64_t *n_converged)
{
    int64_t n_active = 0;
    *n_converged = 0;
    ATH__TRY(ath__dynamics_take(dyn, batch));
    const ath_status status = ath__loop_steps(dyn, batch, n_steps, &n_active, n_converged);
    ath_status refreshed = ath__evaluate_left_over(dyn, batch, ATH__SCHEDULE_STALE);
    refreshed = refreshed < 0 ? refreshed : ath__diagnose(dyn, batch);
    dyn->stats.n_systems = ath_batch_n_systems(batch);
    return status < 0 || refreshed >= 0 ? status : refreshed;
}

/* Opens what is not open, runs, closes what was opened here. */
static ath_status dynamics_session(ath_dynamics *dyn, ath_batch *batch, int64_t n_steps,
                                   int64_t *n_converged)
{
    const double start = ath__dynamics_clock();
    const bool was_open = dyn->is_open;
    ath_status status = was_open ? ATH_OK : ath_dynamics_open(dyn);
    if (status >= 0) {
        status = dyn->inflight.sampler ? ath__refill_run(dyn, batch, n_steps)
                                       : dynamics_advance(dyn, batch, n_steps, n_converged);
    }
    if (!was_open) {
        ath_dynamics_close(dyn);
    }
    dyn->stats.seconds_run += ath__dynamics_clock() - start;
    return status;
}

ath_status ath_dynamics_run(ath_dynamics *dyn, ath_batch *batch, int64_t n_steps)
{
    int64_t n_converged = 0;
    const int64_t steps = n_steps != ATH_UNSET ? n_steps : dyn->n_steps;
    const bool inflight = dyn->inflight.sampler != NULL;
    batch = batch ? batch : dyn->inflight.batch;
    if (n_steps < ATH_UNSET) {
        return ath__fail(dyn->ctx, ATH_E_ARGUMENT, "run: the number of steps must not be negative");
    }
    if (!batch && !inflight) {
        return ath__fail(dyn->ctx, ATH_E_ARGUMENT,
                         "run: no batch provided and no sampler configured");
    }
    if (steps == ATH_UNSET && !dyn->fused && !inflight) {
        return ath__fail(dyn->ctx, ATH_E_ARGUMENT,
                         "run: no step count provided, neither to run nor in the configuration");
    }
    return dynamics_session(dyn, batch, steps == ATH_UNSET ? INT64_MAX : steps, &n_converged);
}

ath_status ath_dynamics_step(ath_dynamics *dyn, ath_batch *batch, int32_t *n_converged)
{
    int64_t converged = 0;
    if (!batch) {
        return ath__fail(dyn->ctx, ATH_E_ARGUMENT, "step: needs a batch");
    }
    const double start = ath__dynamics_clock();
    const bool was_open = dyn->is_open;
    ath_status status = was_open ? ATH_OK : ath_dynamics_open(dyn);
    status = status < 0 ? status : dynamics_advance(dyn, batch, 1, &converged);
    if (!was_open) {
        ath_dynamics_close(dyn);
    }
    dyn->stats.seconds_run += ath__dynamics_clock() - start;
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
    ATH__TRY(ath__team_ready(dyn));
    ATH__TRY(ath__plan_fit(dyn, batch));
    return ath__evaluate_left_over(dyn, batch, ATH__SCHEDULE_ALL);
}

ath_status ath_dynamics_quarantine(ath_dynamics *dyn, ath_batch *batch, int32_t index,
                                   ath_reason reason)
{
    if (!batch || reason <= ATH_REASON_NONE || reason >= ATH_N_REASONS) {
        return ath__fail(dyn->ctx, ATH_E_ARGUMENT, "quarantine: needs a batch and a reason");
    }
    const int32_t code = (int32_t)reason;
    ATH__TRY(ath_batch_write(batch, ATH_FIELD_REASON, index, &code));
    return dyn->retries ? ath__books_dismiss(batch, index) : ATH_OK;
}
