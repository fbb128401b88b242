/* One system into a batch, out of it, and its rows.
 *
 * The way in: find a slot and a range of rows, arrange every row of every array in the staging area
 * (values that the system carries, defaults for the rest, zeros up to the end of its range),
 * enqueue one copy per array, wait once, then make it known. Until the last step nothing of the
 * batch has changed but its capacity. The cost is that of the system, whatever else the batch
 * holds.
 */
#include "data/batch_struct.h"

#include <string.h>

enum { BATCH_STAGING_ALIGN = 64 };

/* Rows of a system that are made by the batch, not carried. */
typedef struct batch_newcomer {
    const ath_system *system;
    int32_t slot;
    int32_t n_rows; /* reserved, 32 x units */
    bool keep;
    int64_t first;
    uint64_t uid[2];
    int64_t target;
    int32_t n_atoms, flags;
    double dof;
} batch_newcomer;

static int64_t batch_count_fixed(const ath_system *system)
{
    const uint8_t *fixed = system->fields[ATH_FIELD_FIXED];
    int64_t n = 0;
    for (int64_t i = 0; fixed && i < 3 * (int64_t)system->n_atoms; i++) {
        n += fixed[i] != 0;
    }
    return n;
}

static ath_status batch_describe(const ath_system *system, bool keep, batch_newcomer *c)
{
    const int64_t n_fixed = batch_count_fixed(system);
    ath_uid uid = system->uid;
    if (uid.lo == 0 && uid.hi == 0) {
        ATH__TRY(ath_system_content_hash(system, &uid));
        uid = ath_uid_of(uid, 0);
    }
    *c = (batch_newcomer){.system = system,
                          .keep = keep && system->life.present,
                          .uid = {uid.lo, uid.hi},
                          .n_atoms = system->n_atoms,
                          .n_rows = ath__batch_units(system->n_atoms) * ATH__ROW_UNIT,
                          .flags = ATH__SLOT_FRESH | ATH__SLOT_STALE | ATH__SLOT_ENTER,
                          .dof = (double)(3 * (int64_t)system->n_atoms - n_fixed)};
    if (c->keep) {
        c->flags = system->life.flags;
        c->target = system->life.target;
    }
    c->flags &= ~ATH__SLOT_HAS_FIXED;
    c->flags |= n_fixed > 0 ? ATH__SLOT_HAS_FIXED : 0;
    return ATH_OK;
}

/* Rows of a field, carried or default, at `to`; the rest of the range is zero. */
static void batch_stage_field(const batch_newcomer *c, const ath__batch_array *array, uint8_t *to)
{
    const ath_system *system = c->system;
    const ath_field_info *info = ath_field_describe(system->ctx, array->field);
    const size_t n_rows = array->atom ? (size_t)c->n_rows : 1;
    const size_t used = array->atom ? (size_t)c->n_atoms : 1;
    const void *rows = system->fields[array->field];
    if (rows) {
        memcpy(to, rows, used * array->row_bytes);
    } else if (array->field == ATH_FIELD_MASSES) {
        const int32_t *numbers = system->fields[ATH_FIELD_NUMBERS];
        for (size_t i = 0; i < used; i++) {
            const double mass = ath_element_mass(numbers[i]);
            memcpy(to + i * sizeof mass, &mass, sizeof mass);
        }
    } else if (array->field == ATH_FIELD_DOF) {
        memcpy(to, &c->dof, sizeof c->dof);
    } else {
        ath__field_fill(info, to, used * (size_t)info->width);
    }
    memset(to + used * array->row_bytes, 0, (n_rows - used) * array->row_bytes);
}

/* State cells, row by row: as many as both sides have, zeros for the rest. */
static void batch_stage_state(const batch_newcomer *c, const ath__batch_array *array, uint8_t *to)
{
    const ath__life *life = &c->system->life;
    const size_t width = array->row_bytes / sizeof(uint64_t);
    const size_t has = (size_t)(array->atom ? life->n_atom_state : life->n_system_state);
    const size_t both = has < width ? has : width;
    const size_t used = array->atom ? (size_t)c->n_atoms : 1;
    const uint64_t *from = array->atom ? life->atom_state : life->system_state;
    memset(to, 0, array->row_bytes * (array->atom ? (size_t)c->n_rows : 1));
    for (size_t i = 0; i < used && c->keep && both > 0; i++) {
        memcpy(to + i * array->row_bytes, from + i * has, both * sizeof *from);
    }
}

