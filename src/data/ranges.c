/* Ranges of rows by segregated fit with boundary tags (Knuth, The Art of Computer Programming
 * 1, 2.5; the lists by size after Masmano, Ripoll, Crespo and Real, TLSF, 2004).
 */
#include "data/ranges.h"

#include <string.h>

/* List of a length: the list itself for short ones, else its leading five binary digits. */
static int32_t ranges_bin(int32_t n)
{
    if (n < ATH__RANGE_EXACT) {
        return n;
    }
    const int32_t log2 = 31 - __builtin_clz((uint32_t)n); /* >= 6 */
    return ATH__RANGE_EXACT + (log2 - 6) * 16 + ((n >> (log2 - 4)) & 15);
}

static void ranges_link(ath__ranges *r, int32_t first, int32_t n)
{
    const int32_t bin = ranges_bin(n);
    r->length[first] = n;
    r->length[first + n - 1] = n;
    r->prev[first] = -1;
    r->next[first] = r->head[bin];
    if (r->head[bin] >= 0) {
        r->prev[r->head[bin]] = first;
    }
    r->head[bin] = first;
    r->filled[bin / 64] |= UINT64_C(1) << bin % 64;
    r->n_free += n;
}

static void ranges_unlink(ath__ranges *r, int32_t first)
{
    const int32_t n = r->length[first], bin = ranges_bin(n);
    if (r->prev[first] >= 0) {
        r->next[r->prev[first]] = r->next[first];
    } else {
        r->head[bin] = r->next[first];
        if (r->head[bin] < 0) {
            r->filled[bin / 64] &= ~(UINT64_C(1) << bin % 64);
        }
    }
    if (r->next[first] >= 0) {
        r->prev[r->next[first]] = r->prev[first];
    }
    r->length[first] = 0;
    r->length[first + n - 1] = 0;
    r->n_free -= n;
}

void ath__ranges_init(ath__ranges *r)
{
    *r = (ath__ranges){0};
    memset(r->head, 0xff, sizeof r->head); /* -1 */
}

void ath__ranges_reset(ath__ranges *r)
{
    memset(r->head, 0xff, sizeof r->head);
    memset(r->filled, 0, sizeof r->filled);
    r->n_free = 0;
    if (r->n_units > 0) {
        memset(r->length, 0, (size_t)r->n_units * sizeof *r->length);
        ranges_link(r, 0, r->n_units);
    }
}

ath_status ath__ranges_grow(ath_context *ctx, ath__ranges *r, int32_t n_units)
{
    int32_t *block = NULL;
    const int32_t old = r->n_units;
    const size_t n = (size_t)n_units, bytes = (size_t)old * sizeof *block;
    if (n_units <= old) {
        return ATH_OK;
    }
    ATH__TRY(ath__alloc(ctx, n, 3 * sizeof *block, &block));
    if (old > 0) {
        memcpy(block, r->length, bytes);
        memcpy(block + n, r->next, bytes);
        memcpy(block + 2 * n, r->prev, bytes);
    }
    ath__free(ctx, &r->length, (size_t)old, 3 * sizeof *block);
    r->length = block;
    r->next = block + n;
    r->prev = block + 2 * n;
    r->n_units = n_units;
    ath__ranges_give(r, old, n_units - old);
    return ATH_OK;
}

void ath__ranges_free(ath_context *ctx, ath__ranges *r)
{
    ath__free(ctx, &r->length, (size_t)r->n_units, 3 * sizeof *r->length);
    ath__ranges_init(r);
}

/* A range of at least n units: from the list of n if one there is long enough, else from the next
 * list that has any, where all are. -1: none. */
static int32_t ranges_find(const ath__ranges *r, int32_t n)
{
    const int32_t bin = ranges_bin(n);
    for (int32_t first = r->head[bin]; first >= 0; first = r->next[first]) {
        if (r->length[first] >= n) {
            return first;
        }
    }
    int32_t word = (bin + 1) / 64;
    uint64_t bits = r->filled[word] & (~UINT64_C(0) << (bin + 1) % 64);
    const int32_t n_words = (int32_t)(sizeof r->filled / sizeof r->filled[0]);
    while (bits == 0) {
        if (++word >= n_words) {
            return -1;
        }
        bits = r->filled[word];
    }
    return r->head[word * 64 + __builtin_ctzll(bits)];
}

bool ath__ranges_can_take(const ath__ranges *r, int32_t n)
{
    return n <= r->n_free && ranges_find(r, n) >= 0;
}

int32_t ath__ranges_take(ath__ranges *r, int32_t n)
{
    const int32_t first = n <= r->n_free ? ranges_find(r, n) : -1;
    if (first < 0) {
        return -1;
    }
    const int32_t length = r->length[first];
    ranges_unlink(r, first);
    if (length > n) {
        ranges_link(r, first + n, length - n);
    }
    return first;
}

void ath__ranges_give(ath__ranges *r, int32_t first, int32_t n)
{
    /* A unit next to a used range that carries a length is the end of a free one. */
    if (first > 0 && r->length[first - 1] > 0) {
        const int32_t before = r->length[first - 1];
        first -= before;
        n += before;
        ranges_unlink(r, first);
    }
    if (first + n < r->n_units && r->length[first + n] > 0) {
        const int32_t after = r->length[first + n];
        ranges_unlink(r, first + n);
        n += after;
    }
    ranges_link(r, first, n);
}
