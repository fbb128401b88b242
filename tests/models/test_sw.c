/* The model "sw" by itself: what it accepts, isolated atoms, the energy against a plain sum over
 * pairs and angles, forces and stress as derivatives of the energy, sums of forces, and the
 * symmetries of the energy. Comparison with another program: test_sw_lammps.c; equality of bits:
 * test_sw_bits.c; parameter files and options: test_sw_read.c.
 */
#include "test_sw_systems.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/sw.h"

static const struct {
    const char *options;
    int kinds;
} sw_models[] = {{"set=Si", 1}, {SW_TWO, 2}, {"set=Si-Vink", 1}};
enum { SW_MODELS = sizeof sw_models / sizeof *sw_models };

static void sw_accepts_by_name(void **unused)
{
    (void)unused;
    static const struct {
        const char *options;
        int32_t known[2];
    } cases[] = {{"set=Si", {14, 14}}, {"set=Si-Vink", {14, 14}}, {"set=Ge", {32, 32}},
                 {"set=mW", {8, 8}},   {"set=CdTe", {48, 52}},    {"set=GaN", {31, 7}},
                 {SW_TWO, {14, 32}},   {SW_TOL, {14, 14}}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        model_bench bench;
        assert_true(model_bench_open(&bench, NULL, "host", &ath__model_sw, cases[k].options));
        ath_system *system = NULL;
        void *rows = NULL;
        assert_int_equal(ath_system_create(bench.ctx, 3, &system), ATH_OK);
        assert_int_equal(ath_system_field(system, ATH_FIELD_NUMBERS, &rows), ATH_OK);
        int32_t *number = rows;
        for (int32_t z = -1; z <= 130; z++) {
            number[0] = cases[k].known[0], number[1] = cases[k].known[1], number[2] = z;
            const bool known = z == cases[k].known[0] || z == cases[k].known[1];
            const ath_status status = ath_model_accepts(bench.model, system);
            assert_int_equal(status, known ? ATH_OK : ATH_E_UNSUPPORTED);
            if (z == 26) {
                assert_non_null(strstr(ath_context_message(bench.ctx), "Fe"));
                assert_non_null(strstr(ath_context_message(bench.ctx), "atom 2"));
            }
        }
        ath_system_destroy(&system);
        model_bench_close(&bench);
    }
}

/* n atoms of silicon in the open, at x [n][3] */
static double sw_energy_of(const model_bench *bench, const double *x, int32_t n)
{
    ath_system *system = NULL;
    void *rows = NULL;
    assert_int_equal(ath_system_create(bench->ctx, n, &system), ATH_OK);
    memcpy(model_field(system, ATH_FIELD_POSITIONS), x, (size_t)n * 3 * sizeof *x);
    assert_int_equal(ath_system_field(system, ATH_FIELD_NUMBERS, &rows), ATH_OK);
    for (int32_t i = 0; i < n; i++) {
        ((int32_t *)rows)[i] = 14;
    }
    model_result *r = model_results(bench, &system, 1, MODEL_ALL);
    const double energy = r->energy;
    for (int32_t k = 0; k < 3 * n; k++) {
        assert_true(isfinite(r->forces[k]) && (energy != 0.0 || r->forces[k] == 0.0));
    }
    model_results_free(r, 1);
    ath_system_destroy(&system);
    return energy;
}

/* Nothing at the cutoff and beyond; next to nothing just inside, and finite. */
static void sw_at_the_cutoff(void **unused)
{
    (void)unused;
    model_bench bench;
    assert_true(model_bench_open(&bench, NULL, "host", &ath__model_sw, "set=Si"));
    const double cutoff = ath_model_cutoff(bench.model);
    assert_true(fabs(cutoff - 1.8 * 2.0951) < 1e-15);
    for (int k = -40; k <= 40; k++) {
        const double r = cutoff * (1.0 + k * 0x1p-53);
        const double x[6] = {0.0, 0.0, 0.0, r, 0.0, 0.0};
        const double energy = sw_energy_of(&bench, x, 2);
        assert_true(k >= 0 ? energy == 0.0 : fabs(energy) < 1e-200);
    }
    for (double below = 1e-1; below > 1e-15; below *= 0.7) {
        const double x[9] = {0.0, 0.0, 0.0, cutoff - below, 0.0, 0.0, 0.0, 2.4, 0.1};
        assert_true(isfinite(sw_energy_of(&bench, x, 3)));
    }
    const double alone[3] = {1.0, 2.0, 3.0};
    assert_true(sw_energy_of(&bench, alone, 1) == 0.0);
    /* the bottom of the pair, 2^(1/6) sigma, has the energy -epsilon: so A and B were chosen */
    const double x[6] = {0.0, 0.0, 0.0, 0.0, pow(2.0, 1.0 / 6.0) * 2.0951, 0.0};
    assert_true(fabs(sw_energy_of(&bench, x, 2) + 2.1683) < 1e-8);
    model_bench_close(&bench);
}

