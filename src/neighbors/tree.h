/* Tree: neighbour rows of one system, built in canonical order without sorting. Private, host only.
 *
 * Candidates are images of atoms, held in order of (atom, shift). The root has those near the box
 * around the wrapped system, generated in that order: atoms ascending, and for each of them a table
 * of lattice translations in lexicographic order. Each box of more than TREE_LEAF atoms is cut in
 * half across its longest side; after every second cut, and in a leaf, a box keeps those candidates
 * of the box around it that lie within reach of its own atoms. Dropping candidates keeps their
 * order, so the rows, which are what is left of a leaf's candidates after a distance test, are
 * sorted as they are written. Periodicity, skew and images of the same atom need no special case,
 * and the cost is N log N however the atoms are distributed.
 *
 * Boxes and distances are in float32, relative to some atom. A pair is taken or left on float32
 * alone only if its squared distance is clear of reach^2 by more than `slack`, a bound of all
 * rounding errors; else tree_distance2 decides in float64, by the definition of list.h. So the
 * result is exact.
 *
 * Work memory is a stack of candidate lists: a child's list lies behind its parent's. A box for
 * whose list there is no room uses its parent's. Systems whose root does not fit are not built
 * here.
 */
#ifndef ATHANOR_NEIGHBORS_TREE_H
#define ATHANOR_NEIGHBORS_TREE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "data/cell.h"
#include "neighbors/lanes.h"
#include "neighbors/neighbors.h"

enum {
    TREE_LEAF = 16,                      /* atoms in a box that is not cut again */
    TREE_DEPTH = 60,                     /* cuts after which any box is a leaf */
    TREE_LOOPS = 131072,                 /* translations that are looked at for the table */
    TREE_CHUNK = 2048,                   /* candidates tested before their hits are written out */
    TREE_IMAGES = ATH__NEIGHBORS_IMAGES, /* translations in the table */
    TREE_ROWS = ATH__NEIGHBORS_ROWS,     /* entries that a member of a team writes out at once */
    TREE_PAD = ATH__NEIGHBORS_PAD        /* elements behind every array: one row of lanes */
};
#define TREE_FAR 1e18f /* coordinate of padding; its square is finite and beyond any reach */

typedef struct tree_points { /* atoms or candidates, coordinates in angstrom */
    float *x, *y, *z;
    uint64_t *e; /* candidates: entries as in lanes.h */
    int32_t *i;  /* atoms: index in the system */
} tree_points;

typedef struct tree_search {
    /* the system */
    int32_t n;
    const double *x;     /* [n][3] */
    const int32_t *wrap; /* [n][3] */
    double h[9];         /* completed cell */
    int32_t images[3];   /* largest |shift| along each vector */
    double reach;        /* cutoff + skin */
    double x_max;        /* bounds |x| and |x - wrap h| */
    float extent;        /* bounds the coordinates in `atoms` */
    bool still;          /* the table has no translation but the one by nothing */
    /* the rows */
    int32_t *row, *count;
    ath__neighbor *entry;
    int64_t room, used; /* entries; used > room: counted, not written */
    int32_t path;
    uint64_t *rows;                /* [TREE_ROWS] of a member of a team; NULL: works alone */
    _Atomic int64_t *used_by_team; /* then, instead of `used` */
    /* work memory */
    tree_points atoms, spill; /* [n], in the order of the tree */
    tree_points table;        /* translations, entries without an atom */
    int32_t n_table;
    tree_points list; /* the stack */
    int64_t max_list;
} tree_search;

typedef struct tree_box {
    float lo[3], hi[3];
} tree_box;

typedef struct tree_node {
    int32_t first, n, depth;    /* atoms */
    int64_t list_first, list_n; /* candidates of the parent */
} tree_node;

static inline int64_t tree_padded(int64_t n)
{
    return (n + TREE_PAD - 1) / TREE_PAD * TREE_PAD;
}

