/* The thread team: every member runs every region once, members meet, results are visible, sleepers
 * wake, failures to start threads are cleaned up, regions are cheap.
 *
 * Linked with --wrap=pthread_create, so that the n-th start of a thread can fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/failing.h"
#include "base/team.h"

static failing team_failing;
static int team_starts, team_fail_at; /* calls of pthread_create; the one that fails, 0: none */

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *arg);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *arg)
{
    if (++team_starts == team_fail_at) {
        return EAGAIN;
    }
    return __real_pthread_create(thread, attributes, start, arg);
}

static int team_setup(void **state)
{
    team_failing = (failing){0};
    team_starts = team_fail_at = 0;
    ath_context_config config = failing_config(&team_failing);
    return ath_context_create(&config, (ath_context **)state);
}

static int team_teardown(void **state)
{
    ath_context_destroy((ath_context **)state);
    return team_failing.n_blocks != 0 || team_failing.n_wrong != 0;
}

static const int32_t team_sizes[] = {1, 2, 3, 7};
enum { TEAM_N_SIZES = 4, TEAM_MOST = 16 };

typedef struct team_work {
    int64_t counts[TEAM_MOST]; /* written by one member each, without atomics */
    int64_t value;             /* written by the caller between regions */
    int64_t seen[TEAM_MOST];
    atomic_int ticket;
    atomic_int taken[1000];
} team_work;

static void team_count(void *arg, int32_t member)
{
    team_work *w = arg;
    w->counts[member]++;
    w->seen[member] = w->value;
}

static double team_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void test_every_member_runs(void **state)
{
    ath_context *ctx = *state;
    for (int s = 0; s < TEAM_N_SIZES; s++) {
        ath__team *team;
        int32_t n = team_sizes[s];
        assert_int_equal(ath__team_create(ctx, n, &team), ATH_OK);
        assert_int_equal(ath__team_size(team), n);
        team_work w = {0};
        int n_regions = n > 3 ? 2000 : 20000;
        for (int i = 0; i < n_regions; i++) {
            w.value = i;
            ath__team_run(team, team_count, &w);
            for (int32_t m = 0; m < n; m++) {
                assert_int_equal(w.counts[m], i + 1);
                assert_int_equal(w.seen[m], i);
            }
        }
        ath__team_destroy(&team);
        assert_null(team);
        ath__team_destroy(&team);
        for (int32_t m = n; m < TEAM_MOST; m++) {
            assert_int_equal(w.counts[m], 0);
        }
    }
    ath__team_destroy(NULL);
}

static void team_take(void *arg, int32_t member)
{
    team_work *w = arg;
    for (int i; (i = atomic_fetch_add(&w->ticket, 1)) < 1000;) {
        atomic_fetch_add(&w->taken[i], 1);
        w->counts[member]++;
    }
}

static void test_tickets(void **state)
{
    ath_context *ctx = *state;
    for (int s = 0; s < TEAM_N_SIZES; s++) {
        ath__team *team;
        assert_int_equal(ath__team_create(ctx, team_sizes[s], &team), ATH_OK);
        for (int round = 0; round < 50; round++) {
            team_work w = {0};
            ath__team_run(team, team_take, &w);
            int64_t sum = 0;
            for (int m = 0; m < TEAM_MOST; m++) {
                sum += w.counts[m];
            }
            assert_int_equal(sum, 1000);
            for (int i = 0; i < 1000; i++) {
                assert_int_equal(w.taken[i], 1);
            }
        }
        ath__team_destroy(&team);
    }
}

/* One member, a different one each time, is late: the others have gone to sleep by then. Between
 * regions all workers sleep too. */
static void team_dawdle(void *arg, int32_t member)
{
    team_work *w = arg;
    if (member == w->value) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    w->counts[member]++;
}

static void test_sleepers_wake(void **state)
{
    ath_context *ctx = *state;
    for (int s = 1; s < TEAM_N_SIZES; s++) {
        ath__team *team;
        int32_t n = team_sizes[s];
        assert_int_equal(ath__team_create(ctx, n, &team), ATH_OK);
        team_work w = {0};
        for (int i = 0; i < 40; i++) {
            w.value = i % (n + 1); /* n: nobody */
            ath__team_run(team, team_dawdle, &w);
            for (int32_t m = 0; m < n; m++) {
                assert_int_equal(w.counts[m], i + 1);
            }
            if (i % 2) {
                nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
            }
        }
        ath__team_destroy(&team);
    }
}

typedef struct team_rounds {
    ath__team *team;
    int64_t n_rounds, late_every; /* one member sleeps in every such round; 0: never */
    int64_t counts[TEAM_MOST];    /* written by one member each, read by all */
    int64_t n_unseen[TEAM_MOST];  /* counts of others that were not those of the round */
} team_rounds;

/* Two meetings per round: between them everybody reads what everybody has written. */
static void team_meet_often(void *arg, int32_t member)
{
    team_rounds *r = arg;
    const int32_t n = ath__team_size(r->team);
    for (int64_t i = 1; i <= r->n_rounds; i++) {
        if (r->late_every && i % r->late_every == 0 && i / r->late_every % n == member) {
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        }
        r->counts[member]++;
        ath__team_meet(r->team);
        for (int32_t m = 0; m < n; m++) {
            r->n_unseen[member] += r->counts[m] != i;
        }
        ath__team_meet(r->team);
    }
}

/* Over several regions, with nobody late, now and then somebody, and somebody each time: then all
 * others sleep. */
