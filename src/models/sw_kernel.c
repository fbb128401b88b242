/* Stillinger-Weber on the host: forces, energy and stress of the listed systems.
 *
 * The formulas stand in sw.c. Angles are not visited one by one. With u = r_ij / r, the factor
 * g_j = exp(gamma sigma / (r - a sigma)) and w = lambda eps, the angles at atom i cost
 *
 *     E_i = 1/2 sum_jk w_jk g_j g_k (u_j . u_k - c0)^2 - 1/2 sum_j w_jj g_j^2 (1 - c0)^2
 *         = 1/2 sum_j g_j A_j,   A_j = u_j . W2 u_j - 2 W1 . u_j + W0 - w_jj (1 - c0)^2 g_j
 *
 * with moments of the neighbours k, taken for each kind of j:
 *
 *     W0 = sum_k w c0^2 g_k,   W1 = sum_k w c0 g_k u_k,   W2 = sum_k w g_k u_k u_k
 *
 * so work grows with the number of neighbours, not with its square. The derivative of the energy
 * with respect to r_ij has a part from the angles at i and one from those at j, where u is -u:
 *
 *     T_ij = u (phi2' + g' A - 2 (g / r) u . (W2 u - W1)) + 2 (g / r) (W2 u - W1)   + that of j
 *
 * and f_i = sum_j T_ij, stress = 1/2 sum_ij r_ij T_ij / V. Two passes: the first makes the moments,
 * the second gathers those of the neighbours; each atom gets all of its force from its own row.
 *
 * Order of sums: eight atoms side by side, the neighbours of each within the cutoff one after the
 * other, in the order of the row. What lies beyond the cutoff is not there or adds nothing. So the
 * bits are a function of the present positions. Energy and stress are summed by lane (atom modulo
 * 8) over blocks of 256 atoms, then over the blocks.
 *
 * Neighbours found by the first pass are kept for the second, as far as the work memory goes; the
 * others are found again, and rows of any length are worked through piece by piece.
 */
#include "base/math.h"
#include "data/cell.h"
#include "models/sw.h"
#include "models/sw_terms.h"

enum {
    SW_AHEAD = 16,       /* rows are asked for so many atoms before they are read */
    SW_AHEAD_LINES = 24, /* cache lines of the next system's list per group of the present one */
    SW_AHEAD_ENTRIES = 8192, /* no more of the next system's list than this */
    SW_LINE = 64             /* bytes */
};

/* The list of a batch is larger than the caches near a core, and rows are short: without being
 * asked for in time, their memory is waited for (a quarter of all time, measured). */
static inline void sw_ask_for_rows(const sw_system *s, int32_t first)
{
    const int32_t end = s->end - first < ATH__SW_GROUP ? s->end : first + ATH__SW_GROUP;
    for (int32_t i = first; i < end; i++) {
        const char *at = (const char *)(s->rows.entry + s->row[i]);
        const char *const stop = at + (int64_t)s->count[i] * (int64_t)sizeof(ath__neighbor);
        for (; at < stop; at += SW_LINE) {
            __builtin_prefetch(at);
        }
    }
}

/* Asks for a piece of the list of the system that comes next. */
static inline void sw_ask_for_next(sw_system *s)
{
    for (int k = 0; k < SW_AHEAD_LINES && s->next < s->next_end; k++, s->next += SW_LINE) {
        __builtin_prefetch(s->next);
    }
}

static inline void sw_begin_group(const sw_system *s, int32_t first, sw_group *g)
{
    g->first = first;
    g->n = s->n - first < 8 ? s->n - first : 8;
    for (int l = 0; l < 8; l++) {
        const int32_t i = l < g->n ? first + l : first;
        g->kind[l] = s->kind[i];
        g->next[l] = s->row[i];
        g->end[l] = l < g->n ? g->next[l] + s->count[i] : g->next[l];
    }
}

static inline bool sw_unfinished(const sw_group *g)
{
    bool left = false;
    for (int l = 0; l < 8; l++) {
        left |= g->next[l] < g->end[l];
    }
    return left;
}

