/* bench_sw: speed of the Stillinger-Weber kernel alone, per core, on perturbed silicon: 8,000 atoms
 * in one system, and 1,000 systems of 64; without integrator, hooks or convergence.
 *
 *   bench_sw [LMP]
 *
 * Every row is one instruction set of the host device and what is computed besides the forces.
 * Systems are worked through in tiles of about 1,500 atoms, check of the list before forces, as the
 * engine does it. A time is the best of many rounds. One thread. LMP: a LAMMPS program (default
 * lmp, if there is one); it then computes the same system of 8,000 atoms, and one of the 64: its
 * own time for "Pair", best of three runs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <athanor/batch.h>
#include <athanor/model.h>

#include "models/model.h"
#include "neighbors/neighbors.h"

enum { TILE_ATOMS = 1500, ROUNDS = 15 };

static const double edge = 5.431, rattle = 0.12, skin = 0.5; /* angstrom */

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
} bench;

static void check(const bench *b, ath_status status, const char *what)
{
    if (status < 0) {
        fprintf(stderr, "bench_sw: %s: %s (%s)\n", what, ath_status_text(status),
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

static double random_signed(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(int64_t)(*state & ~UINT64_C(2047)) * 0x1p-63;
}

/* n^3 cells of diamond; x: [8 n^3][3] */
static void make_positions(int n, uint64_t seed, double *x)
{
    static const double site[8][3] = {{0, 0, 0},       {0, .5, .5},     {.5, 0, .5},
                                      {.5, .5, 0},     {.25, .25, .25}, {.25, .75, .75},
                                      {.75, .25, .75}, {.75, .75, .25}};
    for (int i = 0; i < n * n * n; i++) {
        const int at[3] = {i / (n * n), i / n % n, i % n};
        for (int b = 0; b < 8; b++) {
            for (int k = 0; k < 3; k++) {
                *x++ = edge * (at[k] + site[b][k]) + rattle * random_signed(&seed);
            }
        }
    }
}

static void add_system(bench *b, int n, uint64_t seed)
{
    static const int32_t pbc[3] = {1, 1, 1};
    ath_system *system = NULL;
    check(b, ath_system_create(b->ctx, 8 * n * n * n, &system), "system");
    void *x = NULL, *h = NULL, *z = NULL, *periodic = NULL;
    check(b, ath_system_field(system, ATH_FIELD_POSITIONS, &x), "positions");
    check(b, ath_system_field(system, ATH_FIELD_CELL, &h), "cell");
    check(b, ath_system_field(system, ATH_FIELD_NUMBERS, &z), "numbers");
    check(b, ath_system_field(system, ATH_FIELD_PBC, &periodic), "pbc");
    double *cell = h;
    int32_t *numbers = z;
    memcpy(periodic, pbc, sizeof pbc);
    make_positions(n, seed, x);
    for (int i = 0; i < 8 * n * n * n; i++) {
        numbers[i] = 14;
    }
    for (int k = 0; k < 9; k++) {
        cell[k] = k % 4 == 0 ? edge * n : 0.0;
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

static void open_all(bench *b, const char *isa, int cells, int systems)
{
    ath__model_needs needs = {0};
    int32_t max_atoms = 0, grown = 1;
    check(b, ath_context_create(NULL, &b->ctx), "context");
    check(b, ath_device_open(b->ctx, isa, &b->device), isa);
    check(b, ath_model_create(b->ctx, "sw", &b->model), "model");
    const ath_batch_config batch = {.size = sizeof batch, .device = b->device};
    check(b, ath_batch_create(b->ctx, &batch, &b->batch), "batch");
    for (int k = 0; k < systems; k++) {
        add_system(b, cells, (uint64_t)k + 1);
    }
    make_tiles(b, &max_atoms);
    b->model->ops->needs(b->model->state, max_atoms, &needs);
    const ath__neighbors_config config = {
        .device = b->device, .cutoff = needs.cutoff, .skin = skin};
    check(b, ath__neighbors_create(b->ctx, &config, &b->neighbors), "neighbours");
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

static void run_all(int cells, int systems)
{
    static const char *const isas[] = {"host:isa=v4", "host:isa=v3", "host:isa=base"};
    static const struct {
        const char *text;
        int with_check;
        unsigned want;
    } work[] = {{"list check", 1, 0},
                {"forces", 0, ATH__WANT_FORCES},
                {"forces, list check", 1, ATH__WANT_FORCES},
                {"forces, energy, stress, list check", 1,
                 ATH__WANT_FORCES | ATH__WANT_ENERGY | ATH__WANT_STRESS}};
    for (size_t d = 0; d < sizeof isas / sizeof *isas; d++) {
        bench b = {0};
        open_all(&b, isas[d], cells, systems);
        const double atoms = (double)ath_batch_n_atoms(b.batch);
        for (size_t w = 0; w < sizeof work / sizeof *work; w++) {
            double best = 1e30;
            for (int r = 0; r < ROUNDS; r++) {
                const double begin = now();
                round_trip(&b, work[w].with_check, work[w].want);
                const double time = now() - begin;
                best = time < best ? time : best;
            }
            printf("%5d x %-6d %-14s %-36s %9.1f\n", systems, 8 * cells * cells * cells, isas[d],
                   work[w].text, best / atoms * 1e9);
        }
        close_all(&b);
    }
}

/* ---- LAMMPS ---- */

static void write_lammps(const char *folder, int cells, int steps)
{
    const int n = 8 * cells * cells * cells;
    char path[256];
    double *x = calloc((size_t)n * 3, sizeof *x);
    snprintf(path, sizeof path, "%s/data", folder);
    FILE *data = fopen(path, "w");
    snprintf(path, sizeof path, "%s/in", folder);
    FILE *in = fopen(path, "w");
    snprintf(path, sizeof path, "%s/si.sw", folder);
    FILE *sw = fopen(path, "w");
    if (!x || !data || !in || !sw) {
        perror(folder);
        exit(73);
    }
    make_positions(cells, 1, x);
    fprintf(data, "\n\n%d atoms\n1 atom types\n", n);
    for (int k = 0; k < 3; k++) {
        fprintf(data, "0 %.17g %clo %chi\n", edge * cells, "xyz"[k], "xyz"[k]);
    }
    fprintf(data, "\nAtoms # atomic\n\n");
    for (int i = 0; i < n; i++) {
        fprintf(data, "%d 1 %.17g %.17g %.17g\n", i + 1, x[3 * i], x[3 * i + 1], x[3 * i + 2]);
    }
    fprintf(sw,
            "Si Si Si 2.1683 2.0951 1.8 21 1.2 -0.333333333333 7.049556277 0.6022245584 4 0 0\n");
    /* atoms stay where they are: the list is checked, as here, and not made again */
    fprintf(in,
            "units metal\natom_style atomic\nread_data %s/data\nmass 1 28\npair_style sw\n"
            "pair_coeff * * %s/si.sw Si\nneighbor %g bin\nneigh_modify every 1 delay 0 check yes\n"
            "timestep 1e-9\nfix 1 all nve\nthermo 1000000\nrun %d\n",
            folder, folder, skin, steps);
    fclose(data);
    fclose(in);
    fclose(sw);
    free(x);
}

/* Seconds of "Pair" in a run. */
static double run_lammps(const char *lmp, const char *folder)
{
    char text[512];
    double time = 0.0;
    snprintf(text, sizeof text, "OMP_NUM_THREADS=1 '%s' -in %s/in -log none 2>/dev/null", lmp,
             folder);
    FILE *out = popen(text, "r");
    while (out && fgets(text, sizeof text, out)) {
        if (sscanf(text, "Pair | %lf", &time) == 1) {
            continue;
        }
    }
    if (out) {
        pclose(out);
    }
    return time;
}

static void compare_lammps(const char *lmp, int cells, int steps)
{
    char folder[] = "/tmp/bench_sw_XXXXXX", text[256];
    const int n = 8 * cells * cells * cells;
    if (!mkdtemp(folder)) {
        return;
    }
    write_lammps(folder, cells, steps);
    double best = 1e30;
    for (int r = 0; r < 3; r++) {
        const double time = run_lammps(lmp, folder);
        best = time > 0.0 && time < best ? time : best;
    }
    if (best < 1e30) {
        printf("%5d x %-6d %-14s %-36s %9.1f\n", 1, n, "LAMMPS", "forces (Pair)",
               best / ((double)steps + 1.0) / n * 1e9);
    }
    snprintf(text, sizeof text, "rm -r %s", folder);
    if (system(text) != 0) {
        fprintf(stderr, "bench_sw: cannot remove %s\n", folder);
    }
}

int main(int argc, char **argv)
{
    const char *lmp = argc > 1 ? argv[1] : "lmp";
    printf("%-14s %-14s %-36s %9s\n", "systems", "device", "work", "ns/atom");
    run_all(10, 1);
    run_all(2, 1000);
    compare_lammps(lmp, 10, 100);
    compare_lammps(lmp, 2, 10000);
    return 0;
}
