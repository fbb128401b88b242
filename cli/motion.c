/* Tests of trajectories: conservation and drift of the energy, time reversal, equipartition, and
 * that a trajectory does not depend on its company.
 *
 * Every structure is relaxed first (FIRE, at most 200 steps: energy that is set free on the way
 * would heat what is to be measured), then brought to the temperature (Langevin with friction 0.05
 * / fs, 500 steps). All tests start from there. Cells stay as they are, fixed components too; the
 * kinetic energy has a degree of freedom for each component that moves, for Langevin dynamics keeps
 * neither momentum nor angular momentum.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include <athanor/units.h>

#include "statistics.h"
#include "validate.h"

enum {
    MOTION_RELAX = 200,
    MOTION_THERMALISE = 500,
    MOTION_ORDER = 200,    /* steps of dt, whose energies are compared with those of dt / 2 */
    MOTION_REVERSAL = 100, /* steps in each direction */
    MOTION_BATCH = 40,
    MOTION_KINDS = 120 /* atomic numbers */
};

static const double motion_friction = 0.05;       /* 1/fs */
static const double motion_order = 0.2;           /* the ratio is 4 within this */
static const double motion_order_ceiling = 0.8;   /* or within its errors, but never more */
static const double motion_drift = 0.3;           /* kT/ns/dof: smaller drifts are never wrong */
static const double motion_drift_ceiling = 100.0; /* larger ones always are */
static const double motion_push = 1e-7;           /* angstrom, to see how disturbances grow */
static const double motion_reversal = 4.0;        /* times the expected error */
static const double motion_exchange = 1e3; /* roundings: less kinetic energy comes and goes */
static const double motion_sigma = 4.0;    /* standard errors of a drift, or of a ratio */
static const double motion_p = 1e-4;

/* What is noted while a run is on its way; each may be NULL. */
typedef struct motion_notes {
    int64_t every;      /* steps between samples */
    int64_t n_samples;  /* at most */
    double *energy;     /* [n][n_samples] total, eV */
    double *kinetic;    /* [n][n_samples] eV */
    double *quantities; /* [n_quantities][n_samples] see motion_quantities */
    uint64_t *hash;     /* [n] of positions and velocities at every step */
} motion_notes;

/* One run of some structures. */
typedef struct motion_run {
    const char *integrator;
    int64_t steps;
    const double *x, *velocities;   /* [n_atoms][3] of all structures; velocities NULL: drawn */
    double *x_out, *velocities_out; /* may be NULL */
    const size_t *order;            /* [n] which structures, in the order of the batch */
    size_t n;
    int32_t n_threads;
    bool relax;
    int64_t seed; /* added to that of the validation: no run has the noise of another */
    const motion_notes *notes;
} motion_run;

typedef struct motion {
    cli_validation *v;
    double *memory;
    size_t n_memory;
    double *x, *velocities;   /* [n_atoms][3] the common start */
    double *x1, *velocities1; /* [n_atoms][3] for a run to end with */
    double *x2, *velocities2;
    double *row;           /* [3 n_atoms] for hooks */
    double *coarse, *fine; /* [n][steps], [n][MOTION_ORDER] total energies */
    double *quantities;    /* [n_quantities][steps] kinetic energies, eV */
    double *work;          /* [steps] */
    int64_t *places;       /* [n + 1] quantities of structure s: places[s] ... */
    size_t *order;         /* [n] */
    uint64_t *hashes;      /* [2][n] */
    ath_reason *broken;    /* [n] why a structure was taken out of a run; 0: it was not */
    bool interrupted;
    /* of the run in progress */
    const motion_run *run;
    int64_t n_calls;
} motion;

/* ---- quantities: mean kinetic energies that are known ---- */

/* Kinetic energies of structure s: of each element along each axis, then of the centre of mass
 * along each axis, then all of it. `row` has the velocities. out NULL: only counts. `dof` (may be
 * NULL): how many components contribute to each. */
