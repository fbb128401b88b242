/* fire_kernel.c - host kernel of FIRE (fire.h): one pass for the sums, one for the atoms. In a team
 * each member makes the sums of its blocks, and the first one adds them and decides. */
#include "integrators/fire.h"
#include "integrators/fire_sums.h"

/* Sums of n <= 3 * ATH__BLOCK components; the last eight may reach into the padding. */
static inline ath__fire_sums fire_block(const double *v, const double *f, const uint8_t *fixed,
                                        int64_t n)
{
    ath__fire_lanes sum = {{{0}}, {{0}}, {{0}}};
    int64_t k = 0;
    for (; !fixed && k + ATH__FIRE_WIDTH <= n; k += ATH__FIRE_WIDTH) {
        ath__fire_add(&sum, v + k, f + k);
    }
    for (; k < n; k += ATH__FIRE_WIDTH) {
        ath__fire_add_some(&sum, v + k, f + k, fixed ? fixed + k : NULL, n - k);
    }
    return ath__fire_total(&sum);
}

/* The same of forces on y, where the cell has been deformed by f. */
static inline ath__fire_sums fire_block_deformed(const ath__rows *block, int64_t n,
                                                 const double f[9])
{
    ath__fire_lanes sum = {{{0}}, {{0}}, {{0}}};
    for (int64_t i = 0; 3 * i < n; i += ATH__ROWS) {
        const ath__rows at = ath__rows_at(block, i);
        double g[ATH__ROWS3];
        ath__deform_forces(&at, f, g);
        for (int k = 0; k < ATH__ROWS3; k += ATH__FIRE_WIDTH) {
            ath__fire_add_some(&sum, at.velocities + k, g + k, at.fixed ? at.fixed + k : NULL,
                               n - 3 * i - k);
        }
    }
    return ath__fire_total(&sum);
}

/* Sums over rows; blocks, if not NULL: those of each block instead. */
static inline ath__fire_sums fire_sums(const ath__rows *rows, const ath__deform *deform,
                                       ath__fire_sums *blocks)
{
    const int64_t block = 3 * ATH__BLOCK, n = 3 * rows->n;
    ath__fire_sums total = {0.0, 0.0, 0.0};
    for (int64_t k = 0; k < n; k += block) {
        const ath__rows at = ath__rows_at(rows, k / 3);
        const int64_t length = n - k < block ? n - k : block;
        const ath__fire_sums s = deform->moves
                                     ? fire_block_deformed(&at, length, deform->f)
                                     : fire_block(at.velocities, at.forces, at.fixed, length);
        if (blocks) {
            blocks[k / block] = s;
        } else {
            ath__fire_add_sums(&total, s);
        }
    }
    return total;
}

typedef struct fire_work {
    ath__fire_mix mix;
    double max_step;
    ath__deform deform;
    double cell_velocity[9]; /* of c X */
} fire_work;

/* Shortens the displacements that are too long. Where no component exceeds max_step / sqrt(3), and
 * a little less to cover rounding, none is. */
static inline void fire_clamp(double d[ATH__ROWS3], double max_step)
{
    const double harmless = 0.577 * max_step, limit = max_step * max_step;
    uint64_t any = 0;
    ATH__LANE_LOOP
    for (int k = 0; k < ATH__ROWS3; k++) {
        any |= 0 - (uint64_t)(ath__abs(d[k]) > harmless);
    }
    if (!any) {
        return;
    }
    double factor[ATH__ROWS], spread[ATH__ROWS3];
    ATH__LANE_LOOP
    for (int i = 0; i < ATH__ROWS; i++) {
        double square =
            d[3 * i] * d[3 * i] + d[3 * i + 1] * d[3 * i + 1] + d[3 * i + 2] * d[3 * i + 2];
        factor[i] = ath__select(square > limit, ath__fire_shorten(square, max_step), 1.0);
    }
    ath__rows_spread(factor, spread);
    ATH__LANE_LOOP
    for (int k = 0; k < ATH__ROWS3; k++) {
        d[k] *= spread[k];
    }
}

