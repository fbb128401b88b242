/* NEIGHBORS_UPDATE: checks the neighbour list of each listed system and rebuilds it where needed.
 *
 * A list stays good as long as the cell and its periodicity are the same, bit for bit, and no atom
 * is farther than skin / 2 from where it was: then no pair outside cutoff + skin can have come
 * within the cutoff. (The limit is taken 2^-20 shorter, which covers rounding; with skin 0 any
 * changed bit rebuilds.) Systems for which all pairs are enough have no list; stalled systems are
 * left alone.
 *
 * Three ways to build, with the same result: one candidate list, or a tree of them (tree.h), or,
 * for cells so thin that their images do not fit into work memory, pair by pair with the range of
 * images of each pair from its geometry (here). Atoms are wrapped along periodic vectors first.
 *
 * What cannot have a list gets an empty one, valid = 0, and a reason if it has none yet:
 *   NON_FINITE      a position or a periodic cell vector is not finite; a coordinate beyond 2^40
 *                   angstrom, or an atom more than 2^20 cells away
 *   CELL_COLLAPSED  the periodic vectors are dependent, or so nearly that images more than 510
 * cells away, or more than 2^20 images of one atom, are within reach TOO_LARGE       more than 2^31
 * - 1 entries A list that does not fit its range is counted to the end: needed > room, valid = 0,
 * all rows empty, ATH__SLOT_STALLED. Nothing is written outside of the range.
 *
 * Nothing is shared between slots but work memory, so calls on different slots may run at once.
 */
#include <athanor/status.h>

#include "neighbors/neighbors.h"
#include "neighbors/tree.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "entries are handled as 64-bit numbers");

#define NEIGHBORS_MAX_COORDINATE 0x1p40 /* angstrom */
#define NEIGHBORS_MAX_WRAP 0x1p20       /* cells */
enum { NEIGHBORS_MAX_IMAGE = 510, NEIGHBORS_MAX_DENSITY = 1 << 20 };

/* Geometry of one system, and what wrapping finds out. */
typedef struct neighbors_frame {
    double h[9], g[9]; /* completed cell and its reciprocal */
    double heights[3];
    int32_t pbc[3];
    double centre[3];        /* origin of the float32 coordinates */
    double f_lo[3], f_hi[3]; /* fractional, wrapped along periodic vectors */
    double x_max;            /* largest |coordinate| */
    double wrap_max;         /* largest |wrap| */
    double extent;           /* largest |float32 coordinate| */
} neighbors_frame;

/* Fills all that depends on the cell only; a reason if it cannot serve. */
static int32_t neighbors_cell(const double cell[9], const int32_t pbc[3], neighbors_frame *f)
{
    memset(f, 0, sizeof *f);
    for (int k = 0; k < 3; k++) {
        f->pbc[k] = pbc[k] != 0;
        for (int c = 0; c < 3; c++) {
            if (f->pbc[k] && !(fabs(cell[3 * k + c]) <= NEIGHBORS_MAX_COORDINATE)) {
                return ATH_REASON_NON_FINITE;
            }
        }
    }
    if (!ath__cell_complete(cell, f->pbc, f->h) || !ath__cell_reciprocal(f->h, f->g)) {
        return ATH_REASON_CELL_COLLAPSED;
    }
    ath__cell_heights(f->g, f->heights);
    for (int k = 0; k < 3; k++) {
        if (!(f->heights[k] > 0.0)) {
            return ATH_REASON_CELL_COLLAPSED;
        }
    }
    return ATH_REASON_NONE;
}

enum { NEIGHBORS_BLOCK = 8 };

/* Fractional coordinate k of a block, wrapped if periodic. Returns whether all could be. */
static inline bool neighbors_wrap_axis(neighbors_frame *f, int k, const double *x, const double *y,
                                       const double *z, double *cells)
{
    double lo[NEIGHBORS_BLOCK], hi[NEIGHBORS_BLOCK];
    int64_t bad = 0;
    for (int l = 0; l < NEIGHBORS_BLOCK; l++) {
        const double u = f->g[3 * k] * x[l] + f->g[3 * k + 1] * y[l] + f->g[3 * k + 2] * z[l];
        const double down = floor(u);
        bad |= !(fabs(down) <= NEIGHBORS_MAX_WRAP);
        cells[l] = down;
        lo[l] = hi[l] = u - down;
    }
    for (int l = 0; l < NEIGHBORS_BLOCK; l++) {
        f->f_lo[k] = lo[l] < f->f_lo[k] ? lo[l] : f->f_lo[k];
        f->f_hi[k] = hi[l] > f->f_hi[k] ? hi[l] : f->f_hi[k];
        const double a = fabs(cells[l]);
        f->wrap_max = a > f->wrap_max ? a : f->wrap_max;
    }
    return bad == 0;
}

