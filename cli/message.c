/* Messages of the program: one line each on standard error, and in run.log with the time since the
 * start.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "cli.h"

double cli_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double cli_seconds(const cli *c)
{
    return cli_clock() - c->started;
}

void cli_clear_bar(cli *c)
{
    if (c->bar) {
        fputs("\r\033[K", c->err);
        c->bar = false;
    }
}

/* Formats into `line` (never more than one line of text); on standard error if `loud`. */
static void __attribute__((format(printf, 4, 0)))
message_put(cli *c, bool loud, const char *kind, const char *format, va_list args)
{
    char line[2048], stamp[64];
    vsnprintf(line, sizeof line, format, args);
    for (char *p = line; *p; p++) {
        *p = *p == '\n' || *p == '\r' ? ' ' : *p;
    }
    if (loud) {
        cli_clear_bar(c);
        fprintf(c->err, "athanor: %s%s\n", kind, line);
        fflush(c->err);
    }
    if (c->log) {
        snprintf(stamp, sizeof stamp, "%10.2f s  %s", cli_seconds(c), kind);
        cli_file_write(c->log, stamp, strlen(stamp));
        cli_file_write(c->log, line, strlen(line));
        cli_file_write(c->log, "\n", 1);
        cli_file_flush(c->log);
    }
}

int cli_fail(cli *c, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    message_put(c, true, "", format, args);
    va_end(args);
    return code;
}

void cli_warn(cli *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    message_put(c, !c->quiet, "warning: ", format, args);
    va_end(args);
}

void cli_say(cli *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    message_put(c, !c->quiet, "", format, args);
    va_end(args);
}

void cli_note(cli *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    message_put(c, c->verbose > 0 && !c->quiet, "", format, args);
    va_end(args);
}

/* Whether a message says that there is no room on the disk. */
static bool message_no_room(const char *text)
{
    static const int errors[] = {ENOSPC, EDQUOT, EFBIG};
    bool found = false;
    for (size_t i = 0; text && i < sizeof errors / sizeof *errors; i++) {
        found = found || strstr(text, strerror(errors[i]));
    }
    return found;
}

void cli_note_room(cli *c, ath_status status)
{
    c->no_room |= status == ATH_E_IO && message_no_room(ath_context_message(c->ctx));
}

int cli_fail_status(cli *c, ath_status status)
{
    const char *text = ath_context_message(c->ctx);
    cli_note_room(c, status);
    int code = CLI_INTERNAL;
    switch (status) {
    case ATH_E_UNKNOWN:
    case ATH_E_OPTION:
    case ATH_E_ARGUMENT:
    case ATH_E_DEVICE:
    case ATH_E_RANGE:
        code = CLI_USAGE;
        break;
    case ATH_E_FORMAT:
    case ATH_E_UNSUPPORTED:
        code = CLI_DATA;
        break;
    case ATH_E_NOT_FOUND:
        code = CLI_NO_INPUT;
        break;
    case ATH_E_IO:
        code = CLI_IO;
        break;
    default:
        break;
    }
    return cli_fail(c, code, "%s", text && *text ? text : ath_status_text(status));
}
