/* Integrators that call functions of the user: trajectories, noise, state, stages, masks, energies,
 * moving cells, and systems that an update must leave alone; refusals and failures. */
#include "dynamics/structures.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>

#include <athanor/dynamics.h>
#include <athanor/units.h>

#include "base/failing.h"
#include "integrators/rig.h"

enum { SYSTEMS = 7 };
#define MODEL "lj:epsilon=0.0104,sigma=3.4,cutoff=7"

/* ---- integrators ---- */

static double inverse(double mass)
{
    return mass > 0.0 ? 1.0 / mass : 0.0;
}

/* v += dt/2 F/m, and r += dt v if it is the first half; dt is the first cell. */
static void verlet(const ath_integrator_view *view, int32_t slot, bool first_half)
{
    const double dt = view->system_state[(int64_t)slot * view->system_stride];
    const int64_t first = view->first[slot];
    const uint8_t *fixed = ath_integrator_view_fixed(view, slot);
    for (int64_t k = 0; k < 3 * (int64_t)view->n_atoms[slot]; k++) {
        double *v = view->velocities + 3 * first + k, *r = view->positions + 3 * first + k;
        const double w = inverse(view->masses[first + k / 3]);
        *v = fixed && fixed[k] ? 0.0 : *v + 0.5 * dt * (view->forces[3 * first + k] * w);
        *r = first_half && !(fixed && fixed[k]) ? *r + dt * *v : *r;
    }
}

static void verlet_pre(void *user, const ath_integrator_view *view)
{
    (void)user;
    for (int32_t k = 0; k < view->n_systems; k++) {
        verlet(view, view->slots[k], true);
    }
}

static void verlet_post(void *user, const ath_integrator_view *view)
{
    (void)user;
    for (int32_t k = 0; k < view->n_systems; k++) {
        verlet(view, view->slots[k], false);
    }
}

static const double two_fs = 2.0 * (1.0 / ATH_FS_PER_TIME);

static ath_integrator_callback_config verlet_config(void)
{
    return (ath_integrator_callback_config){.size = sizeof(ath_integrator_callback_config),
                                            .name = "verlet",
                                            .text = "timestep=2",
                                            .n_system_cells = 1,
                                            .system_cells = &two_fs,
                                            .pre_update = verlet_pre,
                                            .post_update = verlet_post};
}

/* ---- what all tests need ---- */

typedef struct kit {
    ath_context *ctx;
    ath_device *device;
    ath_model *model;
    ath_system *systems[SYSTEMS];
    ath_integrator *made[2];
    int n_made;
    ath_sampler *sampler; /* if there is one: two systems in the batch at once */
} kit;

static void kit_open(kit *k)
{
    void *rows = NULL;
    *k = (kit){0};
    assert_int_equal(ath_context_create(NULL, &k->ctx), ATH_OK);
    OK(k->ctx, ath_device_open(k->ctx, "host", &k->device));
    OK(k->ctx, ath_model_create(k->ctx, MODEL, &k->model));
    for (int32_t i = 0; i < SYSTEMS; i++) {
        const uint32_t seed = (uint32_t)i;
        k->systems[i] = i % 2 ? structures_crystal(k->ctx, 3 + i % 3, 18, 3.9, seed)
                              : structures_cluster(k->ctx, 5 + 9 * i, 18, 3.9, seed);
    }
    OK(k->ctx, ath_system_field(k->systems[2], ATH_FIELD_FIXED, &rows));
    ((uint8_t *)rows)[4] = ((uint8_t *)rows)[9] = 1;
}

static void kit_close(kit *k)
{
    for (int32_t i = 0; i < SYSTEMS; i++) {
        ath_system_destroy(&k->systems[i]);
    }
    ath_integrator_destroy(&k->made[0]);
    ath_integrator_destroy(&k->made[1]);
    ath_model_destroy(&k->model);
    ath_device_close(&k->device);
    ath_context_destroy(&k->ctx);
}

static ath_integrator *make(kit *k, const ath_integrator_callback_config *config)
{
    ath_integrator **out = &k->made[k->n_made++];
    OK(k->ctx, ath_integrator_callback(k->ctx, config, out));
    return *out;
}

static ath_batch *kit_batch(const kit *k, int32_t first, int32_t n)
{
    ath_batch *batch = NULL;
    OK(k->ctx,
       ath_batch_from_systems(k->ctx, k->device, (ath_system **)k->systems + first, n, &batch));
    return batch;
}

