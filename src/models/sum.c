/* Model "sum": a weighted sum of models, E = sum over terms of weight x E_term, and likewise forces
 * and stress. From a text, "sum:0.5*lj:sigma=3.4+1*emt", or from models that exist
 * (ath_model_sum).
 *
 * All terms read one neighbour list at the largest of their cutoffs; each leaves out what is beyond
 * its own. Terms are computed one after another into rows beside those of the batch and added in
 * their order, so that a system's results depend on itself alone if those of every term do. A term
 * with the weight 1 in front has its own bits.
 *
 * In a text a term begins with its weight and '*'; a '+' begins a new term only where such a weight
 * follows, so that numbers like 1e+2 and paths with a '+' may stand in options.
 */
#include "models/sum.h"

#include <math.h>
#include <string.h>

extern const ath__model_ops ath__model_sum;

enum {
    SUM_ALIGN = 64,
    SUM_NUMBER = 32, /* room for a number as text */
    SUM_WEIGHT = 64  /* characters looked at for one */
};

typedef struct sum_state {
    int32_t n;
    bool owner; /* the terms are destroyed with the sum */
    double weights[ATH__SUM_TERMS];
    ath_model *terms[ATH__SUM_TERMS];
    size_t offset[ATH__SUM_TERMS + 1]; /* of the parameters of a term in the block; of its end */
} sum_state;

/* ---- text ---- */

/* Length of "W*" at the beginning of the text, and the weight; 0 if there is none. */
static size_t sum_weight(const char *text, double *weight)
{
    size_t used = 0;
    if (ath__parse_double(text, strnlen(text, SUM_WEIGHT), weight, &used) != ATH_OK ||
        text[used] != '*' || !isfinite(*weight)) {
        return 0;
    }
    return used + 1;
}

/* The end of the term that begins here: a '+' before a weight, or the end of the text. */
static const char *sum_term_end(const char *at)
{
    double unused;
    for (; *at; at++) {
        if (*at == '+' && sum_weight(at + 1, &unused) > 0) {
            break;
        }
    }
    return at;
}

static ath_status sum_read_term(ath_context *ctx, sum_state *state, const char **at)
{
    char *text = NULL;
    if (state->n == ATH__SUM_TERMS) {
        return ath__fail(ctx, ATH_E_OPTION, "sum: more than %d terms", ATH__SUM_TERMS);
    }
    const size_t skip = sum_weight(*at, &state->weights[state->n]);
    if (skip == 0) {
        return ath__fail(ctx, ATH_E_OPTION, "sum: expected WEIGHT*MODEL at '%.40s'", *at);
    }
    const char *begin = *at + skip, *end = sum_term_end(begin);
    const size_t n = (size_t)(end - begin);
    ATH__TRY(ath__alloc(ctx, n + 1, 1, &text));
    memcpy(text, begin, n);
    const ath_status status = ath_model_create(ctx, text, &state->terms[state->n]);
    ath__free(ctx, &text, n + 1, 1);
    state->n += status == ATH_OK;
    *at = *end ? end + 1 : end;
    return status;
}

static void sum_drop(sum_state *state)
{
    for (int32_t k = 0; k < state->n; k++) {
        ath_model_destroy(&state->terms[k]);
    }
}

/* "0.5*lj:...+1*emt:..." with every option of every term. */
static ath_status sum_echo(ath_context *ctx, const sum_state *state, char **out)
{
    size_t bytes = sizeof "sum:";
    for (int32_t k = 0; k < state->n; k++) {
        bytes += strlen(state->terms[k]->text) + SUM_NUMBER + 2;
    }
    ATH__TRY(ath__alloc(ctx, bytes, 1, out));
    size_t n = 0;
    memcpy(*out, "sum:", 4);
    n += 4;
    for (int32_t k = 0; k < state->n; k++) {
        const char *text = state->terms[k]->text;
        if (k > 0) {
            (*out)[n++] = '+';
        }
        n += (size_t)ath__format_double(state->weights[k], *out + n);
        (*out)[n++] = '*';
        memcpy(*out + n, text, strlen(text));
        n += strlen(text);
    }
    char *exact = NULL; /* texts are freed by their length */
    const ath_status status = ath__strdup(ctx, *out, &exact);
    ath__free(ctx, out, bytes, 1);
    *out = exact;
    return status;
}

