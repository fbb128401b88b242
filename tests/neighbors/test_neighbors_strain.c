/* Lists in cells that change: whatever cell and atoms do, after every update all pairs within the
 * cutoff are there, in canonical order, with the bits that the oracle gives them; and lists are
 * kept as long as they may be, so that small strains do not rebuild them in every step.
 */
#include <stdio.h>

#include "neighbors/kernels.h"
#include "neighbors/oracle.h"
#include "neighbors/rig.h"

/* ---- one system ---- */

static void open_one(rig *r, const structure *st, double cutoff, double skin, int64_t room)
{
    rig_open(r, st, 1, &room);
    r->args.cutoff = cutoff;
    r->args.skin = skin;
    rig_work(r, ath__neighbors_bytes(st->n, 65536 + 4 * (int64_t)st->n));
}

/* Brings cell and positions to the kernel, and has the list brought up to date. */
static void update(rig *r, const structure *st, int kernel)
{
    memcpy(r->args.view.cell, st->cell, sizeof st->cell);
    memcpy(r->args.view.pbc, st->pbc, sizeof st->pbc);
    memcpy(r->args.view.positions + 3 * r->args.view.first[0], st->x,
           (size_t)st->n * 3 * sizeof *st->x);
    test_kernels[kernel % test_n_kernels](&r->args, &ath__alone);
}

/* Entries of rows that do not come after the one before them. */
static int64_t misordered(const rig *r, int32_t n)
{
    const ath__list_view *l = &r->args.list;
    const int64_t first = r->args.view.first[0];
    int64_t wrong = 0;
    for (int32_t i = 0; i < n; i++) {
        const ath__neighbor *e = l->entry + l->start[0] + l->row[first + i];
        for (int32_t m = 1; m < l->count[first + i]; m++) {
            int32_t a[3], b[3];
            ath__shift_unpack(e[m - 1].shift, a);
            ath__shift_unpack(e[m].shift, b);
            const int order = a[0] != b[0] ? a[0] < b[0] : a[1] != b[1] ? a[1] < b[1] : a[2] < b[2];
            wrong += !(e[m - 1].atom < e[m].atom || (e[m - 1].atom == e[m].atom && order));
        }
    }
    return wrong;
}

/* What is wrong with the list within the cutoff. */
static int64_t faults(const rig *r, const structure *st)
{
    oracle_list want = {0};
    oracle_build(st, r->args.cutoff, &want);
    const int64_t differences =
        list_differences(&r->args.list, 0, r->args.view.first[0], st, r->args.cutoff, &want);
    oracle_free(&want);
    return differences + misordered(r, st->n) + rig_touched(r);
}

/* Rows v [n][3] to v (1 + e). */
static void strain_rows(double *v, int64_t n, const double e[9])
{
    for (int64_t i = 0; i < n; i++) {
        double *x = v + 3 * i, y[3];
        for (int c = 0; c < 3; c++) {
            y[c] = x[c] + (x[0] * e[c] + x[1] * e[3 + c] + x[2] * e[6 + c]);
        }
        memcpy(x, y, sizeof y);
    }
}

/* Periodic vectors only: the others hold anything. */
static void strain_cell(structure *st, const double e[9])
{
    for (int k = 0; k < 3; k++) {
        if (st->pbc[k]) {
            strain_rows(st->cell + 3 * k, 1, e);
        }
    }
}

/* ---- random walks ---- */

enum walk { BREATHE, SHEAR, GENERAL, SHRINK, SWELL, TURN, CELL_ALONE, ATOMS_ALONE, N_WALKS };

/* The strain of one step, of about `size`. */
static void step_strain(enum walk walk, double size, uint64_t *rng, double e[9])
{
    memset(e, 0, 9 * sizeof *e);
    switch (walk) {
    case BREATHE:
        e[0] = e[4] = e[8] = random_in(rng, -size, size);
        break;
    case SHRINK:
    case SWELL:
        e[0] = random_in(rng, 0.0, walk == SHRINK ? -size : size);
        e[4] = random_in(rng, 0.0, walk == SHRINK ? -size : size);
        e[8] = e[4];
        break;
    case SHEAR:
        e[1 + random_int(rng, 0, 2)] = size;
        break;
    case TURN:
        e[1] = e[5] = size, e[3] = e[7] = -size; /* but for size^2 */
        break;
    case ATOMS_ALONE:
        break;
    default:
        for (int k = 0; k < 9; k++) {
            e[k] = random_in(rng, -size, size);
        }
        break;
    }
}

