/* A campaign to look at: makes DIR as a run leaves it, with N records of made-up structures in its
 * journal, and says how long it takes to write, to look at the end of, to open and to read. What
 * `athanor status`, `report` and `export` take on it is then measured with `time`.
 *
 * usage: bench_campaign DIR [N = 100000] [TOTAL = N]
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <athanor/journal.h>

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static uint64_t bench_state = 1;

/* In (0, 1). */
static double uniform(void)
{
    bench_state = bench_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return ((double)(bench_state >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(void)
{
    return sqrt(-2.0 * log(uniform())) * cos(2.0 * 3.14159265358979323846 * uniform());
}

static double *real(ath_system *s, ath_field field)
{
    void *p = NULL;
    return ath_system_field(s, field, &p) == ATH_OK ? p : NULL;
}

static int make_system(ath_context *ctx, ath_record *r, ath_system **out)
{
    const int32_t n = (int32_t)fmin(400.0, fmax(1.0, exp(3.0 + 0.9 * normal())));
    ath_system *s = NULL;
    void *p = NULL;
    if (ath_system_create(ctx, n, &s) != ATH_OK) {
        return 1;
    }
    double *positions = real(s, ATH_FIELD_POSITIONS), *forces = real(s, ATH_FIELD_FORCES);
    double *energy = real(s, ATH_FIELD_ENERGY), *fmax_ = real(s, ATH_FIELD_FMAX);
    if (!positions || !forces || !energy || !fmax_ ||
        ath_system_field(s, ATH_FIELD_NUMBERS, &p) != ATH_OK) {
        return 1;
    }
    for (int32_t i = 0; i < n; i++) {
        ((int32_t *)p)[i] = uniform() < 0.5 ? 29 : 79;
        for (int k = 0; k < 3; k++) {
            positions[3 * i + k] = 12.0 * uniform();
            forces[3 * i + k] = 0.01 * normal();
        }
    }
    const double kind = uniform();
    const double middle = kind < 0.6 ? -3.45 : kind < 0.9 ? -3.21 : -2.4;
    *energy = n * (middle + 0.05 * normal() + 0.4 / cbrt(n));
    r->steps = (int64_t)(exp(3.2 + 0.25 * log(n) + 0.5 * normal()));
    *fmax_ = 0.05 * pow(uniform(), 0.3);
    if (r->reason == ATH_REASON_STEP_LIMIT || r->steps >= 500) {
        r->reason = ATH_REASON_STEP_LIMIT;
        r->steps = 500;
        *fmax_ = 0.05 * exp(fabs(normal()));
    } else if (r->reason != ATH_REASON_CONVERGED) {
        r->steps = (int64_t)(30.0 * uniform());
        *fmax_ = exp(8.0 + 3.0 * normal());
    }
    if (r->stage == 1 && r->reason == ATH_REASON_CONVERGED) {
        r->reason = ATH_REASON_BUDGET;
        r->steps = 800;
        *fmax_ = exp(0.5 + 0.3 * normal());
    }
    r->state = ath_reason_state(r->reason);
    *out = s;
    return 0;
}

static int put(ath_journal *j, ath_context *ctx, int64_t i)
{
    char id[32];
    snprintf(id, sizeof id, "structure %lld", (long long)i);
    ath_record r = {.uid = ath_uid_of_text(id), .frame = i % 5000, .text = ""};
    ath_system *s = NULL;
    char file[64];
    const double u = uniform();
    snprintf(file, sizeof file, "screening/part-%03d.extxyz", (int)(i / 5000));
    r.file = file;
    r.place = i ^ (i & 64 ? 7 : 0); /* nearly in order */
    r.reason = u < 0.965    ? ATH_REASON_CONVERGED
               : u < 0.985  ? ATH_REASON_STEP_LIMIT
               : u < 0.990  ? ATH_REASON_MAX_FORCE
               : u < 0.993  ? ATH_REASON_TOO_CLOSE
               : u < 0.994  ? ATH_REASON_NON_FINITE
               : u < 0.9945 ? ATH_REASON_CELL_COLLAPSED
                            : ATH_REASON_BAD_INPUT;
    r.state = ath_reason_state(r.reason);
    r.stage = r.reason != ATH_REASON_BAD_INPUT && i % 8 == 0;
    if (r.reason == ATH_REASON_BAD_INPUT) {
        r.text = "screening/part.extxyz:17:24: a number was expected, not 'O<'";
    } else if (make_system(ctx, &r, &s)) {
        return 1;
    }
    ath_status status = ATH_OK;
    if (s) {
        ath_system_set_uid(s, r.uid);
        int32_t *converged = (void *)real(s, ATH_FIELD_CONVERGED);
        if (converged) {
            *converged = r.reason == ATH_REASON_CONVERGED;
        }
    }
    status = ath_journal_put(j, &r, s, NULL);
    ath_system_destroy(&s);
    return status != ATH_OK;
}

static int write_text(const char *folder, const char *name, const char *text)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    if (!f) {
        return 1;
    }
    fputs(text, f);
    return fclose(f) != 0;
}

static int make(ath_context *ctx, const char *folder, int64_t n, int64_t total)
{
    char path[4096];
    const ath_journal_config config = {.size = sizeof config, .write = true, .no_sync = true};
    ath_journal *j = NULL;
    char progress[256];
    snprintf(progress, sizeof progress,
             "{\"total\": %lld, \"active\": 512, \"queued\": 488, \"atom_steps\": 21500000000, "
             "\"seconds\": 3200.5, \"atom_steps_per_second\": 6717700, \"occupancy\": 0.97}\n",
             (long long)total);
    mkdir(folder, 0777);
    snprintf(path, sizeof path, "%s/journal", folder);
    if (write_text(folder, "job.json",
                   "{\"program\": \"athanor 0.1.0\", \"command\": \"run\",\n\"inputs\": "
                   "[\"screening/part-*.extxyz\"],\n\"model\": \"emt:precision=double\", "
                   "\"model_hash\": \"7f1c0f2a9d3b4e5f8a6b7c8d9e0f1a2b\",\n\"stages\": [{\"name\": "
                   "\"relax\", \"integrator\": \"fire\"}, "
                   "{\"name\": \"heat\", \"integrator\": \"langevin\"}],\n\"momenta\": \"none\", "
                   "\"options\": "
                   "{\"fmax\": 0.05, \"steps\": 500}}\n") ||
        write_text(folder, "progress.json", progress) ||
        ath_journal_open(ctx, path, &config, &j) != ATH_OK) {
        return 1;
    }
    int failed = 0;
    for (int64_t i = ath_journal_length(j); i < n && !failed; i++) {
        failed = put(j, ctx, i);
    }
    failed = failed || ath_journal_commit(j) != ATH_OK;
    ath_journal_close(&j);
    return failed;
}

static int look(ath_context *ctx, const char *folder)
{
    char path[4096];
    ath_journal_glance glance = {.size = sizeof glance};
    const ath_journal_config config = {.size = sizeof config};
    ath_journal *j = NULL;
    snprintf(path, sizeof path, "%s/journal", folder);
    double t = seconds();
    if (ath_journal_look(ctx, path, &glance) != ATH_OK) {
        return 1;
    }
    printf("look      %8.4f s  %lld records\n", seconds() - t, (long long)glance.n_records);
    t = seconds();
    if (ath_journal_open(ctx, path, &config, &j) != ATH_OK) {
        return 1;
    }
    printf("open      %8.4f s\n", seconds() - t);
    t = seconds();
    for (int64_t i = 0; i < ath_journal_length(j); i++) {
        ath_record r;
        ath_system *s = NULL;
        if (ath_journal_read(j, i, &r, &s) != ATH_OK) {
            return 1;
        }
        ath_system_destroy(&s);
    }
    printf("read all  %8.4f s\n", seconds() - t);
    ath_journal_close(&j);
    return 0;
}

int main(int argc, char **argv)
{
    const ath_context_config config = {.size = sizeof config};
    ath_context *ctx = NULL;
    const int64_t n = argc > 2 ? strtoll(argv[2], NULL, 10) : 100000;
    const int64_t total = argc > 3 ? strtoll(argv[3], NULL, 10) : n;
    if (argc < 2 || n < 0 || ath_context_create(&config, &ctx) != ATH_OK) {
        fprintf(stderr, "usage: bench_campaign DIR [N = 100000] [TOTAL = N]\n");
        return 64;
    }
    const double t = seconds();
    int failed = make(ctx, argv[1], n, total);
    printf("write     %8.4f s\n", seconds() - t);
    failed = failed || look(ctx, argv[1]);
    if (failed) {
        fprintf(stderr, "bench_campaign: %s\n", ath_context_message(ctx));
    }
    ath_context_destroy(&ctx);
    return failed;
}
