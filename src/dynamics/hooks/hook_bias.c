/* Bias: adds a potential of the user's to energy, forces and stress after every evaluation. */
#include "dynamics/hooks/hook_rows.h"

#include <string.h>

enum { BIAS_NUMBERS, BIAS_POSITIONS, BIAS_CELL, BIAS_PBC, BIAS_GIVEN, BIAS_FORCES, BIAS_SPACES };

typedef struct bias {
    ath_context *ctx;
    ath_bias_fn function;
    void *user;
    ath__hook_space spaces[BIAS_SPACES];
} bias;

static ath_status bias_view(bias *it, const ath_batch *batch, int32_t index, ath_bias_view *view)
{
    static const ath_field_id fields[] = {[BIAS_NUMBERS] = ATH_FIELD_NUMBERS,
                                          [BIAS_POSITIONS] = ATH_FIELD_POSITIONS,
                                          [BIAS_CELL] = ATH_FIELD_CELL,
                                          [BIAS_PBC] = ATH_FIELD_PBC};
    ath__hook_space *s = it->spaces;
    for (int k = BIAS_NUMBERS; k <= BIAS_PBC; k++) {
        ATH__TRY(ath__hook_look(it->ctx, &s[k], batch, fields[k], index));
    }
    ATH__TRY(
        ath__hook_zeros(it->ctx, &s[BIAS_GIVEN], batch, ATH_FIELD_FORCES, index, &view->forces));
    view->n_atoms = ath_batch_n_atoms_of(batch, index);
    view->numbers = s[BIAS_NUMBERS].rows;
    view->positions = s[BIAS_POSITIONS].rows;
    view->cell = s[BIAS_CELL].rows;
    view->pbc = s[BIAS_PBC].rows;
    view->uid = ath_batch_uid(batch, index);
    return ATH_OK;
}

/* rows of the field += added; nothing is written where nothing is added. */
static ath_status bias_add(bias *it, ath_batch *batch, ath_field_id field, int32_t index,
                           const double *added, size_t n)
{
    double *rows = NULL;
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        any = any || added[i] != 0.0;
    }
    if (!any) {
        return ATH_OK;
    }
    ATH__TRY(ath__hook_copy(it->ctx, &it->spaces[BIAS_FORCES], batch, field, index, &rows));
    for (size_t i = 0; i < n; i++) {
        rows[i] += added[i];
    }
    return ath_batch_write(batch, field, index, rows);
}

static ath_status bias_system(bias *it, ath_batch *batch, int32_t index)
{
    double stress[9] = {0.0};
    ath_bias_view view = {.size = sizeof view, .stress = stress};
    ATH__TRY(bias_view(it, batch, index, &view));
    const ath_status status = it->function(it->user, &view);
    if (status < 0) {
        char uid[33];
        ath_uid_format(view.uid, uid);
        return ath__fail(it->ctx, status, "bias: its function failed for system %s: %s", uid,
                         ath_status_text(status));
    }
    ATH__TRY(bias_add(it, batch, ATH_FIELD_ENERGY, index, &view.energy, 1));
    ATH__TRY(bias_add(it, batch, ATH_FIELD_FORCES, index, view.forces, 3 * (size_t)view.n_atoms));
    return bias_add(it, batch, ATH_FIELD_STRESS, index, stress, 9);
}

static ath_status bias_call(void *user, const ath_hook_context *context)
{
    for (int32_t i = 0; context->n_masked && i < ath_batch_n_systems(context->batch); i++) {
        ATH__TRY(context->mask[i] ? bias_system(user, context->batch, i) : ATH_OK);
    }
    return ATH_OK;
}

static void bias_destroy(void *user)
{
    bias *it = user;
    ath__hook_release(it->ctx, it->spaces, BIAS_SPACES);
    ath__free(it->ctx, &it, 1, sizeof *it);
}

ath_status ath_hook_bias(ath_context *ctx, ath_bias_fn function, void *user, ath_hook *out)
{
    bias *it = NULL;
    ATH__TRY(ath__hook_begin(ctx, "bias", out));
    if (!function) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "bias: no function");
    }
    ATH__TRY(ath__hook_make(ctx, "bias", sizeof *it, &it, out));
    *it = (bias){.ctx = ctx, .function = function, .user = user};
    out->stage = ATH_STAGE_AFTER_COMPUTE;
    out->access = ATH_HOOK_WRITES | ATH_HOOK_READS_ENERGY;
    out->call = bias_call;
    out->destroy = bias_destroy;
    return ATH_OK;
}
