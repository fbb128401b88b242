/* The model "emt" against ASE's calculator EMT: energy, forces and stress of every tenth structure
 * of structures/emt_1000.extxyz to 1e-9 eV, eV/angstrom and eV/angstrom^3. The reference values are
 * made during the test by emt_reference.py. Skipped (77) without ASE or without the structures.
 */
#include "emt_runner.h"

#include <math.h>
#include <unistd.h>

#include <athanor/extxyz.h>

#define PYTHON "/usr/bin/python3"
#define STRUCTURES ATH_REFERENCE_DATA "/structures/emt_1000.extxyz"
#define SCRIPT ATH_SOURCE_DIR "/tests/models/emt_reference.py"

enum { STRIDE = 10, COUNT = 100 };

static const double tolerance = 1e-9;
static char reference_file[] = "/tmp/emt_reference_XXXXXX";

/* What the structures tested were, so that the test cannot pass on few or similar ones. */
typedef struct census {
    int structures, open, slabs, tiny, below_cutoff, elements[128];
    double energy, force, stress; /* largest deviations */
} census;

static void ase_compare(const runner *r, int32_t i, FILE *reference, census *seen)
{
    int frame = 0, n = 0, periodic = 0;
    double value = 0.0;
    assert_int_equal(fscanf(reference, "%d %d %d %lf", &frame, &n, &periodic, &value), 4);
    assert_int_equal(frame, i * STRIDE);
    assert_int_equal(n, ath_batch_n_atoms_of(r->batch, i));
    double worst = fabs(runner_energy(r, i) - value);
    assert_true(worst <= tolerance);
    seen->energy = fmax(seen->energy, worst);
    for (int k = 0; k < 9; k++) {
        assert_int_equal(fscanf(reference, "%lf", &value), 1);
        worst = fabs(runner_stress(r, i)[k] - value);
        assert_true(worst <= tolerance);
        seen->stress = fmax(seen->stress, worst);
    }
    for (int k = 0; k < 3 * n; k++) {
        assert_int_equal(fscanf(reference, "%lf", &value), 1);
        worst = fabs(runner_forces(r, i)[k] - value);
        assert_true(worst <= tolerance);
        seen->force = fmax(seen->force, worst);
    }
}

static void ase_count(ath_system *system, double cutoff, census *seen)
{
    const int32_t *numbers = runner_numbers(system);
    const int32_t *pbc = ath_system_peek(system, ATH_FIELD_PBC);
    const double *cell = ath_system_peek(system, ATH_FIELD_CELL);
    const int dimensions = pbc ? pbc[0] + pbc[1] + pbc[2] : 0;
    seen->structures++;
    seen->open += dimensions == 0;
    seen->slabs += dimensions == 2;
    seen->tiny += dimensions == 3 && ath_system_n_atoms(system) <= 2;
    for (int k = 0; dimensions == 3 && k < 3; k++) {
        const double *a = cell + 3 * k;
        if (a[0] * a[0] + a[1] * a[1] + a[2] * a[2] < cutoff * cutoff) {
            seen->below_cutoff++;
            break;
        }
    }
    for (int32_t i = 0; i < ath_system_n_atoms(system); i++) {
        seen->elements[numbers[i]]++;
    }
}

static void ase_all(void **unused)
{
    (void)unused;
    static const int element[7] = {13, 28, 29, 46, 47, 78, 79};
    ath_extxyz_reader *reader = NULL;
    ath_system *systems[COUNT] = {NULL};
    census seen = {0};
    runner r;
    assert_true(runner_open(&r, NULL, "host", "emt"));
    runner_ok(&r, ath_extxyz_open(r.ctx, STRUCTURES, &reader));
    for (int i = 0; i < COUNT; i++) {
        runner_ok(&r, ath_extxyz_next(reader, &systems[i]));
        runner_ok(&r, ath_model_accepts(r.model, systems[i]));
        ase_count(systems[i], ath_model_cutoff(r.model), &seen);
        for (int k = 1; k < STRIDE; k++) {
            runner_ok(&r, ath_extxyz_skip(reader));
        }
    }
    ath_extxyz_close(&reader);
    runner_put(&r, systems, COUNT, 0.5);
    runner_all(&r);
    FILE *reference = fopen(reference_file, "r");
    assert_non_null(reference);
    for (int i = 0; i < COUNT; i++) {
        ase_compare(&r, i, reference, &seen);
        ath_system_destroy(&systems[i]);
    }
    fclose(reference);
    runner_close(&r);
    print_message("largest deviations: %.1e eV, %.1e eV/A, %.1e eV/A^3\n", seen.energy, seen.force,
                  seen.stress);
    print_message("%d structures: %d open, %d slabs, %d of 1 or 2 atoms, %d below the cutoff\n",
                  seen.structures, seen.open, seen.slabs, seen.tiny, seen.below_cutoff);
    assert_true(seen.open >= 5 && seen.slabs >= 5 && seen.tiny >= 5 && seen.below_cutoff >= 20);
    for (int k = 0; k < 7; k++) {
        assert_true(seen.elements[element[k]] >= 20);
    }
}

int main(void)
{
    if (system(PYTHON " -c 'import ase.calculators.emt' 2>/dev/null") != 0) {
        printf("skipped: " PYTHON " has no ASE\n");
        return 77;
    }
    if (access(STRUCTURES, R_OK) != 0) {
        printf("skipped: no " STRUCTURES "\n");
        return 77;
    }
    const int file = mkstemp(reference_file);
    if (file < 0) {
        perror(reference_file);
        return 1;
    }
    close(file);
    char command[4096];
    snprintf(command, sizeof command, PYTHON " '" SCRIPT "' '" STRUCTURES "' '%s' %d",
             reference_file, STRIDE);
    int failed = system(command) != 0;
    if (failed) {
        printf("emt_reference.py failed\n");
    } else {
        const struct CMUnitTest tests[] = {cmocka_unit_test(ase_all)};
        failed = cmocka_run_group_tests(tests, NULL, NULL);
    }
    unlink(reference_file);
    return failed;
}
