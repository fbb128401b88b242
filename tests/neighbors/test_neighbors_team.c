/* Lists of large systems, built by teams: whatever the number of members, everything that the
 * kernel leaves behind is what one caller leaves, row by row; only where the rows lie may differ.
 * The callers are compared with the oracle elsewhere (test_neighbors_kernel.c).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "device/device.h"
#include "neighbors/oracle.h"
#include "neighbors/rig.h"

static const int32_t team_sizes[] = {1, 2, 3, 7};
enum { N_TEAMS = sizeof team_sizes / sizeof team_sizes[0], N_DEVICES = 3, BLOCK = ATH__BLOCK };

static ath_context *test_ctx;
static ath_device *test_devices[N_DEVICES]; /* one per instruction set, the best first */
static int test_n_devices;
static ath__team *test_teams[N_TEAMS];

static int setup(void **state)
{
    static const char *const names[] = {"host:isa=v4", "host:isa=v3", "host:isa=base"};
    (void)state;
    if (ath_context_create(NULL, &test_ctx) != ATH_OK) {
        return -1;
    }
    for (int k = 0; k < N_DEVICES; k++) {
        test_n_devices +=
            ath_device_open(test_ctx, names[k], &test_devices[test_n_devices]) == ATH_OK;
    }
    for (int k = 0; k < N_TEAMS; k++) {
        if (ath__team_create(test_ctx, team_sizes[k], &test_teams[k]) != ATH_OK) {
            return -1;
        }
    }
    return test_n_devices > 0 ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    for (int k = 0; k < N_TEAMS; k++) {
        ath__team_destroy(&test_teams[k]);
    }
    for (int k = 0; k < test_n_devices; k++) {
        ath_device_close(&test_devices[k]);
    }
    ath_context_destroy(&test_ctx);
    return 0;
}

/* ---- one structure, built by one caller and by teams ---- */

/* lists[0] is built by one caller, lists[1 + k] by test_teams[k]. */
typedef struct bench {
    rig lists[1 + N_TEAMS];
    ath_device *device;
    int32_t most; /* atoms of a system */
} bench;

static void bench_open(bench *b, const structure *st, int32_t n, const int64_t *rooms, double reach)
{
    b->device = test_devices[0];
    b->most = 0;
    for (int32_t s = 0; s < n; s++) {
        b->most = st[s].n > b->most ? st[s].n : b->most;
    }
    for (int k = 0; k <= N_TEAMS; k++) {
        rig_open(&b->lists[k], st, n, rooms);
        b->lists[k].args.cutoff = 0.8 * reach;
        b->lists[k].args.skin = 0.2 * reach;
        rig_work(&b->lists[k], ath__neighbors_work(NULL, b->most, k ? team_sizes[k - 1] : 1));
    }
}

static void bench_close(bench *b)
{
    for (int k = 0; k <= N_TEAMS; k++) {
        rig_close(&b->lists[k]);
    }
}

/* Runs the kernel on lists k. */
static void bench_update(bench *b, int k)
{
    ath__stream stream;
    assert_int_equal(ath__stream_open(b->device, &stream), ATH_OK);
    stream.team = k ? test_teams[k - 1] : NULL;
    assert_int_equal(ath__launch(&stream, ATH_K_NEIGHBORS_UPDATE, &b->lists[k].args), ATH_OK);
    ath__stream_close(&stream);
}

/* Whether rows a and b of two lists agree. */
static bool same_row(const ath__list_view *a, const ath__list_view *b, int32_t slot, int64_t row)
{
    return a->count[row] == b->count[row] &&
           memcmp(a->wrap + 3 * row, b->wrap + 3 * row, 3 * sizeof *a->wrap) == 0 &&
           memcmp(a->built_positions + 3 * row, b->built_positions + 3 * row,
                  3 * sizeof *a->built_positions) == 0 &&
           memcmp(a->entry + a->start[slot] + a->row[row], b->entry + b->start[slot] + b->row[row],
                  (size_t)a->count[row] * sizeof *a->entry) == 0;
}

