/* The model "emt" by itself: what it accepts, isolated atoms, the step at its cutoff, forces and
 * stress as derivatives of the energy, sums of forces, and the symmetries of the energy. Comparison
 * with another program: test_emt_ase.c; equality of bits: test_emt_bits.c.
 */
#include "emt_structures.h"
#include "model_checks.h"

#include <math.h>

#include "data/cell.h"

#define CUTOFF 5.8767983238272761

static runner shared;
static model_bench bench; /* the same context */

static void emt_accepts_by_name(void **unused)
{
    (void)unused;
    static const int32_t open[3] = {0, 0, 0};
    ath_system *system = runner_system(shared.ctx, 3, open);
    int32_t *number = runner_numbers(system);
    for (int32_t z = 0; z <= 130; z++) {
        number[0] = 29, number[1] = 13, number[2] = z;
        bool known = false;
        for (int k = 0; k < 7; k++) {
            known |= structure_elements[k] == z;
        }
        const ath_status status = ath_model_accepts(shared.model, system);
        assert_int_equal(status, known ? ATH_OK : ATH_E_UNSUPPORTED);
        if (z == 26) {
            assert_non_null(strstr(ath_context_message(shared.ctx), "Fe"));
            assert_non_null(strstr(ath_context_message(shared.ctx), "atom 2"));
        }
    }
    ath_system_destroy(&system);
}

static void emt_isolated_atom(void **unused)
{
    (void)unused;
    static const int32_t open[3] = {0, 0, 0};
    static const double e0[7] = {-3.28, -4.44, -3.51, -3.90, -2.96, -5.85, -3.80};
    assert_true(ath_model_cutoff(shared.model) == CUTOFF);
    ath_system *systems[7];
    for (int k = 0; k < 7; k++) {
        systems[k] = runner_system(shared.ctx, 2, open);
        runner_field(systems[k], ATH_FIELD_POSITIONS)[0] = CUTOFF; /* just too far to interact */
        runner_numbers(systems[k])[0] = runner_numbers(systems[k])[1] = structure_elements[k];
    }
    runner_put(&shared, systems, 7, 0.3);
    runner_all(&shared);
    for (int k = 0; k < 7; k++) {
        assert_true(runner_energy(&shared, k) == -e0[k] - e0[k]);
        for (int c = 0; c < 6; c++) {
            assert_true(runner_forces(&shared, k)[c] == 0.0);
        }
        ath_system_destroy(&systems[k]);
    }
}

/* Energy of the systems that `make` gives with atoms just inside and just outside the cutoff. */
static double emt_step(ath_system *inside, ath_system *outside)
{
    ath_system *const both[2] = {inside, outside};
    runner_put(&shared, both, 2, 0.3);
    runner_all(&shared);
    return runner_energy(&shared, 0) - runner_energy(&shared, 1);
}

/* The step as a pair crosses the cutoff: for a bond of the fifth shell of an expanded fcc crystal,
 * the largest that a bulk metal shows, and for a dimer. */
static void emt_step_at_cutoff(void **unused)
{
    (void)unused;
    static const int32_t once[3] = {1, 1, 1}, open[3] = {0, 0, 0};
    for (int k = 0; k < 7; k++) {
        ath_system *crystal[2], *dimer[2];
        for (int side = 0; side < 2; side++) {
            const double r = CUTOFF + (side ? 1e-11 : -1e-11);
            crystal[side] = structure_fcc(shared.ctx, once, 4, r / sqrt(2.5), once);
            dimer[side] = runner_system(shared.ctx, 2, open);
            runner_field(dimer[side], ATH_FIELD_POSITIONS)[0] = r;
            for (int i = 0; i < 4; i++) {
                runner_numbers(crystal[side])[i] = structure_elements[k];
                runner_numbers(dimer[side])[i % 2] = structure_elements[k];
            }
        }
        const double bulk = emt_step(crystal[0], crystal[1]) / (4 * 24 / 2);
        const double pair = emt_step(dimer[0], dimer[1]);
        print_message("%s: %.1e eV per bond in the crystal, %.1e eV in the dimer\n",
                      ath_element_symbol(structure_elements[k]), bulk, pair);
        assert_true(fabs(bulk) > 1e-11 && fabs(bulk) < 5e-8);
        assert_true(fabs(pair) > 1e-6 && fabs(pair) < 1.5e-3);
        for (int side = 0; side < 2; side++) {
            ath_system_destroy(&crystal[side]);
            ath_system_destroy(&dimer[side]);
        }
    }
}

