/* The passes of the EMT kernel over the rows of a system. Private to emt_kernel.c.
 *
 * The formulas and the order of sums stand there. A pass adds what its rows give to their own atoms
 * and to the partners of their pairs in the arrays that emt_system points at.
 */
#ifndef ATHANOR_MODELS_EMT_ROWS_H
#define ATHANOR_MODELS_EMT_ROWS_H

#include "data/cell.h"
#include "models/emt.h"
#include "models/emt_pick.h"

enum {
    EMT_PARTS = 8 / EMT_WIDTH,
    EMT_GROUP_ROWS = 16,     /* rows that are not kept are worked through so many at a time */
    EMT_AHEAD_ROWS = 4,      /* rows are asked for so many before they are read */
    EMT_AHEAD_LINES = 12,    /* cache lines of the next system's list per row of the present one */
    EMT_AHEAD_ENTRIES = 2048 /* no more of the next system's list than this */
};

/* What is kept per atom, [n + 1]; row n takes what fills up the last block of a row. */
typedef struct emt_atoms {
    double *x, *y, *z;
    double *sigma, *slope; /* sigma_i; D_i in eV */
    double *force;         /* [n + 1][4], eV/angstrom; the fourth number is not used */
    int32_t *key;
    int32_t *n_pairs; /* of a kept row */
    int64_t *first; /* kept rows: pair, a multiple of 8; others: entry where the half row begins */
} emt_atoms;

/* Sums over all pairs of a system, by lane. */
typedef struct emt_sums {
    double pair[8];      /* sum of y, eV */
    double stress[6][8]; /* sum of g d d^T: xx yy zz yz xz xy, eV */
} emt_sums;

typedef struct emt_system {
    const ath__emt_params *par;
    emt_geometry geometry;
    emt_atoms atoms;
    emt_pairs kept, chunk;
    int64_t max_kept; /* pairs, a multiple of 8 */
    int32_t n_kept;   /* rows */
    emt_sums sums;
    double energy;               /* of the embedding, eV */
    const char *next, *next_end; /* what is still to be asked for of the next system's list */
} emt_system;