/* Wraps the atoms first .. first + m, m <= 8: their cells to wrap, their coordinates relative to
 * the centre to `to` (if it has arrays). False if one is not finite or too far away. */
static bool neighbors_wrap_block(neighbors_frame *f, const double *positions, int32_t first,
                                 int32_t m, int32_t *wrap, tree_points *to)
{
    double x[3][NEIGHBORS_BLOCK], cells[3][NEIGHBORS_BLOCK] = {{0}}, w[3][NEIGHBORS_BLOCK];
    int64_t bad = 0;
    for (int l = 0; l < NEIGHBORS_BLOCK; l++) {
        const double *p = positions + 3 * ((int64_t)first + (l < m ? l : 0));
        x[0][l] = p[0], x[1][l] = p[1], x[2][l] = p[2];
    }
    for (int k = 0; k < 3; k++) {
        double largest = 0.0;
        for (int l = 0; l < NEIGHBORS_BLOCK; l++) {
            const double a = fabs(x[k][l]);
            bad |= !(a <= NEIGHBORS_MAX_COORDINATE);
            largest = a > largest ? a : largest;
        }
        f->x_max = largest > f->x_max ? largest : f->x_max;
    }
    if (bad) {
        return false;
    }
    for (int k = 0; k < 3; k++) {
        if (f->pbc[k] && !neighbors_wrap_axis(f, k, x[0], x[1], x[2], cells[k])) {
            return false;
        }
    }
    for (int c = 0; c < 3; c++) {
        double largest = 0.0;
        for (int l = 0; l < NEIGHBORS_BLOCK; l++) {
            const double t =
                (cells[0][l] * f->h[c] + cells[1][l] * f->h[3 + c]) + cells[2][l] * f->h[6 + c];
            w[c][l] = (x[c][l] - t) - f->centre[c];
            const double a = fabs(w[c][l]);
            largest = a > largest ? a : largest;
        }
        f->extent = largest > f->extent ? largest : f->extent;
    }
    for (int l = 0; l < m; l++) {
        for (int k = 0; k < 3; k++) {
            wrap[3 * ((int64_t)first + l) + k] = (int32_t)cells[k][l];
        }
        if (to) {
            to->x[first + l] = (float)w[0][l];
            to->y[first + l] = (float)w[1][l];
            to->z[first + l] = (float)w[2][l];
            to->i[first + l] = first + l;
        }
    }
    return true;
}

/* Wraps all atoms. `to` NULL: no float32 coordinates are wanted. */
static bool neighbors_wrap(neighbors_frame *f, const double *positions, int32_t n, int32_t *wrap,
                           tree_points *to)
{
    /* The origin is an atom, not the middle of all: float32 then stays sharp around most atoms even
     * if a few have flown off. A first pass over that atom alone wraps it. */
    const double *x = positions + 3 * (int64_t)(n / 2);
    int32_t cells[3];
    double t[3];
    if (!neighbors_wrap_block(f, x, 0, 1, cells, NULL)) {
        return false;
    }
    ath__image_vector(cells, f->h, t);
    for (int k = 0; k < 3; k++) {
        f->centre[k] = x[k] - t[k];
        f->f_lo[k] = 1.0;
        f->f_hi[k] = 0.0;
    }
    f->extent = 0.0;
    for (int32_t a = 0; a < n; a += NEIGHBORS_BLOCK) {
        const int32_t m = n - a < NEIGHBORS_BLOCK ? n - a : NEIGHBORS_BLOCK;
        if (!neighbors_wrap_block(f, positions, a, m, wrap, to)) {
            return false;
        }
    }
    return true;
}

/* Range of images that can be within reach along each periodic vector, in s->images; a reason if
 * there are too many to be taken seriously. */
