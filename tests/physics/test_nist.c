/* The Lennard-Jones fluid at state points that NIST has published (Standard Reference Simulation
 * Website, Monte Carlo, 500 atoms, cutoff 3 sigma, with the mean correction for what is beyond):
 * energy per atom and pressure, reduced units, at T* 0.85 and 0.90. Here under Langevin dynamics
 * with the option lrc of the model, which is that correction.
 *
 * Forces do not know of the step of a truncated potential at its cutoff, so that dynamics has the
 * distribution of the potential that is shifted to zero there, and Monte Carlo that of the one with
 * the step. They differ by u(cutoff) for each pair within the cutoff, whose number swings; records
 * are given the weight exp(-u(cutoff) pairs / kT), which makes them those of Monte Carlo.
 *
 * p* = rho* T* - tr(stress) / 3: the kinetic part is exact, the stress of the model is that of the
 * forces. NIST's own errors are at hand for some of the values only; for the others the last digit
 * is taken, which is too strict where theirs is larger (the liquid: 4e-4 to 1e-2, growing with
 * density). Two points are of the vapour with the potential whose force is shifted to zero at 2.5
 * sigma (NIST's equation of state by transition-matrix Monte Carlo; it has no energies).
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "physics/systems.h"

enum { NIST_ATOMS = 500 };

typedef struct nist_point {
    double t, rho;            /* reduced */
    double energy, energy_se; /* per atom; 0: not at hand */
    double pressure, pressure_se;
    bool small; /* part of the small size */
} nist_point;

static const nist_point nist_points[] = {
    {0.85, 0.001, -1.0317e-2, 0, 8.4402e-4, 0, false},
    {0.85, 0.003, -3.1019e-2, 0, 2.4965e-3, 0, false},
    {0.85, 0.005, -5.1901e-2, 7.53e-5, 4.1003e-3, 0, false},
    {0.85, 0.007, -7.2834e-2, 1.34e-4, 5.6565e-3, 0, false},
    {0.85, 0.009, -9.3973e-2, 1.29e-4, 7.1641e-3, 0, true},
    {0.85, 0.776, -5.5121, 4.55e-4, 6.7714e-3, 0, true},
    {0.85, 0.780, -5.5386, 0, 4.7924e-2, 0, false},
    {0.85, 0.820, -5.7947, 0, 5.5355e-1, 0, false},
    {0.85, 0.860, -6.0305, 0, 1.2660, 0, false},
    {0.85, 0.900, -6.2391, 0, 2.2314, 0, false},
    {0.90, 0.001, -9.9165e-3, 1.89e-5, 8.9429e-4, 2.48e-8, false},
    {0.90, 0.003, -2.9787e-2, 3.21e-5, 2.6485e-3, 0, false},
    {0.90, 0.005, -4.9771e-2, 3.80e-5, 4.3569e-3, 0, false},
    {0.90, 0.007, -6.9805e-2, 7.66e-5, 6.0193e-3, 0, false},
    {0.90, 0.009, -8.9936e-2, 2.44e-5, 7.6363e-3, 0, false},
    {0.90, 0.776, -5.4689, 4.20e-4, 2.4056e-1, 0, true},
    {0.90, 0.780, -5.4956, 0, 2.7851e-1, 0, false},
    {0.90, 0.820, -5.7456, 0, 8.2386e-1, 0, false},
    {0.90, 0.860, -5.9753, 0, 1.5781, 0, false},
    {0.90, 0.900, -6.1773, 0, 2.5848, 0, false},
    {0.85, 2.66468e-3, 0, 0, 0.05 * 4.47539e-2, 0, false},
    {0.90, 3.60697e-3, 0, 0, 0.05 * 6.39698e-2, 0, true},
};

/* Of the potential whose force is shifted to zero at 2.5 sigma. */
static bool nist_shifted(const nist_point *p)
{
    return p->energy == 0.0;
}

enum { NIST_ENERGY, NIST_VIRIAL, NIST_PAIRS, NIST_COLUMNS };

/* Pairs within the cutoff, which is less than half of the edge of the cube. */
static double nist_pairs(const physics_view *v)
{
    static double x[3][NIST_ATOMS];
    const double edge = v->cell[0], half = 0.5 * edge;
    int64_t n = 0;
    for (int32_t k = 0; k < 3 * NIST_ATOMS; k++) {
        x[k % 3][k / 3] = v->positions[k] - edge * floor(v->positions[k] / edge);
    }
    for (int32_t i = 0; i < NIST_ATOMS; i++) {
        for (int32_t j = 0; j < i; j++) {
            double r2 = 0.0;
            for (int k = 0; k < 3; k++) {
                const double d = fabs(x[k][i] - x[k][j]), near = d > half ? edge - d : d;
                r2 += near * near;
            }
            n += r2 < 9.0;
        }
    }
    return (double)n;
}

/* Energy per atom, -tr(stress) / 3, pairs. */
static void nist_record(void *user, const physics_view *v, double *columns)
{
    (void)user;
    columns[NIST_ENERGY] = v->potential / v->n;
    columns[NIST_VIRIAL] = -(v->stress[0] + v->stress[4] + v->stress[8]) / 3.0;
    columns[NIST_PAIRS] = nist_pairs(v);
}

/* The mean of a column with weights exp(-u(3) pairs / T): sum w x / sum w, whose error is that of
 * the series w (x - mean) / <w>. Replaces the column by that series. */