static int64_t motion_quantities(const cli_validation *v, size_t s, const double *row, double *out,
                                 double *dof)
{
    const ath_system *system = v->systems[s];
    const int32_t *numbers = ath_system_peek(system, ATH_FIELD_NUMBERS);
    const double *masses = ath_system_peek(system, ATH_FIELD_MASSES);
    const uint8_t *fixed = ath_system_peek(system, ATH_FIELD_FIXED);
    const int32_t n = ath_system_n_atoms(system);
    int64_t place[MOTION_KINDS], n_quantities = 0;
    double momentum[3] = {0.0}, mass = 0.0;
    memset(place, -1, sizeof place);
    for (int32_t i = 0; i < n; i++) {
        const int32_t z = numbers[i] >= 0 && numbers[i] < MOTION_KINDS ? numbers[i] : 0;
        if (place[z] < 0) {
            place[z] = n_quantities;
            n_quantities += 3;
        }
        mass += masses[i];
        for (int k = 0; k < 3; k++) {
            const double m = row ? row[3 * i + k] * masses[i] : 0.0;
            momentum[k] += m;
            if (out) {
                out[place[z] + k] += 0.5 * m * row[3 * i + k];
            }
            if (dof) {
                dof[place[z] + k] += !(fixed && fixed[3 * i + k]);
            }
        }
    }
    for (int k = 0; k < 3; k++) {
        if (out) {
            out[n_quantities + k] = 0.5 * momentum[k] * momentum[k] / mass;
        }
        if (dof) {
            dof[n_quantities + k] = v->dof[s] == 3.0 * n;
        }
    }
    for (int64_t q = 0; q < n_quantities; q++) {
        if (out) {
            out[n_quantities + 3] += out[q];
        }
    }
    if (dof) {
        dof[n_quantities + 3] = v->dof[s];
    }
    return n_quantities + 4;
}

static void motion_note_quantities(motion *m, size_t s, int64_t sample)
{
    enum { MOST = 3 * MOTION_KINDS + 4 };
    const motion_notes *notes = m->run->notes;
    double values[MOST] = {0.0};
    const int64_t n = motion_quantities(m->v, s, m->row, values, NULL);
    for (int64_t q = 0; q < n; q++) {
        notes->quantities[(m->places[s] + q) * notes->n_samples + sample] = values[q];
    }
}

/* ---- a run ---- */

static uint64_t motion_hash(uint64_t hash, const double *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t bits = 0;
        memcpy(&bits, &values[i], sizeof bits);
        hash = (hash ^ bits) * UINT64_C(0x100000001b3);
        hash ^= hash >> 29;
    }
    return hash;
}

/* Takes note of one structure; `index` is its place in the batch. */
static ath_status motion_note(motion *m, const ath_batch *batch, int32_t index, int64_t sample)
{
    const motion_notes *notes = m->run->notes;
    const size_t s = m->run->order[index];
    const double *masses = ath_system_peek(m->v->systems[s], ATH_FIELD_MASSES);
    const int32_t n = ath_system_n_atoms(m->v->systems[s]);
    const size_t at = s * (size_t)notes->n_samples + (size_t)sample;
    double energy = 0.0, kinetic = 0.0;
    ath_status status = ATH_OK;
    if (notes->hash) {
        status = ath_batch_read(batch, ATH_FIELD_POSITIONS, index, m->row);
        notes->hash[s] = motion_hash(notes->hash[s], m->row, 3 * (size_t)n);
    }
    status = status < 0 ? status : ath_batch_read(batch, ATH_FIELD_VELOCITIES, index, m->row);
    status = status < 0 ? status : ath_batch_read(batch, ATH_FIELD_ENERGY, index, &energy);
    if (status < 0) {
        return status;
    }
    if (notes->hash) {
        notes->hash[s] = motion_hash(notes->hash[s], m->row, 3 * (size_t)n);
    }
    for (int32_t i = 0; i < n; i++) {
        const double *u = m->row + 3 * (int64_t)i;
        kinetic += 0.5 * masses[i] * (u[0] * u[0] + u[1] * u[1] + u[2] * u[2]);
    }
    if (notes->energy) {
        notes->energy[at] = energy + kinetic;
    }
    if (notes->kinetic) {
        notes->kinetic[at] = kinetic;
    }
    if (notes->quantities) {
        motion_note_quantities(m, s, sample);
    }
    return ATH_OK;
}

