/* What a call of a hook is about and when it happens: masks, own steps, several stages, order in a
 * fused dynamics, failures inside a step, and hooks that are part of the evaluation of forces.
 */
#include "dynamics/structures.h"

#include <athanor/dynamics.h>

enum { N = 4, CALLS = 4096 };
static const char *const plain = "lj:epsilon=0.0104,sigma=3.4,cutoff=8.5";
static const char *const doubled = "lj:epsilon=0.0208,sigma=3.4,cutoff=8.5";

/* Everything that the calls of some hooks said. */
typedef struct tape {
    int32_t n;
    struct call {
        int32_t mark, stage, part, n_masked;
        int64_t step_count;
        unsigned mask;
    } calls[CALLS];
} tape;

typedef struct pen {
    tape *tape;
    int32_t mark;
    int32_t fail_at; /* number of the call of this pen that fails, from 1; 0: none */
    int32_t n_calls;
} pen;

static ath_status pen_call(void *user, const ath_hook_context *c)
{
    pen *p = user;
    tape *t = p->tape;
    struct call *call = &t->calls[t->n];
    int32_t n = 0;
    assert_true(t->n++ < CALLS);
    *call = (struct call){.mark = p->mark,
                          .stage = (int32_t)c->stage,
                          .part = c->part,
                          .n_masked = c->n_masked,
                          .step_count = c->step_count};
    for (int32_t i = 0; i < ath_batch_n_systems(c->batch); i++) {
        call->mask |= c->mask[i] ? 1u << i : 0u;
        n += c->mask[i];
    }
    assert_int_equal(n, c->n_masked);
    return ++p->n_calls == p->fail_at ? ATH_E_IO : ATH_OK;
}

static ath_hook pen_hook(pen *p, ath_stage stage, int64_t frequency, unsigned access)
{
    return (ath_hook){.size = sizeof(ath_hook),
                      .name = "pen",
                      .stage = stage,
                      .frequency = frequency,
                      .access = access,
                      .user = p,
                      .call = pen_call};
}

typedef struct fixture {
    ath_context *ctx;
    ath_device *device;
    ath_model *model;
    ath_integrator *nve, *fire;
} fixture;

static void fixture_open(fixture *f, const char *device, const char *model)
{
    assert_int_equal(ath_context_create(NULL, &f->ctx), ATH_OK);
    OK(f->ctx, ath_device_open(f->ctx, device, &f->device));
    OK(f->ctx, ath_model_create(f->ctx, model, &f->model));
    OK(f->ctx, ath_integrator_create(f->ctx, "nve:timestep=4", &f->nve));
    OK(f->ctx, ath_integrator_create(f->ctx, "fire", &f->fire));
}

static void fixture_close(fixture *f)
{
    ath_integrator_destroy(&f->nve);
    ath_integrator_destroy(&f->fire);
    ath_model_destroy(&f->model);
    ath_device_close(&f->device);
    ath_context_destroy(&f->ctx);
}

static ath_system *fixture_system(const fixture *f, int32_t i)
{
    return i % 2 ? structures_crystal(f->ctx, 3, 18, 3.8, (uint32_t)i)
                 : structures_cluster(f->ctx, 4 + 5 * i, 18, 3.9, (uint32_t)i);
}

static ath_batch *fixture_batch(const fixture *f)
{
    ath_system *systems[N];
    ath_batch *batch = NULL;
    for (int32_t i = 0; i < N; i++) {
        systems[i] = fixture_system(f, i);
    }
    OK(f->ctx, ath_batch_from_systems(f->ctx, f->device, systems, N, &batch));
    for (int32_t i = 0; i < N; i++) {
        ath_system_destroy(&systems[i]);
    }
    return batch;
}

static ath_dynamics *make(const fixture *f, ath_integrator *integrator, double fmax,
                          int64_t n_steps, const ath_hook *hooks, int32_t n_hooks)
{
    const ath_convergence c = {.size = sizeof c, .fmax = fmax};
    ath_dynamics_config config = ath_dynamics_defaults();
    ath_dynamics *dyn = NULL;
    config.model = f->model;
    config.integrator = integrator;
    config.convergence_hook = fmax > 0 ? &c : NULL;
    config.n_steps = n_steps;
    config.velocities = ATH_VELOCITIES_THERMAL;
    config.temperature = 40;
    config.n_threads = 2;
    config.hooks = hooks;
    config.n_hooks = n_hooks;
    OK(f->ctx, ath_dynamics_create(f->ctx, &config, &dyn));
    return dyn;
}

