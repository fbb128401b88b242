/* What a campaign promises while it is stopped and goes on, while its files are damaged, lost or
 * not its own, and while the disk is full at the end: the same records, each once, with the bits of
 * the run that nothing has disturbed. What it survives besides: test_campaign_crash.c.
 */
#include "campaign/campaign_rig.h"
#include "data/container.h"

#include <sys/wait.h>
#include <unistd.h>

/* ---- as it should be ---- */

static void test_whole(void **state)
{
    disk d = {0};
    rig r = {0};
    const rig_plan plan = {0};
    const rig_outcome *all = rig_reference(false);
    int states[ATH_N_STATES] = {0}, stages[2] = {0};
    (void)state;
    for (int i = 0; i < all->n; i++) {
        states[all->records[i].r.state]++;
        stages[all->records[i].r.stage] += all->records[i].r.has_system;
        assert_int_equal(all->records[i].r.frame, i);
        assert_string_equal(all->records[i].file, i == RIG_BROKEN ? "" : "in.xyz");
    }
    assert_int_equal(states[ATH_STATE_REJECTED], 2);
    assert_int_equal(states[ATH_STATE_QUARANTINED], 1);
    assert_int_equal(states[ATH_STATE_FINISHED], RIG_SYSTEMS - 3);
    assert_int_equal(stages[0], 1);
    assert_int_equal(all->records[RIG_POISONED].r.stage, 0);
    assert_non_null(strstr(all->records[RIG_BROKEN].text, "structure 9 is broken"));
    assert_non_null(strstr(all->records[RIG_ALIEN].text, "does not take this system"));
    assert_int_equal(rig_process(&r, &d, &plan), ATH_OK);
    assert_true(r.n_hooked > 30 && r.n_evaluated > 100 && r.n_progress > 15);
    assert_false(r.resumed);
    assert_int_equal(rig_process(&r, &d, &plan), ATH_OK); /* it is done: nothing is computed */
    assert_int_equal(r.n_evaluated, 0);
    rig_ended_well(&d, false);
    disk_free(&d);
}

/* Stopped once at every step, and again at every k-th by a process each; groups of any size. */
static void test_stopped(void **state)
{
    int n = 0, stops = 0;
    (void)state;
    for (int64_t at = 1;; at++) {
        disk d = {0};
        rig r = {0};
        const rig_plan plan = {.stop_at = at, .group = 1 + (int)(at % 5)};
        const ath_status status = rig_process(&r, &d, &plan);
        if (status == ATH_OK) { /* it was at its end before */
            disk_free(&d);
            break;
        }
        assert_int_equal(status, ATH_AGAIN);
        assert_true(disk_find(&d, "c/checkpoint.1") && !disk_find(&d, "c/checkpoint.0"));
        const rig_plan on = {0};
        assert_int_equal(rig_process(&r, &d, &on), ATH_OK);
        assert_true(r.resumed && r.has_note);
        rig_ended_well(&d, false);
        disk_free(&d);
        n++;
    }
    for (int64_t every = 1; every < 12; every++) {
        disk d = {0};
        rig r = {0};
        const rig_plan plan = {.stop_at = every, .group = (int)every};
        while (rig_process(&r, &d, &plan) == ATH_AGAIN) {
            stops++;
        }
        rig_ended_well(&d, false);
        disk_free(&d);
    }
    assert_true(n > 30 && stops > 80);
    print_message("stopped at each of %d steps, and %d times in between\n", n, stops);
}

