/* The rules by which systems move through stages, for the kernels of stage.h. Private; shared by .c
 * and .cu files, so that host and device keep the same books.
 */
#ifndef ATHANOR_DYNAMICS_STAGE_RULES_H
#define ATHANOR_DYNAMICS_STAGE_RULES_H

#include <math.h>
#include <stdbool.h>

#include <athanor/dynamics.h>

#include "dynamics/guard.h"
#include "dynamics/stage.h"
#include "dynamics/velocities.h"

/* Adds to a counter of the tile, which many threads of a device may do at once. */
ATH__FN void ath__stage_count(int32_t *counter, int32_t n)
{
#ifdef __CUDA_ARCH__
    atomicAdd(counter, n);
#else
    *counter += n;
#endif
}

ATH__FN void ath__stage_changed(const ath__stage_args *a)
{
    a->counts[a->n_parts + ATH__N_LISTS + ATH__COUNT_CHANGED] = 1; /* all who write, write 1 */
}

/* Takes a system out of its stage: on to the next one, or out for good with this reason. The status
 * of one that has not seen the last stage says which one it was in. */
ATH__FN void ath__stage_leave(const ath__stage_args *a, int32_t slot, const ath__stage_params *p,
                              int32_t reason, bool for_good)
{
    const ath__view *v = &a->view;
    int32_t *counters = a->counts + a->n_parts + ATH__N_LISTS;
    ath__stage_changed(a);
    if (p->last || for_good) {
        v->status[slot] = a->plain_exit >= 0 ? a->plain_exit
                          : p->last          ? a->n_parts
                                             : a->n_parts + p->next;
        v->reason[slot] = reason;
        ath__stage_count(&counters[ATH__COUNT_LEFT], 1);
        return;
    }
    v->status[slot] = p->next;
    v->converged[slot] = 0;
    v->flags[slot] |= ATH__SLOT_ENTER;
}

/* One value of a field, whatever its type. */
ATH__FN double ath__stage_value(const void *rows, int32_t dtype, int64_t k)
{
    switch (dtype) {
    case ATH_F64:
        return ((const double *)rows)[k];
    case ATH_F32:
        return (double)((const float *)rows)[k];
    case ATH_I64:
        return (double)((const int64_t *)rows)[k];
    case ATH_I32:
        return (double)((const int32_t *)rows)[k];
    default:
        return (double)((const uint8_t *)rows)[k];
    }
}

/* The larger one; NaN if either is. */
ATH__FN double ath__stage_larger(double a, double b)
{
    return a != a ? a : b <= a ? a : b;
}

/* Reduces n values `step` apart, the first at k. `fixed` (may be NULL): values that count as 0. */
ATH__FN double ath__stage_reduce(const ath__rule *r, const void *rows, const uint8_t *fixed,
                                 int64_t k, int32_t n, int32_t step)
{
    double out = 0.0;
    for (int32_t i = 0; i < n; i++, k += step) {
        double x = ath__stage_value(rows, r->dtype, k);
        x = fixed && fixed[k] ? 0.0 : x;
        switch (r->reduce) {
        case ATH_REDUCE_MIN:
            out = i == 0 ? x : -ath__stage_larger(-out, -x);
            break;
        case ATH_REDUCE_NORM:
            out += x * x;
            break;
        case ATH_REDUCE_MEAN:
        case ATH_REDUCE_SUM:
            out += x;
            break;
        case ATH_REDUCE_MAXABS:
            out = ath__stage_larger(out, x < 0.0 ? -x : x);
            break;
        default:
            out = i == 0 ? x : ath__stage_larger(out, x);
            break;
        }
    }
    return r->reduce == ATH_REDUCE_NORM   ? sqrt(out)
           : r->reduce == ATH_REDUCE_MEAN ? out / (double)n
                                          : out;
}

