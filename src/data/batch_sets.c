/* Operations on many systems of a batch: from_systems, append, select, put, trim, zero, compact.
 *
 * Systems go from batch to batch one by one through host memory, with everything they carry, so
 * that the two may stand on different devices. What fails half-way is taken back. Removing only
 * changes host-side books and the numbers of atoms on the device.
 */
#include "data/batch_struct.h"

#include <string.h>

ath_status ath_batch_from_systems(ath_context *ctx, ath_device *device, ath_system *const *systems,
                                  int32_t n, ath_batch **out)
{
    int64_t n_units = 0;
    if (ctx == NULL || out == NULL || n < 0 || (n > 0 && systems == NULL)) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "ath_batch_from_systems: bad argument");
    }
    *out = NULL;
    for (int32_t i = 0; i < n; i++) {
        if (systems[i] == NULL) {
            return ath__fail(ctx, ATH_E_ARGUMENT, "ath_batch_from_systems: system %d is NULL", i);
        }
        n_units += ath__batch_units(systems[i]->n_atoms);
    }
    const ath_batch_config config = {.size = sizeof config,
                                     .device = device,
                                     .n_systems = n,
                                     .n_atoms = n_units * ATH__ROW_UNIT};
    ATH__TRY(ath_batch_create(ctx, &config, out));
    for (int32_t i = 0; i < n; i++) {
        const ath_status s = ath_batch_add(*out, systems[i]);
        if (s != ATH_OK) {
            ath_batch_destroy(out);
            return s;
        }
    }
    return ATH_OK;
}

/* ---- removing ---- */

void ath__batch_free_slot(ath_batch *batch, int32_t slot)
{
    ath__slot *entry = &batch->slots[slot];
    if (entry->n_units > 0) {
        ath__ranges_give(&batch->ranges, (int32_t)(entry->first / ATH__ROW_UNIT), entry->n_units);
    }
    ath__baggage_free(batch->ctx, &entry->bag);
    batch->n_atoms -= entry->n_atoms;
    batch->free_slots[batch->capacity - batch->n_systems] = slot;
    batch->n_systems--;
    *entry = (ath__slot){.n_atoms = -1};
}

void ath__batch_drop_last(ath_batch *batch, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        ath__batch_free_slot(batch, batch->order[batch->n_systems - 1]);
    }
}

ath_status ath_batch_trim(ath_batch *batch, const uint8_t *mask)
{
    int32_t kept = 0;
    if (batch == NULL || (mask == NULL && batch->n_systems > 0)) {
        return ath__fail(batch ? batch->ctx : NULL, ATH_E_ARGUMENT,
                         "ath_batch_trim: NULL argument");
    }
    const int32_t n = batch->n_systems;
    for (int32_t i = 0; i < n; i++) {
        const int32_t slot = batch->order[i];
        if (mask[i]) {
            ath__batch_free_slot(batch, slot);
        } else {
            batch->order[kept++] = slot;
        }
    }
    return ATH_OK;
}

void ath_batch_zero(ath_batch *batch)
{
    if (batch == NULL) {
        return;
    }
    for (int32_t i = 0; i < batch->n_systems; i++) {
        ath__baggage_free(batch->ctx, &batch->slots[batch->order[i]].bag);
    }
    for (int32_t slot = 0; slot < batch->capacity; slot++) {
        batch->slots[slot] = (ath__slot){.n_atoms = -1};
        batch->free_slots[batch->capacity - 1 - slot] = slot;
    }
    batch->n_systems = 0;
    batch->n_atoms = 0;
    ath__ranges_reset(&batch->ranges);
}

/* ---- from batch to batch ---- */

/* Copies one system with its life. */
static ath_status batch_transfer(ath_batch *to, const ath_batch *from, int32_t index, bool grow)
{
    ath_system *system = NULL;
    ATH__TRY(ath__batch_export(from, from->order[index], &system));
    const ath_status s = ath__batch_import(to, system, true, grow);
    ath_system_destroy(&system);
    return s;
}

/* User fields of `from` that no system brings along because there is none. */
static ath_status batch_unite_fields(ath_batch *to, const ath_batch *from)
{
    for (ath_field_id id = ATH_N_CORE_FIELDS; id < ATH_MAX_FIELDS; id++) {
        if (from->has[id]) {
            ATH__TRY(ath_batch_add_field(to, id));
        }
    }
    return ATH_OK;
}