static ath_dynamics *kit_dynamics(const kit *k, ath_integrator *integrator, int32_t threads,
                                  int64_t n_steps)
{
    ath_dynamics *dyn = NULL;
    ath_dynamics_config config = ath_dynamics_defaults();
    config.model = k->model;
    config.integrator = integrator;
    config.n_threads = threads;
    config.n_steps = n_steps;
    config.seed = 11;
    config.velocities = ATH_VELOCITIES_MISSING;
    config.temperature = 200;
    config.tile_bytes = 20000;
    config.device = k->device;
    config.sampler = k->sampler;
    config.max_batch_size = 2;
    OK(k->ctx, ath_dynamics_create(k->ctx, &config, &dyn));
    return dyn;
}

/* Steps of the systems first ... first + n - 1, of several threads in two runs; their digests. */
static void kit_run(const kit *k, ath_integrator *integrator, int32_t threads, int32_t first,
                    int32_t n, int64_t steps, uint64_t digest[SYSTEMS])
{
    ath_batch *batch = kit_batch(k, first, n);
    ath_dynamics *dyn = kit_dynamics(k, integrator, threads, ATH_UNSET);
    const int64_t cut = threads > 1 ? steps / 3 : 0;
    OK(k->ctx, ath_dynamics_run(dyn, batch, cut));
    OK(k->ctx, ath_dynamics_run(dyn, batch, steps - cut));
    for (int32_t i = 0; i < n; i++) {
        digest[first + i] = structures_digest(k->ctx, batch, i);
    }
    ath_dynamics_destroy(&dyn);
    ath_batch_destroy(&batch);
}

/* ---- trajectories ---- */

static void test_verlet(void **state)
{
    (void)state;
    kit k;
    uint64_t expected[SYSTEMS], digest[SYSTEMS];
    kit_open(&k);
    const ath_integrator_callback_config config = verlet_config();
    ath_integrator *nve = NULL, *own = make(&k, &config);
    OK(k.ctx, ath_integrator_create(k.ctx, "nve:timestep=2", &nve));
    assert_string_equal(ath_integrator_name(own), "verlet");
    assert_string_equal(ath_integrator_text(own), "verlet:timestep=2");
    kit_run(&k, nve, 1, 0, SYSTEMS, 50, expected);
    kit_run(&k, own, 3, 0, SYSTEMS, 50, digest);
    assert_memory_equal(digest, expected, sizeof digest);
    for (int32_t i = 0; i < SYSTEMS; i++) {
        digest[i] = 0;
        kit_run(&k, own, 1, i, 1, 50, digest);
    }
    assert_memory_equal(digest, expected, sizeof digest);
    ath_integrator_destroy(&nve);
    kit_close(&k);
}

/* Langevin dynamics: noise of all atoms, in the order of purposes. */
static void langevin_pre(void *user, const ath_integrator_view *view)
{
    (void)user;
    for (int32_t k = 0; k < view->n_systems; k++) {
        const int32_t slot = view->slots[k];
        for (int32_t i = 0; i < view->n_atoms[slot]; i++) {
            double z[3];
            ath_integrator_view_noise(view, slot, i, 5, z);
            for (int c = 0; c < 3; c++) {
                double *v = &view->velocities[3 * (view->first[slot] + i) + c];
                *v = 0.99 * *v + 0.001 * z[c];
            }
        }
        verlet(view, slot, true);
    }
}

/* Noise does not know its company, and a run that is cut in two is the same run. */
static void test_noise_company(void **state)
{
    (void)state;
    kit k;
    uint64_t expected[SYSTEMS], digest[SYSTEMS];
    kit_open(&k);
    ath_integrator_callback_config config = verlet_config();
    ath_integrator *verlet_only = make(&k, &config);
    config.pre_update = langevin_pre;
    ath_integrator *own = make(&k, &config);
    kit_run(&k, own, 1, 0, SYSTEMS, 30, expected);
    kit_run(&k, verlet_only, 1, 0, 1, 30, digest);
    assert_true(digest[0] != expected[0]);
    kit_run(&k, own, 3, 0, SYSTEMS, 30, digest);
    assert_memory_equal(digest, expected, sizeof digest);
    kit_run(&k, own, 1, 4, 2, 30, digest);
    assert_memory_equal(digest, expected, sizeof digest);
    kit_close(&k);
}

