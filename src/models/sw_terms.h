/* Pairs, moments and forces of the Stillinger-Weber potential, eight atoms side by side. Private to
 * sw_kernel.c, where the formulas stand.
 *
 * A lane without a neighbour has kind -1 and is passed over by selection. Sums of a group are
 * carried in memory from one piece of its rows to the next.
 */
#ifndef ATHANOR_MODELS_SW_TERMS_H
#define ATHANOR_MODELS_SW_TERMS_H

#include "models/sw_lanes.h"
#include "models/sw_pick.h"

/* A neighbour of each of eight atoms. */
typedef struct sw_record {
    double x[8], y[8], z[8]; /* r_ij, angstrom */
    double per_r[8];         /* 1 / r */
    double g[8], dg[8];      /* g_j, and its derivative by r; 0 where there is no neighbour */
    double dphi[8];          /* derivative of phi2 by r, eV/angstrom; 0 likewise */
    int32_t atom[8];         /* j; the first of the group where there is no neighbour */
    int32_t kind[8];         /* of j; -1 where there is no neighbour, or none within its cutoff */
} sw_record;

/* With many kinds g also as atom j has it. */
typedef struct sw_record_many {
    sw_record one;
    double g[8], dg[8];
} sw_record_many;

ATH__STATIC_ASSERT(sizeof(sw_record) == ATH__SW_RECORD_BYTES, "record");
ATH__STATIC_ASSERT(sizeof(sw_record_many) == ATH__SW_RECORD_MANY_BYTES, "record");

/* Where the records of a group begin, and how many there are; depth -1: they are not kept. */
typedef struct sw_kept {
    int32_t at, depth;
} sw_kept;

typedef struct sw_system {
    const ath__sw_params *par;
    sw_rows rows;
    int32_t n;
    int32_t n_present, present[ATH__SW_KINDS]; /* kinds of its atoms */
    int32_t stride;                            /* kinds for which moments are kept */
    int32_t pair;                              /* one kind: where its pairs stand in the tables */
    double weight[ATH__SW_MOMENTS];            /* one kind: of its moments, eV */
    const int32_t *row, *count;                /* [n], of the list */
    int32_t *kind;                             /* [n] */
    sw_point *points;                          /* [n] */
    double *moments;                           /* [n][stride][ATH__SW_MOMENTS], eV */
    sw_kept *kept;                             /* [groups] */
    double (*sums)[8]; /* [blocks] energy of angles, r T, energy of pairs; eV */
    double lane[8][8]; /* the same of the present block, by lane */
    unsigned char *scratch, *records;
    int64_t n_records, max_records;
    int32_t record_bytes;
    double *forces; /* [n][3] */
    const ath__share *share;
    int32_t begin, end;          /* atoms of this member */
    const char *next, *next_end; /* what is still to be asked for of the next system's list */
} sw_system;

/* A group: its atoms, and what is added up for them. */
typedef struct sw_group {
    int32_t first, n;        /* atoms first ... first + n - 1 */
    int32_t depth;           /* records */
    int64_t next[8], end[8]; /* what is left of their rows */
    int32_t kind[8];
    double phi[8]; /* sum of phi2, eV */
    double force[3][8];
    double energy[8], virial[6][8]; /* 4 times the energy of angles; r T: xx yy zz yz xz xy; eV */
    double m[ATH__SW_KINDS][ATH__SW_MOMENTS][8];
} sw_group;

SW_INLINE sw_record *sw_record_at(const sw_system *s, void *records, int32_t m)
{
    return (sw_record *)((unsigned char *)records + (int64_t)m * s->record_bytes);
}

/* ---- pairs ---- */

/* Where the parameters of the pairs ij and ji stand in the tables, for one part. */
SW_INLINE void sw_pair_places(const sw_system *s, const int32_t *i, const int32_t *j, int32_t *ij,
                              int32_t *ji)
{
    const int32_t n = s->par->n_kinds;
    for (int l = 0; l < SW_WIDTH; l++) {
        const int32_t k = j[l] < 0 ? 0 : j[l];
        ij[l] = i[l] * n + k;
        ji[l] = k * n + i[l];
    }
}

