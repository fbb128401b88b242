/* The second promise, for one engine: stopped and resumed at every step of a run, everything has
 * the bits of the run that was not stopped: systems, what has left, step counts, hooks. On host and
 * mock, plain, fused, and with systems coming and going; stopped by its count of steps, by a hook
 * that asks for it, and by a signal, at any time.
 */
#include "dynamics/structures.h"

#include <stdio.h>
#include <sys/time.h>

#include <athanor/container.h>
#include <athanor/dynamics.h>

enum { STEPS = 50, SYSTEMS = 5, QUEUE = 9 };

static volatile sig_atomic_t asked; /* to stop */
static bool armed;                  /* a hook asks */

typedef struct fixture {
    ath_context *ctx;
    ath_device *device;
    ath_model *lj;
    ath_integrator *nve, *minimizer, *langevin;
    char path[64];
} fixture;

static void fixture_open(fixture *f, const char *device)
{
    assert_int_equal(ath_context_create(NULL, &f->ctx), ATH_OK);
    OK(f->ctx, ath_device_open(f->ctx, device, &f->device));
    OK(f->ctx, ath_model_create(f->ctx, "lj:epsilon=0.0104,sigma=3.4,cutoff=8.5", &f->lj));
    OK(f->ctx, ath_integrator_create(f->ctx, "nve:timestep=4", &f->nve));
    /* the minimizer with most to carry: state of systems and of atoms */
    OK(f->ctx, ath_integrator_create(f->ctx, "lbfgs:memory=3,cell=full", &f->minimizer));
    OK(f->ctx, ath_integrator_create(f->ctx, "langevin:timestep=4,temperature=60,friction=0.01",
                                     &f->langevin));
    snprintf(f->path, sizeof f->path, "checkpoint_%s.ath", device);
}

static void fixture_close(fixture *f)
{
    (void)remove(f->path);
    ath_integrator_destroy(&f->nve);
    ath_integrator_destroy(&f->minimizer);
    ath_integrator_destroy(&f->langevin);
    ath_model_destroy(&f->lj);
    ath_device_close(&f->device);
    ath_context_destroy(&f->ctx);
}

static ath_system *fixture_system(const fixture *f, int32_t i)
{
    return i % 3 == 1 ? structures_crystal(f->ctx, 3, 18, 3.8, (uint32_t)i)
                      : structures_cluster(f->ctx, 3 + 4 * i, 18, 3.9, (uint32_t)i);
}

static ath_batch *fixture_batch(const fixture *f)
{
    ath_batch *batch = NULL;
    const ath_batch_config config = {.size = sizeof config, .device = f->device};
    OK(f->ctx, ath_batch_create(f->ctx, &config, &batch));
    for (int32_t i = 0; i < SYSTEMS; i++) {
        ath_system *s = fixture_system(f, i);
        OK(f->ctx, ath_batch_add(batch, s));
        ath_system_destroy(&s);
    }
    return batch;
}

static ath_dynamics_config config_of(const fixture *f, ath_integrator *integrator, double fmax,
                                     int64_t n_steps)
{
    static ath_convergence c;
    ath_dynamics_config config = ath_dynamics_defaults();
    c = (ath_convergence){.size = sizeof c, .fmax = fmax};
    config.model = f->lj;
    config.integrator = integrator;
    config.convergence_hook = fmax > 0 ? &c : NULL;
    config.n_steps = n_steps;
    config.velocities = integrator == f->minimizer ? ATH_VELOCITIES_ZERO : ATH_VELOCITIES_THERMAL;
    config.temperature = 60;
    config.seed = 3;
    config.n_threads = 2;
    config.stop = &asked;
    return config;
}

/* A hook with state: a number that depends on every call so far. */
static ath_status mill_call(void *user, const ath_hook_context *c)
{
    uint64_t *state = user;
    for (int32_t i = 0; i < ath_batch_n_systems(c->batch); i++) {
        *state = (*state ^ (c->mask[i] ? ath_batch_uid(c->batch, i).lo : 5)) * 1099511628211u;
    }
    *state += (uint64_t)c->step_count;
    return ATH_OK;
}

static ath_status stopper_call(void *user, const ath_hook_context *c)
{
    (void)user, (void)c;
    asked = asked || armed;
    return ATH_OK;
}

static ath_status mill_save(void *user, void *data, size_t *bytes)
{
    if (data) {
        memcpy(data, user, sizeof(uint64_t));
    }
    *bytes = sizeof(uint64_t);
    return ATH_OK;
}

