/* Files: whole-file reading, atomic replacement and buffered writing over the context's i/o table.
 *
 * Interrupted calls are repeated and short transfers continued. A write or sync that failed is
 * final for its file: after a failed fsync the kernel may have dropped the pages and marked them
 * clean, so that a second, "successful" sync would promise what is lost (Rebello et al., "Can
 * applications recover from fsync failures?", USENIX ATC 2020). Replacement is temporary file,
 * write, sync, close, rename, sync of the directory: after any failure or crash the path holds the
 * old content or the new one, complete. Locks and memory maps are not offered.
 */
#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum {
    FILE_FLUSH_BYTES = 1 << 20,
    FILE_FIRST_CHUNK = 1 << 16,
    FILE_LAST_CHUNK = 1 << 20,
    FILE_MAX_TEMPORARY = 100 /* names tried for a temporary file */
};

/* ---- single calls, repeated while interrupted ---- */

/* `code` is a negative errno value. */
static ath_status file_fail(ath_context *ctx, const char *what, const char *path, int64_t code)
{
    char space[128];
    int error = (int)-code;
#if defined(__GLIBC__)
    const char *text = strerror_r(error, space, sizeof space);
#else
    const char *text = strerror_r(error, space, sizeof space) == 0 ? space : "unknown error";
#endif
    ath_status status = error == ENOENT || error == ENOTDIR ? ATH_E_NOT_FOUND
                        : error == EEXIST                   ? ATH_E_EXISTS
                        : error == ENOMEM                   ? ATH_E_NO_MEMORY
                                                            : ATH_E_IO;
    return ath__fail(ctx, status, "cannot %s '%s': %s", what, path, text);
}

static int file_open(ath_context *ctx, const char *path, int flags)
{
    const ath_io *io = &ctx->config.io;
    int fd;
    do {
        fd = io->open(io->user, path, flags | O_CLOEXEC, 0666);
    } while (fd == -EINTR);
    return fd;
}

static int file_sync(ath_context *ctx, int fd)
{
    const ath_io *io = &ctx->config.io;
    int result;
    do {
        result = io->sync(io->user, fd);
    } while (result == -EINTR);
    return result;
}

/* An interrupted close has closed the descriptor (Linux); a second one could hit a stranger's. */
static int file_shut(ath_context *ctx, int fd)
{
    const ath_io *io = &ctx->config.io;
    int result = io->close(io->user, fd);
    return result == -EINTR ? 0 : result;
}

static int file_rename(ath_context *ctx, const char *from, const char *to)
{
    const ath_io *io = &ctx->config.io;
    int result;
    do {
        result = io->rename(io->user, from, to);
    } while (result == -EINTR);
    return result;
}

static int file_unlink(ath_context *ctx, const char *path)
{
    const ath_io *io = &ctx->config.io;
    int result;
    do {
        result = io->unlink(io->user, path);
    } while (result == -EINTR);
    return result;
}

/* Bytes read, 0 at the end of the file, or a negative errno value. */
static int64_t file_read_some(ath_context *ctx, int fd, void *buffer, size_t bytes)
{
    const ath_io *io = &ctx->config.io;
    int64_t n;
    do {
        n = io->read(io->user, fd, buffer, bytes);
    } while (n == -EINTR);
    return n > 0 && (uint64_t)n > bytes ? -EIO : n;
}

/* 0 or a negative errno value. */
static int64_t file_write_all(ath_context *ctx, int fd, const void *data, size_t bytes)
{
    const ath_io *io = &ctx->config.io;
    const uint8_t *p = data;
    while (bytes > 0) {
        int64_t n = io->write(io->user, fd, p, bytes);
        if (n == -EINTR) {
            continue;
        }
        if (n < 0) {
            return n;
        }
        if (n == 0 || (uint64_t)n > bytes) {
            return -EIO; /* no progress: trying again could last for ever */
        }
        p += n;
        bytes -= (size_t)n;
    }
    return 0;
}

/* ---- whole files ---- */

/* A piece of a file whose size is not known beforehand. */
typedef struct file_chunk {
    struct file_chunk *next;
    size_t size, capacity; /* bytes */
    uint8_t data[];
} file_chunk;

