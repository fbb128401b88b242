/* journal.c - opening a journal, which is reading all of it, and reading what it holds.
 *
 * The index is made from the segments alone, one after the other. Records count when their group is
 * closed. Those of a group that is not closed count as well if another group follows, or if this is
 * opened to write: then they go, as they are, into a group of a new segment before the old one is
 * cut. So whatever happens in between, there is one of them or two, never none.
 */
#include "campaign/journal_private.h"

#include <string.h>

#include "data/bytes.h"

enum { JOURNAL_GROUP = 256, JOURNAL_MAX_GROUP = 4096, JOURNAL_GAP = 3 };

/* Closes the text of a path with a NUL; frees it after a failure. */
static ath_status journal_path(ath_context *ctx, ath_status status, ath__bytes *out)
{
    status = status == ATH_OK ? ath__bytes_append(ctx, out, "", 1) : status;
    if (status != ATH_OK) {
        ath__bytes_free(ctx, out);
    }
    return status;
}

ath_status ath__journal_segment(ath_context *ctx, const char *folder, int64_t number,
                                ath__bytes *out)
{
    *out = (ath__bytes){0};
    return journal_path(
        ctx, ath__bytes_print(ctx, out, "%s/%08lld.journal", folder, (long long)number), out);
}

ath_status ath__journal_lock_path(ath_context *ctx, const char *folder, ath__bytes *out)
{
    *out = (ath__bytes){0};
    return journal_path(ctx, ath__bytes_print(ctx, out, "%s/lock", folder), out);
}

ath_status ath__journal_moment(ath_journal *j, int64_t time)
{
    if (j->n_moments == j->max_moments) {
        const int64_t n = j->max_moments ? 2 * j->max_moments : 64;
        ATH__TRY(ath__resize(j->ctx, &j->moments, (size_t)j->max_moments, (size_t)n,
                             sizeof *j->moments));
        j->max_moments = n;
    }
    j->moments[j->n_moments++] = (ath_journal_moment){time, j->n_committed};
    return ATH_OK;
}

/* ---- reading a segment ---- */

/* A segment that is read: the bytes, the scan, and its number. */
typedef struct journal_reading {
    ath_journal *j;
    ath__bytes bytes;
    ath__scan scan;
    int64_t number;
    int64_t time; /* of a commit that is not closed yet, 0: there is none */
} journal_reading;

/* The beginning of a segment: whose it is. */
static ath_status journal_read_name(journal_reading *r, const ath_section *s)
{
    ath_uid *mine = &r->j->config.identity;
    if (s->bytes < 24 || ath__le_get32(s->data) != (uint32_t)r->number) {
        r->scan.n_torn++;
        return ATH_OK;
    }
    const uint8_t *data = s->data;
    const ath_uid theirs = {ath__le_get64(data + 8), ath__le_get64(data + 16)};
    if ((mine->lo | mine->hi) == 0) {
        *mine = theirs;
    }
    return mine->lo == theirs.lo && mine->hi == theirs.hi
               ? ATH_OK
               : ath__fail(r->j->ctx, ATH_E_EXISTS, "'%s' is the journal of another campaign",
                           r->j->path);
}

/* A record: into the index, behind those that are committed. */
static ath_status journal_read_record(journal_reading *r, const ath_section *s, size_t offset)
{
    ath__entry entry = {.offset = offset, .segment = (int32_t)r->number};
    const uint8_t *texts;
    uint32_t lengths[2];
    size_t packet;
    if (ath__record_decode(s->data, s->bytes, &entry.record, &texts, lengths, &packet) != ATH_OK) {
        r->scan.n_torn++;
        return ATH_OK;
    }
    const ath_status status = ath__index_add(r->j->ctx, &r->j->index, &entry);
    r->j->found.n_repeats += status == ATH_END;
    return status < 0 ? status : ATH_OK;
}

/* Groups are numbered: one that is missing is known by the next. The same number again is that of
 * a group which had to be written twice. */
