/* A command line that is said again: from the files that a run keeps in its directory. */
#ifndef ATHANOR_CLI_AGAIN_H
#define ATHANOR_CLI_AGAIN_H

#include "cli.h"

typedef struct cli_again {
    cli *c;
    cli_text words; /* NUL behind each */
    cli_text where; /* the working directory at that time */
    cli_text job;   /* path of a job file that was made for it; removed when this is freed */
    size_t n;
} cli_again;

/* The command of a directory: its job file as it was run, or command.json. */
int cli_again_folder(cli_again *line, const char *folder);
/* The same from the texts of command.json and job.yaml (NULL: none). `name` is for messages. */
int cli_again_texts(cli_again *line, const cli_text *command, const cli_text *job,
                    const char *name);
/* One word more. */
void cli_again_add(cli_again *line, const char *word);
/* Goes to the working directory of that time, if it is still there, and says it. */
int cli_again_say(cli_again *line);
void cli_again_free(cli_again *line);

#endif
