/* A run: what relax, md, static and run share, and check in part. Engine, output directory,
 * results, trajectory, progress, summary.
 */
#ifndef ATHANOR_CLI_RUN_H
#define ATHANOR_CLI_RUN_H

#include <athanor/dynamics.h>
#include <athanor/extxyz.h>

#include "cli.h"
#include "export.h"
#include "input.h"
#include "job.h"
#include "stream.h"

/* ---- output directory (folder.c) ---- */

/* Makes `path` with job.json and the command line inside, and with job.yaml unless that is NULL, by
 * one rename. One that exists and is of the same job (the bytes of its job.json but for the version
 * of the program) is kept: *resumes, unless that is NULL. Another one is replaced if `overwrite` is
 * set and it holds nothing but results of this program; else that is CLI_CANNOT_CREATE. */
int cli_folder_create(cli *c, const char *path, bool overwrite, const cli_text *job,
                      const cli_text *yaml, bool *resumes);
/* DIR/name in *out, which the caller frees. */
int cli_folder_path(cli *c, const char *folder, const char *name, cli_text *out);
/* Takes the line of job.json out that names the version of the program. */
void cli_folder_without_version(cli_text *record);
/* CLI_CANNOT_CREATE if cli_folder_create would refuse this path; makes nothing. job NULL: of no job
 * that could go on. */
int cli_folder_check(cli *c, const char *path, bool overwrite, const cli_text *job);

/* ---- guards (guards.c) ---- */

/* Whether a factor of the volume makes sense: above 1, or 0 for no limit. */
bool cli_volume_factor(double value);
int cli_guards_check(cli *c, const char *command, const cli_guard_settings *g);
void cli_guards(const cli_guard_settings *g, ath_dynamics_config *out);

/* ---- results (results.c) ---- */

/* A line of the table on standard output. */
typedef struct cli_row {
    int64_t place;    /* sorts into input order */
    size_t arrival;   /* breaks ties */
    size_t at, bytes; /* in `texts` */
} cli_row;

typedef struct cli_results {
    cli *c;
    const char *folder; /* NULL: nothing is written */
    bool table;         /* keep lines for the table */
    cli_form form;
    cli_text provenance; /* "model=emt model_hash=... program=..." */
    cli_row *rows;       /* [n_rows] */
    size_t n_rows, max_rows;
    cli_text texts;
    int64_t n;                         /* structures that have ended */
    int64_t n_reason[ATH_N_REASONS];   /* by the reason why they ended */
    int64_t n_rejected[ATH_N_REASONS]; /* those of them that were never let in */
    int64_t n_atoms;
    double worst_fmax; /* of those that are not converged and not failed, eV/angstrom */
} cli_results;

/* The record of a system that has come to an end. */
ath_record cli_results_record(const cli_results *r, const ath_system *system, int64_t place);
/* Takes note of a structure that has come to an end; system NULL: of one that never became one. */
int cli_results_add(cli_results *r, const ath_record *record, const ath_system *system);
/* Counts anew what the journal has, with lines for the table. */
int cli_results_recount(cli_results *r, ath_journal *journal);
/* Writes final.extxyz and results.csv in input order, each there complete or not at all. */
int cli_results_export(cli_results *r, ath_journal *journal);
/* Lines for the table in input order, to standard output: aligned on a terminal, else TSV. */
int cli_results_table(cli_results *r);
void cli_results_close(cli_results *r);
int64_t cli_results_count(const cli_results *r, ath_state state);
/* The same of one reason. */
int64_t cli_results_of(const cli_results *r, ath_reason reason, ath_state state);
/* The state of a structure that was let in: one that turned out to be no good is quarantined. */
ath_state cli_state_of(ath_reason reason);

/* Largest |stress component| (NaN if one of them is) and the pressure, GPa. *has says whether there
 * is a stress: it is that of systems that are periodic in all three directions. */
double cli_max_stress(const ath_system *system, double *pressure, bool *has);

/* ---- trajectory (trajectory.c) ---- */

typedef struct cli_trajectory {
    cli *c;
    int64_t every;     /* steps; 0: none */
    cli_frames frames; /* the last one of a system is written when it leaves */
} cli_trajectory;

int cli_trajectory_begin(cli_trajectory *t, cli_streams *streams);
/* The hook that writes the systems whose own step is a multiple of `every`. */
ath_hook cli_trajectory_hook(cli_trajectory *t);

/* ---- log (thermo.c) ---- */

