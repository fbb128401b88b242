/*
 * Tests of src/base/math.h.
 *
 * Accuracy: the largest error in ulp over random samples of every range, edges and subnormals
 * included, against the long double functions of libm (64-bit mantissa: 1/2048 ulp; skipped where
 * long double has fewer bits); printed, and at most the bound that math.h states. Special values:
 * C17 Annex F. Bits: scalar and 8-lane forms agree, and one frozen hash per function over a fixed
 * set of arguments is the same on every instruction set and compiler. A hash may change only with a
 * deliberate change of the function, for then every stored trajectory changes too.
 *
 * Not here: timings (bench/), and proofs of the bounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/math.h"

/* ---- the functions under test --------------------------------------------------------------- */

static void math_sin8(const double x[8], double y[8])
{
    double c[8];
    ath__sincos8(x, y, c);
}

static void math_cos8(const double x[8], double y[8])
{
    double s[8];
    ath__sincos8(x, s, y);
}

/* How a range is sampled. */
enum math_sampling {
    MATH_LINEAR,  /* uniform in [lo, hi] */
    MATH_LOG,     /* uniform in the bit patterns between those of lo and hi, 0 < lo < hi */
    MATH_LOG_NEG, /* the same, negated */
    MATH_TRIG,    /* doubles next to multiples of pi/2 up to hi */
};

struct math_range {
    enum math_sampling sampling;
    double lo, hi;
};

struct math_function {
    const char *name;
    double (*scalar)(double);
    void (*wide)(const double[8], double[8]);
    long double (*reference)(long double);
    uint64_t hash; /* frozen: see test_frozen_bits */
    struct math_range ranges[7];
};

#define MATH_TINY 0x1p-1074

static const struct math_function math_functions[] = {
    {"exp",
     ath__exp,
     ath__exp8,
     expl,
     UINT64_C(0xd3cc274327025783),
     {{MATH_LINEAR, -1.0, 1.0},
      {MATH_LINEAR, -746.0, 710.0},
      {MATH_LINEAR, -746.0, -700.0},
      {MATH_LINEAR, 709.7, 709.8},
      {MATH_LOG, MATH_TINY, 710.0},
      {MATH_LOG_NEG, MATH_TINY, 746.0}}},
    {"ln",
     ath__ln,
     ath__ln8,
     logl,
     UINT64_C(0x9006ede9853ea792),
     {{MATH_LINEAR, 0.5, 2.0},
      {MATH_LINEAR, 0.99, 1.01},
      {MATH_LOG, 0.9999999, 1.0000001},
      {MATH_LINEAR, 0.0, 100.0},
      {MATH_LOG, MATH_TINY, 0x1p-1020},
      {MATH_LOG, MATH_TINY, DBL_MAX}}},
    {"sin",
     ath__sin,
     math_sin8,
     sinl,
     UINT64_C(0x1ba71918158c5a0a),
     {{MATH_LINEAR, -0.8, 0.8},
      {MATH_LINEAR, -7.0, 7.0},
      {MATH_LINEAR, -0x1p20, 0x1p20},
      {MATH_LINEAR, -0x1p30, 0x1p30},
      {MATH_LOG, MATH_TINY, 0x1p30},
      {MATH_LOG_NEG, MATH_TINY, 0x1p30},
      {MATH_TRIG, 0.0, 0x1p30}}},
    {"cos",
     ath__cos,
     math_cos8,
     cosl,
     UINT64_C(0x25942f6363252820),
     {{MATH_LINEAR, -0.8, 0.8},
      {MATH_LINEAR, -7.0, 7.0},
      {MATH_LINEAR, -0x1p20, 0x1p20},
      {MATH_LINEAR, -0x1p30, 0x1p30},
      {MATH_LOG, MATH_TINY, 0x1p30},
      {MATH_LOG_NEG, MATH_TINY, 0x1p30},
      {MATH_TRIG, 0.0, 0x1p30}}},
    {"tanh",
     ath__tanh,
     ath__tanh8,
     tanhl,
     UINT64_C(0x7a34a037cf76c805),
     {{MATH_LINEAR, -1.0, 1.0},
      {MATH_LINEAR, 0.0, 0.3},
      {MATH_LINEAR, -25.0, 25.0},
      {MATH_LINEAR, 17.0, 23.0},
      {MATH_LOG, MATH_TINY, 30.0},
      {MATH_LOG_NEG, MATH_TINY, 30.0}}},
    {"erfc",
     ath__erfc,
     ath__erfc8,
     erfcl,
     UINT64_C(0xa80a36347ecbbc9c),
     {{MATH_LINEAR, -1.0, 1.0},
      {MATH_LINEAR, 0.0, 6.0},
      {MATH_LINEAR, -6.5, 28.0},
      {MATH_LINEAR, 26.0, 27.3},
      {MATH_LOG, MATH_TINY, 28.0},
      {MATH_LOG_NEG, MATH_TINY, 7.0}}},
};

