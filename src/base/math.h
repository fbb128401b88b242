/*
 * math.h - exp, log, sin, cos, pow, tanh and erfc in float64, written by ourselves.
 *
 * Why: results must have the same bits on every instruction set, with every compiler and in
 * vector form. libm, libmvec and the CUDA library differ from one another and between machines.
 * Here every function is a fixed sequence of + - * / fma, comparisons, selects and integer
 * operations, all exact or correctly rounded by IEEE 754, so its bits cannot depend on who
 * compiles it. Compile with -ffp-contract=off (nvcc: -fmad=false), never with -ffast-math, and in
 * round-to-nearest. Where the target has no fused multiply-add, fma() is libm's: same bits, slow.
 *
 * Largest errors found by tests/base/test_math.c, against libm's long double (64-bit mantissa),
 * over 12 million samples in each of 5 to 7 ranges. In ulp of the exact result; 0.5 is the least
 * possible. Subnormal results are rounded a second time.
 *
 *     function         domain                         ulp      subnormal results
 *     ath__exp         all                            0.60     0.77
 *     ath__ln          all                            0.56     none
 *     ath__sincos      |x| <= 2^30, NaN beyond        0.60     exact
 *     ath__pow         all                            0.61     0.77
 *     ath__tanh        all                            0.56     exact
 *     ath__erfc        all                            0.64     0.81
 *
 * The test allows 0.65 and 0.85.
 *
 * Method: argument reduction in double-double where it matters, then one minimax polynomial (Remez,
 * fitted for this file in 50-digit arithmetic) without tables, branches or gathers, then the
 * leading terms are added as an unevaluated pair hi + lo, so that little but the last rounding is
 * left. The double-double steps are Dekker's and Knuth's; the reductions are those of Cody and
 * Waite, "Software Manual for the Elementary Functions" (1980); exp, log and tanh follow Tang, ACM
 * TOMS 15 (1989) 144 and 16 (1990) 378 in spirit; erfc uses the map of Shepherd and Laframboise,
 * Math. Comp. 36 (1981) 249.
 *
 * Special values are those of C17 Annex F, but no exception flag is promised, errno is never set,
 * and every NaN returned is the same quiet NaN, 0x7ff8000000000000, because the payload and sign of
 * a propagated NaN differ between machines.
 *
 * The forms ending in 8 are the scalar function in a loop over 8 lanes, lane i of the output being
 * a function of lane i of the input only. Input and output may be the same array. gcc -O3 and clang
 * -O2 turn them into straight vector code with AVX2 + FMA and AVX-512.
 *
 * The natural logarithm is ath__ln, because ath__log writes to the log (base.h).
 *
 * Not here: float32 versions, other rounding modes, sincos beyond 2^30 (no state of ours needs it).
 */
#ifndef ATH__MATH_H
#define ATH__MATH_H

#include <stdint.h>

#ifdef __FAST_MATH__
#error "base/math.h must not be compiled with -ffast-math: it would change the results"
#endif
#if defined(__FLT_EVAL_METHOD__) && __FLT_EVAL_METHOD__ != 0
#error "base/math.h needs float64 arithmetic without excess precision (x87: use -mfpmath=sse)"
#endif

/* Linkage of a function that host code and, under nvcc, device code both use. */
#ifndef ATH__FN
#ifdef __CUDACC__
#define ATH__FN static __host__ __device__ inline
#else
#define ATH__FN static inline
#endif
#endif

/* ---- building blocks ------------------------------------------------------------------------ */

/* a*b + c with one rounding. */
ATH__FN double ath__fma(double a, double b, double c)
{
#ifdef __CUDA_ARCH__
    return fma(a, b, c);
#else
    return __builtin_fma(a, b, c);
#endif
}

/* Square root, correctly rounded; x >= 0. */
ATH__FN double ath__sqrt(double x)
{
#ifdef __CUDA_ARCH__
    return __dsqrt_rn(x);
#else
    return __builtin_sqrt(x);
#endif
}