typedef struct tally {
    int64_t walks, steps, kept, faults, unequal, pairs;
    int64_t by_kind[N_WALKS], kept_by_kind[N_WALKS];
} tally;

/* Strains and moves the structure, as one step of a walk does. */
static void walk_step(structure *st, enum walk walk, double size, double move, uint64_t *rng)
{
    double e[9];
    step_strain(walk, size, rng, e);
    strain_cell(st, e);
    if (walk != CELL_ALONE) {
        strain_rows(st->x, st->n, e);
    }
    for (int64_t k = 0; k < 3 * (int64_t)st->n; k++) {
        st->x[k] += random_in(rng, -move, move);
    }
    for (int k = 0; k < 9; k++) {
        if (!st->pbc[k / 3]) {
            static const double dummy[4] = {0.0, 7.0, 1e300, NAN};
            st->cell[k] = dummy[random_int(rng, 0, 3)];
        }
    }
}

/* One walk of a random structure, followed on two instruction sets. */
static void take_walk(const structure_spec *spec, enum walk walk, int n_steps, uint64_t *rng,
                      tally *t)
{
    structure st;
    oracle_list want = {0};
    rig r[2];
    const int kernel = random_int(rng, 0, 2);
    const double reach = structure_reach(spec, random_in(rng, 4.0, 60.0));
    const double skin = random_in(rng, 0.02, 0.4) * reach, cutoff = reach - skin;
    const double size = exp(random_in(rng, log(1e-5), log(0.1)));
    const double move = exp(random_in(rng, log(1e-4), log(0.4))) * skin;
    structure_make(&st, spec, rng);
    oracle_build(&st, 1.3 * reach, &want);
    for (int k = 0; k < 2; k++) {
        open_one(&r[k], &st, cutoff, skin, 2 * want.n_pairs + 64);
    }
    oracle_free(&want);
    t->walks++;
    for (int step = 0; step < n_steps && t->faults == 0; step++) {
        const int64_t builds = r[0].args.list.builds[0];
        update(&r[0], &st, kernel);
        update(&r[1], &st, kernel + 1);
        if (r[0].args.view.flags[0] || r[0].args.view.reason[0]) {
            break; /* a cell that has shrunk out of the room */
        }
        t->faults += faults(&r[0], &st);
        t->unequal += r[0].args.list.builds[0] != r[1].args.list.builds[0];
        t->steps += step > 0;
        t->by_kind[walk] += step > 0;
        t->kept += r[0].args.list.builds[0] == builds;
        t->kept_by_kind[walk] += r[0].args.list.builds[0] == builds;
        walk_step(&st, walk, size, move, rng);
    }
    rig_close(&r[0]);
    rig_close(&r[1]);
    free(st.x);
}

