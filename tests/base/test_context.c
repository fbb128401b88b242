/* The context, its messages and log, and the names of statuses, states and reasons. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <athanor/units.h>

#include "base/base.h"
#include "base/failing.h"

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(ath_status_name(ATH_OK), "ATH_OK");
    assert_string_equal(ath_status_name(ATH_E_NO_MEMORY), "ATH_E_NO_MEMORY");
    assert_string_equal(ath_status_text(ATH_END), "nothing left");
    assert_string_equal(ath_status_text(ATH_E_INTERNAL), "internal error");
    assert_string_equal(ath_status_name((ath_status)-1000), "unknown");
    assert_string_equal(ath_status_text((ath_status)1000), "unknown");
    assert_string_equal(ath_state_name(ATH_STATE_PENDING), "pending");
    assert_string_equal(ath_state_name(ATH_STATE_REJECTED), "rejected");
    assert_string_equal(ath_state_name((ath_state)-1), "unknown");
    assert_string_equal(ath_state_name(ATH_N_STATES), "unknown");
    assert_string_equal(ath_reason_name(ATH_REASON_NONE), "none");
    assert_string_equal(ath_reason_name(ATH_REASON_CELL_COLLAPSED), "cell_collapsed");
    assert_string_equal(ath_reason_name(ATH_N_REASONS), "unknown");
    assert_int_equal(ath_reason_state(ATH_REASON_NONE), ATH_STATE_RUNNING);
    assert_int_equal(ath_reason_state(ATH_REASON_BUDGET), ATH_STATE_FINISHED);
    assert_int_equal(ath_reason_state(ATH_REASON_STEP_LIMIT), ATH_STATE_STEP_LIMIT);
    assert_int_equal(ath_reason_state(ATH_REASON_NON_FINITE), ATH_STATE_QUARANTINED);
    assert_int_equal(ath_reason_state(ATH_REASON_TOO_LARGE), ATH_STATE_REJECTED);
    assert_int_equal(ath_reason_state((ath_reason)-5), ATH_STATE_QUARANTINED);
}

static void test_version(void **state)
{
    (void)state;
    char expected[32];
    snprintf(expected, sizeof expected, "%d.%d.%d", ATH_VERSION_MAJOR, ATH_VERSION_MINOR,
             ATH_VERSION_PATCH);
    assert_string_equal(ath_version(), expected);
}

/* From CODATA 2018: u = 1.66053906660e-27 kg, e = 1.602176634e-19 C, k = 1.380649e-23 J/K. */
static void test_units(void **state)
{
    (void)state;
    double fs_per_time = 1e-10 * sqrt(1.66053906660e-27 / 1.602176634e-19) * 1e15;
    assert_true(fabs(ATH_FS_PER_TIME / fs_per_time - 1.0) < 1e-15);
    assert_true(fabs(ATH_BOLTZMANN * 1.602176634 / 1.380649e-4 - 1.0) < 4e-16);
    assert_true(ATH_GPA_PER_EV_A3 == 160.2176634);
}

static void test_create_defaults(void **state)
{
    (void)state;
    ath_context *ctx = NULL;
    assert_int_equal(ath_context_create(NULL, &ctx), ATH_OK);
    assert_string_equal(ath_context_message(ctx), "");
    assert_non_null(ctx->config.allocator.resize);
    const ath_io *io = &ctx->config.io;
    assert_true(io->open && io->read && io->write && io->sync && io->close && io->rename &&
                io->unlink && io->mkdir && io->sync_directory);
    ath_context_destroy(&ctx);
    assert_null(ctx);
    ath_context_destroy(&ctx);
    ath_context_destroy(NULL);
    assert_int_equal(ath_context_create(NULL, NULL), ATH_E_ARGUMENT);
    assert_string_equal(ath_context_message(NULL), "");
}

static int context_open_refused(void *user, const char *path, int flags, int mode)
{
    (void)user, (void)path, (void)flags, (void)mode;
    return -EPERM;
}

static void test_create_checks_sizes(void **state)
{
    (void)state;
    ath_context *ctx = (ath_context *)state;
    ath_context_config config = {.size = sizeof config - 8};
    assert_int_equal(ath_context_create(&config, &ctx), ATH_E_ABI);
    assert_null(ctx);
    config.size = sizeof config;
    config.io.size = sizeof config.io + 8;
    assert_int_equal(ath_context_create(&config, &ctx), ATH_E_ABI);
    config.io.size = 0;
    config.io.open = context_open_refused; /* an entry, but no size */
    assert_int_equal(ath_context_create(&config, &ctx), ATH_E_ABI);
    config.io.size = sizeof config.io;
    assert_int_equal(ath_context_create(&config, &ctx), ATH_OK);
    ath__bytes bytes;
    assert_int_equal(ath__file_read(ctx, "/etc/hostname", 0, &bytes), ATH_E_IO);
    assert_non_null(strstr(ath_context_message(ctx), "/etc/hostname"));
    ath_context_destroy(&ctx);
}

