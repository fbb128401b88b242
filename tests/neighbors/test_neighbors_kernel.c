/* The neighbour kernel against the oracle, on every instruction set that the machine has: the same
 * pairs in the same order with the same bits, whatever the cell, the path taken and the memory at
 * hand; nothing written outside; lists kept just as long as they may be; bad input told by a
 * reason.
 */
#include <pthread.h>
#include <stdio.h>

#include "neighbors/kernels.h"
#include "neighbors/oracle.h"
#include "neighbors/rig.h"

enum { N_LARGE = 2050, N_CASES = 10000, MAX_GROUP = 4 };

/* ---- random cases ---- */

typedef struct tally {
    int64_t cases, large, differences, touched, moved, rebuilt, unequal, pairs;
    int64_t brute, tree, images, exact, shared;
} tally;

static void tally_paths(tally *t, int32_t path, int32_t n)
{
    t->brute += (path & ATH__PATH_BRUTE) != 0;
    t->tree += (path & ATH__PATH_TREE) != 0;
    t->images += (path & ATH__PATH_IMAGES) != 0;
    t->exact += (path & ATH__PATH_EXACT) != 0;
    t->shared += (path & ATH__PATH_SHARED) != 0;
    t->large += (path & ATH__PATH_TREE) && n > 500;
}

/* Everything that a kernel writes, for comparison between instruction sets. */
static bool same_lists(const rig *a, const rig *b)
{
    const ath__list_view *l = &a->args.list, *m = &b->args.list;
    const size_t rows = (size_t)a->n_rows, slots = (size_t)a->n_slots;
    return memcmp(l->row, m->row, rows * sizeof *l->row) == 0 &&
           memcmp(l->count, m->count, rows * sizeof *l->count) == 0 &&
           memcmp(l->wrap, m->wrap, 3 * rows * sizeof *l->wrap) == 0 &&
           memcmp(l->needed, m->needed, slots * sizeof *l->needed) == 0 &&
           memcmp(l->path, m->path, slots * sizeof *l->path) == 0 &&
           memcmp(l->entry, m->entry, (size_t)a->n_entries * sizeof *l->entry) == 0;
}

/* Moves every atom by `by` in a random direction (of the box: |d| <= by). */
static void shake(structure *st, double by, uint64_t *rng)
{
    for (int32_t i = 0; i < st->n; i++) {
        double d[3], n = 0.0;
        for (int c = 0; c < 3; c++) {
            d[c] = random_in(rng, -1.0, 1.0);
            n += d[c] * d[c];
        }
        for (int c = 0; c < 3; c++) {
            st->x[3 * (int64_t)i + c] += by * d[c] / sqrt(n);
        }
    }
}

static void put_positions(rig *r, const structure *st, int32_t slot)
{
    memcpy(r->args.view.positions + 3 * r->args.view.first[slot], st->x,
           (size_t)st->n * 3 * sizeof *st->x);
}

/* Lists that are there: after small moves they must be kept and still be complete within the
 * cutoff; after one large move, rebuilt. */
static void check_moves(rig *r, structure *st, ath__kernel_fn kernel, uint64_t *rng, tally *t)
{
    const double cutoff = r->args.cutoff, half = 0.5 * r->args.skin;
    oracle_list want = {0};
    for (int32_t s = 0; s < r->n_slots; s++) {
        if (half > 0.0) {
            shake(&st[s], 0.9999 * half, rng);
        }
        put_positions(r, &st[s], s);
    }
    kernel(&r->args, &ath__alone);
    for (int32_t s = 0; s < r->n_slots; s++) {
        oracle_build(&st[s], cutoff, &want);
        t->differences +=
            list_differences(&r->args.list, s, r->args.view.first[s], &st[s], cutoff, &want);
        t->rebuilt += r->args.list.builds[s] != 1;
        const int32_t i = random_int(rng, 0, st[s].n - 1), c = random_int(rng, 0, 2);
        st[s].x[3 * (int64_t)i + c] =
            r->args.list.built_positions[3 * (r->args.view.first[s] + i) + c] +
            (i % 2 ? 1.0001 : -1.0001) * (half + 1e-6);
        put_positions(r, &st[s], s);
        r->args.list.room[s] = 0; /* so that the kernel cannot but say that it wants to rebuild */
    }
    kernel(&r->args, &ath__alone);
    for (int32_t s = 0; s < r->n_slots; s++) {
        oracle_build(&st[s], cutoff + r->args.skin, &want);
        t->rebuilt +=
            r->args.list.needed[s] != want.n_pairs || r->args.list.valid[s] != (want.n_pairs == 0);
        t->moved++;
    }
    oracle_free(&want);
}

