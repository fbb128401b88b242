/* Model "nep": neuroevolution potentials NEP3, NEP4 and NEP5 from a file, with and without ZBL.
 *
 * Formulas and references: nep.h. The file is read by nep_read.c and rearranged here into the block
 * that the kernels read: coefficients of a pair of types in one piece, functions n in padded rows,
 * scalers multiplied into the first layer, the biases of NEP5 added to the common one (so that a
 * NEP5 file whose biases are zero gives the bits of the NEP4 file). Parameters of types that a
 * system does not have are never read, so files of many elements cost what small ones do.
 *
 * Per-atom energies and virials: nep_scalar.c, for tests. Not here: NEP2, charges, dipoles,
 * polarizabilities; float32.
 */
#include <math.h>
#include <string.h>

#include "base/math.h"
#include "models/nep.h"
#include "models/nep_zbl.h"

typedef struct nep_state {
    const char *path;
    ath__nep_file file;
    ath__nep_params head;
    size_t bytes; /* of the block */
} nep_state;

static const ath_option nep_options[] = {
    {.name = "file",
     .type = ATH_OPTION_TEXT,
     .unit = "",
     .fallback = NULL,
     .help = "NEP3, NEP4 or NEP5 potential (nep.txt)",
     .offset = offsetof(nep_state, path)},
    {.type = ATH_OPTION_END},
};

/* ---- the layout of the block ---- */

static int32_t nep_padded(int32_t n)
{
    return (n + 7) / 8 * 8;
}

/* Numbers of the file that the kernels need as they are. */
static void nep_numbers_of(const ath__nep_file *f, ath__nep_params *p)
{
    p->n_types = f->n_types;
    for (int a = 0; a < 2; a++) {
        p->n[a] = f->n[a];
        p->k[a] = f->k[a];
        p->wide[a] = nep_padded(f->n[a]);
    }
    p->l_max = f->l_max;
    p->l_top = f->l_top;
    p->n_places = f->l_top * (f->l_top + 2);
    p->places = nep_padded(p->n_places);
    memcpy(p->body, f->body, sizeof p->body);
    p->dimension = f->dimension;
    p->rows = nep_padded(f->dimension);
    p->neurons = nep_padded(f->neurons);
    for (int z = 0; z < ATH__NEP_NUMBERS; z++) {
        p->type[z] = -1;
    }
    for (int32_t t = 0; t < f->n_types; t++) {
        p->type[f->numbers[t]] = t;
        for (int a = 0; a < 2; a++) {
            p->cutoff = f->cutoff[a][t] > p->cutoff ? f->cutoff[a][t] : p->cutoff;
            p->mixed |= f->cutoff[a][t] != f->cutoff[a][0];
        }
    }
    p->cutoff2 = p->cutoff * p->cutoff;
}

/* Norms of the harmonics, see nep.h: with P_lm the derivative of order m of the Legendre polynomial
 * P_l, Q_lm = sqrt((2 - [m = 0]) (2l + 1)/(4 pi) (l - m)!/(l + m)!) P_lm. */
static void nep_norms(ath__nep_params *p)
{
    double square = 1.0 / (4.0 * ATH__NEP_PI);
    for (int m = 0; m <= ATH__NEP_MAX_L; m++) {
        if (m > 0) {
            square *= (2.0 * m + 1.0) / (2.0 * m);
        }
        p->top[m] = sqrt(m > 0 ? 2.0 * square : square);
        for (int l = m + 1; l <= ATH__NEP_MAX_L; l++) {
            const double ll = l * l, mm = m * m, before = (l - 1) * (l - 1);
            p->a[l][m] = sqrt((4.0 * ll - 1.0) / (ll - mm));
            p->b[l][m] = sqrt((before - mm) / (4.0 * before - 1.0));
        }
    }
}

/* Where the tables are; returns the doubles of the block. The limits of nep.h keep all sizes far
 * from overflow. */
