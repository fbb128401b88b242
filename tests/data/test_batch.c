/* Batches, operation by operation, on the host and on the mock device. The random sequences are in
 * test_batch_random.c, failing allocations in test_batch_memory.c.
 */
#include "data/batch_rig.h"

static void test_arguments(void **state)
{
    fixture *f = *state;
    ath_batch *batch = NULL;
    ath_system *system = NULL;
    ath_batch_config config = {.size = sizeof config, .device = f->device, .n_systems = -1};
    assert_int_equal(ath_batch_create(f->ctx, &config, &batch), ATH_E_ARGUMENT);
    config.n_systems = 0;
    config.device = NULL;
    assert_int_equal(ath_batch_create(f->ctx, &config, &batch), ATH_E_ARGUMENT);
    config.device = f->device;
    config.size = 3;
    assert_int_equal(ath_batch_create(f->ctx, &config, &batch), ATH_E_ABI);
    config.size = sizeof config;
    config.max_systems = 2;
    config.n_systems = 3;
    assert_int_equal(ath_batch_create(f->ctx, &config, &batch), ATH_E_RANGE);
    assert_null(batch);
    batch = make_sizes(f, 2, (int32_t[]){3, 5});
    void *rows = NULL;
    assert_int_equal(ath_batch_get(batch, 2, &system), ATH_E_RANGE);
    assert_int_equal(ath_batch_get(batch, -1, &system), ATH_E_RANGE);
    assert_int_equal(ath_batch_read(batch, ATH_FIELD_CELL, 2, &rows), ATH_E_RANGE);
    assert_int_equal(ath_batch_rows(batch, f->user[0], 0, &rows), ATH_E_NOT_FOUND);
    assert_int_equal(ath_batch_rows(batch, 1000, 0, &rows), ATH_E_NOT_FOUND);
    assert_int_equal(ath_batch_add_field(batch, 1000), ATH_E_UNKNOWN);
    assert_int_equal(ath_batch_append(batch, batch), ATH_E_ARGUMENT);
    assert_int_equal(ath_batch_put(batch, batch, (uint8_t[]){1, 1}, NULL), ATH_E_ARGUMENT);
    assert_int_equal(ath_batch_trim(batch, NULL), ATH_E_ARGUMENT);
    ath_batch *selected = NULL;
    assert_int_equal(ath_batch_select(batch, (int32_t[]){0, 2}, 2, &selected), ATH_E_RANGE);
    assert_int_equal(ath_batch_select(batch, (int32_t[]){0}, 0, &selected), ATH_E_ARGUMENT);
    assert_null(selected);
    assert_int_equal(ath_batch_uid(batch, 2).lo, 0);
    assert_int_equal(ath_batch_add(batch, NULL), ATH_E_ARGUMENT);
    ath_context *stranger = NULL;
    assert_int_equal(ath_context_create(NULL, &stranger), ATH_OK);
    assert_int_equal(ath_system_create(stranger, 1, &system), ATH_OK);
    assert_int_equal(ath_batch_add(batch, system), ATH_E_ARGUMENT);
    ath_system_destroy(&system);
    ath_context_destroy(&stranger);
    ASSERT_SIZES(batch, 3, 5);
    ath_batch_destroy(&batch);
    ath_batch_destroy(&batch);
}

