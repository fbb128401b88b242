/* The model "sum": its results are those of the terms, weighted and added in order; one list at the
 * largest cutoff serves all; texts; the conformance suite of models.
 */
#include "model_checks.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SUM_LJ "lj:epsilon=0.02,sigma=2.2,cutoff=4.5"
#define SUM_LONG "lj:epsilon=0.01,sigma=2.4,cutoff=8.5,precision=mixed"
#define SUM_TEXT "sum:1*emt+-0.25*" SUM_LJ "+0.5*" SUM_LONG "+2*harmonic:k=0.01"

static const model_recipe sum_recipes[] = {
    {.cells = {3, 3, 3},
     .fcc = true,
     .spacing = 3.7,
     .rattle = 0.1,
     .strain = 0.03,
     .pbc = {1, 1, 1},
     .numbers = {29, 79},
     .seed = 1},
    {.cells = {1, 1, 2},
     .fcc = true,
     .spacing = 3.9,
     .rattle = 0.1,
     .strain = 0.05,
     .far = 2,
     .pbc = {1, 1, 1},
     .numbers = {13},
     .seed = 2},
    {.cells = {4, 3, 3}, .spacing = 2.6, .rattle = 0.2, .numbers = {47, 46, 28}, .seed = 3},
    {.cells = {5, 5, 2},
     .fcc = true,
     .spacing = 3.9,
     .rattle = 0.1,
     .pbc = {1, 1, 0},
     .numbers = {78},
     .seed = 4},
};
enum { SUM_RECIPES = sizeof sum_recipes / sizeof *sum_recipes };

static void sum_open(model_bench *bench, const char *text, ath_system *systems[SUM_RECIPES])
{
    assert_true(model_bench_open(bench, NULL, "host", NULL, text));
    for (int k = 0; k < SUM_RECIPES; k++) {
        systems[k] = model_system(bench->ctx, &sum_recipes[k]);
    }
}

static void sum_close(model_bench *bench, ath_system *systems[SUM_RECIPES])
{
    for (int k = 0; k < SUM_RECIPES; k++) {
        ath_system_destroy(&systems[k]);
    }
    model_bench_close(bench);
}

/* Exactly what the terms give one by one. */
static void sum_is_the_sum(void **unused)
{
    (void)unused;
    static const char *const texts[] = {"emt", SUM_LJ, SUM_LONG, "harmonic:k=0.01"};
    static const double weights[] = {1.0, -0.25, 0.5, 2.0};
    model_bench bench, one;
    ath_system *systems[SUM_RECIPES];
    model_result *terms[4];
    sum_open(&bench, SUM_TEXT, systems);
    assert_true(ath_model_cutoff(bench.model) == 8.5);
    model_result *all = model_results(&bench, systems, SUM_RECIPES, MODEL_ALL);
    for (int t = 0; t < 4; t++) {
        assert_true(model_bench_open(&one, bench.ctx, "host", NULL, texts[t]));
        terms[t] = model_results(&one, systems, SUM_RECIPES, MODEL_ALL);
        model_bench_close(&one);
    }
    for (int s = 0; s < SUM_RECIPES; s++) {
        double energy = 0.0;
        for (int t = 0; t < 4; t++) {
            const double more = weights[t] * terms[t][s].energy;
            energy = t ? energy + more : more;
        }
        assert_true(energy == all[s].energy);
        for (int32_t k = 0; k < 9 + 3 * all[s].n_atoms; k++) {
            double sum = 0.0;
            for (int t = 0; t < 4; t++) {
                const double more =
                    weights[t] * (k < 9 ? terms[t][s].stress[k] : terms[t][s].forces[k - 9]);
                sum = t ? sum + more : more;
            }
            assert_true(sum == (k < 9 ? all[s].stress[k] : all[s].forces[k - 9]));
        }
    }
    for (int t = 0; t < 4; t++) {
        model_results_free(terms[t], SUM_RECIPES);
    }
    model_results_free(all, SUM_RECIPES);
    sum_close(&bench, systems);
}