/* Mean products of two sets of normals: the unit matrix within five standard deviations. */
static void test_noise_moments(void **state)
{
    (void)state;
    enum { N = 20000, SETS = 7 };
    const int64_t stage_steps[3] = {3, 3, 4};
    const uint64_t uid[6] = {5, 6, 5, 7, 5, 6};
    const ath_integrator_view view = {.seed = 9, .stage_steps = stage_steps, .uid = uid};
    ath_integrator_view other = view;
    double mean[3 * SETS] = {0.0}, product[3 * SETS][3 * SETS] = {{0.0}};
    other.seed = 10;
    for (int32_t i = 0; i < N; i++) {
        double z[3 * SETS], again[3];
        ath_integrator_view_noise(&view, 0, i, 0, z);
        ath_integrator_view_noise(&view, 0, i, 1, z + 3);
        ath_integrator_view_noise(&view, 0, i, (1u << 30) - 1, z + 6);
        ath_integrator_view_noise(&view, 1, i, 0, z + 9);
        ath_integrator_view_noise(&other, 0, i, 0, z + 12);
        ath_integrator_view_noise(&view, 0, i + N, 0, z + 15);
        ath_integrator_view_noise(&view, 2, i, 0, z + 18);
        ath_integrator_view_noise(&view, 0, i, 0, again);
        assert_memory_equal(z, again, sizeof again);
        for (int a = 0; a < 3 * SETS; a++) {
            mean[a] += z[a] / N;
            for (int b = 0; b < 3 * SETS; b++) {
                product[a][b] += z[a] * z[b] / N;
            }
        }
    }
    for (int a = 0; a < 3 * SETS; a++) {
        assert_true(fabs(mean[a]) < 5.0 / sqrt((double)N));
        for (int b = 0; b < 3 * SETS; b++) {
            const double want = a == b ? 1.0 : 0.0, sigma = a == b ? sqrt(2.0) : 1.0;
            assert_true(fabs(product[a][b] - want) < 5.0 * sigma / sqrt((double)N));
        }
    }
}

/* ---- state ---- */

enum { SYSTEM_CELLS = 3, ATOM_CELLS = 2 };
static const double entry[SYSTEM_CELLS] = {1.5, -2.0, 7.0};

/* What updates have seen. */
typedef struct seen {
    atomic_int calls, systems, wrong; /* wrong: state that is not what it has to be */
    atomic_int firsts;                /* systems at the first step of their stage */
    uint64_t uid;                     /* of the system whose atom turns to NaN; 0: none */
} seen;

/* Cells count the steps of the stage, so that whatever is lost or left over is seen. */
static void count_pre(void *user, const ath_integrator_view *view)
{
    seen *s = user;
    atomic_fetch_add(&s->calls, 1);
    for (int32_t k = 0; k < view->n_systems; k++) {
        const int32_t slot = view->slots[k];
        double *cells = view->system_state + (int64_t)slot * view->system_stride;
        const double n = (double)view->stage_steps[slot];
        int wrong = cells[0] != entry[0] || cells[1] != entry[1] || cells[2] != entry[2] + n;
        for (int32_t i = 0; i < view->n_atoms[slot]; i++) {
            double *own = view->atom_state + (view->first[slot] + i) * view->atom_stride;
            wrong += own[0] != (i + 1) * n || own[1] != -n;
            own[0] += i + 1;
        }
        cells[2] += 1.0;
        if (s->uid && view->uid[2 * (int64_t)slot] == s->uid) {
            view->positions[3 * view->first[slot]] = NAN;
        }
        atomic_fetch_add(&s->systems, 1);
        atomic_fetch_add(&s->firsts, n == 0.0);
        atomic_fetch_add(&s->wrong, wrong);
    }
}

static void count_post(void *user, const ath_integrator_view *view)
{
    (void)user;
    for (int32_t k = 0; k < view->n_systems; k++) {
        const int32_t slot = view->slots[k];
        for (int32_t i = 0; i < view->n_atoms[slot]; i++) {
            view->atom_state[(view->first[slot] + i) * view->atom_stride + 1] -= 1.0;
        }
    }
}

static ath_integrator_callback_config count_config(seen *s)
{
    return (ath_integrator_callback_config){.size = sizeof(ath_integrator_callback_config),
                                            .name = "count",
                                            .n_system_cells = SYSTEM_CELLS,
                                            .system_cells = entry,
                                            .n_atom_cells = ATOM_CELLS,
                                            .user = s,
                                            .pre_update = count_pre,
                                            .post_update = count_post};
}

static void expect(const seen *s, int systems, int firsts)
{
    assert_int_equal(s->wrong, 0);
    assert_int_equal(s->systems, systems);
    assert_int_equal(s->firsts, firsts);
    assert_true(s->calls > 0);
}

