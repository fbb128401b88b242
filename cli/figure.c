/* The plots of a validation: energies at constant energy, kinetic temperatures, volumes at two
 * pressures and the ratio of their distributions.
 *
 * Volumes are those of one structure, the one whose ratio is the worst. What they are compared with
 * is exact: for an ideal gas the gamma distribution of shape N + 1 and scale kT / P, for anything
 * else the pair of distributions that has the exact ratio and is most likely to have given both
 * histograms, c0 and c1 being how many of the n0 and n1 volumes lie in a bin of width w:
 *
 *     p0 = (c0 + c1) / (w (n0 + n1 r)), p1 = r p0, r = exp(constant + (P0 - P1) V / kT)
 */
#include <math.h>
#include <string.h>

#include <athanor/units.h>

#include "plot.h"
#include "statistics.h"
#include "validate.h"

enum {
    FIGURE_LINES = 7, /* with the energies of the first one as many as there are colours */
    FIGURE_BINS = 40,
    FIGURE_LABEL = 32,
    FIGURE_CURVE = 200,
    FIGURE_POINTS = 1000,
    FIGURE_MEANS = 100,
    FIGURE_BAND = 41
};

typedef struct figure_sink {
    cli *c;
    cli_text *text;
} figure_sink;

static void figure_put(void *user, const char *data, size_t bytes)
{
    const figure_sink *sink = user;
    cli_text_add(sink->c, sink->text, data, bytes);
}

/* The name, cut to what a legend has room for: at a whole character. */
static void figure_label(const cli_validation *v, size_t s, char out[FIGURE_LABEL])
{
    cli_text name = {0};
    cli_structure_name(v, s, &name);
    size_t n = name.data ? strlen(name.data) : 0;
    if (n >= FIGURE_LABEL) {
        n = FIGURE_LABEL - 1;
        while (n > 0 && ((unsigned char)name.data[n] & 0xc0) == 0x80) {
            n--;
        }
    }
    memcpy(out, name.data ? name.data : "", n);
    out[n] = '\0';
    cli_text_free(v->c, &name);
}

/* ---- energies ---- */

/* Up to FIGURE_LINES structures with the largest drift, largest first. */
static size_t figure_drifters(const cli_validation *v, size_t which[FIGURE_LINES])
{
    size_t n = 0;
    for (size_t s = 0; s < v->n; s++) {
        const cli_outcome *o = &v->outcomes[s][CLI_TEST_DRIFT];
        size_t at = n;
        if (o->verdict < CLI_VERDICT_PASS) {
            continue;
        }
        while (at > 0 && cli_outcome_worse(o, &v->outcomes[which[at - 1]][CLI_TEST_DRIFT])) {
            at--;
        }
        if (at < FIGURE_LINES) {
            n += n < FIGURE_LINES;
            memmove(which + at + 1, which + at, (n - 1 - at) * sizeof *which);
            which[at] = s;
        }
    }
    return n;
}

/* Steps in a mean: in a long run a line and its error are lost among energies of single steps. */
static size_t figure_block(const cli_validation *v)
{
    const size_t steps = (size_t)v->steps;
    return steps <= FIGURE_POINTS ? 1 : (steps - 1) / FIGURE_MEANS + 1;
}

/* Energies less `zero`, or means of blocks of them: at most FIGURE_POINTS. */
static size_t figure_curve(const cli_validation *v, size_t s, double zero, double *x, double *y)
{
    const size_t steps = (size_t)v->steps, block = figure_block(v);
    const double *energy = v->energies + s * steps;
    const double unit = 1.0 / (ATH_BOLTZMANN * v->temperature * v->dof[s]);
    size_t n = 0;
    for (size_t from = 0; from + block <= steps; from += block) {
        x[n] = ((double)from + 0.5 * (double)(block + 1)) * v->timestep * 1e-3;
        y[n++] = (cli_mean(energy + from, block) - zero) * unit;
    }
    return n;
}

/* What the plot of the drift shows of one structure: its line, and of the first one its energies
 * and the error of the line, too. Times in ps, energies in kT per degree of freedom. */