/* Two atoms at one point have no forces that could be right. */
static void sw_at_one_point(void **unused)
{
    (void)unused;
    model_bench bench;
    ath_system *system = NULL;
    void *rows = NULL;
    assert_true(model_bench_open(&bench, NULL, "host", &ath__model_sw, "set=Si"));
    assert_int_equal(ath_system_create(bench.ctx, 3, &system), ATH_OK);
    model_field(system, ATH_FIELD_POSITIONS)[6] = 2.3;
    assert_int_equal(ath_system_field(system, ATH_FIELD_NUMBERS, &rows), ATH_OK);
    for (int i = 0; i < 3; i++) {
        ((int32_t *)rows)[i] = 14;
    }
    model_result *r = model_results(&bench, &system, 1, MODEL_ALL);
    assert_false(isfinite(r->energy));
    assert_false(isfinite(r->forces[0]) || isfinite(r->forces[3]));
    model_results_free(r, 1);
    ath_system_destroy(&system);
    model_bench_close(&bench);
}

/* The perfect crystal: no angle costs energy, each bond has -epsilon: -2 epsilon per atom. */
static void sw_crystal(void **unused)
{
    (void)unused;
    static const double basis[2][3] = {{0, 0, 0}, {.25, .25, .25}};
    model_bench bench;
    ath_system *system = NULL;
    void *rows = NULL;
    const double a = pow(2.0, 1.0 / 6.0) * 2.0951 * 4.0 / sqrt(3.0);
    assert_true(model_bench_open(&bench, NULL, "host", &ath__model_sw, "set=Si"));
    assert_int_equal(ath_system_create(bench.ctx, 2, &system), ATH_OK);
    double *x = model_field(system, ATH_FIELD_POSITIONS), *h = model_field(system, ATH_FIELD_CELL);
    for (int k = 0; k < 9; k++) {
        h[k] = k % 4 == 0 ? 0.0 : 0.5 * a;
    }
    for (int k = 0; k < 6; k++) {
        x[k] = a * basis[k / 3][k % 3];
    }
    assert_int_equal(ath_system_field(system, ATH_FIELD_NUMBERS, &rows), ATH_OK);
    ((int32_t *)rows)[0] = ((int32_t *)rows)[1] = 14;
    assert_int_equal(ath_system_field(system, ATH_FIELD_PBC, &rows), ATH_OK);
    for (int k = 0; k < 3; k++) {
        ((int32_t *)rows)[k] = 1;
    }
    model_result *r = model_results(&bench, &system, 1, MODEL_ALL);
    assert_true(fabs(r->energy + 4.0 * 2.1683) < 1e-7);
    for (int k = 0; k < 9; k++) {
        assert_true(fabs(r->stress[k]) < 1e-7);
        assert_true(k >= 6 || fabs(r->forces[k]) < 1e-12);
    }
    model_results_free(r, 1);
    ath_system_destroy(&system);
    model_bench_close(&bench);
}

/* ---- the formula as it is written, for open systems ---- */

typedef struct plain {
    const ath__sw_table *table;
    const int32_t *numbers;
    const double *x;
    int32_t n;
} plain;

static int32_t plain_kind(const plain *p, int32_t i)
{
    for (int32_t k = 0; k < p->table->n_kinds; k++) {
        if (p->table->number[k] == p->numbers[i]) {
            return k;
        }
    }
    fail_msg("no kind");
    return -1;
}