/* Takes three float arrays and one of `size` bytes per element from *at. */
static inline void *tree_take(char **at, tree_points *p, int64_t n, size_t size)
{
    const size_t m = (size_t)tree_padded(n) + TREE_PAD;
    float *f = (float *)(void *)*at;
    p->x = f;
    p->y = f + m;
    p->z = f + 2 * m;
    *at += m * (3 * sizeof(float) + size);
    return f + 3 * m;
}

/* Lays the arrays out in work memory (64-aligned). False if there is no room to speak of. */
static bool tree_carve(tree_search *s, void *work, int64_t bytes)
{
    const int64_t least = s->n + 4 * TREE_PAD;
    if (work == NULL || bytes < (int64_t)ath__neighbors_bytes(s->n, least)) {
        return false;
    }
    const int64_t more = (bytes - (int64_t)ath__neighbors_bytes(s->n, least)) /
                         (int64_t)(3 * sizeof(float) + sizeof(uint64_t));
    char *at = work;
    s->max_list = (least + more) / TREE_PAD * TREE_PAD;
    s->list.e = tree_take(&at, &s->list, s->max_list, sizeof(uint64_t));
    s->table.e = tree_take(&at, &s->table, TREE_IMAGES, sizeof(uint64_t));
    s->atoms.i = tree_take(&at, &s->atoms, s->n, sizeof(int32_t));
    s->spill.i = tree_take(&at, &s->spill, s->n, sizeof(int32_t));
    return true;
}

/* |r_ij|^2 of list.h. */
static inline double tree_distance2(const tree_search *s, int32_t i, int32_t j,
                                    const int32_t shift[3])
{
    const int32_t *wi = s->wrap + 3 * (int64_t)i, *wj = s->wrap + 3 * (int64_t)j;
    const double *xi = s->x + 3 * (int64_t)i, *xj = s->x + 3 * (int64_t)j;
    const int32_t total[3] = {shift[0] - wj[0] + wi[0], shift[1] - wj[1] + wi[1],
                              shift[2] - wj[2] + wi[2]};
    double t[3];
    ath__image_vector(total, s->h, t);
    const double rx = (xj[0] - xi[0]) + t[0], ry = (xj[1] - xi[1]) + t[1],
                 rz = (xj[2] - xi[2]) + t[2];
    return (rx * rx + ry * ry) + rz * rz;
}

/* Squared distances below *clear are within reach, from *far on they are not.
 *
 * With E a bound of all coordinates, a float32 coordinate of an atom is off by u E (u = 2^-24), one
 * of a candidate within reach by u (4 E + 2 reach) at most (its translation is below 2 E + reach),
 * their difference by another u reach; wrapping in float64 adds a few 2^-53 x_max. e bounds the sum
 * with a factor of 3 to spare, so that a distance is off by 2 e at most, and its square by 4 reach
 * e + 4 e^2, plus a few roundings of the sum of squares. */
static inline void tree_limits(const tree_search *s, const tree_box *box, float *clear, float *far)
{
    double extent = s->extent;
    if (s->still) { /* no translations: only what is near the box counts */
        extent = 0.0;
        for (int k = 0; k < 3; k++) {
            const double a = fabs((double)box->lo[k]), b = fabs((double)box->hi[k]);
            extent = a > extent ? a : extent;
            extent = b > extent ? b : extent;
        }
    }
    const double e = 0x1p-20 * (extent + s->reach) + 0x1p-48 * s->x_max;
    const double r2 = s->reach * s->reach;
    const double slack = 4.0 * s->reach * e + 4.0 * e * e + 0x1p-20 * r2;
    const double outer = (r2 + slack) * (1.0 + 0x1p-20);
    *clear = (float)((r2 - slack) - 0x1p-20 * r2);
    *far = outer < 1e30 ? (float)outer : 1e30f;
}

static inline lanes_f tree_outside(lanes_f x, float lo, float hi)
{
    return lanes_max(lanes_max(lanes_set(lo) - x, x - lanes_set(hi)), lanes_set(0.0f));
}

