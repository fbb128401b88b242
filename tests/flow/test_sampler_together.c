/* The sampler by size with a thread that reads ahead: the same order as without, failures in order,
 * an end at any moment, memory of each context on its own thread. Run with the thread sanitizer.
 */
#include "flow/sampler_rig.h"

#include <pthread.h>
#include <time.h>

#include <athanor/device.h>

#include "data/system_private.h"

/* A function that gives n rings in two contexts' worth of oddities: every so often it is slow, or
 * refuses, or has no memory. */
typedef struct giver {
    ath_context *ctx;
    int64_t n, at, n_calls;
    int slow_every, bad_every, poor_every;
    bool poor; /* was out of memory, now is not */
} giver;

static ath_status giver_next(void *user, ath_system **out)
{
    giver *g = user;
    g->n_calls++;
    if (g->at == g->n) {
        return ATH_END;
    }
    if (g->slow_every && g->n_calls % g->slow_every == 0) {
        const struct timespec pause = {.tv_nsec = 300000};
        nanosleep(&pause, NULL);
    }
    if (g->poor_every && g->at % g->poor_every == 1 && !g->poor) {
        g->poor = true;
        return ath__fail(g->ctx, ATH_E_NO_MEMORY, "poor at %d", (int)g->at);
    }
    g->poor = false;
    if (g->bad_every && g->at % g->bad_every == 3) {
        return ath__fail(g->ctx, ATH_E_FORMAT, "bad at %d", (int)g->at++);
    }
    const ath_status status = rig_try_ring(g->ctx, 1 + (int32_t)(g->at * 7 % 13), 1, g->at, out);
    g->at += status == ATH_OK;
    return status;
}

typedef struct line {
    ath_status status;
    int64_t tag, frame;
    char text[64];
} line;

typedef struct pair {
    ath_context *ctx, *other;
    ath_sampler *source, *sampler;
} pair;

static void pair_begin(pair *p, giver *g, ath_sampler_size_config config)
{
    assert_int_equal(ath_context_create(NULL, &p->ctx), ATH_OK);
    assert_int_equal(ath_context_create(NULL, &p->other), ATH_OK);
    g->ctx = p->other;
    assert_int_equal(ath_sampler_from_callback(p->other, giver_next, g, &p->source), ATH_OK);
    config.size = sizeof config;
    config.source = p->source;
    assert_int_equal(ath_sampler_by_size(p->ctx, &config, &p->sampler), ATH_OK);
}

static void pair_end(pair *p)
{
    ath_sampler_destroy(&p->sampler);
    ath_sampler_destroy(&p->source);
    ath_context_destroy(&p->other);
    ath_context_destroy(&p->ctx);
}

/* Everything that a sampler gives to changing rooms, to its end. ATH_E_NO_MEMORY is left out: where
 * it strikes does not matter. */
static int take(giver g, ath_sampler_size_config config, line *lines, int max)
{
    pair p = {0};
    int n = 0;
    pair_begin(&p, &g, config);
    for (ath_status status = ATH_OK; status != ATH_END;) {
        ath_system *system = NULL;
        status = ath_sampler_next(p.sampler, 13 - n * 5 % 9, &system);
        if (status == ATH_E_NO_MEMORY) {
            assert_non_null(strstr(ath_context_message(p.ctx), "poor at"));
            continue;
        }
        assert_true(n < max);
        line *l = &lines[n++];
        memset(l, 0, sizeof *l);
        l->status = status;
        l->tag = system ? rig_tag(system) : -1;
        if (status == ATH_OK || status == ATH_E_FORMAT) {
            (void)ath_sampler_where(p.sampler, &l->frame);
            assert_true(!system || l->frame == l->tag);
            assert_true(!system || rig_label(system) == rig_counts(p.sampler).n_systems - 1);
        }
        if (status == ATH_E_FORMAT) {
            snprintf(l->text, sizeof l->text, "%s", ath_context_message(p.ctx));
        }
        if (system) { /* it is one of the receiver's context, and can be used there */
            assert_ptr_equal(system->ctx, p.ctx);
        }
        ath_system_destroy(&system);
    }
    const ath_sampler_counts c = rig_counts(p.sampler);
    assert_int_equal(c.n_systems + c.n_refused, g.n);
    assert_int_equal(c.n_queued, 0);
    assert_int_equal(ath_sampler_length(p.sampler), 0);
    pair_end(&p);
    return n;
}