/* Least | |r_ij| - cutoff | over the rows first .. last - 1 of system 0, angstrom. */
static double emt_margin(const runner *r, int32_t first, int32_t last)
{
    const int32_t slot = r->slots[0];
    const int64_t row = r->view.first[slot];
    double h[9], least = 1.0;
    ath__cell_complete(r->view.cell + 9 * (int64_t)slot, r->view.pbc + 3 * (int64_t)slot, h);
    for (int64_t i = first; i < last; i++) {
        const ath__neighbor *e = r->list.entry + r->list.start[slot] + r->list.row[row + i];
        for (int32_t m = 0; m < r->list.count[row + i]; m++) {
            const double *xi = r->view.positions + 3 * (row + i);
            const double *xj = r->view.positions + 3 * (row + e[m].atom);
            int32_t s[3];
            double t[3], r2 = 0.0;
            ath__shift_unpack(e[m].shift, s);
            for (int k = 0; k < 3; k++) {
                s[k] += r->list.wrap[3 * (row + i) + k] - r->list.wrap[3 * (row + e[m].atom) + k];
            }
            ath__image_vector(s, h, t);
            for (int k = 0; k < 3; k++) {
                r2 += (xj[k] - xi[k] + t[k]) * (xj[k] - xi[k] + t[k]);
            }
            least = fmin(least, fabs(sqrt(r2) - CUTOFF));
        }
    }
    return least;
}

/* Derivative of the energy from its values at -2h, -h, h, 2h. */
static double emt_derivative(const double e[4], double h)
{
    return ((e[0] - e[3]) + 8.0 * (e[2] - e[1])) / (12.0 * h);
}

/* Forces against the energy, where no pair crosses the cutoff. */
static void emt_forces_are_derivatives(void **unused)
{
    (void)unused;
    static const double at[4] = {-2.0, -1.0, 1.0, 2.0};
    const double h = 4e-4;
    int tested = 0;
    for (int kind = 0; kind < 5; kind++) {
        double error = 0.0, size = 0.0;
        for (uint64_t number = 0; number < 6; number++) {
            ath_system *system = structure_make(shared.ctx, kind, number);
            const int32_t n = ath_system_n_atoms(system) < 12 ? ath_system_n_atoms(system) : 12;
            runner_put(&shared, &system, 1, 0.5);
            runner_all(&shared);
            for (int32_t i = 0; i < n; i++) {
                if (emt_margin(&shared, i, i + 1) < 2.5 * h) {
                    continue;
                }
                for (int k = 0; k < 3; k++) {
                    double *x = runner_positions(&shared, 0) + 3 * i + k, e[4];
                    const double old = *x, f = runner_forces(&shared, 0)[3 * i + k];
                    for (int p = 0; p < 4; p++) {
                        *x = old + at[p] * h;
                        runner_all(&shared);
                        e[p] = runner_energy(&shared, 0);
                    }
                    *x = old;
                    runner_all(&shared);
                    const double difference = emt_derivative(e, h) + f;
                    error += difference * difference;
                    size += f * f;
                    tested++;
                }
            }
            ath_system_destroy(&system);
        }
        print_message("kind %d: relative error of forces %.1e\n", kind, sqrt(error / size));
        assert_true(size > 0.0 && sqrt(error / size) <= 2e-9);
    }
    assert_true(tested > 300);
}

/* Energy of system 0 with cell and atoms strained by eps in components a, b and b, a. */
static double emt_strained(runner *r, const double *x, const double cell[9], int a, int b,
                           double eps)
{
    const int32_t n = ath_batch_n_atoms_of(r->batch, 0);
    for (int32_t i = 0; i < n + 3; i++) {
        const double *old = i < n ? x + 3 * (int64_t)i : cell + 3 * (i - n);
        double *row =
            i < n ? runner_positions(r, 0) + 3 * (int64_t)i : runner_cell(r, 0) + 3 * (i - n);
        for (int k = 0; k < 3; k++) {
            row[k] = old[k];
        }
        row[a] += 0.5 * eps * old[b];
        row[b] += 0.5 * eps * old[a];
    }
    runner_all(r);
    return runner_energy(r, 0);
}