/* thermo.csv: energies, temperature and pressure of systems while they run. */
typedef struct cli_thermo {
    cli *c;
    int64_t every;   /* steps; 0: none */
    double timestep; /* fs */
    cli_text path;
    cli_file file;
    ath_hook hook; /* to be freed after the dynamics */
    int64_t n_rows;
} cli_thermo;

/* Makes the hook that writes the systems whose own step is a multiple of `every`. */
int cli_thermo_begin(cli_thermo *t);
int cli_thermo_add(cli_thermo *t, cli_streams *streams);
/* The last row of a system. */
int cli_thermo_last(cli_thermo *t, const ath_system *system);
int cli_thermo_close(cli_thermo *t);
void cli_thermo_free(cli_thermo *t);

/* ---- progress and summary (progress.c, summary.c) ---- */

typedef struct cli_progress {
    cli *c;
    const char *command;
    const cli_results *results;
    const cli_input *input;
    const char *folder; /* NULL: no progress.json */
    double next, first; /* times, in seconds since the start */
    double next_file;
    double seconds_run; /* for the summary */
    bool bar;
    ath_dynamics_stats stats; /* at the last look */
    int64_t last_atom_steps, first_atom_steps, first_n;
    double last_time;
} cli_progress;

/* "5.13 M"; "3 min 20 s" */
void cli_format_large(double value, char *out, size_t bytes);
void cli_format_seconds(double seconds, char *out, size_t bytes);

/* At the beginning of a run, which may go on from an earlier one. */
void cli_progress_begin(cli_progress *p, const ath_dynamics *dynamics);
ath_status cli_progress_update(cli_progress *p, const ath_dynamics *dynamics);
/* The last word; of a complete run it is known how many structures there were. */
void cli_progress_end(cli_progress *p, bool complete);

/* Where all structures are that were taken from the input. */
typedef struct cli_balance {
    int64_t n_in; /* taken: as the sampler says */
    /* rows of the results */
    int64_t n_finished, n_step_limit, n_failed, n_rejected;
    int64_t n_open; /* in the batch, without a row */
    /* the same, as the engine says */
    int64_t n_let_in, n_handed_over, n_engine_rejected;
} cli_balance;

/* Whether it comes out even. A run that was stopped while a structure was handed over may have a
 * row for it of which the engine does not know. */
bool cli_balance_holds(const cli_balance *b, bool complete);

typedef struct cli_summary {
    const cli_results *results;
    const cli_trajectory *trajectory;
    const ath_dynamics_stats *stats;
    const cli_balance *balance;
    const cli_job *job; /* may be NULL */
    int32_t n_threads;
    const cli_command *command;
    const char *model;
    double seconds;        /* of the run */
    int64_t n, atom_steps; /* structures and steps that it began with */
    bool complete;         /* false: it was stopped */
    bool exported;         /* the results are written */
} cli_summary;
/* Prints to `to` (may be NULL) and into run.log. */
int cli_summary_print(cli *c, const cli_summary *s, FILE *to);

/* ---- what a command wants ---- */

typedef struct cli_run_stage {
    const char *name;            /* in outputs */
    const char *integrator;      /* text; NULL: none, nothing moves */
    ath_dynamics_config config;  /* what is the stage's own; the rest is filled in */
    ath_convergence convergence; /* size 0: not assessed */
    ath_criterion criteria[2];   /* of the convergence */
} cli_run_stage;

typedef struct cli_run_plan {
    const cli_command *command;
    cli_run_stage *stages; /* [n_stages] */
    size_t n_stages;
    int64_t max_edges;  /* in the batch at once; 0: no limit */
    int64_t refill;     /* steps between refills */
    const cli_job *job; /* hooks, sinks and the record job.yaml; NULL: none */
    bool job_input;     /* the input is that of the job file */
    unsigned what;      /* ATH_EXTXYZ_... of final.extxyz and traj.extxyz */
    bool sparse_velocities;
    bool table;
    int64_t every;   /* steps between frames of traj.extxyz; 0: none */
    unsigned frame;  /* ATH_EXTXYZ_... of traj.extxyz besides `what` */
    int64_t log;     /* steps between rows of thermo.csv; 0: none */
    double timestep; /* fs, for thermo.csv */
    bool per_system; /* structures have options of integrators of their own */
} cli_run_plan;
enum { CLI_REFILL = 4 }; /* steps between refills, where nothing else is said */

/* Stages, limits and the rest of a job as a plan, and the settings that belong to it. `settings`
 * has the inputs of the job and borrows from it; the plan's stages are freed by the caller, with
 * cli_plan_free. */
