/* The page of a report: one file of HTML and SVG, without scripts and without anything from
 * elsewhere, which a browser is told to refuse. Whatever comes from data is escaped.
 */
#include <string.h>
#include <time.h>

#include "job_tree.h"
#include "report.h"
#include "run.h"

static const char page_style[] =
    "body{font:16px/1.45 system-ui,'DejaVu Sans',Arial,sans-serif;color:#222;margin:0 auto;"
    "padding:1rem;max-width:64rem}\n"
    "h1{font-size:1.4rem;margin:.2em 0;overflow-wrap:anywhere}\n"
    "h2{font-size:1.1rem;margin:1.8em 0 .5em;border-bottom:1px solid #ccc}\n"
    "table{border-collapse:collapse;font-size:.88rem}\n"
    "td,th{padding:.2em .7em .2em 0;text-align:left;vertical-align:top;border-bottom:1px solid "
    "#e8e8e8}\n"
    "th{font-weight:600;color:#555}\n"
    "td{overflow-wrap:anywhere}\n"
    ".n,.n th{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\n"
    ".wide{overflow-x:auto}\n"
    ".wide td{overflow-wrap:break-word;max-width:28em}.failed{min-width:46rem}\n"
    ".state{display:inline-block;padding:.1em .7em;border-radius:1em;font-size:.9rem;"
    "border:1px solid}\n"
    ".finished{color:#006b4e}.running{color:#0072b2}.stopped{color:#a03c00}\n"
    ".numbers{display:flex;flex-wrap:wrap;gap:.4rem 2rem;margin:1em 0}\n"
    ".numbers div{font-size:.85rem;color:#555}.numbers b{display:block;font-size:1.35rem;"
    "color:#222}\n"
    ".plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));"
    "gap:1.2rem}\n"
    "figure{margin:0;break-inside:avoid}figcaption{font-weight:600}\n"
    "svg{max-width:100%;height:auto;print-color-adjust:exact;-webkit-print-color-adjust:exact}\n"
    ".remark,footer{font-size:.82rem;color:#666;margin:.2em 0}\n"
    ".bad{color:#a03c00;font-weight:600}\n"
    "@media print{body{padding:0;font-size:11pt;max-width:none}"
    ".plots{grid-template-columns:1fr 1fr}.wide{overflow:visible}"
    ".failed{min-width:0}.failed td{overflow-wrap:anywhere}"
    "h2{break-after:avoid}tr{break-inside:avoid}}\n";

/* ---- text ---- */

/* Characters that a page may not hold, or that would move or hide what stands around them. */
static bool page_refuses(uint32_t u)
{
    return u < 0x20 || (u >= 0x7f && u < 0xa0) || u == 0xad || (u >= 0x200b && u <= 0x200f) ||
           (u >= 0x2028 && u <= 0x202e) || (u >= 0x2060 && u <= 0x206f) || u == 0xfeff ||
           (u >= 0xfff9 && u <= 0xfffb) || (u & 0xfffe) == 0xfffe;
}

void cli_report_escape(cli *c, cli_text *out, const char *text, size_t max)
{
    size_t bytes = strlen(text), left = max ? max : SIZE_MAX;
    while (bytes > 0) {
        uint32_t u = 0;
        const size_t n = job_utf8_next(text, bytes, &u);
        const char *entity = u == '&'    ? "&amp;"
                             : u == '<'  ? "&lt;"
                             : u == '>'  ? "&gt;"
                             : u == '"'  ? "&quot;"
                             : u == '\'' ? "&#39;"
                                         : NULL;
        if (left < n || left == 0) {
            cli_text_print(c, out, "&#8230;");
            return;
        }
        if (entity) {
            cli_text_print(c, out, "%s", entity);
        } else if (n == 0 || page_refuses(u)) {
            cli_text_print(c, out, "%s", u == '\t' || u == '\n' ? " " : "&#65533;");
        } else {
            cli_text_add(c, out, text, n);
        }
        left -= n ? n : 1;
        text += n ? n : 1;
        bytes -= n ? n : 1;
    }
}

void cli_report_moment(double time, char *out, size_t bytes)
{
    const time_t seconds = (time_t)time;
    struct tm t;
    if (!(time > 0.0 && time < 1e11) || !gmtime_r(&seconds, &t)) {
        snprintf(out, bytes, "-");
        return;
    }
    snprintf(out, bytes, "%04d-%02d-%02d %02d:%02d UTC", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday,
             t.tm_hour, t.tm_min);
}

void cli_report_count(cli_report *r, int64_t value)
{
    char digits[24];
    const int n = snprintf(digits, sizeof digits, "%lld", (long long)value);
    for (int i = 0; i < n; i++) {
        const bool gap = i > 0 && (n - i) % 3 == 0 && n > 4 && digits[i - 1] != '-';
        cli_text_print(r->c, &r->page, "%s%c", gap ? "&#8239;" : "", digits[i]);
    }
}

