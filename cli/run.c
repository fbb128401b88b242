/* A run: opens what a command needs, lets the engine work through the input, and closes the books.
 *
 * Every structure of the input ends in exactly one row: finished, step limit, failed or rejected.
 * That is checked at the end. When a run is stopped (a signal, --strict, a failure) what has
 * finished until then is written as usual, where the disk allows.
 */
#include <string.h>

#include "input.h"
#include "run.h"

enum { RUN_TEXT = 640 };    /* of a message about a structure */
enum { RUN_WARNINGS = 10 }; /* rejected and failed structures that are reported one by one */

typedef struct run {
    cli *c;
    const cli_settings *settings;
    const cli_run_plan *plan;
    cli_engine engine;
    cli_input input;
    ath_sink *sink;     /* what has come to an end */
    const char **names; /* [plan->n_stages], of the stages */
    cli_results results;
    cli_trajectory trajectory;
    cli_progress progress;
    cli_file log;
    int code;          /* why a callback stopped the run */
    int64_t n_refused; /* by a stage: options of their own that are out of range */
    bool output_failed, complete;
    bool broken; /* the engine has failed, not only stopped */
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
    ath_sink *output = r->engine.parts.output;
    const ath_status taken = output ? ath_sink_put(output, system) : ATH_OK;
    if (taken == ATH_AGAIN) {
        return ATH_AGAIN;
    }
    if (taken < 0) {
        const int failed = cli_fail_status(r->c, taken);
        return run_stop(r, taken == ATH_E_STATE ? CLI_DATA : failed);
    }
    const int code = cli_results_add(&r->results, system, cli_input_key(&r->input, system));
    if (code) {
        r->output_failed = true;
        return run_stop(r, code);
    }
    const ath_status status = cli_trajectory_last(&r->trajectory, system);
    if (status < 0) {
        r->output_failed = true;
        return run_stop(r, cli_fail_status(r->c, status));
    }
    const ath_state state =
        reason ? ath_reason_state((ath_reason)*reason) : (ath_state)ATH_STATE_FINISHED;
    r->n_refused += state == ATH_STATE_REJECTED;
    if (state == ATH_STATE_QUARANTINED || state == ATH_STATE_REJECTED) {
        const int64_t *steps = ath_system_peek(system, ATH_FIELD_STAGE_STEPS);
        int64_t frame = 0;
        const char *file = ath_system_source(system, &frame);
        char what[RUN_TEXT];
        (void)snprintf(what, sizeof what, "%s (%s) after %lld steps",
                       state == ATH_STATE_REJECTED ? "refused by a stage" : "failed",
                       ath_reason_name((ath_reason)*reason), steps ? (long long)*steps : 0LL);
        return run_lost(r, file, frame, what);
    }
    return ATH_OK;
}

static ath_status run_rejected(void *user, const char *file, int64_t frame, ath_reason reason,
                               const char *message)
{
    run *r = user;
    file = cli_input_refused(&r->input, file, &frame);
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

/* The dynamics. Hooks and sinks are made twice: before there is a directory, to see whether they
 * can be, and with it. */
static int run_build(run *r, const char *folder)
{
    cli *c = r->c;
    const ath_hook hook = cli_trajectory_hook(&r->trajectory);
    const cli_engine_flow flow = {
        .sampler = r->input.sampler,
        .sink = r->sink,
        .hook = r->trajectory.every > 0 ? &hook : NULL,
        .rejected = run_rejected,
        .progress = run_progress,
        .user = r,
    };
    int code = CLI_OK;
    ath_dynamics_destroy(&r->engine.dynamics);
    cli_job_parts_close(c, &r->engine.parts);
    if (r->plan->job) {
        code = cli_job_parts_open(c, r->plan->job, folder, &r->engine.parts);
    }
    return code ? code : cli_engine_build(c, r->settings, r->plan, &flow, &r->engine);
}

/* Model, device, input, engine: whatever can be wrong with the command line or the job shows here.
 */
static int run_open_engine(run *r)
{
    cli *c = r->c;
    const cli_settings *s = r->settings;
    const cli_input_limits limits = {s->max_systems, s->max_atoms, r->plan->max_edges};
    int code = cli_engine_open(c, s, r->plan, &r->engine);
    if (!code) {
        const ath_status status = ath_sink_callback(c->ctx, run_done, r, &r->sink);
        code = status < 0 ? cli_fail_status(c, status) : CLI_OK;
    }
    if (!code) {
        code = cli_input_open(c, s, &r->input);
        code = r->plan->job_input ? cli_job_code(r->plan, code) : code;
    }
    code = code ? code : cli_input_limit(c, &r->input, r->engine.model, &limits);
    return code ? code : run_build(r, NULL);
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
                 ath_model_text(r->engine.model));
        cli_note(c, "device %s, %d threads", ath_device_name(r->engine.device),
                 (int)ath_dynamics_n_threads(r->engine.dynamics));
    }
    return code;
}

