/* Options that systems have of their own: a field of systems under the name of an option with
 * ATH_OPTION_PER_SYSTEM gives the state cells that this option fills, when a system enters.
 *
 * Which fields those are is settled when a dynamics is made: what is registered then counts. The
 * kernel `enter` gets their rows and a table of (part, cell, field, scale, limits); a batch that
 * does not have a field, and a value that is NaN, leave the stage's own.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "dynamics/dynamics_private.h"

static const char *const OWN_TEMPERATURE = "temperature";
static const double OWN_HOTTEST = 1e9; /* K, of drawn velocities */

/* Number of a field among those that are looked at; adds it. */
static ath_status own_source(ath_dynamics *dyn, ath_field_id field, int32_t *out)
{
    for (*out = 0; *out < dyn->n_own_fields; ++*out) {
        if (dyn->own_fields[*out] == field) {
            return ATH_OK;
        }
    }
    if (dyn->n_own_fields == ATH__MAX_OWN) {
        return ath__fail(dyn->ctx, ATH_E_RANGE,
                         "dynamics: systems have more than %d options of their own",
                         (int)ATH__MAX_OWN);
    }
    dyn->own_fields[dyn->n_own_fields++] = field;
    return ATH_OK;
}

/* The field that is registered under a name, or -1; one that cannot be meant is an error. */
static ath_status own_find(ath_context *ctx, const char *name, const char *who, ath_field_id *out)
{
    *out = -1;
    for (ath_field_id id = ATH_N_CORE_FIELDS; id < ath_field_count(ctx); id++) {
        const ath_field_info *info = ath_field_describe(ctx, id);
        if (strcmp(info->name, name) != 0) {
            continue;
        }
        if (info->level != ATH_LEVEL_SYSTEM || info->dtype != ATH_F64 || info->width != 1 ||
            !isnan(info->fallback)) {
            return ath__fail(ctx, ATH_E_ARGUMENT,
                             "dynamics: the field '%s' stands for the %s of single systems (%s), "
                             "so it must be one F64 per system with the default NaN",
                             name, name, who);
        }
        *out = id;
    }
    return ATH_OK;
}

static ath_status own_add(ath_dynamics *dyn, ath__own own, ath_field_id field)
{
    ATH__TRY(own_source(dyn, field, &own.source));
    ATH__TRY(ath__resize(dyn->ctx, &dyn->own, (size_t)dyn->n_own, (size_t)dyn->n_own + 1,
                         sizeof *dyn->own));
    dyn->own[dyn->n_own++] = own;
    return ATH_OK;
}

/* State cells of a part that options of its integrator fill. */
static ath_status own_states(ath_dynamics *dyn, int32_t p, const ath_integrator *integrator)
{
    const ath__integrator_ops *ops = integrator->ops;
    int32_t cell = 0;
    for (const ath__state_info *s = ops->states; s && s->name; s++) {
        const ath_option *option = s->option > 0 ? &ops->options[s->option - 1] : NULL;
        ath_field_id field = -1;
        if (s->level != ATH_LEVEL_SYSTEM) {
            continue;
        }
        const int32_t n = ath__integrator_items(integrator, s);
        if (option && option->type == ATH_OPTION_REAL && (option->flags & ATH_OPTION_PER_SYSTEM)) {
            ATH__TRY(own_find(dyn->ctx, option->name, ops->name, &field));
        }
        if (field >= 0) {
            const bool limits = option->min != 0.0 || option->max != 0.0;
            ATH__TRY(own_add(dyn,
                             (ath__own){.part = p,
                                        .cell = cell,
                                        .n = n,
                                        .scale = s->scale,
                                        .min = limits ? option->min : -DBL_MAX,
                                        .max = limits ? option->max : DBL_MAX},
                             field));
        }
        cell += n;
    }
    return ATH_OK;
}

ath_status ath__own_set(ath_dynamics *dyn)
{
    for (int32_t p = 0; p < dyn->n_parts; p++) {
        const ath__part *part = &dyn->parts[p];
        const ath_velocities how = part->config.velocities;
        ath_field_id field = -1;
        if (part->integrator) {
            ATH__TRY(own_states(dyn, p, part->integrator));
        }
        if (how == ATH_VELOCITIES_THERMAL || how == ATH_VELOCITIES_MISSING) {
            ATH__TRY(own_find(dyn->ctx, OWN_TEMPERATURE, "drawn velocities", &field));
        }
        if (field >= 0) {
            ATH__TRY(own_add(dyn, (ath__own){.part = p, .cell = -1, .max = OWN_HOTTEST}, field));
        }
    }
    return ATH_OK;
}

void ath__own_look(const ath_dynamics *dyn, const ath_batch *batch,
                   const double *rows[ATH__MAX_OWN])
{
    for (int32_t k = 0; k < dyn->n_own_fields; k++) {
        const ath_field_id field = dyn->own_fields[k];
        rows[k] = ath_batch_has_field(batch, field) ? ath__batch_field(batch, field) : NULL;
    }
}
