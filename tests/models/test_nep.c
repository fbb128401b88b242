/* The model "nep" on files of its own (tests/data/nep, made by nep_reference.py): energies of a
 * second evaluation, the scalar oracle, finite differences, symmetries, rows of any length, and
 * what it accepts.
 */
#include "model_checks.h"
#include "test_nep_rig.h"

#include "models/nep_row.h"
#include "models/nep_scalar.h"

#define OWN ATH_SOURCE_DIR "/tests/data/nep/"

enum { MAX_CASES = 32, MAX_ATOMS = 8 };

static const char *const own_models[] = {"typewise_nep5", "all_nep5", "typewise_nep4",
                                         "flexible_nep3", "top_nep4", "wide_nep4",
                                         "radial_nep4",   "tall_nep4"};
enum { OWN_MODELS = sizeof own_models / sizeof *own_models };
static const char *const isas[] = {"host:isa=base", "host:isa=v3", "host:isa=v4"};

/* A case of energies.txt. */
typedef struct own_case {
    char model[32];
    int32_t n;
    ath_system *system;
    double energies[MAX_ATOMS]; /* eV */
} own_case;

static void own_open(model_bench *bench, const char *device, const char *model, bool *here)
{
    char text[1024];
    snprintf(text, sizeof text, "nep:file=%s%s.txt", OWN, model);
    *here = model_bench_open(bench, NULL, device, NULL, text);
}

static void own_read(ath_context *ctx, own_case *cases, int *count)
{
    FILE *f = fopen(OWN "energies.txt", "r");
    assert_non_null(f);
    *count = 0;
    for (own_case *c = cases; fscanf(f, " case %31s %d", c->model, &c->n) == 2; c++) {
        double cell[9], x[3 * MAX_ATOMS];
        int32_t pbc[3], numbers[MAX_ATOMS];
        assert_true(*count < MAX_CASES && c->n <= MAX_ATOMS);
        for (int k = 0; k < 9; k++) {
            assert_int_equal(fscanf(f, "%lf", &cell[k]), 1);
        }
        assert_int_equal(fscanf(f, "%d %d %d", &pbc[0], &pbc[1], &pbc[2]), 3);
        for (int32_t i = 0; i < c->n; i++) {
            assert_int_equal(fscanf(f, "%d %lf %lf %lf %lf", &numbers[i], &x[3 * i], &x[3 * i + 1],
                                    &x[3 * i + 2], &c->energies[i]),
                             5);
        }
        assert_int_equal(ath_system_create(ctx, c->n, &c->system), ATH_OK);
        rig_fill(c->system, ATH_FIELD_POSITIONS, x, 3 * (size_t)c->n * sizeof *x);
        rig_fill(c->system, ATH_FIELD_NUMBERS, numbers, (size_t)c->n * sizeof *numbers);
        rig_fill(c->system, ATH_FIELD_CELL, cell, sizeof cell);
        rig_fill(c->system, ATH_FIELD_PBC, pbc, sizeof pbc);
        (*count)++;
    }
    fclose(f);
    assert_int_equal(*count, 3 * OWN_MODELS);
}

static void near(double value, double expected, double tolerance, const char *what)
{
    if (!(fabs(value - expected) <= tolerance)) {
        fail_msg("%s: %.17g, expected %.17g, off by %.2e", what, value, expected,
                 fabs(value - expected));
    }
}

/* Results of the oracle: energies [n], forces [3 n], virials [9 n]; free the first. */
static ath__nep_result oracle(ath_context *ctx, const char *model, const ath_system *system)
{
    const size_t n = (size_t)ath_system_n_atoms(system);
    double *values = calloc(13 * n, sizeof *values);
    char path[1024];
    ath__nep_file file;
    assert_non_null(values);
    ath__nep_result r = {values, values + n, values + 4 * n};
    snprintf(path, sizeof path, "%s%s.txt", OWN, model);
    if (ath__nep_read(ctx, path, &file) < 0 || ath__nep_scalar(ctx, &file, system, &r) < 0) {
        fail_msg("%s", ath_context_message(ctx));
    }
    ath__nep_free(ctx, &file);
    return r;
}

/* ---- energies, forces, virials ---- */

