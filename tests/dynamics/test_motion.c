/* Degrees of freedom and the motion of the centre of mass, as stages decide on them when systems
 * enter: by system, model, integrator and hooks; what is removed from drawn and from kept
 * velocities.
 */
#include "dynamics/structures.h"

#include <math.h>

#include <athanor/dynamics.h>
#include <athanor/hooks.h>
#include <athanor/units.h>

enum { N = 20, MAX_ATOMS = 64 };

static const char *const LJ = "lj:epsilon=0.0104,sigma=3.4,cutoff=8.5";
static const char *const WELLS = "sum:1*lj:epsilon=0.0104,sigma=3.4,cutoff=8.5+0.1*harmonic:k=0.1";

/* One stage on one system. */
typedef struct one {
    const char *device, *model, *integrator;
    ath_velocities velocities;
    int periodic; /* axis + 1; 0: none */
    int fixed;    /* bits: x, y, z of atom 3 */
    double drift; /* velocity along x to begin with */
    bool keep_momentum, no_rotation, inexact;
    unsigned access; /* of a hook that does nothing; 0: no hook */
    int32_t n;       /* atoms; 0: N */
    /* what comes out */
    double dof, twice, momentum[3];
    double v[3 * MAX_ATOMS];
} one;

static ath_status nothing(void *user, const ath_hook_context *context)
{
    (void)user;
    (void)context;
    return ATH_OK;
}

static ath_system *one_system(ath_context *ctx, const one *o)
{
    ath_system *s = structures_cluster(ctx, o->n ? o->n : N, 18, 3.9, 7);
    void *p = NULL;
    if (o->periodic) {
        OK(ctx, ath_system_field(s, ATH_FIELD_CELL, &p));
        for (int k = 0; k < 3; k++) {
            ((double *)p)[4 * k] = 30.0;
        }
        OK(ctx, ath_system_field(s, ATH_FIELD_PBC, &p));
        ((int32_t *)p)[o->periodic - 1] = 1;
    }
    if (o->fixed) {
        OK(ctx, ath_system_field(s, ATH_FIELD_FIXED, &p));
        for (int k = 0; k < 3; k++) {
            ((uint8_t *)p)[9 + k] = o->fixed >> k & 1;
        }
    }
    if (o->drift != 0.0) {
        OK(ctx, ath_system_field(s, ATH_FIELD_VELOCITIES, &p));
        for (int32_t i = 0; i < ath_system_n_atoms(s); i++) {
            ((double *)p)[3 * i] = o->drift + 0.001 * (i % 2 ? 1 : -1);
        }
    }
    return s;
}

static void one_measure(ath_context *ctx, const ath_batch *batch, int32_t index, one *o)
{
    double m[MAX_ATOMS];
    const int32_t n = ath_batch_n_atoms_of(batch, index);
    OK(ctx, ath_batch_read(batch, ATH_FIELD_DOF, index, &o->dof));
    OK(ctx, ath_batch_read(batch, ATH_FIELD_VELOCITIES, index, o->v));
    OK(ctx, ath_batch_read(batch, ATH_FIELD_MASSES, index, m));
    o->twice = 0.0;
    memset(o->momentum, 0, sizeof o->momentum);
    for (int32_t k = 0; k < 3 * n; k++) {
        o->twice += m[k / 3] * o->v[k] * o->v[k];
        o->momentum[k % 3] += m[k / 3] * o->v[k];
    }
}

