/* The built-in hooks that watch: nan, energy drift, snapshots, times of stages. */
#include "dynamics/hook_checks.h"

enum { MAX_ATOMS = 64 };

static const uint8_t everybody[CHECKS_SYSTEMS] = {1, 1, 1, 1, 1, 1, 1};

/* ---- nan ---- */

/* A model's compute that cannot go wrong, so that the test says what goes wrong. */
static void spoil(checks *c, ath_field_id field, int32_t index, int32_t at, double value)
{
    double rows[3 * MAX_ATOMS];
    checks_read(c, field, index, rows);
    rows[at] = value;
    checks_write(c, field, index, rows);
}

static void check_nan_raise(const char *device)
{
    static const ath_field_id fields[] = {ATH_FIELD_STRESS, ATH_FIELD_VELOCITIES};
    const ath_hook_nan_config config = {
        .size = sizeof config, .fields = fields, .n_fields = 2, .raise = true};
    checks c;
    ath_hook hook;
    checks_open(&c, device);
    OK(c.ctx, ath_hook_nan(c.ctx, &config, &hook));
    c.batch = checks_all(&c);
    checks_dynamics(&c, NULL, 0);
    OK(c.ctx, ath_dynamics_compute(c.dyn, c.batch));
    OK(c.ctx, checks_call(&c, &hook, everybody));
    spoil(&c, ATH_FIELD_FORCES, 1, 4, NAN);
    spoil(&c, ATH_FIELD_FORCES, 1, 5, INFINITY);
    spoil(&c, ATH_FIELD_FORCES, 6, 0, -INFINITY);
    spoil(&c, ATH_FIELD_ENERGY, 3, 0, NAN);
    spoil(&c, ATH_FIELD_STRESS, 0, 8, NAN);
    assert_int_equal(checks_call(&c, &hook, everybody), ATH_E_STATE);
    const char *text = ath_context_message(c.ctx);
    assert_non_null(strstr(text, "step 42"));
    assert_non_null(strstr(text, "forces: 3 values in 2 systems [1, 6]"));
    assert_non_null(strstr(text, "energy: 1 values in 1 systems [3]"));
    assert_non_null(strstr(text, "stress: 1 values in 1 systems [0]"));
    assert_null(strstr(text, "velocities"));
    const uint8_t clean[CHECKS_SYSTEMS] = {0, 0, 1, 0, 1, 1, 0};
    OK(c.ctx, checks_call(&c, &hook, clean)); /* what it is not about, it does not see */
    for (int32_t i = 0; i < CHECKS_SYSTEMS; i++) {
        spoil(&c, ATH_FIELD_ENERGY, i, 0, NAN);
    }
    assert_int_equal(checks_call(&c, &hook, everybody), ATH_E_STATE);
    assert_non_null(
        strstr(ath_context_message(c.ctx), "energy: 7 values in 7 systems [0, 1, 2, 3, 4, ...]"));
    ath_dynamics_destroy(&c.dyn);
    ath_hook_free(&hook);
    checks_close(&c);
}

static void test_nan_raise(void **state)
{
    (void)state;
    check_nan_raise("host");
    check_nan_raise("mock");
}

/* A bias without a limit: energy, not the forces, becomes infinite after some steps of one system.
 */
static ath_status bias_grows(void *user, ath_bias_view *view)
{
    view->energy = view->uid.lo == 103 && ++*(int32_t *)user > 3 ? INFINITY : 0.0;
    return ATH_OK;
}

static void check_nan_quarantine(const char *device, ath_stage stage)
{
    checks c;
    ath_hook hooks[2];
    int32_t n_calls = 0;
    checks_open(&c, device);
    OK(c.ctx, ath_hook_bias(c.ctx, bias_grows, &n_calls, &hooks[0]));
    OK(c.ctx, ath_hook_nan(c.ctx, NULL, &hooks[1]));
    hooks[1].stage = stage;
    c.batch = checks_all(&c);
    checks_dynamics(&c, hooks, 2);
    OK(c.ctx, ath_dynamics_run(c.dyn, c.batch, 10));
    for (int32_t i = 0; i < CHECKS_SYSTEMS; i++) {
        int32_t reason = 0;
        int64_t age = 0;
        checks_read(&c, ATH_FIELD_REASON, i, &reason);
        checks_read(&c, ATH_FIELD_AGE, i, &age);
        assert_int_equal(reason, i == 3 ? ATH_REASON_NON_FINITE : ATH_REASON_NONE);
        assert_int_equal(age, i == 3 ? 3 : 10); /* first forces were the first call */
    }
    ath_dynamics_destroy(&c.dyn);
    ath_hook_free(&hooks[0]);
    ath_hook_free(&hooks[1]);
    checks_close(&c);
}

