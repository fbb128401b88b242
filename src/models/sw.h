/* The Stillinger-Weber potential: parameters as the kernel reads them, its work memory, and the
 * reader of parameter files. Private; shared by .c and .cu files. The formulas stand in sw.c.
 *
 * Elements are numbered by kind, 0 ... n_kinds - 1. Tables of pairs are indexed [i * n_kinds + j],
 * i being the atom in the centre; tables of angles [(i * n_kinds + j) * n_kinds + k], j and k being
 * the ends.
 */
#ifndef ATHANOR_MODELS_SW_H
#define ATHANOR_MODELS_SW_H

#include <stdint.h>

#include "models/model.h"

enum {
    ATH__SW_KINDS = 16,
    ATH__SW_PAIRS = ATH__SW_KINDS * ATH__SW_KINDS,
    ATH__SW_ANGLES = ATH__SW_PAIRS * ATH__SW_KINDS,
    ATH__SW_NUMBERS = 128, /* atomic numbers that have an entry in `kind` */
    ATH__SW_MOMENTS = 10   /* numbers kept per atom and kind of neighbour, see sw_kernel.c */
};

/* 1 kcal/mol in eV, of constants that are exact. */
#define ATH__SW_KCAL (4184.0 / (6.02214076e23 * 1.602176634e-19))

typedef struct ath__sw_params {
    double cutoff;                 /* the longest, angstrom */
    int32_t n_kinds;               /* 1 ... ATH__SW_KINDS */
    int32_t p_whole, q_whole;      /* exponents that all pairs share, 0 ... 32; else -1 */
    int32_t kind[ATH__SW_NUMBERS]; /* of an atomic number; -1: no parameters */
    double cutoff2[ATH__SW_PAIRS]; /* a pair counts if r^2 is less, angstrom^2 */
    double range[ATH__SW_PAIRS];   /* a sigma, angstrom */
    double nearest[ATH__SW_PAIRS]; /* r - a sigma is taken as this if it is more, angstrom, < 0 */
    double sigma[ATH__SW_PAIRS];   /* angstrom */
    double decay[ATH__SW_PAIRS];   /* gamma sigma, angstrom */
    double depth[ATH__SW_PAIRS];   /* A epsilon, eV */
    double b[ATH__SW_PAIRS], p[ATH__SW_PAIRS], q[ATH__SW_PAIRS];
    double same[ATH__SW_PAIRS]; /* lambda epsilon (1 - c0)^2 of the angle i j j, eV */
    /* lambda epsilon times c0^2, c0, 1: eV, symmetric in j and k */
    double angle0[ATH__SW_ANGLES], angle1[ATH__SW_ANGLES], angle2[ATH__SW_ANGLES];
} ath__sw_params;

ATH__CHECK_ARGS(SW_FORCE, ath__force_args, work_bytes);

/* ---- work memory of the host kernel ---- */

enum {
    ATH__SW_GROUP = 8,  /* atoms that are worked on side by side */
    ATH__SW_PIECE = 32, /* neighbours of each of them that are held at once */
    /* What is held of a neighbour of each of eight atoms: one kind, many kinds. */
    ATH__SW_RECORD_BYTES = 512,
    ATH__SW_RECORD_MANY_BYTES = 640,
    ATH__SW_MEMBER_BYTES = 64 + ATH__SW_PIECE * ATH__SW_RECORD_MANY_BYTES
};

/* Where things lie in the work memory for a system of n atoms, in bytes from its beginning. */
typedef struct ath__sw_places {
    int64_t points, kinds, moments, groups, sums, members;
    int64_t records; /* the rest; after the memory of one member */
} ath__sw_places;

static inline int64_t ath__sw_after(int64_t at, int64_t count, int64_t bytes)
{
    return at + (count * bytes + 63) / 64 * 64;
}

static inline ath__sw_places ath__sw_layout(int64_t n, int32_t n_kinds)
{
    const int64_t rows = (n + ATH__SW_GROUP) / ATH__SW_GROUP * ATH__SW_GROUP;
    ath__sw_places p = {0};
    p.kinds = ath__sw_after(p.points, rows, 4 * 8);
    p.moments = ath__sw_after(p.kinds, rows, 4);
    p.groups = ath__sw_after(p.moments, rows, (int64_t)n_kinds * ATH__SW_MOMENTS * 8);
    p.sums = ath__sw_after(p.groups, rows / ATH__SW_GROUP, 8);
    p.members = ath__sw_after(p.sums, n / ATH__BLOCK + 1, 8 * 8);
    p.records = p.members + ATH__SW_MEMBER_BYTES;
    return p;
}

/* ---- parameter files ---- */

/* One entry of a parameter file. */
typedef struct ath__sw_angle {
    double epsilon, sigma, a, lambda, gamma, c0, A, B, p, q, tol; /* eV, angstrom, 1 */
} ath__sw_angle;

/* What a file says of every three of its elements. */
typedef struct ath__sw_table {
    int32_t n_kinds;
    int32_t number[ATH__SW_KINDS]; /* atomic numbers */
    int32_t line[ATH__SW_ANGLES];  /* where it stands, from 1; 0: unknown; see ath__sw_at */
    ath__sw_angle angle[ATH__SW_ANGLES];
} ath__sw_table;

/* Place of an angle in a table, which has room for all kinds. */
static inline int32_t ath__sw_at(int32_t i, int32_t j, int32_t k)
{
    return (i * ATH__SW_KINDS + j) * ATH__SW_KINDS + k;
}

/* Reads a parameter file (sw_read.c). elements: "" for all elements of the file, or those to be
 * used, "Si;O:mW", a name after a colon being what the file calls the element. Messages begin with
 * path:line:column. */
ath_status ath__sw_read(ath_context *ctx, const char *path, const char *elements,
                        ath__sw_table *out);
/* The same from memory. */
ath_status ath__sw_parse(ath_context *ctx, const char *path, const char *text, size_t bytes,
                         const char *elements, ath__sw_table *out);
/* What the kernel needs, of a table in which every angle is known. `name` begins the messages. */
ath_status ath__sw_prepare(ath_context *ctx, const char *name, const ath__sw_table *table,
                           ath__sw_params *out);

#endif
