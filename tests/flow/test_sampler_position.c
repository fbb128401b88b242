/* Positions of samplers: stopped after every number of systems, a fresh sampler goes on with the
 * same systems in the same order, over arrays, files, functions and by size.
 */
#include "flow/sampler_rig.h"

enum { N = 14, MOST = 4096 };

/* What a run is over: an array, files or a function, and by size or not. */
typedef struct setup {
    int input; /* 0 array, 1 files, 2 function */
    bool by_size, foreign;
    ath_sampler_size_config config;
} setup;

typedef struct run {
    ath_context *ctx, *other;
    ath_system *systems[N];
    char path[300];
    int64_t n_called;
    ath_sampler *source, *sampler;
} run;

static const int32_t sizes[N] = {3, 9, 9, 40, 1, 6, 2, 9, 8, 7, 50, 10, 3, 3};

static ath_status run_next(void *user, ath_system **out)
{
    run *r = user;
    const int64_t i = r->n_called;
    if (i == N) {
        return ATH_END;
    }
    if (i == 5) {
        r->n_called++;
        return ath__fail(r->other, ATH_E_FORMAT, "number 5 is bad");
    }
    const ath_status status = rig_try_ring(r->other, sizes[i], 1, i / 2, out);
    r->n_called += status == ATH_OK;
    return status;
}

/* N frames, of which number 5 is bad and 12 and 13 are equal. */
static void put_file(const char *path)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (int i = 0; i < N; i++) {
        fprintf(f, "%d\npbc=FFF\n", sizes[i]);
        for (int a = 0; a < sizes[i]; a++) {
            fprintf(f, "%s %d %d 0\n", i == 5 ? "Qq" : "Cu", a, i == 13 ? 12 : i);
        }
    }
    fclose(f);
}

static void run_begin(run *r, const setup *how)
{
    *r = (run){0};
    assert_int_equal(ath_context_create(NULL, &r->ctx), ATH_OK);
    assert_int_equal(ath_context_create(NULL, &r->other), ATH_OK);
    if (!how->foreign) {
        ath_context_destroy(&r->other);
        r->other = r->ctx;
    }
    snprintf(r->path, sizeof r->path, "%s", rig_path("position.xyz"));
    for (int i = 0; i < N; i++) {
        r->systems[i] = rig_ring(r->other, sizes[i], 1, i / 2);
    }
    const char *paths[] = {r->path, "/nowhere/x.xyz", r->path};
    assert_int_equal(how->input == 0 ? ath_sampler_from_systems(r->other, r->systems, N, &r->source)
                     : how->input == 1
                         ? ath_sampler_from_files(r->other, paths, 3, &r->source)
                         : ath_sampler_from_callback(r->other, run_next, r, &r->source),
                     ATH_OK);
    if (how->by_size) {
        ath_sampler_size_config config = how->config;
        config.size = sizeof config;
        config.source = r->source;
        assert_int_equal(ath_sampler_by_size(r->ctx, &config, &r->sampler), ATH_OK);
    } else {
        r->sampler = r->source;
    }
}

static void run_end(run *r)
{
    if (r->sampler != r->source) {
        ath_sampler_destroy(&r->sampler);
    }
    ath_sampler_destroy(&r->source);
    for (int i = 0; i < N; i++) {
        ath_system_destroy(&r->systems[i]);
    }
    if (r->other != r->ctx) {
        ath_context_destroy(&r->other);
    }
    ath_context_destroy(&r->ctx);
}

/* One request as a line: size, uid and label of a system, or the status with message and place. The
 * room depends on the number of the request, so that systems are deferred and passed over. */
static bool run_step(run *r, int64_t number, char *line, size_t size)
{
    static const int64_t rooms[] = {60, 3, 8, 2, 60, 9, 7, 50};
    const ath_sampler_room room = {.n_systems = -1,
                                   .n_atoms = rooms[number % 8],
                                   .n_edges = -1,
                                   .initial = number >= 8 && number < 12};
    ath_system *system = NULL;
    int64_t frame = -1;
    const ath_status status = ath_sampler_request(r->sampler, &room, &system);
    const char *file = ath_sampler_where(r->sampler, &frame);
    if (system) {
        char uid[33];
        ath_uid_format(ath_system_uid(system), uid);
        snprintf(line, size, "%d %s %lld %s@%lld", (int)ath_system_n_atoms(system), uid,
                 (long long)rig_label(system), file ? file : "", (long long)frame);
    } else if (status < 0) {
        snprintf(line, size, "E%d %s %s@%lld", (int)status, ath_context_message(r->ctx),
                 file ? file : "", (long long)frame);
    } else {
        snprintf(line, size, "%d", (int)status);
    }
    ath_system_destroy(&system);
    return status != ATH_END;
}

