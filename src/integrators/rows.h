/* rows.h - how host kernels of integrators walk over the atoms of a system: eight at a time.
 *
 * Vector fields are (N,3) rows, so eight atoms are 24 contiguous doubles, and component k of them
 * belongs to atom k / 3. Loops over the 24 have constant trip counts and vectorise at any width;
 * what is per atom is spread over its three components by shuffles. Nothing here rounds. The last
 * atoms of a system are computed as eight, too: rows are padded to 32 (data/view.h), so that the
 * padding may be read; what comes of it goes to a local copy, and only rows of the system are
 * written.
 *
 * Host only (*_kernel.c).
 */
#ifndef ATHANOR_INTEGRATORS_ROWS_H
#define ATHANOR_INTEGRATORS_ROWS_H

#include "data/view.h"
#include "integrators/nve.h"

enum { ATH__ROWS = 8, ATH__ROWS3 = 24 };

/* Neither compiler inlines through a pointer to a function by itself. */
#define ATH__INLINED static inline __attribute__((always_inline))

/* In front of a loop over lanes: clang would unroll it before it could vectorise it. */
#if defined(__clang__)
#define ATH__LANE_LOOP _Pragma("clang loop unroll(disable)")
#else
#define ATH__LANE_LOOP
#endif

/* The atoms of one system. */
typedef struct ath__rows {
    double *positions, *velocities; /* [n][3] */
    const double *forces;           /* [n][3] */
    const double *masses;           /* [n] */
    const uint8_t *fixed;           /* [n][3]; NULL if no component is fixed */
    int64_t first, n; /* number of the first atom in its system; atoms from there on */
} ath__rows;

static inline ath__rows ath__rows_of(const ath__view *view, int32_t slot)
{
    int64_t first = view->first[slot];
    ath__rows rows = {view->positions + 3 * first, view->velocities + 3 * first,
                      view->forces + 3 * first,    view->masses + first,
                      view->fixed + 3 * first,     0,
                      view->n_atoms[slot]};
    if (!(view->flags[slot] & ATH__SLOT_HAS_FIXED)) {
        rows.fixed = NULL;
    }
    return rows;
}

/* The rows from `first` on. */
static inline ath__rows ath__rows_at(const ath__rows *rows, int64_t first)
{
    ath__rows at = *rows;
    at.positions += 3 * first;
    at.velocities += 3 * first;
    at.forces += 3 * first;
    at.masses += first;
    at.fixed = at.fixed ? at.fixed + 3 * first : NULL;
    at.first += first;
    at.n -= first;
    return at;
}

/* The rows of a member's share. */
static inline ath__rows ath__rows_share(const ath__rows *rows, const ath__share *share)
{
    int64_t begin, end;
    ath__share_range(share, rows->n, &begin, &end);
    ath__rows at = ath__rows_at(rows, begin);
    at.n = end - begin;
    return at;
}

/* Says that energy and forces of a system are older than its positions, when all members have read
 * its flags. */
static inline void ath__rows_moved(const ath__view *view, int32_t slot, const ath__share *share)
{
    ath__meet(share);
    if (share->member == 0) {
        view->flags[slot] |= ATH__SLOT_STALE;
    }
}

/* An update of eight atoms: reads the rows `at` (at.fixed is NULL where all components are free)
 * and writes new positions and velocities, [8][3] each, which may be those of `at`. */
typedef void (*ath__rows_update)(ath__rows at, double *positions, double *velocities,
                                 void *parameters);

/* Updates all atoms of a system; `moves` says whether update writes positions. */
ATH__INLINED void ath__rows_each(const ath__rows *rows, ath__rows_update update, int moves,
                                 void *parameters)
{
    int64_t i = 0;
    for (; i + ATH__ROWS <= rows->n; i += ATH__ROWS) {
        ath__rows at = ath__rows_at(rows, i);
        update(at, at.positions, at.velocities, parameters);
    }
    if (i < rows->n) {
        double positions[ATH__ROWS3], velocities[ATH__ROWS3];
        ath__rows at = ath__rows_at(rows, i);
        update(at, positions, velocities, parameters);
        for (int64_t k = 0; k < 3 * at.n; k++) {
            if (moves) {
                at.positions[k] = positions[k];
            }
            at.velocities[k] = velocities[k];
        }
    }
}