void cli_report_flush(cli_report *r)
{
    if (r->page.failed && !r->output.code) {
        r->output.code = cli_text_check(r->c, &r->page);
    }
    if (!r->page.failed && r->page.size > 0) {
        cli_output_put(&r->output, r->page.data, r->page.size);
    }
    r->page.size = 0;
}

static void page_raw(cli_report *r, const char *text)
{
    cli_text_add(r->c, &r->page, text, strlen(text));
}

/* ---- what it is ---- */

/* A row of two cells; an empty value has none. */
static void page_fact(cli_report *r, const char *name, const char *value)
{
    if (*value) {
        page_raw(r, "<tr><th>");
        cli_report_escape(r->c, &r->page, name, 200);
        page_raw(r, "</th><td>");
        cli_report_escape(r->c, &r->page, value, 2000);
        page_raw(r, "</td></tr>\n");
    }
}

static void page_number(cli_report *r, int64_t value, const char *what)
{
    page_raw(r, "<div><b>");
    cli_report_count(r, value);
    cli_text_print(r->c, &r->page, "</b>%s</div>\n", what);
}

static int64_t page_of(const cli_report *r, ath_state state)
{
    int64_t n = 0;
    for (int i = 0; i < ATH_N_REASONS; i++) {
        n += r->tally[state][i];
    }
    return n;
}

static void page_head(cli_report *r)
{
    const char *state = cli_campaign_states[r->campaign.state];
    cli *c = r->c;
    page_raw(r, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                "style-src 'unsafe-inline'\">\n<title>");
    cli_report_escape(c, &r->page, r->folder, 200);
    page_raw(r, "</title>\n<style>\n");
    page_raw(r, page_style);
    page_raw(r, "</style>\n</head>\n<body>\n<h1>");
    cli_report_escape(c, &r->page, r->folder, 400);
    cli_text_print(c, &r->page, " <span class=\"state %s\">%s</span></h1>\n", state, state);
    page_raw(r, "<div class=\"numbers\">\n");
    if (r->campaign.progress.total >= 0) {
        page_number(r, r->campaign.progress.total, "structures in all");
    }
    page_number(r, r->done.n, "with a result");
    page_number(r, page_of(r, ATH_STATE_FINISHED), "finished");
    page_number(r, r->n_failed, "failed or refused");
    page_number(r, r->n_atoms, "atoms in those that did not fail");
    page_raw(r, "</div>\n");
    const int64_t damaged = r->found.n_damaged + r->done.n_spoilt;
    if (damaged > 0) {
        cli_text_print(c, &r->page,
                       "<p class=\"bad\">The journal is damaged in %lld %s; this is what is "
                       "whole.</p>\n",
                       (long long)damaged, damaged == 1 ? "place" : "places");
    }
}

static void page_facts(cli_report *r)
{
    const cli_manifest *m = &r->campaign.manifest;
    char text[64];
    page_raw(r, "<table>\n");
    page_fact(r, "command", m->command);
    page_fact(r, "model", m->model);
    page_fact(r, "hash of the model", m->model_hash);
    page_fact(r, "program", m->program);
    for (size_t i = 0; i < m->n_stages && i < 64; i++) {
        if (m->n_stages > 1) {
            snprintf(text, sizeof text, "stage %zu", i + 1);
        }
        cli_text line = {0};
        cli_text_print(r->c, &line, "%s%s%s", m->n_stages > 1 ? m->stages[i].name : "",
                       m->n_stages > 1 && *m->stages[i].integrator ? ": " : "",
                       m->stages[i].integrator);
        page_fact(r, m->n_stages > 1 ? text : "integrator", line.data ? line.data : "");
        r->page.failed = r->page.failed || line.failed;
        cli_text_free(r->c, &line);
    }
    if (r->campaign.glance.last.time > 0) {
        cli_report_moment(1e-9 * (double)r->campaign.glance.last.time, text, sizeof text);
        page_fact(r, "last commit", text);
    }
    page_raw(r, "</table>\n");
}

/* ---- counts ---- */

static void page_share(cli_report *r, const char *name, int64_t n, int64_t of)
{
    cli_text_print(r->c, &r->page, "<tr><td>%s</td><td class=\"n\">", name);
    cli_report_count(r, n);
    cli_text_print(r->c, &r->page, "</td><td class=\"n\">%.3g&#8239;%%</td></tr>\n",
                   of > 0 ? 100.0 * (double)n / (double)of : 0.0);
}

