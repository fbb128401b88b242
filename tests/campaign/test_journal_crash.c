/* What a journal survives: a process that dies at any call, a disk that loses power, any call that
 * fails, any allocation that fails, a disk that is full, and any byte that is not as it was
 * written. ATH_TEST_FULL=1 makes the images of a lost disk 1,000,000.
 */
#include "campaign/journal_rig.h"

#include <athanor/container.h>

/* Runs until the disk stops; returns the calls made. */
static int64_t run_until(disk *d, int64_t die_at, rig_acks *acked)
{
    failing memory = {0};
    ath_context *ctx = rig_context(d, &memory);
    d->die_at = die_at;
    (void)rig_fill(ctx, RIG_RECORDS, acked);
    ath_context_destroy(&ctx);
    assert_int_equal(memory.n_blocks, 0);
    return d->n_calls;
}

static void test_killed_anywhere(void **state)
{
    int64_t n = 1;
    (void)state;
    for (int64_t at = 1; at <= n; at++) {
        disk d = {0}, left;
        rig_acks acked = {0};
        const int64_t calls = run_until(&d, at, &acked);
        n = at == 1 ? calls + 400 : n;
        disk_copy(&d, &left);
        rig_survives(&left, &acked);
        n = calls < at ? at : n; /* it came to its end */
        disk_free(&d);
        disk_free(&left);
    }
    assert_true(n > 40);
    print_message("killed at each of %d calls\n", (int)n - 1);
}

/* A run that is killed, mended by one that is killed at any call, too. */
static void test_killed_while_mending(void **state)
{
    (void)state;
    for (int64_t first = 20; first < 60; first += 3) {
        for (int64_t at = 1; at < 40; at++) {
            disk d = {0}, left, again;
            rig_acks acked = {0};
            (void)run_until(&d, first, &acked);
            uint64_t random = (uint64_t)(1000 * first + at);
            disk_crash(&d, &random, &left);
            (void)run_until(&left, at, &acked);
            disk_copy(&left, &again);
            rig_survives(&again, &acked);
            disk_free(&d);
            disk_free(&left);
            disk_free(&again);
        }
    }
}

static void test_power_loss(void **state)
{
    const char *full = getenv("ATH_TEST_FULL");
    const int images = full && *full && strcmp(full, "0") != 0 ? 1000000 : 1000;
    uint64_t random = 11;
    disk whole = {0};
    rig_acks acked = {0};
    int torn = 0;
    (void)state;
    const int64_t calls = run_until(&whole, 0, &acked);
    assert_int_equal(acked.n, RIG_RECORDS);
    disk_free(&whole);
    for (int k = 0; k < images; k++) {
        disk d = {0}, left;
        acked = (rig_acks){0};
        (void)run_until(&d, 1 + k % calls, &acked);
        disk_crash(&d, &random, &left);
        torn += left.files[0].name[0] != '\0';
        rig_survives(&left, &acked);
        disk_free(&d);
        disk_free(&left);
    }
    assert_true(torn > images / 4);
    print_message("%d images of a disk that lost power\n", images);
}

/* A process is killed at a call, a second one puts all that is missing, and then power is lost:
 * what the first had left unsynced must not take with it what the second has acknowledged. */
static void test_power_loss_later(void **state)
{
    uint64_t random = 13;
    int n = 0;
    (void)state;
    for (int64_t at = 1; at < 60; at++) {
        for (int k = 0; k < 10; k++, n++) {
            disk d = {0}, left;
            rig_acks acked = {0};
            (void)run_until(&d, at, &acked);
            d.n_calls = 0;
            (void)run_until(&d, 0, &acked);
            assert_int_equal(acked.n, RIG_RECORDS);
            disk_crash(&d, &random, &left);
            rig_survives(&left, &acked);
            disk_free(&d);
            disk_free(&left);
        }
    }
    print_message("power lost %d times after a second process\n", n);
}

/* A call fails, once or for ever; then the disk is well again. */
static void fault_run(int error, bool for_ever)
{
    disk whole = {0};
    rig_acks all = {0};
    int64_t n = run_until(&whole, 0, &all);
    disk_free(&whole);
    for (int64_t at = 1; at <= n; at++) {
        disk d = {.fail_at = at, .error = error, .for_ever = for_ever}, left;
        failing memory = {0};
        rig_acks acked = {0};
        ath_context *ctx = rig_context(&d, &memory);
        const ath_status status = rig_fill(ctx, RIG_RECORDS, &acked);
        n = d.n_calls > n ? d.n_calls : n;
        if (error == EINTR || error == 0) {
            assert_int_equal(status, ATH_OK);
        }
        assert_int_equal(d.n_open, 0);
        ath_context_destroy(&ctx);
        assert_int_equal(memory.n_blocks, 0);
        disk_copy(&d, &left);
        rig_survives(&left, &acked);
        disk_free(&left);
        disk_free(&d);
    }
    assert_true(n > 40);
    print_message("%d calls fail with %s, %s\n", (int)n, error ? strerror(error) : "short counts",
                  for_ever ? "for ever" : "once");
}

