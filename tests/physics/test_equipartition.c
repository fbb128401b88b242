/* Equipartition: every degree of freedom of the kinetic energy holds kT / 2, whatever its mass and
 * the forces on it. By element and by axis in a liquid of argon and krypton; translation, rotation
 * and internal motion of clusters.
 *
 * Where the centre of mass stands still, atom i of mass m has 1 - m / M of a degree of freedom per
 * axis. The rotation of a cluster is the kinetic energy L (I^-1) L / 2 of its angular momentum,
 * three degrees of freedom in any shape; global thermostats only scale that of a free cluster, so
 * clusters are for thermostats that act on each atom.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "physics/schemes.h"
#include "physics/systems.h"

static const double equal_kelvin = 150.0, equal_cold = 20.0;

enum { EQUAL_MIXTURE = 5, EQUAL_CLUSTER = 3, EQUAL_ATOMS = 13 };

static const char *const equal_mixture_names[EQUAL_MIXTURE] = {"argon", "krypton", "x", "y", "z"};
static const char *const equal_cluster_names[EQUAL_CLUSTER] = {"translation", "rotation",
                                                               "internal"};

/* Twice the kinetic energies of both elements and of the axes. */
static void equal_mixture(void *user, const physics_view *v, double *columns)
{
    (void)user;
    memset(columns, 0, EQUAL_MIXTURE * sizeof *columns);
    for (int32_t k = 0; k < 3 * v->n; k++) {
        const double e = v->masses[k / 3] * v->velocities[k] * v->velocities[k];
        columns[v->numbers[k / 3] == 36] += e;
        columns[2 + k % 3] += e;
    }
}

/* Degrees of freedom of the columns. */
static void equal_mixture_dof(const physics_view *v, int32_t removed, double *dof)
{
    double total = 0.0;
    memset(dof, 0, EQUAL_MIXTURE * sizeof *dof);
    for (int32_t i = 0; i < v->n; i++) {
        total += v->masses[i];
    }
    for (int32_t i = 0; i < v->n; i++) {
        const double part = removed ? 1.0 - v->masses[i] / total : 1.0;
        dof[v->numbers[i] == 36] += 3.0 * part;
        for (int k = 0; k < 3; k++) {
            dof[2 + k] += part;
        }
    }
}

/* x with A x = b for a symmetric positive 3 x 3 matrix, by Cramer's rule. */
static void equal_solve(double (*a)[3], const double *b, double *x)
{
    double c[3][3];
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++) {
            const int i1 = (i + 1) % 3, i2 = (i + 2) % 3, j1 = (j + 1) % 3, j2 = (j + 2) % 3;
            c[i][j] = a[i1][j1] * a[i2][j2] - a[i1][j2] * a[i2][j1];
        }
    }
    const double det = a[0][0] * c[0][0] + a[0][1] * c[0][1] + a[0][2] * c[0][2];
    for (int i = 0; i < 3; i++) {
        x[i] = (c[0][i] * b[0] + c[1][i] * b[1] + c[2][i] * b[2]) / det;
    }
}

/* Twice the kinetic energies of translation, rotation and the rest. */
static void equal_cluster(void *user, const physics_view *v, double *columns)
{
    double mass = 0.0, p[3] = {0}, c[3] = {0}, l[3] = {0}, w[3], inertia[3][3] = {{0}};
    (void)user;
    for (int32_t i = 0; i < v->n; i++) {
        mass += v->masses[i];
        for (int k = 0; k < 3; k++) {
            p[k] += v->masses[i] * v->velocities[3 * i + k];
            c[k] += v->masses[i] * v->positions[3 * i + k];
        }
    }
    for (int32_t i = 0; i < v->n; i++) {
        const double m = v->masses[i];
        double r[3], r2 = 0.0;
        for (int k = 0; k < 3; k++) {
            r[k] = v->positions[3 * i + k] - c[k] / mass;
            r2 += r[k] * r[k];
        }
        for (int k = 0; k < 3; k++) {
            const int k1 = (k + 1) % 3, k2 = (k + 2) % 3;
            l[k] += m * (r[k1] * v->velocities[3 * i + k2] - r[k2] * v->velocities[3 * i + k1]);
            for (int j = 0; j < 3; j++) {
                inertia[k][j] += m * ((j == k ? r2 : 0.0) - r[k] * r[j]);
            }
        }
    }
    equal_solve(inertia, l, w);
    columns[0] = (p[0] * p[0] + p[1] * p[1] + p[2] * p[2]) / mass;
    columns[1] = l[0] * w[0] + l[1] * w[1] + l[2] * w[2];
    columns[2] = 2.0 * v->kinetic - columns[0] - columns[1];
}

