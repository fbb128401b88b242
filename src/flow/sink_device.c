/* Systems on a device: a batch whose slots and rows are all there from the start. Each system has
 * 32 x ceil(n_atoms / 32) rows and is only removed together with all others, so that the rows of
 * the largest for every slot are enough for any mixture.
 *
 * The first systems with user fields, or with wider integrator state than those before, cost
 * memory beyond what was reserved: their rows are made then.
 */
#include "flow/sink_private.h"

#include "data/batch_private.h"
#include "data/ranges.h"
#include "data/system_private.h"

typedef struct device_state {
    ath_context *ctx;
    ath_batch *batch; /* holds n systems that are committed, then those that are not */
    int32_t capacity;
    int64_t max_atoms; /* of a system */
    int32_t n_reserved, n;
} device_state;

/* Moves all systems to a new batch with rows of state of these widths. */
static ath_status device_rebuild(ath_batch **batch, int32_t n_system_state, int32_t n_atom_state)
{
    ath_batch *wide = NULL;
    ATH__TRY(ath_batch_create_like(*batch, ath_batch_capacity(*batch),
                                   ath_batch_atom_capacity(*batch), &wide));
    ath_status status = ath__batch_state(wide, n_system_state, n_atom_state);
    for (int32_t i = 0; i < ath_batch_n_systems(*batch) && status == ATH_OK; i++) {
        ath_system *system = NULL;
        status = ath_batch_get(*batch, i, &system);
        if (status == ATH_OK) {
            status = ath__batch_import(wide, system, true, true);
        }
        ath_system_destroy(&system);
    }
    if (status == ATH_OK) {
        ath_batch *narrow = *batch;
        *batch = wide;
        wide = narrow;
    }
    ath_batch_destroy(&wide);
    return status;
}

ath_status ath__sink_widen(ath_batch **batch, const ath_system *system)
{
    const ath__life *life = &system->life;
    const int32_t has_system = ath__batch_n_system_state(*batch);
    const int32_t has_atom = ath__batch_n_atom_state(*batch);
    const int32_t n_system = life->n_system_state > has_system ? life->n_system_state : has_system;
    const int32_t n_atom = life->n_atom_state > has_atom ? life->n_atom_state : has_atom;
    if (n_system == has_system && n_atom == has_atom) {
        return ATH_OK;
    }
    if (ath_batch_n_systems(*batch) == 0 || (has_system == 0 && has_atom == 0)) {
        return ath__batch_state(*batch, n_system, n_atom); /* there is nothing to keep */
    }
    return device_rebuild(batch, n_system, n_atom);
}

static ath_status device_reserve(void *state, int64_t n_atoms)
{
    device_state *d = state;
    if (n_atoms > d->max_atoms) {
        return ath__fail(d->ctx, ATH_E_RANGE,
                         "sink 'device': a system of %lld atoms, it takes up to %lld",
                         (long long)n_atoms, (long long)d->max_atoms);
    }
    if (d->n_reserved >= d->capacity - ath_batch_n_systems(d->batch)) {
        return ATH_AGAIN;
    }
    d->n_reserved++;
    return ATH_OK;
}

static ath_status device_write(void *state, const ath_system *system)
{
    device_state *d = state;
    ATH__TRY(ath__sink_widen(&d->batch, system));
    ATH__TRY(ath__batch_import(d->batch, system, true, true));
    d->n_reserved--;
    return ATH_OK;
}

static ath_status device_commit(void *state)
{
    device_state *d = state;
    d->n = ath_batch_n_systems(d->batch);
    d->n_reserved = 0;
    return ATH_OK;
}

static ath_status device_read(void *state, int64_t index, ath_system **out)
{
    const device_state *d = state;
    return ath_batch_get(d->batch, (int32_t)index, out);
}

static ath_status device_zero(void *state)
{
    device_state *d = state;
    ath_batch_zero(d->batch);
    d->n = d->n_reserved = 0;
    return ATH_OK;
}

static void device_extent(const void *state, int64_t *length, int64_t *capacity)
{
    const device_state *d = state;
    *length = d->n;
    *capacity = d->capacity;
}

static void device_fini(ath_context *ctx, void *state)
{
    device_state *d = state;
    (void)ctx;
    ath_batch_destroy(&d->batch);
}

static const ath_sink_ops device_ops = {
    .abi = ATH_SINK_ABI,
    .name = "device",
    .state_size = sizeof(device_state),
    .fini = device_fini,
    .reserve = device_reserve,
    .write = device_write,
    .commit = device_commit,
    .read = device_read,
    .zero = device_zero,
    .extent = device_extent,
};

ath_status ath_sink_device(ath_context *ctx, ath_device *device, int32_t capacity,
                           int64_t max_atoms, ath_sink **out)
{
    int64_t n_rows;
    if (!ctx || !device || !out) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "ath_sink_device: NULL argument");
    }
    *out = NULL;
    if (capacity < 0 || max_atoms < 0) {
        return ath__fail(ctx, ATH_E_ARGUMENT,
                         "sink 'device': a capacity of %d systems of up to %lld atoms", capacity,
                         (long long)max_atoms);
    }
    if (max_atoms > INT32_MAX - ATH__ROW_UNIT ||
        __builtin_mul_overflow((max_atoms + ATH__ROW_UNIT - 1) / ATH__ROW_UNIT * ATH__ROW_UNIT,
                               (int64_t)capacity, &n_rows)) {
        return ath__fail(ctx, ATH_E_RANGE, "sink 'device': systems of %lld atoms are too large",
                         (long long)max_atoms);
    }
    ATH__TRY(ath_sink_create_from(ctx, &device_ops, NULL, out));
    device_state *d = ath_sink_state(*out);
    d->ctx = ctx;
    d->capacity = capacity;
    d->max_atoms = max_atoms;
    const ath_batch_config config = {
        .size = sizeof config, .device = device, .n_systems = capacity, .n_atoms = n_rows};
    const ath_status status = ath_batch_create(ctx, &config, &d->batch);
    if (status != ATH_OK) {
        ath_sink_destroy(out);
    }
    return status;
}
