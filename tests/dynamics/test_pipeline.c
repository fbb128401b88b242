/* Pipelines: every system comes out once, with the bits of a fused dynamics of the same stages, for
 * all sizes of hand-offs and sinks; wiring and what is refused.
 */
#include "dynamics/structures.h"

#include <math.h>

#include <athanor/pipeline.h>

enum { N = 12, STAGES = 3 };

static volatile sig_atomic_t asked; /* to stop */

typedef struct fixture {
    ath_context *ctx;
    ath_device *device;
    ath_model *lj;
    ath_integrator *fire, *langevin, *nve;
    ath_system *systems[N];
    ath_sampler *sampler;
    ath_sink *sink;
} fixture;

static void fixture_open(fixture *f, const char *device)
{
    *f = (fixture){0};
    assert_int_equal(ath_context_create(NULL, &f->ctx), ATH_OK);
    OK(f->ctx, ath_device_open(f->ctx, device, &f->device));
    OK(f->ctx, ath_model_create(f->ctx, "lj:epsilon=0.0104,sigma=3.4,cutoff=8.5", &f->lj));
    OK(f->ctx, ath_integrator_create(f->ctx, "fire", &f->fire));
    OK(f->ctx, ath_integrator_create(f->ctx, "nve:timestep=4", &f->nve));
    OK(f->ctx, ath_integrator_create(f->ctx, "langevin:timestep=4,temperature=60,friction=0.01",
                                     &f->langevin));
    for (int32_t i = 0; i < N; i++) {
        f->systems[i] = i % 4 == 3 ? structures_crystal(f->ctx, 2, 18, 3.8, (uint32_t)i)
                                   : structures_cluster(f->ctx, 2 + i, 18, 3.9, (uint32_t)i);
    }
    void *p = NULL;
    OK(f->ctx, ath_system_field(f->systems[5], ATH_FIELD_POSITIONS, &p));
    ((double *)p)[1] = NAN; /* one that fails at once */
}

static void fixture_close(fixture *f)
{
    for (int32_t i = 0; i < N; i++) {
        ath_system_destroy(&f->systems[i]);
    }
    ath_integrator_destroy(&f->fire);
    ath_integrator_destroy(&f->nve);
    ath_integrator_destroy(&f->langevin);
    ath_model_destroy(&f->lj);
    ath_device_close(&f->device);
    ath_context_destroy(&f->ctx);
}

/* Stage k: relaxation, Langevin, NVE. */
static ath_dynamics_config stage_config(const fixture *f, int32_t k)
{
    static const ath_buffer_config buffer = {64, 4096, 0};
    static const ath_convergence c = {.size = sizeof c, .fmax = 0.02};
    ath_dynamics_config config = ath_dynamics_defaults();
    ath_integrator *const integrators[STAGES] = {f->fire, f->langevin, f->nve};
    config.model = f->lj;
    config.integrator = integrators[k];
    config.convergence_hook = k == 0 ? &c : NULL;
    config.n_steps = k == 0 ? 60 : 5 + 4 * k;
    config.velocities = k == 0   ? ATH_VELOCITIES_ZERO
                        : k == 1 ? ATH_VELOCITIES_THERMAL
                                 : ATH_VELOCITIES_KEEP;
    config.temperature = 60;
    config.seed = k;
    config.n_threads = 1;
    config.device = f->device;
    config.buffer_config = &buffer;
    config.stop = &asked;
    return config;
}

static void stages_make(const fixture *f, const ath_buffer_config *buffer, int32_t max_batch_size,
                        ath_dynamics *out[STAGES])
{
    for (int32_t k = 0; k < STAGES; k++) {
        ath_dynamics_config config = stage_config(f, k);
        config.buffer_config = buffer ? buffer : config.buffer_config;
        config.max_batch_size = max_batch_size;
        config.sampler = k == 0 ? f->sampler : NULL;
        config.sinks = k == STAGES - 1 && f->sink ? &f->sink : NULL;
        config.n_sinks = k == STAGES - 1 && f->sink;
        OK(f->ctx, ath_dynamics_create(f->ctx, &config, &out[k]));
    }
}

static void stages_destroy(ath_dynamics *stages[STAGES])
{
    for (int32_t k = 0; k < STAGES; k++) {
        ath_dynamics_destroy(&stages[k]);
    }
}