static void test_faults(void **state)
{
    (void)state;
    fault_run(EIO, false);
    fault_run(EIO, true);
    fault_run(ENOSPC, false);
    fault_run(ENOSPC, true);
    fault_run(EINTR, false);
    fault_run(0, false);
    fault_run(0, true);
}

/* A failed sync is never believed, whatever a second one says: power is lost after every fault. */
static void test_failed_sync(void **state)
{
    uint64_t random = 5;
    (void)state;
    for (int64_t at = 1; at < 60; at++) {
        for (int k = 0; k < 20; k++) {
            disk d = {.fail_at = at, .error = EIO}, left;
            failing memory = {0};
            rig_acks acked = {0};
            ath_context *ctx = rig_context(&d, &memory);
            (void)rig_fill(ctx, RIG_RECORDS, &acked);
            ath_context_destroy(&ctx);
            disk_crash(&d, &random, &left);
            rig_survives(&left, &acked);
            disk_free(&left);
            disk_free(&d);
        }
    }
}

static void test_full_disk(void **state)
{
    (void)state;
    for (size_t limit = 0; limit < 16384; limit += 97) {
        disk d = {.limit = limit + 1}, left;
        failing memory = {0};
        rig_acks acked = {0};
        ath_context *ctx = rig_context(&d, &memory);
        const ath_status status = rig_fill(ctx, RIG_RECORDS, &acked);
        assert_true(status == ATH_OK || status == ATH_E_IO);
        assert_true(status == ATH_E_IO || acked.n == RIG_RECORDS);
        ath_context_destroy(&ctx);
        disk_copy(&d, &left);
        rig_survives(&left, &acked);
        disk_free(&left);
        disk_free(&d);
    }
}

/* No room now, room later: the same journal goes on, and does not fill the disk with attempts. */
static void room_run(size_t limit)
{
    disk d = {0};
    failing memory = {0};
    ath_context *ctx = rig_context(&d, &memory);
    ath_journal *j = NULL;
    ath_sink *sink = NULL;
    int n = 0, files = 0;
    assert_int_equal(rig_open(ctx, true, &j), ATH_OK);
    assert_int_equal(ath_journal_sink(j, 0, &sink), ATH_OK);
    d.limit = limit;
    for (ath_status status = ATH_OK; status == ATH_OK && n < 40; n += status == ATH_OK) {
        char id[32];
        ath_system *s = rig_system(ctx, 2 * n);
        snprintf(id, sizeof id, "%d", n);
        ath_system_set_uid(s, ath_uid_of_text(id));
        status = ath_sink_put(sink, s);
        assert_true(status == ATH_OK || status == ATH_AGAIN);
        ath_system_destroy(&s);
    }
    assert_true(n > 0 && n < 40);
    for (int k = 0; k < 100; k++) {
        assert_int_equal(ath_journal_commit(j), ATH_E_IO);
    }
    for (int k = 0; k < DISK_FILES; k++) {
        files += d.files[k].name[0] != '\0';
    }
    assert_true(files < 8);
    d.limit = 0;
    assert_int_equal(ath_journal_commit(j), ATH_OK);
    assert_int_equal(ath_journal_length(j), n);
    ath_sink_destroy(&sink);
    ath_journal_close(&j);
    assert_int_equal(rig_open(ctx, false, &j), ATH_OK);
    assert_int_equal(ath_journal_length(j), n);
    ath_journal_close(&j);
    ath_context_destroy(&ctx);
    assert_int_equal(memory.n_blocks, 0);
    disk_free(&d);
}

static void test_room_comes_back(void **state)
{
    (void)state;
    for (size_t limit = 1500; limit < 8000; limit += 10) {
        room_run(limit);
    }
}

static void test_no_memory(void **state)
{
    bool done = false;
    int64_t at = 2;
    (void)state;
    for (; !done; at++) {
        disk d = {0}, left;
        failing memory = {.fail_at = at};
        rig_acks acked = {0};
        ath_context *ctx = rig_context(&d, &memory);
        const ath_status status = rig_fill(ctx, RIG_RECORDS, &acked);
        done = memory.n_calls < at;
        /* the tally may go without */
        assert_true(status == ATH_E_NO_MEMORY || (status == ATH_OK && acked.n == RIG_RECORDS));
        assert_true(status == ATH_OK || !done);
        assert_int_equal(d.n_open, 0);
        ath_context_destroy(&ctx);
        assert_int_equal(memory.n_blocks, 0);
        disk_copy(&d, &left);
        rig_survives(&left, &acked);
        disk_free(&left);
        disk_free(&d);
    }
    print_message("%d allocations fail\n", (int)at - 3);
}

/* ---- damage ---- */

/* Where each record stands: found by reading the sections of a segment that is whole. */
typedef struct place {
    size_t from, to;
    char segment[DISK_NAME];
} place;

