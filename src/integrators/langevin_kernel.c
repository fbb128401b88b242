/* langevin_kernel.c - host kernel of the first half of a BAOAB step (langevin.h). The noise is made
 * for sixteen atoms at a time, the update runs on eight (rows.h).
 */
#include <string.h>

#include "integrators/integrator.h"
#include "integrators/kinetic.h"
#include "integrators/langevin.h"
#include "integrators/noise_lanes.h"

enum { LANGEVIN_NOISE = 2 * ATH__ROWS };

/* What one system needs, and the noise of the present sixteen atoms. */
typedef struct langevin_work {
    double dt;
    ath__langevin_coefficients c;
    uint32_t key[2];
    uint64_t step;
    _Alignas(64) double x[LANGEVIN_NOISE], y[LANGEVIN_NOISE], z[LANGEVIN_NOISE];
    _Alignas(64) double heat[ATH__ROWS]; /* sum of m (v^2 after - v^2 before), lanes of a block */
} langevin_work;

/* Noise of the atoms first ... first + 15, of which n are wanted. */
static inline void langevin_noise(langevin_work *w, int64_t first, int64_t n)
{
    const uint32_t low = (uint32_t)first, high = low + ATH__ROWS;
    ath__noise_uniform8(w->key, w->step, low, ATH__NOISE_LANGEVIN_Z, w->z, w->z + ATH__ROWS);
    ath__noise_uniform8(w->key, w->step, low, ATH__NOISE_LANGEVIN_XY, w->x, w->y);
    ath__noise_uniform8(w->key, w->step, high, ATH__NOISE_LANGEVIN_XY, w->x + ATH__ROWS,
                        w->y + ATH__ROWS);
    ath__noise_normal(w->z, w->z + ATH__ROWS);
    ath__noise_normal(w->x, w->y);
    if (n > ATH__ROWS) {
        ath__noise_normal(w->x + ATH__ROWS, w->y + ATH__ROWS);
    }
}

/* Adds what the O step has changed in the energy of eight atoms: m (v - u)(v + u) by component. */
static inline void langevin_heat(const ath__rows *at, const double u[ATH__ROWS3],
                                 const double v[ATH__ROWS3], langevin_work *work)
{
    _Alignas(64) double e[ATH__ROWS3];
    ATH__LANE_LOOP
    for (int k = 0; k < ATH__ROWS3; k++) {
        e[k] = (v[k] - u[k]) * (v[k] + u[k]);
    }
    for (int k = 0; at->fixed && k < ATH__ROWS3; k++) {
        e[k] = at->fixed[k] ? 0.0 : e[k];
    }
    ATH__LANE_LOOP
    for (int i = 0; i < ATH__ROWS; i++) {
        const double sum = at->masses[i] * ((e[3 * i] + e[3 * i + 1]) + e[3 * i + 2]);
        work->heat[i] += ath__select(i < at->n, sum, 0.0);
    }
}

/* Eight atoms; `half` of the sixteen whose noise is at hand. */
static inline void langevin_rows(ath__rows at, double *positions, double *velocities,
                                 langevin_work *work, int half)
{
    const double dt = work->dt, c1 = work->c.c1;
    _Alignas(64) double r[ATH__ROWS3], v[ATH__ROWS3], w[ATH__ROWS3], c2[ATH__ROWS3], xi[ATH__ROWS3];
    _Alignas(64) double inverse[ATH__ROWS], sigma[ATH__ROWS], u[ATH__ROWS3];
    ATH__LANE_LOOP
    for (int i = 0; i < ATH__ROWS; i++) {
        inverse[i] = ath__inverse_mass(at.masses[i]);
        sigma[i] = ath__langevin_c2(work->c.variance, inverse[i]);
    }
    ath__rows_spread(inverse, w);
    ath__rows_spread(sigma, c2);
    ath__rows_join(work->x + half, work->y + half, work->z + half, xi);
    ATH__LANE_LOOP
    for (int k = 0; k < ATH__ROWS3; k++) {
        u[k] = ath__kick(at.velocities[k], at.forces[k], w[k], 0.5 * dt);
        r[k] = ath__drift(at.positions[k], u[k], 0.5 * dt);
        v[k] = ath__langevin_mix(u[k], c1, c2[k], xi[k]);
        r[k] = ath__drift(r[k], v[k], 0.5 * dt);
    }
    langevin_heat(&at, u, v, work);
    ath__rows_store(&at, r, v, positions, velocities);
}

