/* Reads DIR/job.json (record.c). Keys that are not known are passed over, so that a newer program
 * may write more. The file is somebody else's by the time it is read: it is limited in size, and
 * whatever is wrong with it is one message with its line.
 *
 * Without `stages` there is one stage with the name of the command.
 */
#include <errno.h>
#include <string.h>

#include "form.h"
#include "json.h"
#include "manifest.h"

typedef struct manifest_reader {
    cli *c;
    cli_json json;
    cli_manifest *out;
    const char *problem; /* what the JSON is, and should not be */
    size_t max_stages, max_options;
    bool momenta;
} manifest_reader;

/* A copy in *out, whose old one is freed. False: out of memory. */
static bool manifest_copy(cli *c, char **out, const char *text)
{
    const size_t bytes = strlen(text) + 1;
    char *fresh = NULL;
    if (!cli_resize(c, &fresh, 0, bytes)) {
        return false;
    }
    memcpy(fresh, text, bytes);
    if (*out) {
        (void)cli_resize(c, out, strlen(*out) + 1, 0);
    }
    *out = fresh;
    return true;
}

static void manifest_drop(cli *c, char **text)
{
    if (*text) {
        (void)cli_resize(c, text, strlen(*text) + 1, 0);
    }
}

void cli_manifest_free(cli *c, cli_manifest *m)
{
    char **const texts[] = {&m->program, &m->command, &m->model, &m->model_hash};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        manifest_drop(c, texts[i]);
    }
    for (size_t i = 0; i < m->n_stages; i++) {
        manifest_drop(c, &m->stages[i].name);
        manifest_drop(c, &m->stages[i].integrator);
    }
    for (size_t i = 0; i < m->n_options; i++) {
        manifest_drop(c, &m->options[i].name);
        manifest_drop(c, &m->options[i].value);
    }
    (void)cli_resize(c, &m->stages, m->n_stages * sizeof *m->stages, 0);
    (void)cli_resize(c, &m->options, m->n_options * sizeof *m->options, 0);
    *m = (cli_manifest){0};
}

/* The value that follows, which must be a text. False: it is none, or there is no memory. */
static bool manifest_text(manifest_reader *r, char **out)
{
    const cli_json_event event = cli_json_next(&r->json);
    if (event == CLI_JSON_STRING) {
        if (!manifest_copy(r->c, out, r->json.text.data)) {
            r->json.text.failed = true;
            return false;
        }
        return true;
    }
    r->problem = event == CLI_JSON_ERROR ? NULL : "a text is wanted here";
    return false;
}

/* One more entry, all zero. */
static void *manifest_more(manifest_reader *r, void *list, size_t *n, size_t bytes)
{
    char *entries = NULL;
    if (!cli_resize(r->c, list, *n * bytes, (*n + 1) * bytes)) {
        r->json.text.failed = true;
        return NULL;
    }
    memcpy(&entries, list, sizeof entries);
    return memset(entries + (*n)++ * bytes, 0, bytes);
}

static bool manifest_stage(manifest_reader *r)
{
    cli_manifest *m = r->out;
    if (m->n_stages == CLI_MANIFEST_STAGES) {
        r->problem = "there are too many stages";
        return false;
    }
    cli_manifest_stage *stage = manifest_more(r, &m->stages, &m->n_stages, sizeof *stage);
    while (stage && cli_json_next(&r->json) == CLI_JSON_KEY) {
        const char *key = r->json.text.data;
        char **to = strcmp(key, "name") == 0         ? &stage->name
                    : strcmp(key, "integrator") == 0 ? &stage->integrator
                                                     : NULL;
        if (to ? !manifest_text(r, to) : !cli_json_skip(&r->json)) {
            return false;
        }
    }
    if (stage && r->json.event != CLI_JSON_ERROR && !stage->name) {
        r->problem = "a stage has no name";
    }
    return stage && stage->name && r->json.event == CLI_JSON_OBJECT_END;
}

static bool manifest_stages(manifest_reader *r)
{
    cli_json *j = &r->json;
    if (r->out->n_stages > 0) {
        r->problem = "the stages are given twice";
        return false;
    }
    if (cli_json_next(j) != CLI_JSON_ARRAY) {
        r->problem = j->event == CLI_JSON_ERROR ? NULL : "a list is wanted here";
        return false;
    }
    while (cli_json_next(j) == CLI_JSON_OBJECT) {
        if (!manifest_stage(r)) {
            return false;
        }
    }
    if (j->event != CLI_JSON_ARRAY_END) {
        r->problem = j->event == CLI_JSON_ERROR ? NULL : "a stage is an object";
    }
    return j->event == CLI_JSON_ARRAY_END;
}