static void test_walks(void **state)
{
    static const structure_spec specs[] = {
        {1, 40, {0.7, 1.4}, 0.5, 0},     /* ordinary cells, often smaller than the cutoff */
        {1, 40, {0.7, 1.4}, 0.5, 5},     /* atoms outside of them */
        {1, 60, {0.5, 2.0}, 0.0, 0},     /* boxes */
        {1, 1, {0.3, 3.0}, 1.0, 1},      /* one atom */
        {1, 6, {0.05, 20.0}, 1.0, 1},    /* needles and plates */
        {2, 30, {0.7, 1.4}, 6.0, 2},     /* skew */
        {1, 30, {0.7, 1.4}, 0.5, 50000}, /* far away */
        {100, 200, {0.7, 1.4}, 0.6, 2}   /* by a tree */
    };
    enum { N_SPECS = sizeof specs / sizeof specs[0] };
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
    const int n_walks = 640;
#else
    const int n_walks = getenv("ATH_TEST_FULL") ? 40000 : 2000;
#endif
    uint64_t rng = 31;
    tally t = {0};
    (void)state;
    for (int k = 0; k < n_walks && t.faults == 0; k++) {
        take_walk(&specs[k % N_SPECS], (enum walk)(k / N_SPECS % N_WALKS), 12, &rng, &t);
    }
    print_message("%lld walks, %lld steps, list kept in %lld\n", (long long)t.walks,
                  (long long)t.steps, (long long)t.kept);
    assert_int_equal(t.faults, 0);
    assert_int_equal(t.unequal, 0);
    assert_true(t.kept > t.steps / 2 && t.kept < t.steps);
    for (int k = 0; k < N_WALKS; k++) {
        assert_true(t.kept_by_kind[k] > t.by_kind[k] / 4);
        assert_true(t.kept_by_kind[k] < t.by_kind[k]);
    }
}

/* ---- at the bound ---- */

/* Eigenvector of the least eigenvalue of D D^T, D = 1 + e, and the root of that eigenvalue: by
 * powers of 4 - D D^T, whose eigenvalues are positive for |e| < 0.9. */
static double least_direction(const double e[9], double v[3])
{
    double m[9], norm = 0.0;
    for (int a = 0; a < 3; a++) {
        for (int b = 0; b < 3; b++) {
            m[3 * a + b] = a == b ? 4.0 : 0.0;
            for (int c = 0; c < 3; c++) {
                m[3 * a + b] -= (e[3 * a + c] + (a == c)) * (e[3 * b + c] + (b == c));
            }
        }
    }
    v[0] = 0.48, v[1] = 0.6, v[2] = 0.64;
    for (int k = 0; k < 20000; k++) {
        const double w[3] = {m[0] * v[0] + m[1] * v[1] + m[2] * v[2],
                             m[3] * v[0] + m[4] * v[1] + m[5] * v[2],
                             m[6] * v[0] + m[7] * v[1] + m[8] * v[2]};
        norm = sqrt(w[0] * w[0] + w[1] * w[1] + w[2] * w[2]);
        v[0] = w[0] / norm, v[1] = w[1] / norm, v[2] = w[2] / norm;
    }
    return sqrt(4.0 - norm);
}

/* A pair that is as near as it can be without being in the list, along `v`, in a cell of edge
 * `edge` whose atoms lie `cells` cells away. */
static void bound_pair(structure *st, double edge, int32_t cells, double distance,
                       const double v[3], uint64_t *rng)
{
    memset(st->cell, 0, sizeof st->cell);
    for (int k = 0; k < 3; k++) {
        st->cell[4 * k] = edge;
        st->pbc[k] = 1;
    }
    for (int c = 0; c < 3; c++) {
        const double at = random_in(rng, 0.0, edge);
        st->x[c] = at + edge * random_int(rng, -cells, cells);
        st->x[3 + c] = at + distance * v[c] + edge * random_int(rng, -cells, cells);
    }
}

typedef struct bound_case {
    double edge;   /* angstrom */
    int32_t cells; /* atoms are up to so many cells away */
    bool plain;    /* strains along the axes, for which the bound is exact */
    double near;   /* how near to the bound, of the way that is left; */
    bool kept;     /* on this side of it, the list is certain to be kept */
} bound_case;

/* The pair comes nearer by strain along its direction and by moves of both atoms, up to `part` of
 * the way that the list allows. Returns whether it has been kept. */