static void test_state(void **state)
{
    (void)state;
    const char *path = "integrator_callback.ath";
    kit k;
    seen s = {0};
    kit_open(&k);
    const ath_integrator_callback_config config = count_config(&s);
    ath_integrator *own = make(&k, &config);
    ath_batch *batch = kit_batch(&k, 0, SYSTEMS), *loaded = NULL;
    ath_dynamics *dyn = kit_dynamics(&k, own, 3, ATH_UNSET);
    assert_string_equal(ath_integrator_text(own), "count");
    OK(k.ctx, ath_dynamics_run(dyn, batch, 4));
    OK(k.ctx, ath_dynamics_run(dyn, batch, 5)); /* state is kept */
    expect(&s, 9 * SYSTEMS, SYSTEMS);
    OK(k.ctx, ath_dynamics_save(dyn, batch, path));
    ath_dynamics *next = kit_dynamics(&k, own, 2, ATH_UNSET);
    OK(k.ctx, ath_dynamics_load(next, k.device, path, &loaded));
    OK(k.ctx, ath_dynamics_run(next, loaded, 3)); /* and packed */
    expect(&s, 12 * SYSTEMS, SYSTEMS);
    ath_dynamics_destroy(&next);
    next = kit_dynamics(&k, own, 2, ATH_UNSET);
    OK(k.ctx, ath_dynamics_run(next, batch, 2)); /* new to this one: entry values */
    expect(&s, 14 * SYSTEMS, 2 * SYSTEMS);
    ath_dynamics_destroy(&next);
    ath_dynamics_destroy(&dyn);
    ath_batch_destroy(&loaded);
    ath_batch_destroy(&batch);
    (void)remove(path);
    kit_close(&k);
}

/* In flight through three stages: state is that of an entry, whoever was in the slot before, and
 * whatever the stage before has left. */
static void test_stages(void **state)
{
    (void)state;
    kit k;
    seen s = {0};
    ath_integrator *langevin = NULL;
    ath_dynamics *fused = NULL;
    kit_open(&k);
    const ath_integrator_callback_config config = count_config(&s);
    ath_integrator *own = make(&k, &config);
    OK(k.ctx, ath_integrator_create(k.ctx, "langevin:temperature=50,friction=0.01", &langevin));
    OK(k.ctx, ath_sampler_from_systems(k.ctx, k.systems, SYSTEMS, &k.sampler));
    ath_dynamics *parts[3] = {kit_dynamics(&k, own, 2, 5), kit_dynamics(&k, langevin, 2, 3),
                              kit_dynamics(&k, own, 2, 6)};
    OK(k.ctx, ath_fuse(k.ctx, parts, 3, &fused));
    OK(k.ctx, ath_dynamics_run(fused, NULL, ATH_UNSET));
    expect(&s, 11 * SYSTEMS, 2 * SYSTEMS);
    for (int p = 0; p < 3; p++) {
        ath_dynamics_destroy(&parts[p]);
    }
    ath_dynamics_destroy(&fused);
    ath_sampler_destroy(&k.sampler);
    ath_integrator_destroy(&langevin);
    kit_close(&k);
}

/* Systems of another part, and those that a mask leaves out, are not in a call. */
static void test_masked(void **state)
{
    (void)state;
    kit k;
    seen s = {0};
    uint64_t expected[SYSTEMS];
    uint8_t mask[SYSTEMS] = {1, 0, 1, 0, 0, 0, 1};
    ath_integrator *nve = NULL;
    ath_dynamics *fused = NULL;
    kit_open(&k);
    const ath_integrator_callback_config config = count_config(&s);
    ath_integrator *own = make(&k, &config);
    OK(k.ctx, ath_integrator_create(k.ctx, "nve:timestep=2", &nve));
    kit_run(&k, nve, 1, 0, SYSTEMS, 8, expected);
    ath_batch *batch = kit_batch(&k, 0, SYSTEMS);
    for (int32_t i = 0; i < SYSTEMS; i++) {
        const int32_t part = i >= 3; /* 0, 1, 2 are ours */
        OK(k.ctx, ath_batch_write(batch, ATH_FIELD_STATUS, i, &part));
    }
    ath_dynamics *parts[2] = {kit_dynamics(&k, own, 3, 100), kit_dynamics(&k, nve, 3, 100)};
    OK(k.ctx, ath_fuse(k.ctx, parts, 2, &fused));
    OK(k.ctx, ath_dynamics_run(fused, batch, 8));
    expect(&s, 8 * 3, 3);
    for (int32_t i = 3; i < SYSTEMS; i++) {
        assert_true(structures_digest(k.ctx, batch, i) == expected[i]);
    }
    ath_batch_destroy(&batch);
    batch = kit_batch(&k, 0, SYSTEMS);
    atomic_store(&s.systems, 0);
    OK(k.ctx, ath_dynamics_masked_update(parts[0], batch, mask));
    assert_int_equal(s.systems, 3);
    assert_int_equal(s.wrong, 0);
    ath_dynamics_destroy(&parts[0]);
    ath_dynamics_destroy(&parts[1]);
    ath_dynamics_destroy(&fused);
    ath_batch_destroy(&batch);
    ath_integrator_destroy(&nve);
    kit_close(&k);
}

