/* Eight lanes of doubles for the Stillinger-Weber kernel, in as many machine vectors as the
 * instruction set needs. Private to sw_kernel.c.
 *
 * sw_v holds SW_WIDTH doubles: 8 with AVX-512, 4 with AVX2, 1 otherwise; sw_m says yes or no for
 * each of them. Eight lanes are worked through in 8 / SW_WIDTH parts, which do not meet: a lane
 * sees the same operations on every instruction set, so the bits are the same. Arithmetic is that
 * of the compiler's vector types (+ - * /); the functions here add what C has no operator for. All
 * of them are exact or correctly rounded, except sw_exp, which is a fixed sequence of such
 * operations.
 */
#ifndef ATHANOR_MODELS_SW_LANES_H
#define ATHANOR_MODELS_SW_LANES_H

#include <stdint.h>

#include "base/math.h"

#define SW_INLINE static inline __attribute__((always_inline))

#if defined(__AVX512F__) && defined(__AVX512VL__) && defined(__AVX512DQ__)

#include <immintrin.h>
#define SW_WIDTH 8
typedef __m512d sw_v;
typedef __mmask8 sw_m;

SW_INLINE sw_v sw_set(double x)
{
    return _mm512_set1_pd(x);
}
SW_INLINE sw_v sw_load(const double *p)
{
    return _mm512_loadu_pd(p);
}
SW_INLINE void sw_store(double *p, sw_v x)
{
    _mm512_storeu_pd(p, x);
}
SW_INLINE sw_v sw_fma(sw_v a, sw_v b, sw_v c)
{
    return _mm512_fmadd_pd(a, b, c);
}
SW_INLINE sw_v sw_sqrt(sw_v a)
{
    return _mm512_sqrt_pd(a);
}
/* p[index[l]] */
SW_INLINE sw_v sw_gather(const double *p, const int32_t *index)
{
    const __m256i at = _mm256_loadu_si256((const __m256i *)index);
    return _mm512_mask_i32gather_pd(_mm512_setzero_pd(), 0xff, at, p, 8);
}
/* a > b ? b : a, so a if either is NaN */
SW_INLINE sw_v sw_at_most(sw_v a, sw_v b)
{
    return _mm512_mask_blend_pd(_mm512_cmp_pd_mask(a, b, _CMP_GT_OQ), a, b);
}
/* a < b ? b : a */
SW_INLINE sw_v sw_at_least(sw_v a, sw_v b)
{
    return _mm512_mask_blend_pd(_mm512_cmp_pd_mask(a, b, _CMP_LT_OQ), a, b);
}
/* kind >= 0 */
SW_INLINE sw_m sw_there(const int32_t *kind)
{
    const __m256i k = _mm256_loadu_si256((const __m256i *)kind);
    return (__mmask8)~_mm256_movepi32_mask(k);
}
/* those of m where not a >= b */
SW_INLINE sw_m sw_near(sw_m m, sw_v a, sw_v b)
{
    return _mm512_mask_cmp_pd_mask(m, a, b, _CMP_NGE_UQ);
}
/* a, zero where m says no */
SW_INLINE sw_v sw_keep(sw_m m, sw_v a)
{
    return _mm512_maskz_mov_pd(m, a);
}
/* one bit for each lane */
SW_INLINE unsigned sw_bits(sw_m m)
{
    return m;
}
/* the double whose bits are those of x shifted left by 52 */
SW_INLINE sw_v sw_exponent(sw_v x)
{
    return _mm512_castsi512_pd(_mm512_slli_epi64(_mm512_castpd_si512(x), 52));
}

#elif defined(__AVX2__) && defined(__FMA__)

#include <immintrin.h>
#define SW_WIDTH 4
typedef __m256d sw_v;
typedef __m256d sw_m;

SW_INLINE sw_v sw_set(double x)
{
    return _mm256_set1_pd(x);
}
SW_INLINE sw_v sw_load(const double *p)
{
    return _mm256_loadu_pd(p);
}
SW_INLINE void sw_store(double *p, sw_v x)
{
    _mm256_storeu_pd(p, x);
}
SW_INLINE sw_v sw_fma(sw_v a, sw_v b, sw_v c)
{
    return _mm256_fmadd_pd(a, b, c);
}
SW_INLINE sw_v sw_sqrt(sw_v a)
{
    return _mm256_sqrt_pd(a);
}
/* Four loads: on many machines with AVX2 they are faster than its gather. */
SW_INLINE sw_v sw_gather(const double *p, const int32_t *index)
{
    return _mm256_set_pd(p[index[3]], p[index[2]], p[index[1]], p[index[0]]);
}
SW_INLINE sw_v sw_at_most(sw_v a, sw_v b)
{
    return _mm256_blendv_pd(a, b, _mm256_cmp_pd(a, b, _CMP_GT_OQ));
}
SW_INLINE sw_v sw_at_least(sw_v a, sw_v b)
{
    return _mm256_blendv_pd(a, b, _mm256_cmp_pd(a, b, _CMP_LT_OQ));
}
SW_INLINE sw_m sw_there(const int32_t *kind)
{
    const __m128i k = _mm_loadu_si128((const __m128i *)kind);
    const __m256i wide = _mm256_cvtepi32_epi64(k);
    return _mm256_castsi256_pd(_mm256_cmpgt_epi64(wide, _mm256_set1_epi64x(-1)));
}
SW_INLINE sw_m sw_near(sw_m m, sw_v a, sw_v b)
{
    return _mm256_and_pd(m, _mm256_cmp_pd(a, b, _CMP_NGE_UQ));
}
SW_INLINE sw_v sw_keep(sw_m m, sw_v a)
{
    return _mm256_and_pd(m, a);
}
SW_INLINE unsigned sw_bits(sw_m m)
{
    return (unsigned)_mm256_movemask_pd(m);
}
SW_INLINE sw_v sw_exponent(sw_v x)
{
    return _mm256_castsi256_pd(_mm256_slli_epi64(_mm256_castpd_si256(x), 52));
}

