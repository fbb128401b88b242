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
 * Not here: threads within one system, float32.
 */
#include "data/cell.h"
#include "models/emt.h"
#include "models/emt_pick.h"

enum {
    EMT_PARTS = 8 / EMT_WIDTH,
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
    int64_t *first;   /* pair, of a kept row; a multiple of 8 */
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

/* Kind and wrap of each atom in one number, or `wide` if the wraps are too far apart. */
static inline void emt_keys(emt_system *s, const int32_t *numbers)
{
    emt_geometry *g = &s->geometry;
    int32_t low[3] = {INT32_MAX, INT32_MAX, INT32_MAX}, high[3] = {INT32_MIN, INT32_MIN, INT32_MIN};
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
    for (int64_t i = 0; i < g->n; i++) {
        const int32_t z = numbers[i];
        int32_t key = z >= 0 && z < ATH__EMT_NUMBERS ? s->par->kind[z] : ATH__EMT_UNKNOWN;
        for (int k = 2; k >= 0; k--) {
            key = key * (1 << EMT_WRAP_BITS) + (g->wide ? 0 : g->wrap[3 * i + k] - low[k]);
        }
        s->atoms.key[i] = key;
    }
}

static inline void emt_load_system(emt_system *s, const ath__force_args *a, int32_t slot)
{
    const int64_t first = a->view.first[slot];
    const int32_t n = a->view.n_atoms[slot];
    const double *positions = a->view.positions + 3 * first;
    emt_geometry *g = &s->geometry;
    emt_layout(s, n, a->work, a->work_bytes);
    g->n = n;
    g->cutoff2 = s->par->cutoff2;
    g->row = a->list.row + first;
    g->count = a->list.count + first;
    g->wrap = a->list.wrap + 3 * first;
    g->entry = a->list.entry + a->list.start[slot];
    ath__cell_complete(a->view.cell + 9 * (int64_t)slot, a->view.pbc + 3 * (int64_t)slot, g->h);
    emt_atoms *t = &s->atoms;
    for (int64_t i = 0; i < n; i++) {
        t->x[i] = positions[3 * i];
        t->y[i] = positions[3 * i + 1];
        t->z[i] = positions[3 * i + 2];
    }
    for (int64_t i = 0; i <= n; i++) {
        t->sigma[i] = 0.0;
        for (int k = 0; k < 4; k++) {
            t->force[4 * i + k] = 0.0;
        }
    }
    t->slope[n] = 0.0;
    g->x = t->x;
    g->y = t->y;
    g->z = t->z;
    g->key = t->key;
    emt_keys(s, a->view.numbers + first);
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

/* Density pass over n pairs of row i; sigma_lanes [8] takes what they give to atom i. */
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

/* a, b, c of n pairs of row i once more, as the density pass had them. */
static inline void emt_again(const emt_system *s, int32_t i, const emt_pairs *p, int64_t n)
{
    const int32_t k = s->atoms.key[i] >> EMT_KIND_SHIFT;
    for (int64_t m = 0; m < n; m += EMT_WIDTH) {
        emt_v unused[3];
        emt_terms(s->par, k, p, m, n - m < EMT_WIDTH ? n - m : EMT_WIDTH, unused);
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

/* Passes over the pairs of a row that is not kept, a chunk at a time: lane of pair m stays m mod 8.
 */
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
            emt_density(s, i, p, n, lanes[0]);
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

static inline void emt_density_rows(emt_system *s)
{
    for (int32_t i = 0; i < s->geometry.n; i++) {
        double lanes[3][8] = {{0.0}};
        emt_prefetch_next(s);
        if (i < s->n_kept) {
            const emt_pairs p = emt_pairs_from(&s->kept, s->atoms.first[i]);
            emt_density(s, i, &p, s->atoms.n_pairs[i], lanes[0]);
        } else {
            emt_stream_row(s, i, lanes, 0, 0);
        }
        s->atoms.sigma[i] += emt_sum8(lanes[0]);
    }
}

/* F(sigma) and its derivative, 8 atoms at a time. With L = ln(sigma / 12), ds = -L / (beta eta2):
 * F = E0 ((1 + x) exp(-x) - 1) + 6 V0 exp(-kappa ds), x = lambda ds = -p L. An atom that no other
 * reaches (sigma 0) has F = -E0. */
static inline void emt_embed(emt_system *s)
{
    const ath__emt_params *par = s->par;
    const int32_t n = s->geometry.n;
    emt_v sum[EMT_PARTS];
    for (int h = 0; h < EMT_PARTS; h++) {
        sum[h] = emt_set(0.0);
    }
    for (int32_t i = 0; i < n; i += 8) {
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
    s->energy = emt_sum8(lanes);
}

static inline void emt_force_rows(emt_system *s, int want_stress)
{
    for (int32_t i = 0; i < s->geometry.n; i++) {
        double lanes[3][8] = {{0.0}};
        if (i < s->n_kept) {
            const emt_pairs p = emt_pairs_from(&s->kept, s->atoms.first[i]);
            emt_push(s, i, &p, s->atoms.n_pairs[i], lanes, want_stress);
        } else {
            emt_stream_row(s, i, lanes, 1, want_stress);
        }
        for (int k = 0; k < 3; k++) {
            s->atoms.force[4 * (int64_t)i + k] += emt_sum8(lanes[k]);
        }
    }
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
    emt_embed(&s);
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
    if (share->member != 0) {
        return;
    }
    const ath__force_args *a = args;
    const int32_t n = *a->n_slots;
    for (int32_t k = 0; k < n; k++) {
        const int32_t slot = a->slots[k];
        if (!(a->view.flags[slot] & ATH__SLOT_STALLED)) {
            emt_compute(a, slot, a->slots[k + 1 < n ? k + 1 : k]);
        }
    }
}
