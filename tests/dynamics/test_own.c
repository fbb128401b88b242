/* Options that systems have of their own: fields under the name of an option, in every kind of run;
 * values out of range; what is refused; files.
 */
#include "base/failing.h"
#include "dynamics/structures.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include <athanor/dynamics.h>
#include <athanor/hooks.h>
#include <athanor/units.h>

enum { N = 6, MAX_ATOMS = 64 };

static const char *const LJ = "lj:epsilon=0.0104,sigma=3.4,cutoff=8.5";

typedef struct fixture {
    failing memory;
    ath_context *ctx;
    ath_device *device;
    ath_model *model;
    ath_integrator *integrators[2];
    ath_system *systems[N];
    ath_field_id temperature, timestep;
    ath_batch *batch;
    ath_dynamics *dyn;
} fixture;

static ath_field_id own_field(ath_context *ctx, const char *name)
{
    const ath_field_info info = {
        .name = name, .level = ATH_LEVEL_SYSTEM, .dtype = ATH_F64, .width = 1, .fallback = NAN};
    ath_field_id id = -1;
    OK(ctx, ath_field_register(ctx, &info, &id));
    return id;
}

static void own_set(const fixture *f, int32_t i, ath_field_id field, double value)
{
    void *p = NULL;
    OK(f->ctx, ath_system_field(f->systems[i], field, &p));
    *(double *)p = value;
}

/* Systems 1 and 4 are hotter, 4 has a time step of its own too. */
static void fixture_open(fixture *f, const char *device, bool own)
{
    memset(f, 0, sizeof *f);
    const ath_context_config config = failing_config(&f->memory);
    assert_int_equal(ath_context_create(&config, &f->ctx), ATH_OK);
    OK(f->ctx, ath_device_open(f->ctx, device, &f->device));
    OK(f->ctx, ath_model_create(f->ctx, LJ, &f->model));
    OK(f->ctx, ath_integrator_create(f->ctx, "langevin:timestep=4,temperature=60,friction=0.01",
                                     &f->integrators[0]));
    OK(f->ctx, ath_integrator_create(f->ctx, "nve:timestep=4", &f->integrators[1]));
    for (int32_t i = 0; i < N; i++) {
        f->systems[i] = structures_cluster(f->ctx, 8 + 7 * i, 18, 3.9, (uint32_t)i);
    }
    if (own) {
        f->temperature = own_field(f->ctx, "temperature");
        f->timestep = own_field(f->ctx, "timestep");
        own_set(f, 1, f->temperature, 90.0);
        own_set(f, 4, f->temperature, 120.0);
        own_set(f, 4, f->timestep, 2.5);
    }
}

static ath_dynamics_config fixture_config(const fixture *f)
{
    ath_dynamics_config config = ath_dynamics_defaults();
    config.model = f->model;
    config.integrator = f->integrators[0];
    config.velocities = ATH_VELOCITIES_THERMAL;
    config.temperature = 60.0;
    config.n_threads = 1;
    return config;
}

static void fixture_close(fixture *f)
{
    ath_dynamics_destroy(&f->dyn);
    ath_batch_destroy(&f->batch);
    for (int32_t i = 0; i < N; i++) {
        ath_system_destroy(&f->systems[i]);
    }
    for (int k = 0; k < 2; k++) {
        ath_integrator_destroy(&f->integrators[k]);
    }
    ath_model_destroy(&f->model);
    ath_device_close(&f->device);
    ath_context_destroy(&f->ctx);
    assert_true(f->memory.n_blocks == 0 && f->memory.n_wrong == 0);
}

/* What a system does by itself in stages with these options and these alone. */
static uint64_t expected(const char *langevin, double kelvin, const char *nve, int32_t i)
{
    fixture f;
    ath_dynamics *parts[2] = {NULL};
    fixture_open(&f, "host", false);
    for (int p = 0; p < (nve ? 2 : 1); p++) {
        ath_dynamics_config config = fixture_config(&f);
        ath_integrator_destroy(&f.integrators[p]);
        OK(f.ctx, ath_integrator_create(f.ctx, p ? nve : langevin, &f.integrators[p]));
        config.integrator = f.integrators[p];
        config.temperature = kelvin;
        config.velocities = p ? ATH_VELOCITIES_KEEP : ATH_VELOCITIES_THERMAL;
        config.n_steps = 20;
        OK(f.ctx, ath_dynamics_create(f.ctx, &config, &parts[p]));
    }
    OK(f.ctx, ath_batch_from_systems(f.ctx, f.device, &f.systems[i], 1, &f.batch));
    if (nve) {
        OK(f.ctx, ath_fuse(f.ctx, parts, 2, &f.dyn));
        OK(f.ctx, ath_dynamics_run(f.dyn, f.batch, ATH_UNSET));
    } else {
        OK(f.ctx, ath_dynamics_run(parts[0], f.batch, 20));
    }
    const uint64_t digest = structures_digest(f.ctx, f.batch, 0);
    ath_dynamics_destroy(&parts[0]);
    ath_dynamics_destroy(&parts[1]);
    fixture_close(&f);
    return digest;
}

