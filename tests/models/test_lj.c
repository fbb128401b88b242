/* Physics of the model "lj": pairs and crystals against tables, the NIST reference configurations,
 * derivatives of the energy, symmetries, behaviour at the cutoff, many kinds of atoms against a
 * plain double loop, tail corrections. Bits: test_lj_bits.c; options: test_lj_options.c.
 */
#include "lj_systems.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PI 3.14159265358979323846

static const char *const lj_schemes[] = {"truncation", "energy-shift", "force-shift", "switch"};

static void lj_near(double value, double expected, double tolerance, const char *what)
{
    if (!(fabs(value - expected) <= tolerance)) {
        fail_msg("%s: %.17g, expected %.17g", what, value, expected);
    }
}

/* Two atoms at distance r along a direction that is no axis; returns energy and radial force. */
static double lj_dimer(const model_bench *bench, double r, double *force)
{
    static const double u[3] = {0.36, 0.48, 0.8};
    const model_recipe recipe = {.cells = {2, 1, 1}, .spacing = 1.0, .numbers = {18}};
    ath_system *system = model_system(bench->ctx, &recipe);
    double *x = model_field(system, ATH_FIELD_POSITIONS);
    for (int c = 0; c < 3; c++) {
        x[c] = 0.0;
        x[3 + c] = r * u[c];
    }
    model_result *result = model_results(bench, &system, 1, MODEL_ALL);
    const double energy = result->energy;
    *force = 0.0;
    for (int c = 0; c < 3; c++) {
        *force += result->forces[3 + c] * u[c];
        assert_true(result->forces[c] == -result->forces[3 + c]);
    }
    model_results_free(result, 1);
    ath_system_destroy(&system);
    return energy;
}

/* eps 0.0104, sigma 3.40, cutoff 8.5: energy and force, plain and with a switch of width 1. */
static void lj_pair_table(void **unused)
{
    (void)unused;
    static const double table[7][5] = {
        {3.4, 0, 7.341176470588e-2, 0, 7.341176470588e-2},
        {3.816370964251868, -1.04e-2, 0, -1.04e-2, 0},
        {4.0, -9.772162753135e-3, -5.782358484406e-3, -9.772162753135e-3, -5.782358484406e-3},
        {7.5, -3.579424790326e-4, -2.838467475352e-4, -3.579424790326e-4, -2.838467475352e-4},
        {8.0, -2.437025423103e-4, -1.816934245983e-4, -1.218512711552e-4, -5.477889791310e-4},
        {8.25, -2.028196811548e-4, -1.467789657868e-4, -2.099500605704e-5, -2.291052988482e-4},
        {8.4999, -1.697075975541e-4, -1.193022742592e-4, -1.696925385332e-15, -5.090329122575e-11},
    };
    static const char *const text[2] = {LJ_ARGON, LJ_ARGON ",scheme=switch,switch_width=1"};
    for (int k = 0; k < 2; k++) {
        model_bench bench;
        assert_true(model_bench_open(&bench, NULL, "host", &ath__model_lj, text[k]));
        for (int row = 0; row < 7; row++) {
            const double *t = table[row];
            double force;
            const double energy = lj_dimer(&bench, t[0], &force);
            /* 13 digits of the table; one of a distance that is not exact */
            lj_near(energy, t[1 + 2 * k], 1e-12 * fabs(t[1 + 2 * k]) + 1e-16, "energy");
            lj_near(force, t[2 + 2 * k], 1e-12 * fabs(t[2 + 2 * k]) + 1e-16, "force");
        }
        model_bench_close(&bench);
    }
}

