/* In-flight batching: the batch is kept full from a sampler. Every few steps the systems that have
 * stopped are handed over and, once that is acknowledged, removed; newcomers take their slots. It
 * ends when and only when nothing is queued and nothing is active.
 */
#include "dynamics/dynamics_private.h"

enum { REFILL_FREQUENCY = 4 };

typedef struct refill {
    ath_dynamics *dyn;
    ath_batch *batch;
    ath_sampler *sampler;
    const ath_drain *drain;
    uint8_t *mask; /* [max_systems]: acknowledged, to be removed */
    int32_t max_mask;
    bool ended;   /* the sampler has no more */
    bool waiting; /* a stopped system was not taken and is to be offered again */
} refill;

/* A copy of the text: the message of the context does not outlive the calls of the receiver. */
static ath_status refill_reject(refill *r, ath_reason reason)
{
    char message[512];
    const char *file = NULL;
    int64_t frame = 0;
    size_t n = 0;
    const char *text = ath_context_message(r->dyn->ctx);
    while (n + 1 < sizeof message && text[n]) {
        message[n] = text[n];
        n++;
    }
    message[n] = '\0';
    file = ath_sampler_where(r->sampler, &frame);
    return r->drain->rejected ? r->drain->rejected(r->drain->user, file, frame, reason, message)
                              : ATH_OK;
}

/* Adds a system, or rejects it if the model cannot have it. Consumes it. */
static ath_status refill_admit(refill *r, ath_system **system)
{
    ath_status status = ath_model_accepts(r->dyn->model, *system);
    if (status == ATH_E_UNSUPPORTED) {
        status = refill_reject(r, ATH_REASON_BAD_INPUT);
    } else if (status >= 0) {
        status = ath_batch_add(r->batch, *system);
    }
    ath_system_destroy(system);
    return status;
}

/* Takes systems from the sampler while there is room. */
static ath_status refill_fill(refill *r)
{
    while (!r->ended && ath_batch_n_systems(r->batch) < r->drain->max_systems) {
        ath_system *system = NULL;
        const bool empty = ath_batch_n_systems(r->batch) == 0;
        int64_t room = -1;
        if (r->drain->max_atoms > 0) {
            room = r->drain->max_atoms - ath_batch_n_atoms(r->batch);
            room = room > 0 ? room : 0;
        }
        ath_status status = ath_sampler_next(r->sampler, room, &system);
        if (status == ATH_END) {
            r->ended = true;
            return ATH_OK;
        }
        if (status == ATH_AGAIN && !empty) {
            return ATH_OK;
        }
        if (status == ATH_AGAIN) { /* does not even fit alone */
            ATH__TRY(ath_sampler_next(r->sampler, -1, &system));
            ath__message(r->dyn->ctx, ATH_E_RANGE, "%d atoms, the limit is %lld",
                         (int)ath_system_n_atoms(system), (long long)r->drain->max_atoms);
            ath_system_destroy(&system);
            status = refill_reject(r, ATH_REASON_TOO_LARGE);
        } else if (status == ATH_E_FORMAT) {
            status = refill_reject(r, ATH_REASON_BAD_INPUT);
        } else if (status >= 0) {
            status = refill_admit(r, &system);
        }
        ATH__TRY(status);
    }
    return ATH_OK;
}

/* Hands over what has stopped. A system leaves the batch only after it has been taken. */
static ath_status refill_drain(refill *r)
{
    const int32_t n = ath_batch_n_systems(r->batch);
    int32_t n_taken = 0;
    ath_status status = ATH_OK;
    ATH__TRY(ath__loop_refresh(r->dyn, r->batch, ATH__SCHEDULE_LEFT));
    r->waiting = false;
    for (int32_t i = 0; i < n; i++) {
        int32_t code = 0;
        r->mask[i] = 0;
        if (status < 0) {
            continue;
        }
        status = ath_batch_read(r->batch, ATH_FIELD_STATUS, i, &code);
        if (status < 0 ||
            ath__part_of(code, r->dyn->n_parts, r->dyn->fused ? -1 : r->dyn->exit_status) >= 0) {
            continue;
        }
        ath_system *system = NULL;
        status = ath_batch_get(r->batch, i, &system);
        if (status >= 0) {
            status = r->drain->done(r->drain->user, system);
            ath_system_destroy(&system);
        }
        r->mask[i] = status == ATH_OK;
        n_taken += r->mask[i];
        r->waiting = r->waiting || status == ATH_AGAIN;
    }
    if (n_taken) {
        ATH__TRY(ath_batch_trim(r->batch, r->mask));
    }
    return status;
}