static void test_nan_quarantine(void **state)
{
    (void)state;
    check_nan_quarantine("host", ATH_STAGE_AFTER_COMPUTE);
    check_nan_quarantine("host", ATH_STAGE_AFTER_STEP);
    check_nan_quarantine("mock", ATH_STAGE_AFTER_COMPUTE);
}

/* ---- drift ---- */

static void set_age(checks *c, int32_t index, int64_t age)
{
    checks_write(c, ATH_FIELD_AGE, index, &age);
}

static void check_drift(const char *device)
{
    checks c;
    ath_hook hook;
    static const int32_t two[2] = {1, 3};
    checks_open(&c, device);
    for (int metric = 0; metric < 2; metric++) {
        for (int action = 0; action < 2; action++) {
            const ath_hook_drift_config config = {.size = sizeof config,
                                                  .threshold = metric ? 0.01 : 0.5,
                                                  .metric = (ath_drift_metric)metric,
                                                  .action = (ath_drift_action)action,
                                                  .potential_only = true};
            OK(c.ctx, ath_hook_energy_drift(c.ctx, &config, &hook));
            c.batch = checks_batch(&c, two, 2); /* of 9 and 17 atoms */
            const int32_t n = ath_batch_n_atoms_of(c.batch, 0);
            c.n_logged = 0;
            set_age(&c, 0, 100);
            spoil(&c, ATH_FIELD_ENERGY, 0, 0, 5.0);
            spoil(&c, ATH_FIELD_ENERGY, 1, 0, -5.0);
            OK(c.ctx, checks_call(&c, &hook, everybody)); /* the reference */
            OK(c.ctx, checks_call(&c, &hook, everybody));
            set_age(&c, 0, 110); /* the steps since then count, not all */
            spoil(&c, ATH_FIELD_ENERGY, 1, 0, -5.0);
            spoil(&c, ATH_FIELD_ENERGY, 0, 0, 5.0 + (metric ? 0.009 * 10 * n : 0.4));
            OK(c.ctx, checks_call(&c, &hook, everybody));
            assert_int_equal(c.n_logged, 0);
            spoil(&c, ATH_FIELD_ENERGY, 0, 0, 5.0 - (metric ? 0.011 * 10 * n : 0.6));
            assert_int_equal(checks_call(&c, &hook, everybody), action ? ATH_E_STATE : ATH_OK);
            const char *text = action ? ath_context_message(c.ctx) : c.logged;
            assert_non_null(strstr(text, "energy drift"));
            assert_non_null(strstr(text, "step 42 in system 0"));
            assert_int_equal(c.n_logged, !action);
            spoil(&c, ATH_FIELD_ENERGY, 1, 0, NAN); /* worse than any number */
            assert_int_equal(checks_call(&c, &hook, everybody), action ? ATH_E_STATE : ATH_OK);
            text = action ? ath_context_message(c.ctx) : c.logged;
            assert_non_null(strstr(text, "in system 1"));
            ath_batch_destroy(&c.batch);
            ath_hook_free(&hook);
        }
    }
    checks_close(&c);
}

static void test_drift(void **state)
{
    (void)state;
    check_drift("host");
    check_drift("mock");
}

/* The reference goes with the system, whatever leaves and comes; and kinetic energy counts. */
static void test_drift_follows(void **state)
{
    static const int32_t first[3] = {1, 3, 5}, more[2] = {0, 2};
    (void)state;
    checks c;
    ath_hook hook;
    const ath_hook_drift_config config = {
        .size = sizeof config, .threshold = 0.05, .action = ATH_DRIFT_RAISE};
    checks_open(&c, "host");
    OK(c.ctx, ath_hook_energy_drift(c.ctx, &config, &hook));
    c.batch = checks_batch(&c, first, 3);
    checks_dynamics(&c, &hook, 1);
    OK(c.ctx, ath_dynamics_run(c.dyn, c.batch, 5));
    const uint8_t gone[3] = {1, 0, 0};
    OK(c.ctx, ath_batch_trim(c.batch, gone));
    ath_batch *others = checks_batch(&c, more, 2);
    OK(c.ctx, ath_batch_append(c.batch, others));
    ath_batch_destroy(&others);
    OK(c.ctx, ath_dynamics_run(c.dyn, c.batch, 5)); /* energies differ by 0.1 eV and more */
    double v[3 * MAX_ATOMS];
    checks_read(&c, ATH_FIELD_VELOCITIES, 1, v);
    for (int32_t k = 0; k < 3 * ath_batch_n_atoms_of(c.batch, 1); k++) {
        v[k] += 0.02; /* 40 amu x 25 atoms x 3 x 4e-4 / 2 = 0.6 eV */
    }
    checks_write(&c, ATH_FIELD_VELOCITIES, 1, v);
    assert_int_equal(ath_dynamics_run(c.dyn, c.batch, 1), ATH_E_STATE);
    assert_non_null(strstr(ath_context_message(c.ctx), "in system 1"));
    ath_dynamics_destroy(&c.dyn);
    checks_dynamics(&c, &hook, 1); /* new to another dynamics: a new reference */
    OK(c.ctx, ath_dynamics_run(c.dyn, c.batch, 5));
    ath_dynamics_destroy(&c.dyn);
    ath_hook_free(&hook);
    checks_close(&c);
}