/* The 64 bits of x. */
ATH__FN uint64_t ath__bits(double x)
{
#ifdef __CUDA_ARCH__
    return (uint64_t)__double_as_longlong(x);
#else
    uint64_t u;
    __builtin_memcpy(&u, &x, sizeof u);
    return u;
#endif
}

/* The double with these 64 bits. */
ATH__FN double ath__from_bits(uint64_t u)
{
#ifdef __CUDA_ARCH__
    return __longlong_as_double((long long)u);
#else
    double x;
    __builtin_memcpy(&x, &u, sizeof x);
    return x;
#endif
}

#define ATH__SIGN_BIT UINT64_C(0x8000000000000000)
#define ATH__EXP_BITS UINT64_C(0x7ff0000000000000)
#define ATH__NAN_BITS UINT64_C(0x7ff8000000000000)

ATH__FN double ath__abs(double x)
{
    return ath__from_bits(ath__bits(x) & ~ATH__SIGN_BIT);
}

/*
 * c ? a : b for c = 0 or 1, by masking. Written as ?: it may become a branch, into which gcc then
 * sinks the whole computation, and a loop over lanes is no longer vectorised.
 */
ATH__FN double ath__select(int c, double a, double b)
{
    uint64_t ua = ath__bits(a), ub = ath__bits(b);
    return ath__from_bits(ub ^ ((ua ^ ub) & (0 - (uint64_t)c)));
}

/* x, or lo or hi if it lies beyond them; NaN stays. */
ATH__FN double ath__clamp(double x, double lo, double hi)
{
    return ath__select(x < lo, lo, ath__select(x > hi, hi, x));
}

/* y, or the one NaN that we return if c is 0. */
ATH__FN double ath__nan_unless(int c, double y)
{
    return ath__select(c, y, ath__from_bits(ATH__NAN_BITS));
}

/* An unevaluated sum hi + lo, |lo| <= ulp(hi) or so. */
struct ath__dd {
    double hi, lo;
};

/* a + b exactly, for |a| >= |b| or a = 0 (Dekker). */
ATH__FN struct ath__dd ath__fast_sum(double a, double b)
{
    struct ath__dd s;
    s.hi = a + b;
    s.lo = (a - s.hi) + b;
    return s;
}

/* a + b exactly, for any order of magnitude (Knuth). */
ATH__FN struct ath__dd ath__two_sum(double a, double b)
{
    struct ath__dd s;
    s.hi = a + b;
    double bb = s.hi - a;
    s.lo = (a - (s.hi - bb)) + (b - bb);
    return s;
}

/* (a.hi + a.lo)(b.hi + b.lo), relative error about 2^-102. */
ATH__FN struct ath__dd ath__dd_mul(struct ath__dd a, struct ath__dd b)
{
    struct ath__dd p;
    p.hi = a.hi * b.hi;
    p.lo = ath__fma(a.hi, b.hi, -p.hi);
    p.lo = ath__fma(a.lo, b.hi, ath__fma(a.hi, b.lo, p.lo));
    return p;
}

/* c + x, where |c| >= |x|: the step of a Horner scheme in double-double. */
ATH__FN struct ath__dd ath__dd_step(double c_hi, double c_lo, struct ath__dd x)
{
    struct ath__dd s = ath__fast_sum(c_hi, x.hi);
    s.lo += x.lo + c_lo;
    return s;
}

/* ---- exp ------------------------------------------------------------------------------------ */

/* exp(x) = (1 + r + r^2/2 + r^3 q) * s1 * s2; see ath__exp_reduce. */
struct ath__exp_parts {
    double r, r_lo; /* reduced argument, |r| <= ln(2)/2, and its tail */
    double q;       /* (exp(r) - 1 - r - r^2/2) / r^3, relative error of exp(r) 2^-63.9 */
    double s1, s2;  /* powers of two; two of them, for s1*s2 may be subnormal or 2^1024 */
};

