/* A plot as SVG: axes with ticks, series as lines, points or bars, a legend. Depends on nothing but
 * the C library; text goes out through a function of the caller, and nothing is allocated.
 */
#ifndef ATHANOR_CLI_PLOT_H
#define ATHANOR_CLI_PLOT_H

#include <stdbool.h>
#include <stddef.h>

typedef enum cli_plot_kind {
    CLI_PLOT_LINE,
    CLI_PLOT_POINTS,
    CLI_PLOT_BARS,
    CLI_PLOT_BAND /* y - error to y + error */
} cli_plot_kind;

typedef struct cli_plot_series {
    const char *label; /* in the legend; NULL: not there */
    cli_plot_kind kind;
    const double *x, *y; /* [n]; a line is interrupted where one of them is not finite. Bars stand
                            on y = 0 with their middle at x */
    size_t n;
    double width;        /* of a bar, in units of x */
    const double *error; /* [n] of a band, or of points; NULL: points without */
    bool same;           /* the colour of the series before */
} cli_plot_series;

typedef struct cli_plot {
    const char *title, *x_label, *y_label; /* any text; NULL: none */
    const cli_plot_series *series;         /* [n_series] */
    size_t n_series;
    int width, height; /* pixels; 0: 640 x 400 */
    bool log_x, log_y; /* numbers are decimal logarithms: the ticks are powers of ten */
} cli_plot;

/* Writes the whole file, piece by piece. */
void cli_plot_svg(const cli_plot *plot, void (*write)(void *user, const char *data, size_t bytes),
                  void *user);

#endif