static ath_status batch_check_pair(const ath_batch *a, const ath_batch *b, const char *what)
{
    if (a == NULL || b == NULL || a == b) {
        return ath__fail(a ? a->ctx : NULL, ATH_E_ARGUMENT, "%s: %s", what,
                         a && b ? "source and destination are the same batch" : "NULL argument");
    }
    if (a->ctx != b->ctx) {
        return ath__fail(a->ctx, ATH_E_ARGUMENT, "%s: the batches belong to two contexts", what);
    }
    return ATH_OK;
}

ath_status ath_batch_append(ath_batch *batch, const ath_batch *other)
{
    int32_t done = 0;
    ATH__TRY(batch_check_pair(batch, other, "ath_batch_append"));
    ATH__TRY(ath__batch_limits(batch, other->n_systems, other->n_atoms));
    ath_status s = batch_unite_fields(batch, other);
    for (; done < other->n_systems && s == ATH_OK; done++) {
        s = batch_transfer(batch, other, done, true);
        if (s != ATH_OK) {
            break;
        }
    }
    if (s != ATH_OK) {
        ath__batch_drop_last(batch, done);
    }
    return s;
}

ath_status ath_batch_select(const ath_batch *batch, const int32_t *indices, int32_t n,
                            ath_batch **out)
{
    int64_t n_units = 0;
    if (batch == NULL || indices == NULL || out == NULL || n < 1) {
        return ath__fail(batch ? batch->ctx : NULL, ATH_E_ARGUMENT,
                         "ath_batch_select: NULL argument or nothing selected");
    }
    *out = NULL;
    for (int32_t i = 0; i < n; i++) {
        ATH__TRY(ath__batch_index(batch, indices[i]));
        n_units += batch->slots[batch->order[indices[i]]].n_units;
    }
    ATH__TRY(ath_batch_create_like(batch, n, n_units * ATH__ROW_UNIT, out));
    for (int32_t i = 0; i < n; i++) {
        const ath_status s = batch_transfer(*out, batch, indices[i], true);
        if (s != ATH_OK) {
            ath_batch_destroy(out);
            return s;
        }
    }
    return ATH_OK;
}

ath_status ath_batch_put(ath_batch *dst, const ath_batch *src, const uint8_t *mask, uint8_t *copied)
{
    int32_t done = 0;
    ATH__TRY(batch_check_pair(dst, src, "ath_batch_put"));
    if (mask == NULL && src->n_systems > 0) {
        return ath__fail(dst->ctx, ATH_E_ARGUMENT, "ath_batch_put: no mask");
    }
    if (copied) {
        memset(copied, 0, (size_t)src->n_systems);
    }
    ath_status s = batch_unite_fields(dst, src);
    for (int32_t i = 0; i < src->n_systems && s >= 0; i++) {
        const int32_t n_atoms = src->slots[src->order[i]].n_atoms;
        if (!mask[i] || !ath__batch_fits_now(dst, n_atoms)) {
            continue;
        }
        s = batch_transfer(dst, src, i, false);
        if (s == ATH_OK) {
            done++;
            if (copied) {
                copied[i] = 1;
            }
        }
    }
    if (s < 0) {
        ath__batch_drop_last(dst, done);
        if (copied) {
            memset(copied, 0, (size_t)src->n_systems);
        }
        return s;
    }
    return ATH_OK;
}

/* ---- compacting ---- */

/* One array in its new block: systems in public order, slots 0, 1, ..., ranges end to end. Systems
 * that already stand side by side go in one copy. */
static ath_status batch_pack_array(const ath_batch *batch, const ath__batch_array *array,
                                   uint8_t *block)
{
    int64_t to = 0;
    for (int32_t i = 0; i < batch->n_systems;) {
        const int32_t slot = batch->order[i];
        int64_t from = array->atom ? batch->slots[slot].first : slot, length = 0;
        while (i < batch->n_systems) {
            const ath__slot *next = &batch->slots[batch->order[i]];
            const int64_t rows = array->atom ? (int64_t)next->n_units * ATH__ROW_UNIT : 1;
            const int64_t at = array->atom ? next->first : batch->order[i];
            if (rows > 0 && length > 0 && at != from + length) {
                break;
            }
            from = length == 0 ? at : from; /* systems without rows come before any that has */
            length += rows;
            i++;
        }
        if (length > 0) {
            ATH__TRY(ath__batch_copy(batch, ATH__ON_DEVICE, block + (size_t)to * array->row_bytes,
                                     ath__batch_row(array, from),
                                     (size_t)length * array->row_bytes));
        }
        to += length;
    }
    return ATH_OK;
}

