/* bench_nep: speed of the NEP kernel alone, per core: forces (and neighbour check, energy, stress)
 * without integrator, hooks or convergence.
 *
 *   bench_nep NEP.txt [SKIN [DEVICE]]
 *
 * Three sets of fcc crystals, whose sites get the first 16 elements of the file at random (from a
 * fixed seed) and whose atoms are displaced by up to 0.1 angstrom: one of 1,008 atoms, 1,000 of 64
 * atoms, and one of 23,328 atoms, which the kernel computes as for a team. The lattice constant is
 * 4 angstrom, that of the mean of the 16 metals of UNEP-v1 under some tension. Systems are worked
 * through in tiles of about 1500 atoms, check before forces, as the engine does it. A time is the
 * best of as many rounds as fit into a second. One thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <athanor/batch.h>
#include <athanor/model.h>

#include "models/model.h"
#include "models/nep.h"
#include "neighbors/neighbors.h"

enum { TILE_ATOMS = 1500, MAX_ELEMENTS = 16 };

#define LATTICE 4.0 /* angstrom */
#define RATTLE 0.1
#define SECONDS 1.0

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
    int32_t elements[MAX_ELEMENTS], n_elements;
    uint64_t seed;
} bench;

static void check(const bench *b, ath_status status, const char *what)
{
    if (status < 0) {
        fprintf(stderr, "bench_nep: %s: %s (%s)\n", what, ath_status_text(status),
                ath_context_message(b->ctx));
        exit(70);
    }
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* In [0, 1). */
static double draw(bench *b)
{
    b->seed = b->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(b->seed >> 11) * 0x1p-53;
}

static void read_elements(bench *b, const char *path)
{
    ath__nep_file file;
    check(b, ath__nep_read(b->ctx, path, &file), path);
    b->n_elements = file.n_types < MAX_ELEMENTS ? file.n_types : MAX_ELEMENTS;
    memcpy(b->elements, file.numbers, (size_t)b->n_elements * sizeof *b->elements);
    ath__nep_free(b->ctx, &file);
}

static void add_crystal(bench *b, const int cells[3])
{
    static const double site[4][3] = {{0, 0, 0}, {0, 0.5, 0.5}, {0.5, 0, 0.5}, {0.5, 0.5, 0}};
    const int32_t n = 4 * cells[0] * cells[1] * cells[2];
    ath_system *system = NULL;
    void *rows = NULL;
    check(b, ath_system_create(b->ctx, n, &system), "system");
    check(b, ath_system_field(system, ATH_FIELD_POSITIONS, &rows), "positions");
    double *x = rows;
    check(b, ath_system_field(system, ATH_FIELD_CELL, &rows), "cell");
    double *h = rows;
    check(b, ath_system_field(system, ATH_FIELD_NUMBERS, &rows), "numbers");
    int32_t *numbers = rows;
    check(b, ath_system_field(system, ATH_FIELD_PBC, &rows), "pbc");
    int32_t *pbc = rows;
    for (int k = 0; k < 3; k++) {
        h[4 * k] = LATTICE * cells[k];
        pbc[k] = 1;
    }
    for (int32_t i = 0; i < n; i++) {
        const int32_t cell = i / 4;
        const int at[3] = {cell / (cells[1] * cells[2]), cell / cells[2] % cells[1],
                           cell % cells[2]};
        for (int k = 0; k < 3; k++) {
            x[3 * i + k] = LATTICE * (at[k] + site[i % 4][k]) + RATTLE * (2.0 * draw(b) - 1.0);
        }
        numbers[i] = b->elements[(int)(draw(b) * b->n_elements)];
    }
    check(b, ath_batch_add(b->batch, system), "batch");
    ath_system_destroy(&system);
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

typedef struct set {
    const char *text;
    int count, cells[3];
} set;

static void open_all(bench *b, const char *isa, const char *path, double skin, const set *which)
{
    const ath_batch_config batch = {.size = sizeof batch};
    ath__model_needs needs = {0};
    int32_t max_atoms = 0, grown = 1;
    char text[4096];
    check(b, ath_context_create(NULL, &b->ctx), "context");
    check(b, ath_device_open(b->ctx, isa, &b->device), isa);
    snprintf(text, sizeof text, "nep:file=\"%s\"", path);
    check(b, ath_model_create(b->ctx, text, &b->model), "model");
    ath_batch_config config = batch;
    config.device = b->device;
    check(b, ath_batch_create(b->ctx, &config, &b->batch), "batch");
    read_elements(b, path);
    b->seed = 20241;
    for (int k = 0; k < which->count; k++) {
        add_crystal(b, which->cells);
    }
    make_tiles(b, &max_atoms);
    b->model->ops->needs(b->model->state, max_atoms, &needs);
    const ath__neighbors_config lists = {.device = b->device, .cutoff = needs.cutoff, .skin = skin};
    check(b, ath__neighbors_create(b->ctx, &lists, &b->neighbors), "neighbours");
    check(b, ath__neighbors_fit(b->neighbors, b->batch), "neighbours");
    b->model->ops->params(b->model->state, NULL, &b->param_bytes);
    b->work_bytes = needs.work_bytes;
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
}

static void close_all(bench *b)
{
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

static void measure(const char *isa, const char *path, double skin, const set *which)
{
    static const struct {
        const char *text;
        int with_check;
        unsigned want;
    } work[] = {{"list check", 1, 0},
                {"forces", 0, ATH__WANT_FORCES},
                {"forces, energy, stress, list check", 1,
                 ATH__WANT_FORCES | ATH__WANT_ENERGY | ATH__WANT_STRESS}};
    bench b = {0};
    open_all(&b, isa, path, skin, which);
    const double atoms = (double)ath_batch_n_atoms(b.batch);
    for (size_t w = 0; w < sizeof work / sizeof *work; w++) {
        double best = 1e30;
        const double start = now();
        do {
            const double begin = now();
            round_trip(&b, work[w].with_check, work[w].want);
            const double time = now() - begin;
            best = time < best ? time : best;
        } while (now() - start < SECONDS);
        printf("%-14s %-11s %-36s %9.1f %14.4f\n", isa, which->text, work[w].text,
               best / atoms * 1e9, atoms / best * 1e-6);
        fflush(stdout);
    }
    close_all(&b);
}

int main(int argc, char **argv)
{
    static const char *const isas[] = {"host:isa=v4", "host:isa=v3"};
    static const set sets[] = {
        {"1 x 1008", 1, {6, 6, 7}}, {"1000 x 64", 1000, {4, 2, 2}}, {"1 x 23328", 1, {18, 18, 18}}};
    if (argc < 2) {
        fprintf(stderr, "usage: bench_nep NEP.txt [SKIN [DEVICE]]\n");
        return 64;
    }
    const double skin = argc > 2 ? strtod(argv[2], NULL) : 0.5;
    printf("%-14s %-11s %-36s %9s %14s\n", "device", "systems", "work", "ns/atom",
           "M atom-steps/s");
    for (int d = 0; d < (argc > 3 ? 1 : 2); d++) {
        for (size_t k = 0; k < sizeof sets / sizeof *sets; k++) {
            measure(argc > 3 ? argv[3] : isas[d], argv[1], skin, &sets[k]);
        }
    }
    return 0;
}
