/* The model "emt": equality of bits. Energy, forces and stress of a system are the same alone, in
 * any batch and order, on every instruction set, with any skin and any history of its list, with
 * any size of the work memory, and whatever else is wanted.
 */
#include "emt_structures.h"
#include "model_checks.h"

#include <math.h>

#include "models/emt.h"

enum {
    PER_KIND = 8,
    COUNT = STRUCTURE_KINDS * PER_KIND,
    VALUES = 10 + 3 * STRUCTURE_MAX_ATOMS /* energy, stress, forces */
};

typedef struct results {
    double value[COUNT][VALUES];
} results;

static const char *const bits_devices[3] = {"host:isa=base", "host:isa=v3", "host:isa=v4"};
static ath_context *bits_ctx;
static ath_system *bits_systems[COUNT];
static results bits_reference; /* each system alone, on the base instruction set */

static void bits_read(const runner *r, int32_t index, double value[VALUES])
{
    const size_t n = (size_t)ath_batch_n_atoms_of(r->batch, index);
    assert_true(n <= STRUCTURE_MAX_ATOMS);
    memset(value, 0, VALUES * sizeof *value);
    value[0] = runner_energy(r, index);
    memcpy(value + 1, runner_stress(r, index), 9 * sizeof *value);
    memcpy(value + 10, runner_forces(r, index), 3 * n * sizeof *value);
}

static void bits_equal(const runner *r, int32_t index, const double expected[VALUES])
{
    double value[VALUES];
    bits_read(r, index, value);
    assert_memory_equal(value, expected, sizeof value);
}

/* Makes the systems and the reference. */
static int bits_open(void **unused)
{
    (void)unused;
    runner r;
    int different = 0;
    assert_int_equal(ath_context_create(NULL, &bits_ctx), ATH_OK);
    assert_true(runner_open(&r, bits_ctx, bits_devices[0], "emt"));
    for (int i = 0; i < COUNT; i++) {
        bits_systems[i] = structure_make(bits_ctx, i % STRUCTURE_KINDS, (uint64_t)(i + 1000));
        runner_put(&r, &bits_systems[i], 1, 0.5);
        runner_all(&r);
        bits_read(&r, 0, bits_reference.value[i]);
        different += i > 0 && bits_reference.value[i][0] != bits_reference.value[i - 1][0];
        assert_true(isfinite(bits_reference.value[i][0]));
    }
    runner_close(&r);
    return different == COUNT - 1 ? 0 : -1;
}

static int bits_close(void **unused)
{
    (void)unused;
    for (int i = 0; i < COUNT; i++) {
        ath_system_destroy(&bits_systems[i]);
    }
    ath_context_destroy(&bits_ctx);
    return 0;
}

/* The conformance suite: alone, in company, in another order; any skin; any device; whatever is
 * wanted. */
static void bits_conformance(void **unused)
{
    (void)unused;
    static const char *const other[] = {"host:isa=base", "host:isa=v3", "host:isa=v4", "mock"};
    model_bench bench;
    assert_true(model_bench_open(&bench, bits_ctx, "host", NULL, "emt"));
    model_checks_company(&bench, bits_systems, COUNT);
    model_checks_skin(&bench, bits_systems, COUNT);
    model_checks_want(&bench, bits_systems, COUNT);
    for (size_t d = 0; d < sizeof other / sizeof *other; d++) {
        model_checks_device(&bench, other[d], NULL, "emt", bits_systems, COUNT);
    }
    model_result *all = model_results(&bench, bits_systems, COUNT, MODEL_ALL);
    for (int i = 0; i < COUNT; i++) {
        assert_true(all[i].energy == bits_reference.value[i][0]);
        assert_memory_equal(all[i].stress, bits_reference.value[i] + 1, sizeof all[i].stress);
        assert_memory_equal(all[i].forces, bits_reference.value[i] + 10,
                            (size_t)all[i].n_atoms * 3 * sizeof(double));
    }
    model_results_free(all, COUNT);
    model_bench_close(&bench);
}

/* Pairs kept between the passes, some of them, none: with less work memory rows are evaluated
 * again. */
