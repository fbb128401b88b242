/* Bits of the model "lj": the same for a system alone, in any company and order, for any skin and
 * any history of its list, on every instruction set and on the mock device, in both precisions,
 * with and without energy. What all pairs give and what lists give agrees to rounding.
 */
#include "lj_systems.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const bits_models[] = {
    LJ_ARGON,
    LJ_ARGON ",precision=mixed",
    LJ_NOBLE,
    LJ_NOBLE ",precision=mixed",
    LJ_ARGON ",scheme=force-shift",
    LJ_NOBLE ",scheme=force-shift,precision=mixed",
    LJ_NOBLE ",scheme=switch,switch_width=2",
    LJ_ARGON ",scheme=switch,precision=mixed",
    LJ_NOBLE ",lrc=true",
};
enum { BITS_MODELS = sizeof bits_models / sizeof *bits_models };

/* Runs a check for every model, with all pairs where they are enough, and from lists alone. */
static void bits_each(void (*check)(const model_bench *bench, ath_system *const *systems,
                                    int32_t n))
{
    const ath__model_ops lists = lj_list_only();
    for (int k = 0; k < 2 * BITS_MODELS; k++) {
        model_bench bench;
        ath_system *systems[LJ_RECIPES];
        assert_true(model_bench_open(&bench, NULL, "host", k % 2 ? &lists : &ath__model_lj,
                                     bits_models[k / 2]));
        lj_systems_open(bench.ctx, systems);
        check(&bench, systems, LJ_RECIPES);
        lj_systems_close(systems);
        model_bench_close(&bench);
    }
}

static void bits_company(void **unused)
{
    (void)unused;
    bits_each(model_checks_company);
}

static void bits_skin(void **unused)
{
    (void)unused;
    bits_each(model_checks_skin);
}

/* A skin so large that lists hold images of the atom itself, which are never the nearest. */
static void bits_large_skin(void **unused)
{
    (void)unused;
    static const char *const texts[2] = {"epsilon=1,sigma=0.8,cutoff=1.92",
                                         "epsilon=1,sigma=0.8,cutoff=1.92,precision=mixed"};
    static const char *const devices[3] = {"host:isa=base", "host:isa=v3", "host:isa=v4"};
    const ath__model_ops lists = lj_list_only();
    const model_recipe recipe = {.cells = {4, 4, 4},
                                 .spacing = 0.97,
                                 .rattle = 0.05,
                                 .pbc = {1, 1, 1},
                                 .numbers = {18},
                                 .seed = 41};
    for (int k = 0; k < 6; k++) {
        model_bench bench;
        if (!model_bench_open(&bench, NULL, devices[k / 2], &lists, texts[k % 2])) {
            print_message("no %s here\n", devices[k / 2]);
            continue;
        }
        ath_system *system = model_system(bench.ctx, &recipe);
        model_checks_skin(&bench, &system, 1); /* up to 2: 1.92 + 2 is more than a cell, 3.88 */
        ath_system_destroy(&system);
        model_bench_close(&bench);
    }
}

static void bits_together(void **unused)
{
    (void)unused;
    static const model_recipe recipes[3] = {
        {.cells = {6, 6, 6}, .spacing = 3.9, .rattle = 0.2, .pbc = {1, 1, 1}, .numbers = {18}},
        {.cells = {28, 27, 28},
         .spacing = 3.9,
         .rattle = 0.3,
         .pbc = {1, 1, 1},
         .numbers = {18, 36}},
        {.cells = {5, 4, 3}, .spacing = 3.9, .rattle = 0.2, .numbers = {36}}};
    static const char *const texts[3] = {LJ_ARGON, LJ_NOBLE ",precision=mixed",
                                         LJ_NOBLE ",lrc=true"};
    for (int k = 0; k < 3; k++) {
        model_bench bench;
        ath_system *systems[3];
        assert_true(model_bench_open(&bench, NULL, "host", &ath__model_lj, texts[k]));
        for (int s = 0; s < 3; s++) {
            systems[s] = model_system(bench.ctx, &recipes[s]);
        }
        model_checks_together(&bench, systems, 3);
        for (int s = 0; s < 3; s++) {
            ath_system_destroy(&systems[s]);
        }
        model_bench_close(&bench);
    }
}

