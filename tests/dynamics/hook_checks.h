/* A rig for tests of the built-in hooks: seven systems that have something for each of them (atoms
 * outside skewed cells, cells that are not aligned, categories, fast atoms), a Lennard-Jones model,
 * and a dynamics with one hook. Every failure of a call fails the test, where not said.
 */
#ifndef ATHANOR_TESTS_HOOK_CHECKS_H
#define ATHANOR_TESTS_HOOK_CHECKS_H

#include "dynamics/structures.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include <athanor/dynamics.h>
#include <athanor/hooks.h>
#include <athanor/units.h>

#include "base/failing.h"

enum { CHECKS_SYSTEMS = 7 };

typedef struct checks {
    failing memory;
    ath_context *ctx;
    ath_device *device;
    ath_model *model;
    ath_integrator *nve;
    ath_sink *sink;
    ath_dynamics *dyn;
    ath_batch *batch;
    ath_field_id categories;
    char path[128]; /* a file of this process */
    char logged[512];
    int32_t n_logged;
} checks;

static inline void checks_note(void *user, ath_log_level level, const char *component,
                               const char *text)
{
    checks *c = user;
    (void)component;
    if (level <= ATH_LOG_WARNING) {
        snprintf(c->logged, sizeof c->logged, "%s", text);
        c->n_logged++;
    }
}

static inline double checks_random(uint64_t *x)
{
    *x = *x * 6364136223846793005u + 1442695040888963407u;
    return (double)(*x >> 11) / 9007199254740992.0;
}

static inline void *checks_rows(checks *c, ath_system *s, ath_field_id field)
{
    void *rows = NULL;
    OK(c->ctx, ath_system_field(s, field, &rows));
    return rows;
}

/* Shears and turns the cell of a crystal, atoms along, and moves every third atom by whole lattice
 * vectors. */
static inline void checks_skew(checks *c, ath_system *s, uint64_t seed)
{
    const double angle = 0.3 + 0.2 * (double)seed, co = cos(angle), si = sin(angle);
    double *h = checks_rows(c, s, ATH_FIELD_CELL), *r = checks_rows(c, s, ATH_FIELD_POSITIONS);
    const double a = h[0];
    for (int64_t i = -3; i < ath_system_n_atoms(s); i++) { /* the lattice vectors come first */
        double *v = i < 0 ? h + 3 * (i + 3) : r + 3 * i;
        const double x = v[0] + 0.25 * v[1] - 0.1 * v[2], y = v[1] + 0.15 * v[2], z = v[2];
        v[0] = co * x - si * y, v[1] = si * x + co * y, v[2] = z;
        const double turned = co * v[1] - si * v[2];
        v[2] = si * v[1] + co * v[2], v[1] = turned;
        if (i >= 0 && i % 3 == 0) {
            for (int k = 0; k < 3; k++) {
                v[k] += (double)(i % 4 - 1) * h[k] - 2.0 * h[6 + k];
            }
        }
    }
    assert_true(a > 0.0);
}

/* The k-th system: crystals turned and sheared, a slab, clusters. */
static inline ath_system *checks_system(checks *c, int32_t k)
{
    const uint32_t seed = (uint32_t)k;
    ath_system *s = k % 2 == 0 ? structures_crystal(c->ctx, 3, 18, 3.7, seed)
                               : structures_cluster(c->ctx, 5 + 4 * k, 18, 3.7, seed);
    uint64_t x = seed + 17;
    if (k % 2 == 0) {
        checks_skew(c, s, seed);
    }
    if (k == 4) {
        ((int32_t *)checks_rows(c, s, ATH_FIELD_PBC))[1] = 0;
    }
    double *v = checks_rows(c, s, ATH_FIELD_VELOCITIES);
    int32_t *categories = checks_rows(c, s, c->categories);
    for (int32_t i = 0; i < ath_system_n_atoms(s); i++) {
        categories[i] = i % 5 == 2 ? -1 : 1;
        for (int d = 0; d < 3; d++) {
            v[3 * i + d] = 0.04 * (checks_random(&x) - 0.5);
        }
    }
    ath_system_set_uid(s, (ath_uid){.lo = 100 + seed, .hi = 1});
    return s;
}

/* Context, device, model, integrator, sink; no dynamics yet. */
static inline void checks_open(checks *c, const char *device)
{
    *c = (checks){0};
    ath_context_config config = failing_config(&c->memory);
    config.log = checks_note;
    config.log_user = c;
    config.log_level = ATH_LOG_WARNING;
    assert_int_equal(ath_context_create(&config, &c->ctx), ATH_OK);
    OK(c->ctx, ath_device_open(c->ctx, device, &c->device));
    OK(c->ctx, ath_model_create(c->ctx, "lj:epsilon=0.0104,sigma=3.4,cutoff=7.0", &c->model));
    OK(c->ctx, ath_integrator_create(c->ctx, "nve:timestep=4", &c->nve));
    OK(c->ctx, ath_sink_memory(c->ctx, 100000, &c->sink));
    const ath_field_info info = {.name = "atom_categories",
                                 .level = ATH_LEVEL_ATOM,
                                 .dtype = ATH_I32,
                                 .width = 1,
                                 .fallback = 0.0};
    OK(c->ctx, ath_field_register(c->ctx, &info, &c->categories));
    snprintf(c->path, sizeof c->path, "/tmp/athanor_hooks_%ld.txt", (long)getpid());
    unlink(c->path);
}

