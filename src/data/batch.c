/* Batches: making them, their capacity, fields and addresses. What moves systems in and out is in
 * batch_rows.c (one system) and batch_sets.c (many).
 *
 * Every array is listed by ath__batch_arrays, so that growing and compacting are loops over that
 * list and a new field needs no code. Device memory is only ever touched by copies.
 */
#include "data/batch_struct.h"

#include <string.h>

enum { BATCH_FIRST_SLOTS = 8, BATCH_FIRST_UNITS = 8, BATCH_MAX_UNITS = 1 << 30 };

/* Bytes of a row of an array that is no field. */
static size_t batch_own_bytes(const ath_batch *batch, int32_t own)
{
    switch (own) {
    case ATH__OWN_N_ATOMS:
    case ATH__OWN_FLAGS:
        return sizeof(int32_t);
    case ATH__OWN_UID:
        return 2 * sizeof(uint64_t);
    case ATH__OWN_SYSTEM_STATE:
        return (size_t)batch->n_system_state * sizeof(uint64_t);
    case ATH__OWN_ATOM_STATE:
        return (size_t)batch->n_atom_state * sizeof(uint64_t);
    default:
        return sizeof(int64_t);
    }
}

int32_t ath__batch_arrays(ath_batch *batch, ath__batch_array out[ATH__BATCH_ARRAYS])
{
    int32_t n = 0;
    for (ath_field_id id = 0; id < ATH_MAX_FIELDS; id++) {
        if (batch->has[id]) {
            const ath_field_info *info = ath_field_describe(batch->ctx, id);
            out[n++] = (ath__batch_array){.address = &batch->fields[id],
                                          .row_bytes = (size_t)info->width *
                                                       (size_t)ath_dtype_bytes(info->dtype),
                                          .atom = info->level == ATH_LEVEL_ATOM,
                                          .field = id};
        }
    }
    for (int32_t own = 0; own < ATH__N_OWN; own++) {
        const size_t bytes = batch_own_bytes(batch, own);
        if (bytes > 0) {
            out[n++] = (ath__batch_array){.address = &batch->own[own],
                                          .row_bytes = bytes,
                                          .atom = own == ATH__OWN_ATOM_STATE,
                                          .field = -1,
                                          .own = own};
        }
    }
    return n;
}

ath_status ath__batch_copy(const ath_batch *batch, enum ath__copy_kind kind, void *to,
                           const void *from, size_t bytes)
{
    ath_device *device = batch->device;
    return bytes ? device->ops->copy(&device->stream, kind, to, from, bytes) : ATH_OK;
}

ath_status ath__batch_wait(const ath_batch *batch)
{
    return batch->device->ops->wait(&batch->device->stream);
}

/* ---- capacity ---- */

static void batch_free_arrays(ath_batch *batch, const ath__batch_array *arrays, int32_t n,
                              void **blocks, const size_t *rows)
{
    for (int32_t i = 0; i < n; i++) {
        if (blocks[i]) {
            ath__device_free(batch->device, blocks[i], rows[i], arrays[i].row_bytes);
            blocks[i] = NULL;
        }
    }
}

/* New, larger blocks for the arrays that grow, with the present content copied over; nothing of the
 * batch has changed. blocks[i] stays NULL for arrays that keep their size. */
static ath_status batch_grow_arrays(ath_batch *batch, const ath__batch_array *arrays, int32_t n,
                                    void **blocks, const size_t *rows)
{
    for (int32_t i = 0; i < n; i++) {
        const size_t old = ath__batch_array_rows(batch, &arrays[i]);
        if (rows[i] > old) {
            ATH__TRY(ath__device_alloc(batch->device, rows[i], arrays[i].row_bytes, &blocks[i]));
            ATH__TRY(ath__batch_copy(batch, ATH__ON_DEVICE, blocks[i], *arrays[i].address,
                                     old * arrays[i].row_bytes));
        }
    }
    return ath__batch_wait(batch);
}

