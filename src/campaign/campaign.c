/* campaign.c - a directory that is open, the books, and the run.
 *
 * n_done counts systems that were taken from the input and have a record: those that the checkpoint
 * knew of, those that were put since, and those that a crash had left in the journal when they come
 * by again. So what was taken is what is done and what is in the batch, at any time between two
 * steps.
 */
#include <string.h>
#include <time.h>

#include "campaign/campaign_private.h"
#include "flow/sampler_private.h"

#define CAMPAIGN_SECONDS 60.0 /* between checkpoints */
#define CAMPAIGN_SHARE 0.01   /* of the time, at most, for them */
/* CAMPAIGN_HELD: what the sampler has counted and the dynamics has not: a system for which there
 * was no memory, a refusal that is not reported yet. */
enum { CAMPAIGN_FIRST = 16, CAMPAIGN_FEW = 20, CAMPAIGN_HELD = 2 };

double ath__campaign_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

ath_status ath__campaign_path(const ath_campaign *c, const char *name, ath__bytes *out)
{
    *out = (ath__bytes){0};
    ath_status status = ath__bytes_print(c->ctx, out, "%s/%s", c->path, name);
    status = status == ATH_OK ? ath__bytes_append(c->ctx, out, "", 1) : status;
    if (status != ATH_OK) {
        ath__bytes_free(c->ctx, out);
    }
    return status;
}

/* ---- books ---- */

ath_status ath_campaign_weigh(const ath_campaign *c, const ath_dynamics *dyn,
                              ath_campaign_balance *out)
{
    ath_sampler_counts counts = {.size = sizeof counts};
    ath_dynamics_stats stats;
    if (c == NULL || dyn == NULL || out == NULL || out->size != sizeof *out) {
        return ath__fail(c ? c->ctx : NULL, ATH_E_ARGUMENT, "ath_campaign_weigh: arguments");
    }
    ATH__TRY(ath_sampler_count(c->config.sampler, &counts));
    ATH__TRY(ath_dynamics_get_stats(dyn, &stats));
    *out = (ath_campaign_balance){.size = sizeof *out,
                                  .n_in = stats.n_in + stats.n_rejected,
                                  .n_done = c->n_done,
                                  .n_open = ath_dynamics_active_batch_size(dyn),
                                  .n_records = c->journal->index.n,
                                  .n_checkpoints = c->n_checkpoints,
                                  .checkpoint_seconds = c->cost};
    const int64_t held = counts.n_systems + counts.n_refused - out->n_in;
    return held >= 0 && held <= CAMPAIGN_HELD && out->n_in == out->n_done + out->n_open
               ? ATH_OK
               : ath__fail(c->ctx, ATH_E_INTERNAL,
                           "systems do not add up: %lld were handed out or refused, %lld were "
                           "taken, %lld have a record, %lld are in the batch",
                           (long long)(out->n_in + held), (long long)out->n_in,
                           (long long)out->n_done, (long long)out->n_open);
}

/* Before each commit. Systems that are handed over are in the batch until all of them are. */
static ath_status campaign_ready(void *user)
{
    const ath_campaign *c = user;
    ath_campaign_balance b = {.size = sizeof b};
    const ath_status status = c->running ? ath_campaign_weigh(c, c->running, &b) : ATH_OK;
    const bool within = b.n_in >= b.n_done && b.n_in <= b.n_done + b.n_open;
    ATH__TRY(status == ATH_E_INTERNAL && within ? ATH_OK : status);
    return c->config.ready ? c->config.ready(c->config.user) : ATH_OK;
}

/* ---- life ---- */

static int64_t campaign_place(void *user, const ath_system *system)
{
    const ath_campaign *c = user;
    const int64_t *id = ath_system_peek(system, ATH_FIELD_SYSTEM_ID);
    return c->config.place ? c->config.place(c->config.user, system) : id ? 2 * *id + 1 : 0;
}

static ath_status campaign_begin_open(ath_campaign *c)
{
    const ath_campaign_config *config = &c->config;
    const ath_journal_config journal = {.size = sizeof journal,
                                        .write = true,
                                        .no_sync = config->no_sync,
                                        .segment_bytes = config->segment_bytes,
                                        .group = config->group,
                                        .group_seconds = config->group_seconds,
                                        .identity = config->identity,
                                        .ready = campaign_ready,
                                        .user = c};
    ath__bytes path = {0};
    ATH__TRY(ath__file_directory(c->ctx, c->path));
    ATH__TRY(ath__campaign_path(c, "journal", &path));
    ath_status status = ath_journal_open(c->ctx, (const char *)path.data, &journal, &c->journal);
    ath__bytes_free(c->ctx, &path);
    if (status == ATH_OK) {
        const ath__sink_rules rules = {.n_stages = config->n_stages,
                                       .place = campaign_place,
                                       .user = c,
                                       .n_fresh = &c->n_done};
        status = ath__journal_sink(c->journal, &rules, &c->sink);
    }
    return status;
}

