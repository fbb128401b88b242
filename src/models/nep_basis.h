/* Radial functions and spherical harmonics of eight pairs at a time. Private to nep_kernel.c.
 *
 * Pairs are in lanes here, arrays are [function][8]. With t = r/r_c and w = pi/2 t the cutoff
 * function is cos^2 w, its slope -(pi/2 r_c) 2 sin w cos w; w - pi/4 lies in [-pi/4, pi/4], where
 * the polynomials of base/math.h for sine and cosine hold.
 *
 * R_lm = Q_lm(u_z) C_m(u_x, u_y), R_l-m = Q_lm S_m, with C_m + i S_m = (u_x + i u_y)^m and Q_lm the
 * normalised derivative of the m-th order of a Legendre polynomial, by recurrence in l. As a
 * polynomial in u its gradient is (m Q C_(m-1), -m Q S_(m-1), Q' C_m), for S_m (m Q S_(m-1),
 * m Q C_(m-1), Q' S_m); the part across u, over r, is the gradient by r_ij.
 */
#ifndef ATHANOR_MODELS_NEP_BASIS_H
#define ATHANOR_MODELS_NEP_BASIS_H

#include "models/nep.h"
#include "models/nep_lanes.h"

/* sin a and cos a for |a| <= pi/4. */
NEP_INLINE void nep_sincos(nep_v a, nep_v *s, nep_v *c)
{
    const nep_v z = a * a, z2 = z * z, one = nep_set(1.0);
    nep_v p = nep_fma(z2, nep_set(-0x1.aaa5959600f08p-41), nep_set(-0x1.ae6452996def2p-26));
    nep_v q = nep_fma(z2, nep_set(0x1.612093626a850p-33), nep_set(0x1.71de3a533a68cp-19));
    p = nep_fma(z2, p, nep_set(-0x1.a01a01a018af0p-13));
    q = nep_fma(z2, q, nep_set(0x1.111111111110bp-7));
    p = nep_fma(z, nep_fma(z, p, q), nep_set(-0x1.5555555555555p-3));
    *s = nep_fma(a * z, p, a);
    p = nep_fma(z2, nep_set(0x1.1ee9ec07ab230p-29), nep_set(0x1.a01a019cb200bp-16));
    q = nep_fma(z2, nep_set(-0x1.8faeac1a3c2a6p-37), nep_set(-0x1.27e4f80a1e932p-22));
    p = nep_fma(z2, p, nep_set(0x1.555555555554cp-5));
    q = nep_fma(z2, q, nep_set(-0x1.6c16c16c15181p-10));
    p = nep_fma(z, q, p);
    *c = nep_fma(z2, p, nep_fma(z, nep_set(-0.5), one));
}

/* f_k(r) and df_k/dr for k < n, [n][8] each, of NEP_WIDTH pairs; zero from the cutoff on. */
NEP_INLINE void nep_functions(nep_v r, nep_v cutoff, int n, double *f, double *df)
{
    const nep_v one = nep_set(1.0), half = nep_set(0.5), two = nep_set(2.0);
    const nep_v over = one / cutoff;
    const nep_v t = nep_below(r, cutoff, r * over); /* far away polynomials could overflow */
    nep_v s, c;
    nep_sincos((t - half) * nep_set(0x1.921fb54442d18p+0), &s, &c);
    const nep_v wave = nep_below(r, cutoff, c - s);
    const nep_v on = half * (wave * wave);
    const nep_v slope = (nep_set(-0x1.921fb54442d18p+0) * over) * ((c + s) * wave);
    const nep_v u = t - one, x = nep_fma(two * u, u, nep_set(-1.0)), x2 = two * x;
    const nep_v lift = ((two * u) * over) * on, half_on = half * on, half_slope = half * slope;
    nep_v last = one, now = x, second_last = nep_set(0.0), second = one; /* T_k, U_(k-1) */
    nep_store(f, on);
    nep_store(df, slope);
    for (int k = 1; k < n; k++) {
        const nep_v k_second = nep_set(k) * second;
        nep_store(f + 8 * k, nep_fma(now, half_on, half_on));
        nep_store(df + 8 * k, nep_fma(k_second, lift, nep_fma(now, half_slope, half_slope)));
        const nep_v next = x2 * now - last, second_next = x2 * second - second_last;
        last = now, now = next;
        second_last = second, second = second_next;
    }
}

