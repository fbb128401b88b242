/* A plot as SVG (plot.h). Colours are those of M. Okabe and K. Ito, which can be told apart by
 * people who see fewer of them.
 *
 * Ticks are multiples of 1, 2 or 5 times a power of ten, about seven to an axis. Numbers of an axis
 * whose ticks would need many digits are divided by a power of ten that stands in its label. The
 * legend of more than PLOT_INSIDE labels stands beside the axes, not in them, if it is not too
 * wide; in them there is room made for it where it would cover something.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "plot.h"

enum {
    PLOT_WIDTH = 640,
    PLOT_HEIGHT = 400,
    PLOT_LINE_HEIGHT = 17,
    PLOT_COLOURS = 8,
    PLOT_INSIDE = 3,
    PLOT_MANY = 300
};

static const char *const plot_colours[PLOT_COLOURS] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                       "#e69f00", "#56b4e9", "#5b5b5b", "#8c6d00"};

/* One axis: what is shown, and where. */
typedef struct plot_axis {
    double low, high; /* values at the ends */
    double from, to;  /* pixels at the ends */
    double step;      /* between ticks */
    int power;        /* numbers are written divided by 10^power */
    int decimals;
    bool log;
} plot_axis;

typedef struct plot_out {
    void (*write)(void *user, const char *data, size_t bytes);
    void *user;
} plot_out;

