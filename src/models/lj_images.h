/* Separations of the entries of a neighbour list. Private to lj_kernel.c.
 *
 * Two ways, as the cell says:
 *
 * By shift: r_ij = (x_j - x_i) + S h with S = shift - wrap_j + wrap_i (neighbors/list.h), for cells
 * so small that a pair may have several images within the cutoff. Three whole numbers travel as
 * one, a + 2^10 b + 2^20 c modulo 2^30: these can be added and subtracted as they are, and zero
 * says at once that there is nothing to add. Where positions are so far from the cell that some S
 * may not fit (ATH__PATH_FAR), each number travels by itself; the separations have the same bits.
 *
 * Nearest: where the cutoff is at most half of the height along each periodic vector, only the
 * nearest image can be within it, and it follows from the positions, as for all pairs (lj_pairs.h):
 * from positions moved to the cell around the origin, or, in mixed precision, from fractions of the
 * cell as whole numbers of 32 bits. The list then says no more than which atoms are near. Other
 * images of the same atom follow one another in a row; the first one stands for all, and images of
 * atom i itself are left out: they are beyond the cutoff.
 *
 * Either depends on present positions only.
 */
#ifndef ATHANOR_MODELS_LJ_IMAGES_H
#define ATHANOR_MODELS_LJ_IMAGES_H

#include "models/lj_vector.h"
#include "neighbors/list.h"

enum { LJ_BY_SHIFT, LJ_NEAREST };

enum { LJ_SOME = 64 }; /* entries measured at once, a bit each */

/* What the rows of a system read. */
typedef struct lj_rows {
    const double *positions; /* [n][3] */
    const int32_t *kind;     /* [n]; many kinds only */
    double cutoff2;
    float cutoff2_f;
    /* by shift */
    const uint32_t *wrap; /* [n], as one number; NULL: far */
    const int32_t *far;   /* [n][3] wraps */
    const double *h;      /* complete cell */
    /* nearest, float64: a cell along the axes, or none */
    const double *moved; /* [n][4], in the cell around the origin; the fourth number is not used */
    double length[3],
        edge[3]; /* of the cell, and half of it; 0 and the largest number: no images */
    /* nearest, mixed */
    const uint32_t *fixed; /* [n][4] fractions of the cell * 2^32; the fourth number is not used */
    const float *low;      /* [n][4] what they leave, angstrom; NULL where it does not matter */
    float unit[9];         /* cell * 2^-32 */
    int diagonal;
} lj_rows;

/* Some entries of a row: begin ... end - 1. */
typedef struct lj_span {
    const ath__neighbor *row;
    int32_t begin, end;
} lj_span;

/* ---- by shift ---- */

static inline uint32_t lj_wrap_number(const int32_t wrap[3])
{
    return (uint32_t)wrap[0] + ((uint32_t)wrap[1] << 10) + ((uint32_t)wrap[2] << 20);
}

/* The number of a packed shift: its fields are without sign, so each negative one borrows. */
LJ_INLINE uint32_t lj_shift_number(uint32_t packed)
{
    return packed - ((packed & ((1U << 9) | (1U << 19))) << 1);
}

/* d + S h */
LJ_INLINE void lj_add_image(const double h[9], uint32_t image, double d[3])
{
    int32_t s[3];
    double v[3];
    s[0] = (int32_t)(image << 22) >> 22;
    image -= (uint32_t)s[0];
    s[1] = (int32_t)(image << 12) >> 22;
    image -= (uint32_t)s[1] << 10;
    s[2] = (int32_t)(image << 2) >> 22;
    ath__image_vector(s, h, v);
    for (int c = 0; c < 3; c++) {
        d[c] = d[c] + v[c];
    }
}