static void journal_read_commit(journal_reading *r, const ath_section *s)
{
    int64_t *n = &r->j->found.n_groups;
    ath__commit commit;
    if (ath__commit_decode(s->data, s->bytes, &commit) != ATH_OK) {
        r->scan.n_torn++;
        return;
    }
    r->scan.n_torn += commit.number > *n;
    *n = commit.number >= *n ? commit.number + 1 : *n;
    r->time = commit.time;
}

static ath_status journal_read_section(journal_reading *r, const ath_section *s, size_t offset)
{
    const bool ours = s->id == ATH__SECTION_SEGMENT || s->id == ATH__SECTION_RECORD ||
                      s->id == ATH__SECTION_COMMIT;
    if ((ours && s->version > ATH__JOURNAL_VERSION) || r->scan.newer) {
        return ath__fail(r->j->ctx, ATH_E_UNSUPPORTED,
                         "'%s' was written by a newer version of this library", r->j->path);
    }
    if (s->id == ATH__SECTION_SEGMENT) {
        return journal_read_name(r, s);
    }
    if (s->id == ATH__SECTION_COMMIT) {
        journal_read_commit(r, s);
    }
    return s->id == ATH__SECTION_RECORD ? journal_read_record(r, s, offset) : ATH_OK;
}

/* Entries from the committed ones on count. */
static void journal_accept(ath_journal *j)
{
    for (int64_t i = j->n_committed; i < j->index.n; i++) {
        j->counts[j->index.entries[i].record.state]++;
        j->reasons[j->index.entries[i].record.reason]++;
    }
    j->n_committed = j->index.n;
}

/* Records that no closed group holds are left as entries behind the committed ones. */
static ath_status journal_read_segment(journal_reading *r)
{
    ath_section section;
    size_t offset;
    r->scan = (ath__scan){.data = r->bytes.data, .bytes = r->bytes.size};
    for (;;) {
        switch (ath__scan_next(&r->scan, &section, &offset)) {
        case ATH__SCAN_SECTION:
            ATH__TRY(journal_read_section(r, &section, offset));
            break;
        case ATH__SCAN_BEGIN:
            break;
        case ATH__SCAN_CLOSE: /* of this container, and of any before it that is not closed */
            journal_accept(r->j);
            if (r->time != 0) {
                ATH__TRY(ath__journal_moment(r->j, r->time));
                r->time = 0;
            }
            break;
        case ATH__SCAN_END:
            return r->scan.newer ? journal_read_section(r, &(ath_section){0}, 0) : ATH_OK;
        }
    }
}

/* ---- the end ---- */

/* The records of an unfinished end, as they stand, into the group. */
static ath_status journal_copy_end(journal_reading *r)
{
    ath_journal *j = r->j;
    const int64_t from = j->n_committed, n = j->index.n - from;
    ath__entry *entries = NULL;
    ath_status status = ATH_OK;
    ATH__TRY(ath__alloc(j->ctx, (size_t)n, sizeof *entries, &entries));
    memcpy(entries, j->index.entries + from, (size_t)n * sizeof *entries);
    ath__index_cut(&j->index, from);
    for (int64_t i = 0; i < n && status == ATH_OK; i++) {
        const uint8_t *data = r->bytes.data + entries[i].offset + ATH__SECTION_HEAD;
        status = ath__journal_add(j, &entries[i].record, data,
                                  entries[i].record.bytes - ATH__SECTION_HEAD);
    }
    ath__free(j->ctx, &entries, (size_t)n, sizeof *entries);
    return status;
}

/* Makes the last segment end with a group: what is whole behind it goes elsewhere, then it is cut.
 */