static void test_order(void **state)
{
    fixture *f = *state;
    ath_batch *batch = make_sizes(f, 4, (int32_t[]){3, 40, 4, 0}), *more = NULL, *picked = NULL;
    ASSERT_SIZES(batch, 3, 40, 4, 0);
    const ath_uid uid = ath_batch_uid(batch, 2);
    assert_int_equal(ath_batch_trim(batch, (uint8_t[]){1, 0, 0, 0}), ATH_OK);
    ASSERT_SIZES(batch, 40, 4, 0);
    assert_true(ath_batch_uid(batch, 1).lo == uid.lo && ath_batch_uid(batch, 1).hi == uid.hi);
    add_size(f, batch, 7); /* into the free slot, but at the end of the order */
    ASSERT_SIZES(batch, 40, 4, 0, 7);
    more = make_sizes(f, 2, (int32_t[]){1, 2});
    assert_int_equal(ath_batch_append(batch, more), ATH_OK);
    ASSERT_SIZES(batch, 40, 4, 0, 7, 1, 2);
    ASSERT_SIZES(more, 1, 2);
    assert_int_equal(ath_batch_select(batch, (int32_t[]){5, 0, 0, 2}, 4, &picked), ATH_OK);
    ASSERT_SIZES(picked, 2, 40, 40, 0);
    ath_system *a = NULL, *b = NULL;
    assert_int_equal(ath_batch_get(batch, 0, &a), ATH_OK);
    assert_int_equal(ath_batch_get(picked, 2, &b), ATH_OK);
    kit_same(a, b, true);
    kit_same_life(a, b);
    ath_system_destroy(&a);
    ath_system_destroy(&b);
    assert_int_equal(ath_batch_compact(batch), ATH_OK);
    ASSERT_SIZES(batch, 40, 4, 0, 7, 1, 2);
    for (int32_t i = 0; i < 6; i++) {
        assert_int_equal(ath__batch_slot(batch, i), i);
    }
    assert_int_equal(ath_batch_trim(batch, (uint8_t[]){1, 1, 1, 1, 1, 1}), ATH_OK);
    assert_int_equal(ath_batch_n_systems(batch), 0);
    assert_int_equal(ath_batch_trim(batch, NULL), ATH_OK);
    ath_batch_destroy(&more);
    ath_batch_destroy(&picked);
    ath_batch_destroy(&batch);
}

static void test_put(void **state)
{
    fixture *f = *state;
    uint8_t copied[4];
    /* no room at all: nothing is copied, nothing grows */
    ath_batch *source = make_sizes(f, 2, (int32_t[]){3, 5});
    ath_batch *full = make_sizes(f, 2, (int32_t[]){3, 5});
    assert_int_equal(ath_batch_trim(full, (uint8_t[]){0, 0}), ATH_OK);
    ath_batch *tight = make_batch(f, 2, 64, 0, 0);
    add_size(f, tight, 3), add_size(f, tight, 5);
    assert_int_equal(ath_batch_put(tight, source, (uint8_t[]){1, 1}, copied), ATH_OK);
    assert_memory_equal(copied, ((uint8_t[]){0, 0}), 2);
    ASSERT_SIZES(tight, 3, 5);
    assert_int_equal(ath_batch_capacity(tight), 2);
    ath_batch_destroy(&tight);
    ath_batch_destroy(&full);
    ath_batch_destroy(&source);
    /* put and trim by what was copied: the two halves make the whole */
    source = make_sizes(f, 4, (int32_t[]){3, 5, 4, 3});
    tight = make_batch(f, 4, 128, 0, 0);
    assert_int_equal(ath_batch_put(tight, source, (uint8_t[]){1, 1, 0, 0}, copied), ATH_OK);
    assert_memory_equal(copied, ((uint8_t[]){1, 1, 0, 0}), 4);
    assert_int_equal(ath_batch_trim(source, copied), ATH_OK);
    ASSERT_SIZES(source, 4, 3);
    ASSERT_SIZES(tight, 3, 5);
    ath_batch_destroy(&source);
    ath_batch_destroy(&tight);
    /* one that does not fit is passed over, a later, smaller one is taken; slots run out */
    source = make_sizes(f, 4, (int32_t[]){20, 100, 33, 1});
    tight = make_batch(f, 2, 96, 0, 0);
    const uint64_t epoch = ath_batch_epoch(tight);
    assert_int_equal(ath_batch_put(tight, source, (uint8_t[]){1, 1, 1, 1}, copied), ATH_OK);
    assert_memory_equal(copied, ((uint8_t[]){1, 0, 1, 0}), 4);
    ASSERT_SIZES(tight, 20, 33);
    assert_int_equal(ath_batch_epoch(tight), epoch);
    assert_int_equal(ath_batch_atom_capacity(tight), 96);
    ath_batch_destroy(&tight);
    /* limits count as well */
    tight = make_batch(f, 8, 1024, 0, 54);
    assert_int_equal(ath_batch_put(tight, source, (uint8_t[]){1, 1, 1, 1}, copied), ATH_OK);
    assert_memory_equal(copied, ((uint8_t[]){1, 0, 1, 1}), 4);
    ath_batch_destroy(&tight);
    ath_batch_destroy(&source);
}

