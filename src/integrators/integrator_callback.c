/* Integrators of the user's own: the halves of a step are functions over a view of the batch.
 *
 * The functions see host arrays (ath_integrator_view), so they move systems on the host device
 * only. They are called once per tile, from several threads at once, with the list of the part;
 * where that holds systems which the half leaves alone (nve.h), once for each run of the others.
 * State is declared like that of built-in integrators, one cell by one, each with its value on
 * entry; so stages, packets and checkpoints treat it alike.
 *
 * An update returns nothing: positions of a half step that was cut off could not be taken back.
 *
 * Not here: callbacks on device memory.
 */
#include <string.h>

#include "integrators/integrator.h"
#include "integrators/noise.h"
#include "integrators/nve.h"

enum { CALLBACK_NAME = 64, CALLBACK_TEXT = 256, CALLBACK_CELLS = 1024 };

typedef struct callback_state {
    char name[CALLBACK_NAME];
    ath_integrator_callback_config config; /* without its pointers to texts and cells */
    ath__integrator_ops ops;               /* of this one alone: name, needs and state differ */
    ath_field_id needs[4], provides[4];
    ath__state_info states[]; /* system cells, those of an atom, the end */
} callback_state;

const uint8_t *ath_integrator_view_fixed(const ath_integrator_view *view, int32_t slot)
{
    const ath__view *v = view->inside;
    return v->flags[slot] & ATH__SLOT_HAS_FIXED ? v->fixed + 3 * v->first[slot] : NULL;
}

void ath_integrator_view_noise(const ath_integrator_view *view, int32_t slot, int32_t i,
                               uint32_t purpose, double out[3])
{
    const uint32_t xy = (uint32_t)ATH__NOISE_CALLBACK_XY, first = xy | (purpose & (xy - 1));
    const uint64_t step = (uint64_t)view->stage_steps[slot];
    uint32_t key[2];
    double z[2];
    ath__noise_key(view->seed, view->uid + 2 * (int64_t)slot, key);
    ath__philox_normal2(key, step, (uint32_t)i, first, out);
    ath__philox_normal2(key, step, (uint32_t)i, first | xy << 1, z);
    out[2] = z[0];
}

/* ---- updates ---- */

static ath_integrator_view callback_view(const callback_state *state, const ath__update_args *a)
{
    const ath__view *v = &a->view;
    return (ath_integrator_view){
        .size = sizeof(ath_integrator_view),
        .first = v->first,
        .n_atoms = v->n_atoms,
        .uid = v->uid,
        .seed = a->seed,
        .stage_steps = v->stage_steps,
        .dof = v->dof,
        .cell = v->cell,
        .pbc = v->pbc,
        .energy = state->config.needs_energy ? v->energy : NULL,
        .stress = state->config.needs_stress ? v->stress : NULL,
        .positions = v->positions,
        .velocities = v->velocities,
        .forces = v->forces,
        .masses = v->masses,
        .numbers = v->numbers,
        .system_state = v->system_state,
        .atom_state = v->atom_state,
        .system_stride = a->n_system_state,
        .atom_stride = a->n_atom_state,
        .inside = v,
    };
}

/* Calls `half` for the listed systems without a flag of `skips`. */
static void callback_half(const callback_state *state, const ath__update *u, int32_t skips,
                          void (*half)(void *user, const ath_integrator_view *view))
{
    const ath__update_args *a = &u->args;
    const int32_t n = *a->n_slots, *flags = a->view.flags;
    ath_integrator_view view = callback_view(state, a);
    for (int32_t i = 0; i < n; i += view.n_systems + 1) {
        view.slots = a->slots + i;
        view.n_systems = 0;
        while (i + view.n_systems < n && !(flags[view.slots[view.n_systems]] & skips)) {
            view.n_systems++;
        }
        if (view.n_systems > 0) {
            half(state->config.user, &view);
        }
    }
}

static ath_status callback_pre_update(const void *object, const ath__update *u)
{
    const callback_state *state = object;
    const ath__update_args *a = &u->args;
    callback_half(state, u, ATH__PRE_SKIPS, state->config.pre_update);
    for (int32_t i = 0; i < *a->n_slots; i++) {
        int32_t *flags = &a->view.flags[a->slots[i]];
        *flags |= *flags & ATH__PRE_SKIPS ? 0 : (int32_t)ATH__SLOT_STALE; /* it has moved */
    }
    return ATH_OK;
}

static ath_status callback_post_update(const void *object, const ath__update *u)
{
    const callback_state *state = object;
    callback_half(state, u, ATH__POST_SKIPS, state->config.post_update);
    return ATH_OK;
}