/* fcc argon: lattice constant, switch or not, energy per atom, trace of W per atom, stress xx. */
static void lj_crystal_table(void **unused)
{
    (void)unused;
    static const double table[6][5] = {
        {5.26, 0, -0.084227784479, 0.010116069778, -9.268155686628e-5},
        {5.26, 1, -0.082014662863, 0.010373364397, -9.503884249494e-5},
        {5.00, 0, -0.072771596135, 0.510486125758, -5.445185341422e-3},
        {5.00, 1, -0.071744216502, 0.473336850320, -5.048926403412e-3},
        {5.405, 0, -0.080562824276, -0.111465351650, 9.412208349927e-4},
        {5.405, 1, -0.080517361575, -0.117864301698, 9.952539943384e-4},
    };
    for (int row = 0; row < 6; row++) {
        const double *t = table[row];
        for (int32_t cells = 1; cells <= 4;
             cells++) { /* one atom per image to all pairs and back */
            const model_recipe recipe = {.cells = {cells, cells, cells},
                                         .fcc = true,
                                         .spacing = t[0],
                                         .pbc = {1, 1, 1},
                                         .numbers = {18}};
            model_bench bench;
            assert_true(
                model_bench_open(&bench, NULL, "host", &ath__model_lj,
                                 t[1] > 0.0 ? LJ_ARGON ",scheme=switch,switch_width=1" : LJ_ARGON));
            ath_system *system = model_system(bench.ctx, &recipe);
            model_result *r = model_results(&bench, &system, 1, MODEL_ALL);
            const double volume = pow(cells * t[0], 3), n = r->n_atoms;
            const double trace = r->stress[0] + r->stress[4] + r->stress[8];
            lj_near(r->energy / n, t[2], 1e-12, "energy");
            lj_near(-trace * volume / n, t[3], 1e-12, "virial");
            lj_near(r->stress[0], t[4], 1e-14, "stress");
            for (int32_t k = 0; k < 3 * r->n_atoms; k++) {
                lj_near(r->forces[k], 0.0, 1e-14, "force on a lattice site");
            }
            model_results_free(r, 1);
            ath_system_destroy(&system);
            model_bench_close(&bench);
        }
    }
}

/* ---- NIST ---- */

typedef struct lj_reference {
    int configuration;
    double cutoff;
    bool shifted;             /* force-shift; else truncation and tail correction */
    const char *published[3]; /* pair energy, pair virial, tail: 5 digits */
    double energy, virial;    /* recomputed in float64 */
} lj_reference;

static const lj_reference lj_nist[12] = {
    {1, 3, false, {"-4.3515E+03", "-5.6867E+02", "-1.9849E+02"}, -4351.540194544, -568.6654653182},
    {1, 4, false, {"-4.4675E+03", "-1.2639E+03", "-8.3769E+01"}, -4467.495724948, -1263.883371872},
    {1, 3, true, {"-3.8709E+03", "3.1754E+02", NULL}, -3870.924885784, 317.5383460124},
    {2, 3, false, {"-6.9000E+02", "-5.6846E+02", "-2.4230E+01"}, -690.0040451729, -568.4573407379},
    {2, 4, false, {"-7.0460E+02", "-6.5599E+02", "-1.0226E+01"}, -704.6033197270, -655.9875607066},
    {2, 3, true, {"-6.2012E+02", "-4.4533E+02", NULL}, -620.1198609983, -445.3310496198},
    {3, 3, false, {"-1.1467E+03", "-1.1649E+03", "-4.9622E+01"}, -1146.667420834, -1164.949650713},
    {3, 4, false, {"-1.1754E+03", "-1.3371E+03", "-2.0942E+01"}, -1175.380567225, -1337.102617301},
    {3, 3, true, {"-1.0210E+03", "-9.3578E+02", NULL}, -1020.965707482, -935.7772011755},
    {4, 3, false, {"-1.6790E+01", "-4.6249E+01", "-5.4517E-01"}, -16.79032130463, -46.24919674631},
    {4, 4, false, {"-1.7060E+01", "-4.7869E+01", "-2.3008E-01"}, -17.06045322027, -47.86882819107},
    {4, 3, true, {"-1.5001E+01", "-4.3096E+01", NULL}, -15.00140228692, -43.09600553918},
};

/* NULL if the file is not there. */
static ath_system *lj_nist_system(ath_context *ctx, int configuration)
{
    char path[512];
    ath_system *system = NULL;
    double box[3];
    int n = 0, index = 0;
    snprintf(path, sizeof path, "%s/nist/lj%d.txt", ATH_REFERENCE_DATA, configuration);
    FILE *file = fopen(path, "r");
    if (!file) {
        return NULL;
    }
    assert_int_equal(fscanf(file, "%lf %lf %lf %d", &box[0], &box[1], &box[2], &n), 4);
    const model_recipe recipe = {.cells = {n, 1, 1}, .pbc = {1, 1, 1}, .numbers = {18}};
    system = model_system(ctx, &recipe);
    double *x = model_field(system, ATH_FIELD_POSITIONS), *h = model_field(system, ATH_FIELD_CELL);
    memset(h, 0, 9 * sizeof *h);
    for (int k = 0; k < 3; k++) {
        h[4 * k] = box[k];
    }
    for (int i = 0; i < n; i++, x += 3) {
        assert_int_equal(fscanf(file, "%d %lf %lf %lf", &index, &x[0], &x[1], &x[2]), 4);
    }
    fclose(file);
    return system;
}

