/* Decimal text and float64: correct rounding, shortest text, round trips; the C library's strtod
 * and printf are the reference. Also the table of powers, computed anew with large integers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/powers.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { NUMBER_ROUNDS = 250000 };
#else
enum { NUMBER_ROUNDS = 2500000 };
#endif

static uint64_t number_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint64_t number_bits(double x)
{
    uint64_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static double number_from_bits(uint64_t u)
{
    double x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* Parses all of `text` and compares with strtod. */
static void number_check(const char *text)
{
    double mine = 1.5;
    size_t used = 0;
    double theirs = strtod(text, NULL);
    ath_status status = ath__parse_double(text, strlen(text), &mine, &used);
    if (used != strlen(text)) {
        fail_msg("'%s': used %zu", text, used);
    }
    if (isinf(theirs)) {
        if (status != ATH_E_RANGE) {
            fail_msg("'%s': status %d", text, (int)status);
        }
        return;
    }
    if (status != ATH_OK || number_bits(mine) != number_bits(theirs)) {
        fail_msg("'%s': %a instead of %a", text, mine, theirs);
    }
}

/* Ties, limits of the range and of the fast paths, spellings. */
static const char *const number_hard[] = {
    "0",
    "-0",
    "0.0",
    "-0e5",
    "1",
    "-1",
    "+1",
    ".5",
    "5.",
    "-.5",
    "+5.e2",
    "1e23",
    "8.5e22",
    "9007199254740993",
    "9007199254740992",
    "9007199254740995",
    "9007199254740991e1",
    "2.2250738585072011e-308",
    "2.2250738585072012e-308",
    "2.2250738585072014e-308",
    "2.2250738585072009e-308",
    "5e-324",
    "4.9406564584124654e-324",
    "2.4703282292062327e-324",
    "2.4703282292062328e-324",
    "2.47032822920623272088284396434110686182e-324",
    "2.47032822920623272088284396434110686183e-324",
    "1e-325",
    "1e-400",
    "1e-1000000000000",
    "1.7976931348623157e308",
    "1.7976931348623158e308",
    "1.7976931348623159e308",
    "179769313486231580793728971405301e276",
    "1.8e308",
    "1e309",
    "1e400",
    "1e99999999999999999999999999",
    "-1e309",
    "0e999999999999999999999",
    "1e22",
    "1e-22",
    "123456789012345678",
    "1234567890123456789",
    "12345678901234567890",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999",
    "0.1",
    "0.2",
    "0.3",
    "3.14159265358979323846",
    "6.02214076e23",
    "1.380649e-23",
    "1.60217663400000000000000000000e-19",
    "7.038531e-26",
    "0.000000000000000000000000000000000000000000000000000000000000000001234567890123456789",
    "100000000000000000000000000000000000000000000000000000000000000000000",
    "1e0000000000005",
    "9.5367431640625e-7",
    "1.00000000000000011102230246251565404236316680908203125",
    "1.00000000000000011102230246251565404236316680908203124",
    "1.00000000000000011102230246251565404236316680908203126",
    "1.00000000000000033306690738754696212708950042724609375",
    "0.500000000000000166533453693773481063544750213623046875",
    "3.518437208883201171875e13",
    "62.5364939768271845828",
    "8.10109172351e-10",
    "1.50000000000000011102230246251565",
    "6929495644600919.5",
    "3.7455744005952583e15",
    "4.35e-310",
    "1.2345e-320",
    "00000000000000000000000000000000000001",
    "0000.00001e5",
};

static void test_hard_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof number_hard / sizeof *number_hard; i++) {
        number_check(number_hard[i]);
    }
}

