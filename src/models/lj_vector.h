/* Machine vectors for the Lennard-Jones kernel: doubles (_d) and floats (_f) in lanes. Private to
 * lj_kernel.c.
 *
 * The width is that of the instruction set: 8 doubles or 16 floats with AVX-512, half of that with
 * AVX2, a quarter elsewhere. The kernel sees to it that no result depends on it: a lane is an atom
 * or an element of a sum, and what is added across lanes goes by way of arrays of a fixed width.
 * Arithmetic is that of the compiler's vector types (+ - * /); the functions here add what C has no
 * operator for. All of them are exact or correctly rounded.
 *
 * A mask says in which lanes a pair counts. Select by mask never multiplies.
 *
 * Not here: approximations (rcp, rsqrt).
 */
#ifndef ATHANOR_MODELS_LJ_VECTOR_H
#define ATHANOR_MODELS_LJ_VECTOR_H

#include <float.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__) && defined(__AVX512VL__) && defined(__AVX512DQ__)
#define LJ_AVX512 1
#define LJ_BYTES 64
#elif defined(__AVX2__)
#define LJ_AVX2 1
#define LJ_BYTES 32
#else
#define LJ_BYTES 16
#endif

enum { LJ_WIDTH_D = LJ_BYTES / 8, LJ_WIDTH_F = LJ_BYTES / 4 };

typedef double lj_vd __attribute__((vector_size(LJ_BYTES)));
typedef float lj_vf __attribute__((vector_size(LJ_BYTES)));
typedef int64_t lj_vl __attribute__((vector_size(LJ_BYTES)));
typedef int32_t lj_vi __attribute__((vector_size(LJ_BYTES)));
typedef uint32_t lj_vu __attribute__((vector_size(LJ_BYTES)));
#if LJ_AVX512
typedef __mmask8 lj_md;
typedef __mmask16 lj_mf;
#else
typedef lj_vl lj_md;
typedef lj_vi lj_mf;
#endif

#define LJ_INLINE static inline __attribute__((always_inline, unused))

/* x + LJ_ROUND - LJ_ROUND rounds |x| < 2^51 to the nearest whole number (1.5 * 2^52). */
#define LJ_ROUND 6755399441055744.0

/* ---- make, load, store: no alignment needed ---- */

LJ_INLINE lj_vd lj_set_d(double x)
{
#if LJ_AVX512
    return (lj_vd)_mm512_set1_pd(x);
#elif LJ_AVX2
    return (lj_vd)_mm256_set1_pd(x);
#else
    return (lj_vd){x, x};
#endif
}

LJ_INLINE lj_vf lj_set_f(float x)
{
#if LJ_AVX512
    return (lj_vf)_mm512_set1_ps(x);
#elif LJ_AVX2
    return (lj_vf)_mm256_set1_ps(x);
#else
    return (lj_vf){x, x, x, x};
#endif
}

LJ_INLINE lj_vd lj_load_d(const double *p)
{
    lj_vd v;
    memcpy(&v, p, sizeof v);
    return v;
}

LJ_INLINE lj_vf lj_load_f(const float *p)
{
    lj_vf v;
    memcpy(&v, p, sizeof v);
    return v;
}

LJ_INLINE lj_vu lj_load_u(const uint32_t *p)
{
    lj_vu v;
    memcpy(&v, p, sizeof v);
    return v;
}

LJ_INLINE void lj_store_d(double *p, lj_vd v)
{
    memcpy(p, &v, sizeof v);
}

LJ_INLINE void lj_store_f(float *p, lj_vf v)
{
    memcpy(p, &v, sizeof v);
}

/* ---- masks ---- */

#if !LJ_AVX512
/* Masks are a window of these: ones, then zeros. */
static const int32_t lj_window[2 * LJ_BYTES / 4] = {
#if LJ_BYTES == 32
    -1, -1, -1, -1,
#endif
    -1, -1, -1, -1};
#endif

/* Lanes below n; n may be negative or beyond the width. */
LJ_INLINE lj_md lj_first_d(int32_t n)
{
#if LJ_AVX512
    return (lj_md)(n >= 8 ? 0xff : n <= 0 ? 0 : (1 << n) - 1);
#else
    lj_md m;
    const int32_t ones = n < 0 ? 0 : n > LJ_WIDTH_D ? LJ_WIDTH_D : n;
    memcpy(&m, lj_window + 2 * (LJ_WIDTH_D - ones), sizeof m);
    return m;
#endif
}

