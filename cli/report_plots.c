/* The plots of the report.
 *
 * Distributions leave out what lies far from all the rest, and say how much that is. Axes on which
 * the values span a factor of thirty or more are logarithmic.
 */
#include <math.h>
#include <string.h>

#include "plot.h"
#include "report.h"
#include "run.h"

enum {
    PLOTS_WIDTH = 480,
    PLOTS_HEIGHT = 320,
    PLOTS_BARS = 64,
    PLOTS_CURVE = 800,
    PLOTS_PAUSES = 100,
    PLOTS_SESSIONS = 20,
    PLOTS_FINEST = -30 /* bins of less than 1e-9 are of rounding */
};
static const double PLOTS_PAUSE = 30.0; /* seconds without a commit, and as many times the usual */

static void plots_put(void *user, const char *data, size_t bytes)
{
    cli_report *r = user;
    cli_text_add(r->c, &r->page, data, bytes);
}

static void plots_begin(cli_report *r, const char *title)
{
    cli_text_print(r->c, &r->page, "<figure>\n<figcaption>%s</figcaption>\n", title);
}

/* With a remark below, which may be empty. */
static void plots_end(cli_report *r, const char *remark)
{
    if (*remark) {
        cli_text_print(r->c, &r->page, "<p class=\"remark\">%s</p>\n", remark);
    }
    cli_text_print(r->c, &r->page, "</figure>\n");
    cli_report_flush(r);
}

/* ---- distributions ---- */

/* What a plot of distributions shows of its histograms: bins of one width. */
typedef struct plots_window {
    double from, to, width;
    int64_t n, n_outside;
} plots_window;

/* All of it, or where there are far outliers what lies around the inner 99 %. */
static plots_window plots_window_of(const cli_histogram *const *h, size_t n, int least)
{
    plots_window w = {.from = INFINITY, .to = -INFINITY};
    double low = INFINITY, high = -INFINITY;
    int exponent = least;
    for (size_t i = 0; i < n; i++) {
        if (h[i]->n > 0) {
            low = fmin(low, cli_histogram_quantile(h[i], 0.005));
            high = fmax(high, cli_histogram_quantile(h[i], 0.995));
            w.from = fmin(w.from, ldexp((double)h[i]->first, h[i]->exponent));
            w.to = fmax(w.to, ldexp((double)h[i]->last + 1.0, h[i]->exponent));
            w.n += h[i]->n;
            exponent = h[i]->exponent > exponent ? h[i]->exponent : exponent;
        }
    }
    if (w.n == 0) {
        return w;
    }
    const double core = high - low;
    if (core > 0.0 && w.to - w.from > 4.0 * core) {
        w.from = fmax(w.from, low - 0.5 * core);
        w.to = fmin(w.to, high + 0.5 * core);
    }
    while (ldexp(PLOTS_BARS - 1, exponent) < w.to - w.from) {
        exponent++;
    }
    w.width = ldexp(1.0, exponent);
    w.from = floor(w.from / w.width) * w.width;
    w.to = ceil(w.to / w.width) * w.width;
    for (size_t i = 0; i < n; i++) {
        w.n_outside += h[i]->n - cli_histogram_count(h[i], w.from, w.to);
    }
    return w;
}

/* Bars of one histogram; `offset` is from the lower end of a bin to where its bar stands. Empty
 * bins have none. Returns how many. */
static size_t plots_bars(const cli_histogram *h, const plots_window *w, double offset, double *x,
                         double *y)
{
    size_t n = 0;
    for (int k = 0; k < PLOTS_BARS && w->from + k * w->width < w->to; k++) {
        const double from = w->from + k * w->width;
        const int64_t count = cli_histogram_count(h, from, from + w->width);
        if (count > 0) {
            x[n] = from + offset;
            y[n++] = (double)count;
        }
    }
    return n;
}

/* What a distribution is of. */
typedef struct plots_kind {
    const char *title, *axis;
    bool log;   /* the numbers are logarithms */
    bool whole; /* or whole numbers */
} plots_kind;