static int run_open_output(run *r)
{
    cli *c = r->c;
    cli_text job = {0}, yaml = {0};
    cli_text *p = &r->results.provenance;
    int code = CLI_OK;
    cli_text_print(c, p, "model=%s model_hash=%s program=athanor-%s",
                   ath_model_name(r->engine.model), ath_model_hash(r->engine.model), ath_version());
    code = cli_text_check(c, p);
    if (code || !r->settings->out) {
        return code;
    }
    cli_record(c, r->settings, r->plan, &r->engine, &job);
    if (r->plan->job) {
        cli_job_print(c, r->plan->job, &yaml);
    }
    code = cli_text_check(c, job.failed ? &job : &yaml);
    code = code ? code
                : cli_folder_create(c, r->settings->out, r->settings->overwrite != 0, &job,
                                    r->plan->job ? &yaml : NULL);
    cli_text_free(c, &yaml);
    cli_text_free(c, &job);
    code = code ? code : run_open_log(r);
    code = code ? code : cli_results_open(&r->results);
    code = code ? code : cli_trajectory_open(&r->trajectory, r->settings->out);
    return code || !r->plan->job ? code : run_build(r, r->settings->out);
}

/* ---- working and closing ---- */

/* What a status that ended the run means for who started it. */
static int run_verdict(const run *r, ath_status status)
{
    cli *c = r->c;
    if (status == ATH_AGAIN) {
        return cli_fail(c, CLI_DATA, "the sinks of the job are full, and %d structures wait",
                        (int)ath_dynamics_active_batch_size(r->engine.dynamics));
    }
    const int code = cli_fail_status(c, status);
    if (status == ATH_E_RANGE) { /* file@N without a frame N */
        return CLI_NO_INPUT;
    }
    if (status == ATH_E_STATE && r->plan->job) { /* a hook that is to end the run */
        return CLI_DATA;
    }
    return code == CLI_USAGE ? CLI_INTERNAL : code;
}

static int run_work(run *r)
{
    cli *c = r->c;
    if (!c->quiet) {
        cli_input_count(c, &r->input);
    }
    cli_progress_begin(&r->progress);
    const ath_status status = ath_dynamics_run(r->engine.dynamics, NULL, ATH_UNSET);
    r->progress.seconds_run = cli_seconds(c) - r->progress.first;
    cli_clear_bar(c);
    r->complete = status == ATH_OK;
    if (r->complete || r->code) {
        return r->code;
    }
    r->broken = status != ATH_AGAIN;
    return run_verdict(r, status);
}

bool cli_balance_holds(const cli_balance *b, bool complete)
{
    const int64_t ended = b->n_finished + b->n_step_limit + b->n_failed + b->n_refused;
    const int64_t rejected = b->n_rejected - b->n_refused; /* and never let in */
    const int64_t unacknowledged = ended - b->n_handed_over;
    return b->n_in == ended + rejected + b->n_open && b->n_open >= 0 &&
           b->n_in == b->n_let_in + b->n_engine_rejected && rejected == b->n_engine_rejected &&
           unacknowledged >= 0 && unacknowledged <= (complete ? 0 : 1) &&
           (!complete || b->n_open == 0);
}

static cli_balance run_balance(const run *r)
{
    const cli_results *results = &r->results;
    ath_dynamics_stats stats = {.size = sizeof stats};
    cli_balance b = {
        .n_in = cli_input_taken(&r->input),
        .n_finished = cli_results_count(results, ATH_STATE_FINISHED),
        .n_step_limit = cli_results_count(results, ATH_STATE_STEP_LIMIT),
        .n_failed = cli_results_count(results, ATH_STATE_QUARANTINED),
        .n_rejected = cli_results_count(results, ATH_STATE_REJECTED),
        .n_refused = r->n_refused,
    };
    if (ath_dynamics_get_stats(r->engine.dynamics, &stats) >= 0) {
        b.n_let_in = stats.n_in;
        b.n_handed_over = stats.n_finished;
        b.n_engine_rejected = stats.n_rejected;
    }
    const int64_t ended = b.n_finished + b.n_step_limit + b.n_failed + b.n_refused;
    b.n_open = ath_dynamics_active_batch_size(r->engine.dynamics) - (ended - b.n_handed_over);
    return b;
}

/* The exit code of a run that came to its end. */
static int run_judge(run *r, const cli_balance *b)
{
    cli *c = r->c;
    const int64_t n = (int64_t)r->results.n_rows;
    if (n == b->n_rejected) {
        return cli_fail(c, CLI_DATA,
                        n ? "every structure of the input was rejected"
                          : "there is no structure in the input");
    }
    return b->n_finished == n ? CLI_OK : CLI_PARTIAL;
}

