/* The model "nep": equality of bits. Energy, forces and stress of a system are the same alone, in
 * any batch and order, on every instruction set, with any skin and history of its list, whatever
 * else is wanted, for teams of any size, and with every compiler (the recorded hash).
 */
#include "model_checks.h"
#include "test_nep_rig.h"

#define OWN ATH_SOURCE_DIR "/tests/data/nep/"

enum { COUNT = 7 };

static const struct {
    const char *name;
    int32_t numbers[4];
    uint64_t hash;
} bits_models[] = {
    {"typewise_nep5", {29, 8}, UINT64_C(0x21150e35c2657c6a)},
    {"all_nep5", {13, 29, 79}, UINT64_C(0xa55543d80457cceb)},
    {"flexible_nep3", {29, 8, 1}, UINT64_C(0x9de7d0d72aa5c97c)},
    {"wide_nep4", {29, 13}, UINT64_C(0xdbc6a773f1c364de)},
    {"radial_nep4", {8, 29}, UINT64_C(0x20fb8fcf09d10693)},
};
enum { MODELS = sizeof bits_models / sizeof *bits_models };

static void bits_text(int model, char *text, size_t bytes)
{
    snprintf(text, bytes, "nep:file=%s%s.txt", OWN, bits_models[model].name);
}

static void bits_make(ath_context *ctx, int model, ath_system *systems[COUNT])
{
    model_recipe recipe[COUNT] = {
        {.cells = {1, 1, 1}, .spacing = 3.1, .pbc = {1, 1, 1}},
        {.cells = {1, 1, 1}, .fcc = true, .spacing = 3.5, .pbc = {1, 1, 1}, .far = 3.0},
        {.cells = {2, 2, 2}, .fcc = true, .spacing = 3.8, .pbc = {1, 1, 1}},
        {.cells = {2, 2, 1}, .fcc = true, .spacing = 3.8, .pbc = {1, 1, 0}, .remove = 3},
        {.cells = {2, 1, 2}, .fcc = true, .spacing = 3.3, .remove = 1},
        {.cells = {3, 2, 2}, .fcc = true, .spacing = 4.1, .pbc = {1, 0, 1}, .far = 900.0},
        {.cells = {1, 1, 1}, .fcc = true, .spacing = 1.6, .pbc = {1, 1, 1}},
    };
    for (int k = 0; k < COUNT; k++) {
        memcpy(recipe[k].numbers, bits_models[model].numbers, sizeof recipe[k].numbers);
        recipe[k].rattle = 0.07 * recipe[k].spacing;
        recipe[k].strain = 0.05;
        recipe[k].seed = (uint64_t)(17 * k + model);
        systems[k] = model_system(ctx, &recipe[k]);
    }
}

static void bits_conformance(void **unused)
{
    (void)unused;
    static const char *const other[] = {"host:isa=base", "host:isa=v3", "host:isa=v4", "mock"};
    for (int m = 0; m < MODELS; m++) {
        ath_system *systems[COUNT];
        model_bench bench;
        char text[1024];
        bits_text(m, text, sizeof text);
        assert_true(model_bench_open(&bench, NULL, "host", NULL, text));
        bits_make(bench.ctx, m, systems);
        model_checks_company(&bench, systems, COUNT);
        model_checks_skin(&bench, systems, COUNT);
        model_checks_want(&bench, systems, COUNT);
        for (size_t d = 0; d < sizeof other / sizeof *other; d++) {
            model_checks_device(&bench, other[d], NULL, text, systems, COUNT);
        }
        for (int k = 0; k < COUNT; k++) {
            ath_system_destroy(&systems[k]);
        }
        model_bench_close(&bench);
    }
}

static uint64_t bits_mix(uint64_t hash, const double *values, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        uint64_t word;
        memcpy(&word, &values[k], sizeof word);
        hash = (hash ^ word) * UINT64_C(0x100000001b3);
        hash ^= hash >> 29;
    }
    return hash;
}

/* The same numbers as when they were recorded, with another compiler perhaps. */
static void bits_recorded(void **unused)
{
    (void)unused;
    int different = 0;
    for (int m = 0; m < MODELS; m++) {
        ath_system *systems[COUNT];
        model_bench bench;
        char text[1024];
        uint64_t hash = UINT64_C(0xcbf29ce484222325);
        bits_text(m, text, sizeof text);
        assert_true(model_bench_open(&bench, NULL, "host", NULL, text));
        bits_make(bench.ctx, m, systems);
        model_result *r = model_results(&bench, systems, COUNT, MODEL_ALL);
        for (int k = 0; k < COUNT; k++) {
            assert_true(isfinite(r[k].energy));
            hash = bits_mix(hash, &r[k].energy, 1);
            hash = bits_mix(hash, r[k].stress, 9);
            hash = bits_mix(hash, r[k].forces, 3 * (size_t)r[k].n_atoms);
            ath_system_destroy(&systems[k]);
        }
        model_results_free(r, COUNT);
        model_bench_close(&bench);
        if (hash != bits_models[m].hash) {
            print_message("%s: hash 0x%016llx, recorded 0x%016llx\n", bits_models[m].name,
                          (unsigned long long)hash, (unsigned long long)bits_models[m].hash);
            different++;
        }
    }
    assert_int_equal(different, 0);
}

