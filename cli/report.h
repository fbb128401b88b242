/* The report of a campaign: what is gathered in one pass over its journal, and the page of it.
 * Memory does not grow with the number of records, but for the order that they are visited in.
 */
#ifndef ATHANOR_CLI_REPORT_H
#define ATHANOR_CLI_REPORT_H

#include "export.h"
#include "histogram.h"
#include "inspect.h"
#include "output.h"

enum {
    CLI_REPORT_STAGES = 8,    /* with a distribution of their own: as many as there are colours */
    CLI_REPORT_POINTS = 2048, /* in the plot of size and steps */
    CLI_REPORT_FAILED = 200   /* in the table of those that failed */
};

typedef struct cli_report {
    cli *c;
    const char *folder;
    cli_campaign campaign;
    cli_form form;
    ath_journal *journal;
    ath_journal_state found; /* what opening it has found */
    cli_exported done;
    int64_t tally[ATH_N_STATES][ATH_N_REASONS];
    int64_t n_atoms;
    cli_histogram steps[CLI_REPORT_STAGES]; /* of those that did not fail, by stage */
    cli_histogram energy;                   /* of the same, eV per atom */
    cli_histogram forces[2]; /* log10 of fmax of those that are finished, and at the limit */
    double *points[2];       /* [CLI_REPORT_POINTS]: atoms and steps of every stride-th of them */
    size_t n_points;
    int64_t stride, n_seen;
    cli_text failed; /* rows of the table */
    int64_t n_failed;
    cli_text page; /* what is not yet in the file */
    cli_output output;
} cli_report;

/* ---- gathering (report.c) ---- */

/* Looks at the directory and goes over all records. */
int cli_report_gather(cli *c, const char *folder, cli_report *r);
void cli_report_free(cli_report *r);

/* ---- HTML (report_page.c) ---- */

/* Text of at most max bytes (0: any), with all that HTML reserves escaped; what is not UTF-8 or
 * would change the direction or the place of other text is replaced. */
void cli_report_escape(cli *c, cli_text *out, const char *text, size_t max);
int cli_report_page(cli_report *r);
/* Gives `page` to the file. */
void cli_report_flush(cli_report *r);
/* "2026-11-23 01:56 UTC" */
void cli_report_moment(double time, char *out, size_t bytes);
/* A column of numbers, in groups of three digits. */
void cli_report_count(cli_report *r, int64_t value);

/* ---- plots (report_plots.c) ---- */

void cli_report_time(cli_report *r); /* records against time, and the sessions */
void cli_report_steps(cli_report *r);
void cli_report_energy(cli_report *r);
void cli_report_forces(cli_report *r);
void cli_report_sizes(cli_report *r);
void cli_report_failures(cli_report *r);

#endif
