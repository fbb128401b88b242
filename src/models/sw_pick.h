/* The neighbours of one atom that are within the cutoff, from its row of the list. Private to
 * sw_kernel.c.
 *
 * Positions are first wrapped into the cell, by whole cell vectors that follow from the present
 * positions alone: x = y + w h. A pair then is r_ij = (y_j - y_i) + S' h with S' = S + w_j - w_i. A
 * list says S by a shift and by wraps of its own, which depend on when it was built, so that
 *
 *     S' = shift + d_j - d_i,   d = w - (wrap of the list)
 *
 * The d of an atom is one number, its key: three components of 10 bits, added with carry. To a
 * shift whose components are made positive by an offset of 512 the difference of two keys can be
 * added as it is.
 *
 * A distance that is not a number counts as near, so that it reaches the forces.
 */
#ifndef ATHANOR_MODELS_SW_PICK_H
#define ATHANOR_MODELS_SW_PICK_H

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/math.h"
#include "data/cell.h"
#include "models/sw.h"
#include "models/sw_lanes.h"

/* Turns the sign bits of the three components of a shift. */
#define SW_OFFSET UINT32_C(0x20080200)

enum { SW_OFFSET_OF_ONE = 512 };

typedef struct sw_point {
    double x[3]; /* wrapped, angstrom */
    int64_t key;
} sw_point;

/* Where the neighbours of a system are found. */
typedef struct sw_rows {
    const sw_point *points;     /* [n] */
    const ath__neighbor *entry; /* of the system */
    double h[9];                /* as ath__cell_complete gives it */
    double cutoff2;
} sw_rows;

/* What is near to one atom; room for what is written past the end. */
typedef struct sw_found {
    double x[ATH__SW_PIECE + 8], y[ATH__SW_PIECE + 8], z[ATH__SW_PIECE + 8]; /* r_ij */
    int32_t atom[ATH__SW_PIECE + 8];
} sw_found;

/* Wraps an atom; `wrap` [3] is that of the list. g: reciprocal rows; pbc [3]. */
static inline void sw_wrap(const double x[3], const int32_t wrap[3], const double h[9],
                           const double g[9], const int32_t pbc[3], sw_point *to)
{
    int32_t back[3];
    int64_t d[3];
    double t[3];
    for (int k = 0; k < 3; k++) {
        const double f = floor((g[3 * k] * x[0] + g[3 * k + 1] * x[1]) + g[3 * k + 2] * x[2]);
        const bool usable = fabs(f) < 0x1p30; /* others have no list */
        back[k] = pbc[k] && usable ? -(int32_t)f : 0;
        d[k] = pbc[k] && usable ? -(int64_t)back[k] - wrap[k] : 0;
    }
    ath__image_vector(back, h, t);
    for (int c = 0; c < 3; c++) {
        to->x[c] = x[c] + t[c];
    }
    to->key = d[0] + d[1] * 1024 + d[2] * 1048576;
}

/* sw_pick: neighbours of atom i from entry *next on, as long as there is room for eight more;
 * returns how many. Points are loaded as a whole and turned into columns: faster than gathering
 * them. */
#if defined(__AVX512F__) && defined(__AVX512VL__)

/* A system, as vectors; h: columns of the cell. */
typedef struct sw_frame {
    __m512d x, y, z, hx[3], hy[3], hz[3], cutoff2;
    __m256i key;
} sw_frame;

/* The points of eight entries as x, y, z and key; those from `last` on are those of `last`. */
SW_INLINE void sw_columns(const sw_point *points, const ath__neighbor *e, int64_t last,
                          __m512d out[4])
{
    const __m512i low = _mm512_set_epi64(13, 12, 5, 4, 9, 8, 1, 0),
                  high = _mm512_set_epi64(15, 14, 7, 6, 11, 10, 3, 2);
    __m512d row[4];
    for (int k = 0; k < 4; k++) {
        const double *a = points[e[k < last ? k : last].atom].x;
        const double *b = points[e[k + 4 < last ? k + 4 : last].atom].x;
        row[k] =
            _mm512_insertf64x4(_mm512_castpd256_pd512(_mm256_loadu_pd(a)), _mm256_loadu_pd(b), 1);
    }
    const __m512d p = _mm512_unpacklo_pd(row[0], row[1]), q = _mm512_unpacklo_pd(row[2], row[3]),
                  u = _mm512_unpackhi_pd(row[0], row[1]), v = _mm512_unpackhi_pd(row[2], row[3]);
    out[0] = _mm512_permutex2var_pd(p, low, q);
    out[1] = _mm512_permutex2var_pd(u, low, v);
    out[2] = _mm512_permutex2var_pd(p, high, q);
    out[3] = _mm512_permutex2var_pd(u, high, v);
}