static void lj_expect_published(double value, const char *published)
{
    char text[32];
    snprintf(text, sizeof text, "%.4E", value);
    assert_string_equal(text, published);
}

static void lj_nist_row(const lj_reference *ref, const ath__model_ops *ops)
{
    char text[2][160];
    model_result *r[2];
    model_bench bench;
    snprintf(text[0], sizeof text[0], "epsilon=1,sigma=1,cutoff=%g,scheme=%s", ref->cutoff,
             ref->shifted ? "force-shift" : "truncation");
    snprintf(text[1], sizeof text[1], "epsilon=1,sigma=1,cutoff=%g,scheme=%s,lrc=%s", ref->cutoff,
             ref->shifted ? "force-shift" : "truncation", ref->shifted ? "false" : "true");
    ath_system *system = NULL;
    for (int k = 0; k < 2; k++) {
        assert_true(model_bench_open(&bench, NULL, "host", ops, text[k]));
        system = lj_nist_system(bench.ctx, ref->configuration);
        r[k] = model_results(&bench, &system, 1, MODEL_ALL);
        ath_system_destroy(&system);
        model_bench_close(&bench);
    }
    const double volume = pow(ref->configuration == 1 || ref->configuration == 3 ? 10.0 : 8.0, 3);
    const double virial = -volume * (r[0]->stress[0] + r[0]->stress[4] + r[0]->stress[8]);
    const double tail = r[1]->energy - r[0]->energy;
    lj_expect_published(r[0]->energy, ref->published[0]);
    lj_expect_published(virial, ref->published[1]);
    lj_near(r[0]->energy, ref->energy, 1e-12 * fabs(ref->energy), "energy");
    lj_near(virial, ref->virial, 1e-12 * fabs(ref->virial), "virial");
    if (!ref->shifted) {
        lj_expect_published(tail, ref->published[2]);
    }
    if (ref->configuration == 4 && ref->cutoff == 3.0 && !ref->shifted) {
        lj_near(r[0]->energy, -16.790321304625856, 1e-13, "energy of FEASST");
        lj_near(tail, -0.5451660014945704, 1e-14, "tail of FEASST");
    }
    model_results_free(r[0], 1);
    model_results_free(r[1], 1);
}

static void lj_nist_configurations(void **unused)
{
    (void)unused;
    const ath__model_ops lists = lj_list_only();
    ath_context *ctx = NULL;
    assert_int_equal(ath_context_create(NULL, &ctx), ATH_OK);
    ath_system *first = lj_nist_system(ctx, 1);
    const bool there = first != NULL;
    ath_system_destroy(&first);
    ath_context_destroy(&ctx);
    if (!there) {
        print_message("no %s/nist: the reference configurations are not compared\n",
                      ATH_REFERENCE_DATA);
        skip();
    }
    for (int k = 0; k < 12; k++) {
        lj_nist_row(&lj_nist[k], &ath__model_lj);
        lj_nist_row(&lj_nist[k], &lists);
    }
}

/* ---- derivatives and symmetries ---- */

/* Runs a check for every system and scheme, with all pairs where they are enough, and from lists.
 */
static void lj_each(void (*check)(const model_bench *bench, ath_system *system, int scheme, int k))
{
    const ath__model_ops lists = lj_list_only();
    for (int q = 0; q < 8; q++) {
        char text[256];
        model_bench bench;
        ath_system *systems[LJ_RECIPES];
        snprintf(text, sizeof text, "%s,scheme=%s,switch_width=2", q % 2 ? LJ_ARGON : LJ_NOBLE,
                 lj_schemes[q / 2]);
        assert_true(model_bench_open(&bench, NULL, "host", q % 2 ? &lists : &ath__model_lj, text));
        lj_systems_open(bench.ctx, systems);
        for (int k = 0; k < LJ_RECIPES; k++) {
            check(&bench, systems[k], q / 2, k);
        }
        lj_systems_close(systems);
        model_bench_close(&bench);
    }
}

