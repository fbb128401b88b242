/* In-flight batching: the batch is kept full from a sampler. Every few steps the systems that have
 * stopped are given to the sinks and, once that is acknowledged, removed; newcomers take their
 * slots. It ends when and only when nothing is queued and nothing is active.
 *
 * Books are kept of all that comes and goes: what was in the batch and what came in is what is in
 * the batch and what has left, at every refill.
 */
#include <string.h>

#include "dynamics/phases.h"

/* What the totals were when this call of run began. */
typedef struct refill_base {
    int64_t present, n_in, n_finished, n_dropped, handed;
} refill_base;

void ath__refill_free(ath_dynamics *dyn)
{
    ath__inflight *f = &dyn->inflight;
    ath__free(dyn->ctx, &f->mask, (size_t)f->max_mask, 1);
    ath__free(dyn->ctx, &f->taken, (size_t)f->max_mask, 1);
    ath__free(dyn->ctx, &f->sinks, (size_t)f->n_sinks, sizeof *f->sinks);
    f->n_sinks = f->max_mask = 0;
    ath_system_destroy(&f->pending);
    if (f->own) {
        ath_batch_destroy(&f->batch);
        f->own = false;
    }
}

/* Room in the masks for every system that the batch may hold. */
static ath_status refill_masks(ath_dynamics *dyn, const ath_batch *batch)
{
    ath__inflight *f = &dyn->inflight;
    const int32_t n = ath_batch_capacity(batch);
    if (n <= f->max_mask) {
        return ATH_OK;
    }
    ATH__TRY(ath__resize(dyn->ctx, &f->mask, (size_t)f->max_mask, (size_t)n, 1));
    const ath_status status = ath__resize(dyn->ctx, &f->taken, (size_t)f->max_mask, (size_t)n, 1);
    if (status < 0) {
        ath__free(dyn->ctx, &f->mask, (size_t)n, 1);
        ath__free(dyn->ctx, &f->taken, (size_t)f->max_mask, 1);
        f->max_mask = 0;
        return status;
    }
    f->max_mask = n;
    return ATH_OK;
}

/* ---- coming in ---- */

ath_status ath__refill_key(const ath__key *key, ath_batch *batch, int32_t index)
{
    ath_system *system = NULL;
    void *row = NULL;
    ATH__TRY(ath_batch_get(batch, index, &system));
    ath_status status = ath_system_field(system, key->field, &row);
    if (status >= 0) {
        key->init(key->user, system, row);
        status = ath_batch_write(batch, key->field, index, row);
    }
    ath_system_destroy(&system);
    return status;
}

/* A copy of the text: the message of the context does not outlive the calls of the receiver. */
static ath_status refill_reject(ath_dynamics *dyn, ath_reason reason)
{
    char message[512];
    int64_t frame = 0;
    const char *text = ath_context_message(dyn->ctx);
    const size_t n = strnlen(text, sizeof message - 1);
    memcpy(message, text, n);
    message[n] = '\0';
    const char *file = ath_sampler_where(dyn->inflight.sampler, &frame);
    dyn->stats.n_rejected++;
    return dyn->rejected ? dyn->rejected(dyn->user, file, frame, reason, message) : ATH_OK;
}

/* Adds a system, or rejects it if the model cannot have it; one that is known has been here before.
 * Consumes it. */
static ath_status refill_admit(ath_dynamics *dyn, ath_batch *batch, ath_system **system)
{
    if (dyn->known && dyn->known(dyn->user, ath_system_uid(*system))) {
        dyn->stats.n_in++;
        dyn->stats.n_finished++;
        ath_system_destroy(system);
        return ATH_OK;
    }
    ath_status status = ath_model_accepts(dyn->model, *system);
    if (status == ATH_E_UNSUPPORTED) {
        dyn->inflight.n_dropped++;
        status = refill_reject(dyn, ATH_REASON_BAD_INPUT);
        ath_system_destroy(system);
        return status;
    }
    for (int32_t i = 0; i < dyn->n_keys && status >= 0; i++) {
        const ath__key *key = &dyn->keys[i];
        void *row = NULL;
        if (key->init && !ath_system_peek(*system, key->field)) {
            status = ath_system_field(*system, key->field, &row);
            if (status >= 0) {
                key->init(key->user, *system, row);
            }
        }
    }
    status = status < 0 ? status : ath_batch_add(batch, *system);
    if (status < 0) { /* not lost: the next refill tries again */
        dyn->inflight.pending = *system;
        *system = NULL;
        return status;
    }
    dyn->stats.n_in++;
    ath_system_destroy(system);
    return ATH_OK;
}