static ath_status mill_load(void *user, const void *data, size_t bytes)
{
    assert_int_equal(bytes, sizeof(uint64_t));
    memcpy(user, data, bytes);
    return ATH_OK;
}

static ath_hook mill_hook(uint64_t *state, int64_t frequency, unsigned access)
{
    return (ath_hook){.size = sizeof(ath_hook),
                      .name = "mill",
                      .stage = ATH_STAGE_AFTER_STEP,
                      .frequency = frequency,
                      .access = access,
                      .user = state,
                      .call = mill_call,
                      .save = mill_save,
                      .load = mill_load};
}

typedef struct engine {
    ath_dynamics *dyn;
    ath_sampler *sampler;
    ath_sink *sink;
    uint64_t mills[2];
} engine;

enum kind { PLAIN, FUSED, INFLIGHT, N_KINDS };

static engine *engine_make(const fixture *f, enum kind kind, ath_system **queue, ath_sink *sink)
{
    engine *e = calloc(1, sizeof *e);
    ath_dynamics *parts[3] = {NULL};
    ath_dynamics_config first = config_of(f, kind == PLAIN ? f->langevin : f->minimizer,
                                          kind == PLAIN ? 0 : 0.05, kind == PLAIN ? ATH_UNSET : 12);
    e->sink = sink;
    if (kind == INFLIGHT) {
        OK(f->ctx, ath_sampler_from_systems(f->ctx, queue, QUEUE, &e->sampler));
        first.sampler = e->sampler;
        first.sinks = &e->sink;
        first.n_sinks = 1;
        first.device = f->device;
        first.max_batch_size = 3;
        first.refill_frequency = 2;
    }
    const ath_hook hooks[3] = {mill_hook(&e->mills[0], 7, 0),
                               mill_hook(&e->mills[1], 5, ATH_HOOK_OWN_STEPS),
                               {.size = sizeof(ath_hook),
                                .name = "stopper",
                                .stage = ATH_STAGE_AFTER_STEP,
                                .frequency = 3,
                                .call = stopper_call}};
    if (kind == PLAIN) {
        first.hooks = hooks;
        first.n_hooks = 3;
        OK(f->ctx, ath_dynamics_create(f->ctx, &first, &e->dyn));
        return e;
    }
    OK(f->ctx, ath_dynamics_create(f->ctx, &first, &parts[0]));
    ath_dynamics_config config = config_of(f, f->langevin, 0, 9);
    OK(f->ctx, ath_dynamics_create(f->ctx, &config, &parts[1]));
    config = config_of(f, f->nve, 0, 11);
    config.hooks = &hooks[1];
    config.n_hooks = 1;
    OK(f->ctx, ath_dynamics_create(f->ctx, &config, &parts[2]));
    OK(f->ctx, ath_fuse(f->ctx, parts, 3, &e->dyn));
    OK(f->ctx, ath_dynamics_register_hook(e->dyn, &hooks[0]));
    OK(f->ctx, ath_dynamics_register_hook(e->dyn, &hooks[2]));
    for (int k = 0; k < 3; k++) {
        ath_dynamics_destroy(&parts[k]);
    }
    return e;
}

static void engine_free(engine **e)
{
    ath_dynamics_destroy(&(*e)->dyn);
    ath_sampler_destroy(&(*e)->sampler);
    free(*e);
    *e = NULL;
}

static uint64_t digest_batch(ath_context *ctx, const ath_batch *batch)
{
    uint64_t sum = 0;
    for (int32_t i = 0; batch && i < ath_batch_n_systems(batch); i++) {
        sum = sum * 31 + structures_digest(ctx, batch, i);
    }
    return sum;
}

/* What there is to compare at the end of a run. */
typedef struct outcome {
    uint64_t batch, sink, mills[2];
    int64_t step_count, n_out, system_steps, n_in;
} outcome;

static outcome outcome_of(const fixture *f, engine *e, const ath_batch *batch)
{
    outcome o = {.mills = {e->mills[0], e->mills[1]}};
    ath_dynamics_stats stats;
    ath_device *host = NULL;
    OK(f->ctx, ath_dynamics_get_stats(e->dyn, &stats));
    o.batch = digest_batch(f->ctx, batch);
    o.step_count = ath_dynamics_step_count(e->dyn);
    o.system_steps = stats.system_steps;
    o.n_in = stats.n_in;
    o.n_out = e->sink ? ath_sink_length(e->sink) : 0;
    OK(f->ctx, ath_device_open(f->ctx, "host", &host));
    if (o.n_out > 0) {
        ath_batch *out = NULL;
        OK(f->ctx, ath_sink_read_all(e->sink, host, &out));
        o.sink = digest_batch(f->ctx, out);
        ath_batch_destroy(&out);
    }
    ath_device_close(&host);
    return o;
}

