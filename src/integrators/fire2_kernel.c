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

static inline ath__fire_sums fire2_sums(const ath__rows *rows, double dt)
{
    ath__fire_sums total = {0.0, 0.0, 0.0};
    for (int64_t i = 0; i < rows->n; i += ATH__BLOCK) {
        const ath__rows at = ath__rows_at(rows, i);
        ath__fire_add_sums(&total,
                           fire2_block(&at, 3 * (at.n < ATH__BLOCK ? at.n : ATH__BLOCK), dt));
    }
    return total;
}

/* ---- velocities, displacements ---- */

typedef struct fire2_work {
    ath__fire2_mix mix;
    double square[ATH__ROWS]; /* largest |d|^2 of the atoms of each lane */
    double factor;            /* of all displacements */
} fire2_work;

ATH__INLINED void fire2_velocities(ath__rows at, double *positions, double *velocities,
                                   void *parameters)
{
    fire2_work *work = parameters;
    double v[ATH__ROWS3], d[ATH__ROWS3];
    ATH__LANE_LOOP
    for (int k = 0; k < ATH__ROWS3; k++) {
        double u = ath__fire2_kicked(at.velocities[k], at.forces[k], work->mix.dt);
        v[k] = work->mix.keep * u + work->mix.pull * at.forces[k];
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

static inline double fire2_largest(const fire2_work *work)
{
    double square = 0.0;
    for (int i = 0; i < ATH__ROWS; i++) {
        square = work->square[i] > square ? work->square[i] : square;
    }
    return square;
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
                                  double *cells, const ath__share *share)
{
    fire2_shared *shared = a->update.work;
    for (int64_t i = 0; i < rows->n; i += ATH__BLOCK) {
        const ath__rows at = ath__rows_at(rows, i);
        shared->blocks[(rows->first + i) / ATH__BLOCK].sums =
            fire2_block(&at, 3 * (at.n < ATH__BLOCK ? at.n : ATH__BLOCK), cells[ATH__FIRE2_DT]);
    }
    ath__meet(share);
    if (share->member == 0) {
        ath__fire_sums total = {0.0, 0.0, 0.0};
        for (int64_t b = 0; b * ATH__BLOCK < n; b++) {
            ath__fire_add_sums(&total, shared->blocks[b].sums);
        }
        shared->mix = ath__fire2_control(&a->parameters, total, cells);
    }
    ath__meet(share);
}

/* In a team: the largest square, then one member sets the factor. */
static double fire2_shorten_together(const ath__fire2_args *a, const ath__rows *rows, int64_t n,
                                     double *cells, const ath__share *share, double square)
{
    fire2_shared *shared = a->update.work;
    for (int64_t i = 0; i < rows->n; i += ATH__BLOCK) { /* the same for all blocks of a member */
        shared->blocks[(rows->first + i) / ATH__BLOCK].square = square;
    }
    ath__meet(share);
    if (share->member == 0) {
        double largest = 0.0;
        for (int64_t b = 0; b * ATH__BLOCK < n; b++) {
            largest = shared->blocks[b].square > largest ? shared->blocks[b].square : largest;
        }
        shared->factor = ath__fire2_shorten(&a->parameters, &shared->mix, largest, cells);
    }
    ath__meet(share);
    return shared->factor;
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
        fire2_work work = {.square = {0.0}};
        if (share->size > 1) {
            fire2_decide_together(a, &rows, all.n, cells, share);
            work.mix = ((const fire2_shared *)u->work)->mix;
        } else {
            work.mix =
                ath__fire2_control(&a->parameters, fire2_sums(&rows, cells[ATH__FIRE2_DT]), cells);
        }
        ath__rows_each(&rows, fire2_velocities, 0, &work);
        const double square = fire2_largest(&work);
        work.factor = share->size > 1
                          ? fire2_shorten_together(a, &rows, all.n, cells, share, square)
                          : ath__fire2_shorten(&a->parameters, &work.mix, square, cells);
        ath__rows_each(&rows, fire2_positions, 1, &work);
        ath__rows_moved(&u->view, slot, share);
    }
}
