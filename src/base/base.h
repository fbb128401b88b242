/* base: what every other module stands on. Private to the library.
 *
 * Memory comes only from the context's allocator, sizes only through the checked helpers, files
 * only through the context's i/o table. ath__fail records a message and is the status; ATH__TRY
 * passes a failure on.
 */
#ifndef ATHANOR_BASE_BASE_H
#define ATHANOR_BASE_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <athanor/context.h>
#include <athanor/field.h>
#include <athanor/option.h>
#include <athanor/status.h>

struct ath_context {
    ath_context_config config; /* complete: every entry set */
    char message[1024];
    ath_field_info *fields; /* user fields, [n_fields]; ids follow the core fields */
    int32_t n_fields;
    uint64_t n_ids; /* objects that took a number so far */
};

/* Frees the user fields; part of ath_context_destroy. */
void ath__fields_free(ath_context *ctx);

/* ---- errors and log ---- */

/* Records the text (printf style) and is `status`, which is evaluated twice. ctx may be NULL. A
 * macro, so that whoever follows the paths of the code sees that a failure is one. */
#define ath__fail(ctx, status, ...) (ath__message((ctx), (status), __VA_ARGS__), (status))
void ath__message(ath_context *ctx, ath_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void ath__log(ath_context *ctx, ath_log_level level, const char *component, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#define ATH__TRY(expression)                                                                       \
    do {                                                                                           \
        ath_status ath__status = (expression);                                                     \
        if (ath__status < 0) {                                                                     \
            return ath__status;                                                                    \
        }                                                                                          \
    } while (0)

/* ---- memory: zeroed, aligned to 64 bytes ---- */

/* Checked arithmetic: true on overflow, as with __builtin_mul_overflow. */
static inline bool ath__mul(size_t a, size_t b, size_t *out)
{
    return __builtin_mul_overflow(a, b, out);
}
static inline bool ath__add(size_t a, size_t b, size_t *out)
{
    return __builtin_add_overflow(a, b, out);
}

/* n * size zeroed bytes in *out (void ** through any object pointer). n == 0 gives NULL and ATH_OK.
 * Overflow and exhaustion are ATH_E_NO_MEMORY with a message. */
ath_status ath__alloc(ath_context *ctx, size_t n, size_t size, void *out);
/* Resizes *block from old_n to new_n elements, new ones zeroed; on failure *block is unchanged. */
ath_status ath__resize(ath_context *ctx, void *block, size_t old_n, size_t new_n, size_t size);
/* Frees *block (n elements, as allocated) and sets it to NULL. */
void ath__free(ath_context *ctx, void *block, size_t n, size_t size);
ath_status ath__strdup(ath_context *ctx, const char *text, char **out);
void ath__strfree(ath_context *ctx, char **text);

/* A growing byte buffer. Zero-initialise; free with ath__bytes_free. */
typedef struct ath__bytes {
    uint8_t *data;
    size_t size, capacity;
} ath__bytes;
ath_status ath__bytes_reserve(ath_context *ctx, ath__bytes *b, size_t more);
ath_status ath__bytes_append(ath_context *ctx, ath__bytes *b, const void *data, size_t size);
/* printf style; reals through ath__format_double, for %g follows the locale. */
ath_status ath__bytes_print(ath_context *ctx, ath__bytes *b, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void ath__bytes_free(ath_context *ctx, ath__bytes *b);

/* ---- text ---- */

/* Nearest of the names in a NULL-terminated array by edit distance, NULL if none is near. */
const char *ath__nearest(const char *word, const char *const *names);
/* Locale-free double: decimal digits only (no hex, inf or nan), correctly rounded; *used characters
 * belong to the number. ATH_E_FORMAT if there is none (*used is 0), ATH_E_RANGE on overflow; *out
 * is then unchanged. No message: the caller knows the place. Reads at most n. */
ath_status ath__parse_double(const char *text, size_t n, double *out, size_t *used);
ath_status ath__parse_int(const char *text, size_t n, int64_t *out, size_t *used);
/* Shortest decimal text that reads back to the same bits ("0.1", "-3", "1e23"; also "nan", "inf",
 * "-inf"); returns its length, needs 32 bytes. */
int ath__format_double(double value, char *out);

/* ---- hashes ---- */

/* SipHash-2-4 with 128-bit output (Aumasson & Bernstein), streaming, fixed key. */
typedef struct ath__hash {
    uint64_t v[4];
    uint8_t tail[8];
    uint64_t n_bytes;
} ath__hash;
void ath__hash_begin(ath__hash *h, uint64_t key0, uint64_t key1);
void ath__hash_update(ath__hash *h, const void *data, size_t bytes);
void ath__hash_end(ath__hash *h, uint64_t out[2]);
/* CRC-32C (Castagnoli), continuing from `crc` (0 to begin). */
uint32_t ath__crc32c(uint32_t crc, const void *data, size_t bytes);

/* ---- files, through the context's i/o table ---- */

/* Whole file in memory with a NUL behind it, `path` "-" is standard input. limit 0: none; a larger
 * file is ATH_E_RANGE. Memory at most 2 x the size + 1 MiB. A path that does not exist is
 * ATH_E_NOT_FOUND, here and below. */
ath_status ath__file_read(ath_context *ctx, const char *path, size_t limit, ath__bytes *out);
/* Writes path.tmp.PID, syncs, renames over path, syncs the directory: readers see old or new. */
ath_status ath__file_replace(ath_context *ctx, const char *path, const void *data, size_t bytes);
/* The same through a file of this name, in the same directory, which nobody else uses. */
ath_status ath__file_replace_by(ath_context *ctx, const char *name, const char *path,
                                const void *data, size_t bytes);
/* Makes the entry of a new file durable: syncs the directory that holds `path`. */
ath_status ath__file_sync_directory(ath_context *ctx, const char *path);
/* A file being appended to; short writes are continued, errors are reported with the path. */
typedef struct ath__file {
    ath_context *ctx;
    int fd;
    char *path;
    ath__bytes buffer;
    uint64_t length; /* bytes in the file and in the buffer */
    bool failed;     /* after a failed write or sync nothing more is accepted */
} ath__file;
/* exclusive: ATH_E_EXISTS if there is one; else it is emptied. */
ath_status ath__file_create(ath_context *ctx, const char *path, bool exclusive, ath__file *out);
/* Goes on behind what there is, if anything. ATH_E_FORMAT if that does not end with a newline. */
ath_status ath__file_append(ath_context *ctx, const char *path, ath__file *out);
/* Cuts a file that exists back to so many bytes, synced. ATH_E_FORMAT if it has fewer. */
ath_status ath__file_cut(ath_context *ctx, const char *path, uint64_t bytes);
/* How many bytes a file has. */
ath_status ath__file_size(ath_context *ctx, const char *path, uint64_t *bytes);
/* Goes on behind `length` bytes; ATH_E_FORMAT if the file has another number of them. */
ath_status ath__file_extend(ath_context *ctx, const char *path, uint64_t length, ath__file *out);
/* Room on the disk for so many bytes behind what is written and buffered. ATH_E_IO if there is
 * none; nothing is written, and the file stays usable. Where the file system cannot say, ATH_OK. */
ath_status ath__file_reserve(ath__file *f, uint64_t bytes);
/* Gives the room back that was reserved, and not used. */
ath_status ath__file_release(ath__file *f);
/* So many bytes from `offset` on; ATH_E_FORMAT if the file ends before. */
ath_status ath__file_part(ath_context *ctx, const char *path, uint64_t offset, size_t bytes,
                          ath__bytes *out);
/* Opens, or makes, a file and locks it: a descriptor for ath__file_unlock in *fd. ATH_E_STATE if
 * another process has it. */
ath_status ath__file_lock(ath_context *ctx, const char *path, int *fd);
void ath__file_unlock(ath_context *ctx, int *fd);
/* Whether a file is there and another open file has locked it. */
ath_status ath__file_locked(ath_context *ctx, const char *path, bool *out);
/* Gives a file another name in the same directory, durably. */
ath_status ath__file_rename(ath_context *ctx, const char *from, const char *to);
/* Takes a file away; whether it stays away after a crash is not known. */
ath_status ath__file_remove(ath_context *ctx, const char *path);
/* Makes a directory, synced; ATH_OK if there is one. */
ath_status ath__file_directory(ath_context *ctx, const char *path);
/* At most `max` bytes from the beginning of a file. */
ath_status ath__file_head(ath_context *ctx, const char *path, size_t max, ath__bytes *out);
ath_status ath__file_write(ath__file *f, const void *data, size_t bytes); /* buffered, 1 MiB */
ath_status ath__file_flush(ath__file *f, bool sync);
ath_status ath__file_close(ath__file *f); /* flushes; safe on a zeroed struct */

#endif
