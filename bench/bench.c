/* athanor_bench: one table of speed, model x system x threads, measured through the public
 * interface.
 *
 *   athanor_bench [--device host] [--systems 1000] [--seconds 1] [--json FILE]
 *
 * Every row is molecular dynamics (NVE) or relaxation of a batch of equal-sized, different systems,
 * with everything on: neighbour checks and rebuilds, convergence, non-finite checks. A rate is the
 * best of five runs of at least a fifth of --seconds each. NVE rows also print the drift of the
 * total energy over all runs of the row, per atom, so that a speed without physics shows.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <athanor/dynamics.h>
#include <athanor/units.h>

typedef struct row {
    const char *name, *model, *integrator;
    int32_t number; /* element */
    double spacing; /* angstrom: fcc lattice constant, or cubic spacing of a cluster */
    int32_t n_atoms;
    bool periodic;
    double temperature;
} row;

#define LJ "lj:epsilon=0.0104,sigma=3.4,cutoff=8.5"

static const row rows[] = {
    {"lj open", LJ, "nve:timestep=4", 18, 3.9, 32, false, 30},
    {"lj open", LJ, "nve:timestep=4", 18, 3.9, 64, false, 30},
    {"lj open", LJ, "nve:timestep=4", 18, 3.9, 96, false, 30},
    {"lj open", LJ, "nve:timestep=4", 18, 3.9, 128, false, 30},
    {"lj open", LJ, "nve:timestep=4", 18, 3.9, 256, false, 30},
    {"lj mixed open", LJ ",precision=mixed", "nve:timestep=4", 18, 3.9, 64, false, 30},
    {"lj mixed open", LJ ",precision=mixed", "nve:timestep=4", 18, 3.9, 96, false, 30},
    {"lj mixed open", LJ ",precision=mixed", "nve:timestep=4", 18, 3.9, 128, false, 30},
    {"lj langevin open", LJ, "langevin:timestep=4,temperature=30,friction=0.01", 18, 3.9, 64, false,
     30},
    {"lj periodic", LJ, "nve:timestep=4", 18, 5.4, 108, true, 60},
    {"lj periodic", LJ, "nve:timestep=4", 18, 5.4, 500, true, 60},
    {"lj periodic", LJ, "nve:timestep=4", 18, 5.4, 4000, true, 60},
    {"lj periodic", LJ, "nve:timestep=4", 18, 5.4, 32000, true, 60},
    {"emt periodic", "emt", "nve:timestep=2", 29, 3.61, 4, true, 600},
    {"emt periodic", "emt", "nve:timestep=2", 29, 3.61, 32, true, 600},
    {"emt periodic", "emt", "nve:timestep=2", 29, 3.61, 108, true, 600},
    {"emt periodic", "emt", "nve:timestep=2", 29, 3.61, 500, true, 600},
    {"emt fire open", "emt", "fire", 29, 2.6, 64, false, 0},
};

typedef struct settings {
    const char *device, *json;
    int32_t n_systems;
    double seconds;
} settings;