/* Stopped and gone on in one process: nothing is made twice, and all is counted. */
static void test_stopped_within(void **state)
{
    disk d = {0}, e = {0};
    rig r = {0}, whole = {0};
    const rig_plan plan = {.stop_every = 3, .group = 1}, none = {0};
    ath_dynamics_stats stats = {0};
    ath_campaign_balance b = {.size = sizeof b};
    (void)state;
    assert_int_equal(rig_open(&r, &d, &plan), ATH_OK);
    assert_int_equal(rig_resume(&r), ATH_OK);
    assert_int_equal(rig_run(&r), ATH_OK);
    assert_int_equal(ath_campaign_weigh(r.campaign, r.dyn, &b), ATH_OK);
    assert_int_equal(ath_dynamics_get_stats(r.dyn, &stats), ATH_OK);
    assert_int_equal(b.n_in, RIG_SYSTEMS);
    assert_int_equal(b.n_done, RIG_SYSTEMS);
    assert_int_equal(b.n_records, RIG_SYSTEMS);
    assert_int_equal(b.n_open, 0);
    assert_true(b.n_checkpoints >= 10 && b.checkpoint_seconds > 0.0);
    rig_close(&r);
    rig_ended_well(&d, false);
    assert_int_equal(rig_open(&whole, &e, &none), ATH_OK);
    assert_int_equal(rig_resume(&whole), ATH_OK);
    assert_int_equal(rig_run(&whole), ATH_OK);
    const int64_t steps = stats.system_steps;
    assert_int_equal(ath_dynamics_get_stats(whole.dyn, &stats), ATH_OK);
    assert_int_equal(steps, stats.system_steps);
    rig_close(&whole);
    disk_free(&d);
    disk_free(&e);
}

/* By the clock: with no time between them there is at least one, and what is left is the same. */
static void test_by_the_clock(void **state)
{
    disk d = {0};
    rig r = {0};
    const rig_plan plan = {.checkpoint_seconds = 1e-9, .stop_at = 30, .level = 2};
    const rig_plan on = {0};
    (void)state;
    assert_int_equal(rig_process(&r, &d, &plan), ATH_AGAIN);
    assert_non_null(disk_find(&d, "c/checkpoint.1"));
    assert_int_equal(rig_process(&r, &d, &on), ATH_OK);
    assert_true(r.resumed);
    rig_ended_well(&d, false);
    disk_free(&d);
}

/* The second time it is asked to stop nothing is written but what was put. */
static void test_stopped_at_once(void **state)
{
    (void)state;
    for (int64_t at = 1; at < 30; at++) {
        disk d = {0};
        rig r = {0};
        const rig_plan plan = {.stop_at = at, .level = 2}, on = {0};
        assert_int_equal(rig_process(&r, &d, &plan), ATH_AGAIN);
        assert_null(disk_find(&d, "c/checkpoint.1"));
        assert_int_equal(rig_process(&r, &d, &on), ATH_OK);
        assert_true(!r.resumed && !r.has_note);
        rig_ended_well(&d, false);
        disk_free(&d);
    }
}

/* After a crash the journal is ahead of the checkpoint. Another one is written before what is known
 * has come by again, and the campaign is stopped there: the books still add up. */
static void test_stopped_behind_the_journal(void **state)
{
    int n = 0;
    (void)state;
    for (int64_t first = 2; first < 20; first++) {
        for (int64_t at = first + 1; at < 32; at += 2) {
            disk d = {0};
            rig r = {0};
            const rig_plan one = {.stop_at = first, .group = 1};
            const rig_plan two = {.stop_at = at - first, .level = 2, .group = 1};
            const rig_plan three = {.stop_first = true, .group = 1}, on = {0};
            assert_int_equal(rig_process(&r, &d, &one), ATH_AGAIN);
            assert_int_equal(rig_process(&r, &d, &two), ATH_AGAIN);
            assert_int_equal(rig_process(&r, &d, &three), ATH_AGAIN);
            assert_int_equal(rig_process(&r, &d, &on), ATH_OK);
            rig_ended_well(&d, false);
            disk_free(&d);
            n++;
        }
    }
    print_message("%d campaigns stopped behind their journal\n", n);
}

/* A sampler that chooses: systems come in another order after a crash, and what is refused is
 * refused once nevertheless. */
static void test_by_size(void **state)
{
    rig_plan one = {.group = 1, .by_size = true}, on = {.by_size = true};
    int n = 0;
    (void)state;
    for (one.max_atoms = on.max_atoms = 6; one.max_atoms < 20; one.max_atoms++, on.max_atoms++) {
        for (one.stop_at = 1; one.stop_at < 26; one.stop_at += 3) {
            for (int64_t at = 4; at < 14; at += 3, n++) {
                disk d = {0};
                rig r = {0};
                rig_plan two = one, three = on;
                two.stop_at = at;
                two.level = 2;
                three.stop_first = true;
                assert_int_equal(rig_process(&r, &d, &one), ATH_AGAIN);
                assert_int_equal(rig_process(&r, &d, &two), ATH_AGAIN);
                assert_int_equal(rig_process(&r, &d, &three), ATH_AGAIN);
                assert_int_equal(rig_process(&r, &d, &on), ATH_OK);
                rig_ended_well(&d, true);
                disk_free(&d);
            }
        }
    }
    print_message("%d campaigns whose sampler chooses\n", n);
}

