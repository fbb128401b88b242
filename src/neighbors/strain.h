/* Strain: how long a neighbour list outlives changes of its cell. Private; shared by .c and .cu
 * files.
 *
 * With h0 the cell when the list was built and h the present one, D is the least change of space
 * that takes one to the other: h_k = h0_k D for the vectors k that are periodic, and D = 1 normal
 * to them. Let r0 be where an atom was and u = r - r0 D, what D does not explain. For a pair at d0
 * when the list was built, with image S (whole numbers, 0 along vectors that are not periodic),
 *
 *     d = (r_j - r_i) + S h = d0 D + u_j - u_i,   so   |d| >= s |d0| - |u_i| - |u_j|,
 *
 * s being the least singular value of D. So nobody outside cutoff + skin has come within the cutoff
 * as long as 2 |u| <= s (cutoff + skin) - cutoff for all atoms. Vectors along free axes do not
 * occur in this. Nothing is wrapped and nothing is assumed about D: atoms far outside of the cell
 * are moved with it, and rotations of all are free.
 *
 * s^2 is the least eigenvalue of D D^T, here bounded from below by Gershgorin's circles, which is
 * exact for stretches along the axes; s >= 1 - |D - 1| (Frobenius) would be far from it for those.
 *
 * Rounding. E = D - 1 is the sum of g_k (h_k - h0_k) over periodic k, g_k being the reciprocal
 * rows of h0. With eps = 2^-53, c the product of the lengths of the vectors over the volume, and t
 * the sum of |g_k| |h_k - h0_k|, the reciprocal rows are right to 12 c eps of their lengths and so
 * E to 17 c t eps. What D then fails to bring to h moves a pair by at most that times |d0| + |r0_i|
 * + |r0_j|. d itself, as everybody computes it, is right to (9 c + 2) eps (|d| + |r_i| + |r_j|),
 * then and now, because |S_k| <= |g_k| (|d| + |r_j - r_i|) and |g_k| |h_k| <= c; now all is longer
 * by at most 1 + t. u is right to 6 eps t |r0|. All of it is less than `rough` = 64 eps c (1 + t)
 * times the same lengths: the part with |d0| is taken from s, that with |r0| from the limit of the
 * atom. What is left goes with |u|, less than 2^-20 of it unless the cell is so skewed that c
 * exceeds 2^27; then no list is kept.
 */
#ifndef ATHANOR_NEIGHBORS_STRAIN_H
#define ATHANOR_NEIGHBORS_STRAIN_H

#include "data/cell.h"

typedef struct ath__strain {
    double e[9];  /* D - 1, for rows: r0 D = r0 + r0 E */
    double limit; /* angstrom: how large |u| may be, */
    double rough; /* less so much per angstrom of |r0| */
} ath__strain;

/* A lower bound of the least singular value of 1 + e; 0 if there is none. */
ATH__CELL_FN double ath__strain_least(const double e[9])
{
    double least = HUGE_VAL;
    for (int a = 0; a < 3; a++) {
        double m = 0.0;
        for (int b = 0; b < 3; b++) {
            const double *p = e + 3 * a, *q = e + 3 * b;
            const double both = p[0] * q[0] + p[1] * q[1] + p[2] * q[2];
            m += a == b ? 1.0 + (2.0 * p[a] + both) : -fabs(p[b] + q[a] + both);
        }
        least = m < least ? m : least;
        if (!(m > 0.0)) {
            return 0.0;
        }
    }
    return sqrt(least);
}

/* built, cell [9]: then and now. False if the list cannot be kept, wherever its atoms are. */
ATH__CELL_FN bool ath__strain_of(const double built[9], const double cell[9], const int32_t pbc[3],
                                 double cutoff, double skin, ath__strain *to)
{
    double h[9], g[9], skew = 1.0, change = 0.0;
    if (!ath__cell_complete(built, pbc, h) || !ath__cell_reciprocal(h, g)) {
        return false;
    }
    for (int k = 0; k < 9; k++) {
        to->e[k] = 0.0;
    }
    for (int k = 0; k < 3; k++) {
        const double *row = h + 3 * k, *dual = g + 3 * k;
        double dh[3] = {0.0, 0.0, 0.0};
        for (int c = 0; pbc[k] && c < 3; c++) {
            dh[c] = cell[3 * k + c] - row[c];
            for (int a = 0; a < 3; a++) {
                to->e[3 * a + c] += dual[a] * dh[c];
            }
        }
        skew *= sqrt(row[0] * row[0] + row[1] * row[1] + row[2] * row[2]);
        change += sqrt(dual[0] * dual[0] + dual[1] * dual[1] + dual[2] * dual[2]) *
                  sqrt(dh[0] * dh[0] + dh[1] * dh[1] + dh[2] * dh[2]);
    }
    skew /= fabs(ath__cell_det(h));
    to->rough = 0x1p-47 * skew * (1.0 + change);
    const double least = ath__strain_least(to->e) - (to->rough + 0x1p-40);
    to->limit = 0.5 * (least * (cutoff + skin) - cutoff) * (1.0 - 0x1p-20);
    return skew <= 0x1p27 && to->limit > 0.0;
}

/* Whether an atom that was at r0 when the list was built and is at r is near enough to r0 D. False
 * for what is not finite. */
ATH__CELL_FN bool ath__strain_keeps(const ath__strain *s, const double r0[3], const double r[3])
{
    const double *e = s->e, x = r0[0], y = r0[1], z = r0[2];
    const double a = (r[0] - x) - ((x * e[0] + y * e[3]) + z * e[6]),
                 b = (r[1] - y) - ((x * e[1] + y * e[4]) + z * e[7]),
                 c = (r[2] - z) - ((x * e[2] + y * e[5]) + z * e[8]);
    const double limit = s->limit - s->rough * (fabs(x) + fabs(y) + fabs(z));
    return (limit > 0.0) & ((a * a + b * b) + c * c <= limit * limit); /* no branch: in lanes */
}

#endif
