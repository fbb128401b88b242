/* Pipelines in one process: the stages take turns, refill_frequency steps each; after its turn a
 * stage hands on what has finished, as far as there is room behind it.
 *
 * Not here: ranks of other processes.
 */
#include <string.h>

#include <athanor/pipeline.h>

#include "dynamics/phases.h"

struct ath_pipeline {
    ath_context *ctx;
    ath_dynamics **stages; /* [n] */
    ath_batch **batches;   /* [n], those from 1 on are own; the first too if own_first */
    int32_t n;
    bool own_first;
    uint8_t *mask; /* [max_mask] */
    int32_t max_mask;
    int64_t n_in, n_out; /* systems that came in and that were given to sinks */
};

/* ---- making one ---- */

static ath_status pipeline_count(ath_context *ctx, const ath_pipe_part *parts, int32_t n,
                                 int32_t *total)
{
    *total = 0;
    for (int32_t i = 0; i < n; i++) {
        if (!parts[i].dynamics == !parts[i].pipeline) {
            return ath__fail(ctx, ATH_E_ARGUMENT,
                             "pipe: part %d is neither a dynamics nor a pipeline", (int)i);
        }
        *total += parts[i].dynamics ? 1 : parts[i].pipeline->n;
    }
    return *total >= 2 ? ATH_OK
                       : ath__fail(ctx, ATH_E_ARGUMENT, "pipe: a pipeline needs at least 2 stages");
}

/* Whether a system can ever leave this stage. */
static bool pipeline_leads_on(const ath_dynamics *dyn)
{
    const ath__part *last = &dyn->parts[dyn->n_parts - 1];
    bool leads = last->assessed || last->config.n_steps >= 0;
    for (int32_t i = 0; i < dyn->hooks.n; i++) {
        leads = leads || (dyn->hooks.entries[i].hook.access & ATH_HOOK_WRITES);
    }
    return leads;
}

static ath_status pipeline_check(const ath_pipeline *p, int32_t k)
{
    const ath_dynamics *dyn = p->stages[k], *first = p->stages[0];
    const int32_t prior = k ? k - 1 : ATH_RANK_NONE, next = k + 1 < p->n ? k + 1 : ATH_RANK_NONE;
    for (int32_t i = 0; i < k; i++) {
        if (p->stages[i] == dyn) {
            return ath__fail(p->ctx, ATH_E_ARGUMENT, "pipe: stages %d and %d are the same dynamics",
                             (int)i, (int)k);
        }
    }
    if (dyn->ctx != p->ctx) {
        return ath__fail(p->ctx, ATH_E_ARGUMENT, "pipe: stage %d is of another context", (int)k);
    }
    if (!dyn->has_buffer) {
        return ath__fail(p->ctx, ATH_E_ARGUMENT,
                         "pipe: all stages must have buffer_config set, stage %d has none", (int)k);
    }
    if (memcmp(&dyn->buffer, &first->buffer, sizeof dyn->buffer) != 0) {
        return ath__fail(p->ctx, ATH_E_ARGUMENT,
                         "pipe: buffer configuration mismatch between stage 0 and stage %d",
                         (int)k);
    }
    if ((dyn->prior_rank != ATH_RANK_UNSET && dyn->prior_rank != prior) ||
        (dyn->next_rank != ATH_RANK_UNSET && dyn->next_rank != next)) {
        return ath__fail(
            p->ctx, ATH_E_ARGUMENT,
            "pipe: stage %d has prior_rank %d and next_rank %d, but its place means %d "
            "and %d",
            (int)k, (int)dyn->prior_rank, (int)dyn->next_rank, (int)prior, (int)next);
    }
    return pipeline_leads_on(dyn)
               ? ATH_OK
               : ath__fail(
                     p->ctx, ATH_E_ARGUMENT,
                     "pipe: stage %d has neither criteria nor n_steps, so no system would ever "
                     "leave it",
                     (int)k);
}

static void pipeline_wire(ath_pipeline *p)
{
    for (int32_t k = 0; k < p->n; k++) {
        p->stages[k]->prior_rank = k ? k - 1 : ATH_RANK_NONE;
        p->stages[k]->next_rank = k + 1 < p->n ? k + 1 : ATH_RANK_NONE;
        p->stages[k]->budgeted = true;
        ath__plan_drop(p->stages[k]); /* made for a run without budgets */
    }
}

