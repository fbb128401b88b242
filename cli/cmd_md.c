/* athanor md: molecular dynamics at constant energy (velocity Verlet) of every structure. */
#include "run.h"

static int md_run(cli *c, const cli_settings *s)
{
    static const ath_velocities how[] = {
        [CLI_VELOCITIES_AUTO] = ATH_VELOCITIES_MISSING,
        [CLI_VELOCITIES_NEW] = ATH_VELOCITIES_THERMAL,
        [CLI_VELOCITIES_KEEP] = ATH_VELOCITIES_KEEP,
    };
    char integrator[64];
    cli_run_stage stage = {
        .name = "md",
        .integrator = integrator,
        .config = ath_dynamics_defaults(),
    };
    const cli_run_plan plan = {
        .command = &cli_command_md,
        .stages = &stage,
        .n_stages = 1,
        .refill = CLI_REFILL,
        .what = ATH_EXTXYZ_FORCES | ATH_EXTXYZ_FIXED | ATH_EXTXYZ_VELOCITIES,
        .every = s->every,
        .per_system = s->per_system != 0,
    };
    snprintf(integrator, sizeof integrator, "nve:timestep=%.17g", s->timestep);
    stage.config.n_steps = s->steps;
    stage.config.seed = s->seed;
    stage.config.velocities = how[s->velocities];
    stage.config.temperature = s->temperature;
    return cli_run(c, s, &plan);
}

const cli_command cli_command_md = {
    .name = "md",
    .bit = CLI_MD,
    .operands = "IN...",
    .summary = "molecular dynamics at constant energy",
    .about = "Moves every structure by velocity Verlet at constant energy, all structures in one "
             "batch.\n"
             "Velocities are drawn from the Maxwell-Boltzmann distribution for structures that "
             "have none.\n"
             "IN is any number of extended XYZ files, patterns ('runs/*.xyz'), '-' for standard "
             "input, or\n"
             "slices of a file (a.xyz@0:10). Writes DIR/final.extxyz in input order, traj.extxyz,\n"
             "results.csv and run.log.",
    .run = md_run,
};
