/* base/simd.h: the same bits from every instruction set that this machine has, from the compiler at
 * hand and from plain scalar code, and a hash of all results that must be the same with every
 * compiler. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/base.h"
#include "base/simd_lanes.h"

enum { SIMD_ROUNDS = 20000 };

static uint64_t simd_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Finite, of either sign, exponents within +-range, sometimes zero or equal to another lane. */
static double simd_number(uint64_t *state, int range)
{
    uint64_t r = simd_random(state);
    if (r % 16 == 0) {
        return r & 16 ? 0.0 : -0.0;
    }
    double m = 1.0 + (double)(r >> 12) * 0x1p-52;
    return ldexp(r & 16 ? -m : m, (int)(r >> 5 & 0xff) % (2 * range + 1) - range);
}

static void simd_fill(simd_input *in, uint64_t *state, int range)
{
    memset(in, 0, sizeof *in);
    for (int i = 0; i < 8; i++) {
        in->a[i] = simd_number(state, range);
        in->b[i] = i == 2 ? in->a[i] : simd_number(state, range);
        in->c[i] = i == 5 ? -in->a[i] * in->b[i] : simd_number(state, range);
        in->b[i] = in->b[i] == 0.0 ? 1.5 : in->b[i]; /* no 0/0: NaN payloads are not promised */
    }
    for (int i = 0; i < 16; i++) {
        in->x[i] = (float)simd_number(state, range / 2);
        in->y[i] = i == 2 ? in->x[i] : (float)simd_number(state, range / 2);
        in->z[i] = i == 5 ? -in->x[i] * in->y[i] : (float)simd_number(state, range / 2);
        in->y[i] = in->y[i] == 0.0f ? 1.5f : in->y[i];
    }
}

/* Lane by lane, with the operations of C. */
static void simd_plain_doubles(const simd_input *in, simd_output *out)
{
    for (int i = 0; i < 8; i++) {
        double a = in->a[i], b = in->b[i], c = in->c[i];
        out->set[i] = in->a[3];
        out->add[i] = a + b;
        out->multiply[i] = a * b;
        out->divide[i] = a / b;
        out->root[i] = sqrt(fabs(a));
        out->fused[i] = fma(a, b, c);
        out->select[i] = a < b ? b : c;
        out->keep[i] = a < b ? c : 0.0;
        out->absolute[i] = fabs(b);
        out->least[i] = a < b ? a : b;
        out->most[i] = a > b ? a : b;
        double ab = a * b, aa = a * a, bb = b * b, c3 = c * 3.0;
        out->chain[i] = (ab + c) / sqrt(aa + bb) - c3;
        out->less[i] = -(a < b);
        out->less_equal[i] = -(a <= b);
        out->equal[i] = -(a == b);
        out->select_l[i] = a < b ? -7 : out->equal[i];
        out->any |= a < b;
        out->low[i] = (double)in->x[i];
        out->high[i] = (double)in->x[i + 8];
        out->fold[i] = (double)in->y[i] + (double)in->y[i + 8];
        out->narrow[i] = (float)a;
        out->narrow[i + 8] = (float)b;
    }
    const double *a = in->a;
    out->sum8 = ((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7]));
    out->all = 1;
}

static void simd_plain_floats(const simd_input *in, simd_output *out)
{
    float w[8];
    for (int i = 0; i < 16; i++) {
        float x = in->x[i], y = in->y[i], z = in->z[i];
        out->set_f[i] = in->x[5];
        out->add_f[i] = x + y;
        out->multiply_f[i] = x * y;
        out->divide_f[i] = x / y;
        out->root_f[i] = sqrtf(fabsf(x));
        out->fused_f[i] = fmaf(x, y, z);
        out->select_f[i] = x < y ? y : z;
        out->keep_f[i] = x < y ? z : 0.0f;
        out->absolute_f[i] = fabsf(y);
        out->less_f[i] = -(x < y);
        out->less_equal_f[i] = -(x <= y);
        out->equal_f[i] = -(x == y);
        out->select_i[i] = x < y ? -3 : out->equal_f[i];
        out->any_f |= x < y;
        w[i % 8] = i < 8 ? x : w[i % 8] + x;
    }
    out->sum16 = ((w[0] + w[4]) + (w[2] + w[6])) + ((w[1] + w[5]) + (w[3] + w[7]));
}

