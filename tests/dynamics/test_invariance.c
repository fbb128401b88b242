/* The first promise: a system's trajectory does not depend on what else is in the batch, nor on
 * slots, tiles, threads, list history or instruction set: bit for bit.
 *
 * 200 structures of all kinds (crystals, alloys, slabs, open clusters, cells below the cutoff) and
 * Lennard-Jones clusters are followed for 100 steps, hot enough that every neighbour list is
 * rebuilt, and their bits compared over a list of settings with those of a first run among 800
 * fillers.
 */
#include "dynamics/structures.h"

#include <stdio.h>

#include "dynamics/dynamics_private.h"

/* Sanitizers are slow: they see fewer systems, of all kinds still. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { WATCHED = 12, FILLERS = 24, STEPS = 100 };
#else
enum { WATCHED = 200, FILLERS = 800, STEPS = 100 };
#endif

typedef struct setting {
    const char *name;
    const char *device;
    int32_t threads;
    double skin;
    bool rebuild_always;
    int32_t together; /* > 0: watched systems in batches of so many, without fillers */
    int32_t others;   /* fillers in the batch */
    bool shuffled;
    int32_t tile_bytes;
    int32_t refills; /* > 0: fillers are removed and put back this often during the run */
} setting;

static const setting settings[] = {
    {.name = "among 800", .device = "host", .threads = 1, .skin = 0.4, .others = FILLERS},
    {.name = "shuffled",
     .device = "host",
     .threads = 1,
     .skin = 0.4,
     .others = FILLERS / 2,
     .shuffled = true},
    {.name = "2 threads", .device = "host", .threads = 2, .skin = 0.4, .others = FILLERS / 40},
    {.name = "3 threads",
     .device = "host",
     .threads = 3,
     .skin = 0.4,
     .others = 1,
     .shuffled = true},
    {.name = "7 threads", .device = "host", .threads = 7, .skin = 0.4, .others = 0},
    {.name = "other skin", .device = "host", .threads = 2, .skin = 1.1, .others = 0},
    {.name = "no skin", .device = "host", .threads = 2, .skin = 0.0, .others = 0},
    {.name = "rebuild every step",
     .device = "host",
     .threads = 2,
     .skin = 0.4,
     .rebuild_always = true},
    {.name = "small tiles", .device = "host", .threads = 2, .skin = 0.4, .tile_bytes = 4096},
    {.name = "refilled slots",
     .device = "host",
     .threads = 2,
     .skin = 0.4,
     .others = FILLERS / 2,
     .refills = 4},
    {.name = "alone", .device = "host", .threads = 1, .skin = 0.4, .together = 1},
    {.name = "by 2", .device = "host", .threads = 2, .skin = 0.4, .together = 2},
    {.name = "by 17",
     .device = "host",
     .threads = 2,
     .skin = 0.4,
     .together = 17,
     .shuffled = true},
    {.name = "base instructions", .device = "host:isa=base", .threads = 2, .skin = 0.4},
    {.name = "AVX2", .device = "host:isa=v3", .threads = 2, .skin = 0.4},
    {.name = "AVX-512", .device = "host:isa=v4", .threads = 2, .skin = 0.4},
    {.name = "mock device", .device = "mock", .threads = 1, .skin = 0.4},
};

enum { ALLOYS = -1 }; /* structures of alloys_1000.extxyz, else emt_1000.extxyz */

typedef struct subject {
    const char *name;
    const char *model;
    const char *integrator;
    ath_velocities velocities;
    int32_t number;     /* of structures made here; 0, ALLOYS: those of a file */
    double spacing;     /* of their atoms, angstrom */
    int64_t min_builds; /* of every list */
} subject;