static void test_create_without_memory(void **state)
{
    (void)state;
    failing f = {.fail_at = 1};
    ath_context_config config = failing_config(&f);
    ath_context *ctx = (ath_context *)state;
    assert_int_equal(ath_context_create(&config, &ctx), ATH_E_NO_MEMORY);
    assert_null(ctx);
    f = (failing){0};
    assert_int_equal(ath_context_create(&config, &ctx), ATH_OK);
    assert_int_equal(f.n_blocks, 1);
    ath_context_destroy(&ctx);
    assert_int_equal(f.n_blocks, 0);
    assert_int_equal(f.n_wrong, 0);
}

static void test_default_allocator(void **state)
{
    (void)state;
    ath_context *ctx;
    assert_int_equal(ath_context_create(NULL, &ctx), ATH_OK);
    ath_allocator a = ctx->config.allocator;
    unsigned char *p = a.resize(a.user, NULL, 0, 100);
    assert_non_null(p);
    assert_int_equal((uintptr_t)p % 64, 0);
    memset(p, 7, 100);
    p = a.resize(a.user, p, 100, 100000);
    assert_int_equal((uintptr_t)p % 64, 0);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(p[i], 7);
    }
    assert_null(a.resize(a.user, NULL, 0, SIZE_MAX));
    assert_null(a.resize(a.user, p, 100000, (size_t)PTRDIFF_MAX)); /* p is as it was */
    assert_int_equal(p[99], 7);
    p = a.resize(a.user, p, 100000, 10);
    assert_int_equal(p[9], 7);
    assert_null(a.resize(a.user, p, 10, 0));
    ath_context_destroy(&ctx);
}

static void test_messages(void **state)
{
    (void)state;
    ath_context *ctx;
    assert_int_equal(ath_context_create(NULL, &ctx), ATH_OK);
    assert_int_equal(ath__fail(ctx, ATH_E_RANGE, "%s is %d", "x", 5), ATH_E_RANGE);
    assert_string_equal(ath_context_message(ctx), "x is 5");
    /* the old message as an argument of the new one */
    assert_int_equal(ath__fail(ctx, ATH_E_IO, "file: %s", ath_context_message(ctx)), ATH_E_IO);
    assert_string_equal(ath_context_message(ctx), "file: x is 5");
    ath__message(ctx, ATH_E_IO, "a\nb\x7f\tc");
    assert_string_equal(ath_context_message(ctx), "a b  c");
    char text[5000];
    memset(text, 'y', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    ath__message(ctx, ATH_E_IO, "%s", text);
    assert_int_equal(strlen(ath_context_message(ctx)), sizeof ctx->message - 1);
    assert_int_equal(ath__fail(NULL, ATH_E_STATE, "nowhere"), ATH_E_STATE);
    ath_context_destroy(&ctx);
}

typedef struct context_line {
    ath_log_level level;
    char component[32], text[256];
    int n;
} context_line;

static void context_log(void *user, ath_log_level level, const char *component, const char *text)
{
    context_line *line = user;
    line->level = level;
    line->n++;
    snprintf(line->component, sizeof line->component, "%s", component);
    snprintf(line->text, sizeof line->text, "%s", text);
}

static void test_log(void **state)
{
    (void)state;
    context_line line = {0};
    ath_context_config config = {
        .size = sizeof config, .log = context_log, .log_user = &line, .log_level = ATH_LOG_INFO};
    ath_context *ctx;
    assert_int_equal(ath_context_create(&config, &ctx), ATH_OK);
    ath__log(ctx, ATH_LOG_DEBUG, "flow", "not seen");
    assert_int_equal(line.n, 0);
    ath__log(ctx, ATH_LOG_INFO, "flow", "read %d\nsystems", 3);
    assert_int_equal(line.n, 1);
    assert_int_equal(line.level, ATH_LOG_INFO);
    assert_string_equal(line.component, "flow");
    assert_string_equal(line.text, "read 3 systems");
    ath__log(ctx, ATH_LOG_ERROR, "base", "bad");
    assert_int_equal(line.n, 2);
    assert_string_equal(ath_context_message(ctx), ""); /* the log is not the last error */
    ath_context_destroy(&ctx);
    ath__log(NULL, ATH_LOG_ERROR, "base", "nowhere");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_create_defaults),
        cmocka_unit_test(test_create_checks_sizes),
        cmocka_unit_test(test_create_without_memory),
        cmocka_unit_test(test_default_allocator),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