/* ---- others ---- */

static void test_two_processes(void **state)
{
    disk d = {0};
    rig a = {0}, b = {0};
    const rig_plan plan = {0};
    (void)state;
    assert_int_equal(rig_open(&a, &d, &plan), ATH_OK);
    failing memory = {0};
    ath_context_config config = failing_config(&memory);
    disk_io(&d, &config.io);
    assert_int_equal(ath_context_create(&config, &b.ctx), ATH_OK);
    b.plan = plan;
    assert_int_equal(rig_make_sampler(&b), ATH_OK);
    assert_int_equal(rig_open_campaign(&b), ATH_E_STATE);
    assert_null(b.campaign);
    assert_non_null(strstr(ath_context_message(b.ctx), "another process"));
    assert_int_equal(rig_resume(&a), ATH_OK);
    assert_int_equal(rig_run(&a), ATH_OK);
    rig_close(&a);
    assert_int_equal(rig_open_campaign(&b), ATH_OK); /* the lock is gone */
    ath_campaign_close(&b.campaign);
    ath_sampler_destroy(&b.source);
    ath_context_destroy(&b.ctx);
    assert_int_equal(memory.n_blocks, 0);
    rig_ended_well(&d, false);
    disk_free(&d);
}

static void test_another_campaign(void **state)
{
    disk d = {0};
    rig r = {0};
    const rig_plan plan = {.stop_at = 9, .identity = {7, 8}}, other = {.identity = {7, 9}};
    (void)state;
    assert_int_equal(rig_process(&r, &d, &plan), ATH_AGAIN);
    assert_int_equal(rig_open(&r, &d, &other), ATH_E_EXISTS);
    assert_non_null(strstr(ath_context_message(r.ctx), "another campaign"));
    assert_null(r.campaign);
    rig_close(&r);
    rig_finish(&d, &plan); /* whose identity is any */
    disk_free(&d);
}

/* A checkpoint whose input, model or settings are not those of the dynamics is refused, and nothing
 * is changed. */
static void test_another_input(void **state)
{
    disk d = {0};
    rig r = {0};
    const rig_plan plan = {.stop_at = 9}, other = {.all_poisoned = true}, on = {0};
    (void)state;
    assert_int_equal(rig_process(&r, &d, &plan), ATH_AGAIN);
    assert_int_equal(rig_process(&r, &d, &other), ATH_E_FORMAT);
    assert_int_equal(rig_process(&r, &d, &on), ATH_OK);
    rig_ended_well(&d, false);
    disk_free(&d);
}

