/* The test of constant pressure: volumes at two pressures.
 *
 * At the temperature T and the pressure P a volume V has the probability p(V) ~ Q(V) exp(-P V /
 * kT), and what the system is made of is all in Q. So of two runs at P0 and P1
 *
 *     ln(p1(V) / p0(V)) = constant + (P0 - P1) V / kT
 *
 * exactly, whatever the model (M. R. Shirts, J. Chem. Theory Comput. 9, 909 (2013)). The most
 * likely slope (statistics.h) is compared with (P0 - P1) / kT.
 *
 * The runs are stochastic cell rescaling with Langevin dynamics; cells keep their shape, for that
 * of a liquid has nothing to hold it. What the barostat needs comes from each structure itself:
 *
 * 1. the bulk modulus of its atoms as they are: a finite difference of the virial when everything
 *    is scaled, plus kT N / V, which is all of it in an ideal gas. It says how fast the cell
 *    answers: the volume is to relax in 50 steps.
 * 2. the mean pressure of its own volume, from 500 steps at that volume. At a pressure of somebody
 *    else's choice a crystal may melt and a liquid boil.
 * 3. the bulk modulus B = kT V / var(V) from a run at that pressure. A liquid is several times
 * softer than in 1, for its atoms find new places.
 *
 * P0 and P1 lie around the mean pressure, 1.5 sqrt(kT B / V) apart, so that the volumes overlap and
 * differ by one and a half of their standard deviations.
 */
#include <math.h>
#include <string.h>

#include <athanor/units.h>

#include "statistics.h"
#include "validate.h"

/* Runs: at constant volume, at the two pressures, and at the one between them. */
enum { VOLUME_CONSTANT = -1, VOLUME_LOW = 0, VOLUME_HIGH = 1, VOLUME_BETWEEN = 2 };

enum {
    VOLUME_PRESSURE_STEPS = 500, /* of the run that the mean pressure is from */
    VOLUME_EVERY = 5,            /* steps between samples */
    VOLUME_RELAX = 50,           /* tau_p, in steps */
    VOLUME_LEAST = 100           /* independent volumes in each of the two runs */
};

static const double volume_strain = 0.005;
static const double volume_friction = 0.01; /* 1/fs */
static const double volume_apart = 1.5;     /* sqrt(kT B / V) */
static const double volume_softer = 20.0;   /* at most, than its atoms in their places are */
static const double volume_faster = 4.0;    /* at most, the cell is to answer for that */
static const double volume_range = 4.0;     /* times larger or smaller: it has run away */

/* One structure. */
typedef struct volume_one {
    size_t s;
    double volume;         /* angstrom^3, at the start */
    double bulk, softest;  /* eV/angstrom^3: with atoms in their places, without */
    double pressure;       /* eV/angstrom^3: the virial's part of the mean one */
    double n, sum, square; /* of what is noted in a run: how many, their sum and that of squares */
    bool ran_away;
    ath_reason reason; /* why it was taken out of a run */
} volume_one;

typedef struct volume {
    cli_validation *v;
    const double *x, *velocities; /* [n_atoms][3] of all structures: where every run starts */
    volume_one *ones;             /* [n] those that have a pressure */
    size_t n;
    ath_field_id pressure, compressibility; /* options of a structure's own */
    double *row;                            /* [3 n_atoms] */
    int side;                               /* which run is in progress */
    int64_t n_calls;
    bool interrupted;
} volume;

/* ---- a run ---- */

/* The first fifth of a run is not counted. */
static int64_t volume_first(int64_t steps)
{
    return steps / VOLUME_EVERY / 5;
}

int64_t cli_volume_samples(const cli_validation *v)
{
    return v->volume_steps / VOLUME_EVERY - volume_first(v->volume_steps);
}

static int64_t volume_steps(const volume *p)
{
    return p->side == VOLUME_CONSTANT  ? VOLUME_PRESSURE_STEPS
           : p->side == VOLUME_BETWEEN ? p->v->volume_steps / 4
                                       : p->v->volume_steps;
}

