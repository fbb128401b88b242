/* Atoms of "lj" that are any number of cells away from where they would be if they were wrapped:
 * positions are not, so an atom that diffuses far comes there.
 *
 * In cells whose numbers are small whole ones, with positions that are multiples of 2^-24 angstrom,
 * moving an atom by whole cells rounds nothing, and the system has the same bits wherever its atoms
 * are: from all pairs and from lists, by shift and nearest, on every instruction set.
 */
#include "lj_systems.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { FAR_SHAPES = 6, FAR_MOVES = 7 };

/* Cells of `spacing` are powers of two long; skew: b = (4, ., .), c = (-8, 4, .) angstrom. */
static const struct {
    model_recipe recipe;
    bool skew;
} far_shapes[FAR_SHAPES] = {
    /* several images within the cutoff */
    {{.cells = {2, 2, 2}, .spacing = 4, .pbc = {1, 1, 1}}, false},
    {{.cells = {2, 2, 2}, .spacing = 4, .pbc = {1, 1, 1}}, true},
    {{.cells = {1, 2, 8}, .spacing = 4, .pbc = {1, 1, 0}}, false},
    /* the nearest one: all pairs, then a list; by shift in float64 where the cell is skew */
    {{.cells = {4, 4, 4}, .spacing = 4, .pbc = {1, 1, 1}}, false},
    {{.cells = {8, 8, 8}, .spacing = 4, .pbc = {1, 0, 1}}, false},
    {{.cells = {8, 8, 8}, .spacing = 4, .pbc = {1, 1, 1}}, true},
};

static const char *const far_models[] = {
    "epsilon=0.0104,sigma=3.4,cutoff=5.5",
    "epsilon=0.0104,sigma=3.4,cutoff=5.5,precision=mixed",
    "epsilon=0.0104,sigma=3.4,cutoff=5.5,pairs=\"Kr-Kr:0.0141:3.63\",scheme=switch,switch_width=1",
};

/* Cells along each vector by which the first atom and the last one move, and all of them. */
static const int32_t far_moves[FAR_MOVES][3][3] = {
    {{1, -1, 2}, {0, 1, 0}, {0, 0, 0}},
    {{0, 0, 0}, {0, 0, 0}, {200, -200, 255}}, /* far from the cell, not from one another */
    {{511, 0, 0}, {0, 0, -512}, {0, 0, 0}},
    {{600, -600, 600}, {0, 0, 0}, {0, 0, 0}},
    {{0, 1024, 0}, {-1024, 0, 2048}, {1, 1, 1}},
    {{100000, 0, 0}, {0, -100000, 0}, {0, 0, 0}},
    {{-100000, 100000, 99999}, {100000, 3, -100001}, {-700, 700, 0}},
};

static ath_system *far_system(ath_context *ctx, int shape, const double scale)
{
    model_recipe recipe = far_shapes[shape].recipe;
    recipe.rattle = 0.3;
    recipe.numbers[0] = 18;
    recipe.numbers[1] = 36;
    recipe.seed = 50 + (uint64_t)shape;
    ath_system *system = model_system(ctx, &recipe);
    double *x = model_field(system, ATH_FIELD_POSITIONS), *h = model_field(system, ATH_FIELD_CELL);
    for (int32_t k = 0; k < 3 * ath_system_n_atoms(system); k++) {
        x[k] = ldexp(rint(ldexp(x[k], 24)), -24) * scale;
    }
    if (far_shapes[shape].skew) {
        h[3] = 4.0, h[6] = -8.0, h[7] = 4.0;
    }
    for (int k = 0; k < 9; k++) {
        h[k] *= scale;
    }
    return system;
}

