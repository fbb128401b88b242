/* Structures for test_emt.c and test_emt_bits.c, made from a seed: crystals, alloys with a random
 * strain, slabs, clusters, chains, cells far smaller than the cutoff. Nothing here is random
 * between runs.
 */
#ifndef ATHANOR_TESTS_EMT_STRUCTURES_H
#define ATHANOR_TESTS_EMT_STRUCTURES_H

#include "emt_runner.h"

enum { STRUCTURE_KINDS = 6, STRUCTURE_MAX_ATOMS = 144 };

static const int32_t structure_elements[7] = {13, 28, 29, 46, 47, 78, 79};

/* xorshift64*, in (-1, 1). */
static inline double structure_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (double)(int64_t)(*state * UINT64_C(2685821657736338717)) * 0x1p-63;
}

static inline int32_t structure_integer(uint64_t *state, int32_t n)
{
    const int32_t k = (int32_t)((structure_random(state) + 1.0) * 0.5 * n);
    return k < n ? k : n - 1;
}

/* An fcc crystal of n[0] x n[1] x n[2] cubic cells (of `basis` <= 4 atoms), lattice constant a, all
 * of element 29 and exactly on their sites. */
static inline ath_system *structure_fcc(ath_context *ctx, const int32_t n[3], int basis, double a,
                                        const int32_t pbc[3])
{
    static const double site[4][3] = {{0, 0, 0}, {0.5, 0.5, 0}, {0.5, 0, 0.5}, {0, 0.5, 0.5}};
    ath_system *system = runner_system(ctx, (int64_t)n[0] * n[1] * n[2] * basis, pbc);
    double *x = runner_field(system, ATH_FIELD_POSITIONS);
    double *cell = runner_field(system, ATH_FIELD_CELL);
    int32_t *number = runner_numbers(system);
    for (int32_t c = 0; c < n[0] * n[1] * n[2]; c++) {
        const int32_t at[3] = {c / (n[1] * n[2]), c / n[2] % n[1], c % n[2]};
        for (int b = 0; b < basis; b++) {
            *number++ = 29;
            for (int k = 0; k < 3; k++) {
                *x++ = a * (at[k] + site[b][k]);
            }
        }
    }
    for (int k = 0; k < 3; k++) {
        cell[4 * k] = a * n[k];
    }
    return system;
}

/* Strains cell and atoms by up to `strain` and moves atoms by up to `move` angstrom; 1 to 4
 * elements. */
static inline void structure_disturb(ath_system *system, double strain, double move, uint64_t *seed)
{
    double *x = runner_field(system, ATH_FIELD_POSITIONS);
    double *cell = runner_field(system, ATH_FIELD_CELL), e[9];
    int32_t *number = runner_numbers(system), kinds = 1 + structure_integer(seed, 4), kind[4];
    const int32_t n = ath_system_n_atoms(system);
    for (int k = 0; k < 9; k++) {
        e[k] = strain * structure_random(seed) + (k % 4 == 0 ? 1.0 : 0.0);
    }
    for (int k = 0; k < 4; k++) {
        kind[k] = structure_elements[structure_integer(seed, 7)];
    }
    for (int32_t i = 0; i < n + 3; i++) {
        double *row = i < n ? x + 3 * (int64_t)i : cell + 3 * (i - n), old[3];
        memcpy(old, row, sizeof old);
        for (int k = 0; k < 3; k++) {
            row[k] = old[0] * e[k] + old[1] * e[3 + k] + old[2] * e[6 + k];
            row[k] += i < n ? move * structure_random(seed) : 0.0;
        }
        if (i < n) {
            number[i] = kind[structure_integer(seed, kinds)];
        }
    }
}

/* kind 0: bulk, 1: cell below the cutoff, 2: slab, 3: open cluster, 4: chain along y, 5: larger
 * bulk. */
static inline ath_system *structure_make(ath_context *ctx, int kind, uint64_t number)
{
    static const int32_t pbc[STRUCTURE_KINDS][3] = {{1, 1, 1}, {1, 1, 1}, {1, 1, 0},
                                                    {0, 0, 0}, {0, 1, 0}, {1, 1, 1}};
    uint64_t seed = (number + 1) * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)kind;
    int32_t n[3] = {1, 1, 1};
    int basis = 4;
    structure_random(&seed);
    for (int k = 0; k < 3; k++) {
        n[k] = kind == 5 ? 3 : 1 + structure_integer(&seed, kind == 1 ? 1 : 3);
    }
    if (kind == 5) {
        n[0] = 4;
    }
    if (kind == 1 || kind == 3) {
        basis = 1 + structure_integer(&seed, 4);
    }
    const double a = (basis < 3 ? 3.2 : 3.9) + 0.2 * structure_random(&seed);
    ath_system *system = structure_fcc(ctx, n, basis, a, pbc[kind]);
    structure_disturb(system, 0.08, 0.25, &seed);
    return system;
}

#endif
