/* What came out of a validation: the table, validate.csv, and the files of the plots (figure.c).
 *
 * The table has one line per test, with the structure that came out worst. validate.csv has a row
 * for each structure and test, with all digits.
 */
#include <math.h>
#include <string.h>

#include "run.h"
#include "validate.h"

void cli_structure_name(const cli_validation *v, size_t s, cli_text *out)
{
    ath_extra extra;
    int64_t frame = 0;
    const char *file = ath_system_source(v->systems[s], &frame);
    if (ath_system_find_extra(v->systems[s], ATH_LEVEL_SYSTEM, "name", &extra) == ATH_OK &&
        extra.type == ATH_EXTRA_STRING && extra.width == 1) {
        cli_text_print(v->c, out, "%s", *(const char *const *)extra.values);
    } else if (file) {
        cli_text_print(v->c, out, "%s@%lld", file, (long long)frame);
    } else {
        cli_text_print(v->c, out, "structure %zu", s);
    }
}

/* ---- the table ---- */

/* The structure with the worst outcome, and how many have passed and failed. */
typedef struct verdict_line {
    size_t worst, n_pass, n_fail;
} verdict_line;

bool cli_outcome_worse(const cli_outcome *a, const cli_outcome *b)
{
    if (a->verdict != b->verdict) {
        return a->verdict > b->verdict;
    }
    return a->verdict >= CLI_VERDICT_PASS && !isnan(b->excess) && !(a->excess <= b->excess);
}

static verdict_line verdict_of(const cli_validation *v, cli_test test)
{
    verdict_line line = {0};
    for (size_t s = 0; s < v->n; s++) {
        const cli_outcome *o = &v->outcomes[s][test];
        line.n_pass += o->verdict == CLI_VERDICT_PASS;
        line.n_fail += o->verdict == CLI_VERDICT_FAIL;
        line.worst = cli_outcome_worse(o, &v->outcomes[line.worst][test]) ? s : line.worst;
    }
    return line;
}

/* Measured value and limit, as they are read best. */
static void verdict_numbers(cli_test test, const cli_outcome *o, char value[40], char limit[40])
{
    snprintf(value, 40, "%.3g", o->value);
    switch (test) {
    case CLI_TEST_ORDER:
        snprintf(value, 40, "%.3f", o->value);
        snprintf(limit, 40, "4 +- %.2g", o->limit);
        break;
    case CLI_TEST_DRIFT:
        snprintf(value, 40, "%.3g +- %.2g", o->value, o->more);
        snprintf(limit, 40, "<= %.3g", o->limit);
        break;
    case CLI_TEST_VOLUME:
        snprintf(value, 40, "%.3f +- %.2g", o->value, o->more);
        snprintf(limit, 40, "1 +- %.2g", o->limit);
        break;
    case CLI_TEST_TEMPERATURE:
        snprintf(limit, 40, ">= %.3g", o->limit);
        break;
    default:
        snprintf(limit, 40, "<= %.3g", o->limit);
        break;
    }
}

static void verdict_row(const cli_validation *v, cli_test test, cli_text *t)
{
    const verdict_line line = verdict_of(v, test);
    const cli_outcome *o = &v->outcomes[line.worst][test];
    char value[40] = "-", limit[40] = "-", count[48] = "";
    if (o->verdict >= CLI_VERDICT_PASS && !isnan(o->limit)) {
        verdict_numbers(test, o, value, limit);
    }
    snprintf(count, sizeof count, "%zu/%zu", line.n_pass, line.n_pass + line.n_fail);
    cli_text_print(v->c, t, "%-13s  %19s  %-11s  %-12s  %-14s  %7s  ", cli_tests[test].name, value,
                   limit, o->verdict >= CLI_VERDICT_PASS ? cli_tests[test].unit : "",
                   cli_verdict_name(o->verdict), o->verdict >= CLI_VERDICT_PASS ? count : "-");
    if (o->verdict >= CLI_VERDICT_PASS) {
        cli_structure_name(v, line.worst, t);
    }
    if (o->why && o->verdict != CLI_VERDICT_PASS) {
        cli_text_print(v->c, t, "%s%s", o->verdict == CLI_VERDICT_FAIL ? ": " : "", o->why);
    }
    while (t->size > 0 && t->data[t->size - 1] == ' ') {
        t->data[--t->size] = '\0';
    }
    cli_text_print(v->c, t, "\n");
}

static void verdict_last(const cli_validation *v, cli_text *t)
{
    size_t n_tests = 0;
    const char *separator = ": ";
    for (int test = 0; test < CLI_N_TESTS; test++) {
        n_tests += verdict_of(v, (cli_test)test).n_fail > 0;
    }
    if (n_tests == 0) {
        cli_text_print(v->c, t, "verdict: passed\n");
        return;
    }
    cli_text_print(v->c, t, "verdict: FAILED");
    for (int test = 0; test < CLI_N_TESTS; test++) {
        if (verdict_of(v, (cli_test)test).n_fail > 0) {
            cli_text_print(v->c, t, "%s%s", separator, cli_tests[test].name);
            separator = ", ";
        }
    }
    cli_text_print(v->c, t, "\n");
}

