/* The model "harmonic" against its closed forms: energy, forces, stress, options. */
#include "emt_runner.h"
#include "model_checks.h"

#include <math.h>

enum { N = 21 };

static double harmonic_coordinate(int k)
{
    return 0.25 * (double)((k * 37) % 53) - 6.0; /* exact in binary */
}

static ath_system *harmonic_system(ath_context *ctx, const int32_t pbc[3], int n)
{
    ath_system *system = runner_system(ctx, n, pbc);
    double *x = runner_field(system, ATH_FIELD_POSITIONS);
    double *cell = runner_field(system, ATH_FIELD_CELL);
    for (int k = 0; k < 3 * n; k++) {
        x[k] = harmonic_coordinate(k);
    }
    cell[0] = 4.0, cell[3] = 1.0, cell[4] = -5.0, cell[8] = 2.0; /* left-handed, volume 40 */
    return system;
}

static void harmonic_closed_form(void **unused)
{
    (void)unused;
    static const int32_t pbc[3] = {1, 1, 1};
    runner r;
    assert_true(runner_open(&r, NULL, "host", "harmonic:k=2.5,spacing=0.75"));
    assert_true(ath_model_cutoff(r.model) == 0.0);
    ath_system *system = harmonic_system(r.ctx, pbc, N);
    runner_put(&r, &system, 1, 0.0);
    runner_all(&r);
    double energy = 0.0, strain[9] = {0.0};
    for (int i = 0; i < N; i++) {
        const double *x = runner_positions(&r, 0) + 3 * i;
        const double u[3] = {x[0] - 0.75 * i, x[1], x[2]};
        for (int a = 0; a < 3; a++) {
            energy += 0.5 * 2.5 * u[a] * u[a];
            assert_true(runner_forces(&r, 0)[3 * i + a] == -2.5 * u[a]);
            for (int b = 0; b < 3; b++) {
                strain[3 * a + b] += 0.5 * 2.5 * (u[a] * x[b] + x[a] * u[b]);
            }
        }
    }
    assert_true(energy > 100.0);
    assert_true(fabs(runner_energy(&r, 0) - energy) <= 1e-14 * energy);
    for (int k = 0; k < 9; k++) {
        assert_true(fabs(runner_stress(&r, 0)[k] - strain[k] / 40.0) <= 1e-12);
        assert_true(runner_stress(&r, 0)[k] == runner_stress(&r, 0)[k % 3 * 3 + k / 3]);
    }
    ath_system_destroy(&system);
    runner_close(&r);
}

/* The conformance suite. The wells stand still, so that the energy is not invariant. */
static void harmonic_conformance(void **unused)
{
    (void)unused;
    static const char *const other[] = {"host:isa=base", "host:isa=v3", "host:isa=v4", "mock"};
    static const char text[] = "harmonic:k=0.3,spacing=0.7";
    model_bench bench;
    ath_system *systems[5];
    assert_true(model_bench_open(&bench, NULL, "host", NULL, text));
    for (int s = 0; s < 5; s++) {
        const int32_t pbc[3] = {s % 2 == 0, s < 3, s % 3 == 0};
        systems[s] = harmonic_system(bench.ctx, pbc, s == 4 ? 0 : 1 + 7 * s);
        model_checks_stress_form(&bench, systems[s]);
        if (s < 4) {
            model_checks_nan(&bench, systems[s]);
            model_checks_forces(&bench, systems[s], 8, 0.01, 1e-10);
        }
    }
    model_checks_stress(&bench, systems[0], 1e-3, 1e-10);
    model_checks_company(&bench, systems, 5);
    model_checks_want(&bench, systems, 4);
    for (size_t d = 0; d < sizeof other / sizeof *other; d++) {
        model_checks_device(&bench, other[d], NULL, text, systems, 5);
    }
    for (int s = 0; s < 5; s++) {
        ath_system_destroy(&systems[s]);
    }
    model_bench_close(&bench);
}

static void harmonic_options(void **unused)
{
    (void)unused;
    ath_context *ctx = NULL;
    ath_model *model = NULL;
    assert_int_equal(ath_context_create(NULL, &ctx), ATH_OK);
    assert_int_equal(ath_model_create(ctx, "harmonic", &model), ATH_OK);
    assert_string_equal(ath_model_text(model), "harmonic:k=1,spacing=0");
    ath_model_destroy(&model);
    assert_int_equal(ath_model_create(ctx, "harmonic:k=-1", &model), ATH_E_OPTION);
    assert_int_equal(ath_model_create(ctx, "harmonic:centre=1", &model), ATH_E_OPTION);
    assert_null(model);
    ath_context_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(harmonic_closed_form),
        cmocka_unit_test(harmonic_conformance),
        cmocka_unit_test(harmonic_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
