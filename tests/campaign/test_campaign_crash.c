/* What a campaign survives: a process that dies at any i/o call, also while it mends what another
 * has left, a disk that loses power, any call that fails, any allocation that fails, a disk that is
 * full. After each of them another process ends the campaign, and there are the same records as if
 * nothing had been: none lost, none twice, none with other bits; and the same lines in the text
 * file that grows beside. ATH_TEST_FULL=1 makes the images of a lost disk 100,000, and the rest
 * complete where else every k-th is taken.
 */
#include "campaign/campaign_rig.h"

static bool full_test(void)
{
    const char *full = getenv("ATH_TEST_FULL");
    return full && *full && strcmp(full, "0") != 0;
}

/* A checkpoint every few steps, and groups that end in between. */
static const rig_plan often = {.stop_every = 4};

static int64_t calls_of(const rig_plan *plan)
{
    disk d = {0};
    rig r = {0};
    assert_int_equal(rig_process(&r, &d, plan), ATH_OK);
    const int64_t n = d.n_calls;
    disk_free(&d);
    return n;
}

/* A process that dies at this call. */
static void die(disk *d, const rig_plan *plan, int64_t at)
{
    rig r = {0};
    d->die_at = at;
    (void)rig_process(&r, d, plan);
    d->n_calls = d->die_at = 0;
}

/* ---- death ---- */

static void killed_run(const rig_plan *plan)
{
    const int64_t calls = calls_of(plan);
    for (int64_t at = 1; at <= calls; at++) {
        disk d = {0}, left;
        die(&d, plan, at);
        disk_copy(&d, &left);
        rig_finish(&left, plan);
        disk_free(&d);
        disk_free(&left);
    }
    assert_true(calls > 150);
    print_message("killed at each of %d calls%s\n", (int)calls,
                  plan->by_size ? ", behind a sampler that chooses" : "");
}

static void test_killed(void **state)
{
    const rig_plan chosen = {.stop_every = 5, .by_size = true, .group = 1};
    (void)state;
    killed_run(&often);
    killed_run(&chosen);
}

/* One that dies, another that resumes and dies, a third that ends it; power may be lost in between.
 */
static void test_killed_while_resuming(void **state)
{
    const int64_t calls = calls_of(&often), step = full_test() ? 1 : 11;
    uint64_t random = 3;
    int n = 0;
    (void)state;
    for (int64_t first = 10; first < calls; first += step) {
        for (int64_t at = 1 + first % step; at < calls; at += 2 * step) {
            disk d = {0}, left, again;
            die(&d, &often, first);
            if (n % 2) {
                disk_crash(&d, &random, &left);
            } else {
                disk_copy(&d, &left);
            }
            die(&left, &often, at);
            if (n % 3) {
                disk_crash(&left, &random, &again);
            } else {
                disk_copy(&left, &again);
            }
            rig_finish(&again, &often);
            disk_free(&d);
            disk_free(&left);
            disk_free(&again);
            n++;
        }
    }
    assert_true(n > 100);
    print_message("killed, and killed again while resuming: %d pairs\n", n);
}

/* One disk, fifty processes that die, and one that does not. */
static void test_killed_often(void **state)
{
    uint64_t random = 17;
    (void)state;
    for (int run = 0; run < 4; run++) {
        disk d = {0}, left;
        for (int k = 0; k < 50; k++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            die(&d, &often, 20 + (int64_t)(random >> 33) % 60);
            disk_copy(&d, &left);
            disk_free(&d);
            d = left;
        }
        rig_finish(&d, &often);
        disk_free(&d);
    }
}

static void test_power_loss(void **state)
{
    const int images = full_test() ? 100000 : 300;
    const int64_t calls = calls_of(&often);
    uint64_t random = 23;
    int resumed = 0;
    (void)state;
    for (int k = 0; k < images; k++) {
        disk d = {0}, left;
        rig r = {0};
        const rig_plan on = {0};
        die(&d, &often, 1 + (7 * k) % calls);
        disk_crash(&d, &random, &left);
        assert_int_equal(rig_process(&r, &left, &on), ATH_OK);
        resumed += r.resumed;
        rig_ended_well(&left, false);
        disk_free(&d);
        disk_free(&left);
    }
    assert_true(resumed > images / 3 && resumed < images);
    print_message("%d images of a disk that lost power, %d with a checkpoint\n", images, resumed);
}

