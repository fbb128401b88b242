/* Lanes of doubles for the NEP kernel. Private to nep_kernel.c.
 *
 * nep_v holds NEP_WIDTH doubles: 8 with AVX-512, 4 with AVX2, 1 otherwise. All arrays are rows of 8
 * lanes (or of a multiple of 8), worked through in pieces of NEP_WIDTH; lane l always is element l,
 * so it sees the same operations on every instruction set and the bits are the same. Arithmetic is
 * that of the compiler's vector types (+ - * /); the functions here add what C has no operator for,
 * and are exact or correctly rounded.
 */
#ifndef ATHANOR_MODELS_NEP_LANES_H
#define ATHANOR_MODELS_NEP_LANES_H

#include <stdint.h>

#include "base/math.h"

#define NEP_INLINE static inline __attribute__((always_inline, unused))

#if defined(__AVX512F__) && defined(__AVX512VL__) && defined(__AVX512DQ__)

#include <immintrin.h>
#define NEP_WIDTH 8
typedef __m512d nep_v;

NEP_INLINE nep_v nep_set(double x)
{
    return _mm512_set1_pd(x);
}
NEP_INLINE nep_v nep_load(const double *p)
{
    return _mm512_loadu_pd(p);
}
NEP_INLINE void nep_store(double *p, nep_v x)
{
    _mm512_storeu_pd(p, x);
}
NEP_INLINE nep_v nep_fma(nep_v a, nep_v b, nep_v c)
{
    return _mm512_fmadd_pd(a, b, c);
}
NEP_INLINE nep_v nep_sqrt(nep_v a)
{
    return _mm512_sqrt_pd(a);
}
/* x where a >= b does not hold, so also where either is NaN; else 0 */
NEP_INLINE nep_v nep_below(nep_v a, nep_v b, nep_v x)
{
    return _mm512_maskz_mov_pd(_mm512_cmp_pd_mask(a, b, _CMP_NGE_UQ), x);
}
/* x where kind[l] is `same`, else 0 */
NEP_INLINE nep_v nep_same(const int32_t *kind, int32_t same, nep_v x)
{
    const __m256i k = _mm256_loadu_si256((const __m256i *)kind);
    return _mm512_maskz_mov_pd(_mm256_cmpeq_epi32_mask(k, _mm256_set1_epi32(same)), x);
}
/* p[index[l]] */
NEP_INLINE nep_v nep_gather(const double *p, const int32_t *index)
{
    const __m256i at = _mm256_loadu_si256((const __m256i *)index);
    return _mm512_mask_i32gather_pd(_mm512_setzero_pd(), 0xff, at, p, 8);
}
/* out[l][m] = in[m][l]; rows of in are `stride` apart, out is 8 x 8 */
NEP_INLINE void nep_transpose(const double *in, int64_t stride, double *out)
{
    __m512d r[8], s[8];
    for (int m = 0; m < 8; m++) {
        r[m] = _mm512_loadu_pd(in + m * stride);
    }
    for (int m = 0; m < 8; m += 2) {
        s[m] = _mm512_unpacklo_pd(r[m], r[m + 1]);
        s[m + 1] = _mm512_unpackhi_pd(r[m], r[m + 1]);
    }
    for (int m = 0; m < 2; m++) {
        r[m] = _mm512_shuffle_f64x2(s[m], s[m + 2], 0x88);
        r[m + 2] = _mm512_shuffle_f64x2(s[m], s[m + 2], 0xdd);
        r[m + 4] = _mm512_shuffle_f64x2(s[m + 4], s[m + 6], 0x88);
        r[m + 6] = _mm512_shuffle_f64x2(s[m + 4], s[m + 6], 0xdd);
    }
    for (int m = 0; m < 4; m++) {
        _mm512_storeu_pd(out + 8 * m, _mm512_shuffle_f64x2(r[m], r[m + 4], 0x88));
        _mm512_storeu_pd(out + 8 * (m + 4), _mm512_shuffle_f64x2(r[m], r[m + 4], 0xdd));
    }
}

#elif defined(__AVX2__) && defined(__FMA__)

#include <immintrin.h>
#define NEP_WIDTH 4
typedef __m256d nep_v;

