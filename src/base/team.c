/* The thread team.
 *
 * A region is a number: the caller sets the body, raises the number and does its own share; a
 * worker that sees a new number runs the body and counts itself off. Both sides spin for some
 * microseconds, giving way to others, and then sleep on a condition variable. Who sleeps says so
 * before it looks a last time, who wakes looks for sleepers after it has changed the number; all
 * four are sequentially consistent, so one of the two always sees the other (Dekker). Workers block
 * all signals but those of faults: handlers belong to the caller's threads. No task queue, no
 * nesting, no pinning.
 */
#include "base/team.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A sleep and a wake-up cost 10 to 80 us on virtual machines, so this pays even where there are
 * more members than processors: who spins gives way to whoever can run. */
enum { TEAM_SPIN_NS = 20000 };

typedef struct team_worker {
    ath__team *team;
    pthread_t thread;
    int32_t member;
} team_worker;

enum { TEAM_START, TEAM_FINISH, TEAM_MEETING, TEAM_GATES };

/* A place to wait until a number changes. */
typedef struct team_gate {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    atomic_int sleepers;
} team_gate;

struct ath__team {
    ath_context *ctx;
    void (*body)(void *arg, int32_t member); /* of the present region; NULL: end of the thread */
    void *arg;
    int32_t n_members, n_threads; /* with the caller; workers that exist */
    team_worker *workers;         /* [n_members - 1] */
    team_gate gates[TEAM_GATES];
    int32_t n_gates;                 /* that exist */
    _Alignas(64) atomic_uint region; /* written by the caller */
    _Alignas(64) atomic_int pending; /* workers that have not finished the region */
    _Alignas(64) atomic_int arrived; /* members that wait at the present meeting */
    _Alignas(64) atomic_uint met;    /* meetings that have taken place */
};

/* ---- waiting ---- */

static void team_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static int64_t team_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static bool team_started(const ath__team *team, unsigned seen)
{
    return atomic_load(&team->region) != seen;
}

static bool team_finished(const ath__team *team, unsigned unused)
{
    (void)unused;
    return atomic_load(&team->pending) == 0;
}

static void team_wait(ath__team *team, team_gate *gate,
                      bool (*open)(const ath__team *team, unsigned seen), unsigned seen)
{
    int64_t end = 0;
    do {
        for (int i = 0; i < 16; i++) {
            if (open(team, seen)) {
                return;
            }
            team_pause();
        }
        end = end != 0 ? end : team_now() + TEAM_SPIN_NS;
        sched_yield(); /* who is waited for may be behind us on the same processor */
    } while (team_now() < end);

    pthread_mutex_lock(&gate->mutex);
    atomic_fetch_add(&gate->sleepers, 1);
    while (!open(team, seen)) {
        pthread_cond_wait(&gate->changed, &gate->mutex);
    }
    atomic_fetch_sub(&gate->sleepers, 1);
    pthread_mutex_unlock(&gate->mutex);
}

static void team_wake(team_gate *gate)
{
    if (atomic_load(&gate->sleepers) > 0) {
        pthread_mutex_lock(&gate->mutex);
        pthread_cond_broadcast(&gate->changed);
        pthread_mutex_unlock(&gate->mutex);
    }
}

/* ---- regions ---- */

static void *team_work(void *arg)
{
    team_worker *worker = arg;
    ath__team *team = worker->team;
    for (unsigned seen = 0;; seen++) {
        team_wait(team, &team->gates[TEAM_START], team_started, seen);
        bool stop = team->body == NULL;
        if (!stop) {
            team->body(team->arg, worker->member);
        }
        if (atomic_fetch_sub(&team->pending, 1) == 1) {
            team_wake(&team->gates[TEAM_FINISH]);
        }
        if (stop) {
            return NULL;
        }
    }
}

static void team_begin(ath__team *team, void (*body)(void *arg, int32_t member), void *arg)
{
    team->body = body;
    team->arg = arg;
    atomic_store(&team->pending, team->n_threads);
    atomic_fetch_add(&team->region, 1);
    team_wake(&team->gates[TEAM_START]);
}

void ath__team_run(ath__team *team, void (*body)(void *arg, int32_t member), void *arg)
{
    if (team->n_threads > 0) {
        team_begin(team, body, arg);
    }
    body(arg, 0);
    if (team->n_threads > 0) {
        team_wait(team, &team->gates[TEAM_FINISH], team_finished, 0);
    }
}

