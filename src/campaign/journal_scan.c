/* journal_scan.c - see journal_scan.h. */
#include "campaign/journal_scan.h"

#include <string.h>

#include "data/bytes.h"

/* Whether a container begins here, of whatever version. */
static bool scan_begins(const ath__scan *s, size_t at)
{
    return s->bytes - at >= ATH__CONTAINER_HEAD && ath__container_begins(s->data + at);
}

/* The next byte at or after `at` where a container or a section begins. */
static size_t scan_find(const ath__scan *s, size_t at)
{
    const size_t section = ath__head_find(s->data, s->bytes, at, ATH__MARK_SECTION);
    for (; at < section; at++) {
        const uint8_t *next = memchr(s->data + at, ATH__CONTAINER_FIRST, section - at);
        if (next == NULL) {
            return section;
        }
        at = (size_t)(next - s->data);
        if (scan_begins(s, at)) {
            return at;
        }
    }
    return section;
}

static void scan_lose(ath__scan *s, size_t at)
{
    s->n_torn++;
    s->at = at;
}

/* A section with an intact head at `at`; false: its bytes are not. */
static bool scan_take(ath__scan *s, const ath__head *head, ath_section *out)
{
    const size_t body = s->at + ATH__SECTION_HEAD, left = s->bytes - body;
    const size_t n = head->length <= left ? (size_t)head->length : 0;
    *out = (ath_section){head->a, head->b, s->data + body, n};
    if (n < head->length || head->crc != ath__crc32c(0, out->data, n)) {
        /* not past its length: what is appended later must not come to lie within it */
        scan_lose(s, scan_find(s, s->at + 1));
        return false;
    }
    s->at = body + out->bytes;
    return true;
}

static ath__scan_event scan_close(ath__scan *s)
{
    s->open = false;
    s->closed = s->at;
    s->n_damaged += s->n_torn;
    s->n_torn = 0;
    return ATH__SCAN_CLOSE;
}

ath__scan_event ath__scan_next(ath__scan *s, ath_section *out, size_t *offset)
{
    while (s->at < s->bytes) {
        ath__head head;
        *offset = s->at;
        if (scan_begins(s, s->at)) {
            s->newer |= ath__le_get32(s->data + s->at + 8) > ATH__CONTAINER_VERSION;
            s->open = true;
            s->at += ATH__CONTAINER_HEAD;
            return ATH__SCAN_BEGIN;
        }
        if (s->bytes - s->at < ATH__SECTION_HEAD ||
            !ath__head_read(s->data + s->at, ATH__MARK_SECTION, &head)) {
            scan_lose(s, scan_find(s, s->at + 1));
        } else if (scan_take(s, &head, out)) {
            return out->id == ATH_SECTION_END ? scan_close(s) : ATH__SCAN_SECTION;
        }
    }
    return ATH__SCAN_END;
}
