/* JSON as a sequence of events: job.json and progress.json, which this program writes and anybody
 * may have changed. Strings are bytes: names of files need not be UTF-8.
 */
#ifndef ATHANOR_CLI_JSON_H
#define ATHANOR_CLI_JSON_H

#include "cli.h"

typedef enum cli_json_event {
    CLI_JSON_ERROR, /* malformed (see `problem`), or out of memory (text.failed) */
    CLI_JSON_END,   /* of the document */
    CLI_JSON_OBJECT,
    CLI_JSON_OBJECT_END,
    CLI_JSON_ARRAY,
    CLI_JSON_ARRAY_END,
    CLI_JSON_KEY, /* its value follows */
    CLI_JSON_STRING,
    CLI_JSON_NUMBER,
    CLI_JSON_TRUE,
    CLI_JSON_FALSE,
    CLI_JSON_NULL
} cli_json_event;

enum { CLI_JSON_DEPTH = 32 };

typedef struct cli_json {
    cli *c;
    const char *at, *end; /* what is still to be read */
    cli_json_event event; /* the last one */
    cli_text text;        /* of a key or string, without escapes; a number as it stands there */
    const char *problem;  /* after CLI_JSON_ERROR; NULL: out of memory */
    int line;             /* from 1 */
    int depth;
    bool object[CLI_JSON_DEPTH]; /* what each level is */
    bool first;                  /* nothing of this level has come yet */
    bool valued;                 /* a key has come whose value has not */
    bool started;
} cli_json;

/* The bytes must stay while it is read. */
void cli_json_begin(cli *c, const char *data, size_t bytes, cli_json *out);
/* The next event. After CLI_JSON_ERROR and CLI_JSON_END the same again. */
cli_json_event cli_json_next(cli_json *j);
/* Passes over the rest of the value that the last event began. False: CLI_JSON_ERROR. */
bool cli_json_skip(cli_json *j);
void cli_json_free(cli_json *j);

/* The bytes of a file with a NUL behind them. Returns 0 or -errno; -EFBIG above max_bytes, -ENOMEM
 * without memory; says nothing. */
int cli_slurp(cli *c, const char *path, size_t max_bytes, cli_text *out);

#endif
