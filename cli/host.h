/* Completes a host's tables with the operating system's own functions, and counts memory. */
#ifndef ATHANOR_CLI_HOST_H
#define ATHANOR_CLI_HOST_H

#include "cli.h"

void cli_host_complete(ath_context_config *config);
/* An allocator over `from` that keeps count in *memory, which it lives as long as. */
ath_allocator cli_host_counted(cli_memory *memory, const ath_allocator *from);

#endif
