/* A sink: where systems go, one at a time, in order.
 *
 * A system is first given room (reserve), then written, then acknowledged (commit); only after that
 * may whoever had it let go of it. A sink that has no room says ATH_AGAIN: nothing is lost, the
 * system waits. Reading does not consume. A sink never keeps a pointer to a system that it was
 * given. One thread at a time.
 *
 * A failed write or commit is final: nothing since the last commit is acknowledged, and the sink
 * takes nothing more and cannot be emptied (ATH_E_STATE); what it says to hold can still be read.
 * A system that is refused room by a failure (too large, out of memory) changes nothing.
 */
#ifndef ATHANOR_SINK_H
#define ATHANOR_SINK_H

#include <stdbool.h>

#include <athanor/batch.h>
#include <athanor/option.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ath_sink ath_sink;

/* What a sink of one's own provides. Tables are never written and grow only at the end. An
 * operation that fails without leaving a message in the context gets one. */
typedef struct ath_sink_ops {
    uint32_t abi; /* ATH_SINK_ABI */
    const char *name;
    size_t state_size;
    const ath_option *options;                         /* NULL: none */
    ath_status (*init)(ath_context *ctx, void *state); /* may be NULL */
    void (*fini)(ath_context *ctx, void *state);       /* may be NULL; also after a failed init */
    /* Room for one more system of n_atoms: ATH_OK, ATH_AGAIN (not now), or a failure. Room that is
     * not used before the next commit is given back. */
    ath_status (*reserve)(void *state, int64_t n_atoms);
    /* Into the reserved room. ATH_AGAIN: not now after all; nothing has changed. */
    ath_status (*write)(void *state, const ath_system *system);
    /* Everything written so far is kept; a failure means that nothing since the last commit can be
     * relied on, and the sink takes nothing more. May be NULL: write is enough, each is a commit.
     */
    ath_status (*commit)(void *state);
    /* A copy of the index-th system. May be NULL: cannot be read. */
    ath_status (*read)(void *state, int64_t index, ath_system **out);
    ath_status (*zero)(void *state); /* empties it; may be NULL: cannot be emptied */
    /* How many systems it holds (or has taken, if it cannot be read), those not committed left out,
     * and how many it can hold (INT64_MAX: no limit). */
    void (*extent)(const void *state, int64_t *length, int64_t *capacity);
} ath_sink_ops;
enum { ATH_SINK_ABI = 1 };

/* `options` as in ath_options_parse. ATH_E_ABI for a table of another major version. The table is
 * borrowed; its state is zero before options and init. */
ATH_API ath_status ath_sink_create_from(ath_context *ctx, const ath_sink_ops *ops,
                                        const char *options, ath_sink **out);
/* The state block of a sink, for who made its table. */
ATH_API void *ath_sink_state(ath_sink *sink);
/* Does not commit: what was not acknowledged may be lost. */
ATH_API void ath_sink_destroy(ath_sink **sink);

/* ---- sinks of the library ---- */

/* Systems in host memory; capacity >= 0. Memory grows with what it holds. */
ATH_API ath_status ath_sink_memory(ath_context *ctx, int64_t capacity, ath_sink **out);
/* Systems in a batch on a device: capacity systems, rows for capacity x max_atoms atoms (rounded up
 * to 32) reserved at once; only user fields and integrator state cost more, when the first system
 * with them comes. A system of more than max_atoms atoms is ATH_E_RANGE. zero keeps the allocation.
 * What is read has all fields of the batch, as ath_batch_get. The device is borrowed. Writing and
 * reading synchronise with it. */
ATH_API ath_status ath_sink_device(ath_context *ctx, ath_device *device, int32_t capacity,
                                   int64_t max_atoms, ath_sink **out);
/* An extended XYZ file; `what` as in ath_extxyz_write (ATH_EXTXYZ_...); "-" is standard output.
 * append: goes on behind a file that exists, which is read once for that and is ATH_E_FORMAT if it
 * does not end with a newline; without append it is ATH_E_EXISTS. commit flushes; `sync` also waits
 * for the disk. After a failed write nothing more is accepted; frames that were not acknowledged
 * may then stand at the end, the last one torn. Length counts what this sink has taken. Cannot be
 * read or emptied. */