static void plots_distribution(cli_report *r, const plots_kind *kind, const cli_histogram *const *h,
                               const char *const *labels, size_t n)
{
    double x[CLI_REPORT_STAGES][PLOTS_BARS], y[CLI_REPORT_STAGES][PLOTS_BARS];
    cli_plot_series series[CLI_REPORT_STAGES];
    char remark[96] = "";
    size_t n_series = 0;
    const plots_window w = plots_window_of(h, n, kind->whole ? 0 : PLOTS_FINEST);
    if (w.n == 0) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (h[i]->n > 0) {
            /* a bin of whole numbers ends with the last one in it */
            const double offset = 0.5 * (kind->whole ? w.width - 1.0 : w.width);
            series[n_series] = (cli_plot_series){.label = n > 1 ? labels[i] : NULL,
                                                 .kind = CLI_PLOT_BARS,
                                                 .x = x[n_series],
                                                 .y = y[n_series],
                                                 .width = w.width};
            series[n_series].n = plots_bars(h[i], &w, offset, x[n_series], y[n_series]);
            n_series++;
        }
    }
    if (w.n_outside > 0) {
        snprintf(remark, sizeof remark, "%lld of %lld lie outside.", (long long)w.n_outside,
                 (long long)w.n);
    }
    const cli_plot plot = {.x_label = kind->axis,
                           .y_label = "structures",
                           .series = series,
                           .n_series = n_series,
                           .width = PLOTS_WIDTH,
                           .height = PLOTS_HEIGHT,
                           .log_x = kind->log};
    plots_begin(r, kind->title);
    cli_plot_svg(&plot, plots_put, r);
    plots_end(r, remark);
}

void cli_report_steps(cli_report *r)
{
    static const plots_kind kind = {"Steps to the end", "steps in the stage", false, true};
    const cli_histogram *h[CLI_REPORT_STAGES];
    const char *labels[CLI_REPORT_STAGES];
    size_t n = 0;
    for (; n < CLI_REPORT_STAGES && n < r->form.n_stages; n++) {
        h[n] = &r->steps[n];
        labels[n] = r->form.stages[n].name;
    }
    plots_distribution(r, &kind, h, labels, n);
}

void cli_report_energy(cli_report *r)
{
    static const plots_kind kind = {"Energy", "energy / atom (eV)", false, false};
    const cli_histogram *h = &r->energy;
    const char *label = NULL;
    plots_distribution(r, &kind, &h, &label, 1);
}

void cli_report_forces(cli_report *r)
{
    static const plots_kind kind = {"Largest force at the end", "fmax (eV/\xc3\x85)", true, false};
    static const char *const labels[2] = {"finished", "step_limit"};
    const cli_histogram *const h[2] = {&r->forces[0], &r->forces[1]};
    plots_distribution(r, &kind, h, labels, 2);
}

/* ---- size and steps ---- */

/* Logarithms in place, where the values span enough. */
static bool plots_logarithms(double *x, size_t n)
{
    double least = INFINITY, most = 0.0;
    for (size_t i = 0; i < n; i++) {
        least = fmin(least, x[i]);
        most = fmax(most, x[i]);
    }
    if (!(least >= 1.0) || most < 30.0 * least) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        x[i] = log10(x[i]);
    }
    return true;
}

void cli_report_sizes(cli_report *r)
{
    char remark[96] = "";
    if (r->n_points == 0) {
        return;
    }
    const cli_plot_series series = {
        .kind = CLI_PLOT_POINTS, .x = r->points[0], .y = r->points[1], .n = r->n_points};
    cli_plot plot = {.x_label = "atoms",
                     .y_label = "steps in the last stage",
                     .series = &series,
                     .n_series = 1,
                     .width = PLOTS_WIDTH,
                     .height = PLOTS_HEIGHT};
    plot.log_x = plots_logarithms(r->points[0], r->n_points);
    plot.log_y = plots_logarithms(r->points[1], r->n_points);
    if (r->stride > 1) {
        snprintf(remark, sizeof remark, "One in %lld structures.", (long long)r->stride);
    }
    plots_begin(r, "Size and steps");
    cli_plot_svg(&plot, plots_put, r);
    plots_end(r, remark);
}

/* ---- time ---- */

