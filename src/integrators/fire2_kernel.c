/* fire2_kernel.c - host kernel of FIRE 2 (fire2.h): one pass for the sums, one for the velocities
 * and the longest displacement, one for the positions. In a team the first member adds what the
 * others have found in their blocks, and decides. */
#include "integrators/fire2.h"
#include "integrators/fire_sums.h"

/* ---- sums ---- */

/* Components of eight lanes; those from n on and those that are fixed (may be NULL) count as 0. */
static inline void fire2_add(ath__fire_lanes *sum, const double *v, const double *f,
                             const uint8_t *fixed, int64_t n, double dt)
{
    double u[ATH__FIRE_WIDTH], g[ATH__FIRE_WIDTH];
    ATH__LANE_LOOP
    for (int k = 0; k < ATH__FIRE_WIDTH; k++) {
        int counts = (k < n) & !(fixed && fixed[k]);
        u[k] = ath__select(counts, ath__fire2_kicked(v[k], f[k], dt), 0.0);
        g[k] = ath__select(counts, f[k], 0.0);
    }
    ath__fire_add(sum, u, g);
}

/* Sums of n <= 3 * ATH__BLOCK components; the last eight may reach into the padding. */
static inline ath__fire_sums fire2_block(const ath__rows *at, int64_t n, double dt)
{
    ath__fire_lanes sum = {{{0}}, {{0}}, {{0}}};
    for (int64_t k = 0; k < n; k += ATH__FIRE_WIDTH) {
        fire2_add(&sum, at->velocities + k, at->forces + k, at->fixed ? at->fixed + k : NULL, n - k,
                  dt);
    }
    return ath__fire_total(&sum);
}

/* The same of forces on y, where the cell has been deformed by f. */
static inline ath__fire_sums fire2_block_deformed(const ath__rows *block, int64_t n, double dt,
                                                  const double f[9])
{
    ath__fire_lanes sum = {{{0}}, {{0}}, {{0}}};
    for (int64_t i = 0; 3 * i < n; i += ATH__ROWS) {
        const ath__rows at = ath__rows_at(block, i);
        double g[ATH__ROWS3];
        ath__deform_forces(&at, f, g);
        for (int k = 0; k < ATH__ROWS3; k += ATH__FIRE_WIDTH) {
            fire2_add(&sum, at.velocities + k, g + k, at.fixed ? at.fixed + k : NULL, n - 3 * i - k,
                      dt);
        }
    }
    return ath__fire_total(&sum);
}

/* Sums of the block that begins with these rows. */
static inline ath__fire_sums fire2_sums_of(const ath__rows *at, double dt,
                                           const ath__deform *deform)
{
    const int64_t n = 3 * (at->n < ATH__BLOCK ? at->n : ATH__BLOCK);
    return deform->moves ? fire2_block_deformed(at, n, dt, deform->f) : fire2_block(at, n, dt);
}

static inline ath__fire_sums fire2_sums(const ath__rows *rows, double dt, const ath__deform *deform)
{
    ath__fire_sums total = {0.0, 0.0, 0.0};
    for (int64_t i = 0; i < rows->n; i += ATH__BLOCK) {
        const ath__rows at = ath__rows_at(rows, i);
        ath__fire_add_sums(&total, fire2_sums_of(&at, dt, deform));
    }
    return total;
}

/* ---- velocities, displacements ---- */

typedef struct fire2_work {
    ath__fire2_mix mix;
    double square[ATH__ROWS]; /* largest |d|^2 of the atoms of each lane */
    double factor;            /* of all displacements */
    ath__deform deform;
    double cell_velocity[9]; /* of c X */
} fire2_work;

ATH__INLINED void fire2_velocities(ath__rows at, double *positions, double *velocities,
                                   void *parameters)
{
    fire2_work *work = parameters;
    double v[ATH__ROWS3], d[ATH__ROWS3], g[ATH__ROWS3];
    const double *f = at.forces;
    if (work->deform.moves) {
        ath__deform_forces(&at, work->deform.f, g);
        f = g;
    }
    ATH__LANE_LOOP
    for (int k = 0; k < ATH__ROWS3; k++) {
        double u = ath__fire2_kicked(at.velocities[k], f[k], work->mix.dt);
        v[k] = work->mix.keep * u + work->mix.pull * f[k];
    }
    if (at.fixed) {
        ATH__LANE_LOOP
        for (int k = 0; k < ATH__ROWS3; k++) {
            v[k] = at.fixed[k] ? 0.0 : v[k];
        }
    }
    ATH__LANE_LOOP
    for (int k = 0; k < ATH__ROWS3; k++) {
        d[k] = work->mix.step * v[k];
    }
    ATH__LANE_LOOP
    for (int i = 0; i < ATH__ROWS; i++) {
        double square =
            d[3 * i] * d[3 * i] + d[3 * i + 1] * d[3 * i + 1] + d[3 * i + 2] * d[3 * i + 2];
        square = ath__select(i < at.n, square, 0.0);
        work->square[i] = ath__select(square > work->square[i], square, work->square[i]);
    }
    ath__rows_store(&at, NULL, v, positions, velocities);
}

