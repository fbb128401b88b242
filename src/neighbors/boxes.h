/* Boxes: the rows of one large system, built by all members of a team. Private, host only.
 *
 * The tree is that of tree.h, box by box and atom by atom. Its uppermost cuts are made by all
 * members at once: each of them counts what lies left of the cut in its part of a box, and moves
 * its part to where the counts of all say. This gives up to BOXES_MOST boxes, which members then
 * take one by one.
 *
 * The candidates of such a box come from the boxes near it, moved by the translations that bring
 * them there: the atoms found are marked in a bit per atom, and the marked atoms taken in
 * ascending order, each with its images in the order of the table. So they are sorted as those of
 * a root are. From there on the box is a tree of its own. The rows of a leaf are written out in one
 * piece, to where a common counter says; their place depends on who is first, their contents do
 * not.
 *
 * A member that has too little room gives up for all: then one of them builds the list alone.
 */
#ifndef ATHANOR_NEIGHBORS_BOXES_H
#define ATHANOR_NEIGHBORS_BOXES_H

#include "neighbors/frame.h"

enum {
    BOXES_MOST = 256,
    BOXES_ATOMS = 1024, /* boxes with fewer are not cut by the whole team, */
    BOXES_PART = 128,   /* nor those with less than this part of the atoms */
    BOXES_LEVELS = 32,
    BOXES_RUN = 8,     /* boxes that a member takes at once, at most */
    BOXES_LEAST = 8192 /* candidates of a member */
};

/* A box of the upper tree: atoms first .. first + n of the array `at`. */
typedef struct boxes_node {
    int32_t first, n, depth, at;
    bool cut, fresh; /* is being cut; has just been made */
    tree_box box;
} boxes_node;

/* What a member tells the others. */
typedef struct boxes_notes {
    _Alignas(64) frame found; /* about its atoms */
    tree_box box;             /* around them */
    bool bad;                 /* one of them cannot be wrapped */
    bool stale[2];            /* its vote in boxes_vote */
    int32_t n_left[BOXES_MOST];
    tree_box part[BOXES_MOST]; /* around its part of new boxes */
} boxes_notes;

typedef struct boxes_common {
    _Alignas(64) _Atomic int64_t used; /* entries */
    _Alignas(64) _Atomic int32_t ticket;
    _Atomic int32_t path;
    _Atomic bool given_up;
    int32_t n_table; /* 0: too many translations */
} boxes_common;

_Static_assert(sizeof(boxes_notes) <= ATH__NEIGHBORS_NOTES &&
                   sizeof(boxes_common) <= ATH__NEIGHBORS_NOTES,
               "notes");

enum { BOXES_HOME, BOXES_ONE, BOXES_TWO, BOXES_SPILL, BOXES_ARRAYS };

/* The array that the atoms of a box are moved to. */
static inline int32_t boxes_other(const boxes_node *node)
{
    return node->at == BOXES_ONE ? BOXES_TWO : BOXES_ONE;
}

/* A member's view of the work. */
typedef struct boxes_member {
    const ath__share *share;
    char *notes; /* of all: boxes_common, boxes_notes of each */
    int turn;    /* of boxes_vote */
    /* shared */
    tree_points at[BOXES_ARRAYS]; /* atoms by index; by box (two); for cuts below the boxes */
    /* its own */
    tree_points nearby;          /* translations that a box needs */
    uint64_t *marks;             /* [n] bits */
    uint8_t needed[TREE_IMAGES]; /* translations */
    boxes_node node[BOXES_MOST];
    int32_t n_nodes;
} boxes_member;

static inline boxes_common *boxes_board(const boxes_member *m)
{
    return (boxes_common *)(void *)m->notes;
}
static inline boxes_notes *boxes_notes_of(const boxes_member *m, int32_t member)
{
    return (boxes_notes *)(void *)(m->notes + (size_t)(member + 1) * ATH__NEIGHBORS_NOTES);
}

/* A meeting that tells whether any member says yes. Votes are kept for one more meeting, so nobody
 * overwrites what another one has not read. */
static bool boxes_vote(boxes_member *m, bool yes)
{
    const int turn = m->turn;
    bool any = false;
    boxes_notes_of(m, m->share->member)->stale[turn] = yes;
    m->turn = 1 - turn;
    ath__meet(m->share);
    for (int32_t k = 0; k < m->share->size; k++) {
        any |= boxes_notes_of(m, k)->stale[turn];
    }
    return any;
}