int cli_verdict_print(const cli_validation *v, FILE *to)
{
    cli *c = v->c;
    cli_text t = {0};
    cli_text_print(c, &t, "model %s (%s)\n", ath_model_text(v->model), ath_model_hash(v->model));
    cli_text_print(c, &t, "%zu structure%s, %lld atoms, time step %g fs, %g K, seed %lld\n\n", v->n,
                   v->n == 1 ? "" : "s", (long long)cli_validation_atoms(v), v->timestep,
                   v->temperature, (long long)v->seed);
    cli_text_print(c, &t, "%-13s  %19s  %-11s  %-12s  %-14s  %7s  %s\n", "test", "measured",
                   "limit", "unit", "verdict", "passed", "worst structure");
    for (int test = 0; test < CLI_N_TESTS; test++) {
        verdict_row(v, (cli_test)test, &t);
    }
    cli_text_print(c, &t, "\n");
    verdict_last(v, &t);
    const int code = cli_text_check(c, &t);
    if (!code) {
        fputs(t.data, to);
        if (c->log) {
            cli_file_write(c->log, t.data, t.size);
        }
    }
    cli_text_free(c, &t);
    return code;
}

/* ---- validate.csv ---- */

static void verdict_csv_row(const cli_validation *v, size_t s, cli_test test, cli_text *t)
{
    cli *c = v->c;
    const cli_outcome *o = &v->outcomes[s][test];
    cli_text name = {0};
    char uid[33];
    int64_t frame = 0;
    const char *file = ath_system_source(v->systems[s], &frame);
    ath_uid_format(ath_system_uid(v->systems[s]), uid);
    cli_structure_name(v, s, &name);
    cli_text_print(c, t, "%s,", uid);
    cli_text_csv(c, t, file ? file : "");
    cli_text_print(c, t, ",%lld,", (long long)frame);
    cli_text_csv(c, t, name.data ? name.data : "");
    cli_text_print(c, t, ",%d,%s,%s", (int)ath_system_n_atoms(v->systems[s]), cli_tests[test].name,
                   cli_verdict_name(o->verdict));
    const double numbers[3] = {o->value, o->limit, o->more};
    for (int k = 0; k < 3; k++) {
        cli_text_print(c, t, ",");
        if (o->verdict >= CLI_VERDICT_PASS && !isnan(o->limit)) {
            cli_text_double(c, t, numbers[k]);
        }
    }
    cli_text_print(c, t, ",%s,%s\n", cli_tests[test].unit, o->why ? o->why : "");
    t->failed = t->failed || name.failed;
    cli_text_free(c, &name);
}

static int verdict_csv(const cli_validation *v, cli_text *t)
{
    cli_text_print(v->c, t,
                   "uid,file,frame,name,n_atoms,test,verdict,value,limit,more,unit,remark\n");
    for (size_t s = 0; s < v->n; s++) {
        for (int test = 0; test < CLI_N_TESTS; test++) {
            verdict_csv_row(v, s, (cli_test)test, t);
        }
    }
    return CLI_OK;
}

/* ---- files ---- */

/* Under another name first: what has the name is complete. */
static int verdict_file(cli *c, const char *folder, const char *name, const cli_text *text)
{
    cli_text path = {0}, part = {0};
    cli_file file = {0};
    int code = cli_folder_path(c, folder, name, &path);
    if (!code) {
        cli_text_print(c, &part, "%s.tmp", path.data);
        code = cli_text_check(c, &part);
    }
    code = code ? code : cli_file_create(c, part.data, &file);
    if (!code) {
        cli_file_write(&file, text->data, text->size);
        code = cli_file_close(&file);
        const int error = code ? 0 : cli_rename(c, part.data, path.data);
        if (error < 0) {
            code = cli_fail(c, CLI_IO, "cannot create '%s': %s", path.data, strerror(-error));
        }
        if (code) {
            (void)cli_unlink(c, part.data);
        }
    }
    cli_text_free(c, &part);
    cli_text_free(c, &path);
    return code;
}

static int verdict_write(const cli_validation *v, const char *folder, const char *name,
                         int (*fill)(const cli_validation *v, cli_text *t))
{
    cli_text text = {0};
    int code = fill(v, &text);
    code = code ? code : cli_text_check(v->c, &text);
    if (!code && text.size > 0) {
        code = verdict_file(v->c, folder, name, &text);
    }
    cli_text_free(v->c, &text);
    return code;
}

int cli_verdict_write(const cli_validation *v, const char *folder)
{
    int code = verdict_write(v, folder, "validate.csv", verdict_csv);
    code = code ? code : verdict_write(v, folder, "energy_drift.svg", cli_figure_drift);
    code = code ? code : verdict_write(v, folder, "temperature.svg", cli_figure_temperature);
    code = code ? code : verdict_write(v, folder, "volume.svg", cli_figure_volume);
    return code ? code : verdict_write(v, folder, "volume_ratio.svg", cli_figure_ratio);
}
