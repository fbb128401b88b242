/* campaign_checkpoint.c - the checkpoints of a campaign: two generations, written in turn.
 *
 * A checkpoint is that of the dynamics with two sections behind it: CAMP, which says how many
 * records the journal had and what they were, and how many of these are of systems that had been
 * taken from the input by then (after a crash the journal may be ahead of the input); and NOTE, the
 * caller's own. It counts on the journal for all that had ended by then, so one that the journal no
 * longer bears out is of no use.
 */
#include <string.h>
#include <time.h>

#include "campaign/campaign_private.h"
#include "data/bytes.h"

enum { CHECKPOINT_BYTES = 40, CHECKPOINT_VERSION = 1, CHECKPOINT_GENERATIONS = 2 };
#define CHECKPOINT_CAMPAIGN ATH_SECTION_ID('C', 'A', 'M', 'P')
#define CHECKPOINT_NOTE ATH_SECTION_ID('N', 'O', 'T', 'E')
#define CHECKPOINT_RESERVE ((int64_t)64 << 20) /* bytes, at most */
#define CHECKPOINT_LEAST ((int64_t)1 << 20)

static const char *const checkpoint_names[CHECKPOINT_GENERATIONS] = {"checkpoint.0",
                                                                     "checkpoint.1"};

/* What the first n records of the journal are, whatever their order. */
static uint64_t checkpoint_digest(const ath_journal *j, int64_t n)
{
    uint64_t sum = 0;
    for (int64_t i = 0; i < n; i++) {
        const ath_record *r = &j->index.entries[i].record;
        uint64_t x = r->uid.lo + UINT64_C(0x9e3779b97f4a7c15) * ((uint64_t)r->stage + 1);
        x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9) + r->uid.hi;
        x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
        sum += x ^ x >> 31;
    }
    return sum;
}

/* ---- writing ---- */

/* Room for the next one and for as much in the journal, which is committed before it: so a disk
 * that others have filled does not keep them from being written. What cannot be had is done
 * without. */
static void checkpoint_keep_room(ath_campaign *c, int64_t bytes)
{
    ath__bytes path = {0};
    ath__file file;
    bytes = bytes < CHECKPOINT_RESERVE / 4 ? CHECKPOINT_LEAST + 2 * bytes : CHECKPOINT_RESERVE;
    if (bytes <= c->reserved || ath__campaign_path(c, "reserve", &path) != ATH_OK) {
        return;
    }
    if (ath__file_create(c->ctx, (const char *)path.data, false, &file) == ATH_OK) {
        c->reserved = ath__file_reserve(&file, (uint64_t)bytes) == ATH_OK ? bytes : 0;
        (void)ath__file_close(&file);
    }
    ath__bytes_free(c->ctx, &path);
}

/* False: there was none, neither of this process nor of an earlier one. */
static bool checkpoint_release_room(ath_campaign *c)
{
    ath__bytes path = {0};
    bool released = false;
    if (ath__campaign_path(c, "reserve", &path) == ATH_OK) {
        released = ath__file_remove(c->ctx, (const char *)path.data) == ATH_OK;
        ath__bytes_free(c->ctx, &path);
    }
    c->reserved = 0;
    return released;
}

ath_status ath__campaign_commit(ath_campaign *c)
{
    const ath_status status = ath_journal_commit(c->journal);
    return status == ATH_E_IO && !c->journal->dead && checkpoint_release_room(c)
               ? ath_journal_commit(c->journal)
               : status;
}

void ath__campaign_tidy(ath_campaign *c)
{
    for (int k = 0; k < CHECKPOINT_GENERATIONS; k++) {
        ath__bytes path = {0};
        if (ath__campaign_path(c, checkpoint_names[k], &path) == ATH_OK) {
            (void)ath__file_remove(c->ctx, (const char *)path.data); /* it may stay */
            ath__bytes_free(c->ctx, &path);
        }
    }
    (void)checkpoint_release_room(c);
}