static void emt_stress_is_derivative(void **unused)
{
    (void)unused;
    static const double at[4] = {-2.0, -1.0, 1.0, 2.0};
    const double h = 1e-4;
    int tested = 0;
    double worst = 0.0;
    for (uint64_t number = 0; number < 60 && tested < 12; number++) {
        ath_system *system = structure_make(shared.ctx, number % 2 ? 1 : 0, number);
        const int32_t n = ath_system_n_atoms(system);
        const double *x = runner_field(system, ATH_FIELD_POSITIONS);
        const double *cell = runner_field(system, ATH_FIELD_CELL);
        double stress[9];
        runner_put(&shared, &system, 1, 0.5);
        runner_all(&shared);
        memcpy(stress, runner_stress(&shared, 0), sizeof stress);
        const int far = emt_margin(&shared, 0, n) > 2.5 * h * CUTOFF;
        for (int a = 0; far && a < 3; a++) {
            for (int b = 0; b <= a; b++) {
                double e[4];
                for (int p = 0; p < 4; p++) {
                    e[p] = emt_strained(&shared, x, cell, a, b, at[p] * h);
                }
                const double value = emt_derivative(e, h) / ath__cell_volume(cell);
                assert_true(stress[3 * a + b] == stress[3 * b + a]);
                worst = fmax(worst, fabs(value - stress[3 * a + b]));
            }
        }
        tested += far;
        ath_system_destroy(&system);
    }
    print_message("%d structures, largest error of stress %.1e eV/A^3\n", tested, worst);
    assert_true(tested == 12);
    assert_true(worst <= 1e-9);
}

/* The conformance suite, for systems of all kinds. */
static void emt_conformance(void **unused)
{
    (void)unused;
    for (int kind = 0; kind < STRUCTURE_KINDS; kind++) {
        for (uint64_t number = 0; number < 4; number++) {
            ath_system *system = structure_make(bench.ctx, kind, number);
            model_checks_stress_form(&bench, system);
            if (ath_system_n_atoms(system) >
                1) { /* the force on a lone atom is zero but for rounding */
                model_checks_invariances(&bench, system, 1e-11);
                model_checks_sum(&bench, system, 1e-14);
                model_checks_nan(&bench, system);
            }
            ath_system_destroy(&system);
        }
    }
}

/* Energy per atom, forces and stress of a crystal do not depend on how many cells describe it. */
static void emt_supercell(void **unused)
{
    (void)unused;
    static const int32_t pbc[3] = {1, 1, 1}, once[3] = {1, 1, 1}, many[3] = {3, 2, 4};
    for (int basis = 1; basis <= 4; basis++) {
        ath_system *s[2] = {structure_fcc(shared.ctx, once, basis, 3.7, pbc),
                            structure_fcc(shared.ctx, many, basis, 3.7, pbc)};
        for (int v = 0; v < 2; v++) {
            for (int32_t i = 0; i < ath_system_n_atoms(s[v]); i++) {
                runner_numbers(s[v])[i] = structure_elements[(i % basis * 3) % 7];
                runner_field(s[v], ATH_FIELD_POSITIONS)[3 * i] += 0.1 * (i % basis == 1);
            }
        }
        runner_put(&shared, s, 2, 0.5);
        runner_all(&shared);
        assert_true(fabs(runner_energy(&shared, 1) / 24 - runner_energy(&shared, 0)) <= 1e-12);
        for (int k = 0; k < 9; k++) {
            assert_true(fabs(runner_stress(&shared, 1)[k] - runner_stress(&shared, 0)[k]) <= 1e-13);
        }
        for (int k = 0; k < 3 * 24 * basis; k++) {
            assert_true(fabs(runner_forces(&shared, 1)[k] -
                             runner_forces(&shared, 0)[k % (3 * basis)]) <= 1e-12);
        }
        ath_system_destroy(&s[0]);
        ath_system_destroy(&s[1]);
    }
}

static int emt_open(void **unused)
{
    (void)unused;
    return runner_open(&shared, NULL, "host", "emt") &&
                   model_bench_open(&bench, shared.ctx, "host", NULL, "emt")
               ? 0
               : -1;
}

static int emt_close(void **unused)
{
    (void)unused;
    model_bench_close(&bench);
    runner_close(&shared);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(emt_accepts_by_name),      cmocka_unit_test(emt_isolated_atom),
        cmocka_unit_test(emt_step_at_cutoff),       cmocka_unit_test(emt_forces_are_derivatives),
        cmocka_unit_test(emt_stress_is_derivative), cmocka_unit_test(emt_supercell),
        cmocka_unit_test(emt_conformance),
    };
    return cmocka_run_group_tests(tests, emt_open, emt_close);
}