/* Value of a criterion for the rows first .. first + n_rows of its field. */
ATH__FN double ath__stage_measure(const ath__rule *r, const void *rows, const uint8_t *fixed,
                                  int64_t first, int64_t n_rows)
{
    const int32_t matrix = r->width == 9 && r->dim != 0;
    const int32_t groups = matrix ? 3 : 1, n = matrix ? 3 : r->width;
    const int32_t step = matrix && r->dim == -2 ? 3 : 1, apart = r->dim == -2 ? 1 : 3;
    double out = r->level == ATH_LEVEL_ATOM ? -(double)INFINITY : 0.0;
    for (int64_t row = first; row < first + n_rows; row++) {
        for (int32_t g = 0; g < groups; g++) {
            const double x = ath__stage_reduce(r, rows, r->free_only ? fixed : 0,
                                               row * r->width + g * apart, n, step);
            out = row == first && g == 0 ? x : ath__stage_larger(out, x);
        }
    }
    return out;
}

/* Whether criteria are looked at after so many steps in the stage. */
ATH__FN bool ath__stage_due(const ath__stage_params *p, int64_t stage_steps)
{
    return stage_steps % p->frequency == 0 || stage_steps == p->budget;
}

/* Whether a system meets all criteria of its stage; writes their values into its row. */
ATH__FN int ath__stage_converged(const ath__stage_args *a, int32_t slot, const ath__stage_params *p)
{
    const ath__view *v = &a->view;
    double *values = v->criteria + (int64_t)ATH_MAX_CRITERIA * slot;
    const uint8_t *fixed = v->flags[slot] & ATH__SLOT_HAS_FIXED ? v->fixed : 0;
    int met = 1;
    for (int32_t k = 0; k < p->n_rules; k++) {
        const ath__rule *r = &p->rules[k];
        if (r->source >= 0) {
            const bool atoms = r->level == ATH_LEVEL_ATOM;
            values[k] =
                ath__stage_measure(r, a->sources[r->source], fixed, atoms ? v->first[slot] : slot,
                                   atoms ? v->n_atoms[slot] : 1);
            met = met && values[k] <= r->threshold;
        } else {
            met = met && values[k] == 1.0;
        }
    }
    for (int32_t k = p->n_rules; k < ATH_MAX_CRITERIA; k++) {
        values[k] = (double)NAN;
    }
    return met;
}

/* What a system that meets its criteria does. */
ATH__FN void ath__stage_met(const ath__stage_args *a, int32_t slot, const ath__stage_params *p)
{
    const ath__view *v = &a->view;
    int32_t *counters = a->counts + a->n_parts + ATH__N_LISTS;
    ath__stage_count(&counters[ATH__COUNT_CONVERGED], 1);
    v->flags[slot] |= ATH__SLOT_MET;
    if (!p->migrates) {
        ath__stage_leave(a, slot, p, ATH_REASON_CONVERGED, false);
    } else if (v->status[slot] == p->source) {
        ath__stage_changed(a);
        v->status[slot] = p->target;
        if (ath__part_of(p->target, a->n_parts, a->plain_exit) < 0) {
            v->reason[slot] = ATH_REASON_CONVERGED;
            ath__stage_count(&counters[ATH__COUNT_LEFT], 1);
        } else if (a->plain_exit < 0) {
            v->converged[slot] = 0;
            v->flags[slot] |= ATH__SLOT_ENTER;
        }
    }
}

/* |E - E one step before|; none on entry. */
ATH__FN void ath__stage_energy(const ath__view *v, int32_t slot, int32_t mode)
{
    const double change = v->energy[slot] - v->energy_before[slot];
    v->energy_change[slot] =
        mode != ATH__ASSESS_STEP ? (double)INFINITY : (change < 0.0 ? -change : change);
    v->energy_before[slot] = v->energy[slot];
}

/* What is left of the stress to relax; 0 where nothing relaxes the cell. */
ATH__FN void ath__stage_stress(const ath__stage_args *a, int32_t slot, const ath__stage_params *p)
{
    const ath__view *v = &a->view;
    v->smax[slot] = 0.0;
    if (p->deform.cell != ATH__DEFORM_NONE) {
        v->smax[slot] = ath__deform_residual(
            &p->deform, v->system_state + (int64_t)slot * a->n_system_state + p->deform.first,
            v->stress + 9 * (int64_t)slot, v->cell + 9 * (int64_t)slot, v->pbc + 3 * (int64_t)slot,
            v->n_atoms[slot]);
    }
}

