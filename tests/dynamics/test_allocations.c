/* Every allocation of what users do with an engine fails in turn: the call says ATH_E_NO_MEMORY,
 * nothing leaks, nothing crashes; without failures the bits are those of any other run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/failing.h"
#include "dynamics/scenarios.h"

static void check(const char *device, int64_t stride)
{
    failing m = {0};
    const ath_context_config config = failing_config(&m);
    uint64_t expected = 0, sum = 0;
    assert_int_equal(scenario_all(&config, device, 1, "allocations.ath", &expected), ATH_OK);
    assert_true(m.n_blocks == 0 && m.n_wrong == 0);
    const int64_t n = m.n_calls;
    assert_true(n > 300);
    int64_t n_failed = 0;
    for (int64_t k = 1; k <= n; k += stride) {
        m = (failing){.fail_at = k};
        const ath_status status = scenario_all(&config, device, 1, "allocations.ath", &sum);
        if (status < 0 && status != ATH_E_NO_MEMORY) {
            fail_msg("allocation %lld of %lld: %s", (long long)k, (long long)n,
                     ath_status_name(status));
        }
        n_failed += status < 0;
        assert_true(status < 0 || sum == expected); /* an allocation that may fail: same result */
        assert_true(m.n_blocks == 0 && m.n_wrong == 0);
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
