/* Eight lanes of doubles for the EMT kernel, in as many machine vectors as the instruction set
 * needs. Private to emt_kernel.c.
 *
 * emt_v holds EMT_WIDTH doubles: 8 with AVX-512, 4 with AVX2, 1 otherwise. A block of 8 lanes is
 * worked through in 8 / EMT_WIDTH parts, lane l always being element l of the block, so a lane sees
 * the same operations on every instruction set and the bits are the same. Arithmetic is that of the
 * compiler's vector types (+ - * /); the functions here add what C has no operator for. All of them
 * are exact or correctly rounded, except emt_exp, which is a fixed sequence of such operations.
 *
 * Not here: anything that adds across lanes.
 */
#ifndef ATHANOR_MODELS_EMT_LANES_H
#define ATHANOR_MODELS_EMT_LANES_H

#include <stdint.h>

#include "base/math.h"

#if defined(__AVX512F__) && defined(__AVX512VL__)

#include <immintrin.h>
#define EMT_WIDTH 8
typedef __m512d emt_v;

static inline emt_v emt_set(double x)
{
    return _mm512_set1_pd(x);
}
static inline emt_v emt_load(const double *p)
{
    return _mm512_loadu_pd(p);
}
static inline void emt_store(double *p, emt_v x)
{
    _mm512_storeu_pd(p, x);
}
static inline emt_v emt_fma(emt_v a, emt_v b, emt_v c)
{
    return _mm512_fmadd_pd(a, b, c);
}
static inline emt_v emt_sqrt(emt_v a)
{
    return _mm512_sqrt_pd(a);
}
/* p[index[l]] */
static inline emt_v emt_gather(const double *p, const int32_t *index)
{
    const __m256i at = _mm256_loadu_si256((const __m256i *)index);
    return _mm512_mask_i32gather_pd(_mm512_setzero_pd(), 0xff, at, p, 8);
}
/* table[index[l]] for a table of 8 */
static inline emt_v emt_look(const double *table, const int32_t *index)
{
    const __m256i at = _mm256_loadu_si256((const __m256i *)index);
    return _mm512_permutexvar_pd(_mm512_cvtepi32_epi64(at), _mm512_loadu_pd(table));
}
/* lanes 0 .. n - 1 of x, zero in the others; 0 <= n < 256 */
static inline emt_v emt_keep(emt_v x, int64_t n)
{
    return _mm512_maskz_mov_pd((__mmask8)_bzhi_u32(0xff, (uint32_t)n), x);
}
/* sigma == 0 ? a : b */
static inline emt_v emt_isolated(emt_v sigma, emt_v a, emt_v b)
{
    return _mm512_mask_blend_pd(_mm512_cmp_pd_mask(sigma, _mm512_setzero_pd(), _CMP_EQ_OQ), b, a);
}
/* the double whose bits are those of x shifted left by 52 */
static inline emt_v emt_exponent(emt_v x)
{
    return _mm512_castsi512_pd(_mm512_slli_epi64(_mm512_castpd_si512(x), 52));
}

#elif defined(__AVX2__) && defined(__FMA__)

#include <immintrin.h>
#define EMT_WIDTH 4
typedef __m256d emt_v;

