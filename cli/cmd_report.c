/* athanor report: a campaign as one page that can be read in any browser. */
#include "report.h"
#include "run.h"

static int report_run(cli *c, const cli_settings *s)
{
    cli_report report;
    cli_text path = {0};
    if (s->n_inputs != 1) {
        return cli_fail(c, CLI_USAGE, "report: one directory of a run (try --help)");
    }
    int code = cli_report_gather(c, s->inputs[0], &report);
    code = code || s->out ? code : cli_folder_path(c, s->inputs[0], "report.html", &path);
    if (!code) {
        code = cli_output_open(c, s->out ? s->out : path.data, false, &report.output);
    }
    if (!code) {
        code = cli_report_page(&report);
        code = cli_output_close(&report.output, code);
    }
    const int64_t damaged = report.found.n_damaged + report.done.n_spoilt;
    if (!code && damaged > 0) {
        code = cli_fail(c, CLI_PARTIAL,
                        "the journal is damaged in %lld %s; the report is of what "
                        "is whole",
                        (long long)damaged, damaged == 1 ? "place" : "places");
    } else if (!code && !s->out) {
        cli_say(c, "%s", path.data);
    }
    cli_text_free(c, &path);
    cli_report_free(&report);
    return code;
}

const cli_command cli_command_report = {
    .name = "report",
    .bit = CLI_REPORT,
    .operands = "DIR",
    .summary = "a run as one page of HTML, with plots",
    .about = "Reads all of the journal in DIR, also while the run goes on, and writes a page that\n"
             "needs nothing else: counts, plots, and what has failed.",
    .run = report_run,
};
