/* A device that lacks kernels refuses a dynamics that would launch them, by name, before anything
 * has moved; what launches only kernels that it has goes on. The mock device has those with a CUDA
 * twin, if it is asked to.
 */
#include "dynamics/structures.h"

#include <athanor/dynamics.h>
#include <athanor/integrator.h>

#define ARGON "lj:epsilon=0.0104,sigma=3.4,cutoff=7"

typedef struct stage {
    ath_context *ctx;
    ath_device *device;
    ath_batch *batch;
    ath_system *systems[2];
    uint64_t digest[2];
} stage;

static void stage_open(stage *s, const char *device)
{
    assert_int_equal(ath_context_create(NULL, &s->ctx), ATH_OK);
    OK(s->ctx, ath_device_open(s->ctx, device, &s->device));
    s->systems[0] = structures_crystal(s->ctx, 5, 18, 3.9, 1);
    s->systems[1] = structures_crystal(s->ctx, 4, 18, 3.9, 2);
    OK(s->ctx, ath_batch_from_systems(s->ctx, s->device, s->systems, 2, &s->batch));
    for (int32_t i = 0; i < 2; i++) {
        s->digest[i] = structures_digest(s->ctx, s->batch, i);
    }
}

static void stage_close(stage *s)
{
    ath_batch_destroy(&s->batch);
    ath_system_destroy(&s->systems[0]);
    ath_system_destroy(&s->systems[1]);
    ath_device_close(&s->device);
    ath_context_destroy(&s->ctx);
}

/* Three steps; `second` NULL: one stage. */
static ath_status stage_run(const stage *s, const char *model_text, const char *first,
                            const char *second)
{
    const char *const texts[2] = {first, second};
    ath_model *model = NULL;
    ath_integrator *integrators[2] = {NULL};
    ath_dynamics *parts[2] = {NULL}, *fused = NULL;
    const int32_t n = second ? 2 : 1;
    OK(s->ctx, ath_model_create(s->ctx, model_text, &model));
    for (int32_t k = 0; k < n; k++) {
        OK(s->ctx, ath_integrator_create(s->ctx, texts[k], &integrators[k]));
        ath_dynamics_config config = ath_dynamics_defaults();
        config.model = model;
        config.integrator = integrators[k];
        config.velocities = ATH_VELOCITIES_THERMAL;
        config.temperature = 50.0;
        config.n_steps = 2;
        OK(s->ctx, ath_dynamics_create(s->ctx, &config, &parts[k]));
    }
    if (n == 2) {
        OK(s->ctx, ath_fuse(s->ctx, parts, 2, &fused));
    }
    const ath_status status = ath_dynamics_run(fused ? fused : parts[0], s->batch, 3);
    ath_dynamics_destroy(&fused);
    for (int32_t k = 0; k < n; k++) {
        ath_dynamics_destroy(&parts[k]);
        ath_integrator_destroy(&integrators[k]);
    }
    ath_model_destroy(&model);
    return status;
}

/* Whether the batch is what it was at the beginning. */
static bool stage_untouched(const stage *s)
{
    return structures_digest(s->ctx, s->batch, 0) == s->digest[0] &&
           structures_digest(s->ctx, s->batch, 1) == s->digest[1];
}

static void assert_refused(const stage *s, const char *model, const char *first, const char *second,
                           const char *kernel)
{
    const ath_status status = stage_run(s, model, first, second);
    if (status != ATH_E_UNSUPPORTED || !strstr(ath_context_message(s->ctx), kernel) ||
        !strstr(ath_context_message(s->ctx), "mock:kernels=cuda")) {
        fail_msg("%s, %s, %s: %s (%s), not a missing '%s'", model, first, second ? second : "-",
                 ath_status_name(status), ath_context_message(s->ctx), kernel);
    }
    assert_true(stage_untouched(s));
}

static const struct {
    const char *integrator, *kernel; /* NULL: has a twin */
} cases[] = {
    {"nve", NULL},
    {"nve:grid=true", NULL},
    {"langevin", "'langevin_pre'"},
    {"nose_hoover", "'nose_hoover'"},
    {"csvr", "'csvr'"},
    {"npt", "'mtk_pre'"},
    {"nph", "'mtk_pre'"},
    {"crescale", "'crescale_pre'"},
    {"crescale:thermostat=langevin", "'langevin_pre'"},
    {"fire", "'fire_pre'"},
    {"fire:cell=full", "'fire_pre'"},
    {"fire2", "'fire2_pre'"},
    {"lbfgs", "'lbfgs_pre'"},
};
enum { CASES = sizeof cases / sizeof *cases };

static void test_integrators(void **state)
{
    (void)state;
    const char *name, *help;
    const ath_option *options;
    stage s;
    for (int32_t i = 0; ath_integrator_list(i, &name, &help, &options) == ATH_OK; i++) {
        size_t k = 0;
        while (k < CASES && strcmp(cases[k].integrator, name) != 0) {
            k++;
        }
        assert_true(k < CASES); /* the table names it */
    }
    stage_open(&s, "mock:kernels=cuda");
    for (size_t k = 0; k < CASES; k++) {
        if (cases[k].kernel) {
            assert_refused(&s, ARGON, cases[k].integrator, NULL, cases[k].kernel);
        }
    }
    /* the first stage could be served */
    assert_refused(&s, ARGON, "nve", "csvr", "'csvr'");
    /* and the batch still can */
    OK(s.ctx, stage_run(&s, ARGON, "nve", "nve:grid=true"));
    assert_false(stage_untouched(&s));
    stage_close(&s);
    for (size_t k = 0; k < CASES; k++) {
        stage_open(&s, cases[k].kernel ? "mock" : "mock:kernels=cuda");
        OK(s.ctx, stage_run(&s, ARGON, cases[k].integrator, NULL));
        assert_false(stage_untouched(&s));
        stage_close(&s);
    }
}

static void test_models(void **state)
{
    (void)state;
    stage s;
    stage_open(&s, "mock:kernels=cuda");
    assert_refused(&s, "harmonic", "nve", NULL, "'harmonic_force'");
    assert_refused(&s, "sum:0.5*" ARGON "+0.5*" ARGON, "nve", NULL, "'sum_add'");
    OK(s.ctx, stage_run(&s, ARGON ",precision=mixed", "nve", NULL));
    assert_false(stage_untouched(&s));
    stage_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_integrators),
                                       cmocka_unit_test(test_models)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