static void file_free_chunks(ath_context *ctx, file_chunk *chunk)
{
    while (chunk) {
        file_chunk *next = chunk->next;
        ath__free(ctx, &chunk, sizeof *chunk + chunk->capacity, 1);
        chunk = next;
    }
}

/* Reads to the end into a list of chunks; at most limit bytes (0: any number). *total counts them.
 */
static ath_status file_read_chunks(ath_context *ctx, int fd, const char *path, size_t limit,
                                   file_chunk **first, size_t *total)
{
    file_chunk **end = first, *chunk = NULL;
    size_t capacity = FILE_FIRST_CHUNK;
    for (;;) {
        if (!chunk || chunk->size == chunk->capacity) {
            end = chunk ? &chunk->next : first;
            ATH__TRY(ath__alloc(ctx, sizeof *chunk + capacity, 1, end));
            chunk = *end;
            chunk->capacity = capacity;
            capacity = capacity < FILE_LAST_CHUNK ? 2 * capacity : capacity;
        }
        int64_t n =
            file_read_some(ctx, fd, chunk->data + chunk->size, chunk->capacity - chunk->size);
        if (n < 0) {
            return file_fail(ctx, "read", path, n);
        }
        if (n == 0) {
            return ATH_OK;
        }
        chunk->size += (size_t)n;
        *total += (size_t)n;
        if (limit > 0 && *total > limit) {
            return ath__fail(ctx, ATH_E_RANGE, "'%s' is larger than %zu bytes", path, limit);
        }
    }
}

/* The chunks in one piece, with a NUL behind it. */
static ath_status file_join(ath_context *ctx, const file_chunk *chunk, size_t total,
                            ath__bytes *out)
{
    size_t capacity;
    if (ath__add(total, 1, &capacity)) {
        return ath__fail(ctx, ATH_E_NO_MEMORY, "out of memory");
    }
    ATH__TRY(ath__alloc(ctx, capacity, 1, &out->data));
    out->capacity = capacity;
    for (; chunk; chunk = chunk->next) {
        memcpy(out->data + out->size, chunk->data, chunk->size);
        out->size += chunk->size;
    }
    return ATH_OK;
}

ath_status ath__file_read(ath_context *ctx, const char *path, size_t limit, ath__bytes *out)
{
    *out = (ath__bytes){0};
    bool standard = strcmp(path, "-") == 0;
    const char *name = standard ? "standard input" : path;
    int fd = standard ? STDIN_FILENO : file_open(ctx, path, O_RDONLY);
    if (fd < 0) {
        return file_fail(ctx, "open", name, fd);
    }
    file_chunk *chunks = NULL;
    size_t total = 0;
    ath_status status = file_read_chunks(ctx, fd, name, limit, &chunks, &total);
    if (!standard) {
        file_shut(ctx, fd); /* nothing was written: a failure loses nothing */
    }
    if (status == ATH_OK) {
        status = file_join(ctx, chunks, total, out);
    }
    file_free_chunks(ctx, chunks);
    return status;
}

/* Opens a new file beside `path`; its name goes to *temporary, which the caller frees by
 * name->data. */
static ath_status file_open_temporary(ath_context *ctx, const char *path, ath__bytes *name, int *fd)
{
    for (int i = 0; i < FILE_MAX_TEMPORARY; i++) {
        name->size = 0;
        /* The number is for a file that a dead process of the same id or another thread left. */
        if (i == 0) {
            ATH__TRY(ath__bytes_print(ctx, name, "%s.tmp.%ld", path, (long)getpid()));
        } else {
            ATH__TRY(ath__bytes_print(ctx, name, "%s.tmp.%ld.%d", path, (long)getpid(), i));
        }
        ATH__TRY(ath__bytes_append(ctx, name, "", 1));
        *fd = file_open(ctx, (const char *)name->data, O_WRONLY | O_CREAT | O_EXCL);
        if (*fd != -EEXIST) {
            break;
        }
    }
    return *fd < 0 ? file_fail(ctx, "create", (const char *)name->data, *fd) : ATH_OK;
}