static void test_same_order(void **state)
{
    static const giver givers[] = {{.n = 300},
                                   {.n = 200, .slow_every = 3},
                                   {.n = 300, .bad_every = 9},
                                   {.n = 100, .bad_every = 4, .poor_every = 6, .slow_every = 7},
                                   {.n = 0}};
    static const ath_sampler_size_config configs[] = {
        {.max_atoms = 13},
        {.max_atoms = 20, .window = 1, .patience = 2},
        {.max_atoms = 20, .window = 7, .shuffle = true, .seed = 3, .bin_width = 3},
        {.max_atoms = 20, .window = -1, .max_edges = 60, .edge_cutoff = RIG_CUTOFF}};
    static line one[1000], two[1000];
    (void)state;
    for (size_t g = 0; g < sizeof givers / sizeof *givers; g++) {
        for (size_t c = 0; c < sizeof configs / sizeof *configs; c++) {
            ath_sampler_size_config config = configs[c];
            const int n = take(givers[g], config, one, 1000);
            config.prefetch = true;
            assert_int_equal(take(givers[g], config, two, 1000), n);
            assert_memory_equal(one, two, (size_t)n * sizeof *one);
        }
    }
}

/* Destroyed at once, in the middle, with the ring full, behind a failure. */
static void test_end_at_any_moment(void **state)
{
    (void)state;
    for (int taken = 0; taken < 24; taken++) {
        for (int slow = 0; slow < 2; slow++) {
            giver g = {.n = 5000, .slow_every = slow, .bad_every = taken % 3 == 2 ? 11 : 0};
            pair p = {0};
            pair_begin(&p, &g,
                       (ath_sampler_size_config){
                           .max_atoms = 13, .window = 1 + taken % 5, .prefetch = true});
            for (int i = 0; i < taken; i++) {
                ath_system *system = NULL;
                const ath_status status = ath_sampler_next(p.sampler, -1, &system);
                assert_true(status == ATH_OK || status == ATH_E_FORMAT);
                ath_system_destroy(&system);
            }
            ath_sampler_destroy(&p.sampler);
            /* window, ring, the one being read, and refused ones */
            assert_true(g.at <= taken + 2 * (1 + taken % 5) + 1);
            ath_system *system = NULL; /* the source is the caller's again */
            const ath_status status = ath_sampler_next(p.source, -1, &system);
            assert_true(status == ATH_OK || status == ATH_E_FORMAT);
            ath_system_destroy(&system);
            pair_end(&p);
        }
    }
}

/* What was read and not reported never gets lost while the thread goes on; extents only grow nearer
 * to the truth, and are the truth at the end. */
static void test_counts(void **state)
{
    (void)state;
    giver g = {.n = 400, .bad_every = 17};
    pair p = {0};
    pair_begin(&p, &g, (ath_sampler_size_config){.max_atoms = 13, .window = 20, .prefetch = true});
    int64_t n_out = 0;
    for (ath_status status = ATH_OK; status != ATH_END;) {
        ath_system *system = NULL;
        status = ath_sampler_next(p.sampler, -1, &system);
        n_out += system != NULL;
        ath_system_destroy(&system);
        const ath_sampler_counts c = rig_counts(p.sampler);
        assert_int_equal(c.n_systems, n_out);
        assert_true(c.n_queued <= 20 + 20 + 1);
        assert_true(c.n_systems + c.n_refused + c.n_queued <= g.n);
        assert_true(ath_sampler_length(p.sampler) >= 0);
    }
    assert_true(ath_sampler_exhausted(p.sampler));
    const ath_sampler_counts c = rig_counts(p.sampler);
    assert_int_equal(c.n_systems + c.n_refused, 400);
    assert_int_equal(c.n_queued, 0);
    pair_end(&p);
}

/* An allocator that belongs to one thread at a time says so: each context is used by the thread
 * that it belongs to only. Every request of either context fails in turn. */
typedef struct owner {
    failing memory;
    pthread_mutex_t busy;
    bool met; /* two threads at once */
} owner;

static void *owner_resize(void *user, void *block, size_t old_bytes, size_t new_bytes)
{
    owner *o = user;
    if (pthread_mutex_trylock(&o->busy) != 0) {
        o->met = true; /* only the holder reads it after the thread is gone */
        return NULL;
    }
    void *fresh = failing_resize(&o->memory, block, old_bytes, new_bytes);
    pthread_mutex_unlock(&o->busy);
    return fresh;
}

