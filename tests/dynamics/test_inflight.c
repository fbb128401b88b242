/* In-flight batching: nothing is lost and nothing comes twice, whatever sinks and samplers do; what
 * comes out has the bits that it has alone; poisoned systems cost nobody else anything.
 */
#include "base/failing.h"
#include "dynamics/structures.h"

#include <math.h>
#include <stdio.h>

#include <athanor/dynamics.h>

enum { MOST = 1200 };

typedef struct fixture {
    ath_context *ctx;
    ath_device *device;
    ath_model *lj;
    ath_integrator *langevin, *fire;
} fixture;

/* Everything but the context. */
static void fixture_fill(fixture *f, const char *device)
{
    OK(f->ctx, ath_device_open(f->ctx, device, &f->device));
    OK(f->ctx, ath_model_create(f->ctx, "lj:epsilon=0.0104,sigma=3.4,cutoff=8.5", &f->lj));
    OK(f->ctx, ath_integrator_create(f->ctx, "fire", &f->fire));
    OK(f->ctx, ath_integrator_create(f->ctx, "langevin:timestep=4,temperature=60,friction=0.01",
                                     &f->langevin));
}

static void fixture_open(fixture *f, const char *device)
{
    assert_int_equal(ath_context_create(NULL, &f->ctx), ATH_OK);
    fixture_fill(f, device);
}

static void fixture_close(fixture *f)
{
    ath_integrator_destroy(&f->langevin);
    ath_integrator_destroy(&f->fire);
    ath_model_destroy(&f->lj);
    ath_device_close(&f->device);
    ath_context_destroy(&f->ctx);
}

static ath_system *fixture_system(const fixture *f, int32_t i)
{
    return i % 5 == 4 ? structures_crystal(f->ctx, 2 + i % 2, 18, 3.8, (uint32_t)i)
                      : structures_cluster(f->ctx, 2 + i * 7 % 19, 18, 3.9, (uint32_t)i);
}

static uint64_t random_next(uint64_t *x)
{
    *x = *x * 6364136223846793005u + 1442695040888963407u;
    return *x >> 33;
}

/* A digest of what a system is when it comes out. */
static uint64_t digest_of(const fixture *f, const ath_system *system)
{
    static const ath_field_id fields[] = {ATH_FIELD_POSITIONS, ATH_FIELD_VELOCITIES,
                                          ATH_FIELD_FORCES,    ATH_FIELD_ENERGY,
                                          ATH_FIELD_REASON,    ATH_FIELD_AGE};
    uint64_t h = 1469598103934665603u;
    for (size_t k = 0; k < sizeof fields / sizeof *fields; k++) {
        const ath_field_info *info = ath_field_describe(f->ctx, fields[k]);
        const size_t rows = info->level == ATH_LEVEL_ATOM ? (size_t)ath_system_n_atoms(system) : 1;
        const size_t bytes = rows * (size_t)info->width * (size_t)ath_dtype_bytes(info->dtype);
        const unsigned char *data = ath_system_peek(system, fields[k]);
        for (size_t i = 0; i < bytes; i++) {
            h = (h ^ data[i]) * 1099511628211u;
        }
    }
    return h;
}

/* Where systems go: takes them as it likes, and remembers each by uid. */
typedef struct store {
    const fixture *f;
    int32_t n, n_expected;
    uint64_t uid[MOST], digest[MOST];
    uint64_t mood; /* random numbers; 0: always takes */
    int32_t n_refused, fail_at, n_offers;
} store;

static ath_status store_take(void *user, const ath_system *system)
{
    store *s = user;
    const uint64_t uid = ath_system_uid(system).lo;
    s->n_offers++;
    if (s->fail_at && s->n_offers == s->fail_at) {
        return ATH_E_IO;
    }
    if (s->mood && random_next(&s->mood) % 3 == 0) {
        s->n_refused++;
        return ATH_AGAIN;
    }
    for (int32_t i = 0; i < s->n; i++) {
        assert_true(s->uid[i] != uid); /* nothing twice */
    }
    assert_true(s->n < MOST);
    s->uid[s->n] = uid;
    s->digest[s->n++] = digest_of(s->f, system);
    return ATH_OK;
}

static int32_t store_find(const store *s, uint64_t uid)
{
    for (int32_t i = 0; i < s->n; i++) {
        if (s->uid[i] == uid) {
            return i;
        }
    }
    return -1;
}

