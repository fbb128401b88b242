/* Kill -9, anywhere: the program runs as a child, in which every i/o call is seen on its way, and
 * is killed
 *
 *   - at random times, and while it reads, steps, commits, writes a checkpoint and closes, each of
 *     them so often at least;
 *   - at each i/o call in turn: before it, behind it, and in the middle of a write;
 *   - again and again in one directory.
 *
 * Then the same command goes on, and what is there is compared with an undisturbed run: results to
 * the byte, frames and rows as sets, records one by one.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <athanor/journal.h>

#include "cli.h"

enum { KILL_STRUCTURES = 24, KILL_FDS = 256, KILL_BYTES = 1 << 22 };

/* What the program does, as the files say that it touches. */
enum kill_phase { KILL_STEP, KILL_READ, KILL_COMMIT, KILL_CHECKPOINT, KILL_CLOSE, KILL_OTHER };
enum { KILL_PHASES = KILL_OTHER + 1 };
static const char *const kill_names[KILL_PHASES] = {"step",       "read",  "commit",
                                                    "checkpoint", "close", "other"};

/* Where the child is to die, and where it is; shared with it. */
typedef struct kill_shared {
    volatile int phase;              /* of the call it is in, KILL_STEP: in none */
    volatile int64_t n_calls;        /* so far */
    volatile int64_t n[KILL_PHASES]; /* by phase */
    int64_t at;                      /* number of the call to die at, of `in`; 0: none */
    int in;                          /* a phase, or -1: any */
    int how;                         /* 0: before the call, 1: behind it, 2: in the middle */
} kill_shared;

static kill_shared *shared;
static char kill_folder[64];
static int kill_kind[KILL_FDS];    /* of open files */
static int64_t kill_n_directories; /* synced, each by three calls */
static bool kill_counting;         /* one run, whose calls are real, and counted */

/* ---- the child's i/o ---- */

static int kill_phase_of(const char *path)
{
    static const struct {
        const char *part;
        int phase;
    } parts[] = {{"/in.xyz", KILL_READ},           {"/journal", KILL_COMMIT},
                 {"/checkpoint", KILL_CHECKPOINT}, {"/reserve", KILL_CHECKPOINT},
                 {"/final.extxyz", KILL_CLOSE},    {"/results.csv", KILL_CLOSE}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (strstr(path, parts[i].part)) {
            return parts[i].phase;
        }
    }
    return KILL_OTHER;
}

/* Whether this call is the one. */
static bool kill_begin(int phase)
{
    shared->phase = phase;
    shared->n_calls++;
    shared->n[phase]++;
    const bool due =
        shared->at > 0 && (shared->in < 0 ? shared->n_calls == shared->at
                                          : phase == shared->in && shared->n[phase] == shared->at);
    if (due && shared->how == 0) {
        (void)raise(SIGKILL);
    }
    return due;
}

static void kill_end(bool due)
{
    if (due) {
        (void)raise(SIGKILL);
    }
    shared->phase = KILL_STEP;
}

/* What a call of the system has returned, as the table has it. */
static int kill_result(int result)
{
    return result < 0 ? -errno : result;
}

static int kill_fd_phase(int fd)
{
    return fd >= 0 && fd < KILL_FDS ? kill_kind[fd] : KILL_OTHER;
}

static int kill_open(void *user, const char *path, int flags, int mode)
{
    (void)user;
    const int phase = kill_phase_of(path);
    const bool due = kill_begin(phase);
    const int fd = kill_result(open(path, flags, mode));
    if (fd >= 0 && fd < KILL_FDS) {
        kill_kind[fd] = phase;
    }
    kill_end(due);
    return fd;
}

static int64_t kill_read(void *user, int fd, void *buffer, size_t bytes)
{
    (void)user;
    const bool due = kill_begin(kill_fd_phase(fd));
    const ssize_t n = read(fd, buffer, bytes);
    const int64_t result = n < 0 ? -errno : n;
    kill_end(due);
    return result;
}

