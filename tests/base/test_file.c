/* Files: reading, buffered writing and atomic replacement, with every i/o call failing in turn.
 *
 * The i/o table under test passes calls on to the context's own and can make the n-th one fail
 * (once or from then on), be interrupted, or transfer half of what was asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "base/failing.h"

enum { FILE_SHORT = -1 }; /* in place of an errno value: transfer half */

typedef struct file_faults {
    ath_io real;
    int64_t n_calls, fail_at; /* the number of the call that fails, from 1 */
    int error;                /* errno value, or FILE_SHORT */
    bool for_ever;            /* all later calls fail too */
    int n_open;               /* descriptors */
    int n_reads_at;
    size_t most_bytes; /* of one read or write; 0: as asked */
    int n_syncs, n_directory_syncs;
} file_faults;

static file_faults file_state;
static failing file_failing;
static char file_folder[64], file_path[128];

/* Does this call fail? 0, or the negative result. */
static int file_fault(file_faults *f, bool transfer)
{
    f->n_calls++;
    if (f->fail_at == 0 || f->n_calls < f->fail_at || (f->n_calls > f->fail_at && !f->for_ever) ||
        (f->error == FILE_SHORT && !transfer)) {
        return 0;
    }
    return f->error == FILE_SHORT ? 1 : -f->error;
}

static int file_open_(void *user, const char *path, int flags, int mode)
{
    file_faults *f = user;
    int fault = file_fault(f, false);
    assert_true(flags & O_CLOEXEC);
    int fd = fault ? fault : f->real.open(f->real.user, path, flags, mode);
    f->n_open += fd >= 0;
    return fd;
}

static size_t file_clip(const file_faults *f, int fault, size_t bytes)
{
    if (f->most_bytes > 0 && bytes > f->most_bytes) {
        bytes = f->most_bytes;
    }
    return fault > 0 && bytes > 1 ? bytes / 2 : bytes;
}

static int64_t file_read_(void *user, int fd, void *buffer, size_t bytes)
{
    file_faults *f = user;
    int fault = file_fault(f, true);
    return fault < 0 ? fault : f->real.read(f->real.user, fd, buffer, file_clip(f, fault, bytes));
}

static int64_t file_read_at_(void *user, int fd, void *buffer, size_t bytes, int64_t offset)
{
    file_faults *f = user;
    int fault = file_fault(f, true);
    f->n_reads_at++;
    return fault < 0
               ? fault
               : f->real.read_at(f->real.user, fd, buffer, file_clip(f, fault, bytes), offset);
}

static int64_t file_write_(void *user, int fd, const void *buffer, size_t bytes)
{
    file_faults *f = user;
    int fault = file_fault(f, true);
    return fault < 0 ? fault : f->real.write(f->real.user, fd, buffer, file_clip(f, fault, bytes));
}

static int file_sync_(void *user, int fd)
{
    file_faults *f = user;
    int fault = file_fault(f, false);
    f->n_syncs++;
    return fault ? fault : f->real.sync(f->real.user, fd);
}

/* A close that fails has closed, as on Linux. */
static int file_close_(void *user, int fd)
{
    file_faults *f = user;
    int fault = file_fault(f, false);
    int result = f->real.close(f->real.user, fd);
    f->n_open--;
    return fault ? fault : result;
}

static int file_rename_(void *user, const char *from, const char *to)
{
    file_faults *f = user;
    int fault = file_fault(f, false);
    return fault ? fault : f->real.rename(f->real.user, from, to);
}

static int file_unlink_(void *user, const char *path)
{
    file_faults *f = user;
    int fault = file_fault(f, false);
    return fault ? fault : f->real.unlink(f->real.user, path);
}

static int file_sync_directory_(void *user, const char *path)
{
    file_faults *f = user;
    int fault = file_fault(f, false);
    f->n_directory_syncs++;
    return fault ? fault : f->real.sync_directory(f->real.user, path);
}

