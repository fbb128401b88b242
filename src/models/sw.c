/* Model "sw": the potential of Stillinger and Weber, for one element or many.
 *
 * F. H. Stillinger, T. A. Weber, Phys. Rev. B 31, 5262 (1985). For atoms i, j, k with distances r,
 * r' from i to j and k, and the angle theta between them,
 *
 *     E = sum_{i<j} phi2(r_ij) + sum_i sum_{j<k} phi3(r_ij, r_ik, theta_jik)
 *     phi2 = A eps (B (sigma / r)^p - (sigma / r)^q) exp(sigma / (r - a sigma))
 *     phi3 = lambda eps (cos theta - c0)^2 exp(gamma sigma / (r - a sigma))
 *                                          exp(gamma' sigma' / (r' - a' sigma'))
 *
 * Both vanish, with all derivatives, at r = a sigma. With many elements, as in LAMMPS: phi2, sigma,
 * a and gamma of a distance ij are those of the line "i j j", lambda eps and c0 of an angle those
 * of "i j k". Results agree with LAMMPS to 1e-9 (tests/models/test_sw_lammps.c).
 *
 * tol: as in LAMMPS, a line with tol > 0 cuts pairs and angles off at the shorter distance
 * a sigma + min(gamma, 1) sigma / ln(min(tol, 0.01)), where the exponential is tol. Energy and
 * forces have a step there.
 *
 * Where LAMMPS' result would depend on the order of atoms, there is none to agree with: "i j j" and
 * "j i i" must agree in what they say of a pair, and "i j k" and "i k j" in lambda eps and c0, to
 * one part in 1e5 (files with seven digits do); then the mean is taken.
 *
 * Sets that need no file:
 *   Si       F. H. Stillinger, T. A. Weber, Phys. Rev. B 31, 5262 (1985); eps = 2.1683 eV
 *   Si-Vink  R. L. C. Vink et al., J. Non-Cryst. Solids 282, 248 (2001), for amorphous silicon
 *   Ge       K. Ding, H. C. Andersen, Phys. Rev. B 34, 6987 (1986)
 *   mW       V. Molinero, E. B. Moore, J. Phys. Chem. B 113, 4008 (2009): a molecule of water is
 *            one atom O; 1 kcal/mol = 4184 J / N_A
 *   CdTe     Z. Q. Wang, D. Stroud, A. J. Markworth, Phys. Rev. B 40, 3129 (1989)
 *   GaN      A. Bere, A. Serra, Phil. Mag. 86, 2159 (2006)
 * c0 is -1/3 in all of them. lambda eps of an angle with ends of two kinds is the geometric mean.
 *
 * Not here: the variant of LAMMPS' sw/mod; charges; float32.
 */
#include <math.h>
#include <string.h>

#include <athanor/system.h>

#include "base/math.h"
#include "models/sw.h"

#define SW_ALIKE 1e-5 /* by how much lambda eps of two orders of an angle may differ */

enum { SW_LARGEST_POWER = 32 };

typedef struct sw_state {
    int64_t set;
    const char *file, *elements;
    ath__sw_params *par;
} sw_state;

static const ath_option sw_options[] = {
    {.name = "set",
     .type = ATH_OPTION_CHOICE,
     .unit = "",
     .fallback = "Si",
     .choices = "Si|Si-Vink|Ge|mW|CdTe|GaN",
     .help = "published parameters; mW is water, of atoms O",
     .offset = offsetof(sw_state, set)},
    {.name = "file",
     .type = ATH_OPTION_TEXT,
     .unit = "",
     .fallback = "",
     .help =
         "a parameter file as LAMMPS' pair_style sw reads it, instead of a set; eV and angstrom",
     .offset = offsetof(sw_state, file)},
    {.name = "elements",
     .type = ATH_OPTION_TEXT,
     .unit = "",
     .fallback = "",
     .help = "elements of the file to be used, \"Si;Ge\", where others are to be ignored; \"O:mW\" "
             "if the file calls it mW",
     .offset = offsetof(sw_state, elements)},
    {.type = ATH_OPTION_END}};

/* ---- published sets ---- */

