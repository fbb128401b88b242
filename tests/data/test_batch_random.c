/* Random sequences of batch operations against a naive model: a list of host-side copies. Argument:
 * the device. Two batches are worked on, so that append and put have a partner; after every
 * operation the counts and one system are compared, now and then everything, and the ranges of rows
 * are checked to be disjoint.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

#include "base/failing.h"
#include "data/batch_private.h"
#include "data/kit.h"

enum { N_OPERATIONS = 20000, MAX_MODEL = 64, MAX_ATOMS = 70 };

/* What a batch should hold: complete systems, in public order. */
typedef struct model {
    ath_batch *batch;
    ath_system *systems[MAX_MODEL];
    int32_t n;
} model;

static const char *device_name = "host";

typedef struct world {
    ath_context *ctx;
    ath_device *device;
    ath_field_id user[KIT_FIELDS];
    uint64_t rng;
    model sides[2];
    int64_t done[16];
} world;

/* ---- the model ---- */

/* What a system must look like in a batch: every core field, every field of the batch, defaults
 * filled in by the rules of the manual. */
static ath_system *model_complete(const world *w, const ath_system *system, const ath_batch *batch)
{
    ath_system *full = NULL;
    void *rows = NULL;
    assert_int_equal(ath_system_clone(system, &full), ATH_OK);
    const bool has_dof = ath_system_peek(full, ATH_FIELD_DOF) != NULL;
    for (ath_field_id id = 0; id < ath_field_count(w->ctx); id++) {
        if (id < ATH_N_CORE_FIELDS || ath_batch_has_field(batch, id)) {
            assert_int_equal(ath_system_field(full, id, &rows), ATH_OK);
        }
    }
    const uint8_t *fixed = ath_system_peek(full, ATH_FIELD_FIXED);
    int n_fixed = 0;
    for (int32_t i = 0; i < 3 * full->n_atoms; i++) {
        n_fixed += fixed[i] != 0;
    }
    if (!has_dof) {
        assert_int_equal(ath_system_field(full, ATH_FIELD_DOF, &rows), ATH_OK);
        *(double *)rows = 3.0 * full->n_atoms - n_fixed;
    }
    if (full->uid.lo == 0 && full->uid.hi == 0) {
        assert_int_equal(ath_system_content_hash(system, &full->uid), ATH_OK);
        full->uid = ath_uid_of(full->uid, 0);
    }
    assert_int_equal(ath__system_set_life(full, ath__batch_n_system_state(batch),
                                          ath__batch_n_atom_state(batch)),
                     ATH_OK);
    full->life.flags =
        ATH__SLOT_FRESH | ATH__SLOT_STALE | ATH__SLOT_ENTER | (n_fixed ? ATH__SLOT_HAS_FIXED : 0);
    return full;
}

/* Rows of state as they arrive in a batch of other widths: the leading cells, zeros behind them. */
static void model_restate(ath_system *system, int32_t ns, int32_t na)
{
    ath__life old = system->life;
    system->life = (ath__life){0};
    assert_int_equal(ath__system_set_life(system, ns, na), ATH_OK);
    system->life.flags = old.flags;
    system->life.target = old.target;
    for (int32_t k = 0; k < ns && k < old.n_system_state; k++) {
        system->life.system_state[k] = old.system_state[k];
    }
    for (int32_t i = 0; i < system->n_atoms; i++) {
        for (int32_t k = 0; k < na && k < old.n_atom_state; k++) {
            system->life.atom_state[(size_t)i * (size_t)na + (size_t)k] =
                old.atom_state[(size_t)i * (size_t)old.n_atom_state + (size_t)k];
        }
    }
    ath__free(system->ctx, &old.system_state, (size_t)old.n_system_state, 8);
    ath__free(system->ctx, &old.atom_state, (size_t)old.n_atom_state * (size_t)system->n_atoms, 8);
}

