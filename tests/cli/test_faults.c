/* The program with failing memory and files: `athanor relax` and `athanor run` run as functions on
 * a host whose n-th allocation or n-th i/o call fails, for every n, once and from then on. After
 * each run
 *
 *   - every block of memory and every file is given back,
 *   - the exit code is one that is laid down, and if it says that all is well, the outputs have the
 * same bytes as without a failure,
 *   - no result is there twice, and every result that is there has the bytes that it should have,
 *   - the same command without a failure goes on, and its results have the bytes of a run without.
 *
 * Interrupted calls and short transfers must not be noticed at all. Allocations of the C library
 * (stdio, glob) are not made to fail.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

/* What goes wrong: nothing, one call, all calls from one on, one call that is interrupted, every
 * transfer short. */
enum fault_mode { FAULT_NONE, FAULT_ONCE, FAULT_FOR_EVER, FAULT_INTERRUPT, FAULT_SHORT };

typedef struct fault_rig {
    enum fault_mode memory, io;
    int64_t at;                /* number of the call that fails, from 1 */
    int64_t n_memory, n_io;    /* calls so far */
    int64_t n_blocks, n_files; /* alive */
    int error;                 /* of a failing i/o call, errno value */
    char folder[64];           /* where the test works */
    bool job;                  /* run, else relax */
    bool check;                /* of a job: check, else run */
    bool validate;             /* neither: validate */
} fault_rig;

static bool fault_due(enum fault_mode mode, int64_t call, int64_t at)
{
    return (mode == FAULT_ONCE && call == at) || (mode == FAULT_FOR_EVER && call >= at) ||
           (mode == FAULT_INTERRUPT && call == at);
}

static void *fault_resize(void *user, void *block, size_t old_bytes, size_t new_bytes)
{
    fault_rig *rig = user;
    void *new = NULL;
    if (new_bytes == 0) {
        rig->n_blocks -= block != NULL;
        free(block);
        return NULL;
    }
    rig->n_memory++;
    if (fault_due(rig->memory, rig->n_memory, rig->at)) {
        return NULL;
    }
    new = aligned_alloc(64, (new_bytes + 63) / 64 * 64);
    if (new &&block) {
        memcpy(new, block, old_bytes < new_bytes ? old_bytes : new_bytes);
        free(block);
    }
    rig->n_blocks += new && !block;
    return new;
}

/* 0, or the error of a call that is to fail. */
static int fault_io(fault_rig *rig)
{
    rig->n_io++;
    if (!fault_due(rig->io, rig->n_io, rig->at)) {
        return 0;
    }
    return rig->io == FAULT_INTERRUPT ? -EINTR : -rig->error;
}

static int fault_open(void *user, const char *path, int flags, int mode)
{
    fault_rig *rig = user;
    const int error = fault_io(rig);
    const int fd = error ? error : open(path, flags, mode);
    if (error) {
        return error;
    }
    rig->n_files += fd >= 0;
    return fd < 0 ? -errno : fd;
}

static int64_t fault_read(void *user, int fd, void *buffer, size_t bytes)
{
    fault_rig *rig = user;
    const int error = fault_io(rig);
    if (error) {
        return error;
    }
    const ssize_t n = read(fd, buffer, rig->io == FAULT_SHORT && bytes > 7 ? 7 : bytes);
    return n < 0 ? -errno : n;
}

static int64_t fault_write(void *user, int fd, const void *buffer, size_t bytes)
{
    fault_rig *rig = user;
    const int error = fault_io(rig);
    if (error) {
        return error;
    }
    const ssize_t n = write(fd, buffer, rig->io == FAULT_SHORT && bytes > 11 ? 11 : bytes);
    return n < 0 ? -errno : n;
}

static int fault_sync(void *user, int fd)
{
    (void)fd; /* nothing here outlives the machine */
    return fault_io(user);
}

/* A close that fails has closed nevertheless, as on Linux. */
static int fault_close(void *user, int fd)
{
    fault_rig *rig = user;
    const int error = fault_io(rig);
    rig->n_files--;
    return close(fd) < 0 ? -errno : error;
}

static int fault_rename(void *user, const char *from, const char *to)
{
    const int error = fault_io(user);
    return error ? error : rename(from, to) < 0 ? -errno : 0;
}

static int fault_unlink(void *user, const char *path)
{
    const int error = fault_io(user);
    return error ? error : unlink(path) < 0 ? -errno : 0;
}

