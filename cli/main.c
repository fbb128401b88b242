/* The program's entry: the operating system as host, and the signals that ask it to stop.
 *
 * The first SIGINT, SIGTERM or SIGUSR1 lets a run end at the next boundary of a step, with a
 * checkpoint; the second one lets it end without; the third ends the program at once. Whichever it
 * is, nothing that has finished is lost. A limit on the size of files is told by the call that
 * meets it, not by a signal.
 */
#include <unistd.h>

#include "cli.h"

static volatile sig_atomic_t main_interrupted;

static void main_interrupt(int signal_number)
{
    (void)signal_number;
    if (main_interrupted >= 2) {
        _exit(CLI_INTERRUPTED);
    }
    main_interrupted++;
}

int main(int argc, char **argv)
{
    const cli_host host = {
        .context = {.size = sizeof host.context},
        .out = stdout,
        .err = stderr,
        .interrupted = &main_interrupted,
    };
    struct sigaction action = {.sa_handler = main_interrupt, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGXFSZ, &action, NULL);
    return cli_main(argc, argv, &host);
}
