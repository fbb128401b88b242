/* What the bytes of a segment hold, whole or not (docs/formats.md). Private to campaign.
 *
 * A segment is one container behind the other: first one that says which segment it is, then one
 * for each group. A section counts if its head and its bytes are as they were written; where they
 * are not, the scan goes on at the next head that is. Nothing is believed about sizes beyond the
 * bytes that are there.
 */
#ifndef ATHANOR_CAMPAIGN_JOURNAL_SCAN_H
#define ATHANOR_CAMPAIGN_JOURNAL_SCAN_H

#include "data/container.h"

#define ATH__SECTION_SEGMENT ATH_SECTION_ID('S', 'E', 'G', 'M')
#define ATH__SECTION_RECORD ATH_SECTION_ID('R', 'E', 'C', 'D')
#define ATH__SECTION_COMMIT ATH_SECTION_ID('C', 'M', 'I', 'T')

typedef struct ath__scan {
    const uint8_t *data;
    size_t bytes, at;
    size_t closed;     /* behind the last container that is closed by its END */
    bool open;         /* the last container seen is not closed */
    bool newer;        /* there is a container of a newer format */
    int64_t n_damaged; /* places that are damaged, before `closed` */
    int64_t n_torn;    /* the same behind it */
} ath__scan;

typedef enum ath__scan_event {
    ATH__SCAN_END,     /* of the bytes */
    ATH__SCAN_BEGIN,   /* of a container */
    ATH__SCAN_SECTION, /* an intact one */
    ATH__SCAN_CLOSE    /* of a container */
} ath__scan_event;

/* The next event; a section in *out, whose head is at *offset. */
ath__scan_event ath__scan_next(ath__scan *s, ath_section *out, size_t *offset);

#endif