/* Parameters of the stage of a system, or NULL. */
ATH__FN const ath__stage_params *ath__stage_of(const ath__stage_args *a, int32_t slot)
{
    const int32_t part = ath__part_of(a->view.status[slot], a->n_parts, a->plain_exit);
    return part < 0 ? 0 : &a->stages[part];
}

/* A guard is not met: the system tries again, or is out for good. Returns what is left to do. */
ATH__FN int32_t ath__stage_fail(const ath__stage_args *a, int32_t slot, const ath__stage_params *p,
                                int32_t reason)
{
    int32_t *counters = a->counts + a->n_parts + ATH__N_LISTS;
    if (!ath__keep_retries(a, slot, p, reason)) {
        ath__stage_leave(a, slot, p, reason, true);
        return ATH__KEEP_NOTHING;
    }
    ath__stage_changed(a);
    ath__stage_count(&counters[ATH__COUNT_RETRIED], 1);
    ath__keep_back(a, slot);
    ath__keep_gentle(a, slot, p);
    return ATH__KEEP_BACK;
}

/* Assesses one system after a step (or on entry). Returns what is left to do with its atoms. */
ATH__FN int32_t ath__stage_assess(const ath__stage_args *a, int32_t slot, const ath__measured *m,
                                  int32_t mode)
{
    const ath__view *v = &a->view;
    const ath__stage_params *p = ath__stage_of(a, slot);
    if (!p) {
        return ATH__KEEP_NOTHING;
    }
    v->fmax[slot] = sqrt(m->f2);
    v->flags[slot] &= ~ATH__SLOT_MET;
    if (a->computed_all) {
        ath__stage_energy(v, slot, mode);
        ath__stage_stress(a, slot, p);
    }
    if (mode == ATH__ASSESS_STEP) {
        v->stage_steps[slot]++;
        v->age[slot]++;
        if (v->age[slot] >= v->target[slot]) {
            ath__stage_changed(a);
        }
    }
    const int32_t reason = ath__guard_verdict(a, slot, p, m, mode);
    if (reason != ATH_REASON_NONE) {
        return ath__stage_fail(a, slot, p, reason);
    }
    if (p->n_rules > 0 && (mode == ATH__ASSESS_STEP ? ath__stage_due(p, v->stage_steps[slot])
                                                    : p->assess_on_entry != 0)) {
        const int32_t status = v->status[slot];
        v->converged[slot] = ath__stage_converged(a, slot, p);
        if (v->converged[slot]) {
            ath__stage_met(a, slot, p);
        }
        if (v->status[slot] != status) {
            return ATH__KEEP_NOTHING;
        }
    }
    if (p->budget >= 0 && v->stage_steps[slot] >= p->budget) {
        const bool limit = p->n_rules > 0 && !v->converged[slot];
        ath__stage_leave(a, slot, p, limit ? ATH_REASON_STEP_LIMIT : ATH_REASON_BUDGET,
                         limit && p->stop_at_limit);
        return ATH__KEEP_NOTHING;
    }
    if (!ath__keep_due(a, slot, p, mode)) {
        return ATH__KEEP_NOTHING;
    }
    ath__keep_take(a, slot);
    return ATH__KEEP_TAKE;
}

/* The entry action of a stage on the velocities, and the degrees of freedom that they then have. */
ATH__FN void ath__stage_velocities(const ath__view *v, int32_t slot, const ath__stage_params *p,
                                   double temperature)
{
    const int64_t first = v->first[slot], n = 3 * (int64_t)v->n_atoms[slot];
    const int32_t *pbc = v->pbc + 3 * (int64_t)slot;
    double *velocities = v->velocities + 3 * first;
    bool thermal = p->velocities == ATH_VELOCITIES_THERMAL;
    if (p->velocities == ATH_VELOCITIES_MISSING) {
        thermal = true;
        for (int64_t k = 0; k < n; k++) {
            thermal = thermal && velocities[k] == 0.0;
        }
    }
    if (p->velocities == ATH_VELOCITIES_ZERO) {
        for (int64_t k = 0; k < n; k++) {
            velocities[k] = 0.0;
        }
    }
    ath__motion m;
    m.velocities = velocities;
    m.positions = v->positions + 3 * first;
    m.masses = v->masses + first;
    m.fixed = v->flags[slot] & ATH__SLOT_HAS_FIXED ? v->fixed + 3 * first : 0;
    m.n = v->n_atoms[slot];
    m.periodic = pbc[0] || pbc[1] || pbc[2];
    m.rules = p->motion;
    if (thermal) {
        ath__thermal t;
        t.uid = v->uid + 2 * (int64_t)slot;
        t.seed = p->seed;
        t.temperature = temperature;
        v->dof[slot] = ath__thermal_velocities(&m, &t);
    } else {
        v->dof[slot] = ath__motion_settle(&m, 0, 0);
    }
}