static void nep_second_evaluation(void **unused)
{
    (void)unused;
    own_case cases[MAX_CASES + 1];
    ath_context *ctx = NULL;
    int count = 0;
    double worst = 0.0;
    assert_int_equal(ath_context_create(NULL, &ctx), ATH_OK);
    own_read(ctx, cases, &count);
    for (int c = 0; c < count; c++) {
        ath__nep_result r = oracle(ctx, cases[c].model, cases[c].system);
        for (int32_t i = 0; i < cases[c].n; i++) {
            near(r.energies[i], cases[c].energies[i], 1e-11, cases[c].model);
            worst = fmax(worst, fabs(r.energies[i] - cases[c].energies[i]));
            assert_true(fabs(r.energies[i]) > 1e-3);
        }
        free(r.energies);
        ath_system_destroy(&cases[c].system);
    }
    print_message("oracle and second evaluation: %.1e eV per atom\n", worst);
    ath_context_destroy(&ctx);
}

static double largest_force(const ath__nep_result *r, int32_t n)
{
    double most = 1.0;
    for (int32_t k = 0; k < 3 * n; k++) {
        most = fmax(most, fabs(r->forces[k]));
    }
    return most;
}

/* Energy, forces and stress of the kernel against the oracle. */
static void expect_oracle(const model_bench *bench, const char *model, ath_system *system)
{
    ath__nep_result r = oracle(bench->ctx, model, system);
    const int32_t n = ath_system_n_atoms(system);
    const double *h = model_field(system, ATH_FIELD_CELL);
    const int32_t *pbc = ath_system_peek(system, ATH_FIELD_PBC);
    const double volume =
        fabs(h[0] * (h[4] * h[8] - h[5] * h[7]) - h[1] * (h[3] * h[8] - h[5] * h[6]) +
             h[2] * (h[3] * h[7] - h[4] * h[6]));
    model_result *k = model_results(bench, &system, 1, MODEL_ALL);
    double energy = 0.0, virial[9] = {0.0}, size = 0.0;
    for (int32_t i = 0; i < n; i++) {
        energy += r.energies[i];
        size += fabs(r.energies[i]);
        for (int q = 0; q < 9; q++) {
            virial[q] += r.virials[9 * i + q];
        }
    }
    const double scale = largest_force(&r, n);
    near(k->energy, energy, 1e-13 * (size + n), "energy");
    for (int32_t q = 0; q < 3 * n; q++) {
        near(k->forces[q], r.forces[q], 1e-12 * scale, "force");
    }
    for (int q = 0; q < 9 && pbc[0] && pbc[1] && pbc[2]; q++) {
        near(-k->stress[q] * volume, virial[q], 1e-11 * scale * n, "virial");
    }
    model_results_free(k, 1);
    free(r.energies);
}

static void nep_kernel_and_oracle(void **unused)
{
    (void)unused;
    for (size_t d = 0; d < sizeof isas / sizeof *isas; d++) {
        for (int m = 0; m < OWN_MODELS; m++) {
            own_case cases[MAX_CASES + 1];
            model_bench bench;
            bool here = false;
            int count = 0;
            own_open(&bench, isas[d], own_models[m], &here);
            if (!here) {
                print_message("no %s here: not compared\n", isas[d]);
                break;
            }
            own_read(bench.ctx, cases, &count);
            for (int c = 0; c < count; c++) {
                if (!strcmp(cases[c].model, own_models[m])) {
                    expect_oracle(&bench, own_models[m], cases[c].system);
                }
                ath_system_destroy(&cases[c].system);
            }
            model_bench_close(&bench);
        }
    }
}

/* Crystals for a model, by its elements. */
static ath_system *crystal(const model_bench *bench, const int32_t numbers[4], int32_t cells,
                           double spacing, double rattle, uint64_t seed)
{
    const model_recipe recipe = {.cells = {cells, cells, cells},
                                 .fcc = true,
                                 .spacing = spacing,
                                 .rattle = rattle,
                                 .strain = 0.03,
                                 .pbc = {1, 1, 1},
                                 .numbers = {numbers[0], numbers[1], numbers[2], numbers[3]},
                                 .seed = seed};
    return model_system(bench->ctx, &recipe);
}

static const int32_t own_numbers[OWN_MODELS][4] = {{29, 8}, {13, 29, 79}, {8, 1},  {29, 8, 1},
                                                   {29},    {29, 13},     {8, 29}, {29, 8}};