/* An engine that is saved, and another one that reads what it has left. */
static void replace(const fixture *f, enum kind kind, ath_system **queue, ath_sink *sink,
                    engine **e, ath_batch **batch)
{
    OK(f->ctx, ath_dynamics_save((*e)->dyn, *batch, f->path));
    engine_free(e);
    ath_batch_destroy(batch);
    *e = engine_make(f, kind, queue, sink);
    OK(f->ctx, ath_dynamics_load((*e)->dyn, f->device, f->path, kind == INFLIGHT ? NULL : batch));
}

enum how { COUNTED, HOOKED, SIGNALLED };

static void signal_came(int number)
{
    (void)number;
    asked = 1;
}

/* Signals every so many microseconds; 0: no more. */
static void signal_every(int us)
{
    const struct sigaction action = {.sa_handler = us > 0 ? signal_came : SIG_IGN};
    const struct itimerval timer = {{0, us}, {0, us}};
    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

/* Runs to the end, stopped and replaced in between; returns how often. */
static int run_stopped(const fixture *f, enum kind kind, enum how how, ath_system **queue,
                       ath_sink *sink, engine **e, ath_batch **batch)
{
    int n = 0;
    armed = how == HOOKED;
    signal_every(how == SIGNALLED ? 317 : 0);
    for (ath_status status = ATH_AGAIN; status == ATH_AGAIN;) {
        const int64_t left = STEPS - ath_dynamics_step_count((*e)->dyn);
        status = ath_dynamics_run((*e)->dyn, *batch, how == COUNTED ? 1 : left);
        assert_true(status >= 0);
        asked = 0;
        status = how == COUNTED && n + 1 < STEPS ? ATH_AGAIN : status;
        if (status == ATH_AGAIN && n++ % (how == COUNTED ? 1 : 2) == 0 &&
            (kind != INFLIGHT || ath_dynamics_active_batch((*e)->dyn))) {
            replace(f, kind, queue, sink, e, batch);
        }
    }
    signal_every(0);
    armed = false;
    asked = 0;
    return n;
}

static void check(const char *device, enum kind kind, enum how how)
{
    fixture f;
    ath_system *queue[QUEUE];
    ath_sink *sink = NULL;
    ath_batch *batch = NULL;
    fixture_open(&f, device);
    for (int32_t i = 0; i < QUEUE; i++) {
        queue[i] = fixture_system(&f, i);
    }
    OK(f.ctx, ath_sink_memory(f.ctx, QUEUE, &sink));
    engine *whole = engine_make(&f, kind, queue, sink);
    batch = kind == INFLIGHT ? NULL : fixture_batch(&f);
    OK(f.ctx, ath_dynamics_run(whole->dyn, batch, STEPS));
    const outcome expected =
        outcome_of(&f, whole, batch ? batch : ath_dynamics_active_batch(whole->dyn));
    assert_true(kind != INFLIGHT || (expected.n_out > 0 && expected.n_out < QUEUE));
    engine_free(&whole);
    ath_batch_destroy(&batch);
    OK(f.ctx, ath_sink_zero(sink));

    engine *e = engine_make(&f, kind, queue, sink);
    batch = kind == INFLIGHT ? NULL : fixture_batch(&f);
    const int n = run_stopped(&f, kind, how, queue, sink, &e, &batch);
    assert_true(how == SIGNALLED || n >= (how == COUNTED ? 30 : 8));
    const outcome got = outcome_of(&f, e, batch ? batch : ath_dynamics_active_batch(e->dyn));
    assert_int_equal(got.step_count, expected.step_count);
    assert_int_equal(got.n_in, expected.n_in);
    assert_int_equal(got.n_out, expected.n_out);
    assert_int_equal(got.system_steps, expected.system_steps);
    assert_true(got.batch == expected.batch);
    assert_true(got.sink == expected.sink);
    assert_memory_equal(got.mills, expected.mills, sizeof got.mills);
    engine_free(&e);
    ath_batch_destroy(&batch);
    ath_sink_destroy(&sink);
    for (int32_t i = 0; i < QUEUE; i++) {
        ath_system_destroy(&queue[i]);
    }
    fixture_close(&f);
}

static void check_all(enum kind kind)
{
    for (int how = COUNTED; how <= SIGNALLED; how++) {
        check("host", kind, (enum how)how);
        check("mock", kind, (enum how)how);
    }
}

static void test_plain(void **state)
{
    (void)state;
    check_all(PLAIN);
}

static void test_fused(void **state)
{
    (void)state;
    check_all(FUSED);
}

static void test_inflight(void **state)
{
    (void)state;
    check_all(INFLIGHT);
}

/* ---- damage ---- */

/* Every byte changed, every length: refused with a message, or, if nothing of it mattered, read
 * whole.
 */
static void test_damage(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, "host");
    const ath_dynamics_config config = config_of(&f, f.langevin, 0.01, ATH_UNSET);
    ath_dynamics *dyn = NULL;
    ath_batch *batch = NULL;
    const ath_batch_config shape = {.size = sizeof shape, .device = f.device};
    ath_system *s = structures_cluster(f.ctx, 2, 18, 3.9, 1);
    OK(f.ctx, ath_batch_create(f.ctx, &shape, &batch));
    OK(f.ctx, ath_batch_add(batch, s));
    ath_system_destroy(&s);
    OK(f.ctx, ath_dynamics_create(f.ctx, &config, &dyn));
    OK(f.ctx, ath_dynamics_run(dyn, batch, 3));
    OK(f.ctx, ath_dynamics_save(dyn, batch, f.path));
    ath_dynamics_destroy(&dyn);
    ath_batch_destroy(&batch);
    static unsigned char data[1 << 16];
    FILE *file = fopen(f.path, "rb");
    const size_t n = fread(data, 1, sizeof data, file);
    assert_true(n > 500 && n < sizeof data);
    (void)fclose(file);
    for (size_t k = 0; k < 2 * n; k++) {
        const size_t length = k < n ? n : k - n, at = k < n ? k : 0;
        data[at] ^= k < n ? 0x10 : 0;
        file = fopen(f.path, "wb");
        assert_int_equal(fwrite(data, 1, length, file), length);
        (void)fclose(file);
        data[at] ^= k < n ? 0x10 : 0;
        OK(f.ctx, ath_dynamics_create(f.ctx, &config, &dyn));
        const ath_status status = ath_dynamics_load(dyn, f.device, f.path, &batch);
        assert_true(status < 0);
        assert_true(strlen(ath_context_message(f.ctx)) > 5);
        assert_null(batch);
        assert_int_equal(ath_dynamics_step_count(dyn), 0);
        ath_dynamics_destroy(&dyn);
    }
    fixture_close(&f);
}