/* R_lm of NEP_WIDTH pairs, l = 1 .. l_top: out [place][8]. */
NEP_INLINE void nep_harmonics(const ath__nep_params *p, nep_v x, nep_v y, nep_v z, double *out)
{
    const int top = p->l_top;
    nep_v c = nep_set(1.0), s = nep_set(0.0);
    for (int m = 0; m <= top; m++) {
        nep_v before = nep_set(0.0), q = nep_set(p->top[m]);
        for (int l = m;; l++) {
            if (l > 0) {
                nep_store(out + 8 * ath__nep_place(l, m), q * c);
                if (m > 0) {
                    nep_store(out + 8 * ath__nep_place(l, -m), q * s);
                }
            }
            if (l == top) {
                break;
            }
            const nep_v next = nep_set(p->a[l + 1][m]) * (z * q - nep_set(p->b[l + 1][m]) * before);
            before = q, q = next;
        }
        const nep_v turn = x * c - y * s;
        s = x * s + y * c;
        c = turn;
    }
}

/* With weights h and h1 [place][8] of R_lm: the derivative by r_ij of sum_lm (h(r) R_lm(u)), h1
 * being dh/dr; x, y, z: u, over: 1/r. */
NEP_INLINE void nep_gradient(const ath__nep_params *p, const double *h, const double *h1,
                             const nep_v u[3], nep_v over, nep_v out[3])
{
    const int top = p->l_top;
    const nep_v zero = nep_set(0.0), x = u[0], y = u[1], z = u[2];
    nep_v c = nep_set(1.0), s = zero, c1 = zero, s1 = zero;
    nep_v along = zero, dx = zero, dy = zero, dz = zero;
    for (int m = 0; m <= top; m++) {
        nep_v q0 = zero, q = nep_set(p->top[m]), d0 = zero, d = zero;
        nep_v a = zero, a1 = zero, ar = zero, b = zero, b1 = zero, br = zero;
        for (int l = m;; l++) {
            if (l > 0) {
                const nep_v hc = nep_load(h + 8 * ath__nep_place(l, m));
                a = nep_fma(hc, q, a);
                a1 = nep_fma(hc, d, a1);
                ar = nep_fma(nep_load(h1 + 8 * ath__nep_place(l, m)), q, ar);
            }
            if (l > 0 && m > 0) {
                const nep_v hs = nep_load(h + 8 * ath__nep_place(l, -m));
                b = nep_fma(hs, q, b);
                b1 = nep_fma(hs, d, b1);
                br = nep_fma(nep_load(h1 + 8 * ath__nep_place(l, -m)), q, br);
            }
            if (l == top) {
                break;
            }
            const nep_v f = nep_set(p->a[l + 1][m]), e = nep_set(p->b[l + 1][m]);
            const nep_v d_next = f * (nep_fma(z, d, q) - e * d0), next = f * (z * q - e * q0);
            d0 = d, d = d_next;
            q0 = q, q = next;
        }
        const nep_v mm = nep_set(m);
        along = nep_fma(ar, c, nep_fma(br, s, along));
        dz = nep_fma(a1, c, nep_fma(b1, s, dz));
        dx = nep_fma(mm, a * c1 + b * s1, dx);
        dy = nep_fma(mm, b * c1 - a * s1, dy);
        c1 = c, s1 = s;
        const nep_v turn = x * c - y * s;
        s = x * s + y * c;
        c = turn;
    }
    const nep_v radial = nep_fma(x, dx, nep_fma(y, dy, z * dz));
    along = along - radial * over;
    out[0] = nep_fma(dx, over, along * x);
    out[1] = nep_fma(dy, over, along * y);
    out[2] = nep_fma(dz, over, along * z);
}

#endif
