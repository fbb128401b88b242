/* Suggestions for misspelt names, and whole numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/base.h"

static void test_nearest(void **state)
{
    (void)state;
    static const char *const names[] = {"sigma", "epsilon", "cutoff",      "precision",
                                        "lj",    "nep",     "temperature", NULL};
    static const struct {
        const char *word, *expected;
    } cases[] = {
        {"sigma", "sigma"},
        {"sgima", "sigma"},
        {"Sigma", "sigma"},
        {"cutof", "cutoff"},
        {"cut_off", "cutoff"},
        {"LJ", "lj"},
        {"epsilom", "epsilon"},
        {"temp", "temperature"},
        {"presicion", "precision"},
        {"xyz", NULL},
        {"", NULL},
        {"a", NULL},
        {"dt", NULL},
        {"te", NULL},
        {"nepp", "nep"},
        {"unrelated_long_word", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *got = ath__nearest(cases[i].word, names);
        if (cases[i].expected) {
            assert_non_null(got);
            assert_string_equal(got, cases[i].expected);
        } else {
            assert_null(got);
        }
    }
    static const char *const none[] = {NULL};
    assert_null(ath__nearest("sigma", none));
}

static void test_nearest_of_long_words(void **state)
{
    (void)state;
    char word[4096], name[4096];
    memset(word, 'a', sizeof word - 1);
    memset(name, 'a', sizeof name - 1);
    word[sizeof word - 1] = name[sizeof name - 1] = '\0';
    const char *names[] = {name, "", "aaaa", NULL};
    assert_null(ath__nearest(word, names));
    assert_string_equal(ath__nearest("aaa", names), "aaaa"); /* the long name is passed over */
    word[63] = name[63] = '\0';
    word[0] = 'b';
    assert_ptr_equal(ath__nearest(word, names), name);
}

static void test_parse_int(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        ath_status status;
        int64_t value;
        size_t used;
    } cases[] = {
        {"0", ATH_OK, 0, 1},
        {"-0", ATH_OK, 0, 2},
        {"+17", ATH_OK, 17, 3},
        {"-42x", ATH_OK, -42, 3},
        {"9223372036854775807", ATH_OK, INT64_MAX, 19},
        {"-9223372036854775808", ATH_OK, INT64_MIN, 20},
        {"9223372036854775808", ATH_E_RANGE, 99, 19},
        {"-9223372036854775809", ATH_E_RANGE, 99, 20},
        {"18446744073709551616", ATH_E_RANGE, 99, 20},
        {"100000000000000000000000000000", ATH_E_RANGE, 99, 30},
        {"00000000000000000000000000000001", ATH_OK, 1, 32},
        {"1.5", ATH_OK, 1, 1},
        {"1e3", ATH_OK, 1, 1},
        {"0x10", ATH_OK, 0, 1},
        {"", ATH_E_FORMAT, 99, 0},
        {"-", ATH_E_FORMAT, 99, 0},
        {"+-1", ATH_E_FORMAT, 99, 0},
        {" 1", ATH_E_FORMAT, 99, 0},
        {"x", ATH_E_FORMAT, 99, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t value = 99;
        size_t used = 77;
        ath_status status = ath__parse_int(cases[i].text, strlen(cases[i].text), &value, &used);
        assert_int_equal(status, cases[i].status);
        assert_int_equal(value, cases[i].value);
        assert_int_equal(used, cases[i].used);
    }
    int64_t value;
    size_t used;
    assert_int_equal(ath__parse_int("1234", 2, &value, &used), ATH_OK); /* at most n */
    assert_int_equal(value, 12);
    assert_int_equal(ath__parse_int("1234", 0, &value, &used), ATH_E_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_nearest_of_long_words),
        cmocka_unit_test(test_parse_int),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
