/* NEIGHBORS_UPDATE: checks the neighbour list of each listed system and rebuilds it where needed.
 *
 * A list stays good as long as no pair outside cutoff + skin can have come within the cutoff and
 * the same vectors are periodic. While the cell is the same, bit for bit, that is: no atom is
 * farther than skin / 2 from where it was. (The limit is taken 2^-20 shorter, which covers rounding
 * for coordinates up to 2^28 times the skin.) In a cell that has changed, atoms are compared with
 * where its strain takes them, within a limit that the strain leaves (strain.h). With skin 0 any
 * changed bit rebuilds. Whether a list is kept does not show in it: the wraps and shifts that were
 * written stay those of the same pairs, in the same order, whatever the cell has become.
 *
 * Systems for which all pairs are enough in their present cell have no list, and one that they had
 * is forgotten; stalled systems are left alone.
 *
 * Three ways to build, with the same result: one candidate list, or a tree of them (tree.h), or,
 * for cells so thin that their images do not fit into work memory, pair by pair with the range of
 * images of each pair from its geometry (here). Atoms are wrapped along periodic vectors first.
 *
 * What cannot have a list gets an empty one, valid = 0, and a reason if it has none yet. This is
 * looked at when a list is built; a list that is kept is in order.
 *
 * NON_FINITE: a position or a periodic cell vector is not finite; a coordinate beyond 2^40
 * angstrom, or an atom more than 2^20 cells away.
 *
 * CELL_COLLAPSED: the periodic vectors are dependent, or so nearly that images more than 510 cells
 * away, or more than 2^20 images of one atom, are within reach.
 *
 * TOO_LARGE: more than 2^31 - 1 entries.
 *
 * A list that does not fit its range is counted to the end: needed > room, valid = 0, all rows
 * empty, ATH__SLOT_STALLED. Nothing is written outside of the range.
 *
 * A team divides systems of more than ATH__TEAM_ATOMS atoms (boxes.h): its members check and wrap
 * shares of the atoms, vote on whether to build, and build the rows of boxes. All but the place of
 * the rows is as one caller leaves it. What is not worth dividing, or cannot be for want of memory,
 * the first member does while the others go on: no two slots have anything in common, and its part
 * of work memory is left alone until the next meeting.
 *
 * Nothing is shared between slots but work memory, so calls on different slots may run at once.
 */
#include "neighbors/boxes.h"
#include "neighbors/frame.h"
#include "neighbors/neighbors.h"
#include "neighbors/strain.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "entries are handled as 64-bit numbers");

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
static void neighbors_pair_images(tree_search *s, const frame *f, int32_t i, int32_t j,
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

static void neighbors_build_images(tree_search *s, const frame *f)
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

static void neighbors_begin(const ath__neighbors_args *a, int32_t slot, tree_search *s)
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
}

