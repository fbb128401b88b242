/* A sampler: where systems come from.
 *
 * It serves in-flight refill: ath_sampler_next says how much room there is and gets the next system
 * if it fits. The order is that of the input and never depends on what fits; ath_sampler_by_size
 * looks ahead and chooses what fits, with the identities that the order of the input gives. Files
 * are read lazily, with one frame of look-ahead; memory is that frame and a table of 24 bytes per
 * entry, an entry per structure, between 2/5 and 4/5 full.
 *
 * Identity: each system gets its uid here: of the text of its extra `id` if it has one (key id= of
 * the file), else of its content and the number of equal contents that came before it. A uid that a
 * given system already has is kept. An id or kept uid that came before is refused.
 *
 * A refused structure costs one call and nothing else. Nothing here touches a device.
 */
#ifndef ATHANOR_SAMPLER_H
#define ATHANOR_SAMPLER_H

#include <stdbool.h>

#include <athanor/batch.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ath_sampler ath_sampler;

/* Copies of n systems, each made when its turn comes. Array and systems are borrowed until then. */
ATH_API ath_status ath_sampler_from_systems(ath_context *ctx, ath_system *const *systems, int64_t n,
                                            ath_sampler **out);
/* The frames of extended XYZ files, in order. A path is a file or "-" (standard input), and may end
 * with a slice as in ASE: file@5 is frame 5 (from 0), file@-1 the last, file@0:10 the first ten,
 * file@::2 every second. Steps are positive. Negative numbers need the number of frames: the file
 * is then read twice, so standard input cannot have them (ATH_E_UNSUPPORTED). A path whose last
 * part behind @ is not made of digits, signs and colons is a file name as it stands. ATH_E_ARGUMENT
 * for a slice that cannot be understood. Files are opened when their turn comes. */
ATH_API ath_status ath_sampler_from_files(ath_context *ctx, const char *const *paths,
                                          int64_t n_paths, ath_sampler **out);
ATH_API void ath_sampler_destroy(ath_sampler **sampler);

/* The next system, with uid, source and system_id (0, 1, ... in the order of handing out) set, to
 * be destroyed by the caller. ATH_AGAIN: it has more than max_atoms atoms (negative: no limit); it
 * stays the next one. ATH_END: nothing left. ATH_E_FORMAT: a structure was refused, see
 * ath_context_message and ath_sampler_where; call again for the next one. ATH_E_RANGE: file@N
 * without a frame N. Failures of a file (ATH_E_NOT_FOUND, ATH_E_IO, ATH_E_RANGE) end that file; the
 * next call goes on with the next one. ATH_E_NO_MEMORY loses nothing: call again. *out is NULL
 * unless ATH_OK. Of a sampler by size: ath_sampler_request without a limit of edges. */
ATH_API ath_status ath_sampler_next(ath_sampler *sampler, int64_t max_atoms, ath_system **out);
/* File and frame of the last system returned, deferred or refused (a sampler by size: returned or
 * refused); NULL and -1 before the first, NULL and the number among those that the input gave (from
 * 0) for a system without a source. Valid until the next call that may read. frame may be NULL. */
ATH_API const char *ath_sampler_where(const ath_sampler *sampler, int64_t *frame);

/* ---- choosing by size ---- */

/* Room that is left in a batch. Negative: no limit. */
typedef struct ath_sampler_room {
    int64_t n_systems, n_atoms, n_edges;
    bool initial; /* the batch is being filled for the first time: see `visiting` below */
} ath_sampler_room;

typedef struct ath_sampler_size_config {
    size_t size; /* sizeof(struct ath_sampler_size_config) */
    /* Borrowed, and outlives the sampler; nobody else may take from it meanwhile. It may belong to
     * another context: systems are then handed over as packets. With prefetch it must, and neither
     * that context nor what was made from it may be used until the sampler is destroyed: the
     * reading thread does. */
    ath_sampler *source;
    /* of a batch, 0: no limit; at least one of max_atoms and max_systems */
    int64_t max_atoms, max_edges; /* max_edges needs an edge_cutoff */
    int32_t max_systems;
    int64_t bin_width; /* atoms; systems of n atoms are in bin n / bin_width; 0: 1 */
    /* Inside bins, by `seed` and the order of the source; without: in the order of the source.
     * Systems are shuffled among those in the window. */
    bool shuffle;
    int64_t seed;
    int32_t window; /* systems looked ahead at most; 0: 1024; negative: all there are */
    /* A system that was passed over in so many requests is the next one, whatever else fits: until
     * there is room for it, requests give ATH_AGAIN. 0: 64. Passed over: for a replacement it was
     * its turn, it did not fit, and one behind it was handed out. Where it never is the turn of a
     * system, it is the next one after patience x window later ones have overtaken it (if `window`
     * is not negative). So no system waits for ever. */
    int32_t patience;
    /* A thread of its own reads, counts edges and packs, up to `window` (at most 1024) systems
     * beyond the window, and stops at a failure until that has been reported. */
    bool prefetch;
    /* Edges of a system: those of ath_system_edges with this cutoff, angstrom. 0: systems have no
     * edges. */
    double edge_cutoff;
} ath_sampler_size_config;