ATH__INLINED void fire2_positions(ath__rows at, double *positions, double *velocities,
                                  void *parameters)
{
    const fire2_work *work = parameters;
    double r[ATH__ROWS3], v[ATH__ROWS3];
    ATH__LANE_LOOP
    for (int k = 0; k < ATH__ROWS3; k++) {
        r[k] = at.positions[k] + work->factor * (work->mix.step * at.velocities[k]);
        v[k] = ath__select(work->mix.downhill, at.velocities[k], 0.0);
    }
    ath__rows_store(&at, r, v, positions, velocities);
}

/* The same with a moving cell; a fixed component rides. */
ATH__INLINED void fire2_positions_deformed(ath__rows at, double *positions, double *velocities,
                                           void *parameters)
{
    const fire2_work *work = parameters;
    double r[ATH__ROWS3], v[ATH__ROWS3], d[ATH__ROWS3];
    ATH__LANE_LOOP
    for (int k = 0; k < ATH__ROWS3; k++) {
        d[k] = work->factor * (work->mix.step * at.velocities[k]);
        v[k] = ath__select(work->mix.downhill, at.velocities[k], 0.0);
    }
    ath__deform_positions(&work->deform, at.positions, d, r);
    at.fixed = NULL; /* their velocity is 0 */
    ath__rows_store(&at, r, v, positions, velocities);
}

/* The largest square of a displacement; that of the cell counts with max_strain as max_step. */
static inline double fire2_largest_of(const ath__fire2_args *a, const fire2_work *work,
                                      double square)
{
    const double limit = work->deform.c * a->deform.max_strain, step = work->mix.step;
    if (!work->deform.moves) {
        return square;
    }
    const double length = step * step * ath__m3_dot(work->cell_velocity, work->cell_velocity);
    const double most = a->parameters.max_step, own = length * (most * most) / (limit * limit);
    return own > square ? own : square;
}

static inline double fire2_largest(const fire2_work *work)
{
    double square = 0.0;
    for (int i = 0; i < ATH__ROWS; i++) {
        square = work->square[i] > square ? work->square[i] : square;
    }
    return square;
}

/* ---- the cell ---- */

/* What a step needs to know of the cell. */
static inline void fire2_look(const ath__fire2_args *a, int32_t slot, const double *cells,
                              fire2_work *work)
{
    ath__deform_begin(&a->deform, &a->update.view, slot, cells, &work->deform);
    if (work->deform.moves) {
        ath__m3_copy(cells + ATH__FIRE2_CELL_VELOCITY, work->cell_velocity);
    }
}

/* Adds what the cell has to the sums. */
static inline void fire2_add_cell(ath__fire_sums *total, const fire2_work *work, double dt)
{
    double u[9];
    if (work->deform.moves) {
        for (int k = 0; k < 9; k++) {
            u[k] = ath__fire2_kicked(work->cell_velocity[k], work->deform.force[k], dt);
        }
        ath__fire_add_cell(total, u, work->deform.force);
    }
}

/* New velocity of c X. */
static inline void fire2_cell_velocity(fire2_work *work)
{
    for (int k = 0; work->deform.moves && k < 9; k++) {
        const double f = work->deform.force[k];
        const double u = ath__fire2_kicked(work->cell_velocity[k], f, work->mix.dt);
        work->cell_velocity[k] = work->mix.keep * u + work->mix.pull * f;
    }
}

/* Moves c X, for every member of a team alike; nothing is written to the batch. */
static inline void fire2_move_cell(const ath__deform_parameters *p, fire2_work *work)
{
    double d[9];
    for (int k = 0; k < 9; k++) {
        d[k] = work->factor * (work->mix.step * work->cell_velocity[k]);
        work->cell_velocity[k] = work->mix.downhill ? work->cell_velocity[k] : 0.0;
    }
    ath__deform_move(p, d, &work->deform);
}

/* ---- one system ---- */

/* What a team shares: the decision, the factor, and of each block the sums and the square. */
typedef struct fire2_shared {
    _Alignas(64) ath__fire2_mix mix;
    double factor;
    struct {
        ath__fire_sums sums;
        double square;
    } blocks[];
} fire2_shared;