static int64_t kill_read_at(void *user, int fd, void *buffer, size_t bytes, int64_t offset)
{
    (void)user;
    const bool due = kill_begin(kill_fd_phase(fd));
    const ssize_t n = pread(fd, buffer, bytes, offset);
    const int64_t result = n < 0 ? -errno : n;
    kill_end(due);
    return result;
}

static int64_t kill_write(void *user, int fd, const void *buffer, size_t bytes)
{
    (void)user;
    const bool due = kill_begin(kill_fd_phase(fd));
    const ssize_t n = write(fd, buffer, due && shared->how == 2 ? bytes / 2 : bytes);
    const int64_t result = n < 0 ? -errno : n;
    kill_end(due);
    return result;
}

static int kill_sync(void *user, int fd)
{
    const bool due = kill_begin(kill_fd_phase(fd));
    const int error = kill_counting ? kill_result(fdatasync(fd)) : 0; /* the machine goes on */
    kill_end(due);
    (void)user;
    return error;
}

static int kill_close(void *user, int fd)
{
    (void)user;
    const bool due = kill_begin(kill_fd_phase(fd));
    const int error = kill_result(close(fd));
    kill_end(due);
    return error;
}

static int kill_rename(void *user, const char *from, const char *to)
{
    (void)user;
    const bool due = kill_begin(kill_phase_of(to));
    const int error = kill_result(rename(from, to));
    kill_end(due);
    return error;
}

static int kill_unlink(void *user, const char *path)
{
    (void)user;
    const bool due = kill_begin(kill_phase_of(path));
    const int error = kill_result(unlink(path));
    kill_end(due);
    return error;
}

static int kill_mkdir(void *user, const char *path, int mode)
{
    (void)user;
    const bool due = kill_begin(kill_phase_of(path));
    const int error = kill_result(mkdir(path, (mode_t)mode));
    kill_end(due);
    return error;
}

static int kill_sync_directory(void *user, const char *path)
{
    const bool due = kill_begin(kill_phase_of(path));
    int error = 0;
    if (kill_counting) {
        const int fd = open(path, O_RDONLY | O_DIRECTORY);
        kill_n_directories++;
        error = kill_result(fsync(fd));
        (void)close(fd);
    }
    kill_end(due);
    (void)user;
    return error;
}

static int kill_truncate(void *user, int fd, int64_t bytes)
{
    (void)user;
    const bool due = kill_begin(kill_fd_phase(fd));
    const int error = kill_result(ftruncate(fd, bytes));
    kill_end(due);
    return error;
}

static int kill_reserve(void *user, int fd, int64_t offset, int64_t bytes)
{
    const bool due = kill_begin(kill_fd_phase(fd));
    const int error =
        kill_counting ? kill_result(fallocate(fd, FALLOC_FL_KEEP_SIZE, offset, bytes)) : 0;
    (void)user;
    kill_end(due);
    return error;
}

/* ---- runs ---- */

static void kill_path(const char *name, char out[160])
{
    snprintf(out, 160, "%s/%s", kill_folder, name);
}

static int kill_child(const char *out, const char *steps)
{
    char in[160];
    kill_path("in.xyz", in);
    char folder[160];
    snprintf(folder, sizeof folder, "%s", out);
    char step_text[16];
    snprintf(step_text, sizeof step_text, "%s", steps);
    static char often[] = "0.002", never[] = "0";
    char *argv[] = {"athanor",
                    "md",
                    in,
                    "--out",
                    folder,
                    "--max-systems",
                    "5",
                    "--steps",
                    step_text,
                    "--every",
                    "20",
                    "--log",
                    "10",
                    "--ensemble",
                    "nvt",
                    "-j",
                    "1",
                    "-q",
                    "--checkpoint",
                    kill_counting ? never : often,
                    NULL};
    int argc = 0;
    while (argv[argc]) {
        argc++;
    }
    FILE *null = fopen("/dev/null", "w");
    const cli_host host = {.context = {.size = sizeof host.context,
                                       .io = {.size = sizeof host.context.io,
                                              .open = kill_open,
                                              .read = kill_read,
                                              .write = kill_write,
                                              .sync = kill_sync,
                                              .close = kill_close,
                                              .rename = kill_rename,
                                              .unlink = kill_unlink,
                                              .mkdir = kill_mkdir,
                                              .sync_directory = kill_sync_directory,
                                              .truncate = kill_truncate,
                                              .read_at = kill_read_at,
                                              .reserve = kill_reserve}},
                           .out = null,
                           .err = null};
    return cli_main(argc, argv, &host);
}