/*
 * Splits x + x_lo = n ln 2 + r + r_lo. For -1400 <= x <= 1400, |x_lo| <= 2^-40. x - n LN2_HI is
 * exact, since both are multiples of an ulp that the small difference can hold.
 */
ATH__FN struct ath__exp_parts ath__exp_reduce(double x, double x_lo)
{
    const double log2e = 0x1.71547652b82fep+0;
    const double ln2_hi = 0x1.62e42fefa39efp-1, ln2_lo = 0x1.abc9e3b39803fp-56;
    const double magic = 0x1.8p52 + 2046.0; /* adding it rounds to an integer, biased by 2046 */
    struct ath__exp_parts e;

    double shifted = ath__fma(x, log2e, magic);
    double n = shifted - magic;
    double r1 = ath__fma(-n, ln2_hi, x);
    double w = ath__fma(-n, ln2_lo, x_lo);
    e.r = r1 + w;
    e.r_lo = (r1 - e.r) + w;

    /* Low 12 bits of k are n + 2046 >= 0, halved into two biased exponents of at most 2046. */
    uint64_t k = ath__bits(shifted);
    uint64_t half = k >> 1;
    e.s1 = ath__from_bits(half << 52);
    e.s2 = ath__from_bits((k - half) << 52);

    double r = e.r, z = r * r;
    double a = ath__fma(z, 0x1.af6865b7c7787p-26, 0x1.71ddf26e56990p-19);
    double b = ath__fma(z, 0x1.1e6b0b22fb97cp-29, 0x1.27e58a67468a9p-22);
    a = ath__fma(z, a, 0x1.a01a01b2694afp-13);
    b = ath__fma(z, b, 0x1.a01a01539ee65p-16);
    a = ath__fma(z, a, 0x1.111111110efc4p-7);
    b = ath__fma(z, b, 0x1.6c16c16c26caap-10);
    a = ath__fma(z, a, 0x1.555555555555ap-3);
    b = ath__fma(z, b, 0x1.5555555555531p-5);
    e.q = ath__fma(r, b, a);
    return e;
}

/* exp(r + r_lo) in [0.70, 1.42] as a pair, relative error about 2^-56. */
ATH__FN struct ath__dd ath__exp_mantissa(struct ath__exp_parts e)
{
    struct ath__dd v = ath__fast_sum(1.0, e.r);
    double tail = ath__fma(e.r_lo, e.r, e.r_lo);
    v.lo += ath__fma(e.r * e.r, ath__fma(e.r, e.q, 0.5), tail);
    return v;
}

/* e^x. Overflows to inf, underflows through the subnormals to 0. */
ATH__FN double ath__exp(double x)
{
    struct ath__exp_parts e = ath__exp_reduce(ath__clamp(x, -746.0, 710.0), 0.0);
    struct ath__dd v = ath__exp_mantissa(e);
    double y = (v.hi + v.lo) * e.s1 * e.s2;
    return ath__nan_unless(x == x, y);
}

/* ---- log ------------------------------------------------------------------------------------ */

#define ATH__LN2_42 0x1.62e42fefa3800p-1 /* ln 2 to 42 bits: times an exponent, still exact */
#define ATH__LN2_TAIL 0x1.ef35793c76730p-45

/* x = m 2^k with m in [sqrt(1/2), sqrt(2)); s = f/(2 + f), f = m - 1, as a pair. */
struct ath__log_parts {
    double k, f;
    struct ath__dd s;
};