static void lj_check_forces(const model_bench *bench, ath_system *system, int scheme, int k)
{
    const int32_t n = ath_system_n_atoms(system);
    /* Pairs that cross the cutoff spoil differences of the energy unless they are switched off. In
     * the smallest clusters there are none; lj_many_kinds has the forces of all schemes. */
    if (n > 1 &&
        (scheme == ATH__LJ_SWITCH || lj_recipes[k].cells[0] * lj_recipes[k].cells[1] == n)) {
        model_checks_forces(bench, system, 4, 1e-3, 2e-9);
    }
    model_checks_sum(bench, system, 1e-12);
    model_checks_invariances(bench, system, 1e-11);
    model_checks_stress_form(bench, system);
    model_checks_nan(bench, system);
}

static void lj_forces(void **unused)
{
    (void)unused;
    lj_each(lj_check_forces);
}

static void lj_check_stress(const model_bench *bench, ath_system *system, int scheme, int k)
{
    const int32_t *pbc = lj_recipes[k].pbc;
    if (pbc[0] && pbc[1] && pbc[2] && scheme == ATH__LJ_SWITCH) {
        model_checks_stress(bench, system, 2e-4, 1e-9);
    }
}

static void lj_stress(void **unused)
{
    (void)unused;
    lj_each(lj_check_stress);
}

/* Energy and force of a pair as it crosses the cutoff. */
static void lj_at_the_cutoff(void **unused)
{
    (void)unused;
    const double rc = 8.5, h = 1e-7, q = pow(3.4 / rc, 6);
    const double energy_c = 4 * 0.0104 * q * (q - 1), force_c = 24 * 0.0104 * q * (2 * q - 1) / rc;
    /* what the pair loses: nothing with the last two */
    const double energy_step[4] = {energy_c, 0, 0, 0}, force_step[4] = {force_c, force_c, 0, 0};
    for (int scheme = 0; scheme < 4; scheme++) {
        char text[160];
        model_bench bench;
        double force[3], energy[3];
        snprintf(text, sizeof text, "%s,scheme=%s", LJ_ARGON, lj_schemes[scheme]);
        assert_true(model_bench_open(&bench, NULL, "host", &ath__model_lj, text));
        energy[0] = lj_dimer(&bench, rc - h, &force[0]);
        energy[1] = lj_dimer(&bench, rc + h, &force[1]);
        assert_true(energy[1] == 0.0 && force[1] == 0.0);
        lj_near(energy[0], energy_step[scheme], 2e-4 * h, "energy at the cutoff");
        lj_near(force[0], force_step[scheme], 2e-4 * h, "force at the cutoff");
        if (scheme == ATH__LJ_SWITCH) { /* the second derivative, too, at both ends */
            lj_dimer(&bench, rc - 1e-3, &force[0]);
            lj_near(force[0] / 1e-3, 0.0, 1e-5, "slope of the force at the cutoff");
            lj_dimer(&bench, rc - 1.0 - 1e-4, &force[0]);
            lj_dimer(&bench, rc - 1.0, &force[1]);
            lj_dimer(&bench, rc - 1.0 + 1e-4, &force[2]);
            lj_near((force[2] - force[1]) / 1e-4, (force[1] - force[0]) / 1e-4, 2e-6,
                    "slope of the force where the switch begins");
        }
        model_bench_close(&bench);
    }
}

/* ---- many kinds ---- */

typedef struct lj_plain {
    double eps[3][3], sigma[3][3], cutoff, width;
    int scheme;
} lj_plain;

