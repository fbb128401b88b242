/* guard.h - what guards look at, and the good state that a system goes back to. docs/decisions/0027
 * says why it is like this, athanor/dynamics.h what it does.
 *
 *     moved     largest |r' - r| of an atom over the first half of a step, the only one that moves
 *               positions: noted before it, measured after it, so that hooks may wrap atoms between
 *     heat      sum m v^2 over free components. Atom i goes to lane i mod 32, the lanes are folded
 *               by halves, so that a warp has the same bits
 *     nearest   least |x_j - x_i + S h|^2 over pairs and periodic images: from the rows of the
 *               neighbour list where there is one that reaches as far, or of all pairs; a least
 *               value does not depend on order, nor on which of the two it comes from
 *     slack     how far atoms may still move, each of them, before some pair can be closer than the
 *               least distance: half of what is between the two, less all ways since. While there
 *               is some, nobody looks; where cells or hooks move atoms too, everybody does
 *     volume    det h, with the sign of its hand, over what it was on entry to the stage
 *
 * All of this, and the good state itself, stands in rows of integrator state, behind what the
 * integrators declare: so it goes wherever the system goes. Of a system: three cells of guards,
 * then those of the good state (ATH__KEPT_...), then a copy of the cells of the integrator. Of an
 * atom: position, velocity, force and the integrator's cells, then the position before the step.
 * Whole numbers are kept as doubles, exact below 2^53.
 *
 * Shared by .c and .cu files.
 */
#ifndef ATHANOR_DYNAMICS_GUARD_H
#define ATHANOR_DYNAMICS_GUARD_H

#include <stdbool.h>

#include <athanor/units.h>

#include "base/math.h"
#include "data/cell.h"
#include "dynamics/stage.h"

enum { ATH__GUARD_LANES = 32, ATH__GUARD_IMAGES = 16 };
enum ath__guard_mode { ATH__GUARD_NOTE, ATH__GUARD_MOVED };

typedef struct ath__guard_args {
    ath__view view;
    const int32_t *slots;
    const int32_t *n_slots;
    int32_t mode;  /* enum ath__guard_mode; first scalar */
    int32_t skips; /* flags of slots that the half step has left alone */
    ath__keeping keeping;
    int32_t n_system_state, n_atom_state;
} ath__guard_args;

ATH__CHECK_ARGS(GUARD, ath__guard_args, mode);

/* What was measured of a system for its assessment. */
typedef struct ath__measured {
    double f2;      /* largest |F|^2 of a free atom, infinity if any force is not finite */
    double heat;    /* sum m v^2; only with max_temperature */
    double nearest; /* square of the least distance; only with min_distance */
} ath__measured;

/* What is left to do with a system after its assessment. */
enum { ATH__KEEP_NOTHING, ATH__KEEP_TAKE, ATH__KEEP_BACK };

/* ---- displacement ---- */

/* Notes where atom `row` is. */
ATH__FN void ath__guard_note(const ath__guard_args *a, int64_t row)
{
    double *to = a->view.atom_state + row * a->n_atom_state + a->keeping.before;
    for (int k = 0; k < 3; k++) {
        to[k] = a->view.positions[3 * row + k];
    }
}

/* Square of its way since then, NaN taken for infinite. */
ATH__FN double ath__guard_way2(const ath__guard_args *a, int64_t row)
{
    const double *from = a->view.atom_state + row * a->n_atom_state + a->keeping.before;
    const double *to = a->view.positions + 3 * row;
    const double x = to[0] - from[0], y = to[1] - from[1], z = to[2] - from[2];
    const double square = x * x + y * y + z * z;
    return square < (double)INFINITY ? square : (double)INFINITY;
}

/* What of it the assessment of the system needs. */
ATH__FN void ath__guard_moved(const ath__guard_args *a, int32_t slot, double way2)
{
    double *cells = a->view.system_state + (int64_t)slot * a->n_system_state + a->keeping.guard;
    cells[ATH__GUARD_WAY2] = way2;
    cells[ATH__GUARD_SLACK] -= ath__sqrt(way2);
}

/* ---- temperature ---- */

/* m v^2 of one atom over its free components. */
ATH__FN double ath__guard_heat(const ath__view *v, int64_t row, const uint8_t *fixed)
{
    double sum = 0.0;
    for (int k = 0; k < 3; k++) {
        const double x = fixed && fixed[k] ? 0.0 : v->velocities[3 * row + k];
        sum += x * x;
    }
    return v->masses[row] * sum;
}

/* ---- distance ---- */

