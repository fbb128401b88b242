/* A run: opens what a command needs, lets the engine work through the input, and closes the books.
 *
 * Every structure of the input ends in exactly one record: finished, step limit, failed or
 * rejected. That is checked at the end. With a directory the run is a campaign: when it is stopped,
 * or dies, the same command goes on; final.extxyz and results.csv are written when all is done.
 */
#include <string.h>

#include "replay.h"
#include "store.h"

enum { RUN_TEXT = 640 };    /* of a message about a structure */
enum { RUN_WARNINGS = 10 }; /* rejected and failed structures that are reported one by one */

typedef struct run {
    cli *c;
    const cli_settings *settings;
    const cli_run_plan *plan;
    cli_engine engine;
    cli_input input;
    ath_sink *sink;            /* what has come to an end */
    cli_manifest_stage *names; /* [plan->n_stages], of the stages */
    cli_store store;
    cli_results results;
    cli_trajectory trajectory;
    cli_thermo thermo;
    cli_progress progress;
    cli_file log;
    int code;       /* why a callback stopped the run */
    int64_t n_lost; /* structures that failed or were rejected, in this run */
    bool complete;
    bool full;    /* the job's own sinks have no room */
    bool resumes; /* there was a directory of this job */
    bool broken;  /* the engine has failed, not only stopped */
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
    const int64_t n = ++r->n_lost;
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

/* A failure to write frames or rows. */
static ath_status run_unwritten(run *r, ath_status status)
{
    return run_stop(r, cli_fail_status(r->c, status));
}

/* Where a system goes besides its record: sinks of the job, last row and last frame, and a bundle
 * if it has failed. */
static ath_status run_hand_on(run *r, const ath_system *system, const ath_record *record)
{
    ath_sink *output = r->engine.parts.output;
    const ath_status taken = output ? ath_sink_put(output, system) : ATH_OK;
    r->full = taken == ATH_AGAIN;
    if (taken == ATH_AGAIN) {
        return ATH_AGAIN;
    }
    if (taken < 0) {
        const int failed = cli_fail_status(r->c, taken);
        return run_stop(r, taken == ATH_E_STATE ? CLI_DATA : failed);
    }
    int code = cli_thermo_last(&r->thermo, system);
    if (!code && r->store.campaign && record->state == ATH_STATE_QUARANTINED) {
        code = cli_bundle_write(r->c, r->settings->out, &r->results.form, record, system);
    }
    if (code) {
        return run_stop(r, code);
    }
    const ath_status status = cli_frames_write(&r->trajectory.frames, system);
    return status < 0 ? run_unwritten(r, status) : ATH_OK;
}

/* The record, which comes last: it leans on all the others. A system that finds no room for it is
 * handed on once. */
static ath_status run_keep(run *r, const ath_system *system, const ath_record *record)
{
    cli_store *store = &r->store;
    const bool waits = cli_store_waits(store, record->uid);
    ath_status status = waits ? ATH_OK : run_hand_on(r, system, record);
    if (status != ATH_OK) {
        return status;
    }
    status = store->campaign ? ath_sink_put(store->sink, system) : ATH_OK;
    if (status < 0) {
        return run_stop(r, store->code ? store->code : cli_fail_status(r->c, status));
    }
    if (waits || status == ATH_AGAIN) {
        const int code = cli_store_wait(store, record->uid, status == ATH_AGAIN);
        return code ? run_stop(r, code) : status;
    }
    return status;
}

static ath_status run_done(void *user, const ath_system *system)
{
    run *r = user;
    const ath_record record =
        cli_results_record(&r->results, system, cli_input_key(&r->input, system));
    const ath_status kept = run_keep(r, system, &record);
    if (kept != ATH_OK) {
        return kept;
    }
    const int code = cli_results_add(&r->results, &record, system);
    if (code) {
        return run_stop(r, code);
    }
    if (record.state == ATH_STATE_QUARANTINED) {
        char what[RUN_TEXT];
        (void)snprintf(what, sizeof what, "failed (%s) after %lld steps",
                       ath_reason_name(record.reason), (long long)record.steps);
        return run_lost(r, record.file, record.frame, what);
    }
    return ATH_OK;
}

static bool run_known(void *user, ath_uid uid)
{
    return ath_campaign_known(((run *)user)->store.campaign, uid);
}

/* Whether the refusal is news: after a crash some are met again. */
static ath_status run_refuse(run *r, const ath_record *record, bool *news)
{
    ath_campaign_balance before = {.size = sizeof before}, after = before;
    ath_campaign *campaign = r->store.campaign;
    *news = true;
    if (!campaign) {
        return ATH_OK;
    }
    (void)ath_campaign_weigh(campaign, r->engine.dynamics, &before);
    const ath_status status = ath_campaign_refuse(campaign, record->file, record->frame,
                                                  record->place, record->reason, record->text);
    if (status < 0) {
        return status;
    }
    (void)ath_campaign_weigh(campaign, r->engine.dynamics, &after);
    *news = after.n_records > before.n_records;
    return ATH_OK;
}

static ath_status run_rejected(void *user, const char *file, int64_t frame, ath_reason reason,
                               const char *message)
{
    run *r = user;
    bool news = true;
    file = cli_input_refused(&r->input, file, &frame);
    const ath_record record = {.state = ATH_STATE_REJECTED,
                               .reason = reason,
                               .frame = frame,
                               .place = cli_input_refused_key(&r->input),
                               .text = message,
                               .file = file ? file : ""};
    char what[RUN_TEXT];
    (void)snprintf(what, sizeof what, "rejected (%s): %s", ath_reason_name(reason), message);
    const ath_status status = run_refuse(r, &record, &news);
    if (status < 0) {
        return run_stop(r, r->store.code ? r->store.code : cli_fail_status(r->c, status));
    }
    if (!news) {
        return ATH_OK;
    }
    const int code = cli_results_add(&r->results, &record, NULL);
    return code ? run_stop(r, code) : run_lost(r, file, frame, what);
}

static ath_status run_progress(void *user, const ath_dynamics *dynamics)
{
    run *r = user;
    if (r->store.campaign) {
        cli_store_look(&r->store, r->settings, dynamics);
    }
    return cli_progress_update(&r->progress, dynamics);
}

/* ---- opening ---- */

/* The dynamics. Hooks and sinks are made twice: before there is a directory, to see whether they
 * can be, and with it. */
static int run_build(run *r, const char *folder)
{
    cli *c = r->c;
    cli_streams *streams = &r->store.streams;
    const ath_hook hook = cli_trajectory_hook(&r->trajectory);
    const cli_engine_flow flow = {
        .sampler = r->input.sampler,
        .sink = r->sink,
        .stop = c->interrupted,
        .known = folder ? run_known : NULL,
        .hooks = {r->trajectory.every > 0 ? &hook : NULL,
                  r->thermo.every > 0 ? &r->thermo.hook : NULL},
        .rejected = run_rejected,
        .progress = run_progress,
        .user = r,
    };
    int code = CLI_OK;
    ath_dynamics_destroy(&r->engine.dynamics);
    cli_job_parts_close(c, &r->engine.parts);
    cli_streams_free(streams);
    *streams = (cli_streams){.c = c, .folder = folder};
    if (r->plan->job) {
        code = cli_job_parts_open(c, r->plan->job, streams, &r->engine.parts);
    }
    if (folder && !code) {
        code = cli_trajectory_begin(&r->trajectory, streams);
        code = code ? code : cli_thermo_add(&r->thermo, streams);
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
    code = code ? code : cli_file_append(c, path.data, &r->log);
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

/* Takes up what there is. */
static int run_resume(run *r)
{
    cli *c = r->c;
    ath_journal *journal = ath_campaign_journal(r->store.campaign);
    int code = cli_store_resume(&r->store, &r->engine);
    if (code || !r->resumes) {
        return code;
    }
    for (int64_t i = 0; i < ath_journal_length(journal) && !code; i++) {
        ath_record record;
        if (ath_journal_record(journal, i, &record) == ATH_OK) {
            code = cli_results_add(&r->results, &record, NULL);
        }
    }
    if (!code) {
        cli_say(c, "'%s' goes on: %lld structures are done, %d are under way", r->settings->out,
                (long long)r->results.n, (int)ath_dynamics_active_batch_size(r->engine.dynamics));
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
    r->results.form.provenance = p->data;
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
                                    r->plan->job ? &yaml : NULL, &r->resumes);
    cli_text_free(c, &yaml);
    cli_text_free(c, &job);
    code = code ? code : cli_store_open(&r->store, r->settings, r->plan);
    code = code ? code : run_open_log(r);
    code = code ? code : run_build(r, r->settings->out);
    return code ? code : run_resume(r);
}

/* ---- working and closing ---- */

/* Whether the disk is full; later messages may only say that a file takes no more. */
static bool run_no_room(const run *r)
{
    return r->store.campaign && r->c->no_room;
}

/* It can go on another time. */
static int run_stopped(const run *r, const char *why)
{
    cli *c = r->c;
    if (!r->store.campaign) {
        return cli_fail(c, CLI_INTERRUPTED, "%s", why);
    }
    return cli_fail(c, CLI_INTERRUPTED,
                    "%s: %lld structures are done, %d are under way; athanor resume %s goes on",
                    why, (long long)r->results.n,
                    (int)ath_dynamics_active_batch_size(r->engine.dynamics), r->settings->out);
}

/* What a status that ended the run means for who started it. */
static int run_verdict(const run *r, ath_status status)
{
    cli *c = r->c;
    if (status == ATH_AGAIN && *c->interrupted) {
        return run_stopped(r, c->why ? c->why : "interrupted");
    }
    if (status == ATH_AGAIN && !r->full) {
        return run_stopped(r, "there is no room on the disk");
    }
    if (status == ATH_AGAIN) {
        return cli_fail(c, CLI_DATA, "the sinks of the job are full, and %d structures wait",
                        (int)ath_dynamics_active_batch_size(r->engine.dynamics));
    }
    const int code = cli_fail_status(c, status);
    if (status == ATH_E_IO && run_no_room(r)) {
        return run_stopped(r, "there is no room on the disk");
    }
    if (status == ATH_E_RANGE) { /* file@N without a frame N */
        return CLI_NO_INPUT;
    }
    if (status == ATH_E_STATE && (r->plan->job || r->store.campaign)) {
        return CLI_DATA; /* a hook that is to end the run, or too many that failed */
    }
    return code == CLI_USAGE ? CLI_INTERNAL : code;
}

static int run_work(run *r)
{
    cli *c = r->c;
    if (!c->quiet || r->store.campaign) {
        cli_input_count(c, &r->input);
    }
    cli_progress_begin(&r->progress, r->engine.dynamics);
    const ath_status status = r->store.campaign
                                  ? ath_campaign_run(r->store.campaign, r->engine.dynamics)
                                  : ath_dynamics_run(r->engine.dynamics, NULL, ATH_UNSET);
    r->progress.seconds_run = cli_seconds(c) - r->progress.first;
    cli_clear_bar(c);
    r->complete = status == ATH_OK;
    if (r->code == CLI_IO && run_no_room(r)) {
        return run_stopped(r, "there is no room on the disk");
    }
    if (r->complete || r->code) {
        return r->code;
    }
    r->broken = status != ATH_AGAIN;
    return run_verdict(r, status);
}

bool cli_balance_holds(const cli_balance *b, bool complete)
{
    const int64_t ended = b->n_finished + b->n_step_limit + b->n_failed;
    const int64_t unacknowledged = ended - b->n_handed_over;
    return b->n_in == ended + b->n_rejected + b->n_open && b->n_open >= 0 &&
           b->n_in == b->n_let_in + b->n_engine_rejected && b->n_rejected == b->n_engine_rejected &&
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
    };
    if (ath_dynamics_get_stats(r->engine.dynamics, &stats) >= 0) {
        b.n_let_in = stats.n_in;
        b.n_handed_over = stats.n_finished;
        b.n_engine_rejected = stats.n_rejected;
    }
    const int64_t ended = b.n_finished + b.n_step_limit + b.n_failed;
    b.n_open = ath_dynamics_active_batch_size(r->engine.dynamics);
    if (!r->store.campaign) {
        b.n_open -= ended - b.n_handed_over;
    } else if (!r->complete) { /* some that are done may not have come by again */
        b.n_in = ended + b.n_rejected + b.n_open;
    }
    return b;
}

/* The exit code of a run that came to its end. */
static int run_judge(run *r, const cli_balance *b)
{
    cli *c = r->c;
    const int64_t n = r->results.n;
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
    const bool weighed = r->store.campaign && !r->complete; /* at the end of the run */
    if (r->broken || code == CLI_INTERNAL || code == CLI_IO || weighed ||
        cli_balance_holds(b, r->complete)) {
        return code;
    }
    if (r->store.campaign && n > b->n_in) {
        return cli_fail(r->c, CLI_DATA,
                        "'%s' has %lld structures that are not in the input any more",
                        r->settings->out, (long long)(n - b->n_in));
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

/* Closes what grew with the run. */
static int run_close_streams(run *r)
{
    int closed = cli_frames_close(&r->trajectory.frames);
    closed = run_worse(cli_thermo_close(&r->thermo), closed);
    if (r->store.campaign && r->plan->job) {
        closed = run_worse(closed, cli_job_parts_finish(r->c, &r->engine.parts, r->settings->out));
    }
    return closed;
}

/* What is made of the journal when the run is over, unless it is to go on. */
static int run_close_results(run *r, bool over)
{
    int code = CLI_OK;
    if (r->store.campaign) {
        ath_journal *journal = ath_campaign_journal(r->store.campaign);
        code = cli_results_recount(&r->results, journal);
        if (!code && over) {
            code = cli_results_export(&r->results, journal);
        }
    }
    return !code && r->plan->table && over ? cli_results_table(&r->results) : code;
}

static int run_close_output(run *r, const cli_balance *balance, int code)
{
    cli *c = r->c;
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
        .n = r->progress.first_n,
        .atom_steps = r->progress.first_atom_steps,
        .complete = r->complete,
        .exported = code != CLI_INTERRUPTED && code != CLI_IO,
    };
    cli_progress_end(&r->progress, r->complete);
    int closed = run_close_streams(r);
    closed = closed ? closed : run_close_results(r, summary.exported);
    if (!closed) {
        FILE *to = r->plan->table ? c->err : c->out;
        closed = cli_summary_print(c, &summary, c->quiet ? NULL : to);
    }
    if (closed == CLI_IO && run_no_room(r)) {
        closed = run_stopped(r, "there is no room on the disk");
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
    cli_thermo_free(&r->thermo);
    ath_sink_destroy(&r->sink);
    cli_engine_close(c, &r->engine);
    cli_store_close(&r->store);
    cli_input_close(c, &r->input);
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
        r->names[i] = (cli_manifest_stage){.name = (char *)plan->stages[i].name};
    }
    r->results = (cli_results){
        .c = c,
        .form = {.c = c,
                 .stages = r->names,
                 .n_stages = plan->n_stages,
                 .what = plan->what,
                 .sparse_velocities = plan->sparse_velocities},
        .folder = s->out,
        .table = plan->table,
    };
    r->trajectory = (cli_trajectory){
        .c = c, .every = s->out ? plan->every : 0, .frames = {.what = plan->what | plan->frame}};
    r->store = (cli_store){.c = c, .folder = s->out, .input = &r->input};
    r->thermo = (cli_thermo){.c = c, .every = s->out ? plan->log : 0, .timestep = plan->timestep};
    r->progress = (cli_progress){
        .c = c, .command = plan->command->name, .results = &r->results, .folder = s->out};
    if (s->walltime && cli_walltime(s->walltime) < 0.0) {
        return cli_fail(c, CLI_USAGE, "%s: --max-walltime '%s' is no time (90s, 30m, HH:MM:SS)",
                        plan->command->name, s->walltime);
    }
    int code = cli_thermo_begin(&r->thermo);
    code = code ? code : run_open_engine(r);
    return code ? code : run_open_output(r);
}

int cli_run(cli *c, const cli_settings *settings, const cli_run_plan *plan)
{
    if (c->replay) {
        return cli_replay_run(c, settings, plan);
    }
    run r = {.c = c, .settings = settings, .plan = plan};
    r.results.c = r.trajectory.c = r.thermo.c = c;
    int code = run_begin(&r);
    if (!code) {
        r.progress.input = &r.input;
        code = run_work(&r);
        const cli_balance balance = run_balance(&r);
        code = code ? code : run_judge(&r, &balance);
        code = run_audit(&r, &balance, code);
        code = run_close_output(&r, &balance, code);
    } else {
        (void)cli_frames_close(&r.trajectory.frames);
        (void)cli_thermo_close(&r.thermo);
    }
    run_close(&r);
    return code;
}
