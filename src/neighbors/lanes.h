/* Lanes: the few vector operations that the neighbour search needs, per instruction set. Private.
 *
 * lanes_f is a row of LANES float32 numbers: 16 (AVX-512), 8 (AVX2) or 4. Sums and products are
 * written with + - *; what the C language lacks is here: minimum and maximum, a comparison that
 * gives a bit mask, and "pack": the chosen elements moved together. Nothing that reaches a list's
 * contents depends on the number of lanes, since every doubtful comparison is decided again in
 * float64 (tree.h).
 *
 * An entry is an ath__neighbor held in 64 bits, atom in the low half. Pack functions may write
 * LANES elements from `out`, of which the returned number count; lanes beyond are garbage.
 */
#ifndef ATHANOR_NEIGHBORS_LANES_H
#define ATHANOR_NEIGHBORS_LANES_H

#include <stdint.h>

#if defined(__AVX512F__) && defined(__AVX512VL__) && defined(__AVX512DQ__)
#include <immintrin.h>

enum { LANES = 16 };
typedef __m512 lanes_f;

static inline lanes_f lanes_load(const float *p)
{
    return _mm512_loadu_ps(p);
}
static inline void lanes_store(float *p, lanes_f v)
{
    _mm512_storeu_ps(p, v);
}
static inline lanes_f lanes_set(float x)
{
    return _mm512_set1_ps(x);
}
static inline lanes_f lanes_min(lanes_f a, lanes_f b)
{
    return _mm512_min_ps(a, b);
}
static inline lanes_f lanes_max(lanes_f a, lanes_f b)
{
    return _mm512_max_ps(a, b);
}
/* Bit k: a[k] < b[k]. */
static inline uint32_t lanes_less(lanes_f a, lanes_f b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}
static inline void lanes_pack(float *out, lanes_f v, uint32_t mask)
{
    _mm512_storeu_ps(out, _mm512_maskz_compress_ps((__mmask16)mask, v));
}
/* The chosen entries, `add` added to each. */
static inline int32_t lanes_pack_entries(uint64_t *out, const uint64_t *in, uint64_t add,
                                         uint32_t mask)
{
    const __m512i a = _mm512_set1_epi64((long long)add);
    const __m512i e0 = _mm512_add_epi64(_mm512_loadu_si512(in), a);
    const __m512i e1 = _mm512_add_epi64(_mm512_loadu_si512(in + 8), a);
    const __mmask8 m0 = (__mmask8)mask, m1 = (__mmask8)(mask >> 8);
    const int32_t n0 = __builtin_popcount(m0);
    _mm512_storeu_si512(out, _mm512_maskz_compress_epi64(m0, e0));
    _mm512_storeu_si512(out + n0, _mm512_maskz_compress_epi64(m1, e1));
    return n0 + __builtin_popcount(m1);
}
/* The chosen entries without `self`. */
static inline int32_t lanes_pack_row(uint64_t *out, const uint64_t *in, uint64_t self,
                                     uint32_t mask)
{
    const __m512i s = _mm512_set1_epi64((long long)self);
    const __m512i e0 = _mm512_loadu_si512(in), e1 = _mm512_loadu_si512(in + 8);
    const __mmask8 m0 = _mm512_mask_cmpneq_epi64_mask((__mmask8)mask, e0, s);
    const __mmask8 m1 = _mm512_mask_cmpneq_epi64_mask((__mmask8)(mask >> 8), e1, s);
    const int32_t n0 = __builtin_popcount(m0);
    _mm512_storeu_si512(out, _mm512_maskz_compress_epi64(m0, e0));
    _mm512_storeu_si512(out + n0, _mm512_maskz_compress_epi64(m1, e1));
    return n0 + __builtin_popcount(m1);
}

#elif defined(__AVX2__)
#include <immintrin.h>

enum { LANES = 8 };
typedef __m256 lanes_f;

/* The lanes that are set in a 4-bit mask, in order, for each mask: as 32-bit and as 64-bit lanes.
 */
#define LANES_ORDERS(F)                                                                            \
    {                                                                                              \
        F(0, 0, 0, 0), F(0, 0, 0, 0), F(1, 0, 0, 0), F(0, 1, 0, 0), F(2, 0, 0, 0), F(0, 2, 0, 0),  \
            F(1, 2, 0, 0), F(0, 1, 2, 0), F(3, 0, 0, 0), F(0, 3, 0, 0), F(1, 3, 0, 0),             \
            F(0, 1, 3, 0), F(2, 3, 0, 0), F(0, 2, 3, 0), F(1, 2, 3, 0), F(0, 1, 2, 3)              \
    }
#define LANES_SINGLE(a, b, c, d)                                                                   \
    {                                                                                              \
        (a), (b), (c), (d)                                                                         \
    }
#define LANES_DOUBLE(a, b, c, d)                                                                   \
    {                                                                                              \
        2 * (a), 2 * (a) + 1, 2 * (b), 2 * (b) + 1, 2 * (c), 2 * (c) + 1, 2 * (d), 2 * (d) + 1     \
    }
static const int32_t lanes_order_32[16][4] = LANES_ORDERS(LANES_SINGLE);
static const int32_t lanes_order_64[16][8] = LANES_ORDERS(LANES_DOUBLE);

