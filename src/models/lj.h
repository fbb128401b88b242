/* Lennard-Jones: parameters as the kernels read them, and the formula of a pair. Private; shared by
 * .c and .cu files.
 *
 *     u(r) = 4 eps ((sigma / r)^12 - (sigma / r)^6)
 *
 * With s = sigma^2 / r^2 and q = s^3 every scheme is a fixed sequence of + - * / sqrt, so its bits
 * are the same everywhere, for one number as for a vector of them. f is -du/dr / r: atom i of a
 * pair with d = r_ij gets the force -f d, atom j gets f d. For r < cutoff, with a width w and V(r)
 * = u(r):
 *
 *     truncation    u(r)
 *     energy-shift  u(r) - u(cutoff)
 *     force-shift   u(r) - u(cutoff) - (r - cutoff) u'(cutoff)
 *     switch        u(r) S(x), x = max(0, r - on) / (cutoff - on), on = max(0, cutoff - w)
 *                   S = 1 - 10 x^3 + 15 x^4 - 6 x^5 = (1 - x)^3 (1 + 3 x + 6 x^2): two derivatives
 *                   vanish at both ends; the product has no cancellation near x = 1
 *
 * Pairs at r >= cutoff are left out by whoever calls.
 */
#ifndef ATHANOR_MODELS_LJ_H
#define ATHANOR_MODELS_LJ_H

#include <math.h>
#include <stdint.h>

#include "models/model.h"

enum ath__lj_scheme {
    ATH__LJ_TRUNCATION,
    ATH__LJ_ENERGY_SHIFT,
    ATH__LJ_FORCE_SHIFT,
    ATH__LJ_SWITCH
};

enum {
    ATH__LJ_KINDS = 16,    /* kinds of atoms with parameters of their own; 0: all other elements */
    ATH__LJ_NUMBERS = 128, /* atomic numbers that have an entry in `kind` */
    ATH__LJ_TABLE = ATH__LJ_KINDS * ATH__LJ_KINDS,
    /* Systems of at most this many atoms whose cutoff allows it (ath__all_pairs_enough) need no
     * list: beyond, all pairs cost more than a list does. */
    ATH__LJ_ALL_PAIRS = 192,
    ATH__LJ_ALL_PAIRS_MIXED = 256,
    /* Work memory of the host kernel. All pairs of 192 atoms (256 in mixed precision) take 100 KiB,
     * the neighbours that a member keeps 40 KiB. A list needs per atom: its kind, its position in
     * 32 bytes, and 1/256 of the sums of a block. */
    ATH__LJ_FIXED_BYTES = 160 * 1024,
    ATH__LJ_MEMBER_BYTES = 40 * 1024,
    ATH__LJ_ATOM_BYTES = 37
};

/* What a pair of kinds a and b needs, as a number of type T or a vector of them. */
#define ATH__LJ_PAIR(name, T)                                                                      \
    typedef struct name {                                                                          \
        T sigma2; /* angstrom^2 */                                                                 \
        T c24;    /* 24 eps / sigma^2 */                                                           \
        T e4;     /* 4 eps, eV */                                                                  \
        T shift;  /* u(cutoff), eV; 0 where the scheme does not shift */                           \
        T slope;  /* u'(cutoff), eV / angstrom; 0 but for force-shift */                           \
    } name

/* Tables over pairs of kinds, [kind of i * n_kinds + kind of j]. */
#define ATH__LJ_TABLES(name, T)                                                                    \
    typedef struct name {                                                                          \
        T sigma2[ATH__LJ_TABLE], c24[ATH__LJ_TABLE], e4[ATH__LJ_TABLE], shift[ATH__LJ_TABLE],      \
            slope[ATH__LJ_TABLE];                                                                  \
        T cutoff, cutoff2, on, per_width; /* of the switch: where it begins, 1 / (cutoff - on) */  \
    } name

ATH__LJ_TABLES(ath__lj_tables_d, double);
ATH__LJ_TABLES(ath__lj_tables_f, float);