/* ((0 + 4) + (2 + 6)) + ((1 + 5) + (3 + 7)) */
static inline double emt_sum8(const double s[8])
{
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

/* Hands out 64-byte aligned pieces of the work memory. */
static inline void *emt_take(char **at, int64_t bytes)
{
    void *piece = *at;
    *at += (bytes + 63) / 64 * 64;
    return piece;
}

static inline void emt_take_pairs(char **at, int64_t n, emt_pairs *out)
{
    out->x = emt_take(at, 8 * n);
    out->y = emt_take(at, 8 * n);
    out->z = emt_take(at, 8 * n);
    out->a = emt_take(at, 8 * n);
    out->b = emt_take(at, 8 * n);
    out->c = emt_take(at, 8 * n);
    out->atom = emt_take(at, 4 * n);
    out->kind = emt_take(at, 4 * n);
}

/* What the pairs of a system need to know of it; positions and keys are still to be filled in. */
static inline void emt_begin(emt_system *s, const ath__force_args *a, int32_t slot)
{
    const int64_t first = a->view.first[slot];
    emt_geometry *g = &s->geometry;
    g->cutoff2 = s->par->cutoff2;
    g->row = a->list.row + first;
    g->count = a->list.count + first;
    g->wrap = a->list.wrap + 3 * first;
    g->entry = a->list.entry + a->list.start[slot];
    ath__cell_complete(a->view.cell + 9 * (int64_t)slot, a->view.pbc + 3 * (int64_t)slot, g->h);
    g->n = a->view.n_atoms[slot];
    g->x = s->atoms.x;
    g->y = s->atoms.y;
    g->z = s->atoms.z;
    g->key = s->atoms.key;
}

/* The least wraps of the system. Sets `wide`. */
static inline void emt_least_wraps(emt_geometry *g, int32_t low[3])
{
    int32_t high[3] = {INT32_MIN, INT32_MIN, INT32_MIN};
    low[0] = low[1] = low[2] = INT32_MAX;
    for (int64_t i = 0; i < g->n; i++) {
        for (int k = 0; k < 3; k++) {
            const int32_t w = g->wrap[3 * i + k];
            low[k] = w < low[k] ? w : low[k];
            high[k] = w > high[k] ? w : high[k];
        }
    }
    g->wide = 0;
    for (int k = 0; k < 3; k++) {
        g->wide |= (int64_t)high[k] - low[k] > EMT_WRAP_MAX;
    }
}

/* Positions and keys of the atoms begin .. end - 1. A key is kind and wrap of an atom in one
 * number, or the kind alone if the wraps are too far apart (`wide`). */
static inline void emt_load_atoms(emt_system *s, const ath__force_args *a, int32_t slot,
                                  int64_t begin, int64_t end)
{
    const double *positions = a->view.positions + 3 * a->view.first[slot];
    const int32_t *numbers = a->view.numbers + a->view.first[slot];
    emt_geometry *g = &s->geometry;
    int32_t low[3];
    for (int64_t i = begin; i < end; i++) {
        s->atoms.x[i] = positions[3 * i];
        s->atoms.y[i] = positions[3 * i + 1];
        s->atoms.z[i] = positions[3 * i + 2];
    }
    emt_least_wraps(g, low);
    for (int64_t i = begin; i < end; i++) {
        const int32_t z = numbers[i];
        int32_t key = z >= 0 && z < ATH__EMT_NUMBERS ? s->par->kind[z] : ATH__EMT_UNKNOWN;
        for (int k = 2; k >= 0; k--) {
            key = key * (1 << EMT_WRAP_BITS) + (g->wide ? 0 : g->wrap[3 * i + k] - low[k]);
        }
        s->atoms.key[i] = key;
    }
}

/* Fills up the block that holds pair `at` with pairs of no effect: at rc, with row n. */
static inline void emt_fill_up(const emt_system *s, int32_t i, const emt_pairs *p, int64_t at)
{
    const double far = s->par->rc;
    const int32_t kind = s->atoms.key[i] >> EMT_KIND_SHIFT;
    for (int l = 0; l < 8; l++) {
        p->x[at + l] = far;
        p->y[at + l] = 0.0;
        p->z[at + l] = 0.0;
        p->atom[at + l] = s->geometry.n;
        p->kind[at + l] = kind;
    }
}

static inline emt_pairs emt_pairs_from(const emt_pairs *p, int64_t at)
{
    const emt_pairs q = {p->x + at, p->y + at, p->z + at,    p->a + at,
                         p->b + at, p->c + at, p->atom + at, p->kind + at};
    return q;
}

/* Asks for row i of the list, if there is one. */
static inline void emt_prefetch_row(const emt_geometry *g, int32_t i)
{
    if (i < g->n) {
        const char *at = (const char *)(g->entry + g->row[i]);
        const char *const end = at + (int64_t)g->count[i] * (int64_t)sizeof(ath__neighbor);
        for (; at < end; at += 64) {
            __builtin_prefetch(at);
        }
    }
}

/* Rows whose pairs are in the chunk. */
typedef struct emt_group {
    int32_t row, n_rows;             /* the first one; how many */
    int32_t at[EMT_GROUP_ROWS];      /* first pair, a multiple of 8 */
    int32_t n_pairs[EMT_GROUP_ROWS]; /* of the row */
} emt_group;

/* emt_row_half for rows that are not in the caches: begins in the middle, where half rows mostly
 * begin, and does not look far from there. */
static inline emt_cursor emt_row_half_near(const emt_geometry *g, int32_t i)
{
    const ath__neighbor *const entry = g->entry;
    const int64_t low = g->row[i], high = low + g->count[i];
    int64_t at = low + g->count[i] / 2, step = 4;
    if (at < high && entry[at].atom < i) {
        while (at + step < high && entry[at + step].atom < i) {
            at += step;
            step *= 2;
        }
        for (; step > 0; step /= 2) {
            at += at + step < high && entry[at + step].atom < i ? step : 0;
        }
        at++;
    } else {
        while (at - step >= low && entry[at - step].atom >= i) {
            at -= step;
            step *= 2;
        }
        for (; step > 0; step /= 2) {
            at -= at - step >= low && entry[at - step].atom >= i ? step : 0;
        }
    }
    const emt_cursor c = {at, high};
    return c;
}

/* Asks for the half row i, or what is likely to be it while `first` is not known. */
static inline void emt_prefetch_half(const emt_system *s, int32_t i, int32_t end, int known)
{
    const emt_geometry *g = &s->geometry;
    if (i < end) {
        const int64_t from = known ? s->atoms.first[i] : g->row[i] + g->count[i] / 2 - 4;
        const char *at = (const char *)(g->entry + from);
        const char *const last = (const char *)(g->entry + g->row[i] + g->count[i]);
        for (; at < last; at += 64) {
            __builtin_prefetch(at);
        }
    }
}

/* Picks the pairs of the rows from i on, before `end`, for which the chunk has room; none if there
 * is not even room for row i. Several rows at once, because what has just been written piece by
 * piece is slow to read, and so that the next rows can be asked for while these are evaluated.
 * known: `first` is; else it is filled in. */
static inline void emt_pick_group(const emt_system *s, int32_t i, int32_t end, int known,
                                  emt_group *group)
{
    const emt_geometry *g = &s->geometry;
    int64_t at = 0;
    group->row = i;
    group->n_rows = 0;
    for (; i < end && group->n_rows < EMT_GROUP_ROWS; i++) {
        emt_cursor c = {s->atoms.first[i], (int64_t)g->row[i] + g->count[i]};
        if (!known) {
            c = emt_row_half_near(g, i);
            s->atoms.first[i] = c.next;
        }
        const int64_t last = emt_pick(g, i, &c, &s->chunk, at, ATH__EMT_CHUNK);
        if (c.next < c.end) {
            return;
        }
        emt_fill_up(s, i, &s->chunk, last);
        group->at[group->n_rows] = (int32_t)at;
        group->n_pairs[group->n_rows++] = (int32_t)(last - at);
        at = (last + 7) / 8 * 8;
    }
}

/* True if all `EMT_WIDTH` kinds are `kind`. */
static inline int emt_alike(const int32_t *kinds, int32_t kind)
{
    int32_t differ = 0;
    for (int l = 0; l < EMT_WIDTH; l++) {
        differ |= kinds[l] ^ kind;
    }
    return differ == 0;
}

/* Terms of EMT_WIDTH pairs of an atom of kind k, from pair m on, the first `live` of which are
 * real: writes a, b, c; out: s_ij, s_ji, y_ij + y_ji. Where all are of kind k, ij and ji are the
 * same. */
static inline void emt_terms(const ath__emt_params *par, int32_t k, const emt_pairs *p, int64_t m,
                             int64_t live, emt_v out[3])
{
    const emt_v one = emt_set(1.0);
    const int32_t *kind = p->kind + m;
    const emt_v x = emt_load(p->x + m), y = emt_load(p->y + m), z = emt_load(p->z + m);
    const emt_v r = emt_sqrt(emt_fma(z, z, emt_fma(y, y, x * x)));
    const emt_v e = emt_exp((r - emt_set(par->rc)) * emt_set(par->acut));
    const emt_v e1 = one + e, w = one / (r * e1);
    const emt_v inv_r = w * e1, theta = w * r;
    const emt_v on = emt_keep(theta, live), u = emt_set(par->acut) * (e * theta);
    const emt_v eta_i = emt_set(par->eta[k]), kappa_i = emt_set(par->kappa[k]);
    const emt_v s_ji = emt_exp(emt_fma(eta_i, r, emt_look(par->density_t[k], kind))) * on;
    const emt_v y_ji = emt_exp(emt_fma(kappa_i, r, emt_look(par->pair_t[k], kind))) * on;
    emt_v s_ij = s_ji, y_ij = y_ji, eta_j = eta_i, kappa_j = kappa_i;
    if (!emt_alike(kind, k)) {
        eta_j = emt_look(par->eta, kind);
        kappa_j = emt_look(par->kappa, kind);
        s_ij = emt_exp(emt_fma(eta_j, r, emt_look(par->density[k], kind))) * on;
        y_ij = emt_exp(emt_fma(kappa_j, r, emt_look(par->pair[k], kind))) * on;
    }
    emt_store(p->a + m, emt_fma(y_ij, u - kappa_j, y_ji * (u - kappa_i)) * inv_r);
    emt_store(p->b + m, (s_ij * (u - eta_j)) * inv_r);
    emt_store(p->c + m, (s_ji * (u - eta_i)) * inv_r);
    out[0] = s_ij;
    out[1] = s_ji;
    out[2] = y_ij + y_ji;
}

/* Density pass over n pairs of row i, with what the force pass needs; sigma_lanes [8] takes what
 * they give to atom i. */
static inline void emt_density(emt_system *s, int32_t i, const emt_pairs *p, int64_t n,
                               double sigma_lanes[8])
{
    const int32_t k = s->atoms.key[i] >> EMT_KIND_SHIFT;
    double *const sigma = s->atoms.sigma;
    emt_v own[EMT_PARTS], pair[EMT_PARTS];
    for (int h = 0; h < EMT_PARTS; h++) {
        own[h] = emt_load(sigma_lanes + h * EMT_WIDTH);
        pair[h] = emt_load(s->sums.pair + h * EMT_WIDTH);
    }
    for (int64_t m = 0; m < n; m += 8) {
        double other[8];
        for (int h = 0; h < EMT_PARTS; h++) {
            const int64_t left = n - m - h * EMT_WIDTH;
            const int64_t live = left < 0 ? 0 : (left < EMT_WIDTH ? left : EMT_WIDTH);
            emt_v t[3];
            emt_terms(s->par, k, p, m + h * EMT_WIDTH, live, t);
            own[h] += t[0];
            pair[h] += t[2];
            emt_store(other + h * EMT_WIDTH, t[1]);
        }
        for (int l = 0; l < 8; l++) {
            sigma[p->atom[m + l]] += other[l];
        }
    }
    for (int h = 0; h < EMT_PARTS; h++) {
        emt_store(sigma_lanes + h * EMT_WIDTH, own[h]);
        emt_store(s->sums.pair + h * EMT_WIDTH, pair[h]);
    }
}

/* s_ij and s_ji alone, with the same bits. */
static inline void emt_sigma_terms(const ath__emt_params *par, int32_t k, const emt_pairs *p,
                                   int64_t m, int64_t live, emt_v out[2])
{
    const emt_v one = emt_set(1.0);
    const int32_t *kind = p->kind + m;
    const emt_v x = emt_load(p->x + m), y = emt_load(p->y + m), z = emt_load(p->z + m);
    const emt_v r = emt_sqrt(emt_fma(z, z, emt_fma(y, y, x * x)));
    const emt_v e = emt_exp((r - emt_set(par->rc)) * emt_set(par->acut));
    const emt_v w = one / (r * (one + e)), on = emt_keep(w * r, live);
    out[0] = out[1] =
        emt_exp(emt_fma(emt_set(par->eta[k]), r, emt_look(par->density_t[k], kind))) * on;
    if (!emt_alike(kind, k)) {
        const emt_v eta_j = emt_look(par->eta, kind);
        out[0] = emt_exp(emt_fma(eta_j, r, emt_look(par->density[k], kind))) * on;
    }
}

/* Density pass over n pairs of row i that the force pass will evaluate again. */
static inline void emt_sigma(emt_system *s, int32_t i, const emt_pairs *p, int64_t n,
                             double sigma_lanes[8])
{
    const int32_t k = s->atoms.key[i] >> EMT_KIND_SHIFT;
    double *const sigma = s->atoms.sigma;
    emt_v own[EMT_PARTS];
    for (int h = 0; h < EMT_PARTS; h++) {
        own[h] = emt_load(sigma_lanes + h * EMT_WIDTH);
    }
    for (int64_t m = 0; m < n; m += 8) {
        double other[8];
        for (int h = 0; h < EMT_PARTS; h++) {
            const int64_t left = n - m - h * EMT_WIDTH;
            const int64_t live = left < 0 ? 0 : (left < EMT_WIDTH ? left : EMT_WIDTH);
            emt_v t[2];
            emt_sigma_terms(s->par, k, p, m + h * EMT_WIDTH, live, t);
            own[h] += t[0];
            emt_store(other + h * EMT_WIDTH, t[1]);
        }
        for (int l = 0; l < 8; l++) {
            sigma[p->atom[m + l]] += other[l];
        }
    }
    for (int h = 0; h < EMT_PARTS; h++) {
        emt_store(sigma_lanes + h * EMT_WIDTH, own[h]);
    }
}

/* a, b, c of n pairs of row i that are not kept, and their energy. */
static inline void emt_again(emt_system *s, int32_t i, const emt_pairs *p, int64_t n)
{
    const int32_t k = s->atoms.key[i] >> EMT_KIND_SHIFT;
    for (int64_t m = 0; m < n; m += EMT_WIDTH) {
        double *const pair = s->sums.pair + m % 8;
        emt_v t[3];
        emt_terms(s->par, k, p, m, n - m < EMT_WIDTH ? n - m : EMT_WIDTH, t);
        emt_store(pair, emt_load(pair) + t[2]);
    }
    for (int64_t m = (n + EMT_WIDTH - 1) / EMT_WIDTH * EMT_WIDTH; m % 8 != 0; m++) {
        p->a[m] = p->b[m] = p->c[m] = 0.0;
    }
}

/* Force pass over n pairs of row i; lanes takes what they give to atom i, and to the stress. */
static inline void emt_push(emt_system *s, int32_t i, const emt_pairs *p, int64_t n,
                            double lanes[3][8], int want_stress)
{
    const double *const slope = s->atoms.slope;
    double *const force = s->atoms.force;
    const emt_v slope_i = emt_set(slope[i]);
    emt_v own[3][EMT_PARTS], stress[6][EMT_PARTS];
    for (int h = 0; h < EMT_PARTS; h++) {
        for (int k = 0; k < 3; k++) {
            own[k][h] = emt_load(lanes[k] + h * EMT_WIDTH);
        }
        for (int k = 0; want_stress && k < 6; k++) {
            stress[k][h] = emt_load(s->sums.stress[k] + h * EMT_WIDTH);
        }
    }
    for (int64_t m = 0; m < n; m += 8) {
        double f[3][8];
        for (int h = 0; h < EMT_PARTS; h++) {
            const int64_t at = m + h * EMT_WIDTH;
            const emt_v slope_j = emt_gather(slope, p->atom + at);
            const emt_v x = emt_load(p->x + at), y = emt_load(p->y + at), z = emt_load(p->z + at);
            const emt_v g = (emt_load(p->a + at) - slope_i * emt_load(p->b + at)) -
                            slope_j * emt_load(p->c + at);
            const emt_v fx = g * x, fy = g * y, fz = g * z;
            own[0][h] += fx;
            own[1][h] += fy;
            own[2][h] += fz;
            emt_store(f[0] + h * EMT_WIDTH, fx);
            emt_store(f[1] + h * EMT_WIDTH, fy);
            emt_store(f[2] + h * EMT_WIDTH, fz);
            if (want_stress) {
                stress[0][h] = emt_fma(fx, x, stress[0][h]);
                stress[1][h] = emt_fma(fy, y, stress[1][h]);
                stress[2][h] = emt_fma(fz, z, stress[2][h]);
                stress[3][h] = emt_fma(fy, z, stress[3][h]);
                stress[4][h] = emt_fma(fx, z, stress[4][h]);
                stress[5][h] = emt_fma(fx, y, stress[5][h]);
            }
        }
        for (int l = 0; l < 8; l++) {
            double *to = force + 4 * (int64_t)p->atom[m + l];
            to[0] -= f[0][l];
            to[1] -= f[1][l];
            to[2] -= f[2][l];
        }
    }
    for (int h = 0; h < EMT_PARTS; h++) {
        for (int k = 0; k < 3; k++) {
            emt_store(lanes[k] + h * EMT_WIDTH, own[k][h]);
        }
        for (int k = 0; want_stress && k < 6; k++) {
            emt_store(s->sums.stress[k] + h * EMT_WIDTH, stress[k][h]);
        }
    }
}

/* Passes over the pairs of a row that does not fit into the chunk, a piece at a time: lane of pair
 * m stays m mod 8. */
static void emt_stream_row(emt_system *s, int32_t i, double lanes[3][8], int forces,
                           int want_stress)
{
    const emt_pairs *p = &s->chunk;
    emt_cursor c = emt_row_half(&s->geometry, i);
    int64_t held = 0;
    for (int last = 0; !last;) {
        const int64_t at = emt_pick(&s->geometry, i, &c, p, held, ATH__EMT_CHUNK);
        last = c.next >= c.end;
        if (last) {
            emt_fill_up(s, i, p, at);
        }
        const int64_t n = last ? at : at / 8 * 8;
        if (forces) {
            emt_again(s, i, p, n);
            emt_push(s, i, p, n, lanes, want_stress);
        } else {
            emt_sigma(s, i, p, n, lanes[0]);
        }
        held = at - n;
        for (int64_t m = 0; m < held; m++) {
            p->x[m] = p->x[n + m];
            p->y[m] = p->y[n + m];
            p->z[m] = p->z[n + m];
            p->atom[m] = p->atom[n + m];
            p->kind[m] = p->kind[n + m];
        }
    }
}

/* Density pass over the rows of a group; those before `end` come next. */
static inline void emt_density_group(emt_system *s, const emt_group *group, int32_t end)
{
    for (int32_t r = 0; r < group->n_rows; r++) {
        emt_prefetch_half(s, group->row + group->n_rows + r, end, 0);
        double lanes[8] = {0.0};
        const emt_pairs p = emt_pairs_from(&s->chunk, group->at[r]);
        emt_sigma(s, group->row + r, &p, group->n_pairs[r], lanes);
        s->atoms.sigma[group->row + r] += emt_sum8(lanes);
    }
}

/* Density pass over a row that does not fit into the chunk. */
static inline void emt_density_long(emt_system *s, int32_t i)
{
    double lanes[3][8] = {{0.0}};
    emt_stream_row(s, i, lanes, 0, 0);
    s->atoms.sigma[i] += emt_sum8(lanes[0]);
}

static inline void emt_add_force(emt_system *s, int32_t i, double lanes[3][8])
{
    for (int k = 0; k < 3; k++) {
        s->atoms.force[4 * (int64_t)i + k] += emt_sum8(lanes[k]);
    }
}

/* Force pass over the rows begin .. end - 1, which are not kept. */
static void emt_force_again(emt_system *s, int32_t begin, int32_t end, int want_stress)
{
    emt_group group;
    for (int32_t i = begin; i < end;) {
        emt_pick_group(s, i, end, 1, &group);
        for (int32_t r = 0; r < group.n_rows; r++, i++) {
            emt_prefetch_half(s, i + group.n_rows, end, 1);
            double lanes[3][8] = {{0.0}};
            const emt_pairs p = emt_pairs_from(&s->chunk, group.at[r]);
            emt_again(s, i, &p, group.n_pairs[r]);
            emt_push(s, i, &p, group.n_pairs[r], lanes, want_stress);
            emt_add_force(s, i, lanes);
        }
        if (group.n_rows == 0) {
            double lanes[3][8] = {{0.0}};
            emt_stream_row(s, i, lanes, 1, want_stress);
            emt_add_force(s, i++, lanes);
        }
    }
}

/* F(sigma) and its derivative, 8 atoms at a time. With L = ln(sigma / 12), ds = -L / (beta eta2):
 * F = E0 ((1 + x) exp(-x) - 1) + 6 V0 exp(-kappa ds), x = lambda ds = -p L. An atom that no other
 * reaches (sigma 0) has F = -E0. Of the atoms begin .. n - 1; returns the sum of F. */
static inline double emt_embed(emt_system *s, int32_t begin, int32_t n)
{
    const ath__emt_params *par = s->par;
    emt_v sum[EMT_PARTS];
    for (int h = 0; h < EMT_PARTS; h++) {
        sum[h] = emt_set(0.0);
    }
    for (int32_t i = begin; i < n; i += 8) {
        double sigma[8], log_sigma[8];
        int32_t kind[8];
        for (int l = 0; l < 8; l++) {
            sigma[l] = i + l < n ? s->atoms.sigma[i + l] : 12.0;
            kind[l] = i + l < n ? s->atoms.key[i + l] >> EMT_KIND_SHIFT : 0;
            log_sigma[l] = (sigma[l] > 0.0 || sigma[l] != sigma[l] ? sigma[l] : 12.0) / 12.0;
        }
        ath__ln8(log_sigma, log_sigma);
        double slope[8];
        for (int h = 0; h < EMT_PARTS; h++) {
            const int32_t *k = kind + h * EMT_WIDTH;
            const int64_t left = n - i - h * EMT_WIDTH;
            const int64_t live = left < 0 ? 0 : (left < EMT_WIDTH ? left : EMT_WIDTH);
            const emt_v v = emt_load(sigma + h * EMT_WIDTH),
                        big = emt_load(log_sigma + h * EMT_WIDTH);
            const emt_v e0 = emt_look(par->e0, k), a = emt_look(par->p, k), b = emt_look(par->q, k);
            const emt_v t = a * big, y = emt_exp(t), z = emt_look(par->v6, k) * emt_exp(b * big);
            const emt_v one = emt_set(1.0), zero = emt_set(0.0);
            const emt_v f = emt_fma(e0, (one - t) * y - one, z);
            const emt_v d = (b * z - (t * y) * (e0 * a)) / v;
            sum[h] += emt_keep(emt_isolated(v, zero - e0, f), live);
            emt_store(slope + h * EMT_WIDTH, emt_isolated(v, zero, d));
        }
        for (int l = 0; l < 8 && i + l < n; l++) {
            s->atoms.slope[i + l] = slope[l];
        }
    }
    double lanes[8];
    for (int h = 0; h < EMT_PARTS; h++) {
        emt_store(lanes + h * EMT_WIDTH, sum[h]);
    }
    return emt_sum8(lanes);
}

/* Stress of a system that is periodic along all three vectors; zero otherwise. */
static inline void emt_write_stress(const emt_system *s, const ath__force_args *a, int32_t slot)
{
    static const int at[9] = {0, 5, 4, 5, 1, 3, 4, 3, 2};
    const int32_t *pbc = a->view.pbc + 3 * (int64_t)slot;
    double *stress = a->view.stress + 9 * (int64_t)slot;
    const int periodic = pbc[0] && pbc[1] && pbc[2];
    const double volume = ath__cell_volume(a->view.cell + 9 * (int64_t)slot);
    for (int k = 0; k < 9; k++) {
        stress[k] = periodic ? emt_sum8(s->sums.stress[at[k]]) / volume : 0.0;
    }
}

#endif