/* Which of the points lie within sqrt(far) of the box. */
static inline uint32_t tree_near(const tree_box *b, lanes_f x, lanes_f y, lanes_f z, lanes_f far)
{
    const lanes_f dx = tree_outside(x, b->lo[0], b->hi[0]),
                  dy = tree_outside(y, b->lo[1], b->hi[1]),
                  dz = tree_outside(z, b->lo[2], b->hi[2]);
    return lanes_less(dx * dx + dy * dy + dz * dz, far);
}

/* Pads a list to whole rows of lanes. */
static inline void tree_pad(tree_points *p, int64_t end)
{
    for (int64_t k = end; k < end + TREE_PAD; k++) {
        p->x[k] = p->y[k] = p->z[k] = TREE_FAR;
        p->e[k] = 0;
    }
}

static inline void tree_bounds(const float *x, int32_t n, float *lo, float *hi)
{
    float a = x[0], b = x[0];
    int32_t k = 0;
    if (n >= LANES) {
        lanes_f va = lanes_load(x), vb = va;
        for (k = LANES; k + LANES <= n; k += LANES) {
            const lanes_f v = lanes_load(x + k);
            va = lanes_min(va, v);
            vb = lanes_max(vb, v);
        }
        float ta[LANES], tb[LANES];
        lanes_store(ta, va);
        lanes_store(tb, vb);
        for (int l = 0; l < LANES; l++) {
            a = ta[l] < a ? ta[l] : a;
            b = tb[l] > b ? tb[l] : b;
        }
    }
    for (; k < n; k++) {
        a = x[k] < a ? x[k] : a;
        b = x[k] > b ? x[k] : b;
    }
    *lo = a;
    *hi = b;
}

static inline void tree_box_of(const tree_points *p, int32_t first, int32_t n, tree_box *box)
{
    tree_bounds(p->x + first, n, &box->lo[0], &box->hi[0]);
    tree_bounds(p->y + first, n, &box->lo[1], &box->hi[1]);
    tree_bounds(p->z + first, n, &box->lo[2], &box->hi[2]);
}

/* Fills the table with the translations that can bring the box near itself, in lexicographic order.
 * False if there are too many. */
static bool tree_translations(tree_search *s, const tree_box *box)
{
    const int32_t *m = s->images;
    float clear, far;
    if ((2 * (int64_t)m[0] + 1) * (2 * (int64_t)m[1] + 1) * (2 * (int64_t)m[2] + 1) > TREE_LOOPS) {
        return false;
    }
    tree_limits(s, box, &clear, &far);
    s->n_table = 0;
    for (int32_t a = -m[0]; a <= m[0]; a++) {
        for (int32_t b = -m[1]; b <= m[1]; b++) {
            for (int32_t c = -m[2]; c <= m[2]; c++) {
                const int32_t shift[3] = {a, b, c};
                double t[3], d2 = 0.0;
                ath__image_vector(shift, s->h, t);
                for (int k = 0; k < 3; k++) {
                    const double d = fabs(t[k]) - ((double)box->hi[k] - (double)box->lo[k]);
                    d2 += d > 0.0 ? d * d : 0.0;
                }
                if (!(d2 < far)) {
                    continue;
                }
                if (s->n_table == TREE_IMAGES) {
                    return false;
                }
                s->table.x[s->n_table] = (float)t[0];
                s->table.y[s->n_table] = (float)t[1];
                s->table.z[s->n_table] = (float)t[2];
                s->table.e[s->n_table++] = (uint64_t)(uint32_t)ath__shift_pack(a, b, c) << 32;
            }
        }
    }
    tree_pad(&s->table, s->n_table);
    s->still = s->n_table == 1;
    return true;
}

/* What to look for: images by a table of translations, within sqrt(far) of a box. */
typedef struct tree_wanted {
    const tree_points *table;
    int32_t n_table;
    const tree_box *box;
    float far;
} tree_wanted;

/* The wanted images of atom j, whose coordinates are in `at`; written to the candidates from `to`
 * on, which have room for the whole table. Returns their number. */
