/* Neighbour lists of a batch, host side, on every device that runs here: right lists for whatever
 * the batch holds as systems come, go and move; only what has to be built is built; ranges that are
 * too short stall, grow and come out right; every failed allocation leaves things usable.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/failing.h"
#include "neighbors/oracle.h"
#include "neighbors/rig.h"

static const char *const device_names[] = {"host", "mock"};
enum { N_DEVICES = sizeof device_names / sizeof device_names[0] };
#define CUTOFF 1.9
#define SKIN 0.4

typedef struct world {
    ath_context *ctx;
    ath_device *device;
    ath_batch *batch;
    ath__neighbors *nl;
    int32_t *d_slots, *d_n;
    void *d_work;
    size_t n_slots, work_bytes;
} world;

/* ---- a batch and its lists ---- */

static ath_system *make_system(ath_context *ctx, const structure *st, uint64_t id)
{
    ath_system *system = NULL;
    void *field = NULL;
    if (ath_system_create(ctx, st->n, &system) != ATH_OK) {
        return NULL;
    }
    const size_t n = (size_t)st->n;
    bool ok = ath_system_field(system, ATH_FIELD_POSITIONS, &field) == ATH_OK;
    if (ok && n > 0) {
        memcpy(field, st->x, n * 3 * sizeof *st->x);
    }
    ok = ok && ath_system_field(system, ATH_FIELD_CELL, &field) == ATH_OK;
    if (ok) {
        memcpy(field, st->cell, sizeof st->cell);
    }
    ok = ok && ath_system_field(system, ATH_FIELD_PBC, &field) == ATH_OK;
    if (ok) {
        memcpy(field, st->pbc, sizeof st->pbc);
    }
    if (!ok) {
        ath_system_destroy(&system);
    } else {
        ath_system_set_uid(system, (ath_uid){.lo = id, .hi = 1});
    }
    return system;
}

static ath_status add_system(world *w, const structure *st, uint64_t id)
{
    ath_system *system = make_system(w->ctx, st, id);
    const ath_status status = system ? ath_batch_add(w->batch, system) : ATH_E_NO_MEMORY;
    ath_system_destroy(&system);
    return status;
}

static ath_status world_open(world *w, const ath_context_config *config, const char *device,
                             int32_t first_guess)
{
    memset(w, 0, sizeof *w);
    ATH__TRY(ath_context_create(config, &w->ctx));
    ATH__TRY(ath_device_open(w->ctx, device, &w->device));
    const ath_batch_config b = {.size = sizeof b, .device = w->device};
    ATH__TRY(ath_batch_create(w->ctx, &b, &w->batch));
    const ath__neighbors_config c = {
        .device = w->device, .cutoff = CUTOFF, .skin = SKIN, .first_guess = first_guess};
    return ath__neighbors_create(w->ctx, &c, &w->nl);
}

static void world_close(world *w)
{
    if (w->device) {
        ath__device_free(w->device, w->d_slots, w->n_slots, sizeof *w->d_slots);
        ath__device_free(w->device, w->d_n, 1, sizeof *w->d_n);
        ath__device_free(w->device, w->d_work, w->work_bytes, 1);
    }
    ath__neighbors_destroy(&w->nl);
    ath_batch_destroy(&w->batch);
    ath_device_close(&w->device);
    ath_context_destroy(&w->ctx);
}