/* u(r) and u'(r), written out without any of the library's formulas. */
static double lj_plain_pair(const lj_plain *p, int a, int b, double r, double *slope)
{
    const double s = p->sigma[a][b], e = p->eps[a][b], rc = p->cutoff;
    const double at = 4 * e * (pow(s / rc, 12) - pow(s / rc, 6));
    const double at1 = 4 * e * (-12 * pow(s / rc, 12) + 6 * pow(s / rc, 6)) / rc;
    double u = 4 * e * (pow(s / r, 12) - pow(s / r, 6));
    double u1 = 4 * e * (-12 * pow(s / r, 12) + 6 * pow(s / r, 6)) / r;
    if (p->scheme == ATH__LJ_ENERGY_SHIFT) {
        u -= at;
    } else if (p->scheme == ATH__LJ_FORCE_SHIFT) {
        u -= at + (r - rc) * at1;
        u1 -= at1;
    } else if (p->scheme == ATH__LJ_SWITCH && r > rc - p->width) {
        const double x = (r - (rc - p->width)) / p->width;
        const double sw = 1 - 10 * pow(x, 3) + 15 * pow(x, 4) - 6 * pow(x, 5);
        const double sw1 = (-30 * x * x + 60 * pow(x, 3) - 30 * pow(x, 4)) / p->width;
        u1 = u1 * sw + u * sw1;
        u *= sw;
    }
    *slope = u1;
    return u;
}

/* Every atom with every image of every atom, five cells around. */
static void lj_plain_loop(const lj_plain *p, ath_system *system, model_result *out)
{
    const int32_t n = ath_system_n_atoms(system);
    const double *x = model_field(system, ATH_FIELD_POSITIONS);
    const double *h = model_field(system, ATH_FIELD_CELL);
    const int32_t *number = ath_system_peek(system, ATH_FIELD_NUMBERS);
    const int32_t *pbc = ath_system_peek(system, ATH_FIELD_PBC);
    int reach[3];
    for (int k = 0; k < 3; k++) {
        reach[k] = pbc[k] ? 5 : 0;
    }
    memset(out->forces, 0, (size_t)n * 3 * sizeof(double));
    for (int64_t q = 0; q < (int64_t)n * n; q++) {
        const int32_t i = (int32_t)(q / n), j = (int32_t)(q % n);
        for (int a = -reach[0]; a <= reach[0]; a++) {
            for (int b = -reach[1]; b <= reach[1]; b++) {
                for (int c = -reach[2]; c <= reach[2]; c++) {
                    double d[3], r = 0.0, slope;
                    for (int k = 0; k < 3; k++) {
                        d[k] = x[3 * j + k] - x[3 * i + k] + a * h[k] + b * h[3 + k] + c * h[6 + k];
                        r += d[k] * d[k];
                    }
                    r = sqrt(r);
                    if (r == 0.0 || r >= p->cutoff) {
                        continue;
                    }
                    out->energy +=
                        0.5 * lj_plain_pair(p, number[i] / 18 - 1, number[j] / 18 - 1, r, &slope);
                    for (int k = 0; k < 3; k++) {
                        out->forces[3 * i + k] += slope * d[k] / r;
                        for (int l = 0; l < 3; l++) {
                            out->stress[3 * k + l] += 0.5 * slope * d[k] * d[l] / r;
                        }
                    }
                }
            }
        }
    }
}

static void lj_plain_compare(const model_bench *bench, const lj_plain *p, ath_system *system)
{
    model_result *r = model_results(bench, &system, 1, MODEL_ALL), plain = {.n_atoms = r->n_atoms};
    plain.forces = calloc((size_t)r->n_atoms, 3 * sizeof(double));
    assert_non_null(plain.forces);
    lj_plain_loop(p, system, &plain);
    const double rms = model_rms_force(&plain), *h = model_field(system, ATH_FIELD_CELL);
    const int32_t *pbc = ath_system_peek(system, ATH_FIELD_PBC);
    const double volume =
        fabs(h[0] * (h[4] * h[8] - h[5] * h[7]) - h[1] * (h[3] * h[8] - h[5] * h[6]) +
             h[2] * (h[3] * h[7] - h[4] * h[6]));
    lj_near(r->energy, plain.energy, 1e-12 * fmax(fabs(plain.energy), rms * r->n_atoms), "energy");
    for (int32_t k = 0; k < 3 * r->n_atoms; k++) {
        lj_near(r->forces[k], plain.forces[k], 2e-12 * fmax(rms, fabs(plain.forces[k])), "force");
    }
    double largest = rms * 10 * r->n_atoms;
    for (int k = 0; k < 9; k++) {
        largest = fmax(largest, fabs(plain.stress[k]));
    }
    for (int k = 0; k < 9 && pbc[0] && pbc[1] && pbc[2]; k++) {
        lj_near(r->stress[k], plain.stress[k] / volume, 1e-12 * largest / volume, "stress");
    }
    free(plain.forces);
    model_results_free(r, 1);
}