static int file_truncate_(void *user, int fd, int64_t bytes)
{
    file_faults *f = user;
    int fault = file_fault(f, false);
    return fault ? fault : f->real.truncate(f->real.user, fd, bytes);
}

static int file_setup(void **state)
{
    ath_context *plain;
    if (ath_context_create(NULL, &plain) != ATH_OK) {
        return 1;
    }
    file_state = (file_faults){.real = plain->config.io};
    ath_context_destroy(&plain);
    file_failing = (failing){0};
    snprintf(file_folder, sizeof file_folder, "/tmp/athanor_fileXXXXXX");
    if (!mkdtemp(file_folder)) {
        return 1;
    }
    snprintf(file_path, sizeof file_path, "%s/data", file_folder);
    ath_context_config config = failing_config(&file_failing);
    config.io = (ath_io){.size = sizeof config.io,
                         .user = &file_state,
                         .open = file_open_,
                         .read = file_read_,
                         .write = file_write_,
                         .sync = file_sync_,
                         .close = file_close_,
                         .rename = file_rename_,
                         .unlink = file_unlink_,
                         .sync_directory = file_sync_directory_,
                         .truncate = file_truncate_,
                         .read_at = file_read_at_};
    return ath_context_create(&config, (ath_context **)state);
}

/* The number of files in the folder; removes them if told to. */
static int file_count(bool remove_them)
{
    int n = 0;
    DIR *directory = opendir(file_folder);
    for (struct dirent *e; directory && (e = readdir(directory));) {
        if (e->d_name[0] != '.') {
            char path[512];
            snprintf(path, sizeof path, "%s/%s", file_folder, e->d_name);
            n++;
            if (remove_them) {
                unlink(path);
            }
        }
    }
    closedir(directory);
    return n;
}

static int file_teardown(void **state)
{
    file_count(true);
    rmdir(file_folder);
    ath_context_destroy((ath_context **)state);
    return file_failing.n_blocks != 0 || file_failing.n_wrong != 0 || file_state.n_open != 0;
}

static void file_put(const char *path, const void *data, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* Is the content of the file exactly this? */
static bool file_is(const char *path, const void *data, size_t n)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        return false;
    }
    char *got = malloc(n + 1);
    size_t m = fread(got, 1, n + 1, f);
    bool same = m == n && memcmp(got, data, n) == 0;
    free(got);
    fclose(f);
    return same;
}

static void file_fill(uint8_t *data, size_t n, unsigned seed)
{
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        data[i] = (uint8_t)(seed >> 24);
    }
}

/* ---- reading ---- */

static void test_read(void **state)
{
    ath_context *ctx = *state;
    static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 1000000, 5000000};
    uint8_t *data = malloc(5000000);
    file_fill(data, 5000000, 1);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        file_put(file_path, data, sizes[i]);
        for (int round = 0; round < 2; round++) {
            file_state.most_bytes = round ? 77777 : 0;
            ath__bytes b;
            file_failing.peak_bytes = file_failing.bytes;
            size_t before = file_failing.bytes;
            assert_int_equal(ath__file_read(ctx, file_path, 0, &b), ATH_OK);
            assert_int_equal(b.size, sizes[i]);
            assert_memory_equal(b.data, data, b.size);
            assert_int_equal(b.data[b.size], 0);
            /* twice the size, and one chunk that is not full */
            assert_true(file_failing.peak_bytes - before <= 2 * sizes[i] + (1 << 20) + 4096);
            ath__bytes_free(ctx, &b);
        }
    }
    free(data);
}

static void test_read_limit(void **state)
{
    ath_context *ctx = *state;
    file_put(file_path, "0123456789", 10);
    ath__bytes b;
    assert_int_equal(ath__file_read(ctx, file_path, 10, &b), ATH_OK);
    ath__bytes_free(ctx, &b);
    assert_int_equal(ath__file_read(ctx, file_path, 9, &b), ATH_E_RANGE);
    assert_null(b.data);
    assert_non_null(strstr(ath_context_message(ctx), file_path));
    assert_non_null(strstr(ath_context_message(ctx), "larger than 9 bytes"));
    assert_int_equal(ath__file_read(ctx, "/dev/zero", 3000000, &b), ATH_E_RANGE); /* ends */
}

