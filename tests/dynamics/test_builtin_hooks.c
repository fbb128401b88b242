/* The conformance suite of the built-in hooks: every one of them is made, registered, run and freed
 * on host and mock, with each allocation failing in turn; bad arguments are refused; a call about
 * nobody does nothing; and what is done to a system has the same bits alone, among others, in
 * another order, on another device, and in a run of two halves.
 */
#include "dynamics/hook_checks.h"

typedef ath_status (*maker)(checks *c, ath_hook *out);

static ath_status make_log(checks *c, ath_hook *out)
{
    const ath_log_scalar scalar = {.name = "index", .value = checks_index};
    const ath_hook_log_config config = {
        .size = sizeof config, .path = c->path, .append = true, .scalars = &scalar, .n_scalars = 1};
    return ath_hook_log(c->ctx, &config, out);
}

static ath_status make_json(checks *c, ath_hook *out)
{
    const ath_hook_log_config config = {.size = sizeof config,
                                        .format = ATH_LOG_JSON_LINES,
                                        .path = c->path,
                                        .append = true,
                                        .own_steps = true,
                                        .flush_rows = 1000};
    return ath_hook_log(c->ctx, &config, out);
}

static ath_status make_snapshot(checks *c, ath_hook *out)
{
    return ath_hook_snapshot(c->ctx, c->sink, out);
}

static ath_status make_converged(checks *c, ath_hook *out)
{
    return ath_hook_converged_snapshot(c->ctx, c->sink, out);
}

static ath_status make_nan(checks *c, ath_hook *out)
{
    return ath_hook_nan(c->ctx, NULL, out);
}

static ath_status make_raise(checks *c, ath_hook *out)
{
    const ath_field_id fields[] = {ATH_FIELD_STRESS, ATH_FIELD_POSITIONS};
    const ath_hook_nan_config config = {
        .size = sizeof config, .fields = fields, .n_fields = 2, .raise = true};
    return ath_hook_nan(c->ctx, &config, out);
}

static ath_status make_clamp(checks *c, ath_hook *out)
{
    return ath_hook_clamp_forces(c->ctx, 0.01, out);
}

static ath_status make_drift(checks *c, ath_hook *out)
{
    const ath_hook_drift_config config = {.size = sizeof config, .threshold = 1e-12};
    return ath_hook_energy_drift(c->ctx, &config, out);
}

static ath_status make_freeze(checks *c, ath_hook *out)
{
    const ath_hook_freeze_config config = {.size = sizeof config, .category = -1};
    return ath_hook_freeze(c->ctx, &config, out);
}

static ath_status make_freeze_z(checks *c, ath_hook *out)
{
    const ath_hook_freeze_config config = {
        .size = sizeof config, .category = -1, .components = {0, 0, 1}};
    return ath_hook_freeze(c->ctx, &config, out);
}

static ath_status make_wrap(checks *c, ath_hook *out)
{
    return ath_hook_wrap(c->ctx, true, out);
}

static ath_status make_wrap_rarely(checks *c, ath_hook *out)
{
    const ath_status status = ath_hook_wrap(c->ctx, false, out);
    out->frequency = 3;
    return status;
}

static ath_status make_wrap_after(checks *c, ath_hook *out)
{
    const ath_status status = ath_hook_wrap(c->ctx, true, out);
    out->stage = ATH_STAGE_AFTER_STEP;
    return status;
}

static ath_status make_wrap_before(checks *c, ath_hook *out)
{
    const ath_status status = ath_hook_wrap(c->ctx, true, out);
    out->stage = ATH_STAGE_BEFORE_COMPUTE;
    return status;
}

static ath_status make_align(checks *c, ath_hook *out)
{
    return ath_hook_align_cell(c->ctx, out);
}

static ath_status make_align_rarely(checks *c, ath_hook *out)
{
    const ath_status status = ath_hook_align_cell(c->ctx, out);
    out->stage = ATH_STAGE_AFTER_STEP;
    out->frequency = 4;
    return status;
}