static void sum_of_one(void **unused)
{
    (void)unused;
    model_bench bench, one;
    ath_system *systems[SUM_RECIPES];
    sum_open(&bench, "sum:1*emt", systems);
    assert_true(model_bench_open(&one, bench.ctx, "host", NULL, "emt"));
    model_result *a = model_results(&bench, systems, SUM_RECIPES, MODEL_ALL);
    model_result *b = model_results(&one, systems, SUM_RECIPES, MODEL_ALL);
    for (int s = 0; s < SUM_RECIPES; s++) {
        assert_true(model_same_bits(&a[s], &b[s]));
    }
    model_results_free(a, SUM_RECIPES);
    model_results_free(b, SUM_RECIPES);
    model_bench_close(&one);
    sum_close(&bench, systems);
}

/* Against differences: terms that are smooth at their cutoffs. */
static void sum_differences(void **unused)
{
    (void)unused;
    model_bench bench;
    ath_system *systems[SUM_RECIPES];
    sum_open(&bench,
             "sum:0.75*" SUM_LJ ",scheme=switch,switch_width=2+-0.1*lj:epsilon=0.03,"
             "sigma=2,cutoff=6,scheme=switch,switch_width=3",
             systems);
    for (int s = 0; s < SUM_RECIPES; s++) {
        model_checks_forces(&bench, systems[s], 6, 5e-4, 2e-9);
    }
    model_checks_stress(&bench, systems[0], 2e-4, 1e-9);
    sum_close(&bench, systems);
}

static void sum_conformance(void **unused)
{
    (void)unused;
    static const char *const devices[] = {"host:isa=base", "host:isa=v3", "host:isa=v4", "mock"};
    static const char text[] = "sum:0.75*emt+0.25*" SUM_LJ;
    model_bench bench;
    ath_system *systems[SUM_RECIPES];
    sum_open(&bench, text, systems);
    for (int s = 0; s < SUM_RECIPES; s++) {
        model_checks_invariances(&bench, systems[s], 1e-11);
        model_checks_sum(&bench, systems[s], 1e-12);
        model_checks_stress_form(&bench, systems[s]);
        model_checks_nan(&bench, systems[s]);
    }
    model_checks_company(&bench, systems, SUM_RECIPES);
    model_checks_skin(&bench, systems, SUM_RECIPES);
    model_checks_want(&bench, systems, SUM_RECIPES);
    for (size_t d = 0; d < sizeof devices / sizeof *devices; d++) {
        model_checks_device(&bench, devices[d], NULL, text, systems, SUM_RECIPES);
    }
    sum_close(&bench, systems);
}

static void sum_together(void **unused)
{
    (void)unused;
    static const model_recipe large = {.cells = {18, 18, 16},
                                       .fcc = true,
                                       .spacing = 3.7,
                                       .rattle = 0.1,
                                       .pbc = {1, 1, 1},
                                       .numbers = {29, 79},
                                       .seed = 5};
    model_bench bench;
    assert_true(model_bench_open(&bench, NULL, "host", NULL, "sum:0.5*emt+1*" SUM_LJ));
    ath_system *systems[3] = {model_system(bench.ctx, &sum_recipes[0]),
                              model_system(bench.ctx, &large),
                              model_system(bench.ctx, &sum_recipes[2])};
    assert_true(ath_system_n_atoms(systems[1]) > ATH__TEAM_ATOMS);
    model_checks_together(&bench, systems, 3);
    for (int k = 0; k < 3; k++) {
        ath_system_destroy(&systems[k]);
    }
    model_bench_close(&bench);
}