static const subject subjects[] = {
    {"emt langevin", "emt", "langevin:timestep=3,temperature=1500,friction=0.01",
     ATH_VELOCITIES_THERMAL, 0, 0, 2},
    {"emt fire", "emt", "fire", ATH_VELOCITIES_ZERO, 0, 0, 1},
    {"lj nve", "lj:epsilon=0.01,sigma=2.5,cutoff=6,scheme=energy-shift", "nve:timestep=2",
     ATH_VELOCITIES_THERMAL, 0, 0, 2},
    {"lj clusters mixed", "lj:epsilon=0.0104,sigma=3.4,cutoff=8.5,precision=mixed",
     "langevin:timestep=5,temperature=120,friction=0.005", ATH_VELOCITIES_THERMAL, 18, 3.9, 2},
    {"lj clusters double", "lj:epsilon=0.0104,sigma=3.4,cutoff=8.5", "nve:timestep=5",
     ATH_VELOCITIES_THERMAL, 18, 3.9, 2},
    {"sw langevin", "sw", "langevin:timestep=1,temperature=1500,friction=0.02",
     ATH_VELOCITIES_THERMAL, 14, 2.6, 2},
    {"sum langevin", "sum:0.6*emt+1*lj:epsilon=0.01,sigma=2.5,cutoff=6.5,scheme=energy-shift",
     "langevin:timestep=3,temperature=1500,friction=0.01", ATH_VELOCITIES_THERMAL, 0, 0, 2},
    {"nep langevin", "nep:file=" ATH_REFERENCE_DATA "/nep/models/UNEP-v1-Song2024.txt",
     "langevin:timestep=3,temperature=1500,friction=0.01", ATH_VELOCITIES_THERMAL, ALLOYS, 0, 2},
};

typedef struct bench {
    ath_context *ctx;
    ath_system **systems; /* watched first, then fillers */
    int32_t n, n_watched;
} bench;

static bool bench_load(bench *b, const subject *s)
{
    if (s->number > 0) {
        b->n = WATCHED + FILLERS;
        b->systems = calloc((size_t)b->n, sizeof *b->systems);
        for (int32_t i = 0; i < b->n; i++) {
            const uint32_t seed = (uint32_t)i;
            b->systems[i] =
                i % 5 == 4
                    ? structures_crystal(b->ctx, 3 + i % 3, s->number, s->spacing, seed)
                    : structures_cluster(b->ctx, 2 + i * 7 % 90, s->number, s->spacing, seed);
        }
    } else {
        const char *path = s->number == ALLOYS ? ATH_REFERENCE_DATA "/structures/alloys_1000.extxyz"
                                               : ATH_REFERENCE_DATA "/structures/emt_1000.extxyz";
        b->systems = structures_read(b->ctx, path, WATCHED + FILLERS, &b->n);
    }
    b->n_watched = b->n < WATCHED ? b->n : WATCHED;
    return b->n > 0;
}

static ath_dynamics *bench_dynamics(const bench *b, const subject *s, const setting *how,
                                    ath_model *model, ath_integrator *integrator)
{
    ath_dynamics_config config = ath_dynamics_defaults();
    ath_dynamics *dyn = NULL;
    config.model = model;
    config.integrator = integrator;
    config.n_threads = how->threads;
    config.skin = how->skin;
    config.rebuild_always = how->rebuild_always;
    config.tile_bytes = how->tile_bytes;
    config.velocities = s->velocities;
    config.temperature = s->number == 18 ? 150 : 1500;
    config.seed = 11;
    OK(b->ctx, ath_dynamics_create(b->ctx, &config, &dyn));
    return dyn;
}

/* Order in which systems are put into the batch. */
static void bench_order(int32_t *order, int32_t n, bool shuffled)
{
    uint64_t x = 88172645463325252u;
    for (int32_t i = 0; i < n; i++) {
        order[i] = i;
    }
    for (int32_t i = n - 1; shuffled && i > 0; i--) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        const int32_t j = (int32_t)(x % (uint64_t)(i + 1)), t = order[i];
        order[i] = order[j];
        order[j] = t;
    }
}

/* Removes the fillers and puts other fillers into their slots. */
static void bench_refill(const bench *b, ath_batch *batch, int32_t *who, int32_t *n)
{
    uint8_t *mask = calloc((size_t)*n, 1);
    int32_t kept = 0;
    for (int32_t i = 0; i < *n; i++) {
        mask[i] = who[i] >= b->n_watched;
        if (!mask[i]) {
            who[kept++] = who[i];
        }
    }
    OK(b->ctx, ath_batch_trim(batch, mask));
    for (int32_t i = b->n - 1; kept < *n; i--) {
        OK(b->ctx, ath_batch_add(batch, b->systems[i]));
        who[kept++] = i;
    }
    free(mask);
}

/* Fewest builds of the list of a watched system that has one (host device); INT64_MAX if none has.
 */
static int64_t bench_fewest(const ath_dynamics *dyn, const ath_batch *batch, int32_t n)
{
    ath__list_view list;
    int64_t fewest = INT64_MAX;
    if (!dyn->plan.neighbors) {
        return fewest;
    }
    ath__neighbors_view(dyn->plan.neighbors, &list);
    for (int32_t i = 0; i < n; i++) {
        const int64_t builds = list.builds[ath__batch_slot(batch, i)];
        const bool moves = ath_batch_n_atoms_of(batch, i) > 1; /* a lone atom may be at rest */
        fewest = moves && builds > 0 && builds < fewest ? builds : fewest;
    }
    return fewest;
}