static int fault_mkdir(void *user, const char *path, int mode)
{
    const int error = fault_io(user);
    return error ? error : mkdir(path, (mode_t)mode) < 0 ? -errno : 0;
}

static int fault_sync_directory(void *user, const char *path)
{
    (void)path;
    return fault_io(user);
}

static int fault_truncate(void *user, int fd, int64_t bytes)
{
    const int error = fault_io(user);
    return error ? error : ftruncate(fd, bytes) < 0 ? -errno : 0;
}

static int64_t fault_read_at(void *user, int fd, void *buffer, size_t bytes, int64_t offset)
{
    fault_rig *rig = user;
    const int error = fault_io(rig);
    if (error) {
        return error;
    }
    const ssize_t n = pread(fd, buffer, rig->io == FAULT_SHORT && bytes > 7 ? 7 : bytes, offset);
    return n < 0 ? -errno : n;
}

static int fault_reserve(void *user, int fd, int64_t offset, int64_t bytes)
{
    (void)fd, (void)offset, (void)bytes;
    return fault_io(user);
}

/* Seven small structures, one of them malformed, one unknown to the model, one that fails. */
static const char fault_input[] =
    "2\nProperties=species:S:1:pos:R:3 name=a\nCu 0 0 0\nCu 2.5 0 0\n"
    "2\nProperties=species:S:1:pos:R:3 name=b\nCu 0 0 0\nCu x 0 0\n"
    "1\nLattice=\"0 1.9 1.9 1.9 0 1.9 1.9 1.9 0\" Properties=species:S:1:pos:R:3 name=c\nAl 0 0 0\n"
    "1\nProperties=species:S:1:pos:R:3 name=d\nFe 0 0 0\n"
    "2\nProperties=species:S:1:pos:R:3 name=e\nCu 0 0 0\nCu 0 0 0\n"
    "3\nProperties=species:S:1:pos:R:3 name=f note=\"two words\"\nAg 0 0 0\nAg 3 0 0\nPd 0 3 0\n"
    "2\nProperties=species:S:1:pos:R:3 name=g\nAu 0 0 0\nNi 2.4 0 0.1\n";
enum { FAULT_FRAMES = 5, FAULT_ROWS = 7 };

/* Every structure goes through two stages, past hooks and sinks with files of their own. */
static const char fault_job[] =
    "model: emt\nthreads: 1\n"
    "stages:\n"
    "  - {name: a, integrator: fire, steps: 6, until: {fmax: 0.05, energy_change: 1}, at_limit: "
    "continue,\n"
    "     hooks: [{type: snapshot, every: 4, sink: snap.xyz}]}\n"
    "  - {name: b, integrator: nve, steps: 3}\n"
    "limits: {systems: 2, max_force: 1e6}\n"
    "hooks: [{type: log, every: 2}, {type: timing}, {type: nan}]\n"
    "sinks: [{type: memory, capacity: 1}, {type: file, path: all.xyz}]\n"
    "policy: spill\n";

static void fault_path(const fault_rig *rig, const char *name, char out[160])
{
    snprintf(out, 160, "%s/%s", rig->folder, name);
}

/* Contents of a file, NUL-terminated; NULL if there is none. */
static char *fault_slurp(const fault_rig *rig, const char *name)
{
    char path[160];
    fault_path(rig, name, path);
    FILE *f = fopen(path, "rb");
    if (!f) {
        return NULL;
    }
    char *text = calloc(1, 1 << 16);
    assert_non_null(text);
    const size_t n = fread(text, 1, (1 << 16) - 1, f);
    assert_true(n < (1 << 16) - 1);
    fclose(f);
    return text;
}

/* Removes the output and whatever a failed run has left beside it. */
static void fault_clean(const fault_rig *rig)
{
    char command[256];
    snprintf(command, sizeof command, "rm -rf '%s'/out*", rig->folder);
    assert_int_equal(system(command), 0);
}

