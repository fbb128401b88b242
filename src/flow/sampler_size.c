/* The sampler that looks ahead and hands out what fits.
 *
 * Before anything is chosen the window is filled up to its full size, or to the end of the source:
 * so the choice is a function of the source and of the requests, never of how fast a thread reads.
 * What is chosen is said in sampler.h; how it is found, in sampler_window.h.
 *
 * Two rules keep a system from waiting for ever. One that was passed over `patience` times (it was
 * its turn, it did not fit, and one behind it was handed out) is the next one. So is the first in
 * the order of the source if `patience` times `window` later ones have overtaken it, which happens
 * if it is never its turn. All that came before it have been handed out, so the number of those
 * that overtook it is that of all handed out less its place among all that were read.
 *
 * With `shuffle` the place in a bin is a random number of seed and event, else the event.
 */
#include <math.h>
#include <string.h>

#include "base/philox.h"
#include "data/bytes.h"
#include "flow/feed.h"
#include "flow/sampler_window.h"

enum {
    SIZE_WINDOW = 1024,
    SIZE_PATIENCE = 64,
    SIZE_AHEAD = 1024,        /* events that the thread reads ahead at most */
    SIZE_PURPOSE = 0x73697a65 /* of the random numbers */
};
#define SIZE_NO_TURN INT64_C(-1) /* the next batch begins with the first bin */

typedef struct size_sampler {
    ath_sampler base;
    ath_sampler_size_config config; /* defaults filled in */
    ath__feed *feed;
    ath__arrival arrived;     /* system NULL: none; else it could not be put into the window yet */
    ath__window_entry *spare; /* for the next one */
    ath__window window;
    int64_t n_put; /* systems that were ever put into it */
    int64_t turn;  /* bin that was last served by the batch being filled */
    /* what was chosen, until it is taken */
    ath__window_entry *chosen;
    bool chosen_initial, chosen_waiting;
} size_sampler;

static size_sampler *size_of(const ath_sampler *sampler)
{
    return (size_sampler *)sampler; /* base comes first */
}

/* ---- reading ---- */

static bool size_wants(const ath_sampler *sampler)
{
    const size_sampler *s = size_of(sampler);
    return s->config.window < 0 || s->window.n < s->config.window;
}

/* A system that no batch can have is refused. */
static ath_status size_judge(size_sampler *s)
{
    const int64_t n_atoms = ath_system_n_atoms(s->arrived.system);
    const int64_t n_edges = s->arrived.n_edges;
    const int64_t max_atoms = s->base.max_atoms, max_edges = s->base.max_edges;
    const bool many_atoms = max_atoms && n_atoms > max_atoms;
    const bool many_edges = max_edges && n_edges > max_edges;
    if (!many_atoms && !many_edges) {
        return ATH_OK;
    }
    const char *file = ath_system_source(s->arrived.system, NULL);
    ATH__TRY(ath__sampler_place(&s->base, file, s->arrived.frame));
    return ath__fail(s->base.ctx, ATH_E_RANGE,
                     "%lld %s, a batch has %lld at most: this system can never fit",
                     (long long)(many_atoms ? n_atoms : n_edges), many_atoms ? "atoms" : "edges",
                     (long long)(many_atoms ? max_atoms : max_edges));
}

/* Puts what has arrived into the window. */
static void size_put(size_sampler *s)
{
    ath__window_entry *entry = s->spare;
    const int64_t event = s->base.n_events;
    uint32_t key[2], words[4];
    ath__philox_key((uint64_t)s->config.seed, key);
    ath__philox_counter((uint64_t)event, 0, SIZE_PURPOSE, words);
    ath__philox4x32(key, words, words);
    *entry = (ath__window_entry){.system = s->arrived.system,
                                 .n_edges = s->arrived.n_edges,
                                 .frame = s->arrived.frame,
                                 .event = event,
                                 .ordinal = s->n_put++,
                                 .repeated = s->arrived.repeated,
                                 .n_atoms = ath_system_n_atoms(s->arrived.system),
                                 .priority = words[2]};
    entry->bin = entry->n_atoms / s->config.bin_width;
    if (s->config.shuffle) {
        entry->key = (uint64_t)words[1] << 32 | words[0];
    }
    ath__window_put(&s->window, entry);
    s->spare = NULL;
    s->arrived.system = NULL;
}

static ath_status size_read(ath_sampler *sampler)
{
    size_sampler *s = size_of(sampler);
    ath_status status = ATH_OK;
    if (!s->spare) {
        ATH__TRY(ath__alloc(sampler->ctx, 1, sizeof *s->spare, &s->spare));
    }
    if (!s->arrived.system) {
        status = ath__feed_next(s->feed, &s->arrived);
        if (status < 0 && status != ATH_E_NO_MEMORY) {
            sampler->counts.n_refused += s->arrived.refused;
            ath__sampler_event(sampler, status, (ath_uid){0});
        }
        if (status != ATH_OK) {
            return status;
        }
    }
    status = size_judge(s);
    if (status == ATH_E_NO_MEMORY) {
        return status;
    }
    const ath_uid uid = ath_system_uid(s->arrived.system);
    if (status == ATH_OK) {
        size_put(s);
    } else {
        sampler->counts.n_refused++;
        ath_system_destroy(&s->arrived.system);
    }
    ath__sampler_event(sampler, ATH_OK, uid);
    return status;
}