/* Elements 18, 36, 54 with the parameters of LJ_NOBLE: argon by default, one pair listed, two
 * mixed. */
static void lj_many_kinds(void **unused)
{
    (void)unused;
    const ath__model_ops lists = lj_list_only();
    lj_plain p = {.cutoff = 8.5, .width = 2.0};
    const double eps[3] = {0.0104, 0.0141, 0.0198}, sigma[3] = {3.4, 3.63, 3.95};
    for (int a = 0; a < 3; a++) {
        for (int b = 0; b < 3; b++) {
            const bool listed = a + b == 2 && a != b;
            p.eps[a][b] = listed ? 0.0136 : sqrt(eps[a] * eps[b]);
            p.sigma[a][b] = listed ? 3.65 : 0.5 * (sigma[a] + sigma[b]);
        }
    }
    for (int q = 0; q < 8; q++) {
        char text[256];
        model_bench bench;
        ath_system *systems[LJ_RECIPES];
        p.scheme = q / 2;
        snprintf(text, sizeof text, "%s,scheme=%s,switch_width=2", LJ_NOBLE, lj_schemes[q / 2]);
        assert_true(model_bench_open(&bench, NULL, "host", q % 2 ? &lists : &ath__model_lj, text));
        lj_systems_open(bench.ctx, systems);
        for (int k = 0; k < LJ_RECIPES; k++) {
            if (lj_recipes[k].far <= 2.0 && (q % 2 == 0 || k < 11 || k > 12)) {
                lj_plain_compare(&bench, &p, systems[k]);
            }
        }
        lj_systems_close(systems);
        model_bench_close(&bench);
    }
}

/* Rows that are too long to be kept at once, with images by shift (small cells) and nearest. */
static void lj_long_rows(void **unused)
{
    (void)unused;
    const lj_plain p = {.eps = {{0.0104}}, .sigma = {{3.4}}, .cutoff = 25.0, .width = 2.0};
    const model_recipe cluster = {
        .cells = {11, 11, 11}, .spacing = 2.6, .rattle = 0.2, .numbers = {18}, .seed = 21};
    const model_recipe *const recipes[3] = {&lj_recipes[9], &lj_recipes[13], &cluster};
    for (int k = 0; k < 3; k++) {
        model_bench bench, mixed;
        assert_true(model_bench_open(&bench, NULL, "host", &ath__model_lj, "cutoff=25"));
        assert_true(model_bench_open(&mixed, bench.ctx, "host", &ath__model_lj,
                                     "cutoff=25,precision=mixed"));
        ath_system *system = model_system(bench.ctx, recipes[k]);
        lj_plain_compare(&bench, &p, system);
        model_checks_device(&bench, "host:isa=base", &ath__model_lj, "cutoff=25", &system, 1);
        model_checks_device(&mixed, "host:isa=base", &ath__model_lj, "cutoff=25,precision=mixed",
                            &system, 1);
        if (k < 2) {
            model_checks_skin(&bench, &system, 1);
            model_checks_skin(&mixed, &system, 1);
        }
        model_result *r = model_results(&bench, &system, 1, MODEL_ALL);
        model_result *m = model_results(&mixed, &system, 1, MODEL_ALL);
        /* an atom among its own images: what is left of terms that cancel is rounding */
        const double rms = fmax(model_rms_force(r), r->n_atoms > 1 ? 0.0 : 1e-3);
        for (int32_t i = 0; i < 3 * r->n_atoms; i++) {
            lj_near(m->forces[i], r->forces[i], 5e-6 * fmax(rms, fabs(r->forces[i])), "mixed");
        }
        model_results_free(r, 1);
        model_results_free(m, 1);
        ath_system_destroy(&system);
        model_bench_close(&mixed);
        model_bench_close(&bench);
    }
}

/* ---- tail ---- */

