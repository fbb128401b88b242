/* 3x3 matrices, row-major, nine doubles: products, inverse, exponential and what goes with it.
 * Private; shared by .c and .cu files.
 *
 * Everything is a fixed sequence of + - * /, so its bits are the same everywhere. Results may not
 * overlap with arguments.
 *
 * The exponential is that of scaling and squaring (Higham, SIAM J. Matrix Anal. Appl. 26 (2005)
 * 1179) with a Taylor series in place of a Pade approximant: A / 2^s has a norm of at most 1/4, and
 * the first term left out is below 1e-17 of the sum. Its derivative in a direction B, the Frechet
 * derivative L(A, B) = d/dt exp(A + t B) at t = 0, is that of the same sequence (Al-Mohy and
 * Higham, ibid. 30 (2009) 1639).
 */
#ifndef ATHANOR_BASE_MATRIX3_H
#define ATHANOR_BASE_MATRIX3_H

#include "base/math.h"

enum { ATH__M3_TERMS = 12, ATH__M3_SQUARINGS = 40 };

ATH__FN void ath__m3_copy(const double a[9], double out[9])
{
    for (int k = 0; k < 9; k++) {
        out[k] = a[k];
    }
}

/* diagonal times the unit matrix */
ATH__FN void ath__m3_diagonal(double diagonal, double out[9])
{
    for (int k = 0; k < 9; k++) {
        out[k] = k % 4 == 0 ? diagonal : 0.0;
    }
}

ATH__FN void ath__m3_transpose(const double a[9], double out[9])
{
    for (int k = 0; k < 9; k++) {
        out[k] = a[3 * (k % 3) + k / 3];
    }
}

ATH__FN void ath__m3_scale(double factor, const double a[9], double out[9])
{
    for (int k = 0; k < 9; k++) {
        out[k] = factor * a[k];
    }
}

/* a b */
ATH__FN void ath__m3_mul(const double a[9], const double b[9], double out[9])
{
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++) {
            out[3 * i + j] = (a[3 * i] * b[j] + a[3 * i + 1] * b[3 + j]) + a[3 * i + 2] * b[6 + j];
        }
    }
}

/* a b^T: rows of a, each multiplied by b */
ATH__FN void ath__m3_mul_t(const double a[9], const double b[9], double out[9])
{
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++) {
            out[3 * i + j] =
                (a[3 * i] * b[3 * j] + a[3 * i + 1] * b[3 * j + 1]) + a[3 * i + 2] * b[3 * j + 2];
        }
    }
}

/* sum of a_ij b_ij */
ATH__FN double ath__m3_dot(const double a[9], const double b[9])
{
    double sum = 0.0;
    for (int k = 0; k < 9; k++) {
        sum += a[k] * b[k];
    }
    return sum;
}

ATH__FN double ath__m3_trace(const double a[9])
{
    return (a[0] + a[4]) + a[8];
}

ATH__FN double ath__m3_det(const double a[9])
{
    return a[0] * (a[4] * a[8] - a[5] * a[7]) - a[1] * (a[3] * a[8] - a[5] * a[6]) +
           a[2] * (a[3] * a[7] - a[4] * a[6]);
}

/* Of a singular matrix: infinities or NaN. */
ATH__FN void ath__m3_inverse(const double a[9], double out[9])
{
    const double s = 1.0 / ath__m3_det(a);
    out[0] = (a[4] * a[8] - a[5] * a[7]) * s;
    out[1] = (a[2] * a[7] - a[1] * a[8]) * s;
    out[2] = (a[1] * a[5] - a[2] * a[4]) * s;
    out[3] = (a[5] * a[6] - a[3] * a[8]) * s;
    out[4] = (a[0] * a[8] - a[2] * a[6]) * s;
    out[5] = (a[2] * a[3] - a[0] * a[5]) * s;
    out[6] = (a[3] * a[7] - a[4] * a[6]) * s;
    out[7] = (a[1] * a[6] - a[0] * a[7]) * s;
    out[8] = (a[0] * a[4] - a[1] * a[3]) * s;
}

