/* What benchmarks of one model's kernel have in common: a batch cut into tiles of about 1,500
 * atoms, its neighbour lists, and rounds over all of it, check of the lists before forces, as the
 * engine does it; without integrator, hooks or convergence. Included once per program.
 */
#ifndef ATHANOR_BENCH_RIG_H
#define ATHANOR_BENCH_RIG_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <athanor/batch.h>
#include <athanor/model.h>

#include "models/model.h"
#include "neighbors/neighbors.h"

enum { RIG_TILE_ATOMS = 1500, RIG_ROUNDS = 30 };
#define RIG_SECONDS 2.0 /* rounds begun within this */

typedef struct rig {
    ath_context *ctx;
    ath_device *device;
    ath_batch *batch;
    ath_model *model;
    ath__neighbors *neighbors;
    ath__stream stream;
    ath__view view;
    ath__list_view list;
    void *params, *work, *list_work;
    size_t param_bytes, work_bytes, list_bytes;
    int32_t *slots, *n_slots; /* one count per tile */
    int32_t n_tiles;
    int32_t members; /* of a team, 0: none */
} rig;

/* What is computed, and its name in the table. */
typedef struct rig_work {
    const char *text;
    int with_check;
    unsigned want;
} rig_work;

static const rig_work rig_works[] = {{"list check", 1, 0},
                                     {"forces", 0, ATH__WANT_FORCES},
                                     {"forces, list check", 1, ATH__WANT_FORCES},
                                     {"forces, energy, stress, list check", 1,
                                      ATH__WANT_FORCES | ATH__WANT_ENERGY | ATH__WANT_STRESS}};
enum { RIG_WORKS = sizeof rig_works / sizeof *rig_works };

static inline void rig_check(const rig *b, ath_status status, const char *what)
{
    if (status < 0) {
        fprintf(stderr, "%s: %s (%s)\n", what, ath_status_text(status),
                ath_context_message(b->ctx));
        exit(70);
    }
}