/* ---- systems for a team ---- */

/* `times` copies of a cubic fcc cell along each vector. */
static ath_system *bits_supercell(ath_context *ctx, int model, int32_t times)
{
    model_recipe recipe = {.cells = {1, 1, 1},
                           .fcc = true,
                           .spacing = 3.6,
                           .rattle = 0.2,
                           .pbc = {1, 1, 1},
                           .seed = 5};
    memcpy(recipe.numbers, bits_models[model].numbers, sizeof recipe.numbers);
    ath_system *cell = model_system(ctx, &recipe), *all = NULL;
    const double *x = model_field(cell, ATH_FIELD_POSITIONS);
    const int32_t *z = ath_system_peek(cell, ATH_FIELD_NUMBERS);
    assert_int_equal(ath_system_create(ctx, 4 * (int64_t)times * times * times, &all), ATH_OK);
    double *to = model_field(all, ATH_FIELD_POSITIONS), *h = model_field(all, ATH_FIELD_CELL);
    void *rows = NULL;
    assert_int_equal(ath_system_field(all, ATH_FIELD_NUMBERS, &rows), ATH_OK);
    int32_t *numbers = rows;
    rig_fill(all, ATH_FIELD_PBC, recipe.pbc, sizeof recipe.pbc);
    for (int32_t i = 0; i < ath_system_n_atoms(all); i++) {
        const int32_t at[3] = {i / 4 / (times * times), i / 4 / times % times, i / 4 % times};
        for (int k = 0; k < 3; k++) {
            to[3 * i + k] = x[3 * (i % 4) + k] + recipe.spacing * at[k];
        }
        numbers[i] = z[i % 4];
    }
    for (int k = 0; k < 3; k++) {
        h[4 * k] = recipe.spacing * times;
    }
    ath_system_destroy(&cell);
    return all;
}

/* Above ATH__TEAM_ATOMS members share a system, and what atoms are given is added up without an
 * order: the same results within rounding, and the same bits for every team. */
static void bits_large(void **unused)
{
    (void)unused;
    static const int which[] = {0, 2};
    for (size_t w = 0; w < sizeof which / sizeof *which; w++) {
        const int m = which[w];
        model_bench bench;
        char text[1024];
        bits_text(m, text, sizeof text);
        assert_true(model_bench_open(&bench, NULL, "host", NULL, text));
        ath_system *small = bits_supercell(bench.ctx, m, 2);
        ath_system *large = bits_supercell(bench.ctx, m, 18);
        assert_true(ath_system_n_atoms(large) > ATH__TEAM_ATOMS);
        model_result *a = model_results(&bench, &small, 1, MODEL_ALL);
        model_result *b = model_results(&bench, &large, 1, MODEL_ALL);
        const double cells = (double)b->n_atoms / a->n_atoms;
        assert_true(fabs(b->energy - cells * a->energy) <= 1e-11 * fabs(b->energy));
        for (int k = 0; k < 9; k++) {
            assert_true(fabs(b->stress[k] - a->stress[k]) <= 1e-11 * fabs(a->stress[0]));
        }
        for (int32_t k = 0; k < 3 * b->n_atoms; k++) {
            assert_true(fabs(b->forces[k] - a->forces[k % 12]) <= 1e-10);
        }
        model_results_free(a, 1);
        model_results_free(b, 1);
        ath_system *both[3] = {small, large, small};
        model_checks_together(&bench, both, w == 0 ? 3 : 1);
        ath_system_destroy(&small);
        ath_system_destroy(&large);
        model_bench_close(&bench);
    }
}

/* Forces that are too large to be added up without an order. */
static void bits_large_forces(void **unused)
{
    (void)unused;
    model_bench bench;
    char text[1024];
    bits_text(0, text, sizeof text);
    assert_true(model_bench_open(&bench, NULL, "host", NULL, text));
    ath_system *large = bits_supercell(bench.ctx, 0, 18);
    double *x = model_field(large, ATH_FIELD_POSITIONS);
    model_result *usual = model_results(&bench, &large, 1, MODEL_ALL);
    for (int k = 0; k < 3; k++) {
        x[3 * 9000 + k] = x[3 * 9001 + k] + 0.05;
    }
    model_result *close = model_results(&bench, &large, 1, MODEL_ALL);
    double sum[3] = {0.0}, largest = 0.0;
    int moved = 0;
    for (int32_t i = 0; i < close->n_atoms; i++) {
        for (int k = 0; k < 3; k++) {
            assert_true(isfinite(close->forces[3 * i + k]));
            sum[k] += close->forces[3 * i + k];
            largest = fmax(largest, fabs(close->forces[3 * i + k]));
            moved += fabs(close->forces[3 * i + k] - usual->forces[3 * i + k]) > 1e-10;
        }
    }
    assert_true(largest > 2048.0 && moved < 3 * 400); /* only the neighbours of the two atoms */
    for (int k = 0; k < 3; k++) {
        assert_true(fabs(sum[k]) < 1e-8);
    }
    model_checks_together(&bench, &large, 1);
    model_results_free(usual, 1);
    model_results_free(close, 1);
    ath_system_destroy(&large);
    model_bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_conformance),
        cmocka_unit_test(bits_recorded),
        cmocka_unit_test(bits_large),
        cmocka_unit_test(bits_large_forces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