int cli_plan_job(cli *c, const cli_command *command, const cli_job *job, cli_settings *settings,
                 cli_run_plan *out);
void cli_plan_free(cli *c, cli_run_plan *plan);

/* ---- the text of an integrator (scheme.c) ---- */

enum { CLI_SCHEME_TEXT = 1024 };
typedef struct cli_scheme {
    cli *c;
    const char *command;       /* for messages */
    const char *name;          /* what was asked for, perhaps with options */
    const ath_option *options; /* that there are; NULL: there is no such integrator */
    char text[CLI_SCHEME_TEXT];
    size_t n;
    int code; /* of the first failure of an addition */
} cli_scheme;
int cli_scheme_begin(cli *c, const char *command, const char *name, cli_scheme *out);
/* Adds key=value (NULL: nothing), unless the user's own text has it. flag: the option to name in
 * the message if the integrator has no such key; NULL: it is then left out. */
void cli_scheme_add(cli_scheme *t, const char *key, const char *value, const char *flag);
void cli_scheme_add_real(cli_scheme *t, const char *key, double value, const char *flag);

/* ---- hooks and sinks of a job (job_hooks.c) ---- */

typedef struct cli_job_parts {
    ath_hook *hooks; /* [n_hooks]: those of the job, then those of each stage */
    size_t n_hooks;
    size_t n_own; /* of the job itself */
    ath_sink *
        *sinks; /* [n_sinks]: those that hooks put into, then those of the job, then a chain */
    size_t n_sinks;
    cli_frames *frames; /* [n_frames], files of sinks */
    size_t n_frames;
    ath_sink *output; /* where systems go besides final.extxyz, one of these; NULL: nowhere */
    const cli_job *job;
} cli_job_parts;

/* Makes them; their files are added to `streams`. Without a folder nothing is written and sinks
 * have no room: to see whether they can be made. */
int cli_job_parts_open(cli *c, const cli_job *job, cli_streams *streams, cli_job_parts *out);
/* Writes what is left to write: time lines, and a table of them into run.log. */
int cli_job_parts_finish(cli *c, cli_job_parts *parts, const char *folder);
/* After the dynamics is destroyed. */
void cli_job_parts_close(cli *c, cli_job_parts *parts);

/* ---- the engine (engine.c) ---- */

typedef struct cli_engine {
    ath_device *device;
    ath_model *model;
    ath_integrator **integrators; /* [n_stages], NULL: none */
    size_t n_stages;
    cli_job_parts parts;
    ath_dynamics *dynamics;
} cli_engine;

/* Where systems come from and go to, and who is told; all may be absent. */
typedef struct cli_engine_flow {
    ath_sampler *sampler;
    ath_sink *sink;
    const volatile sig_atomic_t *stop;
    bool (*known)(void *user, ath_uid uid);
    const ath_hook *hooks[2]; /* of the first stage, besides those of the job; NULL: none */
    ath_status (*rejected)(void *user, const char *file, int64_t frame, ath_reason reason,
                           const char *message);
    ath_status (*progress)(void *user, const ath_dynamics *dynamics);
    void *user;
} cli_engine_flow;

/* Model, device and integrators: whatever can be wrong with their names shows here. */
int cli_engine_open(cli *c, const cli_settings *settings, const cli_run_plan *plan,
                    cli_engine *out);
/* The dynamics, in place of an earlier one, with the hooks of engine->parts. */
int cli_engine_build(cli *c, const cli_settings *settings, const cli_run_plan *plan,
                     const cli_engine_flow *flow, cli_engine *engine);
void cli_engine_close(cli *c, cli_engine *engine);

/* Sections of a bundle (replay.c). */
#define CLI_BUNDLE_NAME ATH_SECTION_ID('N', 'A', 'M', 'E')
#define CLI_BUNDLE_COMMAND ATH_SECTION_ID('C', 'M', 'N', 'D')
#define CLI_BUNDLE_JOB ATH_SECTION_ID('J', 'O', 'B', 'Y')

/* ---- the run (run.c, record.c) ---- */

int cli_run(cli *c, const cli_settings *settings, const cli_run_plan *plan);
/* job.json: what determines the results, and nothing else. */
void cli_record(cli *c, const cli_settings *settings, const cli_run_plan *plan,
                const cli_engine *engine, cli_text *out);
/* An exit code of a job that comes from its file: what is wrong with a command line is then wrong
 * with the file. */
int cli_job_code(const cli_run_plan *plan, int code);

#endif