/* Work memory: enough, none at all, or just too little. */
static size_t random_work(const structure *st, int32_t n, uint64_t *rng)
{
    int32_t most = 0;
    for (int32_t s = 0; s < n; s++) {
        most = st[s].n > most ? st[s].n : most;
    }
    switch (random_int(rng, 0, 19)) {
    case 0:
        return 0;
    case 1:
    case 2:
    case 3:
        return ath__neighbors_bytes(most, most * random_int(rng, 1, 16));
    default:
        return ath__neighbors_bytes(most, 65536 + 4 * (int64_t)most);
    }
}

/* n systems of one kind in one call, laid over each other in space. */
static void check_group(const structure_spec *spec, int32_t n, double neighbors, uint64_t *rng,
                        tally *t)
{
    structure st[MAX_GROUP];
    oracle_list want[MAX_GROUP] = {{0}};
    int64_t rooms[MAX_GROUP];
    const int first = random_int(rng, 0, 7) ? 0 : random_int(rng, 0, test_n_kernels - 1);
    const double reach = structure_reach(spec, neighbors);
    const double skin = random_int(rng, 0, 9) ? random_in(rng, 0.01, 0.4) * reach : 0.0;
    const double cutoff = reach - skin;
    for (int32_t s = 0; s < n; s++) {
        structure_make(&st[s], spec, rng);
        oracle_build(&st[s], cutoff + skin, &want[s]);
        rooms[s] = want[s].n_pairs + (random_int(rng, 0, 1) ? random_int(rng, 0, 999) : 0);
        t->pairs += want[s].n_pairs;
    }
    rig r[2];
    const int n_rigs = random_int(rng, 0, 3) == 0 && test_n_kernels > 1 ? 2 : 1;
    const size_t work = random_work(st, n, rng);
    for (int k = 0; k < n_rigs; k++) {
        rig_open(&r[k], st, n, rooms);
        r[k].args.cutoff = cutoff;
        r[k].args.skin = skin;
        rig_work(&r[k], work);
        test_kernels[(first + k * random_int(rng, 1, 2)) % test_n_kernels](&r[k].args, &ath__alone);
        t->touched += rig_touched(&r[k]);
    }
    t->unequal += n_rigs == 2 && !same_lists(&r[0], &r[1]);
    for (int32_t s = 0; s < n; s++) {
        const int64_t differences = list_differences(&r[0].args.list, s, r[0].args.view.first[s],
                                                     &st[s], INFINITY, &want[s]);
        if (differences) {
            print_message("case %lld: %lld differences, n %d pbc %d%d%d path %d\n",
                          (long long)t->cases, (long long)differences, st[s].n, st[s].pbc[0],
                          st[s].pbc[1], st[s].pbc[2], r[0].args.list.path[s]);
        }
        t->differences += differences;
        t->cases++;
        tally_paths(t, r[0].args.list.path[s], st[s].n);
    }
    if (random_int(rng, 0, 4) == 0 && spec->far < 1000 && t->differences == 0) {
        check_moves(&r[0], st, test_kernels[first], rng, t);
    }
    for (int k = 0; k < n_rigs; k++) {
        rig_close(&r[k]);
    }
    for (int32_t s = 0; s < n; s++) {
        oracle_free(&want[s]);
        free(st[s].x);
    }
}