static void nep_differences(void **unused)
{
    (void)unused;
    for (int m = 0; m < OWN_MODELS; m++) {
        model_bench bench;
        bool here = false;
        own_open(&bench, "host", own_models[m], &here);
        assert_true(here);
        /* dense: most pairs of neighbours feel ZBL where there is any */
        ath_system *dense = crystal(&bench, own_numbers[m], 1, 2.6, 0.15, 3);
        ath_system *usual = crystal(&bench, own_numbers[m], 2, 3.7, 0.2, 4);
        model_checks_forces(&bench, dense, 4, 1e-4, 1e-7);
        model_checks_forces(&bench, usual, 4, 1e-4, 1e-6);
        model_checks_stress(&bench, dense, 1e-4, 1e-7);
        model_checks_stress(&bench, usual, 1e-4, 1e-6);
        model_checks_stress_form(&bench, usual);
        model_checks_invariances(&bench, usual, 1e-10);
        model_checks_sum(&bench, usual, 1e-13);
        model_checks_nan(&bench, usual);
        ath_system_destroy(&dense);
        ath_system_destroy(&usual);
        model_bench_close(&bench);
    }
}

/* Rows of more entries than are worked through at once. */
static void nep_long_rows(void **unused)
{
    (void)unused;
    static const int which[] = {1, 3, 5, 7};
    for (size_t d = 0; d < sizeof isas / sizeof *isas; d++) {
        for (size_t w = 0; w < sizeof which / sizeof *which; w++) {
            model_bench bench;
            bool here = false;
            own_open(&bench, isas[d], own_models[which[w]], &here);
            if (!here) {
                continue;
            }
            ath_system *packed =
                crystal(&bench, own_numbers[which[w]], w == 0 ? 2 : 1, 1.3, 0.05, 9);
            expect_oracle(&bench, own_models[which[w]], packed);
            model_checks_skin(&bench, &packed, 1);
            ath_system_destroy(&packed);
            model_bench_close(&bench);
        }
    }
}

/* The scratch of a member holds all that is laid out in it. */
static void nep_scratch(void **unused)
{
    (void)unused;
    for (int m = 0; m < OWN_MODELS; m++) {
        model_bench bench;
        bool here = false;
        size_t bytes = 0;
        nep_row row;
        own_open(&bench, "host", own_models[m], &here);
        assert_true(here);
        assert_int_equal(bench.model->ops->params(bench.model->state, NULL, &bytes), ATH_OK);
        ath__nep_params *p = aligned_alloc(64, (bytes + 63) / 64 * 64);
        assert_non_null(p);
        assert_int_equal(bench.model->ops->params(bench.model->state, p, &bytes), ATH_OK);
        char *scratch = aligned_alloc(64, (size_t)ath__nep_round(ath__nep_scratch(p)));
        assert_non_null(scratch);
        nep_row_layout(p, scratch, &row);
        const double *end = row.weights + (int64_t)ath__nep_few(p) * p->k[0];
        assert_true((const char *)end <= scratch + ath__nep_scratch(p));
        assert_true((const char *)end > scratch + ath__nep_scratch(p) / 10 * 9); /* nor far more */
        free(scratch);
        free(p);
        model_bench_close(&bench);
    }
}

/* ---- what a file means ---- */

/* NEP5 with biases of zero is NEP4: the same parameters, so the same hash, and the same bits. */
static void nep_zero_bias(void **unused)
{
    (void)unused;
    model_bench four, five, biased;
    bool here[3];
    own_open(&four, "host", "twin_nep4", &here[0]);
    own_open(&five, "host", "twin_nep5", &here[1]);
    own_open(&biased, "host", "typewise_nep5", &here[2]);
    assert_true(here[0] && here[1] && here[2]);
    ath_system *s4 = crystal(&four, own_numbers[0], 2, 3.4, 0.3, 12);
    ath_system *s5 = crystal(&five, own_numbers[0], 2, 3.4, 0.3, 12);
    ath_system *sb = crystal(&biased, own_numbers[0], 2, 3.4, 0.3, 12);
    model_result *a = model_results(&four, &s4, 1, MODEL_ALL);
    model_result *b = model_results(&five, &s5, 1, MODEL_ALL);
    model_result *c = model_results(&biased, &sb, 1, MODEL_ALL);
    assert_true(model_same_bits(a, b));
    assert_string_equal(ath_model_hash(four.model), ath_model_hash(five.model));
    assert_string_not_equal(ath_model_hash(five.model), ath_model_hash(biased.model));
    assert_true(c->energy != b->energy); /* else the biases are not read */
    for (int32_t k = 0; k < 3 * a->n_atoms; k++) {
        assert_true(c->forces[k] == b->forces[k]);
    }
    model_results_free(a, 1);
    model_results_free(b, 1);
    model_results_free(c, 1);
    ath_system_destroy(&s4);
    ath_system_destroy(&s5);
    ath_system_destroy(&sb);
    model_bench_close(&four);
    model_bench_close(&five);
    model_bench_close(&biased);
}