/* The same for a pair that is far apart. */
static inline void lj_add_far_image(const lj_rows *rows, int32_t i, ath__neighbor entry,
                                    double d[3])
{
    const int32_t *far_i = rows->far + 3 * (int64_t)i, *far_j = rows->far + 3 * (int64_t)entry.atom;
    int32_t s[3];
    double v[3];
    ath__shift_unpack(entry.shift, s);
    for (int k = 0; k < 3; k++) {
        s[k] += far_i[k] - far_j[k];
    }
    ath__image_vector(s, rows->h, v);
    for (int c = 0; c < 3; c++) {
        d[c] = d[c] + v[c];
    }
}

/* r_ij of one entry in the row of atom i. */
LJ_INLINE void lj_by_shift(const lj_rows *rows, int32_t i, ath__neighbor entry, double d[3])
{
    const double *x = rows->positions + 3 * (int64_t)i;
    const double *y = rows->positions + 3 * (int64_t)entry.atom;
    for (int c = 0; c < 3; c++) {
        d[c] = y[c] - x[c];
    }
    if (rows->wrap == NULL) {
        lj_add_far_image(rows, i, entry, d);
        return;
    }
    const uint32_t image =
        lj_shift_number((uint32_t)entry.shift) + rows->wrap[i] - rows->wrap[entry.atom];
    if (image << 2) {
        lj_add_image(rows->h, image, d);
    }
}

/* ---- nearest ---- */

LJ_INLINE void lj_nearest_d(const lj_rows *rows, int32_t i, int32_t j, double d[3])
{
    const double *x = rows->moved + 4 * (int64_t)i, *y = rows->moved + 4 * (int64_t)j;
    for (int c = 0; c < 3; c++) {
        const double r = y[c] - x[c];
        const double above = r > rows->edge[c] ? rows->length[c] : 0.0;
        const double below = r < -rows->edge[c] ? rows->length[c] : 0.0;
        d[c] = (r - above) + below;
    }
}

LJ_INLINE void lj_nearest_f(const lj_rows *rows, int32_t i, int32_t j, float d[3])
{
    const uint32_t *x = rows->fixed + 4 * (int64_t)i, *y = rows->fixed + 4 * (int64_t)j;
    const float *h = rows->unit;
    float u[3];
    for (int c = 0; c < 3; c++) {
        u[c] = (float)(int32_t)(y[c] - x[c]);
    }
    for (int c = 0; c < 3; c++) {
        d[c] = rows->diagonal ? u[c] * h[4 * c] : (u[0] * h[c] + u[1] * h[3 + c]) + u[2] * h[6 + c];
        if (rows->low) {
            d[c] = d[c] + (rows->low[4 * (int64_t)j + c] - rows->low[4 * (int64_t)i + c]);
        }
    }
}

#if LJ_AVX512

/* ---- the same for many entries at once ---- */

/* Entries of the row of atom i; lanes says which of them there are. */
typedef struct lj_eight {
    __mmask8 lanes;
    __m256i j;
    __m512d d[3];
} lj_eight;

typedef struct lj_sixteen {
    __mmask16 lanes;
    __m512i j;
    __m512 d[3];
} lj_sixteen;

/* d + S h, S = a, b, c */
LJ_INLINE void lj_add_vectors(const double h[9], __m256i a, __m256i b, __m256i c, __m512d d[3])
{
    const lj_vd s[3] = {(lj_vd)_mm512_cvtepi32_pd(a), (lj_vd)_mm512_cvtepi32_pd(b),
                        (lj_vd)_mm512_cvtepi32_pd(c)};
    for (int k = 0; k < 3; k++) {
        d[k] = (__m512d)((lj_vd)d[k] + ((s[0] * h[k] + s[1] * h[3 + k]) + s[2] * h[6 + k]));
    }
}

LJ_INLINE void lj_add_images(const double h[9], __m256i image, __m512d d[3])
{
    const __m256i a = _mm256_srai_epi32(_mm256_slli_epi32(image, 22), 22);
    image = _mm256_sub_epi32(image, a);
    const __m256i b = _mm256_srai_epi32(_mm256_slli_epi32(image, 12), 22);
    image = _mm256_sub_epi32(image, _mm256_slli_epi32(b, 10));
    const __m256i c = _mm256_srai_epi32(_mm256_slli_epi32(image, 2), 22);
    lj_add_vectors(h, a, b, c, d);
}

