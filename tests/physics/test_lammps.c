/* Trajectories against LAMMPS (the program lmp, of Debian's package lammps), step for step: the
 * same start, the same velocity Verlet, a dump with all digits, 1000 steps.
 *
 * Lennard-Jones in reduced units, which are ours with epsilon 1 eV, sigma 1 angstrom and mass 1
 * amu: time is in our internal unit. Stillinger-Weber in LAMMPS's metal units, whose constants are
 * of 1998: its acceleration is 1 / 1.0364269e-4 of F / m in angstrom/ps^2, so masses are scaled by
 * the ratio to ours, which leaves the motion the same.
 *
 * Skipped where there is no lmp.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "physics/systems.h"

enum { LAMMPS_STEPS = 1000 };

typedef struct lammps_case {
    const char *name, *model;
    physics_crystal crystal;
    double kelvin, step; /* of the velocities; fs */
    double mass;         /* amu */
    bool reduced;
    const char *settings; /* pair style and coefficients; %s: the folder */
} lammps_case;

static const char lammps_silicon[] =
    "Si Si Si 2.1683 2.0951 1.80 21.0 1.20 -0.33333333333333331 7.049556277 0.6022245584 4 0 0\n";

static void lammps_fail(const char *what)
{
    printf("FAIL  %s\n", what);
    exit(1);
}

static FILE *lammps_open(const char *folder, const char *name, const char *mode)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, mode);
    if (!file) {
        lammps_fail(path);
    }
    return file;
}

/* The input of LAMMPS: times in `unit` (fs of its unit of time). */
static void lammps_write(const lammps_case *c, const char *folder, const physics_view *v)
{
    const double unit = c->reduced ? ATH_FS_PER_TIME : 1000.0;
    const double per_time = ATH_FS_PER_TIME / unit; /* our unit of time in theirs */
    const double scale = c->reduced ? 1.0 : per_time * per_time / 1.0364269e-4;
    FILE *f = lammps_open(folder, "data", "w");
    fprintf(f, "start\n\n%d atoms\n1 atom types\n", (int)v->n);
    for (int k = 0; k < 3; k++) {
        fprintf(f, "0 %.17g %clo %chi\n", v->cell[4 * k], 'x' + k, 'x' + k);
    }
    fprintf(f, "\nMasses\n\n1 %.17g\n\nAtoms # atomic\n\n", c->mass * scale);
    for (int32_t i = 0; i < v->n; i++) {
        const double *r = v->positions + 3 * i;
        fprintf(f, "%d 1 %.17g %.17g %.17g\n", (int)i + 1, r[0], r[1], r[2]);
    }
    fprintf(f, "\nVelocities\n\n");
    for (int32_t i = 0; i < v->n; i++) {
        const double *w = v->velocities + 3 * i;
        fprintf(f, "%d %.17g %.17g %.17g\n", (int)i + 1, w[0] / per_time, w[1] / per_time,
                w[2] / per_time);
    }
    fclose(f);
    f = lammps_open(folder, "Si.sw", "w");
    fputs(lammps_silicon, f);
    fclose(f);
    f = lammps_open(folder, "in", "w");
    fprintf(f, "units %s\natom_style atomic\nread_data %s/data\n", c->reduced ? "lj" : "metal",
            folder);
    fprintf(f, c->settings, folder);
    fprintf(f, "\nneighbor %g bin\nneigh_modify every 1 delay 0 check yes\n",
            c->reduced ? 0.3 : 1.0);
    fprintf(f, "timestep %.17g\nfix 1 all nve\n", c->step / unit);
    fprintf(f, "dump d all custom %d %s/out id xu yu zu\n", LAMMPS_STEPS, folder);
    fprintf(f, "dump_modify d sort id format float %%.17g first no\nthermo 1000\nrun %d\n",
            LAMMPS_STEPS);
    fclose(f);
}

/* The last frame of the dump: positions of atoms 1 ... n in order. */
static void lammps_read(const char *folder, int32_t n, double *r)
{
    char line[300];
    int64_t step = -1;
    int32_t found = 0;
    FILE *f = lammps_open(folder, "out", "r");
    while (fgets(line, sizeof line, f)) {
        if (!strncmp(line, "ITEM: TIMESTEP", 14) && fgets(line, sizeof line, f)) {
            step = atoll(line);
        } else if (!strncmp(line, "ITEM: ATOMS", 11)) {
            for (found = 0; found < n && fgets(line, sizeof line, f); found++) {
                int id = 0;
                double *x = r + 3 * (int64_t)found;
                if (sscanf(line, "%d %lf %lf %lf", &id, &x[0], &x[1], &x[2]) != 4 ||
                    id != found + 1) {
                    lammps_fail(line);
                }
            }
        }
    }
    fclose(f);
    if (step != LAMMPS_STEPS || found != n) {
        lammps_fail("the dump of LAMMPS is not complete");
    }
}

