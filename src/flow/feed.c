/* Feeds: from a source to a receiver, by themselves or by a thread. See feed.h.
 *
 * Events stand in a ring. Without a thread it has one place, filled when the receiver asks. With
 * one, places head .. tail are the receiver's to read, all others the thread's; a packet is freed
 * by the thread when it comes by, or at the end. What the receiver may know about the source
 * between two events is published with each.
 */
#include "flow/feed.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include <athanor/container.h>

typedef struct feed_item {
    ath_status status;
    ath__arrival event; /* system: if source and receiver have one context */
    ath_packet *packet; /* if not; of the source's context */
} feed_item;

struct ath__feed {
    ath__feed_config config;
    ath_context *ctx, *source_ctx;
    bool foreign; /* these are two */
    /* of whoever reads the source */
    ath_system *held; /* read, not yet an event */
    bool held_repeated, held_refused;
    char text[sizeof((ath_context *)0)->message]; /* of the last failure */
    /* the ring */
    feed_item *ring; /* [n_ring] */
    int64_t n_ring, head, tail, freed;
    /* published with each event */
    int64_t n_waiting; /* events in the ring that are systems or refusals */
    int64_t n_read, n_left;
    bool stop, failed; /* failed: the last event in the ring is a failure */
    bool has_mutex, has_filled, has_drained, has_thread;
    pthread_mutex_t mutex;
    pthread_cond_t filled, drained;
    pthread_t thread;
};

/* ---- reading ---- */

static ath_status feed_fetch(ath__feed *f)
{
    ath_sampler *source = f->config.source;
    const ath_sampler_counts before = source->counts;
    const ath_status status = ath_sampler_next(source, -1, &f->held);
    f->held_repeated = source->counts.n_repeated > before.n_repeated;
    f->held_refused = source->counts.n_refused > before.n_refused;
    return status;
}

/* Reads one event. A failure to count or to pack a system refuses it. */
static void feed_read(ath__feed *f, feed_item *item)
{
    ath_status status = f->held ? ATH_OK : feed_fetch(f);
    const bool fetched = status == ATH_OK;
    *item = (feed_item){.event.repeated = f->held_repeated};
    if (status == ATH_OK && f->config.edge_cutoff > 0.0) {
        status = ath_system_edges(f->held, f->config.edge_cutoff, &item->event.n_edges, NULL);
    }
    if (status == ATH_OK && f->foreign) {
        status = ath_packet_pack(f->source_ctx, &f->held, 1, &item->packet);
    }
    (void)ath_sampler_where(f->config.source, &item->event.frame);
    item->event.refused = status < 0 && (fetched || f->held_refused);
    item->status = status;
    if (status < 0) {
        memcpy(f->text, f->source_ctx->message, sizeof f->text);
    }
    if (status == ATH_OK && !f->foreign) {
        item->event.system = f->held;
        f->held = NULL;
    } else if (status == ATH_OK || (fetched && status != ATH_E_NO_MEMORY)) {
        ath_system_destroy(&f->held);
    }
    if (status == ATH_E_NO_MEMORY) {
        item->event.refused = false;
    }
}

static bool feed_counts(const feed_item *item)
{
    return item->status == ATH_OK || item->event.refused;
}

/* What can be said about the source until the next event. */
static void feed_publish(ath__feed *f)
{
    const ath_sampler *source = f->config.source;
    source->ops->extent(source, &f->n_read, &f->n_left);
    f->n_read += f->held != NULL;
    f->n_left += f->held != NULL;
}

/* ---- the thread ---- */

static void *feed_work(void *arg)
{
    ath__feed *f = arg;
    pthread_mutex_lock(&f->mutex);
    for (bool ended = false; !ended;) {
        while (!f->stop && (f->tail - f->head == f->n_ring || f->failed)) {
            pthread_cond_wait(&f->drained, &f->mutex);
        }
        if (f->stop) {
            break;
        }
        const int64_t head = f->head;
        pthread_mutex_unlock(&f->mutex);
        for (; f->freed < head; f->freed++) {
            ath_packet_destroy(&f->ring[f->freed % f->n_ring].packet);
        }
        feed_item *item = &f->ring[f->tail % f->n_ring]; /* tail is written here only */
        feed_read(f, item);
        ended = item->status == ATH_END;
        pthread_mutex_lock(&f->mutex);
        f->tail++;
        f->failed = item->status < 0;
        f->n_waiting += feed_counts(item);
        feed_publish(f);
        pthread_cond_signal(&f->filled);
    }
    pthread_mutex_unlock(&f->mutex);
    return NULL;
}

/* Signals of the process are for threads of the caller. */
static ath_status feed_start(ath__feed *f)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    sigset_t all, kept;
    f->has_mutex = pthread_mutex_init(&f->mutex, NULL) == 0;
    f->has_filled = pthread_cond_init(&f->filled, NULL) == 0;
    f->has_drained = pthread_cond_init(&f->drained, NULL) == 0;
    if (f->has_mutex && f->has_filled && f->has_drained) {
        sigfillset(&all);
        for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
            sigdelset(&all, faults[i]); /* of the thread itself */
        }
        pthread_sigmask(SIG_SETMASK, &all, &kept);
        f->has_thread = pthread_create(&f->thread, NULL, feed_work, f) == 0;
        pthread_sigmask(SIG_SETMASK, &kept, NULL);
    }
    return f->has_thread ? ATH_OK
                         : ath__fail(f->ctx, ATH_E_NO_MEMORY, "no thread could be started");
}