/* The images of pairs that are far apart; at: where the positions of the others begin. */
LJ_INLINE void lj_add_far_images(const lj_rows *rows, int32_t i, __m256i packed, __m256i at,
                                 __mmask8 lanes, __m512d d[3])
{
    __m256i s[3];
    for (int k = 0; k < 3; k++) {
        const __m256i other = _mm256_mmask_i32gather_epi32(_mm256_setzero_si256(), lanes, at,
                                                           (const int *)rows->far + k, 4);
        const __m256i own = _mm256_set1_epi32(rows->far[3 * (int64_t)i + k]);
        const __m128i up = _mm_cvtsi32_si128(22 - 10 * k);
        s[k] = _mm256_srai_epi32(_mm256_sll_epi32(packed, up), 22);
        s[k] = _mm256_add_epi32(s[k], _mm256_sub_epi32(own, other));
    }
    lj_add_vectors(rows->h, s[0], s[1], s[2], d);
}

/* At most eight entries from `entry` on, `count` of them if that is less. */
LJ_INLINE lj_eight lj_eight_by_shift(const lj_rows *rows, int32_t i, const ath__neighbor *entry,
                                     int32_t count)
{
    lj_eight e;
    const double *x = rows->positions + 3 * (int64_t)i;
    e.lanes = lj_first_d(count);
    const __m512i pair = _mm512_maskz_loadu_epi64(e.lanes, entry);
    const __m256i packed = _mm512_cvtepi64_epi32(_mm512_srli_epi64(pair, 32)),
                  borrow = _mm256_and_si256(packed, _mm256_set1_epi32((1 << 9) | (1 << 19)));
    e.j = _mm512_cvtepi64_epi32(pair);
    const __m256i at = _mm256_add_epi32(_mm256_add_epi32(e.j, e.j), e.j);
    for (int c = 0; c < 3; c++) {
        e.d[c] = _mm512_mask_i32gather_pd(_mm512_setzero_pd(), e.lanes, at, rows->positions + c, 8);
        e.d[c] = _mm512_sub_pd(e.d[c], _mm512_set1_pd(x[c]));
    }
    if (rows->wrap == NULL) {
        lj_add_far_images(rows, i, packed, at, e.lanes, e.d);
        return e;
    }
    __m256i image = _mm256_mmask_i32gather_epi32(_mm256_setzero_si256(), e.lanes, e.j,
                                                 (const int *)rows->wrap, 4);
    image = _mm256_sub_epi32(_mm256_set1_epi32((int32_t)rows->wrap[i]), image);
    image = _mm256_add_epi32(image, _mm256_sub_epi32(packed, _mm256_slli_epi32(borrow, 1)));
    if (_mm256_mask_test_epi32_mask(e.lanes, image, _mm256_set1_epi32(0x3fffffff))) {
        lj_add_images(rows->h, image, e.d);
    }
    return e;
}

/* *last: the entries before these; all ones at the beginning of a row. */
LJ_INLINE lj_eight lj_eight_nearest(const lj_rows *rows, int32_t i, const ath__neighbor *entry,
                                    int32_t count, __m512i *last)
{
    lj_eight e;
    const double *x = rows->moved + 4 * (int64_t)i;
    const __mmask8 lanes = lj_first_d(count);
    const __m512i pair = _mm512_maskz_loadu_epi64(lanes, entry);
    const __m256i before = _mm512_cvtepi64_epi32(_mm512_alignr_epi64(pair, *last, 7));
    *last = pair;
    e.j = _mm512_cvtepi64_epi32(pair);
    e.lanes = _mm256_mask_cmpneq_epi32_mask(_mm256_mask_cmpneq_epi32_mask(lanes, e.j, before), e.j,
                                            _mm256_set1_epi32(i));
    const __m256i at = _mm256_slli_epi32(e.j, 2);
    for (int c = 0; c < 3; c++) {
        const __m512d y =
            _mm512_mask_i32gather_pd(_mm512_setzero_pd(), lanes, at, rows->moved + c, 8);
        e.d[c] = (__m512d)lj_image_d((lj_vd)_mm512_sub_pd(y, _mm512_set1_pd(x[c])),
                                     lj_set_d(rows->edge[c]), lj_set_d(rows->length[c]));
    }
    return e;
}