ath_status ath__file_sync_directory(ath_context *ctx, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash == path ? 1 : slash ? (size_t)(slash - path) : 0;
    ath__bytes directory = {0};
    ath_status status = n > 0 ? ath__bytes_append(ctx, &directory, path, n)
                              : ath__bytes_append(ctx, &directory, ".", 1);
    if (status == ATH_OK) {
        status = ath__bytes_append(ctx, &directory, "", 1);
    }
    if (status == ATH_OK) {
        const ath_io *io = &ctx->config.io;
        int result;
        do {
            result = io->sync_directory(io->user, (const char *)directory.data);
        } while (result == -EINTR);
        if (result < 0) {
            status = file_fail(ctx, "sync the directory of", path, result);
        }
    }
    ath__bytes_free(ctx, &directory);
    return status;
}

/* Fills an open new file and gives it its name; it is closed in any case. */
static ath_status file_place(ath_context *ctx, int fd, const char *name, const char *path,
                             const void *data, size_t bytes)
{
    ath_status status = ATH_OK;
    const char *what = "write";
    int64_t result = file_write_all(ctx, fd, data, bytes);
    if (result == 0) {
        what = "sync";
        result = file_sync(ctx, fd);
    }
    int closed = file_shut(ctx, fd);
    if (result == 0) {
        what = "close";
        result = closed;
    }
    if (result < 0) {
        status = file_fail(ctx, what, name, result);
    } else {
        result = file_rename(ctx, name, path);
        status = result < 0 ? file_fail(ctx, "rename to", path, result)
                            : ath__file_sync_directory(ctx, path);
    }
    if (result < 0) {
        (void)file_unlink(ctx, name);
    }
    return status;
}

ath_status ath__file_replace(ath_context *ctx, const char *path, const void *data, size_t bytes)
{
    ath__bytes name = {0};
    int fd = -1;
    ath_status status = file_open_temporary(ctx, path, &name, &fd);
    if (status == ATH_OK) {
        status = file_place(ctx, fd, (const char *)name.data, path, data, bytes);
    }
    ath__bytes_free(ctx, &name);
    return status;
}

ath_status ath__file_replace_by(ath_context *ctx, const char *name, const char *path,
                                const void *data, size_t bytes)
{
    const int fd = file_open(ctx, name, O_WRONLY | O_CREAT | O_TRUNC);
    return fd < 0 ? file_fail(ctx, "create", name, fd)
                  : file_place(ctx, fd, name, path, data, bytes);
}

/* ---- buffered writing ---- */

static ath_status file_begin(ath_context *ctx, const char *path, int flags, ath__file *out)
{
    *out = (ath__file){0};
    char *copy = NULL;
    ATH__TRY(ath__strdup(ctx, path, &copy));
    int fd = file_open(ctx, path, O_CREAT | flags);
    if (fd < 0) {
        ath__strfree(ctx, &copy);
        return file_fail(ctx, flags & O_APPEND ? "open" : "create", path, fd);
    }
    out->ctx = ctx;
    out->path = copy;
    out->fd = fd;
    return ATH_OK;
}

ath_status ath__file_create(ath_context *ctx, const char *path, bool exclusive, ath__file *out)
{
    return file_begin(ctx, path, O_WRONLY | (exclusive ? O_EXCL : O_TRUNC), out);
}

/* Whether the file has a byte at `offset`, which goes to *byte: 1, 0, or a negative errno value. */
static int64_t file_has(ath_context *ctx, int fd, uint64_t offset, uint8_t *byte)
{
    const ath_io *io = &ctx->config.io;
    uint8_t one = 0;
    int64_t n;
    do {
        n = io->read_at(io->user, fd, &one, 1, (int64_t)offset);
    } while (n == -EINTR);
    if (n == 1) {
        *byte = one;
    }
    return n;
}

/* How many bytes there are, and the last of them: found by halves, for the i/o table knows no
 * sizes. */
