/* Samplers: order, room, slices, identities, refusals, and every allocation failing in turn. */
#include "flow/extxyz_rig.h"

#include <fcntl.h>

#include <athanor/sampler.h>

#include "base/failing.h"

/* A file of n frames named f0, f1, ...; frame i has i % 3 + 1 atoms and lies i angstrom off. */
static void put_frames(const char *path, int n)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (int i = 0; i < n; i++) {
        fprintf(f, "%d\nname=f%d\n", i % 3 + 1, i);
        for (int a = 0; a < i % 3 + 1; a++) {
            fprintf(f, "Cu %d %d 0\n", i, 3 * a);
        }
    }
    fclose(f);
}

static const char *name_of(const ath_system *system)
{
    ath_extra extra;
    assert_int_equal(ath_system_find_extra(system, ATH_LEVEL_SYSTEM, "name", &extra), ATH_OK);
    return *(const char *const *)extra.values;
}

/* Names of all systems of a sampler, "!" for refused ones and "E-7" for other failures. */
static void take_names(ath_sampler *sampler, char *out, size_t size)
{
    size_t n = 0;
    out[0] = '\0';
    for (;;) {
        ath_system *system = NULL;
        const ath_status status = ath_sampler_next(sampler, -1, &system);
        if (status == ATH_END) {
            return;
        }
        const char *gap = n ? " " : "";
        if (status == ATH_OK) {
            n += (size_t)snprintf(out + n, size - n, "%s%s", gap, name_of(system));
        } else if (status == ATH_E_FORMAT) {
            n += (size_t)snprintf(out + n, size - n, "%s!", gap);
        } else {
            n += (size_t)snprintf(out + n, size - n, "%sE%d", gap, status);
        }
        assert_true(n < size);
        ath_system_destroy(&system);
    }
}

static void test_slices(void **state)
{
    static const struct {
        const char *slice, *names;
    } rows[] = {
        {"", "f0 f1 f2 f3 f4 f5"},
        {"@0", "f0"},
        {"@5", "f5"},
        {"@-1", "f5"},
        {"@-6", "f0"},
        {"@:", "f0 f1 f2 f3 f4 f5"},
        {"@::", "f0 f1 f2 f3 f4 f5"},
        {"@0:2", "f0 f1"},
        {"@2:4", "f2 f3"},
        {"@4:", "f4 f5"},
        {"@:3", "f0 f1 f2"},
        {"@-2:", "f4 f5"},
        {"@:-4", "f0 f1"},
        {"@-100:2", "f0 f1"},
        {"@:-100", ""},
        {"@4:2", ""},
        {"@10:", ""},
        {"@3:100", "f3 f4 f5"},
        {"@::2", "f0 f2 f4"},
        {"@1::2", "f1 f3 f5"},
        {"@1:5:3", "f1 f4"},
        {"@-5:-1:2", "f1 f3"},
        {"@::9223372036854775807", "f0"},
        {"@1::9223372036854775807", "f1"},
        {"@+1", "f1"},
        {"@6", "E-5"},
        {"@-7", "E-5"},
    };
    ath_context *ctx = *state;
    const char *path = rig_path("slices.xyz");
    put_frames(path, 6);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char with[300], names[200];
        const char *paths[] = {with};
        ath_sampler *sampler = NULL;
        snprintf(with, sizeof with, "%s%s", path, rows[i].slice);
        assert_int_equal(ath_sampler_from_files(ctx, paths, 1, &sampler), ATH_OK);
        take_names(sampler, names, sizeof names);
        if (strcmp(names, rows[i].names) != 0) {
            fail_msg("%s: expected '%s', found '%s'", rows[i].slice, rows[i].names, names);
        }
        ath_sampler_destroy(&sampler);
    }
    unlink(path);
}

