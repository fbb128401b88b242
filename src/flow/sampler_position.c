/* Positions of samplers: how far the input was read, and what of it was still waiting.
 *
 * A position is little-endian words of 64 bits: a mark, a hash of the settings, the number of
 * events taken from the input and a hash of all of them (status and uid), whether the last one was
 * a failure that nobody has been told yet, the counts, the turn, then the queue in the order of the
 * input (event, times passed over), and the CRC-32C of all words before. Loading reads as many
 * events again, keeps what was in the queue and lets the rest go, so that identities, which depend
 * on all that came before, continue.
 */
#include <string.h>

#include "data/bytes.h"
#include "flow/sampler_private.h"

/* "ATHSMPL1" */
#define POSITION_MARK UINT64_C(0x314c504d53485441)

enum {
    POSITION_IS,
    POSITION_SETTINGS, /* 2 */
    POSITION_N_EVENTS = POSITION_SETTINGS + 2,
    POSITION_EVENTS, /* 2 */
    POSITION_DEFERRED = POSITION_EVENTS + 2,
    POSITION_COUNTS, /* 5 */
    POSITION_TURN = POSITION_COUNTS + 5,
    POSITION_N_QUEUED,
    POSITION_QUEUE
};

static void position_settings(const ath_sampler *s, uint64_t out[2])
{
    ath__hash hash;
    ath__hash_begin(&hash, 1, 0);
    if (s->ops->settings) {
        s->ops->settings(s, &hash);
    }
    ath__hash_end(&hash, out);
}

static void position_events(const ath_sampler *s, uint64_t out[2])
{
    ath__hash hash = s->events;
    ath__hash_end(&hash, out);
}

static void position_put(uint8_t *to, size_t word, uint64_t value)
{
    ath__le_put64(to + 8 * word, value);
}

static uint64_t position_get(const uint8_t *from, size_t word)
{
    return ath__le_get64(from + 8 * word);
}

ath_status ath_sampler_save(ath_sampler *sampler, void *buffer, size_t *bytes)
{
    if (!sampler || !bytes) {
        return ath__fail(sampler ? sampler->ctx : NULL, ATH_E_ARGUMENT,
                         "ath_sampler_save: NULL argument");
    }
    if (sampler->broken) {
        return ath__fail(sampler->ctx, ATH_E_STATE,
                         "the position of this sampler could not be loaded");
    }
    const ath_sampler *s = sampler;
    const int64_t n_queued = s->ops->n_queued(s);
    const size_t n_words = POSITION_QUEUE + 2 * (size_t)n_queued, need = 8 * (n_words + 1);
    const size_t given = *bytes;
    *bytes = need;
    if (!buffer) {
        return ATH_OK;
    }
    if (given < need) {
        return ath__fail(s->ctx, ATH_E_RANGE, "the position of this sampler takes %zu bytes", need);
    }
    uint64_t pair[2];
    uint8_t *to = buffer;
    position_put(to, POSITION_IS, POSITION_MARK);
    position_settings(s, pair);
    position_put(to, POSITION_SETTINGS, pair[0]);
    position_put(to, POSITION_SETTINGS + 1, pair[1]);
    position_put(to, POSITION_N_EVENTS, (uint64_t)s->n_events);
    position_events(s, pair);
    position_put(to, POSITION_EVENTS, pair[0]);
    position_put(to, POSITION_EVENTS + 1, pair[1]);
    position_put(to, POSITION_DEFERRED, s->deferred != ATH_OK);
    const int64_t counts[5] = {s->counts.n_systems, s->counts.n_atoms, s->counts.n_refused,
                               s->counts.n_repeated, s->counts.n_deferred};
    for (size_t i = 0; i < 5; i++) {
        position_put(to, POSITION_COUNTS + i, (uint64_t)counts[i]);
    }
    position_put(to, POSITION_TURN, (uint64_t)(s->ops->get_turn ? s->ops->get_turn(s) : 0));
    position_put(to, POSITION_N_QUEUED, (uint64_t)n_queued);
    s->ops->queue(s, to + 8 * (size_t)POSITION_QUEUE);
    position_put(to, n_words, ath__crc32c(0, to, 8 * n_words));
    return ATH_OK;
}

/* ---- loading ---- */

static ath_status position_damaged(const ath_sampler *s)
{
    return ath__fail(s->ctx, ATH_E_FORMAT, "these bytes are no position of a sampler");
}