static ath_status file_measure(ath_context *ctx, int fd, const char *path, uint64_t *length,
                               uint8_t *last)
{
    uint64_t least = 0, beyond = 1; /* there are `least` bytes, and at `beyond - 1` is none */
    int64_t n;
    while ((n = file_has(ctx, fd, beyond - 1, last)) == 1 && beyond <= INT64_MAX / 2) {
        least = beyond;
        beyond *= 2;
    }
    while (n >= 0 && least + 1 < beyond) {
        const uint64_t middle = least + (beyond - least) / 2;
        n = file_has(ctx, fd, middle - 1, last);
        *(n == 1 ? &least : &beyond) = middle;
    }
    n = n >= 0 && least > 0 ? file_has(ctx, fd, least - 1, last) : n;
    *length = least;
    return n < 0 ? file_fail(ctx, "read", path, n) : ATH_OK;
}

ath_status ath__file_size(ath_context *ctx, const char *path, uint64_t *bytes)
{
    uint8_t last = 0;
    const int fd = file_open(ctx, path, O_RDONLY);
    if (fd < 0) {
        return file_fail(ctx, "open", path, fd);
    }
    const ath_status status = file_measure(ctx, fd, path, bytes, &last);
    file_shut(ctx, fd); /* nothing was written: a failure loses nothing */
    return status;
}

/* An empty file counts as ended. */
static ath_status file_check_end(ath__file *f)
{
    uint8_t last = '\n';
    ATH__TRY(file_measure(f->ctx, f->fd, f->path, &f->length, &last));
    return last == '\n'
               ? ATH_OK
               : ath__fail(f->ctx, ATH_E_FORMAT,
                           "'%s' does not end with a newline: nothing can go behind it", f->path);
}

/* A file that has just been opened, or not if there is something against it. */
static ath_status file_begun(ath__file *f, ath_status status)
{
    if (status != ATH_OK) {
        file_shut(f->ctx, f->fd); /* nothing was written: a failure loses nothing */
        ath__strfree(f->ctx, &f->path);
        *f = (ath__file){0};
    }
    return status;
}

ath_status ath__file_append(ath_context *ctx, const char *path, ath__file *out)
{
    ATH__TRY(file_begin(ctx, path, O_RDWR | O_APPEND, out));
    return file_begun(out, file_check_end(out));
}

static ath_status file_cut_open(ath_context *ctx, int fd, const char *path, uint64_t bytes)
{
    const ath_io *io = &ctx->config.io;
    uint64_t length = 0;
    uint8_t last;
    int result = 0;
    ATH__TRY(file_measure(ctx, fd, path, &length, &last));
    if (length < bytes) {
        return ath__fail(ctx, ATH_E_FORMAT, "'%s' has %llu bytes, but should have at least %llu",
                         path, (unsigned long long)length, (unsigned long long)bytes);
    }
    if (length > bytes) {
        do {
            result = io->truncate(io->user, fd, (int64_t)bytes);
        } while (result == -EINTR);
    }
    result = result < 0 ? result : file_sync(ctx, fd);
    return result < 0 ? file_fail(ctx, "cut", path, result) : ATH_OK;
}

ath_status ath__file_cut(ath_context *ctx, const char *path, uint64_t bytes)
{
    const int fd = file_open(ctx, path, O_RDWR);
    if (fd < 0) {
        return file_fail(ctx, "open", path, fd);
    }
    const ath_status status = file_cut_open(ctx, fd, path, bytes);
    const int result = file_shut(ctx, fd);
    return status == ATH_OK && result < 0 ? file_fail(ctx, "close", path, result) : status;
}

ath_status ath__file_head(ath_context *ctx, const char *path, size_t max, ath__bytes *out)
{
    int64_t n = 0;
    *out = (ath__bytes){0};
    ATH__TRY(ath__bytes_reserve(ctx, out, max));
    const int fd = file_open(ctx, path, O_RDONLY);
    if (fd < 0) {
        ath__bytes_free(ctx, out);
        return file_fail(ctx, "open", path, fd);
    }
    while (out->size < max &&
           (n = file_read_some(ctx, fd, out->data + out->size, max - out->size)) > 0) {
        out->size += (size_t)n;
    }
    file_shut(ctx, fd); /* nothing was written: a failure loses nothing */
    if (n < 0) {
        ath__bytes_free(ctx, out);
        return file_fail(ctx, "read", path, n);
    }
    return ATH_OK;
}