/* ---- the model ---- */

static void sum_fini(ath_context *ctx, void *object)
{
    sum_state *state = object;
    (void)ctx;
    if (state->owner) {
        sum_drop(state);
    }
}

static void sum_needs(const void *object, int32_t max_atoms, ath__model_needs *out)
{
    const sum_state *state = object;
    *out = (ath__model_needs){.all_pairs_max = INT32_MAX};
    for (int32_t k = 0; k < state->n; k++) {
        ath__model_needs term = {0};
        state->terms[k]->ops->needs(state->terms[k]->state, max_atoms, &term);
        if (term.cutoff > 0.0 && term.all_pairs_max < out->all_pairs_max) {
            out->all_pairs_max = term.all_pairs_max;
        }
        out->cutoff = term.cutoff > out->cutoff ? term.cutoff : out->cutoff;
        out->work_bytes = term.work_bytes > out->work_bytes ? term.work_bytes : out->work_bytes;
        out->member_bytes =
            term.member_bytes > out->member_bytes ? term.member_bytes : out->member_bytes;
    }
}

static void sum_traits(const void *object, ath__model_traits *out)
{
    const sum_state *state = object;
    *out = (ath__model_traits){.capturable = true, .batch_invariant = true, .results = true};
    for (int32_t k = 0; k < state->n; k++) {
        const ath__model_traits *term = &state->terms[k]->traits;
        out->capturable = out->capturable && term->capturable;
        out->batch_invariant = out->batch_invariant && term->batch_invariant;
        out->whole_batch = out->whole_batch || term->whole_batch;
        out->no_stress = out->no_stress || term->no_stress;
        out->not_conservative = out->not_conservative || term->not_conservative;
        out->external_field = out->external_field || term->external_field;
    }
}

/* Lays out the block of parameters: weights and hashes of the terms, so that they are part of the
 * hash of the sum, then the blocks of the terms. */
static ath_status sum_lay_out(sum_state *state)
{
    size_t at = SUM_ALIGN * (ATH__SUM_TERMS + 1);
    for (int32_t k = 0; k < state->n; k++) {
        size_t bytes = 0;
        state->offset[k] = at;
        ATH__TRY(state->terms[k]->ops->params(state->terms[k]->state, NULL, &bytes));
        at += (bytes + SUM_ALIGN - 1) / SUM_ALIGN * SUM_ALIGN;
    }
    state->offset[state->n] = at;
    return ATH_OK;
}

static ath_status sum_params(const void *object, void *out, size_t *bytes)
{
    const sum_state *state = object;
    if (!out) {
        *bytes = state->offset[state->n];
        return ATH_OK;
    }
    memset(out, 0, SUM_ALIGN * (ATH__SUM_TERMS + 1));
    for (int32_t k = 0; k < state->n; k++) {
        const ath_model *term = state->terms[k];
        unsigned char *head = (unsigned char *)out + (size_t)SUM_ALIGN * (size_t)k;
        size_t size = 0;
        memcpy(head, &state->weights[k], sizeof(double));
        memcpy(head + sizeof(double), term->hash, sizeof term->hash);
        ATH__TRY(term->ops->params(term->state, NULL, &size));
        ATH__TRY(term->ops->params(term->state, (unsigned char *)out + state->offset[k], &size));
    }
    return ATH_OK;
}