/* Component k of S', as numbers. */
SW_INLINE __m512d sw_image(__m256i shift, int k)
{
    const __m256i bits =
        _mm256_and_si256(_mm256_srli_epi32(shift, 10 * k), _mm256_set1_epi32(1023));
    return _mm512_cvtepi32_pd(_mm256_sub_epi32(bits, _mm256_set1_epi32(SW_OFFSET_OF_ONE)));
}

SW_INLINE __m512d sw_distance(__m512d xj, __m512d xi, const __m512d s[3], const __m512d h[3])
{
    const __m512d t = _mm512_fmadd_pd(s[2], h[2], _mm512_fmadd_pd(s[1], h[1], s[0] * h[0]));
    return (xj - xi) + t;
}

/* Eight entries, or those that are left; returns how many are found then. */
SW_INLINE int32_t sw_pick_eight(const sw_point *points, const sw_frame *f, const ath__neighbor *row,
                                int64_t left, sw_found *found, int32_t n)
{
    const __mmask8 there = (__mmask8)(left < 8 ? (1U << left) - 1U : 0xffU);
    const __m512i e = _mm512_maskz_loadu_epi64(there, row);
    __m512d at[4];
    sw_columns(points, row, left < 8 ? left - 1 : 8, at);
    const __m256i key = _mm512_cvtepi64_epi32(_mm512_castpd_si512(at[3]));
    const __m256i turned = _mm256_xor_si256(_mm512_cvtepi64_epi32(_mm512_srli_epi64(e, 32)),
                                            _mm256_set1_epi32((int32_t)SW_OFFSET));
    const __m256i shift = _mm256_add_epi32(turned, _mm256_sub_epi32(key, f->key));
    const __m512d s[3] = {sw_image(shift, 0), sw_image(shift, 1), sw_image(shift, 2)};
    const __m512d x = sw_distance(at[0], f->x, s, f->hx), y = sw_distance(at[1], f->y, s, f->hy),
                  z = sw_distance(at[2], f->z, s, f->hz);
    const __m512d r2 = _mm512_fmadd_pd(z, z, _mm512_fmadd_pd(y, y, x * x));
    const __mmask8 near = _mm512_mask_cmp_pd_mask(there, r2, f->cutoff2, _CMP_NGE_UQ);
    _mm512_storeu_pd(found->x + n, _mm512_maskz_compress_pd(near, x));
    _mm512_storeu_pd(found->y + n, _mm512_maskz_compress_pd(near, y));
    _mm512_storeu_pd(found->z + n, _mm512_maskz_compress_pd(near, z));
    _mm256_storeu_si256((__m256i *)(found->atom + n),
                        _mm256_maskz_compress_epi32(near, _mm512_cvtepi64_epi32(e)));
    return n + __builtin_popcount(near);
}

