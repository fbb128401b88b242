/* What all samplers share, and what each kind provides. Private to flow.
 *
 * An input is a row of events: a system, a refused structure, a failed file, then the end. A
 * sampler takes events in order into its queue (one system for those that hand out in the order of
 * the input, a window for those that choose) and hands systems out of the queue. A kind is a table
 * of what it does with its queue; counting, labels, places, positions and failures that have to
 * wait are common. Objects of a kind begin with an ath_sampler.
 */
#ifndef ATHANOR_FLOW_SAMPLER_PRIVATE_H
#define ATHANOR_FLOW_SAMPLER_PRIVATE_H

#include <athanor/sampler.h>

#include "base/base.h"

/* The system that a request is going to hand out, while it is still in the queue. */
typedef struct ath__sampler_pick {
    ath_system *system;
    int64_t n_edges, frame;
    const char *file; /* NULL: none */
    bool repeated;    /* equal in content to one before */
} ath__sampler_pick;

typedef struct ath__sampler_ops {
    /* True if the queue should be longer before anything is chosen. */
    bool (*wants)(const ath_sampler *sampler);
    /* Takes one event of the input: ATH_OK with one more system in the queue, ATH_END, or a
     * failure, which has been counted and is the event; ATH_E_NO_MEMORY: no event, call again. */
    ath_status (*read)(ath_sampler *sampler);
    /* What fits the room: ATH_OK or ATH_AGAIN. Changes nothing that matters. */
    ath_status (*choose)(ath_sampler *sampler, const ath_sampler_room *room,
                         ath__sampler_pick *out);
    /* Takes the chosen one out of the queue. */
    void (*take)(ath_sampler *sampler);
    int64_t (*n_queued)(const ath_sampler *sampler); /* to choose from */
    /* Read but neither handed out nor refused; known to be left. */
    void (*extent)(const ath_sampler *sampler, int64_t *n_read, int64_t *n_left);
    void (*fini)(ath_sampler *sampler);
    /* Positions: for each system in the queue, in the order of the input, its event and how often
     * it was passed over: 2 x 8 bytes, little-endian. */
    void (*queue)(const ath_sampler *sampler, uint8_t *to);
    /* What was read last was handed out long ago (passes < 0), or stays. */
    void (*settle)(ath_sampler *sampler, int64_t passes);
    /* Settings that the order depends on; the rest of the state, as one number. May be NULL. */
    void (*settings)(const ath_sampler *sampler, ath__hash *hash);
    int64_t (*get_turn)(const ath_sampler *sampler);
    void (*set_turn)(ath_sampler *sampler, int64_t turn);
} ath__sampler_ops;

struct ath_sampler {
    ath_context *ctx;
    const ath__sampler_ops *ops;
    size_t bytes; /* of the object */
    int64_t max_atoms, max_edges;
    int32_t max_systems; /* of a batch, 0: no limit */
    bool ended;          /* the input has no more events */
    bool broken;         /* a position could not be loaded */
    char *file;          /* where the last one came from */
    int64_t frame;
    int64_t n_events;
    ath__hash events;    /* of all of them */
    ath_status deferred; /* a failure met while nobody asked for a system; ATH_OK: none */
    bool deferred_refusal;
    bool refused; /* the last failure was one structure's, which is gone */
    char deferred_text[sizeof((ath_context *)0)->message];
    ath_sampler_counts counts; /* without n_queued */
};

/* Whether the last request has failed because of one structure, which is gone (refused, or too
 * large for any batch), and not because of the input. */
bool ath__sampler_refused(const ath_sampler *sampler);
/* The user field of systems ("n_edges") in which a sampler that counts edges says how many. */
ath_status ath__sampler_edge_field(ath_context *ctx, ath_field_id *out);
/* Zeroed memory for an object of a kind. */
ath_status ath__sampler_create(ath_context *ctx, const ath__sampler_ops *ops, size_t bytes,
                               void *out);
/* One event has been taken in: uid of a system, or the status of a failure. */
void ath__sampler_event(ath_sampler *sampler, ath_status status, ath_uid uid);
/* Remembers where something came from; file is copied, may be NULL. */
ath_status ath__sampler_place(ath_sampler *sampler, const char *file, int64_t frame);
/* Systems of the window that a sampler by size has looked at so far; for tests. */
int64_t ath__sampler_size_looks(const ath_sampler *sampler);
/* Keeps a failure and its message for the next request. */
void ath__sampler_defer(ath_sampler *sampler, ath_status status, bool refused);

#endif