/* In a team: sums of own blocks, then one member decides. */
static void fire2_decide_together(const ath__fire2_args *a, const ath__rows *rows, int64_t n,
                                  const fire2_work *work, double *cells, const ath__share *share)
{
    fire2_shared *shared = a->update.work;
    const double dt = cells[ATH__FIRE2_DT];
    for (int64_t i = 0; i < rows->n; i += ATH__BLOCK) {
        const ath__rows at = ath__rows_at(rows, i);
        shared->blocks[(rows->first + i) / ATH__BLOCK].sums = fire2_sums_of(&at, dt, &work->deform);
    }
    ath__meet(share);
    if (share->member == 0) {
        ath__fire_sums total = {0.0, 0.0, 0.0};
        for (int64_t b = 0; b * ATH__BLOCK < n; b++) {
            ath__fire_add_sums(&total, shared->blocks[b].sums);
        }
        fire2_add_cell(&total, work, dt);
        shared->mix = ath__fire2_control(&a->parameters, total, cells);
    }
    ath__meet(share);
}

/* In a team: the largest square, then one member sets the factor. */
static double fire2_shorten_together(const ath__fire2_args *a, const ath__rows *rows, int64_t n,
                                     const fire2_work *work, double *cells, const ath__share *share)
{
    fire2_shared *shared = a->update.work;
    const double square = fire2_largest(work);
    for (int64_t i = 0; i < rows->n; i += ATH__BLOCK) { /* the same for all blocks of a member */
        shared->blocks[(rows->first + i) / ATH__BLOCK].square = square;
    }
    ath__meet(share);
    if (share->member == 0) {
        double largest = 0.0;
        for (int64_t b = 0; b * ATH__BLOCK < n; b++) {
            largest = shared->blocks[b].square > largest ? shared->blocks[b].square : largest;
        }
        shared->factor = ath__fire2_shorten(&a->parameters, &shared->mix,
                                            fire2_largest_of(a, work, largest), cells);
    }
    ath__meet(share);
    return shared->factor;
}

/* Decides, and makes the new velocities and the factor. */
static inline void fire2_prepare(const ath__fire2_args *a, const ath__rows *rows, int64_t n,
                                 fire2_work *work, double *cells, const ath__share *share)
{
    if (share->size > 1) {
        fire2_decide_together(a, rows, n, work, cells, share);
        work->mix = ((const fire2_shared *)a->update.work)->mix;
    } else {
        const double dt = cells[ATH__FIRE2_DT];
        ath__fire_sums total = fire2_sums(rows, dt, &work->deform);
        fire2_add_cell(&total, work, dt);
        work->mix = ath__fire2_control(&a->parameters, total, cells);
    }
    fire2_cell_velocity(work);
    ath__rows_each(rows, fire2_velocities, 0, work);
    work->factor = share->size > 1
                       ? fire2_shorten_together(a, rows, n, work, cells, share)
                       : ath__fire2_shorten(&a->parameters, &work->mix,
                                            fire2_largest_of(a, work, fire2_largest(work)), cells);
}

/* The args of one system: its own where it may not use all of the longest step. */
static inline const ath__fire2_args *fire2_args_of(const ath__fire2_args *a, const double *cells,
                                                   ath__fire2_args *own)
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

void ATH__HOST_KERNEL(fire2_pre)(const void *args, const ath__share *share)
{
    const ath__fire2_args *a = args;
    const ath__update_args *u = &a->update;
    for (int32_t i = 0; i < *u->n_slots; i++) {
        int32_t slot = u->slots[i];
        if (u->view.flags[slot] & ATH__PRE_SKIPS) {
            continue;
        }
        const ath__rows all = ath__rows_of(&u->view, slot), rows = ath__rows_share(&all, share);
        double *cells = u->view.system_state + (int64_t)slot * u->n_system_state;
        ath__fire2_args own;
        const ath__fire2_args *of = fire2_args_of(a, cells, &own);
        fire2_work work = {.square = {0.0}};
        fire2_look(of, slot, cells, &work);
        fire2_prepare(of, &rows, all.n, &work, cells, share);
        if (work.deform.moves) {
            fire2_move_cell(&of->deform, &work);
            ath__rows_each(&rows, fire2_positions_deformed, 1, &work);
        } else {
            ath__rows_each(&rows, fire2_positions, 1, &work);
        }
        if (work.deform.moves && share->member == 0) {
            ath__deform_end(&of->deform, &u->view, slot, cells, &work.deform);
            ath__m3_copy(work.cell_velocity, cells + ATH__FIRE2_CELL_VELOCITY);
        }
        ath__rows_moved(&u->view, slot, share);
    }
}