static double kill_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Runs the command in DIR `name`, killed after so many seconds (< 0: not). Returns its exit code,
 * or -1 if it was killed; *phase is where. */
static int kill_run(const char *name, double seconds, int *phase)
{
    char out[160];
    int status = 0;
    kill_path(name, out);
    shared->phase = KILL_STEP;
    shared->n_calls = 0;
    for (int i = 0; i < KILL_PHASES; i++) {
        shared->n[i] = 0;
    }
    const double begin = kill_now();
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(kill_child(out, "400"));
    }
    while (waitpid(child, &status, seconds < 0 ? 0 : WNOHANG) == 0) {
        if (kill_now() - begin >= seconds) {
            *phase = shared->phase;
            (void)kill(child, SIGKILL);
            assert_int_equal(waitpid(child, &status, 0), child);
            break;
        }
        (void)usleep(50);
    }
    if (WIFSIGNALED(status)) {
        assert_int_equal(WTERMSIG(status), SIGKILL);
        *phase = seconds < 0 ? shared->phase : *phase;
        return -1;
    }
    return WEXITSTATUS(status);
}

/* Runs it to the end, undisturbed. */
static void kill_complete(const char *name)
{
    int phase = 0;
    const int64_t at = shared->at;
    shared->at = 0;
    assert_int_equal(kill_run(name, -1.0, &phase), CLI_PARTIAL); /* one is refused */
    shared->at = at;
}

static void kill_remove(const char *name)
{
    char command[256];
    snprintf(command, sizeof command, "rm -rf '%s/%s' '%s/%s'.*", kill_folder, name, kill_folder,
             name);
    assert_int_equal(system(command), 0);
}

/* ---- comparison ---- */

static char *kill_slurp(const char *folder, const char *file, size_t *n)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s/%s", kill_folder, folder, file);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *text = calloc(1, KILL_BYTES);
    assert_non_null(text);
    *n = fread(text, 1, KILL_BYTES - 1, f);
    assert_true(*n < KILL_BYTES - 1);
    (void)fclose(f);
    return text;
}

/* A hash of the pieces of a file that does not know their order, and how many there are. A piece is
 * a line, or a frame. */
typedef struct kill_pieces {
    uint64_t sum;
    int64_t n;
} kill_pieces;

static kill_pieces kill_pieces_of(const char *folder, const char *file, bool frames)
{
    size_t n = 0;
    char *text = kill_slurp(folder, file, &n);
    kill_pieces all = {0, 0};
    for (char *at = text; *at;) {
        char *end = at;
        const int64_t lines = frames ? strtoll(at, NULL, 10) + 2 : 1;
        for (int64_t i = 0; i < lines; i++) {
            end = strchr(end, '\n');
            assert_non_null(end); /* nothing is torn */
            end++;
        }
        uint64_t hash = UINT64_C(1469598103934665603);
        for (; at < end; at++) {
            hash = (hash ^ (uint8_t)*at) * UINT64_C(1099511628211);
        }
        all.sum += hash ^ hash >> 29;
        all.n++;
    }
    free(text);
    return all;
}

static void kill_same_pieces(const char *name, const char *file, bool frames)
{
    const kill_pieces a = kill_pieces_of("whole", file, frames);
    const kill_pieces b = kill_pieces_of(name, file, frames);
    assert_int_equal(a.n, b.n);
    assert_true(a.sum == b.sum);
}

