/* libFuzzer target: bytes as a job file. Beyond not crashing: nothing leaks, memory stays within
 * what the file justifies, a refusal says why and where, a job that is accepted holds what its
 * header promises, and is the same when it is printed and read again.
 */

#include "fuzz/target.h"
#include "host.h"
#include "job.h"

static void fuzz_check_hooks(const cli_job_hook *hooks, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const cli_job_hook *h = &hooks[i];
        REQUIRE(h->type >= 0 && h->type <= CLI_JOB_HOOK_TIMING);
        REQUIRE(h->every >= 0 && (h->type != CLI_JOB_HOOK_WRAP || h->every >= 1));
        REQUIRE(h->type != CLI_JOB_HOOK_CLAMP || h->max_force > 0.0);
        REQUIRE(h->type != CLI_JOB_HOOK_LOG || (h->path && *h->path && !strchr(h->path, '/')));
        REQUIRE(h->components >= 0 && h->components <= 6);
    }
}

static void fuzz_check(const cli_job *job)
{
    REQUIRE(job->n_stages >= 1 && job->device && job->limits.systems >= 1 && job->refill >= 1);
    REQUIRE(job->threads >= 0 && job->threads <= 4096 && job->limits.guards.max_force >= 0.0);
    for (size_t i = 0; i < job->n_input; i++) {
        REQUIRE(job->input[i] && *job->input[i]);
    }
    for (size_t i = 0; i < job->n_stages; i++) {
        const cli_job_stage *s = &job->stages[i];
        const bool until = s->until.fmax > 0.0 || s->until.energy_change > 0.0;
        REQUIRE(s->name && *s->name && s->integrator && *s->integrator);
        REQUIRE(until || s->steps >= 0);
        REQUIRE((s->at_limit == CLI_UNSET) == !(until && s->steps != CLI_UNSET));
        REQUIRE(s->at_limit != CLI_JOB_CONTINUE || i + 1 < job->n_stages);
        REQUIRE(s->velocities < 2 || s->temperature >= 0.0);
        fuzz_check_hooks(s->hooks, s->n_hooks);
    }
    fuzz_check_hooks(job->hooks, job->n_hooks);
}

static void fuzz_print(cli *c, const cli_job *job)
{
    cli_text once = {0}, twice = {0};
    cli_job copy;
    cli_job_print(c, job, &once);
    REQUIRE(!once.failed && once.size > 0);
    /* what is printed is in blocks: a long list of short values can exceed the limits then */
    if (once.size <= CLI_JOB_MAX_BYTES) {
        REQUIRE(cli_job_parse(c, "printed", once.data, once.size, &copy) == CLI_OK);
        cli_job_print(c, &copy, &twice);
        REQUIRE(once.size == twice.size && memcmp(once.data, twice.data, once.size) == 0);
        cli_job_free(c, &copy);
    }
    cli_text_free(c, &once);
    cli_text_free(c, &twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    failing memory = {0};
    cli c = {.host = failing_config(&memory)};
    char *said = NULL, *text = malloc(size ? size : 1); /* exact: nothing may be read behind it */
    size_t n_said = 0;
    cli_job job;
    REQUIRE(text);
    if (size > 0) {
        memcpy(text, data, size);
    }
    c.err = open_memstream(&said, &n_said);
    REQUIRE(c.err && ath_context_create(&c.host, &c.ctx) == ATH_OK);
    cli_host_complete(&c.host);
    const int code = cli_job_parse(&c, "job.yaml", text, size, &job);
    fflush(c.err);
    REQUIRE(memory.peak_bytes <= 100 * size + ((size_t)1 << 20));
    if (code) {
        REQUIRE(code == CLI_DATA && strncmp(said, "athanor: job.yaml:", 18) == 0);
        REQUIRE(!job.stages && !job.hooks && !job.input);
    } else {
        REQUIRE(n_said == 0);
        fuzz_check(&job);
        fuzz_print(&c, &job);
        cli_job_free(&c, &job);
    }
    ath_context_destroy(&c.ctx);
    REQUIRE(memory.n_blocks == 0 && memory.n_wrong == 0);
    fclose(c.err);
    free(said);
    free(text);
    return 0;
}
