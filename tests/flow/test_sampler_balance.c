/* Samplers under failures: functions of the user, refusals, memory. What was read is handed out,
 * refused or queued, whatever happens.
 */
#include "flow/sampler_rig.h"

#include <athanor/device.h>

/* ---- failures ---- */

/* Gives rings of 1, 2, 3, ... atoms, and statuses in between. */
typedef struct script {
    ath_context *ctx;
    const char *steps; /* o system, f refused, m no memory, i fails, e end, n none, x foreign */
    int at, n_calls;
    ath_context *other;
} script;

static ath_status script_next(void *user, ath_system **out)
{
    script *s = user;
    const char step = s->steps[s->at];
    s->n_calls++;
    s->at += step != '\0' && step != 'e';
    switch (step) {
    case 'o':
        return rig_try_ring(s->ctx, s->at, 1, s->at, out);
    case 'x':
        return rig_try_ring(s->other, s->at, 1, s->at, out);
    case 'f':
        return ath__fail(s->ctx, ATH_E_FORMAT, "step %d is bad", s->at - 1);
    case 'm':
        return ATH_E_NO_MEMORY;
    case 'i':
        return ATH_E_IO;
    case 'a':
        return ATH_AGAIN;
    case 'n':
        return ATH_OK;
    default:
        return ATH_END;
    }
}

/* What a sampler over a script gives, as text. */
static void take_script(ath_context *ctx, ath_sampler *sampler, char *out)
{
    for (int i = 0; i < 40; i++) {
        ath_system *system = NULL;
        const ath_status status = ath_sampler_next(sampler, -1, &system);
        if (status == ATH_END) {
            return;
        }
        out += status == ATH_OK ? sprintf(out, "%d ", (int)ath_system_n_atoms(system))
                                : sprintf(out, "E%d ", -(int)status);
        if (status == ATH_E_FORMAT) {
            int64_t frame = -1;
            int step = -1;
            assert_int_equal(sscanf(ath_context_message(ctx), "step %d is bad", &step), 1);
            (void)ath_sampler_where(sampler, &frame);
            out += sprintf(out, "@%d,%d ", step, (int)frame);
        }
        ath_system_destroy(&system);
    }
}

static void test_callback(void **state)
{
    static const struct {
        const char *steps, *plain, *by_size;
    } rows[] = {
        {"", "", ""},
        {"ooo", "1 2 3 ", "3 2 1 "},
        {"offo", "1 E6 @1,1 E6 @2,2 4 ", "E6 @1,1 E6 @2,2 4 1 "},
        {"omo", "1 E2 3 ", "E2 3 1 "},
        {"oio", "1 E9 ", "E9 1 "},
        {"oeo", "1 ", "1 "},
        {"ono", "1 E1 ", "E1 1 "},
        {"oxo", "1 E1 ", "E1 1 "},
        {"oao", "1 E1 ", "E1 1 "},
    };
    ath_context *ctx = *state, *other = NULL;
    assert_int_equal(ath_context_create(NULL, &other), ATH_OK);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int by_size = 0; by_size < 2; by_size++) {
            script s = {.ctx = ctx, .steps = rows[i].steps, .other = other};
            ath_sampler *source = NULL, *sampler = NULL;
            char text[200] = "";
            assert_int_equal(ath_sampler_from_callback(ctx, script_next, &s, &source), ATH_OK);
            const ath_sampler_size_config config = {
                .size = sizeof config, .source = source, .max_atoms = 50};
            if (by_size) {
                assert_int_equal(ath_sampler_by_size(ctx, &config, &sampler), ATH_OK);
            }
            take_script(ctx, by_size ? sampler : source, text);
            assert_string_equal(text, by_size ? rows[i].by_size : rows[i].plain);
            const ath_sampler_counts counts = rig_counts(by_size ? sampler : source);
            assert_int_equal(counts.n_queued, 0);
            ath_sampler_destroy(&sampler);
            ath_sampler_destroy(&source);
        }
    }
    ath_context_destroy(&other);
}

/* Read = handed out + refused + in the queue, whatever is asked and whatever fails; all are handed
 * out once, with running labels. */