ath_status ath__refill_settle(ath_dynamics *dyn, ath_batch *batch)
{
    ath_system *system = dyn->inflight.pending;
    dyn->inflight.pending = NULL;
    return system ? refill_admit(dyn, batch, &system) : ATH_OK;
}

static int64_t refill_left(int64_t limit, int64_t used)
{
    return limit <= 0 ? -1 : limit > used ? limit - used : 0;
}

static ath_status refill_room(const ath_dynamics *dyn, const ath_batch *batch, bool initial,
                              ath_sampler_room *out)
{
    const ath_sampler *sampler = dyn->inflight.sampler;
    const int32_t n = ath_batch_n_systems(batch), limit = ath_sampler_max_systems(sampler);
    const int32_t most = limit > 0 && limit < dyn->max_batch_size ? limit : dyn->max_batch_size;
    int64_t n_edges = 0;
    if (ath_sampler_max_edges(sampler) > 0) {
        ath_field_id field = -1;
        ATH__TRY(ath__sampler_edge_field(dyn->ctx, &field));
        for (int32_t i = 0; i < n; i++) {
            int64_t edges = 0;
            ATH__TRY(ath_batch_has_field(batch, field) ? ath_batch_read(batch, field, i, &edges)
                                                       : ATH_OK);
            n_edges += edges;
        }
    }
    *out = (ath_sampler_room){
        .n_systems = refill_left(most, n),
        .n_atoms = refill_left(ath_sampler_max_atoms(sampler), ath_batch_n_atoms(batch)),
        .n_edges = refill_left(ath_sampler_max_edges(sampler), n_edges),
        .initial = initial,
    };
    return ATH_OK;
}

ath_status ath__refill_fill(ath_dynamics *dyn, ath_batch *batch, bool initial)
{
    ath__inflight *f = &dyn->inflight;
    while (!f->ended) {
        ath_system *system = f->pending;
        ath_sampler_room room;
        ATH__TRY(refill_room(dyn, batch, initial, &room));
        if (room.n_systems == 0) {
            return ATH_OK;
        }
        f->pending = NULL;
        ath_status status = system ? ATH_OK : ath_sampler_request(f->sampler, &room, &system);
        if (status == ATH_END) {
            f->ended = true;
            return ATH_OK;
        }
        if (status == ATH_AGAIN) {
            return ath_batch_n_systems(batch) > 0
                       ? ATH_OK
                       : ath__fail(dyn->ctx, ATH_E_INTERNAL,
                                   "the sampler has nothing that fits an empty batch");
        }
        if (status < 0 && ath__sampler_refused(f->sampler)) {
            status = refill_reject(dyn, status == ATH_E_RANGE ? ATH_REASON_TOO_LARGE
                                                              : ATH_REASON_BAD_INPUT);
        } else if (status >= 0) {
            status = refill_admit(dyn, batch, &system);
        }
        ATH__TRY(status);
    }
    return ATH_OK;
}

/* ---- going out ---- */

/* Offers what is masked to the sinks, in their order, and adds what they acknowledge to `taken`. */
static ath_status refill_offer(ath_dynamics *dyn, const ath_batch *batch, uint8_t *left,
                               uint8_t *now, uint8_t *taken)
{
    ath__inflight *f = &dyn->inflight;
    const int32_t n = ath_batch_n_systems(batch);
    ath_status status = ATH_AGAIN;
    f->waiting = false;
    for (int32_t k = 0; k < f->n_sinks && status == ATH_AGAIN; k++) {
        memset(now, 0, (size_t)n);
        status = ath_sink_write(f->sinks[k], batch, left, now);
        f->waiting = status == ATH_AGAIN; /* as the last one asked says */
        for (int32_t i = 0; i < n; i++) {
            taken[i] |= now[i];
            left[i] = left[i] && !now[i];
        }
    }
    if (f->n_sinks == 0) {
        memcpy(taken, left, (size_t)n);
    }
    return status < 0 ? status : ATH_OK;
}