static void test_limits(void **state)
{
    fixture *f = *state;
    ath_batch *batch = make_batch(f, 1, 32, 3, 100), *other = make_sizes(f, 2, (int32_t[]){1, 50});
    ath_system *big = kit_system(f->ctx, 61, f->user, KIT_FIELDS, &f->rng);
    kit_fill(big, f->user[0], &f->rng);
    add_size(f, batch, 40);
    add_size(f, batch, 0);
    const uint64_t epoch = ath_batch_epoch(batch);
    assert_true(ath__batch_has_room(batch, 1, 60) && !ath__batch_has_room(batch, 1, 61));
    assert_false(ath__batch_has_room(batch, 2, 2));
    assert_int_equal(ath_batch_add(batch, big), ATH_E_RANGE);
    assert_int_equal(ath_batch_append(batch, other), ATH_E_RANGE);
    assert_int_equal(ath_batch_reserve(batch, 4, 0), ATH_E_RANGE);
    assert_int_equal(ath_batch_epoch(batch), epoch);
    assert_false(ath_batch_has_field(batch, f->user[0]));
    ASSERT_SIZES(batch, 40, 0);
    add_size(f, batch, 60);
    ASSERT_SIZES(batch, 40, 0, 60);
    assert_int_equal(ath_batch_capacity(batch), 3);
    ath_system_destroy(&big);
    ath_batch_destroy(&batch);
    ath_batch_destroy(&other);
}

static void *rows_of(const ath_batch *batch, ath_field_id field, int32_t index)
{
    void *rows = NULL;
    assert_int_equal(ath_batch_rows(batch, field, index, &rows), ATH_OK);
    return rows;
}

/* Addresses and epoch: what may move and what may not. */
static void test_addresses(void **state)
{
    fixture *f = *state;
    ath_batch *batch = make_batch(f, 4, 256, 0, 0);
    assert_int_equal(ath_batch_capacity(batch), 4);
    assert_int_equal(ath_batch_atom_capacity(batch), 256);
    add_size(f, batch, 30), add_size(f, batch, 64), add_size(f, batch, 1);
    const uint64_t epoch = ath_batch_epoch(batch);
    void *const rows = rows_of(batch, ATH_FIELD_FORCES, 1);
    assert_int_equal(ath_batch_trim(batch, (uint8_t[]){1, 0, 0}), ATH_OK);
    add_size(f, batch, 31);
    assert_int_equal(ath_batch_add_field(batch, f->user[0]), ATH_OK);
    assert_int_equal(ath_batch_reserve(batch, 3, 200), ATH_OK);
    assert_int_equal(ath_batch_epoch(batch), epoch);
    assert_ptr_equal(rows, rows_of(batch, ATH_FIELD_FORCES, 0));
    ath__view before, after;
    ath__batch_view(batch, &before);
    ath_batch_zero(batch);
    assert_int_equal(ath_batch_n_systems(batch), 0);
    assert_int_equal(ath_batch_n_atoms(batch), 0);
    ath__batch_view(batch, &after);
    assert_memory_equal(&before, &after, sizeof before);
    assert_int_equal(ath_batch_epoch(batch), epoch);
    for (int i = 0; i < 5; i++) {
        add_size(f, batch, 33);
    }
    assert_int_equal(ath_batch_capacity(batch), 8);
    assert_int_equal(ath_batch_atom_capacity(batch), 512);
    assert_true(ath_batch_epoch(batch) > epoch);
    const uint64_t grown = ath_batch_epoch(batch);
    assert_int_equal(ath_batch_compact(batch), ATH_OK);
    assert_true(ath_batch_epoch(batch) > grown);
    assert_int_equal(ath_batch_reserve(batch, 100, 1000), ATH_OK);
    assert_int_equal(ath_batch_capacity(batch), 100);
    assert_int_equal(ath_batch_atom_capacity(batch), 1024);
    assert_int_equal(ath_batch_reserve(batch, 0, INT64_MAX), ATH_E_RANGE);
    ath_batch_destroy(&batch);
}