/* Who drifts is set aside, and nobody else; there is no second chance. */
static void check_drift_quarantine(const char *device)
{
    checks c;
    ath_hook hook;
    double v[3 * MAX_ATOMS];
    const ath_hook_drift_config config = {
        .size = sizeof config, .threshold = 0.05, .action = ATH_DRIFT_QUARANTINE};
    checks_open(&c, device);
    OK(c.ctx, ath_hook_energy_drift(c.ctx, &config, &hook));
    c.batch = checks_all(&c);
    checks_dynamics(&c, &hook, 1);
    OK(c.ctx, ath_dynamics_run(c.dyn, c.batch, 5));
    checks_read(&c, ATH_FIELD_VELOCITIES, 1, v);
    for (int32_t k = 0; k < 3 * ath_batch_n_atoms_of(c.batch, 1); k++) {
        v[k] += 0.05;
    }
    checks_write(&c, ATH_FIELD_VELOCITIES, 1, v);
    OK(c.ctx, ath_dynamics_run(c.dyn, c.batch, 5));
    for (int32_t i = 0; i < ath_batch_n_systems(c.batch); i++) {
        int32_t reason = -1;
        int64_t steps = 0;
        checks_read(&c, ATH_FIELD_REASON, i, &reason);
        checks_read(&c, ATH_FIELD_STAGE_STEPS, i, &steps);
        assert_int_equal(reason, i == 1 ? ATH_REASON_ENERGY_DRIFT : ATH_REASON_NONE);
        assert_int_equal(steps, i == 1 ? 6 : 10);
    }
    ath_dynamics_destroy(&c.dyn);
    ath_hook_free(&hook);
    checks_close(&c);
}

static void test_drift_quarantine(void **state)
{
    (void)state;
    check_drift_quarantine("host");
    check_drift_quarantine("mock");
}

/* ---- snapshots ---- */

static void check_snapshot(const char *device)
{
    checks c;
    ath_hook hook;
    ath_system *s = NULL;
    double r[3 * MAX_ATOMS];
    checks_open(&c, device);
    ath_sink_destroy(&c.sink);
    OK(c.ctx, ath_sink_memory(c.ctx, 3 * CHECKS_SYSTEMS, &c.sink));
    OK(c.ctx, ath_hook_snapshot(c.ctx, c.sink, &hook));
    hook.frequency = 2;
    c.batch = checks_all(&c);
    checks_dynamics(&c, &hook, 1);
    OK(c.ctx, ath_dynamics_run(c.dyn, c.batch, 5)); /* steps 0 2 4 */
    assert_int_equal(ath_sink_length(c.sink), 3 * CHECKS_SYSTEMS);
    OK(c.ctx, ath_sink_read(c.sink, 2 * CHECKS_SYSTEMS + 3, &s));
    checks_read(&c, ATH_FIELD_POSITIONS, 3, r);
    assert_memory_equal(ath_system_peek(s, ATH_FIELD_POSITIONS), r,
                        3 * (size_t)ath_system_n_atoms(s) * sizeof *r);
    assert_int_equal(ath_system_uid(s).lo, 103);
    ath_system_destroy(&s);
    assert_int_equal(ath_dynamics_run(c.dyn, c.batch, 2), ATH_E_STATE);
    assert_non_null(strstr(ath_context_message(c.ctx), "'memory'"));
    ath_dynamics_destroy(&c.dyn);
    ath_hook_free(&hook);
    checks_close(&c);
}

static void test_snapshot(void **state)
{
    (void)state;
    check_snapshot("host");
    check_snapshot("mock");
}