/* Seconds: of the processor for one thread, on the clock for a team. */
static inline double rig_now(const rig *b)
{
    struct timespec t;
    clock_gettime(b->members > 0 ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Context, device, model and an empty batch, to which systems are then added. */
static inline void rig_begin(rig *b, const char *device, const char *model)
{
    rig_check(b, ath_context_create(NULL, &b->ctx), "context");
    rig_check(b, ath_device_open(b->ctx, device, &b->device), device);
    rig_check(b, ath_model_create(b->ctx, model, &b->model), model);
    const ath_batch_config config = {.size = sizeof config, .device = b->device};
    rig_check(b, ath_batch_create(b->ctx, &config, &b->batch), "batch");
}

/* A system of n atoms, periodic in a box of these edges; its positions and numbers are to be
 * filled.
 */
static inline ath_system *rig_system(rig *b, int32_t n, const double edges[3], double **positions,
                                     int32_t **numbers)
{
    ath_system *system = NULL;
    void *x = NULL, *h = NULL, *z = NULL, *pbc = NULL;
    rig_check(b, ath_system_create(b->ctx, n, &system), "system");
    rig_check(b, ath_system_field(system, ATH_FIELD_POSITIONS, &x), "positions");
    rig_check(b, ath_system_field(system, ATH_FIELD_CELL, &h), "cell");
    rig_check(b, ath_system_field(system, ATH_FIELD_NUMBERS, &z), "numbers");
    rig_check(b, ath_system_field(system, ATH_FIELD_PBC, &pbc), "pbc");
    for (int k = 0; k < 3; k++) {
        ((double *)h)[4 * k] = edges[k];
        ((int32_t *)pbc)[k] = 1;
    }
    *positions = x;
    *numbers = z;
    return system;
}

static inline void rig_add(rig *b, ath_system *system)
{
    rig_check(b, ath_batch_add(b->batch, system), "batch");
    ath_system_destroy(&system);
}

/* Slots in public order, cut into tiles; returns the number of atoms of the largest system. */
static inline int32_t rig_tiles(rig *b)
{
    const int32_t n = ath_batch_n_systems(b->batch);
    int32_t most = 0;
    int64_t atoms = 0;
    b->slots = calloc((size_t)n + 1, sizeof *b->slots);
    b->n_slots = calloc((size_t)n + 1, sizeof *b->n_slots);
    if (!b->slots || !b->n_slots) {
        exit(70);
    }
    b->n_tiles = 1;
    for (int32_t i = 0; i < n; i++) {
        const int32_t more = ath_batch_n_atoms_of(b->batch, i);
        b->slots[i] = ath__batch_slot(b->batch, i);
        most = more > most ? more : most;
        if (atoms > 0 && atoms + more > RIG_TILE_ATOMS) {
            b->n_tiles++;
            atoms = 0;
        }
        atoms += more;
        b->n_slots[b->n_tiles - 1]++;
    }
    return most;
}

/* Works through all tiles once. */
static inline void rig_round(rig *b, int with_check, unsigned want)
{
    const int32_t *slots = b->slots;
    for (int32_t t = 0; t < b->n_tiles; t++) {
        if (with_check) {
            rig_check(b,
                      ath__neighbors_update(b->neighbors, &b->stream, &b->view, slots,
                                            b->n_slots + t, b->list_work, b->list_bytes),
                      "neighbours");
        }
        if (want) {
            const ath__compute c = {.stream = &b->stream,
                                    .view = b->view,
                                    .list = b->list,
                                    .d_slots = slots,
                                    .d_n_slots = b->n_slots + t,
                                    .d_params = b->params,
                                    .d_work = b->work,
                                    .work_bytes = b->work_bytes,
                                    .want = want};
            rig_check(b, b->model->ops->compute(b->model->state, &c), "forces");
        }
        slots += b->n_slots[t];
    }
}

/* Lists and memory, when all systems are there. */
static inline void rig_ready(rig *b, double skin)
{
    ath__model_needs needs = {0};
    const int32_t most = rig_tiles(b);
    b->model->ops->needs(b->model->state, most, &needs);
    const ath__neighbors_config config = {
        .device = b->device, .cutoff = needs.cutoff, .skin = skin};
    rig_check(b, ath__neighbors_create(b->ctx, &config, &b->neighbors), "neighbours");
    rig_check(b, ath__neighbors_fit(b->neighbors, b->batch), "neighbours");
    rig_check(b, b->model->ops->params(b->model->state, NULL, &b->param_bytes), "parameters");
    b->work_bytes = needs.work_bytes;
    b->work_bytes += b->members > 1 ? (size_t)(b->members - 1) * needs.member_bytes : 0;
    b->list_bytes = ath__neighbors_work(b->neighbors, most, 1);
    rig_check(b, ath__device_alloc(b->device, b->param_bytes, 1, &b->params), "memory");
    rig_check(b, ath__device_alloc(b->device, b->work_bytes, 1, &b->work), "memory");
    rig_check(b, ath__device_alloc(b->device, b->list_bytes, 1, &b->list_work), "memory");
    rig_check(b, b->model->ops->params(b->model->state, b->params, &b->param_bytes), "parameters");
    rig_check(b, ath__stream_open(b->device, &b->stream), "stream");
    ath__batch_view(b->batch, &b->view);
    for (int32_t grown = 1; grown > 0;) {
        ath__neighbors_view(b->neighbors, &b->list);
        rig_round(b, 1, 0);
        rig_check(b, ath__neighbors_grow(b->neighbors, b->batch, &grown), "neighbours");
    }
    if (b->members > 0) { /* the lists have been built without it */
        rig_check(b, ath__team_create(b->ctx, b->members, &b->stream.team), "team");
    }
}

/* Prints one row for each kind of work: best of at most RIG_ROUNDS rounds. */
static inline void rig_measure(rig *b, const char *systems, const char *device)
{
    const double atoms = (double)ath_batch_n_atoms(b->batch);
    for (int w = 0; w < RIG_WORKS; w++) {
        const double first = rig_now(b);
        double best = 1e30;
        for (int r = 0; r < RIG_ROUNDS && (r == 0 || rig_now(b) - first < RIG_SECONDS); r++) {
            const double begin = rig_now(b);
            rig_round(b, rig_works[w].with_check, rig_works[w].want);
            const double time = rig_now(b) - begin;
            best = time < best ? time : best;
        }
        printf("%-14s %-14s %-36s %9.1f %14.4f\n", systems, device, rig_works[w].text,
               best / atoms * 1e9, atoms / best * 1e-6);
        fflush(stdout);
    }
}

static inline void rig_head(void)
{
    printf("%-14s %-14s %-36s %9s %14s\n", "systems", "device", "work", "ns/atom",
           "M atom-steps/s");
}

static inline void rig_end(rig *b)
{
    ath__team_destroy(&b->stream.team);
    ath__stream_close(&b->stream);
    ath__device_free(b->device, b->params, b->param_bytes, 1);
    ath__device_free(b->device, b->work, b->work_bytes, 1);
    ath__device_free(b->device, b->list_work, b->list_bytes, 1);
    ath__neighbors_destroy(&b->neighbors);
    ath_batch_destroy(&b->batch);
    ath_model_destroy(&b->model);
    ath_device_close(&b->device);
    ath_context_destroy(&b->ctx);
    free(b->slots);
    free(b->n_slots);
}

#endif
