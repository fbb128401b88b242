/* The context: its creation, the defaults of its tables, messages and the log.
 *
 * The default allocator is the C library's with 64-byte alignment; the default i/o table is a thin
 * layer over the system calls that turns errno into a negative result and retries nothing (the
 * retries are in file.c, where tests can reach them). Nothing here prints.
 */
#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    CONTEXT_ALIGNMENT = 64,
    CONTEXT_PAGE = 2 * 1024 * 1024, /* a huge page */
    CONTEXT_TRANSFER_MAX = 1 << 30  /* bytes in one read or write; Linux stops below 2 GiB */
};

/* ---- allocator ---- */

/* Large blocks ask for huge pages, before anything is written to them: atoms and their neighbours
 * are looked up all over these blocks. */
static void *context_alloc(size_t bytes)
{
    const bool large = bytes >= 2 * (size_t)CONTEXT_PAGE;
    const size_t alignment = large ? CONTEXT_PAGE : CONTEXT_ALIGNMENT;
    /* aligned_alloc takes whole multiples of a small alignment; the size of a large block stays */
    void *fresh =
        large ? NULL : aligned_alloc(alignment, (bytes + alignment - 1) & ~(alignment - 1));
    if (large && posix_memalign(&fresh, alignment, bytes) != 0) {
        return NULL;
    }
#ifdef MADV_HUGEPAGE
    if (large) {
        (void)madvise(fresh, bytes / CONTEXT_PAGE * CONTEXT_PAGE, MADV_HUGEPAGE); /* a wish */
    }
#endif
    return fresh;
}

static void *context_resize(void *user, void *block, size_t old_bytes, size_t new_bytes)
{
    (void)user;
    if (new_bytes == 0) {
        free(block);
        return NULL;
    }
    if (new_bytes > PTRDIFF_MAX - CONTEXT_ALIGNMENT) {
        return NULL;
    }
    /* realloc keeps no alignment above the default one, so a resize is always a move. */
    void *fresh = context_alloc(new_bytes);
    if (fresh && block) {
        memcpy(fresh, block, old_bytes < new_bytes ? old_bytes : new_bytes);
        free(block);
    }
    return fresh;
}

/* ---- i/o ---- */

static int context_open(void *user, const char *path, int flags, int mode)
{
    (void)user;
    int fd = open(path, flags, mode);
    return fd >= 0 ? fd : -errno;
}

static int64_t context_read(void *user, int fd, void *buffer, size_t bytes)
{
    (void)user;
    ssize_t n = read(fd, buffer, bytes < CONTEXT_TRANSFER_MAX ? bytes : CONTEXT_TRANSFER_MAX);
    return n >= 0 ? n : -errno;
}

static int64_t context_write(void *user, int fd, const void *buffer, size_t bytes)
{
    (void)user;
    ssize_t n = write(fd, buffer, bytes < CONTEXT_TRANSFER_MAX ? bytes : CONTEXT_TRANSFER_MAX);
    return n >= 0 ? n : -errno;
}

static int context_sync(void *user, int fd)
{
    (void)user;
    /* EINVAL: a pipe or a terminal, which has nothing to be synced. */
    return fdatasync(fd) == 0 || errno == EINVAL ? 0 : -errno;
}

static int context_close(void *user, int fd)
{
    (void)user;
    return close(fd) == 0 ? 0 : -errno;
}

static int context_rename(void *user, const char *from, const char *to)
{
    (void)user;
    return rename(from, to) == 0 ? 0 : -errno;
}

static int context_unlink(void *user, const char *path)
{
    (void)user;
    return unlink(path) == 0 ? 0 : -errno;
}

static int context_mkdir(void *user, const char *path, int mode)
{
    (void)user;
    return mkdir(path, (mode_t)mode) == 0 ? 0 : -errno;
}

static int context_sync_directory(void *user, const char *path)
{
    (void)user;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    /* EINVAL: a file system whose directories need no sync. */
    int result = fsync(fd) == 0 || errno == EINVAL ? 0 : -errno;
    close(fd);
    return result;
}

static int context_truncate(void *user, int fd, int64_t bytes)
{
    (void)user;
    return ftruncate(fd, (off_t)bytes) == 0 ? 0 : -errno;
}

static int64_t context_read_at(void *user, int fd, void *buffer, size_t bytes, int64_t offset)
{
    (void)user;
    const size_t n = bytes < CONTEXT_TRANSFER_MAX ? bytes : CONTEXT_TRANSFER_MAX;
    const ssize_t got = pread(fd, buffer, n, (off_t)offset);
    return got >= 0 ? got : -errno;
}

static int context_reserve(void *user, int fd, int64_t offset, int64_t bytes)
{
    (void)user;
#if defined(FALLOC_FL_KEEP_SIZE)
    if (fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)bytes) == 0) {
        return 0;
    }
    return errno == ENOSYS ? -EOPNOTSUPP : -errno;
#else
    (void)fd, (void)offset, (void)bytes;
    return -EOPNOTSUPP;
#endif
}