SW_INLINE sw_v sw_look(const double *table, const int32_t *places, int32_t place, int one_kind)
{
    return one_kind ? sw_set(table[place]) : sw_gather(table, places);
}

/* Fills part o ... of record r from r_ij; returns phi2. */
SW_INLINE sw_v sw_pair(const sw_system *s, const int32_t *kind, sw_record *r, int o, int one_kind)
{
    const ath__sw_params *par = s->par;
    int32_t ij[8], ji[8];
    if (!one_kind) {
        sw_pair_places(s, kind + o, r->kind + o, ij, ji);
    }
#define SW_LOOK(table) sw_look(par->table, ij, s->pair, one_kind)
    const sw_v sigma = SW_LOOK(sigma), decay = SW_LOOK(decay), p = SW_LOOK(p), q = SW_LOOK(q);
    const sw_v x = sw_load(r->x + o), y = sw_load(r->y + o), z = sw_load(r->z + o);
    const sw_v r2 = sw_fma(z, z, sw_fma(y, y, x * x)), d = sw_sqrt(r2);
    const sw_m near = sw_near(sw_there(r->kind + o), r2, SW_LOOK(cutoff2));
    const sw_v below = sw_at_most(d - SW_LOOK(range), SW_LOOK(nearest));
    const sw_v w = sw_set(1.0) / (d * below);
    const sw_v per_r = w * below, per_d = w * d, d2 = per_d * per_d, ratio = sigma * per_r;
    const sw_v rp = par->p_whole >= 0 ? sw_power(ratio, par->p_whole) : sw_any_power(ratio, p);
    const sw_v rq = par->q_whole >= 0 ? sw_power(ratio, par->q_whole) : sw_any_power(ratio, q);
    const sw_v brp = SW_LOOK(b) * rp, core = brp - rq, slope = sw_fma(p, brp, -(q * rq));
    const sw_v full = SW_LOOK(depth) * sw_exp(sigma * per_d);
    const sw_v fall = sw_fma(slope, per_r, core * (sigma * d2));
    const sw_v g = sw_keep(near, sw_exp(decay * per_d));
    sw_store(r->per_r + o, per_r);
    sw_store(r->dphi + o, sw_keep(near, -(full * fall)));
    sw_store(r->g + o, g);
    sw_store(r->dg + o, sw_keep(near, -((decay * d2) * g)));
    if (!one_kind) {
        sw_record_many *rm = (sw_record_many *)r;
        const sw_v other = sw_gather(par->decay, ji);
        const sw_v g2 = sw_keep(near, sw_exp(other * per_d));
        const unsigned bits = sw_bits(near);
        sw_store(rm->g + o, g2);
        sw_store(rm->dg + o, sw_keep(near, -((other * d2) * g2)));
        for (int l = 0; l < SW_WIDTH; l++) {
            r->kind[o + l] = bits >> l & 1U ? r->kind[o + l] : -1;
        }
    }
#undef SW_LOOK
    return sw_keep(near, full * core);
}

SW_INLINE void sw_pairs(const sw_system *s, const sw_group *g, void *records, int one_kind)
{
    for (int32_t k = 0; k < g->depth; k++) {
        for (int o = 0; o < 8; o += SW_WIDTH) {
            sw_pair(s, g->kind, sw_record_at(s, records, k), o, one_kind);
        }
    }
}

/* ---- first pass ---- */

/* g, g u, g u u of a record. */
SW_INLINE void sw_products(const sw_record *r, int o, sw_v out[ATH__SW_MOMENTS])
{
    const sw_v per_r = sw_load(r->per_r + o), g = sw_load(r->g + o);
    const sw_v x = sw_load(r->x + o) * per_r, y = sw_load(r->y + o) * per_r,
               z = sw_load(r->z + o) * per_r;
    out[0] = g;
    out[1] = g * x;
    out[2] = g * y;
    out[3] = g * z;
    out[4] = out[1] * x;
    out[5] = out[2] * y;
    out[6] = out[3] * z;
    out[7] = out[2] * z;
    out[8] = out[1] * z;
    out[9] = out[1] * y;
}

