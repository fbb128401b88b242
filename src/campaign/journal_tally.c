/* journal_tally.c - how many groups have been acknowledged, in a file beside the segments.
 *
 * A journal that has lost groups at its very end looks like one that never had them. So after each
 * commit the number of groups is appended here: u64 number, u32 checksum of it, u32 0. It is not
 * synced and a failure to write it is none of the journal: it may say less than is true, never
 * more.
 */
#include "campaign/journal_private.h"
#include "data/bytes.h"

enum { TALLY_BYTES = 16 };

static ath_status tally_path(const ath_journal *j, ath__bytes *out)
{
    *out = (ath__bytes){0};
    ath_status status = ath__bytes_print(j->ctx, out, "%s/tally", j->path);
    status = status == ATH_OK ? ath__bytes_append(j->ctx, out, "", 1) : status;
    if (status != ATH_OK) {
        ath__bytes_free(j->ctx, out);
    }
    return status;
}

/* Goes on behind what there is, less a torn end. */
static ath_status tally_extend(ath_journal *j, const char *path, size_t size)
{
    const size_t whole = size - size % TALLY_BYTES;
    if (whole < size) {
        ATH__TRY(ath__file_cut(j->ctx, path, whole));
    }
    return size > 0 ? ath__file_extend(j->ctx, path, whole, &j->tally)
                    : ath__file_create(j->ctx, path, false, &j->tally);
}

ath_status ath__tally_open(ath_journal *j, int64_t *groups)
{
    ath__bytes path = {0}, bytes = {0};
    *groups = 0;
    ATH__TRY(tally_path(j, &path));
    ath_status status = ath__file_read(j->ctx, (const char *)path.data, 0, &bytes);
    status = status == ATH_E_NOT_FOUND ? ATH_OK : status;
    for (size_t at = 0; status == ATH_OK && bytes.size - at >= TALLY_BYTES; at += TALLY_BYTES) {
        const uint8_t *p = bytes.data + at;
        const int64_t n = (int64_t)ath__le_get64(p);
        *groups = ath__le_get32(p + 8) == ath__crc32c(0, p, 8) && n > *groups ? n : *groups;
    }
    if (status == ATH_OK && j->config.write) {
        status = tally_extend(j, (const char *)path.data, bytes.size);
    }
    ath__bytes_free(j->ctx, &bytes);
    ath__bytes_free(j->ctx, &path);
    return status;
}

void ath__tally_write(ath_journal *j)
{
    uint8_t bytes[TALLY_BYTES] = {0};
    ath__le_put64(bytes, (uint64_t)j->found.n_groups);
    ath__le_put32(bytes + 8, ath__crc32c(0, bytes, 8));
    if (j->tally.path && !j->tally.failed &&
        (ath__file_write(&j->tally, bytes, sizeof bytes) != ATH_OK ||
         ath__file_flush(&j->tally, false) != ATH_OK)) {
        (void)ath__file_close(&j->tally); /* it may say less */
    }
}