/* Lays the arrays out in what is left of work memory. False if it is too little. */
static bool boxes_carve(boxes_member *m, tree_search *s, int64_t bytes)
{
    const size_t notes = ath__neighbors_notes(m->share->size);
    const size_t given = notes + ath__neighbors_shared(s->n), size = (size_t)m->share->size;
    const size_t each = (size_t)bytes < given ? 0 : ((size_t)bytes - given) / size / 64 * 64;
    if (each < ath__neighbors_private(s->n, BOXES_LEAST)) {
        return false;
    }
    char *at = m->notes + notes;
    for (int k = 0; k < BOXES_ARRAYS; k++) {
        m->at[k].i = tree_take(&at, &m->at[k], s->n, sizeof(int32_t));
    }
    s->table.e = tree_take(&at, &s->table, TREE_IMAGES, sizeof(uint64_t));
    at += (size_t)m->share->member * each;
    s->max_list = (int64_t)((each - ath__neighbors_private(s->n, 0)) /
                            (3 * sizeof(float) + sizeof(uint64_t))) /
                  TREE_PAD * TREE_PAD;
    s->list.e = tree_take(&at, &s->list, s->max_list, sizeof(uint64_t));
    m->nearby.e = tree_take(&at, &m->nearby, TREE_IMAGES, sizeof(uint64_t));
    s->rows = (uint64_t *)(void *)at;
    m->marks = s->rows + TREE_ROWS + TREE_PAD;
    s->used_by_team = &boxes_board(m)->used;
    return true;
}

/* ---- the upper tree ---- */

static inline void boxes_join(tree_box *box, const tree_box *other)
{
    for (int k = 0; k < 3; k++) {
        box->lo[k] = other->lo[k] < box->lo[k] ? other->lo[k] : box->lo[k];
        box->hi[k] = other->hi[k] > box->hi[k] ? other->hi[k] : box->hi[k];
    }
}

static const tree_box boxes_nothing = {{TREE_FAR, TREE_FAR, TREE_FAR},
                                       {-TREE_FAR, -TREE_FAR, -TREE_FAR}};

/* A member's part of n atoms. */
static inline int32_t boxes_part_begin(const boxes_member *m, int32_t n, int32_t member)
{
    return (int32_t)((int64_t)n * member / m->share->size);
}

/* Counts, in the caller's part of each box that is to be cut, the atoms left of the cut. Returns
 * how many boxes there are to cut. */
static int32_t boxes_count(boxes_member *m, int32_t n)
{
    const int32_t limit = n / BOXES_PART > BOXES_ATOMS ? n / BOXES_PART : BOXES_ATOMS;
    const int32_t me = m->share->member;
    int32_t n_cuts = 0;
    for (int32_t k = 0; k < m->n_nodes; k++) {
        boxes_node *node = &m->node[k];
        node->cut = node->fresh && node->n > limit && m->n_nodes + n_cuts < BOXES_MOST;
        if (!node->cut) {
            continue;
        }
        float middle;
        const int axis = tree_middle(&node->box, &middle);
        const tree_points *p = &m->at[node->at];
        const float *side = (axis == 0 ? p->x : (axis == 1 ? p->y : p->z)) + node->first;
        int32_t n_left = 0;
        for (int32_t a = boxes_part_begin(m, node->n, me); a < boxes_part_begin(m, node->n, me + 1);
             a++) {
            n_left += side[a] < middle;
        }
        boxes_notes_of(m, me)->n_left[k] = n_left;
        n_cuts++;
    }
    return n_cuts;
}

/* Moves the caller's part of a box to the two halves of it. Keeps the order on both sides. */
static void boxes_move(boxes_member *m, const boxes_node *node, int32_t left, int32_t right)
{
    const tree_points *p = &m->at[node->at];
    tree_points *to = &m->at[boxes_other(node)];
    float middle;
    const int axis = tree_middle(&node->box, &middle);
    const float *side = axis == 0 ? p->x : (axis == 1 ? p->y : p->z);
    const int32_t me = m->share->member;
    for (int32_t a = node->first + boxes_part_begin(m, node->n, me);
         a < node->first + boxes_part_begin(m, node->n, me + 1); a++) {
        const int32_t is_left = side[a] < middle, d = is_left ? left : right;
        to->x[d] = p->x[a];
        to->y[d] = p->y[a];
        to->z[d] = p->z[a];
        to->i[d] = p->i[a];
        left += is_left;
        right += 1 - is_left;
    }
}