/* Everything that can be said without reading the input. */
static ath_status position_check(const ath_sampler *s, const uint8_t *from, size_t bytes)
{
    uint64_t pair[2];
    const size_t n_words = bytes / 8;
    if (bytes % 8 != 0 || n_words < POSITION_QUEUE + 1 ||
        position_get(from, POSITION_IS) != POSITION_MARK ||
        position_get(from, n_words - 1) != ath__crc32c(0, from, bytes - 8)) {
        return position_damaged(s);
    }
    const uint64_t n_queued = position_get(from, POSITION_N_QUEUED);
    const uint64_t n_events = position_get(from, POSITION_N_EVENTS);
    if (n_queued != (n_words - POSITION_QUEUE - 1) / 2 || n_words % 2 != (POSITION_QUEUE + 1) % 2 ||
        n_events > INT64_MAX) {
        return position_damaged(s);
    }
    for (size_t i = 0; i < 5; i++) { /* they are added to */
        if (position_get(from, POSITION_COUNTS + i) > INT64_MAX / 4) {
            return position_damaged(s);
        }
    }
    for (size_t i = 0, event = 0; i < n_queued; i++) {
        const uint64_t next = position_get(from, POSITION_QUEUE + 2 * i);
        if (next >= n_events || (i > 0 && next <= event) ||
            position_get(from, POSITION_QUEUE + 2 * i + 1) > INT32_MAX) {
            return position_damaged(s);
        }
        event = next;
    }
    position_settings(s, pair);
    if (pair[0] != position_get(from, POSITION_SETTINGS) ||
        pair[1] != position_get(from, POSITION_SETTINGS + 1)) {
        return ath__fail(s->ctx, ATH_E_FORMAT, "this position is of a sampler with other settings");
    }
    return ATH_OK;
}

static ath_status position_other_input(const ath_sampler *s, int64_t event)
{
    return ath__fail(s->ctx, ATH_E_FORMAT,
                     "the input is not that of the position: it differs within the first %lld "
                     "structures",
                     (long long)event);
}

/* Reads the events of the position again. */
static ath_status position_replay(ath_sampler *s, const uint8_t *from)
{
    const int64_t n_events = (int64_t)position_get(from, POSITION_N_EVENTS);
    const size_t n_queued = (size_t)position_get(from, POSITION_N_QUEUED);
    const bool deferred = position_get(from, POSITION_DEFERRED) != 0;
    uint64_t pair[2];
    size_t next = 0;
    for (int64_t event = 0; event < n_events; event++) {
        const uint8_t *place = from + 8 * (POSITION_QUEUE + 2 * next);
        const bool stays = next < n_queued && ath__le_get64(place) == (uint64_t)event;
        const int64_t n_refused = s->counts.n_refused;
        const ath_status status = s->ops->read(s);
        if (status == ATH_E_NO_MEMORY) {
            return status;
        }
        if (status == ATH_END || (status < 0 && stays)) {
            return position_other_input(s, n_events);
        }
        if (status == ATH_OK) {
            s->ops->settle(s, stays ? (int64_t)ath__le_get64(place + 8) : -1);
            next += stays;
        }
        if (event == n_events - 1 && deferred) {
            if (status == ATH_OK) {
                return position_other_input(s, n_events);
            }
            ath__sampler_defer(s, status, s->counts.n_refused > n_refused);
        }
    }
    position_events(s, pair);
    return pair[0] == position_get(from, POSITION_EVENTS) &&
                   pair[1] == position_get(from, POSITION_EVENTS + 1)
               ? ATH_OK
               : position_other_input(s, n_events);
}

ath_status ath_sampler_load(ath_sampler *sampler, const void *data, size_t bytes)
{
    if (!sampler || !data) {
        return ath__fail(sampler ? sampler->ctx : NULL, ATH_E_ARGUMENT,
                         "ath_sampler_load: NULL argument");
    }
    if (sampler->n_events || sampler->ended || sampler->broken) {
        return ath__fail(sampler->ctx, ATH_E_STATE, "a position is loaded before anything is read");
    }
    ATH__TRY(position_check(sampler, data, bytes));
    const ath_status status = position_replay(sampler, data);
    if (status != ATH_OK) {
        sampler->broken = true;
        return status;
    }
    sampler->counts.n_systems = (int64_t)position_get(data, POSITION_COUNTS);
    sampler->counts.n_atoms = (int64_t)position_get(data, POSITION_COUNTS + 1);
    sampler->counts.n_refused = (int64_t)position_get(data, POSITION_COUNTS + 2);
    sampler->counts.n_repeated = (int64_t)position_get(data, POSITION_COUNTS + 3);
    sampler->counts.n_deferred = (int64_t)position_get(data, POSITION_COUNTS + 4);
    if (sampler->ops->set_turn) {
        sampler->ops->set_turn(sampler, (int64_t)position_get(data, POSITION_TURN));
    }
    return ATH_OK;
}