static ath_status journal_mend(journal_reading *r)
{
    ath_journal *j = r->j;
    const uint64_t closed = r->scan.closed;
    const int64_t number = j->found.n_segments;
    ath__bytes path = {0};
    if (closed == r->bytes.size && closed > 0) {
        ATH__TRY(ath__journal_extend(j, closed));
        /* or between writing its last group and syncing it: it is counted from now on */
        return ath__file_flush(&j->file, !j->config.no_sync);
    }
    j->found.n_cut += (int64_t)(r->bytes.size - closed);
    if (j->index.n > j->n_committed) {
        j->found.n_recovered += j->index.n - j->n_committed;
        ATH__TRY(journal_copy_end(r));
        ATH__TRY(ath_journal_commit(j));
    }
    ATH__TRY(ath__journal_segment(j->ctx, j->path, number, &path));
    ath_status status = ath__file_cut(j->ctx, (const char *)path.data, closed);
    ath__bytes_free(j->ctx, &path);
    if (status == ATH_OK && closed == 0 && number == j->found.n_segments) {
        j->found.n_segments--; /* it never was one: it is made again */
    } else if (status == ATH_OK && number == j->found.n_segments) {
        status = ath__journal_extend(j, closed);
    }
    return status;
}

/* The bytes of a segment; ATH_END if there is none of this number. */
static ath_status journal_load_number(journal_reading *r)
{
    ath__bytes path = {0};
    ATH__TRY(ath__journal_segment(r->j->ctx, r->j->path, r->number, &path));
    const ath_status status = ath__file_read(r->j->ctx, (const char *)path.data, 0, &r->bytes);
    ath__bytes_free(r->j->ctx, &path);
    return status == ATH_E_NOT_FOUND ? ATH_END : status;
}

/* The same of the next one, for some may have been lost; ATH_END if there are no more. */
static ath_status journal_load(journal_reading *r)
{
    const int64_t first = r->number;
    ath_status status = journal_load_number(r);
    while (status == ATH_END && r->number < first + JOURNAL_GAP) {
        r->number++;
        status = journal_load_number(r);
    }
    r->j->found.n_damaged += status == ATH_OK ? r->number - first : 0;
    return status;
}

static ath_status journal_end(journal_reading *r, bool last)
{
    ath_journal *j = r->j;
    ath_status status = ATH_OK;
    j->found.n_damaged += r->scan.n_damaged;
    if (!last) {
        /* whatever is behind the last group, a failed write or worse */
        j->found.n_damaged += r->scan.n_torn > 0 || r->scan.closed < r->bytes.size;
        journal_accept(j);
    } else if (j->config.write) {
        status = journal_mend(r);
    } else {
        j->found.n_cut += (int64_t)(r->bytes.size - r->scan.closed);
        ath__index_cut(&j->index, j->n_committed);
    }
    return status;
}

/* All segments, in which there should be so many groups at least. The one that is at hand is ended
 * when it is known whether it is the last. */
static ath_status journal_read_all(ath_journal *j, int64_t groups)
{
    journal_reading now = {.j = j}, next = {.j = j};
    ath_status status = ATH_OK;
    while (status == ATH_OK) {
        next.number = now.number + 1;
        status = journal_load(&next);
        if (status < 0) {
            break;
        }
        if (status == ATH_END && (uint64_t)groups <= ATH__MAX_GROUPS) {
            j->found.n_damaged += groups > j->found.n_groups; /* an end is missing */
            j->found.n_groups = groups > j->found.n_groups ? groups : j->found.n_groups;
        }
        if (now.number > 0) {
            const ath_status ended = journal_end(&now, status == ATH_END);
            ath__bytes_free(j->ctx, &now.bytes);
            status = ended < 0 ? ended : status;
        }
        if (status == ATH_OK) {
            now = next;
            next = (journal_reading){.j = j};
            j->found.n_segments = now.number;
            j->found.n_bytes += (int64_t)now.bytes.size;
            status = journal_read_segment(&now);
        }
    }
    ath__bytes_free(j->ctx, &now.bytes);
    ath__bytes_free(j->ctx, &next.bytes);
    return status == ATH_END ? ATH_OK : status;
}

/* ---- life ---- */

