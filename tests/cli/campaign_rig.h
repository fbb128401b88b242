/* What the tests of export, status and report share: campaigns of known records, made by the public
 * interface, and the program as a function on a host whose memory and files can fail.
 */
#ifndef TESTS_CLI_CAMPAIGN_RIG_H
#define TESTS_CLI_CAMPAIGN_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <athanor/extxyz.h>
#include <athanor/journal.h>

#include "base/failing.h"
#include "cli.h"

enum rig_mode { RIG_NONE, RIG_ONCE, RIG_FOR_EVER, RIG_INTERRUPT, RIG_SHORT };

typedef struct campaign_rig {
    char folder[64];  /* where the test works */
    char dir[80];     /* the campaign in it */
    ath_context *ctx; /* for making and checking, never failing */
    failing memory;   /* of the program */
    enum rig_mode bad_memory, bad_io;
    int64_t at; /* number of the call that fails, from 1 */
    int64_t n_io;
    int error;
    int n_files;                      /* open */
    int n_synced, n_named, n_settled; /* syncs of files, renamings behind one, directories synced
                                         behind one */
    bool files_failed;                /* in the run before */
    FILE *out;                        /* instead of `said` */
    volatile sig_atomic_t *interrupted;
    char *said, *told; /* standard output and error of the last run */
    size_t n_said, n_told;
} campaign_rig;

/* ---- the host ---- */

static inline void *rig_resize(void *user, void *block, size_t old_bytes, size_t new_bytes)
{
    campaign_rig *rig = user;
    rig->memory.fail_at = 0;
    if (rig->bad_memory == RIG_ONCE ||
        (rig->bad_memory == RIG_FOR_EVER && rig->memory.n_calls + 1 < rig->at)) {
        rig->memory.fail_at = rig->at;
    } else if (rig->bad_memory == RIG_FOR_EVER) {
        rig->memory.fail_at = rig->memory.n_calls + 1;
    }
    return failing_resize(&rig->memory, block, old_bytes, new_bytes);
}

static inline int rig_io(campaign_rig *rig)
{
    rig->n_io++;
    const bool due = (rig->bad_io == RIG_ONCE && rig->n_io == rig->at) ||
                     (rig->bad_io == RIG_INTERRUPT && rig->n_io == rig->at) ||
                     (rig->bad_io == RIG_FOR_EVER && rig->n_io >= rig->at);
    return !due ? 0 : rig->bad_io == RIG_INTERRUPT ? -EINTR : -rig->error;
}

static inline int rig_open(void *user, const char *path, int flags, int mode)
{
    campaign_rig *rig = user;
    const int error = rig_io(rig), fd = error ? error : open(path, flags, mode);
    rig->n_files += fd >= 0;
    return error ? error : fd < 0 ? -errno : fd;
}

static inline int64_t rig_read(void *user, int fd, void *buffer, size_t bytes)
{
    campaign_rig *rig = user;
    const int error = rig_io(rig);
    const ssize_t n =
        error ? error : read(fd, buffer, rig->bad_io == RIG_SHORT && bytes > 7 ? 7 : bytes);
    return error ? error : n < 0 ? -errno : n;
}

static inline int64_t rig_write(void *user, int fd, const void *buffer, size_t bytes)
{
    campaign_rig *rig = user;
    const int error = rig_io(rig);
    const ssize_t n =
        error ? error : write(fd, buffer, rig->bad_io == RIG_SHORT && bytes > 11 ? 11 : bytes);
    return error ? error : n < 0 ? -errno : n;
}

static inline int rig_sync(void *user, int fd)
{
    campaign_rig *rig = user;
    (void)fd;
    rig->n_synced++;
    return rig_io(rig);
}

/* A close that fails has closed nevertheless, as on Linux. */
static inline int rig_close(void *user, int fd)
{
    campaign_rig *rig = user;
    const int error = rig_io(rig);
    rig->n_files--;
    return close(fd) < 0 ? -errno : error;
}

static inline int rig_rename(void *user, const char *from, const char *to)
{
    campaign_rig *rig = user;
    const int error = rig_io(rig);
    rig->n_named += rig->n_synced > 0;
    return error ? error : rename(from, to) < 0 ? -errno : 0;
}

static inline int rig_unlink(void *user, const char *path)
{
    const int error = rig_io(user);
    return error ? error : unlink(path) < 0 ? -errno : 0;
}

static inline int rig_sync_directory(void *user, const char *path)
{
    campaign_rig *rig = user;
    (void)path;
    rig->n_settled += rig->n_named > 0;
    return rig_io(rig);
}