/* The exact midpoint between x and its successor, and the texts next to it in the 1100th digit. */
static void number_check_midpoint(double x)
{
    static char text[2048];
    double next = number_from_bits(number_bits(x) + 1);
    if (!isfinite(next) || x < 0x1p-1022) {
        return;
    }
    /* exact: a long double has 11 bits more */
    long double middle = (long double)x + ((long double)next - (long double)x) / 2;
    snprintf(text, sizeof text, "%.1100Le", middle);
    number_check(text);
    char *last = strchr(text, 'e') - 1;
    *last = '1';
    number_check(text);
    *last = '0';
    for (; *last == '0' || *last == '.'; last--) {
        *last = *last == '0' ? '9' : '.';
    }
    (*last)--;
    number_check(text);
}

static void test_midpoints(void **state)
{
    (void)state;
    uint64_t seed = 7;
    for (int i = 0; i < 2000; i++) {
        double x = fabs(number_from_bits(number_random(&seed)));
        number_check_midpoint(isfinite(x) ? x : 1.0);
        number_check_midpoint((double)(number_random(&seed) >> (i % 52 + 11)));
    }
    number_check_midpoint(0x1p-1022);
    number_check_midpoint(0x1.fffffffffffffp1022);
}

static void test_long_digit_strings(void **state)
{
    (void)state;
    static char text[6000];
    uint64_t seed = 3;
    for (int round = 0; round < 600; round++) {
        size_t n = 1 + number_random(&seed) % (round < 500 ? 900 : 5000);
        size_t point = number_random(&seed) % (n + 1);
        size_t length = 0;
        for (size_t i = 0; i < n; i++) {
            if (i == point) {
                text[length++] = '.';
            }
            uint64_t r = number_random(&seed);
            text[length++] = (char)('0' + (round % 3 == 0 && r % 7 != 0 ? 0 : (r >> 8) % 10));
        }
        int e = (int)(number_random(&seed) % 700) - 350 - (int)point * (round % 2);
        snprintf(text + length, sizeof text - length, "e%d", e);
        number_check(text);
    }
    /* 767 digits, the longest halfway point: half of the largest odd fraction below 2^-1022 ... */
    const long double halfway = 0x1.fffffffffffffp-1023L;
    size_t n = (size_t)snprintf(text, sizeof text, "%.766Le", halfway);
    number_check(text);
    /* ... and the same with a 1 some thousand zeros later. */
    char *e = strchr(text, 'e');
    char tail[8];
    snprintf(tail, sizeof tail, "%s", e);
    memset(e, '0', 4000);
    e[4000] = '1';
    snprintf(e + 4001, sizeof text - n - 4001, "%s", tail);
    number_check(text);
}

static void test_not_numbers(void **state)
{
    (void)state;
    static const char *const bad[] = {"",  "nan", "NaN", "inf", "-inf", "infinity", ".",
                                      "+", "-",   "-.",  "e5",  ".e5",  " 1",       "\t1",
                                      "x", "+-1", "--1", "D5",  ",5",   "+e1",      "\xd9\xa1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double x = 42.0;
        size_t used = 99;
        assert_int_equal(ath__parse_double(bad[i], strlen(bad[i]), &x, &used), ATH_E_FORMAT);
        assert_int_equal(used, 0);
        assert_true(x == 42.0);
    }
    static const struct {
        const char *text;
        size_t used;
        double value;
    } parts[] = {{"0x10", 1, 0.0},  {"1e", 1, 1.0},     {"1e+", 1, 1.0},   {"1D5", 1, 1.0},
                 {"1.5 2", 3, 1.5}, {"1.2.3", 3, 1.2},  {"7,5", 1, 7.0},   {"2e3e4", 3, 2000.0},
                 {"1_000", 1, 1.0}, {"3.e-1x", 5, 0.3}, {"1e5.5", 3, 1e5}, {"12abc", 2, 12.0},
                 {"5.e", 2, 5.0},   {"-0nan", 2, -0.0}, {"1e-", 1, 1.0}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        double x;
        size_t used;
        assert_int_equal(ath__parse_double(parts[i].text, strlen(parts[i].text), &x, &used),
                         ATH_OK);
        assert_int_equal(used, parts[i].used);
        assert_true(number_bits(x) == number_bits(parts[i].value));
    }
}

