/* The job file from end to end: bytes, tree, struct, checks; then the command line on top. */
#include <string.h>

#include "job_tree.h"

/* ---- giving back ---- */

static void job_free_keys(cli *c, const cli_job_key *keys, void *object);

static void job_free_struct(cli *c, const cli_job_table *table, void *object)
{
    int64_t type = 0;
    if (table->variants) {
        memcpy(&type, object, sizeof type);
        table = table->variants[type];
    }
    job_free_keys(c, table->keys, object);
}

static void job_free_text(cli *c, char **text)
{
    if (*text) {
        (void)cli_resize(c, text, strlen(*text) + 1, 0);
    }
}

static void job_free_texts(cli *c, char ***texts, size_t *n)
{
    for (size_t i = 0; i < *n; i++) {
        job_free_text(c, &(*texts)[i]);
    }
    (void)cli_resize(c, texts, *n * sizeof **texts, 0);
    *n = 0;
}

static void job_free_list(cli *c, const cli_job_key *key, void *object)
{
    char *items = NULL;
    size_t n = 0;
    memcpy(&items, (char *)object + key->option.offset, sizeof items);
    memcpy(&n, (char *)object + key->offset_n, sizeof n);
    for (size_t i = 0; i < n; i++) {
        job_free_struct(c, key->table, items + i * key->table->bytes);
    }
    (void)cli_resize(c, &items, n * key->table->bytes, 0);
}

static void job_free_keys(cli *c, const cli_job_key *keys, void *object)
{
    for (; keys->option.name; keys++) {
        char *at = (char *)object + keys->option.offset;
        switch (keys->kind) {
        case CLI_JOB_VALUE:
        case CLI_JOB_NAMED:
            if (keys->option.type == ATH_OPTION_TEXT) {
                job_free_text(c, (char **)(void *)at);
            }
            break;
        case CLI_JOB_TEXTS:
            job_free_texts(c, (char ***)(void *)at,
                           (size_t *)(void *)((char *)object + keys->offset_n));
            break;
        case CLI_JOB_LIST:
            job_free_list(c, keys, object);
            break;
        case CLI_JOB_CRITERIA:
        case CLI_JOB_MAPPING:
        case CLI_JOB_VARIANT:
            job_free_struct(c, keys->table, at);
            break;
        }
    }
}

void cli_job_free(cli *c, cli_job *job)
{
    job_free_keys(c, cli_job_schema.keys, job);
    *job = (cli_job){0};
}

int64_t cli_job_seed(const cli_job *job, const cli_job_stage *stage)
{
    return stage->seed == CLI_UNSET ? job->seed : stage->seed;
}

/* ---- files ---- */

/* The i-th name that these hooks write; *n is how many there are. */
static const char *job_hook_file(const cli_job_hook *hooks, size_t n_hooks, size_t i, size_t *n)
{
    *n = 0;
    for (size_t k = 0; k < n_hooks; k++) {
        const char *names[] = {hooks[k].path, hooks[k].sink.path};
        for (int m = 0; m < 2; m++) {
            if (names[m] && (*n)++ == i) {
                return names[m];
            }
        }
    }
    return NULL;
}

const char *cli_job_file(const cli_job *job, size_t i)
{
    size_t n = 0;
    if (!job) {
        return NULL;
    }
    const char *name = job_hook_file(job->hooks, job->n_hooks, i, &n);
    i -= n;
    for (size_t k = 0; k < job->n_stages && !name; k++) {
        name = job_hook_file(job->stages[k].hooks, job->stages[k].n_hooks, i, &n);
        i -= n;
    }
    for (size_t k = 0; k < job->n_sinks && !name; k++) {
        name = job->sinks[k].path && i-- == 0 ? job->sinks[k].path : NULL;
    }
    return name;
}

/* ---- reading ---- */

int cli_job_parse(cli *c, const char *path, const char *text, size_t bytes, cli_job *out)
{
    job_reader r = {.c = c, .problems = {.c = c, .path = path}};
    *out = (cli_job){0};
    r.code = job_tree_parse(c, text, bytes, &r.problems, &r.tree);
    if (!r.code && r.tree.whole && r.tree.n_nodes > 0) {
        job_read_tree(&r, out);
        if (!r.code && r.tree.nodes[0].type == JOB_MAPPING) {
            job_check(&r, out);
        }
    }
    const int code = job_problems_report(&r.problems, CLI_DATA);
    job_tree_free(c, &r.tree);
    r.code = r.code ? r.code : code;
    if (r.code) {
        cli_job_free(c, out);
    }
    return r.code;
}