/* It is the same for all stages. */
ATH__FN const ath__keeping *ath__keeping_of(const ath__stage_args *a)
{
    return &a->stages->keeping;
}

ATH__FN double *ath__guard_cells(const ath__stage_args *a, int32_t slot)
{
    return a->view.system_state + (int64_t)slot * a->n_system_state + ath__keeping_of(a)->guard;
}

/* Geometry of a system. `usable` is false where its periodic vectors span no cell, or one so thin
 * that more than ATH__GUARD_IMAGES images on one side are within reach. */
typedef struct ath__guard_cell {
    double h[9], g[9];
    double reach;      /* all pairs that are as near are found */
    int32_t images[3]; /* on either side of the nearest one; -1: not periodic */
    bool rows;         /* the neighbour list has all pairs within reach */
    bool usable;
} ath__guard_cell;

/* Images within reach; false if there are too many. */
ATH__FN bool ath__guard_images(ath__guard_cell *c, const int32_t pbc[3], double reach)
{
    double heights[3];
    bool few = true;
    ath__cell_heights(c->g, heights);
    for (int k = 0; k < 3; k++) {
        const double images = reach / heights[k] + 0.5 + 1e-9;
        few = few && (!pbc[k] || images < ATH__GUARD_IMAGES + 1);
        c->images[k] = pbc[k] ? (few ? (int32_t)images : 0) : -1;
    }
    c->reach = reach;
    return few;
}

/* Looks for pairs up to `least`, and beyond where that is cheap. */
ATH__FN ath__guard_cell ath__guard_look(const ath__stage_args *a, int32_t slot, double least)
{
    const double *cell = a->view.cell + 9 * (int64_t)slot;
    const int32_t *pbc = a->view.pbc + 3 * (int64_t)slot;
    ath__guard_cell c = {{0.0}, {0.0}, 0.0, {0, 0, 0}, false, false};
    c.usable = ath__cell_complete(cell, pbc, c.h) && ath__cell_reciprocal(c.h, c.g);
    c.rows = least <= a->cutoff &&
             !ath__all_pairs_enough(a->view.n_atoms[slot], cell, pbc, a->cutoff, a->all_pairs_max);
    if (c.usable && c.rows) {
        c.reach = a->cutoff;
    } else if (c.usable) {
        c.usable = ath__guard_images(&c, pbc, least + 1.0) || ath__guard_images(&c, pbc, least);
    }
    return c;
}

/* Whether no pair can have come too close since somebody looked. */
ATH__FN bool ath__guard_is_far(const ath__stage_args *a, int32_t slot, const ath__stage_params *p,
                               int32_t mode)
{
    return p->tells && a->tells && mode == ATH__ASSESS_STEP &&
           ath__guard_cells(a, slot)[ATH__GUARD_SLACK] > 1e-6;
}

/* Takes note of the least distance of a system whose pairs have been looked at. */
ATH__FN void ath__guard_looked(const ath__stage_args *a, int32_t slot, const ath__stage_params *p,
                               double nearest2, double reach)
{
    const double nearest = nearest2 < reach * reach ? ath__sqrt(nearest2) : reach;
    ath__guard_cells(a, slot)[ATH__GUARD_SLACK] = 0.5 * (nearest - p->min_distance);
}

ATH__FN double ath__guard_distance2(const double *xi, const double *xj, const int32_t s[3],
                                    const double h[9])
{
    double t[3];
    ath__image_vector(s, h, t);
    const double x = (xj[0] - xi[0]) + t[0], y = (xj[1] - xi[1]) + t[1], z = (xj[2] - xi[2]) + t[2];
    return x * x + y * y + z * z;
}

/* The least of `best` and the squares of the distances in row i of the neighbour list, but for
 * those that stand in the row of the other atom too. */
ATH__FN double ath__guard_row(const ath__stage_args *a, int32_t slot, int32_t i,
                              const ath__guard_cell *c, double best)
{
    const ath__list_view *l = &a->list;
    const int64_t first = a->view.first[slot];
    const double *x = a->view.positions + 3 * first;
    const int32_t *wrap = l->wrap + 3 * first;
    const ath__neighbor *e = l->entry + l->start[slot] + l->row[first + i];
    for (int32_t k = 0; k < l->count[first + i]; k++) {
        const int32_t j = e[k].atom;
        int32_t s[3];
        if (j < i) {
            continue;
        }
        ath__shift_unpack(e[k].shift, s);
        for (int m = 0; m < 3; m++) {
            s[m] += wrap[3 * i + m] - wrap[3 * j + m];
        }
        const double r2 = ath__guard_distance2(x + 3 * i, x + 3 * j, s, c->h);
        best = r2 < best ? r2 : best;
    }
    return best;
}

