/* Every function of athanor/dynamics.h and athanor/hook.h, called on three systems, with what it
 * does asserted; on host and mock. tests/package/api.sh checks that none is missing here.
 */
#include "dynamics/structures.h"

#include <math.h>
#include <stdio.h>

#include <athanor/container.h>
#include <athanor/dynamics.h>
#include <athanor/units.h>

enum { N = 3 };

typedef struct fixture {
    ath_context *ctx;
    ath_device *device;
    ath_model *lj;
    ath_integrator *nve, *fire;
} fixture;

static void fixture_open(fixture *f, const char *device)
{
    assert_int_equal(ath_context_create(NULL, &f->ctx), ATH_OK);
    OK(f->ctx, ath_device_open(f->ctx, device, &f->device));
    OK(f->ctx, ath_model_create(f->ctx, "lj:epsilon=0.0104,sigma=3.4,cutoff=8.5", &f->lj));
    OK(f->ctx, ath_integrator_create(f->ctx, "nve:timestep=4", &f->nve));
    OK(f->ctx, ath_integrator_create(f->ctx, "fire", &f->fire));
}

static void fixture_close(fixture *f)
{
    ath_integrator_destroy(&f->nve);
    ath_integrator_destroy(&f->fire);
    ath_model_destroy(&f->lj);
    ath_device_close(&f->device);
    ath_context_destroy(&f->ctx);
}

static void fixture_systems(const fixture *f, ath_system *out[N])
{
    out[0] = structures_cluster(f->ctx, 5, 18, 3.9, 1);
    out[1] = structures_crystal(f->ctx, 3, 18, 3.8, 2);
    out[2] = structures_cluster(f->ctx, 12, 18, 3.9, 3);
}

static ath_batch *fixture_batch(const fixture *f)
{
    ath_system *systems[N];
    ath_batch *batch = NULL;
    fixture_systems(f, systems);
    OK(f->ctx, ath_batch_from_systems(f->ctx, f->device, systems, N, &batch));
    for (int32_t i = 0; i < N; i++) {
        ath_system_destroy(&systems[i]);
    }
    return batch;
}

static ath_dynamics_config md(const fixture *f)
{
    ath_dynamics_config config = ath_dynamics_defaults();
    config.model = f->lj;
    config.integrator = f->nve;
    config.velocities = ATH_VELOCITIES_THERMAL;
    config.temperature = 60;
    config.seed = 5;
    config.n_threads = 1;
    return config;
}

static ath_dynamics *make(const fixture *f, const ath_dynamics_config *config)
{
    ath_dynamics *dyn = NULL;
    OK(f->ctx, ath_dynamics_create(f->ctx, config, &dyn));
    return dyn;
}

static void digests(const fixture *f, const ath_batch *batch, uint64_t out[N])
{
    for (int32_t i = 0; i < N; i++) {
        out[i] = structures_digest(f->ctx, batch, i);
    }
}

static void read_row(const fixture *f, const ath_batch *b, ath_field_id field, int32_t i, void *out)
{
    OK(f->ctx, ath_batch_read(b, field, i, out));
}

/* ---- updates: run, step, compute, pre_update, post_update, masked_update ---- */

