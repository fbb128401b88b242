/* mtk_kernel.c - host kernels of the two halves of a step at constant pressure (mtk.h). In a team
 * every member computes what is of the whole system on a copy of its own, from the same sums. */
#include <string.h>

#include "integrators/kinetic.h"
#include "integrators/md_rows.h"
#include "integrators/mtk.h"

/* A system at hand: the caller's rows, and copies of what all members read. */
typedef struct mtk_system {
    ath__rows rows;
    int64_t n;
    int32_t slot;
    double cells[ATH__MTK_CELLS], cell[9];
    double volume;
} mtk_system;

static size_t mtk_cells(const ath__mtk_args *a)
{
    return (ATH__MTK_ETA + 4 * (size_t)a->length) * sizeof(double);
}

/* False if the system cannot be served. */
static bool mtk_open(const ath__mtk_args *a, int32_t slot, const ath__share *share, mtk_system *s)
{
    const ath__view *v = &a->update.view;
    const ath__rows all = ath__rows_of(v, slot);
    s->rows = ath__rows_share(&all, share);
    s->n = all.n;
    s->slot = slot;
    memcpy(s->cells, v->system_state + (int64_t)slot * a->update.n_system_state, mtk_cells(a));
    memcpy(s->cell, v->cell + 9 * (int64_t)slot, sizeof s->cell);
    s->volume = ath__abs(ath__m3_det(s->cell));
    return ath__coupling_serves(v->pbc + 3 * (int64_t)slot, s->volume);
}

/* What the first member writes back, when all have met. */
static void mtk_close(const ath__mtk_args *a, const mtk_system *s, const ath__share *share)
{
    const ath__view *v = &a->update.view;
    if (share->member == 0) {
        memcpy(v->system_state + (int64_t)s->slot * a->update.n_system_state, s->cells,
               mtk_cells(a));
    }
}

void ATH__HOST_KERNEL(mtk_pre)(const void *args, const ath__share *share)
{
    const ath__mtk_args *a = args;
    const ath__view *v = &a->update.view;
    for (int32_t i = 0; i < *a->update.n_slots; i++) {
        const int32_t slot = a->update.slots[i];
        const int64_t step = v->stage_steps[slot];
        mtk_system s;
        if (v->flags[slot] & ATH__PRE_SKIPS) {
            continue;
        }
        if (!mtk_open(a, slot, share, &s)) {
            ath__meet(share);
            if (share->member == 0) {
                v->reason[slot] = ATH_REASON_BAD_INPUT;
            }
            continue;
        }
        double *rate = s.cells + ATH__MTK_RATE;
        ath__kinetic kinetic = ath__kinetic_sums(&s.rows, s.n, a->update.work, share);
        const ath__mtk m = ath__mtk_prepare(a, s.cells, v->dof[slot], step);
        ath__md_affine kick, drift;
        ath__mtk_ramp(&m, s.cells, s.volume, step);
        ath__mtk_chain_frame(&m, rate);
        const double scale = ath__mtk_chain_atoms(&m, ath__kinetic_twice(&kinetic));
        for (int k = 0; k < 6; k++) {
            kinetic.s[k] *= scale * scale;
        }
        ath__mtk_kick_frame(a, &m, rate, kinetic.s, v->stress + 9 * (int64_t)slot, s.volume);
        ath__mtk_kick(&m, rate, scale, kick.a, kick.b);
        ath__mtk_drift(&m, rate, s.cell, drift.a, drift.b);
        const double volume = ath__abs(ath__m3_det(s.cell));
        s.cells[ATH__MTK_WORK] += ath__mtk_work(a, &m, rate, 0.5 * (s.volume + volume));
        ath__rows_each(&s.rows, ath__md_kick, 0, &kick);
        ath__rows_each(&s.rows, ath__md_drift, 1, &drift);
        ath__rows_moved(v, slot, share); /* meets */
        mtk_close(a, &s, share);
        if (share->member == 0) {
            memcpy(v->cell + 9 * (int64_t)slot, s.cell, sizeof s.cell);
        }
    }
}

void ATH__HOST_KERNEL(mtk_post)(const void *args, const ath__share *share)
{
    const ath__mtk_args *a = args;
    const ath__view *v = &a->update.view;
    for (int32_t i = 0; i < *a->update.n_slots; i++) {
        const int32_t slot = a->update.slots[i];
        mtk_system s;
        if ((v->flags[slot] & ATH__POST_SKIPS) || !mtk_open(a, slot, share, &s)) {
            continue;
        }
        double *rate = s.cells + ATH__MTK_RATE;
        const ath__mtk m = ath__mtk_prepare(a, s.cells, v->dof[slot], v->stage_steps[slot]);
        ath__md_affine kick;
        ath__mtk_kick(&m, rate, 1.0, kick.a, kick.b);
        ath__rows_each(&s.rows, ath__md_kick, 0, &kick);
        const ath__kinetic kinetic = ath__kinetic_sums(&s.rows, s.n, a->update.work, share);
        ath__mtk_kick_frame(a, &m, rate, kinetic.s, v->stress + 9 * (int64_t)slot, s.volume);
        double scale = ath__mtk_chain_atoms(&m, ath__kinetic_twice(&kinetic));
        ath__mtk_chain_frame(&m, rate);
        ath__rows_each(&s.rows, ath__md_scale, 0, &scale);
        mtk_close(a, &s, share);
        if (share->member == 0) {
            v->bath[slot] = ath__mtk_bath(&m, s.cells, s.volume);
        }
    }
}
