/* journal_write.c - groups and segments of a journal.
 *
 * A group is a container in memory until it is committed. Room for it is asked for first, so that a
 * full disk is told before a byte is written; then one write and one sync. Only then do its records
 * count.
 */
#include <string.h>
#include <time.h>

#include "campaign/journal_private.h"
#include "data/bytes.h"

enum { JOURNAL_AHEAD = 1 << 20 }; /* bytes of room that are asked for at once, where there are */

static int64_t journal_now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- segments ---- */

ath_status ath__journal_extend(ath_journal *j, uint64_t length)
{
    ath__bytes path = {0};
    ATH__TRY(ath__journal_segment(j->ctx, j->path, j->found.n_segments, &path));
    const ath_status status = ath__file_extend(j->ctx, (const char *)path.data, length, &j->file);
    ath__bytes_free(j->ctx, &path);
    return status;
}

/* What stands at the beginning of a segment. */
static ath_status journal_begin(ath_journal *j, int64_t number, ath__file *file)
{
    uint8_t bytes[24] = {0};
    ath_container *container = NULL;
    const void *data = NULL;
    size_t n = 0;
    ath__le_put32(bytes, (uint32_t)number);
    ath__le_put64(bytes + 8, j->config.identity.lo);
    ath__le_put64(bytes + 16, j->config.identity.hi);
    ATH__TRY(ath_container_create(j->ctx, &container));
    ath_status status = ath_container_add(container, ATH__SECTION_SEGMENT, ATH__JOURNAL_VERSION,
                                          bytes, sizeof bytes);
    status = status == ATH_OK ? ath_container_finish(container, &data, &n) : status;
    status = status == ATH_OK ? ath__file_write(file, data, n) : status;
    ath_container_destroy(&container);
    return status == ATH_OK ? ath__file_flush(file, !j->config.no_sync) : status;
}

void ath__journal_leave(ath_journal *j)
{
    if (j->file.path && !j->file.failed) {
        (void)ath__file_release(&j->file); /* room, not data */
    }
    (void)ath__file_close(&j->file); /* all that counts is synced */
}

/* A file of this number that has no byte is what opening has cut off. */
static ath_status journal_create(ath_journal *j, const char *path, ath__file *file)
{
    ath__bytes head = {0};
    const ath_status status = ath__file_create(j->ctx, path, true, file);
    if (status != ATH_E_EXISTS) {
        return status;
    }
    ATH__TRY(ath__file_head(j->ctx, path, 1, &head));
    const bool empty = head.size == 0;
    ath__bytes_free(j->ctx, &head);
    return empty ? ath__file_create(j->ctx, path, false, file) : status;
}

static ath_status journal_new_segment(ath_journal *j)
{
    ath__bytes path = {0};
    ath__journal_leave(j);
    ATH__TRY(ath__journal_segment(j->ctx, j->path, j->found.n_segments + 1, &path));
    const char *name = (const char *)path.data;
    ath_status status = journal_create(j, name, &j->file);
    if (status == ATH_OK) {
        j->found.n_segments++;
        status = journal_begin(j, j->found.n_segments, &j->file);
        status = status == ATH_OK ? ath__file_sync_directory(j->ctx, name) : status;
    }
    if (status == ATH_OK) {
        j->found.n_bytes += (int64_t)j->file.length;
    } else if (j->file.path) {
        (void)ath__file_close(&j->file);
        /* it holds nothing: on a full disk it would be one more with each attempt */
        j->found.n_segments -= ath__file_remove(j->ctx, name) == ATH_OK;
    }
    ath__bytes_free(j->ctx, &path);
    return status;
}

/* ---- groups ---- */

ath_status ath__journal_add(ath_journal *j, const ath_record *record, const void *data,
                            size_t bytes)
{
    if (j->group == NULL) {
        ATH__TRY(ath_container_create(j->ctx, &j->group));
        j->began = journal_now(CLOCK_MONOTONIC);
    }
    ath__entry entry = {.record = *record, .offset = ath__container_tell(j->group).bytes};
    entry.record.text = entry.record.file = NULL;
    entry.record.bytes = bytes + ATH__SECTION_HEAD;
    ATH__TRY(ath__index_add(j->ctx, &j->index, &entry));
    const ath_status status =
        ath_container_add(j->group, ATH__SECTION_RECORD, ATH__JOURNAL_VERSION, data, bytes);
    if (status != ATH_OK) {
        ath__index_cut(&j->index, j->index.n - 1);
        return status;
    }
    return ATH_OK;
}

/* Room for the group. One that is full says so while nothing has happened. */
static ath_status journal_reserve(ath_journal *j, size_t bytes)
{
    if (bytes < JOURNAL_AHEAD && ath__file_reserve(&j->file, JOURNAL_AHEAD) == ATH_OK) {
        return ATH_OK;
    }
    return ath__file_reserve(&j->file, bytes);
}

/* Into the last segment, or a new one. *dead: a failure may have left a part of it there. */
static ath_status journal_append(ath_journal *j, const void *data, size_t bytes, bool *dead)
{
    const bool full = j->file.path && j->file.length + bytes > (uint64_t)j->config.segment_bytes;
    *dead = false;
    if (!j->file.path || full) {
        ATH__TRY(journal_new_segment(j));
    }
    ATH__TRY(journal_reserve(j, bytes));
    ath_status status = ath__file_write(&j->file, data, bytes);
    status = status == ATH_OK ? ath__file_flush(&j->file, !j->config.no_sync) : status;
    *dead = j->file.failed;
    return status;
}