static void check_updates(const char *device)
{
    fixture f;
    fixture_open(&f, device);
    const ath_dynamics_config config = md(&f);
    ath_dynamics *dyn = make(&f, &config), *by_hand = make(&f, &config);
    ath_batch *batch = fixture_batch(&f), *twin = fixture_batch(&f);
    uint64_t before[N], a[N], b[N];
    int32_t n_converged = -1;

    digests(&f, batch, before);
    OK(f.ctx, ath_dynamics_compute(dyn, batch));
    for (int32_t i = 0; i < N; i++) {
        double energy = 0;
        read_row(&f, batch, ATH_FIELD_ENERGY, i, &energy);
        assert_true(energy < 0);
    }
    OK(f.ctx, ath_dynamics_run(dyn, batch, 2));
    OK(f.ctx, ath_dynamics_step(dyn, batch, &n_converged));
    assert_int_equal(n_converged, 0);
    assert_int_equal(ath_dynamics_step_count(dyn), 3);
    digests(&f, batch, a);

    /* three steps by hand: the same positions, velocities and forces, but nothing is counted */
    for (int k = 0; k < 3; k++) {
        OK(f.ctx, ath_dynamics_pre_update(by_hand, twin));
        OK(f.ctx, ath_dynamics_compute(by_hand, twin));
        OK(f.ctx, ath_dynamics_post_update(by_hand, twin));
    }
    assert_int_equal(ath_dynamics_step_count(by_hand), 0);
    const int64_t age = 3;
    for (int32_t i = 0; i < N; i++) {
        OK(f.ctx, ath_batch_write(twin, ATH_FIELD_AGE, i, &age));
        OK(f.ctx, ath_batch_write(twin, ATH_FIELD_STAGE_STEPS, i, &age));
    }
    digests(&f, twin, b);
    for (int32_t i = 0; i < N; i++) {
        assert_true(a[i] == b[i] && a[i] != before[i]);
    }

    /* both halves for the first system alone */
    const uint8_t mask[N] = {1, 0, 0};
    OK(f.ctx, ath_dynamics_masked_update(by_hand, twin, mask));
    digests(&f, twin, b);
    assert_true(b[0] != a[0] && b[1] == a[1] && b[2] == a[2]);
    /* a run goes on from there with forces of the new positions */
    OK(f.ctx, ath_dynamics_run(by_hand, twin, 1));

    ath_dynamics_destroy(&dyn);
    assert_null(dyn);
    ath_dynamics_destroy(&dyn);
    ath_dynamics_destroy(&by_hand);
    ath_batch_destroy(&batch);
    ath_batch_destroy(&twin);
    fixture_close(&f);
}

/* ---- a hook that counts ---- */

typedef struct counted {
    int32_t n_open, n_close, n_call, n_admit, n_destroy;
} counted;

static ath_status counted_call(void *user, const ath_hook_context *context)
{
    assert_true(context->n_masked > 0);
    ((counted *)user)->n_call++;
    return ATH_OK;
}

static ath_status counted_open(void *user, ath_dynamics *dynamics)
{
    (void)dynamics;
    ((counted *)user)->n_open++;
    return ATH_OK;
}

static void counted_close(void *user, ath_dynamics *dynamics)
{
    (void)dynamics;
    ((counted *)user)->n_close++;
}

static ath_status counted_admit(void *user, ath_dynamics *dynamics, ath_batch *batch, int32_t index)
{
    (void)dynamics;
    assert_true(index < ath_batch_n_systems(batch));
    ((counted *)user)->n_admit++;
    return ATH_OK;
}

static void counted_destroy(void *user)
{
    ((counted *)user)->n_destroy++;
}

static ath_hook counted_hook(counted *c)
{
    return (ath_hook){.size = sizeof(ath_hook),
                      .name = "counted",
                      .stage = ATH_STAGE_AFTER_STEP,
                      .frequency = 1,
                      .user = c,
                      .call = counted_call,
                      .open = counted_open,
                      .close = counted_close,
                      .admit = counted_admit,
                      .destroy = counted_destroy};
}

/* Everything that a packet knows of a system: fields, flags, counters, integrator state. */
static void pack(const fixture *f, const ath_batch *batch, int32_t i, ath_packet **out)
{
    OK(f->ctx, ath_packet_pack_batch(batch, &i, 1, out));
}

static bool same(const ath_packet *a, const ath_packet *b)
{
    size_t n = 0, m = 0;
    const void *x = ath_packet_data(a, &n), *y = ath_packet_data(b, &m);
    return n == m && memcmp(x, y, n) == 0;
}

/* Who does not take part does not change by a byte, integrator state included: systems that are
 * masked out of an update, and finished ones in steps, with hooks and without. */
