/* Hooks: registration, when they are due, and calling them.
 *
 * All hooks of a dynamics stand in one list, in the order of registration. For each stage there is
 * a list of numbers of those that fire there, in the order of calling: up to AFTER_COMPUTE the
 * hooks of a fused dynamics itself come before those of its parts, from then on after them. So a
 * stage without hooks costs one comparison.
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

void ath_hook_free(ath_hook *hook)
{
    if (hook) {
        if (hook->destroy) {
            hook->destroy(hook->user);
        }
        *hook = (ath_hook){0};
    }
}

/* ---- registration ---- */

static unsigned hooks_stages(const ath_hook *hook)
{
    unsigned stages = hook->stages & ((1u << ATH_N_STAGES) - 1u);
    stages |= hook->stage >= 0 && hook->stage < ATH_N_STAGES ? 1u << hook->stage : 0u;
    for (int s = 0; hook->runs_on && s < ATH_N_STAGES; s++) {
        stages |= hook->runs_on(hook->user, (ath_stage)s) ? 1u << s : 0u;
    }
    return stages;
}

enum { HOOKS_EVALUATION = 1u << ATH_STAGE_BEFORE_COMPUTE | 1u << ATH_STAGE_AFTER_COMPUTE };

static bool hooks_evaluates(const ath_hook *hook, unsigned stages)
{
    return (hook->access & ATH_HOOK_WRITES) && (stages & HOOKS_EVALUATION);
}

static ath_status hooks_check(ath_context *ctx, const ath_hook *hook, unsigned stages)
{
    const char *name = hook->name ? hook->name : "hook";
    if (hook->frequency < 1) {
        return ath__fail(ctx, ATH_E_ARGUMENT,
                         "%s: hook frequency must be a positive integer, got %lld", name,
                         (long long)hook->frequency);
    }
    if (stages == 0) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "%s: has no stage assigned", name);
    }
    if (hooks_evaluates(hook, stages) && hook->frequency != 1) {
        return ath__fail(ctx, ATH_E_ARGUMENT,
                         "%s: writes at BEFORE_COMPUTE or AFTER_COMPUTE, so it is part of every "
                         "evaluation of forces and must have frequency 1, not %lld",
                         name, (long long)hook->frequency);
    }
    if (!hook->save != !hook->load) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "%s: has only one of save and load", name);
    }
    return ATH_OK;
}

/* Writes the lists of the stages anew, into memory that has room for them. */
static void hooks_sort(ath__hooks *hooks)
{
    hooks->evaluation = false;
    for (int s = 0; s < ATH_N_STAGES; s++) {
        const bool own_first = s <= ATH_STAGE_AFTER_COMPUTE;
        int32_t *order = hooks->order + (size_t)s * (size_t)hooks->max, n = 0;
        for (int pass = 0; pass < 2; pass++) {
            for (int32_t i = 0; i < hooks->n; i++) {
                const bool own = hooks->entries[i].part < 0;
                if ((hooks->entries[i].stages >> s & 1u) && own == (own_first == (pass == 0))) {
                    order[n++] = i;
                }
            }
        }
        hooks->n_order[s] = n;
    }
    for (int32_t i = 0; i < hooks->n; i++) {
        const ath__entry *e = &hooks->entries[i];
        hooks->evaluation = hooks->evaluation || hooks_evaluates(&e->hook, e->stages);
    }
}

/* Room for one more. */
static ath_status hooks_grow(ath_dynamics *dyn)
{
    ath__hooks *hooks = &dyn->hooks;
    const int32_t more = hooks->max ? 2 * hooks->max : 8;
    int32_t *order = NULL;
    if (hooks->n < hooks->max) {
        return ATH_OK;
    }
    ATH__TRY(ath__alloc(dyn->ctx, (size_t)more * ATH_N_STAGES, sizeof *order, &order));
    const ath_status status = ath__resize(dyn->ctx, &hooks->entries, (size_t)hooks->max,
                                          (size_t)more, sizeof *hooks->entries);
    if (status < 0) {
        ath__free(dyn->ctx, &order, (size_t)more * ATH_N_STAGES, sizeof *order);
        return status;
    }
    ath__free(dyn->ctx, &hooks->order, (size_t)hooks->max * ATH_N_STAGES, sizeof *order);
    hooks->order = order;
    hooks->max = more;
    hooks_sort(hooks);
    return ATH_OK;
}

