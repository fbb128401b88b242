/* Model "lj": Lennard-Jones for one kind of atom or many. The formulas stand in lj.h.
 *
 * Parameters of a pair of elements come from `pairs` if it is listed there. Else eps and sigma are
 * mixed from those of the elements (Lorentz and Berthelot: sigma is the mean, eps the geometric
 * mean), where an element's own are those of its listed pair with itself, or the options epsilon
 * and sigma.
 *
 * The tail correction takes g(r) = 1 beyond the cutoff (M. P. Allen, D. J. Tildesley, Computer
 * Simulation of Liquids, section 2.8). With s = sigma / cutoff, summed over ordered pairs of kinds:
 *
 *     U = sum n_a n_b / V    8 pi eps sigma^3 (s^9 / 9 - s^3 / 3)
 *     P = sum n_a n_b / V^2  (16 pi / 3) eps sigma^3 (2 s^9 / 3 - s^3)
 *
 * It acts on energy and stress of systems that are periodic along all three vectors; others get
 * none. P is the tail of the virial, not -dU/dV: the truncated potential has a step at the cutoff,
 * which the virial of the pairs does not see and which this P does not contain either.
 *
 * Not here: 1-4 scaling, exclusions, per-pair cutoffs, long-range dispersion.
 */
#include <string.h>

#include "models/lj.h"

#define LJ_PI 3.14159265358979323846

enum { LJ_PRECISION_DOUBLE, LJ_PRECISION_MIXED };

typedef struct lj_state {
    double epsilon, sigma, cutoff, switch_width;
    int64_t scheme, tail, precision;
    const char *pairs;
    /* what init makes of `pairs` */
    int32_t n_kinds, number[ATH__LJ_KINDS];
    double pair_epsilon[ATH__LJ_TABLE], pair_sigma[ATH__LJ_TABLE]; /* [a * ATH__LJ_KINDS + b] */
} lj_state;

static const ath_option lj_options[] = {
    {.name = "epsilon",
     .type = ATH_OPTION_REAL,
     .unit = "eV",
     .fallback = "0.0104",
     .min = 0.0,
     .max = 1e6,
     .help = "depth of the well; the default is argon's",
     .offset = offsetof(lj_state, epsilon)},
    {.name = "sigma",
     .type = ATH_OPTION_REAL,
     .unit = "angstrom",
     .fallback = "3.4",
     .min = 1e-3,
     .max = 1e3,
     .help = "distance at which the energy of a pair is zero",
     .offset = offsetof(lj_state, sigma)},
    {.name = "cutoff",
     .type = ATH_OPTION_REAL,
     .unit = "angstrom",
     .fallback = "8.5",
     .min = 1e-3,
     .max = 1e3,
     .help = "pairs at this distance or farther apart do not interact",
     .offset = offsetof(lj_state, cutoff)},
    {.name = "scheme",
     .type = ATH_OPTION_CHOICE,
     .unit = "",
     .fallback = "truncation",
     .choices = "truncation|energy-shift|force-shift|switch",
     .help =
         "what is done at the cutoff: nothing, the energy or energy and force are shifted to zero "
         "there, or the energy is switched off smoothly",
     .offset = offsetof(lj_state, scheme)},
    {.name = "switch_width",
     .type = ATH_OPTION_REAL,
     .unit = "angstrom",
     .fallback = "1",
     .min = 1e-3,
     .max = 1e3,
     .help =
         "scheme=switch: width of the interval below the cutoff in which the energy is switched "
         "off",
     .offset = offsetof(lj_state, switch_width)},
    {.name = "pairs",
     .type = ATH_OPTION_TEXT,
     .unit = "",
     .fallback = "",
     .help = "parameters by element, \"Ar-Ar:0.0104:3.4;Ar-Kr:0.0125:3.52\" (eV, angstrom); pairs "
             "that are not listed are mixed from their elements' (Lorentz and Berthelot)",
     .offset = offsetof(lj_state, pairs)},
    {.name = "lrc",
     .type = ATH_OPTION_BOOL,
     .unit = "",
     .fallback = "false",
     .help = "add the mean contribution of pairs beyond the cutoff to energy and stress of systems "
             "periodic in three dimensions; scheme=truncation only",
     .offset = offsetof(lj_state, tail)},
    {.name = "precision",
     .type = ATH_OPTION_CHOICE,
     .unit = "",
     .fallback = "double",
     .choices = "double|mixed",
     .help = "mixed: arithmetic of pairs in float32, sums of them in float64",
     .offset = offsetof(lj_state, precision)},
    {.type = ATH_OPTION_END}};