static bool approach(const bound_case *how, double part, uint64_t *rng, int64_t *n_inside)
{
    double x[6], v[3] = {0.0, 0.0, 0.0}, e[9] = {0.0}, size = random_in(rng, 0.0, 0.08);
    structure st = {.n = 2, .x = x};
    rig r;
    step_strain(how->plain ? SHRINK : GENERAL, size, rng, e);
    double least = 1.0 + (e[0] < e[4] ? e[0] : e[4]);
    v[e[0] < e[4] ? 0 : 1] = 1.0;
    if (!how->plain) {
        least = least_direction(e, v);
    }
    const double cutoff = 5.0, skin = random_in(rng, 0.7, 2.0), reach = cutoff + skin;
    bound_pair(&st, how->edge, how->cells, reach * (1.0 + 1e-13), v, rng);
    open_one(&r, &st, cutoff, skin, 64);
    update(&r, &st, 0);
    strain_cell(&st, e);
    strain_rows(x, 2, e);
    double d[3];
    for (int c = 0; c < 3; c++) { /* v D, of length `least` */
        d[c] = (v[0] * e[c] + v[1] * e[3 + c] + v[2] * e[6 + c] + v[c]) / least;
    }
    const double way = 0.5 * (least * reach - cutoff) * part;
    for (int c = 0; c < 3; c++) {
        x[c] += way * d[c];
        x[3 + c] -= way * d[c];
    }
    const int64_t builds = r.args.list.builds[0];
    update(&r, &st, 1);
    oracle_list want = {0};
    oracle_build(&st, cutoff, &want);
    *n_inside += want.n_pairs > 0;
    oracle_free(&want);
    assert_int_equal(faults(&r, &st), 0);
    const bool kept = r.args.list.builds[0] == builds;
    rig_close(&r);
    return kept;
}

/* Pairs that come as near as they can get, a little more and a little less: the list is never
 * short of one, and for strains along the axes it is kept up to the last bits of its limit. Further
 * out rounding takes its part. */
static void test_bound(void **state)
{
    static const bound_case cases[] = {
        {40.0, 0, true, 1e-5, true},        {40.0, 0, false, 1e-5, false},
        {40.0, 20, true, 1e-5, true},       {40.0, 20, false, 1e-5, false},
        {31.0, 100000, true, 1e-5, true},   {31.0, 100000, false, 1e-5, false},
        {1e4, 100000, false, 1e-5, false},  {1e6, 1000000, true, 1e-3, false},
        {1e6, 1000000, false, 1e-3, false}, {1e6, 1000000, true, 0.4, true},
    };
    uint64_t rng = 5;
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        int64_t n_inside = 0, n_kept = 0, beyond = 0;
        for (int i = 0; i < 200; i++) {
            beyond += approach(&cases[k], 1.0 + random_unit(&rng) * cases[k].near, &rng, &n_inside);
            n_kept += approach(&cases[k], 1.0 - random_in(&rng, 1.0, 2.0) * cases[k].near, &rng,
                               &n_inside);
        }
        print_message("edge %g, %d cells, %s: %lld pairs came within the cutoff, list kept in %lld "
                      "of 200\n",
                      cases[k].edge, cases[k].cells, cases[k].plain ? "plain" : "general",
                      (long long)n_inside, (long long)n_kept);
        assert_int_equal(beyond, 0);
        assert_true(n_inside > 100);
        assert_true(!cases[k].kept || n_kept == 200);
    }
}

/* ---- how often ---- */

/* Atoms on a face-centred cubic lattice of m^3 cells of edge a. */
static void crystal(structure *st, int32_t m, double a)
{
    static const double base[4][3] = {{0, 0, 0}, {0, 0.5, 0.5}, {0.5, 0, 0.5}, {0.5, 0.5, 0}};
    memset(st, 0, sizeof *st);
    st->n = 4 * m * m * m;
    st->x = malloc((size_t)st->n * 3 * sizeof *st->x);
    for (int32_t i = 0; i < st->n; i++) {
        const int32_t cell = i / 4, at[3] = {cell % m, cell / m % m, cell / m / m};
        for (int c = 0; c < 3; c++) {
            st->x[3 * (int64_t)i + c] = a * (at[c] + base[i % 4][c]);
        }
    }
    for (int k = 0; k < 3; k++) {
        st->cell[4 * k] = a * m;
        st->pbc[k] = 1;
    }
}

/* A crystal of 108 atoms whose cell changes by up to `size` in every one of 1000 steps, 400 to and
 * 400 fro, while the atoms tremble. */
