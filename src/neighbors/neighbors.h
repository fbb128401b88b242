/* Batched neighbour lists: host side. Private to the library.
 *
 * One object per dynamics. Each system's list is checked and rebuilt on its own, when atoms may
 * have come within the cutoff that are not in it: in a cell that stays, when one has moved more
 * than skin / 2 since the list was built; in one that changes, when one is farther from where the
 * strain takes it than the strain allows (strain.h). Nothing about a list's history reaches a force
 * (list.h). A list that does not fit its range stalls its system (ATH__SLOT_STALLED) with `needed`
 * set; the host grows it between launches. Never truncates.
 */
#ifndef ATHANOR_NEIGHBORS_NEIGHBORS_H
#define ATHANOR_NEIGHBORS_NEIGHBORS_H

#include "data/batch_private.h"
#include "neighbors/list.h"

typedef struct ath__neighbors ath__neighbors;

typedef struct ath__neighbors_config {
    ath_device *device;
    double cutoff;         /* angstrom, > 0 */
    double skin;           /* angstrom, >= 0; 0 rebuilds whenever a bit changes */
    int32_t all_pairs_max; /* systems for which ath__all_pairs_enough says yes get no list */
    int32_t first_guess;   /* entries per atom to reserve at first; 0: from the density */
} ath__neighbors_config;

typedef struct ath__neighbors_args {
    ath__view view;
    ath__list_view list;
    const int32_t *slots;   /* [max_slots] */
    const int32_t *n_slots; /* [1] */
    void *work;             /* ath__neighbors_work bytes */
    int64_t work_bytes;     /* first scalar */
    double cutoff, skin;
    int32_t all_pairs_max;
} ath__neighbors_args;
ATH__CHECK_ARGS(NEIGHBORS_UPDATE, ath__neighbors_args, work_bytes);

/* Bytes of work memory for systems of n atoms and m candidates (tree.h). With any less, also none,
 * the kernel gives the same lists, slower. */
enum { ATH__NEIGHBORS_IMAGES = 8192, ATH__NEIGHBORS_PAD = 16 };
static inline size_t ath__neighbors_array(int64_t n, size_t size)
{
    const size_t pad = ATH__NEIGHBORS_PAD;
    return (((size_t)n + pad - 1) / pad * pad + pad) * size;
}
static inline size_t ath__neighbors_bytes(int32_t n, int64_t m)
{
    const size_t atom = 3 * sizeof(float) + sizeof(int32_t);
    const size_t candidate = 3 * sizeof(float) + sizeof(uint64_t);
    return 2 * ath__neighbors_array(n, atom) + ath__neighbors_array(m, candidate) +
           ath__neighbors_array(ATH__NEIGHBORS_IMAGES, candidate);
}

/* The same for members of a team that build one list together (boxes.h): what they tell each other,
 * what they share, and what each of them has for itself, m candidates among it. Work memory begins
 * with the notes; with these and too little else one member builds alone in the rest. */
enum { ATH__NEIGHBORS_NOTES = 8192, ATH__NEIGHBORS_ROWS = 16384 };
static inline size_t ath__neighbors_notes(int32_t n_members)
{
    return ((size_t)n_members + 1) * ATH__NEIGHBORS_NOTES;
}
static inline size_t ath__neighbors_shared(int32_t n)
{
    const size_t atom = 3 * sizeof(float) + sizeof(int32_t);
    const size_t candidate = 3 * sizeof(float) + sizeof(uint64_t);
    return 4 * ath__neighbors_array(n, atom) +
           ath__neighbors_array(ATH__NEIGHBORS_IMAGES, candidate);
}
static inline size_t ath__neighbors_private(int32_t n, int64_t m)
{
    const size_t candidate = 3 * sizeof(float) + sizeof(uint64_t);
    return ath__neighbors_array(m, candidate) +
           ath__neighbors_array(ATH__NEIGHBORS_IMAGES, candidate) +
           ath__neighbors_array(ATH__NEIGHBORS_ROWS, sizeof(uint64_t)) +
           ath__neighbors_array(n / 64 + 1, sizeof(uint64_t));
}

ath_status ath__neighbors_create(ath_context *ctx, const ath__neighbors_config *config,
                                 ath__neighbors **out);
void ath__neighbors_destroy(ath__neighbors **nl);
/* Makes room for the batch as it is now: per-slot and per-row arrays for its capacity, a first
 * guess of entries for each occupied slot that has none. Invalidates the list of every slot that
 * now holds another system (compares uid and epoch). Call before a run and whenever systems came or
 * went. May allocate; synchronises. */
ath_status ath__neighbors_fit(ath__neighbors *nl, const ath_batch *batch);
/* Bytes of work memory per stream for systems of at most max_atoms atoms, each of which n_members
 * of a team build together. */
size_t ath__neighbors_work(const ath__neighbors *nl, int32_t max_atoms, int32_t n_members);
/* Enqueues check and rebuild for the listed slots. d_work: work_bytes of memory, 64-aligned; with
 * less than ath__neighbors_work the lists are the same, later. May be called by several threads at
 * once for different slots, each with its own stream and work memory. */
ath_status ath__neighbors_update(ath__neighbors *nl, ath__stream *stream, const ath__view *view,
                                 const int32_t *d_slots, const int32_t *d_n_slots, void *d_work,
                                 size_t work_bytes);
/* Grows every list that overflowed (needed > room) and clears ATH__SLOT_STALLED of those slots;
 * their next update rebuilds. *n_grown is how many there were. Nothing has changed if there is no
 * memory for them (ATH_E_NO_MEMORY). ATH_E_STATE unless fitted to this batch. May allocate;
 * synchronises. */
ath_status ath__neighbors_grow(ath__neighbors *nl, const ath_batch *batch, int32_t *n_grown);
void ath__neighbors_view(const ath__neighbors *nl, ath__list_view *out);
/* Marks every list invalid (tests: rebuild every step). */
ath_status ath__neighbors_invalidate(ath__neighbors *nl);
/* Number of lists completed since creation, summed over systems; reads the device. */
ath_status ath__neighbors_builds(ath__neighbors *nl, int64_t *out);

#endif
