/* Every allocation of what users do with an engine fails in turn: the call says ATH_E_NO_MEMORY,
 * nothing leaks, nothing crashes; without failures the bits are those of any other run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "dynamics/scenarios.h"

typedef struct memory {
    int64_t n, fail_at; /* calls that asked for memory; the one that fails, from 1 (0: none) */
    int64_t bytes;      /* that are given out */
} memory;

static void *memory_resize(void *user, void *block, size_t old_bytes, size_t new_bytes)
{
    memory *m = user;
    if (new_bytes == 0) {
        m->bytes -= (int64_t)old_bytes;
        free(block);
        return NULL;
    }
    if (++m->n == m->fail_at) {
        return NULL;
    }
    void *p = aligned_alloc(64, (new_bytes + 63) / 64 * 64);
    if (p && block) {
        memcpy(p, block, old_bytes < new_bytes ? old_bytes : new_bytes);
        free(block);
    }
    m->bytes += p ? (int64_t)new_bytes - (int64_t)old_bytes : 0;
    return p;
}

static void check(const char *device, int64_t stride)
{
    memory m = {0};
    const ath_context_config config = {.size = sizeof config, .allocator = {memory_resize, &m}};
    uint64_t expected = 0, sum = 0;
    assert_int_equal(scenario_all(&config, device, 1, "allocations.ath", &expected), ATH_OK);
    assert_int_equal(m.bytes, 0);
    const int64_t n = m.n;
    assert_true(n > 300);
    int64_t n_failed = 0;
    for (int64_t k = 1; k <= n; k += stride) {
        m = (memory){.fail_at = k};
        const ath_status status = scenario_all(&config, device, 1, "allocations.ath", &sum);
        if (status < 0 && status != ATH_E_NO_MEMORY) {
            fail_msg("allocation %lld of %lld: %s", (long long)k, (long long)n,
                     ath_status_name(status));
        }
        n_failed += status < 0;
        assert_true(status < 0 || sum == expected); /* an allocation that may fail: same result */
        assert_int_equal(m.bytes, 0);
    }
    assert_true(n_failed * stride > n * 9 / 10);
    (void)remove("allocations.ath");
}

static void test_host(void **state)
{
    (void)state;
    check("host", 1);
}

static void test_mock(void **state)
{
    (void)state;
    check("mock", 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_host), cmocka_unit_test(test_mock)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
