/* The row of one atom for the NEP kernel: its pairs, their functions, the sums over them, and, once
 * the derivatives of its energy are known, the forces f_ij = dU_i/dr_ij. Private to nep_kernel.c.
 *
 * A row is worked through in windows of the list. Geometry, functions of the distance and harmonics
 * are computed with pairs in lanes (arrays [function][8]); sums over basis functions and over pairs
 * with the functions n in lanes (arrays [pair][wide], wide = n_max + 1 padded to 8), so that the
 * coefficients c[t_i][t_j][k][wide] of a pair are read in whole vectors, whatever the mixture of
 * types: no vector of pairs waits for a gather of coefficients. Systems of few types have a shorter
 * way for the radial functions (nep_few.h). The derivative is contracted over n first, then each
 * pair takes one gradient of harmonics. Where the functions change from one layout to the other,
 * blocks of 8 x 8 are transposed.
 */
#ifndef ATHANOR_MODELS_NEP_ROW_H
#define ATHANOR_MODELS_NEP_ROW_H

#include "models/nep_basis.h"
#include "models/nep_pick.h"
#include "models/nep_zbl.h"

/* Scratch of one member. Arrays of pairs have ATH__NEP_WINDOW + ATH__NEP_SPARE rows. */
typedef struct nep_row {
    int32_t n, n_angular, type; /* pairs of the window; of them within the angular cutoff; of i */
    nep_picked d;               /* r_ij, angstrom; atom j */
    int32_t *kind;              /* type of j */
    double *r, *over;           /* |r_ij|, 1/|r_ij| */
    double *force[3];           /* f_ij, eV/angstrom */
    double *slope;              /* dg^R/dr [pair][wide]; see nep_few.h too */
    /* pairs within the angular cutoff: place among all pairs, type, u, r and 1/r, g^A and its
     * derivative [pair][wide] */
    int32_t *at, *near_kind;
    double *u[3], *near_r, *near_over;
    double *g, *dg;
    /* of the atom */
    double *q, *dq; /* [rows + 32] descriptor; dU/dq */
    double *a, *da; /* [places][wide]; dU/da */
    double *hidden; /* [2][neurons] */
    double energy;  /* of ZBL, eV */
    /* systems of few types (nep_few.h): how many, which, sums of f_k, weights of f_k' */
    int n_few;
    int32_t few[ATH__NEP_FEW];
    double *sums, *weights; /* [type][k][8], [type][k] */
} nep_row;

/* Hands out 64-byte aligned pieces of the work memory. */
NEP_INLINE void *nep_take(char **at, int64_t bytes)
{
    void *piece = *at;
    *at += ath__nep_round(bytes);
    return piece;
}

NEP_INLINE double *nep_take_doubles(char **at, int64_t n)
{
    return nep_take(at, 8 * n);
}

static inline void nep_row_layout(const ath__nep_params *p, char *at, nep_row *row)
{
    const int64_t pairs = ATH__NEP_WINDOW + ATH__NEP_SPARE;
    row->d.x = nep_take_doubles(&at, pairs);
    row->d.y = nep_take_doubles(&at, pairs);
    row->d.z = nep_take_doubles(&at, pairs);
    row->r = nep_take_doubles(&at, pairs);
    row->over = nep_take_doubles(&at, pairs);
    for (int k = 0; k < 3; k++) {
        row->force[k] = nep_take_doubles(&at, pairs);
        row->u[k] = nep_take_doubles(&at, pairs);
    }
    row->near_r = nep_take_doubles(&at, pairs);
    row->near_over = nep_take_doubles(&at, pairs);
    row->d.atom = nep_take(&at, 4 * pairs);
    row->kind = nep_take(&at, 4 * pairs);
    row->at = nep_take(&at, 4 * pairs);
    row->near_kind = nep_take(&at, 4 * pairs);
    row->slope = nep_take_doubles(&at, pairs * (p->wide[0] > p->k[0] ? p->wide[0] : p->k[0]));
    row->g = nep_take_doubles(&at, pairs * p->wide[1]);
    row->dg = nep_take_doubles(&at, pairs * p->wide[1]);
    row->q = nep_take_doubles(&at, p->rows + 32);
    row->dq = nep_take_doubles(&at, p->rows + 32);
    row->a = nep_take_doubles(&at, (int64_t)p->places * p->wide[1]);
    row->da = nep_take_doubles(&at, (int64_t)p->places * p->wide[1]);
    row->hidden = nep_take_doubles(&at, 2 * (int64_t)p->neurons);
    row->sums = nep_take_doubles(&at, 8 * ath__nep_few(p) * (int64_t)p->k[0]);
    row->weights = nep_take_doubles(&at, ath__nep_few(p) * (int64_t)p->k[0]);
}

