/* athanor relax: FIRE on every structure until no free atom feels more than fmax. Cells stay as
 * they are.
 */
#include "run.h"

static int relax_run(cli *c, const cli_settings *s)
{
    cli_run_stage stage = {
        .name = "relax",
        .integrator = "fire",
        .config = ath_dynamics_defaults(),
        .convergence = {.size = sizeof(ath_convergence), .fmax = s->fmax},
    };
    const cli_run_plan plan = {
        .command = &cli_command_relax,
        .stages = &stage,
        .n_stages = 1,
        .refill = CLI_REFILL,
        .what = ATH_EXTXYZ_FORCES | ATH_EXTXYZ_FIXED,
        .every = s->every,
    };
    stage.config.n_steps = s->steps;
    stage.config.seed = s->seed;
    stage.config.velocities = ATH_VELOCITIES_ZERO;
    stage.config.assess_on_entry = true;
    stage.config.stop_at_limit = true;
    return cli_run(c, s, &plan);
}

const cli_command cli_command_relax = {
    .name = "relax",
    .bit = CLI_RELAX,
    .operands = "IN...",
    .summary = "move atoms until the forces are small",
    .about = "Relaxes the atoms of every structure (FIRE), all structures in one batch; each stops "
             "when it\n"
             "is done. IN is any number of extended XYZ files, patterns ('runs/*.xyz'), '-' for "
             "standard\n"
             "input, or slices of a file (a.xyz@0:10). Writes DIR/final.extxyz in input order, "
             "results.csv,\n"
             "run.log and, with --every, traj.extxyz.",
    .run = relax_run,
};