/* All neighbours of the atoms of a group, or the next ones of long rows, as records. */
static inline void sw_fill(const sw_system *s, sw_group *g, void *records)
{
    int32_t n[8];
    g->depth = 0;
    for (int l = 0; l < 8; l++) {
        sw_found found;
        n[l] = g->next[l] < g->end[l]
                   ? sw_pick(&s->rows, g->first + l, &g->next[l], g->end[l], &found)
                   : 0;
        g->depth = n[l] > g->depth ? n[l] : g->depth;
        for (int32_t m = 0; m < n[l]; m++) {
            sw_record *to = sw_record_at(s, records, m);
            to->x[l] = found.x[m];
            to->y[l] = found.y[m];
            to->z[l] = found.z[m];
            to->atom[l] = found.atom[m];
            to->kind[l] = s->kind[found.atom[m]];
        }
    }
    for (int l = 0; l < 8; l++) {
        for (int32_t m = n[l]; m < g->depth; m++) { /* any distance that can be computed with */
            sw_record *to = sw_record_at(s, records, m);
            to->x[l] = s->par->cutoff;
            to->y[l] = to->z[l] = 0.0;
            to->atom[l] = g->first;
            to->kind[l] = -1;
        }
    }
}

/* Moments of a group, and the energy of its pairs. */
SW_INLINE void sw_first_pass(sw_system *s, int32_t first, int one_kind)
{
    sw_group g;
    sw_kept *kept = s->kept + first / ATH__SW_GROUP;
    sw_ask_for_rows(s, first + SW_AHEAD);
    sw_begin_group(s, first, &g);
    memset(g.phi, 0, sizeof g.phi);
    memset(g.m, 0, (size_t)s->n_present * sizeof g.m[0]);
    kept->depth = -1;
    for (bool whole = true;; whole = false) {
        const bool room = s->n_records + ATH__SW_PIECE <= s->max_records;
        unsigned char *to = room ? s->records + s->n_records * s->record_bytes : s->scratch;
        sw_fill(s, &g, to);
        if (one_kind) {
            sw_gain_one_kind(s, &g, to);
        } else {
            sw_gain_many_kinds(s, &g, to);
        }
        if (!sw_unfinished(&g)) {
            if (room && whole) {
                *kept = (sw_kept){(int32_t)s->n_records, g.depth};
                s->n_records += g.depth;
            }
            break;
        }
    }
    sw_put_moments(s, &g, one_kind);
    for (int l = 0; l < 8; l++) {
        s->lane[7][l] += g.phi[l];
    }
}

static inline void sw_put_results(sw_system *s, const sw_group *g, int want)
{
    for (int l = 0; l < g->n; l++) {
        const sw_point *p = &s->points[g->first + l];
        for (int c = 0; c < 3; c++) { /* NaN must not be lost */
            s->forces[3 * (int64_t)(g->first + l) + c] = g->force[c][l] + (p->x[c] - p->x[c]);
        }
    }
    for (int l = 0; want && l < 8; l++) {
        s->lane[0][l] += g->energy[l];
        for (int k = 0; k < 6; k++) {
            s->lane[1 + k][l] += g->virial[k][l];
        }
    }
}

/* Forces of a group; want: energy and stress too. */
SW_INLINE void sw_second_pass(sw_system *s, int32_t first, int one_kind, int want)
{
    sw_group g;
    const sw_kept *kept = s->kept + first / ATH__SW_GROUP;
    sw_ask_for_next(s);
    sw_begin_group(s, first, &g);
    memset(g.force, 0, sizeof g.force);
    memset(g.energy, 0, sizeof g.energy);
    memset(g.virial, 0, sizeof g.virial);
    for (int l = 0; one_kind && l < 8; l++) {
        const int64_t i = l < g.n ? first + l : first;
        for (int c = 0; c < ATH__SW_MOMENTS; c++) {
            g.m[0][c][l] = s->moments[i * ATH__SW_MOMENTS + c];
        }
    }
    if (kept->depth >= 0) {
        g.depth = kept->depth;
        sw_forces(s, &g, s->records + (int64_t)kept->at * s->record_bytes, one_kind, want);
    } else {
        do {
            sw_fill(s, &g, s->scratch);
            sw_pairs(s, &g, s->scratch, one_kind);
            sw_forces(s, &g, s->scratch, one_kind, want);
        } while (sw_unfinished(&g));
    }
    sw_put_results(s, &g, want);
}

/* ((0 + 4) + (2 + 6)) + ((1 + 5) + (3 + 7)) */
static inline double sw_tree(const double v[8])
{
    return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
}

/* Sums q ... q + n - 1 of a block, from its lanes. */
static inline void sw_end_block(sw_system *s, int32_t block, int q, int n)
{
    for (int k = q; k < q + n; k++) {
        s->sums[block / ATH__BLOCK][k] = sw_tree(s->lane[k]);
        memset(s->lane[k], 0, sizeof s->lane[k]);
    }
}

static inline int32_t sw_block_end(const sw_system *s, int32_t block)
{
    return s->end - block < ATH__BLOCK ? s->end : block + ATH__BLOCK;
}

