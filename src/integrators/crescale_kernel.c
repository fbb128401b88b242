/* crescale_kernel.c - host kernels of stochastic cell rescaling (crescale.h): the strain after the
 * first half of a thermostatted step, and its energy after the forces. In a team every member
 * computes the strain from the same sums. */
#include <string.h>

#include "integrators/crescale.h"
#include "integrators/kinetic.h"
#include "integrators/md_rows.h"

/* Positions and velocities under a strain. */
typedef struct crescale_moves {
    ath__md_affine positions, velocities;
} crescale_moves;

ATH__INLINED void crescale_rows(ath__rows at, double *positions, double *velocities,
                                void *parameters)
{
    const crescale_moves *moves = parameters;
    const double zero[ATH__ROWS3] = {0.0};
    double r[ATH__ROWS3], v[ATH__ROWS3];
    ATH__LANE_LOOP
    for (int k = 0; k < ATH__ROWS3; k++) {
        r[k] = at.positions[k];
        v[k] = at.velocities[k];
    }
    for (int k = 0; at.fixed && k < ATH__ROWS3; k++) {
        v[k] = at.fixed[k] ? 0.0 : v[k];
    }
    ath__md_transform(&moves->positions, r, zero, r);
    ath__md_transform(&moves->velocities, v, zero, v);
    ath__rows_store(&at, NULL, v, positions, velocities);
    ATH__LANE_LOOP
    for (int k = 0; k < ATH__ROWS3; k++) {
        positions[k] = r[k];
    }
}

/* One system; `rows` is the share of the caller, n the atoms. */
static void crescale_strain(const ath__crescale_args *a, int32_t slot, const ath__rows *rows,
                            int64_t n, const ath__share *share)
{
    const ath__view *v = &a->update.view;
    double *cells = v->system_state + (int64_t)slot * a->update.n_system_state;
    double own[ATH__CRESCALE_CELLS], cell[9];
    crescale_moves moves = {{{0.0}, {0.0}}, {{0.0}, {0.0}}};
    uint32_t key[2];
    memcpy(own, cells, sizeof own);
    memcpy(cell, v->cell + 9 * (int64_t)slot, sizeof cell);
    const double volume = ath__abs(ath__m3_det(cell));
    const ath__kinetic kinetic = ath__kinetic_sums(rows, n, a->update.work, share);
    ath__noise_key(a->update.seed, v->uid + 2 * (int64_t)slot, key);
    ath__crescale_strain(a, own, key, v->stage_steps[slot], kinetic.s,
                         v->stress + 9 * (int64_t)slot, volume);
    const double heat =
        ath__crescale_move(own, kinetic.s, cell, moves.positions.a, moves.velocities.a);
    ath__rows_each(rows, crescale_rows, 1, &moves);
    ath__meet(share);
    if (share->member == 0) {
        memcpy(cells, own, sizeof own);
        memcpy(v->cell + 9 * (int64_t)slot, cell, sizeof cell);
        v->bath[slot] -= heat;
    }
}

static bool crescale_serves(const ath__view *v, int32_t slot, double *volume)
{
    *volume = ath__abs(ath__m3_det(v->cell + 9 * (int64_t)slot));
    return ath__coupling_serves(v->pbc + 3 * (int64_t)slot, *volume);
}

void ATH__HOST_KERNEL(crescale_pre)(const void *args, const ath__share *share)
{
    const ath__crescale_args *a = args;
    const ath__view *v = &a->update.view;
    for (int32_t i = 0; i < *a->update.n_slots; i++) {
        const int32_t slot = a->update.slots[i];
        double volume;
        if (v->flags[slot] & ATH__PRE_SKIPS) {
            continue;
        }
        if (crescale_serves(v, slot, &volume)) {
            const ath__rows all = ath__rows_of(v, slot), rows = ath__rows_share(&all, share);
            crescale_strain(a, slot, &rows, all.n, share);
        } else {
            ath__meet(share);
            if (share->member == 0) {
                v->reason[slot] = ATH_REASON_BAD_INPUT;
            }
        }
    }
}

void ATH__HOST_KERNEL(crescale_post)(const void *args, const ath__share *share)
{
    const ath__crescale_args *a = args;
    const ath__view *v = &a->update.view;
    for (int32_t i = 0; i < *a->update.n_slots && share->member == 0; i++) {
        const int32_t slot = a->update.slots[i];
        const double *cells = v->system_state + (int64_t)slot * a->update.n_system_state;
        double volume;
        if (!(v->flags[slot] & ATH__POST_SKIPS) && crescale_serves(v, slot, &volume)) {
            v->bath[slot] -= ath__crescale_energy(cells, v->stress + 9 * (int64_t)slot, volume);
        }
    }
}