static void download(fixture *f, void *to, const void *d_from, size_t bytes)
{
    assert_int_equal(ath__device_download(f->device, to, d_from, bytes), ATH_OK);
}

/* What a newcomer looks like to a kernel: view, padding, defaults. */
static void test_view(void **state)
{
    fixture *f = *state;
    ath_batch *batch = make_batch(f, 2, 64, 0, 0);
    ath_system *system = NULL;
    ath__view v;
    void *rows = NULL;
    for (int round = 0; round < 2; round++) { /* leaves dirt in the rows */
        add_size(f, batch, 64);
        ath_batch_zero(batch);
    }
    assert_int_equal(ath_system_create(f->ctx, 2, &system), ATH_OK);
    assert_int_equal(ath_system_field(system, ATH_FIELD_NUMBERS, &rows), ATH_OK);
    memcpy(rows, (int32_t[]){29, 0}, 8);
    assert_int_equal(ath_system_field(system, ATH_FIELD_FIXED, &rows), ATH_OK);
    ((uint8_t *)rows)[4] = 1;
    assert_int_equal(ath_batch_add(batch, system), ATH_OK);
    ath__batch_view(batch, &v);
    const int32_t slot = ath__batch_slot(batch, 0);
    assert_int_equal(ath__batch_order(batch)[0], slot);
    const int64_t first = ath__batch_first_row(batch, slot);
    int64_t i64 = -1;
    int32_t i32 = -1, numbers[32];
    uint64_t uid[2];
    double f64 = -1, masses[32], x[96], cell[9];
    uint8_t fixed[96];
    download(f, &i64, v.first + slot, 8);
    assert_int_equal(i64, first);
    download(f, &i32, v.n_atoms + slot, 4);
    assert_int_equal(i32, 2);
    assert_int_equal(ath__batch_slot_atoms(batch, slot), 2);
    assert_int_equal(ath__batch_slot_rows(batch, slot), 32);
    download(f, uid, v.uid + 2 * slot, 16);
    ath_uid expected;
    assert_int_equal(ath_system_content_hash(system, &expected), ATH_OK);
    expected = ath_uid_of(expected, 0);
    assert_true(uid[0] == expected.lo && uid[1] == expected.hi);
    assert_true(ath_batch_uid(batch, 0).lo == expected.lo);
    download(f, &i64, v.target + slot, 8);
    assert_int_equal(i64, 0);
    download(f, &i32, v.flags + slot, 4);
    assert_int_equal(i32,
                     ATH__SLOT_FRESH | ATH__SLOT_STALE | ATH__SLOT_ENTER | ATH__SLOT_HAS_FIXED);
    download(f, &f64, v.dof + slot, 8);
    assert_true(f64 == 5.0);
    download(f, masses, v.masses + first, sizeof masses);
    download(f, numbers, v.numbers + first, sizeof numbers);
    download(f, x, v.positions + 3 * first, sizeof x);
    download(f, fixed, v.fixed + 3 * first, sizeof fixed);
    download(f, cell, v.cell + 9 * slot, sizeof cell);
    assert_true(masses[0] == 63.546 && masses[1] == 1.0 && numbers[0] == 29 && cell[0] == 0.0);
    for (int i = 2; i < 32; i++) {
        assert_true(masses[i] == 0.0 && numbers[i] == 0 && x[3 * i] == 0.0 && x[3 * i + 2] == 0.0);
        assert_int_equal(fixed[3 * i], 0);
    }
    assert_null(v.system_state);
    assert_null(v.atom_state);
    ath_system_destroy(&system);
    ath_batch_destroy(&batch);
}