static void bits_want(void **unused)
{
    (void)unused;
    bits_each(model_checks_want);
}

static void bits_devices(void **unused)
{
    (void)unused;
    static const char *const devices[] = {"host:isa=base", "host:isa=v3", "host:isa=v4", "mock"};
    const ath__model_ops lists = lj_list_only();
    for (int k = 0; k < 2 * BITS_MODELS; k++) {
        const ath__model_ops *ops = k % 2 ? &lists : &ath__model_lj;
        model_bench bench;
        ath_system *systems[LJ_RECIPES];
        assert_true(model_bench_open(&bench, NULL, "host", ops, bits_models[k / 2]));
        lj_systems_open(bench.ctx, systems);
        for (size_t d = 0; d < sizeof devices / sizeof *devices; d++) {
            model_checks_device(&bench, devices[d], ops, bits_models[k / 2], systems, LJ_RECIPES);
        }
        lj_systems_close(systems);
        model_bench_close(&bench);
    }
}

/* One number for all models and systems, the same for every compiler and machine. */
static void bits_of_all_builds(void **unused)
{
    (void)unused;
    uint64_t all = 0;
    for (int k = 0; k < BITS_MODELS; k++) {
        model_bench bench;
        ath_system *systems[LJ_RECIPES];
        assert_true(model_bench_open(&bench, NULL, "host", &ath__model_lj, bits_models[k]));
        lj_systems_open(bench.ctx, systems);
        model_result *r = model_results(&bench, systems, LJ_RECIPES, MODEL_ALL);
        all = all * 31 + model_hash(r, LJ_RECIPES);
        model_results_free(r, LJ_RECIPES);
        lj_systems_close(systems);
        model_bench_close(&bench);
    }
    if (all != UINT64_C(0xfa7526a6288a1645)) {
        fail_msg("hash of all results 0x%016llx", (unsigned long long)all);
    }
}

/* Largest difference of forces over rms force, and of energies and stress relative to their size.
 */
static void bits_expect_near(const model_result *a, const model_result *b, double tolerance)
{
    const double rms = model_rms_force(a);
    const double energy = fmax(fabs(a->energy), rms * a->n_atoms);
    double largest = 0.0;
    for (int k = 0; k < 9; k++) {
        largest = fmax(largest, fabs(a->stress[k]));
    }
    if (!(fabs(a->energy - b->energy) <= tolerance * energy)) {
        fail_msg("%d atoms: energies %.17g and %.17g", (int)a->n_atoms, a->energy, b->energy);
    }
    for (int k = 0; k < 9; k++) {
        if (!(fabs(a->stress[k] - b->stress[k]) <= tolerance * largest)) {
            fail_msg("%d atoms: stress %.17g and %.17g", (int)a->n_atoms, a->stress[k],
                     b->stress[k]);
        }
    }
    for (int32_t k = 0; k < 3 * a->n_atoms; k++) {
        if (!(fabs(a->forces[k] - b->forces[k]) <= tolerance * fmax(rms, fabs(a->forces[k])))) {
            fail_msg("%d atoms: forces %.17g and %.17g, rms %.3g", (int)a->n_atoms, a->forces[k],
                     b->forces[k], rms);
        }
    }
}

/* Compares a model with another one, on the systems as they are and on those that are not wrapped.
 */
static void bits_compare(const ath__model_ops *ops, const char *text,
                         const ath__model_ops *other_ops, const char *other_text, double tolerance,
                         double tolerance_far)
{
    model_bench bench, other;
    ath_system *systems[LJ_RECIPES];
    assert_true(model_bench_open(&bench, NULL, "host", ops, text));
    assert_true(model_bench_open(&other, bench.ctx, "host", other_ops, other_text));
    lj_systems_open(bench.ctx, systems);
    model_result *a = model_results(&bench, systems, LJ_RECIPES, MODEL_ALL);
    model_result *b = model_results(&other, systems, LJ_RECIPES, MODEL_ALL);
    for (int k = 0; k < LJ_RECIPES; k++) {
        bits_expect_near(&a[k], &b[k], lj_recipes[k].far > 0.0 ? tolerance_far : tolerance);
    }
    model_results_free(a, LJ_RECIPES);
    model_results_free(b, LJ_RECIPES);
    lj_systems_close(systems);
    model_bench_close(&other);
    model_bench_close(&bench);
}