static void nep_accepts_elements(void **unused)
{
    (void)unused;
    model_bench bench;
    bool here = false;
    ath_system *system = NULL;
    own_open(&bench, "host", "typewise_nep5", &here);
    assert_true(here);
    assert_int_equal(ath_system_create(bench.ctx, 2, &system), ATH_OK);
    void *rows = NULL;
    assert_int_equal(ath_system_field(system, ATH_FIELD_NUMBERS, &rows), ATH_OK);
    int32_t *numbers = rows;
    numbers[0] = 29;
    numbers[1] = 8;
    assert_int_equal(ath_model_accepts(bench.model, system), ATH_OK);
    numbers[1] = 1;
    assert_int_equal(ath_model_accepts(bench.model, system), ATH_E_UNSUPPORTED);
    assert_non_null(strstr(ath_context_message(bench.ctx), "no parameters for H"));
    assert_non_null(strstr(ath_context_message(bench.ctx), "typewise_nep5.txt"));
    numbers[1] = -3;
    assert_int_equal(ath_model_accepts(bench.model, system), ATH_E_UNSUPPORTED);
    numbers[1] = 1000000;
    assert_int_equal(ath_model_accepts(bench.model, system), ATH_E_UNSUPPORTED);
    assert_true(ath_model_cutoff(bench.model) == 5.0);
    ath_system_destroy(&system);
    model_bench_close(&bench);
}

/* A path instead of a name. */
static void nep_by_path(void **unused)
{
    (void)unused;
    ath_context *ctx = NULL;
    ath_model *by_name = NULL, *by_path = NULL;
    assert_int_equal(ath_context_create(NULL, &ctx), ATH_OK);
    assert_int_equal(ath_model_create(ctx, "nep:file=" OWN "wide_nep4.txt", &by_name), ATH_OK);
    assert_int_equal(ath_model_create(ctx, OWN "wide_nep4.txt", &by_path), ATH_OK);
    assert_string_equal(ath_model_name(by_path), "nep");
    assert_string_equal(ath_model_text(by_path), ath_model_text(by_name));
    assert_string_equal(ath_model_hash(by_path), ath_model_hash(by_name));
    ath_model_destroy(&by_path);
    assert_int_equal(ath_model_create(ctx, OWN "energies.txt", &by_path), ATH_E_FORMAT);
    assert_non_null(strstr(ath_context_message(ctx), OWN "energies.txt:1: not the first line"));
    assert_int_equal(ath_model_create(ctx, OWN "no_such.txt", &by_path), ATH_E_NOT_FOUND);
    assert_non_null(strstr(ath_context_message(ctx), OWN "no_such.txt"));
    assert_int_equal(ath_model_create(ctx, OWN, &by_path), ATH_E_FORMAT);
    assert_non_null(strstr(ath_context_message(ctx), "is a directory"));
    assert_int_equal(ath_model_create(ctx, "nepp", &by_path), ATH_E_UNKNOWN);
    assert_non_null(strstr(ath_context_message(ctx), "did you mean 'nep'?"));
    assert_int_equal(ath_model_create(ctx, "nep", &by_path), ATH_E_OPTION);
    assert_null(by_path);
    ath_model_destroy(&by_name);
    ath_context_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nep_second_evaluation), cmocka_unit_test(nep_kernel_and_oracle),
        cmocka_unit_test(nep_differences),       cmocka_unit_test(nep_long_rows),
        cmocka_unit_test(nep_scratch),           cmocka_unit_test(nep_zero_bias),
        cmocka_unit_test(nep_accepts_elements),  cmocka_unit_test(nep_by_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
