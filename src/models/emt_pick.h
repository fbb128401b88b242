/* The pairs of one atom for the EMT kernel: from the rows of a neighbour list to dense arrays of
 * those within the cutoff. Private to emt_kernel.c.
 *
 * Each pair is taken once: from row i, the entries with j > i, and of the images of i itself those
 * with S lexicographically > 0. Rows ascend in j, so these are the end of the row. Kept are d =
 * r_ij with |d| < cutoff in the order of the row: what is picked, and at which place, is a function
 * of the present positions and cell alone. NaN distances are kept, so that they reach the energy.
 *
 * All variants compute d = (x_j - x_i) + S h with the operations of ath__image_vector.
 */
#ifndef ATHANOR_MODELS_EMT_PICK_H
#define ATHANOR_MODELS_EMT_PICK_H

#include "models/emt_lanes.h"
#include "neighbors/list.h"

enum {
    EMT_WRAP_BITS = 9, /* of each component of a wrap in a key */
    EMT_WRAP_MAX = (1 << EMT_WRAP_BITS) - 1,
    EMT_KIND_SHIFT = 3 * EMT_WRAP_BITS
};

/* One system, as its pairs need it. Per atom: positions by component, the key = kind and wrap
 * (above the least of the system) in one number. `wide`: the wraps do not fit, take them from the
 * list. */
typedef struct emt_geometry {
    int32_t n;
    int wide;
    double cutoff, cutoff2;
    double h[9];                /* as ath__cell_complete gives it */
    const double *x, *y, *z;    /* [n] */
    const int32_t *key;         /* [n] */
    const int32_t *wrap;        /* [n][3] */
    const int32_t *row, *count; /* [n] */
    const ath__neighbor *entry; /* of the system */
} emt_geometry;

/* Room for pairs: displacement of j from i (angstrom), index and kind of j, and the three numbers
 * that the density pass leaves for the force pass (emt_kernel.c). */
typedef struct emt_pairs {
    double *x, *y, *z;
    double *a, *b, *c;
    int32_t *atom, *kind;
} emt_pairs;

/* Where to go on in a row. */
typedef struct emt_cursor {
    int64_t next, end; /* entries of the system */
} emt_cursor;

/* First entry of row i with j >= i. Without branches that depend on the entries, so that the
 * searches of several rows run side by side. */
static inline emt_cursor emt_row_half(const emt_geometry *g, int32_t i)
{
    int64_t at = g->row[i], n = g->count[i];
    while (n > 1) {
        const int64_t half = n / 2;
        at += half & -(int64_t)(g->entry[at + half - 1].atom < i);
        n -= half;
    }
    at += n > 0 && g->entry[at].atom < i;
    const emt_cursor c = {at, (int64_t)g->row[i] + g->count[i]};
    return c;
}

/* Entries up to c->end or `limit` pairs, one by one; returns the number of pairs. */
static inline int64_t emt_pick_scalar(const emt_geometry *g, int32_t i, emt_cursor *c,
                                      const emt_pairs *p, int64_t at, int64_t limit)
{
    for (; c->next < c->end && at < limit; c->next++) {
        const int32_t j = g->entry[c->next].atom;
        int32_t s[3];
        ath__shift_unpack(g->entry[c->next].shift, s);
        if (j == i && (s[0] * 1024 + s[1]) * 1024 + s[2] <= 0) {
            continue;
        }
        double t[3];
        for (int k = 0; k < 3; k++) {
            s[k] += g->wrap[3 * (int64_t)i + k] - g->wrap[3 * (int64_t)j + k];
        }
        ath__image_vector(s, g->h, t);
        const double dx = (g->x[j] - g->x[i]) + t[0], dy = (g->y[j] - g->y[i]) + t[1],
                     dz = (g->z[j] - g->z[i]) + t[2];
        const double r2 = ath__fma(dz, dz, ath__fma(dy, dy, dx * dx));
        p->x[at] = dx;
        p->y[at] = dy;
        p->z[at] = dz;
        p->atom[at] = j;
        p->kind[at] = g->key[j] >> EMT_KIND_SHIFT;
        at += !(r2 >= g->cutoff2);
    }
    return at;
}

