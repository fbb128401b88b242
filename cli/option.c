/* The command line: one table of options for all commands. Parsing, ranges, defaults, --help and
 * the job record come from it. Values are read by the library's own option reader, so that numbers
 * are written as in a model's text and errors read the same.
 */
#include <getopt.h>
#include <string.h>

#include "cli.h"

#define OPTION_AT(member) offsetof(cli_settings, member)
#define OPTION_LIMIT 1e15 /* "no upper limit" for whole numbers */
#define OPTION_LARGE 1e300

/* One row per line: what it is called and what it takes, then what --help says. */
/* clang-format off */
const cli_option cli_options[] = {
    {{"model", ATH_OPTION_TEXT, 0, "", "emt", 0, 0, NULL,
      "potential: NAME or NAME:key=value,... (see athanor info --models)", OPTION_AT(model)},
     'm', "MODEL", CLI_MODELS, true},
    {{"fmax", ATH_OPTION_REAL, 0, "eV/angstrom", "0.05", 1e-12, 1e6, NULL,
      "a structure is converged when no free atom feels a larger force", OPTION_AT(fmax)},
     0, "F", CLI_RELAX, true},
    {{"optimizer", ATH_OPTION_TEXT, 0, "", "fire", 0, 0, NULL,
      "fire, fire2 or lbfgs, or NAME:key=value,... (see athanor info --integrators)",
      OPTION_AT(integrator)},
     0, "NAME", CLI_RELAX, true},
    {{"cell", ATH_OPTION_CHOICE, 0, "", "none", 0, 0, "none|full|iso|shape",
      "how the cell relaxes, too: not, freely, only its volume, only its shape", OPTION_AT(cell)},
     0, "HOW", CLI_RELAX, true},
    {{"smax", ATH_OPTION_REAL, 0, "GPa", "0.1", 1e-12, 1e6, NULL,
      "with a cell that moves: what may be left of the stress, less the target", OPTION_AT(smax)},
     0, "S", CLI_RELAX, true},
    {{"steps", ATH_OPTION_INT, 0, "", "500", 0, OPTION_LIMIT, NULL,
      "most steps that a structure may take", OPTION_AT(steps)},
     'n', "N", CLI_RELAX, true},
    {{"ensemble", ATH_OPTION_CHOICE, 0, "", "auto", 0, 0, "auto|nve|nvt|npt|nph",
      "what is held constant; auto: that of --integrator, or nve", OPTION_AT(ensemble)},
     0, "NAME", CLI_MD, true},
    {{"integrator", ATH_OPTION_TEXT, 0, "", NULL, 0, 0, NULL,
      "NAME or NAME:key=value,... (see athanor info --integrators); without it nve, langevin, npt "
      "or nph", OPTION_AT(integrator)},
     0, "NAME", CLI_MD, true},
    {{"timestep", ATH_OPTION_REAL, 0, "fs", "1", 1e-6, 1e3, NULL,
      "time step", OPTION_AT(timestep)},
     0, "DT", CLI_MD, true},
    {{"steps", ATH_OPTION_INT, 0, "", "1000", 0, OPTION_LIMIT, NULL,
      "number of time steps", OPTION_AT(steps)},
     'n', "N", CLI_MD, true},
    {{"temp", ATH_OPTION_REAL, 0, "K", "300", 0, 1e7, NULL,
      "temperature of the velocities drawn at the start, and of the bath", OPTION_AT(temperature)},
     't', "T", CLI_MD, true},
    {{"pressure", ATH_OPTION_TEXT, 0, "GPa", NULL, 0, 0, NULL,
      "target; 0 if not given. md: of npt and nph; relax: needs a cell that moves",
      OPTION_AT(pressure)},
     0, "P", CLI_MD | CLI_RELAX, true},
    {{"coupling", ATH_OPTION_TEXT, 0, "", NULL, 0, 0, NULL,
      "how the cell moves in npt and nph: iso, aniso or triclinic", OPTION_AT(coupling)},
     0, "HOW", CLI_MD, true},
    {{"friction", ATH_OPTION_TEXT, 0, "1/fs", NULL, 0, 0, NULL,
      "of Langevin dynamics", OPTION_AT(friction)},
     0, "G", CLI_MD, true},
    {{"tau-t", ATH_OPTION_TEXT, 0, "fs", NULL, 0, 0, NULL,
      "relaxation time of a thermostat", OPTION_AT(tau_t)},
     0, "T", CLI_MD, true},
    {{"tau-p", ATH_OPTION_TEXT, 0, "fs", NULL, 0, 0, NULL,
      "relaxation time of a barostat", OPTION_AT(tau_p)},
     0, "T", CLI_MD, true},
    {{"ramp", ATH_OPTION_TEXT, 0, "", NULL, 0, 0, NULL,
      "targets that change over all steps: temp=300:600 or temp=300:600,pressure=0:5",
      OPTION_AT(ramp)},
     0, "WHAT", CLI_MD, true},
    {{"velocities", ATH_OPTION_CHOICE, 0, "", "auto", 0, 0, "auto|new|keep",
      "new: draw them; keep: those of the input; auto: draw them for structures without any",
      OPTION_AT(velocities)},
     0, "HOW", CLI_MD, true},
    {{"per-system", ATH_OPTION_BOOL, 0, "", "false", 0, 0, NULL,
      "a structure with the key timestep or temperature uses its own", OPTION_AT(per_system)},
     0, NULL, CLI_MD, true},
    {{"every", ATH_OPTION_INT, 0, "steps", "100", 0, OPTION_LIMIT, NULL,
      "steps between frames of traj.extxyz, 0: no trajectory", OPTION_AT(every)},
     0, "N", CLI_MD, true},
    {{"log", ATH_OPTION_INT, 0, "steps", "100", 0, OPTION_LIMIT, NULL,
      "steps between rows of thermo.csv, 0: none", OPTION_AT(log)},
     0, "N", CLI_MD, true},
    {{"positions", ATH_OPTION_CHOICE, 0, "", "unwrapped", 0, 0, "unwrapped|wrapped|both",
      "in traj.extxyz: as atoms have moved; inside the cell; or the latter with a column unwrapped",
      OPTION_AT(positions)},
     0, "HOW", CLI_MD, true},
    {{"every", ATH_OPTION_INT, 0, "steps", "0", 0, OPTION_LIMIT, NULL,
      "steps between frames of traj.extxyz, 0: no trajectory", OPTION_AT(every)},
     0, "N", CLI_RELAX, true},
    {{"max-force", ATH_OPTION_REAL, 0, "eV/angstrom", "0", 0, OPTION_LARGE, NULL,
      "a structure with a larger force on an atom is set aside, 0: no limit",
      OPTION_AT(guards.max_force)},
     0, "F", CLI_RELAX | CLI_MD, true},
    {{"max-displacement", ATH_OPTION_REAL, 0, "angstrom", "0", 0, OPTION_LARGE, NULL,
      "a structure in which an atom moves farther in a step is set aside, 0: no limit",
      OPTION_AT(guards.max_displacement)},
     0, "D", CLI_RELAX | CLI_MD, true},
    {{"max-temperature", ATH_OPTION_REAL, 0, "K", "0", 0, OPTION_LARGE, NULL,
      "a hotter structure is set aside, 0: no limit", OPTION_AT(guards.max_temperature)},
     0, "T", CLI_MD, true},
    {{"max-volume-change", ATH_OPTION_REAL, 0, "", "0", 0, OPTION_LARGE, NULL,
      "a structure whose volume becomes larger or smaller by more than this factor, above 1, is "
      "set aside, 0: no limit", OPTION_AT(guards.max_volume_change)},
     0, "X", CLI_RELAX | CLI_MD, true},
    {{"min-distance", ATH_OPTION_REAL, 0, "angstrom", "0", 0, OPTION_LARGE, NULL,
      "a structure in which two atoms, or images of them, are closer is set aside, 0: no limit",
      OPTION_AT(guards.min_distance)},
     0, "R", CLI_RELAX | CLI_MD, true},
    {{"retry", ATH_OPTION_CHOICE, 0, "", "auto", 0, 0, "auto|never",
      "auto: a structure that would be set aside first goes back to its last good state and tries "
      "again, gentler, once", OPTION_AT(guards.retry)},
     0, "WHEN", CLI_RELAX | CLI_MD, true},
    {{"good-every", ATH_OPTION_INT, 0, "steps", "100", 1, OPTION_LIMIT, NULL,
      "steps of a structure between two good states that are kept for that",
      OPTION_AT(guards.good_every)},
     0, "N", CLI_RELAX | CLI_MD, true},
    {{"out", ATH_OPTION_TEXT, 0, "", NULL, 0, 0, NULL,
      "directory for the results; one of the same job goes on", OPTION_AT(out)},
     'o', "DIR", CLI_MODELS | CLI_JOBS, false},
    {{"overwrite", ATH_OPTION_BOOL, 0, "", "false", 0, 0, NULL,
      "replace DIR if it holds results of an earlier run", OPTION_AT(overwrite)},
     0, NULL, CLI_MODELS | CLI_JOBS, false},
    {{"strict", ATH_OPTION_BOOL, 0, "", "false", 0, 0, NULL,
      "stop at the first structure that is rejected or fails", OPTION_AT(strict)},
     0, NULL, CLI_READS, false},
    {{"max-walltime", ATH_OPTION_TEXT, 0, "", NULL, 0, 0, NULL,
      "stop in time for a run of so long: 90s, 30m, 11h30m, HH:MM:SS, D-HH:MM:SS; the same command "
      "goes on later", OPTION_AT(walltime)},
     0, "TIME", CLI_CAMPAIGNS, false},
    {{"checkpoint", ATH_OPTION_REAL, 0, "s", "60", 0, 1e9, NULL,
      "least time between two checkpoints, 0: only when it is stopped", OPTION_AT(checkpoint)},
     0, "T", CLI_CAMPAIGNS, false},
    {{"max-quarantined", ATH_OPTION_REAL, 0, "", "0.5", 0, 1, NULL,
      "stop if more than this share of the structures fails, and at least 20; 1: never",
      OPTION_AT(max_quarantined)},
     0, "SHARE", CLI_CAMPAIGNS, false},
    {{"no-sync", ATH_OPTION_BOOL, 0, "", "false", 0, 0, NULL,
      "do not wait for the disk: safe against the death of the process, not of the machine",
      OPTION_AT(no_sync)},
     0, NULL, CLI_CAMPAIGNS, false},
    {{"system", ATH_OPTION_TEXT, 0, "", NULL, 0, 0, NULL,
      "of a directory: which structure, its uid as in results.csv", OPTION_AT(system)},
     0, "UID", CLI_REPLAY, false},
    {{"from-step", ATH_OPTION_INT, 0, "steps", "0", 0, OPTION_LIMIT, NULL,
      "first step (of all stages) that is written", OPTION_AT(from_step)},
     0, "N", CLI_REPLAY, false},
    {{"every", ATH_OPTION_INT, 0, "steps", "1", 1, OPTION_LIMIT, NULL,
      "steps between frames", OPTION_AT(every_step)},
     0, "N", CLI_REPLAY, false},
    {{"output", ATH_OPTION_TEXT, 0, "", NULL, 0, 0, NULL,
      "file for the frames; without it none are written", OPTION_AT(file)},
     'o', "FILE", CLI_REPLAY, false},
    {{"seed", ATH_OPTION_INT, 0, "", "0", -9e15, 9e15, NULL,
      "of the random numbers", OPTION_AT(seed)},
     0, "N", CLI_MODELS, true},
    {{"threads", ATH_OPTION_INT, 0, "", "0", 0, 4096, NULL,
      "0: all processors; never changes a result", OPTION_AT(threads)},
     'j', "N", CLI_MODELS | CLI_RESUME, false},
    {{"device", ATH_OPTION_TEXT, 0, "", "host", 0, 0, NULL,
      "host or cuda:0 (see athanor info --devices)", OPTION_AT(device)},
     0, "NAME", CLI_MODELS, true},
    {{"max-systems", ATH_OPTION_INT, 0, "", "1000", 1, 1e9, NULL,
      "structures in the batch at once; never changes a result", OPTION_AT(max_systems)},
     0, "N", CLI_RUNS, false},
    {{"max-atoms", ATH_OPTION_INT, 0, "", "0", 0, OPTION_LIMIT, NULL,
      "atoms in the batch at once, 0: no limit; larger structures are rejected",
      OPTION_AT(max_atoms)},
     0, "N", CLI_RUNS, true},
    {{"timestep", ATH_OPTION_REAL, 0, "fs", "0", 0, 1e3, NULL,
      "time step; 0: 1 fs, or less if there are atoms lighter than oxygen (0.25 fs with hydrogen)",
      OPTION_AT(timestep)},
     0, "DT", CLI_VALIDATE, true},
    {{"steps", ATH_OPTION_INT, 0, "", "1000", 200, 1e9, NULL,
      "steps of the two runs that drift and temperatures are measured in", OPTION_AT(steps)},
     'n', "N", CLI_VALIDATE, true},
    {{"temp", ATH_OPTION_REAL, 0, "K", "300", 1e-3, 1e6, NULL,
      "temperature of the dynamics", OPTION_AT(temperature)},
     't', "T", CLI_VALIDATE, true},
    {{"volume", ATH_OPTION_INT, 0, "steps", "0", 0, 1e9, NULL,
      "steps of each of two runs at constant pressure, whose volumes are compared, 0: none; 50000 "
      "do for a crystal", OPTION_AT(volume)},
     0, "N", CLI_VALIDATE, true},
    {{"skip", ATH_OPTION_TEXT, 0, "", "", 0, 0, NULL,
      "tests that are not made, by the names in the table, separated by commas", OPTION_AT(skip)},
     0, "TESTS", CLI_VALIDATE, true},
    {{"max-systems", ATH_OPTION_INT, 0, "", "100", 1, 1e6, NULL,
      "structures that are tested; those behind are not read", OPTION_AT(max_systems)},
     0, "N", CLI_VALIDATE, true},
    {{"max-atoms", ATH_OPTION_INT, 0, "", "2000", 0, OPTION_LIMIT, NULL,
      "larger structures are left out, 0: no limit", OPTION_AT(max_atoms)},
     0, "N", CLI_VALIDATE, true},
    /* `run` and `check` have the defaults of their job file: none here. */
    {{"model", ATH_OPTION_TEXT, 0, "", NULL, 0, 0, NULL,
      "potential, instead of the job's `model`", OPTION_AT(model)},
     'm', "MODEL", CLI_JOBS, true},
    {{"seed", ATH_OPTION_INT, 0, "", NULL, -9e15, 9e15, NULL,
      "instead of the job's `seed`", OPTION_AT(seed)},
     0, "N", CLI_JOBS, true},
    {{"threads", ATH_OPTION_INT, 0, "", NULL, 0, 4096, NULL,
      "instead of the job's `threads`; 0: all processors; never changes a result",
      OPTION_AT(threads)},
     'j', "N", CLI_JOBS, false},
    {{"device", ATH_OPTION_TEXT, 0, "", NULL, 0, 0, NULL,
      "instead of the job's `device`", OPTION_AT(device)},
     0, "NAME", CLI_JOBS, true},
    {{"max-systems", ATH_OPTION_INT, 0, "", NULL, 1, 1e9, NULL,
      "instead of the job's `systems` in `limits`", OPTION_AT(max_systems)},
     0, "N", CLI_JOBS, false},
    {{"max-atoms", ATH_OPTION_INT, 0, "", NULL, 0, OPTION_LIMIT, NULL,
      "instead of the job's `atoms` in `limits`", OPTION_AT(max_atoms)},
     0, "N", CLI_JOBS, true},
    /* These look at the directory of a run. */
    {{"format", ATH_OPTION_CHOICE, 0, "", "extxyz", 0, 0, "extxyz|csv",
      "structures as in final.extxyz, or the table results.csv", OPTION_AT(format)},
     'f', "FORMAT", CLI_EXPORT, false},
    {{"state", ATH_OPTION_TEXT, 0, "", NULL, 0, 0, NULL,
      "only those that ended so: finished, step_limit, quarantined or rejected", OPTION_AT(state)},
     0, "STATE", CLI_EXPORT, false},
    {{"stage", ATH_OPTION_TEXT, 0, "", NULL, 0, 0, NULL,
      "only those that ended in this stage", OPTION_AT(stage)},
     0, "NAME", CLI_EXPORT, false},
    {{"reason", ATH_OPTION_TEXT, 0, "", NULL, 0, 0, NULL,
      "only those that ended for this reason: converged, non_finite, ...", OPTION_AT(reason)},
     0, "REASON", CLI_EXPORT, false},
    {{"out", ATH_OPTION_TEXT, 0, "", "-", 0, 0, NULL,
      "where to; -: standard output", OPTION_AT(out)},
     'o', "FILE", CLI_EXPORT, false},
    {{"watch", ATH_OPTION_REAL, 0, "", NULL, 0, 86400, NULL,
      "again and again, every so many seconds, until the run is finished", OPTION_AT(watch)},
     'w', "[SECONDS=2]", CLI_STATUS, false},
    {{"json", ATH_OPTION_BOOL, 0, "", "false", 0, 0, NULL,
      "one line of JSON", OPTION_AT(json)},
     0, NULL, CLI_STATUS, false},
    {{"out", ATH_OPTION_TEXT, 0, "", NULL, 0, 0, NULL,
      "the page (default DIR/report.html); -: standard output", OPTION_AT(out)},
     'o', "FILE", CLI_REPORT, false},
    {{"models", ATH_OPTION_BOOL, 0, "", "false", 0, 0, NULL,
      "the potentials and their options", OPTION_AT(models)},
     0, NULL, CLI_INFO, false},
    {{"integrators", ATH_OPTION_BOOL, 0, "", "false", 0, 0, NULL,
      "the integrators and optimizers and their options", OPTION_AT(integrators)},
     0, NULL, CLI_INFO, false},
    {{"devices", ATH_OPTION_BOOL, 0, "", "false", 0, 0, NULL,
      "the devices of this machine", OPTION_AT(devices)},
     0, NULL, CLI_INFO, false},
    {{"verbose", ATH_OPTION_INT, 0, "", "0", 0, 9, NULL,
      "say more; twice: still more", OPTION_AT(verbose)},
     'v', NULL, CLI_ALL, false},
    {{"quiet", ATH_OPTION_BOOL, 0, "", "false", 0, 0, NULL,
      "no progress, no warnings, no summary", OPTION_AT(quiet)},
     'q', NULL, CLI_ALL, false},
    {{"help", ATH_OPTION_BOOL, 0, "", "false", 0, 0, NULL,
      "this page", OPTION_AT(help)},
     'h', NULL, CLI_ALL, false},
    {{"version", ATH_OPTION_BOOL, 0, "", "false", 0, 0, NULL,
      "the version", OPTION_AT(version)},
     0, NULL, CLI_ALL, false},
    {{0}, 0, NULL, 0, false},
};
/* clang-format on */