/* All systems of a side carry the fields and the state rows that its batch has come to have. */
static void model_unite(const world *w, model *m)
{
    const int32_t ns = ath__batch_n_system_state(m->batch), na = ath__batch_n_atom_state(m->batch);
    void *rows = NULL;
    for (int32_t i = 0; i < m->n; i++) {
        const ath__life *life = &m->systems[i]->life;
        if (life->n_system_state != ns || life->n_atom_state != na) {
            model_restate(m->systems[i], ns, na);
        }
        for (ath_field_id id = ATH_N_CORE_FIELDS; id < ath_field_count(w->ctx); id++) {
            if (ath_batch_has_field(m->batch, id)) {
                assert_int_equal(ath_system_field(m->systems[i], id, &rows), ATH_OK);
            }
        }
    }
}

static void model_push(const world *w, model *m, ath_system *full)
{
    assert_true(m->n < MAX_MODEL);
    m->systems[m->n++] = full;
    model_unite(w, m);
}

/* A system of one side as it arrives at the other. */
static void model_push_copy(const world *w, model *to, const ath_system *system)
{
    ath_system *copy = NULL;
    assert_int_equal(ath_system_clone(system, &copy), ATH_OK);
    model_restate(copy, ath__batch_n_system_state(to->batch), ath__batch_n_atom_state(to->batch));
    model_push(w, to, copy);
}

static void model_remove(model *m, const uint8_t *mask)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < m->n; i++) {
        if (mask[i]) {
            ath_system_destroy(&m->systems[i]);
        } else {
            m->systems[kept++] = m->systems[i];
        }
    }
    m->n = kept;
}

/* ---- comparing ---- */

static void assert_system(const model *m, int32_t index)
{
    ath_system *now = NULL;
    assert_int_equal(ath_batch_get(m->batch, index, &now), ATH_OK);
    kit_same(m->systems[index], now, true);
    kit_same_life(m->systems[index], now);
    const ath_uid uid = ath_batch_uid(m->batch, index);
    assert_true(uid.lo == m->systems[index]->uid.lo && uid.hi == m->systems[index]->uid.hi);
    ath_system_destroy(&now);
}

static void assert_counts(const model *m)
{
    int64_t n_atoms = 0;
    assert_int_equal(ath_batch_n_systems(m->batch), m->n);
    for (int32_t i = 0; i < m->n; i++) {
        n_atoms += m->systems[i]->n_atoms;
        assert_int_equal(ath_batch_n_atoms_of(m->batch, i), m->systems[i]->n_atoms);
    }
    assert_int_equal(ath_batch_n_atoms(m->batch), n_atoms);
}

/* Slots are different, ranges are padded, inside the capacity and apart; padding rows are zero. */
static void assert_layout(const world *w, const model *m)
{
    static uint8_t used[1 << 16];
    const int64_t capacity = ath_batch_atom_capacity(m->batch);
    uint64_t slots = 0;
    ath__view v;
    ath__batch_view(m->batch, &v);
    assert_true(capacity / 32 < (int64_t)sizeof used && ath_batch_capacity(m->batch) <= 64 * 4);
    memset(used, 0, sizeof used);
    for (int32_t i = 0; i < m->n; i++) {
        const int32_t slot = ath__batch_slot(m->batch, i);
        const int64_t first = ath__batch_first_row(m->batch, slot);
        const int32_t n = ath__batch_slot_atoms(m->batch, slot);
        const int32_t rows = ath__batch_slot_rows(m->batch, slot);
        assert_in_range(slot, 0, ath_batch_capacity(m->batch) - 1);
        if (slot < 64) {
            assert_false(slots >> slot & 1);
            slots |= UINT64_C(1) << slot;
        }
        assert_true(first % 32 == 0 && rows % 32 == 0 && rows >= n && rows < n + 32);
        assert_true(first + rows <= capacity);
        for (int64_t u = first / 32; u < (first + rows) / 32; u++) {
            assert_int_equal(used[u]++, 0);
        }
        double masses[32];
        int64_t d_first = -1;
        assert_int_equal(ath__device_download(w->device, masses, v.masses + first + n,
                                              (size_t)(rows - n) * sizeof(double)),
                         ATH_OK);
        for (int32_t k = 0; k < rows - n; k++) {
            assert_true(masses[k] == 0.0);
        }
        assert_int_equal(ath__device_download(w->device, &d_first, v.first + slot, 8), ATH_OK);
        assert_int_equal(d_first, first);
    }
}

