/* The radial part of a row in systems of few elements. Private to nep_kernel.c.
 *
 * q_n = sum_j sum_k c_nk^{t_i t_j} f_k(r_ij) is linear in f, so where few types t occur, f_k is
 * summed first over the pairs of each type, in lanes, and contracted with c once per atom; and
 * dU/dr of a pair of type t is sum_k f_k' d_k^t with d_k^t = sum_n dU/dq_n c_nk^{t_i t}, formed
 * once per atom. This takes (types in the system) x (K + 1) additions for eight pairs, instead of
 * the 8 (K + 1) products of whole rows of nep_radial; with more types than `few` says it would be
 * slower. Which way is taken depends on the system alone.
 */
#ifndef ATHANOR_MODELS_NEP_FEW_H
#define ATHANOR_MODELS_NEP_FEW_H

#include "models/nep_row.h"

/* Finds the types of a system if they are few; returns their number, 0 if they are many. */
static inline int nep_few_types(const ath__nep_params *p, const int32_t *numbers, int32_t n,
                                int32_t types[ATH__NEP_FEW])
{
    const int most = ath__nep_few(p);
    int count = 0;
    for (int32_t i = 0; i < n; i++) {
        const int32_t z = numbers[i];
        const int32_t found = z >= 0 && z < ATH__NEP_NUMBERS ? p->type[z] : 0;
        const int32_t type = found < 0 ? 0 : found;
        int k = 0;
        while (k < count && types[k] != type) {
            k++;
        }
        if (k == count) {
            if (count == most) {
                return 0;
            }
            types[count++] = type;
        }
    }
    return count;
}

/* Bases of the first n pairs: their derivatives are left in slope [block][k][8]; sums over pairs go
 * to row->sums [type][k][8]. */
static inline void nep_few_radial(const ath__nep_params *p, nep_row *row, int32_t n, int sum)
{
    double f[8 * ATH__NEP_FUNCTIONS];
    for (int32_t m = 0; m < n; m += 8) {
        nep_block_basis(p, 0, row->r + m, row->kind + m, row->type, f,
                        row->slope + (int64_t)m * p->k[0]);
        for (int t = 0; sum && t < row->n_few; t++) {
            double *to = row->sums + (int64_t)t * p->k[0] * 8;
            for (int h = 0; h < 8; h += NEP_WIDTH) {
                for (int k = h; k < 8 * p->k[0]; k += 8) {
                    const nep_v v = nep_load(f + k);
                    const nep_v own = nep_same(row->kind + m + h, row->few[t], v);
                    nep_store(to + k, nep_load(to + k) + (row->n_few == 1 ? v : own));
                }
            }
        }
    }
}

/* The radial descriptors from the sums. */
static inline void nep_few_descriptors(const ath__nep_params *p, nep_row *row)
{
    for (int t = 0; t < row->n_few; t++) {
        const double *c = nep_coefficients(p, 0, row->type, row->few[t]);
        const double *sums = row->sums + (int64_t)t * p->k[0] * 8;
        for (int v = 0; v < nep_cover(p->n[0]); v += NEP_WIDTH) {
            nep_v q = nep_load(row->q + v);
            for (int k = 0; k < p->k[0]; k++) {
                const nep_v s = nep_set(nep_sum8(sums + 8 * k));
                q = nep_fma(s, nep_load(c + k * p->wide[0] + v), q);
            }
            nep_store(row->q + v, q);
        }
    }
}

/* d_k^t of all types, to row->weights [type][k]. */
static inline void nep_few_weights(const ath__nep_params *p, nep_row *row)
{
    for (int t = 0; t < row->n_few; t++) {
        const double *c = nep_coefficients(p, 0, row->type, row->few[t]);
        for (int k = 0; k < p->k[0]; k++, c += p->wide[0]) {
            double sum = row->dq[0] * c[0];
            for (int n = 1; n < p->n[0]; n++) {
                sum = ath__fma(row->dq[n], c[n], sum);
            }
            row->weights[t * p->k[0] + k] = sum;
        }
    }
}

/* f_ij of the radial functions, 8 pairs at a time. */
static inline void nep_few_force(const ath__nep_params *p, nep_row *row, int32_t n)
{
    for (int32_t m = 0; m < n; m += NEP_WIDTH) {
        const double *df = row->slope + (int64_t)(m / 8 * 8) * p->k[0] + m % 8;
        nep_v slope = nep_set(0.0);
        for (int t = 0; t < row->n_few; t++) {
            const double *w = row->weights + t * p->k[0];
            nep_v sum = nep_load(df) * nep_set(w[0]);
            for (int k = 1; k < p->k[0]; k++) {
                sum = nep_fma(nep_load(df + 8 * k), nep_set(w[k]), sum);
            }
            slope = slope + nep_same(row->kind + m, row->few[t], sum);
        }
        slope = slope * nep_load(row->over + m);
        nep_store(row->force[0] + m, slope * nep_load(row->d.x + m));
        nep_store(row->force[1] + m, slope * nep_load(row->d.y + m));
        nep_store(row->force[2] + m, slope * nep_load(row->d.z + m));
    }
}

#endif