/* The hook: called after every step. */
static ath_status motion_step(void *user, const ath_hook_context *context)
{
    motion *m = user;
    const motion_notes *notes = m->run->notes;
    const cli *c = m->v->c;
    ath_status status = ATH_OK;
    m->n_calls++;
    if (c->interrupted && *c->interrupted) {
        m->interrupted = true;
        return ATH_E_STATE;
    }
    if (!notes || m->n_calls % notes->every != 0 || m->n_calls / notes->every > notes->n_samples) {
        return ATH_OK;
    }
    for (int32_t i = 0; i < ath_batch_n_systems(context->batch) && status >= 0; i++) {
        status = motion_note(m, context->batch, i, m->n_calls / notes->every - 1);
    }
    return status;
}

/* Start of a structure into the batch, or its end out of it. */
static ath_status motion_put(motion *m, ath_batch *batch, int32_t index)
{
    const motion_run *r = m->run;
    const int64_t at = 3 * m->v->first[r->order[index]];
    const ath_status status = ath_batch_write(batch, ATH_FIELD_POSITIONS, index, r->x + at);
    return status < 0 || !r->velocities
               ? status
               : ath_batch_write(batch, ATH_FIELD_VELOCITIES, index, r->velocities + at);
}

static ath_status motion_get(motion *m, const ath_batch *batch, int32_t index)
{
    const motion_run *r = m->run;
    const size_t s = r->order[index];
    const int64_t at = 3 * m->v->first[s];
    int32_t reason = 0;
    ath_status status = ath_batch_read(batch, ATH_FIELD_REASON, index, &reason);
    if (status >= 0 && ath_reason_state((ath_reason)reason) == ATH_STATE_QUARANTINED) {
        m->broken[s] = (ath_reason)reason;
    }
    if (status >= 0 && r->x_out) {
        status = ath_batch_read(batch, ATH_FIELD_POSITIONS, index, r->x_out + at);
    }
    if (status >= 0 && r->velocities_out) {
        status = ath_batch_read(batch, ATH_FIELD_VELOCITIES, index, r->velocities_out + at);
    }
    return status;
}

static ath_status motion_create(motion *m, ath_integrator *integrator, ath_dynamics **out)
{
    const motion_run *r = m->run;
    const ath_convergence convergence = {.size = sizeof convergence, .fmax = 0.05};
    const ath_hook hook = {.size = sizeof hook,
                           .name = "validate",
                           .stage = ATH_STAGE_AFTER_STEP,
                           .frequency = 1,
                           .access = r->notes ? ATH_HOOK_READS_ENERGY : 0,
                           .user = m,
                           .call = motion_step};
    ath_dynamics_config config = ath_dynamics_defaults();
    config.model = m->v->model;
    config.integrator = integrator;
    config.n_threads = r->n_threads;
    config.seed = m->v->seed + r->seed;
    config.convergence_hook = r->relax ? &convergence : NULL;
    config.velocities = r->velocities ? ATH_VELOCITIES_KEEP
                        : r->relax    ? ATH_VELOCITIES_ZERO
                                      : ATH_VELOCITIES_THERMAL;
    config.temperature = m->v->temperature;
    config.hooks = &hook;
    config.n_hooks = 1;
    return ath_dynamics_create(m->v->c->ctx, &config, out);
}

static ath_status motion_batch(motion *m, ath_batch **out)
{
    const ath_batch_config config = {
        .size = sizeof config, .device = m->v->device, .n_systems = (int32_t)m->run->n};
    ath_status status = ath_batch_create(m->v->c->ctx, &config, out);
    for (size_t i = 0; i < m->run->n && status >= 0; i++) {
        status = ath_batch_add(*out, m->v->systems[m->run->order[i]]);
        status = status < 0 ? status : motion_put(m, *out, (int32_t)i);
    }
    return status;
}

static int motion_go(motion *m, const motion_run *run)
{
    cli *c = m->v->c;
    ath_integrator *integrator = NULL;
    ath_dynamics *dynamics = NULL;
    ath_batch *batch = NULL;
    m->run = run;
    m->n_calls = 0;
    ath_status status = ath_integrator_create(c->ctx, run->integrator, &integrator);
    status = status < 0 ? status : motion_create(m, integrator, &dynamics);
    status = status < 0 ? status : motion_batch(m, &batch);
    status = status < 0 ? status : ath_dynamics_run(dynamics, batch, run->steps);
    for (size_t i = 0; i < run->n && status >= 0; i++) {
        status = motion_get(m, batch, (int32_t)i);
    }
    ath_dynamics_destroy(&dynamics);
    ath_integrator_destroy(&integrator);
    ath_batch_destroy(&batch);
    m->run = NULL;
    if (m->interrupted) {
        return cli_validation_stopped(m->v);
    }
    return status < 0 ? cli_fail_status(c, status) : CLI_OK;
}