typedef struct job {
    ath_sampler *source, *sampler;
    ath_dynamics *dyn;
} job;

/* A fused dynamics of one part of Langevin for n_steps, over `systems`. */
static job job_open(const fixture *f, ath_system **systems, int32_t n, int64_t n_steps,
                    ath_sink *const *sinks, int32_t n_sinks, uint64_t seed)
{
    job j = {0};
    ath_dynamics *part = NULL;
    ath_dynamics_config config = ath_dynamics_defaults();
    OK(f->ctx, ath_sampler_from_systems(f->ctx, systems, n, &j.source));
    const ath_sampler_size_config limits = {
        .size = sizeof limits,
        .source = j.source,
        .max_atoms = seed % 2 ? 60 + (int64_t)(seed % 90) : 0,
        .max_systems = 1 + (int32_t)(seed % 7),
        .bin_width = 1 + (int64_t)(seed % 4),
        .shuffle = seed % 3 == 0,
        .seed = (int64_t)seed,
        .window = 1 + (int32_t)(seed % 40),
    };
    OK(f->ctx, ath_sampler_by_size(f->ctx, &limits, &j.sampler));
    config.model = f->lj;
    config.integrator = f->langevin;
    config.n_steps = n_steps;
    config.velocities = ATH_VELOCITIES_THERMAL;
    config.temperature = 60;
    config.n_threads = 1;
    config.sampler = j.sampler;
    config.sinks = sinks;
    config.n_sinks = n_sinks;
    config.device = f->device;
    config.refill_frequency = 1 + (int32_t)(seed % 3);
    OK(f->ctx, ath_dynamics_create(f->ctx, &config, &part));
    OK(f->ctx, ath_fuse(f->ctx, &part, 1, &j.dyn));
    ath_dynamics_destroy(&part);
    return j;
}

static void job_close(job *j)
{
    ath_dynamics_destroy(&j->dyn);
    ath_sampler_destroy(&j->sampler);
    ath_sampler_destroy(&j->source);
}

/* ---- nothing lost ---- */

/* Many small campaigns of random limits, orders, refill frequencies and moods of the sink: every
 * system comes out exactly once, with the bits that it has in all the others. */
static void test_nothing_lost(void **state)
{
    (void)state;
    enum { N = 24, ROUNDS = 45 };
    fixture f;
    ath_system *systems[N];
    uint64_t expected[N] = {0}, x = 7;
    int64_t n_refills = 0;
    fixture_open(&f, "host");
    for (int32_t i = 0; i < N; i++) {
        systems[i] = fixture_system(&f, i);
    }
    for (int32_t round = 0; round < ROUNDS; round++) {
        store s = {.f = &f, .mood = round % 2 ? 5 + (uint64_t)round : 0};
        ath_sink *sink = NULL;
        OK(f.ctx, ath_sink_callback(f.ctx, store_take, &s, &sink));
        job j = job_open(&f, systems, N, 3, &sink, 1, random_next(&x));
        ath_status status = ATH_OK;
        do {
            status = ath_dynamics_run(j.dyn, NULL, round % 4 == 3 ? 5 : ATH_UNSET);
            assert_true(status >= 0);
            n_refills++;
        } while (!ath_dynamics_done(j.dyn));
        assert_int_equal(s.n, N);
        ath_dynamics_stats stats;
        OK(f.ctx, ath_dynamics_get_stats(j.dyn, &stats));
        assert_int_equal(stats.n_in, N);
        assert_int_equal(stats.n_finished, N);
        assert_int_equal(stats.system_steps, 3 * N);
        n_refills += stats.steps;
        for (int32_t i = 0; i < N; i++) {
            const int32_t k = store_find(&s, ath_system_uid(systems[i]).lo);
            assert_true(k >= 0);
            expected[i] = round ? expected[i] : s.digest[k];
            assert_true(s.digest[k] == expected[i]);
        }
        job_close(&j);
        ath_sink_destroy(&sink);
    }
    assert_true(n_refills > 1000);
    for (int32_t i = 0; i < N; i++) {
        ath_system_destroy(&systems[i]);
    }
    fixture_close(&f);
}