typedef struct batch_host {
    ath__slot *slots;
    int32_t *order, *free_slots;
} batch_host;

static void batch_free_host(ath_batch *batch, batch_host *host, int32_t capacity)
{
    ath__free(batch->ctx, &host->slots, (size_t)capacity, sizeof *host->slots);
    ath__free(batch->ctx, &host->order, (size_t)capacity, sizeof *host->order);
    ath__free(batch->ctx, &host->free_slots, (size_t)capacity, sizeof *host->free_slots);
}

static ath_status batch_alloc_host(ath_batch *batch, batch_host *host, int32_t capacity)
{
    const size_t n = (size_t)capacity;
    ATH__TRY(ath__alloc(batch->ctx, n, sizeof *host->slots, &host->slots));
    ATH__TRY(ath__alloc(batch->ctx, n, sizeof *host->order, &host->order));
    return ath__alloc(batch->ctx, n, sizeof *host->free_slots, &host->free_slots);
}

/* Takes the larger host arrays over: the new slots go under the free ones, lowest on top. */
static void batch_adopt_host(ath_batch *batch, batch_host *host, int32_t capacity)
{
    const int32_t old = batch->capacity, n_free = old - batch->n_systems;
    batch_host before = {batch->slots, batch->order, batch->free_slots};
    for (int32_t slot = old; slot < capacity; slot++) {
        host->slots[slot].n_atoms = -1;
        host->free_slots[capacity - 1 - slot] = slot;
    }
    if (old > 0) {
        memcpy(host->slots, before.slots, (size_t)old * sizeof *before.slots);
        memcpy(host->order, before.order, (size_t)batch->n_systems * sizeof *before.order);
        memcpy(host->free_slots + (capacity - old), before.free_slots,
               (size_t)n_free * sizeof *before.free_slots);
    }
    batch_free_host(batch, &before, old);
    batch->slots = host->slots;
    batch->order = host->order;
    batch->free_slots = host->free_slots;
    batch->capacity = capacity;
}

ath_status ath__batch_grow(ath_batch *batch, int32_t capacity, int32_t n_units)
{
    ath__batch_array arrays[ATH__BATCH_ARRAYS];
    void *blocks[ATH__BATCH_ARRAYS] = {NULL};
    size_t rows[ATH__BATCH_ARRAYS];
    batch_host host = {NULL, NULL, NULL};
    const int32_t n = ath__batch_arrays(batch, arrays);
    capacity = capacity > batch->capacity ? capacity : batch->capacity;
    n_units = n_units > batch->ranges.n_units ? n_units : batch->ranges.n_units;
    if (capacity == batch->capacity && n_units == batch->ranges.n_units) {
        return ATH_OK;
    }
    for (int32_t i = 0; i < n; i++) {
        rows[i] = arrays[i].atom ? (size_t)n_units * ATH__ROW_UNIT : (size_t)capacity;
    }
    ath_status s = batch_grow_arrays(batch, arrays, n, blocks, rows);
    if (s == ATH_OK && capacity > batch->capacity) {
        s = batch_alloc_host(batch, &host, capacity);
    }
    const int32_t old_units = batch->ranges.n_units;
    if (s == ATH_OK) {
        s = ath__ranges_grow(batch->ctx, &batch->ranges, n_units);
    }
    if (s != ATH_OK) {
        (void)ath__batch_wait(batch); /* copies that are under way use the blocks */
        batch_free_arrays(batch, arrays, n, blocks, rows);
        batch_free_host(batch, &host, capacity);
        return s;
    }
    for (int32_t i = 0; i < n; i++) {
        if (blocks[i]) {
            const size_t old =
                arrays[i].atom ? (size_t)old_units * ATH__ROW_UNIT : (size_t)batch->capacity;
            ath__device_free(batch->device, *arrays[i].address, old, arrays[i].row_bytes);
            *arrays[i].address = blocks[i];
        }
    }
    if (host.slots) {
        batch_adopt_host(batch, &host, capacity);
    }
    batch->epoch++;
    return ATH_OK;
}