static const ath_pipe_part *parts_of(ath_dynamics *const stages[STAGES])
{
    static ath_pipe_part parts[STAGES];
    for (int32_t k = 0; k < STAGES; k++) {
        parts[k] = (ath_pipe_part){.dynamics = stages[k]};
    }
    return parts;
}

/* Digests of what is in the sink, in the order of the systems; each must be there once. */
static void digests_of(const fixture *f, uint64_t out[N])
{
    ath_batch *batch = NULL;
    ath_device *host = NULL;
    int32_t n_found = 0;
    OK(f->ctx, ath_device_open(f->ctx, "host", &host));
    OK(f->ctx, ath_sink_read_all(f->sink, host, &batch));
    assert_int_equal(ath_batch_n_systems(batch), N);
    for (int32_t i = 0; i < N; i++) {
        for (int32_t k = 0; k < N; k++) {
            if (ath_batch_uid(batch, k).lo == ath_system_uid(f->systems[i]).lo) {
                out[i] = structures_digest(f->ctx, batch, k);
                n_found++;
            }
        }
    }
    assert_int_equal(n_found, N);
    ath_batch_destroy(&batch);
    ath_device_close(&host);
}

static void flow_open(fixture *f, int64_t capacity)
{
    OK(f->ctx, ath_sampler_from_systems(f->ctx, f->systems, N, &f->sampler));
    OK(f->ctx, ath_sink_memory(f->ctx, capacity, &f->sink));
}

static void flow_close(fixture *f)
{
    ath_sampler_destroy(&f->sampler);
    ath_sink_destroy(&f->sink);
}

static void fused_digests(fixture *f, uint64_t out[N])
{
    ath_dynamics *stages[STAGES] = {NULL}, *fused = NULL;
    flow_open(f, N);
    for (int32_t k = 0; k < STAGES; k++) {
        ath_dynamics_config config = stage_config(f, k);
        config.sampler = k == 0 ? f->sampler : NULL;
        config.sinks = k == 0 ? &f->sink : NULL;
        config.n_sinks = k == 0;
        OK(f->ctx, ath_dynamics_create(f->ctx, &config, &stages[k]));
    }
    OK(f->ctx, ath_fuse(f->ctx, stages, STAGES, &fused));
    OK(f->ctx, ath_dynamics_run(fused, NULL, ATH_UNSET));
    digests_of(f, out);
    ath_dynamics_destroy(&fused);
    stages_destroy(stages);
    flow_close(f);
}

static void check_bits(const char *device)
{
    static const ath_buffer_config buffers[] = {{64, 4096, 0}, {1, 1, 0}, {2, 20, 0}};
    static const int32_t sizes[] = {100, 1, 3};
    fixture f;
    uint64_t expected[N], got[N];
    fixture_open(&f, device);
    fused_digests(&f, expected);
    for (size_t k = 0; k < 9; k++) {
        ath_dynamics *stages[STAGES] = {NULL};
        ath_pipeline *pipeline = NULL;
        flow_open(&f, N);
        stages_make(&f, &buffers[k % 3], sizes[k / 3], stages);
        OK(f.ctx, ath_pipe(f.ctx, parts_of(stages), STAGES, &pipeline));
        OK(f.ctx, ath_pipeline_run(pipeline, NULL, k == 4 ? 20 : ATH_UNSET));
        OK(f.ctx, ath_pipeline_run(pipeline, NULL, ATH_UNSET));
        digests_of(&f, got);
        assert_memory_equal(got, expected, sizeof got);
        ath_pipeline_destroy(&pipeline);
        stages_destroy(stages);
        flow_close(&f);
    }
    fixture_close(&f);
}

static void test_bits(void **state)
{
    (void)state;
    check_bits("host");
    check_bits("mock");
}

/* A full sink stops it all, up to the sampler; nothing is lost on the way. */
static ath_status stop_call(void *user, const ath_hook_context *c)
{
    (void)user, (void)c;
    asked = 1;
    return ATH_OK;
}

/* Asked to stop at every seventh step of the stage in the middle: nobody is lost, and the bits are
 * those of a run that was not. */