/* Fits, and what an engine would do beside it: slots in public order, work memory. */
static ath_status world_fit(world *w)
{
    const int32_t n = ath_batch_n_systems(w->batch);
    int32_t most = 0;
    ATH__TRY(ath__neighbors_fit(w->nl, w->batch));
    for (int32_t i = 0; i < n; i++) {
        const int32_t m = ath_batch_n_atoms_of(w->batch, i);
        most = m > most ? m : most;
    }
    const size_t bytes = ath__neighbors_work(w->nl, most, 1);
    if (bytes > w->work_bytes) {
        ath__device_free(w->device, w->d_work, w->work_bytes, 1);
        w->d_work = NULL;
        w->work_bytes = 0;
        ATH__TRY(ath__device_alloc(w->device, bytes, 1, &w->d_work));
        w->work_bytes = bytes;
    }
    if ((size_t)n > w->n_slots) {
        ath__device_free(w->device, w->d_slots, w->n_slots, sizeof *w->d_slots);
        w->d_slots = NULL;
        w->n_slots = 0;
        ATH__TRY(ath__device_alloc(w->device, (size_t)n, sizeof *w->d_slots, &w->d_slots));
        w->n_slots = (size_t)n;
    }
    if (!w->d_n) {
        ATH__TRY(ath__device_alloc(w->device, 1, sizeof *w->d_n, &w->d_n));
    }
    if (n > 0) {
        ATH__TRY(ath__device_upload(w->device, w->d_slots, ath__batch_order(w->batch),
                                    (size_t)n * sizeof *w->d_slots));
    }
    return ath__device_upload(w->device, w->d_n, &n, sizeof n);
}

static ath_status world_update(world *w)
{
    ath__view view;
    ath__batch_view(w->batch, &view);
    ATH__TRY(ath__neighbors_update(w->nl, &w->device->stream, &view, w->d_slots, w->d_n, w->d_work,
                                   w->work_bytes));
    return ath_device_synchronize(w->device);
}

static int64_t world_builds(world *w)
{
    int64_t builds = -1;
    assert_int_equal(ath__neighbors_builds(w->nl, &builds), ATH_OK);
    return builds;
}

/* ---- reading back ---- */

static void *download(world *w, const void *d_from, size_t n, size_t size)
{
    void *to = malloc(n * size + 1);
    assert_int_equal(ath__device_download(w->device, to, d_from, n * size), ATH_OK);
    return to;
}

/* Host copy of the lists. */
static void fetch(world *w, ath__list_view *l)
{
    const size_t slots = (size_t)ath_batch_capacity(w->batch);
    const size_t rows = (size_t)ath_batch_atom_capacity(w->batch);
    int64_t end = 0;
    ath__list_view d;
    ath__neighbors_view(w->nl, &d);
    l->start = download(w, d.start, slots, sizeof *l->start);
    l->room = download(w, d.room, slots, sizeof *l->room);
    l->needed = download(w, d.needed, slots, sizeof *l->needed);
    l->valid = download(w, d.valid, slots, sizeof *l->valid);
    l->built_cell = download(w, d.built_cell, slots, 9 * sizeof *l->built_cell);
    l->builds = download(w, d.builds, slots, sizeof *l->builds);
    l->path = download(w, d.path, slots, sizeof *l->path);
    l->row = download(w, d.row, rows, sizeof *l->row);
    l->count = download(w, d.count, rows, sizeof *l->count);
    l->wrap = download(w, d.wrap, rows, 3 * sizeof *l->wrap);
    l->built_positions = download(w, d.built_positions, rows, 3 * sizeof *l->built_positions);
    for (size_t s = 0; s < slots; s++) {
        end = l->start[s] + l->room[s] > end ? l->start[s] + l->room[s] : end;
    }
    l->entry = download(w, d.entry, (size_t)end, sizeof *l->entry);
}

static void unfetch(ath__list_view *l)
{
    void *all[] = {l->start, l->room, l->needed, l->valid, l->built_cell,      l->builds,
                   l->path,  l->row,  l->count,  l->wrap,  l->built_positions, l->entry};
    for (size_t k = 0; k < sizeof all / sizeof all[0]; k++) {
        free(all[k]);
    }
}

