/* Energy drift: how far the energy of a system has gone from what it was when it was first seen.
 *
 * The reference is a row of the system: energy, and age at that time plus 1 (0: none yet). So it
 * stays with the system wherever it goes.
 */
#include "dynamics/hooks/hook_rows.h"

#include <math.h>

#include <athanor/dynamics.h>

enum { DRIFT_MASSES, DRIFT_VELOCITIES, DRIFT_SPACES };

typedef struct drift {
    ath_context *ctx;
    ath_hook_drift_config config;
    ath_field_id reference;
    ath__hook_space spaces[DRIFT_SPACES];
} drift;

static ath_status drift_energy(drift *it, const ath_batch *batch, int32_t index, double *energy)
{
    ath__hook_space *s = it->spaces;
    ATH__TRY(ath_batch_read(batch, ATH_FIELD_ENERGY, index, energy));
    if (it->config.potential_only) {
        return ATH_OK;
    }
    ATH__TRY(ath__hook_look(it->ctx, &s[DRIFT_MASSES], batch, ATH_FIELD_MASSES, index));
    ATH__TRY(ath__hook_look(it->ctx, &s[DRIFT_VELOCITIES], batch, ATH_FIELD_VELOCITIES, index));
    *energy += ath__hook_kinetic(ath_batch_n_atoms_of(batch, index), s[DRIFT_MASSES].rows,
                                 s[DRIFT_VELOCITIES].rows);
    return ATH_OK;
}

/* How far one system is from its reference, in the metric; sets the reference if there is none. */
static ath_status drift_measure(drift *it, ath_batch *batch, int32_t index, double *out)
{
    double now[2], then[2];
    int64_t age = 0;
    *out = 0.0;
    ATH__TRY(drift_energy(it, batch, index, &now[0]));
    ATH__TRY(ath_batch_read(batch, ATH_FIELD_AGE, index, &age));
    ATH__TRY(ath_batch_read(batch, it->reference, index, then));
    now[1] = (double)(age + 1);
    if (then[1] == 0.0) {
        return ath_batch_write(batch, it->reference, index, now);
    }
    const double steps = now[1] - then[1], n = (double)ath_batch_n_atoms_of(batch, index);
    *out = fabs(now[0] - then[0]);
    if (it->config.metric == ATH_DRIFT_PER_ATOM_PER_STEP) {
        *out /= (n > 0.0 ? n : 1.0) * (steps > 0.0 ? steps : 1.0);
    }
    return ATH_OK;
}

/* The worst system of the call speaks for all. */
static ath_status drift_report(const drift *it, const ath_hook_context *context, int32_t index,
                               double worst)
{
    const char *unit = it->config.metric == ATH_DRIFT_ABSOLUTE ? "eV" : "eV per atom and step";
    char uid[33], value[32], limit[32];
    ath_uid_format(ath_batch_uid(context->batch, index), uid);
    ath__format_double(worst, value);
    ath__format_double(it->config.threshold, limit);
    if (it->config.action == ATH_DRIFT_RAISE) {
        return ath__fail(it->ctx, ATH_E_STATE,
                         "energy drift %s exceeds %s %s at step %lld in system %d (%s)", value,
                         limit, unit, (long long)context->step_count, (int)index, uid);
    }
    ath__log(it->ctx, ATH_LOG_WARNING, "dynamics",
             "energy drift %s exceeds %s %s at step %lld in system %d (%s)", value, limit, unit,
             (long long)context->step_count, (int)index, uid);
    return ATH_OK;
}

static ath_status drift_call(void *user, const ath_hook_context *context)
{
    drift *it = user;
    ath_batch *batch = context->batch;
    double worst = 0.0;
    int32_t where = -1;
    if (context->n_masked == 0) {
        return ATH_OK;
    }
    ATH__TRY(ath_batch_add_field(batch, it->reference));
    for (int32_t i = 0; i < ath_batch_n_systems(batch); i++) {
        double found = 0.0;
        ATH__TRY(context->mask[i] ? drift_measure(it, batch, i, &found) : ATH_OK);
        const bool over = !(found <= it->config.threshold);
        if (over && it->config.action == ATH_DRIFT_QUARANTINE) {
            ATH__TRY(ath_dynamics_quarantine(context->dynamics, batch, i, ATH_REASON_ENERGY_DRIFT));
            continue;
        }
        /* what is no number is worse than any number */
        if (over && (where < 0 || (worst == worst && !(found <= worst)))) {
            worst = found;
            where = i;
        }
    }
    return where >= 0 ? drift_report(it, context, where, worst) : ATH_OK;
}

static ath_status drift_admit(void *user, ath_dynamics *dynamics, ath_batch *batch, int32_t index)
{
    const drift *it = user;
    (void)dynamics;
    return ath__hook_reset(it->ctx, batch, it->reference, index);
}

static void drift_destroy(void *user)
{
    drift *it = user;
    ath__hook_release(it->ctx, it->spaces, DRIFT_SPACES);
    ath__free(it->ctx, &it, 1, sizeof *it);
}

static ath_status drift_check(ath_context *ctx, const ath_hook_drift_config *c)
{
    if (!c || c->size != sizeof *c) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "energy_drift: no configuration of this version");
    }
    if (!(c->threshold >= 0.0)) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "energy_drift: threshold must not be negative");
    }
    if (c->metric != ATH_DRIFT_ABSOLUTE && c->metric != ATH_DRIFT_PER_ATOM_PER_STEP) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "energy_drift: there is no metric %d",
                         (int)c->metric);
    }
    if (c->action != ATH_DRIFT_WARN && c->action != ATH_DRIFT_RAISE &&
        c->action != ATH_DRIFT_QUARANTINE) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "energy_drift: there is no action %d",
                         (int)c->action);
    }
    return ATH_OK;
}

ath_status ath_hook_energy_drift(ath_context *ctx, const ath_hook_drift_config *config,
                                 ath_hook *out)
{
    drift *it = NULL;
    ATH__TRY(ath__hook_begin(ctx, "energy_drift", out));
    ATH__TRY(drift_check(ctx, config));
    const ath_field_info info = {
        .name = config->potential_only ? "potential_energy_reference" : "total_energy_reference",
        .level = ATH_LEVEL_SYSTEM,
        .dtype = ATH_F64,
        .width = 2,
        .unit = "",
        .help = "energy (eV) that drift is measured from, and age at that time plus 1"};
    ATH__TRY(ath__hook_make(ctx, "energy_drift", sizeof *it, &it, out));
    it->ctx = ctx;
    it->config = *config;
    out->access = ATH_HOOK_READS_ENERGY;
    out->call = drift_call;
    out->admit = drift_admit;
    out->destroy = drift_destroy;
    const ath_status status = ath_field_register(ctx, &info, &it->reference);
    if (status < 0) {
        ath_hook_free(out);
    }
    return status;
}