typedef struct plots_times {
    const ath_journal_moment *at; /* [n] */
    int64_t n;
    double pause; /* seconds: what is longer is one */
    double work;  /* seconds, without pauses */
    int64_t n_pauses;
} plots_times;

/* Seconds between two commits; 0 where the clock was put back. */
static double plots_step(const plots_times *t, int64_t i)
{
    return fmax(1e-9 * (double)(t->at[i].time - t->at[i - 1].time), 0.0);
}

static void plots_find_pauses(plots_times *t)
{
    t->work = 0.0;
    t->n_pauses = 0;
    for (int64_t i = 1; i < t->n; i++) {
        const double step = plots_step(t, i);
        t->work += step <= t->pause ? step : 0.0;
        t->n_pauses += step > t->pause;
    }
}

static int plots_times_open(cli_report *r, plots_times *t)
{
    cli_histogram steps;
    *t = (plots_times){0};
    const ath_status status = ath_journal_moments(r->journal, &t->at, &t->n);
    if (status < 0) {
        return cli_fail_status(r->c, status);
    }
    if (!cli_histogram_open(r->c, &steps)) {
        return cli_fail(r->c, CLI_INTERNAL, "out of memory");
    }
    for (int64_t i = 1; i < t->n; i++) {
        cli_histogram_add(&steps, log10(plots_step(t, i) + 1e-3));
    }
    cli_histogram_settle(&steps);
    t->pause = PLOTS_PAUSE * fmax(1.0, pow(10.0, cli_histogram_quantile(&steps, 0.5)));
    cli_histogram_close(r->c, &steps);
    plots_find_pauses(t);
    if (t->n_pauses > PLOTS_PAUSES) { /* so many are the rhythm of the run */
        t->pause = INFINITY;
        plots_find_pauses(t);
    }
    return CLI_OK;
}

/* How long a pause is drawn: a long one would leave no room for the rest. */
static double plots_drawn(const plots_times *t, double step)
{
    const double most = fmax(0.15 * t->work, 1.0);
    return step <= t->pause ? step : fmin(step, most);
}

static double plots_unit(double seconds, const char **label)
{
    *label = seconds < 300.0    ? "time (s)"
             : seconds < 7200.0 ? "time (min)"
             : seconds < 2e5    ? "time (h)"
                                : "time (d)";
    return seconds < 300.0 ? 1.0 : seconds < 7200.0 ? 60.0 : seconds < 2e5 ? 3600.0 : 86400.0;
}

/* Two points more for each pause: the line ends, and begins again. Returns how many there are. */
static size_t plots_curve(const plots_times *t, double unit, double *x, double *y)
{
    const int64_t stride = (t->n - 1) / (PLOTS_CURVE / 2) + 1;
    size_t n = 0;
    double now = 0.0;
    for (int64_t i = 0; i < t->n; i++) {
        const double step = i > 0 ? plots_step(t, i) : 0.0;
        if (step > t->pause) {
            x[n] = now / unit;
            y[n++] = (double)t->at[i - 1].n_records;
            x[n] = y[n] = (double)NAN;
            n++;
        }
        now += plots_drawn(t, step);
        if (i % stride == 0 || i + 1 == t->n || step > t->pause) {
            x[n] = now / unit;
            y[n++] = (double)t->at[i].n_records;
        }
    }
    return n;
}

static void plots_session(cli_report *r, const plots_times *t, int64_t first, int64_t last)
{
    cli *c = r->c;
    char begin[40], span[32], rate[32] = "&#8211;";
    const int64_t n = t->at[last].n_records - (first > 0 ? t->at[first - 1].n_records : 0);
    const double seconds = 1e-9 * (double)(t->at[last].time - t->at[first].time);
    cli_report_moment(1e-9 * (double)t->at[first].time, begin, sizeof begin);
    cli_format_seconds(seconds, span, sizeof span);
    if (seconds > 0.0) { /* the first commit has no time of its own */
        snprintf(rate, sizeof rate, "%.3g",
                 (double)(t->at[last].n_records - t->at[first].n_records) / seconds);
    }
    cli_text_print(c, &r->page, "<tr><td>%s</td><td class=\"n\">%s</td><td class=\"n\">", begin,
                   span);
    cli_report_count(r, n);
    cli_text_print(c, &r->page, "</td><td class=\"n\">%s</td></tr>\n", rate);
}