static inline int32_t tree_images(tree_points *c, int64_t to, const tree_wanted *wanted,
                                  const tree_points *at, int32_t j)
{
    const tree_points *t = wanted->table;
    const lanes_f xj = lanes_set(at->x[j]), yj = lanes_set(at->y[j]), zj = lanes_set(at->z[j]);
    const lanes_f far = lanes_set(wanted->far);
    int64_t n = to;
    for (int32_t k = 0; k < wanted->n_table; k += LANES) {
        const lanes_f x = xj + lanes_load(t->x + k), y = yj + lanes_load(t->y + k),
                      z = zj + lanes_load(t->z + k);
        const uint32_t mask = tree_near(wanted->box, x, y, z, far);
        lanes_pack(c->x + n, x, mask);
        lanes_pack(c->y + n, y, mask);
        lanes_pack(c->z + n, z, mask);
        n += lanes_pack_entries(c->e + n, t->e + k, (uint64_t)(uint32_t)j, mask);
    }
    return (int32_t)(n - to);
}

/* Candidates of the whole system at the bottom of the stack; -1 if they do not fit. */
static int64_t tree_root(tree_search *s, const tree_box *box)
{
    const tree_points *a = &s->atoms;
    tree_points *c = &s->list;
    int64_t n = 0;
    float clear, far;
    tree_limits(s, box, &clear, &far);
    if (s->still) {
        for (int32_t j = 0; j < s->n; j++) {
            c->x[j] = a->x[j], c->y[j] = a->y[j], c->z[j] = a->z[j];
            c->e[j] = (uint64_t)(uint32_t)j;
        }
        n = s->n;
    } else {
        const tree_wanted wanted = {&s->table, s->n_table, box, far};
        for (int32_t j = 0; j < s->n; j++) {
            if (n + tree_padded(s->n_table) > s->max_list) {
                return -1;
            }
            n += tree_images(c, n, &wanted, a, j);
        }
    }
    tree_pad(c, n);
    return n;
}

/* The candidates first .. first + n that are near the box, copied to `to`; returns their number. */
static int64_t tree_filter(tree_search *s, int64_t first, int64_t n, int64_t to,
                           const tree_box *box)
{
    tree_points *c = &s->list;
    int64_t m = to;
    float clear, far;
    tree_limits(s, box, &clear, &far);
    for (int64_t k = first; k < first + n; k += LANES) {
        const lanes_f x = lanes_load(c->x + k), y = lanes_load(c->y + k), z = lanes_load(c->z + k);
        const uint32_t mask = tree_near(box, x, y, z, lanes_set(far));
        lanes_pack(c->x + m, x, mask);
        lanes_pack(c->y + m, y, mask);
        lanes_pack(c->z + m, z, mask);
        m += lanes_pack_entries(c->e + m, c->e + k, 0, mask);
    }
    tree_pad(c, m);
    return m - to;
}

/* Writes n entries of row i if they fit, counts them in any case. */
static inline void tree_emit(tree_search *s, int32_t i, const uint64_t *e, int32_t n)
{
    if (s->used + n <= s->room) {
        memcpy(s->entry + s->used, e, (size_t)n * sizeof *e);
    }
    s->used += n;
    s->count[i] += n;
}

/* Keeps the entries of row i that are within reach by definition. */
static int32_t tree_exact(tree_search *s, int32_t i, uint64_t *e, int32_t n)
{
    const double r2 = s->reach * s->reach;
    int32_t kept = 0;
    for (int32_t k = 0; k < n; k++) {
        int32_t shift[3];
        ath__shift_unpack((int32_t)(uint32_t)(e[k] >> 32), shift);
        if (tree_distance2(s, i, (int32_t)(uint32_t)e[k], shift) < r2) {
            e[kept++] = e[k];
        }
    }
    s->path |= ATH__PATH_EXACT;
    return kept;
}

/* Candidates of a leaf, and the limits of their distances (tree_limits). */
typedef struct tree_near_by {
    int64_t first, n;
    float clear, far;
} tree_near_by;

/* The entries of the row of one atom that come from these candidates of its leaf; `hits` has room
 * for all of them and a row of lanes. Returns their number. */
