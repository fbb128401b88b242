/* A campaign: a dynamics over any number of systems, of which nothing is lost and nothing is done
 * twice, whatever ends the process. It keeps a directory:
 *
 *   journal/                      what systems have come to (athanor/journal.h)
 *   checkpoint.0, checkpoint.1    two generations of all that is under way
 *   reserve                       room on the disk for one more checkpoint, and for what is
 *                                 committed before it
 *
 * A system is done when its record is committed. Between two checkpoints nothing else is written;
 * after a crash the newest checkpoint that is whole is loaded, what the journal has is left out,
 * and the rest is computed again, with the same bits. So the same program, run again on the same
 * directory, goes on; an undisturbed run and one that was killed a hundred times give the same
 * records. One thing may differ: with a sampler that chooses by size, system_id, which numbers
 * systems as they are handed out.
 *
 *   ath_campaign_open(ctx, "runs/a", &config, &campaign);
 *   ath_campaign_sink(campaign, &sink);         -> sinks of the dynamics
 *   ath_campaign_known, ath_campaign_refuse     -> its callbacks
 *   ath_campaign_resume(campaign, dynamics, device, &resumed);
 *   ath_campaign_run(campaign, dynamics);
 *   ath_campaign_close(&campaign);
 *
 * Functions fail with ATH_E_NO_MEMORY, ATH_E_IO, and as said. One thread at a time; one process at
 * a time in a directory: the lock of the journal sees to that, and is gone with the process.
 */
#ifndef ATHANOR_CAMPAIGN_H
#define ATHANOR_CAMPAIGN_H

#include <athanor/dynamics.h>
#include <athanor/journal.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ath_campaign ath_campaign;

/* What a caller keeps besides (lengths of files, say), as bytes in each checkpoint. */
typedef struct ath_campaign_notes {
    /* Writes them at *data, valid until the next call; what they speak of is made durable there. */
    ath_status (*save)(void *user, const void **data, size_t *bytes);
    /* Before the checkpoint is loaded: NULL and 0 if there is none. The journal is open. */
    ath_status (*load)(void *user, const void *data, size_t bytes);
} ath_campaign_notes;

typedef struct ath_campaign_config {
    size_t size; /* sizeof(struct ath_campaign_config) */
    /* Journal: as in ath_journal_config. ready may be called inside ath_campaign_run, _checkpoint
     * and _refuse. If it fails with ATH_E_IO systems wait, as where the disk is full, and it is
     * called again for the same records. */
    ath_uid identity;
    bool no_sync;
    int64_t segment_bytes;
    int32_t group;
    double group_seconds;
    ath_status (*ready)(void *user);

    ath_sampler *sampler; /* of the dynamics, borrowed; required */
    int32_t n_stages;     /* parts of the dynamics; 0: 1 */
    /* Sorts records into the order of the input; NULL: 2 system_id + 1, for a sampler that keeps
     * that order. */
    int64_t (*place)(void *user, const ath_system *system);
    /* Least time between two checkpoints: 0: 60 s; negative: only when the run is asked to stop.
     * It is stretched such that they cost less than 1 % of the time. */
    double checkpoint_seconds;
    /* The run ends when more than this share of the systems that have ended were quarantined, and
     * at least 20 of them: then it is not they that are at fault. 0: never. */
    double quarantine_share;
    /* As in ath_dynamics_config, and the same. From 2 on nothing is handed over and no checkpoint
     * is written when the run ends. */
    const volatile sig_atomic_t *stop;
    ath_campaign_notes notes;
    void *user; /* of ready, place and notes */
} ath_campaign_config;

/* Opens the directory `path`, which is made if it is absent, and reads the journal. ATH_E_STATE if
 * another process has it, ATH_E_EXISTS if it belongs to another campaign, ATH_E_UNSUPPORTED if a
 * newer version wrote it. Stays open until all that was made from it is destroyed. */
ATH_API ath_status ath_campaign_open(ath_context *ctx, const char *path,
                                     const ath_campaign_config *config, ath_campaign **out);
/* Commits nothing: after a run there is nothing to commit. Accepts NULL, clears. */
ATH_API void ath_campaign_close(ath_campaign **campaign);
/* Borrowed. */
ATH_API ath_journal *ath_campaign_journal(const ath_campaign *campaign);