static void batch_stage(const batch_newcomer *c, const ath__batch_array *array, uint8_t *to)
{
    if (array->field >= 0) {
        batch_stage_field(c, array, to);
        return;
    }
    switch (array->own) {
    case ATH__OWN_FIRST:
        memcpy(to, &c->first, sizeof c->first);
        break;
    case ATH__OWN_N_ATOMS:
        memcpy(to, &c->n_atoms, sizeof c->n_atoms);
        break;
    case ATH__OWN_UID:
        memcpy(to, c->uid, sizeof c->uid);
        break;
    case ATH__OWN_TARGET:
        memcpy(to, &c->target, sizeof c->target);
        break;
    case ATH__OWN_FLAGS:
        memcpy(to, &c->flags, sizeof c->flags);
        break;
    default:
        batch_stage_state(c, array, to);
    }
}

static size_t batch_staged_bytes(const batch_newcomer *c, const ath__batch_array *array)
{
    return array->row_bytes * (array->atom ? (size_t)c->n_rows : 1);
}

/* Room in the staging area for all rows of the newcomer, each array from an aligned place on. */
static ath_status batch_stage_room(ath_batch *batch, const batch_newcomer *c,
                                   const ath__batch_array *arrays, int32_t n)
{
    size_t total = 0;
    for (int32_t i = 0; i < n; i++) {
        const size_t bytes = batch_staged_bytes(c, &arrays[i]) + BATCH_STAGING_ALIGN - 1;
        total += bytes / BATCH_STAGING_ALIGN * BATCH_STAGING_ALIGN;
    }
    if (total > batch->staging_bytes) {
        ath__free(batch->ctx, &batch->staging, batch->staging_bytes, 1);
        batch->staging_bytes = 0;
        ATH__TRY(ath__alloc(batch->ctx, total, 1, &batch->staging));
        batch->staging_bytes = total;
    }
    return ATH_OK;
}

/* Brings all rows of the newcomer to their places. */
static ath_status batch_send(ath_batch *batch, const batch_newcomer *c)
{
    ath__batch_array arrays[ATH__BATCH_ARRAYS];
    const int32_t n = ath__batch_arrays(batch, arrays);
    size_t at = 0;
    ath_status s = batch_stage_room(batch, c, arrays, n);
    if (s != ATH_OK) {
        return s;
    }
    for (int32_t i = 0; i < n && s == ATH_OK; i++) {
        const size_t bytes = batch_staged_bytes(c, &arrays[i]);
        const int64_t row = arrays[i].atom ? c->first : c->slot;
        if (bytes > 0) {
            batch_stage(c, &arrays[i], batch->staging + at);
            s = ath__batch_copy(batch, ATH__TO_DEVICE, ath__batch_row(&arrays[i], row),
                                batch->staging + at, bytes);
        }
        at += (bytes + BATCH_STAGING_ALIGN - 1) / BATCH_STAGING_ALIGN * BATCH_STAGING_ALIGN;
    }
    /* Wait in any case: copies that are under way read the staging area. */
    const ath_status waited = ath__batch_wait(batch);
    return s == ATH_OK ? waited : s;
}

/* Slot and range taken, baggage cloned: send it off, then make it known. */
static ath_status batch_place(ath_batch *batch, batch_newcomer *c)
{
    const int32_t n_units = c->n_rows / ATH__ROW_UNIT;
    ath__slot entry = {
        .n_atoms = c->n_atoms, .n_units = n_units, .uid = {.lo = c->uid[0], .hi = c->uid[1]}};
    const int32_t unit = n_units > 0 ? ath__ranges_take(&batch->ranges, n_units) : 0;
    c->first = (int64_t)unit * ATH__ROW_UNIT;
    c->slot = batch->free_slots[batch->capacity - batch->n_systems - 1];
    entry.first = c->first;
    ath_status s = ath__baggage_clone(batch->ctx, &c->system->bag, &entry.bag);
    if (s == ATH_OK) {
        s = batch_send(batch, c);
    }
    if (s != ATH_OK) {
        ath__baggage_free(batch->ctx, &entry.bag);
        if (n_units > 0) {
            ath__ranges_give(&batch->ranges, unit, n_units);
        }
        return s;
    }
    batch->slots[c->slot] = entry;
    batch->order[batch->n_systems++] = c->slot;
    batch->n_atoms += c->n_atoms;
    return ATH_OK;
}

static bool batch_fits(const ath_batch *batch, int32_t n_units)
{
    return batch->n_systems < batch->capacity &&
           (n_units == 0 || ath__ranges_can_take(&batch->ranges, n_units));
}

bool ath__batch_fits_now(const ath_batch *batch, int32_t n_atoms)
{
    return ath__batch_has_room(batch, 1, n_atoms) && batch_fits(batch, ath__batch_units(n_atoms));
}

static ath_status batch_import_checked(ath_batch *batch, const ath_system *system, bool keep,
                                       bool grow)
{
    const int32_t n_units = ath__batch_units(system->n_atoms);
    batch_newcomer c;
    ATH__TRY(batch_describe(system, keep, &c));
    if (!batch_fits(batch, n_units)) {
        if (!grow) {
            return ATH_AGAIN;
        }
        ATH__TRY(ath__batch_make_room(batch, n_units));
    }
    if (c.keep && batch->n_system_state == 0 && batch->n_atom_state == 0) {
        ATH__TRY(ath__batch_state(batch, system->life.n_system_state, system->life.n_atom_state));
    }
    return batch_place(batch, &c);
}

