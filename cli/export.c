/* Results out of a journal, in input order (export.h).
 *
 * The order is that of `place`, and among equals that of the journal. Indices are sorted in place
 * by heapsort, which needs no memory beyond them. A campaign mostly ends nearly in input order, but
 * nothing relies on it.
 */
#include <string.h>

#include "export.h"
#include "output.h"

/* ---- order ---- */

typedef struct export_order {
    const ath_journal *journal;
    int64_t *index; /* [n] */
    int64_t n;
} export_order;

typedef struct export_key {
    int64_t place, index;
} export_key;

static export_key export_key_of(const export_order *o, int64_t index)
{
    ath_record record = {0};
    (void)ath_journal_record(o->journal, index, &record); /* the index is in range */
    return (export_key){record.place, index};
}

static bool export_before(export_key a, export_key b)
{
    return a.place != b.place ? a.place < b.place : a.index < b.index;
}

/* Lets `key` sink from `at` to where it belongs in the heap of the first n. */
static void export_sink(export_order *o, int64_t n, int64_t at, export_key key)
{
    for (int64_t child = 2 * at + 1; child < n; child = 2 * at + 1) {
        export_key largest = export_key_of(o, o->index[child]);
        if (child + 1 < n) {
            const export_key right = export_key_of(o, o->index[child + 1]);
            if (export_before(largest, right)) {
                largest = right;
                child++;
            }
        }
        if (!export_before(key, largest)) {
            break;
        }
        o->index[at] = largest.index;
        at = child;
    }
    o->index[at] = key.index;
}

static void export_sort(export_order *o)
{
    bool sorted = true;
    for (int64_t i = 1; i < o->n && sorted; i++) {
        sorted = export_before(export_key_of(o, o->index[i - 1]), export_key_of(o, o->index[i]));
    }
    if (sorted) {
        return;
    }
    for (int64_t i = o->n / 2 - 1; i >= 0; i--) {
        export_sink(o, o->n, i, export_key_of(o, o->index[i]));
    }
    for (int64_t n = o->n - 1; n > 0; n--) {
        const export_key last = export_key_of(o, o->index[n]);
        o->index[n] = o->index[0];
        export_sink(o, n, 0, last);
    }
}

static bool export_chosen(const cli_selection *s, const ath_record *r)
{
    return (s->state < 0 || (int32_t)r->state == s->state) &&
           (s->stage < 0 || r->stage == s->stage) &&
           (s->reason < 0 || (int32_t)r->reason == s->reason);
}

/* The chosen records among the first n, counted if index is NULL. */
static int64_t export_choose(const ath_journal *journal, const cli_selection *s, int64_t n,
                             int64_t *index)
{
    int64_t k = 0;
    for (int64_t i = 0; i < n; i++) {
        ath_record record;
        if (ath_journal_record(journal, i, &record) == ATH_OK && export_chosen(s, &record)) {
            if (index) {
                index[k] = i;
            }
            k++;
        }
    }
    return k;
}

int cli_export_each(cli *c, ath_journal *journal, const cli_selection *selection,
                    int (*visit)(void *user, const ath_record *record, const ath_system *system),
                    void *user, cli_exported *done)
{
    const int64_t length = ath_journal_length(journal);
    export_order order = {journal, NULL, export_choose(journal, selection, length, NULL)};
    const size_t bytes = (size_t)order.n * sizeof *order.index;
    int code = CLI_OK;
    *done = (cli_exported){0};
    if (order.n == 0) {
        return CLI_OK;
    }
    if (!cli_resize(c, &order.index, 0, bytes)) {
        return cli_fail(c, CLI_INTERNAL, "out of memory");
    }
    (void)export_choose(journal, selection, length, order.index);
    export_sort(&order);
    for (int64_t i = 0; i < order.n && !code; i++) {
        ath_record record;
        ath_system *system = NULL;
        const ath_status status = ath_journal_read(journal, order.index[i], &record, &system);
        if (status == ATH_E_CHECKSUM || status == ATH_E_FORMAT) {
            cli_warn(c, "%s", ath_context_message(c->ctx));
            done->n_spoilt++;
        } else if (status < 0) {
            code = cli_fail_status(c, status);
        } else {
            code = visit(user, &record, system);
            done->n++;
        }
        ath_system_destroy(&system);
        if (!code && c->interrupted && *c->interrupted) {
            code = cli_fail(c, CLI_INTERRUPTED, "interrupted");
        }
    }
    (void)cli_resize(c, &order.index, bytes, 0);
    return code;
}

/* ---- files ---- */

/* Where records go to. */
typedef struct export_target {
    cli *c;
    const cli_form *form;
    cli_output output;
    cli_text line;
    int64_t n_bare;
} export_target;

static int export_line(void *user, const ath_record *record, const ath_system *system)
{
    export_target *t = user;
    t->line.size = 0;
    cli_form_csv(t->form, record, system, &t->line);
    const int code = cli_text_check(t->c, &t->line);
    if (!code) {
        cli_output_put(&t->output, t->line.data, t->line.size);
    }
    return code ? code : t->output.code;
}

static int export_frame(void *user, const ath_record *record, const ath_system *system)
{
    export_target *t = user;
    if (!system) {
        t->n_bare++;
        return CLI_OK;
    }
    return cli_form_frame(t->form, record, system, t->output.writer);
}

int cli_export_csv(cli *c, ath_journal *journal, const cli_form *form,
                   const cli_selection *selection, const char *path, cli_exported *done)
{
    export_target target = {.c = c, .form = form};
    *done = (cli_exported){0};
    int code = cli_output_open(c, path, false, &target.output);
    if (!code) {
        cli_output_put(&target.output, cli_form_csv_head, strlen(cli_form_csv_head));
        code = cli_export_each(c, journal, selection, export_line, &target, done);
        code = cli_output_close(&target.output, code);
    }
    cli_text_free(c, &target.line);
    return code;
}

int cli_export_extxyz(cli *c, ath_journal *journal, const cli_form *form,
                      const cli_selection *selection, const char *path, cli_exported *done)
{
    export_target target = {.c = c, .form = form};
    *done = (cli_exported){0};
    int code = cli_output_open(c, path, true, &target.output);
    if (!code) {
        code = cli_export_each(c, journal, selection, export_frame, &target, done);
        code = cli_output_close(&target.output, code);
    }
    done->n_bare = target.n_bare;
    done->n -= target.n_bare;
    return code;
}
