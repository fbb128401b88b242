/* A run: what relax, md and static share. Output directory, results, trajectory, progress, summary.
 */
#ifndef ATHANOR_CLI_RUN_H
#define ATHANOR_CLI_RUN_H

#include <athanor/dynamics.h>
#include <athanor/extxyz.h>

#include "cli.h"
#include "input.h"

/* ---- output directory (folder.c) ---- */

/* Makes `path` with job.json inside, by one rename. An existing one is replaced if `overwrite` is
 * set and it holds nothing but results of this program; else that is CLI_CANNOT_CREATE. */
int cli_folder_create(cli *c, const char *path, bool overwrite, const cli_text *job);
/* DIR/name in *out, which the caller frees. */
int cli_folder_path(cli *c, const char *folder, const char *name, cli_text *out);
/* CLI_CANNOT_CREATE if cli_folder_create would refuse this path; makes nothing. */
int cli_folder_check(cli *c, const char *path, bool overwrite);

/* ---- results (results.c) ---- */

/* One structure that came to an end. */
typedef struct cli_row {
    int64_t key;               /* sorts into input order */
    size_t arrival;            /* breaks ties */
    int64_t frame;             /* number of its record in unsorted.extxyz; -1: none (rejected) */
    size_t csv, csv_bytes;     /* its line of results.csv, in `texts` */
    size_t table, table_bytes; /* its line of the table on standard output */
} cli_row;

typedef struct cli_results {
    cli *c;
    const char *stage;      /* name of the stage, in results.csv */
    const char *folder;     /* NULL: nothing is written */
    unsigned what;          /* ATH_EXTXYZ_..., columns of final.extxyz */
    bool sparse_velocities; /* write velocities only of structures that have some */
    bool table;             /* keep lines for the table */
    cli_text provenance;    /* "model=emt model_hash=... program=..." */
    ath_writer *writer;     /* of unsorted.extxyz */
    cli_row *rows;          /* [n_rows] */
    size_t n_rows, max_rows;
    cli_text texts;
    int64_t n_frames;
    int64_t n_reason[ATH_N_REASONS]; /* structures by the reason why they ended */
    int64_t n_atoms;
    double worst_fmax; /* of those that are not converged and not failed, eV/angstrom */
} cli_results;

int cli_results_open(cli_results *r);
/* Takes note of a structure that has come to an end. CLI_OK: it is accounted for. */
int cli_results_add(cli_results *r, const ath_system *system, int64_t key);
int cli_results_reject(cli_results *r, const char *file, int64_t frame, int64_t key,
                       ath_reason reason);
/* Writes final.extxyz and results.csv in input order. */
int cli_results_finish(cli_results *r);
/* Lines for the table in input order, to standard output: aligned on a terminal, else TSV. */
int cli_results_table(cli_results *r);
void cli_results_close(cli_results *r);
int64_t cli_results_count(const cli_results *r, ath_state state);

/* Largest |stress component| and the pressure, GPa. *has says whether there is a stress: it is that
 * of systems that are periodic in all three directions. */
double cli_max_stress(const ath_system *system, double *pressure, bool *has);

/* ---- trajectory (trajectory.c) ---- */

typedef struct cli_trajectory {
    cli *c;
    int64_t every; /* steps; 0: none */
    unsigned what;
    ath_writer *writer;
    int64_t n_frames;
} cli_trajectory;

int cli_trajectory_open(cli_trajectory *t, const char *folder);
/* The hook that writes the systems whose own step is a multiple of `every`. */
ath_hook cli_trajectory_hook(cli_trajectory *t);
/* The last frame of a system. */
ath_status cli_trajectory_last(cli_trajectory *t, const ath_system *system);
int cli_trajectory_close(cli_trajectory *t);

/* ---- progress and summary (progress.c, summary.c) ---- */

typedef struct cli_progress {
    cli *c;
    const char *command;
    const cli_results *results;
    const cli_input *input;
    double next, first; /* times, in seconds since the start */
    double seconds_run; /* for the summary */
    bool bar;
    ath_dynamics_stats stats; /* at the last look */
    int64_t last_atom_steps;
    double last_time;
} cli_progress;

/* "5.13 M"; "3 min 20 s" */
void cli_format_large(double value, char *out, size_t bytes);
void cli_format_seconds(double seconds, char *out, size_t bytes);

void cli_progress_begin(cli_progress *p);
ath_status cli_progress_update(cli_progress *p, const ath_dynamics *dynamics);

typedef struct cli_summary {
    const cli_results *results;
    const cli_trajectory *trajectory;
    const ath_dynamics_stats *stats;
    int32_t n_threads;
    const cli_command *command;
    const char *model;
    int64_t n_open; /* taken from the input, but not finished: the run was stopped */
    double seconds; /* of the run */
    bool complete;  /* false: it was stopped */
} cli_summary;
/* Prints to `to` (may be NULL) and into run.log. */
int cli_summary_print(cli *c, const cli_summary *s, FILE *to);

/* ---- the run (run.c) ---- */

/* What a command wants. */
typedef struct cli_run_plan {
    const cli_command *command;
    const char *integrator;     /* text; NULL: none, nothing moves */
    ath_dynamics_config config; /* of the stage; model, integrator and hooks are filled in */
    unsigned what;              /* ATH_EXTXYZ_... of final.extxyz and traj.extxyz */
    bool sparse_velocities;
    bool table;
    int64_t every;
} cli_run_plan;
int cli_run(cli *c, const cli_settings *settings, const cli_run_plan *plan);

#endif
