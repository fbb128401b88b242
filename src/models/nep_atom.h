/* One atom for the NEP kernel: its descriptors, its network, and the derivatives of its energy.
 * Private to nep_kernel.c.
 *
 * Sums a[place][wide] have the functions n in lanes, so every invariant is a sum of products of
 * whole rows. The network has its neurons in lanes: x_h = sum_d w0[d][h] q_d - b0_h, and back,
 * dU/dq_d = sum_h w0[d][h] v_h with v_h = w1_h (1 - tanh^2 x_h), lanes added as a fixed tree.
 */
#ifndef ATHANOR_MODELS_NEP_ATOM_H
#define ATHANOR_MODELS_NEP_ATOM_H

#include "models/nep_row.h"
#include "models/nep_terms.h"

/* ---- descriptors ---- */

/* q of a switch, NEP_WIDTH of the n; a: [place][wide]. */
NEP_INLINE nep_v nep_body(int body, const double *a, int64_t wide)
{
    int n = 0;
    const ath__nep_term *terms = ath__nep_terms(body, &n);
    if (body == ATH__NEP_1111) {
        const nep_v x = nep_load(a), y = nep_load(a + wide), z = nep_load(a + 2 * wide);
        const nep_v sum = nep_fma(z, z, nep_fma(y, y, x * x));
        return nep_set(7.0 / 15.0) * (sum * sum);
    }
    nep_v sum = nep_set(0.0);
    for (int k = 0; k < n; k++) {
        const ath__nep_term *t = &terms[k];
        const nep_v x = nep_load(a + t->at[0] * wide), y = nep_load(a + t->at[1] * wide),
                    z = nep_load(a + t->at[2] * wide);
        sum = nep_fma(nep_set(t->c) * x, y * z, sum);
    }
    return sum;
}

/* Adds f dq/da to da. */
NEP_INLINE void nep_body_slope(int body, const double *a, int64_t wide, nep_v f, double *da)
{
    int n = 0;
    const ath__nep_term *terms = ath__nep_terms(body, &n);
    if (body == ATH__NEP_1111) {
        const nep_v x = nep_load(a), y = nep_load(a + wide), z = nep_load(a + 2 * wide);
        const nep_v sum = nep_fma(z, z, nep_fma(y, y, x * x));
        const nep_v e = nep_set(28.0 / 15.0) * (f * sum);
        nep_store(da, nep_fma(e, x, nep_load(da)));
        nep_store(da + wide, nep_fma(e, y, nep_load(da + wide)));
        nep_store(da + 2 * wide, nep_fma(e, z, nep_load(da + 2 * wide)));
        return;
    }
    for (int k = 0; k < n; k++) {
        const ath__nep_term *t = &terms[k];
        const nep_v e = nep_set(t->c) * f;
        for (int m = 0; m < 3; m++) {
            const nep_v x = nep_load(a + t->at[(m + 1) % 3] * wide),
                        y = nep_load(a + t->at[(m + 2) % 3] * wide);
            double *to = da + t->at[m] * wide;
            nep_store(to, nep_fma(e * x, y, nep_load(to)));
        }
    }
}

/* The angular descriptors. A row of n is stored whole: what is too much of it is written over by
 * the next row, and the last one is followed by zeros. */
static inline void nep_invariants(const ath__nep_params *p, nep_row *row)
{
    const int64_t wide = p->wide[1];
    double *to = row->q + p->n[0];
    for (int l = 1; l <= p->l_max; l++, to += p->n[1]) {
        const double *a = row->a + (l * l - 1) * wide;
        for (int v = 0; v < wide; v += NEP_WIDTH) {
            nep_v sum = nep_set(0.0);
            for (int m = 0; m < 2 * l + 1; m++) {
                const nep_v x = nep_load(a + m * wide + v);
                sum = nep_fma(x, x, sum);
            }
            nep_store(to + v, sum);
        }
    }
    for (int body = 0; body < ATH__NEP_BODIES; body++) {
        for (int v = 0; p->body[body] && v < wide; v += NEP_WIDTH) {
            nep_store(to + v, nep_body(body, row->a + v, wide));
        }
        to += p->body[body] * p->n[1];
    }
}

/* dU/da from dU/dq. */
static inline void nep_slopes(const ath__nep_params *p, nep_row *row)
{
    const int64_t wide = p->wide[1];
    const double *from = row->dq + p->n[0];
    for (int place = p->l_max * (p->l_max + 2); place < p->n_places; place++) {
        for (int v = 0; v < wide; v += NEP_WIDTH) {
            nep_store(row->da + place * wide + v, nep_set(0.0));
        }
    }
    for (int l = 1; l <= p->l_max; l++, from += p->n[1]) {
        for (int v = 0; v < wide; v += NEP_WIDTH) {
            const nep_v f = nep_set(2.0) * nep_load(from + v);
            for (int m = l * l - 1; m < l * l + 2 * l; m++) {
                nep_store(row->da + m * wide + v, f * nep_load(row->a + m * wide + v));
            }
        }
    }
    for (int body = 0; body < ATH__NEP_BODIES; body++) {
        for (int v = 0; p->body[body] && v < wide; v += NEP_WIDTH) {
            nep_body_slope(body, row->a + v, wide, nep_load(from + v), row->da + v);
        }
        from += p->body[body] * p->n[1];
    }
}

