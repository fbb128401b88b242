/* Sixteen engines in sixteen threads of one process, each with its own context and some with teams
 * of their own: nothing is shared, and all of them get the same bits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "dynamics/scenarios.h"

enum { ENGINES = 16 };

typedef struct engine {
    pthread_t thread;
    int32_t number;
    const char *device;
    ath_status status;
    uint64_t sum;
} engine;

static void *engine_work(void *arg)
{
    engine *e = arg;
    char path[64];
    snprintf(path, sizeof path, "many_engines_%d.ath", (int)e->number);
    e->status = scenario_all(NULL, e->device, 1 + e->number % 3, path, &e->sum);
    (void)remove(path);
    return NULL;
}

static void test_many_engines(void **state)
{
    (void)state;
    static engine engines[ENGINES];
    uint64_t sum = 0;
    assert_int_equal(scenario_all(NULL, "host", 1, "many_engines.ath", &sum), ATH_OK);
    (void)remove("many_engines.ath");
    for (int32_t i = 0; i < ENGINES; i++) {
        engines[i] = (engine){.number = i, .device = i % 4 == 3 ? "mock" : "host"};
        assert_int_equal(pthread_create(&engines[i].thread, NULL, engine_work, &engines[i]), 0);
    }
    for (int32_t i = 0; i < ENGINES; i++) {
        assert_int_equal(pthread_join(engines[i].thread, NULL), 0);
        assert_int_equal(engines[i].status, ATH_OK);
        assert_true(engines[i].sum == sum && sum != 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_many_engines)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