/* No more than n bytes are looked at: the block ends where the text does. */
static void test_reads_at_most_n(void **state)
{
    (void)state;
    const char *text = "-12.5e+17";
    for (size_t n = 0; n <= strlen(text); n++) {
        char *exact = malloc(n + (n == 0));
        memcpy(exact, text, n);
        char copy[16] = {0};
        memcpy(copy, text, n);
        double x = 0.0;
        size_t used;
        ath_status status = ath__parse_double(exact, n, &x, &used);
        assert_int_equal(status, n < 2 ? ATH_E_FORMAT : ATH_OK);
        assert_true(n < 2 || x == strtod(copy, NULL));
        free(exact);
    }
}

static void number_check_round_trip(double x)
{
    char text[32];
    double back = 0.0;
    size_t used;
    int n = ath__format_double(x, text);
    if (n != (int)strlen(text) || n > 24 || ath__parse_double(text, (size_t)n, &back, &used) != 0 ||
        used != (size_t)n || number_bits(back) != number_bits(x)) {
        fail_msg("%a -> '%s' -> %a", x, text, back);
    }
}

static void test_round_trip_random_bits(void **state)
{
    (void)state;
    uint64_t seed = 12345;
    for (int i = 0; i < NUMBER_ROUNDS; i++) {
        double x = number_from_bits(number_random(&seed));
        if (isfinite(x)) {
            number_check_round_trip(x);
        }
    }
}

/* Numbers as trajectories have them, every power of two with its neighbours, all small integers. */
static void test_round_trip_usual(void **state)
{
    (void)state;
    uint64_t seed = 99;
    for (int i = 0; i < 500000; i++) {
        uint64_t r = number_random(&seed);
        number_check_round_trip(((double)(r >> 11) * 0x1p-53 - 0.5) * 200.0);
        number_check_round_trip((double)(r % 2000000) / 1e4);
    }
    for (int e = -1074; e <= 1023; e++) {
        double x = ldexp(1.0, e);
        number_check_round_trip(x);
        number_check_round_trip(-number_from_bits(number_bits(x) + 1));
        number_check_round_trip(number_from_bits(number_bits(x) - 1));
    }
    for (int i = -20000; i < 20000; i++) {
        number_check_round_trip(i);
    }
    number_check_round_trip(1.7976931348623157e308);
}

/* strtod reads our text and we read %.17g: an agreement that no shared mistake can fake. */
static void test_agrees_with_library(void **state)
{
    (void)state;
    uint64_t seed = 4242;
    char text[64];
    for (int i = 0; i < 200000; i++) {
        double x = number_from_bits(number_random(&seed));
        if (i % 2) {
            x = (double)(int64_t)number_random(&seed) * 0x1p-60;
        }
        if (!isfinite(x)) {
            continue;
        }
        ath__format_double(x, text);
        if (number_bits(strtod(text, NULL)) != number_bits(x)) {
            fail_msg("strtod(%s) is not %a", text, x);
        }
        snprintf(text, sizeof text, "%.*e", (int)(number_random(&seed) % 25), x);
        number_check(text);
    }
}

/* Significant digits of a text of ours. */
static int number_count_digits(const char *text)
{
    int n = 0, zeros = 0;
    for (; *text && *text != 'e'; text++) {
        if (*text >= '0' && *text <= '9' && (n > 0 || *text != '0')) {
            n++;
            zeros = *text == '0' ? zeros + 1 : 0;
        }
    }
    return n - zeros;
}

