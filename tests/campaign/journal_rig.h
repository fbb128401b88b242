/* What the tests of the journal share: records that are known, journals on a disk in memory, and
 * the check that what was acknowledged is there, once, and as it was.
 */
#ifndef TESTS_CAMPAIGN_JOURNAL_RIG_H
#define TESTS_CAMPAIGN_JOURNAL_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <athanor/journal.h>

#include "base/failing.h"
#include "campaign/disk.h"
#include "data/container.h"

static const char RIG_PATH[] = "j";
enum { RIG_RECORDS = 24, RIG_GROUP = 4, RIG_SEGMENT = 4096 };

/* The i-th record is of stage i % 2 of system i / 2; every seventh has none. */
static inline ath_uid rig_uid(int i)
{
    char text[32];
    snprintf(text, sizeof text, "system %d", i / 2);
    return ath_uid_of_text(text);
}

static inline ath_system *rig_system(ath_context *ctx, int i)
{
    const int32_t n = 1 + i % 5;
    ath_system *s = NULL;
    void *p = NULL;
    if (ath_system_create(ctx, n, &s) != ATH_OK) {
        return NULL;
    }
    if (ath_system_field(s, ATH_FIELD_POSITIONS, &p) != ATH_OK) {
        ath_system_destroy(&s);
        return NULL;
    }
    for (int32_t k = 0; k < 3 * n; k++) {
        ((double *)p)[k] = 0.25 * k + i;
    }
    if (ath_system_field(s, ATH_FIELD_NUMBERS, &p) != ATH_OK) {
        ath_system_destroy(&s);
        return NULL;
    }
    for (int32_t k = 0; k < n; k++) {
        ((int32_t *)p)[k] = 1 + (i + k) % 90;
    }
    ath_system_set_uid(s, rig_uid(i));
    return s;
}

static inline ath_record rig_record(int i)
{
    ath_record r = {.uid = rig_uid(i), .stage = i % 2, .steps = 100 + i, .frame = i / 2};
    r.place = 1000 - i;
    r.reason = i % 7 == 6 ? ATH_REASON_BAD_INPUT : ATH_REASON_CONVERGED;
    r.state = ath_reason_state(r.reason);
    r.text = i % 7 == 6 ? "a word instead of a number" : "";
    r.file = "in.xyz";
    return r;
}

static inline ath_status rig_put(ath_journal *j, ath_context *ctx, int i, bool *fresh)
{
    const ath_record r = rig_record(i);
    ath_system *s = i % 7 == 6 ? NULL : rig_system(ctx, i);
    if (i % 7 != 6 && !s) {
        return ATH_E_NO_MEMORY;
    }
    const ath_status status = ath_journal_put(j, &r, s, fresh);
    ath_system_destroy(&s);
    return status;
}

static inline ath_context *rig_context(disk *d, failing *memory)
{
    ath_context *ctx = NULL;
    ath_context_config config = failing_config(memory);
    disk_io(d, &config.io);
    assert_int_equal(ath_context_create(&config, &ctx), ATH_OK);
    return ctx;
}

static inline ath_journal_config rig_config(bool write)
{
    const ath_journal_config config = {.size = sizeof config,
                                       .write = write,
                                       .segment_bytes = RIG_SEGMENT,
                                       .group = RIG_GROUP,
                                       .group_seconds = -1.0,
                                       .identity = {1, 2}};
    return config;
}

static inline ath_status rig_open(ath_context *ctx, bool write, ath_journal **out)
{
    const ath_journal_config config = rig_config(write);
    return ath_journal_open(ctx, RIG_PATH, &config, out);
}

/* Which records are acknowledged. */
typedef struct rig_acks {
    bool has[RIG_RECORDS];
    int n;
} rig_acks;