static void motion_name(const motion *m, bool langevin, double timestep, char *out, size_t bytes)
{
    if (langevin) {
        snprintf(out, bytes, "langevin:timestep=%.17g,temperature=%.17g,friction=%.17g", timestep,
                 m->v->temperature, motion_friction);
    } else {
        snprintf(out, bytes, "nve:timestep=%.17g", timestep);
    }
}

/* A run of all structures from the common start. */
static motion_run motion_all(const motion *m, const char *integrator, int64_t steps)
{
    return (motion_run){.integrator = integrator,
                        .steps = steps,
                        .x = m->x,
                        .velocities = m->velocities,
                        .order = m->order,
                        .n = m->v->n,
                        .n_threads = m->v->n_threads};
}

/* ---- the start ---- */

static int motion_memory(motion *m)
{
    const cli_validation *v = m->v;
    const size_t n = v->n, steps = (size_t)v->steps;
    const size_t values = 3 * (size_t)cli_validation_atoms(v);
    const size_t places = (n + 1) * sizeof *m->places;
    if (!cli_resize(v->c, &m->places, 0, places) ||
        !cli_resize(v->c, &m->order, 0, n * sizeof *m->order) ||
        !cli_resize(v->c, &m->hashes, 0, 2 * n * sizeof *m->hashes) ||
        !cli_resize(v->c, &m->broken, 0, n * sizeof *m->broken)) {
        return cli_fail(v->c, CLI_INTERNAL, "out of memory");
    }
    memset(m->broken, 0, n * sizeof *m->broken);
    m->places[0] = 0;
    for (size_t s = 0; s < n; s++) {
        m->order[s] = s;
        m->places[s + 1] = m->places[s] + motion_quantities(v, s, NULL, NULL, NULL);
    }
    const size_t quantities = (size_t)m->places[n] * steps;
    m->n_memory = 7 * values + n * MOTION_ORDER + steps + quantities;
    const int code = cli_doubles(v->c, &m->memory, m->n_memory);
    if (code) {
        return code;
    }
    m->x = m->memory;
    m->velocities = m->x + values;
    m->x1 = m->velocities + values;
    m->velocities1 = m->x1 + values;
    m->x2 = m->velocities1 + values;
    m->velocities2 = m->x2 + values;
    m->row = m->velocities2 + values;
    m->fine = m->row + values;
    m->work = m->fine + n * MOTION_ORDER;
    m->quantities = m->work + steps;
    m->coarse = v->energies;
    return CLI_OK;
}

static void motion_close(motion *m)
{
    cli *c = m->v->c;
    const size_t n = m->v->n;
    (void)cli_resize(c, &m->broken, n * sizeof *m->broken, 0);
    (void)cli_resize(c, &m->hashes, 2 * n * sizeof *m->hashes, 0);
    (void)cli_resize(c, &m->order, n * sizeof *m->order, 0);
    (void)cli_resize(c, &m->places, (n + 1) * sizeof *m->places, 0);
    cli_doubles_free(c, &m->memory, m->n_memory);
}

static int motion_start(motion *m)
{
    const cli_validation *v = m->v;
    char langevin[128];
    motion_name(m, true, v->timestep, langevin, sizeof langevin);
    for (size_t s = 0; s < v->n; s++) {
        memcpy(m->x + 3 * v->first[s], ath_system_peek(v->systems[s], ATH_FIELD_POSITIONS),
               3 * (size_t)(v->first[s + 1] - v->first[s]) * sizeof *m->x);
    }
    motion_run run = motion_all(m, "fire", MOTION_RELAX);
    run.relax = true;
    run.velocities = NULL;
    run.x_out = m->x;
    int code = motion_go(m, &run);
    run.integrator = langevin;
    run.steps = MOTION_THERMALISE;
    run.relax = false;
    run.velocities_out = m->velocities;
    return code ? code : motion_go(m, &run);
}