static void test_read_missing(void **state)
{
    ath_context *ctx = *state;
    ath__bytes b;
    assert_int_equal(ath__file_read(ctx, file_path, 0, &b), ATH_E_NOT_FOUND);
    assert_non_null(strstr(ath_context_message(ctx), file_path));
    assert_non_null(strstr(ath_context_message(ctx), "No such file"));
    assert_int_equal(ath__file_read(ctx, file_folder, 0, &b), ATH_E_IO);
    assert_non_null(strstr(ath_context_message(ctx), "directory"));
}

static void test_read_standard_input(void **state)
{
    ath_context *ctx = *state;
    int saved = dup(0), ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "from a pipe", 11), 11);
    close(ends[1]);
    assert_int_equal(dup2(ends[0], 0), 0);
    ath__bytes b;
    ath_status status = ath__file_read(ctx, "-", 0, &b);
    int still_open = fcntl(0, F_GETFD);
    dup2(saved, 0);
    close(saved);
    close(ends[0]);
    assert_int_equal(status, ATH_OK);
    assert_true(still_open >= 0);
    assert_int_equal(b.size, 11);
    assert_memory_equal(b.data, "from a pipe", 11);
    ath__bytes_free(ctx, &b);
}

static void test_read_faults(void **state)
{
    ath_context *ctx = *state;
    static const int errors[] = {EIO, EINTR, FILE_SHORT};
    uint8_t *data = malloc(300000);
    file_fill(data, 300000, 2);
    file_put(file_path, data, 300000);
    int n_failures = 0;
    for (int k = 0; k < 3; k++) {
        file_state.error = errors[k];
        bool reached = true; /* was there a call of this number? */
        for (int64_t at = 1; reached; at++) {
            file_state.n_calls = 0;
            file_state.fail_at = at;
            ath__bytes b;
            ath_status status = ath__file_read(ctx, file_path, 0, &b);
            reached = file_state.n_calls >= at;
            if (status == ATH_OK) {
                assert_int_equal(b.size, 300000);
                assert_memory_equal(b.data, data, b.size);
                ath__bytes_free(ctx, &b);
            } else {
                assert_int_equal(errors[k], EIO);
                assert_int_equal(status, ATH_E_IO);
                assert_null(b.data);
                n_failures++;
            }
        }
    }
    file_state.fail_at = 0;
    assert_true(n_failures >= 4);
    for (int64_t at = 1;; at++) {
        file_failing.fail_at = file_failing.n_calls + at;
        ath__bytes b;
        ath_status status = ath__file_read(ctx, file_path, 0, &b);
        if (status == ATH_OK) {
            ath__bytes_free(ctx, &b);
            break;
        }
        assert_int_equal(status, ATH_E_NO_MEMORY);
    }
    free(data);
}

/* ---- replacement ---- */

static void test_replace(void **state)
{
    ath_context *ctx = *state;
    assert_int_equal(ath__file_replace(ctx, file_path, "one", 3), ATH_OK);
    assert_true(file_is(file_path, "one", 3));
    assert_int_equal(file_state.n_syncs, 1);
    assert_int_equal(file_state.n_directory_syncs, 1);
    assert_int_equal(ath__file_replace(ctx, file_path, "twotwo", 6), ATH_OK);
    assert_true(file_is(file_path, "twotwo", 6));
    assert_int_equal(ath__file_replace(ctx, file_path, NULL, 0), ATH_OK);
    assert_true(file_is(file_path, "", 0));
    assert_int_equal(file_count(false), 1);

    /* a file that a dead process of our number left is neither used nor removed */
    char stale[192];
    snprintf(stale, sizeof stale, "%s.tmp.%ld", file_path, (long)getpid());
    file_put(stale, "stale", 5);
    assert_int_equal(ath__file_replace(ctx, file_path, "new", 3), ATH_OK);
    assert_true(file_is(file_path, "new", 3));
    assert_true(file_is(stale, "stale", 5));
    assert_int_equal(file_count(false), 2);

    snprintf(stale, sizeof stale, "%s/missing/data", file_folder);
    assert_int_equal(ath__file_replace(ctx, stale, "x", 1), ATH_E_NOT_FOUND);
}

