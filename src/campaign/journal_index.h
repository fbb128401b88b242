/* The records that a journal knows, and where they are. Private to campaign. */
#ifndef ATHANOR_CAMPAIGN_JOURNAL_INDEX_H
#define ATHANOR_CAMPAIGN_JOURNAL_INDEX_H

#include <athanor/journal.h>

#include "base/base.h"

/* Text and file of `record` are NULL; bytes are those of the section with its head. */
typedef struct ath__entry {
    ath_record record;
    uint64_t offset; /* of the section's head in the segment */
    int32_t segment; /* from 1 */
} ath__entry;

typedef struct ath__index {
    ath__entry *entries; /* in the order in which they came */
    int64_t n, max;
    int64_t *slots; /* open addressing: number of the entry + 1, 0 is free */
    size_t n_slots; /* 0 or a power of two */
} ath__index;

/* Number of the entry, -1 if there is none. */
int64_t ath__index_find(const ath__index *index, ath_uid uid, int32_t stage);
/* Adds one. ATH_END if the key is there already: nothing is added. */
ath_status ath__index_add(ath_context *ctx, ath__index *index, const ath__entry *entry);
/* Takes the entries from `n` on out again. */
void ath__index_cut(ath__index *index, int64_t n);
void ath__index_free(ath_context *ctx, ath__index *index);

#endif