/* A system that an update makes NaN leaves as non-finite, and nobody else notices. */
static void test_not_a_number(void **state)
{
    (void)state;
    kit k;
    seen s = {0};
    kit_open(&k);
    const ath_integrator_callback_config config = count_config(&s);
    ath_integrator *own = make(&k, &config);
    ath_batch *batch = kit_batch(&k, 0, SYSTEMS);
    ath_dynamics *dyn = kit_dynamics(&k, own, 2, ATH_UNSET);
    s.uid = ath_system_uid(k.systems[3]).lo;
    OK(k.ctx, ath_dynamics_run(dyn, batch, 5));
    expect(&s, 5 * (SYSTEMS - 1) + 1, SYSTEMS);
    for (int32_t i = 0; i < SYSTEMS; i++) {
        int32_t reason = -1;
        OK(k.ctx, ath_batch_read(batch, ATH_FIELD_REASON, i, &reason));
        assert_int_equal(reason, i == 3 ? ATH_REASON_NON_FINITE : ATH_REASON_NONE);
    }
    ath_dynamics_destroy(&dyn);
    ath_batch_destroy(&batch);
    kit_close(&k);
}

/* ---- what a half leaves alone ---- */

/* Each call adds 1 to the first velocity of its systems. */
static void touch(void *user, const ath_integrator_view *view)
{
    atomic_fetch_add(&((seen *)user)->calls, 1);
    assert_true(view->n_systems > 0);
    assert_null(view->energy);
    assert_null(view->stress);
    for (int32_t k = 0; k < view->n_systems; k++) {
        view->velocities[3 * view->first[view->slots[k]]] += 1.0;
    }
}

/* Stalled systems take part in no half, resumed ones not in the first; the others in one call for
 * each run of the list. */
static void test_skips(void **state)
{
    (void)state;
    enum { N = 7, STALL = ATH__SLOT_STALLED, RESUME = ATH__SLOT_RESUME };
    static const int32_t flags[][N] = {{0, 0, 0, 0, 0, 0, 0},
                                       {STALL, 0, 0, RESUME, STALL, 0, 0},
                                       {0, 0, STALL, 0, 0, 0, RESUME},
                                       {STALL, RESUME, STALL, STALL, STALL, RESUME, STALL}};
    static const int calls[][2] = {{1, 1}, {2, 2}, {2, 2}, {0, 2}};
    for (size_t f = 0; f < sizeof flags / sizeof *flags; f++) {
        for (int half = 0; half < 2; half++) {
            test_rig rig;
            seen s = {0};
            const rig_spec spec[N] = {{3, 1, 1, 0}, {9, 2, 2, 0}, {1, 3, 3, 0}, {4, 4, 4, 0},
                                      {4, 5, 5, 0}, {8, 6, 6, 0}, {2, 7, 7, 0}};
            const int32_t all[N] = {0, 1, 2, 3, 4, 5, 6};
            ath_integrator_callback_config config = {
                .size = sizeof config, .user = &s, .pre_update = touch, .post_update = touch};
            rig_open(&rig, "host", "nve");
            ath_integrator_destroy(&rig.integrator);
            OK(rig.ctx, ath_integrator_callback(rig.ctx, &config, &rig.integrator));
            rig_add(&rig, spec, N);
            rig_enter(&rig);
            uint64_t before[N];
            for (int32_t i = 0; i < N; i++) {
                rig_set_flags(&rig, i, flags[f][i]);
                before[i] = rig_hash(&rig, i);
            }
            rig_half(&rig, half == 1, all, N);
            assert_int_equal(s.calls, calls[f][half]);
            for (int32_t i = 0; i < N; i++) {
                const bool moved = half ? !(flags[f][i] & STALL) : !flags[f][i];
                assert_int_equal(rig_hash(&rig, i) != before[i], moved);
                assert_int_equal(rig_flags(&rig, i),
                                 flags[f][i] | (moved && !half ? ATH__SLOT_STALE : 0));
            }
            rig_close(&rig);
        }
    }
}

