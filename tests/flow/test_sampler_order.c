/* The sampler by size: patience, cost of a request, the rules against a plain model of them, and
 * shuffling. Rows of the table of behaviours that a check stands for are named.
 */
#include "flow/sampler_rig.h"

/* ---- patience ---- */

/* An endless stream of small systems with a large one among them. */
typedef struct stream {
    ath_context *ctx;
    int64_t n, large_at; /* systems given; the one that is large */
    int32_t small, large;
} stream;

static ath_status stream_next(void *user, ath_system **out)
{
    stream *s = user;
    const ath_status status =
        rig_try_ring(s->ctx, s->n == s->large_at ? s->large : s->small, 1, s->n, out);
    s->n += status == ATH_OK;
    return status;
}

static void test_patience(void **state)
{
    static const struct {
        int32_t window, patience, large_at, bin_width;
        bool shuffle;
    } rows[] = {{8, 5, 3, 1, false},   {64, 1, 40, 1, false},  {1024, 64, 100, 1, true},
                {8, 5, 3, 100, false}, {64, 7, 20, 100, true}, {0, 0, 0, 1, false},
                {1, 3, 5, 1, false}};
    ath_context *ctx = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const int32_t window = rows[i].window ? rows[i].window : 1024;
        const int32_t patience = rows[i].patience ? rows[i].patience : 64;
        stream s = {.ctx = ctx, .large_at = rows[i].large_at, .small = 4, .large = 90};
        ath_sampler *source = NULL, *sampler = NULL;
        assert_int_equal(ath_sampler_from_callback(ctx, stream_next, &s, &source), ATH_OK);
        const ath_sampler_size_config config = {.size = sizeof config,
                                                .source = source,
                                                .max_atoms = 100,
                                                .window = rows[i].window,
                                                .patience = rows[i].patience,
                                                .bin_width = rows[i].bin_width,
                                                .shuffle = rows[i].shuffle};
        assert_int_equal(ath_sampler_by_size(ctx, &config, &sampler), ATH_OK);
        /* a batch of 25 small ones, of which one is done at a time */
        int64_t used = 0, taken = 0;
        bool done = false;
        for (int request = 0; !done && request < 100000; request++) {
            const int64_t n = rig_request(sampler, 100 - used, -1, used == 0);
            if (n == AGAIN) {
                assert_true(used > 0); /* an empty batch has room for all */
                used -= 4;
            } else {
                assert_true(n > 0);
                used += n;
                taken++;
                done = n == 90;
            }
        }
        assert_true(done);
        /* In a bin of its own it is passed over from the moment it is read. Shuffled among small
         * ones it may be its turn late: then it is overtaken. */
        const int64_t own = rows[i].large_at + 1 + patience + 25;
        const int64_t shuffled = rows[i].large_at + 1 + (int64_t)patience * window + 25;
        assert_true(taken <= (rows[i].shuffle && rows[i].bin_width > 1 ? shuffled : own));
        ath_sampler_destroy(&sampler);
        ath_sampler_destroy(&source);
    }
}

/* Exactly: after `patience` requests that passed it over a large one is next; until there is room,
 * nothing else is handed out; AGAIN does not count; others then go on. */
static void test_patience_exact(void **state)
{
    rig_sizes r = rig_by_size(*state, SIZES(1, 30, 1, 1, 1, 1, 1, 40, 1, 1, 1), 1,
                              CONFIG(.max_atoms = 50, .patience = 3));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rig_request(r.sampler, 0, -1, false), AGAIN);
        assert_int_equal(rig_request(r.sampler, 20, -1, false), 1);
    }
    assert_int_equal(rig_request(r.sampler, 20, -1, false), AGAIN);
    assert_int_equal(rig_request(r.sampler, 39, -1, false), AGAIN); /* the 30 would fit */
    assert_int_equal(rig_request(r.sampler, 40, -1, false), 40);    /* equals: the larger bin */
    assert_int_equal(rig_request(r.sampler, 29, -1, false), AGAIN);
    assert_int_equal(rig_request(r.sampler, 29, -1, true), 1); /* a batch being filled goes on */
    assert_int_equal(rig_request(r.sampler, 30, -1, false), 30);
    assert_int_equal(rig_request(r.sampler, 29, -1, false), 1);
    rig_by_size_end(&r);
    /* first in its bin, but with too many edges */
    ath_context *ctx = *state;
    ath_system *systems[6];
    for (int i = 0; i < 6; i++) {
        systems[i] = rig_ring(ctx, 10, i == 1 ? 4 : 1, i);
    }
    ath_sampler *source = NULL, *sampler = NULL;
    assert_int_equal(ath_sampler_from_systems(ctx, systems, 6, &source), ATH_OK);
    const ath_sampler_size_config config = {.size = sizeof config,
                                            .source = source,
                                            .max_atoms = 100,
                                            .patience = 2,
                                            .edge_cutoff = RIG_CUTOFF};
    assert_int_equal(ath_sampler_by_size(ctx, &config, &sampler), ATH_OK);
    const ath_sampler_room room = {.n_systems = -1, .n_atoms = 50, .n_edges = 20};
    static const int64_t order[] = {0, 2, 3};
    ath_system *system = NULL;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ath_sampler_request(sampler, &room, &system), ATH_OK);
        assert_int_equal(rig_tag(system), order[i]);
        ath_system_destroy(&system);
    }
    assert_int_equal(ath_sampler_request(sampler, &room, &system), ATH_AGAIN);
    assert_int_equal(ath_sampler_next(sampler, -1, &system), ATH_OK);
    assert_int_equal(rig_tag(system), 1);
    ath_system_destroy(&system);
    ath_sampler_destroy(&sampler);
    ath_sampler_destroy(&source);
    for (int i = 0; i < 6; i++) {
        ath_system_destroy(&systems[i]);
    }
}

