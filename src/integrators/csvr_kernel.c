/* csvr_kernel.c - host kernel of stochastic velocity rescaling (csvr.h): sums, the factor, scaled
 * velocities. In a team every member draws the same numbers. */
#include "integrators/csvr.h"
#include "integrators/kinetic.h"
#include "integrators/md_rows.h"

void ATH__HOST_KERNEL(csvr)(const void *args, const ath__share *share)
{
    const ath__update_args *u = args;
    for (int32_t i = 0; i < *u->n_slots; i++) {
        const int32_t slot = u->slots[i];
        if (u->view.flags[slot] & ATH__POST_SKIPS) {
            continue;
        }
        const ath__rows all = ath__rows_of(&u->view, slot), rows = ath__rows_share(&all, share);
        const double *cells = u->view.system_state + (int64_t)slot * u->n_system_state;
        const ath__kinetic kinetic = ath__kinetic_sums(&rows, all.n, u->work, share);
        double heat = 0.0;
        uint32_t key[2];
        ath__noise_key(u->seed, u->view.uid + 2 * (int64_t)slot, key);
        double scale = ath__csvr_update(cells, key, u->view.stage_steps[slot], u->view.dof[slot],
                                        ath__kinetic_twice(&kinetic), &heat);
        if (share->member == 0) {
            u->view.bath[slot] += heat;
        }
        ath__rows_each(&rows, ath__md_scale, 0, &scale);
    }
}