ath_status ath_pipe(ath_context *ctx, const ath_pipe_part *parts, int32_t n, ath_pipeline **out)
{
    int32_t total = 0, k = 0;
    *out = NULL;
    ATH__TRY(pipeline_count(ctx, parts, n, &total));
    ATH__TRY(ath__alloc(ctx, 1, sizeof **out, out));
    ath_pipeline *p = *out;
    p->ctx = ctx;
    p->n = total;
    ath_status status = ath__alloc(ctx, (size_t)total, sizeof(ath_dynamics *), &p->stages);
    status = status < 0 ? status : ath__alloc(ctx, (size_t)total, sizeof(ath_batch *), &p->batches);
    for (int32_t i = 0; i < n && status >= 0; i++) {
        if (parts[i].dynamics) {
            p->stages[k++] = parts[i].dynamics;
            continue;
        }
        for (int32_t j = 0; j < parts[i].pipeline->n; j++) { /* wired anew */
            parts[i].pipeline->stages[j]->prior_rank = ATH_RANK_UNSET;
            parts[i].pipeline->stages[j]->next_rank = ATH_RANK_UNSET;
            p->stages[k++] = parts[i].pipeline->stages[j];
        }
    }
    for (k = 0; k < total && status >= 0; k++) {
        status = pipeline_check(p, k);
    }
    if (status < 0) {
        ath_pipeline_destroy(out);
        return status;
    }
    pipeline_wire(p);
    return ATH_OK;
}

void ath_pipeline_destroy(ath_pipeline **pipeline)
{
    ath_pipeline *p = pipeline ? *pipeline : NULL;
    if (!p) {
        return;
    }
    for (int32_t k = 0; p->batches && k < p->n; k++) {
        if (k > 0 || p->own_first) {
            ath_batch_destroy(&p->batches[k]);
        }
    }
    ath_context *ctx = p->ctx;
    ath__free(ctx, &p->mask, (size_t)p->max_mask, 1);
    ath__free(ctx, &p->batches, (size_t)p->n, sizeof(ath_batch *));
    ath__free(ctx, &p->stages, (size_t)p->n, sizeof(ath_dynamics *));
    ath__free(ctx, pipeline, 1, sizeof *p);
}

int32_t ath_pipeline_n_stages(const ath_pipeline *pipeline)
{
    return pipeline->n;
}

ath_dynamics *ath_pipeline_stage(const ath_pipeline *pipeline, int32_t stage)
{
    return stage >= 0 && stage < pipeline->n ? pipeline->stages[stage] : NULL;
}

ath_batch *ath_pipeline_batch(const ath_pipeline *pipeline, int32_t stage)
{
    return stage >= 0 && stage < pipeline->n ? pipeline->batches[stage] : NULL;
}

/* ---- handing on ---- */

/* One system into the batch of the next stage, as if it came from outside. */
static ath_status pipeline_move(ath_batch *from, int32_t index, ath_batch *to)
{
    static const ath_field_id cleared[] = {ATH_FIELD_STATUS, ATH_FIELD_REASON, ATH_FIELD_CONVERGED};
    ath_system *system = NULL;
    ath_status status = ath_batch_get(from, index, &system);
    for (size_t k = 0; k < sizeof cleared / sizeof *cleared && status >= 0; k++) {
        void *row = NULL;
        status = ath_system_field(system, cleared[k], &row);
        if (status >= 0) {
            memset(row, 0, sizeof(int32_t));
        }
    }
    status = status < 0 ? status : ath_batch_add(to, system);
    ath_system_destroy(&system);
    return status;
}

/* Whether a finished system goes on: it has not failed, nor stopped for good at its step limit. */
static ath_status pipeline_goes_on(const ath_dynamics *dyn, const ath_batch *batch, int32_t index,
                                   bool *out)
{
    const ath__part *last = &dyn->parts[dyn->n_parts - 1];
    int32_t reason = 0, status = 0;
    ATH__TRY(ath_batch_read(batch, ATH_FIELD_REASON, index, &reason));
    ATH__TRY(ath_batch_read(batch, ATH_FIELD_STATUS, index, &status));
    const ath_state state = ath_reason_state((ath_reason)reason);
    if (dyn->fused && status > dyn->n_parts) { /* left for good before the last part */
        *out = false;
        return ATH_OK;
    }
    *out = state == ATH_STATE_FINISHED || state == ATH_STATE_RUNNING ||
           (state == ATH_STATE_STEP_LIMIT && !last->config.stop_at_limit);
    return ATH_OK;
}