static void test_balance(void **state)
{
    static const char steps[] = "oofoooofffooooooofoooooooooooofooooooooooooofoooo";
    ath_context *ctx = *state;
    for (int window = 1; window < 60; window += 6) {
        for (int look = 0; look < 2; look++) {
            script s = {.ctx = ctx, .steps = steps};
            ath_sampler *source = NULL, *sampler = NULL;
            uint64_t seed = (uint64_t)window;
            bool seen[64] = {false};
            int64_t n_out = 0, n_wide = 0;
            assert_int_equal(ath_sampler_from_callback(ctx, script_next, &s, &source), ATH_OK);
            const ath_sampler_size_config config = {.size = sizeof config,
                                                    .source = source,
                                                    .max_atoms = 40,
                                                    .window = window,
                                                    .patience = 3,
                                                    .bin_width = 7};
            assert_int_equal(ath_sampler_by_size(ctx, &config, &sampler), ATH_OK);
            for (ath_status status = ATH_OK; status != ATH_END;) {
                ath_system *system = NULL;
                seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
                if (look) {
                    (void)ath_sampler_length(sampler);
                    (void)ath_sampler_exhausted(sampler);
                }
                status = ath_sampler_next(sampler, (int64_t)(seed >> 40) % 60, &system);
                if (system) {
                    const int n = ath_system_n_atoms(system);
                    assert_false(seen[n]);
                    seen[n] = true;
                    assert_int_equal(rig_label(system), n_out);
                    n_out++;
                }
                n_wide += status == ATH_E_RANGE;
                ath_system_destroy(&system);
                const ath_sampler_counts c = rig_counts(sampler);
                assert_int_equal(c.n_systems, n_out);
                assert_int_equal(c.n_systems + c.n_refused + c.n_queued, s.at);
                assert_true(c.n_queued <= window);
            }
            assert_int_equal(s.at, sizeof steps - 1);
            assert_int_equal(n_wide, 9 - 1); /* 41 ... 49, of which 45 is bad */
            assert_true(ath_sampler_exhausted(sampler));
            ath_sampler_destroy(&sampler);
            ath_sampler_destroy(&source);
        }
    }
}

/* n_repeated: handed out and equal in content, counted when it happens. */
static void test_repeated(void **state)
{
    ath_context *ctx = *state;
    ath_system *kinds[2] = {rig_ring(ctx, 5, 1, 0), rig_ring(ctx, 3, 1, 1)}, *systems[6];
    ath_sampler *source = NULL, *sampler = NULL;
    for (int i = 0; i < 6; i++) {
        systems[i] = kinds[i % 2];
    }
    assert_int_equal(ath_sampler_from_systems(ctx, systems, 6, &source), ATH_OK);
    const ath_sampler_size_config config = {
        .size = sizeof config, .source = source, .max_atoms = 50};
    assert_int_equal(ath_sampler_by_size(ctx, &config, &sampler), ATH_OK);
    static const int64_t sizes[6] = {5, 5, 5, 3, 3, 3}, repeated[6] = {0, 1, 2, 2, 3, 4};
    for (int i = 0; i < 6; i++) {
        assert_int_equal(rig_request(sampler, -1, -1, false), sizes[i]);
        assert_int_equal(rig_counts(sampler).n_repeated, repeated[i]);
    }
    ath_sampler_destroy(&sampler);
    ath_sampler_destroy(&source);
    ath_system_destroy(&kinds[0]);
    ath_system_destroy(&kinds[1]);
}

/* ---- memory ---- */

/* Takes everything by batches, lists and single requests; the uids and sizes, as text. A failure
 * is met again and again until it passes. */
static int64_t take_everything(ath_sampler *sampler, ath_device *device, char *text)
{
    int64_t n_failures = 0;
    ath_batch *batch = NULL;
    ath_system *systems[3] = {0};
    ath_status status;
    do {
        status = ath_sampler_initial_batch(sampler, device, &batch);
        n_failures += status == ATH_E_NO_MEMORY;
        for (int32_t i = 0; i < ath_batch_n_systems(batch); i++) {
            text += sprintf(text, "%d:%x ", (int)ath_batch_n_atoms_of(batch, i),
                            (unsigned)ath_batch_uid(batch, i).lo & 0xffff);
        }
        ath_batch_destroy(&batch);
    } while (status == ATH_E_NO_MEMORY);
    assert_int_equal(status, ATH_OK);
    while (status != ATH_END) {
        const ath_sampler_room room = {.n_systems = -1, .n_atoms = 12, .n_edges = -1};
        int32_t n = 0;
        status = ath_sampler_request_all(sampler, &room, systems, 3, &n);
        for (int32_t i = 0; i < n; i++) {
            text += sprintf(text, "%d:%x ", (int)ath_system_n_atoms(systems[i]),
                            (unsigned)ath_system_uid(systems[i]).lo & 0xffff);
            ath_system_destroy(&systems[i]);
        }
        if (status == ATH_E_NO_MEMORY) {
            n_failures++;
        } else if (status < 0) {
            assert_int_equal(status, ATH_E_RANGE);
            text += sprintf(text, "E5 ");
        }
    }
    return n_failures;
}