static void owner_context(owner *o, ath_context **out)
{
    ath_context_config config = {.size = sizeof config,
                                 .allocator = {.resize = owner_resize, .user = o}};
    assert_int_equal(pthread_mutex_init(&o->busy, NULL), 0);
    assert_int_equal(ath_context_create(&config, out), ATH_OK);
}

static void test_every_allocation(void **state)
{
    enum { SYSTEMS = 9 };
    (void)state;
    for (int side = 0; side < 2; side++) {
        for (int64_t k = 1, failed = 1; failed; k++) {
            owner o[2];
            ath_context *ctx[2] = {NULL, NULL};
            ath_sampler *source = NULL, *sampler = NULL;
            ath_system *systems[SYSTEMS];
            int64_t seen = 0, n_failures = 0;
            memset(o, 0, sizeof o);
            owner_context(&o[0], &ctx[0]);
            owner_context(&o[1], &ctx[1]);
            for (int i = 0; i < SYSTEMS; i++) {
                systems[i] = rig_ring(ctx[1], i + 1, 1, i);
                assert_int_equal(ath_system_set_source(systems[i], "a file", i), ATH_OK);
            }
            assert_int_equal(ath_sampler_from_systems(ctx[1], systems, SYSTEMS, &source), ATH_OK);
            o[side].memory.fail_at = o[side].memory.n_calls + k;
            const ath_sampler_size_config config = {.size = sizeof config,
                                                    .source = source,
                                                    .max_atoms = 8,
                                                    .edge_cutoff = RIG_CUTOFF,
                                                    .window = 3,
                                                    .prefetch = true};
            ath_status status = ath_sampler_by_size(ctx[0], &config, &sampler);
            if (status == ATH_E_NO_MEMORY) {
                n_failures++;
                status = ath_sampler_by_size(ctx[0], &config, &sampler);
            }
            assert_int_equal(status, ATH_OK);
            while (status != ATH_END) {
                ath_system *system = NULL;
                status = ath_sampler_next(sampler, -1, &system);
                n_failures += status == ATH_E_NO_MEMORY;
                if (system) {
                    assert_false(seen >> rig_tag(system) & 1);
                    seen |= INT64_C(1) << rig_tag(system);
                }
                assert_true(status >= 0 || status == ATH_E_NO_MEMORY || status == ATH_E_RANGE);
                ath_system_destroy(&system);
            }
            assert_int_equal(seen, 0xff); /* the ninth is too large */
            assert_int_equal(rig_counts(sampler).n_refused, 1);
            ath_sampler_destroy(&sampler);
            ath_sampler_destroy(&source);
            for (int i = 0; i < SYSTEMS; i++) {
                ath_system_destroy(&systems[i]);
            }
            ath_context_destroy(&ctx[1]);
            ath_context_destroy(&ctx[0]);
            failed = n_failures;
            for (int i = 0; i < 2; i++) {
                assert_false(o[i].met);
                assert_int_equal(o[i].memory.n_blocks, 0);
                assert_int_equal(o[i].memory.n_wrong, 0);
                pthread_mutex_destroy(&o[i].busy);
            }
        }
    }
}

/* A batch from a source that is read ahead. */
static void test_batch(void **state)
{
    (void)state;
    giver g = {.n = 60, .slow_every = 5, .bad_every = 10};
    pair p = {0};
    ath_device *device = NULL;
    ath_batch *batch = NULL;
    pair_begin(&p, &g, (ath_sampler_size_config){.max_atoms = 100, .window = 16, .prefetch = true});
    assert_int_equal(ath_device_open(p.ctx, "host", &device), ATH_OK);
    int64_t n = 0;
    for (;;) {
        const ath_status status = ath_sampler_initial_batch(p.sampler, device, &batch);
        n += ath_batch_n_systems(batch);
        if (status == ATH_E_STATE) {
            break;
        }
        assert_int_equal(status, ATH_OK);
        assert_true(ath_batch_n_systems(batch) > 0 && ath_batch_n_atoms(batch) <= 100);
        ath_batch_destroy(&batch);
    }
    assert_int_equal(n, 54);
    assert_int_equal(rig_counts(p.sampler).n_refused, 6);
    ath_device_close(&device);
    pair_end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_order), cmocka_unit_test(test_end_at_any_moment),
        cmocka_unit_test(test_counts),     cmocka_unit_test(test_every_allocation),
        cmocka_unit_test(test_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
