/* bench_sw: speed of the Stillinger-Weber kernel alone, on one core (rig.h), on perturbed silicon:
 * 8,000 atoms in one system, and 1,000 systems of 64.
 *
 *   bench_sw [LMP]
 *
 * Every row is one instruction set of the host device and what is computed. LMP: a LAMMPS program
 * (default lmp, if there is one); it then computes the same system of 8,000 atoms, and one of the
 * 64: its own time for "Pair", best of three runs.
 */
#include "rig.h"

#include <string.h>
#include <unistd.h>

static const double edge = 5.431, rattle = 0.12, skin = 0.5; /* angstrom */

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

static void run_all(int cells, int systems)
{
    static const char *const isas[] = {"host:isa=v4", "host:isa=v3", "host:isa=base"};
    const int32_t n = 8 * cells * cells * cells;
    const double edges[3] = {edge * cells, edge * cells, edge * cells};
    char text[32];
    snprintf(text, sizeof text, "%d x %d", systems, (int)n);
    for (size_t d = 0; d < sizeof isas / sizeof *isas; d++) {
        rig b = {0};
        rig_begin(&b, isas[d], "sw");
        for (int k = 0; k < systems; k++) {
            double *x = NULL;
            int32_t *numbers = NULL;
            ath_system *system = rig_system(&b, n, edges, &x, &numbers);
            make_positions(cells, (uint64_t)k + 1, x);
            for (int32_t i = 0; i < n; i++) {
                numbers[i] = 14;
            }
            rig_add(&b, system);
        }
        rig_ready(&b, skin);
        rig_measure(&b, text, isas[d]);
        rig_end(&b);
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
        snprintf(text, sizeof text, "1 x %d", n);
        printf("%-14s %-14s %-36s %9.1f\n", text, "LAMMPS", "forces (Pair)",
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
    rig_head();
    run_all(10, 1);
    run_all(2, 1000);
    compare_lammps(lmp, 10, 100);
    compare_lammps(lmp, 2, 10000);
    return 0;
}