ath_status ath_campaign_open(ath_context *ctx, const char *path, const ath_campaign_config *config,
                             ath_campaign **out)
{
    ath_campaign *c = NULL;
    if (ctx == NULL || path == NULL || config == NULL || out == NULL) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "ath_campaign_open: NULL argument");
    }
    *out = NULL;
    if (config->size != sizeof *config) {
        return ath__fail(ctx, ATH_E_ABI, "ath_campaign_open: a config of %zu bytes", config->size);
    }
    if (!config->sampler || config->n_stages < 0 || !(config->checkpoint_seconds <= 1e9) ||
        !(config->quarantine_share >= 0.0 && config->quarantine_share <= 1.0)) {
        return ath__fail(ctx, ATH_E_ARGUMENT,
                         "ath_campaign_open: needs a sampler, n_stages >= 0, checkpoint_seconds, "
                         "and a share between 0 and 1");
    }
    ATH__TRY(ath__alloc(ctx, 1, sizeof *c, &c));
    c->ctx = ctx;
    c->config = *config;
    c->config.n_stages = config->n_stages > 0 ? config->n_stages : 1;
    c->config.checkpoint_seconds =
        config->checkpoint_seconds != 0.0 ? config->checkpoint_seconds : CAMPAIGN_SECONDS;
    ath_status status = ath__strdup(ctx, path, &c->path);
    status = status == ATH_OK ? campaign_begin_open(c) : status;
    if (status != ATH_OK) {
        ath_campaign_close(&c);
        return status;
    }
    *out = c;
    return ATH_OK;
}

void ath_campaign_close(ath_campaign **campaign)
{
    if (campaign && *campaign) {
        ath_campaign *c = *campaign;
        ath_context *ctx = c->ctx;
        ath_sink_destroy(&c->sink);
        ath_journal_close(&c->journal);
        ath__strfree(ctx, &c->path);
        ath__free(ctx, campaign, 1, sizeof *c);
    }
}

ath_journal *ath_campaign_journal(const ath_campaign *c)
{
    return c ? c->journal : NULL;
}

ath_status ath_campaign_sink(ath_campaign *c, ath_sink **out)
{
    if (c == NULL || out == NULL) {
        return ath__fail(c ? c->ctx : NULL, ATH_E_ARGUMENT, "ath_campaign_sink: NULL argument");
    }
    *out = c->sink;
    return ATH_OK;
}

/* ---- what comes in ---- */

bool ath__campaign_has(const ath_campaign *c, ath_uid uid)
{
    bool has = false;
    for (int32_t k = 0; k < c->config.n_stages && !has; k++) {
        has = ath_journal_has(c->journal, uid, k, NULL);
    }
    return has;
}

bool ath_campaign_known(void *campaign, ath_uid uid)
{
    ath_campaign *c = campaign;
    const bool known = ath__campaign_has(c, uid);
    c->n_done += known;
    return known;
}

/* Stands for the place of a refused structure in the input. After a crash systems may be handed out
 * in another order, since those that are done are passed over: so the number of those before it
 * counts only where the sampler knows one order. */
static ath_uid campaign_refused_uid(const ath_campaign *c, const char *file, int64_t frame,
                                    const ath_sampler_counts *counts)
{
    const ath_sampler *sampler = c->config.sampler;
    const uint64_t mark = UINT64_C(0x2164657375666572); /* "refused!": what no content is */
    const bool in_order = ath_sampler_max_systems(sampler) == 0 &&
                          ath_sampler_max_atoms(sampler) == 0 &&
                          ath_sampler_max_edges(sampler) == 0;
    const ath_uid place = ath_uid_of(ath_uid_of_text(file ? file : ""), (uint64_t)frame);
    const int64_t before = in_order                        ? counts->n_systems + counts->n_refused
                           : ath__sampler_refused(sampler) ? counts->n_refused
                                                           : 0;
    return ath_uid_of((ath_uid){place.lo, place.hi ^ mark}, (uint64_t)before);
}

ath_status ath_campaign_refuse(ath_campaign *c, const char *file, int64_t frame, int64_t place,
                               ath_reason reason, const char *message)
{
    ath_sampler_counts counts = {.size = sizeof counts};
    ATH__TRY(ath_sampler_count(c->config.sampler, &counts));
    const ath_record record = {.uid = campaign_refused_uid(c, file, frame, &counts),
                               .state = ATH_STATE_REJECTED,
                               .reason = reason,
                               .frame = frame,
                               .place = place,
                               .text = message,
                               .file = file};
    c->n_done++; /* first: this record may complete a group, before which all is weighed */
    const ath_status status = ath_journal_put(c->journal, &record, NULL, NULL);
    if (!ath_journal_has(c->journal, record.uid, 0, NULL)) {
        c->n_done--;
        return status;
    }
    /* where there was no room for the group there may be some later */
    return status == ATH_E_IO && !c->journal->dead ? ATH_OK : status;
}

