/* What the files of the program share: the program as an object, messages, text, files, options.
 *
 * The program uses the public interface of the library only, and treats memory and files as the
 * library does: all of both go through the tables of the host, so that a test can make any call
 * fail. Functions that can fail return an exit code, 0 for success, and have said on standard error
 * what went wrong.
 */
#ifndef ATHANOR_CLI_CLI_H
#define ATHANOR_CLI_CLI_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <athanor/dynamics.h>

enum cli_exit {
    CLI_OK = 0,
    CLI_INVALID = 1,        /* validate: a test has failed */
    CLI_PARTIAL = 3,        /* done, but some failed, were rejected or did not converge */
    CLI_USAGE = 64,         /* wrong command line */
    CLI_DATA = 65,          /* bad model, bad structure under --strict, nothing left to do */
    CLI_NO_INPUT = 66,      /* an input file is missing */
    CLI_INTERNAL = 70,      /* out of memory, or a defect of the program */
    CLI_CANNOT_CREATE = 73, /* the output directory */
    CLI_IO = 74,            /* reading or writing failed */
    CLI_INTERRUPTED = 75    /* stopped; the same command goes on */
};

/* Where the program runs. Zero entries of `context` mean the operating system's own. */
typedef struct cli_host {
    ath_context_config context;
    FILE *out, *err;
    /* 1: a run is asked to stop, 2: at once; set by a signal handler, and by the program itself
     * when time is over; NULL: by nobody else */
    volatile sig_atomic_t *interrupted;
} cli_host;

struct cli_file;

/* What the library has allocated, in bytes, counted on the way to the allocator of the host. */
typedef struct cli_memory {
    ath_allocator from;
    int64_t now, peak;
} cli_memory;

typedef struct cli {
    ath_context_config host; /* complete: allocator, log and i/o are set */
    cli_memory memory;       /* of ctx */
    ath_context *ctx;
    FILE *out, *err;
    volatile sig_atomic_t *interrupted; /* never NULL inside cli_main */
    const char *why;                    /* a run was asked to stop, if not by a signal */
    struct cli_replay *replay;          /* in place of a run: replay.h; else NULL */
    int argc;                           /* the command line */
    char **argv;
    struct cli_file *log; /* run.log, or NULL */
    double started;       /* seconds, monotonic */
    int verbose;          /* 0: warnings, 1: info, 2: debug */
    bool quiet, colour;
    bool no_room; /* a file could not be written because the disk is full */
    bool bar;     /* the cursor stands behind a progress bar */
} cli;

/* The whole program. argv as in main. */
int cli_main(int argc, char **argv, const cli_host *host);
/* The command of argv[1], in a program that has begun. */
int cli_command_line(cli *c, int argc, char **argv);

/* ---- messages (message.c) ---- */