static void run(one *o)
{
    ath_context *ctx = NULL;
    ath_device *device = NULL;
    ath_batch *batch = NULL;
    ath_dynamics *dyn = NULL;
    assert_int_equal(ath_context_create(NULL, &ctx), ATH_OK);
    ath_system *s = one_system(ctx, o);
    ath_dynamics_config config = ath_dynamics_defaults();
    const ath_hook hook = {.size = sizeof hook,
                           .name = "nothing",
                           .stage = ATH_STAGE_AFTER_COMPUTE,
                           .frequency = 1,
                           .access = o->access,
                           .call = nothing};
    OK(ctx, ath_device_open(ctx, o->device ? o->device : "host", &device));
    OK(ctx, ath_model_create(ctx, o->model ? o->model : LJ, &config.model));
    OK(ctx, ath_integrator_create(ctx, o->integrator ? o->integrator : "nve", &config.integrator));
    OK(ctx, ath_batch_from_systems(ctx, device, &s, 1, &batch));
    config.velocities = o->velocities;
    config.temperature = 60.0;
    config.remove_momentum = config.remove_momentum && !o->keep_momentum;
    config.remove_rotation = o->no_rotation;
    config.exact_temperature = config.exact_temperature && !o->inexact;
    OK(ctx, ath_dynamics_create(ctx, &config, &dyn));
    if (o->access) {
        OK(ctx, ath_dynamics_run(dyn, batch, 0)); /* the plan is there before the hook is */
        OK(ctx, ath_dynamics_register_hook(dyn, &hook));
    }
    OK(ctx, ath_dynamics_run(dyn, batch, 0)); /* enters when a step is due, not before */
    OK(ctx, ath_dynamics_pre_update(dyn, batch));
    one_measure(ctx, batch, 0, o);
    ath_dynamics_destroy(&dyn);
    ath_batch_destroy(&batch);
    ath_integrator_destroy(&config.integrator);
    ath_model_destroy(&config.model);
    ath_system_destroy(&s);
    ath_device_close(&device);
    ath_context_destroy(&ctx);
}

/* What a stage makes of a system, on host and mock. */
static void expect(one o, double dof)
{
    one mock = o;
    run(&o);
    if (o.dof != dof) {
        fail_msg("dof is %g, not %g", o.dof, dof);
    }
    mock.device = "mock";
    run(&mock);
    assert_true(mock.dof == o.dof);
    assert_memory_equal(mock.v, o.v, sizeof o.v);
}

static void test_dof(void **state)
{
    const ath_velocities thermal = ATH_VELOCITIES_THERMAL, zero = ATH_VELOCITIES_ZERO;
    (void)state;
    expect((one){.velocities = thermal}, 57);
    expect((one){.velocities = thermal, .periodic = 2}, 57);
    expect((one){.velocities = thermal, .inexact = true}, 57);
    expect((one){.velocities = thermal, .keep_momentum = true}, 60);
    expect((one){.velocities = thermal, .no_rotation = true}, 54);
    expect((one){.velocities = thermal, .no_rotation = true, .periodic = 3}, 57);
    expect((one){.velocities = thermal, .no_rotation = true, .fixed = 1}, 57);
    expect((one){.velocities = thermal, .fixed = 4}, 57);
    expect((one){.velocities = thermal, .fixed = 7}, 57);
    expect((one){.velocities = thermal, .fixed = 6, .periodic = 1}, 57);
    expect((one){.velocities = thermal, .n = 1}, 0);
    expect((one){.velocities = thermal, .n = 2}, 3);
    expect((one){.velocities = thermal, .n = 2, .no_rotation = true}, 1);
    expect((one){.velocities = zero}, 54);
    expect((one){.velocities = zero, .periodic = 1}, 57);
    expect((one){.velocities = ATH_VELOCITIES_KEEP, .drift = 0.1}, 58); /* y and z are at rest */
    expect((one){.velocities = ATH_VELOCITIES_KEEP, .drift = 0.1, .periodic = 1}, 58);
}

static void test_dof_of_surroundings(void **state)
{
    const ath_velocities thermal = ATH_VELOCITIES_THERMAL;
    const char *const langevin = "langevin:timestep=1,temperature=60,friction=0.01";
    (void)state;
    expect((one){.velocities = thermal, .integrator = langevin}, 60);
    expect((one){.velocities = thermal, .integrator = langevin, .n = 1}, 3);
    expect((one){.velocities = ATH_VELOCITIES_ZERO, .integrator = langevin, .fixed = 2}, 59);
    expect((one){.velocities = thermal, .integrator = "fire"}, 60);
    expect((one){.velocities = thermal, .model = "harmonic"}, 60);
    expect((one){.velocities = thermal, .model = "harmonic", .n = 1}, 3);
    expect((one){.velocities = thermal, .model = WELLS}, 60);
    expect((one){.velocities = thermal, .access = ATH_HOOK_WRITES}, 57);
    expect((one){.velocities = thermal, .access = ATH_HOOK_WRITES | ATH_HOOK_EXTERNAL_FIELD}, 60);
}

