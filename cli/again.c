/* Command lines said again; see again.h. --overwrite is left out: what is there is to be kept. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "again.h"
#include "json.h"
#include "run.h"

enum { AGAIN_WORDS = 1 << 20, AGAIN_BYTES = 64 << 20 };

void cli_again_add(cli_again *l, const char *word)
{
    cli_text_add(l->c, &l->words, word, strlen(word) + 1);
    l->n++;
}

static int again_check(const cli_again *l)
{
    return l->words.failed || l->where.failed || l->job.failed
               ? cli_fail(l->c, CLI_INTERNAL, "out of memory")
               : CLI_OK;
}

/* Arguments of command.json, and where they were given. */
static int again_parse(cli_again *l, const cli_text *file, const char *path)
{
    cli *c = l->c;
    cli_json json;
    bool directory = false, arguments = false;
    cli_json_begin(c, file->data, file->size, &json);
    cli_again_add(l, "athanor");
    for (cli_json_event e = cli_json_next(&json); e > CLI_JSON_END; e = cli_json_next(&json)) {
        const char *text = json.text.data ? json.text.data : "";
        if (e == CLI_JSON_KEY) {
            directory = strcmp(text, "directory") == 0;
            arguments = strcmp(text, "arguments") == 0;
        } else if (e == CLI_JSON_STRING && directory) {
            cli_text_print(c, &l->where, "%s", text);
            directory = false;
        } else if (e == CLI_JSON_STRING && arguments && l->n < AGAIN_WORDS &&
                   strcmp(text, "--overwrite") != 0) {
            cli_again_add(l, text);
        }
    }
    const bool whole = json.event == CLI_JSON_END && l->n > 1;
    cli_json_free(&json);
    const int code = again_check(l);
    return code || whole ? code : cli_fail(c, CLI_DATA, "'%s' is damaged", path);
}

static int again_job(cli_again *l, const char *path)
{
    l->words.size = l->n = 0;
    cli_again_add(l, "athanor");
    cli_again_add(l, "run");
    cli_again_add(l, path);
    return again_check(l);
}

int cli_again_folder(cli_again *l, const char *folder)
{
    cli *c = l->c;
    cli_text path = {0}, job = {0}, file = {0};
    struct stat about;
    int code = cli_folder_path(c, folder, "command.json", &path);
    code = code ? code : cli_folder_path(c, folder, "job.yaml", &job);
    if (!code) {
        const int error = cli_slurp(c, path.data, AGAIN_BYTES, &file);
        code = error < 0 ? cli_fail(c, CLI_NO_INPUT, "'%s' is no directory of a run: %s", folder,
                                    strerror(-error))
                         : CLI_OK;
    }
    code = code ? code : again_parse(l, &file, path.data);
    if (!code && stat(job.data, &about) == 0) {
        code = again_job(l, job.data);
    }
    if (!code) {
        cli_again_add(l, "--out");
        cli_again_add(l, folder);
    }
    cli_text_free(c, &file);
    cli_text_free(c, &job);
    cli_text_free(c, &path);
    return code;
}

/* A file for the text of a job, which the command reads. */
static int again_write_job(cli_again *l, const cli_text *job)
{
    cli *c = l->c;
    const char *folder = getenv("TMPDIR");
    cli_file file;
    cli_text_print(c, &l->job, "%s/athanor-job-XXXXXX", folder && *folder ? folder : "/tmp");
    if (again_check(l)) {
        return CLI_INTERNAL;
    }
    const int fd = mkstemp(l->job.data);
    if (fd < 0) {
        cli_text_free(c, &l->job);
        return cli_fail(c, CLI_CANNOT_CREATE, "cannot create a file in the temporary directory: %s",
                        strerror(errno));
    }
    (void)close(fd);
    int code = cli_file_create(c, l->job.data, &file);
    if (!code) {
        cli_file_write(&file, job->data, job->size);
        code = cli_file_close(&file);
    }
    return code ? code : again_job(l, l->job.data);
}

int cli_again_texts(cli_again *l, const cli_text *command, const cli_text *job, const char *name)
{
    const int code = again_parse(l, command, name);
    return code || !job ? code : again_write_job(l, job);
}

int cli_again_say(cli_again *l)
{
    cli *c = l->c;
    char **words = NULL;
    if (again_check(l) || !cli_resize(c, &words, 0, (l->n + 1) * sizeof *words)) {
        return cli_fail(c, CLI_INTERNAL, "out of memory");
    }
    char *at = l->words.data;
    for (size_t i = 0; i < l->n; i++, at += strlen(at) + 1) {
        words[i] = at;
    }
    words[l->n] = NULL;
    if (l->where.size > 0 && chdir(l->where.data) < 0) {
        cli_warn(c, "there is no '%s' any more: inputs are looked for here", l->where.data);
    }
    const int code = cli_command_line(c, (int)l->n, words);
    (void)cli_resize(c, &words, (l->n + 1) * sizeof *words, 0);
    return code;
}

void cli_again_free(cli_again *l)
{
    if (l->job.size > 0) {
        (void)cli_unlink(l->c, l->job.data);
    }
    cli_text_free(l->c, &l->words);
    cli_text_free(l->c, &l->where);
    cli_text_free(l->c, &l->job);
}