/* Fills the records, adds phi2 and the moments. */
SW_INLINE void sw_gain_one_kind(const sw_system *s, sw_group *g, void *records)
{
    for (int o = 0; o < 8; o += SW_WIDTH) {
        sw_v phi = sw_load(g->phi + o), m[ATH__SW_MOMENTS], p[ATH__SW_MOMENTS];
        for (int c = 0; c < ATH__SW_MOMENTS; c++) {
            m[c] = sw_load(g->m[0][c] + o);
        }
        for (int32_t k = 0; k < g->depth; k++) {
            sw_record *r = sw_record_at(s, records, k);
            phi = phi + sw_pair(s, g->kind, r, o, 1);
            sw_products(r, o, p);
            for (int c = 0; c < ATH__SW_MOMENTS; c++) {
                m[c] = m[c] + p[c];
            }
        }
        sw_store(g->phi + o, phi);
        for (int c = 0; c < ATH__SW_MOMENTS; c++) {
            sw_store(g->m[0][c] + o, m[c]);
        }
    }
}

/* The same with moments for each kind of the other end of an angle. */
SW_INLINE void sw_gain_many_kinds(const sw_system *s, sw_group *g, void *records)
{
    const ath__sw_params *par = s->par;
    for (int32_t k = 0; k < g->depth; k++) {
        sw_record *r = sw_record_at(s, records, k);
        for (int o = 0; o < 8; o += SW_WIDTH) {
            sw_v p[ATH__SW_MOMENTS];
            sw_store(g->phi + o, sw_load(g->phi + o) + sw_pair(s, g->kind, r, o, 0));
            sw_products(r, o, p);
            for (int32_t t = 0; t < s->n_present; t++) {
                int32_t at[SW_WIDTH];
                for (int l = 0; l < SW_WIDTH; l++) {
                    const int32_t j = r->kind[o + l] < 0 ? 0 : r->kind[o + l];
                    at[l] = (g->kind[o + l] * par->n_kinds + s->present[t]) * par->n_kinds + j;
                }
                const sw_v w[3] = {sw_gather(par->angle0, at), sw_gather(par->angle1, at),
                                   sw_gather(par->angle2, at)};
                for (int c = 0; c < ATH__SW_MOMENTS; c++) {
                    double *m = g->m[t][c] + o;
                    sw_store(m, sw_fma(w[(c > 0) + (c > 3)], p[c], sw_load(m)));
                }
            }
        }
    }
}

/* Puts the moments of a group where its neighbours find them. */
SW_INLINE void sw_put_moments(const sw_system *s, const sw_group *g, int one_kind)
{
    for (int32_t t = 0; t < s->n_present; t++) {
        const int32_t at = one_kind ? 0 : s->present[t];
        for (int l = 0; l < g->n; l++) {
            double *to = s->moments + ((int64_t)(g->first + l) * s->stride + at) * ATH__SW_MOMENTS;
            for (int c = 0; c < ATH__SW_MOMENTS; c++) {
                const double m = g->m[t][c][l];
                to[c] = one_kind ? s->weight[c] * m : m;
            }
        }
    }
}

/* ---- second pass ---- */

/* What is added up in one part: f, then the energy and r T. */
typedef struct sw_sum {
    sw_v force[3], energy, virial[6];
} sw_sum;

SW_INLINE void sw_load_sum(const sw_group *g, int o, int want, sw_sum *sum)
{
    for (int c = 0; c < 3; c++) {
        sum->force[c] = sw_load(g->force[c] + o);
    }
    if (want) {
        sum->energy = sw_load(g->energy + o);
        for (int c = 0; c < 6; c++) {
            sum->virial[c] = sw_load(g->virial[c] + o);
        }
    }
}