/* A sampler that looks ahead and hands out what fits. Visiting: for a batch that is filled for the
 * first time, the bins in ascending order take turns, one system each, the first that fits (the
 * turns begin anew where the room is that of an empty batch, or after a replacement); for a
 * replacement, bins in descending order, each from its front, the first that fits. A request costs
 * O(log window); in the one bin that the room ends inside of (bin_width above 1), it looks at no
 * more than 512 systems that fit in atoms or in edges, but not in both.
 *
 * Every request first fills the window, and waits for the source if need be. So the order is a
 * function of the source, the settings and the requests; with prefetch it is the same, only that
 * most of the time there is nothing to wait for. Refusals and failures of the source are reported
 * when the window gets there, each once, in the order of the source. A system that exceeds
 * max_atoms or max_edges by itself is refused: ath_sampler_request gives ATH_E_RANGE with the
 * numbers, once, and it is gone; so is one whose edges cannot be counted. uids are given by the
 * source, in its order, so that they do not depend on what fits.
 *
 * Destroying it waits for a call of the source that is in progress. Systems that were read ahead
 * are gone with it; a position says where to go on. ATH_E_ARGUMENT for bad settings; the message
 * names them. ATH_E_NO_MEMORY also if no thread can be started. */
ATH_API ath_status ath_sampler_by_size(ath_context *ctx, const ath_sampler_size_config *config,
                                       ath_sampler **out);
/* The next system that fits the room, for any sampler (one that does not look ahead offers its
 * next, and knows no edges). ATH_AGAIN: none of those looked at fits, or one that waited too long
 * does not; ATH_END: nothing left. Failures as in ath_sampler_next, and ATH_E_RANGE as above. If
 * the room is that of an empty batch, ATH_AGAIN says that some limit of the room is below those of
 * the sampler: ath_sampler_next without a limit takes out what is in the way. */
ATH_API ath_status ath_sampler_request(ath_sampler *sampler, const ath_sampler_room *room,
                                       ath_system **out);
/* Up to max replacements that share this room, the largest first; *n is how many, out has their
 * place. With none: ATH_AGAIN if nothing fits, ATH_END if nothing is left. A refusal or failure
 * ends it, with what came before in out. */
ATH_API ath_status ath_sampler_request_all(ath_sampler *sampler, const ath_sampler_room *room,
                                           ath_system **out, int32_t max, int32_t *n);
/* A new batch filled from empty up to the limits of the sampler, with status 0 (a sampler without
 * limits: with all that is left). Refused systems are passed over and counted. ATH_E_STATE if
 * nothing fits or nothing is left. Another failure (ATH_E_NO_MEMORY, or of a file) ends it with
 * what came before in *out, NULL if that is nothing; what is in no batch is still in the sampler. S
 */
ATH_API ath_status ath_sampler_initial_batch(ath_sampler *sampler, ath_device *device,
                                             ath_batch **out);
/* Limits of a batch (0: none), systems that are known to be left (looked ahead at, or in an array
 * of systems) and whether nothing is left. The last two may read; a failure that they meet is
 * reported by the next request. */
ATH_API int64_t ath_sampler_max_atoms(const ath_sampler *sampler);
ATH_API int64_t ath_sampler_max_edges(const ath_sampler *sampler);
ATH_API int32_t ath_sampler_max_systems(const ath_sampler *sampler);
ATH_API int64_t ath_sampler_length(ath_sampler *sampler);
ATH_API bool ath_sampler_exhausted(ath_sampler *sampler);

/* ---- a sampler of one's own ---- */

/* next: the next system in *out, made from ctx, owned by the sampler from then on; ATH_END: nothing
 * left. ATH_E_FORMAT refuses one structure, ATH_E_NO_MEMORY loses nothing, other failures end the
 * sampler, as does ATH_OK without a system of ctx (ATH_E_ARGUMENT). Nothing is looked ahead unless
 * the sampler is a source of ath_sampler_by_size; with prefetch `next` is called by another thread,
 * one call at a time. */
ATH_API ath_status ath_sampler_from_callback(ath_context *ctx,
                                             ath_status (*next)(void *user, ath_system **out),
                                             void *user, ath_sampler **out);

/* ---- position, for checkpoints ---- */

/* What brings a fresh sampler over the same input to where this one stands; buffer NULL: only
 * *bytes. Else *bytes is the size of the buffer, and then that of the position: ATH_E_RANGE if it
 * is too small. 120 bytes, and 16 for each system that was looked ahead at. A sampler by size
 * answers for its source; with and without prefetch its positions are the same. */
ATH_API ath_status ath_sampler_save(ath_sampler *sampler, void *buffer, size_t *bytes);
/* Reads the input again up to that place: identities continue as they would have. ATH_E_FORMAT if
 * the input, the settings or the bytes are not the same. ATH_E_STATE after anything was read: call
 * it first, and with a source that nobody has read from. After a failure while reading, the sampler
 * is of no use (ATH_E_STATE). */
ATH_API ath_status ath_sampler_load(ath_sampler *sampler, const void *data, size_t bytes);

typedef struct ath_sampler_counts {
    size_t size;        /* sizeof(struct ath_sampler_counts), set by the caller */
    int64_t n_systems;  /* handed out */
    int64_t n_atoms;    /* of these */
    int64_t n_refused;  /* ATH_E_FORMAT, and ATH_E_RANGE of systems that can never fit */
    int64_t n_repeated; /* handed out, and equal in content to one before */
    int64_t n_deferred; /* ATH_AGAIN */
    int64_t n_queued;   /* read from the input, but not yet handed out or refused */
} ath_sampler_counts;
/* ATH_E_ABI if counts->size is unknown. */
ATH_API ath_status ath_sampler_count(const ath_sampler *sampler, ath_sampler_counts *counts);

#ifdef __cplusplus
}
#endif
#endif