static void expect_all(uint64_t digest[N], bool fused)
{
    for (int32_t i = 0; i < N; i++) {
        const char *nve = i == 4 ? "nve:timestep=2.5" : "nve:timestep=4";
        const double kelvin = i == 4 ? 120.0 : i == 1 ? 90.0 : 60.0;
        const char *text = i == 4   ? "langevin:timestep=2.5,temperature=120,friction=0.01"
                           : i == 1 ? "langevin:timestep=4,temperature=90,friction=0.01"
                                    : "langevin:timestep=4,temperature=60,friction=0.01";
        digest[i] = expected(text, kelvin, fused ? nve : NULL, i);
    }
}

/* In one batch, whatever the device and the order, bit by bit. */
static void test_plain(void **state)
{
    static const char *const devices[3] = {"host", "mock", "host"};
    uint64_t digest[N];
    (void)state;
    expect_all(digest, false);
    for (int d = 0; d < 3; d++) {
        fixture f;
        fixture_open(&f, devices[d], true);
        ath_dynamics_config config = fixture_config(&f);
        config.n_threads = d == 2 ? 3 : 1;
        config.tile_bytes = d == 2 ? 256 : 0;
        OK(f.ctx, ath_batch_from_systems(f.ctx, f.device, f.systems, 1, &f.batch));
        OK(f.ctx, ath_dynamics_create(f.ctx, &config, &f.dyn));
        OK(f.ctx, ath_dynamics_run(f.dyn, f.batch, 0)); /* a batch without the fields */
        for (int32_t i = N - 1; i > 0; i--) {
            OK(f.ctx, ath_batch_add(f.batch, f.systems[i]));
        }
        OK(f.ctx, ath_dynamics_run(f.dyn, f.batch, 20));
        for (int32_t i = 0; i < N; i++) {
            const int32_t at = i == 0 ? 0 : N - i;
            assert_true(structures_digest(f.ctx, f.batch, at) == digest[i]);
        }
        fixture_close(&f);
    }
}

/* Through a batch of two places and two stages, saved in the middle. */
static void test_stages(void **state)
{
    uint64_t digest[N];
    (void)state;
    expect_all(digest, true);
    for (int saved = 0; saved < 2; saved++) {
        fixture f;
        ath_sampler *sampler = NULL, *fresh = NULL;
        ath_sink *sink = NULL;
        ath_dynamics *parts[2] = {NULL}, *again = NULL;
        char path[64];
        snprintf(path, sizeof path, "own_%d.ath", (int)getpid());
        fixture_open(&f, "host", true);
        OK(f.ctx, ath_sampler_from_systems(f.ctx, f.systems, N, &sampler));
        OK(f.ctx, ath_sampler_from_systems(f.ctx, f.systems, N, &fresh));
        OK(f.ctx, ath_sink_memory(f.ctx, N, &sink));
        for (int run = 0; run <= saved; run++) {
            for (int p = 0; p < 2; p++) {
                ath_dynamics_config config = fixture_config(&f);
                config.integrator = f.integrators[p];
                config.velocities = p ? ATH_VELOCITIES_KEEP : ATH_VELOCITIES_THERMAL;
                config.n_steps = 20;
                config.max_batch_size = 2;
                config.sampler = run ? fresh : sampler;
                config.sinks = &sink;
                config.n_sinks = 1;
                config.device = f.device;
                OK(f.ctx, ath_dynamics_create(f.ctx, &config, &parts[p]));
            }
            OK(f.ctx, ath_fuse(f.ctx, parts, 2, run ? &again : &f.dyn));
            ath_dynamics_destroy(&parts[0]);
            ath_dynamics_destroy(&parts[1]);
            if (saved && !run) {
                OK(f.ctx, ath_dynamics_run(f.dyn, NULL, 30));
                OK(f.ctx, ath_dynamics_save(f.dyn, NULL, path));
            } else if (run) {
                OK(f.ctx, ath_dynamics_load(again, f.device, path, NULL));
                OK(f.ctx, ath_dynamics_run(again, NULL, ATH_UNSET));
            } else {
                OK(f.ctx, ath_dynamics_run(f.dyn, NULL, ATH_UNSET));
            }
        }
        assert_int_equal(ath_sink_length(sink), N);
        for (int64_t k = 0; k < N; k++) {
            ath_system *s = NULL;
            ath_batch *one = NULL;
            OK(f.ctx, ath_sink_read(sink, k, &s));
            OK(f.ctx, ath_batch_from_systems(f.ctx, f.device, &s, 1, &one));
            const int32_t i = (ath_system_n_atoms(s) - 8) / 7;
            assert_true(structures_digest(f.ctx, one, 0) == digest[i]);
            ath_batch_destroy(&one);
            ath_system_destroy(&s);
        }
        remove(path);
        ath_dynamics_destroy(&again);
        ath_dynamics_destroy(&f.dyn);
        ath_sink_destroy(&sink);
        ath_sampler_destroy(&sampler);
        ath_sampler_destroy(&fresh);
        fixture_close(&f);
    }
}