static bool team_has_met(const ath__team *team, unsigned before)
{
    return atomic_load(&team->met) != before;
}

void ath__team_meet(ath__team *team)
{
    const unsigned before = atomic_load(&team->met); /* cannot change before the caller arrives */
    if (atomic_fetch_add(&team->arrived, 1) == team->n_threads) {
        atomic_store(&team->arrived, 0);
        atomic_fetch_add(&team->met, 1);
        team_wake(&team->gates[TEAM_MEETING]);
    } else {
        team_wait(team, &team->gates[TEAM_MEETING], team_has_met, before);
    }
}

/* ---- life ---- */

static int32_t team_processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        return CPU_COUNT(&set);
    }
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n < 4096 ? (int32_t)n : 4096;
}

int32_t ath__team_count(int32_t n_members)
{
    return n_members > 0 ? n_members : team_processors();
}

static ath_status team_start_threads(ath__team *team)
{
    sigset_t all, old;
    sigfillset(&all);
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL,
                                 SIGTRAP}; /* of the thread itself */
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        sigdelset(&all, faults[i]);
    }
    pthread_sigmask(SIG_SETMASK, &all, &old); /* inherited by the new threads */
    int error = 0;
    while (team->n_threads < team->n_members - 1) {
        team_worker *worker = &team->workers[team->n_threads];
        worker->team = team;
        worker->member = team->n_threads + 1;
        error = pthread_create(&worker->thread, NULL, team_work, worker);
        if (error != 0) {
            break;
        }
        team->n_threads++;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (error != 0) {
        return ath__fail(team->ctx, ATH_E_NO_MEMORY, "cannot start thread %d of %d (error %d)",
                         (int)team->n_threads + 1, (int)team->n_members - 1, error);
    }
    return ATH_OK;
}

static ath_status team_gate_begin(ath_context *ctx, team_gate *gate)
{
    if (pthread_mutex_init(&gate->mutex, NULL) != 0) {
        return ath__fail(ctx, ATH_E_NO_MEMORY, "cannot make a mutex");
    }
    if (pthread_cond_init(&gate->changed, NULL) != 0) {
        pthread_mutex_destroy(&gate->mutex);
        return ath__fail(ctx, ATH_E_NO_MEMORY, "cannot make a condition variable");
    }
    return ATH_OK;
}

static void team_gate_end(team_gate *gate)
{
    pthread_cond_destroy(&gate->changed);
    pthread_mutex_destroy(&gate->mutex);
}

static void team_free(ath__team *team)
{
    ath_context *ctx = team->ctx;
    while (team->n_gates > 0) {
        team_gate_end(&team->gates[--team->n_gates]);
    }
    ath__free(ctx, &team->workers, (size_t)team->n_members - 1, sizeof *team->workers);
    ath__free(ctx, &team, 1, sizeof *team);
}

ath_status ath__team_create(ath_context *ctx, int32_t n_members, ath__team **out)
{
    *out = NULL;
    if (n_members < 0) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "a team of %d threads", (int)n_members);
    }
    ath__team *team;
    ATH__TRY(ath__alloc(ctx, 1, sizeof *team, &team));
    team->ctx = ctx;
    team->n_members = n_members > 0 ? n_members : team_processors();
    ath_status status =
        ath__alloc(ctx, (size_t)team->n_members - 1, sizeof *team->workers, &team->workers);
    for (; status == ATH_OK && team->n_gates < TEAM_GATES; team->n_gates += status == ATH_OK) {
        status = team_gate_begin(ctx, &team->gates[team->n_gates]);
    }
    if (status == ATH_OK) {
        status = team_start_threads(team);
    }
    if (status != ATH_OK) {
        ath__team_destroy(&team);
        return status;
    }
    *out = team;
    return ATH_OK;
}

void ath__team_destroy(ath__team **team)
{
    if (!team || !*team) {
        return;
    }
    ath__team *t = *team;
    *team = NULL;
    if (t->n_threads > 0) {
        team_begin(t, NULL, NULL);
        for (int32_t i = 0; i < t->n_threads; i++) {
            pthread_join(t->workers[i].thread, NULL);
        }
    }
    team_free(t);
}

int32_t ath__team_size(const ath__team *team)
{
    return team->n_members;
}
