/* The output directory. It appears by one rename with its job record inside, so that a directory of
 * this name is always one of a whole job; the same job goes on in it. Replacing moves the old one
 * aside first and removes only files that this program writes: a directory with anything else in it
 * is refused. What hooks and sinks of an earlier job were to write, its job.yaml says.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "job.h"
#include "json.h"
#include "run.h"

static const char *const folder_names[] = {"job.json",
                                           "job.yaml",
                                           "command.json",
                                           "final.extxyz",
                                           "traj.extxyz",
                                           "thermo.csv",
                                           "results.csv",
                                           "run.log",
                                           "checkpoint.",
                                           "reserve",
                                           "STOP",
                                           "progress.json",
                                           "report.html",
                                           "journal",
                                           "quarantine",
                                           "validate.csv",
                                           "energy_drift.svg",
                                           "temperature.svg",
                                           "volume.svg",
                                           "volume_ratio.svg",
                                           NULL};
/* Those of them that are directories. */
static const char *const folder_folders[] = {"journal", "quarantine", NULL};

static bool folder_begins(const char *name, const char *ours)
{
    return strncmp(name, ours, strlen(ours)) == 0;
}

/* One of ours, or what a stopped program left of one (final.extxyz.tmp). */
static bool folder_is_ours(const cli_job *job, const char *name)
{
    const char *file = NULL;
    for (int i = 0; folder_names[i]; i++) {
        if (folder_begins(name, folder_names[i])) {
            return true;
        }
    }
    for (size_t i = 0; (file = cli_job_file(job, i)) != NULL; i++) {
        if (folder_begins(name, file)) {
            return true;
        }
    }
    return false;
}

int cli_folder_path(cli *c, const char *folder, const char *name, cli_text *out)
{
    *out = (cli_text){0};
    cli_text_print(c, out, "%s/%s", folder, name);
    return cli_text_check(c, out);
}

typedef struct folder_visitor {
    cli *c;
    const char *path;
    const cli_job *job; /* of the directory */
    int (*visit)(const struct folder_visitor *visitor, const char *name);
} folder_visitor;

/* Calls `visit` for each entry; stops at the first non-zero result and returns it. */
static int folder_each(const folder_visitor *visitor)
{
    const char *path = visitor->path;
    DIR *directory = opendir(path);
    const struct dirent *entry = NULL;
    int code = directory ? 0 : -errno;
    while (directory && code == 0 && (entry = readdir(directory)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            code = visitor->visit(visitor, entry->d_name);
        }
    }
    if (directory) {
        closedir(directory);
    }
    return code;
}

static int folder_visit_foreign(const folder_visitor *v, const char *name)
{
    return folder_is_ours(v->job, name)
               ? 0
               : cli_fail(v->c, CLI_CANNOT_CREATE,
                          "'%s' holds '%s', which is no result of athanor: it is not replaced",
                          v->path, name);
}

static int folder_visit_all(const folder_visitor *v, const char *name)
{
    cli_text file = {0};
    int code = cli_folder_path(v->c, v->path, name, &file);
    code = code ? code : cli_unlink(v->c, file.data);
    cli_text_free(v->c, &file);
    return code;
}

/* A directory of ours with all that is in it. */
static int folder_remove_inner(cli *c, const char *path)
{
    const folder_visitor visitor = {c, path, NULL, folder_visit_all};
    const int code = folder_each(&visitor);
    return code ? code : rmdir(path) < 0 ? -errno : 0;
}

static int folder_visit_unlink(const folder_visitor *v, const char *name)
{
    cli_text file = {0};
    bool inner = false;
    int code = folder_is_ours(v->job, name) ? cli_folder_path(v->c, v->path, name, &file) : 0;
    for (int i = 0; folder_folders[i]; i++) {
        inner = inner || strcmp(name, folder_folders[i]) == 0;
    }
    if (!code && file.data) {
        code = inner ? folder_remove_inner(v->c, file.data) : cli_unlink(v->c, file.data);
    }
    cli_text_free(v->c, &file);
    return code;
}

/* Removes a directory of ours; what cannot be removed stays, with a warning. */
static void folder_remove(cli *c, const char *path, const cli_job *job)
{
    const folder_visitor visitor = {c, path, job, folder_visit_unlink};
    const int code = folder_each(&visitor);
    if (code || rmdir(path) < 0) {
        cli_warn(c, "cannot remove '%s'", path);
    }
}

/* The job of an earlier run, if it was one of a job file. */
static int folder_read_job(cli *c, const char *path, cli_job *out)
{
    cli_text record = {0};
    struct stat about;
    int code = cli_folder_path(c, path, "job.yaml", &record);
    *out = (cli_job){0};
    if (!code && lstat(record.data, &about) == 0) {
        code = cli_job_read(c, record.data, out);
        if (code == CLI_DATA || code == CLI_NO_INPUT) {
            code =
                cli_fail(c, CLI_CANNOT_CREATE,
                         "'%s' is no job of this version: '%s' is not replaced", record.data, path);
        }
    }
    cli_text_free(c, &record);
    return code;
}