/* A campaign on real files that has come to its end, which is taken away. */
static void real_ended_well(const char *folder)
{
    static rig_outcome got;
    char command[64];
    rig_outcome_of(NULL, folder, true, &got);
    rig_same(&got, rig_reference(false));
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

/* On real files, with the lock of the operating system. */
static void test_real_files(void **state)
{
    char folder[] = "/tmp/athanor_campaign_XXXXXX";
    rig r = {0}, b = {0};
    (void)state;
    assert_non_null(mkdtemp(folder));
    const rig_plan plan = {.stop_at = 4, .folder = folder, .group = 2};
    int n = 0;
    ath_status status;
    do {
        assert_int_equal(rig_open(&r, NULL, &plan), ATH_OK);
        assert_int_equal(rig_open(&b, NULL, &plan), ATH_E_STATE);
        rig_close(&b);
        assert_int_equal(rig_resume(&r), ATH_OK);
        assert_int_equal(r.resumed, n > 0);
        status = rig_run(&r);
        rig_close(&r);
        n++;
    } while (status == ATH_AGAIN);
    assert_int_equal(status, ATH_OK);
    assert_true(n > 8);
    real_ended_well(folder);
}

/* Processes that are killed at any time, until one comes to the end. */
static void test_killed_by_signal(void **state)
{
    const char *full = getenv("ATH_TEST_FULL");
    const int wanted = full && *full && strcmp(full, "0") != 0 ? 2000 : 60;
    int killed = 0, runs = 0;
    uint64_t x = 9;
    (void)state;
    (void)rig_reference(false);
    for (; killed < wanted; runs++) {
        char folder[] = "/tmp/athanor_campaign_XXXXXX";
        assert_non_null(mkdtemp(folder));
        const rig_plan plan = {.stop_every = 3, .folder = folder};
        int how = 0, tries = 0;
        for (bool ended = false; !ended;) {
            rig r = {0};
            const pid_t child = fork();
            assert_true(child >= 0);
            if (child == 0) {
                _exit(rig_process(&r, NULL, &plan) == ATH_OK ? 0 : 1);
            }
            x = x * 6364136223846793005u + 1442695040888963407u;
            /* longer and longer: it is to end on a slow machine, too */
            (void)usleep((useconds_t)(200 + (x >> 33) % (30000 + 3000 * (uint64_t)tries++)));
            (void)kill(child, SIGKILL);
            assert_int_equal(waitpid(child, &how, 0), child);
            ended = WIFEXITED(how);
            killed += !ended;
        }
        assert_int_equal(WEXITSTATUS(how), 0);
        real_ended_well(folder);
    }
    assert_true(runs >= 1);
    print_message("%d processes killed in %d campaigns\n", killed, runs);
}

/* ---- lost and damaged ---- */

/* Flips a bit of a file. */
static void flip(disk *d, const char *name, size_t at)
{
    disk_file *f = disk_find(d, name);
    assert_true(f && at < f->size);
    f->data[at] ^= (uint8_t)(1u << (at % 8));
}

/* Records that the journal loses are made again, with the same bits, and no others: without a
 * checkpoint the steps that are made are those of the lost ones. */
static void lost_run(const disk *whole, const char *name, size_t at)
{
    disk d;
    rig r = {0};
    const rig_plan plan = {0};
    ath_dynamics_stats stats = {0};
    static rig_outcome before;
    disk_copy(whole, &d);
    flip(&d, name, at);
    assert_int_equal(rig_open(&r, &d, &plan), ATH_OK);
    rig_read(ath_campaign_journal(r.campaign), r.ctx, true, &before);
    int64_t steps = 0;
    for (int i = 0; i < RIG_SYSTEMS; i++) {
        steps += rig_reference(false)->records[i].age;
    }
    for (int i = 0; i < before.n; i++) {
        steps -= before.records[i].age;
    }
    assert_true(before.n >= RIG_SYSTEMS - 1);
    assert_int_equal(rig_resume(&r), ATH_OK);
    assert_false(r.resumed);
    assert_int_equal(rig_run(&r), ATH_OK);
    assert_int_equal(ath_dynamics_get_stats(r.dyn, &stats), ATH_OK);
    assert_int_equal(stats.system_steps, steps);
    rig_close(&r);
    rig_ended_well(&d, false);
    disk_free(&d);
}

static void test_lost_records(void **state)
{
    disk d = {0};
    rig r = {0};
    const rig_plan plan = {0};
    int n = 0;
    (void)state;
    assert_int_equal(rig_process(&r, &d, &plan), ATH_OK);
    for (int k = 1; k < 9; k++) {
        char name[DISK_NAME];
        snprintf(name, sizeof name, "c/journal/%08d.journal", k);
        const disk_file *f = disk_find(&d, name);
        for (size_t at = 7; f && at < f->size; at += 101, n++) {
            lost_run(&d, name, at);
        }
    }
    disk_free(&d);
    assert_true(n > 100);
    print_message("%d journals lost a record\n", n);
}

/* The same with checkpoints, which count on records that are lost, or do not. */
static void test_lost_records_and_checkpoints(void **state)
{
    disk whole = {0};
    rig r = {0};
    const rig_plan plan = {.stop_every = 7, .group = 2, .stop_at = 30, .level = 2}, on = {0};
    int used = 0, passed = 0;
    (void)state;
    assert_int_equal(rig_process(&r, &whole, &plan), ATH_AGAIN);
    const char *name = "c/journal/00000001.journal";
    const size_t size = disk_find(&whole, name)->size;
    for (size_t at = 11; at < size; at += 61) {
        disk d;
        disk_copy(&whole, &d);
        flip(&d, name, at);
        assert_int_equal(rig_process(&r, &d, &on), ATH_OK);
        used += r.resumed;
        passed += !r.resumed;
        rig_ended_well(&d, false);
        disk_free(&d);
    }
    disk_free(&whole);
    assert_true(used > 5 && passed > 5);
    print_message("%d journals lost a record that a checkpoint counts on, %d one that none does\n",
                  passed, used);
}

/* Step count at which the campaign on this disk would go on; -1: from the beginning. Goes on to the
 * end if that is wanted. */
static int64_t resumed_at(disk *d, bool to_end)
{
    rig r = {0};
    const rig_plan plan = {0};
    assert_int_equal(rig_open(&r, d, &plan), ATH_OK);
    assert_int_equal(ath_campaign_resume(r.campaign, r.dyn, r.device, &r.resumed), ATH_OK);
    assert_int_equal(r.resumed, r.has_note);
    const int64_t at = r.resumed ? ath_dynamics_step_count(r.dyn) : -1;
    rig_close(&r);
    if (to_end) {
        rig_finish(d, &plan);
    }
    return at;
}

/* The newer checkpoint counts on a record that is lost, the older one does not: it is not the older
 * one that is written over. */
static void older_run(const disk *whole, const char *name, size_t at, int *n)
{
    const rig_plan on = {.stop_first = true};
    disk d, was;
    rig r = {0};
    disk_copy(whole, &d);
    flip(&d, name, at);
    if (resumed_at(&d, false) == 21) {
        disk_copy(&d, &was);
        assert_int_equal(rig_process(&r, &d, &on), ATH_AGAIN);
        for (int k = 0; k < 2; k++) {
            const char *which = k ? "c/checkpoint.1" : "c/checkpoint.0";
            const disk_file *a = disk_find(&was, which), *b = disk_find(&d, which);
            const bool same = a->size == b->size && !memcmp(a->data, b->data, a->size);
            assert_int_equal(same, k == 1);
        }
        disk_free(&was);
        rig_finish(&d, &on);
        (*n)++;
    }
    disk_free(&d);
}

static void test_older_is_kept(void **state)
{
    disk whole = {0};
    rig r = {0};
    const rig_plan plan = {.stop_every = 7, .group = 2, .stop_at = 30, .level = 2};
    int n = 0;
    (void)state;
    assert_int_equal(rig_process(&r, &whole, &plan), ATH_AGAIN);
    assert_int_equal(resumed_at(&whole, false), 28);
    for (int k = 1; k < 5; k++) {
        char name[DISK_NAME];
        snprintf(name, sizeof name, "c/journal/%08d.journal", k);
        const disk_file *f = disk_find(&whole, name);
        for (size_t at = 11; f && at < f->size; at += 61) {
            older_run(&whole, name, at, &n);
        }
    }
    disk_free(&whole);
    assert_true(n > 5);
}

/* One generation is damaged at each byte, then cut at each length; the other one or the start is
 * what it goes on from. */
static int damage_run(const disk *whole, const char *name, int64_t instead)
{
    disk d;
    disk_copy(whole, &d);
    const size_t size = disk_find(&d, name)->size;
    disk_free(&d);
    for (size_t k = 0; k < 2 * size; k++) {
        disk_copy(whole, &d);
        if (k < size) {
            flip(&d, name, k);
        } else {
            disk_find(&d, name)->size = k - size;
        }
        assert_int_equal(resumed_at(&d, k % 401 == 0), instead);
        disk_free(&d);
    }
    return (int)(2 * size);
}

static void test_damaged_checkpoints(void **state)
{
    disk d = {0};
    rig r = {0};
    const rig_plan plan = {.stop_every = 9, .stop_at = 23, .level = 2, .n = 12};
    int n = 0;
    (void)state;
    assert_int_equal(rig_process(&r, &d, &plan), ATH_AGAIN);
    assert_int_equal(resumed_at(&d, false), 18);
    n += damage_run(&d, "c/checkpoint.0", 9); /* the newer one */
    n += damage_run(&d, "c/checkpoint.1", 18);
    disk_file *f = disk_find(&d, "c/checkpoint.0");
    f->size = 100;
    for (size_t at = 0; at < disk_find(&d, "c/checkpoint.1")->size; at += 71, n++) {
        disk both;
        disk_copy(&d, &both);
        flip(&both, "c/checkpoint.1", at);
        assert_int_equal(resumed_at(&both, at % 5 == 0), -1);
        disk_free(&both);
    }
    disk_free(&d);
    print_message("%d damaged checkpoints\n", n);
}

/* A section whose bytes were changed: its checksums are made right. */
static void mend(uint8_t *section, size_t bytes)
{
    ath__le_put32(section + 24, ath__crc32c(0, section + ATH__SECTION_HEAD, bytes));
    ath__le_put32(section + 28, ath__crc32c(0, section, 28));
}

/* Sections of a newer version are refused, each of them, with a message, and nothing is changed. */
static void test_newer(void **state)
{
    disk whole = {0};
    rig r = {0};
    const rig_plan plan = {.stop_at = 15}, on = {0};
    int n = 0;
    (void)state;
    assert_int_equal(rig_process(&r, &whole, &plan), ATH_AGAIN);
    const disk_file *f = disk_find(&whole, "c/checkpoint.1");
    ath__head head;
    for (size_t at = ATH__CONTAINER_HEAD; at < f->size;
         at += ATH__SECTION_HEAD + (size_t)head.length) {
        disk d;
        assert_true(ath__head_read(f->data + at, ATH__MARK_SECTION, &head));
        if (head.a == ATH_SECTION_END) {
            continue;
        }
        disk_copy(&whole, &d);
        uint8_t *p = disk_find(&d, "c/checkpoint.1")->data + at;
        uint8_t *version = p + 8;
        if (head.a == ATH_SECTION_PACKET) { /* says it itself, under a checksum of its own */
            version = p + ATH__SECTION_HEAD + 4;
            ath__le_put32(version, 99);
            ath__le_put32(p + ATH__SECTION_HEAD + 28, ath__crc32c(0, p + ATH__SECTION_HEAD, 28));
        } else {
            ath__le_put32(version, 99);
        }
        mend(p, (size_t)head.length);
        assert_int_equal(rig_open(&r, &d, &on), ATH_OK);
        assert_int_equal(rig_resume(&r), ATH_E_UNSUPPORTED);
        assert_non_null(strstr(ath_context_message(r.ctx), "newer"));
        rig_close(&r);
        memcpy(disk_find(&d, "c/checkpoint.1")->data, f->data, f->size);
        rig_finish(&d, &on);
        disk_free(&d);
        n++;
    }
    disk_free(&whole);
    assert_int_equal(n, 5);
}

/* ---- limits ---- */

static void test_quarantine_share(void **state)
{
    (void)state;
    for (int few = 0; few < 2; few++) {
        disk d = {0};
        rig r = {0};
        const rig_plan plan = {.n = few ? 20 : 40, .all_poisoned = true, .share = 0.5, .group = 1};
        const ath_status status = rig_open(&r, &d, &plan);
        assert_int_equal(status, ATH_OK);
        assert_int_equal(rig_resume(&r), ATH_OK);
        /* of 20 there are 18 in the end: too few to be judged */
        assert_int_equal(rig_run(&r), few ? ATH_OK : ATH_E_STATE);
        assert_true(few || strstr(ath_context_message(r.ctx), "were quarantined"));
        rig_close(&r);
        disk_free(&d);
    }
}

enum room { ROOM, FULL, FULL_WITHOUT };

/* The disk is full when the campaign is asked to stop: the room that was kept is used for the
 * checkpoint and for what is committed before it, also if an earlier process has kept it. Without
 * that room there is no checkpoint, and the one before serves. */
static void reserve_run(int64_t at, bool again, enum room room)
{
    disk d = {0};
    rig r = {0};
    const rig_plan plan = {.stop_at = at, .stop_every = again ? 0 : 5, .group = 100};
    const rig_plan first = {.stop_at = 5}, on = {0};
    if (again) {
        assert_int_equal(rig_process(&r, &d, &first), ATH_AGAIN);
    }
    assert_int_equal(rig_open(&r, &d, &plan), ATH_OK);
    assert_int_equal(rig_resume(&r), ATH_OK);
    if (!again) {
        assert_int_equal(ath_campaign_run(r.campaign, r.dyn), ATH_AGAIN);
    }
    const int64_t before = ath_dynamics_step_count(r.dyn);
    disk_file *kept = disk_find(&d, "c/reserve");
    assert_true(kept && kept->reserved > 10000);
    kept->reserved = room == FULL_WITHOUT ? 0 : kept->reserved;
    for (int i = 0; i < DISK_FILES; i++) { /* what a journal asks for beside */
        disk_file *f = &d.files[i];
        f->reserved = f == kept ? f->reserved : 0;
    }
    d.limit = room == ROOM ? 0 : disk_used(&d);
    r.plan.stop_every = r.stop = 0;
    assert_int_equal(ath_campaign_run(r.campaign, r.dyn), ATH_AGAIN);
    ath_campaign_balance b = {.size = sizeof b};
    assert_int_equal(ath_campaign_weigh(r.campaign, r.dyn, &b), ATH_OK);
    assert_int_equal(b.n_checkpoints, !again + (room != FULL_WITHOUT));
    const int64_t step = ath_dynamics_step_count(r.dyn);
    assert_true(step > before);
    rig_close(&r);
    d.limit = 0;
    assert_int_equal(resumed_at(&d, false), room == FULL_WITHOUT ? before : step);
    assert_int_equal(rig_process(&r, &d, &on), ATH_OK);
    rig_ended_well(&d, false);
    disk_free(&d);
}

static void test_reserve(void **state)
{
    (void)state;
    for (int64_t at = 6; at < 24; at++) {
        for (int room = ROOM; room <= FULL_WITHOUT; room++) {
            reserve_run(at, false, (enum room)room);
            reserve_run(at, true, (enum room)room);
        }
    }
}

/* Full at the very end, when all is computed: it is said, and the rest is written when there is
 * room. */
static void test_full_at_the_end(void **state)
{
    disk d = {0};
    rig r = {0};
    const rig_plan plan = {.group = 100}, on = {0};
    (void)state;
    assert_int_equal(rig_open(&r, &d, &plan), ATH_OK);
    assert_int_equal(rig_resume(&r), ATH_OK);
    d.limit = disk_used(&d) + 2000; /* room for the lines, none for the records */
    assert_int_equal(rig_run(&r), ATH_AGAIN);
    assert_true(ath_dynamics_done(r.dyn));
    assert_int_equal(rig_run(&r), ATH_AGAIN);
    d.limit = 0;
    const int64_t evaluated = r.n_evaluated;
    assert_int_equal(rig_run(&r), ATH_OK);
    assert_int_equal(r.n_evaluated, evaluated);
    rig_close(&r);
    rig_ended_well(&d, false);
    assert_int_equal(rig_process(&r, &d, &on), ATH_OK);
    disk_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_stopped_within),
        cmocka_unit_test(test_by_the_clock),
        cmocka_unit_test(test_stopped_at_once),
        cmocka_unit_test(test_stopped_behind_the_journal),
        cmocka_unit_test(test_by_size),
        cmocka_unit_test(test_two_processes),
        cmocka_unit_test(test_another_campaign),
        cmocka_unit_test(test_another_input),
        cmocka_unit_test(test_real_files),
        cmocka_unit_test(test_killed_by_signal),
        cmocka_unit_test(test_lost_records),
        cmocka_unit_test(test_lost_records_and_checkpoints),
        cmocka_unit_test(test_older_is_kept),
        cmocka_unit_test(test_damaged_checkpoints),
        cmocka_unit_test(test_newer),
        cmocka_unit_test(test_quarantine_share),
        cmocka_unit_test(test_reserve),
        cmocka_unit_test(test_full_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
