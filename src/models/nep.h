/* NEP, the neuroevolution potential: what a file says, and what the kernels read. Private; shared
 * by .c and .cu.
 *
 * For an atom i of type t with neighbours j (every periodic image counts), r = |r_ij|, u = r_ij / r
 * and x = 2 (r/r_c - 1)^2 - 1, with T_k the Chebyshev polynomials:
 *
 *     f_k(r) = (T_k(x) + 1)/2 fc(r), k = 0..K, f_0 = fc
 *     fc(r)  = (1 + cos(pi r/r_c))/2 for r < r_c
 *     g_n(r) = sum_k c_nk^{t_i t_j} f_k(r), n = 0..n_max; one set R, one set A
 *
 *     q_n    = sum_j g^R_n(r_ij)                                radial
 *     a_nlm  = sum_j g^A_n(r_ij) R_lm(u)                        R_lm: orthonormal, real
 *     q_nl   = sum_m a_nlm^2, l = 1..L                          3-body
 *     q_n    = sum over m's of (l1 l2 l3; m1 m2 m3) A_l1m1 A_l2m2 A_l3m3        4-body
 *     q_n    = 7/15 q_n1^2                                      5-body, 1111
 *     U_i    = sum_h w1_h tanh(sum_d w0_hd s_d q_d - b0_h) - b1 - b_t
 *     E      = sum_i U_i
 *
 * with A_lm the same sums with complex harmonics; as real polynomials in a_nlm they are in
 * nep_terms.h. f_ij = dU_i/dr_ij gives F_i = sum_j (f_ij - f_ji) and V stress = sum r_ij f_ij^T. To
 * U_i is added half of the ZBL repulsion (nep_zbl.h) of each of its pairs.
 *
 * Z. Fan et al., Phys. Rev. B 104, 104309 (2021); J. Chem. Phys. 157, 114801 (2022); K. Song et
 * al., Nat. Commun. 15, 10208 (2024); J. Liu et al., Phys. Rev. B 108, 054312 (2023) for ZBL.
 */
#ifndef ATHANOR_MODELS_NEP_H
#define ATHANOR_MODELS_NEP_H

#include <stdint.h>

#include "models/model.h"

enum {
    ATH__NEP_TYPES = 118,
    ATH__NEP_NUMBERS = 119,  /* atomic numbers 0 .. 118 */
    ATH__NEP_FUNCTIONS = 32, /* most of n_max + 1 and of K + 1 */
    ATH__NEP_MAX_L = 8,
    ATH__NEP_HARMONICS = 80, /* (l, m), l = 1 .. 8; place l^2 - 1 + l + m */
    ATH__NEP_BODIES = 6,     /* 222 1111 112 123 233 134 */
    ATH__NEP_BLOCKS = ATH__NEP_MAX_L + ATH__NEP_BODIES,
    ATH__NEP_DIMENSION = ATH__NEP_FUNCTIONS * (1 + ATH__NEP_BLOCKS),
    ATH__NEP_NEURONS = 1024
};

enum { ATH__NEP_222, ATH__NEP_1111, ATH__NEP_112, ATH__NEP_123, ATH__NEP_233, ATH__NEP_134 };
enum { ATH__NEP_NO_ZBL, ATH__NEP_UNIVERSAL, ATH__NEP_TYPEWISE, ATH__NEP_FLEXIBLE };

/* A file, as it is. values, in the order of the file: for each network w0[H][D], b0[H], w1[H] and
 * for NEP5 the bias of the type; the common bias; c_R[n][k][t_i][t_j]; c_A likewise; the scalers
 * [D]; flexible ZBL [pair of types][10]. */
typedef struct ath__nep_file {
    int32_t version; /* 3, 4, 5 */
    int32_t n_types;
    int32_t numbers[ATH__NEP_TYPES];         /* atomic numbers of the types */
    double cutoff[2][ATH__NEP_TYPES];        /* radial, angular; angstrom */
    int32_t zbl;                             /* ATH__NEP_UNIVERSAL ... */
    double zbl_inner, zbl_outer, zbl_factor; /* angstrom, angstrom, 1 */
    int32_t n[2], k[2];                      /* n_max + 1, K + 1; radial, angular */
    int32_t l_max;                           /* of the 3-body blocks */
    int32_t body[ATH__NEP_BODIES];           /* 1: present */
    int32_t l_top;                           /* largest l that any block needs */
    int32_t n_blocks, dimension, neurons;    /* angular blocks, D, H */
    int64_t network;                         /* numbers per network */
    int64_t n_networks;                      /* 1 for NEP3, else one per type */
    int64_t n_parameters, n_values;          /* without and with scalers and ZBL */
    double *values;
} ath__nep_file;

/* Reads a file; ATH_E_FORMAT and ATH_E_UNSUPPORTED with file, line and column. On success the
 * caller frees it. */
ath_status ath__nep_read(ath_context *ctx, const char *path, ath__nep_file *out);
/* The same from memory; path is for messages. */
ath_status ath__nep_parse(ath_context *ctx, const char *path, const char *text, size_t bytes,
                          ath__nep_file *out);
/* Whether a file that begins with these bytes is meant to be one. */
bool ath__nep_begins(const char *head, size_t n);
void ath__nep_free(ath_context *ctx, ath__nep_file *file);