ATH__INLINED void fire_update(ath__rows at, double *positions, double *velocities, void *parameters)
{
    const fire_work *work = parameters;
    double r[ATH__ROWS3], v[ATH__ROWS3], w[ATH__ROWS3], d[ATH__ROWS3];
    ath__rows_inverse_masses(at.masses, w);
    ATH__LANE_LOOP
    for (int k = 0; k < ATH__ROWS3; k++) {
        v[k] = ath__fire_velocity(&work->mix, at.velocities[k], at.forces[k], w[k]);
    }
    if (at.fixed) {
        ATH__LANE_LOOP
        for (int k = 0; k < ATH__ROWS3; k++) {
            v[k] = at.fixed[k] ? 0.0 : v[k];
        }
    }
    ATH__LANE_LOOP
    for (int k = 0; k < ATH__ROWS3; k++) {
        d[k] = work->mix.d0 * v[k];
    }
    fire_clamp(d, work->max_step);
    ATH__LANE_LOOP
    for (int k = 0; k < ATH__ROWS3; k++) {
        r[k] = at.positions[k] + d[k];
    }
    ath__rows_store(&at, r, v, positions, velocities);
}

/* The same with a moving cell. A fixed component rides. Written out, for a function that both call
 * makes steps with a fixed cell slower by a tenth. */
ATH__INLINED void fire_update_deformed(ath__rows at, double *positions, double *velocities,
                                       void *parameters)
{
    const fire_work *work = parameters;
    double r[ATH__ROWS3], v[ATH__ROWS3], w[ATH__ROWS3], d[ATH__ROWS3], g[ATH__ROWS3];
    ath__rows_inverse_masses(at.masses, w);
    ath__deform_forces(&at, work->deform.f, g);
    ATH__LANE_LOOP
    for (int k = 0; k < ATH__ROWS3; k++) {
        v[k] = ath__fire_velocity(&work->mix, at.velocities[k], g[k], w[k]);
    }
    if (at.fixed) {
        ATH__LANE_LOOP
        for (int k = 0; k < ATH__ROWS3; k++) {
            v[k] = at.fixed[k] ? 0.0 : v[k];
        }
    }
    ATH__LANE_LOOP
    for (int k = 0; k < ATH__ROWS3; k++) {
        d[k] = work->mix.d0 * v[k];
    }
    fire_clamp(d, work->max_step);
    ath__deform_positions(&work->deform, at.positions, d, r);
    at.fixed = NULL;
    ath__rows_store(&at, r, v, positions, velocities);
}

/* ---- the cell ---- */

/* Mean mass of the atoms, which is kept once it is known. */
static inline double fire_mean_mass(const ath__rows *all, const double *cells)
{
    double sum = 0.0;
    if (cells[ATH__FIRE_MASS] > 0.0) {
        return cells[ATH__FIRE_MASS];
    }
    for (int64_t i = 0; i < all->n; i++) {
        sum += all->masses[i];
    }
    return sum / (double)all->n;
}

/* Moves c X, for every member of a team alike; nothing is written to the batch. */
static inline void fire_move_cell(const ath__deform_parameters *p, fire_work *work, double mass)
{
    const double w = ath__inverse_mass(mass);
    double d[9];
    for (int k = 0; k < 9; k++) {
        work->cell_velocity[k] =
            ath__fire_velocity(&work->mix, work->cell_velocity[k], work->deform.force[k], w);
        d[k] = work->mix.d0 * work->cell_velocity[k];
    }
    const double factor = ath__deform_shorten(p, &work->deform, d);
    for (int k = 0; k < 9; k++) {
        d[k] *= factor;
    }
    ath__deform_move(p, d, &work->deform);
}

/* ---- one system ---- */

/* What a team shares: the decision, and the sums of blocks. */
typedef struct fire_shared {
    _Alignas(64) ath__fire_mix mix;
    ath__fire_sums blocks[];
} fire_shared;

