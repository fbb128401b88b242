/* Host kernel of the guard of displacements (guard.h): where atoms are before the first half of a
 * step, and how far it has taken them. The other guards are looked at by assess (stage_kernel.c).
 */
#include "dynamics/guard.h"

void ATH__HOST_KERNEL(guard)(const void *args, const ath__share *share)
{
    (void)share;
    const ath__guard_args *a = args;
    const ath__view *v = &a->view;
    for (int32_t i = 0; i < *a->n_slots; i++) {
        const int32_t slot = a->slots[i];
        const int64_t first = v->first[slot], last = first + v->n_atoms[slot];
        double best = 0.0;
        if (v->flags[slot] & a->skips) {
            continue;
        }
        for (int64_t row = first; row < last && a->mode == ATH__GUARD_NOTE; row++) {
            ath__guard_note(a, row);
        }
        for (int64_t row = first; row < last && a->mode == ATH__GUARD_MOVED; row++) {
            const double way2 = ath__guard_way2(a, row);
            best = way2 > best ? way2 : best;
        }
        if (a->mode == ATH__GUARD_MOVED) {
            ath__guard_moved(a, slot, best);
        }
    }
}
