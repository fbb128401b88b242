/* The reader of job files in a test: a program whose memory is counted and can fail, whose reads
 * can fail, and whose messages are kept.
 */
#ifndef TESTS_CLI_JOB_RIG_H
#define TESTS_CLI_JOB_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/failing.h"
#include "host.h"
#include "job.h"

typedef struct job_rig {
    cli c;
    failing memory;
    char *said; /* what it has said since the last look */
    size_t n_said;
    int64_t fail_io; /* number of the i/o call that fails, from 1; 0: none */
    int64_t n_io;
} job_rig;

static inline int rig_io(job_rig *rig)
{
    return ++rig->n_io == rig->fail_io ? -EIO : 0;
}

static inline int rig_open(void *user, const char *path, int flags, int mode)
{
    const int error = rig_io(user), fd = error ? error : open(path, flags, mode);
    return error ? error : fd < 0 ? -errno : fd;
}

static inline int64_t rig_read(void *user, int fd, void *buffer, size_t bytes)
{
    const int error = rig_io(user);
    const ssize_t n = error ? error : read(fd, buffer, bytes);
    return error ? error : n < 0 ? -errno : n;
}

static inline int rig_set_up(void **state)
{
    job_rig *rig = calloc(1, sizeof *rig);
    if (!rig) {
        return -1;
    }
    ath_context_config config = failing_config(&rig->memory);
    rig->c.host = config;
    rig->c.host.io =
        (ath_io){.size = sizeof rig->c.host.io, .user = rig, .open = rig_open, .read = rig_read};
    cli_host_complete(&rig->c.host);
    rig->c.out = stdout;
    rig->c.err = open_memstream(&rig->said, &rig->n_said);
    *state = rig;
    return rig->c.err && ath_context_create(&config, &rig->c.ctx) == ATH_OK ? 0 : -1;
}

static inline int rig_tear_down(void **state)
{
    job_rig *rig = *state;
    ath_context_destroy(&rig->c.ctx);
    fclose(rig->c.err);
    const bool clean = rig->memory.n_blocks == 0 && rig->memory.n_wrong == 0;
    free(rig->said);
    free(rig);
    return clean ? 0 : -1;
}

/* What has been said since the last call. */
static inline const char *rig_said(job_rig *rig)
{
    static char text[1 << 14];
    fflush(rig->c.err);
    snprintf(text, sizeof text, "%.*s", (int)rig->n_said, rig->said ? rig->said : "");
    fseek(rig->c.err, 0, SEEK_SET);
    return text;
}

static inline int rig_parse(job_rig *rig, const char *text, cli_job *job)
{
    (void)rig_said(rig);
    fputc('\n', rig->c.err); /* so that lines can be told by what stands before them */
    return cli_job_parse(&rig->c, "job.yaml", text, strlen(text), job);
}

static inline char *rig_slurp(const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", ATH_SOURCE_DIR, name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *text = calloc(1, 1 << 17);
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 17) - 1, f) > 0);
    fclose(f);
    return text;
}

/* Prints, reads, prints: the second text is the first. Returns it; the caller frees. */
static inline cli_text job_again(job_rig *rig, const cli_job *job)
{
    cli_text once = {0}, twice = {0};
    cli_job copy;
    cli_job_print(&rig->c, job, &once);
    assert_false(once.failed);
    if (cli_job_parse(&rig->c, "printed", once.data, once.size, &copy) != CLI_OK) {
        fail_msg("%s\n%s", once.data, rig_said(rig));
    }
    cli_job_print(&rig->c, &copy, &twice);
    assert_string_equal(once.data, twice.data);
    cli_text_free(&rig->c, &twice);
    cli_job_free(&rig->c, &copy);
    return once;
}

#endif