/* Notes a failure if the structure has been taken out of a run: nothing else is then looked at. */
static bool motion_broken(const motion *m, size_t s, cli_test test)
{
    const cli_outcome outcome = {.verdict = CLI_VERDICT_FAIL,
                                 .value = (double)NAN,
                                 .limit = (double)NAN,
                                 .excess = (double)NAN,
                                 .why = ath_reason_name(m->broken[s])};
    if (m->broken[s] != ATH_REASON_NONE) {
        cli_validation_note(m->v, s, test, &outcome);
    }
    return m->broken[s] != ATH_REASON_NONE;
}

/* ---- energy ---- */

/* The ratio of the fluctuations of the same time at dt and dt / 2, freed from rounding. The
 * energies of the two runs are proportional as far as their trajectories are the same: how well the
 * one makes a line against the other is how well the ratio is known. */
static void motion_judge_order(const motion *m, size_t s)
{
    const cli_validation *v = m->v;
    const double noise = v->noise_energy[s] * v->noise_energy[s];
    const double rough = cli_variance(m->coarse + s * (size_t)v->steps, MOTION_ORDER) - noise;
    const double fine = cli_variance(m->fine + s * MOTION_ORDER, MOTION_ORDER) - noise;
    const double ratio = sqrt(fmax(rough, 0.0) / fine);
    const cli_line line = cli_line_fit(m->fine + s * MOTION_ORDER, m->coarse + s * (size_t)v->steps,
                                       MOTION_ORDER, m->work);
    const double error = fmax(motion_order, motion_sigma * line.slope_error);
    const double limit = fmin(error, motion_order_ceiling) + 8.0 * noise / fine;
    const cli_outcome outcome = {.value = ratio,
                                 .limit = limit,
                                 .excess = fabs(ratio - 4.0) / limit,
                                 .more = line.slope_error,
                                 .why = fabs(ratio - 4.0) <= limit
                                            ? NULL
                                            : "the energy does not converge with the time step"};
    const double exchanged = cli_variance(v->kinetic + s * (size_t)v->steps, MOTION_ORDER);
    if (exchanged < motion_exchange * motion_exchange * noise) {
        cli_validation_not_applicable(m->v, s, CLI_TEST_ORDER, "no potential energy is exchanged");
    } else if (fine < 9.0 * noise) {
        cli_validation_not_applicable(m->v, s, CLI_TEST_ORDER, "fluctuates by rounding only");
    } else {
        cli_validation_note(m->v, s, CLI_TEST_ORDER, &outcome);
    }
}

static void motion_judge_drift(const motion *m, size_t s)
{
    const cli_validation *v = m->v;
    const size_t n = (size_t)v->steps;
    const double unit = 1e6 / (ATH_BOLTZMANN * v->temperature * v->dof[s]); /* of eV/fs */
    double *times = m->quantities; /* not yet in use, and long enough */
    for (size_t k = 0; k < n; k++) {
        times[k] = (double)(k + 1) * v->timestep;
    }
    const cli_line line = cli_line_fit(times, m->coarse + s * n, n, m->work);
    const double value = fabs(line.slope) * unit, error = line.slope_error * unit;
    const double limit = fmin(fmax(motion_drift, motion_sigma * error), motion_drift_ceiling);
    const cli_outcome outcome = {
        .value = value,
        .limit = limit,
        .excess = value / limit,
        .more = error,
        .why = value <= limit                  ? NULL
               : limit >= motion_drift_ceiling ? "a tenth of kT in a picosecond"
                                               : "the energy drifts",
    };
    cli_validation_note(m->v, s, CLI_TEST_DRIFT, &outcome);
}