/* A small system in an endless stream of larger ones, all of which fit: it is never its turn. */
static void test_overtaken(void **state)
{
    ath_context *ctx = *state;
    stream s = {.ctx = ctx, .large_at = 2, .small = 10, .large = 3};
    ath_sampler *source = NULL, *sampler = NULL;
    assert_int_equal(ath_sampler_from_callback(ctx, stream_next, &s, &source), ATH_OK);
    const ath_sampler_size_config config = {
        .size = sizeof config, .source = source, .max_atoms = 100, .window = 4, .patience = 5};
    assert_int_equal(ath_sampler_by_size(ctx, &config, &sampler), ATH_OK);
    for (int i = 0; i < 2 + 4 * 5; i++) {
        assert_int_equal(rig_request(sampler, 50, -1, false), 10);
    }
    assert_int_equal(rig_request(sampler, 2, -1, false), AGAIN);
    assert_int_equal(rig_request(sampler, 50, -1, false), 3);
    assert_int_equal(rig_request(sampler, 50, -1, false), 10);
    ath_sampler_destroy(&sampler);
    ath_sampler_destroy(&source);
}

/* ---- cost ---- */

/* Looks per request with a window of n systems. Half of the bins hold systems that have too many
 * edges for the room. */
static double looks(ath_context *ctx, int64_t n, int64_t bin_width, int64_t n_atoms, bool initial)
{
    enum { KINDS = 200, REQUESTS = 500 };
    ath_system *kinds[KINDS], **systems = malloc((size_t)n * sizeof(*systems));
    uint64_t seed = 7;
    assert_non_null(systems);
    for (int i = 0; i < KINDS; i++) {
        kinds[i] = rig_ring(ctx, i / 2 % 25 + 1, i % 2 ? 30 : 1, i);
    }
    for (int64_t i = 0; i < n; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
        systems[i] = kinds[(seed >> 33) % KINDS];
    }
    ath_sampler *source = NULL, *sampler = NULL;
    assert_int_equal(ath_sampler_from_systems(ctx, systems, n, &source), ATH_OK);
    const ath_sampler_size_config config = {.size = sizeof config,
                                            .source = source,
                                            .max_atoms = 1000,
                                            .max_edges = 10000,
                                            .bin_width = bin_width,
                                            .window = -1,
                                            .patience = INT32_MAX,
                                            .edge_cutoff = RIG_CUTOFF};
    assert_int_equal(ath_sampler_by_size(ctx, &config, &sampler), ATH_OK);
    assert_int_equal(ath_sampler_length(sampler), n);
    const int64_t before = ath__sampler_size_looks(sampler);
    for (int i = 0; i < REQUESTS; i++) {
        const ath_sampler_room room = {
            .n_systems = -1, .n_atoms = n_atoms, .n_edges = 2 * n_atoms, .initial = initial};
        ath_system *system = NULL;
        const ath_status status = ath_sampler_request(sampler, &room, &system);
        assert_true(status == ATH_OK || status == ATH_AGAIN);
        assert_true(!system || ath_system_n_atoms(system) <= n_atoms);
        ath_system_destroy(&system);
    }
    const double found = (double)(ath__sampler_size_looks(sampler) - before) / REQUESTS;
    ath_sampler_destroy(&sampler);
    ath_sampler_destroy(&source);
    for (int i = 0; i < KINDS; i++) {
        ath_system_destroy(&kinds[i]);
    }
    free(systems);
    return found;
}