/* Values as they stand there, texts without their quotes. */
static bool manifest_options(manifest_reader *r)
{
    cli_manifest *m = r->out;
    cli_json *j = &r->json;
    if (cli_json_next(j) != CLI_JSON_OBJECT) {
        r->problem = j->event == CLI_JSON_ERROR ? NULL : "an object is wanted here";
        return false;
    }
    while (cli_json_next(j) == CLI_JSON_KEY) {
        if (m->n_options == CLI_MANIFEST_OPTIONS) {
            r->problem = "there are too many options";
            return false;
        }
        cli_manifest_option *o = manifest_more(r, &m->options, &m->n_options, sizeof *o);
        if (!o || !manifest_copy(r->c, &o->name, j->text.data)) {
            j->text.failed = true;
            return false;
        }
        const cli_json_event event = cli_json_next(j);
        const char *word = event == CLI_JSON_TRUE    ? "true"
                           : event == CLI_JSON_FALSE ? "false"
                                                     : j->text.data;
        if (event == CLI_JSON_OBJECT || event == CLI_JSON_ARRAY) {
            r->problem = "an option is a text, a number, true, false or null";
            return false;
        }
        if (event != CLI_JSON_NULL && event != CLI_JSON_ERROR &&
            !manifest_copy(r->c, &o->value, word)) {
            j->text.failed = true;
            return false;
        }
    }
    return j->event == CLI_JSON_OBJECT_END;
}

static bool manifest_inputs(manifest_reader *r)
{
    cli_json *j = &r->json;
    if (cli_json_next(j) != CLI_JSON_ARRAY) {
        r->problem = j->event == CLI_JSON_ERROR ? NULL : "a list is wanted here";
        return false;
    }
    while (cli_json_next(j) == CLI_JSON_STRING) {
        r->out->n_inputs++;
    }
    if (j->event != CLI_JSON_ARRAY_END) {
        r->problem = j->event == CLI_JSON_ERROR ? NULL : "an input is a text";
    }
    return j->event == CLI_JSON_ARRAY_END;
}

static bool manifest_momenta(manifest_reader *r)
{
    static const char *const words[] = {"all", "moving", "none"};
    cli_json *j = &r->json;
    if (cli_json_next(j) == CLI_JSON_STRING) {
        for (int i = 0; i < 3; i++) {
            if (strcmp(j->text.data, words[i]) == 0) {
                r->out->momenta = (cli_momenta)i;
                r->momenta = true;
                return true;
            }
        }
    }
    r->problem = j->event == CLI_JSON_ERROR ? NULL : "it is all, moving or none";
    return false;
}

/* The only integrator of a command that has no stages. */
static bool manifest_integrator(manifest_reader *r, char **integrator)
{
    if (cli_json_next(&r->json) == CLI_JSON_NULL) {
        return true;
    }
    if (r->json.event != CLI_JSON_STRING) {
        r->problem = r->json.event == CLI_JSON_ERROR ? NULL : "a text is wanted here";
        return false;
    }
    if (!manifest_copy(r->c, integrator, r->json.text.data)) {
        r->json.text.failed = true;
        return false;
    }
    return true;
}

static bool manifest_key(manifest_reader *r, char **integrator)
{
    const char *key = r->json.text.data;
    const struct {
        const char *key;
        char **text;
    } texts[] = {{"program", &r->out->program},
                 {"command", &r->out->command},
                 {"model", &r->out->model},
                 {"model_hash", &r->out->model_hash}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strcmp(key, texts[i].key) == 0) {
            return manifest_text(r, texts[i].text);
        }
    }
    return strcmp(key, "stages") == 0       ? manifest_stages(r)
           : strcmp(key, "options") == 0    ? manifest_options(r)
           : strcmp(key, "inputs") == 0     ? manifest_inputs(r)
           : strcmp(key, "momenta") == 0    ? manifest_momenta(r)
           : strcmp(key, "integrator") == 0 ? manifest_integrator(r, integrator)
                                            : cli_json_skip(&r->json);
}