/* Energy and pressure of the tail of a mixture, by quadrature of u(r) over r > cutoff. */
static void lj_tail_of_a_mixture(void **unused)
{
    (void)unused;
    model_bench with, without;
    const model_recipe *recipe = &lj_recipes[6];
    static const double eps[3][3] = {{0.0104, 0, 0.0136}, {0, 0.0141, 0}, {0.0136, 0, 0.0198}};
    static const double sigma[3] = {3.4, 3.63, 3.95};
    assert_true(model_bench_open(&with, NULL, "host", &ath__model_lj, LJ_NOBLE ",lrc=true"));
    assert_true(model_bench_open(&without, with.ctx, "host", &ath__model_lj, LJ_NOBLE));
    ath_system *system = model_system(with.ctx, recipe);
    const int32_t *number = ath_system_peek(system, ATH_FIELD_NUMBERS);
    const double *h = model_field(system, ATH_FIELD_CELL);
    const double volume =
        fabs(h[0] * (h[4] * h[8] - h[5] * h[7]) - h[1] * (h[3] * h[8] - h[5] * h[6]) +
             h[2] * (h[3] * h[7] - h[4] * h[6]));
    double count[3] = {0}, energy = 0.0, pressure = 0.0;
    for (int32_t i = 0; i < ath_system_n_atoms(system); i++) {
        count[number[i] / 18 - 1] += 1.0;
    }
    for (int ab = 0; ab < 9; ab++) {
        const int a = ab / 3, b = ab % 3;
        const double e = eps[a][b] > 0.0 ? eps[a][b] : sqrt(eps[a][a] * eps[b][b]);
        const double s = a + b == 2 && a != b ? 3.65 : 0.5 * (sigma[a] + sigma[b]);
        double u = 0.0, w = 0.0;
        const int n = 20000; /* midpoints in t = rc / r: r^2 dr = rc^3 dt / t^4 */
        for (int k = 0; k < n; k++) {
            const double t = (k + 0.5) / n, q = pow(s * t / 8.5, 6);
            u += 4 * e * (q * q - q) / pow(t, 4) / n;
            w += 4 * e * (12 * q * q - 6 * q) / pow(t, 4) / n; /* -r u' */
        }
        const double pairs = count[a] * count[b] * 2 * PI * pow(8.5, 3);
        energy += pairs * u / volume;
        pressure += pairs * w / (3 * volume * volume);
    }
    model_result *r = model_results(&with, &system, 1, MODEL_ALL);
    model_result *bare = model_results(&without, &system, 1, MODEL_ALL);
    lj_near(r->energy - bare->energy, energy, 1e-7 * fabs(energy), "energy of the tail");
    for (int k = 0; k < 9; k++) {
        lj_near(r->stress[k] - bare->stress[k], k % 4 ? 0.0 : -pressure, 1e-7 * fabs(pressure),
                "stress of the tail");
    }
    assert_memory_equal(r->forces, bare->forces, (size_t)r->n_atoms * 3 * sizeof(double));
    model_results_free(r, 1);
    model_results_free(bare, 1);
    ath_system_destroy(&system);
    model_bench_close(&without);
    model_bench_close(&with);
}

/* Not homogeneous: no tail. */
static void lj_no_tail_of_a_slab(void **unused)
{
    (void)unused;
    model_bench with, without;
    assert_true(model_bench_open(&with, NULL, "host", &ath__model_lj, LJ_ARGON ",lrc=true"));
    assert_true(model_bench_open(&without, with.ctx, "host", &ath__model_lj, LJ_ARGON));
    ath_system *system = model_system(with.ctx, &lj_recipes[7]);
    model_result *r = model_results(&with, &system, 1, MODEL_ALL);
    model_result *bare = model_results(&without, &system, 1, MODEL_ALL);
    assert_true(model_same_bits(r, bare));
    model_results_free(r, 1);
    model_results_free(bare, 1);
    ath_system_destroy(&system);
    model_bench_close(&without);
    model_bench_close(&with);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lj_pair_table),
        cmocka_unit_test(lj_crystal_table),
        cmocka_unit_test(lj_nist_configurations),
        cmocka_unit_test(lj_forces),
        cmocka_unit_test(lj_stress),
        cmocka_unit_test(lj_at_the_cutoff),
        cmocka_unit_test(lj_many_kinds),
        cmocka_unit_test(lj_long_rows),
        cmocka_unit_test(lj_tail_of_a_mixture),
        cmocka_unit_test(lj_no_tail_of_a_slab),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