NEP_INLINE nep_v nep_set(double x)
{
    return _mm256_set1_pd(x);
}
NEP_INLINE nep_v nep_load(const double *p)
{
    return _mm256_loadu_pd(p);
}
NEP_INLINE void nep_store(double *p, nep_v x)
{
    _mm256_storeu_pd(p, x);
}
NEP_INLINE nep_v nep_fma(nep_v a, nep_v b, nep_v c)
{
    return _mm256_fmadd_pd(a, b, c);
}
NEP_INLINE nep_v nep_sqrt(nep_v a)
{
    return _mm256_sqrt_pd(a);
}
NEP_INLINE nep_v nep_below(nep_v a, nep_v b, nep_v x)
{
    return _mm256_and_pd(x, _mm256_cmp_pd(a, b, _CMP_NGE_UQ));
}
NEP_INLINE nep_v nep_same(const int32_t *kind, int32_t same, nep_v x)
{
    const __m128i k = _mm_loadu_si128((const __m128i *)kind);
    const __m128i equal = _mm_cmpeq_epi32(k, _mm_set1_epi32(same));
    return _mm256_and_pd(x, _mm256_castsi256_pd(_mm256_cvtepi32_epi64(equal)));
}
NEP_INLINE nep_v nep_gather(const double *p, const int32_t *index)
{
    return _mm256_set_pd(p[index[3]], p[index[2]], p[index[1]], p[index[0]]);
}
NEP_INLINE void nep_transpose(const double *in, int64_t stride, double *out)
{
    for (int b = 0; b < 8; b += 4) {
        for (int c = 0; c < 8; c += 4) {
            __m256d r[4], s[4];
            for (int m = 0; m < 4; m++) {
                r[m] = _mm256_loadu_pd(in + (b + m) * stride + c);
            }
            for (int m = 0; m < 4; m += 2) {
                s[m] = _mm256_unpacklo_pd(r[m], r[m + 1]);
                s[m + 1] = _mm256_unpackhi_pd(r[m], r[m + 1]);
            }
            for (int m = 0; m < 2; m++) {
                _mm256_storeu_pd(out + 8 * (c + m) + b,
                                 _mm256_permute2f128_pd(s[m], s[m + 2], 0x20));
                _mm256_storeu_pd(out + 8 * (c + m + 2) + b,
                                 _mm256_permute2f128_pd(s[m], s[m + 2], 0x31));
            }
        }
    }
}

#else

#define NEP_WIDTH 1
typedef double nep_v;

NEP_INLINE nep_v nep_set(double x)
{
    return x;
}
NEP_INLINE nep_v nep_load(const double *p)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.UndefReturn): padding lanes are not used */
    return *p;
}
NEP_INLINE void nep_store(double *p, nep_v x)
{
    *p = x;
}
NEP_INLINE nep_v nep_fma(nep_v a, nep_v b, nep_v c)
{
    return ath__fma(a, b, c);
}
NEP_INLINE nep_v nep_sqrt(nep_v a)
{
    return ath__sqrt(a);
}
NEP_INLINE nep_v nep_below(nep_v a, nep_v b, nep_v x)
{
    return a >= b ? 0.0 : x;
}
NEP_INLINE nep_v nep_same(const int32_t *kind, int32_t same, nep_v x)
{
    return *kind == same ? x : 0.0;
}
NEP_INLINE nep_v nep_gather(const double *p, const int32_t *index)
{
    return p[*index];
}
NEP_INLINE void nep_transpose(const double *in, int64_t stride, double *out)
{
    for (int l = 0; l < 8; l++) {
        for (int m = 0; m < 8; m++) {
            out[8 * l + m] = in[m * stride + l];
        }
    }
}

#endif

/* Rows of NEP_WIDTH lanes that cover n of a padded row. */
NEP_INLINE int nep_cover(int n)
{
    return (n + NEP_WIDTH - 1) / NEP_WIDTH * NEP_WIDTH;
}

/* ((0 + 4) + (2 + 6)) + ((1 + 5) + (3 + 7)) */
NEP_INLINE double nep_sum8(const double s[8])
{
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

#endif