/* ---- energies, stresses, cells ---- */

enum { STEPS = 6 };

/* Energies and stresses that were there before and behind the evaluation of each step. */
typedef struct record {
    double pre[STEPS][10], post[STEPS][10];
} record;

static void record_one(const ath_integrator_view *view, double out[STEPS][10])
{
    for (int32_t k = 0; k < view->n_systems; k++) {
        const int32_t slot = view->slots[k];
        double *row = out[view->stage_steps[slot]];
        row[0] = view->energy[slot];
        memcpy(row + 1, view->stress + 9 * (int64_t)slot, 9 * sizeof *row);
    }
}

static void record_pre(void *user, const ath_integrator_view *view)
{
    record_one(view, ((record *)user)->pre);
    verlet_pre(NULL, view);
}

static void record_post(void *user, const ath_integrator_view *view)
{
    record_one(view, ((record *)user)->post);
    verlet_post(NULL, view);
}

static ath_status no_forces(void *user, const ath_model_view *view)
{
    (void)user;
    (void)view;
    return ATH_E_INTERNAL;
}

static void test_needs(void **state)
{
    (void)state;
    kit k;
    record r;
    memset(&r, 0, sizeof r);
    kit_open(&k);
    ath_integrator_callback_config config = verlet_config();
    ath_integrator *plain = make(&k, &config);
    config.user = &r;
    config.needs_energy = config.needs_stress = true;
    config.pre_update = record_pre;
    config.post_update = record_post;
    ath_integrator *own = make(&k, &config);
    ath_batch *batch = kit_batch(&k, 1, 1), *other = kit_batch(&k, 1, 1);
    ath_dynamics *dyn = kit_dynamics(&k, own, 1, ATH_UNSET);
    ath_dynamics *by_step = kit_dynamics(&k, plain, 1, ATH_UNSET);
    OK(k.ctx, ath_dynamics_run(dyn, batch, STEPS));
    for (int64_t n = 0; n <= STEPS; n++) {
        double row[10];
        OK(k.ctx, ath_dynamics_run(by_step, other, n > 0));
        OK(k.ctx, ath_dynamics_compute(by_step, other));
        OK(k.ctx, ath_batch_read(other, ATH_FIELD_ENERGY, 0, row));
        OK(k.ctx, ath_batch_read(other, ATH_FIELD_STRESS, 0, row + 1));
        assert_true(row[0] != 0.0 && row[1] != 0.0);
        assert_true(n == STEPS || !memcmp(row, r.pre[n], sizeof row));
        assert_true(n == 0 || !memcmp(row, r.post[n - 1], sizeof row));
    }
    ath_dynamics_destroy(&by_step);
    ath_dynamics_destroy(&dyn);
    ath_model *model = NULL;
    ath_dynamics_config refused = ath_dynamics_defaults();
    const ath_callback_config stressless = {
        .size = sizeof stressless, .name = "stressless", .no_stress = true, .compute = no_forces};
    OK(k.ctx, ath_model_callback(k.ctx, &stressless, &model));
    refused.model = model;
    refused.integrator = own;
    assert_int_equal(ath_dynamics_create(k.ctx, &refused, &dyn), ATH_E_ARGUMENT);
    assert_non_null(strstr(ath_context_message(k.ctx), "'verlet' needs 'stress'"));
    ath_model_destroy(&model);
    ath_batch_destroy(&other);
    ath_batch_destroy(&batch);
    kit_close(&k);
}

/* Cell and atoms grow by a thousandth. */
static void grow_pre(void *user, const ath_integrator_view *view)
{
    (void)user;
    for (int32_t k = 0; k < view->n_systems; k++) {
        const int32_t slot = view->slots[k];
        for (int64_t c = 0; c < 9; c++) {
            view->cell[9 * (int64_t)slot + c] *= 1.001;
        }
        for (int64_t c = 0; c < 3 * (int64_t)view->n_atoms[slot]; c++) {
            view->positions[3 * view->first[slot] + c] *= 1.001;
        }
    }
}