/* Entries of a list that belong to no row, or to two, or lie outside. */
static int64_t misplaced(const ath__list_view *l, int32_t slot, int64_t first, int32_t n)
{
    const int64_t needed = l->needed[slot];
    uint8_t *taken = calloc((size_t)needed + 1, 1);
    int64_t wrong = 0, sum = 0;
    for (int64_t row = first; row < first + n; row++) {
        for (int32_t e = 0; e < l->count[row]; e++) {
            const int64_t at = (int64_t)l->row[row] + e;
            wrong += at < 0 || at >= needed || taken[at]++;
        }
        sum += l->count[row];
    }
    free(taken);
    return wrong + (sum != needed);
}

/* Compares all that a kernel writes, but for the bits of `path` that tell of work memory, of which
 * a team has more; with less of it, how a list is built is also a matter of memory. */
static void expect_same(const bench *b, int k, bool less_memory)
{
    const rig *one = &b->lists[0], *many = &b->lists[k];
    const ath__list_view *a = &one->args.list, *c = &many->args.list;
    const int32_t memory = less_memory ? 31 : ATH__PATH_SHARED;
    int64_t differences = 0;
    for (int32_t s = 0; s < one->n_slots; s++) {
        const int64_t first = one->args.view.first[s];
        const int32_t n = one->args.view.n_atoms[s];
        assert_int_equal(a->needed[s], c->needed[s]);
        assert_int_equal(a->valid[s], c->valid[s]);
        assert_int_equal(a->builds[s], c->builds[s]);
        assert_int_equal(a->path[s] & ~memory, c->path[s] & ~memory);
        assert_int_equal(one->args.view.flags[s], many->args.view.flags[s]);
        assert_int_equal(one->args.view.reason[s], many->args.view.reason[s]);
        assert_memory_equal(a->built_cell + 9 * s, c->built_cell + 9 * s, 9 * sizeof(double));
        for (int32_t i = 0; i < n; i++) {
            if (a->valid[s]) {
                differences += !same_row(a, c, s, first + i);
            } else {
                differences += a->count[first + i] != c->count[first + i];
            }
        }
        differences += c->valid[s] ? misplaced(c, s, first, n) : 0;
    }
    assert_int_equal(differences, 0);
    assert_int_equal(rig_touched(many), 0);
}

static void update_and_compare(bench *b)
{
    for (int k = 0; k <= N_TEAMS; k++) {
        bench_update(b, k);
        expect_same(b, k, false);
    }
}

/* Every atom of lists k, or one, is moved to where it is in lists 0. */
static void copy_state(bench *b)
{
    const rig *one = &b->lists[0];
    for (int k = 1; k <= N_TEAMS; k++) {
        const ath__view *v = &b->lists[k].args.view;
        memcpy(v->positions, one->args.view.positions,
               (size_t)one->n_rows * 3 * sizeof *v->positions);
        memcpy(v->cell, one->args.view.cell, (size_t)one->n_slots * 9 * sizeof *v->cell);
        memcpy(v->pbc, one->args.view.pbc, (size_t)one->n_slots * 3 * sizeof *v->pbc);
    }
}

/* ---- structures ---- */

enum kind { BOX, OPEN, SLAB, WIRE, SKEWED, FAR, CLUMPS, OUTLIERS, N_KINDS };

/* About one atom per unit volume, on a jittered grid; the clumps have ten times as many. */
static structure make(enum kind kind, int32_t n, uint64_t *rng)
{
    structure st = {.n = n};
    const int32_t m = (int32_t)ceil(cbrt((double)n));
    const int periodic[N_KINDS] = {7, 0, 3, 4, 7, 7, 7, 0};
    st.x = malloc((size_t)n * 3 * sizeof *st.x);
    for (int k = 0; k < 3; k++) {
        st.pbc[k] = periodic[kind] >> k & 1;
        st.cell[4 * k] = st.pbc[k] ? m : 0.0;
    }
    if (kind == SKEWED) {
        st.cell[3] = 0.4 * m, st.cell[6] = -0.3 * m, st.cell[7] = 0.5 * m, st.cell[0] = -m;
    }
    for (int32_t i = 0; i < n; i++) {
        const int32_t at[3] = {i % m, i / m % m, i / m / m};
        double f[3], *x = st.x + 3 * (int64_t)i;
        for (int k = 0; k < 3; k++) {
            f[k] = (at[k] + random_in(rng, 0.1, 0.9)) / m;
            if (kind == CLUMPS) {
                const double r = random_unit(rng);
                f[k] = 0.3 * (i % 3) + 0.2 * r * (i % 2 ? r : 1.0);
            }
            f[k] += kind == FAR ? random_int(rng, -3, 3) : 0;
        }
        for (int c = 0; c < 3; c++) {
            x[c] = st.pbc[c] || kind == SKEWED
                       ? f[0] * st.cell[c] + f[1] * st.cell[3 + c] + f[2] * st.cell[6 + c]
                       : f[c] * m;
        }
        if (kind == OUTLIERS && i % 4000 == 7) {
            x[i % 3] += (i % 8000 == 7 ? 1.0 : -1.0) * pow(10.0, 1 + i / 4000 % 8);
        }
    }
    return st;
}