/* Fills the search; returns a reason or NONE. *images: the tree cannot be used. */
static int32_t neighbors_prepare(const ath__neighbors_args *a, int32_t slot, frame *f,
                                 tree_search *s, bool *images)
{
    neighbors_begin(a, slot, s);
    const int32_t reason =
        frame_cell(a->view.cell + 9 * (int64_t)slot, a->view.pbc + 3 * (int64_t)slot, f);
    if (reason != ATH_REASON_NONE) {
        return reason;
    }
    *images = !tree_carve(s, a->work, a->work_bytes);
    if (!frame_centre(f, s->x, s->n) ||
        !frame_wrap(f, s->x, 0, s->n, a->list.wrap + 3 * a->view.first[slot],
                    *images ? NULL : &s->atoms)) {
        return ATH_REASON_NON_FINITE;
    }
    return frame_finish(f, s);
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

/* Takes a list of `used` entries for built, or refuses it. */
static void neighbors_finish(const ath__neighbors_args *a, int32_t slot, int64_t used, int32_t path)
{
    if (used > INT32_MAX) {
        neighbors_refuse(a, slot, ATH_REASON_TOO_LARGE);
        return;
    }
    a->list.needed[slot] = used;
    if (used > a->list.room[slot]) {
        neighbors_empty(a, slot);
        a->view.flags[slot] |= ATH__SLOT_STALLED;
        return;
    }
    memcpy(a->list.built_cell + 9 * (int64_t)slot, a->view.cell + 9 * (int64_t)slot,
           9 * sizeof(double));
    a->list.path[slot] = path | neighbors_pbc_bits(a->view.pbc + 3 * (int64_t)slot);
    a->list.builds[slot]++;
    a->list.valid[slot] = 1;
}

/* Remembers where the atoms begin ... end - 1 were. */
static void neighbors_remember(const ath__neighbors_args *a, int32_t slot, int64_t begin,
                               int64_t end)
{
    const int64_t first = 3 * (a->view.first[slot] + begin);
    memcpy(a->list.built_positions + first, a->view.positions + first,
           3 * (size_t)(end - begin) * sizeof(double));
}

static void neighbors_build(const ath__neighbors_args *a, int32_t slot)
{
    const int32_t n = a->view.n_atoms[slot];
    frame f;
    tree_search s = {.used = 0, .path = ATH__PATH_BRUTE};
    bool images = false;
    if (n > 0) {
        const int32_t reason = neighbors_prepare(a, slot, &f, &s, &images);
        if (reason != ATH_REASON_NONE) {
            neighbors_refuse(a, slot, reason);
            return;
        }
        if (images || !tree_build(&s)) {
            neighbors_build_images(&s, &f);
        }
    }
    if (s.used <= a->list.room[slot]) {
        neighbors_remember(a, slot, 0, n);
    }
    neighbors_finish(a, slot, s.used, s.path);
}

/* Whether some atom is farther than sqrt(limit) from where it was, or is nowhere. */
static bool neighbors_moved(const double *x, const double *built, int32_t n, double limit)
{
    enum { BLOCK = 3 * FRAME_BLOCK };
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

/* Whether some atom is too far from where the strain of the cell takes it, or is nowhere. */
static bool neighbors_strayed(const double *x, const double *built, int64_t n,
                              const ath__strain *strain)
{
    const ath__strain s = *strain;
    int64_t k = 0;
    for (; k + FRAME_BLOCK <= n; k += FRAME_BLOCK) {
        int64_t strayed = 0;
        for (int l = 0; l < FRAME_BLOCK; l++) {
            strayed |= !ath__strain_keeps(&s, built + 3 * (k + l), x + 3 * (k + l));
        }
        if (strayed) {
            return true;
        }
    }
    for (; k < n; k++) {
        if (!ath__strain_keeps(&s, built + 3 * k, x + 3 * k)) {
            return true;
        }
    }
    return false;
}

/* Whether the list still holds for the share of a caller. */
static bool neighbors_valid(const ath__neighbors_args *a, int32_t slot, const ath__share *share)
{
    const double *cell = a->view.cell + 9 * (int64_t)slot;
    const double *built_cell = a->list.built_cell + 9 * (int64_t)slot;
    const int32_t *pbc = a->view.pbc + 3 * (int64_t)slot;
    const double half = 0.5 * a->skin;
    int64_t begin, end;
    if (a->list.valid[slot] != 1 ||
        neighbors_pbc_bits(pbc) != (a->list.path[slot] & 7 * ATH__PATH_PBC)) {
        return false;
    }
    ath__share_range(share, a->view.n_atoms[slot], &begin, &end);
    const double *x = a->view.positions + 3 * (a->view.first[slot] + begin);
    const double *built = a->list.built_positions + 3 * (a->view.first[slot] + begin);
    const bool same_cell = memcmp(cell, built_cell, 9 * sizeof *cell) == 0;
    if (!(half > 0.0)) {
        return same_cell && memcmp(x, built, 3 * (size_t)(end - begin) * sizeof *x) == 0;
    }
    if (same_cell) {
        return !neighbors_moved(x, built, (int32_t)(end - begin), half * half * (1.0 - 0x1p-20));
    }
    ath__strain strain;
    return ath__strain_of(built_cell, cell, pbc, a->cutoff, a->skin, &strain) &&
           !neighbors_strayed(x, built, end - begin, &strain);
}

static bool neighbors_listed(const ath__neighbors_args *a, int32_t slot)
{
    return !ath__all_pairs_enough(a->view.n_atoms[slot], a->view.cell + 9 * (int64_t)slot,
                                  a->view.pbc + 3 * (int64_t)slot, a->cutoff, a->all_pairs_max);
}

static void neighbors_update(const ath__neighbors_args *a, int32_t slot)
{
    if (a->view.flags[slot] & ATH__SLOT_STALLED) {
        return;
    }
    if (!neighbors_listed(a, slot)) {
        a->list.valid[slot] = 0;
    } else if (!neighbors_valid(a, slot, &ath__alone)) {
        neighbors_build(a, slot);
    }
}

/* ---- one large system, by a team ---- */

/* Wraps the atoms, each member those of its share; the box around all of them. A reason or NONE,
 * the same for all members. */
static int32_t neighbors_wrap_together(const ath__neighbors_args *a, int32_t slot, boxes_member *m,
                                       tree_search *s, tree_box *box)
{
    boxes_notes *mine = boxes_notes_of(m, m->share->member);
    frame f;
    int64_t begin, end;
    const int32_t reason =
        frame_cell(a->view.cell + 9 * (int64_t)slot, a->view.pbc + 3 * (int64_t)slot, &f);
    if (reason != ATH_REASON_NONE) {
        return reason;
    }
    if (!frame_centre(&f, s->x, s->n)) {
        return ATH_REASON_NON_FINITE;
    }
    ath__share_range(m->share, s->n, &begin, &end);
    mine->found = f;
    mine->bad = !frame_wrap(&mine->found, s->x, (int32_t)begin, (int32_t)end,
                            a->list.wrap + 3 * a->view.first[slot], &m->at[BOXES_HOME]);
    mine->box = boxes_nothing;
    if (begin < end && !mine->bad) {
        tree_box_of(&m->at[BOXES_HOME], (int32_t)begin, (int32_t)(end - begin), &mine->box);
    }
    ath__meet(m->share);
    *box = boxes_nothing;
    bool bad = false;
    for (int32_t k = 0; k < m->share->size; k++) {
        const boxes_notes *notes = boxes_notes_of(m, k);
        bad |= notes->bad;
        frame_combine(&f, &notes->found);
        boxes_join(box, &notes->box);
    }
    return bad ? ATH_REASON_NON_FINITE : frame_finish(&f, s);
}

/* Builds the list with all members. What the first one does alone at the end, nobody waits for. */
static void neighbors_build_together(const ath__neighbors_args *a, const ath__neighbors_args *alone,
                                     int32_t slot, boxes_member *m)
{
    boxes_common *board = boxes_board(m);
    tree_search s;
    tree_box box;
    int64_t begin, end;
    const bool first = m->share->member == 0;
    neighbors_begin(a, slot, &s);
    const bool enough = boxes_carve(m, &s, a->work_bytes);
    if (enough && first) {
        atomic_init(&board->used, 0);
        atomic_init(&board->ticket, 0);
        atomic_init(&board->path, 0);
        atomic_init(&board->given_up, false);
    }
    const int32_t reason = enough ? neighbors_wrap_together(a, slot, m, &s, &box) : ATH_REASON_NONE;
    if (reason != ATH_REASON_NONE) {
        if (first) {
            neighbors_refuse(a, slot, reason);
        }
        return;
    }
    if (!enough || !boxes_build(m, &s, &box)) {
        if (first) {
            neighbors_build(alone, slot);
        }
        return;
    }
    const int64_t used = atomic_load(&board->used);
    if (used <= s.room) {
        ath__share_range(m->share, s.n, &begin, &end);
        neighbors_remember(a, slot, begin, end);
    }
    if (first) {
        neighbors_finish(a, slot, used, atomic_load(&board->path));
    }
}

/* Systems too small for a team are left to the first member. */
static void neighbors_update_together(const ath__neighbors_args *a, const ath__share *share)
{
    const int64_t notes = (int64_t)ath__neighbors_notes(share->size);
    const int32_t n_slots = *a->n_slots;
    ath__neighbors_args alone = *a;
    alone.work = (char *)a->work + notes;
    alone.work_bytes = a->work_bytes - notes;
    boxes_member m;
    m.share = share;
    m.notes = a->work;
    m.turn = 0;
    for (int32_t k = 0; k < n_slots; k++) {
        const int32_t slot = a->slots[k];
        if (a->view.n_atoms[slot] <= ATH__TEAM_ATOMS || !neighbors_listed(a, slot)) {
            if (share->member == 0) {
                neighbors_update(&alone, slot);
            }
        } else if (!(a->view.flags[slot] & ATH__SLOT_STALLED) &&
                   boxes_vote(&m, !neighbors_valid(a, slot, share))) {
            neighbors_build_together(a, &alone, slot, &m);
        }
    }
}

void ATH__HOST_KERNEL(neighbors_update)(const void *args, const ath__share *share)
{
    const ath__neighbors_args *a = args;
    if (share->size > 1 && a->work && a->work_bytes >= (int64_t)ath__neighbors_notes(share->size)) {
        neighbors_update_together(a, share);
        return;
    }
    for (int32_t k = 0; share->member == 0 && k < *a->n_slots; k++) {
        neighbors_update(a, a->slots[k]);
    }
}
