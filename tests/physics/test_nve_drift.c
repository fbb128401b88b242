/* Drift of the energy in long runs of velocity Verlet: argon, 2 fs, a potential with two continuous
 * derivatives. A line is fitted to the total energy of all replicas; its slope is given per degree
 * of freedom and in kT of the run, and its error counts what is correlated. What can be said of a
 * slope is limited by the swing of the energy and by the time T of a run as T^(-3/2), so the runs
 * are as long as can be, and there are several.
 */
#include <math.h>
#include <stdio.h>

#include "physics/systems.h"

typedef struct drift_case {
    const char *name, *integrator;
    double exact; /* kT/ns per degree of freedom */
} drift_case;

/* The control is cooled by a friction of 1e-10/fs: what it takes from a degree of freedom is
 * friction times m v^2, so 1e-4 kT/ns. */
static const drift_case drift_cases[] = {
    {"velocity Verlet", "nve:timestep=2", 0.0},
    {"control", "langevin:timestep=2,temperature=0,friction=1e-10", -1e-4},
};

static void drift_run(const drift_case *c)
{
    const bool control = c->exact != 0.0, full = physics_full() && !control;
    const int32_t n = full ? 8 : 4;
    const int64_t steps = control ? 25000 : full ? 1000000 : 50000, interval = 25;
    const double step = 2.0;
    physics_batch b;
    physics_table t;
    physics_open(&b, PHYSICS_LJ);
    physics_add_crystals(&b, &physics_liquid_argon, n, 1);
    physics_melt(&b, physics_liquid_kelvin);
    const physics_run run = {
        .integrator = c->integrator, .steps = steps, .interval = interval, .n_columns = 2};
    physics_go(&b, &run, &t);
    const stat_series kinetic = physics_column(&t, 1), total = physics_column(&t, 0);
    const double dof = 3.0 * physics_crystal_atoms(&physics_liquid_argon) - 3.0;
    const double kt = 2.0 * stat_mean(&kinetic) / dof;
    physics_add_column(&t, 0, 1, 1.0);
    const stat_estimate slope = stat_slope(&total, (double)interval * step * 1e-6); /* eV / ns */
    const double drift = slope.value / kt / dof, se = slope.se / kt / dof;
    physics_note("%s: argon, 108 atoms, %.1f K, %d replicas of %.3f ns, g %.2f", c->name,
                 kt / ATH_BOLTZMANN, (int)n, (double)steps * step * 1e-6, slope.g);
    /* the small size cannot resolve 1e-7: it sees whether there is more than its error */
    const bool still = full ? fabs(drift) + 2.0 * se <= 1e-7 : fabs(drift) <= 4.0 * se;
    char goal[120];
    snprintf(goal, sizeof goal, "%s (standard error %.2g)",
             control ? "control: -1e-4 within 4 standard errors, and seen"
             : full  ? "|slope| + 2 standard errors <= 1e-7"
                     : "0 within 4 standard errors <= 1e-5",
             se);
    const bool pass = control ? !still && fabs(drift - c->exact) <= 4.0 * se : still;
    physics_row(pass && se <= 1e-5, goal, drift, "energy drift, %s, kT/ns per degree of freedom",
                c->name);
    physics_table_free(&t);
    physics_close(&b);
}

int main(void)
{
    for (size_t k = 0; k < sizeof drift_cases / sizeof *drift_cases; k++) {
        drift_run(&drift_cases[k]);
    }
    return physics_end();
}