static void check_untouched(const char *device)
{
    fixture f;
    fixture_open(&f, device);
    counted c = {0};
    const ath_hook hook = counted_hook(&c);
    ath_dynamics_config config = md(&f);
    config.integrator = f.fire; /* has state */
    ath_dynamics *dyn = make(&f, &config);
    ath_batch *batch = fixture_batch(&f);
    ath_packet *before[N], *after = NULL;
    const uint8_t mask[N] = {0, 1, 0};
    const int32_t done = 1;
    OK(f.ctx, ath_dynamics_run(dyn, batch, 8));
    for (int32_t round = 0; round < 3; round++) {
        for (int32_t i = 0; i < N; i += 2) {
            OK(f.ctx, round == 1 ? ath_batch_write(batch, ATH_FIELD_STATUS, i, &done) : ATH_OK);
            pack(&f, batch, i, &before[i]);
        }
        OK(f.ctx, round == 2 ? ath_dynamics_register_hook(dyn, &hook) : ATH_OK);
        OK(f.ctx, round == 0 ? ath_dynamics_masked_update(dyn, batch, mask)
                             : ath_dynamics_run(dyn, batch, 5));
        for (int32_t i = 0; i < N; i += 2) {
            pack(&f, batch, i, &after);
            assert_true(same(before[i], after));
            ath_packet_destroy(&after);
            ath_packet_destroy(&before[i]);
        }
    }
    ath_dynamics_destroy(&dyn);
    ath_batch_destroy(&batch);
    fixture_close(&f);
}

/* Status at or above exit_status: nothing of that system changes. */
static void check_exit_status(const char *device)
{
    fixture f;
    fixture_open(&f, device);
    ath_dynamics_config config = md(&f);
    config.exit_status = 3;
    ath_dynamics *dyn = make(&f, &config);
    ath_batch *batch = fixture_batch(&f);
    const int32_t codes[N] = {2, 3, 7};
    uint64_t a[N], b[N];
    OK(f.ctx, ath_dynamics_run(dyn, batch, 2));
    for (int32_t i = 0; i < N; i++) {
        OK(f.ctx, ath_batch_write(batch, ATH_FIELD_STATUS, i, &codes[i]));
    }
    assert_int_equal(ath_dynamics_exit_status(dyn), 3);
    digests(&f, batch, a);
    OK(f.ctx, ath_dynamics_run(dyn, batch, 3));
    OK(f.ctx, ath_dynamics_pre_update(dyn, batch));
    OK(f.ctx, ath_dynamics_post_update(dyn, batch));
    digests(&f, batch, b);
    assert_true(a[0] != b[0] && a[1] == b[1] && a[2] == b[2]);
    ath_dynamics_destroy(&dyn);
    ath_batch_destroy(&batch);
    fixture_close(&f);
}

/* ---- getters ---- */

