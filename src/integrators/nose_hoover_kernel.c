/* nose_hoover_kernel.c - host kernel of the thermostat's half of a step (nose_hoover.h): sums, the
 * chain, scaled velocities. In a team every member advances the chain on a copy of its own. */
#include <string.h>

#include "integrators/kinetic.h"
#include "integrators/md_rows.h"
#include "integrators/nose_hoover.h"

void ATH__HOST_KERNEL(nose_hoover)(const void *args, const ath__share *share)
{
    const ath__nhc_args *a = args;
    const ath__update_args *u = &a->update;
    const size_t n_cells = ATH__NHC_ETA + 2 * (size_t)a->length;
    for (int32_t i = 0; i < *u->n_slots; i++) {
        const int32_t slot = u->slots[i];
        if (u->view.flags[slot] & (a->second ? ATH__POST_SKIPS : ATH__PRE_SKIPS)) {
            continue;
        }
        const ath__rows all = ath__rows_of(&u->view, slot), rows = ath__rows_share(&all, share);
        double *cells = u->view.system_state + (int64_t)slot * u->n_system_state;
        double own[ATH__NHC_CELLS], bath;
        memcpy(own, cells, n_cells * sizeof *own);
        const ath__kinetic kinetic = ath__kinetic_sums(&rows, all.n, u->work, share);
        double scale = ath__nhc_half(a, own, u->view.stage_steps[slot], u->view.dof[slot],
                                     ath__kinetic_twice(&kinetic), &bath);
        if (share->member == 0) {
            memcpy(cells, own, n_cells * sizeof *own);
            u->view.bath[slot] = bath;
        }
        ath__rows_each(&rows, ath__md_scale, 0, &scale);
    }
}