static void test_bad_slices(void **state)
{
    static const struct {
        const char *path;
        ath_status status;
    } rows[] = {
        {"x@0:1:2:3", ATH_E_ARGUMENT}, {"x@::0", ATH_E_ARGUMENT},
        {"x@::-1", ATH_E_ARGUMENT},    {"x@1-2", ATH_E_ARGUMENT},
        {"x@--1", ATH_E_ARGUMENT},     {"x@99999999999999999999", ATH_E_ARGUMENT},
        {"-@-1", ATH_E_UNSUPPORTED},   {"-@:-1", ATH_E_UNSUPPORTED},
        {NULL, ATH_E_ARGUMENT},
    };
    ath_context *ctx = *state;
    ath_sampler *sampler = NULL;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *paths[] = {"good.xyz", rows[i].path};
        assert_int_equal(ath_sampler_from_files(ctx, paths, 2, &sampler), rows[i].status);
        assert_null(sampler);
    }
    /* a name with @ that is no slice */
    char names[64];
    const char *paths[] = {"/nowhere/a@b.xyz", "/nowhere/x@", "@5"};
    assert_int_equal(ath_sampler_from_files(ctx, paths, 3, &sampler), ATH_OK);
    take_names(sampler, names, sizeof names);
    assert_string_equal(names, "E-7 E-7 E-7");
    ath_sampler_destroy(&sampler);
    assert_int_equal(ath_sampler_from_files(ctx, NULL, 1, &sampler), ATH_E_ARGUMENT);
    assert_int_equal(ath_sampler_from_files(ctx, NULL, 0, &sampler), ATH_OK);
    take_names(sampler, names, sizeof names);
    assert_string_equal(names, "");
    ath_sampler_destroy(&sampler);
}

static void test_files_and_where(void **state)
{
    ath_context *ctx = *state;
    char a[300], b[300];
    snprintf(a, sizeof a, "%s", rig_path("a.xyz"));
    snprintf(b, sizeof b, "%s", rig_path("b.xyz"));
    static const char bad[] = "1\nname=b0\nCu 9 9 9\n1\nname=b1\nQq 0 0 0\n1\nname=b2\nCu 8 8 8\n";
    put_frames(a, 2);
    rig_put_file(b, bad, sizeof bad - 1);
    char last[320];
    snprintf(last, sizeof last, "%s@1:", b);
    const char *paths[] = {a, "/nowhere/c.xyz", b, last};
    ath_sampler *sampler = NULL;
    ath_system *system = NULL;
    assert_int_equal(ath_sampler_from_files(ctx, paths, 4, &sampler), ATH_OK);
    int64_t frame = 5;
    assert_null(ath_sampler_where(sampler, &frame));
    assert_int_equal(frame, -1);
    static const struct {
        ath_status status;
        int file; /* 0 a, 1 b, -1 not asked */
        int64_t frame;
    } steps[] = {{ATH_OK, 0, 0},       {ATH_OK, 0, 1},  {ATH_E_NOT_FOUND, -1, 0}, {ATH_OK, 1, 0},
                 {ATH_E_FORMAT, 1, 1}, {ATH_OK, 1, 2},  {ATH_E_FORMAT, 1, 1},     {ATH_OK, 1, 2},
                 {ATH_END, -1, 0},     {ATH_END, -1, 0}};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        assert_int_equal(ath_sampler_next(sampler, -1, &system), steps[i].status);
        if (steps[i].file >= 0) {
            assert_string_equal(ath_sampler_where(sampler, &frame), steps[i].file ? b : a);
            assert_int_equal(frame, steps[i].frame);
        }
        if (system) {
            int64_t source = -1;
            assert_string_equal(ath_system_source(system, &source), steps[i].file ? b : a);
            assert_int_equal(source, steps[i].frame);
        }
        if (steps[i].status == ATH_E_FORMAT) {
            assert_non_null(strstr(ath_context_message(ctx), "b.xyz:6:1: expected the symbol"));
        }
        ath_system_destroy(&system);
    }
    ath_sampler_counts counts = {.size = sizeof counts};
    assert_int_equal(ath_sampler_count(sampler, &counts), ATH_OK);
    assert_int_equal(counts.n_systems, 5);
    assert_int_equal(counts.n_atoms, 6);
    assert_int_equal(counts.n_refused, 2);
    assert_int_equal(counts.n_repeated, 1);
    assert_int_equal(counts.n_deferred, 0);
    counts.size = 1;
    assert_int_equal(ath_sampler_count(sampler, &counts), ATH_E_ABI);
    ath_sampler_destroy(&sampler);
    unlink(a);
    unlink(b);
}