ATH_API ath_status ath_sink_file(ath_context *ctx, const char *path, unsigned what, bool append,
                                 bool sync, ath_sink **out);
/* A function of the user: ATH_OK takes the system for good, ATH_AGAIN does not take it now. Each
 * call is a commit. Cannot be read or emptied. */
ATH_API ath_status ath_sink_callback(ath_context *ctx,
                                     ath_status (*take)(void *user, const ath_system *system),
                                     void *user, ath_sink **out);

typedef enum ath_sink_policy {
    ATH_SINK_BLOCK, /* to the first; while it is full, systems wait */
    ATH_SINK_SPILL, /* to the first that has room; while all are full, systems wait. A sink for
                       which a system is too large (ATH_E_RANGE) is passed over */
    ATH_SINK_FAIL   /* to the first; if it says ATH_AGAIN, ATH_E_STATE, and nothing happened */
} ath_sink_policy;
/* Several sinks as one, in order of priority; n >= 1, borrowed, the array copied. Its length,
 * capacity, reading and emptying are those of all, in order (those of the first alone, unless
 * spilling). ATH_E_ARGUMENT for a sink that is listed twice, also inside another chain. If one of
 * them fails, those that hold something not yet committed take nothing more either; what was
 * already committed to others in the same call stays there, though it was not acknowledged. */
ATH_API ath_status ath_sink_chain(ath_context *ctx, ath_sink *const *sinks, int32_t n,
                                  ath_sink_policy policy, ath_sink **out);

/* ---- using one ---- */

ATH_API const char *ath_sink_name(const ath_sink *sink);
ATH_API int64_t ath_sink_length(const ath_sink *sink);
ATH_API int64_t ath_sink_capacity(const ath_sink *sink); /* INT64_MAX: no limit */
ATH_API bool ath_sink_is_full(const ath_sink *sink);     /* length >= capacity */
/* Reserves, writes and commits one system. ATH_AGAIN: no room, nothing happened. ATH_E_ARGUMENT for
 * a system of another context. */
ATH_API ath_status ath_sink_put(ath_sink *sink, const ath_system *system);
/* The systems of a batch with mask[index] != 0 (NULL: all), in order, with one commit at the end;
 * they go with their integrator state. taken[index] (n_systems; may be NULL) says which are
 * acknowledged. ATH_AGAIN if one of them found no room (smaller ones behind it are still tried). A
 * failed write or commit: none is acknowledged (of a sink without commit: those before it are). A
 * system that is refused room by a failure, or cannot be copied out of the batch, ends the call
 * with that failure; those before it are acknowledged, those behind it were not tried. S */
ATH_API ath_status ath_sink_write(ath_sink *sink, const ath_batch *batch, const uint8_t *mask,
                                  uint8_t *taken);
/* A copy of the index-th system, to be destroyed by the caller. ATH_E_RANGE outside, ATH_E_STATE
 * from an empty sink, ATH_E_UNSUPPORTED if it cannot be read. */
ATH_API ath_status ath_sink_read(ath_sink *sink, int64_t index, ath_system **out);
/* A new batch of all that it holds, of no systems if it is empty, with their integrator state; does
 * not consume. S */
ATH_API ath_status ath_sink_read_all(ath_sink *sink, ath_device *device, ath_batch **out);
/* Empties it. ATH_E_UNSUPPORTED if it, or one of a chain, cannot be emptied: then nothing is gone.
 */
ATH_API ath_status ath_sink_zero(ath_sink *sink);
/* read_all, then zero: if reading fails, nothing is gone. If zero fails, its status is returned,
 * but *out is there nevertheless. S */
ATH_API ath_status ath_sink_drain(ath_sink *sink, ath_device *device, ath_batch **out);

#ifdef __cplusplus
}
#endif
#endif