static ath_status checkpoint_fill(ath_campaign *c, ath_dynamics *dyn, ath_container *container)
{
    uint8_t head[CHECKPOINT_BYTES];
    const void *note = NULL;
    size_t bytes = 0;
    ATH__TRY(ath_dynamics_pack(dyn, NULL, container)); /* may put: a structure that is refused */
    ATH__TRY(ath__campaign_commit(c));
    const int64_t n = c->journal->index.n;
    ath__le_put64(head, (uint64_t)c->sequence);
    ath__le_put64(head + 8, (uint64_t)n);
    ath__le_put64(head + 16, checkpoint_digest(c->journal, n));
    ath__le_put64(head + 24, (uint64_t)time(NULL));
    ath__le_put64(head + 32, (uint64_t)c->n_done);
    ATH__TRY(
        ath_container_add(container, CHECKPOINT_CAMPAIGN, CHECKPOINT_VERSION, head, sizeof head));
    if (c->config.notes.save) {
        ATH__TRY(c->config.notes.save(c->config.user, &note, &bytes));
        ATH__TRY(ath_container_add(container, CHECKPOINT_NOTE, CHECKPOINT_VERSION, note, bytes));
    }
    return ATH_OK;
}

static ath_status checkpoint_write(ath_campaign *c, ath_container *container)
{
    ath__bytes path = {0}, fresh = {0};
    const void *data = NULL;
    size_t bytes = 0;
    ATH__TRY(ath_container_finish(container, &data, &bytes));
    ATH__TRY(ath__campaign_path(c, checkpoint_names[c->sequence % CHECKPOINT_GENERATIONS], &path));
    ath_status status = ath__campaign_path(c, "checkpoint.new", &fresh);
    if (status == ATH_OK) {
        const char *to = (const char *)path.data, *by = (const char *)fresh.data;
        status = ath__file_replace_by(c->ctx, by, to, data, bytes);
        if (status == ATH_E_IO && checkpoint_release_room(c)) {
            status = ath__file_replace_by(c->ctx, by, to, data, bytes);
        } else if (status == ATH_OK) {
            checkpoint_keep_room(c, (int64_t)bytes);
        }
    }
    ath__bytes_free(c->ctx, &fresh);
    ath__bytes_free(c->ctx, &path);
    return status;
}

ath_status ath_campaign_checkpoint(ath_campaign *c, ath_dynamics *dyn)
{
    const double begin = ath__campaign_clock();
    ath_container *container = NULL;
    if (c == NULL || dyn == NULL) {
        return ath__fail(c ? c->ctx : NULL, ATH_E_ARGUMENT, "ath_campaign_checkpoint: arguments");
    }
    ATH__TRY(ath_container_create(c->ctx, &container));
    ath_status status = checkpoint_fill(c, dyn, container);
    status = status == ATH_OK ? checkpoint_write(c, container) : status;
    ath_container_destroy(&container);
    if (status == ATH_OK) {
        c->sequence++;
        c->n_checkpoints++;
        c->cost = ath__campaign_clock() - begin;
    }
    return status;
}

/* ---- reading ---- */

/* What a file of one generation says. */
typedef struct checkpoint_found {
    bool usable;
    int64_t sequence; /* 0, or that of a file that can be read */
    int64_t n_done;
    ath__bytes note;
    bool has_note;
} checkpoint_found;

/* One section; those that are damaged or newer end it with a failure. */
static ath_status checkpoint_look_section(ath_campaign *c, const char *path, const ath_section *s,
                                          checkpoint_found *out)
{
    const bool ours = s->id == CHECKPOINT_CAMPAIGN || s->id == CHECKPOINT_NOTE;
    if (ours && s->version > CHECKPOINT_VERSION) {
        return ath__fail(c->ctx, ATH_E_UNSUPPORTED, "%s: written by a newer version", path);
    }
    if (s->id == CHECKPOINT_NOTE) {
        out->has_note = true;
        return ath__bytes_append(c->ctx, &out->note, s->data, s->bytes);
    }
    if (s->id == CHECKPOINT_CAMPAIGN && s->bytes >= CHECKPOINT_BYTES) {
        const uint8_t *p = s->data;
        const uint64_t sequence = ath__le_get64(p), n = ath__le_get64(p + 8);
        const uint64_t done = ath__le_get64(p + 32);
        if (sequence < INT64_MAX / 2) {
            out->sequence = (int64_t)sequence;
            out->n_done = (int64_t)done;
            out->usable = n <= (uint64_t)c->journal->n_committed && done < INT64_MAX / 2 &&
                          ath__le_get64(p + 16) == checkpoint_digest(c->journal, (int64_t)n);
        }
    }
    return ATH_OK;
}