/* A pair of elements; angles i j k have lambda eps = sqrt(that of ij times that of ik). */
typedef struct sw_published {
    const char *first, *second;
    double epsilon, sigma, a, lambda, A, B; /* gamma = 1.2, c0 = -1/3, p = 4, q = 0 */
} sw_published;

enum { SW_SETS = 6, SW_SET_PAIRS = 3 };

static const sw_published sw_sets[SW_SETS][SW_SET_PAIRS] = {
    {{"Si", "Si", 2.1683, 2.0951, 1.8, 21.0, 7.049556277, 0.6022245584}},
    {{"Si", "Si", 1.64833, 2.0951, 1.8, 31.5, 7.049556277, 0.6022245584}},
    {{"Ge", "Ge", 1.93, 2.181, 1.8, 31.0, 7.049556277, 0.6022245584}},
    {{"O", "O", 6.189 * ATH__SW_KCAL, 2.3925, 1.8, 23.15, 7.049556277, 0.6022245584}},
    {{"Cd", "Cd", 1.03, 2.51, 1.8, 25.0, 5.1726, 0.8807},
     {"Te", "Te", 1.03, 2.51, 1.8, 25.0, 8.1415, 0.6671},
     {"Cd", "Te", 1.03, 2.51, 1.8, 25.0, 7.0496, 0.6022}},
    {{"Ga", "Ga", 1.2, 2.1, 1.6, 32.5, 7.917, 0.72},
     {"N", "N", 1.2, 1.3, 1.8, 32.5, 7.917, 0.72},
     {"Ga", "N", 2.17, 1.695, 1.8, 32.5, 7.917, 0.72}}};

static const sw_published *sw_find(const sw_published *set, int32_t a, int32_t b)
{
    for (int k = 0; k < SW_SET_PAIRS && set[k].first; k++) {
        const int32_t first = ath_element_number(set[k].first),
                      second = ath_element_number(set[k].second);
        if ((a == first && b == second) || (a == second && b == first)) {
            return &set[k];
        }
    }
    return set; /* not reached: a set holds every pair of its elements */
}

static void sw_use_set(const sw_published *set, ath__sw_table *table)
{
    const int32_t n = set[1].first ? 2 : 1;
    table->n_kinds = n;
    for (int32_t k = 0; k < n; k++) {
        table->number[k] = ath_element_number(set[k].first);
    }
    for (int32_t ijk = 0; ijk < n * n * n; ijk++) {
        const int32_t i = ijk / (n * n), j = ijk / n % n, k = ijk % n;
        const sw_published *ij = sw_find(set, table->number[i], table->number[j]),
                           *ik = sw_find(set, table->number[i], table->number[k]);
        const double strength = sqrt((ij->lambda * ij->epsilon) * (ik->lambda * ik->epsilon));
        table->line[ath__sw_at(i, j, k)] = 1;
        table->angle[ath__sw_at(i, j, k)] =
            (ath__sw_angle){.epsilon = ij->epsilon,
                            .sigma = ij->sigma,
                            .a = ij->a,
                            .lambda = j == k ? ij->lambda : strength / ij->epsilon,
                            .gamma = 1.2,
                            .c0 = -1.0 / 3.0,
                            .A = ij->A,
                            .B = ij->B,
                            .p = 4.0};
    }
}

/* ---- from a table to what the kernel reads ---- */

/* The distance at which a pair is cut off. */
static double sw_reach(const ath__sw_angle *t)
{
    const double range = t->a * t->sigma;
    if (t->tol > 0.0) {
        const double tol = t->tol < 0.01 ? t->tol : 0.01;
        return range + (t->gamma < 1.0 ? t->gamma : 1.0) * t->sigma / ath__ln(tol);
    }
    return range;
}