/* Hands on what goes on and fits; what does not go on is left in `mask` for the sinks. *n: how many
 * have left (inflight.taken), also if one of them could not. */
static ath_status pipeline_hand_on(ath_pipeline *p, int32_t k, int32_t *n)
{
    ath_batch *from = p->batches[k], *to = p->batches[k + 1];
    const ath_dynamics *dyn = p->stages[k], *next = p->stages[k + 1];
    uint8_t *moved = dyn->inflight.taken;
    int64_t n_atoms = 0;
    *n = 0;
    for (int32_t i = 0; i < ath_batch_n_systems(from); i++) {
        bool goes_on = false;
        if (p->mask[i]) {
            ATH__TRY(pipeline_goes_on(dyn, from, i, &goes_on));
        }
        if (!goes_on) {
            continue;
        }
        const int64_t atoms = ath_batch_n_atoms_of(from, i);
        const bool fits = *n < dyn->buffer.n_systems &&
                          (n_atoms + atoms <= dyn->buffer.n_atoms || *n == 0) &&
                          ath_batch_n_systems(to) < next->max_batch_size;
        p->mask[i] = 0;
        if (fits) {
            ATH__TRY(pipeline_move(from, i, to));
            moved[i] = 1;
            n_atoms += atoms;
            ++*n;
        }
    }
    return ATH_OK;
}

/* After the turn of stage k. *changed: something has left. *waits: something would have liked to.
 */
static ath_status pipeline_drain(ath_pipeline *p, int32_t k, bool *changed, bool *waits)
{
    ath_dynamics *dyn = p->stages[k], *last = p->stages[p->n - 1];
    ath_batch *batch = p->batches[k];
    ath_dynamics *giver = dyn->inflight.n_sinks > 0 ? dyn : last;
    int32_t n_done = 0, n_moved = 0, n_given = 0;
    ATH__TRY(ath__refill_finished(dyn, batch, &n_done));
    if (n_done == 0) {
        return ATH_OK;
    }
    if (p->max_mask < ath_batch_capacity(batch)) {
        ATH__TRY(ath__resize(p->ctx, &p->mask, (size_t)p->max_mask,
                             (size_t)ath_batch_capacity(batch), 1));
        p->max_mask = ath_batch_capacity(batch);
    }
    memcpy(p->mask, dyn->inflight.mask, (size_t)ath_batch_n_systems(batch));
    memset(dyn->inflight.taken, 0, (size_t)ath_batch_n_systems(batch));
    ath_status status = k + 1 < p->n ? pipeline_hand_on(p, k, &n_moved) : ATH_OK;
    if (giver->inflight.n_sinks > 0 && status >= 0) {
        status = ath__refill_give(giver, dyn, batch, p->mask, &n_given);
    }
    p->n_out += n_given;
    *changed = *changed || n_moved + n_given > 0;
    *waits = *waits || (giver->inflight.n_sinks > 0 && n_moved + n_given < n_done);
    /* what has left is gone, whatever has failed */
    ATH__TRY(n_moved + n_given > 0 ? ath_batch_trim(batch, dyn->inflight.taken) : ATH_OK);
    return status;
}

/* ---- running ---- */

static ath_status pipeline_batch(ath_pipeline *p, int32_t k)
{
    ath_device *device = p->stages[k]->device;
    device = device          ? device
             : p->batches[0] ? ath_batch_device(p->batches[0])
                             : p->stages[0]->device;
    if (p->batches[k]) {
        return ATH_OK;
    }
    if (!device) {
        return ath__fail(p->ctx, ATH_E_ARGUMENT, "pipeline: no device to make a batch on");
    }
    const ath_batch_config config = {.size = sizeof config, .device = device};
    return ath_batch_create(p->ctx, &config, &p->batches[k]);
}

/* Takes what the sampler of the first stage has. */
static ath_status pipeline_fill(ath_pipeline *p)
{
    ath_dynamics *dyn = p->stages[0];
    const int64_t before = dyn->stats.n_in;
    if (!dyn->inflight.sampler) {
        dyn->inflight.ended = true;
        return ATH_OK;
    }
    const ath_status status =
        ath__refill_fill(dyn, p->batches[0], ath_batch_n_systems(p->batches[0]) == 0);
    p->n_in += dyn->stats.n_in - before;
    return status;
}