static inline int32_t sw_pick(const sw_rows *rows, int32_t i, int64_t *next, int64_t end,
                              sw_found *found)
{
    const sw_point *const points = rows->points;
    const double *h = rows->h;
    sw_frame f;
    f.x = _mm512_set1_pd(points[i].x[0]);
    f.y = _mm512_set1_pd(points[i].x[1]);
    f.z = _mm512_set1_pd(points[i].x[2]);
    f.key = _mm256_set1_epi32((int32_t)points[i].key);
    f.cutoff2 = _mm512_set1_pd(rows->cutoff2);
    for (int k = 0; k < 3; k++) {
        f.hx[k] = _mm512_set1_pd(h[3 * k]);
        f.hy[k] = _mm512_set1_pd(h[3 * k + 1]);
        f.hz[k] = _mm512_set1_pd(h[3 * k + 2]);
    }
    int32_t n = 0;
    int64_t m = *next;
    for (; m + 8 <= end && n + 8 <= ATH__SW_PIECE; m += 8) {
        n = sw_pick_eight(points, &f, rows->entry + m, 8, found, n);
    }
    if (m < end && m + 8 > end && n + 8 <= ATH__SW_PIECE) {
        n = sw_pick_eight(points, &f, rows->entry + m, end - m, found, n);
        m = end;
    }
    *next = m;
    return n;
}

#else

/* One entry, stored in any case, and counted if it is near. */
SW_INLINE int32_t sw_pick_one(const sw_rows *rows, const sw_point *own, ath__neighbor e,
                              sw_found *found, int32_t n)
{
    const double *h = rows->h;
    const sw_point *p = &rows->points[e.atom];
    const uint32_t shift =
        ((uint32_t)e.shift ^ SW_OFFSET) + ((uint32_t)p->key - (uint32_t)own->key);
    const double a = (double)((int32_t)(shift & 1023) - SW_OFFSET_OF_ONE),
                 b = (double)((int32_t)(shift >> 10 & 1023) - SW_OFFSET_OF_ONE),
                 c = (double)((int32_t)(shift >> 20 & 1023) - SW_OFFSET_OF_ONE);
    double d[3];
    for (int k = 0; k < 3; k++) {
        const double t = ath__fma(c, h[6 + k], ath__fma(b, h[3 + k], a * h[k]));
        d[k] = (p->x[k] - own->x[k]) + t;
    }
    const double r2 = ath__fma(d[2], d[2], ath__fma(d[1], d[1], d[0] * d[0]));
    found->x[n] = d[0];
    found->y[n] = d[1];
    found->z[n] = d[2];
    found->atom[n] = e.atom;
    return n + !(r2 >= rows->cutoff2); /* no branch: which of them are near cannot be guessed */
}

#if defined(__AVX2__) && defined(__FMA__)

/* For each set of kept lanes, the lanes to take, as pairs of 32-bit lanes. */
static const int32_t sw_press[16][8] = {
    {0, 1, 0, 1, 0, 1, 0, 1}, {0, 1, 0, 1, 0, 1, 0, 1}, {2, 3, 0, 1, 0, 1, 0, 1},
    {0, 1, 2, 3, 0, 1, 0, 1}, {4, 5, 0, 1, 0, 1, 0, 1}, {0, 1, 4, 5, 0, 1, 0, 1},
    {2, 3, 4, 5, 0, 1, 0, 1}, {0, 1, 2, 3, 4, 5, 0, 1}, {6, 7, 0, 1, 0, 1, 0, 1},
    {0, 1, 6, 7, 0, 1, 0, 1}, {2, 3, 6, 7, 0, 1, 0, 1}, {0, 1, 2, 3, 6, 7, 0, 1},
    {4, 5, 6, 7, 0, 1, 0, 1}, {0, 1, 4, 5, 6, 7, 0, 1}, {2, 3, 4, 5, 6, 7, 0, 1},
    {0, 1, 2, 3, 4, 5, 6, 7}};

/* The points of four entries as x, y, z and key. */
SW_INLINE void sw_columns(const sw_point *points, const ath__neighbor *e, __m256d out[4])
{
    __m256d row[4];
    for (int k = 0; k < 4; k++) {
        row[k] = _mm256_loadu_pd(points[e[k].atom].x);
    }
    const __m256d p = _mm256_unpacklo_pd(row[0], row[1]), q = _mm256_unpacklo_pd(row[2], row[3]),
                  u = _mm256_unpackhi_pd(row[0], row[1]), v = _mm256_unpackhi_pd(row[2], row[3]);
    out[0] = _mm256_permute2f128_pd(p, q, 0x20);
    out[1] = _mm256_permute2f128_pd(u, v, 0x20);
    out[2] = _mm256_permute2f128_pd(p, q, 0x31);
    out[3] = _mm256_permute2f128_pd(u, v, 0x31);
}