/* "athanor: text" on standard error, and in run.log. cli_fail returns `code`. */
int cli_fail(cli *c, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
void cli_warn(cli *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cli_say(cli *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Into run.log only; on standard error too with -v. */
void cli_note(cli *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Takes note if a failed status means that the disk is full: later ones may not say so. */
void cli_note_room(cli *c, ath_status status);
/* The message of the context, with the exit code that belongs to a failed status. */
int cli_fail_status(cli *c, ath_status status);
/* Takes the progress bar away, if there is one. */
void cli_clear_bar(cli *c);
double cli_seconds(const cli *c); /* since the program was started */
double cli_clock(void);           /* seconds, monotonic */

/* ---- memory and text (text.c) ---- */

/* *block (through any object pointer) from old_bytes to new_bytes, 0 frees. False: out of memory,
 * and nothing has changed. */
bool cli_resize(cli *c, void *block, size_t old_bytes, size_t new_bytes);

/* Growing text. Zero-initialise. After a failed allocation `failed` is set and nothing is added. */
typedef struct cli_text {
    char *data; /* NUL-terminated once something was added */
    size_t size, capacity;
    bool failed;
} cli_text;
void cli_text_add(cli *c, cli_text *t, const char *data, size_t bytes);
void cli_text_print(cli *c, cli_text *t, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Shortest decimal text that reads back to the same bits. */
void cli_text_double(cli *c, cli_text *t, double value);
/* A field of a CSV line (quoted only where needed), a JSON string with its quotes. */
void cli_text_csv(cli *c, cli_text *t, const char *value);
void cli_text_json(cli *c, cli_text *t, const char *value);
void cli_text_free(cli *c, cli_text *t);
/* "out of memory" if the text has failed, else 0. */
int cli_text_check(cli *c, const cli_text *t);

/* ---- files (file.c) ---- */

/* A file being written, buffered. The first failure is reported and remembered. */
typedef struct cli_file {
    cli *c;
    cli_text path;
    cli_text buffer;
    int fd;
    int code; /* exit code of the first failure */
} cli_file;
int cli_file_create(cli *c, const char *path, cli_file *out);
/* Behind what there is. */
int cli_file_append(cli *c, const char *path, cli_file *out);
void cli_file_write(cli_file *f, const char *data, size_t bytes);
void cli_file_flush(cli_file *f);
/* Flushes, syncs, closes, frees; safe on a zeroed struct. Returns the code of the first failure. */
int cli_file_close(cli_file *f);
/* Reading: fd or negative errno; bytes or negative errno. */
int cli_open_read(cli *c, const char *path);
int64_t cli_read_at(cli *c, int fd, int64_t offset, char *buffer, size_t bytes);
int64_t cli_read(cli *c, int fd, char *buffer, size_t bytes);
void cli_close(cli *c, int fd);
int cli_rename(cli *c, const char *from, const char *to); /* 0 or -errno */
int cli_unlink(cli *c, const char *path);                 /* 0 or -errno */
int cli_mkdir(cli *c, const char *path);                  /* 0 or -errno */
int cli_sync_directory(cli *c, const char *path);         /* 0 or -errno */

/* ---- command line (option.c) ---- */

enum cli_command_bit {
    CLI_RELAX = 1,
    CLI_MD = 2,
    CLI_STATIC = 4,
    CLI_INFO = 8,
    CLI_RUN = 16, /* takes most of what it does from a job file (job.h) */
    CLI_CHECK = 32,
    CLI_VALIDATE = 64,
    CLI_EXPORT = 128,
    CLI_STATUS = 256,
    CLI_REPORT = 512,
    CLI_RESUME = 1024,
    CLI_REPLAY = 2048,
    CLI_RUNS = CLI_RELAX | CLI_MD | CLI_STATIC,
    CLI_CAMPAIGNS = CLI_RUNS | CLI_RUN | CLI_RESUME, /* keep a directory that can be resumed */
    CLI_MODELS = CLI_RUNS | CLI_VALIDATE,            /* take a model and structures */
    CLI_JOBS = CLI_RUN | CLI_CHECK,
    CLI_READS = CLI_MODELS | CLI_INFO | CLI_JOBS | CLI_RESUME, /* structures */
    CLI_SHOWS = CLI_EXPORT | CLI_STATUS | CLI_REPORT,          /* take the directory of a run */
    CLI_ALL = CLI_READS | CLI_SHOWS | CLI_REPLAY
};

/* A whole number that has no default and was not given; such a text is NULL. */
#define CLI_UNSET INT64_MIN

enum cli_velocities { CLI_VELOCITIES_AUTO, CLI_VELOCITIES_NEW, CLI_VELOCITIES_KEEP };

enum cli_retry { CLI_RETRY_AUTO, CLI_RETRY_NEVER };

/* What a system must not do, as in athanor/dynamics.h; 0: no limit. */
typedef struct cli_guard_settings {
    double max_force, max_displacement, max_temperature, max_volume_change, min_distance;
    int64_t retry, good_every;
} cli_guard_settings;

/* Values of the options, in the types that ath_option lays down. Texts belong to argv. */
typedef struct cli_settings {
    const char *model, *out, *device, *skip, *walltime;
    const char *integrator, *pressure, *coupling, *friction, *tau_t, *tau_p, *ramp; /* or NULL */
    double fmax, smax, timestep, temperature, checkpoint, max_quarantined;
    cli_guard_settings guards;
    int64_t steps, every, velocities, threads, seed, max_systems, max_atoms;
    int64_t volume, ensemble, log, positions, per_system, cell;
    int64_t no_sync, strict, overwrite, verbose, quiet, help, version;
    int64_t models, integrators, devices;
    const char *state, *stage, *reason; /* export; or NULL */
    const char *system, *file;          /* replay; or NULL */
    int64_t from_step, every_step;
    int64_t format, json;
    double watch;  /* seconds; 0: once */
    char **inputs; /* [n_inputs] */
    int n_inputs;
} cli_settings;

typedef struct cli_option {
    ath_option option; /* offset is one in cli_settings */
    char letter;       /* short form, 0: none */
    const char *value; /* what stands for the value in --help; NULL: the option takes none;
                          "[X=5]": it may have one, a number, and without it is 5 */
    unsigned commands; /* which commands have it */
    bool record;       /* changes results: part of the job record */
} cli_option;
extern const cli_option cli_options[]; /* closed by a name of NULL */

enum cli_format { CLI_FORMAT_EXTXYZ, CLI_FORMAT_CSV };

typedef struct cli_command {
    const char *name;
    enum cli_command_bit bit;
    const char *operands; /* "IN..." */
    const char *summary;  /* one line */
    const char *about;    /* some lines */
    int (*run)(cli *c, const cli_settings *settings);
} cli_command;
extern const cli_command cli_command_relax, cli_command_md, cli_command_static, cli_command_run,
    cli_command_check, cli_command_validate, cli_command_info, cli_command_export,
    cli_command_status, cli_command_report, cli_command_resume, cli_command_replay;

/* argv[0] is the name of the command. */
int cli_options_parse(cli *c, const cli_command *command, int argc, char **argv, cli_settings *out);
void cli_options_help(cli *c, const cli_command *command);
/* Table of the options of a model or an integrator. */
void cli_options_table(cli *c, const ath_option *options);

#endif
