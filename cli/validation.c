/* A validation: its structures, its outcomes, and the order of the tests (validate.h). */
#include <math.h>
#include <string.h>

#include "validate.h"

const cli_test_info cli_tests[CLI_N_TESTS] = {
#define CLI_X(id, name, unit, what) {name, unit, what},
    CLI_TEST_LIST(CLI_X)
#undef CLI_X
};

const char *cli_verdict_name(cli_verdict verdict)
{
    static const char *const names[] = {"open", "not applicable", "skipped", "pass", "FAIL"};
    return names[verdict];
}

int cli_doubles(cli *c, double **out, size_t n)
{
    *out = NULL;
    if (n == 0) {
        return CLI_OK;
    }
    if (n > SIZE_MAX / sizeof **out || !cli_resize(c, out, 0, n * sizeof **out)) {
        return cli_fail(c, CLI_INTERNAL, "out of memory");
    }
    memset(*out, 0, n * sizeof **out);
    return CLI_OK;
}

void cli_doubles_free(cli *c, double **block, size_t n)
{
    (void)cli_resize(c, block, n * sizeof **block, 0);
}

int64_t cli_validation_atoms(const cli_validation *v)
{
    return v->first[v->n];
}

bool cli_validation_wants(const cli_validation *v, cli_test test)
{
    return !(v->skip >> test & 1u);
}

int cli_validation_stopped(const cli_validation *v)
{
    cli *c = v->c;
    return c->interrupted && *c->interrupted ? cli_fail(c, CLI_INTERRUPTED, "interrupted") : CLI_OK;
}

void cli_validation_note(cli_validation *v, size_t s, cli_test test, const cli_outcome *outcome)
{
    cli_outcome *old = &v->outcomes[s][test];
    cli_outcome new = *outcome;
    if (!cli_validation_wants(v, test)) {
        *old = (cli_outcome){.verdict = CLI_VERDICT_SKIPPED};
        return;
    }
    if (new.verdict == CLI_VERDICT_OPEN) {
        new.verdict = new.excess <= 1.0 ? CLI_VERDICT_PASS : CLI_VERDICT_FAIL;
    }
    const bool worse = !isnan(old->excess) && !(new.excess <= old->excess);
    if (old->verdict < CLI_VERDICT_PASS || worse) {
        *old = new;
    }
}

void cli_validation_not_applicable(cli_validation *v, size_t s, cli_test test, const char *why)
{
    cli_validation_note(v, s, test,
                        &(cli_outcome){.verdict = CLI_VERDICT_NOT_APPLICABLE, .why = why});
}

int cli_validation_add(cli_validation *v, ath_system *system)
{
    if (v->n == v->max_systems) {
        const size_t n = v->max_systems ? 2 * v->max_systems : 16;
        if (!cli_resize(v->c, &v->systems, v->max_systems * sizeof(ath_system *),
                        n * sizeof(ath_system *))) {
            ath_system_destroy(&system);
            return cli_fail(v->c, CLI_INTERNAL, "out of memory");
        }
        v->max_systems = n;
    }
    v->systems[v->n++] = system;
    return CLI_OK;
}

/* ---- random numbers: splitmix64 ---- */