static void test_stop(void **state)
{
    fixture f;
    uint64_t expected[N], got[N];
    ath_dynamics *stages[STAGES];
    ath_pipeline *pipeline = NULL;
    ath_status status = ATH_AGAIN;
    int n = 0;
    const ath_hook hook = {.size = sizeof hook,
                           .name = "stop",
                           .stage = ATH_STAGE_AFTER_STEP,
                           .frequency = 7,
                           .call = stop_call};
    (void)state;
    fixture_open(&f, "host");
    fused_digests(&f, expected);
    flow_open(&f, N);
    stages_make(&f, NULL, 4, stages);
    OK(f.ctx, ath_dynamics_register_hook(stages[1], &hook));
    OK(f.ctx, ath_pipe(f.ctx, parts_of(stages), STAGES, &pipeline));
    asked = 1;
    assert_int_equal(ath_pipeline_run(pipeline, NULL, ATH_UNSET), ATH_AGAIN);
    assert_int_equal(ath_dynamics_step_count(stages[0]), 0);
    for (; status == ATH_AGAIN && n < 1000; n++) {
        asked = 0;
        status = ath_pipeline_run(pipeline, NULL, ATH_UNSET);
    }
    assert_int_equal(status, ATH_OK);
    assert_true(n > 3);
    asked = 0;
    digests_of(&f, got);
    assert_memory_equal(got, expected, sizeof got);
    ath_pipeline_destroy(&pipeline);
    stages_destroy(stages);
    flow_close(&f);
    fixture_close(&f);
}

static void test_back_pressure(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, "host");
    for (int64_t capacity = 0; capacity <= 2; capacity++) {
        ath_dynamics *stages[STAGES] = {NULL};
        ath_pipeline *pipeline = NULL;
        int64_t n_out = 0;
        flow_open(&f, capacity);
        stages_make(&f, NULL, 2, stages);
        OK(f.ctx, ath_pipe(f.ctx, parts_of(stages), STAGES, &pipeline));
        for (int32_t round = 0; round < 3 * N; round++) {
            const ath_status status = ath_pipeline_run(pipeline, NULL, ATH_UNSET);
            assert_true(status == ATH_OK || status == ATH_AGAIN);
            n_out += ath_sink_length(f.sink);
            OK(f.ctx, ath_sink_zero(f.sink));
            if (status == ATH_OK) {
                break;
            }
            for (int32_t k = 0; k < STAGES; k++) {
                assert_true(ath_batch_n_systems(ath_pipeline_batch(pipeline, k)) <= 2);
            }
        }
        assert_int_equal(n_out, capacity ? N : 0);
        ath_pipeline_destroy(&pipeline);
        stages_destroy(stages);
        flow_close(&f);
    }
    fixture_close(&f);
}

/* A given batch, without sinks: what has finished stays in the last stage. */
static void test_given_batch(void **state)
{
    (void)state;
    fixture f;
    ath_batch *batch = NULL;
    ath_dynamics *stages[STAGES] = {NULL};
    ath_pipeline *pipeline = NULL;
    fixture_open(&f, "host");
    OK(f.ctx, ath_batch_from_systems(f.ctx, f.device, f.systems, N, &batch));
    stages_make(&f, NULL, 100, stages);
    OK(f.ctx, ath_pipe(f.ctx, parts_of(stages), STAGES, &pipeline));
    assert_int_equal(ath_pipeline_n_stages(pipeline), STAGES);
    assert_null(ath_pipeline_batch(pipeline, 1));
    OK(f.ctx, ath_pipeline_run(pipeline, batch, ATH_UNSET));
    assert_ptr_equal(ath_pipeline_batch(pipeline, 0), batch);
    assert_int_equal(ath_batch_n_systems(batch), 1); /* the one that has failed */
    assert_int_equal(ath_batch_n_systems(ath_pipeline_batch(pipeline, 2)), N - 1);
    for (int32_t i = 0; i < N - 1; i++) {
        int64_t steps = 0;
        OK(f.ctx,
           ath_batch_read(ath_pipeline_batch(pipeline, 2), ATH_FIELD_STAGE_STEPS, i, &steps));
        assert_int_equal(steps, 13);
    }
    ath_pipeline_destroy(&pipeline);
    stages_destroy(stages);
    ath_batch_destroy(&batch);
    fixture_close(&f);
}

