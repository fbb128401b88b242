/* Results in input order from structures that end in any order, with bounded memory.
 *
 * Final structures go to unsorted.extxyz as they come; a line of results.csv for each is kept in
 * memory (about 200 bytes). At the end one pass over unsorted.extxyz finds where its frames begin,
 * and they are copied in input order into final.extxyz, which appears complete by a rename, as
 * results.csv does. unsorted.extxyz is then removed; after a crash it is what is left of the
 * finished structures.
 *
 * Energies in eV, forces in eV/angstrom, max_stress in GPa: max over i, j of |sigma_ij|.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <athanor/units.h>

#include "run.h"

enum { RESULTS_COPY_BYTES = 1 << 16 };

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

static double results_real(const ath_system *system, ath_field field)
{
    const double *value = ath_system_peek(system, field);
    return value ? *value : (double)NAN;
}

static int64_t results_whole(const ath_system *system, ath_field field)
{
    const void *value = ath_system_peek(system, field);
    int32_t narrow = 0;
    int64_t wide = 0;
    if (value && (field == ATH_FIELD_STAGE_STEPS || field == ATH_FIELD_AGE)) {
        memcpy(&wide, value, sizeof wide);
        return wide;
    }
    if (value) {
        memcpy(&narrow, value, sizeof narrow);
    }
    return narrow;
}

/* The system's own name= , or "". */
static const char *results_name(const ath_system *system)
{
    ath_extra extra;
    if (ath_system_find_extra(system, ATH_LEVEL_SYSTEM, "name", &extra) != ATH_OK ||
        extra.type != ATH_EXTRA_STRING || extra.width != 1) {
        return "";
    }
    return *(const char *const *)extra.values;
}

/* The stage in which a system ended: with status n the last one, with n + i + 1 the i-th. */
static size_t results_stage(const cli_results *r, const ath_system *system)
{
    const int64_t n = (int64_t)r->n_stages, status = results_whole(system, ATH_FIELD_STATUS);
    return (size_t)(status > n && status <= 2 * n ? status - n - 1 : n - 1);
}

static void results_number(cli_results *r, const char *before, double value)
{
    cli_text_print(r->c, &r->texts, "%s", before);
    cli_text_double(r->c, &r->texts, value);
}

/* The line of results.csv. */
static void results_csv(cli_results *r, const ath_system *system, ath_reason reason)
{
    cli *c = r->c;
    char uid[33];
    int64_t frame = 0;
    bool has = false;
    double pressure = 0.0;
    const char *file = ath_system_source(system, &frame);
    const double stress = cli_max_stress(system, &pressure, &has);
    ath_uid_format(ath_system_uid(system), uid);
    cli_text_print(c, &r->texts, "%s,", uid);
    cli_text_csv(c, &r->texts, file ? file : "");
    cli_text_print(c, &r->texts, ",%lld,", (long long)frame);
    cli_text_csv(c, &r->texts, results_name(system));
    cli_text_print(c, &r->texts, ",%d,", (int)ath_system_n_atoms(system));
    cli_text_csv(c, &r->texts, r->stages[results_stage(r, system)]);
    cli_text_print(c, &r->texts, ",%s,%s,%lld", ath_state_name(cli_state_of(reason)),
                   ath_reason_name(reason),
                   (long long)results_whole(system, ATH_FIELD_STAGE_STEPS));
    results_number(r, ",", results_real(system, ATH_FIELD_ENERGY));
    results_number(r, ",", results_real(system, ATH_FIELD_FMAX));
    cli_text_print(c, &r->texts, ",");
    if (has) {
        results_number(r, "", stress);
    }
    cli_text_print(c, &r->texts, "\n");
}

/* The line of the table: name, or file and frame; columns as in results_head. */
static const char results_head[] =
    "structure\tatoms\tenergy[eV]\tfmax[eV/A]\tpressure[GPa]\tstate\n";

