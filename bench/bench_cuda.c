/* The CUDA device against the host, and its speed: one command, one short table.
 *
 *   bench_cuda [cuda:0]
 *
 * Checks first (a failed check is exit 1): forces and 50 steps of NVE of 300 systems of all kinds
 * against the host, systems alone against the same in a batch (bits), and a run with refill in
 * which every system must come back once with its budget of steps. Then atom-steps/s of 10,000
 * systems, one step captured as a graph and replayed, best of five. Without a GPU it says so and
 * exits with 77.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <athanor/dynamics.h>

static ath_context *ctx;
static int n_failed;

static void must(ath_status status, const char *what)
{
    if (status < 0) {
        fprintf(stderr, "bench_cuda: %s: %s (%s)\n", what, ath_status_text(status),
                ath_context_message(ctx));
        exit(70);
    }
}

static void expect(bool good, const char *what, double value, double limit)
{
    printf("  %-58s %10.2e  (<= %.0e) %s\n", what, value, limit, good ? "ok" : "FAILED");
    n_failed += !good;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* kind 0: open cluster, 1: cube with the cutoff below half of it or above, 2: skewed cell. */
static ath_system *make(int32_t n, int kind, uint64_t seed)
{
    ath_system *s = NULL;
    void *p = NULL;
    int32_t side = 1;
    while (side * side * side < n) {
        side++;
    }
    must(ath_system_create(ctx, n, &s), "system");
    must(ath_system_field(s, ATH_FIELD_NUMBERS, &p), "numbers");
    for (int32_t i = 0; i < n; i++) {
        ((int32_t *)p)[i] = 18;
    }
    must(ath_system_field(s, ATH_FIELD_POSITIONS, &p), "positions");
    uint64_t x = seed * 2862933555777941757u + 3037000493u;
    for (int32_t i = 0; i < n; i++) {
        const int32_t cell[3] = {i % side, i / side % side, i / side / side};
        for (int k = 0; k < 3; k++) {
            x = x * 6364136223846793005u + 1442695040888963407u;
            ((double *)p)[3 * i + k] =
                3.9 * (cell[k] + 0.06 * ((double)(x >> 11) / 9007199254740992.0 - 0.5));
        }
    }
    if (kind > 0) {
        must(ath_system_field(s, ATH_FIELD_CELL, &p), "cell");
        for (int k = 0; k < 3; k++) {
            ((double *)p)[4 * k] = 3.9 * side;
        }
        ((double *)p)[3] = kind == 2 ? 1.1 : 0.0;
        must(ath_system_field(s, ATH_FIELD_PBC, &p), "pbc");
        for (int k = 0; k < 3; k++) {
            ((int32_t *)p)[k] = 1;
        }
    }
    ath_uid uid;
    must(ath_system_content_hash(s, &uid), "hash");
    ath_system_set_uid(s, ath_uid_of(uid, seed));
    return s;
}

static ath_dynamics_config make_config(ath_model *model, ath_integrator *nve, int64_t n_steps)
{
    ath_dynamics_config config = ath_dynamics_defaults();
    config.model = model;
    config.integrator = nve;
    config.velocities = ATH_VELOCITIES_THERMAL;
    config.temperature = 40;
    config.n_steps = n_steps;
    return config;
}

static ath_dynamics *make_dynamics(ath_model *model, ath_integrator *nve, int64_t n_steps)
{
    const ath_dynamics_config config = make_config(model, nve, n_steps);
    ath_dynamics *dyn = NULL;
    must(ath_dynamics_create(ctx, &config, &dyn), "dynamics");
    return dyn;
}

enum { CHECKED = 300 };

static ath_batch *checked_batch(ath_device *device, int32_t first, int32_t n)
{
    ath_batch *batch = NULL;
    const ath_batch_config shape = {.size = sizeof shape, .device = device};
    must(ath_batch_create(ctx, &shape, &batch), "batch");
    for (int32_t i = first; i < first + n; i++) {
        const int32_t side = 2 + i % 5;
        ath_system *s =
            make(i % 3 == 0 ? 2 + i * 11 % 200 : side * side * side, i % 3, (uint64_t)i);
        must(ath_batch_add(batch, s), "add");
        ath_system_destroy(&s);
    }
    return batch;
}

/* Relative 2-norm of the difference of a vector field, worst over systems and median. */
static void compare(const ath_batch *a, const ath_batch *b, ath_field_id field, double *worst,
                    double *median)
{
    double all[CHECKED];
    *worst = 0.0;
    for (int32_t i = 0; i < CHECKED; i++) {
        const int32_t n = 3 * ath_batch_n_atoms_of(a, i);
        double *x = malloc(sizeof(double) * (size_t)n), *y = malloc(sizeof(double) * (size_t)n);
        double d2 = 0.0, r2 = 0.0;
        must(ath_batch_read(a, field, i, x), "read");
        must(ath_batch_read(b, field, i, y), "read");
        for (int32_t k = 0; k < n; k++) {
            d2 += (x[k] - y[k]) * (x[k] - y[k]);
            r2 += x[k] * x[k];
        }
        all[i] = r2 > 0.0 ? sqrt(d2 / r2) : sqrt(d2);
        *worst = all[i] > *worst || all[i] != all[i] ? all[i] : *worst;
        free(x);
        free(y);
    }
    for (int32_t i = 1; i < CHECKED; i++) {
        const double v = all[i];
        int32_t j = i;
        for (; j > 0 && all[j - 1] > v; j--) {
            all[j] = all[j - 1];
        }
        all[j] = v;
    }
    *median = all[CHECKED / 2];
}