static int32_t neighbors_images(const neighbors_frame *f, tree_search *s)
{
    static const double ball[4] = {1.0, 2.0, 3.15, 4.19}; /* of radius 1, in n dimensions */
    double per_atom = 1.0;
    int n_periodic = 0;
    for (int k = 0; k < 3; k++) {
        s->images[k] = 0;
        if (!f->pbc[k]) {
            continue;
        }
        const double m = s->reach / f->heights[k] + (f->f_hi[k] - f->f_lo[k]) + 1e-6;
        if (!(m < NEIGHBORS_MAX_IMAGE + 1)) {
            return ATH_REASON_CELL_COLLAPSED;
        }
        s->images[k] = (int32_t)m;
        per_atom *= s->reach;
        n_periodic++;
    }
    per_atom = per_atom * ball[n_periodic] / fabs(ath__cell_det(f->h));
    if (n_periodic > 0 && !(per_atom <= NEIGHBORS_MAX_DENSITY)) {
        return ATH_REASON_CELL_COLLAPSED;
    }
    if (n_periodic == 3 && (double)s->n * (double)s->n * per_atom > 0x1p32) {
        return ATH_REASON_TOO_LARGE; /* 2^31 for certain: do not even count */
    }
    return ATH_REASON_NONE;
}

/* ---- pair by pair ---- */

/* One pair of atoms: their wrapped distance, in angstrom and in cells. */
typedef struct neighbors_pair {
    int32_t i, j;
    double d[3], u[3];
    int32_t lo[3], hi[3];
} neighbors_pair;

typedef struct neighbors_hits {
    uint64_t e[TREE_CHUNK];
    int32_t n;
} neighbors_hits;

/* The images of j along the third vector that are near i, for given images along the others. */
static void neighbors_line(tree_search *s, const neighbors_pair *p, int32_t a, int32_t b,
                           neighbors_hits *hits)
{
    const double *h = s->h, r2 = s->reach * s->reach;
    const int32_t base[3] = {a, b, 0};
    double q[3];
    ath__image_vector(base, h, q);
    for (int c = 0; c < 3; c++) {
        q[c] += p->d[c];
    }
    int32_t from = p->lo[2], to = p->hi[2];
    if (from < to) { /* where the line is within reach, with some to spare */
        const double hh = h[6] * h[6] + h[7] * h[7] + h[8] * h[8],
                     qh = q[0] * h[6] + q[1] * h[7] + q[2] * h[8],
                     qq = q[0] * q[0] + q[1] * q[1] + q[2] * q[2];
        const double left = (r2 - (qq - qh * qh / hh)) + (1e-6 * r2 + 1e-12 * qq);
        if (!(left >= 0.0)) {
            return;
        }
        const double middle = -qh / hh, half = sqrt(left / hh) + 1e-6;
        from = middle - half > from ? (int32_t)ceil(middle - half) : from;
        to = middle + half < to ? (int32_t)floor(middle + half) : to;
    }
    for (int32_t c = from; c <= to; c++) {
        const int32_t shift[3] = {a, b, c};
        if (p->i == p->j && a == 0 && b == 0 && c == 0) {
            continue;
        }
        if (tree_distance2(s, p->i, p->j, shift) < r2) {
            if (hits->n == TREE_CHUNK) {
                tree_emit(s, p->i, hits->e, hits->n);
                hits->n = 0;
            }
            hits->e[hits->n++] =
                (uint64_t)(uint32_t)p->j | (uint64_t)(uint32_t)ath__shift_pack(a, b, c) << 32;
        }
    }
}

