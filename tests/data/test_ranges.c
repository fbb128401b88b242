/* Ranges of rows against a map of units: nothing handed out twice, nothing lost, all merged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/failing.h"
#include "data/kit.h"
#include "data/ranges.h"

enum { MAX_UNITS = 4096, MAX_HELD = 512 };

typedef struct held {
    int32_t first, n;
} held;

static int32_t longest_run(const uint8_t *used, int32_t n_units)
{
    int32_t best = 0, run = 0;
    for (int32_t i = 0; i < n_units; i++) {
        run = used[i] ? 0 : run + 1;
        best = run > best ? run : best;
    }
    return best;
}

static void test_against_map(void **state)
{
    (void)state;
    ath_context *ctx = NULL;
    assert_int_equal(ath_context_create(NULL, &ctx), ATH_OK);
    for (uint64_t seed = 1; seed <= 6; seed++) {
        static uint8_t used[MAX_UNITS];
        static held holds[MAX_HELD];
        ath__ranges r;
        uint64_t rng = seed;
        int32_t n_held = 0, n_units = 0, n_used = 0;
        memset(used, 0, sizeof used);
        ath__ranges_init(&r);
        assert_int_equal(ath__ranges_take(&r, 1), -1);
        for (int step = 0; step < 20000; step++) {
            const int32_t what = kit_below(&rng, 100);
            if (what < 1 && n_units < MAX_UNITS) {
                n_units += kit_below(&rng, MAX_UNITS - n_units) / 4 + 1;
                assert_int_equal(ath__ranges_grow(ctx, &r, n_units), ATH_OK);
            } else if (what < 55 && n_held < MAX_HELD) {
                const int32_t n = 1 + kit_below(&rng, seed % 2 ? 12 : 300);
                const bool can = ath__ranges_can_take(&r, n);
                const int32_t first = ath__ranges_take(&r, n);
                assert_int_equal(can, longest_run(used, n_units) >= n);
                assert_int_equal(first >= 0, can);
                for (int32_t i = 0; i < n && first >= 0; i++) {
                    assert_in_range(first + i, 0, n_units - 1);
                    assert_int_equal(used[first + i]++, 0);
                }
                if (first >= 0) {
                    holds[n_held++] = (held){first, n};
                    n_used += n;
                }
            } else if (n_held > 0) {
                const int32_t which = kit_below(&rng, n_held);
                const held h = holds[which];
                holds[which] = holds[--n_held];
                ath__ranges_give(&r, h.first, h.n);
                memset(used + h.first, 0, (size_t)h.n);
                n_used -= h.n;
            }
            assert_int_equal(r.n_free, n_units - n_used);
        }
        while (n_held > 0) {
            n_held--;
            ath__ranges_give(&r, holds[n_held].first, holds[n_held].n);
        }
        assert_int_equal(ath__ranges_take(&r, n_units), 0); /* one whole range again */
        ath__ranges_reset(&r);
        assert_int_equal(r.n_free, n_units);
        assert_int_equal(ath__ranges_take(&r, n_units), 0);
        ath__ranges_free(ctx, &r);
    }
    ath_context_destroy(&ctx);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    failing f = {0};
    ath_context_config config = failing_config(&f);
    ath_context *ctx = NULL;
    ath__ranges r;
    assert_int_equal(ath_context_create(&config, &ctx), ATH_OK);
    ath__ranges_init(&r);
    assert_int_equal(ath__ranges_grow(ctx, &r, 10), ATH_OK);
    assert_int_equal(ath__ranges_take(&r, 4), 0);
    f.n_calls = 0;
    f.fail_at = 1;
    assert_int_equal(ath__ranges_grow(ctx, &r, 20), ATH_E_NO_MEMORY);
    assert_int_equal(r.n_units, 10);
    assert_int_equal(r.n_free, 6);
    assert_int_equal(ath__ranges_take(&r, 6), 4);
    ath__ranges_free(ctx, &r);
    ath_context_destroy(&ctx);
    assert_int_equal(f.n_blocks, 0);
    assert_int_equal(f.n_wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_map),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