/* The last ones. */
static void plots_sessions(cli_report *r, const plots_times *t)
{
    int64_t session = 0, first = 0;
    cli_text_print(r->c, &r->page,
                   "<div class=\"wide\"><table>\n<tr><th>first commit</th><th>first to last</th>"
                   "<th>records</th><th>records/s</th></tr>\n");
    for (int64_t i = 1; i <= t->n; i++) {
        if (i == t->n || plots_step(t, i) > t->pause) {
            if (session++ + PLOTS_SESSIONS > t->n_pauses) {
                plots_session(r, t, first, i - 1);
            }
            first = i;
        }
    }
    cli_text_print(r->c, &r->page, "</table></div>\n");
}

void cli_report_time(cli_report *r)
{
    double x[PLOTS_CURVE], y[PLOTS_CURVE];
    char remark[160] = "";
    plots_times t;
    const int code = plots_times_open(r, &t);
    if (code) {
        r->output.code = r->output.code ? r->output.code : code;
        return;
    }
    if (t.n == 0) {
        return;
    }
    double all = 0.0;
    for (int64_t i = 1; i < t.n; i++) {
        all += plots_drawn(&t, plots_step(&t, i));
    }
    const char *label = NULL;
    const double unit = plots_unit(all, &label);
    const cli_plot_series series = {
        .kind = CLI_PLOT_LINE, .x = x, .y = y, .n = plots_curve(&t, unit, x, y)};
    const cli_plot plot = {.x_label = label,
                           .y_label = "records",
                           .series = &series,
                           .n_series = 1,
                           .width = PLOTS_WIDTH,
                           .height = PLOTS_HEIGHT};
    if (t.n_pauses > 0) {
        snprintf(remark, sizeof remark,
                 "%lld %s, drawn as long as 15 %% of the time at work at most.",
                 (long long)t.n_pauses, t.n_pauses == 1 ? "pause" : "pauses");
    }
    plots_begin(r, "Records");
    cli_plot_svg(&plot, plots_put, r);
    if (t.n_pauses > 0) {
        plots_sessions(r, &t);
    }
    plots_end(r, remark);
}

/* ---- failures ---- */

void cli_report_failures(cli_report *r)
{
    enum { LINE = 26, LABEL = 150, ROOM = 60 };
    cli *c = r->c;
    int64_t n[ATH_N_REASONS] = {0}, most = 0;
    int lines = 0;
    for (int i = ATH_REASON_NONE + 1; i < ATH_N_REASONS; i++) {
        for (int s = ATH_STATE_STEP_LIMIT; s < ATH_N_STATES; s++) {
            n[i] += r->tally[s][i];
        }
        most = n[i] > most ? n[i] : most;
        lines += n[i] > 0;
    }
    if (lines == 0) {
        return;
    }
    const int height = lines * LINE + 12;
    plots_begin(r, "Why structures did not finish");
    cli_text_print(c, &r->page,
                   "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
                   "viewBox=\"0 0 %d %d\" font-family=\"DejaVu Sans, Arial, sans-serif\" "
                   "font-size=\"12\" fill=\"#222\">\n",
                   PLOTS_WIDTH, height, PLOTS_WIDTH, height);
    for (int i = 0, at = 6; i < ATH_N_REASONS; i++) {
        if (n[i] > 0) {
            const double width = (double)n[i] / (double)most * (double)(PLOTS_WIDTH - LABEL - ROOM);
            cli_text_print(c, &r->page,
                           "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>"
                           "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>"
                           "<text x=\"%.1f\" y=\"%d\">%lld</text>\n",
                           LABEL - 8, at + 17, ath_reason_name((ath_reason)i), LABEL, at + 4,
                           fmax(width, 1.0), LINE - 8,
                           i == ATH_REASON_STEP_LIMIT ? "#e69f00" : "#d55e00", LABEL + width + 6.0,
                           at + 17, (long long)n[i]);
            at += LINE;
        }
    }
    cli_text_print(c, &r->page, "</svg>\n");
    plots_end(r, "");
}