static ath_status journal_check_config(ath_context *ctx, const ath_journal_config *c)
{
    if (c->size != sizeof *c) {
        return ath__fail(ctx, ATH_E_ABI, "ath_journal_open: a config of %zu bytes", c->size);
    }
    if (c->segment_bytes < 0 || c->group < 0 || c->group > JOURNAL_MAX_GROUP ||
        !(c->group_seconds <= 1e6)) {
        return ath__fail(ctx, ATH_E_RANGE, "ath_journal_open: segment_bytes, group or its seconds");
    }
    return ATH_OK;
}

static ath_status journal_lock(ath_journal *j)
{
    ath__bytes path = {0};
    ATH__TRY(ath__file_directory(j->ctx, j->path));
    ATH__TRY(ath__journal_lock_path(j->ctx, j->path, &path));
    ath_status status = ath__file_lock(j->ctx, (const char *)path.data, &j->lock);
    if (status == ATH_OK && !j->config.no_sync) {
        /* whoever was here before may have died between making a segment and this */
        status = ath__file_sync_directory(j->ctx, (const char *)path.data);
    }
    ath__bytes_free(j->ctx, &path);
    return status;
}

static ath_status journal_begin_open(ath_journal *j)
{
    int64_t groups;
    if (j->config.write) {
        ATH__TRY(journal_lock(j));
    }
    ATH__TRY(ath__tally_open(j, &groups)); /* first: it may grow while this one reads */
    ATH__TRY(journal_read_all(j, groups));
    return j->config.write || j->found.n_segments > 0
               ? ATH_OK
               : ath__fail(j->ctx, ATH_E_NOT_FOUND, "there is no journal in '%s'", j->path);
}

ath_status ath_journal_open(ath_context *ctx, const char *path, const ath_journal_config *config,
                            ath_journal **out)
{
    ath_journal *j = NULL;
    if (ctx == NULL || path == NULL || config == NULL || out == NULL) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "ath_journal_open: NULL argument");
    }
    *out = NULL;
    ATH__TRY(journal_check_config(ctx, config));
    ATH__TRY(ath__alloc(ctx, 1, sizeof *j, &j));
    j->ctx = ctx;
    j->lock = -1;
    j->config = *config;
    j->config.group = config->group > 0 ? config->group : JOURNAL_GROUP;
    j->config.segment_bytes = config->segment_bytes > 0 ? config->segment_bytes : 64 << 20;
    j->config.group_seconds = config->group_seconds != 0.0 ? config->group_seconds : 1.0;
    j->config.ready =
        NULL; /* what an unfinished end leans on was made ready before it was written */
    ath_status status = ath__strdup(ctx, path, &j->path);
    status = status == ATH_OK ? journal_begin_open(j) : status;
    if (status != ATH_OK) {
        ath_journal_close(&j);
        return status;
    }
    j->config.ready = config->ready;
    *out = j;
    return ATH_OK;
}

void ath_journal_close(ath_journal **journal)
{
    if (journal && *journal) {
        ath_journal *j = *journal;
        ath_context *ctx = j->ctx;
        ath__journal_leave(j);
        (void)ath__file_close(&j->tally);
        ath_container_destroy(&j->group);
        ath__index_free(ctx, &j->index);
        ath__free(ctx, &j->moments, (size_t)j->max_moments, sizeof *j->moments);
        ath__bytes_free(ctx, &j->text);
        ath__file_unlock(ctx, &j->lock);
        ath__strfree(ctx, &j->path);
        ath__free(ctx, journal, 1, sizeof *j);
    }
}

/* ---- what it holds ---- */

int64_t ath_journal_length(const ath_journal *journal)
{
    return journal ? journal->n_committed : 0;
}

ath_status ath_journal_record(const ath_journal *journal, int64_t index, ath_record *out)
{
    if (journal == NULL || out == NULL) {
        return ATH_E_ARGUMENT;
    }
    if (index < 0 || index >= journal->n_committed) {
        return ath__fail(journal->ctx, ATH_E_RANGE, "the journal has no record %lld",
                         (long long)index);
    }
    *out = journal->index.entries[index].record;
    out->text = out->file = "";
    return ATH_OK;
}

