/* Progress: one line that is written over on a terminal, else a plain line every ten seconds. Looks
 * at the clock each time it is called, and at the run only when it has something to say.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "run.h"

static const double PROGRESS_BAR_SECONDS = 0.2, PROGRESS_LINE_SECONDS = 10.0,
                    PROGRESS_FILE_SECONDS = 2.0;
enum { PROGRESS_BAR_WIDTH = 20, PROGRESS_TEXT_BYTES = 512 };

void cli_progress_begin(cli_progress *p, const ath_dynamics *dynamics)
{
    p->stats.size = sizeof p->stats;
    if (ath_dynamics_get_stats(dynamics, &p->stats) >= 0) {
        p->first_atom_steps = p->last_atom_steps = p->stats.atom_steps;
    }
    p->first_n = p->results->n;
    p->bar = isatty(fileno(p->c->err)) && !p->c->quiet;
    p->last_time = p->first = cli_seconds(p->c);
    p->next = p->first + (p->bar ? PROGRESS_BAR_SECONDS : PROGRESS_LINE_SECONDS);
}

/* "5.13 M", "12.0 k" */
void cli_format_large(double value, char *out, size_t bytes)
{
    static const char *const prefixes[] = {"", " k", " M", " G", " T"};
    int k = 0;
    while (value >= 999.5 && k < 4) {
        value /= 1000.0;
        k++;
    }
    snprintf(out, bytes, "%.3g%s", value, prefixes[k]);
}

/* "12 s", "3 min 20 s", "2 h 5 min" */
void cli_format_seconds(double seconds, char *out, size_t bytes)
{
    if (seconds < 10.0) {
        snprintf(out, bytes, "%.2f s", seconds);
    } else if (seconds < 120.0) {
        snprintf(out, bytes, "%.0f s", seconds);
    } else if (seconds < 7200.0) {
        snprintf(out, bytes, "%d min %d s", (int)seconds / 60, (int)seconds % 60);
    } else if (seconds < 1e8) {
        snprintf(out, bytes, "%d h %d min", (int)seconds / 3600, (int)seconds / 60 % 60);
    } else {
        snprintf(out, bytes, "very long");
    }
}

/* All numbers in one line of text. `total` < 0: not known. */
static void progress_text(cli_progress *p, const ath_dynamics_stats *s, int64_t total, char *text)
{
    const cli_results *r = p->results;
    const int64_t done = r->n, good = cli_results_count(r, ATH_STATE_FINISHED);
    const double now = cli_seconds(p->c), elapsed = now - p->first;
    const double rate = (double)(s->atom_steps - p->last_atom_steps) / (now - p->last_time + 1e-9);
    const int64_t failed =
        cli_results_count(r, ATH_STATE_QUARANTINED) + cli_results_count(r, ATH_STATE_REJECTED);
    char speed[32], eta[32] = "";
    int n = snprintf(text, PROGRESS_TEXT_BYTES, "active %d  %s %lld  failed %lld", (int)s->n_active,
                     strcmp(p->command, "relax") == 0 ? "converged" : "finished", (long long)good,
                     (long long)failed);
    if (cli_results_count(r, ATH_STATE_STEP_LIMIT) > 0) {
        n += snprintf(text + n, PROGRESS_TEXT_BYTES - (size_t)n, "  step limit %lld",
                      (long long)cli_results_count(r, ATH_STATE_STEP_LIMIT));
    }
    if (total >= 0) {
        const int64_t queued = total - done - s->n_systems;
        n += snprintf(text + n, PROGRESS_TEXT_BYTES - (size_t)n, "  queued %lld",
                      (long long)(queued > 0 ? queued : 0));
    }
    cli_format_large(rate, speed, sizeof speed);
    if (s->worst_fmax > 0.0) {
        n +=
            snprintf(text + n, PROGRESS_TEXT_BYTES - (size_t)n, "  worst fmax %.3g", s->worst_fmax);
    }
    n += snprintf(text + n, PROGRESS_TEXT_BYTES - (size_t)n, "  %s atom-steps/s", speed);
    const int64_t fresh = done - p->first_n;
    if (total > done && fresh > 0) {
        cli_format_seconds(elapsed * (double)(total - done) / (double)fresh, eta, sizeof eta);
        snprintf(text + n, PROGRESS_TEXT_BYTES - (size_t)n, "  ETA %s", eta);
    }
    p->last_atom_steps = s->atom_steps;
    p->last_time = now;
}