static void test_replace_here(void **state)
{
    ath_context *ctx = *state;
    char *before = getcwd(NULL, 0);
    assert_int_equal(chdir(file_folder), 0);
    ath_status status = ath__file_replace(ctx, "bare", "x", 1);
    assert_int_equal(chdir(before), 0);
    free(before);
    assert_int_equal(status, ATH_OK);
    assert_int_equal(file_count(false), 1);
}

/* Every call fails in every way, once and for ever: the file has the old or the new content. */
static void test_replace_faults(void **state)
{
    ath_context *ctx = *state;
    static const int errors[] = {EIO, ENOSPC, EINTR, FILE_SHORT};
    enum { N = 200000 };
    uint8_t *old = malloc(N), *new = malloc(N);
    file_fill(old, N, 3);
    file_fill(new, N, 4);
    int n_failures = 0, n_old = 0;
    for (int k = 0; k < 8; k++) {
        file_state.error = errors[k / 2];
        file_state.for_ever = k % 2 == 1;
        if (file_state.for_ever && (file_state.error == EINTR || file_state.error == FILE_SHORT)) {
            file_state.for_ever = false; /* those would never end, and need not */
        }
        file_state.most_bytes = 60000; /* several writes */
        bool reached = true;           /* was there a call of this number? */
        for (int64_t at = 1; reached; at++) {
            file_put(file_path, old, N);
            file_state.n_calls = 0;
            file_state.fail_at = at;
            ath_status status = ath__file_replace(ctx, file_path, new, N);
            reached = file_state.n_calls >= at;
            bool is_old = file_is(file_path, old, N), is_new = file_is(file_path, new, N);
            assert_true(is_old || is_new);
            assert_true(status != ATH_OK || is_new);
            if (errors[k / 2] == EINTR || errors[k / 2] == FILE_SHORT) {
                assert_int_equal(status, ATH_OK);
            }
            if (status != ATH_OK) {
                assert_int_equal(status, ATH_E_IO);
                assert_non_null(strstr(ath_context_message(ctx), file_path));
                n_failures++;
                n_old += is_old;
            }
            /* the temporary file is gone, except where removing it failed as well */
            assert_true(file_count(false) == 1 || file_state.for_ever);
            assert_int_equal(file_state.n_open, 0);
            file_count(true);
        }
    }
    free(old);
    free(new);
    assert_true(n_failures >= 16 && n_old >= 14);
}

static void test_replace_without_memory(void **state)
{
    ath_context *ctx = *state;
    file_put(file_path, "old", 3);
    int n_failures = 0;
    for (int64_t at = 1;; at++) {
        file_failing.fail_at = file_failing.n_calls + at;
        ath_status status = ath__file_replace(ctx, file_path, "new", 3);
        if (status == ATH_OK) {
            break;
        }
        assert_int_equal(status, ATH_E_NO_MEMORY);
        assert_int_equal(file_count(false), 1);
        assert_true(file_is(file_path, "old", 3) || file_is(file_path, "new", 3));
        n_failures++;
    }
    assert_true(n_failures >= 1);
    assert_true(file_is(file_path, "new", 3));
}

/* ---- writing ---- */