static inline emt_v emt_set(double x)
{
    return _mm256_set1_pd(x);
}
static inline emt_v emt_load(const double *p)
{
    return _mm256_loadu_pd(p);
}
static inline void emt_store(double *p, emt_v x)
{
    _mm256_storeu_pd(p, x);
}
static inline emt_v emt_fma(emt_v a, emt_v b, emt_v c)
{
    return _mm256_fmadd_pd(a, b, c);
}
static inline emt_v emt_sqrt(emt_v a)
{
    return _mm256_sqrt_pd(a);
}
/* Four loads: on many machines with AVX2 they are faster than its gather. */
static inline emt_v emt_gather(const double *p, const int32_t *index)
{
    return _mm256_set_pd(p[index[3]], p[index[2]], p[index[1]], p[index[0]]);
}
static inline emt_v emt_look(const double *table, const int32_t *index)
{
    return emt_gather(table, index);
}
static inline emt_v emt_keep(emt_v x, int64_t n)
{
    const __m256i lane = _mm256_set_epi64x(3, 2, 1, 0);
    const __m256i keep = _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), lane);
    return _mm256_and_pd(x, _mm256_castsi256_pd(keep));
}
static inline emt_v emt_isolated(emt_v sigma, emt_v a, emt_v b)
{
    return _mm256_blendv_pd(b, a, _mm256_cmp_pd(sigma, _mm256_setzero_pd(), _CMP_EQ_OQ));
}
static inline emt_v emt_exponent(emt_v x)
{
    return _mm256_castsi256_pd(_mm256_slli_epi64(_mm256_castpd_si256(x), 52));
}

#else

#include <math.h>
#define EMT_WIDTH 1
typedef double emt_v;

static inline emt_v emt_set(double x)
{
    return x;
}
static inline emt_v emt_load(const double *p)
{
    return *p;
}
static inline void emt_store(double *p, emt_v x)
{
    *p = x;
}
static inline emt_v emt_fma(emt_v a, emt_v b, emt_v c)
{
    return ath__fma(a, b, c);
}
static inline emt_v emt_sqrt(emt_v a)
{
    return sqrt(a);
}
static inline emt_v emt_gather(const double *p, const int32_t *index)
{
    return p[*index];
}
static inline emt_v emt_look(const double *table, const int32_t *index)
{
    return table[*index];
}
static inline emt_v emt_keep(emt_v x, int64_t n)
{
    return n > 0 ? x : 0.0;
}
static inline emt_v emt_isolated(emt_v sigma, emt_v a, emt_v b)
{
    return sigma == 0.0 ? a : b;
}
static inline emt_v emt_exponent(emt_v x)
{
    return ath__from_bits(ath__bits(x) << 52);
}

#endif

/* exp(x) for |x| <= 700; NaN stays NaN; others give garbage. The reduction and the polynomial are
 * those of ath__exp (base/math.h) without its tails and its limits: at most 1 ulp off, half the
 * work. */
static inline emt_v emt_exp(emt_v x)
{
    const emt_v magic = emt_set(0x1.8p52 + 1023.0); /* rounds to an integer, biased by 1023 */
    const emt_v shifted = emt_fma(x, emt_set(0x1.71547652b82fep+0), magic);
    const emt_v n = shifted - magic;
    emt_v r = emt_fma(n, emt_set(-0x1.62e42fefa39efp-1), x);
    r = emt_fma(n, emt_set(-0x1.abc9e3b39803fp-56), r);
    const emt_v z = r * r;
    emt_v a = emt_fma(z, emt_set(0x1.af6865b7c7787p-26), emt_set(0x1.71ddf26e56990p-19));
    emt_v b = emt_fma(z, emt_set(0x1.1e6b0b22fb97cp-29), emt_set(0x1.27e58a67468a9p-22));
    a = emt_fma(z, a, emt_set(0x1.a01a01b2694afp-13));
    b = emt_fma(z, b, emt_set(0x1.a01a01539ee65p-16));
    a = emt_fma(z, a, emt_set(0x1.111111110efc4p-7));
    b = emt_fma(z, b, emt_set(0x1.6c16c16c26caap-10));
    a = emt_fma(z, a, emt_set(0x1.555555555555ap-3));
    b = emt_fma(z, b, emt_set(0x1.5555555555531p-5));
    const emt_v q = emt_fma(r, b, a);
    const emt_v p = emt_fma(z, emt_fma(r, q, emt_set(0.5)), r); /* exp(r) - 1 */
    const emt_v scale = emt_exponent(shifted);                  /* 2^n */
    return emt_fma(scale, p, scale);
}

#endif