static void test_meetings(void **state)
{
    ath_context *ctx = *state;
    for (int s = 0; s < TEAM_N_SIZES; s++) {
        ath__team *team;
        const int32_t n = team_sizes[s];
        assert_int_equal(ath__team_create(ctx, n, &team), ATH_OK);
        for (int region = 0; region < 9; region++) {
            static const int64_t late[] = {0, 25, 1}, rounds[] = {2000, 250, 20};
            team_rounds r = {.team = team, .late_every = late[region % 3]};
            r.n_rounds = rounds[region % 3] / (n > 3 ? 4 : 1);
            ath__team_run(team, team_meet_often, &r);
            for (int32_t m = 0; m < TEAM_MOST; m++) {
                assert_int_equal(r.counts[m], m < n ? r.n_rounds : 0);
                assert_int_equal(r.n_unseen[m], 0);
            }
        }
        ath__team_destroy(&team);
    }
}

static void test_idle_team_uses_no_time(void **state)
{
    ath_context *ctx = *state;
    ath__team *team;
    assert_int_equal(ath__team_create(ctx, 3, &team), ATH_OK);
    team_work w = {0};
    ath__team_run(team, team_count, &w);
    struct timespec before, after;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    double used =
        (double)(after.tv_sec - before.tv_sec) + 1e-9 * (double)(after.tv_nsec - before.tv_nsec);
    ath__team_destroy(&team);
    assert_true(used < 0.05); /* two spinning threads would take up to 0.2 s */
}

static void test_default_size(void **state)
{
    ath_context *ctx = *state;
    ath__team *team;
    assert_int_equal(ath__team_create(ctx, 0, &team), ATH_OK);
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    assert_in_range(ath__team_size(team), 1, online > 0 ? (unsigned long)online : 1);
    ath__team_destroy(&team);
    assert_int_equal(ath__team_create(ctx, -1, &team), ATH_E_ARGUMENT);
    assert_null(team);
}

static void test_thread_does_not_start(void **state)
{
    ath_context *ctx = *state;
    for (int at = 1; at <= 6; at++) {
        ath__team *team = (ath__team *)state;
        team_starts = 0;
        team_fail_at = at;
        int64_t n_blocks = team_failing.n_blocks;
        assert_int_equal(ath__team_create(ctx, 7, &team), ATH_E_NO_MEMORY);
        assert_null(team);
        assert_int_equal(team_starts, at); /* those before it have been joined */
        assert_int_equal(team_failing.n_blocks, n_blocks);
        assert_non_null(strstr(ath_context_message(ctx), "thread"));
    }
    team_fail_at = 0;
    for (int at = 1; at <= 2; at++) {
        ath__team *team = (ath__team *)state;
        team_failing.fail_at = team_failing.n_calls + at;
        assert_int_equal(ath__team_create(ctx, 3, &team), ATH_E_NO_MEMORY);
        assert_null(team);
    }
}

static void team_look_at_signals(void *arg, int32_t member)
{
    sigset_t set;
    pthread_sigmask(SIG_SETMASK, NULL, &set);
    ((int *)arg)[member] = sigismember(&set, SIGTERM);
}

/* Signals go to the caller's threads, whose mask stays as it was. */
static void test_signals(void **state)
{
    ath_context *ctx = *state;
    ath__team *team;
    assert_int_equal(ath__team_create(ctx, 2, &team), ATH_OK);
    int blocked[2] = {-1, -1};
    ath__team_run(team, team_look_at_signals, blocked);
    ath__team_destroy(&team);
    assert_int_equal(blocked[0], 0);
    assert_int_equal(blocked[1], 1);
}

static void test_two_teams(void **state)
{
    ath_context *ctx = *state;
    ath__team *a, *b;
    assert_int_equal(ath__team_create(ctx, 2, &a), ATH_OK);
    assert_int_equal(ath__team_create(ctx, 3, &b), ATH_OK);
    team_work v = {0}, w = {0};
    for (int i = 0; i < 500; i++) {
        ath__team_run(a, team_count, &v);
        ath__team_run(b, team_count, &w);
    }
    ath__team_destroy(&a);
    ath__team_destroy(&b);
    assert_int_equal(v.counts[1], 500);
    assert_int_equal(w.counts[2], 500);
}

/* Speed is no test; but a region that costs a sleep each time would be a mistake worth a look. */
static void test_region_cost(void **state)
{
    ath_context *ctx = *state;
    ath__team *team;
    assert_int_equal(ath__team_create(ctx, 2, &team), ATH_OK);
    team_work w = {0};
    double best = 1.0;
    for (int round = 0; round < 20; round++) {
        double begin = team_seconds();
        for (int i = 0; i < 200; i++) {
            ath__team_run(team, team_count, &w);
        }
        double each = (team_seconds() - begin) / 200;
        best = each < best ? each : best;
    }
    ath__team_destroy(&team);
    print_message("a region of two members: %.2f us\n", best * 1e6);
    assert_int_equal(w.counts[1], 4000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEAM_TEST(name) cmocka_unit_test_setup_teardown(name, team_setup, team_teardown)
        TEAM_TEST(test_every_member_runs),
        TEAM_TEST(test_tickets),
        TEAM_TEST(test_sleepers_wake),
        TEAM_TEST(test_meetings),
        TEAM_TEST(test_idle_team_uses_no_time),
        TEAM_TEST(test_default_size),
        TEAM_TEST(test_thread_does_not_start),
        TEAM_TEST(test_signals),
        TEAM_TEST(test_two_teams),
        TEAM_TEST(test_region_cost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