/* Cuts the boxes that have been counted. The new ones have no bounds yet. */
static void boxes_cut(boxes_member *m)
{
    boxes_node next[BOXES_MOST];
    int32_t n = 0;
    for (int32_t k = 0; k < m->n_nodes; k++) {
        const boxes_node *node = &m->node[k];
        int32_t n_left = 0, before = 0;
        for (int32_t j = 0; node->cut && j < m->share->size; j++) {
            before += j < m->share->member ? boxes_notes_of(m, j)->n_left[k] : 0;
            n_left += boxes_notes_of(m, j)->n_left[k];
        }
        next[n] = *node;
        next[n].fresh = false;
        if (n_left == 0 || n_left == node->n) {
            n++; /* it stays whole */
            continue;
        }
        boxes_move(m, node, node->first + before,
                   node->first + n_left + boxes_part_begin(m, node->n, m->share->member) - before);
        next[n].at = boxes_other(node);
        next[n].n = n_left;
        next[n].depth++;
        next[n].fresh = true;
        next[n + 1] = next[n];
        next[n + 1].first += n_left;
        next[n + 1].n = node->n - n_left;
        n += 2;
    }
    memcpy(m->node, next, (size_t)n * sizeof *next);
    m->n_nodes = n;
}

/* The bounds of new boxes: of the caller's part, and then of all parts. */
static void boxes_bound(boxes_member *m)
{
    boxes_notes *mine = boxes_notes_of(m, m->share->member);
    for (int32_t k = 0; k < m->n_nodes; k++) {
        const boxes_node *node = &m->node[k];
        const int32_t begin = boxes_part_begin(m, node->n, m->share->member),
                      end = boxes_part_begin(m, node->n, m->share->member + 1);
        mine->part[k] = boxes_nothing;
        if (node->fresh && begin < end) {
            tree_box_of(&m->at[node->at], node->first + begin, end - begin, &mine->part[k]);
        }
    }
    ath__meet(m->share);
    for (int32_t k = 0; k < m->n_nodes; k++) {
        boxes_node *node = &m->node[k];
        for (int32_t j = 0; node->fresh && j < m->share->size; j++) {
            const tree_box *part = &boxes_notes_of(m, j)->part[k];
            if (j == 0) {
                node->box = *part;
            }
            boxes_join(&node->box, part);
        }
    }
}

/* Cuts the system, whose atoms have been wrapped to at[BOXES_HOME], into boxes. */
static void boxes_make(boxes_member *m, int32_t n, const tree_box *box)
{
    m->node[0] = (boxes_node){.n = n, .at = BOXES_HOME, .fresh = true, .box = *box};
    m->n_nodes = 1;
    for (int level = 0; level < BOXES_LEVELS && boxes_count(m, n) > 0; level++) {
        ath__meet(m->share);
        boxes_cut(m);
        ath__meet(m->share);
        boxes_bound(m);
    }
}

/* ---- candidates of a box ---- */

/* Marks the atoms of a node that the translation k brings near the box; returns how many. */
static int64_t boxes_mark(boxes_member *m, const tree_search *s, const boxes_node *from, int32_t k,
                          const tree_wanted *wanted)
{
    const tree_points *p = &m->at[from->at];
    const lanes_f tx = lanes_set(s->table.x[k]), ty = lanes_set(s->table.y[k]),
                  tz = lanes_set(s->table.z[k]), far = lanes_set(wanted->far);
    int64_t n = 0;
    for (int32_t a = from->first; a < from->first + from->n; a += LANES) {
        const int32_t rest = from->first + from->n - a;
        float last[3][LANES];
        const float *x = p->x + a, *y = p->y + a, *z = p->z + a;
        if (rest < LANES) { /* what lies behind may be another member's */
            for (int l = 0; l < LANES; l++) {
                last[0][l] = l < rest ? x[l] : TREE_FAR;
                last[1][l] = l < rest ? y[l] : TREE_FAR;
                last[2][l] = l < rest ? z[l] : TREE_FAR;
            }
            x = last[0], y = last[1], z = last[2];
        }
        uint32_t mask =
            tree_near(wanted->box, lanes_load(x) + tx, lanes_load(y) + ty, lanes_load(z) + tz, far);
        n += __builtin_popcount(mask);
        for (; mask; mask &= mask - 1) {
            const int32_t i = p->i[a + __builtin_ctz(mask)];
            m->marks[i >> 6] |= UINT64_C(1) << (i & 63);
        }
    }
    return n;
}

