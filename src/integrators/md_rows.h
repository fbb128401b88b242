/* md_rows.h - what schemes of molecular dynamics do to eight atoms (rows.h), beyond velocity
 * Verlet: scaled velocities, and motion in a cell that is strained.
 *
 * Host only (*_kernel.c).
 */
#ifndef ATHANOR_INTEGRATORS_MD_ROWS_H
#define ATHANOR_INTEGRATORS_MD_ROWS_H

#include "integrators/rows.h"

/* v <- factor v; parameters is the factor. */
ATH__INLINED void ath__md_scale(ath__rows at, double *positions, double *velocities,
                                void *parameters)
{
    const double factor = *(const double *)parameters;
    double v[ATH__ROWS3];
    (void)positions;
    ATH__LANE_LOOP
    for (int k = 0; k < ATH__ROWS3; k++) {
        v[k] = factor * at.velocities[k];
    }
    ath__rows_store(&at, NULL, v, NULL, velocities);
}

/* Two 3x3 matrices, for x <- a x + b y. */
typedef struct ath__md_affine {
    double a[9], b[9];
} ath__md_affine;

/* out = a x + b y for eight vectors, [8][3]. */
static inline void ath__md_transform(const ath__md_affine *m, const double x[ATH__ROWS3],
                                     const double y[ATH__ROWS3], double out[ATH__ROWS3])
{
    _Alignas(64) double p[3][ATH__ROWS], q[3][ATH__ROWS], s[3][ATH__ROWS];
    ATH__LANE_LOOP
    for (int i = 0; i < ATH__ROWS; i++) {
        for (int c = 0; c < 3; c++) {
            p[c][i] = x[3 * i + c];
            q[c][i] = y[3 * i + c];
        }
    }
    for (int c = 0; c < 3; c++) {
        ATH__LANE_LOOP
        for (int i = 0; i < ATH__ROWS; i++) {
            s[c][i] =
                ((m->a[3 * c] * p[0][i] + m->a[3 * c + 1] * p[1][i]) + m->a[3 * c + 2] * p[2][i]) +
                ((m->b[3 * c] * q[0][i] + m->b[3 * c + 1] * q[1][i]) + m->b[3 * c + 2] * q[2][i]);
        }
    }
    ath__rows_join(s[0], s[1], s[2], out);
}

/* v <- a v + b F/m; parameters is the ath__md_affine. What is fixed has velocity 0. */
ATH__INLINED void ath__md_kick(ath__rows at, double *positions, double *velocities,
                               void *parameters)
{
    _Alignas(64) double w[ATH__ROWS3], f[ATH__ROWS3], v[ATH__ROWS3];
    ath__rows_inverse_masses(at.masses, w);
    ATH__LANE_LOOP
    for (int k = 0; k < ATH__ROWS3; k++) {
        v[k] = at.velocities[k];
        f[k] = at.forces[k] * w[k];
    }
    for (int k = 0; at.fixed && k < ATH__ROWS3; k++) { /* of wild numbers nothing is to spread */
        v[k] = at.fixed[k] ? 0.0 : v[k];
        f[k] = at.fixed[k] ? 0.0 : f[k];
    }
    ath__md_transform(parameters, v, f, v);
    ath__rows_store(&at, NULL, v, positions, velocities);
}

/* r <- a r + b v; parameters is the ath__md_affine. What is fixed rides with the cell: r <- a r. */
ATH__INLINED void ath__md_drift(ath__rows at, double *positions, double *velocities,
                                void *parameters)
{
    _Alignas(64) double r[ATH__ROWS3], v[ATH__ROWS3];
    ATH__LANE_LOOP
    for (int k = 0; k < ATH__ROWS3; k++) {
        r[k] = at.positions[k];
        v[k] = at.velocities[k];
    }
    if (at.fixed) {
        const double rest[ATH__ROWS3] = {0.0};
        double carried[ATH__ROWS3];
        ath__md_transform(parameters, r, rest, carried);
        ath__md_transform(parameters, r, v, r);
        for (int k = 0; k < ATH__ROWS3; k++) {
            r[k] = at.fixed[k] ? carried[k] : r[k];
        }
    } else {
        ath__md_transform(parameters, r, v, r);
    }
    ATH__LANE_LOOP
    for (int k = 0; k < ATH__ROWS3; k++) {
        positions[k] = r[k];
        velocities[k] = v[k];
    }
}

#endif