typedef struct figure_line {
    char label[FIGURE_LABEL], fit[48];
    double x[FIGURE_POINTS], y[FIGURE_POINTS];
    double at[FIGURE_BAND], value[FIGURE_BAND], error[FIGURE_BAND];
    size_t n;
} figure_line;

/* times, work: [steps] */
static void figure_fit(const cli_validation *v, size_t s, double *times, double *work,
                       figure_line *out)
{
    const size_t n = (size_t)v->steps;
    const double unit = 1.0 / (ATH_BOLTZMANN * v->temperature * v->dof[s]);
    for (size_t k = 0; k < n; k++) {
        times[k] = (double)(k + 1) * v->timestep * 1e-3;
    }
    const double *energy = v->energies + s * n;
    const cli_line line = cli_line_fit(times, energy, n, work);
    const double mean = cli_mean(energy, n);
    for (int k = 0; k < FIGURE_BAND; k++) {
        out->at[k] = times[0] + (times[n - 1] - times[0]) * k / (FIGURE_BAND - 1);
        out->value[k] = (line.intercept + line.slope * out->at[k] - mean) * unit;
        out->error[k] = cli_line_error(&line, times, n, out->at[k]) * unit;
    }
    out->n = figure_curve(v, s, mean, out->x, out->y);
    figure_label(v, s, out->label);
    snprintf(out->fit, sizeof out->fit, "%.2g \xc2\xb1 %.1g kT/ns/dof", 1e3 * line.slope * unit,
             1e3 * line.slope_error * unit);
}

/* The worst one with everything, of the others the lines. */
static void figure_lines(const cli_validation *v, const figure_line *lines, size_t n, cli_text *t)
{
    cli_plot_series series[FIGURE_LINES + 2];
    char axis[64] = "(E - mean) / (kT dof)";
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        const figure_line *l = &lines[i];
        const cli_plot_series line = {.label = i ? l->label : l->fit,
                                      .kind = CLI_PLOT_LINE,
                                      .x = l->at,
                                      .y = l->value,
                                      .n = FIGURE_BAND,
                                      .same = i == 0};
        if (i == 0) {
            series[m++] = (cli_plot_series){
                .label = l->label, .kind = CLI_PLOT_LINE, .x = l->x, .y = l->y, .n = l->n};
            series[m] = line;
            series[m].kind = CLI_PLOT_BAND;
            series[m].label = NULL;
            series[m].error = l->error;
            series[m++].same = false;
        }
        series[m++] = line;
    }
    if (figure_block(v) > 1) {
        snprintf(axis, sizeof axis, "(E - mean) / (kT dof), means of %zu steps", figure_block(v));
    }
    const cli_plot plot = {.title = "Total energy at constant energy",
                           .x_label = "time, ps",
                           .y_label = axis,
                           .series = series,
                           .n_series = m};
    cli_plot_svg(&plot, figure_put, &(figure_sink){v->c, t});
}

int cli_figure_drift(const cli_validation *v, cli_text *t)
{
    size_t which[FIGURE_LINES];
    figure_line *lines = NULL;
    double *work = NULL;
    const size_t n = figure_drifters(v, which), steps = (size_t)v->steps;
    int code = cli_doubles(v->c, &work, 2 * steps);
    if (!code && !cli_resize(v->c, &lines, 0, FIGURE_LINES * sizeof *lines)) {
        code = cli_fail(v->c, CLI_INTERNAL, "out of memory");
    }
    for (size_t i = 0; i < n && !code; i++) {
        figure_fit(v, which[i], work, work + steps, &lines[i]);
    }
    if (!code) {
        figure_lines(v, lines, n, t);
    }
    (void)cli_resize(v->c, &lines, lines ? FIGURE_LINES * sizeof *lines : 0, 0);
    cli_doubles_free(v->c, &work, 2 * steps);
    return code;
}

/* ---- temperatures ---- */

static bool figure_has_temperature(const cli_validation *v, size_t s)
{
    return v->outcomes[s][CLI_TEST_TEMPERATURE].verdict >= CLI_VERDICT_PASS;
}

/* The mean of the distributions of n structures. */
static double figure_mixture(const cli_validation *v, size_t n, double t)
{
    double sum = 0.0;
    for (size_t s = 0; s < v->n; s++) {
        if (figure_has_temperature(v, s)) {
            const double shape = 0.5 * v->dof[s];
            sum += cli_gamma_cdf(shape, v->temperature / shape, t);
        }
    }
    return sum / (double)n;
}