ath_status ath__hooks_add(ath_dynamics *dyn, int32_t part, const ath_hook *hook)
{
    ath__hooks *hooks = &dyn->hooks;
    if (!hook || hook->size != sizeof *hook || !hook->call) {
        return ath__fail(dyn->ctx, ATH_E_ARGUMENT, "hook: not a complete ath_hook");
    }
    const unsigned stages = hooks_stages(hook);
    ATH__TRY(hooks_check(dyn->ctx, hook, stages));
    ATH__TRY(hooks_grow(dyn));
    ATH__TRY(hook->on_register ? hook->on_register(hook->user, dyn) : ATH_OK);
    hooks->entries[hooks->n++] = (ath__entry){.hook = *hook, .part = part, .stages = stages};
    hooks_sort(hooks);
    return ATH_OK;
}

void ath__hooks_free(ath_dynamics *dyn)
{
    ath__hooks *hooks = &dyn->hooks;
    ath__free(dyn->ctx, &hooks->order, (size_t)hooks->max * ATH_N_STAGES, sizeof *hooks->order);
    ath__free(dyn->ctx, &hooks->entries, (size_t)hooks->max, sizeof *hooks->entries);
    *hooks = (ath__hooks){0};
}

bool ath__hooks_push(const ath_dynamics *dyn, int32_t part)
{
    for (int32_t i = 0; i < dyn->hooks.n; i++) {
        const ath__entry *e = &dyn->hooks.entries[i];
        if ((e->part < 0 || e->part == part) && (e->hook.access & ATH_HOOK_EXTERNAL_FIELD)) {
            return true;
        }
    }
    return false;
}

bool ath__hooks_wait(const ath_dynamics *dyn)
{
    bool waits = false;
    for (int32_t i = 0; i < dyn->hooks.n; i++) {
        waits = waits || (dyn->hooks.entries[i].hook.access & ATH_HOOK_OWN_STEPS) != 0;
    }
    for (int32_t p = 0; p < dyn->n_parts; p++) {
        waits = waits || ath__convergence_by_host(&dyn->parts[p]);
    }
    return waits;
}

bool ath__hooks_write(const ath_dynamics *dyn)
{
    bool writes = false;
    for (int32_t i = 0; i < dyn->hooks.n; i++) {
        writes = writes || (dyn->hooks.entries[i].hook.access & ATH_HOOK_WRITES) != 0;
    }
    return writes;
}

/* ---- when ---- */

/* Steps that a system has made, as a hook counts them. */
static int64_t hooks_steps(const ath_dynamics *dyn, const ath__entry *e, int32_t slot)
{
    const bool enters = (dyn->plan.books.flags[slot] & ATH__SLOT_ENTER) != 0;
    return e->part < 0 ? dyn->plan.books.age[slot] : enters ? 0 : dyn->plan.books.stage_steps[slot];
}

static bool hooks_concerns(const ath_dynamics *dyn, const ath__entry *e, int32_t index)
{
    const int32_t part = dyn->plan.books.part[index];
    return part >= 0 && (e->part < 0 || e->part == part);
}

/* Steps from now until a hook that counts own steps is due for somebody, at most max. */
static int64_t hooks_own_span(const ath_dynamics *dyn, const ath__entry *e, const ath_batch *batch,
                              int64_t max)
{
    const int64_t f = e->hook.frequency;
    int64_t span = max;
    for (int32_t i = 0; i < ath_batch_n_systems(batch) && span > 0; i++) {
        if (hooks_concerns(dyn, e, i)) {
            const int64_t steps = hooks_steps(dyn, e, ath__batch_slot(batch, i));
            const int64_t rest = (f - steps % f) % f;
            span = rest < span ? rest : span;
        }
    }
    return span;
}