static int motion_energy(motion *m)
{
    const cli_validation *v = m->v;
    char nve[64];
    motion_notes notes = {
        .every = 1, .n_samples = v->steps, .energy = m->coarse, .kinetic = v->kinetic};
    motion_name(m, false, v->timestep, nve, sizeof nve);
    motion_run run = motion_all(m, nve, v->steps);
    run.notes = &notes;
    int code = motion_go(m, &run);
    notes = (motion_notes){.every = 2, .n_samples = MOTION_ORDER, .energy = m->fine};
    motion_name(m, false, 0.5 * v->timestep, nve, sizeof nve);
    run.steps = (int64_t)2 * MOTION_ORDER;
    code = code ? code : motion_go(m, &run);
    for (size_t s = 0; s < v->n && !code; s++) {
        const char *still = v->dof[s] > 0.0 ? NULL : "nothing moves";
        for (int k = 0; k < 2; k++) {
            const cli_test test = k ? CLI_TEST_DRIFT : CLI_TEST_ORDER;
            if (still || !v->conservative) {
                cli_validation_not_applicable(m->v, s, test,
                                              still ? still : "the model is not conservative");
            } else if (!motion_broken(m, s, test)) {
                (k ? motion_judge_drift : motion_judge_order)(m, s);
            }
        }
    }
    return code;
}

/* ---- time reversal ---- */

static double motion_distance(const motion *m, size_t s, const double *a, const double *b)
{
    double largest = 0.0;
    for (int64_t i = m->v->first[s]; i < m->v->first[s + 1]; i++) {
        const double x = a[3 * i] - b[3 * i], y = a[3 * i + 1] - b[3 * i + 1],
                     z = a[3 * i + 2] - b[3 * i + 2];
        const double distance = sqrt(x * x + y * y + z * z);
        largest = cli_larger(largest, distance);
    }
    return largest;
}

/* Expected error: each of the 2 n steps adds a rounding of the positions, and one of the forces,
 * F / m dt, whose path grows with the time that is left: n^(3/2) dt^2 F / m. All of it grows by the
 * factor by which a small push at the start grows within n steps, once in each direction. */
static double motion_reversal_limit(const motion *m, size_t s, double growth)
{
    const cli_validation *v = m->v;
    const double *masses = ath_system_peek(v->systems[s], ATH_FIELD_MASSES);
    const double n = 2.0 * MOTION_REVERSAL, dt = v->timestep / ATH_FS_PER_TIME;
    double far = 1.0, lightest = INFINITY;
    for (int64_t i = v->first[s]; i < v->first[s + 1]; i++) {
        const double mass = masses[i - v->first[s]];
        lightest = mass > 0.0 && mass < lightest ? mass : lightest;
        for (int k = 0; k < 3; k++) {
            far = fmax(far, fabs(m->x[3 * i + k]));
        }
    }
    const double error =
        n * DBL_EPSILON * far + n * sqrt(n) * dt * dt * v->noise_force[s] / lightest;
    return motion_reversal * growth * growth * error;
}

static void motion_judge_reversal(motion *m, size_t s, double growth)
{
    const double value = motion_distance(m, s, m->x1, m->x);
    const double limit = motion_reversal_limit(m, s, growth);
    const cli_outcome outcome = {
        .value = value, .limit = limit, .excess = value / limit, .more = growth};
    if (!motion_broken(m, s, CLI_TEST_REVERSAL)) {
        cli_validation_note(m->v, s, CLI_TEST_REVERSAL, &outcome);
    }
}

static int motion_back(motion *m)
{
    const cli_validation *v = m->v;
    char nve[64];
    double *growth = m->fine; /* [n]: energies of dt / 2 are no longer needed */
    motion_name(m, false, v->timestep, nve, sizeof nve);
    motion_run run = motion_all(m, nve, MOTION_REVERSAL);
    for (size_t s = 0; s < v->n; s++) {
        cli_random r = cli_validation_random(v, s, 7);
        for (int64_t i = 3 * v->first[s]; i < 3 * v->first[s + 1]; i++) {
            m->x2[i] = m->x[i] + motion_push * (2.0 * cli_random_uniform(&r) - 1.0);
        }
    }
    run.x_out = m->x1;
    run.velocities_out = m->velocities1;
    int code = motion_go(m, &run);
    run.x = m->x2;
    run.x_out = m->x2;
    run.velocities_out = NULL;
    code = code ? code : motion_go(m, &run);
    for (size_t s = 0; s < v->n && !code; s++) {
        const double g = motion_distance(m, s, m->x2, m->x1) / motion_push;
        growth[s] = fmin(fmax(g, 1.0), 1e4);
    }
    for (int64_t i = 0; i < 3 * cli_validation_atoms(v); i++) {
        m->velocities1[i] = -m->velocities1[i];
    }
    run.x = m->x1;
    run.velocities = m->velocities1;
    run.x_out = m->x1;
    code = code ? code : motion_go(m, &run);
    for (size_t s = 0; s < v->n && !code; s++) {
        motion_judge_reversal(m, s, growth[s]);
    }
    return code;
}