/* All images of j near i. */
static void neighbors_pair_images(tree_search *s, const neighbors_frame *f, int32_t i, int32_t j,
                                  neighbors_hits *hits)
{
    neighbors_pair p = {.i = i, .j = j};
    int32_t between[3];
    for (int k = 0; k < 3; k++) {
        between[k] = s->wrap[3 * (int64_t)i + k] - s->wrap[3 * (int64_t)j + k];
    }
    ath__image_vector(between, s->h, p.d);
    for (int c = 0; c < 3; c++) {
        p.d[c] += s->x[3 * (int64_t)j + c] - s->x[3 * (int64_t)i + c];
    }
    for (int k = 0; k < 3; k++) {
        if (f->pbc[k]) {
            const double u =
                f->g[3 * k] * p.d[0] + f->g[3 * k + 1] * p.d[1] + f->g[3 * k + 2] * p.d[2];
            const double reach = s->reach / f->heights[k] + 1e-6;
            const double lo = ceil(-reach - u), hi = floor(reach - u);
            p.lo[k] = lo > -s->images[k] ? (int32_t)lo : -s->images[k];
            p.hi[k] = hi < s->images[k] ? (int32_t)hi : s->images[k];
            if (p.lo[k] > p.hi[k]) {
                return;
            }
        }
    }
    for (int32_t a = p.lo[0]; a <= p.hi[0]; a++) {
        for (int32_t b = p.lo[1]; b <= p.hi[1]; b++) {
            neighbors_line(s, &p, a, b, hits);
        }
    }
}

static void neighbors_build_images(tree_search *s, const neighbors_frame *f)
{
    neighbors_hits hits;
    s->path |= ATH__PATH_IMAGES;
    for (int32_t i = 0; i < s->n; i++) {
        s->row[i] = s->used <= INT32_MAX ? (int32_t)s->used : 0;
        s->count[i] = 0;
        hits.n = 0;
        for (int32_t j = 0; j < s->n; j++) {
            neighbors_pair_images(s, f, i, j, &hits);
        }
        tree_emit(s, i, hits.e, hits.n);
    }
}

/* ---- one system ---- */

/* Fills the search; returns a reason or NONE. *images: the tree cannot be used. */
static int32_t neighbors_prepare(const ath__neighbors_args *a, int32_t slot, neighbors_frame *f,
                                 tree_search *s, bool *images)
{
    const int64_t first = a->view.first[slot];
    memset(s, 0, sizeof *s);
    s->n = a->view.n_atoms[slot];
    s->x = a->view.positions + 3 * first;
    s->wrap = a->list.wrap + 3 * first;
    s->row = a->list.row + first;
    s->count = a->list.count + first;
    s->entry = a->list.entry + a->list.start[slot];
    s->room = a->list.room[slot];
    s->reach = a->cutoff + a->skin;
    int32_t reason =
        neighbors_cell(a->view.cell + 9 * (int64_t)slot, a->view.pbc + 3 * (int64_t)slot, f);
    if (reason != ATH_REASON_NONE) {
        return reason;
    }
    *images = !tree_carve(s, a->work, a->work_bytes);
    if (!neighbors_wrap(f, s->x, s->n, a->list.wrap + 3 * first, *images ? NULL : &s->atoms)) {
        return ATH_REASON_NON_FINITE;
    }
    memcpy(s->h, f->h, sizeof s->h);
    double longest = 0.0;
    for (int k = 0; k < 9; k++) {
        longest += fabs(f->h[k]);
    }
    s->x_max = f->x_max + f->wrap_max * longest;
    s->extent = (float)(f->extent * (1.0 + 0x1p-20));
    return neighbors_images(f, s);
}

static void neighbors_empty(const ath__neighbors_args *a, int32_t slot)
{
    const size_t n = (size_t)a->view.n_atoms[slot];
    int32_t *row = a->list.row + a->view.first[slot], *count = a->list.count + a->view.first[slot];
    memset(row, 0, n * sizeof *row);
    memset(count, 0, n * sizeof *count);
    a->list.valid[slot] = 0;
}

static void neighbors_refuse(const ath__neighbors_args *a, int32_t slot, int32_t reason)
{
    neighbors_empty(a, slot);
    a->list.needed[slot] = 0;
    if (a->view.reason[slot] == ATH_REASON_NONE) {
        a->view.reason[slot] = reason;
    }
}

static int32_t neighbors_pbc_bits(const int32_t pbc[3])
{
    return ATH__PATH_PBC * ((pbc[0] != 0) + 2 * (pbc[1] != 0) + 4 * (pbc[2] != 0));
}

