/* athanor md: molecular dynamics of every structure, in one of four ensembles.
 */
#include <stdlib.h>
#include <string.h>

#include "run.h"

enum { MD_AUTO, MD_NVE, MD_NVT, MD_NPT, MD_NPH }; /* as --ensemble has them */

/* Which integrator keeps what; the first of an ensemble is taken where none is named. */
static const struct {
    const char *name;
    int ensemble;
} md_integrators[] = {
    {"nve", MD_NVE}, {"langevin", MD_NVT}, {"nose_hoover", MD_NVT}, {"csvr", MD_NVT},
    {"npt", MD_NPT}, {"crescale", MD_NPT}, {"nph", MD_NPH},
};
enum { MD_INTEGRATORS = sizeof md_integrators / sizeof *md_integrators };

static const char *const md_ensembles[] = {"auto", "nve", "nvt", "npt", "nph"};

/* Targets at the start, and by how much they change. */
typedef struct md_targets {
    double temperature, temperature_change, pressure_change;
    const char *pressure; /* text, NULL: not given */
    char start[64];       /* of a ramp of the pressure */
} md_targets;

/* ---- which integrator ---- */

/* Number in the table, -1: not there. */
static int md_find(const char *text)
{
    const size_t n = strcspn(text, ":");
    for (int i = 0; i < MD_INTEGRATORS; i++) {
        if (strlen(md_integrators[i].name) == n && !strncmp(md_integrators[i].name, text, n)) {
            return i;
        }
    }
    return -1;
}

static int md_choose(cli *c, const cli_settings *s, const char **text)
{
    const int ensemble = s->ensemble == MD_AUTO ? MD_NVE : (int)s->ensemble;
    *text = s->integrator;
    if (!s->integrator) {
        for (int i = MD_INTEGRATORS - 1; i >= 0; i--) {
            *text = md_integrators[i].ensemble == ensemble ? md_integrators[i].name : *text;
        }
        return CLI_OK;
    }
    const int found = md_find(s->integrator);
    if (found < 0) {
        ath_integrator *probe = NULL; /* for the message, if there is no such integrator */
        const ath_status status = ath_integrator_create(c->ctx, s->integrator, &probe);
        ath_integrator_destroy(&probe);
        return status < 0 ? cli_fail_status(c, status)
                          : cli_fail(c, CLI_USAGE, "md: '%s' is not molecular dynamics (try relax)",
                                     s->integrator);
    }
    if (s->ensemble != MD_AUTO && md_integrators[found].ensemble != ensemble) {
        return cli_fail(c, CLI_USAGE, "md: integrator '%s' is %s, not %s",
                        md_integrators[found].name, md_ensembles[md_integrators[found].ensemble],
                        md_ensembles[ensemble]);
    }
    return CLI_OK;
}

/* ---- ramps ---- */

/* "A:B" up to a comma or the end; *end behind it. */
static bool md_range(const char *text, double *from, double *to, char **end)
{
    *from = strtod(text, end);
    if (*end == text || **end != ':') {
        return false;
    }
    const char *second = *end + 1;
    *to = strtod(second, end);
    return *end != second && (**end == ',' || **end == '\0') && *from - *from == 0.0 &&
           *to - *to == 0.0;
}

static int md_ramp(cli *c, const cli_settings *s, md_targets *out)
{
    for (const char *p = s->ramp; p && *p;) {
        double from = 0.0, to = 0.0;
        char *end = NULL;
        const bool temp = !strncmp(p, "temp=", 5), pressure = !strncmp(p, "pressure=", 9);
        if (!(temp || pressure) || !md_range(p + (temp ? 5 : 9), &from, &to, &end)) {
            return cli_fail(c, CLI_USAGE, "md: --ramp '%s' is not temp=FROM:TO or pressure=FROM:TO",
                            s->ramp);
        }
        if (temp) {
            out->temperature = from;
            out->temperature_change = to - from;
        } else {
            (void)snprintf(out->start, sizeof out->start, "%.17g", from);
            out->pressure = out->start;
            out->pressure_change = to - from;
        }
        p = *end ? end + 1 : end;
    }
    if (s->ramp && s->steps == 0) {
        return cli_fail(c, CLI_USAGE, "md: --ramp needs steps to go over");
    }
    return CLI_OK;
}

