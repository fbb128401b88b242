/* Ratios of distributions: whatever the density of states, the energies of the same system at two
 * temperatures have ln(p1(E) / p0(E)) = constant + (1/kT0 - 1/kT1) E, and its volumes at two
 * pressures ln(p1(V) / p0(V)) = constant + (P0 - P1) V / kT (Shirts, J. Chem. Theory Comput. 9
 * (2013) 909). A thermostat or barostat that gives the right averages with the wrong fluctuations
 * fails, and so does one of the two that is off by 1 %.
 *
 * Argon: potential and total energies of the liquid at 130 and 175 K, volumes at 0.06 and 0.12 GPa;
 * boxes that change their shape hold a crystal, at 50 and 65 K, 0.15 and 0.25 GPa. With 0.05 GPa
 * some of its replicas find another structure and stay there for longer than a run.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "physics/schemes.h"
#include "physics/systems.h"

/* Of the liquid, of the crystal. */
static const double ensemble_kelvin[2][2] = {{130.0, 175.0}, {50.0, 65.0}};
static const double ensemble_gpa[2][2] = {{0.06, 0.12}, {0.15, 0.25}};
static const physics_crystal ensemble_crystal = {"fcc", {2, 2, 2}, 5.4, physics_argon,
                                                 1,     false,     0.1};

enum { ENSEMBLE_POTENTIAL, ENSEMBLE_KINETIC, ENSEMBLE_VOLUME, ENSEMBLE_COLUMNS };

static void ensemble_record(void *user, const physics_view *view, double *columns)
{
    const double *c = view->cell;
    (void)user;
    columns[ENSEMBLE_POTENTIAL] = view->potential;
    columns[ENSEMBLE_KINETIC] = view->kinetic;
    columns[ENSEMBLE_VOLUME] = c[0] * (c[4] * c[8] - c[5] * c[7]) -
                               c[1] * (c[3] * c[8] - c[5] * c[6]) +
                               c[2] * (c[3] * c[7] - c[4] * c[6]);
}

/* Replicas of the system at a temperature; crystals at a pressure, too: a box with inertia, which
 * has no friction, would ring for longer than a run, were it let go far from its size. */
static void ensemble_begin(physics_batch *b, const char *coupling, double kelvin, double gpa,
                           int64_t seed)
{
    char text[240];
    physics_open(b, PHYSICS_LJ_SHORT);
    physics_add_crystals(b, coupling ? &ensemble_crystal : &physics_drop,
                         (int32_t)physics_size(48, 256), (uint64_t)seed * 1000);
    if (!coupling) {
        physics_melt(b, kelvin);
        return;
    }
    snprintf(text, sizeof text,
             "crescale:timestep=4,temperature=%.17g,pressure=%.17g,tau_p=400,compressibility=0.4,"
             "coupling=%s,thermostat=langevin,friction=0.005",
             kelvin, gpa, coupling);
    const physics_run run = {
        .integrator = text, .seed = seed + 200, .temperature = kelvin, .steps = 3000};
    physics_go(b, &run, NULL);
}

/* One run at one state; gpa is not looked at by texts that have no place for it. */
static void ensemble_sample(const physics_scheme *s, double kelvin, double gpa, int64_t seed,
                            physics_table *t)
{
    char text[300];
    physics_batch b;
    snprintf(text, sizeof text, s->text, kelvin, gpa);
    ensemble_begin(&b, s->coupling, kelvin, gpa, seed);
    physics_run run = {.integrator = text,
                       .seed = seed,
                       .steps = gpa > 0.0 ? physics_size(2000, 5000) : 1000, /* the box is slow */
                       .temperature = s->removed > 0 ? kelvin : 0.0};
    physics_go(&b, &run, NULL);
    run.seed = seed + 100;
    run.temperature = 0.0;
    run.interval = 50;
    run.steps = run.interval *
                physics_size(gpa > 0.0 ? 120 : 150, gpa > 0.0 ? (s->slow ? 3000 : 1500) : 600);
    run.n_columns = ENSEMBLE_COLUMNS;
    run.record = ensemble_record;
    physics_go(&b, &run, t);
    physics_close(&b);
}

/* Prints the row of one slope; of a control, whether it would fail. small: the largest error that
 * the small size may have. */