static int64_t nep_places_of(const ath__nep_file *f, ath__nep_params *p)
{
    const int64_t pairs = (int64_t)f->n_types * f->n_types;
    const int64_t network = ((int64_t)p->rows + 2) * p->neurons + 8;
    int64_t at = ATH__NEP_HEAD;
    for (int a = 0; a < 2; a++) {
        p->first_c[a] = at;
        at += pairs * p->k[a] * p->wide[a];
    }
    for (int32_t t = 0; t < f->n_types; t++) {
        p->first_network[t] = at;
        at += f->n_networks > 1 || t == f->n_types - 1 ? network : 0;
    }
    for (int a = 0; a < 2; a++) {
        p->first_cutoff[a] = at;
        at += (pairs + 7) / 8 * 8;
    }
    p->first_reach = at;
    at += (pairs + 7) / 8 * 8;
    p->first_zbl = at;
    if (f->zbl != ATH__NEP_NO_ZBL) {
        at += pairs * (int64_t)(sizeof(ath__nep_repulsion) / sizeof(double));
    }
    return at;
}

/* ---- tables ---- */

static void nep_fill_c(const ath__nep_file *f, const ath__nep_params *p, int angular, double *to)
{
    const int32_t types = f->n_types, wide = p->wide[angular];
    for (int32_t n = 0; n < f->n[angular]; n++) {
        for (int32_t k = 0; k < f->k[angular]; k++) {
            for (int32_t i = 0; i < types; i++) {
                for (int32_t j = 0; j < types; j++) {
                    const int64_t pair = (int64_t)i * types + j;
                    to[(pair * f->k[angular] + k) * wide + n] = ath__nep_c(f, angular, n, k, i, j);
                }
            }
        }
    }
}

static void nep_fill_network(const ath__nep_file *f, const ath__nep_params *p, int32_t t,
                             double *to)
{
    const double *w0 = ath__nep_network(f, t), *scaler = ath__nep_scalers(f);
    const double *b0 = w0 + (int64_t)f->neurons * f->dimension, *w1 = b0 + f->neurons;
    double *b = to + (int64_t)p->rows * p->neurons, *w = b + p->neurons;
    for (int32_t h = 0; h < f->neurons; h++) {
        for (int32_t d = 0; d < f->dimension; d++) {
            to[(int64_t)d * p->neurons + h] = w0[(int64_t)h * f->dimension + d] * scaler[d];
        }
        b[h] = b0[h];
        w[h] = w1[h];
    }
    w[p->neurons] = ath__nep_bias(f) + (f->version == 5 ? w1[f->neurons] : 0.0);
}

static void nep_fill_pair(const ath__nep_file *f, int32_t i, int32_t j, ath__nep_repulsion *to)
{
    const double zi = f->numbers[i], zj = f->numbers[j];
    const ath__nep_repulsion universal = {.c = ATH__NEP_PHI_C, .b = ATH__NEP_PHI_B};
    *to = universal;
    to->inner = f->zbl_inner;
    to->outer = f->zbl_outer;
    to->charges = ATH__NEP_COULOMB * (zi * zj);
    to->inverse = ATH__NEP_SCREENING * (ath__pow(zi, 0.23) + ath__pow(zj, 0.23));
    if (f->zbl == ATH__NEP_TYPEWISE) {
        const double sum = f->zbl_factor * (ath__nep_radius[f->numbers[i] - 1] +
                                            ath__nep_radius[f->numbers[j] - 1]);
        to->inner = 0.0;
        to->outer = sum < f->zbl_outer ? sum : f->zbl_outer;
    } else if (f->zbl == ATH__NEP_FLEXIBLE) {
        const double *own = ath__nep_pair(f, i, j);
        to->inner = own[0];
        to->outer = own[1];
        for (int k = 0; k < 4; k++) {
            to->c[k] = own[2 + 2 * k];
            to->b[k] = own[3 + 2 * k];
        }
    }
}