/* The least of `best` and the squares of the distances of atoms i and j and their images. */
ATH__FN double ath__guard_pair(const double *xi, const double *xj, bool same,
                               const ath__guard_cell *c, double best)
{
    const double d[3] = {xj[0] - xi[0], xj[1] - xi[1], xj[2] - xi[2]};
    int32_t near[3], most[3], s[3];
    for (int k = 0; k < 3; k++) {
        const double u = c->g[3 * k] * d[0] + c->g[3 * k + 1] * d[1] + c->g[3 * k + 2] * d[2];
        const double turns = floor(0.5 - u);
        const bool turned = c->images[k] >= 0 && turns > -1073741824.0 && turns < 1073741824.0;
        near[k] = turned ? (int32_t)turns : 0;
        most[k] = c->images[k] > 0 ? c->images[k] : 0;
    }
    for (s[0] = near[0] - most[0]; s[0] <= near[0] + most[0]; s[0]++) {
        for (s[1] = near[1] - most[1]; s[1] <= near[1] + most[1]; s[1]++) {
            for (s[2] = near[2] - most[2]; s[2] <= near[2] + most[2]; s[2]++) {
                const double r2 = ath__guard_distance2(xi, xj, s, c->h);
                best = !(same && s[0] == 0 && s[1] == 0 && s[2] == 0) && r2 < best ? r2 : best;
            }
        }
    }
    return best;
}

/* The same for atom i and all atoms from it on. */
ATH__FN double ath__guard_pairs(const ath__stage_args *a, int32_t slot, int32_t i,
                                const ath__guard_cell *c, double best)
{
    const double *x = a->view.positions + 3 * a->view.first[slot];
    for (int32_t j = i; j < a->view.n_atoms[slot]; j++) {
        best = ath__guard_pair(x + 3 * i, x + 3 * j, i == j, c, best);
    }
    return best;
}

/* ---- cell ---- */

/* det h, or 0 if a system is not periodic along all three vectors. */
ATH__FN double ath__guard_volume(const ath__view *v, int32_t slot)
{
    const int32_t *pbc = v->pbc + 3 * (int64_t)slot;
    return pbc[0] && pbc[1] && pbc[2] ? ath__cell_det(v->cell + 9 * (int64_t)slot) : 0.0;
}

/* On entry to a stage; 0 where there is no volume to compare with. */
ATH__FN void ath__guard_begin(const ath__stage_args *a, int32_t slot)
{
    if (ath__keeping_of(a)->guard >= 0) {
        double *cells = ath__guard_cells(a, slot);
        const double volume = ath__guard_volume(&a->view, slot);
        cells[ATH__GUARD_VOLUME] = ath__abs(volume) < (double)INFINITY ? volume : 0.0;
        cells[ATH__GUARD_WAY2] = cells[ATH__GUARD_SLACK] = 0.0;
    }
}

ATH__FN int32_t ath__guard_of_cell(const ath__stage_args *a, int32_t slot,
                                   const ath__stage_params *p)
{
    if (!(p->watches_cell || p->max_volume_change > 0.0)) {
        return ATH_REASON_NONE; /* there may be no cells of guards */
    }
    const double before = ath__guard_cells(a, slot)[ATH__GUARD_VOLUME];
    if (before == 0.0) {
        return ATH_REASON_NONE;
    }
    const double ratio = ath__guard_volume(&a->view, slot) / before;
    if (!(ratio > 0.0 && ratio < (double)INFINITY)) {
        return ATH_REASON_CELL_COLLAPSED;
    }
    const double most = p->max_volume_change;
    return most > 0.0 && !(ratio <= most && ratio * most >= 1.0) ? ATH_REASON_VOLUME_CHANGE
                                                                 : ATH_REASON_NONE;
}

/* ---- the verdict ---- */

