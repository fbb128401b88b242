/* athanor status: how far a campaign is. Reads the end of its journal and what the running program
 * says of itself, so that it answers at once whatever the size of the campaign.
 *
 * On a terminal --watch draws over what it has drawn; elsewhere it adds a line each time, of text
 * or of JSON. Texts of the files are shown without anything that acts on a terminal.
 */
#include <math.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "inspect.h"
#include "run.h"

enum { STATUS_BAR = 40, STATUS_COUNT_BAR = 30, STATUS_LABEL = 16 };
static const double STATUS_NAP = 0.05; /* seconds between looks at the signal */

/* ---- text ---- */

/* How long ago, "-" where it is not known. */
static void status_ago(double now, double then, char *out, size_t bytes)
{
    char text[32];
    if (then <= 0.0) {
        snprintf(out, bytes, "-");
        return;
    }
    cli_format_seconds(now > then ? now - then : 0.0, text, sizeof text);
    snprintf(out, bytes, "%s ago", text);
}

/* "[####----]  40.2 %  402 of 1000" */
static void status_done(cli *c, const cli_campaign *a, cli_text *t)
{
    const int64_t n = a->glance.n_records, total = a->progress.total;
    if (total <= 0) {
        cli_text_print(c, t, "%lld structures%s\n", (long long)n,
                       total == 0 ? ", and there are none"
                                  : " so far; how many there are in all "
                                    "is not known");
        return;
    }
    const int full = (int)(fmin((double)n / (double)total, 1.0) * STATUS_BAR);
    cli_text_print(c, t, "[");
    for (int i = 0; i < STATUS_BAR; i++) {
        cli_text_add(c, t, i < full ? "#" : "-", 1);
    }
    /* rounded down: 100 % is all of them */
    cli_text_print(c, t, "] %5.1f %%  %lld of %lld\n",
                   floor(1000.0 * (double)n / (double)total) / 10.0, (long long)n,
                   (long long)total);
}

static void status_counts(cli *c, const cli_campaign *a, cli_text *t)
{
    const ath_journal_glance *g = &a->glance;
    for (int i = ATH_STATE_FINISHED; i < ATH_N_STATES; i++) {
        cli_text_print(c, t, "  %-*s %9lld", STATUS_LABEL, ath_state_name((ath_state)i),
                       (long long)g->counts[i]);
        if (i == ATH_STATE_QUARANTINED && g->n_records > 0) {
            cli_text_print(c, t, "  (%.3g %%)", 100.0 * a->quarantine);
        }
        cli_text_print(c, t, "\n");
    }
}

static void status_reasons(cli *c, const cli_campaign *a, cli_text *t)
{
    const int64_t *n = a->glance.reasons;
    int64_t most = 0;
    for (int i = ATH_REASON_NONE + 1; i < ATH_N_REASONS; i++) {
        most = n[i] > most ? n[i] : most;
    }
    if (most > 0) {
        cli_text_print(c, t, "reasons\n");
    }
    for (int i = ATH_REASON_NONE + 1; i < ATH_N_REASONS; i++) {
        if (n[i] > 0) { /* rounded up: what is there is seen */
            const int full = (int)((double)n[i] / (double)most * (STATUS_COUNT_BAR - 1)) + 1;
            cli_text_print(c, t, "  %-*s %9lld  ", STATUS_LABEL, ath_reason_name((ath_reason)i),
                           (long long)n[i]);
            for (int k = 0; k < full; k++) {
                cli_text_add(c, t, "#", 1);
            }
            cli_text_print(c, t, "\n");
        }
    }
}

/* What the running program says; while it does not run, that is of the past. */
static void status_engine(cli *c, const cli_campaign *a, cli_text *t)
{
    const cli_campaign_progress *p = &a->progress;
    char large[32];
    if (!p->there || a->state != CLI_CAMPAIGN_RUNNING) {
        return;
    }
    if (p->active >= 0) {
        cli_text_print(c, t, "in work          %lld", (long long)p->active);
        for (int i = 0; i < p->n_stages && (size_t)i < a->manifest.n_stages && p->n_stages > 1;
             i++) {
            cli_text_print(c, t, "%s%s %lld", i ? ", " : ": ", a->manifest.stages[i].name,
                           (long long)p->stage_active[i]);
        }
        if (p->queued >= 0) {
            cli_text_print(c, t, "; %lld waiting", (long long)p->queued);
        }
        cli_text_print(c, t, "\n");
    }
    if (p->rate >= 0.0) {
        cli_format_large(p->rate, large, sizeof large);
        cli_text_print(c, t, "atom-steps/s     %s", large);
        if (p->occupancy >= 0.0) {
            cli_text_print(c, t, ", %.0f %% of the batch at work", 100.0 * p->occupancy);
        }
        cli_text_print(c, t, "\n");
    }
}

