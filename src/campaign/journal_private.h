/* What a journal is made of. Private to campaign. */
#ifndef ATHANOR_CAMPAIGN_JOURNAL_PRIVATE_H
#define ATHANOR_CAMPAIGN_JOURNAL_PRIVATE_H

#include "campaign/journal_index.h"
#include "campaign/journal_scan.h"

enum {
    ATH__JOURNAL_VERSION = 1, /* of each of its sections */
    ATH__RECORD_HEAD = 64,    /* bytes before the texts of a record */
    ATH__COMMIT_HEAD = 28,    /* bytes before the counts of a commit */
    ATH__COMMIT_BYTES = ATH__COMMIT_HEAD + 8 * (ATH_N_STATES + ATH_N_REASONS)
};
#define ATH__MAX_GROUPS (UINT64_C(1) << 48) /* more than there can be */

/* What the end of a group says. */
typedef struct ath__commit {
    int64_t number, time;                                 /* of the group, from 0; ns */
    int64_t n_records;                                    /* in the group */
    int64_t counts[ATH_N_STATES], reasons[ATH_N_REASONS]; /* of the journal with it */
} ath__commit;

struct ath_journal {
    ath_context *ctx;
    char *path;
    ath_journal_config config; /* complete */
    ath__index index;
    int64_t n_committed; /* entries; those behind are in the group */
    int64_t counts[ATH_N_STATES], reasons[ATH_N_REASONS]; /* of committed records */
    ath_journal_moment *moments;                          /* [max_moments] */
    int64_t n_moments, max_moments;
    ath_journal_state found; /* n_segments is the number of the last segment, too */
    int lock;                /* -1: not locked */
    bool dead;

    ath__file file;  /* the last segment; path NULL: not open */
    ath__file tally; /* journal_tally.c; path NULL: not open */
    ath_container *group;
    int64_t began; /* ns: when the first record of the group was put */

    ath__bytes text; /* text and file of the last record that was read */
};

/* journal_record.c: a record without its section. decode: text and file of *out are NULL, *texts
 * has them, one behind the other, *lengths how long they are; a packet in the rest, or nothing.
 * ATH_E_FORMAT without a message for bytes that make no record. */
ath_status ath__record_encode(ath_context *ctx, const ath_record *record, const ath_system *system,
                              ath__bytes *out);
ath_status ath__record_decode(const uint8_t *data, size_t bytes, ath_record *out,
                              const uint8_t **texts, uint32_t lengths[2], size_t *packet);

/* The same of what closes a group. */
void ath__commit_encode(const ath__commit *commit, uint8_t out[ATH__COMMIT_BYTES]);
ath_status ath__commit_decode(const uint8_t *data, size_t bytes, ath__commit *out);

/* journal_tally.c: opens it, and says how many groups have been acknowledged at least; adds that
 * found.n_groups are. */
ath_status ath__tally_open(ath_journal *j, int64_t *groups);
void ath__tally_write(ath_journal *j);

/* journal.c: the path of a segment, NUL behind it; to be freed. Of a lock the same. */
ath_status ath__journal_segment(ath_context *ctx, const char *folder, int64_t number,
                                ath__bytes *out);
ath_status ath__journal_lock_path(ath_context *ctx, const char *folder, ath__bytes *out);
/* Takes note of a group that is committed at this time. */
ath_status ath__journal_moment(ath_journal *j, int64_t time);
/* journal_write.c: a section of a record, as it stands in a segment, into the group. */
ath_status ath__journal_add(ath_journal *j, const ath_record *record, const void *data,
                            size_t bytes);
/* ATH_E_STATE, naming `what`, if nothing can be written. */
ath_status ath__journal_check(const ath_journal *j, const char *what);
/* Whether the group is to be committed now. */
bool ath__journal_is_due(const ath_journal *j);
/* Opens the last segment to go on behind `length` bytes. */
ath_status ath__journal_extend(ath_journal *j, uint64_t length);
/* Lets go of the last segment, whole or dead: what follows goes into a new one. */
void ath__journal_leave(ath_journal *j);

/* journal_sink.c: how a sink makes records of systems. */
typedef struct ath__sink_rules {
    int32_t stage, n_stages; /* n_stages > 0: the status of a system says in which it has ended */
    int64_t (*place)(void *user, const ath_system *system); /* NULL: its system_id */
    void *user;
    int64_t *n_fresh; /* counts what was not there before; may be NULL */
} ath__sink_rules;
ath_status ath__journal_sink(ath_journal *j, const ath__sink_rules *rules, ath_sink **out);

#endif