/* The first guard that is not met, in the order that athanor/dynamics.h gives. */
ATH__FN int32_t ath__guard_verdict(const ath__stage_args *a, int32_t slot,
                                   const ath__stage_params *p, const ath__measured *m, int32_t mode)
{
    const ath__view *v = &a->view;
    if (v->reason[slot] != ATH_REASON_NONE || !(m->f2 < (double)INFINITY)) {
        return v->reason[slot] != ATH_REASON_NONE ? v->reason[slot] : ATH_REASON_NON_FINITE;
    }
    if (!p->guards) {
        return ATH_REASON_NONE;
    }
    const int32_t cell = ath__guard_of_cell(a, slot, p);
    if (cell != ATH_REASON_NONE) {
        return cell;
    }
    if (p->min_distance > 0.0 && !(v->flags[slot] & ATH__SLOT_FRESH) && /* its list is older */
        !(m->nearest >= p->min_distance * p->min_distance)) {
        return ATH_REASON_TOO_CLOSE;
    }
    if (p->max_force > 0.0 && v->fmax[slot] > p->max_force) {
        return ATH_REASON_MAX_FORCE;
    }
    if (p->max_displacement > 0.0 && mode == ATH__ASSESS_STEP &&
        !(ath__guard_cells(a, slot)[ATH__GUARD_WAY2] <=
          p->max_displacement * p->max_displacement)) {
        return ATH_REASON_MAX_DISPLACEMENT;
    }
    if (p->max_temperature > 0.0 && v->dof[slot] > 0.0 &&
        !(m->heat <= p->max_temperature * (v->dof[slot] * ATH_BOLTZMANN))) {
        return ATH_REASON_MAX_TEMPERATURE;
    }
    return ATH_REASON_NONE;
}

/* ---- the good state ---- */

/* Cells of the good state of a system, and the copy of its integrator's behind them. */
ATH__FN double *ath__keep_cells(const ath__stage_args *a, int32_t slot)
{
    return a->view.system_state + (int64_t)slot * a->n_system_state + ath__keeping_of(a)->kept;
}

/* Whether there is one that this dynamics has made, or another of the same make. */
ATH__FN bool ath__keep_has(const ath__stage_args *a, int32_t slot)
{
    return ath__keeping_of(a)->kept >= 0 &&
           ath__keep_cells(a, slot)[ATH__KEPT_MARK] == ath__keeping_of(a)->mark;
}

/* Whether the present state is to be kept as the good one. */
ATH__FN bool ath__keep_due(const ath__stage_args *a, int32_t slot, const ath__stage_params *p,
                           int32_t mode)
{
    return p->good_every > 0 && !(a->view.flags[slot] & ATH__SLOT_FRESH) &&
           (mode == ATH__ASSESS_ENTRY || a->view.stage_steps[slot] % p->good_every == 0);
}

/* Whether a system that has met a guard for this reason is to try again. */
ATH__FN bool ath__keep_retries(const ath__stage_args *a, int32_t slot, const ath__stage_params *p,
                               int32_t reason)
{
    return a->view.retries[slot] < p->retries && reason >= ATH_REASON_NON_FINITE &&
           reason <= ATH_REASON_VOLUME_CHANGE && !(a->view.flags[slot] & ATH__SLOT_DISMISSED) &&
           ath__keep_has(a, slot);
}

/* Copies n values that stand `from` there. */
ATH__FN void ath__keep_copy(double *to, const double *from, int32_t n)
{
    for (int32_t k = 0; k < n; k++) {
        to[k] = from[k];
    }
}

/* The scalars of a system, one value each. */
ATH__FN void ath__keep_take(const ath__stage_args *a, int32_t slot)
{
    const ath__view *v = &a->view;
    double *kept = ath__keep_cells(a, slot);
    kept[ATH__KEPT_MARK] = ath__keeping_of(a)->mark;
    kept[ATH__KEPT_STATUS] = (double)v->status[slot];
    kept[ATH__KEPT_STEPS] = (double)v->stage_steps[slot];
    kept[ATH__KEPT_AGE] = (double)v->age[slot];
    kept[ATH__KEPT_CONVERGED] = (double)v->converged[slot];
    kept[ATH__KEPT_RETRIES] = (double)v->retries[slot];
    kept[ATH__KEPT_STALE] = v->flags[slot] & ATH__SLOT_STALE ? 1.0 : 0.0;
    kept[ATH__KEPT_ENERGY] = v->energy[slot];
    kept[ATH__KEPT_ENERGY_BEFORE] = v->energy_before[slot];
    kept[ATH__KEPT_ENERGY_CHANGE] = v->energy_change[slot];
    kept[ATH__KEPT_BATH] = v->bath[slot];
    kept[ATH__KEPT_FMAX] = v->fmax[slot];
    kept[ATH__KEPT_SMAX] = v->smax[slot];
    kept[ATH__KEPT_DOF] = v->dof[slot];
    ath__keep_copy(kept + ATH__KEPT_CELL, v->cell + 9 * (int64_t)slot, 9);
    ath__keep_copy(kept + ATH__KEPT_STRESS, v->stress + 9 * (int64_t)slot, 9);
    ath__keep_copy(kept + ATH__KEPT_CRITERIA, v->criteria + (int64_t)ATH_MAX_CRITERIA * slot,
                   ATH_MAX_CRITERIA);
    ath__keep_copy(kept + ATH__KEPT_CELLS, v->system_state + (int64_t)slot * a->n_system_state,
                   ath__keeping_of(a)->n_system);
}

