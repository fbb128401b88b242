/* athanor validate: a physics self-test of a model on the user's own structures. */
#include <string.h>

#include "run.h"
#include "validate.h"

typedef struct validate {
    cli *c;
    const cli_settings *settings;
    cli_engine engine;
    cli_input input;
    cli_validation validation;
    cli_file log;
    int64_t n_left_out; /* structures that were refused */
} validate;

/* "drift,batch" as bits; the names are those of the table. */
static int validate_skip(cli *c, const char *text, unsigned *out)
{
    *out = 0;
    while (text && *text) {
        const size_t n = strcspn(text, ",");
        int test = 0;
        while (test < CLI_N_TESTS &&
               (strlen(cli_tests[test].name) != n || strncmp(cli_tests[test].name, text, n) != 0)) {
            test++;
        }
        if (test == CLI_N_TESTS) {
            cli_text names = {0};
            for (int k = 0; k < CLI_N_TESTS; k++) {
                cli_text_print(c, &names, "%s%s", k ? ", " : "", cli_tests[k].name);
            }
            (void)cli_fail(c, CLI_USAGE, "validate: no test '%.*s': %s", (int)n, text,
                           names.data && !names.failed ? names.data : "try --help");
            cli_text_free(c, &names);
            return CLI_USAGE;
        }
        *out |= 1u << test;
        text += n + (text[n] == ',');
    }
    return CLI_OK;
}

/* A structure that is not tested. */
static int validate_refuse(validate *t, const char *file, int64_t frame, const char *what)
{
    t->n_left_out++;
    if (t->settings->strict) {
        return cli_fail(t->c, CLI_DATA, "%s frame %lld: %s (--strict)", file, (long long)frame,
                        what);
    }
    cli_warn(t->c, "%s frame %lld is left out: %s", file, (long long)frame, what);
    return CLI_OK;
}

static int validate_system(validate *t, ath_system *system)
{
    const cli_settings *s = t->settings;
    const int32_t n = ath_system_n_atoms(system);
    const ath_status status = ath_model_accepts(t->engine.model, system);
    int64_t frame = 0;
    const char *file = ath_system_source(system, &frame);
    char what[512] = "";
    if (status == ATH_E_UNSUPPORTED) {
        snprintf(what, sizeof what, "%s", ath_context_message(t->c->ctx));
    } else if (n == 0) {
        snprintf(what, sizeof what, "no atoms");
    } else if (s->max_atoms > 0 && n > s->max_atoms) {
        snprintf(what, sizeof what, "%d atoms, --max-atoms is %lld", (int)n,
                 (long long)s->max_atoms);
    } else if (status >= 0) {
        return cli_validation_add(&t->validation, system);
    }
    const int code =
        *what ? validate_refuse(t, file ? file : "?", frame, what) : cli_fail_status(t->c, status);
    ath_system_destroy(&system);
    return code;
}

/* Structures up to --max-systems; what is behind them is not read. */
static int validate_read(validate *t)
{
    cli *c = t->c;
    const size_t most = (size_t)t->settings->max_systems;
    ath_system *system = NULL;
    ath_status status = ATH_OK;
    int code = CLI_OK;
    while (!code && (status = ath_sampler_next(t->input.sampler, -1, &system)) != ATH_END) {
        if (status == ATH_OK && t->validation.n == most) {
            ath_system_destroy(&system);
            cli_say(c, "only the first %zu structures are tested (--max-systems)", most);
            break;
        }
        if (status == ATH_OK) {
            code = validate_system(t, system);
        } else if (status == ATH_E_FORMAT) {
            int64_t frame = 0;
            char what[512];
            const char *file = ath_sampler_where(t->input.sampler, &frame);
            snprintf(what, sizeof what, "%s", ath_context_message(c->ctx));
            code = validate_refuse(t, file ? file : "?", frame, what);
        } else {
            code = cli_fail_status(c, status);
            code = status == ATH_E_RANGE ? CLI_NO_INPUT : code;
        }
    }
    if (!code && t->validation.n == 0) {
        code = cli_fail(c, CLI_DATA,
                        t->n_left_out ? "every structure of the input was left out"
                                      : "there is no structure in the input");
    }
    return code;
}

