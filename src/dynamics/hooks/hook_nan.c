/* Looks for values that are not finite, and takes the systems out or ends the run. */
#include "dynamics/hooks/hook_rows.h"

#include <math.h>
#include <string.h>

#include <athanor/dynamics.h>

enum { NAN_MAX_FIELDS = 16, NAN_MAX_NAMED = 5 }; /* systems named per field */

typedef struct nan_guard {
    ath_context *ctx;
    ath_field_id fields[NAN_MAX_FIELDS + 2];
    int32_t n_fields;
    bool raise;
    ath__hook_space rows;
    ath__bytes text;
} nan_guard;

/* How many values of a field of one system are not finite. */
static ath_status nan_count(nan_guard *it, const ath_batch *batch, ath_field_id field,
                            int32_t index, int64_t *bad)
{
    const ath_field_info *info = ath_field_describe(it->ctx, field);
    const int64_t rows = info->level == ATH_LEVEL_ATOM ? ath_batch_n_atoms_of(batch, index) : 1;
    *bad = 0;
    ATH__TRY(ath__hook_look(it->ctx, &it->rows, batch, field, index));
    for (int64_t k = 0; k < rows * info->width; k++) {
        const double x = info->dtype == ATH_F32 ? (double)((const float *)it->rows.rows)[k]
                                                : ((const double *)it->rows.rows)[k];
        *bad += !isfinite(x);
    }
    return ATH_OK;
}

/* ---- quarantine ---- */

static ath_status nan_quarantine(nan_guard *it, const ath_hook_context *context, int32_t index)
{
    for (int32_t k = 0; k < it->n_fields; k++) {
        int64_t bad = 0;
        if (!ath_batch_has_field(context->batch, it->fields[k])) {
            continue;
        }
        ATH__TRY(nan_count(it, context->batch, it->fields[k], index, &bad));
        if (bad > 0) {
            return ath_dynamics_quarantine(context->dynamics, context->batch, index,
                                           ATH_REASON_NON_FINITE);
        }
    }
    return ATH_OK;
}

/* ---- raise ---- */

/* Adds "; forces: 3 values in systems 0, 4" to the text if there are any. */
static ath_status nan_describe(nan_guard *it, const ath_hook_context *context, ath_field_id field)
{
    const ath_field_info *info = ath_field_describe(it->ctx, field);
    int32_t named[NAN_MAX_NAMED], n_systems = 0;
    int64_t total = 0;
    for (int32_t i = 0; i < ath_batch_n_systems(context->batch); i++) {
        int64_t bad = 0;
        if (!context->mask[i]) {
            continue;
        }
        ATH__TRY(nan_count(it, context->batch, field, i, &bad));
        total += bad;
        if (bad > 0 && n_systems++ < NAN_MAX_NAMED) {
            named[n_systems - 1] = i;
        }
    }
    if (total == 0) {
        return ATH_OK;
    }
    ATH__TRY(ath__bytes_print(it->ctx, &it->text, "%s %s: %lld values in %d systems [",
                              it->text.size ? ";" : "", info->name, (long long)total,
                              (int)n_systems));
    for (int32_t k = 0; k < n_systems && k < NAN_MAX_NAMED; k++) {
        ATH__TRY(ath__bytes_print(it->ctx, &it->text, "%s%d", k ? ", " : "", (int)named[k]));
    }
    return ath__bytes_print(it->ctx, &it->text, "%s]", n_systems > NAN_MAX_NAMED ? ", ..." : "");
}

static ath_status nan_raise(nan_guard *it, const ath_hook_context *context)
{
    it->text.size = 0;
    for (int32_t k = 0; k < it->n_fields; k++) {
        if (ath_batch_has_field(context->batch, it->fields[k])) {
            ATH__TRY(nan_describe(it, context, it->fields[k]));
        }
    }
    return it->text.size == 0
               ? ATH_OK
               : ath__fail(it->ctx, ATH_E_STATE, "values that are not finite at step %lld:%.*s",
                           (long long)context->step_count, (int)it->text.size,
                           (const char *)it->text.data);
}

/* ---- the hook ---- */

static ath_status nan_call(void *user, const ath_hook_context *context)
{
    nan_guard *it = user;
    if (context->n_masked == 0) {
        return ATH_OK;
    }
    if (it->raise) {
        return nan_raise(it, context);
    }
    for (int32_t i = 0; i < ath_batch_n_systems(context->batch); i++) {
        ATH__TRY(context->mask[i] ? nan_quarantine(it, context, i) : ATH_OK);
    }
    return ATH_OK;
}

static void nan_destroy(void *user)
{
    nan_guard *it = user;
    ath__hook_release(it->ctx, &it->rows, 1);
    ath__bytes_free(it->ctx, &it->text);
    ath__free(it->ctx, &it, 1, sizeof *it);
}

static ath_status nan_check(ath_context *ctx, const ath_hook_nan_config *c)
{
    if (c->size != sizeof *c) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "nan: configuration of another version");
    }
    if (c->n_fields < 0 || c->n_fields > NAN_MAX_FIELDS || (c->n_fields > 0 && !c->fields)) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "nan: needs at most %d fields, got %d",
                         NAN_MAX_FIELDS, (int)c->n_fields);
    }
    for (int32_t i = 0; i < c->n_fields; i++) {
        const ath_field_info *info = ath_field_describe(ctx, c->fields[i]);
        if (!info || (info->dtype != ATH_F64 && info->dtype != ATH_F32)) {
            return ath__fail(ctx, ATH_E_ARGUMENT, "nan: field %s is not of a real type",
                             info ? info->name : "of an unknown number");
        }
    }
    return ATH_OK;
}

ath_status ath_hook_nan(ath_context *ctx, const ath_hook_nan_config *config, ath_hook *out)
{
    const ath_hook_nan_config none = {.size = sizeof none};
    const ath_hook_nan_config *c = config ? config : &none;
    nan_guard *it = NULL;
    ATH__TRY(ath__hook_begin(ctx, "nan", out));
    ATH__TRY(nan_check(ctx, c));
    ATH__TRY(ath__hook_make(ctx, "nan", sizeof *it, &it, out));
    it->ctx = ctx;
    it->raise = c->raise;
    it->fields[0] = ATH_FIELD_FORCES;
    it->fields[1] = ATH_FIELD_ENERGY;
    it->n_fields = 2;
    for (int32_t i = 0; i < c->n_fields; i++) {
        it->fields[it->n_fields++] = c->fields[i];
    }
    out->stage = ATH_STAGE_AFTER_COMPUTE;
    out->access = ATH_HOOK_READS_ENERGY;
    out->call = nan_call;
    out->destroy = nan_destroy;
    return ATH_OK;
}