static void test_random(void **state)
{
    static const structure_spec small[] = {
        {1, 40, {0.7, 1.4}, 0.5, 0},     /* ordinary cells, often smaller than the cutoff */
        {1, 40, {0.7, 1.4}, 0.5, 5},     /* atoms outside of them */
        {1, 60, {0.5, 2.0}, 0.0, 0},     /* boxes */
        {1, 1, {0.3, 3.0}, 1.0, 1},      /* one atom */
        {1, 6, {0.05, 20.0}, 1.0, 1},    /* needles and plates */
        {2, 30, {0.7, 1.4}, 6.0, 2},     /* skew */
        {1, 30, {0.7, 1.4}, 0.5, 500000} /* far away */
    };
    static const structure_spec large = {501, 620, {0.6, 1.6}, 0.6, 2};
    uint64_t rng = 20240229;
    tally t = {0};
    (void)state;
    while (t.large < N_LARGE && t.differences == 0) {
        const double neighbors = random_in(&rng, 10.0, 50.0);
        check_group(&large, 1, neighbors, &rng, &t);
    }
    for (int k = 0; t.cases < N_CASES && t.differences == 0; k++) {
        const structure_spec *spec = &small[k % (int)(sizeof small / sizeof small[0])];
        const int32_t n = random_int(&rng, 1, MAX_GROUP);
        const double neighbors = random_in(&rng, 2.0, 150.0);
        check_group(spec, n, neighbors, &rng, &t);
    }
    print_message("%lld cases, %lld pairs; brute %lld, tree %lld (above 500 atoms %lld), images "
                  "%lld, exact %lld, shared %lld; moved %lld\n",
                  (long long)t.cases, (long long)t.pairs, (long long)t.brute, (long long)t.tree,
                  (long long)t.large, (long long)t.images, (long long)t.exact, (long long)t.shared,
                  (long long)t.moved);
    assert_int_equal(t.differences, 0);
    assert_int_equal(t.touched, 0);
    assert_int_equal(t.rebuilt, 0);
    assert_int_equal(t.unequal, 0);
    assert_true(t.cases >= N_CASES && t.large >= 2000 && t.moved >= 1000);
    assert_true(t.brute > 0 && t.tree > 0 && t.images > 0 && t.exact > 0 && t.shared > 0);
}

/* ---- single cases ---- */

/* One system, with room for `room` entries and ample work memory. */
static void open_one(rig *r, const structure *st, double cutoff, double skin, int64_t room)
{
    rig_open(r, st, 1, &room);
    r->args.cutoff = cutoff;
    r->args.skin = skin;
    rig_work(r, ath__neighbors_bytes(st->n, 65536 + 4 * (int64_t)st->n));
}

/* n^3 atoms on a simple cubic lattice of unit 1. */
static void cubic(structure *st, int32_t n, int32_t periodic)
{
    memset(st, 0, sizeof *st);
    st->n = n * n * n;
    st->x = malloc((size_t)st->n * 3 * sizeof *st->x);
    for (int32_t i = 0; i < st->n; i++) {
        st->x[3 * i] = i % n, st->x[3 * i + 1] = i / n % n, st->x[3 * i + 2] = i / n / n;
    }
    for (int k = 0; k < 3; k++) {
        st->cell[4 * k] = n;
        st->pbc[k] = periodic;
    }
}

/* Pairs at exactly the limit are outside; atoms that coincide are neighbours of each other. */
static void test_limits(void **state)
{
    (void)state;
    for (int k = 0; k < test_n_kernels; k++) {
        for (int32_t n = 1; n <= 9; n += 2) {
            structure st;
            oracle_list want = {0};
            rig r;
            cubic(&st, n, 1);
            memcpy(st.x, st.x + 3 * (st.n / 2), 3 * sizeof *st.x);
            oracle_build(&st, 2.0, &want);
            open_one(&r, &st, 1.5, 0.5, 40 * st.n);
            test_kernels[k](&r.args, &ath__alone);
            assert_int_equal(list_differences(&r.args.list, 0, 32, &st, INFINITY, &want), 0);
            assert_int_equal(rig_touched(&r), 0);
            if (n == 1) { /* 6 of length 1, 12 of sqrt 2, 8 of sqrt 3; the 6 of length 2 are out */
                assert_int_equal(want.n_pairs, 26);
            } else {
                assert_true(r.args.list.path[0] & ATH__PATH_EXACT);
            }
            rig_close(&r);
            oracle_free(&want);
            free(st.x);
        }
    }
}