/* Sinks of capacity 0, 1 and 2: the run stops, is told that room was made, and goes on. */
static void check_small_sinks(const char *device)
{
    enum { N = 9 };
    fixture f;
    ath_system *systems[N];
    fixture_open(&f, device);
    for (int32_t i = 0; i < N; i++) {
        systems[i] = fixture_system(&f, i);
    }
    for (int64_t capacity = 0; capacity <= 2; capacity++) {
        ath_sink *sinks[2] = {NULL};
        int32_t n_stops = 0, n_seen = 0;
        uint64_t uids[N];
        OK(f.ctx, ath_sink_memory(f.ctx, 0, &sinks[0]));
        OK(f.ctx, ath_sink_memory(f.ctx, capacity, &sinks[1]));
        job j = job_open(&f, systems, N, 4, sinks, 2, 5);
        for (;;) {
            const ath_status status = ath_dynamics_run(j.dyn, NULL, ATH_UNSET);
            assert_true(status == ATH_AGAIN || status == ATH_OK);
            n_stops += status == ATH_AGAIN;
            assert_int_equal(ath_sink_length(sinks[0]), 0);
            for (int64_t k = 0; k < ath_sink_length(sinks[1]); k++) {
                ath_system *s = NULL;
                OK(f.ctx, ath_sink_read(sinks[1], k, &s));
                uids[n_seen++] = ath_system_uid(s).lo;
                ath_system_destroy(&s);
            }
            OK(f.ctx, ath_sink_zero(sinks[1]));
            if (status == ATH_OK || n_stops > 3 * N) {
                break;
            }
        }
        assert_int_equal(ath_dynamics_done(j.dyn), capacity > 0);
        assert_int_equal(n_seen, capacity > 0 ? N : 0);
        assert_true(n_stops > 2);
        for (int32_t i = 0; i < n_seen; i++) {
            for (int32_t k = 0; k < i; k++) {
                assert_true(uids[i] != uids[k]);
            }
        }
        job_close(&j);
        ath_sink_destroy(&sinks[0]);
        ath_sink_destroy(&sinks[1]);
    }
    for (int32_t i = 0; i < N; i++) {
        ath_system_destroy(&systems[i]);
    }
    fixture_close(&f);
}

static void test_small_sinks(void **state)
{
    (void)state;
    check_small_sinks("host");
    check_small_sinks("mock");
}

/* A sink fails once, at every place in turn: the run says so, what was taken is not offered again,
 * and a further run brings the rest. */
static void test_failing_sinks(void **state)
{
    (void)state;
    enum { N = 8 };
    fixture f;
    ath_system *systems[N];
    fixture_open(&f, "host");
    for (int32_t i = 0; i < N; i++) {
        systems[i] = fixture_system(&f, i);
    }
    for (int32_t fail_at = 1; fail_at <= N; fail_at++) {
        store s = {.f = &f, .fail_at = fail_at};
        ath_sink *bad = NULL, *good = NULL;
        OK(f.ctx, ath_sink_callback(f.ctx, store_take, &s, &bad));
        OK(f.ctx, ath_sink_memory(f.ctx, N, &good));
        job j = job_open(&f, systems, N, 4, &bad, 1, 4);
        assert_int_equal(ath_dynamics_run(j.dyn, NULL, ATH_UNSET), ATH_E_IO);
        const ath_batch *batch = ath_dynamics_active_batch(j.dyn);
        assert_non_null(batch);
        assert_int_equal(s.n, fail_at - 1);
        for (int32_t i = 0; i < ath_batch_n_systems(batch); i++) {
            assert_int_equal(store_find(&s, ath_batch_uid(batch, i).lo), -1);
        }
        /* what is in the batch and in the queue is all the rest */
        ath_sampler_counts counts = {.size = sizeof counts};
        OK(f.ctx, ath_sampler_count(j.sampler, &counts));
        assert_int_equal(counts.n_systems, s.n + ath_batch_n_systems(batch));
        job_close(&j);
        ath_sink_destroy(&bad);
        ath_sink_destroy(&good);
    }
    for (int32_t i = 0; i < N; i++) {
        ath_system_destroy(&systems[i]);
    }
    fixture_close(&f);
}

/* Memory runs out at one allocation of a run, each in turn: the run says so, and a further one
 * brings all the rest, with the same bits. */
