/* noise_lanes.h - the normal numbers of ath__philox_normal2 (base/philox.h) for eight atoms at
 * once, with the same bits, for host kernels.
 *
 * Philox multiplies 32 by 32 bits. Here each word stands in a 64-bit lane of its own, where that is
 * one instruction, and where rubbish in the upper half does no harm: shifts bring the upper word
 * down, exclusive or keeps the halves apart, and the multiplication reads the lower half only.
 */
#ifndef ATHANOR_INTEGRATORS_NOISE_LANES_H
#define ATHANOR_INTEGRATORS_NOISE_LANES_H

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include "integrators/noise.h"
#include "integrators/rows.h"

typedef uint64_t ath__words __attribute__((vector_size(8 * ATH__LANES)));

/* The 64-bit products of the lower halves of the lanes. */
static inline ath__words ath__words_mul(ath__words a, ath__words b)
{
#if defined(__AVX512F__)
    return (ath__words)_mm512_mul_epu32((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
    return (ath__words)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
    return (ath__words)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
    return (a & UINT64_C(0xffffffff)) * (b & UINT64_C(0xffffffff));
#endif
}

/* The uniform number of ath__uniform53, from words in the lower halves of lanes. */
static inline ath__words ath__words_uniform(ath__words hi, ath__words lo)
{
    const ath__words exponent = (ath__words){0} + UINT64_C(0x4330000000000000);
    const ath__lanes shift = (ath__lanes){0} + (0x1p52 - 0.5), scale = (ath__lanes){0} + 0x1p-52;
    ath__words k = (hi << 20) | ((lo & UINT64_C(0xffffffff)) >> 12);
    k = (k & UINT64_C(0x000fffffffffffff)) | exponent;
    return (ath__words)(((ath__lanes)k - shift) * scale);
}

/* Ten rounds for the atoms first ... first + ATH__LANES - 1, then two uniform numbers of each. */
static inline void ath__noise_uniform(const uint32_t key[2], uint64_t step, uint32_t first,
                                      uint32_t purpose, double u[2][ATH__LANES])
{
    const ath__words zero = {0}, m0 = zero + 0xD2511F53u, m1 = zero + 0xCD9E8D57u;
    ath__words c0 = zero + (uint32_t)step, c1 = zero + (step >> 32), c2 = zero, c3 = zero + purpose;
    uint32_t k0 = key[0], k1 = key[1];
    for (uint32_t i = 0; i < ATH__LANES; i++) {
        c2[i] = first + i;
    }
    for (int round = 0; round < 10; round++) {
        ath__words p0 = ath__words_mul(m0, c0), p1 = ath__words_mul(m1, c2);
        c0 = (p1 >> 32) ^ c1 ^ (zero + k0);
        c2 = (p0 >> 32) ^ c3 ^ (zero + k1);
        c1 = p1;
        c3 = p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    c0 = ath__words_uniform(c0, c1);
    c2 = ath__words_uniform(c2, c3);
    __builtin_memcpy(u[0], &c0, sizeof c0);
    __builtin_memcpy(u[1], &c2, sizeof c2);
}

/* Out of line: inlined among other code, the loops over lanes of math.h are unrolled before they
 * could be vectorised, and then are not. */
static __attribute__((noinline)) void ath__noise_ln(const double x[ATH__ROWS], double y[ATH__ROWS])
{
    ath__ln8(x, y);
}

static __attribute__((noinline)) void ath__noise_sincos(const double x[ATH__ROWS],
                                                        double s[ATH__ROWS], double c[ATH__ROWS])
{
    ath__sincos8(x, s, c);
}

/* Uniform numbers in (0, 1) to normal ones, in place: z0, z1 are those of ath__normal2. */
static inline void ath__noise_normal(double z0[ATH__ROWS], double z1[ATH__ROWS])
{
    _Alignas(64) double radius[ATH__ROWS], s[ATH__ROWS], c[ATH__ROWS];
    ATH__LANE_LOOP
    for (int i = 0; i < ATH__ROWS; i++) {
        /* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign): filled lane by lane */
        z1[i] *= 0x1.921fb54442d18p+2;
    }
    ath__noise_ln(z0, radius);
    ath__noise_sincos(z1, s, c);
    ATH__LANE_LOOP
    for (int i = 0; i < ATH__ROWS; i++) {
        radius[i] = ath__sqrt(-2.0 * radius[i]);
    }
    ATH__LANE_LOOP
    for (int i = 0; i < ATH__ROWS; i++) {
        z0[i] = radius[i] * c[i];
        z1[i] = radius[i] * s[i];
    }
}

/* u0[i], u1[i]: two uniform numbers of atom first + i. */
static inline void ath__noise_uniform8(const uint32_t key[2], uint64_t step, uint32_t first,
                                       uint32_t purpose, double u0[ATH__ROWS], double u1[ATH__ROWS])
{
    for (uint32_t i = 0; i < ATH__ROWS; i += ATH__LANES) {
        double u[2][ATH__LANES];
        ath__noise_uniform(key, step, first + i, purpose, u);
        __builtin_memcpy(u0 + i, u[0], sizeof u[0]);
        __builtin_memcpy(u1 + i, u[1], sizeof u[1]);
    }
}

/* z0[i], z1[i]: the two normals of atom first + i. */
static inline void ath__noise_normal2(const uint32_t key[2], uint64_t step, uint32_t first,
                                      uint32_t purpose, double z0[ATH__ROWS], double z1[ATH__ROWS])
{
    ath__noise_uniform8(key, step, first, purpose, z0, z1);
    ath__noise_normal(z0, z1);
}

#endif