static void check(ath_context *ctx, ath_status status, const char *what)
{
    if (status < 0) {
        fprintf(stderr, "athanor_bench: %s: %s (%s)\n", what, ath_status_text(status),
                ath_context_message(ctx));
        exit(70);
    }
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* n atoms on a lattice, each displaced by up to 3 % of the spacing; different for each seed. */
static ath_system *make_system(ath_context *ctx, const row *r, uint64_t seed)
{
    static const double fcc[4][3] = {{0, 0, 0}, {0.5, 0.5, 0}, {0.5, 0, 0.5}, {0, 0.5, 0.5}};
    const int32_t basis = r->periodic ? 4 : 1;
    int32_t side = 1;
    while (basis * side * side * side < r->n_atoms) {
        side++;
    }
    ath_system *s = NULL;
    void *p = NULL;
    check(ctx, ath_system_create(ctx, r->n_atoms, &s), "system");
    check(ctx, ath_system_field(s, ATH_FIELD_NUMBERS, &p), "numbers");
    for (int32_t i = 0; i < r->n_atoms; i++) {
        ((int32_t *)p)[i] = r->number;
    }
    check(ctx, ath_system_field(s, ATH_FIELD_POSITIONS, &p), "positions");
    uint64_t x = seed * 2862933555777941757u + 3037000493u;
    for (int32_t i = 0; i < r->n_atoms; i++) {
        const int32_t c = i / basis, cell[3] = {c % side, c / side % side, c / side / side};
        for (int k = 0; k < 3; k++) {
            x = x * 6364136223846793005u + 1442695040888963407u;
            const double u = (double)(x >> 11) / 9007199254740992.0 - 0.5;
            ((double *)p)[3 * i + k] =
                r->spacing * (cell[k] + (r->periodic ? fcc[i % 4][k] : 0.0) + 0.06 * u);
        }
    }
    if (r->periodic) {
        check(ctx, ath_system_field(s, ATH_FIELD_CELL, &p), "cell");
        for (int k = 0; k < 3; k++) {
            ((double *)p)[4 * k] = r->spacing * side;
        }
        check(ctx, ath_system_field(s, ATH_FIELD_PBC, &p), "pbc");
        for (int k = 0; k < 3; k++) {
            ((int32_t *)p)[k] = 1;
        }
    }
    return s;
}

/* Potential plus kinetic energy of the batch, eV. */
static double total_energy(ath_context *ctx, const ath_batch *batch)
{
    double sum = 0.0;
    for (int32_t i = 0; i < ath_batch_n_systems(batch); i++) {
        ath_system *s = NULL;
        check(ctx, ath_batch_get(batch, i, &s), "get");
        const double *v = ath_system_peek(s, ATH_FIELD_VELOCITIES);
        const double *m = ath_system_peek(s, ATH_FIELD_MASSES);
        sum += *(const double *)ath_system_peek(s, ATH_FIELD_ENERGY);
        for (int32_t k = 0; k < 3 * ath_system_n_atoms(s); k++) {
            sum += 0.5 * m[k / 3] * v[k] * v[k];
        }
        ath_system_destroy(&s);
    }
    return sum;
}

typedef struct result {
    double rate;  /* atom-steps per second */
    double drift; /* eV per atom over all steps */
    int64_t steps;
} result;

static result run_row(ath_context *ctx, ath_device *device, const row *r, const settings *set,
                      int32_t threads)
{
    ath_model *model = NULL;
    ath_integrator *integrator = NULL;
    ath_dynamics *dyn = NULL;
    ath_batch *batch = NULL;
    check(ctx, ath_model_create(ctx, r->model, &model), r->model);
    check(ctx, ath_integrator_create(ctx, r->integrator, &integrator), r->integrator);
    ath_dynamics_config config = ath_dynamics_defaults();
    config.model = model;
    config.integrator = integrator;
    config.n_threads = threads;
    config.velocities = r->temperature > 0 ? ATH_VELOCITIES_THERMAL : ATH_VELOCITIES_ZERO;
    config.temperature = r->temperature;
    check(ctx, ath_dynamics_create(ctx, &config, &dyn), "dynamics");
    const ath_batch_config shape = {.size = sizeof shape, .device = device};
    check(ctx, ath_batch_create(ctx, &shape, &batch), "batch");
    int32_t n = set->n_systems;
    while (n > 1 && (int64_t)n * r->n_atoms > 2000000) {
        n /= 2;
    }
    for (int32_t i = 0; i < n; i++) {
        ath_system *s = make_system(ctx, r, (uint64_t)i);
        check(ctx, ath_batch_add(batch, s), "add");
        ath_system_destroy(&s);
    }
    check(ctx, ath_dynamics_run(dyn, batch, 10), "warm-up");
    const double before = total_energy(ctx, batch), atoms = (double)n * r->n_atoms;
    result out = {0, 0, 0};
    int64_t steps = 10;
    for (int k = 0; k < 5;) {
        const double start = now();
        check(ctx, ath_dynamics_run(dyn, batch, steps), "run");
        const double seconds = now() - start;
        out.steps += steps;
        if (seconds < set->seconds / 5) {
            steps = seconds > set->seconds / 100
                        ? (int64_t)(1.2 * (double)steps * set->seconds / (5 * seconds)) + 1
                        : steps * 8;
            continue;
        }
        k++;
        const double rate = atoms * (double)steps / seconds;
        out.rate = rate > out.rate ? rate : out.rate;
    }
    out.drift = (total_energy(ctx, batch) - before) / atoms;
    ath_batch_destroy(&batch);
    ath_dynamics_destroy(&dyn);
    ath_integrator_destroy(&integrator);
    ath_model_destroy(&model);
    return out;
}

static void parse(int argc, char **argv, settings *set)
{
    for (int i = 1; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--device") == 0) {
            set->device = value;
        } else if (strcmp(argv[i], "--systems") == 0 && atoi(value) > 0) {
            set->n_systems = atoi(value);
        } else if (strcmp(argv[i], "--seconds") == 0 && atof(value) > 0) {
            set->seconds = atof(value);
        } else if (strcmp(argv[i], "--json") == 0 && *value) {
            set->json = value;
        } else {
            fprintf(stderr, "usage: athanor_bench [--device host] [--systems 1000] [--seconds 1] "
                            "[--json FILE]\n");
            exit(64);
        }
    }
}

int main(int argc, char **argv)
{
    settings set = {.device = "host", .n_systems = 1000, .seconds = 1.0};
    ath_context *ctx = NULL;
    ath_device *device = NULL;
    parse(argc, argv, &set);
    check(NULL, ath_context_create(NULL, &ctx), "context");
    check(ctx, ath_device_open(ctx, set.device, &device), set.device);
    FILE *json = set.json ? fopen(set.json, "w") : NULL;
    const bool host = strncmp(ath_device_name(device), "host", 4) == 0;
    printf("%s, up to %d systems, NVE and FIRE, M atom-steps/s\n", ath_device_name(device),
           (int)set.n_systems);
    printf("%-18s %7s %9s %9s %7s  %s\n", "model", "atoms", "1 thread", "2 threads", "ratio",
           "energy drift, eV/atom (steps)");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const result one = run_row(ctx, device, &rows[i], &set, 1);
        const result two = host ? run_row(ctx, device, &rows[i], &set, 2) : one;
        const bool conserves = strncmp(rows[i].integrator, "nve", 3) == 0;
        printf("%-18s %7d %9.2f %9.2f %7.2f  ", rows[i].name, (int)rows[i].n_atoms, one.rate / 1e6,
               two.rate / 1e6, two.rate / one.rate);
        printf(conserves ? "%+.1e (%lld)\n" : "-\n", one.drift, (long long)one.steps);
        fflush(stdout);
        if (json) {
            fprintf(json,
                    "{\"model\": \"%s\", \"integrator\": \"%s\", \"atoms\": %d, \"periodic\": %s, "
                    "\"device\": \"%s\", \"rate_1\": %.6g, \"rate_2\": %.6g, \"drift\": %.6g}\n",
                    rows[i].model, rows[i].integrator, (int)rows[i].n_atoms,
                    rows[i].periodic ? "true" : "false", ath_device_name(device), one.rate,
                    two.rate, one.drift);
        }
    }
    if (json) {
        fclose(json);
    }
    ath_device_close(&device);
    ath_context_destroy(&ctx);
    return 0;
}