static inline lanes_f lanes_load(const float *p)
{
    return _mm256_loadu_ps(p);
}
static inline void lanes_store(float *p, lanes_f v)
{
    _mm256_storeu_ps(p, v);
}
static inline lanes_f lanes_set(float x)
{
    return _mm256_set1_ps(x);
}
static inline lanes_f lanes_min(lanes_f a, lanes_f b)
{
    return _mm256_min_ps(a, b);
}
static inline lanes_f lanes_max(lanes_f a, lanes_f b)
{
    return _mm256_max_ps(a, b);
}
static inline uint32_t lanes_less(lanes_f a, lanes_f b)
{
    return (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_LT_OQ));
}
/* Four 64-bit lanes, packed. */
static inline int32_t lanes_pack_four(uint64_t *out, __m256i e, uint32_t nibble)
{
    const __m256i order = _mm256_loadu_si256((const __m256i *)(const void *)lanes_order_64[nibble]);
    _mm256_storeu_si256((__m256i *)(void *)out, _mm256_permutevar8x32_epi32(e, order));
    return __builtin_popcount(nibble);
}
static inline __m256i lanes_load_four(const uint64_t *in)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)in);
}
static inline void lanes_pack(float *out, lanes_f v, uint32_t mask)
{
    const uint32_t m0 = mask & 15, m1 = (mask >> 4) & 15;
    const __m128i o0 = _mm_loadu_si128((const __m128i *)(const void *)lanes_order_32[m0]);
    const __m128i o1 = _mm_loadu_si128((const __m128i *)(const void *)lanes_order_32[m1]);
    _mm_storeu_ps(out, _mm_permutevar_ps(_mm256_castps256_ps128(v), o0));
    _mm_storeu_ps(out + __builtin_popcount(m0), _mm_permutevar_ps(_mm256_extractf128_ps(v, 1), o1));
}
static inline int32_t lanes_pack_entries(uint64_t *out, const uint64_t *in, uint64_t add,
                                         uint32_t mask)
{
    const __m256i a = _mm256_set1_epi64x((long long)add);
    const int32_t n = lanes_pack_four(out, _mm256_add_epi64(lanes_load_four(in), a), mask & 15);
    return n +
           lanes_pack_four(out + n, _mm256_add_epi64(lanes_load_four(in + 4), a), (mask >> 4) & 15);
}
static inline uint32_t lanes_equal_four(__m256i a, __m256i b)
{
    return (uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpeq_epi64(a, b)));
}
static inline int32_t lanes_pack_row(uint64_t *out, const uint64_t *in, uint64_t self,
                                     uint32_t mask)
{
    const __m256i s = _mm256_set1_epi64x((long long)self);
    const __m256i e0 = lanes_load_four(in), e1 = lanes_load_four(in + 4);
    const int32_t n = lanes_pack_four(out, e0, mask & 15 & ~lanes_equal_four(e0, s));
    return n + lanes_pack_four(out + n, e1, (mask >> 4) & 15 & ~lanes_equal_four(e1, s));
}

#else
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { LANES = 4 };
typedef float lanes_f __attribute__((vector_size(16)));

static inline lanes_f lanes_load(const float *p)
{
    lanes_f v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}
static inline void lanes_store(float *p, lanes_f v)
{
    __builtin_memcpy(p, &v, sizeof v);
}
static inline lanes_f lanes_set(float x)
{
    return (lanes_f){x, x, x, x};
}
#ifdef __SSE2__
static inline lanes_f lanes_min(lanes_f a, lanes_f b)
{
    return _mm_min_ps(a, b);
}
static inline lanes_f lanes_max(lanes_f a, lanes_f b)
{
    return _mm_max_ps(a, b);
}
static inline uint32_t lanes_less(lanes_f a, lanes_f b)
{
    return (uint32_t)_mm_movemask_ps(_mm_cmplt_ps(a, b));
}
#else
static inline lanes_f lanes_min(lanes_f a, lanes_f b)
{
    for (int k = 0; k < LANES; k++) {
        a[k] = a[k] < b[k] ? a[k] : b[k];
    }
    return a;
}
static inline lanes_f lanes_max(lanes_f a, lanes_f b)
{
    for (int k = 0; k < LANES; k++) {
        a[k] = a[k] > b[k] ? a[k] : b[k];
    }
    return a;
}
static inline uint32_t lanes_less(lanes_f a, lanes_f b)
{
    uint32_t mask = 0;
    for (int k = 0; k < LANES; k++) {
        mask |= (uint32_t)(a[k] < b[k]) << k;
    }
    return mask;
}
#endif
static inline void lanes_pack(float *out, lanes_f v, uint32_t mask)
{
    int32_t n = 0;
    for (int k = 0; k < LANES; k++) {
        out[n] = v[k];
        n += (int32_t)((mask >> k) & 1);
    }
}
static inline int32_t lanes_pack_entries(uint64_t *out, const uint64_t *in, uint64_t add,
                                         uint32_t mask)
{
    int32_t n = 0;
    for (int k = 0; k < LANES; k++) {
        out[n] = in[k] + add;
        n += (int32_t)((mask >> k) & 1);
    }
    return n;
}
static inline int32_t lanes_pack_row(uint64_t *out, const uint64_t *in, uint64_t self,
                                     uint32_t mask)
{
    int32_t n = 0;
    for (int k = 0; k < LANES; k++) {
        out[n] = in[k];
        n += (int32_t)((mask >> k) & 1 & (uint32_t)(in[k] != self));
    }
    return n;
}
#endif

#endif
