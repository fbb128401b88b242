/* What came out of a validation: the table, validate.csv, and two plots.
 *
 * The table has one line per test, with the structure that came out worst. validate.csv has a row
 * for each structure and test, with all digits.
 */
#include <math.h>
#include <string.h>

#include <athanor/units.h>

#include "plot.h"
#include "run.h"
#include "statistics.h"
#include "validate.h"

enum {
    VERDICT_LINES = 8,
    VERDICT_BINS = 40,
    VERDICT_LABEL = 32,
    VERDICT_CURVE = 200,
    VERDICT_POINTS = 1000
};

/* The structure's own name= , or "file@frame". */
static void verdict_name(const cli_validation *v, size_t s, cli_text *out)
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

static bool verdict_worse(const cli_outcome *a, const cli_outcome *b)
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
        line.worst = verdict_worse(o, &v->outcomes[line.worst][test]) ? s : line.worst;
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
        verdict_name(v, line.worst, t);
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
    verdict_name(v, s, &name);
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

static void verdict_csv(const cli_validation *v, cli_text *t)
{
    cli_text_print(v->c, t,
                   "uid,file,frame,name,n_atoms,test,verdict,value,limit,more,unit,remark\n");
    for (size_t s = 0; s < v->n; s++) {
        for (int test = 0; test < CLI_N_TESTS; test++) {
            verdict_csv_row(v, s, (cli_test)test, t);
        }
    }
}

/* ---- plots ---- */

typedef struct verdict_sink {
    cli *c;
    cli_text *text;
} verdict_sink;

static void verdict_put(void *user, const char *data, size_t bytes)
{
    const verdict_sink *sink = user;
    cli_text_add(sink->c, sink->text, data, bytes);
}

/* The name, cut to what a legend has room for: at a whole character. */
static void verdict_label(const cli_validation *v, size_t s, char out[VERDICT_LABEL])
{
    cli_text name = {0};
    verdict_name(v, s, &name);
    size_t n = name.data ? strlen(name.data) : 0;
    if (n >= VERDICT_LABEL) {
        n = VERDICT_LABEL - 1;
        while (n > 0 && ((unsigned char)name.data[n] & 0xc0) == 0x80) {
            n--;
        }
    }
    memcpy(out, name.data ? name.data : "", n);
    out[n] = '\0';
    cli_text_free(v->c, &name);
}

/* Up to VERDICT_LINES structures with the largest drift, largest first. */
static size_t verdict_drifters(const cli_validation *v, size_t which[VERDICT_LINES])
{
    size_t n = 0;
    for (size_t s = 0; s < v->n; s++) {
        const cli_outcome *o = &v->outcomes[s][CLI_TEST_DRIFT];
        size_t at = n;
        if (o->verdict < CLI_VERDICT_PASS) {
            continue;
        }
        while (at > 0 && verdict_worse(o, &v->outcomes[which[at - 1]][CLI_TEST_DRIFT])) {
            at--;
        }
        if (at < VERDICT_LINES) {
            n += n < VERDICT_LINES;
            memmove(which + at + 1, which + at, (n - 1 - at) * sizeof *which);
            which[at] = s;
        }
    }
    return n;
}

/* Fills up to VERDICT_POINTS points of a curve: all values, or the least and the largest one of
 * blocks of them. */
static size_t verdict_curve(const cli_validation *v, size_t s, double *x, double *y)
{
    const size_t steps = (size_t)v->steps;
    const size_t block = steps <= VERDICT_POINTS ? 1 : (2 * steps - 1) / VERDICT_POINTS + 1;
    const double *energy = v->energies + s * steps;
    const double unit = 1.0 / (ATH_BOLTZMANN * v->temperature * v->dof[s]);
    size_t n = 0;
    for (size_t from = 0; from < steps; from += block) {
        const size_t to = from + block < steps ? from + block : steps;
        size_t least = from, most = from;
        for (size_t k = from; k < to; k++) {
            least = energy[k] < energy[least] ? k : least;
            most = energy[k] > energy[most] ? k : most;
        }
        const size_t ends[2] = {least < most ? least : most, least < most ? most : least};
        for (int e = 0; e < 1 + (ends[1] > ends[0]); e++) {
            x[n] = (double)(ends[e] + 1) * v->timestep * 1e-3;
            y[n++] = (energy[ends[e]] - energy[0]) * unit;
        }
    }
    return n;
}

/* Total energy against time, less its first value, in thermal units for each degree of freedom. */
static int verdict_drift(const cli_validation *v, cli_text *t)
{
    enum { MOST = VERDICT_POINTS + 2 };
    size_t which[VERDICT_LINES];
    char labels[VERDICT_LINES][VERDICT_LABEL];
    cli_plot_series series[VERDICT_LINES];
    double *memory = NULL;
    const size_t n = verdict_drifters(v, which);
    const size_t size = (size_t)2 * VERDICT_LINES * MOST;
    const int code = cli_doubles(v->c, &memory, size);
    for (size_t i = 0; i < n && !code; i++) {
        double *x = memory + 2 * i * MOST, *y = x + MOST;
        const size_t points = verdict_curve(v, which[i], x, y);
        verdict_label(v, which[i], labels[i]);
        series[i] = (cli_plot_series){
            .label = labels[i], .kind = CLI_PLOT_LINE, .x = x, .y = y, .n = points};
    }
    if (!code) {
        const cli_plot plot = {.title = "Total energy at constant energy",
                               .x_label = "time, ps",
                               .y_label = "(E - E(0)) / (kT dof)",
                               .series = series,
                               .n_series = n};
        cli_plot_svg(&plot, verdict_put, &(verdict_sink){v->c, t});
    }
    cli_doubles_free(v->c, &memory, size);
    return code;
}