/* The books. Where something has broken off, nothing can be said of what was on its way. */
static int run_audit(const run *r, const cli_balance *b, int code)
{
    const int64_t n = b->n_finished + b->n_step_limit + b->n_failed + b->n_rejected + b->n_open;
    if (r->broken || code == CLI_INTERNAL || code == CLI_IO || cli_balance_holds(b, r->complete)) {
        return code;
    }
    return cli_fail(r->c, CLI_INTERNAL,
                    "%lld structures were read, but %lld are accounted for: please report this",
                    (long long)b->n_in, (long long)n);
}

/* A failure while closing counts only if nothing worse has happened. */
static int run_worse(int code, int closed)
{
    return closed && (code == CLI_OK || code == CLI_PARTIAL) ? closed : code;
}

static int run_close_output(run *r, const cli_balance *balance, int code)
{
    cli *c = r->c;
    int closed = CLI_OK;
    const cli_summary summary = {
        .results = &r->results,
        .trajectory = &r->trajectory,
        .stats = &r->progress.stats,
        .balance = balance,
        .job = r->plan->job,
        .n_threads = ath_dynamics_n_threads(r->engine.dynamics),
        .command = r->plan->command,
        .model = ath_model_text(r->engine.model),
        .seconds = r->progress.seconds_run,
        .complete = r->complete,
    };
    closed = cli_trajectory_close(&r->trajectory);
    if (!closed && !r->output_failed) {
        closed = cli_results_finish(&r->results);
    }
    if (!closed && r->plan->job) {
        closed = cli_job_parts_finish(c, &r->engine.parts, r->settings->out);
    }
    if (!closed && r->plan->table) {
        closed = cli_results_table(&r->results);
    }
    if (!closed && !r->output_failed) {
        FILE *to = r->plan->table ? c->err : c->out;
        closed = cli_summary_print(c, &summary, c->quiet ? NULL : to);
    }
    code = run_worse(code, closed);
    if (c->log) {
        cli_note(c, "exit code %d", code);
        c->log = NULL;
        code = run_worse(code, cli_file_close(&r->log));
    }
    return code;
}

static void run_close(run *r)
{
    cli *c = r->c;
    c->log = NULL;
    (void)cli_file_close(&r->log);
    cli_results_close(&r->results);
    ath_dynamics_destroy(&r->engine.dynamics);
    ath_sink_destroy(&r->sink);
    cli_input_close(c, &r->input);
    cli_engine_close(c, &r->engine);
    (void)cli_resize(c, &r->names, r->plan->n_stages * sizeof *r->names, 0);
}

static int run_begin(run *r)
{
    cli *c = r->c;
    const cli_settings *s = r->settings;
    const cli_run_plan *plan = r->plan;
    if (s->n_inputs == 0) {
        return cli_fail(c, CLI_USAGE, "%s: no input (try --help)", plan->command->name);
    }
    if (!s->out && plan->command->bit != CLI_STATIC) {
        return cli_fail(c, CLI_USAGE, "%s: needs --out DIR", plan->command->name);
    }
    if (!cli_resize(c, &r->names, 0, plan->n_stages * sizeof *r->names)) {
        return cli_fail(c, CLI_INTERNAL, "out of memory");
    }
    for (size_t i = 0; i < plan->n_stages; i++) {
        r->names[i] = plan->stages[i].name;
    }
    r->results = (cli_results){
        .c = c,
        .stages = r->names,
        .n_stages = plan->n_stages,
        .folder = s->out,
        .what = plan->what,
        .sparse_velocities = plan->sparse_velocities,
        .table = plan->table,
    };
    r->trajectory = (cli_trajectory){.c = c, .every = s->out ? plan->every : 0, .what = plan->what};
    r->progress = (cli_progress){.c = c, .command = plan->command->name, .results = &r->results};
    const int code = run_open_engine(r);
    return code ? code : run_open_output(r);
}

int cli_run(cli *c, const cli_settings *settings, const cli_run_plan *plan)
{
    run r = {.c = c, .settings = settings, .plan = plan};
    r.results.c = r.trajectory.c = c;
    int code = run_begin(&r);
    if (!code) {
        r.progress.input = &r.input;
        code = run_work(&r);
        const cli_balance balance = run_balance(&r);
        code = code ? code : run_judge(&r, &balance);
        code = run_audit(&r, &balance, code);
        code = run_close_output(&r, &balance, code);
    } else {
        (void)cli_trajectory_close(&r.trajectory);
    }
    run_close(&r);
    return code;
}