/* The batch of a run that fails half-way is smaller, so only what comes out is compared: sorted by
 * nothing, each system once. */
static void check_same_systems(const char *text, const char *expected)
{
    int64_t n = 0;
    for (const char *p = expected; *p; p = strchr(p, ' ') + 1) {
        char word[32];
        const size_t length = (size_t)(strchr(p, ' ') - p) + 1;
        memcpy(word, p, length);
        word[length] = '\0';
        assert_non_null(strstr(text, word));
        n += (int64_t)length;
    }
    assert_int_equal(strlen(text), n);
}

static void test_every_allocation(void **state)
{
    static const int32_t sizes[12] = {3, 9, 4, 50, 1, 6, 2, 5, 8, 7, 11, 10};
    char expected[600] = "";
    (void)state;
    for (int64_t k = 0, failures = 1; failures > 0; k++) {
        failing f = {0};
        ath_context_config with = failing_config(&f);
        ath_context *ctx = NULL, *other = NULL;
        ath_device *device = NULL;
        ath_sampler *source = NULL, *sampler = NULL;
        ath_system *systems[12];
        char text[600] = "";
        assert_int_equal(ath_context_create(&with, &ctx), ATH_OK);
        assert_int_equal(ath_context_create(&with, &other), ATH_OK);
        assert_int_equal(ath_device_open(ctx, "host", &device), ATH_OK);
        ath_context *from = k % 2 ? other : ctx; /* as packets, too */
        for (int i = 0; i < 12; i++) {
            systems[i] = rig_ring(from, sizes[i], 1, i);
            assert_int_equal(ath_system_set_source(systems[i], "somewhere", i), ATH_OK);
        }
        f.fail_at = k ? f.n_calls + (k + 1) / 2 : 0;
        failures = k == 0;
        ath_status status = ath_sampler_from_systems(from, systems, 12, &source);
        if (status == ATH_E_NO_MEMORY) {
            failures++;
            status = ath_sampler_from_systems(from, systems, 12, &source);
        }
        assert_int_equal(status, ATH_OK);
        const ath_sampler_size_config config = {.size = sizeof config,
                                                .source = source,
                                                .max_atoms = 20,
                                                .max_edges = 60,
                                                .window = 4,
                                                .edge_cutoff = RIG_CUTOFF};
        status = ath_sampler_by_size(ctx, &config, &sampler);
        if (status == ATH_E_NO_MEMORY) {
            failures++;
            assert_null(sampler);
            status = ath_sampler_by_size(ctx, &config, &sampler);
        }
        assert_int_equal(status, ATH_OK);
        failures += take_everything(sampler, device, text);
        if (k == 0) {
            memcpy(expected, text, sizeof expected);
        }
        check_same_systems(text, expected);
        const ath_sampler_counts counts = rig_counts(sampler);
        assert_true(counts.n_systems == 11 && counts.n_refused == 1 && counts.n_queued == 0);
        ath_sampler_destroy(&sampler);
        ath_sampler_destroy(&source);
        for (int i = 0; i < 12; i++) {
            ath_system_destroy(&systems[i]);
        }
        ath_device_close(&device);
        ath_context_destroy(&other);
        ath_context_destroy(&ctx);
        assert_int_equal(f.n_blocks, 0);
        assert_int_equal(f.n_wrong, 0);
        failures += k == 1; /* an even number of runs */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_callback),
        cmocka_unit_test(test_balance),
        cmocka_unit_test(test_repeated),
        cmocka_unit_test(test_every_allocation),
    };
    return cmocka_run_group_tests(tests, rig_set_up, rig_tear_down);
}
