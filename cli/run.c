/* A run: opens what a command needs, lets the engine work through the input, and closes the books.
 *
 * Every structure of the input ends in exactly one row: finished, step limit, failed or rejected.
 * That is checked at the end. When a run is stopped (a signal, --strict, a failure) what has
 * finished until then is written as usual, where the disk allows.
 */
#include <math.h>
#include <string.h>

#include "input.h"
#include "run.h"

enum { RUN_TEXT = 640 };    /* of a message about a structure */
enum { RUN_WARNINGS = 10 }; /* rejected and failed structures that are reported one by one */

typedef struct run {
    cli *c;
    const cli_settings *settings;
    const cli_run_plan *plan;
    ath_device *device;
    ath_model *model;
    ath_integrator *integrator;
    cli_input input;
    ath_dynamics *stage, *dynamics;
    cli_results results;
    cli_trajectory trajectory;
    cli_progress progress;
    cli_file log;
    int code; /* why a callback stopped the run */
    bool output_failed, complete;
} run;

/* ---- called by the engine ---- */

static ath_status run_stop(run *r, int code)
{
    r->code = r->code ? r->code : code;
    return ATH_E_STATE;
}

/* Says that a structure is lost: the first ones as warnings, all of them in the log. Under --strict
 * it ends the run. */
static ath_status run_lost(run *r, const char *file, int64_t frame, const char *what)
{
    const cli_results *all = &r->results;
    const int64_t n =
        cli_results_count(all, ATH_STATE_REJECTED) + cli_results_count(all, ATH_STATE_QUARANTINED);
    file = file ? file : "?";
    if (r->settings->strict) {
        return run_stop(r, cli_fail(r->c, CLI_DATA, "%s frame %lld %s (--strict)", file,
                                    (long long)frame, what));
    }
    if (n <= RUN_WARNINGS) {
        cli_warn(r->c, "%s frame %lld %s", file, (long long)frame, what);
    } else {
        cli_note(r->c, "%s frame %lld %s", file, (long long)frame, what);
    }
    if (n == RUN_WARNINGS) {
        cli_warn(r->c, "further structures that are lost are not reported here");
    }
    return ATH_OK;
}

static ath_status run_done(void *user, const ath_system *system)
{
    run *r = user;
    const int32_t *reason = ath_system_peek(system, ATH_FIELD_REASON);
    const int code = cli_results_add(&r->results, system, cli_input_key(system));
    if (code) {
        r->output_failed = true;
        return run_stop(r, code);
    }
    const ath_status status = cli_trajectory_last(&r->trajectory, system);
    if (status < 0) {
        r->output_failed = true;
        return run_stop(r, cli_fail_status(r->c, status));
    }
    if (reason && ath_reason_state((ath_reason)*reason) == ATH_STATE_QUARANTINED) {
        const int64_t *steps = ath_system_peek(system, ATH_FIELD_STAGE_STEPS);
        int64_t frame = 0;
        const char *file = ath_system_source(system, &frame);
        char what[RUN_TEXT];
        (void)snprintf(what, sizeof what, "failed (%s) after %lld steps",
                       ath_reason_name((ath_reason)*reason), steps ? (long long)*steps : 0LL);
        return run_lost(r, file, frame, what);
    }
    return ATH_OK;
}

static ath_status run_rejected(void *user, const char *file, int64_t frame, ath_reason reason,
                               const char *message)
{
    run *r = user;
    const int code =
        cli_results_reject(&r->results, file, frame, cli_input_refused_key(&r->input), reason);
    char what[RUN_TEXT];
    if (code) {
        return run_stop(r, code);
    }
    (void)snprintf(what, sizeof what, "rejected (%s): %s", ath_reason_name(reason), message);
    return run_lost(r, file, frame, what);
}

static ath_status run_progress(void *user, const ath_dynamics *dynamics)
{
    run *r = user;
    if (r->c->interrupted && *r->c->interrupted) {
        return run_stop(r, cli_fail(r->c, CLI_INTERRUPTED, "interrupted"));
    }
    return cli_progress_update(&r->progress, dynamics);
}

/* ---- opening ---- */