static void put_status(const fixture *f, ath_batch *batch, const int32_t status[N])
{
    for (int32_t i = 0; i < N; i++) {
        OK(f->ctx, ath_batch_write(batch, ATH_FIELD_STATUS, i, &status[i]));
    }
}

/* ---- stages ---- */

static bool pen_even(void *user, ath_stage stage)
{
    (void)user;
    return stage % 2 == 0;
}

static void test_several_stages(void **state)
{
    (void)state;
    fixture f;
    tape t = {0};
    pen p[2] = {{&t, 0, 0, 0}, {&t, 1, 0, 0}};
    ath_hook hooks[2] = {pen_hook(&p[0], ATH_STAGE_ANY, 1, 0),
                         pen_hook(&p[1], ATH_STAGE_ANY, 1, 0)};
    hooks[0].stages = 1u << ATH_STAGE_BEFORE_STEP | 1u << ATH_STAGE_AFTER_COMPUTE;
    hooks[1].runs_on = pen_even;
    fixture_open(&f, "host", plain);
    ath_dynamics *dyn = make(&f, f.nve, 0, ATH_UNSET, hooks, 2);
    ath_batch *batch = fixture_batch(&f);
    OK(f.ctx, ath_dynamics_run(dyn, batch, 2));
    /* BEFORE_STEP: both; AFTER_PRE_UPDATE: 1; AFTER_COMPUTE: both; AFTER_POST_UPDATE: 1 */
    static const int32_t stages[6] = {0, 0, 2, 4, 4, 6}, marks[6] = {0, 1, 1, 0, 1, 1};
    assert_int_equal(t.n, 12);
    for (int32_t k = 0; k < 12; k++) {
        assert_int_equal(t.calls[k].stage, stages[k % 6]);
        assert_int_equal(t.calls[k].mark, marks[k % 6]);
        assert_int_equal(t.calls[k].step_count, k / 6);
        assert_int_equal(t.calls[k].mask, 15);
    }
    ath_dynamics_destroy(&dyn);
    ath_batch_destroy(&batch);
    fixture_close(&f);
}

static void test_refusals(void **state)
{
    (void)state;
    fixture f;
    tape t = {0};
    pen p = {&t, 0, 0, 0};
    fixture_open(&f, "host", plain);
    ath_dynamics *dyn = make(&f, f.nve, 0, ATH_UNSET, NULL, 0);
    ath_hook hook = pen_hook(&p, ATH_STAGE_ANY, 1, 0);
    assert_int_equal(ath_dynamics_register_hook(dyn, &hook), ATH_E_ARGUMENT);
    assert_non_null(strstr(ath_context_message(f.ctx), "no stage"));
    hook = pen_hook(&p, ATH_STAGE_AFTER_COMPUTE, 2, ATH_HOOK_WRITES);
    assert_int_equal(ath_dynamics_register_hook(dyn, &hook), ATH_E_ARGUMENT);
    assert_non_null(strstr(ath_context_message(f.ctx), "frequency 1"));
    hook = pen_hook(&p, ATH_STAGE_AFTER_STEP, 1, 0);
    hook.call = NULL;
    assert_int_equal(ath_dynamics_register_hook(dyn, &hook), ATH_E_ARGUMENT);
    int32_t n = -1;
    OK(f.ctx, ath_dynamics_hooks(dyn, ATH_STAGE_ANY, NULL, 0, &n));
    assert_int_equal(n, 0);
    ath_dynamics_destroy(&dyn);
    fixture_close(&f);
}

/* ---- own steps ---- */

