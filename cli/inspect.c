/* The directory of a campaign, looked at from outside (campaign.h).
 *
 * The rate at present is that of the groups in the last segment of the journal. They may go back to
 * before a pause; then only those are good that came since the program began, if progress.json says
 * how many there were. Where it does not, nothing is claimed.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "inspect.h"
#include "json.h"
#include "run.h"

enum { CAMPAIGN_PROGRESS_BYTES = 1 << 16 };

const char *const cli_campaign_states[] = {"stopped", "running", "finished"};

/* ---- progress.json ---- */

static bool campaign_number(cli_json *j, double *out)
{
    const double value = j->event == CLI_JSON_NUMBER ? strtod(j->text.data, NULL) : (double)NAN;
    if (!isfinite(value)) {
        return false;
    }
    *out = value;
    return true;
}

/* A count: what is none leaves the old value. */
static void campaign_count(cli_json *j, int64_t *out)
{
    double value = 0.0;
    if (campaign_number(j, &value) && value >= 0.0 && value < 9e15) {
        *out = (int64_t)value;
    }
}

static void campaign_stages(cli_json *j, cli_campaign_progress *p)
{
    while (cli_json_next(j) == CLI_JSON_NUMBER) {
        int64_t n = -1;
        campaign_count(j, &n);
        if (p->n_stages < CLI_CAMPAIGN_STAGES) {
            p->stage_active[p->n_stages++] = n;
        }
    }
}

static void campaign_value(cli_json *j, const char *key, cli_campaign_progress *p)
{
    const struct {
        const char *key;
        int64_t *count;
        double *number;
    } table[] = {
        {"total", &p->total, NULL},           {"taken", &p->taken, NULL},
        {"active", &p->active, NULL},         {"queued", &p->queued, NULL},
        {"atom_steps", &p->atom_steps, NULL}, {"records_before", &p->before, NULL},
        {"seconds", NULL, &p->seconds},       {"atom_steps_per_second", NULL, &p->rate},
        {"occupancy", NULL, &p->occupancy},   {"started", NULL, &p->started},
        {"updated", NULL, &p->updated},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        double value = 0.0;
        if (strcmp(key, table[i].key) != 0) {
            continue;
        }
        if (table[i].count) {
            campaign_count(j, table[i].count);
        } else if (campaign_number(j, &value) && value >= 0.0) {
            *table[i].number = value;
        }
    }
}

static bool campaign_document(cli_json *j, cli_campaign_progress *p)
{
    char key[32];
    if (cli_json_next(j) != CLI_JSON_OBJECT) {
        return false;
    }
    while (cli_json_next(j) == CLI_JSON_KEY) {
        snprintf(key, sizeof key, "%s", j->text.data);
        const cli_json_event event = cli_json_next(j);
        if (event == CLI_JSON_ARRAY && strcmp(key, "stage_active") == 0 && p->n_stages == 0) {
            campaign_stages(j, p);
            if (j->event != CLI_JSON_ARRAY_END) {
                return false;
            }
        } else if (event == CLI_JSON_ARRAY || event == CLI_JSON_OBJECT) {
            if (!cli_json_skip(j)) {
                return false;
            }
        } else {
            campaign_value(j, key, p);
        }
    }
    return j->event == CLI_JSON_OBJECT_END && cli_json_next(j) == CLI_JSON_END;
}

int cli_campaign_progress_read(cli *c, const char *folder, cli_campaign_progress *out)
{
    const cli_campaign_progress none = {.total = -1,
                                        .taken = -1,
                                        .active = -1,
                                        .queued = -1,
                                        .atom_steps = -1,
                                        .before = -1,
                                        .seconds = -1.0,
                                        .rate = -1.0,
                                        .occupancy = -1.0};
    cli_text path = {0}, text = {0};
    cli_json json = {0};
    *out = none;
    int code = cli_folder_path(c, folder, "progress.json", &path);
    const int error = code ? 0 : cli_slurp(c, path.data, CAMPAIGN_PROGRESS_BYTES, &text);
    if (error == -ENOMEM) {
        code = cli_fail(c, CLI_INTERNAL, "out of memory");
    }
    if (!code && !error) {
        cli_json_begin(c, text.data, text.size, &json);
        out->there = campaign_document(&json, out);
        code = cli_text_check(c, &json.text);
        *out = out->there ? *out : none;
        cli_json_free(&json);
    }
    cli_text_free(c, &text);
    cli_text_free(c, &path);
    return code;
}