static bool ensemble_row(const physics_scheme *s, const physics_table t[2], int32_t column,
                         double exact, double small, const char *what)
{
    const stat_series s0 = physics_column(&t[0], column), s1 = physics_column(&t[1], column);
    const stat_estimate e = stat_ratio_slope(&s0, &s1);
    const double ratio = e.value / exact, se = e.se / fabs(exact), z = (ratio - 1.0) / se;
    const double largest = physics_full() ? 0.0075 : small;
    const bool pass =
        fabs(z) <= 4.0 && se <= largest && (!physics_full() || fabs(ratio - 1.0) <= 0.03);
    char goal[140];
    snprintf(goal, sizeof goal, "1, |z| <= 4%s (z %.2f, error %.2f %% <= %.2f, %.0f independent)",
             physics_full() ? ", 3 %" : "", z, 100.0 * se, 100.0 * largest, e.independent);
    if (s->control) {
        physics_note("%s: %s %.4f: %s", s->name, what, ratio, pass ? "passes" : "fails");
    } else {
        physics_row(pass, goal, ratio, "slope / exact, %s, %s", s->name, what);
    }
    return pass;
}

static void ensemble_temperatures(const physics_scheme *s)
{
    physics_table t[2];
    const double k = ATH_BOLTZMANN;
    const double *kelvin = ensemble_kelvin[0];
    const double exact = 1.0 / (k * kelvin[0]) - 1.0 / (k * kelvin[1]);
    /* the small size needs a larger fault to see it */
    const double warmer =
        s->warmer > 0.0 ? 1.0 + (s->warmer - 1.0) * (physics_full() ? 1.0 : 8.0) : 1.0;
    for (int i = 0; i < 2; i++) {
        ensemble_sample(s, kelvin[i] * (i ? warmer : 1.0), 0.0, 31 + i, &t[i]);
    }
    bool pass =
        ensemble_row(s, t, ENSEMBLE_POTENTIAL, exact, 0.05, "potential energy, two temperatures");
    physics_add_column(&t[0], ENSEMBLE_POTENTIAL, ENSEMBLE_KINETIC, 1.0);
    physics_add_column(&t[1], ENSEMBLE_POTENTIAL, ENSEMBLE_KINETIC, 1.0);
    pass &= ensemble_row(s, t, ENSEMBLE_POTENTIAL, exact, 0.05, "total energy, two temperatures");
    if (s->control) {
        physics_row(!pass, "control: must fail", !pass, "slope, %s (%.0f %% of one)", s->name,
                    100.0 * (warmer - 1.0));
    }
    physics_table_free(&t[0]);
    physics_table_free(&t[1]);
}

/* Volumes at two pressures, and enthalpies (potential energy + P V) at two temperatures. */
static void ensemble_pressures(const physics_scheme *s)
{
    physics_table t[2];
    const bool solid = s->coupling != NULL;
    const double *kelvin = ensemble_kelvin[solid], *gpa = ensemble_gpa[solid];
    const double kt = ATH_BOLTZMANN * kelvin[0];
    const double p0 = gpa[0] / ATH_GPA_PER_EV_A3, p1 = gpa[1] / ATH_GPA_PER_EV_A3;
    /* the small size needs a larger fault to see it */
    const double denser =
        s->denser > 0.0 ? 1.0 + (s->denser - 1.0) * (physics_full() ? 1.0 : 20.0) : 1.0;
    for (int i = 0; i < 2; i++) {
        ensemble_sample(s, kelvin[0], gpa[i] * (i ? denser : 1.0), 41 + i, &t[i]);
    }
    bool pass = ensemble_row(s, t, ENSEMBLE_VOLUME, (p0 - p1) / kt, 0.15, "volume, two pressures");
    physics_table_free(&t[1]);
    if (s->control) {
        physics_row(!pass, "control: must fail", !pass, "slope, %s (%.0f %%)", s->name,
                    100.0 * (denser - 1.0));
        physics_table_free(&t[0]);
        return;
    }
    ensemble_sample(s, kelvin[1], gpa[0], 43, &t[1]);
    for (int i = 0; i < 2; i++) {
        physics_add_column(&t[i], ENSEMBLE_POTENTIAL, ENSEMBLE_VOLUME, p0);
    }
    const double exact = 1.0 / kt - 1.0 / (ATH_BOLTZMANN * kelvin[1]);
    (void)ensemble_row(s, t, ENSEMBLE_POTENTIAL, exact, 0.15, "enthalpy, two temperatures");
    physics_table_free(&t[0]);
    physics_table_free(&t[1]);
}

/* test_ensemble [NAME]: all schemes, or those whose name begins with NAME. */
int main(int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : "";
    for (const physics_scheme *s = schemes_nvt; s->name; s++) {
        /* slopes do not count degrees of freedom */
        if ((!s->control || s->warmer > 0.0) && !strncmp(s->name, only, strlen(only))) {
            ensemble_temperatures(s);
        }
    }
    for (const physics_scheme *s = schemes_npt; s->name; s++) {
        if (strncmp(s->name, only, strlen(only)) != 0) {
            continue;
        }
        if (physics_full() || !s->late) {
            ensemble_pressures(s);
        } else {
            physics_note("left out in the small size: %s", s->name);
        }
    }
    return physics_end();
}
