/* A sampler: where systems come from, one at a time, in order.
 *
 * It serves in-flight refill: ath_sampler_next says how much room there is and gets the next system
 * if it fits. The order never depends on what fits, so that identities and results do not either.
 * Files are read lazily, with one frame of look-ahead; memory is that frame and a table of 24 bytes
 * per entry, an entry per structure, between 2/5 and 4/5 full.
 *
 * Identity: each system gets its uid here: of the text of its extra `id` if it has one (key id= of
 * the file), else of its content and the number of equal contents that came before it. A uid that a
 * given system already has is kept. An id or kept uid that came before is refused.
 *
 * A refused structure costs one call and nothing else. Nothing here touches a device.
 */
#ifndef ATHANOR_SAMPLER_H
#define ATHANOR_SAMPLER_H

#include <athanor/system.h>

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
 * unless ATH_OK. */
ATH_API ath_status ath_sampler_next(ath_sampler *sampler, int64_t max_atoms, ath_system **out);
/* File and frame of the last system returned, deferred or refused; NULL and -1 before the first,
 * NULL and the index in the array for a system without a source. Valid until the next call of
 * ath_sampler_next. frame may be NULL. */
ATH_API const char *ath_sampler_where(const ath_sampler *sampler, int64_t *frame);

typedef struct ath_sampler_counts {
    size_t size;        /* sizeof(struct ath_sampler_counts), set by the caller */
    int64_t n_systems;  /* returned */
    int64_t n_atoms;    /* of these */
    int64_t n_refused;  /* ATH_E_FORMAT */
    int64_t n_repeated; /* returned, and equal in content to one before */
    int64_t n_deferred; /* ATH_AGAIN */
} ath_sampler_counts;
/* ATH_E_ABI if counts->size is unknown. */
ATH_API ath_status ath_sampler_count(const ath_sampler *sampler, ath_sampler_counts *counts);

#ifdef __cplusplus
}
#endif
#endif