LJ_INLINE lj_mf lj_first_f(int32_t n)
{
#if LJ_AVX512
    return (lj_mf)(n >= 16 ? 0xffff : n <= 0 ? 0 : (1 << n) - 1);
#else
    lj_mf m;
    const int32_t ones = n < 0 ? 0 : n > LJ_WIDTH_F ? LJ_WIDTH_F : n;
    memcpy(&m, lj_window + (LJ_WIDTH_F - ones), sizeof m);
    return m;
#endif
}

/* Lanes of m where r2 is below the limit or NaN: a NaN must reach the forces. */
LJ_INLINE lj_md lj_inside_d(lj_md m, lj_vd r2, lj_vd limit)
{
#if LJ_AVX512
    return _mm512_mask_cmp_pd_mask(m, (__m512d)r2, (__m512d)limit, _CMP_NGE_UQ);
#else
    return m & ~(lj_md)(r2 >= limit);
#endif
}

LJ_INLINE lj_mf lj_inside_f(lj_mf m, lj_vf r2, lj_vf limit)
{
#if LJ_AVX512
    return _mm512_mask_cmp_ps_mask(m, (__m512)r2, (__m512)limit, _CMP_NGE_UQ);
#else
    return m & ~(lj_mf)(r2 >= limit);
#endif
}

/* v where the mask is set, else +0. */
LJ_INLINE lj_vd lj_keep_d(lj_md m, lj_vd v)
{
#if LJ_AVX512
    return (lj_vd)_mm512_maskz_mov_pd(m, (__m512d)v);
#else
    return (lj_vd)((lj_vl)v & m);
#endif
}

LJ_INLINE lj_vf lj_keep_f(lj_mf m, lj_vf v)
{
#if LJ_AVX512
    return (lj_vf)_mm512_maskz_mov_ps(m, (__m512)v);
#else
    return (lj_vf)((lj_vi)v & m);
#endif
}

/* ---- arithmetic ---- */

/* d - length where d > half, d + length where d < -half: the nearest image along one axis. */
LJ_INLINE lj_vd lj_image_d(lj_vd d, lj_vd half, lj_vd length)
{
#if LJ_AVX512
    const __m512d x = (__m512d)d, h = (__m512d)half, a = (__m512d)length;
    const __mmask8 above = _mm512_cmp_pd_mask(x, h, _CMP_GT_OQ),
                   below = _mm512_cmp_pd_mask(x, (__m512d)-half, _CMP_LT_OQ);
    return (lj_vd)_mm512_mask_add_pd(_mm512_mask_sub_pd(x, above, x, a), below, x, a);
#else
    const lj_vd above = (lj_vd)((lj_vl)length & (lj_vl)(d > half)),
                below = (lj_vd)((lj_vl)length & (lj_vl)(d < -half));
    return (d - above) + below;
#endif
}

/* d - n h where the product is exact (n is -1, 0 or 1): one rounding with or without fma. */
LJ_INLINE lj_vd lj_minus_d(lj_vd d, lj_vd n, lj_vd h)
{
#if LJ_AVX512
    return (lj_vd)_mm512_fnmadd_pd((__m512d)n, (__m512d)h, (__m512d)d);
#elif LJ_AVX2 && defined(__FMA__)
    return (lj_vd)_mm256_fnmadd_pd((__m256d)n, (__m256d)h, (__m256d)d);
#else
    return d - n * h;
#endif
}

LJ_INLINE lj_vd lj_sqrt_d(lj_vd a)
{
#if LJ_AVX512
    return (lj_vd)_mm512_sqrt_pd((__m512d)a);
#elif LJ_AVX2
    return (lj_vd)_mm256_sqrt_pd((__m256d)a);
#elif defined(__SSE2__)
    return (lj_vd)_mm_sqrt_pd((__m128d)a);
#else
    for (int l = 0; l < LJ_WIDTH_D; l++) {
        a[l] = __builtin_sqrt(a[l]);
    }
    return a;
#endif
}

LJ_INLINE lj_vf lj_sqrt_f(lj_vf a)
{
#if LJ_AVX512
    return (lj_vf)_mm512_sqrt_ps((__m512)a);
#elif LJ_AVX2
    return (lj_vf)_mm256_sqrt_ps((__m256)a);
#elif defined(__SSE2__)
    return (lj_vf)_mm_sqrt_ps((__m128)a);
#else
    for (int l = 0; l < LJ_WIDTH_F; l++) {
        a[l] = __builtin_sqrtf(a[l]);
    }
    return a;
#endif
}