/* Two systems come 3 steps after the others; each is seen at its own multiples of 4. */
static void check_own_steps(const char *device)
{
    fixture f;
    tape t = {0};
    pen p[2] = {{&t, 0, 0, 0}, {&t, 1, 0, 0}};
    const ath_hook hooks[2] = {pen_hook(&p[0], ATH_STAGE_AFTER_STEP, 4, ATH_HOOK_OWN_STEPS),
                               pen_hook(&p[1], ATH_STAGE_BEFORE_STEP, 5, 0)};
    fixture_open(&f, device, plain);
    ath_dynamics *dyn = make(&f, f.nve, 0, ATH_UNSET, hooks, 2);
    const ath_batch_config shape = {.size = sizeof shape, .device = f.device};
    ath_batch *batch = NULL;
    int64_t n_own = 0, n_engine = 0;
    OK(f.ctx, ath_batch_create(f.ctx, &shape, &batch));
    for (int32_t round = 0; round < 2; round++) {
        for (int32_t i = 0; i < 2; i++) {
            ath_system *s = fixture_system(&f, 2 * round + i);
            OK(f.ctx, ath_batch_add(batch, s));
            ath_system_destroy(&s);
        }
        OK(f.ctx, ath_dynamics_run(dyn, batch, round ? 12 : 3));
    }
    for (int32_t k = 0; k < t.n; k++) {
        const int64_t step = t.calls[k].step_count;
        if (t.calls[k].mark == 0) {
            const unsigned due =
                (step % 4 == 0 ? 3u : 0u) | (step >= 3 && step % 4 == 3 ? 12u : 0u);
            assert_true(due != 0 && t.calls[k].mask == due);
            n_own++;
        } else {
            assert_int_equal(step % 5, 0);
            assert_int_equal(t.calls[k].mask, step < 3 ? 3 : 15);
            n_engine++;
        }
    }
    assert_int_equal(n_own, 4 + 3); /* steps 0 4 8 12, and 3 7 11 */
    assert_int_equal(n_engine, 3);
    ath_dynamics_destroy(&dyn);
    ath_batch_destroy(&batch);
    fixture_close(&f);
}

static void test_own_steps(void **state)
{
    (void)state;
    check_own_steps("host");
    check_own_steps("mock");
}

/* ---- fused ---- */

/* Order: the fused dynamics' own hooks first up to AFTER_COMPUTE, then last; hooks of the parts at
 * all nine stages, each about the systems of its part, also if there are none. */
static void check_fused(const char *device)
{
    fixture f;
    tape t = {0};
    pen p[3] = {{&t, 0, 0, 0}, {&t, 1, 0, 0}, {&t, 2, 0, 0}};
    const int32_t status[N] = {0, 2, 0, 1};
    fixture_open(&f, device, plain);
    ath_hook hook[3];
    for (int32_t k = 0; k < 3; k++) {
        hook[k] = pen_hook(&p[k], ATH_STAGE_ANY, 1, 0);
        hook[k].stages = 0x1ff;
    }
    ath_dynamics *parts[3] = {make(&f, f.fire, 1e6, ATH_UNSET, &hook[0], 1),
                              make(&f, f.nve, 0, 9, &hook[1], 1), make(&f, f.nve, 0, 5, NULL, 0)};
    ath_dynamics *fused = NULL;
    OK(f.ctx, ath_fuse(f.ctx, parts, 3, &fused));
    OK(f.ctx, ath_dynamics_register_hook(fused, &hook[2]));
    ath_batch *batch = fixture_batch(&f);
    put_status(&f, batch, status);
    OK(f.ctx, ath_dynamics_run(fused, batch, 1));
    assert_int_equal(t.n, 3 * 8 + 2); /* ON_CONVERGE: part 0 and the fused one */
    for (int32_t k = 0; k < t.n; k++) {
        const struct call *c = &t.calls[k];
        const int32_t stage = k < 24 ? k / 3 : ATH_STAGE_ON_CONVERGE;
        const int32_t first[3] = {2, 0, 1}, last[3] = {0, 1, 2}, converged[2] = {0, 2};
        assert_int_equal(c->stage, stage);
        assert_int_equal(c->mark, k >= 24                            ? converged[k - 24]
                                  : stage <= ATH_STAGE_AFTER_COMPUTE ? first[k % 3]
                                                                     : last[k % 3]);
        assert_int_equal(c->part, c->mark == 2 ? -1 : c->mark);
        const unsigned mine[3] = {5, 8, k < 24 ? 15 : 5};
        assert_int_equal(c->mask, mine[c->mark]);
    }
    /* the parts are as they were */
    for (int32_t k = 0; k < 2; k++) {
        int32_t n = 0;
        OK(f.ctx, ath_dynamics_hooks(parts[k], ATH_STAGE_ANY, NULL, 0, &n));
        assert_int_equal(n, 1);
        assert_int_equal(ath_dynamics_step_count(parts[k]), 0);
    }
    /* nobody is left in part 0: its hooks are called all the same */
    t.n = 0;
    OK(f.ctx, ath_dynamics_run(fused, batch, 1));
    assert_int_equal(t.n, 3 * 8);
    assert_int_equal(t.calls[1].mask, 0);
    ath_dynamics_destroy(&fused);
    for (int32_t k = 0; k < 3; k++) {
        ath_dynamics_destroy(&parts[k]);
    }
    ath_batch_destroy(&batch);
    fixture_close(&f);
}