static inline int32_t tree_hits(tree_search *s, int32_t atom, tree_near_by near, uint64_t *hits)
{
    const tree_points *c = &s->list;
    const lanes_f x = lanes_set(s->atoms.x[atom]), y = lanes_set(s->atoms.y[atom]),
                  z = lanes_set(s->atoms.z[atom]);
    const lanes_f v_clear = lanes_set(near.clear), v_far = lanes_set(near.far);
    const int32_t i = s->atoms.i[atom];
    int32_t n_hits = 0;
    uint32_t doubtful = 0;
    for (int64_t k = near.first; k < near.first + near.n; k += LANES) {
        const lanes_f dx = lanes_load(c->x + k) - x, dy = lanes_load(c->y + k) - y,
                      dz = lanes_load(c->z + k) - z;
        const lanes_f r2 = dx * dx + dy * dy + dz * dz;
        const uint32_t mask = lanes_less(r2, v_far);
        doubtful |= mask & ~lanes_less(r2, v_clear);
        n_hits += lanes_pack_row(hits + n_hits, c->e + k, (uint64_t)(uint32_t)i, mask);
    }
    return doubtful ? tree_exact(s, i, hits, n_hits) : n_hits;
}

/* The row of one atom from the candidates of its leaf. */
static void tree_row(tree_search *s, int32_t atom, tree_near_by near)
{
    const int32_t i = s->atoms.i[atom];
    const int64_t end = near.first + near.n;
    uint64_t hits[TREE_CHUNK + TREE_PAD];
    s->row[i] = s->used <= INT32_MAX ? (int32_t)s->used : 0;
    s->count[i] = 0;
    for (; near.first < end; near.first += near.n) {
        near.n = end - near.first < TREE_CHUNK ? end - near.first : TREE_CHUNK;
        tree_emit(s, i, hits, tree_hits(s, atom, near, hits));
    }
}

/* Writes the n entries in `rows` out in one piece: the rows of the atoms first .. end - 1. */
static void tree_flush(tree_search *s, int32_t first, int32_t end, int32_t n)
{
    const int64_t at = atomic_fetch_add_explicit(s->used_by_team, n, memory_order_relaxed);
    for (int32_t a = first; a < end; a++) {
        const int64_t row = at + s->row[s->atoms.i[a]];
        s->row[s->atoms.i[a]] = row <= INT32_MAX ? (int32_t)row : 0;
    }
    if (at + n <= s->room) {
        memcpy(s->entry + at, s->rows, (size_t)n * sizeof *s->rows);
    }
}

/* The rows of a leaf, by a member of a team. False if there are too many candidates. */
static bool tree_leaf_of_team(tree_search *s, const tree_node *node, tree_near_by near)
{
    int32_t first = node->first, n = 0;
    if (near.n > TREE_ROWS) {
        return false;
    }
    for (int32_t a = node->first; a < node->first + node->n; a++) {
        const int32_t i = s->atoms.i[a];
        if (n + near.n > TREE_ROWS) {
            tree_flush(s, first, a, n);
            first = a;
            n = 0;
        }
        s->row[i] = n;
        s->count[i] = tree_hits(s, a, near, s->rows + n);
        n += s->count[i];
    }
    tree_flush(s, first, node->first + node->n, n);
    return true;
}

/* The rows of a leaf. False if a member of a team has no room for them. */
static bool tree_leaf(tree_search *s, const tree_node *node, const tree_box *box)
{
    tree_near_by near = {.first = node->list_first, .n = node->list_n};
    tree_limits(s, box, &near.clear, &near.far);
    if (s->rows) {
        return tree_leaf_of_team(s, node, near);
    }
    for (int32_t a = node->first; a < node->first + node->n; a++) {
        tree_row(s, a, near);
    }
    return true;
}

/* Where a box is cut: the middle of its longest side, whose axis is returned. */
static inline int tree_middle(const tree_box *box, float *middle)
{
    const float sx = box->hi[0] - box->lo[0], sy = box->hi[1] - box->lo[1],
                sz = box->hi[2] - box->lo[2];
    const int k = sx >= sy && sx >= sz ? 0 : (sy >= sz ? 1 : 2);
    *middle = 0.5f * box->lo[k] + 0.5f * box->hi[k];
    return k;
}

