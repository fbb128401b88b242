/* athanor relax: an optimizer on every structure until no free atom feels more than fmax and, where
 * the cell relaxes, no more than smax is left of its stress.
 */
#include <string.h>

#include "run.h"

static const char *const relax_optimizers[] = {"fire", "fire2", "lbfgs", NULL};

static bool relax_is_optimizer(const char *text)
{
    const size_t n = strcspn(text, ":");
    for (int i = 0; relax_optimizers[i]; i++) {
        if (strlen(relax_optimizers[i]) == n && !strncmp(relax_optimizers[i], text, n)) {
            return true;
        }
    }
    return false;
}

/* The text of the optimizer, with the cell as it was asked for. */
static int relax_optimizer(cli *c, const cli_settings *s, cli_scheme *out)
{
    static const char *const cells[] = {"none", "full", "iso", "shape"};
    const int code = cli_scheme_begin(c, "relax", s->integrator, out);
    if (code) {
        return code;
    }
    if (out->options && !relax_is_optimizer(s->integrator)) {
        return cli_fail(c, CLI_USAGE, "relax: '%s' is not an optimizer (try md)", s->integrator);
    }
    const bool moves = s->cell > 0 || strstr(s->integrator, "cell=");
    if (s->pressure && !moves) {
        return cli_fail(c, CLI_USAGE, "relax: --pressure needs a cell that moves (--cell full)");
    }
    if (s->cell > 0) {
        cli_scheme_add(out, "cell", cells[s->cell], "cell");
    }
    cli_scheme_add(out, "pressure", s->pressure, "pressure");
    return out->code;
}

static int relax_run(cli *c, const cli_settings *s)
{
    cli_scheme text;
    cli_run_stage stage = {
        .name = "relax",
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
    int code = cli_guards_check(c, "relax", &s->guards);
    code = code ? code : relax_optimizer(c, s, &text);
    if (code) {
        return code;
    }
    stage.integrator = text.text;
    stage.convergence.smax = strstr(text.text, "cell=") ? s->smax : 0.0;
    stage.config.n_steps = s->steps;
    stage.config.seed = s->seed;
    stage.config.velocities = ATH_VELOCITIES_ZERO;
    stage.config.assess_on_entry = true;
    stage.config.stop_at_limit = true;
    cli_guards(&s->guards, &stage.config);
    return cli_run(c, s, &plan);
}

const cli_command cli_command_relax = {
    .name = "relax",
    .bit = CLI_RELAX,
    .operands = "IN...",
    .summary = "move atoms, and cells, until forces and stresses are small",
    .about = "Relaxes every structure, all structures in one batch; each stops when it is done. "
             "With --cell\n"
             "the cell relaxes, too, of structures that are periodic along all three vectors.\n"
             "IN is any number of extended XYZ files, patterns ('runs/*.xyz'), '-' for standard\n"
             "input, or slices of a file (a.xyz@0:10). Writes DIR/final.extxyz in input order, "
             "results.csv,\n"
             "run.log and, with --every, traj.extxyz.",
    .run = relax_run,
};
