/* fire_sums.h - the sums of FIRE and FIRE 2 over the components of a system, in the one order that
 * fire.h lays down: eight lanes in a block of atoms, folded, blocks in order.
 *
 * Host only (*_kernel.c).
 */
#ifndef ATHANOR_INTEGRATORS_FIRE_SUMS_H
#define ATHANOR_INTEGRATORS_FIRE_SUMS_H

#include "integrators/deform_rows.h"
#include "integrators/fire.h"

enum {
    ATH__FIRE_WIDTH = 8,
    ATH__FIRE_PARTS = ATH__FIRE_WIDTH / ATH__LANES
}; /* virtual width of the sums */

/* Eight lanes of each sum, as machine vectors. */
typedef struct ath__fire_lanes {
    ath__lanes vf[ATH__FIRE_PARTS], vv[ATH__FIRE_PARTS], ff[ATH__FIRE_PARTS];
} ath__fire_lanes;

static inline double ath__fire_fold(const ath__lanes lanes[ATH__FIRE_PARTS])
{
    double s[ATH__FIRE_WIDTH];
    __builtin_memcpy(s, lanes, sizeof s);
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

static inline void ath__fire_add(ath__fire_lanes *sum, const double v[ATH__FIRE_WIDTH],
                                 const double f[ATH__FIRE_WIDTH])
{
    for (int i = 0; i < ATH__FIRE_PARTS; i++) {
        ath__lanes a, b;
        __builtin_memcpy(&a, v + i * ATH__LANES, sizeof a);
        __builtin_memcpy(&b, f + i * ATH__LANES, sizeof b);
        sum->vf[i] += a * b;
        sum->vv[i] += a * a;
        sum->ff[i] += b * b;
    }
}

/* The same with 0 in the lanes from n on and in those of fixed components (fixed may be NULL). */
static inline void ath__fire_add_some(ath__fire_lanes *sum, const double v[ATH__FIRE_WIDTH],
                                      const double f[ATH__FIRE_WIDTH], const uint8_t *fixed,
                                      int64_t n)
{
    double a[ATH__FIRE_WIDTH], b[ATH__FIRE_WIDTH];
    ATH__LANE_LOOP
    for (int k = 0; k < ATH__FIRE_WIDTH; k++) {
        int counts = (k < n) & !(fixed && fixed[k]);
        a[k] = ath__select(counts, v[k], 0.0);
        b[k] = ath__select(counts, f[k], 0.0);
    }
    ath__fire_add(sum, a, b);
}

static inline ath__fire_sums ath__fire_total(const ath__fire_lanes *sum)
{
    return (ath__fire_sums){ath__fire_fold(sum->vf), ath__fire_fold(sum->vv),
                            ath__fire_fold(sum->ff)};
}

/* Adds the nine components of the cell, behind those of the atoms. */
static inline void ath__fire_add_cell(ath__fire_sums *total, const double v[9], const double f[9])
{
    for (int k = 0; k < 9; k++) {
        total->vf += v[k] * f[k];
        total->vv += v[k] * v[k];
        total->ff += f[k] * f[k];
    }
}

static inline void ath__fire_add_sums(ath__fire_sums *total, ath__fire_sums s)
{
    total->vf += s.vf;
    total->vv += s.vv;
    total->ff += s.ff;
}

#endif