/* Rounding of coordinates that are many cells away is part of a position; the two paths take it
 * in at different places. */
static void bits_paths_agree(void **unused)
{
    (void)unused;
    const ath__model_ops lists = lj_list_only();
    for (int k = 0; k < BITS_MODELS; k++) {
        const bool mixed = strstr(bits_models[k], "mixed") != NULL;
        bits_compare(&ath__model_lj, bits_models[k], &lists, bits_models[k], mixed ? 5e-6 : 1e-13,
                     mixed ? 5e-6 : 1e-12);
    }
}

static void bits_mixed_is_near(void **unused)
{
    (void)unused;
    static const char *const schemes[] = {"truncation", "energy-shift", "force-shift", "switch"};
    for (int k = 0; k < 4; k++) {
        char text[2][256];
        snprintf(text[0], sizeof text[0], "%s,scheme=%s", LJ_NOBLE, schemes[k]);
        snprintf(text[1], sizeof text[1], "%s,scheme=%s,precision=mixed", LJ_NOBLE, schemes[k]);
        bits_compare(&ath__model_lj, text[0], &ath__model_lj, text[1], 5e-6, 5e-6);
    }
}

/* Coordinates that float32 could not tell apart: one atom far away from the others, and a cell that
 * is far larger than what it holds; with all pairs and with lists. */
static void bits_mixed_far_apart(void **unused)
{
    (void)unused;
    for (int k = 0; k < 8; k++) {
        const int32_t edge = k % 2 ? 7 : 4;
        const model_recipe recipe = {.cells = {edge, edge, edge},
                                     .spacing = 3.9,
                                     .rattle = 0.3,
                                     .strain = k / 2 % 2 ? 0.05 : 0.0,
                                     .numbers = {18},
                                     .seed = 31 + (uint64_t)k};
        model_bench bench, mixed;
        assert_true(model_bench_open(&bench, NULL, "host", &ath__model_lj, LJ_ARGON));
        assert_true(model_bench_open(&mixed, bench.ctx, "host", &ath__model_lj,
                                     LJ_ARGON ",precision=mixed"));
        ath_system *system = model_system(bench.ctx, &recipe);
        double *x = model_field(system, ATH_FIELD_POSITIONS);
        double *h = model_field(system, ATH_FIELD_CELL);
        if (k / 4) {
            void *pbc = NULL;
            assert_int_equal(ath_system_field(system, ATH_FIELD_PBC, &pbc), ATH_OK);
            for (int c = 0; c < 9; c++) {
                h[c] *= 150.0;
            }
            ((int32_t *)pbc)[0] = ((int32_t *)pbc)[1] = ((int32_t *)pbc)[2] = 1;
        } else {
            x[0] += 3e5, x[1] -= 2e5, x[2] += 1e5;
        }
        model_result *a = model_results(&bench, &system, 1, MODEL_ALL);
        model_result *b = model_results(&mixed, &system, 1, MODEL_ALL);
        bits_expect_near(a, b, 5e-6);
        model_results_free(a, 1);
        model_results_free(b, 1);
        ath_system_destroy(&system);
        model_bench_close(&mixed);
        model_bench_close(&bench);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_company),       cmocka_unit_test(bits_skin),
        cmocka_unit_test(bits_large_skin),    cmocka_unit_test(bits_want),
        cmocka_unit_test(bits_together),      cmocka_unit_test(bits_devices),
        cmocka_unit_test(bits_of_all_builds), cmocka_unit_test(bits_paths_agree),
        cmocka_unit_test(bits_mixed_is_near), cmocka_unit_test(bits_mixed_far_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
