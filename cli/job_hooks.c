/* The hooks and sinks of a job, made by the library's functions. Hooks of the job itself come
 * first, then those of each stage, in the order of the file.
 */
#include <string.h>

#include <athanor/hooks.h>

#include "run.h"

enum { HOOKS_EVENTS = 100000, HOOKS_MAX_PAIRS = ATH_N_STAGES * ATH_N_STAGES };

/* Where these are made: DIR, or nowhere. */
typedef struct hooks_maker {
    cli *c;
    cli_streams *streams;
    const char *folder;
    cli_job_parts *parts;
} hooks_maker;

/* ---- sinks ---- */

static ath_status hooks_frame(void *user, const ath_system *system)
{
    cli_frames *f = user;
    const ath_status status = cli_frames_write(f, system);
    /* at once, so that a full disk is told to the run that filled it */
    return status < 0 || !f->writer ? status : ath_writer_flush(f->writer, false);
}

static ath_status hooks_forget(void *user, const ath_system *system)
{
    (void)user, (void)system;
    return ATH_OK;
}

static ath_status hooks_forget_row(void *user, const ath_log_row *row)
{
    (void)user, (void)row;
    return ATH_OK;
}

/* A sink of the job, at the end of parts->sinks. */
static ath_status hooks_sink(const hooks_maker *m, const cli_job_sink *from, ath_sink **out)
{
    cli *c = m->c;
    ath_status status = ATH_E_NO_MEMORY;
    if (m->streams->discard) {
        status = ath_sink_callback(c->ctx, hooks_forget, NULL, out);
    } else if (!m->folder || from->type == CLI_JOB_SINK_MEMORY) {
        status = ath_sink_memory(c->ctx, m->folder ? from->capacity : 0, out);
    } else {
        cli_frames *frames = &m->parts->frames[m->parts->n_frames++];
        frames->total = true;
        frames->what = (from->forces ? ATH_EXTXYZ_FORCES : 0u) |
                       (from->velocities ? ATH_EXTXYZ_VELOCITIES : 0u) | ATH_EXTXYZ_FIXED;
        status = cli_frames_add(m->streams, from->path, frames)
                     ? ATH_E_NO_MEMORY
                     : ath_sink_callback(c->ctx, hooks_frame, frames, out);
    }
    if (status >= 0) {
        m->parts->sinks[m->parts->n_sinks++] = *out;
    }
    return status;
}

/* The sinks of the job as one. */
static ath_status hooks_output(const hooks_maker *m, const cli_job *job)
{
    cli_job_parts *parts = m->parts;
    const size_t first = parts->n_sinks;
    ath_sink *sink = NULL;
    ath_status status = ATH_OK;
    for (size_t i = 0; i < job->n_sinks && status >= 0; i++) {
        status = hooks_sink(m, &job->sinks[i], &sink);
    }
    if (status >= 0 && job->n_sinks > 0) {
        status = ath_sink_chain(m->c->ctx, parts->sinks + first, (int32_t)job->n_sinks,
                                (ath_sink_policy)job->policy, &parts->output);
    }
    if (parts->output) {
        parts->sinks[parts->n_sinks++] = parts->output;
    }
    return status;
}

/* ---- hooks ---- */

static ath_status hooks_log(const hooks_maker *m, const cli_job_hook *from, ath_hook *out)
{
    cli *c = m->c;
    cli_text path = {0};
    cli_text_print(c, &path, "%s/%s", m->folder ? m->folder : "", from->path);
    const ath_hook_log_config config = {
        .size = sizeof config,
        .format = from->format == CLI_JOB_JSONL ? ATH_LOG_JSON_LINES : ATH_LOG_CSV,
        .path = m->streams->discard ? NULL : path.data,
        .row = m->streams->discard ? hooks_forget_row : NULL,
        .append = m->folder != NULL,
        .mended = m->folder != NULL,
        .thermo = from->thermo != 0,
        .own_steps =
            from->own_steps != 0, /* and rows are written at once: a failure is the run's */
    };
    ath_status status = path.failed ? ATH_E_NO_MEMORY : ath_hook_log(c->ctx, &config, out);
    if (status >= 0 && m->folder) {
        const cli_stream stream = {.name = from->path, .format = ATH_TEXT_LINES};
        status = cli_streams_add(m->streams, &stream) ? ATH_E_NO_MEMORY : ATH_OK;
        if (status < 0) {
            ath_hook_free(out);
        }
    }
    cli_text_free(c, &path);
    return status;
}

