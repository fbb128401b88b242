/* physics.c - see physics.h. Records are made by a hook, so that steps between them run as they do
 * for a user: in tiles, on all threads.
 */
#include "physics/physics.h"
#include "asserted.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- rows ---- */

static struct {
    int n_rows, n_failed;
} physics_state;

bool physics_full(void)
{
    const char *text = getenv("ATH_TEST_FULL");
    return text && *text && strcmp(text, "0") != 0;
}

int64_t physics_size(int64_t small, int64_t full)
{
    return physics_full() ? full : small;
}

void physics_row(bool pass, const char *goal, double value, const char *format, ...)
{
    char name[160];
    va_list list;
    va_start(list, format);
    vsnprintf(name, sizeof name, format, list);
    va_end(list);
    asserted_one();
    physics_state.n_rows++;
    physics_state.n_failed += !pass;
    printf("%-4s  %-64s %14.6g   %s\n", pass ? "pass" : "FAIL", name, value, goal);
    fflush(stdout);
}

void physics_note(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    printf("      ");
    vprintf(format, list);
    printf("\n");
    va_end(list);
    fflush(stdout);
}

int physics_end(void)
{
    printf("%d rows, %d failed (%s size)\n", physics_state.n_rows, physics_state.n_failed,
           physics_full() ? "full" : "small");
    return physics_state.n_failed ? 1 : physics_state.n_rows ? 0 : 77;
}

double physics_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void physics_ok(ath_context *ctx, ath_status status, const char *what)
{
    if (status < 0) {
        printf("FAIL  %s: %s: %s\n", what, ath_status_text(status),
               ctx ? ath_context_message(ctx) : "");
        exit(1);
    }
}

#define PHYSICS_OK(ctx, call) physics_ok((ctx), (call), #call)

static void *physics_room(size_t n, size_t bytes)
{
    void *p = calloc(n ? n : 1, bytes);
    if (!p) {
        printf("FAIL  out of memory\n");
        exit(1);
    }
    return p;
}

/* ---- systems ---- */

typedef struct physics_lattice {
    const char *name;
    int32_t n;
    double basis[8][3];
} physics_lattice;

static const physics_lattice physics_lattices[] = {
    {"sc", 1, {{0, 0, 0}}},
    {"bcc", 2, {{0, 0, 0}, {.5, .5, .5}}},
    {"fcc", 4, {{0, 0, 0}, {0, .5, .5}, {.5, 0, .5}, {.5, .5, 0}}},
    {"diamond",
     8,
     {{0, 0, 0},
      {0, .5, .5},
      {.5, 0, .5},
      {.5, .5, 0},
      {.25, .25, .25},
      {.25, .75, .75},
      {.75, .25, .75},
      {.75, .75, .25}}},
};

static const physics_lattice *physics_find_lattice(const char *name)
{
    for (size_t k = 0; k < sizeof physics_lattices / sizeof *physics_lattices; k++) {
        if (!strcmp(physics_lattices[k].name, name)) {
            return &physics_lattices[k];
        }
    }
    printf("FAIL  no lattice '%s'\n", name);
    exit(1);
}

int32_t physics_crystal_atoms(const physics_crystal *c)
{
    return physics_find_lattice(c->lattice)->n * c->cells[0] * c->cells[1] * c->cells[2];
}

/* Deals numbers in turn, then exchanges atoms at random: the composition is the same for all. */
static void physics_mix(int32_t *numbers, int32_t n, uint64_t *random)
{
    for (int32_t i = n - 1; i > 0; i--) {
        const int32_t j = (int32_t)(stat_uniform(random) * (i + 1)), keep = numbers[i];
        numbers[i] = numbers[j];
        numbers[j] = keep;
    }
}

ath_system *physics_make_crystal(ath_context *ctx, const physics_crystal *c, uint64_t seed)
{
    const physics_lattice *lattice = physics_find_lattice(c->lattice);
    const int32_t n = physics_crystal_atoms(c);
    ath_system *s = NULL;
    double *r, *cell;
    int32_t *numbers, *pbc, at = 0;
    void *p[4];
    uint64_t random = seed * 77 + 5;
    PHYSICS_OK(ctx, ath_system_create(ctx, n, &s));
    PHYSICS_OK(ctx, ath_system_field(s, ATH_FIELD_POSITIONS, &p[0]));
    PHYSICS_OK(ctx, ath_system_field(s, ATH_FIELD_CELL, &p[1]));
    PHYSICS_OK(ctx, ath_system_field(s, ATH_FIELD_NUMBERS, &p[2]));
    PHYSICS_OK(ctx, ath_system_field(s, ATH_FIELD_PBC, &p[3]));
    r = p[0], cell = p[1], numbers = p[2], pbc = p[3];
    for (int k = 0; k < 3; k++) {
        cell[4 * k] = c->a * c->cells[k];
        pbc[k] = 1;
    }
    for (int32_t cells = 0; cells < n / lattice->n; cells++) {
        const int32_t z = cells % c->cells[2], y = cells / c->cells[2] % c->cells[1];
        const int32_t of[3] = {cells / c->cells[2] / c->cells[1], y, z};
        for (int32_t b = 0; b < lattice->n; b++, at++) {
            numbers[at] = c->numbers[at % c->n_numbers];
            for (int k = 0; k < 3; k++) {
                r[3 * at + k] = c->a * (of[k] + lattice->basis[b][k]) +
                                c->rattle * (2.0 * stat_uniform(&random) - 1.0);
            }
        }
    }
    if (c->mixed) {
        physics_mix(numbers, n, &random);
    }
    char id[32];
    snprintf(id, sizeof id, "replica-%llu", (unsigned long long)seed);
    ath_system_set_uid(s, ath_uid_of_text(id));
    return s;
}

