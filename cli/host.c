/* The operating system's own memory and files, for a host that brings no tables. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host.h"

static void *host_resize(void *user, void *block, size_t old_bytes, size_t new_bytes)
{
    (void)user;
    (void)old_bytes;
    if (new_bytes == 0) {
        free(block);
        return NULL;
    }
    return realloc(block, new_bytes);
}

static int host_open(void *user, const char *path, int flags, int mode)
{
    (void)user;
    const int fd = open(path, flags, mode);
    return fd < 0 ? -errno : fd;
}

static int64_t host_read(void *user, int fd, void *buffer, size_t bytes)
{
    (void)user;
    const ssize_t n = read(fd, buffer, bytes);
    return n < 0 ? -errno : n;
}

static int64_t host_write(void *user, int fd, const void *buffer, size_t bytes)
{
    (void)user;
    const ssize_t n = write(fd, buffer, bytes);
    return n < 0 ? -errno : n;
}

static int host_sync(void *user, int fd)
{
    (void)user;
    return fdatasync(fd) < 0 ? -errno : 0;
}

static int host_close(void *user, int fd)
{
    (void)user;
    return close(fd) < 0 ? -errno : 0;
}

static int host_rename(void *user, const char *from, const char *to)
{
    (void)user;
    return rename(from, to) < 0 ? -errno : 0;
}

static int host_unlink(void *user, const char *path)
{
    (void)user;
    return unlink(path) < 0 ? -errno : 0;
}

static int host_mkdir(void *user, const char *path, int mode)
{
    (void)user;
    return mkdir(path, (mode_t)mode) < 0 ? -errno : 0;
}

static int host_sync_directory(void *user, const char *path)
{
    (void)user;
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    const int error = fsync(fd) < 0 && errno != EINVAL ? -errno : 0;
    return close(fd) < 0 && error == 0 ? -errno : error;
}

void cli_host_complete(ath_context_config *config)
{
    ath_io *io = &config->io;
    if (!config->allocator.resize) {
        config->allocator.resize = host_resize;
    }
    io->open = io->open ? io->open : host_open;
    io->read = io->read ? io->read : host_read;
    io->write = io->write ? io->write : host_write;
    io->sync = io->sync ? io->sync : host_sync;
    io->close = io->close ? io->close : host_close;
    io->rename = io->rename ? io->rename : host_rename;
    io->unlink = io->unlink ? io->unlink : host_unlink;
    io->mkdir = io->mkdir ? io->mkdir : host_mkdir;
    io->sync_directory = io->sync_directory ? io->sync_directory : host_sync_directory;
}