/* A process dies, another one resumes and dies or comes to its end, and then power is lost: what
 * the first has left unsynced must not take with it what the second has committed. */
static void test_power_loss_later(void **state)
{
    const int64_t calls = calls_of(&often), step = full_test() ? 1 : 3;
    uint64_t random = 37;
    int n = 0;
    (void)state;
    for (int64_t at = 1; at < calls; at += step) {
        for (int k = 0; k < 3; k++, n++) {
            disk d = {0}, left;
            static rig_outcome got;
            die(&d, &often, at);
            die(&d, &often, k == 0 ? 1000000 : 20 + 40 * k + at % 40);
            if (k == 0) {
                rig_outcome_of(&d, "c", true, &got);
                assert_int_equal(got.n, RIG_SYSTEMS);
            }
            disk_crash(&d, &random, &left);
            if (k == 0) { /* it was at its end: all of it is there */
                rig_ended_well(&left, false);
            }
            rig_finish(&left, &often);
            disk_free(&d);
            disk_free(&left);
        }
    }
    print_message("power lost %d times after a second process\n", n);
}

/* ---- faults ---- */

/* A call fails, once or for ever; then the disk is well again. */
static void fault_run(int error, bool for_ever, int64_t step)
{
    int64_t n = calls_of(&often), ended = 0, again = 0, failed = 0;
    for (int64_t at = 1; at <= n; at += step) {
        disk d = {.fail_at = at, .error = error, .for_ever = for_ever}, left;
        rig r = {0};
        const ath_status status = rig_process(&r, &d, &often);
        n = d.n_calls > n ? d.n_calls : n;
        ended += status == ATH_OK;
        again += status == ATH_AGAIN;
        failed += status < 0;
        if (error == EINTR || error == 0) {
            assert_int_equal(status, ATH_OK);
        }
        disk_copy(&d, &left);
        if (status == ATH_OK) {
            rig_ended_well(&left, false);
        }
        rig_finish(&left, &often);
        disk_free(&left);
        disk_free(&d);
    }
    print_message("%d calls fail with %s, %s: %d runs ended, %d wait, %d failed\n",
                  (int)(ended + again + failed), error ? strerror(error) : "short counts",
                  for_ever ? "for ever" : "once", (int)ended, (int)again, (int)failed);
}

static void test_faults(void **state)
{
    const int64_t step = full_test() ? 1 : 2;
    (void)state;
    fault_run(EIO, false, 1);
    fault_run(EIO, true, step);
    fault_run(ENOSPC, false, 1);
    fault_run(ENOSPC, true, step);
    fault_run(EINTR, false, step);
    fault_run(0, false, step);
    fault_run(0, true, step);
}

/* A sync that fails is not believed: power is lost after the fault. */
static void test_fault_and_power_loss(void **state)
{
    const int64_t calls = calls_of(&often);
    uint64_t random = 29;
    int n = 0;
    (void)state;
    for (int64_t at = 1; at <= calls; at += full_test() ? 1 : 2, n++) {
        disk d = {.fail_at = at, .error = EIO, .for_ever = at % 4 == 1}, left;
        rig r = {0};
        (void)rig_process(&r, &d, &often);
        disk_crash(&d, &random, &left);
        rig_finish(&left, &often);
        disk_free(&left);
        disk_free(&d);
    }
    print_message("%d calls fail before power is lost\n", n);
}

/* ---- no room ---- */

/* Power may be lost while it is full. */
static void test_full_disk(void **state)
{
    uint64_t random = 31;
    int n = 0, waited = 0, failed = 0;
    (void)state;
    for (size_t limit = 2048; limit <= 512 * 1024; n++) {
        disk d = {.limit = limit}, left;
        rig r = {0};
        const ath_status status = rig_process(&r, &d, &often);
        assert_true(status == ATH_OK || status == ATH_AGAIN || status == ATH_E_IO);
        waited += status == ATH_AGAIN;
        failed += status < 0;
        if (n % 3 == 2) {
            disk_crash(&d, &random, &left);
        } else {
            disk_copy(&d, &left);
        }
        rig_finish(&left, &often);
        disk_free(&left);
        disk_free(&d);
        limit += limit < 32768 ? 256 : limit / 8;
    }
    assert_true(waited > 30 && failed < n / 2);
    print_message("%d sizes of a disk that is full: %d runs wait, %d failed\n", n, waited, failed);
}