static int64_t count_builds(enum walk walk, double size, double skin, double far)
{
    structure st;
    rig r;
    uint64_t rng = 9;
    crystal(&st, 3, 5.26);
    for (int32_t i = 0; i < st.n; i++) { /* the same crystal, in pieces all over space */
        for (int k = 0; k < 3; k++) {
            st.x[3 * (int64_t)i + k] += st.cell[4 * k] * floor(random_in(&rng, -far, far + 1.0));
        }
    }
    open_one(&r, &st, 8.5, skin, 300 * (int64_t)st.n);
    for (int step = 0; step < 1000; step++) {
        double e[9];
        step_strain(walk, size, &rng, e);
        for (int k = 0; k < 9; k++) {
            e[k] = step / 400 % 2 ? fabs(e[k]) : -fabs(e[k]);
        }
        strain_cell(&st, e);
        strain_rows(st.x, st.n, e);
        for (int64_t k = 0; k < 3 * (int64_t)st.n; k++) {
            st.x[k] += random_in(&rng, -1e-3, 1e-3);
        }
        update(&r, &st, 0);
        assert_int_equal(step % 50 ? 0 : faults(&r, &st), 0);
    }
    const int64_t builds = r.args.list.builds[0];
    print_message("walk %d by %g, skin %g, atoms up to %g cells away: %lld builds in 1000 steps\n",
                  walk, size, skin, far, (long long)builds);
    rig_close(&r);
    free(st.x);
    return builds;
}

static void test_counts(void **state)
{
    (void)state;
    assert_in_range(count_builds(BREATHE, 1e-4, 0.5, 0.0), 1, 3);
    assert_in_range(count_builds(SHEAR, 1e-4, 0.5, 0.0), 1, 3);
    assert_in_range(count_builds(GENERAL, 1e-4, 0.5, 0.0), 1, 5);
    assert_in_range(count_builds(BREATHE, 1e-4, 0.5, 1000.0), 1, 3);
    assert_in_range(count_builds(BREATHE, 1e-3, 0.5, 0.0), 2, 20);
    assert_in_range(count_builds(SHEAR, 1e-3, 0.5, 0.0), 2, 40);
    assert_int_equal(count_builds(BREATHE, 1e-4, 0.0, 0.0), 1000);
}

/* ---- single cases ---- */

/* Vectors along free axes are no part of the cell: whatever they become, the list is kept. What
 * happens to the others is seen. */
static void test_free_axes(void **state)
{
    static const double others[] = {1.0, -4e5, 0.0, NAN, INFINITY};
    (void)state;
    for (int mask = 0; mask < 7; mask++) {
        structure st;
        rig r;
        crystal(&st, 3, 2.0);
        for (int k = 0; k < 3; k++) {
            st.pbc[k] = mask >> k & 1;
        }
        open_one(&r, &st, 2.5, 0.5, 300 * (int64_t)st.n);
        update(&r, &st, 0);
        for (int m = 0; m < 25; m++) {
            for (int k = 0; k < 9; k++) {
                st.cell[k] = st.pbc[k / 3] ? st.cell[k] : others[(m + k * (m / 5)) % 5];
            }
            update(&r, &st, m);
            assert_int_equal(r.args.list.builds[0], 1);
            assert_int_equal(faults(&r, &st), 0);
        }
        for (int k = 0; k < 3; k++) { /* one vector is stretched, the atoms are left */
            if (st.pbc[k]) {
                const int64_t builds = r.args.list.builds[0];
                st.cell[4 * k] *= 1.001;
                update(&r, &st, k);
                assert_int_equal(r.args.list.builds[0], builds);
                assert_int_equal(faults(&r, &st), 0);
                st.cell[4 * k] *= 0.9;
                update(&r, &st, k);
                assert_int_equal(r.args.list.builds[0], builds + 1);
                assert_int_equal(faults(&r, &st), 0);
            }
        }
        rig_close(&r);
        free(st.x);
    }
}

/* Cell and atoms turned together by any angle, mirrored or not, are the same system: the list is
 * kept. Left behind by their cell, the atoms need another one. */
