/* The output directory. It appears by one rename with its job record inside, so that a directory of
 * this name is always one of a whole job. Replacing moves the old one aside first and removes only
 * files that this program writes: a directory with anything else in it is refused. What hooks and
 * sinks of an earlier job were to write, its job.yaml says.
 */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "job.h"
#include "run.h"

static const char *const folder_names[] = {"job.json",         "job.yaml",
                                           "final.extxyz",     "traj.extxyz",
                                           "thermo.csv",       "results.csv",
                                           "run.log",          "unsorted.extxyz",
                                           "validate.csv",     "energy_drift.svg",
                                           "temperature.svg",  "volume.svg",
                                           "volume_ratio.svg", NULL};

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

static int folder_visit_unlink(const folder_visitor *v, const char *name)
{
    cli_text file = {0};
    int code = folder_is_ours(v->job, name) ? cli_folder_path(v->c, v->path, name, &file) : 0;
    if (!code && file.data) {
        code = cli_unlink(v->c, file.data);
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

/* The refusal of a name that is taken. */
static int folder_occupied(cli *c, const char *path)
{
    cli_text record = {0};
    struct stat about;
    int code = cli_folder_path(c, path, "job.json", &record);
    if (!code && stat(record.data, &about) == 0) {
        code = cli_fail(c, CLI_CANNOT_CREATE,
                        "'%s' holds an earlier job, which this version cannot resume; --overwrite "
                        "replaces it",
                        path);
    } else if (!code) {
        code = cli_fail(c, CLI_CANNOT_CREATE, "'%s' exists", path);
    }
    cli_text_free(c, &record);
    return code;
}

int cli_folder_check(cli *c, const char *path, bool overwrite)
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
        return folder_occupied(c, path);
    }
    if (!S_ISDIR(about.st_mode)) {
        return cli_fail(c, CLI_CANNOT_CREATE, "'%s' exists and is not a directory", path);
    }
    cli_job job;
    int code = folder_read_job(c, path, &job);
    const folder_visitor visitor = {c, path, &job, folder_visit_foreign};
    code = code ? code : folder_each(&visitor);
    cli_job_free(c, &job);
    return code < 0 ? cli_fail(c, CLI_CANNOT_CREATE, "cannot read '%s': %s", path, strerror(-code))
                    : code;
}

typedef struct folder_name_set {
    cli_text path, fresh, old, parent, record, yaml;
} folder_name_set;

static void folder_free(cli *c, folder_name_set *n)
{
    cli_text_free(c, &n->path);
    cli_text_free(c, &n->fresh);
    cli_text_free(c, &n->old);
    cli_text_free(c, &n->parent);
    cli_text_free(c, &n->record);
    cli_text_free(c, &n->yaml);
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
    const int code = cli_folder_path(c, n->fresh.data, "job.json", &n->record);
    return code ? code : cli_folder_path(c, n->fresh.data, "job.yaml", &n->yaml);
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
                          const cli_text *yaml)
{
    const int error = cli_mkdir(c, n->fresh.data);
    if (error < 0) {
        return cli_fail(c, CLI_CANNOT_CREATE, "cannot create '%s': %s", n->path.data,
                        strerror(-error));
    }
    int code = folder_write(c, n->record.data, job);
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
                      const cli_text *yaml)
{
    folder_name_set n = {0};
    struct stat about;
    cli_job old = {0};
    int code = cli_folder_check(c, path, overwrite);
    code = code ? code : folder_name(c, path, &n);
    if (!code && lstat(n.path.data, &about) == 0) {
        code = folder_read_job(c, n.path.data, &old);
    }
    code = code ? code : folder_prepare(c, &n, job, yaml);
    code = code ? code : folder_place(c, &n, &old);
    cli_job_free(c, &old);
    folder_free(c, &n);
    return code;
}