/* The atoms of sixteen entries. */
LJ_INLINE __m512i lj_sixteen_atoms(const ath__neighbor *entry, int32_t count)
{
    const __m512i low = _mm512_maskz_loadu_epi64(lj_first_d(count), entry),
                  high = _mm512_maskz_loadu_epi64(lj_first_d(count - 8), entry + 8);
    const __m512i even =
        _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    return _mm512_permutex2var_epi32(low, even, high);
}

/* *last: the atoms of the entries before these; -1 at the beginning of a row. */
LJ_INLINE lj_sixteen lj_sixteen_nearest(const lj_rows *rows, int32_t i, const ath__neighbor *entry,
                                        int32_t count, __m512i *last)
{
    lj_sixteen e;
    const float *h = rows->unit;
    const __mmask16 lanes = lj_first_f(count);
    lj_vf u[3];
    e.j = lj_sixteen_atoms(entry, count);
    const __m512i before = _mm512_alignr_epi32(e.j, *last, 15);
    *last = e.j;
    e.lanes = _mm512_mask_cmpneq_epi32_mask(_mm512_mask_cmpneq_epi32_mask(lanes, e.j, before), e.j,
                                            _mm512_set1_epi32(i));
    const __m512i at = _mm512_slli_epi32(e.j, 2);
    for (int c = 0; c < 3; c++) {
        const __m512i y = _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), lanes, at,
                                                      (const int *)rows->fixed + c, 4);
        const __m512i x = _mm512_set1_epi32((int32_t)rows->fixed[4 * (int64_t)i + c]);
        u[c] = (lj_vf)_mm512_cvtepi32_ps(_mm512_sub_epi32(y, x));
    }
    for (int c = 0; c < 3; c++) {
        lj_vf d =
            rows->diagonal ? u[c] * h[4 * c] : (u[0] * h[c] + u[1] * h[3 + c]) + u[2] * h[6 + c];
        if (rows->low) {
            const __m512 y =
                _mm512_mask_i32gather_ps(_mm512_setzero_ps(), lanes, at, rows->low + c, 4);
            d = d + ((lj_vf)y - rows->low[4 * (int64_t)i + c]);
        }
        e.d[c] = (__m512)d;
    }
    return e;
}

#elif LJ_AVX2

/* Four entries of the row of atom i; bit l of `lanes`: entry l is there. */
typedef struct lj_four {
    unsigned lanes;
    __m128i j;
} lj_four;

/* Their separations, and bits: which are near, there or not. */
typedef struct lj_four_d {
    __m256d d[3];
    __m128 f[3];
    unsigned near;
} lj_four_d;

LJ_INLINE lj_four lj_four_entries(int32_t i, const ath__neighbor *entry, int32_t count,
                                  __m128i *last)
{
    lj_four e;
    const __m256i pair =
        _mm256_maskload_epi64((const long long *)(const void *)entry, (__m256i)lj_first_d(count));
    const __m256i even = _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6);
    e.j = _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(pair, even));
    const __m128i before = _mm_alignr_epi8(e.j, *last, 12);
    const __m128i leave =
        _mm_or_si128(_mm_cmpeq_epi32(e.j, before), _mm_cmpeq_epi32(e.j, _mm_set1_epi32(i)));
    *last = e.j;
    e.lanes = (count >= 4 ? 15U : (1U << count) - 1) &
              ~(unsigned)_mm_movemask_ps(_mm_castsi128_ps(leave));
    return e;
}