static stat_estimate nist_weighted(physics_table *t, int32_t column, double kt)
{
    const stat_series pairs = physics_column(t, NIST_PAIRS), x = physics_column(t, column);
    const double middle = stat_mean(&pairs), q = pow(3.0, -6.0), u = 4.0 * (q * q - q);
    const int64_t n = x.n_series * x.length;
    double *to = t->x + column * n, sum = 0.0, weights = 0.0;
    for (int64_t i = 0; i < n; i++) {
        const double w = exp(-u * (pairs.x[i] - middle) / kt);
        weights += w;
        sum += w * (x.x[i] - x.x[0]);
    }
    const double mean = x.x[0] + sum / weights;
    for (int64_t i = 0; i < n; i++) {
        to[i] = exp(-u * (pairs.x[i] - middle) / kt) * (x.x[i] - mean) * (double)n / weights;
    }
    stat_estimate e = stat_average(&x);
    e.value = mean;
    return e;
}

/* Half a unit of the last of five digits. */
static double nist_digit(double x)
{
    return 0.5 * pow(10.0, floor(log10(fabs(x))) - 4.0);
}

static void nist_row(const nist_point *p, const char *what, const stat_estimate *e, double exact,
                     double theirs)
{
    char goal[140];
    const double error = theirs > 0.0 ? theirs : nist_digit(exact);
    const double both = hypot(e->se, error), z = (e->value - exact) / both;
    snprintf(goal, sizeof goal, "%.5g, |z| <= 4 (z %.2f; errors %.2g and NIST's %.2g%s)", exact, z,
             e->se, error, theirs > 0.0 ? "" : ", of the last digit");
    physics_row(fabs(z) <= 4.0, goal, e->value, "NIST, T* %.2f, rho* %.4g%s, %s", p->t, p->rho,
                nist_shifted(p) ? ", force shift" : "", what);
}

static void nist_run(const nist_point *p)
{
    const bool gas = p->rho < 0.1;
    const double kelvin = p->t / ATH_BOLTZMANN, step = (gas ? 0.01 : 0.005) * ATH_FS_PER_TIME;
    const int32_t replicas = (int32_t)physics_size(2, 8);
    /* masses are those of argon: times scale with their root, averages do not */
    const double heavy = sqrt(ath_element_mass(18));
    const physics_crystal crystal = {"fcc", {5, 5, 5}, cbrt(4.0 / p->rho), physics_argon, 1,
                                     false, 0.02};
    char text[160];
    physics_batch b;
    physics_table t;
    physics_open(&b, nist_shifted(p) ? "lj:epsilon=1,sigma=1,cutoff=2.5,scheme=force-shift"
                                     : "lj:epsilon=1,sigma=1,cutoff=3,lrc=true");
    physics_add_crystals(&b, &crystal, replicas, 81);
    /* melts the crystal first; a gas forgets slowly where it began, so it is given more time */
    snprintf(text, sizeof text, "langevin:timestep=%.17g,temperature=%.17g,friction=%.17g",
             0.5 * step * heavy, 3.0 * kelvin, 1.0 / (ATH_FS_PER_TIME * heavy));
    physics_run run = {.integrator = text, .seed = 81, .temperature = 3.0 * kelvin, .steps = 1000};
    physics_go(&b, &run, NULL);
    snprintf(text, sizeof text, "langevin:timestep=%.17g,temperature=%.17g,friction=%.17g",
             step * heavy, kelvin, (gas ? 0.1 : 0.5) / (ATH_FS_PER_TIME * heavy));
    run = (physics_run){.integrator = text,
                        .seed = 82,
                        .skin = 0.3,
                        .steps = gas ? physics_size(4000, 10000) : 2000};
    physics_go(&b, &run, NULL);
    run.seed = 83;
    run.interval = 20;
    run.steps = run.interval * (gas ? physics_size(250, 2000) : physics_size(100, 1000));
    run.n_columns = NIST_COLUMNS;
    run.record = nist_record;
    physics_go(&b, &run, &t);
    const stat_series plain = physics_column(&t, NIST_ENERGY),
                      virial = physics_column(&t, NIST_VIRIAL);
    physics_note("as the dynamics has it: energy %.5f, pressure %.5f", stat_mean(&plain),
                 stat_mean(&virial) + p->rho * p->t);
    stat_estimate pressure =
        nist_shifted(p) ? stat_average(&virial) : nist_weighted(&t, NIST_VIRIAL, p->t);
    pressure.value += p->rho * p->t;
    if (!nist_shifted(p)) {
        const stat_estimate energy = nist_weighted(&t, NIST_ENERGY, p->t);
        nist_row(p, "energy", &energy, p->energy, p->energy_se);
    }
    nist_row(p, "pressure", &pressure, p->pressure, p->pressure_se);
    physics_table_free(&t);
    physics_close(&b);
}

/* test_nist [T]: all temperatures, or this one. */
int main(int argc, char **argv)
{
    const double only = argc > 1 ? atof(argv[1]) : 0.0;
    for (size_t k = 0; k < sizeof nist_points / sizeof *nist_points; k++) {
        const nist_point *p = &nist_points[k];
        if ((physics_full() || p->small) && !(only > 0.0 && fabs(p->t - only) > 1e-9)) {
            nist_run(p);
        }
    }
    return physics_end();
}