static ath_status make_bias(checks *c, ath_hook *out)
{
    return ath_hook_bias(c->ctx, checks_well, NULL, out);
}

static ath_status make_timing(checks *c, ath_hook *out)
{
    return ath_hook_stage_timing(c->ctx, 0, 10, out);
}

typedef struct entry {
    const char *name;
    maker make;
    bool changes; /* the trajectory */
} entry;

static const entry entries[] = {
    {"log", make_log, false},
    {"log json", make_json, false},
    {"snapshot", make_snapshot, false},
    {"converged", make_converged, false},
    {"nan", make_nan, false},
    {"nan raise", make_raise, false},
    {"clamp", make_clamp, true},
    {"drift", make_drift, false},
    {"freeze", make_freeze, true},
    {"freeze z", make_freeze_z, true},
    {"wrap", make_wrap, true},
    {"wrap rarely", make_wrap_rarely, true},
    {"wrap after", make_wrap_after, true},
    {"wrap before", make_wrap_before, true},
    {"align", make_align, true},
    {"align rarely", make_align_rarely, true},
    {"bias", make_bias, true},
    {"timing", make_timing, false},
};
enum { N_ENTRIES = sizeof entries / sizeof *entries, STEPS = 24 };

/* ---- bad arguments ---- */

#define REFUSED(expression)                                                                        \
    do {                                                                                           \
        memset(&hook, 0x5a, sizeof hook);                                                          \
        assert_int_equal(expression, ATH_E_ARGUMENT);                                              \
        assert_null(hook.call);                                                                    \
        assert_null(hook.user);                                                                    \
        assert_true(ath_context_message(c.ctx)[0] != 0);                                           \
    } while (0)

static void test_log_arguments(void **state)
{
    (void)state;
    checks c;
    ath_hook hook;
    checks_open(&c, "host");
    ath_log_scalar scalars[2] = {{.name = "a", .value = checks_index},
                                 {.name = "a", .value = checks_index}};
    ath_hook_log_config config = {.size = sizeof config, .path = c.path};
    config.size = 3;
    REFUSED(ath_hook_log(c.ctx, &config, &hook));
    config = (ath_hook_log_config){.size = sizeof config};
    REFUSED(ath_hook_log(c.ctx, &config, &hook));
    config.path = c.path;
    config.format = (ath_log_format)7;
    REFUSED(ath_hook_log(c.ctx, &config, &hook));
    config.format = ATH_LOG_CSV;
    config.flush_rows = -1;
    REFUSED(ath_hook_log(c.ctx, &config, &hook));
    config.flush_rows = 0;
    config.n_scalars = 2;
    REFUSED(ath_hook_log(c.ctx, &config, &hook)); /* no array */
    config.scalars = scalars;
    REFUSED(ath_hook_log(c.ctx, &config, &hook)); /* twice the same */
    scalars[1].name = "with,comma";
    REFUSED(ath_hook_log(c.ctx, &config, &hook));
    scalars[1].name = "uid";
    REFUSED(ath_hook_log(c.ctx, &config, &hook));
    scalars[1].name = "b";
    scalars[1].value = NULL;
    REFUSED(ath_hook_log(c.ctx, &config, &hook));
    REFUSED(ath_hook_log(c.ctx, NULL, &hook));
    scalars[1].value = checks_index;
    assert_int_equal(ath_hook_log(c.ctx, &config, NULL), ATH_E_ARGUMENT);
    checks_close(&c);
}