static void progress_draw(cli_progress *p, int64_t total, const char *text)
{
    cli *c = p->c;
    char line[PROGRESS_TEXT_BYTES + 64], bar[PROGRESS_BAR_WIDTH + 1];
    struct winsize window = {0};
    int width = 80, n = 0;
    if (ioctl(fileno(c->err), TIOCGWINSZ, &window) == 0 && window.ws_col > 20) {
        width = window.ws_col;
    }
    if (total > 0) {
        const double share = (double)p->results->n / (double)total;
        const int full = (int)(share * PROGRESS_BAR_WIDTH);
        for (int i = 0; i < PROGRESS_BAR_WIDTH; i++) {
            bar[i] = i < full ? '#' : '-';
        }
        bar[PROGRESS_BAR_WIDTH] = '\0';
        n = snprintf(line, sizeof line, "%s [%s] %3.0f %%  ", p->command, bar, 100.0 * share);
    } else {
        n = snprintf(line, sizeof line, "%s  ", p->command);
    }
    snprintf(line + n, sizeof line - (size_t)n, "%s", text);
    if ((int)strlen(line) > width - 1) {
        line[width - 1] = '\0';
    }
    fprintf(c->err, "\r%s%s%s\033[K", c->colour ? "\033[36m" : "", line,
            c->colour ? "\033[0m" : "");
    fflush(c->err);
    c->bar = true;
}

/* progress.json: what others see of a run that goes on. It is no part of the results, so a failure
 * to write it is none of the run, and it is not synced. */
static void progress_file(cli_progress *p, const ath_dynamics_stats *s, double now)
{
    cli *c = p->c;
    const ath_io *io = &c->host.io;
    cli_text path = {0}, part = {0}, text = {0};
    const double elapsed = now - p->first;
    const int64_t queued = p->input->total - p->results->n - s->n_systems;
    p->next_file = now + PROGRESS_FILE_SECONDS;
    cli_text_print(c, &path, "%s/progress.json", p->folder);
    cli_text_print(c, &part, "%s/progress.json.new", p->folder);
    cli_text_print(
        c, &text,
        "{\"total\": %lld, \"taken\": %lld, \"active\": %d, \"queued\": %lld, "
        "\"atom_steps\": %lld, \"seconds\": %.3f, \"atom_steps_per_second\": %.6g, "
        "\"occupancy\": %.4f, \"records_before\": %lld, \"started\": %lld, "
        "\"updated\": %lld}\n",
        (long long)p->input->total, (long long)cli_input_taken(p->input), (int)s->n_systems,
        (long long)(queued > 0 ? queued : 0), (long long)s->atom_steps, elapsed,
        (double)(s->atom_steps - p->first_atom_steps) / (elapsed + 1e-9),
        s->full_system_steps > 0 ? (double)s->busy_system_steps / (double)s->full_system_steps
                                 : 1.0,
        (long long)p->first_n, (long long)(time(NULL) - (time_t)elapsed), (long long)time(NULL));
    if (!path.failed && !part.failed && !text.failed) {
        const int fd =
            io->open(io->user, part.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        const bool written =
            fd >= 0 && io->write(io->user, fd, text.data, text.size) == (int64_t)text.size;
        cli_close(c, fd);
        if (written) {
            (void)cli_rename(c, part.data, path.data);
        }
    }
    cli_text_free(c, &text);
    cli_text_free(c, &part);
    cli_text_free(c, &path);
}

void cli_progress_end(cli_progress *p, bool complete)
{
    cli_input known = *p->input;
    const cli_input *input = p->input;
    if (!p->folder) {
        return;
    }
    known.total = complete ? p->results->n : input->total;
    p->input = &known;
    progress_file(p, &p->stats, cli_seconds(p->c));
    p->input = input;
}

ath_status cli_progress_update(cli_progress *p, const ath_dynamics *dynamics)
{
    const double now = cli_seconds(p->c);
    char text[PROGRESS_TEXT_BYTES];
    const ath_status status = ath_dynamics_get_stats(dynamics, &p->stats);
    if (status >= 0 && p->folder && now >= p->next_file) {
        progress_file(p, &p->stats, now);
    }
    if (status < 0 || now < p->next) {
        return status;
    }
    progress_text(p, &p->stats, p->input->total, text);
    p->next = now + (p->bar ? PROGRESS_BAR_SECONDS : PROGRESS_LINE_SECONDS);
    if (p->bar) {
        progress_draw(p, p->input->total, text);
    } else if (!p->c->quiet) {
        cli_say(p->c, "%s", text);
    } else {
        cli_note(p->c, "%s", text);
    }
    return ATH_OK;
}