/* Every list against the oracle, and no two ranges overlapping. st: in public order. */
static void check_lists(world *w, const structure *st)
{
    ath__list_view l;
    oracle_list want = {0};
    const int32_t n = ath_batch_n_systems(w->batch);
    fetch(w, &l);
    for (int32_t i = 0; i < n; i++) {
        const int32_t slot = ath__batch_slot(w->batch, i);
        oracle_build(&st[i], CUTOFF + SKIN, &want);
        assert_int_equal(l.needed[slot], want.n_pairs);
        assert_int_equal(list_differences(&l, slot, ath__batch_first_row(w->batch, slot), &st[i],
                                          INFINITY, &want),
                         0);
        for (int32_t j = 0; j < i; j++) {
            const int32_t other = ath__batch_slot(w->batch, j);
            assert_true(l.start[slot] + l.room[slot] <= l.start[other] ||
                        l.start[other] + l.room[other] <= l.start[slot]);
        }
    }
    oracle_free(&want);
    unfetch(&l);
}

/* ---- structures ---- */

static void random_structure(structure *st, uint64_t *rng)
{
    static const structure_spec specs[] = {{1, 30, {0.8, 1.3}, 0.5, 2},
                                           {1, 1, {0.8, 1.3}, 0.5, 0},
                                           {60, 120, {0.8, 1.3}, 0.3, 1},
                                           {200, 300, {0.8, 1.3}, 0.3, 1}};
    structure_make(st, &specs[random_int(rng, 0, 3)], rng);
    for (int k = 0; k < 9; k++) {
        st->cell[k] = isnan(st->cell[k]) ? 0.0 : st->cell[k];
    }
}

enum { MAX_SYSTEMS = 80 };
typedef struct crowd {
    structure st[MAX_SYSTEMS];
    int32_t n;
    uint64_t rng, id;
} crowd;

static void crowd_add(crowd *c, world *w)
{
    random_structure(&c->st[c->n], &c->rng);
    assert_int_equal(add_system(w, &c->st[c->n], ++c->id), ATH_OK);
    c->n++;
}

static void crowd_free(crowd *c)
{
    for (int32_t i = 0; i < c->n; i++) {
        free(c->st[i].x);
    }
    c->n = 0;
}

/* Removes each system with a chance of one in `chance`. */
static void crowd_trim(crowd *c, world *w, int32_t chance)
{
    uint8_t mask[MAX_SYSTEMS] = {0};
    int32_t n = 0;
    for (int32_t i = 0; i < c->n; i++) {
        mask[i] = random_int(&c->rng, 1, chance) == 1;
        if (mask[i]) {
            free(c->st[i].x);
        } else {
            c->st[n++] = c->st[i];
        }
    }
    assert_int_equal(ath_batch_trim(w->batch, mask), ATH_OK);
    c->n = n;
}

/* ---- tests ---- */

/* Systems come and go for many rounds; the batch grows and is compacted. Lists are built for
 * newcomers, and for all after the batch has moved its rows; never otherwise. */
static void test_rounds(void **state)
{
    (void)state;
    for (int d = 0; d < N_DEVICES; d++) {
        world w;
        crowd c = {.rng = 5};
        int64_t builds = 0;
        uint64_t epoch = 0;
        assert_int_equal(world_open(&w, NULL, device_names[d], 0), ATH_OK);
        assert_int_equal(world_fit(&w), ATH_OK); /* an empty batch */
        assert_int_equal(world_update(&w), ATH_OK);
        for (int round = 0; round < 25; round++) {
            int32_t n_new = 0, n_grown = 0;
            crowd_trim(&c, &w, 3);
            for (; c.n < MAX_SYSTEMS && n_new < random_int(&c.rng, 0, 9); n_new++) {
                crowd_add(&c, &w);
            }
            if (round == 15) {
                assert_int_equal(ath_batch_compact(w.batch), ATH_OK);
            }
            builds += ath_batch_epoch(w.batch) == epoch ? n_new : c.n;
            epoch = ath_batch_epoch(w.batch);
            assert_int_equal(world_fit(&w), ATH_OK);
            assert_int_equal(world_update(&w), ATH_OK);
            assert_int_equal(ath__neighbors_grow(w.nl, w.batch, &n_grown), ATH_OK);
            assert_int_equal(world_update(&w), ATH_OK);
            check_lists(&w, c.st);
            assert_int_equal(world_builds(&w), builds);
            assert_int_equal(world_fit(&w), ATH_OK); /* nothing has changed */
            assert_int_equal(world_update(&w), ATH_OK);
            assert_int_equal(world_builds(&w), builds);
        }
        assert_int_equal(ath__neighbors_invalidate(w.nl), ATH_OK);
        assert_int_equal(world_update(&w), ATH_OK);
        assert_int_equal(world_builds(&w), builds + c.n);
        crowd_free(&c);
        world_close(&w);
    }
}