#define SW_FIRST(name, one_kind)                                                                   \
    static void name(sw_system *s)                                                                 \
    {                                                                                              \
        for (int32_t block = s->begin; block < s->end; block += ATH__BLOCK) {                      \
            for (int32_t i = block; i < sw_block_end(s, block); i += ATH__SW_GROUP) {              \
                sw_first_pass(s, i, one_kind);                                                     \
            }                                                                                      \
            sw_end_block(s, block, 7, 1);                                                          \
        }                                                                                          \
    }
#define SW_SECOND(name, one_kind, want)                                                            \
    static void name(sw_system *s)                                                                 \
    {                                                                                              \
        for (int32_t block = s->begin; block < s->end; block += ATH__BLOCK) {                      \
            for (int32_t i = block; i < sw_block_end(s, block); i += ATH__SW_GROUP) {              \
                sw_second_pass(s, i, one_kind, want);                                              \
            }                                                                                      \
            if (want) {                                                                            \
                sw_end_block(s, block, 0, 7);                                                      \
            }                                                                                      \
        }                                                                                          \
    }
SW_FIRST(sw_first_many, 0)
SW_FIRST(sw_first_one, 1)
SW_SECOND(sw_second_many, 0, 0)
SW_SECOND(sw_second_many_want, 0, 1)
SW_SECOND(sw_second_one, 1, 0)
SW_SECOND(sw_second_one_want, 1, 1)

/* ---- a system ---- */

/* Wraps the atoms of this member and looks up their kinds. */
static inline void sw_place_atoms(sw_system *s, const double *positions, const int32_t *wrap,
                                  const int32_t *numbers, const int32_t *pbc)
{
    double g[9] = {0.0};
    ath__cell_reciprocal(s->rows.h, g);
    for (int64_t i = s->begin; i < s->end; i++) {
        const int32_t z = numbers[i];
        const int32_t kind = z >= 0 && z < ATH__SW_NUMBERS ? s->par->kind[z] : -1;
        sw_wrap(positions + 3 * i, wrap + 3 * i, s->rows.h, g, pbc, &s->points[i]);
        s->kind[i] = kind < 0 ? 0 : kind;
        if (kind < 0) { /* a system that should have been refused shows at once */
            s->points[i].x[0] = ath__from_bits(ATH__NAN_BITS);
        }
    }
}

/* The kinds that there are: all members look at all atoms. */
static inline void sw_count_kinds(sw_system *s, const int32_t *numbers)
{
    const ath__sw_params *par = s->par;
    bool seen[ATH__SW_KINDS] = {false};
    for (int64_t i = 0; i < s->n; i++) {
        const int32_t z = numbers[i];
        const int32_t kind = z >= 0 && z < ATH__SW_NUMBERS ? par->kind[z] : -1;
        seen[kind < 0 ? 0 : kind] = true;
    }
    s->n_present = 0;
    for (int32_t k = 0; k < par->n_kinds; k++) {
        if (seen[k]) {
            s->present[s->n_present++] = k;
        }
    }
    s->rows.cutoff2 = 0.0;
    for (int32_t a = 0; a < s->n_present; a++) {
        for (int32_t b = 0; b < s->n_present; b++) {
            const double c = par->cutoff2[s->present[a] * par->n_kinds + s->present[b]];
            s->rows.cutoff2 = c > s->rows.cutoff2 ? c : s->rows.cutoff2;
        }
    }
}

/* All of one kind: parameters that need not be looked up. */
static inline void sw_set_one_kind(sw_system *s)
{
    const ath__sw_params *par = s->par;
    const int32_t k = s->present[0], kk = k * par->n_kinds + k, kkk = kk * par->n_kinds + k;
    s->pair = kk;
    for (int c = 0; c < ATH__SW_MOMENTS; c++) {
        s->weight[c] = c == 0 ? par->angle0[kkk] : c < 4 ? par->angle1[kkk] : par->angle2[kkk];
    }
}

static inline void sw_lay_out(sw_system *s, const ath__force_args *a)
{
    const ath__share *share = s->share;
    const ath__sw_places at = ath__sw_layout(s->n, s->par->n_kinds);
    unsigned char *work = a->work;
    s->points = (sw_point *)(work + at.points);
    s->kind = (int32_t *)(work + at.kinds);
    s->moments = (double *)(work + at.moments);
    s->kept = (sw_kept *)(work + at.groups);
    s->sums = (double(*)[8])(work + at.sums);
    s->scratch = work + at.members + (int64_t)share->member * ATH__SW_MEMBER_BYTES;
    const int64_t records = at.members + (int64_t)share->size * ATH__SW_MEMBER_BYTES;
    s->record_bytes = s->n_present > 1 ? ATH__SW_RECORD_MANY_BYTES : ATH__SW_RECORD_BYTES;
    s->max_records = (a->work_bytes - records) / s->record_bytes / share->size;
    s->max_records = s->max_records > 0 ? s->max_records : 0;
    s->records = work + records + s->max_records * s->record_bytes * share->member;
    s->n_records = 0;
}