/* Where all structures are. */
static void page_balance(cli_report *r)
{
    const int64_t total = r->campaign.progress.total, of = total > r->done.n ? total : r->done.n;
    page_raw(r, "<div class=\"plots\">\n<section><h2>Balance</h2>\n<table>\n<tr><th>state</th><th "
                "class=\"n\">structures</th>"
                "<th class=\"n\">share</th></tr>\n");
    for (int s = ATH_STATE_FINISHED; s < ATH_N_STATES; s++) {
        page_share(r, ath_state_name((ath_state)s), page_of(r, (ath_state)s), of);
    }
    if (total >= 0) {
        page_share(r, "not yet", of - r->done.n, of);
    }
    page_share(r, total >= 0 ? "<b>in all</b>" : "<b>so far</b>", of, of);
    page_raw(r, "</table>\n");
    if (total >= 0 && r->done.n > total) {
        page_raw(r, "<p class=\"bad\">There are more results than structures.</p>\n");
    }
    page_raw(r, "</section>\n");
}

static void page_reasons(cli_report *r)
{
    page_raw(r, "<section><h2>Reasons</h2>\n<table>\n<tr><th>reason</th><th>state</th>"
                "<th class=\"n\">structures</th></tr>\n");
    for (int s = ATH_STATE_FINISHED; s < ATH_N_STATES; s++) {
        for (int i = ATH_REASON_NONE; i < ATH_N_REASONS; i++) {
            if (r->tally[s][i] > 0) {
                cli_text_print(r->c, &r->page, "<tr><td>%s</td><td>%s</td><td class=\"n\">",
                               ath_reason_name((ath_reason)i), ath_state_name((ath_state)s));
                cli_report_count(r, r->tally[s][i]);
                page_raw(r, "</td></tr>\n");
            }
        }
    }
    page_raw(r, "</table></section>\n</div>\n");
}

/* ---- the rest ---- */

static void page_plots(cli_report *r)
{
    page_raw(r, "<h2>Plots</h2>\n<div class=\"plots\">\n");
    cli_report_time(r);
    cli_report_failures(r);
    cli_report_steps(r);
    cli_report_energy(r);
    cli_report_forces(r);
    cli_report_sizes(r);
    page_raw(r, "</div>\n<p class=\"remark\">Energies, forces, steps and sizes are those of "
                "structures that did not fail.</p>\n");
}

static void page_failed(cli_report *r)
{
    page_raw(r, "<h2>Failed and refused</h2>\n");
    if (r->n_failed == 0) {
        page_raw(r, "<p>None.</p>\n");
        return;
    }
    if (r->n_failed > CLI_REPORT_FAILED) {
        cli_text_print(r->c, &r->page,
                       "<p>The first %d of %lld; <code>athanor export --format csv</code> gives "
                       "all.</p>\n",
                       CLI_REPORT_FAILED, (long long)r->n_failed);
    }
    page_raw(
        r,
        "<div class=\"wide\"><table class=\"failed\">\n<tr><th>file</th><th class=\"n\">frame</th>"
        "<th>name</th><th>state</th><th>reason</th><th>stage</th><th class=\"n\">steps</th>"
        "<th>what was wrong</th></tr>\n");
    cli_report_flush(r);
    if (r->failed.size > 0) {
        cli_output_put(&r->output, r->failed.data, r->failed.size);
    }
    page_raw(r, "</table></div>\n");
}

static void page_timing(cli_report *r)
{
    const cli_campaign_progress *p = &r->campaign.progress;
    char text[64];
    if (!p->there || (p->seconds < 0.0 && p->atom_steps < 0 && p->rate < 0.0)) {
        return;
    }
    page_raw(r, "<h2>Timing</h2>\n<table>\n");
    if (p->started > 0.0) {
        cli_report_moment(p->started, text, sizeof text);
        page_fact(r, "started", text);
    }
    if (p->seconds >= 0.0) {
        cli_format_seconds(p->seconds, text, sizeof text);
        page_fact(r, "time at work", text);
    }
    if (p->atom_steps >= 0) {
        cli_format_large((double)p->atom_steps, text, sizeof text);
        page_fact(r, "atom-steps", text);
    }
    if (p->rate >= 0.0) {
        cli_format_large(p->rate, text, sizeof text);
        page_fact(r, "atom-steps/s", text);
    }
    if (p->occupancy >= 0.0) {
        snprintf(text, sizeof text, "%.1f %%", 100.0 * p->occupancy);
        page_fact(r, "of the batch at work", text);
    }
    page_raw(r, "</table>\n");
}

static void page_options(cli_report *r)
{
    const cli_manifest *m = &r->campaign.manifest;
    if (m->n_options == 0) {
        return;
    }
    page_raw(r, "<h2>Options</h2>\n<table>\n");
    for (size_t i = 0; i < m->n_options; i++) {
        page_fact(r, m->options[i].name, m->options[i].value ? m->options[i].value : "");
    }
    page_raw(r, "</table>\n");
}

int cli_report_page(cli_report *r)
{
    page_head(r);
    page_facts(r);
    page_balance(r);
    page_reasons(r);
    page_plots(r);
    page_failed(r);
    page_timing(r);
    page_options(r);
    cli_text_print(r->c, &r->page, "<footer><p>athanor %s</p></footer>\n</body>\n</html>\n",
                   ath_version());
    cli_report_flush(r);
    return r->output.code;
}