/* A shell of a lattice lies at the limit but for rounding, in any orientation and place: near or
 * far from the origin, wrapped or not, in a cell of its own size or one that is far too large.
 * About half of these pairs are inside by their last bits, and float32 can tell none of them. */
static void test_shells(void **state)
{
    static const double shells[] = {1.0, 1.4142135623730951, 1.7320508075688772, 2.0};
    uint64_t rng = 11;
    int64_t taken = 0, left = 0;
    (void)state;
    for (int k = 0; k < 280; k++) {
        structure st;
        oracle_list want = {0};
        rig r;
        cubic(&st, k % 3 ? 9 : 4, k % 4 != 0);
        const double unit = random_in(&rng, 0.5, 5.0), turn[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
        const double reach = unit * shells[random_int(&rng, 0, 3)];
        const double place = k % 5 ? 0.0 : (k % 7 ? 5e5 : 2e11); /* below 2^20 cells */
        double m[9];
        memcpy(m, turn, sizeof m);
        structure_rotate(m, &rng);
        for (int32_t i = 0; i < st.n; i++) {
            double *x = st.x + 3 * i, y[3];
            for (int c = 0; c < 3; c++) {
                y[c] = unit * (x[0] * m[c] + x[1] * m[3 + c] + x[2] * m[6 + c]) + place;
            }
            memcpy(x, y, sizeof y);
        }
        const double cell = (k % 7 ? unit : 1e5) * st.cell[0];
        for (int c = 0; c < 9; c++) {
            st.cell[c] = cell * m[c];
        }
        for (int32_t i = 0; i < st.n; i += 3) { /* every third atom somewhere else */
            const int32_t s[3] = {random_int(&rng, -99, 99), k % 2 ? random_int(&rng, -9, 9) : 0,
                                  0};
            for (int c = 0; c < 3 && k % 4 != 0; c++) {
                st.x[3 * i + c] += s[0] * st.cell[c] + s[1] * st.cell[3 + c];
            }
        }
        oracle_build(&st, reach * (1.0 + 1e-6), &want);
        left += want.n_pairs;
        oracle_build(&st, reach, &want);
        left -= want.n_pairs;
        open_one(&r, &st, reach, 0.0, want.n_pairs);
        test_kernels[k % test_n_kernels](&r.args, &ath__alone);
        assert_int_equal(list_differences(&r.args.list, 0, 32, &st, INFINITY, &want), 0);
        assert_true(r.args.list.path[0] & ATH__PATH_EXACT);
        oracle_build(&st, reach * (1.0 - 1e-6), &want);
        taken += r.args.list.needed[0] - want.n_pairs;
        rig_close(&r);
        oracle_free(&want);
        free(st.x);
    }
    assert_true(taken > 50000 && left > 50000); /* the limit does cut through the shells */
}

/* All atoms at one place: boxes that cannot be cut. */
static void test_coincident(void **state)
{
    structure st;
    oracle_list want = {0};
    rig r;
    (void)state;
    cubic(&st, 5, 0);
    for (int32_t i = 0; i < st.n; i++) {
        st.x[3 * i] = 1.0, st.x[3 * i + 1] = -7.0, st.x[3 * i + 2] = 1e6;
    }
    oracle_build(&st, 1.0, &want);
    assert_int_equal(want.n_pairs, 125 * 124);
    open_one(&r, &st, 0.8, 0.2, want.n_pairs);
    test_kernels[0](&r.args, &ath__alone);
    assert_int_equal(list_differences(&r.args.list, 0, 32, &st, INFINITY, &want), 0);
    assert_int_equal(r.args.list.path[0] & 31, ATH__PATH_TREE);
    rig_close(&r);
    oracle_free(&want);
    free(st.x);
}

/* Atoms flown off, by up to 10^9 angstrom, are alone; the others have their neighbours. */
static void test_outliers(void **state)
{
    structure st;
    oracle_list want = {0};
    rig r;
    (void)state;
    cubic(&st, 10, 0);
    for (int32_t i = 0; i < 20; i++) {
        st.x[3 * (50 * i) + i % 3] += (i % 2 ? 1.0 : -1.0) * pow(10.0, i / 2);
    }
    oracle_build(&st, 1.8, &want);
    open_one(&r, &st, 1.5, 0.3, want.n_pairs);
    test_kernels[0](&r.args, &ath__alone);
    assert_int_equal(list_differences(&r.args.list, 0, 32, &st, INFINITY, &want), 0);
    assert_true(r.args.list.path[0] & ATH__PATH_TREE);
    rig_close(&r);
    oracle_free(&want);
    free(st.x);
}

/* A short range is never passed: the slot stalls with the exact number, rows empty; a range of that
 * size will do. */
static void test_overflow(void **state)
{
    structure st;
    oracle_list want = {0};
    rig r;
    (void)state;
    cubic(&st, 8, 1);
    oracle_build(&st, 2.3, &want);
    for (int64_t room = 0; room <= want.n_pairs; room = room ? 2 * room : 1) {
        open_one(&r, &st, 2.0, 0.3, room);
        test_kernels[0](&r.args, &ath__alone);
        assert_int_equal(rig_touched(&r), 0);
        assert_int_equal(r.args.list.needed[0], want.n_pairs);
        assert_int_equal(r.args.list.valid[0], 0);
        assert_int_equal(r.args.list.builds[0], 0);
        assert_int_equal(r.args.view.flags[0], ATH__SLOT_STALLED);
        for (int32_t i = 0; i < st.n; i++) {
            assert_int_equal(r.args.list.count[32 + i], 0);
        }
        r.args.list.needed[0] = -1; /* a stalled slot is left alone */
        test_kernels[0](&r.args, &ath__alone);
        assert_int_equal(r.args.list.needed[0], -1);
        rig_close(&r);
    }
    oracle_free(&want);
    free(st.x);
}

/* What rebuilds and what does not. */
static void test_validity(void **state)
{
    structure st;
    rig r;
    (void)state;
    cubic(&st, 6, 1);
    open_one(&r, &st, 1.5, 0.5, 100 * st.n);
    const ath__list_view *l = &r.args.list;
    double *x = r.args.view.positions + 3 * 32, *cell = r.args.view.cell;
    const int32_t last = st.n - 1;
    int64_t builds = 1;
    test_kernels[0](&r.args, &ath__alone);
    assert_int_equal(l->builds[0], builds);
    for (int32_t i = 0; i < st.n; i++) { /* each atom alone, up to the limit and beyond */
        x[3 * i + i % 3] += 0.24999;
        test_kernels[i % test_n_kernels](&r.args, &ath__alone);
        assert_int_equal(l->builds[0], builds);
        x[3 * i + (i + 1) % 3] += 0.01;
        test_kernels[i % test_n_kernels](&r.args, &ath__alone);
        assert_int_equal(l->builds[0], ++builds);
    }
    cell[0] = nextafter(cell[0], 100.0); /* in cells that change: test_neighbors_strain.c */
    test_kernels[0](&r.args, &ath__alone);
    assert_int_equal(l->builds[0], builds);
    r.args.view.pbc[1] = 0;
    test_kernels[0](&r.args, &ath__alone);
    assert_int_equal(l->builds[0], ++builds);
    r.args.skin = 0.0; /* without a skin every bit counts */
    test_kernels[0](&r.args, &ath__alone);
    assert_int_equal(l->builds[0], builds);
    cell[0] = nextafter(cell[0], 0.0);
    test_kernels[0](&r.args, &ath__alone);
    assert_int_equal(l->builds[0], ++builds);
    x[3 * last + 2] = nextafter(x[3 * last + 2], 100.0);
    test_kernels[0](&r.args, &ath__alone);
    assert_int_equal(l->builds[0], ++builds);
    r.args.all_pairs_max = st.n; /* the cell is 6 wide, so half of it will do for a cutoff of 1.5 */
    test_kernels[0](&r.args, &ath__alone);
    assert_int_equal(l->valid[0], 0);
    assert_int_equal(l->builds[0], builds);
    r.args.cutoff = 3.5;
    test_kernels[0](&r.args, &ath__alone);
    assert_int_equal(l->valid[0], 0); /* too many for the room: it did try */
    assert_int_equal(r.args.view.flags[0], ATH__SLOT_STALLED);
    rig_close(&r);
    free(st.x);
}

/* Two systems at the same place have the lists that each has alone. */
static void test_no_cross_pairs(void **state)
{
    structure st[2];
    oracle_list want = {0};
    rig r;
    (void)state;
    cubic(&st[0], 6, 1);
    st[1] = st[0];
    oracle_build(&st[0], 1.6, &want);
    const int64_t rooms[2] = {want.n_pairs, want.n_pairs};
    rig_open(&r, st, 2, rooms);
    r.args.cutoff = 1.2;
    r.args.skin = 0.4;
    rig_work(&r, ath__neighbors_bytes(st[0].n, 4096));
    test_kernels[0](&r.args, &ath__alone);
    for (int32_t s = 0; s < 2; s++) {
        assert_int_equal(
            list_differences(&r.args.list, s, r.args.view.first[s], &st[s], INFINITY, &want), 0);
    }
    rig_close(&r);
    oracle_free(&want);
    free(st[0].x);
}

/* ---- what cannot have a list ---- */

static void expect_reason(const structure *st, double cutoff, int32_t reason)
{
    for (int k = 0; k < test_n_kernels; k++) {
        for (int32_t earlier = 0; earlier <= ATH_REASON_BUDGET; earlier += ATH_REASON_BUDGET) {
            rig r;
            open_one(&r, st, cutoff, 0.5, 64);
            r.args.view.reason[0] = earlier;
            memset(r.args.list.count + 32, 0xff, (size_t)st->n * sizeof(int32_t));
            test_kernels[k](&r.args, &ath__alone);
            assert_int_equal(r.args.view.reason[0], earlier ? earlier : reason);
            assert_int_equal(r.args.list.valid[0], 0);
            assert_int_equal(r.args.list.needed[0], 0);
            assert_int_equal(r.args.view.flags[0], 0);
            for (int32_t i = 0; i < st->n; i++) {
                assert_int_equal(r.args.list.count[32 + i], 0);
            }
            assert_int_equal(rig_touched(&r), 0);
            rig_close(&r);
        }
    }
}

static void test_reasons(void **state)
{
    static const double bad[] = {NAN, INFINITY, -INFINITY, 1e300, -1e13};
    structure st;
    (void)state;
    cubic(&st, 3, 1);
    for (int32_t i = 0; i < 3 * st.n; i += 8) {
        for (int k = 0; k < 5; k++) {
            const double x = st.x[i];
            st.x[i] = bad[k];
            expect_reason(&st, 2.0, ATH_REASON_NON_FINITE);
            st.pbc[0] = st.pbc[1] = st.pbc[2] = 0;
            expect_reason(&st, 2.0, ATH_REASON_NON_FINITE);
            st.pbc[0] = st.pbc[1] = st.pbc[2] = 1;
            st.x[i] = x;
        }
    }
    const double far = st.x[30];
    st.x[30] = 4e6; /* 1.3 million cells */
    expect_reason(&st, 2.0, ATH_REASON_NON_FINITE);
    st.x[30] = far;
    for (int k = 0; k < 9; k++) {
        const double c = st.cell[k];
        st.cell[k] = k % 2 ? NAN : INFINITY;
        expect_reason(&st, 2.0, ATH_REASON_NON_FINITE);
        st.cell[k] = c;
    }
    memcpy(st.cell + 3, st.cell, 3 * sizeof *st.cell); /* two equal vectors */
    expect_reason(&st, 2.0, ATH_REASON_CELL_COLLAPSED);
    st.pbc[2] = 0;
    expect_reason(&st, 2.0, ATH_REASON_CELL_COLLAPSED);
    memset(st.cell, 0, sizeof st.cell);
    st.pbc[0] = 0;
    expect_reason(&st, 2.0, ATH_REASON_CELL_COLLAPSED);
    free(st.x);
}

/* Thin cells: as long as the images can be counted they are; then the cell has collapsed. */
static void test_thin_cells(void **state)
{
    structure st;
    (void)state;
    cubic(&st, 1, 1);
    st.pbc[1] = st.pbc[2] = 0;
    for (double height = 1.0; height > 1e-4; height *= 0.7) {
        oracle_list want = {0};
        rig r;
        st.cell[0] = height;
        if (2.5 / height > 510.9) {
            expect_reason(&st, 2.0, ATH_REASON_CELL_COLLAPSED);
            continue;
        }
        oracle_build(&st, 2.5, &want);
        open_one(&r, &st, 2.0, 0.5, want.n_pairs);
        test_kernels[0](&r.args, &ath__alone);
        assert_int_equal(list_differences(&r.args.list, 0, 32, &st, INFINITY, &want), 0);
        assert_int_equal(r.args.list.needed[0], 2 * (int64_t)(2.5 / height));
        rig_close(&r);
        oracle_free(&want);
    }
    st.pbc[1] = st.pbc[2] = 1; /* 400 cells are in reach along each vector */
    st.cell[0] = st.cell[4] = st.cell[8] = 2.5 / 400;
    expect_reason(&st, 2.0, ATH_REASON_CELL_COLLAPSED);
    free(st.x);
    cubic(&st, 10, 1); /* 1000 atoms with 300,000 images each of 1000 atoms */
    st.cell[0] = st.cell[4] = st.cell[8] = 2.5 / 40;
    expect_reason(&st, 2.0, ATH_REASON_TOO_LARGE);
    free(st.x);
}

/* ---- threads ---- */

typedef struct worker {
    ath__neighbors_args args;
    int32_t slots[64], n;
    ath__kernel_fn kernel;
} worker;

static void *worker_run(void *arg)
{
    worker *w = arg;
    w->kernel(&w->args, &ath__alone);
    return NULL;
}

/* Several threads with work memory of their own, each with part of the slots. */
static void test_threads(void **state)
{
    enum { N = 64, THREADS = 4 };
    static const structure_spec spec = {1, 200, {0.7, 1.4}, 0.5, 1};
    structure st[N];
    int64_t rooms[N];
    rig r[2];
    worker w[THREADS];
    uint64_t rng = 77;
    (void)state;
    for (int32_t s = 0; s < N; s++) {
        structure_make(&st[s], &spec, &rng);
        rooms[s] = s % 7 ? 400 * st[s].n : 3;
    }
    for (int k = 0; k < 2; k++) {
        rig_open(&r[k], st, N, rooms);
        r[k].args.cutoff = 2.0;
        r[k].args.skin = 0.3;
        rig_work(&r[k], ath__neighbors_bytes(200, 65536));
    }
    test_kernels[0](&r[0].args, &ath__alone);
    for (int k = 0; k < THREADS; k++) {
        w[k].args = r[1].args;
        w[k].args.work = aligned_alloc(64, (size_t)(r[1].args.work_bytes + 63) / 64 * 64);
        w[k].args.slots = w[k].slots;
        w[k].args.n_slots = &w[k].n;
        w[k].kernel = test_kernels[0];
        w[k].n = 0;
        for (int32_t s = N - 1 - k; s >= 0; s -= THREADS) {
            w[k].slots[w[k].n++] = s;
        }
    }
    pthread_t threads[THREADS];
    for (int k = 0; k < THREADS; k++) {
        assert_int_equal(pthread_create(&threads[k], NULL, worker_run, &w[k]), 0);
    }
    for (int k = 0; k < THREADS; k++) {
        pthread_join(threads[k], NULL);
        free(w[k].args.work);
    }
    assert_true(same_lists(&r[0], &r[1]));
    assert_memory_equal(r[0].args.view.flags, r[1].args.view.flags, N * sizeof(int32_t));
    for (int32_t s = 0; s < N; s++) {
        free(st[s].x);
    }
    rig_close(&r[0]);
    rig_close(&r[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),         cmocka_unit_test(test_limits),
        cmocka_unit_test(test_shells),         cmocka_unit_test(test_coincident),
        cmocka_unit_test(test_outliers),       cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_validity),       cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_no_cross_pairs), cmocka_unit_test(test_thin_cells),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