/* Energy and stress from the sums of the blocks. */
static inline void sw_report(const sw_system *s, const ath__force_args *a, int32_t slot)
{
    static const int at[9] = {0, 5, 4, 5, 1, 3, 4, 3, 2};
    const int32_t *pbc = a->view.pbc + 3 * (int64_t)slot;
    const double volume = ath__cell_volume(a->view.cell + 9 * (int64_t)slot);
    double total[8] = {0.0};
    for (int32_t b = 0; b < (s->n + ATH__BLOCK - 1) / ATH__BLOCK; b++) {
        for (int q = 0; q < 8; q++) {
            total[q] += s->sums[b][q];
        }
    }
    if (a->want & ATH__WANT_ENERGY) { /* pairs were seen from both ends, angles from three atoms */
        a->view.energy[slot] = 0.5 * total[7] + 0.25 * total[0];
    }
    const bool periodic = pbc[0] && pbc[1] && pbc[2] && volume > 0.0;
    for (int k = 0; (a->want & ATH__WANT_STRESS) && k < 9; k++) {
        a->view.stress[9 * (int64_t)slot + k] = periodic ? 0.5 * total[1 + at[k]] / volume : 0.0;
    }
}

static inline void sw_expect(sw_system *s, const ath__list_view *list, int32_t slot)
{
    s->next = s->next_end = NULL;
    if (slot < 0) {
        return;
    }
    int64_t n = list->needed[slot] < list->room[slot] ? list->needed[slot] : list->room[slot];
    n = n < SW_AHEAD_ENTRIES ? n : SW_AHEAD_ENTRIES;
    s->next = (const char *)(list->entry + list->start[slot]);
    s->next_end = (const char *)(list->entry + list->start[slot] + n);
}

static inline void sw_compute_slot(const ath__force_args *a, int32_t slot, int32_t next,
                                   const ath__share *share)
{
    const int64_t first = a->view.first[slot];
    const int32_t *pbc = a->view.pbc + 3 * (int64_t)slot;
    const int32_t *numbers = a->view.numbers + first;
    const int want = (a->want & (ATH__WANT_ENERGY | ATH__WANT_STRESS)) != 0;
    int64_t begin, end;
    sw_system s;
    s.par = a->params;
    s.n = a->view.n_atoms[slot];
    s.share = share;
    s.row = a->list.row + first;
    s.count = a->list.count + first;
    s.forces = a->view.forces + 3 * first;
    memset(s.lane, 0, sizeof s.lane);
    ath__share_range(share, s.n, &begin, &end);
    s.begin = (int32_t)begin;
    s.end = (int32_t)end;
    ath__cell_complete(a->view.cell + 9 * (int64_t)slot, pbc, s.rows.h);
    sw_count_kinds(&s, numbers);
    sw_lay_out(&s, a);
    s.rows.points = s.points;
    s.rows.entry = a->list.entry + a->list.start[slot];
    sw_expect(&s, &a->list, next);
    s.stride = s.n_present > 1 ? s.par->n_kinds : 1;
    ath__meet(share); /* until now the work memory may have been that of another system */
    sw_place_atoms(&s, a->view.positions + 3 * first, a->list.wrap + 3 * first, numbers, pbc);
    ath__meet(share);
    if (s.n_present > 1) {
        sw_first_many(&s);
        ath__meet(share);
        (want ? sw_second_many_want : sw_second_many)(&s);
    } else {
        sw_set_one_kind(&s);
        sw_first_one(&s);
        ath__meet(share);
        (want ? sw_second_one_want : sw_second_one)(&s);
    }
    ath__meet(share);
    if (want && share->member == 0) {
        sw_report(&s, a, slot);
    }
}

void ATH__HOST_KERNEL(sw_force)(const void *args, const ath__share *share)
{
    const ath__force_args *a = args;
    const int32_t n = *a->n_slots;
    for (int32_t k = 0; k < n; k++) {
        if (!(a->view.flags[a->slots[k]] & ATH__SLOT_STALLED)) {
            sw_compute_slot(a, a->slots[k], k + 1 < n ? a->slots[k + 1] : -1, share);
        }
    }
}
