/* Hooks: order of stages and registration, frequency, errors, and that they change no bits. */
#include "dynamics/structures.h"

#include <athanor/dynamics.h>

typedef struct tape {
    int32_t n, stages[4096], marks[4096];
    int32_t n_open, n_close, n_registered;
    int32_t fail_at; /* call number that fails; 0: none */
} tape;

typedef struct pen {
    tape *tape;
    int32_t mark;
} pen;

static ath_status pen_call(void *user, const ath_hook_context *c)
{
    pen *p = user;
    tape *t = p->tape;
    assert_true(t->n < 4096);
    t->stages[t->n] = (int32_t)c->stage;
    t->marks[t->n] = p->mark;
    t->n++;
    if (c->stage == ATH_STAGE_ON_CONVERGE) {
        assert_true(c->n_masked > 0);
    }
    return t->n == t->fail_at ? ATH_E_IO : ATH_OK;
}

static ath_status pen_register(void *user, ath_dynamics *dynamics)
{
    assert_non_null(dynamics);
    ((pen *)user)->tape->n_registered++;
    return ATH_OK;
}

static ath_status pen_open(void *user, ath_dynamics *dynamics)
{
    (void)dynamics;
    ((pen *)user)->tape->n_open++;
    return ATH_OK;
}

static void pen_close(void *user, ath_dynamics *dynamics)
{
    (void)dynamics;
    ((pen *)user)->tape->n_close++;
}

static ath_hook pen_hook(pen *p, ath_stage stage, int64_t frequency)
{
    return (ath_hook){.size = sizeof(ath_hook),
                      .name = "pen",
                      .stage = stage,
                      .frequency = frequency,
                      .user = p,
                      .call = pen_call,
                      .on_register = pen_register,
                      .open = pen_open,
                      .close = pen_close};
}

typedef struct fixture {
    ath_context *ctx;
    ath_device *device;
    ath_model *model;
    ath_integrator *nve;
    ath_dynamics *dyn;
    ath_batch *batch;
} fixture;

static void fixture_open(fixture *f, const char *device, const ath_hook *hooks, int32_t n)
{
    ath_system *systems[3];
    *f = (fixture){0};
    assert_int_equal(ath_context_create(NULL, &f->ctx), ATH_OK);
    OK(f->ctx, ath_device_open(f->ctx, device, &f->device));
    OK(f->ctx, ath_model_create(f->ctx, "lj:epsilon=0.0104,sigma=3.4,cutoff=8.5", &f->model));
    OK(f->ctx, ath_integrator_create(f->ctx, "nve:timestep=4", &f->nve));
    ath_dynamics_config config = ath_dynamics_defaults();
    config.model = f->model;
    config.integrator = f->nve;
    config.velocities = ATH_VELOCITIES_THERMAL;
    config.temperature = 40;
    config.n_threads = 1;
    config.hooks = hooks;
    config.n_hooks = n;
    OK(f->ctx, ath_dynamics_create(f->ctx, &config, &f->dyn));
    for (int32_t i = 0; i < 3; i++) {
        systems[i] = i == 2 ? structures_crystal(f->ctx, 3, 18, 3.9, 5)
                            : structures_cluster(f->ctx, 4 + 9 * i, 18, 3.9, (uint32_t)i);
    }
    OK(f->ctx, ath_batch_from_systems(f->ctx, f->device, systems, 3, &f->batch));
    for (int32_t i = 0; i < 3; i++) {
        ath_system_destroy(&systems[i]);
    }
}

static void fixture_close(fixture *f)
{
    ath_dynamics_destroy(&f->dyn);
    ath_batch_destroy(&f->batch);
    ath_integrator_destroy(&f->nve);
    ath_model_destroy(&f->model);
    ath_device_close(&f->device);
    ath_context_destroy(&f->ctx);
}

