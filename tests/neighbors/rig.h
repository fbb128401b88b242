/* A batch made by hand for the neighbour kernel: arrays of exactly the sizes that the interface
 * promises, filled with a mark wherever the kernel has no business, so that a write outside is
 * seen. Also the comparison of a list with the oracle.
 */
#ifndef TESTS_NEIGHBORS_RIG_H
#define TESTS_NEIGHBORS_RIG_H

#include "data/cell.h"
#include "neighbors/neighbors.h"
#include "neighbors/oracle.h"

enum { RIG_MARK = 0x5a, RIG_GAP = 24 }; /* entries between the ranges of two systems */

typedef struct rig {
    int32_t n_slots;
    int64_t n_rows, n_entries;
    ath__neighbors_args args;
    int32_t *slots, n_listed;
    void *blocks[32];
    int n_blocks;
} rig;

static inline void *rig_alloc(rig *r, size_t n, size_t size, int fill)
{
    void *block = aligned_alloc(64, (n * size + 127) / 64 * 64);
    memset(block, fill, (n * size + 127) / 64 * 64);
    r->blocks[r->n_blocks++] = block;
    return block;
}

/* rooms: entries for each system. The lists start invalid. */
static inline void rig_open(rig *r, const structure *st, int32_t n, const int64_t *rooms)
{
    memset(r, 0, sizeof *r);
    ath__view *v = &r->args.view;
    ath__list_view *l = &r->args.list;
    const size_t m = (size_t)n;
    r->n_slots = n;
    v->first = rig_alloc(r, m, sizeof *v->first, 0);
    v->n_atoms = rig_alloc(r, m, sizeof *v->n_atoms, 0);
    v->cell = rig_alloc(r, m, 9 * sizeof *v->cell, 0);
    v->pbc = rig_alloc(r, m, 3 * sizeof *v->pbc, 0);
    v->reason = rig_alloc(r, m, sizeof *v->reason, 0);
    v->flags = rig_alloc(r, m, sizeof *v->flags, 0);
    l->start = rig_alloc(r, m, sizeof *l->start, 0);
    l->room = rig_alloc(r, m, sizeof *l->room, 0);
    l->needed = rig_alloc(r, m, sizeof *l->needed, 0);
    l->valid = rig_alloc(r, m, sizeof *l->valid, 0);
    l->built_cell = rig_alloc(r, m, 9 * sizeof *l->built_cell, 0);
    l->builds = rig_alloc(r, m, sizeof *l->builds, 0);
    l->path = rig_alloc(r, m, sizeof *l->path, 0);
    r->slots = rig_alloc(r, m, sizeof *r->slots, 0);
    for (int32_t s = 0; s < n; s++) {
        v->first[s] = r->n_rows + 32;
        v->n_atoms[s] = st[s].n;
        memcpy(v->cell + 9 * s, st[s].cell, sizeof st[s].cell);
        memcpy(v->pbc + 3 * s, st[s].pbc, sizeof st[s].pbc);
        l->start[s] = r->n_entries + RIG_GAP;
        l->room[s] = rooms[s];
        r->n_rows += 32 + (st[s].n + 31) / 32 * 32;
        r->n_entries += RIG_GAP + rooms[s];
        r->slots[s] = s;
    }
    r->n_entries += RIG_GAP;
    const size_t rows = (size_t)r->n_rows;
    v->positions = rig_alloc(r, rows, 3 * sizeof *v->positions, RIG_MARK);
    l->row = rig_alloc(r, rows, sizeof *l->row, RIG_MARK);
    l->count = rig_alloc(r, rows, sizeof *l->count, RIG_MARK);
    l->wrap = rig_alloc(r, rows, 3 * sizeof *l->wrap, RIG_MARK);
    l->built_positions = rig_alloc(r, rows, 3 * sizeof *l->built_positions, RIG_MARK);
    l->entry = rig_alloc(r, (size_t)r->n_entries, sizeof *l->entry, RIG_MARK);
    for (int32_t s = 0; s < n; s++) {
        memcpy(v->positions + 3 * v->first[s], st[s].x, (size_t)st[s].n * 3 * sizeof *st[s].x);
    }
    r->n_listed = n;
    r->args.slots = r->slots;
    r->args.n_slots = &r->n_listed;
}