/* The same process goes on when there is room. */
static void test_room_comes_back(void **state)
{
    int n = 0;
    (void)state;
    for (size_t limit = 3000; limit < 40000; limit += 500) {
        disk d = {.limit = limit};
        rig r = {0};
        assert_int_equal(rig_open(&r, &d, &often), ATH_OK);
        ath_status status = rig_resume(&r);
        status = status == ATH_OK ? rig_run(&r) : status;
        if (status == ATH_AGAIN) {
            assert_int_equal(rig_run(&r), ATH_AGAIN);
            d.limit = 0;
            assert_int_equal(rig_run(&r), ATH_OK);
            n++;
        }
        rig_close(&r);
        d.limit = 0;
        rig_finish(&d, &often);
        disk_free(&d);
    }
    assert_true(n > 20);
    print_message("%d runs waited for room and went on\n", n);
}

/* ---- no memory ---- */

/* An allocation fails: what has been done stands, and another process ends it. Also while it
 * resumes from a checkpoint. */
static void memory_run(const disk *from, int64_t step)
{
    int n = 0;
    for (int64_t at = 2;; at += step, n++) {
        disk d, left;
        rig r = {.memory.fail_at = at};
        disk_copy(from, &d);
        const ath_status status = rig_process(&r, &d, &often);
        const bool done = r.memory.n_calls < at;
        assert_true(status == ATH_E_NO_MEMORY || status == ATH_OK);
        if (status == ATH_OK) {
            rig_ended_well(&d, false);
        }
        disk_copy(&d, &left);
        rig_finish(&left, &often);
        disk_free(&left);
        disk_free(&d);
        if (done) {
            break;
        }
    }
    print_message("%d allocations fail\n", n);
}

static void test_no_memory(void **state)
{
    const int64_t step = full_test() ? 1 : 5;
    disk d = {0};
    rig r = {0};
    const rig_plan plan = {.stop_at = 21};
    (void)state;
    memory_run(&d, step);
    assert_int_equal(rig_process(&r, &d, &plan), ATH_AGAIN);
    memory_run(&d, step);
    disk_free(&d);
}

/* The same process goes on after an allocation has failed, or another one that resumes from where
 * it stands: the books are right. Only a sink that was in the middle of a system takes no more, and
 * a refusal that could not be written down is seen to be missing. */
static void memory_back_run(int64_t at, int64_t n[2], bool *done)
{
    disk d = {0};
    rig r = {.memory.fail_at = at};
    ath_status status = rig_open(&r, &d, &often);
    status = status == ATH_OK ? rig_resume(&r) : status;
    if (status == ATH_OK) {
        status = rig_run(&r);
        *done = r.memory.n_calls < at;
        assert_true(status == ATH_OK || status == ATH_E_NO_MEMORY);
        if (status != ATH_OK) {
            r.plan.stop_at = at % 4 ? r.n_hooked + at % 4 : 0;
            status = rig_run(&r);
            if (status < 0 && status != (r.forgot ? ATH_E_INTERNAL : ATH_E_STATE)) {
                fail_msg("allocation %d: %s", (int)at, ath_context_message(r.ctx));
            }
            n[status >= 0]++;
        }
    }
    rig_close(&r);
    rig_finish(&d, &often);
    disk_free(&d);
}

static void test_memory_comes_back(void **state)
{
    const int64_t step = full_test() ? 1 : 7;
    int64_t n[2] = {0};
    bool done = false;
    (void)state;
    for (int64_t at = 2; !done; at += step) {
        memory_back_run(at, n, &done);
    }
    assert_true(n[1] > 30 && n[0] < n[1]);
    print_message("%d runs went on after an allocation had failed, %d could not\n", (int)n[1],
                  (int)n[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_killed_while_resuming),
        cmocka_unit_test(test_killed_often),
        cmocka_unit_test(test_power_loss),
        cmocka_unit_test(test_power_loss_later),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_fault_and_power_loss),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_room_comes_back),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_memory_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
