/* The job file of `athanor run`: a whole job as text, typed by the tables of job_schema.c.
 *
 * cli_job_read takes YAML and gives plain data, or says everything that is wrong with it;
 * cli_job_override lays the command line over it; cli_job_print writes it back with all defaults,
 * as text that is read to the same job. docs/job-file.md is the manual; a test holds it to the
 * tables. Nothing here runs anything, opens an input or reads a model.
 *
 * Members are in the types that ath_option lays down: int64_t for whole numbers, truth values and
 * choices, double for numbers. Texts and arrays belong to the job.
 */
#ifndef ATHANOR_CLI_JOB_H
#define ATHANOR_CLI_JOB_H

#include "cli.h"

/* What an optional number holds where the file has none; whole numbers and choices: CLI_UNSET. */
#define CLI_UNSET_REAL (-1.0)

enum cli_job_sink_type { CLI_JOB_SINK_FILE, CLI_JOB_SINK_MEMORY };

typedef struct cli_job_sink {
    int64_t type; /* enum cli_job_sink_type */
    char *path;   /* file: name in DIR */
    int64_t velocities, forces;
    int64_t capacity; /* memory: systems */
} cli_job_sink;

enum cli_job_hook_type {
    CLI_JOB_HOOK_LOG,
    CLI_JOB_HOOK_SNAPSHOT,
    CLI_JOB_HOOK_CONVERGED_SNAPSHOT,
    CLI_JOB_HOOK_NAN,
    CLI_JOB_HOOK_CLAMP,
    CLI_JOB_HOOK_DRIFT,
    CLI_JOB_HOOK_FREEZE,
    CLI_JOB_HOOK_WRAP,
    CLI_JOB_HOOK_ALIGN,
    CLI_JOB_HOOK_TIMING
};
enum cli_job_format { CLI_JOB_CSV, CLI_JOB_JSONL };
enum cli_job_metric { CLI_JOB_PER_ATOM_PER_STEP, CLI_JOB_ABSOLUTE };
enum cli_job_action { CLI_JOB_WARN, CLI_JOB_RAISE, CLI_JOB_QUARANTINE };

/* A hook. Members that its type does not have are zero. */
typedef struct cli_job_hook {
    int64_t type; /* enum cli_job_hook_type */
    int64_t every;
    char *path;
    int64_t format, thermo, own_steps; /* log */
    cli_job_sink sink;                 /* snapshots */
    int64_t raise;                     /* nan */
    double max_force;                  /* clamp, eV/angstrom */
    double threshold;                  /* drift, eV, or eV per atom and step */
    int64_t metric, action, kinetic;   /* drift */
    int64_t category, components;      /* freeze; components + 1 is x = 1 | y = 2 | z = 4 */
    char *field;                       /* freeze */
} cli_job_hook;

/* When a stage is done with a system: all that are set must hold. */
typedef struct cli_job_until {
    double fmax;          /* eV/angstrom */
    double smax;          /* GPa */
    double energy_change; /* eV */
} cli_job_until;

enum cli_job_at_limit { CLI_JOB_CONTINUE, CLI_JOB_STOP };

typedef struct cli_job_stage {
    char *name;
    char *integrator; /* as ath_integrator_create takes it */
    int64_t steps;    /* per system, or CLI_UNSET */
    cli_job_until until;
    int64_t velocities; /* ath_velocities */
    double temperature; /* K, or CLI_UNSET_REAL */
    int64_t seed;       /* or CLI_UNSET: that of the job, see cli_job_seed */
    int64_t remove_momentum, remove_rotation, exact_temperature; /* of drawn velocities */
    int64_t hold_centre, assess_on_entry;
    int64_t at_limit; /* enum cli_job_at_limit; CLI_UNSET without both steps and until */
    cli_job_hook *hooks;
    size_t n_hooks;
} cli_job_stage;

typedef struct cli_job_limits {
    int64_t systems, atoms, edges; /* in the batch at once; 0: no limit */
    cli_guard_settings guards;     /* of every stage */
} cli_job_limits;