static void nep_fill_pairs(const ath__nep_file *f, const ath__nep_params *p, double *block)
{
    ath__nep_repulsion *zbl = (ath__nep_repulsion *)(block + p->first_zbl);
    for (int32_t i = 0; i < f->n_types; i++) {
        for (int32_t j = 0; j < f->n_types; j++) {
            const int64_t at = (int64_t)i * f->n_types + j;
            const double radial = ath__nep_cutoff(f, 0, i, j),
                         angular = ath__nep_cutoff(f, 1, i, j);
            block[p->first_cutoff[0] + at] = radial;
            block[p->first_cutoff[1] + at] = angular;
            block[p->first_reach + at] = radial > angular ? radial : angular;
            if (f->zbl != ATH__NEP_NO_ZBL) {
                nep_fill_pair(f, i, j, &zbl[at]);
            }
        }
    }
}

/* ---- the model ---- */

static ath_status nep_init(ath_context *ctx, void *object)
{
    nep_state *state = object;
    ath__nep_params *p = &state->head;
    ATH__TRY(ath__nep_read(ctx, state->path, &state->file));
    const ath__nep_file *f = &state->file;
    nep_numbers_of(f, p);
    nep_norms(p);
    for (int32_t i = 0; i < f->n_types && f->zbl != ATH__NEP_NO_ZBL; i++) {
        for (int32_t j = 0; j < f->n_types; j++) {
            ath__nep_repulsion pair;
            nep_fill_pair(f, i, j, &pair);
            p->zbl_reach = pair.outer > p->zbl_reach ? pair.outer : p->zbl_reach;
        }
    }
    state->bytes = (size_t)nep_places_of(f, p) * sizeof(double);
    return ATH_OK;
}

static void nep_fini(ath_context *ctx, void *object)
{
    ath__nep_free(ctx, &((nep_state *)object)->file);
}

static void nep_needs(const void *object, int32_t max_atoms, ath__model_needs *out)
{
    const ath__nep_params *p = &((const nep_state *)object)->head;
    out->cutoff = p->cutoff;
    out->all_pairs_max = 0;
    out->work_bytes = (size_t)(ath__nep_shared(max_atoms) + ath__nep_member(p, max_atoms));
    out->member_bytes = (size_t)ath__nep_member(p, max_atoms);
}

static ath_status nep_params(const void *object, void *out, size_t *bytes)
{
    const nep_state *state = object;
    const ath__nep_params *p = &state->head;
    double *block = out;
    if (!out) {
        *bytes = state->bytes;
        return ATH_OK;
    }
    memset(block, 0, state->bytes);
    memcpy(block, p, sizeof *p);
    for (int a = 0; a < 2; a++) {
        nep_fill_c(&state->file, p, a, block + p->first_c[a]);
    }
    for (int32_t t = 0; t < p->n_types; t++) {
        nep_fill_network(&state->file, p, t, block + p->first_network[t]);
    }
    nep_fill_pairs(&state->file, p, block);
    return ATH_OK;
}

static ath_status nep_accepts(ath_context *ctx, const void *object, const ath_system *system)
{
    const nep_state *state = object;
    const int32_t *numbers = ath_system_peek(system, ATH_FIELD_NUMBERS);
    const int32_t n = ath_system_n_atoms(system);
    for (int32_t i = 0; i < n; i++) {
        const int32_t z = numbers[i];
        if (z < 0 || z >= ATH__NEP_NUMBERS || state->head.type[z] < 0) {
            return ath__fail(ctx, ATH_E_UNSUPPORTED,
                             "nep: '%s' has no parameters for %s (atomic number %d, atom %d)",
                             state->path, ath_element_symbol(z), (int)z, (int)i);
        }
    }
    return ATH_OK;
}

static ath_status nep_compute(const void *object, const ath__compute *c)
{
    (void)object;
    return ath__force_launch(c, ATH_K_NEP_FORCE);
}

const ath__model_ops ath__model_nep = {
    .abi = ATH_ABI,
    .name = "nep",
    .state_size = sizeof(nep_state),
    .options = nep_options,
    .help = "neuroevolution potential: NEP3, NEP4, NEP5, with ZBL; float64",
    .capturable = true,
    .batch_invariant = true,
    .init = nep_init,
    .fini = nep_fini,
    .needs = nep_needs,
    .params = nep_params,
    .accepts = nep_accepts,
    .compute = nep_compute,
};
