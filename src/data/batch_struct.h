/* What a batch is made of; for batch.c, batch_rows.c and batch_sets.c only. */
#ifndef ATHANOR_DATA_BATCH_STRUCT_H
#define ATHANOR_DATA_BATCH_STRUCT_H

#include "data/batch_private.h"
#include "data/ranges.h"
#include "data/system_private.h"

/* Device arrays that are no fields. */
enum {
    ATH__OWN_FIRST,        /* i64 */
    ATH__OWN_N_ATOMS,      /* i32 */
    ATH__OWN_UID,          /* u64 [2] */
    ATH__OWN_TARGET,       /* i64 */
    ATH__OWN_FLAGS,        /* i32 */
    ATH__OWN_SYSTEM_STATE, /* 8-byte cells [n_system_state] */
    ATH__OWN_ATOM_STATE,   /* 8-byte cells [n_atom_state], per atom row */
    ATH__N_OWN
};
enum { ATH__BATCH_ARRAYS = ATH_MAX_FIELDS + ATH__N_OWN };

/* Host side of a slot. */
typedef struct ath__slot {
    int64_t first;   /* row */
    int32_t n_atoms; /* of the system; -1: the slot is free */
    int32_t n_units; /* of rows reserved */
    ath_uid uid;
    ath__baggage bag;
} ath__slot;

struct ath_batch {
    ath_context *ctx;
    ath_device *device;
    int32_t max_systems; /* 0: no limit */
    int64_t max_atoms;
    int32_t n_systems;
    int64_t n_atoms;
    int32_t capacity; /* slots; rows are 32 x ranges.n_units */
    uint64_t epoch, owner;
    /* device memory; [capacity] rows for system level, [32 x n_units] for atom level */
    bool has[ATH_MAX_FIELDS];
    void *fields[ATH_MAX_FIELDS];
    void *own[ATH__N_OWN];
    int32_t n_system_state, n_atom_state;
    /* host memory */
    ath__slot *slots;    /* [capacity] */
    int32_t *order;      /* [capacity], first n_systems used: slots in public order */
    int32_t *free_slots; /* [capacity], first capacity - n_systems used: a stack */
    ath__ranges ranges;
    uint8_t *staging; /* one system's rows on their way to the device */
    size_t staging_bytes;
};

/* One of the device arrays: where its address is kept and the bytes of a row (0: not in use). */
typedef struct ath__batch_array {
    void **address;
    size_t row_bytes;
    bool atom;
    ath_field_id field; /* -1: one of own */
    int32_t own;        /* ATH__OWN_..., if field is -1 */
} ath__batch_array;

/* Lists all arrays of the batch that have rows; returns their number. */
int32_t ath__batch_arrays(ath_batch *batch, ath__batch_array out[ATH__BATCH_ARRAYS]);
static inline size_t ath__batch_array_rows(const ath_batch *batch, const ath__batch_array *array)
{
    return array->atom ? (size_t)batch->ranges.n_units * ATH__ROW_UNIT : (size_t)batch->capacity;
}
/* Device address of a row. */
static inline void *ath__batch_row(const ath__batch_array *array, int64_t row)
{
    return (uint8_t *)*array->address + (size_t)row * array->row_bytes;
}
/* Grows slots and row units to these numbers (never shrinks); bumps the epoch if anything moved.
 * All or nothing. */
ath_status ath__batch_grow(ath_batch *batch, int32_t capacity, int32_t n_units);
/* Room for one more system of n units of rows, growing by doubling if it does not fit as it is. */
ath_status ath__batch_make_room(ath_batch *batch, int32_t n_units);
/* True if a system of that size fits into limits and capacity as they are. */
bool ath__batch_fits_now(const ath_batch *batch, int32_t n_atoms);
/* Takes a user field away again. */
void ath__batch_remove_field(ath_batch *batch, ath_field_id field);
/* Copies on the default stream, to be waited for with ath__batch_wait. */
ath_status ath__batch_copy(const ath_batch *batch, enum ath__copy_kind kind, void *to,
                           const void *from, size_t bytes);
ath_status ath__batch_wait(const ath_batch *batch);
/* Fails with ATH_E_RANGE and a message unless 0 <= index < n_systems. */
ath_status ath__batch_index(const ath_batch *batch, int32_t index);
/* Fails with ATH_E_RANGE and a message where a limit would be passed. */
ath_status ath__batch_limits(const ath_batch *batch, int32_t n_systems, int64_t n_atoms);
/* Host side of removing: the slot becomes free. */
void ath__batch_free_slot(ath_batch *batch, int32_t slot);

static inline int32_t ath__batch_units(int64_t n_atoms)
{
    return (int32_t)((n_atoms + ATH__ROW_UNIT - 1) / ATH__ROW_UNIT);
}

#endif
