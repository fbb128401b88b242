/* What has come to an end: counts for progress and summary, and lines for the table on standard
 * output, about 100 bytes each. Where there is a directory the journal is what holds the results,
 * and final.extxyz and results.csv are made from it at the end.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <athanor/units.h>

#include "run.h"

double cli_max_stress(const ath_system *system, double *pressure, bool *has)
{
    const double *cell = ath_system_peek(system, ATH_FIELD_CELL);
    const double *stress = ath_system_peek(system, ATH_FIELD_STRESS);
    const int32_t *pbc = ath_system_peek(system, ATH_FIELD_PBC);
    double largest = 0.0, trace = 0.0, volume = 0.0;
    if (cell) {
        volume = cell[0] * (cell[4] * cell[8] - cell[5] * cell[7]) -
                 cell[1] * (cell[3] * cell[8] - cell[5] * cell[6]) +
                 cell[2] * (cell[3] * cell[7] - cell[4] * cell[6]);
    }
    *has = stress && volume != 0.0 && pbc && pbc[0] && pbc[1] && pbc[2];
    *pressure = 0.0;
    for (int k = 0; *has && k < 9; k++) {
        const double size = fabs(stress[k]);
        largest = isnan(largest) || size <= largest ? largest : size; /* NaN wins and stays */
        trace += k % 4 == 0 ? stress[k] : 0.0;
    }
    *pressure = -trace / 3.0 * ATH_GPA_PER_EV_A3;
    return largest * ATH_GPA_PER_EV_A3;
}

ath_record cli_results_record(const cli_results *r, const ath_system *system, int64_t place)
{
    const int32_t *reason = ath_system_peek(system, ATH_FIELD_REASON);
    const int32_t *status = ath_system_peek(system, ATH_FIELD_STATUS);
    const int64_t *steps = ath_system_peek(system, ATH_FIELD_STAGE_STEPS);
    const int32_t n = (int32_t)r->form.n_stages;
    ath_record record = {.uid = ath_system_uid(system),
                         .n_atoms = ath_system_n_atoms(system),
                         .steps = steps ? *steps : 0,
                         .place = place,
                         .has_system = true,
                         .text = ""};
    record.reason = reason ? (ath_reason)*reason : ATH_REASON_NONE;
    record.state = cli_state_of(record.reason);
    record.stage = status && *status > n && *status <= 2 * n ? *status - n - 1 : n - 1;
    record.file = ath_system_source(system, &record.frame);
    return record;
}

/* A free row, or NULL without memory. */
static cli_row *results_next(cli_results *r)
{
    if (r->n_rows == r->max_rows) {
        const size_t n = r->max_rows ? 2 * r->max_rows : 256;
        if (n > SIZE_MAX / sizeof *r->rows / 2 ||
            !cli_resize(r->c, &r->rows, r->max_rows * sizeof *r->rows, n * sizeof *r->rows)) {
            return NULL;
        }
        r->max_rows = n;
    }
    return &r->rows[r->n_rows];
}

static int results_row(cli_results *r, const ath_record *record, const ath_system *system)
{
    cli_row *row = results_next(r);
    if (!row) {
        return cli_fail(r->c, CLI_INTERNAL, "out of memory");
    }
    *row = (cli_row){.place = record->place, .arrival = r->n_rows, .at = r->texts.size};
    cli_form_row(&r->form, record, system, &r->texts);
    row->bytes = r->texts.size - row->at;
    const int code = cli_text_check(r->c, &r->texts);
    r->n_rows += !code;
    return code;
}

static void results_count(cli_results *r, const ath_record *record)
{
    r->n++;
    r->n_reason[record->reason]++;
    r->n_rejected[record->reason] += record->state == ATH_STATE_REJECTED;
    r->n_atoms += record->n_atoms;
}

static void results_worst(cli_results *r, const ath_record *record, const ath_system *system)
{
    const double *fmax = system ? ath_system_peek(system, ATH_FIELD_FMAX) : NULL;
    if (record->state == ATH_STATE_STEP_LIMIT && fmax && *fmax > r->worst_fmax) {
        r->worst_fmax = *fmax;
    }
}

int cli_results_add(cli_results *r, const ath_record *record, const ath_system *system)
{
    if (record->reason <= ATH_REASON_NONE || record->reason >= ATH_N_REASONS) {
        return cli_fail(r->c, CLI_INTERNAL, "a structure ended without a reason");
    }
    const int code = r->table && !r->folder ? results_row(r, record, system) : CLI_OK;
    if (!code) {
        results_count(r, record);
        results_worst(r, record, system);
    }
    return code;
}

ath_state cli_state_of(ath_reason reason)
{
    const ath_state state = ath_reason_state(reason);
    return state == ATH_STATE_REJECTED ? ATH_STATE_QUARANTINED : state;
}

int64_t cli_results_of(const cli_results *r, ath_reason reason, ath_state state)
{
    const int64_t rejected = r->n_rejected[reason];
    if (state == ATH_STATE_REJECTED) {
        return rejected;
    }
    return cli_state_of(reason) == state ? r->n_reason[reason] - rejected : 0;
}