/* ---- the network ---- */

/* x of `count` x NEP_WIDTH neurons. */
NEP_INLINE void nep_neurons(const ath__nep_params *p, int count, const double *w, const double *b,
                            const double *q, double *x)
{
    nep_v sum[10];
    for (int k = 0; k < count; k++) {
        sum[k] = nep_set(0.0) - nep_load(b + k * NEP_WIDTH);
    }
    for (int d = 0; d < p->dimension; d++) {
        const nep_v qd = nep_set(q[d]);
        const double *wd = w + (int64_t)d * p->neurons;
        for (int k = 0; k < count; k++) {
            sum[k] = nep_fma(qd, nep_load(wd + k * NEP_WIDTH), sum[k]);
        }
    }
    for (int k = 0; k < count; k++) {
        nep_store(x + k * NEP_WIDTH, sum[k]);
    }
}

/* x of all neurons, in groups of nearly the same number of vectors: their sums stay in registers.
 */
NEP_INLINE void nep_hidden(const ath__nep_params *p, const double *w, const double *b,
                           const double *q, double *x)
{
    const int vectors = p->neurons / NEP_WIDTH, groups = (vectors + 9) / 10;
    for (int k = 0, at = 0; k < groups; k++) {
        const int count = vectors * (k + 1) / groups - vectors * k / groups;
        switch (count) {
#define NEP_GROUP(n)                                                                               \
    case n:                                                                                        \
        nep_neurons(p, n, w + at, b + at, q, x + at);                                              \
        break;
            NEP_GROUP(1)
            NEP_GROUP(2)
            NEP_GROUP(3)
            NEP_GROUP(4)
            NEP_GROUP(5)
            NEP_GROUP(6)
            NEP_GROUP(7)
            NEP_GROUP(8)
            NEP_GROUP(9)
            NEP_GROUP(10)
#undef NEP_GROUP
        }
        at += count * NEP_WIDTH;
    }
}

/* dU/dq of the descriptors d ... d + 7: sums over neurons. */
NEP_INLINE void nep_back(const ath__nep_params *p, const double *w, const double *v, double *out)
{
    double lanes[64], turned[64];
    for (int h = 0; h < 8; h += NEP_WIDTH) {
        nep_v sum[8];
        for (int k = 0; k < 8; k++) {
            sum[k] = nep_set(0.0);
        }
        for (int m = h; m < p->neurons; m += 8) {
            const nep_v vm = nep_load(v + m);
            for (int k = 0; k < 8; k++) {
                sum[k] = nep_fma(vm, nep_load(w + (int64_t)k * p->neurons + m), sum[k]);
            }
        }
        for (int k = 0; k < 8; k++) {
            nep_store(lanes + 8 * k + h, sum[k]);
        }
    }
    nep_transpose(lanes, 8, turned);
    for (int h = 0; h < 8; h += NEP_WIDTH) {
        nep_v t[8];
        for (int k = 0; k < 8; k++) {
            t[k] = nep_load(turned + 8 * k + h);
        }
        nep_store(out + h, ((t[0] + t[4]) + (t[2] + t[6])) + ((t[1] + t[5]) + (t[3] + t[7])));
    }
}

/* Energy of the network of the atom's type; dq gets the derivatives. */
static inline double nep_network(const ath__nep_params *p, nep_row *row)
{
    const int32_t neurons = p->neurons;
    const double *w0 = nep_table(p, p->first_network[row->type]);
    const double *b0 = w0 + (int64_t)p->rows * neurons, *w1 = b0 + neurons;
    double *x = row->hidden, *v = row->hidden + neurons, sum[8] = {0.0};
    nep_hidden(p, w0, b0, row->q, x);
    for (int h = 0; h < neurons; h += 8) {
        double y[8];
        ath__tanh8(x + h, y);
        for (int l = 0; l < 8; l++) {
            sum[l] = ath__fma(w1[h + l], y[l], sum[l]);
            v[h + l] = w1[h + l] * ath__fma(-y[l], y[l], 1.0);
        }
    }
    for (int d = 0; d < p->rows; d += 8) {
        nep_back(p, w0 + (int64_t)d * neurons, v, row->dq + d);
    }
    return nep_sum8(sum) - w1[neurons];
}

#endif