/* ---- receiving ---- */

/* The event in the context of the receiver. *keep: it ran out of memory, and the event is left. */
static ath_status feed_receive(ath__feed *f, const feed_item *item, ath__arrival *out, bool *keep)
{
    ath_packet *packet = NULL;
    size_t bytes = 0;
    ath_status status = item->status;
    *keep = false;
    *out = item->event;
    if (status < 0) {
        if (status != ATH_E_NO_MEMORY) {
            int64_t frame;
            const char *file = ath_sampler_where(f->config.source, &frame);
            *keep = true;
            ATH__TRY(ath__sampler_place(f->config.owner, file, frame));
            *keep = false;
        }
        return ath__fail(f->ctx, status, "%s", f->text);
    }
    if (status == ATH_END || !f->foreign) {
        return status;
    }
    const void *data = ath_packet_data(item->packet, &bytes);
    status = ath_packet_open(f->ctx, data, bytes, &packet);
    status = status < 0 ? status : ath_packet_unpack(packet, 0, &out->system);
    ath_packet_destroy(&packet);
    *keep = status == ATH_E_NO_MEMORY;
    out->refused = status < 0 && !*keep;
    if (out->refused) {
        (void)ath__sampler_place(f->config.owner, NULL, out->frame); /* allocates nothing */
    }
    return status;
}

static ath_status feed_next_here(ath__feed *f, ath__arrival *out)
{
    bool keep = false;
    if (f->head == f->tail) {
        feed_read(f, f->ring);
        f->tail++;
    }
    const ath_status status = feed_receive(f, f->ring, out, &keep);
    if (!keep) {
        ath_packet_destroy(&f->ring->packet);
        f->ring->event.system = NULL;
        f->head++;
    }
    return status;
}

ath_status ath__feed_next(ath__feed *f, ath__arrival *out)
{
    bool keep = false;
    *out = (ath__arrival){0};
    if (!f->has_thread) {
        return feed_next_here(f, out);
    }
    pthread_mutex_lock(&f->mutex);
    while (f->head == f->tail) {
        pthread_cond_wait(&f->filled, &f->mutex);
    }
    const feed_item *item = &f->ring[f->head % f->n_ring]; /* head is written here only */
    pthread_mutex_unlock(&f->mutex);
    const ath_status status = feed_receive(f, item, out, &keep);
    if (!keep) {
        pthread_mutex_lock(&f->mutex);
        f->n_waiting -= feed_counts(item);
        f->failed = f->failed && item->status >= 0; /* behind a failure there is nothing */
        f->head++;
        pthread_cond_signal(&f->drained);
        pthread_mutex_unlock(&f->mutex);
    }
    return status;
}

void ath__feed_extent(ath__feed *f, int64_t *n_read, int64_t *n_left)
{
    if (f->has_thread) {
        pthread_mutex_lock(&f->mutex);
    } else {
        feed_publish(f);
        f->n_waiting = f->tail > f->head && feed_counts(f->ring);
    }
    *n_read = f->n_waiting + f->n_read;
    *n_left = f->n_waiting + f->n_left;
    if (f->has_thread) {
        pthread_mutex_unlock(&f->mutex);
    }
}

/* ---- making one ---- */

ath_status ath__feed_create(const ath__feed_config *config, ath__feed **out)
{
    ath_context *ctx = config->owner->ctx;
    ath__feed *f = NULL;
    ATH__TRY(ath__alloc(ctx, 1, sizeof *f, &f));
    f->config = *config;
    f->ctx = ctx;
    f->source_ctx = config->source->ctx;
    f->foreign = f->source_ctx != ctx;
    f->n_ring = config->n_ahead > 0 ? config->n_ahead : 1;
    ath_status status = ath__alloc(ctx, (size_t)f->n_ring, sizeof *f->ring, &f->ring);
    if (status == ATH_OK && config->n_ahead > 0) {
        feed_publish(f);
        status = feed_start(f);
    }
    *out = f;
    if (status != ATH_OK) {
        ath__feed_destroy(out);
    }
    return status;
}

void ath__feed_destroy(ath__feed **feed)
{
    ath__feed *f = *feed;
    if (!f) {
        return;
    }
    if (f->has_thread) {
        pthread_mutex_lock(&f->mutex);
        f->stop = true;
        pthread_cond_signal(&f->drained);
        pthread_mutex_unlock(&f->mutex);
        pthread_join(f->thread, NULL);
    }
    for (int64_t i = 0; f->ring && i < f->n_ring; i++) {
        ath_packet_destroy(&f->ring[i].packet);
        ath_system_destroy(&f->ring[i].event.system);
    }
    ath_system_destroy(&f->held);
    if (f->has_drained) {
        pthread_cond_destroy(&f->drained);
    }
    if (f->has_filled) {
        pthread_cond_destroy(&f->filled);
    }
    if (f->has_mutex) {
        pthread_mutex_destroy(&f->mutex);
    }
    ath__free(f->ctx, &f->ring, (size_t)f->n_ring, sizeof *f->ring);
    ath__free(f->ctx, feed, 1, sizeof *f);
}