static double volume_of(const double h[9])
{
    return fabs(h[0] * (h[4] * h[8] - h[5] * h[7]) - h[1] * (h[3] * h[8] - h[5] * h[6]) +
                h[2] * (h[3] * h[7] - h[4] * h[6]));
}

/* A structure that has run away is stopped where it is: crowded cells take their time. */
static ath_status volume_note(volume *p, ath_batch *batch, int32_t index)
{
    const cli_validation *v = p->v;
    volume_one *one = &p->ones[index];
    const int32_t done = 1;
    double nine[9];
    ath_status status =
        ath_batch_read(batch, p->side < 0 ? ATH_FIELD_STRESS : ATH_FIELD_CELL, index, nine);
    if (status < 0) {
        return status;
    }
    const double now = p->side < 0 ? -(nine[0] + nine[4] + nine[8]) / 3.0 : volume_of(nine);
    const int64_t sample = p->n_calls / VOLUME_EVERY - volume_first(volume_steps(p)) - 1;
    if (sample >= 0) {
        one->n += 1.0;
        one->sum += now;
        one->square += now * now;
    }
    if (p->side < 0) {
        return ATH_OK;
    }
    if (p->side <= VOLUME_HIGH && sample >= 0 && sample < v->n_volumes) {
        v->volumes[one->s].samples[p->side][sample] = now;
    }
    one->ran_away |= !(now < volume_range * one->volume && now > one->volume / volume_range);
    if (one->ran_away) {
        status = ath_batch_write(batch, ATH_FIELD_STATUS, index, &done);
    }
    return status;
}

/* The hook: called after every step. */
static ath_status volume_step(void *user, const ath_hook_context *context)
{
    volume *p = user;
    const cli *c = p->v->c;
    ath_status status = ATH_OK;
    p->n_calls++;
    if (c->interrupted && *c->interrupted) {
        p->interrupted = true;
        return ATH_E_STATE;
    }
    for (int32_t i = 0; p->n_calls % VOLUME_EVERY == 0 && i < (int32_t)p->n && status >= 0; i++) {
        status = volume_note(p, context->batch, i);
    }
    return status;
}

/* Pressures and compressibilities of their own. */
static ath_status volume_own(const volume *p, ath_batch *batch, int32_t index)
{
    const cli_validation *v = p->v;
    const volume_one *one = &p->ones[index];
    const double gpa = ATH_GPA_PER_EV_A3 * v->volumes[one->s].pressures[p->side == VOLUME_HIGH];
    const double bulk = fmax(one->softest, one->bulk / volume_faster);
    const double softness = 1.0 / (ATH_GPA_PER_EV_A3 * bulk);
    const ath_status status = ath_batch_write(batch, p->pressure, index, &gpa);
    return status < 0 ? status : ath_batch_write(batch, p->compressibility, index, &softness);
}

static ath_status volume_batch(const volume *p, ath_batch **out)
{
    const cli_validation *v = p->v;
    const ath_batch_config config = {
        .size = sizeof config, .device = v->device, .n_systems = (int32_t)p->n};
    ath_status status = ath_batch_create(v->c->ctx, &config, out);
    for (int k = 0; k < 2 && p->side >= 0 && status >= 0; k++) {
        status = ath_batch_add_field(*out, k ? p->compressibility : p->pressure);
    }
    for (int32_t i = 0; i < (int32_t)p->n && status >= 0; i++) {
        const size_t s = p->ones[i].s;
        status = ath_batch_add(*out, v->systems[s]);
        status = status < 0 ? status
                            : ath_batch_write(*out, ATH_FIELD_POSITIONS, i, p->x + 3 * v->first[s]);
        status = status < 0 ? status
                            : ath_batch_write(*out, ATH_FIELD_VELOCITIES, i,
                                              p->velocities + 3 * v->first[s]);
        if (status >= 0 && p->side >= 0) {
            status = volume_own(p, *out, i);
        }
    }
    return status;
}