static inline ath_context_config rig_host(campaign_rig *rig)
{
    return (ath_context_config){.size = sizeof(ath_context_config),
                                .allocator = {rig_resize, rig},
                                .io = {.size = sizeof(ath_io),
                                       .user = rig,
                                       .open = rig_open,
                                       .read = rig_read,
                                       .write = rig_write,
                                       .sync = rig_sync,
                                       .close = rig_close,
                                       .rename = rig_rename,
                                       .unlink = rig_unlink,
                                       .sync_directory = rig_sync_directory}};
}

/* athanor with these arguments, up to a NULL. What it prints is kept until the next run. */
static inline int rig_run(campaign_rig *rig, const char *const *arguments)
{
    char *argv[12] = {(char *)"athanor"};
    int argc = 1;
    for (; arguments[argc - 1]; argc++) {
        argv[argc] = (char *)arguments[argc - 1];
    }
    free(rig->said);
    free(rig->told);
    rig->said = rig->told = NULL;
    rig->memory.n_calls = rig->n_io = 0;
    rig->n_synced = rig->n_named = rig->n_settled = 0;
    rig->files_failed = rig->bad_io == RIG_ONCE || rig->bad_io == RIG_FOR_EVER;
    FILE *out = rig->out ? rig->out : open_memstream(&rig->said, &rig->n_said);
    FILE *err = open_memstream(&rig->told, &rig->n_told);
    assert_non_null(out);
    assert_non_null(err);
    const cli_host host = {
        .context = rig_host(rig), .out = out, .err = err, .interrupted = rig->interrupted};
    const int code = cli_main(argc, argv, &host);
    if (!rig->out) {
        fclose(out);
    }
    fclose(err);
    if (rig->memory.n_blocks || rig->memory.n_wrong || rig->n_files) {
        fail_msg("call %lld, code %d: %lld blocks and %d files left, %d wrong sizes: %s",
                 (long long)rig->at, code, (long long)rig->memory.n_blocks, rig->n_files,
                 rig->memory.n_wrong, rig->told);
    }
    return code;
}
#define RIG_RUN(rig, ...) rig_run(rig, (const char *const[]){__VA_ARGS__, NULL})

/* ---- files ---- */

static inline const char *rig_path(const campaign_rig *rig, const char *name)
{
    static char paths[4][192];
    static int k;
    k = (k + 1) % 4;
    snprintf(paths[k], sizeof paths[k], "%s/%s", rig->folder, name);
    return paths[k];
}

/* In the directory of the campaign. */
static inline void rig_put_file(const campaign_rig *rig, const char *name, const char *data,
                                size_t bytes)
{
    char path[192];
    snprintf(path, sizeof path, "%s/%s", rig->dir, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, bytes, f), bytes);
    assert_int_equal(fclose(f), 0);
}

static inline void rig_put_text(const campaign_rig *rig, const char *name, const char *text)
{
    rig_put_file(rig, name, text, strlen(text));
}

/* NULL if there is none; a NUL stands behind the bytes. The caller frees. */
static inline char *rig_slurp(const char *path, size_t *bytes)
{
    FILE *f = fopen(path, "rb");
    size_t n = 0;
    char *data = NULL;
    if (!f) {
        return NULL;
    }
    for (size_t got = 1; got > 0; n += got) {
        data = realloc(data, n + (1 << 16) + 1);
        assert_non_null(data);
        got = fread(data + n, 1, 1 << 16, f);
    }
    data[n] = '\0';
    fclose(f);
    if (bytes) {
        *bytes = n;
    }
    return data;
}

static inline int rig_count(const char *text, const char *pattern)
{
    int n = 0;
    for (; text && (text = strstr(text, pattern)) != NULL; text++) {
        n++;
    }
    return n;
}

/* ---- campaigns ---- */

static const char rig_job[] =
    "{\n  \"program\": \"athanor 0.1.0\",\n  \"command\": \"run\",\n  \"inputs\": [\"a.xyz\"],\n"
    "  \"model\": \"emt:precision=double\",\n  \"model_hash\": \"00ff\",\n"
    "  \"stages\": [\n    {\"name\": \"opt\", \"integrator\": \"fire\"},\n"
    "    {\"name\": \"hot run\", \"integrator\": \"nve\"}\n  ],\n"
    "  \"momenta\": \"moving\",\n  \"options\": {\"steps\": 500, \"pressure\": null}\n}\n";
static const char rig_provenance[] = "model=emt model_hash=00ff program=athanor-0.1.0";

enum { RIG_RECORDS = 11 };

/* What is known of the i-th record: the 4th was refused, the 7th fails, the 8th is at its limit;
 * the others end alternately in both stages. Places are shuffled, those of 2 and 9 are the same. */