static void test_cost(void **state)
{
    static const struct {
        int64_t bin_width, n_atoms;
        bool initial;
    } rows[] = {{1, 20, false}, {1, 20, true}, {10, 17, false}, {1000, 13, true}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const double few = looks(*state, 2000, rows[i].bin_width, rows[i].n_atoms, rows[i].initial);
        const double many =
            looks(*state, 100000, rows[i].bin_width, rows[i].n_atoms, rows[i].initial);
        assert_true(few > 0.0);
        assert_true(many < 150.0 && many < 4.0 * few + 40.0);
    }
    /* nothing fits in both atoms and edges, which no smallest number says: the search gives up */
    ath_context *ctx = *state;
    const double bound = looks(ctx, 20000, 1000, 0, false);
    assert_true(bound < 5.0);
    ath_system *kinds[3] = {rig_ring(ctx, 12, 9, 0), rig_ring(ctx, 19, 1, 1),
                            rig_ring(ctx, 3, 1, 2)};
    ath_system *systems[4000];
    ath_sampler *source = NULL, *sampler = NULL;
    for (int i = 0; i < 4000; i++) {
        systems[i] = kinds[i % 2]; /* 12 atoms and 216 edges, 19 atoms and 38 edges */
    }
    systems[3000] = kinds[2];
    assert_int_equal(ath_sampler_from_systems(ctx, systems, 4000, &source), ATH_OK);
    const ath_sampler_size_config config = {.size = sizeof config,
                                            .source = source,
                                            .max_atoms = 1000,
                                            .bin_width = 10,
                                            .window = -1,
                                            .edge_cutoff = RIG_CUTOFF};
    assert_int_equal(ath_sampler_by_size(ctx, &config, &sampler), ATH_OK);
    assert_int_equal(ath_sampler_length(sampler), 4000);
    assert_int_equal(rig_request(sampler, 15, 40, false), 3); /* of the bin below */
    assert_true(ath__sampler_size_looks(sampler) <= 512 + 60);
    assert_int_equal(rig_request(sampler, 15, 40, false), AGAIN);
    assert_true(ath__sampler_size_looks(sampler) <= 2 * (512 + 60));
    assert_int_equal(rig_request(sampler, 15, 216, false), 12);
    assert_int_equal(rig_request(sampler, 19, 40, false), 19);
    ath_sampler_destroy(&sampler);
    ath_sampler_destroy(&source);
    ath_system_destroy(&kinds[0]);
    ath_system_destroy(&kinds[1]);
    ath_system_destroy(&kinds[2]);
}

/* ---- against a plain model of the rules ---- */

/* One of the systems of the model. */
typedef struct model_item {
    int32_t n_atoms, n_edges, passes;
    bool out;
} model_item;

/* Which item a request has to give, -1: none. A scan, as the rules say it. */
static int model_choose(const model_item *items, int n, int width, int64_t atoms, int64_t edges)
{
    int best = -1;
    for (int i = 0; i < n; i++) {
        const model_item *a = &items[i];
        if (!a->out && a->n_atoms <= atoms && a->n_edges <= edges &&
            (best < 0 || a->n_atoms / width > items[best].n_atoms / width)) {
            best = i;
        }
    }
    return best;
}

/* Which one has waited too long, -1: none; among the first n. */
static int model_waiting(const model_item *items, int n, int width, int patience, int window)
{
    int best = -1, n_out = 0, oldest = -1;
    for (int i = n - 1; i >= 0; i--) {
        n_out += items[i].out;
        oldest = items[i].out ? oldest : i;
    }
    for (int i = 0; i < n; i++) {
        const model_item *a = &items[i], *b = best < 0 ? NULL : &items[best];
        if (!a->out && a->passes >= patience &&
            (!b || a->passes > b->passes ||
             (a->passes == b->passes && a->n_atoms / width > b->n_atoms / width))) {
            best = i;
        }
    }
    return best < 0 && window > 0 && n_out - oldest >= patience * window ? oldest : best;
}