static ath_status file_refuse(const ath__file *f)
{
    return f->path ? ath__fail(f->ctx, ATH_E_IO, "'%s' takes no more after a failed write", f->path)
                   : ATH_E_STATE;
}

/* Writes through to the descriptor; a failure is final. */
static ath_status file_put(ath__file *f, const void *data, size_t bytes)
{
    int64_t result = file_write_all(f->ctx, f->fd, data, bytes);
    if (result < 0) {
        f->failed = true;
        return file_fail(f->ctx, "write", f->path, result);
    }
    return ATH_OK;
}

ath_status ath__file_write(ath__file *f, const void *data, size_t bytes)
{
    if (!f->path || f->failed) {
        return file_refuse(f);
    }
    if (bytes > FILE_FLUSH_BYTES - f->buffer.size) {
        ATH__TRY(ath__file_flush(f, false));
    }
    if (bytes <= FILE_FLUSH_BYTES - f->buffer.size) {
        ATH__TRY(ath__bytes_append(f->ctx, &f->buffer, data, bytes));
    } else {
        ATH__TRY(file_put(f, data, bytes));
    }
    f->length += bytes;
    return ATH_OK;
}

ath_status ath__file_flush(ath__file *f, bool sync)
{
    if (!f->path || f->failed) {
        return file_refuse(f);
    }
    ATH__TRY(file_put(f, f->buffer.data, f->buffer.size));
    f->buffer.size = 0;
    int result = sync ? file_sync(f->ctx, f->fd) : 0;
    if (result < 0) {
        f->failed = true;
        return file_fail(f->ctx, "sync", f->path, result);
    }
    return ATH_OK;
}

ath_status ath__file_close(ath__file *f)
{
    if (!f->path) {
        return ATH_OK;
    }
    ath_status status =
        ath__file_flush(f, false); /* refused, with its reason, if it failed before */
    int result = file_shut(f->ctx, f->fd);
    if (result < 0 && status == ATH_OK) {
        status = file_fail(f->ctx, "close", f->path, result);
    }
    ath__bytes_free(f->ctx, &f->buffer);
    ath__strfree(f->ctx, &f->path);
    *f = (ath__file){0};
    return status;
}

/* ---- journals: files that grow, and locks ---- */

ath_status ath__file_extend(ath_context *ctx, const char *path, uint64_t length, ath__file *out)
{
    uint8_t last;
    ATH__TRY(file_begin(ctx, path, O_RDWR | O_APPEND, out));
    ath_status status = file_measure(ctx, out->fd, path, &out->length, &last);
    if (status == ATH_OK && out->length != length) {
        status = ath__fail(ctx, ATH_E_FORMAT, "'%s' has %llu bytes, not %llu", path,
                           (unsigned long long)out->length, (unsigned long long)length);
    }
    return file_begun(out, status);
}

ath_status ath__file_reserve(ath__file *f, uint64_t bytes)
{
    if (!f->path || f->failed) {
        return file_refuse(f);
    }
    const ath_io *io = &f->ctx->config.io;
    int result;
    if (f->length > INT64_MAX || bytes > (uint64_t)INT64_MAX - f->length) {
        return ath__fail(f->ctx, ATH_E_RANGE, "'%s' would be too large", f->path);
    }
    do {
        result = io->reserve(io->user, f->fd, (int64_t)f->length, (int64_t)bytes);
    } while (result == -EINTR);
    return result == 0 || result == -EOPNOTSUPP ? ATH_OK
                                                : file_fail(f->ctx, "enlarge", f->path, result);
}

ath_status ath__file_release(ath__file *f)
{
    if (!f->path || f->failed) {
        return file_refuse(f);
    }
    ATH__TRY(ath__file_flush(f, false));
    const ath_io *io = &f->ctx->config.io;
    int result;
    do {
        result = io->truncate(io->user, f->fd, (int64_t)f->length);
    } while (result == -EINTR);
    return result < 0 ? file_fail(f->ctx, "cut", f->path, result) : ATH_OK;
}