ath_status ath_batch_reserve(ath_batch *batch, int32_t n_systems, int64_t n_atoms)
{
    if (batch == NULL || n_systems < 0 || n_atoms < 0) {
        return ath__fail(batch ? batch->ctx : NULL, ATH_E_ARGUMENT,
                         "ath_batch_reserve: bad argument");
    }
    if (batch->max_systems > 0 && n_systems > batch->max_systems) {
        return ath__fail(batch->ctx, ATH_E_RANGE, "the batch is limited to %d systems, not %d",
                         batch->max_systems, n_systems);
    }
    if (n_atoms > (int64_t)BATCH_MAX_UNITS * ATH__ROW_UNIT) {
        return ath__fail(batch->ctx, ATH_E_RANGE, "%lld atom rows are too many",
                         (long long)n_atoms);
    }
    return ath__batch_grow(batch, n_systems, ath__batch_units(n_atoms));
}

ath_status ath__batch_make_room(ath_batch *batch, int32_t n_units)
{
    int64_t capacity = batch->capacity, units = batch->ranges.n_units;
    if (batch->n_systems == batch->capacity) {
        capacity = capacity ? 2 * capacity : BATCH_FIRST_SLOTS;
        capacity =
            batch->max_systems > 0 && capacity > batch->max_systems ? batch->max_systems : capacity;
        capacity = capacity > INT32_MAX ? INT32_MAX : capacity;
    }
    if (n_units > 0) {
        const int64_t twice = units ? 2 * units : BATCH_FIRST_UNITS;
        if (!ath__ranges_can_take(&batch->ranges, n_units)) {
            units = units + n_units > twice ? units + n_units : twice;
        }
    }
    if (capacity <= batch->n_systems || units > BATCH_MAX_UNITS) {
        return ath__fail(batch->ctx, ATH_E_RANGE, "the batch cannot grow any further");
    }
    return ath__batch_grow(batch, (int32_t)capacity, (int32_t)units);
}

bool ath__batch_has_room(const ath_batch *batch, int32_t n_systems, int64_t n_atoms)
{
    return (batch->max_systems == 0 || n_systems <= batch->max_systems - batch->n_systems) &&
           n_systems <= INT32_MAX - batch->n_systems &&
           (batch->max_atoms == 0 || n_atoms <= batch->max_atoms - batch->n_atoms);
}

ath_status ath__batch_limits(const ath_batch *batch, int32_t n_systems, int64_t n_atoms)
{
    if (ath__batch_has_room(batch, n_systems, n_atoms)) {
        return ATH_OK;
    }
    return ath__fail(
        batch->ctx, ATH_E_RANGE,
        "%d more systems of %lld atoms would pass the limits of the batch (%d systems, "
        "%lld atoms; it holds %d and %lld)",
        n_systems, (long long)n_atoms, batch->max_systems, (long long)batch->max_atoms,
        batch->n_systems, (long long)batch->n_atoms);
}

/* ---- making and destroying ---- */

ath_status ath_batch_create(ath_context *ctx, const ath_batch_config *config, ath_batch **out)
{
    ath_batch *batch = NULL;
    if (ctx == NULL || config == NULL || out == NULL) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "ath_batch_create: NULL argument");
    }
    *out = NULL;
    if (config->size != sizeof *config) {
        return ath__fail(ctx, ATH_E_ABI, "ath_batch_config: unknown size %zu", config->size);
    }
    if (config->device == NULL || config->n_systems < 0 || config->n_atoms < 0 ||
        config->max_systems < 0 || config->max_atoms < 0) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "ath_batch_create: %s",
                         config->device ? "negative capacity or limit" : "no device");
    }
    if (config->device->ctx != ctx) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "the device belongs to another context");
    }
    ATH__TRY(ath__alloc(ctx, 1, sizeof *batch, &batch));
    batch->ctx = ctx;
    batch->device = config->device;
    batch->max_systems = config->max_systems;
    batch->max_atoms = config->max_atoms;
    batch->epoch = 1;
    ath__ranges_init(&batch->ranges);
    for (ath_field_id id = 0; id < ATH_N_CORE_FIELDS; id++) {
        batch->has[id] = true;
    }
    const ath_status s = ath_batch_reserve(batch, config->n_systems, config->n_atoms);
    if (s != ATH_OK) {
        ath_batch_destroy(&batch);
        return s;
    }
    *out = batch;
    return ATH_OK;
}