static void places_of(disk *d, place places[RIG_RECORDS])
{
    int n = 0;
    for (int k = 1; n < RIG_RECORDS; k++) {
        char name[DISK_NAME];
        snprintf(name, sizeof name, "j/%08d.journal", k);
        const disk_file *f = disk_find(d, name);
        assert_non_null(f);
        for (size_t at = 0; at < f->size;) {
            ath__head head;
            at = ath__head_find(f->data, f->size, at, ATH__MARK_SECTION);
            if (at == f->size || !ath__head_read(f->data + at, ATH__MARK_SECTION, &head)) {
                break;
            }
            const size_t to = at + ATH__SECTION_HEAD + (size_t)head.length;
            if (head.a == ATH_SECTION_ID('R', 'E', 'C', 'D')) {
                places[n].from = at;
                places[n].to = to;
                memcpy(places[n++].segment, name, sizeof name);
            }
            at = to;
        }
    }
}

/* A journal with damage: what is not touched is there, and the damage is seen. */
static void check_damage(disk *d, const char *segment, size_t from, size_t to, const place *places)
{
    failing memory = {0};
    ath_context *ctx = rig_context(d, &memory);
    for (int write = 0; write < 2; write++) {
        ath_journal *j = NULL;
        ath_journal_state s = {.size = sizeof s};
        bool has[RIG_RECORDS];
        assert_int_equal(rig_open(ctx, write, &j), ATH_OK);
        (void)rig_known(j, ctx, has);
        assert_int_equal(ath_journal_inspect(j, &s), ATH_OK);
        assert_true(s.n_damaged + s.n_cut > 0);
        for (int i = 0; i < RIG_RECORDS && write; i++) {
            const bool touched =
                !strcmp(places[i].segment, segment) && places[i].from < to && places[i].to > from;
            assert_int_equal(has[i], !touched);
        }
        ath_journal_close(&j);
    }
    ath_context_destroy(&ctx);
    rig_survives(d, &(rig_acks){0});
}

static void test_flipped_bytes(void **state)
{
    disk d = {0};
    rig_acks acked = {0};
    int n = 0;
    place places[RIG_RECORDS];
    (void)state;
    (void)run_until(&d, 0, &acked);
    places_of(&d, places);
    for (int k = 0; k < DISK_FILES; k++) {
        const disk_file *f = &d.files[k];
        const bool segment = strstr(f->name, ".journal") != NULL;
        for (size_t at = 0; at < f->size && segment; at++) {
            disk left;
            disk_copy(&d, &left);
            disk_find(&left, f->name)->data[at] ^= (uint8_t)(1u << (at % 8));
            check_damage(&left, f->name, at, at + 1, places);
            disk_free(&left);
            n++;
        }
    }
    assert_true(n > 5000);
    print_message("%d bytes flipped\n", n);
    disk_free(&d);
}

static void test_truncated(void **state)
{
    disk d = {0};
    rig_acks acked = {0};
    place places[RIG_RECORDS];
    (void)state;
    (void)run_until(&d, 0, &acked);
    places_of(&d, places);
    const char *last = places[RIG_RECORDS - 1].segment;
    const size_t size = disk_find(&d, last)->size;
    for (size_t to = 1; to < size; to++) {
        disk left;
        disk_copy(&d, &left);
        disk_find(&left, last)->size = to;
        check_damage(&left, last, to, size, places);
        disk_free(&left);
    }
    disk_free(&d);
}

/* Every byte flipped of a journal whose last group is torn as well: two groups without an end, one
 * behind the other. */
static void test_flipped_and_torn(void **state)
{
    disk d = {0};
    rig_acks acked = {0};
    place places[RIG_RECORDS];
    (void)state;
    (void)run_until(&d, 0, &acked);
    places_of(&d, places);
    const place *last = &places[RIG_RECORDS - 1];
    const size_t size = last->from + 8; /* the last record is torn, those before it are not */
    for (size_t at = 0; at < size; at += 3) {
        disk left;
        disk_copy(&d, &left);
        disk_file *f = disk_find(&left, last->segment);
        f->data[at] ^= 0x10;
        f->size = size;
        failing memory = {0};
        ath_context *ctx = rig_context(&left, &memory);
        ath_journal *j = NULL;
        bool has[RIG_RECORDS];
        assert_int_equal(rig_open(ctx, true, &j), ATH_OK);
        (void)rig_known(j, ctx, has);
        for (int i = 0; i < RIG_RECORDS - 1; i++) {
            const bool touched = !strcmp(places[i].segment, last->segment) &&
                                 places[i].from <= at && at < places[i].to;
            assert_int_equal(has[i], !touched);
        }
        ath_journal_close(&j);
        ath_context_destroy(&ctx);
        rig_survives(&left, &(rig_acks){0});
        disk_free(&left);
    }
    disk_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_anywhere), cmocka_unit_test(test_killed_while_mending),
        cmocka_unit_test(test_power_loss),      cmocka_unit_test(test_power_loss_later),
        cmocka_unit_test(test_faults),          cmocka_unit_test(test_failed_sync),
        cmocka_unit_test(test_full_disk),       cmocka_unit_test(test_room_comes_back),
        cmocka_unit_test(test_no_memory),       cmocka_unit_test(test_flipped_bytes),
        cmocka_unit_test(test_truncated),       cmocka_unit_test(test_flipped_and_torn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
