/* Ranges of rows: who owns which part of the per-atom arrays. Private to the library.
 *
 * Rows are handed out in units of 32. Free ranges hang in lists by size: one list per size up to 63
 * units, then sixteen lists per doubling. Neighbouring free ranges are merged at once, with the
 * help of their lengths noted at both ends. Taking and giving back cost the same however much is in
 * use.
 */
#ifndef ATHANOR_DATA_RANGES_H
#define ATHANOR_DATA_RANGES_H

#include "base/base.h"

enum { ATH__ROW_UNIT = 32, ATH__RANGE_EXACT = 64, ATH__RANGE_BINS = 64 + 25 * 16 };

typedef struct ath__ranges {
    int32_t n_units;
    int32_t n_free;  /* units */
    int32_t *length; /* [n_units] at the first and last unit of a free range: its length; else 0 */
    int32_t *next;   /* [n_units] at the first unit of a free range: links of its list, -1: none */
    int32_t *prev;
    int32_t head[ATH__RANGE_BINS];                /* -1: empty */
    uint64_t filled[(ATH__RANGE_BINS + 63) / 64]; /* bit per list */
} ath__ranges;

/* An empty set; nothing to free until it has grown. */
void ath__ranges_init(ath__ranges *r);
/* Makes room for more units, all free; nothing has changed on failure. */
ath_status ath__ranges_grow(ath_context *ctx, ath__ranges *r, int32_t n_units);
void ath__ranges_free(ath_context *ctx, ath__ranges *r);
/* True if take would succeed. */
bool ath__ranges_can_take(const ath__ranges *r, int32_t n);
/* First unit of n consecutive ones, n >= 1; -1 if there are none. */
int32_t ath__ranges_take(ath__ranges *r, int32_t n);
void ath__ranges_give(ath__ranges *r, int32_t first, int32_t n);
/* All free. */
void ath__ranges_reset(ath__ranges *r);

#endif