/* Longest run of rows that is free. */
static int32_t longest_free(const model *m)
{
    static uint8_t used[1 << 16];
    int32_t best = 0, run = 0;
    memset(used, 0, sizeof used);
    for (int32_t i = 0; i < m->n; i++) {
        const int32_t slot = ath__batch_slot(m->batch, i);
        memset(used + ath__batch_first_row(m->batch, slot) / 32, 1,
               (size_t)ath__batch_slot_rows(m->batch, slot) / 32);
    }
    for (int64_t u = 0; u < ath_batch_atom_capacity(m->batch) / 32; u++) {
        run = used[u] ? 0 : run + 32;
        best = run > best ? run : best;
    }
    return best;
}

/* ---- operations ---- */

static void random_mask(world *w, uint8_t *mask, int32_t n, int32_t one_in)
{
    for (int32_t i = 0; i < n; i++) {
        mask[i] = kit_below(&w->rng, one_in) == 0;
    }
}

static void op_add(world *w, model *m)
{
    if (m->n >= MAX_MODEL / 4) {
        return;
    }
    const int32_t n_user = kit_below(&w->rng, 8) == 0 ? KIT_FIELDS : 0;
    ath_system *system =
        kit_system(w->ctx, kit_below(&w->rng, MAX_ATOMS), w->user, n_user, &w->rng);
    assert_int_equal(ath_batch_add(m->batch, system), ATH_OK);
    model_push(w, m, model_complete(w, system, m->batch));
    ath_system_destroy(&system);
}

static void op_append(world *w, model *m, model *other)
{
    if (m->n + other->n > MAX_MODEL / 3) {
        return;
    }
    assert_int_equal(ath_batch_append(m->batch, other->batch), ATH_OK);
    for (int32_t i = 0; i < other->n; i++) {
        model_push_copy(w, m, other->systems[i]);
    }
    model_unite(w, m);
}

static void op_put(world *w, model *m, model *other)
{
    uint8_t mask[MAX_MODEL], copied[MAX_MODEL];
    const int32_t before = longest_free(m), capacity = ath_batch_capacity(m->batch);
    const uint64_t epoch = ath_batch_epoch(m->batch);
    bool any = false;
    if (m->n + other->n > MAX_MODEL / 2) {
        return;
    }
    random_mask(w, mask, other->n, 2);
    const bool had_state = ath__batch_n_system_state(m->batch) > 0;
    assert_int_equal(ath_batch_put(m->batch, other->batch, mask, copied), ATH_OK);
    for (int32_t i = 0; i < other->n; i++) {
        assert_true(mask[i] || !copied[i]);
        if (copied[i]) {
            model_push_copy(w, m, other->systems[i]);
        }
    }
    model_unite(w, m);
    assert_int_equal(ath_batch_capacity(m->batch), capacity);
    assert_true(ath_batch_epoch(m->batch) == epoch || !had_state);
    const int32_t after = longest_free(m);
    for (int32_t i = 0; i < other->n; i++) {
        const int32_t rows = (other->systems[i]->n_atoms + 31) / 32 * 32;
        if (mask[i] && !copied[i]) { /* there was no place, and is none */
            assert_true(m->n == capacity || rows > after);
        }
        if (mask[i] && !any && rows <= before && m->n < capacity) {
            assert_true(copied[i]); /* the first that is asked for and fits */
        }
        any = any || copied[i];
    }
}

static void op_trim(world *w, model *m)
{
    uint8_t mask[MAX_MODEL];
    random_mask(w, mask, m->n, 3);
    assert_int_equal(ath_batch_trim(m->batch, mask), ATH_OK);
    model_remove(m, mask);
}

static void op_select(world *w, model *m)
{
    int32_t indices[16];
    ath_batch *made = NULL;
    if (m->n == 0) {
        return;
    }
    const int32_t n = 1 + kit_below(&w->rng, 8);
    for (int32_t i = 0; i < n; i++) {
        indices[i] = kit_below(&w->rng, m->n);
    }
    assert_int_equal(ath_batch_select(m->batch, indices, n, &made), ATH_OK);
    assert_int_equal(ath_batch_n_systems(made), n);
    model picked = {.batch = made, .n = n};
    for (int32_t i = 0; i < n; i++) {
        picked.systems[i] = m->systems[indices[i]]; /* borrowed */
    }
    assert_counts(&picked);
    for (int32_t i = 0; i < n; i++) {
        assert_system(&picked, i);
    }
    assert_layout(w, &picked);
    ath_batch_destroy(&made);
}