ath_status ath__refill_give(ath_dynamics *giver, ath_dynamics *dyn, const ath_batch *batch,
                            const uint8_t *mask, int32_t *n_taken)
{
    const int32_t n = ath_batch_n_systems(batch);
    uint8_t *left = dyn->plan.books.met, *taken = dyn->inflight.taken;
    int32_t before = 0, after = 0;
    memcpy(left, mask, (size_t)n);
    for (int32_t i = 0; i < n; i++) {
        before += taken[i];
    }
    const ath_status status = refill_offer(giver, batch, left, dyn->plan.books.mask, taken);
    for (int32_t i = 0; i < n; i++) {
        after += taken[i];
    }
    *n_taken = after - before;
    dyn->stats.n_finished += *n_taken;
    return status;
}

ath_status ath__refill_finished(ath_dynamics *dyn, ath_batch *batch, int32_t *n)
{
    ATH__TRY(ath__evaluate_left_over(dyn, batch, ATH__SCHEDULE_LEFT));
    ATH__TRY(ath__diagnose(dyn, batch));
    ATH__TRY(refill_masks(dyn, batch));
    return ath__books_mask(dyn, batch, 0, 0, dyn->inflight.mask, n);
}

/* Hands over what has stopped. A system leaves the batch only after it has been acknowledged. */
static ath_status refill_drain(ath_dynamics *dyn, ath_batch *batch, int32_t *n_taken)
{
    ath__inflight *f = &dyn->inflight;
    int32_t n_done = 0;
    *n_taken = 0;
    ATH__TRY(ath__refill_finished(dyn, batch, &n_done));
    if (n_done == 0) {
        f->waiting = false;
        return ATH_OK;
    }
    memset(f->taken, 0, (size_t)ath_batch_n_systems(batch));
    const ath_status status = ath__refill_give(dyn, dyn, batch, f->mask, n_taken);
    if (*n_taken > 0) {
        ATH__TRY(ath_batch_trim(batch, f->taken));
    }
    return status;
}

/* ---- the balance ---- */

static ath_status refill_handed(const ath_dynamics *dyn, int64_t *out)
{
    ath_sampler_counts counts = {.size = sizeof counts};
    ATH__TRY(ath_sampler_count(dyn->inflight.sampler, &counts));
    *out = counts.n_systems - (dyn->inflight.pending != NULL);
    return ATH_OK;
}

static ath_status refill_base_of(const ath_dynamics *dyn, const ath_batch *batch, refill_base *out)
{
    *out = (refill_base){.present = ath_batch_n_systems(batch),
                         .n_in = dyn->stats.n_in,
                         .n_finished = dyn->stats.n_finished,
                         .n_dropped = dyn->inflight.n_dropped};
    return refill_handed(dyn, &out->handed);
}

static ath_status refill_balance(const ath_dynamics *dyn, const ath_batch *batch,
                                 const refill_base *base)
{
    const int64_t in = dyn->stats.n_in - base->n_in, present = ath_batch_n_systems(batch);
    const int64_t out = dyn->stats.n_finished - base->n_finished;
    const int64_t dropped = dyn->inflight.n_dropped - base->n_dropped;
    int64_t handed = 0;
    ATH__TRY(refill_handed(dyn, &handed));
    handed -= base->handed;
    if (base->present + in != present + out || handed != in + dropped) {
        return ath__fail(dyn->ctx, ATH_E_INTERNAL,
                         "systems do not add up: %lld were there, %lld handed out, %lld let in, "
                         "%lld rejected, %lld have left, %lld are there",
                         (long long)base->present, (long long)handed, (long long)in,
                         (long long)dropped, (long long)out, (long long)present);
    }
    return ATH_OK;
}