ath_status ath__batch_import(ath_batch *batch, const ath_system *system, bool keep, bool grow)
{
    ath_field_id added[ATH_MAX_FIELDS];
    int32_t n_added = 0;
    ath_status s = ATH_OK;
    if (system->ctx != batch->ctx) {
        return ath__fail(batch->ctx, ATH_E_ARGUMENT, "the system belongs to another context");
    }
    if (system->n_atoms > INT32_MAX - ATH__ROW_UNIT) {
        return ath__fail(batch->ctx, ATH_E_RANGE, "a system of %d atoms is too large for a batch",
                         system->n_atoms);
    }
    ATH__TRY(ath__batch_limits(batch, 1, system->n_atoms));
    for (ath_field_id id = ATH_N_CORE_FIELDS; id < ATH_MAX_FIELDS && s == ATH_OK; id++) {
        if (system->fields[id] && !batch->has[id]) {
            s = ath_batch_add_field(batch, id);
            added[n_added++] = id;
        }
    }
    if (s != ATH_OK) {
        n_added--; /* the last one has failed */
    } else {
        s = batch_import_checked(batch, system, keep, grow);
    }
    for (int32_t i = 0; i < n_added && s != ATH_OK; i++) {
        ath__batch_remove_field(batch, added[i]);
    }
    return s;
}

ath_status ath_batch_add(ath_batch *batch, const ath_system *system)
{
    if (batch == NULL || system == NULL) {
        return ath__fail(batch ? batch->ctx : NULL, ATH_E_ARGUMENT, "ath_batch_add: NULL argument");
    }
    return ath__batch_import(batch, system, false, true);
}

/* ---- out ---- */

static ath_status batch_export_state(const ath_batch *batch, const ath__slot *entry, int32_t slot,
                                     ath_system *system)
{
    const size_t cell = sizeof(uint64_t);
    ATH__TRY(ath__system_set_life(system, batch->n_system_state, batch->n_atom_state));
    ath__life *life = &system->life;
    ATH__TRY(ath__batch_copy(batch, ATH__TO_HOST, &life->flags,
                             (int32_t *)batch->own[ATH__OWN_FLAGS] + slot, sizeof life->flags));
    ATH__TRY(ath__batch_copy(batch, ATH__TO_HOST, &life->target,
                             (int64_t *)batch->own[ATH__OWN_TARGET] + slot, sizeof life->target));
    const size_t ns = (size_t)batch->n_system_state, na = (size_t)batch->n_atom_state;
    if (ns > 0) {
        ATH__TRY(ath__batch_copy(batch, ATH__TO_HOST, life->system_state,
                                 (uint64_t *)batch->own[ATH__OWN_SYSTEM_STATE] + (size_t)slot * ns,
                                 ns * cell));
    }
    if (na > 0 && entry->n_atoms > 0) {
        ATH__TRY(
            ath__batch_copy(batch, ATH__TO_HOST, life->atom_state,
                            (uint64_t *)batch->own[ATH__OWN_ATOM_STATE] + (size_t)entry->first * na,
                            (size_t)entry->n_atoms * na * cell));
    }
    return ATH_OK;
}

/* Enqueues the copies of all rows; they are there after the wait. */
static ath_status batch_receive(const ath_batch *batch, int32_t slot, ath_system *system)
{
    const ath__slot *entry = &batch->slots[slot];
    for (ath_field_id id = 0; id < ATH_MAX_FIELDS; id++) {
        if (!batch->has[id]) {
            continue;
        }
        void *rows;
        const ath_field_info *info = ath_field_describe(batch->ctx, id);
        const size_t size = (size_t)info->width * (size_t)ath_dtype_bytes(info->dtype);
        const bool atom = info->level == ATH_LEVEL_ATOM;
        const size_t n = atom ? (size_t)entry->n_atoms : 1;
        const size_t row = atom ? (size_t)entry->first : (size_t)slot;
        ATH__TRY(ath_system_field(system, id, &rows));
        if (n > 0) {
            ATH__TRY(ath__batch_copy(batch, ATH__TO_HOST, rows,
                                     (const uint8_t *)batch->fields[id] + row * size, n * size));
        }
    }
    return batch_export_state(batch, entry, slot, system);
}

