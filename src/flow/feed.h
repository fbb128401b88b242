/* A feed: what a source gives, in its order, with edges counted, in the context of the receiver; on
 * request a thread reads ahead. Private to flow.
 *
 * If the source belongs to another context, systems travel as packets. The thread uses the source,
 * its context and a ring of events; everything that it allocates it frees itself. A failure stops
 * it until the receiver has seen it, so that message and place of the failure stand where the
 * source left them, and so that nothing is read behind a failure that may repeat.
 */
#ifndef ATHANOR_FLOW_FEED_H
#define ATHANOR_FLOW_FEED_H

#include "flow/sampler_private.h"

typedef struct ath__feed ath__feed;

typedef struct ath__feed_config {
    ath_sampler *owner;  /* who receives; its `where` is set by failures */
    ath_sampler *source; /* borrowed */
    double edge_cutoff;  /* 0: no edges */
    int64_t n_ahead;     /* events that a thread reads ahead; 0: no thread */
} ath__feed_config;

/* One event. */
typedef struct ath__arrival {
    ath_system *system;
    int64_t n_edges, frame;
    bool repeated; /* equal in content to one before */
    bool refused;  /* a failure that costs this structure and nothing else */
} ath__arrival;

ath_status ath__feed_create(const ath__feed_config *config, ath__feed **out);
/* Waits for a call of the source that is in progress. */
void ath__feed_destroy(ath__feed **feed);
/* The next event; with a thread, waits until there is one. ATH_END; not to be called again then.
 * ATH_E_NO_MEMORY: no event, call again. */
ath_status ath__feed_next(ath__feed *feed, ath__arrival *out);
/* Systems read from the input of the source that have not arrived; known to be left. */
void ath__feed_extent(ath__feed *feed, int64_t *n_read, int64_t *n_left);

#endif