/* An atom and its twelve neighbours in an icosahedron, without a cell. */
static ath_system *equal_icosahedron(ath_context *ctx, int32_t index)
{
    const double golden = 0.5 * (1.0 + sqrt(5.0)), scale = 3.7 / sqrt(1.0 + golden * golden);
    ath_system *s = NULL;
    void *r = NULL, *numbers = NULL;
    char id[32];
    if (ath_system_create(ctx, EQUAL_ATOMS, &s) < 0 ||
        ath_system_field(s, ATH_FIELD_POSITIONS, &r) < 0 ||
        ath_system_field(s, ATH_FIELD_NUMBERS, &numbers) < 0) {
        exit(1);
    }
    for (int i = 0; i < EQUAL_ATOMS; i++) {
        ((int32_t *)numbers)[i] = 18;
        if (i < 12) { /* (0, +-1, +-golden) and its cyclic permutations */
            ((double *)r)[3 * i + i / 4] = 0.0;
            ((double *)r)[3 * i + (i / 4 + 1) % 3] = (i & 1 ? -scale : scale);
            ((double *)r)[3 * i + (i / 4 + 2) % 3] = (i & 2 ? -scale : scale) * golden;
        }
    }
    snprintf(id, sizeof id, "cluster-%d", (int)index);
    ath_system_set_uid(s, ath_uid_of_text(id));
    return s;
}

static void equal_rows(const physics_scheme *s, const physics_table *t, const double *dof,
                       double kelvin, const char *const *names)
{
    int failed = 0;
    for (int32_t k = 0; k < t->n_columns; k++) {
        const stat_series column = physics_column(t, k);
        const stat_estimate e = stat_average(&column);
        const double exact = dof[k] * ATH_BOLTZMANN * kelvin, z = (e.value - exact) / e.se;
        const double error = 100.0 * e.se / exact, most = physics_full() ? 0.3 : 1.0;
        char goal[120];
        snprintf(goal, sizeof goal, "1, |z| <= 4 (z %.2f, error %.3f %%, %.0f independent)", z,
                 error, e.independent);
        const bool pass = fabs(z) <= 4.0 && error <= most;
        failed += !pass;
        if (!s->control) {
            physics_row(pass, goal, e.value / exact, "equipartition, %s, %s", s->name, names[k]);
        }
    }
    if (s->control) {
        physics_row(failed > 0, "control: at least one fails", failed,
                    "equipartition, %s, failures", s->name);
    }
}

static void equal_run(const physics_scheme *s, bool clusters)
{
    const double kelvin = clusters ? equal_cold : equal_kelvin;
    const physics_crystal mixture = {"fcc", {2, 2, 2}, 5.94034, physics_argon_krypton,
                                     2,     true,      0.1};
    const int32_t replicas = (int32_t)physics_size(64, 256);
    char text[160];
    double dof[EQUAL_MIXTURE] = {3.0, 3.0, 3.0 * EQUAL_ATOMS - 6.0};
    physics_batch b;
    physics_table t;
    physics_view view;
    physics_open(&b, PHYSICS_LJ_SHORT);
    for (int32_t k = 0; clusters && k < replicas; k++) {
        physics_add(&b, equal_icosahedron(b.ctx, k));
    }
    if (!clusters) {
        physics_add_crystals(&b, &mixture, replicas, 1);
        physics_melt(&b, kelvin);
        physics_look(&b, 0, &view);
        equal_mixture_dof(&view, s->removed, dof);
    }
    snprintf(text, sizeof text, s->text, kelvin * (s->warmer > 0.0 ? s->warmer : 1.0));
    physics_run run = {.integrator = text,
                       .seed = 51,
                       .steps = 1000,
                       .temperature = clusters || s->removed ? kelvin : 0.0};
    physics_go(&b, &run, NULL);
    run = (physics_run){.integrator = text,
                        .seed = 52,
                        .interval = 50,
                        .steps = 50 * physics_size(clusters ? 300 : 150, clusters ? 1000 : 500),
                        .n_columns = clusters ? EQUAL_CLUSTER : EQUAL_MIXTURE,
                        .record = clusters ? equal_cluster : equal_mixture};
    physics_go(&b, &run, &t);
    equal_rows(s, &t, dof, kelvin, clusters ? equal_cluster_names : equal_mixture_names);
    physics_table_free(&t);
    physics_close(&b);
}

int main(void)
{
    for (const physics_scheme *s = schemes_nvt; s->name; s++) {
        equal_run(s, false);
        if (!s->totals && !s->control) {
            equal_run(s, true);
        }
    }
    return physics_end();
}
