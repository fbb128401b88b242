/* Models and systems for test_sw*.c: small and large, dense and thin, of one kind and two, of every
 * periodicity.
 */
#ifndef ATHANOR_TESTS_TEST_SW_SYSTEMS_H
#define ATHANOR_TESTS_TEST_SW_SYSTEMS_H

#include "model_checks.h"

extern const ath__model_ops ath__model_sw;

#define SW_TWO "file=\"" ATH_SOURCE_DIR "/tests/data/sw_two.sw\""
#define SW_TOL "file=\"" ATH_SOURCE_DIR "/tests/data/sw_tol.sw\""

enum { SW_RECIPES = 12 };

/* clang-format off */
static const model_recipe sw_recipes[SW_RECIPES] = {
    {.cells = {3, 3, 3}, .fcc = true, .spacing = 4.2, .rattle = 0.25, .strain = 0.05,
     .pbc = {1, 1, 1}, .seed = 1},
    {.cells = {2, 1, 1}, .spacing = 2.6, .rattle = 0.2, .strain = 0.1, .pbc = {1, 1, 1}, .seed = 2},
    {.cells = {1, 1, 1}, .spacing = 2.7, .strain = 0.1, .pbc = {1, 1, 1}, .seed = 3},
    {.cells = {3, 4, 2}, .spacing = 2.5, .rattle = 0.3, .pbc = {0, 0, 0}, .remove = 3, .seed = 4},
    {.cells = {3, 3, 2}, .fcc = true, .spacing = 3.9, .rattle = 0.2, .strain = 0.08, .far = 3.0,
     .pbc = {1, 1, 0}, .seed = 5},
    {.cells = {2, 2, 5}, .spacing = 2.6, .rattle = 0.2, .strain = 0.05, .far = 100.0,
     .pbc = {0, 0, 1}, .remove = 1, .seed = 6},
    {.cells = {4, 4, 4}, .spacing = 1.3, .rattle = 0.1, .strain = 0.05, .pbc = {1, 1, 1},
     .seed = 7}, /* rows of 100 and more */
    {.cells = {2, 2, 2}, .spacing = 5.0, .rattle = 0.3, .pbc = {1, 1, 1}, .seed = 8},
    {.cells = {8, 6, 6}, .spacing = 2.55, .rattle = 0.3, .strain = 0.02, .pbc = {1, 1, 1},
     .seed = 9}, /* more than a block */
    {.cells = {5, 5, 5}, .spacing = 2.5, .rattle = 0.4, .far = 2.0, .pbc = {1, 1, 1}, .remove = 2,
     .seed = 10},
    {.cells = {2, 1, 1}, .spacing = 2.4, .rattle = 0.1, .pbc = {0, 0, 0}, .seed = 11},
    {.cells = {3, 3, 3}, .fcc = true, .spacing = 4.0, .rattle = 0.2, .strain = 0.3,
     .pbc = {1, 1, 1}, .seed = 12},
};
/* clang-format on */

/* kinds: 1, silicon; 2, silicon and germanium */
static inline ath_system *sw_system_of(ath_context *ctx, int which, int kinds)
{
    model_recipe recipe = sw_recipes[which];
    recipe.numbers[0] = 14;
    recipe.numbers[1] = kinds > 1 ? 32 : 0;
    return model_system(ctx, &recipe);
}

static inline void sw_systems_open(ath_context *ctx, int kinds, ath_system *systems[SW_RECIPES])
{
    for (int k = 0; k < SW_RECIPES; k++) {
        systems[k] = sw_system_of(ctx, k, kinds);
    }
}

static inline void sw_systems_close(ath_system *systems[SW_RECIPES])
{
    for (int k = 0; k < SW_RECIPES; k++) {
        ath_system_destroy(&systems[k]);
    }
}

#endif