/* (a + a^T) / 2 */
ATH__FN void ath__m3_symmetric(const double a[9], double out[9])
{
    for (int k = 0; k < 9; k++) {
        out[k] = 0.5 * (a[k] + a[3 * (k % 3) + k / 3]);
    }
}

/* How often to halve a so that the sum of its absolute values in a row is at most 1/4. */
ATH__FN int ath__m3_halvings(const double a[9])
{
    double norm = 0.0;
    int n = 0;
    for (int i = 0; i < 3; i++) {
        const double row = (ath__abs(a[3 * i]) + ath__abs(a[3 * i + 1])) + ath__abs(a[3 * i + 2]);
        norm = row > norm ? row : norm;
    }
    for (; norm > 0.25 && n < ATH__M3_SQUARINGS; n++) {
        norm *= 0.5;
    }
    return n;
}

/* exp(a), and phi(a) = (exp(a) - 1) / a = integral of exp(t a), t from 0 to 1. */
ATH__FN void ath__m3_exp_phi(const double a[9], double e[9], double phi[9])
{
    const int n = ath__m3_halvings(a);
    double scale = 1.0, x[9], p[9], q[9];
    for (int i = 0; i < n; i++) {
        scale *= 0.5;
    }
    ath__m3_scale(scale, a, x);
    ath__m3_diagonal(1.0, p);
    for (int k = ATH__M3_TERMS; k > 1; k--) { /* p <- 1 + x p / k */
        ath__m3_mul(x, p, q);
        ath__m3_scale(1.0 / k, q, p);
        p[0] += 1.0, p[4] += 1.0, p[8] += 1.0;
    }
    ath__m3_copy(p, phi);
    ath__m3_mul(x, p, e);
    e[0] += 1.0, e[4] += 1.0, e[8] += 1.0;
    for (int i = 0; i < n; i++) { /* phi(2 x) = phi(x) (exp(x) + 1) / 2 */
        ath__m3_copy(e, q);
        q[0] += 1.0, q[4] += 1.0, q[8] += 1.0;
        ath__m3_mul(phi, q, p);
        ath__m3_scale(0.5, p, phi);
        ath__m3_mul(e, e, q);
        ath__m3_copy(q, e);
    }
}

ATH__FN void ath__m3_exp(const double a[9], double e[9])
{
    double phi[9];
    ath__m3_exp_phi(a, e, phi);
}

/* exp(a), and its derivative in the direction b. */
ATH__FN void ath__m3_exp_derivative(const double a[9], const double b[9], double e[9], double d[9])
{
    const int n = ath__m3_halvings(a);
    double scale = 1.0, x[9], y[9], p[9], q[9];
    for (int i = 0; i < n; i++) {
        scale *= 0.5;
    }
    ath__m3_scale(scale, a, x);
    ath__m3_scale(scale, b, y);
    ath__m3_diagonal(1.0, e);
    ath__m3_diagonal(0.0, d);
    for (int k = ATH__M3_TERMS + 1; k > 0; k--) { /* e <- 1 + x e / k, and its derivative */
        ath__m3_mul(y, e, p);
        ath__m3_mul(x, d, q);
        for (int i = 0; i < 9; i++) {
            d[i] = (p[i] + q[i]) / k;
        }
        ath__m3_mul(x, e, q);
        ath__m3_scale(1.0 / k, q, e);
        e[0] += 1.0, e[4] += 1.0, e[8] += 1.0;
    }
    for (int i = 0; i < n; i++) {
        ath__m3_mul(e, d, p);
        ath__m3_mul(d, e, q);
        for (int k = 0; k < 9; k++) {
            d[k] = p[k] + q[k];
        }
        ath__m3_mul(e, e, q);
        ath__m3_copy(q, e);
    }
}

#endif