/* The sink for systems that have ended: one record each, of the stage in which it was. Owned by the
 * campaign. A full disk makes systems wait. */
ATH_API ath_status ath_campaign_sink(ath_campaign *campaign, ath_sink **out);
/* To be `known` of the dynamics, or called by it once each time: whether a system is done; if so,
 * it is counted as taken from the input. The first argument is the campaign. */
ATH_API bool ath_campaign_known(void *campaign, ath_uid uid);
/* To be called by `rejected` of the dynamics, each time: puts a record of the structure that was
 * refused, once whatever happens; its uid stands for its place in the input, and is none of a
 * system. Behind a sampler that chooses by size, the same frame of the same file, listed twice and
 * refused by the model, has one record. */
ATH_API ath_status ath_campaign_refuse(ath_campaign *campaign, const char *file, int64_t frame,
                                       int64_t place, ath_reason reason, const char *message);

/* Loads what an earlier run has left: the newest checkpoint that is whole, else the one before it,
 * else nothing; *resumed (may be NULL) says whether there was one. The dynamics has made no step,
 * its sampler is fresh. A checkpoint is passed over if the journal has lost records that it counts
 * on: then all that is not in the journal is computed anew. S */
ATH_API ath_status ath_campaign_resume(ath_campaign *campaign, ath_dynamics *dynamics,
                                       ath_device *device, bool *resumed);
/* Runs until all is done, with a checkpoint every now and then. ATH_OK: every system of the input
 * has a committed record, and the checkpoints are gone. ATH_AGAIN: it was asked to stop, or nothing
 * can go on because the disk is full; all that is under way is in a checkpoint, if there was room
 * for it, the reserve included. ATH_E_STATE: too many were quarantined. ATH_E_INTERNAL: systems do
 * not add up. Other failures are those of the dynamics; no checkpoint is written then, and none
 * should be: what has failed in the middle is done again by who resumes. S */
ATH_API ath_status ath_campaign_run(ath_campaign *campaign, ath_dynamics *dynamics);
/* Commits, and writes a checkpoint over the older one. To be called between runs. S */
ATH_API ath_status ath_campaign_checkpoint(ath_campaign *campaign, ath_dynamics *dynamics);

/* Where all systems are. */
typedef struct ath_campaign_balance {
    size_t size;       /* sizeof(struct ath_campaign_balance), set by the caller */
    int64_t n_in;      /* taken from the input by the dynamics, refused ones included, in this run
                          and those that it goes on from */
    int64_t n_done;    /* of these: have a record */
    int64_t n_open;    /* in the batch */
    int64_t n_records; /* in the journal, committed or not */
    int64_t n_checkpoints;     /* written by this object */
    double checkpoint_seconds; /* the last one took */
} ath_campaign_balance;
/* ATH_E_INTERNAL with the numbers if n_in is not n_done + n_open, or not what the sampler has
 * handed out. */
ATH_API ath_status ath_campaign_weigh(const ath_campaign *campaign, const ath_dynamics *dynamics,
                                      ath_campaign_balance *out);

/* ---- files that grow with a campaign ---- */

typedef enum ath_text_format {
    ATH_TEXT_LINES, /* a line is about the system whose uid (32 hexadecimal digits) stands in it;
                       the first, if there are several */
    ATH_TEXT_EXTXYZ /* a frame is about the system of the last key uid= in its second line: that
                       of the caller, in what ath_extxyz_write makes */
} ath_text_format;

/* After a crash: makes a text file of frames or lines what it would be if systems that are not done
 * had written nothing since it was `length` bytes long. So what is computed again can be appended
 * again: nothing is missing and nothing is there twice. What has no uid stays if it is the first
 * line of the file, else it goes, as does a torn end. The file must be written before the records
 * that lean on it (`ready`). Survives being killed itself. ATH_OK if there is no such file and
 * `length` is 0; ATH_E_NOT_FOUND, ATH_E_FORMAT if it is absent or shorter than `length`. */
ATH_API ath_status ath_campaign_trim(ath_campaign *campaign, const char *path,
                                     ath_text_format format, int64_t length);

#ifdef __cplusplus
}
#endif
#endif