/* ---- temperature ---- */

/* The mean x of a kinetic energy with d degrees of freedom, in units of its expectation. In free
 * motion the velocities under friction and noise are Ornstein-Uhlenbeck processes, whose squares
 * forget as exp(-2 friction t): n values are worth m = n tanh(friction dt) independent ones, and
 * the rate function of their mean over a long time is nu (x - 1)^2 / (4 x), nu = d m. This is that
 * of the inverse Gaussian distribution with mean 1 and shape nu / 2, for which
 *
 *     z = sqrt(nu / 2) (x - 1) / sqrt(x)
 *
 * has the size of a normal number exactly. (A chi-square number with nu degrees has the same
 * variance, but too thin a tail.) Where forces act, velocities forget sooner, and z is smaller. */
static void motion_judge_equipartition(const motion *m, size_t s)
{
    enum { MOST = 3 * MOTION_KINDS + 4 };
    const cli_validation *v = m->v;
    const size_t n = (size_t)v->steps;
    const double kt = ATH_BOLTZMANN * v->temperature;
    const double g = 1.0 / tanh(motion_friction * v->timestep);
    double dof[MOST] = {0.0};
    const int64_t count = motion_quantities(v, s, NULL, NULL, dof);
    for (int64_t q = 0; q < count; q++) {
        const double *values = m->quantities + (size_t)(m->places[s] + q) * n;
        const double nu = dof[q] * (double)n / g;
        const double ratio = cli_mean(values, n) / (0.5 * dof[q] * kt);
        const double z = sqrt(0.5 * nu / ratio) * (ratio - 1.0);
        const cli_outcome outcome = {.value = fabs(z),
                                     .limit = CLI_VALIDATE_Z,
                                     .excess = fabs(z) / CLI_VALIDATE_Z,
                                     .more = (double)q,
                                     .why = q == count - 1   ? "all atoms"
                                            : q >= count - 4 ? "centre of mass"
                                                             : "an element"};
        if (dof[q] > 0.0) {
            cli_validation_note(m->v, s, CLI_TEST_EQUIPARTITION, &outcome);
        }
    }
}

typedef struct motion_gamma {
    double shape, scale;
} motion_gamma;

static double motion_cdf(const void *user, double x)
{
    const motion_gamma *g = user;
    return cli_gamma_cdf(g->shape, g->scale, x);
}

static void motion_judge_temperature(const motion *m, size_t s)
{
    const cli_validation *v = m->v;
    const size_t n = (size_t)v->steps;
    const double *kinetic = v->kinetic + s * n;
    const motion_gamma theory = {0.5 * v->dof[s], ATH_BOLTZMANN * v->temperature};
    const double stride = ceil(2.0 * cli_inefficiency(kinetic, n));
    size_t kept = 0;
    double distance = 0.0;
    for (size_t k = 0; k < n; k += (size_t)stride) {
        m->work[kept++] = kinetic[k];
    }
    const double p = cli_ks_p(m->work, kept, motion_cdf, &theory, &distance);
    const cli_outcome outcome = {
        .value = p, .limit = motion_p, .excess = motion_p / p, .more = distance};
    if (kept < 8) {
        cli_validation_not_applicable(m->v, s, CLI_TEST_TEMPERATURE, "too few independent values");
    } else {
        cli_validation_note(m->v, s, CLI_TEST_TEMPERATURE, &outcome);
    }
}