typedef struct cli_job {
    char **input; /* [n_input] as the operands of the other commands */
    size_t n_input;
    char *out, *device;
    char *model; /* as ath_model_create takes it */
    int64_t seed, threads, strict, overwrite, per_system;
    cli_job_stage *stages;
    size_t n_stages;
    cli_job_limits limits;
    int64_t refill;
    cli_job_hook *hooks; /* of all stages */
    size_t n_hooks;
    cli_job_sink *sinks;
    size_t n_sinks;
    int64_t policy; /* ath_sink_policy */
} cli_job;

/* Reads a file. On failure every problem of it (at most CLI_JOB_PROBLEMS) has been said, as
 * "PATH:LINE:COLUMN: what (key KEY): ...", and *out holds nothing. CLI_NO_INPUT without a file,
 * CLI_DATA for a file that is wrong. `input`, `out` and `model` may still be absent (NULL). */
int cli_job_read(cli *c, const char *path, cli_job *out);
/* The same for text in memory; `path` stands in the messages only. */
int cli_job_parse(cli *c, const char *path, const char *text, size_t bytes, cli_job *out);
/* What the command line says replaces what the file says; operands behind the job file replace all
 * of `input`. Then input, out and model have to be there. settings->inputs[0] is the job file. */
int cli_job_override(cli *c, const cli_settings *settings, cli_job *job);
/* The job as YAML, every default filled in. Only the seed of a stage that has none of its own stays
 * out, so that --seed still acts on a printed job. The text is checked by the caller. */
void cli_job_print(cli *c, const cli_job *job, cli_text *out);
void cli_job_free(cli *c, cli_job *job); /* safe on a zeroed one */
/* Names in DIR that its hooks and sinks write, i from 0; NULL behind the last. job may be NULL. */
const char *cli_job_file(const cli_job *job, size_t i);
/* The seed of a stage: its own, else the job's. */
int64_t cli_job_seed(const cli_job *job, const cli_job_stage *stage);

enum {
    CLI_JOB_PROBLEMS = 10,       /* that are reported */
    CLI_JOB_MAX_BYTES = 1 << 20, /* of a file */
    CLI_JOB_MAX_NODES = 100000,  /* values and keys in it */
    CLI_JOB_MAX_DEPTH = 16       /* lists and mappings within one another */
};

/* ---- the schema (job_schema.c) ---- */

enum cli_job_kind {
    CLI_JOB_VALUE, /* a scalar of option.type */
    CLI_JOB_TEXTS, /* a text or a list of texts: char ** and size_t at offset_n */
    CLI_JOB_NAMED, /* a text, or a mapping with `name` that becomes "name:key=value,...": char * */
    CLI_JOB_CRITERIA, /* "key=value,..." or a mapping: a struct of `table` */
    CLI_JOB_MAPPING,  /* a struct of `table` */
    CLI_JOB_LIST,     /* structs of `table`, size_t at offset_n */
    CLI_JOB_VARIANT   /* a text, short for {type: file, path: TEXT}, or a mapping of `table` */
};

typedef struct cli_job_table cli_job_table;

typedef struct cli_job_key {
    ath_option option; /* offset is one in the struct of the table; TEXT unless a CLI_JOB_VALUE */
    enum cli_job_kind kind;
    bool required;
    const cli_job_table *table;
    size_t offset_n;
    const char *example; /* as it stands in a file, on one line */
} cli_job_key;

struct cli_job_table {
    const char *name;                     /* of the thing that it describes */
    size_t bytes;                         /* of its struct */
    const cli_job_key *keys;              /* closed by a name of NULL; NULL: see variants */
    const cli_job_table *const *variants; /* closed by NULL: by the key `type`, the word is the
                                             variant's name, its number the first member */
};
extern const cli_job_table cli_job_schema;
/* The key of this name of an object with these keys, as cli_job_print writes it, two columns in. */
void cli_job_print_key(cli *c, const cli_job_key *keys, const char *name, const void *object,
                       cli_text *out);

#endif
