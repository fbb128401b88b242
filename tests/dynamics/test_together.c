/* Systems so large that the whole team computes them, among small ones: their trajectories have the
 * bits of a single thread, whatever the number of members, and every list is rebuilt on the way.
 */
#include "dynamics/structures.h"

#include <stdio.h>

#include "dynamics/dynamics_private.h"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { STEPS = 4 };
#else
enum { STEPS = 12 };
#endif

enum { SYSTEMS = 6, SIDE = 28 }; /* 28^3 = 21,952 atoms */

typedef struct subject {
    const char *model, *integrator;
    int32_t number;
    double spacing, temperature, skin;
} subject;

static const subject subjects[] = {
    {"lj:epsilon=0.0104,sigma=3.4,cutoff=7", "nve:timestep=20", 18, 3.9, 2000, 0.1},
    {"lj:epsilon=0.0104,sigma=3.4,cutoff=7", "nve:timestep=20,grid=true", 18, 3.9, 2000, 0.1},
    {"lj:epsilon=0.0104,sigma=3.4,cutoff=7,precision=mixed",
     "langevin:timestep=20,temperature=2000,friction=0.01", 18, 3.9, 2000, 0.1},
    {"lj:epsilon=0.0104,sigma=3.4,cutoff=7", "fire:dt=5", 18, 3.9, 0, 0.001},
    {"lj:epsilon=0.0104,sigma=3.4,cutoff=7", "fire2:dt=2,t_max=8", 18, 3.9, 0, 0.001},
    {"emt", "langevin:timestep=4,temperature=3000,friction=0.01", 29, 2.5, 3000, 0.05},
    {"emt", "fire:dt=5", 79, 2.9, 0, 0.001},
    {"lj:epsilon=0.0104,sigma=3.4,cutoff=7", "lbfgs:curvature=5,memory=3", 18, 3.9, 0, 0.001},
    {"lj:epsilon=0.0104,sigma=3.4,cutoff=7", "lbfgs:cell=full,memory=2", 18, 3.9, 0, 0.001},
    {"lj:epsilon=0.0104,sigma=3.4,cutoff=7", "fire:dt=5,cell=full", 18, 3.9, 0, 0.001},
    {"lj:epsilon=0.0104,sigma=3.4,cutoff=7", "fire2:dt=2,t_max=8,cell=full", 18, 3.9, 0, 0.001},
    {"lj:epsilon=0.0104,sigma=3.4,cutoff=7", "nose_hoover:timestep=20,temperature=2000", 18, 3.9,
     2000, 0.1},
    {"lj:epsilon=0.0104,sigma=3.4,cutoff=7", "csvr:timestep=20,temperature=2000", 18, 3.9, 2000,
     0.1},
    {"lj:epsilon=0.0104,sigma=3.4,cutoff=7",
     "npt:timestep=10,temperature=1000,coupling=triclinic,tau_t=1000,tau_p=2000", 18, 3.9, 1000,
     0.02},
    {"lj:epsilon=0.0104,sigma=3.4,cutoff=7",
     "crescale:timestep=20,temperature=2000,coupling=triclinic,thermostat=langevin", 18, 3.9, 2000,
     0.1},
};

typedef struct setting {
    const char *name, *device;
    int32_t threads;
    double skin; /* < 0: that of the subject */
} setting;

static const setting settings[] = {
    {"1 thread", "host", 1, -1},  {"2 threads", "host", 2, -1},   {"3 threads", "host", 3, -1},
    {"7 threads", "host", 7, -1}, {"other skin", "host", 2, 0.6}, {"AVX2", "host:isa=v3", 2, -1},
};
enum { SETTINGS = sizeof settings / sizeof *settings };

/* Two large systems, one of them open, and small ones on both sides of them. */
static void make_systems(ath_context *ctx, const subject *s, ath_system *systems[SYSTEMS])
{
    for (uint32_t i = 0; i < SYSTEMS; i++) {
        systems[i] = i == 1 ? structures_crystal(ctx, SIDE, s->number, s->spacing, i)
                            : structures_cluster(ctx, i == 4 ? 20001 : 30 + 20 * (int32_t)i,
                                                 s->number, s->spacing, i);
    }
}