ath_status ath__hooks_span(ath_dynamics *dyn, const ath_batch *batch, int64_t max, int64_t *span)
{
    bool noted = false, by_host = false;
    *span = max;
    for (int32_t i = 0; i < dyn->hooks.n; i++) {
        const ath__entry *e = &dyn->hooks.entries[i];
        const int64_t f = e->hook.frequency, rest = (f - dyn->step_count % f) % f;
        if (!(e->hook.access & ATH_HOOK_OWN_STEPS)) {
            *span = rest < *span ? rest : *span;
            continue;
        }
        if (!noted) {
            ATH__TRY(ath__books_note(dyn, batch));
            noted = true;
        }
        /* a system may come into the part within the span, and is due there at once */
        *span =
            f > 1 && (dyn->n_parts == 1 || e->part < 0) ? hooks_own_span(dyn, e, batch, *span) : 0;
    }
    for (int32_t p = 0; p < dyn->n_parts; p++) {
        by_host = by_host || ath__convergence_by_host(&dyn->parts[p]);
    }
    if (dyn->retries && !dyn->budgeted && ath__hooks_wait(dyn)) {
        *span = 0; /* else how many steps a system makes in a run would depend on who is due */
    }
    if (by_host && *span > 0) {
        ATH__TRY(ath__books_note(dyn, batch));
        *span = dyn->n_parts == 1 ? ath__convergence_span(dyn, batch, *span) : 0;
    }
    return ATH_OK;
}

static bool hooks_is_due(const ath_dynamics *dyn, const ath__entry *e)
{
    return (e->hook.access & ATH_HOOK_OWN_STEPS) || dyn->step_count % e->hook.frequency == 0;
}

bool ath__hooks_due(const ath_dynamics *dyn, ath_stage from, ath_stage to, unsigned access)
{
    for (int s = (int)from; s <= (int)to; s++) {
        const int32_t *order = dyn->hooks.order + (size_t)s * (size_t)dyn->hooks.max;
        for (int32_t k = 0; k < dyn->hooks.n_order[s]; k++) {
            const ath__entry *e = &dyn->hooks.entries[order[k]];
            if (hooks_is_due(dyn, e) && (e->hook.access & access) == access) {
                return true;
            }
        }
    }
    return false;
}

/* ---- calling ---- */

/* What the call of a hook is about; returns how many systems. */
static int32_t hooks_mask(ath_dynamics *dyn, const ath__entry *e, const ath_batch *batch,
                          ath_stage stage)
{
    ath__books *books = &dyn->plan.books;
    const bool own = (e->hook.access & ATH_HOOK_OWN_STEPS) != 0;
    /* steps are counted between AFTER_STEP and ON_CONVERGE */
    const int64_t counted = stage == ATH_STAGE_ON_CONVERGE;
    int32_t n = 0;
    for (int32_t i = 0; i < ath_batch_n_systems(batch); i++) {
        const int32_t slot = ath__batch_slot(batch, i);
        books->mask[i] = hooks_concerns(dyn, e, i);
        if (own && books->mask[i] && !counted) {
            books->mask[i] = hooks_steps(dyn, e, slot) % e->hook.frequency == 0;
        }
        if (counted) {
            books->mask[i] = books->mask[i] && (books->flags[slot] & ATH__SLOT_MET) != 0;
        }
        n += books->mask[i];
    }
    return n;
}

static ath_status hooks_call_one(ath_dynamics *dyn, const ath__entry *e, ath_batch *batch,
                                 ath_stage stage, const uint8_t *mask, int32_t n)
{
    const ath_hook_context context = {
        .size = sizeof context,
        .dynamics = dyn,
        .batch = batch,
        .stage = stage,
        .step_count = dyn->step_count,
        .part = e->part,
        .n_masked = n,
        .mask = mask,
    };
    const ath_status status = e->hook.call(e->hook.user, &context);
    return status < 0 ? status : ATH_OK;
}

/* A hook that is part of the evaluation, at a stage where it is. */
static bool hooks_completes(const ath__entry *e, ath_stage stage)
{
    return hooks_evaluates(&e->hook, e->stages) && (1u << stage & HOOKS_EVALUATION);
}