/* Counts the steps in which nobody was active. Newcomers then begin at a multiple of the frequency,
 * as if someone had been, and hooks of that frequency see each of them at its own multiples. */
static void refill_idle(ath_dynamics *dyn, int64_t steps)
{
    dyn->step_count += steps;
    for (int32_t p = 0; p < dyn->n_parts; p++) {
        dyn->parts[p].step_count += steps;
    }
}

/* Largest force on an atom of the active systems, as last assessed. */
static ath_status refill_worst(refill *r)
{
    ath_dynamics *dyn = r->dyn;
    dyn->stats.worst_fmax = 0.0;
    for (int32_t i = 0; i < ath_batch_n_systems(r->batch); i++) {
        double fmax = 0.0;
        ATH__TRY(ath_batch_read(r->batch, ATH_FIELD_FMAX, i, &fmax));
        dyn->stats.worst_fmax = fmax > dyn->stats.worst_fmax ? fmax : dyn->stats.worst_fmax;
    }
    return ATH_OK;
}

static ath_status refill_run(refill *r)
{
    ath_dynamics *dyn = r->dyn;
    int64_t n_active = 0, n_converged = 0;
    ATH__TRY(refill_fill(r));
    while (ath_batch_n_systems(r->batch) > 0) {
        int64_t n_left = 0;
        const int32_t frequency = r->drain->frequency > 0 ? r->drain->frequency : REFILL_FREQUENCY;
        ATH__TRY(ath__dynamics_take(dyn, r->batch));
        const int64_t start = dyn->step_count;
        ATH__TRY(ath__loop_steps(dyn, r->batch, frequency, &n_active, &n_converged));
        refill_idle(dyn, start + frequency - dyn->step_count);
        dyn->stats.n_systems = ath_batch_n_systems(r->batch);
        ATH__TRY(ath__plan_take(dyn, ATH__COUNT_LEFT, &n_left));
        if (n_left || r->waiting || n_active == 0) {
            ATH__TRY(refill_drain(r));
            ATH__TRY(refill_fill(r));
        }
        if (r->drain->progress) {
            if (dyn->plan.device->shared) { /* elsewhere a look costs a wait for each system */
                ATH__TRY(refill_worst(r));
            }
            ATH__TRY(r->drain->progress(r->drain->user, dyn));
        }
    }
    return ATH_OK;
}

ath_status ath_dynamics_run_sampler(ath_dynamics *dyn, ath_device *device, ath_sampler *sampler,
                                    const ath_drain *drain)
{
    ath_context *ctx = dyn->ctx;
    if (!device || !sampler || !drain || drain->size != sizeof *drain || !drain->done ||
        drain->max_systems < 1) {
        return ath__fail(ctx, ATH_E_ARGUMENT,
                         "run_sampler: needs a device, a sampler and a drain with `done` and "
                         "max_systems >= 1");
    }
    refill r = {.dyn = dyn, .sampler = sampler, .drain = drain, .max_mask = drain->max_systems};
    const ath_batch_config config = {.size = sizeof config,
                                     .device = device,
                                     .n_systems = drain->max_systems,
                                     .max_systems = drain->max_systems};
    const double start = ath__dynamics_clock();
    int32_t n_opened = 0;
    ath_status status = ath_batch_create(ctx, &config, &r.batch);
    status = status < 0 ? status : ath__alloc(ctx, (size_t)r.max_mask, sizeof *r.mask, &r.mask);
    status = status < 0 ? status : ath__hooks_open(dyn, &n_opened);
    status = status < 0 ? status : refill_run(&r);
    ath__hooks_close(dyn, n_opened);
    ath__free(ctx, &r.mask, (size_t)r.max_mask, sizeof *r.mask);
    ath__plan_drop(dyn);
    ath_batch_destroy(&r.batch);
    dyn->stats.seconds_run += ath__dynamics_clock() - start;
    return status;
}