static const ath__sw_angle *plain_of(const plain *p, int32_t i, int32_t j, int32_t k)
{
    return &p->table->angle[ath__sw_at(plain_kind(p, i), plain_kind(p, j), plain_kind(p, k))];
}

/* r_ij; returns its length */
static long double plain_between(const plain *p, int32_t i, int32_t j, long double d[3])
{
    long double r2 = 0.0L;
    for (int c = 0; c < 3; c++) {
        d[c] = (long double)p->x[3 * j + c] - (long double)p->x[3 * i + c];
        r2 += d[c] * d[c];
    }
    return sqrtl(r2);
}

static long double plain_pair(const plain *p, int32_t i, int32_t j)
{
    const ath__sw_angle *t = plain_of(p, i, j, j);
    long double d[3];
    const long double r = plain_between(p, i, j, d), s = t->sigma;
    if (r >= t->a * s) {
        return 0.0L;
    }
    return t->A * t->epsilon * (t->B * powl(s / r, t->p) - powl(s / r, t->q)) *
           expl(s / (r - t->a * s));
}

static long double plain_angle(const plain *p, int32_t i, int32_t j, int32_t k)
{
    const ath__sw_angle *t = plain_of(p, i, j, k), *ij = plain_of(p, i, j, j),
                        *ik = plain_of(p, i, k, k);
    long double d[3], e[3];
    const long double r = plain_between(p, i, j, d), s = plain_between(p, i, k, e);
    if (r >= ij->a * ij->sigma || s >= ik->a * ik->sigma) {
        return 0.0L;
    }
    const long double c = (d[0] * e[0] + d[1] * e[1] + d[2] * e[2]) / (r * s) - t->c0;
    return t->lambda * t->epsilon * c * c *
           expl(ij->gamma * ij->sigma / (r - ij->a * ij->sigma) +
                ik->gamma * ik->sigma / (s - ik->a * ik->sigma));
}

static long double plain_energy(const plain *p)
{
    long double energy = 0.0L;
    for (int32_t i = 0; i < p->n; i++) {
        for (int32_t j = 0; j < p->n; j++) {
            energy += j > i ? plain_pair(p, i, j) : 0.0L;
            for (int32_t k = j + 1; k < p->n && j != i; k++) {
                energy += k != i ? plain_angle(p, i, j, k) : 0.0L;
            }
        }
    }
    return energy;
}

/* Clusters of some elements against the plain sums; path: of the parameter file. */
static void sw_compare_with_formula(const char *path, const int32_t numbers[4])
{
    static ath__sw_table table;
    model_bench bench;
    char options[512];
    double worst = 0.0;
    int angles = 0;
    snprintf(options, sizeof options, "file=\"%s\"", path);
    assert_true(model_bench_open(&bench, NULL, "host", &ath__model_sw, options));
    assert_int_equal(ath__sw_read(bench.ctx, path, "", &table), ATH_OK);
    for (uint64_t seed = 1; seed <= 20; seed++) {
        model_recipe recipe = {.cells = {2, 3, 1 + (int32_t)(seed % 3)},
                               .spacing = 1.6 + 0.06 * (double)seed,
                               .rattle = 0.4,
                               .seed = seed};
        memcpy(recipe.numbers, numbers, sizeof recipe.numbers);
        ath_system *system = model_system(bench.ctx, &recipe);
        const plain p = {&table, ath_system_peek(system, ATH_FIELD_NUMBERS),
                         ath_system_peek(system, ATH_FIELD_POSITIONS), ath_system_n_atoms(system)};
        model_result *r = model_results(&bench, &system, 1, MODEL_ALL);
        const long double energy = plain_energy(&p);
        const double off = fabs((double)(r->energy - energy)) / fmax(1.0, fabs((double)energy));
        worst = fmax(worst, off);
        angles += plain_angle(&p, 0, 1, 2) > 0.0L;
        assert_true(off <= 1e-12);
        model_checks_forces(&bench, system, 4, 4e-4, 2e-9);
        model_results_free(r, 1);
        ath_system_destroy(&system);
    }
    print_message("largest deviation from the formula %.1e\n", worst);
    assert_true(angles >= 5);
    model_bench_close(&bench);
}