static void test_room(void **state)
{
    ath_context *ctx = *state;
    const char *path = rig_path("room.xyz");
    put_frames(path, 6); /* 1 2 3 1 2 3 atoms */
    ath_sampler *sampler = NULL;
    ath_system *system = NULL;
    assert_int_equal(ath_sampler_from_files(ctx, &path, 1, &sampler), ATH_OK);
    static const struct {
        int64_t room;
        const char *name; /* NULL: ATH_AGAIN */
    } steps[] = {{0, NULL}, {1, "f0"}, {1, NULL}, {0, NULL},  {5, "f1"}, {2, NULL},
                 {3, "f2"}, {1, "f3"}, {1, NULL}, {-1, "f4"}, {3, "f5"}};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        const ath_status status = ath_sampler_next(sampler, steps[i].room, &system);
        assert_int_equal(status, steps[i].name ? ATH_OK : ATH_AGAIN);
        if (system) {
            const int64_t *id = ath_system_peek(system, ATH_FIELD_SYSTEM_ID);
            assert_string_equal(name_of(system), steps[i].name);
            assert_non_null(id);
            assert_int_equal(*id, steps[i].name[1] - '0');
        } else {
            assert_null(steps[i].name);
        }
        ath_system_destroy(&system);
    }
    assert_int_equal(ath_sampler_next(sampler, 0, &system), ATH_END);
    ath_sampler_counts counts = {.size = sizeof counts};
    assert_int_equal(ath_sampler_count(sampler, &counts), ATH_OK);
    assert_int_equal(counts.n_deferred, 5);
    ath_sampler_destroy(&sampler);
    unlink(path);
}

/* ---- identities ---- */

enum { N_KEPT = 7 };

static bool same_uid(ath_uid a, ath_uid b)
{
    return a.lo == b.lo && a.hi == b.hi;
}

/* Content and occurrence, ids, duplicates. The systems go to kept, what they must be called to
 * uids. */
static void take_identities(ath_context *ctx, ath_system *kept[N_KEPT], ath_uid uids[N_KEPT])
{
    static const char text[] = "1\nname=a\nCu 0 0 0\n"
                               "1\nname=b\nCu 1 0 0\n"
                               "1\nname=c extra=5\nCu 0 0 0\n" /* a again */
                               "1\nname=d id=seven\nCu 0 0 0\n"
                               "1\nname=e id=007\nCu 0 0 0\n"
                               "1\nname=f id=seven\nCu 2 0 0\n" /* refused */
                               "1\nname=g\nCu 0 0 0\n"          /* a for the third time */
                               "1\nname=h id=\"\"\nCu 1 0 0\n"; /* b again */
    const char *path = rig_path("identities.xyz");
    ath_system *system = NULL;
    ath_sampler *sampler = NULL;
    ath_uid content[N_KEPT];
    int n = 0;
    rig_put_file(path, text, sizeof text - 1);
    assert_int_equal(ath_sampler_from_files(ctx, &path, 1, &sampler), ATH_OK);
    for (int i = 0; i < N_KEPT + 1; i++) {
        assert_int_equal(ath_sampler_next(sampler, -1, &system), i == 5 ? ATH_E_FORMAT : ATH_OK);
        if (i == 5) {
            assert_non_null(strstr(ath_context_message(ctx), "id 'seven'"));
            assert_non_null(strstr(ath_context_message(ctx), "frame 5"));
            continue;
        }
        assert_int_equal(ath_system_content_hash(system, &content[n]), ATH_OK);
        kept[n++] = system;
    }
    ath_sampler_counts counts = {.size = sizeof counts};
    assert_int_equal(ath_sampler_count(sampler, &counts), ATH_OK);
    assert_int_equal(counts.n_repeated, 3); /* c, g and h; ids do not count */
    ath_sampler_destroy(&sampler);
    unlink(path);
    uids[0] = ath_uid_of(content[0], 0);
    uids[1] = ath_uid_of(content[1], 0);
    uids[2] = ath_uid_of(content[0], 1);
    uids[3] = ath_uid_of_text("seven");
    uids[4] = ath_uid_of_text("007");
    uids[5] = ath_uid_of(content[0], 2);
    uids[6] = ath_uid_of(content[1], 1);
}