/* The least precision of %.{p}e that reads back, and nearest to x among texts of our length. */
static void number_check_shortest(double x)
{
    char mine[32], theirs[64];
    ath__format_double(x, mine);
    int digits = number_count_digits(mine), least = 1;
    for (; least < 17; least++) {
        snprintf(theirs, sizeof theirs, "%.*e", least - 1, x);
        if (strtod(theirs, NULL) == x) {
            break;
        }
    }
    if (digits > least) {
        fail_msg("%a: '%s' has %d digits, %d are enough", x, mine, digits, least);
    }
    snprintf(theirs, sizeof theirs, "%.*e", digits - 1, x);
    if (strtod(theirs, NULL) == x && strtold(theirs, NULL) != strtold(mine, NULL)) {
        fail_msg("%a: '%s' is not the nearest, '%s' is", x, mine, theirs);
    }
}

static void test_shortest(void **state)
{
    (void)state;
    uint64_t seed = 777;
    for (int i = 0; i < 40000; i++) {
        double x = fabs(number_from_bits(number_random(&seed)));
        if (isfinite(x)) {
            number_check_shortest(x);
        }
        number_check_shortest((double)(number_random(&seed) % 10000000) / 1e6);
    }
    for (int e = -1074; e <= 1023; e++) {
        double x = ldexp(1.0, e);
        number_check_shortest(x);
        number_check_shortest(number_from_bits(number_bits(x) + 1));
        number_check_shortest(number_from_bits(number_bits(x) - (e > -1074)));
    }
    for (int e = -323; e <= 308; e++) {
        char text[16];
        snprintf(text, sizeof text, "1e%d", e);
        number_check_shortest(strtod(text, NULL));
    }
}

static void test_format_layout(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0.0, "0"},
        {-0.0, "-0"},
        {1.0, "1"},
        {-1.5, "-1.5"},
        {0.1, "0.1"},
        {0.3, "0.3"},
        {0.1 + 0.2, "0.30000000000000004"},
        {100.0, "100"},
        {123.456, "123.456"},
        {1e15, "1000000000000000"},
        {1e16, "1e16"},
        {1.5e16, "1.5e16"},
        {1e22, "1e22"},
        {1e23, "1e23"},
        {9007199254740993.0, "9007199254740992"},
        {1e-5, "0.00001"},
        {1.234e-5, "0.00001234"},
        {1e-6, "1e-6"},
        {1.5e-300, "1.5e-300"},
        {5e-324, "5e-324"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {1.7976931348623157e308, "1.7976931348623157e308"},
        {2e-44, "2e-44"},
        {0x1p-44, "5.684341886080802e-14"},
        {INFINITY, "inf"},
        {-INFINITY, "-inf"},
        {NAN, "nan"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[32];
        memset(text, '?', sizeof text);
        int n = ath__format_double(cases[i].value, text);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(n, strlen(text));
    }
}

/* Sets a numeric locale with a decimal comma, if need be one compiled for the purpose. */
static bool number_set_comma(char *folder)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE", "fr_FR.UTF-8", "nl_NL.UTF-8"};
    for (size_t i = 0; i < 4; i++) {
        if (setlocale(LC_NUMERIC, names[i])) {
            return true;
        }
    }
    char command[256];
    if (!mkdtemp(folder)) {
        return false;
    }
    snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 >%s/log 2>&1",
             folder, folder);
    return system(command) == 0 && setenv("LOCPATH", folder, 1) == 0 &&
           setlocale(LC_NUMERIC, "de_DE.UTF-8");
}

/* A decimal comma changes nothing. */
static void test_locale(void **state)
{
    (void)state;
    char folder[] = "/tmp/athanor_localeXXXXXX", command[64], text[32], theirs[32];
    double x = 0.0;
    size_t used;
    bool set = number_set_comma(folder);
    snprintf(theirs, sizeof theirs, "%.1f", 1234.5);
    ath__format_double(1234.5, text);
    ath_status status = ath__parse_double("1234.5", 6, &x, &used);
    setlocale(LC_NUMERIC, "C");
    unsetenv("LOCPATH");
    snprintf(command, sizeof command, "rm -rf %s", folder);
    int removed = strstr(folder, "XXXXXX") ? 0 : system(command);
    assert_int_equal(removed, 0);
    if (!set) {
        print_message("no locale with a decimal comma, and none could be made\n");
        skip();
    }
    assert_string_equal(theirs, "1234,5");
    assert_string_equal(text, "1234.5");
    assert_int_equal(status, ATH_OK);
    assert_true(x == 1234.5 && used == 6);
}

