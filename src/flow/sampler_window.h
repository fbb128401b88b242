/* The window of a sampler by size: the systems that were read and not handed out, in visiting
 * order. Private to flow.
 *
 * One treap holds all of them, ordered by bin (descending) and by place in the bin. Each subtree
 * knows its smallest numbers of atoms and of edges, so that the first or last one that fits some
 * room is found without looking at those that do not, and how often one of its systems was passed
 * over at most. To pass over all systems in front of another one costs one way down the tree
 * (`add` is what the subtrees below have still to be told). Priorities are random numbers of the
 * event, so that the shape is a function of what is in it. A list through all systems keeps the
 * order of the input.
 *
 * Where a bin has several numbers of atoms and the room ends inside it, smallest numbers do not say
 * whether one system fits in both atoms and edges. There a search looks at ATH__WINDOW_LOOKS
 * systems at most.
 */
#ifndef ATHANOR_FLOW_SAMPLER_WINDOW_H
#define ATHANOR_FLOW_SAMPLER_WINDOW_H

#include <athanor/system.h>

#include "base/base.h"

enum { ATH__WINDOW_LOOKS = 512 };

typedef struct ath__window_entry {
    /* set by whoever puts it in */
    ath_system *system;
    int64_t n_edges, frame, event;
    int64_t ordinal; /* systems read before it */
    bool repeated;
    int64_t bin;       /* n_atoms / bin_width */
    uint64_t key;      /* place in the bin; equal ones by event */
    uint32_t priority; /* random */
    int32_t n_atoms, passes;
    /* of the window */
    struct ath__window_entry *older, *newer; /* in the order of the input */
    struct ath__window_entry *left, *right;
    int32_t add, most_passes, least_atoms; /* of the subtree */
    int64_t least_edges;
} ath__window_entry;

typedef struct ath__window {
    ath__window_entry *root, *oldest, *newest;
    int64_t n, n_looks; /* entries; entries that were looked at, ever */
} ath__window;

/* Numbers that a system must not exceed. */
typedef struct ath__window_room {
    int64_t n_atoms, n_edges; /* INT64_MAX: no limit */
} ath__window_room;

static inline bool ath__window_fits(const ath__window_entry *entry, const ath__window_room *room)
{
    return entry->n_atoms <= room->n_atoms && entry->n_edges <= room->n_edges;
}

/* Newest in the order of the input. */
void ath__window_put(ath__window *w, ath__window_entry *entry);
void ath__window_remove(ath__window *w, ath__window_entry *entry);
/* The first that fits, the larger bins first. NULL if none does. */
ath__window_entry *ath__window_largest(ath__window *w, int64_t bin_width,
                                       const ath__window_room *room);
/* The first that fits in the smallest bin above `bin` that has one. NULL if none does. */
ath__window_entry *ath__window_turn(ath__window *w, int64_t bin, const ath__window_room *room);
/* Counts one pass for all that are visited before `entry`. */
void ath__window_pass_over(ath__window *w, const ath__window_entry *entry);
/* The one that was passed over most often, of equals the first in visiting order; its `passes` is
 * right after this call. NULL if the window is empty. */
ath__window_entry *ath__window_waiting(ath__window *w);
/* Makes `passes` of all entries right. */
void ath__window_settle(ath__window *w);

#endif