static void neighbors_build(const ath__neighbors_args *a, int32_t slot)
{
    const int64_t first = a->view.first[slot];
    const size_t n = (size_t)a->view.n_atoms[slot];
    neighbors_frame f;
    tree_search s;
    bool images = false;
    if (n > 0) {
        int32_t reason = neighbors_prepare(a, slot, &f, &s, &images);
        if (reason == ATH_REASON_NONE) {
            if (images || !tree_build(&s)) {
                neighbors_build_images(&s, &f);
            }
            reason = s.used > INT32_MAX ? ATH_REASON_TOO_LARGE : ATH_REASON_NONE;
        }
        if (reason != ATH_REASON_NONE) {
            neighbors_refuse(a, slot, reason);
            return;
        }
    } else {
        s.used = 0;
        s.path = ATH__PATH_BRUTE;
    }
    a->list.needed[slot] = s.used;
    if (s.used > a->list.room[slot]) {
        neighbors_empty(a, slot);
        a->view.flags[slot] |= ATH__SLOT_STALLED;
        return;
    }
    memcpy(a->list.built_cell + 9 * (int64_t)slot, a->view.cell + 9 * (int64_t)slot,
           9 * sizeof(double));
    memcpy(a->list.built_positions + 3 * first, a->view.positions + 3 * first,
           3 * n * sizeof(double));
    a->list.path[slot] = s.path | neighbors_pbc_bits(a->view.pbc + 3 * (int64_t)slot);
    a->list.builds[slot]++;
    a->list.valid[slot] = 1;
}

/* Whether some atom is farther than sqrt(limit) from where it was, or is nowhere. */
static bool neighbors_moved(const double *x, const double *built, int32_t n, double limit)
{
    enum { BLOCK = 3 * NEIGHBORS_BLOCK };
    const int64_t end = 3 * (int64_t)n;
    int64_t k = 0;
    for (; k + BLOCK <= end; k += BLOCK) {
        /* mostly all squares are below a third of the limit, and that is cheap to see */
        int64_t large = 0;
        for (int l = 0; l < BLOCK; l++) {
            const double d = x[k + l] - built[k + l];
            large |= !(3.0 * (d * d) <= limit);
        }
        for (int l = 0; large && l < BLOCK; l += 3) {
            const double dx = x[k + l] - built[k + l], dy = x[k + l + 1] - built[k + l + 1],
                         dz = x[k + l + 2] - built[k + l + 2];
            if (!(dx * dx + dy * dy + dz * dz <= limit)) {
                return true;
            }
        }
    }
    for (; k < end; k += 3) {
        const double dx = x[k] - built[k], dy = x[k + 1] - built[k + 1],
                     dz = x[k + 2] - built[k + 2];
        if (!(dx * dx + dy * dy + dz * dz <= limit)) {
            return true;
        }
    }
    return false;
}

static bool neighbors_valid(const ath__neighbors_args *a, int32_t slot)
{
    const double *cell = a->view.cell + 9 * (int64_t)slot;
    const int32_t *pbc = a->view.pbc + 3 * (int64_t)slot;
    const int32_t n = a->view.n_atoms[slot];
    const double *x = a->view.positions + 3 * a->view.first[slot];
    const double *built = a->list.built_positions + 3 * a->view.first[slot];
    const double half = 0.5 * a->skin;
    if (a->list.valid[slot] != 1 ||
        neighbors_pbc_bits(pbc) != (a->list.path[slot] & 7 * ATH__PATH_PBC) ||
        memcmp(cell, a->list.built_cell + 9 * (int64_t)slot, 9 * sizeof *cell) != 0) {
        return false;
    }
    if (!(half > 0.0)) {
        return memcmp(x, built, 3 * (size_t)n * sizeof *x) == 0;
    }
    return !neighbors_moved(x, built, n, half * half * (1.0 - 0x1p-20));
}

void ATH__HOST_KERNEL(neighbors_update)(const void *args, const ath__share *share)
{
    if (share->member != 0) {
        return;
    }
    const ath__neighbors_args *a = args;
    const int32_t n_slots = *a->n_slots;
    for (int32_t k = 0; k < n_slots; k++) {
        const int32_t slot = a->slots[k];
        if (a->view.flags[slot] & ATH__SLOT_STALLED) {
            continue;
        }
        if (ath__all_pairs_enough(a->view.n_atoms[slot], a->view.cell + 9 * (int64_t)slot,
                                  a->view.pbc + 3 * (int64_t)slot, a->cutoff, a->all_pairs_max)) {
            a->list.valid[slot] = 0;
        } else if (!neighbors_valid(a, slot)) {
            neighbors_build(a, slot);
        }
    }
}