static void test_fused(void **state)
{
    (void)state;
    check_fused("host");
    check_fused("mock");
}

/* A pen that sees that energies are there. */
static ath_status energy_call(void *user, const ath_hook_context *c)
{
    for (int32_t i = 0; i < ath_batch_n_systems(c->batch); i++) {
        double energy = 0.0;
        const ath_status status = ath_batch_read(c->batch, ATH_FIELD_ENERGY, i, &energy);
        assert_true(status == ATH_OK && energy < 0.0);
    }
    return pen_call(user, c);
}

/* Systems that meet the criteria when they come are told of like others: each once, by its part,
 * also where they go through several parts at once. */
static void check_met_on_entry(const char *device)
{
    fixture f;
    tape t = {0};
    pen p[2] = {{&t, 0, 0, 0}, {&t, 1, 0, 0}};
    ath_dynamics *parts[3] = {NULL}, *fused = NULL;
    const ath_convergence c = {.size = sizeof c, .fmax = 1e6};
    fixture_open(&f, device, plain);
    for (int32_t k = 0; k < 2; k++) {
        ath_hook hook = pen_hook(&p[k], ATH_STAGE_ON_CONVERGE, 1, ATH_HOOK_READS_ENERGY);
        hook.call = energy_call;
        ath_dynamics_config config = ath_dynamics_defaults();
        config.model = f.model;
        config.integrator = f.fire;
        config.convergence_hook = &c;
        config.assess_on_entry = true;
        config.hooks = &hook;
        config.n_hooks = 1;
        OK(f.ctx, ath_dynamics_create(f.ctx, &config, &parts[k]));
    }
    parts[2] = make(&f, f.nve, 0, 5, NULL, 0);
    OK(f.ctx, ath_fuse(f.ctx, parts, 3, &fused));
    ath_batch *batch = fixture_batch(&f);
    OK(f.ctx, ath_dynamics_run(fused, batch, ATH_UNSET));
    assert_int_equal(t.n, 2);
    for (int32_t k = 0; k < 2; k++) {
        assert_int_equal(t.calls[k].mark, k);
        assert_int_equal(t.calls[k].mask, 15);
    }
    for (int32_t i = 0; i < N; i++) {
        int64_t age = -1;
        OK(f.ctx, ath_batch_read(batch, ATH_FIELD_AGE, i, &age));
        assert_int_equal(age, 5);
    }
    ath_dynamics_destroy(&fused);
    for (int32_t k = 0; k < 3; k++) {
        ath_dynamics_destroy(&parts[k]);
    }
    ath_batch_destroy(&batch);
    fixture_close(&f);
}

static void test_met_on_entry(void **state)
{
    (void)state;
    check_met_on_entry("host");
    check_met_on_entry("mock");
}

/* ---- failures ---- */

/* Wherever a hook fails, the step is finished: the state is that of whole steps, and the run can go
 * on as if nothing had been. */