static int validate_folder(validate *t, const cli_run_plan *plan)
{
    cli *c = t->c;
    const cli_settings *s = t->settings;
    cli_text job = {0}, path = {0};
    cli_record(c, s, plan, &t->engine, &job);
    int code = cli_text_check(c, &job);
    code = code ? code : cli_folder_create(c, s->out, s->overwrite != 0, &job, NULL, NULL);
    code = code ? code : cli_folder_path(c, s->out, "run.log", &path);
    code = code ? code : cli_file_create(c, path.data, &t->log);
    cli_text_free(c, &path);
    cli_text_free(c, &job);
    if (!code) {
        c->log = &t->log;
        cli_note(c, "athanor %s, validate, model %s", ath_version(),
                 ath_model_text(t->engine.model));
    }
    return code;
}

static int validate_open(validate *t, const cli_run_plan *plan)
{
    cli *c = t->c;
    const cli_settings *s = t->settings;
    unsigned skip = 0;
    if (s->n_inputs == 0) {
        return cli_fail(c, CLI_USAGE, "validate: no input (try --help)");
    }
    int code = validate_skip(c, s->skip, &skip);
    code = code || !s->out ? code : cli_folder_check(c, s->out, s->overwrite != 0, NULL);
    code = code ? code : cli_engine_open(c, s, plan, &t->engine);
    code = code ? code : cli_input_open(c, s, &t->input);
    t->validation = (cli_validation){
        .c = c,
        .device = t->engine.device,
        .model = t->engine.model,
        .seed = s->seed,
        .temperature = s->temperature,
        .timestep = s->timestep,
        .steps = s->steps,
        .volume_steps = s->volume,
        .n_threads = (int32_t)s->threads,
        .skip = skip,
    };
    code = code ? code : validate_read(t);
    return code || !s->out ? code : validate_folder(t, plan);
}

static int validate_close(validate *t, int code)
{
    cli *c = t->c;
    if (c->log) {
        cli_note(c, "exit code %d", code);
        c->log = NULL;
    }
    const int closed = cli_file_close(&t->log);
    cli_validation_close(&t->validation);
    cli_input_close(c, &t->input);
    cli_engine_close(c, &t->engine);
    return closed && (code == CLI_OK || code == CLI_PARTIAL || code == CLI_INVALID) ? closed : code;
}

static int validate_run(cli *c, const cli_settings *s)
{
    validate t = {.c = c, .settings = s};
    cli_run_stage stage = {.name = "validate", .config = ath_dynamics_defaults()};
    const cli_run_plan plan = {
        .command = &cli_command_validate, .stages = &stage, .n_stages = 1, .refill = CLI_REFILL};
    t.validation.c = c;
    int code = validate_open(&t, &plan);
    code = code ? code : cli_validate(&t.validation);
    code = code ? code : cli_verdict_print(&t.validation, c->out);
    if (!code && s->out) {
        code = cli_verdict_write(&t.validation, s->out);
    }
    code = code ? code : cli_validation_verdict(&t.validation);
    code = !code && t.n_left_out ? CLI_PARTIAL : code;
    return validate_close(&t, code);
}

const cli_command cli_command_validate = {
    .name = "validate",
    .bit = CLI_VALIDATE,
    .operands = "IN...",
    .summary = "a physics self-test of a model on your own structures",
    .about =
        "Tests whether forces and stress are the slopes of the energy, whether nothing changes "
        "that must not\n"
        "when a structure is moved, turned, renumbered or wrapped, whether dynamics conserve "
        "energy, go back\n"
        "in time, hold the temperature where it belongs, and do not depend on what else is in the "
        "batch.\n"
        "Prints one line per test, with the worst structure. Ends with 1 if a test has failed. "
        "With --out:\n"
        "DIR/validate.csv, energy_drift.svg and temperature.svg; with --volume also volume.svg "
        "and\n"
        "volume_ratio.svg. docs/validate.md is the manual.",
    .run = validate_run,
};
