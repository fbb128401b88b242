/* The program's entry: the operating system as host, and the signals that ask it to stop.
 *
 * The first SIGINT or SIGTERM lets the run end at the next boundary of a step and write what is
 * finished; the second one ends the program at once.
 */
#include "cli.h"

static volatile sig_atomic_t main_interrupted;

static void main_interrupt(int signal_number)
{
    (void)signal_number;
    main_interrupted = 1;
}

int main(int argc, char **argv)
{
    const cli_host host = {
        .context = {.size = sizeof host.context},
        .out = stdout,
        .err = stderr,
        .interrupted = &main_interrupted,
    };
    struct sigaction action = {.sa_handler = main_interrupt, .sa_flags = SA_RESETHAND | SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return cli_main(argc, argv, &host);
}