static void check_failure(const char *device)
{
    fixture f;
    fixture_open(&f, device, plain);
    for (int32_t stage = 0; stage <= ATH_STAGE_AFTER_STEP; stage++) {
        tape t = {0};
        pen p[2] = {{&t, 0, 3, 0}, {&t, 1, 0, 0}};
        ath_hook hooks[2] = {pen_hook(&p[0], (ath_stage)stage, 1, 0),
                             pen_hook(&p[1], ATH_STAGE_ANY, 1, 0)};
        hooks[1].stages = 0xff;
        ath_dynamics *dyn = make(&f, f.nve, 0, ATH_UNSET, hooks, 2);
        ath_dynamics *other = make(&f, f.nve, 0, ATH_UNSET, NULL, 0);
        ath_batch *batch = fixture_batch(&f), *twin = fixture_batch(&f);
        assert_int_equal(ath_dynamics_run(dyn, batch, 10), ATH_E_IO);
        assert_int_equal(t.calls[t.n - 1].mark, 0); /* no further hook in that step */
        assert_int_equal(ath_dynamics_step_count(dyn), 3);
        OK(f.ctx, ath_dynamics_run(other, twin, 3));
        for (int32_t i = 0; i < N; i++) {
            assert_true(structures_digest(f.ctx, batch, i) == structures_digest(f.ctx, twin, i));
        }
        OK(f.ctx, ath_dynamics_run(dyn, batch, 7));
        OK(f.ctx, ath_dynamics_run(other, twin, 7));
        for (int32_t i = 0; i < N; i++) {
            assert_true(structures_digest(f.ctx, batch, i) == structures_digest(f.ctx, twin, i));
        }
        ath_dynamics_destroy(&dyn);
        ath_dynamics_destroy(&other);
        ath_batch_destroy(&batch);
        ath_batch_destroy(&twin);
    }
    fixture_close(&f);
}

static void test_failure(void **state)
{
    (void)state;
    check_failure("host");
    check_failure("mock");
}

/* ---- part of the evaluation ---- */

/* Doubles energy, forces and stress: exact, so that the bits are those of a model twice as strong.
 */
static ath_status twice_call(void *user, const ath_hook_context *c)
{
    fixture *f = user;
    static double rows[3 * 256];
    for (int32_t i = 0; i < ath_batch_n_systems(c->batch); i++) {
        const ath_field_id fields[3] = {ATH_FIELD_FORCES, ATH_FIELD_ENERGY, ATH_FIELD_STRESS};
        const int32_t n[3] = {3 * ath_batch_n_atoms_of(c->batch, i), 1, 9};
        for (int32_t k = 0; k < 3 && c->mask[i]; k++) {
            OK(f->ctx, ath_batch_read(c->batch, fields[k], i, rows));
            for (int32_t v = 0; v < n[k]; v++) {
                rows[v] *= 2.0;
            }
            OK(f->ctx, ath_batch_write(c->batch, fields[k], i, rows));
        }
    }
    return ATH_OK;
}

static uint64_t sum_of(ath_context *ctx, ath_sink *sink)
{
    uint64_t sum = 0;
    for (int64_t k = 0; k < ath_sink_length(sink); k++) {
        ath_system *s = NULL;
        ath_batch *one = NULL;
        ath_device *host = NULL;
        OK(ctx, ath_sink_read(sink, k, &s));
        OK(ctx, ath_device_open(ctx, "host", &host));
        OK(ctx, ath_batch_from_systems(ctx, host, &s, 1, &one));
        sum += structures_digest(ctx, one, 0) * (2 * ath_system_uid(s).lo + 1);
        ath_batch_destroy(&one);
        ath_device_close(&host);
        ath_system_destroy(&s);
    }
    return sum;
}

/* All systems through a batch of two places, relaxed and then moved; a sum over what comes out. */
static uint64_t evaluation_run(const char *device, const char *model, bool twice)
{
    fixture f;
    ath_system *systems[2 * N];
    ath_sampler *sampler = NULL;
    ath_sink *sink = NULL;
    ath_dynamics *parts[2] = {NULL}, *fused = NULL;
    fixture_open(&f, device, model);
    const ath_hook hook = {.size = sizeof hook,
                           .name = "twice",
                           .stage = ATH_STAGE_AFTER_COMPUTE,
                           .frequency = 1,
                           .access = ATH_HOOK_WRITES,
                           .user = &f,
                           .call = twice_call};
    for (int32_t i = 0; i < 2 * N; i++) {
        systems[i] = fixture_system(&f, i);
    }
    OK(f.ctx, ath_sampler_from_systems(f.ctx, systems, 2 * N, &sampler));
    OK(f.ctx, ath_sink_memory(f.ctx, 2 * N, &sink));
    const ath_convergence c = {.size = sizeof c, .fmax = 0.02};
    ath_dynamics_config config = ath_dynamics_defaults();
    config.model = f.model;
    config.integrator = f.fire;
    config.convergence_hook = &c;
    config.assess_on_entry = true;
    config.n_steps = 40;
    config.sampler = sampler;
    config.sinks = &sink;
    config.n_sinks = 1;
    config.device = f.device;
    config.max_batch_size = 2;
    config.n_threads = 2;
    OK(f.ctx, ath_dynamics_create(f.ctx, &config, &parts[0]));
    parts[1] = make(&f, f.nve, 0, 7, NULL, 0);
    OK(f.ctx, ath_fuse(f.ctx, parts, 2, &fused));
    if (twice) {
        OK(f.ctx, ath_dynamics_register_hook(fused, &hook));
    }
    OK(f.ctx, ath_dynamics_run(fused, NULL, ATH_UNSET));
    assert_int_equal(ath_sink_length(sink), 2 * N);
    const uint64_t sum = sum_of(f.ctx, sink);
    ath_dynamics_destroy(&fused);
    ath_dynamics_destroy(&parts[0]);
    ath_dynamics_destroy(&parts[1]);
    ath_sampler_destroy(&sampler);
    ath_sink_destroy(&sink);
    for (int32_t i = 0; i < 2 * N; i++) {
        ath_system_destroy(&systems[i]);
    }
    fixture_close(&f);
    return sum;
}