/* The same with atoms in other cells. */
static ath_system *far_moved(const ath_system *from, const int32_t moves[3][3])
{
    ath_system *system = NULL;
    void *p = NULL;
    assert_int_equal(ath_system_clone(from, &system), ATH_OK);
    double *x = model_field(system, ATH_FIELD_POSITIONS), *h = model_field(system, ATH_FIELD_CELL);
    assert_int_equal(ath_system_field(system, ATH_FIELD_PBC, &p), ATH_OK);
    const int32_t n = ath_system_n_atoms(system), *pbc = p;
    for (int32_t i = 0; i < n; i++) {
        for (int k = 0; k < 3; k++) {
            const int32_t cells =
                moves[2][k] + (i == 0 ? moves[0][k] : 0) + (i == n - 1 ? moves[1][k] : 0);
            for (int c = 0; c < 3 && pbc[k]; c++) {
                x[3 * i + c] += cells * h[3 * k + c];
            }
        }
    }
    return system;
}

typedef void far_check(const model_bench *bench, ath_system *const *systems, int32_t n,
                       const char *what);

/* All moves of all shapes, on a device; scale: of all lengths. */
static void far_each(const char *device, far_check *check, double scale)
{
    const ath__model_ops lists = lj_list_only();
    for (size_t m = 0; m < 2 * sizeof far_models / sizeof *far_models; m++) {
        model_bench bench;
        if (!model_bench_open(&bench, NULL, device, m % 2 ? &lists : &ath__model_lj,
                              far_models[m / 2])) {
            print_message("no %s here\n", device);
            return;
        }
        for (int shape = 0; shape < FAR_SHAPES; shape++) {
            ath_system *systems[1 + FAR_MOVES];
            char what[160];
            systems[0] = far_system(bench.ctx, shape, scale);
            for (int k = 0; k < FAR_MOVES; k++) {
                systems[1 + k] = far_moved(systems[0], far_moves[k]);
            }
            snprintf(what, sizeof what, "%s, %s, %s, shape %d", device, far_models[m / 2],
                     m % 2 ? "lists" : "all pairs", shape);
            check(&bench, systems, 1 + FAR_MOVES, what);
            for (int k = 0; k <= FAR_MOVES; k++) {
                ath_system_destroy(&systems[k]);
            }
        }
        model_bench_close(&bench);
    }
}

static void far_same_bits(const model_bench *bench, ath_system *const *systems, int32_t n,
                          const char *what)
{
    model_result *r = model_results(bench, systems, n, MODEL_ALL);
    for (int32_t k = 1; k < n; k++) {
        if (!model_same_bits(&r[0], &r[k])) {
            fail_msg("%s: move %d changes %.17g to %.17g", what, (int)k - 1, r[0].energy,
                     r[k].energy);
        }
    }
    assert_true(model_rms_force(&r[0]) > 1e-3);
    model_results_free(r, n);
}

static void far_bits(void **unused)
{
    (void)unused;
    static const char *const devices[] = {"host:isa=base", "host:isa=v3", "host:isa=v4", "mock"};
    for (size_t d = 0; d < sizeof devices / sizeof *devices; d++) {
        far_each(devices[d], far_same_bits, 1.0);
    }
}

/* With numbers that round: 1e5 cells of 30 angstrom leave 5e-10 of a position. */
static void far_near(const model_bench *bench, ath_system *const *systems, int32_t n,
                     const char *what)
{
    model_result *r = model_results(bench, systems, n, MODEL_ALL);
    const bool mixed = strstr(what, "mixed") != NULL;
    const double tolerance = (mixed ? 1e-5 : 1e-7) * model_rms_force(&r[0]);
    for (int32_t k = 1; k < n; k++) {
        double worst = fabs(r[k].energy - r[0].energy) / (10 * r[0].n_atoms);
        for (int32_t i = 0; i < 3 * r[0].n_atoms; i++) {
            worst = fmax(worst, fabs(r[k].forces[i] - r[0].forces[i]));
        }
        for (int i = 0; i < 9; i++) {
            assert_true(fabs(r[k].stress[i] - r[0].stress[i]) <= tolerance);
        }
        if (!(worst <= tolerance)) {
            fail_msg("%s: move %d is off by %g (of %g)", what, (int)k - 1, worst, tolerance);
        }
    }
    model_results_free(r, n);
}

static void far_forces(void **unused)
{
    (void)unused;
    far_each("host", far_near, 1.0 + 1.0 / 30.0);
    far_each("host:isa=base", far_near, 1.0 - 1.0 / 70.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(far_bits), cmocka_unit_test(far_forces)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
