/* The program as a function: which command, its options, a context, and what the commands share at
 * the beginning and the end. Reads no environment but NO_COLOR and TERM.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "host.h"

static const cli_command *const program_commands[] = {&cli_command_relax,
                                                      &cli_command_md,
                                                      &cli_command_static,
                                                      &cli_command_run,
                                                      &cli_command_resume,
                                                      &cli_command_check,
                                                      &cli_command_status,
                                                      &cli_command_report,
                                                      &cli_command_replay,
                                                      &cli_command_export,
                                                      &cli_command_validate,
                                                      &cli_command_info,
                                                      NULL};

#define PROGRAM_COMMANDS                                                                           \
    "relax, md, static, run, resume, check, status, report, replay, export, validate or info"

static void program_log(void *user, ath_log_level level, const char *component, const char *text)
{
    cli *c = user;
    if (level <= ATH_LOG_WARNING) {
        cli_warn(c, "%s: %s", component, text);
    } else if (level == ATH_LOG_INFO || c->verbose > 1) {
        cli_note(c, "%s: %s", component, text);
    }
}

static void program_usage(FILE *to)
{
    fputs("usage: athanor COMMAND [options] ...\n\n"
          "Relaxes and simulates thousands of atomic structures in one batch.\n\ncommands:\n",
          to);
    for (int i = 0; program_commands[i]; i++) {
        fprintf(to, "  %-8s %s\n", program_commands[i]->name, program_commands[i]->summary);
    }
    fputs(
        "\nathanor COMMAND --help lists the options of a command.\n"
        "athanor --version prints the version.\n\n"
        "exit codes: 0 all finished; 3 done, but some failed, were rejected or did not converge;\n"
        "  64 usage; 65 bad model or job file, bad structure under --strict, or nothing left to "
        "do;\n"
        "  66 missing input; 70 internal error or out of memory; 73 output cannot be created;\n"
        "  74 i/o error; 75 stopped, the same command or athanor resume DIR goes on\n",
        to);
}

int cli_command_line(cli *c, int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : NULL;
    cli_settings settings;
    if (!word) {
        return cli_fail(c, CLI_USAGE, "no command: " PROGRAM_COMMANDS " (try --help)");
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
        program_usage(c->out);
        return CLI_OK;
    }
    if (strcmp(word, "--version") == 0) {
        fprintf(c->out, "athanor %s\n", ath_version());
        return CLI_OK;
    }
    for (int i = 0; program_commands[i]; i++) {
        const cli_command *command = program_commands[i];
        if (strcmp(word, command->name) != 0) {
            continue;
        }
        const int code = cli_options_parse(c, command, argc - 1, argv + 1, &settings);
        c->quiet = !code && settings.quiet;
        c->verbose = code ? 0 : (int)settings.verbose;
        if (code) {
            return code;
        }
        if (settings.help) {
            cli_options_help(c, command);
            return CLI_OK;
        }
        if (settings.version) {
            fprintf(c->out, "athanor %s\n", ath_version());
            return CLI_OK;
        }
        return command->run(c, &settings);
    }
    return cli_fail(c, CLI_USAGE, "no command '%s': " PROGRAM_COMMANDS " (try --help)", word);
}

int cli_main(int argc, char **argv, const cli_host *host)
{
    volatile sig_atomic_t never = 0;
    cli c = {
        .host = host->context,
        .out = host->out,
        .err = host->err,
        .interrupted = host->interrupted ? host->interrupted : &never,
        .argc = argc,
        .argv = argv,
        .started = cli_clock(),
    };
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    ath_context_config config = host->context;
    config.size = sizeof config;
    config.log = program_log;
    config.log_user = &c;
    config.log_level = ATH_LOG_DEBUG;
    config.io.size = sizeof config.io;
    cli_host_complete(&c.host);
    config.allocator = cli_host_counted(&c.memory, &c.host.allocator);
    c.colour =
        isatty(fileno(c.err)) && !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
    const ath_status status = ath_context_create(&config, &c.ctx);
    if (status < 0) {
        return cli_fail(&c, CLI_INTERNAL, "%s", ath_status_text(status));
    }
    int code = cli_command_line(&c, argc, argv);
    ath_context_destroy(&c.ctx);
    if ((fflush(c.out) != 0 || ferror(c.out)) && code != CLI_INTERNAL) {
        code = cli_fail(&c, CLI_IO, "cannot write to standard output");
    }
    return code;
}
