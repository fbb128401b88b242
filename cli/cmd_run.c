/* athanor run: a job file, with the command line laid over it. */
#include <string.h>

#include <athanor/units.h>

#include "run.h"

/* Integrators that look for a minimum: the velocities that they leave behind mean nothing. */
static const char *const plan_optimizers[] = {"fire", "fire2", "lbfgs", NULL};

static bool plan_is_dynamics(const char *integrator)
{
    const size_t n = strcspn(integrator, ":");
    for (int i = 0; plan_optimizers[i]; i++) {
        if (strlen(plan_optimizers[i]) == n && strncmp(plan_optimizers[i], integrator, n) == 0) {
            return false;
        }
    }
    return true;
}

/* smax is a criterion as any other: in the configuration's own member, and alone, it would bring a
 * default of fmax along. */
static void plan_until(const cli_job_until *until, cli_run_stage *out)
{
    int32_t n = 0;
    if (until->smax >= 0.0) {
        out->criteria[n++] = (ath_criterion){.field = ATH_FIELD_SMAX,
                                             .reduce = ATH_REDUCE_MAXABS,
                                             .dim = -1,
                                             .threshold = until->smax / ATH_GPA_PER_EV_A3};
    }
    if (until->energy_change >= 0.0) {
        out->criteria[n++] = (ath_criterion){.field = ATH_FIELD_ENERGY_CHANGE,
                                             .reduce = ATH_REDUCE_MAXABS,
                                             .dim = -1,
                                             .threshold = until->energy_change};
    }
    if (until->fmax >= 0.0 || n > 0) {
        out->convergence.size = sizeof(ath_convergence);
        out->convergence.fmax = until->fmax >= 0.0 ? until->fmax : 0.0;
        out->convergence.criteria = out->criteria;
        out->convergence.n_criteria = n;
    }
}

static void plan_stage(const cli_job *job, const cli_job_stage *from, cli_run_stage *out)
{
    *out = (cli_run_stage){
        .name = from->name, .integrator = from->integrator, .config = ath_dynamics_defaults()};
    out->config.n_steps = from->steps == CLI_UNSET ? ATH_UNSET : from->steps;
    out->config.velocities = (ath_velocities)from->velocities;
    out->config.temperature = from->temperature >= 0.0 ? from->temperature : 0.0;
    out->config.seed = cli_job_seed(job, from);
    out->config.remove_momentum = from->remove_momentum != 0;
    out->config.remove_rotation = from->remove_rotation != 0;
    out->config.exact_temperature = from->exact_temperature != 0;
    out->config.hold_centre = from->hold_centre != 0;
    out->config.assess_on_entry = from->assess_on_entry != 0;
    out->config.stop_at_limit = from->at_limit == CLI_JOB_STOP;
    cli_guards(&job->limits.guards, &out->config);
    plan_until(&from->until, out);
}

int cli_plan_job(cli *c, const cli_command *command, const cli_job *job, cli_settings *s,
                 cli_run_plan *out)
{
    *out = (cli_run_plan){
        .command = command,
        .max_edges = job->limits.edges,
        .refill = job->refill,
        .job = job,
        .per_system = job->per_system != 0,
        .job_input = s->n_inputs < 2,
        .what = ATH_EXTXYZ_FORCES | ATH_EXTXYZ_FIXED,
        .sparse_velocities = true,
    };
    if (!cli_resize(c, &out->stages, 0, job->n_stages * sizeof *out->stages)) {
        return cli_fail(c, CLI_INTERNAL, "out of memory");
    }
    out->n_stages = job->n_stages;
    for (size_t i = 0; i < job->n_stages; i++) {
        plan_stage(job, &job->stages[i], &out->stages[i]);
    }
    if (plan_is_dynamics(job->stages[job->n_stages - 1].integrator)) {
        out->what |= ATH_EXTXYZ_VELOCITIES;
    }
    s->model = job->model;
    s->out = job->out;
    s->device = job->device;
    s->seed = job->seed;
    s->threads = job->threads;
    s->max_systems = job->limits.systems;
    s->max_atoms = job->limits.atoms;
    s->strict = job->strict;
    s->overwrite = job->overwrite;
    s->inputs = job->input;
    s->n_inputs = (int)job->n_input;
    return CLI_OK;
}

void cli_plan_free(cli *c, cli_run_plan *plan)
{
    (void)cli_resize(c, &plan->stages, plan->n_stages * sizeof *plan->stages, 0);
    plan->n_stages = 0;
}

static int run_job(cli *c, const cli_settings *given)
{
    cli_settings s = *given;
    cli_job job = {0};
    cli_run_plan plan = {0};
    if (s.n_inputs == 0) {
        return cli_fail(c, CLI_USAGE, "run: no job file (try --help)");
    }
    int code = cli_job_read(c, s.inputs[0], &job);
    code = code ? code : cli_job_override(c, &s, &job);
    code = code ? code : cli_plan_job(c, &cli_command_run, &job, &s, &plan);
    code = code ? code : cli_run(c, &s, &plan);
    cli_plan_free(c, &plan);
    cli_job_free(c, &job);
    return code;
}

const cli_command cli_command_run = {
    .name = "run",
    .bit = CLI_RUN,
    .operands = "JOB.yaml [IN...]",
    .summary = "a whole job from a file: several stages, hooks, limits",
    .about =
        "Takes every structure through the stages of the job file, all structures in one batch, "
        "whatever\n"
        "stage each of them is in. Options and IN... replace what the file says; docs/job-file.md "
        "is the\n"
        "manual of the file, 'athanor check JOB.yaml' says what a job would do. IN is any number "
        "of extended\n"
        "XYZ files, patterns ('runs/*.xyz'), '-' for standard input, or slices of a file "
        "(a.xyz@0:10). Writes\n"
        "DIR/final.extxyz in input order, results.csv, run.log, job.json, job.yaml (the job as it "
        "was run),\n"
        "and what hooks and sinks write.",
    .run = run_job,
};
