/* One pass over a journal for the report: tallies, histograms, a sample of points, the rows of the
 * first structures that failed. What failed does not enter the distributions of energies and steps.
 */
#include <math.h>
#include <string.h>

#include "report.h"
#include "run.h"

static const size_t report_points_bytes = CLI_REPORT_POINTS * sizeof(double);

/* Every stride-th; when there is no more room, every second one goes. */
static void report_point(cli_report *r, double n_atoms, double steps)
{
    if (r->n_seen++ % r->stride != 0) {
        return;
    }
    if (r->n_points == CLI_REPORT_POINTS) {
        for (size_t i = 0; 2 * i < r->n_points; i++) {
            r->points[0][i] = r->points[0][2 * i];
            r->points[1][i] = r->points[1][2 * i];
        }
        r->n_points /= 2;
        r->stride *= 2;
    }
    r->points[0][r->n_points] = n_atoms;
    r->points[1][r->n_points++] = steps;
}

static void report_cell(cli_report *r, const char *text, size_t max)
{
    cli_text_print(r->c, &r->failed, "<td>");
    cli_report_escape(r->c, &r->failed, text, max);
    cli_text_print(r->c, &r->failed, "</td>");
}

static void report_failure(cli_report *r, const ath_record *record, const ath_system *system)
{
    enum { NAME = 200, TEXT = 400 };
    char stage[16];
    if (r->n_failed++ >= CLI_REPORT_FAILED) {
        return;
    }
    cli_text_print(r->c, &r->failed, "<tr>");
    report_cell(r, record->file, NAME);
    cli_text_print(r->c, &r->failed, "<td class=\"n\">%lld</td>", (long long)record->frame);
    report_cell(r, system ? cli_form_name(system) : "", NAME);
    report_cell(r, ath_state_name(record->state), 0);
    report_cell(r, ath_reason_name(record->reason), 0);
    report_cell(r, cli_form_stage(&r->form, record->stage, stage), NAME);
    cli_text_print(r->c, &r->failed, "<td class=\"n\">%lld</td>", (long long)record->steps);
    report_cell(r, record->text, TEXT);
    cli_text_print(r->c, &r->failed, "</tr>\n");
}

static double report_real(const ath_system *system, ath_field field)
{
    const double *value = ath_system_peek(system, field);
    return value ? *value : (double)NAN;
}

static int report_visit(void *user, const ath_record *record, const ath_system *system)
{
    cli_report *r = user;
    const int32_t stage = record->stage;
    const bool limit = record->state == ATH_STATE_STEP_LIMIT;
    r->tally[record->state][record->reason]++;
    if (record->state == ATH_STATE_QUARANTINED || record->state == ATH_STATE_REJECTED) {
        report_failure(r, record, system);
        return cli_text_check(r->c, &r->failed);
    }
    if (!system) {
        return CLI_OK;
    }
    const double n_atoms = ath_system_n_atoms(system), steps = (double)record->steps;
    const double fmax = report_real(system, ATH_FIELD_FMAX);
    r->n_atoms += (int64_t)n_atoms;
    if (stage >= 0 && stage < CLI_REPORT_STAGES && (size_t)stage < r->form.n_stages) {
        cli_histogram_add(&r->steps[stage], steps);
    }
    cli_histogram_add(&r->energy, report_real(system, ATH_FIELD_ENERGY) / n_atoms);
    if (fmax > 0.0) {
        cli_histogram_add(&r->forces[limit], log10(fmax));
    }
    report_point(r, n_atoms, steps);
    return CLI_OK;
}

static bool report_open(cli_report *r)
{
    cli *c = r->c;
    bool good = cli_histogram_open(c, &r->energy);
    for (size_t i = 0; i < CLI_REPORT_STAGES && i < r->campaign.manifest.n_stages && good; i++) {
        good = cli_histogram_open(c, &r->steps[i]);
    }
    for (int i = 0; i < 2 && good; i++) {
        good = cli_histogram_open(c, &r->forces[i]) &&
               cli_resize(c, &r->points[i], 0, report_points_bytes);
    }
    return good;
}

int cli_report_gather(cli *c, const char *folder, cli_report *r)
{
    const cli_selection all = {-1, -1, -1};
    *r = (cli_report){.c = c, .folder = folder, .stride = 1, .found = {.size = sizeof r->found}};
    int code = cli_campaign_look(c, folder, &r->campaign);
    r->form = cli_form_of(c, &r->campaign.manifest, "");
    if (!code && !report_open(r)) {
        code = cli_fail(c, CLI_INTERNAL, "out of memory");
    }
    code = code ? code : cli_campaign_open(c, folder, &r->journal);
    if (!code && ath_journal_inspect(r->journal, &r->found) < 0) {
        code = cli_fail(c, CLI_INTERNAL, "%s", ath_context_message(c->ctx));
    }
    code = code ? code : cli_export_each(c, r->journal, &all, report_visit, r, &r->done);
    cli_histogram_settle(&r->energy);
    for (int i = 0; i < CLI_REPORT_STAGES; i++) {
        cli_histogram_settle(&r->steps[i]);
    }
    cli_histogram_settle(&r->forces[0]);
    cli_histogram_settle(&r->forces[1]);
    return code;
}

void cli_report_free(cli_report *r)
{
    cli *c = r->c;
    cli_histogram_close(c, &r->energy);
    for (int i = 0; i < CLI_REPORT_STAGES; i++) {
        cli_histogram_close(c, &r->steps[i]);
    }
    for (int i = 0; i < 2; i++) {
        cli_histogram_close(c, &r->forces[i]);
        (void)cli_resize(c, &r->points[i], report_points_bytes, 0);
    }
    cli_text_free(c, &r->failed);
    cli_text_free(c, &r->page);
    ath_journal_close(&r->journal);
    cli_campaign_free(c, &r->campaign);
}