static void same_counts(const ath_sampler *a, const ath_sampler *b)
{
    const ath_sampler_counts x = rig_counts(a), y = rig_counts(b);
    assert_int_equal(x.n_systems, y.n_systems);
    assert_int_equal(x.n_atoms, y.n_atoms);
    assert_int_equal(x.n_refused, y.n_refused);
    assert_int_equal(x.n_repeated, y.n_repeated);
    assert_int_equal(x.n_deferred, y.n_deferred);
}

/* Stops after every number of requests; with `look`, the window is filled first. Returns how many
 * requests there are. */
static int64_t check(const setup *how, const setup *resumed, bool look)
{
    enum { LINES = 400, WIDTH = 1400 };
    static char lines[LINES][WIDTH];
    run whole;
    int64_t n = 0;
    run_begin(&whole, how);
    while (run_step(&whole, n, lines[n], WIDTH)) {
        assert_true(++n < LINES);
    }
    for (int64_t k = 0; k <= n + 1; k++) {
        run a, b;
        char line[WIDTH];
        unsigned char data[MOST];
        size_t bytes = 0, again = sizeof data;
        run_begin(&a, how);
        for (int64_t i = 0; i < k; i++) {
            (void)run_step(&a, i, line, WIDTH);
        }
        if (look) {
            (void)ath_sampler_length(a.sampler);
        }
        assert_int_equal(ath_sampler_save(a.sampler, NULL, &bytes), ATH_OK);
        assert_int_equal(ath_sampler_save(a.sampler, data, &again), ATH_OK);
        assert_int_equal(bytes, again);
        again--;
        assert_int_equal(ath_sampler_save(a.sampler, data, &again), ATH_E_RANGE);
        assert_int_equal(bytes, again);
        run_begin(&b, resumed);
        assert_int_equal(ath_sampler_load(b.sampler, data, bytes), ATH_OK);
        same_counts(a.sampler, b.sampler);
        for (int64_t i = k; i <= n; i++) {
            (void)run_step(&b, i, line, WIDTH);
            if (strcmp(line, lines[i]) != 0) {
                fail_msg("resumed at %lld, request %lld: '%s', expected '%s'", (long long)k,
                         (long long)i, line, lines[i]);
            }
        }
        if (k <= n) {
            same_counts(b.sampler, whole.sampler);
        }
        run_end(&a);
        run_end(&b);
    }
    run_end(&whole);
    return n;
}

static void test_plain(void **state)
{
    (void)state;
    put_file(rig_path("position.xyz"));
    for (int input = 0; input < 3; input++) {
        const setup how = {.input = input};
        assert_true(check(&how, &how, false) > N);
        (void)check(&how, &how, true);
    }
    unlink(rig_path("position.xyz"));
}

static void test_by_size(void **state)
{
    static const ath_sampler_size_config configs[] = {
        {.max_atoms = 45, .window = 1},
        {.max_atoms = 45, .window = 5, .patience = 2},
        {.max_atoms = 60, .window = -1, .bin_width = 4, .patience = 3},
        {.max_atoms = 45, .max_edges = 70, .edge_cutoff = RIG_CUTOFF, .shuffle = true, .seed = 5},
        {.max_atoms = 45, .window = 6, .patience = 4, .bin_width = 5, .shuffle = true, .seed = 6},
    };
    (void)state;
    put_file(rig_path("position.xyz"));
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        for (int input = 0; input < 3; input++) {
            setup how = {.input = input, .by_size = true, .config = configs[i]};
            assert_true(check(&how, &how, false) >= N);
            (void)check(&how, &how, true);
            how.foreign = true;
            setup thread = how;
            thread.config.prefetch = true;
            (void)check(&how, &thread, false); /* read ahead or not: the same position */
            (void)check(&thread, &how, true);
        }
    }
    unlink(rig_path("position.xyz"));
}

