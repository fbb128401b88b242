/* What DIR/job.json says of a campaign. Texts are those of the file; empty where it has none. */
#ifndef ATHANOR_CLI_MANIFEST_H
#define ATHANOR_CLI_MANIFEST_H

#include "cli.h"

typedef enum cli_momenta {
    CLI_MOMENTA_ALL,    /* velocities are written always */
    CLI_MOMENTA_MOVING, /* of systems in which something moves */
    CLI_MOMENTA_NONE
} cli_momenta;

typedef struct cli_manifest_stage {
    char *name, *integrator;
} cli_manifest_stage;

typedef struct cli_manifest_option {
    char *name;
    char *value; /* NULL: not given */
} cli_manifest_option;

enum {
    CLI_MANIFEST_BYTES = 64 << 20, /* of job.json: the names of a million files fit in */
    CLI_MANIFEST_STAGES = 4096,
    CLI_MANIFEST_OPTIONS = 256
};

typedef struct cli_manifest {
    char *program, *command, *model, *model_hash;
    cli_manifest_stage *stages; /* [n_stages], at least one */
    size_t n_stages;
    cli_manifest_option *options; /* [n_options] */
    size_t n_options;
    int64_t n_inputs;
    cli_momenta momenta;
} cli_manifest;

/* CLI_NO_INPUT if there is no DIR/job.json, CLI_DATA if it is damaged or of something else. */
int cli_manifest_read(cli *c, const char *folder, cli_manifest *out);
/* The same of the bytes of such a file; `path` is for messages. */
int cli_manifest_parse(cli *c, const char *path, const char *data, size_t bytes, cli_manifest *out);
void cli_manifest_free(cli *c, cli_manifest *m);
/* "model=emt model_hash=... program=...", as in the comment line of a frame. */
void cli_manifest_provenance(cli *c, const cli_manifest *m, cli_text *out);
/* The number of a stage; -1: there is none of this name. */
int32_t cli_manifest_stage_of(const cli_manifest *m, const char *name);

#endif