static void test_evaluation(void **state)
{
    (void)state;
    const uint64_t sum = evaluation_run("host", doubled, false);
    assert_true(sum != evaluation_run("host", plain, false));
    assert_true(sum == evaluation_run("host", plain, true));
    assert_true(sum == evaluation_run("mock", plain, true));
}

/* ---- writing positions ---- */

typedef struct mover {
    fixture *f;
    int64_t step;
} mover;

/* Moves the first atom of every system at one step. */
static void move(const fixture *f, ath_batch *batch, int32_t i)
{
    static double rows[3 * 256];
    OK(f->ctx, ath_batch_read(batch, ATH_FIELD_POSITIONS, i, rows));
    rows[0] += 0.05;
    OK(f->ctx, ath_batch_write(batch, ATH_FIELD_POSITIONS, i, rows));
}

static ath_status mover_call(void *user, const ath_hook_context *c)
{
    mover *m = user;
    for (int32_t i = 0; c->step_count == m->step && i < ath_batch_n_systems(c->batch); i++) {
        move(m->f, c->batch, i);
    }
    return ATH_OK;
}

/* A hook that moves atoms between two steps does what a hand between two runs does. */
static void check_writing(const char *device, ath_stage stage, int64_t step)
{
    fixture f;
    fixture_open(&f, device, plain);
    mover m = {&f, step};
    const ath_hook hook = {.size = sizeof hook,
                           .name = "mover",
                           .stage = stage,
                           .frequency = 1,
                           .access = ATH_HOOK_WRITES,
                           .user = &m,
                           .call = mover_call};
    ath_dynamics *dyn = make(&f, f.nve, 0, ATH_UNSET, &hook, 1);
    ath_dynamics *other = make(&f, f.nve, 0, ATH_UNSET, NULL, 0);
    ath_batch *batch = fixture_batch(&f), *twin = fixture_batch(&f);
    OK(f.ctx, ath_dynamics_run(dyn, batch, 9));
    OK(f.ctx, ath_dynamics_run(other, twin, 4));
    for (int32_t i = 0; i < N; i++) {
        move(&f, twin, i);
    }
    OK(f.ctx, ath_dynamics_run(other, twin, 5));
    for (int32_t i = 0; i < N; i++) {
        int64_t age = 0;
        OK(f.ctx, ath_batch_read(batch, ATH_FIELD_AGE, i, &age));
        assert_int_equal(age, 9);
        assert_true(structures_digest(f.ctx, batch, i) == structures_digest(f.ctx, twin, i));
    }
    ath_dynamics_destroy(&dyn);
    ath_dynamics_destroy(&other);
    ath_batch_destroy(&batch);
    ath_batch_destroy(&twin);
    fixture_close(&f);
}

static void test_writing(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        const char *device = k ? "mock" : "host";
        check_writing(device, ATH_STAGE_BEFORE_STEP, 4);
        check_writing(device, ATH_STAGE_BEFORE_PRE_UPDATE, 4);
        check_writing(device, ATH_STAGE_AFTER_STEP, 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_several_stages), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_own_steps),      cmocka_unit_test(test_fused),
        cmocka_unit_test(test_failure),        cmocka_unit_test(test_evaluation),
        cmocka_unit_test(test_writing),        cmocka_unit_test(test_met_on_entry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
