/* athanor replay: a structure that has failed fails again; any structure of a run goes through its
 * steps again, with frames as dense as one likes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "again.h"
#include "inspect.h"
#include "replay.h"

/* Texts of a bundle; each NULL if it has none. Owned by the reader. */
typedef struct bundle {
    ath_container_reader *reader;
    ath_packet *packet;
    cli_text command, job;
} bundle;

static void bundle_close(cli *c, bundle *b)
{
    ath_packet_destroy(&b->packet);
    ath_container_close(&b->reader);
    cli_text_free(c, &b->command);
    cli_text_free(c, &b->job);
}

static int bundle_open(cli *c, const char *path, bundle *out)
{
    ath_section s = {0};
    ath_status status = ath_container_open(c->ctx, path, &out->reader);
    while (status >= 0 && (status = ath_container_next(out->reader, &s)) == ATH_OK) {
        if (s.id == CLI_BUNDLE_COMMAND) {
            cli_text_add(c, &out->command, s.data, s.bytes);
        } else if (s.id == CLI_BUNDLE_JOB) {
            cli_text_add(c, &out->job, s.data, s.bytes);
        } else if (s.id == ATH_SECTION_PACKET && !out->packet) {
            status = ath_packet_open(c->ctx, s.data, s.bytes, &out->packet);
        }
    }
    if (status != ATH_END) {
        return cli_fail_status(c, status);
    }
    if (out->command.failed || out->job.failed) {
        return cli_fail(c, CLI_INTERNAL, "out of memory");
    }
    return out->packet && out->command.size > 0
               ? CLI_OK
               : cli_fail(c, CLI_DATA, "'%s' is no bundle of a structure", path);
}

/* Says again what was said, with `what` in place of the run. */
static int replay_say(cli *c, cli_again *line, struct cli_replay *what)
{
    c->replay = what;
    const int code = cli_again_say(line);
    c->replay = NULL;
    return code;
}

static int replay_bundle(cli *c, const cli_settings *s)
{
    bundle b = {0};
    ath_system *end = NULL;
    cli_again line = {.c = c};
    struct cli_replay what = {.from = s->from_step, .every = s->every_step, .file = s->file};
    int code = bundle_open(c, s->inputs[0], &b);
    if (!code) {
        const ath_status status = ath_packet_unpack(b.packet, 0, &end);
        code = status < 0 ? cli_fail_status(c, status) : CLI_OK;
    }
    if (!code) {
        what.packet = b.packet;
        what.uid = ath_system_uid(end);
        what.expect = end;
        code = cli_again_texts(&line, &b.command, b.job.size > 0 ? &b.job : NULL, s->inputs[0]);
    }
    code = code ? code : replay_say(c, &line, &what);
    cli_again_free(&line);
    ath_system_destroy(&end);
    bundle_close(c, &b);
    return code;
}

/* How the structure ended, if it has. */
static int replay_recall(cli *c, const char *folder, ath_uid uid, ath_system **end)
{
    ath_journal *journal = NULL;
    int code = cli_campaign_open(c, folder, &journal);
    for (int64_t i = 0; !code && !*end && i < ath_journal_length(journal); i++) {
        ath_record record;
        if (ath_journal_record(journal, i, &record) == ATH_OK && record.uid.lo == uid.lo &&
            record.uid.hi == uid.hi) {
            const ath_status status = ath_journal_read(journal, i, &record, end);
            code = status < 0 ? cli_fail_status(c, status) : CLI_OK;
        }
    }
    ath_journal_close(&journal);
    return code;
}

static int replay_structure(cli *c, const cli_settings *s)
{
    ath_system *end = NULL;
    cli_again line = {.c = c};
    struct cli_replay what = {.from = s->from_step, .every = s->every_step, .file = s->file};
    if (!s->system || ath_uid_parse(s->system, &what.uid) < 0) {
        return cli_fail(c, CLI_USAGE,
                        "replay: --system UID says which structure: 32 hexadecimal digits, as in "
                        "results.csv");
    }
    char *folder = realpath(s->inputs[0], NULL);
    int code = folder ? replay_recall(c, folder, what.uid, &end)
                      : cli_fail(c, CLI_NO_INPUT, "there is no '%s'", s->inputs[0]);
    what.expect = end;
    code = code ? code : cli_again_folder(&line, folder);
    code = code ? code : replay_say(c, &line, &what);
    cli_again_free(&line);
    ath_system_destroy(&end);
    free(folder);
    return code;
}

static int replay_command(cli *c, const cli_settings *s)
{
    struct stat about;
    if (s->n_inputs != 1) {
        return cli_fail(c, CLI_USAGE, "replay: needs one bundle or directory (try --help)");
    }
    if (stat(s->inputs[0], &about) < 0) {
        return cli_fail(c, CLI_NO_INPUT, "cannot read '%s': %s", s->inputs[0], strerror(errno));
    }
    return S_ISDIR(about.st_mode) ? replay_structure(c, s) : replay_bundle(c, s);
}

const cli_command cli_command_replay = {
    .name = "replay",
    .bit = CLI_REPLAY,
    .operands = "BUNDLE | DIR",
    .summary = "one structure of a run once more: a failure, or its steps in detail",
    .about =
        "BUNDLE (DIR/quarantine/UID.bundle) is a structure that has failed: it is taken back to "
        "its last good\n"
        "state and fails again, at the same step. DIR with --system is a run and one of its "
        "structures: it goes\n"
        "through all its steps again, alone, and since nothing depends on the others they are the "
        "same steps.\n"
        "Says whether it came to the same end, in every bit; exit code 1 if it did not.",
    .run = replay_command,
};
