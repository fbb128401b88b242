/* Model "callback": energy, forces and stress from a function of the user.
 *
 * The function sees the batch as host arrays (ath_model_view), so it computes on the host device
 * only. It is called once per tile, from several threads at once, or, with whole_batch, once for
 * all systems that are due. Neighbours come from the same lists as those of built-in models,
 * without what lies beyond the cutoff, so that neither skin nor rebuilding shows.
 *
 * A call may fail; a step that is cut off by that is completed by the next run (loop.c).
 *
 * Not here: callbacks on device memory.
 */
#include <math.h>
#include <string.h>

#include "data/cell.h"
#include "models/model.h"

enum { CALLBACK_NAME = 64, CALLBACK_TEXT = 256 };

typedef struct callback_state {
    char name[CALLBACK_NAME], text[CALLBACK_TEXT];
    ath_callback_config config; /* without its texts */
} callback_state;

/* What ath_model_view.list points to. */
typedef struct callback_list {
    const ath__list_view *list;
    double cutoff;
} callback_list;

/* ---- neighbours ---- */

/* r_ij of one entry of row i. */
static void callback_separation(const ath_model_view *view, const ath__list_view *list,
                                const double h[9], int64_t i, int64_t j, int32_t packed,
                                double d[3])
{
    const int32_t *wrap_i = list->wrap + 3 * i, *wrap_j = list->wrap + 3 * j;
    int32_t s[3];
    double image[3];
    ath__shift_unpack(packed, s);
    for (int k = 0; k < 3; k++) {
        s[k] += wrap_i[k] - wrap_j[k];
    }
    ath__image_vector(s, h, image);
    for (int k = 0; k < 3; k++) {
        d[k] = (view->positions[3 * j + k] - view->positions[3 * i + k]) + image[k];
    }
}

int32_t ath_model_view_neighbors(const ath_model_view *view, int32_t slot, int32_t i,
                                 ath_neighbor_of *out, int32_t max)
{
    const callback_list *lists = view->list;
    if (!lists || i < 0 || i >= view->n_atoms[slot]) {
        return 0;
    }
    const ath__list_view *list = lists->list;
    const int64_t first = view->first[slot], row = first + i;
    const ath__neighbor *entry = list->entry + list->start[slot] + list->row[row];
    double h[9];
    int32_t n = 0;
    ath__cell_complete(view->cell + 9 * (int64_t)slot, view->pbc + 3 * (int64_t)slot, h);
    for (int32_t m = 0; m < list->count[row]; m++) {
        ath_neighbor_of one = {.atom = entry[m].atom};
        callback_separation(view, list, h, row, first + one.atom, entry[m].shift, one.d);
        one.r2 = one.d[0] * one.d[0] + one.d[1] * one.d[1] + one.d[2] * one.d[2];
        if (one.r2 < lists->cutoff * lists->cutoff) {
            if (n < max) {
                out[n] = one;
            }
            n++;
        }
    }
    return n;
}

/* ---- the model ---- */

static void callback_needs(const void *object, int32_t max_atoms, ath__model_needs *out)
{
    const callback_state *state = object;
    (void)max_atoms;
    *out = (ath__model_needs){.cutoff = state->config.cutoff};
}

static ath_status callback_params(const void *object, void *out, size_t *bytes)
{
    const callback_state *state = object;
    if (!out) {
        *bytes = CALLBACK_NAME + CALLBACK_TEXT + sizeof state->config.cutoff;
        return ATH_OK;
    }
    memcpy(out, state->name, CALLBACK_NAME);
    memcpy((char *)out + CALLBACK_NAME, state->text, CALLBACK_TEXT);
    memcpy((char *)out + CALLBACK_NAME + CALLBACK_TEXT, &state->config.cutoff,
           sizeof state->config.cutoff);
    return ATH_OK;
}

static void callback_traits(const void *object, ath__model_traits *out)
{
    const callback_state *state = object;
    out->whole_batch = state->config.whole_batch;
    out->batch_invariant = state->config.batch_invariant;
    out->no_stress = state->config.no_stress;
    out->not_conservative = state->config.not_conservative;
    out->external_field = state->config.external_field;
}

