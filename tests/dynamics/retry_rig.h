/* What tests of retries share: a company of which one system meets a limit on forces with a coarse
 * time step only, and one with a finer one too.
 */
#ifndef ATHANOR_TESTS_RETRY_RIG_H
#define ATHANOR_TESTS_RETRY_RIG_H

#include "base/failing.h"
#include "dynamics/structures.h"

#include <stdio.h>
#include <unistd.h>

#include <athanor/dynamics.h>

enum { CALM = 4, MILD = CALM, WILD, ALL, STEPS = 60, EVERY = 5 };

#define LJ "lj:epsilon=0.0104,sigma=3.4,cutoff=8.5"
#define COARSE "nve:timestep=16"
#define FINE "nve:timestep=8"

/* eV/angstrom: MILD meets it with the coarse time step only, WILD with both */
#define LIMIT 25.0

typedef struct fixture {
    failing memory;
    ath_context *ctx;
    ath_device *device;
    ath_model *model;
    ath_integrator *integrator;
    ath_system *systems[ALL];
    char path[64];
} fixture;

/* Two atoms on their way to each other. */
static inline ath_system *meeting(ath_context *ctx, double gap, double speed, const char *name)
{
    ath_system *s = NULL;
    void *p = NULL;
    OK(ctx, ath_system_create(ctx, 2, &s));
    OK(ctx, ath_system_field(s, ATH_FIELD_NUMBERS, &p));
    ((int32_t *)p)[0] = ((int32_t *)p)[1] = 18;
    OK(ctx, ath_system_field(s, ATH_FIELD_POSITIONS, &p));
    ((double *)p)[3] = gap;
    OK(ctx, ath_system_field(s, ATH_FIELD_VELOCITIES, &p));
    ((double *)p)[0] = 0.5 * speed;
    ((double *)p)[3] = -0.5 * speed;
    ath_system_set_uid(s, ath_uid_of_text(name));
    return s;
}

static inline void fixture_open(fixture *f, const char *device, const char *integrator)
{
    memset(f, 0, sizeof *f);
    const ath_context_config config = failing_config(&f->memory);
    assert_int_equal(ath_context_create(&config, &f->ctx), ATH_OK);
    OK(f->ctx, ath_device_open(f->ctx, device, &f->device));
    OK(f->ctx, ath_model_create(f->ctx, LJ, &f->model));
    OK(f->ctx, ath_integrator_create(f->ctx, integrator, &f->integrator));
    for (int32_t i = 0; i < CALM; i++) {
        f->systems[i] = i % 2 ? structures_crystal(f->ctx, 3, 18, 3.8, (uint32_t)i)
                              : structures_cluster(f->ctx, 8 + 7 * i, 18, 3.8, (uint32_t)i);
    }
    f->systems[MILD] = meeting(f->ctx, 8.0, 0.55, "mild");
    f->systems[WILD] = meeting(f->ctx, 11.77, 0.8, "wild");
    snprintf(f->path, sizeof f->path, "retry_%d.ath", (int)getpid());
}

static inline void fixture_close(fixture *f)
{
    (void)remove(f->path);
    for (int32_t i = 0; i < ALL; i++) {
        ath_system_destroy(&f->systems[i]);
    }
    ath_integrator_destroy(&f->integrator);
    ath_model_destroy(&f->model);
    ath_device_close(&f->device);
    ath_context_destroy(&f->ctx);
    assert_true(f->memory.n_blocks == 0 && f->memory.n_wrong == 0);
}

static inline ath_dynamics_config fixture_config(const fixture *f, bool retry)
{
    ath_dynamics_config config = ath_dynamics_defaults();
    config.model = f->model;
    config.integrator = f->integrator;
    config.n_threads = 1;
    config.max_force = LIMIT;
    config.good_every = EVERY;
    config.retries = retry;
    return config;
}

static inline ath_dynamics *make(const fixture *f, const ath_dynamics_config *config)
{
    ath_dynamics *dyn = NULL;
    OK(f->ctx, ath_dynamics_create(f->ctx, config, &dyn));
    return dyn;
}

static inline ath_batch *batch_of(const fixture *f, const int32_t *which, int32_t n)
{
    ath_batch *batch = NULL;
    const ath_batch_config config = {.size = sizeof config, .device = f->device};
    OK(f->ctx, ath_batch_create(f->ctx, &config, &batch));
    for (int32_t i = 0; i < n; i++) {
        OK(f->ctx, ath_batch_add(batch, f->systems[which[i]]));
    }
    return batch;
}

static inline int32_t read_int(const fixture *f, const ath_batch *batch, ath_field_id field,
                               int32_t i)
{
    int32_t value = -1;
    OK(f->ctx, ath_batch_read(batch, field, i, &value));
    return value;
}

static inline int64_t read_long(const fixture *f, const ath_batch *batch, ath_field_id field,
                                int32_t i)
{
    int64_t value = -1;
    OK(f->ctx, ath_batch_read(batch, field, i, &value));
    return value;
}

static inline int64_t retried(const fixture *f, const ath_dynamics *dyn)
{
    ath_dynamics_stats stats;
    OK(f->ctx, ath_dynamics_get_stats(dyn, &stats));
    return stats.n_retried;
}

#endif