static inline ath_batch *checks_batch(checks *c, const int32_t *which, int32_t n)
{
    ath_system *systems[CHECKS_SYSTEMS];
    ath_batch *batch = NULL;
    for (int32_t i = 0; i < n; i++) {
        systems[i] = checks_system(c, which[i]);
    }
    OK(c->ctx, ath_batch_from_systems(c->ctx, c->device, systems, n, &batch));
    for (int32_t i = 0; i < n; i++) {
        ath_system_destroy(&systems[i]);
    }
    return batch;
}

static inline ath_batch *checks_all(checks *c)
{
    static const int32_t all[CHECKS_SYSTEMS] = {0, 1, 2, 3, 4, 5, 6};
    return checks_batch(c, all, CHECKS_SYSTEMS);
}

static inline ath_dynamics_config checks_config(checks *c)
{
    ath_dynamics_config config = ath_dynamics_defaults();
    config.model = c->model;
    config.integrator = c->nve;
    config.n_threads = 1;
    return config;
}

/* A dynamics with these hooks; velocities as they are. */
static inline void checks_dynamics(checks *c, const ath_hook *hooks, int32_t n)
{
    ath_dynamics_config config = checks_config(c);
    config.hooks = hooks;
    config.n_hooks = n;
    ath_dynamics_destroy(&c->dyn);
    OK(c->ctx, ath_dynamics_create(c->ctx, &config, &c->dyn));
}

static inline void checks_close(checks *c)
{
    ath_dynamics_destroy(&c->dyn);
    ath_batch_destroy(&c->batch);
    ath_sink_destroy(&c->sink);
    ath_integrator_destroy(&c->nve);
    ath_model_destroy(&c->model);
    ath_device_close(&c->device);
    ath_context_destroy(&c->ctx);
    unlink(c->path);
    assert_int_equal(c->memory.n_blocks, 0);
    assert_int_equal(c->memory.n_wrong, 0);
}

static inline void checks_read(checks *c, ath_field_id field, int32_t index, void *out)
{
    OK(c->ctx, ath_batch_read(c->batch, field, index, out));
}

static inline void checks_write(checks *c, ath_field_id field, int32_t index, const void *values)
{
    OK(c->ctx, ath_batch_write(c->batch, field, index, values));
}

/* Calls a hook by hand about the systems of `mask`. */
static inline ath_status checks_call(checks *c, const ath_hook *hook, const uint8_t *mask)
{
    ath_hook_context context = {.size = sizeof context,
                                .dynamics = c->dyn,
                                .batch = c->batch,
                                .stage = hook->stage,
                                .step_count = 42,
                                .mask = mask};
    for (int32_t i = 0; i < ath_batch_n_systems(c->batch); i++) {
        context.n_masked += mask[i];
    }
    return hook->call(hook->user, &context);
}

/* A digest of the motion, cell and user fields of a system. */
static inline uint64_t checks_digest(checks *c, const ath_batch *batch, int32_t index)
{
    uint64_t h = structures_digest(c->ctx, batch, index);
    ath_system *s = NULL;
    OK(c->ctx, ath_batch_get(batch, index, &s));
    for (ath_field_id f = 0; f < ath_field_count(c->ctx); f++) {
        const ath_field_info *info = ath_field_describe(c->ctx, f);
        const unsigned char *rows = ath_system_peek(s, f);
        const bool more = f >= ATH_N_CORE_FIELDS || f == ATH_FIELD_CELL || f == ATH_FIELD_FIXED ||
                          f == ATH_FIELD_DOF;
        const size_t n = info->level == ATH_LEVEL_ATOM ? (size_t)ath_system_n_atoms(s) : 1;
        const size_t bytes = n * (size_t)info->width * (size_t)ath_dtype_bytes(info->dtype);
        for (size_t i = 0; more && rows && i < bytes; i++) {
            h = (h ^ rows[i]) * 1099511628211u;
        }
    }
    ath_system_destroy(&s);
    return h;
}

/* A harmonic well around the origin for each atom: E = k r^2 / 2; stress 0.01 on the diagonal. */
static inline ath_status checks_well(void *user, ath_bias_view *view)
{
    const double k = user ? *(const double *)user : 0.002;
    for (int64_t i = 0; i < 3 * (int64_t)view->n_atoms; i++) {
        view->energy += 0.5 * k * view->positions[i] * view->positions[i];
        view->forces[i] = -k * view->positions[i];
    }
    view->stress[0] = view->stress[4] = view->stress[8] = 0.01;
    return ATH_OK;
}

static inline double checks_index(void *user, const ath_batch *batch, int32_t index)
{
    (void)batch;
    return (user ? *(const double *)user : 0.0) + (double)index;
}

#endif
