/* athanor static: energies, forces and stresses of the structures as they are. */
#include "run.h"

static int static_run(cli *c, const cli_settings *s)
{
    cli_run_stage stage = {.name = "static", .config = ath_dynamics_defaults()};
    const cli_run_plan plan = {
        .command = &cli_command_static,
        .stages = &stage,
        .n_stages = 1,
        .refill = CLI_REFILL,
        .what = ATH_EXTXYZ_FORCES | ATH_EXTXYZ_FIXED | ATH_EXTXYZ_VELOCITIES,
        .sparse_velocities = true,
        .table = true,
    };
    stage.config.n_steps = 0;
    stage.config.seed = s->seed;
    return cli_run(c, s, &plan);
}

const cli_command cli_command_static = {
    .name = "static",
    .bit = CLI_STATIC,
    .operands = "IN...",
    .summary = "energies, forces and stresses of structures as they are",
    .about = "Computes every structure once and prints a table: energy, largest force, pressure. "
             "IN is any\n"
             "number of extended XYZ files, patterns ('runs/*.xyz'), '-' for standard input, or "
             "slices of a\n"
             "file (a.xyz@0:10). The table is aligned on a terminal, else separated by tabs. With "
             "--out the\n"
             "structures with forces and stresses are written to DIR/final.extxyz, too.",
    .run = static_run,
};