/* The same for an array: systems without uids get the same ones, uids that are there are kept. */
static void test_identities(void **state)
{
    ath_context *ctx = *state;
    ath_system *kept[N_KEPT] = {0}, *system = NULL;
    ath_uid uids[N_KEPT];
    take_identities(ctx, kept, uids);
    for (int i = 0; i < N_KEPT; i++) {
        assert_true(same_uid(ath_system_uid(kept[i]), uids[i]));
    }
    for (int pass = 0; pass < 2; pass++) {
        ath_sampler *sampler = NULL;
        for (int i = 0; i < N_KEPT; i++) {
            const ath_uid own = {.lo = (uint64_t)(i == 6 ? 4 : i) + 1,
                                 .hi = 9}; /* the last: twice */
            ath_system_set_uid(kept[i], pass ? own : (ath_uid){0});
        }
        assert_int_equal(ath_sampler_from_systems(ctx, kept, N_KEPT, &sampler), ATH_OK);
        for (int i = 0; i < N_KEPT; i++) {
            const ath_status status = ath_sampler_next(sampler, -1, &system);
            assert_int_equal(status, pass == 1 && i == 6 ? ATH_E_FORMAT : ATH_OK);
            if (status == ATH_OK) {
                const ath_uid want = pass ? ath_system_uid(kept[i]) : uids[i];
                assert_true(same_uid(ath_system_uid(system), want));
                assert_string_equal(name_of(system), name_of(kept[i]));
                assert_ptr_not_equal(system, kept[i]);
            }
            ath_system_destroy(&system);
        }
        assert_int_equal(ath_sampler_next(sampler, -1, &system), ATH_END);
        ath_sampler_destroy(&sampler);
    }
    for (int i = 0; i < N_KEPT; i++) {
        ath_system_destroy(&kept[i]);
    }
}

/* 100,000 structures in 30 kinds: the table grows, stays within its bound, and counts right. */
static void test_many(void **state)
{
    (void)state;
    enum { N = 100000, KINDS = 30 };
    failing f = {0};
    ath_context_config config = failing_config(&f);
    ath_context *ctx = NULL;
    assert_int_equal(ath_context_create(&config, &ctx), ATH_OK);
    ath_system *kinds[KINDS], **systems = malloc(sizeof *systems * N), *system = NULL;
    assert_non_null(systems);
    for (int i = 0; i < KINDS; i++) {
        void *rows;
        assert_int_equal(ath_system_create(ctx, 1, &kinds[i]), ATH_OK);
        assert_int_equal(ath_system_field(kinds[i], ATH_FIELD_POSITIONS, &rows), ATH_OK);
        *(double *)rows = i;
    }
    for (int i = 0; i < N; i++) {
        systems[i] = kinds[(i * 7) % KINDS];
    }
    ath_sampler *sampler = NULL;
    const size_t before = f.bytes;
    assert_int_equal(ath_sampler_from_systems(ctx, systems, N, &sampler), ATH_OK);
    for (int i = 0; i < N; i++) {
        ath_uid content;
        int64_t frame;
        assert_int_equal(ath_sampler_next(sampler, 1, &system), ATH_OK);
        assert_null(ath_sampler_where(sampler, &frame));
        assert_int_equal(frame, i);
        if (i % 997 == 0) {
            assert_int_equal(ath_system_content_hash(system, &content), ATH_OK);
            const ath_uid want = ath_uid_of(content, (uint64_t)(i / KINDS));
            assert_true(want.lo == ath_system_uid(system).lo &&
                        want.hi == ath_system_uid(system).hi);
        }
        ath_system_destroy(&system);
    }
    ath_sampler_destroy(&sampler);
    assert_true(f.peak_bytes - before < 10000); /* 30 entries, not 100,000 */

    /* and with different contents: at most 24 bytes x 5/2, and x 5/4 x 3/2 while it grows */
    for (int i = 0; i < N; i++) {
        systems[i] = kinds[0];
    }
    assert_int_equal(ath_sampler_from_systems(ctx, systems, N, &sampler), ATH_OK);
    f.peak_bytes = f.bytes;
    for (int i = 0; i < N; i++) {
        ath_system_set_uid(kinds[0],
                           (ath_uid){.lo = (uint64_t)i * 0x9e3779b97f4a7c15u + 1, .hi = 1});
        assert_int_equal(ath_sampler_next(sampler, -1, &system), ATH_OK);
        ath_system_destroy(&system);
    }
    assert_true(f.peak_bytes - before < (size_t)N * 96 + 10000);
    ath_sampler_destroy(&sampler);
    for (int i = 0; i < KINDS; i++) {
        ath_system_destroy(&kinds[i]);
    }
    free(systems);
    ath_context_destroy(&ctx);
    assert_int_equal(f.n_blocks, 0);
}