static inline void rig_close(rig *r)
{
    for (int k = 0; k < r->n_blocks; k++) {
        free(r->blocks[k]);
    }
    free(r->args.work);
    r->n_blocks = 0;
}

/* Work memory of exactly that size. */
static inline void rig_work(rig *r, size_t bytes)
{
    free(r->args.work);
    r->args.work = bytes ? aligned_alloc(64, (bytes + 63) / 64 * 64) : NULL;
    r->args.work_bytes = (int64_t)bytes;
}

static inline int64_t rig_marked(const void *from, size_t bytes)
{
    const unsigned char *c = from;
    int64_t touched = 0;
    for (size_t k = 0; k < bytes; k++) {
        touched += c[k] != RIG_MARK;
    }
    return touched;
}

/* Bytes that were written where nothing is anybody's. */
static inline int64_t rig_touched(const rig *r)
{
    const ath__view *v = &r->args.view;
    const ath__list_view *l = &r->args.list;
    int64_t row = 0, entry = 0, touched = 0;
    for (int32_t s = 0; s <= r->n_slots; s++) {
        const int64_t next = s < r->n_slots ? v->first[s] : r->n_rows;
        const int64_t next_entry = s < r->n_slots ? l->start[s] : r->n_entries;
        const size_t n = (size_t)(next - row);
        touched += rig_marked(l->row + row, n * sizeof *l->row);
        touched += rig_marked(l->count + row, n * sizeof *l->count);
        touched += rig_marked(l->wrap + 3 * row, 3 * n * sizeof *l->wrap);
        touched += rig_marked(l->built_positions + 3 * row, 3 * n * sizeof *l->built_positions);
        touched += rig_marked(l->entry + entry, (size_t)(next_entry - entry) * sizeof *l->entry);
        row = s < r->n_slots ? next + v->n_atoms[s] : row;
        entry = s < r->n_slots ? next_entry + l->room[s] : entry;
    }
    return touched;
}

/* ---- comparison ---- */

/* Differences between the list of a slot, read as list.h says, and the oracle. Entries with r at or
 * beyond `cutoff` are passed over (INFINITY: none are). x and cell: the present ones. */
static inline int64_t list_differences(const ath__list_view *l, int32_t slot, int64_t first,
                                       const structure *st, double cutoff, const oracle_list *want)
{
    int64_t differences = l->valid[slot] != 1;
    double h[9];
    if (!ath__cell_complete(st->cell, st->pbc, h)) {
        return 1;
    }
    for (int32_t i = 0; i < st->n; i++) {
        const int32_t *wi = l->wrap + 3 * (first + i);
        const ath__neighbor *e = l->entry + l->start[slot] + l->row[first + i];
        int64_t k = want->begin[i];
        for (int32_t m = 0; m < l->count[first + i]; m++) {
            if (e[m].atom < 0 || e[m].atom >= st->n) {
                return differences + 1;
            }
            const int32_t *wj = l->wrap + 3 * (first + e[m].atom);
            const double *xi = st->x + 3 * (int64_t)i, *xj = st->x + 3 * (int64_t)e[m].atom;
            int32_t s[3];
            double t[3], r[3];
            ath__shift_unpack(e[m].shift, s);
            for (int c = 0; c < 3; c++) {
                s[c] += wi[c] - wj[c];
            }
            ath__image_vector(s, h, t);
            for (int c = 0; c < 3; c++) {
                r[c] = (xj[c] - xi[c]) + t[c];
            }
            if (!((r[0] * r[0] + r[1] * r[1]) + r[2] * r[2] < cutoff * cutoff)) {
                continue;
            }
            const oracle_pair *p = want->pair + k;
            differences += k >= want->begin[i + 1] || p->j != e[m].atom ||
                           memcmp(p->s, s, sizeof s) != 0 || memcmp(p->r, r, sizeof r) != 0;
            k++;
        }
        differences += k != want->begin[i + 1];
    }
    return differences;
}

#endif