static void test_getters(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, "host");
    const ath_convergence convergence = {.size = sizeof convergence};
    const ath_buffer_config buffer = {10, 100, 200};
    ath_dynamics_config config = md(&f);
    ath_batch *batch = fixture_batch(&f);
    config.name = "warm";
    config.n_steps = 42;
    config.n_threads = 2;
    config.convergence_hook = &convergence;
    config.active_batch = batch;
    config.max_batch_size = 5;
    config.prior_rank = ATH_RANK_NONE;
    config.next_rank = 4;
    config.buffer_config = &buffer;
    ath_dynamics *dyn = make(&f, &config);
    assert_ptr_equal(ath_dynamics_model(dyn), f.lj);
    assert_true(ath_dynamics_model_is_conservative(dyn));
    assert_int_equal(ath_dynamics_step_count(dyn), 0);
    assert_int_equal(ath_dynamics_n_steps(dyn), 42);
    assert_int_equal(ath_dynamics_exit_status(dyn), 1);
    assert_int_equal(ath_dynamics_n_parts(dyn), 1);
    assert_string_equal(ath_dynamics_part_name(dyn, 0), "warm");
    assert_null(ath_dynamics_part_name(dyn, 1));
    assert_int_equal(ath_dynamics_n_threads(dyn), 2);
    const ath_convergence *c = ath_dynamics_convergence_hook(dyn, 0);
    assert_non_null(c);
    assert_int_equal(c->n_criteria, 1);
    assert_int_equal(c->criteria[0].field, ATH_FIELD_FORCES);
    assert_true(c->criteria[0].threshold == 0.05);
    assert_null(ath_dynamics_convergence_hook(dyn, 1));
    ath_field_id fields[8];
    int32_t n = 0;
    OK(f.ctx, ath_dynamics_needs_keys(dyn, fields, 8, &n));
    assert_int_equal(n, 1);
    assert_int_equal(fields[0], ATH_FIELD_FORCES);
    OK(f.ctx, ath_dynamics_provides_keys(dyn, fields, 8, &n));
    assert_int_equal(n, 2);
    assert_int_equal(fields[0] + fields[1], ATH_FIELD_POSITIONS + ATH_FIELD_VELOCITIES);
    assert_ptr_equal(ath_dynamics_active_batch(dyn), batch);
    assert_int_equal(ath_dynamics_active_batch_size(dyn), 3);
    assert_int_equal(ath_dynamics_max_batch_size(dyn), 5);
    assert_true(ath_dynamics_active_batch_has_room(dyn));
    assert_int_equal(ath_dynamics_room_in_active_batch(dyn), 2);
    assert_false(ath_dynamics_inflight_mode(dyn));
    assert_false(ath_dynamics_done(dyn));
    assert_ptr_equal(ath_dynamics_device(dyn), f.device);
    assert_int_equal(ath_dynamics_global_rank(dyn), 0);
    assert_int_equal(ath_dynamics_local_rank(dyn), 0);
    assert_int_equal(ath_dynamics_prior_rank(dyn), ATH_RANK_NONE);
    assert_int_equal(ath_dynamics_next_rank(dyn), 4);
    assert_true(ath_dynamics_has_neighbor(dyn));
    assert_true(ath_dynamics_is_first_stage(dyn));
    assert_false(ath_dynamics_is_final_stage(dyn));
    ath_dynamics_stats stats;
    OK(f.ctx, ath_dynamics_run(dyn, NULL, 4)); /* the active batch */
    OK(f.ctx, ath_dynamics_get_stats(dyn, &stats));
    int64_t system_steps = 0, atom_steps = 0;
    for (int32_t i = 0; i < N; i++) { /* some meet the default criterion at once */
        int64_t age = 0;
        read_row(&f, batch, ATH_FIELD_AGE, i, &age);
        system_steps += age;
        atom_steps += age * ath_batch_n_atoms_of(batch, i);
    }
    assert_true(stats.steps == 4 && stats.system_steps == system_steps && system_steps > 4);
    assert_int_equal(stats.atom_steps, atom_steps);
    assert_true(stats.seconds_run > 0);
    ath_dynamics_destroy(&dyn);
    ath_batch_destroy(&batch);
    fixture_close(&f);
}

/* ---- open and close ---- */

static void check_life(const char *device)
{
    fixture f;
    fixture_open(&f, device);
    counted c = {0};
    ath_hook hook = counted_hook(&c);
    ath_dynamics_config config = md(&f);
    config.device = f.device;
    ath_dynamics *dyn = make(&f, &config);
    ath_batch *batch = fixture_batch(&f);
    OK(f.ctx, ath_dynamics_register_hook(dyn, &hook));
    OK(f.ctx, ath_dynamics_run(dyn, batch, 2)); /* opens and closes by itself */
    assert_true(c.n_open == 1 && c.n_close == 1 && c.n_call == 2 && c.n_admit == 3);
    assert_null(ath_dynamics_stream(dyn));
    OK(f.ctx, ath_dynamics_open(dyn));
    assert_int_equal(ath_dynamics_open(dyn), ATH_E_STATE);
    assert_int_equal(ath_dynamics_register_hook(dyn, &hook), ATH_E_STATE);
    OK(f.ctx, ath_dynamics_run(dyn, batch, 1));
    OK(f.ctx, ath_dynamics_step(dyn, batch, NULL));
    assert_true(c.n_open == 2 && c.n_close == 1 && c.n_call == 4 && c.n_admit == 3);
    (void)ath_dynamics_stream(dyn);
    ath_dynamics_close(dyn);
    ath_dynamics_close(dyn);
    assert_int_equal(c.n_close, 2);
    const ath_hook *found[2];
    int32_t n = 0;
    OK(f.ctx, ath_dynamics_hooks(dyn, ATH_STAGE_AFTER_STEP, found, 2, &n));
    assert_int_equal(n, 1);
    assert_ptr_equal(found[0]->user, &c);
    OK(f.ctx, ath_dynamics_hooks(dyn, ATH_STAGE_BEFORE_STEP, found, 2, &n));
    assert_int_equal(n, 0);
    OK(f.ctx, ath_dynamics_hooks(dyn, ATH_STAGE_ANY, found, 2, &n));
    assert_int_equal(n, 1);
    assert_string_equal(ath_stage_name(ATH_STAGE_AFTER_STEP), "AFTER_STEP");
    ath_dynamics_destroy(&dyn);
    ath_hook_free(&hook);
    assert_int_equal(c.n_destroy, 1);
    assert_null(hook.call);
    ath_batch_destroy(&batch);
    fixture_close(&f);
}

