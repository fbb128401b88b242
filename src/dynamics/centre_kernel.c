/* Host kernel that holds centres of mass (centre.h). One caller goes through all atoms of a system:
 * three sums and two writes are little beside the forces.
 */
#include <stdbool.h>

#include "dynamics/centre.h"

static ath__centre centre_sums(const ath__view *v, int32_t slot)
{
    const uint8_t *fixed = ath__centre_fixed(v, slot);
    ath__centre lanes[ATH__CENTRE_LANES] = {{{0.0}, 0}};
    for (int64_t i = 0; i < v->n_atoms[slot]; i++) {
        ath__centre_add(v, v->first[slot] + i, fixed ? fixed + 3 * i : NULL,
                        &lanes[i % ATH__CENTRE_LANES]);
    }
    for (int step = ATH__CENTRE_LANES / 2; step > 0; step /= 2) {
        for (int l = 0; l < step; l++) {
            for (int k = 0; k < 7; k++) {
                lanes[l].s[k] += lanes[l + step].s[k];
            }
            lanes[l].anchored |= lanes[l + step].anchored;
        }
    }
    return lanes[0];
}

void ATH__HOST_KERNEL(centre)(const void *args, const ath__share *share)
{
    (void)share;
    const ath__centre_args *a = args;
    const ath__view *v = &a->view;
    for (int32_t i = 0; i < *a->n_slots; i++) {
        const int32_t slot = a->slots[i];
        if (v->flags[slot] & a->skips) {
            continue;
        }
        const ath__centre c = centre_sums(v, slot);
        if (a->mode == ATH__CENTRE_NOTE) {
            ath__centre_note(a, slot, &c);
            continue;
        }
        const ath__centre_shift shift = ath__centre_decide(a, slot, &c);
        for (int64_t row = v->first[slot]; row < v->first[slot] + v->n_atoms[slot]; row++) {
            ath__centre_apply(v, row, &shift, a->mode == ATH__CENTRE_FIRST);
        }
    }
}
