/* The model "sw" against LAMMPS: energy, forces and stress of the structures in
 * data/sw_lammps.extxyz, which carry the results of LAMMPS (sw_lammps.py makes the file). Every set
 * of parameters, a file of two elements in which no number is idle, a file with tol; crystals,
 * disordered structures, cells below the cutoff, a sheared cell, a slab, a chain, clusters.
 */
#include "model_checks.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <athanor/extxyz.h>

#define DATA ATH_SOURCE_DIR "/tests/data/"

static const double tolerance = 1e-9;

/* What was tested, so that the test cannot pass on few or similar structures. */
typedef struct census {
    int structures, open, slabs, chains, tiny, skewed, names;
    char name[16][16];
} census;

static void lammps_count(const ath_system *system, const char *name, census *seen)
{
    const int32_t *pbc = ath_system_peek(system, ATH_FIELD_PBC);
    const double *cell = ath_system_peek(system, ATH_FIELD_CELL);
    const int dimensions = pbc ? pbc[0] + pbc[1] + pbc[2] : 0;
    seen->structures++;
    seen->open += dimensions == 0;
    seen->chains += dimensions == 1;
    seen->slabs += dimensions == 2;
    seen->tiny += dimensions == 3 && ath_system_n_atoms(system) <= 2;
    seen->skewed += dimensions == 3 && cell[6] != 0.0;
    for (int k = 0; k < seen->names; k++) {
        if (!strcmp(seen->name[k], name)) {
            return;
        }
    }
    assert_true(seen->names < 16 && strlen(name) < 16);
    strcpy(seen->name[seen->names++], name);
}

/* The frame's own word for its parameters. */
static void lammps_model(const ath_system *system, char *name, char *text, size_t bytes)
{
    ath_extra extra = {0};
    for (int32_t k = 0; k < ath_system_n_extras(system); k++) {
        assert_int_equal(ath_system_extra(system, k, &extra), ATH_OK);
        if (!strcmp(extra.name, "sw")) {
            snprintf(name, 16, "%s", *(const char *const *)extra.values);
            const int file = !strcmp(name, "two") || !strcmp(name, "tol");
            snprintf(text, bytes, file ? "sw:file=\"" DATA "sw_%s.sw\"" : "sw:set=%s", name);
            return;
        }
    }
    fail_msg("a frame without sw=");
}

static void lammps_compare(ath_context *ctx, ath_system *system, census *seen, double worst[3])
{
    char name[16], text[512];
    model_bench bench;
    lammps_model(system, name, text, sizeof text);
    lammps_count(system, name, seen);
    assert_true(model_bench_open(&bench, ctx, "host", NULL, text));
    assert_int_equal(ath_model_accepts(bench.model, system), ATH_OK);
    const double *energy = ath_system_peek(system, ATH_FIELD_ENERGY);
    const double *stress = ath_system_peek(system, ATH_FIELD_STRESS);
    const double *forces = ath_system_peek(system, ATH_FIELD_FORCES);
    const int32_t n = ath_system_n_atoms(system);
    assert_true(energy && stress && forces);
    model_result *r = model_results(&bench, &system, 1, MODEL_ALL);
    double off[3] = {fabs(r->energy - *energy), 0.0, 0.0}, largest = 1.0;
    for (int32_t k = 0; k < 3 * n; k++) {
        off[1] = fmax(off[1], fabs(r->forces[k] - forces[k]));
        largest = fmax(largest, fabs(forces[k]));
    }
    for (int k = 0; k < 9; k++) {
        off[2] = fmax(off[2], fabs(r->stress[k] - stress[k]));
    }
    print_message("%-8s %4d atoms: %9.1e eV, %9.1e eV/A of %4.1f, %9.1e eV/A^3\n", name, (int)n,
                  off[0], off[1], largest, off[2]);
    assert_true(off[0] <= tolerance * fmax(1.0, fabs(*energy)));
    assert_true(off[1] <= tolerance * largest);
    assert_true(off[2] <= tolerance);
    for (int k = 0; k < 3; k++) {
        worst[k] = fmax(worst[k], off[k]);
    }
    model_results_free(r, 1);
    model_bench_close(&bench);
}

static void lammps_all(void **unused)
{
    (void)unused;
    ath_context *ctx = NULL;
    ath_extxyz_reader *reader = NULL;
    ath_system *system = NULL;
    census seen = {0};
    double worst[3] = {0.0};
    assert_int_equal(ath_context_create(NULL, &ctx), ATH_OK);
    assert_int_equal(ath_extxyz_open(ctx, DATA "sw_lammps.extxyz", &reader), ATH_OK);
    ath_status status;
    while ((status = ath_extxyz_next(reader, &system)) == ATH_OK) {
        lammps_compare(ctx, system, &seen, worst);
        ath_system_destroy(&system);
    }
    assert_int_equal(status, ATH_END);
    ath_extxyz_close(&reader);
    ath_context_destroy(&ctx);
    print_message("%d structures, largest deviations %.1e eV, %.1e eV/A, %.1e eV/A^3\n",
                  seen.structures, worst[0], worst[1], worst[2]);
    assert_true(seen.structures >= 20 && seen.names == 8 && seen.open >= 2 && seen.slabs >= 1);
    assert_true(seen.chains >= 1 && seen.tiny >= 3 && seen.skewed >= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lammps_all)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