static void sw_against_the_formula(void **unused)
{
    (void)unused;
    static const int32_t numbers[4] = {14, 32};
    sw_compare_with_formula(ATH_SOURCE_DIR "/tests/data/sw_two.sw", numbers);
}

/* Seven elements, every number another one; systems have four of them. */
static void sw_of_many_elements(void **unused)
{
    (void)unused;
    static const int32_t of_file[7] = {14, 32, 6, 50, 8, 7, 31}, numbers[4] = {31, 8, 14, 50};
    char path[] = "/tmp/test_sw_XXXXXX";
    const int fd = mkstemp(path);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    assert_non_null(f);
    for (int ijk = 0; ijk < 343; ijk++) {
        const int i = ijk / 49, j = ijk / 7 % 7, k = ijk % 7;
        fprintf(f, "%s %s %s %.1f %.1f %.2f %d %.1f -%.1f %.1f %.2f 4 0 0\n",
                ath_element_symbol(of_file[i]), ath_element_symbol(of_file[j]),
                ath_element_symbol(of_file[k]), j == k ? 1.0 + 0.1 * (i + j) : 2.0,
                2.0 + 0.1 * (i * j % 7), 1.7 + 0.01 * (i + j), 20 + i + (j + k) % 6,
                1.0 + 0.1 * ((i + 3 * j) % 8), 0.1 * ((i + j * k) % 9), 6.0 + 0.5 * ((i + j) % 3),
                0.6 + 0.01 * (i + j));
    }
    assert_int_equal(fclose(f), 0);
    sw_compare_with_formula(path, numbers);
    assert_int_equal(unlink(path), 0);
}

/* ---- the suite ---- */

/* Calls `check` for every model and system; some have no forces, or one atom. */
static void sw_each(void (*check)(const model_bench *bench, ath_system *system, bool moving))
{
    for (int k = 0; k < SW_MODELS; k++) {
        model_bench bench;
        ath_system *systems[SW_RECIPES];
        int moving = 0;
        assert_true(model_bench_open(&bench, NULL, "host", &ath__model_sw, sw_models[k].options));
        sw_systems_open(bench.ctx, sw_models[k].kinds, systems);
        model_result *r = model_results(&bench, systems, SW_RECIPES, MODEL_ALL);
        for (int s = 0; s < SW_RECIPES; s++) {
            const bool forces = model_rms_force(&r[s]) > 1e-3;
            check(&bench, systems[s], forces);
            moving += forces;
        }
        assert_int_equal(moving, SW_RECIPES - 2);
        model_results_free(r, SW_RECIPES);
        sw_systems_close(systems);
        model_bench_close(&bench);
    }
}

static void sw_check_forces(const model_bench *bench, ath_system *system, bool moving)
{
    if (moving) {
        model_checks_forces(bench, system, 10, 4e-4, 2e-9);
    }
}

static void sw_check_stress(const model_bench *bench, ath_system *system, bool moving)
{
    const int32_t *pbc = ath_system_peek(system, ATH_FIELD_PBC);
    model_checks_stress_form(bench, system);
    if (pbc[0] && pbc[1] && pbc[2] && (moving || ath_system_n_atoms(system) == 1)) {
        model_checks_stress(bench, system, 1e-4, 1e-9);
    }
}

static void sw_check_symmetry(const model_bench *bench, ath_system *system, bool moving)
{
    if (moving) {
        model_checks_invariances(bench, system, 1e-11);
        model_checks_sum(bench, system, 1e-12);
    }
    model_checks_nan(bench, system);
}

static void sw_forces(void **unused)
{
    (void)unused;
    sw_each(sw_check_forces);
}

static void sw_stress(void **unused)
{
    (void)unused;
    sw_each(sw_check_stress);
}

static void sw_symmetry(void **unused)
{
    (void)unused;
    sw_each(sw_check_symmetry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sw_accepts_by_name),
        cmocka_unit_test(sw_at_the_cutoff),
        cmocka_unit_test(sw_crystal),
        cmocka_unit_test(sw_at_one_point),
        cmocka_unit_test(sw_against_the_formula),
        cmocka_unit_test(sw_of_many_elements),
        cmocka_unit_test(sw_forces),
        cmocka_unit_test(sw_stress),
        cmocka_unit_test(sw_symmetry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