/* Another input, other settings, other bytes, another moment. */
static void test_refused(void **state)
{
    setup how = {.input = 0,
                 .by_size = true,
                 .config = {.max_atoms = 60, .window = 5, .edge_cutoff = RIG_CUTOFF}};
    run a, b;
    char line[1400];
    unsigned char data[MOST], bad[MOST];
    size_t bytes = sizeof data;
    (void)state;
    put_file(rig_path("position.xyz"));
    run_begin(&a, &how);
    (void)run_step(&a, 0, line, sizeof line);
    (void)run_step(&a, 1, line, sizeof line);
    assert_int_equal(ath_sampler_save(a.sampler, data, &bytes), ATH_OK);
    assert_int_equal(bytes, 120 + 16 * 4);
    /* every bit */
    run_begin(&b, &how);
    for (size_t i = 0; i < 8 * bytes; i++) {
        memcpy(bad, data, bytes);
        bad[i / 8] ^= (unsigned char)(1 << i % 8);
        assert_int_equal(ath_sampler_load(b.sampler, bad, bytes), ATH_E_FORMAT);
    }
    for (size_t i = 0; i < bytes; i++) {
        assert_int_equal(ath_sampler_load(b.sampler, data, i), ATH_E_FORMAT);
    }
    assert_int_equal(ath_sampler_load(b.sampler, data, bytes), ATH_OK);
    assert_int_equal(ath_sampler_load(b.sampler, data, bytes), ATH_E_STATE);
    run_end(&b);
    assert_int_equal(ath_sampler_load(a.sampler, data, bytes), ATH_E_STATE);
    /* settings */
    for (int i = 0; i < 8; i++) {
        setup other = how;
        other.config.max_atoms += i == 0;
        other.config.max_systems += i == 1;
        other.config.max_edges += i == 2 ? 900 : 0;
        other.config.bin_width += i == 3 ? 2 : 0;
        other.config.seed += i == 4;
        other.config.shuffle = i == 5;
        other.config.window += i == 6;
        other.config.patience += i == 7;
        run_begin(&b, &other);
        assert_int_equal(ath_sampler_load(b.sampler, data, bytes), ATH_E_FORMAT);
        assert_non_null(strstr(ath_context_message(b.ctx), "other settings"));
        run_end(&b);
    }
    /* input: another system, too few, another kind */
    for (int i = 0; i < 3; i++) {
        setup other = how;
        other.by_size = i != 2;
        run_begin(&b, &other);
        void *x;
        assert_int_equal(ath_system_field(b.systems[2], ATH_FIELD_POSITIONS, &x), ATH_OK);
        ((double *)x)[1] += i == 0 ? 0.5 : 0.0;
        if (i == 1) {
            ath_sampler_destroy(&b.sampler);
            ath_sampler_destroy(&b.source);
            assert_int_equal(ath_sampler_from_systems(b.ctx, b.systems, 3, &b.source), ATH_OK);
            ath_sampler_size_config config = how.config;
            config.size = sizeof config;
            config.source = b.source;
            assert_int_equal(ath_sampler_by_size(b.ctx, &config, &b.sampler), ATH_OK);
        }
        assert_int_equal(ath_sampler_load(b.sampler, data, bytes), ATH_E_FORMAT);
        assert_non_null(strstr(ath_context_message(b.ctx), i < 2 ? "differs" : "settings"));
        if (i < 2) { /* of no use any more */
            assert_false(run_step(&b, 0, line, sizeof line) && line[0] != 'E');
            assert_int_equal(ath_sampler_save(b.sampler, NULL, &bytes), ATH_E_STATE);
            assert_int_equal(ath_sampler_load(b.sampler, data, bytes), ATH_E_STATE);
            bytes = 120 + 16 * 4;
        }
        run_end(&b);
    }
    run_end(&a);
    unlink(rig_path("position.xyz"));
}

