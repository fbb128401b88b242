/* SipHash-2-4-128 and CRC-32C against published values; any splitting of the input gives the same.
 *
 * The SipHash values are those of its authors' reference (key 00 01 .. 0f, message 00 01 .. n-1),
 * checked with a second implementation; the CRC values are those of RFC 3720, B.4. The stage keys
 * were computed independently from their definition: a change would change every random number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/base.h"

static const uint64_t hash_key0 = UINT64_C(0x0706050403020100),
                      hash_key1 = UINT64_C(0x0f0e0d0c0b0a0908);

static void hash_hex(const uint64_t out[2], char text[33])
{
    for (int i = 0; i < 16; i++) {
        snprintf(text + 2 * i, 3, "%02x", (unsigned)(out[i / 8] >> (i % 8 * 8) & 0xff));
    }
}

static void test_siphash_known_answers(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        const char *hex;
    } cases[] = {
        {0, "a3817f04ba25a8e66df67214c7550293"},  {1, "da87c1d86b99af44347659119b22fc45"},
        {7, "a1f1ebbed8dbc153c0b84aa61ff08239"},  {8, "3b62a9ba6258f5610f83e264f31497b4"},
        {15, "5493e99933b0a8117e08ec0f97cfc3d9"}, {16, "6ee2a4ca67b054bbfd3315bf85230577"},
        {63, "5150d1772f50834a503e069a973fbd7c"},
    };
    uint8_t message[64];
    for (int i = 0; i < 64; i++) {
        message[i] = (uint8_t)i;
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ath__hash h;
        uint64_t out[2];
        char hex[33];
        ath__hash_begin(&h, hash_key0, hash_key1);
        ath__hash_update(&h, message, cases[i].n);
        ath__hash_end(&h, out);
        hash_hex(out, hex);
        assert_string_equal(hex, cases[i].hex);
    }
}

static void test_siphash_streaming(void **state)
{
    (void)state;
    uint8_t message[300];
    for (int i = 0; i < 300; i++) {
        message[i] = (uint8_t)(i * 89 + 5);
    }
    uint64_t whole[2], parts[2];
    for (size_t n = 0; n <= 300; n += 7) {
        ath__hash h;
        ath__hash_begin(&h, 1, 2);
        ath__hash_update(&h, message, n);
        ath__hash_end(&h, whole);
        for (size_t step = 1; step < 20; step++) {
            ath__hash_begin(&h, 1, 2);
            for (size_t i = 0; i < n; i += step) {
                ath__hash_update(&h, message + i, step < n - i ? step : n - i);
                ath__hash_update(&h, NULL, 0);
            }
            ath__hash_end(&h, parts);
            assert_memory_equal(whole, parts, sizeof whole);
        }
    }
    /* 256 bytes more leave the length byte as it is, but not the hash */
    uint8_t zeros[600] = {0};
    ath__hash h;
    ath__hash_begin(&h, 1, 2);
    ath__hash_update(&h, zeros, 44);
    ath__hash_end(&h, whole);
    ath__hash_begin(&h, 1, 2);
    ath__hash_update(&h, zeros, 300);
    ath__hash_end(&h, parts);
    assert_memory_not_equal(whole, parts, sizeof whole);
}

static void test_crc32c_known_answers(void **state)
{
    (void)state;
    uint8_t bytes[32];
    assert_int_equal(ath__crc32c(0, "123456789", 9), 0xe3069283u);
    assert_int_equal(ath__crc32c(0, "", 0), 0);
    memset(bytes, 0, 32);
    assert_int_equal(ath__crc32c(0, bytes, 32), 0x8a9136aau);
    memset(bytes, 0xff, 32);
    assert_int_equal(ath__crc32c(0, bytes, 32), 0x62a8ab43u);
    for (int i = 0; i < 32; i++) {
        bytes[i] = (uint8_t)i;
    }
    assert_int_equal(ath__crc32c(0, bytes, 32), 0x46dd794eu);
    for (int i = 0; i < 32; i++) {
        bytes[i] = (uint8_t)(31 - i);
    }
    assert_int_equal(ath__crc32c(0, bytes, 32), 0x113fdb5cu);
}

/* Bit by bit, from the polynomial. */
static uint32_t hash_crc_slow(const uint8_t *p, size_t n)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int b = 0; b < 8; b++) {
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
        }
    }
    return ~crc;
}

/* All lengths and alignments, so that words and bytes meet in every way; split anywhere. */
static void test_crc32c_any_split(void **state)
{
    (void)state;
    uint8_t bytes[80];
    for (int i = 0; i < 80; i++) {
        bytes[i] = (uint8_t)(i * i * 31 + 7);
    }
    for (size_t begin = 0; begin < 9; begin++) {
        for (size_t n = 0; n <= 64; n++) {
            uint32_t expected = hash_crc_slow(bytes + begin, n);
            assert_int_equal(ath__crc32c(0, bytes + begin, n), expected);
            size_t half = n * 2 / 3;
            uint32_t crc = ath__crc32c(0, bytes + begin, half);
            for (size_t i = half; i < n; i++) {
                crc = ath__crc32c(crc, bytes + begin + i, 1); /* the table alone */
            }
            assert_int_equal(crc, expected);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_siphash_known_answers),
        cmocka_unit_test(test_siphash_streaming),
        cmocka_unit_test(test_crc32c_known_answers),
        cmocka_unit_test(test_crc32c_any_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