static void status_times(cli *c, const cli_campaign *a, cli_text *t)
{
    char text[64];
    const double last = 1e-9 * (double)a->glance.last.time;
    const bool running = a->state == CLI_CAMPAIGN_RUNNING;
    if (running && a->rate >= 0.0) {
        cli_text_print(c, t, "structures/s     %.3g", a->rate);
        if (a->eta >= 0.0) {
            cli_format_seconds(a->eta, text, sizeof text);
            cli_text_print(c, t, ", done in %s", text);
        }
        cli_text_print(c, t, "\n");
    }
    status_engine(c, a, t);
    status_ago(a->now, last, text, sizeof text);
    cli_text_print(c, t, "last commit      %s\n", text);
    cli_text_print(c, t, "checkpoints      ");
    int n = 0;
    for (int i = 0; i < CLI_CAMPAIGN_CHECKPOINTS; i++) {
        if (a->checkpoints[i].there) {
            status_ago(a->now, a->checkpoints[i].time, text, sizeof text);
            cli_text_print(c, t, "%s%d: %s, %.1f MB", n++ ? "; " : "", i, text,
                           1e-6 * (double)a->checkpoints[i].bytes);
        }
    }
    cli_text_print(c, t, "%s\n", n ? "" : "none");
}

static void status_block(cli *c, const char *folder, const cli_campaign *a, cli_text *t)
{
    cli_text_print(c, t, "%s: %s, model %.*s: %s\n", folder, a->manifest.command,
                   (int)strcspn(a->manifest.model, ":"), a->manifest.model,
                   cli_campaign_states[a->state]);
    status_done(c, a, t);
    status_counts(c, a, t);
    status_reasons(c, a, t);
    status_times(c, a, t);
}

/* All of it that matters while one waits, in one line. */
static void status_line(cli *c, const cli_campaign *a, cli_text *t)
{
    const ath_journal_glance *g = &a->glance;
    char text[64];
    cli_text_print(c, t, "%s  %lld", cli_campaign_states[a->state], (long long)g->n_records);
    if (a->progress.total >= 0) {
        cli_text_print(c, t, " of %lld", (long long)a->progress.total);
    }
    for (int i = ATH_STATE_FINISHED; i < ATH_N_STATES; i++) {
        if (g->counts[i] > 0) {
            cli_text_print(c, t, "  %s %lld", ath_state_name((ath_state)i),
                           (long long)g->counts[i]);
        }
    }
    if (a->state == CLI_CAMPAIGN_RUNNING && a->rate >= 0.0) {
        cli_text_print(c, t, "  %.3g/s", a->rate);
    }
    if (a->eta >= 0.0) {
        cli_format_seconds(a->eta, text, sizeof text);
        cli_text_print(c, t, "  done in %s", text);
    }
    cli_text_print(c, t, "\n");
}

/* ---- JSON ---- */

static void status_key(cli *c, cli_text *t, const char *key)
{
    cli_text_print(c, t, ", \"%s\": ", key);
}

/* null where it is not known. */
static void status_number(cli *c, cli_text *t, const char *key, double value, bool known)
{
    status_key(c, t, key);
    if (known && isfinite(value)) {
        cli_text_double(c, t, value);
    } else {
        cli_text_print(c, t, "null");
    }
}

static void status_count(cli *c, cli_text *t, const char *key, int64_t value)
{
    status_key(c, t, key);
    cli_text_print(c, t, value >= 0 ? "%lld" : "null", (long long)value);
}

static void status_json_counts(cli *c, const ath_journal_glance *g, cli_text *t)
{
    status_key(c, t, "states");
    for (int i = ATH_STATE_FINISHED; i < ATH_N_STATES; i++) {
        cli_text_print(c, t, "%s\"%s\": %lld", i == ATH_STATE_FINISHED ? "{" : ", ",
                       ath_state_name((ath_state)i), (long long)g->counts[i]);
    }
    cli_text_print(c, t, "}");
    status_key(c, t, "reasons");
    for (int i = ATH_REASON_NONE + 1; i < ATH_N_REASONS; i++) {
        cli_text_print(c, t, "%s\"%s\": %lld", i == ATH_REASON_NONE + 1 ? "{" : ", ",
                       ath_reason_name((ath_reason)i), (long long)g->reasons[i]);
    }
    cli_text_print(c, t, "}");
}