/* Kind of an element, made if there is none yet; -1 if there are too many. */
static int32_t lj_kind_of(lj_state *state, int32_t number)
{
    for (int32_t k = 1; k < state->n_kinds; k++) {
        if (state->number[k] == number) {
            return k;
        }
    }
    if (state->n_kinds == ATH__LJ_KINDS) {
        return -1;
    }
    state->number[state->n_kinds] = number;
    return state->n_kinds++;
}

/* A symbol of one or two letters at *at, before `end`; 0 if there is none. */
static int32_t lj_read_element(const char **at, char end)
{
    const char *stop = strchr(*at, end);
    char symbol[4] = {0};
    if (!stop || stop == *at || stop - *at > 3) {
        return 0;
    }
    memcpy(symbol, *at, (size_t)(stop - *at));
    *at = stop + 1;
    return ath_element_number(symbol);
}

/* A number at *at, at least `least`, followed by `end` or the end of the text. */
static bool lj_read_number(const char **at, char end, double least, double *out)
{
    size_t used = 0;
    if (ath__parse_double(*at, strlen(*at), out, &used) != ATH_OK || used == 0 || *out < least) {
        return false;
    }
    *at += used;
    if (**at == end) {
        (*at)++;
        return true;
    }
    return **at == '\0' && end == ';';
}

/* One "A-B:eps:sigma" at *at. Listed pairs have sigma > 0. */
static ath_status lj_read_pair(ath_context *ctx, lj_state *state, const char **at)
{
    const char *begin = *at;
    const int32_t a = lj_read_element(at, '-');
    const int32_t b = a > 0 ? lj_read_element(at, ':') : 0;
    double eps = 0.0, sigma = 0.0;
    if (b <= 0 || !lj_read_number(at, ':', 0.0, &eps) || !lj_read_number(at, ';', 1e-3, &sigma)) {
        return ath__fail(ctx, ATH_E_OPTION,
                         "lj: pairs: expected ELEMENT-ELEMENT:EPSILON:SIGMA;... at '%.40s'", begin);
    }
    const int32_t ka = lj_kind_of(state, a), kb = lj_kind_of(state, b);
    if (ka < 0 || kb < 0) {
        return ath__fail(ctx, ATH_E_OPTION, "lj: pairs: more than %d elements", ATH__LJ_KINDS - 1);
    }
    const int32_t ab = ka * ATH__LJ_KINDS + kb, ba = kb * ATH__LJ_KINDS + ka;
    if (state->pair_sigma[ab] > 0.0) {
        return ath__fail(ctx, ATH_E_OPTION, "lj: pairs: %s-%s is listed twice",
                         ath_element_symbol(a), ath_element_symbol(b));
    }
    state->pair_epsilon[ab] = state->pair_epsilon[ba] = eps;
    state->pair_sigma[ab] = state->pair_sigma[ba] = sigma;
    return ATH_OK;
}

/* Fills what is not listed. */
static void lj_mix(lj_state *state)
{
    for (int32_t a = 0; a < state->n_kinds; a++) {
        const int32_t aa = a * ATH__LJ_KINDS + a;
        if (!(state->pair_sigma[aa] > 0.0)) {
            state->pair_epsilon[aa] = state->epsilon;
            state->pair_sigma[aa] = state->sigma;
        }
    }
    for (int32_t a = 0; a < state->n_kinds; a++) {
        for (int32_t b = 0; b < state->n_kinds; b++) {
            const int32_t ab = a * ATH__LJ_KINDS + b, aa = a * ATH__LJ_KINDS + a,
                          bb = b * ATH__LJ_KINDS + b;
            if (!(state->pair_sigma[ab] > 0.0)) {
                state->pair_epsilon[ab] = sqrt(state->pair_epsilon[aa] * state->pair_epsilon[bb]);
                state->pair_sigma[ab] = 0.5 * (state->pair_sigma[aa] + state->pair_sigma[bb]);
            }
        }
    }
}

static ath_status lj_init(ath_context *ctx, void *object)
{
    lj_state *state = object;
    state->n_kinds = 1;
    for (const char *at = state->pairs; *at;) {
        ATH__TRY(lj_read_pair(ctx, state, &at));
    }
    lj_mix(state);
    if (state->tail && state->scheme != ATH__LJ_TRUNCATION) {
        return ath__fail(ctx, ATH_E_OPTION, "lj: lrc=true needs scheme=truncation");
    }
    if (state->scheme == ATH__LJ_SWITCH && state->switch_width > state->cutoff) {
        return ath__fail(ctx, ATH_E_OPTION, "lj: switch_width is larger than the cutoff");
    }
    return ATH_OK;
}