/* ---- choosing ---- */

/* The system that has waited too long; NULL if none has. */
static ath__window_entry *size_waiting(size_sampler *s)
{
    const ath__window_entry *root = s->window.root;
    if (root->most_passes >= s->config.patience) {
        return ath__window_waiting(&s->window);
    }
    ath__window_entry *oldest = s->window.oldest;
    const int64_t overtaken = s->base.counts.n_systems - oldest->ordinal;
    const bool ever = s->config.window < 0 || /* the source is read to its end: it has an end */
                      overtaken < (int64_t)s->config.patience * s->config.window;
    return ever ? NULL : oldest;
}

/* True if the room is that of an empty batch: a new one is being filled. */
static bool size_is_empty(const size_sampler *s, const ath_sampler_room *room)
{
    const ath_sampler *base = &s->base;
    return (!base->max_systems || room->n_systems < 0 || room->n_systems >= base->max_systems) &&
           (!base->max_atoms || room->n_atoms < 0 || room->n_atoms >= base->max_atoms) &&
           (!base->max_edges || room->n_edges < 0 || room->n_edges >= base->max_edges);
}

static ath_status size_choose(ath_sampler *sampler, const ath_sampler_room *given,
                              ath__sampler_pick *out)
{
    size_sampler *s = size_of(sampler);
    const ath__window_room room = {given->n_atoms < 0 ? INT64_MAX : given->n_atoms,
                                   given->n_edges < 0 ? INT64_MAX : given->n_edges};
    ath__window_entry *entry = size_waiting(s);
    s->chosen_waiting = entry != NULL;
    s->chosen_initial = given->initial;
    if (given->initial && size_is_empty(s, given)) {
        s->turn = SIZE_NO_TURN;
    }
    if (entry && !ath__window_fits(entry, &room)) {
        if (!given->initial) {
            return ATH_AGAIN; /* so that room accumulates */
        }
        entry = NULL;
        s->chosen_waiting = false;
    }
    if (!entry && !given->initial) {
        entry = ath__window_largest(&s->window, s->config.bin_width, &room);
    } else if (!entry) {
        entry = ath__window_turn(&s->window, s->turn, &room);
        if (!entry && s->turn != SIZE_NO_TURN) { /* the next round */
            entry = ath__window_turn(&s->window, SIZE_NO_TURN, &room);
        }
    }
    s->chosen = entry;
    if (!entry) {
        return ATH_AGAIN;
    }
    *out = (ath__sampler_pick){.system = entry->system,
                               .n_edges = entry->n_edges,
                               .frame = entry->frame,
                               .file = ath_system_source(entry->system, NULL),
                               .repeated = entry->repeated};
    return ATH_OK;
}

static void size_drop(size_sampler *s, ath__window_entry *entry)
{
    ath__window_remove(&s->window, entry);
    ath__free(s->base.ctx, &entry, 1, sizeof *entry);
}

static void size_take(ath_sampler *sampler)
{
    size_sampler *s = size_of(sampler);
    if (s->chosen_initial) {
        s->turn = s->chosen->bin;
    } else {
        s->turn = SIZE_NO_TURN;
        if (!s->chosen_waiting) {
            ath__window_pass_over(&s->window, s->chosen);
        }
    }
    size_drop(s, s->chosen);
    s->chosen = NULL;
}

/* ---- the rest of a sampler ---- */

static int64_t size_n_queued(const ath_sampler *sampler)
{
    return size_of(sampler)->window.n;
}

static void size_extent(const ath_sampler *sampler, int64_t *n_read, int64_t *n_left)
{
    const size_sampler *s = size_of(sampler);
    const int64_t n = s->window.n + (s->arrived.system != NULL);
    ath__feed_extent(s->feed, n_read, n_left);
    *n_read += n;
    *n_left += n;
}

static void size_queue(const ath_sampler *sampler, uint8_t *to)
{
    size_sampler *s = size_of(sampler);
    ath__window_settle(&s->window);
    for (const ath__window_entry *entry = s->window.oldest; entry; entry = entry->newer) {
        ath__le_put64(to, (uint64_t)entry->event);
        ath__le_put64(to + 8, (uint64_t)entry->passes);
        to += 16;
    }
}

static void size_settle(ath_sampler *sampler, int64_t passes)
{
    size_sampler *s = size_of(sampler);
    ath__window_entry *entry = s->window.newest;
    if (passes < 0) {
        ath_system_destroy(&entry->system);
        size_drop(s, entry);
    } else { /* in again, so that the tree knows */
        ath__window_remove(&s->window, entry);
        entry->passes = (int32_t)passes;
        ath__window_put(&s->window, entry);
    }
}

