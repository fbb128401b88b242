/* A journal: the primary store of a campaign. Every system that ends a stage gets one record in it,
 * once; what has been committed survives the death of the process and of the machine.
 *
 * A journal is a directory of segments, files that are only ever appended to. Records are put into
 * a group, and a group is committed as one: written, synced, then acknowledged. A record is keyed
 * by (uid, stage): putting a key that is there already changes nothing, and where a crash has left
 * a record twice, the first one counts. docs/formats.md gives the bytes.
 *
 * One process writes, any number may read meanwhile. Opening to write puts right what a crash has
 * left: an end that was not finished is cut off behind its last whole record. Damage anywhere else
 * costs the records that it touches and no other; it is counted, and the file is left as it is.
 *
 * A write or sync that fails is final for its segment, which is never written to again: the group
 * goes into a new one, once. If that fails too, the journal takes nothing more (ATH_E_STATE), and
 * nothing that was acknowledged is lost.
 *
 * Functions fail with ATH_E_NO_MEMORY, ATH_E_IO, and as said. None synchronises with a device. One
 * thread at a time.
 */
#ifndef ATHANOR_JOURNAL_H
#define ATHANOR_JOURNAL_H

#include <stdbool.h>

#include <athanor/sink.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ath_journal ath_journal;

typedef struct ath_journal_config {
    size_t size;           /* sizeof(struct ath_journal_config) */
    bool write;            /* false: read what is there */
    bool no_sync;          /* the operating system writes when it likes: for measurements */
    int64_t segment_bytes; /* a new segment begins beyond; 0: 64 MiB */
    int32_t group;         /* systems, 1 to 4096, after which a put commits; 0: 256 */
    double group_seconds;  /* age of a group after which a put commits; 0: 1 s, < 0: never */
    ath_uid identity;      /* of the campaign, kept in every segment; all zero: any */
    /* Called before a group is written: what its records lean on (files that others write) is made
     * durable there. A failure is that of the commit; nothing has happened then. Not called while
     * the journal is opened. May be NULL. */
    ath_status (*ready)(void *user);
    void *user;
} ath_journal_config;

/* Opens the journal in the directory `path`, with all that it holds. To write, the directory is
 * made if it is absent, and locked until the journal is closed: ATH_E_STATE if another process
 * writes. ATH_E_EXISTS for the journal of another campaign, ATH_E_UNSUPPORTED for one of a newer
 * format, ATH_E_NOT_FOUND if there is none to be read. Memory: at most 230 bytes per record, and
 * two segments while it is read. */
ATH_API ath_status ath_journal_open(ath_context *ctx, const char *path,
                                    const ath_journal_config *config, ath_journal **out);
/* Does not commit: what was not acknowledged is lost. Accepts NULL, clears. */
ATH_API void ath_journal_close(ath_journal **journal);

/* ---- writing ---- */

typedef struct ath_record {
    ath_uid uid;
    int32_t stage; /* from 0 */
    ath_state state;
    ath_reason reason;
    int32_t n_atoms;
    int64_t steps;    /* in the stage */
    int64_t frame;    /* in the source file */
    int64_t place;    /* sorts into the order of the input, as whoever puts it sees fit */
    bool has_system;  /* false: of a structure that never became one */
    size_t bytes;     /* in the journal */
    const char *text; /* of a structure that was refused: what was wrong; "" */
    const char *file; /* source; "" */
} ath_record;

/* Puts one record; the system may be NULL (then n_atoms is 0). uid, stage, state, reason, steps,
 * frame, place, text and file are taken from *record, everything else from the system (what its
 * integrator keeps only if it was quarantined). ATH_OK, also if the key is there already (*fresh,
 * which may be NULL, says which). Commits when the group is full or old. */
ATH_API ath_status ath_journal_put(ath_journal *journal, const ath_record *record,
                                   const ath_system *system, bool *fresh);
/* Makes all that was put durable. ATH_OK without effect if there is nothing. */
ATH_API ath_status ath_journal_commit(ath_journal *journal);
/* A sink that puts the systems of one stage, with state and reason of their own and their system_id
 * as place, and commits groups as the journal does: a system that it has taken is durable after the
 * next ath_journal_commit. Cannot be read or emptied. The journal is borrowed. */
ATH_API ath_status ath_journal_sink(ath_journal *journal, int32_t stage, ath_sink **out);

/* ---- reading ---- */

/* Records, without repeats; those of a group that is not committed do not count. */
ATH_API int64_t ath_journal_length(const ath_journal *journal);
/* index from 0, in the order of committing; ATH_E_RANGE outside. Text and file are "" here. */
ATH_API ath_status ath_journal_record(const ath_journal *journal, int64_t index, ath_record *out);
/* The same with text and file, owned by the journal until the next call, and the system, to be
 * destroyed by the caller (NULL if there is none; `system` may be NULL). ATH_E_CHECKSUM if the
 * bytes have changed since the journal was opened. */
ATH_API ath_status ath_journal_read(ath_journal *journal, int64_t index, ath_record *out,
                                    ath_system **system);
/* Whether there is a record, committed or not; its index if it is committed, else -1 (index may be
 * NULL). */
ATH_API bool ath_journal_has(const ath_journal *journal, ath_uid uid, int32_t stage,
                             int64_t *index);

/* What opening has found, and what was written since. */
typedef struct ath_journal_state {
    size_t size; /* sizeof(struct ath_journal_state), set by the caller */
    int64_t n_segments, n_groups;
    int64_t n_bytes;     /* of all segments */
    int64_t n_repeats;   /* records whose key was there already */
    int64_t n_damaged;   /* places in the midst of segments that are not as they were written */
    int64_t n_cut;       /* bytes of an unfinished end */
    int64_t n_recovered; /* records of an end that was not finished */
    int64_t counts[ATH_N_STATES];   /* committed records of each ath_state */
    int64_t reasons[ATH_N_REASONS]; /* and of each ath_reason */
} ath_journal_state;
ATH_API ath_status ath_journal_inspect(const ath_journal *journal, ath_journal_state *out);

/* When a group was committed. */
typedef struct ath_journal_moment {
    int64_t time;      /* ns since 1970, UTC, as the clock of the machine said */
    int64_t n_records; /* committed by then */
} ath_journal_moment;
/* Those of all groups that are there, in their order: *moments [*n], owned by the journal, valid
 * until the next call that commits. */
ATH_API ath_status ath_journal_moments(const ath_journal *journal,
                                       const ath_journal_moment **moments, int64_t *n);

/* What can be said without reading all of it. */
typedef struct ath_journal_glance {
    size_t size;     /* sizeof(struct ath_journal_glance), set by the caller */
    bool writing;    /* another open journal has it to write, in this process or another */
    int64_t n_bytes; /* of the last segment */
    int64_t n_records;
    int64_t counts[ATH_N_STATES], reasons[ATH_N_REASONS]; /* as the last commit says */
    ath_journal_moment first, last; /* of the groups in the last segment that has some, for the rate
                                       at present; zeros: there is none */
} ath_journal_glance;
/* Reads the last segments only, and takes no lock: as quick for a large journal as for a small one.
 * ATH_E_NOT_FOUND if there is no journal, else as ath_journal_open. */
ATH_API ath_status ath_journal_look(ath_context *ctx, const char *path, ath_journal_glance *out);

#ifdef __cplusplus
}
#endif
#endif