static void test_order(void **state)
{
    (void)state;
    tape t = {0};
    pen pens[16];
    ath_hook hooks[16];
    for (int32_t k = 0; k < 16; k++) { /* two per stage, registered from the last stage on */
        pens[k] = (pen){&t, k};
        hooks[k] = pen_hook(&pens[k], (ath_stage)(7 - k / 2), 1);
    }
    fixture f;
    fixture_open(&f, "host", hooks, 16);
    assert_int_equal(t.n_registered, 16);
    OK(f.ctx, ath_dynamics_run(f.dyn, f.batch, 3));
    assert_int_equal(t.n, 48);
    for (int32_t k = 0; k < 48; k++) {
        assert_int_equal(t.stages[k], k % 16 / 2);
        assert_int_equal(t.marks[k], 2 * (7 - k % 16 / 2) + k % 2);
    }
    assert_int_equal(t.n_open, 16);
    assert_int_equal(t.n_close, 16);
    const ath_hook *found[20];
    int32_t n = 0;
    OK(f.ctx, ath_dynamics_hooks(f.dyn, ATH_STAGE_AFTER_STEP, found, 20, &n));
    assert_int_equal(n, 2);
    assert_ptr_equal(found[0]->user, &pens[0]);
    OK(f.ctx, ath_dynamics_hooks(f.dyn, ATH_STAGE_ANY, found, 20, &n));
    assert_int_equal(n, 16);
    fixture_close(&f);
}

static void test_frequency(void **state)
{
    (void)state;
    tape t = {0};
    pen pens[2] = {{&t, 0}, {&t, 1}};
    const ath_hook hooks[2] = {pen_hook(&pens[0], ATH_STAGE_AFTER_STEP, 4),
                               pen_hook(&pens[1], ATH_STAGE_BEFORE_STEP, 3)};
    fixture f;
    fixture_open(&f, "host", hooks, 2);
    OK(f.ctx, ath_dynamics_run(f.dyn, f.batch, 13)); /* steps 0 .. 12 */
    int32_t n[2] = {0, 0};
    for (int32_t k = 0; k < t.n; k++) {
        n[t.marks[k]]++;
    }
    assert_int_equal(n[0], 4); /* 0 4 8 12 */
    assert_int_equal(n[1], 5); /* 0 3 6 9 12 */
    ath_hook bad = hooks[0];
    bad.frequency = 0;
    assert_int_equal(ath_dynamics_register_hook(f.dyn, &bad), ATH_E_ARGUMENT);
    assert_non_null(strstr(ath_context_message(f.ctx), "positive integer"));
    bad = hooks[0];
    bad.stage = ATH_STAGE_ANY;
    assert_int_equal(ath_dynamics_register_hook(f.dyn, &bad), ATH_E_ARGUMENT);
    fixture_close(&f);
}

static void test_failure(void **state)
{
    (void)state;
    tape t = {.fail_at = 3};
    pen p = {&t, 0};
    const ath_hook hook = pen_hook(&p, ATH_STAGE_AFTER_STEP, 1);
    fixture f;
    fixture_open(&f, "host", &hook, 1);
    assert_int_equal(ath_dynamics_run(f.dyn, f.batch, 10), ATH_E_IO);
    assert_int_equal(t.n, 3);
    assert_int_equal(t.n_open, 1);
    assert_int_equal(t.n_close, 1);
    fixture_close(&f);
}

/* With hooks at every stage of every step the bits are those without hooks. */
static void check_bits(const char *device)
{
    tape t = {0};
    pen p = {&t, 0};
    ath_hook hooks[8];
    for (int32_t k = 0; k < 8; k++) {
        hooks[k] = pen_hook(&p, (ath_stage)k, 1 + k);
        hooks[k].access = k % 2 ? ATH_HOOK_READS_ENERGY : 0;
    }
    fixture with, without;
    fixture_open(&with, device, hooks, 8);
    fixture_open(&without, device, NULL, 0);
    OK(with.ctx, ath_dynamics_run(with.dyn, with.batch, 40));
    OK(without.ctx, ath_dynamics_run(without.dyn, without.batch, 40));
    for (int32_t i = 0; i < 3; i++) {
        assert_true(structures_digest(with.ctx, with.batch, i) ==
                    structures_digest(without.ctx, without.batch, i));
    }
    assert_true(t.n > 80);
    fixture_close(&with);
    fixture_close(&without);
}

static void test_bits_host(void **state)
{
    (void)state;
    check_bits("host");
}

static void test_bits_mock(void **state)
{
    (void)state;
    check_bits("mock");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),     cmocka_unit_test(test_frequency),
        cmocka_unit_test(test_failure),   cmocka_unit_test(test_bits_host),
        cmocka_unit_test(test_bits_mock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