int64_t cli_results_count(const cli_results *r, ath_state state)
{
    int64_t n = 0;
    for (int i = ATH_REASON_NONE + 1; i < ATH_N_REASONS; i++) {
        n += cli_results_of(r, (ath_reason)i, state);
    }
    return n;
}

/* ---- from the journal ---- */

static const cli_selection results_all = {-1, -1, -1};

static int results_visit(void *user, const ath_record *record, const ath_system *system)
{
    cli_results *r = user;
    results_worst(r, record, system);
    return r->table ? results_row(r, record, system) : CLI_OK;
}

int cli_results_recount(cli_results *r, ath_journal *journal)
{
    const cli_selection missed = {ATH_STATE_STEP_LIMIT, -1, -1};
    cli_exported done;
    memset(r->n_reason, 0, sizeof r->n_reason);
    memset(r->n_rejected, 0, sizeof r->n_rejected);
    r->n = r->n_atoms = 0;
    r->n_rows = r->texts.size = 0;
    for (int64_t i = 0; i < ath_journal_length(journal); i++) {
        ath_record record;
        if (ath_journal_record(journal, i, &record) == ATH_OK) {
            results_count(r, &record);
        }
    }
    return cli_export_each(r->c, journal, r->table ? &results_all : &missed, results_visit, r,
                           &done);
}

int cli_results_export(cli_results *r, ath_journal *journal)
{
    cli *c = r->c;
    cli_text frames = {0}, lines = {0};
    cli_exported done;
    int code = cli_folder_path(c, r->folder, "final.extxyz", &frames);
    code = code ? code : cli_folder_path(c, r->folder, "results.csv", &lines);
    code = code ? code : cli_export_extxyz(c, journal, &r->form, &results_all, frames.data, &done);
    code = code ? code : cli_export_csv(c, journal, &r->form, &results_all, lines.data, &done);
    if (!code && cli_sync_directory(c, r->folder) < 0) {
        code = cli_fail(c, CLI_IO, "cannot sync '%s'", r->folder);
    }
    cli_text_free(c, &lines);
    cli_text_free(c, &frames);
    return code;
}

/* ---- the table ---- */

static int results_compare(const void *a, const void *b)
{
    const cli_row *x = a, *y = b;
    if (x->place != y->place) {
        return x->place < y->place ? -1 : 1;
    }
    return x->arrival < y->arrival ? -1 : x->arrival > y->arrival;
}

enum { RESULTS_COLUMNS = 6 };

/* Widest entry of each column of these tab-separated lines. */
static void results_widths(const char *text, size_t bytes, int widths[RESULTS_COLUMNS])
{
    int column = 0, width = 0;
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] == '\t' || text[i] == '\n') {
            widths[column] = width > widths[column] ? width : widths[column];
            column = text[i] == '\t' && column + 1 < RESULTS_COLUMNS ? column + 1 : 0;
            width = 0;
        } else {
            width += ((unsigned char)text[i] & 0xC0) != 0x80; /* characters of UTF-8 */
        }
    }
}

/* The same lines, aligned: the first column to the left, the others to the right. */
static void results_align(FILE *to, const char *text, size_t bytes,
                          const int widths[RESULTS_COLUMNS])
{
    size_t begin = 0;
    int column = 0, width = 0;
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] != '\t' && text[i] != '\n') {
            width += ((unsigned char)text[i] & 0xC0) != 0x80;
            continue;
        }
        const int blank = widths[column] - width;
        fprintf(to, "%s%*s%.*s%*s", column ? "  " : "", column ? blank : 0, "", (int)(i - begin),
                text + begin, column ? 0 : blank, "");
        column = text[i] == '\t' && column + 1 < RESULTS_COLUMNS ? column + 1 : 0;
        width = 0;
        begin = i + 1;
        if (text[i] == '\n') {
            fputc('\n', to);
        }
    }
}

int cli_results_table(cli_results *r)
{
    FILE *to = r->c->out;
    const bool aligned = isatty(fileno(to));
    const size_t head = strlen(cli_form_table_head);
    int widths[RESULTS_COLUMNS] = {0};
    if (r->n_rows > 0) {
        qsort(r->rows, r->n_rows, sizeof *r->rows, results_compare);
    }
    results_widths(cli_form_table_head, head, widths);
    for (size_t i = 0; i < r->n_rows; i++) {
        results_widths(r->texts.data + r->rows[i].at, r->rows[i].bytes, widths);
    }
    for (size_t i = 0; i <= r->n_rows; i++) {
        const char *text = i ? r->texts.data + r->rows[i - 1].at : cli_form_table_head;
        const size_t bytes = i ? r->rows[i - 1].bytes : head;
        if (aligned) {
            results_align(to, text, bytes, widths);
        } else {
            fwrite(text, 1, bytes, to);
        }
    }
    return fflush(to) != 0 || ferror(to) ? CLI_IO : CLI_OK;
}

void cli_results_close(cli_results *r)
{
    (void)cli_resize(r->c, &r->rows, r->max_rows * sizeof *r->rows, 0);
    cli_text_free(r->c, &r->texts);
    cli_text_free(r->c, &r->provenance);
}