static void plot_print(const plot_out *o, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Numbers and markup only: texts of the caller, which have any length, go through plot_text. */
static void plot_print(const plot_out *o, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (n > 0) {
        o->write(o->user, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
    }
}

/* Text with what XML reserves escaped; control characters, which it forbids, become blanks. */
static void plot_text(const plot_out *o, const char *text)
{
    for (; text && *text; text++) {
        const char *entity = *text == '&'   ? "&amp;"
                             : *text == '<' ? "&lt;"
                             : *text == '>' ? "&gt;"
                             : *text == '"' ? "&quot;"
                                            : NULL;
        const char c = (unsigned char)*text < 0x20 || *text == 0x7f ? ' ' : *text;
        o->write(o->user, entity ? entity : &c, entity ? strlen(entity) : 1);
    }
}

static double plot_at(const plot_axis *a, double value)
{
    return a->from + (value - a->low) / (a->high - a->low) * (a->to - a->from);
}

static void plot_extend(plot_axis *a, double value)
{
    if (isfinite(value)) {
        a->low = value < a->low ? value : a->low;
        a->high = value > a->high ? value : a->high;
    }
}

static void plot_range(const cli_plot *p, plot_axis *x, plot_axis *y)
{
    x->low = y->low = INFINITY;
    x->high = y->high = -INFINITY;
    for (size_t i = 0; i < p->n_series; i++) {
        const cli_plot_series *s = &p->series[i];
        const double half = s->kind == CLI_PLOT_BARS ? 0.5 * s->width : 0.0;
        for (size_t k = 0; k < s->n; k++) {
            if (isfinite(s->x[k]) && isfinite(s->y[k])) {
                plot_extend(x, s->x[k] - half);
                plot_extend(x, s->x[k] + half);
                const double error = s->error ? s->error[k] : 0.0;
                plot_extend(y, s->y[k] + error);
                plot_extend(y, s->kind == CLI_PLOT_BARS ? 0.0 : s->y[k] - error);
            }
        }
    }
}

/* Whole decades. */
static void plot_scale_log(plot_axis *a)
{
    const bool empty = !(a->low <= a->high);
    a->low = empty ? 0.0 : floor(a->low + 1e-9);
    a->high = empty ? 1.0 : ceil(a->high - 1e-9);
    a->high = fmax(a->high, a->low + 1.0);
    a->step = ceil((a->high - a->low) / 8.0);
}

/* A range that is not empty, a little air around the data, and ticks. */
static void plot_scale(plot_axis *a, bool air)
{
    if (a->log) {
        plot_scale_log(a);
        return;
    }
    if (!(a->low <= a->high)) {
        a->low = 0.0;
        a->high = 1.0;
    }
    const double size = fmax(fabs(a->low), fabs(a->high));
    double span = a->high - a->low;
    if (a->low > 0.0 && a->low < 0.05 * span) { /* an axis that nearly reaches zero does */
        a->low = 0.0;
        span = a->high;
    }
    const bool grounded = a->low == 0.0;
    if (!(span > 1e-12 * size)) {
        span = size > 0.0 ? 0.2 * size : 1.0;
        a->low -= 0.5 * span;
        a->high += 0.5 * span;
    }
    if (air) {
        a->low -= grounded ? 0.0 : 0.06 * span;
        a->high += 0.06 * span;
        span = a->high - a->low;
    }
    const double rough = span / 6.0, unit = pow(10.0, floor(log10(rough)));
    const double digit = rough / unit;
    a->step = unit * (digit < 1.5 ? 1.0 : digit < 3.5 ? 2.0 : digit < 7.5 ? 5.0 : 10.0);
    const int first = (int)floor(log10(fmax(fabs(a->low), fabs(a->high))) + 1e-9);
    const int last = (int)floor(log10(a->step) + 1e-9);
    a->power = last < -3 || first > 4 ? first : 0;
    a->decimals = last < a->power ? a->power - last : 0;
}

/* 10 to this power, in superscript characters, which every renderer puts where they belong. */
static void plot_ten(const plot_out *o, int power)
{
    static const int superscripts[10] = {0x2070, 0xb9,   0xb2,   0xb3,   0x2074,
                                         0x2075, 0x2076, 0x2077, 0x2078, 0x2079};
    char digits[16];
    snprintf(digits, sizeof digits, "%d", power);
    plot_print(o, "10");
    for (const char *d = digits; *d; d++) {
        plot_print(o, "&#%d;", *d == '-' ? 0x207b : superscripts[*d - '0']);
    }
}

static void plot_label(const plot_out *o, const char *text, const plot_axis *a)
{
    plot_text(o, text);
    if (a->power) {
        plot_print(o, " (&#215; ");
        plot_ten(o, a->power);
        plot_print(o, ")");
    }
}

/* The number at a tick, n steps from zero. */
static void plot_number(const plot_out *o, const plot_axis *a, double n)
{
    const double value = n == 0.0 ? 0.0 : n * a->step;
    if (!a->log) {
        plot_print(o, "%.*f", a->decimals, value / pow(10.0, a->power));
    } else if (value >= -3.0 && value <= 4.0) {
        plot_print(o, "%.*f", value < 0.0 ? (int)-value : 0, pow(10.0, value));
    } else {
        plot_ten(o, (int)value);
    }
}

/* The first multiple of the step on the axis, and how many there are. */
static double plot_first_tick(const plot_axis *a)
{
    return ceil(a->low / a->step - 1e-9);
}

static int plot_n_ticks(const plot_axis *a)
{
    return (int)(floor(a->high / a->step + 1e-9) - plot_first_tick(a)) + 1;
}

static void plot_ticks_x(const plot_out *o, const plot_axis *x, const plot_axis *y)
{
    for (int i = 0; i < plot_n_ticks(x); i++) {
        const double n = plot_first_tick(x) + i;
        const double at = plot_at(x, n * x->step);
        plot_print(o,
                   "<path class=\"grid\" d=\"M%.1f %.1fV%.1f\"/>"
                   "<path class=\"axis\" d=\"M%.1f %.1fv5\"/>"
                   "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">",
                   at, y->from, y->to, at, y->from, at, y->from + 19.0);
        plot_number(o, x, n);
        plot_print(o, "</text>\n");
    }
}

static void plot_ticks_y(const plot_out *o, const plot_axis *x, const plot_axis *y)
{
    for (int i = 0; i < plot_n_ticks(y); i++) {
        const double n = plot_first_tick(y) + i;
        const double at = plot_at(y, n * y->step);
        plot_print(o,
                   "<path class=\"grid\" d=\"M%.1f %.1fH%.1f\"/>"
                   "<path class=\"axis\" d=\"M%.1f %.1fh-5\"/>"
                   "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">",
                   x->from, at, x->to, x->from, at, x->from - 8.0, at + 4.0);
        plot_number(o, y, n);
        plot_print(o, "</text>\n");
    }
}

static void plot_line(const plot_out *o, const cli_plot_series *s, const plot_axis *x,
                      const plot_axis *y, const char *colour)
{
    bool pen = false;
    plot_print(o,
               "<path fill=\"none\" stroke=\"%s\" stroke-width=\"1.5\" "
               "stroke-linejoin=\"round\" d=\"",
               colour);
    for (size_t k = 0; k < s->n; k++) {
        const bool there = isfinite(s->x[k]) && isfinite(s->y[k]);
        if (there) {
            plot_print(o, "%c%.1f %.1f", pen ? 'L' : 'M', plot_at(x, s->x[k]), plot_at(y, s->y[k]));
        }
        pen = there;
    }
    plot_print(o, "\"/>\n");
}

/* There along the upper edge, back along the lower one; numbers are finite. */
static void plot_band(const plot_out *o, const cli_plot_series *s, const plot_axis *x,
                      const plot_axis *y, const char *colour)
{
    plot_print(o, "<path fill=\"%s\" fill-opacity=\"0.25\" d=\"", colour);
    for (size_t k = 0; k < 2 * s->n; k++) {
        const size_t i = k < s->n ? k : 2 * s->n - 1 - k;
        const double edge = s->y[i] + (k < s->n ? s->error[i] : -s->error[i]);
        plot_print(o, "%c%.1f %.1f", k ? 'L' : 'M', plot_at(x, s->x[i]), plot_at(y, edge));
    }
    plot_print(o, "\"/>\n");
}

static void plot_marks(const plot_out *o, const cli_plot_series *s, const plot_axis *x,
                       const plot_axis *y, const char *colour)
{
    const bool many = s->kind == CLI_PLOT_POINTS && s->n > PLOT_MANY; /* they lie on one another */
    plot_print(o, "<g fill=\"%s\"%s>\n", colour,
               s->kind == CLI_PLOT_BARS || many ? " fill-opacity=\"0.45\"" : "");
    for (size_t k = 0; k < s->n; k++) {
        if (!isfinite(s->x[k]) || !isfinite(s->y[k])) {
            continue;
        }
        const double at = plot_at(x, s->x[k]), top = plot_at(y, s->y[k]);
        if (s->kind == CLI_PLOT_POINTS) {
            plot_print(o, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"/>\n", at, top,
                       many ? 1.6 : 2.5);
            if (s->error) {
                plot_print(o, "<path stroke=\"%s\" d=\"M%.1f %.1fV%.1f\"/>\n", colour, at,
                           plot_at(y, s->y[k] - s->error[k]), plot_at(y, s->y[k] + s->error[k]));
            }
            continue;
        }
        const double half = 0.5 * (plot_at(x, s->x[k] + s->width) - at);
        const double zero = plot_at(y, 0.0);
        plot_print(o, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n", at - half,
                   fmin(top, zero), fmax(2.0 * half - 0.6, 0.4), fabs(zero - top));
    }
    plot_print(o, "</g>\n");
}

/* Series of the same colour stand behind one another. */
static const char *plot_colour(const cli_plot *p, size_t i)
{
    size_t n = 0;
    for (size_t k = 1; k <= i; k++) {
        n += !p->series[k].same;
    }
    return plot_colours[n % PLOT_COLOURS];
}

/* Columns of a text, for the width of the legend; bytes 128 to 191 continue a character. */
static size_t plot_columns(const char *text)
{
    size_t n = 0;
    for (; *text; text++) {
        n += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return n;
}

/* Size of the legend, 0 if there is none. */
static void plot_legend_size(const cli_plot *p, double *width, double *height)
{
    size_t n = 0, columns = 0;
    for (size_t i = 0; i < p->n_series; i++) {
        const size_t c = p->series[i].label ? plot_columns(p->series[i].label) : 0;
        n += p->series[i].label != NULL;
        columns = c > columns ? c : columns;
    }
    *width = n ? 42.0 + 6.8 * (double)columns : 0.0;
    *height = n ? (double)(n * PLOT_LINE_HEIGHT) + 8.0 : 0.0;
}

static void plot_key(const plot_out *o, cli_plot_kind kind, const char *colour, double left,
                     double middle)
{
    const bool area = kind == CLI_PLOT_BARS || kind == CLI_PLOT_BAND;
    const double size = area ? 11.0 : 5.0;
    if (kind == CLI_PLOT_LINE) {
        plot_print(o, "<path stroke=\"%s\" stroke-width=\"2\" d=\"M%.1f %.1fh18\"/>", colour, left,
                   middle);
        return;
    }
    plot_print(o,
               "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"%.1f\" "
               "fill=\"%s\"%s/>",
               left + 9.0 - 0.5 * size, middle - 0.5 * size, size, size, area ? 0.0 : 2.5, colour,
               kind == CLI_PLOT_BARS   ? " fill-opacity=\"0.45\""
               : kind == CLI_PLOT_BAND ? " fill-opacity=\"0.25\""
                                       : "");
}

/* At `left`, with this size; `top` is its upper edge. */
static void plot_legend(const plot_out *o, const cli_plot *p, double left, double top)
{
    double width = 0.0, height = 0.0;
    plot_legend_size(p, &width, &height);
    if (height <= 0.0) {
        return;
    }
    plot_print(o,
               "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"3\" fill=\"#fff\" "
               "fill-opacity=\"0.85\" stroke=\"#ccc\"/>\n",
               left, top, width, height);
    double middle = top + 4.0 + 0.5 * PLOT_LINE_HEIGHT;
    for (size_t i = 0; i < p->n_series; i++) {
        if (p->series[i].label) {
            plot_key(o, p->series[i].kind, plot_colour(p, i), left + 7.0, middle);
            plot_print(o, "<text x=\"%.1f\" y=\"%.1f\">", left + 31.0, middle + 4.0);
            plot_text(o, p->series[i].label);
            plot_print(o, "</text>\n");
            middle += PLOT_LINE_HEIGHT;
        }
    }
}

/* Raises the upper end of the axis y, which has been scaled, where a legend of this size in the
 * upper right corner would cover something. */
static void plot_make_room(const cli_plot *p, const plot_axis *x, plot_axis *y, double width,
                           double height)
{
    bool covered = false;
    for (size_t i = 0; i < p->n_series; i++) {
        const cli_plot_series *s = &p->series[i];
        for (size_t k = 0; k < s->n && !covered; k++) {
            const double error = s->error ? s->error[k] : 0.0;
            covered = plot_at(x, s->x[k]) > x->to - width - 16.0 &&
                      plot_at(y, s->y[k] + error) < y->to + height + 12.0;
        }
    }
    if (covered) {
        const double all = y->from - y->to;
        y->high += (y->high - y->low) * height / fmax(all - height, 0.25 * all);
    }
}

static void plot_head(const plot_out *o, const cli_plot *p, double width, double height)
{
    plot_print(o,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
               "viewBox=\"0 0 %.0f %.0f\" font-family=\"DejaVu Sans, Arial, sans-serif\" "
               "font-size=\"12\" fill=\"#222\">\n"
               "<style>.grid{stroke:#e4e4e4;fill:none}.axis{stroke:#444;fill:none}</style>\n"
               "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
               width, height, width, height);
    if (p->title) {
        plot_print(o,
                   "<text x=\"%.1f\" y=\"22\" text-anchor=\"middle\" font-size=\"14\" "
                   "font-weight=\"bold\">",
                   0.5 * width);
        plot_text(o, p->title);
        plot_print(o, "</text>\n");
    }
}

static void plot_axes(const plot_out *o, const cli_plot *p, const plot_axis *x, const plot_axis *y)
{
    plot_ticks_x(o, x, y);
    plot_ticks_y(o, x, y);
    plot_print(o, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">", 0.5 * (x->from + x->to),
               y->from + 40.0);
    plot_label(o, p->x_label, x);
    plot_print(o,
               "</text>\n<text transform=\"translate(18 %.1f) rotate(-90)\" "
               "text-anchor=\"middle\">",
               0.5 * (y->from + y->to));
    plot_label(o, p->y_label, y);
    plot_print(o, "</text>\n");
}

void cli_plot_svg(const cli_plot *p, void (*write)(void *user, const char *data, size_t bytes),
                  void *user)
{
    const plot_out o = {write, user};
    const double width = p->width > 0 ? p->width : PLOT_WIDTH;
    const double height = p->height > 0 ? p->height : PLOT_HEIGHT;
    plot_axis x = {.from = 74.0, .to = width - 18.0, .log = p->log_x};
    plot_axis y = {.from = height - 52.0, .to = p->title ? 36.0 : 16.0, .log = p->log_y};
    double legend_width = 0.0, legend_height = 0.0;
    plot_legend_size(p, &legend_width, &legend_height);
    const bool beside =
        legend_height > PLOT_INSIDE * PLOT_LINE_HEIGHT + 8.5 && legend_width < 0.4 * width;
    x.to -= beside ? legend_width + 2.0 : 0.0;
    plot_range(p, &x, &y);
    plot_scale(&x, false);
    plot_scale(&y, true);
    if (!beside && legend_height > 0.0) {
        plot_make_room(p, &x, &y, legend_width, legend_height);
    }
    plot_head(&o, p, width, height);
    plot_axes(&o, p, &x, &y);
    for (size_t i = 0; i < p->n_series; i++) {
        const cli_plot_series *s = &p->series[i];
        const char *colour = plot_colour(p, i);
        if (s->kind == CLI_PLOT_LINE) {
            plot_line(&o, s, &x, &y, colour);
        } else if (s->kind == CLI_PLOT_BAND) {
            plot_band(&o, s, &x, &y, colour);
        } else {
            plot_marks(&o, s, &x, &y, colour);
        }
    }
    plot_print(&o, "<path class=\"axis\" d=\"M%.1f %.1fV%.1fH%.1f\"/>\n", x.from, y.to, y.from,
               x.to);
    plot_legend(&o, p, beside ? x.to + 12.0 : x.to - legend_width - 8.0, y.to + 8.0);
    plot_print(&o, "</svg>\n");
}