/* For finite x > 0, subnormal included; garbage, but no trap, for others. */
ATH__FN struct ath__log_parts ath__log_reduce(double x)
{
    struct ath__log_parts p;
    int tiny = x < 0x1p-1022;
    double y = ath__select(tiny, x * 0x1p54, x);

    /* Add 1023 exponents less the fraction of sqrt(1/2), so that the exponent field rounds to k. */
    uint64_t u = ath__bits(y);
    uint64_t t = u - UINT64_C(0x3fe6a09e667f3bcd) + UINT64_C(0x3ff0000000000000);
    double biased = ath__from_bits((t >> 52) | UINT64_C(0x4330000000000000));
    p.k = biased - ath__select(tiny, 0x1p52 + 1077.0, 0x1p52 + 1023.0);
    double m =
        ath__from_bits(u - (t & UINT64_C(0xfff0000000000000)) + UINT64_C(0x3ff0000000000000));

    p.f = m - 1.0;
    double d = 1.0 + m;
    double d_lo = m - (d - 1.0);
    double inv = 1.0 / d;
    p.s.hi = p.f * inv;
    p.s.lo = ath__fma(-p.s.hi, d_lo, ath__fma(-p.s.hi, d, p.f)) * inv;
    return p;
}

/*
 * Natural logarithm: k ln 2 + 2 atanh(s), with atanh(s) = s + s^3 P(s^2). NaN for x < 0, -inf for
 * both zeros.
 */
ATH__FN double ath__ln(double x)
{
    struct ath__log_parts p = ath__log_reduce(x);
    double z = p.s.hi * p.s.hi, z2 = z * z;
    double a = ath__fma(z2, 0x1.0f5cfca9493d3p-4, 0x1.745cde46ec30bp-4);
    double b = ath__fma(z2, 0x1.0f6171ce1f916p-4, 0x1.3b20a8f697397p-4);
    a = ath__fma(z2, a, 0x1.249249242b7dcp-3);
    b = ath__fma(z2, b, 0x1.c71c7258beb58p-4);
    a = ath__fma(z2, a, 0x1.5555555555555p-2);
    b = ath__fma(z2, b, 0x1.9999999999dfcp-3);
    double series = ath__fma(z, b, a) * z;

    struct ath__dd v = ath__fast_sum(p.k * ATH__LN2_42, 2.0 * p.s.hi);
    double tail = ath__fma(p.k, ATH__LN2_TAIL, 2.0 * p.s.lo);
    double y = v.hi + (v.lo + ath__fma(2.0 * p.s.hi, series, tail));

    const double inf = ath__from_bits(ATH__EXP_BITS);
    y = ath__select(x < inf, y, x);
    y = ath__select(x == 0.0, -inf, y);
    return ath__nan_unless(x >= 0.0, y);
}

/* ---- sin and cos ---------------------------------------------------------------------------- */

/* x = q pi/2 + r, |r| <= pi/4 (and a little); the low two bits of q are the quadrant. */
struct ath__trig_parts {
    struct ath__dd r;
    uint64_t q;
};

/*
 * For |x| <= 2^30. x - n P1 is exact (see ath__exp_reduce); n P2 is taken as a pair; what is
 * dropped is below n 2^-161, against a least |r| of 2^-62 or so for any double in the range.
 */
ATH__FN struct ath__trig_parts ath__trig_reduce(double x)
{
    const double two_over_pi = 0x1.45f306dc9c883p-1, magic = 0x1.8p52;
    const double p1 = 0x1.921fb54442d18p+0, p2 = 0x1.1a62633145c07p-54;
    const double p3 = -0x1.f1976b7ed8fbcp-110;
    struct ath__trig_parts t;

    double shifted = ath__fma(x, two_over_pi, magic);
    double n = shifted - magic;
    double r1 = ath__fma(-n, p1, x);
    double w = n * p2;
    double w_lo = ath__fma(n, p3, ath__fma(n, p2, -w));
    t.r = ath__two_sum(r1, -w);
    t.r.lo -= w_lo;
    t.q = ath__bits(shifted);
    return t;
}

