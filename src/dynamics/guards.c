/* Guards and good states, host side: what is kept in the rows of state and where (guard.h), what a
 * retry makes gentler, and the way back by hand. The kernels do the rest (stage_rules.h).
 */
#include <string.h>

#include "dynamics/guard.h"
#include "dynamics/phases.h"

ath_status ath__guards_check(ath_context *ctx, const ath_dynamics_config *c)
{
    const struct {
        const char *name;
        double value;
    } limits[] = {{"max_force", c->max_force},
                  {"max_displacement", c->max_displacement},
                  {"max_temperature", c->max_temperature},
                  {"min_distance", c->min_distance}};
    for (size_t k = 0; k < sizeof limits / sizeof *limits; k++) {
        if (!(limits[k].value >= 0.0)) {
            return ath__fail(ctx, ATH_E_ARGUMENT, "dynamics: %s must not be negative",
                             limits[k].name);
        }
    }
    if (c->max_volume_change != 0.0 && !(c->max_volume_change > 1.0)) {
        return ath__fail(ctx, ATH_E_ARGUMENT,
                         "dynamics: max_volume_change is a factor above 1, or 0 for no limit");
    }
    if (c->good_every < 0 || c->retries < 0 || c->retries > 1) {
        return ath__fail(ctx, ATH_E_ARGUMENT,
                         "dynamics: good_every must not be negative, and retries be 0 or 1");
    }
    return ATH_OK;
}

/* ---- what is kept ---- */

/* The cells of a part that a retry makes gentler; returns how many items there are. */
static int32_t guards_gentle(const ath__part *part, ath__gentle out[ATH__MAX_GENTLE])
{
    const ath__state_info *s = part->integrator ? part->integrator->ops->states : NULL;
    int32_t n = 0, cell = 0;
    for (; s && s->name; s++) {
        const int32_t items =
            s->level == ATH_LEVEL_SYSTEM ? ath__integrator_items(part->integrator, s) : 0;
        if (s->gentle > 0.0 && items > 0 && n < ATH__MAX_GENTLE) {
            out[n] = (ath__gentle){.factor = s->gentle, .cell = cell, .n = items};
            n++;
        }
        cell += items;
    }
    return n;
}

/* A number that stands for what the rows of state mean: good states that something else has left in
 * a batch are not taken for one's own. Never 0, and exact as a double. */
static double guards_mark(const ath_dynamics *dyn)
{
    const ath__keeping *k = &dyn->keeping;
    const int32_t layout[] = {k->n_system, k->n_atom, k->guard, k->kept, k->atoms, k->before};
    ath__hash hash;
    uint64_t sum[2];
    ath__hash_begin(&hash, 0, 0);
    ath__hash_update(&hash, layout, sizeof layout);
    for (int32_t p = 0; p < dyn->n_parts; p++) {
        const ath_integrator *integrator = dyn->parts[p].integrator;
        const char *text = integrator ? ath_integrator_text(integrator) : "";
        ath__hash_update(&hash, text, strlen(text) + 1);
    }
    ath__hash_end(&hash, sum);
    return (double)(sum[0] >> 12) + 1.0;
}

void ath__guards_set(ath_dynamics *dyn)
{
    ath__keeping *k = &dyn->keeping;
    bool guard = false, kept = false, before = false;
    *k = (ath__keeping){.guard = -1, .kept = -1, .atoms = -1, .before = -1};
    dyn->retries = dyn->near = false;
    for (int32_t p = 0; p < dyn->n_parts; p++) {
        const ath__part *part = &dyn->parts[p];
        const ath_dynamics_config *c = &part->config;
        before = before || c->max_displacement > 0.0 || c->min_distance > 0.0;
        kept = kept || c->good_every > 0;
        guard = guard || c->max_volume_change > 0.0 ||
                (part->integrator && part->integrator->ops->moves_cell);
        dyn->near = dyn->near || c->min_distance > 0.0;
        dyn->retries = dyn->retries || (c->good_every > 0 && c->retries > 0);
    }
    ath__dynamics_cells(dyn, &k->n_system, &k->n_atom);
    int32_t system = k->n_system, atom = k->n_atom;
    if (guard || kept || before) {
        k->guard = system;
        system += ATH__GUARD_CELLS;
    }
    if (kept) {
        k->kept = system;
        k->atoms = atom;
        atom += ATH__KEPT_ATOM + k->n_atom;
    }
    if (before) {
        k->before = atom;
    }
    k->mark = guards_mark(dyn);
}