/* What belongs to another dynamics is refused, and the difference named. */
static void test_others(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, "host");
    ath_dynamics_config config = config_of(&f, f.langevin, 0.01, ATH_UNSET);
    ath_dynamics *dyn = NULL;
    ath_batch *batch = fixture_batch(&f), *loaded = NULL;
    uint64_t mill = 1;
    const ath_hook hook = mill_hook(&mill, 3, 0);
    OK(f.ctx, ath_dynamics_create(f.ctx, &config, &dyn));
    OK(f.ctx, ath_dynamics_run(dyn, batch, 3));
    OK(f.ctx, ath_dynamics_save(dyn, batch, f.path));
    ath_dynamics_destroy(&dyn);
    const struct {
        const char *says;
        ath_integrator *integrator;
        double fmax, temperature;
        const ath_hook *hook;
    } cases[] = {{"integrator=nve", f.nve, 0.01, 60, NULL},
                 {"threshold=0.02", f.langevin, 0.02, 60, NULL},
                 {"temperature=61", f.langevin, 0.01, 61, NULL},
                 {"hook 0: mill", f.langevin, 0.01, 60, &hook}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        config = config_of(&f, cases[k].integrator, cases[k].fmax, ATH_UNSET);
        config.temperature = cases[k].temperature;
        config.hooks = cases[k].hook;
        config.n_hooks = cases[k].hook != NULL;
        OK(f.ctx, ath_dynamics_create(f.ctx, &config, &dyn));
        assert_int_equal(ath_dynamics_load(dyn, f.device, f.path, &loaded), ATH_E_STATE);
        if (!strstr(ath_context_message(f.ctx), cases[k].says)) {
            fail_msg("'%s' not in '%s'", cases[k].says, ath_context_message(f.ctx));
        }
        ath_dynamics_destroy(&dyn);
    }
    /* threads, tiles and skin may differ */
    config = config_of(&f, f.langevin, 0.01, ATH_UNSET);
    config.n_threads = 1;
    config.skin = 0.9;
    config.tile_bytes = 4096;
    OK(f.ctx, ath_dynamics_create(f.ctx, &config, &dyn));
    OK(f.ctx, ath_dynamics_load(dyn, f.device, f.path, &loaded));
    ath_dynamics_destroy(&dyn);
    ath_batch_destroy(&batch);
    ath_batch_destroy(&loaded);
    fixture_close(&f);
}

