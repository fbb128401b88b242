/* Vectors of 8 doubles and 16 floats with the same bits on every instruction set.
 *
 * ath__v8d and ath__v16f are the virtual widths of every reduction in the library. They are GCC
 * vectors: + - * / and comparisons work lane by lane on them, and the compiler splits them into
 * what the machine has. The functions here add what operators cannot say. All of them are correctly
 * rounded or exact, so a lane's bits depend on the lane's operands alone; NaN payloads are not
 * promised. Compile with -ffp-contract=off.
 *
 * A comparison gives a mask (ath__v8l, ath__v16i): -1 in lanes where it holds, else 0. Select by
 * mask never multiplies, so a NaN in the lane that is not taken does not matter.
 *
 * Loads and stores need no alignment beyond that of the elements. No permutations, no
 * approximations (rcp, rsqrt), nothing that reads beyond the given elements.
 *
 * Speed: with AVX-512, and with clang everywhere, these vectors stay in registers. gcc 12 keeps
 * vectors wider than the machine's in memory: its AVX2 build of a Lennard-Jones row took 2.9 ns a
 * pair with them and 0.9 ns with plain loops over arrays of 8 under "#pragma omp simd", which gave
 * the same bits and were as fast as the vectors elsewhere (0.7 ns with AVX-512). So write the hot
 * part of a kernel as such loops where they vectorise, with the ternary operator as its select.
 */
#ifndef ATHANOR_BASE_SIMD_H
#define ATHANOR_BASE_SIMD_H

#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

typedef double ath__v8d __attribute__((vector_size(64)));
typedef int64_t ath__v8l __attribute__((vector_size(64)));
typedef float ath__v16f __attribute__((vector_size(64)));
typedef int32_t ath__v16i __attribute__((vector_size(64)));

/* Passing 64-byte vectors between functions has no fixed ABI: all of these are inlined, as must be
 * whatever a kernel passes them to. The warning about that ABI is off from here on. */
#pragma GCC diagnostic ignored "-Wpsabi"
#define ATH__SIMD static inline __attribute__((always_inline, unused))

/* ---- make, load, store ---- */

ATH__SIMD ath__v8d ath__v8d_set(double x)
{
    return (ath__v8d){x, x, x, x, x, x, x, x};
}

ATH__SIMD ath__v16f ath__v16f_set(float x)
{
    return (ath__v16f){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x};
}

ATH__SIMD ath__v8l ath__v8l_set(int64_t x)
{
    return (ath__v8l){x, x, x, x, x, x, x, x};
}

ATH__SIMD ath__v16i ath__v16i_set(int32_t x)
{
    return (ath__v16i){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x};
}

/* p: 8 doubles */
ATH__SIMD ath__v8d ath__v8d_load(const double *p)
{
    ath__v8d v;
    memcpy(&v, p, sizeof v);
    return v;
}

ATH__SIMD void ath__v8d_store(double *p, ath__v8d v)
{
    memcpy(p, &v, sizeof v);
}

/* p: 16 floats */
ATH__SIMD ath__v16f ath__v16f_load(const float *p)
{
    ath__v16f v;
    memcpy(&v, p, sizeof v);
    return v;
}

ATH__SIMD void ath__v16f_store(float *p, ath__v16f v)
{
    memcpy(p, &v, sizeof v);
}

/* p: 8 int64_t */
ATH__SIMD ath__v8l ath__v8l_load(const int64_t *p)
{
    ath__v8l v;
    memcpy(&v, p, sizeof v);
    return v;
}

ATH__SIMD void ath__v8l_store(int64_t *p, ath__v8l v)
{
    memcpy(p, &v, sizeof v);
}

/* p: 16 int32_t */
ATH__SIMD ath__v16i ath__v16i_load(const int32_t *p)
{
    ath__v16i v;
    memcpy(&v, p, sizeof v);
    return v;
}

ATH__SIMD void ath__v16i_store(int32_t *p, ath__v16i v)
{
    memcpy(p, &v, sizeof v);
}

/* ---- masks and selection ---- */

ATH__SIMD ath__v8l ath__v8d_lt(ath__v8d a, ath__v8d b)
{
    return (ath__v8l)(a < b);
}

ATH__SIMD ath__v8l ath__v8d_le(ath__v8d a, ath__v8d b)
{
    return (ath__v8l)(a <= b);
}