bool ath__guards_tell(const ath_dynamics *dyn, int32_t p)
{
    const ath__part *part = &dyn->parts[p];
    return part->config.min_distance > 0.0 && part->integrator &&
           !part->integrator->ops->moves_cell;
}

void ath__guards_cells(const ath_dynamics *dyn, int32_t *n_system, int32_t *n_atom)
{
    const ath__keeping *k = &dyn->keeping;
    *n_system = k->kept >= 0    ? k->kept + ATH__KEPT_CELLS + k->n_system
                : k->guard >= 0 ? k->guard + ATH__GUARD_CELLS
                                : k->n_system;
    *n_atom = k->before >= 0  ? k->before + 3
              : k->atoms >= 0 ? k->atoms + ATH__KEPT_ATOM + k->n_atom
                              : k->n_atom;
}

void ath__guards_params(const ath_dynamics *dyn, int32_t p, ath__stage_params *params)
{
    const ath__part *part = &dyn->parts[p];
    const ath_dynamics_config *c = &part->config;
    params->max_force = c->max_force;
    params->max_displacement = c->max_displacement;
    params->max_temperature = c->max_temperature;
    params->max_volume_change = c->max_volume_change;
    params->min_distance = c->min_distance;
    params->good_every = c->good_every;
    params->n_gentle = guards_gentle(part, params->gentle);
    params->retries = c->good_every > 0 && params->n_gentle > 0 ? c->retries : 0;
    params->keeping = dyn->keeping;
    params->tells = ath__guards_tell(dyn, p);
    params->watches_cell = part->integrator && part->integrator->ops->moves_cell;
    params->guards = params->watches_cell || c->max_force > 0.0 || c->max_displacement > 0.0 ||
                     c->max_temperature > 0.0 || c->max_volume_change > 0.0 ||
                     c->min_distance > 0.0;
}

ath_status ath__guards_tally(ath_dynamics *dyn)
{
    int64_t n = 0;
    if (dyn->retries && dyn->plan.n_tiles > 0) {
        ATH__TRY(ath__plan_take(dyn, ATH__COUNT_RETRIED, &n));
    }
    dyn->stats.n_retried += n;
    return ATH_OK;
}

/* ---- by hand ---- */

/* Whether the system in this slot has a good state that this dynamics can read. */
static ath_status guards_has(const ath_dynamics *dyn, const ath_batch *batch, int32_t slot,
                             bool *out)
{
    const ath__keeping *k = &dyn->keeping;
    ath__view view;
    double mark = 0.0;
    *out = false;
    if (k->kept < 0) {
        return ATH_OK;
    }
    ath__batch_view(batch, &view);
    ATH__TRY(ath__device_download(dyn->plan.device, &mark,
                                  view.system_state + (int64_t)slot * dyn->plan.n_system_state +
                                      k->kept + ATH__KEPT_MARK,
                                  sizeof mark));
    *out = mark == k->mark;
    return ATH_OK;
}

ath_status ath_dynamics_rewind(ath_dynamics *dyn, ath_batch *batch, int32_t index)
{
    bool has = false;
    if (!batch || index < 0 || index >= ath_batch_n_systems(batch)) {
        return ath__fail(dyn->ctx, batch ? ATH_E_RANGE : ATH_E_ARGUMENT,
                         "rewind: there is no system %d", (int)index);
    }
    ATH__TRY(ath__dynamics_take(dyn, batch));
    ATH__TRY(guards_has(dyn, batch, ath__batch_slot(batch, index), &has));
    if (!has) {
        return ath__fail(dyn->ctx, ATH_E_STATE,
                         "rewind: system %d has no good state of such a dynamics", (int)index);
    }
    uint8_t *chosen = dyn->plan.books.met;
    memset(chosen, 0, (size_t)ath_batch_n_systems(batch));
    chosen[index] = 1;
    ATH__TRY(ath__books_flag(dyn, batch, chosen, 0, ATH__SLOT_CHOSEN));
    ath__job job = ath__job_begin(dyn, batch);
    ATH__TRY(ath__job_rewrite(&job, ATH__SCHEDULE_CHOSEN));
    job.schedule = ATH__SCHEDULE_CHANGED;
    job.assess = ATH__ASSESS_REWIND;
    ATH__TRY(ath__job_segment(&job, ATH__PHASE_ASSESS, ATH__PHASE_ASSESS));
    ATH__TRY(ath__books_flag(dyn, batch, chosen, ATH__SLOT_CHOSEN, 0));
    return ath__job_rewrite(&job, ATH__SCHEDULE_REWRITE);
}