/* ---- versions ---- */

/* The dynamics that wrote tests/data/checkpoint_v0.ath, after 7 steps of two clusters. */
static ath_dynamics *old_dynamics(const fixture *f)
{
    ath_dynamics_config config = config_of(f, f->langevin, 0.001, 40);
    ath_dynamics *dyn = NULL;
    config.n_threads = 1;
    OK(f->ctx, ath_dynamics_create(f->ctx, &config, &dyn));
    return dyn;
}

/* A checkpoint with the section of the engine in this version, with so many numbers (zeros are
 * added behind those that there are). */
static void old_convert(ath_context *ctx, const char *from, const char *to, uint32_t version,
                        size_t n_from, size_t n_to)
{
    ath_container *out = NULL;
    ath_container_reader *in = NULL;
    ath_section s;
    ath_status status;
    OK(ctx, ath_container_create(ctx, &out));
    OK(ctx, ath_container_open(ctx, from, &in));
    while ((status = ath_container_next(in, &s)) == ATH_OK) {
        if (s.id == ATH_SECTION_ID('E', 'N', 'G', 'N')) {
            const size_t text = s.bytes - 8 * n_from, n = n_from < n_to ? n_from : n_to;
            unsigned char *data = calloc(1, 8 * n_to + text);
            memcpy(data, s.data, 8 * n);
            memcpy(data + 8 * n_to, (const unsigned char *)s.data + 8 * n_from, text);
            OK(ctx, ath_container_add(out, s.id, version, data, 8 * n_to + text));
            free(data);
        } else {
            OK(ctx, ath_container_add(out, s.id, s.version, s.data, s.bytes));
        }
    }
    assert_int_equal(status, ATH_END);
    ath_container_close(&in);
    OK(ctx, ath_container_save(out, to));
    ath_container_destroy(&out);
}

/* What comes of a checkpoint in 20 more steps. */
static uint64_t old_go_on(const fixture *f, const char *path)
{
    ath_dynamics *dyn = old_dynamics(f);
    ath_dynamics_stats stats = {0};
    ath_batch *batch = NULL;
    OK(f->ctx, ath_dynamics_load(dyn, f->device, path, &batch));
    assert_int_equal(ath_batch_n_systems(batch), 2);
    assert_int_equal(ath_dynamics_step_count(dyn), 7);
    OK(f->ctx, ath_dynamics_get_stats(dyn, &stats));
    assert_int_equal(stats.system_steps, 14);
    assert_int_equal(stats.atom_steps, 35);
    OK(f->ctx, ath_dynamics_run(dyn, batch, 20));
    OK(f->ctx, ath_dynamics_get_stats(dyn, &stats));
    assert_int_equal(ath_dynamics_step_count(dyn), 27);
    assert_int_equal(stats.system_steps, 54);
    const uint64_t digest = digest_batch(f->ctx, batch);
    ath_dynamics_destroy(&dyn);
    ath_batch_destroy(&batch);
    return digest;
}

/* A file of version 0, which has one number less, is read as what it would be in version 1; one of
 * a version that is not known yet is refused. */
static void test_versions(void **state)
{
    static const char old[] = ATH_SOURCE_DIR "/tests/data/checkpoint_v0.ath";
    fixture f;
    ath_batch *batch = NULL;
    (void)state;
    fixture_open(&f, "host");
    const uint64_t digest = old_go_on(&f, old);
    old_convert(f.ctx, old, f.path, 1, 10, 11);
    assert_true(old_go_on(&f, f.path) == digest);
    old_convert(f.ctx, f.path, f.path, 1000, 11, 11);
    ath_dynamics *dyn = old_dynamics(&f);
    assert_int_equal(ath_dynamics_load(dyn, f.device, f.path, &batch), ATH_E_UNSUPPORTED);
    assert_non_null(strstr(ath_context_message(f.ctx), "newer version"));
    assert_null(batch);
    assert_int_equal(ath_dynamics_step_count(dyn), 0);
    ath_dynamics_destroy(&dyn);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),    cmocka_unit_test(test_fused),
        cmocka_unit_test(test_inflight), cmocka_unit_test(test_damage),
        cmocka_unit_test(test_others),   cmocka_unit_test(test_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