/* ---- the table of powers ---- */

enum { NUMBER_LIMBS = 48 }; /* 1536 bits */

static void number_times(uint32_t *limbs, uint32_t factor)
{
    uint64_t carry = 0;
    for (int i = 0; i < NUMBER_LIMBS; i++) {
        carry += (uint64_t)limbs[i] * factor;
        limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
    assert_true(carry == 0);
}

static int number_bit(const uint32_t *limbs, int i)
{
    return i < 0 ? 0 : (int)(limbs[i / 32] >> (i % 32) & 1);
}

/* The first 128 bits of the number, rounded up. */
static void number_top(const uint32_t *limbs, uint64_t out[2])
{
    int top = 32 * NUMBER_LIMBS - 1;
    while (!number_bit(limbs, top)) {
        top--;
    }
    out[0] = out[1] = 0;
    for (int i = 0; i < 128; i++) {
        out[i / 64] = out[i / 64] << 1 | (uint64_t)number_bit(limbs, top - i);
    }
    bool rest = false;
    for (int i = 0; i <= top - 128; i++) {
        rest = rest || number_bit(limbs, i);
    }
    if (rest && ++out[1] == 0) {
        out[0]++;
    }
}

/* 10^-k: divide 2^1535 by 10 k times would lose bits; divide 2^n by 5^k bit by bit instead. */
static void number_top_inverse(const uint32_t *five, uint64_t out[2])
{
    uint32_t rest[NUMBER_LIMBS] = {1}; /* < five 2 */
    int got = -1;
    out[0] = out[1] = 0;
    while (got < 128) {
        /* rest >= five? */
        int64_t borrow = 0;
        uint32_t less[NUMBER_LIMBS];
        for (int i = 0; i < NUMBER_LIMBS; i++) {
            int64_t d = (int64_t)rest[i] - five[i] + borrow;
            less[i] = (uint32_t)d;
            borrow = d < 0 ? -1 : 0;
        }
        int bit = borrow == 0;
        if (bit) {
            memcpy(rest, less, sizeof rest);
        }
        if (bit || got >= 0) {
            got = got < 0 ? 1 : got + 1;
            out[0] = out[0] << 1 | out[1] >> 63;
            out[1] = out[1] << 1 | (uint64_t)bit;
        }
        number_times(rest, 2);
    }
    if (++out[1] == 0) { /* 5^k has no power of two in it: never exact for k > 0 */
        out[0]++;
    }
}

static void test_powers(void **state)
{
    (void)state;
    uint32_t five[NUMBER_LIMBS] = {1};
    for (int k = 0; k <= ATH__POWER_MAX; k++) {
        uint64_t expected[2];
        number_top(five, expected);
        assert_memory_equal(ath__powers[k - ATH__POWER_MIN], expected, sizeof expected);
        if (k > 0 && -k >= ATH__POWER_MIN) {
            number_top_inverse(five, expected);
            assert_memory_equal(ath__powers[-k - ATH__POWER_MIN], expected, sizeof expected);
        }
        number_times(five, 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hard_cases),
        cmocka_unit_test(test_midpoints),
        cmocka_unit_test(test_long_digit_strings),
        cmocka_unit_test(test_not_numbers),
        cmocka_unit_test(test_reads_at_most_n),
        cmocka_unit_test(test_round_trip_random_bits),
        cmocka_unit_test(test_round_trip_usual),
        cmocka_unit_test(test_agrees_with_library),
        cmocka_unit_test(test_shortest),
        cmocka_unit_test(test_format_layout),
        cmocka_unit_test(test_locale),
        cmocka_unit_test(test_powers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