/* ---- batches ---- */

bool physics_has_model(const char *model)
{
    ath_context *ctx = NULL;
    ath_model *m = NULL;
    PHYSICS_OK(NULL, ath_context_create(NULL, &ctx));
    const bool has = ath_model_create(ctx, model, &m) == ATH_OK;
    if (!has) {
        physics_note("skipped: %s: %s", model, ath_context_message(ctx));
    }
    ath_model_destroy(&m);
    ath_context_destroy(&ctx);
    return has;
}

void physics_open(physics_batch *b, const char *model)
{
    *b = (physics_batch){0};
    PHYSICS_OK(NULL, ath_context_create(NULL, &b->ctx));
    if (ath_field_find(b->ctx, "bath", &b->bath) != ATH_OK) {
        b->bath = -1;
    }
    PHYSICS_OK(b->ctx, ath_device_open(b->ctx, "host", &b->device));
    PHYSICS_OK(b->ctx, ath_model_create(b->ctx, model, &b->model));
    const ath_batch_config shape = {.size = sizeof shape, .device = b->device};
    PHYSICS_OK(b->ctx, ath_batch_create(b->ctx, &shape, &b->batch));
}

void physics_add(physics_batch *b, ath_system *system)
{
    PHYSICS_OK(b->ctx, ath_model_accepts(b->model, system));
    PHYSICS_OK(b->ctx, ath_batch_add(b->batch, system));
    ath_system_destroy(&system);
    b->n_replicas++;
}

void physics_add_crystals(physics_batch *b, const physics_crystal *c, int32_t n, uint64_t first)
{
    for (int32_t k = 0; k < n; k++) {
        physics_add(b, physics_make_crystal(b->ctx, c, first + (uint64_t)k));
    }
}

void physics_close(physics_batch *b)
{
    ath_batch_destroy(&b->batch);
    ath_model_destroy(&b->model);
    ath_device_close(&b->device);
    ath_context_destroy(&b->ctx);
}

/* Rows of one field of one system; NULL if the batch does not have it. */
static const void *physics_rows(const physics_batch *b, ath_field_id field, int32_t index)
{
    void *rows = NULL;
    return ath_batch_rows(b->batch, field, index, &rows) == ATH_OK ? rows : NULL;
}

void physics_look(const physics_batch *b, int32_t index, physics_view *out)
{
    *out = (physics_view){.index = index,
                          .n = ath_batch_n_atoms_of(b->batch, index),
                          .positions = physics_rows(b, ATH_FIELD_POSITIONS, index),
                          .velocities = physics_rows(b, ATH_FIELD_VELOCITIES, index),
                          .forces = physics_rows(b, ATH_FIELD_FORCES, index),
                          .masses = physics_rows(b, ATH_FIELD_MASSES, index),
                          .numbers = physics_rows(b, ATH_FIELD_NUMBERS, index),
                          .cell = physics_rows(b, ATH_FIELD_CELL, index),
                          .stress = physics_rows(b, ATH_FIELD_STRESS, index)};
    out->potential = *(const double *)physics_rows(b, ATH_FIELD_ENERGY, index);
    out->dof = *(const double *)physics_rows(b, ATH_FIELD_DOF, index);
    if (b->bath >= 0) {
        const double *energy = physics_rows(b, b->bath, index);
        out->bath = energy ? *energy : 0.0;
    }
    for (int32_t k = 0; k < 3 * out->n; k++) {
        out->kinetic += 0.5 * out->masses[k / 3] * out->velocities[k] * out->velocities[k];
    }
}

int32_t physics_reason(const physics_batch *b, int32_t index)
{
    return *(const int32_t *)physics_rows(b, ATH_FIELD_REASON, index);
}

void physics_write(physics_batch *b, ath_field_id field, int32_t index, const void *rows)
{
    PHYSICS_OK(b->ctx, ath_batch_write(b->batch, field, index, rows));
}

/* ---- runs ---- */

typedef struct physics_recorder {
    const physics_batch *batch;
    const physics_run *run;
    physics_table *table;
    int64_t at, began; /* records made; step count at the begin */
    double started, said;
} physics_recorder;