void ath_batch_destroy(ath_batch **batch)
{
    ath__batch_array arrays[ATH__BATCH_ARRAYS];
    if (batch == NULL || *batch == NULL) {
        return;
    }
    ath_batch *b = *batch;
    ath_context *ctx = b->ctx;
    const int32_t n = ath__batch_arrays(b, arrays);
    for (int32_t i = 0; i < n; i++) {
        ath__device_free(b->device, *arrays[i].address, ath__batch_array_rows(b, &arrays[i]),
                         arrays[i].row_bytes);
    }
    for (int32_t i = 0; i < b->n_systems; i++) {
        ath__baggage_free(ctx, &b->slots[b->order[i]].bag);
    }
    batch_host host = {b->slots, b->order, b->free_slots};
    batch_free_host(b, &host, b->capacity);
    ath__ranges_free(ctx, &b->ranges);
    ath__free(ctx, &b->staging, b->staging_bytes, 1);
    ath__free(ctx, batch, 1, sizeof *b);
}

ath_status ath_batch_create_like(const ath_batch *like, int32_t n_systems, int64_t n_atoms,
                                 ath_batch **out)
{
    if (like == NULL || out == NULL) {
        return ATH_E_ARGUMENT;
    }
    const ath_batch_config config = {
        .size = sizeof config, .device = like->device, .n_systems = n_systems, .n_atoms = n_atoms};
    ATH__TRY(ath_batch_create(like->ctx, &config, out));
    ath_status s = ath__batch_state(*out, like->n_system_state, like->n_atom_state);
    for (ath_field_id id = ATH_N_CORE_FIELDS; id < ATH_MAX_FIELDS && s == ATH_OK; id++) {
        if (like->has[id]) {
            s = ath_batch_add_field(*out, id);
        }
    }
    if (s != ATH_OK) {
        ath_batch_destroy(out);
    }
    return s;
}

/* ---- fields and state ---- */

/* A host block of default values goes through the staging area of the copy, so that any device can
 * be filled. */
static ath_status batch_fill_field(ath_batch *batch, const ath_field_info *info, void *d_rows,
                                   size_t n_rows)
{
    const size_t n = n_rows * (size_t)info->width, size = (size_t)ath_dtype_bytes(info->dtype);
    void *rows = NULL;
    if (n == 0 || (info->fallback == 0.0 && !__builtin_signbit(info->fallback))) {
        return ATH_OK; /* device memory is made of zeros */
    }
    ATH__TRY(ath__alloc(batch->ctx, n, size, &rows));
    ath__field_fill(info, rows, n);
    const ath_status s = ath__device_upload(batch->device, d_rows, rows, n * size);
    ath__free(batch->ctx, &rows, n, size);
    return s;
}