/* Systems that stay in their stage after they have converged, in one batch with some that do not,
 * over several runs: each once; of two hooks each its own; and again in another dynamics. */
static void check_converged(const char *device)
{
    checks c;
    ath_hook hooks[2];
    ath_sink *second = NULL;
    checks_open(&c, device);
    OK(c.ctx, ath_sink_memory(c.ctx, 100, &second));
    const ath_convergence stays = {
        .size = sizeof stays, .fmax = 100.0, .migrates = true, .source = 7, .target = 8};
    OK(c.ctx, ath_hook_converged_snapshot(c.ctx, c.sink, &hooks[0]));
    OK(c.ctx, ath_hook_converged_snapshot(c.ctx, second, &hooks[1]));
    ath_dynamics_config config = checks_config(&c);
    config.convergence_hook = &stays;
    config.hooks = hooks;
    config.n_hooks = 2;
    c.batch = checks_all(&c);
    OK(c.ctx, ath_dynamics_create(c.ctx, &config, &c.dyn));
    for (int run = 0; run < 3; run++) {
        OK(c.ctx, ath_dynamics_run(c.dyn, c.batch, 3));
        assert_int_equal(ath_sink_length(c.sink), CHECKS_SYSTEMS);
        assert_int_equal(ath_sink_length(second), CHECKS_SYSTEMS);
    }
    static const int32_t again[2] = {1, 2}; /* newcomers converge, too */
    ath_batch *others = checks_batch(&c, again, 2);
    OK(c.ctx, ath_batch_append(c.batch, others));
    ath_batch_destroy(&others);
    OK(c.ctx, ath_dynamics_run(c.dyn, c.batch, 3));
    assert_int_equal(ath_sink_length(c.sink), CHECKS_SYSTEMS + 2);
    ath_dynamics_destroy(&c.dyn);
    OK(c.ctx, ath_dynamics_create(c.ctx, &config, &c.dyn));
    OK(c.ctx, ath_dynamics_run(c.dyn, c.batch, 3));
    assert_int_equal(ath_sink_length(c.sink), 2 * (CHECKS_SYSTEMS + 2));
    ath_dynamics_destroy(&c.dyn);
    ath_hook_free(&hooks[0]);
    ath_hook_free(&hooks[1]);
    ath_sink_destroy(&second);
    checks_close(&c);
}

static void test_converged(void **state)
{
    (void)state;
    check_converged("host");
    check_converged("mock");
}

/* In two fused stages: once in each; and a full sink loses nobody. */
static void test_converged_fused(void **state)
{
    (void)state;
    checks c;
    ath_hook hook;
    ath_dynamics *parts[2], *fused = NULL;
    checks_open(&c, "host");
    ath_sink_destroy(&c.sink);
    OK(c.ctx, ath_sink_memory(c.ctx, CHECKS_SYSTEMS + 2, &c.sink));
    OK(c.ctx, ath_hook_converged_snapshot(c.ctx, c.sink, &hook));
    const ath_convergence easy = {.size = sizeof easy, .fmax = 100.0, .frequency = 4};
    ath_dynamics_config config = checks_config(&c);
    config.convergence_hook = &easy;
    OK(c.ctx, ath_dynamics_create(c.ctx, &config, &parts[0]));
    OK(c.ctx, ath_dynamics_create(c.ctx, &config, &parts[1]));
    OK(c.ctx, ath_fuse(c.ctx, parts, 2, &fused));
    OK(c.ctx, ath_dynamics_register_hook(fused, &hook));
    c.batch = checks_all(&c);
    OK(c.ctx, ath_dynamics_run(fused, c.batch, 5));
    assert_int_equal(ath_sink_length(c.sink), CHECKS_SYSTEMS);
    assert_int_equal(ath_dynamics_run(fused, c.batch, ATH_UNSET), ATH_E_STATE);
    assert_int_equal(ath_sink_length(c.sink), CHECKS_SYSTEMS + 2);
    assert_non_null(strstr(ath_context_message(c.ctx), "'memory'"));
    ath_dynamics_destroy(&fused);
    ath_dynamics_destroy(&parts[0]);
    ath_dynamics_destroy(&parts[1]);
    ath_hook_free(&hook);
    checks_close(&c);
}

/* ---- times ---- */