/* Whether a slot belongs to the active list of this mode. */
ATH__FN bool ath__stage_is_active(const ath__stage_args *a, int32_t slot)
{
    const ath__view *v = &a->view;
    const int32_t flags = v->flags[slot];
    switch (a->mode) {
    case ATH__SCHEDULE_ALL:
        return true;
    case ATH__SCHEDULE_CHOSEN:
        return (flags & ATH__SLOT_CHOSEN) != 0;
    case ATH__SCHEDULE_STALE:
        return (flags & ATH__SLOT_STALE) != 0;
    case ATH__SCHEDULE_LEFT:
        return (flags & ATH__SLOT_STALE) != 0 &&
               ath__part_of(v->status[slot], a->n_parts, a->plain_exit) < 0;
    default:
        break;
    }
    if ((flags & (ATH__SLOT_STALLED | ATH__SLOT_FRESH | ATH__SLOT_ENTER)) ||
        v->reason[slot] != ATH_REASON_NONE ||
        ath__part_of(v->status[slot], a->n_parts, a->plain_exit) < 0) {
        return false;
    }
    if (a->mode == ATH__SCHEDULE_RESUME) {
        return (flags & ATH__SLOT_RESUME) != 0;
    }
    return !(flags & ATH__SLOT_RESUME) && v->age[slot] < v->target[slot];
}

/* Integrator state of a system that enters a stage: cells from the entry row, the rest zero. No
 * criterion has a value yet. */
ATH__FN void ath__stage_fill_state(const ath__stage_args *a, int32_t slot, int32_t part)
{
    const ath__view *v = &a->view;
    for (int32_t k = 0; k < ATH_MAX_CRITERIA; k++) {
        v->criteria[(int64_t)slot * ATH_MAX_CRITERIA + k] = (double)NAN;
    }
    v->bath[slot] = 0.0;
    for (int32_t k = 0; k < a->n_system_state; k++) {
        v->system_state[(int64_t)slot * a->n_system_state + k] =
            k < a->n_entry ? a->entry_rows[(int64_t)part * a->n_entry + k] : 0.0;
    }
    for (int64_t k = 0; k < (int64_t)v->n_atoms[slot] * a->n_atom_state; k++) {
        v->atom_state[v->first[slot] * a->n_atom_state + k] = 0.0;
    }
}

/* Puts a system's own values in the place of those of the stage; false if one is out of range. */
ATH__FN bool ath__stage_take_own(const ath__stage_args *a, int32_t slot, int32_t part,
                                 double *temperature)
{
    double *cells = a->view.system_state + (int64_t)slot * a->n_system_state;
    for (int32_t k = 0; k < a->n_own; k++) {
        const ath__own *own = &a->own[k];
        const double *rows = a->own_rows[own->source];
        if (own->part != part || !rows || rows[slot] != rows[slot]) {
            continue; /* NaN: the stage's */
        }
        if (!(rows[slot] >= own->min && rows[slot] <= own->max)) {
            return false;
        }
        if (own->cell < 0) {
            *temperature = rows[slot];
        }
        for (int32_t i = 0; own->cell >= 0 && i < own->n; i++) {
            cells[own->cell + i] = rows[slot] * own->scale;
        }
    }
    return true;
}