/* ---- the journal and the rest ---- */

int cli_campaign_open(cli *c, const char *folder, ath_journal **out)
{
    const ath_journal_config config = {.size = sizeof config};
    cli_text path = {0};
    *out = NULL;
    int code = cli_folder_path(c, folder, "journal", &path);
    if (!code) {
        const ath_status status = ath_journal_open(c->ctx, path.data, &config, out);
        code = status < 0 ? cli_fail_status(c, status) : CLI_OK;
    }
    cli_text_free(c, &path);
    return code;
}

cli_campaign_state cli_campaign_state_of(bool writing, int64_t n_records, int64_t total)
{
    return writing                            ? CLI_CAMPAIGN_RUNNING
           : total >= 0 && n_records >= total ? CLI_CAMPAIGN_FINISHED
                                              : CLI_CAMPAIGN_STOPPED;
}

/* Records per second. */
static double campaign_rate(const cli_campaign *a)
{
    const ath_journal_glance *g = &a->glance;
    const cli_campaign_progress *p = &a->progress;
    double begin = 1e-9 * (double)g->first.time, end = 1e-9 * (double)g->last.time;
    int64_t n = g->last.n_records - g->first.n_records;
    if (p->there && p->started > begin) {
        begin = p->started;
        n = p->before >= 0 ? g->last.n_records - p->before : -1;
    }
    return n >= 0 && end - begin > 1e-3 ? (double)n / (end - begin) : -1.0;
}

static int campaign_checkpoints(cli *c, const char *folder, cli_campaign *out)
{
    static const char *const names[CLI_CAMPAIGN_CHECKPOINTS] = {"checkpoint.0", "checkpoint.1"};
    int code = CLI_OK;
    for (int i = 0; i < CLI_CAMPAIGN_CHECKPOINTS && !code; i++) {
        cli_text path = {0};
        struct stat about;
        code = cli_folder_path(c, folder, names[i], &path);
        if (!code && stat(path.data, &about) == 0 && S_ISREG(about.st_mode)) {
            out->checkpoints[i].there = true;
            out->checkpoints[i].time =
                (double)about.st_mtim.tv_sec + 1e-9 * (double)about.st_mtim.tv_nsec;
            out->checkpoints[i].bytes = (int64_t)about.st_size;
        }
        cli_text_free(c, &path);
    }
    return code;
}

int cli_campaign_look(cli *c, const char *folder, cli_campaign *out)
{
    cli_text path = {0};
    struct timespec now;
    *out = (cli_campaign){.glance = {.size = sizeof out->glance}, .rate = -1.0, .eta = -1.0};
    int code = cli_manifest_read(c, folder, &out->manifest);
    code = code ? code : cli_folder_path(c, folder, "journal", &path);
    if (!code) {
        const ath_status status = ath_journal_look(c->ctx, path.data, &out->glance);
        code = status < 0 ? cli_fail_status(c, status) : CLI_OK;
    }
    cli_text_free(c, &path);
    code = code ? code : cli_campaign_progress_read(c, folder, &out->progress);
    code = code ? code : campaign_checkpoints(c, folder, out);
    if (code) {
        cli_campaign_free(c, out);
        return code;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    out->now = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
    const ath_journal_glance *g = &out->glance;
    const int64_t total = out->progress.total;
    out->state = cli_campaign_state_of(g->writing, g->n_records, total);
    out->rate = campaign_rate(out);
    if (out->state == CLI_CAMPAIGN_RUNNING && out->rate > 0.0 && total >= g->n_records) {
        out->eta = (double)(total - g->n_records) / out->rate;
    }
    out->quarantine =
        g->n_records ? (double)g->counts[ATH_STATE_QUARANTINED] / (double)g->n_records : 0.0;
    return CLI_OK;
}

void cli_campaign_free(cli *c, cli_campaign *campaign)
{
    cli_manifest_free(c, &campaign->manifest);
}
