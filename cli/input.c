/* Input: patterns are expanded here (the shell does so only for those that are not quoted), every
 * file is looked for before any work begins, and the rest is the library's sampler.
 *
 * Order: the sampler numbers the systems that it hands out, k = 0, 1, ... A system sorts with key 2
 * k + 1, a structure that was refused when n systems had been handed out with key 2 n.
 *
 * A sampler that chooses by size hands out in another order. There every structure is numbered on
 * its way from the files to that sampler, k = 0, 1, ..., refused ones included; a system carries
 * its number in a field of its own. Refusals come in the order of the input, when they are read, so
 * that what was just refused is what was just read. The model is asked on that way, too: later it
 * would not be known any more where in the input the structure was.
 */
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <athanor/extxyz.h>

#include "input.h"

static const int64_t INPUT_COUNT_BYTES = 1 << 28; /* larger inputs are not counted beforehand */

/* Length of the path without its slice: behind the last '@' only digits, signs and colons. */
static size_t input_bare(const char *text)
{
    const char *at = strrchr(text, '@');
    if (!at || at == text || at[1] == '\0' || at[1 + strspn(at + 1, "+-0123456789:")] != '\0') {
        return strlen(text);
    }
    return (size_t)(at - text);
}

/* Adds path + suffix. */
static int input_add(cli *c, cli_input *in, const char *path, size_t bytes, const char *suffix)
{
    char *copy = NULL;
    if (in->n_paths == in->max_paths) {
        const size_t n = in->max_paths ? 2 * in->max_paths : 16;
        if (!cli_resize(c, &in->paths, in->max_paths * sizeof *in->paths, n * sizeof *in->paths)) {
            return cli_fail(c, CLI_INTERNAL, "out of memory");
        }
        in->max_paths = n;
    }
    const size_t tail = strlen(suffix);
    if (!cli_resize(c, &copy, 0, bytes + tail + 1)) {
        return cli_fail(c, CLI_INTERNAL, "out of memory");
    }
    memcpy(copy, path, bytes);
    memcpy(copy + bytes, suffix, tail + 1);
    in->paths[in->n_paths++] = copy;
    return CLI_OK;
}

/* All files that match, in the order of their names. */
static int input_expand(cli *c, cli_input *in, const char *pattern, const char *suffix)
{
    glob_t found = {0};
    const int result = glob(pattern, 0, NULL, &found);
    int code = CLI_OK;
    if (result == GLOB_NOSPACE) {
        code = cli_fail(c, CLI_INTERNAL, "out of memory");
    } else if (result != 0) {
        code = cli_fail(c, CLI_NO_INPUT, "no file matches '%s'", pattern);
    }
    for (size_t i = 0; i < found.gl_pathc && !code; i++) {
        code = input_add(c, in, found.gl_pathv[i], strlen(found.gl_pathv[i]), suffix);
    }
    globfree(&found);
    return code;
}

/* One operand: a file as it stands, or a pattern; the slice goes to every match. */
static int input_operand(cli *c, cli_input *in, const char *text)
{
    struct stat about;
    cli_text path = {0};
    const size_t bare = input_bare(text);
    cli_text_add(c, &path, text, bare);
    int code = cli_text_check(c, &path);
    if (code) {
        cli_text_free(c, &path);
        return code;
    }
    if (strcmp(path.data, "-") == 0) {
        code = input_add(c, in, text, strlen(text), "");
    } else if (stat(path.data, &about) == 0) {
        if (S_ISREG(about.st_mode) && about.st_size == 0) {
            cli_warn(c, "'%s' is empty", path.data);
        }
        code = S_ISDIR(about.st_mode) ? cli_fail(c, CLI_NO_INPUT, "'%s' is a directory", path.data)
                                      : input_add(c, in, text, strlen(text), "");
    } else if (strpbrk(path.data, "*?[")) {
        code = input_expand(c, in, path.data, text + bare);
    } else {
        code = cli_fail(c, CLI_NO_INPUT, "cannot read '%s': %s", path.data, strerror(errno));
    }
    cli_text_free(c, &path);
    return code;
}

int cli_input_open(cli *c, const cli_settings *settings, cli_input *in)
{
    int code = CLI_OK;
    in->total = -1;
    for (int i = 0; i < settings->n_inputs && !code; i++) {
        code = input_operand(c, in, settings->inputs[i]);
    }
    if (code) {
        return code;
    }
    const ath_status status = ath_sampler_from_files(c->ctx, (const char *const *)in->paths,
                                                     (int64_t)in->n_paths, &in->sampler);
    return status < 0 ? cli_fail_status(c, status) : CLI_OK;
}

/* ---- choosing by size ---- */

/* The next structure of the files, numbered. */
static ath_status input_next(void *user, ath_system **out)
{
    cli_input *in = user;
    void *number = NULL;
    ath_status status = in->pending ? ATH_OK : ath_sampler_next(in->files, -1, &in->pending);
    if (status == ATH_OK) {
        status = ath_model_accepts(in->model, in->pending);
        if (status == ATH_E_UNSUPPORTED) {
            ath_system_destroy(&in->pending);
            status = ATH_E_FORMAT;
        }
    }
    if (status == ATH_OK) {
        status = ath_system_field(in->pending, in->number, &number);
    }
    if (status == ATH_OK) {
        memcpy(number, &in->n_read, sizeof in->n_read);
        *out = in->pending;
        in->pending = NULL;
    }
    in->n_read += status == ATH_OK || status == ATH_E_FORMAT;
    return status;
}