enum { OPTION_MAX = 64, OPTION_VALUE_BYTES = 512, OPTION_FIRST = 256 };

/* The options of one command while its command line is read. */
typedef struct option_parser {
    cli *c;
    const cli_command *command;
    const cli_option *which[OPTION_MAX]; /* [n] */
    int n;
    struct option longs[OPTION_MAX]; /* the same as getopt_long wants them */
    char letters[4 * OPTION_MAX];
    cli_settings *out;
} option_parser;

/* Reads one value: through the library, as NAME="value". Texts are kept as they are. */
static int option_set(option_parser *parser, const cli_option *o, const char *value)
{
    cli *c = parser->c;
    char text[OPTION_VALUE_BYTES], *p = text;
    const ath_option one[2] = {o->option, {.type = ATH_OPTION_END}};
    if (o->option.type == ATH_OPTION_TEXT) {
        memcpy((char *)parser->out + o->option.offset, &value, sizeof value);
        return CLI_OK;
    }
    if (2 * strlen(value) + strlen(o->option.name) + 4 > sizeof text) {
        return cli_fail(c, CLI_USAGE, "%s: the value of --%s is too long", parser->command->name,
                        o->option.name);
    }
    p += sprintf(p, "%s=\"", o->option.name);
    for (; *value; value++) {
        if (*value == '"' || *value == '\\') {
            *p++ = '\\';
        }
        *p++ = *value;
    }
    *p++ = '"';
    *p = '\0';
    const ath_status status =
        ath_options_parse(c->ctx, one, parser->command->name, text, parser->out);
    return status < 0 ? cli_fail_status(c, status) : CLI_OK;
}