ATH__SIMD ath__v8l ath__v8d_eq(ath__v8d a, ath__v8d b)
{
    return (ath__v8l)(a == b);
}

ATH__SIMD ath__v16i ath__v16f_lt(ath__v16f a, ath__v16f b)
{
    return (ath__v16i)(a < b);
}

ATH__SIMD ath__v16i ath__v16f_le(ath__v16f a, ath__v16f b)
{
    return (ath__v16i)(a <= b);
}

ATH__SIMD ath__v16i ath__v16f_eq(ath__v16f a, ath__v16f b)
{
    return (ath__v16i)(a == b);
}

/* mask ? a : b */
ATH__SIMD ath__v8d ath__v8d_select(ath__v8l mask, ath__v8d a, ath__v8d b)
{
    return (ath__v8d)(((ath__v8l)a & mask) | ((ath__v8l)b & ~mask));
}

ATH__SIMD ath__v8l ath__v8l_select(ath__v8l mask, ath__v8l a, ath__v8l b)
{
    return (a & mask) | (b & ~mask);
}

ATH__SIMD ath__v16f ath__v16f_select(ath__v16i mask, ath__v16f a, ath__v16f b)
{
    return (ath__v16f)(((ath__v16i)a & mask) | ((ath__v16i)b & ~mask));
}

ATH__SIMD ath__v16i ath__v16i_select(ath__v16i mask, ath__v16i a, ath__v16i b)
{
    return (a & mask) | (b & ~mask);
}

/* a where the mask is set, else +0: what a pair beyond the cutoff adds to a sum. */
ATH__SIMD ath__v8d ath__v8d_keep(ath__v8l mask, ath__v8d a)
{
    return (ath__v8d)((ath__v8l)a & mask);
}

ATH__SIMD ath__v16f ath__v16f_keep(ath__v16i mask, ath__v16f a)
{
    return (ath__v16f)((ath__v16i)a & mask);
}

/* Is any lane set? */
ATH__SIMD int ath__v8l_any(ath__v8l m)
{
#if defined(__AVX512F__)
    return _mm512_test_epi64_mask((__m512i)m, (__m512i)m) != 0;
#else
    return ((m[0] | m[1] | m[2] | m[3]) | (m[4] | m[5] | m[6] | m[7])) != 0;
#endif
}

ATH__SIMD int ath__v16i_any(ath__v16i m)
{
    return ath__v8l_any((ath__v8l)m);
}

/* ---- arithmetic ---- */

ATH__SIMD ath__v8d ath__v8d_abs(ath__v8d a)
{
    return (ath__v8d)((ath__v8l)a & ath__v8l_set(INT64_MAX));
}

ATH__SIMD ath__v16f ath__v16f_abs(ath__v16f a)
{
    return (ath__v16f)((ath__v16i)a & ath__v16i_set(INT32_MAX));
}

/* a < b ? a : b, so b if either is NaN or both are zeros. */
ATH__SIMD ath__v8d ath__v8d_min(ath__v8d a, ath__v8d b)
{
    return ath__v8d_select(ath__v8d_lt(a, b), a, b);
}

/* a > b ? a : b */
ATH__SIMD ath__v8d ath__v8d_max(ath__v8d a, ath__v8d b)
{
    return ath__v8d_select(ath__v8d_lt(b, a), a, b);
}

ATH__SIMD ath__v8d ath__v8d_sqrt(ath__v8d a)
{
#if defined(__AVX512F__)
    return (ath__v8d)_mm512_sqrt_pd((__m512d)a);
#elif defined(__AVX__)
    __m256d h[2];
    memcpy(h, &a, sizeof a);
    h[0] = _mm256_sqrt_pd(h[0]);
    h[1] = _mm256_sqrt_pd(h[1]);
    memcpy(&a, h, sizeof a);
    return a;
#elif defined(__SSE2__)
    __m128d h[4];
    memcpy(h, &a, sizeof a);
    for (int i = 0; i < 4; i++) {
        h[i] = _mm_sqrt_pd(h[i]);
    }
    memcpy(&a, h, sizeof a);
    return a;
#else
    for (int i = 0; i < 8; i++) {
        a[i] = __builtin_sqrt(a[i]);
    }
    return a;
#endif
}