static void status_json(cli *c, const cli_campaign *a, cli_text *t)
{
    const cli_campaign_progress *p = &a->progress;
    const double last = 1e-9 * (double)a->glance.last.time;
    bool first = true;
    cli_text_print(c, t, "{\"state\": \"%s\"", cli_campaign_states[a->state]);
    status_key(c, t, "command");
    cli_text_json(c, t, a->manifest.command);
    status_key(c, t, "model");
    cli_text_json(c, t, a->manifest.model);
    status_count(c, t, "records", a->glance.n_records);
    status_count(c, t, "total", p->total);
    status_json_counts(c, &a->glance, t);
    status_number(c, t, "quarantine_share", a->quarantine, true);
    status_number(c, t, "records_per_second", a->rate, a->rate >= 0.0);
    status_number(c, t, "eta_seconds", a->eta, a->eta >= 0.0);
    status_number(c, t, "last_commit", last, last > 0.0);
    status_number(c, t, "last_commit_age", a->now - last, last > 0.0);
    status_key(c, t, "checkpoints");
    cli_text_print(c, t, "[");
    for (int i = 0; i < CLI_CAMPAIGN_CHECKPOINTS; i++) {
        if (a->checkpoints[i].there) {
            cli_text_print(c, t, "%s{\"name\": \"checkpoint.%d\", \"bytes\": %lld",
                           first ? "" : ", ", i, (long long)a->checkpoints[i].bytes);
            status_number(c, t, "age", a->now - a->checkpoints[i].time, true);
            cli_text_print(c, t, "}");
            first = false;
        }
    }
    cli_text_print(c, t, "]");
    status_count(c, t, "active", p->active);
    status_count(c, t, "queued", p->queued);
    status_count(c, t, "atom_steps", p->atom_steps);
    status_number(c, t, "atom_steps_per_second", p->rate, p->rate >= 0.0);
    status_number(c, t, "occupancy", p->occupancy, p->occupancy >= 0.0);
    status_number(c, t, "updated", p->updated, p->updated > 0.0);
    cli_text_print(c, t, "}\n");
}

/* ---- showing ---- */

/* Bytes that act on a terminal become question marks. U+0080 to U+009F are two bytes of UTF-8. */
static void status_harmless(cli_text *t)
{
    for (size_t i = 0; i < t->size; i++) {
        const unsigned char byte = (unsigned char)t->data[i];
        const bool acts = (byte < 0x20 && byte != '\n') || byte == 0x7f ||
                          (byte >= 0x80 && byte < 0xa0 && (i == 0 || t->data[i - 1] == '\xc2'));
        t->data[i] = acts ? '?' : t->data[i];
    }
}

/* Over what stands there: from the upper left corner, each line cleared behind its end. */
static void status_draw(cli *c, const cli_text *t, bool again)
{
    fputs(again ? "\033[H" : "\033[2J\033[H", c->out);
    for (size_t i = 0; i < t->size; i++) {
        if (t->data[i] == '\n') {
            fputs("\033[K", c->out);
        }
        fputc(t->data[i], c->out);
    }
    fputs("\033[J", c->out);
}

typedef struct status_view {
    const char *folder;
    bool watch, json, terminal;
    bool drawn;
} status_view;

static int status_show(cli *c, status_view *v, cli_campaign_state *state)
{
    cli_campaign campaign;
    cli_text text = {0};
    int code = cli_campaign_look(c, v->folder, &campaign);
    if (code) {
        return code;
    }
    *state = campaign.state;
    if (v->json) {
        status_json(c, &campaign, &text);
    } else if (v->watch && !v->terminal) {
        status_line(c, &campaign, &text);
    } else {
        status_block(c, v->folder, &campaign, &text);
    }
    code = cli_text_check(c, &text);
    if (!code) {
        if (!v->json) {
            status_harmless(&text);
        }
        if (v->watch && v->terminal && !v->json) {
            status_draw(c, &text, v->drawn);
            v->drawn = true;
        } else {
            fwrite(text.data, 1, text.size, c->out);
        }
        code = fflush(c->out) != 0 || ferror(c->out)
                   ? cli_fail(c, CLI_IO, "cannot write to standard output")
                   : CLI_OK;
    }
    cli_text_free(c, &text);
    cli_campaign_free(c, &campaign);
    return code;
}

/* Sleeps, but not past a signal. */
static bool status_wait(const cli *c, double seconds)
{
    const double until = cli_clock() + seconds;
    double left = seconds;
    while (left > 0.0 && !(c->interrupted && *c->interrupted)) {
        const struct timespec t = {0, (long)(1e9 * fmin(STATUS_NAP, left))};
        (void)nanosleep(&t, NULL);
        left = until - cli_clock();
    }
    return !(c->interrupted && *c->interrupted);
}

static int status_run(cli *c, const cli_settings *s)
{
    if (s->n_inputs != 1) {
        return cli_fail(c, CLI_USAGE, "status: one directory of a run (try --help)");
    }
    status_view view = {.folder = s->inputs[0],
                        .watch = s->watch > 0.0,
                        .json = s->json != 0,
                        .terminal = isatty(fileno(c->out))};
    cli_campaign_state state = CLI_CAMPAIGN_STOPPED;
    int code = status_show(c, &view, &state);
    while (!code && view.watch && state != CLI_CAMPAIGN_FINISHED && status_wait(c, s->watch)) {
        code = status_show(c, &view, &state);
    }
    return code;
}

const cli_command cli_command_status = {
    .name = "status",
    .bit = CLI_STATUS,
    .operands = "DIR",
    .summary = "how far a run is, how fast, and what has failed",
    .about =
        "Looks at the journal in DIR, without any effect on the run. --watch goes on until the\n"
        "run is finished or Ctrl-C is pressed.",
    .run = status_run,
};