static void shift(bench *b, int32_t atom, double by)
{
    const rig *r = &b->lists[0];
    r->args.view.positions[3 * (r->args.view.first[0] + atom) + atom % 3] += by;
    copy_state(b);
}

/* ---- tests ---- */

/* Shrinks the periodic part of space. */
static void shrink(bench *b, const structure *st)
{
    const ath__view *v = &b->lists[0].args.view;
    for (int64_t k = 0; k < 3 * (int64_t)st->n; k++) {
        v->positions[3 * v->first[0] + k] *= st->pbc[k % 3] ? 0.998 : 1.0;
    }
    for (int k = 0; k < 9; k++) {
        v->cell[k] *= 0.998;
    }
    copy_state(b);
}

/* Built, kept over small moves, built again after one atom has moved too far, wherever in the
 * shares of the members it is; kept in a cell that has shrunk a little, which leaves less room for
 * moves; and built again after a change of periodicity. */
static void check_life(enum kind kind, int32_t n, double reach)
{
    uint64_t rng = (uint64_t)kind * 1000 + (uint64_t)n;
    structure st = make(kind, n, &rng);
    const int64_t room = (int64_t)(n * 4.19 * reach * reach * reach * (kind == CLUMPS ? 90 : 1.5));
    const int32_t atoms[] = {0, n - 1, n / 2, n / 3 / BLOCK * BLOCK, 11 * BLOCK - 1};
    bench b;
    bench_open(&b, &st, 1, &room, reach);
    const ath__list_view *l = &b.lists[0].args.list;
    int64_t builds = 1;
    update_and_compare(&b);
    assert_int_equal(l->valid[0], 1);
    assert_true(l->path[0] & ATH__PATH_TREE);
    for (size_t k = 0; k<sizeof atoms / sizeof atoms[0]; k += n> 30000 ? 4 : 1) {
        shift(&b, atoms[k], 0.0999 * reach);
        update_and_compare(&b);
        assert_int_equal(l->builds[0], builds);
        shift(&b, atoms[k], 0.002 * reach);
        update_and_compare(&b);
        assert_int_equal(l->builds[0], ++builds);
    }
    shrink(&b, &st);
    for (size_t k = 0; k<sizeof atoms / sizeof atoms[0]; k += n> 30000 ? 4 : 1) {
        update_and_compare(&b);
        assert_int_equal(l->builds[0], builds);
        shift(&b, atoms[k], 0.0985 * reach);
        update_and_compare(&b);
        assert_int_equal(l->builds[0], builds);
        shift(&b, atoms[k], 0.001 * reach); /* less than half of the skin */
        update_and_compare(&b);
        builds += st.pbc[0] || st.pbc[2];
        assert_int_equal(l->builds[0], builds);
        shrink(&b, &st);
    }
    b.lists[0].args.view.pbc[0] ^= 1;
    copy_state(&b);
    if (kind == BOX || kind == SLAB) {
        update_and_compare(&b);
        assert_int_equal(l->builds[0], ++builds);
    }
    bench_close(&b);
    free(st.x);
}

static void test_kinds(void **state)
{
    (void)state;
    for (int kind = 0; kind < N_KINDS; kind++) {
        check_life((enum kind)kind, ATH__TEAM_ATOMS + 1 + 777 * kind, kind == CLUMPS ? 0.7 : 1.5);
    }
}