#if EMT_WIDTH == 8

/* Component k of the image of each pair, as numbers; wi is that component of the wrap of i. */
static inline __m256i emt_image(__m256i shift, __m256i key, __m256i wi, int k)
{
    const __m256i mask = _mm256_set1_epi32(EMT_WRAP_MAX);
    const __m256i s = _mm256_srai_epi32(_mm256_slli_epi32(shift, 22 - 10 * k), 22);
    const __m256i wj = _mm256_and_si256(_mm256_srli_epi32(key, EMT_WRAP_BITS * k), mask);
    return _mm256_add_epi32(s, _mm256_sub_epi32(wi, wj));
}

/* One component of d; h: that column of the cell. */
static inline __m512d emt_distance(const double *x, __m512d xi, __m256i j, const __m512d s[3],
                                   const __m512d h[3])
{
    const __m512d xj = _mm512_mask_i32gather_pd(_mm512_setzero_pd(), 0xff, j, x, 8);
    return (xj - xi) + ((s[0] * h[0] + s[1] * h[1]) + s[2] * h[2]);
}

static inline int64_t emt_pick(const emt_geometry *g, int32_t i, emt_cursor *c, const emt_pairs *p,
                               int64_t at, int64_t limit)
{
    if (g->wide) {
        return emt_pick_scalar(g, i, c, p, at, limit);
    }
    const ath__neighbor *const entry = g->entry;
    const double *const x = g->x, *const y = g->y, *const z = g->z;
    const int32_t *const keys = g->key;
    const emt_pairs to = *p;
    const int64_t end = c->end;
    int64_t next = c->next;
    const __m512d xi = emt_set(x[i]), yi = emt_set(y[i]), zi = emt_set(z[i]);
    const __m512d hx[3] = {emt_set(g->h[0]), emt_set(g->h[3]), emt_set(g->h[6])},
                  hy[3] = {emt_set(g->h[1]), emt_set(g->h[4]), emt_set(g->h[7])},
                  hz[3] = {emt_set(g->h[2]), emt_set(g->h[5]), emt_set(g->h[8])};
    const __m512d cutoff2 = emt_set(g->cutoff2);
    const __m256i vi = _mm256_set1_epi32(i);
    const __m256i w0 = _mm256_set1_epi32(keys[i] & EMT_WRAP_MAX),
                  w1 = _mm256_set1_epi32((keys[i] >> EMT_WRAP_BITS) & EMT_WRAP_MAX),
                  w2 = _mm256_set1_epi32((keys[i] >> (2 * EMT_WRAP_BITS)) & EMT_WRAP_MAX);
    for (; next < end && at + 8 <= limit; next += 8) {
        const uint32_t left = (uint32_t)(end - next < 8 ? end - next : 8);
        const __mmask8 live = (__mmask8)_bzhi_u32(0xff, left);
        const __m512i e = _mm512_maskz_loadu_epi64(live, entry + next);
        const __m256i j = _mm512_cvtepi64_epi32(e);
        const __m256i shift = _mm512_cvtepi64_epi32(_mm512_srli_epi64(e, 32));
        const __m256i key = _mm256_mmask_i32gather_epi32(_mm256_setzero_si256(), 0xff, j, keys, 4);
        const __m256i s0 = emt_image(shift, key, w0, 0), s1 = emt_image(shift, key, w1, 1),
                      s2 = emt_image(shift, key, w2, 2);
        const __m512d s[3] = {_mm512_cvtepi32_pd(s0), _mm512_cvtepi32_pd(s1),
                              _mm512_cvtepi32_pd(s2)};
        const __m512d dx = emt_distance(x, xi, j, s, hx), dy = emt_distance(y, yi, j, s, hy),
                      dz = emt_distance(z, zi, j, s, hz);
        const __m512d r2 = emt_fma(dz, dz, emt_fma(dy, dy, dx * dx));
        const __m256i order = _mm256_add_epi32(
            _mm256_add_epi32(_mm256_slli_epi32(s0, 20), _mm256_slli_epi32(s1, 10)), s2);
        const __mmask8 own = _mm256_cmpeq_epi32_mask(j, vi);
        const __mmask8 back = _mm256_mask_cmple_epi32_mask(own, order, _mm256_setzero_si256());
        const __mmask8 near =
            _mm512_mask_cmp_pd_mask((__mmask8)(live & ~back), r2, cutoff2, _CMP_NGE_UQ);
        _mm512_storeu_pd(to.x + at, _mm512_maskz_compress_pd(near, dx));
        _mm512_storeu_pd(to.y + at, _mm512_maskz_compress_pd(near, dy));
        _mm512_storeu_pd(to.z + at, _mm512_maskz_compress_pd(near, dz));
        _mm256_storeu_si256((__m256i *)(to.atom + at), _mm256_maskz_compress_epi32(near, j));
        _mm256_storeu_si256(
            (__m256i *)(to.kind + at),
            _mm256_maskz_compress_epi32(near, _mm256_srli_epi32(key, EMT_KIND_SHIFT)));
        at += __builtin_popcount(near);
    }
    c->next = next;
    return at;
}