static int fault_run(fault_rig *rig)
{
    char in[160], out[160], yaml[160];
    fault_path(rig, "in.xyz", in);
    fault_path(rig, "out", out);
    fault_path(rig, "job.yaml", yaml);
    char *relax[] = {"athanor", "relax",   in,  "--out", out, "--max-systems",
                     "2",       "--steps", "6", "-j",    "1", "--every",
                     "4",       NULL};
    char *job[] = {"athanor", rig->check ? "check" : "run", yaml, in, "--out", out, NULL};
    char *validate[] = {"athanor", "validate", in,   "--out", out,        "--max-systems", "2",
                        "--steps", "200",      "-j", "1",     "--volume", "400",           NULL};
    char **argv = rig->validate ? validate : rig->job ? job : relax;
    int argc = 0;
    while (argv[argc]) {
        argc++;
    }
    rig->n_memory = rig->n_io = 0;
    FILE *null = fopen("/dev/null", "w");
    assert_non_null(null);
    const cli_host host = {
        .context = {.size = sizeof host.context,
                    .allocator = {fault_resize, rig},
                    .io = {.size = sizeof host.context.io,
                           .user = rig,
                           .open = fault_open,
                           .read = fault_read,
                           .write = fault_write,
                           .sync = fault_sync,
                           .close = fault_close,
                           .rename = fault_rename,
                           .unlink = fault_unlink,
                           .mkdir = fault_mkdir,
                           .sync_directory = fault_sync_directory,
                           .truncate = fault_truncate,
                           .read_at = fault_read_at,
                           .reserve = fault_reserve}},
        .out = null,
        .err = null,
    };
    const int code = cli_main(argc, argv, &host);
    fclose(null);
    return code;
}

/* Further files that a run writes: as they are without any failure, and what they are called. */
enum { FAULT_FILES = 3 };
static const char *const fault_relax_files[FAULT_FILES] = {"out/traj.extxyz", NULL, NULL};
static const char *const fault_job_files[FAULT_FILES] = {"out/snap.xyz", "out/log.csv",
                                                         "out/all.xyz"};

/* The outputs of a run without any failure. */
static char *fault_final, *fault_rows, *fault_files[FAULT_FILES];

static const char *fault_file(const fault_rig *rig, int i)
{
    return rig->job ? fault_job_files[i] : fault_relax_files[i];
}

/* All files are there, to the last byte. */
static void fault_check_files(const fault_rig *rig)
{
    for (int i = 0; i < FAULT_FILES && fault_file(rig, i); i++) {
        char *text = fault_slurp(rig, fault_file(rig, i));
        assert_non_null(text);
        assert_string_equal(text, fault_files[i]);
        free(text);
    }
}

static int fault_count(const char *text, const char *pattern)
{
    int n = 0;
    for (; text && (text = strstr(text, pattern)) != NULL; text++) {
        n++;
    }
    return n;
}

/* Rows of structures that have come out of a stage. */
static int fault_count_ended(const char *rows)
{
    static const char *const stages[] = {"relax", "a", "b"};
    static const char *const states[] = {"finished", "quarantined", "step_limit"};
    char pattern[64];
    int n = 0;
    for (int i = 0; i < 9; i++) {
        snprintf(pattern, sizeof pattern, ",%s,%s,", stages[i / 3], states[i % 3]);
        n += fault_count(rows, pattern);
    }
    return n;
}

/* Every whole frame of this file is one of the frames that should be there, and stands there once.
 * A file may end within a frame: that is what a failed write leaves. */
static void fault_check_frames(const char *text)
{
    static const char *const names[] = {" name=a ", " name=c ", " name=e ", " name=f ", " name=g "};
    for (int i = 0; text && i < FAULT_FRAMES; i++) {
        const char *here = strstr(text, names[i]), *there = strstr(fault_final, names[i]);
        assert_non_null(there);
        assert_true(fault_count(text, names[i]) <= 1);
        const char *end = here ? strchr(here, '\n') : NULL;
        if (end) {
            assert_memory_equal(here, there, (size_t)(end - here));
        }
    }
}

/* The same command again, and nothing fails. What a run could not take away beside its directory is
 * none of the next one, which has another number. */
