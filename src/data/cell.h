/* Geometry of a cell: volume, reciprocal rows, heights, images. Private; shared by .c and .cu
 * files.
 *
 * h is the 3x3 cell, row-major, rows are lattice vectors: r = f h for a row vector f of fractional
 * coordinates. Left-handed cells are as good as right-handed ones: only |det| is used. Every
 * function is a fixed sequence of + - * / sqrt, so its bits are the same everywhere.
 */
#ifndef ATHANOR_DATA_CELL_H
#define ATHANOR_DATA_CELL_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __CUDACC__
#define ATH__CELL_FN __host__ __device__ static inline
#else
#define ATH__CELL_FN static inline
#endif

ATH__CELL_FN double ath__cell_det(const double h[9])
{
    return h[0] * (h[4] * h[8] - h[5] * h[7]) - h[1] * (h[3] * h[8] - h[5] * h[6]) +
           h[2] * (h[3] * h[7] - h[4] * h[6]);
}

/* g: columns of the inverse as rows, so that fractional coordinate k of r is g[3k] x + g[3k+1] y +
 * g[3k+2] z. Returns false, g untouched, for a singular cell. */
ATH__CELL_FN bool ath__cell_reciprocal(const double h[9], double g[9])
{
    const double det = ath__cell_det(h);
    if (!(det > 0.0 || det < 0.0)) {
        return false;
    }
    const double s = 1.0 / det;
    g[0] = (h[4] * h[8] - h[5] * h[7]) * s;
    g[1] = (h[5] * h[6] - h[3] * h[8]) * s;
    g[2] = (h[3] * h[7] - h[4] * h[6]) * s;
    g[3] = (h[2] * h[7] - h[1] * h[8]) * s;
    g[4] = (h[0] * h[8] - h[2] * h[6]) * s;
    g[5] = (h[1] * h[6] - h[0] * h[7]) * s;
    g[6] = (h[1] * h[5] - h[2] * h[4]) * s;
    g[7] = (h[2] * h[3] - h[0] * h[5]) * s;
    g[8] = (h[0] * h[4] - h[1] * h[3]) * s;
    return true;
}

/* Distance between the faces spanned by the two other vectors, for each lattice vector. */
ATH__CELL_FN void ath__cell_heights(const double g[9], double heights[3])
{
    for (int k = 0; k < 3; k++) {
        heights[k] = 1.0 / sqrt(g[3 * k] * g[3 * k] + g[3 * k + 1] * g[3 * k + 1] +
                                g[3 * k + 2] * g[3 * k + 2]);
    }
}

/* The cell to use for images. Where not all vectors are periodic, the vectors along free axes carry
 * no meaning (a molecule may have a dummy cell, or none), so each is replaced by a unit vector
 * normal to the rest. A periodic vector is kept. Returns false if the periodic vectors are
 * dependent. */
ATH__CELL_FN bool ath__cell_complete(const double cell[9], const int32_t pbc[3], double h[9])
{
    int periodic[3], n = 0;
    for (int k = 0; k < 9; k++) {
        h[k] = cell[k];
    }
    for (int k = 0; k < 3; k++) {
        if (pbc[k]) {
            periodic[n++] = k;
        }
    }
    if (n == 3) {
        const double det = ath__cell_det(h);
        return det > 0.0 || det < 0.0;
    }
    if (n == 2) {
        const double *a = h + 3 * periodic[0], *b = h + 3 * periodic[1];
        double *c = h + 3 * (3 - periodic[0] - periodic[1]);
        const double x = a[1] * b[2] - a[2] * b[1], y = a[2] * b[0] - a[0] * b[2],
                     z = a[0] * b[1] - a[1] * b[0], norm = sqrt(x * x + y * y + z * z);
        if (!(norm > 0.0)) {
            return false;
        }
        c[0] = x / norm, c[1] = y / norm, c[2] = z / norm;
        return true;
    }
    if (n == 1) {
        const int k = periodic[0];
        const double *a = h + 3 * k;
        const double norm = sqrt(a[0] * a[0] + a[1] * a[1] + a[2] * a[2]);
        if (!(norm > 0.0)) {
            return false;
        }
        /* the axis least along a, made orthogonal to it */
        const double ax = fabs(a[0]), ay = fabs(a[1]), az = fabs(a[2]);
        const int m = ax <= ay && ax <= az ? 0 : (ay <= az ? 1 : 2);
        const double along = a[m] / (norm * norm);
        double b[3] = {-along * a[0], -along * a[1], -along * a[2]};
        b[m] += 1.0;
        const double bn = sqrt(b[0] * b[0] + b[1] * b[1] + b[2] * b[2]);
        double *p = h + 3 * ((k + 1) % 3), *q = h + 3 * ((k + 2) % 3);
        for (int i = 0; i < 3; i++) {
            p[i] = b[i] / bn;
        }
        q[0] = (a[1] * p[2] - a[2] * p[1]) / norm;
        q[1] = (a[2] * p[0] - a[0] * p[2]) / norm;
        q[2] = (a[0] * p[1] - a[1] * p[0]) / norm;
        return true;
    }
    for (int k = 0; k < 9; k++) {
        h[k] = k % 4 == 0 ? 1.0 : 0.0;
    }
    return true;
}

/* True if every pair within `cutoff` is one of the N (N - 1) / 2 pairs of nearest images, found by
 * rounding fractional differences: no cell vector is periodic, or the cutoff is at most half of the
 * height along each periodic vector. Then a small system (n_atoms <= max) needs no neighbour list.
 * A function of the present system alone. */
ATH__CELL_FN bool ath__all_pairs_enough(int32_t n_atoms, const double cell[9], const int32_t pbc[3],
                                        double cutoff, int32_t max)
{
    double h[9], g[9], heights[3];
    if (n_atoms > max) {
        return false;
    }
    if (!(pbc[0] || pbc[1] || pbc[2])) {
        return true;
    }
    if (!ath__cell_complete(cell, pbc, h) || !ath__cell_reciprocal(h, g)) {
        return false;
    }
    ath__cell_heights(g, heights);
    for (int k = 0; k < 3; k++) {
        if (pbc[k] && !(2.0 * cutoff <= heights[k])) {
            return false;
        }
    }
    return true;
}

/* Volume for the stress, |det|; 0 if the system is not periodic along all three vectors and has no
 * full cell. */
ATH__CELL_FN double ath__cell_volume(const double h[9])
{
    return fabs(ath__cell_det(h));
}

#endif