/* An atom that is many cells away, of the share of the last member: everybody's list says so. */
static void test_far(void **state)
{
    (void)state;
    const int32_t n = ATH__TEAM_ATOMS + 1234;
    uint64_t rng = 99;
    structure st = make(BOX, n, &rng);
    const int64_t room = (int64_t)n * 30;
    bench b;
    bench_open(&b, &st, 1, &room, 1.5);
    const ath__list_view *l = &b.lists[0].args.list;
    const ath__view *v = &b.lists[0].args.view;
    update_and_compare(&b);
    assert_int_equal(l->valid[0], 1);
    assert_false(l->path[0] & ATH__PATH_FAR);
    for (int c = 0; c < 3; c++) {
        v->positions[3 * (int64_t)(n - 1) + c] += -300.0 * v->cell[c];
    }
    copy_state(&b);
    update_and_compare(&b);
    assert_int_equal(l->builds[0], 2);
    assert_true(l->path[0] & ATH__PATH_FAR);
    bench_close(&b);
    free(st.x);
}

static void test_larger(void **state)
{
    (void)state;
    check_life(BOX, 59999, 1.4);
    check_life(CLUMPS, 45000, 0.5);
}

static void test_instruction_sets(void **state)
{
    uint64_t rng = 8;
    structure st = make(SKEWED, 23456, &rng);
    const int64_t room = 60 * st.n;
    (void)state;
    for (int d = 1; d < test_n_devices; d++) {
        bench b;
        bench_open(&b, &st, 1, &room, 2.0);
        bench_update(&b, 0);
        b.device = test_devices[d];
        for (int k = 1; k <= N_TEAMS; k++) {
            bench_update(&b, k);
            expect_same(&b, k, false);
        }
        bench_close(&b);
    }
    free(st.x);
}

/* Without a skin every bit counts, in every share. */
static void test_no_skin(void **state)
{
    uint64_t rng = 9;
    structure st = make(BOX, 20002, &rng);
    const int64_t room = 60 * st.n;
    bench b;
    (void)state;
    bench_open(&b, &st, 1, &room, 2.0);
    for (int k = 0; k <= N_TEAMS; k++) {
        b.lists[k].args.skin = 0.0;
    }
    update_and_compare(&b);
    update_and_compare(&b);
    assert_int_equal(b.lists[0].args.list.builds[0], 1);
    shift(&b, 20001, 0x1p-40);
    update_and_compare(&b);
    assert_int_equal(b.lists[0].args.list.builds[0], 2);
    bench_close(&b);
    free(st.x);
}

/* One entry too many: the slot stalls with the exact number and is left alone; with room for that
 * number it is built. */
static void test_overflow(void **state)
{
    uint64_t rng = 10;
    structure st = make(SLAB, 21000, &rng);
    bench b;
    int64_t room = 60 * st.n;
    (void)state;
    bench_open(&b, &st, 1, &room, 1.8);
    bench_update(&b, 0);
    const int64_t needed = b.lists[0].args.list.needed[0];
    bench_close(&b);
    bench_open(&b, &st, 1, &needed, 1.8);
    for (int64_t less = needed; less >= 0; less = less > 1 ? 1 : less - 1) {
        for (int k = 0; k <= N_TEAMS; k++) {
            b.lists[k].args.list.room[0] = needed - less;
        }
        update_and_compare(&b);
        assert_int_equal(b.lists[0].args.list.needed[0], needed);
        assert_int_equal(b.lists[0].args.list.valid[0], less == 0);
        assert_int_equal(b.lists[0].args.view.flags[0], less ? ATH__SLOT_STALLED : 0);
        for (int k = 0; k <= N_TEAMS && less > 0; k++) {
            b.lists[k].args.list.needed[0] = -1;
        }
        if (less > 0) {
            update_and_compare(&b);
            assert_int_equal(b.lists[0].args.list.needed[0], -1);
        }
        for (int k = 0; k <= N_TEAMS; k++) {
            b.lists[k].args.view.flags[0] = 0;
        }
    }
    bench_close(&b);
    free(st.x);
}