static ath_status callback_accepts(ath_context *ctx, const void *object, const ath_system *system)
{
    const callback_state *state = object;
    if (!state->config.accepts) {
        return ATH_OK;
    }
    const ath_status status = state->config.accepts(state->config.user, system);
    return status >= 0 ? ATH_OK
                       : ath__fail(ctx, ATH_E_UNSUPPORTED, "%s: does not take this system (%s)",
                                   state->name, ath_status_name(status));
}

static ath_status callback_compute(const void *object, const ath__compute *c)
{
    const callback_state *state = object;
    const ath__view *v = &c->view;
    if (!c->stream->device->immediate) {
        return ath__fail(c->stream->device->ctx, ATH_E_UNSUPPORTED,
                         "%s: a callback computes on the host, not on %s", state->name,
                         c->stream->device->name);
    }
    const callback_list list = {&c->list, state->config.cutoff};
    const ath_model_view view = {
        .size = sizeof view,
        .n_systems = *c->d_n_slots,
        .slots = c->d_slots,
        .first = v->first,
        .n_atoms = v->n_atoms,
        .uid = v->uid,
        .cell = v->cell,
        .pbc = v->pbc,
        .positions = v->positions,
        .velocities = v->velocities,
        .masses = v->masses,
        .numbers = v->numbers,
        .forces = v->forces,
        .energy = v->energy,
        .stress = v->stress,
        .want_energy = (c->want & ATH__WANT_ENERGY) != 0,
        .want_stress = (c->want & ATH__WANT_STRESS) != 0,
        .list = state->config.cutoff > 0.0 ? &list : NULL,
    };
    return view.n_systems > 0 ? state->config.compute(state->config.user, &view) : ATH_OK;
}

static const ath_option callback_options[] = {{.type = ATH_OPTION_END}};

static const ath__model_ops callback_ops = {
    .abi = ATH_ABI,
    .name = "callback",
    .state_size = sizeof(callback_state),
    .options = callback_options,
    .help = "a function of the caller",
    .needs = callback_needs,
    .params = callback_params,
    .accepts = callback_accepts,
    .compute = callback_compute,
    .traits = callback_traits,
};

/* Copies a text that may be NULL; false if it is too long. */
static bool callback_copy(const char *text, const char *fallback, char *out, size_t bytes)
{
    const char *from = text ? text : fallback;
    const size_t n = strnlen(from, bytes);
    if (n == bytes) {
        return false;
    }
    memset(out, 0, bytes);
    memcpy(out, from, n);
    return true;
}

ath_status ath_model_callback(ath_context *ctx, const ath_callback_config *config, ath_model **out)
{
    callback_state state;
    char echo[CALLBACK_NAME + CALLBACK_TEXT];
    if (!ctx || !config || !out || config->size != sizeof *config || !config->compute) {
        return ath__fail(ctx, ATH_E_ARGUMENT,
                         "callback: context, config, its size, its function or result is missing");
    }
    *out = NULL;
    if (!(config->cutoff >= 0.0) || !isfinite(config->cutoff)) {
        return ath__fail(ctx, ATH_E_RANGE, "callback: a cutoff of %g angstrom", config->cutoff);
    }
    memset(&state, 0, sizeof state);
    if (!callback_copy(config->name, "callback", state.name, sizeof state.name) ||
        !callback_copy(config->text, "", state.text, sizeof state.text)) {
        return ath__fail(ctx, ATH_E_RANGE, "callback: the name or the text is too long");
    }
    state.config = *config;
    state.config.name = state.config.text = NULL;
    const size_t n = strlen(state.name);
    memcpy(echo, state.name, n + 1);
    if (state.text[0]) {
        echo[n] = ':';
        memcpy(echo + n + 1, state.text, strlen(state.text) + 1);
    }
    return ath__model_create_state(ctx, &callback_ops, &state, echo, out);
}