/* sin(r.hi + r.lo), |r| <= 0.786. */
ATH__FN double ath__sin_kernel(struct ath__dd r)
{
    const double sixth = -0x1.5555555555555p-3, sixth_lo = -0x1.5555555555555p-57;
    double z = r.hi * r.hi, z2 = z * z;
    double z_lo = ath__fma(r.hi, r.hi, -z);
    double a = ath__fma(z2, -0x1.aaa5959600f08p-41, -0x1.ae6452996def2p-26);
    double b = ath__fma(z2, 0x1.612093626a850p-33, 0x1.71de3a533a68cp-19);
    a = ath__fma(z2, a, -0x1.a01a01a018af0p-13);
    b = ath__fma(z2, b, 0x1.111111111110bp-7);
    double series = ath__fma(z, ath__fma(z, a, b), sixth_lo); /* from r^5/120 on */

    /* -r^3/6 is up to a tenth of the result: a pair too */
    double cube = r.hi * z;
    double cube_lo = ath__fma(r.hi, z_lo, ath__fma(r.hi, z, -cube));
    double w = cube * sixth;
    double w_lo = ath__fma(cube_lo, sixth, ath__fma(cube, sixth, -w));
    struct ath__dd s = ath__fast_sum(r.hi, w);
    double tail = w_lo + ath__fma(-0.5 * z, r.lo, r.lo);
    return s.hi + (s.lo + ath__fma(cube, series, tail));
}

/* cos(r.hi + r.lo), |r| <= 0.786. */
ATH__FN double ath__cos_kernel(struct ath__dd r)
{
    double z = r.hi * r.hi, z2 = z * z;
    double z_lo = ath__fma(r.hi, r.hi, -z);
    double a = ath__fma(z2, 0x1.1ee9ec07ab230p-29, 0x1.a01a019cb200bp-16);
    double b = ath__fma(z2, -0x1.8faeac1a3c2a6p-37, -0x1.27e4f80a1e932p-22);
    a = ath__fma(z2, a, 0x1.555555555554cp-5);
    b = ath__fma(z2, b, -0x1.6c16c16c15181p-10);
    double series = ath__fma(z, b, a);
    struct ath__dd c = ath__fast_sum(1.0, -0.5 * z);
    double tail = ath__fma(-0.5, z_lo, -r.hi * r.lo);
    return c.hi + (c.lo + ath__fma(z2, series, tail));
}

/* *s = sin x, *c = cos x, x in radians, |x| <= 2^30; NaN beyond, and for inf and NaN. */
ATH__FN void ath__sincos(double x, double *s, double *c)
{
    struct ath__trig_parts t = ath__trig_reduce(x);
    double sr = ath__sin_kernel(t.r), cr = ath__cos_kernel(t.r);
    sr = ath__select(x == 0.0, x, sr); /* keeps the sign of -0 */

    uint64_t sb = ath__bits(sr), cb = ath__bits(cr);
    uint64_t swap = (sb ^ cb) & (0 - (t.q & 1));
    uint64_t sin_sign = (t.q & 2) << 62, cos_sign = ((t.q + 1) & 2) << 62;
    int in_range = ath__abs(x) <= 0x1p30;
    *s = ath__nan_unless(in_range, ath__from_bits(sb ^ swap ^ sin_sign));
    *c = ath__nan_unless(in_range, ath__from_bits(cb ^ swap ^ cos_sign));
}

ATH__FN double ath__sin(double x)
{
    double s, c;
    ath__sincos(x, &s, &c);
    return s;
}

ATH__FN double ath__cos(double x)
{
    double s, c;
    ath__sincos(x, &s, &c);
    return c;
}

/* ---- pow ------------------------------------------------------------------------------------ */

/*
 * log x for finite x > 0 as a pair of relative error about 2^-68: |y log x| goes up to 745, and
 * its absolute error is the relative error of the power.
 */