static void bits_work_memory(void **unused)
{
    (void)unused;
    for (int d = 0; d < 3; d++) {
        runner r;
        if (!runner_open(&r, bits_ctx, bits_devices[d], "emt")) {
            continue;
        }
        runner_put(&r, bits_systems, COUNT, 0.5);
        runner_lists(&r);
        r.n = 1;
        for (int i = 0; i < COUNT; i++) {
            const size_t n = (size_t)ath_batch_n_atoms_of(r.batch, i);
            for (size_t kept = 0; kept <= 1400; kept += 200) {
                const size_t bytes = n * ATH__EMT_ATOM_BYTES + ATH__EMT_SPARE_BYTES +
                                     (ATH__EMT_CHUNK + kept) * ATH__EMT_PAIR_BYTES;
                if (bytes <= r.work_bytes) {
                    memset(runner_forces(&r, i), 0xff, 3 * n * sizeof(double));
                    runner_compute(&r, RUNNER_ALL, bytes);
                    bits_equal(&r, i, bits_reference.value[i]);
                }
            }
            r.slots[0] = i + 1 < COUNT ? ath__batch_slot(r.batch, i + 1) : 0;
        }
        runner_close(&r);
    }
}

/* Moves all atoms of all systems a little, in the same way for every runner. */
static void bits_move(runner *r, uint64_t *seed)
{
    for (int i = 0; i < COUNT; i++) {
        for (int32_t k = 0; k < 3 * ath_batch_n_atoms_of(r->batch, i); k++) {
            runner_positions(r, i)[k] += 0.07 * structure_random(seed);
        }
    }
}

/* A list that has served for many steps, and one that is new at each step. */
static void bits_history(void **unused)
{
    (void)unused;
    runner old, fresh;
    uint64_t seed[2] = {99, 99};
    int64_t builds[2];
    double value[VALUES];
    assert_true(runner_open(&old, bits_ctx, "host", "emt"));
    assert_true(runner_open(&fresh, bits_ctx, "host", "emt"));
    runner_put(&old, bits_systems, COUNT, 1.0);
    runner_put(&fresh, bits_systems, COUNT, 1.0);
    for (int step = 0; step < 12; step++) {
        runner_ok(&fresh, ath__neighbors_invalidate(fresh.neighbors));
        runner_all(&old);
        runner_all(&fresh);
        for (int i = 0; i < COUNT; i++) {
            bits_read(&fresh, i, value);
            bits_equal(&old, i, value);
        }
        bits_move(&old, &seed[0]);
        bits_move(&fresh, &seed[1]);
    }
    runner_ok(&old, ath__neighbors_builds(old.neighbors, &builds[0]));
    runner_ok(&fresh, ath__neighbors_builds(fresh.neighbors, &builds[1]));
    assert_true(builds[0] < builds[1] / 2); /* or nothing was tested */
    runner_close(&old);
    runner_close(&fresh);
}

/* Atoms that have drifted hundreds of cells apart: the same on every instruction set, and near to
 * what they were at home. */
static void bits_far_apart(void **unused)
{
    (void)unused;
    double first[COUNT][VALUES];
    for (int d = 0; d < 3; d++) {
        runner r;
        if (!runner_open(&r, bits_ctx, bits_devices[d], "emt")) {
            continue;
        }
        runner_put(&r, bits_systems, COUNT, 0.5);
        for (int i = 0; i < COUNT; i++) {
            const double *cell = runner_cell(&r, i);
            const int32_t *pbc = r.view.pbc + 3 * (int64_t)ath__batch_slot(r.batch, i);
            for (int32_t k = 0; k < 3 * ath_batch_n_atoms_of(r.batch, i); k++) {
                for (int a = 0; a < 3; a++) {
                    const double images = (k / 3 * 331 + a) % 5 * 256.0 - 400.0;
                    runner_positions(&r, i)[k] += pbc[a] ? images * cell[3 * a + k % 3] : 0.0;
                }
            }
        }
        runner_all(&r);
        for (int i = 0; i < COUNT; i++) {
            if (d == 0) {
                bits_read(&r, i, first[i]);
                assert_true(fabs(first[i][0] - bits_reference.value[i][0]) < 1e-7);
            }
            bits_equal(&r, i, first[i]);
        }
        runner_close(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_conformance),
        cmocka_unit_test(bits_work_memory),
        cmocka_unit_test(bits_history),
        cmocka_unit_test(bits_far_apart),

    };
    return cmocka_run_group_tests(tests, bits_open, bits_close);
}