static void test_model(void **state)
{
    enum { N = 120 };
    uint64_t seed = 3;
    for (int run = 0; run < 150; run++) {
        int32_t sizes[N];
        model_item items[N] = {0};
        const int width = run % 3 == 0 ? 1 : run % 3 == 1 ? 4 : 50;
        const int patience = run % 5 == 0 ? 1000 : 1 + run % 7, k = 1 + run % 2;
        const int window = run % 4 == 0 ? -1 : 1 + run % 29;
        int top = 0; /* those before were read */
        for (int i = 0; i < N; i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
            sizes[i] = 1 + (int32_t)((seed >> 40) % 20);
            items[i] = (model_item){.n_atoms = sizes[i], .n_edges = 2 * k * sizes[i]};
        }
        rig_sizes r = rig_by_size(*state, sizes, N, k,
                                  CONFIG(.max_atoms = 100, .max_edges = 1000, .bin_width = width,
                                         .window = window, .patience = patience));
        for (int left = N; left > 0;) {
            while (top < N && (window < 0 || top - (N - left) < window)) {
                top++;
            }
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
            const ath_sampler_room room = {.n_systems = -1,
                                           .n_atoms = (int64_t)((seed >> 40) % 24),
                                           .n_edges = (int64_t)((seed >> 20) % 100)};
            int want = model_waiting(items, top, width, patience, window);
            const bool waiting = want >= 0;
            if (!waiting) {
                want = model_choose(items, top, width, room.n_atoms, room.n_edges);
            } else if (items[want].n_atoms > room.n_atoms || items[want].n_edges > room.n_edges) {
                want = -1;
            }
            ath_system *system = NULL;
            assert_int_equal(ath_sampler_request(r.sampler, &room, &system),
                             want < 0 ? ATH_AGAIN : ATH_OK);
            if (want < 0) {
                continue;
            }
            assert_int_equal(rig_tag(system), want);
            assert_int_equal(rig_label(system), N - left);
            for (int i = 0; i < top && !waiting; i++) {
                const int a = items[i].n_atoms / width, b = items[want].n_atoms / width;
                items[i].passes += a > b || (a == b && i < want);
            }
            items[want].out = true;
            ath_system_destroy(&system);
            left--;
        }
        assert_int_equal(rig_request(r.sampler, -1, -1, false), END);
        rig_by_size_end(&r);
    }
}

/* ---- shuffling ---- */

static void take_tags(ath_context *ctx, bool shuffle, int64_t seed, int32_t window, int64_t *tags)
{
    int32_t sizes[64];
    ath_system *system = NULL;
    for (int i = 0; i < 64; i++) {
        sizes[i] = i % 2 + 1;
    }
    rig_sizes r =
        rig_by_size(ctx, sizes, 64, 1,
                    CONFIG(.max_atoms = 9, .shuffle = shuffle, .seed = seed, .window = window));
    for (int i = 0; i < 64; i++) {
        assert_int_equal(ath_sampler_next(r.sampler, -1, &system), ATH_OK);
        tags[i] = rig_tag(system);
        const ath_uid uid = ath_system_uid(system);
        ath_uid content;
        assert_int_equal(ath_system_content_hash(system, &content), ATH_OK);
        const ath_uid want = ath_uid_of(content, 0); /* whatever the order */
        assert_true(uid.lo == want.lo && uid.hi == want.hi);
        ath_system_destroy(&system);
    }
    rig_by_size_end(&r);
}

/* J28, and more: the order inside a bin is that of the source, or one of its own for each seed. */
static void test_shuffle(void **state)
{
    int64_t a[64], b[64], c[64], d[64], plain[64];
    take_tags(*state, false, 1, 0, plain);
    take_tags(*state, false, 2, 0, b);
    assert_memory_equal(plain, b, sizeof b);
    for (int i = 0; i < 64; i++) {
        assert_int_equal(plain[i], i < 32 ? 2 * i + 1 : 2 * (i - 32));
    }
    take_tags(*state, true, 1, 0, a);
    take_tags(*state, true, 1, 0, b);
    take_tags(*state, true, 2, 0, c);
    take_tags(*state, true, 1, 4, d);
    assert_memory_equal(a, b, sizeof a);
    assert_memory_not_equal(a, c, sizeof a);
    assert_memory_not_equal(a, d, sizeof a);
    assert_memory_not_equal(a, plain, sizeof a);
    int n_moved = 0;
    uint64_t seen = 0;
    for (int i = 0; i < 64; i++) {
        assert_int_equal(a[i] % 2, i < 32); /* bins keep their order */
        n_moved += a[i] != plain[i];
        seen |= UINT64_C(1) << a[i];
        assert_true(d[i] < i + 4); /* nothing from beyond the window */
    }
    assert_true(seen == UINT64_MAX && n_moved > 48);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patience),  cmocka_unit_test(test_patience_exact),
        cmocka_unit_test(test_overtaken), cmocka_unit_test(test_cost),
        cmocka_unit_test(test_model),     cmocka_unit_test(test_shuffle),
    };
    return cmocka_run_group_tests(tests, rig_set_up, rig_tear_down);
}
