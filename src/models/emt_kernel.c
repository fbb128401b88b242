/* Effective-medium theory on the host: energy, forces and stress of the listed systems.
 *
 * The formulas stand in emt.c. With d = r_ij, r = |d|, theta = 1 / (1 + exp(acut (r - rc))) and
 *
 *     s_ab = exp(eta_b r + density_ab) theta      y_ab = exp(kappa_b r + pair_ab) theta
 *     sigma_i = sum_j s_ij      E = sum_i F(sigma_i) - sum_pairs (y_ij + y_ji)
 *
 * a pair changes the energy by dE = g d . dd,
 *
 *     g = a - D_i b - D_j c,   D = dF/dsigma,  u = -dln(theta)/dr = acut (1 - theta),
 *     a = (y_ij (u - kappa_j) + y_ji (u - kappa_i)) / r
 *     b = s_ij (u - eta_j) / r,   c = s_ji (u - eta_i) / r
 *
 * so f_i gets g d, f_j gets -g d, and the stress g d d^T / V. Three passes: pairs within the cutoff
 * are picked, each once (emt_pick.h); the density pass takes the exponentials, adds up sigma and
 * leaves a, b, c; the force pass needs no more than these. Rows whose pairs do not fit into the
 * work memory are picked and evaluated again in the force pass; this changes no bits.
 *
 * Order of sums: within a row, pair number m goes to lane m mod 8, lanes are added as a fixed tree;
 * what a pair gives to j is added at once, in the order of pairs. Both depend on the present system
 * alone. Forces add up to zero but for rounding.
 *
 * This is for systems of at most ATH__TEAM_ATOMS atoms; larger ones: emt_sections.h. Not here:
 * float32.
 */
#include "models/emt_sections.h"

/* Lays out the work memory for a system of n atoms. What is left over holds pairs. */
static inline void emt_layout(emt_system *s, int32_t n, void *work, int64_t bytes)
{
    char *at = work, *const end = at + bytes;
    const int64_t rows = ((int64_t)n + 8) / 8 * 8; /* at least n + 1 */
    emt_atoms *a = &s->atoms;
    a->x = emt_take(&at, 8 * rows);
    a->y = emt_take(&at, 8 * rows);
    a->z = emt_take(&at, 8 * rows);
    a->sigma = emt_take(&at, 8 * rows);
    a->slope = emt_take(&at, 8 * rows);
    a->force = emt_take(&at, 32 * rows);
    a->first = emt_take(&at, 8 * rows);
    a->key = emt_take(&at, 4 * rows);
    a->n_pairs = emt_take(&at, 4 * rows);
    emt_take_pairs(&at, ATH__EMT_CHUNK + 16, &s->chunk);
    /* an odd number of cache lines per array keeps the eight arrays out of each other's way */
    int64_t room = (end - at - 128) / ATH__EMT_PAIR_BYTES / 16 * 16 - 8;
    s->max_kept = room > 16 ? room - 8 : 0; /* the last eight take what is written past the end */
    emt_take_pairs(&at, room > 16 ? room : 0, &s->kept);
}

static inline void emt_load_system(emt_system *s, const ath__force_args *a, int32_t slot)
{
    const int32_t n = a->view.n_atoms[slot];
    emt_atoms *t = &s->atoms;
    emt_layout(s, n, a->work, a->work_bytes);
    emt_begin(s, a, slot);
    emt_load_atoms(s, a, slot, 0, n);
    for (int64_t i = 0; i <= n; i++) {
        t->sigma[i] = 0.0;
        for (int k = 0; k < 4; k++) {
            t->force[4 * i + k] = 0.0;
        }
    }
    t->slope[n] = 0.0;
}

/* Asks for a piece of the list of the system that comes next. */
static inline void emt_prefetch_next(emt_system *s)
{
    for (int k = 0; k < EMT_AHEAD_LINES && s->next < s->next_end; k++, s->next += 64) {
        __builtin_prefetch(s->next);
    }
}

