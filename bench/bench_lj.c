/* bench_lj: speed of the Lennard-Jones kernels alone, on one core.
 *
 *   bench_lj [DEVICE]        host, host:isa=v3, ...
 *
 * For each number of atoms, precision and path, a tile of equal-sized, different systems (together
 * about 10,000 atoms, as the engine takes them, or one system) is computed over and over. Columns:
 * ns per atom of the forces; the same with energy and stress; the same as part of an NVE step, with
 * both half steps and the check and rebuild of neighbour lists; and the atom-steps per second of
 * that step. Each is the best of many runs, so that other work on the machine shows as little as it
 * can. One system alone stands in the last column: microseconds per call.
 *
 * Systems: argon near its melting line, sigma 3.4, cutoff 8.5 (2.5 sigma), 0.0202 atoms per cubic
 * angstrom; boxes are not smaller than twice the cutoff, and thinner where that makes them so.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "data/batch_private.h"
#include "integrators/integrator.h"
#include "integrators/nve.h"
#include "models/lj.h"
#include "neighbors/neighbors.h"

extern const ath__model_ops ath__model_lj;

enum { TILE_ATOMS = 10240 };

static ath_context *context;

static void check(ath_status status)
{
    if (status < 0) {
        fprintf(stderr, "%s: %s\n", ath_status_text(status), ath_context_message(context));
        exit(70);
    }
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* What one row of the table needs. Host devices only: device memory is read and written directly.
 */
typedef struct tile {
    ath_device *device;
    ath_model *model;
    ath_batch *batch;
    ath__neighbors *neighbors;
    ath__stream stream;
    ath__compute compute;
    ath__update_args update;
    void *params, *work, *list_work;
    size_t param_bytes, work_bytes, list_bytes;
    int32_t n_systems, n_atoms, *slots;
} tile;

static void needs_list(const void *state, int32_t max_atoms, ath__model_needs *out)
{
    ath__model_lj.needs(state, max_atoms, out);
    out->all_pairs_max = 0;
}

static ath_status params_list(const void *state, void *out, size_t *bytes)
{
    const ath_status status = ath__model_lj.params(state, out, bytes);
    if (out) {
        ((ath__lj_params *)out)->all_pairs_max = 0;
    }
    return status;
}

/* A disturbed simple cubic lattice in a cube, or, open, in no cell. */
static ath_system *make_system(int32_t n, bool open, unsigned seed)
{
    ath_system *s = NULL;
    void *rows = NULL;
    const int32_t edge = (int32_t)ceil(cbrt(n));
    const double cell = cbrt(n / 0.0202), box = cell < 17.01 ? 17.01 : cell;
    check(ath_system_create(context, n, &s));
    check(ath_system_field(s, ATH_FIELD_NUMBERS, &rows));
    for (int32_t i = 0; i < n; i++) {
        ((int32_t *)rows)[i] = 18;
    }
    check(ath_system_field(s, ATH_FIELD_CELL, &rows));
    for (int k = 0; k < 3; k++) {
        ((double *)rows)[4 * k] = box;
    }
    check(ath_system_field(s, ATH_FIELD_PBC, &rows));
    for (int k = 0; k < 3; k++) {
        ((int32_t *)rows)[k] = !open;
    }
    check(ath_system_field(s, ATH_FIELD_POSITIONS, &rows));
    for (int32_t i = 0; i < n; i++) {
        const int32_t at[3] = {i % edge, i / edge % edge, i / edge / edge};
        for (int k = 0; k < 3; k++) {
            seed = seed * 1664525U + 1013904223U;
            ((double *)rows)[3 * i + k] =
                (at[k] + 0.5) * cell / edge + 0.3 * ((seed >> 8) / 16777216.0 - 0.5);
        }
    }
    return s;
}

static void open_model(tile *t, bool mixed, bool lists)
{
    ath__model_ops ops = ath__model_lj;
    if (lists) {
        ops.needs = needs_list;
        ops.params = params_list;
    }
    static ath__model_ops kept[2]; /* the model points to its table */
    kept[lists] = ops;
    check(ath__model_create_from(context, &kept[lists],
                                 mixed ? "cutoff=8.5,precision=mixed" : "cutoff=8.5", &t->model));
    check(ops.params(t->model->state, NULL, &t->param_bytes));
    check(ath__device_alloc(t->device, t->param_bytes, 1, &t->params));
    check(ops.params(t->model->state, t->params, &t->param_bytes));
}