/* Every structure has one record, and nothing in the journal is torn. */
static void kill_check_journal(const char *name)
{
    char path[200];
    ath_context *ctx = NULL;
    ath_journal *j = NULL;
    ath_journal_state s = {.size = sizeof s};
    const ath_journal_config config = {.size = sizeof config};
    snprintf(path, sizeof path, "%s/%s/journal", kill_folder, name);
    assert_int_equal(ath_context_create(NULL, &ctx), ATH_OK);
    assert_int_equal(ath_journal_open(ctx, path, &config, &j), ATH_OK);
    assert_int_equal(ath_journal_inspect(j, &s), ATH_OK);
    assert_int_equal(ath_journal_length(j), KILL_STRUCTURES + 1);
    assert_int_equal(s.n_damaged + s.n_cut, 0);
    ath_journal_close(&j);
    ath_context_destroy(&ctx);
}

static void kill_compare(const char *name)
{
    static const char *const files[] = {"final.extxyz", "results.csv"};
    for (size_t i = 0; i < 2; i++) {
        size_t n = 0, m = 0;
        char *a = kill_slurp("whole", files[i], &n), *b = kill_slurp(name, files[i], &m);
        assert_int_equal(n, m);
        assert_memory_equal(a, b, n);
        free(a);
        free(b);
    }
    kill_same_pieces(name, "traj.extxyz", true);
    kill_same_pieces(name, "thermo.csv", false);
    kill_check_journal(name);
}

/* ---- tests ---- */

static int kill_count(int few, int many)
{
    const char *full = getenv("ATH_TEST_FULL");
    return full && *full == '1' ? many : few;
}

static void kill_print(const int64_t histogram[KILL_PHASES], const char *what)
{
    print_message("%s:", what);
    for (int i = 0; i < KILL_PHASES; i++) {
        print_message(" %s %lld", kill_names[i], (long long)histogram[i]);
    }
    print_message("\n");
}

/* Kills it in the k-th i/o call of a phase, which is drawn. */
static int kill_inside(const char *name, int phase, const int64_t calls[KILL_PHASES])
{
    int where = KILL_STEP;
    shared->in = phase;
    shared->at = 1 + rand() % (int)calls[phase];
    shared->how = rand() % 3;
    const int code = kill_run(name, -1.0, &where);
    shared->at = 0;
    return code < 0 ? where : -1;
}

/* Whether each phase has had its share. */
static bool kill_shared_out(const int64_t histogram[KILL_PHASES], int share)
{
    bool out = true;
    for (int i = KILL_STEP; i <= KILL_CLOSE; i++) {
        out = out && histogram[i] >= share;
    }
    return out;
}

/* 100 kills (10,000), five to a directory: at random times, then, until each phase has its share,
 * in the i/o of that phase. */
static void test_random(void **state)
{
    const int64_t *calls = *state;
    const int n_kills = kill_count(100, 10000), share = n_kills / 5;
    int64_t histogram[KILL_PHASES] = {0}, n = 0;
    double length = kill_now();
    kill_remove("d");
    kill_complete("d");
    length = kill_now() - length;
    while (n < n_kills || !kill_shared_out(histogram, share)) {
        kill_remove("d");
        for (int k = 0; k < 5; k++) {
            int phase = KILL_STEP, least = KILL_READ;
            for (int i = KILL_READ; i <= KILL_CLOSE; i++) {
                least = histogram[i] < histogram[least] ? i : least;
            }
            const bool steps = histogram[KILL_STEP] < share && k % 2 == 0;
            if (steps) {
                phase = kill_run("d", length * (0.05 + 0.9 * rand() / RAND_MAX), &phase) < 0 ? phase
                                                                                             : -1;
            } else {
                phase = kill_inside("d", least, calls);
            }
            if (phase >= 0) {
                histogram[phase]++;
                n++;
            }
        }
        kill_complete("d");
        kill_compare("d");
        assert_true(n < 4 * n_kills);
    }
    kill_print(histogram, "killed");
    kill_remove("d");
}