#if defined(__AVX512F__)
#define ATH__LANES 8
#define ATH__SPREAD0 0, 0, 0, 1, 1, 1, 2, 2
#define ATH__SPREAD1 2, 3, 3, 3, 4, 4, 4, 5
#define ATH__SPREAD2 5, 5, 6, 6, 6, 7, 7, 7
#elif defined(__AVX__)
#define ATH__LANES 4
#define ATH__SPREAD0 0, 0, 0, 1
#define ATH__SPREAD1 1, 1, 2, 2
#define ATH__SPREAD2 2, 3, 3, 3
#else
#define ATH__LANES 2
#define ATH__SPREAD0 0, 0
#define ATH__SPREAD1 0, 1
#define ATH__SPREAD2 1, 1
#endif
typedef double ath__lanes __attribute__((vector_size(8 * ATH__LANES)));

/* out[k] = in[k / 3]. Three shuffles for each machine vector of atoms. */
static inline void ath__rows_spread(const double in[ATH__ROWS], double out[ATH__ROWS3])
{
    for (int i = 0; i < ATH__ROWS; i += ATH__LANES) {
        ath__lanes x, y;
        __builtin_memcpy(&x, in + i, sizeof x);
        y = __builtin_shufflevector(x, x, ATH__SPREAD0);
        __builtin_memcpy(out + 3 * i, &y, sizeof y);
        y = __builtin_shufflevector(x, x, ATH__SPREAD1);
        __builtin_memcpy(out + 3 * i + ATH__LANES, &y, sizeof y);
        y = __builtin_shufflevector(x, x, ATH__SPREAD2);
        __builtin_memcpy(out + 3 * i + 2 * ATH__LANES, &y, sizeof y);
    }
}

/* w[k] = 1/m of atom k / 3 (0 where m is 0). */
static inline void ath__rows_inverse_masses(const double masses[ATH__ROWS], double w[ATH__ROWS3])
{
    _Alignas(64) double inverse[ATH__ROWS];
    ATH__LANE_LOOP
    for (int i = 0; i < ATH__ROWS; i++) {
        inverse[i] = ath__inverse_mass(masses[i]);
    }
    ath__rows_spread(inverse, w);
}

/* Writes what was computed; a fixed component keeps its place and has velocity 0. r NULL: positions
 * are not written. */
static inline void ath__rows_store(const ath__rows *at, const double r[ATH__ROWS3],
                                   const double v[ATH__ROWS3], double *positions,
                                   double *velocities)
{
    if (at->fixed) {
        ATH__LANE_LOOP
        for (int k = 0; k < ATH__ROWS3; k++) {
            if (r) {
                positions[k] = at->fixed[k] ? at->positions[k] : r[k];
            }
            velocities[k] = at->fixed[k] ? 0.0 : v[k];
        }
        return;
    }
    ATH__LANE_LOOP
    for (int k = 0; k < ATH__ROWS3; k++) {
        if (r) {
            positions[k] = r[k];
        }
        velocities[k] = v[k];
    }
}

/* out[3 i], out[3 i + 1], out[3 i + 2] = x[i], y[i], z[i]. */
static inline void ath__rows_join(const double x[ATH__ROWS], const double y[ATH__ROWS],
                                  const double z[ATH__ROWS], double out[ATH__ROWS3])
{
    ATH__LANE_LOOP
    for (int i = 0; i < ATH__ROWS; i++) {
        out[3 * i] = x[i];
        out[3 * i + 1] = y[i];
        out[3 * i + 2] = z[i];
    }
}

#endif