static ath_status sum_accepts(ath_context *ctx, const void *object, const ath_system *system)
{
    const sum_state *state = object;
    (void)ctx;
    for (int32_t k = 0; k < state->n; k++) {
        ATH__TRY(ath_model_accepts(state->terms[k], system));
    }
    return ATH_OK;
}

static ath_status sum_compute(const void *object, const ath__compute *c)
{
    const sum_state *state = object;
    for (int32_t k = 0; k < state->n; k++) {
        ath__compute term = *c;
        term.d_params = (const unsigned char *)c->d_params + state->offset[k];
        term.view.forces = c->results.forces;
        term.view.energy = c->results.energy;
        term.view.stress = c->results.stress;
        ATH__TRY(state->terms[k]->ops->compute(state->terms[k]->state, &term));
        const ath__sum_args args = {.view = c->view,
                                    .slots = c->d_slots,
                                    .n_slots = c->d_n_slots,
                                    .forces = c->results.forces,
                                    .energy = c->results.energy,
                                    .stress = c->results.stress,
                                    .weight = state->weights[k],
                                    .want = c->want,
                                    .replace = k == 0};
        ATH__TRY(ath__launch(c->stream, ATH_K_SUM_ADD, &args));
    }
    return ATH_OK;
}

/* ---- creation ---- */

/* The sum becomes the owner of its terms last of all. */
static ath_status sum_make(ath_context *ctx, sum_state *state, bool owner, ath_model **out)
{
    char *echo = NULL;
    for (int32_t k = 0; k < state->n; k++) {
        if (state->terms[k]->traits.results) {
            return ath__fail(ctx, ATH_E_UNSUPPORTED, "sum: a term is a sum itself");
        }
    }
    ATH__TRY(sum_lay_out(state));
    ATH__TRY(sum_echo(ctx, state, &echo));
    const ath_status status = ath__model_create_state(ctx, &ath__model_sum, state, echo, out);
    ath__strfree(ctx, &echo);
    if (status == ATH_OK) {
        ((sum_state *)(*out)->state)->owner = owner;
    }
    return status;
}

static ath_status sum_create(ath_context *ctx, const char *text, ath_model **out)
{
    sum_state state = {0};
    const char *at = text ? text : "";
    ath_status status = ATH_OK;
    *out = NULL;
    do {
        status = sum_read_term(ctx, &state, &at);
    } while (status == ATH_OK && *at);
    if (status == ATH_OK) {
        status = sum_make(ctx, &state, true, out);
    }
    if (status != ATH_OK) {
        sum_drop(&state);
    }
    return status;
}

ath_status ath_model_sum(ath_context *ctx, ath_model *const *terms, const double *weights,
                         int32_t n, ath_model **out)
{
    sum_state state = {.n = n};
    if (!ctx || !terms || !weights || !out || n < 1 || n > ATH__SUM_TERMS) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "sum: 1 to %d models and weights are needed",
                         ATH__SUM_TERMS);
    }
    *out = NULL;
    for (int32_t k = 0; k < n; k++) {
        if (!terms[k] || !isfinite(weights[k])) {
            return ath__fail(ctx, ATH_E_ARGUMENT, "sum: term %d has no model or no finite weight",
                             (int)k);
        }
        state.terms[k] = terms[k];
        state.weights[k] = weights[k];
    }
    return sum_make(ctx, &state, false, out);
}

static const ath_option sum_options[] = {{.type = ATH_OPTION_END}};

const ath__model_ops ath__model_sum = {
    .abi = ATH_ABI,
    .name = "sum",
    .state_size = sizeof(sum_state),
    .options = sum_options,
    .help = "weighted sum of models, sum:WEIGHT*MODEL+WEIGHT*MODEL",
    .capturable = true,
    .batch_invariant = true,
    .fini = sum_fini,
    .needs = sum_needs,
    .params = sum_params,
    .accepts = sum_accepts,
    .compute = sum_compute,
    .create = sum_create,
    .traits = sum_traits,
};
