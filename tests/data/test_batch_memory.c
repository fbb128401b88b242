/* Batches when memory runs out: every allocation of every operation fails in turn, and the batch is
 * unchanged, or as far as it had come, and works on.
 */
#include "data/batch_rig.h"

typedef struct scene {
    fixture *f;
    ath_batch *batch, *other, *made;
    ath_system *system, *got;
} scene;

typedef ath_status (*operation)(scene *s);

static ath_status do_add(scene *s)
{
    return ath_batch_add(s->batch, s->system);
}

static ath_status do_append(scene *s)
{
    return ath_batch_append(s->batch, s->other);
}

static ath_status do_get(scene *s)
{
    return ath_batch_get(s->batch, 1, &s->got);
}

static ath_status do_select(scene *s)
{
    return ath_batch_select(s->batch, (int32_t[]){2, 1, 2}, 3, &s->made);
}

static ath_status do_put(scene *s)
{
    uint8_t copied[2] = {9, 9};
    const ath_status status = ath_batch_put(s->batch, s->other, (uint8_t[]){1, 1}, copied);
    assert_true(status == ATH_OK || (copied[0] == 0 && copied[1] == 0));
    return status;
}

static ath_status do_compact(scene *s)
{
    return ath_batch_compact(s->batch);
}

static ath_status do_reserve(scene *s)
{
    return ath_batch_reserve(s->batch, 50, 5000);
}

static ath_status do_add_field(scene *s)
{
    return ath_batch_add_field(s->batch, s->f->user[4]);
}

static ath_status do_state(scene *s)
{
    return ath__batch_state(s->batch, 5, 4);
}

static ath_status do_write(scene *s)
{
    double x[9];
    ATH__TRY(ath_batch_read(s->batch, ATH_FIELD_CELL, 0, x));
    return ath_batch_write(s->batch, ATH_FIELD_CELL, 0, x);
}

static ath_status do_from_systems(scene *s)
{
    ath_system *list[2] = {s->system, s->system};
    return ath_batch_from_systems(s->f->ctx, s->f->device, list, 2, &s->made);
}

static ath_status do_create_like(scene *s)
{
    return ath_batch_create_like(s->other, 4, 100, &s->made);
}

static void make_scene(scene *s, bool roomy)
{
    fixture *f = s->f;
    s->batch = roomy ? make_batch(f, 9, 640, 0, 0) : make_batch(f, 4, 160, 0, 0);
    s->other = make_batch(f, 0, 0, 0, 0);
    for (int i = 0; i < 4; i++) {
        ath_system *system = kit_system(f->ctx, 5 + 20 * i, f->user, i < 2 ? 1 : 0, &f->rng);
        assert_int_equal(ath_batch_add(i < 3 ? s->batch : s->other, system), ATH_OK);
        ath_system_destroy(&system);
    }
    s->system = kit_system(f->ctx, 100, f->user, KIT_FIELDS, &f->rng);
    kit_fill(s->system, f->user[5], &f->rng);
    assert_int_equal(ath_batch_add(s->other, s->system), ATH_OK);
    assert_int_equal(ath__batch_state(s->batch, 2, 1), ATH_OK);
    for (int32_t i = 0; i < 3; i++) {
        put_state(f, s->batch, i, 100.0 * i + 1);
    }
    /* a hole, so that compacting has something to do and put a place to put to */
    add_size(f, s->batch, 10);
    assert_int_equal(ath_batch_trim(s->batch, (uint8_t[]){1, 0, 0, 0}), ATH_OK);
}

static void drop_scene(scene *s)
{
    ath_batch_destroy(&s->batch);
    ath_batch_destroy(&s->other);
    ath_batch_destroy(&s->made);
    ath_system_destroy(&s->system);
    ath_system_destroy(&s->got);
}

static void snapshot(const ath_batch *batch, int32_t n, ath_system **out)
{
    assert_int_equal(ath_batch_n_systems(batch), n);
    for (int32_t i = 0; i < n; i++) {
        assert_int_equal(ath_batch_get(batch, i, &out[i]), ATH_OK);
    }
}

static void assert_unchanged(const ath_batch *batch, int32_t n, ath_system *const *before,
                             bool state)
{
    for (int32_t i = 0; i < n; i++) {
        ath_system *now = NULL;
        assert_int_equal(ath_batch_get(batch, i, &now), ATH_OK);
        kit_same(before[i], now, false);
        if (state) {
            kit_same_life(before[i], now);
        }
        ath_system_destroy(&now);
    }
}

/* No row is lost: what is not a system's is free. */
static void assert_rows_accounted(const ath_batch *batch)
{
    int32_t n_units = batch->ranges.n_free;
    for (int32_t i = 0; i < batch->n_systems; i++) {
        n_units += batch->slots[batch->order[i]].n_units;
    }
    assert_int_equal(n_units, batch->ranges.n_units);
}

static void fail_in_turn(fixture *f, operation op, bool keeps_state)
{
    scene s = {.f = f};
    ath_system *before[3], *others[2];
    make_scene(&s, op == do_put);
    snapshot(s.batch, 3, before);
    snapshot(s.other, 2, others);
    ath_status status = ATH_E_NO_MEMORY;
    int64_t n = 0;
    while (status != ATH_OK) {
        f->memory.n_calls = 0;
        f->memory.fail_at = ++n;
        status = op(&s);
        f->memory.fail_at = 0;
        assert_true(status == ATH_OK || status == ATH_E_NO_MEMORY);
        if (status != ATH_OK) {
            assert_int_equal(ath_batch_n_systems(s.batch), 3);
            assert_null(s.made);
            assert_null(s.got);
            assert_false(op == do_add && ath_batch_has_field(s.batch, f->user[5]));
        }
        assert_rows_accounted(s.batch);
        assert_unchanged(s.batch, 3, before, keeps_state || status != ATH_OK);
        assert_unchanged(s.other, 2, others, true);
        assert_true(n < 2000);
    }
    assert_true(op != do_put || ath_batch_n_systems(s.batch) == 5);
    add_size(f, s.batch, 3); /* and it still works */
    for (int i = 0; i < 3; i++) {
        ath_system_destroy(&before[i]);
    }
    ath_system_destroy(&others[0]);
    ath_system_destroy(&others[1]);
    drop_scene(&s);
}

static void test_out_of_memory(void **state)
{
    fixture *f = *state;
    const operation all[] = {do_add,   do_append,       do_get,        do_select,
                             do_put,   do_compact,      do_reserve,    do_add_field,
                             do_write, do_from_systems, do_create_like};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        fail_in_turn(f, all[i], all[i] != do_write);
    }
    fail_in_turn(f, do_state, false);
}
int main(void)
{
    const struct CMUnitTest tests[] = {BOTH(test_out_of_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