ath_status ath__refill_forget(ath_dynamics *dyn, ath_batch *batch)
{
    const int32_t n = ath_batch_n_systems(batch);
    uint8_t *gone = NULL;
    int32_t n_gone = 0;
    if (!dyn->known || n == 0) {
        return ATH_OK;
    }
    ATH__TRY(ath__alloc(dyn->ctx, (size_t)n, 1, &gone));
    for (int32_t i = 0; i < n; i++) {
        gone[i] = dyn->known(dyn->user, ath_batch_uid(batch, i));
        n_gone += gone[i];
    }
    const ath_status status = n_gone > 0 ? ath_batch_trim(batch, gone) : ATH_OK;
    dyn->stats.n_finished += status >= 0 ? n_gone : 0;
    ath__free(dyn->ctx, &gone, (size_t)n, 1);
    return status;
}

/* ---- running ---- */

ath_status ath_dynamics_drain(ath_dynamics *dyn, ath_batch *batch)
{
    refill_base base;
    int32_t n_taken = 0;
    if (!dyn->inflight.sampler || !batch) {
        return ath__fail(dyn->ctx, ATH_E_STATE, "drain: requires a sampler, and a batch");
    }
    ATH__TRY(ath__dynamics_take(dyn, batch));
    ATH__TRY(refill_base_of(dyn, batch, &base));
    ATH__TRY(refill_drain(dyn, batch, &n_taken));
    return refill_balance(dyn, batch, &base);
}

ath_status ath_dynamics_refill_check(ath_dynamics *dyn, ath_batch *batch)
{
    ath__inflight *f = &dyn->inflight;
    refill_base base;
    int32_t n_taken = 0;
    if (!f->sampler) {
        return ath__fail(dyn->ctx, ATH_E_STATE, "refill_check: requires a sampler");
    }
    if (!batch) {
        return ath__fail(dyn->ctx, ATH_E_ARGUMENT, "refill_check: needs a batch");
    }
    ATH__TRY(ath__dynamics_take(dyn, batch));
    ATH__TRY(refill_base_of(dyn, batch, &base));
    ATH__TRY(refill_drain(dyn, batch, &n_taken));
    ATH__TRY(ath__refill_fill(dyn, batch, false));
    ATH__TRY(refill_balance(dyn, batch, &base));
    f->done = f->ended && ath_batch_n_systems(batch) == 0;
    return f->done ? ATH_END : ATH_OK;
}

/* Largest force on an atom of the active systems, as last assessed. */
static ath_status refill_progress(ath_dynamics *dyn, const ath_batch *batch)
{
    dyn->stats.worst_fmax = 0.0;
    dyn->stats.n_systems = ath_batch_n_systems(batch);
    if (!dyn->progress) {
        return ATH_OK;
    }
    /* elsewhere a look costs a wait for each system */
    for (int32_t i = 0; dyn->plan.device->shared && i < ath_batch_n_systems(batch); i++) {
        double fmax = 0.0;
        ATH__TRY(ath_batch_read(batch, ATH_FIELD_FMAX, i, &fmax));
        dyn->stats.worst_fmax = fmax > dyn->stats.worst_fmax ? fmax : dyn->stats.worst_fmax;
    }
    return dyn->progress(dyn->user, dyn);
}

static int64_t refill_system_steps(const ath_dynamics *dyn)
{
    int64_t n = dyn->stats.system_steps;
    for (int32_t m = 0; m < dyn->n_members; m++) {
        n += dyn->members[m].system_steps;
    }
    return n;
}

/* Up to *n steps; *n is how many, fewer if the run is to stop. Steps in which nobody was active
 * count: newcomers then begin at a multiple of the frequency, as if someone had been, and hooks see
 * each of them at its own multiples. */
static ath_status refill_advance(ath_dynamics *dyn, ath_batch *batch, int64_t *n, int64_t *n_active)
{
    const int64_t start = dyn->step_count;
    const int32_t limit = ath_sampler_max_systems(dyn->inflight.sampler);
    const int32_t most = limit > 0 && limit < dyn->max_batch_size ? limit : dyn->max_batch_size;
    int64_t n_converged = 0;
    const int64_t before = refill_system_steps(dyn);
    const ath_status status = ath__loop_steps(dyn, batch, *n, n_active, &n_converged);
    ATH__TRY(status);
    *n = status == ATH_AGAIN ? dyn->step_count - start : *n;
    dyn->step_count = start + *n;
    if (!dyn->inflight.ended) {
        dyn->stats.busy_system_steps += refill_system_steps(dyn) - before;
        dyn->stats.full_system_steps += *n * most;
    }
    return status;
}

