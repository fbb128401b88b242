/* Arrays, strings and byte buffers: zeroing, checked sizes, exact sizes to the allocator, failures.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/failing.h"

static failing memory_failing;

static int memory_setup(void **state)
{
    memory_failing = (failing){0};
    ath_context_config config = failing_config(&memory_failing);
    return ath_context_create(&config, (ath_context **)state);
}

/* Every test ends without a block left and without a size that did not match. */
static int memory_teardown(void **state)
{
    ath_context_destroy((ath_context **)state);
    return memory_failing.n_blocks != 0 || memory_failing.n_wrong != 0 || memory_failing.bytes != 0;
}

static void test_alloc(void **state)
{
    ath_context *ctx = *state;
    double *x = (double *)1;
    assert_int_equal(ath__alloc(ctx, 1000, sizeof *x, &x), ATH_OK);
    assert_int_equal((uintptr_t)x % 64, 0);
    for (int i = 0; i < 1000; i++) {
        assert_true(x[i] == 0.0);
        x[i] = i;
    }
    assert_int_equal(ath__resize(ctx, &x, 1000, 3000, sizeof *x), ATH_OK);
    for (int i = 0; i < 3000; i++) {
        assert_true(x[i] == (i < 1000 ? i : 0));
    }
    assert_int_equal(ath__resize(ctx, &x, 3000, 5, sizeof *x), ATH_OK);
    assert_int_equal(ath__resize(ctx, &x, 5, 10, sizeof *x), ATH_OK);
    assert_true(x[4] == 4.0 && x[5] == 0.0 && x[9] == 0.0);
    ath__free(ctx, &x, 10, sizeof *x);
    assert_null(x);
    ath__free(ctx, &x, 10, sizeof *x);
}

static void test_alloc_nothing(void **state)
{
    ath_context *ctx = *state;
    int *x = (int *)1;
    assert_int_equal(ath__alloc(ctx, 0, sizeof *x, &x), ATH_OK);
    assert_null(x);
    assert_int_equal(ath__resize(ctx, &x, 0, 4, sizeof *x), ATH_OK);
    assert_int_equal(x[3], 0);
    assert_int_equal(ath__resize(ctx, &x, 4, 0, sizeof *x), ATH_OK);
    assert_null(x);
}

static void test_alloc_too_much(void **state)
{
    ath_context *ctx = *state;
    char *x = (char *)1;
    assert_int_equal(ath__alloc(ctx, SIZE_MAX / 2, 3, &x), ATH_E_NO_MEMORY);
    assert_null(x);
    assert_non_null(strstr(ath_context_message(ctx), "out of memory"));
    assert_int_equal(ath__alloc(ctx, SIZE_MAX, 1, &x), ATH_E_NO_MEMORY);
    assert_int_equal(ath__alloc(ctx, 4, 16, &x), ATH_OK);
    memset(x, 9, 64);
    char *before = x;
    assert_int_equal(ath__resize(ctx, &x, 4, SIZE_MAX / 8, 16), ATH_E_NO_MEMORY);
    memory_failing.fail_at = memory_failing.n_calls + 1;
    assert_int_equal(ath__resize(ctx, &x, 4, 8, 16), ATH_E_NO_MEMORY);
    assert_ptr_equal(x, before);
    assert_int_equal(x[63], 9);
    ath__free(ctx, &x, 4, 16);
}

static void test_checked_arithmetic(void **state)
{
    (void)state;
    size_t out;
    assert_false(ath__mul(1u << 20, 1u << 20, &out));
    assert_int_equal(out, UINT64_C(1) << 40);
    assert_true(ath__mul(SIZE_MAX / 2 + 1, 2, &out));
    assert_false(ath__add(SIZE_MAX - 1, 1, &out));
    assert_true(ath__add(SIZE_MAX, 1, &out));
}

static void test_strdup(void **state)
{
    ath_context *ctx = *state;
    char *text;
    assert_int_equal(ath__strdup(ctx, "argon", &text), ATH_OK);
    assert_string_equal(text, "argon");
    ath__strfree(ctx, &text);
    assert_null(text);
    ath__strfree(ctx, &text);
    assert_int_equal(ath__strdup(ctx, "", &text), ATH_OK);
    assert_string_equal(text, "");
    ath__strfree(ctx, &text);
}

static void test_bytes(void **state)
{
    ath_context *ctx = *state;
    ath__bytes b = {0};
    assert_int_equal(ath__bytes_append(ctx, &b, NULL, 0), ATH_OK);
    assert_null(b.data);
    for (int i = 0; i < 5000; i++) {
        uint8_t word[3] = {(uint8_t)i, (uint8_t)(i >> 8), 77};
        assert_int_equal(ath__bytes_append(ctx, &b, word, 3), ATH_OK);
    }
    assert_int_equal(b.size, 15000);
    assert_true(b.capacity >= b.size);
    for (int i = 0; i < 5000; i++) {
        assert_int_equal(b.data[3 * i] | b.data[3 * i + 1] << 8, i);
    }
    assert_int_equal(ath__bytes_reserve(ctx, &b, SIZE_MAX - 100), ATH_E_NO_MEMORY);
    assert_int_equal(ath__bytes_reserve(ctx, &b, SIZE_MAX / 2), ATH_E_NO_MEMORY);
    assert_int_equal(b.size, 15000);
    ath__bytes_free(ctx, &b);
    assert_null(b.data);
    assert_int_equal(b.size + b.capacity, 0);
}

static void test_bytes_print(void **state)
{
    ath_context *ctx = *state;
    ath__bytes b = {0};
    char expected[3000] = "";
    for (int i = 0; i < 10; i++) {
        assert_int_equal(ath__bytes_print(ctx, &b, "%d:%0*d;", i, i * 60, i), ATH_OK);
        size_t n = strlen(expected);
        snprintf(expected + n, sizeof expected - n, "%d:%0*d;", i, i * 60, i);
    }
    assert_int_equal(b.size, strlen(expected));
    assert_memory_equal(b.data, expected, b.size);
    memory_failing.fail_at = memory_failing.n_calls + 1;
    size_t size = b.size;
    assert_int_equal(ath__bytes_print(ctx, &b, "%09999d", 1), ATH_E_NO_MEMORY);
    assert_int_equal(b.size, size);
    ath__bytes_free(ctx, &b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define MEMORY_TEST(name) cmocka_unit_test_setup_teardown(name, memory_setup, memory_teardown)
        MEMORY_TEST(test_alloc),          MEMORY_TEST(test_alloc_nothing),
        MEMORY_TEST(test_alloc_too_much), MEMORY_TEST(test_checked_arithmetic),
        MEMORY_TEST(test_strdup),         MEMORY_TEST(test_bytes),
        MEMORY_TEST(test_bytes_print),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
