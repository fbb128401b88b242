/* The operating system's own memory and files, for a host that brings no tables. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host.h"

enum {
    HOST_ALIGNMENT = 64, /* of the blocks of a context */
    HOST_PAGE =
        2 * 1024 * 1024 /* a huge page; large blocks ask for them, as the library's own do */
};

/* realloc keeps no such alignment, so a resize is always a move. */
static void *host_resize(void *user, void *block, size_t old_bytes, size_t new_bytes)
{
    void *fresh = NULL;
    (void)user;
    if (new_bytes == 0) {
        free(block);
        return NULL;
    }
    const bool large = new_bytes >= 2 * (size_t)HOST_PAGE;
    if (posix_memalign(&fresh, large ? HOST_PAGE : HOST_ALIGNMENT, new_bytes) != 0) {
        return NULL;
    }
#ifdef MADV_HUGEPAGE
    if (large) {
        (void)madvise(fresh, new_bytes / HOST_PAGE * HOST_PAGE, MADV_HUGEPAGE); /* a wish */
    }
#endif
    if (block) {
        memcpy(fresh, block, old_bytes < new_bytes ? old_bytes : new_bytes);
        free(block);
    }
    return fresh;
}

static void *host_counted(void *user, void *block, size_t old_bytes, size_t new_bytes)
{
    cli_memory *m = user;
    void *fresh = m->from.resize(m->from.user, block, old_bytes, new_bytes);
    if (fresh || new_bytes == 0) {
        m->now += (int64_t)new_bytes - (int64_t)(block ? old_bytes : 0);
        m->peak = m->now > m->peak ? m->now : m->peak;
    }
    return fresh;
}

ath_allocator cli_host_counted(cli_memory *memory, const ath_allocator *from)
{
    *memory = (cli_memory){.from = *from};
    return (ath_allocator){.resize = host_counted, .user = memory};
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
