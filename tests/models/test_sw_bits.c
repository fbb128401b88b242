/* The model "sw": equality of bits. Energy, forces and stress of a system are the same alone, in
 * any company and order, on every instruction set and on the mock device, with any skin and any
 * history of its list, with any size of the work memory, with any number of members of a team, and
 * whatever else is wanted; for one kind of atom and for two.
 */
#include "emt_runner.h"
#include "test_sw_systems.h"

#include <stdio.h>

#include "models/sw.h"

static const struct {
    const char *options;
    int kinds;
} bits_models[] = {{"set=Si", 1}, {SW_TWO, 2}, {SW_TWO, 1}, {SW_TOL, 1}};
enum { BITS_MODELS = sizeof bits_models / sizeof *bits_models };

static void bits_each(void (*check)(const model_bench *bench, ath_system *const *systems,
                                    int32_t n))
{
    for (int k = 0; k < BITS_MODELS; k++) {
        model_bench bench;
        ath_system *systems[SW_RECIPES];
        assert_true(model_bench_open(&bench, NULL, "host", &ath__model_sw, bits_models[k].options));
        sw_systems_open(bench.ctx, bits_models[k].kinds, systems);
        check(&bench, systems, SW_RECIPES);
        sw_systems_close(systems);
        model_bench_close(&bench);
    }
}

static void bits_company(void **unused)
{
    (void)unused;
    bits_each(model_checks_company);
}

static void bits_skin(void **unused)
{
    (void)unused;
    bits_each(model_checks_skin);
}

static void bits_want(void **unused)
{
    (void)unused;
    bits_each(model_checks_want);
}

static void bits_devices(void **unused)
{
    (void)unused;
    static const char *const devices[] = {"host:isa=base", "host:isa=v3", "host:isa=v4", "mock"};
    for (int k = 0; k < BITS_MODELS; k++) {
        model_bench bench;
        ath_system *systems[SW_RECIPES];
        assert_true(model_bench_open(&bench, NULL, "host", &ath__model_sw, bits_models[k].options));
        sw_systems_open(bench.ctx, bits_models[k].kinds, systems);
        for (size_t d = 0; d < sizeof devices / sizeof *devices; d++) {
            model_checks_device(&bench, devices[d], &ath__model_sw, bits_models[k].options, systems,
                                SW_RECIPES);
        }
        sw_systems_close(systems);
        model_bench_close(&bench);
    }
}

/* Systems that a team shares in, and one between them that it does not. */
static void bits_together(void **unused)
{
    (void)unused;
    for (int kinds = 1; kinds <= 2; kinds++) {
        model_bench bench;
        ath_system *systems[3];
        const model_recipe large = {.cells = {28, 27, 27},
                                    .spacing = 2.6,
                                    .rattle = 0.3,
                                    .pbc = {1, 1, 1},
                                    .numbers = {14, kinds > 1 ? 32 : 0},
                                    .seed = 31};
        assert_true(model_bench_open(&bench, NULL, "host", &ath__model_sw, SW_TWO));
        systems[0] = model_system(bench.ctx, &large);
        systems[1] = sw_system_of(bench.ctx, 0, kinds);
        systems[2] = sw_system_of(bench.ctx, 8, kinds);
        model_checks_together(&bench, systems, 3);
        for (int k = 0; k < 3; k++) {
            ath_system_destroy(&systems[k]);
        }
        model_bench_close(&bench);
    }
}

/* Neighbours kept between the passes, some of them, none: with less work memory they are found
 * again. */
static void bits_work_memory(void **unused)
{
    (void)unused;
    for (int kinds = 1; kinds <= 2; kinds++) {
        runner r;
        ath_system *systems[SW_RECIPES];
        int compared = 0;
        assert_true(runner_open(&r, NULL, "host", "sw:" SW_TWO));
        sw_systems_open(r.ctx, kinds, systems);
        runner_put(&r, systems, SW_RECIPES, 0.5);
        runner_all(&r);
        r.n = 1;
        for (int i = 0; i < SW_RECIPES; i++) {
            const int32_t n = ath_batch_n_atoms_of(r.batch, i);
            const size_t force_bytes = 3 * (size_t)n * sizeof(double);
            double energy = runner_energy(&r, i), stress[9], *forces = malloc(force_bytes);
            assert_non_null(forces);
            memcpy(stress, runner_stress(&r, i), sizeof stress);
            memcpy(forces, runner_forces(&r, i), force_bytes);
            r.slots[0] = ath__batch_slot(r.batch, i);
            for (int64_t records = 0; records <= 400; records += 25) {
                const int64_t bytes =
                    ath__sw_layout(n, 2).records + records * ATH__SW_RECORD_MANY_BYTES;
                if ((size_t)bytes <= r.work_bytes) {
                    memset(r.work, 0xff, r.work_bytes);
                    memset(runner_forces(&r, i), 0xff, force_bytes);
                    runner_compute(&r, RUNNER_ALL, (size_t)bytes);
                    assert_true(runner_energy(&r, i) == energy);
                    assert_memory_equal(runner_stress(&r, i), stress, sizeof stress);
                    assert_memory_equal(runner_forces(&r, i), forces, force_bytes);
                    compared++;
                }
            }
            free(forces);
        }
        assert_true(compared >= 10 * SW_RECIPES);
        sw_systems_close(systems);
        runner_close(&r);
    }
}

/* One number for all models and systems, the same for every compiler and machine. */
static void bits_of_all_builds(void **unused)
{
    (void)unused;
    uint64_t all = 0;
    for (int k = 0; k < BITS_MODELS; k++) {
        model_bench bench;
        ath_system *systems[SW_RECIPES];
        assert_true(model_bench_open(&bench, NULL, "host", &ath__model_sw, bits_models[k].options));
        sw_systems_open(bench.ctx, bits_models[k].kinds, systems);
        model_result *r = model_results(&bench, systems, SW_RECIPES, MODEL_ALL);
        all = all * 31 + model_hash(r, SW_RECIPES);
        model_results_free(r, SW_RECIPES);
        sw_systems_close(systems);
        model_bench_close(&bench);
    }
    if (all != UINT64_C(0xb7c9fa36d10fc58d)) {
        fail_msg("hash of all results 0x%016llx", (unsigned long long)all);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_company),       cmocka_unit_test(bits_skin),
        cmocka_unit_test(bits_want),          cmocka_unit_test(bits_devices),
        cmocka_unit_test(bits_together),      cmocka_unit_test(bits_work_memory),
        cmocka_unit_test(bits_of_all_builds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