/* Marks all atoms of which some image is near the box, and the translations that are needed.
 * Returns the number of those images. Whole boxes are looked at first, with some to spare for
 * roundings, which are those of tree_limits. */
static int64_t boxes_mark_all(boxes_member *m, const tree_search *s, const tree_wanted *wanted)
{
    const double spare = s->still ? 0.0 : 0x1p-19 * (s->extent + s->reach);
    const double outer = (sqrt((double)wanted->far) + spare) * (1.0 + 0x1p-20);
    const lanes_f far = lanes_set(outer < 1e15 ? (float)(outer * outer) : 1e30f);
    int64_t n = 0;
    memset(m->marks, 0, ((size_t)s->n / 64 + 1) * sizeof *m->marks);
    memset(m->needed, 0, (size_t)s->n_table);
    for (int32_t b = 0; b < m->n_nodes; b++) {
        const boxes_node *from = &m->node[b];
        tree_box wide; /* of translations */
        for (int c = 0; c < 3; c++) {
            wide.lo[c] = wanted->box->lo[c] - from->box.hi[c];
            wide.hi[c] = wanted->box->hi[c] - from->box.lo[c];
        }
        for (int32_t k = 0; k < s->n_table; k += LANES) {
            uint32_t mask = tree_near(&wide, lanes_load(s->table.x + k), lanes_load(s->table.y + k),
                                      lanes_load(s->table.z + k), far);
            for (; mask; mask &= mask - 1) {
                const int32_t t = k + __builtin_ctz(mask);
                const int64_t n_marked = boxes_mark(m, s, from, t, wanted);
                m->needed[t] |= n_marked > 0;
                n += n_marked;
            }
        }
    }
    return n;
}

/* The candidates of a box at the bottom of the stack, as tree_root has them; -1 if they do not
 * fit. */
static int64_t boxes_candidates(boxes_member *m, tree_search *s, const tree_box *box)
{
    tree_wanted wanted = {&m->nearby, 0, box, 0.0f};
    float clear;
    int64_t n = 0;
    tree_limits(s, box, &clear, &wanted.far);
    const int64_t expected = boxes_mark_all(m, s, &wanted);
    for (int32_t k = 0; k < s->n_table; k++) {
        if (m->needed[k]) {
            m->nearby.x[wanted.n_table] = s->table.x[k];
            m->nearby.y[wanted.n_table] = s->table.y[k];
            m->nearby.z[wanted.n_table] = s->table.z[k];
            m->nearby.e[wanted.n_table++] = s->table.e[k];
        }
    }
    tree_pad(&m->nearby, wanted.n_table);
    if (expected + tree_padded(wanted.n_table) > s->max_list) {
        return -1;
    }
    for (int32_t w = 0; w <= s->n / 64; w++) {
        for (uint64_t bits = m->marks[w]; bits; bits &= bits - 1) {
            const int32_t j = 64 * w + __builtin_ctzll(bits);
            n += tree_images(&s->list, n, &wanted, &m->at[BOXES_HOME], j);
        }
    }
    tree_pad(&s->list, n);
    return n;
}

/* ---- rows ---- */

/* Makes the arrays of a box those of the search. The atoms as they are stay where others look for
 * them; their order is changed elsewhere. */
static tree_node boxes_enter(boxes_member *m, tree_search *s, const boxes_node *box)
{
    const tree_points *from = &m->at[box->at];
    const int32_t first = box->first;
    const size_t n = (size_t)box->n;
    s->atoms = m->at[boxes_other(box)];
    memcpy(s->atoms.x + first, from->x + first, n * sizeof *from->x);
    memcpy(s->atoms.y + first, from->y + first, n * sizeof *from->y);
    memcpy(s->atoms.z + first, from->z + first, n * sizeof *from->z);
    memcpy(s->atoms.i + first, from->i + first, n * sizeof *from->i);
    s->spill = m->at[BOXES_SPILL];
    s->spill.x += first, s->spill.y += first, s->spill.z += first, s->spill.i += first;
    return (tree_node){.first = first, .n = box->n, .depth = box->depth};
}