/* The bytes of a file, one more than is allowed at most. */
static int job_slurp(cli *c, const char *path, cli_text *out)
{
    char buffer[1 << 14];
    int64_t n = 0;
    const int fd = cli_open_read(c, path);
    if (fd < 0) {
        return cli_fail(c, CLI_NO_INPUT, "cannot read '%s': %s", path, strerror(-fd));
    }
    cli_text_add(c, out, "", 0);
    while (out->size <= CLI_JOB_MAX_BYTES && !out->failed &&
           (n = cli_read(c, fd, buffer, sizeof buffer)) > 0) {
        cli_text_add(c, out, buffer, (size_t)n);
    }
    cli_close(c, fd);
    if (n < 0) {
        return cli_fail(c, CLI_IO, "cannot read '%s': %s", path, strerror((int)-n));
    }
    return cli_text_check(c, out);
}

int cli_job_read(cli *c, const char *path, cli_job *out)
{
    cli_text text = {0};
    *out = (cli_job){0};
    int code = job_slurp(c, path, &text);
    if (!code && text.size > CLI_JOB_MAX_BYTES) {
        code = cli_fail(c, CLI_DATA, "%s:1:1: too large: a job file has at most 1 MiB", path);
    }
    code = code ? code : cli_job_parse(c, path, text.data, text.size, out);
    cli_text_free(c, &text);
    return code;
}

/* ---- the command line ---- */

/* A text of the command line; the record of the job could not hold one that is not UTF-8. */
static int job_override_text(cli *c, const char *option, const char *text, char **out)
{
    char shown[JOB_SHOWN_BYTES];
    if (!text) {
        return CLI_OK;
    }
    if (*text == '\0' || job_utf8_fault(text, strlen(text)) < strlen(text)) {
        return cli_fail(c, CLI_USAGE, "run: %s: '%s' is %s", option, job_shown(text, shown),
                        *text ? "not UTF-8" : "empty");
    }
    return job_set_text(c, out, text) ? CLI_OK : cli_fail(c, CLI_INTERNAL, "out of memory");
}

static int job_override_input(cli *c, const cli_settings *s, cli_job *job)
{
    const size_t n = s->n_inputs > 1 ? (size_t)s->n_inputs - 1 : 0;
    char **fresh = NULL;
    int code = CLI_OK;
    if (n == 0) {
        return CLI_OK;
    }
    if (!cli_resize(c, &fresh, 0, n * sizeof *fresh)) {
        return cli_fail(c, CLI_INTERNAL, "out of memory");
    }
    memset(fresh, 0, n * sizeof *fresh);
    job_free_texts(c, &job->input, &job->n_input);
    job->input = fresh;
    job->n_input = n;
    for (size_t i = 0; i < n && !code; i++) {
        code = job_override_text(c, "IN", s->inputs[i + 1], &fresh[i]);
    }
    return code;
}

static void job_override_number(int64_t value, int64_t *out)
{
    *out = value == CLI_UNSET ? *out : value;
}

int cli_job_override(cli *c, const cli_settings *s, cli_job *job)
{
    int code = job_override_text(c, "--out", s->out, &job->out);
    code = code ? code : job_override_text(c, "--device", s->device, &job->device);
    code = code ? code : job_override_text(c, "--model", s->model, &job->model);
    code = code ? code : job_override_input(c, s, job);
    if (code) {
        return code;
    }
    job_override_number(s->seed, &job->seed);
    job_override_number(s->threads, &job->threads);
    job_override_number(s->max_systems, &job->limits.systems);
    job_override_number(s->max_atoms, &job->limits.atoms);
    job->strict = job->strict || s->strict;
    job->overwrite = job->overwrite || s->overwrite;
    const char *missing = !job->n_input ? "'input', and no IN"
                          : !job->out   ? "'out', and no --out"
                          : !job->model ? "'model', and no --model"
                                        : NULL;
    return missing
               ? cli_fail(c, CLI_USAGE, "run: '%s' has no key %s is given", s->inputs[0], missing)
               : CLI_OK;
}