static ath_dynamics *make_dynamics(ath_context *ctx, const subject *s, const setting *how,
                                   ath_model *model, ath_integrator *integrator)
{
    ath_dynamics_config config = ath_dynamics_defaults();
    ath_dynamics *dyn = NULL;
    config.model = model;
    config.integrator = integrator;
    config.n_threads = how->threads;
    config.skin = how->skin < 0 ? s->skin : how->skin;
    config.velocities = s->temperature > 0 ? ATH_VELOCITIES_THERMAL : ATH_VELOCITIES_ZERO;
    config.temperature = s->temperature;
    OK(ctx, ath_dynamics_create(ctx, &config, &dyn));
    return dyn;
}

/* Whether the large systems are computed together, and how often the list of one was built. */
static void look_at_plan(const ath_dynamics *dyn, const ath_batch *batch, const setting *how)
{
    ath__list_view list;
    assert_int_equal(dyn->plan.n_together, how->threads > 1 ? 2 : 0);
    ath__neighbors_view(dyn->plan.neighbors, &list);
    for (int32_t i = 1; i < SYSTEMS && how->skin < 0 && STEPS > 4; i += 3) {
        const int64_t builds = list.builds[ath__batch_slot(batch, i)];
        int32_t reason = 0;
        assert_int_equal(ath_batch_read(batch, ATH_FIELD_REASON, i, &reason), ATH_OK);
        if (builds < 2 && reason == ATH_REASON_NONE) { /* who has no volume has no pressure */
            fail_msg("%s: the list of system %d was built %lld times", how->name, (int)i,
                     (long long)builds);
        }
    }
}

/* False if this machine has no such device. */
static bool run(ath_context *ctx, const subject *s, const setting *how, ath_system **systems,
                uint64_t digest[SYSTEMS])
{
    ath_device *device = NULL;
    ath_model *model = NULL;
    ath_integrator *integrator = NULL;
    ath_batch *batch = NULL;
    if (ath_device_open(ctx, how->device, &device) != ATH_OK) {
        return false;
    }
    OK(ctx, ath_model_create(ctx, s->model, &model));
    OK(ctx, ath_integrator_create(ctx, s->integrator, &integrator));
    OK(ctx, ath_batch_from_systems(ctx, device, systems, SYSTEMS, &batch));
    ath_dynamics *dyn = make_dynamics(ctx, s, how, model, integrator);
    OK(ctx, ath_dynamics_run(dyn, batch, STEPS));
    look_at_plan(dyn, batch, how);
    for (int32_t i = 0; i < SYSTEMS; i++) {
        digest[i] = structures_digest(ctx, batch, i);
    }
    ath_dynamics_destroy(&dyn);
    ath_batch_destroy(&batch);
    ath_integrator_destroy(&integrator);
    ath_model_destroy(&model);
    ath_device_close(&device);
    return true;
}

static void check_subject(const subject *s)
{
    ath_context *ctx = NULL;
    ath_system *systems[SYSTEMS];
    uint64_t first[SYSTEMS], digest[SYSTEMS];
    assert_int_equal(ath_context_create(NULL, &ctx), ATH_OK);
    make_systems(ctx, s, systems);
    for (size_t k = 0; k < SETTINGS; k++) {
        if (!run(ctx, s, &settings[k], systems, k ? digest : first)) {
            print_message("not on this machine: %s\n", settings[k].name);
            continue;
        }
        for (int32_t i = 0; k && i < SYSTEMS; i++) {
            if (digest[i] != first[i]) {
                fail_msg("%s, %s: system %d differs under %s", s->model, s->integrator, (int)i,
                         settings[k].name);
            }
        }
    }
    for (int32_t i = 0; i < SYSTEMS; i++) {
        ath_system_destroy(&systems[i]);
    }
    ath_context_destroy(&ctx);
}

static void test_subject(void **state)
{
    check_subject(*state);
}

int main(void)
{
    struct CMUnitTest tests[sizeof subjects / sizeof *subjects];
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        tests[i] = (struct CMUnitTest){.name = subjects[i].integrator,
                                       .test_func = test_subject,
                                       .initial_state = (void *)&subjects[i]};
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