/* The way back. Distances have to be looked at again. What a span has left to do stays what it is:
 * a step that is lost was made. Where the host has to see own steps that are made again, it has
 * nothing left to do. */
ATH__FN void ath__keep_back(const ath__stage_args *a, int32_t slot)
{
    const ath__view *v = &a->view;
    const double *kept = ath__keep_cells(a, slot);
    const int64_t age = (int64_t)kept[ATH__KEPT_AGE];
    v->target[slot] = a->waits ? age : v->target[slot] - (v->age[slot] - age);
    v->age[slot] = age;
    v->status[slot] = (int32_t)kept[ATH__KEPT_STATUS];
    v->reason[slot] = ATH_REASON_NONE;
    v->stage_steps[slot] = (int64_t)kept[ATH__KEPT_STEPS];
    v->converged[slot] = (int32_t)kept[ATH__KEPT_CONVERGED];
    v->retries[slot] = (int32_t)kept[ATH__KEPT_RETRIES];
    v->flags[slot] &= ~(ATH__SLOT_STALE | ATH__SLOT_MET | ATH__SLOT_FRESH | ATH__SLOT_ENTER |
                        ATH__SLOT_RESUME | ATH__SLOT_DISMISSED);
    v->flags[slot] |= kept[ATH__KEPT_STALE] != 0.0 ? (int32_t)ATH__SLOT_STALE : 0;
    v->energy[slot] = kept[ATH__KEPT_ENERGY];
    v->energy_before[slot] = kept[ATH__KEPT_ENERGY_BEFORE];
    v->energy_change[slot] = kept[ATH__KEPT_ENERGY_CHANGE];
    v->bath[slot] = kept[ATH__KEPT_BATH];
    v->fmax[slot] = kept[ATH__KEPT_FMAX];
    v->smax[slot] = kept[ATH__KEPT_SMAX];
    v->dof[slot] = kept[ATH__KEPT_DOF];
    ath__keep_copy(v->cell + 9 * (int64_t)slot, kept + ATH__KEPT_CELL, 9);
    ath__keep_copy(v->stress + 9 * (int64_t)slot, kept + ATH__KEPT_STRESS, 9);
    ath__keep_copy(v->criteria + (int64_t)ATH_MAX_CRITERIA * slot, kept + ATH__KEPT_CRITERIA,
                   ATH_MAX_CRITERIA);
    ath__keep_copy(v->system_state + (int64_t)slot * a->n_system_state, kept + ATH__KEPT_CELLS,
                   ath__keeping_of(a)->n_system);
    ath__guard_cells(a, slot)[ATH__GUARD_SLACK] = 0.0;
}

/* Makes the rest of the stage gentler; the good state, too, so that who goes back to it again finds
 * this attempt. */
ATH__FN void ath__keep_gentle(const ath__stage_args *a, int32_t slot, const ath__stage_params *p)
{
    double *cells = a->view.system_state + (int64_t)slot * a->n_system_state;
    double *kept = ath__keep_cells(a, slot);
    a->view.retries[slot]++;
    for (int32_t k = 0; k < p->n_gentle; k++) {
        for (int32_t i = 0; i < p->gentle[k].n; i++) {
            cells[p->gentle[k].cell + i] *= p->gentle[k].factor;
        }
    }
    kept[ATH__KEPT_RETRIES] = (double)a->view.retries[slot];
    ath__keep_copy(kept + ATH__KEPT_CELLS, cells, ath__keeping_of(a)->n_system);
}

/* One atom, there and back. */
ATH__FN void ath__keep_atom(const ath__stage_args *a, int64_t row, bool back)
{
    double *live[3] = {a->view.positions + 3 * row, a->view.velocities + 3 * row,
                       a->view.forces + 3 * row};
    double *state = a->view.atom_state + row * a->n_atom_state,
           *kept = state + ath__keeping_of(a)->atoms;
    for (int k = 0; k < 3; k++) {
        ath__keep_copy(back ? live[k] : kept + 3 * k, back ? kept + 3 * k : live[k], 3);
    }
    ath__keep_copy(back ? state : kept + 9, back ? kept + 9 : state, ath__keeping_of(a)->n_atom);
}

#endif