/* Replaces one field of one system, through batch and model. */
static void op_write(world *w, model *m)
{
    ath_system *values = NULL;
    if (m->n == 0) {
        return;
    }
    const int32_t index = kit_below(&w->rng, m->n);
    const ath_field_id id = kit_below(&w->rng, ath_field_count(w->ctx));
    ath_system *mine = m->systems[index];
    assert_int_equal(ath_system_create(w->ctx, mine->n_atoms, &values), ATH_OK);
    kit_fill(values, id, &w->rng);
    const void *rows = ath_system_peek(values, id);
    if (!ath_batch_has_field(m->batch, id)) {
        assert_int_equal(ath_batch_write(m->batch, id, index, rows), ATH_E_NOT_FOUND);
        ath_system_destroy(&values);
        return;
    }
    assert_int_equal(ath_batch_write(m->batch, id, index, rows), ATH_OK);
    const ath_field_info *info = ath_field_describe(w->ctx, id);
    memcpy(mine->fields[id], rows,
           ath__system_values(mine, info) * (size_t)ath_dtype_bytes(info->dtype));
    if (id == ATH_FIELD_POSITIONS || id == ATH_FIELD_NUMBERS || id == ATH_FIELD_CELL ||
        id == ATH_FIELD_PBC) {
        mine->life.flags |= ATH__SLOT_FRESH | ATH__SLOT_STALE;
    }
    if (id == ATH_FIELD_FIXED) {
        mine->life.flags &= ~ATH__SLOT_HAS_FIXED;
        for (int32_t i = 0; i < 3 * mine->n_atoms; i++) {
            mine->life.flags |= ((const uint8_t *)rows)[i] ? ATH__SLOT_HAS_FIXED : 0;
        }
    }
    ath_system_destroy(&values);
}

/* Flags, target and state as a run would leave them. */
static void op_live(world *w, model *m)
{
    ath__view v;
    if (m->n == 0) {
        return;
    }
    const int32_t index = kit_below(&w->rng, m->n), slot = ath__batch_slot(m->batch, index);
    ath_system *mine = m->systems[index];
    ath__life *life = &mine->life;
    ath__batch_view(m->batch, &v);
    life->flags = kit_below(&w->rng, 64) & ~ATH__SLOT_HAS_FIXED;
    for (int32_t i = 0; i < 3 * mine->n_atoms; i++) {
        life->flags |=
            ((const uint8_t *)mine->fields[ATH_FIELD_FIXED])[i] ? ATH__SLOT_HAS_FIXED : 0;
    }
    life->target = (int64_t)kit_next(&w->rng);
    const size_t ns = (size_t)life->n_system_state;
    const size_t na = (size_t)life->n_atom_state, n = (size_t)mine->n_atoms;
    for (size_t i = 0; i < ns; i++) {
        life->system_state[i] = kit_next(&w->rng);
    }
    for (size_t i = 0; i < na * n; i++) {
        life->atom_state[i] = kit_next(&w->rng);
    }
    const int64_t first = ath__batch_first_row(m->batch, slot);
    assert_int_equal(ath__device_upload(w->device, v.flags + slot, &life->flags, 4), ATH_OK);
    assert_int_equal(ath__device_upload(w->device, v.target + slot, &life->target, 8), ATH_OK);
    assert_int_equal(ath__device_upload(w->device, v.system_state + (size_t)slot * ns,
                                        life->system_state, ns * 8),
                     ATH_OK);
    assert_int_equal(ath__device_upload(w->device, v.atom_state + (size_t)first * na,
                                        life->atom_state, na * n * 8),
                     ATH_OK);
}