ath_status ath__batch_export(const ath_batch *batch, int32_t slot, ath_system **out)
{
    const ath__slot *entry = &batch->slots[slot];
    ath_system *system = NULL;
    *out = NULL;
    ATH__TRY(ath_system_create(batch->ctx, entry->n_atoms, &system));
    system->uid = entry->uid;
    ath_status s = ath__baggage_clone(batch->ctx, &entry->bag, &system->bag);
    if (s == ATH_OK) {
        s = batch_receive(batch, slot, system);
    }
    /* Wait in any case: copies that are under way write into the system. */
    const ath_status waited = ath__batch_wait(batch);
    s = s == ATH_OK ? waited : s;
    if (s != ATH_OK) {
        ath_system_destroy(&system);
        return s;
    }
    *out = system;
    return ATH_OK;
}

ath_status ath_batch_get(const ath_batch *batch, int32_t index, ath_system **out)
{
    if (batch == NULL || out == NULL) {
        return ath__fail(batch ? batch->ctx : NULL, ATH_E_ARGUMENT, "ath_batch_get: NULL argument");
    }
    *out = NULL;
    ATH__TRY(ath__batch_index(batch, index));
    return ath__batch_export(batch, batch->order[index], out);
}

/* ---- rows ---- */

ath_status ath_batch_rows(const ath_batch *batch, ath_field_id field, int32_t index, void **out)
{
    if (batch == NULL || out == NULL) {
        return ath__fail(batch ? batch->ctx : NULL, ATH_E_ARGUMENT,
                         "ath_batch_rows: NULL argument");
    }
    *out = NULL;
    ATH__TRY(ath__batch_index(batch, index));
    if (!ath_batch_has_field(batch, field)) {
        const ath_field_info *missing = ath_field_describe(batch->ctx, field);
        return ath__fail(batch->ctx, ATH_E_NOT_FOUND, "the batch has no field %s",
                         missing ? missing->name : "of that number");
    }
    const ath_field_info *info = ath_field_describe(batch->ctx, field);
    const int32_t slot = batch->order[index];
    const int64_t row = info->level == ATH_LEVEL_ATOM ? batch->slots[slot].first : slot;
    const size_t size = (size_t)info->width * (size_t)ath_dtype_bytes(info->dtype);
    if (batch->fields[field]) {
        *out = (uint8_t *)batch->fields[field] + (size_t)row * size;
    }
    return ATH_OK;
}

static size_t batch_rows_bytes(const ath_batch *batch, ath_field_id field, int32_t index)
{
    const ath_field_info *info = ath_field_describe(batch->ctx, field);
    const int32_t n = info->level == ATH_LEVEL_ATOM ? ath_batch_n_atoms_of(batch, index) : 1;
    return (size_t)n * (size_t)info->width * (size_t)ath_dtype_bytes(info->dtype);
}

ath_status ath_batch_read(const ath_batch *batch, ath_field_id field, int32_t index, void *out)
{
    void *d_rows = NULL;
    ATH__TRY(ath_batch_rows(batch, field, index, &d_rows));
    const size_t bytes = batch_rows_bytes(batch, field, index);
    if (out == NULL && bytes > 0) {
        return ath__fail(batch->ctx, ATH_E_ARGUMENT, "ath_batch_read: no place to read to");
    }
    return ath__device_download(batch->device, out, d_rows, bytes);
}

/* Flags of a system after its rows of this field were replaced. */
static int32_t batch_flags_after(ath_field_id field, const void *values, size_t bytes,
                                 int32_t flags)
{
    switch (field) {
    case ATH_FIELD_POSITIONS:
    case ATH_FIELD_NUMBERS:
    case ATH_FIELD_CELL:
    case ATH_FIELD_PBC:
        return flags | ATH__SLOT_FRESH | ATH__SLOT_STALE;
    case ATH_FIELD_FIXED:
        flags &= ~ATH__SLOT_HAS_FIXED;
        for (size_t i = 0; i < bytes; i++) {
            flags |= ((const uint8_t *)values)[i] ? ATH__SLOT_HAS_FIXED : 0;
        }
        return flags;
    default:
        return flags;
    }
}

ath_status ath_batch_write(ath_batch *batch, ath_field_id field, int32_t index, const void *values)
{
    void *d_rows = NULL;
    int32_t flags = 0;
    ATH__TRY(ath_batch_rows(batch, field, index, &d_rows));
    const size_t bytes = batch_rows_bytes(batch, field, index);
    if (values == NULL && bytes > 0) {
        return ath__fail(batch->ctx, ATH_E_ARGUMENT, "ath_batch_write: no values");
    }
    int32_t *d_flags = (int32_t *)batch->own[ATH__OWN_FLAGS] + batch->order[index];
    ATH__TRY(ath__device_download(batch->device, &flags, d_flags, sizeof flags));
    const int32_t after = batch_flags_after(field, values, bytes, flags);
    ATH__TRY(ath__device_upload(batch->device, d_rows, values, bytes));
    return after == flags ? ATH_OK
                          : ath__device_upload(batch->device, d_flags, &after, sizeof after);
}