ATH__FN struct ath__dd ath__log_dd(double x)
{
    struct ath__log_parts p = ath__log_reduce(x);
    struct ath__dd s = p.s, z = ath__dd_mul(s, s);

    /* atanh(s)/s - 1 = z (1/3 + z (1/5 + z R(z))), the outer two steps in double-double */
    double zz = z.hi * z.hi;
    double a = ath__fma(zz, 0x1.ab511d60022e9p-5, 0x1.1110afc27cf58p-4);
    double b = ath__fma(zz, 0x1.c0695da90744ep-5, 0x1.e205389ac5dc7p-5);
    a = ath__fma(zz, a, 0x1.745d174345b70p-4);
    b = ath__fma(zz, b, 0x1.3b13b28253d93p-4);
    a = ath__fma(zz, a, 0x1.2492492492489p-3);
    b = ath__fma(zz, b, 0x1.c71c71c71f296p-4);
    struct ath__dd t;
    t.hi = ath__fma(z.hi, b, a) * z.hi;
    t.lo = 0.0;
    t = ath__dd_step(0x1.999999999999ap-3, -0x1.999999999999ap-57, t);
    t = ath__dd_mul(t, z);
    t = ath__dd_step(0x1.5555555555555p-2, 0x1.5555555555555p-56, t);
    t = ath__dd_mul(ath__dd_mul(t, z), s);
    t = ath__dd_step(s.hi, s.lo, t);

    struct ath__dd v = ath__fast_sum(p.k * ATH__LN2_42, 2.0 * t.hi);
    v.lo += ath__fma(p.k, ATH__LN2_TAIL, 2.0 * t.lo);
    return ath__fast_sum(v.hi, v.lo);
}

/* x^y for 0 < x < inf and finite y. */
ATH__FN double ath__pow_positive(double x, double y)
{
    struct ath__dd l = ath__log_dd(x);
    double p = y * l.hi;
    double p_lo = ath__fma(y, l.lo, ath__fma(y, l.hi, -p));
    p_lo = ath__select(ath__abs(p) < 800.0, p_lo, 0.0);
    struct ath__exp_parts e = ath__exp_reduce(ath__clamp(p, -746.0, 710.0), p_lo);
    struct ath__dd v = ath__exp_mantissa(e);
    return (v.hi + v.lo) * e.s1 * e.s2;
}

/* 0 if y is not an integer, 1 if odd, 2 if even (inf counts as even); y is not NaN. */
ATH__FN int ath__parity(double y)
{
    double a = ath__abs(y);
    if (a >= 0x1p53) {
        return 2;
    }
    double rounded = a < 0x1p52 ? a + 0x1p52 : a; /* integer part in the low bits */
    if (a < 0x1p52 && rounded - 0x1p52 != a) {
        return 0;
    }
    return (ath__bits(rounded) & 1) != 0 ? 1 : 2;
}

/* x^y where x is not positive and finite or y is not finite (C17 F.10.4.4). */
ATH__FN double ath__pow_special(double x, double y)
{
    const double inf = ath__from_bits(ATH__EXP_BITS);
    if (x == 1.0 || y == 0.0) {
        return 1.0;
    }
    if (x != x || y != y) {
        return ath__from_bits(ATH__NAN_BITS);
    }
    double a = ath__abs(x);
    if (ath__abs(y) == inf) {
        return a == 1.0 ? 1.0 : ((a > 1.0) == (y > 0.0) ? inf : 0.0);
    }
    int parity = ath__parity(y);
    uint64_t sign = parity == 1 ? ath__bits(x) & ATH__SIGN_BIT : 0;
    if (a == 0.0 || a == inf) {
        return ath__from_bits(ath__bits((a == 0.0) == (y < 0.0) ? inf : 0.0) | sign);
    }
    if (parity == 0) {
        return ath__from_bits(ATH__NAN_BITS);
    }
    return ath__from_bits(ath__bits(ath__pow_positive(a, y)) | sign);
}

/* x^y. */
ATH__FN double ath__pow(double x, double y)
{
    const double inf = ath__from_bits(ATH__EXP_BITS);
    if (x > 0.0 && x < inf && ath__abs(y) < inf) {
        return ath__pow_positive(x, y);
    }
    return ath__pow_special(x, y);
}

/* ---- tanh ----------------------------------------------------------------------------------- */