static void test_turned(void **state)
{
    uint64_t rng = 4;
    (void)state;
    for (int k = 0; k < 40; k++) {
        structure st;
        rig r;
        double turn[9] = {1, 0, 0, 0, 1, 0, 0, 0, k % 2 ? 1 : -1};
        crystal(&st, 3, 2.0);
        st.pbc[2] = k % 3 != 0;
        st.pbc[1] = k % 6 != 0;
        open_one(&r, &st, 2.53, 0.3, 300 * (int64_t)st.n);
        update(&r, &st, k);
        structure_rotate(turn, &rng);
        for (int c = 0; c < 9; c++) {
            turn[c] -= c % 4 == 0;
        }
        strain_cell(&st, turn);
        if (k % 3 == 0) { /* along free axes the atoms are not turned by the cell: no list, then */
            strain_rows(st.x, st.n, turn);
            update(&r, &st, k);
            assert_int_equal(faults(&r, &st), 0);
        } else {
            double *x = malloc((size_t)st.n * 3 * sizeof *x);
            memcpy(x, st.x, (size_t)st.n * 3 * sizeof *x);
            strain_rows(st.x, st.n, turn);
            update(&r, &st, k);
            assert_int_equal(r.args.list.builds[0], 1);
            assert_int_equal(faults(&r, &st), 0);
            memcpy(st.x, x, (size_t)st.n * 3 * sizeof *x);
            update(&r, &st, k);
            assert_int_equal(r.args.list.builds[0], 2);
            assert_int_equal(faults(&r, &st), 0);
            free(x);
        }
        rig_close(&r);
        free(st.x);
    }
}

/* A cell that grows until all pairs are enough, and shrinks again: without a list, and with one
 * that is built for the present cell. A cell that collapses, or is not finite, tells a reason. */
static void test_thresholds(void **state)
{
    structure st;
    rig r;
    (void)state;
    crystal(&st, 3, 2.0); /* 6 wide */
    open_one(&r, &st, 2.99, 0.3, 300 * (int64_t)st.n);
    r.args.all_pairs_max = st.n;
    for (int round = 0; round < 3; round++) {
        double e[9] = {-0.004, 0, 0, 0, -0.004, 0, 0, 0, -0.004};
        update(&r, &st, round);
        assert_int_equal(r.args.list.valid[0], 0);
        assert_int_equal(r.args.list.builds[0], round);
        strain_cell(&st, e);
        strain_rows(st.x, st.n, e);
        update(&r, &st, round);
        assert_int_equal(r.args.list.builds[0], round + 1);
        assert_int_equal(faults(&r, &st), 0);
        e[0] = -0.001; /* less than the list can bear */
        strain_rows(st.x, st.n, e);
        strain_cell(&st, e);
        update(&r, &st, round);
        assert_int_equal(r.args.list.builds[0], round + 1);
        assert_int_equal(faults(&r, &st), 0);
        free(st.x);
        crystal(&st, 3, 2.0);
    }
    r.args.all_pairs_max = 0;
    static const double bad[] = {NAN, INFINITY, 1e300, 0.0, 1e-3};
    for (int k = 0; k < 5; k++) {
        st.cell[4] = 5.97;
        update(&r, &st, k);
        assert_int_equal(r.args.list.valid[0], 1);
        st.cell[4] = bad[k];
        update(&r, &st, k);
        assert_int_equal(r.args.list.valid[0], 0);
        assert_int_equal(r.args.view.reason[0],
                         k < 3 ? ATH_REASON_NON_FINITE : ATH_REASON_CELL_COLLAPSED);
        r.args.view.reason[0] = ATH_REASON_NONE;
    }
    st.cell[4] = 5.97;
    update(&r, &st, 0);
    st.cell[4] = 5.98;
    st.x[31] = NAN; /* among atoms that have hardly been strained */
    update(&r, &st, 0);
    assert_int_equal(r.args.view.reason[0], ATH_REASON_NON_FINITE);
    rig_close(&r);
    free(st.x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_walks),  cmocka_unit_test(test_bound),
        cmocka_unit_test(test_counts), cmocka_unit_test(test_free_axes),
        cmocka_unit_test(test_turned), cmocka_unit_test(test_thresholds),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
