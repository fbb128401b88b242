/*
 * Tests of src/base/philox.h: the known answers of Random123 (Salmon et al. 2011, kat_vectors), the
 * layout of key and counter, the range of the uniforms, moments and tails of the normals, equality
 * of the scalar and the 8-lane forms bit for bit, and one frozen hash of normals that is the same
 * on every instruction set and compiler. Not here: a battery of randomness tests (the authors
 * report that Philox4x32-10 passes BigCrush).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "base/philox.h"

static void test_known_answers(void **state)
{
    (void)state;
    const struct {
        uint32_t ctr[4], key[2], want[4];
    } table[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, /* digits of pi */
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (int i = 0; i < 3; i++) {
        uint32_t out[4];
        ath__philox4x32(table[i].key, table[i].ctr, out);
        assert_memory_equal(out, table[i].want, sizeof out);
    }
}

static void test_key_and_counter(void **state)
{
    (void)state;
    uint32_t key[2], ctr[4];
    ath__philox_key(UINT64_C(0x0123456789abcdef), key);
    assert_int_equal(key[0], 0x89abcdef);
    assert_int_equal(key[1], 0x01234567);
    ath__philox_counter(UINT64_C(0x1122334455667788), 99, 7, ctr);
    assert_int_equal(ctr[0], 0x55667788);
    assert_int_equal(ctr[1], 0x11223344);
    assert_int_equal(ctr[2], 99);
    assert_int_equal(ctr[3], 7);
}

static void test_uniform(void **state)
{
    (void)state;
    assert_true(ath__uniform53(0, 0) == 0x1p-53);
    assert_true(ath__uniform53(0, 0xfff) == 0x1p-53); /* the low 12 bits are not used */
    assert_true(ath__uniform53(0, 0x1000) == 3 * 0x1p-53);
    assert_true(ath__uniform53(0x80000000, 0) == 0.5 + 0x1p-53);
    assert_true(ath__uniform53(0xffffffff, 0xffffffff) == 1.0 - 0x1p-53);

    /* chi squared of 256 bins, and mean, over 2^18 numbers: within five standard deviations */
    enum { N = 1 << 17 };
    int count[256] = {0};
    const uint32_t key[2] = {1, 2};
    double sum = 0.0, chi = 0.0;
    for (uint32_t i = 0; i < N; i++) {
        uint32_t w[4] = {i, 0, 0, 0};
        ath__philox4x32(key, w, w);
        double a = ath__uniform53(w[0], w[1]), b = ath__uniform53(w[2], w[3]);
        assert_true(a > 0.0 && a < 1.0 && b > 0.0 && b < 1.0);
        sum += a + b;
        count[(int)(a * 256.0)]++;
        count[(int)(b * 256.0)]++;
    }
    for (int i = 0; i < 256; i++) {
        double d = count[i] - 2.0 * N / 256;
        chi += d * d / (2.0 * N / 256);
    }
    print_message("uniform: mean %.6f, chi squared %.1f of 255\n", sum / (2.0 * N), chi);
    assert_true(fabs(sum / (2.0 * N) - 0.5) < 5.0 * sqrt(1.0 / 12.0 / (2.0 * N)));
    assert_true(fabs(chi - 255.0) < 5.0 * sqrt(2.0 * 255.0));
}

static void test_normal_edges(void **state)
{
    (void)state;
    const uint32_t edges[] = {0, 0xfff, 0x7fffffff, 0x80000000, 0xffffffff};
    for (int i = 0; i < 625; i++) {
        const uint32_t w[4] = {edges[i % 5], edges[i / 5 % 5], edges[i / 25 % 5], edges[i / 125]};
        double z[2];
        ath__normal2(w, z);
        assert_true(fabs(z[0]) <= 8.58 && fabs(z[1]) <= 8.58); /* finite too */
    }
}

/* The raw moments E[z^k], k = 1 to 8, of n normals, against 0 1 0 3 0 15 0 105. */
static void philox_check_moments(const double sum[9], double n)
{
    static const double want[17] = {1, 0,   1, 0,     3, 0,      15, 0,      105,
                                    0, 945, 0, 10395, 0, 135135, 0,  2027025};
    for (int k = 1; k <= 8; k++) {
        double sigma = sqrt((want[2 * k] - want[k] * want[k]) / n);
        print_message("normal: moment %d = %9.5f, want %3g, %+.2f sigma\n", k, sum[k] / n, want[k],
                      (sum[k] / n - want[k]) / sigma);
        assert_true(fabs(sum[k] / n - want[k]) < 5.0 * sigma);
    }
}

