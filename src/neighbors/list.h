/* Neighbour lists as models read them. Private; shared by .c and .cu files.
 *
 * A list is full: every pair stands in both rows. Row i of a system holds all (j, S) with
 * |r_ij| < cutoff + skin at the time of building, where
 *
 *     r_ij = (x_j - x_i) + S h,   S = shift(entry) - wrap_j + wrap_i   (integers, rows of h = cell)
 *
 * without (i, S = 0), and with (i, S != 0) for periodic self-images. Rows are in canonical order:
 * ascending j, then S lexicographically. So the pairs within the cutoff, and their order, depend on
 * the present system alone; a reader tests r < cutoff and never lets a pair beyond it change the place
 * of another in a sum.
 */
#ifndef ATHANOR_NEIGHBORS_LIST_H
#define ATHANOR_NEIGHBORS_LIST_H

#include <stdint.h>

#include "device/kernel.h"

typedef struct ath__neighbor {
    int32_t atom;  /* j, within the system */
    int32_t shift; /* three signed 10-bit numbers, see ath__shift_pack */
} ath__neighbor;

typedef struct ath__list_view {
    /* per slot */
    int64_t *start;      /* first entry of the system in `entry` */
    int64_t *room;       /* entries reserved */
    int64_t *needed;     /* entries that the last build needed; > room: overflow, the slot is stalled */
    int32_t *valid;      /* 1: built for built_positions */
    double *built_cell;  /* [][9] */
    /* per atom row */
    int32_t *row;        /* first entry of the row, relative to start */
    int32_t *count;      /* entries in the row */
    int32_t *wrap;       /* [][3] */
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

#endif
