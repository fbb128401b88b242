/* Completes a host's tables with the operating system's own functions. */
#ifndef ATHANOR_CLI_HOST_H
#define ATHANOR_CLI_HOST_H

#include <athanor/context.h>

void cli_host_complete(ath_context_config *config);

#endif