/* ---- fusing, refill, bookkeeping, quarantine, checkpoints ---- */

static void key_init(void *user, const ath_system *system, void *row)
{
    *(double *)row = 100.0 + ath_system_n_atoms(system);
    ++*(int32_t *)user;
}

static ath_dynamics *inflight(const fixture *f, ath_sampler *sampler, ath_sink *sink)
{
    ath_dynamics_config config = md(f);
    ath_dynamics *part = NULL, *dyn = NULL;
    config.n_steps = 3;
    config.sampler = sampler;
    config.sinks = sink ? &sink : NULL;
    config.n_sinks = sink ? 1 : 0;
    config.device = f->device;
    config.max_batch_size = 2;
    part = make(f, &config);
    OK(f->ctx, ath_fuse(f->ctx, &part, 1, &dyn));
    ath_dynamics_destroy(&part);
    return dyn;
}

static void check_refill(const char *device)
{
    fixture f;
    fixture_open(&f, device);
    ath_system *systems[N];
    ath_sampler *sampler = NULL;
    ath_sink *sink = NULL;
    ath_field_id key = -1;
    int32_t n_init = 0;
    const ath_field_info info = {.name = "weight",
                                 .level = ATH_LEVEL_SYSTEM,
                                 .dtype = ATH_F64,
                                 .width = 1,
                                 .unit = "",
                                 .help = ""};
    fixture_systems(&f, systems);
    OK(f.ctx, ath_sampler_from_systems(f.ctx, systems, N, &sampler));
    OK(f.ctx, ath_sink_memory(f.ctx, 3, &sink));
    OK(f.ctx, ath_field_register(f.ctx, &info, &key));
    ath_dynamics *dyn = inflight(&f, sampler, sink), *plain = NULL;
    assert_true(ath_dynamics_inflight_mode(dyn));
    OK(f.ctx, ath_dynamics_register_bookkeeping_key(dyn, key, key_init, &n_init));
    OK(f.ctx, ath_dynamics_run(dyn, NULL, 2)); /* two of three systems, not yet done */
    ath_batch *batch = ath_dynamics_active_batch(dyn);
    assert_non_null(batch);
    assert_int_equal(ath_dynamics_active_batch_size(dyn), 2);
    assert_int_equal(ath_dynamics_refill_check(dyn, batch), ATH_OK); /* nobody has finished */
    assert_int_equal(ath_batch_n_systems(batch), 2);
    OK(f.ctx, ath_dynamics_run(dyn, NULL, 1)); /* both finish, the third comes in */
    assert_int_equal(ath_sink_length(sink), 2);
    assert_int_equal(ath_batch_n_systems(batch), 1);
    double weight = 0;
    read_row(&f, batch, key, 0, &weight);
    assert_true(weight == 112.0 && n_init == 3);
    /* taken out by hand: it goes to the sink with its reason */
    assert_int_equal(ath_dynamics_rewind(dyn, batch, 0), ATH_E_STATE); /* keeps no good state */
    OK(f.ctx, ath_dynamics_quarantine(dyn, batch, 0, ATH_REASON_TOO_CLOSE));
    OK(f.ctx, ath_dynamics_run(dyn, NULL, ATH_UNSET));
    assert_true(ath_dynamics_done(dyn));
    assert_null(ath_dynamics_active_batch(dyn));
    assert_int_equal(ath_sink_length(sink), 3);
    ath_system *last = NULL;
    OK(f.ctx, ath_sink_read(sink, 2, &last));
    assert_int_equal(*(const int32_t *)ath_system_peek(last, ATH_FIELD_REASON),
                     ATH_REASON_TOO_CLOSE);
    ath_system_destroy(&last);
    ath_batch *empty = NULL;
    const ath_batch_config shape = {.size = sizeof shape, .device = f.device};
    OK(f.ctx, ath_batch_create(f.ctx, &shape, &empty));
    assert_int_equal(ath_dynamics_refill_check(dyn, empty), ATH_END);
    const ath_dynamics_config config = md(&f);
    plain = make(&f, &config);
    assert_int_equal(ath_dynamics_refill_check(plain, empty), ATH_E_STATE);
    ath_batch_destroy(&empty);
    ath_dynamics_destroy(&plain);
    ath_dynamics_destroy(&dyn);
    ath_sampler_destroy(&sampler);
    ath_sink_destroy(&sink);
    for (int32_t i = 0; i < N; i++) {
        ath_system_destroy(&systems[i]);
    }
    fixture_close(&f);
}