/* Model, device, input, engine: whatever can be wrong with the command line shows here. */
static int run_open_engine(run *r)
{
    cli *c = r->c;
    const cli_settings *s = r->settings;
    ath_dynamics_config config = r->plan->config;
    ath_hook hook = cli_trajectory_hook(&r->trajectory);
    ath_status status = ath_model_create(c->ctx, s->model, &r->model);
    if (status < 0) {
        const int code = cli_fail_status(c, status);
        return code == CLI_USAGE || code == CLI_NO_INPUT ? CLI_DATA : code;
    }
    status = ath_device_open(c->ctx, s->device, &r->device);
    if (status >= 0 && r->plan->integrator) {
        status = ath_integrator_create(c->ctx, r->plan->integrator, &r->integrator);
    }
    if (status < 0) {
        return cli_fail_status(c, status);
    }
    config.name = r->plan->command->name;
    config.model = r->model;
    config.integrator = r->integrator;
    config.n_threads = (int32_t)s->threads;
    config.seed = s->seed;
    config.timing = true;
    config.hooks = r->trajectory.every > 0 ? &hook : NULL;
    config.n_hooks = r->trajectory.every > 0;
    status = ath_dynamics_create(c->ctx, &config, &r->stage);
    status = status < 0 ? status : ath_fuse(c->ctx, &r->stage, 1, &r->dynamics);
    ath_dynamics_destroy(&r->stage);
    if (status < 0) {
        return cli_fail_status(c, status);
    }
    return cli_input_open(c, s, &r->input);
}

/* The value of an option as JSON. */
static void run_record_value(cli *c, cli_text *t, const cli_option *o, const cli_settings *s)
{
    const char *at = (const char *)s + o->option.offset, *text = NULL;
    int64_t whole = 0;
    double real = 0.0;
    if (o->option.type == ATH_OPTION_TEXT) {
        memcpy(&text, at, sizeof text);
        cli_text_json(c, t, text);
        return;
    }
    if (o->option.type == ATH_OPTION_REAL) {
        memcpy(&real, at, sizeof real);
        cli_text_double(c, t, real);
        return;
    }
    memcpy(&whole, at, sizeof whole);
    if (o->option.type == ATH_OPTION_CHOICE) {
        text = o->option.choices;
        for (; whole > 0; whole--) {
            text = strchr(text, '|') + 1;
        }
        cli_text_print(c, t, "\"%.*s\"", (int)strcspn(text, "|"), text);
    } else {
        cli_text_print(c, t, "%lld", (long long)whole);
    }
}

/* job.json: what determines the results, and nothing else. */
static void run_record(const run *r, cli_text *t)
{
    cli *c = r->c;
    const cli_settings *s = r->settings;
    cli_text_print(c, t, "{\n  \"program\": \"athanor %s\",\n  \"command\": \"%s\",\n",
                   ath_version(), r->plan->command->name);
    cli_text_print(c, t, "  \"inputs\": [");
    for (int i = 0; i < s->n_inputs; i++) {
        cli_text_print(c, t, "%s", i ? ", " : "");
        cli_text_json(c, t, s->inputs[i]);
    }
    cli_text_print(c, t, "],\n  \"model\": ");
    cli_text_json(c, t, ath_model_text(r->model));
    cli_text_print(c, t, ",\n  \"model_hash\": ");
    cli_text_json(c, t, ath_model_hash(r->model));
    if (r->integrator) {
        cli_text_print(c, t, ",\n  \"integrator\": ");
        cli_text_json(c, t, ath_integrator_text(r->integrator));
    }
    cli_text_print(c, t, ",\n  \"options\": {");
    int n = 0;
    for (const cli_option *o = cli_options; o->option.name; o++) {
        if (o->record && (o->commands & r->plan->command->bit)) {
            cli_text_print(c, t, "%s\n    \"%s\": ", n++ ? "," : "", o->option.name);
            run_record_value(c, t, o, s);
        }
    }
    cli_text_print(c, t, "\n  }\n}\n");
}

static int run_open_log(run *r)
{
    cli *c = r->c;
    cli_text path = {0};
    int code = cli_folder_path(c, r->settings->out, "run.log", &path);
    code = code ? code : cli_file_create(c, path.data, &r->log);
    cli_text_free(c, &path);
    if (!code) {
        c->log = &r->log;
        cli_note(c, "athanor %s, %s, model %s", ath_version(), r->plan->command->name,
                 ath_model_text(r->model));
        cli_note(c, "device %s, %d threads", ath_device_name(r->device),
                 (int)ath_dynamics_n_threads(r->dynamics));
    }
    return code;
}

static int run_open_output(run *r)
{
    cli *c = r->c;
    cli_text job = {0};
    cli_text *p = &r->results.provenance;
    int code = CLI_OK;
    cli_text_print(c, p, "model=%s model_hash=%s program=athanor-%s", ath_model_name(r->model),
                   ath_model_hash(r->model), ath_version());
    code = cli_text_check(c, p);
    if (code || !r->settings->out) {
        return code;
    }
    run_record(r, &job);
    code = cli_text_check(c, &job);
    code = code ? code : cli_folder_create(c, r->settings->out, r->settings->overwrite != 0, &job);
    cli_text_free(c, &job);
    code = code ? code : run_open_log(r);
    code = code ? code : cli_results_open(&r->results);
    return code ? code : cli_trajectory_open(&r->trajectory, r->settings->out);
}

/* ---- working and closing ---- */