static void test_out_of_memory(void **state)
{
    (void)state;
    enum { N = 7 };
    failing m = {0};
    const ath_context_config config = failing_config(&m);
    fixture f;
    ath_system *systems[N];
    uint64_t expected[N] = {0};
    int64_t n_allocations = 0;
    int32_t n_failed = 0;
    assert_int_equal(ath_context_create(&config, &f.ctx), ATH_OK);
    fixture_fill(&f, "host");
    for (int32_t i = 0; i < N; i++) {
        systems[i] = fixture_system(&f, i);
    }
    for (int64_t k = 0; k <= n_allocations; k++) { /* the first time without a failure */
        store s = {.f = &f};
        ath_sink *sink = NULL;
        OK(f.ctx, ath_sink_callback(f.ctx, store_take, &s, &sink));
        job j = job_open(&f, systems, N, 4, &sink, 1, 11);
        m.n_calls = 0;
        m.fail_at = k;
        const ath_status status = ath_dynamics_run(j.dyn, NULL, ATH_UNSET);
        assert_true(status == ATH_OK || (k && status == ATH_E_NO_MEMORY));
        n_allocations = k ? n_allocations : m.n_calls;
        m.fail_at = 0;
        n_failed += status < 0;
        if (status < 0) {
            OK(f.ctx, ath_dynamics_run(j.dyn, NULL, ATH_UNSET));
        }
        assert_true(ath_dynamics_done(j.dyn));
        assert_int_equal(s.n, N);
        for (int32_t i = 0; i < N; i++) {
            const int32_t at = store_find(&s, ath_system_uid(systems[i]).lo);
            assert_true(at >= 0);
            expected[i] = k ? expected[i] : s.digest[at];
            assert_true(s.digest[at] == expected[i]);
        }
        job_close(&j);
        ath_sink_destroy(&sink);
    }
    assert_true(n_allocations > 100 && n_failed > 90);
    for (int32_t i = 0; i < N; i++) {
        ath_system_destroy(&systems[i]);
    }
    fixture_close(&f);
    assert_true(m.n_blocks == 0 && m.n_wrong == 0);
}

/* ---- order and bookkeeping ---- */

/* The remaining come first, in their order, with all that they are; newcomers after them. */
static void check_order(const char *device)
{
    enum { N = 10 };
    fixture f;
    ath_system *systems[N];
    ath_sink *sink = NULL;
    fixture_open(&f, device);
    for (int32_t i = 0; i < N; i++) {
        systems[i] = structures_cluster(f.ctx, 3, 18, 3.9, (uint32_t)i);
    }
    OK(f.ctx, ath_sink_memory(f.ctx, N, &sink));
    ath_sampler *sampler = NULL;
    OK(f.ctx, ath_sampler_from_systems(f.ctx, systems, N, &sampler));
    ath_dynamics_config config = ath_dynamics_defaults();
    ath_dynamics *dyn = NULL;
    config.model = f.lj;
    config.integrator = f.langevin;
    config.sampler = sampler;
    config.sinks = &sink;
    config.n_sinks = 1;
    config.device = f.device;
    config.max_batch_size = 5;
    config.exit_status = 2;
    OK(f.ctx, ath_dynamics_create(f.ctx, &config, &dyn));
    OK(f.ctx, ath_dynamics_run(dyn, NULL, 3));
    ath_batch *batch = ath_dynamics_active_batch(dyn);
    assert_int_equal(ath_batch_n_systems(batch), 5);
    const int32_t status[5] = {0, 2, 1, 3, 0};
    uint64_t before[5];
    for (int32_t i = 0; i < 5; i++) {
        OK(f.ctx, ath_batch_write(batch, ATH_FIELD_STATUS, i, &status[i]));
        before[i] = structures_digest(f.ctx, batch, i);
    }
    OK(f.ctx, ath_dynamics_refill_check(dyn, batch));
    static const int64_t ids[5] = {0, 2, 4, 5, 6};
    static const int32_t codes[5] = {0, 1, 0, 0, 0};
    assert_int_equal(ath_batch_n_systems(batch), 5);
    assert_int_equal(ath_sink_length(sink), 2);
    for (int32_t i = 0; i < 5; i++) {
        int64_t id = -1;
        int32_t code = -1;
        OK(f.ctx, ath_batch_read(batch, ATH_FIELD_SYSTEM_ID, i, &id));
        OK(f.ctx, ath_batch_read(batch, ATH_FIELD_STATUS, i, &code));
        assert_int_equal(id, ids[i]);
        assert_int_equal(code, codes[i]);
        if (i < 3) {
            assert_true(before[ids[i]] == structures_digest(f.ctx, batch, i));
        }
    }
    ath_dynamics_destroy(&dyn);
    ath_sampler_destroy(&sampler);
    ath_sink_destroy(&sink);
    for (int32_t i = 0; i < N; i++) {
        ath_system_destroy(&systems[i]);
    }
    fixture_close(&f);
}