bool ath_journal_has(const ath_journal *journal, ath_uid uid, int32_t stage, int64_t *index)
{
    const int64_t at = journal ? ath__index_find(&journal->index, uid, stage) : -1;
    if (index) {
        *index = journal && at < journal->n_committed ? at : -1;
    }
    return at >= 0;
}

ath_status ath_journal_inspect(const ath_journal *journal, ath_journal_state *out)
{
    if (journal == NULL || out == NULL) {
        return ATH_E_ARGUMENT;
    }
    if (out->size != sizeof *out) {
        return ath__fail(journal->ctx, ATH_E_ABI, "ath_journal_inspect: a state of %zu bytes",
                         out->size);
    }
    *out = journal->found;
    out->size = sizeof *out;
    memcpy(out->counts, journal->counts, sizeof out->counts);
    memcpy(out->reasons, journal->reasons, sizeof out->reasons);
    return ATH_OK;
}

ath_status ath_journal_moments(const ath_journal *journal, const ath_journal_moment **moments,
                               int64_t *n)
{
    if (journal == NULL || moments == NULL || n == NULL) {
        return ATH_E_ARGUMENT;
    }
    *moments = journal->moments;
    *n = journal->n_moments;
    return ATH_OK;
}

/* Both texts, each with a NUL behind it. */
static ath_status journal_keep_texts(ath_journal *j, const uint8_t *texts,
                                     const uint32_t lengths[2], ath_record *out)
{
    j->text.size = 0;
    for (int k = 0; k < 2; k++) {
        ATH__TRY(ath__bytes_append(j->ctx, &j->text, texts, lengths[k]));
        ATH__TRY(ath__bytes_append(j->ctx, &j->text, "", 1));
        texts += lengths[k];
    }
    out->text = (const char *)j->text.data;
    out->file = (const char *)j->text.data + lengths[0] + 1;
    return ATH_OK;
}

/* The record in the bytes of its section. */
static ath_status journal_parse(ath_journal *j, const ath__bytes *bytes, ath_record *out,
                                ath_system **system)
{
    ath__head head;
    const uint8_t *texts, *body = bytes->data + ATH__SECTION_HEAD;
    const size_t n = bytes->size - ATH__SECTION_HEAD;
    uint32_t lengths[2];
    size_t at;
    ath_packet *packet = NULL;
    if (!ath__head_read(bytes->data, ATH__MARK_SECTION, &head) || head.length != n ||
        head.crc != ath__crc32c(0, body, n) ||
        ath__record_decode(body, n, out, &texts, lengths, &at) != ATH_OK) {
        return ath__fail(j->ctx, ATH_E_CHECKSUM,
                         "'%s': a record is not as it was when the journal was opened", j->path);
    }
    ATH__TRY(journal_keep_texts(j, texts, lengths, out));
    if (system == NULL || !out->has_system) {
        return ATH_OK;
    }
    ATH__TRY(ath_packet_open(j->ctx, body + at, n - at, &packet));
    const ath_status status = ath_packet_unpack(packet, 0, system);
    ath_packet_destroy(&packet);
    return status;
}

ath_status ath_journal_read(ath_journal *journal, int64_t index, ath_record *out,
                            ath_system **system)
{
    ath__bytes path = {0}, bytes = {0};
    if (system) {
        *system = NULL;
    }
    ATH__TRY(ath_journal_record(journal, index, out));
    const ath__entry *e = &journal->index.entries[index];
    ATH__TRY(ath__journal_segment(journal->ctx, journal->path, e->segment, &path));
    ath_status status =
        ath__file_part(journal->ctx, (const char *)path.data, e->offset, e->record.bytes, &bytes);
    status = status == ATH_OK ? journal_parse(journal, &bytes, out, system) : status;
    ath__bytes_free(journal->ctx, &path);
    ath__bytes_free(journal->ctx, &bytes);
    return status;
}