static int32_t flags_of(fixture *f, const ath_batch *batch, int32_t index)
{
    ath__view v;
    int32_t flags = -1;
    ath__batch_view(batch, &v);
    download(f, &flags, v.flags + ath__batch_slot(batch, index), sizeof flags);
    return flags;
}

static void set_flags(fixture *f, const ath_batch *batch, int32_t index, int32_t flags)
{
    ath__view v;
    ath__batch_view(batch, &v);
    assert_int_equal(ath__device_upload(f->device, v.flags + ath__batch_slot(batch, index), &flags,
                                        sizeof flags),
                     ATH_OK);
}

static void test_write(void **state)
{
    fixture *f = *state;
    ath_batch *batch = make_sizes(f, 2, (int32_t[]){2, 3});
    const double x[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    double back[9] = {0};
    uint8_t fixed[9] = {0};
    assert_int_equal(ath_batch_write(batch, ATH_FIELD_FIXED, 1, fixed), ATH_OK);
    set_flags(f, batch, 1, 0);
    assert_int_equal(ath_batch_write(batch, ATH_FIELD_VELOCITIES, 1, x), ATH_OK);
    assert_int_equal(flags_of(f, batch, 1), 0);
    assert_int_equal(ath_batch_write(batch, ATH_FIELD_POSITIONS, 1, x), ATH_OK);
    assert_int_equal(flags_of(f, batch, 1), ATH__SLOT_FRESH | ATH__SLOT_STALE);
    assert_int_equal(ath_batch_read(batch, ATH_FIELD_POSITIONS, 1, back), ATH_OK);
    assert_memory_equal(back, x, sizeof x);
    set_flags(f, batch, 1, ATH__SLOT_STALLED);
    fixed[8] = 1;
    assert_int_equal(ath_batch_write(batch, ATH_FIELD_FIXED, 1, fixed), ATH_OK);
    assert_int_equal(flags_of(f, batch, 1), ATH__SLOT_STALLED | ATH__SLOT_HAS_FIXED);
    fixed[8] = 0;
    assert_int_equal(ath_batch_write(batch, ATH_FIELD_FIXED, 1, fixed), ATH_OK);
    assert_int_equal(flags_of(f, batch, 1), ATH__SLOT_STALLED);
    assert_int_equal(ath_batch_write(batch, ATH_FIELD_CELL, 1, x), ATH_OK);
    assert_int_equal(flags_of(f, batch, 1), ATH__SLOT_STALLED | ATH__SLOT_FRESH | ATH__SLOT_STALE);
    assert_int_equal(ath_batch_write(batch, ATH_FIELD_CELL, 1, NULL), ATH_E_ARGUMENT);
    assert_int_equal(ath_batch_read(batch, ATH_FIELD_CELL, 1, NULL), ATH_E_ARGUMENT);
    ath_batch_destroy(&batch);
}

/* Fields that one side has and the other has not, in both directions. */
static void test_union(void **state)
{
    fixture *f = *state;
    ath_batch *a = make_sizes(f, 1, (int32_t[]){3}), *b = make_batch(f, 0, 0, 0, 0);
    ath_system *system = NULL;
    double f64[6];
    int64_t i64[4];
    assert_int_equal(ath_system_create(f->ctx, 2, &system), ATH_OK);
    kit_fill(system, f->user[0], &f->rng);
    assert_int_equal(ath_batch_add(b, system), ATH_OK);
    assert_int_equal(ath_batch_add_field(a, f->user[2]), ATH_OK);
    assert_int_equal(ath_batch_append(a, b), ATH_OK);
    assert_true(ath_batch_has_field(a, f->user[0]) && ath_batch_has_field(a, f->user[2]));
    assert_false(ath_batch_has_field(a, f->user[1]));
    assert_int_equal(ath_batch_read(a, f->user[0], 0, f64), ATH_OK);
    assert_true(f64[0] == -1.5 && f64[5] == -1.5);
    assert_int_equal(ath_batch_read(a, f->user[0], 1, f64), ATH_OK);
    assert_memory_equal(f64, ath_system_peek(system, f->user[0]), 4 * sizeof(double));
    for (int32_t i = 0; i < 2; i++) {
        assert_int_equal(ath_batch_read(a, f->user[2], i, i64), ATH_OK);
        assert_true(i64[0] == -7 && i64[3] == -7);
    }
    ath_batch *like = NULL;
    assert_int_equal(ath_batch_create_like(a, 5, 100, &like), ATH_OK);
    assert_true(ath_batch_has_field(like, f->user[0]) && !ath_batch_has_field(like, f->user[1]));
    assert_int_equal(ath_batch_capacity(like), 5);
    assert_int_equal(ath_batch_atom_capacity(like), 128);
    assert_int_equal(ath_batch_n_systems(like), 0);
    ath_batch_destroy(&like);
    ath_system_destroy(&system);
    ath_batch_destroy(&a);
    ath_batch_destroy(&b);
}

static void assert_state(const ath_batch *batch, int32_t index, double base)
{
    ath_system *system = NULL;
    assert_int_equal(ath_batch_get(batch, index, &system), ATH_OK);
    const ath__life *life = &system->life;
    for (int32_t i = 0; i < life->n_system_state; i++) {
        double x;
        memcpy(&x, &life->system_state[i], 8);
        assert_true(x == (base < 0 ? 0.0 : base + i));
    }
    for (int32_t i = 0; i < life->n_atom_state * system->n_atoms; i++) {
        double x;
        memcpy(&x, &life->atom_state[i], 8);
        assert_true(x == (base < 0 ? 0.0 : base + i));
    }
    ath_system_destroy(&system);
}

static void test_state(void **state)
{
    fixture *f = *state;
    ath_batch *batch = make_sizes(f, 3, (int32_t[]){2, 40, 1}), *other = NULL;
    uint64_t epoch = ath_batch_epoch(batch);
    assert_int_equal(ath__batch_owner(batch), 0);
    ath__batch_set_owner(batch, 77);
    assert_int_equal(ath__batch_owner(batch), 77);
    assert_int_equal(ath__batch_state(batch, 2, 3), ATH_OK);
    assert_true(ath_batch_epoch(batch) > epoch);
    epoch = ath_batch_epoch(batch);
    assert_int_equal(ath__batch_state(batch, 2, 3), ATH_OK);
    assert_int_equal(ath_batch_epoch(batch), epoch);
    assert_int_equal(ath__batch_n_system_state(batch), 2);
    assert_int_equal(ath__batch_n_atom_state(batch), 3);
    for (int32_t i = 0; i < 3; i++) {
        assert_state(batch, i, -1);
        put_state(f, batch, i, 1000.0 * (i + 1));
    }
    set_flags(f, batch, 1, ATH__SLOT_STALLED | ATH__SLOT_RESUME);
    for (int i = 0; i < 20; i++) { /* grows, twice */
        add_size(f, batch, 60);
    }
    assert_int_equal(ath_batch_trim(batch, (uint8_t[23]){1}), ATH_OK);
    assert_int_equal(ath_batch_compact(batch), ATH_OK);
    assert_state(batch, 0, 2000.0);
    assert_state(batch, 1, 3000.0);
    assert_state(batch, 2, -1);
    /* into another batch, by three ways; flags go along */
    assert_int_equal(ath_batch_select(batch, (int32_t[]){0, 0}, 2, &other), ATH_OK);
    assert_state(other, 1, 2000.0);
    const int32_t flags = flags_of(f, other, 1);
    assert_int_equal(flags & ~ATH__SLOT_HAS_FIXED, ATH__SLOT_STALLED | ATH__SLOT_RESUME);
    assert_int_equal(ath__batch_owner(other), 0);
    ath_batch_destroy(&other);
    other = make_batch(f, 1, 32, 0, 0);
    assert_int_equal(ath_batch_put(other, batch, (uint8_t[22]){0, 1}, NULL), ATH_OK);
    assert_state(other, 0, 3000.0);
    assert_int_equal(ath__batch_state(other, 1, 1), ATH_OK); /* zeroed */
    assert_state(other, 0, -1);
    ath_batch_zero(other);
    assert_int_equal(ath_batch_put(other, batch, (uint8_t[22]){0, 1}, NULL), ATH_OK);
    ath_system *system = NULL;
    assert_int_equal(ath_batch_get(other, 0, &system), ATH_OK); /* cut to what fits */
    double cell;
    memcpy(&cell, system->life.system_state, 8);
    assert_true(cell == 3000.0);
    /* added as a newcomer it is fresh, imported it goes on */
    assert_int_equal(ath_batch_add(other, system), ATH_OK);
    assert_state(other, 1, -1);
    assert_true(flags_of(f, other, 1) & ATH__SLOT_ENTER);
    assert_int_equal(ath__batch_import(other, system, true, true), ATH_OK);
    assert_int_equal(flags_of(f, other, 2), system->life.flags);
    while (ath_batch_n_systems(other) < ath_batch_capacity(other)) {
        assert_int_equal(ath__batch_import(other, system, true, true), ATH_OK);
    }
    assert_int_equal(ath__batch_import(other, system, true, false), ATH_AGAIN); /* not grown */
    ath_system_destroy(&system);
    ath_batch_destroy(&other);
    ath_batch_destroy(&batch);
}

/* ---- cost ---- */

static ath__device_ops counting_ops;
static size_t counted_bytes, counted_calls;

static ath_status counting_copy(ath__stream *stream, enum ath__copy_kind kind, void *to,
                                const void *from, size_t bytes)
{
    const ath__device_ops *real = stream->device->shared ? &ath__device_host : &ath__device_mock;
    counted_bytes += bytes;
    counted_calls++;
    return real->copy(stream, kind, to, from, bytes);
}

/* Adding moves the bytes of the system, whatever the batch holds. */
static void test_cost(void **state)
{
    fixture *f = *state;
    size_t bytes[2], calls[2];
    int64_t allocations[2];
    ath_system *system = NULL;
    assert_int_equal(ath_system_create(f->ctx, 20, &system), ATH_OK);
    const ath__device_ops *real = f->device->ops;
    counting_ops = *real;
    counting_ops.copy = counting_copy;
    for (int k = 0; k < 2; k++) {
        const int32_t n = k ? 2000 : 10;
        ath_batch *batch = make_batch(f, n + 1, 32 * (n + 1), 0, 0);
        for (int32_t i = 0; i < n; i++) {
            assert_int_equal(ath_batch_add(batch, system), ATH_OK);
        }
        f->device->ops = &counting_ops;
        counted_bytes = counted_calls = 0;
        const int64_t before = f->memory.n_calls;
        assert_int_equal(ath_batch_add(batch, system), ATH_OK);
        f->device->ops = real;
        bytes[k] = counted_bytes;
        calls[k] = counted_calls;
        allocations[k] = f->memory.n_calls - before;
        ath_batch_destroy(&batch);
    }
    assert_true(bytes[0] > 20 * 80 && bytes[0] < 32 * 100 + 512);
    assert_int_equal(bytes[0], bytes[1]);
    assert_int_equal(calls[0], calls[1]);
    assert_int_equal(allocations[0], allocations[1]);
    ath_system_destroy(&system);
}
int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_arguments), BOTH(test_order), BOTH(test_put),   BOTH(test_limits),
        BOTH(test_addresses), BOTH(test_view),  BOTH(test_write), BOTH(test_union),
        BOTH(test_state),     BOTH(test_cost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
