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

/* sum m v^2 in the order of guard.h. */
static double stage_heat_of(const ath__view *v, int32_t slot)
{
    const int64_t first = v->first[slot], n = v->n_atoms[slot];
    const uint8_t *fixed = v->flags[slot] & ATH__SLOT_HAS_FIXED ? v->fixed + 3 * first : NULL;
    double lanes[ATH__GUARD_LANES] = {0.0};
    for (int64_t i = 0; i < n; i++) {
        lanes[i % ATH__GUARD_LANES] += ath__guard_heat(v, first + i, fixed ? fixed + 3 * i : NULL);
    }
    for (int step = ATH__GUARD_LANES / 2; step > 0; step /= 2) {
        for (int l = 0; l < step; l++) {
            lanes[l] += lanes[l + step];
        }
    }
    return lanes[0];
}

/* Square of the least distance, where that matters; 0 where it cannot be told. */
static double stage_nearest_of(const ath__stage_args *a, int32_t slot, const ath__stage_params *p)
{
    const ath__guard_cell c = ath__guard_look(a, slot, p->min_distance);
    double best = c.usable ? (double)INFINITY : 0.0;
    for (int32_t i = 0; c.usable && i < a->view.n_atoms[slot]; i++) {
        best =
            c.rows ? ath__guard_row(a, slot, i, &c, best) : ath__guard_pairs(a, slot, i, &c, best);
    }
    ath__guard_looked(a, slot, p, best, c.reach);
    return best;
}

/* What the assessment of a system needs to know of its atoms. */
static inline ath__measured stage_measure(const ath__stage_args *a, int32_t slot, int32_t mode)
{
    ath__measured m = {stage_force2_of(&a->view, slot), 0.0, (double)INFINITY};
    const ath__stage_params *p = ath__stage_of(a, slot);
    if (!p || !p->guards) {
        return m;
    }
    if (p->max_temperature > 0.0) {
        m.heat = stage_heat_of(&a->view, slot);
    }
    if (p->min_distance > 0.0 && m.f2 < (double)INFINITY && !ath__guard_is_far(a, slot, p, mode)) {
        m.nearest = stage_nearest_of(a, slot, p);
    }
    return m;
}

/* What the assessment has decided, for the atoms. */
static void stage_keep(const ath__stage_args *a, int32_t slot, int32_t what)
{
    for (int32_t i = 0; what != ATH__KEEP_NOTHING && i < a->view.n_atoms[slot]; i++) {
        ath__keep_atom(a, a->view.first[slot] + i, what == ATH__KEEP_BACK);
    }
}

static void stage_assess(const ath__stage_args *a, int32_t slot, int32_t mode)
{
    const ath__measured m = stage_measure(a, slot, mode);
    stage_keep(a, slot, ath__stage_assess(a, slot, &m, mode));
}

void ATH__HOST_KERNEL(assess)(const void *args, const ath__share *share)
{
    (void)share;
    const ath__stage_args *a = args;
    const int32_t n = *a->n_slots;
    for (int32_t i = 0; i < n; i++) {
        const int32_t slot = a->slots[i];
        if (a->mode == ATH__ASSESS_REWIND) {
            ath__keep_back(a, slot);
            stage_keep(a, slot, ATH__KEEP_BACK);
        } else if (ath__stage_computed(a, slot) && a->mode < ATH__ASSESS_FLAGS) {
            stage_assess(a, slot, a->mode);
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
            stage_assess(a, slot, ATH__ASSESS_ENTRY);
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