static void op_state(world *w, model *m)
{
    const int32_t ns = kit_below(&w->rng, 4), na = kit_below(&w->rng, 3);
    const bool same =
        ns == ath__batch_n_system_state(m->batch) && na == ath__batch_n_atom_state(m->batch);
    assert_int_equal(ath__batch_state(m->batch, ns, na), ATH_OK);
    for (int32_t i = 0; i < m->n && !same; i++) {
        model_restate(m->systems[i], 0, 0);
        model_restate(m->systems[i], ns, na);
    }
}

static void new_batch(world *w, model *m)
{
    ath_batch_config config = {.size = sizeof config, .device = w->device};
    config.n_systems = kit_below(&w->rng, 10);
    config.n_atoms = kit_below(&w->rng, 400);
    for (int32_t i = 0; i < m->n; i++) {
        ath_system_destroy(&m->systems[i]);
    }
    m->n = 0;
    ath_batch_destroy(&m->batch);
    assert_int_equal(ath_batch_create(w->ctx, &config, &m->batch), ATH_OK);
}

static void operate(world *w, int kind)
{
    const int side = kit_below(&w->rng, 2);
    model *m = &w->sides[side], *other = &w->sides[1 - side];
    uint8_t all[MAX_MODEL];
    int32_t n;
    w->done[kind]++;
    switch (kind) {
    case 0:
        op_append(w, m, other);
        break;
    case 1:
        op_put(w, m, other);
        break;
    case 2:
        op_trim(w, m);
        break;
    case 3:
        op_select(w, m);
        break;
    case 4:
        op_write(w, m);
        break;
    case 5:
        op_live(w, m);
        break;
    case 6:
        assert_int_equal(ath_batch_compact(m->batch), ATH_OK);
        break;
    case 7:
        n = kit_below(&w->rng, 40);
        assert_int_equal(ath_batch_reserve(m->batch, n, kit_below(&w->rng, 3000)), ATH_OK);
        break;
    case 8:
        assert_int_equal(ath_batch_add_field(m->batch, w->user[kit_below(&w->rng, KIT_FIELDS)]),
                         ATH_OK);
        model_unite(w, m);
        break;
    case 9:
        op_state(w, m);
        break;
    case 10:
        ath_batch_zero(m->batch);
        memset(all, 1, sizeof all);
        model_remove(m, all);
        break;
    case 11:
        new_batch(w, m);
        break;
    default:
        op_add(w, m);
    }
}

static void test_random(void **state)
{
    /* per mille of each kind; the rest adds */
    static const int chances[12] = {15, 60, 80, 60, 100, 120, 20, 4, 6, 10, 4, 4};
    (void)state;
    failing memory = {0};
    ath_context_config config = failing_config(&memory);
    world w = {.rng = 2024};
    assert_int_equal(ath_context_create(&config, &w.ctx), ATH_OK);
    assert_int_equal(ath_device_open(w.ctx, device_name, &w.device), ATH_OK);
    kit_register(w.ctx, w.user);
    new_batch(&w, &w.sides[0]);
    new_batch(&w, &w.sides[1]);
    for (int step = 0; step < N_OPERATIONS; step++) {
        int kind = 0, dice = kit_below(&w.rng, 1000);
        while (kind < 12 && dice >= chances[kind]) {
            dice -= chances[kind++];
        }
        operate(&w, kind);
        for (int side = 0; side < 2; side++) {
            model *m = &w.sides[side];
            assert_counts(m);
            if (step % 50 == 0) {
                assert_layout(&w, m);
                for (int32_t i = 0; i < m->n; i++) {
                    assert_system(m, i);
                }
            } else if (m->n > 0) {
                assert_system(m, kit_below(&w.rng, m->n));
            }
        }
    }
    for (int kind = 0; kind <= 12; kind++) {
        assert_true(w.done[kind] > N_OPERATIONS / 1000);
    }
    for (int side = 0; side < 2; side++) {
        uint8_t all[MAX_MODEL];
        memset(all, 1, sizeof all);
        model_remove(&w.sides[side], all);
        ath_batch_destroy(&w.sides[side].batch);
    }
    ath_device_close(&w.device);
    ath_context_destroy(&w.ctx);
    assert_int_equal(memory.n_blocks, 0);
    assert_int_equal(memory.n_wrong, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};
    device_name = argc > 1 ? argv[1] : "host";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