static void test_write(void **state)
{
    ath_context *ctx = *state;
    enum { N = 5000000 };
    uint8_t *data = malloc(N);
    file_fill(data, N, 5);
    for (int round = 0; round < 3; round++) {
        file_state.most_bytes = round == 1 ? 50001 : 0;
        ath__file f;
        assert_int_equal(ath__file_create(ctx, file_path, false, &f), ATH_OK);
        size_t done = 0, step = 1;
        while (done < N) { /* sizes up to above the buffer's */
            size_t n = step < N - done ? step : N - done;
            assert_int_equal(ath__file_write(&f, data + done, n), ATH_OK);
            done += n;
            step = round == 2 ? 1000 : step * 3 % 2000003;
            assert_true(f.buffer.size <= 1 << 20);
        }
        assert_int_equal(ath__file_flush(&f, true), ATH_OK);
        assert_true(file_is(file_path, data, N));
        assert_int_equal(ath__file_write(&f, "end", 3), ATH_OK);
        assert_int_equal(ath__file_close(&f), ATH_OK);
        assert_int_equal(ath__file_close(&f), ATH_OK);
        assert_false(file_is(file_path, data, N));
    }
    assert_int_equal(file_state.n_syncs, 3);
    free(data);
    ath__file zero = {0};
    assert_int_equal(ath__file_close(&zero), ATH_OK);
    assert_int_equal(ath__file_write(&zero, "x", 1), ATH_E_STATE);
    assert_int_equal(ath__file_flush(&zero, true), ATH_E_STATE);
}

static void test_create(void **state)
{
    ath_context *ctx = *state;
    file_put(file_path, "old", 3);
    ath__file f;
    assert_int_equal(ath__file_create(ctx, file_path, true, &f), ATH_E_EXISTS);
    assert_non_null(strstr(ath_context_message(ctx), file_path));
    assert_true(file_is(file_path, "old", 3));
    assert_int_equal(ath__file_close(&f), ATH_OK); /* zeroed */
    assert_int_equal(ath__file_create(ctx, file_path, false, &f), ATH_OK);
    assert_int_equal(ath__file_close(&f), ATH_OK);
    assert_true(file_is(file_path, "", 0));
}

static void test_append(void **state)
{
    ath_context *ctx = *state;
    enum { N = 2500000 };
    char *data = malloc(N + 8);
    memset(data, 'x', N);
    memcpy(data + N - 1, "\nmore\n", 6);
    ath__file f;
    for (int round = 0; round < 3; round++) { /* nothing, an empty file, one of several reads */
        const size_t old = round < 2 ? 0 : N;
        if (round > 0) {
            file_put(file_path, data, old);
        }
        assert_int_equal(ath__file_append(ctx, file_path, &f), ATH_OK);
        assert_true(file_is(file_path, data, old));
        assert_int_equal(ath__file_write(&f, "more\n", 5), ATH_OK);
        assert_int_equal(ath__file_close(&f), ATH_OK);
        assert_true(file_is(file_path, data + N - old, old + 5));
    }
    file_put(file_path, data, N - 1);
    assert_int_equal(ath__file_append(ctx, file_path, &f), ATH_E_FORMAT);
    assert_non_null(strstr(ath_context_message(ctx), file_path));
    assert_int_equal(ath__file_close(&f), ATH_OK); /* zeroed */
    assert_true(file_is(file_path, data, N - 1));
    assert_int_equal(ath__file_append(ctx, "/no/such/folder", &f), ATH_E_NOT_FOUND);
    file_failing.n_calls = 0;
    file_failing.fail_at = 1;
    assert_int_equal(ath__file_append(ctx, file_path, &f), ATH_E_NO_MEMORY);
    file_failing.fail_at = 0;
    assert_int_equal(file_state.n_open, 0);
    free(data);
}

/* Whatever fails, what was there stays there. */
static void test_append_faults(void **state)
{
    ath_context *ctx = *state;
    static const int errors[] = {EIO, EINTR, FILE_SHORT};
    int n_failures = 0;
    for (int k = 0; k < 3; k++) {
        file_state.error = errors[k];
        bool reached = true;
        for (int64_t at = 1; reached; at++) {
            ath__file f;
            file_put(file_path, "old 1\nold 2\n", 12);
            file_state.n_calls = file_state.n_reads_at = 0;
            file_state.fail_at = at;
            ath_status status = ath__file_append(ctx, file_path, &f);
            if (status == ATH_OK) {
                assert_int_equal(ath__file_write(&f, "new\n", 4), ATH_OK);
                status = ath__file_close(&f);
            }
            reached = file_state.n_calls >= at;
            file_state.fail_at = 0;
            n_failures += status != ATH_OK;
            assert_true(status == ATH_OK || errors[k] == EIO);
            assert_true(file_is(file_path, "old 1\nold 2\nnew\n", status == ATH_OK ? 16 : 12) ||
                        (status != ATH_OK && file_is(file_path, "old 1\nold 2\nnew\n", 16)));
            assert_int_equal(file_state.n_open, 0);
        }
    }
    assert_int_equal(n_failures, 3 + file_state.n_reads_at); /* open, reads, write, close */
}