/* The low (first = 0) or high halves of four 64-bit lanes. */
SW_INLINE __m128i sw_halves(__m256i x, int first)
{
    const __m256i split = _mm256_set_epi32(7, 5, 3, 1, 6, 4, 2, 0);
    const __m256i parts = _mm256_permutevar8x32_epi32(x, split);
    return first ? _mm256_extracti128_si256(parts, 1) : _mm256_castsi256_si128(parts);
}

SW_INLINE __m256d sw_image(__m128i shift, int k)
{
    const __m128i bits = _mm_and_si128(_mm_srli_epi32(shift, 10 * k), _mm_set1_epi32(1023));
    return _mm256_cvtepi32_pd(_mm_sub_epi32(bits, _mm_set1_epi32(SW_OFFSET_OF_ONE)));
}

SW_INLINE __m256d sw_distance(__m256d xj, double xi, const __m256d s[3], const double *h)
{
    const __m256d a = _mm256_set1_pd(h[0]), b = _mm256_set1_pd(h[3]), c = _mm256_set1_pd(h[6]);
    const __m256d t = _mm256_fmadd_pd(s[2], c, _mm256_fmadd_pd(s[1], b, s[0] * a));
    return (xj - _mm256_set1_pd(xi)) + t;
}

SW_INLINE int32_t sw_pick_four(const sw_rows *rows, const sw_point *own, const ath__neighbor *e,
                               sw_found *found, int32_t n)
{
    __m256d at[4];
    const __m256i entries = _mm256_loadu_si256((const __m256i *)e);
    sw_columns(rows->points, e, at);
    const __m128i key = sw_halves(_mm256_castpd_si256(at[3]), 0);
    const __m128i turned = _mm_xor_si128(sw_halves(entries, 1), _mm_set1_epi32((int32_t)SW_OFFSET));
    const __m128i shift =
        _mm_add_epi32(turned, _mm_sub_epi32(key, _mm_set1_epi32((int32_t)own->key)));
    const __m256d s[3] = {sw_image(shift, 0), sw_image(shift, 1), sw_image(shift, 2)};
    const __m256d d[3] = {sw_distance(at[0], own->x[0], s, rows->h),
                          sw_distance(at[1], own->x[1], s, rows->h + 1),
                          sw_distance(at[2], own->x[2], s, rows->h + 2)};
    const __m256d r2 = _mm256_fmadd_pd(d[2], d[2], _mm256_fmadd_pd(d[1], d[1], d[0] * d[0]));
    const int near =
        _mm256_movemask_pd(_mm256_cmp_pd(r2, _mm256_set1_pd(rows->cutoff2), _CMP_NGE_UQ));
    const __m256i press = _mm256_loadu_si256((const __m256i *)sw_press[near]);
    double *const to[3] = {found->x + n, found->y + n, found->z + n};
    for (int k = 0; k < 3; k++) {
        const __m256i x = _mm256_permutevar8x32_epi32(_mm256_castpd_si256(d[k]), press);
        _mm256_storeu_si256((__m256i *)to[k], x);
    }
    const __m256i kept = _mm256_permutevar8x32_epi32(entries, press);
    _mm_storeu_si128((__m128i *)(found->atom + n), sw_halves(kept, 0));
    return n + __builtin_popcount((unsigned)near);
}

#endif

static inline int32_t sw_pick(const sw_rows *rows, int32_t i, int64_t *next, int64_t end,
                              sw_found *found)
{
    const sw_point own = rows->points[i];
    int32_t n = 0;
    int64_t m = *next;
#if defined(__AVX2__) && defined(__FMA__)
    for (; m + 4 <= end && n + 8 <= ATH__SW_PIECE; m += 4) {
        n = sw_pick_four(rows, &own, rows->entry + m, found, n);
    }
#endif
    for (; m < end && n + 8 <= ATH__SW_PIECE; m++) {
        n = sw_pick_one(rows, &own, rows->entry[m], found, n);
    }
    *next = m;
    return n;
}

#endif
#endif