/* ---- the integrator's text ---- */

static void md_describe(const cli_settings *s, const md_targets *targets, cli_scheme *t)
{
    cli_scheme_add_real(t, "timestep", s->timestep, NULL);
    cli_scheme_add_real(t, "temperature", targets->temperature, NULL);
    cli_scheme_add(t, "pressure", targets->pressure, "pressure");
    cli_scheme_add(t, "coupling", s->coupling, "coupling");
    cli_scheme_add(t, "friction", s->friction, "friction");
    cli_scheme_add(t, "tau_t", s->tau_t, "tau-t");
    cli_scheme_add(t, "tau_p", s->tau_p, "tau-p");
    if (targets->temperature_change != 0.0) {
        cli_scheme_add_real(t, "temperature_change", targets->temperature_change, "ramp temp");
    }
    if (targets->pressure_change != 0.0) {
        cli_scheme_add_real(t, "pressure_change", targets->pressure_change, "ramp pressure");
    }
    if (s->ramp) {
        cli_scheme_add_real(t, "ramp", (double)s->steps, "ramp");
    }
}

/* The text of the integrator for all that was asked for. */
static int md_integrator(cli *c, const cli_settings *s, const md_targets *targets, cli_scheme *out)
{
    const char *name = NULL;
    int code = md_choose(c, s, &name);
    code = code ? code : cli_scheme_begin(c, "md", name, out);
    if (!code) {
        md_describe(s, targets, out);
        code = out->code;
    }
    return code;
}

static int md_run(cli *c, const cli_settings *s)
{
    static const ath_velocities how[] = {
        [CLI_VELOCITIES_AUTO] = ATH_VELOCITIES_MISSING,
        [CLI_VELOCITIES_NEW] = ATH_VELOCITIES_THERMAL,
        [CLI_VELOCITIES_KEEP] = ATH_VELOCITIES_KEEP,
    };
    static const unsigned positions[] = {0, ATH_EXTXYZ_WRAPPED,
                                         ATH_EXTXYZ_WRAPPED | ATH_EXTXYZ_UNWRAPPED};
    md_targets targets = {.temperature = s->temperature, .pressure = s->pressure};
    cli_scheme text;
    cli_run_stage stage = {.name = "md", .config = ath_dynamics_defaults()};
    const cli_run_plan plan = {
        .command = &cli_command_md,
        .stages = &stage,
        .n_stages = 1,
        .refill = CLI_REFILL,
        .what = ATH_EXTXYZ_FORCES | ATH_EXTXYZ_FIXED | ATH_EXTXYZ_VELOCITIES,
        .frame = positions[s->positions],
        .every = s->every,
        .log = s->log,
        .timestep = s->timestep,
        .per_system = s->per_system != 0,
    };
    int code = cli_guards_check(c, "md", &s->guards);
    code = code ? code : md_ramp(c, s, &targets);
    code = code ? code : md_integrator(c, s, &targets, &text);
    if (code) {
        return code;
    }
    stage.integrator = text.text;
    stage.config.n_steps = s->steps;
    stage.config.seed = s->seed;
    stage.config.velocities = how[s->velocities];
    stage.config.temperature = targets.temperature;
    cli_guards(&s->guards, &stage.config);
    return cli_run(c, s, &plan);
}

const cli_command cli_command_md = {
    .name = "md",
    .bit = CLI_MD,
    .operands = "IN...",
    .summary = "molecular dynamics: constant energy, temperature, pressure",
    .about =
        "Moves every structure, all structures in one batch: at constant energy (nve), "
        "temperature\n"
        "(nvt: langevin, nose_hoover, csvr), temperature and pressure (npt: npt, crescale), or\n"
        "enthalpy and pressure (nph). Velocities are drawn from the Maxwell-Boltzmann "
        "distribution\n"
        "for structures that have none.\n"
        "IN is any number of extended XYZ files, patterns ('runs/*.xyz'), '-' for standard input, "
        "or\n"
        "slices of a file (a.xyz@0:10). Writes DIR/final.extxyz in input order, traj.extxyz, "
        "thermo.csv,\n"
        "results.csv and run.log.",
    .run = md_run,
};