static void test_normal_moments(void **state)
{
    (void)state;
    enum { N = 1 << 18 };
    const uint32_t key[2] = {0xdecafbad, 42};
    double sum[9] = {0}, pair = 0.0, squares = 0.0, next = 0.0, last = 0.0;
    int beyond_2 = 0;
    for (uint32_t i = 0; i < N; i++) {
        double z[2];
        ath__philox_normal2(key, i / 64, i % 64, 3, z);
        for (int j = 0; j < 2; j++) {
            double power = 1.0;
            for (int k = 1; k <= 8; k++) {
                power *= z[j];
                sum[k] += power;
            }
            beyond_2 += fabs(z[j]) > 2.0;
        }
        pair += z[0] * z[1];
        squares += (z[0] * z[0] - 1.0) * (z[1] * z[1] - 1.0);
        next += last * z[0];
        last = z[0];
    }
    philox_check_moments(sum, 2.0 * N);
    double sigma = sqrt((double)N), tail = erfc(sqrt(2.0));
    assert_true(fabs(pair) < 5.0 * sigma);          /* the two of a pair are independent, */
    assert_true(fabs(squares) < 5.0 * 2.0 * sigma); /* their squares too, */
    assert_true(fabs(next) < 5.0 * sigma);          /* and those of neighbouring atoms */
    assert_true(fabs(beyond_2 - 2.0 * N * tail) < 5.0 * sqrt(2.0 * N * tail));
}

static void test_lanes(void **state)
{
    (void)state;
    const uint32_t key[2] = {0x12345678, 0x9abcdef0};
    for (uint32_t i = 0; i < 4096; i++) {
        uint64_t step = UINT64_C(0x0000000fffffff00) + i; /* carries into the high word */
        uint32_t ctr[32], out[32], atom[8];
        double z0[8], z1[8], y0[8], y1[8];
        for (uint32_t k = 0; k < 8; k++) {
            uint32_t c[4];
            atom[k] = i * 8 + k * k;
            ath__philox_counter(step, atom[k], 5, c);
            for (uint32_t w = 0; w < 4; w++) {
                ctr[8 * w + k] = c[w];
            }
        }
        ath__philox4x32_8(key, ctr, out);
        ath__normal2_8(out, z0, z1);
        ath__philox_normal2_8(key, step, atom, 5, y0, y1);
        assert_memory_equal(z0, y0, sizeof z0);
        assert_memory_equal(z1, y1, sizeof z1);
        for (uint32_t k = 0; k < 8; k++) {
            uint32_t c[4], words[4];
            double z[2];
            ath__philox_counter(step, atom[k], 5, c);
            ath__philox4x32(key, c, words);
            for (uint32_t w = 0; w < 4; w++) {
                assert_int_equal(out[8 * w + k], words[w]);
            }
            ath__philox_normal2(key, step, atom[k], 5, z);
            assert_memory_equal(&z0[k], &z[0], sizeof z[0]);
            assert_memory_equal(&z1[k], &z[1], sizeof z[1]);
        }
    }
}

static void test_frozen_bits(void **state)
{
    (void)state;
    const uint32_t key[2] = {7, 11};
    uint64_t hash = 0;
    for (uint32_t i = 0; i < 20000; i++) {
        double z[2];
        ath__philox_normal2(key, i, i % 37, i % 3, z);
        hash = (hash ^ ath__bits(z[0])) * UINT64_C(0x9e3779b97f4a7c15);
        hash = ((hash ^ (hash >> 29)) ^ ath__bits(z[1])) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
    }
    print_message("hash of the bits of 40000 normals 0x%016llx\n", (unsigned long long)hash);
    assert_true(hash == UINT64_C(0x1462aec0f91831b2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),  cmocka_unit_test(test_key_and_counter),
        cmocka_unit_test(test_uniform),        cmocka_unit_test(test_normal_edges),
        cmocka_unit_test(test_normal_moments), cmocka_unit_test(test_lanes),
        cmocka_unit_test(test_frozen_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
