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

/* Sums over rows; blocks, if not NULL: those of each block instead. */
static inline ath__fire_sums fire_sums(const ath__rows *rows, ath__fire_sums *blocks)
{
    const int64_t block = 3 * ATH__BLOCK, n = 3 * rows->n;
    ath__fire_sums total = {0.0, 0.0, 0.0};
    for (int64_t k = 0; k < n; k += block) {
        const ath__fire_sums s =
            fire_block(rows->velocities + k, rows->forces + k, rows->fixed ? rows->fixed + k : NULL,
                       n - k < block ? n - k : block);
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

/* What a team shares: the decision, and the sums of blocks. */
typedef struct fire_shared {
    _Alignas(64) ath__fire_mix mix;
    ath__fire_sums blocks[];
} fire_shared;

/* Decides on a step. rows: of this member, of n atoms in all. */
static inline ath__fire_mix fire_decide(const ath__fire_args *a, const ath__rows *rows, int64_t n,
                                        double *cells, const ath__share *share)
{
    fire_shared *shared = a->update.work;
    if (share->size == 1) {
        return ath__fire_control(&a->parameters, fire_sums(rows, NULL), cells);
    }
    fire_sums(rows, shared->blocks + rows->first / ATH__BLOCK);
    ath__meet(share);
    if (share->member == 0) {
        ath__fire_sums total = {0.0, 0.0, 0.0};
        for (int64_t b = 0; b * ATH__BLOCK < n; b++) {
            ath__fire_add_sums(&total, shared->blocks[b]);
        }
        shared->mix = ath__fire_control(&a->parameters, total, cells);
    }
    ath__meet(share);
    return shared->mix;
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
        fire_work work;
        work.max_step = a->parameters.max_step;
        work.mix = fire_decide(a, &rows, all.n,
                               u->view.system_state + (int64_t)slot * u->n_system_state, share);
        ath__rows_each(&rows, fire_update, 1, &work);
        ath__rows_moved(&u->view, slot, share);
    }
}