/* Largest deviation. Periodic images: atoms that begin outside of the box are wrapped by LAMMPS. */
static double lammps_compare(const physics_view *v, const double *r, double *moved,
                             const double *start)
{
    double worst = 0.0;
    *moved = 0.0;
    for (int32_t k = 0; k < 3 * v->n; k++) {
        const double edge = v->cell[4 * (k % 3)], d = r[k] - v->positions[k];
        worst = fmax(worst, fabs(d - edge * nearbyint(d / edge)));
        *moved = fmax(*moved, fabs(v->positions[k] - start[k]));
    }
    return worst;
}

static void lammps_run(const lammps_case *c)
{
    char folder[] = "/tmp/athanor-lammps-XXXXXX", command[400], text[64];
    const int32_t n = physics_crystal_atoms(&c->crystal);
    double *r = malloc(6 * (size_t)n * sizeof *r), *start = r + 3 * (int64_t)n, moved;
    physics_batch b;
    physics_view view;
    if (!r || !mkdtemp(folder)) {
        lammps_fail("no folder or no memory");
    }
    physics_open(&b, c->model);
    ath_system *s = physics_make_crystal(b.ctx, &c->crystal, 3);
    void *masses = NULL;
    if (ath_system_field(s, ATH_FIELD_MASSES, &masses) < 0) {
        exit(1);
    }
    for (int32_t i = 0; i < n; i++) {
        ((double *)masses)[i] = c->mass;
    }
    physics_add(&b, s);
    physics_run run = {.integrator = "nve:timestep=1", .seed = 71, .temperature = c->kelvin};
    physics_go(&b, &run, NULL); /* no step: velocities */
    physics_look(&b, 0, &view);
    memcpy(start, view.positions, 3 * (size_t)n * sizeof *start);
    lammps_write(c, folder, &view);
    snprintf(command, sizeof command, "lmp -in %s/in -log none > %s/screen 2>&1", folder, folder);
    if (system(command) != 0) {
        snprintf(command, sizeof command, "tail -3 %s/screen", folder);
        (void)!system(command);
        lammps_fail("lmp");
    }
    lammps_read(folder, n, r);
    snprintf(text, sizeof text, "nve:timestep=%.17g", c->step);
    run = (physics_run){.integrator = text, .steps = LAMMPS_STEPS};
    physics_go(&b, &run, NULL);
    physics_look(&b, 0, &view);
    const double worst = lammps_compare(&view, r, &moved, start);
    physics_row(worst <= 1e-8 && moved > 0.08, c->reduced ? "<= 1e-8 sigma" : "<= 1e-8 angstrom",
                worst, "LAMMPS, %s, %d atoms, %d steps (moved %.2f)", c->name, (int)n, LAMMPS_STEPS,
                moved);
    snprintf(command, sizeof command, "rm -r %s", folder);
    (void)!system(command);
    physics_close(&b);
    free(r);
}

int main(void)
{
    const lammps_case cases[] = {
        {"lj",
         "lj:epsilon=1,sigma=1,cutoff=2.5",
         {"fcc", {5, 5, 5}, 1.68, physics_argon, 1, false, 0.05},
         0.7 / ATH_BOLTZMANN,
         0.004 * ATH_FS_PER_TIME,
         1.0,
         true,
         "pair_style lj/cut 2.5\npair_coeff 1 1 1 1"},
        {"sw",
         "sw:set=Si",
         {"diamond", {3, 3, 3}, 5.431, physics_silicon, 1, false, 0.1},
         600.0,
         1.0,
         28.085,
         false,
         "pair_style sw\npair_coeff * * %s/Si.sw Si"},
    };
    if (system("command -v lmp > /dev/null 2>&1") != 0) {
        physics_note("skipped: no program 'lmp' (Debian: apt-get install lammps)");
        return physics_end();
    }
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        lammps_run(&cases[k]);
    }
    return physics_end();
}