static ath_status hooks_drift(const hooks_maker *m, const cli_job_hook *from, ath_hook *out)
{
    static const ath_drift_metric metrics[] = {
        [CLI_JOB_PER_ATOM_PER_STEP] = ATH_DRIFT_PER_ATOM_PER_STEP,
        [CLI_JOB_ABSOLUTE] = ATH_DRIFT_ABSOLUTE,
    };
    static const ath_drift_action actions[] = {
        [CLI_JOB_WARN] = ATH_DRIFT_WARN,
        [CLI_JOB_RAISE] = ATH_DRIFT_RAISE,
        [CLI_JOB_QUARANTINE] = ATH_DRIFT_QUARANTINE,
    };
    const ath_hook_drift_config config = {
        .size = sizeof config,
        .threshold = from->threshold,
        .metric = metrics[from->metric],
        .action = actions[from->action],
        .potential_only = !from->kinetic,
    };
    return ath_hook_energy_drift(m->c->ctx, &config, out);
}

static ath_status hooks_freeze(const hooks_maker *m, const cli_job_hook *from, ath_hook *out)
{
    const int64_t bits = from->components + 1;
    const ath_hook_freeze_config config = {
        .size = sizeof config,
        .field = from->field,
        .category = from->category,
        .components = {bits & 1, bits >> 1 & 1, bits >> 2 & 1},
    };
    return ath_hook_freeze(m->c->ctx, &config, out);
}

static ath_status hooks_nan(const hooks_maker *m, const cli_job_hook *from, ath_hook *out)
{
    const ath_hook_nan_config config = {.size = sizeof config, .raise = from->raise != 0};
    return ath_hook_nan(m->c->ctx, &config, out);
}

/* One hook; *out is zero or to be freed. */
static ath_status hooks_make(const hooks_maker *m, const cli_job_hook *from, ath_hook *out)
{
    ath_context *ctx = m->c->ctx;
    ath_sink *sink = NULL;
    ath_status status = ATH_E_INTERNAL;
    switch ((enum cli_job_hook_type)from->type) {
    case CLI_JOB_HOOK_LOG:
        status = hooks_log(m, from, out);
        break;
    case CLI_JOB_HOOK_SNAPSHOT:
        status = hooks_sink(m, &from->sink, &sink);
        status = status < 0 ? status : ath_hook_snapshot(ctx, sink, out);
        break;
    case CLI_JOB_HOOK_CONVERGED_SNAPSHOT:
        status = hooks_sink(m, &from->sink, &sink);
        status = status < 0 ? status : ath_hook_converged_snapshot(ctx, sink, out);
        break;
    case CLI_JOB_HOOK_NAN:
        status = hooks_nan(m, from, out);
        break;
    case CLI_JOB_HOOK_CLAMP:
        status = ath_hook_clamp_forces(ctx, from->max_force, out);
        break;
    case CLI_JOB_HOOK_DRIFT:
        status = hooks_drift(m, from, out);
        break;
    case CLI_JOB_HOOK_FREEZE:
        status = hooks_freeze(m, from, out);
        break;
    case CLI_JOB_HOOK_WRAP:
        status = ath_hook_wrap(ctx, false, out);
        break;
    case CLI_JOB_HOOK_ALIGN:
        status = ath_hook_align_cell(ctx, out);
        break;
    case CLI_JOB_HOOK_TIMING:
        status = ath_hook_stage_timing(ctx, ATH_TIMING_ALL, HOOKS_EVENTS, out);
        break;
    }
    if (status >= 0 && from->every > 0) {
        out->frequency = from->every;
    }
    return status;
}

static ath_status hooks_list(const hooks_maker *m, const cli_job_hook *from, size_t n)
{
    ath_status status = ATH_OK;
    for (size_t i = 0; i < n && status >= 0; i++) {
        ath_hook *out = &m->parts->hooks[m->parts->n_hooks];
        status = hooks_make(m, &from[i], out);
        m->parts->n_hooks += status >= 0;
    }
    return status;
}

/* ---- all of them ---- */

static void hooks_count(const cli_job *job, size_t *n_hooks, size_t *n_sinks)
{
    *n_hooks = job->n_hooks;
    for (size_t i = 0; i < job->n_stages; i++) {
        *n_hooks += job->stages[i].n_hooks;
    }
    *n_sinks = *n_hooks + job->n_sinks + 1; /* a hook has one at most; and the chain */
}