/* ---- the run ---- */

/* Too many that failed. */
static ath_status campaign_judge(const ath_campaign *c)
{
    const int64_t *counts = c->journal->counts, bad = counts[ATH_STATE_QUARANTINED];
    const int64_t ended = bad + counts[ATH_STATE_FINISHED] + counts[ATH_STATE_STEP_LIMIT];
    const double share = c->config.quarantine_share;
    if (share <= 0.0 || bad < CAMPAIGN_FEW || (double)bad <= share * (double)ended) {
        return ATH_OK;
    }
    return ath__fail(c->ctx, ATH_E_STATE,
                     "%lld of %lld systems were quarantined, more than %g %%: the model or the "
                     "settings are at fault",
                     (long long)bad, (long long)ended, 100.0 * share);
}

static bool campaign_stops(const ath_campaign *c, int level)
{
    return c->config.stop && *c->config.stop >= level;
}

/* A checkpoint is a convenience while the run goes on: one that fails is tried again later. */
static void campaign_checkpoint_if_due(ath_campaign *c, ath_dynamics *dyn, double *last)
{
    const double least = c->config.checkpoint_seconds, stretched = c->cost / CAMPAIGN_SHARE;
    if (least < 0.0 || ath__campaign_clock() - *last < (least > stretched ? least : stretched)) {
        return;
    }
    if (ath_campaign_checkpoint(c, dyn) < 0) {
        ath__log(c->ctx, ATH_LOG_WARNING, "campaign", "no checkpoint: %s",
                 ath_context_message(c->ctx));
    }
    *last = ath__campaign_clock();
}

/* Runs so many steps at a time that the time for a checkpoint is not missed by much. */
static ath_status campaign_loop(ath_campaign *c, ath_dynamics *dyn)
{
    const double span = c->config.checkpoint_seconds > 0.0 ? c->config.checkpoint_seconds / 4 : 1e9;
    int64_t n = CAMPAIGN_FIRST;
    double last = ath__campaign_clock();
    while (!ath_dynamics_done(dyn)) {
        const double begin = ath__campaign_clock();
        ath_campaign_balance balance = {.size = sizeof balance};
        const ath_status status = ath_dynamics_run(dyn, NULL, n);
        const double seconds = ath__campaign_clock() - begin;
        if (status != ATH_OK) {
            return status;
        }
        n = seconds < span && n < INT64_MAX / 4 ? 2 * n : seconds > 2 * span && n > 1 ? n / 2 : n;
        ATH__TRY(ath_campaign_weigh(c, dyn, &balance));
        ATH__TRY(campaign_judge(c));
        if (!ath_dynamics_done(dyn)) {
            campaign_checkpoint_if_due(c, dyn, &last);
        }
    }
    return ATH_OK;
}

/* Nothing goes on for now: what has finished is handed over, the rest is written down. */
static ath_status campaign_leave(ath_campaign *c, ath_dynamics *dyn)
{
    ath_batch *batch = ath_dynamics_active_batch(dyn);
    ath_campaign_balance balance = {.size = sizeof balance};
    if (campaign_stops(c, 2)) {
        return ATH_AGAIN;
    }
    if (batch) {
        ATH__TRY(ath_dynamics_drain(dyn, batch));
    }
    ATH__TRY(ath_campaign_weigh(c, dyn, &balance));
    if (!campaign_stops(c, 2) && ath_campaign_checkpoint(c, dyn) < 0) {
        ath__log(c->ctx, ATH_LOG_WARNING, "campaign", "no checkpoint: %s",
                 ath_context_message(c->ctx));
    }
    return ATH_AGAIN;
}

/* Commits what a run has left to commit; the message of one that has failed stays. */
static ath_status campaign_end(ath_campaign *c, ath_status status)
{
    char message[512];
    const char *text = ath_context_message(c->ctx);
    const size_t n = strnlen(text, sizeof message - 1);
    memcpy(message, text, n);
    message[n] = '\0';
    const ath_status committed = c->journal->dead ? ATH_E_IO : ath__campaign_commit(c);
    return status < 0 ? ath__fail(c->ctx, status, "%s", message) : committed;
}

ath_status ath_campaign_run(ath_campaign *c, ath_dynamics *dyn)
{
    c->running = dyn;
    ath_status status = campaign_loop(c, dyn);
    status = status == ATH_AGAIN ? campaign_leave(c, dyn) : status;
    const ath_status committed = campaign_end(c, status);
    c->running = NULL;
    if (status == ATH_OK && committed == ATH_E_IO && !c->journal->dead) {
        return ATH_AGAIN; /* the disk is full: all is computed, and the end is not written */
    }
    if (status == ATH_OK && committed == ATH_OK) {
        ath__campaign_tidy(c);
    }
    return status == ATH_OK ? committed : status;
}