/*
 * tanh |x| = M / (2 - M) with M = 1 - exp(-2|x|) = (1 - s) - s p, s = 2^n, p = exp(r) - 1, each of
 * them a pair.
 */
ATH__FN double ath__tanh(double x)
{
    double a = ath__abs(x);
    a = ath__select(a > 22.0, 22.0, a); /* tanh 22 rounds to 1 */
    struct ath__exp_parts e = ath__exp_reduce(-2.0 * a, 0.0);
    double s = e.s1 * e.s2;

    double r = e.r, z = r * r;
    double z_lo = ath__fma(r, r, -z);
    struct ath__dd p = ath__fast_sum(r, 0.5 * z);
    p.lo += ath__fma(r * z, e.q, ath__fma(0.5, z_lo, ath__fma(e.r_lo, r, e.r_lo)));
    p = ath__fast_sum(p.hi, p.lo);

    struct ath__dd c = ath__fast_sum(1.0, -s);
    struct ath__dd m = ath__fast_sum(c.hi, -s * p.hi);
    m.lo += c.lo - s * p.lo;
    struct ath__dd d = ath__fast_sum(2.0, -m.hi);
    d.lo -= m.lo;

    double inv = 1.0 / d.hi;
    double q = m.hi * inv;
    double rest = ath__fma(-q, d.lo, ath__fma(-q, d.hi, m.hi) + m.lo);
    double y = ath__fma(rest, inv, q);
    y = ath__from_bits(ath__bits(y) | (ath__bits(x) & ATH__SIGN_BIT));
    return ath__nan_unless(x == x, y);
}

/* ---- erfc ----------------------------------------------------------------------------------- */

/*
 * G(t) = (a + 2) exp(a^2) erfc(a), t = (a - 2)/(a + 2), for a in [0, 28]: degree 27, relative error
 * 2^-61.3. The four leading steps are in double-double, for their roundings would be seen.
 */
ATH__FN struct ath__dd ath__erfc_scaled(struct ath__dd t)
{
    double x = t.hi, z = x * x;
    double a = ath__fma(z, 0x1.267ba557471fap-30, -0x1.531f9dbfa5e74p-28);
    double b = ath__fma(z, 0x1.72dbe3701f8adp-29, -0x1.6d98ef00b984ep-26);
    a = ath__fma(z, a, -0x1.91ac23f4c829ap-28);
    b = ath__fma(z, b, 0x1.0e5679dd9413fp-24);
    a = ath__fma(z, a, 0x1.bf5bf386c70edp-24);
    b = ath__fma(z, b, -0x1.79ae53e5bdf32p-27);
    a = ath__fma(z, a, -0x1.55d266dd98786p-22);
    b = ath__fma(z, b, -0x1.2e86fe5136e0bp-21);
    a = ath__fma(z, a, -0x1.0e6eefc7465c2p-29);
    b = ath__fma(z, b, 0x1.0bff9ea7f4336p-19);
    a = ath__fma(z, a, 0x1.e94c597c3b820p-19);
    b = ath__fma(z, b, -0x1.2d88c580ab102p-20);
    a = ath__fma(z, a, -0x1.0e78ef418f90bp-16);
    b = ath__fma(z, b, -0x1.6c0338f40b489p-16);
    a = ath__fma(z, a, 0x1.1e7660173231bp-15);
    b = ath__fma(z, b, 0x1.2efa32be528fap-13);
    a = ath__fma(z, a, 0x1.205414added21p-15);
    b = ath__fma(z, b, -0x1.5ba4388140ec2p-11);
    a = ath__fma(z, a, -0x1.b6fbf9a20a4a0p-11);
    b = ath__fma(z, b, 0x1.9517bb712981ep-9);
    a = ath__fma(z, a, 0x1.a89eaff87d918p-8);
    b = ath__fma(z, b, -0x1.606e41552a40dp-6);

    struct ath__dd g;
    g.hi = x * ath__fma(x, a, b);
    g.lo = 0.0;
    g = ath__dd_step(-0x1.2a88e6107d64dp-5, -0x1.d70da8e41a9c0p-59, g);
    g = ath__dd_step(0x1.1e2deea6b1175p-2, -0x1.38561afcc5776p-57, ath__dd_mul(t, g));
    g = ath__dd_step(-0x1.5fd386754eff9p-1, 0x1.133eff43397edp-55, ath__dd_mul(t, g));
    return ath__dd_step(0x1.058671b52c776p+0, -0x1.3ae279b770163p-56, ath__dd_mul(t, g));
}

