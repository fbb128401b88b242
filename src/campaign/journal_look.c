/* journal_look.c - what the end of a journal says of the whole, without reading the whole.
 *
 * The end of each group counts all records up to there. So the last segment that has one is enough:
 * a few milliseconds, whatever there is in front of it.
 */
#include <string.h>

#include "campaign/journal_private.h"

enum { LOOK_GAP = 3 };

/* Number of the last segment, 0: there is none. */
static ath_status look_last(ath_context *ctx, const char *path, int64_t *last)
{
    *last = 0;
    for (int64_t n = 1; n <= *last + LOOK_GAP + 1; n++) {
        ath__bytes name = {0}, head = {0};
        ATH__TRY(ath__journal_segment(ctx, path, n, &name));
        const ath_status status = ath__file_head(ctx, (const char *)name.data, 1, &head);
        ath__bytes_free(ctx, &name);
        ath__bytes_free(ctx, &head);
        if (status != ATH_OK && status != ATH_E_NOT_FOUND) {
            return status;
        }
        *last = status == ATH_OK ? n : *last;
    }
    return ATH_OK;
}

/* A group that is closed. */
static void look_take(ath_journal_glance *out, const ath__commit *commit, int64_t n)
{
    memcpy(out->counts, commit->counts, sizeof out->counts);
    memcpy(out->reasons, commit->reasons, sizeof out->reasons);
    out->n_records = 0;
    for (int k = 0; k < ATH_N_STATES; k++) {
        out->n_records += commit->counts[k];
    }
    out->last = (ath_journal_moment){commit->time, out->n_records};
    out->first = n == 0 ? out->last : out->first;
}

/* The groups of one segment; *n is how many. */
static ath_status look_scan(ath_context *ctx, const char *path, ath__scan *scan,
                            ath_journal_glance *out, int64_t *n)
{
    ath_section s;
    size_t offset;
    ath__commit commit = {0};
    bool seen = false, newer = false;
    for (ath__scan_event e; (e = ath__scan_next(scan, &s, &offset)) != ATH__SCAN_END;) {
        if (e == ATH__SCAN_SECTION && s.id == ATH__SECTION_COMMIT) {
            newer |= s.version > ATH__JOURNAL_VERSION;
            seen = ath__commit_decode(s.data, s.bytes, &commit) == ATH_OK;
        } else if (e == ATH__SCAN_CLOSE && seen) {
            look_take(out, &commit, (*n)++);
            seen = false;
        }
    }
    return scan->newer || newer
               ? ath__fail(ctx, ATH_E_UNSUPPORTED,
                           "'%s' was written by a newer version of this library", path)
               : ATH_OK;
}

static ath_status look_segment(ath_context *ctx, const char *path, int64_t number,
                               ath_journal_glance *out, int64_t *n)
{
    ath__bytes name = {0}, bytes = {0};
    ATH__TRY(ath__journal_segment(ctx, path, number, &name));
    ath_status status = ath__file_read(ctx, (const char *)name.data, 0, &bytes);
    if (status == ATH_OK) {
        ath__scan scan = {.data = bytes.data, .bytes = bytes.size};
        out->n_bytes = (int64_t)bytes.size;
        status = look_scan(ctx, path, &scan, out, n);
    }
    ath__bytes_free(ctx, &bytes);
    ath__bytes_free(ctx, &name);
    return status == ATH_E_NOT_FOUND ? ATH_OK : status;
}

ath_status ath_journal_look(ath_context *ctx, const char *path, ath_journal_glance *out)
{
    ath__bytes lock = {0};
    int64_t last = 0, n = 0;
    if (ctx == NULL || path == NULL || out == NULL) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "ath_journal_look: NULL argument");
    }
    if (out->size != sizeof *out) {
        return ath__fail(ctx, ATH_E_ABI, "ath_journal_look: a glance of %zu bytes", out->size);
    }
    *out = (ath_journal_glance){.size = sizeof *out};
    ATH__TRY(ath__journal_lock_path(ctx, path, &lock));
    ath_status status = ath__file_locked(ctx, (const char *)lock.data, &out->writing);
    ath__bytes_free(ctx, &lock);
    status = status == ATH_OK ? look_last(ctx, path, &last) : status;
    if (status == ATH_OK && last == 0) {
        return ath__fail(ctx, ATH_E_NOT_FOUND, "there is no journal in '%s'", path);
    }
    for (; status == ATH_OK && last > 0 && n == 0; last--) {
        status = look_segment(ctx, path, last, out, &n);
    }
    return status;
}