static ath_status volume_create(volume *p, ath_integrator *integrator, ath_dynamics **out)
{
    const cli_validation *v = p->v;
    const unsigned access = p->side < 0 ? ATH_HOOK_READS_ENERGY : ATH_HOOK_WRITES;
    const ath_hook hook = {.size = sizeof hook,
                           .name = "validate",
                           .stage = ATH_STAGE_AFTER_STEP,
                           .frequency = 1,
                           .access = access,
                           .user = p,
                           .call = volume_step};
    ath_dynamics_config config = ath_dynamics_defaults();
    config.model = v->model;
    config.integrator = integrator;
    config.n_threads = v->n_threads;
    config.seed = v->seed + 3 + p->side; /* 0 and 1 are taken */
    config.velocities = ATH_VELOCITIES_KEEP;
    config.temperature = v->temperature;
    config.hooks = &hook;
    config.n_hooks = 1;
    return ath_dynamics_create(v->c->ctx, &config, out);
}

static int volume_go(volume *p, int side)
{
    const cli_validation *v = p->v;
    cli *c = v->c;
    char text[192];
    ath_integrator *integrator = NULL;
    ath_dynamics *dynamics = NULL;
    ath_batch *batch = NULL;
    p->side = side;
    p->n_calls = 0;
    for (size_t i = 0; i < p->n; i++) {
        p->ones[i].n = p->ones[i].sum = p->ones[i].square = 0.0;
    }
    snprintf(text, sizeof text, "%s:timestep=%.17g,temperature=%.17g,friction=%.17g%s",
             side < 0 ? "langevin" : "crescale", v->timestep, v->temperature, volume_friction,
             side < 0 ? "" : ",thermostat=langevin,tau_p=");
    const size_t end = strlen(text);
    if (side >= 0) {
        snprintf(text + end, sizeof text - end, "%.17g", VOLUME_RELAX * v->timestep);
    }
    ath_status status = ath_integrator_create(c->ctx, text, &integrator);
    status = status < 0 ? status : volume_create(p, integrator, &dynamics);
    status = status < 0 ? status : volume_batch(p, &batch);
    status = status < 0 ? status : ath_dynamics_run(dynamics, batch, volume_steps(p));
    for (int32_t i = 0; i < (int32_t)p->n && status >= 0; i++) {
        int32_t reason = 0;
        status = ath_batch_read(batch, ATH_FIELD_REASON, i, &reason);
        if (ath_reason_state((ath_reason)reason) == ATH_STATE_QUARANTINED) {
            p->ones[i].reason = (ath_reason)reason;
        }
    }
    ath_dynamics_destroy(&dynamics);
    ath_integrator_destroy(&integrator);
    ath_batch_destroy(&batch);
    if (p->interrupted) {
        return cli_validation_stopped(v);
    }
    return status < 0 ? cli_fail_status(c, status) : CLI_OK;
}

/* ---- what a structure is like ---- */

/* Scales everything, computes, and adds what its virial gives to the bulk modulus: -V dP/dV, dV =
 * 3 V times the strain. A structure without any virial is taken for an ideal gas. */
static ath_status volume_scaled(volume *p, ath_batch *batch, ath_dynamics *dynamics, double strain)
{
    const cli_validation *v = p->v;
    ath_status status = ATH_OK;
    for (int32_t i = 0; i < (int32_t)p->n && status >= 0; i++) {
        const size_t s = p->ones[i].s;
        const double *cell = ath_system_peek(v->systems[s], ATH_FIELD_CELL);
        const int64_t first = 3 * v->first[s], values = 3 * v->first[s + 1] - first;
        double scaled[9];
        for (int k = 0; k < 9; k++) {
            scaled[k] = cell[k] * (1.0 + strain);
        }
        for (int64_t k = 0; k < values; k++) {
            p->row[k] = p->x[first + k] * (1.0 + strain);
        }
        status = ath_batch_write(batch, ATH_FIELD_CELL, i, scaled);
        status = status < 0 ? status : ath_batch_write(batch, ATH_FIELD_POSITIONS, i, p->row);
    }
    status = status < 0 ? status : ath_dynamics_compute(dynamics, batch);
    for (int32_t i = 0; i < (int32_t)p->n && status >= 0; i++) {
        double stress[9] = {0.0};
        status = ath_batch_read(batch, ATH_FIELD_STRESS, i, stress);
        p->ones[i].bulk += (stress[0] + stress[4] + stress[8]) / (18.0 * strain);
        for (int k = 0; k < 9; k++) {
            v->volumes[p->ones[i].s].ideal &= stress[k] == 0.0;
        }
    }
    return status;
}