/* ---- making one ---- */

static const ath_option callback_options[] = {{.type = ATH_OPTION_END}};

/* A text that may be NULL, copied into so many bytes; false if it is too long. */
static bool callback_copy(const char *text, const char *fallback, char *out, size_t bytes)
{
    const char *from = text ? text : fallback;
    const size_t n = strnlen(from, bytes);
    if (n == bytes) {
        return false;
    }
    memcpy(out, from, n + 1);
    return true;
}

static ath_status callback_check(ath_context *ctx, const ath_integrator_callback_config *c)
{
    if (c->n_system_cells < 0 || c->n_system_cells > CALLBACK_CELLS || c->n_atom_cells < 0 ||
        c->n_atom_cells > CALLBACK_CELLS) {
        return ath__fail(ctx, ATH_E_RANGE,
                         "integrator callback: %d cells of a system and %d of an atom, where 0 to "
                         "%d are possible",
                         (int)c->n_system_cells, (int)c->n_atom_cells, (int)CALLBACK_CELLS);
    }
    return ATH_OK;
}

/* The table of this integrator, and the lists that it points to. */
static void callback_describe(callback_state *state, const ath_integrator_callback_config *c,
                              size_t bytes)
{
    ath_field_id *needs = state->needs, *provides = state->provides;
    ath__state_info *s = state->states;
    for (int32_t k = 0; k < c->n_system_cells; k++) {
        *s++ = (ath__state_info){.name = "cell",
                                 .level = ATH_LEVEL_SYSTEM,
                                 .n = 1,
                                 .fallback = c->system_cells ? c->system_cells[k] : 0.0};
    }
    if (c->n_atom_cells > 0) {
        *s++ = (ath__state_info){.name = "cells", .level = ATH_LEVEL_ATOM, .n = c->n_atom_cells};
    }
    *s = (ath__state_info){.name = NULL};
    *needs++ = ATH_FIELD_FORCES;
    if (c->needs_energy) {
        *needs++ = ATH_FIELD_ENERGY;
    }
    if (c->needs_stress) {
        *needs++ = ATH_FIELD_STRESS;
    }
    *needs = -1;
    *provides++ = ATH_FIELD_POSITIONS;
    *provides++ = ATH_FIELD_VELOCITIES;
    if (c->moves_cell) {
        *provides++ = ATH_FIELD_CELL;
    }
    *provides = -1;
    state->ops = (ath__integrator_ops){
        .abi = ATH_ABI,
        .name = state->name,
        .state_size = bytes,
        .options = callback_options,
        .help = "functions of the caller",
        .states = state->states,
        .needs = state->needs,
        .provides = state->provides,
        .moves_cell = c->moves_cell,
        .moves_centre = c->moves_centre,
        .scales_velocities = c->scales_velocities,
        .host_only = true,
        .pre_update = callback_pre_update,
        .post_update = c->post_update ? callback_post_update : NULL,
    };
}

ath_status ath_integrator_callback(ath_context *ctx, const ath_integrator_callback_config *config,
                                   ath_integrator **out)
{
    char text[CALLBACK_TEXT], echo[CALLBACK_NAME + CALLBACK_TEXT];
    callback_state *state = NULL;
    if (!ctx || !config || !out || config->size != sizeof *config || !config->pre_update) {
        return ath__fail(ctx, ATH_E_ARGUMENT,
                         "integrator callback: context, config, its size, its pre_update or result "
                         "is missing");
    }
    *out = NULL;
    ATH__TRY(callback_check(ctx, config));
    if (!callback_copy(config->name, "callback", echo, CALLBACK_NAME) ||
        !callback_copy(config->text, "", text, sizeof text)) {
        return ath__fail(ctx, ATH_E_RANGE, "integrator callback: the name or the text is too long");
    }
    const size_t bytes =
        sizeof *state + ((size_t)config->n_system_cells + 2) * sizeof *state->states;
    ATH__TRY(ath__alloc(ctx, bytes, 1, &state));
    memcpy(state->name, echo, strlen(echo) + 1);
    state->config = *config;
    state->config.name = state->config.text = NULL;
    state->config.system_cells = NULL;
    callback_describe(state, config, bytes);
    if (text[0]) {
        const size_t n = strlen(echo);
        echo[n] = ':';
        memcpy(echo + n + 1, text, strlen(text) + 1);
    }
    void *object = state;
    const ath_status status = ath__integrator_create_state(ctx, &state->ops, &object, echo, out);
    ath__free(ctx, &object, bytes, 1); /* if it is still ours */
    return status;
}