LJ_INLINE void lj_four_nearest_d(const lj_rows *rows, int32_t i, const lj_four *e, lj_four_d *out)
{
    const double *x = rows->moved + 4 * (int64_t)i;
    int32_t at[4];
    lj_vd d[3];
    _mm_storeu_si128((__m128i *)at, _mm_slli_epi32(e->j, 2));
    for (int c = 0; c < 3; c++) {
        d[c] = lj_image_d(lj_gather_d(rows->moved + c, at) - lj_set_d(x[c]),
                          lj_set_d(rows->edge[c]), lj_set_d(rows->length[c]));
        out->d[c] = (__m256d)d[c];
    }
    const lj_vd r2 = (d[0] * d[0] + d[1] * d[1]) + d[2] * d[2];
    out->near = (unsigned)_mm256_movemask_pd(
        _mm256_cmp_pd((__m256d)r2, _mm256_set1_pd(rows->cutoff2), _CMP_NGE_UQ));
}

LJ_INLINE void lj_four_nearest_f(const lj_rows *rows, int32_t i, const lj_four *e, lj_four_d *out)
{
    typedef float quad __attribute__((vector_size(16)));
    const float *h = rows->unit;
    const __m128i at = _mm_slli_epi32(e->j, 2);
    quad u[3], d[3];
    for (int c = 0; c < 3; c++) {
        const __m128i y = _mm_i32gather_epi32((const int *)rows->fixed + c, at, 4);
        const __m128i x = _mm_set1_epi32((int32_t)rows->fixed[4 * (int64_t)i + c]);
        u[c] = (quad)_mm_cvtepi32_ps(_mm_sub_epi32(y, x));
    }
    for (int c = 0; c < 3; c++) {
        d[c] = rows->diagonal ? u[c] * h[4 * c] : (u[0] * h[c] + u[1] * h[3 + c]) + u[2] * h[6 + c];
        if (rows->low) {
            const quad y = (quad)_mm_i32gather_ps(rows->low + c, at, 4);
            d[c] = d[c] + (y - rows->low[4 * (int64_t)i + c]);
        }
        out->f[c] = (__m128)d[c];
    }
    const quad r2 = (d[0] * d[0] + d[1] * d[1]) + d[2] * d[2];
    out->near = (unsigned)_mm_movemask_ps(_mm_cmpnge_ps((__m128)r2, _mm_set1_ps(rows->cutoff2_f)));
}

/* ---- lanes of a mask of four, pressed together ---- */

static const int32_t lj_press[16][4] = {{0, 0, 0, 0}, {0, 0, 0, 0}, {1, 0, 0, 0}, {0, 1, 0, 0},
                                        {2, 0, 0, 0}, {0, 2, 0, 0}, {1, 2, 0, 0}, {0, 1, 2, 0},
                                        {3, 0, 0, 0}, {0, 3, 0, 0}, {1, 3, 0, 0}, {0, 1, 3, 0},
                                        {2, 3, 0, 0}, {0, 2, 3, 0}, {1, 2, 3, 0}, {0, 1, 2, 3}};

LJ_INLINE __m128i lj_press_lanes(unsigned lanes)
{
    return _mm_loadu_si128((const __m128i *)lj_press[lanes]);
}

/* The same for doubles, in halves of them. */
LJ_INLINE __m256i lj_press_halves(__m128i press)
{
    const __m256i twice = _mm256_cvtepi32_epi64(_mm_slli_epi32(press, 1));
    const __m256i next = _mm256_add_epi64(twice, _mm256_set1_epi64x(1));
    return _mm256_or_si256(twice, _mm256_slli_epi64(next, 32));
}

LJ_INLINE __m256d lj_press_pd(const double *from, __m256i halves)
{
    const __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)from);
    return _mm256_castsi256_pd(_mm256_permutevar8x32_epi32(v, halves));
}

LJ_INLINE void lj_press_kinds(int32_t *to, const int32_t *from, __m128i press)
{
    const __m128 v = _mm_castsi128_ps(_mm_loadu_si128((const __m128i *)from));
    _mm_storeu_si128((__m128i *)to, _mm_castps_si128(_mm_permutevar_ps(v, press)));
}

#endif

#endif