static void test_arguments(void **state)
{
    (void)state;
    checks c;
    ath_hook hook;
    checks_open(&c, "host");
    REFUSED(ath_hook_snapshot(c.ctx, NULL, &hook));
    REFUSED(ath_hook_converged_snapshot(c.ctx, NULL, &hook));
    const ath_field_id whole = ATH_FIELD_NUMBERS, unknown = 60;
    ath_hook_nan_config nan = {.size = sizeof nan, .fields = &whole, .n_fields = 1};
    REFUSED(ath_hook_nan(c.ctx, &nan, &hook));
    nan.fields = &unknown;
    REFUSED(ath_hook_nan(c.ctx, &nan, &hook));
    nan.n_fields = 17;
    REFUSED(ath_hook_nan(c.ctx, &nan, &hook));
    nan.size = 0;
    REFUSED(ath_hook_nan(c.ctx, &nan, &hook));
    const double bad[] = {0.0, -1.0, INFINITY, NAN};
    for (int k = 0; k < 4; k++) {
        REFUSED(ath_hook_clamp_forces(c.ctx, bad[k], &hook));
    }
    ath_hook_drift_config drift = {.size = sizeof drift, .threshold = -1.0};
    REFUSED(ath_hook_energy_drift(c.ctx, &drift, &hook));
    drift.threshold = NAN;
    REFUSED(ath_hook_energy_drift(c.ctx, &drift, &hook));
    drift = (ath_hook_drift_config){.size = sizeof drift, .metric = (ath_drift_metric)5};
    REFUSED(ath_hook_energy_drift(c.ctx, &drift, &hook));
    drift = (ath_hook_drift_config){.size = sizeof drift, .action = (ath_drift_action)5};
    REFUSED(ath_hook_energy_drift(c.ctx, &drift, &hook));
    REFUSED(ath_hook_energy_drift(c.ctx, NULL, &hook));
    ath_hook_freeze_config freeze = {.size = sizeof freeze, .field = ""};
    REFUSED(ath_hook_freeze(c.ctx, &freeze, &hook));
    freeze.size = 1;
    REFUSED(ath_hook_freeze(c.ctx, &freeze, &hook));
    REFUSED(ath_hook_bias(c.ctx, NULL, NULL, &hook));
    REFUSED(ath_hook_stage_timing(c.ctx, 1u << ATH_STAGE_AFTER_STEP, 0, &hook));
    REFUSED(ath_hook_stage_timing(c.ctx, 1u << 20 | 1u, 0, &hook));
    REFUSED(ath_hook_stage_timing(c.ctx, 0, -1, &hook));
    assert_int_equal(ath_hook_wrap(c.ctx, true, NULL), ATH_E_ARGUMENT);
    assert_int_equal(ath_hook_align_cell(c.ctx, NULL), ATH_E_ARGUMENT);
    assert_int_equal(ath_hook_clamp_forces(NULL, 1.0, &hook), ATH_E_ARGUMENT);
    /* a hook that is part of the evaluation keeps its frequency */
    OK(c.ctx, make_clamp(&c, &hook));
    hook.frequency = 2;
    checks_dynamics(&c, NULL, 0);
    assert_int_equal(ath_dynamics_register_hook(c.dyn, &hook), ATH_E_ARGUMENT);
    ath_hook_free(&hook);
    assert_null(hook.call);
    ath_hook_free(&hook);
    checks_close(&c);
}

/* ---- nobody ---- */

static void check_nobody(const char *device)
{
    const uint8_t mask[CHECKS_SYSTEMS] = {0};
    for (int32_t k = 0; k < N_ENTRIES; k++) {
        checks c;
        ath_hook hook;
        uint64_t before[CHECKS_SYSTEMS];
        checks_open(&c, device);
        OK(c.ctx, entries[k].make(&c, &hook));
        c.batch = checks_all(&c);
        checks_dynamics(&c, &hook, 1);
        OK(c.ctx, ath_dynamics_open(c.dyn));
        for (int32_t i = 0; i < CHECKS_SYSTEMS; i++) {
            before[i] = checks_digest(&c, c.batch, i);
        }
        OK(c.ctx, checks_call(&c, &hook, mask));
        for (int32_t i = 0; i < CHECKS_SYSTEMS; i++) {
            assert_true(before[i] == checks_digest(&c, c.batch, i));
        }
        assert_int_equal(ath_sink_length(c.sink), 0);
        ath_dynamics_destroy(&c.dyn);
        ath_hook_free(&hook);
        checks_close(&c);
    }
}