static void expect_reason(bench *b, int32_t reason)
{
    update_and_compare(b);
    assert_int_equal(b->lists[0].args.view.reason[0], reason);
    assert_int_equal(b->lists[0].args.list.valid[0], 0);
    for (int k = 0; k <= N_TEAMS; k++) {
        b->lists[k].args.view.reason[0] = ATH_REASON_NONE;
    }
}

static void test_refusals(void **state)
{
    static const double bad[] = {NAN, -INFINITY, 1e300, 4e7};
    uint64_t rng = 11;
    structure st = make(BOX, 20300, &rng);
    const int32_t atoms[] = {0, st.n - 1, st.n / 2, 79 * BLOCK, 5000};
    const int64_t room = 60 * st.n;
    bench b;
    (void)state;
    bench_open(&b, &st, 1, &room, 1.8);
    update_and_compare(&b);
    const ath__view *v = &b.lists[0].args.view;
    for (int k = 0; k < 20; k++) {
        double *x = v->positions + 3 * (v->first[0] + atoms[k % 5]) + k % 3;
        const double was = *x;
        *x = bad[k / 5];
        copy_state(&b);
        expect_reason(&b, ATH_REASON_NON_FINITE);
        *x = was;
    }
    v->cell[0] = NAN;
    copy_state(&b);
    expect_reason(&b, ATH_REASON_NON_FINITE);
    memcpy(v->cell, v->cell + 3, 3 * sizeof *v->cell);
    copy_state(&b);
    expect_reason(&b, ATH_REASON_CELL_COLLAPSED);
    memcpy(v->cell, st.cell, sizeof st.cell);
    v->cell[0] = 1e-3; /* thousands of images */
    copy_state(&b);
    expect_reason(&b, ATH_REASON_CELL_COLLAPSED);
    memcpy(v->cell, st.cell, sizeof st.cell);
    copy_state(&b);
    update_and_compare(&b);
    assert_int_equal(b.lists[0].args.list.valid[0], 1);
    bench_close(&b);
    free(st.x);
}

/* Small and large systems in one call, in any order: to be built, valid, stalled, refused, without
 * need of a list. */
static void test_mixed(void **state)
{
    enum { N = 9 };
    uint64_t rng = 12;
    structure st[N];
    int64_t rooms[N];
    bench b;
    (void)state;
    for (int32_t s = 0; s < N; s++) {
        const int32_t n = s % 2 ? 20100 + 300 * s : (s == 4 ? ATH__TEAM_ATOMS : 50 * s);
        st[s] = make((enum kind)(s == 6 ? OPEN : s % 3), n, &rng);
        rooms[s] = s == 3 ? 100 : 60 * (int64_t)n;
    }
    st[5].x[31] = NAN;
    bench_open(&b, st, N, rooms, 1.8);
    for (int round = 0; round < 6; round++) {
        for (int32_t s = N - 1; s > 0; s--) {
            const int32_t other = random_int(&rng, 0, s), was = b.lists[0].slots[s];
            for (int k = 0; k <= N_TEAMS; k++) {
                b.lists[k].slots[s] = b.lists[k].slots[other];
                b.lists[k].slots[other] = was;
            }
        }
        for (int k = 0; k <= N_TEAMS; k++) {
            b.lists[k].n_listed = random_int(&rng, N / 2, N);
            b.lists[k].n_listed = b.lists[0].n_listed;
            b.lists[k].args.all_pairs_max = round == 3 ? 21000 : 0;
            b.lists[k].args.list.valid[round] = 0;
        }
        update_and_compare(&b);
        for (int32_t s = 0; s < N; s++) {
            const int64_t row = b.lists[0].args.view.first[s] + round;
            if (st[s].n > round && random_int(&rng, 0, 1)) {
                b.lists[0].args.view.positions[3 * row] += 0.3;
            }
        }
        copy_state(&b);
    }
    assert_int_equal(b.lists[0].args.view.flags[3], ATH__SLOT_STALLED);
    assert_int_equal(b.lists[0].args.view.reason[5], ATH_REASON_NON_FINITE);
    bench_close(&b);
    for (int32_t s = 0; s < N; s++) {
        free(st[s].x);
    }
}

