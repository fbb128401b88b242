/* kinetic.h - sums over the atoms of a system that thermostats and barostats need: sum m v v^T, in
 * one fixed order. Atom i of a block of ATH__BLOCK atoms goes to lane i mod 8, the lanes are folded
 * pairwise, and blocks are added in order; so members of a team can each take blocks.
 *
 * Fixed components count as 0, whatever their velocities say. The kinetic energy is half the trace.
 *
 * Host only (*_kernel.c).
 */
#ifndef ATHANOR_INTEGRATORS_KINETIC_H
#define ATHANOR_INTEGRATORS_KINETIC_H

#include "integrators/integrator.h"
#include "integrators/rows.h"

/* sum m v_i v_j for ij = xx, yy, zz, yz, xz, xy */
typedef struct ath__kinetic {
    double s[6];
} ath__kinetic;

static inline double ath__kinetic_fold(const double s[ATH__ROWS])
{
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

/* Adds eight atoms, of which n count, to the lanes. */
static inline void ath__kinetic_rows(const ath__rows *at, int64_t n, double sum[6][ATH__ROWS])
{
    _Alignas(64) double v[3][ATH__ROWS], m[ATH__ROWS];
    ATH__LANE_LOOP
    for (int i = 0; i < ATH__ROWS; i++) {
        for (int c = 0; c < 3; c++) {
            v[c][i] = ath__select(i < n, at->velocities[3 * i + c], 0.0);
        }
        m[i] = ath__select(i < n, at->masses[i], 0.0);
    }
    if (at->fixed) {
        for (int i = 0; i < ATH__ROWS; i++) {
            for (int c = 0; c < 3; c++) {
                v[c][i] = at->fixed[3 * i + c] ? 0.0 : v[c][i];
            }
        }
    }
    ATH__LANE_LOOP
    for (int i = 0; i < ATH__ROWS; i++) {
        const double x = m[i] * v[0][i], y = m[i] * v[1][i], z = m[i] * v[2][i];
        sum[0][i] += x * v[0][i];
        sum[1][i] += y * v[1][i];
        sum[2][i] += z * v[2][i];
        sum[3][i] += y * v[2][i];
        sum[4][i] += x * v[2][i];
        sum[5][i] += x * v[1][i];
    }
}

/* Sums of at most ATH__BLOCK atoms; the last eight may reach into the padding. */
static inline ath__kinetic ath__kinetic_block(const ath__rows *block)
{
    _Alignas(64) double sum[6][ATH__ROWS] = {{0.0}};
    const int64_t n = block->n < ATH__BLOCK ? block->n : ATH__BLOCK;
    ath__kinetic out;
    for (int64_t i = 0; i < n; i += ATH__ROWS) {
        const ath__rows at = ath__rows_at(block, i);
        ath__kinetic_rows(&at, n - i, sum);
    }
    for (int k = 0; k < 6; k++) {
        out.s[k] = ath__kinetic_fold(sum[k]);
    }
    return out;
}

/* The sums of a whole system, for every member of a team. `rows` is the share of the caller, n the
 * atoms of the system, `work` the args' work memory, of which the blocks' part is used. Meets
 * twice: all velocities that were written before are there, and the part may be used again. */
static inline ath__kinetic ath__kinetic_sums(const ath__rows *rows, int64_t n, void *work,
                                             const ath__share *share)
{
    ath__kinetic total = {{0.0}};
    ath__kinetic *blocks = share->size > 1 ? (void *)((char *)work + ATH__UPDATE_WORK) : NULL;
    const size_t stride = ATH__UPDATE_BLOCK_WORK / sizeof *blocks;
    for (int64_t i = 0; i < rows->n; i += ATH__BLOCK) {
        const ath__rows at = ath__rows_at(rows, i);
        const ath__kinetic block = ath__kinetic_block(&at);
        if (share->size > 1) {
            blocks[(size_t)((rows->first + i) / ATH__BLOCK) * stride] = block;
        } else {
            for (int k = 0; k < 6; k++) {
                total.s[k] += block.s[k];
            }
        }
    }
    if (share->size > 1) {
        ath__meet(share);
        for (int64_t b = 0; b * ATH__BLOCK < n; b++) {
            for (int k = 0; k < 6; k++) {
                total.s[k] += blocks[(size_t)b * stride].s[k];
            }
        }
        ath__meet(share);
    }
    return total;
}

/* sum m v^2, twice the kinetic energy */
static inline double ath__kinetic_twice(const ath__kinetic *kinetic)
{
    return (kinetic->s[0] + kinetic->s[1]) + kinetic->s[2];
}

#endif