/* "[SECONDS=2]": the value is what follows if that is a number, else 2. */
static bool option_is_elective(const cli_option *o)
{
    return o->value && *o->value == '[';
}

static int option_elect(option_parser *parser, const cli_option *o, char **argv, int argc)
{
    const char *equals = strchr(o->value, '='), *next = optind < argc ? argv[optind] : "";
    char fallback[32];
    if (optarg) { /* --watch=5 */
        return option_set(parser, o, optarg);
    }
    if (*next && strspn(next, "0123456789.") == strlen(next)) {
        optind++;
        return option_set(parser, o, next);
    }
    snprintf(fallback, sizeof fallback, "%.*s", (int)strcspn(equals + 1, "]"), equals + 1);
    return option_set(parser, o, fallback);
}

/* A flag: true, or one more. */
static void option_raise(const cli_option *o, cli_settings *out)
{
    int64_t *value = (int64_t *)(void *)((char *)out + o->option.offset);
    *value = o->option.type == ATH_OPTION_INT ? *value + 1 : 1;
}

/* The options of the command, and the arrays that getopt_long wants. */
static void option_prepare(option_parser *parser)
{
    char *letter = parser->letters;
    *letter++ = ':'; /* errors are ours to report */
    for (const cli_option *o = cli_options; o->option.name && parser->n < OPTION_MAX - 1; o++) {
        if (!(o->commands & parser->command->bit)) {
            continue;
        }
        parser->longs[parser->n] =
            (struct option){.name = o->option.name,
                            .has_arg = option_is_elective(o) ? optional_argument
                                       : o->value            ? required_argument
                                                             : no_argument,
                            .val = OPTION_FIRST + parser->n};
        if (o->letter) {
            *letter++ = o->letter;
            for (int k = 0; o->value && k <= (int)option_is_elective(o); k++) {
                *letter++ = ':';
            }
        }
        parser->which[parser->n++] = o;
    }
    parser->longs[parser->n] = (struct option){0};
    *letter = '\0';
}