static void lj_needs(const void *object, int32_t max_atoms, ath__model_needs *out)
{
    const lj_state *state = object;
    out->cutoff = state->cutoff;
    out->all_pairs_max = state->precision == LJ_PRECISION_MIXED ? (int32_t)ATH__LJ_ALL_PAIRS_MIXED
                                                                : (int32_t)ATH__LJ_ALL_PAIRS;
    out->work_bytes = ATH__LJ_FIXED_BYTES + (size_t)max_atoms * ATH__LJ_ATOM_BYTES;
    out->member_bytes = ATH__LJ_MEMBER_BYTES;
}

/* The pair of kinds a, b, at place ab of the tables. */
static void lj_fill_pair(const lj_state *state, ath__lj_params *par, int32_t from, int32_t ab)
{
    const double eps = state->pair_epsilon[from], sigma = state->pair_sigma[from],
                 rc = state->cutoff;
    const double s = sigma / rc, s3 = s * s * s, s6 = s3 * s3, s9 = s6 * s3;
    ath__lj_tables_d *t = &par->d;
    t->sigma2[ab] = sigma * sigma;
    t->c24[ab] = 24.0 * eps / (sigma * sigma);
    t->e4[ab] = 4.0 * eps;
    if (state->scheme == ATH__LJ_ENERGY_SHIFT || state->scheme == ATH__LJ_FORCE_SHIFT) {
        t->shift[ab] = 4.0 * eps * s6 * (s6 - 1.0);
    }
    if (state->scheme == ATH__LJ_FORCE_SHIFT) {
        t->slope[ab] = -24.0 * eps * s6 * (2.0 * s6 - 1.0) / rc;
    }
    const double sigma3 = sigma * sigma * sigma;
    par->tail_energy[ab] = 8.0 * LJ_PI * eps * sigma3 * (s9 / 9.0 - s3 / 3.0);
    par->tail_pressure[ab] = 16.0 * LJ_PI / 3.0 * eps * sigma3 * (2.0 * s9 / 3.0 - s3);
}

/* The tables in float32. */
static void lj_round_tables(const ath__lj_tables_d *d, ath__lj_tables_f *f)
{
    for (int k = 0; k < ATH__LJ_TABLE; k++) {
        f->sigma2[k] = (float)d->sigma2[k];
        f->c24[k] = (float)d->c24[k];
        f->e4[k] = (float)d->e4[k];
        f->shift[k] = (float)d->shift[k];
        f->slope[k] = (float)d->slope[k];
    }
    f->cutoff = (float)d->cutoff;
    f->cutoff2 = (float)d->cutoff2;
    f->on = (float)d->on;
    f->per_width = (float)d->per_width;
}

static ath_status lj_params(const void *object, void *out, size_t *bytes)
{
    const lj_state *state = object;
    if (!out) {
        *bytes = sizeof(ath__lj_params);
        return ATH_OK;
    }
    ath__lj_params *par = out;
    ath__model_needs needs = {0};
    lj_needs(state, 0, &needs);
    memset(par, 0, sizeof *par);
    par->cutoff = state->cutoff;
    par->scheme = (int32_t)state->scheme;
    par->mixed = state->precision == LJ_PRECISION_MIXED;
    par->n_kinds = state->n_kinds;
    par->tail = state->tail != 0;
    par->all_pairs_max = needs.all_pairs_max;
    for (int32_t k = 1; k < state->n_kinds; k++) {
        par->kind[state->number[k]] = k;
    }
    for (int32_t a = 0; a < state->n_kinds; a++) {
        for (int32_t b = 0; b < state->n_kinds; b++) {
            lj_fill_pair(state, par, a * ATH__LJ_KINDS + b, a * state->n_kinds + b);
        }
    }
    const double on = state->cutoff - state->switch_width;
    par->d.cutoff = state->cutoff;
    par->d.cutoff2 = state->cutoff * state->cutoff;
    if (state->scheme == ATH__LJ_SWITCH) {
        par->d.on = on > 0.0 ? on : 0.0;
        par->d.per_width = 1.0 / (state->cutoff - par->d.on);
    }
    lj_round_tables(&par->d, &par->f);
    return ATH_OK;
}

static ath_status lj_compute(const void *object, const ath__compute *c)
{
    (void)object;
    return ath__force_launch(c, ATH_K_LJ_FORCE);
}

const ath__model_ops ath__model_lj = {
    .abi = ATH_ABI,
    .name = "lj",
    .state_size = sizeof(lj_state),
    .options = lj_options,
    .help = "Lennard-Jones, one kind of atom or many; any element",
    .capturable = true,
    .batch_invariant = true,
    .init = lj_init,
    .needs = lj_needs,
    .params = lj_params,
    .compute = lj_compute,
};