void cli_folder_without_version(cli_text *record)
{
    static const char key[] = "\n  \"program\": ";
    char *line = record->data ? strstr(record->data, key) : NULL;
    if (line) {
        char *end = line + 1 + strcspn(line + 1, "\n");
        memmove(line, end, strlen(end) + 1);
        record->size = strlen(record->data);
    }
}

/* The first line in which two records differ; NULL: they do not. */
static const char *folder_differs(const char *theirs, const char *ours)
{
    const char *line = theirs;
    for (; *theirs == *ours; theirs++, ours++) {
        if (*theirs == '\0') {
            return NULL;
        }
        line = *theirs == '\n' ? theirs + 1 : line;
    }
    return line;
}

/* A name that is taken: by the same job, which goes on, or by something else. job NULL: none of
 * ours goes on in it. */
static int folder_occupied(cli *c, const char *path, const cli_text *job, bool *resumes)
{
    cli_text name = {0}, theirs = {0}, ours = {0};
    const char *line = NULL;
    int code = cli_folder_path(c, path, "job.json", &name);
    const int error = code ? 0 : cli_slurp(c, name.data, CLI_MANIFEST_BYTES, &theirs);
    if (!code && error < 0) {
        code = error == -ENOENT || error == -ENOTDIR || error == -EISDIR
                   ? cli_fail(c, CLI_CANNOT_CREATE, "'%s' exists", path)
                   : cli_fail(c, CLI_IO, "cannot read '%s': %s", name.data, strerror(-error));
    }
    if (!code && job) {
        cli_text_add(c, &ours, job->data, job->size);
        cli_folder_without_version(&theirs);
        cli_folder_without_version(&ours);
        code = cli_text_check(c, &ours);
        line = code ? NULL : folder_differs(theirs.data, ours.data);
    }
    if (line) {
        line += strspn(line, " ");
        code = cli_fail(c, CLI_CANNOT_CREATE,
                        "'%s' holds another job (its record has %.*s); --overwrite replaces it",
                        path, (int)strcspn(line, "\n"), line);
    }
    if (!code && !job) {
        code = cli_fail(c, CLI_CANNOT_CREATE, "'%s' exists; --overwrite replaces it", path);
    }
    *resumes = !code;
    cli_text_free(c, &ours);
    cli_text_free(c, &theirs);
    cli_text_free(c, &name);
    return code;
}

/* Whether a process works on it. */
static int folder_busy(cli *c, const char *path)
{
    ath_journal_glance glance = {.size = sizeof glance};
    cli_text journal = {0};
    int code = cli_folder_path(c, path, "journal", &journal);
    if (!code) {
        (void)ath_journal_look(c->ctx, journal.data, &glance); /* there may be no record yet */
    }
    if (!code && glance.writing) {
        code = cli_fail(c, CLI_CANNOT_CREATE, "'%s' is being worked on by another process", path);
    }
    cli_text_free(c, &journal);
    return code;
}

static int folder_check(cli *c, const char *path, bool overwrite, const cli_text *record,
                        bool *resumes)
{
    struct stat about;
    if (!*path) {
        return cli_fail(c, CLI_USAGE, "--out is empty");
    }
    if (lstat(path, &about) < 0) {
        return errno == ENOENT ? CLI_OK
                               : cli_fail(c, CLI_CANNOT_CREATE, "cannot create '%s': %s", path,
                                          strerror(errno));
    }
    if (!overwrite) {
        return folder_occupied(c, path, record, resumes);
    }
    if (!S_ISDIR(about.st_mode)) {
        return cli_fail(c, CLI_CANNOT_CREATE, "'%s' exists and is not a directory", path);
    }
    cli_job job;
    int code = folder_read_job(c, path, &job);
    const folder_visitor visitor = {c, path, &job, folder_visit_foreign};
    code = code ? code : folder_each(&visitor);
    code = code ? code : folder_busy(c, path);
    cli_job_free(c, &job);
    return code < 0 ? cli_fail(c, CLI_CANNOT_CREATE, "cannot read '%s': %s", path, strerror(-code))
                    : code;
}

int cli_folder_check(cli *c, const char *path, bool overwrite, const cli_text *job)
{
    bool resumes = false;
    return folder_check(c, path, overwrite, job, &resumes);
}

typedef struct folder_name_set {
    cli_text path, fresh, old, parent, record, yaml, command;
} folder_name_set;

static void folder_free(cli *c, folder_name_set *n)
{
    cli_text_free(c, &n->path);
    cli_text_free(c, &n->fresh);
    cli_text_free(c, &n->old);
    cli_text_free(c, &n->parent);
    cli_text_free(c, &n->record);
    cli_text_free(c, &n->yaml);
    cli_text_free(c, &n->command);
}

