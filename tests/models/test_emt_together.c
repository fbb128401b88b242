/* The model "emt": systems of more than ATH__TEAM_ATOMS atoms, which a team computes in sections.
 * Bits are the same for every team, instruction set and skin, whatever is wanted; and the results
 * are those of smaller systems, computed in the other way, of which the large ones are made: as
 * periodic copies, or as parts that do not reach one another.
 */
#include "model_checks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/emt.h"

enum { TOGETHER_SYSTEMS = 6 };

static const char *const together_devices[3] = {"host:isa=base", "host:isa=v3", "host:isa=v4"};

/* Small ones stand between the large ones. The fourth has wraps too far apart for a key. */
static const model_recipe together_recipes[TOGETHER_SYSTEMS] = {
    {{3, 3, 3}, true, 3.9, 0.2, 0.03, 0.0, {1, 1, 1}, 0, {29, 79}, 1},
    {{18, 18, 16}, true, 3.9, 0.2, 0.03, 2.0, {1, 1, 1}, 0, {29, 79, 13, 78}, 2},
    {{18, 18, 16}, true, 3.7, 0.1, 0.0, 0.0, {0, 0, 0}, 735, {28}, 3},
    {{18, 18, 16}, true, 4.0, 0.2, 0.02, 700.0, {1, 1, 0}, 100, {46, 47}, 4},
    {{4, 2, 3}, true, 3.8, 0.2, 0.03, 0.0, {0, 0, 1}, 0, {28, 46}, 5},
    {{19, 19, 19}, true, 3.9, 0.2, 0.0, 0.0, {0, 1, 0}, 0, {29, 47}, 6}};

static int32_t *together_numbers(ath_system *system)
{
    void *rows = NULL;
    assert_int_equal(ath_system_field(system, ATH_FIELD_NUMBERS, &rows), ATH_OK);
    return rows;
}

/* Puts the atoms in any order, so that the rows of a section reach all over the system. */
static void together_shuffle(ath_system *system)
{
    double *x = model_field(system, ATH_FIELD_POSITIONS);
    int32_t *number = together_numbers(system);
    uint64_t seed = 12345;
    for (int32_t i = ath_system_n_atoms(system) - 1; i > 0; i--) {
        const int32_t j = (int32_t)((model_random(&seed) + 1.0) * 0.5 * i);
        const int32_t z = number[i];
        number[i] = number[j];
        number[j] = z;
        for (int c = 0; c < 3; c++) {
            const double r = x[3 * i + c];
            x[3 * i + c] = x[3 * j + c];
            x[3 * j + c] = r;
        }
    }
}

static void together_open(ath_context *ctx, ath_system **systems)
{
    for (int k = 0; k < TOGETHER_SYSTEMS; k++) {
        systems[k] = model_system(ctx, &together_recipes[k]);
    }
    together_shuffle(systems[TOGETHER_SYSTEMS - 1]);
    assert_int_equal(ath_system_n_atoms(systems[2]), ATH__TEAM_ATOMS + 1);
}

static void together_close(ath_system **systems)
{
    for (int k = 0; k < TOGETHER_SYSTEMS; k++) {
        ath_system_destroy(&systems[k]);
    }
}

static void together_teams(void **unused)
{
    (void)unused;
    for (int d = 0; d < 3; d++) {
        model_bench bench;
        ath_system *systems[TOGETHER_SYSTEMS];
        if (!model_bench_open(&bench, NULL, together_devices[d], NULL, "emt")) {
            print_message("no %s here\n", together_devices[d]);
            continue;
        }
        together_open(bench.ctx, systems);
        /* fewer on the slowest: the sections are the same */
        model_checks_together(&bench, systems, d == 0 ? 2 : TOGETHER_SYSTEMS);
        together_close(systems);
        model_bench_close(&bench);
    }
}

