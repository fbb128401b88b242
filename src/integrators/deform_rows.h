/* deform_rows.h - moving cells for host kernels that walk over eight atoms at a time (rows.h): the
 * forces on y, and new positions. The formulas stand in deform.h.
 *
 * Host only (*_kernel.c).
 */
#ifndef ATHANOR_INTEGRATORS_DEFORM_ROWS_H
#define ATHANOR_INTEGRATORS_DEFORM_ROWS_H

#include "integrators/deform.h"
#include "integrators/rows.h"

/* out = a m for eight rows. */
static inline void ath__deform_rows(const double a[ATH__ROWS3], const double m[9],
                                    double out[ATH__ROWS3])
{
    for (int i = 0; i < ATH__ROWS; i++) {
        ath__deform_row(a + 3 * i, m, out + 3 * i);
    }
}

/* f F^T, F being symmetric; 0 for fixed components, and those count as 0 in f. */
static inline void ath__deform_forces(const ath__rows *at, const double f[9],
                                      double out[ATH__ROWS3])
{
    double in[ATH__ROWS3];
    if (!at->fixed) {
        ath__deform_rows(at->forces, f, out);
        return;
    }
    for (int k = 0; k < ATH__ROWS3; k++) {
        in[k] = at->fixed[k] ? 0.0 : at->forces[k];
    }
    ath__deform_rows(in, f, out);
    for (int k = 0; k < ATH__ROWS3; k++) {
        out[k] = at->fixed[k] ? 0.0 : out[k];
    }
}

/* Positions after the cell has moved and y has changed by d: r F^-1 F' + d F'. */
static inline void ath__deform_positions(const ath__deform *it, const double r[ATH__ROWS3],
                                         const double d[ATH__ROWS3], double out[ATH__ROWS3])
{
    double own[ATH__ROWS3];
    ath__deform_rows(r, it->ride, out);
    ath__deform_rows(d, it->next_f, own);
    ATH__LANE_LOOP
    for (int k = 0; k < ATH__ROWS3; k++) {
        out[k] += own[k];
    }
}

#endif