/* After a failed write or sync nothing more is accepted, and close says so too. */
static void test_write_faults(void **state)
{
    ath_context *ctx = *state;
    static const int errors[] = {EIO, ENOSPC, EINTR, FILE_SHORT};
    enum { N = 100000 };
    uint8_t *data = malloc(N);
    file_fill(data, N, 6);
    int n_failures = 0;
    for (int k = 0; k < 4; k++) {
        file_state.error = errors[k];
        bool reached = true; /* was there a call of this number? */
        for (int64_t at = 1; reached; at++) {
            file_state.n_calls = 0;
            file_state.fail_at = at;
            ath__file f;
            ath_status status = ath__file_create(ctx, file_path, false, &f);
            ath_status first = status;
            for (int i = 0; i < 3 && f.path; i++) { /* each part written and synced */
                status = ath__file_write(&f, data + i * (N / 4), N / 4);
                assert_true((status == ATH_OK) == (first == ATH_OK));
                status = ath__file_flush(&f, true);
                first = first == ATH_OK ? status : first;
                assert_true((status == ATH_OK) == (first == ATH_OK));
            }
            if (f.path) {
                int64_t calls = file_state.n_calls;
                assert_true((ath__file_write(&f, data, 1) == ATH_OK) == (first == ATH_OK));
                status = ath__file_close(&f);
                first = first == ATH_OK ? status : first;
                assert_true(status == first);
                assert_true(first == ATH_OK || file_state.n_calls <= calls + 2);
            }
            if (errors[k] == EINTR || errors[k] == FILE_SHORT) {
                assert_int_equal(first, ATH_OK);
            }
            reached = file_state.n_calls >= at;
            n_failures += first != ATH_OK;
            assert_int_equal(file_state.n_open, 0);
        }
    }
    assert_int_equal(n_failures, 18); /* open, 4 writes, 3 syncs, close: 9 calls, two errors */
    free(data);
}

/* A table whose write claims success without progress, or more than it was given. */
static int64_t file_write_strange(void *user, int fd, const void *buffer, size_t bytes)
{
    (void)fd, (void)buffer;
    return *(int *)user ? (int64_t)bytes + 1 : 0;
}

static void test_strange_table(void **state)
{
    (void)state;
    int too_much = 0;
    ath_context_config config = {.size = sizeof config};
    config.io = (ath_io){.size = sizeof config.io, .user = &too_much, .write = file_write_strange};
    ath_context *ctx;
    assert_int_equal(ath_context_create(&config, &ctx), ATH_OK);
    for (too_much = 0; too_much < 2; too_much++) {
        assert_int_equal(ath__file_replace(ctx, file_path, "abc", 3), ATH_E_IO);
        assert_int_equal(file_count(false), 0);
    }
    ath_context_destroy(&ctx);
}