/* The turn of one stage. */
static ath_status pipeline_turn(ath_pipeline *p, int32_t k, int64_t n_steps, bool *changed,
                                bool *waits)
{
    ath_dynamics *dyn = p->stages[k];
    int64_t n_active = 0, n_converged = 0;
    if (ath_batch_n_systems(p->batches[k]) == 0) {
        return ATH_OK;
    }
    ATH__TRY(ath__dynamics_take(dyn, p->batches[k]));
    const volatile sig_atomic_t *stop = dyn->stop;
    dyn->stop = NULL; /* turns are made whole */
    const ath_status status = ath__loop_steps(dyn, p->batches[k], n_steps, &n_active, &n_converged);
    dyn->stop = stop;
    ATH__TRY(status);
    *changed = *changed || n_active > 0;
    return pipeline_drain(p, k, changed, waits);
}

static ath_status pipeline_balance(const ath_pipeline *p)
{
    int64_t present = 0;
    for (int32_t k = 0; k < p->n; k++) {
        present += ath_batch_n_systems(p->batches[k]);
    }
    return p->n_in == present + p->n_out
               ? ATH_OK
               : ath__fail(p->ctx, ATH_E_INTERNAL,
                           "systems do not add up: %lld came in, %lld are there, %lld have left",
                           (long long)p->n_in, (long long)present, (long long)p->n_out);
}

static bool pipeline_stops(const ath_pipeline *p)
{
    bool stops = false;
    for (int32_t k = 0; k < p->n; k++) {
        stops = stops || ath__pace_stops(p->stages[k]);
    }
    return stops;
}

static ath_status pipeline_loop(ath_pipeline *p, int64_t n_steps)
{
    const int64_t frequency = p->stages[0]->refill_frequency;
    for (int64_t left = n_steps; left > 0; left -= frequency) {
        const int64_t steps = left < frequency ? left : frequency;
        bool changed = false, waits = false, rest = false;
        const int64_t in = p->n_in;
        if (pipeline_stops(p)) {
            return ATH_AGAIN;
        }
        ATH__TRY(pipeline_fill(p));
        for (int32_t k = p->n - 1; k >= 0; k--) { /* who is behind makes room first */
            ATH__TRY(pipeline_turn(p, k, steps, &changed, &waits));
            rest = rest || ath_batch_n_systems(p->batches[k]) > 0;
        }
        ATH__TRY(pipeline_balance(p));
        if (!changed && p->n_in == in) {
            return waits && rest ? ATH_AGAIN : ATH_OK;
        }
    }
    return ATH_OK;
}

ath_status ath_pipeline_run(ath_pipeline *pipeline, ath_batch *batch, int64_t n_steps)
{
    ath_pipeline *p = pipeline;
    int32_t n_open = 0;
    if (n_steps < ATH_UNSET) {
        return ath__fail(p->ctx, ATH_E_ARGUMENT, "pipeline: the number of steps is negative");
    }
    if (batch && batch != p->batches[0]) {
        if (p->own_first) {
            return ath__fail(p->ctx, ATH_E_STATE, "pipeline: the first stage has a batch already");
        }
        p->batches[0] = batch;
        p->n_in += ath_batch_n_systems(batch);
    }
    if (!p->batches[0]) {
        if (!p->stages[0]->inflight.sampler) {
            return ath__fail(p->ctx, ATH_E_ARGUMENT,
                             "pipeline: no batch provided and no sampler configured");
        }
        p->own_first = true;
    }
    ath_status status = ATH_OK;
    for (int32_t k = 0; k < p->n && status >= 0; k++) {
        status = pipeline_batch(p, k);
    }
    for (; n_open < p->n && status >= 0; n_open += status >= 0) {
        status = p->stages[n_open]->is_open ? ATH_OK : ath_dynamics_open(p->stages[n_open]);
    }
    status = status < 0 ? status : pipeline_loop(p, n_steps == ATH_UNSET ? INT64_MAX : n_steps);
    for (int32_t k = 0; k < n_open; k++) {
        ath_dynamics_close(p->stages[k]);
    }
    for (int32_t k = 0; k < p->n && status >= 0; k++) {
        if (ath_batch_n_systems(p->batches[k]) > 0 && p->stages[k]->plan.device) {
            ath_status refreshed = ath__dynamics_take(p->stages[k], p->batches[k]);
            refreshed = refreshed < 0 ? refreshed
                                      : ath__evaluate_left_over(p->stages[k], p->batches[k],
                                                                ATH__SCHEDULE_STALE);
            status = refreshed < 0 ? refreshed : status;
        }
    }
    return status;
}