static int run_work(run *r)
{
    cli *c = r->c;
    const cli_settings *s = r->settings;
    const ath_drain drain = {
        .size = sizeof drain,
        .user = r,
        .done = run_done,
        .rejected = run_rejected,
        .progress = run_progress,
        .max_systems = (int32_t)s->max_systems,
        .max_atoms = s->max_atoms,
        .frequency = (int32_t)(r->trajectory.every < 1 << 30 ? r->trajectory.every : 1 << 30),
    };
    if (!c->quiet) {
        cli_input_count(c, &r->input);
    }
    cli_progress_begin(&r->progress);
    const ath_status status =
        ath_dynamics_run_sampler(r->dynamics, r->device, r->input.sampler, &drain);
    r->progress.seconds_run = cli_seconds(c) - r->progress.first;
    cli_clear_bar(c);
    r->complete = status >= 0;
    if (status >= 0 || r->code) {
        return r->code;
    }
    const int code = cli_fail_status(c, status);
    if (status == ATH_E_RANGE) { /* file@N without a frame N */
        return CLI_NO_INPUT;
    }
    return code == CLI_USAGE ? CLI_INTERNAL : code;
}

/* The exit code of a run that came to its end. */
static int run_judge(run *r)
{
    cli *c = r->c;
    const cli_results *results = &r->results;
    const int64_t n_in = cli_input_taken(&r->input), n = (int64_t)results->n_rows;
    const int64_t good = cli_results_count(results, ATH_STATE_FINISHED);
    if (n_in != n) {
        return cli_fail(c, CLI_INTERNAL,
                        "%lld structures were read, but %lld are accounted for: please report this",
                        (long long)n_in, (long long)n);
    }
    if (n == cli_results_count(results, ATH_STATE_REJECTED)) {
        return cli_fail(c, CLI_DATA,
                        n ? "every structure of the input was rejected"
                          : "there is no structure in the input");
    }
    return good == n ? CLI_OK : CLI_PARTIAL;
}

static int run_close_output(run *r, int code)
{
    cli *c = r->c;
    int closed = CLI_OK;
    const cli_summary summary = {
        .results = &r->results,
        .trajectory = &r->trajectory,
        .stats = &r->progress.stats,
        .n_threads = ath_dynamics_n_threads(r->dynamics),
        .command = r->plan->command,
        .model = ath_model_text(r->model),
        .seconds = r->progress.seconds_run,
        .n_open = cli_input_taken(&r->input) - (int64_t)r->results.n_rows,
        .complete = r->complete,
    };
    closed = cli_trajectory_close(&r->trajectory);
    if (!closed && !r->output_failed) {
        closed = cli_results_finish(&r->results);
    }
    if (!closed && r->plan->table) {
        closed = cli_results_table(&r->results);
    }
    if (!closed && !r->output_failed) {
        FILE *to = r->plan->table ? c->err : c->out;
        closed = cli_summary_print(c, &summary, c->quiet ? NULL : to);
    }
    code = closed && (code == CLI_OK || code == CLI_PARTIAL) ? closed : code;
    if (c->log) {
        cli_note(c, "exit code %d", code);
        c->log = NULL;
        closed = cli_file_close(&r->log);
        code = closed && (code == CLI_OK || code == CLI_PARTIAL) ? closed : code;
    }
    return code;
}

static void run_close(run *r)
{
    r->c->log = NULL;
    (void)cli_file_close(&r->log);
    cli_results_close(&r->results);
    ath_dynamics_destroy(&r->dynamics);
    cli_input_close(r->c, &r->input);
    ath_integrator_destroy(&r->integrator);
    ath_model_destroy(&r->model);
    ath_device_close(&r->device);
}

int cli_run(cli *c, const cli_settings *settings, const cli_run_plan *plan)
{
    run r = {.c = c, .settings = settings, .plan = plan};
    if (settings->n_inputs == 0) {
        return cli_fail(c, CLI_USAGE, "%s: no input (try --help)", plan->command->name);
    }
    if (!settings->out && plan->command->bit != CLI_STATIC) {
        return cli_fail(c, CLI_USAGE, "%s: needs --out DIR", plan->command->name);
    }
    r.results = (cli_results){
        .c = c,
        .stage = plan->command->name,
        .folder = settings->out,
        .what = plan->what,
        .sparse_velocities = plan->sparse_velocities,
        .table = plan->table,
    };
    r.trajectory =
        (cli_trajectory){.c = c, .every = settings->out ? plan->every : 0, .what = plan->what};
    r.progress = (cli_progress){.c = c, .command = plan->command->name, .results = &r.results};
    int code = run_open_engine(&r);
    code = code ? code : run_open_output(&r);
    if (!code) {
        r.progress.input = &r.input;
        code = run_work(&r);
        code = code ? code : run_judge(&r);
        code = run_close_output(&r, code);
    } else {
        (void)cli_trajectory_close(&r.trajectory);
    }
    run_close(&r);
    return code;
}