/* Puts records until something fails. Adds to *acked what is acknowledged then. */
static inline ath_status rig_fill(ath_context *ctx, int n, rig_acks *acked)
{
    ath_journal *j = NULL;
    ath_status status = rig_open(ctx, true, &j);
    for (int i = 0; i < n && status == ATH_OK; i++) {
        status = rig_put(j, ctx, i, NULL);
    }
    status = status == ATH_OK ? ath_journal_commit(j) : status;
    acked->n = 0;
    for (int i = 0; i < RIG_RECORDS; i++) {
        int64_t index = -1;
        (void)ath_journal_has(j, rig_uid(i), i % 2, &index);
        acked->has[i] |= index >= 0;
        acked->n += acked->has[i];
    }
    ath_journal_close(&j);
    return status;
}

/* One record as it is in the journal, against what it must be. */
static inline void rig_same(ath_journal *j, ath_context *ctx, int64_t index, int i)
{
    const ath_record mine = rig_record(i);
    ath_record r;
    ath_system *s = NULL;
    assert_int_equal(ath_journal_read(j, index, &r, &s), ATH_OK);
    assert_memory_equal(&r.uid, &mine.uid, sizeof r.uid);
    assert_int_equal(r.stage, mine.stage);
    assert_int_equal(r.state, mine.state);
    assert_int_equal(r.reason, mine.reason);
    assert_int_equal(r.steps, mine.steps);
    assert_int_equal(r.frame, mine.frame);
    assert_string_equal(r.text, mine.text);
    assert_string_equal(r.file, mine.file);
    assert_int_equal(r.has_system, i % 7 != 6);
    assert_true((s != NULL) == r.has_system);
    if (s) {
        ath_system *wanted = rig_system(ctx, i);
        ath_packet *a = NULL, *b = NULL;
        size_t n_a, n_b;
        assert_int_equal(ath_packet_pack(ctx, &s, 1, &a), ATH_OK);
        assert_int_equal(ath_packet_pack(ctx, &wanted, 1, &b), ATH_OK);
        const void *x = ath_packet_data(a, &n_a), *y = ath_packet_data(b, &n_b);
        assert_int_equal(n_a, n_b);
        assert_memory_equal(x, y, n_a);
        ath_packet_destroy(&a);
        ath_packet_destroy(&b);
        ath_system_destroy(&wanted);
        ath_system_destroy(&s);
    }
}

/* Which of the known records are committed; each is as it was, and there is no other. */
static inline int rig_known(ath_journal *j, ath_context *ctx, bool has[RIG_RECORDS])
{
    int n = 0;
    for (int i = 0; i < RIG_RECORDS; i++) {
        int64_t index = -1;
        (void)ath_journal_has(j, rig_uid(i), i % 2, &index);
        has[i] = index >= 0;
        if (has[i]) {
            rig_same(j, ctx, index, i);
            n++;
        }
    }
    assert_int_equal(ath_journal_length(j), n);
    return n;
}

/* A disk as something has left it: all that was acknowledged is there; the rest can be put, and
 * then all of it is, for who reads and for who writes. */
static inline void rig_survives(disk *d, const rig_acks *acked)
{
    failing memory = {0};
    ath_context *ctx = rig_context(d, &memory);
    ath_journal *j = NULL;
    bool has[RIG_RECORDS];
    assert_int_equal(rig_open(ctx, true, &j), ATH_OK);
    (void)rig_known(j, ctx, has);
    for (int i = 0; i < RIG_RECORDS; i++) {
        assert_true(has[i] || !acked->has[i]);
    }
    for (int i = 0; i < RIG_RECORDS; i++) {
        bool fresh;
        assert_int_equal(rig_put(j, ctx, i, &fresh), ATH_OK);
        assert_int_equal(fresh, !has[i]);
    }
    assert_int_equal(ath_journal_commit(j), ATH_OK);
    assert_int_equal(rig_known(j, ctx, has), RIG_RECORDS);
    ath_journal_close(&j);
    for (int write = 0; write < 2; write++) {
        assert_int_equal(rig_open(ctx, write, &j), ATH_OK);
        assert_int_equal(rig_known(j, ctx, has), RIG_RECORDS);
        ath_journal_close(&j);
    }
    ath_context_destroy(&ctx);
    assert_int_equal(memory.n_blocks, 0);
    assert_int_equal(memory.n_wrong, 0);
    assert_int_equal(d->n_open, 0);
}

#endif
