/* Parts of a run that are functions of what they are given: the balance of its books, the files
 * that a job names, the count of memory.
 */
#include "job_rig.h"

#include <math.h>

#include <athanor/units.h>

#include "run.h"

static const cli_balance even = {.n_in = 10,
                                 .n_finished = 3,
                                 .n_step_limit = 2,
                                 .n_failed = 1,
                                 .n_rejected = 4,
                                 .n_open = 0,
                                 .n_let_in = 6,
                                 .n_handed_over = 6,
                                 .n_engine_rejected = 4};

static void test_balance(void **state)
{
    (void)state;
    assert_true(cli_balance_holds(&even, true));
    assert_true(cli_balance_holds(&even, false));
    /* one more or less of anything is seen */
    for (size_t i = 0; i < sizeof even / sizeof(int64_t); i++) {
        for (int sign = -1; sign <= 1; sign += 2) {
            int64_t numbers[sizeof even / sizeof(int64_t)];
            cli_balance b;
            memcpy(numbers, &even, sizeof even);
            numbers[i] += sign;
            memcpy(&b, numbers, sizeof b);
            assert_false(cli_balance_holds(&b, true));
        }
    }
}

static void test_balance_of_a_stopped_run(void **state)
{
    cli_balance b = even;
    (void)state;
    b.n_in += 2; /* in the batch */
    b.n_let_in += 2;
    b.n_open = 2;
    assert_true(cli_balance_holds(&b, false));
    assert_false(cli_balance_holds(&b, true));
    b.n_handed_over--; /* it has a row, but was not acknowledged */
    assert_true(cli_balance_holds(&b, false));
    b.n_handed_over--;
    assert_false(cli_balance_holds(&b, false));
    b = even;
    b.n_handed_over++; /* acknowledged without a row: lost */
    assert_false(cli_balance_holds(&b, false));
    b = even;
    b.n_rejected++;
    b.n_finished--;
    assert_false(cli_balance_holds(&b, false));
}

static void test_files_of_a_job(void **state)
{
    static const char text[] =
        "stages:\n"
        "  - {integrator: fire, steps: 1, hooks: [{type: log, path: a}, {type: nan}]}\n"
        "  - {integrator: nve, steps: 1, hooks: [{type: snapshot, sink: b}]}\n"
        "hooks: [{type: timing, path: c}, {type: snapshot, sink: {type: memory, capacity: 1}}]\n"
        "sinks: [{type: memory, capacity: 1}, {type: file, path: d}]\n";
    static const char *const names[] = {"c", "a", "b", "d"};
    job_rig *rig = *state;
    cli_job job;
    assert_int_equal(cli_job_parse(&rig->c, "text", text, sizeof text - 1, &job), CLI_OK);
    for (size_t i = 0; i < 4; i++) {
        assert_non_null(cli_job_file(&job, i));
        assert_string_equal(cli_job_file(&job, i), names[i]);
    }
    assert_null(cli_job_file(&job, 4));
    assert_null(cli_job_file(&job, 1000));
    assert_null(cli_job_file(NULL, 0));
    cli_job_free(&rig->c, &job);
}

static void test_counted_memory(void **state)
{
    job_rig *rig = *state;
    cli_memory memory;
    const ath_allocator a = cli_host_counted(&memory, &rig->c.host.allocator);
    char *p = a.resize(a.user, NULL, 0, 1000), *q = a.resize(a.user, NULL, 0, 500);
    assert_int_equal(memory.now, 1500);
    p = a.resize(a.user, p, 1000, 200);
    assert_int_equal(memory.now, 700);
    assert_int_equal(memory.peak, 1500);
    q = a.resize(a.user, q, 500, 0);
    assert_null(q);
    assert_int_equal(memory.now, 200);
    p = a.resize(a.user, p, 200, 0);
    assert_null(p);
    assert_int_equal(memory.now, 0);
    assert_int_equal(memory.peak, 1500);
}

/* The operating system's own memory: aligned as the library wants it, contents kept. */
static void test_memory_of_the_host(void **state)
{
    ath_context_config config = {.size = sizeof config};
    (void)state;
    cli_host_complete(&config);
    const ath_allocator *a = &config.allocator;
    char *p = a->resize(a->user, NULL, 0, 100);
    assert_non_null(p);
    memset(p, 7, 100);
    static const size_t sizes[] = {100, 4096, 9 << 20, 64};
    for (int i = 0; i < 3; i++) {
        p = a->resize(a->user, p, sizes[i], sizes[i + 1]);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 64, 0);
        assert_int_equal(p[0], 7);
        assert_int_equal(p[63], 7);
    }
    assert_null(a->resize(a->user, p, 64, 0));
}

/* The largest of the nine numbers, whatever its sign; one that is no number hides behind none that
 * follows. */
static void test_max_stress(void **state)
{
    job_rig *rig = *state;
    ath_system *system = NULL;
    void *rows[3] = {NULL};
    static const ath_field fields[3] = {ATH_FIELD_CELL, ATH_FIELD_PBC, ATH_FIELD_STRESS};
    double pressure = 0.0;
    bool has = true;
    assert_int_equal(ath_system_create(rig->c.ctx, 1, &system), ATH_OK);
    (void)cli_max_stress(system, &pressure, &has);
    assert_false(has);
    for (int k = 0; k < 3; k++) {
        assert_int_equal(ath_system_field(system, fields[k], &rows[k]), ATH_OK);
    }
    double *cell = rows[0], *stress = rows[2];
    int32_t *pbc = rows[1];
    for (int k = 0; k < 9; k++) {
        cell[k] = k % 4 == 0 ? 4.0 : 0.0;
        stress[k] = 0.01 * (k % 2 ? -k : k);
        pbc[k % 3] = 1;
    }
    stress[5] = -0.3;
    const double gpa = cli_max_stress(system, &pressure, &has);
    assert_true(has && fabs(gpa - 0.3 * ATH_GPA_PER_EV_A3) < 1e-9);
    assert_true(fabs(pressure + 0.04 * ATH_GPA_PER_EV_A3) < 1e-9); /* a third of 0, 4 and 8 */
    for (int k = 0; k < 9; k++) {
        const double kept = stress[k];
        stress[k] = (double)NAN;
        assert_true(isnan(cli_max_stress(system, &pressure, &has)) && has);
        assert_int_equal(isnan(pressure) != 0, k % 4 == 0);
        stress[k] = kept;
    }
    pbc[1] = 0;
    assert_true(cli_max_stress(system, &pressure, &has) == 0.0 && !has);
    ath_system_destroy(&system);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_balance),
        cmocka_unit_test(test_balance_of_a_stopped_run),
        cmocka_unit_test_setup_teardown(test_files_of_a_job, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(test_counted_memory, rig_set_up, rig_tear_down),
        cmocka_unit_test(test_memory_of_the_host),
        cmocka_unit_test_setup_teardown(test_max_stress, rig_set_up, rig_tear_down),
    };
    return cmocka_run_group_tests_name("parts of a run", tests, NULL, NULL);
}