/* "unknown option '--stpes'; did you mean 'steps'?": the library knows the nearest name. */
static int option_unknown(const option_parser *parser, const char *word)
{
    cli *c = parser->c;
    ath_option names[OPTION_MAX] = {{0}};
    char text[OPTION_VALUE_BYTES];
    cli_settings scratch;
    const size_t length = strcspn(word, "=");
    if (strncmp(word, "--", 2) != 0 || length > 100) {
        return cli_fail(c, CLI_USAGE, "%s: unknown option '%s' (try --help)", parser->command->name,
                        word);
    }
    for (int i = 0; i < parser->n; i++) {
        names[i] = parser->which[i]->option;
    }
    names[parser->n] = (ath_option){.type = ATH_OPTION_END};
    snprintf(text, sizeof text, "%.*s=1", (int)length - 2, word + 2);
    (void)ath_options_parse(c->ctx, names, parser->command->name, text, &scratch);
    return cli_fail(c, CLI_USAGE, "%s", ath_context_message(c->ctx));
}

/* What getopt_long got: an option, ':' for a missing value, '?' for anything else that is wrong. */
static int option_next(option_parser *parser, int got, char **argv, int argc)
{
    cli *c = parser->c;
    const char *command = parser->command->name;
    const cli_option *o = NULL;
    if (got == '?') {
        const char *word = argv[optind - 1];
        char letter[3] = {'-', (char)optopt, '\0'};
        if (optopt >= OPTION_FIRST) {
            return cli_fail(c, CLI_USAGE, "%s: --%s takes no value", command,
                            parser->which[optopt - OPTION_FIRST]->option.name);
        }
        return option_unknown(parser, optopt > 0 ? letter : word);
    }
    const int wanted = got == ':' ? optopt : got;
    for (int i = 0; i < parser->n; i++) {
        const cli_option *one = parser->which[i];
        if (wanted == OPTION_FIRST + i || (one->letter && wanted == one->letter)) {
            o = one;
        }
    }
    if (!o) {
        return cli_fail(c, CLI_INTERNAL, "%s: option not in the table", command);
    }
    if (got == ':') {
        return cli_fail(c, CLI_USAGE, "%s: --%s needs a value: %s", command, o->option.name,
                        o->value);
    }
    if (option_is_elective(o)) {
        return option_elect(parser, o, argv, argc);
    }
    if (o->value) {
        return option_set(parser, o, optarg);
    }
    option_raise(o, parser->out);
    return CLI_OK;
}