static void test_order(void **state)
{
    (void)state;
    check_order("host");
    check_order("mock");
}

/* ---- isolation ---- */

/* What is wrong with every k-th system, and what it is to be called. */
static ath_reason poison(const fixture *f, ath_system *s, int32_t kind)
{
    void *rows = NULL;
    OK(f->ctx, ath_system_field(s, ATH_FIELD_POSITIONS, &rows));
    double *x = rows;
    switch (kind) {
    case 0: /* not a number */
        x[2] = NAN;
        return ATH_REASON_NON_FINITE;
    case 1: /* two atoms in one place */
        memcpy(x + 3, x, 3 * sizeof *x);
        return ATH_REASON_TOO_CLOSE;
    default: /* so close that it explodes */
        x[3] = x[0] + 0.8;
        x[4] = x[1];
        x[5] = x[2];
        return ATH_REASON_MAX_FORCE;
    }
}

/* 1 to 10 % of 1000 systems are poisoned: the others have the bits of a run without any poison. */
static void check_isolation(const char *device, int32_t n, int32_t every)
{
    fixture f;
    ath_system **systems = calloc((size_t)n, sizeof *systems);
    ath_reason *expected = calloc((size_t)n, sizeof *expected);
    ath_batch *healthy = NULL, *batch = NULL;
    const ath_batch_config shape = {.size = sizeof shape};
    fixture_open(&f, device);
    ath_batch_config config_batch = shape;
    config_batch.device = f.device;
    OK(f.ctx, ath_batch_create(f.ctx, &config_batch, &healthy));
    OK(f.ctx, ath_batch_create(f.ctx, &config_batch, &batch));
    for (int32_t i = 0; i < n; i++) {
        systems[i] = fixture_system(&f, i);
        if (i % every == every / 2) {
            expected[i] = poison(&f, systems[i], i / every % 3);
        } else {
            OK(f.ctx, ath_batch_add(healthy, systems[i]));
        }
        OK(f.ctx, ath_batch_add(batch, systems[i]));
    }
    for (int32_t k = 0; k < 2; k++) {
        ath_dynamics_config config = ath_dynamics_defaults();
        ath_dynamics *dyn = NULL;
        config.model = f.lj;
        config.integrator = f.langevin;
        config.velocities = ATH_VELOCITIES_THERMAL;
        config.temperature = 60;
        config.max_force = 1e3;
        config.n_threads = 2;
        OK(f.ctx, ath_dynamics_create(f.ctx, &config, &dyn));
        OK(f.ctx, ath_dynamics_run(dyn, k ? batch : healthy, 25));
        ath_dynamics_destroy(&dyn);
    }
    int32_t h = 0;
    for (int32_t i = 0; i < n; i++) {
        int32_t reason = -1;
        OK(f.ctx, ath_batch_read(batch, ATH_FIELD_REASON, i, &reason));
        assert_int_equal(reason, expected[i]);
        if (!expected[i]) {
            assert_true(structures_digest(f.ctx, batch, i) ==
                        structures_digest(f.ctx, healthy, h++));
        }
        ath_system_destroy(&systems[i]);
    }
    assert_int_equal(h, ath_batch_n_systems(healthy));
    ath_batch_destroy(&healthy);
    ath_batch_destroy(&batch);
    free(systems);
    free(expected);
    fixture_close(&f);
}

static void test_isolation(void **state)
{
    (void)state;
    check_isolation("host", 1000, 100);
    check_isolation("host", 1000, 10);
    check_isolation("mock", 200, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_lost),  cmocka_unit_test(test_small_sinks),
        cmocka_unit_test(test_failing_sinks), cmocka_unit_test(test_order),
        cmocka_unit_test(test_isolation),     cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