/* The temperature that the share p of this mean is below: by bisection. */
static double figure_quantile(const cli_validation *v, size_t n, double p)
{
    double low = 0.0, high = 64.0 * v->temperature;
    for (int k = 0; k < 40 && n > 0; k++) {
        const double middle = 0.5 * (low + high);
        *(figure_mixture(v, n, middle) < p ? &low : &high) = middle;
    }
    return 0.5 * (low + high);
}

typedef struct figure_histogram {
    double low, high;
    double x[FIGURE_BINS], y[FIGURE_BINS];            /* measured density, 1/K */
    double at[FIGURE_CURVE + 1], p[FIGURE_CURVE + 1]; /* theory */
} figure_histogram;

/* Adds one of n structures: its samples, and the gamma distribution of its degrees of freedom. */
static void figure_count(const cli_validation *v, size_t s, size_t n, figure_histogram *h)
{
    const double unit = 2.0 / (ATH_BOLTZMANN * v->dof[s]);
    const double width = (h->high - h->low) / FIGURE_BINS;
    const double weight = 1.0 / ((double)n * (double)v->steps * width);
    const double shape = 0.5 * v->dof[s], scale = v->temperature / shape;
    for (int64_t k = 0; k < v->steps; k++) {
        const double t = v->kinetic[s * (size_t)v->steps + (size_t)k] * unit;
        const double bin = (t - h->low) / width;
        if (bin >= 0.0 && bin < FIGURE_BINS) {
            h->y[(int)bin] += weight;
        }
    }
    for (int k = 0; k <= FIGURE_CURVE; k++) {
        h->p[k] += cli_gamma_density(shape, scale, h->at[k]) / (double)n;
    }
}

/* Kinetic temperatures of all structures together, each with the same weight. The far ends, where
 * the smallest structures are alone, are not shown. */
int cli_figure_temperature(const cli_validation *v, cli_text *t)
{
    figure_histogram h = {0};
    size_t n = 0;
    for (size_t s = 0; s < v->n; s++) {
        n += figure_has_temperature(v, s);
    }
    h.low = figure_quantile(v, n, 1e-3);
    h.high = figure_quantile(v, n, 1.0 - 5e-3);
    const double width = (h.high - h.low) / FIGURE_BINS;
    for (int k = 0; k < FIGURE_BINS; k++) {
        h.x[k] = h.low + (k + 0.5) * width;
    }
    for (int k = 0; k <= FIGURE_CURVE; k++) {
        h.at[k] = h.low + (h.high - h.low) * k / FIGURE_CURVE;
    }
    for (size_t s = 0; s < v->n; s++) {
        if (figure_has_temperature(v, s)) {
            figure_count(v, s, n, &h);
        }
    }
    const cli_plot_series series[2] = {
        {.label = "Langevin dynamics",
         .kind = CLI_PLOT_BARS,
         .x = h.x,
         .y = h.y,
         .n = n ? FIGURE_BINS : 0,
         .width = width},
        {.label = "gamma distribution",
         .kind = CLI_PLOT_LINE,
         .x = h.at,
         .y = h.p,
         .n = n ? FIGURE_CURVE + 1 : 0},
    };
    const cli_plot plot = {.title = "Kinetic temperature at constant temperature",
                           .x_label = "2 K / (k dof), K",
                           .y_label = "probability density, 1/K",
                           .series = series,
                           .n_series = 2};
    cli_plot_svg(&plot, figure_put, &(figure_sink){v->c, t});
    return CLI_OK;
}

/* ---- volumes ---- */

/* Volumes of one structure in bins, and what they should be. */
typedef struct figure_volumes {
    size_t s;
    char name[FIGURE_LABEL];
    double low, width, exact; /* angstrom^3, angstrom^3, 1/angstrom^3 */
    double inefficiency[2];
    cli_ratio fit;
    double x[FIGURE_BINS], counts[2][FIGURE_BINS], y[2][FIGURE_BINS]; /* y: density */
    double at[FIGURE_CURVE + 1], p[2][FIGURE_CURVE + 1];              /* theory: [n_curve] */
    size_t n_curve;
    char labels[2][32];
} figure_volumes;

