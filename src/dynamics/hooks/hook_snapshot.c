/* Snapshots: systems into a sink, at a stage or when they have converged.
 *
 * That a system is written once per stage is kept in a field of its own: its age when it came into
 * the stage that it was last written in, plus 1.
 */
#include "dynamics/hooks/hook_rows.h"

#include <stdio.h>

#include <athanor/dynamics.h>

typedef struct snapshot {
    ath_context *ctx;
    ath_sink *sink;
    ath_field_id seen; /* -1: not yet registered */
    uint8_t *mask, *taken;
    size_t n_masks; /* systems that there is room for */
} snapshot;

static ath_status snapshot_full(const snapshot *it)
{
    return ath__fail(it->ctx, ATH_E_STATE, "snapshot: sink '%s' has no room (%lld systems)",
                     ath_sink_name(it->sink), (long long)ath_sink_length(it->sink));
}

static ath_status snapshot_call(void *user, const ath_hook_context *context)
{
    const snapshot *it = user;
    if (context->n_masked == 0) {
        return ATH_OK;
    }
    const ath_status status = ath_sink_write(it->sink, context->batch, context->mask, NULL);
    return status == ATH_AGAIN ? snapshot_full(it) : status;
}

/* ---- once per stage ---- */

static ath_status snapshot_room(snapshot *it, size_t n)
{
    if (n <= it->n_masks) {
        return ATH_OK;
    }
    ath__free(it->ctx, &it->mask, 2 * it->n_masks, 1);
    it->n_masks = 0;
    it->taken = NULL;
    ATH__TRY(ath__alloc(it->ctx, 2 * n, 1, &it->mask));
    it->n_masks = n;
    it->taken = it->mask + n;
    return ATH_OK;
}

/* Age at which the system came into its stage, plus 1. */
static ath_status snapshot_entry(const ath_batch *batch, int32_t index, int64_t *entry)
{
    int64_t age = 0, steps = 0;
    ATH__TRY(ath_batch_read(batch, ATH_FIELD_AGE, index, &age));
    ATH__TRY(ath_batch_read(batch, ATH_FIELD_STAGE_STEPS, index, &steps));
    *entry = age - steps + 1;
    return ATH_OK;
}

static ath_status snapshot_choose(snapshot *it, const ath_hook_context *context, int32_t *n)
{
    *n = 0;
    for (int32_t i = 0; i < ath_batch_n_systems(context->batch); i++) {
        int64_t entry = 0, seen = 0;
        it->mask[i] = 0;
        if (context->mask[i]) {
            ATH__TRY(snapshot_entry(context->batch, i, &entry));
            ATH__TRY(ath_batch_read(context->batch, it->seen, i, &seen));
            it->mask[i] = seen != entry;
        }
        *n += it->mask[i];
    }
    return ATH_OK;
}

static ath_status snapshot_call_once(void *user, const ath_hook_context *context)
{
    snapshot *it = user;
    ath_batch *batch = context->batch;
    int32_t n = 0;
    if (context->n_masked == 0) {
        return ATH_OK;
    }
    ATH__TRY(ath_batch_add_field(batch, it->seen));
    ATH__TRY(snapshot_room(it, (size_t)ath_batch_n_systems(batch)));
    ATH__TRY(snapshot_choose(it, context, &n));
    if (n == 0) {
        return ATH_OK;
    }
    const ath_status status = ath_sink_write(it->sink, batch, it->mask, it->taken);
    for (int32_t i = 0; i < ath_batch_n_systems(batch); i++) {
        int64_t entry = 0;
        if (it->taken[i]) {
            ATH__TRY(snapshot_entry(batch, i, &entry));
            ATH__TRY(ath_batch_write(batch, it->seen, i, &entry));
        }
    }
    return status == ATH_AGAIN ? snapshot_full(it) : status;
}

/* A field of its own for each such hook of a dynamics, by the order of registration. */
static ath_status snapshot_register(void *user, ath_dynamics *dynamics)
{
    snapshot *it = user;
    const ath_hook *hooks[64];
    char name[48] = "converged_snapshot";
    int32_t n = 0, before = 0;
    ATH__TRY(ath_dynamics_hooks(dynamics, ATH_STAGE_ANY, hooks, 64, &n));
    for (int32_t i = 0; i < n && i < 64; i++) {
        before += hooks[i]->call == snapshot_call_once;
    }
    if (before > 0) {
        snprintf(name, sizeof name, "converged_snapshot.%d", (int)before + 1);
    }
    const ath_field_info info = {.name = name,
                                 .level = ATH_LEVEL_SYSTEM,
                                 .dtype = ATH_I64,
                                 .width = 1,
                                 .unit = "",
                                 .help = "age on entry to the stage last written, plus 1"};
    return ath_field_register(it->ctx, &info, &it->seen);
}

static ath_status snapshot_admit(void *user, ath_dynamics *dynamics, ath_batch *batch,
                                 int32_t index)
{
    const snapshot *it = user;
    (void)dynamics;
    return ath__hook_reset(it->ctx, batch, it->seen, index);
}

/* ---- making ---- */

static void snapshot_destroy(void *user)
{
    snapshot *it = user;
    ath__free(it->ctx, &it->mask, 2 * it->n_masks, 1);
    ath__free(it->ctx, &it, 1, sizeof *it);
}

static ath_status snapshot_make(ath_context *ctx, const char *name, ath_sink *sink, ath_hook *out)
{
    snapshot *it = NULL;
    ATH__TRY(ath__hook_begin(ctx, name, out));
    if (!sink) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "%s: no sink", name);
    }
    ATH__TRY(ath__hook_make(ctx, name, sizeof *it, &it, out));
    *it = (snapshot){.ctx = ctx, .sink = sink, .seen = -1};
    out->access = ATH_HOOK_READS_ENERGY;
    out->call = snapshot_call;
    out->destroy = snapshot_destroy;
    return ATH_OK;
}

ath_status ath_hook_snapshot(ath_context *ctx, ath_sink *sink, ath_hook *out)
{
    return snapshot_make(ctx, "snapshot", sink, out);
}

ath_status ath_hook_converged_snapshot(ath_context *ctx, ath_sink *sink, ath_hook *out)
{
    ATH__TRY(snapshot_make(ctx, "converged_snapshot", sink, out));
    out->stage = ATH_STAGE_ON_CONVERGE;
    out->call = snapshot_call_once;
    out->on_register = snapshot_register;
    out->admit = snapshot_admit;
    return ATH_OK;
}