ath_status ath__hooks_call(ath_dynamics *dyn, ath_batch *batch, ath_stage stage, ath_status before)
{
    const ath__hooks *hooks = &dyn->hooks;
    const int32_t *order = hooks->order + (size_t)stage * (size_t)hooks->max;
    ath_status status = before;
    for (int32_t k = 0; k < hooks->n_order[stage]; k++) {
        const ath__entry *e = &hooks->entries[order[k]];
        if (!hooks_is_due(dyn, e) || (status < 0 && !hooks_completes(e, stage))) {
            continue;
        }
        const int32_t n = hooks_mask(dyn, e, batch, stage);
        const bool on_demand =
            (e->hook.access & ATH_HOOK_OWN_STEPS) != 0 || stage == ATH_STAGE_ON_CONVERGE;
        if (n > 0 || !on_demand) {
            const ath_status called = hooks_call_one(dyn, e, batch, stage, dyn->plan.books.mask, n);
            status = status < 0 ? status : called;
        }
    }
    return status;
}

/* Part of a fused dynamics that moves a system of this status, or did so last (ath__stage_leave).
 */
static int32_t hooks_last_part(const ath_dynamics *dyn, int32_t status)
{
    const int32_t n = dyn->n_parts, part = status > n ? status - n - 1 : status;
    return part < n ? part : n - 1;
}

ath_status ath__hooks_evaluate(ath_dynamics *dyn, ath_batch *batch, ath_stage stage,
                               const uint8_t *which)
{
    const ath__hooks *hooks = &dyn->hooks;
    const int32_t *order = hooks->order + (size_t)stage * (size_t)hooks->max;
    uint8_t *mask = dyn->plan.books.mask;
    for (int32_t k = 0; k < hooks->n_order[stage]; k++) {
        const ath__entry *e = &hooks->entries[order[k]];
        int32_t n = 0;
        if (!hooks_evaluates(&e->hook, e->stages)) {
            continue;
        }
        for (int32_t i = 0; i < ath_batch_n_systems(batch); i++) {
            const int32_t status = dyn->plan.books.status[ath__batch_slot(batch, i)];
            mask[i] =
                which[i] && (e->part < 0 || !dyn->fused || e->part == hooks_last_part(dyn, status));
            n += mask[i];
        }
        if (n > 0) {
            ATH__TRY(hooks_call_one(dyn, e, batch, stage, mask, n));
        }
    }
    return ATH_OK;
}

/* ---- life ---- */

ath_status ath__hooks_admit(ath_dynamics *dyn, ath_batch *batch)
{
    uint8_t *fresh = dyn->plan.books.met;
    int32_t n = 0, n_admit = 0;
    for (int32_t i = 0; i < dyn->hooks.n; i++) {
        n_admit += dyn->hooks.entries[i].hook.admit != NULL;
    }
    if (!n_admit) {
        return ATH_OK;
    }
    ATH__TRY(ath__books_mask(dyn, batch, 0, 1, fresh, &n));
    for (int32_t i = 0; i < ath_batch_n_systems(batch); i++) {
        fresh[i] =
            fresh[i] && !(dyn->plan.books.flags[ath__batch_slot(batch, i)] & ATH__SLOT_ADMITTED);
        for (int32_t k = 0; k < dyn->hooks.n && fresh[i]; k++) {
            const ath_hook *hook = &dyn->hooks.entries[k].hook;
            if (hook->admit) {
                ATH__TRY(hook->admit(hook->user, dyn, batch, i));
            }
        }
    }
    return ath__books_flag(dyn, batch, fresh, 0, ATH__SLOT_ADMITTED);
}

ath_status ath__hooks_open(ath_dynamics *dyn)
{
    ath__hooks *hooks = &dyn->hooks;
    for (hooks->n_opened = 0; hooks->n_opened < hooks->n; hooks->n_opened++) {
        const ath_hook *hook = &hooks->entries[hooks->n_opened].hook;
        const ath_status status = hook->open ? hook->open(hook->user, dyn) : ATH_OK;
        if (status < 0) {
            ath__hooks_close(dyn);
            return status;
        }
    }
    return ATH_OK;
}

void ath__hooks_close(ath_dynamics *dyn)
{
    while (dyn->hooks.n_opened > 0) {
        const ath_hook *hook = &dyn->hooks.entries[--dyn->hooks.n_opened].hook;
        if (hook->close) {
            hook->close(hook->user, dyn);
        }
    }
}