static void results_row(cli_results *r, const ath_system *system, ath_reason reason)
{
    cli *c = r->c;
    int64_t frame = 0;
    bool has = false;
    double pressure = 0.0;
    const char *file = ath_system_source(system, &frame), *name = results_name(system);
    (void)cli_max_stress(system, &pressure, &has);
    if (*name) {
        cli_text_print(c, &r->texts, "%s", name);
    } else {
        cli_text_print(c, &r->texts, "%s@%lld", file ? file : "", (long long)frame);
    }
    cli_text_print(c, &r->texts, "\t%d\t%.8f\t%.6f\t", (int)ath_system_n_atoms(system),
                   results_real(system, ATH_FIELD_ENERGY), results_real(system, ATH_FIELD_FMAX));
    if (has) {
        cli_text_print(c, &r->texts, "%.6f", pressure);
    } else {
        cli_text_print(c, &r->texts, "-");
    }
    cli_text_print(c, &r->texts, "\t%s\n",
                   reason == ATH_REASON_BUDGET ? "ok" : ath_reason_name(reason));
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

static bool results_sparse(const ath_system *system)
{
    const double *v = ath_system_peek(system, ATH_FIELD_VELOCITIES);
    for (int64_t i = 0; v && i < 3 * (int64_t)ath_system_n_atoms(system); i++) {
        if (v[i] != 0.0) {
            return false;
        }
    }
    return true;
}

/* Where there are several stages: which one, and the steps in all of them. The name is written as
 * the value of a key: with quotes unless it is one plain word. */
static void results_stage_keys(cli_results *r, const ath_system *system, cli_text *keys)
{
    cli *c = r->c;
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-+";
    const char *name = r->stages[results_stage(r, system)];
    const bool quoted = name[strspn(name, plain)] != '\0';
    if (r->n_stages < 2) {
        return;
    }
    cli_text_print(c, keys, " stage=%s", quoted ? "\"" : "");
    for (; *name; name++) {
        cli_text_print(c, keys, "%s%c", *name == '"' || *name == '\\' ? "\\" : "", *name);
    }
    cli_text_print(c, keys, "%s total_steps=%lld", quoted ? "\"" : "",
                   (long long)results_whole(system, ATH_FIELD_AGE));
}

/* The frame of final.extxyz, at the end of unsorted.extxyz. */
static int results_frame(cli_results *r, const ath_system *system, ath_reason reason)
{
    cli *c = r->c;
    cli_text keys = {0};
    unsigned what = r->what;
    cli_text_print(c, &keys, "converged=%c reason=%s steps=%lld fmax=",
                   results_whole(system, ATH_FIELD_CONVERGED) ? 'T' : 'F', ath_reason_name(reason),
                   (long long)results_whole(system, ATH_FIELD_STAGE_STEPS));
    cli_text_double(c, &keys, results_real(system, ATH_FIELD_FMAX));
    results_stage_keys(r, system, &keys);
    cli_text_print(c, &keys, " %s", r->provenance.data ? r->provenance.data : "");
    if (r->sparse_velocities && results_sparse(system)) {
        what &= ~(unsigned)ATH_EXTXYZ_VELOCITIES;
    }
    int code = cli_text_check(c, &keys);
    if (!code) {
        const ath_status status = ath_extxyz_write(r->writer, system, what, keys.data);
        code = status < 0 ? cli_fail_status(c, status) : CLI_OK;
    }
    cli_text_free(c, &keys);
    return code;
}

int cli_results_open(cli_results *r)
{
    cli_text path = {0};
    if (!r->folder) {
        return CLI_OK;
    }
    int code = cli_folder_path(r->c, r->folder, "unsorted.extxyz", &path);
    if (!code) {
        const ath_status status = ath_writer_open(r->c->ctx, path.data, &r->writer);
        code = status < 0 ? cli_fail_status(r->c, status) : CLI_OK;
    }
    cli_text_free(r->c, &path);
    return code;
}

int cli_results_add(cli_results *r, const ath_system *system, int64_t key)
{
    const ath_reason reason = (ath_reason)results_whole(system, ATH_FIELD_REASON);
    const double fmax = results_real(system, ATH_FIELD_FMAX);
    cli_row *row = results_next(r);
    if (!row || reason < 0 || reason >= ATH_N_REASONS) {
        return row ? cli_fail(r->c, CLI_INTERNAL, "a structure ended without a reason")
                   : cli_fail(r->c, CLI_INTERNAL, "out of memory");
    }
    *row = (cli_row){.key = key, .arrival = r->n_rows, .frame = -1, .csv = r->texts.size};
    results_csv(r, system, reason);
    row->csv_bytes = r->texts.size - row->csv;
    row->table = r->texts.size;
    if (r->table) {
        results_row(r, system, reason);
    }
    row->table_bytes = r->texts.size - row->table;
    int code = cli_text_check(r->c, &r->texts);
    if (!code && r->writer) {
        code = results_frame(r, system, reason);
        row->frame = r->n_frames;
    }
    if (code) {
        return code;
    }
    r->n_frames += r->writer != NULL;
    r->n_rows++;
    r->n_reason[reason]++;
    r->n_atoms += ath_system_n_atoms(system);
    if (reason == ATH_REASON_STEP_LIMIT && fmax > r->worst_fmax) {
        r->worst_fmax = fmax;
    }
    return CLI_OK;
}

int cli_results_reject(cli_results *r, const char *file, int64_t frame, int64_t key,
                       ath_reason reason)
{
    cli *c = r->c;
    cli_row *row = results_next(r);
    if (!row || reason < 0 || reason >= ATH_N_REASONS) {
        return cli_fail(c, CLI_INTERNAL, "%s", row ? "bad reason of a reject" : "out of memory");
    }
    *row = (cli_row){.key = key, .arrival = r->n_rows, .frame = -1, .csv = r->texts.size};
    cli_text_print(c, &r->texts, ",");
    cli_text_csv(c, &r->texts, file ? file : "");
    cli_text_print(c, &r->texts, ",%lld,,,", (long long)frame);
    cli_text_csv(c, &r->texts, r->stages[0]);
    cli_text_print(c, &r->texts, ",%s,%s,0,,,\n", ath_state_name(ath_reason_state(reason)),
                   ath_reason_name(reason));
    row->csv_bytes = r->texts.size - row->csv;
    row->table = r->texts.size;
    if (r->table) {
        cli_text_print(c, &r->texts, "%s@%lld\t-\t-\t-\t-\t%s\n", file ? file : "",
                       (long long)frame, ath_reason_name(reason));
    }
    row->table_bytes = r->texts.size - row->table;
    const int code = cli_text_check(c, &r->texts);
    if (!code) {
        r->n_rows++;
        r->n_reason[reason]++;
        r->n_rejected[reason]++;
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

static int results_compare(const void *a, const void *b)
{
    const cli_row *x = a, *y = b;
    if (x->key != y->key) {
        return x->key < y->key ? -1 : 1;
    }
    return x->arrival < y->arrival ? -1 : x->arrival > y->arrival;
}

static void results_sort(cli_results *r)
{
    if (r->n_rows > 0) {
        qsort(r->rows, r->n_rows, sizeof *r->rows, results_compare);
    }
}

/* Where the frames of unsorted.extxyz begin: a count, a comment and as many lines as the count
 * says. */
typedef struct results_scan {
    int64_t *starts; /* [n + 1], bytes; the last is the end of the file */
    int64_t n, found;
    int64_t offset, count, lines; /* lines still to come; count being read while lines is 0 */
    bool counting;
} results_scan;

static bool results_scan_byte(results_scan *s, char byte)
{
    if (s->lines == 0) { /* in a count line */
        if (!s->counting) {
            if (s->found >= s->n) {
                return false;
            }
            s->starts[s->found++] = s->offset;
            s->counting = true;
            s->count = 0;
        }
        if (byte >= '0' && byte <= '9' && s->count < INT32_MAX) {
            s->count = 10 * s->count + (byte - '0');
        } else if (byte == '\n') {
            s->lines = s->count + 1;
            s->counting = false;
        } else if (byte != ' ' && byte != '\r') {
            return false;
        }
    } else if (byte == '\n') {
        s->lines--;
    }
    s->offset++;
    return true;
}

static int results_find(cli_results *r, int fd, char *buffer, int64_t *starts)
{
    results_scan scan = {.starts = starts, .n = r->n_frames};
    for (;;) {
        const int64_t n = cli_read(r->c, fd, buffer, RESULTS_COPY_BYTES);
        if (n < 0) {
            return cli_fail(r->c, CLI_IO, "cannot read '%s/unsorted.extxyz': %s", r->folder,
                            strerror((int)-n));
        }
        if (n == 0) {
            break;
        }
        for (int64_t i = 0; i < n; i++) {
            /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): cli_resize has succeeded */
            if (!results_scan_byte(&scan, buffer[i])) {
                return cli_fail(r->c, CLI_IO, "'%s/unsorted.extxyz' is damaged", r->folder);
            }
        }
    }
    starts[r->n_frames] = scan.offset;
    if (scan.found != r->n_frames || scan.lines != 0 || scan.counting) {
        return cli_fail(r->c, CLI_IO, "'%s/unsorted.extxyz' is not complete", r->folder);
    }
    return CLI_OK;
}

/* Bytes from offset to end, into `to`. */
static int results_copy(cli_results *r, int fd, int64_t offset, int64_t end, char *buffer,
                        cli_file *to)
{
    while (offset < end) {
        const int64_t left = end - offset;
        const size_t want = left < RESULTS_COPY_BYTES ? (size_t)left : RESULTS_COPY_BYTES;
        const int64_t n = cli_read_at(r->c, fd, offset, buffer, want);
        if (n <= 0) {
            return cli_fail(r->c, CLI_IO, "cannot read '%s/unsorted.extxyz': %s", r->folder,
                            n < 0 ? strerror((int)-n) : "it has become shorter");
        }
        cli_file_write(to, buffer, (size_t)n);
        offset += n;
    }
    return CLI_OK;
}

/* The frames in the order of the rows. */
static int results_sort_frames(cli_results *r, const char *unsorted, cli_file *to)
{
    const size_t bytes = ((size_t)r->n_frames + 1) * sizeof(int64_t);
    int64_t *starts = NULL;
    char *buffer = NULL;
    int code = CLI_OK;
    const int fd = cli_open_read(r->c, unsorted);
    if (fd < 0) {
        return cli_fail(r->c, CLI_IO, "cannot open '%s': %s", unsorted, strerror(-fd));
    }
    if (!cli_resize(r->c, &starts, 0, bytes) || !cli_resize(r->c, &buffer, 0, RESULTS_COPY_BYTES)) {
        code = cli_fail(r->c, CLI_INTERNAL, "out of memory");
    }
    code = code ? code : results_find(r, fd, buffer, starts);
    for (size_t i = 0; i < r->n_rows && !code; i++) {
        const int64_t k = r->rows[i].frame;
        if (k >= 0) {
            code = results_copy(r, fd, starts[k], starts[k + 1], buffer, to);
        }
    }
    (void)cli_resize(r->c, &buffer, RESULTS_COPY_BYTES, 0);
    (void)cli_resize(r->c, &starts, bytes, 0);
    cli_close(r->c, fd);
    return code;
}

static int results_lines(cli_results *r, const char *unsorted, cli_file *to)
{
    static const char head[] =
        "uid,file,frame,name,n_atoms,stage,state,reason,steps,energy,fmax,max_stress\n";
    (void)unsorted;
    cli_file_write(to, head, sizeof head - 1);
    for (size_t i = 0; i < r->n_rows; i++) {
        cli_file_write(to, r->texts.data + r->rows[i].csv, r->rows[i].csv_bytes);
    }
    return CLI_OK;
}

/* DIR/name, complete or not at all. */
static int results_write(cli_results *r, const char *name,
                         int (*body)(cli_results *, const char *, cli_file *))
{
    cli *c = r->c;
    cli_text path = {0}, part = {0}, unsorted = {0};
    cli_file file = {0};
    int code = cli_folder_path(c, r->folder, name, &path);
    code = code ? code : cli_folder_path(c, r->folder, "unsorted.extxyz", &unsorted);
    if (!code) {
        cli_text_print(c, &part, "%s.tmp", path.data);
        code = cli_text_check(c, &part);
    }
    code = code ? code : cli_file_create(c, part.data, &file);
    if (!code) {
        code = body(r, unsorted.data, &file);
        const int closed = cli_file_close(&file);
        code = code ? code : closed;
        const int error = code ? 0 : cli_rename(c, part.data, path.data);
        if (error < 0) {
            code = cli_fail(c, CLI_IO, "cannot create '%s': %s", path.data, strerror(-error));
        }
        if (code) {
            (void)cli_unlink(c, part.data);
        }
    }
    cli_text_free(c, &unsorted);
    cli_text_free(c, &part);
    cli_text_free(c, &path);
    return code;
}

int cli_results_finish(cli_results *r)
{
    cli *c = r->c;
    cli_text unsorted = {0};
    int code = CLI_OK;
    if (!r->folder || !r->writer) {
        return CLI_OK;
    }
    const ath_status status = ath_writer_close(&r->writer);
    code = status < 0 ? cli_fail_status(c, status) : CLI_OK;
    results_sort(r);
    code = code ? code : results_write(r, "final.extxyz", results_sort_frames);
    code = code ? code : results_write(r, "results.csv", results_lines);
    code = code ? code : cli_folder_path(c, r->folder, "unsorted.extxyz", &unsorted);
    if (!code && cli_unlink(c, unsorted.data) < 0) {
        cli_warn(c, "cannot remove '%s'", unsorted.data);
    }
    if (!code && cli_sync_directory(c, r->folder) < 0) {
        code = cli_fail(c, CLI_IO, "cannot sync '%s'", r->folder);
    }
    cli_text_free(c, &unsorted);
    return code;
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
    int widths[RESULTS_COLUMNS] = {0};
    results_sort(r);
    results_widths(results_head, sizeof results_head - 1, widths);
    for (size_t i = 0; i < r->n_rows; i++) {
        results_widths(r->texts.data + r->rows[i].table, r->rows[i].table_bytes, widths);
    }
    for (size_t i = 0; i <= r->n_rows; i++) {
        const char *text = i ? r->texts.data + r->rows[i - 1].table : results_head;
        const size_t bytes = i ? r->rows[i - 1].table_bytes : sizeof results_head - 1;
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
    if (r->writer) {
        (void)ath_writer_close(&r->writer);
    }
    (void)cli_resize(r->c, &r->rows, r->max_rows * sizeof *r->rows, 0);
    cli_text_free(r->c, &r->texts);
    cli_text_free(r->c, &r->provenance);
}
