/* A file that is there complete or not at all (output.h). Its directory is synced behind the
 * renaming, so that what has been reported as written outlives the machine.
 */
#include <errno.h>
#include <string.h>

#include "output.h"

static void output_free(cli_output *o)
{
    cli_text_free(o->c, &o->path);
    cli_text_free(o->c, &o->part);
    *o = (cli_output){0};
}

int cli_output_open(cli *c, const char *path, bool frames, cli_output *out)
{
    *out = (cli_output){.c = c, .standard = strcmp(path, "-") == 0};
    cli_text_print(c, &out->path, "%s", path);
    cli_text_print(c, &out->part, "%s%s", path, out->standard ? "" : ".tmp");
    int code = cli_text_check(c, out->path.failed ? &out->path : &out->part);
    if (!code && frames) {
        fflush(c->out); /* frames do not go through it */
        const ath_status status = ath_writer_open(c->ctx, out->part.data, &out->writer);
        code = status < 0 ? cli_fail_status(c, status) : CLI_OK;
    } else if (!code && !out->standard) {
        code = cli_file_create(c, out->part.data, &out->file);
    }
    if (code) {
        output_free(out);
    }
    return code;
}

void cli_output_put(cli_output *o, const char *data, size_t bytes)
{
    if (o->code) {
        return;
    }
    if (!o->standard) {
        cli_file_write(&o->file, data, bytes);
        o->code = o->file.code;
    } else if (fwrite(data, 1, bytes, o->c->out) != bytes) {
        o->code = cli_fail(o->c, CLI_IO, "cannot write to standard output");
    }
}

/* Makes the bytes of a file durable that somebody else has closed. */
static int output_sync(cli *c, const char *path)
{
    const ath_io *io = &c->host.io;
    const int fd = cli_open_read(c, path);
    int error = fd < 0 ? fd : -EINTR;
    while (error == -EINTR) {
        error = io->sync(io->user, fd);
    }
    cli_close(c, fd);
    return error < 0 ? cli_fail(c, CLI_IO, "cannot sync '%s': %s", path, strerror(-error)) : CLI_OK;
}

/* The directory in which a path stands. */
static int output_sync_folder(cli *c, const char *path)
{
    const char *slash = strrchr(path, '/');
    cli_text folder = {0};
    cli_text_add(c, &folder, slash ? path : ".", slash > path ? (size_t)(slash - path) : 1);
    int code = cli_text_check(c, &folder);
    const int error = code ? 0 : cli_sync_directory(c, folder.data);
    if (error < 0) {
        code = cli_fail(c, CLI_IO, "cannot sync '%s': %s", folder.data, strerror(-error));
    }
    cli_text_free(c, &folder);
    return code;
}

static int output_name(cli_output *o)
{
    cli *c = o->c;
    const int error = cli_rename(c, o->part.data, o->path.data);
    if (error < 0) {
        return cli_fail(c, CLI_IO, "cannot create '%s': %s", o->path.data, strerror(-error));
    }
    return output_sync_folder(c, o->path.data);
}

int cli_output_close(cli_output *o, int code)
{
    cli *c = o->c;
    const bool frames = o->writer != NULL;
    if (!c) {
        return code;
    }
    code = code ? code : o->code;
    if (frames) {
        const ath_status status = ath_writer_close(&o->writer);
        code = code || status >= 0 ? code : cli_fail_status(c, status);
    } else {
        const int closed = cli_file_close(&o->file);
        code = code ? code : closed;
    }
    if (!o->standard) {
        code = code || !frames ? code : output_sync(c, o->part.data);
        code = code ? code : output_name(o);
        if (code) {
            (void)cli_unlink(c, o->part.data);
        }
    }
    output_free(o);
    return code;
}