int cli_options_parse(cli *c, const cli_command *command, int argc, char **argv, cli_settings *out)
{
    option_parser parser = {.c = c, .command = command, .out = out};
    option_prepare(&parser);
    *out = (cli_settings){0};
    for (int i = 0; i < parser.n; i++) {
        if (parser.which[i]->option.fallback) {
            const int code = option_set(&parser, parser.which[i], parser.which[i]->option.fallback);
            if (code) {
                return code;
            }
        } else if (parser.which[i]->option.type == ATH_OPTION_INT) {
            const int64_t unset = CLI_UNSET;
            memcpy((char *)out + parser.which[i]->option.offset, &unset, sizeof unset);
        }
    }
    optind = 0; /* begin anew, also when called again */
    opterr = 0;
    for (;;) {
        const int got = getopt_long(argc, argv, parser.letters, parser.longs, NULL);
        if (got < 0) {
            break;
        }
        const int code = option_next(&parser, got, argv, argc);
        if (code) {
            return code;
        }
    }
    out->inputs = argv + optind;
    out->n_inputs = argc - optind;
    return CLI_OK;
}

enum { OPTION_HELP_COLUMN = 26, OPTION_HELP_WIDTH = 100 };

/* Text in lines behind a column; the cursor stands at `at`. */
static void option_wrap(cli *c, const char *text, int at)
{
    while (*text) {
        const size_t word = strcspn(text, " ");
        if (at + 1 + (int)word > OPTION_HELP_WIDTH) {
            fprintf(c->out, "\n%*s", OPTION_HELP_COLUMN - 1, "");
            at = OPTION_HELP_COLUMN - 1;
        }
        fprintf(c->out, " %.*s", (int)word, text);
        at += 1 + (int)word;
        text += word + strspn(text + word, " ");
    }
    fputc('\n', c->out);
}