/* The books of the compacted batch: new slots and first rows, in `slots` and `first`. */
static void batch_renumber(const ath_batch *batch, ath__slot *slots, int64_t *first)
{
    int64_t row = 0;
    for (int32_t i = 0; i < batch->capacity; i++) {
        slots[i] = (ath__slot){.n_atoms = -1};
        if (i < batch->n_systems) {
            slots[i] = batch->slots[batch->order[i]];
            slots[i].first = slots[i].n_units > 0 ? row : 0;
            first[i] = slots[i].first;
            row += (int64_t)slots[i].n_units * ATH__ROW_UNIT;
        }
    }
}

/* Takes the new blocks and books over. Nothing can fail any more. */
static void batch_adopt(ath_batch *batch, const ath__batch_array *arrays, int32_t n,
                        void *const *blocks, ath__slot *slots)
{
    int32_t n_units = 0;
    for (int32_t i = 0; i < n; i++) {
        ath__device_free(batch->device, *arrays[i].address,
                         ath__batch_array_rows(batch, &arrays[i]), arrays[i].row_bytes);
        *arrays[i].address = blocks[i];
    }
    ath__free(batch->ctx, &batch->slots, (size_t)batch->capacity, sizeof *slots);
    batch->slots = slots;
    for (int32_t i = 0; i < batch->capacity; i++) {
        if (i < batch->n_systems) {
            batch->order[i] = i;
            n_units += slots[i].n_units;
        } else {
            batch->free_slots[batch->capacity - 1 - i] = i;
        }
    }
    ath__ranges_reset(&batch->ranges);
    if (n_units > 0) {
        ath__ranges_take(&batch->ranges, n_units); /* all is free, so this is the beginning */
    }
    batch->epoch++;
}

ath_status ath_batch_compact(ath_batch *batch)
{
    ath__batch_array arrays[ATH__BATCH_ARRAYS];
    void *blocks[ATH__BATCH_ARRAYS] = {NULL};
    ath__slot *slots = NULL;
    int64_t *first = NULL;
    int32_t made = 0;
    if (batch == NULL) {
        return ATH_E_ARGUMENT;
    }
    const size_t capacity = (size_t)batch->capacity;
    const int32_t n = ath__batch_arrays(batch, arrays);
    ath_status s = ath__alloc(batch->ctx, capacity, sizeof *slots, &slots);
    s = s == ATH_OK ? ath__alloc(batch->ctx, capacity, sizeof *first, &first) : s;
    for (; made < n && s == ATH_OK; made++) {
        s = ath__device_alloc(batch->device, ath__batch_array_rows(batch, &arrays[made]),
                              arrays[made].row_bytes, &blocks[made]);
        s = s == ATH_OK ? batch_pack_array(batch, &arrays[made], blocks[made]) : s;
    }
    /* Wait in any case: copies that are under way use the blocks. */
    const ath_status waited = ath__batch_wait(batch);
    s = s == ATH_OK ? waited : s;
    if (s == ATH_OK) {
        batch_renumber(batch, slots, first);
    }
    for (int32_t i = 0; i < n && s == ATH_OK; i++) {
        if (arrays[i].field < 0 && arrays[i].own == ATH__OWN_FIRST) {
            s = ath__device_upload(batch->device, blocks[i], first,
                                   (size_t)batch->n_systems * sizeof *first);
        }
    }
    ath__free(batch->ctx, &first, capacity, sizeof *first);
    if (s != ATH_OK) {
        for (int32_t i = 0; i < made; i++) {
            ath__device_free(batch->device, blocks[i], ath__batch_array_rows(batch, &arrays[i]),
                             arrays[i].row_bytes);
        }
        ath__free(batch->ctx, &slots, capacity, sizeof *slots);
        return s;
    }
    batch_adopt(batch, arrays, n, blocks, slots);
    return ATH_OK;
}