/* With any less memory the lists are the same. */
static void test_less_memory(void **state)
{
    uint64_t rng = 13;
    structure st = make(BOX, 20050, &rng);
    const int64_t room = 60 * st.n;
    bench b;
    (void)state;
    bench_open(&b, &st, 1, &room, 1.8);
    bench_update(&b, 0);
    for (int k = 2; k <= N_TEAMS; k++) {
        const int32_t size = team_sizes[k - 1];
        const size_t notes = ath__neighbors_notes(size), shared = ath__neighbors_shared(st.n);
        const size_t least = notes + shared + (size_t)size * ath__neighbors_private(st.n, 8192);
        const size_t bytes[] = {notes + ath__neighbors_bytes(st.n, 3 * st.n), least - 1, least,
                                least + (size_t)size * 20 * 5000};
        for (size_t w = 0; w < sizeof bytes / sizeof bytes[0]; w++) {
            rig_work(&b.lists[k], bytes[w]);
            b.lists[k].args.list.valid[0] = 0;
            b.lists[k].args.list.builds[0] = 0;
            bench_update(&b, k);
            expect_same(&b, k, true);
        }
    }
    bench_close(&b);
    free(st.x);
    st = make(BOX, 200, &rng);
    bench_open(&b, &st, 1, &room, 1.8);
    bench_update(&b, 0);
    for (int k = 1; k <= N_TEAMS; k++) {
        rig_work(&b.lists[k],
                 k == 1 ? 0 : ath__neighbors_notes(team_sizes[k - 1]) - (size_t)(k - 3));
        bench_update(&b, k);
        expect_same(&b, k, true);
    }
    bench_close(&b);
    free(st.x);
}

/* Atoms at one place. Rows longer than what is tested at once are written by the team; with more
 * candidates than a member can hold, or boxes that cannot be cut, it gives up and one member counts
 * them. */
static void test_coincident(void **state)
{
    static const int32_t together[] = {2500, 17000, 20400};
    (void)state;
    for (int k = 0; k < 3; k++) {
        uint64_t rng = 14;
        structure st = make(OPEN, 20400, &rng);
        const int64_t n = together[k], room = k ? 0 : n * n + 60 * st.n;
        bench b;
        for (int32_t i = 0; i < n; i++) {
            st.x[3 * i] = st.x[3 * i + 1] = st.x[3 * i + 2] = 3.25;
        }
        bench_open(&b, &st, 1, &room, 1.5);
        bench_update(&b, 0);
        for (int t = k ? 3 : 1; t <= (k ? 3 : N_TEAMS); t++) { /* counting takes long */
            bench_update(&b, t);
            expect_same(&b, t, false);
        }
        assert_true(b.lists[0].args.list.needed[0] >= n * (n - 1));
        assert_int_equal(b.lists[0].args.list.valid[0], k == 0);
        bench_close(&b);
        free(st.x);
    }
}

/* 2^31 entries and more: counted, refused. */
static void test_too_large(void **state)
{
    enum { CLUMP = 16300, N = 9 * CLUMP };
    structure st = {.n = N, .x = malloc(3 * (size_t)N * sizeof(double))};
    const int64_t room = 0;
    bench b;
    (void)state;
    for (int32_t i = 0; i < N; i++) {
        st.x[3 * i] = 10 * (i / CLUMP), st.x[3 * i + 1] = st.x[3 * i + 2] = 1e-3 * (i % 7);
    }
    bench_open(&b, &st, 1, &room, 1.0);
    bench_update(&b, 3);
    assert_int_equal(b.lists[3].args.view.reason[0], ATH_REASON_TOO_LARGE);
    assert_int_equal(b.lists[3].args.view.flags[0], 0);
    assert_int_equal(b.lists[3].args.list.valid[0], 0);
    assert_int_equal(b.lists[3].args.list.needed[0], 0);
    for (int32_t i = 0; i < N; i++) {
        assert_int_equal(b.lists[3].args.list.count[32 + i], 0);
    }
    bench_close(&b);
    free(st.x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_far),
        cmocka_unit_test(test_larger),
        cmocka_unit_test(test_no_skin),
        cmocka_unit_test(test_instruction_sets),
        cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_mixed),
        cmocka_unit_test(test_less_memory),
        cmocka_unit_test(test_coincident),
        cmocka_unit_test(test_too_large),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