/* What has finished is handed over, and nobody takes its place. */
static void check_drain(const char *device)
{
    fixture f;
    fixture_open(&f, device);
    ath_system *systems[N];
    ath_sampler *sampler = NULL;
    ath_sink *sink = NULL;
    const int32_t done = 1;
    fixture_systems(&f, systems);
    OK(f.ctx, ath_sampler_from_systems(f.ctx, systems, N, &sampler));
    OK(f.ctx, ath_sink_memory(f.ctx, 3, &sink));
    ath_dynamics *dyn = inflight(&f, sampler, sink);
    OK(f.ctx, ath_dynamics_run(dyn, NULL, 2));
    ath_batch *batch = ath_dynamics_active_batch(dyn);
    OK(f.ctx, ath_dynamics_drain(dyn, batch));
    assert_int_equal(ath_sink_length(sink), 0);
    OK(f.ctx, ath_batch_write(batch, ATH_FIELD_STATUS, 0, &done));
    OK(f.ctx, ath_dynamics_drain(dyn, batch));
    assert_int_equal(ath_sink_length(sink), 1);
    assert_int_equal(ath_batch_n_systems(batch), 1);
    OK(f.ctx, ath_dynamics_run(dyn, NULL, ATH_UNSET));
    assert_int_equal(ath_sink_length(sink), 3);
    assert_int_equal(ath_dynamics_drain(dyn, NULL), ATH_E_STATE);
    ath_dynamics_destroy(&dyn);
    ath_sampler_destroy(&sampler);
    ath_sink_destroy(&sink);
    for (int32_t i = 0; i < N; i++) {
        ath_system_destroy(&systems[i]);
    }
    fixture_close(&f);
}

static void check_same_bytes(const fixture *f, ath_container *container, const char *path)
{
    static unsigned char data[1 << 20];
    const void *bytes = NULL;
    size_t n = 0;
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    const size_t m = fread(data, 1, sizeof data, file);
    (void)fclose(file);
    OK(f->ctx, ath_container_finish(container, &bytes, &n));
    assert_int_equal(n, m);
    assert_memory_equal(bytes, data, n);
}