static void test_nobody(void **state)
{
    (void)state;
    check_nobody("host");
    check_nobody("mock");
}

/* ---- allocations ---- */

/* Makes the hook and runs it, with the n-th allocation from here on failing. */
static ath_status try_hook(checks *c, const entry *e, int64_t n)
{
    ath_hook hook = {0};
    ath_dynamics_config config = checks_config(c);
    const ath_convergence easy = {.size = sizeof easy, .fmax = 10.0, .frequency = 2};
    config.convergence_hook = &easy;
    c->memory.fail_at = n ? c->memory.n_calls + n : 0;
    ath_status status = e->make(c, &hook);
    config.hooks = &hook;
    config.n_hooks = 1;
    status = status < 0 ? status : ath_dynamics_create(c->ctx, &config, &c->dyn);
    status = status < 0 ? status : ath_dynamics_run(c->dyn, c->batch, 1);
    status = status < 0 ? status : ath_dynamics_run(c->dyn, c->batch, 3);
    ath_dynamics_destroy(&c->dyn);
    ath_hook_free(&hook);
    return status;
}

static void check_allocations(const char *device)
{
    static const int32_t some[3] = {4, 1, 2};
    for (int32_t k = 0; k < N_ENTRIES; k++) {
        int64_t n_failed = 0;
        for (int64_t n = 1;; n++) {
            checks c;
            checks_open(&c, device);
            c.batch = checks_batch(&c, some, 3);
            const ath_status status = try_hook(&c, &entries[k], n);
            const bool reached = c.memory.n_calls >= c.memory.fail_at;
            assert_true(status == ATH_E_NO_MEMORY || (status == ATH_OK && !reached));
            if (status != ATH_OK) { /* and then it works, but for a sink that has failed */
                ath_sink_destroy(&c.sink);
                OK(c.ctx, ath_sink_memory(c.ctx, 100000, &c.sink));
                ath_batch_destroy(&c.batch);
                c.batch = checks_batch(&c, some, 3);
                OK(c.ctx, try_hook(&c, &entries[k], 0));
            }
            checks_close(&c);
            n_failed += reached;
            if (!reached) {
                break;
            }
        }
        assert_true(n_failed > 3);
    }
}

static void test_allocations_host(void **state)
{
    (void)state;
    check_allocations("host");
}

static void test_allocations_mock(void **state)
{
    (void)state;
    check_allocations("mock");
}

/* ---- bits ---- */

/* Runs these systems with the hook, in one piece or two; bits[i] of the i-th system of all. */
static void run_bits(const entry *e, const char *device, const int32_t *which, int32_t n,
                     int64_t first, uint64_t *bits)
{
    checks c;
    ath_hook hook = {0};
    checks_open(&c, device);
    if (e) {
        OK(c.ctx, e->make(&c, &hook));
    }
    c.batch = checks_batch(&c, which, n);
    checks_dynamics(&c, &hook, e ? 1 : 0);
    if (first > 0) {
        OK(c.ctx, ath_dynamics_run(c.dyn, c.batch, first));
    }
    OK(c.ctx, ath_dynamics_run(c.dyn, c.batch, STEPS - first));
    for (int32_t i = 0; i < n; i++) {
        bits[which[i]] = checks_digest(&c, c.batch, i);
    }
    ath_dynamics_destroy(&c.dyn);
    ath_hook_free(&hook);
    checks_close(&c);
}

static void expect_bits(const entry *e, const char *what, const uint64_t *a, const uint64_t *b)
{
    for (int32_t i = 0; i < CHECKS_SYSTEMS; i++) {
        if (a[i] != b[i]) {
            fail_msg("%s: system %d has other bits %s", e->name, (int)i, what);
        }
    }
}

