/* Hooks: registration, when they are due, and calling them. The hooks of a fused dynamics are those
 * of its parts, in the order of the parts; each part counts its own steps.
 */
#include "dynamics/dynamics_private.h"

const char *ath_stage_name(ath_stage stage)
{
    static const char *const names[] = {
#define ATH_X(name, value) #name,
        ATH_STAGE_LIST(ATH_X)
#undef ATH_X
    };
    return stage >= 0 && stage < ATH_N_STAGES ? names[stage] : "unknown";
}

ath_status ath__hooks_add(ath_dynamics *dyn, ath__part *part, const ath_hook *hook)
{
    ath_context *ctx = dyn->ctx;
    if (!hook || hook->size != sizeof *hook || !hook->call) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "hook: not a complete ath_hook");
    }
    const char *name = hook->name ? hook->name : "hook";
    if (hook->frequency < 1) {
        return ath__fail(ctx, ATH_E_ARGUMENT,
                         "%s: hook frequency must be a positive integer, got %lld", name,
                         (long long)hook->frequency);
    }
    if (hook->stage < 0 || hook->stage >= ATH_N_STAGES) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "%s: has no stage assigned", name);
    }
    ATH__TRY(ath__resize(ctx, &part->hooks, (size_t)part->n_hooks, (size_t)part->n_hooks + 1,
                         sizeof *part->hooks));
    part->hooks[part->n_hooks++] = *hook;
    ath_status status = hook->on_register ? hook->on_register(hook->user, dyn) : ATH_OK;
    if (status < 0) {
        (void)ath__resize(ctx, &part->hooks, (size_t)part->n_hooks, (size_t)part->n_hooks - 1,
                          sizeof *part->hooks);
        part->n_hooks--;
    }
    return status;
}

/* ON_CONVERGE hooks are called only if something converged, so the step has to be looked at. */
bool ath__hooks_due(const ath_dynamics *dyn, ath_stage from, ath_stage to, int64_t ahead)
{
    for (int32_t p = 0; p < dyn->n_parts; p++) {
        const ath__part *part = &dyn->parts[p];
        for (int32_t i = 0; i < part->n_hooks; i++) {
            const ath_hook *hook = &part->hooks[i];
            if (hook->stage >= from && hook->stage <= to &&
                (part->step_count + ahead) % hook->frequency == 0) {
                return true;
            }
        }
    }
    return false;
}

int64_t ath__hooks_span(const ath_dynamics *dyn, int64_t max)
{
    int64_t span = max;
    for (int32_t p = 0; p < dyn->n_parts; p++) {
        const ath__part *part = &dyn->parts[p];
        for (int32_t i = 0; i < part->n_hooks; i++) {
            const int64_t f = part->hooks[i].frequency;
            const int64_t rest = (f - part->step_count % f) % f;
            span = rest < span ? rest : span;
        }
    }
    return span;
}

bool ath__hooks_read_energy(const ath_dynamics *dyn)
{
    for (int32_t p = 0; p < dyn->n_parts; p++) {
        const ath__part *part = &dyn->parts[p];
        for (int32_t i = 0; i < part->n_hooks; i++) {
            const ath_hook *hook = &part->hooks[i];
            if (part->step_count % hook->frequency == 0 && (hook->access & ATH_HOOK_READS_ENERGY)) {
                return true;
            }
        }
    }
    return false;
}

ath_status ath__hooks_call(ath_dynamics *dyn, ath_batch *batch, ath_stage stage,
                           int32_t n_converged)
{
    for (int32_t p = 0; p < dyn->n_parts; p++) {
        const ath__part *part = &dyn->parts[p];
        for (int32_t i = 0; i < part->n_hooks; i++) {
            const ath_hook *hook = &part->hooks[i];
            if (hook->stage != stage || part->step_count % hook->frequency != 0) {
                continue;
            }
            const ath_hook_context context = {
                .size = sizeof context,
                .dynamics = dyn,
                .batch = batch,
                .stage = stage,
                .step_count = part->step_count,
                .part = p,
                .n_converged = stage == ATH_STAGE_ON_CONVERGE ? n_converged : 0,
            };
            const ath_status status = hook->call(hook->user, &context);
            if (status < 0) {
                return status;
            }
        }
    }
    return ATH_OK;
}

ath_status ath__hooks_open(ath_dynamics *dyn, int32_t *n_opened)
{
    *n_opened = 0;
    for (int32_t p = 0; p < dyn->n_parts; p++) {
        for (int32_t i = 0; i < dyn->parts[p].n_hooks; i++) {
            const ath_hook *hook = &dyn->parts[p].hooks[i];
            const ath_status status = hook->open ? hook->open(hook->user, dyn) : ATH_OK;
            if (status < 0) {
                return status;
            }
            (*n_opened)++;
        }
    }
    return ATH_OK;
}

void ath__hooks_close(ath_dynamics *dyn, int32_t n_opened)
{
    int32_t k = 0;
    for (int32_t p = 0; p < dyn->n_parts; p++) {
        for (int32_t i = 0; i < dyn->parts[p].n_hooks && k < n_opened; i++, k++) {
            const ath_hook *hook = &dyn->parts[p].hooks[i];
            if (hook->close) {
                hook->close(hook->user, dyn);
            }
        }
    }
}