static void size_settings(const ath_sampler *sampler, ath__hash *hash)
{
    const ath_sampler_size_config *c = &size_of(sampler)->config;
    uint64_t cutoff;
    uint8_t bytes[8];
    memcpy(&cutoff, &c->edge_cutoff, sizeof cutoff);
    const uint64_t words[] = {
        (uint64_t)c->max_atoms, (uint64_t)c->max_edges, (uint64_t)c->max_systems,
        (uint64_t)c->bin_width, (uint64_t)c->shuffle,   (uint64_t)c->seed,
        (uint64_t)c->window,    (uint64_t)c->patience,  cutoff};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        ath__le_put64(bytes, words[i]);
        ath__hash_update(hash, bytes, sizeof bytes);
    }
}

static int64_t size_get_turn(const ath_sampler *sampler)
{
    return size_of(sampler)->turn;
}

static void size_set_turn(ath_sampler *sampler, int64_t turn)
{
    size_of(sampler)->turn = turn;
}

static void size_fini(ath_sampler *sampler)
{
    size_sampler *s = size_of(sampler);
    ath__feed_destroy(&s->feed);
    ath_system_destroy(&s->arrived.system);
    while (s->window.oldest) {
        ath__window_entry *entry = s->window.oldest;
        s->window.oldest = entry->newer;
        ath_system_destroy(&entry->system);
        ath__free(sampler->ctx, &entry, 1, sizeof *entry);
    }
    ath__free(sampler->ctx, &s->spare, 1, sizeof *s->spare);
}

static const ath__sampler_ops size_ops = {.wants = size_wants,
                                          .read = size_read,
                                          .choose = size_choose,
                                          .take = size_take,
                                          .n_queued = size_n_queued,
                                          .extent = size_extent,
                                          .fini = size_fini,
                                          .queue = size_queue,
                                          .settle = size_settle,
                                          .settings = size_settings,
                                          .get_turn = size_get_turn,
                                          .set_turn = size_set_turn};

int64_t ath__sampler_size_looks(const ath_sampler *sampler)
{
    return size_of(sampler)->window.n_looks;
}

/* ---- making one ---- */

static ath_status size_check(ath_context *ctx, const ath_sampler_size_config *c)
{
    const char *wrong = NULL;
    if (!c->source) {
        wrong = "source is NULL";
    } else if (c->max_atoms < 0 || c->max_edges < 0 || c->max_systems < 0) {
        wrong = "max_atoms, max_edges and max_systems must not be negative";
    } else if (c->max_atoms == 0 && c->max_systems == 0) {
        wrong = "at least one of max_atoms and max_systems is needed";
    } else if (c->bin_width < 0 || c->patience < 0) {
        wrong = "bin_width and patience must not be negative";
    } else if (!(c->edge_cutoff >= 0.0) || !isfinite(c->edge_cutoff)) {
        wrong = "edge_cutoff must be a number of angstrom, or 0";
    } else if (c->max_edges > 0 && c->edge_cutoff == 0.0) {
        wrong = "max_edges needs an edge_cutoff";
    } else if (c->prefetch && c->source->ctx == ctx) {
        wrong = "with prefetch the source must belong to another context";
    }
    return wrong ? ath__fail(ctx, ATH_E_ARGUMENT, "ath_sampler_by_size: %s", wrong) : ATH_OK;
}

ath_status ath_sampler_by_size(ath_context *ctx, const ath_sampler_size_config *config,
                               ath_sampler **out)
{
    size_sampler *s = NULL;
    if (!ctx || !config || !out) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "ath_sampler_by_size: NULL argument");
    }
    *out = NULL;
    if (config->size != sizeof *config) {
        return ath__fail(ctx, ATH_E_ABI, "ath_sampler_size_config of another version");
    }
    ATH__TRY(size_check(ctx, config));
    ATH__TRY(ath__sampler_create(ctx, &size_ops, sizeof *s, &s));
    s->config = *config;
    s->config.bin_width = config->bin_width ? config->bin_width : 1;
    s->config.window = config->window ? config->window : SIZE_WINDOW;
    s->config.patience = config->patience ? config->patience : SIZE_PATIENCE;
    s->base.max_atoms = config->max_atoms;
    s->base.max_edges = config->max_edges;
    s->base.max_systems = config->max_systems;
    s->turn = SIZE_NO_TURN;
    const int64_t ahead =
        s->config.window < 0 || s->config.window > SIZE_AHEAD ? SIZE_AHEAD : s->config.window;
    const ath__feed_config feed = {.owner = &s->base,
                                   .source = config->source,
                                   .edge_cutoff = config->edge_cutoff,
                                   .n_ahead = config->prefetch ? ahead : 0};
    const ath_status status = ath__feed_create(&feed, &s->feed);
    *out = &s->base;
    if (status != ATH_OK) {
        ath_sampler_destroy(out);
    }
    return status;
}
