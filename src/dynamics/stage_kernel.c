/* Host kernels of the books of a dynamics: enter, assess, schedule (stage.h). They touch the listed
 * slots only, and write nothing that depends on more than one system but the lists and counters.
 */
#include "dynamics/stage_rules.h"

/* Largest |F|^2 over atoms, fixed components not counted; infinity if any force is not finite. The
 * maximum does not depend on order, so eight running maxima give the bits of one. */
static inline double stage_max_force2(const double *f, const uint8_t *fixed, int32_t n)
{
    double best[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    int32_t i = 0;
    if (!fixed) {
        for (; i + 8 <= n; i += 8) {
            for (int l = 0; l < 8; l++) {
                const double *p = f + 3 * (i + l);
                const double f2 = p[0] * p[0] + p[1] * p[1] + p[2] * p[2];
                const double finite = f2 < (double)INFINITY ? f2 : (double)INFINITY;
                best[l] = finite > best[l] ? finite : best[l];
            }
        }
    }
    for (; i < n; i++) {
        double f2 = 0.0;
        for (int k = 0; k < 3; k++) {
            const double component = fixed && fixed[3 * i + k] ? 0.0 : f[3 * i + k];
            f2 += component * component;
        }
        const double finite = f2 < (double)INFINITY ? f2 : (double)INFINITY; /* NaN counts too */
        best[0] = finite > best[0] ? finite : best[0];
    }
    double max = 0.0;
    for (int l = 0; l < 8; l++) {
        max = best[l] > max ? best[l] : max;
    }
    return max;
}

static inline double stage_force2_of(const ath__view *v, int32_t slot)
{
    const int64_t first = v->first[slot];
    const bool has_fixed = (v->flags[slot] & ATH__SLOT_HAS_FIXED) != 0;
    return stage_max_force2(v->forces + 3 * first, has_fixed ? v->fixed + 3 * first : NULL,
                            v->n_atoms[slot]);
}

void ATH__HOST_KERNEL(assess)(const void *args, const ath__share *share)
{
    (void)share;
    const ath__stage_args *a = args;
    const int32_t n = *a->n_slots;
    for (int32_t i = 0; i < n; i++) {
        const int32_t slot = a->slots[i];
        if (ath__stage_computed(a, slot) && a->mode < ATH__ASSESS_FLAGS) {
            ath__stage_assess(a, slot, stage_force2_of(&a->view, slot), a->mode);
        }
    }
}

void ATH__HOST_KERNEL(enter)(const void *args, const ath__share *share)
{
    (void)share;
    const ath__stage_args *a = args;
    const ath__view *v = &a->view;
    const int32_t n = *a->n_slots;
    for (int32_t i = 0; i < n; i++) {
        const int32_t slot = a->slots[i];
        const int32_t part = ath__part_of(v->status[slot], a->n_parts, a->plain_exit);
        if (part < 0 || !(v->flags[slot] & ATH__SLOT_ENTER)) {
            continue;
        }
        if (ath__stage_begin(a, slot, part) &&
            !(v->flags[slot] & ATH__SLOT_FRESH)) { /* comes from another stage, with its forces */
            ath__stage_assess(a, slot, stage_force2_of(v, slot), ATH__ASSESS_ENTRY);
        }
    }
    *a->n_slots = 0;
}

void ATH__HOST_KERNEL(schedule)(const void *args, const ath__share *share)
{
    (void)share;
    const ath__stage_args *a = args;
    const int32_t n = *a->n_slots, n_lists = a->n_parts + ATH__N_LISTS;
    int32_t *counters = a->counts + n_lists;
    if (a->mode == ATH__SCHEDULE_CHANGED && !counters[ATH__COUNT_CHANGED]) {
        return;
    }
    counters[ATH__COUNT_CHANGED] = 0;
    for (int32_t k = 0; k < n_lists; k++) {
        a->counts[k] = 0;
    }
    for (int32_t i = 0; i < n; i++) {
        const int32_t slot = a->slots[i], part = ath__stage_prepare(a, slot);
        const unsigned lists = ath__stage_lists(a, slot, part);
        for (int32_t k = 0; k < ATH__N_LISTS; k++) {
            if (lists >> k & 1u) {
                const int32_t list = a->n_parts + k;
                a->lists[(int64_t)list * a->stride + a->counts[list]++] = slot;
            }
        }
        if (part >= 0 && (lists >> ATH__LIST_ACTIVE & 1u)) {
            a->lists[(int64_t)part * a->stride + a->counts[part]++] = slot;
        }
    }
}
