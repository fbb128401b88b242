/* journal_index.c - see journal_index.h. Linear probing, at most half full. */
#include "campaign/journal_index.h"

enum { INDEX_FIRST = 256 };

static size_t index_home(const ath__index *index, ath_uid uid, int32_t stage)
{
    uint64_t h = (uid.lo ^ (uid.hi + (uint64_t)(uint32_t)stage)) * UINT64_C(0x9e3779b97f4a7c15);
    h ^= h >> 32;
    return (size_t)h & (index->n_slots - 1);
}

/* The slot of a key, or the free one where it would be. */
static size_t index_slot(const ath__index *index, ath_uid uid, int32_t stage)
{
    size_t at = index_home(index, uid, stage);
    while (index->slots[at] != 0) {
        const ath_record *r = &index->entries[index->slots[at] - 1].record;
        if (r->uid.lo == uid.lo && r->uid.hi == uid.hi && r->stage == stage) {
            break;
        }
        at = (at + 1) & (index->n_slots - 1);
    }
    return at;
}

int64_t ath__index_find(const ath__index *index, ath_uid uid, int32_t stage)
{
    return index->n_slots > 0 ? index->slots[index_slot(index, uid, stage)] - 1 : -1;
}

/* Puts all entries into slots that are free. */
static void index_fill(ath__index *index)
{
    for (int64_t i = 0; i < index->n; i++) {
        const ath_record *r = &index->entries[i].record;
        index->slots[index_slot(index, r->uid, r->stage)] = i + 1;
    }
}

static ath_status index_grow(ath_context *ctx, ath__index *index)
{
    const int64_t max = index->max > 0 ? 2 * index->max : INDEX_FIRST;
    int64_t *slots = NULL;
    size_t n_slots;
    if (ath__mul((size_t)max, 2, &n_slots)) {
        return ath__fail(ctx, ATH_E_NO_MEMORY, "out of memory");
    }
    ATH__TRY(ath__alloc(ctx, n_slots, sizeof *slots, &slots));
    const ath_status status =
        ath__resize(ctx, &index->entries, (size_t)index->max, (size_t)max, sizeof *index->entries);
    if (status != ATH_OK) {
        ath__free(ctx, &slots, n_slots, sizeof *slots);
        return status;
    }
    ath__free(ctx, &index->slots, index->n_slots, sizeof *index->slots);
    index->slots = slots;
    index->n_slots = n_slots;
    index->max = max;
    index_fill(index);
    return ATH_OK;
}

ath_status ath__index_add(ath_context *ctx, ath__index *index, const ath__entry *entry)
{
    const ath_record *r = &entry->record;
    if (index->n == index->max) {
        ATH__TRY(index_grow(ctx, index));
    }
    const size_t slot = index_slot(index, r->uid, r->stage);
    if (index->slots[slot] != 0) {
        return ATH_END;
    }
    index->entries[index->n++] = *entry;
    index->slots[slot] = index->n;
    return ATH_OK;
}

void ath__index_cut(ath__index *index, int64_t n)
{
    if (n < index->n) {
        index->n = n;
        for (size_t k = 0; k < index->n_slots; k++) {
            index->slots[k] = 0;
        }
        index_fill(index);
    }
}

void ath__index_free(ath_context *ctx, ath__index *index)
{
    ath__free(ctx, &index->entries, (size_t)index->max, sizeof *index->entries);
    ath__free(ctx, &index->slots, index->n_slots, sizeof *index->slots);
    *index = (ath__index){0};
}