static int32_t count_stalled(world *w)
{
    ath__view view;
    const int32_t n = ath_batch_n_systems(w->batch);
    int32_t stalled = 0;
    ath__batch_view(w->batch, &view);
    int32_t *flags = download(w, view.flags, (size_t)ath_batch_capacity(w->batch), sizeof *flags);
    for (int32_t i = 0; i < n; i++) {
        stalled += (flags[ath__batch_slot(w->batch, i)] & ATH__SLOT_STALLED) != 0;
    }
    free(flags);
    return stalled;
}

/* Room for one entry per atom: nearly all stall; after growing each is built once, and those that
 * had fitted are not built again, though the entries have moved. */
static void test_overflow(void **state)
{
    (void)state;
    for (int d = 0; d < N_DEVICES; d++) {
        world w;
        crowd c = {.rng = 9};
        int32_t n_grown = 0;
        assert_int_equal(world_open(&w, NULL, device_names[d], 1), ATH_OK);
        while (c.n < 40) {
            crowd_add(&c, &w);
        }
        assert_int_equal(world_fit(&w), ATH_OK);
        assert_int_equal(world_update(&w), ATH_OK);
        const int32_t stalled = count_stalled(&w);
        assert_true(stalled > 20 && stalled < 40);
        assert_int_equal(world_builds(&w), 40 - stalled);
        assert_int_equal(ath__neighbors_grow(w.nl, w.batch, &n_grown), ATH_OK);
        assert_int_equal(n_grown, stalled);
        assert_int_equal(count_stalled(&w), 0);
        assert_int_equal(world_update(&w), ATH_OK);
        assert_int_equal(world_builds(&w), 40);
        check_lists(&w, c.st);
        assert_int_equal(ath__neighbors_grow(w.nl, w.batch, &n_grown), ATH_OK);
        assert_int_equal(n_grown, 0);
        /* a cell that shrinks needs a longer list */
        int32_t at = 0;
        while (!(c.st[at].pbc[0] && c.st[at].pbc[1] && c.st[at].pbc[2])) {
            at++;
        }
        for (int k = 0; k < 9; k++) {
            c.st[at].cell[k] *= 0.4;
        }
        assert_int_equal(ath_batch_write(w.batch, ATH_FIELD_CELL, at, c.st[at].cell), ATH_OK);
        assert_int_equal(world_update(&w), ATH_OK);
        assert_int_equal(count_stalled(&w), 1);
        assert_int_equal(ath__neighbors_grow(w.nl, w.batch, &n_grown), ATH_OK);
        assert_int_equal(n_grown, 1);
        assert_int_equal(world_update(&w), ATH_OK);
        assert_int_equal(world_builds(&w), 41);
        check_lists(&w, c.st);
        crowd_free(&c);
        world_close(&w);
    }
}

/* A system without atoms, one atom without neighbours, and a first guess of nothing. */
static void test_empty(void **state)
{
    (void)state;
    for (int d = 0; d < N_DEVICES; d++) {
        double x[3] = {1.0, 2.0, 3.0};
        structure st[2] = {{.n = 0, .x = x, .cell = {1, 0, 0, 0, 1, 0, 0, 0, 1}, .pbc = {1, 1, 1}},
                           {.n = 1, .x = x}};
        world w;
        assert_int_equal(world_open(&w, NULL, device_names[d], 0), ATH_OK);
        assert_int_equal(add_system(&w, &st[0], 1), ATH_OK);
        assert_int_equal(add_system(&w, &st[1], 2), ATH_OK);
        assert_int_equal(world_fit(&w), ATH_OK);
        assert_int_equal(world_update(&w), ATH_OK);
        assert_int_equal(world_builds(&w), 2);
        check_lists(&w, st);
        world_close(&w);
    }
}