static void fault_go_on(const fault_rig *rig, int64_t at)
{
    fault_rig again = *rig;
    char command[256];
    again.memory = again.io = FAULT_NONE;
    again.n_blocks = again.n_files = 0;
    snprintf(command, sizeof command, "rm -rf '%s'/out.*", rig->folder);
    assert_int_equal(system(command), 0);
    const int code = fault_run(&again);
    if (code != CLI_PARTIAL) {
        print_error("call %lld: exit code %d of the run that goes on\n", (long long)at, code);
    }
    assert_int_equal(code, CLI_PARTIAL);
    assert_int_equal(again.n_blocks, 0);
    char *final = fault_slurp(rig, "out/final.extxyz"), *rows = fault_slurp(rig, "out/results.csv");
    assert_non_null(final);
    assert_non_null(rows);
    assert_string_equal(final, fault_final);
    assert_string_equal(rows, fault_rows);
    free(final);
    free(rows);
    char *frames = rig->job ? NULL : fault_slurp(rig, fault_relax_files[0]);
    if (frames) { /* perhaps in another order */
        assert_int_equal(fault_count(frames, "\n"), fault_count(fault_files[0], "\n"));
        assert_int_equal(fault_count(frames, "uid="), fault_count(fault_files[0], "uid="));
    }
    free(frames);
}

/* What holds after every run. Returns whether the program says that all is well. */
static bool fault_check(const fault_rig *rig, int code, int64_t at)
{
    static const int codes[] = {CLI_PARTIAL,       CLI_DATA, CLI_NO_INPUT, CLI_INTERNAL,
                                CLI_CANNOT_CREATE, CLI_IO,   CLI_USAGE,    CLI_INTERRUPTED};
    bool known = false;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        known = known || code == codes[i];
    }
    if (!known || rig->n_blocks || rig->n_files) {
        print_error("call %lld: exit code %d, %lld blocks and %lld files left\n", (long long)at,
                    code, (long long)rig->n_blocks, (long long)rig->n_files);
    }
    assert_true(known);
    assert_int_equal(rig->n_blocks, 0);
    assert_int_equal(rig->n_files, 0);
    char *final = fault_slurp(rig, "out/final.extxyz");
    char *rows = fault_slurp(rig, "out/results.csv");
    fault_check_frames(final);
    if (final && rows) { /* what was acknowledged is there */
        assert_int_equal(fault_count(final, "Properties="), fault_count_ended(rows));
    }
    if (code == CLI_PARTIAL) {
        assert_non_null(final);
        assert_non_null(rows);
        assert_string_equal(final, fault_final);
        assert_string_equal(rows, fault_rows);
        fault_check_files(rig);
    }
    free(final);
    free(rows);
    /* memory has many more calls than i/o, and fewer ways to leave something behind */
    if (code != CLI_PARTIAL && !rig->validate && (rig->io != FAULT_NONE || at % 8 == 0)) {
        fault_go_on(rig, at);
    }
    return code == CLI_PARTIAL;
}

/* Fails call after call until a run has fewer calls than that. */
static void fault_sweep(fault_rig *rig, int64_t n_calls, int64_t *n_survived)
{
    *n_survived = 0;
    for (int64_t at = 1; at <= n_calls; at++) {
        rig->at = at;
        fault_clean(rig);
        const int code = fault_run(rig);
        *n_survived += fault_check(rig, code, at);
    }
    fault_clean(rig);
}

static void test_nothing_fails(void **state)
{
    fault_rig *rig = *state;
    assert_int_equal(fault_count(fault_final, "Properties="), FAULT_FRAMES);
    assert_int_equal(fault_count(fault_rows, "\n"), FAULT_ROWS + 1);
    assert_int_equal(fault_count(fault_rows, ",rejected,"), 2);
    assert_int_equal(fault_count(fault_rows, ",quarantined,"), 1);
    assert_true(rig->n_memory > 50);
    assert_true(rig->n_io > 20);
    print_message("%lld allocations, %lld i/o calls\n", (long long)rig->n_memory,
                  (long long)rig->n_io);
}

static void test_memory_once(void **state)
{
    fault_rig rig = *(fault_rig *)*state;
    int64_t n_survived = 0;
    const int64_t n = rig.n_memory;
    rig.memory = FAULT_ONCE;
    fault_sweep(&rig, n, &n_survived);
    print_message("%lld of %lld runs went on\n", (long long)n_survived, (long long)n);
    assert_true(n_survived < n / 2);
}

static void test_memory_for_ever(void **state)
{
    fault_rig rig = *(fault_rig *)*state;
    int64_t n_survived = 0;
    const int64_t n = rig.n_memory;
    rig.memory = FAULT_FOR_EVER;
    fault_sweep(&rig, n, &n_survived);
    assert_true(n_survived < n / 2);
}