/* All rows of the atoms of a box. Its candidates are found for parts of it if those of all do not
 * fit. False: nor do those of a leaf. */
static bool boxes_rows(boxes_member *m, tree_search *s, tree_node top)
{
    tree_node stack[TREE_DEPTH + 4];
    int n_stack = 1;
    stack[0] = top;
    while (n_stack > 0) {
        tree_node node = stack[--n_stack];
        tree_box bounds;
        tree_box_of(&s->atoms, node.first, node.n, &bounds);
        node.list_n = boxes_candidates(m, s, &bounds);
        if (node.list_n >= 0) {
            if (!tree_walk(s, node)) {
                return false;
            }
            continue;
        }
        const int32_t n_left = tree_is_leaf(&node) ? 0 : tree_cut(s, &node, &bounds);
        if (n_left == 0) {
            return false;
        }
        const tree_node right = tree_halve(&node, n_left);
        stack[n_stack++] = right;
        stack[n_stack++] = node;
    }
    return true;
}

/* Takes the next boxes: some at once, which are mostly one box of a few cuts before, while many are
 * left. Returns their number. */
static int32_t boxes_take(const boxes_member *m, int32_t *first)
{
    boxes_common *board = boxes_board(m);
    int32_t n;
    *first = atomic_load_explicit(&board->ticket, memory_order_relaxed);
    do {
        const int32_t rest = m->n_nodes - *first;
        if (rest <= 0 || atomic_load_explicit(&board->given_up, memory_order_relaxed)) {
            return 0;
        }
        for (n = BOXES_RUN; n > 1 && n * 4 * m->share->size > rest; n /= 2) {
        }
    } while (!atomic_compare_exchange_weak_explicit(&board->ticket, first, *first + n,
                                                    memory_order_relaxed, memory_order_relaxed));
    return n;
}

/* The rows of some boxes. Their candidates are among those of the box around them. */
static bool boxes_run(boxes_member *m, tree_search *s, const boxes_node *boxes, int32_t n)
{
    tree_box around = boxes[0].box;
    for (int32_t k = 1; k < n; k++) {
        boxes_join(&around, &boxes[k].box);
    }
    const int64_t n_list = n > 1 ? boxes_candidates(m, s, &around) : -1;
    const int64_t to = tree_padded(n_list);
    for (int32_t k = 0; k < n; k++) {
        tree_node top = boxes_enter(m, s, &boxes[k]);
        if (n_list < 0 || 2 * to > s->max_list) {
            if (!boxes_rows(m, s, top)) {
                return false;
            }
            continue;
        }
        top.list_first = to;
        top.list_n = tree_filter(s, 0, n_list, to, &boxes[k].box);
        if (!tree_walk(s, top)) {
            return false;
        }
    }
    return true;
}

/* The rows of the system, whose atoms lie in `box` and have been wrapped to at[BOXES_HOME]. False
 * for all members, who have left their arrays by then: it cannot be done. */
static bool boxes_build(boxes_member *m, tree_search *s, const tree_box *box)
{
    boxes_common *board = boxes_board(m);
    if (m->share->member == 0) {
        board->n_table = tree_translations(s, box) ? s->n_table : 0;
    }
    boxes_make(m, s->n, box);
    if (m->n_nodes == 1) { /* cannot be cut */
        ath__meet(m->share);
        return false;
    }
    s->n_table = board->n_table;
    s->still = s->n_table == 1;
    if (s->n_table == 0) {
        return false;
    }
    s->path |= ATH__PATH_TREE;
    int32_t k, n;
    while ((n = boxes_take(m, &k)) > 0) {
        if (!boxes_run(m, s, &m->node[k], n)) {
            atomic_store_explicit(&board->given_up, true, memory_order_relaxed);
        }
    }
    atomic_fetch_or_explicit(&board->path, s->path, memory_order_relaxed);
    ath__meet(m->share);
    return !atomic_load_explicit(&board->given_up, memory_order_relaxed);
}

#endif