/* Locks of open files, not of processes: those would be gone with the first close of any
 * descriptor of the file. */
static int context_lock(void *user, int fd)
{
    (void)user;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &lock) == 0) {
        return 0;
    }
    return errno == EACCES ? -EAGAIN : -errno;
}

static int context_locked(void *user, int fd)
{
    (void)user;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(fd, F_OFD_GETLK, &lock) < 0 ? -errno : lock.l_type != F_UNLCK;
}

static void context_complete_io(ath_io *io)
{
    static const ath_io system_io = {
        .size = sizeof(ath_io),
        .open = context_open,
        .read = context_read,
        .write = context_write,
        .sync = context_sync,
        .close = context_close,
        .rename = context_rename,
        .unlink = context_unlink,
        .mkdir = context_mkdir,
        .sync_directory = context_sync_directory,
        .truncate = context_truncate,
        .read_at = context_read_at,
        .reserve = context_reserve,
        .lock = context_lock,
        .locked = context_locked,
    };
    io->size = sizeof(ath_io);
#define CONTEXT_COMPLETE(entry) io->entry = io->entry ? io->entry : system_io.entry
    CONTEXT_COMPLETE(open);
    CONTEXT_COMPLETE(read);
    CONTEXT_COMPLETE(write);
    CONTEXT_COMPLETE(sync);
    CONTEXT_COMPLETE(close);
    CONTEXT_COMPLETE(rename);
    CONTEXT_COMPLETE(unlink);
    CONTEXT_COMPLETE(mkdir);
    CONTEXT_COMPLETE(sync_directory);
    CONTEXT_COMPLETE(truncate);
    CONTEXT_COMPLETE(read_at);
    CONTEXT_COMPLETE(reserve);
    CONTEXT_COMPLETE(lock);
    CONTEXT_COMPLETE(locked);
#undef CONTEXT_COMPLETE
}

/* ---- life ---- */

/* A size of 0 is an i/o table that was left out, but then all of it must be. */
static bool context_io_known(const ath_io *io)
{
    if (io->size == 0) {
        return !io->open && !io->read && !io->write && !io->sync && !io->close && !io->rename &&
               !io->unlink && !io->mkdir && !io->sync_directory && !io->truncate && !io->read_at &&
               !io->reserve && !io->lock && !io->locked;
    }
    return io->size == sizeof(ath_io);
}

ath_status ath_context_create(const ath_context_config *config, ath_context **out)
{
    if (!out) {
        return ATH_E_ARGUMENT;
    }
    *out = NULL;
    ath_context_config full = {.size = sizeof full, .log_level = ATH_LOG_WARNING};
    if (config) {
        if (config->size != sizeof *config || !context_io_known(&config->io)) {
            return ATH_E_ABI;
        }
        full = *config;
    }
    if (!full.allocator.resize) {
        full.allocator.resize = context_resize;
        full.allocator.user = NULL;
    }
    context_complete_io(&full.io);
    ath_context *ctx = full.allocator.resize(full.allocator.user, NULL, 0, sizeof *ctx);
    if (!ctx) {
        return ATH_E_NO_MEMORY;
    }
    memset(ctx, 0, sizeof *ctx);
    ctx->config = full;
    *out = ctx;
    return ATH_OK;
}

void ath_context_destroy(ath_context **ctx)
{
    if (!ctx || !*ctx) {
        return;
    }
    ath__fields_free(*ctx);
    ath_allocator allocator = (*ctx)->config.allocator;
    allocator.resize(allocator.user, *ctx, sizeof **ctx, 0);
    *ctx = NULL;
}

const char *ath_context_message(const ath_context *ctx)
{
    return ctx ? ctx->message : "";
}

const char *ath_version(void)
{
#define CONTEXT_TEXT_(x) #x
#define CONTEXT_TEXT(x) CONTEXT_TEXT_(x)
    return CONTEXT_TEXT(ATH_VERSION_MAJOR) "." CONTEXT_TEXT(ATH_VERSION_MINOR) "." CONTEXT_TEXT(
        ATH_VERSION_PATCH);
#undef CONTEXT_TEXT
#undef CONTEXT_TEXT_
}

/* ---- messages and log ---- */

/* One line: a name taken from a file must not forge a second line in somebody's log. */
static void context_one_line(char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f) {
            *text = ' ';
        }
    }
}

void ath__message(ath_context *ctx, ath_status status, const char *format, ...)
{
    if (!ctx) {
        return;
    }
    /* Not straight into ctx->message: the old message may be among the arguments. */
    char text[sizeof ctx->message];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n < 0) {
        snprintf(text, sizeof text, "%s", ath_status_text(status));
    }
    context_one_line(text);
    memcpy(ctx->message, text, sizeof text);
}

void ath__log(ath_context *ctx, ath_log_level level, const char *component, const char *format, ...)
{
    if (!ctx || !ctx->config.log || level > ctx->config.log_level) {
        return;
    }
    char text[sizeof ctx->message];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n < 0) {
        return;
    }
    context_one_line(text);
    ctx->config.log(ctx->config.log_user, level, component, text);
}
