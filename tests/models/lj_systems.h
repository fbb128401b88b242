/* Systems and models for the tests of "lj": one of each sort that its kernels tell apart, and the
 * model without the all-pairs path, so that small systems can be computed from neighbour lists,
 * too.
 */
#ifndef ATHANOR_TESTS_LJ_SYSTEMS_H
#define ATHANOR_TESTS_LJ_SYSTEMS_H

#include "model_checks.h"

#include "models/lj.h"

extern const ath__model_ops ath__model_lj;

static inline void lj_list_needs(const void *state, int32_t max_atoms, ath__model_needs *out)
{
    ath__model_lj.needs(state, max_atoms, out);
    out->all_pairs_max = 0;
}

static inline ath_status lj_list_params(const void *state, void *out, size_t *bytes)
{
    const ath_status status = ath__model_lj.params(state, out, bytes);
    if (out) {
        ((ath__lj_params *)out)->all_pairs_max = 0;
    }
    return status;
}

/* The table of "lj", lists only. */
static inline ath__model_ops lj_list_only(void)
{
    ath__model_ops ops = ath__model_lj;
    ops.needs = lj_list_needs;
    ops.params = lj_list_params;
    return ops;
}

/* Names of elements and spacings are argon's unless a recipe says otherwise. */
enum { LJ_RECIPES = 14 };
static const model_recipe lj_recipes[LJ_RECIPES] = {
    /* all pairs: clusters, of 1, 2, 3, 27 and 64 atoms */
    {.cells = {1, 1, 1}, .spacing = 3.9, .numbers = {18}},
    {.cells = {2, 1, 1}, .spacing = 3.9, .rattle = 0.2, .numbers = {18}, .seed = 1},
    {.cells = {3, 1, 1}, .spacing = 3.9, .rattle = 0.2, .numbers = {18}, .seed = 2},
    {.cells = {3, 3, 3}, .spacing = 3.9, .rattle = 0.3, .numbers = {18, 36}, .seed = 3},
    {.cells = {4, 4, 4}, .spacing = 3.9, .rattle = 0.3, .strain = 0.05, .numbers = {18}, .seed = 4},
    /* periodic and large enough: 108 and 101 atoms, cubic and sheared, wrapped and not */
    {.cells = {3, 3, 3},
     .fcc = true,
     .spacing = 5.7,
     .rattle = 0.3,
     .pbc = {1, 1, 1},
     .numbers = {18},
     .seed = 5},
    {.cells = {3, 3, 3},
     .fcc = true,
     .spacing = 6.1,
     .rattle = 0.3,
     .strain = 0.03,
     .far = 3,
     .pbc = {1, 1, 1},
     .remove = 7,
     .numbers = {18, 36, 54},
     .seed = 6},
    /* a slab and a wire */
    {.cells = {5, 5, 3},
     .spacing = 3.9,
     .rattle = 0.3,
     .far = 1,
     .pbc = {1, 1, 0},
     .numbers = {18, 36},
     .seed = 7},
    {.cells = {3, 5, 3},
     .spacing = 3.9,
     .rattle = 0.3,
     .strain = 0.04,
     .pbc = {0, 1, 0},
     .numbers = {18},
     .seed = 8},
    /* lists: cells smaller than twice the cutoff, down to one atom; larger than all pairs */
    {.cells = {1, 1, 1},
     .fcc = true,
     .spacing = 5.4,
     .rattle = 0.2,
     .strain = 0.04,
     .pbc = {1, 1, 1},
     .remove = 3,
     .numbers = {18},
     .seed = 9},
    {.cells = {2, 2, 2},
     .fcc = true,
     .spacing = 5.4,
     .rattle = 0.3,
     .strain = 0.03,
     .far = 2,
     .pbc = {1, 1, 1},
     .numbers = {18, 36, 54},
     .seed = 10},
    {.cells = {4, 4, 5},
     .fcc = true,
     .spacing = 5.4,
     .rattle = 0.3,
     .far = 1,
     .pbc = {1, 1, 1},
     .numbers = {18},
     .seed = 11},
    {.cells = {7, 7, 7},
     .spacing = 3.9,
     .rattle = 0.3,
     .pbc = {0, 0, 0},
     .remove = 2,
     .numbers = {18, 36},
     .seed = 12},
    {.cells = {1, 1, 1},
     .fcc = true,
     .spacing = 5.4,
     .strain = 0.04,
     .pbc = {1, 1, 1},
     .remove = 2,
     .numbers = {18},
     .seed = 13,
     .rattle = 0.3}};

#define LJ_ARGON "epsilon=0.0104,sigma=3.4,cutoff=8.5"
/* three kinds, one pair of which does not mix */
#define LJ_NOBLE                                                                                   \
    "epsilon=0.0104,sigma=3.4,cutoff=8.5,pairs=\"Kr-Kr:0.0141:3.63;Xe-Xe:0.0198:3.95;"             \
    "Ar-Xe:0.0136:3.65\""

/* All of them, of a context. */
static inline void lj_systems_open(ath_context *ctx, ath_system *systems[LJ_RECIPES])
{
    for (int k = 0; k < LJ_RECIPES; k++) {
        systems[k] = model_system(ctx, &lj_recipes[k]);
    }
}

static inline void lj_systems_close(ath_system *systems[LJ_RECIPES])
{
    for (int k = 0; k < LJ_RECIPES; k++) {
        ath_system_destroy(&systems[k]);
    }
}

#endif
