/* Neighbour lists as models read them. Private; shared by .c and .cu files.
 *
 * A list is full: every pair stands in both rows. Row i of a system holds all (j, S) with
 * |r_ij| < cutoff + skin at the time of building, and as long as it is kept all with |r_ij| <
 * cutoff (neighbors_kernel.c), where
 *
 *     r_ij = (x_j - x_i) + S h,   S = shift(entry) - wrap_j + wrap_i   (integers, rows of h = cell)
 *
 * h being the present cell as ath__cell_complete gives it, and S h as ath__image_vector computes
 * it, without (i, S = 0), and with (i, S != 0) for periodic self-images. Rows are in canonical
 * order: ascending j, then S lexicographically, which is whole numbers alone and so the same in
 * whatever cell the list was built. So the pairs within the cutoff, and their order, depend on the
 * present system alone; a reader tests r < cutoff and never lets a pair beyond it change the place
 * of another in a sum. Rows do not overlap, but need not lie in the order of their atoms.
 *
 * All rows are empty while a list is not to be used: its slot is stalled, or it got a reason (see
 * neighbors_kernel.c). Rows of a system that needs no list (ath__all_pairs_enough) are not written.
 */
#ifndef ATHANOR_NEIGHBORS_LIST_H
#define ATHANOR_NEIGHBORS_LIST_H

#include <stdint.h>

#include "device/kernel.h"

typedef struct ath__neighbor {
    int32_t atom;  /* j, within the system */
    int32_t shift; /* three signed 10-bit numbers, see ath__shift_pack */
} ath__neighbor;

/* Bits of ath__list_view.path. For tests and reports; nothing depends on them but ATH__PATH_PBC,
 * and ATH__PATH_FAR, which lists of the host have.
 * They are the same for any number of members of a team, but for those that tell of work memory
 * (IMAGES, SHARED), of which a team has more. */
enum {
    ATH__PATH_BRUTE = 1,   /* one candidate list for the whole system */
    ATH__PATH_TREE = 2,    /* boxes of atoms, halved, each with its own candidates */
    ATH__PATH_IMAGES = 4,  /* pair by pair: more images than work memory holds */
    ATH__PATH_EXACT = 8,   /* some pair was too near the limit for float32 to decide */
    ATH__PATH_SHARED = 16, /* some box had to use the candidates of the box around it */
    ATH__PATH_PBC = 32,    /* times bit k: periodic along vector k when built (3 bits) */
    ATH__PATH_FAR = 256    /* some S may not fit into ath__shift_pack: atoms far from the cell */
};

typedef struct ath__list_view {
    /* per slot */
    int64_t *start;  /* first entry of the system in `entry` */
    int64_t *room;   /* entries reserved */
    int64_t *needed; /* entries that the last build needed; > room: overflow, the slot is stalled */
    int32_t *valid;  /* 1: built for built_positions in built_cell */
    double *built_cell; /* [][9] */
    int64_t *builds;    /* lists completed in this slot */
    int32_t *path;      /* how the last one was made: ATH__PATH_... bits */
    /* per atom row */
    int32_t *row;            /* first entry of the row, relative to start */
    int32_t *count;          /* entries in the row */
    int32_t *wrap;           /* [][3] */
    double *built_positions; /* [][3] */
    ath__neighbor *entry;
} ath__list_view;

ATH__STATIC_ASSERT(sizeof(ath__list_view) == ATH__LIST_POINTERS * sizeof(void *), "pointers");

#ifdef __CUDACC__
#define ATH__HD __host__ __device__
#else
#define ATH__HD
#endif

/* Components in [-512, 511]. */
ATH__HD static inline int32_t ath__shift_pack(int32_t a, int32_t b, int32_t c)
{
    return (int32_t)(((uint32_t)(a & 1023)) | ((uint32_t)(b & 1023) << 10) |
                     ((uint32_t)(c & 1023) << 20));
}
ATH__HD static inline void ath__shift_unpack(int32_t s, int32_t out[3])
{
    const uint32_t u = (uint32_t)s;
    out[0] = (int32_t)(u << 22) >> 22;
    out[1] = (int32_t)(u << 12) >> 22;
    out[2] = (int32_t)(u << 2) >> 22;
}

/* S h, in the one order of operations that everyone uses. */
ATH__HD static inline void ath__image_vector(const int32_t s[3], const double h[9], double out[3])
{
    const double a = s[0], b = s[1], c = s[2];
    out[0] = (a * h[0] + b * h[3]) + c * h[6];
    out[1] = (a * h[1] + b * h[4]) + c * h[7];
    out[2] = (a * h[2] + b * h[5]) + c * h[8];
}

#endif