/* Running out of memory while loading leaves nothing behind. */
static void test_every_allocation(void **state)
{
    (void)state;
    setup how = {.input = 0, .by_size = true, .config = {.max_atoms = 60, .window = 5}};
    unsigned char data[MOST];
    size_t bytes = sizeof data;
    char line[1400];
    run a;
    run_begin(&a, &how);
    for (int i = 0; i < 6; i++) {
        (void)run_step(&a, i, line, sizeof line);
    }
    assert_int_equal(ath_sampler_save(a.sampler, data, &bytes), ATH_OK);
    run_end(&a);
    for (int64_t k = 1, failed = 1; failed; k++) {
        failing f = {0};
        ath_context_config with = failing_config(&f);
        ath_context *ctx = NULL;
        ath_sampler *source = NULL, *sampler = NULL;
        ath_system *systems[N];
        assert_int_equal(ath_context_create(&with, &ctx), ATH_OK);
        for (int i = 0; i < N; i++) {
            systems[i] = rig_ring(ctx, sizes[i], 1, i / 2);
        }
        assert_int_equal(ath_sampler_from_systems(ctx, systems, N, &source), ATH_OK);
        how.config.size = sizeof how.config;
        how.config.source = source;
        assert_int_equal(ath_sampler_by_size(ctx, &how.config, &sampler), ATH_OK);
        f.fail_at = f.n_calls + k;
        const ath_status status = ath_sampler_load(sampler, data, bytes);
        failed = status != ATH_OK;
        assert_int_equal(status, failed ? ATH_E_NO_MEMORY : ATH_OK);
        ath_sampler_destroy(&sampler);
        ath_sampler_destroy(&source);
        for (int i = 0; i < N; i++) {
            ath_system_destroy(&systems[i]);
        }
        ath_context_destroy(&ctx);
        assert_int_equal(f.n_blocks, 0);
        assert_int_equal(f.n_wrong, 0);
    }
}

/* Reference structures, where they are: 40 of 50 frames, then the rest. */
static void test_reference(void **state)
{
    static const char path[] = ATH_REFERENCE_DATA "/structures/alloys_1000.extxyz";
    char with[sizeof path + 16];
    const char *paths[] = {with};
    unsigned char data[MOST];
    (void)state;
    if (access(path, R_OK) != 0) {
        print_message("skipped: %s is not there\n", path);
        return;
    }
    snprintf(with, sizeof with, "%s@0:50", path);
    for (int k = 0; k <= 40; k += 8) {
        ath_context *ctx = NULL;
        ath_sampler *sources[2] = {0}, *samplers[2] = {0};
        ath_system *a = NULL, *b = NULL;
        size_t bytes = sizeof data;
        assert_int_equal(ath_context_create(NULL, &ctx), ATH_OK);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(ath_sampler_from_files(ctx, paths, 1, &sources[i]), ATH_OK);
            const ath_sampler_size_config config = {.size = sizeof config,
                                                    .source = sources[i],
                                                    .max_systems = 20,
                                                    .window = 16,
                                                    .shuffle = true,
                                                    .bin_width = 8,
                                                    .edge_cutoff = 4.0};
            assert_int_equal(ath_sampler_by_size(ctx, &config, &samplers[i]), ATH_OK);
        }
        for (int i = 0; i < k; i++) {
            assert_int_equal(ath_sampler_next(samplers[0], -1, &a), ATH_OK);
            ath_system_destroy(&a);
        }
        assert_int_equal(ath_sampler_save(samplers[0], data, &bytes), ATH_OK);
        assert_int_equal(ath_sampler_load(samplers[1], data, bytes), ATH_OK);
        for (int i = k; i < 50; i++) {
            assert_int_equal(ath_sampler_next(samplers[0], -1, &a), ATH_OK);
            assert_int_equal(ath_sampler_next(samplers[1], -1, &b), ATH_OK);
            const ath_uid x = ath_system_uid(a), y = ath_system_uid(b);
            assert_true(x.lo == y.lo && x.hi == y.hi && rig_label(a) == i && rig_label(b) == i);
            ath_system_destroy(&a);
            ath_system_destroy(&b);
        }
        assert_int_equal(ath_sampler_next(samplers[1], -1, &b), ATH_END);
        for (int i = 0; i < 2; i++) {
            ath_sampler_destroy(&samplers[i]);
            ath_sampler_destroy(&sources[i]);
        }
        ath_context_destroy(&ctx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),     cmocka_unit_test(test_by_size),
        cmocka_unit_test(test_refused),   cmocka_unit_test(test_every_allocation),
        cmocka_unit_test(test_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