#elif EMT_WIDTH == 4

/* For each set of kept lanes, the lanes to take, as pairs of 32-bit lanes and as 32-bit lanes. */
static const int32_t emt_compress4[16][8] = {
    {0, 1, 0, 1, 0, 1, 0, 1}, {0, 1, 0, 1, 0, 1, 0, 1}, {2, 3, 0, 1, 0, 1, 0, 1},
    {0, 1, 2, 3, 0, 1, 0, 1}, {4, 5, 0, 1, 0, 1, 0, 1}, {0, 1, 4, 5, 0, 1, 0, 1},
    {2, 3, 4, 5, 0, 1, 0, 1}, {0, 1, 2, 3, 4, 5, 0, 1}, {6, 7, 0, 1, 0, 1, 0, 1},
    {0, 1, 6, 7, 0, 1, 0, 1}, {2, 3, 6, 7, 0, 1, 0, 1}, {0, 1, 2, 3, 6, 7, 0, 1},
    {4, 5, 6, 7, 0, 1, 0, 1}, {0, 1, 4, 5, 6, 7, 0, 1}, {2, 3, 4, 5, 6, 7, 0, 1},
    {0, 1, 2, 3, 4, 5, 6, 7}};

static inline __m128i emt_image(__m128i shift, __m128i key, __m128i wi, int k)
{
    const __m128i mask = _mm_set1_epi32(EMT_WRAP_MAX);
    const __m128i s = _mm_srai_epi32(_mm_slli_epi32(shift, 22 - 10 * k), 22);
    const __m128i wj = _mm_and_si128(_mm_srli_epi32(key, EMT_WRAP_BITS * k), mask);
    return _mm_add_epi32(s, _mm_sub_epi32(wi, wj));
}

static inline __m256d emt_distance(const double *x, __m256d xi, const int32_t *j,
                                   const __m256d s[3], const __m256d h[3])
{
    return (emt_gather(x, j) - xi) + ((s[0] * h[0] + s[1] * h[1]) + s[2] * h[2]);
}

static inline __m256i emt_compress(__m256i x, __m256i lanes)
{
    return _mm256_permutevar8x32_epi32(x, lanes);
}

static inline void emt_compress_store(double *to, __m256d x, __m256i lanes)
{
    emt_store(to, _mm256_castsi256_pd(emt_compress(_mm256_castpd_si256(x), lanes)));
}