/* max(0, a); 0 for NaN */
LJ_INLINE lj_vd lj_positive_d(lj_vd a)
{
#if LJ_AVX512
    return lj_keep_d(_mm512_cmp_pd_mask((__m512d)a, _mm512_setzero_pd(), _CMP_GT_OQ), a);
#else
    return lj_keep_d((lj_md)(a > lj_set_d(0.0)), a);
#endif
}

LJ_INLINE lj_vf lj_positive_f(lj_vf a)
{
#if LJ_AVX512
    return lj_keep_f(_mm512_cmp_ps_mask((__m512)a, _mm512_setzero_ps(), _CMP_GT_OQ), a);
#else
    return lj_keep_f((lj_mf)(a > lj_set_f(0.0F)), a);
#endif
}

/* Differences of whole numbers modulo 2^32, as signed numbers in float. */
LJ_INLINE lj_vf lj_difference_f(lj_vu a, lj_vu b)
{
    return __builtin_convertvector((lj_vi)(a - b), lj_vf);
}

/* A zero of which the compiler does not know that it is one. A gather keeps lanes of its target
 * that are masked; with a target and a mask known to it the compiler leaves the target as it was,
 * and then each gather waits for whatever made that. */
#if LJ_AVX512 || LJ_AVX2
#define LJ_HIDE(v) __asm__("" : "+v"(v))
#endif

/* table[index[l]] */
LJ_INLINE lj_vd lj_gather_d(const double *table, const int32_t *index)
{
    lj_vd v = lj_set_d(0.0);
#if LJ_AVX512
    const __m256i at = _mm256_loadu_si256((const __m256i *)index);
    LJ_HIDE(v);
    v = (lj_vd)_mm512_mask_i32gather_pd((__m512d)v, 0xff, at, table, 8);
#elif LJ_AVX2
    const __m128i at = _mm_loadu_si128((const __m128i *)index);
    const __m256d all = _mm256_castsi256_pd(_mm256_set1_epi64x(-1));
    LJ_HIDE(v);
    v = (lj_vd)_mm256_mask_i32gather_pd((__m256d)v, table, at, all, 8);
#else
    for (int l = 0; l < LJ_WIDTH_D; l++) {
        v[l] = table[index[l]];
    }
#endif
    return v;
}

LJ_INLINE lj_vf lj_gather_f(const float *table, const int32_t *index)
{
    lj_vf v = lj_set_f(0.0F);
#if LJ_AVX512
    const __m512i at = _mm512_loadu_si512(index);
    LJ_HIDE(v);
    v = (lj_vf)_mm512_mask_i32gather_ps((__m512)v, 0xffff, at, table, 4);
#elif LJ_AVX2
    const __m256i at = _mm256_loadu_si256((const __m256i *)index);
    const __m256 all = _mm256_castsi256_ps(_mm256_set1_epi32(-1));
    LJ_HIDE(v);
    v = (lj_vf)_mm256_mask_i32gather_ps((__m256)v, table, at, all, 4);
#else
    for (int l = 0; l < LJ_WIDTH_F; l++) {
        v[l] = table[index[l]];
    }
#endif
    return v;
}

/* to[place + l modulo `lanes`] += v[l] */
LJ_INLINE void lj_add_lanes_d(double *to, int32_t lanes, int32_t place, lj_vd v)
{
    double *at = to + place % lanes;
    lj_store_d(at, lj_load_d(at) + v);
}

LJ_INLINE void lj_add_lanes_f(double *to, int32_t lanes, int32_t place, lj_vf v)
{
    typedef float half __attribute__((vector_size(LJ_BYTES / 2)));
    half h[2];
    memcpy(h, &v, sizeof v);
    for (int32_t k = 0; k < 2; k++) {
        lj_add_lanes_d(to, lanes, place + k * LJ_WIDTH_D, __builtin_convertvector(h[k], lj_vd));
    }
}

/* ((0 + 4) + (2 + 6)) + ((1 + 5) + (3 + 7)) */
LJ_INLINE double lj_tree(const double v[8])
{
    typedef double four __attribute__((vector_size(32)));
    four low, high;
    memcpy(&low, v, sizeof low);
    memcpy(&high, v + 4, sizeof high);
    low = low + high;
    return (low[0] + low[2]) + (low[1] + low[3]);
}

/* index[l] = a[l] + b[l] for `width` lanes */
LJ_INLINE void lj_add_index(const int32_t *a, const int32_t *b, int width, int32_t *index)
{
    for (int l = 0; l < width; l++) {
        index[l] = a[l] + b[l];
    }
}

#endif