static void fault_io_sweep(const fault_rig *base, enum fault_mode mode, int error)
{
    fault_rig rig = *base;
    int64_t n_survived = 0;
    const int64_t n = rig.n_io;
    rig.io = mode;
    rig.error = error;
    fault_sweep(&rig, n, &n_survived);
    print_message("error %d: %lld of %lld runs went on\n", error, (long long)n_survived,
                  (long long)n);
    assert_true(n_survived < n / 2);
}

static void test_io_once(void **state)
{
    fault_io_sweep(*state, FAULT_ONCE, EIO);
    fault_io_sweep(*state, FAULT_ONCE, ENOSPC);
}

static void test_io_for_ever(void **state)
{
    fault_io_sweep(*state, FAULT_FOR_EVER, EIO);
    fault_io_sweep(*state, FAULT_FOR_EVER, ENOSPC);
}

/* An interrupted call is repeated: nobody notices. */
static void test_interrupted(void **state)
{
    fault_rig rig = *(fault_rig *)*state;
    const int64_t n = rig.n_io;
    rig.io = FAULT_INTERRUPT;
    for (int64_t at = 1; at <= n; at++) {
        rig.at = at;
        fault_clean(&rig);
        const int code = fault_run(&rig);
        if (code != CLI_PARTIAL) {
            print_error("interrupted call %lld: exit code %d\n", (long long)at, code);
        }
        assert_true(fault_check(&rig, code, at));
    }
    fault_clean(&rig);
}

static void test_short_transfers(void **state)
{
    fault_rig rig = *(fault_rig *)*state;
    rig.io = FAULT_SHORT;
    fault_clean(&rig);
    assert_true(fault_check(&rig, fault_run(&rig), 0));
    fault_check_files(&rig);
    fault_clean(&rig);
}

/* `check`: nothing is left in memory, and nothing is made, whichever call fails. */
static void fault_check_sweep(fault_rig *rig, int64_t n_calls, int64_t *n_survived)
{
    char out[160];
    fault_path(rig, "out", out);
    *n_survived = 0;
    for (rig->at = 1; rig->at <= n_calls; rig->at++) {
        const int code = fault_run(rig);
        assert_true(code == CLI_PARTIAL || code >= CLI_USAGE);
        assert_int_equal(rig->n_blocks, 0);
        assert_int_equal(rig->n_files, 0);
        assert_int_not_equal(access(out, F_OK), 0);
        *n_survived += code == CLI_PARTIAL;
    }
}

static void test_check(void **state)
{
    fault_rig rig = *(fault_rig *)*state;
    int64_t n_survived = 0;
    rig.check = true;
    fault_clean(&rig);
    assert_int_equal(fault_run(&rig), CLI_PARTIAL);
    const int64_t n_memory = rig.n_memory, n_io = rig.n_io;
    assert_true(n_memory > 100 && n_io > 2);
    rig.memory = FAULT_ONCE;
    fault_check_sweep(&rig, n_memory, &n_survived);
    print_message("%lld of %lld checks went on\n", (long long)n_survived, (long long)n_memory);
    assert_true(n_survived < n_memory / 10);
    rig.memory = FAULT_FOR_EVER;
    fault_check_sweep(&rig, n_memory, &n_survived);
    assert_true(n_survived < n_memory / 10);
    rig.memory = FAULT_NONE;
    rig.io = FAULT_ONCE;
    rig.error = EIO;
    fault_check_sweep(&rig, n_io, &n_survived);
    assert_true(n_survived < n_io);
}

/* `validate`: nothing is left in memory; if all is said to be well, the table of results is there
 * and the same to the last byte. The trajectories between the calls take their time, so that in a
 * long series only some calls fail, at distances that have no common measure with its loops. */
static void fault_validate_sweep(fault_rig *rig, int64_t n_calls, const char *rows)
{
    const int64_t stride = getenv("ATH_TEST_FULL") || n_calls < 100 ? 1 : 7;
    int64_t n_runs = 0, n_survived = 0;
    for (rig->at = 1; rig->at <= n_calls; rig->at += rig->at < 40 ? 1 : stride) {
        fault_clean(rig);
        const int code = fault_run(rig);
        assert_true(code == CLI_PARTIAL || code >= CLI_USAGE);
        assert_int_equal(rig->n_blocks, 0);
        assert_int_equal(rig->n_files, 0);
        if (code == CLI_PARTIAL) {
            char *text = fault_slurp(rig, "out/validate.csv");
            assert_non_null(text);
            assert_string_equal(text, rows);
            free(text);
        }
        n_survived += code == CLI_PARTIAL;
        n_runs++;
    }
    print_message("%lld of %lld went on\n", (long long)n_survived, (long long)n_runs);
    assert_true(n_survived < n_runs / 2);
}