static void check_against_host(ath_device *host, ath_device *cuda, ath_integrator *nve, bool mixed)
{
    ath_model *model = NULL;
    double worst, median;
    must(ath_model_create(ctx,
                          mixed ? "lj:epsilon=0.0104,sigma=3.4,cutoff=8.5,precision=mixed"
                                : "lj:epsilon=0.0104,sigma=3.4,cutoff=8.5",
                          &model),
         "model");
    ath_batch *a = checked_batch(host, 0, CHECKED), *b = checked_batch(cuda, 0, CHECKED);
    ath_dynamics *on_host = make_dynamics(model, nve, 50), *on_cuda = make_dynamics(model, nve, 50);
    must(ath_dynamics_compute(on_host, a), "compute on the host");
    must(ath_dynamics_compute(on_cuda, b), "compute on the device");
    compare(a, b, ATH_FIELD_FORCES, &worst, &median);
    printf("%s, device against host, %d systems\n", mixed ? "mixed" : "float64", (int)CHECKED);
    expect(worst <= (mixed ? 1e-4 : 1e-12), "forces, worst", worst, mixed ? 1e-4 : 1e-12);
    expect(median <= (mixed ? 1e-6 : 1e-13), "forces, median", median, mixed ? 1e-6 : 1e-13);
    double energy = 0.0;
    for (int32_t i = 0; i < CHECKED; i++) {
        double ea = 0, eb = 0;
        must(ath_batch_read(a, ATH_FIELD_ENERGY, i, &ea), "read");
        must(ath_batch_read(b, ATH_FIELD_ENERGY, i, &eb), "read");
        energy = fmax(energy, fabs(ea - eb) / fabs(ea));
    }
    expect(energy <= (mixed ? 1e-5 : 1e-12), "energies, worst", energy, mixed ? 1e-5 : 1e-12);
    must(ath_dynamics_run(on_host, a, ATH_UNSET), "run on the host");
    must(ath_dynamics_run(on_cuda, b, ATH_UNSET), "run on the device");
    compare(a, b, ATH_FIELD_POSITIONS, &worst, &median);
    expect(worst <= (mixed ? 1e-5 : 1e-11), "positions after 50 steps, worst", worst,
           mixed ? 1e-5 : 1e-11);
    /* alone = in the batch */
    int32_t different = 0;
    for (int32_t i = 0; i < CHECKED; i += 13) {
        ath_batch *alone = checked_batch(cuda, i, 1);
        ath_dynamics *one = make_dynamics(model, nve, 50);
        must(ath_dynamics_run(one, alone, ATH_UNSET), "run alone");
        const size_t bytes = 24 * (size_t)ath_batch_n_atoms_of(b, i);
        char *x = malloc(bytes), *y = malloc(bytes);
        must(ath_batch_read(alone, ATH_FIELD_VELOCITIES, 0, x), "read");
        must(ath_batch_read(b, ATH_FIELD_VELOCITIES, i, y), "read");
        different += memcmp(x, y, bytes) != 0;
        free(x);
        free(y);
        ath_dynamics_destroy(&one);
        ath_batch_destroy(&alone);
    }
    expect(different == 0, "systems whose bits differ alone", different, 0.0);
    ath_dynamics_destroy(&on_host);
    ath_dynamics_destroy(&on_cuda);
    ath_batch_destroy(&a);
    ath_batch_destroy(&b);
    ath_model_destroy(&model);
}

typedef struct taken {
    int32_t n;
    int64_t steps;
    uint64_t mix; /* order-free digest of the uids */
} taken;

static ath_status take(void *user, const ath_system *system)
{
    taken *t = user;
    t->n++;
    t->steps += *(const int64_t *)ath_system_peek(system, ATH_FIELD_AGE);
    t->mix += ath_system_uid(system).lo * 0x9e3779b97f4a7c15u;
    return ATH_OK;
}