static void physics_energies(void *user, const physics_view *view, double *columns)
{
    (void)user;
    columns[0] = view->potential;
    columns[1] = view->kinetic;
}

/* Progress of runs that take long. */
static void physics_progress(physics_recorder *r)
{
    const double now = physics_now();
    if (now > r->said + 20.0) {
        fprintf(stderr, "      ... %s: %.0f %% after %.0f s\n", r->run->integrator,
                100.0 * (double)r->at / (double)r->table->length, now - r->started);
        r->said = now;
    }
}

static ath_status physics_hook(void *user, const ath_hook_context *context)
{
    physics_recorder *r = user;
    physics_table *t = r->table;
    double columns[64];
    (void)context;
    if (r->at >= t->length) {
        return ATH_OK;
    }
    for (int32_t k = 0; k < t->n_replicas; k++) {
        physics_view view;
        physics_look(r->batch, k, &view);
        (r->run->record ? r->run->record : physics_energies)(r->run->user, &view, columns);
        for (int32_t c = 0; c < t->n_columns; c++) {
            t->x[((int64_t)c * t->n_replicas + k) * t->length + r->at] = columns[c];
        }
    }
    r->at++;
    physics_progress(r);
    return ATH_OK;
}

/* All systems have made their steps. */
static void physics_check(const physics_batch *b, const physics_run *run)
{
    for (int32_t k = 0; k < b->n_replicas && !run->may_fail; k++) {
        const int32_t reason = physics_reason(b, k);
        if (reason != ATH_REASON_NONE) {
            printf("FAIL  %s: replica %d: %s\n", run->integrator, (int)k,
                   ath_reason_name((ath_reason)reason));
            exit(1);
        }
    }
}

void physics_go(physics_batch *b, const physics_run *run, physics_table *table)
{
    ath_integrator *integrator = NULL;
    ath_dynamics *dynamics = NULL;
    physics_recorder recorder = {b, run, table, 0, 0, physics_now(), physics_now()};
    ath_dynamics_config config = ath_dynamics_defaults();
    PHYSICS_OK(b->ctx, ath_integrator_create(b->ctx, run->integrator, &integrator));
    config.model = b->model;
    config.integrator = integrator;
    config.seed = run->seed;
    config.n_threads = physics_full() ? 0 : 1;
    config.velocities = run->temperature > 0.0 ? ATH_VELOCITIES_THERMAL : ATH_VELOCITIES_KEEP;
    config.temperature = run->temperature;
    config.skin = run->skin > 0.0 ? run->skin : config.skin;
    PHYSICS_OK(b->ctx, ath_dynamics_create(b->ctx, &config, &dynamics));
    if (table) {
        *table = (physics_table){.n_columns = run->n_columns,
                                 .n_replicas = b->n_replicas,
                                 .length = run->steps / run->interval};
        table->x = physics_room((size_t)table->n_columns * (size_t)table->n_replicas *
                                    (size_t)table->length,
                                sizeof *table->x);
        /* due when the count of steps before this one is a multiple of the frequency */
        const ath_hook hook = {.size = sizeof hook,
                               .name = "record",
                               .stage = ATH_STAGE_BEFORE_STEP,
                               .frequency = run->interval,
                               .access = ATH_HOOK_READS_ENERGY,
                               .user = &recorder,
                               .call = physics_hook};
        PHYSICS_OK(b->ctx, ath_dynamics_run(dynamics, b->batch, run->interval));
        PHYSICS_OK(b->ctx, ath_dynamics_register_hook(dynamics, &hook));
        PHYSICS_OK(b->ctx, ath_dynamics_run(dynamics, b->batch, run->steps - run->interval));
        recorder.at == table->length - 1 ? physics_hook(&recorder, NULL) : ATH_OK;
        if (recorder.at != table->length) {
            printf("FAIL  %s: %lld records instead of %lld\n", run->integrator,
                   (long long)recorder.at, (long long)table->length);
            exit(1);
        }
    } else {
        PHYSICS_OK(b->ctx, ath_dynamics_run(dynamics, b->batch, run->steps));
    }
    physics_check(b, run);
    b->atom_steps += ath_batch_n_atoms(b->batch) * run->steps;
    ath_dynamics_destroy(&dynamics);
    ath_integrator_destroy(&integrator);
}

/* ---- tables ---- */

stat_series physics_column(const physics_table *t, int32_t column)
{
    return (stat_series){t->x + (int64_t)column * t->n_replicas * t->length, t->n_replicas,
                         t->length};
}

void physics_add_column(physics_table *t, int32_t a, int32_t b, double factor)
{
    const int64_t n = t->n_replicas * t->length;
    for (int64_t i = 0; i < n; i++) {
        t->x[a * n + i] += factor * t->x[b * n + i];
    }
}

void physics_table_free(physics_table *t)
{
    free(t->x);
    *t = (physics_table){0};
}