/* One directory, killed fifty times (500) before it is done. */
static void test_cycles(void **state)
{
    const int64_t *calls = *state;
    const int cycles = kill_count(50, 500);
    int64_t histogram[KILL_PHASES] = {0}, n = 0;
    kill_remove("d");
    for (int i = 0; n < cycles; i++) {
        /* early calls, so that it takes so many */
        int64_t few[KILL_PHASES];
        for (int k = 0; k < KILL_PHASES; k++) {
            few[k] = 1 + calls[k] / 6;
        }
        const int phase = kill_inside("d", KILL_READ + i % 3, few);
        assert_true(phase >= 0);
        histogram[phase]++;
        n++;
    }
    kill_complete("d");
    kill_compare("d");
    kill_print(histogram, "one directory, killed");
    kill_remove("d");
}

/* At each i/o call of a run in turn, in one of the ways to die (in all of them). */
static void test_every_call(void **state)
{
    const int ways = kill_count(1, 3);
    int64_t n = 0, total = 0;
    (void)state;
    for (int64_t k = 0;; k++) {
        int phase = 0;
        kill_remove("d");
        shared->in = -1;
        shared->at = 1 + k / ways;
        shared->how = (int)(k % 3);
        const int code = kill_run("d", -1.0, &phase);
        total = shared->n_calls > total ? shared->n_calls : total;
        shared->at = 0;
        if (code >= 0) {
            break;
        }
        n++;
        kill_complete("d");
        kill_compare("d");
    }
    print_message("died at %lld of %lld i/o calls\n", (long long)n, (long long)total);
    assert_true(n >= total - 1);
    kill_remove("d");
}

static void kill_make_input(void)
{
    char path[160];
    kill_path("in.xyz", path);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    srand(7);
    for (int s = 0; s < KILL_STRUCTURES; s++) {
        static const char *const elements[] = {"Cu", "Au", "Ni", "Pd", "Ag", "Pt"};
        const int n = 3 + rand() % 6;
        fprintf(f, "%d\nProperties=species:S:1:pos:R:3 name=c%d\n", n, s);
        for (int i = 0; i < n; i++) {
            fprintf(f, "%s %.4f %.4f %.4f\n", elements[rand() % 6],
                    2.6 * (i % 2) + 1e-3 * (rand() % 200),
                    2.6 * (i / 2 % 2) + 1e-3 * (rand() % 200),
                    2.6 * (i / 4) + 1e-3 * (rand() % 200));
        }
        if (s == KILL_STRUCTURES / 2) {
            fprintf(f, "1\nProperties=species:S:1:pos:R:3 name=refused\nFe 0 0 0\n");
        }
    }
    assert_int_equal(fclose(f), 0);
}

static int set_up(void **state)
{
    static int64_t calls[KILL_PHASES];
    int phase = 0;
    snprintf(kill_folder, sizeof kill_folder, "/tmp/athanor_killXXXXXX");
    if (!mkdtemp(kill_folder)) {
        return 1;
    }
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        return 1;
    }
    kill_make_input();
    if (kill_run("whole", -1.0, &phase) != CLI_PARTIAL) {
        return 1;
    }
    for (int i = 0; i < KILL_PHASES; i++) {
        calls[i] = shared->n[i] > 0 ? shared->n[i] : 1;
    }
    *state = calls;
    return 0;
}

static int tear_down(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", kill_folder);
    return system(command);
}

/* test_kill count DIR: one run in DIR; prints how many calls of the system its i/o table has made,
 * to be compared with what a tracer sees. */
static int kill_tell(const char *folder)
{
    char out[160];
    static kill_shared here;
    shared = &here;
    kill_counting = true;
    snprintf(kill_folder, sizeof kill_folder, "%s", folder);
    kill_make_input();
    kill_path("out", out);
    const int code = kill_child(out, "400");
    printf("%lld\n", (long long)(shared->n_calls + 2 * kill_n_directories));
    return code == CLI_PARTIAL ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "count") == 0) {
        return kill_tell(argv[2]);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_cycles),
        cmocka_unit_test(test_every_call),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