static void test_wiring(void **state)
{
    (void)state;
    fixture f;
    ath_dynamics *a[STAGES], *b[STAGES];
    ath_pipeline *p = NULL, *q = NULL, *both = NULL;
    fixture_open(&f, "host");
    stages_make(&f, NULL, 10, a);
    stages_make(&f, NULL, 10, b);
    OK(f.ctx, ath_pipe(f.ctx, parts_of(a), 2, &p));
    OK(f.ctx, ath_pipe(f.ctx, parts_of(b), STAGES, &q));
    assert_int_equal(ath_dynamics_prior_rank(a[0]), ATH_RANK_NONE);
    assert_int_equal(ath_dynamics_next_rank(a[0]), 1);
    assert_true(ath_dynamics_is_final_stage(a[1]) && ath_dynamics_is_first_stage(b[0]));
    const ath_pipe_part joined[3] = {{.pipeline = p}, {.dynamics = a[2]}, {.pipeline = q}};
    OK(f.ctx, ath_pipe(f.ctx, joined, 3, &both));
    assert_int_equal(ath_pipeline_n_stages(both), 6);
    assert_int_equal(ath_pipeline_n_stages(p), 2);
    for (int32_t k = 0; k < 6; k++) {
        ath_dynamics *stage = ath_pipeline_stage(both, k);
        assert_ptr_equal(stage, k < 3 ? a[k] : b[k - 3]);
        assert_int_equal(ath_dynamics_prior_rank(stage), k ? k - 1 : ATH_RANK_NONE);
        assert_int_equal(ath_dynamics_next_rank(stage), k < 5 ? k + 1 : ATH_RANK_NONE);
        assert_true(ath_dynamics_has_neighbor(stage));
    }
    assert_null(ath_pipeline_stage(both, 6));
    ath_pipeline_destroy(&both);
    ath_pipeline_destroy(&p);
    ath_pipeline_destroy(&q);
    stages_destroy(a);
    stages_destroy(b);
    fixture_close(&f);
}

static void refused(const fixture *f, const ath_pipe_part *parts, int32_t n, const char *says)
{
    ath_pipeline *p = NULL;
    assert_int_equal(ath_pipe(f->ctx, parts, n, &p), ATH_E_ARGUMENT);
    assert_null(p);
    if (!strstr(ath_context_message(f->ctx), says)) {
        fail_msg("'%s' not in '%s'", says, ath_context_message(f->ctx));
    }
}

static void test_refusals(void **state)
{
    (void)state;
    static const ath_buffer_config other = {7, 7, 7};
    fixture f;
    ath_dynamics *s[STAGES], *odd = NULL;
    fixture_open(&f, "host");
    stages_make(&f, NULL, 10, s);
    refused(&f, parts_of(s), 1, "at least 2 stages");
    const ath_pipe_part twice[2] = {{.dynamics = s[0]}, {.dynamics = s[0]}};
    refused(&f, twice, 2, "the same dynamics");
    const ath_pipe_part neither[2] = {{.dynamics = s[0]}, {0}};
    refused(&f, neither, 2, "neither");
    for (int k = 0; k < 4; k++) {
        static const char *const says[] = {"buffer_config", "mismatch", "its place", "ever leave"};
        ath_dynamics_config config = stage_config(&f, 1);
        config.buffer_config = k == 0 ? NULL : k == 1 ? &other : config.buffer_config;
        config.next_rank = k == 2 ? 5 : ATH_RANK_UNSET;
        config.n_steps = k == 3 ? ATH_UNSET : config.n_steps;
        OK(f.ctx, ath_dynamics_create(f.ctx, &config, &odd));
        const ath_pipe_part parts[2] = {{.dynamics = s[0]}, {.dynamics = odd}};
        refused(&f, parts, 2, says[k]);
        ath_dynamics_destroy(&odd);
    }
    ath_pipeline *p = NULL;
    OK(f.ctx, ath_pipe(f.ctx, parts_of(s), STAGES, &p));
    assert_int_equal(ath_pipeline_run(p, NULL, ATH_UNSET), ATH_E_ARGUMENT); /* no sampler */
    ath_pipeline_destroy(&p);
    stages_destroy(s);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bits),          cmocka_unit_test(test_stop),
        cmocka_unit_test(test_back_pressure), cmocka_unit_test(test_wiring),
        cmocka_unit_test(test_given_batch),   cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