/* Out of range: this one is out, the others do not notice. 0 is a value, NaN is none. */
static void test_bad(void **state)
{
    static const double values[4] = {-1.0, INFINITY, 1e8, -INFINITY};
    static const char *const devices[2] = {"host", "mock"};
    uint64_t digest[N];
    (void)state;
    expect_all(digest, false);
    for (int k = 0; k < 4; k++) {
        fixture f;
        int32_t reason = 0, status = 0;
        int64_t age = 0;
        fixture_open(&f, devices[k % 2], true);
        own_set(&f, 2, f.temperature, values[k]);
        own_set(&f, 3, f.temperature, NAN);
        own_set(&f, 5, f.timestep, 0.0); /* below the least */
        const ath_dynamics_config config = fixture_config(&f);
        OK(f.ctx, ath_batch_from_systems(f.ctx, f.device, f.systems, N, &f.batch));
        OK(f.ctx, ath_dynamics_create(f.ctx, &config, &f.dyn));
        OK(f.ctx, ath_dynamics_run(f.dyn, f.batch, 20));
        for (int32_t i = 0; i < N; i++) {
            const bool bad = i == 2 || i == 5;
            OK(f.ctx, ath_batch_read(f.batch, ATH_FIELD_REASON, i, &reason));
            OK(f.ctx, ath_batch_read(f.batch, ATH_FIELD_STATUS, i, &status));
            OK(f.ctx, ath_batch_read(f.batch, ATH_FIELD_AGE, i, &age));
            assert_int_equal(reason, bad ? ATH_REASON_BAD_INPUT : ATH_REASON_NONE);
            assert_true(bad ? status == 1 && age == 0 : status == 0 && age == 20);
            assert_true(bad || structures_digest(f.ctx, f.batch, i) == digest[i]);
        }
        fixture_close(&f);
    }
}

/* Velocities drawn at 0 K because the system says so; with nve there is no other temperature. */
static void test_drawn(void **state)
{
    fixture f;
    double v[3 * MAX_ATOMS], m[MAX_ATOMS], dof = 0.0;
    (void)state;
    fixture_open(&f, "host", true);
    own_set(&f, 1, f.temperature, 0.0);
    own_set(&f, 3, f.timestep, 1e-6);
    own_set(&f, 3, f.temperature, 33.0);
    ath_dynamics_config config = fixture_config(&f);
    config.integrator = f.integrators[1];
    OK(f.ctx, ath_batch_from_systems(f.ctx, f.device, f.systems, N, &f.batch));
    OK(f.ctx, ath_dynamics_create(f.ctx, &config, &f.dyn));
    OK(f.ctx, ath_dynamics_run(f.dyn, f.batch, 1));
    OK(f.ctx, ath_batch_read(f.batch, ATH_FIELD_VELOCITIES, 3, v));
    OK(f.ctx, ath_batch_read(f.batch, ATH_FIELD_MASSES, 3, m));
    OK(f.ctx, ath_batch_read(f.batch, ATH_FIELD_DOF, 3, &dof));
    double twice = 0.0;
    for (int32_t k = 0; k < 3 * ath_batch_n_atoms_of(f.batch, 3); k++) {
        twice += m[k / 3] * v[k] * v[k];
    }
    assert_true(fabs(twice / (dof * ATH_BOLTZMANN) - 33.0) < 1e-5);
    OK(f.ctx, ath_batch_read(f.batch, ATH_FIELD_VELOCITIES, 1, v));
    assert_true(fabs(v[0]) < 1e-2); /* one step from rest */
    fixture_close(&f);
}

