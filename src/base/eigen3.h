/* Eigenvalues and eigenvectors of a symmetric 3x3 matrix, by the cyclic method of Jacobi (Golub and
 * Van Loan, Matrix Computations, 4th ed., section 8.5). Private; shared by .c and .cu files.
 *
 * Rotations are made in the fixed order (0,1), (0,2), (1,2) until nothing is left beside the
 * diagonal, which takes four or five rounds; everything is + - * / sqrt, so the bits are the same
 * everywhere. Only the upper triangle is read. Eigenvalues are not sorted. Of a matrix that is not
 * finite: numbers that are not either.
 */
#ifndef ATHANOR_BASE_EIGEN3_H
#define ATHANOR_BASE_EIGEN3_H

#include "base/math.h"

enum { ATH__EIGEN3_ROUNDS = 24 };

/* Annuls element (p, q) of d, the matrix so far; rows p and q of v turn with it. r: the third. */
ATH__FN void ath__eigen3_turn(double d[9], double v[9], int p, int q)
{
    const int r = 3 - p - q;
    const double off = d[3 * p + q];
    if (off == 0.0) {
        return;
    }
    const double theta = (d[4 * q] - d[4 * p]) / (2.0 * off);
    const double root = ath__abs(theta) + ath__sqrt(theta * theta + 1.0);
    const double t = ath__select(theta < 0.0, -1.0, 1.0) / root; /* 0 where theta^2 overflows */
    const double c = 1.0 / ath__sqrt(t * t + 1.0), s = t * c;
    const double rp = d[3 * r + p], rq = d[3 * r + q];
    d[4 * p] -= t * off;
    d[4 * q] += t * off;
    d[3 * p + q] = d[3 * q + p] = 0.0;
    d[3 * r + p] = d[3 * p + r] = c * rp - s * rq;
    d[3 * r + q] = d[3 * q + r] = s * rp + c * rq;
    for (int k = 0; k < 3; k++) {
        const double vp = v[3 * p + k], vq = v[3 * q + k];
        v[3 * p + k] = c * vp - s * vq;
        v[3 * q + k] = s * vp + c * vq;
    }
}

/* a = sum over k of w[k] v_k v_k^T, where v_k is row k of v and these are orthonormal. */
ATH__FN void ath__eigen3(const double a[9], double w[3], double v[9])
{
    double d[9] = {a[0], a[1], a[2], a[1], a[4], a[5], a[2], a[5], a[8]};
    for (int k = 0; k < 9; k++) {
        v[k] = k % 4 == 0 ? 1.0 : 0.0;
    }
    for (int round = 0; round < ATH__EIGEN3_ROUNDS; round++) {
        if (d[1] == 0.0 && d[2] == 0.0 && d[5] == 0.0) {
            break;
        }
        ath__eigen3_turn(d, v, 0, 1);
        ath__eigen3_turn(d, v, 0, 2);
        ath__eigen3_turn(d, v, 1, 2);
    }
    for (int k = 0; k < 3; k++) {
        w[k] = d[4 * k];
    }
}

#endif