/* What is not there. */
static bool manifest_complete(manifest_reader *r, const char *integrator)
{
    cli_manifest *m = r->out;
    char **const texts[] = {&m->program, &m->command, &m->model, &m->model_hash};
    bool good = true;
    for (size_t i = 0; i < sizeof texts / sizeof *texts && good; i++) {
        good = *texts[i] || manifest_copy(r->c, texts[i], "");
    }
    if (good && m->n_stages == 0) {
        cli_manifest_stage *stage = manifest_more(r, &m->stages, &m->n_stages, sizeof *stage);
        good = stage && manifest_copy(r->c, &stage->name, m->command) &&
               (!integrator || manifest_copy(r->c, &stage->integrator, integrator));
    }
    for (size_t i = 0; i < m->n_stages && good; i++) {
        good = m->stages[i].integrator || manifest_copy(r->c, &m->stages[i].integrator, "");
    }
    if (good && !r->momenta) {
        m->momenta = strcmp(m->command, "md") == 0 ? CLI_MOMENTA_ALL : CLI_MOMENTA_MOVING;
    }
    r->json.text.failed = r->json.text.failed || !good;
    return good;
}

static bool manifest_document(manifest_reader *r)
{
    char *integrator = NULL;
    bool good = cli_json_next(&r->json) == CLI_JSON_OBJECT;
    if (!good && r->json.event != CLI_JSON_ERROR) {
        r->problem = "it is no object";
    }
    while (good && cli_json_next(&r->json) == CLI_JSON_KEY) {
        good = manifest_key(r, &integrator);
    }
    good = good && r->json.event == CLI_JSON_OBJECT_END && cli_json_next(&r->json) == CLI_JSON_END;
    if (good && !r->out->command) {
        r->problem = "there is no command in it";
        good = false;
    }
    good = good && manifest_complete(r, integrator);
    manifest_drop(r->c, &integrator);
    return good;
}

int cli_manifest_parse(cli *c, const char *path, const char *data, size_t bytes, cli_manifest *out)
{
    manifest_reader r = {.c = c, .out = out};
    int code = CLI_OK;
    *out = (cli_manifest){0};
    cli_json_begin(c, data, bytes, &r.json);
    if (!manifest_document(&r)) {
        const char *problem = r.problem ? r.problem : r.json.problem;
        code = r.json.text.failed ? cli_fail(c, CLI_INTERNAL, "out of memory")
                                  : cli_fail(c, CLI_DATA, "%s:%d: not a record of a run: %s", path,
                                             r.json.line, problem ? problem : "it is incomplete");
        cli_manifest_free(c, out);
    }
    cli_json_free(&r.json);
    return code;
}

int cli_manifest_read(cli *c, const char *folder, cli_manifest *out)
{
    cli_text path = {0}, text = {0};
    *out = (cli_manifest){0};
    cli_text_print(c, &path, "%s/job.json", folder);
    int code = cli_text_check(c, &path);
    const int error = code ? 0 : cli_slurp(c, path.data, CLI_MANIFEST_BYTES, &text);
    if (error == -ENOENT || error == -ENOTDIR) {
        code =
            cli_fail(c, CLI_NO_INPUT, "'%s' is no directory of a run: it has no job.json", folder);
    } else if (error == -EFBIG) {
        code = cli_fail(c, CLI_DATA, "'%s' is too large to be a record of a run", path.data);
    } else if (error == -ENOMEM) {
        code = cli_fail(c, CLI_INTERNAL, "out of memory");
    } else if (error < 0) {
        code = cli_fail(c, error == -EACCES || error == -EISDIR ? CLI_NO_INPUT : CLI_IO,
                        "cannot read '%s': %s", path.data, strerror(-error));
    }
    code = code ? code : cli_manifest_parse(c, path.data, text.data, text.size, out);
    cli_text_free(c, &text);
    cli_text_free(c, &path);
    return code;
}

void cli_manifest_provenance(cli *c, const cli_manifest *m, cli_text *out)
{
    cli_text value = {0};
    cli_text_add(c, &value, m->model, strcspn(m->model, ":"));
    cli_text_print(c, out, "model=");
    cli_form_word(c, out, value.data ? value.data : "");
    cli_text_print(c, out, " model_hash=");
    cli_form_word(c, out, m->model_hash);
    value.size = 0;
    cli_text_add(c, &value, m->program, strlen(m->program));
    for (size_t i = 0; i < value.size; i++) { /* "athanor 0.1.0" there, "athanor-0.1.0" here */
        value.data[i] = value.data[i] == ' ' ? '-' : value.data[i];
    }
    cli_text_print(c, out, " program=");
    cli_form_word(c, out, value.data ? value.data : "");
    out->failed = out->failed || value.failed;
    cli_text_free(c, &value);
}

int32_t cli_manifest_stage_of(const cli_manifest *m, const char *name)
{
    for (size_t i = 0; i < m->n_stages; i++) {
        if (strcmp(m->stages[i].name, name) == 0) {
            return (int32_t)i;
        }
    }
    return -1;
}