NEP_INLINE const double *nep_table(const ath__nep_params *p, int64_t first)
{
    return (const double *)p + first;
}

/* ---- pairs ---- */

/* Fills up the vector that holds pair n with pairs of no effect. */
NEP_INLINE void nep_fill_up(const ath__nep_params *p, nep_row *row, int32_t n)
{
    for (int32_t m = n; m % 8 != 0; m++) {
        row->d.x[m] = 2.0 * p->cutoff;
        row->d.y[m] = row->d.z[m] = 0.0;
        row->d.atom[m] = 0;
        row->kind[m] = row->type;
    }
}

/* Distances of the pairs from m on, up to the end of the vector that holds the last one. */
NEP_INLINE void nep_distances(nep_row *row, int32_t m)
{
    const nep_v one = nep_set(1.0);
    for (const int32_t end = (row->n + 7) / 8 * 8; m < end; m += NEP_WIDTH) {
        const nep_v x = nep_load(row->d.x + m), y = nep_load(row->d.y + m),
                    z = nep_load(row->d.z + m);
        const nep_v r = nep_sqrt(nep_fma(z, z, nep_fma(y, y, x * x)));
        nep_store(row->r + m, r);
        nep_store(row->over + m, one / r);
    }
}

/* Where cutoffs differ from pair to pair: drops the pairs from m on that are beyond their own. */
static inline void nep_drop(const ath__nep_params *p, nep_row *row, int32_t m)
{
    const double *reach = nep_table(p, p->first_reach) + (int64_t)row->type * p->n_types;
    int32_t to = m;
    for (; m < row->n; m++) {
        const double x = row->d.x[m], y = row->d.y[m], z = row->d.z[m];
        const double r = ath__sqrt(ath__fma(z, z, ath__fma(y, y, x * x)));
        row->d.x[to] = x;
        row->d.y[to] = y;
        row->d.z[to] = z;
        row->d.atom[to] = row->d.atom[m];
        row->kind[to] = row->kind[m];
        to += !(r >= reach[row->kind[m]]);
    }
    row->n = to;
}

/* Adds the pairs of entries from ... to - 1 to the `held` pairs that the row still holds. */
static inline void nep_read(const ath__nep_params *p, const nep_geometry *g, nep_row *row,
                            int32_t i, int64_t from, int64_t to, int32_t held)
{
    row->type = g->type[i];
    row->n = (int32_t)nep_pick(g, i, from, to, &row->d, held);
    for (int32_t m = held; m < row->n; m++) {
        row->kind[m] = g->type[row->d.atom[m]];
    }
    if (p->mixed) {
        nep_drop(p, row, held);
    }
    nep_fill_up(p, row, row->n);
    nep_distances(row, held / 8 * 8);
}