/* "help, unit, default 5, 1 to 9" */
static void option_describe(const ath_option *o, char *text, size_t bytes)
{
    int n = snprintf(text, bytes, "%s", o->help ? o->help : "");
    const bool limited = (o->type == ATH_OPTION_INT || o->type == ATH_OPTION_REAL) &&
                         (o->min != 0.0 || o->max != 0.0);
    if (o->choices) {
        n += snprintf(text + n, bytes - (size_t)n, "; one of %s", o->choices);
    }
    if (o->unit && *o->unit) {
        n += snprintf(text + n, bytes - (size_t)n, "; in %s", o->unit);
    }
    if (limited && o->max < OPTION_LIMIT && o->min > -OPTION_LIMIT) {
        n += snprintf(text + n, bytes - (size_t)n, "; %g to %g", o->min, o->max);
    } else if (limited && o->min > 0.0) {
        n += snprintf(text + n, bytes - (size_t)n, "; at least %g", o->min);
    }
    if (o->flags & ATH_OPTION_PER_SYSTEM) {
        n += snprintf(text + n, bytes - (size_t)n, "; a structure may carry its own");
    }
    if (o->fallback && *o->fallback && o->type != ATH_OPTION_BOOL) {
        snprintf(text + n, bytes - (size_t)n, " (default %s)", o->fallback);
    }
}

