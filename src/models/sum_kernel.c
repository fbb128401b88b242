/* Host kernel of the weighted sum of models (sum.h): one term is added to the results of the listed
 * systems. Forces go by blocks of atoms; energy and stress are the first member's.
 */
#include "models/sum.h"

static inline void sum_rows(const ath__sum_args *a, const double *term, double *sum, int64_t begin,
                            int64_t end)
{
    if (a->replace) {
        for (int64_t k = begin; k < end; k++) {
            sum[k] = ath__sum_add(sum[k], a->weight, term[k], 1);
        }
        return;
    }
    for (int64_t k = begin; k < end; k++) {
        sum[k] = ath__sum_add(sum[k], a->weight, term[k], 0);
    }
}

void ATH__HOST_KERNEL(sum_add)(const void *args, const ath__share *share)
{
    const ath__sum_args *a = args;
    const ath__view *v = &a->view;
    for (int32_t k = 0; k < *a->n_slots; k++) {
        const int32_t slot = a->slots[k];
        if (v->flags[slot] & ATH__SLOT_STALLED) {
            continue;
        }
        int64_t begin, end;
        ath__share_range(share, v->n_atoms[slot], &begin, &end);
        const int64_t first = v->first[slot];
        sum_rows(a, a->forces, v->forces, 3 * (first + begin), 3 * (first + end));
        if (share->member == 0 && (a->want & ATH__WANT_ENERGY)) {
            sum_rows(a, a->energy, v->energy, slot, (int64_t)slot + 1);
        }
        if (share->member == 0 && (a->want & ATH__WANT_STRESS)) {
            sum_rows(a, a->stress, v->stress, 9 * (int64_t)slot, 9 * ((int64_t)slot + 1));
        }
    }
}