ATH__SIMD ath__v16f ath__v16f_sqrt(ath__v16f a)
{
#if defined(__AVX512F__)
    return (ath__v16f)_mm512_sqrt_ps((__m512)a);
#elif defined(__AVX__)
    __m256 h[2];
    memcpy(h, &a, sizeof a);
    h[0] = _mm256_sqrt_ps(h[0]);
    h[1] = _mm256_sqrt_ps(h[1]);
    memcpy(&a, h, sizeof a);
    return a;
#elif defined(__SSE2__)
    __m128 h[4];
    memcpy(h, &a, sizeof a);
    for (int i = 0; i < 4; i++) {
        h[i] = _mm_sqrt_ps(h[i]);
    }
    memcpy(&a, h, sizeof a);
    return a;
#else
    for (int i = 0; i < 16; i++) {
        a[i] = __builtin_sqrtf(a[i]);
    }
    return a;
#endif
}

/* a * b + c with one rounding. Without the instruction it is the C library's: same bits, slow. */
ATH__SIMD ath__v8d ath__v8d_fma(ath__v8d a, ath__v8d b, ath__v8d c)
{
#if defined(__AVX512F__)
    return (ath__v8d)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif defined(__FMA__)
    __m256d x[2], y[2], z[2];
    memcpy(x, &a, sizeof a);
    memcpy(y, &b, sizeof b);
    memcpy(z, &c, sizeof c);
    z[0] = _mm256_fmadd_pd(x[0], y[0], z[0]);
    z[1] = _mm256_fmadd_pd(x[1], y[1], z[1]);
    memcpy(&c, z, sizeof c);
    return c;
#else
    for (int i = 0; i < 8; i++) {
        c[i] = __builtin_fma(a[i], b[i], c[i]);
    }
    return c;
#endif
}

ATH__SIMD ath__v16f ath__v16f_fma(ath__v16f a, ath__v16f b, ath__v16f c)
{
#if defined(__AVX512F__)
    return (ath__v16f)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
    __m256 x[2], y[2], z[2];
    memcpy(x, &a, sizeof a);
    memcpy(y, &b, sizeof b);
    memcpy(z, &c, sizeof c);
    z[0] = _mm256_fmadd_ps(x[0], y[0], z[0]);
    z[1] = _mm256_fmadd_ps(x[1], y[1], z[1]);
    memcpy(&c, z, sizeof c);
    return c;
#else
    for (int i = 0; i < 16; i++) {
        c[i] = __builtin_fmaf(a[i], b[i], c[i]);
    }
    return c;
#endif
}

/* ---- across lanes ---- */

/* ((v0 + v4) + (v2 + v6)) + ((v1 + v5) + (v3 + v7)): halves, then quarters, then eighths. */
ATH__SIMD double ath__v8d_sum(ath__v8d v)
{
    return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
}

/* w_i = v_i + v_(i+8), then as for 8 doubles, in float32. */
ATH__SIMD float ath__v16f_sum(ath__v16f v)
{
    float w[8];
    for (int i = 0; i < 8; i++) {
        w[i] = v[i] + v[i + 8];
    }
    return ((w[0] + w[4]) + (w[2] + w[6])) + ((w[1] + w[5]) + (w[3] + w[7]));
}

/* ---- conversions ---- */

/* Lanes 0..7 and 8..15, exactly. */
ATH__SIMD void ath__v16f_widen(ath__v16f v, ath__v8d *low, ath__v8d *high)
{
    typedef float half __attribute__((vector_size(32)));
    half h[2];
    memcpy(h, &v, sizeof v);
    *low = __builtin_convertvector(h[0], ath__v8d);
    *high = __builtin_convertvector(h[1], ath__v8d);
}

/* Rounded to nearest. */
ATH__SIMD ath__v16f ath__v16f_narrow(ath__v8d low, ath__v8d high)
{
    typedef float half __attribute__((vector_size(32)));
    half h[2] = {__builtin_convertvector(low, half), __builtin_convertvector(high, half)};
    ath__v16f v;
    memcpy(&v, h, sizeof v);
    return v;
}

/* The 16 floats summed in pairs of lanes i, i + 8 as float64: folds a partial sum into doubles. */
ATH__SIMD ath__v8d ath__v16f_fold(ath__v16f v)
{
    ath__v8d low, high;
    ath__v16f_widen(v, &low, &high);
    return low + high;
}

#endif