SW_INLINE void sw_store_sum(sw_group *g, int o, int want, const sw_sum *sum)
{
    for (int c = 0; c < 3; c++) {
        sw_store(g->force[c] + o, sum->force[c]);
    }
    if (want) {
        sw_store(g->energy + o, sum->energy);
        for (int c = 0; c < 6; c++) {
            sw_store(g->virial[c] + o, sum->virial[c]);
        }
    }
}

/* Adds T and a part of the energy, where there is a neighbour. */
SW_INLINE void sw_add(sw_sum *sum, const sw_v d[3], const sw_v t[3], sw_v part, sw_m there,
                      int want)
{
    sw_v f[3];
    for (int c = 0; c < 3; c++) {
        f[c] = sw_keep(there, t[c]);
        sum->force[c] = sum->force[c] + f[c];
    }
    if (want) {
        const sw_v half = sw_set(0.5);
        sum->energy = sum->energy + sw_keep(there, part);
        for (int c = 0; c < 3; c++) {
            const int a = (c + 1) % 3, b = (c + 2) % 3; /* T is not along r: the mean */
            sum->virial[c] = sw_fma(d[c], f[c], sum->virial[c]);
            sum->virial[3 + c] = sw_fma(half, sw_fma(d[a], f[b], d[b] * f[a]), sum->virial[3 + c]);
        }
    }
}

/* W2 r / r, for a vector r. */
SW_INLINE void sw_turn(const sw_v m[ATH__SW_MOMENTS], const sw_v d[3], sw_v per_r, sw_v out[3])
{
    out[0] = per_r * sw_fma(m[4], d[0], sw_fma(m[9], d[1], m[8] * d[2]));
    out[1] = per_r * sw_fma(m[9], d[0], sw_fma(m[5], d[1], m[7] * d[2]));
    out[2] = per_r * sw_fma(m[8], d[0], sw_fma(m[7], d[1], m[6] * d[2]));
}

SW_INLINE sw_v sw_dot(const sw_v a[3], const sw_v b[3])
{
    return sw_fma(a[0], b[0], sw_fma(a[1], b[1], a[2] * b[2]));
}

/* All of one kind: g is the same from both sides, so moments are added first. */
SW_INLINE void sw_force_one_kind(const sw_system *s, const sw_record *r, const sw_v *own, int o,
                                 int want, sw_sum *sum)
{
    const sw_v twice_same = sw_set(2.0 * s->par->same[s->pair]);
    const sw_v d[3] = {sw_load(r->x + o), sw_load(r->y + o), sw_load(r->z + o)};
    const sw_v per_r = sw_load(r->per_r + o), g = sw_load(r->g + o);
    int32_t at[SW_WIDTH];
    sw_v m[ATH__SW_MOMENTS], u[3], t[3];
    for (int l = 0; l < SW_WIDTH; l++) {
        at[l] = r->atom[o + l] * ATH__SW_MOMENTS;
    }
    for (int c = 0; c < ATH__SW_MOMENTS; c++) {
        const sw_v other = sw_gather(s->moments + c, at);
        m[c] = c > 0 && c < 4 ? own[c] - other : own[c] + other;
    }
    sw_turn(m, d, per_r, u);
    const sw_v a = per_r * sw_dot(d, u), b = per_r * sw_dot(d, m + 1);
    const sw_v big = (a - (b + b)) + (m[0] - twice_same * g), h = (g + g) * per_r;
    const sw_v turn = sw_load(r->dphi + o) - h * (a - b);
    const sw_v along = per_r * sw_fma(sw_load(r->dg + o), big, turn);
    for (int c = 0; c < 3; c++) {
        t[c] = sw_fma(along, d[c], h * (u[c] - m[1 + c]));
    }
    sw_add(sum, d, t, g * big, sw_there(r->kind + o), want);
}

/* One end of a distance: g as it has it, its derivative, lambda eps (1 - c0)^2; away: r points away
 * from it. */
typedef struct sw_end {
    sw_v g, dg, same;
    int away;
} sw_end;

