/* athanor resume: says again what was said when a directory was made.
 *
 * A job file is in the directory as it was run; other commands are in command.json. The working
 * directory is changed to where the command was given, if that is still there, so that the names
 * of its inputs mean the same.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "json.h"
#include "run.h"

enum { RESUME_WORDS = 1 << 20, RESUME_BYTES = 64 << 20 };

/* A command line that is put together; words are separated by NUL in `text`. */
typedef struct resume_line {
    cli *c;
    cli_text text;
    size_t n;
} resume_line;

static void resume_add(resume_line *l, const char *word)
{
    cli_text_add(l->c, &l->text, word, strlen(word) + 1);
    l->n++;
}

/* Arguments of command.json, in `line`, and where they were given. */
static int resume_parse(const cli_text *file, const char *path, resume_line *line, cli_text *where)
{
    cli *c = line->c;
    cli_json json;
    bool directory = false, arguments = false;
    cli_json_begin(c, file->data, file->size, &json);
    for (cli_json_event e = cli_json_next(&json); e > CLI_JSON_END; e = cli_json_next(&json)) {
        const char *text = json.text.data ? json.text.data : "";
        if (e == CLI_JSON_KEY) {
            directory = strcmp(text, "directory") == 0;
            arguments = strcmp(text, "arguments") == 0;
        } else if (e == CLI_JSON_STRING && directory) {
            cli_text_print(c, where, "%s", text);
            directory = false;
        } else if (e == CLI_JSON_STRING && arguments && line->n < RESUME_WORDS &&
                   strcmp(text, "--overwrite") != 0) {
            resume_add(line, text);
        }
    }
    const bool whole = json.event == CLI_JSON_END && line->n > 1;
    cli_json_free(&json);
    if (line->text.failed || where->failed) {
        return cli_fail(c, CLI_INTERNAL, "out of memory");
    }
    return whole ? CLI_OK : cli_fail(c, CLI_DATA, "'%s' is damaged", path);
}

/* What to say again. */
static int resume_read(const char *folder, resume_line *line, cli_text *where)
{
    cli *c = line->c;
    cli_text path = {0}, job = {0}, file = {0};
    struct stat about;
    int code = cli_folder_path(c, folder, "command.json", &path);
    code = code ? code : cli_folder_path(c, folder, "job.yaml", &job);
    if (!code) {
        const int error = cli_slurp(c, path.data, RESUME_BYTES, &file);
        code = error < 0 ? cli_fail(c, CLI_NO_INPUT, "'%s' is no directory of athanor: %s", folder,
                                    strerror(-error))
                         : CLI_OK;
    }
    resume_add(line, "athanor");
    code = code ? code : resume_parse(&file, path.data, line, where);
    if (!code && stat(job.data, &about) == 0) {
        line->text.size = line->n = 0;
        resume_add(line, "athanor");
        resume_add(line, "run");
        resume_add(line, job.data);
    }
    cli_text_free(c, &file);
    cli_text_free(c, &job);
    cli_text_free(c, &path);
    return code;
}

/* Options that were given to resume itself: all words but the command and DIR. */
static void resume_options(resume_line *line, const char *folder)
{
    const cli *c = line->c;
    for (int i = 2; i < c->argc; i++) {
        if (c->argv[i] != folder) {
            resume_add(line, c->argv[i]);
        }
    }
}

static int resume_say(resume_line *line)
{
    cli *c = line->c;
    char **words = NULL;
    if (line->text.failed || !cli_resize(c, &words, 0, (line->n + 1) * sizeof *words)) {
        return cli_fail(c, CLI_INTERNAL, "out of memory");
    }
    char *at = line->text.data;
    for (size_t i = 0; i < line->n; i++, at += strlen(at) + 1) {
        words[i] = at;
    }
    words[line->n] = NULL;
    const int code = cli_command_line(c, (int)line->n, words);
    (void)cli_resize(c, &words, (line->n + 1) * sizeof *words, 0);
    return code;
}

static int resume_run(cli *c, const cli_settings *s)
{
    resume_line line = {.c = c};
    cli_text where = {0};
    if (s->n_inputs != 1) {
        return cli_fail(c, CLI_USAGE, "resume: needs one directory (try --help)");
    }
    char *folder = realpath(s->inputs[0], NULL);
    if (!folder) {
        return cli_fail(c, CLI_NO_INPUT, "there is no directory '%s'", s->inputs[0]);
    }
    int code = resume_read(folder, &line, &where);
    if (!code) {
        resume_options(&line, s->inputs[0]);
        resume_add(&line, "--out");
        resume_add(&line, folder);
        if (where.size > 0 && chdir(where.data) < 0) {
            cli_warn(c, "there is no '%s' any more: inputs are looked for here", where.data);
        }
        code = resume_say(&line);
    }
    cli_text_free(c, &where);
    cli_text_free(c, &line.text);
    free(folder);
    return code;
}

const cli_command cli_command_resume = {
    .name = "resume",
    .bit = CLI_RESUME,
    .operands = "DIR",
    .summary = "go on with a run that was stopped, or killed",
    .about =
        "Goes on in the directory of relax, md, static or run, with what was said when it was "
        "made; options\n"
        "given here come on top. What has finished is not done again, and the results have the "
        "same bits\n"
        "as if nothing had happened. The same command line does the same.",
    .run = resume_run,
};