static int volume_bulk(volume *p)
{
    const cli_validation *v = p->v;
    cli *c = v->c;
    ath_dynamics_config config = ath_dynamics_defaults();
    ath_dynamics *dynamics = NULL;
    ath_batch *batch = NULL;
    config.model = v->model;
    config.n_threads = v->n_threads;
    p->side = VOLUME_CONSTANT;
    ath_status status = ath_dynamics_create(c->ctx, &config, &dynamics);
    status = status < 0 ? status : volume_batch(p, &batch);
    status = status < 0 ? status : ath_dynamics_open(dynamics);
    for (int k = 0; k < 2 && status >= 0; k++) {
        status = volume_scaled(p, batch, dynamics, k ? volume_strain : -volume_strain);
    }
    for (size_t i = 0; i < p->n; i++) {
        volume_one *one = &p->ones[i];
        const double ideal = ATH_BOLTZMANN * v->temperature * v->dof[one->s] / (3.0 * one->volume);
        one->bulk = one->softest = fmax(one->bulk, 0.0) + ideal;
    }
    ath_dynamics_destroy(&dynamics);
    ath_batch_destroy(&batch);
    return status < 0 ? cli_fail_status(c, status) : CLI_OK;
}

static void volume_set(const volume *p, double apart)
{
    const cli_validation *v = p->v;
    const double kt = ATH_BOLTZMANN * v->temperature;
    for (size_t i = 0; i < p->n; i++) {
        const volume_one *one = &p->ones[i];
        const double mean = one->pressure + kt * v->dof[one->s] / (3.0 * one->volume);
        const double half = 0.5 * apart * sqrt(kt * one->softest / one->volume);
        v->volumes[one->s].pressures[0] = mean - half;
        v->volumes[one->s].pressures[1] = mean + half;
    }
}

/* The mean pressure of each structure, how soft it is there, and the two pressures around it. */
static int volume_pressures(volume *p)
{
    const double kt = ATH_BOLTZMANN * p->v->temperature;
    int code = volume_go(p, VOLUME_CONSTANT);
    for (size_t i = 0; i < p->n; i++) {
        p->ones[i].pressure = p->ones[i].sum / p->ones[i].n;
    }
    volume_set(p, 0.0);
    code = code ? code : volume_go(p, VOLUME_BETWEEN);
    for (size_t i = 0; i < p->n; i++) {
        volume_one *one = &p->ones[i];
        const double mean = one->sum / one->n, variance = one->square / one->n - mean * mean;
        const double bulk = kt * mean / variance;
        if (bulk > 0.0) { /* there are volumes, and they differ */
            one->softest = fmin(fmax(bulk, one->bulk / volume_softer), one->bulk);
        }
    }
    volume_set(p, volume_apart);
    return code;
}

/* ---- all of it ---- */

/* Why a structure is not tested, or NULL. */
static const char *volume_why_not(const cli_validation *v, size_t s)
{
    const int32_t *pbc = ath_system_peek(v->systems[s], ATH_FIELD_PBC);
    const double *cell = ath_system_peek(v->systems[s], ATH_FIELD_CELL);
    return !(pbc[0] && pbc[1] && pbc[2]) || !(volume_of(cell) > 0.0)
               ? "not periodic in three directions"
           : !v->has_stress     ? "the model has no stress"
           : !v->conservative   ? "the model is not conservative"
           : !(v->dof[s] > 0.0) ? "nothing moves"
                                : NULL;
}

