/* The summary at the end of a run: who ended how, how fast it went, where the time went, what was
 * written.
 */
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>

#include "run.h"

typedef struct summary_out {
    cli *c;
    cli_text text;
} summary_out;

static void summary_line(summary_out *o, const char *label, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void summary_line(summary_out *o, const char *label, const char *format, ...)
{
    char value[512];
    va_list args;
    va_start(args, format);
    vsnprintf(value, sizeof value, format, args);
    va_end(args);
    cli_text_print(o->c, &o->text, "  %-16s %s\n", label, value);
}

/* "3 (max_force 2, non_finite 1)" */
static void summary_state(summary_out *o, const char *label, const cli_results *r, ath_state state)
{
    const int64_t n = cli_results_count(r, state);
    char reasons[400] = "";
    size_t used = 0;
    for (int i = 1; i < ATH_N_REASONS && n > 0; i++) {
        const int64_t of_it = cli_results_of(r, (ath_reason)i, state);
        if (of_it > 0 && used < sizeof reasons) {
            used += (size_t)snprintf(reasons + used, sizeof reasons - used, "%s%s %lld",
                                     used ? ", " : "", ath_reason_name((ath_reason)i),
                                     (long long)of_it);
        }
    }
    if (n > 0 && (state == ATH_STATE_QUARANTINED || state == ATH_STATE_REJECTED)) {
        summary_line(o, label, "%8lld   %s", (long long)n, reasons);
    } else if (n > 0 && state == ATH_STATE_STEP_LIMIT) {
        summary_line(o, label, "%8lld   worst fmax %.3g eV/angstrom", (long long)n, r->worst_fmax);
    } else {
        summary_line(o, label, "%8lld", (long long)n);
    }
}

static void summary_speed(summary_out *o, const cli_summary *s)
{
    const ath_dynamics_stats *stats = s->stats;
    char wall[40], structures[40], atoms[40];
    const double seconds = s->seconds > 0.0 ? s->seconds : 1e-9;
    cli_format_seconds(s->seconds, wall, sizeof wall);
    cli_format_large((double)(s->results->n - s->n) / seconds, structures, sizeof structures);
    cli_format_large((double)(stats->atom_steps - s->atom_steps) / seconds, atoms, sizeof atoms);
    summary_line(o, "wall time", "%s on %d thread%s", wall, (int)s->n_threads,
                 s->n_threads == 1 ? "" : "s");
    if (stats->atom_steps > 0) {
        summary_line(o, "throughput", "%s structures/s, %s atom-steps/s", structures, atoms);
        summary_line(o, "steps", "%lld of structures, %lld neighbour lists built",
                     (long long)stats->system_steps, (long long)stats->list_builds);
    } else {
        summary_line(o, "throughput", "%s structures/s", structures);
    }
}

/* Shares of the time in the phases of a step; sums over threads. */
static void summary_phases(summary_out *o, const ath_dynamics_stats *s)
{
    const double phases[] = {s->seconds_pre, s->seconds_neighbors, s->seconds_compute,
                             s->seconds_post, s->seconds_assess};
    static const char *const names[] = {"first half", "neighbours", "model", "second half",
                                        "assessment"};
    double sum = 0.0;
    char line[400] = "";
    size_t used = 0;
    for (int i = 0; i < 5; i++) {
        sum += phases[i];
    }
    for (int i = 0; i < 5 && sum > 0.0 && used < sizeof line; i++) {
        used += (size_t)snprintf(line + used, sizeof line - used, "%s%s %.1f %%", i ? ", " : "",
                                 names[i], 100.0 * phases[i] / sum);
    }
    if (used) {
        summary_line(o, "time per phase", "%s", line);
    }
}

/* Where everything is that was taken from the input, and how full the batch was while there was
 * more to take. */
static void summary_books(summary_out *o, const cli_summary *s)
{
    const cli_balance *b = s->balance;
    const ath_dynamics_stats *stats = s->stats;
    summary_line(o, "mass balance",
                 "%8lld   in = %lld finished + %lld step limit + %lld failed + %lld rejected + "
                 "%lld open",
                 (long long)b->n_in, (long long)b->n_finished, (long long)b->n_step_limit,
                 (long long)b->n_failed, (long long)b->n_rejected, (long long)b->n_open);
    if (stats->n_retried > 0) {
        summary_line(o, "went back", "%8lld   to the last good state, for a second attempt",
                     (long long)stats->n_retried);
    }
    if (stats->full_system_steps > 0) {
        summary_line(o, "occupancy", "%.1f %% of the batch, while structures were waiting",
                     100.0 * (double)stats->busy_system_steps / (double)stats->full_system_steps);
    }
}

static void summary_files(summary_out *o, const cli_summary *s)
{
    const char *folder = s->results->folder;
    if (folder && !s->exported) {
        summary_line(o, "written", "%s/journal; final.extxyz and results.csv come at the end",
                     folder);
    } else if (folder) {
        cli_text files = {0};
        const char *file = NULL;
        for (size_t i = 0; (file = cli_job_file(s->job, i)) != NULL; i++) {
            cli_text_print(o->c, &files, ", %s", file);
        }
        summary_line(o, "written", "%s/final.extxyz, results.csv, run.log, job.json%s%s%s", folder,
                     s->job ? ", job.yaml" : "", s->trajectory->every > 0 ? ", traj.extxyz" : "",
                     files.data && !files.failed ? files.data : "");
        cli_text_free(o->c, &files);
    }
}

int cli_summary_print(cli *c, const cli_summary *s, FILE *to)
{
    const cli_results *r = s->results;
    const bool relax = s->command->bit == CLI_RELAX;
    summary_out o = {.c = c};
    struct rusage usage = {0};
    char model[64];
    snprintf(model, sizeof model, "%s", s->model);
    getrusage(RUSAGE_SELF, &usage);
    cli_text_print(c, &o.text, "\nathanor %s: %lld structure%s, %lld atom%s, model %.*s%s\n",
                   s->command->name, (long long)r->n, r->n == 1 ? "" : "s", (long long)r->n_atoms,
                   r->n_atoms == 1 ? "" : "s", (int)strcspn(model, ":"), model,
                   s->complete ? "" : " (stopped early)");
    summary_state(&o, relax ? "converged" : "finished", r, ATH_STATE_FINISHED);
    if (relax || s->job) {
        summary_state(&o, "step limit", r, ATH_STATE_STEP_LIMIT);
    }
    summary_state(&o, "failed", r, ATH_STATE_QUARANTINED);
    summary_state(&o, "rejected", r, ATH_STATE_REJECTED);
    if (s->balance->n_open > 0) {
        summary_line(&o, "not finished", "%8lld", (long long)s->balance->n_open);
    }
    summary_books(&o, s);
    summary_speed(&o, s);
    summary_phases(&o, s->stats);
    summary_line(&o, "peak memory", "%.1f MiB, of which the library's own: %lld bytes",
                 (double)usage.ru_maxrss / 1024.0, (long long)c->memory.peak);
    summary_files(&o, s);
    const int code = cli_text_check(c, &o.text);
    if (!code) {
        if (to) {
            fputs(o.text.data, to);
            fflush(to);
        }
        if (c->log) {
            cli_file_write(c->log, o.text.data, o.text.size);
        }
    }
    cli_text_free(c, &o.text);
    return code;
}