static void test_validate(void **state)
{
    fault_rig rig = *(fault_rig *)*state;
    rig.validate = true;
    fault_clean(&rig);
    assert_int_equal(fault_run(&rig), CLI_PARTIAL);
    assert_int_equal(rig.n_blocks, 0);
    const int64_t n_memory = rig.n_memory, n_io = rig.n_io;
    char *rows = fault_slurp(&rig, "out/validate.csv");
    assert_non_null(rows);
    assert_true(n_memory > 100 && n_io > 10);
    print_message("%lld allocations, %lld i/o calls\n", (long long)n_memory, (long long)n_io);
    rig.memory = FAULT_ONCE;
    fault_validate_sweep(&rig, n_memory, rows);
    rig.memory = FAULT_FOR_EVER;
    fault_validate_sweep(&rig, n_memory, rows);
    rig.memory = FAULT_NONE;
    rig.io = FAULT_ONCE;
    rig.error = EIO;
    fault_validate_sweep(&rig, n_io, rows);
    rig.io = FAULT_FOR_EVER;
    rig.error = ENOSPC;
    fault_validate_sweep(&rig, n_io, rows);
    fault_clean(&rig);
    free(rows);
}

static int fault_put(const fault_rig *rig, const char *name, const char *text)
{
    char path[160];
    fault_path(rig, name, path);
    FILE *f = fopen(path, "w");
    return !f || fputs(text, f) < 0 || fclose(f) != 0 ? -1 : 0;
}

static int fault_begin(void **state, bool job)
{
    fault_rig *rig = calloc(1, sizeof *rig);
    bool whole = true;
    if (!rig) {
        return -1;
    }
    rig->job = job;
    const char *temporary = getenv("TMPDIR");
    snprintf(rig->folder, sizeof rig->folder, "%.40s/faults.XXXXXX",
             temporary && strlen(temporary) <= 40 ? temporary : "/tmp");
    if (!mkdtemp(rig->folder)) {
        return -1;
    }
    if (fault_put(rig, "in.xyz", fault_input) < 0 || fault_put(rig, "job.yaml", fault_job) < 0) {
        return -1;
    }
    const int code = fault_run(rig);
    fault_final = fault_slurp(rig, "out/final.extxyz");
    fault_rows = fault_slurp(rig, "out/results.csv");
    for (int i = 0; i < FAULT_FILES && fault_file(rig, i); i++) {
        fault_files[i] = fault_slurp(rig, fault_file(rig, i));
        whole = whole && fault_files[i];
    }
    *state = rig;
    return code == CLI_PARTIAL && fault_final && fault_rows && whole && rig->n_blocks == 0 &&
                   rig->n_files == 0
               ? 0
               : -1;
}

static int fault_begin_relax(void **state)
{
    return fault_begin(state, false);
}

static int fault_begin_job(void **state)
{
    return fault_begin(state, true);
}

static int fault_tear_down(void **state)
{
    fault_rig *rig = *state;
    char command[256];
    snprintf(command, sizeof command, "rm -rf '%s'", rig->folder);
    const int result = system(command);
    free(fault_final);
    free(fault_rows);
    for (int i = 0; i < FAULT_FILES; i++) {
        free(fault_files[i]);
        fault_files[i] = NULL;
    }
    free(rig);
    return result;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_fails),   cmocka_unit_test(test_memory_once),
        cmocka_unit_test(test_memory_for_ever), cmocka_unit_test(test_io_once),
        cmocka_unit_test(test_io_for_ever),     cmocka_unit_test(test_interrupted),
        cmocka_unit_test(test_short_transfers),
    };
    const struct CMUnitTest checks[] = {cmocka_unit_test(test_check)};
    const struct CMUnitTest validations[] = {cmocka_unit_test(test_validate)};
    return cmocka_run_group_tests_name("faults", tests, fault_begin_relax, fault_tear_down) +
           cmocka_run_group_tests_name("faults of a job", tests, fault_begin_job, fault_tear_down) +
           cmocka_run_group_tests_name("faults of check", checks, fault_begin_job,
                                       fault_tear_down) +
           cmocka_run_group_tests_name("faults of validate", validations, fault_begin_relax,
                                       fault_tear_down);
}