/* Whether python3 reads the file as JSON with so many events; -1 if there is no python3. */
static int check_json(const char *path, int n_events)
{
    char command[512];
    if (system("python3 -c '' 2>/dev/null") != 0) {
        return -1;
    }
    snprintf(command, sizeof command,
             "python3 -c 'import json,sys; d=json.load(open(sys.argv[1])); e=d[\"traceEvents\"]; "
             "sys.exit(not (len(e)==%d and all(x[\"ph\"]==\"X\" and x[\"dur\"]>=0 and "
             "\"->\" in x[\"name\"] for x in e)))' %s",
             n_events, path);
    return system(command) == 0;
}

static void check_timing(const char *device)
{
    checks c;
    ath_hook hook, other;
    ath_stage_time times[16];
    int32_t n = 0;
    checks_open(&c, device);
    OK(c.ctx, ath_hook_stage_timing(c.ctx, 0, 20, &hook));
    c.batch = checks_all(&c);
    checks_dynamics(&c, &hook, 1);
    OK(c.ctx, ath_dynamics_run(c.dyn, c.batch, 3));
    OK(c.ctx, ath_dynamics_run(c.dyn, c.batch, 2));
    OK(c.ctx, ath_hook_timing_summary(&hook, times, 16, &n));
    assert_int_equal(n, 7);
    for (int32_t k = 0; k < n; k++) {
        assert_int_equal(times[k].n, 5);
        assert_int_equal(times[k].to, k + 1);
        assert_int_equal(times[k].from, k);
        assert_true(times[k].min_s >= 0.0 && times[k].min_s <= times[k].mean_s);
        assert_true(times[k].mean_s <= times[k].max_s && times[k].std_s >= 0.0);
        assert_true(fabs(times[k].total_s - 5 * times[k].mean_s) <= 1e-9 * times[k].total_s);
    }
    assert_string_equal(times[0].name, "BEFORE_STEP->BEFORE_PRE_UPDATE");
    OK(c.ctx, ath_hook_timing_trace(&hook, c.path));
    assert_int_not_equal(check_json(c.path, 20), 0); /* 35, of which 20 are kept */
    OK(c.ctx, ath_hook_timing_reset(&hook));
    OK(c.ctx, ath_hook_timing_summary(&hook, NULL, 0, &n));
    assert_int_equal(n, 0);
    OK(c.ctx, ath_hook_timing_trace(&hook, c.path));
    assert_int_not_equal(check_json(c.path, 0), 0);
    assert_int_equal(ath_hook_timing_trace(&hook, "/nowhere/at/all"), ATH_E_NOT_FOUND);
    ath_dynamics_destroy(&c.dyn);
    ath_hook_free(&hook);
    OK(c.ctx, ath_hook_stage_timing(c.ctx, ATH_TIMING_STEP, 0, &hook));
    hook.frequency = 3;
    checks_dynamics(&c, &hook, 1);
    OK(c.ctx, ath_dynamics_run(c.dyn, c.batch, 9));
    OK(c.ctx, ath_hook_timing_summary(&hook, times, 16, &n));
    assert_int_equal(n, 1);
    assert_string_equal(times[0].name, "BEFORE_STEP->AFTER_STEP");
    assert_int_equal(times[0].n, 3);
    ath_hook_context context = {.size = sizeof context, .stage = ATH_STAGE_BEFORE_STEP};
    OK(c.ctx, hook.call(hook.user, &context));
    context.stage = ATH_STAGE_AFTER_STEP;
    context.step_count = 1; /* of another step: no interval */
    OK(c.ctx, hook.call(hook.user, &context));
    OK(c.ctx, ath_hook_timing_summary(&hook, times, 16, &n));
    assert_int_equal(times[0].n, 3);
    OK(c.ctx, ath_hook_nan(c.ctx, NULL, &other));
    assert_int_equal(ath_hook_timing_summary(&other, times, 16, &n), ATH_E_ARGUMENT);
    assert_int_equal(ath_hook_timing_trace(&other, c.path), ATH_E_ARGUMENT);
    assert_int_equal(ath_hook_timing_reset(&other), ATH_E_ARGUMENT);
    ath_hook_free(&other);
    ath_dynamics_destroy(&c.dyn);
    ath_hook_free(&hook);
    checks_close(&c);
}

static void test_timing(void **state)
{
    (void)state;
    check_timing("host");
    check_timing("mock");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nan_raise),        cmocka_unit_test(test_nan_quarantine),
        cmocka_unit_test(test_drift_quarantine), cmocka_unit_test(test_drift),
        cmocka_unit_test(test_drift_follows),    cmocka_unit_test(test_snapshot),
        cmocka_unit_test(test_converged),        cmocka_unit_test(test_converged_fused),
        cmocka_unit_test(test_timing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