static void open_tile(tile *t, ath_device *device, int32_t n, int32_t n_systems, bool mixed,
                      int path)
{
    *t = (tile){.device = device, .n_atoms = n, .n_systems = n_systems};
    ath__model_needs needs = {0};
    ath_system **systems = calloc((size_t)n_systems, sizeof *systems);
    open_model(t, mixed, path == 2);
    for (int32_t i = 0; i < n_systems; i++) {
        systems[i] = make_system(n, path == 0, (unsigned)i);
    }
    check(ath_batch_from_systems(context, device, systems, n_systems, &t->batch));
    check(ath__batch_state(t->batch, ATH__NVE_CELLS, 0));
    t->slots = calloc((size_t)n_systems, sizeof *t->slots);
    ath__batch_view(t->batch, &t->compute.view);
    for (int32_t i = 0; i < n_systems; i++) {
        ath_system_destroy(&systems[i]);
        t->slots[i] = ath__batch_slot(t->batch, i);
        t->compute.view.system_state[t->slots[i] * ATH__NVE_CELLS + ATH__NVE_DT] = 0.1;
    }
    free(systems);
    t->model->ops->needs(t->model->state, n, &needs);
    t->work_bytes = needs.work_bytes;
    check(ath__device_alloc(device, t->work_bytes, 1, &t->work));
    const ath__neighbors_config config = {.device = device,
                                          .cutoff = needs.cutoff,
                                          .skin = 1.0,
                                          .all_pairs_max = needs.all_pairs_max};
    check(ath__neighbors_create(context, &config, &t->neighbors));
    check(ath__neighbors_fit(t->neighbors, t->batch));
    t->list_bytes = ath__neighbors_work(t->neighbors, n, 1);
    check(ath__device_alloc(device, t->list_bytes, 1, &t->list_work));
    check(ath__stream_open(device, &t->stream));
    t->compute.stream = &t->stream;
    t->compute.d_slots = t->slots;
    t->compute.d_n_slots = &t->n_systems;
    t->compute.d_params = t->params;
    t->compute.d_work = t->work;
    t->compute.work_bytes = t->work_bytes;
    t->update = (ath__update_args){.view = t->compute.view,
                                   .slots = t->slots,
                                   .n_slots = &t->n_systems,
                                   .n_system_state = ATH__NVE_CELLS};
}

static void close_tile(tile *t)
{
    ath__stream_close(&t->stream);
    ath__neighbors_destroy(&t->neighbors);
    ath__device_free(t->device, t->list_work, t->list_bytes, 1);
    ath__device_free(t->device, t->work, t->work_bytes, 1);
    ath__device_free(t->device, t->params, t->param_bytes, 1);
    ath_batch_destroy(&t->batch);
    ath_model_destroy(&t->model);
    free(t->slots);
}

static void lists(tile *t)
{
    for (int32_t grown = 1; grown > 0;) {
        check(ath__neighbors_update(t->neighbors, &t->stream, &t->compute.view, t->slots,
                                    &t->n_systems, t->list_work, t->list_bytes));
        check(ath__neighbors_grow(t->neighbors, t->batch, &grown));
        ath__neighbors_view(t->neighbors, &t->compute.list);
    }
}

static void forces(tile *t, unsigned want)
{
    t->compute.want = want;
    check(t->model->ops->compute(t->model->state, &t->compute));
}

static void step(tile *t)
{
    check(ath__launch(&t->stream, ATH_K_NVE_PRE, &t->update));
    check(ath__neighbors_update(t->neighbors, &t->stream, &t->compute.view, t->slots, &t->n_systems,
                                t->list_work, t->list_bytes));
    forces(t, ATH__WANT_FORCES);
    check(ath__launch(&t->stream, ATH_K_NVE_POST, &t->update));
}

/* Seconds of one run of `what`: 0 forces, 1 with energy and stress, 2 a step. */
static double best(tile *t, int what)
{
    double least = 1e9, begin = now();
    for (int run = 0; run < 20 || (run < 2000 && now() - begin < 0.25); run++) {
        const double before = now();
        if (what == 2) {
            step(t);
        } else {
            forces(t, what ? ATH__WANT_FORCES | ATH__WANT_ENERGY | ATH__WANT_STRESS
                           : ATH__WANT_FORCES);
        }
        const double spent = now() - before;
        least = spent < least ? spent : least;
    }
    return least;
}

static void print_row(ath_device *device, int32_t n, bool mixed, int path)
{
    static const char *const paths[3] = {"all pairs, open", "all pairs", "list"};
    tile t;
    double seconds[3];
    const int32_t n_systems = n < TILE_ATOMS ? TILE_ATOMS / n : 1;
    open_tile(&t, device, n, n_systems, mixed, path);
    lists(&t);
    for (int what = 0; what < 3; what++) {
        seconds[what] = best(&t, what);
    }
    close_tile(&t);
    open_tile(&t, device, n, 1, mixed, path);
    lists(&t);
    const double alone = best(&t, 0);
    close_tile(&t);
    const double atoms = (double)n * n_systems;
    printf("%6d  %-6s  %-15s  %8.2f  %8.2f  %8.2f  %8.1f  %10.3f\n", (int)n,
           mixed ? "mixed" : "double", paths[path], 1e9 * seconds[0] / atoms,
           1e9 * seconds[1] / atoms, 1e9 * seconds[2] / atoms, 1e-6 * atoms / seconds[2],
           1e6 * alone);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const int32_t sizes[] = {2,   8,   16,  32,  48,  64,   80,   96,
                                    108, 128, 192, 256, 500, 2048, 8000, 32000};
    ath_device *device = NULL;
    check(ath_context_create(NULL, &context));
    check(ath_device_open(context, argc > 1 ? argv[1] : "host", &device));
    if (!device->shared) {
        fprintf(stderr, "bench_lj needs a host device\n");
        return 64;
    }
    printf("%s, one core\n", ath_device_name(device));
    printf(" atoms  arith.  path             force     +energy   NVE step  M steps/s  alone, us\n"
           "                                 ns/atom   +stress   ns/atom              force\n");
    for (int mixed = 0; mixed < 2; mixed++) {
        const int32_t most = mixed ? (int32_t)ATH__LJ_ALL_PAIRS_MIXED : (int32_t)ATH__LJ_ALL_PAIRS;
        for (int path = 0; path < 3; path++) {
            for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
                if (path < 2 ? sizes[k] <= most : sizes[k] >= 64) {
                    print_row(device, sizes[k], mixed != 0, path);
                }
            }
        }
    }
    ath_device_close(&device);
    ath_context_destroy(&context);
    return 0;
}