static bool verdict_has_temperature(const cli_validation *v, size_t s)
{
    return v->outcomes[s][CLI_TEST_TEMPERATURE].verdict >= CLI_VERDICT_PASS;
}

/* The mean of the distributions of n structures. */
static double verdict_mixture(const cli_validation *v, size_t n, double t)
{
    double sum = 0.0;
    for (size_t s = 0; s < v->n; s++) {
        if (verdict_has_temperature(v, s)) {
            const double shape = 0.5 * v->dof[s];
            sum += cli_gamma_cdf(shape, v->temperature / shape, t);
        }
    }
    return sum / (double)n;
}

/* The temperature that the share p of this mean is below: by bisection. */
static double verdict_quantile(const cli_validation *v, size_t n, double p)
{
    double low = 0.0, high = 64.0 * v->temperature;
    for (int k = 0; k < 40 && n > 0; k++) {
        const double middle = 0.5 * (low + high);
        *(verdict_mixture(v, n, middle) < p ? &low : &high) = middle;
    }
    return 0.5 * (low + high);
}

typedef struct verdict_histogram {
    double low, high;
    double x[VERDICT_BINS], y[VERDICT_BINS];            /* measured density, 1/K */
    double at[VERDICT_CURVE + 1], p[VERDICT_CURVE + 1]; /* theory */
} verdict_histogram;

/* Adds one of n structures: its samples, and the gamma distribution of its degrees of freedom. */
static void verdict_count(const cli_validation *v, size_t s, size_t n, verdict_histogram *h)
{
    const double unit = 2.0 / (ATH_BOLTZMANN * v->dof[s]);
    const double width = (h->high - h->low) / VERDICT_BINS;
    const double weight = 1.0 / ((double)n * (double)v->steps * width);
    const double shape = 0.5 * v->dof[s], scale = v->temperature / shape;
    for (int64_t k = 0; k < v->steps; k++) {
        const double t = v->kinetic[s * (size_t)v->steps + (size_t)k] * unit;
        const double bin = (t - h->low) / width;
        if (bin >= 0.0 && bin < VERDICT_BINS) {
            h->y[(int)bin] += weight;
        }
    }
    for (int k = 0; k <= VERDICT_CURVE; k++) {
        h->p[k] += cli_gamma_density(shape, scale, h->at[k]) / (double)n;
    }
}

/* Kinetic temperatures of all structures together, each with the same weight. The far ends, where
 * the smallest structures are alone, are not shown. */
static int verdict_temperature(const cli_validation *v, cli_text *t)
{
    verdict_histogram h = {0};
    size_t n = 0;
    for (size_t s = 0; s < v->n; s++) {
        n += verdict_has_temperature(v, s);
    }
    h.low = verdict_quantile(v, n, 1e-3);
    h.high = verdict_quantile(v, n, 1.0 - 5e-3);
    const double width = (h.high - h.low) / VERDICT_BINS;
    for (int k = 0; k < VERDICT_BINS; k++) {
        h.x[k] = h.low + (k + 0.5) * width;
    }
    for (int k = 0; k <= VERDICT_CURVE; k++) {
        h.at[k] = h.low + (h.high - h.low) * k / VERDICT_CURVE;
    }
    for (size_t s = 0; s < v->n; s++) {
        if (verdict_has_temperature(v, s)) {
            verdict_count(v, s, n, &h);
        }
    }
    const cli_plot_series series[2] = {
        {"Langevin dynamics", CLI_PLOT_BARS, h.x, h.y, n ? VERDICT_BINS : 0, width},
        {"gamma distribution", CLI_PLOT_LINE, h.at, h.p, n ? VERDICT_CURVE + 1 : 0, 0.0},
    };
    const cli_plot plot = {.title = "Kinetic temperature at constant temperature",
                           .x_label = "2 K / (k dof), K",
                           .y_label = "probability density, 1/K",
                           .series = series,
                           .n_series = 2};
    cli_plot_svg(&plot, verdict_put, &(verdict_sink){v->c, t});
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

int cli_verdict_write(const cli_validation *v, const char *folder)
{
    static const char *const names[] = {"validate.csv", "energy_drift.svg", "temperature.svg"};
    int code = CLI_OK;
    for (int k = 0; k < 3 && !code; k++) {
        cli_text text = {0};
        if (k == 0) {
            verdict_csv(v, &text);
        } else {
            code = k == 1 ? verdict_drift(v, &text) : verdict_temperature(v, &text);
        }
        code = code ? code : cli_text_check(v->c, &text);
        code = code ? code : verdict_file(v->c, folder, names[k], &text);
        cli_text_free(v->c, &text);
    }
    return code;
}