/* The structure whose ratio is the worst; false: there is none. */
static bool figure_worst(const cli_validation *v, size_t *out)
{
    bool found = false;
    for (size_t s = 0; s < v->n; s++) {
        const cli_outcome *o = &v->outcomes[s][CLI_TEST_VOLUME];
        if (o->verdict >= CLI_VERDICT_PASS && isfinite(o->limit) &&
            (!found || cli_outcome_worse(o, &v->outcomes[*out][CLI_TEST_VOLUME]))) {
            *out = s;
            found = true;
        }
    }
    return found;
}

static void figure_bins(const cli_validation *v, figure_volumes *f)
{
    const cli_volumes *volumes = &v->volumes[f->s];
    double high = 0.0;
    f->low = INFINITY;
    for (int64_t k = 0; k < 2 * v->n_volumes; k++) {
        const double x = volumes->samples[k % 2][k / 2];
        f->low = fmin(f->low, x);
        high = fmax(high, x);
    }
    f->width = (high - f->low) / FIGURE_BINS;
    for (int k = 0; k < FIGURE_BINS; k++) {
        f->x[k] = f->low + (k + 0.5) * f->width;
    }
    for (int64_t k = 0; k < 2 * v->n_volumes; k++) {
        const double bin = (volumes->samples[k % 2][k / 2] - f->low) / f->width;
        const int place = (int)fmin(bin, FIGURE_BINS - 1);
        f->counts[k % 2][place] += 1.0;
        f->y[k % 2][place] += 1.0 / ((double)v->n_volumes * f->width);
    }
}

static void figure_theory(const cli_validation *v, figure_volumes *f)
{
    const cli_volumes *volumes = &v->volumes[f->s];
    const double kt = ATH_BOLTZMANN * v->temperature, n = (double)v->n_volumes;
    f->n_curve = volumes->ideal ? FIGURE_CURVE + 1 : FIGURE_BINS;
    for (size_t k = 0; k < f->n_curve; k++) {
        f->at[k] =
            volumes->ideal ? f->low + FIGURE_BINS * f->width * (double)k / FIGURE_CURVE : f->x[k];
        const double r = exp(f->fit.constant + f->exact * f->at[k]);
        for (int side = 0; side < 2; side++) {
            f->p[side][k] = volumes->ideal
                                ? cli_gamma_density(v->dof[f->s] / 3.0 + 1.0,
                                                    kt / volumes->pressures[side], f->at[k])
                                : (side ? r : 1.0) * (f->counts[0][k] + f->counts[1][k]) /
                                      (f->width * (n + n * r));
        }
    }
    for (int side = 0; side < 2; side++) {
        snprintf(f->labels[side], sizeof f->labels[side], "%.3g GPa",
                 ATH_GPA_PER_EV_A3 * volumes->pressures[side]);
    }
}

/* Everything of the worst structure; *found: there is one. */
static int figure_volumes_of(const cli_validation *v, figure_volumes **out, bool *found)
{
    size_t s = 0;
    *found = figure_worst(v, &s);
    if (!*found) {
        return CLI_OK;
    }
    if (!cli_resize(v->c, out, 0, sizeof **out)) {
        return cli_fail(v->c, CLI_INTERNAL, "out of memory");
    }
    figure_volumes *f = *out;
    const cli_volumes *volumes = &v->volumes[s];
    cli_sample samples[2];
    memset(f, 0, sizeof *f);
    f->s = s;
    f->exact = (volumes->pressures[0] - volumes->pressures[1]) / (ATH_BOLTZMANN * v->temperature);
    for (int side = 0; side < 2; side++) {
        const double *x = volumes->samples[side];
        f->inefficiency[side] = cli_inefficiency(x, (size_t)v->n_volumes);
        samples[side] = (cli_sample){x, (size_t)v->n_volumes, f->inefficiency[side]};
    }
    f->fit = cli_ratio_fit(&samples[0], &samples[1], f->exact);
    figure_label(v, s, f->name);
    figure_bins(v, f);
    figure_theory(v, f);
    return CLI_OK;
}