static ath_status sw_prepare_pair(ath_context *ctx, const char *name, const ath__sw_table *table,
                                  int32_t i, int32_t j, ath__sw_params *par)
{
    const int32_t ij = i * table->n_kinds + j;
    const ath__sw_angle *t = &table->angle[ath__sw_at(i, j, j)],
                        *r = &table->angle[ath__sw_at(j, i, i)];
    const char *a = ath_element_symbol(table->number[i]), *b = ath_element_symbol(table->number[j]);
    const double reach = sw_reach(t);
    if (t->epsilon != r->epsilon || t->sigma != r->sigma || t->a != r->a || t->A != r->A ||
        t->B != r->B || t->p != r->p || t->q != r->q || reach != sw_reach(r)) {
        return ath__fail(ctx, ATH_E_FORMAT, "%s: %s %s %s and %s %s %s are of one pair, but differ",
                         name, a, b, b, b, a, a);
    }
    if (reach < 0.0 || (reach == 0.0 && t->a * t->sigma > 0.0)) {
        return ath__fail(ctx, ATH_E_FORMAT,
                         "%s: tol of %s %s %s leaves no distance at which it acts", name, a, b, b);
    }
    const double decay = t->gamma * t->sigma;
    /* a little below zero, so that what is divided by it stays finite where exp has come to zero */
    const double least = t->gamma > 0.0 && t->gamma < 1.0 ? t->gamma : 1.0;
    par->cutoff = reach > par->cutoff ? reach : par->cutoff;
    par->cutoff2[ij] = reach * reach;
    par->range[ij] = t->a * t->sigma;
    par->nearest[ij] = t->sigma > 0.0 ? -(t->sigma * (least > 1e-6 ? least : 1e-6)) / 700.0 : -1.0;
    par->sigma[ij] = t->sigma;
    par->decay[ij] = decay;
    par->depth[ij] = t->A * t->epsilon;
    par->b[ij] = t->B;
    par->p[ij] = t->p;
    par->q[ij] = t->q;
    return ATH_OK;
}

static ath_status sw_prepare_angle(ath_context *ctx, const char *name, const ath__sw_table *table,
                                   int32_t ijk, ath__sw_params *par)
{
    const int32_t n = table->n_kinds, i = ijk / (n * n), j = ijk / n % n, k = ijk % n;
    const ath__sw_angle *t = &table->angle[ath__sw_at(i, j, k)],
                        *r = &table->angle[ath__sw_at(i, k, j)];
    const double strong = t->lambda * t->epsilon, other = r->lambda * r->epsilon;
    if (fabs(strong - other) > SW_ALIKE * (strong + other) || fabs(t->c0 - r->c0) > SW_ALIKE) {
        const char *a = ath_element_symbol(table->number[i]);
        const char *b = ath_element_symbol(table->number[j]);
        const char *c = ath_element_symbol(table->number[k]);
        return ath__fail(ctx, ATH_E_FORMAT,
                         "%s: %s %s %s and %s %s %s are of one angle, but differ", name, a, b, c, a,
                         c, b);
    }
    const double w = 0.5 * (strong + other), c0 = 0.5 * (t->c0 + r->c0);
    par->angle0[ijk] = w * (c0 * c0);
    par->angle1[ijk] = w * c0;
    par->angle2[ijk] = w;
    if (j == k) {
        par->same[i * n + j] = w * ((1.0 - c0) * (1.0 - c0));
    }
    return ATH_OK;
}

/* An exponent that all pairs with a range share, if it is whole and small; else -1. */
static int32_t sw_whole(const ath__sw_params *par, const double *power)
{
    double shared = -1.0;
    for (int32_t k = 0; k < par->n_kinds * par->n_kinds; k++) {
        if (par->cutoff2[k] > 0.0) {
            shared = shared < 0.0 ? power[k] : shared;
            if (power[k] != shared || shared != floor(shared) || shared > SW_LARGEST_POWER) {
                return -1;
            }
        }
    }
    return (int32_t)shared;
}

ath_status ath__sw_prepare(ath_context *ctx, const char *name, const ath__sw_table *table,
                           ath__sw_params *out)
{
    const int32_t n = table->n_kinds;
    memset(out, 0, sizeof *out);
    out->n_kinds = n;
    for (int32_t z = 0; z < ATH__SW_NUMBERS; z++) {
        out->kind[z] = -1;
    }
    for (int32_t i = 0; i < n; i++) {
        out->kind[table->number[i]] = i;
        for (int32_t j = 0; j < n; j++) {
            ATH__TRY(sw_prepare_pair(ctx, name, table, i, j, out));
        }
    }
    for (int32_t ijk = 0; ijk < n * n * n; ijk++) {
        ATH__TRY(sw_prepare_angle(ctx, name, table, ijk, out));
    }
    if (!(out->cutoff > 0.0)) {
        return ath__fail(ctx, ATH_E_FORMAT, "%s: no pair of elements has a range (a sigma)", name);
    }
    out->p_whole = sw_whole(out, out->p);
    out->q_whole = sw_whole(out, out->q);
    return ATH_OK;
}