/* DIR without trailing slashes, and what is made beside it. */
static int folder_name(cli *c, const char *path, folder_name_set *n)
{
    size_t bytes = strlen(path), slash = 0;
    while (bytes > 1 && path[bytes - 1] == '/') {
        bytes--;
    }
    cli_text_add(c, &n->path, path, bytes);
    for (size_t i = 0; i < bytes; i++) {
        slash = path[i] == '/' ? i + 1 : slash;
    }
    cli_text_add(c, &n->parent, slash ? path : ".", slash ? slash : 1);
    if (!n->path.failed) {
        cli_text_print(c, &n->fresh, "%s.new.%ld", n->path.data, (long)getpid());
        cli_text_print(c, &n->old, "%s.old.%ld", n->path.data, (long)getpid());
    }
    if (n->path.failed || n->fresh.failed || n->old.failed || n->parent.failed) {
        return cli_fail(c, CLI_INTERNAL, "out of memory");
    }
    int code = cli_folder_path(c, n->fresh.data, "job.json", &n->record);
    code = code ? code : cli_folder_path(c, n->fresh.data, "command.json", &n->command);
    return code ? code : cli_folder_path(c, n->fresh.data, "job.yaml", &n->yaml);
}

/* command.json: what has to be said again, and where, to go on. */
static int folder_command(cli *c, cli_text *out)
{
    char *where = getcwd(NULL, 0);
    cli_text_print(c, out, "{\"directory\": ");
    cli_text_json(c, out, where ? where : "");
    cli_text_print(c, out, ", \"arguments\": [");
    for (int i = 1; i < c->argc; i++) {
        cli_text_print(c, out, "%s", i > 1 ? ", " : "");
        cli_text_json(c, out, c->argv[i]);
    }
    cli_text_print(c, out, "]}\n");
    free(where);
    return cli_text_check(c, out);
}

static int folder_write(cli *c, const char *path, const cli_text *text)
{
    cli_file file;
    int code = cli_file_create(c, path, &file);
    if (!code) {
        cli_file_write(&file, text->data, text->size);
        code = cli_file_close(&file);
    }
    return code;
}

/* Makes the new directory under its temporary name, complete. */
static int folder_prepare(cli *c, const folder_name_set *n, const cli_text *job,
                          const cli_text *yaml, bool resumable)
{
    const int error = cli_mkdir(c, n->fresh.data);
    if (error < 0) {
        return cli_fail(c, CLI_CANNOT_CREATE, "cannot create '%s': %s", n->path.data,
                        strerror(-error));
    }
    cli_text command = {0};
    int code = folder_command(c, &command);
    code = code || !resumable ? code : folder_write(c, n->command.data, &command);
    cli_text_free(c, &command);
    code = code ? code : folder_write(c, n->record.data, job);
    if (!code && yaml) {
        code = folder_write(c, n->yaml.data, yaml);
    }
    if (!code && cli_sync_directory(c, n->fresh.data) < 0) {
        code = cli_fail(c, CLI_IO, "cannot sync '%s'", n->fresh.data);
    }
    if (code) {
        folder_remove(c, n->fresh.data, NULL);
    }
    return code;
}

/* Gives the new directory its name; `old` is what stands there, and may be replaced. */
static int folder_place(cli *c, const folder_name_set *n, const cli_job *old)
{
    struct stat about;
    bool moved = false;
    int error = 0, code = CLI_OK;
    if (lstat(n->path.data, &about) == 0) {
        error = cli_rename(c, n->path.data, n->old.data);
        moved = error == 0;
    }
    error = error < 0 ? error : cli_rename(c, n->fresh.data, n->path.data);
    if (error < 0) {
        code = cli_fail(c, CLI_CANNOT_CREATE, "cannot create '%s': %s", n->path.data,
                        strerror(-error));
        if (moved && cli_rename(c, n->old.data, n->path.data) < 0) {
            cli_warn(c, "the earlier results are now in '%s'", n->old.data);
        }
        folder_remove(c, n->fresh.data, NULL);
        return code;
    }
    if (cli_sync_directory(c, n->parent.data) < 0) {
        code = cli_fail(c, CLI_IO, "cannot sync '%s'", n->parent.data);
    }
    if (moved) {
        folder_remove(c, n->old.data, old);
    }
    return code;
}

int cli_folder_create(cli *c, const char *path, bool overwrite, const cli_text *job,
                      const cli_text *yaml, bool *resumes)
{
    folder_name_set n = {0};
    struct stat about;
    cli_job old = {0};
    bool goes_on = false;
    int code = folder_check(c, path, overwrite, resumes ? job : NULL, &goes_on);
    if (resumes) {
        *resumes = goes_on;
    }
    if (code || goes_on) {
        return code;
    }
    code = folder_name(c, path, &n);
    if (!code && lstat(n.path.data, &about) == 0) {
        code = folder_read_job(c, n.path.data, &old);
    }
    code = code ? code : folder_prepare(c, &n, job, yaml, resumes != NULL);
    code = code ? code : folder_place(c, &n, &old);
    cli_job_free(c, &old);
    folder_free(c, &n);
    return code;
}