static void sum_texts(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *message;
        ath_status status;
    } wrong[] = {
        {"sum", "expected WEIGHT*MODEL", ATH_E_OPTION},
        {"sum:", "expected WEIGHT*MODEL", ATH_E_OPTION},
        {"sum:emt", "expected WEIGHT*MODEL at 'emt'", ATH_E_OPTION},
        {"sum:1*emt+", "no model is called 'emt+'", ATH_E_UNKNOWN},
        {"sum:1*emt+2*emtt", "did you mean 'emt'", ATH_E_UNKNOWN},
        {"sum:1e999*emt", "expected WEIGHT*MODEL", ATH_E_OPTION},
        {"sum:nan*emt", "expected WEIGHT*MODEL", ATH_E_OPTION},
        {"sum:1*lj:cutoff=-1", "cutoff", ATH_E_OPTION},
        {"sum:1*sum:1*emt", "a term is a sum itself", ATH_E_UNSUPPORTED},
        {"sum:1*emt+1*emt+1*emt+1*emt+1*emt+1*emt+1*emt+1*emt+1*emt+1*emt+1*emt+1*emt+1*emt+1*emt+"
         "1*emt+1*emt+1*emt",
         "more than 16 terms", ATH_E_OPTION},
    };
    ath_context *ctx = NULL;
    ath_model *model = NULL, *again = NULL, *other = NULL;
    assert_int_equal(ath_context_create(NULL, &ctx), ATH_OK);
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        const ath_status status = ath_model_create(ctx, wrong[k].text, &model);
        if (status != wrong[k].status || !strstr(ath_context_message(ctx), wrong[k].message)) {
            fail_msg("%s: %s: %s", wrong[k].text, ath_status_name(status),
                     ath_context_message(ctx));
        }
        assert_null(model);
    }
    assert_int_equal(ath_model_create(ctx, "sum:2*lj:epsilon=1e+2,cutoff=4e+0+-0.5*emt", &model),
                     ATH_OK);
    assert_non_null(strstr(ath_model_text(model), "sum:2*lj:epsilon=100,"));
    assert_non_null(strstr(ath_model_text(model), "+-0.5*emt"));
    assert_int_equal(ath_model_create(ctx, ath_model_text(model), &again), ATH_OK);
    assert_string_equal(ath_model_text(model), ath_model_text(again));
    assert_string_equal(ath_model_hash(model), ath_model_hash(again));
    assert_true(ath_model_batch_invariant(model));
    assert_int_equal(ath_model_create(ctx, "sum:2*lj:epsilon=1e+2,cutoff=4e+0+-0.6*emt", &other),
                     ATH_OK);
    assert_string_not_equal(ath_model_hash(model), ath_model_hash(other));
    ath_model_destroy(&other);
    ath_model_destroy(&again);
    ath_model_destroy(&model);
    ath_context_destroy(&ctx);
}

static void sum_of_models(void **unused)
{
    (void)unused;
    ath_context *ctx = NULL;
    ath_model *emt = NULL, *lj = NULL, *sum = NULL, *same = NULL;
    const double weights[2] = {0.5, 2.0}, bad[2] = {0.5, NAN};
    assert_int_equal(ath_context_create(NULL, &ctx), ATH_OK);
    assert_int_equal(ath_model_create(ctx, "emt", &emt), ATH_OK);
    assert_int_equal(ath_model_create(ctx, SUM_LJ, &lj), ATH_OK);
    ath_model *terms[2] = {emt, lj};
    assert_int_equal(ath_model_sum(ctx, terms, bad, 2, &sum), ATH_E_ARGUMENT);
    assert_int_equal(ath_model_sum(ctx, terms, weights, 0, &sum), ATH_E_ARGUMENT);
    assert_int_equal(ath_model_sum(ctx, terms, weights, 17, &sum), ATH_E_ARGUMENT);
    assert_int_equal(ath_model_sum(ctx, terms, weights, 2, &sum), ATH_OK);
    assert_int_equal(ath_model_create(ctx, "sum:0.5*emt+2*" SUM_LJ, &same), ATH_OK);
    assert_string_equal(ath_model_hash(sum), ath_model_hash(same));
    assert_string_equal(ath_model_text(sum), ath_model_text(same));
    const model_recipe iron = {.cells = {1, 1, 1}, .spacing = 3, .numbers = {26}, .seed = 1};
    ath_system *system = model_system(ctx, &iron);
    assert_int_equal(ath_model_accepts(sum, system), ATH_E_UNSUPPORTED);
    ath_system_destroy(&system);
    ath_model_destroy(&sum); /* the terms live on */
    assert_string_equal(ath_model_name(emt), "emt");
    ath_model_destroy(&same);
    ath_model_destroy(&lj);
    ath_model_destroy(&emt);
    ath_context_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sum_is_the_sum),  cmocka_unit_test(sum_of_one),
        cmocka_unit_test(sum_differences), cmocka_unit_test(sum_conformance),
        cmocka_unit_test(sum_together),    cmocka_unit_test(sum_texts),
        cmocka_unit_test(sum_of_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