/* 1 - erf x: for a = |x| exp(-a^2) G(t) / (a + 2), and 2 less that for x < 0. */
ATH__FN double ath__erfc(double x)
{
    double a = ath__abs(x);
    a = ath__select(a > 28.0, 28.0, a); /* erfc 28 rounds to 0 */

    /* u = 1/(a + 2) and t = (a - 2)/(a + 2) = 1 - 4 u as pairs */
    struct ath__dd d = ath__two_sum(a, 2.0), u, t;
    u.hi = 1.0 / d.hi;
    u.lo = u.hi * ath__fma(-u.hi, d.lo, ath__fma(-u.hi, d.hi, 1.0));
    t.hi = 1.0 - 4.0 * u.hi;
    t.lo = ((1.0 - t.hi) - 4.0 * u.hi) - 4.0 * u.lo;

    double sq = a * a;
    struct ath__exp_parts e = ath__exp_reduce(-sq, -ath__fma(a, a, -sq));
    struct ath__dd v = ath__exp_mantissa(e);
    v = ath__fast_sum(v.hi, v.lo);
    v = ath__dd_mul(v, ath__dd_mul(ath__erfc_scaled(t), u));

    double right = (v.hi + v.lo) * e.s1 * e.s2;
    double s = e.s1 * e.s2;
    struct ath__dd c = ath__fast_sum(2.0, -v.hi * s);
    double left = c.hi + (c.lo - v.lo * s);
    double y = ath__select(x < 0.0, left, right);
    return ath__nan_unless(x == x, y);
}

/* ---- eight lanes ---------------------------------------------------------------------------- */

/* y[i] = exp(x[i]); x, y: 8 numbers each, y may be x. The same holds for the others below. */
ATH__FN void ath__exp8(const double x[8], double y[8])
{
    double v[8];
    for (int i = 0; i < 8; i++) {
        v[i] = ath__exp(x[i]);
    }
    for (int i = 0; i < 8; i++) {
        y[i] = v[i];
    }
}

ATH__FN void ath__ln8(const double x[8], double y[8])
{
    double v[8];
    for (int i = 0; i < 8; i++) {
        v[i] = ath__ln(x[i]);
    }
    for (int i = 0; i < 8; i++) {
        y[i] = v[i];
    }
}

/* s[i] = sin(x[i]), c[i] = cos(x[i]); s or c may be x, but s is not c. */
ATH__FN void ath__sincos8(const double x[8], double s[8], double c[8])
{
    double sv[8], cv[8];
    for (int i = 0; i < 8; i++) {
        ath__sincos(x[i], &sv[i], &cv[i]);
    }
    for (int i = 0; i < 8; i++) {
        s[i] = sv[i];
    }
    for (int i = 0; i < 8; i++) {
        c[i] = cv[i];
    }
}

ATH__FN void ath__tanh8(const double x[8], double y[8])
{
    double v[8];
    for (int i = 0; i < 8; i++) {
        v[i] = ath__tanh(x[i]);
    }
    for (int i = 0; i < 8; i++) {
        y[i] = v[i];
    }
}

ATH__FN void ath__erfc8(const double x[8], double y[8])
{
    double v[8];
    for (int i = 0; i < 8; i++) {
        v[i] = ath__erfc(x[i]);
    }
    for (int i = 0; i < 8; i++) {
        y[i] = v[i];
    }
}

#endif