static inline int64_t emt_pick(const emt_geometry *g, int32_t i, emt_cursor *c, const emt_pairs *p,
                               int64_t at, int64_t limit)
{
    if (g->wide) {
        return emt_pick_scalar(g, i, c, p, at, limit);
    }
    const ath__neighbor *const entry = g->entry;
    const double *const x = g->x, *const y = g->y, *const z = g->z;
    const int32_t *const keys = g->key;
    const emt_pairs to = *p;
    const int64_t end = c->end;
    int64_t next = c->next;
    const __m256d xi = emt_set(x[i]), yi = emt_set(y[i]), zi = emt_set(z[i]);
    const __m256d hx[3] = {emt_set(g->h[0]), emt_set(g->h[3]), emt_set(g->h[6])},
                  hy[3] = {emt_set(g->h[1]), emt_set(g->h[4]), emt_set(g->h[7])},
                  hz[3] = {emt_set(g->h[2]), emt_set(g->h[5]), emt_set(g->h[8])};
    const __m256d cutoff2 = emt_set(g->cutoff2);
    const __m128i vi = _mm_set1_epi32(i);
    const __m128i w0 = _mm_set1_epi32(keys[i] & EMT_WRAP_MAX),
                  w1 = _mm_set1_epi32((keys[i] >> EMT_WRAP_BITS) & EMT_WRAP_MAX),
                  w2 = _mm_set1_epi32((keys[i] >> (2 * EMT_WRAP_BITS)) & EMT_WRAP_MAX);
    const __m256i split = _mm256_set_epi32(7, 5, 3, 1, 6, 4, 2, 0);
    for (; next + 4 <= end && at + 8 <= limit; next += 4) {
        const int32_t l[4] = {entry[next].atom, entry[next + 1].atom, entry[next + 2].atom,
                              entry[next + 3].atom};
        const __m256i e = _mm256_loadu_si256((const __m256i *)(entry + next));
        const __m256i parts = _mm256_permutevar8x32_epi32(e, split);
        const __m128i j = _mm256_castsi256_si128(parts), shift = _mm256_extracti128_si256(parts, 1);
        const __m128i key = _mm_set_epi32(keys[l[3]], keys[l[2]], keys[l[1]], keys[l[0]]);
        const __m128i s0 = emt_image(shift, key, w0, 0), s1 = emt_image(shift, key, w1, 1),
                      s2 = emt_image(shift, key, w2, 2);
        const __m256d s[3] = {_mm256_cvtepi32_pd(s0), _mm256_cvtepi32_pd(s1),
                              _mm256_cvtepi32_pd(s2)};
        const __m256d dx = emt_distance(x, xi, l, s, hx), dy = emt_distance(y, yi, l, s, hy),
                      dz = emt_distance(z, zi, l, s, hz);
        const __m256d r2 = emt_fma(dz, dz, emt_fma(dy, dy, dx * dx));
        const __m128i order =
            _mm_add_epi32(_mm_add_epi32(_mm_slli_epi32(s0, 20), _mm_slli_epi32(s1, 10)), s2);
        const __m128i back =
            _mm_andnot_si128(_mm_cmpgt_epi32(order, _mm_setzero_si128()), _mm_cmpeq_epi32(j, vi));
        const int near = _mm256_movemask_pd(_mm256_cmp_pd(r2, cutoff2, _CMP_NGE_UQ)) &
                         ~_mm_movemask_ps(_mm_castsi128_ps(back));
        const __m256i lanes = _mm256_loadu_si256((const __m256i *)emt_compress4[near]);
        emt_compress_store(to.x + at, dx, lanes);
        emt_compress_store(to.y + at, dy, lanes);
        emt_compress_store(to.z + at, dz, lanes);
        /* j and kind as one 64-bit lane, so that the same table serves */
        const __m256i pair =
            _mm256_permutevar8x32_epi32(_mm256_set_m128i(_mm_srli_epi32(key, EMT_KIND_SHIFT), j),
                                        _mm256_set_epi32(7, 3, 6, 2, 5, 1, 4, 0));
        const __m256i kept = _mm256_permutevar8x32_epi32(emt_compress(pair, lanes), split);
        _mm_storeu_si128((__m128i *)(to.atom + at), _mm256_castsi256_si128(kept));
        _mm_storeu_si128((__m128i *)(to.kind + at), _mm256_extracti128_si256(kept, 1));
        at += __builtin_popcount((unsigned)near);
    }
    c->next = next;
    return end - next < 4 ? emt_pick_scalar(g, i, c, p, at, limit) : at;
}

#else

static inline int64_t emt_pick(const emt_geometry *g, int32_t i, emt_cursor *c, const emt_pairs *p,
                               int64_t at, int64_t limit)
{
    return emt_pick_scalar(g, i, c, p, at, limit);
}

#endif
#endif