/* Closes the group: its bytes, owned by it. */
static ath_status journal_seal(ath_journal *j, const ath__commit *commit, const void **data,
                               size_t *bytes)
{
    uint8_t end[ATH__COMMIT_BYTES];
    ath__commit_encode(commit, end);
    ATH__TRY(
        ath_container_add(j->group, ATH__SECTION_COMMIT, ATH__JOURNAL_VERSION, end, sizeof end));
    return ath_container_finish(j->group, data, bytes);
}

static ath__commit journal_commit_of(const ath_journal *j)
{
    ath__commit commit = {.number = j->found.n_groups,
                          .time = journal_now(CLOCK_REALTIME),
                          .n_records = j->index.n - j->n_committed};
    memcpy(commit.counts, j->counts, sizeof j->counts);
    memcpy(commit.reasons, j->reasons, sizeof j->reasons);
    for (int64_t i = j->n_committed; i < j->index.n; i++) {
        commit.counts[j->index.entries[i].record.state]++;
        commit.reasons[j->index.entries[i].record.reason]++;
    }
    return commit;
}

/* The group is durable, and ends where the segment ends. */
static void journal_acknowledge(ath_journal *j, const ath__commit *commit, size_t bytes)
{
    const uint64_t at = j->file.length - bytes;
    for (int64_t i = j->n_committed; i < j->index.n; i++) {
        ath__entry *e = &j->index.entries[i];
        e->offset += at;
        e->segment = (int32_t)j->found.n_segments;
    }
    memcpy(j->counts, commit->counts, sizeof j->counts);
    memcpy(j->reasons, commit->reasons, sizeof j->reasons);
    j->n_committed = j->index.n;
    (void)ath__journal_moment(j, commit->time); /* without memory: one less to be shown */
    j->found.n_groups++;
    j->found.n_bytes += (int64_t)bytes;
    ath_container_destroy(&j->group);
    ath__tally_write(j);
}

ath_status ath__journal_check(const ath_journal *j, const char *what)
{
    if (!j->config.write) {
        return ath__fail(j->ctx, ATH_E_STATE, "%s: the journal was opened to be read", what);
    }
    return j->dead ? ath__fail(j->ctx, ATH_E_STATE,
                               "%s: '%s' takes nothing more after a failed write", what, j->path)
                   : ATH_OK;
}

ath_status ath_journal_commit(ath_journal *j)
{
    const void *data = NULL;
    size_t bytes = 0;
    bool dead = false;
    if (j == NULL) {
        return ATH_E_ARGUMENT;
    }
    ATH__TRY(ath__journal_check(j, "ath_journal_commit"));
    if (j->index.n == j->n_committed) {
        return ATH_OK;
    }
    if (j->config.ready) {
        ATH__TRY(j->config.ready(j->config.user));
    }
    const ath__commit commit = journal_commit_of(j);
    const ath__container_mark mark = ath__container_tell(j->group);
    ath_status status = journal_seal(j, &commit, &data, &bytes);
    status = status == ATH_OK ? journal_append(j, data, bytes, &dead) : status;
    if (status != ATH_OK && dead) {
        /* that segment is dead; its end, whatever it is, is passed over by who reads it */
        ath__journal_leave(j);
        status = journal_append(j, data, bytes, &dead);
        j->dead = status != ATH_OK;
    }
    if (status == ATH_OK) {
        journal_acknowledge(j, &commit, bytes);
    } else {
        ath__container_rewind(j->group,
                              mark); /* where there was no room, there may be some later */
    }
    return status;
}

bool ath__journal_is_due(const ath_journal *j)
{
    const int64_t n = j->index.n - j->n_committed;
    const double age = 1e-9 * (double)(journal_now(CLOCK_MONOTONIC) - j->began);
    return n >= j->config.group ||
           (n > 0 && j->config.group_seconds > 0.0 && age >= j->config.group_seconds);
}

ath_status ath_journal_put(ath_journal *j, const ath_record *record, const ath_system *system,
                           bool *fresh)
{
    ath__bytes bytes = {0};
    if (fresh) {
        *fresh = false;
    }
    if (j == NULL || record == NULL) {
        return ATH_E_ARGUMENT;
    }
    ATH__TRY(ath__journal_check(j, "ath_journal_put"));
    if (record->stage < 0 || (unsigned)record->state >= ATH_N_STATES ||
        (unsigned)record->reason >= ATH_N_REASONS) {
        return ath__fail(j->ctx, ATH_E_RANGE, "ath_journal_put: stage, state or reason");
    }
    if (ath__index_find(&j->index, record->uid, record->stage) >= 0) {
        return ATH_OK;
    }
    ath_record r = *record;
    r.n_atoms = system ? ath_system_n_atoms(system) : 0;
    r.has_system = system != NULL;
    ath_status status = ath__record_encode(j->ctx, record, system, &bytes);
    status = status == ATH_OK ? ath__journal_add(j, &r, bytes.data, bytes.size) : status;
    ath__bytes_free(j->ctx, &bytes);
    if (status != ATH_OK) {
        return status;
    }
    if (fresh) {
        *fresh = true;
    }
    return ath__journal_is_due(j) ? ath_journal_commit(j) : ATH_OK;
}