/* A system begins a stage: state, velocities, degrees of freedom. false: it cannot, and is out. */
ATH__FN bool ath__stage_begin(const ath__stage_args *a, int32_t slot, int32_t part)
{
    const ath__view *v = &a->view;
    const ath__stage_params *p = &a->stages[part];
    double temperature = p->temperature;
    v->flags[slot] &= ~(ATH__SLOT_ENTER | ATH__SLOT_DISMISSED);
    v->stage_steps[slot] = 0;
    v->converged[slot] = 0;
    v->retries[slot] = 0;
    ath__stage_changed(a);
    ath__stage_fill_state(a, slot, part);
    ath__guard_begin(a, slot);
    if (!ath__stage_take_own(a, slot, part, &temperature)) {
        ath__stage_leave(a, slot, p, ATH_REASON_BAD_INPUT, true);
        return false;
    }
    ath__stage_velocities(v, slot, p, temperature);
    return true;
}

/* What schedule does to a system before it looks where it belongs; returns its part, or -1. */
ATH__FN int32_t ath__stage_prepare(const ath__stage_args *a, int32_t slot)
{
    const ath__view *v = &a->view;
    const int32_t part = ath__part_of(v->status[slot], a->n_parts, a->plain_exit);
    if (a->mode == ATH__SCHEDULE_BEGIN && part >= 0) {
        v->target[slot] = v->age[slot] > INT64_MAX - a->steps ? INT64_MAX : v->age[slot] + a->steps;
    }
    if (a->mode == ATH__SCHEDULE_ADOPT) {
        if (v->flags[slot] & ATH__SLOT_RESUME) { /* another dynamics was cut off inside a step */
            v->flags[slot] = (v->flags[slot] & ~ATH__SLOT_RESUME) | ATH__SLOT_FRESH;
        }
        v->flags[slot] = (v->flags[slot] | ATH__SLOT_ENTER) & ~(ATH__SLOT_ADMITTED | ATH__SLOT_MET);
        v->reason[slot] = part >= 0 ? (int32_t)ATH_REASON_NONE : v->reason[slot];
    }
    return part;
}

/* The lists besides that of its part that a system belongs to: bit k for list k of ATH__LIST_... */
ATH__FN unsigned ath__stage_lists(const ath__stage_args *a, int32_t slot, int32_t part)
{
    const ath__view *v = &a->view;
    const int32_t flags = v->flags[slot];
    unsigned lists = ath__stage_is_active(a, slot) ? 1u << ATH__LIST_ACTIVE : 0u;
    if (part >= 0 && v->reason[slot] == ATH_REASON_NONE && !(flags & ATH__SLOT_STALLED)) {
        lists |= flags & ATH__SLOT_ENTER ? 1u << ATH__LIST_ENTER : 0u;
        lists |= flags & ATH__SLOT_FRESH ? 1u << ATH__LIST_FRESH : 0u;
    }
    return lists;
}

/* After a phase of computation: flags of a system that took part; false if it is stalled. */
ATH__FN bool ath__stage_computed(const ath__stage_args *a, int32_t slot)
{
    const ath__view *v = &a->view;
    int32_t *counters = a->counts + a->n_parts + ATH__N_LISTS;
    const int32_t flags = v->flags[slot];
    if (flags & ATH__SLOT_STALLED) {
        if (a->mode == ATH__ASSESS_STEP) {
            v->flags[slot] = flags | ATH__SLOT_RESUME;
        }
        ath__stage_changed(a);
        ath__stage_count(&counters[ATH__COUNT_STALLED], 1);
        return false;
    }
    if (flags & (ATH__SLOT_FRESH | ATH__SLOT_RESUME)) {
        ath__stage_changed(a);
    }
    /* who makes a step is not fresh, unless a hook has just written its positions */
    const int32_t done = a->mode == ATH__ASSESS_STEP     ? (int32_t)ATH__SLOT_RESUME
                         : a->mode == ATH__ASSESS_ENERGY ? 0
                                                         : (int32_t)ATH__SLOT_FRESH;
    v->flags[slot] = flags & ~(done | (a->computed_all ? (int32_t)ATH__SLOT_STALE : 0));
    return true;
}

#endif