/* The pairs of the first n within the angular cutoff, and how many are within reach of ZBL. */
static inline int32_t nep_select(const ath__nep_params *p, nep_row *row, int32_t n)
{
    const double *cutoff = nep_table(p, p->first_cutoff[1]) + (int64_t)row->type * p->n_types;
    int32_t to = 0, close = 0;
    for (int32_t m = 0; m < n; m++) {
        const double r = row->r[m], over = row->over[m];
        row->at[to] = m;
        row->near_kind[to] = row->kind[m];
        row->u[0][to] = row->d.x[m] * over;
        row->u[1][to] = row->d.y[m] * over;
        row->u[2][to] = row->d.z[m] * over;
        row->near_r[to] = r;
        row->near_over[to] = over;
        close += r < p->zbl_reach;
        to += !(r >= cutoff[row->kind[m]]);
    }
    row->n_angular = to;
    for (int32_t m = to; m % 8 != 0; m++) {
        row->u[0][m] = 1.0;
        row->u[1][m] = row->u[2][m] = 0.0;
        row->near_r[m] = 2.0 * p->cutoff;
        row->near_over[m] = 1.0;
        row->near_kind[m] = row->type;
    }
    return close;
}

/* ---- functions of the distance ---- */

/* The basis of a block of 8 pairs, f and df [k][8]. */
NEP_INLINE void nep_block_basis(const ath__nep_params *p, int angular, const double *r,
                                const int32_t *kind, int32_t type, double *f, double *df)
{
    const double *cutoff = nep_table(p, p->first_cutoff[angular]) + (int64_t)type * p->n_types;
    for (int h = 0; h < 8; h += NEP_WIDTH) {
        const nep_v c = p->mixed ? nep_gather(cutoff, kind + h) : nep_set(cutoff[type]);
        nep_functions(nep_load(r + h), c, p->k[angular], f + h, df + h);
    }
}

/* g_n and dg_n/dr of lane l from the basis: NEP_WIDTH of the n. c: row of the pair of types. */
NEP_INLINE void nep_contract(const double *c, int64_t wide, int k_end, const double *f,
                             const double *df, nep_v *g, nep_v *dg)
{
    nep_v v = nep_load(c) * nep_set(f[0]), dv = nep_load(c) * nep_set(df[0]);
    for (int k = 1; k < k_end; k++) {
        const nep_v ck = nep_load(c + k * wide);
        v = nep_fma(nep_set(f[8 * k]), ck, v);
        dv = nep_fma(nep_set(df[8 * k]), ck, dv);
    }
    *g = v;
    *dg = dv;
}

/* Coefficients of the types i, j. */
NEP_INLINE const double *nep_coefficients(const ath__nep_params *p, int angular, int32_t ti,
                                          int32_t tj)
{
    return nep_table(p, p->first_c[angular]) +
           ((int64_t)ti * p->n_types + tj) * p->k[angular] * p->wide[angular];
}

/* Radial part of the first n pairs: slopes; the sums go to q. */
static inline void nep_radial(const ath__nep_params *p, nep_row *row, int32_t n, int sum)
{
    const int64_t wide = p->wide[0];
    double f[8 * ATH__NEP_FUNCTIONS], df[8 * ATH__NEP_FUNCTIONS];
    for (int32_t m = 0; m < n; m += 8) {
        const int32_t live = n - m < 8 ? n - m : 8;
        nep_block_basis(p, 0, row->r + m, row->kind + m, row->type, f, df);
        for (int v = 0; v < nep_cover(p->n[0]); v += NEP_WIDTH) {
            nep_v total = nep_load(row->q + v);
            for (int32_t l = 0; l < live; l++) {
                nep_v g, dg;
                const double *c = nep_coefficients(p, 0, row->type, row->kind[m + l]) + v;
                nep_contract(c, wide, p->k[0], f + l, df + l, &g, &dg);
                nep_store(row->slope + (m + l) * wide + v, dg);
                total = total + g;
            }
            if (sum) {
                nep_store(row->q + v, total);
            }
        }
    }
}