/* parameters is a langevin_work whose noise this function renews: rows come in order. */
ATH__INLINED void langevin_update(ath__rows at, double *positions, double *velocities,
                                  void *parameters)
{
    langevin_work *work = parameters;
    int half = at.first & ATH__ROWS ? ATH__ROWS : 0;
    if (!half) {
        langevin_noise(work, at.first, at.n);
    }
    langevin_rows(at, positions, velocities, work, half);
}

/* The rows of a caller, block by block; returns what the blocks add to the energy of the bath. In a
 * team, the sums of the blocks are left in work memory, to be added in order. */
static double langevin_blocks(const ath__rows *rows, langevin_work *work, double *blocks)
{
    const size_t stride = ATH__UPDATE_BLOCK_WORK / sizeof *blocks;
    double total = 0.0;
    for (int64_t i = 0; i < rows->n; i += ATH__BLOCK) {
        ath__rows block = ath__rows_at(rows, i);
        block.n = block.n < ATH__BLOCK ? block.n : ATH__BLOCK;
        memset(work->heat, 0, sizeof work->heat);
        ath__rows_each(&block, langevin_update, 1, work);
        const double sum = ath__kinetic_fold(work->heat);
        if (blocks) {
            blocks[(size_t)(block.first / ATH__BLOCK) * stride] = sum;
        } else {
            total -= 0.5 * sum;
        }
    }
    return total;
}

/* The members of a team have met: the first one adds what the blocks say. */
static double langevin_add(const double *blocks, int64_t n)
{
    const size_t stride = ATH__UPDATE_BLOCK_WORK / sizeof *blocks;
    double total = 0.0;
    for (int64_t b = 0; b * ATH__BLOCK < n; b++) {
        total -= 0.5 * blocks[(size_t)b * stride];
    }
    return total;
}

void ATH__HOST_KERNEL(langevin_pre)(const void *args, const ath__share *share)
{
    const ath__update_args *a = args;
    for (int32_t i = 0; i < *a->n_slots; i++) {
        int32_t slot = a->slots[i];
        if (a->view.flags[slot] & ATH__PRE_SKIPS) {
            continue;
        }
        const double *cell = a->view.system_state + (int64_t)slot * a->n_system_state;
        const ath__target kt = {cell[ATH__LANGEVIN_KT], cell[ATH__LANGEVIN_KT_CHANGE],
                                cell[ATH__LANGEVIN_RAMP]};
        langevin_work work;
        work.dt = cell[ATH__LANGEVIN_DT];
        work.c = ath__langevin_prepare(work.dt, ath__target_at(kt, a->view.stage_steps[slot]),
                                       cell[ATH__LANGEVIN_FRICTION]);
        work.step = (uint64_t)a->view.stage_steps[slot];
        ath__noise_key(a->seed, a->view.uid + 2 * (int64_t)slot, work.key);
        ath__rows all = ath__rows_of(&a->view, slot), rows = ath__rows_share(&all, share);
        double *blocks = share->size > 1 ? (void *)((char *)a->work + ATH__UPDATE_WORK) : NULL;
        double heat = langevin_blocks(&rows, &work, blocks);
        ath__rows_moved(&a->view, slot, share); /* meets */
        if (share->member == 0) {
            a->view.bath[slot] += blocks ? langevin_add(blocks, all.n) : heat;
        }
        ath__meet(share);
    }
}
