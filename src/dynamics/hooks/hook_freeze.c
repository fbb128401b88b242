/* Freeze: atoms of a category get fixed components, when their system comes to the dynamics.
 *
 * Everything after that is the business of the field `fixed`: integrators keep the components where
 * they are, and the entry to a stage counts what is left.
 */
#include "dynamics/hooks/hook_rows.h"

#include <math.h>
#include <string.h>

typedef struct freeze {
    ath_context *ctx;
    char *field;
    int64_t category;
    uint8_t components[3];
} freeze;

/* The category of each atom, wherever it stands. */
typedef struct freeze_labels {
    const void *rows; /* NULL: the system has none */
    ath_dtype dtype;
} freeze_labels;

static int64_t freeze_label(const freeze_labels *labels, int32_t atom)
{
    switch (labels->dtype) {
    case ATH_I64:
        return ((const int64_t *)labels->rows)[atom];
    case ATH_I32:
        return ((const int32_t *)labels->rows)[atom];
    default:
        return ((const uint8_t *)labels->rows)[atom];
    }
}

static ath_status freeze_from_field(const freeze *it, const ath_system *system, ath_field_id id,
                                    freeze_labels *out)
{
    const ath_field_info *info = ath_field_describe(it->ctx, id);
    const bool whole = info->dtype == ATH_I64 || info->dtype == ATH_I32 || info->dtype == ATH_U8;
    if (info->level != ATH_LEVEL_ATOM || info->width != 1 || !whole) {
        return ath__fail(it->ctx, ATH_E_ARGUMENT, "freeze: field '%s' is not one integer per atom",
                         it->field);
    }
    *out = (freeze_labels){ath_system_peek(system, id), info->dtype};
    if (out->rows && info->fallback == (double)it->category) {
        return ath__fail(it->ctx, ATH_E_ARGUMENT,
                         "freeze: category %lld is the default of field '%s', which systems that "
                         "come without it have",
                         (long long)it->category, it->field);
    }
    return ATH_OK;
}

static ath_status freeze_from_extra(const freeze *it, const ath_system *system, freeze_labels *out)
{
    for (int32_t k = 0; k < ath_system_n_extras(system); k++) {
        ath_extra extra;
        ATH__TRY(ath_system_extra(system, k, &extra));
        if (extra.level != ATH_LEVEL_ATOM || strcmp(extra.name, it->field) != 0) {
            continue;
        }
        if (extra.type != ATH_EXTRA_INT || extra.width != 1) {
            return ath__fail(it->ctx, ATH_E_ARGUMENT,
                             "freeze: column '%s' is not one integer per atom", it->field);
        }
        *out = (freeze_labels){extra.values, ATH_I64};
    }
    return ATH_OK;
}

static ath_status freeze_find(const freeze *it, const ath_system *system, freeze_labels *out)
{
    *out = (freeze_labels){0};
    for (ath_field_id id = 0; id < ath_field_count(it->ctx); id++) {
        if (strcmp(ath_field_describe(it->ctx, id)->name, it->field) == 0) {
            ATH__TRY(freeze_from_field(it, system, id, out));
        }
    }
    return out->rows ? ATH_OK : freeze_from_extra(it, system, out);
}

/* Sets fixed components and their velocities; returns how many were free. */
static int64_t freeze_atoms(const freeze *it, const freeze_labels *labels, int32_t n,
                            uint8_t *fixed, double *velocities)
{
    int64_t n_new = 0;
    for (int32_t i = 0; i < n; i++) {
        const bool chosen = freeze_label(labels, i) == it->category;
        for (int k = 0; k < 3; k++) {
            const int64_t at = 3 * (int64_t)i + k;
            if (chosen && it->components[k]) {
                n_new += !fixed[at];
                fixed[at] = 1;
                velocities[at] = 0.0;
            }
        }
    }
    return n_new;
}

static ath_status freeze_system(const freeze *it, ath_batch *batch, int32_t index,
                                ath_system *system)
{
    freeze_labels labels;
    void *fixed = NULL, *velocities = NULL;
    const int32_t n = ath_system_n_atoms(system);
    ATH__TRY(freeze_find(it, system, &labels));
    if (!labels.rows) {
        return ATH_OK;
    }
    ATH__TRY(ath_system_field(system, ATH_FIELD_FIXED, &fixed));
    ATH__TRY(ath_system_field(system, ATH_FIELD_VELOCITIES, &velocities));
    if (freeze_atoms(it, &labels, n, fixed, velocities) == 0) {
        return ATH_OK; /* as it was before, or nothing to freeze */
    }
    ATH__TRY(ath_batch_write(batch, ATH_FIELD_FIXED, index, fixed));
    return ath_batch_write(batch, ATH_FIELD_VELOCITIES, index, velocities);
}

static ath_status freeze_admit(void *user, ath_dynamics *dynamics, ath_batch *batch, int32_t index)
{
    ath_system *system = NULL;
    (void)dynamics;
    ATH__TRY(ath_batch_get(batch, index, &system));
    const ath_status status = freeze_system(user, batch, index, system);
    ath_system_destroy(&system);
    return status;
}

/* All is done in admit. */
static ath_status freeze_call(void *user, const ath_hook_context *context)
{
    (void)user;
    (void)context;
    return ATH_OK;
}

static void freeze_destroy(void *user)
{
    freeze *it = user;
    ath__strfree(it->ctx, &it->field);
    ath__free(it->ctx, &it, 1, sizeof *it);
}

ath_status ath_hook_freeze(ath_context *ctx, const ath_hook_freeze_config *config, ath_hook *out)
{
    freeze *it = NULL;
    ATH__TRY(ath__hook_begin(ctx, "freeze", out));
    if (!config || config->size != sizeof *config) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "freeze: no configuration of this version");
    }
    if (config->field && !config->field[0]) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "freeze: the name of the field is empty");
    }
    ATH__TRY(ath__hook_make(ctx, "freeze", sizeof *it, &it, out));
    const uint8_t *c = config->components;
    const bool all = !c[0] && !c[1] && !c[2];
    it->ctx = ctx;
    it->category = config->category;
    for (int k = 0; k < 3; k++) {
        it->components[k] = all || c[k];
    }
    out->frequency = INT64_MAX; /* there is nothing to do in a step */
    out->call = freeze_call;
    out->admit = freeze_admit;
    out->destroy = freeze_destroy;
    const ath_status status =
        ath__strdup(ctx, config->field ? config->field : "atom_categories", &it->field);
    if (status < 0) {
        ath_hook_free(out);
    }
    return status;
}