/* First of the values of network t (a type), the common bias, c_nk of types i, j, scalers, ZBL. */
static inline const double *ath__nep_network(const ath__nep_file *f, int32_t t)
{
    return f->values + (f->n_networks > 1 ? t : 0) * f->network;
}
static inline double ath__nep_bias(const ath__nep_file *f)
{
    return f->values[f->n_networks * f->network];
}
static inline double ath__nep_c(const ath__nep_file *f, int angular, int32_t n, int32_t k,
                                int32_t i, int32_t j)
{
    const int64_t types = f->n_types;
    const int64_t first =
        f->n_networks * f->network + 1 + (angular ? (int64_t)f->n[0] * f->k[0] * types * types : 0);
    return f->values[first + ((n * (int64_t)f->k[angular] + k) * types + i) * types + j];
}
static inline const double *ath__nep_scalers(const ath__nep_file *f)
{
    return f->values + f->n_parameters;
}
/* The ten numbers of an unordered pair of types. */
static inline const double *ath__nep_pair(const ath__nep_file *f, int32_t i, int32_t j)
{
    const int64_t a = i < j ? i : j, b = i < j ? j : i;
    return ath__nep_scalers(f) + f->dimension + 10 * (a * f->n_types - a * (a - 1) / 2 + (b - a));
}
/* Place of R_lm, m < 0 sine, m > 0 cosine. */
static inline int32_t ath__nep_place(int32_t l, int32_t m)
{
    return l * l - 1 + l + m;
}
/* Cutoff of a pair of types: the mean. */
static inline double ath__nep_cutoff(const ath__nep_file *f, int angular, int32_t i, int32_t j)
{
    return 0.5 * (f->cutoff[angular][i] + f->cutoff[angular][j]);
}

/* ---- what the kernels read ---- */

/* Head of the block of parameters; tables follow it, at `first_...` doubles from the beginning of
 * the block. Rows over n are padded to multiples of 8 with zeros, so are neurons and the rows of a
 * network. Scalers are multiplied into w0, biases of energies are added up. */
typedef struct ath__nep_params {
    double cutoff, cutoff2; /* the largest; its square */
    double zbl_reach;       /* largest outer cutoff of ZBL; 0: none */
    int32_t n_types;
    int32_t n[2], k[2], wide[2];            /* functions, basis functions, padded functions; R, A */
    int32_t l_max, l_top, n_places, places; /* places: padded */
    int32_t body[ATH__NEP_BODIES];
    int32_t dimension, rows;               /* D; padded */
    int32_t neurons;                       /* padded */
    int32_t mixed;                         /* 1: cutoffs differ from pair to pair */
    int32_t type[ATH__NEP_NUMBERS];        /* of an atomic number; -1: none */
    int64_t first_c[2];                    /* c[t_i][t_j][k][wide] */
    int64_t first_network[ATH__NEP_TYPES]; /* w0[rows][neurons], b0[neurons], w1[neurons], bias */
    int64_t first_cutoff[2];               /* r_c[t_i][t_j] */
    int64_t first_reach;                   /* the larger of both [t_i][t_j] */
    int64_t first_zbl;                     /* ath__nep_repulsion[t_i][t_j] */
    /* normalised associated Legendre functions without their sines, Q_lm: Q_mm = top[m], and
     * Q_lm = a[l][m] (z Q_(l-1)m - b[l][m] Q_(l-2)m) */
    double top[ATH__NEP_MAX_L + 1];
    double a[ATH__NEP_MAX_L + 1][ATH__NEP_MAX_L + 1], b[ATH__NEP_MAX_L + 1][ATH__NEP_MAX_L + 1];
} ath__nep_params;

ATH__CHECK_ARGS(NEP_FORCE, ath__force_args, work_bytes);

/* Doubles in the block before the tables. */
enum { ATH__NEP_HEAD = (int)((sizeof(ath__nep_params) + 63) / 64 * 8) };

/* Work memory of the host kernel: what the members of a team share, then for each member what it
 * gives to other atoms, and a scratch. */
enum {
    ATH__NEP_WINDOW = 512, /* entries of a row that are worked through at once */
    ATH__NEP_SPARE = 16    /* pairs that do not fill a vector, and what is written past the end */
};

enum { ATH__NEP_SHARED_BYTES = 32, ATH__NEP_GIVEN_BYTES = 32 }; /* per atom */

static inline int64_t ath__nep_round(int64_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

/* Up to so many types in a system are few, see nep_few.h. */
enum { ATH__NEP_FEW = ATH__NEP_FUNCTIONS / 4 };
static inline int ath__nep_few(const ath__nep_params *p)
{
    return p->wide[0] / 4;
}

/* Bytes of scratch. */
static inline int64_t ath__nep_scratch(const ath__nep_params *p)
{
    const int64_t pairs = ATH__NEP_WINDOW + ATH__NEP_SPARE;
    const int64_t slope = p->wide[0] > p->k[0] ? p->wide[0] : p->k[0];
    const int64_t row = 15 + slope + 2 * p->wide[1]; /* doubles per pair, see nep_row_layout */
    const int64_t sums = 9 * ath__nep_few(p) * (int64_t)p->k[0];
    const int64_t own = 2 * (int64_t)p->places * p->wide[1] + 2 * (int64_t)p->rows + 64 +
                        2 * (int64_t)p->neurons + sums;
    return 8 * (pairs * row + own) + 64 * 40;
}

/* Bytes of what a member gives to n atoms, and of its scratch. */
static inline int64_t ath__nep_member(const ath__nep_params *p, int64_t n)
{
    return ath__nep_round(ATH__NEP_GIVEN_BYTES * (n + 8)) + ath__nep_scratch(p);
}

/* Bytes of what members share of n atoms: per atom, and one number per block. */
static inline int64_t ath__nep_shared(int64_t n)
{
    return ATH__NEP_SHARED_BYTES * (n + 16) + 64 * (n / ATH__BLOCK + 1) + 512;
}

#endif