static uint64_t validation_next(cli_random *r)
{
    uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

cli_random cli_validation_random(const cli_validation *v, size_t s, uint64_t purpose)
{
    const ath_uid uid = ath_system_uid(v->systems[s]);
    cli_random r = {(uint64_t)v->seed ^ uid.lo};
    r.state = validation_next(&r) ^ purpose;
    r.state = validation_next(&r);
    return r;
}

double cli_random_uniform(cli_random *r)
{
    return (double)(validation_next(r) >> 11) * 0x1p-53;
}

double cli_random_normal(cli_random *r)
{
    const double radius = sqrt(-2.0 * log(1.0 - cli_random_uniform(r)));
    return radius * cos(2.0 * 3.14159265358979323846 * cli_random_uniform(r));
}

/* ---- what is needed before the tests ---- */

/* Masses, velocities and a uid for every structure; places of atoms; components that move. */
static int validation_fields(cli_validation *v)
{
    cli *c = v->c;
    for (size_t s = 0; s < v->n; s++) {
        ath_system *system = v->systems[s];
        const int32_t n = ath_system_n_atoms(system);
        const uint8_t *fixed = ath_system_peek(system, ATH_FIELD_FIXED);
        const ath_uid uid = ath_system_uid(system);
        void *rows = NULL;
        ath_status status = ath_system_field(system, ATH_FIELD_MASSES, &rows);
        for (ath_field f = ATH_FIELD_CELL; f <= ATH_FIELD_PBC && status >= 0; f++) {
            status = ath_system_field(system, f, &rows);
        }
        if (status < 0) {
            return cli_fail_status(c, status);
        }
        if (uid.lo == 0 && uid.hi == 0) {
            char name[32];
            snprintf(name, sizeof name, "structure %zu", s);
            ath_system_set_uid(system, ath_uid_of_text(name));
        }
        v->first[s + 1] = v->first[s] + n;
        v->dof[s] = 3.0 * n;
        for (int64_t i = 0; fixed && i < 3 * (int64_t)n; i++) {
            v->dof[s] -= fixed[i] != 0;
        }
    }
    return CLI_OK;
}

/* 1 fs, less with atoms that are lighter than oxygen: 0.25 fs with hydrogen. */
static void validation_timestep(cli_validation *v)
{
    double lightest = INFINITY;
    for (size_t s = 0; s < v->n; s++) {
        const double *masses = ath_system_peek(v->systems[s], ATH_FIELD_MASSES);
        for (int32_t i = 0; i < ath_system_n_atoms(v->systems[s]); i++) {
            lightest = masses[i] > 0.0 && masses[i] < lightest ? masses[i] : lightest;
        }
    }
    if (!(v->timestep > 0.0)) {
        v->timestep = fmin(1.0, 0.25 * sqrt(lightest / 1.008));
    }
}

static void validation_nothing(void *user, const ath_integrator_view *view)
{
    (void)user;
    (void)view;
}

/* What the model says of itself. That it has no stress shows where an integrator asks for one. */
static int validation_ask(cli_validation *v)
{
    cli *c = v->c;
    ath_dynamics *dynamics = NULL;
    ath_dynamics_config config = ath_dynamics_defaults();
    const ath_integrator_callback_config needs = {
        .size = sizeof needs, .needs_stress = true, .pre_update = validation_nothing};
    config.model = v->model;
    ath_status status = ath_dynamics_create(c->ctx, &config, &dynamics);
    if (status >= 0) {
        v->conservative = ath_dynamics_model_is_conservative(dynamics);
        ath_dynamics_destroy(&dynamics);
        status = ath_integrator_callback(c->ctx, &needs, &config.integrator);
    }
    if (status >= 0) {
        status = ath_dynamics_create(c->ctx, &config, &dynamics);
        v->has_stress = status >= 0;
        status = status == ATH_E_ARGUMENT ? ATH_OK : status;
        ath_dynamics_destroy(&dynamics);
    }
    ath_integrator_destroy(&config.integrator);
    return status < 0 ? cli_fail_status(c, status) : CLI_OK;
}

static int validation_open(cli_validation *v)
{
    cli *c = v->c;
    const size_t n = v->n, steps = (size_t)v->steps;
    const size_t places = (n + 1) * sizeof *v->first, results = n * sizeof *v->outcomes;
    const size_t volumes = n * sizeof *v->volumes;
    if (!cli_resize(c, &v->first, 0, places) || !cli_resize(c, &v->outcomes, 0, results) ||
        !cli_resize(c, &v->volumes, 0, volumes)) {
        return cli_fail(c, CLI_INTERNAL, "out of memory");
    }
    memset(v->first, 0, places);
    memset(v->outcomes, 0, results);
    memset(v->volumes, 0, volumes);
    int code = cli_doubles(c, &v->dof, n);
    code = code ? code : cli_doubles(c, &v->noise_energy, n);
    code = code ? code : cli_doubles(c, &v->noise_force, n);
    code = code ? code : cli_doubles(c, &v->energies, n * steps);
    code = code ? code : cli_doubles(c, &v->kinetic, n * steps);
    code = code ? code : cli_doubles(c, &v->volume_memory, 2 * n * (size_t)v->n_volumes);
    for (size_t k = 0; k < 2 * n && !code; k++) {
        v->volumes[k / 2].samples[k % 2] = v->volume_memory + k * (size_t)v->n_volumes;
    }
    code = code ? code : validation_fields(v);
    return code;
}

int cli_validate(cli_validation *v)
{
    if (v->n == 0 || v->steps < CLI_VALIDATE_STEPS) {
        return cli_fail(v->c, CLI_INTERNAL, "nothing to validate");
    }
    v->n_volumes = cli_validation_wants(v, CLI_TEST_VOLUME) ? cli_volume_samples(v) : 0;
    v->skip |= v->n_volumes == 0 ? 1u << CLI_TEST_VOLUME : 0u;
    int code = validation_open(v);
    if (!code) {
        validation_timestep(v);
        code = validation_ask(v);
    }
    for (size_t s = 0; s < v->n && !code; s++) {
        for (int test = 0; test < CLI_N_TESTS; test++) {
            if (!cli_validation_wants(v, (cli_test)test)) {
                v->outcomes[s][test].verdict = CLI_VERDICT_SKIPPED;
            }
        }
    }
    if (!code) {
        cli_note(v->c, "%zu structures, %lld atoms: single points", v->n,
                 (long long)cli_validation_atoms(v));
        code = cli_validate_still(v);
    }
    if (!code) {
        cli_note(v->c, "trajectories, time step %g fs", v->timestep);
        code = cli_validate_moving(v);
    }
    return code;
}

int cli_validation_verdict(const cli_validation *v)
{
    for (size_t s = 0; s < v->n; s++) {
        for (int test = 0; test < CLI_N_TESTS; test++) {
            if (v->outcomes[s][test].verdict == CLI_VERDICT_FAIL) {
                return CLI_INVALID;
            }
        }
    }
    return CLI_OK;
}

void cli_validation_close(cli_validation *v)
{
    cli *c = v->c;
    const size_t n = v->n, steps = (size_t)v->steps;
    cli_doubles_free(c, &v->kinetic, n * steps);
    cli_doubles_free(c, &v->energies, n * steps);
    cli_doubles_free(c, &v->noise_force, n);
    cli_doubles_free(c, &v->noise_energy, n);
    cli_doubles_free(c, &v->dof, n);
    cli_doubles_free(c, &v->volume_memory, 2 * n * (size_t)v->n_volumes);
    (void)cli_resize(c, &v->volumes, n * sizeof *v->volumes, 0);
    (void)cli_resize(c, &v->outcomes, n * sizeof *v->outcomes, 0);
    (void)cli_resize(c, &v->first, (n + 1) * sizeof *v->first, 0);
    for (size_t s = 0; s < n; s++) {
        ath_system_destroy(&v->systems[s]);
    }
    (void)cli_resize(c, &v->systems, v->max_systems * sizeof(ath_system *), 0);
    v->n = v->max_systems = 0;
}