static ath_status refill_loop(ath_dynamics *dyn, ath_batch *batch, int64_t n_steps,
                              const refill_base *base)
{
    ath__inflight *f = &dyn->inflight;
    const bool fresh = ath_batch_n_systems(batch) == 0;
    int64_t n_active = 0, left = n_steps, planned = -1;
    int32_t n_taken = 0;
    if (!fresh && dyn->step_count % dyn->refill_frequency == 0) {
        ATH__TRY(ath__dynamics_take(dyn, batch));
        ATH__TRY(refill_drain(dyn, batch, &n_taken));
    }
    if (fresh || dyn->step_count % dyn->refill_frequency == 0) {
        ATH__TRY(ath__refill_fill(dyn, batch, fresh));
    }
    while (ath_batch_n_systems(batch) > 0 && left > 0) {
        int64_t n_left = 0;
        /* refills are at multiples of the frequency, wherever an earlier run has ended */
        const int64_t rest = dyn->refill_frequency - dyn->step_count % dyn->refill_frequency;
        int64_t n = left < rest ? left : rest;
        const int64_t in = dyn->stats.n_in;
        if (planned != in + dyn->stats.n_finished) { /* systems have come or gone */
            ATH__TRY(ath__dynamics_take(dyn, batch));
            planned = in + dyn->stats.n_finished;
        }
        const ath_status stopped = refill_advance(dyn, batch, &n, &n_active);
        ATH__TRY(stopped);
        left -= n;
        ATH__TRY(ath__plan_take(dyn, ATH__COUNT_LEFT, &n_left));
        n_taken = 0;
        f->left = f->left || n_left > 0;
        if (n_active == 0 || (n == rest && (f->left || f->waiting))) {
            f->left = false;
            ATH__TRY(refill_drain(dyn, batch, &n_taken));
            ATH__TRY(ath__refill_fill(dyn, batch, false));
            ATH__TRY(refill_balance(dyn, batch, base));
        }
        ATH__TRY(refill_progress(dyn, batch));
        if (stopped == ATH_AGAIN) {
            ATH__TRY(refill_balance(dyn, batch, base));
            return ATH_AGAIN;
        }
        if (n_active == 0 && n_taken == 0 && dyn->stats.n_in == in && f->waiting) {
            return ATH_AGAIN;
        }
    }
    ATH__TRY(refill_balance(dyn, batch, base));
    f->done = f->ended && ath_batch_n_systems(batch) == 0;
    return ATH_OK;
}

/* The batch to run on: the one given, the active one, or a new one. */
static ath_status refill_batch(ath_dynamics *dyn, ath_batch **batch)
{
    ath__inflight *f = &dyn->inflight;
    if (*batch) {
        return ATH_OK;
    }
    if (!dyn->device) {
        return ath__fail(dyn->ctx, ATH_E_ARGUMENT,
                         "run: no batch provided, and no device to make one on");
    }
    const ath_batch_config config = {
        .size = sizeof config, .device = dyn->device, .n_systems = dyn->max_batch_size};
    ATH__TRY(ath_batch_create(dyn->ctx, &config, &f->batch));
    f->own = true;
    *batch = f->batch;
    return ATH_OK;
}

ath_status ath__refill_run(ath_dynamics *dyn, ath_batch *batch, int64_t n_steps)
{
    ath__inflight *f = &dyn->inflight;
    refill_base base;
    ATH__TRY(refill_batch(dyn, &batch));
    ATH__TRY(refill_base_of(dyn, batch, &base));
    f->done = false;
    const ath_status status = refill_loop(dyn, batch, n_steps, &base);
    if (status >= 0 && ath_batch_n_systems(batch) > 0) {
        ATH__TRY(ath__evaluate_left_over(dyn, batch, ATH__SCHEDULE_STALE));
    }
    dyn->stats.n_systems = ath_batch_n_systems(batch);
    if (f->done && f->own && batch == f->batch) {
        ath__plan_drop(dyn);
        ath_batch_destroy(&f->batch);
        f->own = false;
    }
    return status;
}