static void test_bad_config(void **state)
{
    static const double bad[][2] = {{0.0, 1.0},  {-1.0, 1.0}, {NAN, 1.0},
                                    {1.0, -0.1}, {1.0, NAN},  {1e7, 0.0}};
    world w, other;
    int32_t n_grown = 7;
    (void)state;
    assert_int_equal(world_open(&w, NULL, "host", 0), ATH_OK);
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
        ath__neighbors *nl = NULL;
        const ath__neighbors_config c = {
            .device = w.device, .cutoff = bad[k][0], .skin = bad[k][1]};
        assert_int_equal(ath__neighbors_create(w.ctx, &c, &nl), ATH_E_RANGE);
        assert_null(nl);
        assert_true(ath_context_message(w.ctx)[0] != '\0');
    }
    assert_int_equal(world_open(&other, NULL, "host", 0), ATH_OK);
    assert_int_equal(ath__neighbors_fit(w.nl, other.batch), ATH_E_ARGUMENT);
    assert_int_equal(ath__neighbors_grow(w.nl, w.batch, &n_grown), ATH_E_STATE);
    assert_int_equal(n_grown, 0);
    world_close(&other);
    world_close(&w);
}

/* Fit, overflow, grow and build, for systems that come in two parts. Calls that fail for want of
 * memory are called again. */
static ath_status run_all(world *w, const crowd *c, int *n_failed)
{
    for (int32_t part = 0; part < 2; part++) {
        ath_status status;
        int32_t n_grown = 0;
        for (int32_t i = part; i < c->n; i += 2) {
            ATH__TRY(add_system(w, &c->st[i], (uint64_t)i + 1));
        }
        while ((status = world_fit(w)) == ATH_E_NO_MEMORY && ++*n_failed < 3) {
        }
        ATH__TRY(status);
        ATH__TRY(world_update(w));
        while ((status = ath__neighbors_grow(w->nl, w->batch, &n_grown)) == ATH_E_NO_MEMORY &&
               ++*n_failed < 3) {
            assert_int_equal(n_grown, 0);
        }
        ATH__TRY(status);
        ATH__TRY(world_update(w));
    }
    return ATH_OK;
}

static void test_no_memory(void **state)
{
    crowd c = {.rng = 3, .n = 10};
    structure sorted[10];
    int n_recovered = 0;
    (void)state;
    for (int32_t i = 0; i < c.n; i++) {
        random_structure(&c.st[i], &c.rng);
        sorted[i / 2 + (i % 2) * 5] = c.st[i];
    }
    for (int64_t at = 1;; at++) {
        failing memory = {.fail_at = at};
        const ath_context_config config = failing_config(&memory);
        world w;
        int n_failed = 0;
        ath_status status = world_open(&w, &config, "host", 2);
        status = status < 0 ? status : run_all(&w, &c, &n_failed);
        assert_true(status == ATH_OK || status == ATH_E_NO_MEMORY);
        if (status == ATH_OK) {
            check_lists(&w, sorted);
            n_recovered += n_failed;
        }
        const bool done = memory.n_calls < at;
        world_close(&w);
        assert_int_equal(memory.n_blocks, 0);
        assert_int_equal(memory.n_wrong, 0);
        if (done) {
            assert_int_equal(status, ATH_OK);
            assert_int_equal(n_failed, 0);
            break;
        }
    }
    assert_true(n_recovered >= 10);
    crowd_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rounds),    cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_empty),     cmocka_unit_test(test_bad_config),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