/* Runs the watched systems in this setting: digest[i] of each, and builds[0] of all lists,
 * builds[1] of the list that was built least often (first setting only). */
static void bench_run(const bench *b, const subject *s, const setting *how, uint64_t *digest,
                      int64_t builds[2])
{
    ath_device *device = NULL;
    ath_model *model = NULL;
    ath_integrator *integrator = NULL;
    OK(b->ctx, ath_device_open(b->ctx, how->device, &device));
    OK(b->ctx, ath_model_create(b->ctx, s->model, &model));
    OK(b->ctx, ath_integrator_create(b->ctx, s->integrator, &integrator));
    const int32_t per_batch = how->together ? how->together : b->n_watched + how->others;
    int32_t *who = malloc((size_t)per_batch * sizeof *who);
    ath_dynamics *dyn = bench_dynamics(b, s, how, model, integrator);
    for (int32_t first = 0; first < b->n_watched; first += per_batch) {
        const int32_t end = how->together ? b->n_watched : b->n;
        int32_t n = per_batch < end - first ? per_batch : end - first;
        ath_batch *batch = NULL;
        const ath_batch_config config = {.size = sizeof config, .device = device};
        bench_order(who, n, how->shuffled);
        OK(b->ctx, ath_batch_create(b->ctx, &config, &batch));
        for (int32_t i = 0; i < n; i++) {
            who[i] += first;
            OK(b->ctx, ath_batch_add(batch, b->systems[who[i]]));
        }
        for (int32_t k = 0; k < how->refills; k++) {
            OK(b->ctx, ath_dynamics_run(dyn, batch, STEPS / (how->refills + 1)));
            bench_refill(b, batch, who, &n);
        }
        OK(b->ctx,
           ath_dynamics_run(dyn, batch, STEPS - how->refills * (STEPS / (how->refills + 1))));
        for (int32_t i = 0; i < n; i++) {
            if (who[i] < b->n_watched) {
                digest[who[i]] = structures_digest(b->ctx, batch, i);
            }
        }
        if (how == settings) {
            builds[1] = bench_fewest(dyn, batch, b->n_watched);
        }
        ath_batch_destroy(&batch);
    }
    ath_dynamics_stats stats;
    OK(b->ctx, ath_dynamics_get_stats(dyn, &stats));
    builds[0] = stats.list_builds;
    ath_dynamics_destroy(&dyn);
    ath_integrator_destroy(&integrator);
    ath_model_destroy(&model);
    ath_device_close(&device);
    free(who);
}

static void check_subject(const subject *s)
{
    bench b = {0};
    assert_int_equal(ath_context_create(NULL, &b.ctx), ATH_OK);
    if (!bench_load(&b, s)) {
        print_message("skipped %s: no reference structures\n", s->name);
        ath_context_destroy(&b.ctx);
        skip();
    }
    uint64_t *reference = calloc(WATCHED, sizeof *reference);
    uint64_t *digest = calloc(WATCHED, sizeof *digest);
    for (size_t k = 0; k < sizeof settings / sizeof *settings; k++) {
        int64_t builds[2] = {0, INT64_MAX};
        ath_device *device = NULL;
        if (ath_device_open(b.ctx, settings[k].device, &device) != ATH_OK) {
            print_message("%s: not on this machine: %s\n", s->name, settings[k].name);
            continue;
        }
        ath_device_close(&device);
        bench_run(&b, s, &settings[k], k ? digest : reference, builds);
        int32_t different = 0;
        for (int32_t i = 0; k && i < b.n_watched; i++) {
            different += digest[i] != reference[i];
        }
        print_message("%-20s %-20s %lld list builds, %d of %d differ\n", s->name, settings[k].name,
                      (long long)builds[0], different, b.n_watched);
        assert_int_equal(different, 0);
        assert_true(builds[1] >= s->min_builds); /* the first and at least one more */
    }
    free(digest);
    free(reference);
    structures_free(b.systems, b.n);
    ath_context_destroy(&b.ctx);
}

static void test_subject(void **state)
{
    check_subject(*state);
}

int main(void)
{
    struct CMUnitTest tests[sizeof subjects / sizeof *subjects];
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        tests[i] = (struct CMUnitTest){.name = subjects[i].name,
                                       .test_func = test_subject,
                                       .initial_state = (void *)&subjects[i]};
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