static int motion_thermal(motion *m)
{
    const cli_validation *v = m->v;
    char langevin[128];
    const motion_notes notes = {
        .every = 1, .n_samples = v->steps, .kinetic = v->kinetic, .quantities = m->quantities};
    motion_name(m, true, v->timestep, langevin, sizeof langevin);
    motion_run run = motion_all(m, langevin, v->steps);
    run.notes = &notes;
    run.seed = 1;
    const int code = motion_go(m, &run);
    for (size_t s = 0; s < v->n && !code; s++) {
        if (!(v->dof[s] > 0.0)) {
            cli_validation_not_applicable(m->v, s, CLI_TEST_EQUIPARTITION, "nothing moves");
            cli_validation_not_applicable(m->v, s, CLI_TEST_TEMPERATURE, "nothing moves");
        } else if (!motion_broken(m, s, CLI_TEST_EQUIPARTITION)) {
            motion_judge_equipartition(m, s);
            motion_judge_temperature(m, s);
        } else {
            (void)motion_broken(m, s, CLI_TEST_TEMPERATURE);
        }
    }
    return code;
}

/* ---- company ---- */

/* Adds to differ[s] whether the trajectory of s is not that of the first run. */
static int motion_again(motion *m, motion_run run, double *differ)
{
    const size_t n = m->v->n;
    uint64_t *hash = m->hashes + n;
    const motion_notes notes = {.every = 1, .n_samples = run.steps, .hash = hash};
    memset(hash, 0, n * sizeof *hash);
    run.notes = &notes;
    const int code = motion_go(m, &run);
    for (size_t i = 0; i < run.n && !code; i++) {
        differ[run.order[i]] += hash[run.order[i]] != m->hashes[run.order[i]];
    }
    return code;
}

static int motion_company(motion *m)
{
    const cli_validation *v = m->v;
    char langevin[128];
    double *differ = m->fine; /* [n]: energies of dt / 2 are no longer needed */
    const motion_notes notes = {.every = 1, .n_samples = MOTION_BATCH, .hash = m->hashes};
    motion_name(m, true, v->timestep, langevin, sizeof langevin);
    motion_run run = motion_all(m, langevin, MOTION_BATCH);
    run.notes = &notes;
    memset(m->hashes, 0, v->n * sizeof *m->hashes);
    memset(differ, 0, v->n * sizeof *differ);
    int code = motion_go(m, &run);
    run.n_threads = v->n_threads == 1 ? 2 : 1;
    code = code ? code : motion_again(m, run, differ);
    run.n = 1;
    for (size_t s = 0; s < v->n && !code; s++) {
        run.order = m->order + s;
        code = motion_again(m, run, differ);
    }
    for (size_t s = 0; s < v->n; s++) {
        m->order[s] = v->n - 1 - s;
    }
    run = motion_all(m, langevin, MOTION_BATCH);
    code = code ? code : motion_again(m, run, differ);
    for (size_t s = 0; s < v->n && !code; s++) {
        const cli_outcome outcome = {.value = differ[s], .excess = differ[s] > 0.0 ? 2.0 : 0.0};
        m->order[s] = s;
        if (!motion_broken(m, s, CLI_TEST_BATCH)) {
            cli_validation_note(m->v, s, CLI_TEST_BATCH, &outcome);
        }
    }
    return code;
}

int cli_validate_moving(cli_validation *v)
{
    motion m = {.v = v};
    const bool energy =
        cli_validation_wants(v, CLI_TEST_ORDER) || cli_validation_wants(v, CLI_TEST_DRIFT);
    const bool thermal = cli_validation_wants(v, CLI_TEST_EQUIPARTITION) ||
                         cli_validation_wants(v, CLI_TEST_TEMPERATURE);
    if (!energy && !thermal && !cli_validation_wants(v, CLI_TEST_REVERSAL) &&
        !cli_validation_wants(v, CLI_TEST_VOLUME) && !cli_validation_wants(v, CLI_TEST_BATCH)) {
        return CLI_OK;
    }
    int code = motion_memory(&m);
    code = code ? code : motion_start(&m);
    if (!code && energy) {
        code = motion_energy(&m);
    }
    if (!code && cli_validation_wants(v, CLI_TEST_REVERSAL)) {
        code = motion_back(&m);
    }
    if (!code && thermal) {
        code = motion_thermal(&m);
    }
    if (!code && cli_validation_wants(v, CLI_TEST_VOLUME)) {
        code = cli_validate_volume(v, m.x, m.velocities, m.broken);
    }
    if (!code && cli_validation_wants(v, CLI_TEST_BATCH)) {
        code = motion_company(&m);
    }
    motion_close(&m);
    return code;
}