/* ---- what is drawn ---- */

/* The entry action by itself: an integrator that does nothing shows it. */
static void half(void *user, const ath_integrator_view *view)
{
    (void)user;
    (void)view;
}

typedef struct still {
    ath_context *ctx;
    ath_device *device;
    ath_batch *batch;
    ath_model *model;
    ath_integrator *integrator;
    ath_dynamics *dyn;
} still;

static void still_enter(still *t, one *o, const ath_integrator_callback_config *callback)
{
    ath_system *s = NULL;
    assert_int_equal(ath_context_create(NULL, &t->ctx), ATH_OK);
    s = one_system(t->ctx, o);
    OK(t->ctx, ath_device_open(t->ctx, "host", &t->device));
    OK(t->ctx, ath_model_create(t->ctx, o->model ? o->model : LJ, &t->model));
    OK(t->ctx, ath_integrator_callback(t->ctx, callback, &t->integrator));
    OK(t->ctx, ath_batch_from_systems(t->ctx, t->device, &s, 1, &t->batch));
    ath_system_destroy(&s);
    ath_dynamics_config config = ath_dynamics_defaults();
    config.model = t->model;
    config.integrator = t->integrator;
    config.velocities = o->velocities;
    config.temperature = 60.0;
    config.remove_momentum = !o->keep_momentum;
    config.exact_temperature = !o->inexact;
    config.remove_rotation = o->no_rotation;
    OK(t->ctx, ath_dynamics_create(t->ctx, &config, &t->dyn));
    OK(t->ctx, ath_dynamics_pre_update(t->dyn, t->batch));
    one_measure(t->ctx, t->batch, 0, o);
    ath_dynamics_destroy(&t->dyn);
    ath_integrator_destroy(&t->integrator);
    ath_model_destroy(&t->model);
    ath_batch_destroy(&t->batch);
    ath_device_close(&t->device);
    ath_context_destroy(&t->ctx);
}

static void test_drawn(void **state)
{
    ath_integrator_callback_config quiet = {.size = sizeof quiet, .pre_update = half};
    still t = {0};
    (void)state;
    for (int which = 0; which < 8; which++) {
        one o = {.velocities = ATH_VELOCITIES_THERMAL,
                 .keep_momentum = which & 1,
                 .inexact = (which & 2) != 0,
                 .no_rotation = (which & 4) != 0};
        still_enter(&t, &o, &quiet);
        const double kelvin = o.twice / (o.dof * ATH_BOLTZMANN);
        const double p = fabs(o.momentum[0]) + fabs(o.momentum[1]) + fabs(o.momentum[2]);
        assert_true(o.dof == 60 - (which & 1 ? 0 : 3) - (which & 4 ? 3 : 0));
        assert_true((fabs(kelvin - 60.0) < 1e-10) == !(which & 2));
        assert_true(kelvin > 30 && kelvin < 120); /* 3 sigma */
        assert_true((p < 1e-12) == !(which & 1));
    }
    quiet.moves_centre = true;
    one o = {.velocities = ATH_VELOCITIES_THERMAL};
    still_enter(&t, &o, &quiet);
    assert_true(o.dof == 60 && fabs(o.momentum[1]) > 1e-3);
    assert_true(fabs(o.twice / (60 * ATH_BOLTZMANN) - 60.0) < 1e-10);
}

/* Kept velocities keep their drift, but not with a thermostat that would heat it; in a field there
 * is no drift. */