static void test_moving_cell(void **state)
{
    (void)state;
    kit k;
    double cell[9], before[9], energy = 0.0, expected = 0.0;
    ath_system *grown = NULL;
    ath_batch *fresh = NULL;
    kit_open(&k);
    ath_integrator_callback_config config = {
        .size = sizeof config, .moves_cell = true, .pre_update = grow_pre};
    ath_integrator *own = make(&k, &config);
    ath_batch *batch = kit_batch(&k, 1, 3);
    ath_dynamics *dyn = kit_dynamics(&k, own, 2, ATH_UNSET);
    OK(k.ctx, ath_batch_read(batch, ATH_FIELD_CELL, 0, before));
    OK(k.ctx, ath_dynamics_run(dyn, batch, 25));
    OK(k.ctx, ath_batch_read(batch, ATH_FIELD_CELL, 0, cell));
    OK(k.ctx, ath_batch_read(batch, ATH_FIELD_ENERGY, 0, &energy));
    assert_true(fabs(cell[0] - before[0] * pow(1.001, 25)) < 1e-9);
    OK(k.ctx, ath_batch_get(batch, 0, &grown));
    OK(k.ctx, ath_batch_from_systems(k.ctx, k.device, &grown, 1, &fresh));
    OK(k.ctx, ath_dynamics_compute(dyn, fresh));
    OK(k.ctx, ath_batch_read(fresh, ATH_FIELD_ENERGY, 0, &expected));
    assert_true(energy == expected && energy < 0.0);
    ath_dynamics_destroy(&dyn);
    const ath_convergence relaxed = {.size = sizeof relaxed};
    ath_dynamics_config c = ath_dynamics_defaults();
    c.model = k.model;
    c.integrator = own;
    c.convergence_hook = &relaxed;
    OK(k.ctx, ath_dynamics_create(k.ctx, &c, &dyn)); /* forces, and stress as the cell moves */
    assert_int_equal(ath_dynamics_convergence_hook(dyn, 0)->n_criteria, 2);
    ath_dynamics_destroy(&dyn);
    ath_system_destroy(&grown);
    ath_batch_destroy(&fresh);
    ath_batch_destroy(&batch);
    kit_close(&k);
}

/* ---- refusals and failures ---- */

/* Another device is refused by name before anything has moved, also for a later part. */
static void test_other_device(void **state)
{
    (void)state;
    kit k;
    ath_device *mock = NULL;
    ath_integrator *nve = NULL;
    ath_batch *batch = NULL;
    ath_dynamics *fused = NULL;
    kit_open(&k);
    const ath_integrator_callback_config config = verlet_config();
    ath_integrator *own = make(&k, &config);
    OK(k.ctx, ath_integrator_create(k.ctx, "nve", &nve));
    OK(k.ctx, ath_device_open(k.ctx, "mock", &mock));
    OK(k.ctx, ath_batch_from_systems(k.ctx, mock, k.systems, SYSTEMS, &batch));
    ath_dynamics *parts[2] = {kit_dynamics(&k, nve, 1, 5), kit_dynamics(&k, own, 1, 5)};
    const uint64_t before = structures_digest(k.ctx, batch, 0);
    OK(k.ctx, ath_fuse(k.ctx, parts, 2, &fused));
    assert_int_equal(ath_dynamics_run(parts[1], batch, 1), ATH_E_UNSUPPORTED);
    assert_int_equal(ath_dynamics_run(fused, batch, 10), ATH_E_UNSUPPORTED);
    assert_int_equal(ath_dynamics_run(fused, batch, 10), ATH_E_UNSUPPORTED);
    assert_non_null(strstr(ath_context_message(k.ctx),
                           "verlet: a callback moves systems on the host, not on mock"));
    assert_true(structures_digest(k.ctx, batch, 0) == before);
    OK(k.ctx, ath_dynamics_run(parts[0], batch, 1)); /* and the batch is as good as new */
    ath_dynamics_destroy(&fused);
    ath_dynamics_destroy(&parts[0]);
    ath_dynamics_destroy(&parts[1]);
    ath_batch_destroy(&batch);
    ath_device_close(&mock);
    ath_integrator_destroy(&nve);
    kit_close(&k);
}

