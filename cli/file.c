/* Files of the program, over the i/o table of the host: buffered writing, and reading at an offset.
 *
 * Interrupted calls are repeated and short transfers continued. After a failed write or sync
 * nothing more is written to that file. No locks, no memory maps.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

enum { FILE_BUFFER_BYTES = 1 << 16 };

static int file_fail(cli_file *f, const char *what, int64_t error)
{
    if (!f->code) {
        cli *c = f->c;
        struct cli_file *log = c->log;
        c->no_room |= error == -ENOSPC || error == -EDQUOT || error == -EFBIG;
        f->code = CLI_IO;
        c->log = log == f ? NULL : log; /* the log cannot report its own failure to itself */
        cli_fail(c, CLI_IO, "cannot %s '%s': %s", what, f->path.data, strerror((int)-error));
        c->log = log;
    }
    return f->code;
}

static int file_open(cli *c, const char *path, int flags, cli_file *out)
{
    const ath_io *io = &c->host.io;
    *out = (cli_file){.c = c, .fd = -1};
    cli_text_print(c, &out->path, "%s", path);
    cli_text_add(c, &out->buffer, "", 0);
    int code = cli_text_check(c, out->path.failed ? &out->path : &out->buffer);
    while (!code && out->fd < 0) {
        out->fd = io->open(io->user, path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0666);
        if (out->fd < 0 && out->fd != -EINTR) {
            code = file_fail(out, "create", out->fd);
        }
    }
    if (code) {
        cli_text_free(c, &out->path);
        cli_text_free(c, &out->buffer);
        *out = (cli_file){0};
    }
    return code;
}

int cli_file_create(cli *c, const char *path, cli_file *out)
{
    return file_open(c, path, O_TRUNC, out);
}

int cli_file_append(cli *c, const char *path, cli_file *out)
{
    return file_open(c, path, O_APPEND, out);
}

void cli_file_flush(cli_file *f)
{
    const ath_io *io = &f->c->host.io;
    const char *data = f->buffer.data;
    size_t left = f->buffer.size;
    if (f->buffer.failed && !f->code) {
        f->code = CLI_INTERNAL;
    }
    while (left > 0 && !f->code) {
        const int64_t n = io->write(io->user, f->fd, data, left);
        if (n == -EINTR) {
            continue;
        }
        if (n <= 0 || (uint64_t)n > left) {
            (void)file_fail(f, "write", n < 0 ? n : -EIO);
            break;
        }
        data += n;
        left -= (size_t)n;
    }
    f->buffer.size = 0;
}

void cli_file_write(cli_file *f, const char *data, size_t bytes)
{
    if (!f->code) {
        cli_text_add(f->c, &f->buffer, data, bytes);
        if (f->buffer.size >= FILE_BUFFER_BYTES || f->buffer.failed) {
            cli_file_flush(f);
        }
    }
}

int cli_file_close(cli_file *f)
{
    cli *c = f->c;
    int code = 0, error = 0;
    if (!c) {
        return CLI_OK;
    }
    const ath_io *io = &c->host.io;
    cli_file_flush(f);
    do {
        error = f->code ? 0 : io->sync(io->user, f->fd);
    } while (error == -EINTR);
    if (error < 0 && error != -EINVAL) { /* EINVAL: a pipe or the like cannot be synced */
        (void)file_fail(f, "sync", error);
    }
    error = io->close(io->user, f->fd);
    if (error < 0 && error != -EINTR) {
        (void)file_fail(f, "close", error);
    }
    code = f->code;
    if (code == CLI_INTERNAL) {
        (void)cli_text_check(c, &f->buffer);
    }
    cli_text_free(c, &f->path);
    cli_text_free(c, &f->buffer);
    *f = (cli_file){0};
    return code;
}

int cli_open_read(cli *c, const char *path)
{
    const ath_io *io = &c->host.io;
    int fd = 0;
    do {
        fd = io->open(io->user, path, O_RDONLY | O_CLOEXEC, 0);
    } while (fd == -EINTR);
    return fd;
}

int64_t cli_read(cli *c, int fd, char *buffer, size_t bytes)
{
    const ath_io *io = &c->host.io;
    int64_t n = 0;
    do {
        n = io->read(io->user, fd, buffer, bytes);
    } while (n == -EINTR);
    return n;
}

int64_t cli_read_at(cli *c, int fd, int64_t offset, char *buffer, size_t bytes)
{
    return lseek(fd, offset, SEEK_SET) < 0 ? -errno : cli_read(c, fd, buffer, bytes);
}

void cli_close(cli *c, int fd)
{
    if (fd >= 0) {
        (void)c->host.io.close(c->host.io.user, fd);
    }
}

/* The calls on names: repeated while interrupted. */
int cli_rename(cli *c, const char *from, const char *to)
{
    int error = 0;
    do {
        error = c->host.io.rename(c->host.io.user, from, to);
    } while (error == -EINTR);
    return error;
}

int cli_unlink(cli *c, const char *path)
{
    int error = 0;
    do {
        error = c->host.io.unlink(c->host.io.user, path);
    } while (error == -EINTR);
    return error;
}

int cli_mkdir(cli *c, const char *path)
{
    int error = 0;
    do {
        error = c->host.io.mkdir(c->host.io.user, path, 0777);
    } while (error == -EINTR);
    return error;
}

int cli_sync_directory(cli *c, const char *path)
{
    int error = 0;
    do {
        error = c->host.io.sync_directory(c->host.io.user, path);
    } while (error == -EINTR);
    return error;
}