/* a += g R over a block of pairs; harmonics [place][8]. */
NEP_INLINE void nep_accumulate(const ath__nep_params *p, const double *g, const double *harmonics,
                               int32_t live, double *a)
{
    const int64_t wide = p->wide[1];
    for (int v = 0; v < nep_cover(p->n[1]); v += NEP_WIDTH) {
        for (int place = 0; place < p->places; place += 8) {
            nep_v sum[8];
            for (int k = 0; k < 8; k++) {
                sum[k] = nep_load(a + (place + k) * wide + v);
            }
            for (int32_t l = 0; l < live; l++) {
                const nep_v gl = nep_load(g + l * wide + v);
                const double *r = harmonics + 8 * place + l;
                for (int k = 0; k < 8; k++) {
                    sum[k] = nep_fma(gl, nep_set(r[8 * k]), sum[k]);
                }
            }
            for (int k = 0; k < 8; k++) {
                nep_store(a + (place + k) * wide + v, sum[k]);
            }
        }
    }
}

/* Angular part of the selected pairs: g and dg; the sums go to a. */
static inline void nep_angular(const ath__nep_params *p, nep_row *row, int sum)
{
    const int64_t wide = p->wide[1];
    double f[8 * ATH__NEP_FUNCTIONS], df[8 * ATH__NEP_FUNCTIONS];
    double harmonics[8 * ATH__NEP_HARMONICS];
    for (int k = 8 * p->n_places; k < 8 * p->places; k++) {
        harmonics[k] = 0.0;
    }
    for (int32_t m = 0; m < row->n_angular; m += 8) {
        const int32_t live = row->n_angular - m < 8 ? row->n_angular - m : 8;
        nep_block_basis(p, 1, row->near_r + m, row->near_kind + m, row->type, f, df);
        for (int32_t l = 0; l < live; l++) {
            const double *c = nep_coefficients(p, 1, row->type, row->near_kind[m + l]);
            for (int v = 0; v < nep_cover(p->n[1]); v += NEP_WIDTH) {
                nep_v g, dg;
                nep_contract(c + v, wide, p->k[1], f + l, df + l, &g, &dg);
                nep_store(row->g + (m + l) * wide + v, g);
                nep_store(row->dg + (m + l) * wide + v, dg);
            }
        }
        if (sum) {
            for (int h = 0; h < 8; h += NEP_WIDTH) {
                nep_harmonics(p, nep_load(row->u[0] + m + h), nep_load(row->u[1] + m + h),
                              nep_load(row->u[2] + m + h), harmonics + h);
            }
            nep_accumulate(p, row->g + m * wide, harmonics, live, row->a);
        }
    }
}

/* ---- forces ---- */

/* f_ij of the radial functions, 8 pairs at a time. */
static inline void nep_radial_force(const ath__nep_params *p, nep_row *row, int32_t n)
{
    const int64_t wide = p->wide[0];
    double turned[8 * ATH__NEP_FUNCTIONS];
    for (int32_t m = 0; m < n; m += 8) {
        for (int v = 0; v < wide; v += 8) {
            nep_transpose(row->slope + m * wide + v, wide, turned + 8 * v);
        }
        for (int h = 0; h < 8; h += NEP_WIDTH) {
            nep_v sum = nep_load(turned + h) * nep_set(row->dq[0]);
            for (int k = 1; k < p->n[0]; k++) {
                sum = nep_fma(nep_load(turned + 8 * k + h), nep_set(row->dq[k]), sum);
            }
            sum = sum * nep_load(row->over + m + h);
            nep_store(row->force[0] + m + h, sum * nep_load(row->d.x + m + h));
            nep_store(row->force[1] + m + h, sum * nep_load(row->d.y + m + h));
            nep_store(row->force[2] + m + h, sum * nep_load(row->d.z + m + h));
        }
    }
}

/* Weights of the harmonics of a block of pairs: h = sum_n g_n da_n, h1 = sum_n dg_n da_n,
 * [place][8]; g, dg: [n][8]. */