int cli_job_parts_open(cli *c, const cli_job *job, cli_streams *streams, cli_job_parts *out)
{
    const hooks_maker maker = {c, streams, streams->folder, out};
    size_t n_hooks = 0, n_sinks = 0;
    hooks_count(job, &n_hooks, &n_sinks);
    *out = (cli_job_parts){0};
    out->job = job;
    if (!cli_resize(c, &out->hooks, 0, n_hooks * sizeof *out->hooks) ||
        !cli_resize(c, &out->sinks, 0, n_sinks * sizeof *out->sinks) ||
        !cli_resize(c, &out->frames, 0, n_sinks * sizeof *out->frames)) {
        return cli_fail(c, CLI_INTERNAL, "out of memory");
    }
    memset(out->frames, 0, n_sinks * sizeof *out->frames);
    ath_status status = hooks_list(&maker, job->hooks, job->n_hooks);
    out->n_own = out->n_hooks;
    for (size_t i = 0; i < job->n_stages && status >= 0; i++) {
        status = hooks_list(&maker, job->stages[i].hooks, job->stages[i].n_hooks);
    }
    status = status < 0 ? status : hooks_output(&maker, job);
    if (status < 0) {
        const int code = cli_fail_status(c, status);
        return code == CLI_USAGE ? CLI_DATA : code;
    }
    return CLI_OK;
}

void cli_job_parts_close(cli *c, cli_job_parts *parts)
{
    size_t n_hooks = 0, n_sinks = 0;
    if (!parts->job) {
        return;
    }
    hooks_count(parts->job, &n_hooks, &n_sinks);
    for (size_t i = 0; i < parts->n_hooks; i++) {
        ath_hook_free(&parts->hooks[i]);
    }
    while (parts->n_sinks > 0) { /* the chain comes last, and goes first */
        ath_sink_destroy(&parts->sinks[--parts->n_sinks]);
    }
    for (size_t i = 0; i < parts->n_frames; i++) {
        (void)cli_frames_close(&parts->frames[i]);
    }
    (void)cli_resize(c, &parts->frames, n_sinks * sizeof *parts->frames, 0);
    (void)cli_resize(c, &parts->hooks, n_hooks * sizeof *parts->hooks, 0);
    (void)cli_resize(c, &parts->sinks, n_sinks * sizeof *parts->sinks, 0);
    *parts = (cli_job_parts){0};
}

/* ---- the end ---- */

static int hooks_time_line(cli *c, const ath_hook *hook, const char *folder, const char *name)
{
    ath_stage_time times[HOOKS_MAX_PAIRS];
    cli_text path = {0};
    int32_t n = 0;
    int code = cli_folder_path(c, folder, name, &path);
    if (!code) {
        ath_status status = ath_hook_timing_trace(hook, path.data);
        status = status < 0 ? status : ath_hook_timing_summary(hook, times, HOOKS_MAX_PAIRS, &n);
        code = status < 0 ? cli_fail_status(c, status) : CLI_OK;
    }
    for (int32_t i = 0; i < n && !code; i++) {
        cli_note(c, "%s: %lld times, %.3e s in the mean, %.3e to %.3e s, %.3f s in all",
                 times[i].name, (long long)times[i].n, times[i].mean_s, times[i].min_s,
                 times[i].max_s, times[i].total_s);
    }
    cli_text_free(c, &path);
    return code;
}

static int hooks_finish(cli *c, const cli_job_hook *from, size_t n, const ath_hook *hooks,
                        const char *folder)
{
    int code = CLI_OK;
    for (size_t i = 0; i < n && !code; i++) {
        if (from[i].type == CLI_JOB_HOOK_TIMING) {
            code = hooks_time_line(c, &hooks[i], folder, from[i].path);
        }
    }
    return code;
}

int cli_job_parts_finish(cli *c, cli_job_parts *parts, const char *folder)
{
    const cli_job *job = parts->job;
    const ath_hook *hooks = parts->hooks;
    int code = CLI_OK;
    if (!job) {
        return CLI_OK;
    }
    for (size_t i = 0; i < parts->n_frames && !code; i++) {
        code = cli_frames_close(&parts->frames[i]);
    }
    code = code ? code : hooks_finish(c, job->hooks, job->n_hooks, hooks, folder);
    hooks += job->n_hooks;
    for (size_t i = 0; i < job->n_stages && !code; i++) {
        code = hooks_finish(c, job->stages[i].hooks, job->stages[i].n_hooks, hooks, folder);
        hooks += job->stages[i].n_hooks;
    }
    return code;
}