enum { MATH_N_FUNCTIONS = sizeof math_functions / sizeof math_functions[0] };

/* ---- samples and errors --------------------------------------------------------------------- */

/* splitmix64 (Steele, Lea and Flood 2014): the next word of a stream. */
static uint64_t math_next(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Uniform in [lo, hi], the same bits everywhere. */
static double math_uniform(uint64_t *state, double lo, double hi)
{
    double u = (double)(int64_t)(math_next(state) >> 11) * 0x1p-53;
    return lo + (hi - lo) * u;
}

static double math_sample(uint64_t *state, struct math_range range)
{
    const double half_pi = 0x1.921fb54442d18p+0;
    if (range.sampling == MATH_LINEAR) {
        return math_uniform(state, range.lo, range.hi);
    }
    if (range.sampling == MATH_TRIG) {
        uint64_t n = math_next(state) % (uint64_t)(range.hi / half_pi);
        uint64_t step = math_next(state) % 5;
        return ath__from_bits(ath__bits(half_pi * (double)n) + step - (n > 0 ? 2 : 0));
    }
    uint64_t lo = ath__bits(range.lo), hi = ath__bits(range.hi);
    double x = ath__from_bits(lo + math_next(state) % (hi - lo + 1));
    return range.sampling == MATH_LOG ? x : -x;
}

/* |got - want| in units of the last place of a double at want; infinity stands for 2^1024. */
static double math_error(double got, long double want)
{
    long double top = ldexpl(1.0L, 1024);
    long double g = isinf(got) ? copysignl(top, (long double)got) : (long double)got;
    long double w = fabsl(want) > top ? copysignl(top, want) : want;
    if (isnan(got) || isnan(want)) {
        return isnan(got) && isnan(want) ? 0.0 : (double)INFINITY;
    }
    int e = 0;
    (void)frexpl(w, &e);
    e = w == 0.0L || e < -1021 ? -1021 : e;
    e = e > 1024 ? 1024 : e;
    return (double)ldexpl(fabsl(g - w), 53 - e);
}

/* The largest errors of one function so far. */
struct math_worst {
    double normal, subnormal; /* ulp, by the size of the exact result */
    double x, y;              /* where `normal` was found */
};

static void math_note(struct math_worst *worst, double x, double y, double got, long double want)
{
    double error = math_error(got, want);
    if (fabsl(want) < 0x1p-1022L) {
        worst->subnormal = error <= worst->subnormal ? worst->subnormal : error;
    } else if (!(error <= worst->normal)) {
        worst->normal = error;
        worst->x = x;
        worst->y = y;
    }
}

/* The bounds that math.h states; subnormal results are rounded a second time. */
static int math_judge(const char *name, const struct math_worst *worst)
{
    print_message("%-5s largest error %.4f ulp at %a, %a; %.4f ulp of subnormal results\n", name,
                  worst->normal, worst->x, worst->y, worst->subnormal);
    return worst->normal <= 0.65 && worst->subnormal <= 0.85;
}

static int math_n_samples(void)
{
    const char *text = getenv("ATH_TEST_MATH_SAMPLES");
    return text != NULL ? atoi(text) : 40000;
}

/* ---- accuracy ------------------------------------------------------------------------------- */

static void math_skip_without_long_double(void)
{
    if (LDBL_MANT_DIG < 64) {
        print_message("long double has %d bits: accuracy not tested\n", LDBL_MANT_DIG);
        skip();
    }
}

static void test_accuracy(void **state)
{
    (void)state;
    math_skip_without_long_double();
    int n = math_n_samples(), n_bad = 0;
    const char *seed = getenv("ATH_TEST_MATH_SEED");
    uint64_t stream = seed != NULL ? strtoull(seed, NULL, 10) : 20240601;
    for (int f = 0; f < MATH_N_FUNCTIONS; f++) {
        const struct math_function *fn = &math_functions[f];
        struct math_worst worst = {0};
        for (int r = 0; r < 7 && fn->ranges[r].lo != fn->ranges[r].hi; r++) {
            for (int i = 0; i < n; i++) {
                double x = math_sample(&stream, fn->ranges[r]);
                math_note(&worst, x, 0.0, fn->scalar(x), fn->reference((long double)x));
            }
        }
        n_bad += !math_judge(fn->name, &worst);
    }
    assert_int_equal(n_bad, 0);
}

/* x and y for which x^y covers the whole range of results, cases near 1 and subnormals included. */
static void math_pow_sample(uint64_t *stream, int kind, double *x, double *y)
{
    const struct math_range any = {MATH_LOG, MATH_TINY, DBL_MAX};
    const struct math_range near_one = {MATH_LINEAR, 0.999, 1.001};
    const struct math_range usual = {MATH_LINEAR, 0.01, 30.0};
    double target = math_uniform(stream, -746.0, 710.0);
    if (kind == 0) { /* any x, any result */
        *x = math_sample(stream, any);
        *y = target / log(*x);
    } else if (kind == 1) { /* large exponents */
        *x = math_sample(stream, near_one);
        *y = target / log(*x);
    } else if (kind == 2) { /* everyday values */
        *x = math_sample(stream, usual);
        *y = math_uniform(stream, -12.0, 12.0);
    } else if (kind == 3) { /* integers, negative bases */
        *x = -math_sample(stream, usual);
        *y = (double)(int)(math_next(stream) % 61) - 30.0;
    } else { /* subnormal results */
        *x = math_sample(stream, any);
        *y = math_uniform(stream, -745.2, -708.0) / log(*x);
    }
}

static void test_pow_accuracy(void **state)
{
    (void)state;
    math_skip_without_long_double();
    int n = math_n_samples();
    uint64_t stream = 77;
    struct math_worst worst = {0};
    for (int i = 0; i < 5 * n; i++) {
        double x, y;
        math_pow_sample(&stream, i % 5, &x, &y);
        math_note(&worst, x, y, ath__pow(x, y), powl((long double)x, (long double)y));
    }
    assert_true(math_judge("pow", &worst));
}

static void test_pow_exact(void **state)
{
    (void)state;
    uint64_t stream = 3;
    for (int n = -1074; n <= 1023; n++) {
        assert_true(ath__pow(2.0, n) == ldexp(1.0, n));
        assert_true(ath__pow(-2.0, n) == ldexp(n % 2 != 0 ? -1.0 : 1.0, n));
    }
    for (int i = 0; i < 20000; i++) {
        double x = ath__from_bits(math_next(&stream) % ATH__EXP_BITS);
        double m = (double)(math_next(&stream) >> 38);
        assert_true(ath__pow(x, 1.0) == x);
        assert_true(ath__pow(m, 2.0) == m * m);
        assert_true(ath__pow(m * m, 0.5) == m);
    }
}

/* ---- special values ------------------------------------------------------------------------- */

#define MATH_INF HUGE_VAL

/* The same bits, any NaN being the one NaN of math.h. */
static void math_assert_bits(const char *what, double x, double y, double got, double want)
{
    uint64_t bits = isnan(want) ? ATH__NAN_BITS : ath__bits(want);
    if (ath__bits(got) != bits) {
        print_error("%s(%a, %a) = %a, not %a\n", what, x, y, got, want);
    }
    assert_true(ath__bits(got) == bits);
}

static void test_special_values(void **state)
{
    (void)state;
    const double nan = (double)NAN;
    const struct {
        int f; /* in math_functions: exp, ln, sin, cos, tanh, erfc */
        double x, want;
    } table[] = {
        {0, 0.0, 1.0},
        {0, -0.0, 1.0},
        {0, MATH_INF, MATH_INF},
        {0, -MATH_INF, 0.0},
        {0, 0x1.62e42fefa39efp+9, 0x1.fffffffffff2ap+1023},
        {0, 0x1.62e42fefa39f0p+9, MATH_INF},
        {0, 1e300, MATH_INF},
        {0, -0x1.74910d52d3051p+9, MATH_TINY},
        {0, -0x1.74910d52d3052p+9, 0.0},
        {0, -1e300, 0.0},
        {0, MATH_TINY, 1.0},
        {1, 0.0, -MATH_INF},
        {1, -0.0, -MATH_INF},
        {1, 1.0, 0.0},
        {1, MATH_INF, MATH_INF},
        {1, -MATH_TINY, nan},
        {1, -1.0, nan},
        {1, -MATH_INF, nan},
        {1, MATH_TINY, -0x1.74385446d71c3p+9},
        {1, DBL_MAX, 0x1.62e42fefa39efp+9},
        {2, 0.0, 0.0},
        {2, -0.0, -0.0},
        {2, MATH_TINY, MATH_TINY},
        {2, -MATH_TINY, -MATH_TINY},
        {2, MATH_INF, nan},
        {2, -MATH_INF, nan},
        {2, 0x1.0000000000001p+30, nan},
        {2, 1e300, nan},
        {3, 0.0, 1.0},
        {3, -0.0, 1.0},
        {3, MATH_INF, nan},
        {3, -MATH_INF, nan},
        {3, -1e300, nan},
        {4, 0.0, 0.0},
        {4, -0.0, -0.0},
        {4, MATH_INF, 1.0},
        {4, -MATH_INF, -1.0},
        {4, -MATH_TINY, -MATH_TINY},
        {4, 0x1p-1022, 0x1p-1022},
        {4, -1e300, -1.0},
        {5, 0.0, 1.0},
        {5, -0.0, 1.0},
        {5, MATH_INF, 0.0},
        {5, -MATH_INF, 2.0},
        {5, 1e300, 0.0},
        {5, -1e300, 2.0},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const struct math_function *fn = &math_functions[table[i].f];
        math_assert_bits(fn->name, table[i].x, 0.0, fn->scalar(table[i].x), table[i].want);
    }
    for (int f = 0; f < MATH_N_FUNCTIONS; f++) { /* NaN of either sign and of any payload */
        const uint64_t nans[] = {ATH__NAN_BITS, UINT64_C(0xfff8000000000000),
                                 UINT64_C(0x7ff80000deadbeef), UINT64_C(0xffffffffffffffff)};
        for (int i = 0; i < 4; i++) {
            double x = ath__from_bits(nans[i]);
            math_assert_bits(math_functions[f].name, x, 0.0, math_functions[f].scalar(x), nan);
        }
    }
}

static void test_pow_special_values(void **state)
{
    (void)state;
    const double nan = (double)NAN;
    const struct {
        double x, y, want;
    } table[] = {
        {nan, 0.0, 1.0},
        {nan, -0.0, 1.0},
        {MATH_INF, 0.0, 1.0},
        {0.0, -0.0, 1.0},
        {-3.0, 0.0, 1.0},
        {1.0, nan, 1.0},
        {1.0, MATH_INF, 1.0},
        {1.0, -MATH_INF, 1.0},
        {1.0, 1e300, 1.0},
        {-1.0, MATH_INF, 1.0},
        {-1.0, -MATH_INF, 1.0},
        {nan, 1.0, nan},
        {2.0, nan, nan},
        {-1.0, nan, nan},
        {-2.0, 0.5, nan},
        {-2.0, 0x1.8p51 + 0.5, nan},
        {-MATH_TINY, -0.1, nan},
        {0.0, 3.0, 0.0},
        {-0.0, 3.0, -0.0},
        {-0.0, 2.0, 0.0},
        {-0.0, 0.5, 0.0},
        {0.0, -3.0, MATH_INF},
        {-0.0, -3.0, -MATH_INF},
        {-0.0, -2.0, MATH_INF},
        {-0.0, -0.5, MATH_INF},
        {0.0, MATH_INF, 0.0},
        {-0.0, -MATH_INF, MATH_INF},
        {0.5, MATH_INF, 0.0},
        {-0.5, MATH_INF, 0.0},
        {0.5, -MATH_INF, MATH_INF},
        {2.0, MATH_INF, MATH_INF},
        {-2.0, -MATH_INF, 0.0},
        {MATH_INF, 2.5, MATH_INF},
        {MATH_INF, -2.5, 0.0},
        {MATH_INF, MATH_INF, MATH_INF},
        {-MATH_INF, 3.0, -MATH_INF},
        {-MATH_INF, 4.0, MATH_INF},
        {-MATH_INF, 0.5, MATH_INF},
        {-MATH_INF, -3.0, -0.0},
        {-MATH_INF, -4.0, 0.0},
        {-MATH_INF, -MATH_INF, 0.0},
        {-1.0, 0x1p53, 1.0},
        {-1.0, 0x1.fffffffffffffp52, -1.0},
        {-1.0, 0x1.8p51 + 1.0, -1.0},
        {-1.0, 1e300, 1.0},
        {2.0, 1024.0, MATH_INF},
        {-2.0, 1025.0, -MATH_INF},
        {2.0, -1074.0, MATH_TINY},
        {2.0, -1076.0, 0.0},
        {-2.0, -1077.0, -0.0},
        {2.0, 1e308, MATH_INF},
        {2.0, -1e308, 0.0},
        {DBL_MAX, DBL_MAX, MATH_INF},
        {MATH_TINY, DBL_MAX, 0.0},
        {MATH_TINY, 0.5, 0x1p-537},
        {DBL_MAX, MATH_TINY, 1.0},
        {10.0, 22.0, 1e22},
        {0x1.fffffffffffffp-1, DBL_MAX, 0.0},
        {0x1.0000000000001p+0, DBL_MAX, MATH_INF},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        double x = table[i].x, y = table[i].y;
        math_assert_bits("pow", x, y, ath__pow(x, y), table[i].want);
    }
}

/* ---- bits ----------------------------------------------------------------------------------- */

/* An argument for the bit tests: a range of the function, or any bit pattern at all. */
static double math_bit_sample(uint64_t *stream, const struct math_function *fn, int i)
{
    struct math_range range = fn->ranges[i % 7];
    return range.lo == range.hi ? ath__from_bits(math_next(stream)) : math_sample(stream, range);
}

static void test_lanes(void **state)
{
    (void)state;
    uint64_t stream = 11;
    for (int f = 0; f < MATH_N_FUNCTIONS; f++) {
        const struct math_function *fn = &math_functions[f];
        for (int i = 0; i < 4096; i++) {
            double x[8], y[8];
            for (int k = 0; k < 8; k++) {
                x[k] = math_bit_sample(&stream, fn, i + 3 * k);
            }
            fn->wide(x, y);
            for (int k = 0; k < 8; k++) {
                volatile double one = x[k]; /* hides the lanes from the compiler */
                math_assert_bits(fn->name, x[k], 0.0, y[k], fn->scalar(one));
            }
            fn->wide(x, x); /* in place */
            assert_memory_equal(x, y, sizeof x);
        }
    }
}

static uint64_t math_hash(uint64_t hash, double x)
{
    uint64_t h = (hash ^ ath__bits(x)) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ (h >> 29);
}

static void test_frozen_bits(void **state)
{
    (void)state;
    int n_wrong = 0;
    for (int f = 0; f < MATH_N_FUNCTIONS; f++) {
        const struct math_function *fn = &math_functions[f];
        uint64_t stream = 5, hash = 0;
        for (int i = 0; i < 7 * 1024; i++) {
            double x[8], y[8];
            for (int k = 0; k < 8; k++) {
                x[k] = math_bit_sample(&stream, fn, i);
            }
            fn->wide(x, y);
            for (int k = 0; k < 8; k++) {
                hash = math_hash(hash, y[k]);
            }
        }
        print_message("%-5s hash of bits 0x%016llx\n", fn->name, (unsigned long long)hash);
        n_wrong += hash != fn->hash;
    }
    uint64_t stream = 5, hash = 0;
    for (int i = 0; i < 40000; i++) {
        double x = math_uniform(&stream, 0.0, 9.0), y = math_uniform(&stream, -400.0, 400.0);
        double tiny = ath__from_bits(math_next(&stream) >> 10);
        hash = math_hash(hash, ath__pow(x, y));
        hash = math_hash(hash, ath__pow(tiny, y * 0x1p-7));
        hash = math_hash(hash, ath__pow(ath__from_bits(math_next(&stream)), y));
    }
    print_message("%-5s hash of bits 0x%016llx\n", "pow", (unsigned long long)hash);
    n_wrong += hash != UINT64_C(0x1f3df85fe35b824c);
    assert_int_equal(n_wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accuracy),           cmocka_unit_test(test_pow_accuracy),
        cmocka_unit_test(test_pow_exact),          cmocka_unit_test(test_special_values),
        cmocka_unit_test(test_pow_special_values), cmocka_unit_test(test_lanes),
        cmocka_unit_test(test_frozen_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