/* Picks the pairs of as many rows as there is room for. */
static inline void emt_pick_rows(emt_system *s)
{
    const emt_geometry *g = &s->geometry;
    int64_t at = 0;
    s->n_kept = 0;
    for (int32_t i = 0; i < g->n && s->max_kept > 0; i++) {
        emt_prefetch_row(g, i + EMT_AHEAD_ROWS);
        emt_cursor c = emt_row_half(g, i);
        const int64_t end = emt_pick(g, i, &c, &s->kept, at, s->max_kept);
        if (c.next < c.end) {
            return;
        }
        emt_fill_up(s, i, &s->kept, end);
        s->atoms.first[i] = at;
        s->atoms.n_pairs[i] = (int32_t)(end - at);
        s->n_kept = i + 1;
        at = (end + 7) / 8 * 8;
    }
}

static inline void emt_density_rows(emt_system *s)
{
    const int32_t n = s->geometry.n;
    emt_group group;
    for (int32_t i = 0; i < s->n_kept; i++) {
        double lanes[8] = {0.0};
        const emt_pairs p = emt_pairs_from(&s->kept, s->atoms.first[i]);
        emt_prefetch_next(s);
        emt_density(s, i, &p, s->atoms.n_pairs[i], lanes);
        s->atoms.sigma[i] += emt_sum8(lanes);
    }
    for (int32_t i = s->n_kept; i < n;) {
        emt_pick_group(s, i, n, 0, &group);
        emt_density_group(s, &group, n);
        if (group.n_rows == 0) {
            emt_density_long(s, i);
        }
        i += group.n_rows > 0 ? group.n_rows : 1;
    }
}

static inline void emt_force_rows(emt_system *s, int want_stress)
{
    for (int32_t i = 0; i < s->n_kept; i++) {
        double lanes[3][8] = {{0.0}};
        const emt_pairs p = emt_pairs_from(&s->kept, s->atoms.first[i]);
        emt_push(s, i, &p, s->atoms.n_pairs[i], lanes, want_stress);
        emt_add_force(s, i, lanes);
    }
    emt_force_again(s, s->n_kept, s->geometry.n, want_stress);
}

/* The list of a batch is larger than the caches near a core, and rows are short: without being
 * asked for in time, their memory is waited for (a quarter of all time, measured). */
static inline void emt_expect(emt_system *s, const ath__list_view *list, int32_t slot)
{
    int64_t n = list->needed[slot] < list->room[slot] ? list->needed[slot] : list->room[slot];
    n = n < EMT_AHEAD_ENTRIES ? n : EMT_AHEAD_ENTRIES;
    s->next = (const char *)(list->entry + list->start[slot]);
    s->next_end = (const char *)(list->entry + list->start[slot] + n);
}

static inline void emt_compute(const ath__force_args *a, int32_t slot, int32_t next)
{
    emt_system s = {.par = a->params};
    emt_expect(&s, &a->list, next);
    emt_load_system(&s, a, slot);
    emt_pick_rows(&s);
    emt_density_rows(&s);
    s.energy = emt_embed(&s, 0, s.geometry.n);
    if (a->want & ATH__WANT_STRESS) {
        emt_force_rows(&s, 1);
        emt_write_stress(&s, a, slot);
    } else {
        emt_force_rows(&s, 0);
    }
    if (a->want & ATH__WANT_ENERGY) {
        a->view.energy[slot] = s.energy - emt_sum8(s.sums.pair);
    }
    double *forces = a->view.forces + 3 * a->view.first[slot];
    for (int64_t i = 0; i < s.geometry.n; i++) {
        for (int k = 0; k < 3; k++) {
            forces[3 * i + k] = s.atoms.force[4 * i + k];
        }
    }
}

void ATH__HOST_KERNEL(emt_force)(const void *args, const ath__share *share)
{
    const ath__force_args *a = args;
    const int32_t n = *a->n_slots;
    for (int32_t k = 0; k < n; k++) {
        const int32_t slot = a->slots[k];
        if (a->view.flags[slot] & ATH__SLOT_STALLED) {
            continue;
        }
        if (a->view.n_atoms[slot] > ATH__TEAM_ATOMS) {
            emt_compute_together(a, slot, share);
        } else if (share->member == 0) {
            emt_compute(a, slot, a->slots[k + 1 < n ? k + 1 : k]);
        }
    }
}