NEP_INLINE void nep_weights(const ath__nep_params *p, int n, const double *da, const double *g,
                            const double *dg, double *h, double *h1)
{
    const int64_t wide = p->wide[1];
    for (int v = 0; v < 8; v += NEP_WIDTH) {
        for (int place = 0; place < p->n_places; place++) {
            const double *w = da + place * wide;
            nep_v sum = nep_load(g + v) * nep_set(w[0]), slope = nep_load(dg + v) * nep_set(w[0]);
            for (int k = 1; k < n; k++) {
                sum = nep_fma(nep_load(g + 8 * k + v), nep_set(w[k]), sum);
                slope = nep_fma(nep_load(dg + 8 * k + v), nep_set(w[k]), slope);
            }
            nep_store(h + 8 * place + v, sum);
            nep_store(h1 + 8 * place + v, slope);
        }
    }
}

/* Adds the gradient of the weighted harmonics of the block at m to the forces of its pairs. */
NEP_INLINE void nep_push(const ath__nep_params *p, nep_row *row, int32_t m, const double *h,
                         const double *h1)
{
    double f[3][8];
    const int32_t live = row->n_angular - m < 8 ? row->n_angular - m : 8;
    for (int v = 0; v < 8; v += NEP_WIDTH) {
        const nep_v u[3] = {nep_load(row->u[0] + m + v), nep_load(row->u[1] + m + v),
                            nep_load(row->u[2] + m + v)};
        nep_v out[3];
        nep_gradient(p, h + v, h1 + v, u, nep_load(row->near_over + m + v), out);
        for (int k = 0; k < 3; k++) {
            nep_store(f[k] + v, out[k]);
        }
    }
    for (int32_t l = 0; l < live; l++) {
        const int32_t to = row->at[m + l];
        for (int k = 0; k < 3; k++) {
            row->force[k][to] += f[k][l];
        }
    }
}

/* The weights of the block at m. */
NEP_INLINE void nep_block_weights(const ath__nep_params *p, const nep_row *row, int32_t m,
                                  double *h, double *h1)
{
    const int64_t wide = p->wide[1];
    double g[8 * ATH__NEP_FUNCTIONS], dg[8 * ATH__NEP_FUNCTIONS];
    for (int v = 0; v < wide; v += 8) {
        nep_transpose(row->g + m * wide + v, wide, g + 8 * v);
        nep_transpose(row->dg + m * wide + v, wide, dg + 8 * v);
    }
    switch (p->n[1]) { /* a number that the compiler knows: g and dg stay in registers */
    case 5:
        nep_weights(p, 5, row->da, g, dg, h, h1);
        break;
    case 7:
        nep_weights(p, 7, row->da, g, dg, h, h1);
        break;
    case 9:
        nep_weights(p, 9, row->da, g, dg, h, h1);
        break;
    default:
        nep_weights(p, p->n[1], row->da, g, dg, h, h1);
    }
}

/* f_ij of the angular functions. */
static inline void nep_angular_force(const ath__nep_params *p, nep_row *row)
{
    double h[8 * ATH__NEP_HARMONICS], h1[8 * ATH__NEP_HARMONICS];
    for (int32_t m = 0; m < row->n_angular; m += 8) {
        nep_block_weights(p, row, m, h, h1);
        nep_push(p, row, m, h, h1);
    }
}

/* Adds half of ZBL to the energy of the atom and to f_ij. */
static inline void nep_zbl(const ath__nep_params *p, nep_row *row, int32_t n)
{
    const ath__nep_repulsion *table =
        (const ath__nep_repulsion *)nep_table(p, p->first_zbl) + (int64_t)row->type * p->n_types;
    const double *cutoff = nep_table(p, p->first_cutoff[1]) + (int64_t)row->type * p->n_types;
    for (int32_t m = 0; m < n; m++) {
        const ath__nep_repulsion *pair = &table[row->kind[m]];
        const double r = row->r[m];
        if (r < pair->outer && r < cutoff[row->kind[m]]) {
            double v, slope;
            ath__nep_repel(pair, r, &v, &slope);
            const double f = 0.5 * slope * row->over[m];
            row->energy += 0.5 * v;
            row->force[0][m] += f * row->d.x[m];
            row->force[1][m] += f * row->d.y[m];
            row->force[2][m] += f * row->d.z[m];
        }
    }
}

#endif
