/* athanor resume: says again what was said when a directory was made.
 *
 * A job file is in the directory as it was run; other commands are in command.json. The working
 * directory is changed to where the command was given, if that is still there, so that the names
 * of its inputs mean the same.
 */
#include <stdlib.h>

#include "again.h"

static int resume_run(cli *c, const cli_settings *s)
{
    cli_again line = {.c = c};
    if (s->n_inputs != 1) {
        return cli_fail(c, CLI_USAGE, "resume: needs one directory (try --help)");
    }
    char *folder = realpath(s->inputs[0], NULL);
    int code = folder ? cli_again_folder(&line, folder)
                      : cli_fail(c, CLI_NO_INPUT, "there is no directory '%s'", s->inputs[0]);
    for (int i = 2; i < c->argc && !code; i++) { /* options of its own */
        if (c->argv[i] != s->inputs[0]) {
            cli_again_add(&line, c->argv[i]);
        }
    }
    code = code ? code : cli_again_say(&line);
    cli_again_free(&line);
    free(folder);
    return code;
}

const cli_command cli_command_resume = {
    .name = "resume",
    .bit = CLI_RESUME,
    .operands = "DIR",
    .summary = "go on with a run that was stopped, or killed",
    .about =
        "Goes on in the directory of relax, md, static or run, with what was said when it was "
        "made; options\n"
        "given here come on top. What has finished is not done again, and the results have the "
        "same bits\n"
        "as if nothing had happened. The same command line does the same.",
    .run = resume_run,
};
