/* The context: allocator, log, i/o and the last error. Everything hangs on one; there are no
 * globals.
 *
 * A context serves one thread at a time. Any number may exist. Objects keep a pointer to the
 * context they were made from, which must outlive them. No function here synchronises with a
 * device.
 */
#ifndef ATHANOR_CONTEXT_H
#define ATHANOR_CONTEXT_H

#include <stddef.h>
#include <stdint.h>

#include <athanor/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ath_context ath_context;

/* All memory of the library. resize(user, NULL, 0, n) allocates n bytes, resize(user, p, old, n)
 * resizes, resize(user, p, old, 0) frees and returns NULL. Blocks are aligned to 64 bytes. A
 * failure returns NULL and leaves the old block as it was. */
typedef struct ath_allocator {
    void *(*resize)(void *user, void *block, size_t old_bytes, size_t new_bytes);
    void *user;
} ath_allocator;

typedef enum ath_log_level {
    ATH_LOG_ERROR,
    ATH_LOG_WARNING,
    ATH_LOG_INFO,
    ATH_LOG_DEBUG
} ath_log_level;

/* component: "device", "flow", ...; text has no newline. Called on the thread that uses the
 * context. */
typedef void (*ath_log_fn)(void *user, ath_log_level level, const char *component,
                           const char *text);

/* All file access of the library. Each entry returns 0 or a positive count on success and a
 * negative errno value on failure. NULL entries, or a NULL table, mean the operating system's own.
 */
typedef struct ath_io {
    size_t size; /* sizeof(struct ath_io) */
    void *user;
    int (*open)(void *user, const char *path, int flags, int mode);         /* fd or -errno */
    int64_t (*read)(void *user, int fd, void *buffer, size_t bytes);        /* bytes or -errno */
    int64_t (*write)(void *user, int fd, const void *buffer, size_t bytes); /* may be short */
    int (*sync)(void *user, int fd);                                        /* fdatasync */
    int (*close)(void *user, int fd);
    int (*rename)(void *user, const char *from, const char *to);
    int (*unlink)(void *user, const char *path);
    int (*mkdir)(void *user, const char *path, int mode);
    int (*sync_directory)(void *user, const char *path); /* open, fsync, close a directory */
    int (*truncate)(void *user, int fd, int64_t bytes);  /* cuts an open file back */
    int64_t (*read_at)(void *user, int fd, void *buffer, size_t bytes, int64_t offset);
    /* room on the disk for bytes from offset on, the size as it was; -EOPNOTSUPP: cannot say */
    int (*reserve)(void *user, int fd, int64_t offset, int64_t bytes);
    int (*lock)(void *user, int fd);   /* for this open file alone; -EAGAIN: another one has it */
    int (*locked)(void *user, int fd); /* 0, or 1 if another open file has the lock */
} ath_io;

typedef struct ath_context_config {
    size_t size;             /* sizeof(struct ath_context_config) */
    ath_allocator allocator; /* resize NULL: the C library's */
    ath_log_fn log;          /* NULL: nothing is logged */
    void *log_user;
    ath_log_level log_level;
    ath_io io;
} ath_context_config;

/* config may be NULL. Fails with ATH_E_NO_MEMORY or ATH_E_ABI (config->size unknown). */
ATH_API ath_status ath_context_create(const ath_context_config *config, ath_context **out);
/* Accepts NULL and a pointer to NULL; clears the pointer. */
ATH_API void ath_context_destroy(ath_context **ctx);

/* Text of the last failure on this context, for people; "" if there was none. Valid until the next
 * failing call. */
ATH_API const char *ath_context_message(const ath_context *ctx);

/* Version of the library that is running, "0.1.0", and its ABI number. */
ATH_API const char *ath_version(void);
#define ATH_ABI 1u
#define ATH_VERSION_MAJOR 0
#define ATH_VERSION_MINOR 1
#define ATH_VERSION_PATCH 0

#ifdef __cplusplus
}
#endif
#endif