static inline ath_record rig_record(int i)
{
    static const int places[RIG_RECORDS] = {40, 10, 70, 20, 0, 100, 90, 50, 30, 70, 60};
    char id[32];
    snprintf(id, sizeof id, "system %d", i);
    ath_record r = {.uid = ath_uid_of_text(id),
                    .stage = i % 2,
                    .steps = 10 + i,
                    .frame = i,
                    .place = places[i % RIG_RECORDS] + 1000 * (i / RIG_RECORDS),
                    .text = "",
                    .file = i == 5 ? "odd, \"name\".xyz" : "a.xyz"};
    r.reason = i == 4   ? ATH_REASON_BAD_INPUT
               : i == 7 ? ATH_REASON_MAX_FORCE
               : i == 8 ? ATH_REASON_STEP_LIMIT
                        : ATH_REASON_CONVERGED;
    r.state = ath_reason_state(r.reason);
    if (i == 4) {
        r.text = "a <number> was expected";
        r.stage = 0;
        r.steps = 0;
    }
    return r;
}

static inline double *rig_real(ath_system *s, ath_field field)
{
    void *p = NULL;
    assert_int_equal(ath_system_field(s, field, &p), ATH_OK);
    return p;
}

/* The system of the i-th record; NULL for the one that was refused. */
static inline ath_system *rig_system(ath_context *ctx, int i)
{
    const int n = 1 + i % 3;
    ath_system *s = NULL;
    void *p = NULL;
    if (i == 4) {
        return NULL;
    }
    assert_int_equal(ath_system_create(ctx, n, &s), ATH_OK);
    assert_int_equal(ath_system_field(s, ATH_FIELD_NUMBERS, &p), ATH_OK);
    for (int k = 0; k < n; k++) {
        ((int32_t *)p)[k] = 29 + 18 * (k % 2);
    }
    for (int k = 0; k < 3 * n; k++) {
        rig_real(s, ATH_FIELD_POSITIONS)[k] = 0.5 * k + i;
        rig_real(s, ATH_FIELD_FORCES)[k] = 0.125 * k;
        if (i % 5 == 1) {
            rig_real(s, ATH_FIELD_VELOCITIES)[k] = 0.25 * (k + i);
        } else if (i % 5 == 2) {
            rig_real(s, ATH_FIELD_VELOCITIES)[k] = 0.0;
        }
    }
    *rig_real(s, ATH_FIELD_ENERGY) = -3.5 * n - 0.25 * i;
    *rig_real(s, ATH_FIELD_FMAX) = i == 7 ? 4096.0 : 0.03125 / (i + 1);
    assert_int_equal(ath_system_field(s, ATH_FIELD_CONVERGED, &p), ATH_OK);
    *(int32_t *)p = rig_record(i).reason == ATH_REASON_CONVERGED;
    assert_int_equal(ath_system_field(s, ATH_FIELD_AGE, &p), ATH_OK);
    *(int64_t *)p = 1000 + i;
    if (i % 2) {
        const char *name = i == 3 ? "a, \"b\"" : "plain";
        const ath_extra extra = {"name", ATH_LEVEL_SYSTEM, ATH_EXTRA_STRING, 1, 0, &name};
        assert_int_equal(ath_system_set_extra(s, &extra), ATH_OK);
        for (int k = 0; k < 9; k++) {
            rig_real(s, ATH_FIELD_CELL)[k] = k % 4 ? 0.0 : 8.0;
            rig_real(s, ATH_FIELD_STRESS)[k] = k % 4 ? 0.0 : -0.0078125 * (i + k);
        }
        assert_int_equal(ath_system_field(s, ATH_FIELD_PBC, &p), ATH_OK);
        ((int32_t *)p)[0] = ((int32_t *)p)[1] = ((int32_t *)p)[2] = 1;
    }
    ath_system_set_uid(s, rig_record(i).uid);
    return s;
}

static inline ath_journal *rig_journal(const campaign_rig *rig, int32_t group)
{
    char path[192];
    const ath_journal_config config = {.size = sizeof config,
                                       .write = true,
                                       .no_sync = true,
                                       .group = group,
                                       .group_seconds = -1.0};
    ath_journal *j = NULL;
    snprintf(path, sizeof path, "%s/journal", rig->dir);
    assert_int_equal(ath_journal_open(rig->ctx, path, &config, &j), ATH_OK);
    return j;
}

static inline void rig_put(const campaign_rig *rig, ath_journal *j, int i)
{
    const ath_record r = rig_record(i);
    ath_system *s = rig_system(rig->ctx, i);
    assert_int_equal(ath_journal_put(j, &r, s, NULL), ATH_OK);
    ath_system_destroy(&s);
}

/* The directory with records from `from` to `to` - 1, those in groups of `group`. */
static inline void rig_campaign(const campaign_rig *rig, int from, int to, int32_t group)
{
    (void)mkdir(rig->dir, 0777);
    rig_put_text(rig, "job.json", rig_job);
    ath_journal *j = rig_journal(rig, group);
    for (int i = from; i < to; i++) {
        rig_put(rig, j, i);
    }
    assert_int_equal(ath_journal_commit(j), ATH_OK);
    ath_journal_close(&j);
}