#else

#define SW_WIDTH 1
typedef double sw_v;
typedef int sw_m;

SW_INLINE sw_v sw_set(double x)
{
    return x;
}
SW_INLINE sw_v sw_load(const double *p)
{
    return *p;
}
SW_INLINE void sw_store(double *p, sw_v x)
{
    *p = x;
}
SW_INLINE sw_v sw_fma(sw_v a, sw_v b, sw_v c)
{
    return ath__fma(a, b, c);
}
SW_INLINE sw_v sw_sqrt(sw_v a)
{
    return ath__sqrt(a);
}
SW_INLINE sw_v sw_gather(const double *p, const int32_t *index)
{
    return p[*index];
}
SW_INLINE sw_v sw_at_most(sw_v a, sw_v b)
{
    return a > b ? b : a;
}
SW_INLINE sw_v sw_at_least(sw_v a, sw_v b)
{
    return a < b ? b : a;
}
SW_INLINE sw_m sw_there(const int32_t *kind)
{
    return *kind >= 0;
}
SW_INLINE sw_m sw_near(sw_m m, sw_v a, sw_v b)
{
    return m && !(a >= b);
}
SW_INLINE sw_v sw_keep(sw_m m, sw_v a)
{
    return m ? a : 0.0;
}
SW_INLINE unsigned sw_bits(sw_m m)
{
    return m != 0;
}
SW_INLINE sw_v sw_exponent(sw_v x)
{
    return ath__from_bits(ath__bits(x) << 52);
}

#endif

enum { SW_PARTS = 8 / SW_WIDTH };

/* exp(x) for x <= 700, not less than exp(-700) = 1e-304; NaN stays NaN. The reduction and the
 * polynomial are those of ath__exp (base/math.h) without its tails: at most 1 ulp off, half the
 * work. */
SW_INLINE sw_v sw_exp(sw_v y)
{
    const sw_v x = sw_at_least(y, sw_set(-700.0));
    const sw_v magic = sw_set(0x1.8p52 + 1023.0); /* rounds to an integer, biased by 1023 */
    const sw_v shifted = sw_fma(x, sw_set(0x1.71547652b82fep+0), magic);
    const sw_v n = shifted - magic;
    sw_v r = sw_fma(n, sw_set(-0x1.62e42fefa39efp-1), x);
    r = sw_fma(n, sw_set(-0x1.abc9e3b39803fp-56), r);
    const sw_v z = r * r;
    sw_v a = sw_fma(z, sw_set(0x1.af6865b7c7787p-26), sw_set(0x1.71ddf26e56990p-19));
    sw_v b = sw_fma(z, sw_set(0x1.1e6b0b22fb97cp-29), sw_set(0x1.27e58a67468a9p-22));
    a = sw_fma(z, a, sw_set(0x1.a01a01b2694afp-13));
    b = sw_fma(z, b, sw_set(0x1.a01a01539ee65p-16));
    a = sw_fma(z, a, sw_set(0x1.111111110efc4p-7));
    b = sw_fma(z, b, sw_set(0x1.6c16c16c26caap-10));
    a = sw_fma(z, a, sw_set(0x1.555555555555ap-3));
    b = sw_fma(z, b, sw_set(0x1.5555555555531p-5));
    const sw_v q = sw_fma(r, b, a);
    const sw_v p = sw_fma(z, sw_fma(r, q, sw_set(0.5)), r); /* exp(r) - 1 */
    const sw_v scale = sw_exponent(shifted);                /* 2^n */
    return sw_fma(scale, p, scale);
}

/* x^n for a whole n >= 0 */
SW_INLINE sw_v sw_power(sw_v x, int32_t n)
{
    sw_v out = sw_set(1.0);
    for (; n > 0; n >>= 1) {
        if (n & 1) {
            out = out * x;
        }
        x = x * x;
    }
    return out;
}

/* x^y by lanes */
SW_INLINE sw_v sw_any_power(sw_v x, sw_v y)
{
    double base[SW_WIDTH], power[SW_WIDTH];
    sw_store(base, x);
    sw_store(power, y);
    for (int l = 0; l < SW_WIDTH; l++) {
        base[l] = ath__pow(base[l], power[l]);
    }
    return sw_load(base);
}

#endif