static void test_bits(void **state)
{
    static const int32_t all[CHECKS_SYSTEMS] = {0, 1, 2, 3, 4, 5, 6};
    static const int32_t mixed[CHECKS_SYSTEMS] = {5, 2, 0, 6, 3, 1, 4};
    (void)state;
    for (int32_t k = 0; k < N_ENTRIES; k++) {
        const entry *e = &entries[k];
        uint64_t first[CHECKS_SYSTEMS], other[CHECKS_SYSTEMS];
        run_bits(e, "host", all, CHECKS_SYSTEMS, 0, first);
        run_bits(e, "host", mixed, CHECKS_SYSTEMS, 0, other);
        expect_bits(e, "in another order", first, other);
        run_bits(e, "host", all, CHECKS_SYSTEMS, 11, other);
        expect_bits(e, "in two halves", first, other);
        run_bits(e, "mock", mixed, CHECKS_SYSTEMS, 7, other);
        expect_bits(e, "on the mock device, in two halves", first, other);
        for (int32_t i = 0; i < CHECKS_SYSTEMS; i++) {
            run_bits(e, "host", &i, 1, 0, other);
        }
        expect_bits(e, "alone", first, other);
    }
}

/* Systems that come into a batch that has made some steps do what they do alone: hooks that are not
 * due in every step count the steps of the system. */
static void test_newcomers(void **state)
{
    static const int32_t old[3] = {1, 2, 4}, fresh[4] = {6, 3, 0, 5};
    (void)state;
    for (int32_t k = 0; k < N_ENTRIES; k++) {
        uint64_t alone[CHECKS_SYSTEMS];
        checks c;
        ath_hook hook = {0};
        run_bits(&entries[k], "host", fresh, 4, 0, alone);
        checks_open(&c, "host");
        OK(c.ctx, entries[k].make(&c, &hook));
        c.batch = checks_batch(&c, old, 3);
        checks_dynamics(&c, &hook, 1);
        OK(c.ctx, ath_dynamics_run(c.dyn, c.batch, 5));
        ath_batch *others = checks_batch(&c, fresh, 4);
        OK(c.ctx, ath_batch_append(c.batch, others));
        ath_batch_destroy(&others);
        OK(c.ctx, ath_dynamics_run(c.dyn, c.batch, STEPS));
        for (int32_t i = 0; i < 4; i++) {
            if (alone[fresh[i]] != checks_digest(&c, c.batch, 3 + i)) {
                fail_msg("%s: newcomer %d has other bits", entries[k].name, (int)i);
            }
        }
        ath_dynamics_destroy(&c.dyn);
        ath_hook_free(&hook);
        checks_close(&c);
    }
}

/* Hooks that watch change no bits of the motion; the others do change something. */
static void test_effect(void **state)
{
    (void)state;
    for (int32_t k = 0; k < N_ENTRIES; k++) {
        uint64_t digests[2][CHECKS_SYSTEMS];
        for (int with = 0; with < 2; with++) {
            checks c;
            ath_hook hook = {0};
            checks_open(&c, "host");
            OK(c.ctx, entries[k].make(&c, &hook));
            c.batch = checks_all(&c);
            checks_dynamics(&c, &hook, with);
            OK(c.ctx, ath_dynamics_run(c.dyn, c.batch, STEPS));
            for (int32_t i = 0; i < CHECKS_SYSTEMS; i++) {
                digests[with][i] = structures_digest(c.ctx, c.batch, i);
            }
            ath_dynamics_destroy(&c.dyn);
            ath_hook_free(&hook);
            checks_close(&c);
        }
        const bool same = memcmp(digests[0], digests[1], sizeof digests[0]) == 0;
        if (same == entries[k].changes) {
            fail_msg("%s: %s", entries[k].name, same ? "does nothing" : "changes the motion");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_arguments),    cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_nobody),           cmocka_unit_test(test_bits),
        cmocka_unit_test(test_newcomers),        cmocka_unit_test(test_effect),
        cmocka_unit_test(test_allocations_host), cmocka_unit_test(test_allocations_mock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