/* Other instruction sets, skins and lists. */
static void together_bits(void **unused)
{
    (void)unused;
    model_bench bench;
    ath_system *systems[TOGETHER_SYSTEMS];
    assert_true(model_bench_open(&bench, NULL, "host", NULL, "emt"));
    together_open(bench.ctx, systems);
    for (int d = 0; d < 3; d++) {
        model_checks_device(&bench, together_devices[d], NULL, "emt", systems, TOGETHER_SYSTEMS);
    }
    model_checks_skin(&bench, systems + 1, 2);
    model_checks_stress_form(&bench, systems[1]);
    model_checks_nan(&bench, systems[2]);
    together_close(systems);
    model_bench_close(&bench);
}

/* ---- against small systems ---- */

/* Rounded so that adding whole numbers below 2^15 to them is exact. */
static double together_grid(double x)
{
    return rint(x * 0x1p20) * 0x1p-20;
}

static void together_round(ath_system *system)
{
    double *x = model_field(system, ATH_FIELD_POSITIONS), *h = model_field(system, ATH_FIELD_CELL);
    for (int32_t k = 0; k < 3 * ath_system_n_atoms(system); k++) {
        x[k] = together_grid(x[k]);
    }
    for (int k = 0; k < 9; k++) {
        h[k] = together_grid(h[k]);
    }
}

/* A copy, shifted, as the atoms of `to` from `first` on. */
static void together_copy(const ath_system *from, const double shift[3], ath_system *to,
                          int32_t first)
{
    const double *x = ath_system_peek(from, ATH_FIELD_POSITIONS);
    const int32_t n = ath_system_n_atoms(from);
    double *rows = model_field(to, ATH_FIELD_POSITIONS) + 3 * first;
    memcpy(together_numbers(to) + first, ath_system_peek(from, ATH_FIELD_NUMBERS),
           (size_t)n * sizeof(int32_t));
    for (int32_t k = 0; k < 3 * n; k++) {
        rows[k] = x[k] + shift[k % 3];
    }
}

static void together_near(double a, double b, double size, const char *what)
{
    if (!(fabs(a - b) <= 1e-12 * size)) {
        fail_msg("%s: %.17g and %.17g", what, a, b);
    }
}

/* Forces on the copy of a small system that begins with atom `first` of the large one. */
static void together_near_forces(const model_result *small, const model_result *large,
                                 int32_t first)
{
    const double rms = model_rms_force(small);
    for (int32_t k = 0; k < 3 * small->n_atoms; k++) {
        const double f = small->forces[k];
        together_near(f, large->forces[3 * first + k], fmax(rms, fabs(f)), "force");
    }
}

/* A crystal of disturbed cells, each 4 x 4 x 4 cubes, and one of such cells alone. */
static void together_periodic(void **unused)
{
    (void)unused;
    static const model_recipe recipe = {{4, 4, 4},        true, 3.9, 0.2, 0.05, 0.0, {1, 1, 1}, 0,
                                        {29, 79, 13, 78}, 7};
    enum { ALONG_X = 5, ALONG_Y = 4, ALONG_Z = 4, COPIES = ALONG_X * ALONG_Y * ALONG_Z };
    static const int32_t along[3] = {ALONG_X, ALONG_Y, ALONG_Z};
    model_bench bench;
    ath_system *s[2] = {NULL};
    assert_true(model_bench_open(&bench, NULL, "host", NULL, "emt"));
    s[0] = model_system(bench.ctx, &recipe);
    together_round(s[0]);
    const int32_t n = ath_system_n_atoms(s[0]);
    assert_true(n * COPIES > ATH__TEAM_ATOMS);
    assert_int_equal(ath_system_create(bench.ctx, n * COPIES, &s[1]), ATH_OK);
    const double *h = ath_system_peek(s[0], ATH_FIELD_CELL);
    double *cell = model_field(s[1], ATH_FIELD_CELL);
    void *pbc = NULL;
    assert_int_equal(ath_system_field(s[1], ATH_FIELD_PBC, &pbc), ATH_OK);
    memcpy(pbc, recipe.pbc, sizeof recipe.pbc);
    for (int k = 0; k < 9; k++) {
        cell[k] = along[k / 3] * h[k];
    }
    for (int32_t c = 0; c < COPIES; c++) {
        const int32_t at[3] = {c / (ALONG_Y * ALONG_Z), c / ALONG_Z % ALONG_Y, c % ALONG_Z};
        double shift[3];
        for (int k = 0; k < 3; k++) {
            shift[k] = at[0] * h[k] + at[1] * h[3 + k] + at[2] * h[6 + k];
        }
        together_copy(s[0], shift, s[1], c * n);
    }
    model_result *r = model_results(&bench, s, 2, MODEL_ALL);
    const double rms = model_rms_force(&r[0]);
    together_near(r[0].energy * COPIES, r[1].energy, n * COPIES * rms, "energy");
    for (int k = 0; k < 9; k++) {
        together_near(r[0].stress[k], r[1].stress[k], fabs(r[0].stress[0]), "stress");
    }
    for (int32_t c = 0; c < COPIES; c++) {
        together_near_forces(&r[0], &r[1], c * n);
    }
    model_results_free(r, 2);
    ath_system_destroy(&s[0]);
    ath_system_destroy(&s[1]);
    model_bench_close(&bench);
}

