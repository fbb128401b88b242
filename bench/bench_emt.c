/* bench_emt: speed of the EMT kernel alone: neighbour check and forces of many small systems on one
 * core, or of large ones on a team, without integrator, hooks or convergence.
 *
 *   bench_emt STRUCTURES.extxyz [SKIN [MEMBERS]]
 *
 * Every row is one instruction set of the host device and what is computed besides the forces.
 * Systems are worked through in tiles of about 1500 atoms, check before forces, as the engine does
 * it. A time is the best of at most thirty rounds over all structures, begun within two seconds: of
 * the processor for one thread, on the clock for a team of MEMBERS. Systems that a team does not
 * divide are computed by one member.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <athanor/batch.h>
#include <athanor/extxyz.h>
#include <athanor/model.h>

#include "models/model.h"
#include "neighbors/neighbors.h"

enum { TILE_ATOMS = 1500, ROUNDS = 30 };
#define MOST_SECONDS 2.0

typedef struct bench {
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
    int32_t members; /* 0: no team */
} bench;

static void check(const bench *b, ath_status status, const char *what)
{
    if (status < 0) {
        fprintf(stderr, "bench_emt: %s: %s (%s)\n", what, ath_status_text(status),
                ath_context_message(b->ctx));
        exit(70);
    }
}

static double now(const bench *b)
{
    struct timespec t;
    clock_gettime(b->members > 0 ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void read_systems(bench *b, const char *path)
{
    const ath_batch_config config = {.size = sizeof config, .device = b->device};
    ath_extxyz_reader *reader = NULL;
    ath_system *system = NULL;
    check(b, ath_batch_create(b->ctx, &config, &b->batch), "batch");
    check(b, ath_extxyz_open(b->ctx, path, &reader), path);
    ath_status status = ath_extxyz_next(reader, &system);
    for (; status != ATH_END; status = ath_extxyz_next(reader, &system)) {
        check(b, status, path);
        check(b, ath_model_accepts(b->model, system), path);
        check(b, ath_batch_add(b->batch, system), "batch");
        ath_system_destroy(&system);
    }
    ath_extxyz_close(&reader);
}

/* Slots in public order, cut into tiles. */
static void make_tiles(bench *b, int32_t *max_atoms)
{
    const int32_t n = ath_batch_n_systems(b->batch);
    b->slots = calloc((size_t)n + 1, sizeof *b->slots);
    b->n_slots = calloc((size_t)n + 1, sizeof *b->n_slots);
    if (!b->slots || !b->n_slots) {
        exit(70);
    }
    int64_t atoms = 0;
    *max_atoms = 0;
    b->n_tiles = 1;
    for (int32_t i = 0; i < n; i++) {
        const int32_t more = ath_batch_n_atoms_of(b->batch, i);
        b->slots[i] = ath__batch_slot(b->batch, i);
        *max_atoms = more > *max_atoms ? more : *max_atoms;
        if (atoms > 0 && atoms + more > TILE_ATOMS) {
            b->n_tiles++;
            atoms = 0;
        }
        atoms += more;
        b->n_slots[b->n_tiles - 1]++;
    }
}

static void round_trip(bench *b, int with_check, unsigned want)
{
    const int32_t *slots = b->slots;
    for (int32_t t = 0; t < b->n_tiles; t++) {
        if (with_check) {
            check(b,
                  ath__neighbors_update(b->neighbors, &b->stream, &b->view, slots, b->n_slots + t,
                                        b->list_work, b->list_bytes),
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
            check(b, b->model->ops->compute(b->model->state, &c), "forces");
        }
        slots += b->n_slots[t];
    }
}

static void open_all(bench *b, const char *isa, const char *path, double skin)
{
    ath__model_needs needs = {0};
    int32_t max_atoms = 0, grown = 1;
    check(b, ath_context_create(NULL, &b->ctx), "context");
    check(b, ath_device_open(b->ctx, isa, &b->device), isa);
    check(b, ath_model_create(b->ctx, "emt", &b->model), "model");
    read_systems(b, path);
    make_tiles(b, &max_atoms);
    b->model->ops->needs(b->model->state, max_atoms, &needs);
    const ath__neighbors_config config = {
        .device = b->device, .cutoff = needs.cutoff, .skin = skin};
    check(b, ath__neighbors_create(b->ctx, &config, &b->neighbors), "neighbours");
    check(b, ath__neighbors_fit(b->neighbors, b->batch), "neighbours");
    b->model->ops->params(b->model->state, NULL, &b->param_bytes);
    b->work_bytes = needs.work_bytes;
    if (b->members > 1) {
        b->work_bytes += (size_t)(b->members - 1) * needs.member_bytes;
    }
    b->list_bytes = ath__neighbors_work(b->neighbors, max_atoms, 1);
    check(b, ath__device_alloc(b->device, b->param_bytes, 1, &b->params), "memory");
    check(b, ath__device_alloc(b->device, b->work_bytes, 1, &b->work), "memory");
    check(b, ath__device_alloc(b->device, b->list_bytes, 1, &b->list_work), "memory");
    b->model->ops->params(b->model->state, b->params, &b->param_bytes);
    check(b, ath__stream_open(b->device, &b->stream), "stream");
    ath__batch_view(b->batch, &b->view);
    while (grown > 0) {
        ath__neighbors_view(b->neighbors, &b->list);
        round_trip(b, 1, 0);
        check(b, ath__neighbors_grow(b->neighbors, b->batch, &grown), "neighbours");
    }
    if (b->members > 0) { /* the lists have been built without it */
        check(b, ath__team_create(b->ctx, b->members, &b->stream.team), "team");
    }
}

static void close_all(bench *b)
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

int main(int argc, char **argv)
{
    static const char *const isas[] = {"host:isa=v4", "host:isa=v3", "host:isa=base"};
    static const struct {
        const char *text;
        int with_check;
        unsigned want;
    } work[] = {{"list check", 1, 0},
                {"forces", 0, ATH__WANT_FORCES},
                {"forces, list check", 1, ATH__WANT_FORCES},
                {"forces and energy, list check", 1, ATH__WANT_FORCES | ATH__WANT_ENERGY},
                {"forces, energy, stress, list check", 1,
                 ATH__WANT_FORCES | ATH__WANT_ENERGY | ATH__WANT_STRESS}};
    if (argc < 2) {
        fprintf(stderr, "usage: bench_emt STRUCTURES.extxyz [SKIN [MEMBERS]]\n");
        return 64;
    }
    const char *path = argv[1];
    const double skin = argc > 2 ? strtod(argv[2], NULL) : 0.5;
    printf("%-14s %-36s %9s %14s\n", "device", "work", "ns/atom", "M atoms/s");
    for (size_t d = 0; d < sizeof isas / sizeof *isas; d++) {
        bench b = {.members = argc > 3 ? (int32_t)strtol(argv[3], NULL, 10) : 0};
        open_all(&b, isas[d], path, skin);
        const double atoms = (double)ath_batch_n_atoms(b.batch);
        for (size_t w = 0; w < sizeof work / sizeof *work; w++) {
            const double first = now(&b);
            double best = 1e30;
            for (int r = 0; r < ROUNDS && (r == 0 || now(&b) - first < MOST_SECONDS); r++) {
                const double begin = now(&b);
                round_trip(&b, work[w].with_check, work[w].want);
                const double time = now(&b) - begin;
                best = time < best ? time : best;
            }
            printf("%-14s %-36s %9.1f %14.3f\n", isas[d], work[w].text, best / atoms * 1e9,
                   atoms / best * 1e-6);
        }
        close_all(&b);
    }
    return 0;
}