/* Moves the atoms below the middle of the longest side of the box to the front; returns their
 * number, 0 if the box has no extent. Keeps the order on both sides. */
static int32_t tree_cut(tree_search *s, const tree_node *node, const tree_box *box)
{
    float middle;
    const int k = tree_middle(box, &middle);
    float *x = s->atoms.x + node->first, *y = s->atoms.y + node->first,
          *z = s->atoms.z + node->first;
    int32_t *index = s->atoms.i + node->first;
    const float *side = k == 0 ? x : (k == 1 ? y : z);
    int32_t l = 0, r = 0;
    for (int32_t a = 0; a < node->n; a++) {
        const float ax = x[a], ay = y[a], az = z[a];
        const int32_t ai = index[a], left = side[a] < middle;
        x[l] = s->spill.x[r] = ax;
        y[l] = s->spill.y[r] = ay;
        z[l] = s->spill.z[r] = az;
        index[l] = s->spill.i[r] = ai;
        l += left;
        r += 1 - left;
    }
    memcpy(x + l, s->spill.x, (size_t)r * sizeof *x);
    memcpy(y + l, s->spill.y, (size_t)r * sizeof *y);
    memcpy(z + l, s->spill.z, (size_t)r * sizeof *z);
    memcpy(index + l, s->spill.i, (size_t)r * sizeof *index);
    return l < node->n ? l : 0;
}

/* A box that is not cut again. */
static inline bool tree_is_leaf(const tree_node *node)
{
    return node->n <= TREE_LEAF || node->depth == TREE_DEPTH;
}

/* The part of a node right of a cut; the node becomes the left one. */
static inline tree_node tree_halve(tree_node *node, int32_t n_left)
{
    tree_node right = *node;
    right.depth = ++node->depth;
    right.first += n_left;
    right.n -= n_left;
    node->n = n_left;
    return right;
}

/* All rows of the atoms of a node that has its candidates. False as tree_leaf. */
static bool tree_walk(tree_search *s, tree_node root)
{
    tree_node stack[TREE_DEPTH + 4];
    int n_stack = 1;
    stack[0] = root;
    while (n_stack > 0) {
        tree_node node = stack[--n_stack];
        tree_box box;
        tree_box_of(&s->atoms, node.first, node.n, &box);
        /* After one cut too few candidates would be dropped to pay for copying the others. */
        const bool leaf = tree_is_leaf(&node);
        const bool renew = node.depth > root.depth && (node.n <= TREE_LEAF || node.depth % 2 == 0);
        const int64_t to = node.list_first + tree_padded(node.list_n);
        if (renew && to + tree_padded(node.list_n) > s->max_list) {
            s->path |= ATH__PATH_SHARED;
        } else if (renew) {
            node.list_n = tree_filter(s, node.list_first, node.list_n, to, &box);
            node.list_first = to;
        }
        const int32_t n_left = leaf ? 0 : tree_cut(s, &node, &box);
        if (n_left > 0) {
            const tree_node right = tree_halve(&node, n_left);
            stack[n_stack++] = right;
            stack[n_stack++] = node;
        } else if (!tree_leaf(s, &node, &box)) {
            return false;
        }
    }
    return true;
}

/* All rows of the system. False, nothing written, if its candidates do not fit into work memory. */
static bool tree_build(tree_search *s)
{
    tree_box box;
    tree_box_of(&s->atoms, 0, s->n, &box);
    if (!tree_translations(s, &box)) {
        return false;
    }
    const int64_t n_root = tree_root(s, &box);
    if (n_root < 0) {
        return false;
    }
    s->path |= s->n <= TREE_LEAF ? ATH__PATH_BRUTE : ATH__PATH_TREE;
    return tree_walk(s, (tree_node){.first = 0, .n = s->n, .list_first = 0, .list_n = n_root});
}

#endif