/* What the angles at one end give: to T along r, to T, to the energy. m: the moments there. */
SW_INLINE void sw_add_end(const sw_end *end, const sw_v m[ATH__SW_MOMENTS], const sw_v d[3],
                          sw_v per_r, sw_v out[5])
{
    sw_v u[3], v[3];
    for (int c = 0; c < 3; c++) {
        v[c] = m[1 + c];
        if (!end->away) {
            v[c] = -v[c];
        }
    }
    sw_turn(m, d, per_r, u);
    const sw_v a = per_r * sw_dot(d, u), b = per_r * sw_dot(d, v);
    const sw_v big = (a - (b + b)) + (m[0] - end->same * end->g), h = (end->g + end->g) * per_r;
    out[0] = out[0] + sw_fma(end->dg, big, -(h * (a - b)));
    for (int c = 0; c < 3; c++) {
        out[1 + c] = out[1 + c] + h * (u[c] - v[c]);
    }
    out[4] = out[4] + end->g * big;
}

SW_INLINE void sw_force_many_kinds(const sw_system *s, const sw_group *g, const sw_record *r, int o,
                                   int want, sw_sum *sum)
{
    const ath__sw_params *par = s->par;
    const sw_record_many *rm = (const sw_record_many *)r;
    const sw_v d[3] = {sw_load(r->x + o), sw_load(r->y + o), sw_load(r->z + o)};
    const sw_v per_r = sw_load(r->per_r + o), zero = sw_set(0.0);
    int32_t ij[8], ji[8], own[8], other[8];
    sw_v m[ATH__SW_MOMENTS], t[3], out[5] = {zero, zero, zero, zero, zero};
    sw_pair_places(s, g->kind + o, r->kind + o, ij, ji);
    for (int l = 0; l < SW_WIDTH; l++) {
        const int32_t i = o + l < g->n ? g->first + o + l : g->first;
        const int32_t k = r->kind[o + l] < 0 ? 0 : r->kind[o + l];
        own[l] = (i * s->stride + k) * ATH__SW_MOMENTS;
        other[l] = (r->atom[o + l] * s->stride + g->kind[o + l]) * ATH__SW_MOMENTS;
    }
    const sw_end from = {sw_load(r->g + o), sw_load(r->dg + o), sw_gather(par->same, ij), 1};
    const sw_end to = {sw_load(rm->g + o), sw_load(rm->dg + o), sw_gather(par->same, ji), 0};
    for (int c = 0; c < ATH__SW_MOMENTS; c++) {
        m[c] = sw_gather(s->moments + c, own);
    }
    sw_add_end(&from, m, d, per_r, out);
    for (int c = 0; c < ATH__SW_MOMENTS; c++) {
        m[c] = sw_gather(s->moments + c, other);
    }
    sw_add_end(&to, m, d, per_r, out);
    const sw_v along = per_r * (sw_load(r->dphi + o) + out[0]);
    for (int c = 0; c < 3; c++) {
        t[c] = sw_fma(along, d[c], out[1 + c]);
    }
    sw_add(sum, d, t, out[4], sw_there(r->kind + o), want);
}

/* Forces from the records of a group. */
SW_INLINE void sw_forces(const sw_system *s, sw_group *g, void *records, int one_kind, int want)
{
    for (int o = 0; o < 8; o += SW_WIDTH) {
        sw_sum sum;
        sw_v own[ATH__SW_MOMENTS];
        sw_load_sum(g, o, want, &sum);
        for (int c = 0; one_kind && c < ATH__SW_MOMENTS; c++) {
            own[c] = sw_load(g->m[0][c] + o);
        }
        for (int32_t k = 0; k < g->depth; k++) {
            const sw_record *r = sw_record_at(s, records, k);
            if (one_kind) {
                sw_force_one_kind(s, r, own, o, want, &sum);
            } else {
                sw_force_many_kinds(s, g, r, o, want, &sum);
            }
        }
        sw_store_sum(g, o, want, &sum);
    }
}

#endif