static ath_status file_read_part(ath_context *ctx, int fd, const char *path, uint64_t offset,
                                 size_t bytes, ath__bytes *out)
{
    const ath_io *io = &ctx->config.io;
    while (out->size < bytes) {
        const int64_t n = io->read_at(io->user, fd, out->data + out->size, bytes - out->size,
                                      (int64_t)(offset + out->size));
        if (n == -EINTR) {
            continue;
        }
        if (n < 0 || (uint64_t)n > bytes - out->size) {
            return file_fail(ctx, "read", path, n < 0 ? n : -EIO);
        }
        if (n == 0) {
            return ath__fail(ctx, ATH_E_FORMAT, "'%s' ends before byte %llu", path,
                             (unsigned long long)(offset + bytes));
        }
        out->size += (size_t)n;
    }
    return ATH_OK;
}

ath_status ath__file_part(ath_context *ctx, const char *path, uint64_t offset, size_t bytes,
                          ath__bytes *out)
{
    *out = (ath__bytes){0};
    if (offset > INT64_MAX || bytes > (uint64_t)INT64_MAX - offset) {
        return ath__fail(ctx, ATH_E_RANGE, "'%s' has no byte %llu", path,
                         (unsigned long long)offset);
    }
    ATH__TRY(ath__bytes_reserve(ctx, out, bytes));
    const int fd = file_open(ctx, path, O_RDONLY);
    ath_status status = fd < 0 ? file_fail(ctx, "open", path, fd) : ATH_OK;
    if (fd >= 0) {
        status = file_read_part(ctx, fd, path, offset, bytes, out);
        file_shut(ctx, fd); /* nothing was written: a failure loses nothing */
    }
    if (status != ATH_OK) {
        ath__bytes_free(ctx, out);
    }
    return status;
}

ath_status ath__file_lock(ath_context *ctx, const char *path, int *fd)
{
    const ath_io *io = &ctx->config.io;
    int result;
    *fd = file_open(ctx, path, O_RDWR | O_CREAT);
    if (*fd < 0) {
        return file_fail(ctx, "open", path, *fd);
    }
    do {
        result = io->lock(io->user, *fd);
    } while (result == -EINTR);
    if (result == 0) {
        return ATH_OK;
    }
    ath__file_unlock(ctx, fd);
    return result == -EAGAIN
               ? ath__fail(ctx, ATH_E_STATE, "'%s' is locked: another process writes here", path)
               : file_fail(ctx, "lock", path, result);
}

ath_status ath__file_locked(ath_context *ctx, const char *path, bool *out)
{
    const ath_io *io = &ctx->config.io;
    int fd = file_open(ctx, path, O_RDONLY);
    *out = false;
    if (fd < 0) {
        return fd == -ENOENT ? ATH_OK : file_fail(ctx, "open", path, fd);
    }
    const int result = io->locked(io->user, fd);
    ath__file_unlock(ctx, &fd);
    *out = result > 0;
    return result < 0 ? file_fail(ctx, "ask for the lock of", path, result) : ATH_OK;
}

void ath__file_unlock(ath_context *ctx, int *fd)
{
    if (*fd >= 0) {
        file_shut(ctx, *fd); /* nothing was written: a failure loses nothing */
    }
    *fd = -1;
}

ath_status ath__file_rename(ath_context *ctx, const char *from, const char *to)
{
    const int result = file_rename(ctx, from, to);
    return result < 0 ? file_fail(ctx, "rename to", to, result) : ath__file_sync_directory(ctx, to);
}

ath_status ath__file_remove(ath_context *ctx, const char *path)
{
    const int result = file_unlink(ctx, path);
    return result < 0 ? file_fail(ctx, "remove", path, result) : ATH_OK;
}

ath_status ath__file_directory(ath_context *ctx, const char *path)
{
    const ath_io *io = &ctx->config.io;
    int result;
    do {
        result = io->mkdir(io->user, path, 0777);
    } while (result == -EINTR);
    if (result < 0 && result != -EEXIST) {
        return file_fail(ctx, "make directory", path, result);
    }
    const ath_status status = ath__file_sync_directory(ctx, path);
    /* who made one that was there may have died before this; but it need not be ours to sync */
    return result == -EEXIST ? ATH_OK : status;
}