static ath_status input_by_size(cli *c, cli_input *in, const cli_input_limits *limits)
{
    const ath_sampler_size_config config = {
        .size = sizeof config,
        .source = in->numbered,
        .max_atoms = limits->atoms,
        .max_edges = limits->edges,
        .max_systems = (int32_t)limits->systems,
        .edge_cutoff = limits->edges > 0 ? ath_model_cutoff(in->model) : 0.0,
    };
    return ath_sampler_by_size(c->ctx, &config, &in->sampler);
}

int cli_input_limit(cli *c, cli_input *in, const ath_model *model, const cli_input_limits *limits)
{
    const ath_field_info number = {.name = "athanor_input_number",
                                   .level = ATH_LEVEL_SYSTEM,
                                   .dtype = ATH_I64,
                                   .width = 1,
                                   .unit = "",
                                   .fallback = -1,
                                   .help = "place in the input"};
    if (limits->atoms == 0 && limits->edges == 0) {
        return CLI_OK;
    }
    if (limits->edges > 0 && !(ath_model_cutoff(model) > 0.0)) {
        return cli_fail(c, CLI_DATA, "a limit of edges needs a model with a cutoff: '%s' has none",
                        ath_model_name(model));
    }
    in->model = model;
    in->files = in->sampler;
    in->sampler = NULL;
    ath_status status = ath_field_register(c->ctx, &number, &in->number);
    status = status < 0 ? status : ath_sampler_from_callback(c->ctx, input_next, in, &in->numbered);
    status = status < 0 ? status : input_by_size(c, in, limits);
    return status < 0 ? cli_fail_status(c, status) : CLI_OK;
}

void cli_input_close(cli *c, cli_input *in)
{
    ath_sampler_destroy(&in->sampler);
    ath_sampler_destroy(&in->numbered);
    ath_sampler_destroy(&in->files);
    ath_system_destroy(&in->pending);
    for (size_t i = 0; i < in->n_paths; i++) {
        (void)cli_resize(c, &in->paths[i], strlen(in->paths[i]) + 1, 0);
    }
    (void)cli_resize(c, &in->paths, in->max_paths * sizeof *in->paths, 0);
    *in = (cli_input){.total = -1};
}

/* Frames of a file, -1 if that cannot be said. Takes from *bytes what it reads. */
static int64_t input_frames(cli *c, const char *path, int64_t *bytes)
{
    struct stat about;
    ath_extxyz_reader *reader = NULL;
    ath_status status = ATH_OK;
    if (strcmp(path, "-") == 0 || stat(path, &about) < 0 || !S_ISREG(about.st_mode) ||
        about.st_size > *bytes || ath_extxyz_open(c->ctx, path, &reader) < 0) {
        return -1;
    }
    *bytes -= about.st_size;
    do {
        status = ath_extxyz_skip(reader);
    } while (status == ATH_OK || status == ATH_E_FORMAT);
    const int64_t n = ath_extxyz_frame(reader) + 1;
    ath_extxyz_close(&reader);
    return status == ATH_END ? n : -1;
}

/* How many of n frames a slice "@..." selects. */
static int64_t input_selected(const char *slice, int64_t n)
{
    long long bound[3] = {0, n, 1};
    int part = 0;
    if (*slice != '@') {
        return n;
    }
    if (!strchr(slice, ':')) {
        return 1;
    }
    for (const char *p = slice + 1; part < 3; part++) {
        const size_t length = strcspn(p, ":");
        if (length > 0) {
            char *end = NULL;
            bound[part] = strtoll(p, &end, 10);
            if (end != p + length) {
                return -1;
            }
        }
        p += length;
        if (*p++ == '\0') {
            break;
        }
    }
    for (int k = 0; k < 2; k++) {
        bound[k] += bound[k] < 0 ? n : 0;
        bound[k] = bound[k] < 0 ? 0 : bound[k] > n ? n : bound[k];
    }
    if (bound[2] < 1) {
        return -1;
    }
    return bound[1] > bound[0] ? (bound[1] - bound[0] + bound[2] - 1) / bound[2] : 0;
}

void cli_input_count(cli *c, cli_input *in)
{
    int64_t total = 0, bytes = INPUT_COUNT_BYTES;
    for (size_t i = 0; i < in->n_paths && total >= 0; i++) {
        char *path = in->paths[i], *slice = path + input_bare(path);
        const char at = *slice;
        *slice = '\0';
        const int64_t n = input_frames(c, path, &bytes);
        *slice = at;
        const int64_t selected = n < 0 ? -1 : input_selected(slice, n);
        total = selected < 0 ? -1 : total + selected;
    }
    in->total = total;
}

int64_t cli_input_taken(const cli_input *in)
{
    ath_sampler_counts counts = {.size = sizeof counts};
    return ath_sampler_count(in->sampler, &counts) < 0 ? -1 : counts.n_systems + counts.n_refused;
}

int64_t cli_input_key(const cli_input *in, const ath_system *system)
{
    const ath_field_id field = in->files ? in->number : ATH_FIELD_SYSTEM_ID;
    const int64_t *label = ath_system_peek(system, field);
    return label ? 2 * *label + 1 : -1;
}

int64_t cli_input_refused_key(const cli_input *in)
{
    ath_sampler_counts counts = {.size = sizeof counts};
    if (in->files) {
        return 2 * (in->n_read - 1) + 1;
    }
    return ath_sampler_count(in->sampler, &counts) < 0 ? -1 : 2 * counts.n_systems;
}

const char *cli_input_refused(const cli_input *in, const char *file, int64_t *frame)
{
    return in->files ? ath_sampler_where(in->files, frame) : file;
}
