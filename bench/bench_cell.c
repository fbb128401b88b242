/* bench_cell: what cells that change cost neighbour lists, on one core.
 *
 *   bench_cell [DEVICE [CHANGE]]        host, host:isa=v3, ...; relative, per step: 1e-4
 *
 * Argon crystals of 108 atoms (lj, cutoff 8.5, skin 0.5, a = 5.26), as many as make a tile. Their
 * atoms tremble by 0.001 angstrom a step; their cells stay, or breathe, 200 steps to and 200 fro,
 * together with the atoms. Columns: lists built per system and step; microseconds per system and
 * step for the check of the list, with what it builds, and for that and the forces. Each is the
 * best of five times 400 steps, so that other work on the machine shows as little as it can.
 */
#include <math.h>

#include "rig.h"

enum { SYSTEMS = 13, CELLS = 3, STEPS = 400, TIMES = 5 };

static void add_crystals(rig *b)
{
    static const double base[4][3] = {{0, 0, 0}, {0, 0.5, 0.5}, {0.5, 0, 0.5}, {0.5, 0.5, 0}};
    const double a = 5.26, edges[3] = {CELLS * a, CELLS * a, CELLS * a};
    for (int s = 0; s < SYSTEMS; s++) {
        double *x;
        int32_t *z;
        ath_system *system = rig_system(b, 4 * CELLS * CELLS * CELLS, edges, &x, &z);
        for (int32_t i = 0; i < 4 * CELLS * CELLS * CELLS; i++) {
            const int32_t cell = i / 4,
                          at[3] = {cell % CELLS, cell / CELLS % CELLS, cell / CELLS / CELLS};
            z[i] = 18;
            for (int c = 0; c < 3; c++) {
                x[3 * i + c] = a * (at[c] + base[i % 4][c]);
            }
        }
        rig_add(b, system);
    }
}

/* Stretches every system, and shakes its atoms. */
static void change(rig *b, double by, uint32_t *seed)
{
    for (int32_t s = 0; s < b->n_slots[0]; s++) {
        const int32_t slot = b->slots[s];
        double *h = b->view.cell + 9 * (int64_t)slot;
        double *x = b->view.positions + 3 * b->view.first[slot];
        for (int k = 0; k < 9; k++) {
            h[k] *= 1.0 + by;
        }
        for (int32_t k = 0; k < 3 * b->view.n_atoms[slot]; k++) {
            *seed = *seed * 1664525U + 1013904223U;
            x[k] = (1.0 + by) * x[k] + 0.002 * ((*seed >> 8) / 16777216.0 - 0.5);
        }
    }
}

/* One row of the table. */
static void measure(rig *b, const char *text, double by)
{
    int64_t before = 0, after = 0;
    double best[2] = {1e30, 1e30};
    uint32_t seed = 1;
    rig_check(b, ath__neighbors_builds(b->neighbors, &before), "neighbours");
    for (int n = 0; n < 2 * TIMES; n++) {
        const unsigned want = n % 2 ? ATH__WANT_FORCES : 0;
        double time = 0.0;
        for (int step = 0; step < STEPS; step++) {
            change(b, by == 0.0 ? 0.0 : (step / 200 ? by : 1.0 / (1.0 + by) - 1.0), &seed);
            const double begin = rig_now(b);
            rig_round(b, 1, want);
            time += rig_now(b) - begin;
        }
        best[n % 2] = time < best[n % 2] ? time : best[n % 2];
    }
    rig_check(b, ath__neighbors_builds(b->neighbors, &after), "neighbours");
    printf("%-16s %12.5f %12.3f %12.3f\n", text,
           (double)(after - before) / (2.0 * TIMES * STEPS * SYSTEMS),
           1e6 * best[0] / (STEPS * SYSTEMS), 1e6 * best[1] / (STEPS * SYSTEMS));
    fflush(stdout);
}

int main(int argc, char **argv)
{
    const char *device = argc > 1 ? argv[1] : "host";
    const double by = argc > 2 ? strtod(argv[2], NULL) : 1e-4;
    rig b = {0};
    rig_begin(&b, device, "lj:cutoff=8.5");
    add_crystals(&b);
    rig_ready(&b, 0.5);
    printf("%-16s %12s %12s %12s\n", "cell", "builds/step", "check, us", "+ forces, us");
    measure(&b, "stays", 0.0);
    measure(&b, "breathes", by);
    rig_end(&b);
    return 0;
}