static void test_configs(void **state)
{
    (void)state;
    ath_context *ctx = NULL;
    ath_integrator *own = NULL;
    char name[65], text[257];
    memset(name, 'n', sizeof name - 1);
    memset(text, 't', sizeof text - 1);
    name[64] = text[256] = '\0';
    const ath_integrator_callback_config good = {.size = sizeof good, .pre_update = verlet_pre};
    ath_integrator_callback_config bad[] = {good, good, good, good, good, good, good, good};
    bad[0].size--;
    bad[1].pre_update = NULL;
    bad[2].n_system_cells = bad[3].n_atom_cells = -1;
    bad[4].n_system_cells = bad[5].n_atom_cells = 1025;
    bad[6].name = name;
    bad[7].text = text;
    assert_int_equal(ath_context_create(NULL, &ctx), ATH_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(ath_integrator_callback(ctx, &bad[i], &own),
                         i < 2 ? ATH_E_ARGUMENT : ATH_E_RANGE);
        assert_null(own);
    }
    assert_int_equal(ath_integrator_callback(ctx, NULL, &own), ATH_E_ARGUMENT);
    assert_int_equal(ath_integrator_callback(ctx, &good, NULL), ATH_E_ARGUMENT);
    assert_int_equal(ath_integrator_callback(NULL, &good, &own), ATH_E_ARGUMENT);
    ath_integrator_callback_config large = good;
    large.n_system_cells = large.n_atom_cells = 1024;
    OK(ctx, ath_integrator_callback(ctx, &large, &own));
    assert_string_equal(ath_integrator_text(own), "callback");
    ath_integrator_destroy(&own);
    name[63] = text[255] = '\0';
    large.name = name;
    large.text = text;
    OK(ctx, ath_integrator_callback(ctx, &large, &own));
    assert_int_equal(strlen(ath_integrator_text(own)), 63 + 1 + 255);
    ath_integrator_destroy(&own);
    ath_context_destroy(&ctx);
}

/* Makes an integrator, runs, saves, loads and runs again. */
static ath_status scenario(const ath_context_config *config, seen *s)
{
    const char *path = "integrator_callback_failing.ath";
    ath_context *ctx = NULL;
    ath_device *device = NULL;
    ath_integrator *own = NULL;
    ath_batch *batch = NULL, *loaded = NULL;
    ath_system *system = NULL;
    ath_dynamics *dyn[2] = {NULL, NULL};
    ath_dynamics_config c = ath_dynamics_defaults();
    const ath_integrator_callback_config count = count_config(s);
    ath_status status = ath_context_create(config, &ctx);
    c.n_threads = 1;
    status = status < 0 ? status : ath_device_open(ctx, "host", &device);
    status = status < 0 ? status : ath_model_create(ctx, MODEL, &c.model);
    status = status < 0 ? status : ath_integrator_callback(ctx, &count, &own);
    c.integrator = own;
    status = status < 0 ? status : ath_system_create(ctx, 1, &system);
    status = status < 0 ? status : ath_batch_from_systems(ctx, device, &system, 1, &batch);
    for (int i = 0; i < 2; i++) {
        status = status < 0 ? status : ath_dynamics_create(ctx, &c, &dyn[i]);
    }
    status = status < 0 ? status : ath_dynamics_run(dyn[0], batch, 3);
    status = status < 0 ? status : ath_dynamics_save(dyn[0], batch, path);
    status = status < 0 ? status : ath_dynamics_load(dyn[1], device, path, &loaded);
    status = status < 0 ? status : ath_dynamics_run(dyn[1], loaded, 2);
    ath_dynamics_destroy(&dyn[0]);
    ath_dynamics_destroy(&dyn[1]);
    ath_batch_destroy(&batch);
    ath_batch_destroy(&loaded);
    ath_system_destroy(&system);
    ath_integrator_destroy(&own);
    ath_model_destroy(&c.model);
    ath_device_close(&device);
    ath_context_destroy(&ctx);
    (void)remove(path);
    return status;
}

static void test_allocations(void **state)
{
    (void)state;
    failing f = {0};
    seen s = {0};
    int n_failed = 0;
    const ath_context_config config = failing_config(&f);
    assert_int_equal(scenario(&config, &s), ATH_OK);
    expect(&s, 5, 1);
    const int64_t n = f.n_calls;
    for (int64_t k = 1; k <= n; k++) {
        f = (failing){.fail_at = k};
        s = (seen){0};
        const ath_status status = scenario(&config, &s);
        assert_true(status == ATH_OK || status == ATH_E_NO_MEMORY);
        n_failed += status < 0;
        assert_int_equal(s.wrong, 0);
        assert_int_equal(f.n_blocks, 0);
        assert_int_equal(f.n_wrong, 0);
    }
    assert_true(n > 50 && n_failed > 9 * n / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verlet),        cmocka_unit_test(test_noise_company),
        cmocka_unit_test(test_noise_moments), cmocka_unit_test(test_state),
        cmocka_unit_test(test_stages),        cmocka_unit_test(test_masked),
        cmocka_unit_test(test_not_a_number),  cmocka_unit_test(test_skips),
        cmocka_unit_test(test_needs),         cmocka_unit_test(test_moving_cell),
        cmocka_unit_test(test_other_device),  cmocka_unit_test(test_configs),
        cmocka_unit_test(test_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