ath_status ath_batch_add_field(ath_batch *batch, ath_field_id field)
{
    if (batch == NULL) {
        return ATH_E_ARGUMENT;
    }
    const ath_field_info *info = ath_field_describe(batch->ctx, field);
    if (info == NULL || info->level == ATH_LEVEL_EDGE) {
        return ath__fail(batch->ctx, ATH_E_UNKNOWN, "there is no field %d", field);
    }
    if (batch->has[field]) {
        return ATH_OK;
    }
    const size_t size = (size_t)info->width * (size_t)ath_dtype_bytes(info->dtype);
    const size_t rows = info->level == ATH_LEVEL_ATOM
                            ? (size_t)batch->ranges.n_units * ATH__ROW_UNIT
                            : (size_t)batch->capacity;
    void *block = NULL;
    ATH__TRY(ath__device_alloc(batch->device, rows, size, &block));
    const ath_status s = batch_fill_field(batch, info, block, rows);
    if (s != ATH_OK) {
        ath__device_free(batch->device, block, rows, size);
        return s;
    }
    batch->fields[field] = block;
    batch->has[field] = true;
    return ATH_OK;
}

void ath__batch_remove_field(ath_batch *batch, ath_field_id field)
{
    const ath_field_info *info = ath_field_describe(batch->ctx, field);
    const size_t rows = info->level == ATH_LEVEL_ATOM
                            ? (size_t)batch->ranges.n_units * ATH__ROW_UNIT
                            : (size_t)batch->capacity;
    ath__device_free(batch->device, batch->fields[field], rows,
                     (size_t)info->width * (size_t)ath_dtype_bytes(info->dtype));
    batch->fields[field] = NULL;
    batch->has[field] = false;
}

int ath_batch_has_field(const ath_batch *batch, ath_field_id field)
{
    return batch && field >= 0 && field < ATH_MAX_FIELDS && batch->has[field];
}

ath_status ath__batch_state(ath_batch *batch, int32_t n_system_state, int32_t n_atom_state)
{
    const size_t slots = (size_t)batch->capacity;
    const size_t rows = (size_t)batch->ranges.n_units * ATH__ROW_UNIT;
    const size_t ns = (size_t)n_system_state, na = (size_t)n_atom_state, cell = sizeof(uint64_t);
    void *d_system = NULL, *d_atom = NULL;
    if (n_system_state < 0 || n_atom_state < 0) {
        return ath__fail(batch->ctx, ATH_E_ARGUMENT, "a negative number of state cells");
    }
    if (n_system_state == batch->n_system_state && n_atom_state == batch->n_atom_state) {
        return ATH_OK;
    }
    ATH__TRY(ath__device_alloc(batch->device, slots, ns * cell, &d_system));
    const ath_status s = ath__device_alloc(batch->device, rows, na * cell, &d_atom);
    if (s != ATH_OK) {
        ath__device_free(batch->device, d_system, slots, ns * cell);
        return s;
    }
    ath__device_free(batch->device, batch->own[ATH__OWN_SYSTEM_STATE], slots,
                     (size_t)batch->n_system_state * cell);
    ath__device_free(batch->device, batch->own[ATH__OWN_ATOM_STATE], rows,
                     (size_t)batch->n_atom_state * cell);
    batch->own[ATH__OWN_SYSTEM_STATE] = d_system;
    batch->own[ATH__OWN_ATOM_STATE] = d_atom;
    batch->n_system_state = n_system_state;
    batch->n_atom_state = n_atom_state;
    batch->epoch++;
    return ATH_OK;
}

/* ---- getters ---- */

const void *ath__batch_field(const ath_batch *batch, ath_field_id field)
{
    return field >= 0 && field < ATH_MAX_FIELDS && batch->has[field] ? batch->fields[field] : NULL;
}