static void test_kept(void **state)
{
    ath_integrator_callback_config quiet = {.size = sizeof quiet, .pre_update = half};
    still t = {0};
    (void)state;
    one o = {.drift = 0.25, .periodic = 1};
    still_enter(&t, &o, &quiet);
    assert_true(o.dof == 58 && o.v[0] == 0.25 - 0.001 && o.momentum[0] > 1.0);
    quiet.scales_velocities = true;
    still_enter(&t, &o, &quiet);
    assert_true(o.dof == 57 && fabs(o.v[0] + 0.001) < 1e-15 && fabs(o.momentum[0]) < 1e-12);
    o.fixed = 1;
    still_enter(&t, &o, &quiet);
    assert_true(o.dof == 57 && o.v[0] == 0.25 - 0.001);
    o.fixed = 0;
    o.model = "harmonic";
    still_enter(&t, &o, &quiet);
    assert_true(o.dof == 60 && o.v[0] == 0.25 - 0.001);
}

/* ---- stages one after the other ---- */

static ath_status look(void *user, const ath_hook_context *c)
{
    for (int32_t i = 0; i < ath_batch_n_systems(c->batch); i++) {
        int32_t status = 0;
        double dof = 0.0;
        if (c->mask[i]) {
            ath_batch_read(c->batch, ATH_FIELD_STATUS, i, &status);
            ath_batch_read(c->batch, ATH_FIELD_DOF, i, &dof);
            ((double *)user)[status] = dof;
        }
    }
    return ATH_OK;
}

/* Each stage counts for itself what the one before it has left. */
static void test_fused(void **state)
{
    static const char *const text[4] = {"nve", "nve", "langevin:temperature=60", "nve"};
    ath_context *ctx = NULL;
    ath_device *device = NULL;
    ath_model *model = NULL;
    ath_batch *batch = NULL;
    ath_integrator *integrators[4];
    ath_dynamics *parts[4], *fused = NULL;
    double dof[5] = {0};
    const ath_hook hook = {.size = sizeof hook,
                           .name = "look",
                           .stage = ATH_STAGE_BEFORE_STEP,
                           .frequency = 1,
                           .user = dof,
                           .call = look};
    const one o = {.n = 12};
    (void)state;
    assert_int_equal(ath_context_create(NULL, &ctx), ATH_OK);
    ath_system *s = one_system(ctx, &o);
    OK(ctx, ath_device_open(ctx, "host", &device));
    OK(ctx, ath_model_create(ctx, LJ, &model));
    OK(ctx, ath_batch_from_systems(ctx, device, &s, 1, &batch));
    for (int p = 0; p < 4; p++) {
        ath_dynamics_config config = ath_dynamics_defaults();
        OK(ctx, ath_integrator_create(ctx, text[p], &integrators[p]));
        config.model = model;
        config.integrator = integrators[p];
        config.velocities = p == 0 ? ATH_VELOCITIES_THERMAL : ATH_VELOCITIES_KEEP;
        config.temperature = 60.0;
        config.remove_rotation = true;
        config.n_steps = 30;
        OK(ctx, ath_dynamics_create(ctx, &config, &parts[p]));
    }
    OK(ctx, ath_fuse(ctx, parts, 4, &fused));
    OK(ctx, ath_dynamics_register_hook(fused, &hook));
    OK(ctx, ath_dynamics_run(fused, batch, ATH_UNSET));
    assert_true(dof[0] == 30.0 && dof[1] == 30.0 && dof[2] == 36.0 && dof[3] == 36.0);
    ath_dynamics_destroy(&fused);
    for (int p = 0; p < 4; p++) {
        ath_dynamics_destroy(&parts[p]);
        ath_integrator_destroy(&integrators[p]);
    }
    ath_batch_destroy(&batch);
    ath_model_destroy(&model);
    ath_system_destroy(&s);
    ath_device_close(&device);
    ath_context_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dof),   cmocka_unit_test(test_dof_of_surroundings),
        cmocka_unit_test(test_drawn), cmocka_unit_test(test_kept),
        cmocka_unit_test(test_fused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