static void option_line(cli *c, const char *left, const char *text)
{
    const int n = fprintf(c->out, "%s", left);
    if (n >= OPTION_HELP_COLUMN) {
        fputc('\n', c->out);
    }
    fprintf(c->out, "%*s", OPTION_HELP_COLUMN - 1 - (n < OPTION_HELP_COLUMN ? n : 0), "");
    option_wrap(c, text, OPTION_HELP_COLUMN - 1);
}

void cli_options_help(cli *c, const cli_command *command)
{
    char left[128], text[1024];
    fprintf(c->out, "usage: athanor %s [options] %s\n\n%s\n\noptions:\n", command->name,
            command->operands, command->about);
    for (const cli_option *o = cli_options; o->option.name; o++) {
        if (!(o->commands & command->bit)) {
            continue;
        }
        char letter[8] = "   ";
        if (o->letter) {
            snprintf(letter, sizeof letter, "-%c,", o->letter);
        }
        snprintf(left, sizeof left, "  %s --%s%s%s", letter, o->option.name, o->value ? " " : "",
                 o->value ? o->value : "");
        ath_option shown = o->option;
        if (!o->value) {
            shown.fallback = NULL;
            shown.min = shown.max = 0.0;
        }
        option_describe(&shown, text, sizeof text);
        option_line(c, left, text);
    }
}

void cli_options_table(cli *c, const ath_option *options)
{
    char left[128], text[1024];
    for (const ath_option *o = options; o && o->type != ATH_OPTION_END; o++) {
        static const char *const kinds[] = {
            [ATH_OPTION_BOOL] = "true|false", [ATH_OPTION_INT] = "N",     [ATH_OPTION_REAL] = "X",
            [ATH_OPTION_CHOICE] = "WORD",     [ATH_OPTION_TEXT] = "TEXT",
        };
        snprintf(left, sizeof left, "    %s=%s", o->name, kinds[o->type]);
        option_describe(o, text, sizeof text);
        option_line(c, left, text);
    }
}
