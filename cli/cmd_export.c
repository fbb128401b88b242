/* athanor export: results of a campaign out of its journal, whether it runs or not. */
#include <string.h>

#include "export.h"
#include "inspect.h"

/* The number of a word among the names that `name` gives for 0 to n - 1; else what there is. */
static int export_word(cli *c, const char *what, const char *word, const char *(*name)(int), int n,
                       int first, int32_t *out)
{
    cli_text all = {0};
    for (int i = first; word && i < n; i++) {
        if (strcmp(word, name(i)) == 0) {
            *out = i;
            cli_text_free(c, &all);
            return CLI_OK;
        }
        cli_text_print(c, &all, "%s%s", i > first ? ", " : "", name(i));
    }
    int code = cli_text_check(c, &all);
    if (!code && word) {
        code = cli_fail(c, CLI_USAGE, "export: no %s '%s': there are %s", what, word, all.data);
    }
    cli_text_free(c, &all);
    return code;
}

static const char *export_state(int i)
{
    return ath_state_name((ath_state)i);
}

static const char *export_reason(int i)
{
    return ath_reason_name((ath_reason)i);
}

static int export_stage(cli *c, const cli_manifest *m, const char *word, int32_t *out)
{
    cli_text all = {0};
    if (!word) {
        return CLI_OK;
    }
    *out = cli_manifest_stage_of(m, word);
    if (*out >= 0) {
        return CLI_OK;
    }
    for (size_t i = 0; i < m->n_stages; i++) {
        cli_text_print(c, &all, "%s%s", i ? ", " : "", m->stages[i].name);
    }
    int code = cli_text_check(c, &all);
    code = code ? code
                : cli_fail(c, CLI_USAGE, "export: no stage '%s': there %s %s", word,
                           m->n_stages > 1 ? "are" : "is", all.data);
    cli_text_free(c, &all);
    return code;
}

static int export_select(cli *c, const cli_settings *s, const cli_manifest *m, cli_selection *out)
{
    *out = (cli_selection){-1, -1, -1};
    int code = export_word(c, "state", s->state, export_state, ATH_N_STATES, ATH_STATE_FINISHED,
                           &out->state);
    code = code ? code
                : export_word(c, "reason", s->reason, export_reason, ATH_N_REASONS,
                              ATH_REASON_CONVERGED, &out->reason);
    return code ? code : export_stage(c, m, s->stage, &out->stage);
}

/* What was left out, and why. */
static int export_remark(cli *c, const ath_journal *journal, const cli_exported *done)
{
    ath_journal_state state = {.size = sizeof state};
    const ath_status status = ath_journal_inspect(journal, &state);
    if (status < 0) {
        return cli_fail_status(c, status);
    }
    const int64_t damaged = state.n_damaged + done->n_spoilt;
    if (done->n_bare > 0) {
        cli_note(c, "%lld records have no structure and are left out", (long long)done->n_bare);
    }
    return damaged ? cli_fail(c, CLI_PARTIAL,
                              "the journal is damaged in %lld %s; whole records are exported",
                              (long long)damaged, damaged == 1 ? "place" : "places")
                   : CLI_OK;
}

static int export_run(cli *c, const cli_settings *s)
{
    cli_manifest manifest = {0};
    cli_selection selection;
    cli_exported done = {0};
    cli_text provenance = {0};
    ath_journal *journal = NULL;
    if (s->n_inputs != 1) {
        return cli_fail(c, CLI_USAGE, "export: one directory of a run (try --help)");
    }
    int code = cli_manifest_read(c, s->inputs[0], &manifest);
    code = code ? code : export_select(c, s, &manifest, &selection);
    if (!code) {
        cli_manifest_provenance(c, &manifest, &provenance);
        code = cli_text_check(c, &provenance);
    }
    code = code ? code : cli_campaign_open(c, s->inputs[0], &journal);
    if (!code) {
        const cli_form form = cli_form_of(c, &manifest, provenance.data);
        code = s->format == CLI_FORMAT_CSV
                   ? cli_export_csv(c, journal, &form, &selection, s->out, &done)
                   : cli_export_extxyz(c, journal, &form, &selection, s->out, &done);
        code = code ? code : export_remark(c, journal, &done);
    }
    ath_journal_close(&journal);
    cli_text_free(c, &provenance);
    cli_manifest_free(c, &manifest);
    return code;
}

const cli_command cli_command_export = {
    .name = "export",
    .bit = CLI_EXPORT,
    .operands = "DIR",
    .summary = "results of a run, all or some of them, in input order",
    .about = "Reads the journal in DIR, also while the run goes on or after it has crashed, and\n"
             "writes what is in it: structures as in final.extxyz, or lines as in results.csv.",
    .run = export_run,
};