static void test_refused(void **state)
{
    const ath_field_info wrong[4] = {
        {.name = "friction", .level = ATH_LEVEL_SYSTEM, .dtype = ATH_F64, .width = 1},
        {.name = "friction",
         .level = ATH_LEVEL_ATOM,
         .dtype = ATH_F64,
         .width = 1,
         .fallback = NAN},
        {.name = "friction",
         .level = ATH_LEVEL_SYSTEM,
         .dtype = ATH_F32,
         .width = 1,
         .fallback = NAN},
        {.name = "friction",
         .level = ATH_LEVEL_SYSTEM,
         .dtype = ATH_F64,
         .width = 2,
         .fallback = NAN}};
    (void)state;
    for (int k = 0; k < 4; k++) {
        fixture f;
        ath_field_id id = -1;
        fixture_open(&f, "host", false);
        OK(f.ctx, ath_field_register(f.ctx, &wrong[k], &id));
        ath_dynamics_config config = fixture_config(&f);
        assert_int_equal(ath_dynamics_create(f.ctx, &config, &f.dyn), ATH_E_ARGUMENT);
        assert_null(f.dyn);
        assert_non_null(strstr(ath_context_message(f.ctx), "'friction'"));
        config.integrator = f.integrators[1]; /* has no friction */
        OK(f.ctx, ath_dynamics_create(f.ctx, &config, &f.dyn));
        fixture_close(&f);
    }
}

static void test_memory(void **state)
{
    static const char *const devices[2] = {"host", "mock"};
    (void)state;
    for (int d = 0; d < 2; d++) {
        fixture f;
        ath_status status;
        int64_t k = 0;
        fixture_open(&f, devices[d], true);
        const ath_dynamics_config config = fixture_config(&f);
        do {
            f.memory.n_calls = 0;
            f.memory.fail_at = ++k;
            status = ath_batch_from_systems(f.ctx, f.device, f.systems, N, &f.batch);
            status = status < 0 ? status : ath_dynamics_create(f.ctx, &config, &f.dyn);
            status = status < 0 ? status : ath_dynamics_run(f.dyn, f.batch, 2);
            assert_true(status == ATH_OK || status == ATH_E_NO_MEMORY);
            ath_dynamics_destroy(&f.dyn);
            ath_batch_destroy(&f.batch);
        } while (status < 0);
        assert_true(k > 20);
        fixture_close(&f);
    }
}

/* ---- files ---- */

static ath_status read_one(ath_context *ctx, const char *keys, ath_system **out)
{
    char text[256];
    ath_extxyz_reader *reader = NULL;
    const int n = snprintf(text, sizeof text,
                           "1\nProperties=species:S:1:pos:R:3 %s pbc=\"F F F\"\nAr 0 0 0\n", keys);
    OK(ctx, ath_extxyz_open_memory(ctx, "text", text, (size_t)n, &reader));
    const ath_status status = ath_extxyz_next(reader, out);
    ath_extxyz_close(&reader);
    return status;
}

static void test_file(void **state)
{
    fixture f;
    ath_system *s = NULL;
    ath_extra extra;
    (void)state;
    fixture_open(&f, "host", true);
    OK(f.ctx, read_one(f.ctx, "temperature=250 other=3 timestep=0.5", &s));
    assert_true(*(const double *)ath_system_peek(s, f.temperature) == 250.0);
    assert_true(*(const double *)ath_system_peek(s, f.timestep) == 0.5);
    OK(f.ctx, ath_system_find_extra(s, ATH_LEVEL_SYSTEM, "temperature", &extra));
    assert_int_equal(ath_system_n_extras(s), 3); /* as it was, and written once */
    ath_system_destroy(&s);
    OK(f.ctx, read_one(f.ctx, "other=3", &s));
    assert_null(ath_system_peek(s, f.temperature));
    ath_system_destroy(&s);
    assert_int_equal(read_one(f.ctx, "temperature=hot", &s), ATH_E_FORMAT);
    assert_non_null(strstr(ath_context_message(f.ctx), "text:2:44: expected 1 number for"));
    assert_int_equal(read_one(f.ctx, "temperature=\"1 2\"", &s), ATH_E_FORMAT);
    assert_int_equal(read_one(f.ctx, "temperature=T", &s), ATH_E_FORMAT);
    fixture_close(&f);
    fixture_open(&f, "host", false); /* without the field any text will do */
    OK(f.ctx, read_one(f.ctx, "temperature=hot", &s));
    ath_system_destroy(&s);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain), cmocka_unit_test(test_stages),  cmocka_unit_test(test_bad),
        cmocka_unit_test(test_drawn), cmocka_unit_test(test_refused), cmocka_unit_test(test_memory),
        cmocka_unit_test(test_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
