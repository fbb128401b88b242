/* Parameters of the effective-medium theory as the kernels read them. Private; shared by .c and
 * .cu.
 *
 * Tables are indexed by kind: 0 .. 6 are Al Ni Cu Pd Ag Pt Au, 7 is any other element (all NaN, so
 * that a system that should have been refused shows at once). Tables of pairs are [kind of atom
 * i][kind of atom j]. See emt.c for the formulas.
 */
#ifndef ATHANOR_MODELS_EMT_H
#define ATHANOR_MODELS_EMT_H

#include <stdint.h>

#include "models/model.h"

enum {
    ATH__EMT_KINDS = 8,
    ATH__EMT_UNKNOWN = 7,
    ATH__EMT_NUMBERS = 128, /* atomic numbers that have an entry in `kind` */
    ATH__EMT_CHUNK = 512    /* pairs of a row that are held at once where they are not kept */
};

typedef struct ath__emt_params {
    double cutoff, cutoff2; /* pairs with r < cutoff count, angstrom; its square */
    double rc, acut; /* switching function 1 / (1 + exp(acut (r - rc))): angstrom, 1/angstrom */
    /* exponents of a neighbour of kind b, per angstrom, negative: -eta2_b, -kappa_b / beta */
    double eta[ATH__EMT_KINDS], kappa[ATH__EMT_KINDS];
    /* exp(eta[b] r + density[a][b]) theta(r): what an atom b adds to sigma of an atom a; and [b][a]
     */
    double density[ATH__EMT_KINDS][ATH__EMT_KINDS], density_t[ATH__EMT_KINDS][ATH__EMT_KINDS];
    /* exp(kappa[b] r + pair[a][b]) theta(r): half of a's pair energy with b, in eV; and [b][a] */
    double pair[ATH__EMT_KINDS][ATH__EMT_KINDS], pair_t[ATH__EMT_KINDS][ATH__EMT_KINDS];
    /* embedding: E0 and 6 V0 in eV, lambda / (beta eta2), kappa / (beta eta2) */
    double e0[ATH__EMT_KINDS], v6[ATH__EMT_KINDS], p[ATH__EMT_KINDS], q[ATH__EMT_KINDS];
    int32_t kind[ATH__EMT_NUMBERS]; /* of an atomic number */
} ath__emt_params;

ATH__CHECK_ARGS(EMT_FORCE, ath__force_args, work_bytes);

/* Work memory of the host kernel, in bytes: per atom, per pair that is kept, and for the rest. It
 * needs what n atoms and ATH__EMT_CHUNK pairs take; with more it keeps pairs. */
enum { ATH__EMT_ATOM_BYTES = 96, ATH__EMT_PAIR_BYTES = 56, ATH__EMT_SPARE_BYTES = 2048 };

/* Systems of more than ATH__TEAM_ATOMS atoms (emt_sections.h): sections that they are cut into;
 * work memory of one member, of an atom, and of the rest. Sums of section p are kept for the atoms
 * from its first one on, so there are half as many as sections and atoms; the first atom of a
 * section lies less than two blocks before its share of all atoms. */
enum {
    ATH__EMT_SECTIONS = 16,
    ATH__EMT_SUM_BYTES = 5 * 8, /* sigma and force */
    ATH__EMT_MEMBER_BYTES = (ATH__EMT_CHUNK + 16) * ATH__EMT_PAIR_BYTES,
    ATH__EMT_LARGE_ATOM_BYTES = 52 + 1 + ATH__EMT_SUM_BYTES * (ATH__EMT_SECTIONS + 1) / 2,
    ATH__EMT_LARGE_BYTES = ATH__EMT_SECTIONS * (3 * ATH__BLOCK * ATH__EMT_SUM_BYTES + 1024) + 65536
};

#endif