typedef struct ath__lj_params {
    double cutoff; /* angstrom */
    int32_t scheme;
    int32_t mixed;   /* 1: pair arithmetic in float32 */
    int32_t n_kinds; /* >= 1 */
    int32_t tail;    /* 1: add the correction for r > cutoff to energy and stress */
    int32_t all_pairs_max;
    int32_t kind[ATH__LJ_NUMBERS];
    /* n_a n_b / V times these is the correction of the energy, n_a n_b / V^2 that of the pressure,
     * summed over all ordered pairs of kinds; eV angstrom^3 */
    double tail_energy[ATH__LJ_TABLE], tail_pressure[ATH__LJ_TABLE];
    ath__lj_tables_d d;
    ath__lj_tables_f f; /* the same, rounded */
} ath__lj_params;

ATH__CHECK_ARGS(LJ_FORCE, ath__force_args, work_bytes);

/* Defines `name`: f, and e if want_energy, of r2 (angstrom^2), for type T with the scalars and
 * constants of type REAL. SQRT(T) is the root, POSITIVE(T) is max(0, .). */
#define ATH__LJ_FORMULA(linkage, name, pair, tables, T, REAL, SQRT, POSITIVE)                      \
    linkage void name(const pair *p, const tables *t, int scheme, int want_energy, T r2, T *f,     \
                      T *e)                                                                        \
    {                                                                                              \
        const T s = p->sigma2 / r2;                                                                \
        const T q = s * s * s;                                                                     \
        const T c48 = p->c24 + p->c24;                                                             \
        T force = (q * (c48 * q - p->c24)) * s;                                                    \
        T energy = r2; /* replaced wherever it is used */                                          \
        if (want_energy || scheme == ATH__LJ_SWITCH) {                                             \
            energy = q * (p->e4 * q - p->e4) - p->shift;                                           \
        }                                                                                          \
        if (scheme == ATH__LJ_FORCE_SHIFT) {                                                       \
            const T r = SQRT(r2);                                                                  \
            force = force + p->slope / r;                                                          \
            if (want_energy) {                                                                     \
                energy = energy - (r - t->cutoff) * p->slope;                                      \
            }                                                                                      \
        }                                                                                          \
        if (scheme == ATH__LJ_SWITCH) {                                                            \
            const T r = SQRT(r2);                                                                  \
            const T x = POSITIVE((r - t->on) * t->per_width);                                      \
            const T y = (REAL)1 - x;                                                               \
            const T yy = y * y;                                                                    \
            const T part = (yy * y) * ((REAL)1 + x * ((REAL)3 + (REAL)6 * x));                     \
            const T fall = (((REAL)30 * (x * x)) * yy) * t->per_width;                             \
            force = force * part + (energy * fall) / r;                                            \
            energy = energy * part;                                                                \
        }                                                                                          \
        *f = force;                                                                                \
        *e = energy;                                                                               \
    }

/* One pair in float64: the reference for everything else. */
ATH__LJ_PAIR(ath__lj_pair_d, double);
#define ATH__LJ_POSITIVE(x) ((x) > 0.0 ? (x) : 0.0)
ATH__LJ_FORMULA(ATH__HD static inline, ath__lj_pair_terms, ath__lj_pair_d, ath__lj_tables_d, double,
                double, sqrt, ATH__LJ_POSITIVE)

/* Parameters of the pair of kinds at `index` of the tables. */
ATH__HD static inline ath__lj_pair_d ath__lj_pair_at(const ath__lj_tables_d *t, int32_t index)
{
    const ath__lj_pair_d p = {t->sigma2[index], t->c24[index], t->e4[index], t->shift[index],
                              t->slope[index]};
    return p;
}

/* Kind of an atomic number. */
ATH__HD static inline int32_t ath__lj_kind(const ath__lj_params *par, int32_t number)
{
    return number >= 0 && number < ATH__LJ_NUMBERS ? par->kind[number] : 0;
}

#endif