static void check_refill(ath_device *cuda, ath_integrator *nve)
{
    enum { N = 20000, BUDGET = 64 };
    ath_system **systems = calloc(N, sizeof *systems);
    ath_sampler *sampler = NULL;
    ath_sink *sink = NULL;
    ath_model *model = NULL;
    ath_dynamics *fused = NULL;
    taken t = {0}, all = {0};
    for (int32_t i = 0; i < N; i++) {
        systems[i] = make(16 + i % 85, 0, (uint64_t)i);
    }
    must(ath_model_create(ctx, "lj:epsilon=0.0104,sigma=3.4,cutoff=8.5,precision=mixed", &model),
         "model");
    must(ath_sampler_from_systems(ctx, systems, N, &sampler), "sampler");
    must(ath_sink_callback(ctx, take, &t, &sink), "sink");
    ath_dynamics_config config = make_config(model, nve, BUDGET);
    config.device = cuda;
    config.sampler = sampler;
    config.sinks = &sink;
    config.n_sinks = 1;
    config.max_batch_size = 8000;
    config.refill_frequency = 32;
    ath_dynamics *part = NULL;
    must(ath_dynamics_create(ctx, &config, &part), "part");
    must(ath_fuse(ctx, &part, 1, &fused), "fuse");
    const double start = now();
    must(ath_dynamics_run(fused, NULL, ATH_UNSET), "refill");
    const double seconds = now() - start;
    for (int32_t i = 0; i < N; i++) {
        ath_uid content;
        must(ath_system_content_hash(systems[i], &content), "hash");
        all.mix += (ath_system_uid(systems[i]).lo) * 0x9e3779b97f4a7c15u;
        ath_system_destroy(&systems[i]);
    }
    free(systems);
    printf("refill: %d systems of 16 to 100 atoms through 8,000 places, %d steps each, %.2f s\n",
           (int)N, (int)BUDGET, seconds);
    expect(t.n == N && t.mix == all.mix, "systems lost or taken twice", N - t.n, 0.0);
    expect(t.steps == (int64_t)N * BUDGET, "steps missing", (double)((int64_t)N * BUDGET - t.steps),
           0.0);
    ath_dynamics_destroy(&fused);
    ath_dynamics_destroy(&part);
    ath_sampler_destroy(&sampler);
    ath_sink_destroy(&sink);
    ath_model_destroy(&model);
}

static void speed(ath_device *cuda, ath_integrator *nve, const char *name, int32_t n, int kind,
                  bool mixed)
{
    enum { SYSTEMS = 10000, STEPS = 512 };
    char text[128];
    ath_model *model = NULL;
    ath_batch *batch = NULL;
    const ath_batch_config shape = {.size = sizeof shape, .device = cuda};
    snprintf(text, sizeof text, "lj:epsilon=0.0104,sigma=3.4,cutoff=8.5%s",
             mixed ? ",precision=mixed" : "");
    must(ath_model_create(ctx, text, &model), "model");
    must(ath_batch_create(ctx, &shape, &batch), "batch");
    must(ath_batch_reserve(batch, SYSTEMS, (int64_t)SYSTEMS * ((n + 31) / 32 * 32)), "reserve");
    for (int32_t i = 0; i < SYSTEMS; i++) {
        ath_system *s = make(n, kind, (uint64_t)i);
        must(ath_batch_add(batch, s), "add");
        ath_system_destroy(&s);
    }
    ath_dynamics *dyn = make_dynamics(model, nve, STEPS);
    must(ath_dynamics_run(dyn, batch, 64), "warm-up");
    double best = 0.0;
    for (int k = 0; k < 5; k++) {
        const double start = now();
        must(ath_dynamics_run(dyn, batch, STEPS), "run");
        const double rate = (double)SYSTEMS * n * STEPS / (now() - start);
        best = rate > best ? rate : best;
    }
    printf("  %-34s %4d atoms  %-8s %7.2f G atom-steps/s  %7.1f us/step\n", name, (int)n,
           mixed ? "mixed" : "float64", best / 1e9, 1e6 * SYSTEMS * n / best);
    fflush(stdout);
    ath_dynamics_destroy(&dyn);
    ath_batch_destroy(&batch);
    ath_model_destroy(&model);
}

int main(int argc, char **argv)
{
    ath_device *host = NULL, *cuda = NULL;
    ath_integrator *nve = NULL;
    must(ath_context_create(NULL, &ctx), "context");
    if (ath_device_open(ctx, argc > 1 ? argv[1] : "cuda:0", &cuda) < 0) {
        printf("skipped: %s\n", ath_context_message(ctx));
        return 77;
    }
    must(ath_device_open(ctx, "host", &host), "host");
    must(ath_integrator_create(ctx, "nve:timestep=4", &nve), "nve");
    check_against_host(host, cuda, nve, false);
    check_against_host(host, cuda, nve, true);
    check_refill(cuda, nve);
    printf("LJ NVE, 10,000 systems, forces only, full engine (%s)\n", ath_device_name(cuda));
    speed(cuda, nve, "open", 64, 0, true);
    speed(cuda, nve, "open", 64, 0, false);
    speed(cuda, nve, "open", 125, 0, true);
    speed(cuda, nve, "periodic, cutoff < L/2", 125, 1, true);
    speed(cuda, nve, "periodic, cutoff > L/2 (list)", 64, 1, true);
    speed(cuda, nve, "periodic, cutoff > L/2 (list)", 64, 1, false);
    ath_integrator_destroy(&nve);
    ath_device_close(&host);
    ath_device_close(&cuda);
    ath_context_destroy(&ctx);
    printf("%s\n", n_failed ? "some checks FAILED" : "all checks passed");
    return n_failed ? 1 : 0;
}