/* What is known to be good stays, and goes on behind it. */
static void test_cut(void **state)
{
    ath_context *ctx = *state;
    ath__bytes head;
    ath__file f;
    assert_int_equal(ath__file_cut(ctx, file_path, 0), ATH_E_NOT_FOUND);
    assert_int_equal(ath__file_head(ctx, file_path, 3, &head), ATH_E_NOT_FOUND);
    file_put(file_path, "one\ntwo\nthr", 11);
    assert_int_equal(ath__file_cut(ctx, file_path, 12), ATH_E_FORMAT);
    assert_non_null(strstr(ath_context_message(ctx), file_path));
    assert_true(file_is(file_path, "one\ntwo\nthr", 11));
    assert_int_equal(ath__file_append(ctx, file_path, &f), ATH_E_FORMAT);
    assert_int_equal(ath__file_cut(ctx, file_path, 8), ATH_OK);
    assert_int_equal(ath__file_cut(ctx, file_path, 8), ATH_OK);
    assert_true(file_is(file_path, "one\ntwo\n", 8));
    assert_int_equal(ath__file_append(ctx, file_path, &f), ATH_OK);
    assert_int_equal(f.length, 8);
    assert_int_equal(ath__file_write(&f, "4\n", 2), ATH_OK);
    assert_int_equal(f.length, 10);
    assert_int_equal(ath__file_close(&f), ATH_OK);
    assert_true(file_is(file_path, "one\ntwo\n4\n", 10));
    for (size_t max = 0; max < 20; max += 5) {
        assert_int_equal(ath__file_head(ctx, file_path, max, &head), ATH_OK);
        assert_int_equal(head.size, max < 10 ? max : 10);
        assert_true(max == 0 || memcmp(head.data, "one\ntwo\n4\n", head.size) == 0);
        ath__bytes_free(ctx, &head);
    }
}

/* Any call that fails is reported, and nothing is cut too short. */
static void test_cut_faults(void **state)
{
    ath_context *ctx = *state;
    for (int64_t n = 1;; n++) {
        ath__bytes head;
        file_put(file_path, "one\ntwo\nthr", 11);
        file_state.n_calls = 0;
        file_state.fail_at = n;
        file_state.error = EIO;
        ath_status status = ath__file_cut(ctx, file_path, 8);
        const bool reached = file_state.n_calls >= n;
        assert_int_equal(status, reached ? ATH_E_IO : ATH_OK);
        file_state.n_calls = 0;
        status = ath__file_head(ctx, file_path, 4, &head);
        /* open and read; a failing close loses nothing */
        assert_int_equal(status, n <= 2 ? ATH_E_IO : ATH_OK);
        ath__bytes_free(ctx, &head);
        file_state.fail_at = 0;
        assert_true(file_is(file_path, "one\ntwo\n", 8) || file_is(file_path, "one\ntwo\nthr", 11));
        if (!reached) {
            break;
        }
    }
    uint64_t size = 0;
    for (size_t n = 0; n < 70; n++) {
        file_put(file_path,
                 "0123456789012345678901234567890123456789012345678901234567890123456789", n);
        assert_int_equal(ath__file_size(ctx, file_path, &size), ATH_OK);
        assert_int_equal(size, n);
    }
    file_state.n_calls = 0;
    file_state.fail_at = 1;
    assert_int_equal(ath__file_size(ctx, file_path, &size), ATH_E_IO);
    file_state.fail_at = 0;
    char other[sizeof file_path + 8];
    snprintf(other, sizeof other, "%s.b", file_path);
    assert_int_equal(ath__file_rename(ctx, file_path, other), ATH_OK);
    assert_int_equal(ath__file_size(ctx, file_path, &size), ATH_E_NOT_FOUND);
    assert_int_equal(ath__file_rename(ctx, file_path, other), ATH_E_NOT_FOUND);
    assert_int_equal(ath__file_rename(ctx, other, file_path), ATH_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, file_setup, file_teardown)
        FILE_TEST(test_read),
        FILE_TEST(test_read_limit),
        FILE_TEST(test_read_missing),
        FILE_TEST(test_read_standard_input),
        FILE_TEST(test_read_faults),
        FILE_TEST(test_replace),
        FILE_TEST(test_replace_here),
        FILE_TEST(test_replace_faults),
        FILE_TEST(test_replace_without_memory),
        FILE_TEST(test_write),
        FILE_TEST(test_create),
        FILE_TEST(test_append),
        FILE_TEST(test_append_faults),
        FILE_TEST(test_write_faults),
        FILE_TEST(test_cut),
        FILE_TEST(test_cut_faults),
        FILE_TEST(test_strange_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