void ath__batch_view(const ath_batch *batch, ath__view *out)
{
    void *const *f = batch->fields, *const *own = batch->own;
    *out = (ath__view){
        .first = own[ATH__OWN_FIRST],
        .n_atoms = own[ATH__OWN_N_ATOMS],
        .uid = own[ATH__OWN_UID],
        .cell = f[ATH_FIELD_CELL],
        .pbc = f[ATH_FIELD_PBC],
        .energy = f[ATH_FIELD_ENERGY],
        .stress = f[ATH_FIELD_STRESS],
        .status = f[ATH_FIELD_STATUS],
        .reason = f[ATH_FIELD_REASON],
        .converged = f[ATH_FIELD_CONVERGED],
        .stage_steps = f[ATH_FIELD_STAGE_STEPS],
        .age = f[ATH_FIELD_AGE],
        .target = own[ATH__OWN_TARGET],
        .fmax = f[ATH_FIELD_FMAX],
        .dof = f[ATH_FIELD_DOF],
        .energy_change = f[ATH_FIELD_ENERGY_CHANGE],
        .energy_before = f[ATH_FIELD_ENERGY_BEFORE],
        .criteria = f[ATH_FIELD_CRITERIA],
        .bath = f[ATH_FIELD_BATH],
        .smax = f[ATH_FIELD_SMAX],
        .retries = f[ATH_FIELD_RETRIES],
        .flags = own[ATH__OWN_FLAGS],
        .positions = f[ATH_FIELD_POSITIONS],
        .velocities = f[ATH_FIELD_VELOCITIES],
        .forces = f[ATH_FIELD_FORCES],
        .masses = f[ATH_FIELD_MASSES],
        .numbers = f[ATH_FIELD_NUMBERS],
        .fixed = f[ATH_FIELD_FIXED],
        .system_state = own[ATH__OWN_SYSTEM_STATE],
        .atom_state = own[ATH__OWN_ATOM_STATE],
    };
}

int32_t ath__batch_n_system_state(const ath_batch *batch)
{
    return batch->n_system_state;
}

int32_t ath__batch_n_atom_state(const ath_batch *batch)
{
    return batch->n_atom_state;
}

int32_t ath__batch_slot(const ath_batch *batch, int32_t index)
{
    return batch->order[index];
}

const int32_t *ath__batch_order(const ath_batch *batch)
{
    return batch->order;
}

int64_t ath__batch_first_row(const ath_batch *batch, int32_t slot)
{
    return batch->slots[slot].first;
}

int32_t ath__batch_slot_atoms(const ath_batch *batch, int32_t slot)
{
    return batch->slots[slot].n_atoms;
}

int32_t ath__batch_slot_rows(const ath_batch *batch, int32_t slot)
{
    return batch->slots[slot].n_units * ATH__ROW_UNIT;
}

uint64_t ath__batch_owner(const ath_batch *batch)
{
    return batch->owner;
}

void ath__batch_set_owner(ath_batch *batch, uint64_t owner)
{
    batch->owner = owner;
}

int32_t ath_batch_n_systems(const ath_batch *batch)
{
    return batch ? batch->n_systems : 0;
}

int64_t ath_batch_n_atoms(const ath_batch *batch)
{
    return batch ? batch->n_atoms : 0;
}

int32_t ath_batch_capacity(const ath_batch *batch)
{
    return batch ? batch->capacity : 0;
}

int64_t ath_batch_atom_capacity(const ath_batch *batch)
{
    return batch ? (int64_t)batch->ranges.n_units * ATH__ROW_UNIT : 0;
}

uint64_t ath_batch_epoch(const ath_batch *batch)
{
    return batch ? batch->epoch : 0;
}

int32_t ath_batch_n_atoms_of(const ath_batch *batch, int32_t index)
{
    return batch && index >= 0 && index < batch->n_systems
               ? batch->slots[batch->order[index]].n_atoms
               : -1;
}

ath_device *ath_batch_device(const ath_batch *batch)
{
    return batch ? batch->device : NULL;
}

ath_uid ath_batch_uid(const ath_batch *batch, int32_t index)
{
    return batch && index >= 0 && index < batch->n_systems ? batch->slots[batch->order[index]].uid
                                                           : (ath_uid){0, 0};
}

ath_status ath__batch_index(const ath_batch *batch, int32_t index)
{
    if (index >= 0 && index < batch->n_systems) {
        return ATH_OK;
    }
    return ath__fail(batch->ctx, ATH_E_RANGE, "there is no system %d, the batch has %d", index,
                     batch->n_systems);
}