/* Decides on a step. rows: of this member, of n atoms in all. */
static inline ath__fire_mix fire_decide(const ath__fire_args *a, const ath__rows *rows, int64_t n,
                                        const fire_work *work, double *cells,
                                        const ath__share *share)
{
    fire_shared *shared = a->update.work;
    if (share->size == 1) {
        ath__fire_sums total = fire_sums(rows, &work->deform, NULL);
        if (work->deform.moves) {
            ath__fire_add_cell(&total, work->cell_velocity, work->deform.force);
        }
        return ath__fire_control(&a->parameters, total, cells);
    }
    fire_sums(rows, &work->deform, shared->blocks + rows->first / ATH__BLOCK);
    ath__meet(share);
    if (share->member == 0) {
        ath__fire_sums total = {0.0, 0.0, 0.0};
        for (int64_t b = 0; b * ATH__BLOCK < n; b++) {
            ath__fire_add_sums(&total, shared->blocks[b]);
        }
        if (work->deform.moves) {
            ath__fire_add_cell(&total, work->cell_velocity, work->deform.force);
        }
        shared->mix = ath__fire_control(&a->parameters, total, cells);
    }
    ath__meet(share);
    return shared->mix;
}

/* What a step needs to know of the cell. */
static inline void fire_look(const ath__fire_args *a, int32_t slot, const double *cells,
                             fire_work *work)
{
    ath__deform_begin(&a->deform, &a->update.view, slot, cells, &work->deform);
    if (work->deform.moves) {
        ath__m3_copy(cells + ATH__FIRE_CELL_VELOCITY, work->cell_velocity);
    }
}

/* A step of a system whose cell moves, after the decision. */
static inline void fire_deformed(const ath__fire_args *a, int32_t slot, const ath__rows *rows,
                                 double mass, fire_work *work, double *cells,
                                 const ath__share *share)
{
    fire_move_cell(&a->deform, work, mass);
    ath__rows_each(rows, fire_update_deformed, 1, work);
    if (share->member == 0) {
        ath__deform_end(&a->deform, &a->update.view, slot, cells, &work->deform);
        ath__m3_copy(work->cell_velocity, cells + ATH__FIRE_CELL_VELOCITY);
        cells[ATH__FIRE_MASS] = mass;
    }
}

/* The args of one system: its own where it may not use all of the longest step. */
static inline const ath__fire_args *fire_args_of(const ath__fire_args *a, const double *cells,
                                                 ath__fire_args *own)
{
    const double leeway = ath__leeway(cells[a->parameters.leeway]);
    if (leeway == 1.0) {
        return a;
    }
    *own = *a;
    own->parameters.max_step *= leeway;
    own->deform.max_strain *= leeway;
    return own;
}

void ATH__HOST_KERNEL(fire_pre)(const void *args, const ath__share *share)
{
    const ath__fire_args *a = args;
    const ath__update_args *u = &a->update;
    for (int32_t i = 0; i < *u->n_slots; i++) {
        int32_t slot = u->slots[i];
        if (u->view.flags[slot] & ATH__PRE_SKIPS) {
            continue;
        }
        const ath__rows all = ath__rows_of(&u->view, slot), rows = ath__rows_share(&all, share);
        double *cells = u->view.system_state + (int64_t)slot * u->n_system_state;
        ath__fire_args own;
        const ath__fire_args *of = fire_args_of(a, cells, &own);
        fire_work work;
        work.max_step = of->parameters.max_step;
        fire_look(of, slot, cells, &work);
        const double mass = work.deform.moves ? fire_mean_mass(&all, cells) : 0.0;
        work.mix = fire_decide(of, &rows, all.n, &work, cells, share);
        if (work.deform.moves) {
            fire_deformed(of, slot, &rows, mass, &work, cells, share);
        } else {
            ath__rows_each(&rows, fire_update, 1, &work);
        }
        ath__rows_moved(&u->view, slot, share);
    }
}