static void test_every_allocation(void **state)
{
    (void)state;
    const char *path = rig_path("allocation.xyz");
    put_frames(path, 70); /* above the first size of the table */
    char with[300], expected[500] = "";
    snprintf(with, sizeof with, "%s@-70:", path);
    const char *paths[] = {with};
    for (int64_t k = 0, failures = 1; failures > 0; k++) {
        failing f = {0};
        ath_context_config config = failing_config(&f);
        ath_context *ctx = NULL;
        ath_sampler *sampler = NULL;
        char names[500] = "";
        size_t n = 0;
        assert_int_equal(ath_context_create(&config, &ctx), ATH_OK);
        f.fail_at = k ? f.n_calls + k : 0;
        failures = k == 0;
        ath_status status = ath_sampler_from_files(ctx, paths, 1, &sampler);
        if (status == ATH_E_NO_MEMORY) {
            failures++;
            assert_null(sampler);
            status = ath_sampler_from_files(ctx, paths, 1, &sampler);
        }
        assert_int_equal(status, ATH_OK);
        while (status != ATH_END) {
            ath_system *system = NULL;
            status = ath_sampler_next(sampler, -1, &system);
            if (status == ATH_E_NO_MEMORY) {
                failures++;
                continue;
            }
            if (system) {
                char uid[33];
                ath_uid_format(ath_system_uid(system), uid);
                n += (size_t)snprintf(names + n, sizeof names - n, "%s%.2s ", name_of(system) + 1,
                                      uid);
                assert_true(n < sizeof names);
            }
            ath_system_destroy(&system);
        }
        if (k == 0) {
            memcpy(expected, names, sizeof expected);
        }
        assert_string_equal(names, expected);
        ath_sampler_destroy(&sampler);
        ath_context_destroy(&ctx);
        assert_int_equal(f.n_blocks, 0);
        assert_int_equal(f.n_wrong, 0);
    }
    unlink(path);
}

static void test_standard_input(void **state)
{
    ath_context *ctx = *state;
    const char *path = rig_path("stdin.xyz");
    put_frames(path, 5);
    const int kept = dup(STDIN_FILENO), file = open(path, O_RDONLY);
    assert_true(file >= 0 && dup2(file, STDIN_FILENO) >= 0);
    close(file);
    const char *paths[] = {"-@1:4:2"};
    char names[64];
    ath_sampler *sampler = NULL;
    assert_int_equal(ath_sampler_from_files(ctx, paths, 1, &sampler), ATH_OK);
    take_names(sampler, names, sizeof names);
    assert_string_equal(names, "f1 f3");
    ath_sampler_destroy(&sampler);
    assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0); /* not closed */
    dup2(kept, STDIN_FILENO);
    close(kept);
    unlink(path);
}

static void test_arguments(void **state)
{
    ath_context *ctx = *state;
    ath_sampler *sampler = NULL;
    ath_system *system = NULL, *none[1] = {NULL};
    assert_int_equal(ath_sampler_from_systems(NULL, NULL, 0, &sampler), ATH_E_ARGUMENT);
    assert_int_equal(ath_sampler_from_systems(ctx, NULL, 1, &sampler), ATH_E_ARGUMENT);
    assert_int_equal(ath_sampler_from_systems(ctx, none, 1, &sampler), ATH_E_ARGUMENT);
    assert_int_equal(ath_sampler_from_systems(ctx, NULL, -1, &sampler), ATH_E_ARGUMENT);
    assert_int_equal(ath_sampler_next(NULL, -1, &system), ATH_E_ARGUMENT);
    assert_null(ath_sampler_where(NULL, NULL));
    assert_int_equal(ath_sampler_count(NULL, NULL), ATH_E_ARGUMENT);
    ath_sampler_destroy(NULL);
    ath_sampler_destroy(&sampler);
    assert_int_equal(ath_sampler_from_systems(ctx, NULL, 0, &sampler), ATH_OK);
    assert_int_equal(ath_sampler_next(sampler, -1, NULL), ATH_E_ARGUMENT);
    assert_int_equal(ath_sampler_next(sampler, -1, &system), ATH_END);
    ath_sampler_destroy(&sampler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slices),           cmocka_unit_test(test_bad_slices),
        cmocka_unit_test(test_files_and_where),  cmocka_unit_test(test_room),
        cmocka_unit_test(test_identities),       cmocka_unit_test(test_many),
        cmocka_unit_test(test_every_allocation), cmocka_unit_test(test_standard_input),
        cmocka_unit_test(test_arguments),
    };
    return cmocka_run_group_tests(tests, rig_set_up, rig_tear_down);
}