static inline void rig_clear(const campaign_rig *rig)
{
    char command[192];
    snprintf(command, sizeof command, "rm -rf '%s'/*", rig->folder);
    assert_int_equal(system(command), 0);
}

static inline int rig_set_up(void **state)
{
    campaign_rig *rig = calloc(1, sizeof *rig);
    const ath_context_config config = {.size = sizeof config};
    const char *temporary = getenv("TMPDIR");
    if (!rig) {
        return -1;
    }
    snprintf(rig->folder, sizeof rig->folder, "%.40s/campaign.XXXXXX",
             temporary && strlen(temporary) <= 40 ? temporary : "/tmp");
    if (!mkdtemp(rig->folder) || ath_context_create(&config, &rig->ctx) != ATH_OK) {
        return -1;
    }
    snprintf(rig->dir, sizeof rig->dir, "%s/dir", rig->folder);
    *state = rig;
    return 0;
}

static inline int rig_tear_down(void **state)
{
    campaign_rig *rig = *state;
    char command[192];
    snprintf(command, sizeof command, "rm -rf '%s'", rig->folder);
    const int result = system(command);
    ath_context_destroy(&rig->ctx);
    free(rig->said);
    free(rig->told);
    free(rig);
    return result;
}

/* A byte of the first segment of the journal, `back` from its end, is another one. */
static inline void rig_damage(const campaign_rig *rig, size_t at)
{
    size_t bytes = 0;
    char *data = rig_slurp(rig_path(rig, "dir/journal/00000001.journal"), &bytes);
    assert_non_null(data);
    assert_true(at < bytes);
    data[at] ^= 0x10;
    rig_put_file(rig, "journal/00000001.journal", data, bytes);
    free(data);
}

/* ---- failures ---- */

/* Runs the command again and again, with every call failing in turn; `check` is told the code of
 * each run, and before each the folder is brought to where it begins by `prepare`. */
typedef struct rig_sweep {
    campaign_rig *rig;
    const char *const *arguments;
    void (*prepare)(campaign_rig *rig);
    void (*check)(campaign_rig *rig, int code);
    int clean; /* the code without failures */
} rig_sweep;

static inline void rig_sweep_one(const rig_sweep *s, enum rig_mode memory, enum rig_mode io,
                                 int error, int64_t n, int64_t *n_clean)
{
    campaign_rig *rig = s->rig;
    for (int64_t at = 1; at <= n; at++) {
        s->prepare(rig);
        rig->bad_memory = memory;
        rig->bad_io = io;
        rig->error = error;
        rig->at = at;
        const int code = rig_run(rig, s->arguments);
        rig->bad_memory = rig->bad_io = RIG_NONE;
        const bool known = code == s->clean || code == CLI_INTERNAL || code == CLI_IO ||
                           code == CLI_NO_INPUT || code == CLI_DATA || code == CLI_PARTIAL;
        if (!known || (io == RIG_INTERRUPT && code != s->clean)) {
            fail_msg("call %lld of %lld: exit code %d: %s", (long long)at, (long long)n, code,
                     rig->told);
        }
        *n_clean += code == s->clean;
        s->check(rig, code);
    }
}

static inline void rig_sweep_all(const rig_sweep *s)
{
    campaign_rig *rig = s->rig;
    s->prepare(rig);
    assert_int_equal(rig_run(rig, s->arguments), s->clean);
    const int64_t n_memory = rig->memory.n_calls, n_io = rig->n_io;
    int64_t survived[4] = {0}, all = 0;
    assert_true(n_memory > 20);
    assert_true(n_io > 8);
    rig_sweep_one(s, RIG_ONCE, RIG_NONE, 0, n_memory, &survived[0]);
    rig_sweep_one(s, RIG_FOR_EVER, RIG_NONE, 0, n_memory, &survived[1]);
    rig_sweep_one(s, RIG_NONE, RIG_ONCE, EIO, n_io, &survived[2]);
    rig_sweep_one(s, RIG_NONE, RIG_FOR_EVER, ENOSPC, n_io, &survived[3]);
    rig_sweep_one(s, RIG_NONE, RIG_INTERRUPT, 0, n_io, &all);
    rig_sweep_one(s, RIG_NONE, RIG_SHORT, 0, 1, &all);
    assert_int_equal(all, n_io + 1);
    print_message("%lld allocations, %lld i/o calls; went on: %lld, %lld, %lld, %lld\n",
                  (long long)n_memory, (long long)n_io, (long long)survived[0],
                  (long long)survived[1], (long long)survived[2], (long long)survived[3]);
    assert_true(survived[0] < n_memory / 4);
    assert_true(survived[1] < n_memory / 4);
    assert_true(survived[2] < n_io);
    assert_true(survived[3] < n_io / 2);
}

#endif