/* Clusters that do not reach one another, the first of them so dense that there are more pairs in a
 * row than memory for them. */
static void together_parts(void **unused)
{
    (void)unused;
    enum { PARTS = 8, TYPES = 3 };
    static const model_recipe recipes[TYPES] = {
        {{11, 11, 11}, false, 0.75, 0.05, 0.0, 0.0, {0, 0, 0}, 0, {13}, 8},
        {{9, 9, 9}, true, 3.7, 0.2, 0.0, 0.0, {0, 0, 0}, 0, {28, 29}, 9},
        {{8, 10, 9}, true, 3.9, 0.2, 0.0, 0.0, {0, 0, 0}, 0, {46, 47, 79}, 10}};
    model_bench bench;
    ath_system *parts[TYPES], *large = NULL;
    int32_t first[PARTS + 1] = {0};
    assert_true(model_bench_open(&bench, NULL, "host", NULL, "emt"));
    for (int k = 0; k < TYPES; k++) {
        parts[k] = model_system(bench.ctx, &recipes[k]);
        together_round(parts[k]);
    }
    for (int k = 0; k < PARTS; k++) {
        first[k + 1] = first[k] + ath_system_n_atoms(parts[k == 3 ? 0 : 1 + k % 2]);
    }
    assert_true(first[PARTS] > ATH__TEAM_ATOMS);
    assert_int_equal(ath_system_create(bench.ctx, first[PARTS], &large), ATH_OK);
    for (int k = 0; k < PARTS; k++) {
        const double shift[3] = {64.0 * k, 0.0, 0.0};
        together_copy(parts[k == 3 ? 0 : 1 + k % 2], shift, large, first[k]);
    }
    model_result *small = model_results(&bench, parts, TYPES, MODEL_ALL);
    model_result *all = model_results(&bench, &large, 1, MODEL_ALL);
    double energy = 0.0, size = 0.0;
    for (int k = 0; k < PARTS; k++) {
        const model_result *part = &small[k == 3 ? 0 : 1 + k % 2];
        together_near_forces(part, all, first[k]);
        energy += part->energy;
        size += fabs(part->energy) + part->n_atoms;
    }
    together_near(energy, all->energy, size, "energy");
    model_checks_together(&bench, &large, 1);
    model_results_free(small, TYPES);
    model_results_free(all, 1);
    for (int k = 0; k < TYPES; k++) {
        ath_system_destroy(&parts[k]);
    }
    ath_system_destroy(&large);
    model_bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(together_teams),
        cmocka_unit_test(together_bits),
        cmocka_unit_test(together_periodic),
        cmocka_unit_test(together_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