/* Reads all of it, so that loading it can only fail for what it says. ATH_OK also if it is not
 * there or not whole. */
static ath_status checkpoint_look(ath_campaign *c, const char *path, checkpoint_found *out)
{
    ath_container_reader *reader = NULL;
    ath_section section = {0};
    ath_status status = ath_container_open(c->ctx, path, &reader);
    while (status == ATH_OK) {
        status = ath_container_next(reader, &section);
        status = status == ATH_OK ? checkpoint_look_section(c, path, &section, out) : status;
    }
    ath_container_close(&reader);
    out->usable = out->usable && status == ATH_END;
    if (status == ATH_E_CHECKSUM || status == ATH_E_FORMAT) {
        ath__log(c->ctx, ATH_LOG_WARNING, "campaign", "%s: passed over: %s", path,
                 ath_context_message(c->ctx));
    }
    return status == ATH_END || status == ATH_E_CHECKSUM || status == ATH_E_FORMAT ||
                   status == ATH_E_NOT_FOUND
               ? ATH_OK
               : status;
}

static ath_status checkpoint_load(ath_campaign *c, ath_dynamics *dyn, ath_device *device,
                                  const char *path, const checkpoint_found *found)
{
    if (c->config.notes.load) {
        ATH__TRY(c->config.notes.load(c->config.user, found->has_note ? found->note.data : NULL,
                                      found->note.size));
    }
    if (!found->usable) {
        return ATH_OK;
    }
    c->n_done = found->n_done; /* and those that are found to be known while it is loaded */
    return ath_dynamics_load(dyn, device, path, NULL);
}

/* The number of the next checkpoint: above all that there are, and not over the best one. */
static int64_t checkpoint_next(const checkpoint_found found[CHECKPOINT_GENERATIONS], int best)
{
    int64_t next = 0;
    for (int k = 0; k < CHECKPOINT_GENERATIONS; k++) {
        next = found[k].sequence >= next ? found[k].sequence + 1 : next;
    }
    return next + (found[best].usable && next % CHECKPOINT_GENERATIONS == best);
}

ath_status ath_campaign_resume(ath_campaign *c, ath_dynamics *dyn, ath_device *device,
                               bool *resumed)
{
    checkpoint_found found[CHECKPOINT_GENERATIONS] = {{0}};
    ath__bytes paths[CHECKPOINT_GENERATIONS] = {{0}};
    ath_status status = ATH_OK;
    int best = 0;
    if (c == NULL || dyn == NULL || device == NULL) {
        return ath__fail(c ? c->ctx : NULL, ATH_E_ARGUMENT, "ath_campaign_resume: NULL argument");
    }
    for (int k = 0; k < CHECKPOINT_GENERATIONS && status == ATH_OK; k++) {
        status = ath__campaign_path(c, checkpoint_names[k], &paths[k]);
        status =
            status == ATH_OK ? checkpoint_look(c, (const char *)paths[k].data, &found[k]) : status;
        best = found[k].usable && (!found[best].usable || found[k].sequence > found[best].sequence)
                   ? k
                   : best;
    }
    if (status == ATH_OK) {
        const bool usable = found[best].usable;
        c->sequence = checkpoint_next(found, best);
        if (!usable) {
            ath__bytes_free(c->ctx, &found[best].note);
            found[best].has_note = false;
        }
        status = checkpoint_load(c, dyn, device, (const char *)paths[best].data, &found[best]);
        if (resumed) {
            *resumed = usable;
        }
    }
    for (int k = 0; k < CHECKPOINT_GENERATIONS; k++) {
        ath__bytes_free(c->ctx, &found[k].note);
        ath__bytes_free(c->ctx, &paths[k]);
    }
    return status;
}