typedef void (*simd_function)(const simd_input *in, simd_output *out);

/* The functions that this machine can run, plain C first. */
static void simd_plain(const simd_input *in, simd_output *out)
{
    simd_plain_doubles(in, out);
    simd_plain_floats(in, out);
}

static int simd_functions(simd_function *list)
{
    int n = 0;
    list[n++] = simd_plain;
    list[n++] = simd_lanes_base;
#ifdef ATH__X86
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        list[n++] = simd_lanes_v3;
    }
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512cd")) {
        list[n++] = simd_lanes_v4;
    }
#endif
    return n;
}

static void test_same_bits(void **state)
{
    (void)state;
    simd_function functions[4];
    int n = simd_functions(functions);
    print_message("%d ways to compute\n", n);
    uint64_t seed = 2024;
    ath__hash h;
    ath__hash_begin(&h, 1, 2);
    for (int round = 0; round < SIMD_ROUNDS; round++) {
        simd_input in;
        simd_output out[4];
        memset(out, 0, sizeof out);
        simd_fill(&in, &seed, round % 2 ? 60 : 2);
        for (int k = 0; k < n; k++) {
            functions[k](&in, &out[k]);
            if (memcmp(&out[k], &out[0], sizeof out[0]) != 0) {
                const uint8_t *p = (const uint8_t *)&out[k], *q = (const uint8_t *)&out[0];
                size_t at = 0;
                while (p[at] == q[at]) {
                    at++;
                }
                fail_msg("round %d: way %d differs at byte %zu", round, k, at);
            }
        }
        ath__hash_update(&h, &out[0], sizeof out[0]);
    }
    uint64_t hash[2];
    ath__hash_end(&h, hash);
    print_message("hash %016llx%016llx\n", (unsigned long long)hash[1],
                  (unsigned long long)hash[0]);
    assert_true(hash[1] == UINT64_C(0xdbee38e412f9cd56) && hash[0] == UINT64_C(0x21a3abde64ba7313));
}

/* NaN and infinity pass through selection untouched, in lanes that are not taken too. */
static void test_select_takes_no_nan(void **state)
{
    (void)state;
    simd_function functions[4];
    int n = simd_functions(functions);
    simd_input in;
    uint64_t seed = 5;
    simd_fill(&in, &seed, 2);
    for (int i = 0; i < 8; i++) {
        in.a[i] = i;
        in.b[i] = i % 2 ? i + 1 : -1;    /* a < b in odd lanes */
        in.c[i] = i % 2 ? NAN : i + 0.5; /* taken in even lanes only */
    }
    for (int i = 0; i < 16; i++) {
        in.x[i] = (float)i;
        in.y[i] = i % 2 ? INFINITY : -1.0f;
        in.z[i] = i % 2 ? NAN : 2.5f;
    }
    for (int k = 0; k < n; k++) {
        simd_output out = {0};
        functions[k](&in, &out);
        for (int i = 0; i < 8; i++) {
            assert_true(out.select[i] == (i % 2 ? i + 1 : i + 0.5));
            assert_true(i % 2 ? isnan(out.keep[i]) : out.keep[i] == 0.0 && !signbit(out.keep[i]));
        }
        for (int i = 0; i < 16; i++) {
            assert_true(out.select_f[i] == (i % 2 ? INFINITY : 2.5f));
        }
        assert_int_equal(out.any, 1);
        assert_int_equal(out.any_f, 1);
        assert_int_equal(out.none, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_select_takes_no_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