static void figure_title(const char *what, const figure_volumes *f, char *out, size_t bytes)
{
    snprintf(out, bytes, "%s: %s", what, f->name);
}

int cli_figure_volume(const cli_validation *v, cli_text *t)
{
    figure_volumes *f = NULL;
    bool found = false;
    char title[80];
    const int code = figure_volumes_of(v, &f, &found);
    if (code || !found) {
        return code;
    }
    const char *theory = v->volumes[f->s].ideal ? "gamma distribution" : "both, by the exact ratio";
    const cli_plot_series series[4] = {
        {.label = f->labels[0],
         .kind = CLI_PLOT_BARS,
         .x = f->x,
         .y = f->y[0],
         .n = FIGURE_BINS,
         .width = f->width},
        {.kind = CLI_PLOT_LINE, .x = f->at, .y = f->p[0], .n = f->n_curve, .same = true},
        {.label = f->labels[1],
         .kind = CLI_PLOT_BARS,
         .x = f->x,
         .y = f->y[1],
         .n = FIGURE_BINS,
         .width = f->width},
        {.label = theory,
         .kind = CLI_PLOT_LINE,
         .x = f->at,
         .y = f->p[1],
         .n = f->n_curve,
         .same = true},
    };
    figure_title("Volumes at two pressures", f, title, sizeof title);
    const cli_plot plot = {.title = title,
                           .x_label = "V, \xc3\x85\xc2\xb3",
                           .y_label = "probability density, 1/\xc3\x85\xc2\xb3",
                           .series = series,
                           .n_series = 4};
    cli_plot_svg(&plot, figure_put, &(figure_sink){v->c, t});
    (void)cli_resize(v->c, &f, sizeof *f, 0);
    return CLI_OK;
}

/* Points where both runs have been, with errors that count independent volumes. */
static size_t figure_ratios(const figure_volumes *f, double *x, double *y, double *error)
{
    size_t n = 0;
    for (int k = 0; k < FIGURE_BINS; k++) {
        const double zero = f->counts[0][k] / f->inefficiency[0];
        const double one = f->counts[1][k] / f->inefficiency[1];
        if (zero >= 1.0 && one >= 1.0) {
            x[n] = f->x[k];
            y[n] = log(f->counts[1][k] / f->counts[0][k]);
            error[n++] = sqrt(1.0 / zero + 1.0 / one);
        }
    }
    return n;
}

int cli_figure_ratio(const cli_validation *v, cli_text *t)
{
    figure_volumes *f = NULL;
    bool found = false;
    char title[80], measured[80];
    double x[FIGURE_BINS], y[FIGURE_BINS], error[FIGURE_BINS], ends[2] = {0.0}, line[2] = {0.0};
    const int code = figure_volumes_of(v, &f, &found);
    if (code || !found) {
        return code;
    }
    const size_t n = figure_ratios(f, x, y, error);
    for (int k = 0; k < 2 && n > 0; k++) {
        ends[k] = x[k ? n - 1 : 0] + (k - 0.5) * f->width;
        line[k] = f->fit.constant + f->exact * ends[k];
    }
    const cli_outcome *o = &v->outcomes[f->s][CLI_TEST_VOLUME];
    snprintf(measured, sizeof measured, "measured, slope %.3f \xc2\xb1 %.2g of the exact", o->value,
             o->more);
    const cli_plot_series series[2] = {
        {.label = measured, .kind = CLI_PLOT_POINTS, .x = x, .y = y, .n = n, .error = error},
        {.label = "exact, (P\xe2\x82\x80 - P\xe2\x82\x81) V / kT",
         .kind = CLI_PLOT_LINE,
         .x = ends,
         .y = line,
         .n = n > 0 ? 2 : 0},
    };
    figure_title("Ratio of volume distributions", f, title, sizeof title);
    const cli_plot plot = {.title = title,
                           .x_label = "V, \xc3\x85\xc2\xb3",
                           .y_label = "ln(p\xe2\x82\x81(V) / p\xe2\x82\x80(V))",
                           .series = series,
                           .n_series = 2};
    cli_plot_svg(&plot, figure_put, &(figure_sink){v->c, t});
    (void)cli_resize(v->c, &f, sizeof *f, 0);
    return CLI_OK;
}