static void check_checkpoint(const char *device)
{
    fixture f;
    fixture_open(&f, device);
    const ath_dynamics_config config = md(&f);
    ath_dynamics *dyn = make(&f, &config), *other = make(&f, &config), *third = NULL;
    ath_batch *batch = fixture_batch(&f), *loaded = NULL;
    char path[64];
    uint64_t a[N], b[N];
    snprintf(path, sizeof path, "api_%s.ckpt", device);
    OK(f.ctx, ath_dynamics_run(dyn, batch, 5));
    ath_velocities_config draw = ath_velocities_defaults();
    draw.temperature = 80.0; /* in the middle of a run */
    OK(f.ctx, ath_velocities_draw(f.ctx, batch, &draw));
    OK(f.ctx, ath_dynamics_save(dyn, batch, path));
    ath_container *container = NULL; /* the same bytes */
    OK(f.ctx, ath_container_create(f.ctx, &container));
    OK(f.ctx, ath_dynamics_pack(dyn, batch, container));
    check_same_bytes(&f, container, path);
    assert_int_equal(ath_dynamics_pack(dyn, batch, NULL), ATH_E_ARGUMENT);
    ath_container_destroy(&container);
    OK(f.ctx, ath_dynamics_run(dyn, batch, 5));
    OK(f.ctx, ath_dynamics_load(other, f.device, path, &loaded));
    assert_int_equal(ath_dynamics_step_count(other), 5);
    assert_int_equal(ath_dynamics_load(other, f.device, path, &loaded), ATH_E_STATE);
    OK(f.ctx, ath_dynamics_run(other, loaded, 5));
    digests(&f, batch, a);
    digests(&f, loaded, b);
    assert_memory_equal(a, b, sizeof a);
    ath_dynamics_config changed = config;
    changed.seed++;
    third = make(&f, &changed);
    ath_batch *none = NULL;
    assert_int_equal(ath_dynamics_load(third, f.device, path, &none), ATH_E_STATE);
    assert_non_null(strstr(ath_context_message(f.ctx), "seed=6"));
    assert_null(none);
    (void)remove(path);
    ath_dynamics_destroy(&dyn);
    ath_dynamics_destroy(&other);
    ath_dynamics_destroy(&third);
    ath_batch_destroy(&batch);
    ath_batch_destroy(&loaded);
    fixture_close(&f);
}

/* ---- criteria ---- */

static void test_criteria(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, "host");
    ath_criterion criteria[ATH_MAX_CRITERIA];
    int32_t n = 0;
    uint8_t met[N];
    double values[N][ATH_MAX_CRITERIA];
    ath_batch *batch = fixture_batch(&f);
    const ath_dynamics_config config = md(&f);
    ath_dynamics *dyn = make(&f, &config);
    OK(f.ctx, ath_dynamics_compute(dyn, batch));
    OK(f.ctx,
       ath_criteria_parse(f.ctx, "fmax=0.05, max_stress=0.1,energy:none=-0.01", criteria, &n));
    assert_int_equal(n, 3);
    assert_true(fabs(criteria[1].threshold * ATH_GPA_PER_EV_A3 - 0.1) < 1e-15);
    const ath_convergence c = {.size = sizeof c, .criteria = criteria + 2, .n_criteria = 1};
    OK(f.ctx, ath_convergence_evaluate(f.ctx, &c, batch, met, &values[0][0]));
    for (int32_t i = 0; i < N; i++) {
        double energy = 0;
        read_row(&f, batch, ATH_FIELD_ENERGY, i, &energy);
        assert_true(values[i][0] == energy && isnan(values[i][1]));
        assert_int_equal(met[i], energy <= -0.01);
    }
    assert_int_equal(ath_criteria_parse(f.ctx, "fmay=0.05", criteria, &n), ATH_E_OPTION);
    ath_dynamics_destroy(&dyn);
    ath_batch_destroy(&batch);
    fixture_close(&f);
}

static void check_all(const char *device)
{
    check_updates(device);
    check_untouched(device);
    check_exit_status(device);
    check_life(device);
    check_refill(device);
    check_drain(device);
    check_checkpoint(device);
}

static void test_host(void **state)
{
    (void)state;
    check_all("host");
}

static void test_mock(void **state)
{
    (void)state;
    check_all("mock");
}

static const char *named; /* a device on the command line */

static void test_named(void **state)
{
    (void)state;
    check_all(named);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest on_named[] = {cmocka_unit_test(test_named)};
    if (argc == 2) {
        named = argv[1];
        return cmocka_run_group_tests(on_named, NULL, NULL);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_getters),
        cmocka_unit_test(test_criteria),
        cmocka_unit_test(test_host),
        cmocka_unit_test(test_mock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