static int volume_open(volume *p, const ath_reason *broken)
{
    const cli_validation *v = p->v;
    cli *c = v->c;
    ath_field_info info = {.name = "pressure",
                           .level = ATH_LEVEL_SYSTEM,
                           .dtype = ATH_F64,
                           .width = 1,
                           .unit = "GPa",
                           .fallback = NAN};
    if (!cli_resize(c, &p->ones, 0, v->n * sizeof *p->ones)) {
        return cli_fail(c, CLI_INTERNAL, "out of memory");
    }
    for (size_t s = 0; s < v->n; s++) {
        const char *why = volume_why_not(v, s);
        if (why) {
            cli_validation_not_applicable(p->v, s, CLI_TEST_VOLUME, why);
            continue;
        }
        v->volumes[s].ideal = v->dof[s] == 3.0 * (double)(v->first[s + 1] - v->first[s]);
        p->ones[p->n++] =
            (volume_one){.s = s,
                         .volume = volume_of(ath_system_peek(v->systems[s], ATH_FIELD_CELL)),
                         .reason = broken[s]};
    }
    const int code = cli_doubles(c, &p->row, 3 * (size_t)cli_validation_atoms(v));
    ath_status status = code ? ATH_OK : ath_field_register(c->ctx, &info, &p->pressure);
    info.name = "compressibility";
    info.unit = "1/GPa";
    status = code || status < 0 ? status : ath_field_register(c->ctx, &info, &p->compressibility);
    return status < 0 ? cli_fail_status(c, status) : code;
}

/* Limit: so many errors, or what z says. */
static void volume_judge(const volume *p, const volume_one *one)
{
    cli_validation *v = p->v;
    const cli_volumes *volumes = &v->volumes[one->s];
    const double exact =
        (volumes->pressures[0] - volumes->pressures[1]) / (ATH_BOLTZMANN * v->temperature);
    cli_sample samples[2];
    double least = INFINITY;
    for (int side = 0; side < 2; side++) {
        const double *x = volumes->samples[side];
        const size_t n = (size_t)v->n_volumes;
        samples[side] = (cli_sample){x, n, cli_inefficiency(x, n)};
        least = fmin(least, (double)n / samples[side].inefficiency);
    }
    const cli_ratio fit = cli_ratio_fit(&samples[0], &samples[1], exact);
    const double ratio = fit.slope / exact, error = fabs(fit.slope_error / exact);
    const double sigma = fit.z != 0.0 ? fabs((ratio - 1.0) / fit.z) : error;
    const cli_outcome outcome = {.value = ratio,
                                 .limit = CLI_VALIDATE_Z * sigma,
                                 .excess = fabs(fit.z) / CLI_VALIDATE_Z,
                                 .more = error};
    if (least < VOLUME_LEAST) {
        cli_validation_not_applicable(v, one->s, CLI_TEST_VOLUME, "too few independent volumes");
    } else {
        cli_validation_note(v, one->s, CLI_TEST_VOLUME, &outcome);
    }
}

static void volume_note_all(const volume *p)
{
    for (size_t i = 0; i < p->n; i++) {
        const volume_one *one = &p->ones[i];
        const cli_outcome outcome = {.verdict = CLI_VERDICT_FAIL,
                                     .value = (double)NAN,
                                     .limit = (double)NAN,
                                     .excess = (double)NAN,
                                     .why = ath_reason_name(one->reason)};
        if (one->ran_away || one->reason == ATH_REASON_CELL_COLLAPSED) {
            cli_validation_not_applicable(p->v, one->s, CLI_TEST_VOLUME,
                                          "no stable volume at these pressures");
        } else if (one->reason != ATH_REASON_NONE) {
            cli_validation_note(p->v, one->s, CLI_TEST_VOLUME, &outcome);
        } else {
            volume_judge(p, one);
        }
    }
}

int cli_validate_volume(cli_validation *v, const double *x, const double *velocities,
                        const ath_reason *broken)
{
    volume p = {.v = v, .x = x, .velocities = velocities, .side = VOLUME_CONSTANT};
    int code = volume_open(&p, broken);
    if (!code && p.n > 0) {
        code = volume_bulk(&p);
        code = code ? code : volume_pressures(&p);
        for (int side = 0; side < 2 && !code; side++) {
            code = volume_go(&p, side);
        }
    }
    if (!code) {
        volume_note_all(&p);
    }
    cli_doubles_free(v->c, &p.row, 3 * (size_t)cli_validation_atoms(v));
    (void)cli_resize(v->c, &p.ones, v->n * sizeof *p.ones, 0);
    return code;
}