/* ---- the ops table ---- */

static ath_status sw_init(ath_context *ctx, void *object)
{
    sw_state *state = object;
    ath__sw_table *table = NULL;
    if (!state->file[0] && state->elements[0]) {
        return ath__fail(ctx, ATH_E_OPTION, "sw: elements is of use with file only");
    }
    ATH__TRY(ath__alloc(ctx, 1, sizeof *state->par, &state->par));
    ATH__TRY(ath__alloc(ctx, 1, sizeof *table, &table));
    ath_status status = ATH_OK;
    if (state->file[0]) {
        status = ath__sw_read(ctx, state->file, state->elements, table);
    } else {
        sw_use_set(sw_sets[state->set], table);
    }
    if (status == ATH_OK) {
        status = ath__sw_prepare(ctx, state->file[0] ? state->file : "sw", table, state->par);
    }
    ath__free(ctx, &table, 1, sizeof *table);
    return status;
}

static void sw_fini(ath_context *ctx, void *object)
{
    sw_state *state = object;
    ath__free(ctx, &state->par, 1, sizeof *state->par);
}

static void sw_needs(const void *object, int32_t max_atoms, ath__model_needs *out)
{
    enum { PER_GROUP = 12, MOST = 16384 }; /* records that are kept: 8 MB */
    const ath__sw_params *par = ((const sw_state *)object)->par;
    const ath__sw_places places = ath__sw_layout(max_atoms, par->n_kinds);
    int64_t records = ((int64_t)max_atoms / ATH__SW_GROUP + 1) * PER_GROUP + ATH__SW_PIECE;
    records = records < MOST ? records : MOST;
    out->cutoff = par->cutoff;
    out->all_pairs_max = 0;
    out->work_bytes =
        (size_t)(places.records +
                 records * (par->n_kinds > 1 ? ATH__SW_RECORD_MANY_BYTES : ATH__SW_RECORD_BYTES));
    out->member_bytes = ATH__SW_MEMBER_BYTES;
}

static ath_status sw_params(const void *object, void *out, size_t *bytes)
{
    if (!out) {
        *bytes = sizeof(ath__sw_params);
        return ATH_OK;
    }
    *(ath__sw_params *)out = *((const sw_state *)object)->par;
    return ATH_OK;
}

static ath_status sw_accepts(ath_context *ctx, const void *object, const ath_system *system)
{
    const sw_state *state = object;
    const int32_t *numbers = ath_system_peek(system, ATH_FIELD_NUMBERS);
    const int32_t n = ath_system_n_atoms(system);
    if (n > INT32_MAX / (state->par->n_kinds * ATH__SW_MOMENTS)) {
        return ath__fail(ctx, ATH_E_UNSUPPORTED, "sw: %d atoms of %d kinds are too many", (int)n,
                         (int)state->par->n_kinds);
    }
    for (int32_t i = 0; i < n; i++) {
        const int32_t z = numbers[i];
        if (z < 0 || z >= ATH__SW_NUMBERS || state->par->kind[z] < 0) {
            return ath__fail(ctx, ATH_E_UNSUPPORTED,
                             "sw has no parameters for %s (atomic number %d, atom %d) in %s%s",
                             ath_element_symbol(z), (int)z, (int)i,
                             state->file[0] ? "" : "its set; see the options set and file",
                             state->file[0] ? state->file : "");
        }
    }
    return ATH_OK;
}

static ath_status sw_compute(const void *object, const ath__compute *c)
{
    (void)object;
    return ath__force_launch(c, ATH_K_SW_FORCE);
}

const ath__model_ops ath__model_sw = {
    .abi = ATH_ABI,
    .name = "sw",
    .state_size = sizeof(sw_state),
    .options = sw_options,
    .help = "Stillinger-Weber: silicon and other published sets, or a parameter file; float64",
    .capturable = true,
    .batch_invariant = true,
    .init = sw_init,
    .fini = sw_fini,
    .needs = sw_needs,
    .params = sw_params,
    .accepts = sw_accepts,
    .compute = sw_compute,
};
